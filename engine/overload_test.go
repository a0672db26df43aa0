package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/enginetest/onstores"
)

// listening serves an application on a port until the test ends.
func listening(t *testing.T, app *enginetest.App) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		http.DefaultClient.CloseIdleConnections()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// Ten times as many ask as are served at once: those who are served wait no longer than they
// would alone, times a small factor, and the others are told at once, and when to come again.
func TestTenTimesTooMany(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open onstores.Open) {
		const served, work = 4, 50 * time.Millisecond
		app := openShop(t, open, enginetest.Options{Settings: engine.Settings{Limits: engine.Limits{InFlight: served}}}, func(program *engine.App) {
			program.On(engine.Parsed, func(*actions.Ctx, *engine.Event) error { time.Sleep(work); return nil })
		})
		address := listening(t, app)
		bearer := app.Bearer(t, "7", "clerk")
		var mu sync.Mutex
		var accepted, refused []time.Duration
		var wg sync.WaitGroup
		for range 10 * served {
			wg.Go(func() {
				for range 10 {
					r, err := http.NewRequest("GET", "http://"+address+"/api/orders/1", nil)
					if err != nil {
						t.Error(err)
						return
					}
					r.Header.Set("Authorization", bearer)
					start := time.Now()
					res, err := http.DefaultClient.Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
					took := time.Since(start)
					mu.Lock()
					switch {
					case res.StatusCode == 200:
						accepted = append(accepted, took)
					case (res.StatusCode == 503 || res.StatusCode == 429) && res.Header.Get("Retry-After") != "":
						refused = append(refused, took)
					default:
						t.Errorf("%d %v", res.StatusCode, res.Header)
					}
					mu.Unlock()
					time.Sleep(work / 5)
				}
			})
		}
		wg.Wait()
		if len(accepted) < 10 || len(refused) < 10 {
			t.Fatalf("%d were served, %d refused", len(accepted), len(refused))
		}
		slices.Sort(accepted)
		slices.Sort(refused)
		// The bound leaves room for a machine that has other things to do; a queue would make it 20 × work and more.
		if p99 := accepted[len(accepted)*99/100]; p99 > work+2*time.Second {
			t.Errorf("of those served the slowest 1 %% took more than %s", p99)
		}
		t.Logf("%d served (p99 %s), %d refused (median %s)", len(accepted), accepted[len(accepted)*99/100], len(refused), refused[len(refused)/2])
	})
}

// A client that reads a byte now and then holds its connection, and what net/http keeps for
// one, but none of the database: the others are served as ever.
func TestClientsThatHardlyRead(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open onstores.Open) {
		app := openShop(t, open, enginetest.Options{Settings: engine.Settings{Limits: engine.Limits{Rows: 1000}}}, nil)
		var many []string
		for i := range 500 {
			many = append(many, fmt.Sprintf(`{"number": "%s%d"}`, strings.Repeat("long ", 300), i))
		}
		app.Make(t, "order", "["+strings.Join(many, ",")+"]")
		address := listening(t, app)
		bearer := app.Bearer(t, "7", "clerk")
		ask := "GET /api/orders?limit=100 HTTP/1.1\r\nHost: x\r\nAuthorization: " + bearer + "\r\n\r\n"
		before := runtime.NumGoroutine()
		const clients = 40 // more than there are connections to any database
		for range clients {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, strings.Repeat(ask, 40)); err != nil { // answers no buffer of the system takes
				t.Fatal(err)
			}
			if _, err := bufio.NewReaderSize(c, 16).ReadByte(); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		for range 20 {
			if res := app.Do(t, "GET", "/api/orders/1", "", "Authorization: "+bearer); res.Status != 200 {
				t.Fatal(res.Status, res.Body)
			}
			if res := app.Do(t, "PATCH", "/api/orders/1", `{"total": "1.00"}`, "Authorization: "+bearer); res.Status != 200 {
				t.Fatal(res.Status, res.Body)
			}
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("others waited: 40 requests took %s", took)
		}
		// net/http has one that serves a connection and one that watches it for its end.
		if more := runtime.NumGoroutine() - before; more > 2*clients+10 {
			t.Errorf("%d goroutines for %d clients", more, clients)
		}
	})
}
