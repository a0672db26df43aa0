package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
)

// ErrBusy means that too many passwords are being hashed; nothing was tried.
// The caller answers 503 or 429 with a Retry-After.
var ErrBusy = errors.New("too many passwords are being checked")

// ErrPasswordTooLong refuses a password beyond MaxPassword.
var ErrPasswordTooLong = fmt.Errorf("a password has at most %d bytes", MaxPassword)

// MaxPassword is the length of a password in bytes beyond which it is refused.
const MaxPassword = 1 << 10

// hashWait is how long a hash waits for its turn before ErrBusy.
const hashWait = time.Second

// Params are the costs of argon2id (RFC 9106). They are written into every
// hash, so they may change at any time; a login renews a hash with other ones.
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8
}

// DefaultParams cost about 30 ms and 19 MiB.
func DefaultParams() Params { return Params{Memory: 19 << 10, Time: 2, Threads: 1} }

const (
	saltLen = 16
	keyLen  = 32
)

// A Hasher turns passwords into argon2id hashes in PHC form, as many at once
// as there are cores. It is safe for concurrent use.
type Hasher struct {
	params Params
	rand   io.Reader
	turns  chan struct{}
	// decoy is verified in place of the hash of an unknown user, at the same cost.
	decoy  string
	onHash func() // for tests; nil otherwise
}

// NewHasher returns a Hasher. Zero params are the default ones, nil random is crypto/rand.
func NewHasher(p Params, random io.Reader) (*Hasher, error) {
	if p == (Params{}) {
		p = DefaultParams()
	}
	if random == nil {
		random = rand.Reader
	}
	h := &Hasher{params: p, rand: random, turns: make(chan struct{}, runtime.GOMAXPROCS(0))}
	salt, key := make([]byte, saltLen), make([]byte, keyLen)
	if _, err := io.ReadFull(random, salt); err != nil {
		return nil, fmt.Errorf("random salt: %w", err)
	}
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, fmt.Errorf("random key: %w", err)
	}
	// A random key: no password has it, and making it costs nothing at start-up.
	h.decoy = phc(p, salt, key)
	return h, nil
}

// Hash returns the PHC text of a password: what a password field stores.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > MaxPassword {
		return "", ErrPasswordTooLong
	}
	salt := make([]byte, saltLen)
	if _, err := io.ReadFull(h.rand, salt); err != nil {
		return "", fmt.Errorf("random salt: %w", err)
	}
	key, err := h.derive(ctx, password, salt, h.params, keyLen)
	if err != nil {
		return "", err
	}
	return phc(h.params, salt, key), nil
}

// Verify reports whether the password is the one of a stored hash, and
// whether the hash should be renewed. A stored text that is no hash of ours
// (or empty: no such user, no password) costs the same and is never right.
func (h *Hasher) Verify(ctx context.Context, stored, password string) (ok, renew bool, err error) {
	p, salt, want, parseErr := parsePHC(stored)
	usable := parseErr == nil && len(password) <= MaxPassword
	if !usable {
		p, salt, want, _ = parsePHC(h.decoy)
	}
	if len(password) > MaxPassword {
		password = password[:MaxPassword]
	}
	got, err := h.derive(ctx, password, salt, p, uint32(len(want)))
	if err != nil {
		return false, false, err
	}
	same := subtle.ConstantTimeCompare(got, want) == 1
	return same && usable, p != h.params || len(salt) != saltLen || len(want) != keyLen, nil
}

func (h *Hasher) derive(ctx context.Context, password string, salt []byte, p Params, length uint32) ([]byte, error) {
	wait, cancel := context.WithTimeout(ctx, hashWait)
	defer cancel()
	select {
	case h.turns <- struct{}{}:
	case <-wait.Done():
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, ErrBusy
	}
	defer func() { <-h.turns }()
	if h.onHash != nil {
		h.onHash()
	}
	return argon2.IDKey([]byte(password), salt, p.Time, p.Memory, p.Threads, length), nil
}

// IsHash reports whether a text is a hash as Hash makes them: what import
// files may hold in place of a password.
func IsHash(text string) bool {
	_, _, _, err := parsePHC(text)
	return err == nil
}

func phc(p Params, salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.Memory, p.Time, p.Threads,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

var errPHC = errors.New("not an argon2id hash")

// parsePHC reads $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH. Costs beyond any
// sensible setting are refused, so that a planted hash cannot stop the service.
func parsePHC(s string) (p Params, salt, key []byte, err error) {
	part := strings.Split(s, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return p, nil, nil, errPHC
	}
	cost := strings.Split(part[3], ",")
	if len(cost) != 3 {
		return p, nil, nil, errPHC
	}
	m, okM := number(cost[0], "m=", 8, 1<<20)
	t, okT := number(cost[1], "t=", 1, 64)
	lanes, okP := number(cost[2], "p=", 1, 64)
	b64 := base64.RawStdEncoding.Strict()
	salt, errSalt := b64.DecodeString(part[4])
	key, errKey := b64.DecodeString(part[5])
	if !okM || !okT || !okP || errSalt != nil || errKey != nil || len(salt) < 8 || len(salt) > 64 || len(key) < 16 || len(key) > 64 {
		return p, nil, nil, errPHC
	}
	return Params{Memory: uint32(m), Time: uint32(t), Threads: uint8(lanes)}, salt, key, nil
}

func number(text, prefix string, min, max uint64) (uint64, bool) {
	digits, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return n, err == nil && n >= min && n <= max
}
