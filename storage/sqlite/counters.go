package sqlite

import (
	"math"

	"zombiezen.com/go/sqlite"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// systemTables are made when a file is opened.
//
// _dowel_counters has one row a table: n is the change counter, from which
// versions come, id the highest key given out. _dowel_sequences has the highest
// number of each auto=sequence field and group, _dowel_kept what transactions kept under keys.
const systemTables = `
create table if not exists _dowel_counters (name text primary key, n integer not null, id integer not null) strict, without rowid;
create table if not exists _dowel_sequences (name text not null, per text not null, n integer not null, primary key (name, per)) strict, without rowid;
create table if not exists _dowel_kept (key text primary key, value text not null, until integer not null) strict;
create index if not exists _dowel_kept_until on _dowel_kept (until);
`

// counters reads change counters as the connection sees them in the file.
func (c *conn) counters(classes []*schema.Class) ([]int64, error) {
	out := make([]int64, len(classes))
	st, err := c.prepare([]byte("select n from _dowel_counters where name = ?1"))
	if err != nil {
		return nil, err
	}
	for i, class := range classes {
		st.BindText(1, class.Table)
		if err := each(st, func(st *sqlite.Stmt) { out[i] = st.ColumnInt64(0) }); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ledger holds the counters that the current SQLite transaction has moved. They
// are read once and written once a commit, whatever happens in between.
type ledger struct {
	conn    *conn
	entries []entry
}

// entry is the row of one table in _dowel_counters.
type entry struct {
	class *schema.Class // as it was first asked for
	n, id int64
	moved bool
}

// entry returns the counters of a class to be changed.
func (l *ledger) entry(names *sqlgen.Names, class *schema.Class) (*entry, error) {
	for i := range l.entries {
		if e := &l.entries[i]; e.class == class || e.class.Table == class.Table {
			return e, nil
		}
	}
	e := entry{class: class}
	if err := l.load(names.Table(class), &e); err != nil {
		return nil, err
	}
	l.entries = append(l.entries, e)
	return &l.entries[len(l.entries)-1], nil
}

// load reads the counters; a table that has none yet, or rows that others put
// in, starts above what is there.
func (l *ledger) load(t *sqlgen.Table, e *entry) error {
	found := false
	sql := "select n, id from _dowel_counters where name = ?1"
	err := l.conn.query(sql, []schema.Value{schema.NewText(e.class.Table)}, func(st *sqlite.Stmt) {
		e.n, e.id, found = st.ColumnInt64(0), st.ColumnInt64(1), true
	})
	if err != nil {
		return err
	}
	if !found {
		sql := "select coalesce(max(" + sqlgen.Quote(sqlgen.VersionColumn) + "), 0) from " + t.Name
		if err := l.conn.query(sql, nil, func(st *sqlite.Stmt) { e.n = st.ColumnInt64(0) }); err != nil {
			return err
		}
	}
	if f := numbered(e.class); f != nil {
		sql := "select max(" + t.Bare[f.Index] + ") from " + t.Name
		return l.conn.query(sql, nil, func(st *sqlite.Stmt) { e.id = max(e.id, st.ColumnInt64(0)) })
	}
	return nil
}

// numbered is the key field that the store numbers, or nil.
func numbered(c *schema.Class) *schema.Field {
	if len(c.Key) == 1 && c.Key[0].Auto == schema.AutoID {
		return c.Key[0]
	}
	return nil
}

// bump counts a change of a class and returns the version of the row it made.
func (l *ledger) bump(names *sqlgen.Names, class *schema.Class) (int64, error) {
	e, err := l.entry(names, class)
	if err != nil {
		return 0, err
	}
	e.n++
	e.moved = true
	return e.n, nil
}

// nextID gives out a key.
func (l *ledger) nextID(names *sqlgen.Names, class *schema.Class) (int64, error) {
	e, err := l.entry(names, class)
	if err != nil {
		return 0, err
	}
	if e.id == math.MaxInt64 {
		return 0, storage.ErrTooLarge
	}
	e.id++
	return e.id, nil
}

// counter returns the value of a change counter within the transaction.
func (l *ledger) counter(class *schema.Class) (n int64, ok bool) {
	for i := range l.entries {
		if e := &l.entries[i]; e.class == class || e.class.Table == class.Table {
			return e.n, e.moved
		}
	}
	return 0, false
}

// flush writes what has moved; a commit follows.
func (l *ledger) flush() error {
	for i := range l.entries {
		e := &l.entries[i]
		if !e.moved {
			continue
		}
		err := l.conn.do("insert into _dowel_counters (name, n, id) values (?1, ?2, ?3) on conflict (name) do update set n = excluded.n, id = excluded.id",
			schema.NewText(e.class.Table), schema.NewInt(e.n), schema.NewInt(e.id))
		if err != nil {
			return err
		}
	}
	return nil
}

// mark returns what undo needs to take the ledger back to this moment.
func (l *ledger) mark(to []entry) []entry { return append(to[:0], l.entries...) }

// undo forgets what has moved since the mark.
func (l *ledger) undo(mark []entry) { l.entries = append(l.entries[:0], mark...) }

// reset begins with a new SQLite transaction.
func (l *ledger) reset() { l.entries = l.entries[:0] }
