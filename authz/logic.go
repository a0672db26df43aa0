package authz

import (
	"reflect"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// Conditions are joined here with their constants folded and repetitions left
// out, so that simple policies give simple filters.

func and(terms ...schema.Expr) schema.Expr {
	e := expr.And(terms...)
	list, several := e.(schema.And)
	if !several {
		return e
	}
	if list = distinct(list); len(list) == 1 {
		return list[0]
	}
	return list
}

func or(terms ...schema.Expr) schema.Expr {
	e := expr.Or(terms...)
	list, several := e.(schema.Or)
	if !several {
		return e
	}
	if list = distinct(list); len(list) == 1 {
		return list[0]
	}
	return list
}

// distinct leaves out repetitions.
func distinct[L ~[]schema.Expr](list L) L {
	var out L
	for _, x := range list {
		out = appendNew(out, x)
	}
	return out
}

func appendNew[L ~[]schema.Expr](list L, x schema.Expr) L {
	if len(list) > 64 {
		return append(list, x) // tidiness is not worth a quadratic search
	}
	for _, have := range list {
		if same(have, x) {
			return list
		}
	}
	return append(list, x)
}

// same reports whether two conditions are written alike.
func same(a, b schema.Expr) bool { return reflect.DeepEqual(a, b) }

// mentionsMe reports whether a condition depends on who asks.
func mentionsMe(x schema.Expr) (found bool) {
	expr.Operands(x, func(o schema.Operand) {
		switch o.(type) {
		case schema.Me, schema.MeField:
			found = true
		}
	})
	return found
}

// withoutMe folds a condition for somebody who has no `me`: every comparison
// with it is false.
func withoutMe(x schema.Expr) schema.Expr {
	switch x := x.(type) {
	case schema.And:
		terms := make([]schema.Expr, len(x))
		for i, t := range x {
			terms[i] = withoutMe(t)
		}
		return and(terms...)
	case schema.Or:
		terms := make([]schema.Expr, len(x))
		for i, t := range x {
			terms[i] = withoutMe(t)
		}
		return or(terms...)
	case schema.Not:
		return expr.Not(withoutMe(x.X))
	case schema.Compare, schema.Contains, schema.Like:
		if mentionsMe(x) {
			return schema.Const(false)
		}
	case schema.Exists:
		if x.Where != nil && withoutMe(x.Where) == schema.Const(false) {
			return schema.Const(false)
		}
	}
	return x
}
