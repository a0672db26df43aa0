package schema

import "fmt"

// BuiltinTypes lists the words of the type language. Applications append their
// own definitions to it; order is the order of documentation.
func BuiltinTypes() []TypeDef {
	return []TypeDef{
		stringDef, textDef, markdownDef, slugDef, emailDef, urlDef, phoneDef, passwordDef,
		intDef, bigintDef, floatDef, decimalDef, boolDef,
		dateDef, timeDef, datetimeDef, durationDef, uuidDef,
		jsonDef, fileDef, enumDef, listDef, objectDef,
	}
}

// NewType makes an instance of a built-in type. A wrong option is an *OptionError.
func NewType(name string, o Options) (Type, error) {
	for _, d := range BuiltinTypes() {
		if d.Name == name {
			return d.New(o)
		}
	}
	return nil, fmt.Errorf("no type %q", name)
}

// MustType is NewType for types written in Go; a wrong one is a programmer's mistake and panics.
func MustType(name string, o Options) Type {
	t, err := NewType(name, o)
	if err != nil {
		panic("schema: type " + name + ": " + err.Error())
	}
	return t
}

// OperandParser is implemented by types whose values may be compared with more
// than they may hold: `rating >= 0` makes sense where ratings start at 1.
type OperandParser interface {
	// ParseOperand reads like Parse but does not apply the limits of the field.
	ParseOperand(text string) (Value, error)
}

// ParseOperand reads the text a filter or a condition compares values of t with.
func ParseOperand(t Type, text string) (Value, error) {
	if p, ok := t.(OperandParser); ok {
		return p.ParseOperand(text)
	}
	return t.Parse(text)
}

// verbatim marks types whose JSON form is also how lists and objects store
// their values, so that it can be copied without a look inside.
//
// Lists and objects store each member by its kind, as a database would: an Int
// as a JSON number, a Decimal as the number of its units, a Text as a string.
// That way a value reached inside a stored document compares like one in a
// column. What clients see is made from it when it is shown.
type verbatim interface{ verbatim() }

func isVerbatim(t Type) bool {
	_, ok := t.(verbatim)
	return ok
}
