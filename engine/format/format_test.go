package format

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/google/go-cmp/cmp"
)

// The fixture is a customer with orders, as a small part of a CRM has them.

type world struct {
	customer, order, rating *schema.Class
	customers, ratings      *actions.Shown
	rows                    []storage.Row
}

func field(name, typ string, o schema.Options) *schema.Field {
	return &schema.Field{Name: name, JSON: name, Type: schema.MustType(typ, o)}
}

func class(name, collection string, key int, fields ...*schema.Field) *schema.Class {
	return &schema.Class{Name: name, Collection: collection, Fields: fields, Key: fields[:key]}
}

func shown(c *schema.Class, names ...string) *actions.Shown {
	v := &actions.Shown{Class: c}
	for _, name := range names {
		v.Members = append(v.Members, member(c.Field(name), name))
	}
	return v
}

func member(f *schema.Field, name string) actions.Member {
	return actions.Member{Name: name, Prefix: string(schema.AppendQuoted(nil, name)) + ":", Field: f}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		customer: class("customer", "customers", 1,
			field("id", "int", schema.Options{}),
			field("name", "string", schema.Options{}),
			field("vip", "bool", schema.Options{}),
			field("company", "string", schema.Options{}),
			field("credit", "decimal", schema.Options{Text: map[string]string{"scale": "2"}}),
			field("extra", "json", schema.Options{}),
			field("created_at", "datetime", schema.Options{}),
		),
		order: class("order", "orders", 1,
			field("id", "int", schema.Options{}),
			field("number", "string", schema.Options{}),
		),
		rating: class("rating", "ratings", 2,
			field("author", "int", schema.Options{}),
			field("subject", "string", schema.Options{}),
			&schema.Field{Name: "id", JSON: "id", Synthetic: true, Type: schema.MustType("string", schema.Options{})},
		),
	}
	s := &schema.Schema{Classes: []*schema.Class{w.customer, w.order, w.rating}}
	s.Seal()
	w.customers = shown(w.customer, "id", "name", "vip", "company", "credit", "created_at")
	w.ratings = shown(w.rating, "author", "subject", "id")
	w.rows = []storage.Row{
		w.row(t, 7, "Ada \"Countess\"", schema.NewText("Lovelace, Ltd"), `{"a":{"b":1,"c":[1,2]},"d":"x}","e":{"f":2}}`),
		w.row(t, 8, "=SUM(A1)", schema.Value{}, `null`),
	}
	return w
}

func (w *world) row(t testing.TB, id int64, name string, company schema.Value, extra string) storage.Row {
	t.Helper()
	at, err := w.customer.Field("created_at").Type.Parse("2026-11-21T10:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	return storage.Row{Version: id, Values: []schema.Value{
		schema.NewInt(id), schema.NewText(name), schema.NewBool(true), company,
		schema.NewDecimal(1250, 2), schema.NewJSON(extra), at,
	}}
}

const (
	adaJSON = `{"id":7,"name":"Ada \"Countess\"","vip":true,"company":"Lovelace, Ltd","credit":"12.50","created_at":"2026-11-21T10:00:00Z"}`
	sumJSON = `{"id":8,"name":"=SUM(A1)","vip":true,"company":null,"credit":"12.50","created_at":"2026-11-21T10:00:00Z"}`
)

func TestRecord(t *testing.T) {
	w := newWorld(t)
	masked := shown(w.customer, "id", "name", "vip")
	masked.Members[0].Test, masked.Members[1].Test = 1, 2
	nested := shown(w.customer, "id")
	nested.Members = append(nested.Members,
		actions.Member{Name: "orders", Prefix: `"orders":`, Expand: shown(w.order, "number"), Index: 0},
		actions.Member{Name: "agent", Prefix: `"agent":`, Expand: shown(w.customer, "name"), Index: 1, Single: true},
		actions.Member{Name: "boss", Prefix: `"boss":`, Expand: shown(w.customer, "name"), Index: 2, Single: true},
	)
	narrow := func(paths ...[]string) *actions.Shown {
		v := shown(w.customer, "id", "extra")
		v.Members[1].Pick = paths
		return v
	}
	expanded := w.rows[0]
	expanded.Expanded = [][]storage.Row{
		{{Values: []schema.Value{schema.NewInt(1), schema.NewText("A-1")}}, {Values: []schema.Value{schema.NewInt(2), schema.NewText("A-2")}}},
		{w.rows[1]}, nil,
	}
	second := w.rows[0]
	second.Tests = 2
	rating := storage.Row{Values: []schema.Value{schema.NewInt(300), schema.NewText("a-b~c"), {}}}

	for _, tc := range []struct {
		name string
		view *actions.Shown
		row  storage.Row
		want string
	}{
		{"members in order, nulls present", w.customers, w.rows[1], sumJSON},
		{"text is escaped", w.customers, w.rows[0], adaJSON},
		{"masked on this row", masked, second, `{"name":"Ada \"Countess\"","vip":true}`},
		{"masked by default", masked, w.rows[0], `{"vip":true}`},
		{"no members at all", shown(w.customer), w.rows[0], `{}`},
		{"related records", nested, expanded, `{"id":7,"orders":[{"number":"A-1"},{"number":"A-2"}],"agent":{"name":"=SUM(A1)"},"boss":null}`},
		{"composite id", w.ratings, rating, `{"author":300,"subject":"a-b~c","id":"300-a~db~~c"}`},
		{"picked member", narrow([]string{"a", "b"}), w.rows[0], `{"id":7,"extra":{"a":{"b":1}}}`},
		{"picked members of two objects", narrow([]string{"a", "c"}, []string{"e", "b"}, []string{"d"}), w.rows[0], `{"id":7,"extra":{"a":{"c":[1,2]},"d":"x}","e":{}}}`},
		{"picked whole and in part", narrow([]string{"a"}, []string{"a", "b"}), w.rows[0], `{"id":7,"extra":{"a":{"b":1,"c":[1,2]}}}`},
		{"picked below a scalar", narrow([]string{"d", "x"}), w.rows[0], `{"id":7,"extra":{"d":"x}"}}`},
		{"picked of null", narrow([]string{"a"}), w.rows[1], `{"id":8,"extra":null}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := string(actions.AppendRecord(nil, tc.view, &tc.row))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("not JSON: %s", got)
			}
		})
	}
}

func TestDocuments(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 11, 21, 10, 0, 0, 987654321, time.FixedZone("", 3600))
	const meta = `"meta":{"timestamp":"2026-11-21T09:00:00Z","version":"1.0"`
	list := func(change func(*Document)) *Document {
		d := &Document{Class: w.customer, View: w.customers, Rows: w.rows, List: true, Now: now, Version: "1.0"}
		change(d)
		return d
	}
	page := func(total int64, skip, limit int) func(*Document) {
		return func(d *Document) {
			d.Envelope, d.Page = true, &actions.PageInfo{Total: total, Skip: skip, Limit: limit}
		}
	}
	for _, tc := range []struct {
		name string
		doc  *Document
		want string
	}{
		{"list", list(func(d *Document) {}), "[" + adaJSON + "," + sumJSON + "]"},
		{"empty list", list(func(d *Document) { d.Rows = nil }), "[]"},
		{"one", list(func(d *Document) { d.List, d.Rows = false, w.rows[:1] }), adaJSON},
		{"no row at the end of a relation", list(func(d *Document) { d.List, d.Rows = false, nil }), "null"},
		{"keyed by ids", list(func(d *Document) { d.KeyByIDs = true }), `{"7":` + adaJSON + `,"8":` + sumJSON + "}"},
		{"answer keyed by itself", list(func(d *Document) { d.List, d.Keyed = false, true }), `{"7":` + adaJSON + `,"8":` + sumJSON + "}"},
		{"grouped", list(func(d *Document) { d.GroupedByClass = true }), `{"customers":[` + adaJSON + "," + sumJSON + "]}"},
		{"grouped and keyed", list(func(d *Document) { d.GroupedByClass, d.KeyByIDs, d.Rows = true, true, w.rows[:1] }), `{"customers":{"7":` + adaJSON + "}}"},
		{"property", list(func(d *Document) { d.List, d.Property = false, &w.customers.Members[1] }), `"Ada \"Countess\""`},
		{"counts", &Document{Counts: []actions.Count{{Name: "updated", N: 3}, {Name: "skipped"}}}, `{"updated":3,"skipped":0}`},
		{"raw", &Document{Raw: []byte(`{"a": 1}`)}, `{"a": 1}`},
		{"envelope of one", list(func(d *Document) { d.List, d.Envelope, d.Rows = false, true, w.rows[:1] }),
			`{"success":true,"data":` + adaJSON + `,` + meta + `}}`},
		{"envelope of a page", list(page(42, 20, 10)),
			`{"success":true,"data":[` + adaJSON + "," + sumJSON + `],` + meta + `,"total":42,"per_page":10,"current_page":3,"last_page":5,"from":21,"to":22}}`},
		{"envelope of nothing", list(func(d *Document) { page(0, 0, 20)(d); d.Rows = nil }),
			`{"success":true,"data":[],` + meta + `,"total":0,"per_page":20,"current_page":1,"last_page":1,"from":null,"to":null}}`},
		{"envelope without a count", list(page(-1, 0, 20)),
			`{"success":true,"data":[` + adaJSON + "," + sumJSON + `],` + meta + `,"per_page":20,"current_page":1,"from":1,"to":2}}`},
		{"envelope of an empty page", list(func(d *Document) { page(5, 0, 0)(d); d.Rows = nil }),
			`{"success":true,"data":[],` + meta + `,"total":5,"per_page":0,"current_page":1,"last_page":1,"from":null,"to":null}}`},
		{"pretty", &Document{Counts: []actions.Count{{Name: "deleted", N: 1}}, Pretty: true}, "{\n  \"deleted\": 1\n}\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, string(AppendJSON(nil, tc.doc))); diff != "" {
				t.Error(diff)
			}
			if got := string(AppendJSON([]byte("before "), tc.doc)); got != "before "+tc.want {
				t.Errorf("not appended: %s", got)
			}
		})
	}
}

func TestOtherFormats(t *testing.T) {
	w := newWorld(t)
	withAgent := shown(w.customer, "id", "extra")
	withAgent.Members = append([]actions.Member{
		{Name: "agent", Prefix: `"agent":`, Expand: shown(w.customer, "name", "company"), Index: 0, Single: true},
	}, withAgent.Members...)
	withAgent.Members = append(withAgent.Members,
		actions.Member{Name: "orders", Prefix: `"orders":`, Expand: shown(w.order, "number"), Index: 1})
	rows := []storage.Row{w.rows[0], w.rows[1]}
	rows[0].Expanded = [][]storage.Row{{w.rows[1]}, {{Values: []schema.Value{schema.NewInt(1), schema.NewText("A")}}}}
	rows[1].Expanded = [][]storage.Row{nil, nil}
	masked := shown(w.customer, "id", "name")
	masked.Members[1].Test = 1

	for _, tc := range []struct {
		name, format string
		doc          *Document
		want         string
	}{
		{"ndjson", "ndjson", &Document{View: w.customers, Rows: w.rows, List: true}, adaJSON + "\n" + sumJSON + "\n{\"@end\":{\"count\":2}}\n"},
		{"ndjson of nothing", "ndjson", &Document{View: w.customers, List: true}, "{\"@end\":{\"count\":0}}\n"},
		{"ndjson of counts", "ndjson", &Document{Counts: []actions.Count{{Name: "deleted", N: 2}}}, "{\"deleted\":2}\n"},
		{"csv: quotes, null and formulas", "csv", &Document{View: w.customers, Rows: w.rows, List: true}, "id,name,vip,company,credit,created_at\r\n" +
			"7,\"Ada \"\"Countess\"\"\",true,\"Lovelace, Ltd\",12.50,2026-11-21T10:00:00Z\r\n" +
			"8,'=SUM(A1),true,,12.50,2026-11-21T10:00:00Z\r\n"},
		{"csv: related records", "csv", &Document{View: withAgent, Rows: rows, List: true}, "agent.name,agent.company,id,extra,orders\r\n" +
			"'=SUM(A1),,7,\"{\"\"a\"\":{\"\"b\"\":1,\"\"c\"\":[1,2]},\"\"d\"\":\"\"x}\"\",\"\"e\"\":{\"\"f\"\":2}}\",\"[{\"\"number\"\":\"\"A\"\"}]\"\r\n" +
			",,8,null,[]\r\n"},
		{"csv: masked cells are empty", "csv", &Document{View: masked, Rows: w.rows, List: true}, "id,name\r\n7,\r\n8,\r\n"},
		{"csv: property", "csv", &Document{View: w.customers, Rows: w.rows[:1], Property: &w.customers.Members[3]}, "company\r\n\"Lovelace, Ltd\"\r\n"},
		{"csv: counts", "csv", &Document{Counts: []actions.Count{{Name: "updated", N: 2}, {Name: "skipped", N: 1}}}, "updated,skipped\r\n2,1\r\n"},
		{"unknown names were refused long before", "xml", &Document{View: w.customers, Rows: w.rows[:1]}, adaJSON},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, string(Find(tc.format).Append(nil, tc.doc))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCell(t *testing.T) {
	for in, want := range map[string]string{
		"": `""`, "a": "a", "+1": "'+1", "-x": "'-x", "@a": "'@a", "\ta": "'\ta", "\ra": "\"'\ra\"", " a": `" a"`, "a\nb": "\"a\nb\"",
	} {
		if got := string(appendCell(nil, in, true)); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// A page is encoded without allocating anything but what it is written to.
func TestNothingAllocated(t *testing.T) {
	w := newWorld(t)
	buf := make([]byte, 0, 64<<10)
	if n := testing.AllocsPerRun(100, func() { actions.AppendList(buf, w.customers, w.rows) }); n != 0 {
		t.Errorf("%v allocations a page", n)
	}
}

func BenchmarkPage(b *testing.B) {
	w := newWorld(b)
	rows := make([]storage.Row, 20)
	for i := range rows {
		rows[i] = w.row(b, int64(i), "Ada Lovelace", schema.NewText("Analytical Engines"), "null")
	}
	buf := make([]byte, 0, 64<<10)
	b.ReportAllocs()
	for b.Loop() {
		buf = actions.AppendList(buf[:0], w.customers, rows)
	}
}

// BenchmarkPageEncodingJSON is the same page by encoding/json from structs, for comparison.
func BenchmarkPageEncodingJSON(b *testing.B) {
	type customer struct {
		ID        int64     `json:"id"`
		Name      string    `json:"name"`
		VIP       bool      `json:"vip"`
		Company   *string   `json:"company"`
		Credit    string    `json:"credit"`
		CreatedAt time.Time `json:"created_at"`
	}
	company := "Analytical Engines"
	rows := make([]customer, 20)
	for i := range rows {
		rows[i] = customer{int64(i), "Ada Lovelace", true, &company, "12.50", time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(rows); err != nil {
			b.Fatal(err)
		}
	}
}
