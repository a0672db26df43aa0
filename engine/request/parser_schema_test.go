package request

import (
	"github.com/dowel-dev/dowel/schema"
)

// crm is a small schema with one of everything that a path can address.
func crm() *schema.Schema {
	customer := &schema.Class{Name: "customer", Collection: "customers", Table: "customers", TypeName: "Customer", SoftDelete: true, Expose: true, Bulk: true}
	order := &schema.Class{Name: "order", Collection: "orders", Table: "orders", TypeName: "Order", Expose: true, Bulk: true}
	item := &schema.Class{Name: "order_item", Collection: "order-items", Table: "order_items", TypeName: "OrderItem", Expose: true}
	rating := &schema.Class{Name: "rating", Collection: "ratings", Table: "ratings", TypeName: "Rating", Expose: true, Bulk: true}
	tag := &schema.Class{Name: "tag", Collection: "tags", Table: "tags", TypeName: "Tag", Expose: true, Bulk: true}
	secret := &schema.Class{Name: "secret", Collection: "secrets", Table: "secrets", TypeName: "Secret", Bulk: true}

	field := func(c *schema.Class, name, typ string, o schema.Options) *schema.Field {
		f := &schema.Field{Name: name, JSON: name, Column: name, Type: schema.MustType(typ, o)}
		c.Fields = append(c.Fields, f)
		return f
	}
	key := func(c *schema.Class, fields ...*schema.Field) { c.Key = fields }
	none := schema.Options{}

	for _, c := range []*schema.Class{customer, order, item, secret} {
		key(c, field(c, "id", "int", none))
	}
	field(customer, "name", "string", none)
	field(customer, "email", "email", none)
	field(customer, "status", "enum", schema.Options{Enum: []string{"active", "inactive", "pending"}})
	field(customer, "limit", "int", none)
	tags := field(customer, "tags", "list", schema.Options{Elem: schema.MustType("string", none)})
	tags.Many = &schema.Many{To: tag}
	field(order, "number", "string", none)
	field(order, "total", "decimal", none)
	ref := func(c *schema.Class, name string, to *schema.Class) *schema.Field {
		f := field(c, name, "int", none)
		f.JSON = name + "_id"
		f.Ref = &schema.Ref{To: to}
		return f
	}
	buyer := ref(order, "customer", customer)
	of := ref(item, "order", order)
	hidden := ref(order, "secret", secret)
	key(tag, field(tag, "name", "slug", none))
	key(rating, field(rating, "author", "int", none), field(rating, "subject", "string", none))
	rating.Fields = append(rating.Fields, &schema.Field{Name: "id", JSON: "id", Type: schema.MustType("string", none), Synthetic: true})

	relate := func(from *schema.Class, name string, kind schema.RelKind, to *schema.Class, f *schema.Field) {
		from.Relations = append(from.Relations, &schema.Relation{Name: name, JSON: name, Kind: kind, From: from, To: to, Field: f})
	}
	relate(order, "customer", schema.ToOne, customer, buyer)
	relate(customer, "orders", schema.ToMany, order, buyer)
	relate(order, "items", schema.ToMany, item, of)
	relate(item, "order", schema.ToOne, order, of)
	relate(order, "secret", schema.ToOne, secret, hidden)
	relate(customer, "tags", schema.Link, tag, tags)
	relate(tag, "customers", schema.LinkInverse, customer, tags)
	tag.Nested = map[string]string{"customers": "read"}
	item.Nested = map[string]string{"order": "none"}

	act := func(c *schema.Class, a schema.Action) {
		a.Class = c
		if a.Path == "" {
			a.Path = a.Name
		}
		if a.Method == "" {
			a.Method = "POST"
		}
		c.Actions = append(c.Actions, &a)
	}
	act(customer, schema.Action{Name: "activate"})
	act(customer, schema.Action{Name: "clean_up", Path: "clean-up", OnCollection: true})
	input := []*schema.Field{{Name: "since", JSON: "since", Type: schema.MustType("date", none)}, {Name: "top", JSON: "top", Type: schema.MustType("int", none)}}
	act(customer, schema.Action{Name: "stats", OnCollection: true, Method: "GET", Input: input})
	act(tag, schema.Action{Name: "merge", OnCollection: true})
	act(tag, schema.Action{Name: "report", Method: "GET"})

	s := &schema.Schema{
		App:     schema.App{Mount: "/api"},
		Classes: []*schema.Class{customer, order, item, rating, tag, secret},
	}
	s.Seal()
	return s
}
