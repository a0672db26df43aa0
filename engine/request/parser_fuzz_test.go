package request

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/actions/filter"
	"github.com/dowel-dev/dowel/schema"
)

// mustRefuse fails unless err is a refusal with a code and a sentence of modest length.
func mustRefuse(t *testing.T, err error) {
	t.Helper()
	var e *actions.Error
	if !errors.As(err, &e) || e.Code == "" || e.Detail == "" || len(e.Detail) > 1000 {
		t.Errorf("odd refusal %#v", err)
	}
}

// A path that is understood leads to a class of the schema, and to nothing but
// the segments that were sent.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/api/customers", "/api/customers/7", "/api/customers;with=orders/7/orders", "/api;format=json/tags/a%2Fb",
		"/api/ratings/-3-~d~~", "/api/customers/%2e", "/api/x;;", "/api//", "/api/customers/7/restore", "/api/tags/%00", "/api/customers;a=(;)/7"} {
		f.Add(seed)
	}
	p := &Parser{Schema: crm()}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		got, err := p.target(u)
		if err != nil {
			mustRefuse(t, err)
			return
		}
		if got.class == nil || !got.class.Expose {
			t.Fatalf("%q leads to no class", path)
		}
		if got.id != "" && !strings.Contains(u.Path, got.id) {
			t.Errorf("%q: the id %q was not sent", path, got.id)
		}
		if got.kind != collection && got.kind != collectionAction {
			if _, err := schema.ParseKey(got.class, got.id); err != nil {
				t.Errorf("%q: %q is no key", path, got.id)
			}
		}
		if len(got.allow()) < 2 {
			t.Errorf("%q offers nothing", path)
		}
	})
}

// A query that is understood keeps every pair that was sent: nothing is dropped,
// so nothing is widened.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"", "status=eq:active&limit=5", "a=1&a=2", "a=;b", "&&", "=x", "a=%zz", "with=orders(limit=5)&where=a", ".limit=5", "q=x&search=x",
		"orderBy=-a,%2Bb&page=2&count=exact", "sort=a&order=desc", "a=in:\"x,y\",z", "pretty&keyByIds=0", "%61=1+2"} {
		f.Add(seed)
	}
	p := &Parser{Schema: crm()}
	f.Fuzz(func(t *testing.T, raw string) {
		if strings.ContainsAny(raw, "\r\n #") {
			return
		}
		r := &http.Request{Method: "DELETE", URL: &url.URL{Path: "/api/customers", RawQuery: raw}, Header: http.Header{}}
		a, err := p.Parse(r)
		if err != nil {
			mustRefuse(t, err)
			return
		}
		del := a.(*actions.DeleteWhere)
		// What net/http makes of the same text, where it can read it.
		values, err := url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B"))
		if err != nil {
			t.Fatalf("accepted %q: %v", raw, err)
		}
		filters := 0
		for name, texts := range values {
			if reserved(name) == noOption {
				filters += len(texts)
				continue
			}
			for _, text := range texts {
				if text != texts[0] {
					t.Errorf("%q: one of two values of %s was dropped", raw, name)
				}
			}
		}
		if filters != len(del.Filter) {
			t.Errorf("%q: %d filters sent, %d kept", raw, filters, len(del.Filter))
		}
		for _, one := range []struct {
			name string
			kept bool
		}{{"where", del.Where != ""}, {"scope", del.Scopes != nil}, {"search", del.Search != ""}, {"max_affected", del.MaxAffected != nil}} {
			if values.Has(one.name) && !one.kept {
				t.Errorf("%q: %s was dropped", raw, one.name)
			}
		}
		encodesBack(t, a)
	})
}

func encodesBack(t *testing.T, a actions.Action) {
	t.Helper()
	text, err := actions.Encode(a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := actions.Decode(text); err != nil {
		t.Errorf("%s: %v", text, err)
	}
}

// An expansion that is understood names every relation that was sent.
func FuzzWith(f *testing.F) {
	for _, seed := range []string{"orders", "orders,orders.items", "orders(status=eq:placed;orderBy=-total;limit=5),tags", "a(b=in:\"x;y\",z)", "a(where=b = ')')",
		"a((", "a(b=(c);d=e)f", "a.b.c(limit=1),a(limit=2)", "a(limit=1),a(limit=1)", ",", "a()", "a(=)"} {
		f.Add(seed)
	}
	p := &Parser{Schema: crm()}
	f.Fuzz(func(t *testing.T, text string) {
		r := &http.Request{Method: "GET", URL: &url.URL{Path: "/api/customers", RawQuery: "with=" + url.QueryEscape(text)}, Header: http.Header{}}
		a, err := p.Parse(r)
		if err != nil {
			mustRefuse(t, err)
			return
		}
		with := a.(*actions.Search).With
		if len(with) == 0 {
			t.Fatalf("%q expands nothing", text)
		}
		checkTree(t, with, text)
		encodesBack(t, a)
	})
}

func checkTree(t *testing.T, with []actions.With, text string) {
	t.Helper()
	seen := map[string]bool{}
	for _, w := range with {
		if !isPath(w.Relation) || strings.Contains(w.Relation, ".") || !strings.Contains(text, w.Relation) {
			t.Errorf("%q: odd relation %q", text, w.Relation)
		}
		if seen[w.Relation] {
			t.Errorf("%q: %q stands twice", text, w.Relation)
		}
		seen[w.Relation] = true
		for _, term := range w.Filter {
			if again, err := filter.Parse(term.Path, term.String()); err != nil || again.String() != term.String() {
				t.Errorf("%q: %v", term, err)
			}
		}
		checkTree(t, w.With, text)
	}
}

// A list of tags that is understood has as many tags as were sent, and only a
// bare star is the star.
func FuzzTags(f *testing.F) {
	for _, seed := range []string{`*`, `"a"`, `W/"a", "b"`, `"*"`, `"a" "b"`, `"a`, `,, "a",`, `*, "a"`, `"a-gz"`, "\"\x80\""} {
		f.Add(seed, "")
		f.Add(seed, `"z"`)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		lines := []string{one}
		if two != "" {
			lines = append(lines, two)
		}
		tags, weak, ok := entityTags(lines, false)
		if !ok {
			return
		}
		text := strings.Join(lines, ",")
		if len(tags) == 0 {
			t.Errorf("%q has no tags", text)
		}
		star := strings.Trim(text, " \t") == "*"
		for _, tag := range tags {
			if tag == "*" && !star {
				t.Errorf("%q became the star", text)
			}
		}
		if n := strings.Count(text, `"`); !star && n != 2*len(tags) {
			t.Errorf("%q: %d quotes, %d tags", text, n, len(tags))
		}
		if weak && !strings.Contains(text, "W/") {
			t.Errorf("%q is not weak", text)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	p := &Parser{Schema: crm(), Limits: DefaultLimits()}
	for _, bm := range []struct {
		name, line string
		headers    []string
		content    string
	}{
		{"item", "GET /api/customers/7", []string{"Accept: application/json", `If-None-Match: "12.abc"`}, ""},
		{"list", "GET /api/customers?status=eq:active&orderBy=-created_at&limit=20", []string{"Accept: */*"}, ""},
		{"create", "POST /api/customers", nil, `{"name":"Ada Lovelace","email":"ada@example.test","status":"active"}`},
	} {
		b.Run(bm.name, func(b *testing.B) {
			r := ask(bm.line, bm.headers, bm.content)
			body := strings.NewReader(bm.content)
			b.ReportAllocs()
			for b.Loop() {
				if bm.content != "" {
					body.Reset(bm.content)
					r.Body = readCloser{body}
				}
				if _, err := p.Parse(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
