package expr

import (
	"slices"

	"github.com/dowel-dev/dowel/schema"
)

// Walk calls f for a condition and everything inside of it, guards too,
// outermost first. f returns false to leave out what is inside.
func Walk(e schema.Expr, f func(schema.Expr) bool) {
	if e == nil || !f(e) {
		return
	}
	switch e := e.(type) {
	case schema.And:
		for _, x := range e {
			Walk(x, f)
		}
	case schema.Or:
		for _, x := range e {
			Walk(x, f)
		}
	case schema.Not:
		Walk(e.X, f)
	case schema.Exists:
		Walk(e.Where, f)
		Walk(e.Guard, f)
	default:
		operands(e, func(o schema.Operand) {
			p, ok := o.(*schema.Path)
			if !ok {
				return
			}
			for _, s := range p.Steps {
				Walk(s.Guard, f)
			}
			Walk(p.Guard, f)
		})
	}
}

// operands calls f for the operands of one comparison.
func operands(e schema.Expr, f func(schema.Operand)) {
	switch e := e.(type) {
	case schema.Compare:
		f(e.Left)
		f(e.Right)
	case schema.In:
		f(e.X)
		for _, o := range e.List {
			f(o)
		}
	case schema.Like:
		f(e.X)
	case schema.IsNull:
		f(e.X)
	case schema.Contains:
		f(e.X)
		f(e.Item)
	}
}

// Operands calls f for every operand anywhere in a condition.
func Operands(e schema.Expr, f func(schema.Operand)) {
	Walk(e, func(x schema.Expr) bool {
		operands(x, f)
		return true
	})
}

// Classes returns every class whose rows a condition looks at: those at the
// ends of its relations, those of its fields, and those that computed and
// `many` fields take in.
func Classes(e schema.Expr) []*schema.Class {
	var all classes
	all.expr(e)
	return all
}

type classes []*schema.Class

func (all *classes) add(c *schema.Class) {
	if c != nil && !slices.Contains(*all, c) {
		*all = append(*all, c)
	}
}

func (all *classes) expr(e schema.Expr) {
	Walk(e, func(x schema.Expr) bool {
		if x, ok := x.(schema.Exists); ok {
			all.add(x.Rel.From)
			all.add(x.Rel.To)
		}
		operands(x, func(o schema.Operand) {
			if p, ok := o.(*schema.Path); ok {
				for _, s := range p.Steps {
					all.add(s.Rel.From)
					all.add(s.Rel.To)
				}
				all.field(p.Field)
			}
		})
		return true
	})
}

// field adds what the value of a field is made of.
func (all *classes) field(f *schema.Field) {
	all.add(f.Class)
	switch {
	case f.Many != nil:
		all.add(f.Many.To)
	case f.Computed != nil:
		seen := slices.Contains(*all, f.Computed.Rel.To)
		all.add(f.Computed.Rel.To)
		if f.Computed.Of != nil && !(seen && f.Computed.Of.Computed != nil) {
			all.field(f.Computed.Of)
		}
		all.expr(f.Computed.Where)
	}
}

// Fields returns every field whose value a condition reveals something of,
// in the order of their first mention: the ends of its paths, and the
// references and sets it walks from the side that owns them. Guards and what
// computed fields are made of are the schema's own words and not among them.
func Fields(e schema.Expr) []*schema.Field {
	var all []*schema.Field
	add := func(f *schema.Field) {
		if f != nil && !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	owned := func(r *schema.Relation) {
		if r.Kind == schema.ToOne || r.Kind == schema.Link {
			add(r.Field)
		}
	}
	var visit func(e schema.Expr)
	visit = func(e schema.Expr) {
		switch e := e.(type) {
		case schema.And:
			for _, x := range e {
				visit(x)
			}
		case schema.Or:
			for _, x := range e {
				visit(x)
			}
		case schema.Not:
			visit(e.X)
		case schema.Exists:
			owned(e.Rel)
			visit(e.Where)
		default:
			operands(e, func(o schema.Operand) {
				if p, ok := o.(*schema.Path); ok {
					for _, s := range p.Steps {
						owned(s.Rel)
					}
					add(p.Field)
				}
			})
		}
	}
	visit(e)
	return all
}

// Local reports whether the stored fields of the row alone decide a condition.
func Local(e schema.Expr) bool {
	local := true
	Walk(e, func(x schema.Expr) bool {
		if _, ok := x.(schema.Exists); ok {
			local = false
		}
		operands(x, func(o schema.Operand) {
			if p, ok := o.(*schema.Path); ok && (len(p.Steps) > 0 || !p.Field.Stored()) {
				local = false
			}
		})
		return local
	})
	return local
}

// Subjective reports whether a condition mentions me, so that it means
// something else for each subject.
func Subjective(e schema.Expr) bool {
	found := false
	Operands(e, func(o schema.Operand) {
		switch o.(type) {
		case schema.Me, schema.MeField:
			found = true
		}
	})
	return found
}

// Timed reports whether a condition mentions now.
func Timed(e schema.Expr) bool {
	found := false
	Operands(e, func(o schema.Operand) {
		if _, ok := o.(schema.Now); ok {
			found = true
		}
	})
	return found
}

// WithGuards returns a copy of a condition that passes only through rows which
// satisfy the guard of their class; a nil guard hides nothing. Conditions of
// clients need it, so that they reveal no more than reading does. Guards that
// are there stay; they are the schema's own words and get none.
func WithGuards(e schema.Expr, guard func(*schema.Class) schema.Expr) schema.Expr {
	g := guarding(guard)
	return g.expr(e)
}

// GuardPath is WithGuards for one path, such as a sort key.
func GuardPath(p *schema.Path, guard func(*schema.Class) schema.Expr) *schema.Path {
	g := guarding(guard)
	return g.path(p)
}

type guarding func(*schema.Class) schema.Expr

func (g guarding) expr(e schema.Expr) schema.Expr {
	switch e := e.(type) {
	case schema.And:
		all := make(schema.And, len(e))
		for i, x := range e {
			all[i] = g.expr(x)
		}
		return all
	case schema.Or:
		any := make(schema.Or, len(e))
		for i, x := range e {
			any[i] = g.expr(x)
		}
		return any
	case schema.Not:
		return schema.Not{X: g.expr(e.X)}
	case schema.Exists:
		e.Where = g.expr(e.Where)
		e.Guard = g.join(e.Guard, e.Rel.To)
		return e
	case schema.Compare:
		e.Left, e.Right = g.operand(e.Left), g.operand(e.Right)
		return e
	case schema.In:
		e.X = g.operand(e.X)
		e.List = slices.Clone(e.List)
		for i, o := range e.List {
			e.List[i] = g.operand(o)
		}
		return e
	case schema.Like:
		e.X = g.operand(e.X)
		return e
	case schema.IsNull:
		e.X = g.operand(e.X)
		return e
	case schema.Contains:
		e.X, e.Item = g.operand(e.X), g.operand(e.Item)
		return e
	}
	return e
}

func (g guarding) operand(o schema.Operand) schema.Operand {
	if p, ok := o.(*schema.Path); ok {
		return g.path(p)
	}
	return o
}

func (g guarding) path(p *schema.Path) *schema.Path {
	q := *p
	q.Steps = slices.Clone(p.Steps)
	for i := range q.Steps {
		q.Steps[i].Guard = g.join(q.Steps[i].Guard, q.Steps[i].Rel.To)
	}
	switch {
	case p.Field.Many != nil:
		q.Guard = g.join(p.Guard, p.Field.Many.To)
	case p.Field.Computed != nil:
		q.Guard = g.join(p.Guard, p.Field.Computed.Rel.To)
	}
	return &q
}

// join adds the guard of a class to one that is there; nil guards nothing.
func (g guarding) join(old schema.Expr, c *schema.Class) schema.Expr {
	e := And(old, g(c))
	if e == schema.Expr(schema.Const(true)) {
		return nil
	}
	return e
}
