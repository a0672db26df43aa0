package storagetest

import (
	"math"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

func numbering() chapter {
	return empty("keys and numbers", keys,
		promise{"generated ids count from 1", func(f *fixture) {
			f.do(f.insert("person", "name", "a"), f.insert("person", "name", "b"))
			f.want(f.read("person", "id name"), "1 a", "2 b")
		}},
		promise{"generated ids are never given twice", func(f *fixture) {
			f.do(f.insert("person", "name", "a"), f.insert("person", "name", "b"))
			f.do(f.delete("person", 2))
			f.do(f.insert("person", "name", "c"))
			f.want(f.read("person", "id name"), "1 a", "3 c")
		}},
		promise{"generated ids go on above every given one", func(f *fixture) {
			f.do(f.insert("person", "id", 1000, "name", "a"), f.delete("person", 1000), f.insert("person", "id", 5, "name", "b"), f.insert("person", "name", "c"))
			f.want(f.read("person", "id name"), "5 b", "1001 c")
		}},
		promise{"ids may be 0 and negative when given", func(f *fixture) {
			f.do(f.insert("person", "id", 0, "name", "zero"), f.insert("person", "id", -7, "name", "minus"))
			f.want(f.read("person", "id name"), "-7 minus", "0 zero")
			f.do(f.update("person", 0, "name", "nought"))
			f.want(f.read("person", "name", byKey(f, "person", 0)), "nought")
		}},
		promise{"natural keys are text as it is", func(f *fixture) {
			for _, code := range []string{"pl", "PL", "a-b", "a~b", "ü", "1", "01", "a/b", "a b", "'"} {
				f.do(f.insert("country", "code", code, "name", "n "+code))
				f.want(f.read("country", "name", byKey(f, "country", code)), "n "+code)
			}
			f.wantError(f.try(f.insert("country", "code", "pl", "name", "again")), f.unique("country", "code"))
			f.do(f.delete("country", "PL"))
			f.want(f.read("country", "name", byKey(f, "country", "pl")), "n pl")
		}},
		promise{"references hold natural keys", func(f *fixture) {
			f.do(f.insert("country", "code", "pl", "name", "Poland"), f.insert("city", "name", "Gdynia", "country", "pl"))
			f.want(f.read("city", "country", expand("country", "name"), where(Is("country.name", "=", "Poland"))), "pl [Poland]")
			f.want(f.read("country", "code", expand("cities", "name")), "pl [Gdynia]")
			f.wantError(f.try(f.insert("city", "name", "x", "country", "PL")), f.reference("city", "country"))
			f.wantError(f.try(f.delete("country", "pl")), f.referenced(1, "city", "country"))
		}},
		promise{"composite keys identify together", func(f *fixture) {
			f.do(f.insert("person", "name", "a"), f.insert("person", "name", "b"))
			f.do(f.insert("rating", "author", 1, "subject", 2, "stars", 5), f.insert("rating", "author", 2, "subject", 1, "stars", 3), f.insert("rating", "author", 1, "subject", 1, "stars", 1))
			f.want(f.read("rating", "author subject stars"), "1 1 1", "1 2 5", "2 1 3")
			f.want(f.read("rating", "stars", byKey(f, "rating", 2, 1)), "3")
			f.want(f.read("rating", "stars", byKey(f, "rating", 2, 2)))
			f.wantError(f.try(f.insert("rating", "author", 1, "subject", 2, "stars", 1)), f.unique("rating", "author", "subject"))
			f.do(f.update("rating", []any{1, 2}, "stars", 4))
			f.do(f.delete("rating", []any{1, 1}))
			f.want(f.read("rating", "author subject stars", order("-stars")), "1 2 4", "2 1 3")
		}},
		promise{"parts of composite keys are references", func(f *fixture) {
			f.do(f.insert("person", "name", "a"), f.insert("person", "name", "b"))
			f.do(f.insert("rating", "author", 1, "subject", 2, "stars", 5))
			f.want(f.read("rating", "stars", expand("author", "name"), expand("subject", "name"), where(Is("subject.name", "=", "b"))), "5 [a] [b]")
			f.want(f.read("person", "name", expand("given", "subject stars"), expand("received", "author")), "a [2 5] []", "b [] [1]")
			f.wantError(f.try(f.insert("rating", "author", 1, "subject", 9, "stars", 1)), f.reference("rating", "subject"))
			f.do(f.delete("person", 2))
			f.want(f.read("rating", "stars"))
		}},
		promise{"the key comes back from a change of a composite key", func(f *fixture) {
			f.do(f.insert("person", "name", "a"))
			row := f.apply(f.insert("rating", "author", 1, "subject", 1, "stars", 5))
			key := row.Key(f.class("rating"))
			f.want([]string{key[0].String(), key[1].String()}, "1", "1")
		}},
		promise{"uuid keys", func(f *fixture) {
			const id = "0192f3a4-7b1c-7def-8123-456789abcdef"
			f.do(f.insert("badge", "id", id, "label", "x"), f.insert("wearer", "name", "w", "badge", id).linked("badges", id))
			f.want(f.read("wearer", "badge badges", expand("badge", "label"), expand("badges", "label")), id+` ["`+id+`"] [x] [x]`)
			f.do(f.delete("badge", id))
			f.want(f.read("wearer", "badge badges"), "- []")
		}},
		promise{"keys of 64 bits", func(f *fixture) {
			for _, n := range []int64{math.MaxInt64, math.MaxInt64 - 1, math.MinInt64, 1<<53 + 1, 1 << 53} {
				f.do(f.insert("account", "number", n, "balance", n))
				f.want(f.read("account", "number balance", byKey(f, "account", n)), schema.NewInt(n).String()+" "+schema.NewInt(n).String())
			}
			f.do(f.insert("circle", "name", "c").linked("accounts", int64(math.MaxInt64), int64(math.MinInt64), int64(1<<53+1)))
			f.want(f.read("circle", "accounts"), "[-9223372036854775808,9007199254740993,9223372036854775807]")
			f.want(f.read("circle", "id", where(Has("accounts", schema.NewInt(1<<53+1)))), "1")
			f.want(f.read("circle", "id", where(Has("accounts", schema.NewInt(1<<53)))))
		}},
		promise{"sequences count from 1 for each value of their field", func(f *fixture) {
			f.do(f.insert("project", "name", "a"), f.insert("project", "name", "b"))
			for _, p := range []int{1, 1, 2, 1, 2} {
				f.do(f.insert("ticket", "project", p, "number", next, "title", "t"))
			}
			f.want(f.read("ticket", "project number"), "1 1", "1 2", "2 1", "1 3", "2 2")
		}},
		promise{"sequences come back from the change", func(f *fixture) {
			f.do(f.insert("project", "name", "a"))
			c := f.insert("ticket", "project", 1, "number", next, "title", "t").returning("number")
			f.want(show(c.Return, []storage.Row{*f.apply(c)}), "1")
		}},
		promise{"sequences give no number twice", func(f *fixture) {
			f.do(f.insert("project", "name", "a"))
			f.do(f.insert("ticket", "project", 1, "number", next, "title", "t"), f.insert("ticket", "project", 1, "number", next, "title", "t"))
			f.do(f.delete("ticket", 2))
			f.do(f.insert("ticket", "project", 1, "number", next, "title", "t"))
			f.want(f.read("ticket", "number"), "1", "3")
		}},
		promise{"sequences go on above a number set outright", func(f *fixture) {
			f.do(f.insert("project", "name", "a"), f.insert("ticket", "project", 1, "number", 41, "title", "t"),
				f.insert("ticket", "project", 1, "number", next, "title", "t"))
			f.want(f.read("ticket", "number"), "41", "42")
		}},
		promise{"sequences go on above a row that moved there with its number", func(f *fixture) {
			f.do(f.insert("project", "name", "a"), f.insert("project", "name", "b"))
			for range 3 {
				f.do(f.insert("ticket", "project", 1, "number", next, "title", "t"))
			}
			f.do(f.update("ticket", 3, "project", 2))
			f.do(f.insert("ticket", "project", 2, "number", next, "title", "t"), f.insert("ticket", "project", 1, "number", next, "title", "t"))
			f.want(f.read("ticket", "project number"), "1 1", "1 2", "2 3", "2 4", "1 4")
		}},
		promise{"sequences go on above a row that moved to where others were counted", func(f *fixture) {
			f.do(f.insert("project", "name", "a"), f.insert("project", "name", "b"))
			for _, project := range []int{1, 1, 1, 2} {
				f.do(f.insert("ticket", "project", project, "number", next, "title", "t"))
			}
			f.do(f.update("ticket", 3, "project", 2))
			f.do(f.delete("ticket", 3))
			f.do(f.insert("ticket", "project", 2, "number", next, "title", "t"))
			f.want(f.read("ticket", "project number"), "1 1", "1 2", "2 1", "2 4")
		}},
		promise{"sequences go on above rows whose reference was cleared", func(f *fixture) {
			f.do(f.insert("box", "name", "a"))
			for _, box := range []any{1, 1, nil} {
				f.do(f.insert("coin", "box", box, "number", next))
			}
			f.do(f.delete("box", 1))
			f.do(f.insert("coin", "number", next))
			f.want(f.read("coin", "box number"), "- 1", "- 2", "- 1", "- 3")
		}},
		promise{"sequences count null as a value of their field", func(f *fixture) {
			for _, shelf := range []any{nil, "", nil, "", "x"} {
				f.do(f.insert("item", "shelf", shelf, "number", next))
			}
			f.want(f.read("item", "shelf number"), "- 1", " 1", "- 2", " 2", "x 1")
		}},
		promise{"sequences number updates too", func(f *fixture) {
			f.do(f.insert("project", "name", "a"), f.insert("project", "name", "b"), f.insert("ticket", "project", 1, "number", next, "title", "t"),
				f.insert("ticket", "project", 2, "number", next, "title", "t"))
			f.do(f.update("ticket", 1, "project", 2, "number", next))
			f.want(f.read("ticket", "project number"), "2 2", "2 1")
		}},
		promise{"sequences take the numbers of an undone write again", func(f *fixture) {
			f.do(f.insert("project", "name", "a"), f.insert("ticket", "project", 1, "number", next, "title", "t"))
			f.wantError(f.try(f.insert("ticket", "project", 1, "number", next, "title", "t"), f.insert("ticket", "project", 9, "number", next, "title", "t")),
				f.reference("ticket", "project"))
			f.do(f.insert("ticket", "project", 1, "number", next, "title", "t"))
			f.want(f.read("ticket", "number"), "1", "2")
		}},
		promise{"sequences may number keys", func(f *fixture) {
			f.do(f.insert("receipt", "number", next, "title", "a"), f.insert("receipt", "number", next, "title", "b"))
			row := f.apply(f.insert("receipt", "number", next, "title", "c"))
			f.want([]string{row.Key(f.class("receipt"))[0].String()}, "3")
			f.want(f.read("receipt", "number title"), "1 a", "2 b", "3 c")
		}},
		promise{"several unique fields are unique together", func(f *fixture) {
			f.do(f.insert("booking", "room", "r", "starts", "2026-01-01", "seats", 1), f.insert("booking", "room", "r", "starts", "2026-01-01", "seats", 2),
				f.insert("booking", "room", "s", "starts", "2026-01-01", "seats", 1))
			f.wantError(f.try(f.insert("booking", "room", "r", "starts", "2026-01-01", "seats", 2)), f.unique("booking", "room", "starts", "seats"))
		}},
		promise{"several unique fields with a null among them are distinct", func(f *fixture) {
			f.do(f.insert("booking", "room", "r", "starts", "2026-01-01"), f.insert("booking", "room", "r", "starts", "2026-01-01"))
		}},
		promise{"a check over two fields", func(f *fixture) {
			f.do(f.insert("booking", "room", "r", "starts", "2026-01-02", "ends", "2026-01-02"))
			f.wantError(f.try(f.insert("booking", "room", "r", "starts", "2026-01-02", "ends", "2026-01-01")), f.check("booking", "dates"))
			f.wantError(f.try(f.update("booking", 1, "starts", "2026-01-03")), f.check("booking", "dates"))
			f.do(f.update("booking", 1, "starts", "2026-01-03", "ends", "2026-01-04"))
		}},
		promise{"a check that compares with null does not hold", func(f *fixture) {
			f.wantError(f.try(f.insert("strict", "n", nil)), f.check("strict", "small"))
			f.wantError(f.try(f.insert("strict", "n", 10)), f.check("strict", "small"))
			f.do(f.insert("strict", "n", 9))
		}},
	)
}

func versioning() chapter {
	return empty("versions and counters", keys,
		promise{"every write of a row gives it a new version", func(f *fixture) {
			f.do(f.insert("person", "name", "a"))
			seen := map[int64]bool{f.version("person", 1): true}
			for _, name := range []string{"b", "b", "c"} {
				f.do(f.update("person", 1, "name", name))
				v := f.version("person", 1)
				if seen[v] {
					f.t.Errorf("version %d twice", v)
				}
				seen[v] = true
			}
		}},
		promise{"two rows of a class never have the same version", func(f *fixture) {
			seen := map[int64]string{}
			note := func(key string) {
				v := f.version("country", key)
				if who, ok := seen[v]; ok {
					f.t.Errorf("%s has version %d that was %s's", key, v, who)
				}
				seen[v] = key
			}
			f.do(f.insert("country", "code", "a", "name", "x"), f.insert("country", "code", "b", "name", "x"))
			note("a")
			note("b")
			f.do(f.update("country", "a", "name", "y"))
			f.do(f.update("country", "b", "name", "y"))
			note("a")
			note("b")
		}},
		promise{"a row made anew with the same key has a version of its own", func(f *fixture) {
			seen := map[int64]bool{}
			for range 4 {
				f.do(f.insert("country", "code", "a", "name", "x"))
				if v := f.version("country", "a"); seen[v] {
					f.t.Errorf("version %d again", v)
				} else {
					seen[v] = true
				}
				f.do(f.update("country", "a", "name", "y"))
				seen[f.version("country", "a")] = true
				f.do(f.delete("country", "a"))
			}
		}},
		promise{"versions are above 0", func(f *fixture) {
			f.do(f.insert("person", "name", "a"))
			if v := f.version("person", 1); v <= 0 {
				f.t.Errorf("version %d", v)
			}
		}},
		promise{"every kind of write moves the counter of its class alone", func(f *fixture) {
			classes := []string{"country", "person", "city"}
			move := func(c *change) {
				f.t.Helper()
				f.want([]string{f.moved(func() { f.do(c) }, classes...)}, "country")
			}
			move(f.insert("country", "code", "a", "name", "x"))
			move(f.update("country", "a", "name", "y"))
			move(f.update("country", "a"))
			move(f.delete("country", "a"))
		}},
		promise{"several writes of a transaction move it at once", func(f *fixture) {
			f.want([]string{f.moved(func() {
				f.do(f.insert("country", "code", "a", "name", "x"), f.insert("person", "name", "p"), f.delete("person", 1))
			}, "country", "person", "city")}, "country person")
		}},
		promise{"reading moves nothing", func(f *fixture) {
			f.do(f.insert("person", "name", "a"))
			f.want([]string{f.moved(func() { f.read("person", "name") }, "person")}, "")
		}},
		promise{"a counter never returns to an earlier value", func(f *fixture) {
			seen := map[int64]bool{}
			for range 5 {
				f.do(f.insert("country", "code", "a", "name", "x"))
				f.do(f.delete("country", "a"))
				n := f.counters([]*schema.Class{f.class("country")})[0]
				if seen[n] {
					f.t.Errorf("counter %d again", n)
				}
				seen[n] = true
			}
		}},
	)
}
