package engine_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/engine"
)

const shelf = "dowel: 1\nclasses:\n  book: {fields: {title: string}, allow: {all: anyone}}\n"

// A program may serve without the command line: in a folder, or with files of its own.
func TestServingWithoutTheCommandLine(t *testing.T) {
	folder := t.TempDir()
	below := filepath.Join(folder, "cmd", "server")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "dowel.yaml"), []byte(shelf), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Run("found above, with a file for the rows", func(t *testing.T) {
		t.Chdir(below)
		t.Setenv("DOWEL_DB", "")
		for range 2 {
			e, err := engine.New(engine.With(func(s *engine.Settings) { s.Mount = "/v1" })).Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "/v1/books", strings.NewReader(`{"title": "x"}`))
			r.Header.Set("Content-Type", "application/json")
			e.Handler().ServeHTTP(w, r)
			if w.Code != http.StatusCreated {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Stat(filepath.Join(folder, "data", "app.db")); err != nil {
			t.Error(err)
		}
	})
	t.Run("files of its own", func(t *testing.T) {
		t.Setenv("DOWEL_DB", "memory:")
		w := httptest.NewRecorder()
		engine.New(engine.FS(fstest.MapFS{"dowel.yaml": {Data: []byte(shelf)}})).Handler().
			ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/books", nil))
		if w.Code != http.StatusOK || w.Body.String() != "[]" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	for _, tt := range []struct{ name, db, yaml, config, want string }{
		{"a database of no kind", "oracle:x", shelf, "", `"oracle:" is no database`},
		{"a schema with a mistake", "memory:", strings.Replace(shelf, "string", "strng", 1), "", "strng"},
		{"no key for tokens", "memory:", "dowel: 1\nclasses:\n  u: {auth: {login: e, secret: p}, fields: {e: email unique, p: password}, allow: {all: user}}\n", "", "DOWEL_AUTH__SECRET"},
		{"settings in a file", "memory:", shelf, "mount: /x\n", "config.yaml is for cli.Main"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("DOWEL_DB", tt.db)
			t.Setenv("DOWEL_AUTH__SECRET", "")
			files := fstest.MapFS{"dowel.yaml": {Data: []byte(tt.yaml)}}
			if tt.config != "" {
				files["config.yaml"] = &fstest.MapFile{Data: []byte(tt.config)}
			}
			defer func() {
				if p, _ := recover().(string); !strings.Contains(p, tt.want) {
					t.Errorf("%q\nwant %q", p, tt.want)
				}
			}()
			engine.New(engine.FS(files)).Handler()
		})
	}
	t.Run("nothing to be found", func(t *testing.T) {
		if _, err := engine.New(engine.Folder(t.TempDir())).Open(t.Context()); err == nil || !strings.Contains(err.Error(), "dowel.yaml") {
			t.Errorf("%v", err)
		}
	})
}
