package sqlgen

import (
	"fmt"
	"time"

	"github.com/dowel-dev/dowel/schema"
)

// operand prints a constant, or the value at the end of a path: null when a
// step of it leads nowhere.
func (p *Printer) operand(o schema.Operand, a Alias) {
	switch o := o.(type) {
	case schema.Lit:
		p.Arg(o.Value)
	case schema.Now:
		p.Arg(p.now(o))
	case *schema.Path:
		p.path(o, 0, a)
	default:
		panic(fmt.Sprintf("sqlgen: operand %T", o))
	}
}

// path prints the value at the end of a path of which some steps are done.
func (p *Printer) path(path *schema.Path, done int, a Alias) {
	if done == len(path.Steps) {
		p.end(path, a)
		return
	}
	step := &path.Steps[done]
	to := p.NewAlias()
	p.Put("(select ")
	p.path(path, done+1, to)
	p.Put(" from ")
	p.related(step.Rel, a, to)
	p.and(step.Guard, to)
	p.Put(" limit 1)")
}

// end prints a field of the row itself.
func (p *Printer) end(path *schema.Path, a Alias) {
	if len(path.Member) > 0 {
		p.Dialect.member(p, path, a)
		return
	}
	p.field(path.Field, a, path.Guard)
}

// field prints the value of a field of any sort.
func (p *Printer) field(f *schema.Field, a Alias, guard schema.Expr) {
	switch {
	case f.Many != nil:
		p.Dialect.set(p, f, a, guard)
	case f.Computed != nil:
		p.computed(f, a, guard)
	default:
		p.Column(a, p.Names.Table(f.Class).Columns[f.Index])
	}
}

func (p *Printer) computed(f *schema.Field, a Alias, guard schema.Expr) {
	c := f.Computed
	to := p.NewAlias()
	p.Put("(select ")
	switch {
	case c.Of == nil || c.Func == "count":
		p.Put("count(*)")
	case c.Func == "sum":
		p.Put("coalesce(")
		p.fold(c, to)
		p.Put(", 0)")
	default:
		p.fold(c, to)
	}
	p.Put(" from ")
	p.related(c.Rel, a, to)
	p.and(c.Where, to)
	p.and(guard, to)
	p.Put(")")
}

func (p *Printer) fold(c *schema.Computed, to Alias) {
	p.Dialect.fold(p, c.Func, kindOf(c.Of), func(before, after string) {
		p.Put(before)
		p.field(c.Of, to, nil)
		p.Put(after)
	})
}

// shape is the kind of what a path ends in.
func (p *Printer) shape(x *schema.Path) Kind { return p.Names.Shape(x) }

// Shape is the kind of what a path ends in.
func (n *Names) Shape(x *schema.Path) Kind {
	if len(x.Member) > 0 {
		return partOf(x.Type)
	}
	return n.Table(x.Field.Class).Kinds[x.Field.Index]
}

// partOf is how a document keeps a part of itself.
func partOf(t schema.Type) Kind {
	k := KindOf(t)
	k.Native = Plain
	return k
}

func (p *Printer) constantOf(o schema.Operand) (schema.Value, bool) {
	switch o := o.(type) {
	case schema.Lit:
		return o.Value, true
	case schema.Now:
		return p.now(o), true
	}
	return schema.Value{}, false
}

// now is the value of schema.Now, which only the schema's own conditions still hold.
func (p *Printer) now(n schema.Now) schema.Value {
	at := p.Now
	if at.IsZero() {
		at = time.Now()
	}
	return Now(n.Type, at.Add(n.Offset))
}

// Now is a time as a value of a type: a datetime, or its UTC day.
func Now(t schema.Type, at time.Time) schema.Value {
	text := at.UTC().Format("2006-01-02T15:04:05.000000Z")
	if t.Name() == "date" {
		text = text[:len(time.DateOnly)]
	}
	v, err := schema.ParseOperand(t, text)
	if err != nil {
		panic("sqlgen: now as " + t.Name() + ": " + err.Error())
	}
	return v
}
