package engine

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// newAccountsFixture answers reads and writes of the login class as a store with one user would.
func newAccountsFixture(t *testing.T, change ...func(*Settings)) *fixture {
	f := newFixture(t, change...)
	f.rev.invoke = func(s *authz.Subject, a actions.Action) (*actions.Result, error) {
		c := f.rev.schema.Login
		r := &actions.Result{Class: c, View: viewOf(c), ID: "3",
			Rows: []storage.Row{{Version: 1, Values: []schema.Value{schema.NewInt(3), schema.NewText("ada@x.io"), {}}}}}
		switch a := a.(type) {
		case *actions.Get:
			if s.ID != "3" || a.ID != "3" || a.Class != "user" {
				return nil, actions.Errorf(actions.NotFound, "There is no user.")
			}
		case *actions.Create:
			if !s.Anonymous() {
				return nil, actions.Errorf(actions.Forbidden, "You may not create users.")
			}
			r.Outcome = actions.Created
		}
		return r, nil
	}
	return f
}

const (
	userJSON   = `{"id":3,"email":"ada@x.io"}`
	tokensJSON = `{"access_token":"a","refresh_token":"r","token_type":"Bearer","expires_in":3600,"user":` + userJSON + `}`
)

func TestAccountsRoutes(t *testing.T) {
	const login, wrong = `{"email":"ada@x.io","password":"secret"}`, `{"email":"ada@x.io","password":"no"}`
	good := []string{"Authorization: Bearer good"}
	for _, tc := range []struct {
		name, method, route, content string
		header                       []string
		status                       int
		want                         string // whole body, or the code of a problem
	}{
		{"login", "POST", "login", login, nil, 200, tokensJSON},
		{"wrong password", "POST", "login", wrong, nil, 401, "invalid-credentials"},
		{"login with a bad token", "POST", "login", login, []string{"Authorization: Bearer bad"}, 401, "invalid-token"},
		{"login with a parameter", "POST", "login?remember=1", login, nil, 400, "bad-query"},
		{"me with fields", "GET", "me?fields=email", "", good, 400, "bad-query"},
		{"me with nothing", "GET", "me?&&", "", good, 200, userJSON},
		{"login without content", "POST", "login", "", nil, 400, "content-missing"},
		{"login that is no JSON", "POST", "login", `{"email":`, nil, 400, "bad-content"},
		{"login with a doubled member", "POST", "login", `{"email":"a","email":"b","password":"c"}`, nil, 400, "bad-content"},
		{"login that is no object", "POST", "login", `["ada@x.io"]`, nil, 409, "action-invalid"},
		{"login that is null", "POST", "login", `null`, nil, 409, "action-invalid"},
		{"login with a number", "POST", "login", `{"email":1,"password":"c"}`, nil, 409, "action-invalid"},
		{"login with more", "POST", "login", `{"email":"a","password":"c","pasword":"d"}`, nil, 409, "action-invalid"},
		{"login of another type", "POST", "login", login, []string{"Content-Type: text/plain"}, 415, "unsupported-media-type"},
		{"login that is packed", "POST", "login", login, []string{"Content-Encoding: gzip"}, 415, "unsupported-media-type"},
		{"login that is too large", "POST", "login", `{"email":"` + strings.Repeat("x", 1<<20) + `"}`, nil, 413, "content-too-large"},
		{"login is no page", "GET", "login", "", nil, 405, "method-not-allowed"},
		{"login offers", "OPTIONS", "login", "", nil, 204, ""},
		{"refresh", "POST", "refresh", `{"refresh_token":"r"}`, nil, 200, tokensJSON},
		{"refresh with a spent token", "POST", "refresh", `{"refresh_token":"q"}`, nil, 401, "invalid-credentials"},
		{"refresh without a token", "POST", "refresh", `{}`, nil, 409, "action-invalid"},
		{"logout", "POST", "logout", "", good, 204, ""},
		{"logout of nobody", "POST", "logout", "", nil, 401, "authentication-required"},
		{"me", "GET", "me", "", good, 200, userJSON},
		{"me, head", "HEAD", "me", "", good, 200, ""},
		{"me of nobody", "GET", "me", "", nil, 401, "authentication-required"},
		{"register", "POST", "register", login, nil, 201, tokensJSON},
		{"register, not enabled yet", "POST", "register", wrong, nil, 201, `{"user":` + userJSON + `}`},
		{"register without the right", "POST", "register", login, good, 403, "forbidden"},
		{"register several", "POST", "register", " [" + login + "]", nil, 409, "action-invalid"},
		{"a slash too many", "POST", "login/", login, nil, 404, "not-found"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newAccountsFixture(t)
			res := f.do(tc.method, "/api/auth/"+tc.route, tc.content, tc.header...)
			if res.StatusCode != tc.status {
				t.Fatalf("status %d, want %d: %s", res.StatusCode, tc.status, read(t, res))
			}
			if tc.status != 204 || tc.method == "POST" {
				if got := res.Header.Get("Cache-Control"); got != "no-store" {
					t.Errorf("Cache-Control %q", got)
				}
			}
			if tc.status >= 400 {
				if got := problemIn(t, res).Code; string(got) != tc.want {
					t.Errorf("code %s, want %s", got, tc.want)
				}
				return
			}
			if diff := cmp.Diff(tc.want, read(t, res)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoginProblems(t *testing.T) {
	f := newAccountsFixture(t)
	p := problemIn(t, f.do("POST", "/api/auth/login", `{"email":1,"pasword":"x","a/b":1}`))
	want := []actions.Problem{
		{Code: "type", Detail: "`email` must be a string.", Pointer: "#/email"},
		{Code: "required", Detail: "`password` is required.", Pointer: "#/password"},
		{Code: "unknown", Detail: "There is no member `a/b` here.", Pointer: "#/a~1b"},
		{Code: "unknown", Detail: "There is no member `pasword` here.", Pointer: "#/pasword", Hint: "did you mean `password`?"},
	}
	if diff := cmp.Diff(want, p.Errors); diff != "" {
		t.Error(diff)
	}
	res := f.do("POST", "/api/auth/register", `{"email":"ada@x.io","password":"secret"}`)
	if got := res.Header.Get("Location"); got != "/api/users/3" {
		t.Errorf("Location %q", got)
	}
}

func TestAccountsInAnEnvelope(t *testing.T) {
	f := newAccountsFixture(t, func(s *Settings) { s.Style = "envelope" })
	const meta = `,"meta":{"timestamp":"2026-11-21T12:00:00Z","version":"1.0"}}`
	for route, want := range map[string]string{
		"login": `{"success":true,"data":` + tokensJSON + meta,
		"me":    `{"success":true,"data":` + userJSON + meta,
	} {
		method, content := "POST", `{"email":"ada@x.io","password":"secret"}`
		if route == "me" {
			method, content = "GET", ""
		}
		if diff := cmp.Diff(want, read(t, f.do(method, "/api/auth/"+route, content, "Authorization: Bearer good"))); diff != "" {
			t.Error(diff)
		}
	}
	res := f.do("POST", "/api/auth/login", `{"email":"a"}`)
	if body := read(t, res); res.StatusCode != 422 || !strings.Contains(body, "\"details\":{\"password\":[\"`password` is required.\"]}") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestSubjectsWithoutARecord(t *testing.T) {
	for _, tc := range []struct {
		err    error
		status int
		want   string
	}{
		{actions.Errorf(actions.NotFound, ""), 200, `{"id":3}`},
		{actions.Errorf(actions.Forbidden, ""), 200, `{"id":3}`},
		{fmt.Errorf("read: %w", storage.ErrUnavailable), 503, ""},
		{errors.New("a defect"), 500, ""},
	} {
		f := newFixture(t)
		f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) { return nil, tc.err }
		res := f.do("GET", "/api/auth/me", "", "Authorization: Bearer good")
		if body := read(t, res); res.StatusCode != tc.status || tc.want != "" && body != tc.want {
			t.Errorf("%v: %d %s", tc.err, res.StatusCode, body)
		}
	}
}

func TestNoLoginClassNoAccounts(t *testing.T) {
	f := newFixture(t)
	f.rev.schema.Login = nil
	f.rev.parse = func(*http.Request) error { return actions.Errorf(actions.NotFound, "There is no collection auth.") }
	if got := f.do("POST", "/api/auth/login", "{}").StatusCode; got != 404 {
		t.Errorf("status %d", got)
	}
}
