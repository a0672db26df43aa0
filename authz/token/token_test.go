package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
)

const secret = "an example secret of enough length."

var noon = time.Date(2030, 5, 6, 12, 0, 0, 0, time.UTC)

func signer(t testing.TB, clock func() time.Time) *Signer {
	t.Helper()
	s, err := New(Config{Secret: []byte(secret), Issuer: "dowel", Audience: "dowel", Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func atNoon() time.Time { return noon }

// sign makes a token by hand, so that it can be as wrong as it likes.
func sign(header, claims string) string { return signWith(sha256.New, secret, header, claims) }

func signWith(h func() hash.Hash, key, header, claims string) string {
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(claims))
	mac := hmac.New(h, []byte(key))
	mac.Write([]byte(text))
	return text + "." + enc.EncodeToString(mac.Sum(nil))
}

const plainHeader = `{"alg":"HS256","typ":"JWT"}`

func claims(change string) string {
	return fmt.Sprintf(`{"iss":"dowel","aud":"dowel","sub":"7","iat":%d,"exp":%d%s}`, noon.Unix(), noon.Add(time.Hour).Unix(), change)
}

func TestVerifyRefuses(t *testing.T) {
	at := func(d time.Duration) int64 { return noon.Add(d).Unix() }
	good := sign(plainHeader, claims(""))
	for name, raw := range map[string]string{
		"nothing":               "",
		"noise":                 "not.a.token",
		"two segments":          strings.Join(strings.Split(good, ".")[:2], "."),
		"four segments":         good + ".x",
		"a space":               good + " ",
		"base64 padding":        good + "=",
		"another last bit":      sameBytesOtherText(good),
		"too long":              sign(plainHeader, claims(`,"x":"`+strings.Repeat("a", MaxSize)+`"`)),
		"alg none":              sign(`{"alg":"none"}`, claims("")),
		"alg none, unsigned":    strings.TrimRight(sign(`{"alg":"none"}`, claims("")), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"),
		"alg HS512":             signWith(sha512.New, secret, `{"alg":"HS512"}`, claims("")),
		"alg RS256":             sign(`{"alg":"RS256"}`, claims("")),
		"alg missing":           sign(`{"typ":"JWT"}`, claims("")),
		"alg in another case":   sign(`{"alg":"hs256"}`, claims("")),
		"another key":           signWith(sha256.New, strings.ToUpper(secret), plainHeader, claims("")),
		"empty key":             signWith(sha256.New, "", plainHeader, claims("")),
		"crit":                  sign(`{"alg":"HS256","crit":["b64"],"b64":false}`, claims("")),
		"empty crit":            sign(`{"alg":"HS256","crit":[]}`, claims("")),
		"compressed":            sign(`{"alg":"HS256","zip":"DEF"}`, claims("")),
		"nested":                sign(`{"alg":"HS256","cty":"JWT"}`, claims("")),
		"another typ":           sign(`{"alg":"HS256","typ":"id+jwt"}`, claims("")),
		"typ is a number":       sign(`{"alg":"HS256","typ":1}`, claims("")),
		"no iss":                sign(plainHeader, fmt.Sprintf(`{"aud":"dowel","sub":"7","exp":%d}`, at(time.Hour))),
		"another iss":           sign(plainHeader, fmt.Sprintf(`{"iss":"x","aud":"dowel","sub":"7","exp":%d}`, at(time.Hour))),
		"no aud":                sign(plainHeader, fmt.Sprintf(`{"iss":"dowel","sub":"7","exp":%d}`, at(time.Hour))),
		"another aud":           sign(plainHeader, fmt.Sprintf(`{"iss":"dowel","aud":["x","y"],"sub":"7","exp":%d}`, at(time.Hour))),
		"no sub":                sign(plainHeader, fmt.Sprintf(`{"iss":"dowel","aud":"dowel","exp":%d}`, at(time.Hour))),
		"empty sub":             sign(plainHeader, fmt.Sprintf(`{"iss":"dowel","aud":"dowel","sub":"","exp":%d}`, at(time.Hour))),
		"sub is a number":       sign(plainHeader, fmt.Sprintf(`{"iss":"dowel","aud":"dowel","sub":7,"exp":%d}`, at(time.Hour))),
		"sub with NUL":          sign(plainHeader, fmt.Sprintf(`{"iss":"dowel","aud":"dowel","sub":"7\u0000","exp":%d}`, at(time.Hour))),
		"no exp":                sign(plainHeader, `{"iss":"dowel","aud":"dowel","sub":"7"}`),
		"exp 0":                 sign(plainHeader, `{"iss":"dowel","aud":"dowel","sub":"7","exp":0}`),
		"exp is text":           sign(plainHeader, `{"iss":"dowel","aud":"dowel","sub":"7","exp":"9999999999"}`),
		"exp beyond reason":     sign(plainHeader, `{"iss":"dowel","aud":"dowel","sub":"7","exp":1e300}`),
		"expired":               sign(plainHeader, fmt.Sprintf(`{"iss":"dowel","aud":"dowel","sub":"7","exp":%d}`, at(-time.Second))),
		"expires now":           sign(plainHeader, fmt.Sprintf(`{"iss":"dowel","aud":"dowel","sub":"7","exp":%d}`, at(0))),
		"not yet":               sign(plainHeader, claims(fmt.Sprintf(`,"nbf":%d`, at(time.Minute)))),
		"issued in the future":  sign(plainHeader, fmt.Sprintf(`{"iss":"dowel","aud":"dowel","sub":"7","iat":%d,"exp":%d}`, at(time.Minute), at(time.Hour))),
		"a claim twice":         sign(plainHeader, claims(`,"sub":"8"`)),
		"broken UTF-8":          sign(plainHeader, claims(`,"x":"`+"\xff"+`"`)),
		"claims are a list":     sign(plainHeader, `[]`),
		"something follows":     sign(plainHeader, claims("")+"{}"),
		"role is a number":      sign(plainHeader, claims(`,"role":5`)),
		"roles hold a number":   sign(plainHeader, claims(`,"roles":["a",5]`)),
		"a number out of range": sign(plainHeader, claims(`,"x":1e999`)),
	} {
		t.Run(name, func(t *testing.T) {
			s := signer(t, atNoon)
			for range 2 { // the second time must not be answered from memory
				if c, err := s.Verify(t.Context(), raw); !errors.Is(err, ErrInvalid) {
					t.Errorf("Verify = %+v, %v; want ErrInvalid", c, err)
				}
			}
		})
	}
}

// sameBytesOtherText changes the bits of the last character that decoders ignore.
func sameBytesOtherText(raw string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, raw[len(raw)-1])
	return raw[:len(raw)-1] + string(alphabet[last^1])
}

func TestVerifyAccepts(t *testing.T) {
	for name, raw := range map[string]string{
		"plain":               sign(plainHeader, claims("")),
		"no typ":              sign(`{"alg":"HS256"}`, claims("")),
		"an access token":     sign(`{"alg":"HS256","typ":"at+jwt"}`, claims("")),
		"typ spelled out":     sign(`{"alg":"HS256","typ":"application/AT+JWT"}`, claims("")),
		"keys elsewhere":      sign(`{"alg":"HS256","kid":"1","jku":"http://evil.example/"}`, claims("")),
		"one of several aud":  sign(plainHeader, strings.Replace(claims(""), `"aud":"dowel"`, `"aud":["x","dowel"]`, 1)),
		"a fraction":          sign(plainHeader, strings.Replace(claims(""), `,"exp":`, `.25,"exp":`, 1)),
		"a clock a bit ahead": sign(plainHeader, claims(fmt.Sprintf(`,"nbf":%d`, noon.Add(20*time.Second).Unix()))),
		"role is null":        sign(plainHeader, claims(`,"role":null`)),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := signer(t, atNoon).Verify(t.Context(), raw)
			if err != nil {
				t.Fatal(err)
			}
			if c.Subject != "7" {
				t.Errorf("Subject = %q", c.Subject)
			}
		})
	}
}

func TestClaims(t *testing.T) {
	raw := sign(plainHeader, claims(`,"sid":"s1","role":"agent","roles":["x","y"],"tenant":"acme",`+
		`"team":"blue","level":3,"share":0.5,"vip":true,"none":null,"tags":[ "a", {"b": 1} ]`))
	c, err := signer(t, atNoon).Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"agent", "x", "y"}, c.Roles); diff != "" {
		t.Error(diff)
	}
	if c.Session != "s1" || c.Tenant != "acme" || !c.Expires.Equal(noon.Add(time.Hour)) {
		t.Errorf("claims = %+v", c)
	}
	for name, want := range map[string]schema.Value{
		"team":   schema.NewText("blue"),
		"level":  schema.NewInt(3),
		"share":  schema.NewFloat(0.5),
		"vip":    schema.NewBool(true),
		"none":   {},
		"tags":   schema.NewJSON(`["a",{"b":1}]`),
		"tenant": schema.NewText("acme"),
		"role":   schema.NewText("agent"),
		"sub":    schema.NewText("7"),
	} {
		if got := c.Values[name]; got != want {
			t.Errorf("%s = %v (%s), want %v", name, got, got.Kind(), want)
		}
	}
	s := c.SubjectOf()
	if s.ID != "7" || s.Session != "s1" || s.Anonymous() {
		t.Errorf("subject = %+v", s)
	}
}

func TestIssueAndVerify(t *testing.T) {
	now := noon
	s := signer(t, func() time.Time { return now })
	in := Claims{
		Subject: "7", Session: "s1", Roles: []string{"agent", "auditor"}, Tenant: "acme", NotBefore: noon,
		Values: map[string]schema.Value{"team": schema.NewText("blue"), "tags": schema.NewJSON(`["a"]`), "sub": schema.NewText("spoofed")},
	}
	raw, err := s.Issue(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	if out.Subject != "7" || out.Session != "s1" || out.Tenant != "acme" || !cmp.Equal(out.Roles, in.Roles) ||
		out.Values["team"] != schema.NewText("blue") || out.Values["tags"] != schema.NewJSON(`["a"]`) {
		t.Errorf("claims = %+v", out)
	}
	now = noon.Add(time.Hour - time.Second)
	if _, err := s.Verify(t.Context(), raw); err != nil {
		t.Errorf("a second before it expires: %v", err)
	}
	now = noon.Add(time.Hour)
	if _, err := s.Verify(t.Context(), raw); !errors.Is(err, ErrInvalid) {
		t.Errorf("a remembered token lives on after it expired: %v", err)
	}
	if _, err := s.Issue(Claims{}); err == nil {
		t.Error("a token without subject was issued")
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no key":       {Issuer: "i", Audience: "a"},
		"short secret": {Secret: []byte(strings.Repeat("x", 31)), Issuer: "i", Audience: "a"},
		"a PEM file":   {Secret: []byte("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"), Issuer: "i", Audience: "a"},
		"no issuer":    {Secret: []byte(secret), Audience: "a"},
		"no audience":  {Secret: []byte(secret), Issuer: "i"},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := signer(t, atNoon)
	for i := range 3 * cached {
		s.verified.put(sha256.Sum256(fmt.Append(nil, i)), &verified{})
	}
	s.verified.c.CleanUp()
	if n := s.verified.c.EstimatedSize(); n > cached {
		t.Errorf("%d tokens remembered, want at most %d", n, cached)
	}
}

func BenchmarkVerifyWarm(b *testing.B) {
	s := signer(b, atNoon)
	raw := sign(plainHeader, claims(`,"sid":"018f","role":"agent"`))
	if _, err := s.Verify(b.Context(), raw); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Verify(b.Context(), raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyCold(b *testing.B) {
	s := signer(b, atNoon)
	raw := sign(plainHeader, claims(`,"sid":"018f","role":"agent"`))
	for b.Loop() {
		if _, err := s.verify(b.Context(), raw); err != nil {
			b.Fatal(err)
		}
	}
}
