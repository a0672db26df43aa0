package token

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/maypok86/otter/v2"
)

// Verify returns what a raw token says, or an error that wraps ErrInvalid.
// The claims are shared between requests: treat them as read-only.
func (s *Signer) Verify(raw string) (*Claims, error) {
	if len(raw) > s.cfg.MaxSize {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrInvalid, s.cfg.MaxSize)
	}
	sum := sha256.Sum256([]byte(raw))
	if c, ok := s.verified.get(sum); ok {
		return c, c.inTime(s.cfg.Clock())
	}
	c, err := s.verify(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := c.inTime(s.cfg.Clock()); err != nil {
		return nil, err
	}
	s.verified.put(sum, c)
	return c, nil
}

// verify checks everything about a token that time does not change. Expiry is
// checked here too, since the parser insists on it being there.
func (s *Signer) verify(raw string) (*Claims, error) {
	var w wire
	t, err := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(s.cfg.Issuer),
		jwt.WithAudience(s.cfg.Audience),
		jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(s.cfg.Clock),
		jwt.WithStrictDecoding(),
	).ParseWithClaims(raw, &w, func(t *jwt.Token) (any, error) {
		// Asked before the signature is checked: an unknown `crit` is never a matter of trust.
		return s.cfg.Secret, checkHeader(t.Header)
	})
	if err != nil {
		return nil, err
	}
	if !t.Valid {
		return nil, jwt.ErrTokenUnverifiable
	}
	return w.claims()
}

// checkHeader refuses what golang-jwt lets pass. Members that point at keys
// (jku, x5u, jwk, kid) are ignored: there is one key, and it is ours.
func checkHeader(h map[string]any) error {
	if _, ok := h["crit"]; ok {
		return fmt.Errorf("header has `crit`")
	}
	for _, member := range []string{"zip", "cty", "enc"} {
		if _, ok := h[member]; ok {
			return fmt.Errorf("header has `%s`: nested, compressed or encrypted tokens are not accepted", member)
		}
	}
	typ, ok := h["typ"]
	if !ok {
		return nil
	}
	switch s, _ := typ.(string); strings.ToLower(strings.TrimPrefix(strings.ToLower(s), "application/")) {
	case "jwt", "at+jwt":
		return nil
	}
	return fmt.Errorf("header `typ` is %v, not JWT or at+jwt", typ)
}

// inTime checks the times. Leeway helps issuers whose clock is ahead; a token
// that has expired has expired.
func (c *Claims) inTime(now time.Time) error {
	switch {
	case !now.Before(c.Expires):
		return fmt.Errorf("%w: expired", ErrInvalid)
	case !c.NotBefore.IsZero() && c.NotBefore.After(now.Add(Leeway)):
		return fmt.Errorf("%w: not valid yet", ErrInvalid)
	case c.IssuedAt.After(now.Add(Leeway)):
		return fmt.Errorf("%w: issued in the future", ErrInvalid)
	}
	return nil
}

func looksLikePEM(b []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(b), []byte("-----BEGIN")) }

// cache remembers verified tokens by their hash, so that it never holds a
// credential. It is bounded; times are checked again on every hit.
type cache struct {
	c *otter.Cache[[sha256.Size]byte, *Claims]
}

const cached = 8192

func newCache() *cache {
	return &cache{otter.Must(&otter.Options[[sha256.Size]byte, *Claims]{MaximumSize: cached})}
}

func (c *cache) get(sum [sha256.Size]byte) (*Claims, bool) { return c.c.GetIfPresent(sum) }

func (c *cache) put(sum [sha256.Size]byte, v *Claims) { c.c.Set(sum, v) }
