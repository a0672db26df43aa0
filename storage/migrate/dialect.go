package migrate

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Dialect is one of the two databases.
type Dialect interface {
	// Name is sqlite or postgres.
	Name() string

	columnType(kind string) string
	versionDefault() string // of the version column, as SQL
	identity() bool         // whether keys are numbered by the database

	// createTable is the statement that makes a table under a name, without its indexes.
	createTable(t *Table, name string) string
	createIndex(table string, x *Index) string
	// addReference is the statement that makes a column refer, "" where that is part of the table.
	addReference(table string, c *Column) string
	// startCounters makes the change counter of a new table, "" where that needs nothing.
	startCounters(table string) string
	systemTables() []string
	inspect(ctx context.Context, c Asker) (*Database, error)

	// exclusively runs fn while nobody else changes tables.
	exclusively(ctx context.Context, c Conn, fn func() error) error
	// transaction runs fn in a transaction.
	transaction(ctx context.Context, c Conn, fn func() error) error
	// waiting does so and fails when a lock is not free in time.
	waiting(ctx context.Context, c Conn, wait time.Duration, fn func() error) error
	// prepare makes the system tables that are missing.
	prepare(ctx context.Context, c Conn) error

	literal(v schema.Value, kind string) string // a value of the schema
	argument(v schema.Value) string             // a value that is compared with something
	null(columnType string) string
	now(kind string) string
	uuid(kind string) string
	printer() sqlgen.Dialect
	// shadow is a table of the database by a name that no common table expression can hide.
	shadow(t *Table) string
	// folded is a text without the case of ASCII letters, when fold says so.
	folded(value string, fold bool) string
	// numbered is the number that a row gets in a sequence.
	numbered(t *Table, c *Column, value func(*Column) string) string
	// convert is the way from values of one kind to another, recast to the type of a column from
	// another type with values of the same kind.
	convert(from, to string) (conversion, bool)
	recast(to *Column) (conversion, bool)

	// accepts reports whether a column that somebody else has made holds what is wanted.
	accepts(c *change, h, w *Column) bool
	// adopted is the kind word of a type that somebody else gave a column, "" for one that is not understood.
	adopted(t string) string
	// addVersions adds the column of versions to a table with rows.
	addVersions(c *change, s *Step, col *Column)

	// The rest adds the statements of a change to a step.
	renameTable(d *differ, s *Step, h, w *Table)
	renameColumn(d *differ, s *Step, t *Table, c *Column, name string)
	// renameParts gives the key, references and indexes that are ours the names that go with new ones of their
	// table or columns.
	renameParts(s *Step, t *Table)
	addColumn(c *change, s *Step, col *Column, f *fill)
	retype(c *change, s *Step, h, w *Column, conv conversion)
	require(c *change, s *Step, col *Column, f *fill)
	relax(c *change, s *Step, col *Column)
	number(c *change, s *Step, col *Column, on bool)
	refer(c *change, s *Step, col *Column, to *Reference)
	unrefer(c *change, s *Step, col *Column)
	addIndex(c *change, s *Step, x *Index)
	dropIndex(c *change, s *Step, x *Index)
	renameIndex(c *change, x *Index, name string)
	replaceIndex(c *change, s *Step, old, x *Index)
	dropColumn(c *change, s *Step, col *Column)
	dropTable(d *differ, s *Step, t *Table)
	remake(c *change, s *Step)
	cleanUp(c *change, s *Step)
	finish(c *change)
	fence(s *Step, table string)
}

// SQLite and PostgreSQL are the dialects there are.
var (
	SQLite     Dialect = sqlite{}
	PostgreSQL Dialect = postgres{}
)

// Asker answers queries.
type Asker interface {
	// Query runs one statement and calls row for each of its rows, all columns as
	// text, null as "". The columns are valid during the call only.
	Query(ctx context.Context, sql string, row func(cols []string)) error
}

// Conn is one session with a database, for migrations alone. Statements end with the context only: it
// has no time limit of its own.
type Conn interface {
	Asker
	Dialect() Dialect
	// Exec runs one or several statements and returns the rows the last one changed. Outside
	// of begin and commit they are one transaction; one alone may be of a kind that has to be outside.
	Exec(ctx context.Context, sql string) (rows int64, err error)
}

func quote(name string) string { return sqlgen.Quote(name) }

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quote(n)
	}
	return strings.Join(quoted, ", ")
}

// literal is a text as SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func itoa(n int) string { return strconv.Itoa(n) }

// scaleOf is the scale in the kind word of a decimal.
func scaleOf(kind string) (scale int, ok bool) {
	digits, ok := strings.CutPrefix(kind, "decimal(")
	if !ok {
		return 0, false
	}
	scale, err := strconv.Atoi(strings.TrimSuffix(digits, ")"))
	return scale, err == nil
}
