package storagetest

import (
	"strings"

	"github.com/dowel-dev/dowel/storage"
)

func ordering() chapter {
	by := func(want string, keys ...string) func(f *fixture) {
		return func(f *fixture) {
			f.t.Helper()
			f.want(f.read("customer", "id", order(keys...)), strings.Fields(want)...)
		}
	}
	return stocked("ordering",
		promise{"numbers order by value, nulls last", by("5 2 1 3", "score")},
		promise{"nulls come last in descending order too", by("1 2 5 3", "-score")},
		promise{"decimals order by value", by("5 2 1 3", "credit")},
		promise{"decimals order descending", by("1 2 5 3", "-credit")},
		promise{"floats order by value", by("5 1 2 3", "rating")},
		promise{"false comes before true", by("2 1 5 3", "vip")},
		promise{"text orders by code point", by("1 3 2 5", "name")},
		promise{"text orders descending by code point", by("5 2 3 1", "-name")},
		promise{"enums order as declared", by("2 1 5 3", "status")},
		promise{"enums order descending as declared", by("3 1 5 2", "-status")},
		promise{"dates order by time", by("2 1 3 5", "born")},
		promise{"datetimes order by time, fractions too", by("2 1 3 5", "seen")},
		promise{"later keys break ties of earlier ones", by("2 3 5 1", "-sponsor.id", "-name")},
		promise{"each key has its own direction", by("5 1 2 3", "-vip", "score")},
		promise{"a path through a reference orders, its missing rows last", by("1 2 3 5", "org.name")},
		promise{"a path through a reference orders descending", by("2 1 3 5", "-org.name")},
		promise{"a reference orders by its key", by("2 3 5 1", "sponsor")},
		promise{"a computed count orders", by("1 2 3 5", "-orders_count")},
		promise{"a computed value orders, null last", by("1 2 3 5", "best")},
		promise{"a member of an object orders", by("2 1 3 5", "-address.street")},
		promise{"characters beyond the basic plane come after it", func(f *fixture) {
			f.do(f.insert("tag", "name", "\uffee"), f.insert("tag", "name", "\U0001F600"), f.insert("tag", "name", "z"))
			f.want(f.read("tag", "name", order("name"), where(Is("id", ">", 3))), "z", "\uffee", "\U0001F600")
		}},
		promise{"a prefix comes before what it begins", func(f *fixture) {
			f.do(f.insert("tag", "name", "redder"), f.insert("tag", "name", "re"))
			f.want(f.read("tag", "name", order("name"), where(Like("name", "re*"))), "re", "red", "redder")
		}},
		promise{"the order holds over pages", func(f *fixture) {
			var got []string
			for i := range 4 {
				got = append(got, f.read("customer", "id", order("-name"), page(i, 1))...)
			}
			f.want(got, "5", "2", "3", "1")
		}},
		promise{"a guarded step orders what it hides like null", func(f *fixture) {
			f.want(f.read("customer", "id", func(q *storage.Query) {
				order("org.name")(q)
				q.Order[0].By.Steps[0].Guard = Is("name", "!=", "Acme")(f.class("org"))
			}), "2", "1", "3", "5")
		}},
	)
}
