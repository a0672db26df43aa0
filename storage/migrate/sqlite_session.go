package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// exclusively runs fn in one transaction that nobody else can write beside. References are
// looked at when it is over, as tables may be replaced in between.
func (sqlite) exclusively(ctx context.Context, c Conn, fn func() error) error {
	for _, sql := range []string{"pragma foreign_keys = off", "begin immediate"} {
		if _, err := c.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%w: %w", ErrLocked, err)
		}
	}
	err := fn()
	if err == nil {
		err = checkReferences(ctx, c)
	}
	if err == nil {
		_, err = c.Exec(ctx, "commit")
	}
	if err != nil {
		_, failed := c.Exec(context.WithoutCancel(ctx), "rollback")
		return errors.Join(err, failed)
	}
	return nil
}

func checkReferences(ctx context.Context, c Conn) error {
	broken := ""
	err := c.Query(ctx, "pragma foreign_key_check", func(cols []string) {
		if broken == "" {
			broken = fmt.Sprintf("row %s of %s refers to a row of %s that is not there", cols[1], cols[0], cols[2])
		}
	})
	if err == nil && broken != "" {
		err = errors.New(broken)
	}
	return err
}

// transaction is part of the one that is running.
func (sqlite) transaction(_ context.Context, _ Conn, fn func() error) error { return fn() }

func (sqlite) waiting(_ context.Context, _ Conn, _ time.Duration, fn func() error) error { return fn() }

// prepare makes the system tables, and adds to those that an earlier release made.
func (d sqlite) prepare(ctx context.Context, c Conn) error {
	for _, sql := range d.systemTables() {
		if _, err := c.Exec(ctx, sql); err != nil {
			return err
		}
	}
	says := false
	err := c.Query(ctx, "select 1 from pragma_table_info('_dowel_columns') where name = 'says'", func([]string) { says = true })
	if err == nil && !says {
		_, err = c.Exec(ctx, "alter table _dowel_columns add column says text not null default ''")
	}
	return err
}
