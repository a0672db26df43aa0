package hostile_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// drawer draws requests that speak the language of a schema: most of them make
// sense, some nearly.
type drawer struct {
	r *rand.Rand
	s *schema.Schema
	// wild also draws what no class knows, and bytes that no client would send.
	wild bool
	// odd is text worth a guess: values that are hidden somewhere.
	odd []string
}

func (d *drawer) one(of ...string) string { return of[d.r.IntN(len(of))] }

// chance is true once in n times.
func (d *drawer) chance(n int) bool { return d.r.IntN(n) == 0 }

// rarely is true once in n times, and only where wild.
func (d *drawer) rarely(n int) bool { return d.wild && d.chance(n) }

func (d *drawer) class() *schema.Class {
	for {
		if c := d.s.Classes[d.r.IntN(len(d.s.Classes))]; c.Expose && !c.Internal {
			return c
		}
	}
}

// place is where a class is; of those below an organization mostly where the subjects are.
func (d *drawer) place(c *schema.Class) string {
	if c.Prefix == "" {
		return "/api/" + c.Collection
	}
	return "/api/orgs/" + d.org() + "/" + c.Collection
}

func (d *drawer) org() string {
	if d.chance(6) {
		return d.one("zenith", "zenith", "nowhere", "new")
	}
	return "acme"
}

// request draws one request.
func (d *drawer) request(who int) request {
	c := d.class()
	req := request{who: who}
	path := d.place(c)
	switch d.r.IntN(20) {
	case 0, 1, 2, 3, 4, 5:
		req.method, req.target = "GET", path+d.query(c, true)
	case 6, 7:
		req.method, req.target = "GET", path+"/"+d.id(c)+d.query(c, false)
	case 8:
		req.method, req.target = "GET", path+"/"+d.id(c)+"/"+d.member(c)
	case 9, 10:
		for len(c.Relations) == 0 {
			c = d.class()
		}
		path = d.place(c)
		rel := c.Relations[d.r.IntN(len(c.Relations))]
		req.method, req.target = d.one("GET", "GET", "POST"), path+"/"+d.id(c)+"/"+rel.Name
		if req.method == "POST" {
			req.content = d.object(rel.To, d.chance(4))
		} else {
			req.target += d.query(rel.To, true)
		}
	case 11, 12:
		req.method, req.target, req.content = "POST", path+d.shape(c), d.object(c, true)
		if d.chance(6) {
			req.content = "[" + d.object(c, true) + "," + d.object(c, true) + "]"
		}
	case 13, 14:
		req.method, req.target, req.content = "PATCH", path+"/"+d.id(c)+d.shape(c), d.object(c, false)
		if d.chance(3) {
			req.content, req.fields = d.jsonPatch(c), []string{"Content-Type: application/json-patch+json"}
		}
	case 15:
		req.method, req.target, req.content = "PUT", path+"/"+d.id(c), d.object(c, true)
		if d.chance(3) {
			f := c.Fields[d.r.IntN(len(c.Fields))]
			req.target, req.content = req.target+"/"+f.JSON, d.json(f)
		}
	case 16:
		req.method, req.target = "DELETE", path+"/"+d.id(c)
		if d.chance(4) {
			req.target += "/" + d.member(c)
		}
	case 17:
		req.method, req.target = "POST", path+"/"+d.id(c)+"/"+d.action(c)
		req.content = d.one("", "{}", `{"note":"x"}`, `{"box":"b1"}`, `{"note":null,"box":{"code":"b2"}}`)
		if c.Action("move") != nil {
			req.content = d.one("", `{"to":1}`, `{"to":3,"under":2}`, `{"to":2,"under":9}`, `{"to":{"code":"c3"}}`, `{"to":{"code":"c1"},"under":3}`)
		}
	case 18:
		req.method, req.target = "PATCH", path+d.filters(c)+"&max_affected="+d.one("1", "3", "100")
		req.content = d.object(c, false)
		if d.chance(3) {
			req.target, req.content = path, `{"`+d.id(c)+`":`+d.object(c, false)+`,"`+d.id(c)+`":`+d.object(c, false)+`}`
		}
	case 19:
		req.method, req.target = "DELETE", path+d.filters(c)+"&max_affected="+d.one("1", "3", "100")
	}
	d.headers(&req)
	if d.rarely(3) {
		d.spoil(&req)
	}
	return req
}

func (d *drawer) headers(req *request) {
	if d.chance(8) {
		req.fields = append(req.fields, d.one("If-Match: $TAG", "If-Match: *", `If-Match: "1.x", $TAG`, "If-None-Match: $TAG", "If-None-Match: *", `If-Match: W/"1.x"`))
	}
	if d.chance(12) {
		req.fields = append(req.fields, d.one("Prefer: return=minimal", "Prefer: return=representation", "Accept: text/csv", "Accept: application/x-ndjson", "Accept: */*;q=0.1"))
	}
	if d.rarely(10) {
		req.fields = append(req.fields, d.one("If-Match: oops", "If-Modified-Since: yesterday", "Content-Type: text/plain", "Content-Type: application/json; charset=utf-16",
			"Accept: image/png", "Accept-Encoding: gzip", "Content-Encoding: gzip", "Range: bytes=0-1", "X-HTTP-Method-Override: DELETE", "Authorization: Basic eDp5",
			"If-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT", "Idempotency-Key: 1", "Prefer: handling=strict, wait=", "Expect: 100-continue", "Traceparent: 00-x"))
	}
}

// ids are texts that may be keys of something.
func (d *drawer) id(c *schema.Class) string {
	if d.rarely(12) {
		return d.one("0", "-1", "9223372036854775808", "00", "+1", "%20", "a%2Fb", "%00", "..", "null", "1-", "-", "~", "~x", "1%C3", strings.Repeat("9", 300), "1.0", "1e0", "%31")
	}
	switch c.Name {
	case "org":
		return d.org()
	case "box":
		return fmt.Sprintf("b%d", d.r.IntN(7))
	case "page":
		return fmt.Sprintf("p%d", d.r.IntN(7))
	case "vote":
		return fmt.Sprintf("%d-k~d%d", 1+d.r.IntN(5), 1+d.r.IntN(9))
	case "rating":
		return fmt.Sprintf("%d-%d", 1+d.r.IntN(4), 1+d.r.IntN(4))
	case "mood":
		return d.one("good", "bad", "so-so")
	}
	return fmt.Sprint(1 + d.r.IntN(15))
}

func (d *drawer) member(c *schema.Class) string {
	if d.chance(3) && len(c.Relations) > 0 {
		return c.Relations[d.r.IntN(len(c.Relations))].Name
	}
	return c.Fields[d.r.IntN(len(c.Fields))].JSON
}

func (d *drawer) action(c *schema.Class) string {
	names := []string{"restore", "purge"}
	for _, a := range c.Actions {
		names = append(names, a.Path, a.Path)
	}
	return d.one(names...)
}

// path draws a path of names from a class, and the field it ends in, or nil.
func (d *drawer) path(c *schema.Class) (string, *schema.Field) {
	var b strings.Builder
	for range d.r.IntN(3) {
		if len(c.Relations) == 0 {
			break
		}
		rel := c.Relations[d.r.IntN(len(c.Relations))]
		b.WriteString(rel.Name + ".")
		c = rel.To
	}
	if d.rarely(12) {
		return b.String() + d.one("nothing", "id.id", "_x", "ID", "name'", "password", "version", "rowid", "deleted_at", "*"), nil
	}
	f := c.Fields[d.r.IntN(len(c.Fields))]
	for !d.chance(30) && (f.WriteOnly || f.Type != nil && f.Type.Traits().Secret) {
		f = c.Fields[d.r.IntN(len(c.Fields))]
	}
	name := f.JSON
	if f.Name == "spot" || f.Name == "origin" {
		m := d.one("", "city", "zip", "floor")
		if m == "" {
			return b.String() + name, f
		}
		return b.String() + name + "." + m, f.Type.(interface{ Member(string) *schema.Field }).Member(m)
	}
	return b.String() + name, f
}

// fitting draws a path to a field of a kind, most of the time.
func (d *drawer) fitting(c *schema.Class, fit func(schema.Traits, *schema.Field) bool) (string, *schema.Field) {
	for range 30 {
		if name, f := d.path(c); f != nil && f.Many == nil && fit(traits(f), f) {
			return name, f
		}
	}
	return d.path(c)
}

func traits(f *schema.Field) schema.Traits {
	for f.Ref != nil {
		f = f.Ref.To.Key[0]
	}
	if f.Type == nil {
		return schema.Traits{}
	}
	return f.Type.Traits()
}

func likable(t schema.Traits, f *schema.Field) bool    { return t.Like && f.Ref == nil }
func ordered(t schema.Traits, f *schema.Field) bool    { return t.Order && f.Ref == nil }
func filterable(t schema.Traits, _ *schema.Field) bool { return t.Filter }
func personal(_ schema.Traits, f *schema.Field) bool   { return f.Ref != nil && f.Ref.To.Auth != nil }

// text draws a value as filters write it.
func (d *drawer) text(f *schema.Field) string {
	if len(d.odd) > 0 && d.chance(4) {
		return d.one(d.odd...)
	}
	if d.rarely(10) {
		return d.one("", "\x01", "'", `"`, `\`, "9999999999999999999", "1e999", "-0", "NaN", "2026-02-30", "%", "_", "🦖", strings.Repeat("a", 257), "a:b", "not:", "null")
	}
	kind := ""
	for f != nil && f.Ref != nil {
		f = f.Ref.To.Key[0]
	}
	if f != nil && f.Type != nil {
		kind = f.Type.Name()
	}
	switch kind {
	case "int", "percentage":
		return fmt.Sprint(d.r.IntN(12))
	case "bigint":
		return fmt.Sprint(d.r.Int64())
	case "decimal", "float":
		return fmt.Sprintf("%d.%d", d.r.IntN(300), d.r.IntN(99))
	case "bool":
		return d.one("true", "false")
	case "date":
		return fmt.Sprintf("2026-01-%02d", 1+d.r.IntN(28))
	case "datetime":
		return fmt.Sprintf("2026-0%d-%02dT10:00:00Z", 1+d.r.IntN(4), 1+d.r.IntN(28))
	case "time":
		return d.one("08:30:00", "23:59:59", "00:00:00")
	case "duration":
		return d.one("PT1H", "PT90M", "P1D")
	case "uuid":
		return "01890a5d-ac96-774b-bcce-b302099a8057"
	case "email":
		return words(d.r)[:1] + "@x.io"
	case "slug":
		return d.one("b1", "c3", "tag-1", "p1", "tag-9", "new")
	case "enum":
		if e, ok := f.Type.(interface{ Values() []string }); ok && len(e.Values()) > 0 {
			return d.one(e.Values()...)
		}
		return d.one("open", "closed", "lost", "agent", "admin")
	}
	return words(d.r)
}

// term draws one filter.
func (d *drawer) term(c *schema.Class) string {
	not := d.one("", "", "not:")
	switch d.r.IntN(6) {
	case 0:
		name, _ := d.fitting(c, filterable)
		return name + "=" + not + "is:null"
	case 1:
		name, f := d.fitting(c, filterable)
		return name + "=" + not + "in:" + url.QueryEscape(d.text(f)+","+d.text(f))
	case 2:
		name, f := d.fitting(c, likable)
		return name + "=" + not + "like:" + url.QueryEscape(d.one("*", "?*", "a*", "*a*", `\**`, d.text(f)+"*"))
	case 3:
		name, f := d.fitting(c, ordered)
		return name + "=" + not + d.one("lt:", "le:", "gt:", "ge:", "ne:") + url.QueryEscape(d.text(f))
	}
	name, f := d.fitting(c, filterable)
	return name + "=" + not + "eq:" + url.QueryEscape(d.text(f))
}

// where draws an expression.
func (d *drawer) where(c *schema.Class, depth int) string {
	if depth > 0 && d.chance(2) {
		return d.one("not (", "(") + d.where(c, depth-1) + ") " + d.one("and", "or") + " " + d.where(c, depth-1)
	}
	switch d.r.IntN(8) {
	case 0:
		name, _ := d.path(c)
		return name + d.one(" is null", " is not null")
	case 1:
		name, f := d.fitting(c, filterable)
		return name + " in (" + d.literal(f) + ", " + d.literal(f) + ")"
	case 2:
		name, _ := d.fitting(c, personal)
		return name + d.one(" = me", " != me")
	case 3:
		a, f := d.fitting(c, ordered)
		b, _ := d.fitting(c, func(t schema.Traits, g *schema.Field) bool { return g.Type == f.Type })
		return a + d.one(" = ", " < ") + b
	case 4:
		name, f := d.path(c)
		return name + " has " + d.one("me", d.literal(f))
	case 5:
		name, f := d.fitting(c, likable)
		return name + " like " + d.literal(f)
	case 6:
		name, f := d.fitting(c, ordered)
		return name + d.one(" < ", " <= ", " > ", " >= ") + d.literal(f)
	}
	name, f := d.fitting(c, filterable)
	return name + d.one(" = ", " != ") + d.literal(f)
}

// literal draws a value as expressions write it.
func (d *drawer) literal(f *schema.Field) string {
	value := d.text(f)
	if value == "true" || value == "false" || f != nil && numeric(f) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", "''") + "'"
}

func numeric(f *schema.Field) bool {
	for f.Ref != nil {
		f = f.Ref.To.Key[0]
	}
	if f.Type == nil {
		return false
	}
	switch f.Type.Name() {
	case "int", "float", "decimal", "percentage", "bigint":
		return true
	}
	return false
}

func (d *drawer) with(c *schema.Class, depth int) string {
	if len(c.Relations) == 0 {
		return "x"
	}
	rel := c.Relations[d.r.IntN(len(c.Relations))]
	s := rel.Name
	if d.chance(4) {
		s += "(" + d.one("limit=2", "orderBy="+d.order(rel.To), d.term(rel.To), "where="+url.QueryEscape(d.where(rel.To, 1)), "limit=1,2;orderBy=-"+d.order(rel.To)) + ")"
	} else if depth > 0 && d.chance(2) {
		s += "." + d.with(rel.To, depth-1)
	}
	return s
}

func (d *drawer) order(c *schema.Class) string {
	for range 20 {
		if name, f := d.fitting(c, ordered); f != nil && single(c, name) {
			return name
		}
	}
	return "id"
}

// single reports whether a path leads to one row at most.
func single(c *schema.Class, path string) bool {
	for {
		name, rest, found := strings.Cut(path, ".")
		rel := c.Relation(name)
		if !found || rel == nil {
			return true
		}
		if !rel.Single() {
			return false
		}
		c, path = rel.To, rest
	}
}

func (d *drawer) fields(c *schema.Class) string {
	var names []string
	for range 1 + d.r.IntN(3) {
		name, _ := d.path(c)
		names = append(names, name)
	}
	if d.chance(2) {
		names = append(names, "*")
	}
	return strings.Join(names, ",")
}

// shape draws what changes the answer alone.
func (d *drawer) shape(c *schema.Class) string {
	switch d.r.IntN(8) {
	case 0:
		return "?with=" + d.with(c, 2)
	case 1:
		return "?fields=" + d.fields(c)
	case 2:
		return "?dry_run=true"
	case 3:
		return d.one("?pretty=true", "?envelope=true", "?keyByIds=true", "?format=json", "?groupedByClass=true", "?format=csv", "?format=ndjson")
	}
	return ""
}

func (d *drawer) filters(c *schema.Class) string {
	s := "?" + d.term(c)
	if d.chance(3) {
		s += "&where=" + url.QueryEscape(d.where(c, 2))
	}
	return s
}

// query draws modifiers and parameters of a read.
func (d *drawer) query(c *schema.Class, list bool) string {
	var parts []string
	if list {
		for range d.r.IntN(3) {
			parts = append(parts, d.term(c))
		}
		if d.chance(3) {
			parts = append(parts, "where="+url.QueryEscape(d.where(c, 2)))
		}
		if d.chance(3) {
			parts = append(parts, "orderBy="+d.one("", "-", "%2B")+d.order(c)+d.one("", ","+d.order(c)))
		}
		if d.chance(4) {
			parts = append(parts, d.one("limit=3", "limit=2,3", "page=2", "limit=0", "limit=100", "limit=9999,1"))
		}
		if d.chance(4) {
			parts = append(parts, d.one(d.shapes(c)...))
		}
	} else if d.chance(8) {
		parts = append(parts, d.one("deleted=with", "as=3", "as=2", "as=1&as_mode=add", "explain=true"))
	}
	if d.chance(3) {
		parts = append(parts, "with="+d.with(c, 3))
	}
	if d.chance(3) {
		parts = append(parts, "fields="+d.fields(c))
	}
	if d.chance(8) {
		parts = append(parts, d.one("format=csv", "format=ndjson", "keyByIds=true", "groupedByClass=true", "pretty=true"))
	}
	if d.rarely(30) {
		parts = append(parts, d.one("format=xml", "cursor=x", "group=level", "having.count=gt:1", "_x=1", "a[]=1"))
	}
	if len(parts) == 0 {
		return ""
	}
	if list && d.chance(6) && !strings.ContainsAny(parts[0], "&.()") && !strings.Contains(parts[0], ":") {
		mod := parts[0]
		return ";" + mod + "?" + strings.Join(parts[1:], "&")
	}
	return "?" + strings.Join(parts, "&")
}

func (d *drawer) shapes(c *schema.Class) []string {
	all := []string{"count=exact", "count=none", "envelope=true"}
	if c.SoftDelete {
		all = append(all, "deleted=with", "deleted=only")
	}
	if len(c.Search) > 0 {
		all = append(all, "search="+url.QueryEscape(d.text(nil)), "q=a")
	}
	for _, s := range c.Scopes {
		all = append(all, "scope="+s.Name)
	}
	return all
}

// object draws the content of a write.
func (d *drawer) object(c *schema.Class, whole bool) string {
	var b strings.Builder
	b.WriteByte('{')
	put := func(name, value string) {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", name, value)
	}
	for _, f := range c.Fields {
		if f.Type != nil && f.Type.Name() == "password" && !d.chance(200) {
			continue // slow on purpose
		}
		given := d.chance(len(c.Fields)/3 + 1)
		if whole && f.Required() && f.Auto == schema.NoAuto {
			given = !d.chance(20)
		}
		if f.Auto != schema.NoAuto || f.Computed != nil || f.Synthetic || f.ReadOnly {
			given = d.chance(60)
		}
		if !whole && isKey(c, f) {
			given = d.chance(40)
		}
		if given {
			name := f.JSON
			if d.chance(4) {
				name = f.Name
			}
			put(name, d.json(f))
		}
	}
	if d.rarely(20) {
		put(d.one("nothing", "id", "", "__proto__", "created_at", "version", "$if_match", "NAME"), d.one("1", "null", `""`, "{}", "[]"))
	}
	b.WriteByte('}')
	return b.String()
}

// json draws a value of a field.
func (d *drawer) json(f *schema.Field) string {
	if f.Optional && d.chance(6) || d.chance(40) {
		return "null"
	}
	if d.rarely(10) {
		return d.one("1", "-1", "1.5", "1e400", "123456789012345678901234567890", `""`, `"x"`, "true", "[]", "{}", "[null]", "[[[]]]", `{"a":1}`, `"\ud800"`, `"\u0000"`, `"2026-01-01"`, `"\u202e"`, "-0", `[1,"x"]`, `{"add":[1]}`, `{"add":1}`)
	}
	switch {
	case f.Many != nil:
		items := d.one("[]", "[1]", "[2,3]", `[{"id":4}]`, "[1,1]")
		if f.Many.By != nil {
			items = d.one("[]", `["tag-1"]`, `["tag-1","fresh"]`, `[{"id":4}]`, `["tag-0","tag-0"]`)
		}
		if d.chance(3) {
			return `{"add":` + items + `,"remove":` + items + `}`
		}
		return items
	case f.Ref != nil && d.chance(5):
		to := f.Ref.To
		if len(to.Uniques) > 0 {
			u := to.Uniques[0].Fields
			if u[0] == to.Tenant {
				if u = u[1:]; d.chance(4) {
					return fmt.Sprintf(`{%q:%s,%q:%s}`, to.Tenant.JSON, d.json(to.Tenant), u[0].JSON, d.json(u[0]))
				}
			}
			return fmt.Sprintf(`{%q:%s}`, u[0].JSON, d.json(u[0]))
		}
		return fmt.Sprintf(`{%q:%s}`, to.Key[0].JSON, d.json(to.Key[0]))
	case f.Ref != nil && f.Ref.To.Name == "org":
		return quoted(d.org())
	case f.Ref != nil && f.Ref.To.Name == "box":
		return fmt.Sprintf(`"b%d"`, d.r.IntN(7))
	case f.Ref != nil && f.Ref.To.Key[0].Type.Name() == "int":
		return fmt.Sprint(1 + d.r.IntN(14))
	case f.Name == "spot" || f.Name == "origin" || f.Name == "address":
		return d.one(`{"city":"X"}`, `{"city":"X","zip":"12345"}`, `{"zip":null}`, `{"at":{"lat":1.5,"lon":-0.25}}`, `{"at":null,"city":"Y"}`, `{"floor":-4}`, `{"street":"S","city":"C","zip":"12345"}`)
	case f.Type == nil:
		return "1"
	}
	switch f.Type.Name() {
	case "int", "percentage", "float":
		return fmt.Sprint(d.r.IntN(101))
	case "bool":
		return d.one("true", "false")
	case "json":
		return d.one(`{"a":[1,{"b":null}]}`, "1", "[]", `"x"`, "{}")
	case "list":
		if f.Name == "marks" {
			return d.one("[]", "[1,2]", "[1,1]")
		}
		return d.one("[]", `["a"]`, `["a","a","b"]`)
	case "phone":
		return `"+1 555 010 1050"`
	case "url":
		return `"https://x.io/a"`
	case "enum":
		return fmt.Sprintf("%q", d.text(f))
	case "slug":
		return fmt.Sprintf("%q", d.one("b6", "c20", "p6", "tag-9", "n-"+fmt.Sprint(d.r.IntN(99))))
	}
	if t := d.text(f); !strings.ContainsAny(t, "\x01") {
		return quoted(t)
	}
	return `"x"`
}

func quoted(s string) string { return string(schema.AppendQuoted(nil, s)) }

func isKey(c *schema.Class, f *schema.Field) bool { return slices.Contains(c.Key, f) }

// jsonPatch draws operations on the members of a class.
func (d *drawer) jsonPatch(c *schema.Class) string {
	place := func() (string, *schema.Field) {
		f := c.Fields[d.r.IntN(len(c.Fields))]
		for !d.chance(20) && (f.ReadOnly || f.Auto != schema.NoAuto || f.Computed != nil || isKey(c, f) || f.Synthetic) {
			f = c.Fields[d.r.IntN(len(c.Fields))]
		}
		p := "/" + f.JSON
		switch {
		case d.chance(6):
			p += d.one("/0", "/-", "/city", "/a/0", "/add", "/~1", "/99999999999999999999", "/-1", "/00")
		case d.rarely(10):
			p = d.one("", "/", "x", "/nothing", "//", "/~2", "/a/b/c")
		}
		return p, f
	}
	var ops []string
	for range 1 + d.r.IntN(4) {
		p, f := place()
		from, _ := place()
		switch d.r.IntN(6) {
		case 0:
			ops = append(ops, fmt.Sprintf(`{"op":"remove","path":%q}`, p))
		case 1:
			ops = append(ops, fmt.Sprintf(`{"op":%q,"path":%q,"from":%q}`, d.one("move", "copy"), p, from))
		case 2:
			ops = append(ops, fmt.Sprintf(`{"op":"test","path":%q,"value":%s}`, p, d.json(f)))
		default:
			ops = append(ops, fmt.Sprintf(`{"op":%q,"path":%q,"value":%s}`, d.one("add", "replace"), p, d.json(f)))
		}
	}
	return "[" + strings.Join(ops, ",") + "]"
}

// spoil breaks a request a little.
func (d *drawer) spoil(req *request) {
	scraps := []string{";", "=", "&", "%", "%00", "%2F", "..", "(", ")", ",", "'", `"`, "*", "\\", "+", "{", "}", "[", "]", "null", "-", "~", ":", "in:", "not:", "\xff", "é", ";with=", "?", "#", "/", "//", "1e9", "has", " "}
	switch d.r.IntN(5) {
	case 0, 1:
		at := 4 + d.r.IntN(max(1, len(req.target)-4))
		at = min(at, len(req.target))
		cut := min(len(req.target), at+d.r.IntN(3))
		req.target = req.target[:at] + d.one(scraps...) + req.target[cut:]
	case 2, 3:
		if n := len(req.content); n > 0 {
			at := d.r.IntN(n)
			cut := min(n, at+d.r.IntN(3))
			req.content = req.content[:at] + d.one(scraps...) + req.content[cut:]
		} else {
			req.content = d.one("{}", "[]", "null", " ", "{", "1")
		}
	default:
		req.method = d.one("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "PURGE")
	}
}
