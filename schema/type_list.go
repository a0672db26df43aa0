package schema

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

var listDef = TypeDef{
	Name:    "list",
	Doc:     "An array of values of one type, scalars or objects. min and max count elements.",
	Options: []string{"min", "max"},
	Example: "list string max=10",
	New:     newList,
}

func newList(o Options) (Type, error) {
	if err := o.only("list", "min", "max"); err != nil {
		return nil, err
	}
	if o.Elem == nil {
		return nil, &OptionError{"list", "needs the type of its elements"}
	}
	if !nestable(o.Elem) {
		return nil, &OptionError{"list", "cannot hold values of type " + o.Elem.Name()}
	}
	low, top, err := o.length(0, 0, 1_000_000)
	return &ListType{elem: o.Elem, min: low, max: top}, err
}

// nestable reports whether values of a type may be inside lists and objects.
func nestable(t Type) bool { return !t.Traits().Secret && t.Name() != "file" }

// ListType is an array of values of one type.
type ListType struct {
	elem     Type
	min, max int
}

// Elem is the type of the elements.
func (t *ListType) Elem() Type { return t.elem }

// Name is "list".
func (t *ListType) Name() string { return "list" }

// Kind is JSON.
func (t *ListType) Kind() Kind { return JSON }

// Traits says that a list can be asked for what it has.
func (t *ListType) Traits() Traits { return Traits{List: true} }

// Parse reads a JSON array, or the elements separated by commas.
func (t *ListType) Parse(text string) (Value, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "[") {
		return parseJSON(t, text)
	}
	b, n := []byte{'['}, 0
	for part := range strings.SplitSeq(text, ",") {
		if text == "" {
			break
		}
		v, err := t.elem.Parse(strings.TrimSpace(part))
		if err != nil {
			return Value{}, err
		}
		b = appendStored(comma(b), v)
		n++
	}
	if p := checkLength(n, t.min, t.max, "element"); p != nil {
		return Value{}, *p
	}
	return NewJSON(string(append(b, ']'))), nil
}

// Decode reads a JSON array and reports the problems of every element.
func (t *ListType) Decode(raw []byte) (Value, []Problem) {
	var ps []Problem
	b, n := []byte{'['}, 0
	ok := elements(string(raw), func(elem string) bool {
		at := "/" + strconv.Itoa(n)
		n++
		if elem == "null" {
			ps = append(ps, Problem{Pointer: at, Code: CodeRequired, Detail: "must not be null"})
			return true
		}
		v, wrong := t.elem.Decode([]byte(elem))
		ps = append(ps, below(at, wrong)...)
		b = appendStored(comma(b), v)
		return len(ps) < maxProblems
	})
	if !ok {
		return expected("an array", raw).one()
	}
	if p := checkLength(n, t.min, t.max, "element"); p != nil {
		ps = append([]Problem{*p}, ps...)
	}
	if ps != nil {
		return Value{}, ps
	}
	return NewJSON(string(append(b, ']'))), nil
}

// maxProblems is how many problems of one value are worth reporting.
const maxProblems = 100

// comma separates what follows from an earlier member or element.
func comma(b []byte) []byte {
	if c := b[len(b)-1]; c != '[' && c != '{' {
		return append(b, ',')
	}
	return b
}

// AppendJSON appends the elements in their JSON form.
func (t *ListType) AppendJSON(b []byte, v Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	return t.appendShown(b, v.text)
}

func (t *ListType) appendShown(b []byte, stored string) []byte {
	if isVerbatim(t.elem) {
		return append(b, stored...)
	}
	b = append(b, '[')
	elements(stored, func(elem string) bool {
		b = appendShown(comma(b), t.elem, elem)
		return true
	})
	return append(b, ']')
}

// Text is the JSON form.
func (t *ListType) Text(v Value) string {
	if v.IsNull() {
		return ""
	}
	return string(t.AppendJSON(nil, v))
}

// Elements are the values in a stored list.
func (t *ListType) Elements(v Value) []Value {
	var all []Value
	elements(v.text, func(elem string) bool {
		all = append(all, readStored(t.elem, elem))
		return true
	})
	return all
}

// Shape describes an array.
func (t *ListType) Shape() Shape {
	elem := t.elem.Shape()
	return Shape{Type: "array", Items: &elem, MinItems: t.min, MaxItems: t.max}
}

// parseJSON reads text that should be a JSON value of t.
func parseJSON(t Type, text string) (Value, error) {
	raw := jsontext.Value(text)
	if !raw.IsValid() {
		return Value{}, *problem(CodeFormat, "expected JSON")
	}
	v, ps := t.Decode([]byte(strings.TrimSpace(text)))
	if ps == nil {
		return v, nil
	}
	p := ps[0]
	if p.Pointer != "" {
		p.Detail = p.Pointer + ": " + p.Detail
	}
	return Value{}, p
}

// appendStored writes a value as lists and objects store it: by its kind.
func appendStored(b []byte, v Value) []byte {
	switch v.kind {
	case Null:
		return append(b, "null"...)
	case Bool:
		return strconv.AppendBool(b, v.num != 0)
	case Int, Decimal:
		return strconv.AppendInt(b, v.num, 10)
	case Float:
		return appendFloat(b, v.Float())
	case JSON:
		return append(b, v.text...)
	}
	return AppendQuoted(b, v.text)
}

// readStored is the inverse of appendStored. What does not read is null.
func readStored(t Type, stored string) Value {
	if stored == "" || stored == "null" {
		return Value{}
	}
	switch t.Kind() {
	case Bool:
		return NewBool(stored == "true")
	case Int, Decimal:
		n, err := strconv.ParseInt(stored, 10, 64)
		if err != nil {
			return Value{}
		}
		if s, ok := t.(interface{ Scale() uint8 }); ok {
			return NewDecimal(n, s.Scale())
		}
		return NewInt(n)
	case Float:
		f, p := readFloat(stored)
		if p != nil {
			return Value{}
		}
		return NewFloat(f)
	case JSON:
		return NewJSON(stored)
	}
	if stored[0] != '"' {
		return Value{}
	}
	return NewText(memberName(stored))
}

// appendShown writes a stored value in the JSON form of its type.
func appendShown(b []byte, t Type, stored string) []byte {
	if stored == "" || stored == "null" {
		return append(b, "null"...)
	}
	if isVerbatim(t) {
		return append(b, stored...)
	}
	switch t := t.(type) {
	case *ListType:
		return t.appendShown(b, stored)
	case *ObjectType:
		return t.appendShown(b, stored)
	}
	return t.AppendJSON(b, readStored(t, stored))
}
