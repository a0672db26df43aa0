package schema

import "strconv"

var bigintDef = TypeDef{
	Name:    "bigint",
	Doc:     "A 64-bit whole number, carried as a JSON string so that JavaScript keeps it.",
	Options: []string{"min", "max"},
	Example: "bigint",
	New:     newBigint,
}

func newBigint(o Options) (Type, error) {
	if err := o.only("bigint", "min", "max"); err != nil {
		return nil, err
	}
	t := &bigintType{}
	var err error
	t.bounds, err = readBounds(o, func(text string) (int64, error) {
		v, err := t.ParseOperand(text)
		return v.num, err
	})
	return t, err
}

type bigintType struct{ bounds bounds[int64] }

func (t *bigintType) Name() string { return "bigint" }
func (t *bigintType) Kind() Kind   { return Int }
func (t *bigintType) Traits() Traits {
	return Traits{Filter: true, Order: true, Key: true, Unique: true}
}

func (t *bigintType) Parse(text string) (Value, error) {
	v, err := t.ParseOperand(text)
	if err != nil {
		return v, err
	}
	return parsed(v, t.bounds.check(v.num, decimalText))
}

func (t *bigintType) ParseOperand(text string) (Value, error) {
	if !wholeText(text) {
		return Value{}, *problem(CodeFormat, "expected a whole number like 42")
	}
	n, p := wholeNumber(text)
	return parsed(NewInt(n), p)
}

func (t *bigintType) Decode(raw []byte) (Value, []Problem) {
	text, p := numberText(raw, "a whole number, as a string or a number", true)
	if p != nil {
		return p.one()
	}
	n, p := wholeNumber(text)
	if p == nil {
		p = t.bounds.check(n, decimalText)
	}
	return result(NewInt(n), p)
}

func (t *bigintType) AppendJSON(b []byte, v Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = strconv.AppendInt(b, v.num, 10)
	return append(b, '"')
}

func (t *bigintType) Text(v Value) string { return v.String() }

func (t *bigintType) Shape() Shape {
	return Shape{Type: "string", Pattern: "^-?[0-9]{1,19}$", Example: `"9007199254740993"`}
}

// Limits are the texts of min and max, "" without.
func (t *bigintType) Limits() (low, high string) { return t.bounds.text(decimalText) }
