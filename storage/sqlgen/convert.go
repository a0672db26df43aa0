package sqlgen

import (
	"math"
	"math/big"

	"github.com/dowel-dev/dowel/schema"
)

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

// convert brings a constant to the form an operand of the kind has. A number
// between two that the operand can be is moved to the lower one, and the
// operator with it: x < 1.5 is x <= 1.
func (p *Printer) convert(op schema.Op, v schema.Value, k Kind) (schema.Value, schema.Op, fit) {
	if v.IsNull() || !comparable(v.Kind(), k.Kind) {
		return v, op, never
	}
	switch {
	case k.Kind == schema.Decimal && v.Kind() == schema.Decimal && v.Scale() == k.Scale:
		return p.Dialect.decimal(v.Int(), k.Scale), op, plainly
	case v.Kind() == k.Kind && k.Kind != schema.Decimal:
		return v, op, plainly
	}
	r := rational(v)
	if k.Kind == schema.Float {
		return convertFloat(op, r)
	}
	r.Mul(r, new(big.Rat).SetInt(pow10(k.Scale)))
	floor := new(big.Int).Div(r.Num(), r.Denom()) // Euclidean: rounds down, as the denominator is positive
	if !floor.IsInt64() {
		return outOfRange(op, v, floor.Sign() > 0)
	}
	if !r.IsInt() {
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
	if k.Kind == schema.Decimal {
		return p.Dialect.decimal(floor.Int64(), k.Scale), op, plainly
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
