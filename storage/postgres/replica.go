package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Lists are read on replicas, and still nobody gets an answer from before a write
// that was acknowledged, to whomever and by whichever node: the primary is
// asked how far its log has come (index.go), and a replica answers when it has
// replayed that much. Which needs the order: ask how far, then take the snapshot.
// One statement cannot do both, as its snapshot is older than what it says.

// replicas are the copies of the database that answer reads.
type replicas struct {
	store *Store
	index index
	list  []*replica
	turn  atomic.Uint32
	self  atomic.Pointer[identity] // of the primary
}

// replica is one of them.
type replica struct {
	set    *replicas
	name   string // replica 2; addresses stay out of logs and answers
	pool   *pgxpool.Pool
	health atomic.Pointer[health]
	kick   chan struct{} // to be looked after at once
}

// openReplicas prepares the use of replicas, nil without addresses. One that cannot be reached may
// come later; one that is something else is a mistake to be told at start.
func openReplicas(ctx context.Context, s *Store, addresses []string) (*replicas, error) {
	if len(addresses) == 0 {
		return nil, nil
	}
	rs := &replicas{store: s}
	rs.index.store = s
	if err := rs.meetPrimary(ctx); err != nil {
		return nil, err
	}
	for i, address := range addresses {
		r, err := rs.add(ctx, fmt.Sprintf("replica %d", i+1), address)
		if err != nil {
			rs.close()
			return nil, err
		}
		rs.list = append(rs.list, r)
	}
	return rs, nil
}

// meetPrimary learns which database the replicas must be copies of.
func (rs *replicas) meetPrimary(ctx context.Context) error {
	sync := ""
	err := rs.store.reads.do(ctx, &command{
		sql: []byte("select " + identityColumns + ", current_setting('synchronous_commit')"),
		row: func(cols [][]byte) error {
			who := identityOf(cols)
			rs.self.Store(&who)
			sync = string(cols[3])
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("postgres: which database it is: %w", readError(ctx, err))
	}
	if sync == "off" {
		// A commit that is acknowledged before its log is written is not covered by where the log has come to.
		return errUnsafe
	}
	return nil
}

// add prepares one replica.
func (rs *replicas) add(ctx context.Context, name, address string) (*replica, error) {
	o := rs.store.options
	config, err := poolConfig(address, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r := &replica{set: rs, name: name, kick: make(chan struct{}, 1)}
	r.health.Store(&health{status: statusStarting})
	config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	config.ConnConfig.BuildContextWatcherHandler = cancelSoon
	config.AfterConnect = r.meet
	if r.pool, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), config); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := r.pool.Acquire(short)
	if err == nil {
		c.Release()
	}
	if refusal := refusalOf(err); refusal != nil {
		r.pool.Close()
		return nil, fmt.Errorf("%w: %s: %w", errUnfit, name, refusal)
	}
	go r.look()
	return r, nil
}

// refusalOf is why a server cannot be the replica it was said to be; nil if it may still become one.
func refusalOf(err error) error {
	if errors.Is(err, errForeign) || errors.Is(err, errPromoted) || errors.Is(err, errUnfit) {
		return err
	}
	return nil
}

// cancelSoon ends the statement of a caller who has gone, or the connection if that does not help.
func cancelSoon(pg *pgconn.PgConn) ctxwatch.Handler {
	return &pgconn.CancelRequestContextWatcherHandler{Conn: pg, DeadlineDelay: replicaAnswers}
}

// read answers a query on a replica; done is false when the primary has to.
func (rs *replicas) read(ctx context.Context, m *sqlgen.Model, q *storage.Query) (page *storage.Page, done bool, err error) {
	if rs == nil || q.Key != nil || q.Rough || q.Limit == 0 && !q.Total {
		return nil, false, nil
	}
	r := rs.pick()
	if r == nil {
		return nil, false, nil
	}
	need, err := rs.index.ask(ctx)
	if err != nil {
		// Without the primary nobody knows what a replica lacks.
		return nil, true, readError(ctx, err)
	}
	return r.read(ctx, m, q, need)
}

// pick returns the next replica in order, nil if there is none.
func (rs *replicas) pick() *replica {
	n := uint32(len(rs.list))
	first := rs.turn.Add(1)
	for i := range n {
		r := rs.list[(first+i)%n]
		if r.health.Load().status == storage.StatusOK {
			return r
		}
	}
	return nil
}

func (r *replica) read(ctx context.Context, m *sqlgen.Model, q *storage.Query, need position) (*storage.Page, bool, error) {
	f, err := r.acquire(ctx)
	if err != nil {
		return nil, ctx.Err() != nil, ctx.Err()
	}
	defer r.release(f)
	if err := f.catchUp(ctx, need); err != nil {
		if ctx.Err() != nil {
			return nil, true, ctx.Err()
		}
		r.failed(err)
		return nil, false, nil
	}
	rd, err := newReading(m, q)
	if err != nil {
		return nil, true, err
	}
	if err := f.run(ctx, rd.commands()...); err != nil {
		rd.free()
		if r.final(ctx, f, err) {
			return nil, true, readError(ctx, err)
		}
		return nil, false, nil
	}
	page, err := rd.page()
	return page, true, err
}

// final reports whether an error of a query would be the same on the primary. Otherwise
// it is the replica's own.
func (r *replica) final(ctx context.Context, f *follower, err error) bool {
	switch {
	case ctx.Err() != nil:
		return true
	case f.pg.IsClosed():
		r.failed(err)
		return false
	case isOutdated(err):
		if f.forget(ctx) != nil {
			r.failed(err)
		}
		return false
	}
	return isFinal(err)
}

// isFinal: the time was used up, the values do not go, or the rows could not be
// read. The rest is a conflict with what is replayed, a lock, a shutdown.
func isFinal(err error) bool {
	code := codeOf(err)
	return code == "" || code == codeCanceled || code[:2] == "22"
}

func (rs *replicas) close() {
	if rs == nil {
		return
	}
	for _, r := range rs.list {
		r.pool.Close()
	}
}
