package actions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/storage"
)

// Ctx is what a function in Go works with while its action runs: the records, as
// the caller may see and change them, in the action's own transaction. It is a
// context.Context that ends when the request does, and it is good for nothing
// once the function has returned or its time is up.
//
// A function may run again when its transaction lost a race, so what it does
// outside of the records belongs into OnCommit.
type Ctx struct {
	context.Context
	x *Exec
	s *session
}

// session is one run of a function. It guards the transaction against whoever
// goes on using a Ctx when its time is over.
type session struct {
	mu     sync.Mutex
	over   error // why no more calls are taken
	reader storage.Reader
	tx     storage.Tx // nil where nothing can be written: around reads
	name   string     // what runs, for logs
}

var (
	errEnded     = errors.New("the action has ended, and its Ctx with it")
	errNoRecords = errors.New("there are no records to be had here")
	errNested    = errors.New("actions call each other without end")
)

// mostNested is how deep actions may run inside of each other.
const mostNested = 16

// Effect is what is to be done once the transaction has committed.
type Effect func(ctx context.Context) error

// Trail is what one attempt at a transaction leaves to be done.
type Trail struct{ Effects []Effect }

// inner is what a context knows of the transaction that runs in it.
type inner struct {
	trail *Trail
	depth int // of actions in actions
}

type innerKey struct{}

// WithTrail gives an attempt at a transaction its trail.
func WithTrail(ctx context.Context) (context.Context, *Trail) {
	t := new(Trail)
	return context.WithValue(ctx, innerKey{}, &inner{trail: t}), t
}

// TrailOf is the trail of the transaction that runs in a context.
func TrailOf(ctx context.Context) *Trail { return innerOf(ctx).trail }

// Add appends an effect.
func (t *Trail) Add(e Effect) { t.Effects = append(t.Effects, e) }

func innerOf(ctx context.Context) *inner {
	if in, ok := ctx.Value(innerKey{}).(*inner); ok {
		return in
	}
	return &inner{trail: new(Trail)}
}

// Context is that of the request the action came with.
func (x *Exec) Context() context.Context {
	if x.ctx == nil {
		return context.Background()
	}
	return x.ctx
}

// NewCtx gives hooks and functions their Ctx. tx is nil around reads. end must be
// called when they have returned; it waits for what they are doing with the transaction.
func NewCtx(ctx context.Context, x *Exec, r storage.Reader, tx storage.Tx, name string) (k *Ctx, end func()) {
	s := &session{reader: r, tx: tx, name: name}
	return &Ctx{Context: ctx, x: x, s: s}, s.end
}

func (s *session) end() {
	s.mu.Lock()
	s.over = errEnded
	s.mu.Unlock()
}

// Me is the id of the subject that asks, "" for none.
func (k *Ctx) Me() string { return k.x.Subject.ID }

// Subject is who asks. It must not be changed.
func (k *Ctx) Subject() *authz.Subject { return k.x.Subject }

// Now is the time of the request: the same for everything in it.
func (k *Ctx) Now() time.Time { return k.x.Now }

// Has reports whether the subject has a global role, directly or by inclusion.
// The engine itself has all of them.
func (k *Ctx) Has(role string) bool {
	return k.x.Subject.System || k.x.Authorizer.Has(k.x.Subject, role)
}

// Need refuses subjects that have none of the global roles: to be returned by authorizers.
func (k *Ctx) Need(roles ...string) error {
	for _, role := range roles {
		if role == "anyone" || role == "user" && !k.x.Subject.Anonymous() || k.Has(role) {
			return nil
		}
	}
	if k.x.Subject.Anonymous() {
		return Errorf(AuthenticationRequired, "Log in first.")
	}
	return k.Denied("You may not do this.")
}

// Invalid is the error of an input that does not make sense: 409 or 422, naming the member.
func (k *Ctx) Invalid(member, format string, args ...any) error {
	at := ""
	if member != "" {
		at = pointer("", member)
	}
	return Invalid(Problem{Code: "invalid", Pointer: at, Detail: fmt.Sprintf(format, args...)})
}

// Conflict is the error of what the state of the records does not allow: 409.
func (k *Ctx) Conflict(format string, args ...any) error {
	return Errorf(StateConflict, fmt.Sprintf(format, args...))
}

// NotFound is the error of what is not there, or not for the caller to know of: 404.
func (k *Ctx) NotFound(format string, args ...any) error {
	return Errorf(NotFound, fmt.Sprintf(format, args...))
}

// Denied is the error of what the caller may not do: 403.
func (k *Ctx) Denied(format string, args ...any) error {
	return Errorf(Forbidden, fmt.Sprintf(format, args...))
}

// OnCommit has something done after the transaction has committed, and only then.
// Its error goes to the log: the answer is what it is by then. The context it
// gets outlives the request.
func (k *Ctx) OnCommit(effect Effect) {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	if k.s.over == nil && k.s.tx != nil {
		TrailOf(k.Context).Add(effect)
	}
}

// Sudo is the same Ctx with the rights of the engine itself. Every action through
// it leaves a line in the log that says who was asking.
func (k *Ctx) Sudo() *Ctx {
	y := NewExec(k.x.Snapshot, &authz.Subject{System: true}, k.x.Now)
	y.ctx, y.tenant.org, y.Sudoer = k.x.ctx, k.x.tenant.org, k.x.Subject
	return &Ctx{Context: k.Context, x: y, s: k.s}
}

// Do runs any action in the same transaction, with the caller's rights, as a
// request for it would: validated, authorized, with its hooks. When it fails, what it
// did is undone, and the function may return the error or go on.
func (k *Ctx) Do(a Action) (*Result, error) {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	if k.s.over != nil {
		return nil, k.s.over
	}
	if err := k.Err(); err != nil {
		return nil, err
	}
	if k.x.Sudoer != nil {
		k.audit(a)
	}
	return k.x.nested(k.Context, k.s.reader, k.s.tx, a)
}

// audit tells the log what is done with more rights than the caller has.
func (k *Ctx) audit(a Action) {
	if k.x.Log == nil {
		return
	}
	k.x.Log.LogAttrs(k.Context, slog.LevelInfo, "sudo",
		slog.String("by", k.s.name), slog.String("subject", k.x.Sudoer.ID),
		slog.String("action", a.Verb()), slog.String("class", a.On()), slog.String("id", idOf(a)))
}

// idOf is the row that an action names, "" for none.
func idOf(a Action) string {
	switch a := a.(type) {
	case *Get:
		return a.ID
	case *Replace:
		return a.ID
	case *Patch:
		return a.ID
	case *Delete:
		return a.ID
	case *Restore:
		return a.ID
	case *Purge:
		return a.ID
	case *Run:
		return a.ID
	case *GetFile:
		return a.ID
	case *PutFile:
		return a.ID
	}
	return ""
}

// nested runs an action inside of another one.
func (x *Exec) nested(ctx context.Context, r storage.Reader, tx storage.Tx, a Action) (res *Result, err error) {
	in := innerOf(ctx)
	if in.depth >= mostNested {
		return nil, errNested
	}
	if r == nil || x.Inside == nil {
		return nil, errNoRecords
	}
	ctx = context.WithValue(ctx, innerKey{}, &inner{in.trail, in.depth + 1})
	if o := a.Common(); o.Tenant == "" && !x.tenant.org.IsNull() {
		o.Tenant = x.Schema.Tenant.Class.Key[0].Type.Text(x.tenant.org)
	}
	if tx == nil {
		return x.Inside(ctx, x, r, nil, a)
	}
	mark := len(in.trail.Effects)
	err = tx.Savepoint(ctx, func() error {
		res, err = x.Inside(ctx, x, tx, tx, a)
		return err
	})
	if err != nil {
		in.trail.Effects = in.trail.Effects[:mark]
		return nil, err
	}
	return res, nil
}

// Perform runs a function on a goroutine of its own, so that one that does not
// come back in time does not hold the transaction. Whatever ends it, the
// transaction is out of its reach when Perform returns.
func Perform[T any](ctx context.Context, x *Exec, r storage.Reader, tx storage.Tx, name string, fn func(k *Ctx) (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	k, end := NewCtx(ctx, x, r, tx, name)
	done := make(chan outcome, 1)
	go func() {
		o := outcome{err: errors.New("it ended its goroutine")}
		defer func() {
			if p := recover(); p != nil {
				o.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
			done <- o
		}()
		o.value, o.err = fn(k)
	}()
	var none T
	select {
	case o := <-done:
		end()
		if o.err != nil {
			return none, told(ctx, name, o.err)
		}
		return o.value, nil
	case <-ctx.Done():
		end()
		return none, told(ctx, name, ctx.Err())
	}
}

// Told makes the error of a hook or function of that name one for the client.
func Told(name string, err error) error { return told(context.Background(), name, err) }

// told makes the error of a function one for the client: those that say what they
// are go out as they are, those of the store are the invoker's, all others are nobody's business.
func told(ctx context.Context, name string, err error) error {
	var e *Error
	switch {
	case ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, errEnded)):
		return &Error{Code: StorageUnavailable, Detail: "`" + name + "` took too long; nothing was done.", Retry: 1, Cause: err}
	case errors.As(err, &e):
		return err
	}
	for _, known := range []error{storage.ErrUnavailable, storage.ErrOutcomeUnknown, storage.ErrConcurrent, storage.ErrTooManyRows, storage.ErrTooLarge, ErrMoved} {
		if errors.Is(err, known) {
			return err
		}
	}
	return &Error{Code: Internal, Cause: fmt.Errorf("%s: %w", name, err)}
}
