package storagetest

import "github.com/dowel-dev/dowel/schema"

// shop is the schema most promises are tested on: every kind of field and
// relation occurs once, every on_delete too.
func shop() *schema.Schema {
	return Schema(
		Class("org", Text("name", Unique)),
		Class("tag", Text("name", Unique), Of("int", "weight", Optional)),
		Class("customer",
			SoftDelete,
			Text("name"),
			Of("email", "email", Optional, Unique),
			Enum("status", []string{"lead", "active", "gone"}, Optional),
			Of("int", "score", Optional),
			Of("bool", "vip", Optional),
			Of("float", "rating", Optional),
			Decimal("credit", "2", Optional),
			Of("date", "born", Optional),
			Of("datetime", "seen", Optional),
			Of("json", "extra", Optional),
			List("langs", "string", Optional),
			Object("address", []string{"street", "zip"}, Optional),
			Ref("org", "org", "customers", SetNull),
			Ref("sponsor", "customer", "sponsored", SetNull),
			Many("tags", "tag", "name", "customers"),
			Many("friends", "customer", "", "befriended"),
			Computed("orders_count", "count", "orders", "", nil),
			Computed("draft_count", "count", "orders", "", Is("status", "=", "draft")),
			Computed("revenue", "sum", "orders", "total", nil),
			Computed("items", "sum", "orders", "items", nil),
			Computed("best", "max", "orders", "total", nil),
			Computed("worst", "min", "orders", "total", nil),
			Computed("mean", "avg", "orders", "total", nil),
			Computed("load", "avg", "orders", "items", nil),
			Computed("tags_count", "count", "tags", "", nil),
		),
		Class("order",
			SoftDelete,
			Text("number", Unique),
			Ref("customer", "customer", "orders"),
			Enum("status", []string{"draft", "placed", "shipped"}, Optional),
			Decimal("total", "2", Optional),
			Of("int", "items", Optional),
		),
		Class("line",
			Ref("order", "order", "lines", Cascade),
			Text("product"),
			Of("int", "quantity"),
			Check("positive", Is("quantity", ">", 0)),
		),
		Class("note",
			Ref("customer", "customer", "notes", Cascade),
			Text("body"),
		),
		Class("profile",
			Ref("customer", "customer", "profile", Unique, Cascade),
			Text("bio"),
		),
	)
}

// keys has a class for every way to identify and number rows.
func keys() *schema.Schema {
	return Schema(
		Class("person", Text("name")),
		Class("country", Text("code"), Text("name"), Key("code")),
		Class("city", Text("name"), Ref("country", "country", "cities"), Ref("twin", "city", "twins", SetNull)),
		Class("rating",
			Ref("author", "person", "given", Cascade), Ref("subject", "person", "received", Cascade),
			Of("int", "stars"), Key("author", "subject")),
		Class("badge", Of("uuid", "id"), Text("label"), Key("id")),
		Class("wearer", Text("name"), Ref("badge", "badge", "wearers", SetNull), Many("badges", "badge", "", "holders")),
		Class("account", Of("bigint", "number"), Of("bigint", "balance", Optional), Key("number")),
		Class("circle", Text("name"), Many("accounts", "account", "", "circles")),
		Class("project", Text("name")),
		Class("ticket",
			Ref("project", "project", "tickets"), Of("int", "number", Sequence("project")), Text("title"),
			UniqueTogether("project", "number")),
		Class("item", Text("shelf", Optional), Of("int", "number", Sequence("shelf"))),
		Class("box", Text("name")),
		Class("coin", Ref("box", "box", "coins", SetNull), Of("int", "number", Sequence("box"))),
		Class("receipt", Of("bigint", "number", Sequence("")), Text("title"), Key("number")),
		Class("booking",
			Text("room"), Of("date", "starts"), Of("date", "ends", Optional), Of("int", "seats", Optional),
			UniqueTogether("room", "starts", "seats"),
			Check("dates", Or(Null("ends"), Fields("starts", "<=", "ends"))),
			Check("seats", Or(Null("seats"), Is("seats", ">", 0)))),
		Class("strict", Of("int", "n", Optional), Check("small", Is("n", "<", 10))),
	)
}

// trees has references that make deletes travel far.
func trees() *schema.Schema {
	return Schema(
		Class("folder", SoftDelete, Text("name"), Ref("parent", "folder", "children", Cascade, Optional)),
		Class("file", SoftDelete, Text("name"), Ref("folder", "folder", "files")),
		Class("page", Ref("file", "file", "pages"), Text("body")),
		Class("bookmark", Ref("file", "file", "bookmarks", SetNull), Ref("folder", "folder", "bookmarks", SetNull), Text("label")),
		Class("tenant", Text("name")),
		Class("team", Ref("tenant", "tenant", "teams", Cascade), Text("name")),
		Class("member", Ref("tenant", "tenant", "members", Cascade), Ref("team", "team", "members"), Text("name")),
		Class("left", Text("name"), Ref("right", "right", "lefts", Cascade, Optional)),
		Class("right", Text("name"), Ref("left", "left", "rights", Cascade, Optional)),
		Class("boss", Text("name"), Ref("boss", "boss", "reports", Optional)),
	)
}
