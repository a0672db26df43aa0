package sqlgen_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	. "github.com/dowel-dev/dowel/storage/storagetest"
)

// samples are texts of values of each type, chosen where databases differ: at
// the ends of ranges, beyond ASCII, where letters fold.
var samples = []struct {
	name    string
	typ     schema.Type
	values  []string
	foreign []schema.Value // constants of another kind or scale
}{
	{"bool", of("bool"), []string{"true", "false"}, nil},
	{"int", of("int"), []string{"-2147483648", "-1", "0", "7", "2147483647"}, []schema.Value{schema.NewDecimal(75, 1), schema.NewFloat(6.5), schema.NewFloat(1e300), schema.NewDecimal(70, 1)}},
	{"bigint", of("bigint"), []string{"-9223372036854775808", "9007199254740993", "9007199254740992", "9223372036854775807"},
		[]schema.Value{schema.NewFloat(9007199254740992), schema.NewFloat(9223372036854775808), schema.NewFloat(-1e19), schema.NewInt(9007199254740993)}},
	{"float", of("float"), []string{"-1.5", "0", "0.1", "1e-300", "1e300", "9007199254740992", "3"},
		[]schema.Value{schema.NewInt(9007199254740993), schema.NewInt(3), schema.NewDecimal(1, 1), schema.NewDecimal(-15, 1)}},
	{"money", decimal("2"), []string{"-0.01", "0.00", "0.10", "1234567890123456.89", "-9999999999999999.99"},
		[]schema.Value{schema.NewInt(0), schema.NewDecimal(1, 1), schema.NewDecimal(105, 3), schema.NewFloat(0.1), schema.NewFloat(1e20), schema.NewInt(math.MaxInt64)}},
	{"whole", decimal("0"), []string{"-1", "0", "9007199254740993"}, []schema.Value{schema.NewDecimal(5, 1)}},
	{"string", of("string"), []string{"", " ", "a", "A", "k", "\u212a", "é", "É", "ı", "İ", "ß", "ẞ", "Z", "a%", "a_", `a\`, `a\b`, "a*b", `"quoted"`, "it's", "line\nbreak\ttab", "\x01\x7f\u2028", "a b", "{a,b}", "null", "NULL", "\U0001F600", "\uffee"}, nil},
	{"email", of("email"), []string{"a@x.io", "A@X.io", "b@x.io"}, nil},
	{"enum", schema.MustType("enum", schema.Options{Enum: []string{"low", "mid", "high", "it-is"}}), []string{"low", "mid", "high", "it-is"}, []schema.Value{schema.NewText("none")}},
	{"date", of("date"), []string{"0001-01-01", "1970-01-01", "2024-02-29", "9999-12-31"}, nil},
	{"time", of("time"), []string{"00:00:00", "12:30:00.5", "12:30:00.000001", "23:59:59.999999"}, nil},
	{"datetime", of("datetime"), []string{"0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2026-07-01T12:00:00.5Z", "9999-12-31T23:59:59.999999Z"}, nil},
	{"uuid", of("uuid"), []string{"00000000-0000-7000-8000-000000000001", "a0000000-0000-7000-8000-000000000001", "ffffffff-ffff-ffff-ffff-ffffffffffff"}, nil},
	{"duration", of("duration"), []string{"PT0.000001S", "P1D", "PT90M"}, nil},
	{"url", of("url"), []string{"https://x.io/A", "https://x.io/a"}, nil},
}

func of(name string) schema.Type { return schema.MustType(name, schema.Options{}) }

func decimal(scale string) schema.Type {
	return schema.MustType("decimal", schema.Options{Text: map[string]string{"scale": scale}})
}

// operators has a class with a field of each type, its member in an object (also
// two deep) and a list of it, and rows for each sample. Rows of a parent class
// gather them, for paths and computed fields.
func operators(t *testing.T) *world {
	parts := []Part{Ref("box", "box", "items", Optional)}
	var members []*schema.Field
	for _, s := range samples {
		parts = append(parts, Field(s.name, s.typ, Optional), Field(s.name+"_2", s.typ, Optional))
		members = append(members, &schema.Field{Name: s.name, JSON: s.name, Type: s.typ, Optional: true})
	}
	inner := schema.MustType("object", schema.Options{Fields: members})
	outer := append(members[:len(members):len(members)], &schema.Field{Name: "it's", JSON: "it's", Type: inner, Optional: true})
	parts = append(parts, Field("doc", schema.MustType("object", schema.Options{Fields: outer}), Optional))
	for _, s := range samples {
		parts = append(parts, Field(s.name+"_list", schema.MustType("list", schema.Options{Elem: s.typ}), Optional))
	}
	box := []Part{Text("name"), Many("set", "item", "", "boxes")}
	for _, s := range samples {
		if s.typ.Traits().Order {
			box = append(box, Computed("min_"+s.name, "min", "items", s.name, nil), Computed("max_"+s.name, "max", "items", s.name, nil))
		}
		if k := s.typ.Kind(); k == schema.Int || k == schema.Float || k == schema.Decimal {
			box = append(box, Computed("avg_"+s.name, "avg", "items", s.name, nil))
			if s.name != "bigint" && s.name != "money" && s.name != "float" { // too large to add up
				box = append(box, Computed("sum_"+s.name, "sum", "items", s.name, nil))
			}
		}
	}
	w := newWorld(t, server(t), Schema(Class("box", box...), Class("item", parts...)))
	for _, name := range []string{"empty", "one", "all"} {
		w.insert(t, &storage.Change{Class: w.schema.Class("box"), Set: []storage.Assign{{Field: w.schema.Class("box").Field("name"), Value: schema.NewText(name)}}})
	}
	item := w.schema.Class("item")
	for row := range 30 {
		c := &storage.Change{Class: item}
		set := func(field string, v schema.Value) {
			c.Set = append(c.Set, storage.Assign{Field: item.Field(field), Value: v})
		}
		if row > 0 {
			set("box", schema.NewInt(int64(2+min(row-1, 1)))) // 2 is `one`, 3 is `all`
		}
		for i, s := range samples {
			if row == 2 || row >= len(s.values)+3 {
				continue // nulls
			}
			v := sample(t, s.typ, s.values[row%len(s.values)])
			set(s.name, v)
			set(s.name+"_2", sample(t, s.typ, s.values[(row+i)%len(s.values)]))
		}
		set("doc", document(t, item.Field("doc").Type, row))
		for _, s := range samples {
			var elems []string
			for n := range row % 4 {
				raw := s.typ.AppendJSON(nil, sample(t, s.typ, s.values[(row+n)%len(s.values)]))
				elems = append(elems, string(raw))
			}
			set(s.name+"_list", decoded(t, item.Field(s.name+"_list").Type, "["+strings.Join(elems, ",")+"]"))
		}
		w.insert(t, c)
	}
	return w
}

func sample(t testing.TB, typ schema.Type, text string) schema.Value {
	t.Helper()
	v, err := typ.Parse(text)
	if err != nil {
		t.Fatalf("%s: %q: %v", typ.Name(), text, err)
	}
	return v
}

func decoded(t testing.TB, typ schema.Type, raw string) schema.Value {
	t.Helper()
	v, problems := typ.Decode([]byte(raw))
	if problems != nil {
		t.Fatalf("%s: %v", raw, problems)
	}
	return v
}

// document is an object with some of its members, and itself inside itself.
func document(t testing.TB, typ schema.Type, row int) schema.Value {
	t.Helper()
	if row%7 == 6 {
		return schema.Value{}
	}
	members := func(row int) string {
		var all []string
		for _, s := range samples {
			if row%5 == 4 || row >= len(s.values)+3 {
				continue
			}
			all = append(all, fmt.Sprintf("%q:%s", s.name, s.typ.AppendJSON(nil, sample(t, s.typ, s.values[row%len(s.values)]))))
		}
		return strings.Join(all, ",")
	}
	inner := fmt.Sprintf(`"it's":{%s}`, members(row+1))
	if row%3 == 2 {
		inner = `"it's":null`
	}
	if outer := members(row); outer != "" {
		inner = outer + "," + inner
	}
	return decoded(t, typ, "{"+inner+"}")
}

// ask compares where a condition holds and where its complement does. It waits
// until there are enough for one statement; settle asks the rest.
func (w *world) ask(t *testing.T, c *schema.Class, where schema.Expr) {
	t.Helper()
	if w.about != c || len(w.asked) == 64 {
		w.settle(t)
	}
	w.about = c
	w.asked = append(w.asked, where, schema.Not{X: where})
}

func (w *world) settle(t *testing.T) {
	t.Helper()
	if len(w.asked) == 0 {
		return
	}
	q := &storage.Query{Class: w.about, Limit: -1, Tests: w.asked}
	if p := new(probe); !p.passes(func() { w.same(p, q) }) {
		for _, e := range w.asked {
			w.same(t, &storage.Query{Class: w.about, Limit: -1, Where: e})
		}
		t.Fatal(p.said)
	}
	w.asked = w.asked[:0]
}

// probe is a test that may fail.
type probe struct{ said string }

func (p *probe) Helper() {}

func (p *probe) Fatalf(format string, args ...any) {
	p.said = fmt.Sprintf(format, args...)
	panic(p)
}

func (p *probe) passes(fn func()) (passed bool) {
	defer func() {
		if v := recover(); v != nil && v != any(p) {
			panic(v)
		}
	}()
	fn()
	return true
}

// TestOperators runs every operator on every type, on a column, a member of a
// document, a member of a member, and at the end of a relation.
func TestOperators(t *testing.T) {
	w := operators(t)
	box, item := w.schema.Class("box"), w.schema.Class("item")
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			member := func(names ...string) *schema.Path {
				return &schema.Path{Field: item.Field("doc"), Member: names, Type: s.typ}
			}
			back := item.Relation("box")
			paths := []*schema.Path{Path(item, s.name), member(s.name), member("it's", s.name)}
			if s.typ.Traits().Order {
				far := Path(box, "max_"+s.name)
				far.Steps = []schema.Step{{Rel: back}}
				paths = append(paths, far)
			}
			consts := append([]schema.Value{{}}, s.foreign...)
			for _, text := range s.values {
				consts = append(consts, sample(t, s.typ, text))
			}
			for _, p := range paths {
				w.ask(t, item, schema.IsNull{X: p})
				w.askConstants(t, item, p, consts)
				w.askPaths(t, item, p, paths)
				w.same(t, &storage.Query{Class: item, Limit: -1, Columns: []storage.Column{{Field: item.Key[0]}}, Order: []storage.Order{{By: p}, {By: Path(item, "id")}}})
				w.same(t, &storage.Query{Class: item, Limit: 7, Skip: 2, Order: []storage.Order{{By: p, Desc: true}, {By: Path(item, "id")}}})
			}
			list := Path(item, s.name+"_list")
			for _, v := range consts {
				w.ask(t, item, schema.Contains{X: list, Item: schema.Lit{Value: v}})
			}
			for _, p := range paths {
				w.ask(t, item, schema.Contains{X: list, Item: p})
			}
			w.settle(t)
		})
	}
}

func (w *world) askConstants(t *testing.T, c *schema.Class, p *schema.Path, consts []schema.Value) {
	t.Helper()
	var list []schema.Operand
	for _, v := range consts {
		for op := schema.Eq; op <= schema.Ge; op++ {
			w.ask(t, c, schema.Compare{Op: op, Left: p, Right: schema.Lit{Value: v}})
			w.ask(t, c, schema.Compare{Op: op, Left: schema.Lit{Value: v}, Right: p})
		}
		list = append(list, schema.Lit{Value: v})
		w.ask(t, c, schema.In{X: p, List: list})
	}
	w.ask(t, c, schema.In{X: p, List: []schema.Operand{list[len(list)-1], p}})
}

func (w *world) askPaths(t *testing.T, c *schema.Class, p *schema.Path, others []*schema.Path) {
	t.Helper()
	others = append(others[:len(others):len(others)], Path(c, "int_2"), Path(c, "money_2"), Path(c, "whole_2"), Path(c, "string_2"))
	for _, other := range others {
		float := p.Type.Kind() == schema.Float || other.Type.Kind() == schema.Float
		if float && p.Type.Kind() != other.Type.Kind() {
			continue // next to a float, other numbers are rounded; TestMeaning has those that need not be
		}
		for op := schema.Eq; op <= schema.Ge; op++ {
			w.ask(t, c, schema.Compare{Op: op, Left: p, Right: other})
			w.ask(t, c, schema.Compare{Op: op, Left: other, Right: p})
		}
	}
}

// TestPatterns matches every text with patterns made of every text.
func TestPatterns(t *testing.T) {
	w := operators(t)
	item := w.schema.Class("item")
	for _, name := range []string{"string", "email", "enum", "url", "date", "datetime", "time", "uuid", "int", "bool"} {
		t.Run(name, func(t *testing.T) {
			patterns := []string{"", "*", "%", "_", "*_*", "?*", "a*", "*A", "*.*", `\**`, "*-*", `\`, `*\\*`, "2*", "É", "k", "K*"}
			for _, s := range samples {
				if s.name != name {
					continue
				}
				for _, text := range s.values {
					patterns = append(patterns, text, strings.ToUpper(text), strings.ToLower(text)+"*", "*"+text)
				}
			}
			for _, p := range []*schema.Path{Path(item, name), {Field: item.Field("doc"), Member: []string{name}, Type: Path(item, name).Type}} {
				for _, pattern := range patterns {
					w.ask(t, item, schema.Like{X: p, Pattern: pattern})
				}
			}
			w.settle(t)
		})
	}
}

// TestFolds reads and compares computed fields of every kind, over no rows, one and many.
func TestFolds(t *testing.T) {
	w := operators(t)
	box := w.schema.Class("box")
	for _, f := range box.Fields {
		if f.Computed == nil {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			w.same(t, &storage.Query{Class: box, Limit: -1, Columns: []storage.Column{{Field: f}, {Field: f, Guard: nil}}})
			p := &schema.Path{Field: f, Type: f.Type}
			q := &storage.Query{Class: box, Limit: -1, Order: []storage.Order{{By: p, Desc: true}, {By: Path(box, "id")}}}
			w.same(t, q)
			w.ask(t, box, schema.IsNull{X: p})
			page, err := w.store.Read(t.Context(), &storage.Query{Class: box, Limit: -1, Columns: []storage.Column{{Field: f}}})
			if err != nil {
				t.Fatal(err)
			}
			for i := range page.Rows {
				for op := schema.Eq; op <= schema.Ge; op++ {
					w.ask(t, box, schema.Compare{Op: op, Left: p, Right: schema.Lit{Value: page.Rows[i].Values[f.Index]}})
				}
			}
			w.settle(t)
		})
	}
}

// TestSets reads and asks sets whose names need escapes, or are of a native type.
func TestSets(t *testing.T) {
	for _, s := range samples {
		if !s.typ.Traits().Key {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, server(t), Schema(
				Class("tag", Field("name", s.typ, Unique)),
				Class("post", Many("tags", "tag", "name", ""), Many("keys", "tag", "", "key_posts"))))
			tag, post := w.schema.Class("tag"), w.schema.Class("post")
			var keys []schema.Value
			for i, text := range s.values {
				w.insert(t, &storage.Change{Class: tag, Set: []storage.Assign{{Field: tag.Field("name"), Value: sample(t, s.typ, text)}}})
				keys = append(keys, schema.NewInt(int64(i+1)))
				w.insert(t, &storage.Change{Class: post, Links: []storage.Links{
					{Field: post.Field("tags"), Replace: true, Add: keys}, {Field: post.Field("keys"), Replace: true, Add: keys[i:]}}})
			}
			var columns []storage.Column
			for _, f := range post.Fields {
				columns = append(columns, storage.Column{Field: f})
			}
			w.same(t, &storage.Query{Class: post, Limit: -1, Columns: columns})
			for _, text := range s.values {
				w.ask(t, post, schema.Contains{X: Path(post, "tags"), Item: schema.Lit{Value: sample(t, s.typ, text)}})
			}
			for n := range int64(4) {
				w.ask(t, post, schema.Contains{X: Path(post, "keys"), Item: schema.Lit{Value: schema.NewInt(n)}})
			}
			w.ask(t, post, schema.Contains{X: Path(post, "keys"), Item: Path(post, "id")})
			w.ask(t, post, schema.Contains{X: Path(post, "tags"), Item: Path(post, "id")})
			w.settle(t)
		})
	}
}
