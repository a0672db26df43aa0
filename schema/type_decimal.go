package schema

import "strconv"

var decimalDef = TypeDef{
	Name:    "decimal",
	Doc:     "An exact number with scale digits after the point, for money and measures: 18 digits in all. Carried as a JSON string.",
	Options: []string{"scale", "min", "max"},
	Example: "decimal scale=2 min=0",
	New:     newDecimal,
}

// maxUnits is the largest decimal of 18 digits, in units of its last one.
const maxUnits = 999_999_999_999_999_999

func newDecimal(o Options) (Type, error) {
	if err := o.only("decimal", "scale", "min", "max"); err != nil {
		return nil, err
	}
	scale, err := o.count("scale", 2, 0, 18)
	if err != nil {
		return nil, err
	}
	t := &decimalType{scale: uint8(scale)}
	t.bounds, err = readBounds(o, func(text string) (int64, error) {
		v, err := t.ParseOperand(text)
		return v.num, err
	})
	return t, err
}

type decimalType struct {
	scale  uint8
	bounds bounds[int64] // in units
}

func (t *decimalType) Name() string { return "decimal" }
func (t *decimalType) Kind() Kind   { return Decimal }
func (t *decimalType) Traits() Traits {
	return Traits{Filter: true, Order: true, Unique: true}
}

// Scale is the number of digits after the point.
func (t *decimalType) Scale() uint8 { return t.scale }

func (t *decimalType) Parse(text string) (Value, error) {
	n, p := t.read(text, false)
	return parsed(NewDecimal(n, t.scale), p)
}

func (t *decimalType) ParseOperand(text string) (Value, error) {
	n, p := t.read(text, true)
	return parsed(NewDecimal(n, t.scale), p)
}

func (t *decimalType) Decode(raw []byte) (Value, []Problem) {
	text, p := numberText(raw, "a number, as a string or a number", true)
	if p != nil {
		return p.one()
	}
	n, p := t.read(text, false)
	return result(NewDecimal(n, t.scale), p)
}

// read is exact. An operand is without limits and may have zeros beyond the scale.
func (t *decimalType) read(text string, operand bool) (int64, *Problem) {
	n, ok := readNumber(text)
	if !ok {
		return 0, problem(CodeFormat, "expected a number like "+t.example())
	}
	units, fraction, overflow := n.units(int(t.scale))
	switch {
	case fraction, !operand && -n.exp > int(t.scale):
		return 0, problem(CodeFormat, "must have at most "+plural(int(t.scale), "digit")+" after the point")
	case overflow, units > maxUnits, units < -maxUnits:
		return 0, problem(CodeRange, "must have at most "+plural(18-int(t.scale), "digit")+" before the point")
	case operand:
		return units, nil
	}
	return units, t.bounds.check(units, t.show)
}

func (t *decimalType) show(units int64) string {
	return string(AppendDecimal(nil, NewDecimal(units, t.scale)))
}

func (t *decimalType) example() string {
	if t.scale == 0 {
		return "12"
	}
	units := int64(125)
	for range t.scale - 1 {
		units *= 10
	}
	if t.scale > 15 {
		units = 5
	}
	return t.show(units)
}

func (t *decimalType) AppendJSON(b []byte, v Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = AppendDecimal(b, v)
	return append(b, '"')
}

func (t *decimalType) Text(v Value) string { return v.String() }

func (t *decimalType) Shape() Shape {
	pattern := "^-?[0-9]{1,18}$"
	if t.scale > 0 {
		pattern = `^-?[0-9]{1,18}(\.[0-9]{1,` + strconv.Itoa(int(t.scale)) + `})?$`
	}
	low, high := t.Limits()
	s := Shape{Type: "string", Pattern: pattern, Example: `"` + t.example() + `"`}
	switch {
	case low != "" && high != "":
		s.Description = "From " + low + " to " + high + "."
	case low != "":
		s.Description = "At least " + low + "."
	case high != "":
		s.Description = "At most " + high + "."
	}
	return s
}

// Limits are the texts of min and max, "" without.
func (t *decimalType) Limits() (low, high string) { return t.bounds.text(t.show) }
