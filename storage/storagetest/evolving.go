package storagetest

import "github.com/dowel-dev/dowel/schema"

func evolving() chapter {
	first := func() *schema.Schema {
		return Schema(
			Class("book", Text("title", Unique), Of("int", "pages", Optional), Many("genres", "genre", "name", "")),
			Class("genre", Text("name", Unique)),
		)
	}
	second := func() *schema.Schema {
		return Schema(
			Class("author", Text("name")),
			Class("genre", Text("name", Unique)),
			Class("book", Of("date", "printed", Optional), Text("title", Unique), Of("int", "pages", Optional),
				Ref("author", "author", "books", SetNull), Many("genres", "genre", "name", "")),
		)
	}
	// serve moves the fixture to another revision.
	serve := func(f *fixture, s *schema.Schema) {
		f.t.Helper()
		pending, err := f.store.Migrate(f.ctx, s, true)
		if err != nil || len(pending) > 0 {
			f.t.Fatalf("migrate: %v, left %v", err, pending)
		}
		if err := f.store.Use(s); err != nil {
			f.t.Fatalf("use: %v", err)
		}
		f.schema = s
	}
	rows := func(f *fixture) {
		f.do(f.insert("genre", "name", "crime"), f.insert("book", "title", "A", "pages", 100).linked("genres", 1), f.insert("book", "title", "B"))
	}
	return chapter{name: "schema revisions", schema: first, rows: rows, promises: []promise{
		{"the schema served needs no step", func(f *fixture) {
			for _, apply := range []bool{false, true, false} {
				if pending, err := f.store.Migrate(f.ctx, f.schema, apply); err != nil || len(pending) > 0 {
					f.t.Errorf("apply %v: %v, %v", apply, pending, err)
				}
			}
		}},
		{"new classes and optional fields come without a question", func(f *fixture) {
			serve(f, second())
			f.want(f.read("book", "title pages printed author genres"), `A 100 - - ["crime"]`, `B - - - []`)
			f.do(f.insert("author", "name", "Agatha"), f.update("book", 1, "author", 1, "printed", "1920-10-01"))
			f.want(f.read("book", "title printed", where(Is("author.name", "=", "Agatha"))), "A 1920-10-01")
		}},
		{"constraints and numbering go on", func(f *fixture) {
			serve(f, second())
			f.do(f.insert("book", "title", "C"))
			f.wantError(f.try(f.insert("book", "title", "A")), f.unique("book", "title"))
			f.want(f.read("book", "id title"), "1 A", "2 B", "3 C")
		}},
		{"versions and counters never return", func(f *fixture) {
			version, counters := f.version("book", 1), f.counters([]*schema.Class{f.class("book")})
			serve(f, second())
			f.do(f.update("book", 1, "pages", 101))
			if v := f.version("book", 1); v == version {
				f.t.Errorf("version %d again", v)
			}
			if now := f.counters([]*schema.Class{f.class("book")}); now[0] <= counters[0] {
				f.t.Errorf("counter went from %d to %d", counters[0], now[0])
			}
		}},
		{"an equal schema made anew may be served", func(f *fixture) {
			serve(f, first())
			f.want(f.read("book", "title genres"), `A ["crime"]`, `B []`)
			f.do(f.insert("book", "title", "C").linked("genres", 1))
		}},
	}}
}
