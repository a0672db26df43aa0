package cache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/engine/cache"
)

func open(bytes int64) (*cache.Cache, *sync.Map) {
	var counts sync.Map
	return cache.New(cache.Config{Bytes: bytes, Within: time.Minute, Count: func(backend, outcome string) {
		n, _ := counts.LoadOrStore(backend+" "+outcome, new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
	}}), &counts
}

func counted(counts *sync.Map, what string) int64 {
	n, ok := counts.Load(what)
	if !ok {
		return 0
	}
	return n.(*atomic.Int64).Load()
}

func key(n byte) cache.Key { return cache.Key{n} }

// answer is a Load of a value that is kept under the key that was asked for.
func answer(at cache.Key, text string, calls *atomic.Int64) cache.Load {
	return func(context.Context) ([]byte, cache.Key, error) {
		calls.Add(1)
		return []byte(text), at, nil
	}
}

func TestWhatWasReadIsKept(t *testing.T) {
	c, counts := open(1 << 20)
	var calls atomic.Int64
	for range 3 {
		got, err := c.Get(t.Context(), key(1), time.Minute, nil, answer(key(1), "a", &calls))
		if err != nil || string(got) != "a" {
			t.Fatal(string(got), err)
		}
	}
	if calls.Load() != 1 || counted(counts, "memory hit") != 2 || counted(counts, "memory miss") != 1 {
		t.Errorf("%d calls, %d hits, %d misses", calls.Load(), counted(counts, "memory hit"), counted(counts, "memory miss"))
	}
}

// TestLaterSnapshot: what was read from a later snapshot than the one asked for answers, and is kept under its own key alone.
func TestLaterSnapshot(t *testing.T) {
	c, _ := open(1 << 20)
	var calls atomic.Int64
	for range 2 {
		if got, err := c.Get(t.Context(), key(1), time.Minute, nil, answer(key(2), "later", &calls)); err != nil || string(got) != "later" {
			t.Fatal(string(got), err)
		}
	}
	if got, err := c.Get(t.Context(), key(2), time.Minute, nil, answer(key(2), "never", &calls)); err != nil || string(got) != "later" {
		t.Fatal(string(got), err)
	}
	if calls.Load() != 2 {
		t.Errorf("%d calls", calls.Load())
	}
}

func TestStampede(t *testing.T) {
	c, _ := open(1 << 20)
	var calls atomic.Int64
	go1 := make(chan struct{})
	load := func(context.Context) ([]byte, cache.Key, error) {
		calls.Add(1)
		<-go1
		return []byte("a"), key(1), nil
	}
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if got, err := c.Get(t.Context(), key(1), time.Minute, nil, load); err != nil || string(got) != "a" {
				t.Error(string(got), err)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	close(go1)
	group.Wait()
	if calls.Load() != 1 {
		t.Errorf("%d calls", calls.Load())
	}
}

// TestWhoLeaves: the first asker's going away is no matter of the others.
func TestWhoLeaves(t *testing.T) {
	c, _ := open(1 << 20)
	first, leave := context.WithCancel(t.Context())
	loading, proceed := make(chan struct{}), make(chan struct{})
	load := func(ctx context.Context) ([]byte, cache.Key, error) {
		close(loading)
		<-proceed
		return []byte("a"), key(1), ctx.Err()
	}
	left := make(chan error)
	go func() {
		_, err := c.Get(first, key(1), time.Minute, nil, load)
		left <- err
	}()
	<-loading
	second := make(chan string)
	go func() {
		got, err := c.Get(t.Context(), key(1), time.Minute, nil, load)
		second <- fmt.Sprint(string(got), err)
	}()
	time.Sleep(10 * time.Millisecond)
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(proceed)
	if got := <-second; got != "a<nil>" {
		t.Error(got)
	}
}

func TestErrorsAreNotKept(t *testing.T) {
	c, _ := open(1 << 20)
	boom := errors.New("boom")
	if _, err := c.Get(t.Context(), key(1), time.Minute, nil, func(context.Context) ([]byte, cache.Key, error) { return nil, key(1), boom }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	var calls atomic.Int64
	if got, err := c.Get(t.Context(), key(1), time.Minute, nil, answer(key(1), "a", &calls)); err != nil || string(got) != "a" {
		t.Fatal(string(got), err)
	}
}

// TestPanics: a panic is that of the request, not of the process.
func TestPanics(t *testing.T) {
	c, _ := open(1 << 20)
	defer func() {
		if p := recover(); p == nil {
			t.Error("nothing was told")
		}
	}()
	_, _ = c.Get(t.Context(), key(1), time.Minute, nil, func(context.Context) ([]byte, cache.Key, error) { panic("boom") })
}

func TestMemoryIsBounded(t *testing.T) {
	const most = 1 << 20
	c, _ := open(most)
	value := make([]byte, 10_000)
	for i := range 2000 {
		k := cache.Key{byte(i), byte(i >> 8)}
		if _, err := c.Get(t.Context(), k, time.Minute, nil, func(context.Context) ([]byte, cache.Key, error) { return value, k, nil }); err != nil {
			t.Fatal(err)
		}
	}
	var bytes int64
	for range 200 { // what is too much goes soon, not at once
		if _, bytes = c.Usage(); bytes <= most {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if bytes > most {
		t.Errorf("%d bytes are kept", bytes)
	}
	var calls atomic.Int64
	for range 2 {
		if _, err := c.Get(t.Context(), key(9), time.Minute, nil, answer(key(9), string(make([]byte, most/8)), &calls)); err != nil {
			t.Fatal(err)
		}
	}
	if calls.Load() != 2 {
		t.Error("one answer took more than its part")
	}
}

func TestLifetime(t *testing.T) {
	c, _ := open(1 << 20)
	var calls atomic.Int64
	load := answer(key(1), "a", &calls)
	if _, err := c.Get(t.Context(), key(1), 30*time.Millisecond, nil, load); err != nil {
		t.Fatal(err)
	}
	time.Sleep(40 * time.Millisecond)
	if _, err := c.Get(t.Context(), key(1), 30*time.Millisecond, nil, load); err != nil {
		t.Fatal(err)
	}
	if calls.Load() != 2 {
		t.Errorf("%d calls", calls.Load())
	}
}
