package docs_test

import (
	"encoding/xml"
	"errors"
	"html"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine/docs"
	"github.com/dowel-dev/dowel/schema/load"
)

// render makes the page of an application in a folder.
func render(t *testing.T, folder fs.FS) string {
	t.Helper()
	s, found := load.FS(folder, ".", load.Options{})
	if s == nil {
		t.Fatal(found)
	}
	rules, found := authz.New(s, folder)
	if rules == nil {
		t.Fatal(found)
	}
	page, err := docs.Render(docs.App{
		Schema: s, Rules: rules, Mount: "/api", Envelope: s.App.Style == "envelope",
		Limits:  actions.Limits{Page: 20, PageMax: 100, Depth: 3, Bulk: 1000},
		Formats: []docs.Format{{Name: "json", Type: "application/json"}, {Name: "csv", Type: "text/csv; charset=utf-8"}},
		Errors:  []docs.Error{{Status: 404, Code: "not-found", Title: "Not found"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func example(name string) fs.FS { return os.DirFS("../../examples/" + name) }

func application(text string) fs.FS { return fstest.MapFS{"dowel.yaml": {Data: []byte(text)}} }

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	spaces = regexp.MustCompile(`[ \n]+`)
)

// text is what a reader sees of a piece of HTML, with a bar between cells.
func text(page string) string {
	page = strings.NewReplacer("</th>", " | ", "</td>", " | ", "</dt>", " ", "\\\n", "").Replace(page)
	return strings.TrimSpace(spaces.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(page, "")), " "))
}

// section is the text of the section with an id.
func section(t *testing.T, page, id string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, `id="`+id+`"`)
	if !ok {
		t.Fatalf("there is no section %s", id)
	}
	rest, _, _ = strings.Cut(rest, "</section>")
	_, rest, _ = strings.Cut(rest, ">")
	return text(rest)
}

func TestPage(t *testing.T) {
	tests := []struct {
		app, section string
		want         []string
	}{
		{"tracker", "class-issue", []string{
			`GET | /api/orgs/{org}/issues | list`, `POST | /api/orgs/{org}/issues/{id}/close`, `"$HOST/api/orgs/example/issues?`,
			"Belongs to one org, which is in the path; who does not belong to it finds nothing", "That of the request when absent.",
		}},
		{"tracker", "class-org", []string{"Members are in memberships, with the roles that they have here and nowhere else", "Creating makes one its owner"}},
		{"tracker", "class-user", []string{"GET | /api/users/{id}/assigned_issues | "}},
		{"crm", "start", []string{
			`curl -s --json '{"email": "ada@example.com", "password": "…"}' "$HOST/api/auth/login"`,
			`curl -s -H "$AUTH" "$HOST/api/customers"`, `curl -s -X POST -H "$AUTH" "$HOST/api/auth/logout"`, `"success": true`,
		}},
		{"crm", "filters", []string{
			"status=eq:active | Equals the value exactly.", "status=active | The same.", "status=in:active,inactive", "phone=is:null",
			"created_at=gt:2026-01-31T13:30:00Z", "name=like:*som*", "address.street=Some text | A member of a nested object.", "orders.number=Some text",
		}},
		{"crm", "options", []string{
			"where=status = 'active' or name != 'Some text'", "search=ann | Records with the text in name, email, company.", "scope=active",
			"with=orders | Related records inside, to a depth of 3.", "fields=*,orders_count", "orderBy=-created_at,id", "20 without the option, 100 at most", "count=none",
		}},
		{"crm", "writing", []string{"POST /api/customers […] | An array makes many, at most 1000", "PATCH /api/customers?status=active&max_affected=10", "DELETE /api/customers/{id}/phone"}},
		{"crm", "formats", []string{"format=csv | The same as Accept: text/csv.", "envelope=false"}},
		{"crm", "errors", []string{`"code": "VALIDATION_ERROR"`, "404 | not-found | Not found"}},
		{"crm", "roles", []string{"agent | | Works with customers day to day.", "manager | agent |"}},
		{"crm", "class-customer", []string{
			"customer /api/customers", "A person or company we sell to.", "Search in name, email, company", "Order created_at descending", "answers may be 5 minutes old",
			"GET | /api/customers | list | agent", "DELETE | /api/customers/{id} | delete | manager", "POST | /api/customers/{id}/restore | restore | nobody",
			"POST | /api/customers/{id}/merge | merge | admin", "GET | /api/customers/{id}/orders | list | agent",
			"name | string | required At most 255 characters.", "email | email JSON string | required unique At most 255 characters.",
			`status | enum JSON string | optional One of active, inactive, pending. Default: "active".`,
			"address | object | optional nullable", "address.zip | string | required Matches ^[0-9]{5}$.",
			"tags | set of tag JSON array | optional At most 50 characters. Written and shown by name.", "Unknown ones are made.",
			"orders_count | int JSON integer | read-only The number of orders.", "total_revenue | decimal JSON string | read-only 2 decimals. The sum of orders.total.",
			"with=orders | many order", "scope=active | status = 'active'",
			"POST /api/customers/{id}/deactivate Only where status = 'active', else 409. For manager", "reason | text JSON string | optional",
			"Move orders, notes and tags of another customer here, then delete it. For admin", "deleted_at | datetime JSON string | read-only nullable The time of deletion.", "source_id | reference to customer JSON integer | required",
			`"address": {"street": "Some text", "city": "Some text", "state": "AA", "zip": "11111"}`, `"tags": ["first-steps"]`,
			`curl -s -H "$AUTH" "$HOST/api/customers?status=active&orderBy=-created_at&limit=5"`,
			`curl -s -H "$AUTH" --json '{"name": "Some text", "email": "ada@example.com"}' "$HOST/api/customers"`,
		}},
		{"crm", "class-user", []string{"password | password JSON string | required write-only 8 to 1024 characters.", "write: admin", "self where id = me", "PATCH | /api/users/{id} | update | self admin"}},
		{"crm", "class-note", []string{"customer_id | reference to customer JSON integer | required When the customer is deleted, this record is deleted too.", "author_id | reference to user JSON integer | read-only Filled with who asks."}},
		{"blog", "class-user", []string{"email | email JSON string | required unique read: editor"}},
		{"blog", "class-post", []string{
			"GET | /api/posts | list | anyone (rows) owner editor", "POST | /api/posts | create | author",
			"slug | slug JSON string | optional unique", "Made from title when absent.", "status | enum JSON string | read-only", "Set by actions.",
			"publish Only where status = 'draft', else 409. For owner editor", "owner where author = me",
			`curl -s "$HOST/api/posts?status=draft&orderBy=-created_at&limit=5"`,
		}},
		{"ratings", "start", []string{"Everything is open to everybody"}},
		{"iso", "start", []string{"This application has no accounts of its own.", "AUTH="}},
		{"ratings", "class-rating", []string{
			"Id made of authorId and subjectId, joined by a dash", "id | text JSON string | key read-only The key as one text: author and subject joined by -. |",
			"authorId | reference to person JSON string | key required set once", "qualityRating | int JSON integer | optional nullable 0 to 100.",
			"moodCode | reference to mood JSON string | optional nullable", `"id": "9007199254740993-9007199254740993"`, `"resourceIsFake": true`,
			"GET | /api/ratings/{id} | get | anyone", "Creating a record that exists updates it",
			`curl -s "$HOST/api/ratings/9007199254740993-9007199254740993?with=author"`,
		}},
		{"ratings", "class-mood", []string{"moodCode, chosen by clients", "/api/moods/{moodCode}"}},
		{"ratings", "errors", []string{`"code": "action-invalid"`}},
	}
	pages := map[string]string{}
	for _, tt := range tests {
		t.Run(tt.app+"/"+tt.section, func(t *testing.T) {
			if pages[tt.app] == "" {
				pages[tt.app] = render(t, example(tt.app))
			}
			got := section(t, pages[tt.app], tt.section)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("it does not say %q", want)
				}
			}
			if t.Failed() {
				t.Log(got)
			}
		})
	}
}

// TestWellFormed reads every page as XML would be read, void elements aside:
// each element is closed where it was opened, no id is there twice, and no link leads nowhere.
func TestWellFormed(t *testing.T) {
	entries, err := os.ReadDir("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		folder := example(e.Name())
		if _, err := fs.Stat(folder, "dowel.yaml"); err != nil {
			continue
		}
		if s, _ := load.FS(folder, ".", load.Options{}); s == nil {
			continue // not for this version
		}
		t.Run(e.Name(), func(t *testing.T) { wellFormed(t, render(t, folder)) })
	}
	t.Run("hostile", func(t *testing.T) { wellFormed(t, render(t, application(hostile))) })
	t.Run("empty", func(t *testing.T) {
		wellFormed(t, render(t, application("dowel: 1\nclasses: {thing: {fields: {name: string}, expose: false}}\n")))
	})
}

func wellFormed(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(regexp.MustCompile(`<meta[^>]*`).ReplaceAllString(page, "$0/")))
	d.Strict, d.Entity = true, xml.HTMLEntity
	ids, links := map[string]bool{}, []string{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range start.Attr {
			switch name := a.Name.Local; {
			case name == "id" && ids[a.Value]:
				t.Errorf("the id %s is there twice", a.Value)
			case name == "id":
				ids[a.Value] = true
			case name == "href":
				links = append(links, a.Value)
			case name == "style" || name == "src" || strings.HasPrefix(name, "on"):
				t.Errorf("<%s> has %s", start.Name.Local, name)
			case name == "scope" && a.Value != "col" && a.Value != "row":
				t.Errorf("scope is %s", a.Value)
			}
		}
		switch start.Name.Local {
		case "script", "link", "iframe", "img", "form", "object":
			t.Errorf("the page has <%s>", start.Name.Local)
		}
	}
	for _, to := range links {
		if !strings.HasPrefix(to, "#") || !ids[to[1:]] {
			t.Errorf("%s leads nowhere", to)
		}
	}
}

const hostile = `
dowel: 1
app: {title: "</title><script>alert(1)</script>", version: "\"><b>", doc: "` + "`<i>`" + ` & </p>"}
roles: {boss: "<img src=x onerror=alert(1)>"}
classes:
  thing:
    doc: "</section><script>alert(2)</script> ` + "`</code><u>`" + `"
    fields:
      name: {type: string, doc: "<a href='javascript:alert(3)'>x</a>", default: "</code>'; rm -rf $HOME #"}
      code: {type: string, pattern: "^<b>[']{2}$"}
    scopes: {odd: {where: "name = '<s>'", doc: "<s>&amp;"}}
    actions: {go: {doc: "<marquee>", input: {word: {type: string, default: "<q>"}}, run: go}}
    allow: {all: boss}
`

func TestHostileTextIsText(t *testing.T) {
	page := render(t, application(hostile))
	body := page[strings.Index(page, "</style>"):]
	for _, tag := range []string{"<script", "<img", "<u>", "<i>", "<b>", "<s>", "<q>", "<marquee", "javascript:alert(3)'>x</a>", "</code>'"} {
		if strings.Contains(body, tag) {
			t.Errorf("the page has %s", tag)
		}
	}
	if got := section(t, page, "class-thing"); !strings.Contains(got, "</section><script>alert(2)</script> </code><u>") {
		t.Error("the text is not shown as it is:", got)
	}
	if !strings.Contains(page, "<title>&lt;/title&gt;&lt;script&gt;") {
		t.Error("the title is not escaped")
	}
	if got := section(t, page, "class-thing"); !strings.Contains(got, `"code": "<b>'\''""`) && !strings.Contains(got, `'\''`) {
		t.Error("an apostrophe ends the argument of a shell:", got)
	}
}

func TestWhatIsNotPublishedIsAbsent(t *testing.T) {
	page := render(t, application(`
dowel: 1
roles: {clerk: null, boss: {includes: clerk}}
classes:
  vault:
    doc: Innermost.
    expose: false
    fields: {label: string unique}
    allow: {read: clerk}
  client:
    fields:
      name: string
      vault: vault optional inverse=clients
      labels: {many: vault, by: label, inverse: labelled}
      pin: {type: string, writeonly: true, default: "9876"}
      worth: int optional read=boss
      shade: {type: string, optional: true, hidden: true}
      title: string optional
    computed: {vaults_count: "count labels where label = 'top-drawer'"}
    scopes:
      rich: worth > 123456
      kept: vault.label = 'bottom-drawer'
      named: name = 'plain-sight'
    roles: {wealthy: worth > 654321}
    allow:
      read: [clerk where name != 'not-for-clerks', wealthy]
`))
	for _, secret := range []string{"Innermost", "9876", "123456", "654321", "top-drawer", "bottom-drawer", "not-for-clerks", "class-vault", "/vaults", "password_hash", "dowel_"} {
		if strings.Contains(page, secret) {
			t.Errorf("the page tells %q", secret)
		}
	}
	got := section(t, page, "class-client")
	for _, want := range []string{
		"plain-sight", "vault_id | reference JSON integer | optional nullable", "worth | int JSON integer | optional nullable read: boss",
		"pin | string | optional write-only", "shade | string | optional nullable shown when named", "Worked out from other records.",
		"list | wealthy clerk (rows)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestFieldRules(t *testing.T) {
	page := render(t, fstest.MapFS{
		"dowel.yaml":      {Data: []byte("dowel: 1\nroles: {clerk: null, boss: {includes: clerk}}\nclasses:\n  client:\n    fields: {name: string, worth: int optional}\n    allow: {read: boss, update: boss}\n")},
		"policy/more.csv": {Data: []byte("p, clerk, client, read, , name, allow\np, clerk, client, update, , name, allow\n")},
	})
	got := section(t, page, "class-client")
	for _, want := range []string{"worth | int JSON integer | optional nullable read: boss write: boss |", "name | string | required |"} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
}

func TestRenderIsStable(t *testing.T) {
	if diff := cmp.Diff(render(t, example("crm")), render(t, example("crm"))); diff != "" {
		t.Error("two renderings differ, so would their tags:", diff)
	}
}

func BenchmarkRender(b *testing.B) {
	folder := example("crm")
	s, _ := load.FS(folder, ".", load.Options{})
	rules, _ := authz.New(s, folder)
	for b.Loop() {
		if _, err := docs.Render(docs.App{Schema: s, Rules: rules, Mount: "/api"}); err != nil {
			b.Fatal(err)
		}
	}
}
