package token

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/maypok86/otter/v2"
)

// Verify returns what a raw token says, or an error that wraps ErrInvalid, or
// ErrUnavailable where the keys cannot be had now. The claims are shared
// between requests: treat them as read-only.
func (s *Signer) Verify(ctx context.Context, raw string) (*Claims, error) {
	if len(raw) > s.cfg.MaxSize {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrInvalid, s.cfg.MaxSize)
	}
	sum := sha256.Sum256([]byte(raw))
	if v, ok := s.verified.get(sum); ok && s.stands(v) {
		return v.claims, v.claims.inTime(s.cfg.Clock())
	}
	v, err := s.verify(ctx, raw)
	if errors.Is(err, ErrUnavailable) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := v.claims.inTime(s.cfg.Clock()); err != nil {
		return nil, err
	}
	s.verified.put(sum, v)
	return v.claims, nil
}

// verified is what is remembered of a token: what it says, and the keys among
// which was the one that signed it.
type verified struct {
	claims *Claims
	among  *ring
}

// stands reports whether the keys are still those the token was verified with.
func (s *Signer) stands(v *verified) bool {
	if v.among == s.ring.Load() {
		return true
	}
	return s.cfg.Remote != nil && v.among == s.cfg.Remote.known()
}

// verify checks everything about a token that time does not change. That there
// is an expiry is checked here too.
func (s *Signer) verify(ctx context.Context, raw string) (*verified, error) {
	var w wire
	// Read first and checked then, as the token is needed to find its key.
	t, parts, err := jwt.NewParser(jwt.WithStrictDecoding()).ParseUnverified(raw, &w)
	if err != nil {
		return nil, err
	}
	if err := checkHeader(t.Header); err != nil {
		return nil, err
	}
	t.Raw = parts[0] + "." + parts[1]
	key, among, err := s.signedBy(ctx, t)
	if err != nil {
		return nil, err
	}
	err = jwt.NewValidator(
		jwt.WithIssuer(s.cfg.Issuer),
		jwt.WithAudience(s.cfg.Audience),
		jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(s.cfg.Clock),
	).Validate(&w)
	if err != nil {
		return nil, err
	}
	claims, err := w.claims()
	if err != nil {
		return nil, err
	}
	claims.Foreign = !key.Signs()
	return &verified{claims: claims, among: among}, nil
}

// signedBy returns the key that signed a token, with those it was found among.
// Raw is what was signed.
func (s *Signer) signedBy(ctx context.Context, t *jwt.Token) (*Key, *ring, error) {
	kid, _ := t.Header["kid"].(string)
	own := s.ring.Load()
	if key := verifies(candidates(own.keys, kid, t.Method.Alg()), t); key != nil {
		return key, own, nil
	}
	if _, secret := minSecrets[t.Method.Alg()]; secret || s.cfg.Remote == nil {
		return nil, nil, errors.New("no key of ours verifies it")
	}
	among, err := s.cfg.Remote.current(ctx)
	if err != nil {
		return nil, nil, err
	}
	asked := candidates(among.keys, kid, t.Method.Alg())
	if key := verifies(asked, t); key != nil {
		return key, among, nil
	}
	if kid != "" && len(asked) > 0 {
		return nil, nil, errors.New("the key it names does not verify it")
	}
	// The issuer may have a new key since.
	newer, err := s.cfg.Remote.latest(ctx)
	if err != nil {
		return nil, nil, err
	}
	if key := verifies(candidates(newer.keys, kid, t.Method.Alg()), t); newer != among && key != nil {
		return key, newer, nil
	}
	return nil, nil, errors.New("no key of the issuer verifies it")
}

// verifies returns the key that a token's signature is of, or nil.
func verifies(keys []*Key, t *jwt.Token) *Key {
	for _, k := range keys {
		if t.Method.Verify(t.Raw, t.Signature, k.public) == nil {
			return k
		}
	}
	return nil
}

// checkHeader refuses what golang-jwt lets pass. Members that point at keys or
// bring them along (jku, x5u, jwk, x5c) are ignored: keys come from the configuration.
func checkHeader(h map[string]any) error {
	if _, ok := h["crit"]; ok {
		return fmt.Errorf("header has `crit`")
	}
	for _, member := range []string{"zip", "cty", "enc"} {
		if _, ok := h[member]; ok {
			return fmt.Errorf("header has `%s`: nested, compressed or encrypted tokens are not accepted", member)
		}
	}
	if kid, ok := h["kid"]; ok {
		if _, ok := kid.(string); !ok {
			return fmt.Errorf("header `kid` is not a text")
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
	c *otter.Cache[[sha256.Size]byte, *verified]
}

const cached = 8192

func newCache() *cache {
	return &cache{otter.Must(&otter.Options[[sha256.Size]byte, *verified]{MaximumSize: cached})}
}

func (c *cache) get(sum [sha256.Size]byte) (*verified, bool) { return c.c.GetIfPresent(sum) }

func (c *cache) put(sum [sha256.Size]byte, v *verified) { c.c.Set(sum, v) }
