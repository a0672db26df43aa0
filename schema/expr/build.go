package expr

import "github.com/dowel-dev/dowel/schema"

// And joins conditions that must all hold. nil, like true, adds nothing.
func And(all ...schema.Expr) schema.Expr {
	var flat schema.And
	for _, e := range all {
		switch e := e.(type) {
		case nil:
		case schema.Const:
			if !e {
				return e
			}
		case schema.And:
			flat = append(flat, e...)
		default:
			flat = append(flat, e)
		}
	}
	switch len(flat) {
	case 0:
		return schema.Const(true)
	case 1:
		return flat[0]
	}
	return flat
}

// Or joins conditions of which one must hold. nil is true, as everywhere.
func Or(any ...schema.Expr) schema.Expr {
	var flat schema.Or
	for _, e := range any {
		switch e := e.(type) {
		case nil:
			return schema.Const(true)
		case schema.Const:
			if e {
				return e
			}
		case schema.Or:
			flat = append(flat, e...)
		default:
			flat = append(flat, e)
		}
	}
	switch len(flat) {
	case 0:
		return schema.Const(false)
	case 1:
		return flat[0]
	}
	return flat
}

// Not is the complement of a condition.
func Not(e schema.Expr) schema.Expr {
	switch e := e.(type) {
	case nil:
		return schema.Const(false)
	case schema.Const:
		return !e
	case schema.Not:
		return e.X
	}
	return schema.Not{X: e}
}

// Rebase makes a condition on rows of Rel.To one on rows of Rel.From: the
// related row, or one of them, satisfies it. It is `ROLE of FIELD`.
func Rebase(rel *schema.Relation, e schema.Expr) schema.Expr {
	return some(schema.Exists{Rel: rel, Where: e})
}

// some drops an Exists that nothing can satisfy.
func some(e schema.Exists) schema.Expr {
	if never(e.Where) || never(e.Guard) {
		return schema.Const(false)
	}
	return e
}

func never(e schema.Expr) bool { return e == schema.Expr(schema.Const(false)) }

// Simplify flattens and drops what makes no difference. The meaning stays.
func Simplify(e schema.Expr) schema.Expr {
	switch e := e.(type) {
	case nil:
		return schema.Const(true)
	case schema.And:
		parts := make([]schema.Expr, len(e))
		for i, x := range e {
			parts[i] = Simplify(x)
		}
		return And(parts...)
	case schema.Or:
		parts := make([]schema.Expr, len(e))
		for i, x := range e {
			parts[i] = Simplify(x)
		}
		return Or(parts...)
	case schema.Not:
		return Not(Simplify(e.X))
	case schema.Exists:
		e.Where = Simplify(e.Where)
		if e.Guard != nil {
			if e.Guard = Simplify(e.Guard); e.Guard == schema.Expr(schema.Const(true)) {
				e.Guard = nil
			}
		}
		return some(e)
	case schema.In:
		if len(e.List) == 0 {
			return schema.Const(false)
		}
	}
	return e
}
