package storagetest

import (
	"math"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// ids reads the ids that a condition finds in a class.
func ids(f *fixture, class string, cond Cond, want string) {
	f.t.Helper()
	f.want(f.read(class, "id", where(cond)), strings.Fields(want)...)
}

func paths() chapter {
	finds := func(text, class string, cond Cond, want string) promise {
		return promise{text, func(f *fixture) { f.t.Helper(); ids(f, class, cond, want) }}
	}
	return stocked("relations in conditions",
		finds("a path walks a reference", "order", Is("customer.name", "=", "Ann"), "1 2"),
		finds("a path walks several references", "order", Is("customer.org.name", "=", "Beta"), "3"),
		finds("a path walks references to the own class", "customer", Is("sponsor.name", "=", "Ann"), "2 3"),
		finds("a path ends in a reference's key", "order", Is("customer.org", "=", 1), "1 2"),
		finds("a path walks the way back of a unique reference", "customer", Is("profile.bio", "=", "about Ann"), "1"),
		finds("a path over a missing reference is null", "customer", Null("sponsor.name"), "1 5"),
		finds("a path over a missing row of a way back is null", "customer", Null("profile.bio"), "2 3 5"),
		finds("a null somewhere on the way makes the path null", "order", Null("customer.org.name"), "5"),
		finds("comparing over a missing reference is false", "customer", Is("sponsor.name", "!=", "Ann"), ""),
		finds("and its complement holds", "customer", Not(Is("sponsor.name", "!=", "Ann")), "1 2 3 5"),
		finds("two paths compare", "order", Fields("customer.score", ">", "items"), "1"),
		finds("a path ends in a computed field", "order", Is("customer.orders_count", "=", 2), "1 2"),
		finds("a path ends in a set", "order", Has("customer.tags", schema.NewText("red")), "1 2"),

		finds("exists finds a row of a way back", "customer", Exists("orders", Is("status", "=", "shipped")), "2"),
		finds("exists with true asks for any row", "customer", Exists("orders", All), "1 2"),
		finds("exists with false finds nothing", "customer", Exists("orders", None), ""),
		finds("not exists is the complement", "customer", Not(Exists("orders", All)), "3 5"),
		finds("one row must satisfy the whole condition", "customer",
			Exists("orders", And(Is("status", "=", "draft"), Is("total", "<", "6.00"))), ""),
		finds("two exists may find two rows", "customer",
			And(Exists("orders", Is("status", "=", "draft")), Exists("orders", Is("total", "<", "6.00"))), "1"),
		finds("exists nests", "customer", Exists("orders", Exists("lines", Is("product", "=", "saw"))), "1"),
		finds("exists follows links", "customer", Exists("tags", Is("weight", ">", 1)), "1 2"),
		finds("exists follows links back", "tag", Exists("customers", Is("name", "=", "Ann")), "1 2"),
		finds("exists follows links within a class", "customer", Exists("friends", Is("name", "=", "Ann")), "5"),
		finds("exists follows links within a class back", "customer", Exists("befriended", Is("name", "=", "Émile")), "1"),
		finds("exists follows a reference", "order", Exists("customer", Is("name", "=", "bob")), "3"),
		finds("exists follows the way back within a class", "customer", Exists("sponsored", Is("name", "=", "Cid")), "1"),
		finds("paths work inside exists", "org", Exists("customers", Is("sponsor.name", "=", "Ann")), "2"),

		promise{"the guard of a step hides rows", func(f *fixture) {
			guarded := func(guard Cond) Cond {
				return func(c *schema.Class) schema.Expr {
					p := Path(c, "customer.name")
					p.Steps[0].Guard = guard(f.class("customer"))
					return schema.Compare{Op: schema.Ne, Left: p, Right: schema.Lit{Value: schema.NewText("x")}}
				}
			}
			ids(f, "order", guarded(Is("vip", "=", true)), "1 2")
			ids(f, "order", guarded(Is("org.name", "=", "Beta")), "3")
			ids(f, "order", guarded(Exists("tags", Is("name", "=", "blue"))), "1 2 3")
			ids(f, "order", guarded(None), "")
			ids(f, "order", Not(guarded(None)), "1 2 3 5")
		}},
		promise{"each step has its own guard", func(f *fixture) {
			cond := func(customer, org Cond) Cond {
				return func(c *schema.Class) schema.Expr {
					p := Path(c, "customer.org.name")
					p.Steps[0].Guard, p.Steps[1].Guard = customer(f.class("customer")), org(f.class("org"))
					return Not(func(*schema.Class) schema.Expr { return schema.IsNull{X: p} })(c)
				}
			}
			ids(f, "order", cond(All, All), "1 2 3")
			ids(f, "order", cond(Is("name", "=", "Ann"), All), "1 2")
			ids(f, "order", cond(All, Is("name", "=", "Beta")), "3")
			ids(f, "order", cond(Is("name", "=", "Ann"), Is("name", "=", "Beta")), "")
		}},
		promise{"the guard of exists is joined with its condition", func(f *fixture) {
			cond := func(guard Cond) Cond {
				return func(c *schema.Class) schema.Expr {
					e := Exists("orders", Is("status", "=", "draft"))(c).(schema.Exists)
					e.Guard = guard(e.Rel.To)
					return e
				}
			}
			ids(f, "customer", cond(All), "1")
			ids(f, "customer", cond(Is("items", ">", 5)), "")
			ids(f, "customer", cond(Is("customer.name", "=", "Ann")), "1")
		}},
		promise{"the guard of a computed field narrows it in conditions", func(f *fixture) {
			cond := func(c *schema.Class) schema.Expr {
				p := Path(c, "orders_count")
				p.Guard = Is("status", "!=", "placed")(f.class("order"))
				return schema.Compare{Op: schema.Eq, Left: p, Right: schema.Lit{Value: schema.NewInt(1)}}
			}
			ids(f, "customer", cond, "1 2")
		}},
		promise{"a fold whose guard has a list is compared with another list", func(f *fixture) {
			cond := func(c *schema.Class) schema.Expr {
				in := In("items", 2, 9)(c).(schema.In)
				in.X.(*schema.Path).Guard = In("status", "draft", "placed")(f.class("order"))
				return in
			}
			ids(f, "customer", cond, "1")
		}},
		promise{"the guard of a set narrows it in conditions", func(f *fixture) {
			cond := func(c *schema.Class) schema.Expr {
				p := Path(c, "tags")
				p.Guard = Is("weight", ">", 1)(f.class("tag"))
				return schema.Contains{X: p, Item: schema.Lit{Value: schema.NewText("red")}}
			}
			ids(f, "customer", cond, "")
		}},
		promise{"tests walk relations too", func(f *fixture) {
			rows := f.page(f.query("order", "id", test(Is("customer.name", "=", "Ann"), Exists("lines", Is("product", "=", "saw"))))).Rows
			var got []string
			for _, r := range rows {
				got = append(got, shown(schema.NewInt(int64(r.Tests))))
			}
			f.want(got, "3", "1", "0", "0")
		}},
	)
}

func softDeletes() chapter {
	return stocked("soft-deleted rows",
		promise{"are left out by default", func(f *fixture) {
			ids(f, "customer", All, "1 2 3 5")
			f.want(f.read("customer", "id", byKey(f, "customer", 4)))
		}},
		promise{"take part when asked for", func(f *fixture) {
			f.want(f.read("customer", "id", among(storage.WithDeleted)), "1", "2", "3", "4", "5")
			f.want(f.read("customer", "name deleted_at", among(storage.WithDeleted), byKey(f, "customer", 4)), "Dee 2026-01-02T03:04:05.000000Z")
		}},
		promise{"may be asked for alone", func(f *fixture) {
			f.want(f.read("customer", "id", among(storage.OnlyDeleted)), "4")
			f.want(f.read("customer", "id", among(storage.OnlyDeleted), byKey(f, "customer", 1)))
		}},
		promise{"the mode means nothing for classes without soft delete", func(f *fixture) {
			f.want(f.read("org", "id", among(storage.WithDeleted)), "1", "2")
			f.want(f.read("org", "id", among(storage.OnlyDeleted)))
		}},
		promise{"a path does not see them", func(f *fixture) {
			ids(f, "order", Is("customer.name", "=", "Dee"), "")
			ids(f, "order", Null("customer.name"), "5")
		}},
		promise{"a path does not see them among deleted rows either", func(f *fixture) {
			f.want(f.read("order", "id", among(storage.WithDeleted), where(Null("customer.name"))), "5")
		}},
		promise{"a reference to them keeps its value", func(f *fixture) { ids(f, "order", Is("customer", "=", 4), "5") }},
		promise{"the way back of a unique reference does not see them", func(f *fixture) {
			f.want(f.read("profile", "bio", where(Null("customer.name"))), "about Dee")
		}},
		promise{"exists does not see them", func(f *fixture) {
			ids(f, "customer", Exists("orders", Is("number", "=", "A-4")), "")
			ids(f, "customer", Exists("sponsor", All), "2 3")
			ids(f, "tag", Exists("customers", Is("name", "=", "Dee")), "")
			ids(f, "customer", Exists("friends", Is("name", "=", "Dee")), "")
		}},
		promise{"sets do not see them", func(f *fixture) {
			f.want(f.read("customer", "friends", byKey(f, "customer", 5)), "[1]")
			ids(f, "customer", Has("friends", schema.NewInt(4)), "")
		}},
		promise{"computed fields do not see them", func(f *fixture) {
			f.want(f.read("customer", "orders_count best", byKey(f, "customer", 1)), "2 10.00")
		}},
		promise{"expansions do not see them", func(f *fixture) {
			f.want(f.read("order", "number", expand("customer", "name"), where(Is("id", ">", 2))), "A-3 [bob]", "A-5 []")
			f.want(f.read("customer", "name", expand("orders", "number"), byKey(f, "customer", 1)), "Ann [A-1, A-2]")
			f.want(f.read("tag", "name", expand("customers", "name"), byKey(f, "tag", 1)), "red [Ann]")
		}},
		promise{"expansions of deleted rows show live ones", func(f *fixture) {
			f.want(f.read("customer", "name tags", among(storage.OnlyDeleted), expand("orders", "number"), expand("org", "name")),
				`Dee ["red"] [A-5] [Acme]`)
		}},
	)
}

func sets() chapter {
	return stocked("sets of links",
		promise{"read as the names of the rows in the order of their keys", func(f *fixture) {
			f.want(f.read("customer", "id tags"), `1 ["red","blue"]`, `2 ["blue"]`, `3 []`, `5 []`)
		}},
		promise{"read as keys without a name", func(f *fixture) {
			f.do(f.update("customer", 1).linked("friends", 5, 2))
			f.want(f.read("customer", "friends"), `[2,5]`, `[]`, `[]`, `[1]`)
		}},
		promise{"show what the guard of the column lets through", func(f *fixture) {
			f.want(f.read("customer", "tags", guarded("tags", Is("weight", ">", 1))), `["blue"]`, `["blue"]`, `[]`, `[]`)
			f.want(f.read("customer", "tags", guarded("tags", Exists("customers", Is("name", "=", "bob")))), `["blue"]`, `["blue"]`, `[]`, `[]`)
			f.want(f.read("customer", "tags", guarded("tags", None)), `[]`, `[]`, `[]`, `[]`)
		}},
		promise{"quote names as JSON does", func(f *fixture) {
			f.do(f.update("tag", 1, "name", `"\/é`+"\U0001F600"))
			f.want(f.read("customer", "tags", byKey(f, "customer", 1)), `["\"\\/é`+"\U0001F600"+`","blue"]`)
		}},
		promise{"follow a renamed row", func(f *fixture) {
			f.do(f.update("tag", 2, "name", "azure"))
			f.want(f.read("customer", "tags", byKey(f, "customer", 2)), `["azure"]`)
		}},
	)
}

func computing() chapter {
	return stocked("computed fields",
		promise{"count related rows, none is 0", func(f *fixture) {
			f.want(f.read("customer", "orders_count draft_count tags_count"), "2 1 2", "1 0 1", "0 0 0", "0 0 0")
		}},
		promise{"sum exactly, of nothing 0", func(f *fixture) {
			f.want(f.read("customer", "revenue items"), "15.50 2", "0.00 1", "0.00 0", "0.00 0")
		}},
		promise{"have a greatest and a least, of nothing null", func(f *fixture) {
			f.want(f.read("customer", "best worst"), "10.00 5.50", "- -", "- -", "- -")
		}},
		promise{"average, of nothing null", func(f *fixture) {
			f.want(f.read("customer", "mean"), "7.75", "-", "-", "-")
		}},
		promise{"average large numbers as doubles", func(f *fixture) {
			f.do(f.insert("order", "number", "B-1", "customer", 5, "items", 1<<53), f.insert("order", "number", "B-2", "customer", 5, "items", 5), f.insert("order", "number", "B-3", "customer", 5, "items", 0))
			f.want(f.read("customer", "load", byKey(f, "customer", 5)), "3.002399751580332e+15")
		}},
		promise{"keep the kind of what they fold", func(f *fixture) {
			q := f.query("customer", "orders_count revenue items best mean", byKey(f, "customer", 1))
			v := f.page(q).Rows[0].Values
			for name, want := range map[string]schema.Kind{"orders_count": schema.Int, "revenue": schema.Decimal, "items": schema.Int, "best": schema.Decimal, "mean": schema.Float} {
				if got := v[f.field("customer", name).Index].Kind(); got != want {
					f.t.Errorf("%s is %v, want %v", name, got, want)
				}
			}
			if got := v[f.field("customer", "revenue").Index].Scale(); got != 2 {
				f.t.Errorf("revenue has scale %d", got)
			}
		}},
		promise{"take in what the guard of the column lets through", func(f *fixture) {
			f.want(f.read("customer", "revenue orders_count", byKey(f, "customer", 1), guarded("revenue", Is("status", "=", "placed"))), "5.50 2")
			f.want(f.read("customer", "orders_count", byKey(f, "customer", 1), guarded("orders_count", Exists("lines", Is("product", "=", "saw")))), "1")
			f.want(f.read("customer", "best mean orders_count", byKey(f, "customer", 1),
				guarded("best", None), guarded("mean", None), guarded("orders_count", None)), "- - 0")
		}},
		promise{"filter", func(f *fixture) {
			ids(f, "customer", Is("orders_count", ">", 0), "1 2")
			ids(f, "customer", Is("revenue", "=", "15.50"), "1")
			ids(f, "customer", Null("best"), "2 3 5")
		}},
		promise{"sum beyond 64 bits is refused", func(f *fixture) {
			f.do(
				f.insert("order", "number", "B-1", "customer", 3, "total", schema.NewDecimal(math.MaxInt64, 2)),
				f.insert("order", "number", "B-2", "customer", 3, "total", "0.01"),
			)
			_, err := f.store.Read(f.ctx, f.query("customer", "revenue"))
			f.wantError(err, storage.ErrTooLarge)
			f.want(f.read("customer", "best", byKey(f, "customer", 3)), "92233720368547758.07")
		}},
		promise{"sum up to the very limit", func(f *fixture) {
			f.do(
				f.insert("order", "number", "B-1", "customer", 3, "total", schema.NewDecimal(math.MaxInt64, 2)),
				f.insert("order", "number", "B-2", "customer", 3, "total", "0.00"),
			)
			f.want(f.read("customer", "revenue", byKey(f, "customer", 3)), "92233720368547758.07")
		}},
	)
}

func expanding() chapter {
	return stocked("expansions",
		promise{"show the row of a reference", func(f *fixture) {
			f.want(f.read("order", "number", expand("customer", "name score")), "A-1 [Ann 3]", "A-2 [Ann 3]", "A-3 [bob 1]", "A-5 []")
		}},
		promise{"show nothing for a null reference", func(f *fixture) {
			f.want(f.read("customer", "id", expand("sponsor", "name")), "1 []", "2 [Ann]", "3 [Ann]", "5 []")
		}},
		promise{"show the rows of a way back", func(f *fixture) {
			f.want(f.read("customer", "id", expand("orders", "number")), "1 [A-1, A-2]", "2 [A-3]", "3 []", "5 []")
		}},
		promise{"show the row of a unique way back", func(f *fixture) {
			f.want(f.read("customer", "id", expand("profile", "bio")), "1 [about Ann]", "2 []", "3 []", "5 []")
		}},
		promise{"show linked rows both ways", func(f *fixture) {
			f.want(f.read("customer", "id", expand("tags", "name")), "1 [red, blue]", "2 [blue]", "3 []", "5 []")
			f.want(f.read("tag", "name", expand("customers", "name")), "red [Ann]", "blue [Ann, bob]", "green []")
		}},
		promise{"show links within a class both ways", func(f *fixture) {
			f.want(f.read("customer", "id", expand("friends", "name"), expand("befriended", "name")), "1 [] [Émile]", "2 [] []", "3 [] []", "5 [Ann] []")
		}},
		promise{"filter the rows of each parent", func(f *fixture) {
			f.want(f.read("customer", "id", expand("orders", "number", where(Is("status", "!=", "draft")))), "1 [A-2]", "2 [A-3]", "3 []", "5 []")
		}},
		promise{"filter a single row away", func(f *fixture) {
			f.want(f.read("order", "id", expand("customer", "name", where(Is("vip", "=", true)))), "1 [Ann]", "2 [Ann]", "3 []", "5 []")
		}},
		promise{"order the rows of each parent", func(f *fixture) {
			f.want(f.read("customer", "id", expand("orders", "number", order("total"))), "1 [A-2, A-1]", "2 [A-3]", "3 []", "5 []")
			f.want(f.read("customer", "id", expand("tags", "name", order("-weight"))), "1 [blue, red]", "2 [blue]", "3 []", "5 []")
		}},
		promise{"limit the rows of each parent", func(f *fixture) {
			f.want(f.read("customer", "id", expand("orders", "number", page(0, 1))), "1 [A-1]", "2 [A-3]", "3 []", "5 []")
			f.want(f.read("tag", "id", expand("customers", "name", order("-name"), page(0, 1))), "1 [Ann]", "2 [bob]", "3 []")
		}},
		promise{"skip rows of each parent", func(f *fixture) {
			f.want(f.read("customer", "id", expand("orders", "number", page(1, -1))), "1 [A-2]", "2 []", "3 []", "5 []")
			f.want(f.read("customer", "id", expand("orders", "number", page(1, 5))), "1 [A-2]", "2 []", "3 []", "5 []")
		}},
		promise{"show none with limit 0", func(f *fixture) {
			f.want(f.read("customer", "id", expand("orders", "number", page(0, 0))), "1 []", "2 []", "3 []", "5 []")
		}},
		promise{"nest", func(f *fixture) {
			f.want(f.read("org", "name", expand("customers", "name", expand("orders", "number", expand("lines", "product quantity")))),
				"Acme [Ann [A-1 [nail 100, saw 1], A-2 [nail 20]]]", "Beta [bob [A-3 []]]")
		}},
		promise{"nest with limits on every level", func(f *fixture) {
			f.want(f.read("org", "name", page(0, 1), expand("customers", "name", page(0, 1),
				expand("orders", "number", order("-number"), page(0, 1), expand("lines", "product", page(0, 1))))),
				"Acme [Ann [A-2 [nail]]]")
		}},
		promise{"go there and back", func(f *fixture) {
			f.want(f.read("order", "number", page(0, 1), expand("customer", "name", expand("orders", "number", expand("customer", "name")))),
				"A-1 [Ann [A-1 [Ann], A-2 [Ann]]]")
		}},
		promise{"keep their order there and back from several rows", func(f *fixture) {
			f.want(f.read("order", "number", expand("customer", "name", expand("orders", "number"))),
				"A-1 [Ann [A-1, A-2]]", "A-2 [Ann [A-1, A-2]]", "A-3 [bob [A-3]]", "A-5 []")
			f.want(f.read("order", "number", order("-number"), expand("customer", "name", expand("orders", "number", order("-number")))),
				"A-5 []", "A-3 [bob [A-3]]", "A-2 [Ann [A-2, A-1]]", "A-1 [Ann [A-2, A-1]]")
		}},
		promise{"come several at once, also of one relation", func(f *fixture) {
			f.want(f.read("customer", "name", byKey(f, "customer", 1), expand("orders", "number", page(0, 1)), expand("org", "name"),
				expand("orders", "total", order("-total"))), "Ann [A-1] [Acme] [10.00, 5.50]")
		}},
		promise{"show computed fields, sets and tests", func(f *fixture) {
			f.want(f.read("org", "name", expand("customers", "tags revenue")), `Acme [["red","blue"] 15.50]`, `Beta [["blue"] 0.00]`)
			rows := f.page(f.query("org", "", expand("customers", "", test(Is("vip", "=", true), Is("org.name", "=", "Beta"))))).Rows
			if a, b := rows[0].Expanded[0][0].Tests, rows[1].Expanded[0][0].Tests; a != 1 || b != 2 {
				f.t.Errorf("tests %b and %b", a, b)
			}
		}},
		promise{"carry versions", func(f *fixture) {
			rows := f.page(f.query("order", "", byKey(f, "order", 1), expand("customer", "name"))).Rows
			if got, want := rows[0].Expanded[0][0].Version, f.version("customer", 1); got != want {
				f.t.Errorf("version %d, want %d", got, want)
			}
		}},
		promise{"need no columns of the parent", func(f *fixture) {
			f.want(f.read("customer", "", page(0, 2), expand("orders", "number"), expand("tags", "name"), expand("org", "name")),
				"[A-1, A-2] [red, blue] [Acme]", "[A-3] [blue] [Beta]")
		}},
		promise{"show the same row under several parents", func(f *fixture) {
			f.want(f.read("customer", "id", where(Exists("tags", All)), expand("tags", "name", where(Is("name", "=", "blue")))), "1 [blue]", "2 [blue]")
		}},
		promise{"belong to the page only", func(f *fixture) {
			f.want(f.read("customer", "id", page(1, 1), expand("orders", "number")), "2 [A-3]")
		}},
	)
}
