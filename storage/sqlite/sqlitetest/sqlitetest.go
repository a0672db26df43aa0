// Package sqlitetest helps tests that run many times on one SQLite file.
package sqlitetest

import (
	"fmt"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Emptier removes the rows of a file, from beside the store that serves it.
type Emptier struct {
	db  *sqlite.Conn
	sql string
}

// NewEmptier opens the file at path, whose tables must be there. The caller closes it.
func NewEmptier(path string) (*Emptier, error) {
	db, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetBusyTimeout(5 * time.Second)
	e := &Emptier{db: db}
	// Counters go on; the numbers of keys and sequences begin again.
	sql := strings.Builder{}
	sql.WriteString("begin immediate; update _dowel_counters set id = 0; delete from _dowel_sequences; ")
	tables := `select name from sqlite_master where type = 'table' and name not like '\_dowel\_%' escape '\' and name not like 'sqlite\_%' escape '\'`
	err = sqlitex.ExecuteTransient(db, tables, &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
		sql.WriteString(`delete from "` + strings.ReplaceAll(st.ColumnText(0), `"`, `""`) + `"; `)
		return nil
	}})
	for _, pragma := range []string{"foreign_keys = off", "synchronous = off"} {
		if err == nil {
			err = sqlitex.ExecuteTransient(db, "pragma "+pragma, nil)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	sql.WriteString("commit;")
	e.sql = sql.String()
	return e, nil
}

// Empty removes all rows. Change counters and versions go on from where they are.
func (e *Emptier) Empty() error {
	for rest := e.sql; strings.TrimSpace(rest) != ""; {
		st, n, err := e.db.PrepareTransient(rest)
		if err != nil {
			return err
		}
		if st == nil {
			return nil
		}
		_, err = st.Step()
		if end := st.Finalize(); err == nil {
			err = end
		}
		if err != nil {
			return err
		}
		rest = rest[len(rest)-n:]
	}
	return nil
}

// Close releases the file.
func (e *Emptier) Close() error { return e.db.Close() }
