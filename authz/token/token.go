// Package token issues and verifies access tokens.
//
// A token is a JSON Web Token (RFC 7519) signed with HMAC-SHA256. Everything
// that RFC 8725 asks of a verifier is checked here: the algorithm is fixed by
// configuration, never by the token; issuer, audience, subject and expiry must
// be there and fit; nothing critical may be unknown; the key is long enough.
//
// A token that was verified once is remembered until it expires, so that the
// next request with it costs a hash and a look-up.
package token

import (
	"errors"
	"fmt"
	"time"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// Limits of tokens and keys.
const (
	// MaxSize is the length of a raw token in bytes beyond which it is not even looked at.
	MaxSize = 8 << 10
	// MinSecret is the least length of a key for HMAC-SHA256 in bytes (RFC 7518 §3.2).
	MinSecret = 32
	// Leeway is how far the clock of an issuer may be ahead of ours.
	Leeway = 30 * time.Second
)

// ErrInvalid is every reason to refuse a token. The text says which one, for
// the log; clients learn no more than that the token is invalid.
var ErrInvalid = errors.New("invalid token")

// Config says whose tokens are accepted and how ours are made.
type Config struct {
	Secret   []byte // at least MinSecret bytes
	Issuer   string // `iss`
	Audience string // `aud`
	Clock    expr.Clock
	// Access is how long an issued token lives when its claims do not say; an hour by default.
	Access time.Duration
	// MaxSize is the length of a raw token in bytes; MaxSize by default.
	MaxSize int
}

// Claims are what a token says.
type Claims struct {
	Subject   string    // `sub`: the id of the subject, never empty
	Session   string    // `sid`: the login session of a token of our own, or ""
	Roles     []string  // `role` and `roles`
	Tenant    string    // `tenant`, or ""
	IssuedAt  time.Time // zero when absent
	NotBefore time.Time // zero when absent
	Expires   time.Time
	// Values are all claims as conditions see them (me.CLAIM): text, numbers,
	// booleans, and lists and objects as JSON. Issue adds those that have no
	// place of their own above.
	Values map[string]schema.Value
}

// SubjectOf returns who the claims speak of, as the token alone tells it.
// The result shares maps with the claims and must not be changed.
func (c *Claims) SubjectOf() *authz.Subject {
	return &authz.Subject{ID: c.Subject, Roles: c.Roles, Session: c.Session, Tenant: c.Tenant, Claims: c.Values}
}

// A Signer issues tokens and verifies them. It is safe for concurrent use.
type Signer struct {
	cfg      Config
	verified *cache
}

// New checks the configuration and returns a Signer for it.
func New(cfg Config) (*Signer, error) {
	switch {
	case len(cfg.Secret) < MinSecret:
		return nil, fmt.Errorf("auth.secret has %d bytes; HS256 needs at least %d (for example from `openssl rand -base64 48`)", len(cfg.Secret), MinSecret)
	case looksLikePEM(cfg.Secret):
		return nil, errors.New("auth.secret holds a PEM file; it must be a secret text of its own")
	case cfg.Issuer == "":
		return nil, errors.New("auth.issuer is empty")
	case cfg.Audience == "":
		return nil, errors.New("auth.audience is empty")
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Access <= 0 {
		cfg.Access = time.Hour
	}
	if cfg.MaxSize <= 0 {
		cfg.MaxSize = MaxSize
	}
	cfg.Secret = append([]byte(nil), cfg.Secret...)
	return &Signer{cfg: cfg, verified: newCache()}, nil
}

// Access is how long an issued token lives by default.
func (s *Signer) Access() time.Duration { return s.cfg.Access }
