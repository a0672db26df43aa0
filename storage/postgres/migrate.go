package postgres

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/migrate"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Migrate compares the tables with a schema. Steps that keep every value are
// safe; with apply they are run, and what is left is returned.
func (s *Store) Migrate(ctx context.Context, to *schema.Schema, apply bool) (pending []storage.Step, err error) {
	// Read before the tables are compared, so that a change in between is not missed; those that
	// are changed here are found out by the first write.
	of, err := s.readEpochs(ctx)
	if err != nil {
		return nil, err
	}
	err = s.Migrating(ctx, func(c migrate.Conn) error {
		if pending, err = migrate.Pending(ctx, c, to, apply); err != nil {
			return err
		}
		foreign, err := migrate.ForeignOf(ctx, c, c.Dialect(), to)
		if err == nil {
			s.know(foreign)
		}
		return err
	})
	if err == nil && len(pending) == 0 {
		s.epochs.found(to, of)
	}
	return pending, err
}

// Migrating runs fn with a connection of its own, whose statements may take their time.
func (s *Store) Migrating(ctx context.Context, fn func(migrate.Conn) error) error {
	if s.isClosed() {
		return errClosed
	}
	pg, err := migrator(ctx, s.config, "off")
	if err != nil {
		return unavailable(err)
	}
	err = fn(migrating{pg})
	return errors.Join(err, pg.Close(context.WithoutCancel(ctx)))
}

// Inspecting runs fn with a connection to the database at url that can change
// nothing, for a look at a database that no store may have been opened on.
func Inspecting(ctx context.Context, url string, o Options, fn func(migrate.Conn) error) error {
	config, err := poolConfig(url, o.withDefaults())
	if err != nil {
		return err
	}
	pg, err := migrator(ctx, config, "on")
	if err != nil {
		return connectError(err)
	}
	err = fn(migrating{pg})
	return errors.Join(err, pg.Close(context.WithoutCancel(ctx)))
}

// migrator opens a session without time limits. readOnly is on or off.
func migrator(ctx context.Context, from *pgxpool.Config, readOnly string) (*pgconn.PgConn, error) {
	config := from.ConnConfig.Config.Copy()
	if config.RuntimeParams == nil {
		config.RuntimeParams = map[string]string{}
	}
	for name, value := range map[string]string{
		"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0", "default_transaction_read_only": readOnly,
		"default_transaction_isolation": "read committed", "application_name": "dowel migrate", "timezone": "UTC", "datestyle": "ISO", "client_min_messages": "warning",
	} {
		config.RuntimeParams[name] = value
	}
	return pgconn.ConnectConfig(ctx, config)
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

// Fill adds rows by way of copy, as part of the transaction that is running.
func (c migrating) Fill(ctx context.Context, table string, columns []string, rows [][]schema.Value) error {
	quoted := make([]string, len(columns))
	for i, name := range columns {
		quoted[i] = sqlgen.Quote(name)
	}
	var text []byte
	for _, row := range rows {
		for i, v := range row {
			if i > 0 {
				text = append(text, '\t')
			}
			if v.IsNull() {
				text = append(text, `\N`...)
				continue
			}
			start := len(text)
			text = appendText(text, v)
			text = escapeCopy(text, start)
		}
		text = append(text, '\n')
	}
	_, err := c.pg.CopyFrom(ctx, bytes.NewReader(text), "copy "+sqlgen.Quote(table)+" ("+strings.Join(quoted, ", ")+") from stdin")
	return err
}

// escapeCopy escapes what copy does not read as it is, from a place on.
func escapeCopy(b []byte, from int) []byte {
	if !bytes.ContainsAny(b[from:], "\\\t\n\r") {
		return b
	}
	plain := string(b[from:])
	b = b[:from]
	for i := range len(plain) {
		switch c := plain[i]; c {
		case '\\':
			b = append(b, `\\`...)
		case '\t':
			b = append(b, `\t`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		default:
			b = append(b, c)
		}
	}
	return b
}
