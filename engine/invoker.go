package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// errDryRun ends the transaction of a dry run: everything but the commit happened.
var errDryRun = errors.New("dry run")

// Invoke is the only door to the records. It binds the action (ActionInvalid
// with every problem), asks for permission, and runs it: reads against a
// snapshot, writes in one transaction that checks permission and precondition
// again on the row. It never sees HTTP.
func (l *live) Invoke(ctx context.Context, s *authz.Subject, a actions.Action) (*actions.Result, error) {
	res, err := l.invoke(ctx, s, a, false)
	if err != nil {
		return nil, l.refusal(ctx, err)
	}
	return res, nil
}

func (l *live) invoke(ctx context.Context, s *authz.Subject, a actions.Action, encoded bool) (*actions.Result, error) {
	caller, s, err := l.asking(ctx, s, a)
	if err != nil {
		return nil, err
	}
	if a.Common().Explain {
		return l.explained(ctx, caller, s, a)
	}
	const tries = 3
	for range tries {
		res, err := l.try(ctx, caller, s, a, encoded)
		if !errors.Is(err, actions.ErrMoved) {
			return res, err
		}
	}
	return nil, storage.ErrConcurrent
}

// asking admits whoever asks, and whoever they act as, which mostly is the same.
func (l *live) asking(ctx context.Context, s *authz.Subject, a actions.Action) (caller, acting *authz.Subject, err error) {
	switch {
	case s.Anonymous() && s.RoleSet == "":
		s = l.anonymous
	case s.RoleSet == "" && !s.System:
		admitted := *s
		s = &admitted
		l.snapshot.Authorizer.Admit(s)
	}
	if o := a.Common(); o.As != "" {
		acting, err = l.actAs(ctx, s, o)
		return s, acting, err
	}
	return s, s, nil
}

// try runs an action once: actions.ErrMoved says to begin anew.
func (l *live) try(ctx context.Context, caller, s *authz.Subject, a actions.Action, encoded bool) (*actions.Result, error) {
	x := actions.NewExec(l.snapshot, s, l.engine.cfg.Clock())
	began := time.Now()
	plan, err := l.permitted(ctx, x, l.engine.cfg.Store, a)
	if seen := l.timed(ctx); seen != nil {
		seen.times.authorize += time.Since(began)
	}
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, x, plan); err != nil {
		return nil, err
	}
	if put, streams := a.(*actions.PutFile); streams && put.Source != nil {
		// What came in had its own pace; the clock of the work starts now.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.engine.cfg.Settings.Limits.Request)
		defer cancel()
	}
	switch p := plan.(type) {
	case actions.Reading:
		res, err := l.read(ctx, x, p, a, encoded)
		if err == nil {
			res.Public = x.Shared(plan, a.Common())
		}
		return res, err
	case actions.Writing:
		return l.write(ctx, x, caller, p, a)
	}
	return nil, fmt.Errorf("the plan of %q neither reads nor writes", a.Verb())
}

// permitted binds an action and asks whether the subject of x may do it at all.
func (l *live) permitted(ctx context.Context, x *actions.Exec, r storage.Reader, a actions.Action) (actions.Plan, error) {
	if err := x.Enter(ctx, r, a); err != nil {
		return nil, err
	}
	plan, err := l.engine.registry.Bind(x, a)
	if err == nil && x.Failed() == nil {
		err = plan.Authorize(x)
	}
	if failed := x.Failed(); failed != nil {
		return nil, failed
	}
	return plan, err
}

// prepare does what is slow and needs no transaction.
func prepare(ctx context.Context, x *actions.Exec, plan actions.Plan) error {
	if p, ok := plan.(actions.Preparing); ok {
		return p.Prepare(ctx, x)
	}
	return nil
}

// write runs a plan in one transaction. caller is who asks, where x acts as somebody else.
func (l *live) write(ctx context.Context, x *actions.Exec, caller *authz.Subject, p actions.Writing, a actions.Action) (*actions.Result, error) {
	dry := a.Common().DryRun
	recorded := l.wanted != nil && !dry
	own := l.engine.cfg.App != nil // who knows what its functions leave to be done
	with := alongOf(ctx)
	var res *actions.Result
	var trail *actions.Trail
	var kept []keeper
	err := l.engine.cfg.Store.Write(ctx, func(tx storage.Tx) (err error) {
		defer func() {
			// A store may run this elsewhere, where a panic would take the process along.
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			}
		}()
		x.Alone = !dry && with == nil && !recorded && !l.engine.cfg.App.commits()
		if err := x.Still(tx); err != nil {
			return err
		}
		if with != nil {
			if err := with.begin(ctx, tx, x.Now); err != nil {
				return err
			}
		}
		ctx := ctx
		if own {
			ctx, trail = actions.WithTrail(ctx)
		}
		var recorder *actions.Recorder
		plain := tx
		if recorded {
			recorder = actions.NewRecorder(tx, l.wanted)
			tx = recorder
		}
		if res, err = actions.Write(ctx, x, tx, p, a); err != nil {
			return err
		}
		if err := l.committing(ctx, x, tx, a, res); err != nil {
			return err
		}
		if dry {
			return errDryRun
		}
		if recorded {
			if kept, err = l.keep(ctx, plain, &transaction{x: x, caller: caller, action: a, changes: recorder.Changes(), last: with == nil}); err != nil {
				return err
			}
			tx = plain
		}
		if with != nil {
			return with.end(ctx, tx, res)
		}
		return nil
	})
	if d, ok := p.(actions.Dropping); ok && (err != nil && !errors.Is(err, storage.ErrOutcomeUnknown) && !errors.Is(err, actions.ErrMoved)) {
		d.Drop(ctx, x)
	}
	if errors.Is(err, errKept) {
		return &actions.Result{}, nil // the answer is in `with`
	}
	if err != nil && !errors.Is(err, errDryRun) {
		return nil, err
	}
	for _, k := range kept {
		k.stored()
	}
	l.engine.stir()
	if own && !dry {
		l.committed(ctx, x, a, res, trail)
	}
	return res, nil
}

// inside runs an action inside of another one, in its transaction, as a request
// for it would be run; tx is nil around reads.
func (l *live) inside(ctx context.Context, from *actions.Exec, r storage.Reader, tx storage.Tx, a actions.Action) (*actions.Result, error) {
	x := actions.NewExec(l.snapshot, from.Subject, from.Now)
	plan, err := l.permitted(ctx, x, r, a)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, x, plan); err != nil {
		return nil, err
	}
	switch p := plan.(type) {
	case actions.Reading:
		return p.Read(ctx, x, r)
	case actions.Writing:
		if tx == nil {
			return nil, errReadOnly
		}
		return actions.Write(ctx, x, tx, p, a)
	}
	return nil, fmt.Errorf("the plan of %q neither reads nor writes", a.Verb())
}

// errReadOnly is told to functions that write where nothing can be.
var errReadOnly = errors.New("this runs around a read, where nothing can be written")

// actAs answers as=: oneself always, others by the verb act_as on the login class.
func (l *live) actAs(ctx context.Context, s *authz.Subject, o *actions.Options) (*authz.Subject, error) {
	if o.As == s.ID {
		return s, nil
	}
	login := l.snapshot.Schema.Login
	refuse := actions.Errorf(actions.Forbidden, "You may not act as somebody else.")
	if s.Anonymous() {
		refuse = actions.Errorf(actions.AuthenticationRequired, "Log in to act as somebody else.")
	}
	if login == nil {
		return nil, refuse
	}
	d := l.snapshot.Authorizer.Decide(s, login, authz.ActAs)
	if d.Effect == authz.Denied {
		return nil, refuse
	}
	key, err := schema.ParseKey(login, o.As)
	if err != nil {
		return nil, refuse
	}
	x := actions.NewExec(l.snapshot, s, l.engine.cfg.Clock())
	page, err := l.engine.cfg.Store.Read(ctx, &storage.Query{Class: login, Key: key, Where: x.Resolve(d.Where), Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 {
		return nil, refuse
	}
	other, err := l.accounts.As(ctx, o.As)
	if err != nil {
		return nil, refuse
	}
	other.Tenant = s.Tenant // whose credentials are good for one organization stays inside of it
	other.Scope = s.Scope
	if o.AsMode == "add" {
		both := *other
		both.Roles = append(append([]string(nil), other.Roles...), s.Roles...)
		both.RoleSet = ""
		other = &both
	}
	l.snapshot.Authorizer.Admit(other)
	return other, nil
}

// refusal gives every error a code; what is not foreseen is internal, its cause for the log only.
func (l *live) refusal(ctx context.Context, err error) error {
	var e *actions.Error
	var step *actions.StepError
	switch {
	case errors.As(err, &step):
		return actions.AtStep(asError(l.refusal(ctx, step.Err)), step.Path)
	case errors.As(err, &e):
		return e
	case errors.Is(err, storage.ErrOutcomeUnknown):
		return &actions.Error{Code: actions.OutcomeUnknown, Detail: "Whether the write happened is not known; read before you repeat it.", Cause: err}
	case errors.Is(err, storage.ErrConcurrent):
		return &actions.Error{Code: actions.ConcurrentChange, Detail: "Others changed the same rows at the same time; nothing was done.", Cause: err}
	case errors.Is(err, storage.ErrTooManyRows):
		return actions.TooManyRows(l.snapshot.Limits.Rows)
	case errors.Is(err, storage.ErrTooLarge):
		return &actions.Error{Code: actions.StateConflict, Detail: "A sum over these rows is too large for a number.", Cause: err}
	case errors.Is(err, account.ErrBusy):
		return &actions.Error{Code: actions.RateLimited, Detail: "Too many passwords are being hashed at once; nothing was done.", Retry: 1, Cause: err}
	case errors.Is(err, storage.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &actions.Error{Code: actions.StorageUnavailable, Detail: "The storage cannot answer now; nothing was done.", Retry: 1, Cause: err}
	}
	return &actions.Error{Code: actions.Internal, Cause: err}
}
