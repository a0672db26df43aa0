package sqlgen

import (
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// VersionColumn is the hidden column of every table that holds Row.Version.
const VersionColumn = "_version"

// Names are the quoted identifiers of one schema and what printing needs to
// know of its columns. It is immutable.
type Names struct {
	tables []*Table
}

// Table is the SQL side of a class.
type Table struct {
	Class   *schema.Class
	Name    string   // "customers", quoted
	Version string   // ."_version"
	Live    string   // ."deleted_at" is null; "" without soft delete
	Dead    string   // ."deleted_at" is not null
	Columns []string // by field slot: ."customer_id"; "" when not stored
	Bare    []string // the same without the leading dot
	Kinds   []Kind   // by field slot
	first   []string // t0."customer_id": the columns under the alias that most statements use
	ranks   [][]string
	nocase  []bool
	links   []*Link
}

// Kind is how the value of a field of any sort is kept.
type Kind struct {
	Kind   schema.Kind
	Scale  uint8 // fraction digits of a decimal
	Native Native
	// Narrow says that the column has less than 64 bits, which must not narrow what is compared with it.
	Narrow bool
}

// Native is the type of its own that a database with many types has for a text.
type Native uint8

// The types. What is in none of the others is plain text.
const (
	Plain Native = iota
	Date
	Time
	Datetime
	UUID
)

// Link is the SQL side of a `many` field.
type Link struct {
	Field      *schema.Field
	Name       string // "customers_tags", quoted
	Own, Other string // ."customer_id", ."tag_id"
	shown      *schema.Path
}

// Compile prepares the names of a schema.
func Compile(s *schema.Schema) *Names {
	n := &Names{tables: make([]*Table, len(s.Classes))}
	for i, c := range s.Classes {
		n.tables[i] = newTable(c)
	}
	return n
}

// Table returns the table of a class. A class of another revision of the schema
// is compiled on the way.
func (n *Names) Table(c *schema.Class) *Table {
	if c.Index < len(n.tables) && n.tables[c.Index].Class == c {
		return n.tables[c.Index]
	}
	return newTable(c)
}

// Link returns the link table of a `many` field.
func (n *Names) Link(f *schema.Field) *Link { return n.Table(f.Class).links[f.Index] }

func newTable(c *schema.Class) *Table {
	t := &Table{
		Class:   c,
		Name:    Quote(c.Table),
		Version: "." + Quote(VersionColumn),
		Columns: make([]string, len(c.Fields)),
		Bare:    make([]string, len(c.Fields)),
		Kinds:   make([]Kind, len(c.Fields)),
		first:   make([]string, len(c.Fields)),
		ranks:   make([][]string, len(c.Fields)),
		nocase:  make([]bool, len(c.Fields)),
		links:   make([]*Link, len(c.Fields)),
	}
	for i, f := range c.Fields {
		t.Kinds[i] = kindOf(f)
		if f.Type != nil {
			if _, ok := f.Type.(schema.Ranked); ok {
				t.ranks[i] = f.Type.Shape().Enum
			}
		}
		if f.Many != nil {
			t.links[i] = newLink(f)
		}
		if f.Stored() {
			t.Bare[i] = Quote(ColumnName(f))
			t.Columns[i] = "." + t.Bare[i]
			t.first[i] = "t0" + t.Columns[i]
		}
	}
	for _, x := range c.Uniques {
		if f := x.Fields[0]; FoldsCase(f) {
			t.nocase[f.Index] = true
		}
	}
	if d := c.DeletedAt; d != nil {
		t.Live = t.Columns[d.Index] + " is null"
		t.Dead = t.Columns[d.Index] + " is not null"
	}
	return t
}

func newLink(f *schema.Field) *Link {
	shown := Shown(f.Many)
	return &Link{
		Field: f, Name: Quote(f.Many.Table), Own: "." + Quote(f.Many.Own), Other: "." + Quote(f.Many.Other),
		shown: &schema.Path{Field: shown, Type: shown.Type},
	}
}

// Shown returns the field of the target that a `many` field shows its rows by.
func Shown(m *schema.Many) *schema.Field {
	if m.By != nil {
		return m.By
	}
	return m.To.Key[0]
}

func kindOf(f *schema.Field) Kind {
	switch {
	case f.Many != nil:
		return Kind{Kind: schema.JSON}
	case f.Computed == nil && f.Type != nil:
		return KindOf(f.Type)
	case f.Computed == nil:
		return Kind{Kind: schema.Text}
	case f.Computed.Func == "count":
		return Kind{Kind: schema.Int}
	case f.Computed.Func == "avg":
		return Kind{Kind: schema.Float}
	}
	return kindOf(f.Computed.Of)
}

// KindOf is how a column of the type is kept.
func KindOf(t schema.Type) Kind {
	k := Kind{Kind: t.Kind(), Scale: ScaleOf(t)}
	if k.Kind == schema.Text {
		switch t.Name() {
		case "date":
			k.Native = Date
		case "time":
			k.Native = Time
		case "datetime":
			k.Native = Datetime
		case "uuid":
			k.Native = UUID
		}
	}
	return k
}

// FoldsCase reports whether unique indexes compare the field without ASCII case.
func FoldsCase(f *schema.Field) bool { return f.Type != nil && f.Type.Name() == "email" }

// ScaleOf returns the fraction digits of a decimal type, 0 for all others.
func ScaleOf(t schema.Type) uint8 { return storage.ScaleOf(t) }

// ColumnName is what the column of a stored field is called: like PostgreSQL's own
// columns, which every table has, none may be. Fields never begin with an underscore.
func ColumnName(f *schema.Field) string {
	switch f.Column {
	case "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid":
		return "_" + f.Column
	}
	return f.Column
}

// Quote makes an identifier of any text.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
