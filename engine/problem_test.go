package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/storage"
)

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
	if log := f.log.String(); !strings.Contains(log, "secret detail") || !strings.Contains(log, "problem_test.go") {
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
