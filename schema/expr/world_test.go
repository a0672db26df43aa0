package expr_test

import (
	"iter"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// world is the schema of the tests: customers with orders, tags and members.
type world struct {
	schema.Schema
	user, org, profile, customer, order, tag *schema.Class
}

func typ(name string, words ...string) schema.Type {
	o := schema.Options{}
	for i := 0; i+1 < len(words); i += 2 {
		if o.Text == nil {
			o.Text = map[string]string{}
		}
		o.Text[words[i]] = words[i+1]
	}
	return schema.MustType(name, o)
}

func newWorld() *world {
	w := &world{}
	id := func() *schema.Field {
		return &schema.Field{Name: "id", JSON: "id", Column: "id", Type: typ("int"), Auto: schema.AutoID}
	}
	f := func(name string, t schema.Type) *schema.Field {
		return &schema.Field{Name: name, JSON: name, Column: name, Type: t, Optional: true}
	}
	class := func(name string, fields ...*schema.Field) *schema.Class {
		c := &schema.Class{Name: name, Collection: name + "s", Plural: name + "s", Fields: append([]*schema.Field{id()}, fields...), Expose: true}
		c.Key = c.Fields[:1]
		w.Classes = append(w.Classes, c)
		return c
	}
	status := schema.MustType("enum", schema.Options{Enum: []string{"draft", "placed", "shipped"}})
	level := schema.MustType("enum", schema.Options{Enum: []string{"low", "high", "extreme"}})
	address := schema.MustType("object", schema.Options{Fields: []*schema.Field{
		{Name: "city", JSON: "city", Type: typ("string"), Optional: true},
		{Name: "zip", JSON: "zipCode", Type: typ("string", "pattern", "[0-9]{5}"), Optional: true},
		{Name: "rent", JSON: "rent", Type: typ("decimal"), Optional: true},
	}})
	strings := schema.MustType("list", schema.Options{Elem: typ("string")})

	w.org = class("org", f("name", typ("string")))
	w.user = class("user", f("email", typ("email")), f("password", typ("password")), f("level", level), f("age", typ("int")))
	w.profile = class("profile", f("bio", typ("text")))
	w.tag = class("tag", f("name", typ("slug")))
	w.customer = class("customer",
		f("name", typ("string", "max", "10")), f("vip", typ("bool")), f("level", level), f("age", typ("int", "min", "1")),
		f("credit", typ("decimal")), f("score", typ("float")), f("big", typ("bigint")), f("born", typ("date")),
		f("opens", typ("time")), f("created_at", typ("datetime")), f("wait", typ("duration")), f("ref", typ("uuid")),
		f("data", typ("json")), f("address", address), f("labels", strings), f("like", typ("string")),
		f("pin", typ("string")), f("subject", typ("string")))
	w.order = class("order", f("number", typ("string")), f("total", typ("decimal")), f("status", status), f("placed_at", typ("datetime")))

	reference(w.user, "org", w.org, "users", false)
	reference(w.profile, "user", w.user, "profile", true)
	reference(w.customer, "owner", w.user, "owned", false)
	reference(w.customer, "org", w.org, "customers", false)
	reference(w.order, "customer", w.customer, "orders", false)
	many(w.customer, "tags", w.tag, w.tag.Fields[1], "customers")
	many(w.customer, "members", w.user, nil, "memberships")
	count := f("orders_count", typ("int"))
	count.Column = ""
	w.customer.Fields = append(w.customer.Fields, count)
	w.Seal()
	count.Computed = &schema.Computed{Func: "count", Rel: w.customer.Relation("orders")}
	w.customer.Field("pin").WriteOnly = true
	w.Login = w.user
	return w
}

func reference(c *schema.Class, name string, to *schema.Class, inverse string, unique bool) {
	f := &schema.Field{Name: name, JSON: name + "_id", Column: name + "_id", Type: to.Key[0].Type, Optional: true, Unique: unique}
	way := &schema.Relation{Name: name, JSON: name, Kind: schema.ToOne, From: c, To: to, Field: f}
	back := &schema.Relation{Name: inverse, JSON: inverse, Kind: schema.ToMany, From: to, To: c, Field: f, Back: way}
	if unique {
		back.Kind = schema.InverseOne
	}
	way.Back = back
	f.Ref = &schema.Ref{To: to, Rel: way, Inverse: back}
	c.Fields = append(c.Fields, f)
	c.Relations = append(c.Relations, way)
	to.Relations = append(to.Relations, back)
}

func many(c *schema.Class, name string, to *schema.Class, by *schema.Field, inverse string) {
	elem := to.Key[0].Type
	if by != nil {
		elem = by.Type
	}
	f := &schema.Field{Name: name, JSON: name, Type: schema.MustType("list", schema.Options{Elem: elem})}
	way := &schema.Relation{Name: name, JSON: name, Kind: schema.Link, From: c, To: to, Field: f}
	back := &schema.Relation{Name: inverse, JSON: inverse, Kind: schema.LinkInverse, From: to, To: c, Field: f, Back: way}
	way.Back = back
	f.Many = &schema.Many{To: to, By: by, Rel: way}
	c.Fields = append(c.Fields, f)
	c.Relations = append(c.Relations, way)
	to.Relations = append(to.Relations, back)
}

func (w *world) scope(c *schema.Class) *expr.Scope {
	return &expr.Scope{Schema: &w.Schema, Class: c, Login: w.Login}
}

// bind is Parse and Bind of a condition on customers that is right.
func (w *world) bind(t testing.TB, src string) schema.Expr {
	t.Helper()
	n, bad := expr.Parse(src)
	if bad != nil {
		t.Fatalf("%s: %v", src, bad)
	}
	e, errs := expr.Bind(n, w.scope(w.customer))
	for _, err := range errs {
		t.Fatalf("%s: %v", src, err.Message)
	}
	return e
}

// env is the request of the tests: user 7 of organization 3.
func (w *world) env() *expr.Env {
	u := make([]schema.Value, len(w.user.Fields))
	u[w.user.Field("id").Index] = schema.NewInt(7)
	u[w.user.Field("email").Index] = schema.NewText("ada@example.com")
	u[w.user.Field("level").Index] = schema.NewText("high")
	u[w.user.Field("org").Index] = schema.NewInt(3)
	return &expr.Env{
		Now:    func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) },
		Me:     "7",
		User:   u,
		Claims: map[string]schema.Value{"team": schema.NewText("red"), "floor": schema.NewInt(4)},
	}
}

// row is a row of the tests with the rows it leads to.
type row struct {
	values map[string]schema.Value
	one    map[string]*row
	many   map[string][]*row
}

func (r *row) Value(f *schema.Field, guard schema.Expr) schema.Value {
	if f.Computed != nil {
		n := int64(0)
		for _, o := range r.many[f.Computed.Rel.Name] {
			if expr.Match(guard, o) {
				n++
			}
		}
		return schema.NewInt(n)
	}
	return r.values[f.Name]
}

func (r *row) One(rel *schema.Relation) expr.Rower {
	if o := r.one[rel.Name]; o != nil {
		return o
	}
	return nil
}

func (r *row) Many(rel *schema.Relation) iter.Seq[expr.Rower] {
	return func(yield func(expr.Rower) bool) {
		for _, o := range r.many[rel.Name] {
			if !yield(o) {
				return
			}
		}
	}
}
