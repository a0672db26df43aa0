// Package sample makes examples: values that types accept, records as they are
// shown, content that creates them. The documentation page and the OpenAPI
// documents take theirs from here, so that they show the same ones.
package sample

import (
	"encoding/json"
	"regexp/syntax"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// Record is a record as it is shown when nothing is asked for.
func Record(c *schema.Class) string {
	var o Object
	for _, f := range c.Fields {
		switch {
		case !f.Shown():
		case f == c.DeletedAt:
			o.Add(f.JSON, "null")
		default:
			o.Add(f.JSON, Value(f))
		}
	}
	return o.String()
}

// Smallest is the least that creates a record.
func Smallest(c *schema.Class) *Object {
	var o Object
	for _, f := range c.Fields {
		if f.Required() {
			o.Add(f.JSON, Value(f))
		}
	}
	return &o
}

// Object is JSON in the making.
type Object struct{ names, values []string }

// Add appends a member; value is JSON.
func (o *Object) Add(name, value string) {
	o.names, o.values = append(o.names, name), append(o.values, value)
}

// String shows one member a line.
func (o *Object) String() string {
	if len(o.names) == 0 {
		return "{}"
	}
	var b strings.Builder
	for i, name := range o.names {
		b.WriteString("  " + Quote(name) + ": " + o.values[i])
		if i < len(o.names)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	return "{\n" + b.String() + "}"
}

// Line shows it in one line.
func (o *Object) Line() string {
	parts := make([]string, len(o.names))
	for i, name := range o.names {
		parts[i] = Quote(name) + ": " + o.values[i]
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Empty reports whether there are no members.
func (o *Object) Empty() bool { return len(o.names) == 0 }

// Quote is a text as JSON.
func Quote(s string) string { return string(schema.AppendQuoted(nil, s)) }

// Value is an example of a field's value as JSON.
func Value(f *schema.Field) string {
	switch {
	case f.Synthetic:
		return Quote(ID(f.Class))
	case f.Many != nil && f.Many.By != nil:
		return "[" + Value(f.Many.By) + "]"
	case f.Many != nil:
		return "[" + Value(f.Many.To.Key[0]) + "]"
	case f.Ref != nil && len(f.Ref.To.Key) > 1:
		return Quote(ID(f.Ref.To))
	case f.Ref != nil:
		return Value(f.Ref.To.Key[0])
	case f.Default != nil && !f.Default.Now && !f.Default.Me && !f.Default.Value.IsNull():
		return string(f.Type.AppendJSON(nil, f.Default.Value))
	case f.Class != nil && len(f.Class.Key) == 1 && f.Class.Key[0] == f && f.Type.Traits().Like:
		return sample(f.Type, Quote("example"))
	case f.Auto == schema.AutoID, f.Auto == schema.AutoSequence:
		return sample(f.Type, "1")
	}
	return sample(f.Type)
}

// ID is an example of the id of a record.
func ID(c *schema.Class) string {
	key := make([]schema.Value, len(c.Key))
	for i, f := range c.Key {
		v, problems := f.Type.Decode([]byte(Value(f)))
		if problems != nil {
			return "…"
		}
		key[i] = v
	}
	return schema.FormatKey(c, key)
}

// sample is a value that the type accepts, as JSON. Those given are tried first.
func sample(t schema.Type, first ...string) string {
	s := t.Shape()
	tries := append(first, s.Example)
	if len(s.Enum) > 0 {
		tries = append(tries, Quote(s.Enum[0]))
	}
	switch {
	case len(s.Members) > 0:
		tries = append(tries, members(t, s))
	case s.Items != nil:
		if l, ok := t.(*schema.ListType); ok {
			tries = append(tries, "["+sample(l.Elem())+"]")
		}
	case s.Type == "integer":
		tries = append(tries, "42", "1", s.Minimum, s.Maximum)
	case s.Type == "number":
		tries = append(tries, "0.5", "1", s.Minimum, s.Maximum)
	case s.Type == "boolean":
		tries = append(tries, "true")
	case s.Type == "":
		tries = append(tries, `{"any": "JSON"}`)
	}
	for _, try := range append(tries, texts(s)...) {
		if try == "" {
			continue
		}
		if _, problems := t.Decode([]byte(try)); problems == nil {
			return try
		}
	}
	return `"…"`
}

func members(t schema.Type, s schema.Shape) string {
	var o Object
	if obj, ok := t.(*schema.ObjectType); ok {
		for i, f := range obj.Fields() {
			if i < len(s.Members) {
				o.Add(s.Members[i].Name, Value(f))
			}
		}
	}
	return o.Line()
}

// texts are strings that may fit.
func texts(s schema.Shape) []string {
	word := "text"
	if s.MaxLength > 40 || s.MaxLength == 0 {
		word = "Some text"
	}
	if s.MaxLength > 0 && s.MaxLength < len(word) {
		word = strings.Repeat("A", s.MaxLength)
	}
	if s.MinLength > len(word) {
		word = strings.Repeat("correct horse ", s.MinLength/14+1)[:s.MinLength]
		word = strings.ReplaceAll(word, " ", "-")
	}
	all := []string{Quote(word)}
	if s.Pattern != "" {
		if re, err := syntax.Parse(s.Pattern, syntax.Perl); err == nil {
			var b strings.Builder
			fit(&b, re.Simplify())
			if b.Len() < 200 {
				all = append(all, Quote(b.String()))
			}
		}
	}
	return all
}

// fit writes a short text that matches a pattern, as far as patterns without assertions go.
func fit(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(plain(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a')
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			fit(b, sub)
		}
	case syntax.OpCapture, syntax.OpPlus:
		fit(b, re.Sub[0])
	case syntax.OpAlternate:
		fit(b, re.Sub[0])
	case syntax.OpRepeat:
		for range min(re.Min, 100) {
			fit(b, re.Sub[0])
		}
	}
}

// plain is a readable character of a class, which is pairs of first and last.
func plain(class []rune) rune {
	for _, want := range "Aa1" {
		for i := 0; i+1 < len(class); i += 2 {
			if class[i] <= want && want <= class[i+1] {
				return want
			}
		}
	}
	if len(class) == 0 {
		return 'a'
	}
	return class[0]
}

// Operand is a value of the field as filters take it.
func Operand(f *schema.Field) string {
	raw := Value(f)
	if f.Ref != nil {
		raw = Value(f.Ref.To.Key[0])
	}
	if raw == "" || raw[0] != '"' {
		return raw
	}
	var text string
	if json.Unmarshal([]byte(raw), &text) != nil {
		return raw
	}
	return text
}
