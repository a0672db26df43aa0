package actions

import (
	"context"
	"errors"
	"time"

	"github.com/dowel-dev/dowel/storage"
)

// Later queues an action, to be run after a while in a transaction of its own:
// with the rights that the caller has by then, through Sudo with those of the engine. It is queued
// when this transaction commits, or not at all. What makes no sense or is not allowed is
// refused at once. The result is the id of the job.
func (k *Ctx) Later(a Action, after time.Duration) (id string, err error) {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	switch {
	case k.s.over != nil:
		return "", k.s.over
	case k.Err() != nil:
		return "", k.Err()
	case k.s.tx == nil || k.x.Snapshot.Later == nil:
		return "", errors.New("nothing can be queued here")
	}
	if k.x.Sudoer != nil {
		k.audit(a)
	}
	if o := a.Common(); o.Tenant == "" && !k.x.tenant.org.IsNull() {
		o.Tenant = k.x.Schema.Tenant.Class.Key[0].Type.Text(k.x.tenant.org)
	}
	return k.x.Snapshot.Later(k.Context, k.x, k.s.tx, a, k.x.Now.Add(after))
}

// Queueing is how functions queue actions: as the subject of from, in its transaction.
type Queueing func(ctx context.Context, from *Exec, tx storage.Tx, a Action, due time.Time) (id string, err error)
