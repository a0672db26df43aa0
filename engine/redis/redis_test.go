package redis_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/engine/redis"
	"github.com/dowel-dev/dowel/engine/redis/redistest"
)

func open(t *testing.T, url string) (*redis.Client, *atomic.Int64) {
	t.Helper()
	var failures atomic.Int64
	c, err := redis.Open(url, func(error) { failures.Add(1) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, &failures
}

var key = redis.Key{1, 2, 3}

// soon waits until something holds.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatal(what + " took too long")
}

// put keeps a value and waits until it is there.
func put(t *testing.T, s *redis.Space, value string) {
	t.Helper()
	soon(t, "putting", func() bool {
		s.Put(key, []byte(value), time.Minute)
		got, _, found := s.Get(t.Context(), key)
		return found && string(got) == value
	})
}

func TestValues(t *testing.T) {
	server := redistest.Start(t)
	c, failures := open(t, server.URL())
	secret := []byte("secret")
	ours := c.Space("a", secret)
	if _, _, found := ours.Get(t.Context(), key); found {
		t.Error("found what is not there")
	}
	put(t, ours, "value")
	if _, left, _ := ours.Get(t.Context(), key); left <= 0 || left > time.Minute {
		t.Errorf("good for %v", left)
	}
	other, _ := open(t, server.URL())
	if got, _, found := other.Space("a", secret).Get(t.Context(), key); !found || string(got) != "value" {
		t.Error("another node does not find it")
	}
	for name, s := range map[string]*redis.Space{"database": c.Space("b", secret), "secret": c.Space("a", []byte("other"))} {
		if _, _, found := s.Get(t.Context(), key); found {
			t.Errorf("found with another %s", name)
		}
	}
	if _, _, found := ours.Get(t.Context(), redis.Key{9}); found {
		t.Error("found under another key")
	}
	if failures.Load() != 0 {
		t.Errorf("%d failures", failures.Load())
	}
}

// TestTampered: what somebody else wrote there is nothing.
func TestTampered(t *testing.T) {
	server := redistest.Start(t)
	c, failures := open(t, server.URL())
	s := c.Space("a", []byte("secret"))
	put(t, s, "value")
	names := strings.Fields(talk(t, server.Addr(), "KEYS dowel:*"))
	name := ""
	for _, n := range names {
		if strings.HasPrefix(n, "dowel:") {
			name = n
		}
	}
	for _, command := range []string{"SETRANGE " + name + " 45 X", "SETRANGE " + name + " 2 X", "SET " + name + " short", "DEL " + name, "LPUSH " + name + " wrong-type"} {
		if answer := talk(t, server.Addr(), command); strings.HasPrefix(answer, "-") {
			t.Fatalf("%s: %s", command, answer)
		}
		if got, _, found := s.Get(t.Context(), key); found {
			t.Errorf("%s: %q", command, got)
		}
	}
	if failures.Load() == 0 {
		t.Error("nobody was told")
	}
}

// talk sends one command and returns what comes back.
func talk(t *testing.T, addr, command string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "%s\r\nQUIT\r\n", command); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestFaults: whatever the server does, calls are short, few of them are slow, and it is used again when it is well.
func TestFaults(t *testing.T) {
	for name, break_ := range map[string]func(s *redistest.Server) (mend func()){
		"killed": func(s *redistest.Server) func() { s.Kill(); return s.Start },
		"hangs":  func(s *redistest.Server) func() { s.Hang(); return s.Wake },
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			c, _ := open(t, server.URL())
			s := c.Space("a", nil)
			put(t, s, "value")
			mend := break_(server)
			slow := 0
			for range 50 {
				began := time.Now()
				if _, _, found := s.Get(t.Context(), key); found {
					t.Fatal("found")
				}
				if took := time.Since(began); took > 20*time.Millisecond {
					slow++
				}
				s.Put(key, []byte("x"), time.Minute) // never waits
			}
			if slow > 20 { // of 50; three in peace, more where processors are few
				t.Errorf("%d calls were slow", slow)
			}
			if _, _, err := c.Allow(t.Context(), "k", 1, time.Minute); !errors.Is(err, redis.ErrDown) {
				t.Errorf("a call was made: %v", err)
			}
			if h := c.Health(t.Context()); h.Status == "ok" || h.Needed {
				t.Errorf("%+v", h)
			}
			mend()
			soon(t, "being used again", func() bool {
				s.Put(key, []byte("again"), time.Minute)
				got, _, found := s.Get(t.Context(), key)
				return found && string(got) == "again"
			})
			if h := c.Health(t.Context()); h.Status != "ok" {
				t.Errorf("%+v", h)
			}
		})
	}
}

// TestGivenUp: a request that was given up says nothing of the server.
func TestGivenUp(t *testing.T) {
	server := redistest.Start(t)
	c, failures := open(t, server.URL())
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	s := c.Space("a", nil)
	for range 10 {
		s.Get(gone, key)
	}
	if failures.Load() != 0 {
		t.Errorf("%d failures", failures.Load())
	}
	put(t, s, "value")
}

func TestRates(t *testing.T) {
	server := redistest.Start(t)
	a, _ := open(t, server.URL())
	b, _ := open(t, server.URL())
	allowed, refused := 0, 0
	for i := range 14 {
		c := a
		if i%2 == 1 {
			c = b
		}
		wait, ok, err := c.Allow(t.Context(), "k", 10, time.Minute)
		switch {
		case err != nil:
			t.Fatal(err)
		case ok:
			allowed++
		default:
			refused++
			if wait <= 0 || wait > 6*time.Second {
				t.Errorf("wait %v", wait)
			}
		}
	}
	if allowed != 10 || refused != 4 {
		t.Errorf("%d allowed, %d refused", allowed, refused)
	}
	if _, ok, err := a.Allow(t.Context(), "other", 10, time.Minute); !ok || err != nil {
		t.Error("another key has no tries left")
	}
}

func TestAddresses(t *testing.T) {
	for url, good := range map[string]bool{
		"redis://localhost": true, "rediss://u:p@host:1/2": true, "unix:///run/redis.sock": true,
		"": false, "localhost:6379": false, "http://x": false, "redis://h/x": false,
	} {
		if err := redis.Check(url); (err == nil) != good {
			t.Errorf("%q: %v", url, err)
		}
	}
}
