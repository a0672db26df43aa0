package postgres

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

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

// Time between attempts to connect: doubled from the first to the last.
const (
	backoffFirst = 50 * time.Millisecond
	backoffLast  = 800 * time.Millisecond
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

	batch    []*job
	moves    []*job    // of counters, one a transaction that is under way
	shard    int       // the row of _dowel_counters that these move
	used     time.Time // the end of the last exchange
	deadline time.Time // of the connection, as it was set last
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
		case <-time.After(wait):
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

// exchange sends jobs and reads what comes back. It returns those that are to be
// sent again, and how the connection broke if it did: then these are the ones
// that were not answered.
func (l *line) exchange(jobs []*job, alone bool) (rest []*job, broken *brokenError) {
	if broken := l.prepare(); broken != nil {
		return jobs, broken
	}
	l.write(jobs, alone)
	if sent, err := l.wire.flush(); err != nil {
		return jobs, &brokenError{cause: err, nothing: !sent, timeout: isTimeout(err)}
	}
	rest = jobs[:0]
	for len(jobs) > 0 && broken == nil {
		group := jobs
		if alone {
			group = jobs[:1]
		}
		jobs = jobs[len(group):]
		var again []*job
		again, broken = l.group(group)
		rest = append(rest, again...)
	}
	rest = append(rest, jobs...)
	l.settle()
	l.used = time.Now()
	return rest, broken
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
	failed, broken := l.ready()
	if broken != nil {
		return broken.cause
	}
	l.used = time.Now()
	_ = l.wire.conn.SetDeadline(time.Time{})
	return failed
}

// write lays out the messages of a batch.
func (l *line) write(jobs []*job, alone bool) {
	w := l.wire
	l.evict()
	l.uses++
	l.moves = l.moves[:0]
	together := len(jobs) > 1 && !alone && l.pipe.mode == reads
	for n, j := range jobs {
		from := 0
		for i := range j.parts {
			p := &j.parts[i]
			call := j.out[from:p.end]
			from = p.end
			if p.twin = 0; together && j.lasting && l.isTwin(p, call) {
				continue
			}
			p.probed, p.prepared = p.shape.probing(), false
			if p.probed && n+i > 0 {
				w.sendNow()
			}
			l.ensure(p, alone)
			w.out = append(w.out, call...)
			if p.probed {
				w.sendNow()
			}
		}
		if alone {
			l.count(jobs[n:n+1], alone)
			w.sync()
		}
	}
	if !alone {
		l.count(jobs, alone)
		w.sync()
	}
	for i := range l.firsts {
		l.firsts[i].call = nil
	}
}

// ensure has the statement of a part prepared. Where each job is a transaction of its own, one cannot
// count on what another one prepares: that may fail.
func (l *line) ensure(p *part, alone bool) {
	st := l.stmts[p.shape]
	if st == nil {
		st = &prepared{}
		l.stmts[p.shape] = st
	}
	fresh := st.used == 0
	again := !fresh && (st.stale || alone && !st.known)
	st.used = l.uses
	if again {
		l.wire.closeStatement(p.shape.name) // no error if it is not there
	}
	if fresh || again {
		l.wire.parse(p.shape)
		l.fresh = append(l.fresh, p.shape)
		st.stale, st.known = false, false
		p.prepared = true
	}
}

var seed = maphash.MakeSeed()

// isTwin reports whether the same statement with the same values is in the batch already. All of a batch sees the same
// state of the database, so that one answer is right for both.
func (l *line) isTwin(p *part, call []byte) bool {
	hash := maphash.Bytes(seed, call)
	if place, ok := l.places[hash]; ok && bytes.Equal(l.firsts[place].call, call) {
		p.twin = place + 1
		return true
	}
	l.places[hash] = len(l.firsts)
	l.firsts = append(l.firsts, first{call: call})
	p.twin = -len(l.firsts)
	return false
}

// group reads the answers up to the end of a transaction and wakes the callers. Changes
// have not happened before that end; what was read can be handed out before.
func (l *line) group(jobs []*job) (again []*job, broken *brokenError) {
	l.wire.waited = 0
	l.ran = l.ran[:0]
	moves := l.nextMoves()
	for i, j := range jobs {
		failed, broken := l.answer(j)
		if broken != nil {
			if l.pipe.mode == writes {
				i = 0
			}
			return jobs[i:], broken
		}
		if failed != nil {
			if _, broken := l.ready(); broken != nil {
				broken.nothing = true
				if l.pipe.mode == writes {
					i = 0
				}
				return jobs[i:], broken
			}
			return l.retry(jobs, i, failed), nil
		}
		if l.pipe.mode == reads {
			l.finish(j)
		}
	}
	if moves != nil {
		failed, broken := l.answer(moves)
		if broken != nil {
			return jobs, broken
		}
		if failed != nil {
			if _, broken := l.ready(); broken != nil {
				broken.nothing = true
				return jobs, broken
			}
			return l.retry(jobs, len(jobs)-1, failed), nil
		}
	}
	failed, broken := l.ready()
	l.measure()
	if l.pipe.mode == reads {
		return nil, broken
	}
	if broken != nil {
		broken.nothing = false
		return jobs, broken
	}
	if failed != nil {
		return l.retry(jobs, len(jobs)-1, failed), nil
	}
	for _, j := range jobs {
		l.finish(j)
	}
	return nil, nil
}

// retry sorts out a transaction that failed at one of its jobs: the others run again, each
// for itself. Those that only read and came before are done already.
func (l *line) retry(jobs []*job, at int, failed error) []*job {
	again := jobs
	if l.pipe.mode == reads {
		again = jobs[at:]
		at = 0
	}
	culprit := again[at]
	outdated := isOutdated(failed) && !culprit.renewed
	switch {
	case outdated:
		culprit.renewed = true
		for _, st := range l.stmts {
			st.stale = true
		}
	case at > 0 && len(again) > 1:
		// A change may have failed because of one before it that will not happen after all.
	default:
		l.fail(culprit, culprit.at, failed)
		again = append(again[:at], again[at+1:]...)
	}
	for _, j := range again {
		j.again()
	}
	return again
}

// isOutdated reports whether a statement failed because it was prepared for
// tables that have changed, or because a pooler has forgotten it.
func isOutdated(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "0A000" || e.Code == "26000")
}

// answer reads the results of a job.
func (l *line) answer(j *job) (failed error, broken *brokenError) {
	w := l.wire
	for i := range j.parts {
		p := &j.parts[i]
		if p.twin > 0 {
			p.rows, p.affected = l.firsts[p.twin-1].rows, l.firsts[p.twin-1].affected
			continue
		}
		before, start := w.waited, len(j.in)
	part:
		for {
			kind, body, err := w.next()
			if err != nil {
				return nil, &brokenError{cause: err, timeout: isTimeout(err)}
			}
			switch kind {
			case 'D':
				j.in = append(j.in, w.last()...)
			case 'C', 'I': // I is that of an empty statement
				p.affected = affectedBy(body)
				break part
			case '1':
				l.known(p.shape)
			case 'E':
				err := serverError(body)
				j.at = i
				if fatal(err) {
					return nil, &brokenError{cause: err, nothing: true}
				}
				return err, nil
			case '2', '3', 'S', 'N', 'A', 'n', 'T':
			default:
				return nil, &brokenError{cause: fmt.Errorf("postgres: unexpected message %q", kind)}
			}
		}
		if w.waited-before > 10*time.Millisecond {
			l.extend(time.Now()) // it goes on
		}
		p.rows = j.in[start:]
		if p.twin < 0 {
			l.firsts[-p.twin-1] = first{rows: p.rows, affected: p.affected}
		}
		l.ran = append(l.ran, p.shape)
		if p.probed {
			p.shape.verdict(l.spent(w.waited-before, before == 0), p.prepared)
		}
	}
	return nil, nil
}

// ready reads the end of a transaction.
func (l *line) ready() (failed error, broken *brokenError) {
	for {
		kind, body, err := l.wire.next()
		if err != nil {
			return failed, &brokenError{cause: err, timeout: isTimeout(err)}
		}
		switch kind {
		case 'Z':
			if len(body) != 1 || body[0] != 'I' {
				return failed, &brokenError{cause: errors.New("postgres: a statement left a transaction open")}
			}
			return failed, nil
		case 'E':
			failed = serverError(body)
			if fatal(failed) {
				return failed, &brokenError{cause: failed}
			}
		case 'S', 'N', 'A', '3':
		default:
			return failed, &brokenError{cause: fmt.Errorf("postgres: unexpected message %q", kind)}
		}
	}
}

// suspectCost is how long a batch may take, and each statement of it, before the next runs of its shapes are measured.
const (
	suspectCost = 10 * time.Millisecond
	suspectEach = 500 * time.Microsecond
)

// measure takes in the time of a transaction. Of one with several statements it is not known
// which one took it: the server sends their results together. If it was long,
// the shapes are measured one by one from now on.
func (l *line) measure() {
	spent := l.spent(l.wire.waited, true)
	n := len(l.ran)
	switch {
	case n == 1 && len(l.fresh) == 0:
		l.ran[0].observe(spent)
	case n > 1 && spent > suspectCost+time.Duration(n)*suspectEach:
		for _, s := range l.ran {
			s.suspect()
		}
	}
}

// spent is what the server needed of the time waited for it.
func (l *line) spent(waited time.Duration, first bool) time.Duration {
	if first {
		waited -= l.rtt
	}
	return max(waited, 0)
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

func (l *line) known(s *shape) {
	if st := l.stmts[s]; st != nil {
		st.known = true
	}
}

// settle ends an exchange. Statements whose preparation did not come to its end are prepared again.
func (l *line) settle() {
	for _, s := range l.fresh {
		if st := l.stmts[s]; st != nil && !st.known {
			st.stale = true
		}
	}
	l.fresh = l.fresh[:0]
	clear(l.firsts)
	l.firsts = l.firsts[:0]
	clear(l.places)
}

// evict ends statements that were not used lately when there are too many, a quarter of them.
func (l *line) evict() {
	limit := l.pipe.store.options.Statements
	if len(l.stmts) <= limit {
		return
	}
	used := make([]uint64, 0, len(l.stmts))
	for _, st := range l.stmts {
		used = append(used, st.used)
	}
	slices.Sort(used)
	horizon := used[len(used)/4]
	for s, st := range l.stmts {
		if st.used <= horizon {
			l.wire.closeStatement(s.name)
			delete(l.stmts, s)
		}
	}
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
