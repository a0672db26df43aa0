package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

// node opens a store and hears what the first look says: that something may have been missed.
func listening(t *testing.T, url string) (*Store, <-chan string) {
	t.Helper()
	s := openAt(t, url, Options{})
	run(t, url, `create table if not exists _dowel_state (name text collate "C" primary key, value text not null)`)
	heard := s.Announcements()
	expect(t, heard, "")
	return s, heard
}

func expect(t *testing.T, heard <-chan string, want string) {
	t.Helper()
	select {
	case got, open := <-heard:
		if got != want || !open {
			t.Fatalf("heard %q, %v; want %q", got, open, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("heard nothing, want %q", want)
	}
}

func silence(t *testing.T, heard <-chan string) {
	t.Helper()
	select {
	case got := <-heard:
		t.Errorf("heard %q", got)
	case <-time.After(300 * time.Millisecond):
	}
}

// TestAnnouncements: all others of an application hear what one says, and only they.
func TestAnnouncements(t *testing.T) {
	url, elsewhere := pgtest.Schema(t), pgtest.Schema(t)
	a, heardA := listening(t, url)
	b, heardB := listening(t, url)
	_, heardC := listening(t, url)
	_, heardD := listening(t, elsewhere)
	for i, text := range []string{"one", "two words", "", strings.Repeat("x", announceLongest)} {
		from, to := a, heardB
		if i%2 == 1 {
			from, to = b, heardA
		}
		if err := from.Announce(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		expect(t, to, text)
		expect(t, heardC, text)
	}
	silence(t, heardA)
	silence(t, heardB)
	silence(t, heardD)
	if err := a.Announce(t.Context(), strings.Repeat("x", announceLongest+1)); err == nil {
		t.Error("too long")
	}

	t.Run("many at once", func(t *testing.T) {
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if err := a.Announce(t.Context(), fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := a.Announce(t.Context(), "last"); err != nil {
			t.Fatal(err)
		}
		for got := range heardB { // who is slow gets the last one
			if got == "last" {
				break
			}
		}
		silence(t, heardB)
	})
	t.Run("closed", func(t *testing.T) {
		s, heard := listening(t, url)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, open := <-heard; open {
			t.Error("more to hear")
		}
	})
}

// TestAnnouncementsMissed: what was said while the connection was away is known to have been said.
func TestAnnouncementsMissed(t *testing.T) {
	c := pgtest.NewCluster(t, pgtest.Options{})
	a, heardA := listening(t, c.URL())
	proxy := pgtest.NewProxy(t, c.Addr())
	_, heardB := listening(t, proxy.Of(c.URL()))

	proxy.Cut()
	silence(t, heardB) // nothing was said
	for again := 0; ; again++ {
		proxy.Hold()
		proxy.Cut()
		if err := a.Announce(t.Context(), "lost"); err != nil {
			t.Fatal(err)
		}
		proxy.Pass()
		expect(t, heardB, "")
		if again == 2 {
			break
		}
	}
	c.Restart(pgtest.Immediate)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if err := a.Announce(t.Context(), "after"); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	select { // by word, or as something missed
	case <-heardB:
	case <-time.After(20 * time.Second):
		t.Error("heard nothing")
	}
	_ = heardA
}

// TestExclusive: one at a time, and a lock that goes with its holder.
func TestExclusive(t *testing.T) {
	url := pgtest.Database(t)
	var nodes []*Store
	for range 3 {
		nodes = append(nodes, openAt(t, url, Options{}))
	}
	var inside, most, runs atomic.Int64
	var wg sync.WaitGroup
	for i := range 9 {
		wg.Go(func() {
			err := nodes[i%3].Exclusive(t.Context(), func() error {
				most.Store(max(most.Load(), inside.Add(1)))
				defer inside.Add(-1)
				time.Sleep(10 * time.Millisecond)
				runs.Add(1)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 || runs.Load() != 9 {
		t.Errorf("%d at once, %d in all", most.Load(), runs.Load())
	}
	boom := errors.New("boom")
	if err := nodes[0].Exclusive(t.Context(), func() error { return boom }); err != boom {
		t.Errorf("got %v", err)
	}
	held, leave := make(chan bool), make(chan bool)
	go func() {
		_ = nodes[0].Exclusive(context.Background(), func() error {
			held <- true
			<-leave
			return nil
		})
	}()
	<-held
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := nodes[1].Exclusive(ctx, func() error { t.Error("ran"); return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	leave <- true
	if err := nodes[1].Exclusive(t.Context(), func() error { return nil }); err != nil {
		t.Error(err)
	}
}

// TestProbe: the checks say what is wrong, in words that give nothing away.
func TestProbe(t *testing.T) {
	c := pgtest.NewCluster(t, pgtest.Options{})
	s := noteSchema()
	store, err := Open(t.Context(), c.URL(), s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := store.Migrate(t.Context(), s, true); err != nil {
		t.Fatal(err)
	}
	probe := func(want ...string) {
		t.Helper()
		var got []string
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			got = nil
			for _, check := range store.Probe(t.Context()) {
				got = append(got, check.Name+" "+check.Status)
				if check.Status != "ok" && check.Err == nil {
					t.Errorf("%s without a reason", check.Name)
				}
			}
			if slices.Equal(got, want) {
				return
			}
		}
		t.Errorf("%q, want %q", got, want)
	}
	probe("primary ok", "schema ok")
	run(t, c.URL(), "update _dowel_counters set epoch = epoch + 1")
	probe("primary ok", "schema ok") // compared again, and still right
	run(t, c.URL(), "alter table notes drop column body; update _dowel_counters set epoch = epoch + 1")
	probe("primary ok", "schema other-revision")
	c.Stop(pgtest.Fast)
	probe("primary down")
	c.Start()
	probe("primary ok", "schema other-revision")
	run(t, c.URL(), `alter table notes add body text collate "C" not null default ''`)
	probe("primary ok", "schema ok")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	time.Sleep(2 * probeEvery)
	for range 3 { // what is under way for somebody who has gone serves the next one
		_ = store.Probe(ctx)
	}
	probe("primary ok", "schema ok")
}

// TestProbeInSilence: however many ask, each has an answer in time.
func TestProbeInSilence(t *testing.T) {
	proxy := pgtest.NewProxy(t, pgtest.NewCluster(t, pgtest.Options{}).Addr())
	s := openAt(t, proxy.Of("postgres://postgres@x/postgres?sslmode=disable"), Options{})
	proxy.Hold()
	defer proxy.Pass()
	var wg sync.WaitGroup
	start := time.Now()
	for range 20 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if checks := s.Probe(ctx); checks[0].Status != statusDown || checks[0].Err == nil {
				t.Errorf("%v", checks)
			}
		})
	}
	wg.Wait()
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}
