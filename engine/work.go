package engine

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/engine/jobs"
	"github.com/dowel-dev/dowel/storage"
)

// Jobs are actions that are run later: this file runs them. The action of a job
// goes through the invoker as the request for it would, with the rights that
// whoever queued it has by then, and the job is done in the transaction of the effect.

// Jobs says how a node runs them.
type Jobs struct {
	Workers  int           // at the same time; negative is none: other nodes do
	Attempts int           // before one fails for good
	Poll     time.Duration // how often to look for what other nodes queued
	Timeout  time.Duration // of one attempt
}

// DefaultJobs are the documented defaults.
func DefaultJobs() Jobs {
	return Jobs{Workers: 4, Attempts: 8, Poll: 5 * time.Second, Timeout: time.Minute}
}

func (j Jobs) orDefault() Jobs {
	d := DefaultJobs()
	if j.Workers == 0 {
		j.Workers = d.Workers
	}
	if j.Attempts <= 0 {
		j.Attempts = d.Attempts
	}
	if j.Poll <= 0 {
		j.Poll = d.Poll
	}
	if j.Timeout <= 0 {
		j.Timeout = d.Timeout
	}
	return j
}

// leaseBeyond is how much longer a lease is than the attempt it is for.
const leaseBeyond = 15 * time.Second

// newRunner makes the loop that Work runs.
func (e *Engine) newRunner() *jobs.Runner {
	s := e.cfg.Settings.Jobs
	return &jobs.Runner{
		Queue: e.queueInService, Run: e.runJob, Workers: max(s.Workers, 0), Poll: s.Poll, Lease: s.Timeout + leaseBeyond, Clock: e.cfg.Clock, Log: e.cfg.Log,
	}
}

// queueInService is the queue of the revision in service, in which its schedules have their next times.
func (e *Engine) queueInService(ctx context.Context) jobs.Queue {
	l := e.live.Load()
	if l.queue == nil {
		return nil
	}
	if e.planned.Load() != l {
		if err := l.plan(ctx); err != nil {
			if ctx.Err() == nil {
				e.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "schedules could not be queued", slog.Any("cause", err))
			}
		} else {
			e.planned.Store(l)
		}
	}
	return l.queue
}

// Work runs jobs until ctx is done, and then waits for those under way. Serve does
// it along, and so does App.Open up to Close; where it is done already it waits for the end alone.
func (e *Engine) Work(ctx context.Context) {
	if e.cfg.Settings.Jobs.Workers < 0 || !e.working.CompareAndSwap(false, true) {
		<-ctx.Done()
		return
	}
	defer e.working.Store(false)
	e.runner.Work(ctx, drainFor)
}

// queued notes that a transaction adds a job; stir looks for it when it has committed.
func (e *Engine) queued() { e.stirred.Store(true) }

func (e *Engine) stir() {
	if e.stirred.Load() && e.stirred.CompareAndSwap(true, false) {
		e.runner.Wake()
	}
}

// along is what commits with a write, beside its effect.
type along interface {
	// begin comes first in the transaction. errKept ends it without an effect, and without an error.
	begin(ctx context.Context, tx storage.Tx, now time.Time) error
	// end comes last, when everything else is there.
	end(ctx context.Context, tx storage.Tx, res *actions.Result) error
}

type alongKey struct{}

// alongOf returns what goes along with a write, nil for nothing.
func alongOf(ctx context.Context) along {
	a, _ := ctx.Value(alongKey{}).(along)
	return a
}

// attempt is a job while it is run.
type attempt struct {
	queue  jobs.Queue
	job    *jobs.Job
	now    time.Time
	answer func(*actions.Result) string
	ended  bool
}

func (a *attempt) begin(ctx context.Context, tx storage.Tx, _ time.Time) error {
	a.ended = false
	return a.queue.Hold(ctx, tx, a.job)
}

func (a *attempt) end(ctx context.Context, tx storage.Tx, res *actions.Result) error {
	a.ended = true
	return a.queue.Done(ctx, tx, a.job, a.now, a.answer(res))
}

// laid is how the answer of a job is laid out: as that to the request it came with.
type laid struct {
	Method string   `json:"method"`
	Path   string   `json:"path"` // as it was sent
	Prefer []string `json:"prefer,omitempty"`
}

// runJob makes one attempt at a job.
func (e *Engine) runJob(ctx context.Context, q jobs.Queue, j *jobs.Job) {
	began := e.cfg.Clock()
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Settings.Jobs.Timeout)
	defer cancel()
	l := e.live.Load()
	if j.Schedule != "" {
		l.proceed(ctx, j)
	}
	a, s, err := l.toDo(ctx, j)
	var x *exchange
	if err == nil && j.Attempts > j.Most {
		err = &actions.Error{Code: actions.Internal, Cause: fmt.Errorf("no attempt of %d came to an end", j.Most)}
	}
	if err == nil {
		x = e.handler.aside(l, j, a)
		x.subject = s
		at := &attempt{queue: q, job: j, now: began, answer: x.answerOf}
		err = e.attempt(context.WithValue(ctx, alongKey{}, along(at)), l, s, a, at)
	} else {
		x = e.handler.aside(l, j, nil)
	}
	if errors.Is(err, jobs.ErrLost) {
		err = nil // somebody else has it, or it was taken away; nothing happened
	}
	e.ended(ctx, q, j, a, x, err, began)
}

// attempt invokes the action of a job, and ends the job with it.
func (e *Engine) attempt(ctx context.Context, l *live, s *authz.Subject, a actions.Action, at *attempt) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &actions.Error{Code: actions.Internal, Cause: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	res, err := e.invoke(ctx, l, s, a)
	if err != nil || at.ended {
		return err
	}
	// It read, or did nothing for good: its end is a transaction of its own.
	err = e.cfg.Store.Write(ctx, func(tx storage.Tx) error {
		if err := at.begin(ctx, tx, at.now); err != nil {
			return err
		}
		return at.end(ctx, tx, res)
	})
	if err != nil {
		return l.refusal(ctx, err)
	}
	return nil
}

// toDo is the action of a job and who does it.
func (l *live) toDo(ctx context.Context, j *jobs.Job) (actions.Action, *authz.Subject, error) {
	if j.Schedule != "" {
		return l.scheduled(ctx, j.Schedule)
	}
	a, err := actions.Decode([]byte(j.Action))
	if err != nil {
		return nil, nil, actions.Errorf(actions.ActionInvalid, "The action is none that this version knows.")
	}
	st, err := account.ParseStanding(j.Standing)
	if err != nil {
		return nil, nil, err
	}
	s, err := l.accounts.Now(ctx, st)
	if errors.Is(err, token.ErrInvalid) {
		return nil, nil, &actions.Error{Code: actions.Forbidden, Detail: "Whoever queued this may do nothing any more.", Cause: err}
	}
	if err != nil {
		return nil, nil, l.refusal(ctx, err)
	}
	return a, s, nil
}

// ended writes down what came of an attempt, where its transaction did not.
func (e *Engine) ended(ctx context.Context, q jobs.Queue, j *jobs.Job, a actions.Action, x *exchange, err error, began time.Time) {
	ctx = context.WithoutCancel(ctx)
	outcome := "done"
	var failure *actions.Error
	if err != nil {
		failure = asError(err)
		outcome = "failed"
		var again time.Time
		if j.Attempts < j.Most && passing(failure) {
			again, outcome = e.cfg.Clock().Add(jobs.Backoff(j.Attempts)), "again"
		}
		problem := marshal(x.problemOf(failure, statusOf(failure.Code, x.actionInvalid)))
		late, cancel := context.WithTimeout(ctx, leaseBeyond)
		defer cancel()
		if err := q.Fail(late, j, e.cfg.Clock(), again, string(problem)); err != nil && !errors.Is(err, jobs.ErrLost) {
			e.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "what came of a job could not be written down", slog.String("job", j.ID), slog.Any("cause", err))
		}
	}
	if m := e.cfg.Metrics; m != nil {
		m.Job(outcome)
	}
	attrs := []slog.Attr{slog.String("job", j.ID), slog.String("outcome", outcome), slog.Int("attempt", j.Attempts),
		slog.Float64("ms", milliseconds(e.cfg.Clock().Sub(began)))}
	if a != nil {
		attrs = append(attrs, slog.String("action", a.Verb()), slog.String("class", a.On()))
	}
	if x.subject != nil && x.subject.ID != "" {
		attrs = append(attrs, slog.String("subject", clip(x.subject.ID)))
	}
	if j.Schedule != "" {
		attrs = append(attrs, slog.String("schedule", j.Schedule))
	}
	level := slog.LevelInfo
	if failure != nil {
		attrs = append(attrs, slog.String("code", string(failure.Code)))
		if failure.Cause != nil {
			attrs = append(attrs, slog.String("cause", failure.Cause.Error()))
		}
		if outcome == "failed" {
			level = slog.LevelError
		}
	}
	e.cfg.Log.LogAttrs(ctx, level, "job", attrs...)
}

// passing reports whether a failure may pass by itself. Functions in Go that fail are given further chances.
func passing(e *actions.Error) bool {
	return e.Code == actions.Internal || statusOf(e.Code, 0).Retry == retryLater
}

// aside is an exchange without a client, which lays the answer of a job out.
func (h *Handler) aside(l *live, j *jobs.Job, a actions.Action) *exchange {
	how := laid{Method: http.MethodPost, Path: "/"}
	if j.Request != "" {
		_ = json.Unmarshal([]byte(j.Request), &how) // ours; without it the answer is laid out plainly
	}
	at, err := url.Parse(how.Path)
	if err != nil {
		at = &url.URL{Path: "/"}
	}
	r := &http.Request{Method: how.Method, URL: at, Header: http.Header{}}
	if how.Prefer != nil {
		r.Header["Prefer"] = how.Prefer
	}
	x := &exchange{h: h, w: &unsent{header: http.Header{}}, r: r, start: h.clock(), action: a}
	x.begin()
	x.rev, x.schema = l, l.Schema()
	if a != nil {
		if style := a.Common().Output.Envelope; style != nil {
			x.envelope = *style
		}
	}
	return x
}

// answerOf is the answer of a job, as it is stored and shown.
func (x *exchange) answerOf(res *actions.Result) string {
	k := x.rendered(res)
	shown := struct {
		Status      int             `json:"status"`
		Location    string          `json:"location,omitempty"`
		ETag        string          `json:"etag,omitempty"`
		ContentType string          `json:"content_type,omitempty"`
		Body        json.RawMessage `json:"body,omitempty"`
	}{Status: k.Status, Location: k.Header.Get("Location"), ETag: k.Header.Get("Etag"), ContentType: k.Header.Get("Content-Type")}
	body := []byte(k.Body)
	if k.Base64 {
		body, _ = base64.StdEncoding.DecodeString(k.Body) // it was encoded by take
	}
	switch {
	case len(body) == 0:
	case strings.HasSuffix(shown.ContentType, "json") && json.Valid(body):
		shown.Body = bytes.TrimSpace(body)
	default:
		shown.Body = appendString(nil, k.Body)
	}
	return string(marshal(shown))
}
