package engine

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"math"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/engine/redis"
)

// rates bound how often requests come: per address without credentials, per
// subject with them, and per address and per account where passwords are tried.
type rates struct {
	off      bool // in dev
	loopback bool // addresses of this machine are counted too
	unknown  bucket
	known    bucket
	logins   bucket
	mails    bucket
}

// bucket bounds one kind of thing per key: in the Redis that nodes share if there is
// one and it answers, else in this process.
type bucket struct {
	own    *account.Limiter
	name   string
	quota  Quota
	shared *redis.Client // nil: none
	secret []byte        // keeps applications apart that share a Redis, and hides what keys are about
}

func newRates(s Settings, clock func() time.Time) rates {
	limiter := func(name string, q, standard Quota) bucket {
		if q == (Quota{}) {
			q = standard
		}
		return bucket{own: account.NewLimiter(q.N, q.Per, clock), name: name, quota: q}
	}
	d := DefaultRate()
	return rates{
		off: s.Dev, loopback: s.Rate.Loopback,
		unknown: limiter("anonymous", s.Rate.Anonymous, d.Anonymous),
		known:   limiter("user", s.Rate.User, d.User),
		logins:  limiter("login", s.Rate.Login, d.Login),
		mails:   limiter("mail", s.Rate.Mail, d.Mail),
	}
}

// share has all nodes of an application count together.
func (q *rates) share(r *redis.Client, secret string) {
	for _, b := range []*bucket{&q.unknown, &q.known, &q.logins, &q.mails} {
		b.shared, b.secret = r, []byte("dowel rate "+secret)
	}
}

func (q *rates) anonymous(r *http.Request) error {
	if q.exempt(r) {
		return nil
	}
	return q.unknown.try(r, address(r))
}

func (q *rates) user(r *http.Request, s *authz.Subject) error {
	if q.exempt(r) {
		return nil
	}
	return q.known.try(r, s.ID)
}

// login counts one try of a password, by where it comes from and by whose it is.
// Names are compared as people mistype them, so that spelling buys no further tries.
func (q *rates) login(r *http.Request, login string) error {
	if q.exempt(r) {
		return nil
	}
	if err := q.logins.try(r, "address "+address(r)); err != nil {
		return err
	}
	return q.logins.try(r, "login "+strings.ToLower(strings.TrimSpace(login)))
}

// forgot counts one message asked for, by where it is asked from and by who is to get it.
func (q *rates) forgot(r *http.Request, login string) error {
	if q.exempt(r) {
		return nil
	}
	if err := q.logins.try(r, "address "+address(r)); err != nil {
		return err
	}
	return q.mails.try(r, strings.ToLower(strings.TrimSpace(login)))
}

// register counts one new account, by where it comes from.
func (q *rates) register(r *http.Request) error {
	if q.exempt(r) {
		return nil
	}
	return q.logins.try(r, "address "+address(r))
}

func (q *rates) exempt(r *http.Request) bool {
	return q.off || !q.loopback && isLoopback(r.RemoteAddr)
}

// try takes one of what is left for a key.
func (b *bucket) try(r *http.Request, key string) error {
	wait, ok := b.allow(r.Context(), key)
	if ok {
		return nil
	}
	return &actions.Error{Code: actions.RateLimited, Detail: "Too many requests; wait a little.", Retry: max(1, int(wait/time.Second))}
}

func (b *bucket) allow(ctx context.Context, key string) (wait time.Duration, ok bool) {
	if b.shared != nil && b.quota.N > 0 {
		h := hmac.New(sha256.New, b.secret)
		h.Write([]byte(b.name + "\x00" + key))
		place := "dowel:" + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
		if wait, ok, err := b.shared.Allow(ctx, place, b.quota.N, b.quota.Per); err == nil {
			return time.Duration(math.Ceil(wait.Seconds())) * time.Second, ok
		}
	}
	return b.own.Allow(key)
}

// isLoopback reports whether an address with port is of this machine. What has no address, a
// request made within the process, is too.
func isLoopback(remote string) bool {
	return strings.HasPrefix(remote, "127.") || strings.HasPrefix(remote, "[::1]") || remote == "" || remote[0] == '@'
}

// address is where a request comes from. A client commands a whole IPv6 network of 64 bits, so that counts as one address.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip := net.ParseIP(host)
	if ip == nil || ip.To4() != nil {
		return host
	}
	return ip.Mask(net.CIDRMask(64, 128)).String()
}
