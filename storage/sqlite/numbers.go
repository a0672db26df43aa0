package sqlite

import (
	"math"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Numbers of auto=sequence fields are counted in _dowel_sequences, a row for each field and group.

// sequence takes the next number of a group, or notes one that was set outright.
func (a *apply) sequence(s storage.Assign, values []schema.Value) (schema.Value, error) {
	given := values[s.Field.Index]
	if !s.Sequence && given.IsNull() {
		return given, nil
	}
	var per schema.Value
	if s.Field.Per != nil {
		per = values[s.Field.Per.Index]
	}
	if !s.Sequence {
		return given, a.note(s.Field, per, given)
	}
	last, err := a.lastNumber(s.Field, per)
	if err != nil {
		return given, err
	}
	if last == math.MaxInt64 {
		return given, storage.ErrTooLarge
	}
	next := schema.NewInt(last + 1)
	return next, a.note(s.Field, per, next)
}

// counted names the row of a group; null is a group of its own.
func counted(f *schema.Field, per schema.Value) (name, group schema.Value) {
	name, group = schema.NewText(f.Class.Table+"."+f.Column), schema.NewText("")
	if !per.IsNull() {
		group = schema.NewText("=" + per.String())
	}
	return name, group
}

// note makes a group go on above a number.
func (t *tx) note(f *schema.Field, per, number schema.Value) error {
	name, group := counted(f, per)
	return t.conn.do("insert into _dowel_sequences (name, per, n) values (?1, ?2, ?3) on conflict (name, per) do update set n = max(n, excluded.n)", name, group, number)
}

// lastNumber is the highest number of a group so far. A group that was never
// counted starts above the rows it has, should others have put them in.
func (a *apply) lastNumber(f *schema.Field, per schema.Value) (last int64, err error) {
	name, group := counted(f, per)
	found := false
	err = a.conn.query("select n from _dowel_sequences where name = ?1 and per = ?2", []schema.Value{name, group}, func(st *sqlite.Stmt) {
		last, found = st.ColumnInt64(0), true
	})
	if err != nil || found {
		return last, err
	}
	sql := "select coalesce(max(" + a.table.Bare[f.Index] + "), 0) from " + a.table.Name
	var args []schema.Value
	if f.Per != nil {
		sql += " where " + a.table.Bare[f.Per.Index] + " is +?1"
		args = append(args, per)
	}
	err = a.conn.query(sql, args, func(st *sqlite.Stmt) { last = max(st.ColumnInt64(0), 0) })
	return last, err
}

// group reads the groups of sequences that an update numbers anew without setting them.
func (a *apply) group(values []schema.Value) error {
	for _, s := range a.Set {
		per := s.Field.Per
		if s.Field.Auto != schema.AutoSequence || per == nil {
			continue
		}
		page, err := a.conn.page(&storage.Query{Class: a.Class, Key: a.Key, Deleted: a.Deleted, Limit: -1, Columns: []storage.Column{{Field: per}}})
		if err != nil {
			return err
		}
		if len(page.Rows) > 0 {
			values[per.Index] = page.Rows[0].Values[per.Index]
		}
	}
	return nil
}

// moved notes the numbers that the row takes along into other groups.
func (a *apply) moved(values []schema.Value) error {
	for _, f := range a.Class.Fields {
		if f.Auto != schema.AutoSequence || f.Per == nil || !a.isSet(f.Per) || a.isSet(f) { // which sequence has noted
			continue
		}
		page, err := a.conn.page(&storage.Query{Class: a.Class, Key: a.Key, Deleted: storage.WithDeleted, Limit: -1, Columns: []storage.Column{{Field: f}}})
		if err != nil {
			return err
		}
		if len(page.Rows) == 0 || page.Rows[0].Values[f.Index].IsNull() {
			continue
		}
		if err := a.note(f, values[f.Per.Index], page.Rows[0].Values[f.Index]); err != nil {
			return err
		}
	}
	return nil
}

// ungrouped notes the number of a row whose references are null now, if it is counted by one of them.
func (d *deletion) ungrouped(p place, cleared []*schema.Field) error {
	t := d.model.Names.Table(p.class)
	for _, f := range p.class.Fields {
		if f.Auto != schema.AutoSequence || f.Per == nil || !slices.Contains(cleared, f.Per) {
			continue
		}
		var number schema.Value
		err := d.conn.query("select "+t.Bare[f.Index]+" from "+t.Name+" where "+rowidColumn+" = ?1", []schema.Value{schema.NewInt(p.rowid)}, func(st *sqlite.Stmt) {
			if st.ColumnType(0) != sqlite.TypeNull {
				number = schema.NewInt(st.ColumnInt64(0))
			}
		})
		if err != nil {
			return err
		}
		if number.IsNull() {
			continue
		}
		if err := d.note(f, schema.Value{}, number); err != nil {
			return err
		}
	}
	return nil
}
