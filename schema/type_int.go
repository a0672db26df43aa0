package schema

import "strconv"

var intDef = TypeDef{
	Name:    "int",
	Doc:     "A whole number that every JSON reader keeps exactly: at most 2^53 either way. Larger ones are a bigint.",
	Options: []string{"min", "max"},
	Example: "int min=0",
	New:     newInt,
}

// maxSafe is the largest whole number that JavaScript and most JSON readers keep exactly.
const maxSafe = 1 << 53

func newInt(o Options) (Type, error) {
	if err := o.only("int", "min", "max"); err != nil {
		return nil, err
	}
	t := &intType{}
	var err error
	t.bounds, err = readBounds(o, func(text string) (int64, error) {
		v, err := t.ParseOperand(text)
		return v.num, err
	})
	return t, err
}

type intType struct{ bounds bounds[int64] }

func (t *intType) Name() string { return "int" }
func (t *intType) Kind() Kind   { return Int }
func (t *intType) Traits() Traits {
	return Traits{Filter: true, Order: true, Key: true, Unique: true}
}
func (t *intType) verbatim() {}

func (t *intType) Parse(text string) (Value, error) {
	v, err := t.ParseOperand(text)
	if err != nil {
		return v, err
	}
	return parsed(v, t.bounds.check(v.num, decimalText))
}

func (t *intType) ParseOperand(text string) (Value, error) {
	if !wholeText(text) {
		return Value{}, *problem(CodeFormat, "expected a whole number like 42")
	}
	n, p := safeInt(text)
	return parsed(NewInt(n), p)
}

func (t *intType) Decode(raw []byte) (Value, []Problem) {
	text, p := numberText(raw, "a whole number", false)
	if p != nil {
		return p.one()
	}
	n, p := safeInt(text)
	if p == nil {
		p = t.bounds.check(n, decimalText)
	}
	return result(NewInt(n), p)
}

// safeInt reads any spelling of a whole number: 5, 5.0, 5e0.
func safeInt(text string) (int64, *Problem) {
	n, p := wholeNumber(text)
	if p == nil && (n > maxSafe || n < -maxSafe) || p != nil && p.Code == CodeRange {
		return 0, problem(CodeRange, "must be from -9007199254740992 to 9007199254740992").
			hint("a field of type bigint holds 64-bit numbers")
	}
	return n, p
}

func wholeNumber(text string) (int64, *Problem) {
	n, ok := readNumber(text)
	if !ok {
		return 0, problem(CodeFormat, "expected a whole number like 42")
	}
	units, fraction, overflow := n.units(0)
	switch {
	case fraction:
		return 0, problem(CodeFormat, "expected a whole number, without a fraction")
	case overflow:
		return 0, problem(CodeRange, "must fit 64 bits")
	}
	return units, nil
}

func decimalText(n int64) string { return strconv.FormatInt(n, 10) }

func (t *intType) AppendJSON(b []byte, v Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, v.num, 10)
}

func (t *intType) Text(v Value) string { return v.String() }

func (t *intType) Shape() Shape {
	low, high := t.Limits()
	if low == "" {
		low = decimalText(-maxSafe)
	}
	if high == "" {
		high = decimalText(maxSafe)
	}
	return Shape{Type: "integer", Format: "int64", Minimum: low, Maximum: high}
}

// Limits are the texts of min and max, "" without.
func (t *intType) Limits() (low, high string) { return t.bounds.text(decimalText) }
