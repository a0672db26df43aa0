package sqlgen_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

func TestPlace(t *testing.T) {
	s := shop()
	customer := s.Class("customer")
	by := func(name string, desc bool) storage.Order {
		return storage.Order{By: path(customer, name), Desc: desc}
	}
	for _, test := range []struct {
		name  string
		order []storage.Order
		from  storage.Place
		want  string
	}{
		{"one key", []storage.Order{by("id", false)}, storage.Place{Values: []schema.Value{schema.NewInt(7)}},
			`where t0."id" > $1 order by t0."id"`},
		{"keys of one direction", []storage.Order{by("name", true), by("id", true)}, storage.Place{Values: []schema.Value{schema.NewText("a"), schema.NewInt(7)}},
			`where (t0."name", t0."id") < ($1, $2) order by t0."name" desc, t0."id" desc`},
		{"back", []storage.Order{by("name", true), by("id", true)}, storage.Place{Back: true, Values: []schema.Value{schema.NewText("a"), schema.NewInt(7)}},
			`where (t0."name", t0."id") > ($1, $2) order by t0."name", t0."id"`},
		{"keys of two directions", []storage.Order{by("name", true), by("id", false)}, storage.Place{Values: []schema.Value{schema.NewText("a"), schema.NewInt(7)}},
			`where (t0."name" <= $1 and (t0."name" < $2 or t0."id" > $3)) order by t0."name" desc, t0."id"`},
		{"a key that may be null", []storage.Order{by("age", true), by("id", false)}, storage.Place{Values: []schema.Value{schema.NewInt(9), schema.NewInt(7)}},
			`where ((t0."age" <= $1 or t0."age" is null) and ((t0."age" < $2 or t0."age" is null) or t0."id" > $3)) order by t0."age" desc nulls last, t0."id"`},
		{"back from it", []storage.Order{by("age", true), by("id", false)}, storage.Place{Back: true, Values: []schema.Value{schema.NewInt(9), schema.NewInt(7)}},
			`where (t0."age" >= $1 and (t0."age" > $2 or t0."id" < $3)) order by t0."age" nulls first, t0."id" desc`},
		{"behind a null", []storage.Order{by("age", false), by("id", false)}, storage.Place{Values: []schema.Value{{}, schema.NewInt(7)}},
			`where (t0."age" is null and (false or t0."id" > $1)) order by t0."age", t0."id"`},
		{"before a null", []storage.Order{by("age", false), by("id", false)}, storage.Place{Back: true, Values: []schema.Value{{}, schema.NewInt(7)}},
			`where (true and (t0."age" is not null or t0."id" < $1)) order by t0."age" desc, t0."id" desc`},
		{"an enum", []storage.Order{by("level", false), by("id", false)}, storage.Place{Values: []schema.Value{schema.NewText("mid"), schema.NewInt(7)}},
			`where (case t0."level" when 'low' then 0 when 'mid' then 1 when 'high' then 2 end`},
		{"the end", []storage.Order{by("id", false)}, storage.Place{Back: true},
			`order by t0."id" desc`},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := sqlgen.Printer{Dialect: sqlgen.Postgres{}, Names: sqlgen.Compile(s)}
			p.Select(&storage.Query{Class: customer, Limit: -1, Deleted: storage.WithDeleted, Order: test.order, From: &test.from}, nil, nil)
			_, got, _ := strings.Cut(string(p.SQL), `"customers" as t0 `)
			if test.name == "an enum" {
				got = got[:min(len(got), len(test.want))]
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	s := shop()
	order := s.Class("order")
	sum := &storage.Summary{
		Class: order, Where: schema.IsNull{X: path(order, "total")},
		Group:    []storage.Group{{By: path(order, "customer.name")}},
		Measures: []storage.Measure{{}, {Func: storage.Sum, Of: path(order, "total")}},
	}
	c := sum.Rows([]string{"customer.name", "count", "total_sum"})
	member := func(i int) *schema.Path { return &schema.Path{Field: c.Fields[i], Type: c.Fields[i].Type} }
	q := &storage.Query{
		Class: c, Summary: sum, Limit: 3, Columns: []storage.Column{{Field: c.Fields[0]}, {Field: c.Fields[2]}},
		Where: schema.Compare{Op: schema.Gt, Left: member(1), Right: number(5)},
		Order: []storage.Order{{By: member(2), Desc: true}, {By: member(0)}},
	}
	p := sqlgen.Printer{Dialect: sqlgen.Postgres{}, Names: sqlgen.Compile(s)}
	p.Select(q, nil, nil)
	want := `select t0."_version", t0."c0", t0."c2" from (select 0 as "_version", ` +
		`(select t2."name" from "customers" as t2 where t2."id" = t1."customer_id" and t2."deleted_at" is null limit 1) as "c0", ` +
		`count(*) as "c1", sum(t1."total")::numeric(19,2) as "c2" from "orders" as t1 where t1."total" is null group by 2) as t0 ` +
		`where t0."c1" > $1 order by t0."c2" desc nulls last, t0."c0" limit 3`
	if diff := cmp.Diff(want, string(p.SQL)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
