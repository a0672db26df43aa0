package postgres

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

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
	if err := t.use(q.Base()); err != nil {
		return nil, err
	}
	if q.Rough { // what was written just now is in no statistics
		exact := *q
		exact.Rough = false
		q = &exact
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
