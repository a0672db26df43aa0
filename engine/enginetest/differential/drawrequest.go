package differential

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// drawer draws requests that speak the language of a schema and of the rows that
// there are. Most make sense, some are at an edge, some are wrong.
type drawer struct {
	dice
	s *schema.Schema
	// rows reads every row of a class, deleted ones too.
	rows func(c *schema.Class) []storage.Row
	// rough floats and vast numbers are drawn where nothing adds them up: in which
	// order that is done, and for which rows beyond a page, is nobody's promise.
	rough, vast bool
	tags        []seen
	pages       []turned
	who         subject
	content     mode // what the content being drawn is for
	forget      func()
}

// seen is an entity tag of an earlier answer.
type seen struct {
	step          int
	target, place string
}

// turned is a request whose answer has cursors of other pages.
type turned struct {
	step
	cursors int
}

// exposed are the classes that requests are about.
func (d *drawer) exposed() []*schema.Class {
	return slices.DeleteFunc(slices.Clone(d.s.Classes), func(c *schema.Class) bool { return c.Internal || !c.Expose })
}

func (d *drawer) known(c *schema.Class) []storage.Row {
	if d.rows == nil {
		return nil
	}
	return d.rows(c)
}

// someRow draws a row, a deleted one rarely.
func (d *drawer) someRow(c *schema.Class, deleted bool) *storage.Row {
	rows := d.known(c)
	if len(rows) == 0 {
		return nil
	}
	for range 8 {
		r := &rows[d.IntN(len(rows))]
		if c.DeletedAt == nil || r.Values[c.DeletedAt.Index].IsNull() != deleted {
			return r
		}
	}
	return &rows[d.IntN(len(rows))]
}

// someID draws the id of a row that lives.
func (d *drawer) someID(c *schema.Class) (string, bool) {
	r := d.someRow(c, false)
	if r == nil {
		return "", false
	}
	return schema.FormatKey(c, r.Key(c)), true
}

// id draws an id: mostly one that is there.
func (d *drawer) id(c *schema.Class, deleted bool) string {
	if d.most(12) {
		if r := d.someRow(c, deleted); r != nil {
			return schema.FormatKey(c, r.Key(c))
		}
	}
	if d.once(3) {
		return d.one("0", "-1", "9223372036854775808", "00", "+1", " ", "a/b", "null", "1-", "-", "~", "~x", "1.0", "999")
	}
	key := make([]schema.Value, len(c.Key))
	for i, f := range c.Key {
		t := keyType(f)
		v, bad := t.Decode([]byte(d.value(t, false)))
		if len(bad) > 0 {
			return "1"
		}
		key[i] = v
	}
	return schema.FormatKey(c, key)
}

// item is the path of a row.
func (d *drawer) item(c *schema.Class, deleted bool) string {
	return "/api/" + c.Collection + "/" + url.PathEscape(d.id(c, deleted))
}

// The kinds of requests, and how often each is drawn.
var kinds = []struct {
	weight int
	row    bool // about a row that should be there
	draw   func(d *drawer, c *schema.Class) step
}{
	{30, false, (*drawer).list}, {10, true, (*drawer).get}, {5, true, (*drawer).related}, {2, true, (*drawer).getProperty}, {2, false, (*drawer).again}, {6, false, (*drawer).turn}, {6, false, (*drawer).groups},
	{16, false, (*drawer).create}, {3, true, (*drawer).createIn}, {14, true, (*drawer).patch}, {5, true, (*drawer).jsonPatch}, {5, true, (*drawer).put}, {3, true, (*drawer).putProperty},
	{3, true, (*drawer).patchEach}, {3, true, (*drawer).patchWhere}, {5, true, (*drawer).remove}, {2, true, (*drawer).removeWhere},
	{4, true, (*drawer).restore}, {2, true, (*drawer).purge}, {6, true, (*drawer).run}, {1, false, (*drawer).oddity},
}

// creation is the place of create among the kinds.
const creation = 7

var kindWeights = func() (w []int) {
	for _, k := range kinds {
		w = append(w, k.weight)
	}
	return w
}()

// request draws one request.
func (d *drawer) request(n int) step {
	d.who = pick(d.dice, []subject{admin, admin, admin, admin, admin, manager, manager, clerk, clerk, other, somebody, nobody})
	c := pick(d.dice, d.exposed())
	if c.Auth != nil && d.most(4) {
		c = pick(d.dice, d.exposed())
	}
	kind := kinds[d.weighted(kindWeights)]
	if kind.row && len(d.known(c)) == 0 && d.most(10) {
		kind = kinds[creation]
	}
	s := kind.draw(d, c)
	if d.once(16) {
		s = d.compound()
	}
	s.n, s.who = n, d.who
	d.conditional(&s)
	if d.once(14) {
		s.fields = append(s.fields, d.one("Prefer: return=minimal", "Prefer: return=representation", "Accept: text/csv", "Accept: application/x-ndjson", "Accept: */*;q=0.1"))
	}
	if d.once(40) {
		d.spoil(&s)
	}
	return s
}

// list draws a search.
func (d *drawer) list(c *schema.Class) step {
	return step{method: d.reading(), target: "/api/" + c.Collection + d.listing(c)}
}

func (d *drawer) reading() string {
	if d.once(12) {
		return "HEAD"
	}
	return "GET"
}

func (d *drawer) get(c *schema.Class) step {
	return step{method: d.reading(), target: d.item(c, d.once(6)) + d.viewing(c)}
}

// again repeats an earlier read with its tag, or without.
func (d *drawer) again(c *schema.Class) step {
	var reads []seen
	for _, t := range d.tags {
		if strings.HasPrefix(t.target, "GET ") {
			reads = append(reads, t)
		}
	}
	if len(reads) == 0 {
		return d.get(c)
	}
	t := pick(d.dice, reads)
	s := step{method: "GET", target: strings.TrimPrefix(t.target, "GET ")}
	if d.most(4) {
		s.fields = append(s.fields, fmt.Sprintf(`If-None-Match: "$tag%d"`, t.step))
	}
	return s
}

// turn goes on to another page of a list, mostly one of the last.
func (d *drawer) turn(c *schema.Class) step {
	if len(d.pages) == 0 {
		return d.list(c)
	}
	p := d.pages[len(d.pages)-1]
	if d.once(3) {
		p = pick(d.dice, d.pages)
	}
	if d.most(8) {
		d.who = p.who
	}
	path, query, _ := strings.Cut(p.target, "?")
	var rest []string
	for pair := range strings.SplitSeq(query, "&") {
		if name, _, _ := strings.Cut(pair, "="); pair != "" && name != "limit" && name != "page" && name != "cursor" {
			rest = append(rest, pair)
		}
	}
	if !strings.Contains(path, ";limit") {
		rest = append(rest, d.one("limit=1", "limit=2", "limit=3"))
	}
	rest = append(rest, fmt.Sprintf("cursor=$cursor%d.%d", p.n, d.IntN(p.cursors)))
	if d.once(15) {
		rest = append(rest, d.term(c))
	}
	return step{method: d.reading(), target: path + "?" + strings.Join(rest, "&")}
}

// groups draws a list of groups.
func (d *drawer) groups(c *schema.Class) step {
	var names, groups, measures []string
	for range d.IntN(3) {
		e, ok := d.path(c, ofClient, 1, func(e *end) bool { return ordered(e) && (!e.many || d.once(20)) })
		if !ok {
			continue
		}
		text := e.text
		if k := e.typ.Name(); (k == "date" || k == "datetime") && d.most(2) || d.once(40) {
			text += ":" + d.one("year", "quarter", "month", "week", "day", "hour")
		}
		groups, names = append(groups, text), append(names, strings.ReplaceAll(text, ":", "_"))
	}
	for range d.IntN(3) {
		e, ok := d.path(c, ofClient, 1, func(e *end) bool { return !e.many || d.once(20) })
		if !ok {
			continue
		}
		fns := []string{"count", "distinct", "min", "max"}
		if k := e.typ.Kind(); (k == schema.Int || k == schema.Decimal || k == schema.Float && !d.rough) && !d.vast {
			fns = append(fns, "sum", "avg", "sum", "avg")
		}
		fn := pick(d.dice, fns)
		measures, names = append(measures, fn+":"+e.text), append(names, e.text+"_"+fn)
	}
	if len(groups) == 0 || len(measures) == 0 || d.once(2) {
		measures, names = append(measures, "count"), append(names, "count")
	}
	parts := []string{"measure=" + strings.Join(measures, ",")}
	if len(groups) > 0 {
		parts = append(parts, "group="+strings.Join(groups, ","))
	}
	if d.once(3) {
		parts = append(parts, d.term(c))
	}
	if d.once(3) {
		parts = append(parts, "orderBy="+d.one("", "-")+pick(d.dice, names))
	}
	if d.once(3) {
		parts = append(parts, "having."+pick(d.dice, names)+"="+d.one("gt:0", "gt:1", "le:2", "ne:1", "not:is:null", "is:null", "in:1,2", "not:eq:1"))
	}
	if d.once(4) {
		parts = append(parts, d.one("limit=1", "limit=2", "limit=1,1", "page=2&limit=1", "limit=0"), d.one("count=exact", "count=none"))
	}
	if c.SoftDelete && d.once(6) {
		parts = append(parts, d.one("deleted=with", "deleted=only"))
	}
	if d.once(10) {
		parts = append(parts, d.one("format=csv", "format=ndjson", "envelope=true", "pretty=true"))
	}
	return step{method: d.reading(), target: "/api/" + c.Collection + "?" + strings.Join(parts, "&")}
}

// related reads what is at the end of a relation.
func (d *drawer) related(c *schema.Class) step {
	rels := d.ways(c)
	if len(rels) == 0 {
		return d.get(c)
	}
	r := pick(d.dice, rels)
	s := step{method: "GET", target: d.item(c, false) + "/" + r.JSON}
	if r.Single() {
		s.target += d.viewing(r.To)
	} else {
		s.target += d.listing(r.To)
	}
	return s
}

func (d *drawer) getProperty(c *schema.Class) step {
	return step{method: "GET", target: d.item(c, false) + "/" + pick(d.dice, c.Fields).JSON}
}

func (d *drawer) create(c *schema.Class) step {
	c = d.possible(c)
	content := d.object(c, creating, nil)
	if d.once(5) {
		items := []string{content}
		for range d.IntN(3) {
			items = append(items, d.object(c, creating, nil))
		}
		if d.once(6) {
			return step{method: "POST", target: "/api/" + c.Collection, content: strings.Join(items, "\n"), fields: []string{"Content-Type: application/x-ndjson"}}
		}
		content = "[" + strings.Join(items, ",") + "]"
	}
	return step{method: "POST", target: "/api/" + c.Collection + d.answer(c), content: content}
}

// possible is the class, or one that rows of it need first.
func (d *drawer) possible(c *schema.Class) *schema.Class {
	for range 5 {
		var missing *schema.Class
		for _, f := range c.Fields {
			if f.Ref != nil && f.Required() && len(d.known(f.Ref.To)) == 0 {
				missing = f.Ref.To
			}
		}
		if missing == nil {
			break
		}
		c = missing
	}
	return c
}

// createIn makes a row below another.
func (d *drawer) createIn(c *schema.Class) step {
	rels := slices.DeleteFunc(d.ways(c), (*schema.Relation).Single)
	if len(rels) == 0 {
		return d.create(c)
	}
	r := pick(d.dice, rels)
	var leave *schema.Field
	if r.Kind == schema.ToMany && d.most(6) {
		leave = r.Field
	}
	return step{method: "POST", target: d.item(c, false) + "/" + r.JSON + d.answer(r.To), content: d.object(r.To, creating, leave)}
}

func (d *drawer) patch(c *schema.Class) step {
	s := step{method: "PATCH", target: d.item(c, false) + d.answer(c), content: d.object(c, patching, nil)}
	if d.once(10) {
		s.target = d.guarded(c, s.target)
	}
	if d.once(4) {
		s.fields = append(s.fields, "Content-Type: application/merge-patch+json")
	}
	return s
}

// guarded adds a filter to a write of one row.
func (d *drawer) guarded(c *schema.Class, target string) string {
	if strings.Contains(target, "?") {
		return target
	}
	return target + "?" + d.term(c)
}

func (d *drawer) put(c *schema.Class) step {
	return step{method: "PUT", target: d.item(c, false) + d.answer(c), content: d.object(c, replacing, nil)}
}

func (d *drawer) putProperty(c *schema.Class) step {
	for range 10 {
		f := pick(d.dice, c.Fields)
		if !d.sendable(f, patching) {
			continue
		}
		s := step{method: "PUT", target: d.item(c, false) + "/" + f.JSON, content: d.member(f)}
		if d.once(6) {
			s.method, s.content = "DELETE", ""
		}
		return s
	}
	return d.put(c)
}

// patchEach patches several rows by id.
func (d *drawer) patchEach(c *schema.Class) step {
	var members []string
	var ids []string
	for range d.between(1, 3) {
		id := d.id(c, false)
		if slices.Contains(ids, id) && d.most(10) {
			continue
		}
		ids = append(ids, id)
		patch := d.object(c, patching, nil)
		if tag, ok := d.tagOf("/api/" + c.Collection + "/" + url.PathEscape(id)); ok && (d.once(4) || c.Concurrency == "required") {
			patch = strings.Replace(patch, "{", fmt.Sprintf(`{"$if_match":"$tag%d",`, tag), 1)
			patch = strings.Replace(patch, ",}", "}", 1)
		}
		members = append(members, quoted(id)+":"+patch)
	}
	return step{method: "PATCH", target: "/api/" + c.Collection, content: "{" + strings.Join(members, ",") + "}"}
}

func (d *drawer) patchWhere(c *schema.Class) step {
	return step{method: "PATCH", target: d.somewhere(c), content: d.object(c, patching, nil)}
}

func (d *drawer) removeWhere(c *schema.Class) step {
	return step{method: "DELETE", target: d.somewhere(c)}
}

// somewhere is a collection with a filter, of one row in half of the cases.
func (d *drawer) somewhere(c *schema.Class) string {
	filter := d.term(c)
	if id, ok := d.someID(c); ok && d.once(2) {
		filter = d.keyName(c) + "=" + url.QueryEscape("eq:"+id)
	}
	return "/api/" + c.Collection + "?" + filter + "&max_affected=" + d.one("1", "3", "100", "100")
}

// keyName is the member that holds the id.
func (d *drawer) keyName(c *schema.Class) string {
	if len(c.Key) == 1 {
		return c.Key[0].JSON
	}
	return "id"
}

func (d *drawer) remove(c *schema.Class) step {
	s := step{method: "DELETE", target: d.item(c, d.once(8))}
	if d.once(10) {
		s.target = d.guarded(c, s.target)
	}
	return s
}

func (d *drawer) restore(c *schema.Class) step {
	for i := 0; !c.SoftDelete && i < 8; i++ {
		c = pick(d.dice, d.exposed())
	}
	return step{method: "POST", target: d.item(c, d.most(8)) + "/restore" + d.answer(c)}
}

func (d *drawer) purge(c *schema.Class) step {
	for i := 0; !c.SoftDelete && i < 8; i++ {
		c = pick(d.dice, d.exposed())
	}
	return step{method: "POST", target: d.item(c, d.most(4)) + "/purge"}
}

// run draws a declared action.
func (d *drawer) run(c *schema.Class) step {
	for i := 0; len(c.Actions) == 0 && i < 8; i++ {
		c = pick(d.dice, d.exposed())
	}
	if len(c.Actions) == 0 {
		return d.patch(c)
	}
	a := pick(d.dice, c.Actions)
	s := step{method: "POST", target: d.item(c, false) + "/" + a.Path + d.answer(c)}
	var members []string
	for _, f := range a.Input {
		if !f.Optional || d.most(3) {
			members = append(members, quoted(f.JSON)+":"+d.member(f))
		}
	}
	if len(members) > 0 || d.once(2) {
		s.content = "{" + strings.Join(members, ",") + "}"
	}
	return s
}

// oddity draws what is about no row.
func (d *drawer) oddity(c *schema.Class) step {
	switch d.IntN(4) {
	case 0:
		return step{method: "OPTIONS", target: d.item(c, false)}
	case 1:
		return step{method: "GET", target: "/api/auth/me"}
	case 2:
		return step{method: "PUT", target: "/api/" + c.Collection, content: "{}"}
	}
	return step{method: "POST", target: "/api/" + c.Collection, content: pick(d.dice, wrongs)}
}

// tagOf is a step that showed a tag of a row, whatever the view; the last one mostly.
func (d *drawer) tagOf(place string) (n int, ok bool) {
	for _, t := range slices.Backward(d.tags) {
		if t.place == place {
			if n, ok = t.step, true; d.most(4) {
				break
			}
		}
	}
	return n, ok
}

// another is a step that showed a tag of any row of the same class. Those of other
// classes, and of lists, may have the same version by accident.
func (d *drawer) another(c *schema.Class) (n int, ok bool) {
	prefix := "/api/" + c.Collection + "/"
	for _, t := range slices.Backward(d.tags) {
		if id, is := strings.CutPrefix(t.place, prefix); is && !strings.Contains(id, "/") {
			if n, ok = t.step, true; d.once(3) {
				break
			}
		}
	}
	return n, ok
}

// conditional adds preconditions.
func (d *drawer) conditional(s *step) {
	c := classOf(d.s, &step{target: s.target})
	if c == nil {
		return
	}
	read := s.method == "GET" || s.method == "HEAD"
	required := !read && c.Concurrency == "required" && d.most(6)
	if !required && d.most(9) || len(s.fields) > 0 && read {
		return
	}
	last, known := d.tagOf(placeOf(s, &answer{}))
	foreign, any := d.another(c)
	switch {
	case required && s.method == "POST":
	case known && (required || d.most(3)):
		s.fields = append(s.fields, fmt.Sprintf(`%s: "$tag%d"`, d.one("If-Match", map[bool]string{false: "If-Match", true: "If-None-Match"}[read]), last))
	case required:
		s.fields = append(s.fields, "If-Match: *")
	case any && d.once(2):
		s.fields = append(s.fields, fmt.Sprintf(`%s: "$tag%d"`, d.one("If-Match", "If-None-Match"), foreign))
	default:
		s.fields = append(s.fields, d.one("If-Match: *", "If-None-Match: *", `If-Match: "0.x"`, `If-None-Match: "0.x", "y"`, `If-Match: W/"1.x"`, "If-Match: oops",
			"If-Modified-Since: Wed, 04 Mar 2026 12:00:05 GMT", "If-Unmodified-Since: Wed, 04 Mar 2026 12:00:05 GMT", "If-Unmodified-Since: Wed, 04 Mar 2026 11:00:00 GMT"))
	}
}

// spoil breaks a request a little.
func (d *drawer) spoil(s *step) {
	scraps := []string{";", "=", "&", "%", "%00", "%2F", "..", "(", ")", ",", "'", `"`, "*", `\`, "+", "{", "}", "[", "]", "null", "-", "~", ":", "in:", "not:", "é", "1e9", " "}
	part := &s.target
	if s.content != "" && !strings.Contains(s.content, "$tag") && d.once(2) {
		part = &s.content
	}
	at := d.between(min(5, len(*part)), len(*part))
	cut := min(len(*part), at+d.IntN(3))
	*part = (*part)[:at] + d.one(scraps...) + (*part)[cut:]
	s.target = strings.ReplaceAll(s.target, " ", "%20")
}
