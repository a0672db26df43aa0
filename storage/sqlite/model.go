package sqlite

import (
	"fmt"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// model is what the store derives from one revision of the schema. It is immutable.
type model struct {
	schema *schema.Schema
	names  *sqlgen.Names
	graph  []around // by Class.Index
}

// around is what points at a class or hangs on its rows.
type around struct {
	references []*schema.Field // references to the class, in the order of the schema
	links      []*schema.Field // `many` fields that lead to it
	manys      []*schema.Field // its own `many` fields
}

func newModel(s *schema.Schema) *model {
	m := &model{schema: s, names: sqlgen.Compile(s), graph: make([]around, len(s.Classes))}
	for _, c := range s.Classes {
		for _, f := range c.Fields {
			switch {
			case f.Ref != nil:
				to := &m.graph[f.Ref.To.Index]
				to.references = append(to.references, f)
			case f.Many != nil:
				to := &m.graph[f.Many.To.Index]
				to.links = append(to.links, f)
				m.graph[c.Index].manys = append(m.graph[c.Index].manys, f)
			}
		}
	}
	return m
}

// owns reports whether the class is of this revision.
func (m *model) owns(c *schema.Class) bool {
	return c.Index < len(m.schema.Classes) && m.schema.Classes[c.Index] == c
}

// around returns what hangs on a class of this revision.
func (m *model) around(c *schema.Class) around { return m.graph[c.Index] }

// hasColumn reports whether a field of the schema is kept there.
func (m *model) hasColumn(table, column string) bool {
	for _, c := range m.schema.Classes {
		for _, f := range c.Fields {
			if f.Many != nil && f.Many.Table == table || c.Table == table && f.Stored() && f.Column == column {
				return true
			}
		}
	}
	return false
}

// modelOf returns the model of the revision that a class is of: the present one,
// or the one before for work that began under it.
func (s *Store) modelOf(c *schema.Class) (*model, error) {
	if m := s.model.Load(); m.owns(c) {
		return m, nil
	}
	if m := s.former.Load(); m != nil && m.owns(c) {
		return m, nil
	}
	return nil, fmt.Errorf("%w: class %s is of another schema revision", storage.ErrUnavailable, c.Name)
}
