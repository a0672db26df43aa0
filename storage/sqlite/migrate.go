package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Migrate compares the tables with a schema. Steps that keep every value are
// safe; with apply they are run, all in one transaction, and what is left is returned.
func (s *Store) Migrate(ctx context.Context, to *schema.Schema, apply bool) (pending []storage.Step, err error) {
	err = s.altering(ctx, func(c *conn) error {
		steps, err := compare(c, to)
		if err != nil {
			return err
		}
		for _, step := range steps {
			switch {
			case !apply || !step.Safe:
				pending = append(pending, step)
			default:
				if err := c.script(step.SQL); err != nil {
					return fmt.Errorf("%s: %w", step.Text, err)
				}
			}
		}
		if !apply {
			return nil
		}
		return rememberKinds(c, to)
	})
	return pending, err
}

// Alter runs the SQL of steps that Migrate left because they may lose data, in
// one transaction.
func (s *Store) Alter(ctx context.Context, steps []storage.Step) error {
	return s.altering(ctx, func(c *conn) error {
		for _, step := range steps {
			if step.SQL == "" {
				return fmt.Errorf("cannot %s", step.Text)
			}
			if err := c.script(step.SQL); err != nil {
				return fmt.Errorf("%s: %w", step.Text, err)
			}
		}
		return nil
	})
}

// altering runs fn on a connection of its own in a transaction in which tables
// may be replaced: references are looked at when it is over.
func (s *Store) altering(ctx context.Context, fn func(*conn) error) error {
	if s.isClosed() {
		return errClosed
	}
	o := s.options
	o.Timeout = -1
	c, err := openConn(s.path, o, s.watch, true)
	if err != nil {
		return unavailable(err)
	}
	defer c.close()
	c.watch.remove(c) // a large table may take its time
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, sql := range []string{"pragma foreign_keys = off", "begin immediate"} {
		if err := c.do(sql); err != nil {
			return unavailable(err)
		}
	}
	err = fn(c)
	if err == nil {
		err = checkReferences(c)
	}
	if err != nil {
		return errors.Join(err, c.do("rollback"))
	}
	if err := c.do("commit"); err != nil {
		return errors.Join(unavailable(err), c.do("rollback"))
	}
	return nil
}

func checkReferences(c *conn) (err error) {
	broken := ""
	failed := c.query("pragma foreign_key_check", nil, func(st *sqlite.Stmt) {
		if broken == "" {
			broken = fmt.Sprintf("row %d of %s refers to a row of %s that is not there", st.ColumnInt64(1), st.ColumnText(0), st.ColumnText(2))
		}
	})
	if failed == nil && broken != "" {
		return errors.New(broken)
	}
	return failed
}

// rememberKinds notes what the columns mean, for the next comparison. A column that waits for an unsafe
// step keeps its old meaning.
func rememberKinds(c *conn, s *schema.Schema) error {
	for _, t := range desiredTables(s) {
		for _, col := range t.columns {
			err := c.do("insert into _dowel_columns (name, col, kind) values (?1, ?2, ?3) on conflict do nothing",
				schema.NewText(t.name), schema.NewText(col.name), schema.NewText(col.kind))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// present is the database as it is.
type present struct {
	conn    *conn
	tables  map[string]*tableDef
	indexes map[string]indexDef // ours
}

func compare(c *conn, s *schema.Schema) ([]storage.Step, error) {
	p := present{conn: c, tables: map[string]*tableDef{}, indexes: map[string]indexDef{}}
	if err := p.load(); err != nil {
		return nil, err
	}
	d := differ{present: p}
	desired := desiredTables(s)
	d.renameTables(s)
	for i := range desired {
		if err := d.table(&desired[i]); err != nil {
			return nil, err
		}
	}
	d.leftovers(desired)
	if err := d.allIndexes(desired, desiredIndexes(s)); err != nil {
		return nil, err
	}
	return d.steps, nil
}

func (p *present) load() error {
	var names []string
	err := p.conn.query("select type, name, tbl_name, coalesce(sql, '') from sqlite_schema where type in ('table', 'index') order by rowid", nil, func(st *sqlite.Stmt) {
		name, sql := st.ColumnText(1), st.ColumnText(3)
		switch {
		case strings.HasPrefix(name, "sqlite_"), name == "_dowel_counters", name == "_dowel_sequences", name == "_dowel_columns":
		case st.ColumnText(0) == "table":
			names = append(names, name)
		case strings.HasPrefix(name, uniquePrefix), strings.HasPrefix(name, indexPrefix):
			p.indexes[name] = indexDef{name: name, table: st.ColumnText(2), sql: sql}
		}
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		t, err := p.loadTable(name)
		if err != nil {
			return err
		}
		p.tables[name] = t
	}
	return nil
}

func (p *present) loadTable(name string) (*tableDef, error) {
	t := &tableDef{name: name, stored: name}
	keys := map[int64]string{}
	table := []schema.Value{schema.NewText(name)}
	err := p.conn.query(`select name, type, "notnull", pk, coalesce(dflt_value, '') from pragma_table_info(?1)`, table, func(st *sqlite.Stmt) {
		t.columns = append(t.columns, columnDef{
			name: st.ColumnText(0), stored: st.ColumnText(0), typ: strings.ToUpper(st.ColumnText(1)), notNull: st.ColumnBool(2), def: st.ColumnText(4),
		})
		if pk := st.ColumnInt64(3); pk > 0 {
			keys[pk] = st.ColumnText(0)
		}
	})
	if err != nil {
		return nil, err
	}
	for i := range int64(len(keys)) {
		t.key = append(t.key, keys[i+1])
	}
	for _, col := range t.columns {
		t.link = t.link || col.name == sqlgen.VersionColumn
	}
	t.link = !t.link
	err = p.conn.query(`select "from", "table", coalesce("to", '') from pragma_foreign_key_list(?1)`, table, func(st *sqlite.Stmt) {
		if col := t.column(st.ColumnText(0)); col != nil {
			col.refers, col.refCol = st.ColumnText(1), st.ColumnText(2)
		}
	})
	if err != nil {
		return nil, err
	}
	return t, p.conn.query("select col, kind from _dowel_columns where name = ?1", table, func(st *sqlite.Stmt) {
		if col := t.column(st.ColumnText(0)); col != nil {
			col.kind = st.ColumnText(1)
		}
	})
}

// differ collects the steps from what is to what should be.
type differ struct {
	present
	steps []storage.Step
}

func (d *differ) add(safe bool, sql, format string, args ...any) {
	d.steps = append(d.steps, storage.Step{Text: fmt.Sprintf(format, args...), SQL: sql, Safe: safe})
}

// renameTables moves the tables of classes that were called something else.
func (d *differ) renameTables(s *schema.Schema) {
	for _, c := range s.Classes {
		if c.Was == "" || d.tables[c.Table] != nil {
			continue
		}
		for _, old := range []string{schema.Plural(c.Was), c.Was} {
			t := d.tables[old]
			if t == nil || t.link {
				continue
			}
			d.add(true, renameTable(old, c.Table), "rename table %s to %s", old, c.Table)
			delete(d.tables, old)
			t.name = c.Table
			d.tables[c.Table] = t
			for name, x := range d.indexes { // the rename takes them along under their old names
				if x.table == old {
					x.table = c.Table
					d.indexes[name] = x
				}
			}
			for _, other := range d.tables {
				for i := range other.columns {
					if other.columns[i].refers == old {
						other.columns[i].refers = c.Table
					}
				}
			}
			break
		}
	}
}

func renameTable(old, name string) string {
	sql := "alter table " + sqlgen.Quote(old) + " rename to " + sqlgen.Quote(name)
	for _, system := range []string{"_dowel_counters", "_dowel_columns"} {
		sql += ";\nupdate " + system + " set name = " + literal(name) + " where name = " + literal(old)
	}
	return sql + ";\nupdate _dowel_sequences set name = " + literal(name+".") + " || substr(name, " + strconv.Itoa(len(old)+2) + ") where name like " + literal(old+".%")
}

// literal is a text as SQL. It is used for names of the schema only.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// table brings one table up to its definition.
func (d *differ) table(want *tableDef) error {
	have := d.tables[want.name]
	if have == nil {
		d.add(true, want.create(want.name), "create table %s", want.name)
		return nil
	}
	c := change{differ: d, have: have, want: want}
	return c.compare()
}

// leftovers lists tables of ours that no class has any more.
func (d *differ) leftovers(desired []tableDef) {
	var names []string
	for name := range d.tables {
		wanted := slices.ContainsFunc(desired, func(t tableDef) bool { return t.name == name })
		if !wanted && d.isOurs(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		d.add(false, "drop table "+sqlgen.Quote(name)+";\ndelete from _dowel_columns where name = "+literal(name), "drop table %s, which no class has any more", name)
	}
}

// isOurs reports whether a table was made by an earlier revision of the schema.
func (d *differ) isOurs(table string) bool {
	found := false
	if t := d.tables[table]; t != nil {
		table = t.stored
	}
	err := d.conn.query("select 1 from _dowel_columns where name = ?1 limit 1", []schema.Value{schema.NewText(table)}, func(*sqlite.Stmt) { found = true })
	return err == nil && found
}

// allIndexes makes those that are missing and drops those that are no longer wanted.
func (d *differ) allIndexes(tables []tableDef, desired []indexDef) error {
	var old []string
	for name, x := range d.indexes {
		i := slices.IndexFunc(desired, func(y indexDef) bool { return y.name == name })
		ours := slices.ContainsFunc(tables, func(t tableDef) bool { return t.name == x.table }) && d.isOurs(x.table)
		if i < 0 && ours || i >= 0 && desired[i].sql != x.sql {
			old = append(old, name)
		}
	}
	slices.Sort(old)
	for _, name := range old {
		d.add(true, "drop index if exists "+sqlgen.Quote(name), "drop index %s", name)
		delete(d.indexes, name)
	}
	for _, x := range desired {
		if _, there := d.indexes[x.name]; there {
			continue
		}
		n, err := d.duplicates(x)
		if err != nil {
			return err
		}
		if n > 0 {
			d.add(false, x.sql, "create unique index %s: %d values occur more than once", x.name, n)
			continue
		}
		d.add(true, x.sql, "create index %s", x.name)
	}
	return nil
}

// duplicates counts the values that keep a unique index from being made.
func (d *differ) duplicates(x indexDef) (n int64, err error) {
	have := d.tables[x.table]
	if have == nil || !x.unique {
		return 0, nil
	}
	var by, conditions []string
	for i, name := range x.columns {
		col := have.column(name)
		if col == nil {
			return 0, nil // it comes with this migration and is empty
		}
		stored := sqlgen.Quote(col.stored)
		conditions = append(conditions, stored+" is not null")
		if x.folds[i] {
			stored += " collate nocase"
		}
		by = append(by, stored)
	}
	if col := have.column(x.live); col != nil {
		conditions = append(conditions, sqlgen.Quote(col.stored)+" is null")
	}
	sql := "select count(*) from (select 1 from " + sqlgen.Quote(have.stored) + " where " + strings.Join(conditions, " and ") + " group by " + strings.Join(by, ", ") + " having count(*) > 1)"
	err = d.conn.query(sql, nil, func(st *sqlite.Stmt) { n = st.ColumnInt64(0) })
	return n, err
}

// change is the way of one table from what it is to what it should be. Most of
// it is done by altering the table; the rest by copying it into a new one.
type change struct {
	*differ
	have, want *tableDef
	// target is the table after the safe steps; copied says that it takes a copy to get there, for these reasons.
	target tableDef
	copied []string
}

func (c *change) compare() error {
	if same(c.have, c.want) {
		return nil
	}
	rows, err := c.count("true", 1)
	if err != nil {
		return err
	}
	if rows == 0 {
		c.add(true, "drop table "+sqlgen.Quote(c.have.name)+";\ndelete from _dowel_columns where name = "+literal(c.have.name)+";\n"+c.want.create(c.want.name), "make the empty table %s anew", c.want.name)
		c.forgetIndexes()
		return nil
	}
	c.renameColumns()
	c.target = tableDef{name: c.have.name, key: c.have.key, link: c.want.link, columns: slices.Clone(c.have.columns)}
	for i := range c.want.columns {
		if err := c.column(&c.want.columns[i]); err != nil {
			return err
		}
	}
	if !slices.Equal(c.have.key, c.want.key) {
		c.add(false, "", "change the key of %s from (%s) to (%s)", c.want.name, strings.Join(c.have.key, ", "), strings.Join(c.want.key, ", "))
	}
	unwanted := c.unwanted()
	if len(c.copied) > 0 {
		c.add(true, c.copySQL(c.target, nil), "copy table %s: %s", c.want.name, strings.Join(c.copied, "; "))
		c.forgetIndexes()
	}
	for _, name := range unwanted {
		n, err := c.count(sqlgen.Quote(c.have.column(name).stored)+" is not null", -1)
		if err != nil {
			return err
		}
		less := c.target
		less.columns = slices.DeleteFunc(slices.Clone(less.columns), func(col columnDef) bool { return col.name == name })
		c.add(false, c.copySQL(less, nil)+";\ndelete from _dowel_columns where name = "+literal(c.want.name)+" and col = "+literal(name), "drop column %s.%s, which has %d values", c.want.name, name, n)
	}
	return nil
}

// same reports whether a table needs no change at all.
func same(have, want *tableDef) bool {
	if len(have.columns) != len(want.columns) || !slices.Equal(have.key, want.key) {
		return false
	}
	for i := range want.columns {
		w := &want.columns[i]
		h := have.column(w.name)
		if h == nil || h.differs(w) {
			return false
		}
	}
	return true
}

func (c *columnDef) differs(w *columnDef) bool {
	return c.typ != w.typ || c.notNull != w.notNull || c.refers != w.refers || c.kind != "" && c.kind != w.kind
}

// forgetIndexes notes that the indexes of the table went with it.
func (c *change) forgetIndexes() {
	for name, x := range c.indexes {
		if x.table == c.want.name {
			delete(c.indexes, name)
		}
	}
}

func (c *change) count(condition string, limit int) (n int64, err error) {
	sql := "select count(*) from (select 1 from " + sqlgen.Quote(c.have.stored) + " where " + condition
	if limit > 0 {
		sql += " limit " + strconv.Itoa(limit)
	}
	err = c.conn.query(sql+")", nil, func(st *sqlite.Stmt) { n = st.ColumnInt64(0) })
	return n, err
}

func (c *change) renameColumns() {
	for _, w := range c.want.columns {
		if w.field == nil || w.field.Was == "" || c.have.column(w.name) != nil {
			continue
		}
		for _, old := range []string{w.field.Was, w.field.Was + strings.TrimPrefix(w.name, w.field.Name)} {
			h := c.have.column(old)
			if h == nil || c.want.column(old) != nil {
				continue
			}
			c.add(true, "alter table "+sqlgen.Quote(c.want.name)+" rename column "+sqlgen.Quote(old)+" to "+sqlgen.Quote(w.name)+
				";\nupdate _dowel_columns set col = "+literal(w.name)+" where name = "+literal(c.want.name)+" and col = "+literal(old),
				"rename column %s.%s to %s", c.want.name, old, w.name)
			h.name = w.name
			for i, k := range c.have.key {
				if k == old {
					c.have.key[i] = w.name
				}
			}
			break
		}
	}
}

// column brings one column up to its definition.
func (c *change) column(w *columnDef) error {
	h := c.have.column(w.name)
	if h == nil {
		return c.newColumn(w)
	}
	at := c.target.column(w.name)
	if h.typ != w.typ || h.kind != "" && h.kind != w.kind {
		changed := c.target
		changed.columns = slices.Clone(changed.columns)
		*changed.column(w.name) = *w
		c.add(false, c.copySQL(changed, map[string]string{w.name: conversion(h, w)})+
			";\nupdate _dowel_columns set kind = "+literal(w.kind)+" where name = "+literal(c.want.name)+" and col = "+literal(w.name),
			"change %s.%s from %s to %s", c.want.name, w.name, word(h), word(w))
		return nil
	}
	if h.refers != w.refers {
		if err := c.reference(h, w, at); err != nil {
			return err
		}
	}
	switch {
	case h.notNull && !w.notNull:
		at.notNull = false
		c.copied = append(c.copied, w.name+" becomes optional")
	case !h.notNull && w.notNull:
		n, err := c.count(sqlgen.Quote(h.stored)+" is null", -1)
		if err != nil {
			return err
		}
		if n > 0 {
			c.add(false, "", "make %s.%s required: %d rows have no value", c.want.name, w.name, n)
			return nil
		}
		at.notNull = true
		c.copied = append(c.copied, w.name+" becomes required")
	}
	return nil
}

// reference changes what a column points at, which fails when a row points nowhere.
func (c *change) reference(h, w, at *columnDef) error {
	if w.refers != "" {
		target := c.tables[w.refers]
		lost := sqlgen.Quote(h.stored) + " is not null"
		if target != nil && target.column(w.refCol) != nil {
			lost += " and " + sqlgen.Quote(h.stored) + " not in (select " + sqlgen.Quote(target.column(w.refCol).stored) + " from " + sqlgen.Quote(target.stored) + ")"
		}
		n, err := c.count(lost, -1)
		if err != nil {
			return err
		}
		if n > 0 {
			c.add(false, "", "make %s.%s a reference: %d rows point at no row of %s", c.want.name, w.name, n, w.refers)
			return nil
		}
	}
	at.refers, at.refCol = w.refers, w.refCol
	c.copied = append(c.copied, w.name+" refers to "+orNothing(w.refers))
	return nil
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// newColumn adds a column; rows that are there take its default.
func (c *change) newColumn(w *columnDef) error {
	added := *w
	if w.notNull {
		def, ok := initial(w.field)
		if !ok {
			c.add(false, "", "add column %s.%s: it is required and has no default for the rows that are there", c.want.name, w.name)
			return nil
		}
		added.def = def
	}
	c.add(true, "alter table "+sqlgen.Quote(c.want.name)+" add column "+added.sql(false), "add column %s.%s", c.want.name, w.name)
	c.target.columns = append(c.target.columns, added)
	return nil
}

// initial is the value that rows get in a new required column, as SQL.
func initial(f *schema.Field) (string, bool) {
	if f == nil || f.Ref != nil {
		return "", false
	}
	switch {
	case f.Default != nil && !f.Default.Me && !f.Default.Now && !f.Default.Value.IsNull():
		return constant(f.Default.Value), true
	case f.Default != nil && f.Default.Now, f.Auto == schema.AutoNow, f.Auto == schema.AutoUpdated:
		p := sqlgen.Now(f.Type, time.Now())
		return constant(p), true
	}
	return "", false
}

// constant is a value of the schema as SQL.
func constant(v schema.Value) string {
	switch v.Kind() {
	case schema.Text, schema.JSON:
		return literal(v.Text())
	case schema.Float:
		s := strconv.FormatFloat(v.Float(), 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		return s
	}
	return strconv.FormatInt(v.Int(), 10)
}

// unwanted are the columns no field has. One that would not let a row be
// written without it stays, but becomes optional.
func (c *change) unwanted() (names []string) {
	for i := range c.have.columns {
		h := &c.have.columns[i]
		if c.want.column(h.name) != nil {
			continue
		}
		if h.notNull && h.def == "" && !slices.Contains(c.have.key, h.name) {
			c.target.column(h.name).notNull = false
			c.copied = append(c.copied, h.name+", which no field has any more, becomes optional")
		}
		names = append(names, h.name)
	}
	return names
}

// copySQL makes the table anew with the rows that are there. as gives the
// columns that are not taken over as they are.
func (c *change) copySQL(t tableDef, as map[string]string) string {
	const temporary = "_dowel_copy"
	var into, from []string
	for _, col := range t.columns {
		into = append(into, sqlgen.Quote(col.name))
		value := sqlgen.Quote(col.name)
		if expr, ok := as[col.name]; ok {
			value = expr
		}
		from = append(from, value)
	}
	name := sqlgen.Quote(c.want.name)
	return t.create(temporary) +
		";\ninsert into " + temporary + " (" + strings.Join(into, ", ") + ") select " + strings.Join(from, ", ") + " from " + name +
		";\ndrop table " + name +
		";\nalter table " + temporary + " rename to " + name
}

func word(c *columnDef) string {
	if c.kind != "" {
		return c.kind
	}
	return strings.ToLower(c.typ)
}

// conversion is the value of a column in its new type, as well as SQL can tell.
func conversion(from, to *columnDef) string {
	col := sqlgen.Quote(from.name)
	a, fromDecimal := scaleWord(from.kind)
	b, toDecimal := scaleWord(to.kind)
	switch {
	case (fromDecimal || from.kind == "int") && (toDecimal || to.kind == "int"):
		if b >= a {
			return col + " * " + power(b-a)
		}
		return col + " / " + power(a-b)
	case from.kind == "float" && toDecimal:
		return "cast(round(" + col + " * " + power(b) + ") as INTEGER)"
	case fromDecimal && to.kind == "float":
		return col + " / " + power(a) + ".0"
	}
	return "cast(" + col + " as " + to.typ + ")"
}

func scaleWord(kind string) (scale int, ok bool) {
	digits, ok := strings.CutPrefix(kind, "decimal(")
	if !ok {
		return 0, false
	}
	scale, err := strconv.Atoi(strings.TrimSuffix(digits, ")"))
	return scale, err == nil
}

func power(n int) string { return "1" + strings.Repeat("0", max(n, 0)) }
