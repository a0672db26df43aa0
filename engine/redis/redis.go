// Package redis talks to the Redis that nodes share, where there is one.
//
// Nothing needs it: what is kept there are answers that can be read again, and numbers of requests that
// each node counts by itself as well. So it may cost little time and can fail
// nothing. Every call has a short time; after a few that failed in a row none is made
// until a look from the side (not a request) finds the server well again.
package redis

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/dowel-dev/dowel/storage"
)

// How long things may take. A request that meets a Redis that hangs is late by callTime, and
// no request is once failsMost calls have failed in a row.
const (
	callTime  = 50 * time.Millisecond
	dialTime  = 250 * time.Millisecond // from the side; in a call, callTime is what counts
	failsMost = 3
	napFirst  = 100 * time.Millisecond
	napLast   = 2 * time.Second
	putsMost  = 32      // values on their way at the same time; more are not kept
	valueMost = 1 << 20 // bytes of a value
)

// ErrDown is that no call is made at present.
var ErrDown = errors.New("redis: not reachable at present")

// Client is the connection to one Redis. It is safe for concurrent use.
type Client struct {
	rdb   *redis.Client
	rates *redis_rate.Limiter
	// failed is told of every call that failed; nil is nobody.
	failed func(error)

	fails  atomic.Int32 // in a row
	down   atomic.Bool
	why    atomic.Pointer[error] // the last failure
	puts   chan struct{}
	group  sync.WaitGroup
	ending context.Context
	end    context.CancelFunc
}

// Check reports whether an address is one: redis://USER:PASSWORD@HOST:PORT/NUMBER, rediss:// or unix://.
func Check(url string) error {
	_, err := redis.ParseURL(url)
	return err
}

// Open makes a client, which connects when it is first used. failed, when not nil, is told of every failure.
func Open(url string, failed func(error)) (*Client, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	o.ClientName = "dowel"
	o.MaxRetries, o.ContextTimeoutEnabled = -1, true
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = dialTime, callTime, callTime, callTime
	o.DialerRetries = 1
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if failed == nil {
		failed = func(error) {}
	}
	quiet()
	c := &Client{rdb: redis.NewClient(o), failed: failed, puts: make(chan struct{}, putsMost)}
	c.rates = redis_rate.NewLimiter(c.rdb)
	c.ending, c.end = context.WithCancel(context.Background())
	return c, nil
}

// quiet keeps the library from writing to stderr: whoever makes calls is told what comes of them.
var quiet = sync.OnceFunc(logging.Disable)

// Close ends the connections, after what is on its way.
func (c *Client) Close() error {
	c.end()
	c.group.Wait()
	return c.rdb.Close()
}

// call runs one call of the server, unless it is known to be down.
func (c *Client) call(ctx context.Context, do func(ctx context.Context) error) error {
	if c.down.Load() {
		return ErrDown
	}
	short, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	err := do(short)
	switch {
	case err == nil || errors.Is(err, redis.Nil):
		c.fails.Store(0)
		return err
	case ctx.Err() != nil: // the request was given up, which says nothing of the server
		return err
	}
	c.why.Store(&err)
	c.failed(err)
	if c.fails.Add(1) >= failsMost && c.down.CompareAndSwap(false, true) {
		c.group.Go(c.heal)
	}
	return err
}

// heal looks for the server until it answers.
func (c *Client) heal() {
	for nap := napFirst; ; nap = min(2*nap, napLast) {
		select {
		case <-c.ending.Done():
			return
		case <-time.After(nap):
		}
		if c.Ping(c.ending) == nil {
			c.fails.Store(0)
			c.down.Store(false)
			return
		}
	}
}

// Ping asks the server whether it is there, down or not.
func (c *Client) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	return c.rdb.Ping(ctx).Err()
}

// Info is what the server says of itself, such as its version and what it does when it is full.
func (c *Client) Info(ctx context.Context) (version, policy string, err error) {
	info, err := c.rdb.InfoMap(ctx, "server", "memory").Result()
	if err != nil {
		return "", "", err
	}
	return info["Server"]["redis_version"], info["Memory"]["maxmemory_policy"], nil
}

// Health is a check for readiness: nothing needs the server.
func (c *Client) Health(ctx context.Context) storage.Check {
	check := storage.Check{Name: "redis", Status: storage.StatusOK}
	if err := c.Ping(ctx); err != nil {
		check.Status, check.Err = "down", err
	}
	return check
}

// Allow takes one of n tries a period of a key, all of them at once if the key was quiet. When none
// is left it says in how long there is one again.
func (c *Client) Allow(ctx context.Context, key string, n int, period time.Duration) (retry time.Duration, ok bool, err error) {
	err = c.call(ctx, func(ctx context.Context) error {
		r, err := c.rates.Allow(ctx, key, redis_rate.Limit{Rate: n, Burst: n, Period: period})
		if err == nil {
			retry, ok = r.RetryAfter, r.Allowed > 0
		}
		return err
	})
	return retry, ok, err
}

// Space is a part of the server for values of one database and one secret. Without either, others' values could be found.
type Space struct {
	c      *Client
	prefix string
	mac    []byte
}

// Space returns the one with a name. Values are good for who has the same secret: others
// can neither read them by chance nor put their own in their place.
func (c *Client) Space(name string, secret []byte) *Space {
	derived := func(of string) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(of + "\x00" + name))
		return h.Sum(nil)
	}
	return &Space{c: c, prefix: "dowel:" + base64.RawURLEncoding.EncodeToString(derived("place")[:9]) + ":", mac: derived("value")}
}

// Key is where a value is: see cache.Key.
type Key = [32]byte

func (s *Space) at(key *Key) string { return s.prefix + base64.RawURLEncoding.EncodeToString(key[:]) }

// Get implements cache.Shared. What is not as Put left it is not there.
func (s *Space) Get(ctx context.Context, key Key) (value []byte, left time.Duration, found bool) {
	var sealed []byte
	err := s.c.call(ctx, func(ctx context.Context) (err error) {
		sealed, err = s.c.rdb.Get(ctx, s.at(&key)).Bytes()
		return err
	})
	if err != nil {
		return nil, 0, false
	}
	value, until, ok := s.open(&key, sealed)
	if !ok {
		err := fmt.Errorf("redis: the value of %s is not what was put there", s.at(&key))
		s.c.failed(err)
		return nil, 0, false
	}
	left = time.Until(until)
	return value, left, left > 0
}

// Put implements cache.Shared.
func (s *Space) Put(key Key, value []byte, life time.Duration) {
	if len(value) > valueMost || life < time.Millisecond || s.c.down.Load() || s.c.ending.Err() != nil {
		return
	}
	select {
	case s.c.puts <- struct{}{}:
	default:
		return
	}
	s.c.group.Go(func() {
		defer func() { <-s.c.puts }()
		sealed := s.seal(&key, value, time.Now().Add(life))
		_ = s.c.call(s.c.ending, func(ctx context.Context) error { // who counts failures was told
			return s.c.rdb.Set(ctx, s.at(&key), sealed, life).Err()
		})
	})
}

// seal writes the authentication code of everything that a value is about, until when it is good, and the value.
func (s *Space) seal(key *Key, value []byte, until time.Time) []byte {
	b := make([]byte, sha256.Size, sha256.Size+8+len(value))
	b = append(binary.BigEndian.AppendUint64(b, uint64(until.UnixMilli())), value...)
	copy(b, s.code(key, b[sha256.Size:]))
	return b
}

func (s *Space) open(key *Key, b []byte) (value []byte, until time.Time, ok bool) {
	if len(b) < sha256.Size+8 {
		return nil, until, false
	}
	code, rest := b[:sha256.Size], b[sha256.Size:]
	if !hmac.Equal(code, s.code(key, rest)) {
		return nil, until, false
	}
	return rest[8:], time.UnixMilli(int64(binary.BigEndian.Uint64(rest))), true
}

func (s *Space) code(key *Key, rest []byte) []byte {
	h := hmac.New(sha256.New, s.mac)
	h.Write(key[:])
	h.Write(rest)
	return h.Sum(nil)
}
