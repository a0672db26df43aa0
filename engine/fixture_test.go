package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// These tests hold what the funnel itself promises. The revision below answers what a
// test tells it to; conversations with the whole engine are in conformance_test.go.

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

type testRevision struct {
	schema *schema.Schema
	action actions.Action
	parse  func(r *http.Request) error
	invoke func(s *authz.Subject, a actions.Action) (*actions.Result, error)
	checks []storage.Check
	failed error // of every look at credentials
}

func (t *testRevision) Schema() *schema.Schema { return t.schema }

func (t *testRevision) Parse(r *http.Request) (actions.Action, error) {
	if t.parse != nil {
		if err := t.parse(r); err != nil {
			return nil, err
		}
	}
	if t.action != nil {
		return t.action, nil
	}
	return &actions.Get{Class: "customer", ID: "7"}, nil
}

func (t *testRevision) Allow(*http.Request) (methods, patch []string, err error) {
	return []string{"GET", "HEAD", "PATCH", "OPTIONS"}, []string{"application/merge-patch+json"}, nil
}

func (t *testRevision) Invoke(_ context.Context, s *authz.Subject, a actions.Action) (*actions.Result, error) {
	return t.invoke(s, a)
}

func (t *testRevision) Answer(ctx context.Context, s *authz.Subject, a actions.Action) (*actions.Result, error) {
	return t.Invoke(ctx, s, a)
}

func (t *testRevision) Describe(string) *description           { return nil }
func (t *testRevision) Accounts() accounts                     { return t }
func (t *testRevision) Checks(context.Context) []storage.Check { return t.checks }

func (t *testRevision) Authenticate(_ context.Context, raw string) (*authz.Subject, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	if raw != "good" {
		return nil, fmt.Errorf("%w: made up", token.ErrInvalid)
	}
	return &authz.Subject{ID: "3", Session: "s"}, nil
}

func (t *testRevision) Basic(_ context.Context, login, password string) (*authz.Subject, error) {
	if password != "secret" {
		return nil, account.ErrCredentials
	}
	return &authz.Subject{ID: "3"}, nil
}

func (t *testRevision) Login(_ context.Context, login, password string) (*account.Tokens, error) {
	if password != "secret" {
		return nil, account.ErrCredentials
	}
	return &account.Tokens{Access: "a", Refresh: "r", ExpiresIn: time.Hour, UserID: "3", Session: "s"}, t.failed
}

func (t *testRevision) Refresh(ctx context.Context, refresh string) (*account.Tokens, error) {
	if refresh != "r" {
		return nil, account.ErrCredentials
	}
	return t.Login(ctx, "", "secret")
}

func (t *testRevision) PublicKeys() []byte { return nil }

func (t *testRevision) Forgot(context.Context, string) (*account.Reset, error) { return nil, t.failed }

func (t *testRevision) ResetUser(_ context.Context, token string) (string, error) {
	if token != "good" {
		return "", account.ErrCredentials
	}
	return "3", t.failed
}

func (t *testRevision) SpendReset(ctx context.Context, token string) (string, error) {
	return t.ResetUser(ctx, token)
}

func (t *testRevision) Logout(context.Context, string) error { return t.failed }

func (t *testRevision) As(_ context.Context, id string) (*authz.Subject, error) {
	return &authz.Subject{ID: id}, nil
}

// fixture is a handler over a small schema, with a log that can be read.
type fixture struct {
	*Handler
	rev *testRevision
	log *bytes.Buffer
}

func newFixture(t testing.TB, change ...func(*Settings)) *fixture {
	t.Helper()
	text := func(name, typ string) *schema.Field {
		return &schema.Field{Name: name, JSON: name, Type: schema.MustType(typ, schema.Options{})}
	}
	user := &schema.Class{Name: "user", Collection: "users", Expose: true, Fields: []*schema.Field{text("id", "int"), text("email", "email"), text("password", "password")}}
	customer := &schema.Class{Name: "customer", Collection: "customers", Expose: true, Fields: []*schema.Field{text("id", "int"), text("name", "string")}}
	hidden := &schema.Class{Name: "hidden", Collection: "hidden", Fields: []*schema.Field{text("id", "int")}}
	for _, c := range []*schema.Class{user, customer, hidden} {
		c.Key = c.Fields[:1]
	}
	user.Auth = &schema.Auth{Login: user.Fields[1], Secret: user.Fields[2]}
	s := &schema.Schema{App: schema.App{Title: `Acme "CRM"`, Version: "1.0", Style: "plain", Mount: "/api"}, Classes: []*schema.Class{user, customer, hidden}, Login: user}
	s.Seal()
	f := &fixture{rev: &testRevision{schema: s}, log: &bytes.Buffer{}}
	f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) { return f.one(), nil }
	settings := Settings{Log: Log{Format: "json"}}
	for _, c := range change {
		c(&settings)
	}
	f.Handler = newHandler(settings, func() revision { return f.rev }, NewLogger(f.log, settings.Log), func() time.Time { return noon })
	return f
}

// one is a customer.
func (f *fixture) one() *actions.Result {
	c := f.rev.schema.Class("customer")
	return &actions.Result{Class: c, View: viewOf(c), Tag: "12.abc", ID: "7",
		Rows: []storage.Row{{Version: 12, Values: []schema.Value{schema.NewInt(7), schema.NewText("Ada")}}}}
}

func viewOf(c *schema.Class) *actions.Shown {
	v := &actions.Shown{Class: c}
	for _, f := range c.Fields {
		if !f.Type.Traits().Secret {
			v.Members = append(v.Members, actions.Member{Name: f.JSON, Prefix: `"` + f.JSON + `":`, Field: f})
		}
	}
	return v
}

// do sends a request: header fields are "Name: value" lines.
func (f *fixture) do(method, target, content string, header ...string) *http.Response {
	return f.send(f.request(method, target, content, header...))
}

// request makes a request of this machine, with JSON unless a field says otherwise.
func (f *fixture) request(method, target, content string, header ...string) *http.Request {
	var body io.Reader
	if content != "" {
		body = strings.NewReader(content)
	}
	r := httptest.NewRequest(method, target, body)
	r.RemoteAddr = "127.0.0.1:1"
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	if content != "" && r.Header["Content-Type"] == nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (f *fixture) send(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w.Result()
}

func read(t testing.TB, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func problemIn(t testing.TB, res *http.Response) (p problem) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, res)), &p); err != nil {
		t.Fatal(err)
	}
	return p
}
