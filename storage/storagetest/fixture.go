package storagetest

import (
	"context"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Open returns an empty store, ready to serve the schema. It closes what it
// opened with t.Cleanup; the suite closes only stores whose Close it tests.
type Open func(t testing.TB, s *schema.Schema) storage.Store

// fixture is a store under test with words to talk to it shortly.
type fixture struct {
	t      testing.TB
	ctx    context.Context
	schema *schema.Schema
	store  storage.Store
}

func (o Open) with(t testing.TB, s *schema.Schema) *fixture {
	t.Helper()
	return &fixture{t: t, ctx: t.Context(), schema: s, store: o(t, s)}
}

func (f *fixture) class(name string) *schema.Class {
	f.t.Helper()
	c := f.schema.Class(name)
	if c == nil {
		f.t.Fatalf("no class %s", name)
	}
	return c
}

func (f *fixture) field(class, name string) *schema.Field {
	f.t.Helper()
	m := f.class(class).Field(name)
	if m == nil {
		f.t.Fatalf("no field %s.%s", class, name)
	}
	return m
}

// key makes a key of the class from Go values.
func (f *fixture) key(class string, parts ...any) []schema.Value {
	f.t.Helper()
	c := f.class(class)
	key := make([]schema.Value, len(c.Key))
	for i, k := range c.Key {
		key[i] = Value(k.Type, parts[i])
	}
	return key
}

// set turns pairs of name and value into assignments: "name", "Ann", "score", 3.
func (f *fixture) set(class string, pairs ...any) []storage.Assign {
	f.t.Helper()
	var set []storage.Assign
	for i := 0; i < len(pairs); i += 2 {
		m := f.field(class, pairs[i].(string))
		a := storage.Assign{Field: m}
		if pairs[i+1] == next {
			a.Sequence = true
		} else {
			a.Value = Value(m.Type, pairs[i+1])
		}
		set = append(set, a)
	}
	return set
}

// next as a value asks for the next number of a sequence.
var next = new(struct{ sequence bool })

// change is a storage.Change under construction.
type change struct {
	storage.Change
	f *fixture
}

func (f *fixture) insert(class string, pairs ...any) *change {
	f.t.Helper()
	return &change{storage.Change{Op: storage.Insert, Class: f.class(class), Set: f.set(class, pairs...)}, f}
}

func (f *fixture) update(class string, key any, pairs ...any) *change {
	f.t.Helper()
	return f.change(storage.Update, class, key, pairs...)
}

func (f *fixture) delete(class string, key any) *change {
	f.t.Helper()
	return f.change(storage.Delete, class, key)
}

func (f *fixture) softDelete(class string, key any) *change {
	f.t.Helper()
	return f.change(storage.SoftDelete, class, key, "deleted_at", "2026-01-02T03:04:05Z")
}

func (f *fixture) restore(class string, key any) *change {
	f.t.Helper()
	c := f.change(storage.Restore, class, key)
	c.Deleted = storage.OnlyDeleted
	return c
}

// change makes a change of the row with that key: one Go value, or a []any for several fields.
func (f *fixture) change(op storage.Op, class string, key any, pairs ...any) *change {
	f.t.Helper()
	parts, ok := key.([]any)
	if !ok {
		parts = []any{key}
	}
	return &change{storage.Change{Op: op, Class: f.class(class), Key: f.key(class, parts...), Set: f.set(class, pairs...)}, f}
}

// links adds a change of a `many` field; items are keys as Go values.
func (c *change) links(field string, replace bool, add, remove []any) *change {
	c.f.t.Helper()
	m := c.f.field(c.Class.Name, field)
	l := storage.Links{Field: m, Replace: replace}
	for _, x := range add {
		l.Add = append(l.Add, Value(m.Many.To.Key[0].Type, x))
	}
	for _, x := range remove {
		l.Remove = append(l.Remove, Value(m.Many.To.Key[0].Type, x))
	}
	c.Links = append(c.Links, l)
	return c
}

func (c *change) linked(field string, items ...any) *change {
	c.f.t.Helper()
	return c.links(field, true, items, nil)
}

func (c *change) before(where Cond, err error) *change {
	c.Before = append(c.Before, storage.Guard{Where: where(c.Class), Err: err})
	return c
}

func (c *change) after(where Cond, err error) *change {
	c.After = append(c.After, storage.Guard{Where: where(c.Class), Err: err})
	return c
}

func (c *change) ifVersion(v int64) *change { c.IfVersion = v; return c }

func (c *change) among(d storage.Deleted) *change { c.Deleted = d; return c }

// returning asks for columns of the row afterwards.
func (c *change) returning(columns string, mods ...mod) *change {
	c.f.t.Helper()
	c.Return = c.f.query(c.Class.Name, columns, mods...)
	return c
}

// try runs changes in one transaction and returns its error.
func (f *fixture) try(changes ...*change) error {
	return f.store.Write(f.ctx, func(tx storage.Tx) error {
		for _, c := range changes {
			if _, err := tx.Apply(f.ctx, &c.Change); err != nil {
				return err
			}
		}
		return nil
	})
}

// do is try for changes that must succeed.
func (f *fixture) do(changes ...*change) {
	f.t.Helper()
	if err := f.try(changes...); err != nil {
		f.t.Fatalf("write: %v", err)
	}
}

// apply runs one change that must succeed and returns the row.
func (f *fixture) apply(c *change) *storage.Row {
	f.t.Helper()
	var row *storage.Row
	err := f.store.Write(f.ctx, func(tx storage.Tx) (err error) {
		row, err = tx.Apply(f.ctx, &c.Change)
		return err
	})
	if err != nil {
		f.t.Fatalf("write: %v", err)
	}
	return row
}

// mod changes a query under construction.
type mod func(q *storage.Query)

func where(cond Cond) mod { return func(q *storage.Query) { q.Where = cond(q.Class) } }

func test(conds ...Cond) mod {
	return func(q *storage.Query) {
		for _, c := range conds {
			q.Tests = append(q.Tests, c(q.Class))
		}
	}
}

// order sorts by paths, a leading - is descending; the key is appended as every caller does.
func order(paths ...string) mod {
	return func(q *storage.Query) {
		q.Order = nil
		for _, p := range paths {
			q.Order = append(q.Order, storage.Order{By: Path(q.Class, strings.TrimPrefix(p, "-")), Desc: p[0] == '-'})
		}
		for _, k := range q.Class.Key {
			q.Order = append(q.Order, storage.Order{By: Path(q.Class, k.Name)})
		}
	}
}

func page(skip, limit int) mod {
	return func(q *storage.Query) { q.Skip, q.Limit = skip, limit }
}

func among(d storage.Deleted) mod { return func(q *storage.Query) { q.Deleted = d } }

func total(q *storage.Query) { q.Total = true }

// expand adds the rows of a relation with these columns.
func expand(relation, columns string, mods ...mod) mod {
	return func(q *storage.Query) {
		rel := q.Class.Relation(relation)
		q.Expand = append(q.Expand, storage.Expand{Rel: rel, Query: *newQuery(rel.To, columns, mods...)})
	}
}

// guarded puts a guard on a column.
func guarded(field string, guard Cond) mod {
	return func(q *storage.Query) {
		for i, c := range q.Columns {
			if c.Field.Name != field {
				continue
			}
			to := c.Field.Class
			switch {
			case c.Field.Many != nil:
				to = c.Field.Many.To
			case c.Field.Computed != nil:
				to = c.Field.Computed.Rel.To
			}
			q.Columns[i].Guard = guard(to)
		}
	}
}

// query reads columns (words) of all rows in the order of the key.
func (f *fixture) query(class, columns string, mods ...mod) *storage.Query {
	f.t.Helper()
	return newQuery(f.class(class), columns, mods...)
}

func newQuery(c *schema.Class, columns string, mods ...mod) *storage.Query {
	q := &storage.Query{Class: c, Limit: -1}
	for _, name := range strings.Fields(columns) {
		if c.Field(name) == nil {
			panic("storagetest: no field " + c.Name + "." + name)
		}
		q.Columns = append(q.Columns, storage.Column{Field: c.Field(name)})
	}
	order()(q)
	for _, m := range mods {
		m(q)
	}
	return q
}

func (f *fixture) page(q *storage.Query) *storage.Page {
	f.t.Helper()
	p, err := f.store.Read(f.ctx, q)
	if err != nil {
		f.t.Fatalf("read: %v", err)
	}
	return p
}

// read shows the rows of a query as text: the columns with a space between, null as -.
func (f *fixture) read(class, columns string, mods ...mod) []string {
	f.t.Helper()
	q := f.query(class, columns, mods...)
	return show(q, f.page(q).Rows)
}

// show writes one line a row; expansions follow in brackets.
func show(q *storage.Query, rows []storage.Row) []string {
	lines := make([]string, len(rows))
	for i := range rows {
		var words []string
		for _, c := range q.Columns {
			words = append(words, shown(rows[i].Values[c.Field.Index]))
		}
		for k := range q.Expand {
			words = append(words, "["+strings.Join(show(&q.Expand[k].Query, rows[i].Expanded[k]), ", ")+"]")
		}
		lines[i] = strings.Join(words, " ")
	}
	return lines
}

func shown(v schema.Value) string {
	if v.IsNull() {
		return "-"
	}
	return v.String()
}
