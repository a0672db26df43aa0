package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// attempts is how often a transaction is run at most, if that takes no longer than
// twice Options.LockWait.
const attempts = 10

// againError ends an attempt whose transaction may succeed when fn is run again:
// it lost a race, or its connection before anything was committed.
type againError struct{ cause error }

func (e *againError) Error() string { return "run again: " + e.cause.Error() }
func (e *againError) Unwrap() error { return e.cause }

// Write runs fn in a transaction of isolation level repeatable read: all its reads are
// of one snapshot, and of two transactions that write one row the second runs again.
func (s *Store) Write(ctx context.Context, fn func(storage.Tx) error) error {
	if s.isClosed() {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	start := time.Now()
	again := new(againError)
	stuck := false
	for try := 0; ; try++ {
		err := s.turn(ctx, stuck || try >= aloneFrom, fn)
		switch {
		case !errors.As(err, &again):
			return s.unforeseen(ctx, err)
		case try+1 == attempts || time.Since(start) > 2*s.options.LockWait:
			return exhausted(ctx, again.cause)
		}
		code := codeOf(again.cause)
		stuck = code == codeLock || code == codeDeadlock
		if err := pause(ctx, rand.N(time.Millisecond<<min(try+1, 6))); err != nil {
			return err
		}
	}
}

// exhausted is the error of a transaction that was run as often as is sensible.
func exhausted(ctx context.Context, cause error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := readError(ctx, cause)
	if !isContract(err) {
		err = fmt.Errorf("%w: %w", storage.ErrConcurrent, err)
	}
	return err
}

// Transactions that lose races again and again get the store for themselves: everybody
// else would only be in their way. Both sides wait for that a while, not for ever, but
// longer than those need who wait for each other's rows.
const (
	everybody = 1 << 20 // tokens of Store.turns
	aloneFrom = 2       // attempts before that
)

// turn runs an attempt when it is its turn.
func (s *Store) turn(ctx context.Context, alone bool, fn func(storage.Tx) error) error {
	tokens := int64(1)
	if alone {
		tokens = everybody
	}
	has := s.turns.TryAcquire(tokens)
	if !has {
		short, cancel := context.WithTimeout(ctx, s.options.LockWait/2)
		has = s.turns.Acquire(short, tokens) == nil
		cancel()
	}
	if has {
		defer s.turns.Release(tokens)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.attempt(ctx, fn)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt runs fn in one transaction.
func (s *Store) attempt(ctx context.Context, fn func(storage.Tx) error) (err error) {
	t := newTx(ctx, s)
	ended := false
	defer func() {
		if !ended { // fn panicked, or ended its goroutine
			t.over = true
			t.rollback()
		}
	}()
	err = fn(t)
	t.over = true
	err = t.end(err)
	ended = true
	return err
}

// tx is one transaction. Nothing is sent before its first statement, and what needs no
// answer (begin, savepoints and their end) travels with the next one.
type tx struct {
	store   *Store
	ctx     context.Context
	model   *sqlgen.Model
	printer sqlgen.Printer
	conn    *conn // nil before the first statement

	ledger
	// pending is sent ahead of the next statement.
	pending []*command
	// batches counts the round trips since the last begin, changes what they changed for good.
	batches int
	changes int
	points  []point

	over      bool // no more calls
	committed bool // by its only change
	// aborted is the error of a statement that made the server refuse all others up
	// to the end of the transaction or of a savepoint.
	aborted error
	// lost is why the transaction is gone, whatever fn makes of it.
	lost error
}

// point is a place to which the transaction can be taken back.
type point struct {
	name    string // of a savepoint; "" is the begin of a transaction that nobody has seen anything of
	own     bool   // made by Apply, not by a caller
	changes int
	ledger  []entry
}

var errOver = errors.New("transaction is over")

func newTx(ctx context.Context, s *Store) *tx {
	t := &tx{store: s, ctx: ctx, model: s.models.Present()}
	t.printer = sqlgen.Printer{Dialect: sqlgen.Postgres{}, Names: t.model.Names}
	t.begin()
	return t
}

func statementOf(sql string, args ...schema.Value) *command {
	return &command{sql: []byte(sql), args: args}
}

func (t *tx) pend(sql string) { t.pending = append(t.pending, statementOf(sql)) }

func (t *tx) begin() {
	t.pend("begin isolation level repeatable read")
	t.batches, t.changes = 0, 0
}

// Read answers a query as the transaction sees it.
func (t *tx) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	if err := t.use(q.Class); err != nil {
		return nil, err
	}
	r, err := newReading(t.model, q)
	if err != nil {
		return nil, err
	}
	if err := t.look(ctx, r.commands()...); err != nil {
		return nil, err
	}
	page, err := r.page()
	if err != nil {
		return nil, readError(ctx, err)
	}
	for i := range page.Counters {
		page.Counters[i] += t.moved(q.Watch[i])
	}
	return page, nil
}

// Counters returns change counters as the transaction sees them.
func (t *tx) Counters(ctx context.Context, classes []*schema.Class) ([]int64, error) {
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	out := make([]int64, len(classes))
	if err := t.look(ctx, countersOf(classes, out)...); err != nil {
		return nil, err
	}
	for i, class := range classes {
		out[i] += t.moved(class)
	}
	return out, nil
}

// look runs statements that only read. One that fails takes the transaction along
// unless there is a point to go back to.
func (t *tx) look(ctx context.Context, cmds ...*command) error {
	seen := t.batches > 0
	err := t.run(ctx, cmds...)
	if err == nil {
		return nil
	}
	if t.aborted != nil {
		if n := len(t.points); n > 0 && t.points[n-1].changes == t.changes {
			t.undo(t.points[n-1])
		} else if n == 0 && !seen {
			t.undo(point{})
		}
	}
	return t.meaning(ctx, err)
}

// meaning is the error for a caller whose statement failed.
func (t *tx) meaning(ctx context.Context, err error) error {
	if t.lost != nil {
		return t.lost
	}
	return readError(ctx, err)
}

// Savepoint runs fn so that an error from it undoes what fn did.
func (t *tx) Savepoint(ctx context.Context, fn func() error) error {
	if err := t.open(ctx); err != nil {
		return err
	}
	t.leavePoint()
	before, at, depth := t.batches, len(t.pending), len(t.points)
	p := point{name: "s" + strconv.Itoa(depth+1), changes: t.changes, ledger: t.mark()}
	t.pend("savepoint " + p.name)
	t.points = append(t.points, p)

	err := fn()
	if err == nil {
		err = t.failure()
	}
	t.points = t.points[:depth]
	if t.lost != nil {
		return err
	}
	unseen := t.batches == before
	if unseen {
		t.pending = t.pending[:at]
	}
	switch {
	case err != nil && unseen:
		t.aborted = nil
	case err != nil:
		t.undo(p)
		t.pend("release " + p.name)
	case !unseen:
		t.pend("release " + p.name)
	}
	return err
}

// protect returns a point that the next change can be taken back to, which costs no
// round trip and often nothing at all.
func (t *tx) protect() point {
	n := len(t.points)
	if n > 0 && t.points[n-1].changes == t.changes {
		return t.points[n-1]
	}
	if n == 0 && t.batches == 0 {
		return point{}
	}
	t.leavePoint()
	p := point{name: "c", own: true, changes: t.changes, ledger: t.mark()}
	t.pend("savepoint c")
	t.points = append(t.points, p)
	return p
}

// leavePoint ends the innermost savepoint if it is one of ours.
func (t *tx) leavePoint() {
	if n := len(t.points); n > 0 && t.points[n-1].own {
		t.pend("release c")
		t.points = t.points[:n-1]
	}
}

// undo takes the transaction back to a point, with the next statement.
func (t *tx) undo(p point) {
	if t.lost != nil {
		return
	}
	t.aborted = nil
	t.ledger.undo(p.ledger)
	switch {
	case p.name != "":
		t.pend("rollback to " + p.name)
		t.changes = p.changes
	case t.batches > 0:
		t.pending = nil
		t.pend("rollback")
		t.begin()
	}
}

// open refuses calls after the transaction or its caller is gone.
func (t *tx) open(ctx context.Context) error {
	if t.over {
		return errOver
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.failure()
}

// failure is why the transaction cannot go on as it is.
func (t *tx) failure() error {
	if t.lost != nil {
		return t.lost
	}
	return t.aborted
}

// use turns to the revision of the schema that a class is of.
func (t *tx) use(class *schema.Class) (err error) {
	if t.model.Owns(class) {
		return nil
	}
	m, err := t.store.models.Of(class)
	if err != nil {
		return err
	}
	t.model, t.printer.Names = m, m.Names
	return nil
}

// run sends statements and what was pending in one round trip. It gives a connection to
// the transaction if it has none. Errors of the server come back as they are.
func (t *tx) run(ctx context.Context, cmds ...*command) error {
	if err := t.failure(); err != nil {
		return err
	}
	if err := t.connect(ctx); err != nil {
		return err
	}
	batch := slices.Concat(t.pending, cmds)
	t.pending = t.pending[:0]
	err := t.conn.run(ctx, batch...)
	t.batches++
	failed := func(c *command) bool { return c.err != nil }
	switch {
	case err == nil:
		return nil
	case t.conn.pg.IsClosed() || lostRace(err):
		t.lost = &againError{err}
	case t.conn.pg.TxStatus() == 'I' || !slices.ContainsFunc(batch, failed):
		t.lost = readError(ctx, err) // what was pending may never have been sent
	case t.conn.pg.TxStatus() != 'T':
		t.aborted = readError(ctx, err)
	}
	return err
}

// connect gives the transaction a connection.
func (t *tx) connect(ctx context.Context) (err error) {
	if t.conn != nil {
		return nil
	}
	if t.conn, err = t.store.acquire(ctx); err != nil {
		t.lost = readError(ctx, err)
		if cause := ended(ctx); cause != nil {
			t.lost = cause
		}
	}
	return t.lost
}

// end commits, or takes everything back.
func (t *tx) end(err error) error {
	if t.committed {
		return err
	}
	if again := new(againError); errors.As(t.lost, &again) {
		t.rollback()
		return t.lost
	}
	if err == nil {
		err = t.failure()
	}
	if err == nil {
		err = t.ctx.Err()
	}
	if err != nil || t.changes == 0 {
		t.rollback()
		return err
	}
	return t.commit()
}

// commit moves the counters and commits, in one round trip.
func (t *tx) commit() error {
	batch, end, err := t.closing(t.ctx, nil)
	if err != nil {
		t.rollback()
		return err
	}
	ctx, done := t.store.outlasting(t.ctx)
	defer done()
	err = t.conn.run(ctx, slices.Concat(t.pending, batch)...)
	t.rollback()
	switch {
	case err == nil || end.done: // what has been said stands, whatever became of the connection
		return nil
	case fatal(err):
		return fmt.Errorf("%w: %w", storage.ErrOutcomeUnknown, err)
	case lostRace(err):
		return &againError{err}
	}
	if err = t.unfenced(t.ctx, err); errors.As(err, new(*againError)) {
		return err
	}
	return readError(t.ctx, err)
}

// closing are statements, the moves of the counters and the commit.
func (t *tx) closing(ctx context.Context, cmds []*command) (batch []*command, end *command, err error) {
	moves, err := t.moves(ctx)
	end = statementOf("commit")
	return slices.Concat(cmds, moves, []*command{end}), end, err
}

// unfenced turns the error of a transaction that met the fence into one that says whether
// it may run again.
func (t *tx) unfenced(ctx context.Context, err error) error {
	if n, ok := verdictOf(err); !ok || n != fence {
		return err
	}
	if err := t.store.fenced(ctx); err != nil {
		return err
	}
	return &againError{err}
}

// outlasting is a context for a commit: a caller who leaves does not end it, but one
// that is not answered ends with the time of the caller, after a moment at least.
func (s *Store) outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	now := time.Now()
	end, bounded := ctx.Deadline()
	if t := s.options.Timeout; t > 0 && (!bounded || end.After(now.Add(t+time.Second))) {
		end, bounded = now.Add(t+time.Second), true
	}
	if !bounded {
		return context.WithCancel(context.WithoutCancel(ctx))
	}
	if soon := now.Add(commitWait); end.Before(soon) {
		end = soon
	}
	return context.WithDeadline(context.WithoutCancel(ctx), end)
}

// commitWait is how long a commit may take when its caller's time is up.
const commitWait = 500 * time.Millisecond

// moves are the statements that move the counters of what was written.
func (t *tx) moves(ctx context.Context) ([]*command, error) {
	entries := t.ordered()
	moves := make([]*command, 0, len(entries)+1)
	for _, e := range entries {
		epoch, err := t.store.epoch(ctx, e.table)
		if err != nil {
			return nil, err
		}
		moves = append(moves, statementOf(moveCounter,
			schema.NewInt(e.step), schema.NewText(e.table), schema.NewInt(int64(t.conn.shard)), schema.NewInt(epoch)))
	}
	return moves, nil
}

// rollback ends the transaction, if the server knows of it, and gives the connection back.
func (t *tx) rollback() {
	c := t.conn
	if c == nil {
		return
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(t.ctx), pingWait)
	defer done()
	if !c.pg.IsClosed() && c.pg.TxStatus() != 'I' {
		// A connection that cannot even do this is not used again: release sees to it.
		_ = c.run(ctx, statementOf("rollback"))
	}
	if again := new(againError); errors.As(t.lost, &again) && isOutdated(again.cause) && !c.pg.IsClosed() {
		_ = c.forget(ctx)
	}
	t.leave()
}

// leave gives the connection back.
func (t *tx) leave() {
	c := t.conn
	t.conn = nil
	if c != nil {
		t.store.release(c)
	}
}
