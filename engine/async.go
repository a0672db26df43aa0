package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/engine/jobs"
	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// respondAsync is the preference of RFC 7240 §4.1: what is asked for may be done after the answer.
var respondAsync = []string{"respond-async"}

// async queues a write whose client prefers not to wait, if it can be queued. It
// reports whether it answered. What makes no sense or is not allowed is refused
// at once, and looked at again when it runs.
func (x *exchange) async(ctx context.Context, a actions.Action, o *once) bool {
	l, ok := x.rev.(*live)
	if !ok || l.queue == nil || x.r.Method == http.MethodGet || x.r.Method == http.MethodHead || !request.RespondAsync(x.r.Header) {
		return false
	}
	if x.subject.Anonymous() || !queueable(l.Schema(), a) {
		return false // there is nobody to come back for it, or it holds what is not to be stored
	}
	j := &jobs.Job{Request: string(marshal(laid{Method: x.r.Method, Path: escapedPathOf(x.r.URL), Prefer: x.r.Header["Prefer"]}))}
	if o != nil {
		o.render = func(*actions.Result) *keptAnswer { return x.keeping(func() { x.accepted(j) }) }
	}
	if err := l.enqueue(ctx, x.subject, a, j); err != nil {
		x.fail(err)
		return true
	}
	if o != nil {
		x.sendKept(o.answer, o.replay)
		return true
	}
	x.accepted(j)
	return true
}

// queueable reports whether an action can be run later: it changes something, and
// holds no secret that would have to be stored as it is.
func queueable(s *schema.Schema, a actions.Action) bool {
	o := a.Common()
	return !o.DryRun && !o.Explain && actions.New(a.Verb()) != nil && !actions.Secret(s, a)
}

// enqueue checks an action as if it were to run now, and queues it.
func (l *live) enqueue(ctx context.Context, s *authz.Subject, a actions.Action, j *jobs.Job) error {
	caller, s, err := l.asking(ctx, s, a)
	if err != nil {
		return l.refusal(ctx, err)
	}
	now := l.engine.cfg.Clock()
	x := actions.NewExec(l.snapshot, s, now)
	if _, err := l.permitted(ctx, x, l.engine.cfg.Store, a); err != nil {
		return l.refusal(ctx, err)
	}
	if err := l.fill(j, caller, a, now); err != nil {
		return l.refusal(ctx, err)
	}
	with := alongOf(ctx)
	err = l.engine.cfg.Store.Write(ctx, func(tx storage.Tx) error {
		if err := x.Still(tx); err != nil {
			return err
		}
		if with != nil {
			if err := with.begin(ctx, tx, now); err != nil {
				return err
			}
		}
		if err := l.queue.Enqueue(ctx, tx, j); err != nil || with == nil {
			return err
		}
		return with.end(ctx, tx, nil)
	})
	if err != nil && !errors.Is(err, errKept) {
		return l.refusal(ctx, err)
	}
	l.engine.stir()
	return nil
}

// fill makes a job of an action and whoever wants it.
func (l *live) fill(j *jobs.Job, s *authz.Subject, a actions.Action, now time.Time) error {
	if s.Anonymous() {
		return actions.Errorf(actions.AuthenticationRequired, "Log in to queue what is to be done later.")
	}
	if actions.New(a.Verb()) == nil {
		return fmt.Errorf("actions of the type %q are the program's own and cannot be queued", a.Verb())
	}
	text, err := actions.Encode(a)
	if err != nil {
		return err
	}
	j.Action, j.Owner, j.Standing = string(text), s.ID, account.StandingOf(s).String()
	j.Created, j.Most = now, l.engine.cfg.Settings.Jobs.Attempts
	return nil
}

// later queues an action for a function in Go, in its transaction.
func (l *live) later(ctx context.Context, from *actions.Exec, tx storage.Tx, a actions.Action, due time.Time) (string, error) {
	x := actions.NewExec(l.snapshot, from.Subject, from.Now)
	if _, err := l.permitted(ctx, x, tx, a); err != nil {
		return "", err
	}
	j := &jobs.Job{Due: due}
	if err := l.fill(j, from.Subject, a, from.Now); err != nil {
		return "", err
	}
	err := l.queue.Enqueue(ctx, tx, j)
	return j.ID, err
}

// Later queues an action of a subject, to be run at a time or as soon as can be. What makes no
// sense or is not allowed is refused at once. Errors are *actions.Error.
func (e *Engine) Later(ctx context.Context, s *authz.Subject, a actions.Action, due time.Time) (id string, err error) {
	l := e.live.Load()
	if l.queue == nil {
		return "", actions.Errorf(actions.ActionUnavailable, "This application has no jobs.")
	}
	j := &jobs.Job{Due: due}
	err = l.enqueue(ctx, s, a, j)
	return j.ID, err
}

// accepted says that a job will be done, and where to look for it.
func (x *exchange) accepted(j *jobs.Job) {
	h := x.w.Header()
	h["Location"] = []string{x.mount + jobsPlace(x.schema) + j.ID}
	h["Preference-Applied"] = respondAsync
	h["Retry-After"] = []string{"1"}
	x.sendDocument(http.StatusAccepted, jobDocument(j))
}

// jobsPlace is where jobs are below the mount. A collection that is called so keeps its place.
func jobsPlace(s *schema.Schema) string {
	if s.Collection("jobs") != nil {
		return "/dowel-jobs/"
	}
	return "/jobs/"
}

// job answers the place of a job. One of somebody else is not there.
func (x *exchange) job(ctx context.Context, id string) {
	x.kind = "job"
	if x.r.Method == http.MethodOptions {
		setList(x.w.Header(), "Allow", jobMethods)
		x.sendEmpty(http.StatusNoContent)
		return
	}
	if m := x.r.Method; m != http.MethodGet && m != http.MethodHead && m != http.MethodDelete {
		x.fail(&actions.Error{Code: actions.MethodNotAllowed, Detail: "This resource takes GET and DELETE.", Allow: jobMethods})
		return
	}
	if err := x.required(); err != nil {
		x.fail(err)
		return
	}
	l := x.rev.(*live)
	missing := actions.Errorf(actions.NotFound, "There is no such job.")
	j, err := l.queue.Get(ctx, id)
	if err == nil && !l.maySee(x.subject, j) {
		err = jobs.ErrNone
	}
	if err == nil && x.r.Method == http.MethodDelete {
		if err = l.queue.Cancel(ctx, id); err == nil {
			x.w.Header()["Cache-Control"] = noStore
			x.sendEmpty(http.StatusNoContent)
			return
		}
	}
	switch {
	case errors.Is(err, jobs.ErrNone):
		x.fail(missing)
	case errors.Is(err, jobs.ErrState):
		x.fail(actions.Errorf(actions.StateConflict, "Only a job that is queued can be cancelled."))
	case err != nil:
		x.fail(err)
	default:
		if j.State == jobs.Queued || j.State == jobs.Running {
			x.w.Header()["Retry-After"] = []string{"1"}
		}
		x.sendDocument(http.StatusOK, jobDocument(j))
	}
}

var jobMethods = []string{http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions}

// maySee: who queued a job may look at it, and operators at all of them.
func (l *live) maySee(s *authz.Subject, j *jobs.Job) bool {
	st, err := account.ParseStanding(j.Standing)
	return err == nil && st.Covers(s)
}

// jobDocument shows a job.
func jobDocument(j *jobs.Job) []byte {
	b := append([]byte(`{"id":`), appendString(nil, j.ID)...)
	b = appendString(append(b, `,"status":`...), string(j.State))
	b = strconv.AppendInt(append(b, `,"attempts":`...), int64(j.Attempts), 10)
	moment := func(name string, t time.Time) {
		if !t.IsZero() {
			b = appendString(append(b, `,"`+name+`":`...), t.UTC().Format("2006-01-02T15:04:05.999999Z"))
		}
	}
	moment("created_at", j.Created)
	if j.State == jobs.Queued {
		moment("due_at", j.Due)
	}
	moment("ended_at", j.Ended)
	if j.Answer != "" {
		name := "problem"
		if j.State == jobs.Done {
			name = "answer"
		}
		b = append(append(b, `,"`+name+`":`...), j.Answer...)
	}
	return append(b, '}')
}

// jobID is what a place below the mount names of a job.
func (x *exchange) jobID(rest string) (id string, ok bool) {
	l, live := x.rev.(*live)
	if !live || l.queue == nil {
		return "", false
	}
	id, ok = strings.CutPrefix(rest, jobsPlace(x.schema))
	return id, ok && id != "" && !strings.ContainsAny(id, "/;")
}
