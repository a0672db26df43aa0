package memory

import (
	"fmt"
	"iter"
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// state is everything a store holds at one moment, under one schema. A state
// that is published is never written to.
type state struct {
	schema *schema.Schema
	graph  *graph
	tables []*table // by Class.Index
	kept   tree[kept]
	due    tree[string] // keys of kept, in order of their time
}

// graph is who points at whom; it follows from the schema.
type graph struct {
	references [][]*schema.Field // per class: the references to it, in order of the schema
	links      [][]*schema.Field // per class: the `many` fields that lead to it
	manys      [][]*schema.Field // per class: its own `many` fields
}

func newGraph(s *schema.Schema) *graph {
	n := len(s.Classes)
	g := &graph{make([][]*schema.Field, n), make([][]*schema.Field, n), make([][]*schema.Field, n)}
	for _, c := range s.Classes {
		for _, f := range c.Fields {
			switch {
			case f.Ref != nil:
				g.references[f.Ref.To.Index] = append(g.references[f.Ref.To.Index], f)
			case f.Many != nil:
				g.links[f.Many.To.Index] = append(g.links[f.Many.To.Index], f)
				g.manys[c.Index] = append(g.manys[c.Index], f)
			}
		}
	}
	return g
}

func newState(s *schema.Schema) *state {
	st := &state{schema: s, graph: newGraph(s), tables: make([]*table, len(s.Classes))}
	for i, c := range s.Classes {
		st.tables[i] = newTable(c)
	}
	return st
}

// clone returns a state whose tables may be edited.
func (s *state) clone() *state {
	c := *s
	c.tables = slices.Clone(s.tables)
	return &c
}

// knows refuses classes of another revision of the schema.
func (s *state) knows(c *schema.Class) error {
	if c.Index < len(s.schema.Classes) && s.schema.Classes[c.Index] == c {
		return nil
	}
	return fmt.Errorf("%w: class %s is of another schema revision", storage.ErrUnavailable, c.Name)
}

func (s *state) table(c *schema.Class) *table { return s.tables[c.Index] }

// edit returns a table of the class that may be written to until the next edit.
func (s *state) edit(c *schema.Class) *table {
	t := s.tables[c.Index].clone()
	s.tables[c.Index] = t
	return t
}

func (s *state) record(c *schema.Class, key string) (*record, bool) {
	return s.table(c).rows.get(key)
}

// related yields the rows at the end of a relation in the order of their keys,
// soft-deleted ones too.
func (s *state) related(rel *schema.Relation, from *record) iter.Seq[*record] {
	f := rel.Field
	switch rel.Kind {
	case schema.ToOne:
		return func(yield func(*record) bool) {
			if r, ok := s.record(rel.To, keyOf(from.values[f.Index])); ok {
				yield(r)
			}
		}
	case schema.Link:
		return s.ends(rel.To, s.table(rel.From).links[f.Index].forth, from.key)
	case schema.LinkInverse:
		return s.ends(rel.To, s.table(rel.To).links[f.Index].back, from.key)
	}
	return s.ends(rel.To, s.table(rel.To).referrers[f.Index], from.key)
}

// ends yields the rows whose keys the index holds for a near key.
func (s *state) ends(to *schema.Class, index tree[string], near string) iter.Seq[*record] {
	return func(yield func(*record) bool) {
		for _, far := range index.prefix(near) {
			if r, ok := s.record(to, far); ok && !yield(r) {
				return
			}
		}
	}
}

// live yields the rows at the end of a relation that are not softly deleted.
func (s *state) live(rel *schema.Relation, from *record) iter.Seq[*record] {
	return func(yield func(*record) bool) {
		for r := range s.related(rel, from) {
			if !deleted(rel.To, r) && !yield(r) {
				return
			}
		}
	}
}
