package actions

import (
	"context"
	"slices"
	"strconv"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// getPlan reads one row by its key.
type getPlan struct {
	a        *Get
	class    *schema.Class
	view     *boundView
	query    storage.Query
	property *Member
	d        *authz.Decision
	restore  *authz.Decision // set when soft-deleted rows are asked for
}

func bindGet(x *Exec, action Action) (Plan, error) {
	a := action.(*Get)
	if a.AsOf != "" {
		return bindAsOf(x, a)
	}
	c, err := x.class(a.Class)
	if err != nil {
		return nil, err
	}
	key, err := x.key(c, a.ID)
	if err != nil {
		return nil, err
	}
	var p problems
	v := a.View
	if a.Property != "" {
		v = View{Fields: []string{a.Property}}
	}
	plan := &getPlan{a: a, class: c, d: x.Decide(c, authz.Get)}
	plan.view = x.bindView(c, &v, &p)
	if a.Property != "" {
		if plan.property = plan.view.shown.member(a.Property); plan.property == nil {
			return nil, Errorf(NotFound, "`"+c.Name+"` has no member `"+excerpt(a.Property)+"`.")
		}
	}
	plan.query = plan.view.query
	plan.query.Key = key
	plan.query.Limit = 1
	plan.query.Watch = plan.view.watch
	plan.query.Where = x.Resolve(plan.d.Where)
	plan.restore = x.deleted(c, a.Deleted, &plan.query, &p)
	return plan, p.err()
}

// member finds a shown member by its wire or declared name.
func (s *Shown) member(name string) *Member {
	f := s.Class.Field(name)
	for i := range s.Members {
		m := &s.Members[i]
		if m.Name == name || f != nil && m.Field == f {
			return m
		}
	}
	return nil
}

// deleted lets soft-deleted rows take part, for those who may restore them.
func (x *Exec) deleted(c *schema.Class, mode string, q *storage.Query, p *problems) *authz.Decision {
	switch mode {
	case "":
		return nil
	case "with":
		q.Deleted = storage.WithDeleted
	case "only":
		q.Deleted = storage.OnlyDeleted
	default:
		p.param("deleted", "enum", "`deleted` is `with` or `only`.", "")
		return nil
	}
	if !c.SoftDelete {
		p.param("deleted", "unfit", "`"+c.Name+"` has no soft delete.", "")
		return nil
	}
	d := x.Decide(c, authz.Restore)
	if d.Effect == authz.Conditional {
		live := schema.IsNull{X: &schema.Path{Field: c.DeletedAt, Type: c.DeletedAt.Type}}
		q.Where = conj(q.Where, schema.Or{live, x.Resolve(d.Where)})
	}
	return d
}

// Authorize needs the right to get, and to restore where deleted rows are asked for.
func (g *getPlan) Authorize(x *Exec) error {
	if err := x.permit(g.d, g.class, authz.Get); err != nil {
		return err
	}
	if g.restore != nil {
		if err := x.permit(g.restore, g.class, authz.Restore); err != nil {
			return err
		}
	}
	return x.permitExpansions(&g.query)
}

// permitExpansions asks for the read right on every class a view expands.
func (x *Exec) permitExpansions(q *storage.Query) error {
	for i := range q.Expand {
		e := &q.Expand[i]
		verb := authz.List
		if e.Rel.Single() {
			verb = authz.Get
		}
		if err := x.permit(x.Decide(e.Rel.To, verb), e.Rel.To, verb); err != nil {
			return err
		}
		if err := x.permitExpansions(&e.Query); err != nil {
			return err
		}
	}
	return nil
}

// Read returns the row, or says that the client's copy is current.
func (g *getPlan) Read(ctx context.Context, x *Exec, r storage.Reader) (*Result, error) {
	if current, err := g.unchanged(ctx, x, r); current != nil || err != nil {
		return current, err
	}
	k, rows, err := g.read(ctx, x, r)
	if err != nil {
		return nil, err
	}
	res := g.answer(x, k)
	if err := res.condition(&g.a.If); err != nil {
		return nil, err
	}
	if res.Outcome == Found {
		res.Rows = rows
	}
	return res, nil
}

// Keep implements Keeping. A row alone is found as fast as its counters are.
func (g *getPlan) Keep(x *Exec) *Keep {
	if len(g.view.watch) == 0 || g.property != nil {
		return nil
	}
	k := x.keep(g, g.class, &g.query, g.view.shown, nil, &g.a.Output)
	if k != nil {
		k.Key = key(k.Key).str(g.a.ID)
		k.Watch = g.query.Classes()
		g.query.Watch = k.Watch
	}
	return k
}

func (g *getPlan) enter(context.Context, *Exec, storage.Reader) error { return nil }

func (g *getPlan) conditions() *If { return &g.a.If }

func (g *getPlan) current(*Exec, []int64) (*Result, error) { return nil, nil }

func (g *getPlan) read(ctx context.Context, x *Exec, r storage.Reader) (*Kept, []storage.Row, error) {
	page, err := r.Read(ctx, &g.query)
	if err != nil {
		return nil, nil, err
	}
	if len(page.Rows) == 0 {
		return nil, nil, x.hidden(g.class, g.a.ID)
	}
	if err := x.budget(page.Rows); err != nil {
		return nil, nil, err
	}
	row := &page.Rows[0]
	if g.property != nil && g.property.Test > 0 && !row.Test(int(g.property.Test-1)) {
		return nil, nil, Errorf(NotFound, "`"+g.class.Name+"` has no member `"+excerpt(g.a.Property)+"`.")
	}
	k := &Kept{Counters: page.Counters, Rows: 1, ID: schema.FormatKey(g.class, row.Key(g.class)), Version: row.Version, Tests: row.Tests}
	return k, page.Rows, nil
}

func (g *getPlan) answer(x *Exec, k *Kept) *Result {
	counters := make([]int64, len(g.view.watch))
	for i, c := range g.view.watch { // those that the tag is about
		counters[i] = k.Counters[slices.Index(g.query.Watch, c)]
	}
	row := &storage.Row{Version: k.Version, Tests: k.Tests}
	return &Result{
		Outcome: Found, Class: g.class, View: g.view.shown, Property: g.property,
		ID: k.ID, Tag: x.itemTag(g.view, row, counters, g.a.Property, &g.a.Output),
	}
}

// unchanged answers a client whose copy is still right by the version of the row
// alone; nil, nil is to be answered with the row.
func (g *getPlan) unchanged(ctx context.Context, x *Exec, r storage.Reader) (*Result, error) {
	if !g.a.If.HasNoneMatch || g.a.If.HasMatch || len(g.query.Expand) > 0 {
		return nil, nil
	}
	q := g.query
	q.Columns = nil
	page, err := r.Read(ctx, &q)
	if err != nil || len(page.Rows) == 0 {
		return nil, err
	}
	row := &page.Rows[0]
	if g.property != nil && g.property.Test > 0 && !row.Test(int(g.property.Test-1)) {
		return nil, nil
	}
	tag := x.itemTag(g.view, row, page.Counters, g.a.Property, &g.a.Output)
	if g.a.If.noneMatch(tag) {
		return nil, nil
	}
	return &Result{Outcome: NotModified, Class: g.class, View: g.view.shown, Property: g.property, Tag: tag}, nil
}

// condition applies the preconditions of a read in the order of RFC 9110 §13.2.2.
func (r *Result) condition(c *If) error {
	if c.HasMatch && !c.matches(r.Tag) {
		return &Error{Code: PreconditionFailed, Detail: "The representation has another entity tag than If-Match names.", Tag: r.Tag}
	}
	if !c.noneMatch(r.Tag) {
		r.Outcome, r.Rows = NotModified, nil
	}
	return nil
}

// budget refuses answers with more rows than one response may have.
func (x *Exec) budget(rows []storage.Row) error {
	if countRows(rows, x.Limits.Rows) > x.Limits.Rows {
		return TooManyRows(x.Limits.Rows)
	}
	return nil
}

// TooManyRows refuses an answer of more records than a response may have.
func TooManyRows(most int) *Error {
	return Invalid(Problem{Code: "too-many", Parameter: "with", Detail: "The answer would have more than " +
		strconv.Itoa(most) + " records; give the expansions a limit."})
}

// countRows counts rows and those expanded in them. It stops when there are
// more than most, because rows that several others share are counted each time.
func countRows(rows []storage.Row, most int) int {
	n := len(rows)
	for i := range rows {
		for _, e := range rows[i].Expanded {
			if n > most {
				return n
			}
			n += countRows(e, most-n)
		}
	}
	return n
}
