package pgtest

import (
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Proxy stands between clients and servers, so that a test can break the network.
type Proxy struct {
	t      testing.TB
	listen net.Listener

	mu     sync.Mutex
	to     []string
	turn   int
	delay  time.Duration
	held   chan struct{} // closed when bytes may pass
	conns  map[net.Conn]struct{}
	closed bool
}

// NewProxy starts a proxy in front of servers (host:port); connections go to each in turn.
func NewProxy(t testing.TB, to ...string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	p := &Proxy{t: t, listen: l, to: to, held: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	close(p.held)
	go p.accept()
	t.Cleanup(p.close)
	return p
}

// Of returns the URL of a server with the proxy in its place.
func (p *Proxy) Of(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		p.t.Fatalf("pgtest: %v", err)
	}
	u.Host = p.listen.Addr().String()
	return u.String()
}

// Hold lets no byte pass any more, in neither direction: a network that swallows everything.
func (p *Proxy) Hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.held:
		p.held = make(chan struct{})
	default:
	}
}

// Pass ends Hold. What was held arrives.
func (p *Proxy) Pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.held:
	default:
		close(p.held)
	}
}

// Delay makes bytes take their time, in each direction.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Cut resets every connection there is.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, not a farewell
		}
		_ = c.Close()
	}
	clear(p.conns)
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listen.Close()
	p.Pass()
	p.Cut()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listen.Accept()
		if err != nil {
			return
		}
		go p.serve(client)
	}
}

func (p *Proxy) serve(client net.Conn) {
	if !p.keep(client) {
		return
	}
	p.pass()
	p.mu.Lock()
	to := p.to[p.turn%len(p.to)]
	p.turn++
	p.mu.Unlock()
	server, err := net.Dial("tcp", to)
	if err != nil {
		_ = client.Close()
		return
	}
	if !p.keep(server) {
		return
	}
	go p.copy(server, client)
	p.copy(client, server)
}

// keep notes a connection, or closes it when the proxy is no more.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

// pass waits while bytes are held, or take their time.
func (p *Proxy) pass() {
	p.mu.Lock()
	held, delay := p.held, p.delay
	p.mu.Unlock()
	<-held
	time.Sleep(delay)
}

func (p *Proxy) copy(to, from net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			p.pass()
			if _, err := to.Write(b[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = from.Close()
	_ = to.Close()
}
