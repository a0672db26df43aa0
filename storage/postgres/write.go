package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/dowel-dev/dowel/storage"
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
