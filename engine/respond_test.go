package engine

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
)

const ada = `{"id":7,"name":"Ada"}`

func TestRespond(t *testing.T) {
	change := func(f func(*actions.Result)) func(*actions.Result) { return f }
	none := map[string]string{}
	least := &actions.Patch{Class: "customer", Options: actions.Options{Output: actions.Output{Minimal: true}}}
	for _, tc := range []struct {
		name, method, target string
		header               []string
		action               actions.Action
		result               func(*actions.Result)
		status               int
		body                 string
		want                 map[string]string
	}{
		{"get", "GET", "/api/customers/7", nil, nil, change(func(r *actions.Result) {}), 200, ada, map[string]string{
			"Content-Type": "application/json", "Content-Length": "21", "Etag": `"12.abc"`, "Cache-Control": "private, no-cache",
			"Vary": "Accept, Accept-Encoding, Authorization", "X-Content-Type-Options": "nosniff", "Last-Modified": "", "Location": ""}},
		{"head", "HEAD", "/api/customers/7", nil, nil, change(func(r *actions.Result) {}), 200, "", map[string]string{
			"Content-Type": "application/json", "Content-Length": "21", "Etag": `"12.abc"`, "Cache-Control": "private, no-cache", "Vary": "Accept, Accept-Encoding, Authorization"}},
		{"last modified", "GET", "/api/customers/7", nil, nil, change(func(r *actions.Result) { r.Modified = noon }), 200, ada, map[string]string{"Last-Modified": "Sat, 21 Nov 2026 12:00:00 GMT"}},
		{"not modified", "GET", "/api/customers/7", nil, nil, change(func(r *actions.Result) { r.Outcome, r.View, r.Rows, r.Modified = actions.NotModified, nil, nil, noon }), 304, "", map[string]string{
			"Etag": `"12.abc"`, "Cache-Control": "private, no-cache", "Vary": "Accept, Accept-Encoding, Authorization", "Content-Type": "", "Content-Length": "", "Last-Modified": "Sat, 21 Nov 2026 12:00:00 GMT"}},
		{"created", "POST", "/api/customers", nil, &actions.Create{}, change(func(r *actions.Result) { r.Outcome = actions.Created }), 201, ada, map[string]string{"Location": "/api/customers/7", "Etag": `"12.abc"`, "Content-Location": ""}},
		{"created with an odd id", "POST", "/api/customers", nil, &actions.Create{}, change(func(r *actions.Result) { r.Outcome, r.ID = actions.Created, "a/b;c ~d" }), 201, ada, map[string]string{"Location": "/api/customers/a%2Fb%3Bc%20~d"}},
		{"created, representation preferred", "POST", "/api/customers", []string{"Prefer: handling=strict, return=representation"}, &actions.Create{}, change(func(r *actions.Result) { r.Outcome = actions.Created }), 201, ada,
			map[string]string{"Location": "/api/customers/7", "Content-Location": "/api/customers/7", "Preference-Applied": "return=representation"}},
		{"created with a view of its own", "POST", "/api/customers?fields=name", []string{"Prefer: return=representation"}, &actions.Create{}, change(func(r *actions.Result) { r.Outcome = actions.Created }), 201, ada,
			map[string]string{"Content-Location": "", "Preference-Applied": "return=representation"}},
		{"created, nothing may be read", "POST", "/api/customers", nil, &actions.Create{}, change(func(r *actions.Result) { r.Outcome, r.View, r.Tag = actions.Created, nil, "" }), 201, "", map[string]string{"Location": "/api/customers/7", "Content-Type": "", "Etag": ""}},
		{"created, minimal", "POST", "/api/customers", []string{"Prefer: return=minimal"}, &actions.Create{Options: least.Options}, change(func(r *actions.Result) { r.Outcome = actions.Created }), 201, "",
			map[string]string{"Location": "/api/customers/7", "Etag": `"12.abc"`, "Preference-Applied": "return=minimal"}},
		{"created several", "POST", "/api/customers", nil, &actions.Create{}, change(func(r *actions.Result) { r.Outcome, r.List, r.Tag = actions.Created, true, "" }), 201, "[" + ada + "]", map[string]string{"Location": "", "Etag": ""}},
		{"created some, updated others", "POST", "/api/customers", nil, &actions.Create{}, change(func(r *actions.Result) { r.Outcome, r.List, r.Mixed = actions.Created, true, true }), 200, "[" + ada + "]", none},
		{"created none", "POST", "/api/customers", nil, &actions.Create{}, change(func(r *actions.Result) { r.Outcome, r.List, r.Rows = actions.Created, true, nil }), 200, "[]", none},
		{"updated", "PATCH", "/api/customers/7", nil, &actions.Patch{}, change(func(r *actions.Result) { r.Outcome = actions.Updated }), 200, ada, map[string]string{"Etag": `"12.abc"`, "Location": ""}},
		{"updated, representation preferred", "PATCH", "/api/customers/7", []string{`Prefer: return="representation"; x`}, &actions.Patch{}, change(func(r *actions.Result) { r.Outcome = actions.Updated }), 200, ada,
			map[string]string{"Preference-Applied": "return=representation", "Content-Location": "/api/customers/7"}},
		{"updated, minimal", "PATCH", "/api/customers/7", []string{"Prefer: return=minimal"}, least, change(func(r *actions.Result) { r.Outcome = actions.Updated }), 204, "", map[string]string{"Etag": `"12.abc"`, "Preference-Applied": "return=minimal", "Content-Length": ""}},
		{"updated, nothing may be read", "PATCH", "/api/customers/7", nil, &actions.Patch{}, change(func(r *actions.Result) { r.Outcome, r.View = actions.Updated, nil }), 204, "", none},
		{"preferences change no read", "GET", "/api/customers/7", []string{"Prefer: return=minimal"}, &actions.Get{Options: least.Options}, change(func(r *actions.Result) {}), 200, ada, map[string]string{"Preference-Applied": ""}},
		{"updated each", "PATCH", "/api/customers", nil, &actions.PatchEach{}, change(func(r *actions.Result) { r.Outcome, r.Keyed = actions.Updated, true }), 200, `{"7":` + ada + `}`, none},
		{"updated where", "PATCH", "/api/customers", nil, &actions.PatchWhere{}, change(func(r *actions.Result) {
			*r = actions.Result{Outcome: actions.Updated, Class: r.Class, Counts: []actions.Count{{Name: "updated", N: 3}}}
		}), 200, `{"updated":3}`, none},
		{"deleted", "DELETE", "/api/customers/7", nil, &actions.Delete{}, change(func(r *actions.Result) { *r = actions.Result{Outcome: actions.Deleted, Class: r.Class} }), 204, "", map[string]string{"Content-Type": "", "Content-Length": ""}},
		{"deleted where", "DELETE", "/api/customers", nil, &actions.DeleteWhere{}, change(func(r *actions.Result) {
			*r = actions.Result{Outcome: actions.Deleted, Class: r.Class, Counts: []actions.Count{{Name: "deleted", N: 3}}}
		}), 200, `{"deleted":3}`, none},
		{"action with an answer", "POST", "/api/customers/7/merge", nil, &actions.Run{}, change(func(r *actions.Result) { *r = actions.Result{Outcome: actions.Done, Raw: []byte(`{"a":1}`)} }), 200, `{"a":1}`, none},
		{"action without one", "POST", "/api/customers/7/merge", nil, &actions.Run{}, change(func(r *actions.Result) { *r = actions.Result{Outcome: actions.Done} }), 204, "", none},
		{"property", "GET", "/api/customers/7/name", nil, nil, change(func(r *actions.Result) { r.Property = &r.View.Members[1] }), 200, `"Ada"`, none},
		{"pretty", "GET", "/api/customers/7", nil, &actions.Get{Options: actions.Options{Output: actions.Output{Pretty: true}}}, change(func(r *actions.Result) {}), 200, "{\n  \"id\": 7,\n  \"name\": \"Ada\"\n}\n", none},
		{"csv", "GET", "/api/customers", nil, &actions.Search{Options: actions.Options{Output: actions.Output{Format: "csv"}}}, change(func(r *actions.Result) { r.List = true }), 200, "id,name\r\n7,Ada\r\n",
			map[string]string{"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": "attachment"}},
		{"ndjson", "GET", "/api/customers", nil, &actions.Search{Options: actions.Options{Output: actions.Output{Format: "ndjson"}}}, change(func(r *actions.Result) { r.List = true }), 200, ada + "\n{\"@end\":{\"count\":1}}\n",
			map[string]string{"Content-Type": "application/x-ndjson"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			f.rev.action = tc.action
			f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) {
				r := f.one()
				tc.result(r)
				return r, nil
			}
			res := f.do(tc.method, tc.target, "", tc.header...)
			if res.StatusCode != tc.status {
				t.Errorf("status %d, want %d", res.StatusCode, tc.status)
			}
			if diff := cmp.Diff(tc.body, read(t, res)); diff != "" {
				t.Error(diff)
			}
			for name, want := range tc.want {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestPagingLinks(t *testing.T) {
	for _, tc := range []struct {
		name, target string
		page         actions.PageInfo
		total, link  string
	}{
		{"the only page", "/api/customers", actions.PageInfo{Total: 3, Limit: 20}, "3", ""},
		{"not counted", "/api/customers", actions.PageInfo{Total: -1, Limit: 20}, "", ""},
		{"first of several", "/api/customers", actions.PageInfo{Total: 45, Limit: 20, More: true}, "45", `<?limit=20,20>; rel="next", <?limit=0,20>; rel="first", <?limit=40,20>; rel="last"`},
		{"in the middle, not counted", "/api/customers?status=active&limit=5,10&orderBy=-id", actions.PageInfo{Total: -1, Skip: 5, Limit: 10, More: true}, "",
			`<?status=active&orderBy=-id&limit=15,10>; rel="next", <?status=active&orderBy=-id&limit=0,10>; rel="prev", <?status=active&orderBy=-id&limit=0,10>; rel="first"`},
		{"the last, in pages", "/api/customers?page=3&limit=20&q=a%26b", actions.PageInfo{Total: 45, Skip: 40, Limit: 20}, "45",
			`<?q=a%26b&page=2&limit=20>; rel="prev", <?q=a%26b&page=1&limit=20>; rel="first", <?q=a%26b&page=3&limit=20>; rel="last"`},
		{"paging in the path", "/api/customers;with=orders;limit=20/?%6Cimit=1", actions.PageInfo{Total: -1, Limit: 20, More: true}, "",
			`</api/customers;with=orders/?limit=20,20>; rel="next", </api/customers;with=orders/?limit=0,20>; rel="first"`},
		{"behind the most that may be skipped", "/api/customers?limit=9990,20", actions.PageInfo{Total: -1, Skip: 9990, Limit: 20, More: true}, "",
			`<?limit=9970,20>; rel="prev", <?limit=0,20>; rel="first"`},
		{"by cursors", "/api/customers?status=active&limit=5", actions.PageInfo{Total: 30, Limit: 5, More: true, Next: "abc", Last: "xyz"}, "30",
			`<?status=active&cursor=abc&limit=5>; rel="next", <?status=active&limit=5>; rel="first", <?status=active&cursor=xyz&limit=5>; rel="last"`},
		{"at a cursor", "/api/customers?cursor=abc&status=active&limit=5", actions.PageInfo{Total: -1, Limit: 5, Placed: true, Prev: "def"}, "",
			`<?status=active&cursor=def&limit=5>; rel="prev", <?status=active&limit=5>; rel="first"`},
		{"at a cursor behind the end", "/api/customers;cursor=abc;limit=5", actions.PageInfo{Total: -1, Limit: 5, Placed: true}, "",
			`</api/customers?limit=5>; rel="first"`},
		{"counted, with more than may be skipped to come", "/api/customers?page=500&limit=20", actions.PageInfo{Total: -1, Skip: 9990, Limit: 20, More: true, Next: "abc"}, "",
			`<?cursor=abc&limit=20>; rel="next", <?limit=9970,20>; rel="prev", <?page=1&limit=20>; rel="first"`},
		{"an empty page", "/api/customers?limit=0", actions.PageInfo{Total: 45, Limit: 0, More: true}, "45", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) {
				r := f.one()
				r.List, r.Page = true, &tc.page
				return r, nil
			}
			res := f.do("GET", tc.target, "")
			if got := res.Header.Get("X-Total-Count"); got != tc.total {
				t.Errorf("X-Total-Count: %q, want %q", got, tc.total)
			}
			if diff := cmp.Diff(tc.link, res.Header.Get("Link")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCodings(t *testing.T) {
	big := strings.Repeat("Ada Lovelace ", 200)
	f := newFixture(t)
	f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) {
		r := f.one()
		r.Rows[0].Values[1] = schema.NewText(big)
		return r, nil
	}
	want := `{"id":7,"name":"` + big + `"}`
	plain := func(r io.Reader) io.Reader { return r }
	unzip := func(r io.Reader) io.Reader {
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	unzstd := func(r io.Reader) io.Reader {
		z, err := zstd.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	for _, tc := range []struct {
		accept, coding, tag string
		open                func(io.Reader) io.Reader
	}{
		{"", "", `"12.abc"`, plain},
		{"gzip", "gzip", `"12.abc-gz"`, unzip},
		{"GZIP;q=1.0, deflate, br", "gzip", `"12.abc-gz"`, unzip},
		{"gzip, deflate, br, zstd", "zstd", `"12.abc-zstd"`, unzstd},
		{"zstd;q=0.1, gzip;q=0.5", "gzip", `"12.abc-gz"`, unzip},
		{"gzip;q=0", "", `"12.abc"`, plain},
		{"gzip;q=0.5, identity", "", `"12.abc"`, plain},
		{"*", "zstd", `"12.abc-zstd"`, unzstd},
		{"*, zstd;q=0", "gzip", `"12.abc-gz"`, unzip},
		{"br", "", `"12.abc"`, plain},
		{"gzip;q=nonsense", "", `"12.abc"`, plain},
	} {
		t.Run(tc.accept, func(t *testing.T) {
			res := f.do("GET", "/api/customers/7", "", "Accept-Encoding: "+tc.accept)
			if got := res.Header.Get("Content-Encoding"); got != tc.coding {
				t.Fatalf("coding %q, want %q", got, tc.coding)
			}
			if got := res.Header.Get("Etag"); got != tc.tag {
				t.Errorf("tag %s, want %s", got, tc.tag)
			}
			raw := read(t, res)
			if got := res.Header.Get("Content-Length"); got != fmt.Sprint(len(raw)) {
				t.Errorf("length %s of %d", got, len(raw))
			}
			body, err := io.ReadAll(tc.open(strings.NewReader(raw)))
			if err != nil || string(body) != want {
				t.Errorf("%v: %.100s", err, body)
			}
			head := f.do("HEAD", "/api/customers/7", "", "Accept-Encoding: "+tc.accept)
			if diff := cmp.Diff(without(res.Header), without(head.Header)); diff != "" {
				t.Errorf("HEAD differs from GET: %s", diff)
			}
			again := f.do("GET", "/api/customers/7", "", "Accept-Encoding: "+tc.accept)
			if read(t, again) != raw {
				t.Error("one tag, two texts")
			}
		})
	}
	for accept, status := range map[string]int{"identity;q=0": 406, "br, *;q=0": 406, "identity;q=0, gzip": 200, "gzip;q=0": 200, "identity; q=0.0": 406} {
		if got := f.do("GET", "/api/customers/7", "", "Accept-Encoding: "+accept).StatusCode; got != status {
			t.Errorf("%s: %d, want %d", accept, got, status)
		}
	}
	small := newFixture(t)
	if got := small.do("GET", "/api/customers/7", "", "Accept-Encoding: gzip").Header.Get("Content-Encoding"); got != "" {
		t.Errorf("a small answer is %s", got)
	}
	if got := small.do("GET", "/api/customers/7", "", "Accept-Encoding: gzip, identity;q=0").Header.Get("Content-Encoding"); got != "gzip" {
		t.Errorf("a small answer to who takes gzip only is %q", got)
	}
}

func without(h http.Header) http.Header {
	h = h.Clone()
	h.Del("X-Request-Id")
	return h
}

// A 304 repeats the tag of the representation that the client has.
func TestTagsOfCodings(t *testing.T) {
	f := newFixture(t)
	f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) {
		return &actions.Result{Outcome: actions.NotModified, Tag: "12.abc"}, nil
	}
	for sent, want := range map[string]string{
		`"12.abc"`:              `"12.abc"`,
		`"9.x", W/"12.abc-gz"`:  `"12.abc-gz"`,
		`"12.abc-zstd"`:         `"12.abc-zstd"`,
		`"9.x-gz", "12.abc"`:    `"12.abc"`,
		`*`:                     `"12.abc"`,
		`"112.abc-gz","12.abc"`: `"12.abc"`,
	} {
		if got := f.do("GET", "/api/customers/7", "", "If-None-Match: "+sent).Header.Get("Etag"); got != want {
			t.Errorf("%s: tag %s, want %s", sent, got, want)
		}
	}
}

func TestErrorsAreNeverCoded(t *testing.T) {
	f := newFixture(t)
	f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) {
		return nil, actions.Errorf(actions.ActionInvalid, strings.Repeat("long ", 1000))
	}
	res := f.do("GET", "/api/customers/7", "", "Accept-Encoding: gzip")
	if res.Header.Get("Content-Encoding") != "" {
		t.Error("coded")
	}
	if p := problemIn(t, res); len(p.Detail) > detailMax+len("…") {
		t.Errorf("detail of %d bytes", len(p.Detail))
	}
}

// One handler, many requests at once: buffers that are shared must not mix.
func TestBuffersDoNotMix(t *testing.T) {
	f := newFixture(t)
	f.rev.invoke = func(s *authz.Subject, a actions.Action) (*actions.Result, error) {
		r := f.one()
		r.Rows[0].Values[1] = schema.NewText(strings.Repeat(s.ID+"x", 1000))
		return r, nil
	}
	done := make(chan string)
	for range 8 {
		go func() {
			var first string
			for range 50 {
				w := httptest.NewRecorder()
				r := httptest.NewRequest("GET", "/api/customers/7", nil)
				r.RemoteAddr = ""
				r.Header["Accept-Encoding"] = []string{"gzip"}
				f.ServeHTTP(w, r)
				if first == "" {
					first = w.Body.String()
				}
				if w.Body.String() != first {
					done <- "mixed"
					return
				}
			}
			done <- ""
		}()
	}
	for range 8 {
		if got := <-done; got != "" {
			t.Error(got)
		}
	}
}

// BenchmarkGet is the funnel's own work on one record: everything but net/http, parser, rules and store.
func BenchmarkGet(b *testing.B) { benchmark(b, nil) }

// BenchmarkGetGzip is the same by a client that takes codings, as browsers do.
func BenchmarkGetGzip(b *testing.B) { benchmark(b, []string{"gzip, deflate, br, zstd"}) }

func benchmark(b *testing.B, accept []string) {
	f := newFixture(b, func(s *Settings) { s.Log.Level = "warn" })
	result := f.one()
	result.Modified = time.Time{}
	f.rev.action = &actions.Get{Class: "customer", ID: "7"}
	f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) { return result, nil }
	r := httptest.NewRequest("GET", "/api/customers/7", nil)
	r.RemoteAddr = "127.0.0.1:1"
	if accept != nil {
		r.Header["Accept-Encoding"] = accept
	}
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		f.ServeHTTP(w, r)
	}
	if !bytes.Equal(w.last, []byte(ada)) {
		b.Fatalf("%s", w.last)
	}
}

type discard struct {
	header http.Header
	last   []byte
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(int)     {}
func (d *discard) Write(b []byte) (int, error) {
	d.last = append(d.last[:0], b...)
	return len(b), nil
}
