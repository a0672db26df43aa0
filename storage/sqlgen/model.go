package sqlgen

import (
	"fmt"
	"sync/atomic"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Model is what a store derives from one revision of the schema. It is immutable.
type Model struct {
	Schema *schema.Schema
	Names  *Names
	graph  []Around // by Class.Index
}

// Around is what points at a class or hangs on its rows.
type Around struct {
	References []*schema.Field // references to the class, in the order of the schema
	Links      []*schema.Field // `many` fields that lead to it
	Manys      []*schema.Field // its own `many` fields
}

// NewModel compiles a schema.
func NewModel(s *schema.Schema) *Model {
	m := &Model{Schema: s, Names: Compile(s), graph: make([]Around, len(s.Classes))}
	for _, c := range s.Classes {
		for _, f := range c.Fields {
			switch {
			case f.Ref != nil:
				to := &m.graph[f.Ref.To.Index]
				to.References = append(to.References, f)
			case f.Many != nil:
				to := &m.graph[f.Many.To.Index]
				to.Links = append(to.Links, f)
				m.graph[c.Index].Manys = append(m.graph[c.Index].Manys, f)
			}
		}
	}
	return m
}

// Owns reports whether the class is of this revision.
func (m *Model) Owns(c *schema.Class) bool {
	return c.Index < len(m.Schema.Classes) && m.Schema.Classes[c.Index] == c
}

// Around returns what hangs on a class of this revision.
func (m *Model) Around(c *schema.Class) Around { return m.graph[c.Index] }

// HasColumn reports whether a field of the schema is kept there.
func (m *Model) HasColumn(table, column string) bool {
	for _, c := range m.Schema.Classes {
		for _, f := range c.Fields {
			if f.Many != nil && f.Many.Table == table || c.Table == table && f.Stored() && ColumnName(f) == column {
				return true
			}
		}
	}
	return false
}

// Models holds the revision a store serves and the one before it, for work that
// began under that.
type Models struct {
	present, former atomic.Pointer[Model]
	narrow          atomic.Pointer[map[[2]string]bool]
}

// Use makes another revision the present one.
func (m *Models) Use(s *schema.Schema) { m.former.Store(m.present.Swap(m.compile(s))) }

// Narrow tells which columns, by table and name, keep whole numbers of less than 64 bits: tables
// that were made elsewhere have such.
func (m *Models) Narrow(columns map[[2]string]bool) {
	m.narrow.Store(&columns)
	if p := m.present.Load(); p != nil {
		m.present.Store(m.compile(p.Schema))
	}
}

func (m *Models) compile(s *schema.Schema) *Model {
	model := NewModel(s)
	if narrow := m.narrow.Load(); narrow != nil {
		for _, t := range model.Names.tables {
			for i, f := range t.Class.Fields {
				t.Kinds[i].Narrow = f.Stored() && (*narrow)[[2]string{t.Class.Table, f.Column}]
			}
		}
	}
	return model
}

// Present returns the revision served.
func (m *Models) Present() *Model { return m.present.Load() }

// Of returns the revision that a class is of.
func (m *Models) Of(c *schema.Class) (*Model, error) {
	if p := m.present.Load(); p.Owns(c) {
		return p, nil
	}
	if f := m.former.Load(); f != nil && f.Owns(c) {
		return f, nil
	}
	return nil, fmt.Errorf("%w: class %s is of another schema revision", storage.ErrUnavailable, c.Name)
}
