package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Class is the name of the internal class that jobs are rows of.
const Class = "dowel_job"

// Store is the queue in the store of the application: jobs are rows of an
// internal class, and nodes share them by changes that only one of them can make.
//
// due_at is when a row can be claimed: from then on if it is queued, at the end
// of the lease if it is running. What has ended has none.
type Store struct {
	store  storage.Store
	random io.Reader
	added  func()
	class  *schema.Class

	id, state, due, action, owner, standing, request, attempts, most, answer, once, schedule, created, ended, kept *schema.Field
	columns                                                                                                        []storage.Column
}

var _ Queue = (*Store)(nil)

// NewStore finds the class of jobs in a schema, and is nil where it has none. added
// is called when a job is due that was not, also in transactions that are undone later.
func NewStore(store storage.Store, s *schema.Schema, random io.Reader, added func()) (*Store, error) {
	c := s.Class(Class)
	if c == nil {
		return nil, nil
	}
	if random == nil {
		random = rand.Reader
	}
	q := &Store{store: store, random: random, added: added, class: c}
	for name, f := range map[string]**schema.Field{
		"id": &q.id, "state": &q.state, "due_at": &q.due, "action": &q.action, "owner": &q.owner, "standing": &q.standing,
		"request": &q.request, "attempts": &q.attempts, "most": &q.most, "answer": &q.answer, "once": &q.once,
		"schedule": &q.schedule, "created_at": &q.created, "ended_at": &q.ended, "kept_until": &q.kept,
	} {
		if *f = c.Field(name); *f == nil {
			return nil, fmt.Errorf("class %s has no field %s", c.Name, name)
		}
		q.columns = append(q.columns, storage.Column{Field: *f})
	}
	return q, nil
}

// Enqueue adds a job.
func (q *Store) Enqueue(ctx context.Context, tx storage.Tx, j *Job) error {
	if j.ID == "" {
		id, err := uuid.NewRandomFromReader(q.random)
		if err != nil {
			return fmt.Errorf("random id: %w", err)
		}
		j.ID = id.String()
	}
	if j.Due.IsZero() {
		j.Due = j.Created
	}
	j.State = Queued
	_, err := tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: q.class, Set: []storage.Assign{
		{Field: q.id, Value: schema.NewText(j.ID)},
		{Field: q.state, Value: schema.NewText(string(Queued))},
		{Field: q.due, Value: schema.NewDatetime(j.Due)},
		{Field: q.action, Value: orNull(j.Action)},
		{Field: q.owner, Value: schema.NewText(j.Owner)},
		{Field: q.standing, Value: schema.NewText(j.Standing)},
		{Field: q.request, Value: schema.NewText(j.Request)},
		{Field: q.attempts, Value: schema.NewInt(0)},
		{Field: q.most, Value: schema.NewInt(int64(j.Most))},
		{Field: q.once, Value: orNull(j.Once)},
		{Field: q.schedule, Value: orNull(j.Schedule)},
		{Field: q.created, Value: schema.NewDatetime(j.Created)},
	}})
	var taken *storage.UniqueError
	if errors.As(err, &taken) {
		return ErrTwice
	}
	q.added()
	return err
}

func orNull(text string) schema.Value {
	if text == "" {
		return schema.Value{}
	}
	return schema.NewText(text)
}

// Claim takes jobs that are due: those that wait longest, and where several nodes
// look at the same time some of these, so that nodes seldom try for the same one.
func (q *Store) Claim(ctx context.Context, now time.Time, lease time.Duration, n int) ([]*Job, error) {
	const spread = 4
	rows, err := q.read(ctx, q.store, &storage.Query{Where: q.compare(schema.Le, q.due, schema.NewDatetime(now)), Order: q.by(q.due, false), Limit: n * spread})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	if len(rows) > n {
		if err := q.shuffle(rows); err != nil {
			return nil, err
		}
	}
	var taken []*Job
	for _, j := range rows {
		if len(taken) == n {
			break
		}
		until := now.Add(lease)
		err := q.change(ctx, j, func(j *Job) []storage.Assign {
			j.State, j.Due, j.Attempts = Running, until, j.Attempts+1
			return []storage.Assign{
				{Field: q.state, Value: schema.NewText(string(Running))},
				{Field: q.due, Value: schema.NewDatetime(until)},
				{Field: q.attempts, Value: schema.NewInt(int64(j.Attempts))},
			}
		})
		switch {
		case err == nil:
			taken = append(taken, j)
		case errors.Is(err, ErrLost), errors.Is(err, storage.ErrConcurrent):
		case len(taken) > 0:
			return taken, nil // the others are there still when the trouble is over
		default:
			return nil, err
		}
	}
	return taken, nil
}

// shuffle puts jobs into another order, the longest waiting of them as they were: it is their turn.
func (q *Store) shuffle(rows []*Job) error {
	var b [8]byte
	if _, err := io.ReadFull(q.random, b[:]); err != nil {
		return err
	}
	for i := len(rows) - 1; i > 1; i-- {
		k := 1 + int(b[i%len(b)])%i
		rows[i], rows[k] = rows[k], rows[i]
	}
	return nil
}

// change changes a job in a transaction of its own if it still is as it was read.
func (q *Store) change(ctx context.Context, j *Job, set func(j *Job) []storage.Assign) error {
	next := *j
	assign := set(&next)
	err := q.store.Write(ctx, func(tx storage.Tx) error {
		var err error
		next.version, err = q.apply(ctx, tx, &storage.Change{Op: storage.Update, Key: q.key(j.ID), IfVersion: j.version, Set: assign})
		return err
	})
	if err == nil {
		*j = next
	}
	return err
}

func (q *Store) apply(ctx context.Context, tx storage.Tx, c *storage.Change) (version int64, err error) {
	c.Class = q.class
	row, err := tx.Apply(ctx, c)
	var stale *storage.StaleError
	switch {
	case errors.As(err, &stale), errors.Is(err, storage.ErrNotFound):
		return 0, ErrLost
	case err != nil:
		return 0, err
	}
	return row.Version, nil
}

// Hold locks the row.
func (q *Store) Hold(ctx context.Context, tx storage.Tx, j *Job) error {
	rows, err := q.read(ctx, tx, &storage.Query{Key: q.key(j.ID), Limit: 1, Lock: true})
	if err != nil {
		return err
	}
	if len(rows) == 0 || rows[0].version != j.version {
		return ErrLost
	}
	return nil
}

// Done notes the answer, and forgets the action.
func (q *Store) Done(ctx context.Context, tx storage.Tx, j *Job, now time.Time, answer string) error {
	_, err := q.apply(ctx, tx, &storage.Change{Op: storage.Update, Key: q.key(j.ID), IfVersion: j.version, Set: append(q.over(Done, now, answer, KeepDone),
		storage.Assign{Field: q.action})})
	return err
}

func (q *Store) over(s State, now time.Time, answer string, keep time.Duration) []storage.Assign {
	return []storage.Assign{
		{Field: q.state, Value: schema.NewText(string(s))},
		{Field: q.due},
		{Field: q.answer, Value: orNull(answer)},
		{Field: q.ended, Value: schema.NewDatetime(now)},
		{Field: q.kept, Value: schema.NewDatetime(now.Add(keep))},
	}
}

// Fail gives the job back, or up.
func (q *Store) Fail(ctx context.Context, j *Job, now, again time.Time, answer string) error {
	return q.change(ctx, j, func(j *Job) []storage.Assign {
		if again.IsZero() {
			j.State, j.Due = Failed, time.Time{}
			return q.over(Failed, now, answer, KeepFailed)
		}
		j.State, j.Due = Queued, again
		return []storage.Assign{
			{Field: q.state, Value: schema.NewText(string(Queued))},
			{Field: q.due, Value: schema.NewDatetime(again)},
			{Field: q.answer, Value: orNull(answer)},
		}
	})
}

// Get returns a job.
func (q *Store) Get(ctx context.Context, id string) (*Job, error) {
	key, err := schema.ParseKey(q.class, id)
	if err != nil {
		return nil, ErrNone
	}
	rows, err := q.read(ctx, q.store, &storage.Query{Key: key, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, ErrNone
	}
	return rows[0], nil
}

// List returns jobs, the newest first.
func (q *Store) List(ctx context.Context, state State, most int) ([]*Job, error) {
	query := &storage.Query{Order: q.by(q.created, true), Limit: most}
	if state != "" {
		query.Where = q.compare(schema.Eq, q.state, schema.NewText(string(state)))
	}
	return q.read(ctx, q.store, query)
}

// OfSchedules returns the times of schedules that are to come.
func (q *Store) OfSchedules(ctx context.Context) ([]*Job, error) {
	return q.read(ctx, q.store, &storage.Query{Limit: -1, Order: q.by(q.created, true), Where: schema.And{
		q.compare(schema.Eq, q.state, schema.NewText(string(Queued))), q.compare(schema.Ge, q.schedule, schema.NewText("")),
	}})
}

// Cancel removes a job that is queued.
func (q *Store) Cancel(ctx context.Context, id string) error {
	j, err := q.Get(ctx, id)
	if err != nil {
		return err
	}
	if j.State != Queued {
		return ErrState
	}
	return q.raced(q.store.Write(ctx, func(tx storage.Tx) error {
		_, err := q.apply(ctx, tx, &storage.Change{Op: storage.Delete, Key: q.key(id), IfVersion: j.version})
		return err
	}))
}

// raced: who found a job in one state and changes it in another was too late.
func (q *Store) raced(err error) error {
	if errors.Is(err, ErrLost) {
		return ErrState
	}
	return err
}

// Retry makes a job due that failed.
func (q *Store) Retry(ctx context.Context, id string, now time.Time) error {
	j, err := q.Get(ctx, id)
	if err != nil {
		return err
	}
	if j.State != Failed {
		return ErrState
	}
	err = q.change(ctx, j, func(j *Job) []storage.Assign {
		return []storage.Assign{
			{Field: q.state, Value: schema.NewText(string(Queued))},
			{Field: q.due, Value: schema.NewDatetime(now)},
			{Field: q.attempts, Value: schema.NewInt(0)},
			{Field: q.ended}, {Field: q.kept},
		}
	})
	if err == nil {
		q.added()
	}
	return q.raced(err)
}

// Next looks at the job that is due first.
func (q *Store) Next(ctx context.Context) (time.Time, error) {
	rows, err := q.read(ctx, q.store, &storage.Query{Where: q.compare(schema.Ge, q.due, schema.NewDatetime(time.Time{}.AddDate(1, 0, 0))), Order: q.by(q.due, false), Limit: 1})
	if err != nil || len(rows) == 0 {
		return time.Time{}, err
	}
	return rows[0].Due, nil
}

// Stats counts the states.
func (q *Store) Stats(ctx context.Context, now time.Time) (s Stats, err error) {
	count := func(state State, n *int64) {
		if err != nil {
			return
		}
		var page *storage.Page
		if page, err = q.store.Read(ctx, &storage.Query{Class: q.class, Where: q.compare(schema.Eq, q.state, schema.NewText(string(state))), Total: true}); err == nil {
			*n = page.Total
		}
	}
	count(Queued, &s.Queued)
	count(Running, &s.Running)
	count(Failed, &s.Failed)
	if err != nil || s.Queued == 0 {
		return s, err
	}
	next, err := q.Next(ctx)
	if err == nil && !next.IsZero() {
		s.Oldest = max(0, now.Sub(next))
	}
	return s, err
}

// Sweep removes what was kept for long enough.
func (q *Store) Sweep(ctx context.Context, now time.Time, n int) (int, error) {
	rows, err := q.read(ctx, q.store, &storage.Query{Where: q.compare(schema.Le, q.kept, schema.NewDatetime(now)), Order: q.by(q.kept, false), Limit: n})
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	return len(rows), q.store.Write(ctx, func(tx storage.Tx) error {
		for _, j := range rows {
			if _, err := q.apply(ctx, tx, &storage.Change{Op: storage.Delete, Key: q.key(j.ID)}); err != nil && !errors.Is(err, ErrLost) {
				return err
			}
		}
		return nil
	})
}

func (q *Store) key(id string) []schema.Value { return []schema.Value{schema.NewText(id)} }

func (q *Store) compare(op schema.Op, f *schema.Field, v schema.Value) schema.Expr {
	return schema.Compare{Op: op, Left: path(f), Right: schema.Lit{Value: v}}
}

func path(f *schema.Field) *schema.Path { return &schema.Path{Field: f, Type: f.Type} }

func (q *Store) by(f *schema.Field, desc bool) []storage.Order {
	return []storage.Order{{By: path(f), Desc: desc}, {By: path(q.id)}}
}

func (q *Store) read(ctx context.Context, r storage.Reader, query *storage.Query) ([]*Job, error) {
	query.Class, query.Columns = q.class, q.columns
	if query.Order == nil {
		query.Order = []storage.Order{{By: path(q.id)}}
	}
	page, err := r.Read(ctx, query)
	if err != nil {
		return nil, err
	}
	all := make([]*Job, len(page.Rows))
	for i := range page.Rows {
		all[i] = q.job(&page.Rows[i])
	}
	return all, nil
}

func (q *Store) job(row *storage.Row) *Job {
	text := func(f *schema.Field) string { return row.Values[f.Index].Text() }
	number := func(f *schema.Field) int { return int(min(row.Values[f.Index].Int(), math.MaxInt32)) }
	moment := func(f *schema.Field) time.Time { t, _ := schema.Datetime(row.Values[f.Index]); return t }
	return &Job{
		ID: text(q.id), State: State(text(q.state)), Action: text(q.action), Owner: text(q.owner), Standing: text(q.standing),
		Request: text(q.request), Attempts: number(q.attempts), Most: number(q.most), Answer: text(q.answer), Once: text(q.once),
		Schedule: text(q.schedule), Due: moment(q.due), Created: moment(q.created), Ended: moment(q.ended), version: row.Version,
	}
}
