package schema_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
)

func typ(name string, words ...string) schema.Type {
	o := schema.Options{}
	for _, w := range words {
		if o.Text == nil {
			o.Text = map[string]string{}
		}
		k, v, _ := strings.Cut(w, "=")
		o.Text[k] = v
	}
	return schema.MustType(name, o)
}

func enum(values ...string) schema.Type {
	return schema.MustType("enum", schema.Options{Enum: values})
}

func list(elem schema.Type, words map[string]string) schema.Type {
	return schema.MustType("list", schema.Options{Elem: elem, Text: words})
}

func object(fields ...*schema.Field) *schema.ObjectType {
	return schema.MustType("object", schema.Options{Fields: fields}).(*schema.ObjectType)
}

// address is the nested object most tests use.
func address() *schema.ObjectType {
	return object(
		&schema.Field{Name: "street", JSON: "street", Type: typ("string", "max=20")},
		&schema.Field{Name: "city", JSON: "city", Type: typ("string"), Default: &schema.Default{Value: schema.NewText("Bonn")}},
		&schema.Field{Name: "zip", JSON: "zipCode", Type: typ("string", "pattern=[0-9]{5}"), Optional: true},
	)
}

// invoice has members whose stored form differs from what is shown.
func invoice() *schema.ObjectType {
	return object(
		&schema.Field{Name: "total", JSON: "total", Type: typ("decimal")},
		&schema.Field{Name: "due", JSON: "due", Type: typ("datetime")},
		&schema.Field{Name: "days", JSON: "days", Type: list(typ("bigint"), nil), Optional: true},
		&schema.Field{Name: "to", JSON: "to", Type: address(), Optional: true},
	)
}

// TestDecode gives JSON to every type. want is the JSON it shows afterwards, or, when it
// starts with "!", the codes (and pointers) of its problems.
func TestDecode(t *testing.T) {
	tests := []struct {
		name string
		typ  schema.Type
		in   string
		want string
	}{
		{"string", typ("string"), `"a"`, `"a"`},
		{"string empty", typ("string"), `""`, `""`},
		{"string escapes", typ("string"), `"\u0041\n\"\/\\\u0001"`, `"A\n\"/\\\u0001"`},
		{"string counts code points", typ("string", "max=3"), `"äöü"`, `"äöü"`},
		{"string surrogate pair is one", typ("string", "max=1"), `"\ud83d\ude00"`, `"😀"`},
		{"string too long", typ("string", "max=3"), `"abcd"`, "!length"},
		{"string too short", typ("string", "min=2"), `"a"`, "!length"},
		{"string NUL", typ("string"), `"a\u0000"`, "!format"},
		{"string from number", typ("string"), `5`, "!type"},
		{"string from array", typ("string"), `[]`, "!type"},
		{"pattern", typ("string", "pattern=[0-9]{5}"), `"01234"`, `"01234"`},
		{"pattern is anchored", typ("string", "pattern=[0-9]{5}"), `"x01234"`, "!pattern"},
		{"pattern alternatives are anchored", typ("string", "pattern=a|b"), `"ax"`, "!pattern"},
		{"pattern ends before a line break", typ("string", "pattern=^a$"), `"a\n"`, "!pattern"},
		{"text", typ("text"), `"a\nb"`, `"a\nb"`},
		{"markdown", typ("markdown"), `"# a"`, `"# a"`},

		{"slug", typ("slug"), `"first-steps_2"`, `"first-steps_2"`},
		{"slug upper case", typ("slug"), `"First"`, "!format"},
		{"slug space", typ("slug"), `"a b"`, "!format"},
		{"slug double dash", typ("slug"), `"a--b"`, "!format"},
		{"slug ends in dash", typ("slug"), `"a-"`, "!format"},
		{"slug empty", typ("slug"), `""`, "!format"},

		{"email", typ("email"), `"Ada.L+x@Example.co.uk"`, `"Ada.L+x@Example.co.uk"`},
		{"email of all scripts", typ("email"), `"用户@例子.公司"`, `"用户@例子.公司"`},
		{"email no at", typ("email"), `"ada"`, "!format"},
		{"email two ats", typ("email"), `"a@b@c.de"`, "!format"},
		{"email no local part", typ("email"), `"@b.de"`, "!format"},
		{"email no domain", typ("email"), `"a@"`, "!format"},
		{"email space", typ("email"), `"a b@c.de"`, "!format"},
		{"email line break", typ("email"), `"a@c.de\nBcc: x"`, "!format"},
		{"email dots", typ("email"), `"a..b@c.de"`, "!format"},
		{"email label", typ("email"), `"a@-c.de"`, "!format"},
		{"email too long", typ("email"), `"` + strings.Repeat("a", 250) + `@b.de"`, "!length"},
		{"email max", typ("email", "max=10"), `"ada@example.com"`, "!length"},

		{"url", typ("url"), `"https://example.com/a?b=c#d"`, `"https://example.com/a?b=c#d"`},
		{"url port", typ("url"), `"http://localhost:80"`, `"http://localhost:80"`},
		{"url relative", typ("url"), `"/a"`, "!format"},
		{"url script", typ("url"), `"javascript:alert(1)"`, "!format"},
		{"url script with host", typ("url"), `"javascript://x/%0aalert(1)"`, "!format"},
		{"url no host", typ("url"), `"http:///a"`, "!format"},
		{"url space", typ("url"), `"http://a.de/b c"`, "!format"},

		{"phone", typ("phone"), `"+1 (555) 012-3456"`, `"+1 (555) 012-3456"`},
		{"phone extension", typ("phone"), `"555-012-3456 x89"`, `"555-012-3456 x89"`},
		{"phone letters", typ("phone"), `"call me"`, "!format"},
		{"phone short", typ("phone"), `"123"`, "!format"},
		{"phone long", typ("phone"), `"+1234567890123456"`, "!format"},
		{"phone parenthesis", typ("phone"), `"(555 0123456"`, "!format"},

		{"password shows nothing", typ("password"), `"correct horse"`, `null`},
		{"password short", typ("password"), `"1234567"`, "!length"},
		{"password long", typ("password"), `"` + strings.Repeat("ä", 600) + `"`, "!length"},

		{"int", typ("int"), `5`, `5`},
		{"int fraction of zeros", typ("int"), `5.0`, `5`},
		{"int exponent", typ("int"), `5e0`, `5`},
		{"int exponent and fraction", typ("int"), `1.25E2`, `125`},
		{"int negative exponent", typ("int"), `500e-2`, `5`},
		{"int minus zero", typ("int"), `-0`, `0`},
		{"int 2^53", typ("int"), `9007199254740992`, `9007199254740992`},
		{"int above 2^53", typ("int"), `9007199254740993`, "!range"},
		{"int below -2^53", typ("int"), `-9007199254740993`, "!range"},
		{"int huge", typ("int"), `1e999999999`, "!range"},
		{"int tiny", typ("int"), `1e-999999999`, "!format"},
		{"int zero with a huge exponent", typ("int"), `0e999999999`, `0`},
		{"int fraction", typ("int"), `5.5`, "!format"},
		{"int string", typ("int"), `"5"`, "!type"},
		{"int bool", typ("int"), `true`, "!type"},
		{"int min", typ("int", "min=1"), `0`, "!range"},
		{"int max", typ("int", "max=5"), `6`, "!range"},

		{"bigint string", typ("bigint"), `"9007199254740993"`, `"9007199254740993"`},
		{"bigint number", typ("bigint"), `9007199254740993`, `"9007199254740993"`},
		{"bigint largest", typ("bigint"), `"9223372036854775807"`, `"9223372036854775807"`},
		{"bigint too large", typ("bigint"), `"9223372036854775808"`, "!range"},
		{"bigint smallest", typ("bigint"), `-9223372036854775808`, `"-9223372036854775808"`},
		{"bigint too small", typ("bigint"), `-9223372036854775809`, "!range"},
		{"bigint 40 digits", typ("bigint"), `"1111111111222222222233333333334444444444"`, "!range"},
		{"bigint words", typ("bigint"), `"five"`, "!format"},
		{"bigint leading zeros", typ("bigint"), `"007"`, "!format"},

		{"float", typ("float"), `0.1`, `0.1`},
		{"float shortest", typ("float"), `1.10`, `1.1`},
		{"float large", typ("float"), `1e300`, `1e+300`},
		{"float small", typ("float"), `1e-9`, `1e-9`},
		{"float minus zero", typ("float"), `-0.0`, `0`},
		{"float infinite", typ("float"), `1e999`, "!range"},
		{"float string", typ("float"), `"1"`, "!type"},
		{"float max", typ("float", "max=1"), `1.01`, "!range"},

		{"decimal string", typ("decimal"), `"12.5"`, `"12.50"`},
		{"decimal number", typ("decimal"), `12.5`, `"12.50"`},
		{"decimal whole", typ("decimal"), `12`, `"12.00"`},
		{"decimal exponent", typ("decimal"), `125e-1`, `"12.50"`},
		{"decimal too fine", typ("decimal"), `"12.345"`, "!format"},
		{"decimal zeros beyond the scale", typ("decimal"), `"12.500"`, "!format"},
		{"decimal negative", typ("decimal"), `"-0.01"`, `"-0.01"`},
		{"decimal minus zero", typ("decimal"), `"-0"`, `"0.00"`},
		{"decimal 18 digits", typ("decimal"), `"9999999999999999.99"`, `"9999999999999999.99"`},
		{"decimal 19 digits", typ("decimal"), `"10000000000000000.00"`, "!range"},
		{"decimal huge", typ("decimal"), `1e400`, "!range"},
		{"decimal words", typ("decimal"), `"much"`, "!format"},
		{"decimal comma", typ("decimal"), `"1,5"`, "!format"},
		{"decimal bool", typ("decimal"), `true`, "!type"},
		{"decimal scale 0", typ("decimal", "scale=0"), `"12"`, `"12"`},
		{"decimal scale 4", typ("decimal", "scale=4"), `0.1234`, `"0.1234"`},
		{"decimal min", typ("decimal", "min=0"), `-0.01`, "!range"},
		{"decimal max", typ("decimal", "max=9.99"), `"10"`, "!range"},

		{"bool", typ("bool"), `true`, `true`},
		{"bool string", typ("bool"), `"true"`, "!type"},
		{"bool number", typ("bool"), `1`, "!type"},

		{"date", typ("date"), `"2024-02-29"`, `"2024-02-29"`},
		{"date not a leap year", typ("date"), `"2023-02-29"`, "!format"},
		{"date month", typ("date"), `"2023-13-01"`, "!format"},
		{"date year 0", typ("date"), `"0000-01-01"`, "!format"},
		{"date short", typ("date"), `"2023-1-1"`, "!format"},
		{"date with time", typ("date"), `"2023-01-01T00:00:00Z"`, "!format"},
		{"date min", typ("date", "min=2020-01-01"), `"2019-12-31"`, "!range"},

		{"time", typ("time"), `"13:30:00"`, `"13:30:00"`},
		{"time fraction", typ("time"), `"13:30:00.5"`, `"13:30:00.5"`},
		{"time fraction beyond micro", typ("time"), `"13:30:00.123456789"`, `"13:30:00.123456"`},
		{"time offset", typ("time"), `"13:30:00Z"`, "!format"},
		{"time second 60", typ("time"), `"13:30:60"`, "!format"},
		{"time 24", typ("time"), `"24:00:00"`, "!format"},
		{"time without seconds", typ("time"), `"13:30"`, "!format"},
		{"time comma", typ("time"), `"13:30:00,5"`, "!format"},

		{"datetime", typ("datetime"), `"2026-01-02T03:04:05Z"`, `"2026-01-02T03:04:05Z"`},
		{"datetime lower case", typ("datetime"), `"2026-01-02t03:04:05z"`, `"2026-01-02T03:04:05Z"`},
		{"datetime fraction", typ("datetime"), `"2026-01-02T03:04:05.500Z"`, `"2026-01-02T03:04:05.5Z"`},
		{"datetime nine digits", typ("datetime"), `"2026-01-02T03:04:05.123456789Z"`, `"2026-01-02T03:04:05.123456Z"`},
		{"datetime ten digits", typ("datetime"), `"2026-01-02T03:04:05.1234567890Z"`, "!format"},
		{"datetime offset", typ("datetime"), `"2026-01-02T03:04:05+02:30"`, `"2026-01-02T00:34:05Z"`},
		{"datetime offset 23:59", typ("datetime"), `"2026-01-02T03:04:05-23:59"`, `"2026-01-03T03:03:05Z"`},
		{"datetime offset 24:00", typ("datetime"), `"2026-01-02T03:04:05+24:00"`, "!format"},
		{"datetime unknown offset", typ("datetime"), `"2026-01-02T03:04:05-00:00"`, `"2026-01-02T03:04:05Z"`},
		{"datetime without offset", typ("datetime"), `"2026-01-02T03:04:05"`, "!format"},
		{"datetime without time", typ("datetime"), `"2026-01-02"`, "!format"},
		{"datetime space", typ("datetime"), `"2026-01-02 03:04:05Z"`, "!format"},
		{"datetime one-digit hour", typ("datetime"), `"2026-01-02T3:04:05Z"`, "!format"},
		{"datetime comma", typ("datetime"), `"2026-01-02T03:04:05,5Z"`, "!format"},
		{"datetime second 60", typ("datetime"), `"2026-01-02T23:59:60Z"`, "!format"},
		{"datetime 30 February", typ("datetime"), `"2026-02-30T00:00:00Z"`, "!format"},
		{"datetime before year 1 in UTC", typ("datetime"), `"0001-01-01T00:00:00+01:00"`, "!range"},
		{"datetime after year 9999 in UTC", typ("datetime"), `"9999-12-31T23:59:59-01:00"`, "!range"},
		{"datetime number", typ("datetime"), `1767322800`, "!type"},

		{"duration", typ("duration"), `"P1DT2H"`, `"P1DT2H"`},
		{"duration normalised", typ("duration"), `"PT90M"`, `"PT1H30M"`},
		{"duration weeks", typ("duration"), `"P2W"`, `"P14D"`},
		{"duration zero", typ("duration"), `"PT0S"`, `"PT0S"`},
		{"duration of 24 hours", typ("duration"), `"PT24H"`, `"P1D"`},
		{"duration fraction", typ("duration"), `"PT0.25S"`, `"PT0.25S"`},
		{"duration negative", typ("duration"), `"-PT5M"`, `"-PT5M"`},
		{"duration months", typ("duration"), `"P1M"`, "!format"},
		{"duration years", typ("duration"), `"P1Y2D"`, "!format"},
		{"duration empty", typ("duration"), `"P"`, "!format"},
		{"duration empty time", typ("duration"), `"P1DT"`, "!format"},
		{"duration order", typ("duration"), `"PT1S1M"`, "!format"},
		{"duration Go style", typ("duration"), `"5m"`, "!format"},
		{"duration too long", typ("duration"), `"P999999999999D"`, "!range"},
		{"duration max", typ("duration", "max=PT1H"), `"PT61M"`, "!range"},

		{"uuid", typ("uuid"), `"01890A5D-AC96-774B-BCCE-B302099A8057"`, `"01890a5d-ac96-774b-bcce-b302099a8057"`},
		{"uuid braces", typ("uuid"), `"{01890a5d-ac96-774b-bcce-b302099a8057}"`, "!format"},
		{"uuid without dashes", typ("uuid"), `"01890a5dac96774bbcceb302099a8057"`, "!format"},

		{"json", typ("json"), `{ "b": [1, 2.50, null], "a": "\u0041" }`, `{"b":[1,2.50,null],"a":"A"}`},
		{"json large number", typ("json"), `9007199254740993`, `9007199254740993`},
		{"json NUL", typ("json"), `["\u0000"]`, "!format"},
		{"json escaped backslash", typ("json"), `["\\u0000"]`, `["\\u0000"]`},
		{"json size", typ("json", "max=10"), `"123456789"`, "!length"},
		{"json depth", typ("json"), strings.Repeat("[", 65) + strings.Repeat("]", 65), "!length"},
		{"json brackets in text", typ("json"), `"` + strings.Repeat("[", 65) + `"`, `"` + strings.Repeat("[", 65) + `"`},

		{"file", typ("file"), `{"name": "a"}`, "!read-only"},
		{"file with limits", typ("file", "max=5MB", "accept=image/*"), `"a"`, "!read-only"},

		{"enum", enum("draft", "placed"), `"placed"`, `"placed"`},
		{"enum unknown", enum("draft", "placed"), `"plaecd"`, "!enum"},
		{"enum case", enum("draft", "placed"), `"Draft"`, "!enum"},
		{"enum number", enum("1"), `1`, "!type"},

		{"list", list(typ("string"), nil), `[ "a" , "b" ]`, `["a","b"]`},
		{"list empty", list(typ("string"), nil), `[]`, `[]`},
		{"list of decimals", list(typ("decimal"), nil), `[1, "2.5"]`, `["1.00","2.50"]`},
		{"list problems", list(typ("int"), nil), `[1, "x", null, 2.5]`, "!type /1, required /2, format /3"},
		{"list too long", list(typ("int"), map[string]string{"max": "1"}), `[1, 2]`, "!length"},
		{"list too short", list(typ("int"), map[string]string{"min": "1"}), `[]`, "!length"},
		{"list not an array", list(typ("int"), nil), `1`, "!type"},
		{"list of objects", list(address(), nil), `[{"street": "a"}, {}]`, "!required /1/street"},

		{"object", address(), `{"zipCode": "53111", "street": "a"}`, `{"street":"a","city":"Bonn","zipCode":"53111"}`},
		{"object null", address(), `{"street": "a", "zipCode": null}`, `{"street":"a","city":"Bonn","zipCode":null}`},
		{"object problems", address(), `{"city": null, "zipCode": "x", "strete": "a/b"}`,
			"!required /city, pattern /zipCode, unknown /strete, required /street"},
		{"object pointer escape", address(), `{"street": "a", "a/b~": 1}`, "!unknown /a~1b~0"},
		{"object not an object", address(), `[]`, "!type"},
		{"object in object", invoice(), `{"total": 5, "due": "2026-01-01T01:00:00+01:00", "days": [1], "to": {"street": "a"}}`,
			`{"total":"5.00","due":"2026-01-01T00:00:00Z","days":["1"],"to":{"street":"a","city":"Bonn","zipCode":null}}`},
		{"object in object problem", invoice(), `{"total": 5, "due": "x", "to": {"street": 1}}`, "!format /due, type /to/street"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, ps := tt.typ.Decode([]byte(tt.in))
			if got := shown(tt.typ, v, ps); got != tt.want {
				t.Errorf("Decode(%s) = %s, want %s", tt.in, got, tt.want)
			}
			for _, p := range ps {
				if p.Detail == "" {
					t.Errorf("a problem without a sentence: %+v", p)
				}
			}
			if ps == nil && v.Kind() != tt.typ.Kind() {
				t.Errorf("kind %v, want %v", v.Kind(), tt.typ.Kind())
			}
		})
	}
}

func shown(typ schema.Type, v schema.Value, ps []schema.Problem) string {
	if ps == nil {
		return string(typ.AppendJSON(nil, v))
	}
	var words []string
	for _, p := range ps {
		words = append(words, strings.TrimSpace(p.Code+" "+p.Pointer))
	}
	return "!" + strings.Join(words, ", ")
}

// TestParse gives plain text, as query strings, keys and CSV have it.
func TestParse(t *testing.T) {
	tests := []struct {
		name    string
		typ     schema.Type
		in      string
		want    string // Text of the value; "!" is refused
		operand string // the same for ParseOperand; "" is as want
	}{
		{"string", typ("string", "max=2"), "ab", "ab", ""},
		{"operand beyond max", typ("string", "max=2"), "abc", "!", "abc"},
		{"zip keeps its zero", typ("string", "pattern=[0-9]{5}"), "01234", "01234", ""},
		{"invalid UTF-8", typ("string"), "a\xff", "!", ""},
		{"NUL", typ("string"), "a\x00", "!", ""},
		{"slug operand", typ("slug"), "Not A Slug", "!", "Not A Slug"},
		{"int", typ("int"), "-5", "-5", ""},
		{"int plus", typ("int"), "+5", "!", ""},
		{"int leading zero", typ("int"), "05", "!", ""},
		{"int minus zero", typ("int"), "-0", "!", ""},
		{"int spelled long", typ("int"), "5.0", "!", ""},
		{"int empty", typ("int"), "", "!", ""},
		{"int space", typ("int"), " 5", "!", ""},
		{"int operand beyond limits", typ("int", "min=1"), "0", "!", "0"},
		{"bigint", typ("bigint"), "9223372036854775807", "9223372036854775807", ""},
		{"decimal", typ("decimal"), "1.5", "1.50", ""},
		{"decimal operand with zeros", typ("decimal"), "1.500", "!", "1.50"},
		{"decimal operand too fine", typ("decimal"), "1.501", "!", ""},
		{"float", typ("float"), "1e3", "1000", ""},
		{"float NaN", typ("float"), "NaN", "!", ""},
		{"float hex", typ("float"), "0x1p3", "!", ""},
		{"float underscore", typ("float"), "1_000", "!", ""},
		{"bool", typ("bool"), "true", "true", ""},
		{"bool number", typ("bool"), "1", "!", ""},
		{"datetime", typ("datetime"), "2026-01-02T03:04:05.120Z", "2026-01-02T03:04:05.12Z", ""},
		{"duration", typ("duration"), "PT60S", "PT1M", ""},
		{"enum", enum("a", "b"), "b", "b", ""},
		{"enum unknown", enum("a", "b"), "c", "!", ""},
		{"list of words", list(typ("int"), nil), "1, 2", "[1,2]", ""},
		{"list of JSON", list(typ("string"), nil), ` ["a,b"]`, `["a,b"]`, ""},
		{"list empty", list(typ("string"), nil), "", "[]", ""},
		{"list of invalid JSON", list(typ("string"), nil), `["a"`, "!", ""},
		{"object", address(), `{"street":"a"}`, `{"street":"a","city":"Bonn","zipCode":null}`, ""},
		{"json", typ("json"), `{"a": 1}`, `{"a":1}`, ""},
		{"json invalid", typ("json"), `{"a": 1, "a": 2}`, "!", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := tt.typ.Parse(tt.in)
			if got := textOf(tt.typ, v, err); got != tt.want {
				t.Errorf("Parse(%q) = %q, want %q", tt.in, got, tt.want)
			}
			want := tt.operand
			if want == "" {
				want = tt.want
			}
			v, err = schema.ParseOperand(tt.typ, tt.in)
			if got := textOf(tt.typ, v, err); got != want {
				t.Errorf("ParseOperand(%q) = %q, want %q", tt.in, got, want)
			}
			var p schema.Problem
			if err != nil && (!errors.As(err, &p) || p.Code == "") {
				t.Errorf("error %v is no Problem", err)
			}
		})
	}
}

func textOf(typ schema.Type, v schema.Value, err error) string {
	if err != nil {
		return "!"
	}
	return typ.Text(v)
}

func TestOptions(t *testing.T) {
	tests := []struct {
		name   string
		typ    string
		o      schema.Options
		option string // that is wrong
	}{
		{"min above max", "string", schema.Options{Text: map[string]string{"min": "3", "max": "2"}}, "min"},
		{"min above the built-in max", "email", schema.Options{Text: map[string]string{"min": "300"}}, "min"},
		{"negative length", "string", schema.Options{Text: map[string]string{"max": "-1"}}, "max"},
		{"broken pattern", "string", schema.Options{Text: map[string]string{"pattern": "("}}, "pattern"},
		{"pattern with a parenthesis too many", "string", schema.Options{Text: map[string]string{"pattern": "a)(b"}}, "pattern"},
		{"unknown option", "string", schema.Options{Text: map[string]string{"scale": "2"}}, "scale"},
		{"int min is no number", "int", schema.Options{Text: map[string]string{"min": "low"}}, "min"},
		{"int min above max", "int", schema.Options{Text: map[string]string{"min": "2", "max": "1"}}, "min"},
		{"scale too large", "decimal", schema.Options{Text: map[string]string{"scale": "19"}}, "scale"},
		{"decimal min finer than scale", "decimal", schema.Options{Text: map[string]string{"min": "0.001"}}, "min"},
		{"date max is no date", "date", schema.Options{Text: map[string]string{"max": "soon"}}, "max"},
		{"enum empty", "enum", schema.Options{}, "enum"},
		{"enum doubled", "enum", schema.Options{Enum: []string{"a", "b", "a"}}, "enum"},
		{"enum of string", "string", schema.Options{Enum: []string{"a"}}, "enum"},
		{"list of nothing", "list", schema.Options{}, "list"},
		{"list of passwords", "list", schema.Options{Elem: typ("password")}, "list"},
		{"object of nothing", "object", schema.Options{}, "fields"},
		{"object doubled member", "object", schema.Options{Fields: []*schema.Field{
			{Name: "a", Type: typ("int")}, {Name: "b", JSON: "a", Type: typ("int")}}}, "fields"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := schema.NewType(tt.typ, tt.o)
			var wrong *schema.OptionError
			if !errors.As(err, &wrong) || wrong.Option != tt.option || wrong.Detail == "" {
				t.Errorf("got %v, want an error of option %s", err, tt.option)
			}
		})
	}
	if _, err := schema.NewType("dat", schema.Options{}); err == nil {
		t.Error("an unknown type was made")
	}
}

func TestMerge(t *testing.T) {
	const old = `{"total": 5, "due": "2026-01-01T00:00:00Z", "days": [1], "to": {"street": "a", "zipCode": "53111"}}`
	tests := []struct{ name, patch, want string }{
		{"nothing", `{}`, `{"total":"5.00","due":"2026-01-01T00:00:00Z","days":["1"],"to":{"street":"a","city":"Bonn","zipCode":"53111"}}`},
		{"one member", `{"total": "6.5"}`, `{"total":"6.50","due":"2026-01-01T00:00:00Z","days":["1"],"to":{"street":"a","city":"Bonn","zipCode":"53111"}}`},
		{"null clears", `{"to": null, "days": null}`, `{"total":"5.00","due":"2026-01-01T00:00:00Z","days":null,"to":null}`},
		{"nested", `{"to": {"street": "b", "zipCode": null}}`, `{"total":"5.00","due":"2026-01-01T00:00:00Z","days":["1"],"to":{"street":"b","city":"Bonn","zipCode":null}}`},
		{"lists are replaced", `{"days": [2, 3]}`, `{"total":"5.00","due":"2026-01-01T00:00:00Z","days":["2","3"],"to":{"street":"a","city":"Bonn","zipCode":"53111"}}`},
		{"null where it is not allowed", `{"total": null}`, "!required /total"},
		{"unknown", `{"to": {"strasse": 1}}`, "!unknown /to/strasse"},
		{"not an object", `5`, "!type"},
	}
	typ := invoice()
	v, ps := typ.Decode([]byte(old))
	if ps != nil {
		t.Fatal(ps)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			merged, ps := typ.Merge(v, []byte(tt.patch))
			if got := shown(typ, merged, ps); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	t.Run("into null", func(t *testing.T) {
		merged, ps := address().Merge(schema.Value{}, []byte(`{"zipCode": "53111"}`))
		if got := shown(address(), merged, ps); got != "!required /street" {
			t.Error(got)
		}
	})
}

func TestMembers(t *testing.T) {
	typ := invoice()
	v, ps := typ.Decode([]byte(`{"total": 5, "due": "2026-01-01T00:00:00Z", "to": {"street": "a"}}`))
	if ps != nil {
		t.Fatal(ps)
	}
	got := []schema.Value{
		schema.MemberOf(typ, v, []string{"total"}),
		schema.MemberOf(typ, v, []string{"due"}),
		schema.MemberOf(typ, v, []string{"to", "city"}),
		schema.MemberOf(typ, v, []string{"to", "zipCode"}),
		schema.MemberOf(typ, v, []string{"nowhere"}),
	}
	want := []schema.Value{schema.NewDecimal(500, 2), schema.NewText("2026-01-01T00:00:00.000000Z"), schema.NewText("Bonn"), {}, {}}
	if diff := cmp.Diff(want, got, cmp.Comparer(schema.Equal)); diff != "" {
		t.Error(diff)
	}
	picked := string(schema.AppendMembersJSON(nil, typ, v, [][]string{{"to", "city"}, {"total"}}))
	if want := `{"total":"5.00","to":{"city":"Bonn"}}`; picked != want {
		t.Errorf("got %s, want %s", picked, want)
	}
}

// TestOlderObjects shows rows that were stored before a member was added or removed.
func TestOlderObjects(t *testing.T) {
	tests := []struct{ name, stored, want string }{
		{"member added", `{"street":"a","city":"b"}`, `{"street":"a","city":"b","zipCode":null}`},
		{"member removed", `{"street":"a","floor":3,"city":"b","zipCode":"1"}`, `{"street":"a","city":"b","zipCode":"1"}`},
		{"members moved", `{"city":"b","zipCode":"1","street":"a"}`, `{"street":"a","city":"b","zipCode":"1"}`},
		{"spaces of another writer", `{"street": "a", "city": "b", "zipCode": "1"}`, `{"street":"a","city":"b","zipCode":"1"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(address().AppendJSON(nil, schema.NewJSON(tt.stored))); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	zone := time.FixedZone("", 2*60*60)
	at := time.Date(2026, 1, 2, 1, 4, 5, 6_000_000, zone)
	if got := schema.NewDatetime(at).Text(); got != "2026-01-01T23:04:05.006000Z" {
		t.Error(got)
	}
	if got := schema.NewDate(at).Text(); got != "2026-01-01" {
		t.Error(got)
	}
	back, ok := schema.Datetime(schema.NewDatetime(at))
	if !ok || !back.Equal(at) {
		t.Error(back, ok)
	}
}

func TestUUIDsSortByTime(t *testing.T) {
	random := bytes.NewReader(bytes.Repeat([]byte{0xff}, 64))
	early := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	last := ""
	for i := range 5 {
		v, err := schema.NewUUID(early.Add(time.Duration(i)*time.Microsecond), random)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := typ("uuid").Parse(v.Text()); err != nil || v.Text()[14] != '7' || v.Text() <= last {
			t.Errorf("%s after %s: %v", v.Text(), last, err)
		}
		last = v.Text()
	}
	if _, err := schema.NewUUID(early, strings.NewReader("short")); err == nil {
		t.Error("made a UUID without random bits")
	}
}

func TestSlugify(t *testing.T) {
	tests := []struct{ in, want string }{
		{"First Steps!", "first-steps"},
		{"  Übergröße & Łódź  ", "ubergrosse-lodz"},
		{"it's 100%", "its-100"},
		{"日本", ""},
	}
	for _, tt := range tests {
		if got := schema.Slugify(tt.in); got != tt.want {
			t.Errorf("Slugify(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestSuggest(t *testing.T) {
	words := []string{"status", "name", "email", "customer_id", "id"}
	tests := []struct{ in, want string }{
		{"statsu", "status"}, {"Status", "status"}, {"nmae", "name"}, {"e-mail", "email"},
		{"costumer_id", "customer_id"}, {"xyz", ""}, {"", ""}, {"di", "id"},
	}
	for _, tt := range tests {
		if got := schema.Suggest(tt.in, words); got != tt.want {
			t.Errorf("Suggest(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestEnumOrder(t *testing.T) {
	r := enum("low", "high").(schema.Ranked)
	if r.Rank("low") != 0 || r.Rank("high") != 1 || r.Rank("x") != -1 {
		t.Error("ranks do not follow the declaration")
	}
}
