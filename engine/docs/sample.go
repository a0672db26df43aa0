package docs

import (
	"encoding/json"
	"regexp/syntax"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// record is a record as it is shown when nothing is asked for.
func record(c *schema.Class) string {
	var o object
	for _, f := range c.Fields {
		switch {
		case !f.Shown():
		case f == c.DeletedAt:
			o.add(f.JSON, "null")
		default:
			o.add(f.JSON, value(f))
		}
	}
	return o.String()
}

// smallest is the least that creates a record.
func smallest(c *schema.Class) *object {
	var o object
	for _, f := range c.Fields {
		if f.Required() {
			o.add(f.JSON, value(f))
		}
	}
	return &o
}

// object is JSON in the making.
type object struct{ names, values []string }

func (o *object) add(name, value string) {
	o.names, o.values = append(o.names, name), append(o.values, value)
}

// String shows one member a line.
func (o *object) String() string {
	if len(o.names) == 0 {
		return "{}"
	}
	var b strings.Builder
	for i, name := range o.names {
		b.WriteString("  " + quote(name) + ": " + o.values[i])
		if i < len(o.names)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	return "{\n" + b.String() + "}"
}

// line shows it in one line.
func (o *object) line() string {
	parts := make([]string, len(o.names))
	for i, name := range o.names {
		parts[i] = quote(name) + ": " + o.values[i]
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func quote(s string) string { return string(schema.AppendQuoted(nil, s)) }

// value is an example of a field's value as JSON.
func value(f *schema.Field) string {
	switch {
	case f.Synthetic:
		return quote(id(f.Class))
	case f.Many != nil && f.Many.By != nil:
		return "[" + value(f.Many.By) + "]"
	case f.Many != nil:
		return "[" + value(f.Many.To.Key[0]) + "]"
	case f.Ref != nil && len(f.Ref.To.Key) > 1:
		return quote(id(f.Ref.To))
	case f.Ref != nil:
		return value(f.Ref.To.Key[0])
	case f.Default != nil && !f.Default.Now && !f.Default.Me && !f.Default.Value.IsNull():
		return string(f.Type.AppendJSON(nil, f.Default.Value))
	case f.Class != nil && len(f.Class.Key) == 1 && f.Class.Key[0] == f && f.Type.Traits().Like:
		return sample(f.Type, quote("example"))
	case f.Auto == schema.AutoID, f.Auto == schema.AutoSequence:
		return sample(f.Type, "1")
	}
	return sample(f.Type)
}

// id is an example of the id of a record.
func id(c *schema.Class) string {
	key := make([]schema.Value, len(c.Key))
	for i, f := range c.Key {
		v, problems := f.Type.Decode([]byte(value(f)))
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
		tries = append(tries, quote(s.Enum[0]))
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
	var o object
	if obj, ok := t.(*schema.ObjectType); ok {
		for i, f := range obj.Fields() {
			if i < len(s.Members) {
				o.add(s.Members[i].Name, value(f))
			}
		}
	}
	return o.line()
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
	all := []string{quote(word)}
	if s.Pattern != "" {
		if re, err := syntax.Parse(s.Pattern, syntax.Perl); err == nil {
			var b strings.Builder
			fit(&b, re.Simplify())
			if b.Len() < 200 {
				all = append(all, quote(b.String()))
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

// operand is a value of the field as filters take it.
func operand(f *schema.Field) string {
	raw := value(f)
	if f.Ref != nil {
		raw = value(f.Ref.To.Key[0])
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
