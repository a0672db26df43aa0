package storagetest

import (
	"errors"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

func constraining() chapter {
	c := stocked("constraints",
		promise{"a unique value is taken once", func(f *fixture) {
			f.wantError(f.try(f.insert("org", "name", "Acme")), f.unique("org", "name"))
			f.wantError(f.try(f.update("org", 2, "name", "Acme")), f.unique("org", "name"))
		}},
		promise{"a row may keep its own unique value", func(f *fixture) { f.do(f.update("org", 1, "name", "Acme")) }},
		promise{"a unique value is free after an update", func(f *fixture) {
			f.do(f.update("org", 1, "name", "Gamma"), f.insert("org", "name", "Acme"))
		}},
		promise{"a unique value is free after a delete", func(f *fixture) {
			f.do(f.delete("tag", 3), f.insert("tag", "name", "green"))
		}},
		promise{"unique text heeds case", func(f *fixture) { f.do(f.insert("org", "name", "ACME"), f.insert("org", "name", " Acme")) }},
		promise{"unique e-mail ignores ASCII case", func(f *fixture) {
			f.wantError(f.try(f.insert("customer", "name", "x", "email", "Ann@X.IO")), f.unique("customer", "email"))
			f.wantError(f.try(f.update("customer", 2, "email", "CID@x.io")), f.unique("customer", "email"))
			f.do(f.update("customer", 1, "email", "ANN@x.io"))
			f.want(f.read("customer", "email", byKey(f, "customer", 1)), "ANN@x.io")
		}},
		promise{"nulls are distinct", func(f *fixture) {
			f.do(f.insert("customer", "name", "x"), f.insert("customer", "name", "y"))
		}},
		promise{"a soft-deleted row takes no unique value", func(f *fixture) {
			f.do(f.insert("customer", "name", "x", "email", "dee@x.io"))
		}},
		promise{"a soft-deleted row may take any unique value", func(f *fixture) {
			f.do(f.update("customer", 4, "email", "ann@x.io").among(storage.OnlyDeleted))
		}},
		promise{"soft deletion frees unique values", func(f *fixture) {
			f.do(f.softDelete("order", 1), f.insert("order", "number", "A-1", "customer", 1))
		}},
		promise{"restore needs its unique values free", func(f *fixture) {
			f.do(f.insert("customer", "name", "x", "email", "DEE@x.io"))
			f.wantError(f.try(f.restore("customer", 4)), f.unique("customer", "email"))
			f.want(f.read("customer", "id", among(storage.OnlyDeleted)), "4")
			f.do(f.update("customer", 6, "email", nil), f.restore("customer", 4))
		}},
		promise{"restore may set another unique value", func(f *fixture) {
			f.do(f.insert("customer", "name", "x", "email", "dee@x.io"))
			f.do(f.change(storage.Restore, "customer", 4, "email", "dee2@x.io").among(storage.OnlyDeleted))
		}},
		promise{"two soft-deleted rows may have the same unique value", func(f *fixture) {
			f.do(f.insert("customer", "name", "x", "email", "dee@x.io"))
			f.do(f.softDelete("customer", 6))
		}},
		promise{"a unique reference is taken once", func(f *fixture) {
			f.wantError(f.try(f.insert("profile", "customer", 1, "bio", "x")), f.unique("profile", "customer"))
		}},
		promise{"a reference needs its target", func(f *fixture) {
			f.wantError(f.try(f.insert("order", "number", "Z", "customer", 77)), f.reference("order", "customer"))
			f.wantError(f.try(f.update("order", 1, "customer", 77)), f.reference("order", "customer"))
			f.wantError(f.try(f.update("customer", 1, "org", 77)), f.reference("customer", "org"))
		}},
		promise{"a null reference needs none", func(f *fixture) { f.do(f.update("customer", 1, "org", nil)) }},
		promise{"a target may come earlier in the transaction", func(f *fixture) {
			f.do(f.insert("org", "id", 9, "name", "Nine"), f.insert("customer", "name", "x", "org", 9))
		}},
		promise{"a soft-deleted row satisfies references", func(f *fixture) {
			f.do(f.update("order", 5, "items", 9), f.insert("note", "customer", 4, "body", "late"))
		}},
		promise{"a row may refer to itself", func(f *fixture) {
			f.do(f.insert("customer", "id", 50, "name", "Ouroboros", "sponsor", 50))
			f.want(f.read("customer", "name", where(Is("sponsor.name", "=", "Ouroboros"))), "Ouroboros")
		}},
		promise{"a row may refer to itself by the number it gets, and is judged then", func(f *fixture) {
			no := errors.New("no")
			f.wantError(f.try(f.insert("customer", "name", "Ouroboros", "sponsor", 6).after(None, no)), no)
			f.wantError(f.try(f.insert("customer", "name", "Ouroboros", "sponsor", 60).after(None, no)), f.reference("customer", "sponsor"))
		}},
		promise{"a check refuses rows it does not hold for", func(f *fixture) {
			f.wantError(f.try(f.insert("line", "order", 1, "product", "x", "quantity", 0)), f.check("line", "positive"))
			f.wantError(f.try(f.update("line", 1, "quantity", -1)), f.check("line", "positive"))
			f.do(f.insert("line", "order", 1, "product", "x", "quantity", 1))
		}},
		promise{"a check comes ahead of a reference", func(f *fixture) {
			f.wantError(f.try(f.insert("line", "order", 77, "product", "x", "quantity", 0)), f.check("line", "positive"))
		}},
		promise{"a unique index comes ahead of a reference", func(f *fixture) {
			f.wantError(f.try(f.insert("order", "number", "A-1", "customer", 77)), f.unique("order", "number"))
		}},
		promise{"a refused write leaves nothing behind", func(f *fixture) {
			moved := f.moved(func() {
				f.wantError(f.try(f.update("customer", 1, "score", 9, "email", "cid@x.io").linked("tags")), f.unique("customer", "email"))
				f.wantError(f.try(f.insert("customer", "name", "x", "org", 77)), f.reference("customer", "org"))
				f.wantError(f.try(f.insert("line", "order", 1, "product", "x", "quantity", 0)), f.check("line", "positive"))
			}, "customer", "tag", "line", "org")
			f.want([]string{moved}, "")
			f.want(f.read("customer", "name score tags", page(0, 1)), `Ann 3 ["red","blue"]`)
		}},
	)
	return c
}

// judgingNumbers: what the store itself numbers is judged like any other value.
func judgingNumbers() chapter {
	small := Or(Null("name"), And(Is("id", "<", 3), Is("no", "<", 3)))
	return empty("checks of numbers", func() *schema.Schema {
		return Schema(Class("ticket", Text("name", Unique, Optional), Text("queue"), Of("int", "no", Sequence("queue")), Check("small", small)))
	},
		promise{"a check of a number refuses the row", func(f *fixture) {
			f.do(f.insert("ticket", "name", "a", "queue", "x", "no", next), f.insert("ticket", "queue", "y", "no", next))
			f.wantError(f.try(f.insert("ticket", "name", "c", "queue", "z", "no", next)), f.check("ticket", "small"))
		}},
		promise{"a check of a key comes ahead of a unique value", func(f *fixture) {
			f.do(f.insert("ticket", "name", "a", "queue", "x", "no", next), f.insert("ticket", "queue", "y", "no", next))
			f.wantError(f.try(f.insert("ticket", "name", "a", "queue", "z", "no", next)), f.check("ticket", "small"))
		}},
		promise{"a check of a number comes ahead of a unique value", func(f *fixture) {
			f.do(f.insert("ticket", "id", -5, "name", "a", "queue", "x", "no", next), f.insert("ticket", "id", -4, "queue", "x", "no", next))
			f.wantError(f.try(f.insert("ticket", "id", -3, "name", "a", "queue", "x", "no", next)), f.check("ticket", "small"))
			f.wantError(f.try(f.insert("ticket", "id", -3, "name", "a", "queue", "y", "no", next)), f.unique("ticket", "name"))
		}},
	)
}

func deleting() chapter {
	return stocked("delete",
		promise{"removes the row for good", func(f *fixture) {
			f.do(f.delete("note", 1))
			f.want(f.read("note", "id", among(storage.WithDeleted)))
			f.wantError(f.try(f.delete("note", 1)), storage.ErrNotFound)
		}},
		promise{"of a class with soft delete removes the row for good too", func(f *fixture) {
			f.do(f.delete("order", 3))
			f.want(f.read("order", "id", among(storage.WithDeleted)), "1", "2", "4", "5")
		}},
		promise{"of a soft-deleted row purges it", func(f *fixture) {
			f.do(f.delete("order", 4).among(storage.OnlyDeleted))
			f.want(f.read("order", "id", among(storage.OnlyDeleted)))
		}},
		promise{"is refused by live rows that refer with restrict", func(f *fixture) {
			f.wantError(f.try(f.delete("customer", 1)), f.referenced(2, "order", "customer"))
			ids(f, "customer", All, "1 2 3 5")
		}},
		promise{"takes soft-deleted rows that refer with restrict along", func(f *fixture) {
			f.do(f.delete("order", 1), f.delete("order", 2), f.delete("customer", 1))
			f.want(f.read("order", "id", among(storage.WithDeleted)), "3", "5")
		}},
		promise{"takes rows that refer with cascade along", func(f *fixture) {
			f.want([]string{f.moved(func() { f.do(f.delete("order", 1)) }, "order", "line", "customer", "note")}, "order line")
			f.want(f.read("line", "id"), "3")
		}},
		promise{"clears references with set null and moves their rows", func(f *fixture) {
			v := f.version("customer", 1)
			f.want([]string{f.moved(func() { f.do(f.delete("org", 1)) }, "org", "customer", "order")}, "org customer")
			f.want(f.read("customer", "name org", among(storage.WithDeleted)), "Ann -", "bob 2", "Cid -", "Dee -", "Émile -")
			if f.version("customer", 1) == v {
				f.t.Error("the version of the cleared row stayed")
			}
		}},
		promise{"leaves other rows' versions alone", func(f *fixture) {
			bob, ann := f.version("customer", 2), f.version("customer", 1)
			f.do(f.delete("org", 2))
			if f.version("customer", 2) == bob || f.version("customer", 1) != ann {
				f.t.Error("the wrong versions moved")
			}
		}},
		promise{"of a linked row moves the rows that owned the links", func(f *fixture) {
			ann, bob, cid := f.version("customer", 1), f.version("customer", 2), f.version("customer", 3)
			f.want([]string{f.moved(func() { f.do(f.delete("tag", 1)) }, "tag", "customer", "org")}, "tag customer")
			if f.version("customer", 1) == ann || f.version("customer", 2) != bob || f.version("customer", 3) != cid {
				f.t.Error("the wrong versions moved")
			}
		}},
		promise{"of the owner of links moves the counter of the other class", func(f *fixture) {
			f.do(f.update("customer", 3).linked("tags", 3))
			f.want([]string{f.moved(func() { f.do(f.delete("customer", 3)) }, "tag", "customer", "org")}, "tag customer")
		}},
		promise{"refused leaves nothing behind", func(f *fixture) {
			moved := f.moved(func() { f.wantError(f.try(f.delete("customer", 1)), f.referenced(2, "order", "customer")) },
				"customer", "note", "profile", "order", "tag")
			f.want([]string{moved}, "")
			f.want(f.read("note", "body"), "hello")
			f.want(f.read("customer", "tags sponsor", byKey(f, "customer", 2)), `["blue"] 1`)
		}},
		promise{"soft delete is refused by live rows that refer with restrict", func(f *fixture) {
			f.wantError(f.try(f.softDelete("customer", 1)), f.referenced(2, "order", "customer"))
			f.wantError(f.try(f.softDelete("customer", 2)), f.referenced(1, "order", "customer"))
		}},
		promise{"soft delete is not refused by soft-deleted rows", func(f *fixture) {
			f.do(f.softDelete("order", 1), f.softDelete("order", 2), f.softDelete("customer", 1))
			ids(f, "customer", All, "2 3 5")
		}},
		promise{"soft delete cascades to nothing", func(f *fixture) {
			f.do(f.softDelete("order", 1))
			f.want(f.read("line", "id order"), "1 1", "2 1", "3 2")
		}},
		promise{"soft delete clears no references", func(f *fixture) {
			f.do(f.softDelete("order", 1), f.softDelete("order", 2))
			v := f.version("customer", 2)
			f.want([]string{f.moved(func() { f.do(f.softDelete("customer", 1)) }, "customer", "note", "profile", "org", "tag")}, "customer")
			f.want(f.read("customer", "sponsor", byKey(f, "customer", 2)), "1")
			f.want(f.read("note", "customer"), "1")
			if f.version("customer", 2) != v {
				f.t.Error("the row that refers moved")
			}
		}},
		promise{"guards of the caller come ahead of references", func(f *fixture) {
			no := errors.New("no")
			f.wantError(f.try(f.delete("customer", 1).before(None, no)), no)
		}},
	)
}

func travelling() chapter {
	return empty("deletes that travel", trees,
		promise{"down a tree of the same class", func(f *fixture) {
			f.do(f.insert("folder", "name", "root"), f.insert("folder", "name", "a", "parent", 1), f.insert("folder", "name", "b", "parent", 2),
				f.insert("folder", "name", "other"))
			f.do(f.delete("folder", 1))
			f.want(f.read("folder", "name"), "other")
		}},
		promise{"down a tree, soft-deleted rows too", func(f *fixture) {
			f.do(f.insert("folder", "name", "root"), f.insert("folder", "name", "a", "parent", 1), f.insert("folder", "name", "b", "parent", 2))
			f.do(f.softDelete("folder", 2))
			f.do(f.delete("folder", 1))
			f.want(f.read("folder", "name", among(storage.WithDeleted)))
		}},
		promise{"are refused by a live row far down", func(f *fixture) {
			f.do(f.insert("folder", "name", "root"), f.insert("folder", "name", "a", "parent", 1), f.insert("file", "name", "f", "folder", 2))
			f.wantError(f.try(f.delete("folder", 1)), f.referenced(1, "file", "folder"))
			f.want(f.read("folder", "name"), "root", "a")
		}},
		promise{"purge soft-deleted rows far down", func(f *fixture) {
			f.do(f.insert("folder", "name", "root"), f.insert("folder", "name", "a", "parent", 1), f.insert("file", "name", "f", "folder", 2))
			f.do(f.softDelete("file", 1))
			f.do(f.delete("folder", 1))
			f.want(f.read("file", "name", among(storage.WithDeleted)))
		}},
		promise{"are refused by a live row behind a soft-deleted one", func(f *fixture) {
			f.do(f.insert("folder", "name", "root"), f.insert("file", "name", "f", "folder", 1))
			f.do(f.softDelete("file", 1))
			f.do(f.insert("page", "file", 1, "body", "p"))
			f.wantError(f.try(f.delete("folder", 1)), f.referenced(1, "page", "file"))
			f.do(f.delete("page", 1), f.delete("folder", 1))
		}},
		promise{"clear references to everything that goes", func(f *fixture) {
			f.do(f.insert("folder", "name", "root"), f.insert("file", "name", "f", "folder", 1),
				f.insert("bookmark", "label", "both", "file", 1, "folder", 1), f.insert("bookmark", "label", "none"))
			f.do(f.softDelete("file", 1))
			f.do(f.delete("folder", 1))
			f.want(f.read("bookmark", "label file folder"), "both - -", "none - -")
		}},
		promise{"are not refused by rows that go along another way", func(f *fixture) {
			f.do(f.insert("tenant", "name", "t"), f.insert("team", "tenant", 1, "name", "a"), f.insert("member", "tenant", 1, "team", 1, "name", "m"))
			f.wantError(f.try(f.delete("team", 1)), f.referenced(1, "member", "team"))
			f.do(f.delete("tenant", 1))
			f.want(f.read("member", "name"))
			f.want(f.read("team", "name"))
		}},
		promise{"go round a circle once", func(f *fixture) {
			f.do(f.insert("left", "name", "l"), f.insert("right", "name", "r", "left", 1), f.update("left", 1, "right", 1))
			f.do(f.delete("left", 1))
			f.want(f.read("left", "name"))
			f.want(f.read("right", "name"))
		}},
		promise{"are not refused by a row that refers to itself", func(f *fixture) {
			f.do(f.insert("boss", "id", 1, "name", "b", "boss", 1))
			f.do(f.delete("boss", 1))
			f.want(f.read("boss", "name"))
		}},
		promise{"are refused by another row of the same class", func(f *fixture) {
			f.do(f.insert("boss", "name", "b"), f.insert("boss", "name", "w", "boss", 1))
			f.wantError(f.try(f.delete("boss", 1)), f.referenced(1, "boss", "boss"))
			f.do(f.delete("boss", 2), f.delete("boss", 1))
		}},
		promise{"soft delete of a row that refers to itself is not refused", func(f *fixture) {
			f.do(f.insert("folder", "id", 1, "name", "own", "parent", 1))
			f.do(f.softDelete("folder", 1))
			f.want(f.read("folder", "name"))
			f.do(f.delete("folder", 1).among(storage.WithDeleted))
			f.want(f.read("folder", "name", among(storage.WithDeleted)))
		}},
	)
}
