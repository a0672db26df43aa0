// Package crash kills servers while they write, and holds what clients are promised
// then: a write, or a whole compound, has happened or has not; what was
// acknowledged is there; a request that is sent again with its Idempotency-Key has one
// effect, and every answer to it is the same, byte by byte.
//
// The servers are this test binary, run again as a child.
package crash

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/deploy"
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

// dieAt is set in children: the number of the moment to die at, 0 for none.
const dieAt = "DOWEL_CRASH_AT"

func TestMain(m *testing.M) {
	if at := os.Getenv(dieAt); at != "" {
		if err := serve(at); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(pgtest.Main(m))
}

var files = fstest.MapFS{"dowel.yaml": {Data: []byte(`dowel: 1
classes:
  order: {fields: {number: string unique}, allow: {all: anyone}}
  line: {fields: {order: order on_delete=cascade, text: string}, allow: {all: anyone}}
`)}}

// moments are the points at which a server can die, in the order in which requests come to them.
var moments = []engine.Point{engine.Parsed, engine.Validated, engine.Authorized, engine.BeforeInvoke, engine.AfterInvoke,
	engine.BeforeCommit, engine.AfterCommit, engine.BeforeSend}

// serve prints its address and serves until it dies, or its input ends. Before it dies at a moment it prints that.
func serve(at string) error {
	last, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return err
	}
	slog.SetDefault(slog.New(slog.DiscardHandler))
	app := engine.New(engine.FS(files))
	var writing atomic.Bool
	var passed atomic.Int64
	for _, p := range moments {
		app.On(p, func(_ *actions.Ctx, e *engine.Event) error {
			if p == engine.Parsed {
				writing.Store(e.Request.Method != http.MethodGet)
			}
			if !writing.Load() || passed.Add(1) != last {
				return nil
			}
			fmt.Println(p)
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				return err
			}
			select {}
		})
	}
	e, err := app.Open(context.Background())
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	server := &http.Server{Handler: e.Handler(), ReadHeaderTimeout: time.Minute}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent
		_ = server.Close()
	}()
	_ = server.Serve(l)
	return e.Close()
}

// server is a child.
type server struct {
	address string
	cmd     *exec.Cmd
	in      io.Closer
	died    chan string // what it printed last
}

func start(t *testing.T, db string, at int) *server {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), dieAt+"="+strconv.Itoa(at), "DOWEL_DB="+db)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	if !said.Scan() {
		t.Fatal("the server did not start")
	}
	s := &server{address: said.Text(), cmd: cmd, in: in, died: make(chan string, 1)}
	go func() {
		last := ""
		for said.Scan() {
			last = said.Text()
		}
		s.died <- last
	}()
	return s
}

// stop ends a server, and returns the moment at which it had died by itself.
func (s *server) stop(kill bool) string {
	if kill {
		_ = s.cmd.Process.Kill()
	}
	_ = s.in.Close()
	at := <-s.died
	_ = s.cmd.Wait()
	return at
}

// send returns the whole of an answer, without what says that it is not the first.
func send(address, method, path, key, content string) (status int, answer string, err error) {
	r, err := http.NewRequest(method, "http://"+address+path, strings.NewReader(content))
	if err != nil {
		return 0, "", err
	}
	if content != "" {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
	}
	r.Close = true
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, fmt.Sprintln(res.StatusCode, res.Header["Location"], res.Header["Etag"], res.Header["Content-Type"]) + string(body), err
}

func count(t *testing.T, address, path string) int {
	t.Helper()
	status, answer, err := send(address, "GET", "/api"+path, "", "")
	if err != nil || status != 200 {
		t.Fatal(status, answer, err)
	}
	return strings.Count(answer, `{"id":`)
}

// databases are empty ones with the tables of the application.
func databases(t *testing.T, test func(t *testing.T, db string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "app.db")) })
	t.Run("postgres", func(t *testing.T) {
		db := pgtest.Schema(t)
		s, _, _, found := deploy.Load(files, ".", deploy.Parts{})
		if found.HasErrors() {
			t.Fatal(found)
		}
		store, err := postgres.Open(t.Context(), db, s, postgres.Options{Conns: 2})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Migrate(t.Context(), s, true); err != nil {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		test(t, db)
	})
}

// A server dies at every moment of a write in turn.
func TestDeathAtEveryMoment(t *testing.T) {
	for _, tt := range []struct{ name, path, content string }{
		{"a write", "/api/orders", `{"number": "N%d"}`},
		{"a compound", "/api;compound", `{"actions": {"o": {"method": "POST", "path": "/orders", "contentObject": {"number": "N%d"}}, "l": {"method": "POST", "path": "/lines", "contentObject": {"order_id": {"$ref": "o.id"}, "text": "x"}}}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			databases(t, func(t *testing.T, db string) {
				for at := 1; ; at++ {
					content, key := fmt.Sprintf(tt.content, at), fmt.Sprintf("key-%d", at)
					s := start(t, db, at)
					status, _, err := send(s.address, "POST", tt.path, key, content)
					if err == nil {
						s.stop(false)
						if status >= 300 || at < len(moments) {
							t.Fatalf("moment %d: the server lived, and answered %d", at, status)
						}
						return // there are no more moments
					}
					moment := engine.Point(s.stop(false))
					s = start(t, db, 0)
					rows := count(t, s.address, fmt.Sprintf("/orders?number=N%d", at))
					want := 0
					if moment == engine.AfterCommit || moment == engine.BeforeSend {
						want = 1
					}
					if rows != want {
						t.Errorf("after a death at %s (moment %d) there are %d orders, want %d", moment, at, rows, want)
					}
					_, first, err := send(s.address, "POST", tt.path, key, content)
					if err != nil {
						t.Fatal(err)
					}
					_, again, err := send(s.address, "POST", tt.path, key, content)
					if err != nil || first != again || !strings.HasPrefix(first, "20") {
						t.Errorf("moment %s: %s\nand then %s %v", moment, first, again, err)
					}
					if rows := count(t, s.address, fmt.Sprintf("/orders?number=N%d", at)); rows != 1 {
						t.Errorf("moment %s: %d orders", moment, rows)
					}
					if orders, lines := count(t, s.address, "/orders?limit=100"), count(t, s.address, "/lines?limit=100"); tt.name == "a compound" && orders != lines {
						t.Errorf("moment %s: %d orders and %d lines", moment, orders, lines)
					}
					s.stop(false)
				}
			})
		})
	}
}

// Many send the same requests at once, while the server is killed and started again.
// DOWEL_CRASH_MANY=1 sends a thousand.
func TestDuplicatesThroughDeaths(t *testing.T) {
	things, each, deaths := 10, 20, 3
	if os.Getenv("DOWEL_CRASH_MANY") != "" {
		things, each, deaths = 25, 40, 12
	}
	databases(t, func(t *testing.T, db string) {
		var address atomic.Value
		s := start(t, db, 0)
		address.Store(s.address)
		answers := make([][]string, things)
		var wg sync.WaitGroup
		for i := range things {
			answers[i] = make([]string, each)
			for j := range each {
				wg.Go(func() {
					for t.Context().Err() == nil {
						time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
						status, answer, err := send(address.Load().(string), "POST", "/api/orders", fmt.Sprintf("thing-%d", i), fmt.Sprintf(`{"number": "T%d"}`, i))
						switch {
						case err != nil, status == 503, status == 504, status == 429, status == 409 && strings.Contains(answer, "idempotency-in-flight"):
							continue
						case status != 201:
							t.Errorf("%s", answer)
							return
						}
						answers[i][j] = answer
						return
					}
				})
			}
		}
		for range deaths {
			time.Sleep(time.Duration(50+rand.IntN(150)) * time.Millisecond)
			s.stop(true)
			s = start(t, db, 0)
			address.Store(s.address)
		}
		wg.Wait()
		for i := range answers {
			for _, answer := range answers[i] {
				if answer != answers[i][0] || answer == "" {
					t.Errorf("thing %d: told %q and %q", i, answers[i][0], answer)
				}
			}
		}
		if n := count(t, s.address, "/orders?limit=100"); n != things {
			t.Errorf("%d orders, want %d", n, things)
		}
		s.stop(false)
	})
}
