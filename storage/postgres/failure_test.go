package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

// TestErrorsStayTheirs: a statement that fails spoils nothing for those that share its transaction.
func TestErrorsStayTheirs(t *testing.T) {
	s := openAt(t, pgtest.Schema(t), Options{Readers: 1})
	var wg sync.WaitGroup
	for g := range 48 {
		wg.Go(func() {
			for i := range 60 {
				switch {
				case g%6 == 0:
					if _, err := ask(t.Context(), s.reads, "select 1 / $1::int", 0); codeOf(err) != "22012" {
						t.Errorf("divided by zero: %v", err)
					}
				case g%6 == 1:
					if _, err := ask(t.Context(), s.reads, fmt.Sprintf("select nothing%d", i)); codeOf(err) != "42703" {
						t.Errorf("no such column: %v", err)
					}
				default:
					want := fmt.Sprint(g, i)
					if got, err := ask(t.Context(), s.reads, "select $1::text", want); err != nil || got[0] != want {
						t.Errorf("%v, %v", got, err)
					}
				}
			}
		})
	}
	wg.Wait()
}

// TestChangesStandAlone: changes share transactions, but one that fails takes none along.
func TestChangesStandAlone(t *testing.T) {
	s := openAt(t, pgtest.Schema(t), Options{})
	if _, err := ask(t.Context(), s.writes, "create table told (g int, i int, primary key (g, i))"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var refused atomic.Int64
	for g := range 32 {
		wg.Go(func() {
			for i := range 40 {
				// Two callers each want the same row.
				_, err := ask(t.Context(), s.writes, "insert into told values ($1, $2)", g/2, i)
				if codeOf(err) == codeUnique {
					refused.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got, err := ask(t.Context(), s.reads, "select count(*) from told")
	if err != nil || got[0] != "640" || refused.Load() != 640 {
		t.Errorf("%v rows, %d refused, %v", got, refused.Load(), err)
	}
}

// TestBrokenConnections: sessions that an operator ends go unnoticed by those who read, and
// those who write are told the truth.
func TestBrokenConnections(t *testing.T) {
	s := openAt(t, pgtest.Database(t), Options{})
	if _, err := ask(t.Context(), s.writes, "create table told (i int primary key)"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	var wg sync.WaitGroup
	var next, reads, unknown, undone atomic.Int64
	var mu sync.Mutex
	done, maybe := map[int]bool{}, map[int]bool{}
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if got, err := ask(t.Context(), s.reads, "select $1::text", "x"); err != nil || got[0] != "x" {
					t.Errorf("read: %v, %v", got, err)
				}
				reads.Add(1)
			}
		})
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1))
				_, err := ask(t.Context(), s.writes, "insert into told values ($1)", i)
				mu.Lock()
				switch {
				case err == nil:
					done[i] = true
				case errors.Is(err, storage.ErrOutcomeUnknown):
					maybe[i] = true
					unknown.Add(1)
				case errors.Is(err, storage.ErrUnavailable):
					undone.Add(1)
				default:
					t.Errorf("write: %v", err)
				}
				mu.Unlock()
			}
		})
	}
	kills := 0
	for ctx.Err() == nil {
		time.Sleep(250 * time.Millisecond)
		c, err := s.acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.do(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'dowel' and pid <> pg_backend_pid()"); err != nil {
			t.Fatal(err)
		}
		s.release(c)
		kills++
	}
	wg.Wait()
	rows, err := ask(t.Context(), s.reads, "select i from told")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		var i int
		fmt.Sscan(r, &i)
		if !done[i] && !maybe[i] {
			t.Errorf("row %d is there, but its writer was told that nothing happened", i)
		}
		delete(done, i)
	}
	for i := range done {
		t.Errorf("row %d was acknowledged and is gone", i)
	}
	t.Logf("%d kills, %d reads, %d writes, %d unknown, %d undone", kills, reads.Load(), next.Load(), unknown.Load(), undone.Load())
}

// TestRestart: while the server is away callers are told so at once, and soon after it is back all is well.
func TestRestart(t *testing.T) {
	cluster := pgtest.NewCluster(t, pgtest.Options{})
	s := openAt(t, cluster.URL(), Options{})
	for _, mode := range []pgtest.Mode{pgtest.Fast, pgtest.Immediate} {
		quit := make(chan struct{})
		var wg sync.WaitGroup
		var refused, slowest atomic.Int64
		for range 16 {
			wg.Go(func() {
				for {
					select {
					case <-quit:
						return
					default:
					}
					start := time.Now()
					_, err := ask(t.Context(), s.reads, "select $1::text", "x")
					if d := int64(time.Since(start)); d > slowest.Load() {
						slowest.Store(d)
					}
					if errors.Is(err, storage.ErrUnavailable) {
						refused.Add(1)
						time.Sleep(time.Millisecond)
					} else if err != nil {
						t.Errorf("%v", err)
					}
				}
			})
		}
		time.Sleep(100 * time.Millisecond)
		cluster.Stop(mode)
		time.Sleep(1500 * time.Millisecond)
		cluster.Start()
		back := time.Now()
		for {
			if _, err := ask(t.Context(), s.reads, "select 1"); err == nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if d := time.Since(back); d > time.Second {
			t.Errorf("%v until the first answer", d)
		}
		close(quit)
		wg.Wait()
		if refused.Load() == 0 || time.Duration(slowest.Load()) > time.Second {
			t.Errorf("%d refused, the slowest call took %v", refused.Load(), time.Duration(slowest.Load()))
		}
		if _, err := ask(t.Context(), s.writes, "select 1"); err != nil {
			t.Errorf("write after the restart: %v", err)
		}
	}
}

func hostOf(t testing.TB, address string) string {
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// TestBlackHole: a network that swallows everything keeps nobody for long.
func TestBlackHole(t *testing.T) {
	address := pgtest.Schema(t)
	proxy := pgtest.NewProxy(t, hostOf(t, address))
	s := openAt(t, proxy.Of(address), Options{Timeout: 500 * time.Millisecond, Readers: 2})
	for _, p := range []*pipe{s.reads, s.writes} {
		if _, err := ask(t.Context(), p, "select 1"); err != nil {
			t.Fatal(err)
		}
	}
	proxy.Hold()
	start := time.Now()
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if _, err := ask(t.Context(), s.reads, "select 1"); !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("read: %v", err)
			}
		})
	}
	wg.Go(func() {
		if _, err := ask(t.Context(), s.writes, "select 1"); !errors.Is(err, storage.ErrOutcomeUnknown) {
			t.Errorf("write: %v", err)
		}
	})
	wg.Go(func() {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := ask(ctx, s.reads, "select 1"); err != context.DeadlineExceeded || time.Since(start) > 500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
	wg.Wait()
	if d := time.Since(start); d > 4*time.Second {
		t.Errorf("answered after %v", d)
	}
	start = time.Now()
	if _, err := ask(t.Context(), s.reads, "select 1"); !errors.Is(err, storage.ErrUnavailable) || time.Since(start) > 100*time.Millisecond {
		t.Errorf("while the database is away: %v after %v", err, time.Since(start))
	}
	proxy.Pass()
	start = time.Now()
	for time.Since(start) < 5*time.Second {
		if _, err := ask(t.Context(), s.reads, "select 1"); err == nil {
			t.Logf("back after %v", time.Since(start))
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("it does not come back")
}

// TestIdleWriter: a connection that broke while nothing was written does not make the next change doubtful.
func TestIdleWriter(t *testing.T) {
	address := pgtest.Schema(t)
	proxy := pgtest.NewProxy(t, hostOf(t, address))
	s := openAt(t, proxy.Of(address), Options{})
	if _, err := ask(t.Context(), s.writes, "create table told (i int primary key)"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(idleWrites + 100*time.Millisecond)
	proxy.Cut()
	if _, err := ask(t.Context(), s.writes, "insert into told values (1)"); err != nil {
		t.Error(err)
	}
}

// TestExhausted: who finds all connections in use is told so in time.
func TestExhausted(t *testing.T) {
	s := openAt(t, pgtest.Schema(t), Options{Conns: 1, Wait: time.Second})
	c, err := s.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.acquire(t.Context()); !errors.Is(err, storage.ErrUnavailable) || !strings.Contains(err.Error(), "all 1 connections") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.acquire(ctx); err != context.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
	if err := c.script(t.Context(), "begin; select 1"); err != nil {
		t.Fatal(err)
	}
	s.release(c) // out of its transaction
	c, err = s.acquire(t.Context())
	if err != nil || c.pg.TxStatus() != 'I' {
		t.Fatal(err)
	}
	if _, err := c.do(t.Context(), "select pg_terminate_backend(pg_backend_pid())"); err == nil {
		t.Error("the session did not end")
	}
	s.release(c) // broken
	if c, err = s.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.do(t.Context(), "select 1"); err != nil {
		t.Error(err)
	}
	s.release(c)
}

// TestCancelledStatement: a caller of a connection of the pool who goes ends the statement and not the connection.
func TestCancelledStatement(t *testing.T) {
	s := openAt(t, pgtest.Schema(t), Options{Conns: 1})
	c, err := s.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = c.do(ctx, "select pg_sleep(4)")
	if err := readError(ctx, err); err != context.DeadlineExceeded || time.Since(start) > time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	if c.pg.IsClosed() {
		t.Error("the connection is closed")
	}
	s.release(c)
}

// TestTimeout: a statement that takes too long is ended, by the server.
func TestTimeout(t *testing.T) {
	s := openAt(t, pgtest.Schema(t), Options{Timeout: 200 * time.Millisecond, Readers: 1})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if i == 3 {
				_, err := ask(t.Context(), s.reads, "select pg_sleep(3)")
				if err = readError(t.Context(), err); !errors.Is(err, storage.ErrUnavailable) {
					t.Error(err)
				}
				return
			}
			if got, err := ask(t.Context(), s.reads, "select $1::int", i); err != nil || got[0] != fmt.Sprint(i) {
				t.Error(got, err)
			}
		})
	}
	wg.Wait()
}

// TestLongBatch: statements that together take longer than one may are no sign of a dead connection.
func TestLongBatch(t *testing.T) {
	s := openAt(t, pgtest.Schema(t), Options{Timeout: 300 * time.Millisecond, Readers: 1})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := ask(t.Context(), s.reads, "select pg_sleep(0.15)"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestChangedTables: a statement that was prepared for other columns is prepared anew.
func TestChangedTables(t *testing.T) {
	s := openAt(t, pgtest.Schema(t), Options{})
	for _, sql := range []string{"create table told (i int)", "insert into told values (7)"} {
		if _, err := ask(t.Context(), s.writes, sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range []string{"int", "text", "numeric(9,2)"} {
		if _, err := ask(t.Context(), s.writes, "alter table told alter i type "+kind+" using i::"+kind); err != nil {
			t.Fatal(err)
		}
		for _, p := range []*pipe{s.reads, s.writes, s.reads} {
			if got, err := ask(t.Context(), p, "select i from told"); err != nil || !strings.HasPrefix(got[0], "7") {
				t.Errorf("as %s: %v, %v", kind, got, err)
			}
		}
	}
}

// TestManyStatements: a connection keeps a bounded number of prepared statements.
func TestManyStatements(t *testing.T) {
	s := openAt(t, pgtest.Schema(t), Options{Statements: 20, Readers: 1})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 300 {
				if got, err := ask(t.Context(), s.reads, fmt.Sprintf("select %d + $1::int", i%150), 1); err != nil || got[0] != fmt.Sprint(i%150+1) {
					t.Error(got, err)
				}
			}
		})
	}
	wg.Wait()
	got, err := ask(t.Context(), s.reads, "select count(*) from pg_prepared_statements")
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if fmt.Sscan(got[0], &n); n > 40 {
		t.Errorf("%d prepared statements", n)
	}
}

// TestOversized: what is too large for a batch goes alone, and what no statement can take is an error.
func TestOversized(t *testing.T) {
	s := openAt(t, pgtest.Schema(t), Options{Readers: 1})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			text := strings.Repeat(fmt.Sprint(i), 1<<20)
			if got, err := ask(t.Context(), s.reads, "select $1::text", text); err != nil || got[0] != text {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	cmd := &command{sql: []byte("select 1"), args: make([]schema.Value, 70_000)}
	if err := s.reads.do(t.Context(), cmd); err == nil {
		t.Error("70,000 values were taken")
	}
	if _, err := ask(t.Context(), s.reads, "select 1"); err != nil {
		t.Error(err)
	}
}

// TestSlowShapes: what is slow is found out, and nothing else is taken for it.
func TestSlowShapes(t *testing.T) {
	s := openAt(t, pgtest.Schema(t), Options{Readers: 1})
	var wg sync.WaitGroup
	for g := range 12 {
		wg.Go(func() {
			for range 30 {
				sql, args := "select $1::int", []any{g}
				if g == 0 {
					sql, args = "select pg_sleep(0.02)", nil
				}
				if _, err := ask(t.Context(), s.reads, sql, args...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if !s.shapes.of([]byte("select pg_sleep(0.02)")).slow() {
		t.Error("20 ms are not slow")
	}
	if sh := s.shapes.of([]byte("select $1::int")); sh.slow() {
		t.Errorf("an innocent takes %v", time.Duration(sh.cost.Load()))
	}
}

// TestClose: Close waits for what runs; later calls are refused.
func TestClose(t *testing.T) {
	s, err := Open(t.Context(), pgtest.Schema(t), empty(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				_, err := ask(t.Context(), s.reads, "select pg_sleep(0.01)")
				if errors.Is(err, storage.ErrUnavailable) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.acquire(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
		t.Error(err)
	}
}

// TestOpenRefuses: Open says in time what is wrong, and never repeats a password.
func TestOpenRefuses(t *testing.T) {
	hole, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	good := pgtest.Database(t)
	at := good[strings.Index(good, "@"):]
	at = at[:strings.LastIndex(at, "/")]
	for _, test := range []struct{ name, url, want string }{
		{"nothing", "", "no address"},
		{"another database", "mysql://u:secret@h/n", "must look like postgres://"},
		{"a word", "secret", "must look like postgres://"},
		{"a password that is not escaped", "postgres://u:secret#/x@127.0.0.1:1/n", "%23"},
		{"a port", "postgres://u:secret@127.0.0.1:port/n", "%23"},
		{"a setting of TLS", "postgres://u:secret@127.0.0.1/n?sslmode=maybe", "sslmode"},
		{"a setting", good + "&nothing_of_the_kind=1", "nothing_of_the_kind"},
		{"database", "postgres://postgres:secret" + at + "/nothing_there?sslmode=disable", "nothing_there"},
		{"user", "postgres://nobody:secret" + at + "/postgres?sslmode=disable", "nobody"},
		{"no server", "postgres://u:secret@" + closed.Addr().String() + "/n?sslmode=disable", "refused"},
		{"no answer", "postgres://u:secret@" + hole.Addr().String() + "/n?sslmode=disable", "unavailable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			start := time.Now()
			s, err := Open(t.Context(), test.url, empty(), Options{Connect: 300 * time.Millisecond})
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			t.Log(err)
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want …%s…", err, test.want)
			}
			if d := time.Since(start); d > 2*time.Second {
				t.Errorf("after %v", d)
			}
		})
	}
}

// TestSystemTables: nodes that start at once do not get into each other's way, and a role
// without rights to make tables can work with those that are there.
func TestSystemTables(t *testing.T) {
	url := pgtest.Database(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			s, err := Open(t.Context(), url, empty(), Options{})
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	wg.Wait()
	pg, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer pg.Close(t.Context())
	role := "plain" + fmt.Sprint(time.Now().UnixNano())
	if err := pg.Exec(t.Context(), "create role "+role+" login; grant all on all tables in schema public to "+role+"; grant all on all sequences in schema public to "+role).Close(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := pg.Exec(t.Context(), "drop owned by "+role+"; drop role "+role).Close(); err != nil {
			t.Error(err)
		}
	}()
	s, err := Open(t.Context(), strings.Replace(url, "postgres@", role+"@", 1), empty(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}
