package load_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
)

// describe says in a line what a field is.
func describe(f *schema.Field) string {
	words := []string{f.Name, f.JSON, f.Column, f.Type.Name()}
	add := func(on bool, word string) {
		if on {
			words = append(words, word)
		}
	}
	add(f.Synthetic, "synthetic")
	add(f.Ref != nil, "ref")
	if f.Many != nil {
		words = append(words, "many", f.Many.Table, f.Many.Own, f.Many.Other)
	}
	if f.Computed != nil {
		words = append(words, f.Computed.Func, f.Computed.Rel.Name)
	}
	add(f.Optional, "optional")
	add(f.Unique, "unique")
	add(f.Indexed, "indexed")
	add(f.Immutable, "immutable")
	add(f.ReadOnly, "readonly")
	add(f.Hidden, "hidden")
	if f.Auto != schema.NoAuto {
		words = append(words, fmt.Sprint("auto", f.Auto))
	}
	if f.Default != nil {
		words = append(words, "default="+f.Default.Value.String())
	}
	if f.Write != nil {
		words = append(words, "write="+f.Write.Text)
	}
	return strings.Join(words, " ")
}

func fieldsOf(c *schema.Class) (all []string) {
	for _, f := range c.Fields {
		all = append(all, describe(f))
	}
	return all
}

func relationsOf(c *schema.Class) (all []string) {
	for _, r := range c.Relations {
		all = append(all, fmt.Sprintf("%s %s %d→%s via %s.%s", r.Name, r.JSON, r.Kind, r.To.Name, r.Field.Class.Name, r.Field.Name))
	}
	return all
}

func rulesOf(s *schema.Schema, class string) (all []string) {
	for _, r := range s.Rules {
		if r.Class.Name == class {
			all = append(all, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s %d:%d", r.Role, r.Verb, r.RowRole, r.Cond, r.Pos.Line, r.Pos.Col)), " "))
		}
	}
	return all
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestCRM(t *testing.T) {
	s := loadClean(t, "crm.yaml")
	same(t, "app", s.App, schema.App{Title: "Acme CRM", Version: "1.0", Style: "envelope", Mount: "/api", Jobs: true})

	customer := s.Class("customer")
	same(t, "fields of customer", fieldsOf(customer), []string{
		"id id id int immutable auto5",
		"name name name string",
		"email email email email unique",
		"phone phone phone phone optional",
		"company company company string optional",
		"status status status enum indexed default=active",
		"address address address object optional",
		"tags tags  list many customers_tags customer_id tag_id",
		"orders_count orders_count  int count orders readonly",
		"total_revenue total_revenue  decimal sum orders readonly",
		"created_at created_at created_at datetime auto2",
		"updated_at updated_at updated_at datetime auto6",
		"deleted_at deleted_at deleted_at datetime optional readonly",
	})
	same(t, "relations of customer", relationsOf(customer), []string{
		"tags tags 3→tag via customer.tags",
		"orders orders 1→order via order.customer",
		"notes notes 1→note via note.customer",
	})
	same(t, "names", []string{customer.Collection, customer.Table, customer.Plural, customer.TypeName}, []string{"customers", "customers", "customers", "Customer"})
	same(t, "cache", customer.Cache, 5*time.Minute)
	same(t, "soft delete", customer.SoftDelete && customer.DeletedAt != nil && customer.Bulk && customer.Expose, true)
	same(t, "search", len(customer.Search), 3)
	same(t, "sort", len(customer.Sort) == 1 && customer.Sort[0] == schema.Sort{Field: customer.CreatedAt, Desc: true}, true)

	order := s.Class("order")
	same(t, "fields of order", fieldsOf(order), []string{
		"id id id int immutable auto5",
		"number number number string unique immutable",
		"customer customer_id customer_id int ref",
		"status status status enum default=draft",
		"total total total decimal default=0.00",
		"placed_at placed_at placed_at datetime optional",
		"created_at created_at created_at datetime auto2",
		"updated_at updated_at updated_at datetime auto6",
	})
	same(t, "on_delete", []schema.OnDelete{order.Field("customer").Ref.OnDelete, s.Class("note").Field("customer").Ref.OnDelete}, []schema.OnDelete{schema.Restrict, schema.Cascade})
	same(t, "both names", order.Field("customer") == order.Field("customer_id"), true)

	same(t, "rules of customer", rulesOf(s, "customer"), []string{
		"agent read 64:13", "agent write 65:14", "manager delete 66:15", "manager actions 67:16", "admin merge 68:14",
	})
	same(t, "rules of note", rulesOf(s, "note"), []string{
		"agent read 87:13", "agent create 88:15", "user update author author = me 89:15", "user delete author author = me 90:16", "manager delete 90:24",
	})
	same(t, "role of user", describe(s.Class("user").Field("role")), "role role role enum default=agent write=admin")

	user := s.Login
	same(t, "login", []string{user.Name, user.Auth.Login.Name, user.Auth.Secret.Name, user.Auth.Role.Name}, []string{"user", "email", "password", "role"})

	merge := customer.Action("merge")
	same(t, "merge", []any{merge.Run, merge.Method, len(merge.Input), merge.Input[0].JSON, merge.Input[0].Ref.To.Name}, []any{true, "POST", 1, "source_id", "customer"})
	activate := customer.Action("activate")
	if activate.When == nil || activate.Set[0].Field.Name != "status" || activate.Set[0].Value.(schema.Lit).Value.Text() != "active" {
		t.Errorf("activate: %+v", activate)
	}
	for _, name := range []string{load.KeyClass, load.ResetClass} {
		if c := s.Class(name); c == nil || !c.Internal || c.Expose || len(c.Uniques) != 1 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	sessions := s.Class(load.SessionClass)
	if sessions == nil || !sessions.Internal || sessions.Expose || sessions.Table != "_dowel_sessions" || len(sessions.Fields) != 7 {
		t.Errorf("sessions: %+v", sessions)
	}
	if s.Collection(sessions.Collection) != nil {
		t.Error("sessions have a collection")
	}
	if len(s.Revision) != 32 {
		t.Errorf("revision %q", s.Revision)
	}
}
