package storagetest

import (
	"errors"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

func inserting() chapter {
	return stocked("insert",
		promise{"stores what Set names and null for the rest", func(f *fixture) {
			f.do(f.insert("customer", "name", "Fay", "score", 7))
			f.want(f.read("customer", "id name score status credit org", byKey(f, "customer", 6)), "6 Fay 7 - - -")
		}},
		promise{"returns the key and the version when asked for nothing", func(f *fixture) {
			row := f.apply(f.insert("customer", "name", "Fay"))
			f.want([]string{shown(row.Key(f.class("customer"))[0])}, "6")
			if row.Version != f.version("customer", 6) || row.Version == 0 {
				f.t.Errorf("version %d", row.Version)
			}
		}},
		promise{"returns what is asked for", func(f *fixture) {
			c := f.insert("order", "number", "Z", "customer", 1, "total", "1.00").
				returning("id number total", test(Is("customer.name", "=", "Ann"), None), expand("customer", "name orders_count"))
			row := f.apply(c)
			f.want(show(c.Return, []storage.Row{*row}), "6 Z 1.00 [Ann 3]")
			if row.Tests != 1 {
				f.t.Errorf("tests %b", row.Tests)
			}
		}},
		promise{"returns sets of links and computed fields", func(f *fixture) {
			c := f.insert("customer", "name", "Fay").linked("tags", 3, 1).returning("tags orders_count")
			f.want(show(c.Return, []storage.Row{*f.apply(c)}), `["red","green"] 0`)
		}},
		promise{"takes a number given outright", func(f *fixture) {
			f.do(f.insert("org", "id", 40, "name", "Forty"), f.insert("org", "name", "Next"))
			f.want(f.read("org", "id name", where(Is("id", ">", 2))), "40 Forty", "41 Next")
		}},
		promise{"of a taken key is refused", func(f *fixture) {
			f.wantError(f.try(f.insert("org", "id", 1, "name", "Other")), f.unique("org", "id"))
		}},
		promise{"of the key of a soft-deleted row is refused", func(f *fixture) {
			f.wantError(f.try(f.insert("customer", "id", 4, "name", "Other")), f.unique("customer", "id"))
		}},
		promise{"keeps the caller's values its own", func(f *fixture) {
			c := f.insert("org", "name", "Mine")
			f.do(c)
			c.Set[0].Value = schema.NewText("changed")
			f.want(f.read("org", "name", byKey(f, "org", 3)), "Mine")
		}},
		promise{"may be about a thousand rows at once", func(f *fixture) {
			err := f.store.Write(f.ctx, func(tx storage.Tx) error {
				for range 1000 {
					if _, err := tx.Apply(f.ctx, &f.insert("note", "customer", 1, "body", "x").Change); err != nil {
						return err
					}
				}
				return nil
			})
			f.wantError(err, nil)
			if p := f.page(f.query("note", "", page(0, 0), total)); p.Total != 1001 {
				f.t.Errorf("%d rows", p.Total)
			}
		}},
	)
}

func changing() chapter {
	return stocked("update",
		promise{"sets what is named and keeps the rest", func(f *fixture) {
			f.do(f.update("customer", 1, "score", 9, "vip", nil))
			f.want(f.read("customer", "name score vip credit status tags", byKey(f, "customer", 1)), `Ann 9 - 10.50 active ["red","blue"]`)
		}},
		promise{"touches no other row", func(f *fixture) {
			before := f.read("customer", "id name score vip credit", where(Is("id", "!=", 2)))
			f.do(f.update("customer", 2, "score", 9))
			f.want(f.read("customer", "id name score vip credit", where(Is("id", "!=", 2))), before...)
		}},
		promise{"may name the key as it is", func(f *fixture) {
			f.do(f.update("org", 1, "id", 1, "name", "Z"))
			f.want(f.read("org", "id name"), "1 Z", "2 Beta")
		}},
		promise{"never changes the key", func(f *fixture) {
			_ = f.try(f.update("org", 1, "id", 9)) // whether it is refused or that part ignored is left open
			f.want(f.read("org", "id"), "1", "2")
		}},
		promise{"of a missing row is not found", func(f *fixture) {
			f.wantError(f.try(f.update("customer", 77, "score", 9)), storage.ErrNotFound)
			f.wantError(f.try(f.delete("customer", 77)), storage.ErrNotFound)
			f.wantError(f.try(f.softDelete("customer", 77)), storage.ErrNotFound)
			f.wantError(f.try(f.restore("customer", 77)), storage.ErrNotFound)
		}},
		promise{"of a soft-deleted row is not found by default", func(f *fixture) {
			f.wantError(f.try(f.update("customer", 4, "score", 9)), storage.ErrNotFound)
			f.wantError(f.try(f.delete("customer", 4)), storage.ErrNotFound)
			f.wantError(f.try(f.softDelete("customer", 4)), storage.ErrNotFound)
		}},
		promise{"of a soft-deleted row works when it takes part", func(f *fixture) {
			f.do(f.update("customer", 4, "score", 9).among(storage.WithDeleted))
			f.do(f.update("customer", 4, "vip", true).among(storage.OnlyDeleted))
			f.want(f.read("customer", "name score vip", among(storage.OnlyDeleted)), "Dee 9 true")
		}},
		promise{"of a live row among deleted ones only is not found", func(f *fixture) {
			f.wantError(f.try(f.update("customer", 1, "score", 9).among(storage.OnlyDeleted)), storage.ErrNotFound)
		}},
		promise{"returns the row as it is afterwards", func(f *fixture) {
			c := f.update("customer", 1, "score", 9).linked("tags", 3).returning("id score tags", test(Is("score", "=", 9)))
			row := f.apply(c)
			f.want(show(c.Return, []storage.Row{*row}), `1 9 ["green"]`)
			if row.Tests != 1 || row.Version != f.version("customer", 1) {
				f.t.Errorf("tests %b, version %d", row.Tests, row.Version)
			}
		}},
		promise{"returns key and version when asked for nothing", func(f *fixture) {
			row := f.apply(f.update("customer", 1, "score", 9))
			if row.Version != f.version("customer", 1) || row.Key(f.class("customer"))[0].Int() != 1 {
				f.t.Errorf("got %+v", row)
			}
		}},
		promise{"without anything to set still makes a new version", func(f *fixture) {
			before := f.version("customer", 1)
			f.do(f.update("customer", 1))
			if f.version("customer", 1) == before {
				f.t.Error("the version stayed")
			}
		}},
		promise{"with the wrong version is stale and names the current", func(f *fixture) {
			v := f.version("customer", 1)
			f.do(f.update("customer", 1, "score", 5).ifVersion(v))
			err := f.try(f.update("customer", 1, "score", 6).ifVersion(v))
			var stale *storage.StaleError
			if !errors.As(err, &stale) || stale.Current != f.version("customer", 1) {
				f.t.Errorf("got %v", err)
			}
			f.want(f.read("customer", "score", byKey(f, "customer", 1)), "5")
		}},
		promise{"delete, soft delete and restore check the version too", func(f *fixture) {
			f.wantError(f.try(f.delete("note", 1).ifVersion(999)), &storage.StaleError{})
			f.wantError(f.try(f.softDelete("order", 1).ifVersion(999)), &storage.StaleError{})
			f.wantError(f.try(f.restore("order", 4).ifVersion(999)), &storage.StaleError{})
			f.do(f.delete("note", 1).ifVersion(f.version("note", 1)))
			f.do(f.softDelete("order", 1).ifVersion(f.version("order", 1)))
			f.do(f.restore("order", 4).ifVersion(f.version("order", 4)))
		}},
		promise{"delete returns the row as it was", func(f *fixture) {
			c := f.delete("note", 1).returning("id body", expand("customer", "name"))
			f.want(show(c.Return, []storage.Row{*f.apply(c)}), "1 hello [Ann]")
			f.want(f.read("note", "id"))
		}},
		promise{"soft delete sets deleted_at and hides the row", func(f *fixture) {
			c := f.softDelete("order", 1).returning("id number deleted_at")
			f.want(show(c.Return, []storage.Row{*f.apply(c)}), "1 A-1 2026-01-02T03:04:05.000000Z")
			ids(f, "order", All, "2 3 5")
		}},
		promise{"soft delete may set other fields", func(f *fixture) {
			f.do(f.change(storage.SoftDelete, "order", 1, "deleted_at", "2026-01-02T03:04:05Z", "items", 0))
			f.want(f.read("order", "id items", among(storage.OnlyDeleted)), "1 0", "4 7")
		}},
		promise{"restore brings the row back as it was", func(f *fixture) {
			f.do(f.restore("customer", 4))
			f.want(f.read("customer", "name email tags deleted_at", byKey(f, "customer", 4)), `Dee dee@x.io ["red"] -`)
			ids(f, "order", Is("customer.name", "=", "Dee"), "5")
		}},
		promise{"restore may set other fields", func(f *fixture) {
			f.do(f.change(storage.Restore, "customer", 4, "score", 50).among(storage.OnlyDeleted))
			f.want(f.read("customer", "name score", byKey(f, "customer", 4)), "Dee 50")
		}},
		promise{"soft delete and restore make new versions and move the counter", func(f *fixture) {
			first := f.version("order", 1)
			f.want([]string{f.moved(func() { f.do(f.softDelete("order", 1)) }, "order", "customer")}, "order")
			second := f.version("order", 1)
			f.want([]string{f.moved(func() { f.do(f.restore("order", 1)) }, "order", "customer")}, "order")
			if third := f.version("order", 1); first == second || second == third || first == third {
				f.t.Errorf("versions %d, %d, %d", first, second, third)
			}
		}},
		promise{"restore of a live row is not found", func(f *fixture) {
			f.wantError(f.try(f.restore("customer", 1)), storage.ErrNotFound)
		}},
	)
}

func guarding() chapter {
	no, never, other := errors.New("no"), errors.New("never"), errors.New("other")
	return stocked("guards",
		promise{"before see the row as it is", func(f *fixture) {
			f.wantError(f.try(f.update("customer", 1, "score", 9).before(Is("score", "=", 3), no)), nil)
			f.wantError(f.try(f.update("customer", 1, "score", 3).before(Is("score", "=", 3), no)), no)
			f.want(f.read("customer", "score", byKey(f, "customer", 1)), "9")
		}},
		promise{"after see the row as it becomes", func(f *fixture) {
			f.wantError(f.try(f.update("customer", 1, "score", 9).after(Is("score", "=", 9), no)), nil)
			f.wantError(f.try(f.update("customer", 1, "score", 5).after(Is("score", "=", 9), no)), no)
			f.want(f.read("customer", "score", byKey(f, "customer", 1)), "9")
		}},
		promise{"are asked in order and the first that fails is the error", func(f *fixture) {
			f.wantError(f.try(f.update("customer", 1).before(All, never).before(None, no).before(None, other)), no)
			f.wantError(f.try(f.update("customer", 1).after(All, never).after(None, no).after(None, other)), no)
			f.wantError(f.try(f.update("customer", 1).before(None, no).after(None, other)), no)
		}},
		promise{"are the very error", func(f *fixture) {
			if err := f.try(f.update("customer", 1).before(None, no)); !errors.Is(err, no) {
				f.t.Errorf("got %v", err)
			}
		}},
		promise{"walk relations", func(f *fixture) {
			f.wantError(f.try(f.update("order", 1, "items", 3).before(Is("customer.org.name", "=", "Acme"), no)), nil)
			f.wantError(f.try(f.update("order", 1, "customer", 2).after(Is("customer.name", "=", "Ann"), no)), no)
			f.wantError(f.try(f.update("order", 1, "customer", 2).after(Exists("lines", Is("product", "=", "saw")), no)), nil)
		}},
		promise{"after see new links", func(f *fixture) {
			f.wantError(f.try(f.update("customer", 1).linked("tags", 3).after(Has("tags", schema.NewText("green")), no)), nil)
			f.wantError(f.try(f.update("customer", 1).linked("tags", 3).after(Has("tags", schema.NewText("red")), no)), no)
		}},
		promise{"of a missing row are not asked", func(f *fixture) {
			f.wantError(f.try(f.update("customer", 77).before(None, no)), storage.ErrNotFound)
			f.wantError(f.try(f.update("customer", 4).before(None, no)), storage.ErrNotFound)
		}},
		promise{"before come ahead of the version", func(f *fixture) {
			f.wantError(f.try(f.update("customer", 1).before(None, no).ifVersion(999)), no)
		}},
		promise{"the version comes ahead of the constraints", func(f *fixture) {
			f.wantError(f.try(f.update("org", 1, "name", "Beta").ifVersion(999)), &storage.StaleError{})
			f.wantError(f.try(f.delete("org", 1).ifVersion(999)), &storage.StaleError{})
		}},
		promise{"the constraints come ahead of after", func(f *fixture) {
			f.wantError(f.try(f.update("org", 1, "name", "Beta").after(None, no)), f.unique("org", "name"))
			f.wantError(f.try(f.insert("order", "number", "Z", "customer", 77).after(None, no)), f.reference("order", "customer"))
		}},
		promise{"after hold for inserts", func(f *fixture) {
			f.wantError(f.try(f.insert("order", "number", "Z", "customer", 1).after(Is("customer.name", "=", "Ann"), no)), nil)
			f.wantError(f.try(f.insert("order", "number", "Y", "customer", 2).after(Is("customer.name", "=", "Ann"), no)), no)
			ids(f, "order", Is("number", "=", "Y"), "")
		}},
		promise{"before of an insert see the new row", func(f *fixture) {
			f.wantError(f.try(f.insert("org", "name", "New").before(Is("name", "=", "New"), no)), nil)
			f.wantError(f.try(f.insert("org", "name", "Newer").before(Is("name", "=", "New"), no)), no)
			ids(f, "org", Is("name", "=", "Newer"), "")
		}},
		promise{"hold for deletes, the row is still there", func(f *fixture) {
			f.wantError(f.try(f.delete("note", 1).before(Is("customer.name", "=", "bob"), no)), no)
			f.wantError(f.try(f.delete("note", 1).after(Is("customer.name", "=", "bob"), no)), no)
			f.wantError(f.try(f.delete("note", 1).before(Is("customer.name", "=", "Ann"), no).after(Is("body", "=", "hello"), no)), nil)
		}},
		promise{"hold for soft delete and restore", func(f *fixture) {
			f.wantError(f.try(f.softDelete("order", 1).before(Is("number", "=", "x"), no)), no)
			f.wantError(f.try(f.softDelete("order", 1).after(Null("deleted_at"), no)), no)
			f.wantError(f.try(f.softDelete("order", 1).before(Null("deleted_at"), no).after(Not(Null("deleted_at")), no)), nil)
			f.wantError(f.try(f.restore("order", 1).before(Null("deleted_at"), no)), no)
			f.wantError(f.try(f.restore("order", 1).after(Null("deleted_at"), no)), nil)
		}},
		promise{"that fail leave nothing behind", func(f *fixture) {
			moved := f.moved(func() {
				f.wantError(f.try(f.update("customer", 1, "score", 9).linked("tags").after(None, no)), no)
				f.wantError(f.try(f.insert("customer", "name", "New").after(None, no)), no)
				f.wantError(f.try(f.delete("note", 1).after(None, no)), no)
			}, "customer", "tag", "note")
			f.want([]string{moved}, "")
			f.want(f.read("customer", "name score tags", page(0, 1)), `Ann 3 ["red","blue"]`)
			f.want(f.read("note", "id"), "1")
		}},
	)
}

func linking() chapter {
	return stocked("links",
		promise{"replace the whole set", func(f *fixture) {
			f.do(f.update("customer", 1).linked("tags", 3, 2))
			f.want(f.read("customer", "tags", byKey(f, "customer", 1)), `["blue","green"]`)
			f.do(f.update("customer", 1).linked("tags"))
			f.want(f.read("customer", "tags", byKey(f, "customer", 1)), `[]`)
			f.want(f.read("customer", "tags", byKey(f, "customer", 2)), `["blue"]`)
		}},
		promise{"add to the set", func(f *fixture) {
			f.do(f.update("customer", 1).links("tags", false, []any{3}, nil))
			f.want(f.read("customer", "tags", byKey(f, "customer", 1)), `["red","blue","green"]`)
		}},
		promise{"remove from the set", func(f *fixture) {
			f.do(f.update("customer", 1).links("tags", false, nil, []any{1}))
			f.want(f.read("customer", "tags", byKey(f, "customer", 1)), `["blue"]`)
		}},
		promise{"add and remove at once", func(f *fixture) {
			f.do(f.update("customer", 1).links("tags", false, []any{3}, []any{1}))
			f.want(f.read("customer", "tags", byKey(f, "customer", 1)), `["blue","green"]`)
		}},
		promise{"that are there are added without error", func(f *fixture) {
			f.do(f.update("customer", 1).links("tags", false, []any{1, 1, 2}, nil))
			f.want(f.read("customer", "tags", byKey(f, "customer", 1)), `["red","blue"]`)
		}},
		promise{"that are not there are removed without error", func(f *fixture) {
			f.do(f.update("customer", 1).links("tags", false, nil, []any{3, 77}))
			f.want(f.read("customer", "tags", byKey(f, "customer", 1)), `["red","blue"]`)
		}},
		promise{"named twice are there once", func(f *fixture) {
			f.do(f.update("customer", 1).linked("tags", 3, 3))
			f.want(f.read("customer", "tags", byKey(f, "customer", 1)), `["green"]`)
		}},
		promise{"to missing rows are refused", func(f *fixture) {
			f.wantError(f.try(f.update("customer", 1).linked("tags", 3, 77)), f.reference("customer", "tags"))
			f.wantError(f.try(f.update("customer", 1).links("friends", false, []any{77}, nil)), f.reference("customer", "friends"))
			f.wantError(f.try(f.insert("customer", "name", "New").linked("tags", 77)), f.reference("customer", "tags"))
			f.want(f.read("customer", "tags"), `["red","blue"]`, `["blue"]`, `[]`, `[]`)
		}},
		promise{"of one class to itself have a direction", func(f *fixture) {
			f.do(f.update("customer", 1).linked("friends", 1, 2))
			f.want(f.read("customer", "friends"), `[1,2]`, `[]`, `[]`, `[1]`)
			f.want(f.read("customer", "id", expand("befriended", "id")), "1 [1, 5]", "2 [1]", "3 []", "5 []")
		}},
		promise{"go with the row that owns them", func(f *fixture) {
			f.do(f.delete("customer", 5))
			f.want(f.read("customer", "id", expand("befriended", "id")), "1 []", "2 []", "3 []")
			f.do(f.insert("customer", "id", 5, "name", "New"))
			f.want(f.read("customer", "friends", byKey(f, "customer", 5)), `[]`)
		}},
		promise{"go with the row they lead to", func(f *fixture) {
			f.do(f.delete("tag", 2))
			f.want(f.read("customer", "tags"), `["red"]`, `[]`, `[]`, `[]`)
			f.do(f.insert("tag", "id", 2, "name", "blue"))
			f.want(f.read("customer", "tags"), `["red"]`, `[]`, `[]`, `[]`)
		}},
		promise{"outlive the soft deletion of either row", func(f *fixture) {
			f.do(f.softDelete("customer", 5), f.softDelete("customer", 3))
			f.do(f.restore("customer", 5), f.restore("customer", 4))
			f.want(f.read("customer", "friends", byKey(f, "customer", 5)), `[1,4]`)
		}},
		promise{"move the row and the counters of both classes", func(f *fixture) {
			before := f.version("customer", 1)
			f.want([]string{f.moved(func() { f.do(f.update("customer", 1).linked("tags", 3)) }, "customer", "tag", "org")}, "customer tag")
			if f.version("customer", 1) == before {
				f.t.Error("the version of the owner stayed")
			}
		}},
		promise{"do not move the version of the other row", func(f *fixture) {
			before := f.version("tag", 3)
			f.do(f.update("customer", 1).linked("tags", 3))
			if f.version("tag", 3) != before {
				f.t.Error("the tag has a new version")
			}
		}},
	)
}
