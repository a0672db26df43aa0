package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
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

// How long a replica may keep a request waiting: to say where it stands, for a
// connection, and to catch up, with naps doubled from the first to the last, 15
// ms in all. After that the primary answers.
const (
	replicaAnswers  = 250 * time.Millisecond
	replicaAcquire  = 100 * time.Millisecond
	replicaNapFirst = 500 * time.Microsecond
	replicaNapLast  = 8 * time.Millisecond
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

// Why a replica does not answer. The primary does.
var (
	errBehind    = errors.New("the replica is behind")
	errPromoted  = errors.New("it is no replica (any more): it takes writes itself")
	errForeign   = errors.New("it is not a copy of the database")
	errDiverging = errors.New("it follows another timeline than the primary is on")
	errUnsafe    = errors.New("postgres: no replicas while synchronous_commit is off: an acknowledged write could be missing on one that seems up to date")
)

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

// health is what is known of a replica. It is immutable.
type health struct {
	status string
	// caught is when the replica was last known to have everything; zero is never.
	caught time.Time
	err    error
}

// identity tells databases apart.
type identity struct{ system, database, schema string }

const identityColumns = "(select system_identifier from pg_control_system())," +
	" (select oid from pg_database where datname = current_database()), coalesce(current_schema(), '')"

func identityOf(cols [][]byte) identity {
	return identity{string(cols[0]), string(cols[1]), string(cols[2])}
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
	if r.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
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

// read answers a query on a replica; done is false when the primary has to.
func (rs *replicas) read(ctx context.Context, m *sqlgen.Model, q *storage.Query) (page *storage.Page, done bool, err error) {
	if rs == nil || q.Key != nil || q.Limit == 0 && !q.Total {
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

func (rs *replicas) close() {
	if rs == nil {
		return
	}
	for _, r := range rs.list {
		r.pool.Close()
	}
}
