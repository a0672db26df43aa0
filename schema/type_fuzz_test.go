package schema_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dowel-dev/dowel/schema"
)

// every is one instance of each type, with limits where they matter.
func every() []schema.Type {
	return []schema.Type{
		typ("string", "max=50"), typ("text"), typ("markdown"), typ("slug"), typ("email"), typ("url"), typ("phone"),
		typ("int"), typ("bigint"), typ("float"), typ("decimal"), typ("decimal", "scale=0"), typ("decimal", "scale=18"),
		typ("bool"), typ("date"), typ("time"), typ("datetime"), typ("duration"), typ("uuid"), typ("json"),
		enum("draft", "placed"), list(typ("datetime"), nil), address(), invoice(), list(invoice(), nil),
	}
}

// FuzzDecode: what a type takes, it shows as valid JSON that it takes again, unchanged.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`"a"`, `5`, `-0.0`, `1e5`, `"2026-01-02T03:04:05.12+01:00"`, `"P1DT2H"`, `"12.5"`, `true`, `[]`, `["x"]`,
		`{"street":"a"}`, `{"total":1,"due":"2026-01-02T03:04:05Z","days":["7"],"to":{"street":"\u00e4"}}`, `"\ud83d\ude00"`,
	} {
		f.Add(seed)
	}
	types := every()
	f.Fuzz(func(t *testing.T, in string) {
		raw := jsontext.Value(strings.TrimSpace(in))
		if !raw.IsValid() || string(raw) == "null" {
			return
		}
		for _, typ := range types {
			v, ps := typ.Decode(raw)
			if ps != nil {
				continue
			}
			out := typ.AppendJSON(nil, v)
			if !jsontext.Value(out).IsValid() {
				t.Fatalf("%s shows %s as %s", typ.Name(), raw, out)
			}
			again, ps := typ.Decode(out)
			if ps != nil || !schema.Equal(v, again) {
				t.Fatalf("%s: %s shows as %s, which reads as %v %v", typ.Name(), raw, out, again, ps)
			}
			parsed, err := typ.Parse(typ.Text(v))
			if err != nil || !schema.Equal(v, parsed) {
				t.Fatalf("%s: the text %q of %s reads as %v %v", typ.Name(), typ.Text(v), raw, parsed, err)
			}
		}
	})
}

// FuzzParse: any text is taken or refused, and its Text reads back as the same value.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "a", "5", "-9223372036854775808", "1e400", "0.10", "2026-12-31", "23:59:59.9", "PT36H", "-P1W", "[1]", "{}", "\xff"} {
		f.Add(seed)
	}
	types := every()
	f.Fuzz(func(t *testing.T, in string) {
		for _, typ := range types {
			v, err := typ.Parse(in)
			if err != nil {
				continue
			}
			again, err := typ.Parse(typ.Text(v))
			if err != nil || !schema.Equal(v, again) {
				t.Fatalf("%s: %q has the text %q, which reads as %v %v", typ.Name(), in, typ.Text(v), again, err)
			}
			if out := typ.AppendJSON(nil, v); !utf8.Valid(out) || !jsontext.Value(out).IsValid() {
				t.Fatalf("%s shows %q as %s", typ.Name(), in, out)
			}
		}
	})
}

// FuzzAppendQuoted: any text reads back as itself.
func FuzzAppendQuoted(f *testing.F) {
	f.Add("a\"\\\n\x01é😀")
	f.Fuzz(func(t *testing.T, in string) {
		if !utf8.ValidString(in) {
			return
		}
		out, err := jsontext.AppendUnquote(nil, schema.AppendQuoted(nil, in))
		if err != nil || string(out) != in {
			t.Fatalf("%q reads back as %q: %v", in, out, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, bm := range []struct {
		name string
		typ  schema.Type
		in   string
	}{
		{"string", typ("string", "max=120"), `"Ada Lovelace of London"`},
		{"decimal", typ("decimal"), `"1234.50"`},
		{"datetime", typ("datetime"), `"2026-01-02T03:04:05+02:00"`},
		{"object", address(), `{"street":"Main Street 5","city":"Bonn","zipCode":"53111"}`},
	} {
		b.Run(bm.name, func(b *testing.B) {
			raw := []byte(bm.in)
			b.ReportAllocs()
			for b.Loop() {
				bm.typ.Decode(raw)
			}
		})
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	for _, bm := range []struct {
		name string
		typ  schema.Type
		in   string
	}{
		{"string", typ("string"), `"Ada Lovelace of London"`},
		{"decimal", typ("decimal"), `"1234.50"`},
		{"datetime", typ("datetime"), `"2026-01-02T03:04:05Z"`},
		{"object", address(), `{"street":"Main Street 5","city":"Bonn","zipCode":"53111"}`},
		{"object with decimals", invoice(), `{"total":5,"due":"2026-01-01T00:00:00Z"}`},
	} {
		b.Run(bm.name, func(b *testing.B) {
			v, ps := bm.typ.Decode([]byte(bm.in))
			if ps != nil {
				b.Fatal(ps)
			}
			buf := make([]byte, 0, 256)
			b.ReportAllocs()
			for b.Loop() {
				bm.typ.AppendJSON(buf[:0], v)
			}
		})
	}
}
