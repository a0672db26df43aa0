package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"

	"github.com/go-json-experiment/json"
)

// jwk is a member of a JSON Web Key Set (RFC 7517, RFC 7518 §6, RFC 8037).
type jwk struct {
	Kty    string   `json:"kty"`
	Kid    string   `json:"kid,omitempty"`
	Use    string   `json:"use,omitempty"`
	KeyOps []string `json:"key_ops,omitempty"`
	Alg    string   `json:"alg,omitempty"`
	Crv    string   `json:"crv,omitempty"`
	N      string   `json:"n,omitempty"`
	E      string   `json:"e,omitempty"`
	X      string   `json:"x,omitempty"`
	Y      string   `json:"y,omitempty"`
}

// maxKeys bounds the keys of one set.
const maxKeys = 100

// parseSet reads a JSON Web Key Set. Keys that are not for checking
// signatures, of an unknown kind or too weak are left out, as RFC 7517 §5 asks; two
// keys of one name refuse the whole set, since nobody could tell which is meant.
func parseSet(content []byte) ([]*Key, error) {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(content, &set); err != nil {
		return nil, fmt.Errorf("is not a JSON Web Key Set: %w", err)
	}
	if set.Keys == nil {
		return nil, fmt.Errorf("is not a JSON Web Key Set: it has no member `keys`")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("holds %d keys; at most %d are taken", len(set.Keys), maxKeys)
	}
	names := make(map[string]bool, len(set.Keys))
	var keys []*Key
	for i := range set.Keys {
		j := &set.Keys[i]
		if j.Kid != "" && names[j.Kid] {
			return nil, fmt.Errorf("holds two keys called %q", j.Kid)
		}
		names[j.Kid] = true
		if k := j.key(); k != nil {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// key is the key that verifies, nil for one that does not, or not safely.
func (j *jwk) key() *Key {
	if j.Use != "" && j.Use != "sig" || j.KeyOps != nil && !slices.Contains(j.KeyOps, "verify") {
		return nil
	}
	public := j.public()
	if public == nil {
		return nil
	}
	k, err := keyOf(public)
	if err != nil {
		return nil
	}
	if j.Alg != "" {
		if !slices.Contains(k.Algs, j.Alg) {
			return nil
		}
		k.Algs = []string{j.Alg}
	}
	k.ID, k.named = j.Kid, j.Kid != ""
	return k
}

func (j *jwk) public() any {
	switch j.Kty {
	case "RSA":
		n, e := number(j.N), number(j.E)
		if n == nil || e == nil || !e.IsInt64() || e.Int64() > 1<<31-1 {
			return nil
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}
	case "EC":
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[j.Crv]
		if curve == nil {
			return nil
		}
		size := (curve.Params().BitSize + 7) / 8
		x, y := octets(j.X), octets(j.Y)
		if len(x) != size || len(y) != size {
			return nil
		}
		key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
		if err != nil {
			return nil // not a point of the curve
		}
		return key
	case "OKP":
		if x := octets(j.X); j.Crv == "Ed25519" && len(x) == ed25519.PublicKeySize {
			return ed25519.PublicKey(x)
		}
	}
	return nil
}

var base64url = base64.RawURLEncoding.Strict()

func octets(s string) []byte {
	b, err := base64url.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

func number(s string) *big.Int {
	b := octets(s)
	if len(b) == 0 || len(b) > maxRSA/8+1 {
		return nil
	}
	return new(big.Int).SetBytes(b)
}

// jwkOf describes a public key.
func jwkOf(public any) jwk {
	enc := base64url.EncodeToString
	switch p := public.(type) {
	case *rsa.PublicKey:
		return jwk{Kty: "RSA", N: enc(p.N.Bytes()), E: enc(big.NewInt(int64(p.E)).Bytes())}
	case *ecdsa.PublicKey:
		b, err := p.Bytes()
		if err != nil {
			return jwk{}
		}
		half := (len(b) - 1) / 2
		return jwk{Kty: "EC", Crv: p.Curve.Params().Name, X: enc(b[1 : 1+half]), Y: enc(b[1+half:])}
	case ed25519.PublicKey:
		return jwk{Kty: "OKP", Crv: "Ed25519", X: enc(p)}
	}
	return jwk{}
}

// thumbprint names a public key by what it is (RFC 7638).
func thumbprint(public any) string {
	j := jwkOf(public)
	var canonical string
	switch j.Kty {
	case "RSA":
		canonical = `{"e":"` + j.E + `","kty":"RSA","n":"` + j.N + `"}`
	case "EC":
		canonical = `{"crv":"` + j.Crv + `","kty":"EC","x":"` + j.X + `","y":"` + j.Y + `"}`
	default:
		canonical = `{"crv":"` + j.Crv + `","kty":"OKP","x":"` + j.X + `"}`
	}
	sum := sha256.Sum256([]byte(canonical))
	return base64url.EncodeToString(sum[:])
}

// PublicKeys is the JSON Web Key Set with which others check the tokens of our
// own, those of keys that have signed earlier included. It is nil when a
// secret signs, which nobody else may know.
func (s *Signer) PublicKeys() []byte {
	var list []jwk
	for _, k := range s.ring.Load().keys {
		if _, secret := k.public.([]byte); secret || !k.Signs() {
			continue
		}
		j := jwkOf(k.public)
		j.Kid, j.Use, j.Alg = k.ID, "sig", k.Algs[0]
		list = append(list, j)
	}
	if list == nil {
		return nil
	}
	b, err := json.Marshal(struct {
		Keys []jwk `json:"keys"`
	}{list})
	if err != nil {
		panic(err) // texts always encode
	}
	return b
}

func looksLikeJSON(b []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) }
