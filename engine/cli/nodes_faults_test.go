package cli_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

// honest reports whether an answer says truly what happened when the database
// could not be worked with, and when to come back.
func honest(a answer) bool {
	switch {
	case a.err != nil:
		return false
	case a.status == http.StatusServiceUnavailable:
		return a.header.Get("Retry-After") != "" && (strings.Contains(a.body, `"outcome":"not_applied"`) || strings.Contains(a.body, `"code":"storage-unavailable"`))
	case a.status == http.StatusGatewayTimeout:
		return strings.Contains(a.body, `"outcome":"unknown"`)
	}
	return a.status < 300
}

// throwOut ends the sessions of the account and waits for their end, twice: the
// second time for who was getting in while it was still let in.
func throwOut(t *testing.T, url string) {
	t.Helper()
	for range 2 {
		sql(t, url, "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'app'")
		time.Sleep(50 * time.Millisecond)
	}
}

// TestNodesFaults: whatever is wrong with the database, answers come in time and
// say so, and a second after it is right again, so is the node.
func TestNodesFaults(t *testing.T) {
	const request = 2 * time.Second
	late := within(500 * time.Millisecond)
	t.Setenv("DOWEL_LIMITS__REQUEST", request.String())
	t.Setenv("DOWEL_LIMITS__STATEMENT", "1s")
	t.Setenv("DOWEL_LIMITS__LOCK", "400ms")
	primary := pgtest.NewCluster(t, pgtest.Options{})
	sql(t, primary.URL(), "create role app login connection limit 12; grant create on schema public to app")
	proxy := pgtest.NewProxy(t, primary.Addr())
	admin := strings.Replace(proxy.Of(primary.URL()), "postgres@", "app@", 1)
	folder := application(t, notes)
	n := serve(t, folder, "--apply", "--db", admin)
	if a := n.do("POST", "/api/notes", `{"marker":"one","writer":1}`); a.status != 201 {
		t.Fatal(a)
	}
	requests := []struct{ method, path, content string }{
		{"GET", "/api/notes", ""}, {"GET", "/api/notes/1", ""}, {"PATCH", "/api/notes/1", `{"n":1}`}, {"POST", "/api/pages", `{"text":"x"}`},
		{"POST", "/api/pages", `[{"text":"x"},{"text":"y"}]`},
	}
	// down expects honest answers in time, and no success.
	down := func(t *testing.T, most time.Duration) {
		t.Helper()
		var wg sync.WaitGroup
		for range 8 {
			for _, r := range requests {
				wg.Go(func() {
					if a := n.do(r.method, r.path, r.content); !honest(a) || a.status < 300 || a.took > most {
						t.Errorf("%s %s: %v", r.method, r.path, a)
					}
				})
			}
		}
		wg.Wait()
		n.await(late, "/readyz?verbose", 503, `{"name":"primary","status":"down"}`)
		if a := n.do("GET", "/livez", ""); a.status != 200 {
			t.Errorf("alive: %v", a)
		}
	}
	back := func(t *testing.T) {
		t.Helper()
		start := time.Now()
		for _, r := range requests {
			for a := n.do(r.method, r.path, r.content); a.status >= 300; a = n.do(r.method, r.path, r.content) {
				if time.Since(start) > 10*time.Second {
					t.Fatalf("does not come back: %v", a)
				}
				time.Sleep(time.Millisecond)
			}
		}
		if took := time.Since(start); took > within(time.Second) {
			t.Errorf("came back after %v", took)
		}
		n.await(time.Second, "/readyz", 200, "")
	}

	t.Run("stopped", func(t *testing.T) {
		primary.Stop(pgtest.Fast)
		down(t, late)
		primary.Start()
		back(t)
	})
	t.Run("killed and away for a while", func(t *testing.T) {
		primary.Kill()
		time.Sleep(1500 * time.Millisecond)
		down(t, late)
		primary.Start()
		back(t)
	})
	t.Run("silent", func(t *testing.T) {
		proxy.Hold()
		down(t, request+2*late)
		start := time.Now()
		down(t, late) // by now it is known
		if took := time.Since(start); took > within(3*time.Second) {
			t.Errorf("took %v", took)
		}
		proxy.Pass()
		back(t)
	})
	t.Run("resets", func(t *testing.T) {
		stop := make(chan struct{})
		var clients sync.WaitGroup
		for i := range 8 {
			clients.Go(func() {
				for k := i; ; k++ {
					select {
					case <-stop:
						return
					default:
					}
					r := requests[k%len(requests)]
					if a := n.do(r.method, r.path, r.content); !honest(a) || a.took > request+late {
						t.Errorf("%s %s: %v", r.method, r.path, a)
					}
				}
			})
		}
		for range 20 {
			time.Sleep(30 * time.Millisecond)
			proxy.Cut()
		}
		close(stop)
		clients.Wait()
		back(t)
	})
	t.Run("the account is closed", func(t *testing.T) {
		sql(t, primary.URL(), "alter role app nologin")
		throwOut(t, primary.URL())
		down(t, late)
		sql(t, primary.URL(), "alter role app login")
		back(t)
	})
	t.Run("no more connections", func(t *testing.T) {
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				if a := n.do("POST", "/api/pages", fmt.Sprintf(`[{"text":"a%d"},{"text":"b%d"}]`, i, i)); !honest(a) || a.took > request+late {
					t.Error(a)
				}
			})
		}
		wg.Wait()
		sql(t, primary.URL(), "alter role app connection limit 1")
		throwOut(t, primary.URL())
		for range 50 {
			for _, r := range requests {
				if a := n.do(r.method, r.path, r.content); !honest(a) || a.took > request+late {
					t.Errorf("%s %s: %v", r.method, r.path, a)
				}
			}
		}
		another := launch(t, folder, "--db", admin)
		another.awaitEnd()
		if code := another.cmd.ProcessState.ExitCode(); code != 3 || !strings.Contains(another.says.String(), "too many connections") {
			t.Errorf("a node that finds no connection: exit %d, %s", code, another.says)
		}
		sql(t, primary.URL(), "alter role app connection limit 40")
		back(t)
	})
	t.Run("a row that somebody holds", func(t *testing.T) {
		release := hold(t, primary.URL(), "update notes set n = n where id = 1")
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				if a := n.do("PATCH", "/api/notes/1", `{"n":5}`); a.status != 503 || !honest(a) || a.took > request+late {
					t.Errorf("the row: %v", a)
				}
			})
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				if a := n.do("POST", "/api/pages", `{"text":"x"}`); a.status != 201 {
					t.Errorf("another row: %v", a)
				}
				if a := n.do("GET", "/api/notes/1", ""); a.status != 200 || a.took > late {
					t.Errorf("reading the row: %v", a)
				}
			})
		}
		wg.Wait()
		release()
		back(t)
	})
	t.Run("a table that somebody holds", func(t *testing.T) {
		release := hold(t, primary.URL(), "lock table notes in access exclusive mode")
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				r := requests[i%3]
				if a := n.do(r.method, r.path, r.content); a.status != 503 || !honest(a) || a.took > request+late {
					t.Errorf("the table: %v", a)
				}
			})
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 20 * time.Millisecond)
				if a := n.do("GET", "/api/pages?limit=1", ""); !honest(a) || a.took > request+late {
					t.Errorf("another table: %v", a)
				}
			})
		}
		wg.Wait()
		release()
		back(t)
	})
	if a := n.do("GET", "/api/notes?marker=one", ""); a.status != 200 || len(ids(a.body)) != 1 {
		t.Error(a)
	}
}

// awaitEnd waits until a node that cannot serve has ended.
func (n *node) awaitEnd() {
	n.t.Helper()
	select {
	case <-n.done:
	case <-time.After(20 * time.Second):
		n.t.Fatalf("the node goes on: %s", tail(n.says.String()))
	}
}

// hold runs a statement in a transaction that stays open until the returned function ends it.
func hold(t testing.TB, url, text string) (release func()) {
	t.Helper()
	pg, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if err := pg.Exec(t.Context(), "begin; "+text).Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := pg.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// TestNodesOnAReplica: a replica is no database to serve from.
func TestNodesOnAReplica(t *testing.T) {
	primary := pgtest.NewCluster(t, pgtest.Options{})
	folder := application(t, notes)
	serve(t, folder, "--apply", "--db", primary.URL()).stop()
	replica := primary.Replica()
	for _, tc := range []struct {
		name, db, replica string
		status            int
		says              string
	}{
		{"as the database", replica.URL(), "", 3, "a replica"},
		{"the primary as its own replica", primary.URL(), primary.URL(), 3, "replica 1: it is no replica"},
		{"a replica of SQLite", "sqlite:x.db", primary.URL(), 1, "replicas are for postgres://"},
		{"no address", primary.URL(), "mysql://x", 2, "number 1 is no replica"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := []string{"--db", tc.db}
			if tc.replica != "" {
				args = append(args, "--replica", tc.replica)
			}
			n := launch(t, folder, args...)
			n.awaitEnd()
			if code := n.cmd.ProcessState.ExitCode(); code != tc.status || !strings.Contains(n.says.String(), tc.says) {
				t.Errorf("exit %d: %s", code, n.says)
			}
		})
	}
}
