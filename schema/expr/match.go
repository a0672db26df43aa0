package expr

import (
	"iter"
	"slices"

	"github.com/dowel-dev/dowel/schema"
)

// Rower is one row as a condition sees it. Soft-deleted rows are not among
// those that its relations lead to.
type Rower interface {
	// Value returns the value of a field. guard, when not nil, restricts the
	// rows that a computed or `many` field takes in.
	Value(f *schema.Field, guard schema.Expr) schema.Value
	// One returns the row at the end of a relation to one row, or nil.
	One(r *schema.Relation) Rower
	// Many returns the rows at the end of a relation to several.
	Many(r *schema.Relation) iter.Seq[Rower]
}

// Match reports whether a row satisfies a condition that was resolved; nil is
// no condition. It is the meaning of every node: each store must agree with it.
//
// A condition that still mentions me or now is a mistake of the program and
// panics: to guess an answer could grant what should be denied.
func Match(e schema.Expr, row Rower) bool {
	switch e := e.(type) {
	case nil:
		return true
	case schema.Const:
		return bool(e)
	case schema.And:
		for _, x := range e {
			if !Match(x, row) {
				return false
			}
		}
		return true
	case schema.Or:
		for _, x := range e {
			if Match(x, row) {
				return true
			}
		}
		return false
	case schema.Not:
		return !Match(e.X, row)
	case schema.Compare:
		typ := typeOf(e.Left)
		if typ == nil {
			typ = typeOf(e.Right)
		}
		return holds(e.Op, Value(e.Left, row), Value(e.Right, row), typ)
	case schema.In:
		x := Value(e.X, row)
		return slices.ContainsFunc(e.List, func(o schema.Operand) bool {
			return holds(schema.Eq, x, Value(o, row), nil)
		})
	case schema.Like:
		x := Value(e.X, row)
		return x.Kind() == schema.Text && Like(e.Pattern, x.Text())
	case schema.IsNull:
		return Value(e.X, row).IsNull()
	case schema.Exists:
		return matchExists(e, row)
	case schema.Contains:
		return matchContains(e, row)
	}
	panic("expr: unknown condition")
}

func matchExists(e schema.Exists, row Rower) bool {
	if e.Rel.Single() {
		other := row.One(e.Rel)
		return other != nil && Match(e.Guard, other) && Match(e.Where, other)
	}
	for other := range row.Many(e.Rel) {
		if Match(e.Guard, other) && Match(e.Where, other) {
			return true
		}
	}
	return false
}

func matchContains(e schema.Contains, row Rower) bool {
	list, ok := typeOf(e.X).(*schema.ListType)
	if !ok {
		return false
	}
	item := Value(e.Item, row)
	return slices.ContainsFunc(list.Elements(Value(e.X, row)), func(v schema.Value) bool {
		return holds(schema.Eq, v, item, nil)
	})
}

// Value returns what an operand is on a row: null when a step of its path has
// no row, or one that its guard hides.
func Value(o schema.Operand, row Rower) schema.Value {
	switch o := o.(type) {
	case schema.Lit:
		return o.Value
	case *schema.Path:
		for i := range o.Steps {
			row = row.One(o.Steps[i].Rel)
			if row == nil || !Match(o.Steps[i].Guard, row) {
				return schema.Value{}
			}
		}
		v := row.Value(o.Field, o.Guard)
		if len(o.Member) > 0 {
			return schema.MemberOf(o.Field.Type, v, o.Member)
		}
		return v
	}
	panic("expr: a condition that was not resolved")
}

// holds compares two values. Null compares with nothing; texts of a type with an
// order of its own compare by it.
func holds(op schema.Op, x, y schema.Value, typ schema.Type) bool {
	order, ok := schema.Order(x, y)
	if !ok {
		return false
	}
	if ranked, is := typ.(schema.Ranked); is && ordering(op) && x.Kind() == schema.Text {
		a, b := ranked.Rank(x.Text()), ranked.Rank(y.Text())
		if a < 0 || b < 0 {
			return false
		}
		order = a - b
	}
	switch op {
	case schema.Eq:
		return order == 0
	case schema.Ne:
		return order != 0
	case schema.Lt:
		return order < 0
	case schema.Le:
		return order <= 0
	case schema.Gt:
		return order > 0
	}
	return order >= 0
}

// Like reports whether text matches a pattern: `*` is any run of characters,
// `\` takes the next character as it is (at the end, itself), the case of ASCII letters is
// ignored, and the whole text must match.
func Like(pattern, text string) bool {
	p, s := 0, 0
	star, retry := -1, 0 // the last `*`, and how far it has reached
	for s < len(text) {
		if p < len(pattern) && pattern[p] == '*' {
			star, retry = p, s
			p++
			continue
		}
		if p < len(pattern) {
			c, n := pattern[p], 1
			if c == '\\' && p+1 < len(pattern) {
				c, n = pattern[p+1], 2
			}
			if fold(c) == fold(text[s]) {
				p, s = p+n, s+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		retry++
		p, s = star+1, retry
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func fold(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
