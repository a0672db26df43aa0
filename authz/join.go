package authz

import (
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// Part is a decision that speaks for some rows of a class only.
type Part struct {
	Rows     schema.Expr
	Decision *Decision
}

// Join makes one decision of several on one class and verb, each for its own
// rows: a subject has other rights in each organization. Rows of no part are denied.
func Join(c *schema.Class, parts ...Part) *Decision {
	out := &Decision{OnlyRows: true}
	granting := parts[:0:0]
	for _, p := range parts {
		out.ID += p.Decision.ID + ";"
		out.Reasons = merge(out.Reasons, p.Decision.Reasons)
		out.OnlyRows = out.OnlyRows && p.Decision.OnlyRows
		if p.Decision.Effect != Denied && p.Rows != schema.Expr(schema.Const(false)) {
			granting = append(granting, p)
		}
	}
	if len(granting) == 1 { // the usual case: its fields are masked on its rows as they are
		p := granting[0]
		out.Mask, out.Tests, out.Uniform = p.Decision.Mask, p.Decision.Tests, p.Decision.Uniform
		out.Where = expr.And(p.Rows, p.Decision.Where)
	} else {
		g := &grant{where: schema.Const(false), field: make([]schema.Expr, len(c.Fields))}
		for i := range g.field {
			g.field[i] = schema.Const(false)
		}
		for _, p := range granting {
			g.where = or(g.where, and(p.Rows, p.Decision.Where))
		}
		for i := range g.field {
			g.field[i] = shownIn(granting, i)
		}
		d := g.decision(c)
		out.Mask, out.Tests, out.Uniform, out.Where = d.Mask, d.Tests, d.Uniform, d.Where
	}
	out.Effect = Conditional
	switch out.Where {
	case schema.Expr(schema.Const(true)):
		out.Effect = Allowed
	case schema.Expr(schema.Const(false)):
		out.Effect = Denied
	}
	out.Subjective = mentionsMe(out.Where) || slices.ContainsFunc(out.Tests, mentionsMe)
	return out
}

// Map returns the decision with every condition changed.
func (d *Decision) Map(change func(schema.Expr) schema.Expr) *Decision {
	out := *d
	out.Where = change(d.Where)
	out.Tests = make([]schema.Expr, len(d.Tests))
	for i, t := range d.Tests {
		out.Tests[i] = change(t)
	}
	return &out
}

// shownIn is the condition under which a field is let through. It is asked on
// rows that one of the parts grants, so what all of them always let through needs none.
func shownIn(parts []Part, slot int) schema.Expr {
	always := func(p Part) bool { return p.Decision.Mask[slot] == 0 }
	if len(parts) > 0 && !slices.ContainsFunc(parts, func(p Part) bool { return !always(p) }) {
		return schema.Const(true)
	}
	var some []schema.Expr
	for _, p := range parts {
		switch m := p.Decision.Mask[slot]; {
		case m == 0:
			some = append(some, p.Rows)
		case m > 0:
			some = append(some, and(p.Rows, p.Decision.Tests[m-1]))
		}
	}
	return or(some...)
}

// Withheld is the decision of somebody whose grants all depend on the row, and
// who has none of the rows: nothing is found, and nothing is refused. Fields that one
// of the decisions may let through are fields that exist.
func Withheld(c *schema.Class, could ...*Decision) *Decision {
	out := &Decision{Effect: Conditional, Where: schema.Const(false), Mask: make([]int8, len(c.Fields)), Uniform: true, OnlyRows: true}
	for i, f := range c.Fields {
		if !slices.ContainsFunc(could, func(d *Decision) bool { return d.May(f) }) {
			out.Mask[i] = -1
		}
	}
	for _, d := range could {
		out.ID += d.ID + "!"
	}
	return out
}
