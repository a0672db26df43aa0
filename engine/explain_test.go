package engine_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

const notebook = `
dowel: 1
roles: {agent: , boss: }
classes:
  user:
    auth: {login: email, secret: password}
    fields: {email: email unique, password: password}
    allow: {get: user, act_as: boss}
  note:
    fields: {author: user auto=me, body: text}
    roles: {author: author = me}
    allow: {read: author, create: agent, update: author, delete: boss}
`

func notes(t *testing.T, dev bool, log *bytes.Buffer) *enginetest.App {
	t.Helper()
	o := enginetest.Options{Settings: engine.Settings{Dev: dev}}
	if log != nil {
		o.Log = log
	}
	app := enginetest.Open(t, fstest.MapFS{"dowel.yaml": {Data: []byte(notebook)}}, o)
	app.Make(t, "user", `[{"email": "ann@x.io", "password": "ann-secret"}, {"email": "bob@x.io", "password": "bob-secret"}]`)
	app.Make(t, "note", `{"author": 1, "body": "hidden words"}`)
	return app
}

// In development a refusal says which rules decide, of a row that is hidden the
// same as of one that is not there.
func TestRefusalsAreExplainedInDevelopment(t *testing.T) {
	app := notes(t, true, nil)
	ann, bob := "Authorization: "+app.Bearer(t, "1", "agent"), "Authorization: "+app.Bearer(t, "2", "agent")
	for _, c := range []struct {
		name, who, method, target, body string
		status                          int
		why                             string
	}{
		{"no right", ann, "DELETE", "/api/notes/1", "", 403, "delete of note is decided by delete: boss at dowel.yaml:12:66. get of note is decided by read: author (author = me) at dowel.yaml:12:19. Roles: agent, anyone, user"},
		{"hidden", bob, "GET", "/api/notes/1", "", 404, "get of note is decided by read: author (author = me) at dowel.yaml:12:19. Roles: agent, anyone, user"},
		{"missing", bob, "GET", "/api/notes/99", "", 404, "get of note is decided by read: author (author = me) at dowel.yaml:12:19. Roles: agent, anyone, user"},
		{"nobody", "X-A: 1", "GET", "/api/notes", "", 401, "list of note is decided by read: author (author = me) at dowel.yaml:12:19. Roles: anonymous, anyone"},
		{"done", ann, "GET", "/api/notes/1", "", 200, ""},
		{"a mistake", ann, "GET", "/api/notes?nam=1", "", 409, ""},
		{"no action", ann, "GET", "/api/nots", "", 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := app.Do(t, c.method, c.target, c.body, c.who)
			if got := res.Header.Get("X-Dowel-Why"); res.Status != c.status || got != c.why {
				t.Errorf("%d %q, want %d %q", res.Status, got, c.status, c.why)
			}
		})
	}
	if res := app.Do(t, "GET", "/api/notes/1?explain=true", "", "X-A: 1"); res.Status != 200 || strings.Contains(res.Body, "hidden words") {
		t.Errorf("in development everybody may ask: %d %s", res.Status, res.Body)
	}
	served := notes(t, false, nil)
	if res := served.Do(t, "GET", "/api/notes/1", "", "Authorization: "+served.Bearer(t, "2")); res.Header.Get("X-Dowel-Why") != "" {
		t.Error("rules are told to clients")
	}
}

// Who acts as somebody else is in the log with both identities, also when it was refused.
func TestBothIdentitiesAreLogged(t *testing.T) {
	var log bytes.Buffer
	app := notes(t, false, &log)
	for who, role := range map[string]string{"2": "boss", "7": "agent"} {
		log.Reset()
		app.Do(t, "GET", "/api/notes?as=1", "", "Authorization: "+app.Bearer(t, who, role))
		if line := log.String(); !strings.Contains(line, "subject="+who+" as=1") {
			t.Error(line)
		}
	}
	log.Reset()
	app.Do(t, "GET", "/api/notes?as=1", "", "Authorization: "+app.Bearer(t, "1"))
	if strings.Contains(log.String(), "as=") {
		t.Error("oneself is nobody else", log.String())
	}
}

// Every kind of request can be explained, its statements have no values, and nothing is done.
func TestEveryKindOfRequestIsExplained(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open func(s *schema.Schema) (storage.Store, error)) {
		app := enginetest.Open(t, fstest.MapFS{"dowel.yaml": {Data: []byte(notebook)}}, enginetest.Options{Settings: engine.Settings{Dev: true}, Store: open})
		app.Make(t, "user", `[{"email": "ann@x.io", "password": "ann-secret"}]`)
		app.Make(t, "note", `{"author": 1, "body": "hidden words"}`)
		boss := "Authorization: " + app.Bearer(t, "1", "agent", "boss")
		for _, c := range []struct{ method, target, body string }{
			{"GET", "/api/notes?explain=true&body=like:*q9*", ""},
			{"GET", "/api/notes?explain=true&group=body&measure=count", ""},
			{"GET", "/api/notes/1?explain=true", ""},
			{"GET", "/api/notes/1/body?explain=true", ""},
			{"GET", "/api/notes/1/author?explain=true", ""},
			{"GET", "/api/users/1/notes?explain=true", ""},
			{"POST", "/api/notes?explain=true", `{"body": "q9"}`},
			{"PUT", "/api/notes/1?explain=true", `{"body": "q9"}`},
			{"PATCH", "/api/notes/1?explain=true", `{"body": "q9"}`},
			{"PATCH", "/api/notes?explain=true", `{"1": {"body": "q9"}}`},
			{"PATCH", "/api/notes?explain=true&body=q8&max_affected=5", `{"body": "q9"}`},
			{"DELETE", "/api/notes/1?explain=true", ""},
			{"DELETE", "/api/notes?explain=true&body=q8&max_affected=1", ""},
			{"POST", "/api/notes/bulk-delete?explain=true", `{"ids": ["1"]}`},
			{"POST", "/api/notes/bulk-update?explain=true", `{"ids": ["1"], "set": {"body": "q9"}}`},
			{"POST", "/api/notes/bulk-import?explain=true", `[{"body": "q9"}]`},
		} {
			res := app.Do(t, c.method, c.target, c.body, boss)
			if res.Status != 200 || !strings.Contains(res.Body, `"allowed":true`) {
				t.Errorf("%s %s: %d %s", c.method, c.target, res.Status, res.Body)
				continue
			}
			_, sql, _ := strings.Cut(res.Body, `"sql":`)
			if strings.Contains(sql, "q8") || strings.Contains(sql, "q9") || strings.Contains(res.Body, "hidden words") {
				t.Errorf("%s %s tells values: %s", c.method, c.target, res.Body)
			}
			if strings.HasSuffix(t.Name(), "sqlite") && c.method == "GET" && !strings.Contains(sql, "select") {
				t.Errorf("%s %s: no statement: %s", c.method, c.target, res.Body)
			}
		}
		if res := app.Do(t, "POST", "/api;compound?explain=true", `{"actions": {"a": {"method": "DELETE", "path": "notes/1"}}}`, boss); res.Status >= 500 {
			t.Errorf("a compound: %d %s", res.Status, res.Body)
		}
		if res := app.Do(t, "GET", "/api/notes?fields=id,body", "", boss); res.Body != `[{"id":1,"body":"hidden words"}]` {
			t.Error("something was done:", res.Body)
		}
	})
}
