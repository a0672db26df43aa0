package token

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"

	"github.com/dowel-dev/dowel/schema"
)

// ErrNoKey means that tokens are verified here, and issued elsewhere.
var ErrNoKey = errors.New("there is no key to sign tokens with")

// Issue signs a token with the claims. Issuer and audience are the
// configuration's; without Expires the token lives for Config.Access, and it
// is issued now.
func (s *Signer) Issue(c Claims) (string, error) {
	if c.Subject == "" {
		return "", errors.New("a token needs a subject")
	}
	key := s.ring.Load().signing
	if key == nil {
		return "", ErrNoKey
	}
	now := s.cfg.Clock()
	if c.Expires.IsZero() {
		c.Expires = now.Add(s.cfg.Access)
	}
	m := jwt.MapClaims{}
	for name, v := range c.Values {
		m[name] = plain(v)
	}
	m["iss"], m["aud"], m["sub"] = s.cfg.Issuer, s.cfg.Audience, c.Subject
	m["iat"], m["exp"] = now.Unix(), c.Expires.Unix()
	if !c.NotBefore.IsZero() {
		m["nbf"] = c.NotBefore.Unix()
	}
	if c.Session != "" {
		m["sid"] = c.Session
	}
	if c.Tenant != "" {
		m["tenant"] = c.Tenant
	}
	switch len(c.Roles) {
	case 0:
	case 1:
		m["role"] = c.Roles[0]
	default:
		m["roles"] = c.Roles
	}
	t := jwt.NewWithClaims(key.method(), m)
	if key.ID != "" {
		t.Header["kid"] = key.ID
	}
	raw, err := t.SignedString(key.private)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	if len(raw) > s.cfg.MaxSize {
		return "", fmt.Errorf("the token has %d bytes; more than %d would be refused", len(raw), s.cfg.MaxSize)
	}
	return raw, nil
}

// plain is a value as encoding/json writes it into the claims.
func plain(v schema.Value) any {
	switch v.Kind() {
	case schema.Null:
		return nil
	case schema.Bool:
		return v.Bool()
	case schema.Int:
		return v.Int()
	case schema.Float:
		return v.Float()
	case schema.JSON:
		return json.RawMessage(v.Text())
	}
	return v.String()
}
