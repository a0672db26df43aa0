package engine

import (
	"context"
	"slices"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// A keeper keeps what transactions change, in the same transaction: a history, an outbox.
type keeper interface {
	// wants says of which classes it wants to know the changes. It is asked once a schema.
	wants(c *schema.Class) bool
	// keep is called before the commit. What it writes is not recorded; its error undoes
	// everything. It may be called again when a transaction is run again.
	keep(ctx context.Context, tx storage.Tx, t *transaction) error
	// stored is called after the commit of what it has kept, and must not block.
	stored()
}

// transaction is what keepers learn: who did what, and what changed.
type transaction struct {
	x      *actions.Exec
	caller *authz.Subject // other than x.Subject where as= names somebody
	action actions.Action // the outermost one
	// changes are of the classes that some keeper wants, in the order in which they happened; at least one.
	changes []actions.Recorded
	// last: the transaction ends with what the keeper writes.
	last bool
}

// of are the changes that a keeper wants.
func (t *transaction) of(k keeper) []actions.Recorded {
	var out []actions.Recorded
	for _, c := range t.changes {
		if k.wants(c.Class) {
			out = append(out, c)
		}
	}
	return out
}

// keepWith makes a revision record what its keepers want: those that want nothing are left out.
func (l *live) keepWith(all ...keeper) {
	s := l.snapshot.Schema
	for _, k := range all {
		if actions.NewWanted(s, k.wants) != nil {
			l.keepers = append(l.keepers, k)
		}
	}
	l.wanted = actions.NewWanted(s, func(c *schema.Class) bool {
		for _, k := range l.keepers {
			if k.wants(c) {
				return true
			}
		}
		return false
	})
}

// keep tells the keepers of a transaction, and returns those that were.
func (l *live) keep(ctx context.Context, tx storage.Tx, t *transaction) ([]keeper, error) {
	if len(t.changes) == 0 {
		return nil, nil
	}
	var concerned []keeper
	for _, k := range l.keepers {
		if slices.ContainsFunc(t.changes, func(c actions.Recorded) bool { return k.wants(c.Class) }) {
			concerned = append(concerned, k)
		}
	}
	alone := t.last
	for i, k := range concerned {
		t.last = alone && i == len(concerned)-1
		if err := k.keep(ctx, tx, t); err != nil {
			return nil, err
		}
	}
	return concerned, nil
}
