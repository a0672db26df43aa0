package memory

import (
	"context"

	"github.com/dowel-dev/dowel/schema"
)

// view reads one state for one call. It keeps the first error met on the way,
// so that evaluation need not carry it through every step.
type view struct {
	ctx   context.Context
	state *state
	err   error
}

func (v *view) fail(err error) {
	if v.err == nil {
		v.err = err
	}
}

// match judges a condition on one row of a state.
func (s *state) match(c *schema.Class, r *record, e schema.Expr) (bool, error) {
	v := &view{ctx: context.Background(), state: s}
	ok := v.match(c, r, e)
	return ok, v.err
}
