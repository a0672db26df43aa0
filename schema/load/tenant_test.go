package load_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
)

// below is an application with organizations; %T stands for tenant, %M for the
// fields of memberships, and body for more classes.
func below(tenant, members, body string) string {
	return strings.NewReplacer("%T", tenant, "%M", members).Replace(`dowel: 1
tenant: {%T}
roles: {guest: null, owner: {includes: guest}}
classes:
  org: {tenant: none, key: slug, fields: {slug: slug, name: string}, allow: {read: guest}}
  user:
    tenant: none
    auth: {login: email, secret: password}
    fields: {email: email unique, password: password}
    allow: {read: user}
  seat: {fields: {%M}, allow: {read: guest}}
`) + body
}

const (
	usual = "class: org, via: seat, creator: owner"
	seats = "user: user, role: {enum: [guest, owner]}"
)

func TestTenantMistakes(t *testing.T) {
	for _, c := range []struct{ name, code, text, help string }{
		{"creator without via", "E038", below("class: org, creator: «owner»", seats, ""), "name the class of memberships: `via: …`"},
		{"creator that is no role", "E031", below("class: org, via: seat, creator: «ownr»", seats, ""), "did you mean `owner`?"},
		{"creator without a field for it", "E038", below("class: org, via: seat, creator: «owner»", "user: user", ""), "give `seat` a field `role`"},
		{"creator that the field cannot hold", "E038", below("class: org, via: seat, creator: «owner»", "user: user, role: {enum: [guest]}", ""), ""},
		{"creator without all that is required", "E038", below("class: org, via: seat, creator: «owner»", seats+", since: date", ""), "make it `optional` or give it a default"},
		{"via without a user", "E038", below("class: org, via: «seat»", "role: {enum: [guest, owner]}", ""), "add a reference to `user`"},
		{"via outside", "E038", below("class: org, via: «user»", seats, ""), "remove its `tenant: none`"},
		{"a role nobody declares", "E031", below(usual, "user: user, role: {enum: [guest, owner, «boss»]}", ""), ""},
		{"users below", "E038", strings.Replace(below("class: org", "note: string", ""), "  user:\n    tenant: none\n", "  «user»:\n", 1), "add `tenant: none`"},
		{"a key that clients choose", "E038", below(usual, seats, "  label: {key: «name», fields: {name: slug}, allow: {read: guest}}\n"), "let `id` be generated and declare `name` as `unique`, which holds within an organization"},
		{"a key of several", "E038", below(usual, seats, "  vote: {key: [«user», day], fields: {user: user, day: date}, allow: {read: guest}}\n"), ""},
		{"a field in the way", "E038", below(usual, seats, "  label: {fields: {«org»: string}, allow: {read: guest}}\n"), ""},
		{"an optional organization", "E038", below(usual, seats, "  label: {fields: {«org»: org optional}, allow: {read: guest}}\n"), ""},
		{"names from outside", "E038", below(usual, seats, "  label: {fields: {name: slug unique}, allow: {read: guest}}\n  team: {tenant: none, fields: {labels: {many: label, by: «name»}}, allow: {read: user}}\n"), "leave `by` out"},
		{"names made from outside", "E055", below(usual, seats, "  label: {fields: {name: slug unique}, allow: {read: guest}}\n  team: {tenant: none, fields: {labels: {many: label, by: name, «create»: true}}, allow: {read: user}}\n"), ""},
		{"public cache", "E037", below(usual, seats, "  label: {cache: «public 5m», fields: {name: slug}, allow: {read: anyone}}\n"), "remove `public`"},
		{"a schema for each", "E038", below("class: org, mode: «schema»", seats, ""), "leave `mode` out; an organization that needs a schema of its own needs a server of its own: `db` in its config.yaml"},
		{"a database for each", "E038", below("class: org, mode: «database»", seats, ""), "leave `mode` out; an organization that needs a database of its own needs a server of its own: `db` in its config.yaml"},
		{"another mode", "E014", below("class: org, mode: «rows»", seats, ""), "write one of: column"},
		{"another place", "E014", below("class: org, from: «cookie»", seats, ""), "write one of: path, claim, header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, line, col, _ := marked(t, c.text)
			list := loadText(text)
			i := slices.Index(codesOf(list), c.code)
			if i < 0 {
				t.Fatalf("found\n%s", lines(list))
			}
			if p := list[i].Pos; p.Line != line || p.Col != col {
				t.Errorf("found at %d:%d, want %d:%d: %s", p.Line, p.Col, line, col, list[i].Message)
			}
			if !strings.Contains(list[i].Help, c.help) {
				t.Errorf("help is %q", list[i].Help)
			}
		})
	}
}

// What is made for classes below an organization.
func TestTenantFields(t *testing.T) {
	read := func(text string) *schema.Schema {
		t.Helper()
		s, list := load.FS(tree("dowel.yaml", text), ".", load.Options{})
		if list.HasErrors() {
			t.Fatal(lines(list))
		}
		return s
	}
	s := read(below(usual, "invited_by: user optional inverse=invited, user: user inverse=seats, role: {enum: [guest, owner]}, number: int auto=sequence", `  ticket:
    fields: {number: int auto=sequence, room: room, place: int auto=sequence per=room, code: slug unique, labels: {many: label, by: name, create: true}}
    unique: [[number]]
    allow: {read: guest}
  room: {id: uuid, fields: {name: string}, allow: {read: guest}}
  label: {fields: {name: slug unique}, allow: {read: guest}}
  entry: {key: [ticket, day], fields: {ticket: ticket, day: date}, allow: {read: guest}}
  setting: {key: [org, name], fields: {name: slug, value: json}, allow: {read: guest}}
  word: {fields: {id: bigint auto=sequence}, allow: {read: guest}}
  own: {fields: {org: org on_delete=cascade inverse=owned, name: string}, allow: {read: guest}}
`))
	ticket, seat := s.Class("ticket"), s.Class("seat")
	same(t, "prefix", []string{ticket.Prefix, ticket.Path(), s.Class("org").Path(), s.Class("user").Path()}, []string{"/orgs/{org}", "/orgs/{org}/tickets", "/orgs", "/users"})
	if f := ticket.Tenant; f == nil || f != ticket.Field("org") || !f.Immutable || f.Optional || f.Required() || f.Ref.OnDelete != schema.Restrict || ticket.Fields[1] != f {
		t.Errorf("the reference is %+v", ticket.Tenant)
	}
	if s.Class("user").Tenant != nil || s.Tenant.Org(s.Class("user")) != nil || s.Tenant.Org(s.Class("org")).Name != "slug" || s.Tenant.Org(ticket) != ticket.Tenant {
		t.Error("which field says the organization")
	}
	if seat.Tenant.Ref.OnDelete != schema.Cascade || s.Class("own").Tenant.Ref.OnDelete != schema.Cascade {
		t.Error("memberships go with their organization, and what says so")
	}
	if s.Tenant.Member.Name != "user" || s.Tenant.Role.Name != "role" {
		t.Errorf("members are %s as %s", s.Tenant.Member.Name, s.Tenant.Role.Name)
	}
	if ticket.Field("number").Per != ticket.Tenant || ticket.Field("place").Per != ticket.Field("room") || seat.Field("number").Per != seat.Tenant {
		t.Error("numbers count within the organization")
	}
	same(t, "uniques of ticket", indexesOf(ticket.Uniques), []string{"tickets_org_id_code_key", "tickets_org_id_number_key"})
	same(t, "key of setting", s.Class("setting").Key[0] == s.Class("setting").Tenant, true)
	for from, want := range map[string]string{"claim": "/seats", "header": "/seats"} {
		if got := read(below("class: org, from: "+from, seats, "")).Class("seat").Path(); got != want {
			t.Errorf("from %s: %s", from, got)
		}
	}
	own := strings.Replace(below("class: org, via: org, creator: owner", "note: string", ""), "name: string}", "name: string, boss: user auto=me}", 1)
	if s := read(own); s.Tenant.Via != s.Tenant.Class || s.Tenant.Member.Name != "boss" || s.Tenant.Role != nil {
		t.Error("organizations say themselves whose they are")
	}
}
