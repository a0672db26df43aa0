package load_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema/load"
)

func TestListOfFiles(t *testing.T) {
	fsys := fstest.MapFS{
		"app/dowel.yaml":   {Data: []byte("dowel: 1\ninclude: [parts/*.yaml, missing.yaml]\n")},
		"app/parts/a.yaml": {Data: []byte("classes: {}\n")},
		"app/parts/b.yaml": {Data: []byte("classes: [\n")},
		"app/other.yaml":   {Data: []byte("classes: {}\n")},
	}
	want := []string{"app/dowel.yaml", "app/parts/a.yaml", "app/parts/b.yaml"}
	if diff := cmp.Diff(want, load.Files(fsys, "app")); diff != "" {
		t.Error(diff)
	}
	if got := load.Files(fsys, "nowhere"); got != nil {
		t.Error(got)
	}
}
