package expr

import (
	"slices"
	"strconv"

	"github.com/dowel-dev/dowel/schema"
)

// Bind gives the names of an expression their meaning and checks that types
// agree. It reports every error; the condition is then not to be used.
func Bind(n *Node, s *Scope) (schema.Expr, []BindError) {
	b := &binder{Scope: s}
	e := b.condition(n)
	slices.SortStableFunc(b.errs, func(x, y BindError) int { return x.Offset - y.Offset })
	if len(b.errs) > 0 {
		return schema.Const(false), b.errs
	}
	return Simplify(e), nil
}

type binder struct {
	*Scope
	errs []BindError
}

// fail reports an error and stands in for the condition that has it.
func (b *binder) fail(e *BindError) schema.Expr {
	b.errs = append(b.errs, *e)
	return schema.Const(false)
}

func (b *binder) condition(n *Node) schema.Expr {
	switch n.Kind {
	case AndNode:
		all := make(schema.And, len(n.Args))
		for i, a := range n.Args {
			all[i] = b.condition(a)
		}
		return all
	case OrNode:
		any := make(schema.Or, len(n.Args))
		for i, a := range n.Args {
			any[i] = b.condition(a)
		}
		return any
	case NotNode:
		return schema.Not{X: b.condition(n.Args[0])}
	case CompareNode:
		return b.compare(n)
	case InNode:
		return b.in(n)
	case LikeNode:
		return b.like(n)
	case HasNode:
		return b.has(n)
	case WhereNode:
		return b.where(n)
	case NullNode:
		return b.null(n)
	case BoolNode:
		return schema.Const(n.Text == "true")
	case PathNode:
		return b.flag(n)
	}
	return b.fail(bindError(n.Start, n.End, CodeType, "this is a value, not a condition"))
}

// path resolves a path that must end in a field.
func (b *binder) path(n *Node) (Bound, *BindError) {
	p, err := resolve(b.Scope, n.Names)
	if err == nil && p.Field == nil {
		err = isRelation(p, n.Names)
	}
	return p, err
}

// flag is a field of type bool that stands alone.
func (b *binder) flag(n *Node) schema.Expr {
	p, err := b.path(n)
	if err != nil {
		return b.fail(err)
	}
	if p.Type.Kind() != schema.Bool {
		return b.fail(bindError(n.Start, n.End, CodeType, "`%s` is of type %s and no condition by itself", n.String(), p.Type.Name()).
			hint("compare it: %s = …, or %s is not null", n.String(), n.String()))
	}
	return Through(p, func(o schema.Operand) schema.Expr {
		return schema.Compare{Left: o, Right: schema.Lit{Value: schema.NewBool(true)}}
	})
}

func (b *binder) compare(n *Node) schema.Expr {
	left, right, op := n.Args[0], n.Args[1], n.Op
	if left.Kind != PathNode && right.Kind == PathNode {
		left, right, op = right, left, flipped[op]
	}
	if left.Kind != PathNode {
		return b.compareSubject(n)
	}
	p, err := b.path(left)
	if err != nil {
		b.fail(err)
		if right.Kind == PathNode {
			if _, err := b.path(right); err != nil && !b.bareWord(right, nil) {
				b.fail(err)
			}
		}
		return schema.Const(false)
	}
	if err := comparing(p, op, left); err != nil {
		return b.fail(err)
	}
	if right.Kind == PathNode {
		return b.comparePaths(n, p, left, right, op)
	}
	value, err := b.value(right, target{Bound: p, node: left})
	if err != nil {
		return b.fail(err)
	}
	return Through(p, func(o schema.Operand) schema.Expr {
		return schema.Compare{Op: op, Left: o, Right: value}
	})
}

// flipped is the operator that says the same with its sides exchanged.
var flipped = map[schema.Op]schema.Op{
	schema.Eq: schema.Eq, schema.Ne: schema.Ne, schema.Lt: schema.Gt, schema.Le: schema.Ge, schema.Gt: schema.Lt, schema.Ge: schema.Le,
}

func ordering(op schema.Op) bool { return op != schema.Eq && op != schema.Ne }

// comparing checks that the operator makes sense for what the path ends in.
func comparing(p Bound, op schema.Op, n *Node) *BindError {
	traits := p.Type.Traits()
	switch {
	case traits.List:
		return bindError(n.Start, n.End, CodeType, "`%s` is a list", n.String()).hint("ask for one element: %s has …", n.String())
	case !traits.Filter:
		e := bindError(n.Start, n.End, CodeType, "values of type %s cannot be compared", p.Type.Name())
		if o, ok := p.Type.(*schema.ObjectType); ok {
			e.hint("name a member: %s.%s", n.String(), wireName(o.Fields()[0]))
		}
		return e
	case ordering(op) && !traits.Order:
		return bindError(n.Start, n.End, CodeType, "values of type %s have no order", p.Type.Name()).hint("only = and != work")
	}
	return nil
}

func (b *binder) comparePaths(n *Node, p Bound, left, right *Node, op schema.Op) schema.Expr {
	if b.bareWord(right, &p) {
		return schema.Const(false)
	}
	q, err := b.path(right)
	if err == nil {
		err = comparing(q, op, right)
	}
	if err == nil {
		err = agree(p, q, op, n)
	}
	if err == nil && (p.ToMany() || q.ToMany()) {
		err = bindError(n.Start, n.End, CodeType, "a field of several rows can be compared with constants only, not with another field")
	}
	if err != nil {
		return b.fail(err)
	}
	x, _ := p.Operand()
	y, _ := q.Operand()
	return schema.Compare{Op: op, Left: x, Right: y}
}

// bareWord reports text that somebody forgot to quote: status = active.
func (b *binder) bareWord(n *Node, p *Bound) bool {
	if len(n.Names) != 1 || b.field(b.Class, n.Names[0].Text) != nil || b.relation(b.Class, n.Names[0].Text) != nil {
		return false
	}
	word := n.Names[0].Text
	meant := schema.Suggest(word, b.names(b.Class)) == ""
	if p != nil {
		ranked, is := p.Type.(schema.Ranked)
		meant = is && ranked.Rank(word) >= 0 || meant && (is || p.Type.Traits().Like)
	}
	if !meant {
		return false
	}
	b.fail(bindError(n.Start, n.End, CodeUnknown, "`%s` has no field `%s`", b.Class.Name, word).hint("text goes in single quotes: '%s'", word))
	return true
}

// agree checks that two paths can be compared with each other.
func agree(p, q Bound, op schema.Op, n *Node) *BindError {
	if x, y := points(p), points(q); x != y && (refers(p) || refers(q)) {
		return bindError(n.Start, n.End, CodeType, "%s cannot be compared with %s", thing(p), thing(q))
	}
	if refers(p) || refers(q) {
		return nil
	}
	x, y := family(p.Type), family(q.Type)
	if x == y && !(x == "enum" && ordering(op) && !sameEnum(p.Type, q.Type)) {
		return nil
	}
	if !ordering(op) && (x == "enum" && y == "text" || x == "text" && y == "enum") {
		return nil
	}
	return bindError(n.Start, n.End, CodeType, "%s cannot be compared with %s", thing(p), thing(q))
}

func refers(p Bound) bool { return p.Field.Ref != nil }

// points is the class whose keys the values of a path are, or nil.
func points(p Bound) *schema.Class {
	f := p.Field
	switch {
	case len(p.Member) > 0 || f.Class == nil:
		return nil
	case f.Ref != nil:
		return f.Ref.To
	case len(f.Class.Key) == 1 && f.Class.Key[0] == f:
		return f.Class
	}
	return nil
}

// thing names what a path ends in, for messages.
func thing(p Bound) string {
	if p.Field.Ref != nil && len(p.Member) == 0 {
		return "`" + p.Field.Name + "` (a reference to `" + p.Field.Ref.To.Name + "`)"
	}
	name := p.Field.Name
	for _, m := range p.Member {
		name += "." + m
	}
	return "`" + name + "` (" + p.Type.Name() + ")"
}

// family groups types whose values compare as they are stored.
func family(t schema.Type) string {
	switch t.Name() {
	case "int", "bigint":
		return "integer"
	case "decimal":
		if s, ok := t.(interface{ Scale() uint8 }); ok {
			return "decimal of scale " + strconv.Itoa(int(s.Scale()))
		}
	}
	if t.Kind() == schema.Text && t.Traits().Like {
		return "text"
	}
	return t.Name()
}

func sameEnum(a, b schema.Type) bool {
	x, ok1 := a.(schema.Ranked)
	y, ok2 := b.(schema.Ranked)
	return ok1 && ok2 && slices.Equal(x.Values(), y.Values())
}

func (b *binder) in(n *Node) schema.Expr {
	left := n.Args[0]
	if left.Kind != PathNode {
		return b.inSubject(n)
	}
	p, err := b.path(left)
	if err == nil {
		err = comparing(p, schema.Eq, left)
	}
	if err != nil {
		return b.fail(err)
	}
	list := b.values(n.Args[1:], target{Bound: p, node: left})
	return Through(p, func(o schema.Operand) schema.Expr { return schema.In{X: o, List: list} })
}

// values reads constants of one type and reports all that are none.
func (b *binder) values(nodes []*Node, t target) []schema.Operand {
	list := make([]schema.Operand, 0, len(nodes))
	for _, x := range nodes {
		if x.Kind == PathNode && t.Field != nil && b.bareWord(x, &t.Bound) {
			continue
		}
		v, err := b.value(x, t)
		if err != nil {
			b.fail(err)
			continue
		}
		list = append(list, v)
	}
	return list
}

func (b *binder) like(n *Node) schema.Expr {
	left := n.Args[0]
	if left.Kind != PathNode {
		return b.fail(bindError(left.Start, left.End, CodeType, "only fields can be compared with a pattern"))
	}
	p, err := b.path(left)
	if err == nil && (!p.Type.Traits().Like || refers(p) && len(p.Member) == 0) {
		err = bindError(left.Start, left.End, CodeType, "%s is not text and has no patterns", thing(p))
	}
	if err != nil {
		return b.fail(err)
	}
	return Through(p, func(o schema.Operand) schema.Expr {
		return schema.Like{X: o, Pattern: n.Args[1].Text}
	})
}

// has is about an element of a list, or a row at the end of a relation, named by its key.
func (b *binder) has(n *Node) schema.Expr {
	left, item := n.Args[0], n.Args[1]
	if left.Kind != PathNode {
		return b.fail(bindError(left.Start, left.End, CodeType, "only a list or a relation can have something"))
	}
	p, err := resolve(b.Scope, left.Names)
	if err != nil {
		return b.fail(err)
	}
	if p.Many != nil && item.Kind == MeNode && len(item.Names) == 0 {
		p.Field = nil // me is a key, whatever the set is shown by
	}
	if p.Field == nil {
		return b.hasRow(p, left, item)
	}
	if p.Many != nil {
		return b.compare(&Node{Kind: CompareNode, Start: n.Start, End: n.End, Args: n.Args})
	}
	list, ok := p.Type.(*schema.ListType)
	if !ok {
		return b.fail(bindError(left.Start, left.End, CodeType, "%s is no list", thing(p)).hint("compare it with `=`"))
	}
	if !list.Elem().Traits().Filter {
		return b.fail(bindError(left.Start, left.End, CodeType, "elements of type %s cannot be compared", list.Elem().Name()))
	}
	v, err := b.value(item, target{Bound: Bound{Type: list.Elem()}, node: left})
	if err != nil {
		return b.fail(err)
	}
	return Through(p, func(o schema.Operand) schema.Expr { return schema.Contains{X: o, Item: v} })
}

// hasRow compares the key of the related row.
func (b *binder) hasRow(p Bound, left, item *Node) schema.Expr {
	to := p.Rels[len(p.Rels)-1].To
	if len(to.Key) != 1 {
		return b.fail(bindError(left.Start, left.End, CodeType, "rows of `%s` have no single key to compare", to.Name).
			hint("say what they are like: %s has (field = value)", left.String()))
	}
	p.Field, p.Type = to.Key[0], to.Key[0].Type
	v, err := b.value(item, target{Bound: p, node: left})
	if err != nil {
		return b.fail(err)
	}
	return exists(p.Rels, schema.Compare{Left: &schema.Path{Field: p.Field, Type: p.Type}, Right: v})
}

// where is about one row at the end of a relation that satisfies a condition of its own.
func (b *binder) where(n *Node) schema.Expr {
	left := n.Args[0]
	if left.Kind != PathNode {
		return b.fail(bindError(left.Start, left.End, CodeType, "only a relation can have rows"))
	}
	p, err := b.rows(left)
	if err != nil {
		return b.fail(err)
	}
	inner := &binder{Scope: b.of(p.Rels[len(p.Rels)-1].To)}
	e := inner.condition(n.Args[1])
	b.errs = append(b.errs, inner.errs...)
	return exists(p.Rels, e)
}

// rows resolves a path that must end in a relation; a reference is one too.
func (b *binder) rows(n *Node) (Bound, *BindError) {
	p, err := resolve(b.Scope, n.Names)
	switch {
	case err != nil:
		return p, err
	case p.Field != nil && p.Many == nil && p.Field.Ref != nil && len(p.Member) == 0:
		if b.Mode == Check {
			return p, bindError(n.Start, n.End, CodeMode, "a check looks at one row only, and `%s` leads to another", n.String())
		}
		p.Rels = append(p.Rels, p.Field.Ref.Rel)
	case p.Field != nil && p.Many == nil:
		return p, bindError(n.Start, n.End, CodeType, "%s is no relation", thing(p))
	}
	return p, nil
}

// null asks whether there is a value, or a related row.
func (b *binder) null(n *Node) schema.Expr {
	left := n.Args[0]
	if left.Kind == MeNode {
		v, err := b.subject(left, target{Bound: Bound{Type: textual}, node: left})
		if err != nil {
			return b.fail(err)
		}
		return schema.IsNull{X: v}
	}
	if left.Kind != PathNode {
		return b.fail(bindError(left.Start, left.End, CodeType, "only fields and `me` can be null"))
	}
	p, err := resolve(b.Scope, left.Names)
	if err != nil {
		return b.fail(err)
	}
	if p.Field == nil || p.Many != nil {
		return schema.Not{X: exists(p.Rels, schema.Const(true))}
	}
	return Through(p, func(o schema.Operand) schema.Expr { return schema.IsNull{X: o} })
}
