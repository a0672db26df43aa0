package engine_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/openapi/contract"
)

// TestNothingIsUndocumented holds every conversation against the documents that
// its application serves. Of the exact one: what succeeds was said, what is
// answered is said, and nothing is said that is not. Of the plain one: whoever
// sends what it says gets what it says.
func TestNothingIsUndocumented(t *testing.T) {
	var files []string
	for _, pattern := range []string{"testdata/*/*.txtar", "../examples/testdata/*/*.txtar"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatal(pattern, err)
		}
		files = append(files, found...)
	}
	known := map[string]*contract.Document{}
	for _, file := range files {
		kind := filepath.Base(filepath.Dir(file)) // a style, an example, or neither
		t.Run(kind+"/"+strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			settings, folder := engine.Settings{}, os.DirFS("../examples/"+kind)
			if kind == "plain" || kind == "envelope" {
				settings.Style, folder = kind, os.DirFS("../examples/crm")
			}
			if len(archive.Files) > 0 {
				all := fstest.MapFS{}
				for _, f := range archive.Files {
					all[f.Name] = &fstest.MapFile{Data: f.Data}
				}
				folder = all
			}
			app := enginetest.Open(t, folder, enginetest.Options{Settings: settings, Work: kind == "jobs"})
			documents := []*contract.Document{contractOf(t, app, "/openapi.json", known), contractOf(t, app, "/openapi-3.0.json", known)}
			engine.Behind(app.Engine, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					x := exchangeOf(t, next, r)
					for _, d := range documents {
						if err := d.Hold(x); err != nil {
							t.Errorf("%s: %s %s answered %d: %v\n%s\n%s", d, r.Method, r.RequestURI, x.Status, err, x.Sent, x.Body)
						}
					}
					pass(w, x)
				})
			})
			app.Run(t, file, string(archive.Comment))
		})
	}
}

func exchangeOf(t *testing.T, next http.Handler, r *http.Request) *contract.Exchange {
	t.Helper()
	x := &contract.Exchange{Request: r}
	if r.Body != nil {
		var err error
		if x.Sent, err = io.ReadAll(r.Body); err != nil {
			t.Fatal(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(x.Sent))
	}
	w := httptest.NewRecorder()
	next.ServeHTTP(w, r)
	x.Status, x.Header, x.Body = w.Code, w.Result().Header, w.Body.Bytes()
	return x
}

func pass(w http.ResponseWriter, x *contract.Exchange) {
	for name, values := range x.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(x.Status)
	_, _ = w.Write(x.Body)
}

// contractOf reads a document, unless it is one of those known.
func contractOf(t *testing.T, app *enginetest.App, path string, known map[string]*contract.Document) *contract.Document {
	t.Helper()
	res := app.Do(t, "GET", path, "")
	if res.Status != 200 {
		t.Fatal(path, res.Status, res.Body)
	}
	if known[res.Body] == nil {
		d, err := contract.Read([]byte(res.Body), app.Schema())
		if err != nil {
			t.Fatal(err)
		}
		known[res.Body] = d
	}
	return known[res.Body]
}
