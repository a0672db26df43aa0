package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

// Keys are made once: those of RSA take long.
var pairs = sync.OnceValue(func() map[string]crypto.Signer {
	must := func(k crypto.Signer, err error) crypto.Signer {
		if err != nil {
			panic(err)
		}
		return k
	}
	rsaKey := func(bits int) crypto.Signer { k, err := rsa.GenerateKey(rand.Reader, bits); return must(k, err) }
	curve := func(c elliptic.Curve) crypto.Signer { k, err := ecdsa.GenerateKey(c, rand.Reader); return must(k, err) }
	ed := func() crypto.Signer { _, k, err := ed25519.GenerateKey(rand.Reader); return must(k, err) }
	return map[string]crypto.Signer{
		"rsa": rsaKey(2048), "weak": rsaKey(1024), "p256": curve(elliptic.P256()), "p384": curve(elliptic.P384()),
		"p521": curve(elliptic.P521()), "p224": curve(elliptic.P224()), "ed": ed(), "other": curve(elliptic.P256()), "other ed": ed(),
	}
})

func privatePEM(t testing.TB, name string) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(pairs()[name])
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func publicPEM(t testing.TB, name string) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(pairs()[name].Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func parsed(t testing.TB, content []byte) []*Key {
	t.Helper()
	keys, err := Parse(content, "")
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func withKeys(t testing.TB, keys ...*Key) *Signer {
	t.Helper()
	s, err := New(Config{Keys: keys, Issuer: "dowel", Audience: "dowel", Clock: atNoon})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// signAs makes a token with an algorithm and a key, whatever the two are to each other.
func signAs(t testing.TB, alg string, key any, kid, text string) string {
	t.Helper()
	header := `{"alg":"` + alg + `"`
	if kid != "" {
		header += `,"kid":"` + kid + `"`
	}
	payload := base64url.EncodeToString([]byte(header+"}")) + "." + base64url.EncodeToString([]byte(text))
	sig, err := jwt.GetSigningMethod(alg).Sign(payload, key)
	if err != nil {
		t.Fatal(err)
	}
	return payload + "." + base64url.EncodeToString(sig)
}

func TestEveryAlgorithm(t *testing.T) {
	for alg, name := range map[string]string{
		"RS256": "rsa", "RS384": "rsa", "RS512": "rsa", "PS256": "rsa", "PS384": "rsa", "PS512": "rsa",
		"ES256": "p256", "ES384": "p384", "ES512": "p521", "EdDSA": "ed",
	} {
		t.Run(alg, func(t *testing.T) {
			verifier := withKeys(t, parsed(t, publicPEM(t, name))...)
			c, err := verifier.Verify(t.Context(), signAs(t, alg, pairs()[name], "", claims("")))
			if err != nil || c.Subject != "7" || !c.Foreign {
				t.Errorf("by hand: %+v, %v", c, err)
			}
			own, err := Parse(privatePEM(t, name), alg)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := withKeys(t, own...).Issue(Claims{Subject: "7", Session: "s"})
			if err != nil {
				t.Fatal(err)
			}
			if c, err := withKeys(t, own...).Verify(t.Context(), raw); err != nil || c.Foreign || c.Session != "s" {
				t.Errorf("our own: %+v, %v", c, err)
			}
			if !strings.Contains(header(t, raw), `"alg":"`+alg+`"`) || !strings.Contains(header(t, raw), `"kid":"`+own[0].ID+`"`) {
				t.Errorf("header %s", header(t, raw))
			}
			if verifier.Signs() {
				t.Error("a public key signs")
			}
			if _, err := verifier.Issue(Claims{Subject: "7"}); !errors.Is(err, ErrNoKey) {
				t.Errorf("Issue: %v", err)
			}
		})
	}
	for alg, least := range minSecrets {
		k, err := Secret([]byte(strings.Repeat("s", least)), alg)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := withKeys(t, k).Issue(Claims{Subject: "7"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := withKeys(t, k).Verify(t.Context(), raw); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

func header(t testing.TB, raw string) string {
	t.Helper()
	first, _, _ := strings.Cut(raw, ".")
	return string(octets(first))
}

// Tokens that a key of one kind could be made to accept as another.
func TestAlgorithmsArePinned(t *testing.T) {
	rsaPublic := publicPEM(t, "rsa")
	der, _ := pem.Decode(rsaPublic)
	for name, row := range map[string]struct {
		keys []*Key
		raw  string
	}{
		"HS256 with the PEM as secret":   {parsed(t, rsaPublic), signAs(t, "HS256", rsaPublic, "", claims(""))},
		"HS256 with the DER as secret":   {parsed(t, rsaPublic), signAs(t, "HS256", der.Bytes, "", claims(""))},
		"HS256 with the point as secret": {parsed(t, publicPEM(t, "ed")), signAs(t, "HS256", []byte(pairs()["ed"].Public().(ed25519.PublicKey)), "", claims(""))},
		"HS512 with the secret":          {[]*Key{secretKey(t)}, signAs(t, "HS512", []byte(secret), "", claims(""))},
		"RS512 with a key for RS256":     {pinned(t, rsaPublic, "RS256"), signAs(t, "RS512", pairs()["rsa"], "", claims(""))},
		"PS256 with a key for RS256":     {pinned(t, rsaPublic, "RS256"), signAs(t, "PS256", pairs()["rsa"], "", claims(""))},
		"RS256 with a secret":            {[]*Key{secretKey(t)}, signAs(t, "RS256", pairs()["rsa"], "", claims(""))},
		"ES256 of another key":           {parsed(t, publicPEM(t, "p256")), signAs(t, "ES256", pairs()["other"], "", claims(""))},
		"EdDSA of another key":           {parsed(t, publicPEM(t, "ed")), signAs(t, "EdDSA", pairs()["other ed"], "", claims(""))},
		"none":                           {parsed(t, rsaPublic), signAs(t, "none", jwt.UnsafeAllowNoneSignatureType, "", claims(""))},
		"none in another case":           {parsed(t, rsaPublic), sign(`{"alg":"NONE"}`, claims(""))},
		"a kid that is a number":         {[]*Key{secretKey(t)}, sign(`{"alg":"HS256","kid":1}`, claims(""))},
		"a kid that is a path":           {parsed(t, rsaPublic), sign(`{"alg":"HS256","kid":"../../dev/null"}`, claims(""))},
		"a key that it brings":           {parsed(t, publicPEM(t, "p256")), bringsItsKey(t)},
	} {
		t.Run(name, func(t *testing.T) {
			if c, err := withKeys(t, row.keys...).Verify(t.Context(), row.raw); !errors.Is(err, ErrInvalid) {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
}

// Whatever is wrong with the claims is wrong whoever signed them.
func TestClaimsAreCheckedForEveryKey(t *testing.T) {
	for name, text := range map[string]string{
		"expired":     strings.Replace(claims(""), `"exp":`, `"exp":1,"old":`, 1),
		"no exp":      strings.Replace(claims(""), `"exp":`, `"old":`, 1),
		"another iss": strings.Replace(claims(""), `"iss":"dowel"`, `"iss":"evil"`, 1),
		"another aud": strings.Replace(claims(""), `"aud":"dowel"`, `"aud":"evil"`, 1),
		"no sub":      strings.Replace(claims(""), `"sub":"7"`, `"sub":""`, 1),
	} {
		for alg, key := range map[string]string{"RS256": "rsa", "ES256": "p256", "EdDSA": "ed"} {
			s := withKeys(t, parsed(t, publicPEM(t, key))...)
			if _, err := s.Verify(t.Context(), signAs(t, alg, pairs()[key], "", text)); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s, %s: %v", alg, name, err)
			}
		}
	}
}

func secretKey(t testing.TB) *Key {
	t.Helper()
	k, err := Secret([]byte(secret), "")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func pinned(t testing.TB, content []byte, alg string) []*Key {
	t.Helper()
	keys, err := Parse(content, alg)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func bringsItsKey(t testing.TB) string {
	t.Helper()
	j, err := json.Marshal(jwkOf(pairs()["other"].Public()))
	if err != nil {
		t.Fatal(err)
	}
	payload := base64url.EncodeToString([]byte(`{"alg":"ES256","jwk":`+string(j)+`}`)) + "." + base64url.EncodeToString([]byte(claims("")))
	sig, err := jwt.SigningMethodES256.Sign(payload, pairs()["other"])
	if err != nil {
		t.Fatal(err)
	}
	return payload + "." + base64url.EncodeToString(sig)
}

// The new key signs, the old one is good until it is gone; then also for tokens that were seen before.
func TestRotation(t *testing.T) {
	older, newer := parsed(t, privatePEM(t, "p256"))[0], parsed(t, privatePEM(t, "ed"))[0]
	s := withKeys(t, older)
	first, err := s.Issue(Claims{Subject: "7"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Use(newer, older, secretKey(t)); err != nil {
		t.Fatal(err)
	}
	second, err := s.Issue(Claims{Subject: "7"})
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{first, second, sign(plainHeader, claims(""))} {
		if _, err := s.Verify(t.Context(), raw); err != nil {
			t.Errorf("while both are good: %v", err)
		}
	}
	if !strings.Contains(header(t, second), `"alg":"EdDSA"`) {
		t.Errorf("the new key did not sign: %s", header(t, second))
	}
	if got := publicNames(t, s); !slices.Equal(got, []string{newer.ID, older.ID}) {
		t.Errorf("published %v", got)
	}
	if err := s.Use(newer); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(t.Context(), first); !errors.Is(err, ErrInvalid) {
		t.Errorf("of a key that is gone: %v", err)
	}
	if _, err := s.Verify(t.Context(), second); err != nil {
		t.Error(err)
	}
	if err := s.Use(); err == nil {
		t.Error("no key at all was taken")
	}
}

func publicNames(t testing.TB, s *Signer) (names []string) {
	t.Helper()
	keys, err := parseSet(s.PublicKeys())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if k.Signs() {
			t.Error("a private key was published")
		}
		names = append(names, k.ID)
	}
	return names
}

// What is published verifies what was issued, and a secret never is.
func TestPublicKeys(t *testing.T) {
	if got := withKeys(t, secretKey(t)).PublicKeys(); got != nil {
		t.Errorf("a secret is published: %s", got)
	}
	if got := withKeys(t, parsed(t, publicPEM(t, "rsa"))...).PublicKeys(); got != nil {
		t.Errorf("the key of somebody else is published: %s", got)
	}
	for _, name := range []string{"rsa", "p256", "p384", "p521", "ed"} {
		s := withKeys(t, append(parsed(t, privatePEM(t, name)), secretKey(t))...)
		raw, err := s.Issue(Claims{Subject: "7"})
		if err != nil {
			t.Fatal(err)
		}
		set := s.PublicKeys()
		if strings.Contains(string(set), `"d"`) || strings.Contains(string(set), `"oct"`) {
			t.Fatalf("secrets in %s", set)
		}
		if _, err := withKeys(t, parsed(t, set)...).Verify(t.Context(), raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The example of RFC 7638 §3.1.
func TestThumbprint(t *testing.T) {
	const example = `{"keys":[{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}]}`
	k := parsed(t, []byte(example))[0]
	if got := thumbprint(k.public); got != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Error(got)
	}
	if k.ID != "2011-04-29" || !cmp.Equal(k.Algs, []string{"RS256"}) {
		t.Errorf("%+v", k)
	}
}

func TestParseRefuses(t *testing.T) {
	private := privatePEM(t, "p256")
	weak, err := x509.MarshalPKIXPublicKey(pairs()["weak"].Public())
	if err != nil {
		t.Fatal(err)
	}
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}})
	for name, row := range map[string]struct {
		content   []byte
		alg, want string
	}{
		"nothing":                 {nil, "", "is not a PEM file"},
		"a secret":                {[]byte(secret), "", "is not a PEM file"},
		"something follows":       {append(slices.Clone(private), "x"...), "", "is not a PEM file"},
		"a weak RSA key":          {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: weak}), "", "this one has 1024"},
		"another curve":           {publicPEM(t, "p224"), "", "P-256"},
		"a passphrase":            {encrypted, "", "passphrase"},
		"a request":               {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte{1}}), "", "neither a key"},
		"broken DER":              {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}}), "", "asn1"},
		"an algorithm it has not": {private, "RS256", "good for ES256"},
		"no set":                  {[]byte(`{}`), "", "no member `keys`"},
		"an empty set":            {[]byte(`{"keys":[]}`), "", "no key"},
		"a doubled kid":           {[]byte(`{"keys":[{"kty":"oct","kid":"a"},{"kty":"oct","kid":"a"}]}`), "", "two keys"},
		"a doubled member":        {[]byte(`{"keys":[],"keys":[]}`), "", "not a JSON Web Key Set"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(row.content, row.alg); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
	if keys := parsed(t, append(slices.Clone(private), publicPEM(t, "ed")...)); len(keys) != 2 || !keys[0].Signs() || keys[1].Signs() {
		t.Errorf("two keys of one file: %+v", keys)
	}
}

// Members of a set that cannot be used do not spoil the others.
func TestSetsLeaveOut(t *testing.T) {
	good, err := json.Marshal(jwkOf(pairs()["p256"].Public()))
	if err != nil {
		t.Fatal(err)
	}
	with := func(members string) string { return strings.TrimSuffix(string(good), "}") + "," + members + "}" }
	off := strings.Replace(string(good), `"x":"`, `"x":"AA`, 1)
	for name, one := range map[string]string{
		"for encryption":         with(`"use":"enc"`),
		"not for verifying":      with(`"key_ops":["sign"]`),
		"another algorithm":      with(`"alg":"ES384"`),
		"HMAC for a public key":  with(`"alg":"HS256"`),
		"a secret":               `{"kty":"oct","k":"` + secret + `"}`,
		"an unknown kind":        `{"kty":"XYZ"}`,
		"an unknown curve":       `{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`,
		"off the curve":          off,
		"a small exponent":       `{"kty":"RSA","n":"` + strings.Repeat("x", 344) + `","e":"AQ"}`,
		"a short modulus":        `{"kty":"RSA","n":"xxxx","e":"AQAB"}`,
		"a modulus without end":  `{"kty":"RSA","n":"` + strings.Repeat("x", 4096) + `","e":"AQAB"}`,
		"a short key of Ed25519": `{"kty":"OKP","crv":"Ed25519","x":"AA"}`,
		"for key agreement":      `{"kty":"OKP","crv":"X25519","x":"` + strings.Repeat("A", 43) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := parseSet([]byte(`{"keys":[` + one + `,` + with(`"kid":"good"`) + `],"more":1}`))
			if err != nil {
				t.Fatal(err)
			}
			if len(keys) != 1 || keys[0].ID != "good" {
				t.Errorf("%d keys", len(keys))
			}
		})
	}
}

func TestSecretsAreLongEnough(t *testing.T) {
	for alg, least := range minSecrets {
		if _, err := Secret([]byte(strings.Repeat("s", least-1)), alg); err == nil {
			t.Errorf("%s took %d bytes", alg, least-1)
		}
	}
	if _, err := Secret([]byte(secret), "RS256"); err == nil {
		t.Error("a secret for RS256")
	}
}

// A garbled token costs less than a millisecond, however it is made.
func TestHostileTokensAreCheap(t *testing.T) {
	s := withKeys(t, parsed(t, publicPEM(t, "rsa"))...)
	for name, raw := range map[string]string{
		"dots":   strings.Repeat(".", 1<<20),
		"header": base64url.EncodeToString([]byte(`{"alg":"RS256","kid":"`+strings.Repeat("x", 5000)+`"}`)) + ".e30.AAAA",
		"nested": base64url.EncodeToString([]byte(`{"alg":"RS256"}`)) + "." + base64url.EncodeToString([]byte(strings.Repeat("[", 5000))) + ".AAAA",
	} {
		sum := sha256.Sum256([]byte(raw))
		began := time.Now()
		for range 10 {
			if _, err := s.Verify(t.Context(), raw); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if took := time.Since(began) / 10; took > 50*time.Millisecond {
			t.Errorf("%s: %s", name, took)
		}
		if _, kept := s.verified.get(sum); kept {
			t.Errorf("%s is remembered", name)
		}
	}
}
