package engine_test

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/mail"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// team is an application with people who have rights of different width.
var team = fstest.MapFS{"dowel.yaml": {Data: []byte(`
dowel: 1
app: {title: Team}
roles: {agent: null, manager: {includes: agent}}
classes:
  user:
    auth: {login: email, secret: password, role: role, enabled: active}
    fields:
      email: email unique
      password: password min=8
      role: {enum: [agent, manager], default: agent}
      active: bool default=true
    allow: {all: manager, read: me, act_as: manager}
    roles: {me: id = me}
  task:
    fields: {title: string, notes: {type: string, optional: true, read: manager}}
    actions:
      finish: {set: {title: '"done"'}}
    allow: {read: agent, create: agent, finish: agent, update: manager, delete: manager}
`)}}

const (
	ann   = `{"email": "ann@x.io", "password": "correct horse", "role": "agent"}`
	maxim = `{"email": "max@x.io", "password": "battery staple", "role": "manager"}`
)

// outbox keeps mail.
type outbox struct {
	mu  sync.Mutex
	all []mail.Message
	got chan struct{}
}

func (o *outbox) Send(_ context.Context, m mail.Message) error {
	o.mu.Lock()
	o.all = append(o.all, m)
	o.mu.Unlock()
	o.got <- struct{}{}
	return nil
}

func newOutbox() *outbox { return &outbox{got: make(chan struct{}, 100)} }

func (o *outbox) next(t *testing.T) mail.Message {
	t.Helper()
	select {
	case <-o.got:
	case <-time.After(10 * time.Second):
		t.Fatal("no mail came")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all[len(o.all)-1]
}

// What a key is good for is what its user may do, narrowed to its scope.
func TestAPIKeysOnTheWire(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open func(s *schema.Schema) (storage.Store, error)) {
		app := enginetest.Open(t, team, enginetest.Options{Store: open})
		app.Make(t, "user", ann)
		app.Make(t, "user", maxim)
		app.Make(t, "task", `{"title": "Buy milk", "notes": "secret"}`)
		key := func(user string, roles, verbs []string) string {
			raw, _, err := app.Accounts().CreateKey(t.Context(), account.APIKey{UserID: user, Scope: authz.Scope{Roles: roles, Verbs: verbs}})
			if err != nil {
				t.Fatal(err)
			}
			return "Authorization: Bearer " + raw
		}
		whole, reader, agent, both := key("2", nil, nil), key("2", nil, []string{"read"}), key("2", []string{"agent"}, nil), key("2", []string{"agent"}, []string{"create"})
		more := key("1", []string{"manager"}, nil)
		for _, row := range []struct {
			name, method, target, content, key string
			status                             int
		}{
			{"everything: read", "GET", "/api/tasks/1", "", whole, 200},
			{"everything: change", "PATCH", "/api/tasks/1", `{"title": "a"}`, whole, 200},
			{"everything: create", "POST", "/api/tasks", `{"title": "b"}`, whole, 201},
			{"reading: list", "GET", "/api/tasks", "", reader, 200},
			{"reading: get", "GET", "/api/tasks/1", "", reader, 200},
			{"reading: change", "PATCH", "/api/tasks/1", `{"title": "a"}`, reader, 403},
			{"reading: create", "POST", "/api/tasks", `{"title": "b"}`, reader, 403},
			{"reading: remove", "DELETE", "/api/tasks/1", "", reader, 403},
			{"reading: an action", "POST", "/api/tasks/1/finish", "", reader, 403},
			{"reading: as somebody else", "GET", "/api/tasks?as=1", "", reader, 403},
			{"as an agent: read", "GET", "/api/tasks/1", "", agent, 200},
			{"as an agent: change", "PATCH", "/api/tasks/1", `{"title": "a"}`, agent, 403},
			{"as an agent: people", "GET", "/api/users/1", "", agent, 404},
			{"as an agent: oneself", "GET", "/api/users/2", "", agent, 200},
			{"creating as an agent", "POST", "/api/tasks", `{"title": "c"}`, both, 201},
			{"creating: read", "GET", "/api/tasks/1", "", both, 403},
			{"a role the user has not", "GET", "/api/tasks/1", "", more, 403},
			{"everything, as somebody else", "PATCH", "/api/tasks/1?as=1", `{"title": "a"}`, whole, 403},
			{"whose it is", "GET", "/api/auth/me", "", whole, 200},
			{"logging out changes nothing", "POST", "/api/auth/logout", "", whole, 204},
			{"still there", "GET", "/api/tasks/1", "", whole, 200},
		} {
			if res := app.Do(t, row.method, row.target, row.content, row.key); res.Status != row.status {
				t.Errorf("%s: %d, want %d: %s", row.name, res.Status, row.status, res.Body)
			}
		}
		// Of one record the same members are shown as to the role.
		if res := app.Do(t, "GET", "/api/tasks/1", "", agent); strings.Contains(res.Body, "notes") {
			t.Errorf("an agent's key shows %s", res.Body)
		}
		if res := app.Do(t, "GET", "/api/tasks/1", "", reader); !strings.Contains(res.Body, `"notes":"secret"`) {
			t.Errorf("a manager's reading key shows %s", res.Body)
		}
		keys, err := app.Accounts().Keys(t.Context(), "2")
		if err != nil || len(keys) != 4 {
			t.Fatalf("%+v, %v", keys, err)
		}
		for _, k := range keys {
			if err := app.Accounts().RevokeKey(t.Context(), k.Prefix); err != nil {
				t.Fatal(err)
			}
		}
		for _, k := range []string{whole, reader, agent, both, whole[:len(whole)-1] + "!"} {
			res := app.Do(t, "GET", "/api/tasks", "", k)
			if res.Status != 401 || !strings.Contains(res.Body, `"invalid-token"`) || !strings.Contains(res.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
				t.Errorf("revoked: %d %s", res.Status, res.Body)
			}
		}
	})
}

var tokenIn = regexp.MustCompile(`(?m)^  (\S+)$`)

func TestForgottenPasswords(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open func(s *schema.Schema) (storage.Store, error)) {
		box := newOutbox()
		app := enginetest.Open(t, team, enginetest.Options{Store: open, Mail: box, Settings: engine.Settings{Mail: engine.Mail{From: "team@x.io", Link: "https://x.io/new?t={token}"}}})
		app.Make(t, "user", ann)
		app.Make(t, "user", maxim)
		login := func(email, password string) enginetest.Response {
			return app.Do(t, "POST", "/api/auth/login", `{"email":"`+email+`","password":"`+password+`"}`)
		}
		var tokens struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		}
		if err := json.Unmarshal([]byte(login("ann@x.io", "correct horse").Body), &tokens); err != nil {
			t.Fatal(err)
		}
		var answers []string
		for _, email := range []string{"nobody@x.io", "?", "ann@x.io"} {
			res := app.Do(t, "POST", "/api/auth/forgot", `{"email":"`+email+`"}`)
			res.Header.Del("X-Request-Id")
			var fields []string
			for name, values := range res.Header {
				fields = append(fields, name+": "+strings.Join(values, ", "))
			}
			slices.Sort(fields)
			answers = append(answers, strings.Join(fields, "\n")+res.Body)
			if res.Status != 202 || res.Body != "" || answers[0] != answers[len(answers)-1] {
				t.Errorf("%s: %d %s\n%s", email, res.Status, res.Body, answers[len(answers)-1])
			}
		}
		m := box.next(t)
		if m.To != "ann@x.io" || !strings.Contains(m.Subject, "Team") {
			t.Errorf("%+v", m)
		}
		found := tokenIn.FindStringSubmatch(m.Text)
		if found == nil || !strings.HasPrefix(found[1], "https://x.io/new?t=") {
			t.Fatalf("mail: %s", m.Text)
		}
		token := strings.TrimPrefix(found[1], "https://x.io/new?t=")
		reset := func(token, password string) enginetest.Response {
			return app.Do(t, "POST", "/api/auth/reset", `{"token":"`+token+`","password":"`+password+`"}`)
		}
		if res := reset(token+"x", "an even better one"); res.Status != 401 || !strings.Contains(res.Body, "invalid-credentials") {
			t.Errorf("another token: %d %s", res.Status, res.Body)
		}
		if res := reset(token, "short"); res.Status != 409 || !strings.Contains(res.Body, "#/password") {
			t.Errorf("a bad password: %d %s", res.Status, res.Body)
		}
		if res := app.Do(t, "POST", "/api/auth/reset", `{"token":5}`); res.Status != 409 || !strings.Contains(res.Body, "#/token") || !strings.Contains(res.Body, "#/password") {
			t.Errorf("members: %d %s", res.Status, res.Body)
		}
		if res := reset(token, "an even better one"); res.Status != 204 || res.Body != "" || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("the token: %d %s", res.Status, res.Body)
		}
		if res := reset(token, "yet another one"); res.Status != 401 {
			t.Errorf("a second time: %d %s", res.Status, res.Body)
		}
		for name, res := range map[string]enginetest.Response{
			"the old password":  login("ann@x.io", "correct horse"),
			"the access token":  app.Do(t, "GET", "/api/auth/me", "", "Authorization: Bearer "+tokens.Access),
			"the refresh token": app.Do(t, "POST", "/api/auth/refresh", `{"refresh_token":"`+tokens.Refresh+`"}`),
		} {
			if res.Status != 401 {
				t.Errorf("%s: %d", name, res.Status)
			}
		}
		if res := login("ann@x.io", "an even better one"); res.Status != 200 {
			t.Errorf("the new password: %d %s", res.Status, res.Body)
		}
		if res := login("max@x.io", "battery staple"); res.Status != 200 {
			t.Errorf("somebody else: %d %s", res.Status, res.Body)
		}
		if n := len(box.all); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
}

// Without a sender of mail there is nothing at these places, and nothing about them in the description.
func TestWithoutMail(t *testing.T) {
	app := enginetest.Open(t, team, enginetest.Options{})
	for _, place := range []string{"forgot", "reset"} {
		if res := app.Do(t, "POST", "/api/auth/"+place, `{}`); res.Status != 404 {
			t.Errorf("%s: %d", place, res.Status)
		}
		if res := app.Do(t, "GET", "/openapi.json", ""); strings.Contains(res.Body, `"/auth/`+place) {
			t.Errorf("%s is described", place)
		}
	}
	with := enginetest.Open(t, team, enginetest.Options{Mail: newOutbox(), Settings: engine.Settings{Mail: engine.Mail{From: "team@x.io"}}})
	for _, place := range []string{"forgot", "reset"} {
		if res := with.Do(t, "GET", "/openapi.json", ""); !strings.Contains(res.Body, `"/auth/`+place) {
			t.Errorf("%s is not described", place)
		}
		if res := with.Do(t, "GET", "/api/auth/"+place, ""); res.Status != 405 {
			t.Errorf("GET %s: %d", place, res.Status)
		}
	}
}

// An account gets so many messages and no more, whoever asks from wherever.
func TestForgotIsBounded(t *testing.T) {
	box := newOutbox()
	app := enginetest.Open(t, team, enginetest.Options{Mail: box, Settings: engine.Settings{
		Mail: engine.Mail{From: "team@x.io"}, Rate: engine.Rate{Loopback: true, Mail: engine.Quota{N: 2, Per: time.Hour}}}})
	app.Make(t, "user", ann)
	ask := func(email string) int {
		return app.Do(t, "POST", "/api/auth/forgot", `{"email":"`+email+`"}`).Status
	}
	for _, email := range []string{"ann@x.io", "nobody@x.io"} {
		if got := []int{ask(email), ask(strings.ToUpper(email)), ask(" " + email)}; !slices.Equal(got, []int{202, 202, http.StatusTooManyRequests}) {
			t.Errorf("%s: %v", email, got)
		}
	}
	box.next(t)
	box.next(t)
}

// Unknown people cost what known ones cost: on both ways a password is
// hashed. A difference of a half would be one hash, and this machine is not that noisy.
func TestLoginTakesAsLongForNobody(t *testing.T) {
	app := enginetest.Open(t, team, enginetest.Options{})
	app.Make(t, "user", ann)
	measure := func(email string) time.Duration {
		began := time.Now()
		if res := app.Do(t, "POST", "/api/auth/login", `{"email":"`+email+`","password":"wrong password"}`); res.Status != 401 {
			t.Fatal(res.Status, res.Body)
		}
		return time.Since(began)
	}
	var known, unknown []time.Duration
	for range 300 { // in turns, so that whatever else the machine does hits both
		known, unknown = append(known, measure("ann@x.io")), append(unknown, measure("eve@x.io"))
	}
	slices.Sort(known)
	slices.Sort(unknown)
	a, b := known[150], unknown[150]
	if a > b+b/2+time.Millisecond || b > a+a/2+time.Millisecond {
		t.Errorf("known %s, unknown %s", a, b)
	}
}
