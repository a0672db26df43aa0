package postgres

import (
	"context"
	"fmt"
	"strconv"
	"sync"
)

// position is how far the log of the primary has come.
type position struct {
	log      uint64 // bytes, from the beginning of time
	timeline string
}

// timelineColumn is the timeline of the primary, the first part of the name of the log's present file.
const timelineColumn = "substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8)"

// index asks the primary for its position. Who asks gets one of after the
// question: every commit acknowledged before is covered by it. Many share an answer.
type index struct {
	store *Store

	mu      sync.Mutex
	waiting *answer // not sent yet
	busy    bool
}

// answer is one answer of the primary, for all who asked before it was asked.
type answer struct {
	done chan struct{}
	at   position
	err  error
}

// ask returns the position of the primary.
func (x *index) ask(ctx context.Context) (position, error) {
	x.mu.Lock()
	a := x.waiting
	if a == nil {
		a = &answer{done: make(chan struct{})}
		x.waiting = a
		if !x.busy {
			x.busy = true
			go x.work()
		}
	}
	x.mu.Unlock()
	select {
	case <-a.done:
		return a.at, a.err
	case <-ctx.Done():
		return position{}, ctx.Err()
	}
}

// work asks until nobody waits any more.
func (x *index) work() {
	for {
		x.mu.Lock()
		a := x.waiting
		x.waiting = nil
		x.busy = a != nil
		x.mu.Unlock()
		if a == nil {
			return
		}
		a.at, a.err = x.fetch()
		close(a.done)
	}
}

// fetch asks the primary once. Callers come and go; the limits of the pipe end it.
func (x *index) fetch() (at position, err error) {
	err = x.store.reads.do(context.Background(), &command{
		sql: []byte("select pg_current_wal_flush_lsn() - '0/0', " + timelineColumn),
		row: func(cols [][]byte) (err error) {
			at.timeline = string(cols[1])
			at.log, err = strconv.ParseUint(string(cols[0]), 10, 64)
			return err
		},
	})
	if err == nil && at.timeline == "" {
		err = fmt.Errorf("postgres: the primary does not say where it is")
	}
	return at, err
}
