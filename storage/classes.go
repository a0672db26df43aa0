package storage

import (
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// Classes are all those whose rows, or sets of links, can change the answer to a
// query, at any depth. That of the rows themselves is the first.
func (q *Query) Classes() []*schema.Class {
	t := touched{q.Base()}
	t.query(q)
	return t
}

// Beyond are those of Classes that can change what one row shows, the row itself being known.
func (q *Query) Beyond() []*schema.Class {
	var t touched
	t.shown(q)
	return t
}

type touched []*schema.Class

func (t *touched) add(cs ...*schema.Class) {
	for _, c := range cs {
		if !slices.Contains(*t, c) {
			*t = append(*t, c)
		}
	}
}

func (t *touched) query(q *Query) {
	if s := q.Summary; s != nil { // the rest of the query is about the rows that it makes
		t.add(s.Class)
		t.cond(s.Where)
		for _, g := range s.Group {
			t.path(g.By)
		}
		for _, m := range s.Measures {
			t.path(m.Of)
		}
		return
	}
	t.add(q.Class)
	t.cond(q.Where)
	for _, e := range q.Tests {
		t.cond(e)
	}
	for _, o := range q.Order {
		t.path(o.By)
	}
	for _, p := range q.Paths {
		t.path(p)
	}
	t.shown(q)
}

// shown adds what columns and expansions take in.
func (t *touched) shown(q *Query) {
	for i := range q.Columns {
		c := &q.Columns[i]
		if !c.Field.Stored() || c.Field.Many != nil {
			for _, other := range fieldClasses(c.Field) {
				if other != q.Class || loops(c.Field) {
					t.add(other)
				}
			}
		}
		t.cond(c.Guard)
	}
	for i := range q.Expand {
		e := &q.Expand[i]
		t.add(e.Rel.To)
		t.query(&e.Query)
	}
}

// fieldClasses are those that the value of a field is made of.
func fieldClasses(f *schema.Field) []*schema.Class {
	return expr.Classes(schema.IsNull{X: &schema.Path{Field: f, Type: f.Type}})
}

// loops reports whether a field takes in other rows of its own class.
func loops(f *schema.Field) bool {
	switch {
	case f.Many != nil:
		return f.Many.To == f.Class
	case f.Computed != nil:
		return f.Computed.Rel.To == f.Class || slices.Contains(expr.Classes(f.Computed.Where), f.Class)
	}
	return false
}

func (t *touched) cond(e schema.Expr) {
	if e != nil {
		t.add(expr.Classes(e)...)
	}
}

func (t *touched) path(p *schema.Path) {
	if p != nil {
		t.cond(schema.IsNull{X: p})
	}
}
