package schema

import (
	"cmp"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Kind is how stores keep a value. The set is closed on purpose: field types
// are many and open, kinds are few, so types and stores never multiply.
type Kind uint8

// The kinds.
const (
	Null    Kind = iota // no value
	Bool                // true or false
	Int                 // 64-bit integer; a duration is its microseconds
	Float               // finite IEEE 754 double
	Decimal             // exact: 64-bit units of 10^-scale
	Text                // UTF-8 without NUL; dates, times and UUIDs in their canonical, order-preserving text
	JSON                // canonical compact JSON text: lists, objects, sets of names or ids
)

// String names the kind as error messages do.
func (k Kind) String() string {
	return [...]string{"null", "bool", "int", "float", "decimal", "text", "json"}[k]
}

// Value is one stored value. The zero Value is null. Values are comparable
// with == only when kind and scale agree; use Order and Equal.
type Value struct {
	text  string
	num   int64
	kind  Kind
	scale uint8
}

// Constructors of values, one a kind.
func NewBool(b bool) Value {
	v := Value{kind: Bool}
	if b {
		v.num = 1
	}
	return v
}

// NewInt returns an Int value.
func NewInt(n int64) Value { return Value{kind: Int, num: n} }

// NewFloat returns a Float value. NaN and infinities are the caller's error:
// types refuse them on input.
func NewFloat(f float64) Value { return Value{kind: Float, num: int64(math.Float64bits(f))} }

// NewDecimal returns units × 10^-scale.
func NewDecimal(units int64, scale uint8) Value {
	return Value{kind: Decimal, num: units, scale: scale}
}

// NewText returns a Text value.
func NewText(s string) Value { return Value{kind: Text, text: s} }

// NewJSON returns a JSON value; s must be valid, compact JSON.
func NewJSON(s string) Value { return Value{kind: JSON, text: s} }

// Kind returns what the value is.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether there is no value.
func (v Value) IsNull() bool { return v.kind == Null }

// Bool returns the truth of a Bool value, false otherwise.
func (v Value) Bool() bool { return v.kind == Bool && v.num != 0 }

// Int returns the integer of an Int value or the units of a Decimal.
func (v Value) Int() int64 { return v.num }

// Scale returns the number of fraction digits of a Decimal.
func (v Value) Scale() uint8 { return v.scale }

// Float returns the number of a Float value.
func (v Value) Float() float64 { return math.Float64frombits(uint64(v.num)) }

// Text returns the characters of a Text or JSON value.
func (v Value) Text() string { return v.text }

// String shows the value for people and logs: text as it is, numbers in
// decimal, null as the empty string.
func (v Value) String() string {
	switch v.kind {
	case Bool:
		return strconv.FormatBool(v.num != 0)
	case Int:
		return strconv.FormatInt(v.num, 10)
	case Float:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case Decimal:
		return string(AppendDecimal(nil, v))
	}
	return v.text
}

// AppendDecimal appends the plain decimal text with all digits of its scale: 12.50.
func AppendDecimal(b []byte, v Value) []byte {
	n, s := v.num, int(v.scale)
	u := uint64(n)
	if n < 0 {
		b = append(b, '-')
		u = -u
	}
	digits := strconv.AppendUint(make([]byte, 0, 24), u, 10)
	for len(digits) <= s {
		digits = append([]byte{'0'}, digits...)
	}
	b = append(b, digits[:len(digits)-s]...)
	if s > 0 {
		b = append(b, '.')
		b = append(b, digits[len(digits)-s:]...)
	}
	return b
}

// Order orders two values of comparable kinds: numbers with numbers by
// exact value, text by code point, false before true. ok is false when either
// is null or the kinds cannot be compared; every comparison is then false.
func Order(a, b Value) (order int, ok bool) {
	if a.kind == b.kind {
		switch a.kind {
		case Bool, Int:
			return cmp.Compare(a.num, b.num), true
		case Float:
			return cmp.Compare(a.Float(), b.Float()), true
		case Text, JSON:
			return strings.Compare(a.text, b.text), true
		case Decimal:
			if a.scale == b.scale {
				return cmp.Compare(a.num, b.num), true
			}
		}
	}
	if a.isNumber() && b.isNumber() {
		return a.rat().Cmp(b.rat()), true
	}
	return 0, false
}

// Equal reports whether two values are the same: nulls are, unlike kinds are not.
func Equal(a, b Value) bool {
	if a.kind == Null || b.kind == Null {
		return a.kind == b.kind
	}
	c, ok := Order(a, b)
	return ok && c == 0
}

func (v Value) isNumber() bool { return v.kind == Int || v.kind == Float || v.kind == Decimal }

func (v Value) rat() *big.Rat {
	switch v.kind {
	case Float:
		r := new(big.Rat)
		r.SetFloat64(v.Float())
		return r
	case Decimal:
		d := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(v.scale)), nil)
		return new(big.Rat).SetFrac(big.NewInt(v.num), d)
	}
	return new(big.Rat).SetInt64(v.num)
}
