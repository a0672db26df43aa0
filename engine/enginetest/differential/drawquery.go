package differential

import (
	"net/url"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// term draws one filter.
func (d *drawer) term(c *schema.Class) string {
	not := ""
	if d.once(4) {
		not = "not:"
	}
	named := func(e end, expr string) string {
		return e.text + "=" + not + url.QueryEscape(expr)
	}
	switch d.IntN(10) {
	case 8, 9:
		if e, ok := d.path(c, ofClient, 1, likable); ok {
			return named(e, d.one("eq:", "eq:", "eq:", "ne:", "le:")+d.near(e.typ, d.near(e.typ, d.valueText(e.class, e.field, e.typ))))
		}
	case 0:
		if e, ok := d.path(c, ofClient, 2, filterable); ok {
			return named(e, "is:null")
		}
	case 1:
		if e, ok := d.path(c, ofClient, 2, filterable); ok {
			items := []string{d.listItem(e), d.listItem(e)}
			return named(e, "in:"+strings.Join(items[:d.between(1, 2)], ","))
		}
	case 2, 3:
		if e, ok := d.path(c, ofClient, 2, likable); ok {
			return named(e, "like:"+d.pattern(e))
		}
	case 4, 5:
		if e, ok := d.path(c, ofClient, 2, ordered); ok {
			return named(e, d.one("lt:", "le:", "gt:", "ge:", "ne:")+d.valueText(e.class, e.field, e.typ))
		}
	}
	if e, ok := d.path(c, ofClient, 2, filterable); ok {
		return named(e, d.one("eq:", "eq:", "ne:", "")+d.valueText(e.class, e.field, e.typ))
	}
	return d.keyName(c) + "=1"
}

func (d *drawer) listItem(e end) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(d.valueText(e.class, e.field, e.typ)) + `"`
}

// order draws one sort key.
func (d *drawer) order(c *schema.Class) string {
	e, ok := d.path(c, ofClient, 2, func(e *end) bool { return ordered(e) && !e.many })
	if !ok {
		return d.keyName(c)
	}
	return d.one("", "-", "%2B", "") + e.text
}

// listing is the query of a search.
func (d *drawer) listing(c *schema.Class) string {
	var parts []string
	if d.once(5) && len(d.ways(c)) > 0 { // all rows with what belongs to them
		parts = append(parts, "with="+d.with(c, d.IntN(2)))
		if d.once(3) {
			parts = append(parts, "orderBy="+d.order(c))
		}
		return d.joined(parts)
	}
	for range d.weighted([]int{4, 5, 1}) {
		parts = append(parts, d.term(c))
	}
	if d.once(4) {
		parts = append(parts, "where="+url.QueryEscape(d.cond(c, ofClient, 2)))
	}
	if d.once(2) {
		parts = append(parts, "orderBy="+d.order(c)+d.one("", "", ","+d.order(c)))
	}
	if d.once(3) {
		parts = append(parts, d.one("limit=1", "limit=2", "limit=3", "limit=1,2", "limit=2,3", "limit=0", "limit=9", "page=2", "page=1&limit=2", "page=2&limit=1", "limit=1", "limit=2", "limit=9999,1", "limit=100"))
	}
	if d.once(3) {
		parts = append(parts, d.one("count=exact", "count=exact", "count=none", "count=estimate"))
	}
	if len(c.Search) > 0 && d.once(5) {
		f := pick(d.dice, c.Search)
		parts = append(parts, d.one("search=", "q=")+url.QueryEscape(d.one("a", "A", "é", "b a", d.valueText(c, f, f.Type), "%", "*")))
	}
	if len(c.Scopes) > 0 && d.once(5) {
		parts = append(parts, "scope="+pick(d.dice, c.Scopes).Name)
	}
	if c.SoftDelete && d.once(4) || d.once(40) {
		parts = append(parts, d.one("deleted=with", "deleted=only"))
	}
	return d.joined(append(parts, d.views(c)...))
}

// viewing is the query of a read of one row.
func (d *drawer) viewing(c *schema.Class) string {
	parts := d.views(c)
	if c.SoftDelete && d.once(4) {
		parts = append(parts, d.one("deleted=with", "deleted=only"))
	}
	return d.joined(parts)
}

// answer is the query of a write: what it shows.
func (d *drawer) answer(c *schema.Class) string {
	if d.most(3) {
		return ""
	}
	parts := d.views(c)
	if d.once(5) {
		parts = append(parts, "dry_run=true")
	}
	return d.joined(parts)
}

func (d *drawer) joined(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	if d.once(12) && !strings.ContainsAny(parts[0], "&.()/%+") && !strings.Contains(parts[0], ":") {
		for _, word := range []string{"with", "limit", "page", "count", "deleted", "fields", "pretty"} {
			if strings.HasPrefix(parts[0], word+"=") {
				return ";" + parts[0] + d.joined(parts[1:])
			}
		}
	}
	return "?" + strings.Join(parts, "&")
}

// views draws what is shown, and how.
func (d *drawer) views(c *schema.Class) (parts []string) {
	if d.once(3) && len(d.ways(c)) > 0 {
		parts = append(parts, "with="+d.with(c, d.IntN(3))+d.one("", "", ","+d.with(c, 0)))
	}
	if d.once(4) {
		parts = append(parts, "fields="+d.shown(c))
	}
	if d.once(10) {
		parts = append(parts, d.one("format=csv", "format=ndjson", "keyByIds=true", "groupedByClass=true", "pretty=true", "envelope=true", "envelope=false"))
	}
	if d.once(40) {
		parts = append(parts, "as="+d.one("1", "3", "4", "5", "99")+d.one("", "&as_mode=add"))
	}
	return parts
}

func (d *drawer) shown(c *schema.Class) string {
	var names []string
	if d.once(3) {
		names = append(names, "*")
	}
	for range d.between(1, 3) {
		for range 10 {
			f := pick(d.dice, c.Fields)
			if !f.WriteOnly && !f.Type.Traits().Secret || d.once(30) {
				names = append(names, f.JSON)
				break
			}
		}
	}
	for _, f := range c.Fields {
		if f.Computed != nil && d.once(2) {
			names = append(names, f.JSON)
		}
	}
	if rels := d.ways(c); len(rels) > 0 && d.once(5) {
		r := pick(d.dice, rels)
		names = append(names, r.JSON+"."+d.one("*", pick(d.dice, r.To.Fields).JSON))
	}
	return strings.Join(slices.Compact(names), ",")
}

// with draws an expansion.
func (d *drawer) with(c *schema.Class, depth int) string {
	rels := d.ways(c)
	if len(rels) == 0 {
		return "x"
	}
	r := pick(d.dice, rels)
	for i := 0; i < 2 && r.Single(); i++ {
		r = pick(d.dice, rels)
	}
	if depth > 0 && d.once(4) && len(d.ways(r.To)) > 0 {
		return r.JSON + "." + d.with(r.To, depth-1)
	}
	if r.Single() || d.once(3) {
		return r.JSON
	}
	var options []string
	if d.once(2) {
		options = append(options, "orderBy="+d.order(r.To))
	}
	if d.most(3) {
		options = append(options, "limit="+d.one("1", "1", "1", "2", "1,1", "1,2", "0", "20"))
	}
	if d.once(4) {
		options = append(options, d.term(r.To))
	}
	if d.once(8) {
		options = append(options, "where="+url.QueryEscape(d.cond(r.To, ofClient, 1)))
	}
	if len(options) == 0 {
		return r.JSON
	}
	s := strings.Join(options, ";")
	if strings.Contains(s, "&") || strings.Contains(s, "%3B") || strings.Contains(s, "%28") || strings.Contains(s, "%29") || strings.Contains(s, "%22") || strings.Contains(s, "%27") {
		return r.JSON // text that would end the parentheses
	}
	return r.JSON + "(" + s + ")"
}
