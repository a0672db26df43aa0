package migrate

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// A table that somebody else has made is taken over as it is: with types that can hold what the
// schema wants (accepts), with its own names of constraints and indexes, and with columns, references
// and indexes that no field has. It only gets what is needed to serve it. That is no change of the
// plan but an adoption: a step of a risk of its own.

// Adoption is the risk of a step that makes a table of somebody else one of ours: it gets a
// column for versions, and is noted.
const Adoption Risk = "adoption"

// adoptedNote stands where the name of a column does and says that a table was made elsewhere.
const adoptedNote = "made elsewhere"

// foreign reports whether a table was made by somebody else.
func (t *Table) foreign() bool { return !t.Ours || t.Adopted }

// takeOver adopts a table.
func (c *change) takeOver() {
	s := c.step("~", "adopt table", nil, nil)
	s.Risk, s.Rows = Adoption, c.rows()
	s.Text = "takes over the table " + c.have.Name + ", which has " + count(s.Rows, "row")
	s.sql(noteTable(&Table{Name: c.have.Name, Columns: c.known()}), "")
	s.sql("insert into _dowel_columns (name, col, kind, says) values "+noteRow(c.have.Name, adoptedNote, "table", "")+" on conflict (name, col) do nothing", "")
	if !c.want.Link {
		if sql := c.d.startCounters(c.have.Name); sql != "" {
			s.sql(sql, "")
		}
		if w := c.want.Column(sqlgen.VersionColumn); w != nil && c.have.Column(w.Name) == nil {
			col := *w
			c.d.addVersions(c, s, &col)
			col.noted = true
			c.have.Columns = append(c.have.Columns, &col)
		}
	}
	var needed []string
	for _, h := range c.have.Columns {
		if c.want.Column(h.Name) == nil && h.NotNull && h.Default == "" && !h.Identity && !h.generated {
			needed = append(needed, h.Name)
		}
	}
	if needed != nil {
		s.Help = "no row can be created: no field has " + strings.Join(needed, ", ") + ", which every row needs"
	}
	c.have.Ours, c.have.Adopted = true, true
}

// known are the columns that are already as they are wanted.
func (c *change) known() (cols []*Column) {
	for _, w := range c.want.Columns {
		if w.Name == sqlgen.VersionColumn {
			cols = append(cols, w)
			continue
		}
		h := c.have.Column(w.Name)
		if h == nil {
			continue
		}
		if h.Kind == "" && h.Type == w.Type || c.d.accepts(c, h, w) {
			h.Kind, h.Limits, h.noted = w.Kind, w.Limits, true
			cols = append(cols, w)
		}
	}
	if len(cols) == 0 {
		cols = append(cols, &Column{Name: c.want.Columns[0].Name})
	}
	return cols
}

// numbered reports whether the database gives a column its numbers, by whatever means.
func (c *Column) numbered() bool {
	return c.Identity || strings.HasPrefix(c.Default, "nextval(")
}

// keyHolds reports whether a key has the columns that are wanted. The order of the two sides of a set is
// free where somebody else has made it.
func (c *change) keyHolds() bool {
	if slices.Equal(c.have.Key, c.want.Key) {
		return true
	}
	return c.want.Link && c.have.foreign() && len(c.have.Key) == len(c.want.Key) &&
		!slices.ContainsFunc(c.want.Key, func(k string) bool { return !slices.Contains(c.have.Key, k) })
}

// accepts reports whether a column of somebody else holds what is wanted of it.
func (postgres) accepts(c *change, h, w *Column) bool {
	if !c.have.foreign() || h.Kind != "" && h.Kind != w.Kind {
		return false
	}
	t := h.Type
	if h.base != "" {
		t = h.base
	}
	if collated, _, is := strings.Cut(t, " collate "); is {
		t = collated
	}
	base, args := typeParts(t)
	switch w.Kind {
	case "int":
		return base == "smallint" || base == "integer" || base == "bigint"
	case "bool":
		return base == "boolean"
	case "float":
		return base == "real" || base == "double precision"
	case "datetime":
		return base == "timestamp with time zone" || base == "timestamp without time zone"
	case "date", "uuid":
		return base == w.Kind
	case "time":
		return base == "time without time zone"
	case "json":
		if base == "jsonb" { // its members are reached otherwise than those of json
			return w.Limits == nil || w.Limits.Type == "json"
		}
		return base == "json"
	case "text":
		return acceptsText(h, w, base, args)
	}
	scale, ok := scaleOf(w.Kind)
	if !ok || base != "numeric" {
		return false
	}
	if args == nil {
		return c.where(c.have, quote(h.stored), "scale($) > "+itoa(scale)) == 0
	}
	return len(args) == 2 && args[1] == scale || len(args) == 1 && scale == 0
}

func acceptsText(h, w *Column, base string, args []int) bool {
	if h.labels != nil {
		return w.Limits != nil && len(w.Limits.Values) > 0 && !slices.ContainsFunc(w.Limits.Values, func(v string) bool { return !slices.Contains(h.labels, v) })
	}
	switch base {
	case "text", "citext":
		return true
	case "character varying", "character":
		if args == nil {
			return base == "character varying"
		}
		return w.Limits != nil && longest(w.Limits) <= args[0]
	}
	return false
}

// longest is the most characters that limits allow.
func longest(l *Limits) int {
	n := 1 << 30
	if len(l.Values) > 0 {
		n = 0
		for _, v := range l.Values {
			n = max(n, len([]rune(v)))
		}
	}
	if most, err := strconv.Atoi(l.Max); err == nil {
		n = min(n, most)
	}
	return n
}

// typeParts takes the words of a type and its numbers apart: timestamp(3) with time zone.
func typeParts(t string) (base string, args []int) {
	before, rest, found := strings.Cut(t, "(")
	if !found {
		return t, nil
	}
	inner, after, _ := strings.Cut(rest, ")")
	for part := range strings.SplitSeq(inner, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return t, nil
		}
		args = append(args, n)
	}
	return strings.TrimSpace(before) + after, args
}

// accepts goes by affinity: what a column of SQLite is called decides how it keeps what is put there, no more.
func (sqlite) accepts(c *change, h, w *Column) bool {
	if !c.have.foreign() || h.Kind != "" && h.Kind != w.Kind {
		return false
	}
	a := affinity(h.Type)
	switch w.Kind {
	case "int", "duration":
		return a == "INTEGER"
	case "bool":
		return a == "INTEGER" || a == "NUMERIC"
	case "float":
		return a == "REAL" || a == "NUMERIC"
	case "text", "json", "date", "time", "datetime", "uuid":
		return a == "TEXT" || a == "NUMERIC" && isTime(h.Type) || a == "BLOB" && h.Type != "BLOB"
	}
	scale, ok := scaleOf(w.Kind)
	return ok && scale == 0 && a == "INTEGER"
}

// alike reports whether columns of two types can refer to each other.
func alike(a, b string) bool {
	sort := func(t string) string {
		base, _, _ := strings.Cut(t, " collate ")
		switch base, _ = typeParts(base); base {
		case "smallint", "integer", "bigint":
			return "int"
		case "text", "character varying":
			return "text"
		}
		return t
	}
	return sort(a) == sort(b)
}

// affinity is that of a declared type of SQLite.
func affinity(t string) string {
	t = strings.ToUpper(t)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(t, w) })
	}
	switch {
	case has("INT"):
		return "INTEGER"
	case has("CHAR", "CLOB", "TEXT"):
		return "TEXT"
	case t == "" || has("BLOB"):
		return "BLOB"
	case has("REAL", "FLOA", "DOUB"):
		return "REAL"
	}
	return "NUMERIC"
}

// isTime reports whether a declared type of SQLite is one of texts that are never taken for numbers.
func isTime(t string) bool {
	t = strings.ToUpper(t)
	return strings.Contains(t, "DATE") || strings.Contains(t, "TIME") || strings.Contains(t, "UUID") || strings.Contains(t, "JSON")
}

// addVersions gives every row that is there the same version, without writing any.
func (postgres) addVersions(c *change, s *Step, col *Column) {
	s.brief("do $$ begin execute format('"+strings.ReplaceAll(alter(c.have.Name, "add column "+quote(col.Name)+" bigint not null default "), "'", "''")+
		"%s', nextval('_dowel_version')); end $$", accessExclusive)
	s.sql(alter(c.have.Name, "alter column "+quote(col.Name)+" set default "+col.Default), accessExclusive)
}

func (d sqlite) addVersions(c *change, s *Step, col *Column) {
	s.sql("alter table "+quote(c.have.Name)+" add column "+d.column(col, false), "")
}

// Foreign is what a store has to know of tables that were made elsewhere.
type Foreign struct {
	// Names are those that constraints and indexes would have here, by table and their own.
	Names map[[2]string]string
	// Narrow are columns of whole numbers of less than 64 bits, by table and name.
	Narrow map[[2]string]bool
}

// ForeignOf looks at the tables of a schema that were made elsewhere; nil when there are none.
func ForeignOf(ctx context.Context, c Asker, d Dialect, s *schema.Schema) (*Foreign, error) {
	adopted := false
	there := "select 1 where to_regclass('_dowel_columns') is not null"
	if !d.identity() {
		there = "select 1 from sqlite_schema where name = '_dowel_columns'"
	}
	ready := false
	if err := c.Query(ctx, there, func([]string) { ready = true }); err != nil || !ready {
		return nil, err
	}
	err := c.Query(ctx, "select 1 from _dowel_columns where col = "+literal(adoptedNote)+" limit 1", func([]string) { adopted = true })
	if err != nil || !adopted {
		return nil, err
	}
	have, err := d.inspect(ctx, c)
	if err != nil {
		return nil, err
	}
	f := &Foreign{Names: map[[2]string]string{}, Narrow: map[[2]string]bool{}}
	for _, w := range Desired(s, d).Tables {
		if h := have.Table(w.Name); h != nil && h.Adopted {
			f.table(h, w)
		}
	}
	return f, nil
}

func (f *Foreign) table(h, w *Table) {
	name := func(theirs, ours string) {
		if theirs != ours && theirs != "" {
			f.Names[[2]string{h.Name, theirs}] = ours
		}
	}
	name(h.KeyName, w.KeyName)
	for _, x := range h.Indexes {
		for _, y := range w.Indexes {
			if y.same(x) {
				name(x.Name, y.Name)
			}
		}
	}
	for _, y := range w.Columns {
		x := h.Column(y.Name)
		if x == nil {
			continue
		}
		if x.Refers != nil && y.Refers != nil && sameTarget(x.Refers, y.Refers) {
			name(x.Refers.Name, y.Refers.Name)
		}
		t := x.Type
		if x.base != "" {
			t = x.base
		}
		if t == "integer" || t == "smallint" {
			f.Narrow[[2]string{h.Name, x.Name}] = true
		}
	}
}
