package engine

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage/memory"
)

// application is an engine over an example's folder, with a way to ask it everything.
type application struct {
	*Engine
	t      *testing.T
	signer *token.Signer
}

// serveExample opens an example on a fresh store in memory.
func serveExample(t *testing.T, folder string) *application {
	t.Helper()
	files := os.DirFS("../examples/" + folder)
	s, found := load.FS(files, ".", load.Options{})
	if s == nil {
		t.Fatalf("examples/%s does not load: %v", folder, found)
	}
	rules, found := authz.New(s, files)
	if rules == nil {
		t.Fatalf("the rules of examples/%s do not load: %v", folder, found)
	}
	store, err := memory.New(s)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := token.New(token.Config{Secret: []byte(strings.Repeat("s", 32)), Issuer: "dowel", Audience: "dowel"})
	if err != nil {
		t.Fatal(err)
	}
	e, err := Open(Config{
		Schema: s, Authorizer: rules, Store: store, Signer: signer,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &application{Engine: e, t: t, signer: signer}
}

// system creates rows as the engine itself.
func (a *application) system(class, content string) {
	a.t.Helper()
	_, err := a.Invoke(context.Background(), &authz.Subject{System: true}, &actions.Create{Class: class, Content: []byte(content)})
	if err != nil {
		a.t.Fatalf("create %s: %v", class, err)
	}
}

// The same wish gives the same result and the same decision, however it comes:
// as a request, as a Go value, or as a value that was written down and read back.
func TestOneMeaningOnEveryWay(t *testing.T) {
	tests := []struct {
		name, role, method, target, body string
	}{
		{"a list", "agent", "GET", "/api/customers?status=eq:active&orderBy=name&limit=2", ""},
		{"an item", "agent", "GET", "/api/customers/1", ""},
		{"an item with its orders", "agent", "GET", "/api/customers/1?with=orders(orderBy=-number)", ""},
		{"a list of a relation", "agent", "GET", "/api/customers/1/orders?fields=number,total", ""},
		{"an expression", "agent", "GET", "/api/orders?where=total > 10 and customer.status = 'active'", ""},
		{"a property", "agent", "GET", "/api/customers/1/email", ""},
		{"computed fields", "agent", "GET", "/api/customers/1?fields=*,orders_count,total_revenue", ""},
		{"a creation", "agent", "POST", "/api/customers", `{"name":"Cleo","email":"cleo@example.test","tags":["vip","new"]}`},
		{"a patch", "agent", "PATCH", "/api/customers/1", `{"company":"Acme","tags":{"add":["vip"]}}`},
		{"a replacement", "agent", "PUT", "/api/customers/2", `{"name":"Bo","email":"bo@example.test"}`},
		{"an action", "manager", "POST", "/api/customers/1/deactivate", `{"reason":"asked to"}`},
		{"a state that forbids it", "manager", "POST", "/api/customers/1/activate", ""},
		{"a delete", "manager", "DELETE", "/api/customers/2", ""},
		{"a delete that references forbid", "manager", "DELETE", "/api/customers/1", ""},
		{"a filtered patch", "agent", "PATCH", "/api/customers?status=active&max_affected=5", `{"status":"pending"}`},
		{"a filtered delete", "manager", "DELETE", "/api/orders?status=draft&max_affected=5", ""},
		{"a denied delete", "agent", "DELETE", "/api/customers/2", ""},
		{"a denied field", "agent", "POST", "/api/users", `{"email":"x@example.test","password":"correct horse","name":"X"}`},
		{"nobody", "", "GET", "/api/customers", ""},
		{"a missing row", "agent", "GET", "/api/customers/99", ""},
		{"three mistakes at once", "agent", "POST", "/api/customers", `{"nmae":"x","status":"gone","email":"no"}`},
		{"a taken address", "agent", "POST", "/api/customers", `{"name":"Ann","email":"ANN@example.test"}`},
		{"a reference to nothing", "agent", "POST", "/api/orders", `{"number":"N-9","customer_id":99}`},
		{"a reference by a unique key", "agent", "POST", "/api/orders", `{"number":"N-9","customer":{"email":"ann@example.test"}}`},
		{"a dry run", "agent", "POST", "/api/customers?dry_run=true", `{"name":"Dry","email":"dry@example.test"}`},
		{"a list of creations", "agent", "POST", "/api/customers", `[{"name":"Cleo","email":"cleo@example.test"},{"name":"Dan","email":"dan@example.test"}]`},
		{"a list with a mistake", "agent", "POST", "/api/customers", `[{"name":"Cleo","email":"cleo@example.test"},{"name":"Dan"}]`},
		{"several patches", "agent", "PATCH", "/api/customers", `{"1":{"company":"A"},"2":{"company":"B"}}`},
		{"groups", "agent", "GET", "/api/orders?group=status&measure=count,sum:total&orderBy=status", ""},
		{"records by id", "agent", "GET", "/api/customers?keyByIds=true&fields=name", ""},
		{"deleted ones, too", "manager", "GET", "/api/customers?deleted=with&fields=name", ""},
		{"a restoration of what is there", "admin", "POST", "/api/customers/2/restore", ""},
		{"a purge", "admin", "POST", "/api/customers/2/purge", ""},
		{"an import", "admin", "POST", "/api/customers/bulk-import?on_conflict=skip", `[{"name":"Cleo","email":"cleo@example.test"},{"name":"Ann","email":"ann@example.test"}]`},
		{"a bulk update", "admin", "POST", "/api/customers/bulk-update", `{"ids":[1,2],"set":{"company":"C"}}`},
		{"a bulk delete", "admin", "POST", "/api/orders/bulk-delete", `{"ids":[1,2]}`},
		{"a compound", "agent", "POST", "/api;compound", `{"actions":{"c":{"method":"POST","path":"/customers;fields=name","contentObject":{"name":"Cleo","email":"cleo@example.test"}},"o":{"method":"POST","path":"/orders;fields=number","contentObject":{"number":"N-9","customer_id":{"$ref":"c.id"}}}}}`},
		{"a compound with a step that fails", "agent", "POST", "/api;compound", `{"actions":[{"method":"GET","path":"/customers/1"},{"method":"DELETE","path":"/customers/2"}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := ask(t, tt.role, tt.method, tt.target, tt.body, "http")
			for _, way := range []string{"go", "encoded"} {
				if diff := cmp.Diff(want, ask(t, tt.role, tt.method, tt.target, tt.body, way)); diff != "" {
					t.Errorf("%s differs from HTTP (-http +%s):\n%s", way, way, diff)
				}
			}
			t.Log(want)
		})
	}
}

// ask runs one wish in a fresh CRM, in one of three ways, and describes what came of it.
func ask(t *testing.T, role, method, target, body, way string) string {
	t.Helper()
	app := serveExample(t, "crm")
	app.system("user", `{"email":"u@example.test","password":"correct horse","name":"U","role":"agent"}`)
	app.system("customer", `[{"name":"Ann","email":"ann@example.test","tags":["vip"]},{"name":"Bob","email":"bob@example.test"}]`)
	app.system("order", `[{"number":"N-1","customer_id":1,"total":"12.50"},{"number":"N-2","customer_id":1,"total":"3.00","status":"placed"}]`)

	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, strings.ReplaceAll(target, " ", "%20"), content)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	subject := &authz.Subject{}
	if role != "" {
		subject = &authz.Subject{ID: "1", Roles: []string{role}}
		raw, err := app.signer.Issue(token.Claims{Subject: "1", Roles: []string{role}})
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+raw)
	}
	if way == "http" {
		w := httptest.NewRecorder()
		app.Handler().ServeHTTP(w, r)
		return outcome(w)
	}
	parser := &request.Parser{Schema: app.Schema()}
	action, err := parser.Parse(r)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if way == "encoded" {
		text, err := actions.Encode(action)
		if err != nil {
			t.Fatal(err)
		}
		if action, err = actions.Decode(text); err != nil {
			t.Fatal(err)
		}
	}
	result, err := app.Invoke(context.Background(), subject, action)
	w := httptest.NewRecorder()
	x := &exchange{h: app.handler, w: w, r: r, start: app.cfg.Clock()}
	x.begin()
	x.subject, x.action = subject, action
	if err != nil {
		x.fail(err)
	} else {
		x.respond(result)
	}
	return outcome(w)
}

// outcome is a response without what differs from one moment to the next.
func outcome(w *httptest.ResponseRecorder) string {
	var b strings.Builder
	b.WriteString(http.StatusText(w.Code) + "\n")
	for _, name := range []string{"Location", "Etag", "Allow", "Www-Authenticate"} {
		if v := w.Header().Get(name); v != "" {
			b.WriteString(name + ": " + v + "\n")
		}
	}
	b.WriteString(moments.ReplaceAllString(w.Body.String(), "…"))
	return b.String()
}

// moments are the parts of an answer that name the moment or the request.
var moments = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z|"request_id":"[^"]*"|urn:uuid:[^"]*`)
