package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// applying is the first key of the advisory lock of whoever changes tables; the second is the schema.
const applying = 0x646f776c

// lockWait is how long to wait for another applier.
const lockWait = 60 * time.Second

// exclusively runs fn while this session alone changes tables of the schema.
func (postgres) exclusively(ctx context.Context, c Conn, fn func() error) error {
	key := fmt.Sprintf("(%d, hashtext(current_schema()))", applying)
	got := false
	for began := time.Now(); ; {
		err := c.Query(ctx, "select pg_try_advisory_lock"+key, func(cols []string) { got = cols[0] == "t" })
		if err != nil {
			return err
		}
		if got {
			break
		}
		if time.Since(began) > lockWait {
			return ErrLocked
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrLocked, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
	err := fn()
	failed := c.Query(context.WithoutCancel(ctx), "select pg_advisory_unlock"+key, func([]string) {})
	if err != nil {
		return err // a lost session has lost its lock, too
	}
	return failed
}

// shortWait is how long to wait for a lock on a table: everybody else who wants the table waits behind. longWait is for
// those that do not become free that way: it takes more than a second until autovacuum gives way.
const (
	shortWait = 500 * time.Millisecond
	longWait  = 2 * time.Second
)

func (d postgres) transaction(ctx context.Context, c Conn, fn func() error) error {
	return d.waiting(ctx, c, shortWait, fn)
}

// waiting runs fn in a transaction that does not wait longer for a lock.
func (postgres) waiting(ctx context.Context, c Conn, wait time.Duration, fn func() error) error {
	_, err := c.Exec(ctx, fmt.Sprintf("begin; set local lock_timeout = %d", wait.Milliseconds()))
	if err == nil {
		err = fn()
	}
	if err == nil {
		_, err = c.Exec(ctx, "commit")
	}
	if err != nil {
		_, failed := c.Exec(context.WithoutCancel(ctx), "rollback")
		if isBusy(err) {
			return errors.Join(failed, err)
		}
		return errors.Join(err, failed)
	}
	return nil
}

// prepare makes the system tables.
func (d postgres) prepare(ctx context.Context, c Conn) error {
	ready := false
	err := c.Query(ctx, "select 1 where to_regclass('_dowel_state') is not null", func([]string) { ready = true })
	if err != nil || ready {
		return err
	}
	_, err = c.Exec(ctx, strings.Join(d.systemTables(), ";\n"))
	return err
}
