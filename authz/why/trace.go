// Package why follows a condition through one row: which comparisons hold,
// what their two sides are, and which of them would have to come out otherwise
// for the whole to turn.
//
//	t := why.Asking{Env: subject.Env(clock), Resolve: x.Resolve}.Follow(rule.Where, row)
//	t.Holds          // what expr.Match says of the resolved condition
//	t.Leaves()       // author = me: author is 4, me is 3
//	t.Turn(true)     // the fewest leaves that would have to change
//
// It is for people: decisions are made by package authz, and by stores.
package why

import (
	"slices"
	"unicode/utf8"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// Tree is a condition with the outcome of each of its parts on one row.
type Tree struct {
	Holds bool
	Leaf  *Leaf // nil where parts are joined
	join  join
	parts []*Tree
}

// join is how the parts of a tree make one outcome.
type join uint8

const (
	all  join = iota // every part must hold
	some             // one must
	none             // the only part must not
)

// Leaf is one comparison.
type Leaf struct {
	Text   string // as the language spells it: author = me
	Holds  bool
	Values []Named
	fixed  bool // a constant, which nothing can change
}

// Named is one side of a comparison that is no constant, with its value on the row.
type Named struct{ Name, Value string }

// Asking is who a condition is judged for, and when.
type Asking struct {
	Env *expr.Env
	// Resolve binds me and now in a condition.
	Resolve func(schema.Expr) schema.Expr
}

// Follow judges a condition on a row; nil is no condition.
func (w Asking) Follow(e schema.Expr, row expr.Rower) *Tree {
	switch e := e.(type) {
	case nil:
		return &Tree{Holds: true, Leaf: &Leaf{Text: "true", Holds: true, fixed: true}}
	case schema.Const:
		return &Tree{Holds: bool(e), Leaf: &Leaf{Text: expr.String(e), Holds: bool(e), fixed: true}}
	case schema.And:
		t := &Tree{Holds: true, join: all}
		for _, x := range e {
			part := w.Follow(x, row)
			t.parts, t.Holds = append(t.parts, part), t.Holds && part.Holds
		}
		return t
	case schema.Or:
		t := &Tree{join: some}
		for _, x := range e {
			part := w.Follow(x, row)
			t.parts, t.Holds = append(t.parts, part), t.Holds || part.Holds
		}
		return t
	case schema.Not:
		part := w.Follow(e.X, row)
		return &Tree{Holds: !part.Holds, join: none, parts: []*Tree{part}}
	}
	holds := expr.Match(w.Resolve(e), row)
	return &Tree{Holds: holds, Leaf: &Leaf{Text: expr.String(e), Holds: holds, Values: w.values(e, row)}}
}

// values are the sides of a comparison that depend on the row or on who asks.
func (w Asking) values(e schema.Expr, row expr.Rower) []Named {
	var list []Named
	add := func(o schema.Operand) {
		if _, constant := o.(schema.Lit); constant || o == nil {
			return
		}
		name := string(expr.AppendOperand(nil, o))
		if !slices.ContainsFunc(list, func(n Named) bool { return n.Name == name }) {
			list = append(list, Named{name, shown(w.value(o, row))})
		}
	}
	switch e := e.(type) {
	case schema.Compare:
		add(e.Left)
		add(e.Right)
	case schema.In:
		add(e.X)
		for _, o := range e.List {
			add(o)
		}
	case schema.Like:
		add(e.X)
	case schema.IsNull:
		add(e.X)
	case schema.Contains:
		add(e.X)
		add(e.Item)
	case schema.Exists:
		expr.Operands(e.Where, func(o schema.Operand) {
			switch o.(type) {
			case schema.Me, schema.MeField:
				add(o)
			}
		})
	}
	return list
}

// value is what an operand is on the row; what has no value for who asks is null.
func (w Asking) value(o schema.Operand, row expr.Rower) schema.Value {
	if p, ok := o.(*schema.Path); ok {
		return expr.Value(p, row)
	}
	return expr.ResolveOperand(o, w.Env)
}

// mostShown is how many characters of a value are shown.
const mostShown = 60

func shown(v schema.Value) string {
	if v.IsNull() {
		return "null"
	}
	text := v.String()
	if utf8.RuneCountInString(text) > mostShown {
		return string([]rune(text)[:mostShown]) + "…"
	}
	return text
}

// Leaves are the comparisons, in their order.
func (t *Tree) Leaves() []*Leaf {
	if t.Leaf != nil {
		return []*Leaf{t.Leaf}
	}
	var list []*Leaf
	for _, p := range t.parts {
		list = append(list, p.Leaves()...)
	}
	return list
}

// Turn returns the fewest comparisons that would have to come out otherwise for
// the condition to come out as wanted: none when it does already. ok is false
// where no row could make it.
func (t *Tree) Turn(want bool) (leaves []*Leaf, ok bool) {
	switch {
	case t.Holds == want:
		return nil, true
	case t.Leaf != nil:
		return []*Leaf{t.Leaf}, !t.Leaf.fixed
	case t.join == none:
		return t.parts[0].Turn(!want)
	case (t.join == all) == want: // each part that is in the way
		for _, p := range t.parts {
			more, possible := p.Turn(want)
			if !possible {
				return nil, false
			}
			leaves = append(leaves, more...)
		}
		return leaves, true
	}
	for _, p := range t.parts { // any one part does
		if one, possible := p.Turn(want); possible && (!ok || len(one) < len(leaves)) {
			leaves, ok = one, true
		}
	}
	return leaves, ok
}
