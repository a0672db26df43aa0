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

	// Until a run was measured, one at a time travels with others.
	tried atomic.Bool
	trial atomic.Bool
}

// How many runs of a shape are measured apart when it is under suspicion, and how many go by until the next is.
const (
	measureFirst = 4
	measureEvery = 512
)

// slow reports whether statements of the shape would hold up others, endless whether they would for so
// long that they have to wait for a connection of their own.
func (s *shape) slow() bool    { return s.cost.Load() > int64(slowCost) }
func (s *shape) endless() bool { return s.cost.Load() > int64(5*slowCost) }

// observe takes in the time of one run. One that is far above what is known counts only so
// far: a single one tells more of the load of the machine than of the statement, but
// three of them make a shape slow.
func (s *shape) observe(d time.Duration) {
	old := s.cost.Load()
	news := min(int64(max(d, 0)), 4*old+int64(2*time.Millisecond))
	s.cost.Store(old + (news-old)/4)
}

// suspect has the next runs measured one by one.
func (s *shape) suspect() {
	if s.probe.Load() < measureFirst {
		s.probe.Store(measureFirst)
	}
}

// verdict takes in the time of one run, which may have included the preparation.
// That takes a while, so it is no evidence against the shape.
func (s *shape) verdict(d time.Duration, prepared bool) {
	if prepared && d > slowCost {
		return
	}
	if s.tried.CompareAndSwap(false, true) {
		s.cost.Store(int64(max(d, 0)))
		return
	}
	s.observe(d)
}

// probing reports whether the run that now begins is to be measured.
func (s *shape) probing() bool {
	if !s.tried.Load() {
		return true
	}
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
