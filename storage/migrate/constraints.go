package migrate

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// reference brings what a column refers to up to its definition, if every value points at a row.
func (c *change) reference(h, w *Column) {
	switch {
	case h.Refers == nil && w.Refers == nil:
	case w.Refers == nil && c.have.foreign() && !h.Refers.made: // it was there before
	case w.Refers == nil:
		s := c.step("~", "end reference", w, nil)
		s.Text = "no longer refers to " + h.Refers.Table
		c.d.unrefer(c, s, h)
		h.Refers = nil
	case h.Refers != nil && h.Refers.Table == w.Refers.Table && h.Refers.Column == w.Refers.Column:
		if c.d.identity() && h.Refers.Name != w.Refers.Name && (h.Refers.made || !c.have.foreign()) {
			c.naming("reference").sql("alter table "+quote(c.have.Name)+" rename constraint "+quote(h.Refers.Name)+" to "+quote(w.Refers.Name), accessExclusive)
			h.Refers.Name = w.Refers.Name
		}
		if h.Refers.Unproved {
			s := c.step("~", "prove reference", w, nil)
			s.Text = "rows that were there are held to refer to " + w.Refers.Table
			if c.refersWell(s, h, w) {
				s.sql("alter table "+quote(c.have.Name)+" validate constraint "+quote(w.Refers.Name), shareUpdateExclusive)
				s.Estimate = c.cost(c.rows(), joining)
				h.Refers.Unproved = false
			}
		}
	default:
		s := c.step("~", "refer", w, nil)
		s.Text = "refers to " + w.Refers.Table
		if h.Refers != nil {
			s.Text = "refers to " + h.Refers.Table + " -> " + w.Refers.Table
		}
		s.Rows = c.rows()
		if c.refersWell(s, h, w) {
			c.d.refer(c, s, h, w.Refers)
			h.Refers = w.Refers
		}
	}
}

// refersWell counts the rows that point at nothing, and blocks the step when there are any.
func (c *change) refersWell(s *Step, h, w *Column) bool {
	if c.stuck[w.Refers.Table] {
		s.block("E085", "cannot refer to %s, whose key cannot change", w.Refers.Table)
		return false
	}
	if c.have.made || c.ask == nil {
		return true
	}
	target := c.differ.have.Table(w.Refers.Table)
	condition := "$ is not null"
	if target != nil && !target.made && target.Column(w.Refers.Column) != nil {
		key := target.Column(w.Refers.Column)
		condition += " and not exists (select 1 from (select " + key.value() + " as _k from " + target.source() + ") r where _k = $)"
	}
	n := c.where(c.have, h.value(), condition)
	if n == 0 {
		return true
	}
	s.block("E084", "%s at no row of %s", rowsDo(n, "point"), w.Refers.Table)
	s.Rows, s.List = n, list(c.have, h.value(), condition)
	s.Help = "change these rows first"
	return false
}

// indexes makes those that are missing and drops those that nobody wants any more.
func (c *change) indexes() {
	if c.have.made {
		return
	}
	var gone []*Index
	var missing []*Index
	for _, w := range c.want.Indexes {
		if !slices.ContainsFunc(w.Columns, func(x IndexColumn) bool { return c.have.Column(x.Name) == nil }) && (w.Live == "" || c.have.Column(w.Live) != nil) {
			missing = append(missing, w)
		}
	}
	for _, h := range c.have.Indexes {
		i := slices.IndexFunc(missing, func(w *Index) bool { return w.same(h) && !h.Broken && !strings.HasPrefix(h.Name, helperPrefix) })
		switch {
		case i >= 0:
			if h.Name != missing[i].Name && (c.ours(h) || h.Unique && c.d.identity()) && !(c.have.foreign() && !h.made) {
				c.d.renameIndex(c, h, missing[i].Name)
			} else {
				c.stays[h] = true
			}
			missing = slices.Delete(missing, i, i+1)
		case c.ours(h):
			gone = append(gone, h)
		default:
			c.stays[h] = true
		}
	}
	for _, w := range missing {
		if w.implicit && c.have.foreign() {
			continue // who made the table does without
		}
		if slices.ContainsFunc(w.Columns, func(x IndexColumn) bool { return c.waits(x.Name) }) {
			continue
		}
		var old *Index
		if i := slices.IndexFunc(gone, func(h *Index) bool { return h.Name == w.Name }); i >= 0 {
			old = gone[i]
			gone = slices.Delete(gone, i, i+1)
		} else if x := c.have.index(w.Name); x != nil && !c.ours(x) {
			s := c.indexStep(w, nil)
			s.block("E086", "another index is called %s", w.Name)
			s.Help = "rename that index by hand"
			continue
		}
		c.makeIndex(w, old)
	}
	for _, h := range gone {
		var col *Column
		if len(h.Columns) == 1 {
			col = c.want.Column(h.Columns[0].Name)
		}
		s := c.step("~", "drop index", col, nil)
		s.Text = "index " + h.Name + " is dropped"
		if h.Unique {
			s.Text = "no longer unique: index " + h.Name + " is dropped"
		}
		c.d.dropIndex(c, s, h)
	}
}

// waits reports whether a column could not be made what it should be.
func (c *change) waits(name string) bool {
	h, w := c.have.Column(name), c.want.Column(name)
	return w != nil && (h == nil || (h.Type != w.Type || h.Kind != "" && h.Kind != w.Kind) && !c.d.accepts(c, h, w))
}

// ours reports whether an index was made here: it has the name that its definition gives it.
func (c *change) ours(x *Index) bool {
	return x.made || strings.HasPrefix(x.Name, helperPrefix)
}

// natural is the name that an index of a table gets here, "" for one that is never made here.
func (x *Index) natural(t *Table) string {
	if len(x.Columns) == 0 {
		return ""
	}
	parts := []string{t.Name}
	for _, c := range x.Columns {
		parts = append(parts, c.Name)
	}
	switch {
	case x.Unique:
		return sqlgen.ConstraintName("ux", parts...)
	case t.Link && len(parts) == 3:
		return sqlgen.ConstraintName("ix", parts[:2]...)
	}
	return sqlgen.ConstraintName("ix", parts...)
}

// indexStep begins the step of an index.
func (c *change) indexStep(w *Index, old *Index) *Step {
	var f *schema.Field
	if len(w.Columns) == 1 {
		if col := c.want.Column(w.Columns[0].Name); col != nil {
			f = col.field
		}
	}
	s := c.step("~", "make index", nil, f)
	s.Text = "indexed"
	if w.Unique {
		s.Text = "unique"
	}
	if f == nil {
		names := make([]string, len(w.Columns))
		for i, x := range w.Columns {
			names[i] = x.Name
		}
		s.Text += " (" + strings.Join(names, ", ") + ")"
	}
	if old != nil {
		s.Text += ": index " + w.Name + " is made anew"
	}
	return s
}

// makeIndex makes an index, if no two rows have the values of a unique one.
func (c *change) makeIndex(w, old *Index) {
	s := c.indexStep(w, old)
	s.Rows = c.rows()
	if w.Unique {
		if n, query := c.duplicates(w); n > 0 {
			s.block("E083", "%s: %s more than once", s.Text, count(n, "value"))
			s.Rows, s.List, s.Help = n, query, "change these rows first"
			if old != nil {
				c.stays[old] = true
			}
			return
		}
	}
	if old != nil {
		c.d.replaceIndex(c, s, old, w)
		return
	}
	for _, o := range c.steps { // the index of a new column comes with it
		if o.Change == "add column" && o.Name == s.Name && s.Field != "" && o.Risk.Runs() && (w.Live == "" || c.have.Column(w.Live).stored != "") {
			c.differ.drop(s)
			o.Text += ", " + s.Text
			s = o
			break
		}
	}
	c.d.addIndex(c, s, w)
}

// staysUnique blocks a step that would give several rows the values of a unique index that stays.
func (c *change) staysUnique(s *Step, col *Column) bool {
	for _, x := range c.have.Indexes {
		in := slices.ContainsFunc(x.Columns, func(y IndexColumn) bool { return y.Name == col.Name })
		if !x.Unique || !in || !slices.ContainsFunc(c.want.Indexes, x.same) {
			continue
		}
		if n, query := c.duplicates(x); n > 0 {
			s.block("E083", "%s: it is unique, but %s would occur more than once", s.Text, count(n, "value"))
			s.Rows, s.List, s.Help = n, query, "change these rows first"
			return false
		}
	}
	return true
}

// duplicates counts the combinations of values that more than one row has.
func (c *change) duplicates(w *Index) (n int64, query string) {
	var by, conditions, values []string
	for i, x := range w.Columns {
		col := c.have.Column(x.Name)
		if col.before == "null" {
			return 0, "" // a new column without a value
		}
		name := quote(x.Name)
		conditions = append(conditions, name+" is not null")
		by = append(by, name)
		values = append(values, c.d.folded(col.value(), x.Fold)+" as "+by[i])
	}
	if w.Live != "" {
		conditions = append(conditions, "live")
		values = append(values, c.have.Column(w.Live).value()+" is null as live")
	}
	rest := " from (select " + strings.Join(values, ", ") + " from " + c.have.source() + ") s where " + strings.Join(conditions, " and ") +
		" group by " + strings.Join(by, ", ") + " having count(*) > 1"
	return c.count("select count(*) from (select 1" + rest + ") s"), "select " + strings.Join(by, ", ") + ", count(*)" + rest
}

// checks proves that every row satisfies what is new among the checks of the class.
func (c *change) checks() {
	if c.want.class == nil {
		return
	}
	for _, check := range c.want.class.Checks {
		if c.have.made || c.have.Checks[check.Name] == check.Text {
			continue
		}
		s := c.step("~", "check", nil, nil)
		s.Pos = check.Pos
		s.Text = "check " + check.Name
		s.Rows = c.rows()
		s.Estimate = c.cost(s.Rows, scanning)
		if check.Where != nil && c.ask != nil {
			sql, rows, waits := c.checkQuery(check)
			if waits != "" {
				s.block("E082", "check %s: waits for %s", check.Name, waits)
				continue
			}
			if n := c.count(sql); n > 0 {
				s.block("E082", "check %s: %s not satisfy it", check.Name, rowsDo(n, "do"))
				s.Rows, s.List, s.Help = n, rows, "change these rows first"
				continue
			}
			c.fence(s)
			s.guards = append(s.guards, "("+c.condition(c.want.class, check.Where)+") = 0")
			s.guarded()
		}
		s.sql("insert into _dowel_columns (name, col, kind, says) values "+noteRow(c.have.Name, checkNote+check.Name, "check", check.Text)+
			" on conflict (name, col) do update set says = excluded.says", "")
	}
	for name := range sortedChecks(c.have) {
		if _, wanted := c.want.Checks[name]; !wanted && !c.have.made {
			s := c.step("~", "end check", nil, nil)
			s.Text = "check " + name + " is no more"
			s.sql("delete from _dowel_columns where name = "+literal(c.have.Name)+" and col = "+literal(checkNote+name), "")
		}
	}
}

// checkQuery counts and lists the rows that do not satisfy a check, on the tables as they will be. waits is a column
// that the check looks at and that could not be made what it should be.
func (c *change) checkQuery(check *schema.Check) (counts, lists, waits string) {
	sql := c.condition(c.want.class, check.Where)
	var with []string
	for _, o := range c.changes {
		if o.have.made || !strings.Contains(sql, quote(o.have.Name)) {
			continue
		}
		for _, w := range o.want.Columns {
			if o.waits(w.Name) && strings.Contains(sql, quote(w.Name)) {
				waits = o.have.Name + "." + w.Name
			}
		}
		if !o.differs() {
			continue
		}
		var cols []string
		for _, col := range o.have.Columns {
			cols = append(cols, col.value()+" as "+quote(col.Name))
		}
		with = append(with, quote(o.have.Name)+" as (select "+strings.Join(cols, ", ")+" from "+c.d.shadow(o.have)+")")
	}
	prefix := ""
	if with != nil {
		prefix = "with " + strings.Join(with, ", ") + " "
	}
	return prefix + sql, prefix + "select t0.*" + strings.TrimPrefix(sql, "select count(*)"), waits
}

// differs reports whether the rows of a table look different after the plan.
func (c *change) differs() bool {
	if c.have.stored != c.have.Name {
		return true
	}
	return slices.ContainsFunc(c.have.Columns, func(col *Column) bool { return col.before != "" || col.stored != col.Name })
}
