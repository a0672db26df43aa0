package expr

import (
	"strings"
	"time"

	"github.com/dowel-dev/dowel/schema"
)

// target is what a value is compared with; its type decides how the value is read.
type target struct {
	Bound
	node *Node
}

// textual and whole are the types of claims, which the schema says nothing about.
var (
	textual = schema.MustType("string", schema.Options{})
	whole   = schema.MustType("bigint", schema.Options{})
	exact   = schema.MustType("float", schema.Options{})
	truth   = schema.MustType("bool", schema.Options{})
	instant = schema.MustType("datetime", schema.Options{})
)

// value reads a constant, me or now as the type of its target.
func (b *binder) value(n *Node, t target) (schema.Operand, *BindError) {
	switch n.Kind {
	case StringNode:
		return parse(n, t, n.Text)
	case NumberNode:
		if t.Type.Kind() == schema.Text {
			return nil, bindError(n.Start, n.End, CodeValue, "`%s` is of type %s, and %s is a number", t.node, t.Type.Name(), n.Text).
				hint("text goes in single quotes: '%s'", n.Text)
		}
		return parse(n, t, n.Text)
	case BoolNode:
		if t.Type.Kind() != schema.Bool {
			return nil, bindError(n.Start, n.End, CodeValue, "`%s` is of type %s, not true or false", t.node, t.Type.Name())
		}
		return parse(n, t, n.Text)
	case NullWord:
		return nil, bindError(n.Start, n.End, CodeValue, "nothing is equal to null").
			hint("write `%s is null` or `%s is not null`", t.node, t.node)
	case MeNode:
		return b.subject(n, t)
	case NowNode:
		return b.now(n, t)
	case SpanNode:
		if t.Type.Name() != "duration" {
			return nil, bindError(n.Start, n.End, CodeValue, "`%s` is of type %s, not a length of time", t.node, t.Type.Name()).
				hint("a point in time is written `now - %s`", spanText(n.Offset))
		}
		return schema.Lit{Value: schema.NewInt(n.Offset.Microseconds())}, nil
	}
	return nil, bindError(n.Start, n.End, CodeValue, "a constant is needed here, not a field")
}

// parse reads the text of a constant.
func parse(n *Node, t target, text string) (schema.Operand, *BindError) {
	v, err := schema.ParseOperand(t.Type, text)
	if err == nil {
		return schema.Lit{Value: v}, nil
	}
	e := bindError(n.Start, n.End, CodeValue, "`%s` (%s): %s", t.node, t.Type.Name(), err)
	if p, ok := err.(schema.Problem); ok {
		e.Hint = p.Hint
	}
	return nil, e
}

// subject reads me and me.FIELD.
func (b *binder) subject(n *Node, t target) (schema.Operand, *BindError) {
	if err := b.noSubject(n); err != nil {
		return nil, err
	}
	if len(n.Names) > 0 {
		return b.subjectField(n, t)
	}
	if err := b.isSubject(n, t); err != nil {
		return nil, err
	}
	return schema.Me{Type: t.Type}, nil
}

func (b *binder) noSubject(n *Node) *BindError {
	switch b.Mode {
	case Check:
		return bindError(n.Start, n.End, CodeMode, "a check holds for everybody and cannot mention `me`")
	case Computed:
		return bindError(n.Start, n.End, CodeMode, "a computed field is the same for everybody and cannot mention `me`")
	}
	return nil
}

// isSubject checks that a target may hold the id of a subject.
func (b *binder) isSubject(n *Node, t target) *BindError {
	wrong := func() *BindError {
		e := bindError(n.Start, n.End, CodeType, "%s cannot be compared with `me`", t.node)
		if t.Field != nil {
			e.Message = thing(t.Bound) + " cannot be compared with `me`"
		}
		if b.Login != nil {
			e.Message += ", which is a `" + b.Login.Name + "`"
		}
		return e
	}
	if !t.Type.Traits().Key {
		return wrong()
	}
	if t.Field == nil || b.Login == nil {
		return nil
	}
	to := points(t.Bound)
	switch {
	case to == nil || to == b.Login:
		return nil
	case t.Field.Ref != nil, len(t.Rels) > 0:
		return wrong()
	case t.Field.Auto == schema.AutoID || t.Field.Auto == schema.AutoUUID || t.Field.Auto == schema.AutoSequence:
		return wrong() // numbers of their own never are those of a subject
	}
	return nil
}

// subjectField reads me.FIELD: a field of the login class, or else a claim of the token.
func (b *binder) subjectField(n *Node, t target) (schema.Operand, *BindError) {
	name := n.Names[0]
	claim := schema.MeField{Name: name.Text, Type: t.Type}
	if b.Login == nil {
		return claim, nil
	}
	f := b.Login.Field(name.Text)
	if f == nil || f.Synthetic {
		return claim, nil
	}
	switch {
	case f.Type.Traits().Secret:
		return nil, bindError(name.Start, name.End, CodeSecret, "`me.%s` is a %s: nobody may ask about it", name.Text, f.Type.Name())
	case !f.Stored():
		return nil, bindError(name.Start, name.End, CodeType, "`me.%s` is not stored with the subject and cannot be compared", name.Text)
	}
	if t.Field != nil {
		if err := agree(t.Bound, Bound{Field: f, Type: f.Type}, schema.Eq, n); err != nil {
			err.Message = thing(t.Bound) + " cannot be compared with `me." + name.Text + "`" + strings.TrimPrefix(thing(Bound{Field: f, Type: f.Type}), "`"+f.Name+"`")
			return nil, err
		}
	}
	return schema.MeField{Name: f.Name, Field: f, Type: t.Type}, nil
}

func (b *binder) now(n *Node, t target) (schema.Operand, *BindError) {
	switch {
	case b.Mode == Check:
		return nil, bindError(n.Start, n.End, CodeMode, "a check holds at any time and cannot mention `now`")
	case b.Mode == Computed:
		return nil, bindError(n.Start, n.End, CodeMode, "a computed field changes with its rows only and cannot mention `now`")
	case t.Type.Name() != "date" && t.Type.Name() != "datetime":
		return nil, bindError(n.Start, n.End, CodeType, "`%s` is of type %s, and `now` is a point in time", t.node, t.Type.Name())
	}
	return schema.Now{Offset: n.Offset, Type: t.Type}, nil
}

// compareSubject relates two sides that are no fields of the row, as in
// me.role = 'admin': the subject decides, whatever the row is.
func (b *binder) compareSubject(n *Node) schema.Expr {
	left, right, op := n.Args[0], n.Args[1], n.Op
	if varies(right) && !varies(left) {
		left, right, op = right, left, flipped[op]
	}
	if !varies(left) {
		return b.fail(bindError(n.Start, n.End, CodeType, "this compares constants and is about no field"))
	}
	t := b.ownType(left, right)
	if traits := t.Type.Traits(); ordering(op) && !traits.Order || !traits.Filter {
		return b.fail(bindError(left.Start, left.End, CodeType, "`%s` is of type %s and cannot be compared like this", left, t.Type.Name()))
	}
	x, err := b.value(left, t)
	if err != nil {
		return b.fail(err)
	}
	y, err := b.value(right, t)
	if err != nil {
		return b.fail(err)
	}
	return schema.Compare{Op: op, Left: x, Right: y}
}

// inSubject is me.role in ('agent', 'manager').
func (b *binder) inSubject(n *Node) schema.Expr {
	left := n.Args[0]
	if !varies(left) {
		return b.fail(bindError(left.Start, left.End, CodeType, "this compares constants and is about no field"))
	}
	t := b.ownType(left, n.Args[1])
	x, err := b.value(left, t)
	if err != nil {
		return b.fail(err)
	}
	return schema.In{X: x, List: b.values(n.Args[1:], t)}
}

func varies(n *Node) bool { return n.Kind == MeNode || n.Kind == NowNode }

// ownType is the type of me, me.FIELD or now by itself; a claim takes that of what it meets.
func (b *binder) ownType(n, other *Node) target {
	t := target{Bound: Bound{Type: textual}, node: n}
	switch {
	case n.Kind == NowNode:
		t.Type = instant
	case len(n.Names) == 0:
		if b.Login != nil && len(b.Login.Key) == 1 {
			t.Field = b.Login.Key[0]
			t.Type = t.Field.Type
		}
	case b.Login != nil && b.Login.Field(n.Names[0].Text) != nil:
		t.Field = b.Login.Field(n.Names[0].Text)
		t.Type = t.Field.Type
	case other.Kind == NumberNode && strings.ContainsAny(other.Text, ".eE"):
		t.Type = exact
	case other.Kind == NumberNode:
		t.Type = whole
	case other.Kind == BoolNode:
		t.Type = truth
	case other.Kind == NowNode:
		t.Type = instant
	}
	return t
}

// spanText spells a length of time in the largest unit that fits.
func spanText(d time.Duration) string { return string(appendSpan(nil, d)) }
