package engine

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
)

// rates bound how often requests come: per address without credentials, per
// subject with them, and per address and per account where passwords are tried.
type rates struct {
	off      bool // in dev
	loopback bool // addresses of this machine are counted too
	unknown  *account.Limiter
	known    *account.Limiter
	logins   *account.Limiter
	mails    *account.Limiter
}

func newRates(s Settings, clock func() time.Time) rates {
	limiter := func(q, standard Quota) *account.Limiter {
		if q == (Quota{}) {
			q = standard
		}
		return account.NewLimiter(q.N, q.Per, clock)
	}
	d := DefaultRate()
	return rates{
		off: s.Dev, loopback: s.Rate.Loopback,
		unknown: limiter(s.Rate.Anonymous, d.Anonymous),
		known:   limiter(s.Rate.User, d.User),
		logins:  limiter(s.Rate.Login, d.Login),
		mails:   limiter(s.Rate.Mail, d.Mail),
	}
}

func (q *rates) anonymous(r *http.Request) error {
	if q.exempt(r) {
		return nil
	}
	return try(q.unknown, address(r))
}

func (q *rates) user(r *http.Request, s *authz.Subject) error {
	if q.exempt(r) {
		return nil
	}
	return try(q.known, s.ID)
}

// login counts one try of a password, by where it comes from and by whose it is.
// Names are compared as people mistype them, so that spelling buys no further tries.
func (q *rates) login(r *http.Request, login string) error {
	if q.exempt(r) {
		return nil
	}
	if err := try(q.logins, "address "+address(r)); err != nil {
		return err
	}
	return try(q.logins, "login "+strings.ToLower(strings.TrimSpace(login)))
}

// forgot counts one message asked for, by where it is asked from and by who is to get it.
func (q *rates) forgot(r *http.Request, login string) error {
	if q.exempt(r) {
		return nil
	}
	if err := try(q.logins, "address "+address(r)); err != nil {
		return err
	}
	return try(q.mails, strings.ToLower(strings.TrimSpace(login)))
}

// register counts one new account, by where it comes from.
func (q *rates) register(r *http.Request) error {
	if q.exempt(r) {
		return nil
	}
	return try(q.logins, "address "+address(r))
}

func (q *rates) exempt(r *http.Request) bool {
	return q.off || !q.loopback && isLoopback(r.RemoteAddr)
}

func try(l *account.Limiter, key string) error {
	wait, ok := l.Allow(key)
	if ok {
		return nil
	}
	return &actions.Error{Code: actions.RateLimited, Detail: "Too many requests; wait a little.", Retry: max(1, int(wait/time.Second))}
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
