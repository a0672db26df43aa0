package engine

import (
	"context"
	"encoding/hex"
	"log/slog"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// histories is the keeper of what rows were.
type histories struct{ ledger *actions.Ledger }

func (h *histories) wants(c *schema.Class) bool { return c.History }

func (h *histories) stored() {}

func (h *histories) keep(ctx context.Context, tx storage.Tx, t *transaction) error {
	changes := t.of(h)
	if len(changes) == 0 {
		return nil
	}
	d := actions.Detail{Subject: t.x.Subject.ID, By: t.by(), System: t.x.Subject.System, Action: strings.TrimPrefix(nameOf(t.action), ".")}
	if x := exchangeOf(ctx); x != nil {
		d.RequestID = x.id
	}
	// The hash of content that holds a password would let it be guessed at leisure.
	if !slices.ContainsFunc(t.changes, func(c actions.Recorded) bool { return slices.ContainsFunc(c.Class.Fields, secret) }) {
		if sum, err := actions.Hash(t.action); err == nil { // types of an application may not be encodable
			d.Digest = hex.EncodeToString(sum[:])
		}
	}
	for i := range changes {
		if err := h.ledger.Keep(ctx, tx, &changes[i], t.x.Now, d, t.last && i == len(changes)-1); err != nil {
			return err
		}
	}
	return nil
}

func secret(f *schema.Field) bool { return f.WriteOnly || f.Type.Traits().Secret }

// forget removes the entries of histories that are kept for a time only.
func (e *Engine) forget(ctx context.Context) {
	s := e.Schema()
	ledger := actions.NewLedger(s)
	for _, c := range s.Classes {
		if c.HistoryFor == 0 {
			continue
		}
		for {
			n, err := ledger.Forget(ctx, e.cfg.Store, c, e.cfg.Clock().Add(-c.HistoryFor), sweepAtOnce)
			if err != nil && ctx.Err() == nil {
				e.cfg.Log.Warn("old entries of histories could not be removed", slog.Any("cause", err))
			}
			if err != nil || n < sweepAtOnce {
				break
			}
		}
	}
}

// VerifyHistory reads all histories and finds out whether somebody has changed them, or rows behind their back.
func (e *Engine) VerifyHistory(ctx context.Context) (*actions.Verified, error) {
	s := e.Schema()
	ledger := actions.NewLedger(s)
	if ledger == nil {
		return &actions.Verified{}, nil
	}
	return ledger.Verify(ctx, s, e.cfg.Store)
}
