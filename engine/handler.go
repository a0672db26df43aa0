package engine

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/cors"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/engine/format"
	"github.com/dowel-dev/dowel/engine/metrics"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// revision is one schema with its policy, in service. A request sees one
// revision from its first byte to its last.
type revision interface {
	Schema() *schema.Schema
	// Parse reads a request into an action. Its errors are *actions.Error.
	Parse(r *http.Request) (actions.Action, error)
	// Allow returns the methods that the resource of a request offers, and what
	// PATCH takes there (RFC 5789 §3.1), nil where it is not offered.
	Allow(r *http.Request) (methods, patch []string, err error)
	Invoke(ctx context.Context, s *authz.Subject, a actions.Action) (*actions.Result, error)
	// Answer is Invoke, but the result may have its content in the place of rows.
	Answer(ctx context.Context, s *authz.Subject, a actions.Action) (*actions.Result, error)
	// Describe returns the description of the application at a place, nil for none.
	Describe(path string) *description
	// Accounts checks credentials and logs users in.
	Accounts() accounts
	// Checks says how everything is that requests need.
	Checks(ctx context.Context) []storage.Check
}

// accounts is what the funnel asks of *account.Accounts.
type accounts interface {
	Authenticate(ctx context.Context, raw string) (*authz.Subject, error)
	Basic(ctx context.Context, login, password string) (*authz.Subject, error)
	Login(ctx context.Context, login, password string) (*account.Tokens, error)
	Refresh(ctx context.Context, refresh string) (*account.Tokens, error)
	Logout(ctx context.Context, session string) error
	As(ctx context.Context, userID string) (*authz.Subject, error)
	PublicKeys() []byte
	Forgot(ctx context.Context, login string) (*account.Reset, error)
	ResetUser(ctx context.Context, token string) (userID string, err error)
	SpendReset(ctx context.Context, token string) (userID string, err error)
}

// Handler is the funnel that every request goes through: admission, credentials,
// parsing, invocation, answer. Everything below it returns errors to it, and it
// alone turns them into responses. It is safe for concurrent use.
type Handler struct {
	settings Settings
	current  func() revision
	clock    func() time.Time
	log      *slog.Logger
	cors     *cors.Cors // nil: switched off
	rates    rates
	keys     keys
	mail     *mailroom        // nil: nobody is written to
	hooks    *hooks           // nil: none
	metrics  *metrics.Metrics // nil: nothing is counted
	parsers  []Parser         // of the application, in front of the API's own
	// vary are the Vary fields of answers that depend on the representation asked for, and of others.
	vary, varyOrigin []string
	// varyPublic is that of answers that are the same for everybody.
	varyPublic []string

	draining atomic.Bool
	inFlight atomic.Int64
}

// newHandler makes the funnel. current returns the revision that serves now.
func newHandler(s Settings, current func() revision, log *slog.Logger, clock func() time.Time) *Handler {
	if s.Limits == (Limits{}) {
		s.Limits = DefaultLimits()
	}
	h := &Handler{settings: s, current: current, clock: clock, log: log, rates: newRates(s, clock)}
	h.vary = []string{"Accept, Accept-Encoding, Authorization"}
	h.varyPublic = []string{"Accept, Accept-Encoding"}
	if len(s.CORS.Origins) > 0 {
		h.cors = newCORS(s.CORS)
		h.vary = []string{"Accept, Accept-Encoding, Authorization, Origin"}
		h.varyPublic = []string{"Accept, Accept-Encoding, Origin"}
		h.varyOrigin = []string{"Origin"}
	}
	return h
}

// Drain makes the handler refuse new requests and report itself as not ready,
// while those in flight finish.
func (h *Handler) Drain() { h.draining.Store(true) }

// exchange is one request on its way through the funnel and everything known about it.
type exchange struct {
	h *Handler
	w http.ResponseWriter
	r *http.Request

	rev           revision
	schema        *schema.Schema
	mount         string
	envelope      bool // the style of the answer
	actionInvalid int  // the status of actions that do not fit the schema
	vary          []string

	start   time.Time
	id      string
	trace   string
	subject *authz.Subject
	action  actions.Action

	failure *actions.Error
	kept    *keptAnswer // takes the answer instead of the client
	status  int
	bytes   int
	kind    string        // of the place, where there is no action: probe, document, auth
	times   times         // in dev
	pages   []format.Link // to other pages of a list

	// Room for what nearly every request needs.
	fields           [3][1]string
	anonymous        authz.Subject
	reading, working deadline
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{h: h, w: w, r: r, start: h.clock(), vary: h.varyOrigin}
	busy := h.inFlight.Add(1)
	defer x.end()
	x.begin()
	if x.probe() {
		return
	}
	if err := h.admit(r, busy); err != nil {
		x.fail(err)
		return
	}
	if h.cors != nil {
		h.cors.HandlerFunc(w, tidied(r))
	}
	if preflight(r) {
		x.preflight()
		return
	}
	x.serve()
}

// begin learns what every answer needs.
func (x *exchange) begin() {
	x.id = requestID(x.r.Header["X-Request-Id"], x.start)
	x.fields[2][0] = x.id
	h := x.w.Header()
	h["X-Request-Id"] = x.fields[2][:]
	h["X-Content-Type-Options"] = nosniff
	x.rev = x.h.current()
	x.schema = x.rev.Schema()
	x.trace = traceID(x.r.Header["Traceparent"])
	x.mount = mountOf(x.h.settings, x.schema)
	x.envelope = styleOf(x.h.settings, x.schema) == "envelope"
	x.actionInvalid = x.h.settings.Status.ActionInvalid
	if x.actionInvalid == 0 && x.envelope {
		x.actionInvalid = http.StatusUnprocessableEntity
	}
}

// mountOf is the path prefix of the API without a final slash: settings win over the schema.
func mountOf(s Settings, app *schema.Schema) string {
	mount := s.Mount
	if mount == "" {
		mount = app.App.Mount
	}
	if mount == "" {
		mount = "/api"
	}
	return strings.TrimSuffix(mount, "/")
}

func styleOf(s Settings, app *schema.Schema) string {
	if s.Style != "" {
		return s.Style
	}
	return app.App.Style
}

// end closes the exchange: it contains panics and writes the log line.
func (x *exchange) end() {
	defer x.h.inFlight.Add(-1)
	if p := recover(); p != nil {
		if p == http.ErrAbortHandler {
			panic(p)
		}
		x.h.log.Error("panic", slog.Any("panic", p), slog.String("request_id", x.id), slog.String("stack", string(debug.Stack())))
		if x.status != 0 || x.rev == nil {
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}
		x.fail(&actions.Error{Code: actions.Internal})
	}
	x.logLine()
	x.count()
}

// admit decides whether a request is looked at at all.
func (h *Handler) admit(r *http.Request, busy int64) error {
	l := &h.settings.Limits
	switch {
	case h.draining.Load():
		return actions.Errorf(actions.Overloaded, "The server is shutting down.")
	case l.InFlight > 0 && busy > int64(l.InFlight):
		return actions.Errorf(actions.Overloaded, "Too many requests are being served.")
	case l.Target > 0 && len(r.RequestURI) > l.Target:
		return actions.Errorf(actions.TargetTooLong, "The address is longer than "+bytesText(l.Target)+".")
	case !knownMethod(r.Method):
		return actions.Errorf(actions.MethodUnknown, "No resource here has a method of that name; names are case-sensitive.")
	}
	return admitHeaders(r.Header, l)
}

func admitHeaders(header http.Header, l *Limits) error {
	fields, size := 0, 0
	for name, values := range header {
		fields += len(values)
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	if l.Headers > 0 && fields > l.Headers {
		return actions.Errorf(actions.HeadersTooLarge, "The request has more than "+itoa(l.Headers)+" header fields.")
	}
	if l.HeaderBytes > 0 && size > l.HeaderBytes {
		return actions.Errorf(actions.HeadersTooLarge, "The header fields are longer than "+bytesText(l.HeaderBytes)+".")
	}
	return nil
}

func knownMethod(m string) bool {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect:
		return true
	}
	return false
}

// serve is everything after admission.
func (x *exchange) serve() {
	limit := x.h.settings.Limits.Request
	x.reading.of, x.working.of = x, x
	ctx := x.reading.start(x.r.Context(), limit)
	defer x.reading.end()
	if err := x.authenticate(ctx); err != nil {
		x.fail(err)
		return
	}
	if err := x.happens(ctx, Authenticated, &Event{}); err != nil {
		x.fail(err)
		return
	}
	if len(x.h.parsers) > 0 && x.special(ctx) {
		return
	}
	rest, ours := x.place()
	if !ours {
		x.elsewhere(rest)
		return
	}
	if x.fixed(ctx, rest) {
		return
	}
	if x.r.Method == http.MethodOptions {
		x.options()
		return
	}
	x.guardBody()
	parsing := time.Now()
	action, err := x.rev.Parse(x.r)
	x.times.parse = time.Since(parsing)
	if err != nil {
		x.fail(x.slow(err))
		return
	}
	if put, streams := action.(*actions.PutFile); streams && put.Source != nil {
		ctx = x.r.Context() // content is still to be read
	} else if x.r.ContentLength != 0 { // reading has its own pace; the clock of the work starts now
		ctx = x.working.start(x.r.Context(), limit)
		defer x.working.end()
	}
	x.run(ctx, action)
}

// run invokes an action and answers with what came of it.
func (x *exchange) run(ctx context.Context, action actions.Action) {
	x.action = action
	if style := action.Common().Output.Envelope; style != nil {
		x.envelope = *style
	}
	if err := acceptCoding(x.r.Header); err != nil {
		x.fail(err)
		return
	}
	if err := x.happens(ctx, Parsed, &Event{}); err != nil {
		x.fail(err)
		return
	}
	if x.h.hooks != nil {
		ctx = context.WithValue(ctx, requestKey{}, x.r)
	}
	ctx, once, done, err := x.once(ctx, action)
	if err != nil {
		x.fail(err)
		return
	}
	defer done()
	if x.async(ctx, action, once) {
		return
	}
	result, err := x.rev.Answer(ctx, x.subject, action)
	if err != nil {
		x.fail(x.spelled(x.slow(err)))
		return
	}
	if once != nil && once.answer != nil {
		x.sendKept(once.answer, once.replay)
		return
	}
	if action.Common().Explain {
		x.envelope = false // it is about the API and no answer of it
		x.sendDocument(http.StatusOK, result.Raw)
		return
	}
	x.respond(result)
}

// place returns what follows the mount in the escaped path; ours is false for paths outside of it.
func (x *exchange) place() (rest string, ours bool) {
	path := escapedPath(x.r)
	rest, ours = strings.CutPrefix(path, x.mount)
	if !ours || rest != "" && rest[0] != '/' && rest[0] != ';' {
		return path, false
	}
	return rest, true
}

// escapedPath is the path as it was sent. Where RawPath is empty, Path is the
// path but for escapes of characters that no fixed place has.
func escapedPath(r *http.Request) string {
	if r.URL.RawPath != "" {
		return r.URL.RawPath
	}
	return r.URL.Path
}

// options answers OPTIONS: what the resource offers, to anybody alike.
func (x *exchange) options() {
	methods, patch, err := x.rev.Allow(x.r)
	if err != nil {
		x.fail(err)
		return
	}
	h := x.w.Header()
	h["Allow"] = []string{strings.Join(methods, ", ")}
	setList(h, "Accept-Patch", patch)
	x.sendEmpty(http.StatusNoContent)
}
