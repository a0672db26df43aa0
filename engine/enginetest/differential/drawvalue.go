package differential

import (
	"fmt"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// Values are drawn as JSON text. Most come from small pools, so that rows meet,
// clash and compare; some are at the edge of what a type takes; some are fresh.

var texts = []string{
	"", "a", "A", "b", "ab", "aB", "Ab", "ba", "b a", " a", "a ", "é", "É", "e\u0301", "%", "_", "a_", "*", `\`, `a\*`, `a"b`, "a'b", "ß", "ss", "ı", "İ", "I", "\u212a",
	"\uffee", "\U0001F600", "10", "9", "-1", "a,b", "a\nb", "\t", "\u0001", "\u007f", "\u00a0", "\u2028", "\ufeffx", "=1+1", "null", "true", "a:b", "a;b", "a-b", "a~b", "a.b", "x/y", "(a)", "a b c", strings.Repeat("x", 40),
}

// pools are JSON texts by type: the usual ones, and those at an edge.
var pools = map[string][2][]string{
	"int":      {{"0", "1", "2", "3", "5", "-1", "10"}, {"9007199254740992", "-9007199254740992", "9007199254740991", "1e2", "5.0", "-0", "100", "50", "-5"}},
	"bigint":   {{`"0"`, `"1"`, `"2"`, `"-1"`, `"7"`, "3"}, {`"9223372036854775807"`, `"-9223372036854775808"`, `"9007199254740993"`, `"9007199254740992"`}},
	"float":    {{"0", "0.5", "1", "-1.25", "2", "1.5", "0.25"}, {"-0.0", "1024.125", "-0.0009765625"}},
	"rough":    {{"0.1", "0.2", "0.3", "-0.1"}, {"1.7976931348623157e308", "-1.7976931348623157e308", "5e-324", "1e21", "1e-7", "123456789.123", "0.30000000000000004", "9007199254740993", "3.4028235e38"}},
	"decimal":  {{`"0"`, `"1"`, `"2"`, `"-1"`, `"10"`, "3"}, {`"0.5"`, `"-0.25"`, `"12.50"`, `"0.01"`, `"-0.00"`, `"1e2"`, `"100"`}},
	"vast":     {{`"9999"`}, {`"99999999999999"`, `"-99999999999999.99"`, `"999999999999999999"`, `"-999999999999999999"`, `"0.000000000000000001"`}},
	"bool":     {{"true", "false"}, {"true"}},
	"date":     {{`"2026-01-01"`, `"2025-12-31"`, `"2024-02-29"`, `"2026-03-04"`}, {`"0001-01-01"`, `"9999-12-31"`, `"1969-12-31"`, `"1582-10-10"`, `"1900-02-28"`}},
	"datetime": {{`"2026-01-01T00:00:00Z"`, `"2026-01-01T00:00:00.5Z"`, `"2025-12-31T23:59:59Z"`, `"2026-01-01T01:00:00+01:00"`}, {`"0001-01-01T00:00:00Z"`, `"9999-12-31T23:59:59.999999Z"`, `"1969-12-31T23:59:59.999999Z"`, `"2026-01-01t00:00:00.123456789z"`, `"2024-02-29T12:00:00-23:59"`, `"1582-10-10T00:00:00Z"`, `"2026-01-01T00:00:00.100000Z"`}},
	"time":     {{`"00:00:00"`, `"12:30:00"`, `"23:59:59"`, `"08:00:00.5"`}, {`"23:59:59.999999"`, `"00:00:00.000001"`, `"12:30:00.1234567"`, `"12:30:00.500"`}},
	"duration": {{`"PT1S"`, `"PT90M"`, `"PT1H"`, `"P1D"`, `"PT60M"`}, {`"PT0S"`, `"PT0.000001S"`, `"P10000D"`, `"P2W"`, `"-PT1S"`, `"PT36H"`}},
	"uuid":     {{`"00000000-0000-7000-8000-000000000001"`, `"00000000-0000-7000-8000-000000000002"`, `"01890a5d-ac96-774b-bcce-b302099a8057"`}, {`"01890A5D-AC96-774B-BCCE-B302099A8057"`, `"ffffffff-ffff-ffff-ffff-ffffffffffff"`, `"00000000-0000-0000-0000-000000000000"`}},
	"json":     {{`{}`, `[]`, `[1,2]`, `"a"`, `{"a":{"b":1}}`, "0", "false", `{"b":1,"a":2}`}, {`{"a":[1,{"b":null}],"":1.50}`, "1.0", "1e400", "123456789012345678901234567890", `"\u00e9\ud83d\ude00"`, `{"z":1,"a":{"y":[],"x":{}}}`, `""`, `[[[[[]]]]]`, `{"a b":"\n"}`}},
	"email":    {{`"a@x.io"`, `"A@x.io"`, `"b@x.io"`, `"a@X.IO"`, `"c@x.io"`}, {`"é@x.io"`, `"É@x.io"`, `"a+b@x.io"`, `"a_b@x.io"`, `"ı@x.io"`}},
	"phone":    {{`"+1 555 010 1050"`, `"12345"`}, {`"(030) 12345/6"`, `"+44 20 7946 0958 x12"`}},
	"url":      {{`"https://x.io/a"`, `"https://x.io/A"`, `"http://x.io"`}, {`"https://x.io/a?b=1&c=%20#d"`, `"https://é.io/"`}},
	"slug":     {{`"a"`, `"b"`, `"ab"`, `"a-b"`, `"tag-1"`, `"tag-2"`}, {`"1"`, `"10"`, `"a_b"`, `"zz-9"`}},
}

// wrongs are values that few types take.
var wrongs = []string{"1", "-1", "1.5", "1e400", "1e999999999", "123456789012345678901234567890", `""`, `"x"`, "true", "[]", "{}", "[null]", "[[[]]]", `{"a":1}`, `"\ud800"`, `"\u0000"`, `"a\u0000b"`,
	`"2026-01-01"`, `"2026-02-30"`, `"2026-01-01T00:00:00"`, `"0001-01-01T00:00:00+14:00"`, `"9999-12-31T23:59:59-01:00"`, `"24:00:00"`, `"NaN"`, `"Infinity"`, "-0", `[1,"x"]`, `{"add":[1]}`, `{"a":1,"a":2}`, `"99999999999999999999"`}

// value draws JSON that the type takes, nearly always.
func (d *drawer) value(t schema.Type, fresh bool) string {
	raw := ""
	for range 12 {
		raw = d.candidate(t, fresh)
		if _, bad := t.Decode([]byte(raw)); len(bad) == 0 {
			return raw
		}
	}
	return raw
}

// candidate draws JSON for a type without a look at its limits.
func (d *drawer) candidate(t schema.Type, fresh bool) string {
	switch t := t.(type) {
	case *schema.EnumType:
		return quoted(pick(d.dice, t.Values()))
	case *schema.ListType:
		var items []string
		for range d.IntN(4) {
			items = append(items, d.value(t.Elem(), false))
		}
		return "[" + strings.Join(items, ",") + "]"
	case *schema.ObjectType:
		return d.nested(t, true)
	}
	if fresh {
		return d.fresh(t.Name())
	}
	name := t.Name()
	switch {
	case name == "float" && d.rough && d.once(2):
		name = "rough"
	case name == "decimal" && d.vast && d.once(3):
		name = "vast"
	}
	pool, known := pools[name]
	if !known {
		return quoted(pick(d.dice, texts))
	}
	if d.once(8) {
		return d.fresh(t.Name())
	}
	if d.once(5) && (name != "bigint" || d.vast) {
		return pick(d.dice, pool[1])
	}
	return pick(d.dice, pool[0])
}

// nested draws an object; a whole one has every member that must be there.
func (d *drawer) nested(t *schema.ObjectType, whole bool) string {
	var members []string
	for _, f := range t.Fields() {
		given := d.once(2)
		if whole && !f.Optional && f.Default == nil {
			given = d.most(20)
		}
		if !given {
			continue
		}
		raw := "null"
		if !f.Optional || d.most(4) {
			raw = d.value(f.Type, false)
			if o, ok := f.Type.(*schema.ObjectType); ok && !whole {
				raw = d.nested(o, false)
			}
		}
		members = append(members, quoted(f.JSON)+":"+raw)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// fresh draws from so many values that a clash is rare.
func (d *drawer) fresh(typ string) string {
	n := d.IntN(5000)
	switch typ {
	case "int", "float":
		return fmt.Sprint(n)
	case "bigint":
		return fmt.Sprintf(`"%d"`, n)
	case "decimal":
		return fmt.Sprintf(`"%d"`, n)
	case "bool":
		return d.one("true", "false")
	case "date":
		return fmt.Sprintf(`"%04d-%02d-%02d"`, 1900+n%200, 1+n%12, 1+n%28)
	case "datetime":
		return fmt.Sprintf(`"%04d-%02d-%02dT%02d:00:00.%dZ"`, 1900+n%200, 1+n%12, 1+n%28, n%24, n)
	case "time":
		return fmt.Sprintf(`"%02d:%02d:%02d.%d"`, n%24, n%60, n%59, n)
	case "duration":
		return fmt.Sprintf(`"PT%dS"`, n)
	case "uuid":
		return fmt.Sprintf(`"00000000-0000-4000-8000-%012d"`, n)
	case "json":
		return fmt.Sprintf(`{"n":%d}`, n)
	case "email":
		return fmt.Sprintf(`"%s%d@x.io"`, d.one("u", "U"), n)
	case "phone":
		return fmt.Sprintf(`"+49 30 %05d"`, n)
	case "url":
		return fmt.Sprintf(`"https://x.io/%d"`, n)
	case "slug":
		return fmt.Sprintf(`"s%d"`, n)
	}
	return fmt.Sprintf(`"%s%d"`, d.one("t", "T", "u", "é"), n)
}

func quoted(s string) string { return string(schema.AppendQuoted(nil, s)) }

// keyType is the type of what a reference holds.
func keyType(f *schema.Field) schema.Type {
	for f.Ref != nil {
		f = f.Ref.To.Key[0]
	}
	return f.Type
}

// valueText is a value as filters and ids spell it: of some row where there is one.
func (d *drawer) valueText(c *schema.Class, f *schema.Field, t schema.Type) string {
	if f != nil && c != nil && f.Stored() && f.Class == c && t == keyType(f) && d.most(3) {
		if rows := d.known(c); len(rows) > 0 {
			if v := pick(d.dice, rows).Values[f.Index]; !v.IsNull() {
				return d.near(t, t.Text(v))
			}
		}
	}
	if f != nil && f.Ref != nil && d.most(4) {
		if id, ok := d.someID(f.Ref.To); ok {
			return id
		}
	}
	v, bad := t.Decode([]byte(d.value(t, false)))
	if len(bad) > 0 {
		return "x"
	}
	return t.Text(v)
}

// near is the text itself or, now and then, one that only nearly is it.
func (d *drawer) near(t schema.Type, text string) string {
	if t.Kind() != schema.Text || !t.Traits().Like || d.most(3) {
		return text
	}
	return pick(d.dice, []func(string) string{
		strings.ToUpper, strings.ToUpper, strings.ToLower, strings.ToLower, strings.TrimSpace,
		func(s string) string { return s + " " },
		func(s string) string { return " " + s },
		func(s string) string { return s + "\u0301" },
	})(text)
}

// literal is a value as expressions spell it.
func (d *drawer) literal(c *schema.Class, f *schema.Field, t schema.Type) string {
	text := d.valueText(c, f, t)
	switch t.Name() {
	case "int", "bigint", "float", "decimal":
		if !strings.ContainsAny(text, "eE") && text != "" {
			return text
		}
	case "bool":
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
