package sqlgen

import (
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Expansion prints one statement for the rows of an expansion of all rows of a
// page: path[0] is a place in root.Expand, path[1] one in that query's Expand,
// and so on. It is for databases with lateral joins.
//
// The result has an ordinal for each level of parents: the place of the parent in
// the page, from 1, then that of the parent below it among the rows of its own
// parent, …. What Select prints for the query at the end of the path follows. Rows of one
// parent come in their order, parents in any: ordinals tell, and a sort of everything would
// be a third of the work. With root.Most there are at most so many and one more.
//
//	select k0.n, k1.c0, k1.c1 from
//	  (select row_number() over (order by o0) as n, * from (PAGE) as s) as k0
//	  cross join lateral (ROWS where customer_id = k0.k order by …) as k1(c0,c1)
//
// That rows keep the order of a lateral subquery is not in the standard, but there is no other way to
// run one than once for each parent. That holds as long as the parents are a subquery, too: where a planner may put
// plain tables in the place of one it joins what it finds below them first, by a hash that turns
// the order round. So those without a window have an offset of 0.
func (p *Printer) Expansion(root *storage.Query, path []int) {
	leaf := root
	for _, i := range path {
		leaf = &leaf.Expand[i].Query
	}
	p.Put("select ")
	for level := range path {
		p.level(level)
		p.Put(".n, ")
	}
	for i := range p.width(leaf) {
		if i > 0 {
			p.Put(", ")
		}
		p.level(len(path))
		p.name(".c", i)
	}
	p.Put(" from ")
	q, rel := root, (*schema.Relation)(nil)
	for level, i := range path {
		p.parents(q, rel, q.Expand[i].Rel, level)
		p.Put(" cross join lateral ")
		q, rel = &q.Expand[i].Query, q.Expand[i].Rel
	}
	p.leaves(q, rel, len(path), root.Most)
	if root.Most > 0 {
		p.Put(" limit ")
		p.number(root.Most + 1)
	}
}

// Ordinals is the number of ordinals before the columns of an Expansion.
func Ordinals(_ *storage.Query, path []int) int { return len(path) }

// width is the number of columns that Select prints for a query.
func (p *Printer) width(q *storage.Query) int {
	n := 1
	for _, e := range q.Tests {
		if _, settled := IsConstant(e); !settled {
			n++
		}
	}
	for i := range q.Columns {
		if Reads(q.Columns[i].Field) {
			n++
		}
	}
	return n + len(q.Paths)
}

func (p *Printer) level(n int) {
	p.name("k", n)
}

// isOne reports whether a query finds one row at most for each parent.
func isOne(q *storage.Query, rel *schema.Relation) bool {
	return q.Key != nil || rel != nil && rel.Single()
}

// parents prints a level that other rows hang on: the ordinal n, the value k
// that leads on, and the sort keys o0, o1, ….
func (p *Printer) parents(q *storage.Query, rel, next *schema.Relation, level int) {
	t := p.Names.Table(q.Class)
	a := p.NewAlias()
	one := isOne(q, rel)
	if one {
		p.Put("(select 1::bigint as n, ")
	} else {
		p.Put("(select row_number() over (")
		p.byKeys(q)
		p.Put(") as n, * from (select ")
	}
	p.Column(a, t.Columns[NearField(next).Index])
	p.Put(" as k")
	if !one {
		p.sortKeys(q, a)
	}
	p.Put(" from ")
	w := p.rows(q, t, a, rel, level-1)
	p.place(q, a, &w)
	if !one {
		if q.Limit >= 0 || q.Skip > 0 {
			p.Put(" ")
			p.byKeys(q)
		}
		p.window(q, false)
		p.Put(") as s")
	} else if q.Limit >= 0 || q.Skip > 0 {
		p.window(q, false)
	} else if rel != nil {
		p.Put(" offset 0")
	}
	p.Put(") as ")
	p.level(level)
}

// leaves prints the level of the rows that are asked for. Where no more than most are in all,
// a limit above that says nothing.
func (p *Printer) leaves(q *storage.Query, rel *schema.Relation, level, most int) {
	t := p.Names.Table(q.Class)
	a := p.NewAlias()
	p.Put("(select ")
	p.columns(q, t, a)
	p.Put(" from ")
	p.rows(q, t, a, rel, level-1)
	if !isOne(q, rel) {
		p.order(q, a)
	}
	if q.Limit >= 0 && (most <= 0 || q.Limit <= most) || q.Skip > 0 {
		p.window(q, false)
	}
	p.Put(") as ")
	p.level(level)
	p.Put("(")
	for i := range p.width(q) {
		if i > 0 {
			p.Put(",")
		}
		p.Put("c")
		p.number(i)
	}
	p.Put(")")
}

// sortKeys prints the sort keys of a query as columns o0, o1, ….
func (p *Printer) sortKeys(q *storage.Query, a Alias) {
	for i := range sorts(q) {
		p.Put(", ")
		p.sortKey(q, i, a)
		p.name(" as o", i)
	}
}

// byKeys prints these columns as an order.
func (p *Printer) byKeys(q *storage.Query) {
	for i := range sorts(q) {
		if i == 0 {
			p.Put("order by ")
		} else {
			p.Put(", ")
		}
		p.Put("o")
		p.number(i)
		p.direction(q, i)
	}
}
