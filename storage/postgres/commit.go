package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// commit moves the counters and commits, in one round trip.
func (t *tx) commit() error {
	batch, end, err := t.closing(t.ctx, nil)
	if err != nil {
		t.rollback()
		return err
	}
	ctx, done := t.store.outlasting(t.ctx)
	defer done()
	err = t.conn.run(ctx, slices.Concat(t.pending, batch)...)
	t.rollback()
	switch {
	case err == nil || end.done: // what has been said stands, whatever became of the connection
		return nil
	case fatal(err):
		return fmt.Errorf("%w: %w", storage.ErrOutcomeUnknown, err)
	case lostRace(err):
		return &againError{err}
	}
	if err = t.unfenced(t.ctx, err); errors.As(err, new(*againError)) {
		return err
	}
	return readError(t.ctx, err)
}

// closing are statements, the moves of the counters and the commit.
func (t *tx) closing(ctx context.Context, cmds []*command) (batch []*command, end *command, err error) {
	moves, err := t.moves(ctx)
	end = statementOf("commit")
	return slices.Concat(cmds, moves, []*command{end}), end, err
}

// unfenced turns the error of a transaction that met the fence into one that says whether
// it may run again.
func (t *tx) unfenced(ctx context.Context, err error) error {
	if n, ok := verdictOf(err); !ok || n != fence {
		return err
	}
	if err := t.store.fenced(ctx); err != nil {
		return err
	}
	return &againError{err}
}

// outlasting is a context for a commit: a caller who leaves does not end it, but one
// that is not answered ends with the time of the caller, after a moment at least.
func (s *Store) outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	now := time.Now()
	end, bounded := ctx.Deadline()
	if t := s.options.Timeout; t > 0 && (!bounded || end.After(now.Add(t+time.Second))) {
		end, bounded = now.Add(t+time.Second), true
	}
	if !bounded {
		return context.WithCancel(context.WithoutCancel(ctx))
	}
	if soon := now.Add(commitWait); end.Before(soon) {
		end = soon
	}
	return context.WithDeadline(context.WithoutCancel(ctx), end)
}

// commitWait is how long a commit may take when its caller's time is up.
const commitWait = 500 * time.Millisecond

// moves are the statements that move the counters of what was written.
func (t *tx) moves(ctx context.Context) ([]*command, error) {
	entries := t.ordered()
	moves := make([]*command, 0, len(entries)+1)
	for _, e := range entries {
		epoch, err := t.store.epoch(ctx, e.table)
		if err != nil {
			return nil, err
		}
		moves = append(moves, statementOf(moveCounter,
			schema.NewInt(e.step), schema.NewText(e.table), schema.NewInt(int64(t.conn.shard)), schema.NewInt(epoch)))
	}
	return moves, nil
}
