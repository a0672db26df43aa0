package storagetest

import (
	"fmt"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

func reading() chapter {
	return stocked("reading",
		promise{"a query without conditions finds every row", func(f *fixture) {
			f.want(f.read("customer", "id name"), "1 Ann", "2 bob", "3 Cid", "5 Émile")
		}},
		promise{"no rows are no error", func(f *fixture) {
			f.want(f.read("customer", "id", where(None)))
			f.want(f.read("customer", "id", where(Is("name", "=", "nobody"))))
		}},
		promise{"a key finds the one row", func(f *fixture) {
			f.want(f.read("customer", "name", byKey(f, "customer", 2)), "bob")
		}},
		promise{"a key without a row finds none", func(f *fixture) {
			f.want(f.read("customer", "name", byKey(f, "customer", 77)))
		}},
		promise{"a key is joined with the condition", func(f *fixture) {
			f.want(f.read("customer", "name", byKey(f, "customer", 2), where(Is("name", "=", "Ann"))))
		}},
		promise{"fields that are not asked for stay null", func(f *fixture) {
			q := f.query("customer", "name", page(0, 1))
			row := f.page(q).Rows[0]
			if len(row.Values) != len(q.Class.Fields) {
				f.t.Fatalf("%d slots for %d fields", len(row.Values), len(q.Class.Fields))
			}
			for i, v := range row.Values {
				if asked := q.Class.Fields[i].Name == "name"; asked == v.IsNull() {
					f.t.Errorf("%s is %q", q.Class.Fields[i].Name, v)
				}
			}
		}},
		promise{"without columns a row has its version and tests", func(f *fixture) {
			rows := f.page(f.query("customer", "", test(Is("name", "=", "Ann")))).Rows
			if len(rows) != 4 || rows[0].Version == 0 || rows[0].Tests != 1 || rows[1].Tests != 0 {
				f.t.Errorf("got %+v", rows)
			}
		}},
		promise{"skip and limit cut a page out", func(f *fixture) {
			f.want(f.read("customer", "id", page(0, 2)), "1", "2")
			f.want(f.read("customer", "id", page(1, 2)), "2", "3")
			f.want(f.read("customer", "id", page(3, 2)), "5")
		}},
		promise{"skipping past the end leaves nothing", func(f *fixture) {
			f.want(f.read("customer", "id", page(4, 10)))
			f.want(f.read("customer", "id", page(1000, -1)))
		}},
		promise{"a page tells whether rows follow it", func(f *fixture) {
			for limit, want := range map[int]bool{2: true, 3: true, 4: false, 5: false} {
				q := f.query("customer", "name", page(0, limit))
				q.More = true
				p := f.page(q)
				if p.More != want || len(p.Rows) != min(limit, 4) {
					f.t.Errorf("limit %d of 4: %d rows, more %t", limit, len(p.Rows), p.More)
				}
			}
		}},
		promise{"limit 0 is an empty page", func(f *fixture) {
			p := f.page(f.query("customer", "id", page(0, 0), total))
			if len(p.Rows) != 0 || p.Total != 4 {
				f.t.Errorf("%d rows, total %d", len(p.Rows), p.Total)
			}
		}},
		promise{"a negative limit is all that is left", func(f *fixture) {
			f.want(f.read("customer", "id", page(2, -1)), "3", "5")
		}},
		promise{"the total counts without skip and limit", func(f *fixture) {
			p := f.page(f.query("customer", "id", page(1, 1), total))
			if len(p.Rows) != 1 || p.Total != 4 {
				f.t.Errorf("%d rows, total %d", len(p.Rows), p.Total)
			}
		}},
		promise{"the total counts what the condition and the deleted mode leave", func(f *fixture) {
			if p := f.page(f.query("customer", "id", where(Is("status", "=", "active")), page(5, 1), total)); p.Total != 2 {
				f.t.Errorf("total %d", p.Total)
			}
			if p := f.page(f.query("customer", "id", among(storage.WithDeleted), page(0, 1), total)); p.Total != 5 {
				f.t.Errorf("total with deleted rows %d", p.Total)
			}
		}},
		promise{"an estimate of few rows is exact", func(f *fixture) {
			for _, limit := range []int{-1, 0, 1, 9} {
				q := f.query("customer", "id", page(0, limit), total)
				q.Rough = true
				if p := f.page(q); p.Total != 4 || p.Rough {
					f.t.Errorf("limit %d: total %d, rough %t", limit, p.Total, p.Rough)
				}
			}
		}},
		promise{"the total is 0 when not asked for", func(f *fixture) {
			if p := f.page(f.query("customer", "id")); p.Total != 0 {
				f.t.Errorf("total %d", p.Total)
			}
		}},
		promise{"tests are bits of each row", func(f *fixture) {
			rows := f.page(f.query("customer", "id", test(Is("vip", "=", true), Null("org"), Is("score", ">", 1)))).Rows
			got := []string{}
			for _, r := range rows {
				got = append(got, fmt.Sprint(r.Test(0), r.Test(1), r.Test(2)))
			}
			f.want(got, "true false true", "false false false", "false true false", "true true false")
		}},
		promise{"there may be 64 tests", func(f *fixture) {
			tests := make([]Cond, 64)
			for i := range tests {
				tests[i] = None
			}
			tests[0], tests[31], tests[32], tests[63] = All, All, Is("name", "=", "Ann"), Is("name", "=", "bob")
			rows := f.page(f.query("customer", "", test(tests...))).Rows
			if got, want := rows[0].Tests, uint64(1|1<<31|1<<32); got != want {
				f.t.Errorf("Ann: %b", got)
			}
			if got, want := rows[1].Tests, uint64(1|1<<31|1<<63); got != want {
				f.t.Errorf("bob: %b", got)
			}
		}},
		promise{"watched counters come in the order asked for", func(f *fixture) {
			classes := []*schema.Class{f.class("tag"), f.class("customer"), f.class("profile")}
			p := f.page(f.query("customer", "id", func(q *storage.Query) { q.Watch = classes }))
			f.want([]string{fmt.Sprint(p.Counters)}, fmt.Sprint(f.counters(classes)))
		}},
		promise{"rows given out belong to the caller", func(f *fixture) {
			q := f.query("customer", "name")
			f.page(q).Rows[0].Values[f.field("customer", "name").Index] = schema.NewText("changed")
			f.want(f.read("customer", "name", page(0, 1)), "Ann")
		}},
		promise{"a reference reads as the key of its target", func(f *fixture) {
			f.want(f.read("order", "number customer"), "A-1 1", "A-2 1", "A-3 2", "A-5 4")
		}},
		promise{"conditions and columns are independent", func(f *fixture) {
			f.want(f.read("customer", "id", where(Is("name", "=", "Cid")), order("-credit")), "3")
		}},
	)
}

func byKey(f *fixture, class string, parts ...any) mod {
	return func(q *storage.Query) { q.Key = f.key(class, parts...) }
}
