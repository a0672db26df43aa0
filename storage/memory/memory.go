// Package memory is the reference store: the storage contract in its plainest
// form, for tests and for trying things out. Nothing outlives the process.
//
// Conditions mean what package schema/expr says, literally: a row is kept when
// expr.Match says so. Everything the store holds is one immutable state made of
// sorted trees; a transaction works on a state of its own and publishes it when
// it commits, so that readers never wait and see one moment each. One
// transaction writes at a time.
package memory

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Store keeps records in memory. It is a storage.Store.
type Store struct {
	state  atomic.Pointer[state]
	writer chan struct{} // holds a token while a transaction runs
	closed atomic.Bool
}

var _ storage.Store = (*Store)(nil)

// New returns an empty store for a sealed schema.
func New(s *schema.Schema) (*Store, error) {
	st := &Store{writer: make(chan struct{}, 1)}
	st.state.Store(newState(s))
	return st, nil
}

// Read returns the page of rows a query asks for.
func (s *Store) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	if s.closed.Load() {
		return nil, storage.ErrUnavailable
	}
	return read(ctx, s.state.Load(), q)
}

// Counters returns the change counter of each class.
func (s *Store) Counters(ctx context.Context, classes []*schema.Class) ([]int64, error) {
	if s.closed.Load() {
		return nil, storage.ErrUnavailable
	}
	return counters(ctx, s.state.Load(), classes)
}

// Write runs fn in a transaction; it never runs it twice.
func (s *Store) Write(ctx context.Context, fn func(storage.Tx) error) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	t := &tx{state: s.state.Load().clone()}
	defer func() { t.over = true }()
	if err := fn(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.state.Store(t.state)
	return nil
}

// lock waits for the one place of a writer.
func (s *Store) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.writer <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.closed.Load() {
		s.unlock()
		return storage.ErrUnavailable
	}
	return nil
}

func (s *Store) unlock() { <-s.writer }

// Migrate has nothing to do: there are no tables but those that Use makes.
func (s *Store) Migrate(context.Context, *schema.Schema, bool) ([]storage.Step, error) {
	return nil, nil
}

// Use makes the store serve another revision of its schema. Classes and fields
// are recognised by their names and by `was`; values that the new type of a
// field cannot hold become null.
func (s *Store) Use(to *schema.Schema) error {
	if err := s.lock(context.Background()); err != nil {
		return err
	}
	defer s.unlock()
	next, err := s.state.Load().translate(to)
	if err != nil {
		return fmt.Errorf("use schema: %w", err)
	}
	s.state.Store(next)
	return nil
}

// Close waits for the running transaction; afterwards every call fails.
func (s *Store) Close() error {
	s.writer <- struct{}{}
	s.closed.Store(true)
	s.unlock()
	return nil
}
