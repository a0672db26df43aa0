package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/migrate"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Migrate compares the tables with a schema. Steps that keep every value are
// safe; with apply they are run, all in one transaction, and what is left is returned.
func (s *Store) Migrate(ctx context.Context, to *schema.Schema, apply bool) (pending []storage.Step, err error) {
	err = s.Migrating(ctx, func(c migrate.Conn) error {
		pending, err = migrate.Pending(ctx, c, to, apply)
		return err
	})
	return pending, err
}

// Migrating runs fn with a connection of its own, whose statements may take their time.
func (s *Store) Migrating(ctx context.Context, fn func(migrate.Conn) error) error {
	if s.isClosed() {
		return errClosed
	}
	o := s.options
	o.Timeout = -1
	c, err := openConn(s.path, o, s.watch, true)
	if err != nil {
		return unavailable(err)
	}
	c.watch.remove(c) // a large table may take its time
	c.db.SetInterrupt(ctx.Done())
	err = fn(migrating{c.db})
	c.db.SetInterrupt(nil)
	if errors.Is(err, migrate.ErrLocked) {
		err = unavailable(err)
	}
	return errors.Join(err, c.close())
}

// Inspecting runs fn with a connection to the file at path that can change nothing,
// for a look at a database that no store may have been opened on.
func Inspecting(ctx context.Context, path string, fn func(migrate.Conn) error) error {
	db, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	db.SetBusyTimeout(Options{}.withDefaults().LockWait)
	db.SetInterrupt(ctx.Done())
	err = sqlitex.ExecuteTransient(db, "pragma query_only = on", nil)
	if err == nil {
		err = fn(migrating{db})
	}
	db.SetInterrupt(nil)
	return errors.Join(err, db.Close())
}

// migrating is a connection as migrations use it.
type migrating struct{ db *sqlite.Conn }

// Dialect is SQLite.
func (c migrating) Dialect() migrate.Dialect { return migrate.SQLite }

// Query runs one statement.
func (c migrating) Query(_ context.Context, sql string, row func(cols []string)) error {
	var cols []string
	err := sqlitex.ExecuteTransient(c.db, sql, &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
		cols = cols[:0]
		for i := range st.ColumnCount() {
			cols = append(cols, st.ColumnText(i))
		}
		row(cols)
		return nil
	}})
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	return nil
}

// Exec runs one statement and returns the rows it changed.
func (c migrating) Exec(_ context.Context, sql string) (int64, error) {
	if err := sqlitex.ExecuteTransient(c.db, sql, nil); err != nil {
		return 0, fmt.Errorf("sqlite: %w", err)
	}
	return int64(c.db.Changes()), nil
}

// Fill adds rows by one statement that is run for each, as part of the transaction that is running.
func (c migrating) Fill(_ context.Context, table string, columns []string, rows [][]schema.Value) error {
	quoted := make([]string, len(columns))
	for i, name := range columns {
		quoted[i] = sqlgen.Quote(name)
	}
	st, _, err := c.db.PrepareTransient("insert into " + sqlgen.Quote(table) + " (" + strings.Join(quoted, ", ") + ") values (?" + strings.Repeat(", ?", len(columns)-1) + ")")
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	for _, row := range rows {
		bind(st, row)
		if err = run(st); err != nil {
			break
		}
	}
	if err = errors.Join(err, st.Finalize()); err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	return nil
}
