package memory

import (
	"iter"
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// place names one row of the store.
type place struct {
	class *schema.Class
	key   string
}

// referrers yields the rows that point at a row with the field.
func (s *state) referrers(f *schema.Field, key string) iter.Seq[*record] {
	return s.ends(f.Class, s.table(f.Class).referrers[f.Index], key)
}

// unreferenced refuses the soft deletion of a row that live ones depend on.
func (s *state) unreferenced(c *schema.Class, r *record) error {
	for _, f := range s.graph.references[c.Index] {
		if f.Ref.OnDelete != schema.Restrict {
			continue
		}
		var count int64
		for child := range s.referrers(f, r.key) {
			if !deleted(f.Class, child) && !(f.Class == c && child.key == r.key) {
				count++
			}
		}
		if count > 0 {
			return &storage.ReferencedError{By: f, Count: count}
		}
	}
	return nil
}

// remove deletes a row for good, with all that goes along.
func (s *state) remove(c *schema.Class, r *record) error {
	going, order := s.going(place{c, r.key})
	if err := s.restricted(going, order); err != nil {
		return err
	}
	if err := s.loosen(going, order); err != nil {
		return err
	}
	for _, p := range order {
		s.unlink(going, p)
	}
	for _, p := range order {
		t := s.edit(p.class)
		gone, _ := t.rows.get(p.key)
		t.unindex(p.class, gone)
		t.counter++
	}
	return nil
}

// going works out the rows that a deletion takes along: those that cascade, and
// soft-deleted ones that would otherwise restrict.
func (s *state) going(first place) (set map[place]bool, order []place) {
	set, order = map[place]bool{first: true}, []place{first}
	for i := 0; i < len(order); i++ {
		for _, f := range s.graph.references[order[i].class.Index] {
			for child := range s.referrers(f, order[i].key) {
				p := place{f.Class, child.key}
				goes := f.Ref.OnDelete == schema.Cascade || f.Ref.OnDelete == schema.Restrict && deleted(f.Class, child)
				if goes && !set[p] {
					set[p] = true
					order = append(order, p)
				}
			}
		}
	}
	return set, order
}

// restricted refuses the deletion when a row that stays depends on one that goes.
func (s *state) restricted(going map[place]bool, order []place) error {
	for _, c := range s.schema.Classes {
		for _, f := range c.Fields {
			if f.Ref == nil || f.Ref.OnDelete != schema.Restrict {
				continue
			}
			var count int64
			for _, p := range order {
				if p.class != f.Ref.To {
					continue
				}
				for child := range s.referrers(f, p.key) {
					if !going[place{c, child.key}] {
						count++
					}
				}
			}
			if count > 0 {
				return &storage.ReferencedError{By: f, Count: count}
			}
		}
	}
	return nil
}

// loosen clears the set_null references to rows that go, one write a row.
func (s *state) loosen(going map[place]bool, order []place) error {
	changed := map[place]*record{}
	var places []place
	for _, p := range order {
		for _, f := range s.graph.references[p.class.Index] {
			if f.Ref.OnDelete != schema.SetNull {
				continue
			}
			for child := range s.referrers(f, p.key) {
				at := place{f.Class, child.key}
				if going[at] {
					continue
				}
				if changed[at] == nil {
					changed[at] = &record{key: child.key, values: slices.Clone(child.values)}
					places = append(places, at)
				}
				changed[at].values[f.Index] = schema.Value{}
			}
		}
	}
	for _, at := range places {
		old, _ := s.record(at.class, at.key)
		if err := s.put(at.class, old, changed[at]); err != nil {
			return err
		}
	}
	return nil
}

// unlink removes the links of a row that goes. Losing a link is a write of the
// row that owned it, so owners that stay move to a new version.
func (s *state) unlink(going map[place]bool, p place) {
	for _, f := range s.graph.manys[p.class.Index] {
		t := s.edit(p.class)
		set, lost := t.links[f.Index], false
		for _, other := range set.forth.prefix(p.key) {
			t.links[f.Index] = t.links[f.Index].without(p.key, other)
			lost = true
		}
		if lost {
			s.edit(f.Many.To).counter++
		}
	}
	for _, f := range s.graph.links[p.class.Index] {
		t := s.edit(f.Class)
		for _, own := range t.links[f.Index].back.prefix(p.key) {
			t.links[f.Index] = t.links[f.Index].without(own, p.key)
			version := t.nextVersion()
			owner, ok := t.rows.get(own)
			if !ok || going[place{f.Class, own}] {
				continue
			}
			moved := *owner
			moved.version = version
			t.rows = t.rows.with(own, &moved)
		}
	}
}
