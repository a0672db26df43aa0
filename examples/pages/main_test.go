package main

import (
	"os"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/enginetest/onstores"
)

func TestMain(m *testing.M) { os.Exit(onstores.Main(m)) }

func TestGuestBook(t *testing.T) {
	onstores.Run(t, func(t *testing.T, open onstores.Open) {
		app := enginetest.Open(t, os.DirFS("."), enginetest.Options{App: program(), Store: open})
		form := "Content-Type: application/x-www-form-urlencoded"
		for _, step := range []struct {
			name, method, path, content string
			fields                      []string
			status                      int
			want                        string
		}{
			{"an empty book", "GET", "/book", "", nil, 200, "Nobody was here yet."},
			{"a form", "POST", "/book", "name=Ann&text=" + "It+%3Cb%3Erained", []string{form}, 303, ""},
			{"what was written is text", "GET", "/book", "", nil, 200, "<h2>Ann</h2><p>It &lt;b&gt;rained</p>"},
			{"a form with a mistake", "POST", "/book", "name=" + strings.Repeat("x", 61) + "&text=kept", []string{form}, 422, `<textarea name="text">kept</textarea>`},
			{"the API beside it", "GET", "/api/entries?fields=name", "", nil, 200, `[{"id":1,"name":"Ann"}]`},
			{"neither", "GET", "/bok", "", nil, 404, "not-found"},
			{"what pages do not do", "DELETE", "/book", "", nil, 405, "method-not-allowed"},
		} {
			t.Run(step.name, func(t *testing.T) {
				res := app.Do(t, step.method, step.path, step.content, step.fields...)
				if res.Status != step.status || !strings.Contains(res.Body, step.want) {
					t.Errorf("%d %v %s\nwant %d with %s", res.Status, res.Header, res.Body, step.status, step.want)
				}
				if ct := res.Header.Get("Content-Type"); step.path == "/book" && step.status == 200 && !strings.HasPrefix(ct, "text/html") {
					t.Errorf("Content-Type %q", ct)
				}
			})
		}
	})
}
