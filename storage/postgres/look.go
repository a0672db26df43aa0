package postgres

import (
	"context"
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// maxTests is how many tests one query can have.
const maxTests = 64

// look reads one row by its key, and asks any number of conditions about it: as
// tests of as few queries as it takes.
type look struct {
	readings []*reading
	own      int // tests of the caller's query
	conds    []schema.Expr
	holds    []bool
}

// newLook prepares to read the row of a change as q asks for it; nil reads only its version.
func (a *apply) newLook(q *storage.Query, deleted storage.Deleted, conds []schema.Expr) (*look, error) {
	first := storage.Query{Class: a.Class}
	if q != nil {
		first = *q
	}
	l := &look{own: len(first.Tests), conds: conds, holds: make([]bool, len(conds))}
	for {
		n := min(len(conds), maxTests-len(first.Tests))
		first.Key, first.Deleted, first.Limit = a.Key, deleted, -1
		first.Skip, first.Where, first.Total, first.More, first.Watch = 0, nil, false, false, nil
		first.Tests = append(first.Tests[:len(first.Tests):len(first.Tests)], conds[:n]...)
		r, err := newReading(a.model, &first)
		if err != nil {
			return nil, err
		}
		l.readings = append(l.readings, r)
		conds = conds[n:]
		if len(conds) == 0 {
			return l, nil
		}
		first = storage.Query{Class: a.Class}
	}
}

func wheres(guards []storage.Guard) []schema.Expr {
	out := make([]schema.Expr, len(guards))
	for i, g := range guards {
		out[i] = g.Where
	}
	return out
}

func (l *look) commands() (cmds []*command) {
	for _, r := range l.readings {
		cmds = append(cmds, r.commands()...)
	}
	return cmds
}

// row is the row, nil if there is none, and what came of the conditions.
func (l *look) row() (row *storage.Row, err error) {
	at := 0
	for i, r := range l.readings {
		page, err := r.page()
		if err != nil {
			return nil, err
		}
		if len(page.Rows) == 0 {
			return nil, nil
		}
		first := 0
		if i == 0 {
			row, first = &page.Rows[0], l.own
		}
		for bit := first; bit < maxTests && at < len(l.holds); bit++ {
			l.holds[at] = page.Rows[0].Test(bit)
			at++
		}
	}
	if l.own < maxTests {
		row.Tests &= 1<<uint(l.own) - 1
	}
	return row, nil
}

// run reads the row by itself.
func (l *look) run(ctx context.Context, run func(context.Context, ...*command) error) (*storage.Row, error) {
	if err := run(ctx, l.commands()...); err != nil {
		return nil, err
	}
	return l.row()
}

// failed is the error of the first of the guards that did not hold; from is the
// place of the first one among the conditions.
func (l *look) failed(guards []storage.Guard, from int) error {
	for i, g := range guards {
		if !l.holds[from+i] {
			return g.Err
		}
	}
	return nil
}

// whyNot says why an update or a deletion found no row to change. It returns nil when there
// is no reason any more.
func (a *apply) whyNot() error {
	l, err := a.newLook(nil, a.Deleted, wheres(a.before()))
	if err != nil {
		return err
	}
	row, err := l.run(a.ctx, a.ask)
	if err != nil {
		return err
	}
	return a.refused(l, row)
}

// before are the guards that are judged on the row as it was: all of them, when it goes.
func (a *apply) before() []storage.Guard {
	if a.Op == storage.Delete {
		return slices.Concat(a.Before, a.After)
	}
	return a.Before
}

// refused judges the row as it was before the change.
func (a *apply) refused(l *look, row *storage.Row) error {
	if row == nil {
		return storage.ErrNotFound
	}
	if err := l.failed(a.Before, 0); err != nil {
		return err
	}
	if a.IfVersion != 0 && row.Version != a.IfVersion {
		return &storage.StaleError{Current: row.Version}
	}
	if a.Op == storage.Delete {
		return l.failed(a.After, len(a.Before))
	}
	return nil
}
