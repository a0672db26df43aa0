package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// tried is a value for a schema: what it shows, its limits, and what lies beyond them. Whether one
// fits is for the document to say.
type tried struct {
	try   string
	value any
}

type nothing struct{}

// absent is a member that is left out.
var absent = nothing{}

// most is the longest text, or list, that is made to try a limit.
const most = 5000

// trials are the values that a schema is tried with; the first fits where one is known.
func trials(s *openapi3.Schema) (all []tried) {
	add := func(try string, value any) { all = append(all, tried{try, value}) }
	if e := exampleOf(s); e != nil {
		add("its example", e)
	}
	for _, v := range s.Enum {
		add("one of its values", v)
	}
	alternatives := slices.Concat(s.AnyOf, s.OneOf, s.AllOf)
	for _, a := range alternatives {
		if a.Ref == "" || len(a.Value.Properties) == 0 { // not into other records
			all = append(all, trials(a.Value)...)
		}
	}
	if len(alternatives) > 0 {
		return all
	}
	is := func(name string) bool { return s.Type != nil && s.Type.Includes(name) }
	if is("string") {
		if s.MinLength > 0 && s.MinLength < most {
			add("the shortest", text(s, int(s.MinLength)))
			add("too short", strings.Repeat("a", int(s.MinLength)-1))
		}
		if s.MaxLength != nil && *s.MaxLength < most {
			add("the longest", text(s, int(*s.MaxLength)))
			add("too long", text(s, int(*s.MaxLength)+1))
		}
		add("an empty text", "")
		add("other scripts", "żółć 𝒳")
		add("a text with NUL", "a\x00b")
	}
	if is("integer") || is("number") {
		if s.Min != nil {
			add("the least", *s.Min)
			add("below the least", *s.Min-1)
		}
		if s.Max != nil {
			add("the most", *s.Max)
			add("above the most", *s.Max+1)
		}
		add("a fraction", 1.5)
		add("an enormous number", 1e300)
	}
	if is("boolean") {
		add("true", true)
		add("false", false)
	}
	if is("array") {
		add("an empty list", []any{})
		if s.Items != nil {
			for _, v := range trials(s.Items.Value) {
				add("a list with "+v.try, []any{v.value})
			}
		}
	}
	add("null", nil)
	add("an object", map[string]any{"no_such_member": true})
	add("a number", 7)
	add("a text", "no such value")
	return all
}

// text is a text of a length, of letters where the schema's form lets one be made.
func text(s *openapi3.Schema, length int) string {
	if s.Format == "email" && length > 12 {
		return strings.Repeat("a", length-12) + "@example.com"
	}
	return strings.Repeat("a", length)
}

// exampleOf is an example that a schema shows, or nil.
func exampleOf(s *openapi3.Schema) any {
	if s.Example != nil {
		return s.Example
	}
	if len(s.Examples) > 0 {
		return s.Examples[0]
	}
	return nil
}

func names(properties openapi3.Schemas) []string { return slices.Sorted(maps.Keys(properties)) }

// plainText is a value as a query has it.
func plainText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return fmt.Sprintf("%.0f", v)
		}
	}
	return encoded(v)
}

func encode(b *bytes.Buffer, v any) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // values are made of documents, which are JSON
	}
	b.Truncate(b.Len() - 1) // the line's end
}
