package schema

import "strconv"

var boolDef = TypeDef{
	Name:    "bool",
	Doc:     "true or false.",
	Example: "bool default=false",
	New: func(o Options) (Type, error) {
		if err := o.only("bool"); err != nil {
			return nil, err
		}
		return boolType{}, nil
	},
}

type boolType struct{}

func (boolType) Name() string   { return "bool" }
func (boolType) Kind() Kind     { return Bool }
func (boolType) Traits() Traits { return Traits{Filter: true, Order: true} }
func (boolType) verbatim()      {}

func (boolType) Parse(text string) (Value, error) {
	if text != "true" && text != "false" {
		return Value{}, *problem(CodeFormat, "expected true or false")
	}
	return NewBool(text == "true"), nil
}

func (boolType) Decode(raw []byte) (Value, []Problem) {
	switch string(raw) {
	case "true":
		return NewBool(true), nil
	case "false":
		return NewBool(false), nil
	}
	return expected("true or false", raw).one()
}

func (boolType) AppendJSON(b []byte, v Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	return strconv.AppendBool(b, v.num != 0)
}

func (boolType) Text(v Value) string { return v.String() }
func (boolType) Shape() Shape        { return Shape{Type: "boolean"} }
