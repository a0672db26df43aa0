package migrate

import (
	"slices"
	"strconv"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Desired is the database that a schema wants.
func Desired(s *schema.Schema, d Dialect) *Database {
	db := &Database{Dialect: d, schema: s, online: 20_000, batch: 5_000}
	for _, c := range s.Classes {
		db.Tables = append(db.Tables, classTable(d, c))
	}
	for _, c := range s.Classes {
		for _, f := range c.Fields {
			if f.Many != nil {
				db.Tables = append(db.Tables, linkTable(d, f))
			}
		}
	}
	return db
}

// classTable has the stored fields of a class and the version.
func classTable(d Dialect, c *schema.Class) *Table {
	t := &Table{Name: c.Table, KeyName: sqlgen.ConstraintName("pk", c.Table), class: c}
	for _, f := range c.Fields {
		if f.Stored() {
			t.Columns = append(t.Columns, fieldColumn(d, f))
		}
	}
	t.Columns = append(t.Columns, &Column{Name: sqlgen.VersionColumn, Type: d.columnType(versionKind), Kind: versionKind, NotNull: true, Default: d.versionDefault()})
	for _, f := range c.Key {
		t.Key = append(t.Key, sqlgen.ColumnName(f))
	}
	for _, check := range c.Checks {
		if t.Checks == nil {
			t.Checks = map[string]string{}
		}
		t.Checks[check.Name] = check.Text
	}
	t.Indexes = classIndexes(c)
	return t
}

func fieldColumn(d Dialect, f *schema.Field) *Column {
	kind := kindWord(f.Type)
	col := &Column{
		Name: sqlgen.ColumnName(f), Type: d.columnType(kind), Kind: kind, Limits: limitsOf(f.Type), field: f,
		NotNull:  !f.Optional || slices.Contains(f.Class.Key, f),
		Identity: f.Auto == schema.AutoID && d.identity(),
	}
	if f.Per != nil {
		col.Limits.Per = sqlgen.ColumnName(f.Per)
	}
	if f.Ref != nil {
		col.Refers = reference(f.Class.Table, sqlgen.ColumnName(f), f.Ref.To)
	}
	return col
}

func reference(table, column string, to *schema.Class) *Reference {
	return &Reference{Name: sqlgen.ConstraintName("fk", table, column), Table: to.Table, Column: sqlgen.ColumnName(to.Key[0])}
}

// linkTable has the pairs of keys of a set.
func linkTable(d Dialect, f *schema.Field) *Table {
	m := f.Many
	side := func(name string, to *schema.Class) *Column {
		kind := kindWord(to.Key[0].Type)
		return &Column{Name: name, Type: d.columnType(kind), Kind: kind, Limits: &Limits{Type: to.Key[0].Type.Name()}, NotNull: true, Refers: reference(m.Table, name, to)}
	}
	return &Table{
		Name: m.Table, Link: true, field: f,
		Key: []string{m.Own, m.Other}, KeyName: sqlgen.ConstraintName("pk", m.Table),
		Columns: []*Column{side(m.Own, f.Class), side(m.Other, m.To)},
		Indexes: []*Index{{
			Name:    sqlgen.ConstraintName("ix", m.Table, m.Other),
			Columns: []IndexColumn{{Name: m.Other}, {Name: m.Own}}, implicit: true,
		}},
	}
}

// versionKind is the kind word of the version column.
const versionKind = "version"

// kindWord says what the values of a column mean. A change of it is a change of
// every value, even where the type of the column stays.
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

// classIndexes are those of unique fields, of references, of indexed fields, and
// of the default order, without any that another one makes needless.
func classIndexes(c *schema.Class) (out []*Index) {
	served := map[*schema.Field]bool{}
	add := func(fields []*schema.Field, unique, implicit bool) {
		x := newIndex(c, fields, unique)
		x.implicit = implicit
		if !slices.ContainsFunc(out, func(y *Index) bool { return y.Name == x.Name }) {
			out = append(out, x)
		}
	}
	if len(c.Key) > 1 {
		served[c.Key[0]] = true
	}
	for _, x := range c.Uniques {
		if slices.Equal(x.Fields, c.Key) {
			continue
		}
		add(x.Fields, true, false)
		served[x.Fields[0]] = served[x.Fields[0]] || !c.SoftDelete && !sqlgen.FoldsCase(x.Fields[0])
	}
	for _, x := range c.Indexes {
		if !x.Unique && storedAll(x.Fields) {
			add(x.Fields, false, false)
			served[x.Fields[0]] = true
		}
	}
	for _, f := range c.Fields {
		if (f.Ref != nil || f.Indexed) && f.Stored() && !served[f] && !slices.Equal(c.Key, []*schema.Field{f}) {
			add([]*schema.Field{f}, false, !f.Indexed)
			served[f] = true
		}
	}
	if fields := sortFields(c); fields != nil && !served[fields[0]] {
		add(fields, false, true)
	}
	return out
}

// sortFields are those of the default order, when an index can give it: one
// direction, no enum (they sort by rank), not the key.
func sortFields(c *schema.Class) (out []*schema.Field) {
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

func newIndex(c *schema.Class, fields []*schema.Field, unique bool) *Index {
	x := &Index{Unique: unique}
	parts := []string{c.Table}
	for _, f := range fields {
		parts = append(parts, sqlgen.ColumnName(f))
		x.Columns = append(x.Columns, IndexColumn{Name: sqlgen.ColumnName(f), Fold: unique && sqlgen.FoldsCase(f)})
	}
	x.Name = sqlgen.ConstraintName("ix", parts...)
	if unique {
		x.Name = sqlgen.ConstraintName("ux", parts...)
		if c.SoftDelete && c.DeletedAt != nil {
			x.Live = sqlgen.ColumnName(c.DeletedAt)
		}
	}
	return x
}
