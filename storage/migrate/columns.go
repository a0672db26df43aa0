package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// adopt takes over a table that is there but was not made here.
func (c *change) adopt() {
	switch {
	case c.have.made:
	case !c.have.Ours:
		c.takeOver()
	case c.d.identity() && !c.have.Link && c.have.Shards < shards && c.ask != nil:
		s := c.step("~", "make counters", nil, nil)
		s.Text = "its change counter is made anew"
		s.sql(c.d.startCounters(c.have.Name), "")
	}
	if len(c.have.helpers) > 0 {
		s := c.step("~", "clean up", nil, nil)
		s.Text = "what an interrupted change left behind is removed"
		c.d.cleanUp(c, s)
	}
}

// columns brings every column up to its definition.
func (c *change) columns() {
	if c.have.made {
		return
	}
	for _, numbers := range []bool{false, true} { // numbers count by other columns
		for _, w := range c.want.Columns {
			if numbers != (w.field != nil && w.field.Auto == schema.AutoSequence) {
				continue
			}
			if h := c.have.Column(w.Name); h != nil {
				h.field = w.field
				c.column(h, w)
			} else {
				c.newColumn(w)
			}
		}
	}
}

// newColumn adds a column; rows that are there get what the schema gives them.
func (c *change) newColumn(w *Column) {
	s := c.step("+", "add column", w, nil)
	s.Text = describe(w)
	if slices.Contains(c.want.Key, w.Name) && !c.isEmpty() {
		s.block("E085", "the key cannot change while the table has %s", count(c.rows(), "row"))
		s.Help = "make a class with the new key and move the rows there"
		return
	}
	f := c.fillOf(w)
	if !w.NotNull && (w.field == nil || w.field.Backfill == nil) {
		f = nil
	}
	if w.NotNull && f == nil {
		if n := c.rows(); n > 0 || c.ask == nil {
			s.block("E081", "required, %s no value", rowsDo(n, "have"))
			s.Rows, s.Help = n, "add `default:`, `backfill:` or `optional`"
			s.List = "select " + strings.Join(keyColumns(c.have), ", ") + " from " + c.have.source()
			c.perhapsRenamed(s, w)
			return
		}
	}
	col := *w
	col.before = "null"
	if f != nil && f.sql == numbering && w.field.Per != nil && c.waits(w.field.Per.Column) {
		s.block("E085", "%s: waits for %s", s.Text, w.field.Per.Column)
		return
	}
	if f != nil {
		s.Rows = c.rows()
		s.Text += fmt.Sprintf(", %s %s", rowsDo(s.Rows, "get"), f.text)
		col.before = f.sql
		if f.sql == numbering {
			col.before = c.d.numbered(c.have, w, (*Column).value)
		}
	}
	if w.Refers != nil && c.stuck[w.Refers.Table] {
		s.block("E085", "cannot refer to %s, whose key cannot change", w.Refers.Table)
		return
	}
	if w.Refers != nil && f != nil && !c.refersWell(s, &col, w) {
		s.Text, s.List, s.Help = f.text+" is no row of "+w.Refers.Table, "", "give a `backfill:` that is one"
		return
	}
	c.perhapsRenamed(s, w)
	c.have.Columns = append(c.have.Columns, &col)
	c.d.addColumn(c, s, &col, f)
}

// perhapsRenamed asks whether a new column is one that no field has any more.
func (c *change) perhapsRenamed(s *Step, w *Column) {
	var alike []string
	for _, h := range c.have.Columns {
		if c.want.Column(h.Name) == nil && h.Type == w.Type && !slices.Contains(c.have.Key, h.Name) && (h.Refers == nil) == (w.Refers == nil) && (h.Kind == "" || h.Kind == w.Kind) && h.Kind != versionKind && h.stored == h.Name {
			alike = append(alike, h.Name)
		}
	}
	if len(alike) != 1 || w.field == nil || w.field.Auto != schema.NoAuto {
		return
	}
	ask := "if this is `" + alike[0] + "` under another name, write `was: " + alike[0] + "`"
	if s.Help != "" {
		ask = s.Help + "; " + ask
	}
	s.Help = ask
}

// describe is a column in the words of the schema.
func describe(w *Column) string {
	words := []string{w.Kind}
	if w.field != nil && w.field.Ref != nil {
		words[0] = w.field.Ref.To.Name
	} else if l := w.Limits; l != nil {
		words[0] = l.Type
		if l.Type == "decimal" {
			scale, _ := scaleOf(w.Kind)
			words[0] += " scale=" + itoa(scale)
		}
		if l.Min != "" {
			words[0] += " min=" + l.Min
		}
		if l.Max != "" {
			words[0] += " max=" + l.Max
		}
		if len(l.Values) > 0 {
			words[0] += " " + strings.Join(l.Values, "|")
		}
	}
	if !w.NotNull {
		words = append(words, "optional")
	} else {
		words = append(words, "required")
	}
	return strings.Join(words, ", ")
}

// column brings one column that is there up to its definition.
func (c *change) column(h, w *Column) {
	retyped := (h.Type != w.Type || h.Kind != "" && h.Kind != w.Kind) && !c.d.accepts(c, h, w)
	if retyped {
		if !c.retype(h, w) {
			return
		}
	} else if !c.limits(h, w) {
		return
	}
	h.Kind, h.Limits = w.Kind, w.Limits
	if h.Identity != w.Identity && !(c.have.foreign() && w.Identity && h.numbered()) {
		s := c.step("~", "number", w, nil)
		s.Text = "numbered by the database"
		if !w.Identity {
			s.Text = "no longer numbered by the database"
		}
		c.d.number(c, s, h, w.Identity)
		h.Identity = w.Identity
	}
	if w.Kind == versionKind && h.Default != w.Default && c.d.identity() {
		s := c.step("~", "version default", w, nil)
		s.Text = "versions come from the sequence of all versions"
		s.sql("alter table "+quote(c.have.Name)+" alter column "+quote(h.Name)+" set default "+w.Default, accessExclusive)
		h.Default = w.Default
	}
	c.required(h, w)
	c.reference(h, w)
}

// required makes a column required, or optional.
func (c *change) required(h, w *Column) {
	switch {
	case h.NotNull == w.NotNull:
	case c.have.foreign() && slices.Contains(c.have.Key, h.Name):
	case !w.NotNull:
		s := c.step("~", "make optional", w, nil)
		s.Text = "required -> optional"
		h.NotNull = false
		c.d.relax(c, s, h)
	default:
		s := c.step("~", "make required", w, nil)
		s.Rows = c.rows()
		n := c.where(c.have, h.value(), "$ is null")
		f := c.fillOf(w)
		if c.ask == nil && f != nil {
			n = unknownRows
		}
		if n > 0 && f == nil {
			s.block("E081", "required, %s no value", rowsDo(n, "have"))
			s.Rows, s.List = n, list(c.have, h.value(), "$ is null")
			s.Help = "add `default:`, `backfill:` or `optional`"
			return
		}
		s.Text = "optional -> required"
		if n == 0 {
			f = nil
		}
		if f != nil && f.sql == numbering && w.field.Per != nil && c.waits(w.field.Per.Column) {
			s.block("E085", "%s: waits for %s", s.Text, w.field.Per.Column)
			return
		}
		if f != nil {
			s.Rows = n
			s.Text += fmt.Sprintf(", %s %s", rowsDo(n, "get"), f.text)
			value := f.sql
			if value == numbering {
				value = c.d.numbered(c.have, h, (*Column).value)
			}
			former := h.before
			h.before = "coalesce(" + h.value() + ", " + value + ")"
			if !c.staysUnique(s, h) {
				h.before = former
				return
			}
		}
		h.NotNull = true
		c.d.require(c, s, h, f)
	}
}

// unwanted are the columns that no field has any more. They stay until they are named, but must not keep rows
// from being written or deleted.
func (c *change) unwanted() {
	if c.have.made {
		return
	}
	for _, h := range slices.Clone(c.have.Columns) {
		if c.want.Column(h.Name) != nil || !h.noted { // nobody's, or somebody else's
			continue
		}
		if h.Name == "deleted_at" && c.want.class != nil && !c.want.class.SoftDelete && h.Kind == "datetime" {
			if n := c.where(c.have, h.value(), "$ is not null"); n > 0 {
				s := c.step("!", "end soft delete", h, nil)
				s.block("E086", "without soft_delete, %s would come back", count(n, "deleted row"))
				s.Rows, s.List = n, list(c.have, h.value(), "$ is not null")
				s.Help = "purge or restore these rows first, or keep `soft_delete`"
				continue
			}
		}
		if slices.Contains(c.have.Key, h.Name) {
			continue // the key says so
		}
		c.release(h)
		s := c.step("-", "drop column", h, nil)
		s.Rows = c.where(c.have, h.value(), "$ is not null")
		s.Text = "drop column, " + count(s.Rows, "value")
		if c.ask == nil {
			s.Rows, s.Text = unknownRows, "drop column"
		}
		if name := c.over(h); name != "" {
			s.block("E086", "cannot be dropped: the index %s, which was not made here, is over it", name)
			s.Help = "drop that index by hand"
			continue
		}
		c.destroy(s, "D103")
		c.d.dropColumn(c, s, h)
	}
}

// release lets rows be written without a column that no field has.
func (c *change) release(h *Column) {
	var done []string
	var s *Step
	begin := func() *Step {
		if s == nil {
			s = c.step("~", "release column", h, nil)
		}
		return s
	}
	if h.Refers != nil {
		c.d.unrefer(c, begin(), h)
		h.Refers = nil
		done = append(done, "refers to nothing")
	}
	if h.NotNull && h.Default == "" && !h.Identity {
		h.NotNull = false
		c.d.relax(c, begin(), h)
		done = append(done, "becomes optional")
	}
	if s != nil {
		s.Text = "no field has it any more: it " + strings.Join(done, " and ")
	}
}

// over is an index of somebody else that a column is part of.
func (c *change) over(h *Column) string {
	if c.d.identity() {
		return "" // goes with the column
	}
	for _, x := range c.have.Indexes {
		inIt := slices.ContainsFunc(x.Columns, func(y IndexColumn) bool { return y.Name == h.Name }) || x.Live == h.Name
		odd := len(x.Columns) == 0 && strings.Contains(x.SQL, h.stored)
		if (inIt || odd) && !c.ours(x) {
			return x.Name
		}
	}
	return ""
}

// key brings the key up to its definition; only an empty table can have another one.
func (c *change) key() {
	if c.have.made {
		return
	}
	if c.keyHolds() {
		if c.d.identity() && c.have.KeyName != c.want.KeyName && !c.have.foreign() {
			s := c.naming("key")
			s.sql("alter table "+quote(c.have.Name)+" rename constraint "+quote(c.have.KeyName)+" to "+quote(c.want.KeyName), accessExclusive)
			c.have.KeyName = c.want.KeyName
		}
		return
	}
	if slices.ContainsFunc(c.want.Key, func(k string) bool { return c.have.Column(k) == nil }) {
		return // the column that is missing says so
	}
	s := c.step("!", "change key", nil, nil)
	s.block("E085", "the key cannot change from (%s) to (%s) while the table has %s", strings.Join(c.have.Key, ", "), strings.Join(c.want.Key, ", "), count(c.rows(), "row"))
	s.Rows, s.Help = c.rows(), "make a class with the new key and move the rows there"
}

// naming is the step that gives parts of a table their names: the one that renames the table, or one of its own.
func (c *change) naming(what string) *Step {
	for _, s := range slices.Backward(c.steps) {
		if (s.Change == "rename table" || s.Change == "rename column" || s.Change == "rename parts") && s.Risk == Safe && s.of == c.have {
			return s
		}
	}
	s := c.step("~", "rename parts", nil, nil)
	s.Text, s.of = "the "+what+" of "+c.have.Name+" gets the name it has everywhere", c.have
	return s
}

// fieldType is the type of the values of a column of the schema.
func (c *Column) fieldType() schema.Type {
	if c.field == nil {
		return nil
	}
	return c.field.Type
}
