package account

import (
	"math"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"

	"github.com/dowel-dev/dowel/schema/expr"
)

// A Limiter bounds how often something may be tried per key, with a token
// bucket each. It remembers a bounded number of keys: the least used are
// forgotten first, so a flood of made-up keys costs no memory.
type Limiter struct {
	limit   rate.Limit
	burst   int
	clock   expr.Clock
	buckets *otter.Cache[string, *rate.Limiter]
}

// keysRemembered is the number of buckets of a Limiter, a few hundred bytes each.
const keysRemembered = 16 << 10

// NewLimiter allows n tries a period for each key, all of them at once if the
// key was quiet. A Limiter with n ≤ 0 allows everything.
func NewLimiter(n int, period time.Duration, clock expr.Clock) *Limiter {
	if n <= 0 || period <= 0 {
		return &Limiter{}
	}
	if clock == nil {
		clock = time.Now
	}
	return &Limiter{
		limit: rate.Limit(float64(n) / period.Seconds()), burst: n, clock: clock,
		buckets: otter.Must(&otter.Options[string, *rate.Limiter]{MaximumSize: keysRemembered}),
	}
}

// Allow takes one try of the key. When none is left it returns false and the
// time until there is one again, in whole seconds for Retry-After.
func (l *Limiter) Allow(key string) (retry time.Duration, ok bool) {
	if l == nil || l.buckets == nil {
		return 0, true
	}
	bucket, found := l.buckets.GetIfPresent(key)
	if !found {
		fresh := rate.NewLimiter(l.limit, l.burst)
		if other, stored := l.buckets.SetIfAbsent(key, fresh); stored {
			bucket = fresh
		} else {
			bucket = other
		}
	}
	now := l.clock()
	if bucket.AllowN(now, 1) {
		return 0, true
	}
	missing := 1 - bucket.TokensAt(now)
	seconds := math.Ceil(missing / float64(l.limit))
	return time.Duration(max(seconds, 1)) * time.Second, false
}
