package memory

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

var errOver = errors.New("transaction is over")

// tx is one transaction: a state of its own that replaces the store's when it
// commits.
type tx struct {
	state *state
	over  bool
}

func (t *tx) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	if t.over {
		return nil, errOver
	}
	return read(ctx, t.state, q)
}

func (t *tx) Counters(ctx context.Context, classes []*schema.Class) ([]int64, error) {
	if t.over {
		return nil, errOver
	}
	return counters(ctx, t.state, classes)
}

func (t *tx) Savepoint(ctx context.Context, fn func() error) error {
	if t.over {
		return errOver
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	before := t.state.clone()
	if err := fn(); err != nil {
		t.state = before
		return err
	}
	return nil
}

func (t *tx) Apply(ctx context.Context, c *storage.Change) (*storage.Row, error) {
	if t.over {
		return nil, errOver
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := t.state.knows(c.Class); err != nil {
		return nil, err
	}
	before := t.state.clone()
	row, err := t.state.apply(c)
	if err != nil {
		t.state = before
		return nil, err
	}
	t.over = c.Final
	return row, nil
}

// apply runs one change in the order that storage.Change documents.
func (s *state) apply(c *storage.Change) (*storage.Row, error) {
	if c.Op == storage.Insert {
		return s.insert(c)
	}
	old, ok := s.record(c.Class, keyOf(c.Key...))
	if !ok || !takesPart(c.Class, old, c.Deleted) {
		return nil, storage.ErrNotFound
	}
	if err := s.guard(old, c.Before); err != nil {
		return nil, err
	}
	if c.IfVersion != 0 && c.IfVersion != old.version {
		return nil, &storage.StaleError{Current: old.version}
	}
	if c.Op == storage.Delete {
		return s.delete(c, old)
	}
	if c.Op == storage.SoftDelete {
		if err := s.unreferenced(c.Class, old); err != nil {
			return nil, err
		}
	}
	return s.update(c, old)
}

func (s *state) insert(c *storage.Change) (*storage.Row, error) {
	r := &record{values: make([]schema.Value, len(c.Class.Fields))}
	if err := s.assign(c.Class, r, c.Set); err != nil {
		return nil, err
	}
	for _, f := range c.Class.Key {
		if f.Auto != schema.AutoID || !r.values[f.Index].IsNull() {
			continue
		}
		last := s.table(c.Class).lastID
		if last == math.MaxInt64 {
			return nil, storage.ErrTooLarge
		}
		r.values[f.Index] = schema.NewInt(last + 1)
	}
	r.key = rowKey(c.Class, r.values)
	return s.finish(c, nil, r)
}

func (s *state) update(c *storage.Change, old *record) (*storage.Row, error) {
	r := &record{key: old.key, values: slices.Clone(old.values)}
	if err := s.assign(c.Class, r, c.Set); err != nil {
		return nil, err
	}
	if c.Op == storage.Restore {
		r.values[c.Class.DeletedAt.Index] = schema.Value{}
	}
	if rowKey(c.Class, r.values) != r.key {
		return nil, fmt.Errorf("update of %s would change the key of a row", c.Class.Name)
	}
	return s.finish(c, old, r)
}

// finish stores the row with its links and judges it.
func (s *state) finish(c *storage.Change, old, r *record) (*storage.Row, error) {
	if err := s.put(c.Class, old, r); err != nil {
		return nil, err
	}
	for _, l := range c.Links {
		if err := s.link(r, l); err != nil {
			return nil, err
		}
	}
	guards := c.After
	if c.Op == storage.Insert {
		guards = append(slices.Clone(c.Before), c.After...)
	}
	if err := s.guard(r, guards); err != nil {
		return nil, err
	}
	return s.answer(c, r)
}

func (s *state) delete(c *storage.Change, old *record) (*storage.Row, error) {
	if err := s.guard(old, c.After); err != nil {
		return nil, err
	}
	row, err := s.answer(c, old)
	if err != nil {
		return nil, err
	}
	return row, s.remove(c.Class, old)
}

// assign sets the fields, numbers of sequences last because they may depend on others.
func (s *state) assign(c *schema.Class, r *record, set []storage.Assign) error {
	for _, a := range set {
		if !a.Field.Stored() {
			return fmt.Errorf("%s.%s is not a stored field", c.Name, a.Field.Name)
		}
		if !a.Sequence {
			r.values[a.Field.Index] = a.Value
		}
	}
	for _, a := range set {
		if !a.Sequence {
			continue
		}
		last := s.table(c).last(a.Field, r.values)
		if last == math.MaxInt64 {
			return storage.ErrTooLarge
		}
		r.values[a.Field.Index] = schema.NewInt(last + 1)
	}
	return nil
}

// put stores the row in place of old, nil for a new one, and judges its constraints.
func (s *state) put(c *schema.Class, old, r *record) error {
	t := s.edit(c)
	_, taken := t.rows.get(r.key)
	if old != nil {
		t.unindex(c, old)
	}
	clash := t.index(c, r)
	r.version = t.nextVersion()
	for _, check := range c.Checks {
		ok, err := s.match(r, check.Where)
		if err != nil {
			return err
		}
		if !ok {
			return &storage.CheckError{Check: check}
		}
	}
	if taken && old == nil {
		return &storage.UniqueError{Class: c, Fields: c.Key}
	}
	if clash != nil {
		return &storage.UniqueError{Class: c, Fields: clash.Fields}
	}
	for _, f := range c.Fields {
		if f.Ref == nil || r.values[f.Index].IsNull() {
			continue
		}
		if _, ok := s.record(f.Ref.To, keyOf(r.values[f.Index])); !ok {
			return &storage.ReferenceError{Field: f}
		}
	}
	return nil
}

// link changes one set of links of the row, whose version put has moved already.
func (s *state) link(r *record, l storage.Links) error {
	f := l.Field
	t := s.edit(f.Class)
	set := t.links[f.Index]
	if l.Replace {
		for _, other := range set.forth.prefix(r.key) {
			set = set.without(r.key, other)
		}
	}
	for _, item := range l.Remove {
		set = set.without(r.key, keyOf(item))
	}
	for _, item := range l.Add {
		if _, ok := s.record(f.Many.To, keyOf(item)); !ok {
			return &storage.ReferenceError{Field: f}
		}
		set = set.with(r.key, keyOf(item))
	}
	t.links[f.Index] = set
	s.edit(f.Many.To).counter++
	return nil
}

// guard returns the error of the first guard that does not hold.
func (s *state) guard(r *record, guards []storage.Guard) error {
	for _, g := range guards {
		ok, err := s.match(r, g.Where)
		if err != nil {
			return err
		}
		if !ok {
			return g.Err
		}
	}
	return nil
}

// answer reads the row back as the change asks for it.
func (s *state) answer(c *storage.Change, r *record) (*storage.Row, error) {
	q := c.Return
	if q == nil {
		q = &storage.Query{}
		for _, f := range c.Class.Key {
			q.Columns = append(q.Columns, storage.Column{Field: f})
		}
	}
	v := &view{ctx: context.Background(), state: s, most: q.Most}
	row := v.row(c.Class, q, r)
	return &row, v.err
}
