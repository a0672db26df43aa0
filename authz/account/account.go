// Package account logs users in and tells who a token speaks of.
//
// Users are the rows of the class with `auth:`; sessions are rows of the
// internal class dowel_session, kept in the same store. An access token of our
// own names its session, and both session and user are looked at on every
// request: a logout, a changed role or a disabled user counts at once, on
// every node. What was read is remembered until one of the two classes
// changes, so that a warm check costs two counters.
//
// API keys and the tokens that set a forgotten password are rows of internal
// classes, too, and looked at in the same way.
//
// A refresh token is random; the store has its hash only. Using it replaces
// it. Using it a second time means that two parties hold it, so the whole
// session ends.
package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

// SessionClass is the name of the internal class of sessions.
const SessionClass = "dowel_session"

// Refusals. Anything else that a method returns comes from the store.
var (
	// ErrCredentials is a wrong password, an unknown or disabled user, a bad
	// refresh token: clients are not told which.
	ErrCredentials = errors.New("invalid credentials")
	// ErrNoUser is an id or a login name that no user has.
	ErrNoUser = errors.New("no such user")
	// ErrNoLogin is a schema without a class with `auth:`.
	ErrNoLogin = errors.New("no class has `auth:`, so there is no login")
)

// Config is what accounts need. Store and Schema are required; without Signer nobody can log in.
type Config struct {
	Store  storage.Store
	Schema *schema.Schema
	Signer *token.Signer
	Hasher *Hasher // a default one when nil
	Clock  expr.Clock
	Rand   io.Reader // crypto/rand when nil
	// Refresh is how long a refresh token lives; 30 days by default.
	Refresh time.Duration
}

// Tokens are the answer to a login.
type Tokens struct {
	Access    string
	Refresh   string
	ExpiresIn time.Duration // of the access token
	UserID    string
	Session   string
}

// Accounts serves one schema. It is safe for concurrent use; a changed schema
// takes a new one.
type Accounts struct {
	cfg      Config
	users    *users          // nil without a login class
	sessions *sessions       // the same
	watched  []*schema.Class // users and sessions: while their counters stand still, known is right
	known    *otter.Cache[who, *state]
	keys     *apiKeys // nil without a login class
	keyed    *otter.Cache[[sha256.Size]byte, *keyed]
	resets   *resets // nil without a login class
}

// New prepares accounts. A schema without a login class is fine: only tokens
// from elsewhere are known then.
func New(cfg Config) (*Accounts, error) {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Refresh <= 0 {
		cfg.Refresh = 30 * 24 * time.Hour
	}
	if cfg.Hasher == nil {
		h, err := NewHasher(Params{}, cfg.Rand)
		if err != nil {
			return nil, err
		}
		cfg.Hasher = h
	}
	a := &Accounts{cfg: cfg, known: otter.Must(&otter.Options[who, *state]{MaximumSize: remembered})}
	login := cfg.Schema.Login
	if login == nil {
		return a, nil
	}
	var err error
	a.users = newUsers(login)
	if a.sessions, err = newSessions(cfg.Schema.Class(SessionClass)); err != nil {
		return nil, err
	}
	if a.keys, err = newKeys(login, cfg.Schema.Class(KeyClass)); err != nil {
		return nil, err
	}
	a.keyed = otter.Must(&otter.Options[[sha256.Size]byte, *keyed]{MaximumSize: remembered})
	if a.resets, err = newResets(cfg.Schema.Class(ResetClass)); err != nil {
		return nil, err
	}
	a.watched = []*schema.Class{login, a.sessions.class}
	return a, nil
}

// HashPassword returns what a password field stores for a password.
func (a *Accounts) HashPassword(ctx context.Context, password string) (string, error) {
	return a.cfg.Hasher.Hash(ctx, password)
}

// Login opens a session. Unknown users, wrong passwords and disabled users get
// the same answer, ErrCredentials, after the same work.
func (a *Accounts) Login(ctx context.Context, login, password string) (*Tokens, error) {
	if a.users == nil {
		return nil, ErrNoLogin
	}
	if !a.Signs() {
		return nil, token.ErrNoKey
	}
	user, secret, err := a.check(ctx, login, password)
	if err != nil {
		return nil, err
	}
	return a.open(ctx, user, secret)
}

// Signs reports whether tokens can be issued, so that somebody can log in.
func (a *Accounts) Signs() bool { return a.cfg.Signer != nil && a.cfg.Signer.Signs() }

// PublicKeys is the key set that others check our tokens with, nil where there is none.
func (a *Accounts) PublicKeys() []byte {
	if a.cfg.Signer == nil {
		return nil
	}
	return a.cfg.Signer.PublicKeys()
}

// Basic tells who a login name and a password belong to, without a session.
func (a *Accounts) Basic(ctx context.Context, login, password string) (*authz.Subject, error) {
	user, _, err := a.check(ctx, login, password)
	if err != nil {
		return nil, err
	}
	return a.users.subject(user), nil
}

// check finds the user of a login name and checks the password. The returned
// text is the hash that the row should hold from now on, "" for the one it has.
func (a *Accounts) check(ctx context.Context, login, password string) (user *storage.Row, renewed string, err error) {
	if a.users == nil {
		return nil, "", ErrNoLogin
	}
	user, err = a.users.find(ctx, a.cfg.Store, login)
	if err != nil {
		return nil, "", fmt.Errorf("find user: %w", err)
	}
	stored := ""
	if user != nil {
		stored = user.Values[a.users.auth.Secret.Index].Text()
	}
	ok, renew, err := a.cfg.Hasher.Verify(ctx, stored, password)
	if err != nil {
		return nil, "", err
	}
	if !ok || user == nil || !a.users.enabled(user) {
		return nil, "", ErrCredentials
	}
	if renew {
		renewed, err = a.cfg.Hasher.Hash(ctx, password)
	}
	return user, renewed, err
}

// Find returns the id of a user by login name or, failing that, by id.
func (a *Accounts) Find(ctx context.Context, loginOrID string) (id string, err error) {
	if a.users == nil {
		return "", ErrNoLogin
	}
	row, err := a.users.find(ctx, a.cfg.Store, loginOrID)
	if err != nil {
		return "", err
	}
	if row == nil {
		if row, err = a.users.byID(ctx, a.cfg.Store, loginOrID); err != nil {
			return "", err
		}
	}
	if row == nil {
		return "", fmt.Errorf("%q: %w", loginOrID, ErrNoUser)
	}
	return a.users.id(row), nil
}

// HasUsers reports whether there is any user yet.
func (a *Accounts) HasUsers(ctx context.Context) (bool, error) {
	if a.users == nil {
		return false, nil
	}
	page, err := a.cfg.Store.Read(ctx, &storage.Query{Class: a.users.class, Limit: 1})
	if err != nil {
		return false, err
	}
	return len(page.Rows) > 0, nil
}
