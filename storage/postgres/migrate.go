package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/migrate"
)

// Migrate compares the tables with a schema. Steps that keep every value are
// safe; with apply they are run, and what is left is returned.
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
	config := s.config.ConnConfig.Config.Copy()
	if config.RuntimeParams == nil {
		config.RuntimeParams = map[string]string{}
	}
	for name, value := range map[string]string{
		"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0", "default_transaction_read_only": "off",
		"default_transaction_isolation": "read committed", "application_name": "dowel migrate", "timezone": "UTC", "datestyle": "ISO", "client_min_messages": "warning",
	} {
		config.RuntimeParams[name] = value
	}
	pg, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
	}
	err = fn(migrating{pg})
	return errors.Join(err, pg.Close(context.WithoutCancel(ctx)))
}

// migrating is a connection as migrations use it.
type migrating struct{ pg *pgconn.PgConn }

// Dialect is PostgreSQL.
func (c migrating) Dialect() migrate.Dialect { return migrate.PostgreSQL }

// Query runs one statement.
func (c migrating) Query(ctx context.Context, sql string, row func(cols []string)) error {
	rows := c.pg.ExecParams(ctx, sql, nil, nil, nil, nil)
	var cols []string
	for rows.NextRow() {
		cols = cols[:0]
		for _, v := range rows.Values() {
			cols = append(cols, string(v))
		}
		row(cols)
	}
	_, err := rows.Close()
	return err
}

// Exec runs statements and returns the rows that the last one changed.
func (c migrating) Exec(ctx context.Context, sql string) (int64, error) {
	results, err := c.pg.Exec(ctx, sql).ReadAll()
	if err != nil || len(results) == 0 {
		return 0, err
	}
	tag := results[len(results)-1].CommandTag.String()
	n, _ := strconv.ParseInt(tag[strings.LastIndexByte(tag, ' ')+1:], 10, 64) // no number: none changed
	return n, nil
}
