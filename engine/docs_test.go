package engine_test

import (
	"html"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/docs"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/sample"
	"github.com/dowel-dev/dowel/schema/load"
)

func openExample(t *testing.T, name string, s engine.Settings) *enginetest.App {
	t.Helper()
	return enginetest.Open(t, os.DirFS("../examples/"+name), enginetest.Options{Settings: s})
}

func TestDocs(t *testing.T) {
	app := openExample(t, "crm", engine.Settings{Style: "plain"})
	page := app.Do(t, "GET", "/docs", "")
	tag := page.Header.Get("Etag")
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": docs.Policy, "Cache-Control": "no-cache",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Vary": "Accept-Encoding", "Content-Encoding": "",
	} {
		if got := page.Header.Get(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	if page.Status != 200 || tag == "" || !strings.HasPrefix(page.Body, "<!DOCTYPE html>") {
		t.Fatal(page.Status, tag)
	}
	if with := app.Do(t, "GET", "/docs", "", "Authorization: "+app.Bearer(t, "1", "admin")); with.Body != page.Body {
		t.Error("the page depends on who asks")
	}
	tests := []struct {
		name, method, target string
		fields               []string
		status               int
		header, value        string
	}{
		{"a final slash", "GET", "/docs/", nil, 200, "Etag", tag},
		{"HEAD", "HEAD", "/docs", nil, 200, "Content-Length", page.Header.Get("Content-Length")},
		{"unchanged", "GET", "/docs", []string{"If-None-Match: " + tag}, 304, "Etag", tag},
		{"unchanged, weak, among others", "HEAD", "/docs", []string{`If-None-Match: "x", W/` + tag}, 304, "Cache-Control", "no-cache"},
		{"unchanged, compressed", "GET", "/docs", []string{"If-None-Match: " + tag[:len(tag)-1] + `-zstd"`}, 304, "Etag", tag[:len(tag)-1] + `-zstd"`},
		{"anything", "GET", "/docs", []string{"If-None-Match: *"}, 304, "Vary", "Accept-Encoding"},
		{"changed", "GET", "/docs", []string{`If-None-Match: "x"`}, 200, "Etag", tag},
		{"no coding left", "GET", "/docs", []string{"Accept-Encoding: identity;q=0, br"}, 406, "Content-Type", "application/problem+json"},
		{"OPTIONS", "OPTIONS", "/docs", nil, 204, "Allow", "GET, HEAD, OPTIONS"},
		{"POST", "POST", "/docs", nil, 405, "Allow", "GET, HEAD, OPTIONS"},
		{"POST as a problem", "POST", "/docs", nil, 405, "Content-Type", "application/problem+json"},
		{"bad credentials", "GET", "/docs", []string{"Authorization: Bearer x"}, 401, "Content-Type", "application/problem+json"},
		{"below", "GET", "/docs/style.css", nil, 404, "Content-Type", "application/problem+json"},
		{"no member of the API", "GET", "/api/docs", nil, 404, "Content-Type", "application/problem+json"},
		{"the links", "GET", "/", nil, 200, "Link", `</api/health>; rel="status", </docs>; rel="service-doc", </openapi.json>; rel="service-desc"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := app.Do(t, tt.method, tt.target, "", tt.fields...)
			if res.Status != tt.status || res.Header.Get(tt.header) != tt.value {
				t.Errorf("%d, %s: %s", res.Status, tt.header, res.Header.Get(tt.header))
			}
			if (tt.method == "HEAD" || tt.status == 304) && len(res.Body) > 0 {
				t.Error("there is content")
			}
		})
	}
}

func TestDocsAreCompressed(t *testing.T) {
	app := openExample(t, "crm", engine.Settings{})
	page := app.Do(t, "GET", "/docs", "")
	for coding, unpack := range map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		for range 2 { // the second comes from what was kept
			res := app.Do(t, "GET", "/docs", "", "Accept-Encoding: "+coding)
			r, err := unpack(strings.NewReader(res.Body))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r)
			if err != nil || string(body) != page.Body {
				t.Errorf("%s: the page is another one (%v)", coding, err)
			}
			if res.Header.Get("Content-Encoding") != coding || res.Header.Get("Etag") == page.Header.Get("Etag") || len(res.Body) > len(body)/3 {
				t.Error(coding, res.Header, len(res.Body))
			}
		}
	}
}

func TestDocsCanBeSwitchedOff(t *testing.T) {
	app := openExample(t, "crm", engine.Settings{NoDocs: true})
	if res := app.Do(t, "GET", "/docs", ""); res.Status != 404 || strings.Contains(res.Body, "customer") {
		t.Error(res.Status, res.Body)
	}
	if res := app.Do(t, "GET", "/", ""); strings.Contains(res.Body+res.Header.Get("Link"), "docs") {
		t.Error(res.Body, res.Header)
	}
}

func TestDocsGiveWayToTheAPI(t *testing.T) {
	for mount, want := range map[string]int{"/": 200, "/docs": 0, "/docs/v1": 200, "/a/b": 200} {
		app := openExample(t, "minimal", engine.Settings{Mount: mount})
		res := app.Do(t, "GET", "/docs", "")
		html := strings.HasPrefix(res.Header.Get("Content-Type"), "text/html")
		if html != (want == 200) {
			t.Errorf("%s: %d %s", mount, res.Status, res.Header.Get("Content-Type"))
		}
	}
}

func TestDocsFollowTheSchema(t *testing.T) {
	app := openExample(t, "minimal", engine.Settings{})
	before := app.Do(t, "GET", "/docs", "")
	other := fstest.MapFS{"dowel.yaml": {Data: []byte("dowel: 1\nclasses: {task: {doc: Whether anybody cares., fields: {title: string}, allow: {read: anyone}}}\n")}}
	s, found := load.FS(other, ".", load.Options{})
	if s == nil {
		t.Fatal(found)
	}
	rules, found := authz.New(s, other)
	if rules == nil {
		t.Fatal(found)
	}
	if err := app.Reload(s, rules); err != nil {
		t.Fatal(err)
	}
	after := app.Do(t, "GET", "/docs", "")
	if before.Header.Get("Etag") == after.Header.Get("Etag") || !strings.Contains(after.Body, "Whether anybody cares") {
		t.Error("the page is still the old one")
	}
}

var (
	curlLine   = regexp.MustCompile(`curl -s(?: -X ([A-Z]+))?( -H "\$AUTH")?(?: --json '((?:[^']|'\\'')*)')?(?: |\s*\\\n  )"\$HOST([^"]*)"`)
	examplesOf = regexp.MustCompile(`below ask <code>([^<]+)</code>`)
	queryRow   = regexp.MustCompile(`<tr><th scope="row"><code>([^<]+=[^<]*)</code></th>`)
)

// TestDocsExamplesWork sends every example of the pages to the application they
// are about: each must be understood, even where there is no such record.
func TestDocsExamplesWork(t *testing.T) {
	for name, role := range map[string]string{"crm": "admin", "blog": "editor", "ratings": "", "iso": "maintainer", "minimal": "", "tracker": "user"} {
		t.Run(name, func(t *testing.T) {
			app := openExample(t, name, engine.Settings{})
			if org := app.Schema().Tenant; org != nil { // examples are inside of an organization
				app.Make(t, "user", `[{"email": "ann@a.test", "password": "ann-secret", "name": "Ann"}, {"email": "bob@a.test", "password": "bob-secret", "name": "Bob"}]`)
				app.Make(t, "org", `{"slug": "`+sample.ID(org.Class)+`", "name": "Acme"}`)
				for _, user := range []string{"2", "1"} { // the examples change the first membership
					app.Make(t, "membership", `{"org": "`+sample.ID(org.Class)+`", "user": `+user+`, "role": "owner"}`)
				}
			}
			page := html.UnescapeString(app.Do(t, "GET", "/docs", "").Body)
			var fields []string
			if role != "" {
				fields = []string{"Authorization: " + app.Bearer(t, "1", role)}
			}
			lines := curlLine.FindAllStringSubmatch(page, -1)
			if len(lines) < 4 {
				t.Fatal("there are no examples")
			}
			for _, m := range lines {
				method, body, target := m[1], strings.ReplaceAll(m[3], `'\''`, "'"), m[4]
				if strings.Contains(target, "/auth/") {
					continue // what stands there is an ellipsis
				}
				sent := fields
				if method == "" {
					method = "GET"
				}
				if body != "" {
					sent = append([]string{"Content-Type: application/json"}, fields...)
					if method == "GET" {
						method = "POST"
					}
				}
				understood(t, app.Do(t, method, target, body, sent...), method+" "+target+" "+body)
			}
			asked := examplesOf.FindStringSubmatch(page)
			if asked == nil {
				t.Fatal("it is not said what the examples ask")
			}
			rows := 0
			for _, id := range []string{"filters", "options", "formats"} {
				_, part, _ := strings.Cut(page, `id="`+id+`"`)
				part, _, _ = strings.Cut(part, "</section>")
				for _, m := range queryRow.FindAllStringSubmatch(part, -1) {
					rows++
					target := asked[1] + "?" + strings.NewReplacer(" ", "+", "<", "%3C", ">", "%3E").Replace(m[1])
					understood(t, app.Do(t, "GET", target, "", fields...), target)
				}
			}
			if rows < 10 {
				t.Errorf("there are %d rows", rows)
			}
		})
	}
}

func understood(t *testing.T, res enginetest.Response, what string) {
	t.Helper()
	switch res.Status {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent, http.StatusNotFound, http.StatusNotImplemented:
		return
	case http.StatusConflict:
		if !strings.Contains(res.Body, "action-invalid") {
			return
		}
	}
	t.Errorf("%s: %d %s", what, res.Status, res.Body)
}
