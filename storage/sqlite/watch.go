package sqlite

import (
	"context"
	"sync"
	"time"
)

// watchTick is how often the watchdog looks; statements end that much late at most.
const watchTick = 50 * time.Millisecond

// watchdog interrupts connections whose work takes too long or whose caller has
// gone. Looking in on them now and then keeps the cost off short statements:
// a driver's own cancellation needs a goroutine for each.
type watchdog struct {
	timeout time.Duration
	quit    chan struct{}
	done    chan struct{}

	mu    sync.Mutex
	conns map[*conn]struct{}
}

// guard is what the watchdog knows of one connection.
type guard struct {
	mu          sync.Mutex
	ctx         context.Context // nil while idle or not to be disturbed
	turn        uint64          // counts the pieces of work
	interrupt   chan struct{}   // closed to interrupt
	interrupted bool

	// seen and since belong to the watchdog: the turn it saw last, and when first.
	seen  uint64
	since time.Time
}

func newWatchdog(timeout time.Duration) *watchdog {
	w := &watchdog{timeout: timeout, quit: make(chan struct{}), done: make(chan struct{}), conns: map[*conn]struct{}{}}
	go w.run()
	return w
}

func (w *watchdog) add(c *conn) {
	c.guard.arm(c)
	w.mu.Lock()
	w.conns[c] = struct{}{}
	w.mu.Unlock()
}

func (w *watchdog) remove(c *conn) {
	w.mu.Lock()
	delete(w.conns, c)
	w.mu.Unlock()
}

func (w *watchdog) stop() {
	close(w.quit)
	<-w.done
}

func (w *watchdog) run() {
	defer close(w.done)
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	for {
		select {
		case <-w.quit:
			return
		case now := <-tick.C:
			w.look(now)
		}
	}
}

func (w *watchdog) look(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		c.guard.look(now, w.timeout)
	}
}

func (g *guard) look(now time.Time, timeout time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ctx == nil || g.interrupted {
		return
	}
	if g.seen != g.turn {
		g.seen, g.since = g.turn, now
	}
	if g.ctx.Err() != nil || timeout > 0 && now.Sub(g.since) > timeout {
		g.interrupted = true
		close(g.interrupt)
	}
}

// arm gives the connection a fresh channel to be interrupted by.
func (g *guard) arm(c *conn) {
	g.interrupt = make(chan struct{})
	g.interrupted = false
	c.db.SetInterrupt(g.interrupt)
}

// begin lets the watchdog interrupt the connection on behalf of ctx until end.
func (c *conn) begin(ctx context.Context) {
	g := &c.guard
	g.mu.Lock()
	g.ctx = ctx
	g.turn++
	g.mu.Unlock()
}

// end returns the connection to a state in which it cannot be interrupted.
func (c *conn) end() {
	g := &c.guard
	g.mu.Lock()
	g.ctx = nil
	interrupted := g.interrupted
	if interrupted {
		g.arm(c)
	}
	g.mu.Unlock()
}
