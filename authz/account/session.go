package account

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// sessions are rows of the internal class. A session is the row whose id is
// its family: it holds the hash of the refresh token that is good now, and
// revoked_at once the session has ended. Every spent refresh token is a row of its own in
// the family, kept until it would have expired, so that its reuse is noticed.
type sessions struct {
	class                                             *schema.Class
	id, user, family, hash, created, expires, revoked *schema.Field
	columns                                           []storage.Column
}

func newSessions(c *schema.Class) (*sessions, error) {
	if c == nil {
		return nil, fmt.Errorf("the schema has a login class but no class %s", SessionClass)
	}
	s := &sessions{class: c}
	for name, f := range map[string]**schema.Field{
		"id": &s.id, "user_id": &s.user, "family": &s.family, "token_hash": &s.hash,
		"created_at": &s.created, "expires_at": &s.expires, "revoked_at": &s.revoked,
	} {
		if *f = c.Field(name); *f == nil {
			return nil, fmt.Errorf("class %s has no field %s", c.Name, name)
		}
		s.columns = append(s.columns, storage.Column{Field: *f})
	}
	return s, nil
}

// open starts a session for a user whose password was right.
func (a *Accounts) open(ctx context.Context, user *storage.Row, renewed string) (*Tokens, error) {
	refresh, hash, err := a.newRefresh()
	if err != nil {
		return nil, err
	}
	random, err := uuid.NewRandomFromReader(a.cfg.Rand)
	if err != nil {
		return nil, fmt.Errorf("random id: %w", err)
	}
	s, now, id := a.sessions, a.cfg.Clock(), random.String()
	err = a.cfg.Store.Write(ctx, func(tx storage.Tx) error {
		if err := a.confirm(ctx, tx, user, renewed); err != nil {
			return err
		}
		return s.insert(ctx, tx, id, id, a.users.id(user), hash, now, now.Add(a.cfg.Refresh), schema.Value{})
	})
	if err != nil {
		return nil, err
	}
	return a.tokens(a.users.id(user), id, refresh)
}

// confirm looks at the user again inside the transaction: a password or a
// switch that changed while the hash was computed counts. It also stores a renewed hash.
func (a *Accounts) confirm(ctx context.Context, tx storage.Tx, user *storage.Row, renewed string) error {
	u, key := a.users, user.Key(a.users.class)
	row, err := u.one(ctx, tx, &storage.Query{Key: key})
	if err != nil {
		return err
	}
	secret := u.auth.Secret
	if row == nil || !u.enabled(row) || row.Values[secret.Index] != user.Values[secret.Index] {
		return ErrCredentials
	}
	if renewed == "" {
		return nil
	}
	_, err = tx.Apply(ctx, &storage.Change{Op: storage.Update, Class: u.class, Key: key,
		Set: []storage.Assign{{Field: secret, Value: schema.NewText(renewed)}}})
	return err
}

// Refresh trades a refresh token for new tokens of the same session.
func (a *Accounts) Refresh(ctx context.Context, refresh string) (*Tokens, error) {
	if a.users == nil {
		return nil, ErrNoLogin
	}
	if !a.Signs() {
		return nil, token.ErrNoKey
	}
	next, nextHash, err := a.newRefresh()
	if err != nil {
		return nil, err
	}
	var userID, session string
	var ended bool
	err = a.cfg.Store.Write(ctx, func(tx storage.Tx) error {
		userID, session, ended, err = a.rotate(ctx, tx, hashOf(refresh), nextHash)
		return err
	})
	if err != nil {
		return nil, err
	}
	if ended {
		return nil, ErrCredentials
	}
	return a.tokens(userID, session, next)
}

// rotate replaces a refresh token by the next. ended tells that the session
// ended instead, which has to be committed, so it is not an error.
func (a *Accounts) rotate(ctx context.Context, tx storage.Tx, hash, next string) (userID, session string, ended bool, err error) {
	s, now := a.sessions, a.cfg.Clock()
	row, err := s.byHash(ctx, tx, hash)
	if err != nil {
		return "", "", false, err
	}
	if row == nil {
		return "", "", false, ErrCredentials
	}
	userID, session = row.Values[s.user.Index].Text(), row.Values[s.family.Index].Text()
	if s.spent(row) {
		return "", "", true, s.end(ctx, tx, session, now)
	}
	if !s.alive(row, now) {
		return "", "", false, ErrCredentials
	}
	user, err := a.users.byID(ctx, tx, userID)
	if err != nil {
		return "", "", false, err
	}
	if user == nil || !a.users.enabled(user) {
		return "", "", true, s.end(ctx, tx, session, now)
	}
	_, err = tx.Apply(ctx, &storage.Change{
		Op: storage.Update, Class: s.class, Key: row.Key(s.class), IfVersion: row.Version,
		Set: []storage.Assign{{Field: s.hash, Value: schema.NewText(next)}, {Field: s.expires, Value: stamp(s.expires, now.Add(a.cfg.Refresh))}},
	})
	if err != nil {
		return "", "", false, err
	}
	random, err := uuid.NewRandomFromReader(a.cfg.Rand)
	if err != nil {
		return "", "", false, fmt.Errorf("random id: %w", err)
	}
	err = s.insert(ctx, tx, random.String(), session, userID, hash, now, s.expiry(row), stamp(s.revoked, now))
	return userID, session, false, err
}

// Logout ends a session: its access tokens and its refresh token are refused
// from now on. A session that is not there is no error.
func (a *Accounts) Logout(ctx context.Context, session string) error {
	if a.users == nil {
		return ErrNoLogin
	}
	return a.cfg.Store.Write(ctx, func(tx storage.Tx) error {
		return a.sessions.end(ctx, tx, session, a.cfg.Clock())
	})
}

// LogoutUser ends every session of a user.
func (a *Accounts) LogoutUser(ctx context.Context, userID string) error {
	if a.users == nil {
		return ErrNoLogin
	}
	return a.cfg.Store.Write(ctx, func(tx storage.Tx) error { return a.EndSessions(ctx, tx, userID, "") })
}

// EndSessions ends the sessions of a user but for one, in the transaction that
// makes them end, as when the password changes. Tokens that could set it go with them.
func (a *Accounts) EndSessions(ctx context.Context, tx storage.Tx, userID, but string) error {
	if a.users == nil {
		return nil
	}
	s := a.sessions
	page, err := tx.Read(ctx, &storage.Query{Class: s.class, Columns: s.columns, Limit: -1, Order: s.order(),
		Where: schema.And{equals(s.user, schema.NewText(userID)), schema.IsNull{X: path(s.revoked)}}})
	if err != nil {
		return err
	}
	for i := range page.Rows {
		id := page.Rows[i].Values[s.id.Index].Text()
		if id == but {
			continue
		}
		if err := s.end(ctx, tx, id, a.cfg.Clock()); err != nil {
			return err
		}
	}
	return a.dropResets(ctx, tx, userID)
}

// Sweep removes up to limit rows each of sessions and spent tokens, and of reset
// tokens, that have expired, and returns the larger number. Nothing depends on
// it but the size of the tables.
func (a *Accounts) Sweep(ctx context.Context, limit int) (removed int, err error) {
	if a.users == nil {
		return 0, nil
	}
	err = a.cfg.Store.Write(ctx, func(tx storage.Tx) error {
		removed = 0
		for _, old := range []struct{ id, expires *schema.Field }{{a.sessions.id, a.sessions.expires}, {a.resets.id, a.resets.expires}} {
			c := old.id.Class
			page, err := tx.Read(ctx, &storage.Query{Class: c, Columns: []storage.Column{{Field: old.id}}, Limit: limit, Order: []storage.Order{{By: path(old.id)}},
				Where: schema.Compare{Op: schema.Lt, Left: path(old.expires), Right: schema.Lit{Value: stamp(old.expires, a.cfg.Clock())}}})
			if err != nil {
				return err
			}
			if err := deleteAll(ctx, tx, c, page.Rows); err != nil {
				return err
			}
			removed = max(removed, len(page.Rows))
		}
		return nil
	})
	return removed, err
}

func (a *Accounts) tokens(userID, session, refresh string) (*Tokens, error) {
	access, err := a.cfg.Signer.Issue(token.Claims{Subject: userID, Session: session})
	if err != nil {
		return nil, err
	}
	return &Tokens{Access: access, Refresh: refresh, ExpiresIn: a.cfg.Signer.Access(), UserID: userID, Session: session}, nil
}

// newRefresh makes a refresh token of 256 random bits and what is stored of it.
func (a *Accounts) newRefresh() (refresh, hash string, err error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(a.cfg.Rand, b); err != nil {
		return "", "", fmt.Errorf("random token: %w", err)
	}
	refresh = base64.RawURLEncoding.EncodeToString(b)
	return refresh, hashOf(refresh), nil
}

// hashOf is plain SHA-256: a token of 256 random bits cannot be guessed, so it needs no slow hash.
func hashOf(refresh string) string {
	sum := sha256.Sum256([]byte(refresh))
	return hex.EncodeToString(sum[:])
}

func (s *sessions) insert(ctx context.Context, tx storage.Tx, id, family, userID, hash string, now, expires time.Time, revoked schema.Value) error {
	set := []storage.Assign{
		{Field: s.id, Value: schema.NewText(id)},
		{Field: s.user, Value: schema.NewText(userID)},
		{Field: s.family, Value: schema.NewText(family)},
		{Field: s.hash, Value: schema.NewText(hash)},
		{Field: s.created, Value: stamp(s.created, now)},
		{Field: s.expires, Value: stamp(s.expires, expires)},
		{Field: s.revoked, Value: revoked},
	}
	if f := s.class.UpdatedAt; f != nil {
		set = append(set, storage.Assign{Field: f, Value: stamp(f, now)})
	}
	_, err := tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: s.class, Set: set})
	return err
}

func (s *sessions) byHash(ctx context.Context, r storage.Reader, hash string) (*storage.Row, error) {
	return s.one(ctx, r, &storage.Query{Where: equals(s.hash, schema.NewText(hash))})
}

// byID returns the row of a session, or nil.
func (s *sessions) byID(ctx context.Context, r storage.Reader, id string) (*storage.Row, error) {
	key, err := s.id.Type.Parse(id)
	if err != nil {
		return nil, nil
	}
	return s.one(ctx, r, &storage.Query{Key: []schema.Value{key}})
}

func (s *sessions) one(ctx context.Context, r storage.Reader, q *storage.Query) (*storage.Row, error) {
	q.Class, q.Columns, q.Order, q.Limit = s.class, s.columns, s.order(), 1
	page, err := r.Read(ctx, q)
	if err != nil || len(page.Rows) == 0 {
		return nil, err
	}
	return &page.Rows[0], nil
}

// end marks a session as revoked.
func (s *sessions) end(ctx context.Context, tx storage.Tx, session string, now time.Time) error {
	key, err := s.id.Type.Parse(session)
	if err != nil {
		return nil
	}
	_, err = tx.Apply(ctx, &storage.Change{Op: storage.Update, Class: s.class, Key: []schema.Value{key},
		Set: []storage.Assign{{Field: s.revoked, Value: stamp(s.revoked, now)}}})
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}

// spent reports whether the row is a used refresh token and not a session.
func (s *sessions) spent(row *storage.Row) bool {
	return row.Values[s.id.Index] != row.Values[s.family.Index]
}

func (s *sessions) alive(row *storage.Row, now time.Time) bool {
	return !s.spent(row) && row.Values[s.revoked.Index].IsNull() && now.Before(s.expiry(row))
}

// expiry is when the row's token expires; a time that cannot be read is long ago.
func (s *sessions) expiry(row *storage.Row) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s.expires.Type.Text(row.Values[s.expires.Index]))
	if err != nil {
		return time.Time{}
	}
	return t
}

func (s *sessions) order() []storage.Order { return []storage.Order{{By: path(s.id)}} }

func equals(f *schema.Field, v schema.Value) schema.Expr {
	return schema.Compare{Op: schema.Eq, Left: path(f), Right: schema.Lit{Value: v}}
}

// stamp is a time as a datetime field stores it.
func stamp(f *schema.Field, t time.Time) schema.Value {
	v, err := f.Type.Parse(t.UTC().Format(time.RFC3339Nano))
	if err != nil {
		panic(fmt.Sprintf("%s does not take a time: %v", f.Name, err)) // the class is our own
	}
	return v
}
