package migrate

import (
	"slices"
	"strings"
)

// SQLite alters little of a table; the rest is done by copying it into a new one. All
// such changes of a table share one copy.

func (sqlite) shadow(t *Table) string { return "main." + quote(t.stored) }

func (sqlite) folded(value string, fold bool) string {
	if fold {
		return "lower(" + value + ")"
	}
	return value
}

func (sqlite) numbered(t *Table, c *Column, value func(*Column) string) string {
	return numberedBy(t, c, value)
}

// numberedBy counts the rows of each group in the order of the key.
func numberedBy(t *Table, c *Column, value func(*Column) string) string {
	over := ""
	if c.field != nil && c.field.Per != nil {
		if per := t.Column(c.field.Per.Column); per != nil {
			over = "partition by " + value(per) + " "
		}
	}
	var keys []string
	for _, k := range t.Key {
		keys = append(keys, value(t.Column(k)))
	}
	return "row_number() over (" + over + "order by " + strings.Join(keys, ", ") + ")"
}

func (sqlite) recast(to *Column) (conversion, bool) {
	return conversion{expr: "cast($ as " + to.Type + ")"}, true
}

func (sqlite) renameTable(_ *differ, s *Step, h, w *Table) {
	s.sql("alter table "+quote(h.Name)+" rename to "+quote(w.Name), accessExclusive)
	renameNotes(s, h.Name, w.Name, "_dowel_counters", "_dowel_columns")
}

// renameNotes gives what was noted of a table its new name.
func renameNotes(s *Step, old, name string, tables ...string) {
	for _, t := range tables {
		s.sql("update "+t+" set name = "+literal(name)+" where name = "+literal(old), "")
	}
	s.sql("update _dowel_sequences set name = "+literal(name+".")+" || substr(name, "+itoa(len(old)+2)+") where substr(name, 1, "+itoa(len(old)+1)+") = "+literal(old+"."), "")
}

func (sqlite) renameColumn(_ *differ, s *Step, t *Table, c *Column, name string) {
	s.sql("alter table "+quote(t.Name)+" rename column "+quote(c.Name)+" to "+quote(name), accessExclusive)
	renameColumnNotes(s, t.Name, c.Name, name)
}

// renameParts leaves indexes: under another name they are made anew, when the table is as it should be.
func (sqlite) renameParts(*Step, *Table) {}

func renameColumnNotes(s *Step, table, old, name string) {
	s.sql("update _dowel_columns set col = "+literal(name)+" where name = "+literal(table)+" and col = "+literal(old), "")
	s.sql("update _dowel_sequences set name = "+literal(table+"."+name)+" where name = "+literal(table+"."+old), "")
}

func (d sqlite) addColumn(c *change, s *Step, col *Column, f *fill) {
	switch {
	case f == nil:
		col.copied = "null"
		s.sql("alter table "+quote(c.have.Name)+" add column "+d.column(col, false), "")
	case f.constant && col.NotNull:
		col.Default, col.copied = f.sql, f.sql
		s.sql("alter table "+quote(c.have.Name)+" add column "+d.column(col, false), "")
		s.Estimate += c.cost(0, rewriting)
	default:
		col.copied = f.sql
		if f.sql == numbering {
			col.copied = d.numbered(c.have, col, (*Column).now)
		}
		c.copy(s)
	}
	c.added = append(c.added, addition{s, col})
	c.note(s, col)
}

// addition is a column that comes with a step.
type addition struct {
	step *Step
	col  *Column
}

// copy leaves a step to the copy of its table.
func (c *change) copy(s *Step) {
	if !slices.Contains(c.copied, s) {
		c.copied = append(c.copied, s)
	}
}

func (sqlite) retype(c *change, s *Step, h, w *Column, conv conversion) {
	h.copied = apply(conv.expr, quote(h.Name))
	c.touched = true
	c.copy(s)
	c.note(s, w)
}

func (d sqlite) require(c *change, s *Step, col *Column, f *fill) {
	if f != nil {
		value := f.sql
		if value == numbering {
			value = d.numbered(c.have, col, (*Column).now)
		}
		col.copied = "coalesce(" + col.now() + ", " + value + ")"
		c.touched = true
	}
	c.copy(s)
}

func (sqlite) relax(c *change, s *Step, _ *Column)               { c.copy(s) }
func (sqlite) number(c *change, s *Step, _ *Column, _ bool)      { c.copy(s) }
func (sqlite) refer(c *change, s *Step, _ *Column, _ *Reference) { c.copy(s) }
func (sqlite) unrefer(c *change, s *Step, _ *Column)             { c.copy(s) }

func (d sqlite) addIndex(c *change, s *Step, x *Index) {
	s.sql(d.createIndex(c.have.Name, x), "")
	s.Estimate += c.cost(c.rows(), indexing)
}

func (sqlite) dropIndex(_ *change, s *Step, x *Index) {
	s.sql("drop index if exists "+quote(x.Name), "")
}

func (d sqlite) renameIndex(c *change, x *Index, name string) {
	s := c.naming("index")
	d.dropIndex(c, s, x)
	y := *x
	y.Name = name
	c.late = append(c.late, d.createIndex(c.have.Name, &y))
	s.Estimate += c.cost(c.rows(), indexing)
}

func (d sqlite) replaceIndex(c *change, s *Step, old, x *Index) {
	d.dropIndex(c, s, old)
	d.addIndex(c, s, x)
}

func (sqlite) dropColumn(c *change, s *Step, col *Column) {
	s.sql("alter table "+quote(c.have.Name)+" drop column "+quote(col.Name), "")
	forgetColumn(s, c.have.Name, col.Name)
	s.Estimate = c.cost(c.rows(), rewriting)
}

func forgetColumn(s *Step, table, col string) {
	s.sql("delete from _dowel_columns where name = "+literal(table)+" and col = "+literal(col), "")
	s.sql("delete from _dowel_sequences where name = "+literal(table+"."+col), "")
}

func (sqlite) dropTable(_ *differ, s *Step, t *Table) {
	s.sql("drop table "+quote(t.Name), "")
	forgetTable(s, t.Name)
}

func forgetTable(s *Step, table string) {
	s.sql("delete from _dowel_columns where name = "+literal(table), "")
	s.sql("delete from _dowel_sequences where substr(name, 1, "+itoa(len(table)+1)+") = "+literal(table+"."), "")
}

func (d sqlite) remake(c *change, s *Step) {
	s.verify("not exists (select 1 from "+quote(c.have.Name)+")", "the table "+c.have.Name+" is no longer empty")
	s.sql("drop table "+quote(c.have.Name), "")
	s.sql("delete from _dowel_columns where name = "+literal(c.have.Name), "")
	s.sql(d.createTable(c.want, c.want.Name), "")
	for _, x := range c.want.Indexes {
		s.sql(d.createIndex(c.want.Name, x), "")
	}
	d.again(c, s, func(x *Index) bool { return !x.made && c.want.index(x.Name) == nil })
	s.sql(noteTable(c.want), "")
}

// again makes indexes and triggers that went with a table and are not ours to lose.
func (d sqlite) again(c *change, s *Step, keep func(*Index) bool) {
	for _, x := range c.have.Indexes {
		if !keep(x) || x.constraint {
			continue
		}
		sql := x.SQL
		if len(x.Columns) > 0 {
			sql = d.createIndex(c.have.Name, x)
		}
		s.sql(sql, "")
	}
	for _, o := range c.others(c.have.stored, "trigger") {
		s.sql(o.SQL, "")
	}
}

// finish copies a table once for all steps that need it. Columns that would have been added come with the copy.
func (d sqlite) finish(c *change) {
	defer func() { c.added, c.late = nil, nil }()
	if len(c.copied) > 0 && len(c.have.odd) > 0 {
		for _, s := range c.copied {
			s.block("E086", "%s: the table has parts that were not made here and a copy would lose (%s)", s.Text, strings.Join(c.have.odd, ", "))
			s.Help = "make the change by hand, then `dowel migrate baseline`"
		}
		c.copied = nil
	}
	if len(c.copied) == 0 {
		for _, sql := range c.late {
			c.naming("index").sql(sql, "")
		}
		return
	}
	for _, a := range c.added {
		if !slices.Contains(c.copied, a.step) {
			c.copied = append(c.copied, a.step)
			a.step.SQL = slices.DeleteFunc(a.step.SQL, func(st Statement) bool { return strings.HasPrefix(st.Text, "alter table") })
		}
	}
	first := c.steps[slices.IndexFunc(c.steps, func(s *Step) bool { return slices.Contains(c.copied, s) })]
	rest := first.SQL
	first.SQL = nil
	d.copySQL(c, first)
	first.SQL = append(first.SQL, rest...)
	for _, s := range c.copied {
		if s == first {
			continue
		}
		first.SQL = append(first.SQL, s.SQL...)
		s.SQL, s.With = nil, first.ID
	}
	for _, sql := range c.late {
		first.sql(sql, "")
	}
	c.copied = nil
}

// copySQL makes the table anew with the rows that are there. References to it from other tables
// are by name and stand.
func (d sqlite) copySQL(c *change, s *Step) {
	const copied = "_dowel_copy"
	var into, from []string
	for _, col := range c.have.Columns {
		into = append(into, quote(col.Name))
		value := col.now()
		if col.Kind == versionKind && c.touched {
			value = "coalesce((select n from _dowel_counters where name = " + literal(c.have.Name) + "), (select max(" + value + ") from " + quote(c.have.Name) + "), 0) + row_number() over ()"
		}
		from = append(from, value)
	}
	name := quote(c.have.Name)
	for _, o := range c.copied {
		for _, g := range o.guards {
			s.verify(g, comeSince)
		}
	}
	s.sql("drop table if exists "+copied, "")
	s.sql(d.createTable(c.have, copied), "")
	s.sql("insert into "+copied+" ("+strings.Join(into, ", ")+") select "+strings.Join(from, ", ")+" from "+name, "")
	if c.touched {
		s.sql("update _dowel_counters set n = n + (select count(*) from "+name+") where name = "+literal(c.have.Name), "")
	}
	s.verify("(select count(*) from "+name+") = (select count(*) from "+copied+")", "rows were lost in copying "+c.have.Name)
	s.sql("drop table "+name, "")
	s.sql("pragma legacy_alter_table = on", "") // views that name the table are left as they are
	s.sql("alter table "+copied+" rename to "+name, "")
	s.sql("pragma legacy_alter_table = off", "")
	d.again(c, s, func(x *Index) bool { return c.stays[x] })
	s.Rows = c.rows()
	s.Estimate += c.cost(s.Rows, rewriting)
}

func (sqlite) cleanUp(*change, *Step) {}
func (sqlite) fence(*Step, string)    {}
