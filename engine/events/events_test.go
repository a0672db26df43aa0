package events_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/engine/events"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

// childEnv makes the test binary the process that TestCrash kills: it names the store.
const childEnv = "DOWEL_EVENTS_CHILD"

func TestMain(m *testing.M) {
	if db := os.Getenv(childEnv); db != "" {
		if err := writeUntilKilled(db); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(pgtest.Main(m))
}

// times are short, so that tests are.
var times = events.Times{Gather: time.Millisecond, Poll: 20 * time.Millisecond, Lease: 500 * time.Millisecond, Handle: time.Second, Backoff: 20 * time.Millisecond}

func eventful(t testing.TB) *schema.Schema {
	s, found := load.FS(fstest.MapFS{"dowel.yaml": {Data: []byte("dowel: 1\nclasses:\n  order: {events: true, fields: {n: int}, allow: {all: anyone}}\n")}}, ".", load.Options{})
	if s == nil {
		t.Fatal(found)
	}
	return s
}

func open(ctx context.Context, db string, s *schema.Schema) (storage.Store, error) {
	var store storage.Store
	var err error
	switch {
	case db == "memory":
		return memory.New(s)
	case strings.HasPrefix(db, "postgres"):
		store, err = postgres.Open(ctx, db, s, postgres.Options{Conns: 4})
	default:
		store, err = sqlite.Open(db, s, sqlite.Options{})
	}
	if err == nil {
		_, err = store.Migrate(ctx, s, true)
	}
	return store, err
}

// onEveryStore runs a test on each kind of store.
func onEveryStore(t *testing.T, test func(t *testing.T, db string)) {
	t.Run("memory", func(t *testing.T) { test(t, "memory") })
	t.Run("sqlite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "app.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, pgtest.Schema(t)) })
}

func opened(t *testing.T, db string, s *schema.Schema) storage.Store {
	t.Helper()
	store, err := open(t.Context(), db, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// happen commits one event of a row for each name.
func happen(ctx context.Context, store storage.Store, s *schema.Schema, row string, ids ...string) error {
	o := events.NewOutbox(s)
	return store.Write(ctx, func(tx storage.Tx) error {
		for _, id := range ids {
			e := &events.Event{ID: id, Name: "order.update", Class: "order", Key: row, Verb: "update", At: time.Now(), Record: []byte("{}")}
			if err := o.Append(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// listener notes what it is told.
type listener struct {
	mu   sync.Mutex
	told []string
	fail func(e events.Event) error
}

func (l *listener) handle(_ context.Context, e events.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		if err := l.fail(e); err != nil {
			return err
		}
	}
	l.told = append(l.told, e.Key+":"+e.ID)
	return nil
}

func (l *listener) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.told)
}

func (l *listener) of(row string) []string {
	return slices.DeleteFunc(l.all(), func(s string) bool { return !strings.HasPrefix(s, row+":") })
}

func dispatcher(store storage.Store, s *schema.Schema, node string, subs ...events.Subscriber) *events.Dispatcher {
	return events.New(events.Config{Store: store, Schema: func() *schema.Schema { return s }, Subscribers: subs, Node: node, Times: times,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
}

// running runs a dispatcher until the test is over or it is stopped.
func running(t *testing.T, d *events.Dispatcher) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() { defer close(over); d.Run(ctx) }()
	stop = func() { cancel(); <-over }
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

// settled waits until new subscribers have their places.
func settled(t *testing.T, store storage.Store, s *schema.Schema, n int64) {
	t.Helper()
	c := s.Class(load.CursorClass)
	eventually(t, "places", func() bool {
		page, err := store.Read(t.Context(), &storage.Query{Class: c, Limit: -1, Total: true})
		return err == nil && page.Total >= n
	})
}

func TestDelivery(t *testing.T) {
	onEveryStore(t, func(t *testing.T, db string) {
		s := eventful(t)
		store := opened(t, db, s)
		if err := happen(t.Context(), store, s, "0", "before anybody listens"); err != nil {
			t.Fatal(err)
		}
		all, none := &listener{}, &listener{}
		d := dispatcher(store, s, "n1", events.Func("all", "order.*", all.handle), events.Func("none", "order.create", none.handle))
		stop := running(t, d)
		settled(t, store, s, 3)
		eventually(t, "the event from before", func() bool { return len(all.all()) == 1 })
		if err := happen(t.Context(), store, s, "1", "a", "b"); err != nil {
			t.Fatal(err)
		}
		undone := errors.New("undone")
		o := events.NewOutbox(s)
		err := store.Write(t.Context(), func(tx storage.Tx) error {
			if err := o.Append(t.Context(), tx, &events.Event{ID: "never", Name: "order.update", Class: "order", Key: "1", Record: []byte("{}")}); err != nil {
				return err
			}
			return undone
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		d.Wake()
		eventually(t, "two events", func() bool { return len(all.all()) == 3 })
		stop()

		// What happens while nobody is there is told afterwards, to the same name.
		if err := happen(t.Context(), store, s, "1", "c"); err != nil {
			t.Fatal(err)
		}
		running(t, dispatcher(store, s, "n2", events.Func("all", "*", all.handle)))
		eventually(t, "the third", func() bool { return len(all.all()) == 4 })
		if diff := cmp.Diff([]string{"0:before anybody listens", "1:a", "1:b", "1:c"}, all.all()); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if got := none.all(); len(got) != 0 {
			t.Errorf("who subscribed to something else was told %v", got)
		}
	})
}

// A subscriber that fails is told again, in order, and other rows go on.
func TestFailing(t *testing.T) {
	onEveryStore(t, func(t *testing.T, db string) {
		s := eventful(t)
		store := opened(t, db, s)
		var broken atomic.Bool
		broken.Store(true)
		l := &listener{fail: func(e events.Event) error {
			if e.Key == "1" && broken.Load() {
				if e.ID == "a" {
					panic("of the subscriber")
				}
				return errors.New("not now")
			}
			return nil
		}}
		running(t, dispatcher(store, s, "n1", events.Func("sub", "*", l.handle)))
		settled(t, store, s, 1)
		for _, e := range [][]string{{"1", "a", "b"}, {"2", "a"}, {"1", "c"}, {"2", "b"}} {
			if err := happen(t.Context(), store, s, e[0], e[1:]...); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "the other row", func() bool { return len(l.of("2")) == 2 })
		time.Sleep(100 * time.Millisecond)
		if got := l.of("1"); len(got) != 0 {
			t.Errorf("of the broken row %v was told", got)
		}
		broken.Store(false)
		eventually(t, "the broken row", func() bool { return len(l.of("1")) == 3 })
		if diff := cmp.Diff([]string{"1:a", "1:b", "1:c"}, l.of("1")); diff != "" {
			t.Errorf("the order of the row (-want +got):\n%s", diff)
		}
	})
}

// Two processes share the work: each event is told once, and the other goes on where one stops.
func TestTwoNodes(t *testing.T) {
	onEveryStore(t, func(t *testing.T, db string) {
		s := eventful(t)
		store := opened(t, db, s)
		l := &listener{}
		stop := running(t, dispatcher(store, s, "n1", events.Func("sub", "*", l.handle)))
		settled(t, store, s, 1)
		running(t, dispatcher(store, s, "n2", events.Func("sub", "*", l.handle)))
		want := []string{}
		for i := range 40 {
			if i == 20 {
				stop()
			}
			id := fmt.Sprint(i)
			want = append(want, "1:"+id)
			if err := happen(t.Context(), store, s, "1", id); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "all events", func() bool { return len(l.all()) >= len(want) })
		if diff := cmp.Diff(want, l.all()); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

// Events that everybody was told are removed when they are old, others are not.
func TestClean(t *testing.T) {
	onEveryStore(t, func(t *testing.T, db string) {
		s := eventful(t)
		store := opened(t, db, s)
		l := &listener{fail: func(e events.Event) error {
			if e.ID == "b" {
				return errors.New("never")
			}
			return nil
		}}
		stop := running(t, dispatcher(store, s, "n1", events.Func("sub", "*", l.handle)))
		settled(t, store, s, 1)
		for _, id := range []string{"a", "b", "c"} {
			if err := happen(t.Context(), store, s, id, id); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "two events", func() bool { return len(l.all()) == 2 })
		stop()
		later := events.New(events.Config{Store: store, Schema: func() *schema.Schema { return s }, Node: "n2", Times: times,
			Subscribers: []events.Subscriber{events.Func("sub", "*", l.handle)},
			Clock:       func() time.Time { return time.Now().Add(8 * 24 * time.Hour) }})
		if err := later.Clean(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := s.Class(load.EventClass)
		page, err := store.Read(t.Context(), &storage.Query{Class: c, Columns: []storage.Column{{Field: c.Field("row")}}, Limit: -1, Order: []storage.Order{{By: &schema.Path{Field: c.Key[0], Type: c.Key[0].Type}}}})
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for i := range page.Rows {
			left = append(left, page.Rows[i].Values[c.Field("row").Index].Text())
		}
		if diff := cmp.Diff([]string{"order/b", "order/c"}, left); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
	})
}

// A process that is killed between a commit and the delivery loses nothing and makes nothing up:
// whoever comes next tells what was committed, in order for each row.
func TestCrash(t *testing.T) {
	for name, db := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "app.db") },
		"postgres": func(t *testing.T) string { return pgtest.Schema(t) },
	} {
		t.Run(name, func(t *testing.T) {
			at := db(t)
			var committed, told []string
			for range 3 {
				c, d := killed(t, at)
				committed, told = append(committed, c...), append(told, d...)
			}
			s := eventful(t)
			store := opened(t, at, s)
			l := &listener{}
			running(t, dispatcher(store, s, "survivor", events.Func("sub", "*", l.handle)))
			missing := func() []string {
				all := append(slices.Clone(told), l.all()...)
				return slices.DeleteFunc(slices.Clone(committed), func(e string) bool { return slices.Contains(all, e) })
			}
			eventually(t, "what was committed", func() bool { return len(missing()) == 0 })
			last := map[string]string{}
			for _, e := range append(told, l.all()...) { // ids of a row grow with time
				row, id, _ := strings.Cut(e, ":")
				if first, seen := last[row]; !seen || id > first {
					last[row] = id
				} else if !slices.Contains(told, e) {
					t.Errorf("%s was told after %s", e, first)
				}
			}
			t.Logf("%d committed, %d told before a kill, %d after", len(committed), len(told), len(l.all()))
		})
	}
}

// killed runs a process that writes and tells, kills it, and returns what it had said it committed and told.
func killed(t *testing.T, db string) (committed, told []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+db)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		what, e, _ := strings.Cut(lines.Text(), " ")
		if what == "committed" {
			committed = append(committed, e)
		} else {
			told = append(told, e)
		}
		if len(committed) == 30 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
	if len(committed) < 30 {
		t.Fatalf("the process ended by itself after %d events", len(committed))
	}
	return committed, told
}

// writeUntilKilled commits events of three rows and tells them, saying both.
func writeUntilKilled(db string) error {
	s, _ := load.FS(fstest.MapFS{"dowel.yaml": {Data: []byte("dowel: 1\nclasses:\n  order: {events: true, fields: {n: int}, allow: {all: anyone}}\n")}}, ".", load.Options{})
	ctx := context.Background()
	store, err := open(ctx, db, s)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(what, e string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(what, e)
	}
	d := dispatcher(store, s, fmt.Sprint(os.Getpid()), events.Func("sub", "*", func(_ context.Context, e events.Event) error {
		say("told", e.Key+":"+e.ID)
		return nil
	}))
	go d.Run(ctx)
	for i := 0; ; i++ {
		row, id := fmt.Sprint(i%3), fmt.Sprintf("%020d", time.Now().UnixNano())
		if err := happen(ctx, store, s, row, id); err != nil {
			return err
		}
		say("committed", row+":"+id)
		d.Wake()
	}
}
