package schema

import (
	"slices"
	"strings"
)

var objectDef = TypeDef{
	Name:    "object",
	Doc:     "A nested object with fields of its own, stored in one column and patched member by member.",
	Example: "{fields: {street: string, zip: string optional}}",
	New:     newObject,
}

func newObject(o Options) (Type, error) {
	if err := o.only("object"); err != nil {
		return nil, err
	}
	if len(o.Fields) == 0 {
		return nil, &OptionError{"fields", "needs at least one field"}
	}
	t := &ObjectType{}
	for _, f := range o.Fields {
		name := f.JSON
		if name == "" {
			name = f.Name
		}
		switch {
		case f.Type == nil || !nestable(f.Type):
			return nil, &OptionError{"fields", "cannot hold `" + name + "`: its type is for fields of a class only"}
		case slices.Contains(t.names, name):
			return nil, &OptionError{"fields", "has `" + name + "` twice"}
		}
		t.fields = append(t.fields, f)
		t.names = append(t.names, name)
		t.prefixes = append(t.prefixes, string(AppendQuoted(nil, name))+":")
	}
	return t, nil
}

// ObjectType is a nested object. Its stored form has every member in declared order.
type ObjectType struct {
	fields   []*Field
	names    []string // on the wire
	prefixes []string // `"name":`
}

// Fields are the members in declared order.
func (t *ObjectType) Fields() []*Field { return t.fields }

// Member returns the member of that name, as declared or on the wire, or nil.
func (t *ObjectType) Member(name string) *Field {
	if i := slices.Index(t.names, name); i >= 0 {
		return t.fields[i]
	}
	for _, f := range t.fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Name is "object".
func (t *ObjectType) Name() string { return "object" }

// Kind is JSON.
func (t *ObjectType) Kind() Kind { return JSON }

// Traits says nothing for the object as a whole; its members have theirs.
func (t *ObjectType) Traits() Traits { return Traits{} }

// Parse reads a JSON object.
func (t *ObjectType) Parse(text string) (Value, error) { return parseJSON(t, text) }

// Decode reads a JSON object: every problem of every member, defaults filled.
func (t *ObjectType) Decode(raw []byte) (Value, []Problem) { return t.merge(Value{}, raw, false) }

// Merge applies a merge patch (RFC 7396) to a stored object: members that are
// named change, null removes, nested objects merge, everything else stays.
func (t *ObjectType) Merge(old Value, patch []byte) (Value, []Problem) {
	return t.merge(old, patch, !old.IsNull())
}

// merge makes the object of the members in raw, of those it had, when it is a
// patch, and else of defaults.
func (t *ObjectType) merge(old Value, raw []byte, patch bool) (Value, []Problem) {
	var ps []Problem
	values := t.stored(old)
	seen := make([]bool, len(t.fields))
	ok := members(string(raw), func(name, value string) bool {
		i := slices.Index(t.names, name)
		if i < 0 {
			ps = append(ps, Problem{
				Pointer: pointerTo(name), Code: CodeUnknown,
				Detail: "there is no member `" + name + "`", Hint: didYouMean(name, t.names),
			})
			return len(ps) < maxProblems
		}
		seen[i] = true
		stored, wrong := t.decode(i, values[i], value, patch)
		values[i] = stored
		ps = append(ps, below(pointerTo(name), wrong)...)
		return len(ps) < maxProblems
	})
	if !ok {
		return expected("an object", raw).one()
	}
	for i, f := range t.fields {
		if seen[i] || patch {
			continue
		}
		if f.Default != nil {
			values[i] = string(appendStored(nil, f.Default.Value))
		}
		if f.Required() {
			ps = append(ps, Problem{Pointer: pointerTo(t.names[i]), Code: CodeRequired, Detail: "is missing"})
		}
	}
	if ps != nil {
		return Value{}, ps
	}
	return t.join(values), nil
}

// decode reads one member into its stored form.
func (t *ObjectType) decode(i int, old, raw string, patch bool) (string, []Problem) {
	f := t.fields[i]
	switch {
	case f.ReadOnly || f.Auto != NoAuto:
		return old, []Problem{{Code: CodeReadOnly, Detail: "cannot be set"}}
	case raw == "null" && f.Optional:
		return "", nil
	case raw == "null":
		return "", []Problem{{Code: CodeRequired, Detail: "must not be null"}}
	}
	var v Value
	var ps []Problem
	if o, nested := f.Type.(*ObjectType); nested && patch && old != "" && old != "null" {
		v, ps = o.Merge(NewJSON(old), []byte(raw))
	} else {
		v, ps = f.Type.Decode([]byte(raw))
	}
	if ps != nil {
		return "", ps
	}
	return string(appendStored(nil, v)), nil
}

// stored splits a stored object into the stored texts of its members; "" is null.
func (t *ObjectType) stored(v Value) []string {
	values := make([]string, len(t.fields))
	members(v.text, func(name, value string) bool {
		if i := slices.Index(t.names, name); i >= 0 {
			values[i] = value
		}
		return true
	})
	return values
}

func (t *ObjectType) join(values []string) Value {
	var b strings.Builder
	b.WriteByte('{')
	for i, stored := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(t.prefixes[i])
		if stored == "" {
			stored = "null"
		}
		b.WriteString(stored)
	}
	b.WriteByte('}')
	return NewJSON(b.String())
}

// AppendJSON appends every member in declared order.
func (t *ObjectType) AppendJSON(b []byte, v Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	return t.appendShown(b, v.text)
}

// appendShown writes a stored object in one pass where its members are those
// of the type; rows stored under an older schema take the slower way.
func (t *ObjectType) appendShown(b []byte, stored string) []byte {
	start := len(b)
	rest, ok := strings.CutPrefix(stored, "{")
	for i, prefix := range t.prefixes {
		if i > 0 {
			rest, ok = strings.CutPrefix(rest, ",")
		}
		if !ok || !strings.HasPrefix(rest, prefix) {
			return t.appendMembers(b[:start], stored)
		}
		rest = rest[len(prefix):]
		end := skipValue(rest, 0)
		if i == 0 {
			b = append(b, '{')
		} else {
			b = append(b, ',')
		}
		b = append(b, prefix...)
		b = appendShown(b, t.fields[i].Type, rest[:end])
		rest = rest[end:]
	}
	if rest != "}" {
		return t.appendMembers(b[:start], stored)
	}
	return append(b, '}')
}

func (t *ObjectType) appendMembers(b []byte, stored string) []byte {
	b = append(b, '{')
	for i, value := range t.stored(NewJSON(stored)) {
		b = append(comma(b), t.prefixes[i]...)
		b = appendShown(b, t.fields[i].Type, value)
	}
	return append(b, '}')
}

// Text is the JSON form.
func (t *ObjectType) Text(v Value) string {
	if v.IsNull() {
		return ""
	}
	return string(t.AppendJSON(nil, v))
}

// Shape describes the object and its members.
func (t *ObjectType) Shape() Shape {
	s := Shape{Type: "object"}
	for i, f := range t.fields {
		m := ShapeMember{Name: t.names[i], Required: f.Required(), Nullable: f.Optional, Shape: f.Type.Shape()}
		m.Shape.Description = f.Doc
		s.Members = append(s.Members, m)
	}
	return s
}

// MemberOf returns the value at a path of members inside a stored object,
// typed as that member is; null when it is not there. An empty path is v itself.
func MemberOf(t Type, v Value, path []string) Value {
	for _, name := range path {
		o, ok := t.(*ObjectType)
		if !ok || v.IsNull() {
			return Value{}
		}
		i := slices.Index(o.names, name)
		if i < 0 {
			return Value{}
		}
		found := ""
		members(v.text, func(n, value string) bool {
			if n == name {
				found = value
			}
			return found == ""
		})
		t = o.fields[i].Type
		v = readStored(t, found)
	}
	return v
}

// AppendMembersJSON appends a nested object with only some of its members,
// each given as a path; order is the declared one. It is for answers that ask
// for parts of an object (fields=address.city).
func AppendMembersJSON(b []byte, t Type, v Value, pick [][]string) []byte {
	o, ok := t.(*ObjectType)
	if !ok || v.IsNull() || len(pick) == 0 {
		return t.AppendJSON(b, v)
	}
	b = append(b, '{')
	for i, value := range o.stored(v) {
		var deeper [][]string
		named := false
		for _, path := range pick {
			if len(path) == 0 || path[0] != o.names[i] {
				continue
			}
			named = true
			if len(path) == 1 {
				deeper = nil
				break
			}
			deeper = append(deeper, path[1:])
		}
		if !named {
			continue
		}
		b = append(comma(b), o.prefixes[i]...)
		b = AppendMembersJSON(b, o.fields[i].Type, readStored(o.fields[i].Type, value), deeper)
	}
	return append(b, '}')
}
