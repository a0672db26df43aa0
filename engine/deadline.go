package engine

import (
	"context"
	"sync"
	"time"
)

// deadline is a context that ends at a time, like that of context.WithDeadline,
// but without a timer until somebody waits for it. Most requests are answered
// before anybody does, and a timer costs as much as the rest of their context.
type deadline struct {
	parent context.Context
	of     *exchange // whose time it is
	at     time.Time

	mu     sync.Mutex
	timed  context.Context // nil until somebody waits
	cancel context.CancelFunc
	over   bool
}

// start makes d end after some time; no time is no end of its own.
func (d *deadline) start(parent context.Context, after time.Duration) context.Context {
	if after <= 0 {
		return parent
	}
	d.parent, d.at = parent, time.Now().Add(after)
	return d
}

// end releases the timer, if there is one. What still waits is told that the work was given up.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	if d.cancel != nil {
		d.cancel()
	}
}

// Deadline implements context.Context.
func (d *deadline) Deadline() (time.Time, bool) {
	if t, ok := d.parent.Deadline(); ok && t.Before(d.at) {
		return t, true
	}
	return d.at, true
}

// Done implements context.Context.
func (d *deadline) Done() <-chan struct{} { return d.waiting().Done() }

func (d *deadline) waiting() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.cancel = context.WithDeadline(d.parent, d.at)
		if d.over {
			d.cancel()
		}
	}
	return d.timed
}

// Err implements context.Context.
func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.timed != nil:
		return d.timed.Err()
	case d.over:
		return context.Canceled
	case d.parent.Err() != nil:
		return d.parent.Err()
	case !time.Now().Before(d.at):
		return context.DeadlineExceeded
	}
	return nil
}

// Value implements context.Context. Contexts derived from d find the timer by
// it, which spares them a goroutine each.
func (d *deadline) Value(key any) any {
	if key == (exchangeKey{}) {
		return d.of
	}
	d.mu.Lock()
	timed := d.timed
	d.mu.Unlock()
	if timed != nil {
		return timed.Value(key)
	}
	return d.parent.Value(key)
}
