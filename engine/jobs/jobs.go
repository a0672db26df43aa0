// Package jobs keeps actions that are to be run later, and hands them to whoever runs them.
//
// A Job is an action value with whoever wants it. It is put into a Queue in the
// transaction of whatever wants it, so that both happen or neither. Some node
// claims it with a lease, holds it in the transaction of its effect, and ends it
// there: a job that is done had its effect once. A node that dies in between
// leaves the job behind, and its effect undone; when the lease is over another one claims it.
//
// Store is the queue in the application's own store, on whatever database that
// is; queuetest is what every queue has to pass. Runner is the loop of a node. What running a
// job means is not known here: package engine invokes its action.
package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/dowel-dev/dowel/storage"
)

// State is how far a job has come.
type State string

// The states. A job that failed for a while is queued again.
const (
	Queued  State = "queued"
	Running State = "running"
	Done    State = "done"
	Failed  State = "failed" // for good: nobody will try again by themselves
)

// A Job is an action to be run later.
type Job struct {
	ID     string // a UUID; Enqueue makes one where there is none
	State  State
	Action string // canonical JSON; "" once it is done, and for a schedule, whose action is that of the schema in service
	// Owner is the id of whoever wants it, who may look at it; "" is nobody.
	Owner string
	// Standing says whose rights it is run with, and Request how its answer is laid out. The queue reads neither.
	Standing, Request string
	Attempts          int       // that were begun
	Most              int       // attempts before it fails for good
	Answer            string    // what came of it, as whoever ran it wrote it down
	Once              string    // no other job has the same; "" is no matter
	Schedule          string    // name of the schedule that it is a time of, or ""
	Due               time.Time // queued: not before; running: when the lease ends
	Created, Ended    time.Time

	version int64 // of the row, as the queue knows it: moves with every change
}

// Errors of a queue. Others are those of the store.
var (
	// ErrTwice: there is a job with the same Once already.
	ErrTwice = errors.New("jobs: there is such a job already")
	// ErrLost: the job is not the caller's any more. Its lease was over, or somebody cancelled it.
	ErrLost = errors.New("jobs: the job is somebody else's now")
	// ErrNone: there is no such job.
	ErrNone = errors.New("jobs: no such job")
	// ErrState: the job has gone too far for that, or not far enough.
	ErrState = errors.New("jobs: not possible in the state of the job")
)

// A Queue keeps jobs for all nodes of an application. It is safe for concurrent use.
type Queue interface {
	// Enqueue adds a job in a transaction, and fills in its ID.
	Enqueue(ctx context.Context, tx storage.Tx, j *Job) error
	// Claim takes up to n jobs that are due, and that nobody else takes until the lease is over.
	Claim(ctx context.Context, now time.Time, lease time.Duration, n int) ([]*Job, error)
	// Hold keeps a claimed job the caller's up to the end of a transaction, or is ErrLost.
	Hold(ctx context.Context, tx storage.Tx, j *Job) error
	// Done ends a held job in its transaction: it is done when that commits.
	Done(ctx context.Context, tx storage.Tx, j *Job, now time.Time, answer string) error
	// Fail ends an attempt. The job is due again at a time, or never when that is zero.
	Fail(ctx context.Context, j *Job, now, again time.Time, answer string) error
	// Get returns a job.
	Get(ctx context.Context, id string) (*Job, error)
	// List returns the jobs of a state ("" is any), the newest first.
	List(ctx context.Context, state State, most int) ([]*Job, error)
	// Cancel takes a job away that waits to be run.
	Cancel(ctx context.Context, id string) error
	// Retry makes a job that failed due again.
	Retry(ctx context.Context, id string, now time.Time) error
	// Next is when the next job is due that can be claimed, zero for none.
	Next(ctx context.Context) (time.Time, error)
	// Stats counts.
	Stats(ctx context.Context, now time.Time) (Stats, error)
	// Sweep removes up to n jobs that ended long ago.
	Sweep(ctx context.Context, now time.Time, n int) (int, error)
}

// Stats are how a queue is doing.
type Stats struct {
	Queued, Running, Failed int64
	Oldest                  time.Duration // how long the job has been due that waits longest
}

// How long jobs are kept that have ended.
const (
	KeepDone   = 24 * time.Hour
	KeepFailed = 30 * 24 * time.Hour
)
