package sqlgen_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
	. "github.com/dowel-dev/dowel/storage/storagetest"
)

func shop() *schema.Schema {
	return Schema(
		Class("customer", Text("name"), Of("email", "email", Unique), Enum("level", []string{"low", "mid", "high"}), Of("int", "age", Optional),
			Object("address", []string{"city"}, Optional), List("labels", "string", Optional),
			Many("tags", "tag", "name", ""), Computed("revenue", "sum", "orders", "total", nil), Computed("mean", "avg", "orders", "total", nil), SoftDelete),
		Class("order", Ref("customer", "customer", "orders"), Decimal("total", "2")),
		Class("tag", Text("name", Unique)),
	)
}

// path finds a field over relations: customer.name, address.city.
func path(c *schema.Class, names string) *schema.Path {
	p := &schema.Path{}
	words := strings.Split(names, ".")
	for len(words) > 1 && c.Relation(words[0]) != nil {
		p.Steps = append(p.Steps, schema.Step{Rel: c.Relation(words[0])})
		c, words = c.Relation(words[0]).To, words[1:]
	}
	p.Field = c.Field(words[0])
	p.Type = p.Field.Type
	if p.Member = words[1:]; len(p.Member) > 0 {
		p.Type = schema.MustType("string", schema.Options{})
	}
	return p
}

func text(s string) schema.Lit  { return schema.Lit{Value: schema.NewText(s)} }
func number(n int64) schema.Lit { return schema.Lit{Value: schema.NewInt(n)} }

// TestConditions shows the SQL of each node. The meaning is tested against the
// reference store, not here.
func TestConditions(t *testing.T) {
	s := shop()
	customer, order := s.Class("customer"), s.Class("order")
	eq := func(p *schema.Path, l schema.Lit) schema.Expr {
		return schema.Compare{Op: schema.Eq, Left: p, Right: l}
	}
	total := path(order, "total")
	for _, test := range []struct {
		name  string
		class *schema.Class
		where schema.Expr
		want  string
		args  string
	}{
		{"compare", customer, eq(path(customer, "name"), text("x")), `t0."name" = +?1`, "x"},
		{"mirrored", customer, schema.Compare{Op: schema.Lt, Left: number(3), Right: path(customer, "age")}, `t0."age" > +?1`, "3"},
		{"with null", customer, eq(path(customer, "age"), schema.Lit{}), `false`, ""},
		{"an e-mail can use its index", customer, eq(path(customer, "email"), text("a@x")), `t0."email" = +?1 and t0."email" collate nocase = +?2`, "a@x a@x"},
		{"decimal by its units", order, eq(total, schema.Lit{Value: schema.NewDecimal(125, 1)}), `t0."total" = +?1`, "1250"},
		{"decimal below one that cannot be", order, schema.Compare{Op: schema.Lt, Left: total, Right: schema.Lit{Value: schema.NewDecimal(12345, 3)}}, `t0."total" <= +?1`, "1234"},
		{"decimal with an integer", order, schema.Compare{Op: schema.Ge, Left: total, Right: number(7)}, `t0."total" >= +?1`, "700"},
		{"decimal equal to what cannot be", order, eq(total, schema.Lit{Value: schema.NewFloat(0.1)}), `false`, ""},
		{"enum by rank", customer, schema.Compare{Op: schema.Ge, Left: path(customer, "level"), Right: text("mid")}, `t0."level" in (+?1,+?2)`, "mid high"},
		{"in, filled up", customer, schema.In{X: path(customer, "age"), List: []schema.Operand{number(1), number(2), number(3)}}, `t0."age" in (+?1,+?2,+?3,+?4)`, "1 2 3 3"},
		{"in nothing", customer, schema.In{X: path(customer, "age")}, `false`, ""},
		{"like", customer, schema.Like{X: path(customer, "name"), Pattern: `50%\**_`}, `t0."name" like +?1 escape '\'`, `50\%*%\_`},
		{"like without a wildcard can use an index", customer, schema.Like{X: path(customer, "email"), Pattern: `A\*@x`}, `t0."email" collate nocase = +?1`, `A*@x`},
		{"not is exact", customer, schema.Not{X: eq(path(customer, "age"), number(1))}, `(t0."age" = +?1) is not true`, "1"},
		{"not moves in", customer, schema.Not{X: schema.Or{schema.IsNull{X: path(customer, "age")}, schema.Not{X: eq(path(customer, "name"), text("x"))}}}, `(t0."age" is not null and t0."name" = +?1)`, "x"},
		{"empty and, empty or", customer, schema.And{schema.And{}, schema.Or{}}, `(true and false)`, ""},
		{"path", order, eq(path(order, "customer.name"), text("x")), `exists (select 1 from "customers" as t1 where t1."id" = t0."customer_id" and t1."deleted_at" is null and t1."name" = +?1)`, "x"},
		{"path is null", order, schema.IsNull{X: path(order, "customer.age")}, `(select t1."age" from "customers" as t1 where t1."id" = t0."customer_id" and t1."deleted_at" is null limit 1) is null`, ""},
		{"exists", customer, schema.Exists{Rel: customer.Relation("orders"), Where: eq(total, schema.Lit{Value: schema.NewDecimal(1, 2)}), Guard: schema.Const(false)}, `exists (select 1 from "orders" as t1 where t1."customer_id" = t0."id" and t1."total" = +?1 and false)`, "1"},
		{"member", customer, eq(path(customer, "address.city"), text("x")), `json_extract(t0."address", '$."city"') = +?1`, "x"},
		{"list has", customer, schema.Contains{X: path(customer, "labels"), Item: text("x")}, `exists (select 1 from json_each(t0."labels") as j1 where j1.value = +?1)`, "x"},
		{"set has", customer, schema.Contains{X: path(customer, "tags"), Item: text("x")}, `exists (select 1 from "customers_tags" as t2 join "tags" as t1 on t1."id" = t2."other_id" where t2."own_id" = t0."id" and t1."name" = +?1)`, "x"},
		{"computed", customer, schema.Compare{Op: schema.Gt, Left: path(customer, "revenue"), Right: number(5)}, `(select coalesce(sum(t1."total"), 0) from "orders" as t1 where t1."customer_id" = t0."id") > +?1`, "500"},
		{"mean", customer, schema.Compare{Op: schema.Gt, Left: path(customer, "mean"), Right: number(5)}, `(select total(t1."total") / (count(t1."total") * 100) from "orders" as t1 where t1."customer_id" = t0."id") > +?1`, "5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := sqlgen.Printer{Dialect: sqlgen.SQLite{}, Names: sqlgen.Compile(s)}
			p.Where(test.where, p.NewAlias())
			if diff := cmp.Diff(test.want, string(p.SQL)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var args []string
			for _, a := range p.Args {
				args = append(args, a.String())
			}
			if got := strings.Join(args, " "); got != test.args {
				t.Errorf("args %s, want %s", got, test.args)
			}
		})
	}
}

// TestLongConditions: databases limit the depth of an expression, so a long
// chain becomes a tree.
func TestLongConditions(t *testing.T) {
	s := shop()
	c := s.Class("customer")
	or := schema.Or{}
	for i := range 5000 {
		or = append(or, schema.Compare{Op: schema.Eq, Left: path(c, "age"), Right: number(int64(i))})
	}
	p := sqlgen.Printer{Dialect: sqlgen.SQLite{}, Names: sqlgen.Compile(s)}
	p.Where(or, p.NewAlias())
	depth, deepest := 0, 0
	for _, b := range p.SQL {
		switch b {
		case '(':
			depth++
		case ')':
			depth--
		}
		deepest = max(deepest, depth)
	}
	if depth != 0 || deepest > 12 {
		t.Errorf("depth %d", deepest)
	}
}

func TestSelect(t *testing.T) {
	s := shop()
	customer := s.Class("customer")
	q := &storage.Query{
		Class:   customer,
		Tests:   []schema.Expr{schema.Const(true), schema.IsNull{X: path(customer, "age")}},
		Columns: []storage.Column{{Field: customer.Field("id")}, {Field: customer.Field("tags"), Guard: schema.Const(false)}},
		Where:   schema.Const(true),
		Order:   []storage.Order{{By: path(customer, "level"), Desc: true}, {By: path(customer, "age")}, {By: path(customer, "id")}},
		Skip:    5, Limit: 10,
	}
	p := sqlgen.Printer{Dialect: sqlgen.SQLite{}, Names: sqlgen.Compile(s)}
	p.Select(q, nil, nil)
	want := `select t0."_version", (t0."age" is null) is true, t0."id", ` +
		`(select json_group_array(v) from (select t1."name" as v from "customers_tags" as t2 join "tags" as t1 on t1."id" = t2."other_id" where t2."own_id" = t0."id" and false order by t1."id")) ` +
		`from "customers" as t0 where t0."deleted_at" is null ` +
		`order by case t0."level" when +?1 then 0 when +?2 then 1 when +?3 then 2 end desc, t0."age" nulls last, t0."id" limit +?4 offset +?5`
	if diff := cmp.Diff(want, string(p.SQL)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.Reset()
	p.Select(&storage.Query{Class: s.Class("order"), Limit: -1, Skip: 2, Deleted: storage.OnlyDeleted}, customer.Relation("orders"), nil)
	want = `select t0."_version" from "orders" as t0 where t0."customer_id" = +?1 and false order by t0."id" limit -1 offset +?2`
	if diff := cmp.Diff(want, string(p.SQL)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPostgres shows what PostgreSQL needs said differently.
func TestPostgres(t *testing.T) {
	s := shop()
	customer, order := s.Class("customer"), s.Class("order")
	total := path(order, "total")
	for _, test := range []struct {
		name  string
		where schema.Expr
		want  string
		args  string
	}{
		{"compare", schema.Compare{Op: schema.Eq, Left: path(customer, "name"), Right: text("x")}, `t0."name" = $1`, "x"},
		{"an e-mail can use its index", schema.Compare{Op: schema.Eq, Left: path(customer, "email"), Right: text("A@É")}, `t0."email" = $1 and lower(t0."email") = $2`, "A@É a@É"},
		{"decimal as it is", schema.Compare{Op: schema.Lt, Left: total, Right: schema.Lit{Value: schema.NewDecimal(12345, 3)}}, `t0."total" <= $1`, "12.34"},
		{"enum by rank", schema.Compare{Op: schema.Ge, Left: path(customer, "level"), Right: text("mid")}, `t0."level" = any($1)`, `{"mid","high"}`},
		{"a list is one value", schema.In{X: path(customer, "age"), List: []schema.Operand{number(1), number(2), number(3)}}, `t0."age" = any($1)`, "{1,2,3}"},
		{"a list of one is none", schema.In{X: path(customer, "age"), List: []schema.Operand{number(1)}}, `t0."age" = $1`, "1"},
		{"like", schema.Like{X: path(customer, "name"), Pattern: `50%\**_`}, `t0."name" ilike $1`, `50\%*%\_`},
		{"like without a wildcard", schema.Like{X: path(customer, "email"), Pattern: `A\*@x`}, `lower(t0."email") = $1`, `a*@x`},
		{"null is settled", schema.Or{schema.IsNull{X: text("x")}, schema.Not{X: schema.IsNull{X: schema.Lit{}}}}, `(false or false)`, ""},
		{"member", schema.Compare{Op: schema.Eq, Left: path(customer, "address.city"), Right: text("x")}, `(t0."address"->>'city') collate "C" = $1`, "x"},
		{"list has", schema.Contains{X: path(customer, "labels"), Item: text("x")},
			`exists (select 1 from json_array_elements(case when json_typeof(t0."labels") = 'array' then t0."labels" end) as j1(value) where (j1.value #>> '{}') collate "C" = $1)`, "x"},
		{"computed", schema.Compare{Op: schema.Gt, Left: path(customer, "revenue"), Right: number(5)},
			`(select coalesce(sum(t1."total")::numeric(19,2), 0) from "orders" as t1 where t1."customer_id" = t0."id") > $1`, "5.00"},
		{"mean", schema.Compare{Op: schema.Gt, Left: path(customer, "mean"), Right: number(5)},
			`(select sum(t1."total" * 100)::double precision / (count(t1."total") * 100::numeric)::double precision from "orders" as t1 where t1."customer_id" = t0."id") > $1`, "5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := sqlgen.Printer{Dialect: sqlgen.Postgres{}, Names: sqlgen.Compile(s)}
			p.Where(test.where, p.NewAlias())
			if diff := cmp.Diff(test.want, string(p.SQL)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var args []string
			for _, a := range p.Args {
				args = append(args, a.String())
			}
			if got := strings.Join(args, " "); got != test.args {
				t.Errorf("args %s, want %s", got, test.args)
			}
		})
	}
}

// TestListInList: the operand of a list may be a fold over rows that are in another list.
func TestListInList(t *testing.T) {
	s := shop()
	customer, order := s.Class("customer"), s.Class("order")
	customer.Field("revenue").Computed.Where = schema.In{X: path(order, "id"), List: []schema.Operand{number(1), number(2), number(3)}}
	for want, d := range map[string]sqlgen.Dialect{"1 2 3 3 700 800 900 900": sqlgen.SQLite{}, "{1,2,3} {7.00,8.00,9.00}": sqlgen.Postgres{}} {
		p := sqlgen.Printer{Dialect: d, Names: sqlgen.Compile(s)}
		for range 2 {
			p.Reset()
			p.Where(schema.In{X: path(customer, "revenue"), List: []schema.Operand{number(7), number(8), number(9)}}, p.NewAlias())
			var args []string
			for _, a := range p.Args {
				args = append(args, a.String())
			}
			if got := strings.Join(args, " "); got != want {
				t.Errorf("args %s, want %s", got, want)
			}
		}
	}
}

func TestPostgresSelect(t *testing.T) {
	s := shop()
	customer := s.Class("customer")
	q := &storage.Query{
		Class:   customer,
		Tests:   []schema.Expr{schema.Const(true), schema.IsNull{X: path(customer, "age")}},
		Columns: []storage.Column{{Field: customer.Field("id")}, {Field: customer.Field("tags")}},
		Order:   []storage.Order{{By: path(customer, "level"), Desc: true}, {By: path(customer, "age"), Desc: true}, {By: path(customer, "id")}},
		Skip:    5, Limit: 10, More: true,
	}
	p := sqlgen.Printer{Dialect: sqlgen.Postgres{}, Names: sqlgen.Compile(s)}
	p.Select(q, nil, nil)
	columns := `t0."_version", (t0."age" is null) is true, t0."id", (select '[' || coalesce(string_agg(to_json(t1."name")::text, ',' order by t1."id"), '') || ']' ` +
		`from "customers_tags" as t2 join "tags" as t1 on t1."id" = t2."other_id" where t2."own_id" = t0."id")`
	want := `select ` + columns + ` from "customers" as t0 where t0."deleted_at" is null ` +
		`order by case t0."level" when 'low' then 0 when 'mid' then 1 when 'high' then 2 end desc, t0."age" desc nulls last, t0."id" limit 11 offset $1`
	if diff := cmp.Diff(want, string(p.SQL)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.Reset()
	p.Returning(q, p.NewAlias())
	if diff := cmp.Diff(columns, string(p.SQL)); diff != "" {
		t.Errorf("returning (-want +got):\n%s", diff)
	}
}

func TestExpansion(t *testing.T) {
	s := shop()
	order, customer, tag := s.Class("order"), s.Class("customer"), s.Class("tag")
	q := &storage.Query{
		Class: order, Limit: 20, More: true, Most: 1000,
		Where: schema.Compare{Op: schema.Gt, Left: path(order, "total"), Right: number(5)},
		Order: []storage.Order{{By: path(order, "total"), Desc: true}, {By: path(order, "id")}},
		Expand: []storage.Expand{{Rel: order.Relation("customer"), Query: storage.Query{
			Class: customer, Limit: -1, Columns: []storage.Column{{Field: customer.Field("name")}},
			Expand: []storage.Expand{{Rel: customer.Relation("tags"), Query: storage.Query{
				Class: tag, Limit: 3, Order: []storage.Order{{By: path(tag, "name")}}, Tests: []schema.Expr{schema.Const(true), schema.IsNull{X: path(tag, "id")}}}}},
		}}},
	}
	page := `(select row_number() over (order by o0 desc, o1) as n, * from (select t0."customer_id" as k, t0."total" as o0, t0."id" as o1 ` +
		`from "orders" as t0 where t0."total" > $1 order by o0 desc, o1 limit 20) as s) as k0`
	for _, test := range []struct {
		path []int
		want string
	}{
		{[]int{0}, `select k0.n, k1.c0, k1.c1 from ` + page + ` cross join lateral (select t1."_version", t1."name" ` +
			`from "customers" as t1 where t1."id" = k0.k and t1."deleted_at" is null) as k1(c0,c1) limit 1001`},
		{[]int{0, 0}, `select k0.n, k1.n, k2.c0, k2.c1 from ` + page + ` cross join lateral (select 1::bigint as n, t1."id" as k ` +
			`from "customers" as t1 where t1."id" = k0.k and t1."deleted_at" is null offset 0) as k1 ` +
			`cross join lateral (select t2."_version", (t2."id" is null) is true from "customers_tags" as t3 join "tags" as t2 on t2."id" = t3."other_id" ` +
			`where t3."own_id" = k1.k order by t2."name" limit 3) as k2(c0,c1) limit 1001`},
	} {
		p := sqlgen.Printer{Dialect: sqlgen.Postgres{}, Names: sqlgen.Compile(s)}
		p.Expansion(q, test.path)
		if diff := cmp.Diff(test.want, string(p.SQL)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.path, diff)
		}
	}
}

func TestArray(t *testing.T) {
	got := sqlgen.Array([]schema.Value{schema.NewText(`a"b\c,{}`), schema.NewText("null"), {}, schema.NewBool(true), schema.NewDecimal(-125, 2), schema.NewFloat(1e300)}).Text()
	if want := `{"a\"b\\c,{}","null",null,true,-1.25,1e+300}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestQuote(t *testing.T) {
	if got := sqlgen.Quote(`a"b`); got != `"a""b"` {
		t.Error(got)
	}
}

// BenchmarkPrint prints what the hot paths do: a list of ten columns with three
// conditions and an order, and an expansion of it two relations deep.
func BenchmarkPrint(b *testing.B) {
	s := shop()
	c := s.Class("customer")
	orders := storage.Query{Class: s.Class("order"), Limit: 10, Order: []storage.Order{{By: path(s.Class("order"), "id"), Desc: true}}}
	for _, f := range s.Class("order").Fields {
		orders.Columns = append(orders.Columns, storage.Column{Field: f})
	}
	q := &storage.Query{Class: c, Limit: 20, Most: 1000,
		Where: schema.And{
			schema.Compare{Op: schema.Eq, Left: path(c, "name"), Right: text("x")},
			schema.In{X: path(c, "level"), List: []schema.Operand{text("low"), text("mid")}},
			schema.Compare{Op: schema.Gt, Left: path(c, "age"), Right: number(5)}},
		Order:  []storage.Order{{By: path(c, "age"), Desc: true}, {By: path(c, "id"), Desc: true}},
		Expand: []storage.Expand{{Rel: c.Relation("orders"), Query: orders}}}
	for range 2 { // ten columns
		for _, f := range c.Fields[:5] {
			q.Columns = append(q.Columns, storage.Column{Field: f})
		}
	}
	for _, d := range []struct {
		name    string
		dialect sqlgen.Dialect
	}{{"sqlite", sqlgen.SQLite{}}, {"postgres", sqlgen.Postgres{}}} {
		p := sqlgen.Printer{Dialect: d.dialect, Names: sqlgen.Compile(s)}
		b.Run(d.name+"/select", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Reset()
				p.Select(q, nil, nil)
			}
		})
	}
	p := sqlgen.Printer{Dialect: sqlgen.Postgres{}, Names: sqlgen.Compile(s)}
	b.Run("postgres/expansion", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Reset()
			p.Expansion(q, []int{0})
		}
	})
}
