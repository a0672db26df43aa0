package request

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
)

// tenants is crm with tags and ratings below organizations.
func tenants(from string) *schema.Schema {
	s := crm()
	org := &schema.Class{Name: "org", Collection: "orgs", Table: "orgs", TypeName: "Org", Expose: true, Bulk: true}
	slug := &schema.Field{Name: "slug", JSON: "slug", Column: "slug", Type: schema.MustType("slug", schema.Options{})}
	org.Fields, org.Key = []*schema.Field{slug}, []*schema.Field{slug}
	for _, name := range []string{"rating", "order_item"} {
		c := s.Class(name)
		c.Tenant = &schema.Field{Name: "org", JSON: "org_id", Column: "org_id", Type: slug.Type, Ref: &schema.Ref{To: org}}
		c.Tenanted = true
		if from == "path" {
			c.Prefix = "/orgs/{org}"
		}
		c.Fields = append(c.Fields, c.Tenant)
		org.Relations = append(org.Relations, &schema.Relation{Name: strings.ReplaceAll(c.Collection, "-", "_"), JSON: strings.ReplaceAll(c.Collection, "-", "_"),
			Kind: schema.ToMany, From: org, To: c, Field: c.Tenant})
	}
	customer := s.Class("customer")
	customer.Relations = append(customer.Relations, &schema.Relation{Name: "ratings", JSON: "ratings", Kind: schema.LinkInverse, From: customer, To: s.Class("rating")})
	org.Relations = append(org.Relations, &schema.Relation{Name: "customers", JSON: "customers", Kind: schema.ToMany, From: org, To: customer})
	s.Classes = append(s.Classes, org)
	s.Tenant = &schema.Tenant{Class: org, From: from}
	s.Seal()
	return s
}

func TestPathsOfOrganizations(t *testing.T) {
	tests := []struct {
		name, line, want string // want is a prefix
	}{
		{"collection", "GET /api/orgs/acme/ratings", `{"do":"search","class":"rating","tenant":"acme"}`},
		{"collection with a slash", "GET /api/orgs/acme/ratings/", `{"do":"search","class":"rating","tenant":"acme"}`},
		{"item", "GET /api/orgs/acme/ratings/300-x", `{"do":"get","class":"rating","id":"300-x","tenant":"acme"}`},
		{"property", "GET /api/orgs/acme/ratings/300-x/subject", `{"do":"get","class":"rating","id":"300-x","property":"subject","tenant":"acme"}`},
		{"to-one relation", "GET /api/orgs/acme/order-items/7/order_id", `{"do":"get","class":"order_item","id":"7","property":"order_id","tenant":"acme"}`},
		{"modifiers follow the collection", "GET /api/orgs/acme/ratings;limit=2", `{"do":"search","class":"rating","limit":2,"tenant":"acme"}`},
		{"modifiers of the mount", "GET /api;pretty/orgs/acme/ratings", `{"do":"search","class":"rating","tenant":"acme","output":{"pretty":true}}`},
		{"the relation of another spelling", "GET /api/orgs/acme/order_items", `{"do":"search","class":"order_item","tenant":"acme"}`},
		{"an escaped key", "GET /api/orgs/%61cme/ratings", `{"do":"search","class":"rating","tenant":"acme"}`},
		{"writes", "DELETE /api/orgs/acme/ratings/300-x", `{"do":"delete","class":"rating","id":"300-x","tenant":"acme"}`},
		{"the organization itself", "GET /api/orgs/acme", `{"do":"get","class":"org","id":"acme"}`},
		{"its property", "GET /api/orgs/acme/slug", `{"do":"get","class":"org","id":"acme","property":"slug"}`},
		{"its relation to what is outside", "GET /api/orgs/acme/customers", `{"do":"search","class":"customer","parent":{"class":"org","id":"acme","relation":"customers"}}`},
		{"from outside, to read", "GET /api/customers/7/ratings", `{"do":"search","class":"rating","parent":{"class":"customer","id":"7","relation":"ratings"}}`},
		{"from outside, to write", "POST /api/customers/7/ratings", "method-not-allowed: "},
		{"at the top", "GET /api/ratings", "not-found: There is no collection `ratings` outside of orgs. (did you mean `/orgs/{org}/ratings`?)"},
		{"an item at the top", "GET /api/ratings/300-x", "not-found: There is no collection `ratings` outside of orgs."},
		{"outside of organizations", "GET /api/orgs/acme/customers/7", "not-found: The path has too many segments"},
		{"an organization inside of another", "GET /api/orgs/acme/orgs/acme/ratings", "not-found: "},
		{"too many segments", "GET /api/orgs/acme/ratings/300-x/subject/y", "not-found: The path has too many segments"},
		{"an empty organization", "GET /api/orgs//ratings", "not-found: "},
		{"modifiers on the organizations", "GET /api/orgs;limit=2/acme/ratings", "bad-path: "},
		{"modifiers on the organization", "GET /api/orgs/acme;limit=2/ratings", "bad-path: "},
		{"modifiers twice", "GET /api/orgs;limit=2/acme/ratings;limit=2", "bad-path: "},
		{"modifiers on a member", "GET /api/orgs/acme/slug;limit=2", "bad-path: "},
		{"modifiers on an item", "GET /api/orgs/acme/ratings/300-x;pretty", "bad-path: "},
		{"dots", "GET /api/orgs/%2E%2E/ratings", "bad-path: "},
		{"a relation of a relation", "GET /api/orgs/acme/order_items/7", "not-found: "},
	}
	p := &Parser{Schema: tenants("path")}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := outcome(p, ask(tt.line, nil, "")); !strings.HasPrefix(got, tt.want) {
				t.Error(cmp.Diff(tt.want, got))
			}
		})
	}
}

func TestHeaderOfOrganizations(t *testing.T) {
	tests := []struct {
		name, from string
		headers    []string
		want       string
	}{
		{"named", "header", []string{"X-Tenant: acme"}, `{"do":"search","class":"rating","tenant":"acme"}`},
		{"not named", "header", nil, `{"do":"search","class":"rating"}`},
		{"named twice", "header", []string{"X-Tenant: acme", "X-Tenant: acme"}, "bad-header [X-Tenant]: `X-Tenant` is the id of one organization."},
		{"named by nothing", "header", []string{"X-Tenant: \t"}, "bad-header [X-Tenant]: `X-Tenant` is the id of one organization."},
		{"named where tokens do", "claim", []string{"X-Tenant: acme"}, `{"do":"search","class":"rating"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &Parser{Schema: tenants(tt.from)}
			if got := outcome(p, ask("GET /api/ratings", tt.headers, "")); !strings.HasPrefix(got, tt.want) {
				t.Error(cmp.Diff(tt.want, got))
			}
		})
	}
}
