package storagetest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

func summing() chapter {
	// sum reads a summary: `status seen:month | count sum:total`, then what mods change.
	is := func(want []string, class, words string, mods ...mod) func(f *fixture) {
		return func(f *fixture) {
			f.t.Helper()
			f.want(f.sum(class, words, mods...), want...)
		}
	}
	lines := func(all ...string) []string { return all }
	return stocked("summing",
		promise{"rows are counted", is(lines("4"), "customer", "| count")},
		promise{"soft-deleted rows are not counted", is(lines("A-1 1", "A-2 1", "A-3 1", "A-5 1"), "order", "number | count")},
		promise{"unless they are asked for", is(lines("5"), "customer", "| count", deletedToo)},
		promise{"a condition comes before the groups", is(lines("active 2"), "customer", "status | count", summed(Is("status", "=", "active")))},
		promise{"no rows are one empty sum", is(lines("0 0 0 - - - -"), "customer", "| count count:score distinct:score sum:score avg:score min:score max:name", summed(None))},
		promise{"no rows are no groups", is(nil, "customer", "status | count", summed(None))},
		promise{"a group is of the same value, nulls too", is(lines("true 2", "false 1", "- 1"), "customer", "vip | count", sorted("-0"))},
		promise{"groups of several members", is(lines("lead false 1", "active true 2", "gone - 1"), "customer", "status vip | count")},
		promise{"a count of a field leaves nulls out", is(lines("4 3 2 2"), "customer", "| count count:score count:org count:langs")},
		promise{"different values are counted once", is(lines("2 3 3"), "customer", "| distinct:org.name distinct:score distinct:status")},
		promise{"sums are exact", is(lines("9.25 2 3.5"), "customer", "| sum:credit sum:score sum:rating")},
		promise{"sums of a group without values are null", is(lines("lead 2.00", "active 7.25", "gone -"), "customer", "status | sum:credit")},
		promise{"an average of decimals has four digits more, rounded", is(lines("3.083333"), "customer", "| avg:credit")},
		promise{"an average of numbers is a float", is(lines("0.6666666666666666 1.1666666666666667"), "customer", "| avg:score avg:rating")},
		promise{"halves are rounded away from zero", func(f *fixture) {
			for _, sign := range []string{"", "-"} { // ±0.01 / 32 = ±0.0003125
				f.do(f.insert("order", "number", sign+"half", "customer", 3, "total", sign+"0.01"))
				for i := range 31 {
					f.do(f.insert("order", "number", fmt.Sprint(sign, "half", i), "customer", 3, "total", "0.00"))
				}
				f.want(f.sum("order", "| avg:total", summed(Like("number", sign+"half*"))), sign+"0.000313")
			}
		}},
		promise{"least and greatest of every kind", is(lines("-2 3 -3.25 10.50 -0.5 2.5 false true 1985-06-01 1990-01-31 2025-12-31T23:59:59.500000Z 2026-01-01T00:00:00.000000Z Ann Émile"),
			"customer", "| min:score max:score min:credit max:credit min:rating max:rating min:vip max:vip min:born max:born min:seen max:seen min:name max:name")},
		promise{"groups over a reference", is(lines("Acme 1 10.50", "Beta 1 2.00", "- 2 -3.25"), "customer", "org.name | count sum:credit")},
		promise{"measures over a reference", is(lines("draft 10.50", "placed 10.50", "shipped 2.00"), "order", "status | sum:customer.credit")},
		promise{"a guarded step hides the value", func(f *fixture) {
			f.want(f.sum("customer", "org.name | count", func(q *storage.Query) {
				q.Summary.Group[0].By.Steps[0].Guard = Is("name", "!=", "Acme")(f.class("org"))
			}), "Beta 1", "- 3")
		}},
		promise{"groups and measures of computed fields", is(lines("0 2 -", "1 1 -", "2 1 10.00"), "customer", "orders_count | count max:best")},
		promise{"groups by a member of an object", is(lines("01234 1", "- 3"), "customer", "address.zip | count")},
		promise{"times are grouped by parts of the calendar", func(f *fixture) {
			for part, want := range map[string]string{
				"year":    "2025-01-01 1, 2026-01-01 1, - 2",
				"quarter": "2025-10-01 1, 2026-01-01 1, - 2",
				"month":   "2025-12-01 1, 2026-01-01 1, - 2",
				"week":    "2025-12-29 2, - 2",
				"day":     "2025-12-31 1, 2026-01-01 1, - 2",
				"hour":    "2025-12-31T23:00:00.000000Z 1, 2026-01-01T00:00:00.000000Z 1, - 2",
			} {
				if got := strings.Join(f.sum("customer", "seen:"+part+" | count"), ", "); got != want {
					f.t.Errorf("%s: %s, want %s", part, got, want)
				}
			}
		}},
		promise{"dates are grouped by parts of the calendar", func(f *fixture) {
			for _, day := range []string{"0001-01-01", "9999-12-31", "2024-02-29", "2023-11-05", "2023-11-06", "2020-07-01"} {
				f.do(f.insert("customer", "name", "day", "born", day))
			}
			for part, want := range map[string]string{
				"year":    "0001-01-01 2020-01-01 2023-01-01 2024-01-01 9999-01-01",
				"quarter": "0001-01-01 2020-07-01 2023-10-01 2024-01-01 9999-10-01",
				"month":   "0001-01-01 2020-07-01 2023-11-01 2024-02-01 9999-12-01",
				"week":    "0001-01-01 2020-06-29 2023-10-30 2023-11-06 2024-02-26 9999-12-27",
				"day":     "0001-01-01 2020-07-01 2023-11-05 2023-11-06 2024-02-29 9999-12-31",
			} {
				if got := strings.Join(f.sum("customer", "born:"+part+" |", summed(Is("name", "=", "day"))), " "); got != want {
					f.t.Errorf("%s: %s, want %s", part, got, want)
				}
			}
		}},
		promise{"groups are sorted by measures", is(lines("active 2", "lead 1", "gone 1"), "customer", "status | count", sorted("-1", "0"))},
		promise{"groups are sorted with nulls last", is(lines("Beta 2.00", "Acme 10.50", "- -3.25"), "customer", "org.name | sum:credit", sorted("-0"))},
		promise{"groups by an enum come as declared", is(lines("lead", "active", "gone"), "customer", "status |")},
		promise{"groups are chosen by measures", is(lines("active 2 7.25"), "customer", "status | count sum:credit", having(1, schema.Gt, schema.NewInt(1)))},
		promise{"a measure that is null is chosen by nothing", is(lines("lead 2.00", "active 7.25"), "customer", "status | sum:credit", having(1, schema.Gt, schema.NewDecimal(-10000, 2)))},
		promise{"a page of groups, their number, and whether there are more", func(f *fixture) {
			q := f.summary("customer", "status | count", page(1, 1), total)
			q.More = true
			p := f.page(q)
			if f.want(show(q, p.Rows), "active 2"); p.Total != 3 || !p.More {
				f.t.Errorf("total %d, more %t", p.Total, p.More)
			}
		}},
		promise{"counters belong to the groups", func(f *fixture) {
			q := f.summary("customer", "| count")
			q.Watch = []*schema.Class{f.class("customer"), f.class("tag")}
			if p := f.page(q); len(p.Counters) != 2 {
				f.t.Errorf("counters %v", p.Counters)
			}
		}},
		promise{"a transaction sums up what it wrote", func(f *fixture) {
			err := f.store.Write(f.ctx, func(tx storage.Tx) error {
				if _, err := tx.Apply(f.ctx, &f.insert("tag", "name", "new", "weight", 5).Change); err != nil {
					return err
				}
				q := f.summary("tag", "| count sum:weight")
				p, err := tx.Read(f.ctx, q)
				if err != nil {
					return err
				}
				f.want(show(q, p.Rows), "4 8")
				return nil
			})
			f.wantError(err, nil)
		}},
		promise{"a sum that no number holds is an error", func(f *fixture) {
			for i := range 10 {
				f.do(f.insert("order", "number", fmt.Sprint("X-", i), "customer", 1, "total", "9999999999999999.99"))
			}
			_, err := f.store.Read(f.ctx, f.summary("order", "| sum:total", summed(Like("number", "X-*"))))
			f.wantError(err, storage.ErrTooLarge)
			_, err = f.store.Read(f.ctx, f.summary("order", "| avg:total", summed(Is("number", "=", "X-1"))))
			f.wantError(err, storage.ErrTooLarge)
		}},
		promise{"more groups than may be read are an error", func(f *fixture) {
			q := f.summary("customer", "name |")
			q.Most = 2
			if _, err := f.store.Read(f.ctx, q); !errors.Is(err, storage.ErrTooManyRows) {
				f.t.Errorf("error %v", err)
			}
		}},
	)
}

var partNames = []string{"", "year", "quarter", "month", "week", "day", "hour"}
var funcNames = []string{"count", "distinct", "sum", "avg", "min", "max"}

// summary makes a query of words: what rows are grouped by | what is measured.
func (f *fixture) summary(class, words string, mods ...mod) *storage.Query {
	f.t.Helper()
	s := &storage.Summary{Class: f.class(class)}
	groups, measures, _ := strings.Cut(words, "|")
	for _, word := range strings.Fields(groups) {
		by, part, _ := strings.Cut(word, ":")
		s.Group = append(s.Group, storage.Group{By: Path(s.Class, by), Part: storage.Part(index(partNames, part))})
	}
	for _, word := range strings.Fields(measures) {
		fn, of, found := strings.Cut(word, ":")
		m := storage.Measure{Func: storage.Func(index(funcNames, fn))}
		if found {
			m.Of = Path(s.Class, of)
		}
		s.Measures = append(s.Measures, m)
	}
	names := make([]string, len(s.Group)+len(s.Measures))
	for i := range names {
		names[i] = string(rune('a' + i))
	}
	c := s.Rows(names)
	q := &storage.Query{Class: c, Summary: s, Limit: -1}
	for i, field := range c.Fields {
		q.Columns = append(q.Columns, storage.Column{Field: field})
		if i < len(s.Group) {
			q.Order = append(q.Order, storage.Order{By: &schema.Path{Field: field, Type: field.Type}})
		}
	}
	for _, m := range mods {
		m(q)
	}
	return q
}

func index(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	panic("storagetest: no " + name)
}

// sum shows the groups of a summary.
func (f *fixture) sum(class, words string, mods ...mod) []string {
	f.t.Helper()
	q := f.summary(class, words, mods...)
	return show(q, f.page(q).Rows)
}

// summed chooses the rows that are summed up.
func summed(cond Cond) mod {
	return func(q *storage.Query) { q.Summary.Where = cond(q.Summary.Class) }
}

func deletedToo(q *storage.Query) { q.Summary.Deleted = storage.WithDeleted }

// sorted sorts groups by the places of their members, a leading - is descending.
func sorted(places ...string) mod {
	return func(q *storage.Query) {
		q.Order = nil
		for _, p := range places {
			field := q.Class.Fields[p[len(p)-1]-'0']
			q.Order = append(q.Order, storage.Order{By: &schema.Path{Field: field, Type: field.Type}, Desc: p[0] == '-'})
		}
	}
}

// having chooses groups by one of their members.
func having(place int, op schema.Op, v schema.Value) mod {
	return func(q *storage.Query) {
		field := q.Class.Fields[place]
		q.Where = schema.Compare{Op: op, Left: &schema.Path{Field: field, Type: field.Type}, Right: schema.Lit{Value: v}}
	}
}
