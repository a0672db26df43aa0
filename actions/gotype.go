package actions

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/schema"
)

// goField is an exported field of a struct with the name it has in JSON.
type goField struct {
	name  string
	index []int
	typ   reflect.Type
	tag   reflect.StructTag
	empty bool // omitempty: it may be missing
}

// goFields are the members of a struct, those of embedded structs included.
func goFields(t reflect.Type) []goField {
	var out []goField
	for _, f := range reflect.VisibleFields(t) {
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" && rest == "" || f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			continue
		}
		if name == "" {
			name = f.Name
		}
		out = append(out, goField{name, f.Index, f.Type, f.Tag, strings.Contains(rest, "omit")})
	}
	return out
}

// slot pairs a field of a struct with a declared one.
type slot struct {
	field *schema.Field
	index []int
	typ   reflect.Type
	set   func(to reflect.Value, v schema.Value) error
}

// Mismatch is something that a function and the declaration of its action disagree about.
type Mismatch struct {
	Pos    schema.Pos // in the schema
	Detail string
}

// pair matches the fields of a struct with declared ones: each needs its
// counterpart, and types that fit.
func pair(t reflect.Type, declared []*schema.Field, what, where string, pos schema.Pos) ([]slot, []Mismatch) {
	var slots []slot
	var bad []Mismatch
	if t.Kind() != reflect.Struct {
		return nil, []Mismatch{{pos, fmt.Sprintf("its %s is the Go type %s, which is no struct", what, t)}}
	}
	rest := goFields(t)
next:
	for _, f := range declared {
		for i, g := range rest {
			if g.name != f.JSON && g.name != f.Name {
				continue
			}
			rest = append(rest[:i:i], rest[i+1:]...)
			if why := unfit(g.typ, f); why != "" {
				bad = append(bad, Mismatch{f.Pos, fmt.Sprintf("its %s `%s` is declared as %s, and %s", what, f.Name, spoken(f), why)})
				continue next
			}
			slots = append(slots, slot{f, g.index, g.typ, setter(g.typ, f)})
			continue next
		}
		bad = append(bad, Mismatch{f.Pos, fmt.Sprintf("its %s `%s` is declared, and %s has no field for it: add one with `json:%q`", what, f.Name, t, f.Name)})
	}
	for _, g := range rest {
		bad = append(bad, Mismatch{pos, fmt.Sprintf("%s.%s has no %s `%s` in the schema: add it to `%s:`", t, t.FieldByIndex(g.index).Name, what, g.name, where)})
	}
	return slots, bad
}

func spoken(f *schema.Field) string {
	if f.Ref != nil {
		return "a reference to " + f.Ref.To.Name
	}
	return f.Type.Name()
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	refType      = reflect.TypeFor[Reference]()
	rawType      = reflect.TypeFor[json.RawMessage]()
	jsonReader   = reflect.TypeFor[json.Unmarshaler]()
	textReader   = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func indirect(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// unfit says why values of a field cannot stand in a Go type, or "".
func unfit(t reflect.Type, f *schema.Field) string {
	t = indirect(t)
	name, kind := keyType(f).Name(), keyType(f).Kind()
	wants := func(types string) string { return fmt.Sprintf("the Go type %s cannot hold that: use %s", t, types) }
	switch {
	case t == refType:
		if f.Ref == nil {
			return wants("a type of its kind; actions.Reference is for references")
		}
		return ""
	case t == timeType:
		if name != "datetime" && name != "date" {
			return wants("string")
		}
		return ""
	case t == durationType:
		if name != "duration" {
			return wants("a type of its kind; time.Duration is for durations")
		}
		return ""
	case t == rawType, t.Kind() == reflect.Interface && t.NumMethod() == 0:
		return ""
	case reflect.PointerTo(t).Implements(jsonReader), reflect.PointerTo(t).Implements(textReader):
		return ""
	case f.Ref != nil && t.Kind() == reflect.String:
		return ""
	}
	switch kind {
	case schema.Bool:
		if t.Kind() != reflect.Bool {
			return wants("bool")
		}
	case schema.Int:
		if name == "duration" {
			if t.Kind() != reflect.String {
				return wants("time.Duration or string")
			}
			return ""
		}
		if t.Kind() != reflect.Int && t.Kind() != reflect.Int64 && !(name == "bigint" && t.Kind() == reflect.String) {
			return wants("int64")
		}
	case schema.Float:
		if t.Kind() != reflect.Float64 {
			return wants("float64")
		}
	case schema.Decimal:
		if t.Kind() != reflect.String {
			return wants("string, which keeps every digit")
		}
	case schema.Text:
		if t.Kind() != reflect.String {
			return wants("string")
		}
	case schema.JSON:
		return unfitJSON(t, keyType(f).Shape(), wants)
	}
	return ""
}

func unfitJSON(t reflect.Type, s schema.Shape, wants func(string) string) string {
	switch s.Type {
	case "array":
		if t.Kind() != reflect.Slice {
			return wants("a slice")
		}
	case "object":
		if t.Kind() != reflect.Struct && t.Kind() != reflect.Map {
			return wants("a struct or a map")
		}
	default:
		return wants("any or json.RawMessage")
	}
	return ""
}

// setter compiles how a value gets into a Go field; null leaves it as it is.
func setter(t reflect.Type, f *schema.Field) func(to reflect.Value, v schema.Value) error {
	if t.Kind() == reflect.Pointer {
		set := setter(t.Elem(), f)
		return func(to reflect.Value, v schema.Value) error {
			to.Set(reflect.New(t.Elem()))
			return set(to.Elem(), v)
		}
	}
	typ := keyType(f)
	custom := reflect.PointerTo(t).Implements(jsonReader) || reflect.PointerTo(t).Implements(textReader)
	switch {
	case t == refType:
		return func(to reflect.Value, v schema.Value) error {
			to.Set(reflect.ValueOf(Reference{ID: typ.Text(v), class: f.Ref.To}))
			return nil
		}
	case t == timeType:
		return func(to reflect.Value, v schema.Value) error { to.Set(reflect.ValueOf(timeOf(v))); return nil }
	case t == durationType:
		return func(to reflect.Value, v schema.Value) error {
			to.SetInt(int64(time.Duration(v.Int()) * time.Microsecond))
			return nil
		}
	case custom:
	case t.Kind() == reflect.String:
		return func(to reflect.Value, v schema.Value) error { to.SetString(typ.Text(v)); return nil }
	case t.Kind() == reflect.Bool:
		return func(to reflect.Value, v schema.Value) error { to.SetBool(v.Bool()); return nil }
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		return func(to reflect.Value, v schema.Value) error { to.SetInt(v.Int()); return nil }
	case t.Kind() == reflect.Float64:
		return func(to reflect.Value, v schema.Value) error { to.SetFloat(v.Float()); return nil }
	}
	return func(to reflect.Value, v schema.Value) error {
		return json.Unmarshal(typ.AppendJSON(nil, v), to.Addr().Interface())
	}
}

// derived are the fields that a Go struct makes as the answer of an action; ok is
// false where it makes something that has no declaration.
func derived(t reflect.Type) (fields []*schema.Field, ok bool) { return derivedWithin(t, 0) }

func derivedWithin(t reflect.Type, depth int) (fields []*schema.Field, ok bool) {
	if t.Kind() != reflect.Struct {
		return nil, false
	}
	for i, g := range goFields(t) {
		typ, ok := typeOf(g.typ, depth)
		if !ok {
			return nil, false
		}
		fields = append(fields, &schema.Field{
			Index: i, Name: g.name, JSON: g.name, Type: typ, Doc: g.tag.Get("doc"), Optional: g.typ.Kind() == reflect.Pointer || g.empty,
		})
	}
	return fields, len(fields) > 0
}

// typeOf is the type of the schema language that a Go type stands for.
func typeOf(t reflect.Type, depth int) (schema.Type, bool) {
	t = indirect(t)
	plain := func(name string) (schema.Type, bool) { return schema.MustType(name, schema.Options{}), true }
	switch {
	case t == timeType:
		return plain("datetime")
	case t == durationType:
		return plain("duration")
	case t == rawType, t == refType, t.Implements(reflect.TypeFor[json.Marshaler]()), depth > 8:
		return plain("json")
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return plain("text")
	}
	switch t.Kind() {
	case reflect.String:
		return plain("text")
	case reflect.Bool:
		return plain("bool")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return plain("int")
	case reflect.Float32, reflect.Float64:
		return plain("float")
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return plain("text") // base64
		}
		elem, ok := typeOf(t.Elem(), depth+1)
		if !ok {
			return nil, false
		}
		if list, err := schema.NewType("list", schema.Options{Elem: elem}); err == nil {
			return list, true
		}
		return plain("json")
	case reflect.Struct:
		if fields, ok := derivedWithin(t, depth+1); ok {
			if object, err := schema.NewType("object", schema.Options{Fields: fields}); err == nil {
				return object, true
			}
		}
		return plain("json")
	case reflect.Interface, reflect.Map, reflect.Array:
		return plain("json")
	}
	return nil, false
}

// ShapeOf describes the JSON of a Go value's type, nil for nil.
func ShapeOf(v any) *schema.Shape {
	if v == nil {
		return nil
	}
	shape := schema.Shape{}
	if t, ok := typeOf(reflect.TypeOf(v), 0); ok {
		shape = t.Shape()
	}
	return &shape
}
