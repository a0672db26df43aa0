package sqlite

import (
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Deletions walk the references themselves, as the contract wants versions and
// counters of every row that is touched; the foreign keys of the tables are a
// second line of defence.

// place names one row of the file. Key is what references to it hold.
type place struct {
	class *schema.Class
	rowid int64
	key   schema.Value
}

// rowidColumn cannot be the name of a field.
const rowidColumn = "_rowid_"

// refused reports the live rows that forbid the soft deletion of a row. A row
// does not hold on to itself.
func (a *apply) refused() error {
	if err := a.whyNot(); err != nil {
		return err
	}
	for _, f := range a.model.Around(a.Class).References {
		if f.Ref.OnDelete != schema.Restrict {
			continue
		}
		t := a.model.Names.Table(f.Class)
		sql := "select count(*) from " + t.Name + " as t0 where t0" + t.Columns[f.Index] + " = +?1"
		if t.Live != "" {
			sql += " and t0" + t.Live
		}
		if f.Class == a.Class {
			sql += " and t0" + t.Columns[a.Class.Key[0].Index] + " <> +?1"
		}
		var n int64
		if err := a.conn.query(sql, a.Key[:1], func(st *sqlite.Stmt) { n = st.ColumnInt64(0) }); err != nil {
			return err
		}
		if n > 0 {
			return &storage.ReferencedError{By: f, Count: n}
		}
	}
	return nil
}

// delete removes a row for good, with all that goes along.
func (a *apply) delete() (*storage.Row, error) {
	if err := a.whyNot(); err != nil {
		return nil, err
	}
	row, err := a.answer()
	if err != nil {
		return nil, err
	}
	d := deletion{tx: a.tx, going: map[place]bool{}}
	if err := d.begin(a.Class, a.Key, a.table); err != nil {
		return nil, err
	}
	if err := d.restricted(); err != nil {
		return nil, err
	}
	a.wrote = true
	if err := d.loosen(); err != nil {
		return nil, err
	}
	for _, p := range d.order {
		if err := d.unlink(p); err != nil {
			return nil, err
		}
	}
	return row, d.remove()
}

// deletion is one Delete with the rows that go along.
type deletion struct {
	*tx
	going map[place]bool
	order []place
}

// begin works out the rows that go: those that cascade, and soft-deleted ones
// that would otherwise restrict.
func (d *deletion) begin(class *schema.Class, key []schema.Value, t *sqlgen.Table) error {
	sql := "select " + rowidColumn + ", " + t.Bare[class.Key[0].Index] + " from " + t.Name + " where "
	for i, f := range class.Key {
		if i > 0 {
			sql += " and "
		}
		sql += t.Bare[f.Index] + " = +?" + string(rune('1'+i))
	}
	if err := d.find(class, sql, key...); err != nil {
		return err
	}
	for i := 0; i < len(d.order); i++ {
		p := d.order[i]
		for _, f := range d.model.Around(p.class).References {
			child := d.model.Names.Table(f.Class)
			if f.Ref.OnDelete == schema.SetNull || f.Ref.OnDelete == schema.Restrict && child.Live == "" {
				continue
			}
			sql := pointing(child, f)
			if f.Ref.OnDelete == schema.Restrict {
				sql += " and t0" + child.Dead
			}
			if err := d.find(f.Class, sql, p.key); err != nil {
				return err
			}
		}
	}
	return nil
}

// pointing selects the rows whose reference f holds a key.
func pointing(t *sqlgen.Table, f *schema.Field) string {
	return "select t0." + rowidColumn + ", t0" + t.Columns[t.Class.Key[0].Index] + " from " + t.Name + " as t0 where t0" + t.Columns[f.Index] + " = +?1"
}

// find adds the rows a statement yields.
func (d *deletion) find(class *schema.Class, sql string, args ...schema.Value) error {
	places, err := d.places(class, sql, args...)
	for _, p := range places {
		if !d.going[p] {
			d.going[p] = true
			d.order = append(d.order, p)
		}
	}
	return err
}

func (d *deletion) places(class *schema.Class, sql string, args ...schema.Value) (out []place, err error) {
	kind := class.Key[0].Type.Kind()
	err = d.conn.query(sql, args, func(st *sqlite.Stmt) {
		out = append(out, place{class, st.ColumnInt64(0), keyValue(st, 1, kind)})
	})
	return out, err
}

// restricted refuses the deletion when a row that stays depends on one that goes.
func (d *deletion) restricted() error {
	for _, c := range d.model.Schema.Classes {
		for _, f := range c.Fields {
			if f.Ref == nil || f.Ref.OnDelete != schema.Restrict {
				continue
			}
			n, err := d.staying(f)
			if err != nil {
				return err
			}
			if n > 0 {
				return &storage.ReferencedError{By: f, Count: n}
			}
		}
	}
	return nil
}

// staying counts the rows outside the deletion that point into it with f.
func (d *deletion) staying(f *schema.Field) (n int64, err error) {
	t := d.model.Names.Table(f.Class)
	among := slices.ContainsFunc(d.order, func(p place) bool { return p.class == f.Class })
	for _, p := range d.order {
		if p.class != f.Ref.To {
			continue
		}
		if among {
			places, err := d.places(f.Class, pointing(t, f), p.key)
			if err != nil {
				return 0, err
			}
			for _, child := range places {
				if !d.going[child] {
					n++
				}
			}
			continue
		}
		sql := "select count(*) from " + t.Name + " where " + t.Bare[f.Index] + " = +?1"
		if err := d.conn.query(sql, []schema.Value{p.key}, func(st *sqlite.Stmt) { n += st.ColumnInt64(0) }); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// loosen clears the set_null references to rows that go: one write a row.
func (d *deletion) loosen() error {
	cleared := map[place][]*schema.Field{}
	var places []place
	for _, p := range d.order {
		for _, f := range d.model.Around(p.class).References {
			if f.Ref.OnDelete != schema.SetNull {
				continue
			}
			children, err := d.places(f.Class, pointing(d.model.Names.Table(f.Class), f), p.key)
			if err != nil {
				return err
			}
			for _, child := range children {
				if d.going[child] {
					continue
				}
				if cleared[child] == nil {
					places = append(places, child)
				}
				if !slices.Contains(cleared[child], f) {
					cleared[child] = append(cleared[child], f)
				}
			}
		}
	}
	for _, p := range places {
		if err := d.clear(p, cleared[p]); err != nil {
			return err
		}
	}
	return nil
}

// clear sets references of a row to null, which is a write of that row and subject to its checks.
func (d *deletion) clear(p place, fields []*schema.Field) error {
	version, err := d.bump(p.class)
	if err != nil {
		return err
	}
	t := d.model.Names.Table(p.class)
	sql := "update " + t.Name + " set " + t.Version[1:] + " = ?1"
	for _, f := range fields {
		sql += ", " + t.Bare[f.Index] + " = null"
	}
	if err := d.conn.do(sql+" where "+rowidColumn+" = ?2", schema.NewInt(version), schema.NewInt(p.rowid)); err != nil {
		return err
	}
	if err := d.ungrouped(p, fields); err != nil {
		return err
	}
	for _, check := range p.class.Checks {
		pr := d.print()
		t0 := pr.NewAlias()
		pr.Put("select ")
		pr.Truth(check.Where, t0)
		pr.Put(" from ")
		pr.From(t, t0)
		pr.Put(" where t0." + rowidColumn + " = ")
		pr.Arg(schema.NewInt(p.rowid))
		holds := true
		if err := d.oneRow(func(st *sqlite.Stmt) { holds = st.ColumnInt64(0) != 0 }); err != nil {
			return err
		}
		if !holds {
			return &storage.CheckError{Check: check}
		}
	}
	return nil
}

// unlink removes the links of a row that goes. Losing a link is a write of the
// row that owned it.
func (d *deletion) unlink(p place) error {
	near := d.model.Around(p.class)
	for _, f := range near.Manys {
		link := d.model.Names.Link(f)
		if err := d.conn.do("delete from "+link.Name+" where "+link.Own[1:]+" = +?1", p.key); err != nil {
			return err
		}
		if d.conn.db.Changes() > 0 {
			if _, err := d.bump(f.Many.To); err != nil {
				return err
			}
		}
	}
	for _, f := range near.Links {
		link := d.model.Names.Link(f)
		owners, err := d.keys("select "+link.Own[1:]+" from "+link.Name+" where "+link.Other[1:]+" = +?1", f.Class, p.key)
		if err != nil {
			return err
		}
		if err := d.conn.do("delete from "+link.Name+" where "+link.Other[1:]+" = +?1", p.key); err != nil {
			return err
		}
		for _, owner := range owners {
			if err := d.touch(f.Class, owner); err != nil {
				return err
			}
		}
	}
	return nil
}

// touch moves a row to a new version.
func (t *tx) touch(class *schema.Class, key schema.Value) error {
	version, err := t.bump(class)
	if err != nil {
		return err
	}
	table := t.model.Names.Table(class)
	return t.conn.do("update "+table.Name+" set "+table.Version[1:]+" = ?1 where "+table.Bare[class.Key[0].Index]+" = +?2", schema.NewInt(version), key)
}

// remove deletes the rows, those that point before those they point at. Foreign keys
// tell when one comes too early: it waits for the next round. The rest point at
// each other in circles and go at once: their keys are looked at when all are gone.
func (d *deletion) remove() error {
	rest := slices.Clone(d.order)
	slices.Reverse(rest)
	for len(rest) > 0 {
		later, err := d.round(rest)
		if err != nil {
			return err
		}
		if len(later) == len(rest) {
			if err := d.foreign(rest); err != nil {
				return err
			}
			return d.circle(rest)
		}
		rest = later
	}
	return nil
}

// round deletes what can go now and returns what comes later.
func (d *deletion) round(places []place) (later []place, err error) {
	for _, p := range places {
		t := d.model.Names.Table(p.class)
		err := d.conn.do("delete from "+t.Name+" where "+rowidColumn+" = ?1", schema.NewInt(p.rowid))
		if isForeignKey(err) {
			later = append(later, p)
			continue
		}
		if err != nil {
			return nil, err
		}
		if _, err := d.bump(p.class); err != nil {
			return nil, err
		}
	}
	return later, nil
}

// foreign reports rows that are pointed at from a table the schema does not
// know, such as that of a class that was taken out of it.
func (d *deletion) foreign(places []place) error {
	for _, p := range places {
		type column struct{ table, name string }
		var columns []column
		err := d.conn.query(`select m.name, f."from" from sqlite_schema as m join pragma_foreign_key_list(m.name) as f where m.type = 'table' and f."table" = ?1`,
			[]schema.Value{schema.NewText(p.class.Table)}, func(st *sqlite.Stmt) {
				columns = append(columns, column{st.ColumnText(0), st.ColumnText(1)})
			})
		if err != nil {
			return err
		}
		for _, c := range columns {
			if d.model.HasColumn(c.table, c.name) {
				continue
			}
			found := false
			sql := "select 1 from " + sqlgen.Quote(c.table) + " where " + sqlgen.Quote(c.name) + " = +?1 limit 1"
			if err := d.conn.query(sql, []schema.Value{p.key}, func(*sqlite.Stmt) { found = true }); err != nil {
				return err
			}
			if found {
				return fmt.Errorf("a row of table %s, which is not in the schema, refers to a row of %s", c.table, p.class.Table)
			}
		}
	}
	return nil
}

func (d *deletion) circle(places []place) error {
	if err := d.conn.do("pragma defer_foreign_keys = on"); err != nil {
		return err
	}
	if _, err := d.round(places); err != nil {
		return err
	}
	return d.conn.do("pragma defer_foreign_keys = off")
}
