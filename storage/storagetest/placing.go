package storagetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// orders are the ways to sort that the chapters about places try: every kind of key, nulls, paths.
var orders = []string{
	"", "name", "-name", "score", "-score", "credit", "-credit", "rating", "-rating", "vip", "-vip", "status", "-status",
	"born", "-seen", "seen", "org.name", "-org.name", "sponsor", "-sponsor.name", "orders_count", "-best", "mean", "-address.street", "address.zip",
	"vip -score", "-vip status name", "-score -id", "org.name -seen", "-id", "-sponsor credit -status", "email", "-revenue",
}

func placing() chapter {
	every := func(holds func(f *fixture, keys []string)) func(f *fixture) {
		return func(f *fixture) {
			for _, keys := range orders {
				holds(f, strings.Fields(keys))
			}
		}
	}
	return stocked("placing",
		promise{"paths are read behind the fields", func(f *fixture) {
			q := f.query("customer", "name", order("id"), alsoRead("org.name", "sponsor.name", "credit", "address.street", "orders_count", "seen", "org.id"))
			var got []string
			for _, r := range f.page(q).Rows {
				var words []string
				for _, v := range r.Values[len(q.Class.Fields):] {
					words = append(words, shown(v))
				}
				got = append(got, strings.Join(words, " "))
			}
			f.want(got, "Acme - 10.50 Elm 1 2 2026-01-01T00:00:00.000000Z 1", "Beta Ann 2.00 Oak 2 1 2025-12-31T23:59:59.500000Z 2", "- Ann - - 0 - -", "- - -3.25 - 0 - -")
		}},
		promise{"paths are read beside expansions", func(f *fixture) {
			q := f.query("customer", "name", order("id"), alsoRead("org.name", "sponsor.id"), expand("orders", "number"), expand("sponsor", "name"), page(0, 2))
			got := []string{}
			for i, r := range f.page(q).Rows {
				got = append(got, fmt.Sprint(show(q, f.page(q).Rows)[i], " ", shown(r.Values[len(q.Class.Fields)]), " ", len(r.Values)-len(q.Class.Fields)))
			}
			f.want(got, "Ann [A-1, A-2] [] Acme 2", "bob [A-3] [Ann] Beta 2")
		}},
		promise{"behind every row come those that come behind it", every(func(f *fixture, keys []string) {
			all := f.placed(keys, nil, -1)
			for i := range all {
				f.same(keys, "behind", all[i+1:], f.placed(keys, &storage.Place{Values: all[i].values}, -1))
			}
		})},
		promise{"before every row come those that come before it", every(func(f *fixture, keys []string) {
			all := f.placed(keys, nil, -1)
			for i := range all {
				f.same(keys, "before", all[:i], f.placed(keys, &storage.Place{Values: all[i].values, Back: true}, -1))
			}
		})},
		promise{"pages forth and back are the list", every(func(f *fixture, keys []string) {
			all := f.placed(keys, nil, -1)
			var forth, back []placedRow
			for at := (*storage.Place)(nil); ; {
				rows := f.placed(keys, at, 2)
				if len(rows) == 0 {
					break
				}
				forth = append(forth, rows...)
				at = &storage.Place{Values: rows[len(rows)-1].values}
			}
			for at := (&storage.Place{Back: true}); ; {
				rows := f.placed(keys, at, 3)
				if len(rows) == 0 {
					break
				}
				back = append(slices.Clone(rows), back...)
				at = &storage.Place{Values: rows[0].values, Back: true}
			}
			f.same(keys, "forth", all, forth)
			f.same(keys, "back", all, back)
		})},
		promise{"a page tells whether rows are beyond it", func(f *fixture) {
			for _, back := range []bool{false, true} {
				for limit, want := range map[int]bool{1: true, 2: true, 3: false, 4: false} {
					q := f.query("customer", "id", order("name"), alsoRead("name"), page(0, limit))
					q.More = true
					q.From = &storage.Place{Values: []schema.Value{schema.NewText("Ann"), schema.NewInt(1)}}
					if back {
						q.From = &storage.Place{Values: []schema.Value{schema.NewText("Émile"), schema.NewInt(5)}, Back: true}
					}
					if p := f.page(q); p.More != want || len(p.Rows) != min(limit, 3) {
						f.t.Errorf("back %t, limit %d: %d rows, more %t", back, limit, len(p.Rows), p.More)
					}
				}
			}
		}},
		promise{"a place need not be at a row", func(f *fixture) {
			from := func(name string, back bool) mod {
				return func(q *storage.Query) {
					q.From = &storage.Place{Values: []schema.Value{schema.NewText(name), schema.NewInt(3)}, Back: back}
				}
			}
			f.want(f.read("customer", "name", order("name"), from("Bert", false)), "Cid", "bob", "Émile")
			f.want(f.read("customer", "name", order("name"), from("Bert", true)), "Ann")
			f.want(f.read("customer", "name", order("name"), from("zzz", true)), "Ann", "Cid", "bob")
		}},
		promise{"a place says nothing of the total", func(f *fixture) {
			for _, limit := range []int{-1, 0, 1, 9} {
				q := f.query("customer", "id", order("name"), page(0, limit), total)
				q.From = &storage.Place{Values: []schema.Value{schema.NewText("Cid"), schema.NewInt(3)}}
				if p := f.page(q); p.Total != 4 {
					f.t.Errorf("limit %d: total %d", limit, p.Total)
				}
			}
		}},
		promise{"a place goes with conditions and the deleted mode", func(f *fixture) {
			from := func(q *storage.Query) {
				q.From = &storage.Place{Values: []schema.Value{schema.NewText("Ann"), schema.NewInt(1)}}
			}
			f.want(f.read("customer", "name", order("name"), from, where(Not(Is("name", "=", "Cid"))), among(storage.WithDeleted)), "Dee", "bob", "Émile")
		}},
		promise{"expansions belong to the rows of the page", func(f *fixture) {
			for _, back := range []bool{false, true} {
				place := &storage.Place{Values: []schema.Value{schema.NewText("Émile"), schema.NewInt(5)}}
				want := []string{"bob [A-3] []", "Cid [] []", "Ann [A-1, A-2] [nail, saw, nail]"}
				if back {
					place = &storage.Place{Values: []schema.Value{schema.NewText("Ann"), schema.NewInt(1)}, Back: true}
					want = []string{"Émile [] []", "bob [A-3] []", "Cid [] []"}
				}
				q := f.query("customer", "name", order("-name"), page(0, 3), expand("orders", "number", expand("lines", "product")))
				q.From, q.More = place, true
				var got []string
				for _, r := range f.page(q).Rows {
					var orders, lines []string
					for _, o := range r.Expanded[0] {
						orders = append(orders, o.Values[f.field("order", "number").Index].Text())
						for _, l := range o.Expanded[0] {
							lines = append(lines, l.Values[f.field("line", "product").Index].Text())
						}
					}
					got = append(got, fmt.Sprintf("%s [%s] [%s]", r.Values[f.field("customer", "name").Index], strings.Join(orders, ", "), strings.Join(lines, ", ")))
				}
				f.want(got, want...)
			}
		}},
		promise{"a guarded step is null at a place, too", func(f *fixture) {
			hide := func(q *storage.Query) {
				order("org.name")(q)
				q.Order[0].By.Steps[0].Guard = Is("name", "!=", "Acme")(f.class("org"))
				q.From = &storage.Place{Values: []schema.Value{{}, schema.NewInt(1)}}
			}
			f.want(f.read("customer", "id", hide), "3", "5")
		}},
	)
}

func alsoRead(texts ...string) mod {
	return func(q *storage.Query) {
		for _, text := range texts {
			q.Paths = append(q.Paths, Path(q.Class, text))
		}
	}
}

// placedRow is a row and what it is sorted by.
type placedRow struct {
	id     string
	values []schema.Value
}

// placed reads customers in an order from a place.
func (f *fixture) placed(keys []string, from *storage.Place, limit int) []placedRow {
	f.t.Helper()
	q := f.query("customer", "id", order(keys...), page(0, limit))
	q.From = from
	for _, o := range q.Order {
		q.Paths = append(q.Paths, o.By)
	}
	var rows []placedRow
	for _, r := range f.page(q).Rows {
		rows = append(rows, placedRow{r.Values[0].String(), r.Values[len(q.Class.Fields):]})
	}
	return rows
}

func (f *fixture) same(keys []string, what string, want, got []placedRow) {
	f.t.Helper()
	ids := func(rows []placedRow) string {
		s := ""
		for _, r := range rows {
			s += " " + r.id
		}
		return s
	}
	if ids(want) != ids(got) {
		f.t.Errorf("by %v: %s is%s, want%s", keys, what, ids(got), ids(want))
	}
}
