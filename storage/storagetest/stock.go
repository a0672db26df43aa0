package storagetest

import "github.com/dowel-dev/dowel/schema"

// stock fills a shop with the rows that the promises speak of.
func stock(f *fixture) {
	f.do(
		f.insert("org", "name", "Acme"), f.insert("org", "name", "Beta"),
		f.insert("tag", "name", "red", "weight", 1), f.insert("tag", "name", "blue", "weight", 2), f.insert("tag", "name", "green"),
		f.insert("customer", "name", "Ann", "email", "ann@x.io", "status", "active", "score", 3, "vip", true, "rating", 1.5,
			"credit", "10.50", "born", "1990-01-31", "seen", "2026-01-01T00:00:00Z", "langs", `["en","de"]`,
			"address", `{"street":"Elm 1","zip":"01234"}`, "extra", `{"a":[1,2]}`, "org", 1).linked("tags", 2, 1),
		f.insert("customer", "name", "bob", "status", "lead", "score", 1, "vip", false, "rating", 2.5,
			"credit", "2.00", "born", "1985-06-01", "seen", "2025-12-31T23:59:59.5Z", "langs", `[]`,
			"address", `{"street":"Oak 2","zip":null}`, "org", 2, "sponsor", 1).linked("tags", 2),
		f.insert("customer", "name", "Cid", "status", "gone", "email", "cid@x.io", "sponsor", 1),
		f.insert("customer", "name", "Dee", "email", "dee@x.io", "score", 3, "credit", "99.00", "org", 1).linked("tags", 1),
		f.insert("customer", "name", "Émile", "email", "emile@x.io", "status", "active", "score", -2, "rating", -0.5,
			"credit", "-3.25", "vip", true, "sponsor", 4).linked("friends", 1, 4),
	)
	f.do(f.softDelete("customer", 4))
	f.do(
		f.insert("order", "number", "A-1", "customer", 1, "status", "draft", "total", "10.00", "items", 2),
		f.insert("order", "number", "A-2", "customer", 1, "status", "placed", "total", "5.50"),
		f.insert("order", "number", "A-3", "customer", 2, "status", "shipped", "items", 1),
		f.insert("order", "number", "A-4", "customer", 1, "status", "placed", "total", "100.00", "items", 7),
		f.insert("order", "number", "A-5", "customer", 4, "status", "draft", "total", "7.00", "items", 1),
		f.insert("line", "order", 1, "product", "nail", "quantity", 100),
		f.insert("line", "order", 1, "product", "saw", "quantity", 1),
		f.insert("line", "order", 2, "product", "nail", "quantity", 20),
		f.insert("note", "customer", 1, "body", "hello"),
		f.insert("profile", "customer", 1, "bio", "about Ann"),
		f.insert("profile", "customer", 4, "bio", "about Dee"),
	)
	f.do(f.softDelete("order", 4))
}

func stocked(name string, promises ...promise) chapter {
	return chapter{name: name, schema: shop, rows: stock, promises: promises}
}

func empty(name string, s func() *schema.Schema, promises ...promise) chapter {
	return chapter{name: name, schema: s, promises: promises}
}
