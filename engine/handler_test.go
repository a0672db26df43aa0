package engine

import (
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
	"github.com/dowel-dev/dowel/storage"
)

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
	loose := []string{"Origin: https://app.example", "Access-Control-Request-Method: PATCH", "Access-Control-Request-Headers: If-Match, Authorization,Content-Type, if-match"}
	if got := on.do("OPTIONS", "/api/customers/7", "", loose...).Header.Get("Access-Control-Allow-Headers"); got != "authorization,content-type,if-match" {
		t.Errorf("preflight of another program: %q", got)
	}
	if got := on.do("OPTIONS", "/api/customers/7", "", append(loose[:2:2], "Access-Control-Request-Headers: X-Evil")...).Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("a field that is not allowed: %q", got)
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
		{"root", "plain", "GET", "/", 200, `{"title":"Acme \"CRM\"","version":"1.0","links":{"api":"/api/","docs":"/docs","openapi":"/openapi.json","health":"/api/health"}}`},
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
}

// TestReadiness: what requests need decides; what else is wrong is told to those who ask.
func TestReadiness(t *testing.T) {
	primary := storage.Check{Name: "primary", Status: "ok", Needed: true}
	down := storage.Check{Name: "primary", Status: "down", Needed: true, Err: errors.New("dial secret path")}
	behind := storage.Check{Name: "replica 1", Status: "lagging", Lag: 120 * time.Millisecond}
	for _, tc := range []struct {
		name, target string
		checks       []storage.Check
		drain        bool
		status       int
		body         string
	}{
		{"nothing known", "/readyz", nil, false, 200, `{"status":"ok"}`},
		{"all is well", "/readyz", []storage.Check{primary}, false, 200, `{"status":"ok"}`},
		{"in detail", "/readyz?verbose", []storage.Check{primary}, false, 200, `{"status":"ok","checks":[{"name":"primary","status":"ok"}]}`},
		{"a replica lags", "/readyz", []storage.Check{primary, behind}, false, 200, `{"status":"ok"}`},
		{"a replica lags, in detail", "/readyz?verbose=1", []storage.Check{primary, behind}, false, 200,
			`{"status":"ok","checks":[{"name":"primary","status":"ok"},{"name":"replica 1","status":"lagging","lag_ms":120}]}`},
		{"down", "/readyz", []storage.Check{down}, false, 503, `{"status":"unavailable"}`},
		{"down, in detail", "/readyz?verbose", []storage.Check{down, behind}, false, 503,
			`{"status":"unavailable","checks":[{"name":"primary","status":"down"},{"name":"replica 1","status":"lagging","lag_ms":120}]}`},
		{"draining", "/readyz?verbose", []storage.Check{primary}, true, 503, `{"status":"draining","checks":[]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			f.rev.checks = tc.checks
			if tc.drain {
				f.Drain()
			}
			res := f.do("GET", tc.target, "")
			if body := read(t, res); res.StatusCode != tc.status || body != tc.body {
				t.Errorf("%d %s", res.StatusCode, body)
			}
			if got := res.Header.Get("Retry-After"); (got == "1") != (tc.status == 503) {
				t.Errorf("Retry-After: %q", got)
			}
			if strings.HasPrefix(tc.name, "down") != strings.Contains(f.log.String(), "primary is down: dial secret path") {
				t.Error("the log must say why:", f.log)
			}
		})
	}
}
