package postgres

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/dowel-dev/dowel/storage"
)

// How often a replica is looked after: while it is in order, while it is behind,
// and while it is away (doubled up to the last).
const (
	lookSeldom    = 500 * time.Millisecond
	lookOften     = 50 * time.Millisecond
	lookAwayFirst = 100 * time.Millisecond
	lookAwayLast  = 2 * time.Second
)

// The statuses of a replica.
const (
	statusStarting  = "starting" // not looked at yet
	statusLagging   = "lagging"
	statusDown      = "down"
	statusPromoted  = "promoted"       // takes writes itself
	statusForeign   = "other-database" // of another server, database or schema
	statusDiverging = "other-timeline" // follows what was the primary before, or has not got to the present one
	statusUnsafe    = "unsafe"         // the primary acknowledges before its log says so
)

// health is what is known of a replica. It is immutable.
type health struct {
	status string
	// caught is when the replica was last known to have everything; zero is never.
	caught time.Time
	err    error
}

// failed takes a replica out of service and has it looked after.
func (r *replica) failed(err error) {
	for {
		old := r.health.Load()
		next := &health{status: statusOf(err), caught: old.caught, err: err}
		if old.status == next.status || r.health.CompareAndSwap(old, next) {
			r.tell(old, next)
			break
		}
	}
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

func statusOf(err error) string {
	switch {
	case err == nil:
		return storage.StatusOK
	case errors.Is(err, errBehind):
		return statusLagging
	case errors.Is(err, errPromoted):
		return statusPromoted
	case errors.Is(err, errForeign):
		return statusForeign
	case errors.Is(err, errDiverging):
		return statusDiverging
	case errors.Is(err, errUnsafe):
		return statusUnsafe
	}
	return statusDown
}

// tell logs a change.
func (r *replica) tell(old, next *health) {
	log := r.set.store.options.Log
	if log == nil || old.status == next.status {
		return
	}
	if next.status == storage.StatusOK {
		log.Info(r.name+" answers reads", slog.String("was", old.status))
		return
	}
	log.Warn(r.name+" is "+next.status+"; the primary answers for it", slog.Any("cause", next.err))
}

// look keeps the health of the replica up to date until the store is closed.
func (r *replica) look() {
	away := lookAwayFirst
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-r.set.store.closed:
			return
		case <-r.kick:
		case <-timer.C:
		}
		wait := lookSeldom
		switch r.check() {
		case storage.StatusOK:
			away = lookAwayFirst
		case statusLagging, statusStarting:
			wait, away = lookOften, lookAwayFirst
		default:
			wait, away = away, min(2*away, lookAwayLast)
		}
		timer.Reset(wait)
	}
}

// check looks at the replica once and returns its status.
func (r *replica) check() string {
	ctx, cancel := context.WithTimeout(context.Background(), r.set.store.options.Connect)
	defer cancel()
	old := r.health.Load()
	need, err := r.set.look(ctx)
	if err != nil && !errors.Is(err, errUnsafe) {
		return old.status // without the primary nobody can tell how far it should be
	}
	began := time.Now()
	if err == nil {
		err = r.standing(ctx, need)
	}
	next := &health{status: statusOf(err), caught: old.caught, err: err}
	if err == nil {
		next.caught = began
	}
	if r.health.CompareAndSwap(old, next) {
		r.tell(old, next)
	}
	return next.status
}

// standing compares the replica with where the primary was.
func (r *replica) standing(ctx context.Context, need position) error {
	pc, err := r.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer pc.Release()
	f, ok := pc.Conn().PgConn().CustomData()[connKey].(*follower)
	if !ok {
		return errForeign
	}
	f.replayed = 0 // ask, even if it is enough
	return f.catchUp(ctx, need)
}

// look asks the primary where it is, and sees to it that replicas can tell which timeline that is on.
func (rs *replicas) look(ctx context.Context) (position, error) {
	if err := rs.meetPrimary(ctx); err != nil {
		return position{}, err
	}
	at, err := rs.index.ask(ctx)
	if err != nil {
		return at, err
	}
	noted := ""
	err = rs.store.reads.do(ctx, &command{sql: []byte("select value from _dowel_state where name = 'timeline'"), row: func(cols [][]byte) error {
		noted = string(cols[0])
		return nil
	}})
	if err != nil || noted == at.timeline {
		return at, err
	}
	c, err := rs.store.acquire(ctx)
	if err != nil {
		return at, err
	}
	defer rs.store.release(c)
	// The value is that of the moment of writing: the primary may have changed since.
	_, err = c.do(ctx, "insert into _dowel_state (name, value) values ('timeline', "+timelineColumn+") on conflict (name) do update set value = excluded.value")
	return at, err
}

// checks say how the replicas are.
func (rs *replicas) checks() []storage.Check {
	if rs == nil {
		return nil
	}
	checks := make([]storage.Check, len(rs.list))
	for i, r := range rs.list {
		h := r.health.Load()
		checks[i] = storage.Check{Name: r.name, Status: h.status, Err: h.err}
		if h.status == statusLagging && !h.caught.IsZero() {
			checks[i].Lag = time.Since(h.caught)
		}
	}
	return checks
}
