package why

import (
	"iter"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// Answer is how a question about rights comes out.
type Answer string

// The answers.
const (
	Yes  Answer = "yes"
	No   Answer = "no"
	Rows Answer = "rows" // on some rows
)

// Settle works out what a condition comes to on every row of which something
// is taken for granted: that fields have certain values, or that
// comparisons which the condition makes too hold. Where both are resolved, or neither is,
// me is the same in them. Rows is that it depends on more than that.
func Settle(e, given schema.Expr) Answer {
	f := &facts{values: map[*schema.Field]schema.Value{}, holds: map[string]bool{}}
	f.learn(given)
	return f.of(e)
}

// facts are what is known of a row. It is the row, as conditions see it.
type facts struct {
	values map[*schema.Field]schema.Value
	holds  map[string]bool // comparisons, as they are spelled
}

func (f *facts) learn(given schema.Expr) {
	switch g := given.(type) {
	case schema.And:
		for _, x := range g {
			f.learn(x)
		}
		return
	case schema.Compare:
		p, isPath := g.Left.(*schema.Path)
		v, isConstant := g.Right.(schema.Lit)
		if g.Op == schema.Eq && isPath && isConstant && len(p.Steps) == 0 && len(p.Member) == 0 {
			f.values[p.Field] = v.Value
		}
	case schema.IsNull:
		if p, isPath := g.X.(*schema.Path); isPath && len(p.Steps) == 0 && len(p.Member) == 0 {
			f.values[p.Field] = schema.Value{}
		}
	}
	if given != nil {
		f.holds[expr.String(given)] = true
	}
}

func (f *facts) of(e schema.Expr) Answer {
	switch e := e.(type) {
	case nil:
		return Yes
	case schema.Const:
		return answer(bool(e))
	case schema.And:
		out := Yes
		for _, x := range e {
			switch f.of(x) {
			case No:
				return No
			case Rows:
				out = Rows
			}
		}
		return out
	case schema.Or:
		out := No
		for _, x := range e {
			switch f.of(x) {
			case Yes:
				return Yes
			case Rows:
				out = Rows
			}
		}
		return out
	case schema.Not:
		return map[Answer]Answer{Yes: No, No: Yes, Rows: Rows}[f.of(e.X)]
	}
	if f.holds[expr.String(e)] {
		return Yes
	}
	if !f.knows(e) {
		return Rows
	}
	return answer(expr.Match(e, f))
}

func answer(holds bool) Answer {
	if holds {
		return Yes
	}
	return No
}

// knows reports whether every field that a comparison looks at is known.
func (f *facts) knows(e schema.Expr) bool {
	if _, other := e.(schema.Exists); other {
		return false
	}
	known := true
	expr.Operands(e, func(o schema.Operand) {
		switch o := o.(type) {
		case *schema.Path:
			_, has := f.values[o.Field]
			known = known && has && len(o.Steps) == 0
		case schema.Lit:
		default:
			known = false
		}
	})
	return known
}

// Value implements expr.Rower.
func (f *facts) Value(field *schema.Field, _ schema.Expr) schema.Value { return f.values[field] }

// One implements expr.Rower; nothing is known of other rows.
func (f *facts) One(*schema.Relation) expr.Rower { return nil }

// Many implements expr.Rower.
func (f *facts) Many(*schema.Relation) iter.Seq[expr.Rower] { return func(func(expr.Rower) bool) {} }
