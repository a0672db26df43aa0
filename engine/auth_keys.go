package engine

import "net/http"

// keysPath is where others find the keys that check our tokens.
const keysPath = "/.well-known/jwks.json"

// Header fields of the key set. Whoever keeps it looks again in time for a rotation.
var (
	typeKeys  = []string{"application/jwk-set+json"}
	keysCache = []string{"public, max-age=300"}
)

// publicKeys answers with the keys of our own tokens. There are none where a secret signs.
func (x *exchange) publicKeys(path string) bool {
	if path != keysPath {
		return false
	}
	keys := x.rev.Accounts().PublicKeys()
	if keys == nil {
		return false
	}
	if x.r.Method == http.MethodOptions {
		x.offer(http.MethodGet)
		return true
	}
	if err := x.only(http.MethodGet); err != nil {
		x.fail(err)
		return true
	}
	h := x.w.Header()
	h["Cache-Control"] = keysCache
	h["Content-Type"] = typeKeys
	if x.vary != nil {
		h["Vary"] = x.vary
	}
	x.send(http.StatusOK, keys)
	return true
}
