package engine

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/format"
)

// estimated marks a count that is not exact.
var estimated = []string{"estimate"}

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
		if p.Rough {
			h["Count-Kind"] = estimated
		}
	}
	if p.Limit <= 0 || p.Skip == 0 && !p.More && !p.Placed {
		return
	}
	x.pages = x.links(p)
	var b strings.Builder
	for i, link := range x.pages {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("<" + link.Href + `>; rel="` + link.Rel + `"`)
	}
	h["Link"] = []string{b.String()}
}

// links are the addresses of other pages: by cursors where there are some, which
// hold when rows come and go and skip none, else by the number of rows before.
func (x *exchange) links(p *actions.PageInfo) (links []format.Link) {
	t := newPager(escapedPathOf(x.r.URL), x.r.URL.RawQuery)
	skipped := func(rel string, skip int) {
		if most := x.h.settings.Limits.Skip; most > 0 && skip > most {
			return // would be refused
		}
		links = append(links, format.Link{Rel: rel, Href: t.at(skip, p.Limit)})
	}
	link := func(rel, cursor string, there bool, skip int) {
		switch {
		case cursor != "":
			links = append(links, format.Link{Rel: rel, Href: t.by(cursor, p.Limit)})
		case there && !p.Placed:
			skipped(rel, skip)
		}
	}
	link("next", p.Next, p.More, p.Skip+p.Limit)
	link("prev", p.Prev, p.Skip > 0, max(0, p.Skip-p.Limit))
	if p.Placed || p.Next != "" && p.Skip == 0 {
		links = append(links, format.Link{Rel: "first", Href: t.begin(p.Limit)})
	} else {
		skipped("first", 0)
	}
	link("last", p.Last, p.Total > 0, int((p.Total-1)/int64(p.Limit))*p.Limit)
	return links
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
	return name == "page" || name == "limit" || name == "cursor"
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

// by is the address of the page at a cursor, begin that of the first.
func (t *pager) by(cursor string, limit int) string {
	return t.path + "?" + t.rest + "cursor=" + cursor + "&limit=" + itoa(limit)
}

func (t *pager) begin(limit int) string { return t.path + "?" + t.rest + "limit=" + itoa(limit) }

func escapedPathOf(u *url.URL) string {
	if u.RawPath != "" {
		return u.RawPath
	}
	return u.EscapedPath()
}
