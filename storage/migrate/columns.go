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
			h.before = "coalesce(" + h.value() + ", " + value + ")"
		}
		h.NotNull = true
		c.d.require(c, s, h, f)
	}
}

// limits notes other limits of the values of a column. It returns false when the values do not fit.
func (c *change) limits(h, w *Column) bool {
	if h.Limits == nil || w.Limits == nil || h.Limits.text() == w.Limits.text() {
		return true
	}
	n := narrow(c.d, w.fieldType(), w.Kind, h.Limits, w.Limits)
	s := c.step("~", "limit", w, nil)
	s.Text = strings.Join(n.words, ", ")
	if s.Text == "" {
		s.Text = "otherwise limited"
	}
	if n.wrong != "" && !c.empty(h) {
		s.block("E085", "%s: %s", s.Text, n.wrong)
		s.Help = "keep the type and add a field of the new one"
		return false
	}
	if len(n.bad) > 0 || n.scan {
		s.Rows = c.rows()
		s.Estimate = c.cost(s.Rows, scanning)
	}
	if !c.fits(s, h, w, n.bad, n.scan, false, quote(h.Name)) {
		return false
	}
	if len(n.lost) > 0 && !c.empty(h) {
		s.Rows = c.where(c.have, h.value(), "$ is not null")
		s.Text = "drops " + strings.Join(n.lost, ", ") + " from " + count(s.Rows, "value") + ", each when it is next written"
		c.destroy(s, "D104")
	}
	if h.Limits.Per != w.Limits.Per {
		s.sql("delete from _dowel_sequences where name = "+literal(c.have.Name+"."+w.Name), "")
	}
	if n.narrows() {
		c.fence(s)
	}
	s.guarded()
	c.note(s, w)
	return true
}

// guarded looks at the guards of a step.
func (s *Step) guarded() {
	for _, g := range s.guards {
		s.verify(g, comeSince)
	}
}

// comeSince is why a guard fails.
const comeSince = "rows that do not fit have come since the plan was made"

// fits counts the values that are not allowed any more, and blocks the step when there are any. now is the value when
// the step is run.
func (c *change) fits(s *Step, h, w *Column, bad []string, scan, exact bool, now string) bool {
	value := h.value()
	if len(bad) > 0 {
		for i, b := range bad {
			bad[i] = "(" + b + ")"
		}
		condition := strings.Join(bad, " or ")
		if n := c.where(c.have, value, condition); n > 0 {
			s.block("E082", "%s: %s not fit", s.Text, rowsDo(n, "do"))
			s.Rows, s.List = n, list(c.have, value, condition)
			s.Help = "change these rows first, or keep what the schema said"
			return false
		}
		s.guards = append(s.guards, "not exists (select 1 from "+quote(c.have.Name)+" where "+apply(condition, now)+")")
	}
	if scan && w.field != nil && h.stored != "" {
		if n, some := c.scanned(h, w.fieldType(), exact); n > 0 {
			s.block("E082", "%s: %s not fit", s.Text, rowsDo(n, "do"))
			s.Rows, s.Help = n, "change these rows first, or keep what the schema said"
			s.List = "select " + strings.Join(append(keyColumns(c.have), quote(h.stored)), ", ") + " from " + c.have.source() + " where " + strings.Join(some, " or ")
			return false
		}
	}
	return true
}

// retype gives a column another type, or its values another meaning.
func (c *change) retype(h, w *Column) bool {
	from := h.Kind
	if from == "" {
		from = c.d.adopted(h.Type)
	}
	s := c.step("~", "change type", w, nil)
	s.Text = typeWord(h) + " -> " + typeWord(w)
	conv, ok := c.d.convert(from, w.Kind)
	if from == w.Kind && from != "" {
		conv, ok = c.d.recast(w)
	}
	if !ok && c.empty(h) {
		conv, ok = conversion{expr: c.d.null(w.Type)}, true
	}
	related := h.Refers != nil && w.Refers != nil || slices.Contains(c.have.Key, h.Name) && from != w.Kind
	if related && !c.empty(h) || !ok {
		s.block("E085", "%s: the values cannot be taken over", s.Text)
		if related {
			s.Text = typeWord(h) + " -> " + typeWord(w) + ": other rows know this one by its value"
		}
		s.Help = "keep the type and add a field of the new one"
		return false
	}
	s.Rows = c.rows()
	var all narrowing
	if w.field != nil && w.Limits != nil {
		all = *narrow(c.d, w.fieldType(), w.Kind, nil, w.Limits)
	}
	if conv.bad != "" && !c.fits(s, h, w, []string{conv.bad}, conv.scan, conv.exact, quote(h.Name)) {
		return false
	}
	if conv.bad == "" && conv.scan && !c.fits(s, h, w, nil, true, conv.exact, "") {
		return false
	}
	if w.Limits != nil && w.Limits.Type == "password" {
		s.block("E085", "%s: a password is kept as its hash", s.Text)
		return false
	}
	converted := Column{Name: h.Name, stored: h.stored, before: apply(conv.expr, h.value()), field: w.field}
	if !c.fits(s, &converted, w, all.bad, all.scan && w.Kind == "text" && from == "text", false, apply(conv.expr, quote(h.Name))) {
		return false
	}
	h.before = converted.before
	if h.Refers != nil { // without a value
		c.d.unrefer(c, s, h)
		h.Refers = nil
	}
	c.d.retype(c, s, h, w, conv)
	h.Type, h.Default = w.Type, ""
	return true
}

// typeWord is what people call the type of a column.
func typeWord(c *Column) string {
	if c.Limits != nil && !strings.HasPrefix(c.Kind, "decimal") {
		return c.Limits.Type
	}
	if c.Kind != "" {
		return c.Kind
	}
	return strings.ToLower(c.Type)
}

// adopted of SQLite knows that numbers of any digits are kept as they come.
func (sqlite) adopted(t string) string {
	if affinity(t) == "NUMERIC" && !isTime(t) {
		return "float"
	}
	return adopted(t)
}

func (postgres) adopted(t string) string { return adopted(t) }

// adopted is the kind word of a type that somebody else gave a column, "" for one that is not understood.
func adopted(t string) string {
	t = strings.ToLower(t)
	base, _, _ := strings.Cut(t, "(")
	switch strings.TrimSpace(base) {
	case "integer", "int", "bigint", "smallint":
		return "int"
	case "real", "double precision", "float", "double":
		return "float"
	case "text", "varchar", "character varying", "character", "char", "citext", `text collate "default"`:
		return "text"
	case "boolean", "bool":
		return "bool"
	case "json", "jsonb":
		return "json"
	case "timestamp with time zone", "timestamp without time zone":
		return "datetime"
	case "numeric":
		if _, scale, ok := strings.Cut(t, ","); ok {
			return "decimal(" + scale
		}
	}
	if strings.HasPrefix(t, "text") || strings.HasPrefix(t, "character varying") {
		return "text"
	}
	return ""
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

// number is a number of rows as people read it: 12 403.
func number(n int64) string {
	if n < 0 {
		return "?"
	}
	if n == unknownRows {
		return "all"
	}
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// rowsDo counts rows that have, get or do something: 1 row has, 2 rows have.
func rowsDo(n int64, verb string) string {
	if n == 1 {
		verb = map[string]string{"have": "has", "get": "gets", "do": "does", "point": "points"}[verb]
	}
	return count(n, "row") + " " + verb
}

func count(n int64, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return number(n) + " " + unit + "s"
}

// fieldType is the type of the values of a column of the schema.
func (c *Column) fieldType() schema.Type {
	if c.field == nil {
		return nil
	}
	return c.field.Type
}
