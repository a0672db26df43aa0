package postgres

import (
	"slices"

	"github.com/dowel-dev/dowel/schema"
)

// reaches reports whether a condition looks at rows of the class other than the one
// it is asked about: over a relation that leads there, or leads away and back.
func reaches(e schema.Expr, class *schema.Class) bool {
	any := func(os ...schema.Operand) bool {
		return slices.ContainsFunc(os, func(o schema.Operand) bool { return operandReaches(o, class) })
	}
	switch e := e.(type) {
	case schema.And:
		return slices.ContainsFunc(e, func(e schema.Expr) bool { return reaches(e, class) })
	case schema.Or:
		return slices.ContainsFunc(e, func(e schema.Expr) bool { return reaches(e, class) })
	case schema.Not:
		return reaches(e.X, class)
	case schema.Compare:
		return any(e.Left, e.Right)
	case schema.In:
		return any(e.X) || any(e.List...)
	case schema.Like:
		return any(e.X)
	case schema.IsNull:
		return any(e.X)
	case schema.Exists:
		return e.Rel.To == class || reaches(e.Where, class) || reaches(e.Guard, class)
	case schema.Contains:
		return any(e.X, e.Item)
	}
	return false
}

func operandReaches(o schema.Operand, class *schema.Class) bool {
	p, ok := o.(*schema.Path)
	if !ok {
		return false
	}
	for _, s := range p.Steps {
		if s.Rel.To == class || reaches(s.Guard, class) {
			return true
		}
	}
	return fieldReaches(p.Field, p.Guard, class)
}

// fieldReaches is reaches for the value of a field, whose guard is bound to the related class.
func fieldReaches(f *schema.Field, guard schema.Expr, class *schema.Class) bool {
	switch {
	case f.Many != nil:
		return f.Many.To == class || reaches(guard, class)
	case f.Computed != nil:
		c := f.Computed
		return c.Rel.To == class || reaches(c.Where, class) || reaches(guard, class)
	}
	return false
}
