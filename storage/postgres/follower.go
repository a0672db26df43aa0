package postgres

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// How long a replica may keep a request waiting: to say where it stands, for a
// connection, and to catch up, with naps doubled from the first to the last, 15
// ms in all. After that the primary answers.
const (
	replicaAnswers  = 250 * time.Millisecond
	replicaAcquire  = 100 * time.Millisecond
	replicaNapFirst = 500 * time.Microsecond
	replicaNapLast  = 8 * time.Millisecond
)

// Why a replica does not answer. The primary does.
var (
	errBehind    = errors.New("the replica is behind")
	errPromoted  = errors.New("it is no replica (any more): it takes writes itself")
	errForeign   = errors.New("it is not a copy of the database")
	errDiverging = errors.New("it follows another timeline than the primary is on")
	errUnsafe    = errors.New("postgres: no replicas while synchronous_commit is off: an acknowledged write could be missing on one that seems up to date")
)

// identity tells databases apart.
type identity struct{ system, database, schema string }

const identityColumns = "(select system_identifier from pg_control_system())," +
	" (select oid from pg_database where datname = current_database()), coalesce(current_schema(), '')"

func identityOf(cols [][]byte) identity {
	return identity{string(cols[0]), string(cols[1]), string(cols[2])}
}

// follower is a connection to a replica. Behind one address there may be several
// servers, and a server may come back with less than it had: what was replayed is known of a connection, never of an address.
type follower struct {
	*conn
	replayed uint64
	timeline string
}

// meet checks a new connection.
func (r *replica) meet(ctx context.Context, pc *pgx.Conn) error {
	pg := pc.PgConn()
	if _, err := introduce(ctx, pg, repeatable, false); err != nil {
		return err
	}
	results, err := pg.Exec(ctx, "select "+identityColumns+", pg_is_in_recovery()").ReadAll()
	if err != nil {
		return err
	}
	row := results[0].Rows[0]
	if who := identityOf(row); who != *r.set.self.Load() {
		return errForeign
	}
	if string(row[3]) != "t" {
		return errPromoted
	}
	pg.CustomData()[connKey] = &follower{conn: newConn(pg, r.set.store.options.Statements)}
	return nil
}

func (r *replica) acquire(ctx context.Context) (*follower, error) {
	short, cancel := context.WithTimeout(ctx, replicaAcquire)
	defer cancel()
	pc, err := r.pool.Acquire(short)
	if err != nil {
		if short.Err() == nil {
			r.failed(err)
		}
		return nil, err
	}
	f, ok := pc.Conn().PgConn().CustomData()[connKey].(*follower)
	if !ok {
		pc.Release()
		return nil, errors.New("postgres: a connection to a replica was not set up")
	}
	f.pooled = pc
	return f, nil
}

func (r *replica) release(f *follower) {
	pc := f.pooled
	f.pooled = nil
	pc.Release() // which closes one that is broken
}

// catchUp returns when the server has replayed what is needed, or why it will not do.
func (f *follower) catchUp(ctx context.Context, need position) error {
	if f.has(need) {
		return nil
	}
	for nap := replicaNapFirst; ; nap *= 2 {
		if err := f.ask(ctx); err != nil {
			return err
		}
		switch {
		case f.has(need):
			return nil
		case f.replayed >= need.log:
			return errDiverging
		case nap > replicaNapLast:
			return errBehind
		}
		time.Sleep(nap)
	}
}

func (f *follower) has(need position) bool {
	return f.timeline == need.timeline && f.replayed >= need.log
}

// Two questions to a replica. The timeline it is on is not told to everybody, so
// the primary's is written into a table (noteTimeline): who has read it there, follows it.
const replicaPosition = "select pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn() - '0/0', 0)," +
	" coalesce((select value from _dowel_state where name = 'timeline'), '')"

// ask learns where the server stands.
func (f *follower) ask(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, replicaAnswers)
	defer cancel()
	return f.query(short, replicaPosition, nil, func(cols [][]byte) error {
		if string(cols[0]) != "t" {
			f.timeline = "" // never again
			return errPromoted
		}
		log, err := strconv.ParseUint(string(cols[1]), 10, 64)
		f.replayed, f.timeline = log, string(cols[2])
		return err
	})
}
