package breaking_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/breaking"
	"github.com/dowel-dev/dowel/engine/openapi"
	"github.com/dowel-dev/dowel/schema/load"
)

const shop = `dowel: 1
app: {title: Shop}
roles:
  clerk: Sells.
  boss: {includes: clerk}
classes:
  user:
    auth: {login: email, secret: password, role: role}
    fields:
      email: email unique
      password: password
      role: {enum: [clerk, boss], default: clerk, write: boss}
    allow: {all: boss}
  customer:
    soft_delete: true
    search: [name, company]
    fields:
      name: string max=200
      company: string optional max=100
      code: slug unique optional immutable
      status: {enum: [active, inactive], default: active}
      score: int min=0 max=100 default=0
      address:
        optional: true
        fields: {street: string max=80, zip: 'string pattern="^[0-9]{5}$"'}
    scopes:
      active: status = 'active'
      idle: status = 'inactive'
    computed:
      spent: sum orders.total
    actions:
      activate: {when: status != 'active', set: {status: active}}
      merge: {input: {source: customer, note: string optional}, run: go}
    allow: {read: anyone, write: clerk, actions: clerk}
  order:
    limits: {page_max: 50}
    fields:
      number: string unique
      customer: customer
      total: decimal scale=2 min=0 default=0
      placed_at: datetime optional
      note: string optional
    allow: {read: clerk, write: clerk}
`

// render makes the documents of a schema with settings.
func render(t *testing.T, text string, s engine.Settings) (docs [2][]byte) {
	t.Helper()
	folder := fstest.MapFS{"dowel.yaml": {Data: []byte(text)}}
	app, found := load.FS(folder, ".", load.Options{})
	if app == nil || found.HasErrors() {
		t.Fatal(found[0])
	}
	rules, found := authz.New(app, folder)
	if rules == nil || found.HasErrors() {
		t.Fatal(found)
	}
	for i, e := range []openapi.Edition{openapi.Exact, openapi.Plain} {
		raw, err := engine.OpenAPI(s, app, rules, nil, e)
		if err != nil {
			t.Fatal(err)
		}
		docs[i] = raw
	}
	return docs
}

var shopDocs [2][]byte

// original are the documents of the shop.
func original(t *testing.T) [2][]byte {
	if shopDocs[0] == nil {
		shopDocs = render(t, shop, engine.Settings{})
	}
	return shopDocs
}

// change is an edit of the shop: pairs of what was and what is, in turn.
type change struct {
	name string
	edit []string
	want string // CODE PLACE of what must be found
	also string // a setting of the newer one
}

var knowledge = breaking.Knowledge{Includes: map[string][]string{"boss": {"clerk"}}}

func (c change) compare(t *testing.T) []breaking.Finding {
	t.Helper()
	text := shop
	for i := 0; i < len(c.edit); i += 2 {
		if !strings.Contains(text, c.edit[i]) {
			t.Fatalf("the schema has no %q", c.edit[i])
		}
		text = strings.ReplaceAll(text, c.edit[i], c.edit[i+1])
	}
	var settings engine.Settings
	switch c.also {
	case "mount":
		settings.Mount = "/v2"
	case "422":
		settings.Status.ActionInvalid = 422
	}
	before, after := original(t), render(t, text, settings)
	found, err := breaking.Compare(knowledge, breaking.Pair{Old: before[0], New: after[0]}, breaking.Pair{Old: before[1], New: after[1]})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func lines(found []breaking.Finding, worse ...breaking.Severity) string {
	var b strings.Builder
	for _, f := range found {
		for _, s := range worse {
			if f.Severity == s {
				fmt.Fprintf(&b, "%s %s %s: %s\n", f.Severity, f.Code, f.Place(), f.Message)
			}
		}
	}
	return b.String()
}

// TestBreakingChangesAreFound plants one change that breaks clients in each case.
func TestBreakingChangesAreFound(t *testing.T) {
	tests := []change{
		{name: "a member removed", edit: []string{"      company: string optional max=100\n", "", "[name, company]", "[name]"}, want: "member-removed Customer.company"},
		{name: "a member renamed", edit: []string{"company: string optional max=100", "firm: string optional max=100 was=company", "[name, company]", "[name, firm]"}, want: "member-removed Customer.company"},
		{name: "a class unpublished", edit: []string{"    limits: {page_max: 50}", "    expose: false\n    limits: {page_max: 50}"}, want: "class-removed Order"},
		{name: "a new required member", edit: []string{"placed_at: datetime optional", "placed_at: datetime optional\n      channel: string"}, want: "member-required Order.channel"},
		{name: "a member required now", edit: []string{"note: string optional\n    allow", "note: string\n    allow"}, want: "member-required Order.note"},
		{name: "null in answers", edit: []string{"number: string unique", "number: string unique optional"}, want: "null-possible Order.number"},
		{name: "an enum narrowed", edit: []string{"[active, inactive], default", "[active], default", "      idle: status = 'inactive'\n", ""}, want: "value-removed Customer.status"},
		{name: "an enum widened", edit: []string{"[active, inactive], default", "[active, inactive, vip], default"}, want: "value-added Customer.status"},
		{name: "a longest length lowered", edit: []string{"string max=200", "string max=50"}, want: "limit-narrowed Customer.name"},
		{name: "a longest length new", edit: []string{"number: string unique", "number: string unique max=10"}, want: "limit-narrowed Order.number"},
		{name: "a minimum raised", edit: []string{"int min=0", "int min=0 was=points", "min=0 was=points max=100 default=0", "min=10 max=100 default=10"}, want: "limit-narrowed Customer.score"},
		{name: "a minimum of decimals raised", edit: []string{"min=0 default=0\n      placed", "min=5 default=5\n      placed"}, want: "limit-narrowed Order.total"},
		{name: "digits fewer", edit: []string{"scale=2", "scale=1"}, want: "pattern-changed Order.total"},
		{name: "a pattern changed", edit: []string{"[0-9]{5}", "[A-Z]{5}"}, want: "pattern-changed Customer.address.zip"},
		{name: "a pattern new", edit: []string{"number: string unique", `number: string unique pattern="^A"`}, want: "pattern-changed Order.number"},
		{name: "another type", edit: []string{"score: int min=0 max=100 default=0", "score: string default='0'"}, want: "type-changed Customer.score"},
		{name: "another format", edit: []string{"placed_at: datetime optional", "placed_at: date optional"}, want: "format-changed Order.placed_at"},
		{name: "a nested member removed", edit: []string{"street: string max=80, zip", "zip"}, want: "member-removed Customer.address.street"},
		{name: "a collection moved", edit: []string{"  customer:\n    soft", "  customer:\n    collection: clients\n    soft"}, want: "class-moved Customer"},
		{name: "an action removed", edit: []string{"      activate: {when: status != 'active', set: {status: active}}\n", ""}, want: "operation-removed POST /customers/{id}/activate"},
		{name: "an action needs more", edit: []string{"note: string optional}", "note: string}"}, want: "member-required POST /customers/{id}/merge note"},
		{name: "nobody without credentials", edit: []string{"{read: anyone, write", "{read: clerk, write"}, want: "credentials-required Customer"},
		{name: "a role loses a right", edit: []string{"{read: clerk, write: clerk}", "{read: clerk, write: boss}"}, want: "role-refused Order"},
		{name: "a lower largest page", edit: []string{"page_max: 50}", "page_max: 20}"}, want: "limit-narrowed Order ?limit"},
		{name: "immutable", edit: []string{"number: string unique", "number: string unique immutable"}, want: "member-fixed Order.number"},
		{name: "never taken", edit: []string{"      note: string optional\n    allow", "      note: string optional readonly\n    allow"}, want: "member-refused Order.note"},
		{name: "hidden", edit: []string{"      note: string optional\n    allow", "      note: string optional hidden\n    allow"}, want: "member-may-be-absent Order.note"},
		{name: "not for everybody", edit: []string{"      note: string optional\n    allow", "      note: string optional read=boss\n    allow"}, want: "member-may-be-absent Order.note"},
		{name: "not unique", edit: []string{"code: slug unique", "code: slug"}, want: "lookup-removed Customer.code"},
		{name: "no restore", edit: []string{"    soft_delete: true\n", ""}, want: "operation-removed POST /customers/{id}/restore"},
		{name: "no search", edit: []string{"    search: [name, company]\n", ""}, want: "parameter-removed Customer ?search"},
		{name: "a scope removed", edit: []string{"      idle: status = 'inactive'\n", ""}, want: "word-removed Customer ?scope"},
		{name: "a style", edit: []string{"{title: Shop}", "{title: Shop, style: envelope}"}, want: "style-changed API"},
		{name: "camel names", edit: []string{"    limits: {page_max: 50}", "    naming: camel\n    limits: {page_max: 50}"}, want: "member-removed Order.placed_at"},
		{name: "another status", also: "422", want: "status-changed API"},
		{name: "another mount", also: "mount", want: "address-changed API"},
		{name: "If-Match required", edit: []string{"    limits: {page_max: 50}", "    concurrency: required\n    limits: {page_max: 50}"}, want: "parameter-required PATCH /orders/{id} If-Match"},
		{name: "another login", edit: []string{"login: email", "login: handle", "email: email unique", "handle: slug unique"}, want: "member-required Login.handle"},
		{name: "no bulk operations", edit: []string{"    limits: {page_max: 50}", "    bulk: false\n    limits: {page_max: 50}"}, want: "operation-removed PATCH /orders"},
		{name: "a computed member removed", edit: []string{"    computed:\n      spent: sum orders.total\n", ""}, want: "member-removed Customer.spent"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := tt.compare(t)
			all := lines(found, breaking.Breaking)
			if !strings.Contains(all, "breaking "+tt.want+":") {
				t.Errorf("%s is not among\n%s", tt.want, lines(found, breaking.Breaking, breaking.Risky, breaking.Harmless))
			}
			if testing.Verbose() {
				t.Log("\n" + lines(found, breaking.Breaking, breaking.Risky))
			}
		})
	}
}

// TestHarmlessChangesAreNoAlarm makes changes that no client of before can notice.
func TestHarmlessChangesAreNoAlarm(t *testing.T) {
	tests := []change{
		{name: "nothing"},
		{name: "prose", edit: []string{"    limits: {page_max: 50}", "    doc: What was bought.\n    limits: {page_max: 50}"}},
		{name: "a new class", edit: []string{"  order:\n", "  tag:\n    fields: {name: slug unique}\n    allow: {all: clerk}\n  order:\n"}, want: "class-added Tag"},
		{name: "a new optional member", edit: []string{"placed_at: datetime optional", "placed_at: datetime optional\n      channel: string optional"}, want: "member-added Order.channel"},
		{name: "a new member with a default", edit: []string{"placed_at: datetime optional", "placed_at: datetime optional\n      urgent: bool default=false"}, want: "member-added Order.urgent"},
		{name: "a new filled member", edit: []string{"placed_at: datetime optional", "placed_at: datetime optional\n      stamp: datetime auto=now"}, want: "member-added Order.stamp"},
		{name: "a new computed member", edit: []string{"      spent: sum orders.total\n", "      spent: sum orders.total\n      bought: count orders\n"}, want: "member-added Customer.bought"},
		{name: "a new nested member", edit: []string{"{street: string max=80,", "{street: string max=80, floor: int optional,"}, want: "member-added Customer.address.floor"},
		{name: "a longest length raised", edit: []string{"string max=200", "string max=400"}, want: "limit-widened Customer.name"},
		{name: "a maximum raised", edit: []string{"max=100 default=0", "max=1000 default=0"}, want: "limit-widened Customer.score"},
		{name: "a minimum lowered", edit: []string{"int min=0 max", "int min=-5 max"}, want: "limit-widened Customer.score"},
		{name: "a minimum of decimals gone", edit: []string{"scale=2 min=0", "scale=2"}, want: "limit-widened Order.total"},
		{name: "a pattern gone", edit: []string{`'string pattern="^[0-9]{5}$"'`, "string"}, want: "pattern-gone Customer.address.zip"},
		{name: "a new action", edit: []string{"      merge:", "      rest: {set: {status: inactive}}\n      merge:"}, want: "operation-added POST /customers/{id}/rest"},
		{name: "an action takes more", edit: []string{"note: string optional}", "note: string optional, why: string optional}"}, want: "member-taken POST /customers/{id}/merge why"},
		{name: "an action needs less", edit: []string{"source: customer, note", "source: customer optional, note"}},
		{name: "more for everybody", edit: []string{"{read: clerk, write: clerk}", "{read: anyone, write: clerk}"}},
		{name: "a lower role", edit: []string{"{all: boss}", "{all: clerk}"}},
		{name: "a higher largest page", edit: []string{"page_max: 50}", "page_max: 90}"}, want: "limit-widened Order ?limit"},
		{name: "restore is possible", edit: []string{"    limits: {page_max: 50}", "    soft_delete: true\n    limits: {page_max: 50}"}, want: "operation-added POST /orders/{id}/restore"},
		{name: "search is possible", edit: []string{"    limits: {page_max: 50}", "    search: [number]\n    limits: {page_max: 50}"}},
		{name: "a new scope", edit: []string{"      idle:", "      good: score > 50\n      idle:"}, want: "word-added Customer ?scope"},
		{name: "mutable", edit: []string{" immutable", ""}},
		{name: "an index", edit: []string{"note: string optional\n    allow", "note: string optional index\n    allow"}},
		{name: "another order of members", edit: []string{"      placed_at: datetime optional\n      note: string optional\n", "      note: string optional\n      placed_at: datetime optional\n"}},
		{name: "a new role", edit: []string{"  clerk: Sells.", "  clerk: Sells.\n  guest: Looks."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := tt.compare(t)
			if bad := lines(found, breaking.Breaking, breaking.Risky); bad != "" {
				t.Error(bad)
			}
			if all := lines(found, breaking.Harmless); tt.want != "" && !strings.Contains(all, "harmless "+tt.want+":") {
				t.Errorf("%s is not among\n%s", tt.want, all)
			} else if testing.Verbose() {
				t.Log("\n" + all)
			}
		})
	}
}

// TestRiskyChanges may surprise some clients.
func TestRiskyChanges(t *testing.T) {
	tests := []change{
		{name: "another default", edit: []string{"default: active", "default: inactive"}, want: "default-changed Customer.status"},
		{name: "unique", edit: []string{"name: string max=200", "name: string max=200 unique"}, want: "unique-added Customer.name"},
		{name: "a row condition", edit: []string{"{read: clerk, write: clerk}", "{read: clerk where total > 0, write: clerk}"}, want: "rows-narrowed Order"},
		{name: "less is searched", edit: []string{"[name, company]", "[name]"}, want: "search-narrowed Customer ?search"},
		{name: "a class renamed at its address", edit: []string{"  customer:\n    soft", "  client:\n    was: customer\n    collection: customers\n    soft", "customer: customer", "customer: client", "source: customer", "source: client"}, want: "class-renamed Customer"},
		{name: "more digits", edit: []string{"scale=2", "scale=4"}, want: "pattern-changed Order.total"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := tt.compare(t)
			if all := lines(found, breaking.Risky); !strings.Contains(all, "risky "+tt.want+":") || strings.Contains(lines(found, breaking.Breaking), "breaking") {
				t.Errorf("%s is not among\n%s", tt.want, lines(found, breaking.Breaking, breaking.Risky, breaking.Harmless))
			}
		})
	}
}
