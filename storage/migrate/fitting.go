package migrate

import (
	"slices"
	"strings"
)

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
	former := h.before
	h.before = converted.before
	if !c.staysUnique(s, h) {
		h.before = former
		return false
	}
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
