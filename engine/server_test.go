package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
)

// pipes is a listener whose connections are in memory, so that time in these
// tests is the made-up time of synctest.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

func (p *pipes) dial() net.Conn {
	server, client := net.Pipe()
	p.conns <- server
	return client
}

// serving runs a test against a server with made-up time.
func serving(t *testing.T, run func(t *testing.T, f *fixture, p *pipes, stop func() error)) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.rev.parse = func(r *http.Request) error {
			if _, err := io.ReadAll(r.Body); err != nil {
				return &actions.Error{Code: actions.BadContent, Detail: "unreadable", Cause: err}
			}
			return nil
		}
		p := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- f.Serve(ctx, p) }()
		stopped := false
		stop := func() error {
			stopped = true
			cancel()
			return <-done
		}
		run(t, f, p, stop)
		if !stopped {
			if err := stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
		}
	})
}

// talk sends a request in pieces with a pause after each, and returns the response and when it came.
func talk(t *testing.T, c net.Conn, pause time.Duration, pieces ...string) (*http.Response, string, time.Duration) {
	t.Helper()
	start, answered := time.Now(), make(chan struct{})
	defer close(answered)
	go func() {
		for _, piece := range pieces {
			if _, err := io.WriteString(c, piece); err != nil {
				return
			}
			select {
			case <-time.After(pause):
			case <-answered:
				return
			}
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return nil, err.Error(), time.Since(start)
	}
	took := time.Since(start)
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body), took
}

func TestServeKeepsThePace(t *testing.T) {
	const head = "POST /api/customers HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
	drip := make([]string, 100)
	for i := range drip {
		drip[i] = "x"
	}
	steady := make([]string, 120) // 2 KiB a second, for two minutes
	for i := range steady {
		steady[i] = strings.Repeat("x", 2<<10)
	}
	for _, tc := range []struct {
		name   string
		pause  time.Duration
		pieces []string
		status int
		within time.Duration
	}{
		{"steady content may take its time", time.Second, append([]string{fmt.Sprintf(head, 240<<10)}, steady...), 200, 3 * time.Minute},
		{"dripping content is cut off", 2 * time.Second, append([]string{fmt.Sprintf(head, 100)}, drip...), 400, 15 * time.Second},
		{"content that never comes is cut off", time.Hour, []string{fmt.Sprintf(head, 100)}, 400, 15 * time.Second},
		{"dripping fields are cut off", 2 * time.Second, append([]string{"GET / HTTP/1.1\r\nX: "}, drip...), 0, 6 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			serving(t, func(t *testing.T, f *fixture, p *pipes, stop func() error) {
				c := p.dial()
				defer c.Close()
				res, body, took := talk(t, c, tc.pause, tc.pieces...)
				status := 0
				if res != nil {
					status = res.StatusCode
				}
				if status != tc.status || took > tc.within {
					t.Errorf("%d after %s: %s", status, took, body)
				}
				if status == 400 && (!res.Close || !strings.Contains(body, "slower than 1 KiB a second")) {
					t.Errorf("%s", body)
				}
			})
		})
	}
}

// Reading is over, work takes nearly all it may: the read deadline must not end it.
func TestWorkAfterContent(t *testing.T) {
	serving(t, func(t *testing.T, f *fixture, p *pipes, stop func() error) {
		f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) {
			time.Sleep(9 * time.Second)
			return f.one(), nil
		}
		c := p.dial()
		defer c.Close()
		res, body, _ := talk(t, c, 5*time.Second, "POST /api/customers HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n", "tr", "ue")
		if res == nil || res.StatusCode != 200 {
			t.Errorf("%s", body)
		}
	})
}

func TestServeLimitsOnTheWire(t *testing.T) {
	for _, tc := range []struct {
		name, head string
		status     int
	}{
		{"target at the limit", "GET /api/customers?" + strings.Repeat("x", 16<<10-len("/api/customers?")) + " HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		{"target above it", "GET /api/customers?" + strings.Repeat("x", 16<<10-len("/api/customers?")+1) + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
		{"fields at the limit", "GET /api/customers HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("x", 32<<10-5) + "\r\n\r\n", 200},
		{"fields above it", "GET /api/customers HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("x", 32<<10-4) + "\r\n\r\n", 431},
	} {
		t.Run(tc.name, func(t *testing.T) {
			serving(t, func(t *testing.T, f *fixture, p *pipes, stop func() error) {
				c := p.dial()
				defer c.Close()
				res, body, _ := talk(t, c, 0, tc.head)
				if res == nil || res.StatusCode != tc.status {
					t.Errorf("want %d, got %.200s", tc.status, body)
				}
			})
		})
	}
}

func TestServeDrains(t *testing.T) {
	serving(t, func(t *testing.T, f *fixture, p *pipes, stop func() error) {
		inside := make(chan bool)
		f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) {
			inside <- true
			time.Sleep(5 * time.Second)
			return f.one(), nil
		}
		c := p.dial()
		defer c.Close()
		answered := make(chan int, 1)
		go func() {
			res, _, _ := talk(t, c, 0, "GET /api/customers/7 HTTP/1.1\r\nHost: x\r\n\r\n")
			answered <- res.StatusCode
		}()
		<-inside
		if err := stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
		if got := <-answered; got != 200 {
			t.Errorf("in flight: %d", got)
		}
		if !f.draining.Load() {
			t.Error("still ready")
		}
	})
}

func TestServeSaysWhatStillRan(t *testing.T) {
	serving(t, func(t *testing.T, f *fixture, p *pipes, stop func() error) {
		inside, leave := make(chan bool), make(chan bool)
		f.rev.invoke = func(*authz.Subject, actions.Action) (*actions.Result, error) {
			inside <- true
			<-leave
			return f.one(), nil
		}
		c := p.dial()
		defer c.Close()
		go func() { _, _ = io.WriteString(c, "GET /api/customers/7 HTTP/1.1\r\nHost: x\r\n\r\n") }()
		<-inside
		if err := stop(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop: %v", err)
		}
		leave <- true
	})
}

type brokenListener struct{ *pipes }

func (brokenListener) Accept() (net.Conn, error) { return nil, errors.New("no more files") }

func TestServeReportsABrokenListener(t *testing.T) {
	if err := newFixture(t).Serve(context.Background(), brokenListener{newPipes()}); err == nil || !strings.Contains(err.Error(), "no more files") {
		t.Errorf("%v", err)
	}
}
