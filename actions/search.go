package actions

import (
	"context"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// searchPlan reads a page of a class, or of a relation of one row.
type searchPlan struct {
	a       *Search
	class   *schema.Class
	view    *boundView
	query   storage.Query
	d       *authz.Decision
	restore *authz.Decision
	parent  *parentPlan
	hidden  *storage.Query // of a strict class: a row that is left out
	extra   string         // what else the tag depends on
	pager   *pager         // nil where pages are counted
}

func bindSearch(x *Exec, action Action) (Plan, error) {
	a := action.(*Search)
	c, err := x.class(a.Class)
	if err != nil {
		return nil, err
	}
	var p problems
	plan := &searchPlan{a: a, class: c, d: x.Decide(c, authz.List)}
	if plan.parent, err = x.bindParent(a.Parent); err != nil {
		return nil, err
	}
	plan.view = x.bindView(c, &a.View, &p)
	q := &plan.query
	*q = plan.view.query
	var asked schema.Expr
	if plan.parent != nil {
		asked = plan.parent.children(x)
	}
	asked = conj(asked, x.conditions(c, &a.Select, &p, ""))
	q.Where = conj(x.Resolve(plan.d.Where), asked)
	if a.After != "" {
		behind, err := x.behind(c, a, &p)
		if err != nil {
			return nil, err
		}
		q.Where = conj(q.Where, behind)
		plan.extra = "after " + a.After
	}
	q.Order = x.order(c, a.Order, &p, "")
	q.Skip, q.Limit = x.window(c, &a.Select, &p, "")
	q.More = true
	if a.Cursor != "" && (a.Page != nil || a.Skip != nil) {
		p.param("cursor", "conflict", "`cursor` says where the page begins: leave out `page` and the skip of `limit`.", "")
	}
	plan.restore = x.deleted(c, a.Deleted, q, &p)
	plan.hidden = x.withheldRows(c, plan.d, asked, q.Deleted)
	q.Total = a.Count == "exact" || a.Count == "estimate" || a.Count == "" && x.counted(&a.Output)
	if q.Rough = a.Count == "estimate"; q.Rough {
		plan.extra += "rough"
	}
	if q.Total {
		plan.extra += "total"
	}
	q.Watch = q.Classes()
	if err := p.err(); err != nil {
		return nil, err
	}
	return plan, plan.continued(x)
}

// continued finds out where the page begins. Lists whose pages are counted go on by cursors where no more may be skipped.
func (s *searchPlan) continued(x *Exec) error {
	q := &s.query
	if (s.a.Page != nil || s.a.Skip != nil) && q.Skip+q.Limit <= x.Limits.Skip {
		return nil
	}
	s.pager = x.bindPager(s.a, s.d, q)
	if s.a.Cursor == "" {
		return nil
	}
	if q.From = s.pager.place(x.Seal, s.a.Cursor); q.From == nil {
		return errCursor()
	}
	return nil
}

// behind is the condition that a row comes after another one in the order of the key.
func (x *Exec) behind(c *schema.Class, a *Search, p *problems) (schema.Expr, error) {
	key, err := x.key(c, a.After)
	if err != nil {
		return nil, err
	}
	if len(a.Order) > 0 || a.Order == nil && len(c.Sort) > 0 {
		p.param("orderBy", "conflict", "Rows behind one are in the order of the key.", "")
	}
	var any schema.Or
	for i := range key {
		all := make(schema.And, 0, i+1)
		for j, f := range c.Key[:i+1] {
			op := schema.Eq
			if j == i {
				op = schema.Gt
			}
			all = append(all, schema.Compare{Op: op, Left: &schema.Path{Field: f, Type: f.Type}, Right: schema.Lit{Value: key[j]}})
		}
		any = append(any, all)
	}
	return any, nil
}

func (x *Exec) counted(o *Output) bool {
	if o.Envelope != nil {
		return *o.Envelope
	}
	return x.Counted
}

// Authorize needs the right to list.
func (s *searchPlan) Authorize(x *Exec) error {
	if s.parent != nil {
		if err := s.parent.authorize(x); err != nil {
			return err
		}
	}
	if err := x.permit(s.d, s.class, authz.List); err != nil {
		return err
	}
	if s.restore != nil {
		if err := x.permit(s.restore, s.class, authz.Restore); err != nil {
			return err
		}
	}
	return x.permitExpansions(&s.query)
}

// Read returns the page. When the client's tag is still current, the main query does not run.
func (s *searchPlan) Read(ctx context.Context, x *Exec, r storage.Reader) (*Result, error) {
	if err := s.enter(ctx, x, r); err != nil {
		return nil, err
	}
	if c := s.conditions(); c.HasNoneMatch || c.HasMatch {
		counters, err := r.Counters(ctx, s.query.Watch)
		if err != nil {
			return nil, err
		}
		if res, err := s.current(x, counters); res != nil || err != nil {
			return res, err
		}
	}
	page, err := s.page(ctx, x, r)
	if err != nil {
		return nil, err
	}
	res := s.answer(x, s.kept(page))
	res.Rows = page.Rows
	if page.Rough { // an estimate may change without any write
		res.Page.Rough, res.Tag = true, ""
	}
	return res, nil
}

// Keep implements Keeping.
func (s *searchPlan) Keep(x *Exec) *Keep {
	k := x.keep(s, s.class, &s.query, s.view.shown, s.hidden, &s.a.Output)
	if k != nil {
		k.Key = key(k.Key).flags(s.pager != nil)
	}
	return k
}

func (s *searchPlan) enter(ctx context.Context, x *Exec, r storage.Reader) error {
	if s.parent == nil {
		return nil
	}
	return s.parent.exists(ctx, x, r)
}

func (s *searchPlan) conditions() *If { return &s.a.If }

func (s *searchPlan) current(x *Exec, counters []int64) (*Result, error) {
	return currentList(s, x, counters)
}

func (s *searchPlan) page(ctx context.Context, x *Exec, r storage.Reader) (*storage.Page, error) {
	page, err := x.whole(ctx, r, s.hidden, &s.query)
	if err != nil {
		return nil, err
	}
	return page, x.budget(page.Rows)
}

func (s *searchPlan) read(ctx context.Context, x *Exec, r storage.Reader) (*Kept, []storage.Row, error) {
	page, err := s.page(ctx, x, r)
	if err != nil {
		return nil, nil, err
	}
	return s.kept(page), page.Rows, nil
}

func (s *searchPlan) kept(page *storage.Page) *Kept {
	k := keptPage(&s.query, page)
	if s.pager != nil && k.Rows > 0 {
		k.First, k.Last = s.pager.plain(&page.Rows[0]), s.pager.plain(&page.Rows[k.Rows-1])
	}
	return k
}

func (s *searchPlan) answer(x *Exec, k *Kept) *Result {
	res := &Result{Outcome: Found, Class: s.class, View: s.view.shown, List: true, Page: k.info(&s.query)}
	if s.pager != nil {
		s.pager.link(x.Seal, res.Page, &s.query, k.First, k.Last)
	}
	res.Tag = x.listTag(s.view, &s.query, k.Counters, s.extra, &s.a.Output)
	return res
}

// parentPlan is the row that a nested path starts from.
type parentPlan struct {
	a     *Parent
	class *schema.Class
	rel   *schema.Relation
	key   []schema.Value
}

func (x *Exec) bindParent(a *Parent) (*parentPlan, error) {
	if a == nil {
		return nil, nil
	}
	c, err := x.class(a.Class)
	if err != nil {
		return nil, err
	}
	rel := c.Relation(a.Relation)
	if rel == nil {
		return nil, Errorf(NotFound, "`"+c.Name+"` has no relation "+excerpt(a.Relation)+".")
	}
	key, err := x.key(c, a.ID)
	if err != nil {
		return nil, err
	}
	return &parentPlan{a: a, class: c, rel: rel, key: key}, nil
}

// authorize needs the right to get the parent, and to see the reference that leads away from it.
func (p *parentPlan) authorize(x *Exec) error {
	d := x.Decide(p.class, authz.Get)
	if err := x.permit(d, p.class, authz.Get); err != nil {
		return err
	}
	if _, _, hidden := x.crossing(p.rel); hidden {
		return Errorf(NotFound, "`"+p.class.Name+"` has no member `"+excerpt(p.a.Relation)+"`.")
	}
	return nil
}

// exists answers 404 for a parent that is missing or hidden.
func (p *parentPlan) exists(ctx context.Context, x *Exec, r storage.Reader) error {
	page, err := r.Read(ctx, &storage.Query{Class: p.class, Key: p.key, Where: p.seen(x), Limit: 1})
	if err != nil {
		return err
	}
	if len(page.Rows) == 0 {
		return x.hidden(p.class, p.a.ID)
	}
	return nil
}

func (p *parentPlan) seen(x *Exec) schema.Expr {
	near, _, _ := x.crossing(p.rel)
	return conj(x.Resolve(x.Decide(p.class, authz.Get).Where), near)
}

// children is the condition that a row of the relation belongs to the parent,
// and that the subject may see that it does.
func (p *parentPlan) children(x *Exec) schema.Expr {
	_, far, _ := x.crossing(p.rel)
	return conj(p.belongs(), far)
}

func (p *parentPlan) belongs() schema.Expr {
	if k := p.rel.Kind; k == schema.ToMany || k == schema.InverseOne {
		f := p.rel.Field
		return schema.Compare{Op: schema.Eq, Left: &schema.Path{Field: f, Type: f.Type}, Right: schema.Lit{Value: p.key[0]}}
	}
	return schema.Exists{Rel: p.rel.Back, Where: keyIs(p.class, p.key)}
}

// relatedPlan reads the one row at the end of a to-one relation.
type relatedPlan struct {
	searchPlan
	related *Related
}

func bindRelatedOne(x *Exec, action Action) (Plan, error) {
	a := action.(*Related)
	s := &Search{Class: a.Class, Parent: &a.Parent, View: a.View, Options: a.Options, Count: "none"}
	plan, err := bindSearch(x, s)
	if err != nil {
		return nil, err
	}
	sp := plan.(*searchPlan)
	sp.d = x.Decide(sp.class, authz.Get)
	sp.query.Limit, sp.query.Order, sp.query.Paths = 1, nil, nil
	return &relatedPlan{searchPlan: *sp, related: a}, nil
}

// Authorize needs the right to get both rows.
func (s *relatedPlan) Authorize(x *Exec) error {
	if err := s.parent.authorize(x); err != nil {
		return err
	}
	if err := x.permit(s.d, s.class, authz.Get); err != nil {
		return err
	}
	return x.permitExpansions(&s.query)
}

// Keep implements Keeping: one row is found as fast as its counters are.
func (s *relatedPlan) Keep(*Exec) *Keep { return nil }

// Read returns the row, or that there is none.
func (s *relatedPlan) Read(ctx context.Context, x *Exec, r storage.Reader) (*Result, error) {
	if err := s.parent.exists(ctx, x, r); err != nil {
		return nil, err
	}
	q := s.query
	q.Watch = s.view.watch
	q.Where = conj(x.Resolve(s.d.Where), s.parent.children(x))
	page, err := r.Read(ctx, &q)
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 {
		return nil, Errorf(NotFound, "`"+s.parent.rel.Name+"` of this "+s.parent.class.Name+" is empty.")
	}
	if err := x.budget(page.Rows); err != nil {
		return nil, err
	}
	row := &page.Rows[0]
	res := &Result{
		Outcome: Found, Class: s.class, View: s.view.shown,
		ID:  schema.FormatKey(s.class, row.Key(s.class)),
		Tag: x.itemTag(s.view, row, page.Counters, "", &s.related.Output),
	}
	if err := res.condition(&s.related.If); err != nil {
		return nil, err
	}
	if res.Outcome == Found {
		res.Rows = page.Rows
	}
	return res, nil
}
