// Package engine serves a schema.
//
// An Engine joins the parts: a Parser (package request) turns requests into
// action values, the invoker runs action values against a store under the rules
// of an authorizer, and the Handler carries both over HTTP. The invoker is the only
// door to the records: requests, the command line, seeds and Go callers all go
// through Engine.Invoke.
//
// A request is served by one revision (schema, policy and everything compiled
// from them) from its first byte to its last. Reload swaps the revision
// in one step and refuses a broken one.
package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/engine/events"
	"github.com/dowel-dev/dowel/engine/format"
	"github.com/dowel-dev/dowel/engine/jobs"
	"github.com/dowel-dev/dowel/engine/mail"
	"github.com/dowel-dev/dowel/engine/metrics"
	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/engine/strictjson"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/blob"
)

// Config is what an Engine is made of.
type Config struct {
	Schema     *schema.Schema
	Authorizer authz.Authorizer
	Store      storage.Store
	Settings   Settings
	// Signer issues and checks tokens; nil is a schema without login that
	// accepts no tokens.
	Signer *token.Signer
	// App is what the program adds to the schema; nil is nothing.
	App    *App
	Log    *slog.Logger     // slog.Default when nil
	Clock  func() time.Time // time.Now when nil
	Random io.Reader        // of generated ids; crypto/rand when nil
	// Metrics counts requests and calls of the store; nil counts nothing.
	Metrics *metrics.Metrics
	// Subscribers are told of events beside those of App.
	Subscribers []events.Subscriber
	// Hasher hashes passwords; nil does it at the cost that account.DefaultParams says.
	Hasher *account.Hasher
	// Files keeps the content of files; nil keeps it in memory. The caller closes it.
	Files blob.Store
	// Mail writes to users where Settings.Mail has a sender's address; nil does it as SMTP there says.
	Mail mail.Sender
}

// Engine serves one application. It is safe for concurrent use.
type Engine struct {
	cfg      Config
	registry actions.Registry
	live     atomic.Pointer[live]
	handler  *Handler
	seal     *actions.Seal
	runner   *jobs.Runner         // of jobs
	stirred  atomic.Bool          // a transaction added a job
	planned  atomic.Pointer[live] // whose schedules are in the queue
	working  atomic.Bool          // jobs are run
	files    *files
	// dispatcher tells subscribers of events, nil where there are none.
	dispatcher *events.Dispatcher
	kept       shelf
	stop       func()       // ends what App.Open has started
	front      http.Handler // what Handler returns: handler, or what listens in front of it
}

// Open makes an engine and runs every start-up check.
func Open(cfg Config) (*Engine, error) {
	if cfg.Store == nil {
		return nil, errors.New("engine: Config.Store is nil; open a store first")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	cfg.Settings.Limits = cfg.Settings.Limits.orDefault()
	cfg.Settings.Jobs = cfg.Settings.Jobs.orDefault()
	if cfg.Settings.Mail.From != "" && cfg.Mail == nil {
		smtp, err := mail.NewSMTP(cfg.Settings.Mail.SMTP, cfg.Settings.Mail.From)
		if err != nil {
			return nil, fmt.Errorf("mail.smtp: %w", err)
		}
		cfg.Mail = smtp
	}
	e := &Engine{cfg: cfg, registry: actions.Builtin()}
	var err error
	if e.seal, err = sealOf(cfg); err != nil {
		return nil, err
	}
	if app := cfg.App; app != nil {
		for _, o := range app.own {
			if e.registry[o.Verb] != nil {
				return nil, errors.New("engine: the action verb " + o.Verb + " is taken")
			}
			e.registry[o.Verb] = o.Definition()
		}
		if app.hooks.any() {
			app.hooks.around(e.registry)
		}
	}
	e.cfg.Store = e.watched(cfg.Store)
	if subscribers := append(cfg.App.subscribed(), cfg.Subscribers...); len(subscribers) > 0 {
		e.dispatcher = events.New(events.Config{
			Store: e.cfg.Store, Schema: e.Schema, Subscribers: subscribers, Node: newID(time.Now()), Log: cfg.Log, Clock: cfg.Clock, Times: cfg.Settings.Events,
		})
	}
	e.runner = e.newRunner()
	if err := e.share(); err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	if cfg.Files == nil {
		cfg.Files = blob.NewMemory()
	}
	e.files = &files{store: cfg.Files, records: e.cfg.Store, random: cfg.Random, log: cfg.Log, clock: cfg.Clock}
	if err := e.Reload(cfg.Schema, cfg.Authorizer); err != nil {
		return nil, err
	}
	e.handler = newHandler(cfg.Settings, func() revision { return e.live.Load() }, cfg.Log, cfg.Clock)
	if cfg.Settings.Mail.From != "" {
		e.handler.mail = newMailroom(cfg.Mail, cfg.Settings.Mail.Link, cfg.Log)
	}
	if r := e.kept.redis; r != nil {
		e.handler.rates.share(r, cfg.Settings.Auth.Secret+"\x00"+cfg.Schema.App.Title)
	}
	e.handler.hooks = cfg.App.hooksOf()
	if cfg.App != nil {
		e.handler.parsers = cfg.App.parsers
	}
	e.handler.metrics = cfg.Metrics
	if cfg.Metrics != nil {
		e.measure(cfg.Metrics)
	}
	e.front = e.handler
	return e, nil
}

// sealOf makes the seal of cursors. Nodes that share the secret of tokens read each
// other's; without one, cursors are good for this process.
func sealOf(cfg Config) (*actions.Seal, error) {
	if secret := cfg.Settings.Auth.Secret; secret != "" {
		return actions.NewSeal([]byte(secret)), nil
	}
	secret := make([]byte, 32)
	if _, err := io.ReadFull(cfg.Random, secret); err != nil {
		return nil, fmt.Errorf("engine: Config.Random: %w", err)
	}
	return actions.NewSeal(secret), nil
}

// Reload puts another schema and policy in service, or refuses and keeps the old ones.
// Requests in flight finish with the revision they started with. The store's
// tables must fit the schema already (storage.Store.Migrate).
func (e *Engine) Reload(s *schema.Schema, a authz.Authorizer) error {
	if s == nil || a == nil {
		return errors.New("engine: a schema and an authorizer are needed")
	}
	l, err := e.revision(s, a)
	if err != nil {
		return err
	}
	if err := e.cfg.Store.Use(s); err != nil {
		return err
	}
	e.live.Store(l)
	e.runner.Wake()
	return nil
}

// revision compiles everything that stays the same while a schema serves.
func (e *Engine) revision(s *schema.Schema, a authz.Authorizer) (*live, error) {
	cfg, limits := e.cfg, e.cfg.Settings.Limits
	accounts, err := account.New(account.Config{
		Store: cfg.Store, Schema: s, Signer: cfg.Signer, Clock: cfg.Clock, Refresh: cfg.Settings.Auth.Refresh,
		Hasher: cfg.Hasher,
	})
	if err != nil {
		return nil, err
	}
	handlers, found := cfg.App.bind(s)
	if err := startError(found); err != nil {
		return nil, err
	}
	snapshot := &actions.Snapshot{
		Schema: s, Authorizer: a, Handlers: handlers, Log: cfg.Log, HashPassword: accounts.HashPassword, EndSessions: accounts.EndSessions, Random: cfg.Random,
		Seal:  e.seal,
		Mount: mountOf(cfg.Settings, s), Files: e.files, FileMost: limits.File,
		Counted: styleOf(cfg.Settings, s) == "envelope",
		Limits:  limits.action(s.App),
		Render:  render,
		Public:  publicClasses(s, a),
	}
	anonymous := new(authz.Subject)
	a.Admit(anonymous)
	l := &live{
		anonymous:    anonymous,
		engine:       e,
		accounts:     accounts,
		snapshot:     snapshot,
		descriptions: newDescriptions(cfg.Settings, snapshot, cfg.App),
		parser: &request.Parser{
			Schema: s, Mount: mountOf(cfg.Settings, s) + "/", Formats: format.Names(),
			Limits: request.Limits{Target: limits.Target, Body: limits.Body, Import: limits.Import, Steps: limits.Steps, JSON: strictjson.Limits{
				Depth: limits.JSONDepth, Members: limits.JSONMembers, Number: limits.NumberLen,
			}},
		},
	}
	snapshot.Inside = l.inside
	var keepers []keeper
	if ledger := actions.NewLedger(s); ledger != nil {
		keepers = append(keepers, &histories{ledger})
	}
	if o := events.NewOutbox(s); o != nil {
		keepers = append(keepers, &outbox{o, e.dispatcher})
	}
	l.keepWith(keepers...)
	if l.schedules, found = schedulesOf(snapshot, e.registry); found.HasErrors() {
		return nil, startError(found)
	}
	if l.queue, err = jobs.NewStore(cfg.Store, s, cfg.Random, e.queued); err != nil {
		return nil, err
	}
	if l.queue != nil {
		snapshot.Later = l.later
	}
	return l, nil
}

// Handler serves the application over HTTP.
func (e *Engine) Handler() http.Handler { return e.front }

// Schema returns the schema in service.
func (e *Engine) Schema() *schema.Schema { return e.live.Load().snapshot.Schema }

// Jobs returns the queue of the schema in service, nil where actions cannot be queued.
func (e *Engine) Jobs() jobs.Queue {
	if q := e.live.Load().queue; q != nil {
		return q
	}
	return nil
}

// Accounts returns the accounts of the schema in service.
func (e *Engine) Accounts() *account.Accounts { return e.live.Load().accounts }

// Invoke runs an action as a subject. It is the way of every caller but HTTP,
// which gets here, too. Errors are *actions.Error.
func (e *Engine) Invoke(ctx context.Context, s *authz.Subject, a actions.Action) (*actions.Result, error) {
	return e.invoke(ctx, e.live.Load(), s, a)
}

func (e *Engine) invoke(ctx context.Context, l *live, s *authz.Subject, a actions.Action) (*actions.Result, error) {
	res, err := l.Invoke(ctx, s, a)
	if h := e.cfg.App.hooksOf(); err != nil && h != nil && len(h.at[Error]) > 0 {
		event := eventOf(ctx, Error, s, a)
		event.Err = err
		if other := call(nil, event, h.at[Error]); other != nil {
			err = other
		}
	}
	return res, err
}

// live is the revision in service.
type live struct {
	engine    *Engine
	snapshot  *actions.Snapshot
	parser    *request.Parser
	accounts  *account.Accounts
	queue     *jobs.Store // nil without a class of jobs
	schedules map[string]*schedule
	// descriptions are by their places.
	descriptions map[string]*description
	// anonymous is everybody without credentials, admitted once.
	anonymous *authz.Subject
	// keepers keep what transactions change of the wanted classes; nil is none.
	keepers []keeper
	wanted  *actions.Wanted
}

func (l *live) Schema() *schema.Schema { return l.snapshot.Schema }

func (l *live) Parse(r *http.Request) (actions.Action, error) { return l.parser.Parse(r) }

func (l *live) Allow(r *http.Request) (methods, patch []string, err error) {
	if methods, err = l.parser.Allow(r); err != nil {
		return nil, nil, err
	}
	return methods, l.parser.AcceptPatch(r), nil
}

func (l *live) Accounts() accounts { return l.accounts }

// Checks asks everything that the engine works with how it is. Nothing needs the Redis.
func (l *live) Checks(ctx context.Context) []storage.Check {
	r := l.engine.kept.redis
	if r == nil {
		return l.checkStore(ctx)
	}
	health := make(chan storage.Check, 1)
	go func() { health <- r.Health(ctx) }()
	return append(l.checkStore(ctx), <-health)
}

// checkStore asks the store how it is. One that knows nothing of itself is asked for
// a counter: the cheapest question that only a working store answers.
func (l *live) checkStore(ctx context.Context) []storage.Check {
	if p, ok := storage.As[storage.Prober](l.engine.cfg.Store); ok {
		return p.Probe(ctx)
	}
	check := storage.Check{Name: "database", Status: storage.StatusOK, Needed: true}
	classes := l.snapshot.Schema.Classes
	if _, err := l.engine.cfg.Store.Counters(ctx, classes[:min(1, len(classes))]); err != nil {
		check.Status, check.Err = "down", err
	}
	return []storage.Check{check}
}

// action gives actions the limits they bind by; the schema's own page sizes win.
func (l Limits) action(app schema.App) actions.Limits {
	out := actions.Limits{
		Page: l.Page, PageMax: l.PageMax, Skip: l.Skip, Depth: l.Depth, Rows: l.Rows, Bulk: l.Bulk, Steps: l.Steps,
		FilterTerms: l.FilterTerms, FilterDepth: l.FilterDepth, InElements: l.InElements, OrderKeys: l.OrderKeys,
		Pattern: l.Pattern,
	}
	if app.PageSize > 0 {
		out.Page = app.PageSize
	}
	if app.PageMax > 0 {
		out.PageMax = app.PageMax
	}
	if app.Depth > 0 {
		out.Depth = app.Depth
	}
	out.Page = min(out.Page, out.PageMax)
	return out
}

// orDefault replaces every limit that is not set by its default.
func (l Limits) orDefault() Limits {
	set, defaults := reflect.ValueOf(&l).Elem(), reflect.ValueOf(DefaultLimits())
	for i := range set.NumField() {
		if set.Field(i).IsZero() {
			set.Field(i).Set(defaults.Field(i))
		}
	}
	return l
}
