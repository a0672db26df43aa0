package actions

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/actions/filter"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

var parts = []string{storage.Year: "year", storage.Quarter: "quarter", storage.Month: "month", storage.Week: "week", storage.Day: "day", storage.Hour: "hour"}

var funcs = []string{storage.Count: "count", storage.Distinct: "distinct", storage.Sum: "sum", storage.Avg: "avg", storage.Min: "min", storage.Max: "max"}

// Parts are the parts of the calendar that times may be grouped by.
func Parts() []string { return parts[1:] }

// Funcs are the functions of measures.
func Funcs() []string { return funcs }

// mostMeasures and mostGroupKeys bound how wide an answer of groups may be.
const (
	mostMeasures  = 16
	mostGroupKeys = 8
)

// aggregatePlan reads groups of rows. Who may list the rows may; what of a row may not be
// seen on every row that is listed cannot be grouped or measured, as it cannot be sorted by.
type aggregatePlan struct {
	a       *Aggregate
	class   *schema.Class // of the rows
	query   storage.Query
	shown   *Shown
	d       *authz.Decision
	restore *authz.Decision
	parent  *parentPlan
	hidden  *storage.Query // of a strict class: a row that is left out
	seed    hash
}

func bindAggregate(x *Exec, action Action) (Plan, error) {
	a := action.(*Aggregate)
	c, err := x.class(a.Class)
	if err != nil {
		return nil, err
	}
	var p problems
	plan := &aggregatePlan{a: a, class: c, d: x.Decide(c, authz.List)}
	if plan.parent, err = x.bindParent(a.Parent); err != nil {
		return nil, err
	}
	var asked schema.Expr
	if plan.parent != nil {
		asked = plan.parent.children(x)
	}
	asked = conj(asked, x.conditions(c, &a.Select, &p, ""))
	rows := storage.Query{Where: conj(x.Resolve(plan.d.Where), asked)}
	plan.restore = x.deleted(c, a.Deleted, &rows, &p)
	plan.hidden = x.withheldRows(c, plan.d, asked, rows.Deleted)
	b := groupBinder{x: x, c: c, p: &p, s: &storage.Summary{Class: c, Where: rows.Where, Deleted: rows.Deleted}}
	b.bind(a)
	if err := p.err(); err != nil {
		return nil, err
	}
	q := &plan.query
	q.Summary, q.Class = b.s, b.s.Rows(b.names)
	for _, f := range q.Class.Fields {
		q.Columns = append(q.Columns, storage.Column{Field: f})
	}
	plan.shown = shownGroups(q.Class)
	q.Where = b.having(q.Class, a.Having)
	q.Order = b.order(q.Class, a.Order)
	b.window(q, &a.Select)
	q.More = true
	q.Total = a.Count == "exact" || a.Count == "estimate" || a.Count == "" && x.counted(&a.Output)
	q.Watch = q.Classes()
	plan.seed = newHash().str(x.Schema.Revision).str("groups").str(c.Name).str(plan.d.ID)
	for _, g := range b.s.Group {
		plan.seed = plan.seed.num(uint64(g.Part))
	}
	for _, m := range b.s.Measures {
		plan.seed = plan.seed.num(uint64(m.Func))
	}
	return plan, p.err()
}

// shownGroups shows every member of a group.
func shownGroups(c *schema.Class) *Shown {
	s := &Shown{Class: c}
	for _, f := range c.Fields {
		s.Members = append(s.Members, Member{Name: f.JSON, Prefix: prefix(f.JSON), Field: f})
	}
	return s
}

// groupBinder binds what groups are made of.
type groupBinder struct {
	x     *Exec
	c     *schema.Class
	p     *problems
	s     *storage.Summary
	names []string // of the members of the answer
}

func (b *groupBinder) bind(a *Aggregate) {
	measures := a.Measure
	if measures == nil {
		measures = []Measure{{Func: "count"}}
	}
	if len(a.Group) > mostGroupKeys {
		b.p.param("group", "too-many", "Groups have at most "+strconv.Itoa(mostGroupKeys)+" members in common.", "")
		return
	}
	if len(measures) > mostMeasures {
		b.p.param("measure", "too-many", "At most "+strconv.Itoa(mostMeasures)+" measures are allowed.", "")
		return
	}
	for i := range a.Group {
		b.group(&a.Group[i])
	}
	for i := range measures {
		b.measure(&measures[i])
	}
}

// member names a member of the answer, once.
func (b *groupBinder) member(param, name string) bool {
	if slices.Contains(b.names, name) {
		b.p.param(param, "duplicate", "The answer would have two members `"+excerpt(name)+"`.", "")
		return false
	}
	b.names = append(b.names, name)
	return true
}

func (b *groupBinder) group(g *Group) {
	path, name := b.path("group", g.By)
	if path == nil {
		return
	}
	part := storage.Part(max(0, slices.Index(parts, g.Part)))
	if g.Part == "" {
		part = storage.Whole
	}
	kind := path.Type.Name()
	switch {
	case g.Part == "" && !path.Type.Traits().Order:
		b.p.param("group", "ungroupable", "`"+excerpt(g.By)+"` has no order, so rows cannot be grouped by it.", "")
		return
	case g.Part == "":
	case part == storage.Whole:
		b.p.param("group", "enum", "The parts of the calendar are "+strings.Join(Parts(), ", ")+".", "")
		return
	case kind != "date" && kind != "datetime" || len(path.Member) > 0:
		b.p.param("group", "unfit", "`"+excerpt(g.By)+"` is no date and no datetime, so it has no "+g.Part+".", "")
		return
	case kind == "date" && part == storage.Hour:
		b.p.param("group", "unfit", "`"+excerpt(g.By)+"` is a date and has no hour.", "")
		return
	default:
		name += "_" + g.Part
	}
	if b.member("group", name) {
		b.s.Group = append(b.s.Group, storage.Group{By: path, Part: part})
	}
}

func (b *groupBinder) measure(m *Measure) {
	i := slices.Index(funcs, m.Func)
	if i < 0 || m.Of == "" && m.Func != "count" {
		b.p.param("measure", "unknown", "A measure is one of "+strings.Join(funcs, ", ")+", all but a plain count of a field.", "")
		return
	}
	bound := storage.Measure{Func: storage.Func(i)}
	name := m.Func
	if m.Of != "" {
		path, of := b.path("measure", m.Of)
		if path == nil || !b.fits(m, path) {
			return
		}
		bound.Of, name = path, of+"_"+m.Func
	}
	if b.member("measure", name) {
		b.s.Measures = append(b.s.Measures, bound)
	}
}

// fits reports whether a function can be of the values of a path.
func (b *groupBinder) fits(m *Measure, x *schema.Path) bool {
	t := x.Type
	_, ranked := t.(schema.Ranked)
	number := t.Kind() == schema.Int || t.Kind() == schema.Float || t.Kind() == schema.Decimal
	why := ""
	switch fn := m.Func; {
	case fn == "count" && t.Kind() == schema.JSON && len(x.Member) == 0 && x.Field.Many == nil:
	case !t.Traits().Order:
		why = "has no order"
	case (fn == "sum" || fn == "avg") && (!number || x.Field.Ref != nil && len(x.Member) == 0):
		why = "is no number"
	case fn == "avg" && t.Name() == "duration":
		why = "is no number"
	case (fn == "min" || fn == "max") && ranked:
		why = "is one of a few words"
	}
	if why != "" {
		b.p.param("measure", "unfit", "`"+m.Func+"` does not work on `"+excerpt(m.Of)+"`, which "+why+".", "")
	}
	return why == ""
}

// path binds what rows are grouped or measured by, and says what it is called in the
// answer. As for an order, the subject must see it on every row.
func (b *groupBinder) path(param, text string) (*schema.Path, string) {
	x, c := b.x, b.c
	bound, err := expr.BindPath(x.scopeOf(c), text)
	if f := c.Field(text); f != nil && f.Synthetic {
		b.p.param(param, "unfit", "`"+c.Name+"` has several key fields: name them.", "")
		return nil, ""
	}
	if err != nil {
		x.unknown(c, param, text, b.p, err)
		return nil, ""
	}
	path, ok := bound.Operand()
	if !ok {
		b.p.param(param, "unfit", "`"+excerpt(text)+"` leads to several rows; use what belongs to one.", "")
		return nil, ""
	}
	path, hidden := x.securePath(path, c)
	if hidden != nil {
		x.unknown(c, param, text, b.p, nil)
		return nil, ""
	}
	var names []string
	for _, s := range path.Steps {
		names = append(names, s.Rel.JSON)
	}
	names = append(append(names, path.Field.JSON), path.Member...)
	return path, strings.Join(names, ".")
}

// output finds a member of the answer.
func (b *groupBinder) output(c *schema.Class, param, name string) *schema.Path {
	i := slices.Index(b.names, name)
	if i < 0 {
		b.p.param(param, "unknown", "The groups have no member `"+excerpt(name)+"`; they have "+strings.Join(b.names, ", ")+".", suggest(name, b.names))
		return nil
	}
	return &schema.Path{Field: c.Fields[i], Type: c.Fields[i].Type}
}

// having binds conditions on the groups.
func (b *groupBinder) having(c *schema.Class, terms []filter.Term) schema.Expr {
	var all []schema.Expr
	if len(terms) > b.x.Limits.FilterTerms {
		b.p.param("having", "too-many", "At most "+strconv.Itoa(b.x.Limits.FilterTerms)+" filters are allowed.", "")
		return nil
	}
	for i := range terms {
		t := &terms[i]
		param := "having." + t.Path
		x := b.output(c, param, t.Path)
		switch {
		case x == nil:
			continue
		case len(t.Args) > b.x.Limits.InElements:
			b.p.param(param, "too-many", "`in` takes at most "+strconv.Itoa(b.x.Limits.InElements)+" values.", "")
			continue
		case t.Op == "like" && len(t.Args) > 0 && len(t.Args[0]) > b.x.Limits.Pattern:
			b.x.longPattern(param, b.p)
			continue
		}
		e, err := filter.Lower(*t, x, x.Type)
		if err != nil {
			b.p.param(param, "operand", sentence(err), "")
			continue
		}
		all = append(all, e)
	}
	return conj(all...)
}

// order binds sort keys and appends what the groups have in common, so that the order is total.
func (b *groupBinder) order(c *schema.Class, keys []Order) []storage.Order {
	if len(keys) > b.x.Limits.OrderKeys {
		b.p.param("orderBy", "too-many", "At most "+strconv.Itoa(b.x.Limits.OrderKeys)+" sort keys are allowed.", "")
		return nil
	}
	var out []storage.Order
	add := func(by *schema.Path, desc bool) {
		if by != nil && !slices.ContainsFunc(out, func(o storage.Order) bool { return o.By.Field == by.Field }) {
			out = append(out, storage.Order{By: by, Desc: desc})
		}
	}
	for _, k := range keys {
		add(b.output(c, "orderBy", k.By), k.Desc)
	}
	for _, f := range c.Fields[:len(b.s.Group)] {
		add(&schema.Path{Field: f, Type: f.Type}, false)
	}
	return out
}

// window binds skip, limit and page. Without a limit there are all groups, up to the
// number of records that an answer may have.
func (b *groupBinder) window(q *storage.Query, s *Select) {
	most := b.x.Limits.Rows
	q.Limit = most
	if s.Page != nil {
		q.Limit = b.x.Limits.Page
	}
	if s.Limit != nil {
		if q.Limit = *s.Limit; q.Limit > most {
			b.p.param("limit", "range", "At most "+strconv.Itoa(most)+" groups are allowed.", "")
		}
	}
	if s.Skip != nil {
		q.Skip = *s.Skip
	}
	if s.Page != nil {
		if *s.Page > 1 && q.Limit > b.x.Limits.Skip/(*s.Page-1) {
			q.Skip = b.x.Limits.Skip + 1
		} else {
			q.Skip = (*s.Page - 1) * q.Limit
		}
	}
	if q.Skip > b.x.Limits.Skip {
		b.p.param("limit", "range", "At most "+strconv.Itoa(b.x.Limits.Skip)+" groups may be skipped.", "Leave out groups with `having`, or rows with a filter.")
	}
}

// Authorize needs the right to list.
func (p *aggregatePlan) Authorize(x *Exec) error {
	if p.parent != nil {
		if err := p.parent.authorize(x); err != nil {
			return err
		}
	}
	if err := x.permit(p.d, p.class, authz.List); err != nil {
		return err
	}
	if p.restore != nil {
		return x.permit(p.restore, p.class, authz.Restore)
	}
	return nil
}

// Read returns the groups. When the client's tag is still current, nothing is worked out.
func (p *aggregatePlan) Read(ctx context.Context, x *Exec, r storage.Reader) (*Result, error) {
	if err := p.enter(ctx, x, r); err != nil {
		return nil, err
	}
	if c := p.conditions(); c.HasNoneMatch || c.HasMatch {
		counters, err := r.Counters(ctx, p.query.Watch)
		if err != nil {
			return nil, err
		}
		if res, err := p.current(x, counters); res != nil || err != nil {
			return res, err
		}
	}
	k, rows, err := p.read(ctx, x, r)
	if err != nil {
		return nil, err
	}
	res := p.answer(x, k)
	res.Rows = rows
	return res, nil
}

// Keep implements Keeping.
func (p *aggregatePlan) Keep(x *Exec) *Keep {
	k := x.keep(p, p.class, &p.query, p.shown, p.hidden, &p.a.Output)
	if k != nil {
		k.Key = key(k.Key).flags(p.open())
	}
	return k
}

func (p *aggregatePlan) enter(ctx context.Context, x *Exec, r storage.Reader) error {
	if p.parent == nil {
		return nil
	}
	return p.parent.exists(ctx, x, r)
}

func (p *aggregatePlan) conditions() *If { return &p.a.If }

func (p *aggregatePlan) current(x *Exec, counters []int64) (*Result, error) {
	return currentList(p, x, counters)
}

// open reports whether all groups are asked for.
func (p *aggregatePlan) open() bool { return p.a.Limit == nil && p.a.Page == nil }

func (p *aggregatePlan) read(ctx context.Context, x *Exec, r storage.Reader) (*Kept, []storage.Row, error) {
	page, err := x.whole(ctx, r, p.hidden, &p.query)
	if err != nil {
		return nil, nil, err
	}
	if page.More && p.open() {
		return nil, nil, Invalid(Problem{Code: "too-many", Parameter: "group", Detail: "There are more than " +
			strconv.Itoa(x.Limits.Rows) + " groups; give a limit, or leave some out with `having` or a filter."})
	}
	return keptPage(&p.query, page), page.Rows, nil
}

func (p *aggregatePlan) answer(x *Exec, k *Kept) *Result {
	return &Result{Outcome: Found, Class: p.query.Class, View: p.shown, List: true, Page: k.info(&p.query), Tag: p.tag(k.Counters)}
}

func (p *aggregatePlan) touched() []*schema.Class {
	switch {
	case p.restore != nil:
		return nil
	case p.parent != nil:
		return append([]*schema.Class{p.parent.class}, p.query.Watch...)
	}
	return p.query.Watch
}

// tag is that of a list: the counters of every class it touches, and what the answer is made of.
func (p *aggregatePlan) tag(counters []int64) string {
	var room [512]byte
	h := hashOutput(hashShown(p.seed, p.shown), &p.a.Output)
	h, buf := hashQuery(h, &p.query, room[:0])
	s := p.query.Summary
	paths := make([]*schema.Path, 0, len(s.Group)+len(s.Measures))
	for _, g := range s.Group {
		paths = append(paths, g.By)
	}
	for _, m := range s.Measures {
		if m.Of != nil {
			paths = append(paths, m.Of)
		}
	}
	for _, x := range paths {
		buf = expr.AppendOperand(buf[:0], x)
		h = h.bytes(buf)
	}
	h, _ = hashQuery(h, &storage.Query{Where: s.Where, Deleted: s.Deleted}, buf)
	if p.query.Total {
		h = h.str("total")
	}
	return tag(counters[0], counters[1:], h)
}
