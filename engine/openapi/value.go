package openapi

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/schema"
)

// use is what a schema is for: limits and forms differ between what is shown and what is sent.
type use uint8

const (
	shown   use = iota // in answers
	sent               // whole, in content
	patched            // in a merge patch
)

// suffix ends the names of the schemas of nested objects.
func (u use) suffix() string { return [...]string{"", ".Input", ".Patch"}[u] }

// value is the schema of a type. Objects inside of a class get a schema of their
// own, called after the class and the path to them, which begins with a dot.
func (b *builder) value(t schema.Type, u use, c *schema.Class, path string, null bool) *openapi3.SchemaRef {
	switch t := t.(type) {
	case *schema.ObjectType:
		return b.component(c, path+u.suffix(), func() *openapi3.Schema { return b.null(b.object(t, u, c, path), null) })
	case *schema.ListType:
		s := b.shape(t.Shape())
		if u == patched {
			u = sent // a list is replaced as a whole
		}
		s.Items = b.value(t.Elem(), u, c, path+".Item", false)
		return b.null(s, null).NewRef()
	}
	s := b.shape(t.Shape())
	if u != shown && b.exact && s.Type != nil && s.Type.Is("string") && takesNumbers(t) {
		s.Type, s.Pattern = &openapi3.Types{"string", "number"}, `^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$`
	}
	return b.null(s, null).NewRef()
}

// takesNumbers reports whether a type whose values are strings takes JSON numbers, too.
func takesNumbers(t schema.Type) bool {
	_, wrong := t.Decode([]byte("1"))
	return wrong == nil || wrong[0].Code != schema.CodeType
}

// object is the schema of a nested object.
func (b *builder) object(t *schema.ObjectType, u use, c *schema.Class, path string) *openapi3.Schema {
	s := typed("object")
	s.Properties = openapi3.Schemas{}
	for i, m := range t.Shape().Members {
		f := t.Fields()[i]
		if u != shown && (f.ReadOnly || f.Auto != schema.NoAuto) {
			continue
		}
		s.Properties[m.Name] = described(b.value(f.Type, u, c, path+"."+m.Name, f.Optional), f.Doc)
		if u == sent && f.Required() || u == shown && !b.exact { // `fields` of the plain document does not reach inside
			s.Required = append(s.Required, m.Name)
		}
	}
	if u != shown {
		s.AdditionalProperties = closed()
	}
	return s
}

// shape writes down what a type says of itself.
func (b *builder) shape(in schema.Shape) *openapi3.Schema {
	s := &openapi3.Schema{
		Format: in.Format, Description: in.Description, Min: number(in.Minimum), Max: number(in.Maximum),
		MinLength: uint64(in.MinLength), MaxLength: limit(in.MaxLength), MinItems: uint64(in.MinItems), MaxItems: limit(in.MaxItems),
	}
	if in.Type != "" {
		s.Type = &openapi3.Types{in.Type}
	}
	if in.Pattern != "" {
		if portable(in.Pattern) {
			s.Pattern = in.Pattern
		} else {
			s.Description = orElse(s.Description, "Matches `"+in.Pattern+"` (RE2).")
		}
	}
	for _, word := range in.Enum {
		s.Enum = append(s.Enum, word)
	}
	if in.Items != nil {
		s.Items = b.shape(*in.Items).NewRef()
	}
	for _, m := range in.Members {
		s.WithPropertyRef(m.Name, b.null(b.shape(m.Shape), m.Nullable).NewRef())
		if m.Required {
			s.Required = append(s.Required, m.Name)
		}
	}
	return s
}

// foreign is what regular expressions of Go have and those of JSON Schema (ECMA-262) lack.
var foreign = regexp.MustCompile(`\(\?[^:]|\\[AzQECpP]|\[\[:|\\x\{`)

func portable(pattern string) bool { return !foreign.MatchString(pattern) }

// null makes room for null.
func (b *builder) null(s *openapi3.Schema, null bool) *openapi3.Schema {
	if !null {
		return s
	}
	if len(s.Enum) > 0 {
		s.Enum = append(slices.Clone(s.Enum), nil)
	}
	switch {
	case !b.exact:
		s.Nullable = true
	case s.Type != nil:
		types := append(slices.Clone(*s.Type), "null")
		s.Type = &types
	}
	return s
}

// orNull is a reference, or null.
func (b *builder) orNull(ref *openapi3.SchemaRef) *openapi3.Schema {
	if b.exact {
		return &openapi3.Schema{AnyOf: openapi3.SchemaRefs{ref, typed("null").NewRef()}}
	}
	s := typed("object") // without a type `nullable` means nothing to some
	s.AllOf, s.Nullable = openapi3.SchemaRefs{ref}, true
	return s
}

// anyOf is one of several schemas.
func anyOf(choices ...*openapi3.SchemaRef) *openapi3.SchemaRef {
	if len(choices) == 1 {
		return choices[0]
	}
	return (&openapi3.Schema{AnyOf: choices}).NewRef()
}

func typed(name string) *openapi3.Schema { return &openapi3.Schema{Type: &openapi3.Types{name}} }

// text is a string that is described.
func text(description string) *openapi3.Schema {
	s := typed("string")
	s.Description = description
	return s
}

func listOf(items *openapi3.SchemaRef) *openapi3.Schema {
	s := typed("array")
	s.Items = items
	return s
}

// mapOf is an object of any names.
func mapOf(values *openapi3.SchemaRef) *openapi3.Schema {
	s := typed("object")
	s.AdditionalProperties.Schema = values
	return s
}

// closed allows no other members.
func closed() openapi3.AdditionalProperties {
	no := false
	return openapi3.AdditionalProperties{Has: &no}
}

// described adds a sentence. What is referred to describes itself.
func described(s *openapi3.SchemaRef, sentence string) *openapi3.SchemaRef {
	switch {
	case sentence == "" || s.Value == nil:
	case s.Value.Description == "":
		s.Value.Description = sentence
	default:
		s.Value.Description = sentence + " " + s.Value.Description
	}
	return s
}

// example gives a schema an example. Text that is no JSON, or holds what nobody could make up, is none.
func (b *builder) example(s *openapi3.Schema, raw string) *openapi3.Schema {
	var v any
	if regexp.MustCompile(`"…"`).MatchString(raw) || json.Unmarshal([]byte(raw), &v) != nil {
		return s
	}
	if b.exact {
		s.Examples = []any{json.RawMessage(raw)}
	} else {
		s.Example = json.RawMessage(raw)
	}
	return s
}

func number(text string) *float64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil
	}
	return &n
}

func limit(n int) *uint64 {
	if n == 0 {
		return nil
	}
	most := uint64(n)
	return &most
}
