package migrate

import (
	"context"
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Pending is storage.Store.Migrate for a store on this connection: with apply it runs the
// steps that keep every value, and it returns what is left.
func Pending(ctx context.Context, c Conn, s *schema.Schema, apply bool) ([]storage.Step, error) {
	if !apply {
		plan, err := Make(ctx, c, s)
		if err != nil {
			return nil, err
		}
		return forStore(plan.Steps), nil
	}
	result, err := Run(ctx, Desired(s, c.Dialect()), c, Allow{})
	if err != nil {
		return nil, err
	}
	return forStore(result.Left), nil
}

func forStore(steps []Step) (out []storage.Step) {
	for i := range steps {
		s := &steps[i]
		out = append(out, storage.Step{Text: s.Line(), SQL: s.Script(), Safe: s.Risk.Runs()})
	}
	return slices.Clip(out)
}
