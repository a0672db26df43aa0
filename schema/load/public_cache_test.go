package load_test

import (
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/schema/load"
)

// Shared caches are for what everybody sees alike, whatever else some may do.
func TestPublicCache(t *testing.T) {
	for _, tc := range []struct {
		name, allow string
		fits        bool
	}{
		{"everybody reads", "{read: anyone}", true},
		{"some may do more", "{read: anyone, all: admin}", true},
		{"some see more rows", "{read: anyone where live, all: admin}", false},
		{"everybody sees the same rows", "{read: anyone where live, create: admin}", true},
		{"some read", "{read: user}", false},
		{"one's own rows", "{read: anyone where title = me.id}", false},
		{"nobody reads", "{create: admin}", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, found := load.FS(fstest.MapFS{"dowel.yaml": {Data: []byte("dowel: 1\nroles: {admin: All.}\nclasses:\n  post:\n    cache: public 5m\n    fields: {title: string, live: bool}\n    allow: " + tc.allow + "\n")}}, ".", load.Options{})
			refused := false
			for _, d := range found {
				refused = refused || d.Code == "E037"
			}
			if refused == tc.fits {
				t.Errorf("refused: %t; %v", refused, found)
			}
		})
	}
}
