package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dowel-dev/dowel/storage"
)

// pipeMode says what travels through a pipe.
type pipeMode uint8

const (
	reads  pipeMode = iota // statements that read: what is lost is sent again
	writes                 // changes: what is lost may have happened
)

// A pipe has so many jobs waiting at most; then callers wait to be let in.
const maxQueue = 1024

// pipe shares a few connections (lines) among many callers: what several ask for at the
// same time goes out in one write and is one transaction of the server. A caller
// lays out its messages itself and reads its rows itself; a line only carries
// bytes. So whoever stops waiting can leave at once: nothing of it is touched any more.
type pipe struct {
	store *Store
	mode  pipeMode
	queue chan *job
	spare sync.Pool // *job

	// use is held for reading by whoever has a job in the pipe, and for good by stop.
	use    sync.RWMutex
	closed bool
	quit   chan struct{}
	lines  sync.WaitGroup

	state sync.Mutex
	live  int                   // lines that are connected
	down  atomic.Pointer[error] // why none is, nil while one is or is about to be
	shard atomic.Int32          // of _dowel_counters, that of the line that connected last
}

// newPipe starts a pipe of so many connections; they connect on their own.
func newPipe(s *Store, conns int, mode pipeMode) *pipe {
	p := &pipe{store: s, mode: mode, queue: make(chan *job, maxQueue), quit: make(chan struct{})}
	p.spare.New = func() any { return &job{done: make(chan struct{}, 1)} }
	for range conns {
		p.lines.Add(1)
		l := &line{pipe: p}
		go l.run()
	}
	return p
}

// stop waits for the jobs in the pipe and closes its connections.
func (p *pipe) stop() {
	p.use.Lock()
	first := !p.closed
	p.closed = true
	p.use.Unlock()
	if first {
		close(p.quit)
	}
	p.lines.Wait()
}

// do runs commands together and in order, in a transaction they share with commands of other
// callers, and calls their row functions before it returns. Errors of statements are the
// server's own (*pgconn.PgError) and stand in the command as well.
//
// A caller whose context ends stops waiting; only a change that is on its way is
// waited for, so that it is known what became of it.
func (p *pipe) do(ctx context.Context, cmds ...*command) error {
	if len(cmds) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p.use.RLock()
	defer p.use.RUnlock()
	if p.closed {
		return errClosed
	}
	if cause := p.down.Load(); cause != nil {
		return unavailable(*cause)
	}
	j := p.spare.Get().(*job)
	if err := j.write(p.store.shapes, cmds); err != nil {
		p.recycle(j)
		return err
	}
	if err := p.enter(ctx, j); err != nil {
		p.recycle(j)
		return err
	}
	// Lines that go down turn away who is in the queue then.
	if cause := p.down.Load(); cause != nil && j.state.CompareAndSwap(queued, left) {
		return unavailable(*cause)
	}
	if !p.wait(ctx, j) {
		return ctx.Err() // the line has the job now
	}
	err := j.read(cmds)
	p.recycle(j)
	return err
}

// enter queues a job.
func (p *pipe) enter(ctx context.Context, j *job) error {
	select {
	case p.queue <- j:
		return nil
	default:
	}
	patience := time.NewTimer(p.store.options.Wait)
	defer patience.Stop()
	select {
	case p.queue <- j:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-patience.C:
		return fmt.Errorf("%w: too many statements are waiting for a connection", storage.ErrUnavailable)
	}
}

// wait returns when the job is done, or false when its caller has left it behind.
func (p *pipe) wait(ctx context.Context, j *job) bool {
	gone := ctx.Done()
	if gone == nil {
		<-j.done
		return true
	}
	select {
	case <-j.done:
		return true
	case <-gone:
	}
	if j.state.CompareAndSwap(queued, left) || p.mode == reads && j.state.CompareAndSwap(taken, left) {
		return false
	}
	<-j.done
	return true
}

func (p *pipe) recycle(j *job) {
	if j.reset() {
		p.spare.Put(j)
	}
}

// connected and lost keep count of the lines that work.
func (p *pipe) connected(shard int) {
	p.state.Lock()
	defer p.state.Unlock()
	p.live++
	p.down.Store(nil)
	p.shard.Store(int32(shard))
}

// lost takes a line out. Without another one, callers are turned away from now on
// if cause says why; it is nil when a new connection may be there in a moment.
func (p *pipe) lost(cause error) {
	p.state.Lock()
	defer p.state.Unlock()
	p.live--
	if p.live == 0 && cause != nil {
		p.goDown(cause)
	}
}

// failed says that a line cannot connect.
func (p *pipe) failed(cause error) {
	p.state.Lock()
	defer p.state.Unlock()
	if p.live == 0 {
		p.goDown(cause)
	}
}

// goDown turns callers away, those in the queue as well. state is held.
func (p *pipe) goDown(cause error) {
	p.down.Store(&cause)
	for {
		select {
		case j := <-p.queue:
			if j.state.CompareAndSwap(queued, ready) {
				j.err = unavailable(cause)
				j.done <- struct{}{}
			} else {
				p.recycle(j) // its caller has gone
			}
		default:
			return
		}
	}
}
