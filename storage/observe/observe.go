// Package observe wraps a store so that every call is reported: what was done,
// to which class, how long it took, how many rows it moved. Access logs, slow
// query logs and metrics are functions given to Store.
//
//	store = observe.Store(store, func(c observe.Call) {
//		if c.Took > time.Second {
//			log.Warn("slow", "op", c.Op, "class", c.Class)
//		}
//	})
package observe

import (
	"context"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Call is one finished call of a store or a transaction.
type Call struct {
	// Op is read, counters, insert, update, delete, soft-delete, restore, claim, keep or
	// write: the transaction as a whole, with the wait for its turn and the commit.
	Op    string
	Class *schema.Class  // nil for counters, claim, keep and write
	Query *storage.Query // of a read
	Tx    bool           // the call was part of a transaction
	Took  time.Duration
	Rows  int // read or written, those of expansions too
	Err   error
}

// Func receives calls. It runs in the calling goroutine, at the same time for
// different calls; it gets the context of the call, which tells requests apart.
type Func func(ctx context.Context, c Call)

// Store returns a store that does what inner does and reports it.
func Store(inner storage.Store, report Func) storage.Store {
	return &store{inner, reader{inner, report, false}}
}

// reader observes what stores and transactions have in common.
type reader struct {
	inner  storage.Reader
	report Func
	tx     bool
}

func (r reader) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	start := time.Now()
	page, err := r.inner.Read(ctx, q)
	call := Call{Op: "read", Class: q.Class, Query: q, Tx: r.tx, Took: time.Since(start), Err: err}
	if page != nil {
		call.Rows = count(page.Rows)
	}
	r.report(ctx, call)
	return page, err
}

func (r reader) Counters(ctx context.Context, classes []*schema.Class) ([]int64, error) {
	start := time.Now()
	counters, err := r.inner.Counters(ctx, classes)
	r.report(ctx, Call{Op: "counters", Tx: r.tx, Took: time.Since(start), Err: err})
	return counters, err
}

func count(rows []storage.Row) int {
	n := len(rows)
	for i := range rows {
		for _, expanded := range rows[i].Expanded {
			n += count(expanded)
		}
	}
	return n
}

type store struct {
	storage.Store
	reader reader
}

// Unwrap returns the store that is observed.
func (s *store) Unwrap() storage.Store { return s.Store }

func (s *store) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	return s.reader.Read(ctx, q)
}

func (s *store) Counters(ctx context.Context, classes []*schema.Class) ([]int64, error) {
	return s.reader.Counters(ctx, classes)
}

func (s *store) Write(ctx context.Context, fn func(storage.Tx) error) error {
	start, rows := time.Now(), 0
	err := s.Store.Write(ctx, func(inner storage.Tx) error {
		rows = 0 // fn may run again
		return fn(&tx{reader{inner, s.reader.report, true}, inner, &rows})
	})
	if err != nil {
		rows = 0
	}
	s.reader.report(ctx, Call{Op: "write", Took: time.Since(start), Rows: rows, Err: err})
	return err
}

type tx struct {
	reader
	inner storage.Tx
	rows  *int // written so far
}

var ops = [...]string{storage.Insert: "insert", storage.Update: "update", storage.Delete: "delete",
	storage.SoftDelete: "soft-delete", storage.Restore: "restore"}

func (t *tx) Apply(ctx context.Context, c *storage.Change) (*storage.Row, error) {
	start := time.Now()
	row, err := t.inner.Apply(ctx, c)
	call := Call{Op: ops[c.Op], Class: c.Class, Tx: true, Took: time.Since(start), Err: err}
	if err == nil {
		call.Rows = 1
		*t.rows++
	}
	t.report(ctx, call)
	return row, err
}

func (t *tx) Claim(ctx context.Context, key string, now, until time.Time) (string, error) {
	start := time.Now()
	kept, err := t.inner.Claim(ctx, key, now, until)
	t.report(ctx, Call{Op: "claim", Tx: true, Took: time.Since(start), Err: err})
	return kept, err
}

func (t *tx) Keep(ctx context.Context, key, value string) error {
	start := time.Now()
	err := t.inner.Keep(ctx, key, value)
	t.report(ctx, Call{Op: "keep", Tx: true, Took: time.Since(start), Err: err})
	return err
}

func (t *tx) Savepoint(ctx context.Context, fn func() error) error {
	before := *t.rows
	err := t.inner.Savepoint(ctx, fn)
	if err != nil {
		*t.rows = before
	}
	return err
}
