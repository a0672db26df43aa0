package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	ready  error
	docs   *docsPage
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

func (t *testRevision) Docs() *docsPage                 { return t.docs }
func (t *testRevision) Accounts() accounts              { return t }
func (t *testRevision) Ready(ctx context.Context) error { return t.ready }

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

// TestStatuses is the table of the wire contract: every code, its status, and what comes with it.
func TestStatuses(t *testing.T) {
	const realm = `Bearer realm="Acme CRM"`
	for _, tc := range []struct {
		err    actions.Error
		status int
		retry  string
		header map[string]string
	}{
		{actions.Error{Code: actions.Overloaded}, 503, "later", map[string]string{"Retry-After": "1"}},
		{actions.Error{Code: actions.RateLimited, Retry: 7}, 429, "later", map[string]string{"Retry-After": "7"}},
		{actions.Error{Code: actions.TargetTooLong}, 414, "after-change", nil},
		{actions.Error{Code: actions.HeadersTooLarge}, 431, "after-change", nil},
		{actions.Error{Code: actions.MethodUnknown}, 501, "never", nil},
		{actions.Error{Code: actions.InvalidToken}, 401, "after-change", map[string]string{"Www-Authenticate": realm + `, error="invalid_token"`}},
		{actions.Error{Code: actions.InvalidCredentials}, 401, "after-change", map[string]string{"Www-Authenticate": realm}},
		{actions.Error{Code: actions.AuthUnavailable}, 503, "later", map[string]string{"Retry-After": "1"}},
		{actions.Error{Code: actions.BadPath}, 400, "after-change", nil},
		{actions.Error{Code: actions.NotFound}, 404, "never", nil},
		{actions.Error{Code: actions.MethodNotAllowed, Allow: []string{"GET", "HEAD"}}, 405, "never", map[string]string{"Allow": "GET, HEAD"}},
		{actions.Error{Code: actions.BadQuery}, 400, "after-change", nil},
		{actions.Error{Code: actions.BadHeader}, 400, "after-change", nil},
		{actions.Error{Code: actions.NotAcceptable, Accept: []string{"text/csv"}}, 406, "after-change", map[string]string{"Accept": ""}},
		{actions.Error{Code: actions.ContentNotAllowed}, 400, "after-change", nil},
		{actions.Error{Code: actions.ContentMissing}, 400, "after-change", nil},
		{actions.Error{Code: actions.UnsupportedMediaType, Accept: []string{"application/json"}, Patch: []string{"application/json", "application/json-patch+json"}}, 415, "after-change",
			map[string]string{"Accept": "application/json", "Accept-Patch": "application/json, application/json-patch+json"}},
		{actions.Error{Code: actions.UnsupportedMediaType, Accept: []string{"application/json"}, Encoding: []string{"identity"}}, 415, "after-change",
			map[string]string{"Accept": "", "Accept-Encoding": "identity"}},
		{actions.Error{Code: actions.ContentTooLarge}, 413, "after-change", map[string]string{"Connection": "close"}},
		{actions.Error{Code: actions.BadContent}, 400, "after-change", nil},
		{actions.Error{Code: actions.ActionInvalid}, 409, "after-change", nil},
		{actions.Error{Code: actions.AuthenticationRequired}, 401, "after-change", map[string]string{"Www-Authenticate": realm}},
		{actions.Error{Code: actions.Forbidden}, 403, "never", map[string]string{"Www-Authenticate": ""}},
		{actions.Error{Code: actions.PreconditionRequired}, 428, "after-change", nil},
		{actions.Error{Code: actions.PreconditionFailed, Tag: "13.x"}, 412, "after-change", map[string]string{"Etag": `"13.x"`}},
		{actions.Error{Code: actions.AlreadyExists}, 409, "after-change", nil},
		{actions.Error{Code: actions.ReferenceMissing}, 409, "after-change", nil},
		{actions.Error{Code: actions.StillReferenced}, 409, "after-change", nil},
		{actions.Error{Code: actions.StateConflict}, 409, "after-change", nil},
		{actions.Error{Code: actions.PatchTestFailed}, 409, "after-change", nil},
		{actions.Error{Code: actions.ConcurrentChange}, 409, "later", nil},
		{actions.Error{Code: actions.ActionUnavailable}, 501, "never", nil},
		{actions.Error{Code: actions.StorageUnavailable}, 503, "later", map[string]string{"Retry-After": "1"}},
		{actions.Error{Code: actions.OutcomeUnknown}, 504, "later", map[string]string{"Retry-After": ""}},
		{actions.Error{Code: actions.Internal}, 500, "never", nil},
	} {
		t.Run(string(tc.err.Code), func(t *testing.T) {
			f := newFixture(t)
			f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) { return nil, &tc.err }
			res := f.do("GET", "/api/customers/7", "")
			if res.StatusCode != tc.status {
				t.Errorf("status %d, want %d", res.StatusCode, tc.status)
			}
			for name, want := range tc.header {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			for name, want := range map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			p := problemIn(t, res)
			if p.Status != tc.status || p.Code != tc.err.Code || p.Retry != tc.retry || p.Title == "" || !strings.HasSuffix(p.Type, "/"+string(tc.err.Code)) {
				t.Errorf("problem %+v", p)
			}
			if p.RequestID == "" || p.RequestID != res.Header.Get("X-Request-Id") || !strings.HasPrefix(p.Instance, "urn:uuid:") {
				t.Errorf("problem is not tied to its request: %+v", p)
			}
		})
	}
}

func TestEveryCodeHasAStatus(t *testing.T) {
	for _, style := range []string{"plain", "envelope"} {
		for code := range statuses {
			f := newFixture(t, func(s *Settings) { s.Style = style })
			f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) { return nil, actions.Errorf(code, "") }
			if res := f.do("HEAD", "/api/customers/7", ""); res.StatusCode < 400 || read(t, res) != "" {
				t.Errorf("%s: HEAD answered %d with content", code, res.StatusCode)
			}
		}
	}
	if s := statusOf("made-up", 0); s.Status != 500 {
		t.Errorf("unknown codes are defects, not %d", s.Status)
	}
}

func TestErrorsOfOtherLayers(t *testing.T) {
	for _, tc := range []struct {
		name    string
		err     error
		status  int
		code    actions.Code
		outcome string
	}{
		{"store not available", fmt.Errorf("write: %w", storage.ErrUnavailable), 503, actions.StorageUnavailable, "not_applied"},
		{"commit uncertain", fmt.Errorf("write: %w", storage.ErrOutcomeUnknown), 504, actions.OutcomeUnknown, "unknown"},
		{"lost a race", storage.ErrConcurrent, 409, actions.ConcurrentChange, ""},
		{"too many passwords", account.ErrBusy, 429, actions.RateLimited, ""},
		{"too slow", fmt.Errorf("read: %w", context.DeadlineExceeded), 503, actions.StorageUnavailable, "not_applied"},
		{"wrapped refusal", fmt.Errorf("step 2: %w", actions.Errorf(actions.Forbidden, "no")), 403, actions.Forbidden, ""},
		{"a defect", errors.New("table customers has no column x"), 500, actions.Internal, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) { return nil, tc.err }
			res := f.do("GET", "/api/customers/7", "")
			p := problemIn(t, res)
			if res.StatusCode != tc.status || p.Code != tc.code || p.Outcome != tc.outcome {
				t.Errorf("%d %+v", res.StatusCode, p)
			}
			if strings.Contains(p.Detail, "column") {
				t.Errorf("internals leak: %s", p.Detail)
			}
			if tc.status >= 500 && !strings.Contains(f.log.String(), tc.err.Error()) {
				t.Errorf("the log does not say why: %s", f.log)
			}
		})
	}
}

func TestPanicIsContained(t *testing.T) {
	f := newFixture(t)
	f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) { panic("secret detail") }
	res := f.do("GET", "/api/customers/7", "")
	body := read(t, res)
	if res.StatusCode != 500 || strings.Contains(body, "secret detail") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if log := f.log.String(); !strings.Contains(log, "secret detail") || !strings.Contains(log, "handler_test.go") {
		t.Errorf("the log has no panic with its stack: %s", log)
	}
	if n := f.inFlight.Load(); n != 0 {
		t.Errorf("%d requests still in flight", n)
	}
}

func TestEnvelopeErrors(t *testing.T) {
	f := newFixture(t, func(s *Settings) { s.Style = "envelope" })
	f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) {
		return nil, actions.Invalid(
			actions.Problem{Code: "format", Detail: "not an e-mail address", Pointer: "/email"},
			actions.Problem{Code: "length", Detail: "too long", Pointer: "/email"},
			actions.Problem{Code: "pattern", Detail: "five digits", Pointer: "/address/zip~1code"},
			actions.Problem{Code: "unknown", Detail: "no such field", Parameter: "fields", Hint: "did you mean `status`?"},
			actions.Problem{Code: "type", Detail: "expected <object>"},
		)
	}
	res := f.do("GET", "/api/customers/7", "", "X-Request-Id: abc")
	if res.StatusCode != 422 || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	want := `{"success":false,"error":{"code":"VALIDATION_ERROR","message":"Several things do not fit the schema.","details":` +
		`{"email":["not an e-mail address","too long"],"address.zip/code":["five digits"],` +
		"\"fields\":[\"no such field (did you mean `status`?)\"],\"_\":[\"expected <object>\"]}}," +
		`"meta":{"timestamp":"2026-11-21T12:00:00Z","request_id":"abc"}}`
	if diff := cmp.Diff(want, read(t, res)); diff != "" {
		t.Error(diff)
	}

	f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) {
		return nil, actions.Errorf(actions.StorageUnavailable, "Nothing was changed.")
	}
	want = `{"success":false,"error":{"code":"STORAGE_UNAVAILABLE","message":"Nothing was changed.","details":{},"outcome":"not_applied"},` +
		`"meta":{"timestamp":"2026-11-21T12:00:00Z","request_id":"abc"}}`
	if diff := cmp.Diff(want, read(t, f.do("GET", "/api/customers/7", "", "X-Request-Id: abc"))); diff != "" {
		t.Error(diff)
	}
	plain := false
	f.rev.action = &actions.Get{Options: actions.Options{Output: actions.Output{Envelope: &plain}}}
	if got := f.do("GET", "/api/customers/7?envelope=false", "").Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("a request may ask for plain answers; got %s", got)
	}
}

func TestActionInvalidStatus(t *testing.T) {
	for _, tc := range []struct {
		style   string
		setting int
		want    int
	}{{"plain", 0, 409}, {"envelope", 0, 422}, {"plain", 422, 422}, {"envelope", 409, 409}} {
		f := newFixture(t, func(s *Settings) { s.Style, s.Status.ActionInvalid = tc.style, tc.setting })
		f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) { return nil, actions.Invalid() }
		if got := f.do("GET", "/api/customers/7", "").StatusCode; got != tc.want {
			t.Errorf("%s with %d: %d, want %d", tc.style, tc.setting, got, tc.want)
		}
	}
}

func TestAdmission(t *testing.T) {
	limits := func(change func(*Limits)) func(*Settings) {
		return func(s *Settings) {
			s.Limits = DefaultLimits()
			change(&s.Limits)
		}
	}
	many := func(n int) []string {
		fields := make([]string, n)
		for i := range fields {
			fields[i] = fmt.Sprintf("X-Field: %d", i)
		}
		return fields
	}
	for _, tc := range []struct {
		name, method, target string
		header               []string
		setting              func(*Settings)
		status               int
		code                 actions.Code
	}{
		{"target at the limit", "GET", "/api/customers?q=" + strings.Repeat("x", 100-len("/api/customers?q=")), nil, limits(func(l *Limits) { l.Target = 100 }), 200, ""},
		{"target too long", "GET", "/api/customers?q=" + strings.Repeat("x", 101-len("/api/customers?q=")), nil, limits(func(l *Limits) { l.Target = 100 }), 414, actions.TargetTooLong},
		{"unknown method", "FOO", "/api/customers", nil, nil, 501, actions.MethodUnknown},
		{"lower-case method", "get", "/api/customers", nil, nil, 501, actions.MethodUnknown},
		{"fields at the limit", "GET", "/api/customers", many(100), nil, 200, ""},
		{"too many fields", "GET", "/api/customers", many(101), nil, 431, actions.HeadersTooLarge},
		{"fields too long", "GET", "/api/customers", []string{"X-A: " + strings.Repeat("x", 32<<10)}, nil, 431, actions.HeadersTooLarge},
		{"before credentials", "FOO", "/api/customers", []string{"Authorization: Bearer bad"}, nil, 501, actions.MethodUnknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var change []func(*Settings)
			if tc.setting != nil {
				change = append(change, tc.setting)
			}
			res := newFixture(t, change...).do(tc.method, tc.target, "", tc.header...)
			if res.StatusCode != tc.status {
				t.Fatalf("status %d, want %d", res.StatusCode, tc.status)
			}
			if tc.code != "" && problemIn(t, res).Code != tc.code {
				t.Errorf("wrong code")
			}
		})
	}
}

func TestInFlightLimitAndDraining(t *testing.T) {
	f := newFixture(t, func(s *Settings) {
		s.Limits = DefaultLimits()
		s.Limits.InFlight = 1
	})
	inside, leave := make(chan bool), make(chan bool)
	f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) {
		inside <- true
		<-leave
		return f.one(), nil
	}
	first := make(chan int)
	go func() { first <- f.do("GET", "/api/customers/7", "").StatusCode }()
	<-inside
	res := f.do("GET", "/api/customers/7", "")
	if p := problemIn(t, res); res.StatusCode != 503 || p.Code != actions.Overloaded || res.Header.Get("Retry-After") != "1" {
		t.Errorf("over the limit: %d %+v", res.StatusCode, p)
	}
	for _, probe := range []string{"/livez", "/readyz"} {
		if got := f.do("GET", probe, "").StatusCode; got != 200 {
			t.Errorf("%s over the limit: %d", probe, got)
		}
	}
	f.Drain()
	if got := f.do("GET", "/api/customers/7", "").StatusCode; got != 503 {
		t.Errorf("draining: %d", got)
	}
	if live, ready := f.do("GET", "/livez", "").StatusCode, f.do("GET", "/readyz", "").StatusCode; live != 200 || ready != 503 {
		t.Errorf("draining: livez %d, readyz %d", live, ready)
	}
	leave <- true
	if got := <-first; got != 200 {
		t.Errorf("in flight: %d", got)
	}
}

func TestCredentials(t *testing.T) {
	down := errors.New("disk on fire")
	for _, tc := range []struct {
		name   string
		header []string
		dev    bool
		failed error
		status int
		code   actions.Code
		id     string
	}{
		{"none", nil, false, nil, 200, "", ""},
		{"a good token", []string{"Authorization: Bearer good"}, false, nil, 200, "", "3"},
		{"scheme in any case, several spaces", []string{"Authorization: bEARER   good"}, false, nil, 200, "", "3"},
		{"a bad token", []string{"Authorization: Bearer bad"}, false, nil, 401, actions.InvalidToken, ""},
		{"an empty token", []string{"Authorization: Bearer"}, false, nil, 401, actions.InvalidToken, ""},
		{"an empty field", []string{"Authorization: "}, false, nil, 401, actions.InvalidToken, ""},
		{"two fields", []string{"Authorization: Bearer good", "Authorization: Bearer good"}, false, nil, 401, actions.InvalidToken, ""},
		{"an unknown scheme", []string{"Authorization: Token good"}, false, nil, 401, actions.InvalidToken, ""},
		{"too long", []string{"Authorization: Bearer " + strings.Repeat("x", 8<<10+1)}, false, nil, 401, actions.InvalidToken, ""},
		{"Basic in production", []string{"Authorization: Basic YTpzZWNyZXQ="}, false, nil, 401, actions.InvalidToken, ""},
		{"Basic in dev", []string{"Authorization: Basic YTpzZWNyZXQ="}, true, nil, 200, "", "3"},
		{"wrong Basic in dev", []string{"Authorization: Basic YTpi"}, true, nil, 401, actions.InvalidToken, ""},
		{"broken Basic in dev", []string{"Authorization: Basic ???"}, true, nil, 401, actions.InvalidToken, ""},
		{"cannot be checked now", []string{"Authorization: Bearer good"}, false, down, 503, actions.AuthUnavailable, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, func(s *Settings) { s.Dev = tc.dev })
			f.rev.failed = tc.failed
			id := ""
			f.rev.invoke = func(s *authz.Subject, _ actions.Action) (*actions.Result, error) {
				id = s.ID
				return f.one(), nil
			}
			for _, target := range []string{"/api/customers/7", "/api/health", "/", "/nowhere"} {
				res := f.do("GET", target, "", tc.header...)
				want := tc.status
				if target == "/nowhere" && want == 200 {
					want = 404
				}
				if res.StatusCode != want {
					t.Errorf("%s: status %d, want %d", target, res.StatusCode, want)
				}
				if tc.code != "" && problemIn(t, res).Code != tc.code {
					t.Errorf("%s: wrong code", target)
				}
			}
			if id != tc.id {
				t.Errorf("subject %q, want %q", id, tc.id)
			}
		})
	}
}

func TestRates(t *testing.T) {
	f := newFixture(t, func(s *Settings) {
		s.Rate = Rate{Anonymous: Quota{2, time.Minute}, User: Quota{3, time.Minute}, Login: Quota{1, time.Minute}, Loopback: true}
	})
	count := func(want int, send func() *http.Response) {
		t.Helper()
		for n := 0; ; n++ {
			res := send()
			if res.StatusCode != 429 {
				continue
			}
			if n != want || res.Header.Get("Retry-After") == "" || problemIn(t, res).Code != actions.RateLimited {
				t.Errorf("refused after %d requests, want %d", n, want)
			}
			return
		}
	}
	count(3, func() *http.Response { return f.do("GET", "/api/customers/7", "", "Authorization: Bearer good") })
	count(2, func() *http.Response { return f.do("GET", "/api/customers/7", "") })
	tries := 0
	count(1, func() *http.Response {
		tries++ // from ever new addresses, spelled ever differently
		r := httptest.NewRequest("POST", "/api/auth/login", strings.NewReader(`{"email":"`+strings.Repeat(" ", tries)+`Ada@x.io","password":"x"}`))
		r.RemoteAddr = fmt.Sprintf("[2001:db8:%x::1]:99", tries)
		r.Header.Set("Content-Type", "application/json")
		return f.send(r)
	})
	if res := newFixture(t).do("GET", "/api/customers/7", ""); res.StatusCode != 200 {
		t.Errorf("this machine is not counted by default: %d", res.StatusCode)
	}
}

func TestAddress(t *testing.T) {
	for remote, want := range map[string]string{
		"10.1.2.3:77": "10.1.2.3", "[2001:db8::1:2]:77": "2001:db8::", "@": "@", "[::ffff:10.1.2.3]:1": "::ffff:10.1.2.3",
	} {
		if got := address(&http.Request{RemoteAddr: remote}); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

func TestCORS(t *testing.T) {
	on := newFixture(t, func(s *Settings) { s.CORS.Origins = []string{"https://app.example"} })
	off := newFixture(t)
	ask := []string{"Origin: https://app.example", "Access-Control-Request-Method: PATCH", "Access-Control-Request-Headers: authorization,content-type,idempotency-key,if-match,prefer,traceparent"}

	res := on.do("OPTIONS", "/api/customers/7", "", append(ask, "Authorization: Bearer bad")...)
	want := map[string]string{
		"Access-Control-Allow-Origin": "https://app.example", "Access-Control-Allow-Methods": "PATCH", "Access-Control-Max-Age": "600",
		"Access-Control-Allow-Headers": "authorization,content-type,idempotency-key,if-match,prefer,traceparent", "Access-Control-Allow-Credentials": "",
	}
	if res.StatusCode != 204 {
		t.Errorf("preflight: %d", res.StatusCode)
	}
	for name, value := range want {
		if got := res.Header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if res := off.do("OPTIONS", "/api/customers/7", "", ask...); res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight with CORS off: %d", res.StatusCode)
	}
	if res := on.do("OPTIONS", "/api/customers/7", "", "Origin: https://evil.example", "Access-Control-Request-Method: GET"); res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight of a stranger: %d", res.StatusCode)
	}
	if got := on.do("OPTIONS", "/api/customers/7", "", "Origin: https://app.example").Header.Get("Allow"); got != "GET, HEAD, PATCH, OPTIONS" {
		t.Errorf("OPTIONS that is no preflight: Allow %q", got)
	}

	res = on.do("GET", "/api/customers/7", "", "Origin: https://app.example")
	if res.Header.Get("Access-Control-Allow-Origin") != "https://app.example" || res.Header.Get("Vary") != "Accept, Accept-Encoding, Authorization, Origin" {
		t.Errorf("%v", res.Header)
	}
	exposed := res.Header.Get("Access-Control-Expose-Headers")
	for _, name := range []string{"Etag", "Link", "Location", "Retry-After", "Preference-Applied", "X-Total-Count", "X-Request-Id"} {
		if !strings.Contains(exposed, name) {
			t.Errorf("%s is not exposed: %s", name, exposed)
		}
	}
	res = on.do("GET", "/nowhere", "", "Origin: https://app.example", "Authorization: Bearer bad")
	if res.StatusCode != 401 || res.Header.Get("Access-Control-Allow-Origin") == "" || res.Header.Get("Vary") != "Origin" {
		t.Errorf("scripts must be able to read errors: %v", res.Header)
	}
	if got := off.do("GET", "/api/customers/7", "", "Origin: https://app.example").Header.Get("Access-Control-Expose-Headers"); got != "" {
		t.Errorf("CORS is off: %s", got)
	}
}

func TestRequestID(t *testing.T) {
	f := newFixture(t)
	for _, tc := range []struct {
		sent []string
		want string
	}{
		{[]string{"X-Request-Id: abc-1.2_3"}, "abc-1.2_3"},
		{[]string{"X-Request-Id: a b"}, ""},
		{[]string{"X-Request-Id: " + strings.Repeat("x", 129)}, ""},
		{[]string{"X-Request-Id: a", "X-Request-Id: b"}, ""},
		{nil, ""},
	} {
		got := f.do("GET", "/api/customers/7", "", tc.sent...).Header.Get("X-Request-Id")
		if tc.want != "" && got != tc.want || tc.want == "" && len(got) != 36 {
			t.Errorf("%v: %q", tc.sent, got)
		}
	}
}

func TestTraceID(t *testing.T) {
	const good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, tc := range []struct{ sent, want string }{
		{good, trace},
		{"01" + good[2:] + "-more", trace},
		{good + "-more", ""},
		{"ff" + good[2:], ""},
		{strings.ToUpper(good), ""},
		{strings.Replace(good, trace, strings.Repeat("0", 32), 1), ""},
		{strings.Replace(good, "00f067aa0ba902b7", strings.Repeat("0", 16), 1), ""},
		{good[:54], ""},
		{strings.ReplaceAll(good, "-", "_"), ""},
		{"", ""},
	} {
		if got := traceID([]string{tc.sent}); got != tc.want {
			t.Errorf("%s: %q", tc.sent, got)
		}
	}
	if traceID([]string{good, good}) != "" || traceID(nil) != "" {
		t.Error("exactly one field counts")
	}
}

func TestAccessLog(t *testing.T) {
	f := newFixture(t)
	f.do("GET", "/api/customers/7%0a?token=verysecret", "", "Authorization: Bearer good", "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "X-Request-Id: r1")
	var line map[string]any
	if err := json.Unmarshal(f.log.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, f.log)
	}
	delete(line, "time")
	want := map[string]any{"level": "INFO", "msg": "request", "method": "GET", "path": "/api/customers/7%0a", "status": 200.0, "bytes": 21.0, "ms": 0.0,
		"request_id": "r1", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "subject": "3", "action": "get", "class": "customer"}
	if diff := cmp.Diff(want, line); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(f.log.String(), "verysecret") || strings.Contains(f.log.String(), "good") {
		t.Errorf("secrets in the log: %s", f.log)
	}
	quiet := newFixture(t, func(s *Settings) { s.Log.Level = "warn" })
	quiet.do("GET", "/api/customers/7", "")
	if quiet.log.Len() != 0 {
		t.Errorf("logged: %s", quiet.log)
	}
	for name, want := range map[string]slog.Level{"debug": slog.LevelDebug, "": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError} {
		l := NewLogger(io.Discard, Log{Level: name})
		if !l.Enabled(context.Background(), want) || l.Enabled(context.Background(), want-1) {
			t.Errorf("level %q is not %v", name, want)
		}
	}
}

func TestFixedPlaces(t *testing.T) {
	for _, tc := range []struct {
		name, style, method, target string
		status                      int
		want                        string
	}{
		{"root", "plain", "GET", "/", 200, `{"title":"Acme \"CRM\"","version":"1.0","links":{"api":"/api/","docs":"/docs","health":"/api/health"}}`},
		{"index", "plain", "GET", "/api", 200, `{"title":"Acme \"CRM\"","version":"1.0","links":{"users":"/api/users","customers":"/api/customers"}}`},
		{"index with a slash", "plain", "GET", "/api/", 200, `{"title":"Acme \"CRM\"","version":"1.0","links":{"users":"/api/users","customers":"/api/customers"}}`},
		{"health", "plain", "GET", "/api/health", 200, `{"status":"ok"}`},
		{"health in an envelope", "envelope", "GET", "/api/health", 200, `{"success":true,"data":{"status":"ok"},"meta":{"timestamp":"2026-11-21T12:00:00Z","version":"1.0"}}`},
		{"alive", "envelope", "GET", "/livez", 200, `{"status":"ok"}`},
		{"ready", "envelope", "GET", "/readyz", 200, `{"status":"ok"}`},
		{"alive has one method", "plain", "POST", "/livez", 405, ""},
		{"health has one method", "plain", "DELETE", "/api/health", 405, ""},
		{"what alive offers", "plain", "OPTIONS", "/livez", 204, ""},
		{"what the index offers", "plain", "OPTIONS", "/api", 204, ""},
		{"nothing elsewhere", "plain", "GET", "/index.html", 404, ""},
		{"nothing beside the mount", "plain", "GET", "/apis/customers", 404, ""},
		{"nothing that comes later", "plain", "GET", "/openapi.json", 404, ""},
		{"no other place of accounts", "plain", "POST", "/api/auth/forgot", 404, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, func(s *Settings) { s.Style = tc.style })
			res := f.do(tc.method, tc.target, "")
			if res.StatusCode != tc.status {
				t.Errorf("status %d, want %d", res.StatusCode, tc.status)
			}
			if body := read(t, res); tc.want != "" && body != tc.want {
				t.Errorf("got  %s\nwant %s", body, tc.want)
			}
			if tc.status != 204 && res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control: %q", res.Header.Get("Cache-Control"))
			}
			if (tc.status == 204 || tc.status == 405) && res.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
				t.Errorf("Allow: %q", res.Header.Get("Allow"))
			}
		})
	}
	f := newFixture(t, func(s *Settings) { s.Mount = "/v1/" })
	if got := f.do("GET", "/v1/health", "").StatusCode; got != 200 {
		t.Errorf("another mount: %d", got)
	}
	f.rev.ready = errors.New("database: secret path")
	res := f.do("GET", "/readyz", "")
	if body := read(t, res); res.StatusCode != 503 || body != `{"status":"unavailable"}` || res.Header.Get("Retry-After") != "1" {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if !strings.Contains(f.log.String(), "secret path") {
		t.Error("the log must say why")
	}
}
