package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine/jobs"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/storage"
)

// A schedule is an action that jobs run, one for each time it is due. Its next time
// is always in the queue, under a name that no other job can have, so it is run
// once however many nodes there are. The job that is begun puts the time after it
// in; those that passed while no node ran are made up for by that one job.

// codeSchedule is the code of schedules that cannot be run.
const codeSchedule = "E068"

// schedule is one with its action.
type schedule struct {
	*schema.Schedule
	action actions.Action
}

// CheckSchedules finds schedules whose action makes no sense, or may not be done by whoever it is run as.
func CheckSchedules(s *schema.Schema, a authz.Authorizer) diag.List {
	registry := actions.Builtin()
	_, found := schedulesOf(&actions.Snapshot{Schema: s, Authorizer: a, Limits: DefaultLimits().action(s.App)}, registry)
	return found
}

func schedulesOf(snapshot *actions.Snapshot, registry actions.Registry) (map[string]*schedule, diag.List) {
	var found diag.List
	all := map[string]*schedule{}
	for _, s := range snapshot.Schema.Schedules {
		a, err := actions.Decode([]byte(s.Action))
		if err == nil {
			err = permitting(snapshot, registry, s, a)
		}
		if err != nil {
			d := diag.Diagnostic{Code: codeSchedule, Pos: s.ActionPos, Message: fmt.Sprintf("the schedule `%s` cannot be run: %s", s.Name, reasonOf(err))}
			var e *actions.Error
			if errors.As(err, &e) {
				d.Help = e.Hint
			}
			found.Add(d)
			continue
		}
		all[s.Name] = &schedule{s, a}
	}
	return all, found
}

// reasonOf is an error as people read it in a sentence.
func reasonOf(err error) string {
	var e *actions.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	text := e.Detail
	if len(e.Errors) > 1 {
		for _, p := range e.Errors {
			text += " " + p.Detail
		}
	}
	return text
}

// permitting binds an action and asks for permission, as far as that can be said
// without the records: not for a user, and not where rights depend on an organization.
func permitting(snapshot *actions.Snapshot, registry actions.Registry, s *schema.Schedule, a actions.Action) error {
	if snapshot.Schema.Tenant != nil {
		return nil
	}
	subject := subjectOf(s)
	if subject == nil {
		subject = &authz.Subject{System: true}
	}
	snapshot.Authorizer.Admit(subject)
	x := actions.NewExec(snapshot, subject, time.Now())
	plan, err := registry.Bind(x, a)
	if err != nil {
		return err
	}
	return plan.Authorize(x)
}

// subjectOf is who a schedule is run as, nil for a user, who has to be looked up.
func subjectOf(s *schema.Schedule) *authz.Subject {
	switch {
	case s.System:
		return &authz.Subject{System: true}
	case s.User != "":
		return nil
	}
	return &authz.Subject{ID: "schedule:" + s.Name, Roles: []string{s.Role}}
}

// scheduled is the action of a schedule and who does it.
func (l *live) scheduled(ctx context.Context, name string) (actions.Action, *authz.Subject, error) {
	s := l.schedules[name]
	if s == nil {
		return nil, nil, actions.Errorf(actions.NotFound, "There is no schedule of that name any more.")
	}
	if subject := subjectOf(s.Schedule); subject != nil {
		return s.action, subject, nil
	}
	id, err := l.accounts.Find(ctx, s.User)
	if err != nil {
		return nil, nil, &actions.Error{Code: actions.Forbidden, Detail: "There is no such user.", Cause: err}
	}
	subject, err := l.accounts.As(ctx, id)
	if err != nil {
		return nil, nil, &actions.Error{Code: actions.Forbidden, Detail: "The user is gone or disabled.", Cause: err}
	}
	return s.action, subject, nil
}

// plan brings the queue in line with the schedules: each has its next time there, and nothing else is.
func (l *live) plan(ctx context.Context) error {
	waiting, err := l.queue.OfSchedules(ctx)
	if err != nil {
		return err
	}
	now := l.engine.cfg.Clock()
	there := map[string]bool{}
	for _, j := range waiting {
		s := l.schedules[j.Schedule]
		switch {
		case j.Attempts > 0:
		case s == nil, j.Due.After(now) && !s.Times.Next(j.Due.Add(-time.Microsecond)).Equal(j.Due):
			// It is gone, or due at other times now.
			if err := l.queue.Cancel(ctx, j.ID); err != nil && !errors.Is(err, jobs.ErrNone) && !errors.Is(err, jobs.ErrState) {
				return err
			}
		default:
			there[j.Schedule] = true
		}
	}
	for _, s := range l.snapshot.Schema.Schedules {
		if !there[s.Name] {
			if err := l.queueNext(ctx, s, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// proceed puts the time after that of a job into the queue.
func (l *live) proceed(ctx context.Context, j *jobs.Job) {
	s := l.schedules[j.Schedule]
	if s == nil {
		return
	}
	waiting, err := l.queue.OfSchedules(ctx)
	for _, other := range waiting {
		if other.Schedule == j.Schedule && other.Attempts == 0 {
			return
		}
	}
	if err == nil {
		err = l.queueNext(ctx, s.Schedule, l.engine.cfg.Clock())
	}
	if err != nil && ctx.Err() == nil {
		l.engine.planned.Store(nil) // plan will see to it
		l.engine.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "the next time of a schedule could not be queued", slog.String("schedule", j.Schedule), slog.Any("cause", err))
	}
}

// queueNext puts the first time after now into the queue, unless it is there.
func (l *live) queueNext(ctx context.Context, s *schema.Schedule, now time.Time) error {
	due := s.Times.Next(now)
	if due.IsZero() {
		return nil
	}
	err := l.engine.cfg.Store.Write(ctx, func(tx storage.Tx) error {
		return l.queue.Enqueue(ctx, tx, &jobs.Job{
			Schedule: s.Name, Once: "schedule " + s.Name + " " + due.UTC().Format(time.RFC3339), Created: now, Due: due, Most: l.engine.cfg.Settings.Jobs.Attempts,
		})
	})
	if errors.Is(err, jobs.ErrTwice) {
		return nil
	}
	l.engine.stir()
	return err
}
