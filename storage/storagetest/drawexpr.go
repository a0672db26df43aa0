package storagetest

import (
	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/schema"
)

// DrawExpr draws a condition bound to the class, at most depth levels deep.
func DrawExpr(t *rapid.T, c *schema.Class, depth int) schema.Expr {
	if depth <= 0 {
		return drawLeaf(t, c)
	}
	sub := func() schema.Expr { return DrawExpr(t, c, depth-1) }
	switch rapid.IntRange(0, 9).Draw(t, "node") {
	case 0:
		return schema.Not{X: sub()}
	case 1:
		return schema.And{sub(), sub()}
	case 2:
		return schema.Or{sub(), sub()}
	case 3, 4:
		if len(c.Relations) == 0 {
			return sub()
		}
		rel := choose(t, c.Relations, "exists")
		return schema.Exists{Rel: rel, Where: DrawExpr(t, rel.To, depth-1), Guard: drawGuard(t, rel.To, depth-1)}
	case 5:
		return schema.Const(rapid.Bool().Draw(t, "const"))
	}
	return drawLeaf(t, c)
}

// drawGuard draws what may be seen of a class, mostly everything.
func drawGuard(t *rapid.T, c *schema.Class, depth int) schema.Expr {
	if rapid.IntRange(0, 3).Draw(t, "guard") > 0 {
		return nil
	}
	return DrawExpr(t, c, min(depth, 1))
}

func drawPath(t *rapid.T, c *schema.Class) *schema.Path {
	p := &schema.Path{}
	for range rapid.IntRange(0, 2).Draw(t, "steps") {
		var single []*schema.Relation
		for _, r := range c.Relations {
			if r.Single() {
				single = append(single, r)
			}
		}
		if len(single) == 0 {
			break
		}
		rel := choose(t, single, "step")
		p.Steps = append(p.Steps, schema.Step{Rel: rel, Guard: drawGuard(t, rel.To, 0)})
		c = rel.To
	}
	var ends []*schema.Field
	for _, f := range c.Fields {
		if !f.Synthetic && !(f.Computed != nil && f.Computed.Func == "avg") {
			ends = append(ends, f)
		}
	}
	p.Field = choose(t, ends, "end")
	p.Type = p.Field.Type
	switch {
	case p.Field.Computed != nil:
		p.Guard = drawGuard(t, p.Field.Computed.Rel.To, 0)
	case p.Field.Many != nil:
		p.Guard = drawGuard(t, p.Field.Many.To, 0)
	case p.Type.Name() == "object":
		p.Member, p.Type = []string{rapid.SampledFrom([]string{"a", "b"}).Draw(t, "member")}, typed("string", schema.Options{})
	}
	return p
}

// drawLeaf draws a condition on one path that its type allows.
func drawLeaf(t *rapid.T, c *schema.Class) schema.Expr {
	p := drawPath(t, c)
	if p.Type.Kind() == schema.JSON {
		if p.Type.Name() != "list" || p.Field.Many == nil && rapid.Bool().Draw(t, "null") {
			return schema.IsNull{X: p}
		}
		return schema.Contains{X: p, Item: schema.Lit{Value: drawElement(t, p)}}
	}
	lit := func() schema.Operand { return schema.Lit{Value: drawLiteral(t, p)} }
	switch rapid.IntRange(0, 5).Draw(t, "leaf") {
	case 0:
		return schema.IsNull{X: p}
	case 1:
		in := schema.In{X: p}
		for range rapid.IntRange(0, 3).Draw(t, "in") {
			in.List = append(in.List, lit())
		}
		return in
	case 2:
		if p.Type.Kind() == schema.Text && p.Type.Traits().Like {
			pool := []string{"*", "a*", "*B", "*a*", "", `\*`, `\\`, "%", "_", "É*", "a?b", `a"*`}
			return schema.Like{X: p, Pattern: rapid.SampledFrom(pool).Draw(t, "pattern")}
		}
	case 3:
		if q := drawPath(t, c); comparable(p.Type, q.Type) {
			return schema.Compare{Op: drawOp(t, p.Type), Left: p, Right: q}
		}
	}
	return schema.Compare{Op: drawOp(t, p.Type), Left: p, Right: lit()}
}

func drawElement(t *rapid.T, p *schema.Path) schema.Value {
	switch m := p.Field.Many; {
	case m != nil && m.By != nil:
		return drawTyped(t, m.By.Type, "item")
	case m != nil:
		return drawKeyPart(t, m.To.Key[0])
	case p.Type.Shape().Items.Type == "integer":
		return schema.NewInt(rapid.Int64Range(0, 3).Draw(t, "item"))
	}
	return schema.NewText(rapid.SampledFrom(poolText).Draw(t, "item"))
}

func drawLiteral(t *rapid.T, p *schema.Path) schema.Value {
	if rapid.IntRange(0, 9).Draw(t, "null literal") == 0 {
		return schema.Value{}
	}
	if len(p.Member) > 0 || p.Field.Computed != nil {
		return drawTyped(t, p.Type, "literal")
	}
	for _, k := range p.Field.Class.Key {
		if k == p.Field {
			return drawKeyPart(t, k)
		}
	}
	return DrawValue(t, p.Field)
}

func drawOp(t *rapid.T, typ schema.Type) schema.Op {
	if !typ.Traits().Order {
		return rapid.SampledFrom([]schema.Op{schema.Eq, schema.Ne}).Draw(t, "op")
	}
	return rapid.SampledFrom([]schema.Op{schema.Eq, schema.Ne, schema.Lt, schema.Le, schema.Gt, schema.Ge}).Draw(t, "op")
}

// comparable reports whether values of two types may be compared with each other.
func comparable(a, b schema.Type) bool {
	number := func(t schema.Type) bool {
		return t.Name() == "int" || t.Name() == "bigint" || t.Name() == "float" || t.Name() == "decimal"
	}
	return a.Name() == b.Name() && a.Kind() != schema.JSON || number(a) && number(b)
}
