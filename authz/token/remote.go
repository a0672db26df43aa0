package token

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dowel-dev/dowel/schema/expr"
)

// ErrUnavailable means that a token could not be checked, because the keys of
// its issuer cannot be had now. It is no refusal: the token may be good.
var ErrUnavailable = errors.New("the keys of the issuer are not available")

// How a Remote behaves.
const (
	// remoteFresh is how old a set may be before it is fetched again, beside the
	// requests. A key that was withdrawn is refused after this time.
	remoteFresh = time.Minute
	// remotePause is the least time between two fetches, whatever is asked for:
	// made-up names of keys cost the issuer nothing more than this.
	remotePause = 10 * time.Second
	// remoteStale is how long a set is used while no newer one can be had.
	remoteStale = 24 * time.Hour
	// remoteTimeout bounds one fetch, remoteMax its bytes.
	remoteTimeout = 5 * time.Second
	remoteMax     = 512 << 10
	// remoteWaiting bounds the requests that wait for one fetch.
	remoteWaiting = 64
)

// A Remote is a JSON Web Key Set at a URL. It is fetched when a token is to be
// checked for the first time, and kept up to date from then on while tokens
// come. It is safe for concurrent use.
type Remote struct {
	url   string
	fetch Fetch
	clock expr.Clock
	log   *slog.Logger

	set     atomic.Pointer[fetched]
	waiting atomic.Int64

	mu     sync.Mutex
	tried  time.Time     // when the last fetch began
	flight chan struct{} // closed when the running fetch is done; nil without one
}

// Fetch gets what is at a URL, without following redirects; more than most bytes are an error.
type Fetch func(ctx context.Context, url string, most int) ([]byte, error)

// fetched is a set with the time at which the issuer last confirmed it.
type fetched struct {
	body []byte
	ring *ring // the same as long as the content is
	at   time.Time
}

// NewRemote prepares a set at a URL, which must be https, or http on this
// machine. Nothing is fetched yet. Fetches that fail are logged.
func NewRemote(address string, fetch Fetch, clock expr.Clock, log *slog.Logger) (*Remote, error) {
	if err := CheckURL(address); err != nil {
		return nil, err
	}
	if clock == nil {
		clock = time.Now
	}
	if log == nil {
		log = slog.Default()
	}
	return &Remote{url: address, fetch: fetch, clock: clock, log: log}, nil
}

// CheckURL refuses addresses that keys may not come from: whoever can change
// what is on the way could let anybody in.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Opaque != "" || u.Fragment != "" {
		return errors.New("is not a URL such as https://id.example.com/.well-known/jwks.json")
	}
	switch {
	case u.User != nil:
		return errors.New("holds credentials; key sets are public")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("keys are fetched over https, or over http from this machine")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// current returns the keys as far as they are known, fetching them if they are
// not, and beside the request if they are old.
func (r *Remote) current(ctx context.Context) (*ring, error) {
	if keys := r.known(); keys != nil {
		return keys, nil
	}
	return r.latest(ctx)
}

// known returns the keys without waiting for any; nil where none are good now.
func (r *Remote) known() *ring {
	f := r.set.Load()
	if f == nil {
		return nil
	}
	age := r.clock().Sub(f.at)
	if age >= remoteStale {
		return nil
	}
	if age >= remoteFresh {
		r.begin()
	}
	return f.ring
}

// latest returns the keys after a fetch, unless there was one just now.
func (r *Remote) latest(ctx context.Context) (*ring, error) {
	if done := r.begin(); done != nil {
		if r.waiting.Add(1) > remoteWaiting {
			r.waiting.Add(-1)
			return nil, fmt.Errorf("%w: too many requests wait for them", ErrUnavailable)
		}
		select {
		case <-done:
		case <-ctx.Done():
		}
		r.waiting.Add(-1)
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	if keys := r.known(); keys != nil {
		return keys, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrUnavailable, r.url)
}

// begin starts a fetch, or joins the one that runs, and returns what is closed
// when it ends. It is nil when the last one was just now.
func (r *Remote) begin() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight != nil {
		return r.flight
	}
	now := r.clock()
	if !r.tried.IsZero() && now.Sub(r.tried) < remotePause {
		return nil
	}
	r.tried = now
	done := make(chan struct{})
	r.flight = done
	go func() {
		defer func() {
			r.mu.Lock()
			r.flight = nil
			r.mu.Unlock()
			close(done)
		}()
		if err := r.renew(); err != nil {
			r.log.Warn("the keys of the issuer could not be fetched", slog.String("url", r.url), slog.Any("cause", err))
		}
	}()
	return done
}

// renew fetches the set and puts it in service.
func (r *Remote) renew() error {
	// Not the context of a request: others wait for the same fetch.
	ctx, cancel := context.WithTimeout(context.Background(), remoteTimeout)
	defer cancel()
	body, err := r.fetch(ctx, r.url, remoteMax)
	if err != nil {
		return err
	}
	if old := r.set.Load(); old != nil && bytes.Equal(old.body, body) {
		r.set.Store(&fetched{body: body, ring: old.ring, at: r.clock()})
		return nil
	}
	keys, err := parseSet(body)
	if err != nil {
		return fmt.Errorf("the answer %w", err)
	}
	if len(keys) == 0 { // an issuer may withdraw all, so that is heeded
		r.log.Warn("the keys of the issuer are none that can be used", slog.String("url", r.url))
	}
	r.set.Store(&fetched{body: body, ring: newRing(keys), at: r.clock()})
	return nil
}
