package postgres

import (
	"bytes"
	"context"
	"errors"

	"github.com/dowel-dev/dowel/storage"
)

// exactly is how many rows are counted where an estimate will do. A planner's guess is good for
// many rows only, and to count few takes no time.
const exactly = 10_000

// vague reports whether there are more rows than were counted.
func (r *reading) vague() bool { return r.counted && r.rough && r.total.n > exactly }

// estimate asks the planner for the number of rows of a query.
func (s *Store) estimate(ctx context.Context, r *reading, q *storage.Query) error {
	r.print.Reset()
	r.print.Plan(q)
	plan := &command{sql: bytes.Clone(r.print.SQL), args: r.print.Args}
	plan.row = func(cols [][]byte) error {
		n, err := planRows(cols[0])
		r.total.n = max(n, r.total.n)
		return err
	}
	return s.readAlone(ctx, []*command{plan})
}

var (
	planKey = []byte(`"Plan Rows": `)
	errPlan = errors.New("postgres: a plan says nothing of rows")
)

// planRows reads the number of rows of the outermost node of a plan.
func planRows(plan []byte) (n int64, err error) {
	_, text, ok := bytes.Cut(plan, planKey)
	if !ok {
		return 0, errPlan
	}
	if end := bytes.IndexAny(text, ",\n"); end >= 0 {
		text = text[:end]
	}
	return integer(text)
}
