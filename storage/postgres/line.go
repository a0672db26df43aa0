package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/dowel-dev/dowel/storage"
)

// What a batch holds at most: jobs, and bytes to send. The latter keeps both sides from
// waiting for each other to read.
const (
	maxBatch   = 32
	maxRequest = 64 << 10
)

// How long a connection is idle until the next batch sends a ping ahead, to tell a
// broken connection from one that breaks with a batch under way. A read can be
// sent again, so it only matters when the network swallows everything.
const (
	idleWrites = time.Second
	idleReads  = 30 * time.Second
	pingWait   = time.Second
)

// Time between attempts to connect: doubled from the first to the last, which is how
// long a database is back before a node that waited for it notices.
const (
	backoffFirst = 50 * time.Millisecond
	backoffLast  = 400 * time.Millisecond
	connectWait  = 2 * time.Second // of one attempt
)

// line is one connection of a pipe and the goroutine that serves it.
type line struct {
	pipe *pipe
	wire *wire // nil while there is no connection
	rtt  time.Duration

	stmts map[*shape]*prepared
	fresh []*shape // those whose preparation is under way
	ran   []*shape // those of the transaction that is being read
	tries []*shape // those on trial in the batch
	uses  uint64

	// Of a batch, the statements of which another job may have the same: by hash, and what came of them.
	places map[uint64]int
	firsts []first

	batch []*job
	moves []*job    // of counters, one a transaction that is under way
	shard int       // the row of _dowel_counters that these move
	used  time.Time // the end of the last exchange
}

// prepared is a statement that the connection has, or is about to have.
type prepared struct {
	used  uint64
	known bool // the server has said so
	stale bool // what it was prepared for has changed
}

// first is the first of several same statements in a batch. What belongs to
// its job may be in other hands by the time the next one is looked at.
type first struct {
	call     []byte // only while the batch is laid out
	rows     []byte
	affected int64
}

// brokenError ends a connection.
type brokenError struct {
	cause error
	// nothing: none of what was not answered has happened.
	nothing bool
	timeout bool
}

func (e *brokenError) Error() string { return e.cause.Error() }

func (l *line) run() {
	defer l.pipe.lines.Done()
	defer func() {
		if l.wire != nil {
			l.wire.close()
		}
	}()
	for {
		if l.wire == nil && !l.connect() {
			return
		}
		if !l.collect() {
			return
		}
		if l.pipe.mode == writes {
			slices.SortStableFunc(l.batch, func(a, b *job) int { return cmp.Compare(a.place, b.place) })
		}
		l.serve(l.batch)
		clear(l.batch)
		l.acquit(0)
	}
}

// connect makes a connection, however long that takes; false when the pipe is to stop.
func (l *line) connect() bool {
	wait := backoffFirst
	for {
		err := l.open()
		if err == nil {
			return true
		}
		l.pipe.failed(err)
		select {
		case <-time.After(wait - rand.N(wait/4)): // not all nodes at once
		case <-l.pipe.quit:
			return false
		}
		wait = min(2*wait, backoffLast)
	}
}

// open connects once.
func (l *line) open() error {
	s := l.pipe.store
	ctx, cancel := context.WithTimeout(context.Background(), min(s.options.Connect, connectWait))
	defer cancel()
	w, shard, err := s.connectWire(ctx, l.pipe.mode)
	if err != nil {
		return err
	}
	l.wire, l.stmts, l.places, l.fresh, l.rtt = w, map[*shape]*prepared{}, map[uint64]int{}, l.fresh[:0], time.Hour
	for range 2 {
		start := time.Now()
		if err := l.ping(s.options.Connect); err != nil {
			l.wire = nil
			_ = w.conn.Close()
			return err
		}
		l.rtt = min(l.rtt, time.Since(start))
	}
	s.rtt.Store(int64(l.rtt))
	l.shard = shard
	l.pipe.connected(shard)
	return nil
}

// drop closes a broken connection.
func (l *line) drop(broken *brokenError) {
	_ = l.wire.conn.Close() // it is broken
	l.wire = nil
	if broken.timeout {
		l.pipe.lost(fmt.Errorf("the database does not answer: %w", broken.cause))
		return
	}
	l.pipe.lost(nil)
}

// collect waits for a job and takes those that wait with it; false when the pipe is to stop.
func (l *line) collect() bool {
	l.batch = l.batch[:0]
	size := 0
	p := l.pipe
	for len(l.batch) == 0 {
		select {
		case j := <-p.queue:
			size += l.take(j)
		case <-p.quit:
			return false
		}
	}
	for len(l.batch) < maxBatch && size < maxRequest {
		select {
		case j := <-p.queue:
			size += l.take(j)
		default:
			return true
		}
	}
	return true
}

func (l *line) take(j *job) (size int) {
	if !j.state.CompareAndSwap(queued, taken) {
		l.pipe.recycle(j) // its caller has gone
		return 0
	}
	if j.aside && !l.admit(j) {
		l.fail(j, 0, errAside)
		return 0
	}
	l.batch = append(l.batch, j)
	return len(j.out)
}

// errAside tells a caller that its statements should have a connection of their own.
var errAside = errors.New("postgres: statements that may take long travel alone")

// admit reports whether a job may travel with others: none of its statements is known to take
// long, and none is new while another of its kind is on trial.
func (l *line) admit(j *job) bool {
	had := len(l.tries)
	for i := range j.parts {
		s := j.parts[i].shape
		if s.tried.Load() && !s.slow() {
			continue
		}
		if s.slow() || !s.trial.CompareAndSwap(false, true) {
			l.acquit(had)
			return false
		}
		l.tries = append(l.tries, s)
	}
	return true
}

// acquit ends the trials from one on.
func (l *line) acquit(from int) {
	for _, s := range l.tries[from:] {
		s.trial.Store(false)
	}
	l.tries = l.tries[:from]
}

// serve runs a batch to its end, whatever happens: all jobs in one transaction, and if
// one of them fails or the connection breaks, the others each for itself.
func (l *line) serve(jobs []*job) {
	alone := len(jobs) == 1
	for len(jobs) > 0 {
		if l.wire == nil {
			err := l.open()
			if err != nil { // once more: these have waited already
				time.Sleep(backoffFirst)
				err = l.open()
			}
			if err != nil {
				l.pipe.failed(err)
				l.failAll(jobs, unavailable(err))
				return
			}
		}
		rest, broken := l.exchange(jobs, alone)
		if broken != nil {
			l.drop(broken)
			rest = l.salvage(rest, broken)
		}
		jobs, alone = rest, true
	}
}

// salvage returns those of the jobs under way on a broken connection that can be sent again.
func (l *line) salvage(jobs []*job, broken *brokenError) []*job {
	again := jobs[:0]
	for _, j := range jobs {
		switch {
		case l.pipe.mode == writes && !broken.nothing:
			l.fail(j, 0, fmt.Errorf("%w: %w", storage.ErrOutcomeUnknown, broken.cause))
		case j.resent || broken.timeout:
			l.fail(j, 0, unavailable(broken.cause))
		default:
			j.resent = true
			j.again()
			again = append(again, j)
		}
	}
	return again
}

// prepare sets the deadline of the connection and pings it when it was idle for long.
func (l *line) prepare() *brokenError {
	now := time.Now()
	idle := idleReads
	if l.pipe.mode == writes {
		idle = idleWrites
	}
	if now.Sub(l.used) > idle {
		if err := l.ping(pingWait); err != nil {
			return &brokenError{cause: err, nothing: true}
		}
	}
	l.extend(now)
	return nil
}

// extend moves the deadline of the connection: so long may go by without an answer.
func (l *line) extend(now time.Time) {
	if t := l.pipe.store.options.Timeout; t > 0 {
		_ = l.wire.conn.SetDeadline(now.Add(t + time.Second)) // fails with what comes next
	}
}

// ping waits for the server to answer.
func (l *line) ping(wait time.Duration) error {
	_ = l.wire.conn.SetDeadline(time.Now().Add(wait)) // fails with what comes next
	l.wire.sync()
	if _, err := l.wire.flush(); err != nil {
		return err
	}
	broken, failed := l.ready()
	if broken != nil {
		return broken.cause
	}
	l.used = time.Now()
	_ = l.wire.conn.SetDeadline(time.Time{})
	return failed
}

// finish wakes the caller of a job that is done.
func (l *line) finish(j *job) {
	if j.state.CompareAndSwap(taken, ready) {
		j.done <- struct{}{}
		return
	}
	l.pipe.recycle(j) // its caller has gone
}

// fail ends a job with an error, which is about its part at.
func (l *line) fail(j *job, at int, err error) {
	j.at, j.err = at, err
	l.finish(j)
}

func (l *line) failAll(jobs []*job, err error) {
	for _, j := range jobs {
		l.fail(j, 0, err)
	}
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
