package migrate

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// spec is what a field says of itself.
type spec struct {
	typ    string
	enum   []string
	list   *spec
	fields []member
	many   string
	words  []word
	per    string // column that a sequence counts by
}

// word is an option: optional, max=20.
type word struct {
	name string
	text string
	flag bool
}

// member is a member of a nested object.
type member struct {
	name string
	spec spec
}

func (sp *spec) flag(name string) {
	if !sp.has(name) {
		sp.words = append(sp.words, word{name: name, flag: true})
	}
}

func (sp *spec) set(name, text string) {
	sp.drop(name)
	sp.words = append(sp.words, word{name: name, text: text})
}

func (sp *spec) value(name, text string) { sp.set(name, text) }

func (sp *spec) has(name string) bool {
	return slices.ContainsFunc(sp.words, func(w word) bool { return w.name == name })
}

func (sp *spec) get(name string) string {
	for _, w := range sp.words {
		if w.name == name {
			return w.text
		}
	}
	return ""
}

func (sp *spec) drop(name string) {
	sp.words = slices.DeleteFunc(sp.words, func(w word) bool { return w.name == name })
}

// build makes the type.
func (sp *spec) build() (schema.Type, error) {
	o := schema.Options{Text: map[string]string{}}
	for _, w := range sp.words {
		switch w.name {
		case "min", "max", "scale", "pattern":
			o.Text[w.name] = w.text
		}
	}
	switch {
	case sp.enum != nil:
		return schema.NewType("enum", schema.Options{Enum: sp.enum})
	case sp.list != nil:
		elem, err := sp.list.build()
		if err != nil {
			return nil, err
		}
		o.Elem = elem
		return schema.NewType("list", o)
	case sp.fields != nil:
		for _, m := range sp.fields {
			t, err := m.spec.build()
			if err != nil {
				return nil, err
			}
			o.Fields = append(o.Fields, &schema.Field{Name: m.name, JSON: m.name, Type: t, Optional: m.spec.has("optional")})
		}
		return schema.NewType("object", o)
	}
	return schema.NewType(sp.typ, o)
}

// takes reports whether a text is a value of the type.
func (sp *spec) takes(text string) bool {
	t, err := sp.build()
	if err != nil || t.Kind() == schema.JSON || t.Traits().Secret {
		return false
	}
	_, err = t.Parse(text)
	return err == nil
}

// typeOf is the type that values of a column have, or why no type can hold them.
func (s *sketcher) typeOf(t *Table, c *Column) (sp spec, why string) {
	if known, ok := s.types[c]; ok {
		return known.spec.clone(), known.why
	}
	switch {
	case c.Limits != nil:
		sp, why = specOf(c.Limits, c.Kind)
	case s.d.identity():
		sp, why = s.pgType(t, c)
	default:
		sp, why = s.liteType(t, c)
	}
	if why == "" {
		if _, err := sp.build(); err != nil {
			why = "no type can hold it: " + err.Error()
		}
	}
	if s.types == nil {
		s.types = map[*Column]typed{}
	}
	s.types[c] = typed{sp.clone(), why}
	return sp, why
}

// typed is what is known of a column.
type typed struct {
	spec spec
	why  string
}

func (sp spec) clone() spec {
	sp.words = slices.Clone(sp.words)
	return sp
}

// specOf is the inverse of limitsOf.
func specOf(l *Limits, kind string) (sp spec, why string) {
	sp.typ = l.Type
	switch l.Type {
	case "enum":
		return spec{enum: l.Values}, ""
	case "list":
		elem, why := specOf(l.Of, "")
		sp = spec{list: &elem}
		sp.bounds(l, &Limits{})
		return sp, why
	case "object":
		sp = spec{fields: []member{}}
		for _, m := range l.Members {
			inner, why := specOf(m.Limits, "")
			if why != "" {
				return sp, why
			}
			if m.Optional {
				inner.flag("optional")
			}
			sp.fields = append(sp.fields, member{m.Name, inner})
		}
		return sp, ""
	case "decimal":
		scale, ok := scaleOf(kind)
		if !ok {
			scale = l.Scale
		}
		sp.set("scale", itoa(scale))
	}
	plain, err := sp.build()
	if err != nil {
		return sp, "it is of a type of the application: " + l.Type
	}
	sp.bounds(l, limitsOf(plain))
	return sp, ""
}

// bounds adds the limits that are not those of the type itself.
func (sp *spec) bounds(l, plain *Limits) {
	if l.Min != "" && l.Min != plain.Min {
		sp.value("min", l.Min)
	}
	if l.Max != "" && l.Max != plain.Max {
		sp.value("max", l.Max)
	}
	if l.Pattern != "" && l.Pattern != plain.Pattern {
		sp.value("pattern", strings.TrimSuffix(strings.TrimPrefix(l.Pattern, "^(?:"), ")$"))
	}
}

// pgType goes by the type of a column of PostgreSQL.
func (s *sketcher) pgType(t *Table, c *Column) (sp spec, why string) {
	name := c.Type
	if c.base != "" {
		name = c.base
	}
	collated, _, _ := strings.Cut(name, " collate ")
	base, args := typeParts(collated)
	col, table := quote(c.Name), quote(t.Name)
	if c.labels != nil {
		return spec{enum: c.labels}, ""
	}
	switch base {
	case "smallint", "integer":
		return spec{typ: "int"}, ""
	case "bigint":
		if s.count("select 1 from "+table+" where "+col+" not "+doubles+" limit 1") > 0 {
			return spec{typ: "bigint"}, ""
		}
		return spec{typ: "int"}, ""
	case "boolean":
		return spec{typ: "bool"}, ""
	case "real", "double precision":
		return spec{typ: "float"}, ""
	case "numeric":
		return s.pgNumeric(table, col, args)
	case "timestamp with time zone", "timestamp without time zone":
		return spec{typ: "datetime"}, ""
	case "time without time zone":
		return spec{typ: "time"}, ""
	case "date", "uuid", "json":
		return spec{typ: base}, ""
	case "jsonb":
		return spec{typ: "json"}, ""
	case "text", "citext", "character varying", "character":
		if values := s.listed(t, c); values != nil {
			return spec{enum: values}, ""
		}
		sp = textSpec(c)
		if len(args) == 1 {
			sp.typ = "string"
			sp.set("max", itoa(args[0]))
		} else if base == "character" {
			sp.typ = "string"
			sp.set("max", "1")
		}
		return sp, ""
	}
	return sp, "no type holds it"
}

// pgNumeric looks at the values where the type leaves the digits after the point open.
func (s *sketcher) pgNumeric(table, col string, args []int) (sp spec, why string) {
	sp.typ = "decimal"
	scale := 0
	switch {
	case len(args) == 2:
		scale = args[1]
	case args == nil:
		scale = max(2, int(s.count("select coalesce(max(scale("+col+")), 0) from "+table)))
	}
	if scale < 0 || scale > 18 {
		return sp, "no decimal has " + itoa(scale) + " digits after the point"
	}
	sp.set("scale", itoa(scale))
	return sp, ""
}

// textSpec is a text of one line or of several, by its name.
func textSpec(c *Column) spec {
	for _, w := range []string{"body", "description", "content", "comment", "notes", "text", "details", "summary", "biography", "bio", "message"} {
		if strings.EqualFold(c.Name, w) || strings.HasSuffix(strings.ToLower(c.Name), "_"+w) {
			return spec{typ: "text"}
		}
	}
	return spec{typ: "string"}
}

// The forms that texts of dates and times have here, as SQLite's glob knows them.
const (
	digit2       = "[0-9][0-9]"
	dateGlob     = digit2 + digit2 + "-" + digit2 + "-" + digit2
	timeGlob     = digit2 + ":" + digit2 + ":" + digit2 + "." + digit2 + digit2 + digit2
	datetimeGlob = dateGlob + "T" + timeGlob + "Z"
)

// liteType goes by what a column of SQLite is called, and by what is in it: SQLite keeps anything anywhere.
func (s *sketcher) liteType(t *Table, c *Column) (sp spec, why string) {
	declared := strings.ToUpper(c.Type)
	base, args := typeParts(declared)
	a := affinity(declared)
	only := func(types string) bool {
		return s.count("select 1 from "+quote(t.Name)+" where typeof("+quote(c.Name)+") not in ("+types+", 'null') limit 1") == 0
	}
	all := func(condition string) bool {
		return s.count("select 1 from "+quote(t.Name)+" where "+quote(c.Name)+" is not null and not ("+apply(condition, quote(c.Name))+") limit 1") == 0
	}
	text := func() (spec, string) {
		if !only("'text'") {
			return spec{}, "it holds values of several types"
		}
		if values := s.listed(t, c); values != nil {
			return spec{enum: values}, ""
		}
		sp := textSpec(c)
		if len(args) == 1 && args[0] > 0 && all("length($) <= "+itoa(args[0])) {
			sp.typ = "string"
			sp.set("max", itoa(args[0]))
		}
		return sp, ""
	}
	made := strings.Contains(strings.ToUpper(c.Default), "CURRENT_") || strings.Contains(c.Default, "(")
	switch {
	case declared == "BLOB":
		return sp, "no type holds it"
	case isTime(declared) && a != "INTEGER" && a != "REAL":
		for _, form := range []struct{ word, typ, glob string }{{"DATETIME", "datetime", datetimeGlob}, {"TIMESTAMP", "datetime", datetimeGlob}, {"DATE", "date", dateGlob}, {"TIME", "time", timeGlob}} {
			if strings.Contains(declared, form.word) {
				if !made && only("'text'") && all("$ glob '"+form.glob+"'") {
					return spec{typ: form.typ}, ""
				}
				return text()
			}
		}
		if strings.Contains(declared, "UUID") && only("'text'") && all("length($) = 36 and $ = lower($)") {
			return spec{typ: "uuid"}, ""
		}
		if strings.Contains(declared, "JSON") && only("'text'") && all("json_valid($)") {
			return spec{typ: "json"}, ""
		}
		return text()
	case strings.HasPrefix(base, "BOOL"):
		if only("'integer'") && all("$ in (0, 1)") {
			return spec{typ: "bool"}, ""
		}
		return spec{typ: "float"}, ""
	case a == "INTEGER":
		if !only("'integer'") {
			return sp, "it holds values of several types"
		}
		if !all("$ " + doubles) {
			return spec{typ: "bigint"}, ""
		}
		return spec{typ: "int"}, ""
	case a == "REAL", a == "NUMERIC":
		if !only("'integer', 'real'") {
			return sp, "it holds values of several types"
		}
		return spec{typ: "float"}, ""
	case a == "BLOB" && only("'integer'") && !only("'text'"):
		return sp, "it holds values of several types"
	}
	return text()
}

// listed are the values of a check that lists them, nil without one.
func (s *sketcher) listed(t *Table, c *Column) []string {
	if s.d.identity() {
		for _, o := range s.db.Others {
			if column, values := checkedList(o.SQL); o.Table == t.Name && column == c.Name {
				return values
			}
		}
		return nil
	}
	for _, found := range liteList.FindAllStringSubmatch(t.sql, -1) {
		if strings.Trim(found[1], "\"`[]") == c.Name {
			return literals(found[2])
		}
	}
	return nil
}

var (
	liteList  = regexp.MustCompile("(?i)check\\s*\\(\\s*(\"[^\"]+\"|`[^`]+`|\\[[^\\]]+\\]|\\w+)\\s+in\\s*\\(((?:\\s*'(?:[^']|'')*'\\s*,?)+)\\)\\s*\\)")
	pgList    = regexp.MustCompile(`^CHECK \(\(*("[^"]+"|\w+)\)?(?:::[a-z ]+)?\)? = ANY \(\(?ARRAY\[(.*?)\]\)?(?:::[a-z ]+\[\])?\)+$`)
	oneText   = regexp.MustCompile(`'((?:[^']|'')*)'(?:::[a-z ]+(?:\([0-9]+\))?)?\)?(?:::[a-z ]+)?`)
	castText  = regexp.MustCompile(`^\(*'((?:[^']|'')*)'\)*(?:::"?[\w. ]+"?(?:\([0-9, ]+\))?)*$`)
	plainText = regexp.MustCompile(`^\(*(-?[0-9]+(?:\.[0-9]+)?)\)*(?:::[\w ]+(?:\([0-9, ]+\))?)*$`)
)

// checkedList reads a check of PostgreSQL that lists values.
func checkedList(sql string) (column string, values []string) {
	found := pgList.FindStringSubmatch(sql)
	if found == nil {
		return "", nil
	}
	return strings.Trim(found[1], `"`), literals(found[2])
}

// literals are the texts of a list; nil when it has something else.
func literals(list string) (values []string) {
	for _, found := range oneText.FindAllStringSubmatch(list, -1) {
		v := strings.ReplaceAll(found[1], "''", "'")
		if v == "" || slices.Contains(values, v) {
			return nil
		}
		values = append(values, v)
	}
	if rest := oneText.ReplaceAllString(list, ""); strings.Trim(rest, "( ,)\n\t") != "" {
		return nil
	}
	return values
}

// constantOf reads a default that is a constant.
func constantOf(d string) (text string, ok bool) {
	if found := castText.FindStringSubmatch(d); found != nil {
		return strings.ReplaceAll(found[1], "''", "'"), true
	}
	if found := plainText.FindStringSubmatch(d); found != nil {
		return found[1], true
	}
	switch strings.ToLower(d) {
	case "true", "false":
		return strings.ToLower(d), true
	}
	if inner, quoted := strings.CutPrefix(d, `"`); quoted && strings.HasSuffix(inner, `"`) { // SQLite takes it for a text
		return strings.TrimSuffix(inner, `"`), true
	}
	return "", false
}

func isNow(d string) bool {
	d = strings.ToLower(strings.Trim(d, "()"))
	d, _, _ = strings.Cut(d, "::")
	switch strings.Trim(d, "() ") {
	case "now", "current_timestamp", "localtimestamp", "transaction_timestamp", "statement_timestamp", "current_date", "current_time", "localtime":
		return true
	}
	return false
}

func isRandomUUID(d string) bool {
	return strings.HasPrefix(d, "gen_random_uuid(") || strings.HasPrefix(d, "uuid_generate_v")
}

// whole reports whether a text is a number as the language writes it.
func whole(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}
