package sqlite

import (
	"errors"
	"fmt"
	"strconv"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// conn is one connection with its statements. One goroutine uses it at a time.
type conn struct {
	db    *sqlite.Conn
	guard guard // who uses it now, for the watchdog
	watch *watchdog

	stmts map[string]*statement
	limit int
	uses  uint64

	print   sqlgen.Printer
	targets []target // of the plans in use
	// read counts the rows of the query that runs; more than most, if that is not 0, are an error.
	read, most int
}

// statement is a prepared statement and when it was used last.
type statement struct {
	*sqlite.Stmt
	used uint64
}

func openConn(path string, o Options, w *watchdog, writes bool) (*conn, error) {
	flags := sqlite.OpenReadWrite
	if writes {
		flags |= sqlite.OpenCreate
	}
	db, err := sqlite.OpenConn(path, flags)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	c := &conn{db: db, watch: w, stmts: map[string]*statement{}, limit: o.Statements}
	c.print.Dialect = sqlgen.SQLite{}
	db.SetBusyTimeout(o.LockWait)
	pragmas := []string{
		"foreign_keys = on",
		"cache_size = -" + strconv.Itoa(o.CacheKiB), "mmap_size = " + strconv.Itoa(o.MmapMiB<<20),
		"temp_store = memory",
		"trusted_schema = off",
	}
	if writes {
		pragmas = append(pragmas, "journal_mode = wal", "synchronous = "+o.Sync, "journal_size_limit = 67108864")
	} else {
		pragmas = append(pragmas, "query_only = on")
	}
	for _, p := range pragmas {
		if err := sqlitex.ExecuteTransient(db, "pragma "+p, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("sqlite: %s: pragma %s: %w", path, p, err), db.Close())
		}
	}
	w.add(c)
	return c, nil
}

func (c *conn) close() error {
	c.watch.remove(c)
	for sql, st := range c.stmts {
		st.Finalize()
		delete(c.stmts, sql)
	}
	return c.db.Close()
}

// prepare returns the statement of this text, kept from before or new. The caller
// steps through all of its rows or resets it.
func (c *conn) prepare(sql []byte) (*sqlite.Stmt, error) {
	c.uses++
	if st, ok := c.stmts[string(sql)]; ok {
		st.used = c.uses
		return st.Stmt, nil
	}
	text := string(sql)
	st, err := c.db.Prepare(text)
	if err != nil {
		return nil, err
	}
	if len(c.stmts) >= c.limit {
		c.evict()
	}
	c.stmts[text] = &statement{st, c.uses}
	return st, nil
}

// evict finalizes the statements that were not used lately; a quarter at least.
// Those in the middle of their rows were used last and stay.
func (c *conn) evict() {
	horizon := c.uses - uint64(c.limit)*3/4
	for sql, st := range c.stmts {
		if st.used <= horizon {
			st.Finalize()
			delete(c.stmts, sql)
		}
	}
}

// printed prepares what the printer holds and binds its values.
func (c *conn) printed() (*sqlite.Stmt, error) {
	st, err := c.prepare(c.print.SQL)
	if err != nil {
		return nil, err
	}
	bind(st, c.print.Args)
	return st, nil
}

// exec runs a statement that yields no rows and returns how many it changed.
func (c *conn) exec() (int, error) {
	st, err := c.printed()
	if err != nil {
		return 0, err
	}
	if err := run(st); err != nil {
		return 0, err
	}
	return c.db.Changes(), nil
}

// do runs a fixed statement without rows.
func (c *conn) do(sql string, args ...schema.Value) error {
	st, err := c.prepare([]byte(sql))
	if err != nil {
		return err
	}
	bind(st, args)
	return run(st)
}

func run(st *sqlite.Stmt) error {
	for {
		more, err := st.Step()
		if err != nil {
			return err
		}
		if !more {
			return st.Reset()
		}
	}
}

// query runs a fixed statement and calls row for each of its rows.
func (c *conn) query(sql string, args []schema.Value, row func(*sqlite.Stmt)) error {
	st, err := c.prepare([]byte(sql))
	if err != nil {
		return err
	}
	bind(st, args)
	return each(st, row)
}

func each(st *sqlite.Stmt, row func(*sqlite.Stmt)) error {
	for {
		more, err := st.Step()
		if err != nil {
			return err
		}
		if !more {
			return st.Reset()
		}
		row(st)
	}
}

// script runs several fixed statements.
func (c *conn) script(sql string) error {
	if err := sqlitex.ExecuteScript(c.db, sql, nil); err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	return nil
}

func bind(st *sqlite.Stmt, args []schema.Value) {
	for i := range args {
		bindOne(st, i+1, args[i])
	}
}

func bindOne(st *sqlite.Stmt, n int, v schema.Value) {
	switch v.Kind() {
	case schema.Null:
		st.BindNull(n)
	case schema.Float:
		st.BindFloat(n, v.Float())
	case schema.Text, schema.JSON:
		st.BindText(n, v.Text())
	default: // bool, int, and the units of a decimal
		st.BindInt64(n, v.Int())
	}
}
