package sqlite

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// tableDef is a table as it should be, or as it is.
type tableDef struct {
	name    string
	stored  string // its name in the file while a rename is only planned
	columns []columnDef
	key     []string
	link    bool // a link table: no version, no rowid
}

// columnDef is one column.
type columnDef struct {
	name    string
	stored  string // as of tableDef
	typ     string // INTEGER, REAL, TEXT
	notNull bool
	refers  string // table it references, "" for none
	refCol  string
	def     string // default as SQL, "" for none
	kind    string // what the type means: decimal(2), datetime, …; "" when not known
	field   *schema.Field
}

// indexDef is one index; its SQL, spelled as SQLite keeps it, is also how it is recognised.
type indexDef struct {
	name, table, sql string
	unique           bool
	columns          []string
	folds            []bool // columns compared without case
	live             string // column that is null in the rows it covers, "" for all rows
}

// DDL returns the statements that make the tables of a schema from nothing.
func DDL(s *schema.Schema) []string {
	var out []string
	for _, t := range desiredTables(s) {
		out = append(out, t.create(t.name))
	}
	for _, x := range desiredIndexes(s) {
		out = append(out, x.sql)
	}
	return out
}

func desiredTables(s *schema.Schema) []tableDef {
	var out []tableDef
	for _, c := range s.Classes {
		out = append(out, classTable(c))
	}
	for _, c := range s.Classes {
		for _, f := range c.Fields {
			if f.Many != nil {
				out = append(out, linkTable(f))
			}
		}
	}
	return out
}

func classTable(c *schema.Class) tableDef {
	t := tableDef{name: c.Table}
	for _, f := range c.Fields {
		if f.Stored() {
			t.columns = append(t.columns, fieldColumn(f))
		}
	}
	t.columns = append(t.columns, columnDef{name: sqlgen.VersionColumn, typ: "INTEGER", notNull: true, def: "1", kind: "version"})
	for _, f := range c.Key {
		t.key = append(t.key, f.Column)
	}
	return t
}

func fieldColumn(f *schema.Field) columnDef {
	d := columnDef{name: f.Column, typ: columnType(f.Type.Kind()), notNull: !f.Optional, kind: kindWord(f.Type), field: f}
	if slices.Contains(f.Class.Key, f) {
		d.notNull = true
	}
	if f.Ref != nil {
		d.refers, d.refCol = f.Ref.To.Table, f.Ref.To.Key[0].Column
	}
	return d
}

func columnType(k schema.Kind) string {
	switch k {
	case schema.Float:
		return "REAL"
	case schema.Text, schema.JSON:
		return "TEXT"
	}
	return "INTEGER"
}

// kindWord tells apart what shares a column type: a change of it is a change of
// every value.
func kindWord(t schema.Type) string {
	if t.Kind() == schema.Decimal {
		return "decimal(" + strconv.Itoa(int(sqlgen.ScaleOf(t))) + ")"
	}
	switch t.Name() {
	case "date", "time", "datetime", "duration", "uuid":
		return t.Name()
	}
	return t.Kind().String()
}

func linkTable(f *schema.Field) tableDef {
	m := f.Many
	own, other := f.Class.Key[0], m.To.Key[0]
	return tableDef{
		name: m.Table,
		link: true,
		key:  []string{m.Own, m.Other},
		columns: []columnDef{
			{name: m.Own, typ: columnType(own.Type.Kind()), notNull: true, refers: f.Class.Table, refCol: own.Column, kind: kindWord(own.Type)},
			{name: m.Other, typ: columnType(other.Type.Kind()), notNull: true, refers: m.To.Table, refCol: other.Column, kind: kindWord(other.Type)},
		},
	}
}

// create is the statement that makes the table under a name.
func (t *tableDef) create(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "create table %s (\n", sqlgen.Quote(name))
	rowKey := t.rowKey()
	for _, c := range t.columns {
		b.WriteString("  " + c.sql(c.name == rowKey) + ",\n")
	}
	if rowKey != "" {
		s := strings.TrimSuffix(b.String(), ",\n")
		return s + "\n) strict"
	}
	b.WriteString("  primary key (" + quoteAll(t.key) + ")\n) strict")
	if t.link {
		b.WriteString(", without rowid")
	}
	return b.String()
}

// rowKey is the column that is SQLite's own row number: a single integer key.
func (t *tableDef) rowKey() string {
	if len(t.key) != 1 || t.link {
		return ""
	}
	if c := t.column(t.key[0]); c != nil && c.typ == "INTEGER" {
		return c.name
	}
	return ""
}

func (t *tableDef) column(name string) *columnDef {
	for i := range t.columns {
		if t.columns[i].name == name {
			return &t.columns[i]
		}
	}
	return nil
}

func (c *columnDef) sql(rowKey bool) string {
	s := sqlgen.Quote(c.name) + " " + c.typ
	if rowKey {
		s += " primary key"
	}
	if c.notNull {
		s += " not null"
	}
	if c.def != "" {
		s += " default " + c.def
	}
	if c.refers != "" {
		s += " references " + sqlgen.Quote(c.refers) + " (" + sqlgen.Quote(c.refCol) + ")"
	}
	return s
}

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = sqlgen.Quote(n)
	}
	return strings.Join(quoted, ", ")
}

// Names of indexes made here begin with one of these, so that those of others are left alone.
const (
	uniquePrefix = "ux_"
	indexPrefix  = "ix_"
)

func desiredIndexes(s *schema.Schema) []indexDef {
	var out []indexDef
	add := func(x indexDef) {
		if !slices.ContainsFunc(out, func(y indexDef) bool { return y.name == x.name }) {
			out = append(out, x)
		}
	}
	for _, c := range s.Classes {
		served := map[*schema.Field]bool{}
		if len(c.Key) > 1 {
			served[c.Key[0]] = true
		}
		for _, x := range c.Uniques {
			if slices.Equal(x.Fields, c.Key) {
				continue
			}
			add(newIndex(c, x.Fields, true))
			served[x.Fields[0]] = served[x.Fields[0]] || !c.SoftDelete && !sqlgen.FoldsCase(x.Fields[0])
		}
		for _, x := range c.Indexes {
			if !x.Unique && storedAll(x.Fields) {
				add(newIndex(c, x.Fields, false))
				served[x.Fields[0]] = true
			}
		}
		for _, f := range c.Fields {
			if (f.Ref != nil || f.Indexed) && f.Stored() && !served[f] && !slices.Equal(c.Key, []*schema.Field{f}) {
				add(newIndex(c, []*schema.Field{f}, false))
				served[f] = true
			}
		}
		if fields := sortFields(c); fields != nil && !served[fields[0]] {
			add(newIndex(c, fields, false))
		}
	}
	for _, c := range s.Classes {
		for _, f := range c.Fields {
			if f.Many != nil {
				add(linkIndex(f))
			}
		}
	}
	return out
}

// sortFields are those of the default order, when an index can give it: one
// direction, no enum (they sort by rank), not the key.
func sortFields(c *schema.Class) []*schema.Field {
	var out []*schema.Field
	for _, s := range c.Sort {
		if !s.Field.Stored() || s.Desc != c.Sort[0].Desc || s.Field.Type.Name() == "enum" || slices.Contains(c.Key, s.Field) {
			break
		}
		out = append(out, s.Field)
	}
	return out
}

func storedAll(fields []*schema.Field) bool {
	return !slices.ContainsFunc(fields, func(f *schema.Field) bool { return !f.Stored() })
}

func newIndex(c *schema.Class, fields []*schema.Field, unique bool) indexDef {
	x := indexDef{name: indexPrefix + c.Table, table: c.Table, unique: unique}
	create := "CREATE INDEX "
	if unique {
		x.name, create = uniquePrefix+c.Table, "CREATE UNIQUE INDEX "
	}
	columns := make([]string, len(fields))
	for i, f := range fields {
		x.name += "_" + f.Column
		x.columns = append(x.columns, f.Column)
		x.folds = append(x.folds, unique && sqlgen.FoldsCase(f))
		columns[i] = sqlgen.Quote(f.Column)
		if x.folds[i] {
			columns[i] += " collate nocase"
		}
	}
	x.sql = create + sqlgen.Quote(x.name) + " on " + sqlgen.Quote(c.Table) + " (" + strings.Join(columns, ", ") + ")"
	if unique && c.SoftDelete && c.DeletedAt != nil {
		x.live = c.DeletedAt.Column
		x.sql += " where " + sqlgen.Quote(x.live) + " is null"
	}
	return x
}

func linkIndex(f *schema.Field) indexDef {
	m := f.Many
	name := indexPrefix + m.Table + "_" + m.Other
	return indexDef{name: name, table: m.Table, sql: "CREATE INDEX " + sqlgen.Quote(name) + " on " + sqlgen.Quote(m.Table) + " (" + quoteAll([]string{m.Other, m.Own}) + ")"}
}
