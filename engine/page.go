package engine

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/actions"
)

// paged sets the count of a list and the links to its other pages (RFC 8288).
// The links hold a query only, so they are right behind any proxy's prefix.
func (x *exchange) paged(r *actions.Result) {
	p := r.Page
	if p == nil {
		return
	}
	h := x.w.Header()
	if p.Total >= 0 {
		h["X-Total-Count"] = []string{strconv.FormatInt(p.Total, 10)}
	}
	if p.Limit <= 0 || p.Skip == 0 && !p.More {
		return
	}
	h["Link"] = []string{x.links(p)}
}

func (x *exchange) links(p *actions.PageInfo) string {
	t := newPager(escapedPathOf(x.r.URL), x.r.URL.RawQuery)
	var b strings.Builder
	link := func(rel string, skip int) {
		if most := x.h.settings.Limits.Skip; most > 0 && skip > most {
			return // would be refused
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString("<" + t.at(skip, p.Limit) + `>; rel="` + rel + `"`)
	}
	if p.More {
		link("next", p.Skip+p.Limit)
	}
	if p.Skip > 0 {
		link("prev", max(0, p.Skip-p.Limit))
	}
	link("first", 0)
	if p.Total > 0 {
		link("last", int((p.Total-1)/int64(p.Limit))*p.Limit)
	}
	return b.String()
}

// pager writes the address of other pages of the same list.
type pager struct {
	path  string // "" for a query-only reference
	rest  string // the query without paging, ending in & unless empty
	pages bool   // the request counted in pages
}

func newPager(path, query string) *pager {
	t := &pager{}
	var rest strings.Builder
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, _, _ := strings.Cut(pair, "=")
		if t.paging(name) {
			continue
		}
		rest.WriteString(pair + "&")
	}
	t.rest = rest.String()
	// Paging said in the path would contradict the query: the link then repeats the path without it.
	kept, cut := t.withoutPaging(path)
	if cut {
		t.path = kept
	}
	return t
}

func (t *pager) paging(name string) bool {
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	t.pages = t.pages || name == "page"
	return name == "page" || name == "limit"
}

func (t *pager) withoutPaging(path string) (kept string, cut bool) {
	if !strings.Contains(path, ";") {
		return path, false
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		modifiers := strings.Split(segment, ";")
		out := modifiers[:1]
		for _, m := range modifiers[1:] {
			name, _, _ := strings.Cut(m, "=")
			if t.paging(name) {
				cut = true
				continue
			}
			out = append(out, m)
		}
		segments[i] = strings.Join(out, ";")
	}
	return strings.Join(segments, "/"), cut
}

// at is the address of the page that begins after skip rows.
func (t *pager) at(skip, limit int) string {
	if t.pages && skip%limit == 0 {
		return t.path + "?" + t.rest + "page=" + itoa(skip/limit+1) + "&limit=" + itoa(limit)
	}
	return t.path + "?" + t.rest + "limit=" + itoa(skip) + "," + itoa(limit)
}

func escapedPathOf(u *url.URL) string {
	if u.RawPath != "" {
		return u.RawPath
	}
	return u.EscapedPath()
}
