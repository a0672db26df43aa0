package memory

import (
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// record is one stored row. It never changes: an update makes another.
type record struct {
	key     string // of rowKey
	version int64
	values  []schema.Value // a slot per field; computed and `many` slots are null
}

// table is what is kept of one class. A table that a snapshot can see never
// changes; state.edit makes the copy that a transaction writes to.
type table struct {
	rows tree[*record]
	// uniques has, per Class.Uniques, the key of the row with those values.
	uniques []tree[string]
	// referrers has, per reference field, target key + own key → own key.
	referrers []tree[string]
	// links has the pairs of each `many` field.
	links []pairs
	// counter is the change counter and the last version given to a row.
	counter int64
	// lastID is the highest integer key there ever was.
	lastID int64
	// sequences has, per auto=sequence field, the highest number per value of Field.Per.
	sequences []tree[int64]
}

// pairs is a set of links, in both directions: near key + far key → far key.
type pairs struct{ forth, back tree[string] }

func (p pairs) with(own, other string) pairs {
	return pairs{p.forth.with(own+other, other), p.back.with(other+own, own)}
}

func (p pairs) without(own, other string) pairs {
	return pairs{p.forth.without(own + other), p.back.without(other + own)}
}

func newTable(c *schema.Class) *table {
	n := len(c.Fields)
	return &table{
		uniques:   make([]tree[string], len(c.Uniques)),
		referrers: make([]tree[string], n),
		links:     make([]pairs, n),
		sequences: make([]tree[int64], n),
	}
}

func (t *table) clone() *table {
	c := *t
	c.uniques = slices.Clone(t.uniques)
	c.referrers = slices.Clone(t.referrers)
	c.links = slices.Clone(t.links)
	c.sequences = slices.Clone(t.sequences)
	return &c
}

// nextVersion counts a change and returns the version of the row it made.
func (t *table) nextVersion() int64 {
	t.counter++
	return t.counter
}

// index enters the row everywhere. It returns the unique index that another
// row keeps it out of, if any.
func (t *table) index(c *schema.Class, r *record) (clash *schema.Index) {
	t.rows = t.rows.with(r.key, r)
	for _, f := range c.Fields {
		v := r.values[f.Index]
		switch {
		case v.IsNull():
		case f.Ref != nil:
			t.referrers[f.Index] = t.referrers[f.Index].with(keyOf(v)+r.key, r.key)
		case f.Auto == schema.AutoID:
			t.lastID = max(t.lastID, v.Int())
		}
		if f.Auto == schema.AutoSequence && v.Int() > t.last(f, r.values) {
			t.sequences[f.Index] = t.sequences[f.Index].with(sequenceGroup(f, r.values), v.Int())
		}
	}
	if deleted(c, r) {
		return nil
	}
	for i, x := range c.Uniques {
		key, ok := uniqueKey(x, r.values)
		if !ok {
			continue
		}
		if _, taken := t.uniques[i].get(key); taken {
			return x
		}
		t.uniques[i] = t.uniques[i].with(key, r.key)
	}
	return nil
}

// unindex takes the row out of everything but the links.
func (t *table) unindex(c *schema.Class, r *record) {
	t.rows = t.rows.without(r.key)
	for _, f := range c.Fields {
		if v := r.values[f.Index]; f.Ref != nil && !v.IsNull() {
			t.referrers[f.Index] = t.referrers[f.Index].without(keyOf(v) + r.key)
		}
	}
	if deleted(c, r) {
		return
	}
	for i, x := range c.Uniques {
		if key, ok := uniqueKey(x, r.values); ok {
			t.uniques[i] = t.uniques[i].without(key)
		}
	}
}

// last returns the highest number of a sequence that was ever taken, 0 at first.
func (t *table) last(f *schema.Field, values []schema.Value) int64 {
	n, _ := t.sequences[f.Index].get(sequenceGroup(f, values))
	return n
}

func sequenceGroup(f *schema.Field, values []schema.Value) string {
	if f.Per == nil {
		return ""
	}
	return keyOf(values[f.Per.Index])
}

// deleted reports whether the row is softly deleted.
func deleted(c *schema.Class, r *record) bool {
	return c.SoftDelete && c.DeletedAt != nil && !r.values[c.DeletedAt.Index].IsNull()
}

// takesPart reports whether the mode includes the row.
func takesPart(c *schema.Class, r *record, mode storage.Deleted) bool {
	switch mode {
	case storage.WithDeleted:
		return true
	case storage.OnlyDeleted:
		return deleted(c, r)
	}
	return !deleted(c, r)
}
