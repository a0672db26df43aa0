package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// A Key verifies tokens, and signs them where its secret part is known. The
// algorithms are part of the key: what a token says about them only ever selects among these.
type Key struct {
	// ID is what tokens call the key (`kid`); "" where they cannot.
	ID string
	// Algs are the algorithms the key is good for; the first signs.
	Algs []string
	// named keys are for tokens that call them by ID, or name no key at all.
	named   bool
	public  any // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	private any // nil: verifies only
}

// Signs reports whether the key can sign.
func (k *Key) Signs() bool { return k.private != nil }

// The sizes of RSA keys that are accepted, in bits: less is weak, more is slow to verify.
const (
	minRSA = 2048
	maxRSA = 16384
)

var rsaAlgs = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}

// minSecrets are the algorithms of secrets with the length a secret must have:
// as many bytes as the hash has (RFC 7518 §3.2).
var minSecrets = map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}

// IsAlg reports whether there is an algorithm of the name.
func IsAlg(name string) bool {
	_, secret := minSecrets[name]
	return secret || slices.Contains(methods, name)
}

// methods are the algorithms of signatures, HMAC included. "none" never is one.
var methods = append([]string{"HS256", "HS384", "HS512", "ES256", "ES384", "ES512", "EdDSA"}, rsaAlgs...)

// Secret makes a key of a secret text. alg is HS256, HS384 or HS512; "" is HS256.
func Secret(text []byte, alg string) (*Key, error) {
	if alg == "" {
		alg = "HS256"
	}
	least, known := minSecrets[alg]
	switch {
	case !known:
		return nil, fmt.Errorf("a secret signs with HS256, HS384 or HS512, not %s", alg)
	case len(text) < least:
		return nil, fmt.Errorf("the secret has %d bytes; %s needs at least %d (for example from `openssl rand -base64 %d`)", len(text), alg, least, least*3/2)
	case looksLikePEM(text):
		return nil, errors.New("the secret holds a PEM file; it must be a text of its own, a file of keys belongs in auth.keys")
	}
	own := slices.Clone(text)
	return &Key{Algs: []string{alg}, public: own, private: own}, nil
}

// Parse reads a key file: PEM (private keys, public keys, certificates), or a
// JSON Web Key Set, of which the public keys are taken. alg, unless "", is
// the one algorithm that its keys are good for.
func Parse(content []byte, alg string) ([]*Key, error) {
	var keys []*Key
	var err error
	if looksLikeJSON(content) {
		keys, err = parseSet(content)
	} else {
		keys, err = parsePEM(content)
	}
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errors.New("holds no key to use")
	}
	if alg == "" {
		return keys, nil
	}
	for _, k := range keys {
		if !slices.Contains(k.Algs, alg) {
			return nil, fmt.Errorf("%s is nothing for this key, which is good for %s", alg, strings.Join(k.Algs, ", "))
		}
		k.Algs = []string{alg}
	}
	return keys, nil
}

// parsePEM reads every key of a PEM file.
func parsePEM(content []byte) ([]*Key, error) {
	var keys []*Key
	for n := 1; ; n++ {
		block, rest := pem.Decode(content)
		if block == nil {
			if n == 1 || len(strings.TrimSpace(string(content))) > 0 {
				return nil, errors.New("is not a PEM file or a JSON Web Key Set")
			}
			return keys, nil
		}
		content = rest
		found, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("block %d (%s): %w", n, block.Type, err)
		}
		if found != nil {
			keys = append(keys, found)
		}
	}
}

func parseBlock(b *pem.Block) (*Key, error) {
	if b.Headers["DEK-Info"] != "" {
		return nil, errors.New("keys with a passphrase are not read; keep the file where only the server can")
	}
	var parsed any
	var err error
	switch b.Type {
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case "EC PRIVATE KEY":
		parsed, err = x509.ParseECPrivateKey(b.Bytes)
	case "PUBLIC KEY":
		parsed, err = x509.ParsePKIXPublicKey(b.Bytes)
	case "RSA PUBLIC KEY":
		parsed, err = x509.ParsePKCS1PublicKey(b.Bytes)
	case "CERTIFICATE":
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(b.Bytes); err == nil {
			parsed = c.PublicKey
		}
	case "EC PARAMETERS":
		return nil, nil // stands before the key in files of `openssl ecparam`
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("keys with a passphrase are not read; keep the file where only the server can")
	default:
		return nil, errors.New("is neither a key nor a certificate")
	}
	if err != nil {
		return nil, err
	}
	return keyOf(parsed)
}

// keyOf makes a key of what crypto knows.
func keyOf(parsed any) (*Key, error) {
	k := &Key{}
	if private, ok := parsed.(interface{ Public() crypto.PublicKey }); ok {
		k.private, parsed = parsed, private.Public()
	}
	switch p := parsed.(type) {
	case *rsa.PublicKey:
		if n := p.N.BitLen(); n < minRSA || n > maxRSA {
			return nil, fmt.Errorf("an RSA key has %d to %d bits, this one has %d", minRSA, maxRSA, n)
		}
		if p.E < 3 || p.E&1 == 0 {
			return nil, fmt.Errorf("the exponent %d is not one of RSA", p.E)
		}
		k.Algs = slices.Clone(rsaAlgs)
	case *ecdsa.PublicKey:
		alg, ok := curveAlg(p.Curve)
		if !ok {
			return nil, fmt.Errorf("the curve is none of P-256, P-384 and P-521")
		}
		k.Algs = []string{alg}
	case ed25519.PublicKey:
		k.Algs = []string{"EdDSA"}
	default:
		return nil, fmt.Errorf("a key of this kind (%T) does not sign tokens", parsed)
	}
	k.public = parsed
	k.ID = thumbprint(parsed)
	return k, nil
}

func curveAlg(c elliptic.Curve) (string, bool) {
	switch c {
	case elliptic.P256():
		return "ES256", true
	case elliptic.P384():
		return "ES384", true
	case elliptic.P521():
		return "ES512", true
	}
	return "", false
}

// ring is the keys of a moment. It never changes.
type ring struct {
	keys    []*Key
	signing *Key // nil: no key signs
}

func newRing(keys []*Key) *ring {
	r := &ring{keys: slices.Clone(keys)}
	for _, k := range keys {
		if k.Signs() {
			r.signing = k
			break
		}
	}
	return r
}

// candidates are the keys that a token with this header may be signed by: the
// one it names, else those that tokens cannot name.
func candidates(keys []*Key, kid, alg string) []*Key {
	var named, others []*Key
	for _, k := range keys {
		switch {
		case !slices.Contains(k.Algs, alg):
		case kid != "" && k.ID == kid:
			named = append(named, k)
		case kid == "" || !k.named:
			others = append(others, k)
		}
	}
	if named != nil {
		return named
	}
	return others
}

// method is how a key signs.
func (k *Key) method() jwt.SigningMethod { return jwt.GetSigningMethod(k.Algs[0]) }
