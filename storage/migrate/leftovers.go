package migrate

import (
	"slices"
	"strings"
)

// leftovers are tables of ours that no class has any more. They stay until they are named, but must not keep
// rows of other tables from being deleted.
func (d *differ) leftovers() {
	byName := slices.SortedFunc(slices.Values(d.have.Tables), func(a, b *Table) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range byName {
		if t.foreign() || t.made || d.want.Table(t.Name) != nil || strings.HasPrefix(t.Name, helperPrefix) { // the engine's own stay
			continue
		}
		c := &change{differ: d, want: &Table{Name: t.Name}, have: t, stays: map[*Index]bool{}}
		for _, x := range t.Indexes {
			c.stays[x] = true
		}
		var refers []string
		var s *Step
		for _, col := range t.Columns {
			if col.Refers == nil {
				continue
			}
			if s == nil {
				s = c.step("~", "release table", nil, nil)
			}
			refers = append(refers, col.Name)
			c.d.unrefer(c, s, col)
			col.Refers = nil
		}
		if s != nil {
			s.Text = "no class has it any more: " + strings.Join(refers, ", ") + " refers to nothing"
			c.finish()
		}
		s = c.step("-", "drop table", nil, nil)
		s.Rows = c.rows()
		s.Text = "drop table, " + count(s.Rows, "row")
		code := "D101"
		if t.Link {
			s.Text, code = "drop set, "+count(s.Rows, "link"), "D102"
		}
		if by := d.referring(t); by != "" {
			s.block("E086", "cannot be dropped as long as %s refers to it", by)
			continue
		}
		d.destroy(s, code)
		d.d.dropTable(d, s, t)
	}
}

// referring is a column of a table that stays and refers to another, "" when there is none.
func (d *differ) referring(to *Table) string {
	for _, t := range d.have.Tables {
		if t == to || d.want.Table(t.Name) == nil && !t.foreign() {
			continue
		}
		for _, c := range t.Columns {
			if c.Refers != nil && c.Refers.Table == to.Name {
				return t.Name + "." + c.Name
			}
		}
	}
	return ""
}

// emptyTables are made anew when they differ in more than a new optional column: they have nothing to lose.
func (d *differ) emptyTables() {
	anew := map[string]bool{}
	for _, c := range d.changes {
		anew[c.have.Name] = !c.have.foreign() && c.remakes() && c.isEmpty()
	}
	refused := d.findStuck(anew)
	d.changes = slices.DeleteFunc(d.changes, func(c *change) bool {
		if !anew[c.have.Name] {
			return false
		}
		s := c.step("~", "make table anew", nil, nil)
		s.Text = "its table is empty and made anew"
		if refused[c.have.Name] {
			s.block("E085", "%s: refers to a class whose key cannot change", s.Text)
			d.refused = append(d.refused, c)
			return true
		}
		d.d.remake(c, s)
		n := *c.want
		n.made, n.Ours, n.stored = true, true, c.have.stored
		*c.have = n
		return false
	})
}

// dangling ends the references to a table that was made anew with another key: it is empty, so no row refers to it.
func (c *change) dangling() {
	if c.have.made {
		return
	}
	for _, col := range c.have.Columns {
		if col.Refers == nil {
			continue
		}
		to := c.differ.have.Table(col.Refers.Table)
		if to == nil || !to.made || slices.Equal(to.Key, []string{col.Refers.Column}) {
			continue
		}
		s := c.step("~", "end reference", col, nil)
		s.Text = "no longer refers to " + to.Name + ", which is made anew"
		if slices.Contains(c.refused, c) {
			for _, x := range c.have.Indexes {
				c.stays[x] = true
			}
		}
		c.d.unrefer(c, s, col)
		col.Refers = nil
	}
}

// findStuck finds the tables that nothing can refer to, because they cannot get the key that they should have or
// cannot be made. refused are those that cannot be made, or made anew, because they would refer to one.
func (d *differ) findStuck(anew map[string]bool) (refused map[string]bool) {
	d.stuck, refused = map[string]bool{}, map[string]bool{}
	for _, c := range d.changes {
		d.stuck[c.have.Name] = !anew[c.have.Name] && !c.keepsKey()
	}
	for again := true; again; {
		again = false
		for _, w := range d.want.Tables {
			h := d.have.Table(w.Name)
			if refused[w.Name] || h != nil && !anew[w.Name] || !slices.ContainsFunc(w.Columns, func(c *Column) bool { return c.Refers != nil && d.stuck[c.Refers.Table] }) {
				continue
			}
			refused[w.Name], again = true, true
			if h == nil || !d.change(w.Name).keepsKey() {
				d.stuck[w.Name] = true
			}
		}
	}
	return refused
}

// keepsKey reports whether the table has the key that it should have.
func (c *change) keepsKey() bool {
	for _, k := range c.want.Key {
		h, w := c.have.Column(k), c.want.Column(k)
		if h == nil || (h.Type != w.Type || h.Kind != "" && h.Kind != w.Kind) && !c.d.accepts(c, h, w) {
			return false
		}
	}
	return c.keyHolds()
}

// remakes reports whether a table differs in what cannot simply be added to it.
func (c *change) remakes() bool {
	if !slices.Equal(c.have.Key, c.want.Key) {
		return true
	}
	for _, w := range c.want.Columns {
		h := c.have.Column(w.Name)
		if h == nil && (w.NotNull || w.Identity) {
			return true
		}
		if h != nil && (h.Type != w.Type || h.Kind != "" && h.Kind != w.Kind || h.NotNull != w.NotNull || h.Identity != w.Identity || !sameTarget(h.Refers, w.Refers)) {
			return true
		}
	}
	return slices.ContainsFunc(c.have.Columns, func(h *Column) bool { return c.want.Column(h.Name) == nil })
}

func sameTarget(a, b *Reference) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Table == b.Table && a.Column == b.Column
}

// finish completes what several steps of a table do together.
func (c *change) finish() { c.d.finish(c) }

// fence keeps nodes that serve a former schema from writing the table: their rows would not be what it wants now.
func (c *change) fence(s *Step) { c.d.fence(s, c.have.Name) }

// note remembers the meaning and the limits of a column.
func (c *change) note(s *Step, w *Column) {
	s.sql(noteTable(&Table{Name: c.have.Name, Columns: []*Column{w}}), "")
}

// others are views and the like that hang on a table.
func (d *differ) others(table string, kinds ...string) (found []Other) {
	for _, o := range d.have.Others {
		if o.Table == table && slices.Contains(kinds, o.Kind) {
			found = append(found, o)
		}
	}
	return found
}
