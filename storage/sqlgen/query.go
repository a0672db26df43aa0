package sqlgen

import (
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Select prints a query. With parent it asks for the rows at the end of that
// relation of one row, whose NearField is the first bound value, left null here. The result has the version, one column a test that
// IsConstant does not settle, the columns of q.Columns that Reads, and extra, in this order.
func (p *Printer) Select(q *storage.Query, parent *schema.Relation, extra []*schema.Field) {
	t := p.Names.Table(q.Class)
	a := p.NewAlias()
	if parent != nil {
		p.Args = append(p.Args, schema.Value{})
	}
	p.Put("select ")
	p.columns(q, t, a)
	for _, f := range extra {
		p.Put(", ")
		p.Column(a, t.Columns[f.Index])
	}
	p.Put(" from ")
	w := p.rows(q, t, a, parent, -1)
	p.place(q, a, &w)
	p.order(q, a)
	p.window(q, true)
	if q.Lock && q.Key != nil && parent == nil {
		p.Dialect.lock(p, a)
	}
}

// Returning prints what Select does between "select" and "from", for a row that
// a statement wrote under alias a.
func (p *Printer) Returning(q *storage.Query, a Alias) {
	p.columns(q, p.Names.Table(q.Class), a)
}

func (p *Printer) columns(q *storage.Query, t *Table, a Alias) {
	p.Column(a, t.Version)
	for _, e := range q.Tests {
		if _, settled := IsConstant(e); !settled {
			p.Put(", ")
			p.Truth(e, a)
		}
	}
	for i := range q.Columns {
		c := &q.Columns[i]
		if !Reads(c.Field) {
			continue
		}
		p.SQL = append(p.SQL, ',', ' ')
		if col := t.first[c.Field.Index]; col != "" && a == 0 {
			p.SQL = append(p.SQL, col...)
		} else {
			p.field(c.Field, a, c.Guard)
		}
	}
	for _, x := range q.Paths {
		p.Put(", ")
		p.path(x, 0, a)
	}
}

// Count prints the number of rows of a query without its window and its place.
func (p *Printer) Count(q *storage.Query) {
	t := p.Names.Table(q.Class)
	a := p.NewAlias()
	p.Put("select count(*) from ")
	p.rows(q, t, a, nil, -1)
}

// CountUpTo prints what Count does, for no more rows than most.
func (p *Printer) CountUpTo(q *storage.Query, most int) {
	p.Put("select count(*) from (")
	p.ones(q)
	p.Put(" limit ")
	p.Dialect.limit(p, most)
	p.Put(") as s")
}

// Plan prints a statement that tells, without running it, how many rows the planner expects a query to have.
func (p *Printer) Plan(q *storage.Query) {
	p.Put("explain (format json) ")
	p.ones(q)
}

// ones prints a 1 for each row of a query without its window and its place.
func (p *Printer) ones(q *storage.Query) {
	t := p.Names.Table(q.Class)
	a := p.NewAlias()
	p.Put("select 1 from ")
	p.rows(q, t, a, nil, -1)
}

// Reads reports whether a field has a value to read: all but the text id of a composite key.
func Reads(f *schema.Field) bool { return !f.Synthetic }

// IsConstant reports the outcome of a condition that holds for every row or for none.
func IsConstant(e schema.Expr) (holds, settled bool) {
	switch e := e.(type) {
	case nil:
		return true, true
	case schema.Const:
		return bool(e), true
	}
	return false, false
}

// rows prints the tables and the conditions of a query, but for its place. A parent is a row of
// the level of an Expansion, or below 0 the first bound value.
func (p *Printer) rows(q *storage.Query, t *Table, a Alias, parent *schema.Relation, level int) where {
	w := where{p: p}
	switch {
	case q.Summary != nil:
		p.summary(q.Summary, a)
	case parent == nil:
		p.From(t, a)
	default:
		p.parent(parent, t, a, &w, level)
	}
	p.key(q.Key, t, a, &w)
	p.deleted(q.Deleted, t, a, &w)
	if _, ok := q.Where.(schema.Const); q.Where != nil && (!ok || q.Where == schema.Const(false)) {
		w.next()
		p.cond(q.Where, a)
	}
	return w
}

// where puts "where" before the first condition and "and" before the others.
type where struct {
	p   *Printer
	any bool
}

func (w *where) next() {
	if w.any {
		w.p.Put(" and ")
	} else {
		w.p.Put(" where ")
	}
	w.any = true
}

// parent prints the way from a parent to the rows of a relation.
func (p *Printer) parent(r *schema.Relation, t *Table, a Alias, w *where, level int) {
	switch r.Kind {
	case schema.Link, schema.LinkInverse:
		link := p.joinLink(r, t, a)
		w.next()
		p.Column(link, nearSide(p.Names.Link(r.Field), r))
	case schema.ToOne:
		p.From(t, a)
		w.next()
		p.Column(a, t.Columns[r.To.Key[0].Index])
	default:
		p.From(t, a)
		w.next()
		p.Column(a, t.Columns[r.Field.Index])
	}
	p.Put(" = ")
	if level < 0 {
		p.SQL = p.Dialect.param(p.SQL, 1)
		return
	}
	p.level(level)
	p.Put(".k")
}

// NearField is the field of the parent row whose value Select with a parent wants bound first.
func NearField(r *schema.Relation) *schema.Field {
	if r.Kind == schema.ToOne {
		return r.Field
	}
	return r.From.Key[0]
}

func (p *Printer) key(key []schema.Value, t *Table, a Alias, w *where) {
	for i, v := range key {
		f := t.Class.Key[i]
		w.next()
		p.Column(a, t.Columns[f.Index])
		p.Put(" = ")
		p.Arg(v)
		p.widen(t.Kinds[f.Index], "::bigint")
	}
}

// Row prints the conditions that pick one row of a statement on alias a.
func (p *Printer) Row(key []schema.Value, d storage.Deleted, t *Table, a Alias) {
	w := where{p: p}
	p.key(key, t, a, &w)
	p.deleted(d, t, a, &w)
}

func (p *Printer) deleted(d storage.Deleted, t *Table, a Alias, w *where) {
	state := t.Live
	switch {
	case d == storage.WithDeleted:
		return
	case d == storage.OnlyDeleted && t.Live == "":
		w.next()
		p.Put("false")
		return
	case d == storage.OnlyDeleted:
		state = t.Dead
	case t.Live == "":
		return
	}
	w.next()
	p.Column(a, state)
}

// order prints the sort keys; without any, the key of the class.
func (p *Printer) order(q *storage.Query, a Alias) {
	if q.Key != nil || sorts(q) == 0 {
		return
	}
	p.Put(" order by ")
	for i := range sorts(q) {
		if i > 0 {
			p.Put(", ")
		}
		p.sortKey(q, i, a)
		p.direction(q, i)
	}
}

// sorts is the number of sort keys.
func sorts(q *storage.Query) int {
	if len(q.Order) == 0 {
		return len(q.Class.Key)
	}
	return len(q.Order)
}

func (p *Printer) sortKey(q *storage.Query, i int, a Alias) {
	if len(q.Order) == 0 {
		p.Column(a, p.Names.Table(q.Class).Columns[q.Class.Key[i].Index])
		return
	}
	by := q.Order[i].By
	if rank := p.ranks(by); rank != nil {
		p.rank(rank, by, a)
	} else {
		p.path(by, 0, a)
	}
}

// direction follows a sort key. A query that reads back has all of them turned round.
func (p *Printer) direction(q *storage.Query, i int) {
	back := q.Back()
	desc, nullable := back, false
	if len(q.Order) > 0 {
		o := &q.Order[i]
		desc, nullable = o.Desc != back, p.nullable(o.By)
	}
	if desc {
		p.Put(" desc")
	}
	switch {
	case nullable && back:
		p.Dialect.nullsFirst(p, desc)
	case nullable:
		p.Dialect.nullsLast(p, desc)
	}
}

// ranks returns the values of an enum in their order, nil for other types.
func (p *Printer) ranks(x *schema.Path) []string {
	if len(x.Member) == 0 && x.Field.Computed == nil {
		return p.Names.Table(x.Field.Class).ranks[x.Field.Index]
	}
	if _, ok := x.Type.(schema.Ranked); ok {
		return x.Type.Shape().Enum
	}
	return nil
}

func (p *Printer) rank(values []string, x *schema.Path, a Alias) {
	p.Put("case ")
	p.path(x, 0, a)
	for i, v := range values {
		p.Put(" when ")
		p.Dialect.word(p, v)
		p.Put(" then ")
		p.number(i)
	}
	p.Put(" end")
}

func (p *Printer) nullable(x *schema.Path) bool {
	if len(x.Steps) > 0 || len(x.Member) > 0 {
		return true
	}
	f := x.Field
	return f.Optional || f.Computed != nil && f.Computed.Func != "count" && f.Computed.Func != "sum"
}

// window prints limit and offset, with room for one more row if q.More asks for it and more is set.
func (p *Printer) window(q *storage.Query, more bool) {
	if q.Key != nil && q.Limit < 0 && q.Skip <= 0 {
		return
	}
	if q.Limit >= 0 {
		limit := q.Limit
		if more && q.More && limit > 0 {
			limit++ // the row behind the page tells that there is one
		}
		p.Put(" limit ")
		p.Dialect.limit(p, limit)
	} else if q.Skip > 0 {
		p.Put(" limit ")
		p.Dialect.noLimit(p)
	}
	if q.Skip > 0 {
		p.Put(" offset ")
		p.Arg(schema.NewInt(int64(q.Skip)))
	}
}
