package actions

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

// Exec is what one action may use while it is bound, authorized and run: the
// snapshot it was started with, who asks, and when. The invoker makes one a
// request; it is not shared between goroutines.
type Exec struct {
	*Snapshot
	Subject *authz.Subject
	Now     time.Time
	// Alone: the transaction ends with this plan, so that its last change may commit along (storage.Change.Final).
	Alone bool
	// Asked, when not nil, is told of every decision that is asked for.
	Asked func(c *schema.Class, verb string, d *authz.Decision)
	// Sudoer is the subject whose function acts as the engine itself, nil for none.
	Sudoer *authz.Subject

	// personal: something asked for mentions the subject; timed: it mentions now.
	personal, timed bool

	ctx    context.Context // of Enter
	env    expr.Env
	tenant tenancy
	reader storage.Reader // of Enter
}

// Snapshot is everything about an application that stays the same while a
// request runs. It is immutable but for its caches.
type Snapshot struct {
	Schema     *schema.Schema
	Authorizer authz.Authorizer
	Limits     Limits
	// Counted: lists count their rows unless told otherwise (style envelope).
	Counted bool
	Random  io.Reader // for generated ids
	// Public are the classes of which everybody sees the same, with how long caches may keep that; nil is none.
	Public map[*schema.Class]time.Duration
	Seal   *Seal // of cursors
	// Mount is the path in front of the API, without a slash at its end.
	Mount string
	Files Files
	// FileMost is the most bytes of a file where its field does not say.
	FileMost int64
	// HashPassword turns a plain secret into what is stored.
	HashPassword func(ctx context.Context, plain string) (string, error)
	// EndSessions ends the sessions of a user but for one, in the transaction in
	// which the user's secret changes. nil where there are no sessions.
	EndSessions func(ctx context.Context, tx storage.Tx, userID, but string) error
	// Handlers run the actions declared with `run: go`, by "class.action".
	Handlers map[string]Handler
	// Render writes the content of an answer as JSON, nil for none: steps of a compound
	// take values of those before them. nil where there are no compounds.
	Render func(r *Result, o *Output) []byte

	// Inside runs an action inside of another one: as the subject of from, in its
	// transaction; tx is nil around reads.
	Inside func(ctx context.Context, from *Exec, r storage.Reader, tx storage.Tx, a Action) (*Result, error)
	// Later queues an action; nil where there are no jobs.
	Later Queueing
	Log   *slog.Logger // nil: what functions do with more rights than the caller is not told

	views sync.Map // *authz.Decision → *boundView of the default view
}

// Handler is the Go side of an action declared with `run: go`.
type Handler func(ctx context.Context, c *Call) (*Result, error)

// Call is what a Handler gets: the target row as the caller may see it, the
// checked input, and the transaction.
type Call struct {
	*Exec
	Tx     storage.Tx
	Action *schema.Action
	ID     string       // of the target; "" for an action of the collection
	Row    *storage.Row // nil for an action of the collection
	Input  []schema.Value

	view    View
	options *Options
}

// Limits bound one action; see engine.Limits for their meaning.
type Limits struct {
	Page, PageMax, Skip, Depth, Rows, Bulk, Steps   int
	FilterTerms, FilterDepth, InElements, OrderKeys int
	Pattern                                         int
}

// NewExec starts an action of a subject.
func NewExec(s *Snapshot, subject *authz.Subject, now time.Time) *Exec {
	return &Exec{Snapshot: s, Subject: subject, Now: now}
}

// bindings is what me and now mean, made when the first condition asks for it:
// most requests never do.
func (x *Exec) bindings() *expr.Env {
	if x.env.Now == nil {
		x.env = expr.Env{Now: func() time.Time { return x.Now }, Me: x.Subject.ID, User: x.Subject.User, Claims: x.Subject.Claims}
	}
	return &x.env
}

// Decide returns the decision on a verb of a class for this subject, confined
// to its organizations where rows belong to some.
func (x *Exec) Decide(c *schema.Class, verb string) *authz.Decision {
	var d *authz.Decision
	if x.Schema.Tenant.Org(c) != nil {
		d = x.decideWithin(c, verb).confined
	} else {
		d = x.Authorizer.Decide(x.Subject, c, verb)
	}
	if x.Asked != nil {
		x.Asked(c, verb, d)
	}
	return d
}

// Resolve binds the request-dependent operands of a condition.
func (x *Exec) Resolve(e schema.Expr) schema.Expr {
	switch e.(type) {
	case nil, schema.Const:
		return e
	}
	if len(x.Public) > 0 && !x.personal {
		x.personal = expr.Subjective(e)
	}
	x.timed = x.timed || expr.Timed(e)
	return expr.Resolve(x.confine(e), x.bindings())
}

// Guard returns what the subject may see of a class, nil when that is every row.
func (x *Exec) Guard(c *schema.Class) schema.Expr {
	d := x.Decide(c, authz.Get)
	if d.Effect == authz.Allowed {
		return nil
	}
	return x.Resolve(d.Where)
}

// seesAll reports whether the subject may see every row of a class that refers
// to a row it may see: all of them, or all of the organization that both belong to.
func (x *Exec) seesAll(c *schema.Class) bool {
	if c.Tenant != nil && !x.tenant.org.IsNull() {
		a := x.decideWithin(c, authz.Get)
		return a.own != nil && a.own.Effect == authz.Allowed
	}
	return x.Guard(c) == nil
}

// permit turns a decision without any grant into 401 or 403. An anonymous
// subject whose only grants are row roles, which it can never have, is told to log in.
func (x *Exec) permit(d *authz.Decision, c *schema.Class, verb string) error {
	if d.Effect != authz.Denied && !(d.OnlyRows && x.Subject.Anonymous()) {
		return nil
	}
	return x.refuse(c, verb)
}

// refuse is the answer to a subject that may not do a thing.
func (x *Exec) refuse(c *schema.Class, verb string) *Error {
	if x.Subject.Anonymous() {
		return Errorf(AuthenticationRequired, "Log in to "+phrase(verb)+" "+c.Collection+".")
	}
	return Errorf(Forbidden, "You may not "+phrase(verb)+" "+c.Collection+".")
}

func phrase(verb string) string {
	switch verb {
	case authz.List, authz.Get:
		return "read"
	}
	return verb
}

// hidden is the answer for a row that does not exist or may not be seen; the two are never told apart.
func (x *Exec) hidden(c *schema.Class, id string) *Error {
	return Errorf(NotFound, "There is no "+c.Name+" "+excerpt(id)+".")
}

// excerpt shortens client text for messages.
func excerpt(s string) string {
	const most = 60
	r := []rune(s)
	if len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// conj joins conditions; nil members are skipped and nil is "every row".
func conj(es ...schema.Expr) schema.Expr {
	if e := expr.And(es...); e != schema.Expr(schema.Const(true)) {
		return e
	}
	return nil
}
