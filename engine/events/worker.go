package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// worker does the work for one subscriber, while this process has its lease.
type worker struct {
	d    *Dispatcher
	s    Subscriber
	name string // of the cursor
	wake chan struct{}
}

// Of a subscriber that takes nothing at all, maxParked events wait at most before it is told
// no new ones; an event is given up after maxAttempts, about four hours.
const (
	maxParked   = 1000
	maxAttempts = 30
	maxBackoff  = 10 * time.Minute
)

// run works until ctx is done.
func (w *worker) run(ctx context.Context) {
	for started := false; ; {
		next := w.d.times.Lease / 2
		if o := NewOutbox(w.d.cfg.Schema()); o != nil {
			if !started {
				started = !w.d.failed(ctx, w.start(ctx, o))
			}
			due, err := w.round(ctx, o)
			w.d.failed(ctx, err)
			if err != nil {
				next = w.d.times.Backoff
			} else if due > 0 {
				next = min(next, due)
			}
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			w.release(context.WithoutCancel(ctx))
			return
		case <-w.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// start gives a new subscriber its place: at the end.
func (w *worker) start(ctx context.Context, o *Outbox) error {
	c, err := o.cursor(ctx, w.d.cfg.Store, sequence, false)
	if err != nil {
		return err
	}
	end := int64(0)
	if c != nil {
		end = c.position
	}
	return o.begin(ctx, w.d.cfg.Store, w.name, end)
}

// told is up to where the subscriber was told everything; a subscriber without a cursor was told nothing.
func (w *worker) told(ctx context.Context, o *Outbox) (int64, error) {
	c, err := o.cursor(ctx, w.d.cfg.Store, w.name, false)
	if err != nil || c == nil {
		return 0, err
	}
	list, err := o.waiting(ctx, w.d.cfg.Store, w.s.Name())
	if err != nil || len(list) == 0 {
		return c.position, err
	}
	return min(c.position, list[0].position-1), nil
}

// round tells the subscriber what there is, and returns when to look again for what it could not take, 0 for never.
func (w *worker) round(ctx context.Context, o *Outbox) (time.Duration, error) {
	for {
		list, due, any, err := w.look(ctx, o)
		if err != nil || !any {
			return due, err
		}
		c, err := w.lease(ctx, o)
		if err != nil || c == nil {
			return 0, err
		}
		blocked, due, err := w.again(ctx, o, list)
		if err != nil || len(list) >= maxParked {
			return due, err
		}
		more, parked, err := w.onward(ctx, o, c, blocked)
		if err != nil {
			return 0, err
		}
		if parked > 0 && (due == 0 || due > w.d.times.Backoff) {
			due = w.d.times.Backoff
		}
		if !more || ctx.Err() != nil {
			return due, nil
		}
	}
}

// look finds out whether there is something to do, which costs nobody a lease: what waits to be told again,
// when the first of it is due, and whether it or anything new is there now.
func (w *worker) look(ctx context.Context, o *Outbox) (list []waiting, due time.Duration, any bool, err error) {
	c, err := o.cursor(ctx, w.d.cfg.Store, w.name, false)
	if err != nil || c == nil {
		return nil, 0, false, err
	}
	if list, err = o.waiting(ctx, w.d.cfg.Store, w.s.Name()); err != nil {
		return nil, 0, false, err
	}
	rows := map[string]bool{}
	for i := range list {
		if p := &list[i]; !rows[p.row] {
			rows[p.row] = true
			d := max(p.due.Sub(w.d.cfg.Clock()), time.Millisecond)
			any = any || !p.due.After(w.d.cfg.Clock())
			if due == 0 || d < due {
				due = d
			}
		}
	}
	if any || len(list) >= maxParked {
		return list, due, any, nil
	}
	next, err := o.after(ctx, w.d.cfg.Store, c.position, 1)
	return list, due, len(next) > 0, err
}

// lease makes sure that this process works for the subscriber: nil says that another one does.
func (w *worker) lease(ctx context.Context, o *Outbox) (*cursor, error) {
	now := w.d.cfg.Clock()
	c, err := o.cursor(ctx, w.d.cfg.Store, w.name, false)
	switch {
	case err != nil || c == nil:
		return nil, err
	case c.owner == w.d.cfg.Node && c.until.After(now.Add(w.d.times.Lease/2)):
		return c, nil
	case c.owner != "" && c.owner != w.d.cfg.Node && c.until.After(now):
		return nil, nil
	}
	err = w.d.cfg.Store.Write(ctx, func(tx storage.Tx) error {
		return o.set(ctx, tx, c,
			storage.Assign{Field: o.cursors.Field("owner"), Value: schema.NewText(w.d.cfg.Node)},
			storage.Assign{Field: o.cursors.Field("until"), Value: schema.NewDatetime(now.Add(w.d.times.Lease))})
	})
	if lost(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return o.cursor(ctx, w.d.cfg.Store, w.name, false)
}

// lost reports whether somebody else has written a cursor.
func lost(err error) bool {
	var stale *storage.StaleError
	return errors.As(err, &stale)
}

// release lets others go on at once.
func (w *worker) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	o := NewOutbox(w.d.cfg.Schema())
	if o == nil {
		return
	}
	c, err := o.cursor(ctx, w.d.cfg.Store, w.name, false)
	if err != nil || c == nil || c.owner != w.d.cfg.Node {
		return
	}
	_ = w.d.cfg.Store.Write(ctx, func(tx storage.Tx) error { // otherwise the lease runs out
		return o.set(ctx, tx, c, storage.Assign{Field: o.cursors.Field("owner")}, storage.Assign{Field: o.cursors.Field("until")})
	})
}

// onward tells what is behind the cursor, and moves it. What the subscriber cannot take is
// parked, and what follows it of the same row.
func (w *worker) onward(ctx context.Context, o *Outbox, c *cursor, blocked map[string]bool) (more bool, parked int, err error) {
	const batch = 100
	list, err := o.after(ctx, w.d.cfg.Store, c.position, batch)
	if err != nil || len(list) == 0 {
		return false, 0, err
	}
	began := time.Now()
	var park []waiting
	position := c.position
	for i := range list {
		e := &list[i]
		if ctx.Err() != nil || time.Since(began) > w.d.times.Lease/2 {
			break // what was told counts
		}
		position = e.Sequence
		row := e.Class + "/" + e.Key
		if !w.s.Wants(e.Name) {
			continue
		}
		if blocked[row] {
			park = append(park, waiting{position: e.Sequence, row: row, due: w.d.cfg.Clock()})
			continue
		}
		if err := w.handle(ctx, e); err != nil {
			if ctx.Err() != nil {
				position = e.Sequence - 1
				break
			}
			blocked[row] = true
			park = append(park, w.later(e, 1, err))
		}
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = w.d.cfg.Store.Write(late, func(tx storage.Tx) error {
		for i := range park {
			if err := o.park(late, tx, w.s.Name(), &park[i]); err != nil {
				return err
			}
		}
		return o.move(late, tx, c, position)
	})
	if lost(err) {
		return false, 0, nil // another process has taken over, and tells it again
	}
	return err == nil && (len(list) == batch || position < list[len(list)-1].Sequence), len(park), err
}

// again tells what is due of what was parked: of each row the first, and when that was taken
// the next. It returns the rows that wait still, and when the next is due.
func (w *worker) again(ctx context.Context, o *Outbox, list []waiting) (blocked map[string]bool, next time.Duration, err error) {
	blocked = map[string]bool{}
	began := time.Now()
	wait := func(p *waiting) {
		blocked[p.row] = true
		if d := max(p.due.Sub(w.d.cfg.Clock()), time.Millisecond); next == 0 || d < next {
			next = d
		}
	}
	for i := range list {
		p := &list[i]
		switch {
		case ctx.Err() != nil:
			return blocked, next, ctx.Err()
		case blocked[p.row]:
			continue
		case p.due.After(w.d.cfg.Clock()), time.Since(began) > w.d.times.Lease/2:
			wait(p)
			continue
		}
		e, err := o.at(ctx, w.d.cfg.Store, p.position)
		if err != nil {
			return blocked, next, err
		}
		var failure error
		if e != nil {
			failure = w.handle(ctx, e)
		}
		if failure != nil && ctx.Err() != nil {
			return blocked, next, ctx.Err()
		}
		over := failure != nil && p.attempts+1 >= maxAttempts
		if over {
			w.d.cfg.Log.Error("an event is given up", slog.String("subscriber", w.s.Name()), slog.String("event", e.Name),
				slog.String("id", e.ID), slog.Int("attempts", p.attempts+1), slog.Any("cause", failure))
		}
		if failure == nil || over {
			if err := o.unpark(ctx, w.d.cfg.Store, w.s.Name(), p); err != nil {
				return blocked, next, err
			}
			continue
		}
		then := w.later(e, p.attempts+1, failure)
		if err := o.postpone(ctx, w.d.cfg.Store, w.s.Name(), &then); err != nil {
			return blocked, next, err
		}
		wait(&then)
	}
	return blocked, next, nil
}

// handle tells the subscriber of one event.
func (w *worker) handle(ctx context.Context, e *Event) (err error) {
	ctx, cancel := context.WithTimeout(ctx, w.d.times.Handle)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return w.s.Handle(ctx, *e)
}

// later is when a subscriber is told again after a number of attempts.
func (w *worker) later(e *Event, attempts int, cause error) waiting {
	wait := min(maxBackoff, time.Duration(float64(w.d.times.Backoff)*math.Pow(2, float64(attempts-1))))
	wait -= time.Duration(rand.Int64N(int64(wait)/5 + 1)) // so that many do not come back together
	w.d.cfg.Log.Warn("a subscriber could not take an event", slog.String("subscriber", w.s.Name()), slog.String("event", e.Name),
		slog.String("id", e.ID), slog.Int("attempt", attempts), slog.Duration("again_in", wait), slog.Any("cause", cause))
	return waiting{position: e.Sequence, row: e.Class + "/" + e.Key, attempts: attempts, due: w.d.cfg.Clock().Add(wait)}
}

// waiting is an event that a subscriber is told again.
type waiting struct {
	position int64
	row      string
	attempts int
	due      time.Time
}

// waiting are the events that a subscriber could not take yet, in their order.
func (o *Outbox) waiting(ctx context.Context, r storage.Reader, subscriber string) ([]waiting, error) {
	page, err := r.Read(ctx, &storage.Query{
		Class: o.parked, Columns: columns(o.parked, "subscriber", "position", "row", "attempts", "due"), Limit: -1, Order: order(o.parked, "subscriber", "position"),
		Where: schema.Compare{Op: schema.Eq, Left: path(o.parked.Field("subscriber")), Right: schema.Lit{Value: schema.NewText(subscriber)}},
	})
	if err != nil {
		return nil, err
	}
	list := make([]waiting, len(page.Rows))
	for i := range page.Rows {
		v := page.Rows[i].Values
		list[i] = waiting{position: v[1].Int(), row: v[2].Text(), attempts: int(v[3].Int())}
		if list[i].due, err = time.Parse(time.RFC3339Nano, v[4].Text()); err != nil {
			return nil, fmt.Errorf("event %d of %s: %w", list[i].position, subscriber, err)
		}
	}
	return list, nil
}

func (o *Outbox) parkedKey(subscriber string, position int64) []schema.Value {
	return []schema.Value{schema.NewText(subscriber), schema.NewInt(position)}
}

func (o *Outbox) park(ctx context.Context, tx storage.Tx, subscriber string, p *waiting) error {
	_, err := tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: o.parked, Set: []storage.Assign{
		{Field: o.parked.Field("subscriber"), Value: schema.NewText(subscriber)},
		{Field: o.parked.Field("position"), Value: schema.NewInt(p.position)},
		{Field: o.parked.Field("row"), Value: schema.NewText(p.row)},
		{Field: o.parked.Field("attempts"), Value: schema.NewInt(int64(p.attempts))},
		{Field: o.parked.Field("due"), Value: schema.NewDatetime(p.due)},
	}})
	return err
}

func (o *Outbox) postpone(ctx context.Context, s storage.Store, subscriber string, p *waiting) error {
	return s.Write(ctx, func(tx storage.Tx) error {
		_, err := tx.Apply(ctx, &storage.Change{Op: storage.Update, Class: o.parked, Key: o.parkedKey(subscriber, p.position), Set: []storage.Assign{
			{Field: o.parked.Field("attempts"), Value: schema.NewInt(int64(p.attempts))},
			{Field: o.parked.Field("due"), Value: schema.NewDatetime(p.due)},
		}})
		return gone(err)
	})
}

func (o *Outbox) unpark(ctx context.Context, s storage.Store, subscriber string, p *waiting) error {
	return s.Write(ctx, func(tx storage.Tx) error {
		_, err := tx.Apply(ctx, &storage.Change{Op: storage.Delete, Class: o.parked, Key: o.parkedKey(subscriber, p.position)})
		return gone(err)
	})
}

// gone forgives that another process has taken an event in the meantime.
func gone(err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}
