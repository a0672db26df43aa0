package enginetest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestRunFiles holds conversations that are right.
func TestRunFiles(t *testing.T) {
	RunFiles(t, "testdata/*.txtar", nil, Options{})
}

// witness notes what a test would have been told.
type witness struct {
	testing.TB
	said []string
}

func (w *witness) Helper() {}

func (w *witness) Errorf(format string, args ...any) {
	w.said = append(w.said, fmt.Sprintf(format, args...))
}

func (w *witness) Fatalf(format string, args ...any) {
	w.Errorf(format, args...)
	panic(w)
}

// TestRunComplains holds that what is wrong is found, and where.
func TestRunComplains(t *testing.T) {
	data, err := os.ReadFile("testdata/notes.txtar")
	if err != nil {
		t.Fatal(err)
	}
	folder := fstest.MapFS{}
	for _, f := range txtar.Parse(data).Files {
		folder[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	for _, tc := range []struct{ name, script, want string }{
		{"status", "\n> GET /api/notes/9\n< 200", "x:2: GET /api/notes/9: status 404, want 200"},
		{"field", "> GET /api/notes\n< 200\n< Content-Type: text/csv", "x:1: GET /api/notes: Content-Type: want text/csv, got application/json"},
		{"field that must be absent", "> GET /api/notes\n< 200\n< ETag: -", "ETag: want none, got "},
		{"content", "> GET /api/notes\n< 200\n[1]", "want 1 elements, got 0"},
		{"content that must be absent", "> GET /api/notes\n< 200\n(empty)", "want no content, got []"},
		{"a request without an answer", "> GET /api/notes\n\nas nobody", "x:1: no answer is expected"},
		{"a command of no meaning", "# fine\nmkae note {}", `x:2: what is "mkae note {}"?`},
		{"rows that cannot be made", "make note {\"bdy\": 1}", "make note: "},
		{"content that is no JSON", "make note {\"body\": 1} x", "make note: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			app := Open(t, folder, Options{})
			w := &witness{TB: t}
			func() {
				defer func() {
					if r := recover(); r != nil && r != any(w) {
						panic(r)
					}
				}()
				app.Run(w, "x", tc.script)
			}()
			if len(w.said) != 1 || !strings.Contains(w.said[0], tc.want) {
				t.Errorf("said %q, want %q", w.said, tc.want)
			}
		})
	}
}
