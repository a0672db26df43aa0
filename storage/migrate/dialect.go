package migrate

import (
	"context"
	"strconv"
	"strings"

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
