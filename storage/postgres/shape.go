package postgres

import (
	"cmp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// slowCost is the time above which statements of a shape do not travel with others.
const slowCost = 3 * time.Millisecond

// shape is one text of SQL, what it is called as a prepared statement, and what is
// known of running it. Every connection of the store shares it.
type shape struct {
	sql  string
	name string

	used  atomic.Uint64 // reading of shapes.clock when it was asked for last
	cost  atomic.Int64  // moving average of the server's time, ns
	size  atomic.Int64  // bytes of a result, rather more than less
	runs  atomic.Uint32
	probe atomic.Int32 // runs whose time is still to be told from that of their neighbours
}

// Of the first runs of a shape, and later of one in measureEvery, the time is measured apart.
const (
	measureFirst = 4
	measureEvery = 512
)

// slow reports whether statements of the shape would hold up others.
func (s *shape) slow() bool { return s.cost.Load() > int64(slowCost) }

// observe takes in the time of one run. One of four is news: a shape that was quick
// a hundred times and then slow must not hold up its neighbours again and again.
func (s *shape) observe(d time.Duration) {
	old := s.cost.Load()
	s.cost.Store(old + (int64(max(d, 0))-old)/4)
}

// suspect has the next runs measured one by one.
func (s *shape) suspect() {
	if s.probe.Load() < measureFirst {
		s.probe.Store(measureFirst)
	}
}

// probing reports whether the run that now begins is to be measured.
func (s *shape) probing() bool {
	if s.probe.Load() > 0 {
		s.probe.Add(-1)
		return true
	}
	return s.runs.Add(1)%measureEvery == 0
}

// grew takes in the size of a result: the largest lately.
func (s *shape) grew(n int) {
	old := s.size.Load()
	if next := max(int64(n), old-old/16); next != old {
		s.size.Store(next)
	}
}

// shapes are the texts in use, a bounded number.
type shapes struct {
	limit int
	named atomic.Uint64
	clock atomic.Uint64

	mu sync.RWMutex
	by map[string]*shape
}

func newShapes(limit int) *shapes { return &shapes{limit: limit, by: map[string]*shape{}} }

// of returns the shape of a text.
func (s *shapes) of(sql []byte) *shape {
	s.mu.RLock()
	sh := s.by[string(sql)]
	s.mu.RUnlock()
	if sh == nil {
		sh = s.add(string(sql))
	}
	if now := s.clock.Load(); sh.used.Load() != now {
		sh.used.Store(now)
	}
	return sh
}

func (s *shapes) add(sql string) *shape {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh := s.by[sql]; sh != nil {
		return sh
	}
	if len(s.by) >= s.limit {
		s.evict()
	}
	sh := &shape{sql: sql, name: "s" + strconv.FormatUint(s.named.Add(1), 10)}
	sh.probe.Store(measureFirst)
	s.by[sql] = sh
	s.clock.Add(1)
	return sh
}

// evict forgets the half that was not asked for lately.
func (s *shapes) evict() {
	all := make([]*shape, 0, len(s.by))
	for _, sh := range s.by {
		all = append(all, sh)
	}
	slices.SortFunc(all, func(a, b *shape) int { return cmp.Compare(a.used.Load(), b.used.Load()) })
	for _, sh := range all[:len(all)/2] {
		delete(s.by, sh.sql)
	}
}
