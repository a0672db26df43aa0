package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/observe"
	"github.com/dowel-dev/dowel/storage/storagetest"
)

// finally is a store that makes final what is the only change of its transaction: it
// runs each function once to see what it does, takes that back, numbers too, and runs
// it again. It is for one writer at a time.
type finally struct {
	storage.Store // inner, decorated
	inner         *Store
	t             testing.TB
	finals        *int
}

func finalStore(t testing.TB, inner *Store, finals *int) finally {
	return finally{observe.Store(inner, func(context.Context, observe.Call) {}), inner, t, finals}
}

var errSeen = errors.New("seen")

func (s finally) Write(ctx context.Context, fn func(storage.Tx) error) error {
	seen := &seeing{}
	var outcome error
	back := s.numbers()
	err := s.Store.Write(ctx, func(tx storage.Tx) error {
		*seen = seeing{Tx: tx}
		outcome = fn(seen)
		return errSeen
	})
	back()
	if !errors.Is(err, errSeen) || seen.calls != 1 || seen.changes != 1 || outcome != nil && seen.failed == nil {
		return s.Store.Write(ctx, fn)
	}
	*s.finals++
	return s.Store.Write(ctx, func(tx storage.Tx) error { return fn(ending{tx, *s.finals%2 == 0}) })
}

// numbers returns a function that sets the numberings of keys back to what they are
// now: unlike other stores, PostgreSQL does not give back a number that was taken in vain.
func (s finally) numbers() (back func()) {
	if s.inner.isClosed() {
		return func() {}
	}
	ctx := context.Background()
	var sets []*command
	err := s.inner.reads.do(ctx, &command{sql: []byte("select c.oid, pg_sequence_last_value(c.oid) from pg_class as c where c.relkind = 'S' and c.relnamespace = current_schema()::regnamespace and c.relname <> '_dowel_version'"),
		row: func(cols [][]byte) error {
			if cols[1] == nil {
				sets = append(sets, statementOf("select setval($1::oid, 1, false)", schema.NewText(string(cols[0]))))
			} else {
				sets = append(sets, statementOf("select setval($1::oid, $2)", schema.NewText(string(cols[0])), schema.NewText(string(cols[1]))))
			}
			return nil
		}})
	if err != nil {
		s.t.Fatal(err)
	}
	return func() {
		if s.inner.isClosed() || len(sets) == 0 {
			return
		}
		if err := s.inner.writes.do(ctx, sets...); err != nil {
			s.t.Fatal(err)
		}
	}
}

// seeing counts the calls of a transaction.
type seeing struct {
	storage.Tx
	calls, changes int
	failed         error // the error of the last change
}

func (t *seeing) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	t.calls++
	return t.Tx.Read(ctx, q)
}

func (t *seeing) Claim(ctx context.Context, key string, now, until time.Time) (string, error) {
	t.calls++
	return t.Tx.Claim(ctx, key, now, until)
}

func (t *seeing) Counters(ctx context.Context, classes []*schema.Class) ([]int64, error) {
	t.calls++
	return t.Tx.Counters(ctx, classes)
}

func (t *seeing) Apply(ctx context.Context, c *storage.Change) (row *storage.Row, err error) {
	t.calls++
	t.changes++
	open := *c
	open.Final = false
	row, t.failed = t.Tx.Apply(ctx, &open)
	return row, t.failed
}

func (t *seeing) Savepoint(ctx context.Context, fn func() error) error {
	t.calls++
	return t.Tx.Savepoint(ctx, fn)
}

// ending makes changes final: as the first call of their transaction, or after a look.
type ending struct {
	storage.Tx
	looks bool
}

func (t ending) Apply(ctx context.Context, c *storage.Change) (*storage.Row, error) {
	if t.looks {
		if _, err := t.Counters(ctx, []*schema.Class{c.Class}); err != nil {
			return nil, err
		}
	}
	final := *c
	final.Final = true
	return t.Tx.Apply(ctx, &final)
}

// TestFinalContract runs the contract over the path of final changes, through the observing decorator.
func TestFinalContract(t *testing.T) {
	t.Parallel()
	finals := 0
	storagetest.Run(t, func(t testing.TB, s *schema.Schema) storage.Store {
		store := openEmptied(t, s)
		name := t.Name()
		if strings.Contains(name, "/concurrency/") || strings.Contains(name, "/of_those_who_claim") || strings.Contains(name, "/a_final_change") || strings.HasSuffix(name, "/are_not_seen_before_they_commit") {
			return store // several writers, final changes of its own, or a look from outside before the commit
		}
		return finalStore(t, store, &finals)
	})
	if finals < 300 {
		t.Errorf("%d final changes", finals)
	}
}

// TestFinalDifferential compares the path of final changes with the reference.
func TestFinalDifferential(t *testing.T) {
	t.Parallel()
	finals := 0
	storagetest.Differential(t, openMemory, func(t testing.TB, s *schema.Schema) storage.Store {
		return finalStore(t, openEmptied(t, s), &finals)
	})
	if finals < 300 {
		t.Errorf("%d final changes", finals)
	}
}
