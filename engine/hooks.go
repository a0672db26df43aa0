package engine

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/storage"
)

// Point is a moment in the life of a request or of an action.
type Point string

// The points, in their order. Those from Validated to AfterInvoke come once for each action,
// also for one that runs inside of another; BeforeCommit and AfterCommit once for each
// transaction; the others once for each request.
const (
	Authenticated Point = "authenticated" // who asks is known
	Parsed        Point = "parsed"        // what is asked for is known
	Validated     Point = "validated"     // it makes sense under the schema
	Authorized    Point = "authorized"    // the subject may do it, on some records at least
	BeforeInvoke  Point = "before-invoke" // in the transaction, before hooks of the action
	AfterInvoke   Point = "after-invoke"  // in the transaction, after hooks of the action
	BeforeCommit  Point = "before-commit" // everything is done, and can still be undone
	AfterCommit   Point = "after-commit"  // it is stored
	Error         Point = "error"         // it is refused; an error replaces the one there is
	BeforeSend    Point = "before-send"   // status and header fields are about to go out
)

var points = []Point{Authenticated, Parsed, Validated, Authorized, BeforeInvoke, AfterInvoke, BeforeCommit, AfterCommit, Error, BeforeSend}

// Event is what hooks learn.
type Event struct {
	Point   Point
	Name    string        // class.verb of the action, as rules name it; "" before there is one
	Request *http.Request // nil for actions that did not come over HTTP
	Subject *authz.Subject
	Action  actions.Action
	Result  *actions.Result // from AfterInvoke on, nil for errors
	Err     error           // at Error
	Status  int             // at BeforeSend
	Header  http.Header     // at BeforeSend, of the answer, to be added to
}

// Rows are the records in the result, as the caller may see them.
func (e *Event) Rows() []actions.Row { return actions.RowsOf(e.Result) }

// Hook is called at its point. An error stops what is going on, and undoes it as
// long as it can be undone: at AfterCommit and BeforeSend it goes to the log. The Ctx works
// in the transaction of the action from BeforeInvoke to BeforeCommit; elsewhere it knows no records.
type Hook func(k *actions.Ctx, e *Event) error

// hooks are those of an application, each list in the order of registration.
type hooks struct {
	at     map[Point][]Hook
	before []namedHook
	after  []namedHook
	commit []namedHook
}

type namedHook struct {
	name string // class.verb, class.* or *
	hook Hook
	pos  schema.Pos
}

// On has a hook called at a point of every request or action.
func (a *App) On(p Point, h Hook) {
	if !slices.Contains(points, p) {
		a.fault(caller(1), nil, "", "there is no point `%s`", p)
		return
	}
	if a.hooks.at == nil {
		a.hooks.at = map[Point][]Hook{}
	}
	a.hooks.at[p] = append(a.hooks.at[p], h)
}

// Before has a hook called before an action is run, in its transaction and after
// the caller was found to be allowed: "order.create", "order.update" (which PUT is, too), "order.*"
// or "*". The verbs are those of rules. It may refuse the action.
func (a *App) Before(name string, h Hook) {
	a.hooks.before = append(a.hooks.before, namedHook{name, h, caller(1)})
}

// After has a hook called after an action was run, in its transaction: what it
// writes is stored with the action or not at all, and its error undoes both.
func (a *App) After(name string, h Hook) {
	a.hooks.after = append(a.hooks.after, namedHook{name, h, caller(1)})
}

// OnCommit has a hook called when an action is stored for good. It never makes the
// request fail; its error goes to the log. The answer waits for it.
func (a *App) OnCommit(name string, h Hook) {
	a.hooks.commit = append(a.hooks.commit, namedHook{name, h, caller(1)})
}

// check finds hooks that nothing will ever call.
func (h *hooks) check(s *schema.Schema) diag.List {
	var found diag.List
	for _, list := range [][]namedHook{h.before, h.after, h.commit} {
		for _, n := range list {
			class, verb, ok := strings.Cut(n.name, ".")
			c := s.Class(class)
			d := diag.Diagnostic{Code: codeMismatch, Pos: n.pos}
			switch {
			case n.name == "*":
				continue
			case !ok:
				d.Message, d.Help = fmt.Sprintf("`%s` is no name of an action for hooks", n.name), "write CLASS.VERB, CLASS.* or *"
			case c == nil:
				var names []string
				for _, c := range s.Classes {
					names = append(names, c.Name)
				}
				d.Message, d.Help = fmt.Sprintf("a hook is for `%s`, and there is no class `%s`", n.name, class), diag.DidYouMean(class, names)
			case verb == "*" || slices.Contains(verbsOf(c), verb):
				continue
			default:
				d.Message, d.Help = fmt.Sprintf("a hook is for `%s`, and `%s` has no such verb or action", n.name, class), diag.DidYouMean(verb, verbsOf(c))
				d.Related = []diag.Related{{Pos: c.Pos, Message: "the class"}}
			}
			found.Add(d)
		}
	}
	return found
}

// any reports whether there is a hook around actions.
func (h *hooks) any() bool {
	if len(h.before)+len(h.after)+len(h.commit) > 0 {
		return true
	}
	for _, p := range []Point{Validated, Authorized, BeforeInvoke, AfterInvoke} {
		if len(h.at[p]) > 0 {
			return true
		}
	}
	return false
}

func of(list []namedHook, name string) []Hook {
	var out []Hook
	class, _, _ := strings.Cut(name, ".")
	for _, n := range list {
		if n.name == name || n.name == "*" || n.name == class+".*" {
			out = append(out, n.hook)
		}
	}
	return out
}

// nameOf is an action as rules and hooks name it.
func nameOf(a actions.Action) string {
	verb := a.Verb()
	switch a := a.(type) {
	case *actions.Run:
		verb = a.Action
	default:
		if v, ok := ruleVerbs[verb]; ok {
			verb = v
		}
	}
	return a.On() + "." + verb
}

// ruleVerbs are the verbs of actions that rules call something else.
var ruleVerbs = map[string]string{
	actions.VerbSearch: authz.List, actions.VerbRelated: authz.Get,
	actions.VerbReplace: authz.Update, actions.VerbPatch: authz.Update, actions.VerbPatchEach: authz.Update,
	actions.VerbPatchWhere: authz.Update, actions.VerbBulkUpdate: authz.Update,
	actions.VerbDeleteWhere: authz.Delete, actions.VerbBulkDelete: authz.Delete,
	actions.VerbBulkImport: authz.Create,
}

// requestKey is where a context keeps the request for events.
type requestKey struct{}

func eventOf(ctx context.Context, p Point, s *authz.Subject, a actions.Action) *Event {
	e := &Event{Point: p, Subject: s, Action: a}
	if a != nil {
		e.Name = nameOf(a)
	}
	e.Request, _ = ctx.Value(requestKey{}).(*http.Request)
	return e
}

// call runs hooks one after the other up to the first that has an error.
func call(k *actions.Ctx, e *Event, list []Hook) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &actions.Error{Code: actions.Internal, Cause: fmt.Errorf("hook %s of %s: panic: %v\n%s", e.Point, e.Name, p, debug.Stack())}
		}
	}()
	for _, h := range list {
		if err := h(k, e); err != nil {
			return refusedBy(e, err)
		}
	}
	return nil
}

// refusedBy is the error of a hook as the invoker goes on with it.
func refusedBy(e *Event, err error) error { return actions.Told(e.Name, err) }

// around puts the hooks of an application around every action that a registry binds.
func (h *hooks) around(r actions.Registry) {
	for verb, d := range r {
		bind := d.Bind
		wrapped := *d
		wrapped.Bind = func(x *actions.Exec, a actions.Action) (actions.Plan, error) {
			plan, err := bind(x, a)
			if err != nil {
				return nil, err
			}
			p := hooked{hooks: h, plan: plan, a: a, name: nameOf(a)}
			if err := p.point(x, Validated); err != nil {
				return nil, err
			}
			if w, ok := plan.(actions.Writing); ok {
				return &hookedWriting{p, w}, nil
			}
			return &hookedReading{p, plan.(actions.Reading)}, nil
		}
		r[verb] = &wrapped
	}
}

// hooked is a plan with the hooks that are about it.
type hooked struct {
	hooks *hooks
	plan  actions.Plan
	a     actions.Action
	name  string
}

type hookedReading struct {
	hooked
	reading actions.Reading
}

type hookedWriting struct {
	hooked
	writing actions.Writing
}

// point calls the hooks of a point that is outside of any transaction.
func (p *hooked) point(x *actions.Exec, at Point) error {
	list := p.hooks.at[at]
	if len(list) == 0 {
		return nil
	}
	k, end := actions.NewCtx(x.Context(), x, nil, nil, p.name)
	defer end()
	return call(k, eventOf(x.Context(), at, x.Subject, p.a), list)
}

// Authorize asks the plan, then the hooks.
func (p *hooked) Authorize(x *actions.Exec) error {
	if err := p.plan.Authorize(x); err != nil {
		return err
	}
	return p.point(x, Authorized)
}

// Prepare does what is slow.
func (p *hooked) Prepare(ctx context.Context, x *actions.Exec) error {
	if s, ok := p.plan.(actions.Preparing); ok {
		return s.Prepare(ctx, x)
	}
	return nil
}

// Drop undoes what Prepare did.
func (p *hooked) Drop(ctx context.Context, x *actions.Exec) {
	if d, ok := p.plan.(actions.Dropping); ok {
		d.Drop(ctx, x)
	}
}

func (p *hookedReading) Read(ctx context.Context, x *actions.Exec, r storage.Reader) (*actions.Result, error) {
	return p.run(ctx, x, r, nil, func() (*actions.Result, error) { return p.reading.Read(ctx, x, r) })
}

func (p *hookedWriting) Write(ctx context.Context, x *actions.Exec, tx storage.Tx) (*actions.Result, error) {
	x.Alone = false // whatever hooks do comes after the last change of the plan
	res, err := p.run(ctx, x, tx, tx, func() (*actions.Result, error) { return p.writing.Write(ctx, x, tx) })
	if err != nil {
		return nil, err
	}
	if list := of(p.hooks.commit, p.name); len(list) > 0 {
		e := eventOf(ctx, AfterCommit, x.Subject, p.a)
		e.Result = res
		actions.TrailOf(ctx).Add(func(ctx context.Context) error {
			k, end := actions.NewCtx(ctx, x, nil, nil, p.name)
			defer end()
			return call(k, e, list)
		})
	}
	return res, nil
}

func (p *hooked) run(ctx context.Context, x *actions.Exec, r storage.Reader, tx storage.Tx, plan func() (*actions.Result, error)) (*actions.Result, error) {
	before, after := p.hooks.at[BeforeInvoke], of(p.hooks.after, p.name)
	before = append(before[:len(before):len(before)], of(p.hooks.before, p.name)...)
	after = append(after, p.hooks.at[AfterInvoke]...)
	if err := p.within(ctx, x, r, tx, BeforeInvoke, nil, before); err != nil {
		return nil, err
	}
	res, err := plan()
	if err != nil {
		return nil, err
	}
	return res, p.within(ctx, x, r, tx, AfterInvoke, res, after)
}

// within calls hooks in the transaction of the action.
func (p *hooked) within(ctx context.Context, x *actions.Exec, r storage.Reader, tx storage.Tx, at Point, res *actions.Result, list []Hook) error {
	if len(list) == 0 {
		return nil
	}
	e := eventOf(ctx, at, x.Subject, p.a)
	e.Result = res
	_, err := actions.Perform(ctx, x, r, tx, p.name, func(k *actions.Ctx) (actions.None, error) {
		return actions.None{}, call(k, e, list)
	})
	return err
}

// committing calls the last hooks that can still undo a transaction.
func (l *live) committing(ctx context.Context, x *actions.Exec, tx storage.Tx, a actions.Action, res *actions.Result) error {
	h := l.engine.cfg.App.hooksOf()
	if h == nil || len(h.at[BeforeCommit]) == 0 {
		return nil
	}
	p := hooked{hooks: h, a: a, name: nameOf(a)}
	return p.within(ctx, x, tx, tx, BeforeCommit, res, h.at[BeforeCommit])
}

// committed does what was to be done once it is stored. Nothing of it makes the
// request fail, and its end does not wait for the client.
func (l *live) committed(ctx context.Context, x *actions.Exec, a actions.Action, res *actions.Result, t *actions.Trail) {
	effects := t.Effects
	if h := l.engine.cfg.App.hooksOf(); h != nil && len(h.at[AfterCommit]) > 0 {
		e := eventOf(ctx, AfterCommit, x.Subject, a)
		e.Result = res
		effects = append(effects, func(ctx context.Context) error {
			k, end := actions.NewCtx(ctx, x, nil, nil, e.Name)
			defer end()
			return call(k, e, h.at[AfterCommit])
		})
	}
	if len(effects) == 0 {
		return
	}
	ctx = context.WithoutCancel(ctx)
	for _, effect := range effects {
		if err := contained(ctx, effect); err != nil {
			l.engine.cfg.Log.LogAttrs(ctx, slog.LevelError, "after the commit", slog.String("action", nameOf(a)), slog.String("cause", causeOf(err)))
		}
	}
}

func contained(ctx context.Context, effect actions.Effect) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return effect(ctx)
}

// causeOf is an error with what clients do not learn of it.
func causeOf(err error) string {
	if e := asError(err); e.Cause != nil {
		return e.Cause.Error()
	}
	return err.Error()
}

// hooksOf are the hooks of an application, nil for none.
func (a *App) hooksOf() *hooks {
	if a == nil {
		return nil
	}
	return &a.hooks
}

// commits reports whether something happens between the last change and the commit.
func (a *App) commits() bool { return a != nil && len(a.hooks.at[BeforeCommit]) > 0 }

// happens calls the hooks of a point of a request.
func (x *exchange) happens(ctx context.Context, p Point, e *Event) error {
	h := x.h.hooks
	if h == nil || len(h.at[p]) == 0 {
		return nil
	}
	e.Point, e.Request, e.Subject, e.Action = p, x.r, x.subject, x.action
	if x.subject == nil {
		e.Subject = new(authz.Subject)
	}
	if x.action != nil {
		e.Name = nameOf(x.action)
	}
	var k *actions.Ctx
	if rev, ok := x.rev.(*live); ok {
		exec := actions.NewExec(rev.snapshot, e.Subject, x.start)
		var end func()
		k, end = actions.NewCtx(ctx, exec, nil, nil, string(p))
		defer end()
	}
	return call(k, e, h.at[p])
}
