package differential

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	"github.com/dowel-dev/dowel/storage/sqlite"
	"github.com/dowel-dev/dowel/storage/sqlite/sqlitetest"
)

// targets are the stores that must not be told apart; the first is the reference.
var targets = []Target{
	{Name: "memory", Open: openMemory},
	{Name: "sqlite", Open: openSQLite},
	{Name: "postgres", Open: openPostgres},
}

// memoryStore is a store in memory that is thrown away to be emptied.
type memoryStore struct {
	schema *schema.Schema
	inner  atomic.Pointer[memory.Store]
	base   int64 // what counters go on from
}

var _ Store = (*memoryStore)(nil)

func openMemory(t testing.TB, s *schema.Schema) Store {
	m := &memoryStore{schema: s}
	if err := m.Empty(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

// Empty implements Store. A thousand million writes are never counted before the next.
func (m *memoryStore) Empty(context.Context) error {
	inner, err := memory.New(m.schema)
	if err != nil {
		return err
	}
	m.inner.Store(inner)
	m.base += 1e9
	return nil
}

func (m *memoryStore) moved(ns []int64) []int64 {
	for i := range ns {
		ns[i] += m.base
	}
	return ns
}

func (m *memoryStore) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	p, err := m.inner.Load().Read(ctx, q)
	if p != nil {
		m.moved(p.Counters)
	}
	return p, err
}

func (m *memoryStore) Counters(ctx context.Context, classes []*schema.Class) ([]int64, error) {
	ns, err := m.inner.Load().Counters(ctx, classes)
	return m.moved(ns), err
}

func (m *memoryStore) Write(ctx context.Context, fn func(storage.Tx) error) error {
	return m.inner.Load().Write(ctx, func(tx storage.Tx) error { return fn(memoryTx{tx, m}) })
}

func (m *memoryStore) Migrate(context.Context, *schema.Schema, bool) ([]storage.Step, error) {
	return nil, nil
}

func (m *memoryStore) Use(*schema.Schema) error { return nil }
func (m *memoryStore) Close() error             { return nil }

type memoryTx struct {
	storage.Tx
	m *memoryStore
}

func (t memoryTx) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	p, err := t.Tx.Read(ctx, q)
	if p != nil {
		t.m.moved(p.Counters)
	}
	return p, err
}

func (t memoryTx) Counters(ctx context.Context, classes []*schema.Class) ([]int64, error) {
	ns, err := t.Tx.Counters(ctx, classes)
	return t.m.moved(ns), err
}

// sqliteStore is a store on a file with a second connection that empties it.
type sqliteStore struct {
	*sqlite.Store
	emptier *sqlitetest.Emptier
}

func openSQLite(t testing.TB, s *schema.Schema) Store {
	path := filepath.Join(t.TempDir(), "app.db")
	store, err := sqlite.Open(path, s, sqlite.Options{Sync: "OFF", Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Migrate(t.Context(), s, true); err != nil {
		t.Fatal(err)
	}
	emptier, err := sqlitetest.NewEmptier(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := emptier.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &sqliteStore{store, emptier}
}

func (s *sqliteStore) Empty(context.Context) error { return s.emptier.Empty() }
