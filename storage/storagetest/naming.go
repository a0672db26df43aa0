package storagetest

import (
	"fmt"

	"github.com/dowel-dev/dowel/schema"
)

// reserved uses words of SQL, and likely names of a store's own columns, for its own.
func reserved() *schema.Schema {
	words := []string{"from", "order", "group", "where", "limit", "primary", "null", "true", "default", "index", "key", "value", "check",
		"version", "row_version", "rowid", "oid", "ctid", "xmin", "rank", "total", "t", "t0", "v", "k", "deleted", "data", "json", "count"}
	var parts []Part
	for _, w := range words {
		parts = append(parts, Of("string", w, Optional))
	}
	return Schema(
		Class("select", append(parts, UniqueTogether("order", "group"), Ref("table", "select", "tables", SetNull), Many("union", "table", "values", "joins"),
			Computed("sum", "count", "tables", "", nil))...),
		Class("table", Text("values", Unique), Ref("select", "select", "into", Cascade, Optional)),
		Class("value", SoftDelete, Text("row"), Check("constraint", Is("row", "!=", "no"))),
	)
}

func naming() chapter {
	return chapter{name: "names", schema: reserved, rows: func(f *fixture) {
		f.do(f.insert("table", "values", "a"))
		f.do(f.insert("select", "from", "x", "order", "o", "group", "g", "version", "v1", "rowid", "r1", "oid", "o1", "count", "c").linked("union", 1))
		f.do(f.insert("select", "from", "y", "table", 1))
	}, promises: []promise{
		{"may be any word", func(f *fixture) {
			f.want(f.read("select", "from order group version rowid oid count table union sum", order("-from"),
				where(Or(Is("order", "=", "o"), Is("table.rowid", "=", "r1"))), expand("tables", "from"), expand("union", "values")),
				`y - - - - - - 1 [] 0 [] []`, `x o g v1 r1 o1 c - ["a"] 1 [y] [a]`)
		}},
		{"may be any word in writes", func(f *fixture) {
			f.do(f.update("select", 1, "rowid", "r2", "version", "v2", "ctid", "9").ifVersion(f.version("select", 1)))
			f.want(f.read("select", "id rowid version ctid", page(0, 1)), "1 r2 v2 9")
			f.wantError(f.try(f.insert("select", "order", "o", "group", "g")), f.unique("select", "order", "group"))
			f.do(f.insert("value", "row", "yes"), f.softDelete("value", 1))
			f.wantError(f.try(f.insert("value", "row", "no")), f.check("value", "constraint"))
			f.do(f.insert("table", "values", "b", "select", 1), f.delete("select", 1))
			f.want(f.read("table", "values"), "a")
		}},
	}}
}

func limits() chapter {
	return stocked("sizes",
		promise{"in may have a thousand values", func(f *fixture) {
			xs := make([]any, 1000)
			for i := range xs {
				xs[i] = i + 2
			}
			ids(f, "customer", In("id", xs...), "2 3 5")
		}},
		promise{"conditions may be a hundred wide", func(f *fixture) {
			var xs []Cond
			for i := range 100 {
				xs = append(xs, Is("name", "!=", fmt.Sprint("n", i)))
			}
			ids(f, "customer", And(xs...), "1 2 3 5")
			ids(f, "customer", Not(Or(xs...)), "")
		}},
		promise{"conditions may be thirty deep", func(f *fixture) {
			c := Is("vip", "=", true)
			for i := range 30 {
				c = Not(And(Or(c, None), Is("id", "<", 100+i)))
			}
			ids(f, "customer", c, "1 5")
		}},
		promise{"there may be eight sort keys", func(f *fixture) {
			f.want(f.read("customer", "id", order("-vip", "status", "score", "-rating", "credit", "born", "-seen", "org.name", "name")), "5", "1", "2", "3")
		}},
		promise{"a page may have a thousand rows with their expansions", func(f *fixture) {
			var cs []*change
			for i := range 1000 {
				cs = append(cs, f.insert("tag", "name", fmt.Sprint("t", i)))
			}
			f.do(cs...)
			rows := f.page(f.query("tag", "name", page(0, 1000), expand("customers", "name", expand("orders", "number")))).Rows
			if len(rows) != 1000 || len(rows[0].Expanded[0]) != 1 || len(rows[0].Expanded[0][0].Expanded[0]) != 2 || len(rows[999].Expanded[0]) != 0 {
				f.t.Errorf("%d rows", len(rows))
			}
		}},
		promise{"a set may have a thousand links", func(f *fixture) {
			var cs []*change
			var keys []any
			for i := range 1000 {
				cs = append(cs, f.insert("tag", "id", i+10, "name", fmt.Sprint("t", i)))
				keys = append(keys, i+10)
			}
			f.do(cs...)
			f.do(f.update("customer", 1).linked("tags", keys...))
			f.want(f.read("customer", "tags_count", byKey(f, "customer", 1)), "1000")
			ids(f, "customer", Has("tags", schema.NewText("t999")), "1")
		}},
	)
}
