// Package token issues and verifies access tokens.
//
// A token is a JSON Web Token (RFC 7519), signed with a secret or with a private
// key. Everything that RFC 8725 asks of a verifier is checked here: the
// algorithm is a property of the key, never of the token; issuer, audience, subject and expiry
// must be there and fit; nothing critical may be unknown; the key is long enough.
//
//	key.go     keys of our own: secrets and files
//	jwk.go     key sets as JSON
//	remote.go  the key set of another issuer, at a URL
//	verify.go  what is checked
//
// A token that was verified once is remembered until it expires or the keys
// change, so that the next request with it costs a hash and a look-up.
package token

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// Limits of tokens and keys.
const (
	// MaxSize is the length of a raw token in bytes beyond which it is not even looked at.
	MaxSize = 8 << 10
	// Leeway is how far the clock of an issuer may be ahead of ours.
	Leeway = 30 * time.Second
)

// ErrInvalid is every reason to refuse a token. The text says which one, for
// the log; clients learn no more than that the token is invalid.
var ErrInvalid = errors.New("invalid token")

// Config says whose tokens are accepted and how ours are made.
type Config struct {
	// Secret is one more key, for HS256, after Keys; nil for none.
	Secret []byte
	// Keys verify; the first that can sign does. Use changes them later.
	Keys []*Key
	// Remote are the keys of another issuer; nil for none.
	Remote   *Remote
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
	// Foreign tokens were signed by a key that we cannot sign with.
	Foreign bool
	// Values are all claims as conditions see them (me.CLAIM): text, numbers,
	// booleans, and lists and objects as JSON. Issue adds those that have no
	// place of their own above.
	Values map[string]schema.Value
}

// SubjectOf returns who the claims speak of, as the token alone tells it.
// The result shares maps with the claims and must not be changed.
func (c *Claims) SubjectOf() *authz.Subject {
	return &authz.Subject{ID: c.Subject, Roles: c.Roles, FromToken: true, Until: c.Expires, Session: c.Session, Tenant: c.Tenant, Claims: c.Values}
}

// A Signer issues tokens and verifies them. It is safe for concurrent use.
type Signer struct {
	cfg      Config
	ring     atomic.Pointer[ring]
	verified *cache
}

// New checks the configuration and returns a Signer for it.
func New(cfg Config) (*Signer, error) {
	switch {
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
	keys := cfg.Keys
	if cfg.Secret != nil {
		secret, err := Secret(cfg.Secret, "")
		if err != nil {
			return nil, fmt.Errorf("auth.secret: %w", err)
		}
		keys = append(slices.Clone(keys), secret)
	}
	cfg.Secret, cfg.Keys = nil, nil
	s := &Signer{cfg: cfg, verified: newCache()}
	return s, s.Use(keys...)
}

// Use replaces the keys. Tokens of keys that are gone are refused from now on,
// also those that were verified before.
func (s *Signer) Use(keys ...*Key) error {
	if len(keys) == 0 && s.cfg.Remote == nil {
		return errors.New("there is no key to verify tokens with")
	}
	s.ring.Store(newRing(keys))
	return nil
}

// Signs reports whether there is a key to issue tokens with.
func (s *Signer) Signs() bool { return s.ring.Load().signing != nil }

// Access is how long an issued token lives by default.
func (s *Signer) Access() time.Duration { return s.cfg.Access }
