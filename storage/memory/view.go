package memory

import (
	"context"
	"iter"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// view reads one state for one call. It keeps the first error met on the way,
// so that evaluation need not carry it through every step.
type view struct {
	ctx   context.Context
	state *state
	err   error
	// read counts rows; more than most, if that is not 0, are an error.
	read, most int
	steps      int
}

// going reports whether evaluation should go on. Conditions that walk relations of
// relations can take long, so it looks at the clock now and then.
func (v *view) going() bool {
	if v.steps++; v.steps%1024 == 0 && v.err == nil {
		v.err = v.ctx.Err()
	}
	return v.err == nil
}

func (v *view) fail(err error) {
	if v.err == nil {
		v.err = err
	}
}

// match judges a condition on one row; nil is no condition.
func (v *view) match(r *record, e schema.Expr) bool {
	return e == nil || expr.Match(e, row{v, r})
}

// match judges a condition on one row of a state.
func (s *state) match(r *record, e schema.Expr) (bool, error) {
	v := &view{ctx: context.Background(), state: s}
	return v.match(r, e), v.err
}

// row is a record as conditions see it: an expr.Rower.
type row struct {
	view   *view
	record *record
}

// Value returns the value of a field.
func (r row) Value(f *schema.Field, guard schema.Expr) schema.Value {
	return r.view.value(r.record, f, guard)
}

// One returns the live row at the end of a relation to one row, or nil.
func (r row) One(rel *schema.Relation) expr.Rower {
	for far := range r.view.state.live(rel, r.record) {
		return row{r.view, far}
	}
	return nil
}

// Many yields the live rows at the end of a relation.
func (r row) Many(rel *schema.Relation) iter.Seq[expr.Rower] {
	return func(yield func(expr.Rower) bool) {
		for far := range r.view.state.live(rel, r.record) {
			if !r.view.going() || !yield(row{r.view, far}) {
				return
			}
		}
	}
}
