package load_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/schema/load"
)

func TestKept(t *testing.T) {
	for _, tt := range []struct {
		name, class string
		want        string // in what is found; "" is nothing
		history     string
		events      bool
		classes     int // internal ones
	}{
		{"nothing", "fields: {n: int}, allow: {all: anyone}", "", "0s false", false, 0},
		{"history", "history: true, fields: {n: int}, allow: {all: anyone}", "", "0s true", false, 1},
		{"for a time", "history: 90d, fields: {n: int}, allow: {all: anyone}", "", "2160h0m0s true", false, 1},
		{"switched off", "history: false, fields: {n: int}, allow: {all: anyone}", "", "0s false", false, 0},
		{"by a rule", "fields: {n: int}, allow: {all: anyone, history: user}", "", "0s true", false, 1},
		{"a rule without", "history: false, fields: {n: int}, allow: {all: anyone, history: user}", "E036", "", false, 0},
		{"no time", "history: often, fields: {n: int}, allow: {all: anyone}", "not a length of time", "", false, 0},
		{"events", "events: true, fields: {n: int}, allow: {all: anyone}", "", "0s false", true, 3},
		{"both", "events: true, history: true, fields: {n: int}, allow: {all: anyone}", "", "0s true", true, 4},
		{"no truth", "events: often, fields: {n: int}, allow: {all: anyone}", "E014", "", false, 0},
		{"a field undo", "history: true, fields: {undo: int}, allow: {all: anyone}", "E016", "", false, 0},
		{"an action undo", "history: true, fields: {n: int}, actions: {undo: {set: {n: 1}}}, allow: {all: anyone}", "E016", "", false, 0},
		{"an action undo without", "fields: {n: int}, actions: {undo: {set: {n: 1}}}, allow: {all: anyone}", "", "0s false", false, 0},
		{"a field history", "fields: {history: int}, allow: {all: anyone}", "E016", "", false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, found := load.FS(fstest.MapFS{"dowel.yaml": {Data: []byte("dowel: 1\nclasses:\n  thing: {" + tt.class + "}\n")}}, ".", load.Options{})
			var said []string
			for _, d := range found {
				said = append(said, d.Code+" "+d.Message+" "+d.Label+" "+d.Help)
			}
			if tt.want != "" {
				if s != nil || !strings.Contains(strings.Join(said, "\n"), tt.want) {
					t.Errorf("found %q, want %q", said, tt.want)
				}
				return
			}
			if s == nil || len(said) > 0 {
				t.Fatalf("found %q", said)
			}
			c := s.Class("thing")
			internal := 0
			for _, other := range s.Classes {
				if other.Internal {
					internal++
				}
			}
			history := c.HistoryFor.String() + map[bool]string{true: " true", false: " false"}[c.History]
			if history != tt.history || c.Events != tt.events || internal != tt.classes {
				t.Errorf("history %s, events %v, %d internal classes", history, c.Events, internal)
			}
			if changes := s.Class(load.ChangeClass); changes != nil && (changes.Expose || len(changes.Key) != 2 || changes.Table != "_dowel_changes") {
				t.Errorf("the class of changes is %+v", changes)
			}
		})
	}
}
