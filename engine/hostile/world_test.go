// Package hostile_test attacks whole applications over HTTP: requests that
// nobody would write, subjects that look for what is not theirs, clients that
// race. What must hold is said by the tests' names; how a request came
// about is reproduced from the seed that a failure prints:
//
//	go test ./engine/hostile -run TestNoRequestBreaksAnything -seed 42
//	go test ./engine/hostile -fuzz FuzzRequests
package hostile_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run this seed alone")
	seedsFlag = flag.Uint64("seeds", 1, "run so many seeds")
)

// noon is when everything happens.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// world is an application that runs on one store.
type world struct {
	*enginetest.App
	log  *journal
	tags map[string]string // the last entity tag seen at a target
}

// journal keeps what the application logs. It is safe for concurrent use.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// alarm returns the lines that no request may cause.
func (j *journal) alarm() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var bad []string
	for line := range strings.Lines(j.text.String()) {
		if strings.Contains(line, "level=ERROR") && !strings.Contains(line, "status=501") || strings.Contains(line, "panic") {
			bad = append(bad, line)
		}
	}
	j.text.Reset()
	return strings.Join(bad, "")
}

func example(name string) fs.FS { return os.DirFS("../../examples/" + name) }

func everything() fs.FS { return os.DirFS("testdata/everything") }

// opened starts an application with a clock that stands still.
func opened(t testing.TB, folder fs.FS, onDisk bool, s engine.Settings) *world {
	s.Auth.Secret = strings.Repeat("cursor", 8) // worlds that hold the same give out the same cursors
	t.Helper()
	w := &world{log: &journal{}, tags: map[string]string{}}
	o := enginetest.Options{Settings: s, Clock: func() time.Time { return noon }, Log: w.log}
	if onDisk {
		o.Store = func(s *schema.Schema) (storage.Store, error) { return disk(t, s) }
	}
	w.App = enginetest.Open(t, folder, o)
	return w
}

func disk(t testing.TB, s *schema.Schema) (storage.Store, error) {
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"), s, sqlite.Options{Sync: "OFF"})
	if err != nil {
		return nil, err
	}
	_, err = store.Migrate(context.Background(), s, true)
	return store, err
}

// request is one request as a client sends it. In header fields and content $TAG
// is the entity tag that the same world gave for the target before.
type request struct {
	method, target, content string
	fields                  []string
	who                     int // index into subjects
}

func (r request) String() string {
	return fmt.Sprintf("%s %s as %s\n%s\n%s", r.method, r.target, subjects[r.who].name, strings.Join(r.fields, "\n"), r.content)
}

// subjects speak to every application. Roles that a schema does not know are ignored there.
var subjects = []struct {
	name, id string
	roles    []string
}{
	{"nobody", "", nil},
	{"somebody", "1", nil},
	{"agent", "2", []string{"agent", "author", "developer"}},
	{"another agent", "3", []string{"agent", "author"}},
	{"manager", "4", []string{"manager", "editor", "maintainer"}},
	{"admin", "5", []string{"admin", "editor", "owner"}},
	{"stranger", "no-such-user", []string{"agent"}},
}

const (
	nobody  = 0
	agent   = 2
	manager = 4
	admin   = 5
)

func (w *world) bearer(t testing.TB, who int) []string {
	if who == nobody {
		return nil
	}
	return []string{"Authorization: " + w.Bearer(t, subjects[who].id, subjects[who].roles...)}
}

// send sends a request. ok is false when no HTTP client could send it: net/http
// answers such requests before the application sees them.
func (w *world) send(t testing.TB, r request) (res enginetest.Response, ok bool) {
	t.Helper()
	u, err := url.ParseRequestURI(r.target)
	if err != nil || !strings.HasPrefix(r.target, "/") || r.method == "" || r.method == http.MethodConnect {
		return res, false
	}
	var content string
	tag, known := w.tags[r.target]
	if !known {
		tag = `"0.none"`
	}
	content = strings.ReplaceAll(r.content, "$TAG", strings.Trim(tag, `"`))
	req := httptest.NewRequestWithContext(context.Background(), "GET", "/", strings.NewReader(content))
	req.Method, req.URL, req.RequestURI, req.Host = r.method, u, r.target, "app.test"
	req.RemoteAddr = "127.0.0.1:1"
	req.Header.Set("X-Request-Id", "0123456789abcdef")
	for _, field := range append(w.bearer(t, r.who), r.fields...) {
		name, value, _ := strings.Cut(field, ":")
		req.Header.Add(strings.TrimSpace(name), strings.ReplaceAll(strings.TrimSpace(value), "$TAG", tag))
	}
	if content == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	} else if req.Header["Content-Type"] == nil {
		req.Header.Set("Content-Type", "application/json")
	}
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, req)
	res = enginetest.Response{Status: rec.Code, Header: rec.Result().Header, Body: rec.Body.String()}
	if tag := res.Header.Get("Etag"); tag != "" {
		w.tags[r.target] = tag
	}
	return res, true
}

func (w *world) must(t testing.TB, want int, who int, method, target, content string, fields ...string) enginetest.Response {
	t.Helper()
	res, ok := w.send(t, request{method, target, content, fields, who})
	if !ok || res.Status != want {
		t.Errorf("%s %s as %s: %d, want %d\n%s", method, target, subjects[who].name, res.Status, want, res.Body)
	}
	return res
}

var (
	uuids      = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	versions   = regexp.MustCompile(`"[0-9-]+\.([0-9a-z]+)`)
	statements = regexp.MustCompile(`"sql":\[[^]]*\]`) // each store has its own, or none
)

// shape is what two worlds that must look alike may be compared by: everything
// but random ids and the version part of entity tags.
func shape(res enginetest.Response) string {
	var b strings.Builder
	fmt.Fprintln(&b, res.Status)
	for _, name := range []string{
		"Content-Type", "Location", "Etag", "Last-Modified", "Allow", "Accept-Patch", "Vary", "Cache-Control", "Link",
		"X-Total-Count", "Preference-Applied", "Content-Location", "Www-Authenticate", "Accept", "Retry-After", "Content-Encoding",
	} {
		v := strings.Join(res.Header.Values(name), ", ")
		if name == "Etag" {
			v = versions.ReplaceAllString(v, `"V.$1`)
		}
		if v != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, uuids.ReplaceAllString(v, "UUID"))
		}
	}
	if res.Header.Get("Content-Encoding") == "" {
		b.WriteString(statements.ReplaceAllString(uuids.ReplaceAllString(res.Body, "UUID"), `"sql":[]`))
	}
	return b.String()
}

// answer serves a request that a test made itself.
func (w *world) answer(r *http.Request) (int, string) {
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, r)
	return rec.Code, uuids.ReplaceAllString(rec.Body.String(), "UUID")
}
