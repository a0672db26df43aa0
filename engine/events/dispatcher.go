package events

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Config is what a Dispatcher works with.
type Config struct {
	Store       storage.Store
	Schema      func() *schema.Schema // in service
	Subscribers []Subscriber
	Node        string // tells processes apart
	Log         *slog.Logger
	Clock       func() time.Time
	Times       Times
}

// Times are how long things take; those that are 0 have their defaults.
type Times struct {
	Gather  time.Duration // between a commit and the work for it, so that commits are taken together: 10 ms
	Poll    time.Duration // how often to look for what other processes have written: 2 s
	Lease   time.Duration // for how long a process works for a subscriber without saying so again: 30 s
	Handle  time.Duration // that a subscriber has for an event: 30 s
	Backoff time.Duration // before an event is told again, doubled each time up to 10 min: 1 s
	Keep    time.Duration // for how long events are kept that everybody was told: 7 days
}

func (t Times) orDefault() Times {
	for _, d := range []struct {
		at  *time.Duration
		def time.Duration
	}{
		{&t.Gather, 10 * time.Millisecond}, {&t.Poll, 2 * time.Second}, {&t.Lease, 30 * time.Second},
		{&t.Handle, 30 * time.Second}, {&t.Backoff, time.Second}, {&t.Keep, 7 * 24 * time.Hour},
	} {
		if *d.at <= 0 {
			*d.at = d.def
		}
	}
	return t
}

// Dispatcher hands on the events of one application.
type Dispatcher struct {
	cfg   Config
	times Times
	wake  chan struct{}
	works []*worker
}

// New makes a dispatcher, which does nothing until it runs.
func New(cfg Config) *Dispatcher {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	d := &Dispatcher{cfg: cfg, times: cfg.Times.orDefault(), wake: make(chan struct{}, 1)}
	for _, s := range cfg.Subscribers {
		d.works = append(d.works, &worker{d: d, s: s, name: prefix + s.Name(), wake: make(chan struct{}, 1)})
	}
	return d
}

// Wake says that events were committed. It never blocks.
func (d *Dispatcher) Wake() { ring(d.wake) }

func ring(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// cleanEvery is how often old events are removed, atOnce how many rows one transaction writes.
const (
	cleanEvery = 10 * time.Minute
	atOnce     = 200
)

// Run hands on events until ctx is done, and returns when no subscriber is at work any more.
func (d *Dispatcher) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, w := range d.works {
		all.Go(func() { w.run(ctx) })
	}
	var counter, last int64
	var cleaned, looked time.Time
	tick := time.NewTicker(d.times.Poll)
	defer tick.Stop()
	for {
		o := NewOutbox(d.cfg.Schema())
		woken := true
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-tick.C:
			woken = false
		}
		if o == nil {
			continue
		}
		if woken {
			sleep(ctx, d.times.Gather)
			ring0(d.wake)
		} else if counters, err := d.cfg.Store.Counters(ctx, []*schema.Class{o.events}); d.failed(ctx, err) {
			continue
		} else if last = counters[0]; last == counter && time.Since(looked) < d.times.Lease {
			continue
		}
		looked, counter = time.Now(), last
		for {
			n, err := o.number(ctx, d.cfg.Store, atOnce)
			if d.failed(ctx, err) || n == 0 {
				break
			}
			d.tell()
			if n < atOnce {
				break
			}
		}
		if !woken {
			d.tell() // somebody else may have numbered them, and stopped
		}
		if time.Since(cleaned) > cleanEvery {
			cleaned = time.Now()
			d.failed(ctx, d.Clean(ctx))
		}
	}
}

// tell has every worker look.
func (d *Dispatcher) tell() {
	for _, w := range d.works {
		ring(w.wake)
	}
}

// Clean removes the events that everybody was told and that are old enough.
func (d *Dispatcher) Clean(ctx context.Context) error {
	o := NewOutbox(d.cfg.Schema())
	if o == nil {
		return nil
	}
	c, err := o.cursor(ctx, d.cfg.Store, sequence, false)
	if err != nil || c == nil {
		return err
	}
	upTo := c.position
	for _, w := range d.works {
		at, err := w.told(ctx, o)
		if err != nil {
			return err
		}
		upTo = min(upTo, at)
	}
	for {
		n, err := o.clean(ctx, d.cfg.Store, d.cfg.Clock().Add(-d.times.Keep), upTo, atOnce)
		if err != nil || n < atOnce {
			return err
		}
	}
}

// failed reports an error of the store, which is tried again at the next look.
func (d *Dispatcher) failed(ctx context.Context, err error) bool {
	if err == nil {
		return false
	}
	if ctx.Err() == nil && !errors.Is(err, storage.ErrConcurrent) {
		d.cfg.Log.Warn("events could not be handed on", slog.Any("cause", err))
	}
	return true
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// ring0 takes back what was rung.
func ring0(c chan struct{}) {
	select {
	case <-c:
	default:
	}
}
