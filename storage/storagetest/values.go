package storagetest

import (
	"math"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// wide has an optional field of every kind.
func wide() *schema.Schema {
	return Schema(Class("thing",
		Text("label"),
		Of("text", "text", Optional), Of("int", "int", Optional), Of("bigint", "big", Optional),
		Of("float", "float", Optional), Decimal("money", "2", Optional), Decimal("fine", "9", Optional),
		Of("bool", "bool", Optional), Of("date", "date", Optional), Of("time", "time", Optional),
		Of("datetime", "datetime", Optional), Of("duration", "duration", Optional), Of("uuid", "uuid", Optional),
		Of("json", "json", Optional), List("list", "string", Optional), Object("object", []string{"a", "b"}, Optional),
	))
}

// keeps stores a value and finds it again, equal and by equality.
func keeps(text, field string, vs ...schema.Value) promise {
	return promise{text, func(f *fixture) {
		f.t.Helper()
		slot := f.field("thing", field).Index
		for i, v := range vs {
			f.do(f.insert("thing", "label", "x", field, v))
			row := f.page(f.query("thing", field, byKey(f, "thing", i+1))).Rows[0]
			got := row.Values[slot]
			if got.Kind() != v.Kind() || got.Scale() != v.Scale() || !schema.Equal(got, v) {
				f.t.Errorf("stored %v %q, got %v %q", v.Kind(), v, got.Kind(), got)
			}
			if v.Kind() == schema.JSON {
				continue
			}
			found := f.read("thing", "id", where(Is(field, "=", v)), byKey(f, "thing", i+1))
			if len(found) != 1 {
				f.t.Errorf("%q is not equal to itself in a condition", v)
			}
		}
	}}
}

func values() chapter {
	texts := func(ss ...string) (vs []schema.Value) {
		for _, s := range ss {
			vs = append(vs, schema.NewText(s))
		}
		return vs
	}
	return empty("values", wide,
		keeps("the empty text is not null", "text", texts("")...),
		keeps("text keeps every character", "text", texts("Zażółć gęślą jaźń", "日本語", "\U0001F468\u200D\U0001F469\u200D\U0001F467", "e\u0301", "\u00e9",
			"\u202Eabc", "tab\tline\r\nend", "\x01\x1f\x7f", `back\slash "quote" 'single'`, "%_*?[]", "\ufeff", "\uffff", "\U0010ffff", " lead and trail ")...),
		keeps("text may be long", "text", texts(strings.Repeat("ä", 100_000))...),
		keeps("text of digits stays text", "text", texts("007", "1e5", "1.0", "-0", "0x10", "null", "true", "NaN")...),
		keeps("ints keep 64 bits", "big", schema.NewInt(math.MaxInt64), schema.NewInt(math.MinInt64), schema.NewInt(0),
			schema.NewInt(1<<53+1), schema.NewInt(-1<<53-1)),
		keeps("decimals keep all digits", "money", schema.NewDecimal(math.MaxInt64, 2), schema.NewDecimal(math.MinInt64, 2),
			schema.NewDecimal(0, 2), schema.NewDecimal(10, 2), schema.NewDecimal(-1, 2), schema.NewDecimal(1<<53+1, 2)),
		keeps("decimals keep their scale", "fine", schema.NewDecimal(1, 9), schema.NewDecimal(123456789123456789, 9)),
		keeps("floats keep every bit", "float", schema.NewFloat(0.1), schema.NewFloat(-1e300), schema.NewFloat(math.SmallestNonzeroFloat64),
			schema.NewFloat(math.MaxFloat64), schema.NewFloat(3), schema.NewFloat(1<<60), schema.NewFloat(0)),
		keeps("bools", "bool", schema.NewBool(true), schema.NewBool(false)),
		keeps("dates", "date", texts("0001-01-01", "1969-12-31", "2024-02-29", "9999-12-31")...),
		keeps("uuids", "uuid", texts("00000000-0000-0000-0000-000000000000", "0192f3a4-7b1c-7def-8123-456789abcdef")...),
		keeps("JSON keeps its text", "json", schema.NewJSON(`{}`), schema.NewJSON(`[]`), schema.NewJSON(`"x"`), schema.NewJSON(`0`), schema.NewJSON(`false`),
			schema.NewJSON(`{"b":1,"a":[1.50,1e2,12345678901234567890,null,"é\n"],"":{}}`)),
		keeps("lists keep their order", "list", schema.NewJSON(`["b","a","b",""]`), schema.NewJSON(`[]`)),
		keeps("objects keep their members", "object", schema.NewJSON(`{"a":"x","b":null}`)),
		promise{"every optional field may be null", func(f *fixture) {
			f.do(f.insert("thing", "label", "bare"))
			row := f.page(f.query("thing", "text int big float money fine bool date time datetime duration uuid json list object")).Rows[0]
			for i, v := range row.Values {
				if !v.IsNull() {
					f.t.Errorf("%s is %q", f.class("thing").Fields[i].Name, v)
				}
			}
		}},
		promise{"a value may become null again", func(f *fixture) {
			f.do(f.insert("thing", "label", "x", "int", 1, "text", "t", "json", "{}", "money", "1.00"))
			f.do(f.update("thing", 1, "int", nil, "text", nil, "json", nil, "money", nil))
			f.want(f.read("thing", "int text json money"), "- - - -")
		}},
		promise{"big ints compare exactly", func(f *fixture) {
			f.do(f.insert("thing", "label", "a", "big", int64(1<<53)), f.insert("thing", "label", "b", "big", int64(1<<53+1)))
			f.want(f.read("thing", "label", where(Is("big", ">", int64(1<<53)))), "b")
			f.want(f.read("thing", "label", where(Is("big", "=", int64(1<<53)))), "a")
			f.want(f.read("thing", "label", order("-big")), "b", "a")
		}},
		promise{"big decimals compare exactly", func(f *fixture) {
			f.do(f.insert("thing", "label", "a", "money", "90071992547409.92"), f.insert("thing", "label", "b", "money", "90071992547409.93"))
			f.want(f.read("thing", "label", where(Is("money", ">", "90071992547409.92"))), "b")
			f.want(f.read("thing", "label", where(literal("money", ">", schema.NewDecimal(90071992547409925, 3)))), "b")
		}},
		promise{"decimals of different scales compare by value", func(f *fixture) {
			f.do(
				f.insert("thing", "label", "same", "money", "1.50", "fine", "1.500000000"),
				f.insert("thing", "label", "more", "money", "1.50", "fine", "1.500000001"),
				f.insert("thing", "label", "less", "money", "1.50", "fine", "1.499999999"))
			f.want(f.read("thing", "label", where(Fields("money", "=", "fine"))), "same")
			f.want(f.read("thing", "label", where(Fields("money", "<", "fine"))), "more")
			f.want(f.read("thing", "label", where(Fields("money", "!=", "fine"))), "more", "less")
		}},
		promise{"composed and decomposed letters differ", func(f *fixture) {
			f.do(f.insert("thing", "label", "e\u0301"), f.insert("thing", "label", "\u00e9"))
			f.want(f.read("thing", "id", where(Is("label", "=", "\u00e9"))), "2")
		}},
		promise{"times order by the clock", func(f *fixture) {
			for _, x := range []string{"23:59:59", "00:00:00", "12:30:00"} {
				f.do(f.insert("thing", "label", "x", "time", x))
			}
			f.want(f.read("thing", "id", order("time")), "2", "3", "1")
		}},
		promise{"durations order by length", func(f *fixture) {
			for _, x := range []string{"PT90M", "PT1H", "PT1S"} {
				f.do(f.insert("thing", "label", "x", "duration", x))
			}
			f.want(f.read("thing", "id", order("duration")), "3", "2", "1")
		}},
		promise{"datetimes order by instant", func(f *fixture) {
			for _, x := range []string{"2026-01-01T00:00:00.1Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.09Z", "2025-12-31T23:30:00-01:00", "0001-01-01T00:00:00Z"} {
				f.do(f.insert("thing", "label", "x", "datetime", x))
			}
			f.want(f.read("thing", "id", order("datetime")), "5", "2", "3", "1", "4")
		}},
		promise{"lists have their elements whatever the quotes", func(f *fixture) {
			f.do(f.insert("thing", "label", "x", "list", `["a\"b","é","\\"]`))
			for _, item := range []string{`a"b`, "é", `\`} {
				f.want(f.read("thing", "id", where(Has("list", schema.NewText(item)))), "1")
			}
			f.want(f.read("thing", "id", where(Has("list", schema.NewText(`a\"b`)))))
		}},
	)
}
