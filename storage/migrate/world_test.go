package migrate_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/migrate"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

// TestMain draws fewer schemas than rapid would: each is two databases. -rapid.checks=1000 draws more.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", "10"); err != nil {
			panic(err)
		}
	}
	os.Exit(pgtest.Main(m))
}

// world is a database of its own that a test works in.
type world struct {
	testing.TB

	migrate.Conn
	pg   *pgconn.PgConn
	lite *sqlite.Conn
	url  string // or path
}

// worlds runs a test on both databases.
func worlds(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, newPostgres(t)) })
}

func newSQLite(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, url: filepath.Join(t.TempDir(), "app.db")}
	w.lite = w.openSQLite()
	w.Conn = liteConn{w.lite}
	return w
}

func (w *world) openSQLite() *sqlite.Conn {
	c, err := sqlite.OpenConn(w.url, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { c.Close() })
	for _, p := range []string{"pragma journal_mode = wal", "pragma synchronous = off", "pragma foreign_keys = on"} {
		if err := sqlitex.ExecuteTransient(c, p, nil); err != nil {
			w.Fatal(err)
		}
	}
	return c
}

func newPostgres(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, url: pgtest.Schema(t)}
	w.pg = w.openPostgres()
	w.Conn = pgConn{w.pg}
	return w
}

func (w *world) openPostgres() *pgconn.PgConn {
	config, err := pgconn.ParseConfig(w.url)
	if err != nil {
		w.Fatal(err)
	}
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["client_min_messages"] = "warning"
	c, err := pgconn.ConnectConfig(context.Background(), config)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// again opens another session with the same database.
func (w *world) again() migrate.Conn {
	if w.pg != nil {
		return pgConn{w.openPostgres()}
	}
	return liteConn{w.openSQLite()}
}

func (w *world) isPostgres() bool { return w.pg != nil }

// exec runs SQL in which `;` separates statements.
func (w *world) exec(sql string) {
	w.Helper()
	for statement := range strings.SplitSeq(sql, ";") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := w.Exec(context.Background(), statement); err != nil {
			w.Fatalf("%s: %v", statement, err)
		}
	}
}

// ask returns what a query yields: columns by spaces, rows by |.
func (w *world) ask(sql string) string {
	w.Helper()
	return ask(w.TB, w.Conn, sql)
}

func ask(t testing.TB, c migrate.Conn, sql string) string {
	t.Helper()
	var rows []string
	err := c.Query(context.Background(), sql, func(cols []string) { rows = append(rows, strings.Join(cols, " ")) })
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return strings.Join(rows, "|")
}

// plan makes the plan for a schema.
func (w *world) plan(s *schema.Schema) *migrate.Plan {
	w.Helper()
	p, err := migrate.Make(context.Background(), w.Conn, s)
	if err != nil {
		w.Fatal(err)
	}
	return p
}

// apply makes the plan for a schema and runs it with everything that loses values.
func (w *world) apply(s *schema.Schema) *migrate.Plan {
	w.Helper()
	p := w.plan(s)
	if _, err := migrate.Apply(context.Background(), w.Conn, p, migrate.Allow{All: true}); err != nil {
		w.Fatalf("%v\n%s", err, text(p))
	}
	return p
}

// settled fails unless nothing is left to be done for a schema.
func (w *world) settled(s *schema.Schema) {
	w.Helper()
	if p := w.plan(s); !p.Empty() {
		w.Fatalf("a second plan is not empty:\n%s%s", text(p), scripts(p))
	}
}

func text(p *migrate.Plan) string {
	var b strings.Builder
	if err := p.Write(&b, migrate.Text{}); err != nil {
		return err.Error()
	}
	return b.String()
}

func scripts(p *migrate.Plan) string {
	var b strings.Builder
	for i := range p.Steps {
		fmt.Fprintf(&b, "-- %s\n%s\n", p.Steps[i].ID, p.Steps[i].Script())
	}
	return b.String()
}

type liteConn struct{ db *sqlite.Conn }

func (c liteConn) Dialect() migrate.Dialect { return migrate.SQLite }

func (c liteConn) Query(_ context.Context, sql string, row func(cols []string)) error {
	return sqlitex.ExecuteTransient(c.db, sql, &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
		cols := make([]string, st.ColumnCount())
		for i := range cols {
			cols[i] = st.ColumnText(i)
		}
		row(cols)
		return nil
	}})
}

func (c liteConn) Exec(_ context.Context, sql string) (int64, error) {
	return int64(c.db.Changes()), sqlitex.ExecuteTransient(c.db, sql, nil)
}

type pgConn struct{ pg *pgconn.PgConn }

func (c pgConn) Dialect() migrate.Dialect { return migrate.PostgreSQL }

func (c pgConn) Query(ctx context.Context, sql string, row func(cols []string)) error {
	rows := c.pg.ExecParams(ctx, sql, nil, nil, nil, nil)
	for rows.NextRow() {
		cols := make([]string, len(rows.Values()))
		for i, v := range rows.Values() {
			cols[i] = string(v)
		}
		row(cols)
	}
	_, err := rows.Close()
	return explained(sql, err)
}

func (c pgConn) Exec(ctx context.Context, sql string) (int64, error) {
	results, err := c.pg.Exec(ctx, sql).ReadAll()
	if err != nil || len(results) == 0 {
		return 0, explained(sql, err)
	}
	tag := results[len(results)-1].CommandTag.String()
	n, _ := strconv.ParseInt(tag[strings.LastIndexByte(tag, ' ')+1:], 10, 64)
	return n, nil
}

// explained adds the statement to an error, which makes a failed test readable.
func explained(sql string, err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return fmt.Errorf("%w: %s\n%s", err, pg.Detail, sql)
	}
	return err
}
