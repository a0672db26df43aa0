package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"
)

// A Runner takes jobs off a queue and runs them, a few at the same time. While
// there are none it looks now and then whether other nodes left some, and
// sleeps until the next one is due that is known of.
type Runner struct {
	// Queue is the one in service; nil is none for the time being.
	Queue func(ctx context.Context) Queue
	// Run does a job and ends it, one way or the other. It has until its context is over.
	Run     func(ctx context.Context, q Queue, j *Job)
	Workers int
	Poll    time.Duration // how often to look for jobs of other nodes
	Lease   time.Duration // longer than Run ever takes
	Clock   func() time.Time
	Log     *slog.Logger

	once sync.Once
	wake chan struct{}
}

func (r *Runner) init() { r.once.Do(func() { r.wake = make(chan struct{}, 1) }) }

// Wake says that a job may be due. It never waits.
func (r *Runner) Wake() {
	r.init()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Work runs jobs until ctx is done, and waits for those under way, at most for
// grace: then they are told to stop, and are run again by somebody else.
func (r *Runner) Work(ctx context.Context, grace time.Duration) {
	r.init()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	free := make(chan struct{}, r.Workers)
	for range r.Workers {
		free <- struct{}{}
	}
	var busy sync.WaitGroup
	for ctx.Err() == nil {
		n := r.places(ctx, free)
		taken := 0
		for _, j := range r.claim(ctx, n) {
			taken++
			busy.Go(func() {
				defer func() { free <- struct{}{} }()
				r.run(running, j.queue, j.job)
			})
		}
		for range n - taken {
			free <- struct{}{}
		}
		if taken < n {
			r.rest(ctx)
		}
	}
	over := make(chan struct{})
	go func() { busy.Wait(); close(over) }()
	select {
	case <-over:
	case <-time.After(grace):
		stop()
		<-over
	}
}

// places waits for a free worker and returns how many are free.
func (r *Runner) places(ctx context.Context, free chan struct{}) (n int) {
	select {
	case <-free:
		n = 1
	case <-ctx.Done():
		return 0
	}
	for {
		select {
		case <-free:
			n++
		default:
			return n
		}
	}
}

type claimed struct {
	queue Queue
	job   *Job
}

func (r *Runner) claim(ctx context.Context, n int) []claimed {
	q := r.Queue(ctx)
	if q == nil || n == 0 {
		return nil
	}
	jobs, err := q.Claim(ctx, r.Clock(), r.Lease, n)
	if err != nil {
		r.trouble(ctx, "jobs could not be claimed", err)
		return nil
	}
	all := make([]claimed, len(jobs))
	for i, j := range jobs {
		all[i] = claimed{q, j}
	}
	return all
}

// rest waits until there may be something to do.
func (r *Runner) rest(ctx context.Context) {
	pause := r.Poll*4/5 + rand.N(r.Poll*2/5+1) // nodes that were started together do not look together
	if q := r.Queue(ctx); q != nil && ctx.Err() == nil {
		switch next, err := q.Next(ctx); {
		case err != nil:
			r.trouble(ctx, "jobs could not be looked for", err)
		case !next.IsZero():
			// What is due and was not claimed is somebody else's at the moment.
			pause = min(pause, max(next.Sub(r.Clock()), 10*time.Millisecond))
		}
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.wake:
	case <-ctx.Done():
	}
}

func (r *Runner) trouble(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		r.Log.LogAttrs(ctx, slog.LevelWarn, what, slog.Any("cause", err))
	}
}

func (r *Runner) run(ctx context.Context, q Queue, j *Job) {
	defer func() {
		if p := recover(); p != nil {
			r.Log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("job", j.ID), slog.String("cause", fmt.Sprintf("%v\n%s", p, debug.Stack())))
		}
	}()
	r.Run(ctx, q, j)
}

// The pauses between attempts: they double, up to an hour.
const (
	firstPause = time.Second
	maxPause   = time.Hour
)

// Backoff is how long to wait after so many attempts that failed, anything
// between the half and the whole of a time that doubles.
func Backoff(attempts int) time.Duration {
	d := maxPause
	if n := max(attempts, 1) - 1; n < 12 {
		d = firstPause << n
	}
	d = min(d, maxPause)
	return d/2 + rand.N(d/2+1)
}
