package explain_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/explain"
	"github.com/dowel-dev/dowel/schema/load"
)

const app = `dowel: 1
roles: {agent: null, manager: {includes: agent}}
classes:
  user:
    auth: {login: email, secret: password}
    fields: {email: email unique, password: password}
    allow: {all: manager}
  customer:
    doc: A person we sell to.
    soft_delete: true
    cache: 5m
    sort: -name
    fields:
      name: string max=20
      level: {enum: [low, high], default: low, write: manager}
      owner: user optional
      tags: many tag by=name
      credit: decimal scale=3 min=0 default=0
      pin: string optional writeonly
      spot: {fields: {x: int, y: int optional}, optional: true}
      number: int auto=sequence
    computed: {orders_count: count orders where total > 5}
    scopes: {rich: credit > 100}
    checks: {sane: credit >= 0}
    roles: {mine: owner = me}
    actions:
      raise: {doc: Up by one., when: level = 'low', set: {level: high}, input: {reason: text optional}}
    allow: {read: [mine, agent], write: agent, delete: manager, actions: agent where level = 'low'}
    deny: {delete: agent where credit > 10}
  order:
    fields: {customer: customer on_delete=cascade, total: decimal}
    key: [customer, number]
    unique: [[customer, total]]
    allow: {read: agent}
  tag:
    fields: {name: slug unique}
    expose: false
`

func appSchema(t *testing.T) *schema.Schema {
	t.Helper()
	text := strings.Replace(app, "total: decimal}", "total: decimal, number: int}", 1)
	s, list := load.FS(fstest.MapFS{"dowel.yaml": {Data: []byte(text)}}, ".", load.Options{})
	if s == nil {
		t.Fatal(list)
	}
	return s
}

func TestClass(t *testing.T) {
	s := appSchema(t)
	got, err := explain.Text(s, "customer", explain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"customer\n  A person we sell to.\n",
		"collection   /api/customers\n", "table        customers\n", "OpenAPI      Customer\n", "key          id, generated\n",
		"cache        5m0s\n", "sort         -name\n", "declared     dowel.yaml:8:3\n",
		"name          string max=20", "enum low, high", "default low", "reference to user", "set of tag by name",
		"decimal scale=3 min=0.000", "object of x, y", "numbered", "count orders where total > 5.00",
		"orders  many order, by order.customer\n", "mine  owner = me\n", "rich  credit > 100.000", "sane  credit >= 0\n",
		"raise  when level = 'low'  Up by one.\n", "allow  read         mine (row role)\n", "allow  actions", "deny   delete", "agent where credit > 10\n",
		"POST    /api/customers/{id}/raise    raise\n", "POST    /api/customers/{id}/restore  restore\n", "GET     /api/customers/{id}/orders   list\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
	if strings.Contains(got, "customers/{id}/tags") {
		t.Error("a class that is not exposed has routes")
	}
	for line := range strings.SplitSeq(got, "\n") {
		if strings.TrimRight(line, " ") != line {
			t.Errorf("spaces at the end of %q", line)
		}
	}
}

func TestOtherClasses(t *testing.T) {
	s := appSchema(t)
	for class, want := range map[string]string{
		"order":  "key         id, made of customer_id-number\n",
		"tag":    "collection  none: expose is false\n",
		"user":   "login       with email and password\n",
		"orders": "table       orders\n", // its path segment
	} {
		got, err := explain.Text(s, class, explain.Options{Mount: "/v1/"})
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %v\n%s", class, err, got)
		}
	}
	got, _ := explain.Text(s, "tag", explain.Options{})
	if !strings.Contains(got, "none  nobody may do anything") || strings.Contains(got, "Routes") {
		t.Error(got)
	}
}

func TestMembers(t *testing.T) {
	s := appSchema(t)
	who := func(c *schema.Class, verb string) string { return "those who " + verb }
	tests := []struct {
		topic string
		want  []string
	}{
		{"customer.name", []string{"customer.name  string max=20, required\n", `"name": "…"`, "column    customers.name", "?name=…  eq ne in lt le gt ge like is", "those who get", "those who update", "dowel.yaml:14:7"}},
		{"customer.level", []string{"enum low, high", "default low", `"level": "low"`, "write     manager, of those who may use the class"}},
		{"customer.owner", []string{"reference to user, optional", `"owner_id": 42 | null`, "refers to  user, on delete restrict", "way back   user.customers"}},
		{"customer.owner_id", []string{"customer.owner  reference to user"}},
		{"customer.tags", []string{"set of tag by name", "table", "(customer_id, tag_id)", "?tags=…  eq ne in"}},
		{"customer.pin", []string{"never shown", "read      nobody"}},
		{"customer.number", []string{"numbered", "write     nobody: the engine fills it"}},
		{"customer.orders_count", []string{"count orders where", "write     nobody: it is worked out"}},
		{"user.password", []string{"never shown", "read      nobody"}},
		{"customer.orders", []string{"many order, by order.customer", "with=orders", "GET       /api/customers/{id}/orders"}},
		{"customer.raise", []string{"Up by one.", "POST      /api/customers/{id}/raise", "when      level = 'low'", "input     reason  text, optional", "sets      level", "those who raise"}},
		{"order.customer", []string{"on delete cascade"}},
	}
	for _, tt := range tests {
		t.Run(tt.topic, func(t *testing.T) {
			got, err := explain.Text(s, tt.topic, explain.Options{Who: who})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("the page does not say %q:\n%s", want, got)
				}
			}
		})
	}
}

func TestWords(t *testing.T) {
	tests := []struct {
		topic string
		want  []string
	}{
		{"E023", []string{"E023: unknown type", "Wrong:", "Right:"}},
		{"e023", []string{"E023: unknown type"}},
		{"decimal", []string{"type decimal", "options  scale, min, max", `"12.50"`}},
		{"read", []string{"verb read", "stands for  list, get", "field.read"}},
		{"class.cache", []string{"class.cache", "default  false", "cache: 5m"}},
		{"optional", []string{"field.optional", "in a field  optional"}},
		{"action", []string{"action\n  An operation beside the generic ones.", "when"}},
	}
	for _, tt := range tests {
		t.Run(tt.topic, func(t *testing.T) {
			got, err := explain.Text(nil, tt.topic, explain.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("the page does not say %q:\n%s", want, got)
				}
			}
		})
	}
}

func TestUnknown(t *testing.T) {
	s := appSchema(t)
	for topic, want := range map[string]string{
		"custmer":        "nothing is called `custmer`: did you mean `customer`?",
		"custmer.name":   "nothing is called `custmer.name`: did you mean `customer.name`?",
		"customer.nmae":  "`customer` has no field `nmae`: did you mean `name`?",
		"customer.riase": "`customer` has no field `riase`: did you mean `raise`?",
		"xyzzyxyzzy":     "nothing is called `xyzzyxyzzy`",
		"decimol":        "nothing is called `decimol`: did you mean `decimal`?",
	} {
		_, err := explain.Text(s, topic, explain.Options{})
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v", topic, err)
		}
	}
}

// TestEverythingHasAPage: all that is offered for completion can be explained,
// and every member of every application.
func TestEverythingHasAPage(t *testing.T) {
	entries, err := os.ReadDir("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	schemas := []*schema.Schema{nil}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if s, _ := load.FS(os.DirFS("../../examples"), e.Name(), load.Options{}); s != nil {
			schemas = append(schemas, s)
		}
	}
	for _, s := range schemas {
		topics := explain.Topics(s, explain.Options{})
		if s != nil {
			for _, c := range s.Classes {
				for _, f := range c.Fields {
					if !c.Internal {
						topics = append(topics, c.Name+"."+f.Name)
					}
				}
			}
		}
		for _, topic := range topics {
			if text, err := explain.Text(s, topic, explain.Options{}); err != nil || len(text) < 20 {
				t.Errorf("%s: %q %v", topic, text, err)
			}
		}
	}
}

func TestRoutes(t *testing.T) {
	s := appSchema(t)
	var got []string
	for _, r := range explain.Routes(s.Class("order")) {
		got = append(got, r.Method+" "+r.Path+" "+r.Class.Name+" "+r.Verb)
	}
	want := []string{
		"GET /orders order list", "POST /orders order create", "PATCH /orders order update", "DELETE /orders order delete",
		"POST /orders/bulk-import order create", "POST /orders/bulk-update order update", "POST /orders/bulk-delete order delete",
		"GET /orders/{id} order get", "PUT /orders/{id} order update", "PATCH /orders/{id} order update", "DELETE /orders/{id} order delete",
		"GET /orders/{id}/customer customer get",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if explain.Routes(s.Class("tag")) != nil {
		t.Error("a class that is not exposed has routes")
	}
}

func TestCodesHavePages(t *testing.T) {
	for _, c := range diag.Codes() {
		if text, err := explain.Text(nil, c.ID, explain.Options{}); err != nil || !strings.HasPrefix(text, c.ID) {
			t.Error(c.ID, err)
		}
	}
}
