package storagetest

import (
	"fmt"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// Cond is a condition that waits for its class: the tests write the names of
// fields and paths, as people do.
type Cond func(c *schema.Class) schema.Expr

// Path resolves a dotted path: to-one relations, then a field, then members of
// a nested object. A mistake panics.
func Path(c *schema.Class, text string) *schema.Path {
	p := &schema.Path{}
	parts := strings.Split(text, ".")
	for i, name := range parts {
		last := i == len(parts)-1
		if rel := c.Relation(name); rel != nil && !last {
			p.Steps = append(p.Steps, schema.Step{Rel: rel})
			c = rel.To
			continue
		}
		p.Field = c.Field(name)
		if p.Field == nil {
			panic("storagetest: no field " + c.Name + "." + name)
		}
		p.Member, p.Type = parts[i+1:], p.Field.Type
		if !last {
			p.Type = typed("string", schema.Options{}) // members of Object are texts
		}
		break
	}
	return p
}

// Value makes a value of a type from Go: nil is null, JSON types take their
// JSON text, all others their plain text form.
func Value(t schema.Type, x any) schema.Value {
	switch x := x.(type) {
	case nil:
		return schema.Value{}
	case schema.Value:
		return x
	}
	text := fmt.Sprint(x)
	if t.Kind() == schema.JSON {
		return schema.NewJSON(text)
	}
	v, err := t.Parse(text)
	if err != nil {
		panic(fmt.Sprintf("storagetest: %q is no %s: %v", text, t.Name(), err))
	}
	return v
}

// Is compares a path with a constant: Is("customer.name", "=", "Ann").
func Is(path, op string, x any) Cond {
	return func(c *schema.Class) schema.Expr {
		p := Path(c, path)
		return schema.Compare{Op: operator(op), Left: p, Right: schema.Lit{Value: Value(p.Type, x)}}
	}
}

// Fields compares two paths.
func Fields(left, op, right string) Cond {
	return func(c *schema.Class) schema.Expr {
		return schema.Compare{Op: operator(op), Left: Path(c, left), Right: Path(c, right)}
	}
}

func operator(sign string) schema.Op {
	for op := schema.Eq; op <= schema.Ge; op++ {
		if op.String() == sign {
			return op
		}
	}
	panic("storagetest: no operator " + sign)
}

// In holds when the path has one of the values.
func In(path string, xs ...any) Cond {
	return func(c *schema.Class) schema.Expr {
		p := Path(c, path)
		in := schema.In{X: p}
		for _, x := range xs {
			in.List = append(in.List, schema.Lit{Value: Value(p.Type, x)})
		}
		return in
	}
}

// Like matches a pattern.
func Like(path, pattern string) Cond {
	return func(c *schema.Class) schema.Expr { return schema.Like{X: Path(c, path), Pattern: pattern} }
}

// Null holds when the path has no value.
func Null(path string) Cond {
	return func(c *schema.Class) schema.Expr { return schema.IsNull{X: Path(c, path)} }
}

// Has holds when a list or set has the item.
func Has(path string, item schema.Value) Cond {
	return func(c *schema.Class) schema.Expr {
		return schema.Contains{X: Path(c, path), Item: schema.Lit{Value: item}}
	}
}

// Exists holds when a row at the end of the relation satisfies where.
func Exists(relation string, where Cond) Cond {
	return func(c *schema.Class) schema.Expr {
		rel := c.Relation(relation)
		return schema.Exists{Rel: rel, Where: where(rel.To)}
	}
}

// All holds for every row.
func All(*schema.Class) schema.Expr { return schema.Const(true) }

// None holds for no row.
func None(*schema.Class) schema.Expr { return schema.Const(false) }

// Not is the complement.
func Not(x Cond) Cond {
	return func(c *schema.Class) schema.Expr { return schema.Not{X: x(c)} }
}

// And holds when all do.
func And(xs ...Cond) Cond {
	return func(c *schema.Class) schema.Expr {
		and := schema.And{}
		for _, x := range xs {
			and = append(and, x(c))
		}
		return and
	}
}

// Or holds when one does.
func Or(xs ...Cond) Cond {
	return func(c *schema.Class) schema.Expr {
		or := schema.Or{}
		for _, x := range xs {
			or = append(or, x(c))
		}
		return or
	}
}
