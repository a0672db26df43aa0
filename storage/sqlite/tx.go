package sqlite

import (
	"context"
	"errors"
	"strconv"

	"zombiezen.com/go/sqlite"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// tx is one transaction, on the writer's connection and goroutine.
type tx struct {
	*writer
	ctx   context.Context
	model *sqlgen.Model
	over  bool
	depth int
	// failed is the error of a change that had written something. What is
	// half done must not be committed unless a savepoint takes it back.
	failed error
}

var errOver = errors.New("transaction is over")

// Read answers a query as the transaction sees it.
func (t *tx) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	if err := t.use(q.Base()); err != nil {
		return nil, err
	}
	t.conn.begin(ctx)
	defer t.conn.end()
	page, err := t.conn.page(q)
	if err == nil && len(q.Watch) > 0 {
		page.Counters, err = t.counters(q.Watch)
	}
	if err != nil {
		return nil, t.lost(readError(ctx, err))
	}
	return page, nil
}

// Counters returns change counters as the transaction sees them.
func (t *tx) Counters(ctx context.Context, classes []*schema.Class) ([]int64, error) {
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	t.conn.begin(ctx)
	defer t.conn.end()
	counters, err := t.counters(classes)
	if err != nil {
		return nil, t.lost(readError(ctx, err))
	}
	return counters, nil
}

func (t *tx) counters(classes []*schema.Class) ([]int64, error) {
	out, err := t.conn.counters(classes)
	if err != nil {
		return nil, err
	}
	for i, class := range classes {
		if n, moved := t.ledger.counter(class); moved {
			out[i] = n
		}
	}
	return out, nil
}

// Savepoint runs fn so that an error from it undoes what fn did.
func (t *tx) Savepoint(ctx context.Context, fn func() error) error {
	if err := t.open(ctx); err != nil {
		return err
	}
	before := t.failed
	t.depth++
	defer func() { t.depth-- }()
	err := t.savepoint("s"+strconv.Itoa(t.depth), func() error {
		err := fn()
		if err == nil && before == nil {
			err = t.failed
		}
		return err
	})
	if err != nil && !t.conn.db.AutocommitEnabled() {
		t.failed = before
	}
	return err
}

// open refuses calls after the transaction or its caller is gone.
func (t *tx) open(ctx context.Context) error {
	if t.over {
		return errOver
	}
	return ctx.Err()
}

// use turns to the revision of the schema that a class is of.
func (t *tx) use(class *schema.Class) (err error) {
	if !t.model.Owns(class) {
		if t.model, err = t.store.models.Of(class); err != nil {
			t.model = t.store.models.Present()
		}
		t.conn.print.Names = t.model.Names
	}
	return err
}

// lost makes the transaction fail when SQLite has rolled it back.
func (t *tx) lost(err error) error {
	if t.failed == nil && t.conn.db.AutocommitEnabled() {
		t.failed = err
	}
	return err
}

// Apply runs one guarded change.
func (t *tx) Apply(ctx context.Context, c *storage.Change) (*storage.Row, error) {
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	if t.failed != nil {
		return nil, t.failed
	}
	if err := t.use(c.Class); err != nil {
		return nil, err
	}
	t.conn.begin(ctx)
	defer t.conn.end()
	change := *c
	a := apply{tx: t, Change: &change, table: t.model.Names.Table(c.Class)}
	row, err := a.run()
	if err == nil {
		t.over = c.Final
		return row, nil
	}
	err = readError(ctx, err)
	if a.wrote {
		t.failed = err
	}
	return nil, t.lost(err)
}

// apply is one change on its way.
type apply struct {
	*tx
	*storage.Change
	table *sqlgen.Table
	wrote bool
}

func (a *apply) run() (*storage.Row, error) {
	switch a.Op {
	case storage.Insert:
		return a.insert()
	case storage.Delete:
		return a.delete()
	default:
		return a.update()
	}
}

// bump counts a change of the class.
func (t *tx) bump(class *schema.Class) (int64, error) {
	return t.ledger.bump(t.model.Names, class)
}

// print is the connection's printer, emptied.
func (t *tx) print() *sqlgen.Printer {
	t.conn.print.Reset()
	return &t.conn.print
}

// one runs what is printed and calls row for the one row it yields, if any.
func (t *tx) oneRow(row func(*sqlite.Stmt)) error {
	st, err := t.conn.printed()
	if err != nil {
		return err
	}
	return each(st, row)
}
