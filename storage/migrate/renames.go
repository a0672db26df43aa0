package migrate

import (
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// renames gives tables and columns the names that `was` says they continue under. A name that is
// free goes first, so that a chain of renames comes out in the right order.
func (d *differ) renames() {
	for again := true; again; {
		again = false
		for _, w := range d.want.Tables {
			if w.Link || w.class.Was == "" || d.have.Table(w.Name) != nil {
				continue
			}
			if h := d.former(w, schema.Plural(w.class.Was), w.class.Was); h != nil {
				d.renameTable(h, w)
				again = true
			}
		}
	}
	for _, w := range d.want.Tables {
		if w.Link && d.have.Table(w.Name) == nil {
			if h := d.former(w, d.formerLinks(w)...); h != nil {
				d.renameTable(h, w)
			}
		}
	}
	for _, w := range d.want.Tables {
		if h := d.have.Table(w.Name); h != nil {
			h.class, h.field = w.class, w.field
			d.renameColumns(h, w)
		}
	}
}

// former finds the table that a wanted one continues: one of these names that nothing else
// is to keep.
func (d *differ) former(w *Table, names ...string) *Table {
	for _, name := range names {
		h := d.have.Table(name)
		if h == nil || h.Link != w.Link && h.Ours {
			continue
		}
		if keeper := d.want.Table(name); keeper != nil && !d.replaced(keeper) {
			continue
		}
		return h
	}
	return nil
}

// replaced reports whether a wanted table takes over another one, so that the one under its name may go elsewhere.
func (d *differ) replaced(w *Table) bool {
	if w.Link || w.class.Was == "" {
		return false
	}
	return d.have.Table(schema.Plural(w.class.Was)) != nil || d.have.Table(w.class.Was) != nil
}

// formerLinks are the names that a link table may have had.
func (d *differ) formerLinks(w *Table) (names []string) {
	c, f := w.field.Class, w.field
	tables := []string{c.Table}
	if c.Was != "" {
		tables = append(tables, schema.Plural(c.Was), c.Was)
	}
	for _, t := range tables {
		for _, name := range []string{f.Name, f.Was} {
			if name != "" && t+"_"+name != w.Name {
				names = append(names, t+"_"+name)
			}
		}
	}
	return names
}

func (d *differ) renameTable(h, w *Table) {
	old := h.Name
	h.class, h.field = w.class, w.field
	s := d.add(">", "rename table", w, nil, nil)
	s.of, s.Text = h, "table "+old+" renamed to "+w.Name
	if !w.Link {
		s.Name, s.Text = w.class.Was, "renamed to "+w.class.Name+" (table "+old+" to "+w.Name+")"
	}
	d.d.renameTable(d, s, h, w)
	h.Name = w.Name
	d.d.renameParts(s, h)
	for _, t := range d.have.Tables {
		for _, c := range t.Columns {
			if c.Refers != nil && c.Refers.Table == old {
				r := *c.Refers
				r.Table = w.Name
				c.Refers = &r
			}
		}
	}
}

func (d *differ) renameColumns(h, w *Table) {
	if w.Link {
		d.renameSides(h, w)
		return
	}
	for again := true; again; {
		again = false
		for _, c := range w.Columns {
			if c.field == nil || c.field.Was == "" || h.Column(c.Name) != nil {
				continue
			}
			for _, old := range []string{c.field.Was, c.field.Was + strings.TrimPrefix(c.Name, c.field.Name)} {
				from := h.Column(old)
				if from == nil || d.keeps(h, w, old) {
					continue
				}
				s := d.add(">", "rename column", h, c, nil)
				s.Name = h.class.Name + "." + c.field.Was
				s.Text = "renamed to " + c.field.Name + " (was: " + c.field.Was + ")"
				d.renameColumn(s, h, from, c.Name)
				again = true
				break
			}
		}
	}
}

// keeps reports whether a column is wanted under the name it has, and not to be taken over by another one.
func (d *differ) keeps(h, w *Table, name string) bool {
	c := w.Column(name)
	if c == nil {
		return false
	}
	if c.field == nil || c.field.Was == "" {
		return true
	}
	return h.Column(c.field.Was) == nil && h.Column(c.field.Was+strings.TrimPrefix(c.Name, c.field.Name)) == nil
}

// renameSides gives the two columns of a link table their names, by their place in the key.
func (d *differ) renameSides(h, w *Table) {
	if len(h.Key) != 2 || len(h.Columns) != 2 || len(w.Key) != 2 || h.Key[0] == w.Key[1] && h.Key[1] == w.Key[0] {
		return
	}
	sides := []int{0, 1}
	if h.Key[1] == w.Key[0] { // must go before its name is taken
		sides = []int{1, 0}
	}
	for _, i := range sides {
		if from := h.Column(h.Key[i]); from != nil && from.Name != w.Key[i] && h.Column(w.Key[i]) == nil {
			s := d.add(">", "rename column", h, w.Column(w.Key[i]), nil)
			s.Text = "column " + from.Name + " of " + h.Name + " renamed to " + w.Key[i]
			d.renameColumn(s, h, from, w.Key[i])
		}
	}
}

func (d *differ) renameColumn(s *Step, h *Table, from *Column, name string) {
	old := from.Name
	s.of = h
	d.d.renameColumn(d, s, h, from, name)
	from.Name = name
	for i, k := range h.Key {
		if k == old {
			h.Key[i] = name
		}
	}
	for _, x := range h.Indexes {
		for i := range x.Columns {
			if x.Columns[i].Name == old {
				x.Columns[i].Name = name
			}
		}
		if x.Live == old {
			x.Live = name
		}
	}
	d.d.renameParts(s, h)
	for _, t := range d.have.Tables {
		for _, c := range t.Columns {
			if c.Refers != nil && c.Refers.Table == h.Name && c.Refers.Column == old {
				r := *c.Refers
				r.Column = name
				c.Refers = &r
			}
		}
	}
}
