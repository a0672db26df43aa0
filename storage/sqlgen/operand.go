package sqlgen

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/dowel-dev/dowel/schema"
)

func itoa(n int) string { return strconv.Itoa(n) }

// operand prints a constant, or the value at the end of a path: null when a
// step of it leads nowhere.
func (p *Printer) operand(o schema.Operand, a Alias) {
	switch o := o.(type) {
	case schema.Lit:
		p.Arg(o.Value)
	case schema.Now:
		p.Arg(p.now(o))
	case *schema.Path:
		p.path(o, a)
	default:
		panic(fmt.Sprintf("sqlgen: operand %T", o))
	}
}

func (p *Printer) path(path *schema.Path, a Alias) {
	if len(path.Steps) == 0 {
		p.end(path, a)
		return
	}
	step := path.Steps[0]
	rest := *path
	rest.Steps = path.Steps[1:]
	to := p.NewAlias()
	p.Put("(select ")
	p.path(&rest, to)
	p.Put(" from ")
	p.related(step.Rel, a, to)
	p.and(step.Guard, to)
	p.Put(" limit 1)")
}

// end prints a field of the row itself.
func (p *Printer) end(path *schema.Path, a Alias) {
	if len(path.Member) > 0 {
		p.SQL = p.Dialect.Member(p.SQL, p.captured(func() { p.field(path.Field, a, path.Guard) }), path.Member, path.Type)
		return
	}
	p.field(path.Field, a, path.Guard)
}

// field prints the value of a field of any sort.
func (p *Printer) field(f *schema.Field, a Alias, guard schema.Expr) {
	switch {
	case f.Many != nil:
		p.many(f, a, guard)
	case f.Computed != nil:
		p.computed(f, a, guard)
	default:
		p.Column(a, p.Names.Table(f.Class).Columns[f.Index])
	}
}

// many prints the JSON array of a set of links.
func (p *Printer) many(f *schema.Field, a Alias, guard schema.Expr) {
	m := f.Many
	far := p.Names.Table(m.To)
	to := p.NewAlias()
	p.Put("(select ")
	p.SQL = p.Dialect.JSONArray(p.SQL, "v")
	p.Put(" from (select ")
	p.Column(to, far.Columns[Shown(m).Index])
	p.Put(" as v from ")
	p.related(m.Rel, a, to)
	p.and(guard, to)
	p.Put(" order by ")
	p.Column(to, far.Columns[m.To.Key[0].Index])
	p.Put("))")
}

func (p *Printer) computed(f *schema.Field, a Alias, guard schema.Expr) {
	c := f.Computed
	to := p.NewAlias()
	p.Put("(select ")
	p.fold(c, to)
	p.Put(" from ")
	p.related(c.Rel, a, to)
	p.and(c.Where, to)
	p.and(guard, to)
	p.Put(")")
}

func (p *Printer) fold(c *schema.Computed, to Alias) {
	if c.Of == nil {
		p.Put("count(*)")
		return
	}
	of := p.captured(func() { p.field(c.Of, to, nil) })
	switch c.Func {
	case "count":
		p.Put("count(*)")
	case "sum":
		p.Put("coalesce(sum(")
		p.SQL = of(p.SQL)
		p.Put("), 0)")
	case "avg":
		k := kindOf(c.Of)
		before := p.SQL
		column := string(of(nil))
		p.SQL = p.Dialect.Mean(before, column, k.Kind, k.Scale)
	case "min", "max":
		p.Put(c.Func)
		p.Put("(")
		p.SQL = of(p.SQL)
		p.Put(")")
	default:
		panic("sqlgen: computed " + c.Func)
	}
}

// shape is the kind of what a path ends in.
func (p *Printer) shape(x *schema.Path) (schema.Kind, uint8) {
	if len(x.Member) > 0 {
		return x.Type.Kind(), ScaleOf(x.Type)
	}
	k := p.Names.Table(x.Field.Class).Kinds[x.Field.Index]
	return k.Kind, k.Scale
}

func constantOf(o schema.Operand) (schema.Value, bool) {
	l, ok := o.(schema.Lit)
	return l.Value, ok
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

// fit says what became of a constant that is compared with a column.
type fit uint8

const (
	plainly fit = iota // compare
	never              // nothing compares so
	always             // every value but null does
)

func comparable(a, b schema.Kind) bool {
	number := func(k schema.Kind) bool {
		return k == schema.Int || k == schema.Float || k == schema.Decimal
	}
	return a == b || number(a) && number(b)
}

// convert brings a constant to the form a column of the kind has. A number
// between two that the column can hold is moved to the lower one, and the
// operator with it: x < 1.5 is x <= 1.
func convert(op schema.Op, v schema.Value, kind schema.Kind, scale uint8) (schema.Value, schema.Op, fit) {
	if v.IsNull() || !comparable(v.Kind(), kind) {
		return v, op, never
	}
	switch {
	case kind == schema.Decimal && v.Kind() == schema.Decimal && v.Scale() == scale:
		return schema.NewInt(v.Int()), op, plainly
	case v.Kind() == kind && kind != schema.Decimal:
		return v, op, plainly
	case kind == schema.Float && v.Kind() == schema.Int:
		return v, op, plainly
	}
	r := rational(v)
	if kind == schema.Float {
		return convertFloat(op, r)
	}
	r.Mul(r, new(big.Rat).SetInt(pow10(scale)))
	floor := new(big.Int).Div(r.Num(), r.Denom()) // Euclidean: rounds down, as the denominator is positive
	exact := r.IsInt()
	if !floor.IsInt64() {
		return outOfRange(op, v, floor.Sign() > 0)
	}
	if !exact {
		switch op {
		case schema.Eq:
			return v, op, never
		case schema.Ne:
			return v, op, always
		case schema.Lt:
			op = schema.Le
		case schema.Ge:
			op = schema.Gt
		}
	}
	return schema.NewInt(floor.Int64()), op, plainly
}

// convertFloat compares a column of doubles with an exact number.
func convertFloat(op schema.Op, r *big.Rat) (schema.Value, schema.Op, fit) {
	f, exact := r.Float64()
	v := schema.NewFloat(f)
	if exact {
		return v, op, plainly
	}
	above := new(big.Rat).SetFloat64(f).Cmp(r) > 0 // the double is above the number
	switch op {
	case schema.Eq:
		return v, op, never
	case schema.Ne:
		return v, op, always
	case schema.Lt, schema.Le:
		op = schema.Le
		if above {
			op = schema.Lt
		}
	case schema.Gt, schema.Ge:
		op = schema.Gt
		if above {
			op = schema.Ge
		}
	}
	return v, op, plainly
}

// outOfRange compares with a number beyond 64 bits.
func outOfRange(op schema.Op, v schema.Value, big bool) (schema.Value, schema.Op, fit) {
	less := op == schema.Lt || op == schema.Le
	if op == schema.Ne || less && big || (op == schema.Gt || op == schema.Ge) && !big {
		return v, op, always
	}
	return v, op, never
}

func rational(v schema.Value) *big.Rat {
	switch v.Kind() {
	case schema.Float:
		if f := v.Float(); !math.IsInf(f, 0) && !math.IsNaN(f) {
			return new(big.Rat).SetFloat64(f)
		}
		return new(big.Rat)
	case schema.Decimal:
		return new(big.Rat).SetFrac(big.NewInt(v.Int()), pow10(v.Scale()))
	}
	return new(big.Rat).SetInt64(v.Int())
}

func pow10(n uint8) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// holds compares two constants.
func holds(op schema.Op, a, b schema.Value) bool {
	c, ok := schema.Order(a, b)
	if !ok {
		return false
	}
	switch op {
	case schema.Eq:
		return c == 0
	case schema.Ne:
		return c != 0
	case schema.Lt:
		return c < 0
	case schema.Le:
		return c <= 0
	case schema.Gt:
		return c > 0
	}
	return c >= 0
}
