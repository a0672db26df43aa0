// Package enginetest runs an application inside a test: no port, no process, a
// store in memory unless the test brings another.
//
//	func TestNotes(t *testing.T) {
//		app := enginetest.Open(t, os.DirFS("../crm"), enginetest.Options{})
//		app.Make(t, "customer", `{"name": "Ann", "email": "ann@example.test"}`)
//		res := app.Do(t, "GET", "/api/customers", "", "Authorization: "+app.Bearer(t, "7", "agent"))
//		…
//	}
//
// Whole conversations are better kept in files. RunFiles runs each .txtar file
// of a pattern. What stands before its first file marker is the
// conversation; the files after it are the application (dowel.yaml, policy/…), if the
// test does not bring one. A conversation reads like what curl prints:
//
//	# Two people, one customer.
//	make customer {"name": "Ann", "email": "ann@example.test"}
//	as agent
//
//	> GET /api/customers/1
//	< 200
//	< ETag: "<tag>"
//	{"id": 1, "name": "Ann", "created_at": <when>, ...}
//
//	> PATCH /api/customers/1
//	> If-Match: "$tag"
//	{"company": "Acme"}
//	< 200
//	< Location: -
//	{"company": "Acme", "created_at": <when>, ...}
//
//	as nobody
//	> DELETE /api/customers/1
//	< 401
//
// Lines that begin with `>` are the request: method and target, then header
// fields. Lines that begin with `<` are the response: status, then header fields, of which `-`
// is one that must be absent. Content follows each; it ends at a blank line,
// and `(empty)` is a response that must have none. No content at all checks nothing.
//
// In what is expected, <name> stands for anything; what it stood for the first
// time must stand there again the next time, and later requests have it as
// $name. <> is anything, forgotten at once. JSON is compared by value: `...` in an object is any other
// members, in an array any other elements up to its end. Other content is
// compared as text.
//
// Between the exchanges, `as ROLE… [id=ID] [tenant=ORG]` speaks with a token for those roles,
// `as nobody` without one, `make CLASS JSON` creates rows as the engine itself,
// and a line that begins with # says why. `until` before a request sends it again
// and again, for some seconds, until the answer is the one expected.
package enginetest

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/deploy"
	"github.com/dowel-dev/dowel/engine/mail"
	"github.com/dowel-dev/dowel/engine/metrics"
	"github.com/dowel-dev/dowel/engine/strictjson"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/blob"
	"github.com/dowel-dev/dowel/storage/memory"
)

// Options say what is different from an application as it comes. The zero value is fine.
type Options struct {
	Settings engine.Settings
	// Store opens the store; nil is a new one in memory.
	Store func(s *schema.Schema) (storage.Store, error)
	// Schema changes what the files say before anything is made of it; nil changes nothing.
	Schema func(s *schema.Schema)
	// App is what the program adds to the schema; nil is nothing.
	App     *engine.App
	Clock   func() time.Time // time.Now when nil
	Log     io.Writer        // nowhere when nil
	Mail    mail.Sender      // takes what Settings.Mail lets send
	Signer  *token.Signer    // one with a secret of its own when nil
	Metrics *metrics.Metrics // counts what happens; nil is nothing
	Work    bool             // run jobs until the test ends
	Files   blob.Store       // of the content of files; nil is one in memory
}

// App is an application that runs.
type App struct {
	*engine.Engine
	signer *token.Signer
	config engine.Config
}

// Open runs the application of a folder until the test ends.
func Open(t testing.TB, folder fs.FS, o Options) *App {
	t.Helper()
	s, rules, _, found := deploy.Load(folder, ".", o.App.Parts())
	if found.HasErrors() {
		t.Fatalf("schema and rules do not load: %v", found)
	}
	if o.Schema != nil {
		o.Schema(s)
	}
	if o.Store == nil {
		o.Store = func(s *schema.Schema) (storage.Store, error) { return memory.New(s) }
	}
	store, err := o.Store(s)
	if err != nil {
		t.Fatal(err)
	}
	signer := o.Signer
	if signer == nil {
		signer, err = token.New(token.Config{Secret: []byte(strings.Repeat("0123456789abcdef", 2)), Issuer: "dowel", Audience: "dowel", Clock: o.Clock})
		if err != nil {
			t.Fatal(err)
		}
	}
	log := slog.New(slog.DiscardHandler)
	if o.Log != nil {
		log = slog.New(slog.NewTextHandler(o.Log, nil))
	}
	// Guessing is no danger to passwords of tests, and hashing them as if it were takes most of their time.
	hasher, err := account.NewHasher(account.Params{Memory: 64, Time: 1, Threads: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	a := start(t, engine.Config{
		Hasher: hasher,
		Schema: s, Authorizer: rules, Store: store, Settings: o.Settings, Signer: signer,
		App: o.App, Clock: o.Clock, Log: log, Mail: o.Mail, Metrics: o.Metrics, Files: o.Files,
	})
	if o.Work {
		ctx, stop := context.WithCancel(context.Background())
		over := make(chan struct{})
		go func() { a.Work(ctx); close(over) }()
		t.Cleanup(func() { stop(); <-over })
	}
	return a
}

// Beside runs the application a second time on the same database, with other settings.
func (a *App) Beside(t testing.TB, s engine.Settings) *App {
	t.Helper()
	c := a.config
	c.Settings = s
	return start(t, c)
}

func start(t testing.TB, c engine.Config) *App {
	t.Helper()
	e, err := engine.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Release(); err != nil {
			t.Error(err)
		}
	})
	return &App{Engine: e, signer: c.Signer, config: c}
}

// Make creates a row (content is an object) or several (an array) as the engine itself.
func (a *App) Make(t testing.TB, class, content string) {
	t.Helper()
	if err := strictjson.Check([]byte(content), strictjson.Defaults()); err != nil {
		t.Fatalf("make %s: %v", class, err)
	}
	_, err := a.Invoke(context.Background(), &authz.Subject{System: true}, &actions.Create{Class: class, Content: []byte(content)})
	if err != nil {
		t.Fatalf("make %s: %v", class, err)
	}
}

// Bearer is the Authorization of a token for a subject with global roles, as a
// provider outside of the application would issue it.
func (a *App) Bearer(t testing.TB, id string, roles ...string) string {
	t.Helper()
	return a.bearer(t, token.Claims{Subject: id, Roles: roles})
}

func (a *App) bearer(t testing.TB, c token.Claims) string {
	t.Helper()
	raw, err := a.signer.Issue(c)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + raw
}

// Do sends one request and returns the response with its whole content. Header
// fields are "Name: value". Content is JSON unless a field says otherwise.
func (a *App) Do(t testing.TB, method, target, content string, fields ...string) Response {
	t.Helper()
	var body io.Reader
	if content != "" {
		body = strings.NewReader(content)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, "http://app.test"+target, body)
	if err != nil {
		t.Fatal(err)
	}
	r.RequestURI = target
	r.RemoteAddr = "127.0.0.1:1"
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ":")
		r.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if content != "" && r.Header["Content-Type"] == nil {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	return Response{Status: w.Code, Header: w.Result().Header, Body: w.Body.String()}
}

// Response is an answer.
type Response struct {
	Status int
	Header http.Header
	Body   string
}
