package schema

import (
	"slices"
	"strings"
)

var enumDef = TypeDef{
	Name:    "enum",
	Doc:     "One of a closed set of texts, which sort in the order they are declared in.",
	Example: "{enum: [draft, placed, shipped], default: draft}",
	New:     newEnum,
}

func newEnum(o Options) (Type, error) {
	if err := o.only("enum"); err != nil {
		return nil, err
	}
	if len(o.Enum) == 0 {
		return nil, &OptionError{"enum", "needs at least one value"}
	}
	t := &EnumType{values: slices.Clone(o.Enum), rank: make(map[string]int, len(o.Enum))}
	for i, s := range t.values {
		if _, twice := t.rank[s]; twice {
			return nil, &OptionError{"enum", "has `" + s + "` twice"}
		}
		if s == "" || storable(s) != nil {
			return nil, &OptionError{"enum", "has an empty or unreadable value"}
		}
		t.rank[s] = i
	}
	return t, nil
}

// Ranked is a type whose texts have an order of their own: stores sort and
// compare them by rank.
type Ranked interface {
	// Rank is the place of a text in the order, or -1 for one that is not in it.
	Rank(text string) int
	// Values are all texts in their order.
	Values() []string
}

// EnumType is a closed set of texts.
type EnumType struct {
	values []string
	rank   map[string]int
}

// Values are the texts in the order they were declared in.
func (t *EnumType) Values() []string { return t.values }

// Rank is the place of a text in that order, or -1.
func (t *EnumType) Rank(text string) int {
	if i, ok := t.rank[text]; ok {
		return i
	}
	return -1
}

// Name is "enum".
func (t *EnumType) Name() string { return "enum" }

// Kind is Text.
func (t *EnumType) Kind() Kind { return Text }

// Traits says that an enum can be filtered, ordered and be a key.
func (t *EnumType) Traits() Traits {
	return Traits{Filter: true, Order: true, Key: true, Unique: true}
}
func (t *EnumType) verbatim() {}

// Parse takes one of the values.
func (t *EnumType) Parse(text string) (Value, error) { return parsed(t.value(text)) }

// Decode takes a JSON string with one of the values.
func (t *EnumType) Decode(raw []byte) (Value, []Problem) {
	text, p := unquote(raw)
	if p != nil {
		return p.one()
	}
	return result(t.value(text))
}

func (t *EnumType) value(text string) (Value, *Problem) {
	i, ok := t.rank[text]
	if !ok {
		return Value{}, problem(CodeEnum, "must be one of "+strings.Join(t.values, ", ")).
			hint(didYouMean(text, t.values))
	}
	return NewText(t.values[i]), nil
}

// AppendJSON appends the value as a string.
func (t *EnumType) AppendJSON(b []byte, v Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	return AppendQuoted(b, v.text)
}

// Text is the value itself.
func (t *EnumType) Text(v Value) string { return v.text }

// Shape lists the values.
func (t *EnumType) Shape() Shape { return Shape{Type: "string", Enum: t.values} }
