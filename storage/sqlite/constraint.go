package sqlite

import (
	"zombiezen.com/go/sqlite"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// broken gives the error of a failed insert or update its meaning. SQLite judges
// unique indexes and references only; checks come before both, so they are
// judged on the row as it would have been. inserted has all values of a new
// row; otherwise updated has those that were to be set.
func (a *apply) broken(err error, inserted func(int) schema.Value, updated []schema.Value) error {
	unique := uniqueError(a.Class, err)
	if foreign := checkError(err); foreign != nil {
		return foreign
	}
	if unique == nil && !isForeignKey(err) {
		return err
	}
	if failed := a.wouldFail(inserted, updated); failed != nil {
		return failed
	}
	if unique != nil {
		return unique
	}
	for _, s := range a.Set {
		f := s.Field
		if f.Ref == nil || s.Value.IsNull() {
			continue
		}
		found, failed := a.exists(f.Ref.To, s.Value)
		if failed != nil {
			return failed
		}
		if !found {
			return &storage.ReferenceError{Field: f}
		}
	}
	return oddReference
}

// wouldFail evaluates the checks of the class on a row that could not be stored.
func (a *apply) wouldFail(inserted func(int) schema.Value, updated []schema.Value) error {
	for _, check := range a.Class.Checks {
		p := a.print()
		t0, src := p.NewAlias(), p.NewAlias()
		p.Put("select ")
		p.Truth(check.Where, t0)
		p.Put(" from (select ")
		first := true
		for i, col := range a.table.Bare {
			if col == "" {
				continue
			}
			if !first {
				p.Put(", ")
			}
			first = false
			switch {
			case inserted != nil:
				p.Arg(inserted(i))
			case a.isSet(a.Class.Fields[i]):
				p.Arg(updated[i])
			default:
				p.Column(src, a.table.Columns[i])
			}
			p.Put(" as ")
			p.Put(col)
		}
		if inserted == nil {
			p.Put(" from ")
			p.From(a.table, src)
			p.Row(a.Key, storage.WithDeleted, a.table, src)
		}
		p.Put(") as t0")
		holds := true
		if err := a.oneRow(func(st *sqlite.Stmt) { holds = st.ColumnInt64(0) != 0 }); err != nil {
			return err
		}
		if !holds {
			return &storage.CheckError{Check: check}
		}
	}
	return nil
}

func (a *apply) isSet(f *schema.Field) bool {
	if a.Op == storage.Restore && f == a.Class.DeletedAt {
		return true
	}
	for _, s := range a.Set {
		if s.Field == f && !isKey(a.Class, f) {
			return true
		}
	}
	return false
}

// exists reports whether a row has this key, softly deleted or not.
func (t *tx) exists(class *schema.Class, key schema.Value) (found bool, err error) {
	table := t.model.Names.Table(class)
	err = t.conn.query("select 1 from "+table.Name+" where "+table.Bare[class.Key[0].Index]+" = +?1", []schema.Value{key},
		func(*sqlite.Stmt) { found = true })
	return found, err
}

// link changes the sets of links; only what differs is written. Each moves the
// counter of the class it leads to; the row's own version has moved already.
func (a *apply) link() error {
	for i := range a.Links {
		if err := a.linkOne(&a.Links[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *apply) linkOne(l *storage.Links) error {
	link := a.model.Names.Link(l.Field)
	own := a.Key[0]
	remove, add := l.Remove, l.Add
	if l.Replace {
		present, err := a.linked(link, own)
		if err != nil {
			return err
		}
		remove = without(present, l.Add)
		add = without(l.Add, present)
	}
	for _, item := range remove {
		if err := a.conn.do("delete from "+link.Name+" where "+link.Own[1:]+" = +?1 and "+link.Other[1:]+" = +?2", own, item); err != nil {
			return err
		}
	}
	for _, item := range add {
		err := a.conn.do("insert into "+link.Name+" ("+link.Own[1:]+", "+link.Other[1:]+") values (?1, ?2) on conflict do nothing", own, item)
		if isForeignKey(err) {
			return &storage.ReferenceError{Field: l.Field}
		}
		if err != nil {
			return err
		}
	}
	_, err := a.bump(l.Field.Many.To)
	return err
}

// linked returns the keys in the set of links of a row.
func (t *tx) linked(link *sqlgen.Link, own schema.Value) ([]schema.Value, error) {
	return t.keys("select "+link.Other[1:]+" from "+link.Name+" where "+link.Own[1:]+" = +?1", link.Field.Many.To, own)
}

// keys runs a statement that yields keys of a class.
func (t *tx) keys(sql string, of *schema.Class, args ...schema.Value) (keys []schema.Value, err error) {
	kind := of.Key[0].Type.Kind()
	err = t.conn.query(sql, args, func(st *sqlite.Stmt) { keys = append(keys, keyValue(st, 0, kind)) })
	return keys, err
}

func keyValue(st *sqlite.Stmt, col int, kind schema.Kind) schema.Value {
	switch {
	case st.ColumnIsNull(col):
		return schema.Value{}
	case kind == schema.Text:
		return schema.NewText(st.ColumnText(col))
	case kind == schema.Bool:
		return schema.NewBool(st.ColumnBool(col))
	}
	return schema.NewInt(st.ColumnInt64(col))
}

// without returns the values of a that are not in b.
func without(a, b []schema.Value) []schema.Value {
	in := make(map[schema.Value]bool, len(b))
	for _, v := range b {
		in[v] = true
	}
	var out []schema.Value
	for _, v := range a {
		if !in[v] {
			out = append(out, v)
		}
	}
	return out
}
