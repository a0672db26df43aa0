// Package cache keeps answers: in memory, and in a Redis that several nodes share.
//
// What is kept under a key is right for ever, because the key names everything that the answer was made of: the
// change counters of all classes it touches, read in the same snapshot, and what the asker may see. A write
// does not remove anything; it makes keys that nobody asks for any more. So nothing can be
// missed, and a Redis that is away, slow or of yesterday costs time and never truth. A lifetime
// and a bound in bytes are there for the memory alone.
//
// Requests for the same key at the same time wait for one of them: a stampede reads once.
package cache

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"
)

// Key is what an answer is kept under: a hash that nobody finds a second text for.
type Key = [32]byte

// Shared keeps values for several processes. *redis.Space is one.
type Shared interface {
	// Get returns the value of a key and how long it is good for. found is false where there is none, or nobody to ask.
	Get(ctx context.Context, key Key) (value []byte, left time.Duration, found bool)
	// Put keeps a value if that can be done without waiting.
	Put(key Key, value []byte, life time.Duration)
}

// The names of outcomes and backends in Config.Count.
const (
	Hit    = "hit"
	Miss   = "miss"
	Bypass = "bypass" // the answer is of a class that keeps answers, and cannot be kept

	Memory = "memory"
	Redis  = "redis"
)

// Config is what a Cache is made of.
type Config struct {
	Bytes int64 // bound of what is kept in memory
	// Within bounds one reading of an answer, which no single request can cancel.
	Within time.Duration
	// Count is told of every look-up; nil is nobody.
	Count func(backend, outcome string)
}

// Cache keeps answers. It is safe for concurrent use.
type Cache struct {
	cfg    Config
	memory *otter.Cache[Key, kept]
	flight singleflight.Group
}

type kept struct {
	value []byte
	until time.Time
}

// overhead is what an entry takes beside its value, about.
const overhead = 160

// share is the part of the memory that one value may take.
const share = 16

// New makes an empty cache.
func New(c Config) *Cache {
	if c.Count == nil {
		c.Count = func(backend, outcome string) {}
	}
	return &Cache{cfg: c, memory: otter.Must(&otter.Options[Key, kept]{
		MaximumWeight:    uint64(c.Bytes),
		Weigher:          func(_ Key, k kept) uint32 { return uint32(len(k.value) + overhead) },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[Key, kept]) time.Duration { return time.Until(e.Value.until) }),
	})}
}

// Usage is how many answers are kept, and how many bytes they take.
func (c *Cache) Usage() (entries int, bytes int64) {
	return c.memory.EstimatedSize(), int64(c.memory.WeightedSize())
}

// Bypass counts an answer that could not be kept.
func (c *Cache) Bypass() { c.cfg.Count(Memory, Bypass) }

// Load reads an answer. at is the key of the snapshot that it was read from,
// which may be a later one than what was asked for.
type Load func(ctx context.Context) (value []byte, at Key, err error)

// Get returns what is kept under a key, or loads it and keeps it for its life. shared may be
// nil. The value must not be written to.
func (c *Cache) Get(ctx context.Context, key Key, life time.Duration, shared Shared, load Load) ([]byte, error) {
	if k, found := c.memory.GetIfPresent(key); found && time.Now().Before(k.until) {
		c.cfg.Count(Memory, Hit)
		return k.value, nil
	}
	c.cfg.Count(Memory, Miss)
	// Whoever comes first reads for all; that it goes away must not matter to the others.
	detached := context.WithoutCancel(ctx)
	answer := c.flight.DoChan(string(key[:]), func() (value any, err error) {
		ctx, cancel := context.WithTimeout(detached, c.cfg.Within)
		defer cancel()
		defer func() {
			if p := recover(); p != nil { // here it would take the process along
				err = &panicked{p, debug.Stack()}
			}
		}()
		return c.fill(ctx, key, life, shared, load)
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-answer:
		if p, ok := r.Err.(*panicked); ok {
			panic(p)
		}
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.([]byte), nil
	}
}

// fill finds what is not in memory.
func (c *Cache) fill(ctx context.Context, key Key, life time.Duration, shared Shared, load Load) ([]byte, error) {
	if shared != nil {
		value, left, found := shared.Get(ctx, key)
		if found {
			c.cfg.Count(Redis, Hit)
			c.keep(key, value, min(left, life))
			return value, nil
		}
		c.cfg.Count(Redis, Miss)
	}
	value, at, err := load(ctx)
	if err != nil {
		return nil, err
	}
	c.keep(at, value, life)
	if shared != nil {
		shared.Put(at, value, life)
	}
	return value, nil
}

func (c *Cache) keep(key Key, value []byte, life time.Duration) {
	if life > 0 && int64(len(value)+overhead) <= c.cfg.Bytes/share {
		c.memory.Set(key, kept{value, time.Now().Add(life)})
	}
}

// panicked carries a panic from the goroutine that read to those that waited.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string  { return fmt.Sprintf("panic: %v", p.value) }
func (p *panicked) String() string { return fmt.Sprintf("%v\n%s", p.value, p.stack) }
