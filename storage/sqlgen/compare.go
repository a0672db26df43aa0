package sqlgen

import (
	"fmt"
	"slices"

	"github.com/dowel-dev/dowel/schema"
)

// term is one side of a comparison: a path from the row of an alias, or an
// element of a list.
type term struct {
	path *schema.Path
	done int         // steps of the path that lead to the row of a
	elem schema.Type // of the element j<a>
	a    Alias
	Kind
}

// operandOf is a path that begins at the row of a, endOf one that ends there.
func (p *Printer) operandOf(path *schema.Path, a Alias) term {
	return term{path: path, a: a, Kind: p.shape(path)}
}

func (p *Printer) endOf(path *schema.Path, a Alias) term {
	return term{path: path, done: len(path.Steps), a: a, Kind: p.shape(path)}
}

// term prints a side as it is kept.
func (p *Printer) term(x term) {
	if x.elem != nil {
		p.Dialect.element(p, x.a, x.elem)
	} else {
		p.path(x.path, x.done, x.a)
	}
}

var operators = [...]string{schema.Eq: " = ", schema.Ne: " <> ", schema.Lt: " < ", schema.Le: " <= ", schema.Gt: " > ", schema.Ge: " >= "}

var mirrored = [...]schema.Op{schema.Eq: schema.Eq, schema.Ne: schema.Ne, schema.Lt: schema.Gt, schema.Le: schema.Ge, schema.Gt: schema.Lt, schema.Ge: schema.Le}

func (p *Printer) compare(e schema.Compare, a Alias) {
	left, right, op := e.Left, e.Right, e.Op
	if _, ok := p.constantOf(left); ok {
		left, right, op = right, left, mirrored[op]
	}
	v, ok := p.constantOf(right)
	if !ok {
		p.comparePaths(op, left, right, a)
		return
	}
	if x, ok := p.constantOf(left); ok {
		p.constant(holds(op, x, v))
		return
	}
	path := pathOf(left)
	a = p.enter(path, a)
	p.compareConst(op, path, v, a)
	p.leave(path)
}

func pathOf(o schema.Operand) *schema.Path {
	path, ok := o.(*schema.Path)
	if !ok {
		panic(fmt.Sprintf("sqlgen: operand %T", o))
	}
	return path
}

// enter begins a condition on the end of a path and returns the alias of the row
// there. A path over relations becomes "a row exists at its end that …", which
// databases can turn into a join; leave ends it.
func (p *Printer) enter(path *schema.Path, a Alias) Alias {
	for i := range path.Steps {
		step := &path.Steps[i]
		to := p.NewAlias()
		p.Put("exists (select 1 from ")
		p.related(step.Rel, a, to)
		p.and(step.Guard, to)
		p.Put(" and ")
		a = to
	}
	return a
}

func (p *Printer) leave(path *schema.Path) {
	for range path.Steps {
		p.Put(")")
	}
}

// compareConst compares the end of a path with a constant.
func (p *Printer) compareConst(op schema.Op, path *schema.Path, v schema.Value, a Alias) {
	if ranks := p.ranks(path); ranks != nil && op > schema.Ne {
		p.compareRank(op, path, v, ranks, a)
		return
	}
	x := p.endOf(path, a)
	if plain := p.against(op, x, v); plain && op == schema.Eq && p.folds(path) {
		// The only index on the field may be one without case.
		p.Put(" and ")
		p.Dialect.noCase(p, x, v.Text())
	}
}

// against compares with a constant; plain tells that it compares as it is.
func (p *Printer) against(op schema.Op, x term, v schema.Value) (plain bool) {
	v, op, fits := p.convert(op, v, x.Kind)
	switch fits {
	case never:
		p.Put("false")
		return false
	case always:
		p.term(x)
		p.Put(" is not null")
		return false
	}
	p.Dialect.value(p, x)
	p.Put(operators[op])
	p.Arg(v)
	p.widen(x.Kind, "::bigint")
	return true
}

// widen keeps a bound value from being taken for a number as small as those of a column.
func (p *Printer) widen(k Kind, cast string) {
	if k.Narrow {
		p.Put(cast)
	}
}

// equals compares with an item, which is a constant or a path from another row.
func (p *Printer) equals(x term, item schema.Operand, a Alias) {
	if v, ok := p.constantOf(item); ok {
		p.against(schema.Eq, x, v)
		return
	}
	y := p.operandOf(pathOf(item), a)
	if !comparable(x.Kind.Kind, y.Kind.Kind) {
		p.Put("false")
		return
	}
	p.Dialect.compare(p, schema.Eq, x, y)
}

// compareRank compares an enum with one of its values by declared order: it is
// one of those that come before, or after.
func (p *Printer) compareRank(op schema.Op, x *schema.Path, v schema.Value, ranks []string, a Alias) {
	rank := slices.Index(ranks, v.Text())
	if rank < 0 || v.Kind() != schema.Text {
		p.Put("false")
		return
	}
	var list []schema.Operand
	for i, name := range ranks {
		if holds(op, schema.NewInt(int64(i)), schema.NewInt(int64(rank))) {
			list = append(list, schema.Lit{Value: schema.NewText(name)})
		}
	}
	p.inList(x, list, a)
}

func (p *Printer) folds(x *schema.Path) bool {
	return len(x.Member) == 0 && p.Names.Table(x.Field.Class).nocase[x.Field.Index]
}

// comparePaths compares two operands of the row.
func (p *Printer) comparePaths(op schema.Op, l, r schema.Operand, a Alias) {
	x, y := p.operandOf(pathOf(l), a), p.operandOf(pathOf(r), a)
	if !comparable(x.Kind.Kind, y.Kind.Kind) {
		p.Put("false")
		return
	}
	if ranks := p.ranks(x.path); ranks != nil && op > schema.Ne {
		p.rank(ranks, x.path, a)
		p.Put(operators[op])
		p.rank(ranks, y.path, a)
		return
	}
	p.Dialect.compare(p, op, x, y)
}

// in prints membership in a list of constants.
func (p *Printer) in(e schema.In, a Alias) {
	path, ok := e.X.(*schema.Path)
	if !ok || !p.constants(e.List) {
		any := make([]schema.Expr, len(e.List))
		for i, o := range e.List {
			any[i] = schema.Compare{Op: schema.Eq, Left: e.X, Right: o}
		}
		p.junction(any, a, " or ", false, (*Printer).cond)
		return
	}
	a = p.enter(path, a)
	p.inList(path, e.List, a)
	p.leave(path)
}

func (p *Printer) inList(path *schema.Path, list []schema.Operand, a Alias) {
	x := p.endOf(path, a)
	values := p.list[:0]
	p.list = nil // the operand may be a fold whose condition has a list of its own
	defer func() { p.list = values }()
	for _, o := range list {
		v, _ := p.constantOf(o)
		if v, _, fits := p.convert(schema.Eq, v, x.Kind); fits == plainly {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		p.Put("false")
		return
	}
	p.Dialect.among(p, x, values)
}

func (p *Printer) constants(list []schema.Operand) bool {
	for _, o := range list {
		if _, ok := p.constantOf(o); !ok {
			return false
		}
	}
	return true
}
