package memory

import (
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// translate moves all records to another revision of the schema. Versions and
// counters stay: nobody wrote anything.
func (s *state) translate(to *schema.Schema) (*state, error) {
	next := newState(to)
	next.kept, next.due = s.kept, s.due
	for _, c := range to.Classes {
		old := s.schema.Class(c.Name)
		if old == nil && c.Was != "" {
			old = s.schema.Class(c.Was)
		}
		if old == nil {
			continue
		}
		if err := next.adopt(c, old, s.table(old)); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// adopt fills the table of c from the table of its former self.
func (s *state) adopt(c, old *schema.Class, from *table) error {
	t := s.table(c)
	t.counter, t.lastID = from.counter, from.lastID
	former := make([]*schema.Field, len(c.Fields))
	for i, f := range c.Fields {
		former[i] = formerField(old, f)
		if former[i] != nil {
			t.links[i] = from.links[former[i].Index]
			t.sequences[i] = from.sequences[former[i].Index]
		}
	}
	for _, r := range from.rows.all() {
		moved := &record{version: r.version, values: make([]schema.Value, len(c.Fields))}
		for i, f := range c.Fields {
			if former[i] != nil && f.Stored() {
				moved.values[i] = convert(former[i], f, r.values[former[i].Index])
			}
		}
		moved.key = rowKey(c, moved.values)
		if clash := t.index(c, moved); clash != nil {
			return &storage.UniqueError{Class: c, Fields: clash.Fields}
		}
	}
	return nil
}

func formerField(old *schema.Class, f *schema.Field) *schema.Field {
	for _, name := range []string{f.Name, f.Was} {
		for _, g := range old.Fields {
			if g.Name == name && (g.Many == nil) == (f.Many == nil) {
				return g
			}
		}
	}
	return nil
}

// convert reads the value's text anew where the type has changed.
func convert(from, to *schema.Field, v schema.Value) schema.Value {
	if v.IsNull() || from.Type.Name() == to.Type.Name() && from.Type.Kind() != schema.Decimal {
		return v
	}
	w, err := to.Type.Parse(from.Type.Text(v))
	if err != nil {
		return schema.Value{}
	}
	return w
}
