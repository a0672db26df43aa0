package schema

import (
	"math"
	"strconv"
)

var floatDef = TypeDef{
	Name:    "float",
	Doc:     "A double-precision number. Not for money: use decimal.",
	Options: []string{"min", "max"},
	Example: "float min=0 max=1",
	New:     newFloat,
}

func newFloat(o Options) (Type, error) {
	if err := o.only("float", "min", "max"); err != nil {
		return nil, err
	}
	t := &floatType{}
	var err error
	t.bounds, err = readBounds(o, func(text string) (float64, error) {
		v, err := t.ParseOperand(text)
		return v.Float(), err
	})
	return t, err
}

type floatType struct{ bounds bounds[float64] }

func (t *floatType) Name() string   { return "float" }
func (t *floatType) Kind() Kind     { return Float }
func (t *floatType) Traits() Traits { return Traits{Filter: true, Order: true} }
func (t *floatType) verbatim()      {}

func (t *floatType) Parse(text string) (Value, error) {
	v, err := t.ParseOperand(text)
	if err != nil {
		return v, err
	}
	return parsed(v, t.bounds.check(v.Float(), floatText))
}

func (t *floatType) ParseOperand(text string) (Value, error) {
	f, p := readFloat(text)
	return parsed(NewFloat(f), p)
}

func (t *floatType) Decode(raw []byte) (Value, []Problem) {
	text, p := numberText(raw, "a number", false)
	if p != nil {
		return p.one()
	}
	f, p := readFloat(text)
	if p == nil {
		p = t.bounds.check(f, floatText)
	}
	return result(NewFloat(f), p)
}

func readFloat(text string) (float64, *Problem) {
	if _, ok := readNumber(text); !ok {
		return 0, problem(CodeFormat, "expected a number like 0.5")
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return 0, problem(CodeRange, "must be a double-precision number, about 1.8e308 at most")
	}
	if f == 0 {
		f = 0 // without its sign
	}
	return f, nil
}

func floatText(f float64) string { return string(appendFloat(nil, f)) }

// appendFloat writes the shortest text that reads back as the same number, as ECMAScript does.
func appendFloat(b []byte, f float64) []byte {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	b = strconv.AppendFloat(b, f, format, -1, 64)
	if n := len(b); format == 'e' && n >= 4 && b[n-4] == 'e' && b[n-2] == '0' {
		b[n-2] = b[n-1] // e-09 is written e-9
		b = b[:n-1]
	}
	return b
}

func (t *floatType) AppendJSON(b []byte, v Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	return appendFloat(b, v.Float())
}

func (t *floatType) Text(v Value) string {
	if v.IsNull() {
		return ""
	}
	return floatText(v.Float())
}

func (t *floatType) Shape() Shape {
	low, high := t.Limits()
	return Shape{Type: "number", Format: "double", Minimum: low, Maximum: high}
}

// Limits are the texts of min and max, "" without.
func (t *floatType) Limits() (low, high string) { return t.bounds.text(floatText) }
