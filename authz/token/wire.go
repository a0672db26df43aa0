package token

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"github.com/dowel-dev/dowel/schema"
)

// wire is the payload of a token as it was sent: members in their JSON text.
// Reading it ourselves refuses what lenient decoders take: members said
// twice, broken UTF-8, numbers that are not finite.
type wire struct {
	members map[string]jsontext.Value
}

// UnmarshalJSON reads the members of the payload.
func (w *wire) UnmarshalJSON(b []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(b))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return errors.New("the claims are not a JSON object")
	}
	w.members = make(map[string]jsontext.Value)
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		key := name.String()
		v, err := d.ReadValue()
		if err != nil {
			return err
		}
		w.members[key] = v.Clone()
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return errors.New("something follows the claims")
	}
	return nil
}

func (w *wire) text(name string) (string, error) {
	v, ok := w.members[name]
	if !ok || v.Kind() == 'n' {
		return "", nil
	}
	if v.Kind() != '"' {
		return "", fmt.Errorf("claim `%s` is not a text", name)
	}
	b, err := jsontext.AppendUnquote(nil, v)
	if bytes.IndexByte(b, 0) >= 0 {
		return "", fmt.Errorf("claim `%s` holds a NUL", name)
	}
	return string(b), err
}

// texts reads a claim that is a text or a list of texts.
func (w *wire) texts(name string) ([]string, error) {
	v, ok := w.members[name]
	if !ok || v.Kind() == 'n' {
		return nil, nil
	}
	if v.Kind() == '"' {
		s, err := w.text(name)
		return []string{s}, err
	}
	if v.Kind() != '[' {
		return nil, fmt.Errorf("claim `%s` is neither a text nor a list", name)
	}
	d := jsontext.NewDecoder(bytes.NewReader(v))
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	list := []string{}
	for d.PeekKind() != ']' {
		t, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		if t.Kind() != '"' {
			return nil, fmt.Errorf("claim `%s` has an element that is not a text", name)
		}
		list = append(list, t.String())
	}
	return list, nil
}

// time reads seconds since 1970, which may have a fraction.
func (w *wire) time(name string) (time.Time, error) {
	v, ok := w.members[name]
	if !ok || v.Kind() == 'n' {
		return time.Time{}, nil
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if v.Kind() != '0' || err != nil {
		return time.Time{}, fmt.Errorf("claim `%s` is not a number of seconds", name)
	}
	// The year 9999; anything later is a mistake or an attack on arithmetic.
	if f < 1 || f > 253402300799 {
		return time.Time{}, fmt.Errorf("claim `%s` is out of range", name)
	}
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(fraction*1e9)), nil
}

// claims reads the members that have a meaning of their own, and all of them as values.
func (w *wire) claims() (*Claims, error) {
	c := &Claims{}
	var errs [8]error
	var role, roles []string
	c.Subject, errs[0] = w.text("sub")
	c.Session, errs[1] = w.text("sid")
	c.Tenant, errs[2] = w.text("tenant")
	c.IssuedAt, errs[3] = w.time("iat")
	c.NotBefore, errs[4] = w.time("nbf")
	c.Expires, errs[5] = w.time("exp")
	role, errs[6] = w.texts("role")
	roles, errs[7] = w.texts("roles")
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if c.Subject == "" {
		return nil, errors.New("claim `sub` is missing")
	}
	c.Roles = append(role, roles...)
	c.Values = make(map[string]schema.Value, len(w.members))
	for name, v := range w.members {
		value, err := valueOf(v)
		if err != nil {
			return nil, fmt.Errorf("claim `%s`: %w", name, err)
		}
		c.Values[name] = value
	}
	return c, nil
}

func valueOf(v jsontext.Value) (schema.Value, error) {
	switch v.Kind() {
	case 'n':
		return schema.Value{}, nil
	case 't', 'f':
		return schema.NewBool(v.Kind() == 't'), nil
	case '"':
		b, err := jsontext.AppendUnquote(nil, v)
		return schema.NewText(string(b)), err
	case '0':
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return schema.NewInt(n), nil
		}
		f, err := strconv.ParseFloat(string(v), 64)
		return schema.NewFloat(f), err
	}
	if err := v.Compact(); err != nil {
		return schema.Value{}, err
	}
	return schema.NewJSON(string(v)), nil
}

// The methods of jwt.Claims, with which the library checks issuer, audience
// and that an expiry is there. Subject and the other times are checked above.

func (w *wire) GetExpirationTime() (*jwt.NumericDate, error) { return w.date("exp") }

func (w *wire) GetNotBefore() (*jwt.NumericDate, error) { return nil, nil }

func (w *wire) GetIssuedAt() (*jwt.NumericDate, error) { return nil, nil }

func (w *wire) GetIssuer() (string, error) { return w.text("iss") }

func (w *wire) GetSubject() (string, error) { return w.text("sub") }

func (w *wire) GetAudience() (jwt.ClaimStrings, error) {
	list, err := w.texts("aud")
	return list, err
}

func (w *wire) date(name string) (*jwt.NumericDate, error) {
	t, err := w.time(name)
	if err != nil || t.IsZero() {
		return nil, err
	}
	return &jwt.NumericDate{Time: t}, nil
}
