package schema

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

var jsonDef = TypeDef{
	Name:    "json",
	Doc:     "Any JSON value, kept as it is but for white space. max counts bytes, 1 MiB unless said; at most 64 levels deep.",
	Options: []string{"max"},
	Example: "json optional",
	New:     newJSON,
}

// The limits of a json value: bytes of its compact form, and levels.
const (
	maxJSON      = 1 << 20
	maxJSONDepth = 64
)

func newJSON(o Options) (Type, error) {
	if err := o.only("json", "max"); err != nil {
		return nil, err
	}
	top, err := o.count("max", maxJSON, 2, 1<<30)
	return &jsonType{max: top}, err
}

type jsonType struct{ max int }

func (t *jsonType) Name() string   { return "json" }
func (t *jsonType) Kind() Kind     { return JSON }
func (t *jsonType) Traits() Traits { return Traits{} }
func (t *jsonType) verbatim()      {}

func (t *jsonType) Parse(text string) (Value, error) {
	raw := jsontext.Value(text)
	if !raw.IsValid() {
		return Value{}, *problem(CodeFormat, `expected JSON like {"a": 1}`)
	}
	return parsed(t.value(raw))
}

func (t *jsonType) Decode(raw []byte) (Value, []Problem) { return result(t.value(raw)) }

// Merge applies a merge patch to a stored value (RFC 7396).
func (t *jsonType) Merge(old Value, patch []byte) (Value, []Problem) {
	was := ""
	if !old.IsNull() {
		was = old.text
	}
	return t.Decode(mergeJSON(nil, was, string(patch)))
}

// mergeJSON appends what a patch makes of a value; "" is no value.
func mergeJSON(b []byte, old, patch string) []byte {
	changes := map[string]string{}
	var order []string
	object := members(patch, func(name, value string) bool {
		changes[name] = value
		order = append(order, name)
		return true
	})
	if !object {
		return append(b, patch...)
	}
	b = append(b, '{')
	first := true
	member := func(name string) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(AppendQuoted(b, name), ':')
	}
	members(old, func(name, value string) bool {
		change, changed := changes[name]
		delete(changes, name)
		switch {
		case !changed:
			member(name)
			b = append(b, value...)
		case change != "null":
			member(name)
			b = mergeJSON(b, value, change)
		}
		return true
	})
	for _, name := range order {
		if change, left := changes[name]; left && change != "null" {
			member(name)
			b = mergeJSON(b, "", change)
		}
	}
	return append(b, '}')
}

func (t *jsonType) value(raw []byte) (Value, *Problem) {
	compact := jsontext.Value(append([]byte(nil), raw...))
	err := compact.Format(jsontext.PreserveRawStrings(false), jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false))
	if err != nil {
		return Value{}, problem(CodeFormat, "expected valid JSON")
	}
	text := string(compact)
	switch {
	case len(text) > t.max:
		return Value{}, problem(CodeLength, "must have at most "+plural(t.max, "byte"))
	case levels(text) > maxJSONDepth:
		return Value{}, problem(CodeLength, "must have at most "+plural(maxJSONDepth, "level"))
	case strings.Contains(text, `\u0000`) && hasNUL(text):
		return Value{}, problem(CodeFormat, "must not contain the character U+0000")
	}
	return NewJSON(text), nil
}

// levels is the nesting of arrays and objects in well-formed JSON.
func levels(s string) int {
	depth, deepest := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i = skipString(s, i) - 1
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest
}

// hasNUL reports whether a string of well-formed JSON has the escape \u0000, and not an escaped backslash before u0000.
func hasNUL(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if strings.HasPrefix(s[i:], `\u0000`) {
			return true
		}
		i++
	}
	return false
}

func (t *jsonType) AppendJSON(b []byte, v Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	return append(b, v.text...)
}

func (t *jsonType) Text(v Value) string { return v.text }
func (t *jsonType) Shape() Shape        { return Shape{} }
