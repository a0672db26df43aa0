package cli

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/explain"
	"github.com/dowel-dev/dowel/schema/load"
)

// TestRoutesAreServed holds that what `routes` lists is what requests are taken for.
func TestRoutesAreServed(t *testing.T) {
	for _, app := range []string{"minimal", "crm", "blog"} {
		s, found := load.FS(os.DirFS("../../examples/"+app), ".", load.Options{})
		if s == nil {
			t.Fatal(found)
		}
		served(t, s)
	}
	s, found := load.FS(os.DirFS("testdata/bulkless"), ".", load.Options{})
	if s == nil {
		t.Fatal(found)
	}
	served(t, s)
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

func served(t *testing.T, s *schema.Schema) {
	t.Helper()
	p := &request.Parser{Schema: s, Mount: "/api"}
	for _, c := range s.Classes {
		for _, route := range explain.Routes(c) {
			path := "/api" + placeholder.ReplaceAllString(route.Path, "1")
			r, err := http.NewRequest(route.Method, "http://app.test"+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			methods, err := p.Allow(r)
			if err != nil || !slices.Contains(methods, route.Method) {
				t.Errorf("%s %s is listed, but %s offers %v (%v)", route.Method, route.Path, path, methods, err)
			}
		}
	}
}

func TestWho(t *testing.T) {
	r := &run{out: io.Discard, err: io.Discard}
	p, err := r.load("../../examples/crm", false)
	if err != nil {
		t.Fatal(err)
	}
	for verb, want := range map[string]string{"list": "agent", "update": "author", "delete": "author, manager", "restore": "nobody"} {
		if got := p.who(p.schema.Class("note"), verb); got != want {
			t.Errorf("%s: %s, not %s", verb, got, want)
		}
	}
}
