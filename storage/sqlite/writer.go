package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/dowel-dev/dowel/storage"
)

// maxGroup is how many transactions share one commit.
const maxGroup = 64

// Write runs fn in a transaction. Transactions that wait at the same time are
// committed together; an error of one undoes that one only.
func (s *Store) Write(ctx context.Context, fn func(storage.Tx) error) error {
	if s.isClosed() {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	j := jobs.Get().(*job)
	j.reset(ctx, fn)
	if !s.writer.enqueue(j) {
		jobs.Put(j)
		return ctx.Err()
	}
	if s.isClosed() && j.taken.CompareAndSwap(false, true) {
		return errClosed // the writer may have stopped before it could see the job
	}
	if err := j.wait(); err != nil {
		return err // the job may still be in the queue, so it is not used again
	}
	err, panicked := j.err, j.panicked
	//lint:ignore SA1012 a job at rest keeps nothing alive
	j.reset(nil, nil)
	jobs.Put(j)
	if panicked != nil {
		panic(panicked)
	}
	return err
}

// job is one call of Write on its way through the writer.
type job struct {
	ctx      context.Context
	fn       func(storage.Tx) error
	taken    atomic.Bool // by the writer, or by a caller who gives up
	done     chan struct{}
	err      error
	panicked any
}

var jobs = sync.Pool{New: func() any { return &job{done: make(chan struct{}, 1)} }}

func (j *job) reset(ctx context.Context, fn func(storage.Tx) error) {
	j.ctx, j.fn, j.err, j.panicked = ctx, fn, nil, nil
	j.taken.Store(false)
}

// enqueue reports whether there was room before the job's context ended.
func (w *writer) enqueue(j *job) bool {
	select {
	case w.queue <- j:
		return true
	default:
	}
	select {
	case w.queue <- j:
		return true
	case <-j.ctx.Done():
		return false
	}
}

// wait returns when the job is over, or with an error when it will never begin.
func (j *job) wait() error {
	select {
	case <-j.done:
		return nil
	case <-j.ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
			return j.ctx.Err()
		}
	}
	<-j.done
	return nil
}

// writer owns the connection that writes.
type writer struct {
	store  *Store
	conn   *conn
	queue  chan *job
	quit   chan struct{}
	done   chan struct{}
	ledger ledger
	marks  [][]entry
	// waiting are the jobs of the group at work that have no answer yet.
	waiting []*job
	// broken is set when a commit failed in a way that leaves it unknown what is
	// on the disk: from then on only a new process, which recovers the file, may write.
	broken error
}

func startWriter(s *Store, c *conn) *writer {
	w := &writer{store: s, conn: c, queue: make(chan *job, 2*maxGroup), quit: make(chan struct{}), done: make(chan struct{})}
	w.ledger.conn = c
	go w.run()
	return w
}

func (w *writer) stop() error {
	close(w.quit)
	<-w.done
	return w.conn.close()
}

// run serves the queue. Should fn end its goroutine (runtime.Goexit, as a
// failing test does), run takes up again in another.
func (w *writer) run() {
	ended := false
	defer func() {
		if !ended {
			w.abandon()
			go w.run()
		}
	}()
	for {
		select {
		case <-w.quit:
			w.drain()
			ended = true
			close(w.done)
			return
		case j := <-w.queue:
			w.gather(j)
			w.commit()
		}
	}
}

// gather takes whatever else is waiting.
func (w *writer) gather(first *job) {
	w.waiting = w.waiting[:0]
	for j := first; ; {
		if j.taken.CompareAndSwap(false, true) {
			w.waiting = append(w.waiting, j)
		}
		if len(w.waiting) == maxGroup {
			return
		}
		select {
		case j = <-w.queue:
		default:
			return
		}
	}
}

// drain ends those who were still waiting when the store was closed.
func (w *writer) drain() {
	for {
		select {
		case j := <-w.queue:
			if j.taken.CompareAndSwap(false, true) {
				j.end(errClosed)
			}
		default:
			return
		}
	}
}

// abandon undoes the transaction of a group whose goroutine ends, and tells its callers.
func (w *writer) abandon() {
	w.conn.end()
	w.rollback()
	for _, j := range w.waiting {
		j.end(unavailable(errGone))
	}
	w.waiting = w.waiting[:0]
}

var errGone = errors.New("the goroutine of the transaction ended")

func (j *job) end(err error) {
	j.err = err
	j.done <- struct{}{}
}

// commit runs the jobs that wait and commits them. When the whole transaction
// was lost on the way (SQLite rolls back when a statement is interrupted or the
// disk is full), the others are run again without the one that lost it.
func (w *writer) commit() {
	for len(w.waiting) > 0 {
		lost, err := w.attempt(w.waiting)
		if lost >= 0 {
			j := w.waiting[lost]
			w.waiting = append(w.waiting[:lost], w.waiting[lost+1:]...)
			j.end(j.err)
			continue
		}
		group := w.waiting
		w.waiting = w.waiting[:0]
		for _, j := range group {
			if j.err == nil {
				j.err = err
			}
			j.end(j.err)
		}
	}
}

// attempt runs a group in one transaction. err concerns all of it. lost is
// the job that lost the transaction for the others, or negative.
func (w *writer) attempt(group []*job) (lost int, err error) {
	for _, j := range group {
		j.err, j.panicked = nil, nil
	}
	if w.broken != nil {
		return -1, w.broken
	}
	w.ledger.reset()
	w.marks = w.marks[:0]
	if err := w.begin(); err != nil {
		return -1, writeError(err)
	}
	wrote := false
	for i, j := range group {
		w.one(j, len(group) > 1)
		if w.conn.db.AutocommitEnabled() {
			return i, nil
		}
		wrote = wrote || j.err == nil
	}
	if !wrote {
		w.rollback()
		return -1, nil
	}
	if err := w.ledger.flush(); err != nil {
		w.rollback()
		return -1, writeError(err)
	}
	return -1, w.end()
}

// begin opens a transaction that may write. SQLite has no queue for processes that write: each looks again after
// a while. Its own pauses grow to a tenth of a second, so that one which commits without a break
// keeps the others out until they give up; short ones catch the moments between its transactions.
func (w *writer) begin() error {
	db := w.conn.db
	db.SetBusyTimeout(0)
	defer db.SetBusyTimeout(w.store.options.LockWait)
	err := w.conn.do("begin immediate")
	if !isBusy(err) {
		return err
	}
	for end := time.Now().Add(w.store.options.LockWait); isBusy(err) && time.Now().Before(end); {
		time.Sleep(200*time.Microsecond + rand.N(time.Millisecond))
		err = w.conn.do("begin immediate")
	}
	return err
}

func isBusy(err error) bool {
	return err != nil && sqlite.ErrCode(err).ToPrimary() == sqlite.ResultBusy
}

// one runs a job, in a savepoint when others share the transaction.
func (w *writer) one(j *job, shared bool) {
	if err := j.ctx.Err(); err != nil {
		j.err = err
		return
	}
	if !shared {
		w.call(j)
		return
	}
	j.err = w.savepoint("job", func() error {
		w.call(j)
		return j.err
	})
}

// call runs fn and keeps what it returns or panics with.
func (w *writer) call(j *job) {
	t := &tx{writer: w, ctx: j.ctx, model: w.store.models.Present()}
	w.conn.print.Names = t.model.Names
	defer func() {
		t.over = true
		if p := recover(); p != nil {
			j.panicked = &Panic{Value: p, Stack: debug.Stack()}
			j.err = errPanic
		}
	}()
	j.err = j.fn(t)
	if j.err == nil && t.failed != nil {
		j.err = t.failed
	}
	if j.err == nil {
		j.err = j.ctx.Err()
	}
}

// errPanic marks a job whose panic goes on in its caller.
var errPanic = errors.New("panic")

// Panic is what a panic in a transaction goes on as in the caller of Write: the
// transaction ran in another goroutine, so its stack comes along.
type Panic struct {
	Value any
	Stack []byte
}

// Error returns the value and the stack of the transaction.
func (p *Panic) Error() string { return fmt.Sprintf("%v\n\n%s", p.Value, p.Stack) }

// Unwrap returns the value if it is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// savepoint runs fn so that an error from it undoes what it did, counters too.
func (w *writer) savepoint(name string, fn func() error) error {
	if err := w.conn.do("savepoint " + name); err != nil {
		return writeError(err)
	}
	depth := len(w.marks)
	if depth == cap(w.marks) {
		w.marks = append(w.marks, nil)
	} else {
		w.marks = w.marks[:depth+1]
	}
	mark := w.ledger.mark(w.marks[depth])
	w.marks[depth] = mark
	err := fn()
	w.marks = w.marks[:depth]
	if w.conn.db.AutocommitEnabled() {
		return err // the whole transaction is gone
	}
	if err != nil {
		w.ledger.undo(mark)
		if undo := w.conn.do("rollback to " + name); undo != nil {
			return errors.Join(err, undo)
		}
	}
	if release := w.conn.do("release " + name); release != nil {
		return errors.Join(err, writeError(release))
	}
	return err
}

// end commits. An error of the commit itself may leave it open what is on disk.
func (w *writer) end() error {
	err := w.conn.do("commit")
	if err == nil {
		return nil
	}
	w.rollback()
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultIOErr, sqlite.ResultCorrupt:
		w.broken = unavailable(fmt.Errorf("an earlier commit failed (%w); restart to recover the file", err))
		return fmt.Errorf("%w: %w", storage.ErrOutcomeUnknown, err)
	}
	return writeError(err)
}

// rollback ends the transaction if SQLite has not done so already.
func (w *writer) rollback() {
	w.ledger.reset()
	if w.conn.db.AutocommitEnabled() {
		return
	}
	if err := w.conn.do("rollback"); err != nil && !w.conn.db.AutocommitEnabled() {
		w.broken = unavailable(fmt.Errorf("rollback failed: %w", err))
	}
}

// writeError gives an error of the transaction as a whole its meaning.
func writeError(err error) error {
	if isContract(err) {
		return err
	}
	return unavailable(err)
}
