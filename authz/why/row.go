package why

import (
	"context"
	"iter"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

// Row is a stored row as conditions see it, soft-deleted or not. Each thing
// asked of it is a query, so it is for explanations and not for decisions.
type Row struct {
	ctx   context.Context
	from  storage.Reader
	class *schema.Class
	key   []schema.Value
	err   *error
}

var _ expr.Rower = (*Row)(nil)

// NewRow returns the row of a class with a key, which need not exist: then
// every field is null.
func NewRow(ctx context.Context, from storage.Reader, c *schema.Class, key []schema.Value) *Row {
	return &Row{ctx: ctx, from: from, class: c, key: key, err: new(error)}
}

// Err is the first error of the store: what was asked since means nothing.
func (r *Row) Err() error { return *r.err }

// read returns the row with what the query asks of it, or nil.
func (r *Row) read(q storage.Query) *storage.Row {
	if *r.err != nil {
		return nil
	}
	q.Class, q.Key, q.Limit, q.Deleted = r.class, r.key, 1, storage.WithDeleted
	page, err := r.from.Read(r.ctx, &q)
	if err != nil {
		*r.err = err
		return nil
	}
	if len(page.Rows) == 0 {
		return nil
	}
	return &page.Rows[0]
}

// Value implements expr.Rower.
func (r *Row) Value(f *schema.Field, guard schema.Expr) schema.Value {
	row := r.read(storage.Query{Columns: []storage.Column{{Field: f, Guard: guard}}})
	if row == nil {
		return schema.Value{}
	}
	return row.Values[f.Index]
}

// One implements expr.Rower.
func (r *Row) One(rel *schema.Relation) expr.Rower {
	for far := range r.Many(rel) {
		return far
	}
	return nil
}

// Many implements expr.Rower.
func (r *Row) Many(rel *schema.Relation) iter.Seq[expr.Rower] {
	q := storage.Query{Class: rel.To, Limit: -1}
	for _, f := range rel.To.Key {
		q.Columns = append(q.Columns, storage.Column{Field: f})
		q.Order = append(q.Order, storage.Order{By: &schema.Path{Field: f, Type: f.Type}})
	}
	row := r.read(storage.Query{Expand: []storage.Expand{{Rel: rel, Query: q}}})
	return func(yield func(expr.Rower) bool) {
		if row == nil {
			return
		}
		for i := range row.Expanded[0] {
			far := &Row{ctx: r.ctx, from: r.from, class: rel.To, key: row.Expanded[0][i].Key(rel.To), err: r.err}
			if !yield(far) {
				return
			}
		}
	}
}
