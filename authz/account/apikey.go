package account

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// KeyClass is the name of the internal class of API keys.
const KeyClass = "dowel_key"

// An API key is dwl_PREFIX_SECRET. The prefix finds its row and may be shown;
// of the secret, 256 random bits, the row holds the hash.
const (
	keyMark   = "dwl_"
	prefixLen = 10 // characters of five bits
	secretLen = 52
)

// noteEvery is how exactly it is known when a key was last used: noting it is
// a write, and a write for each request would cost more than the requests.
const noteEvery = 10 * time.Minute

// ErrNoSuchKey is a prefix or id that no key has.
var ErrNoSuchKey = errors.New("no such key")

// APIKey is a key without its secret.
type APIKey struct {
	ID, Prefix, UserID, Name        string
	Scope                           authz.Scope
	Created, Expires, Used, Revoked time.Time // zero: never
}

// apiKeys are the rows of the internal class.
type apiKeys struct {
	class                                      *schema.Class
	id, user, name, prefix, hash, roles, verbs *schema.Field
	created, expires, used, revoked            *schema.Field
	columns                                    []storage.Column
	watched                                    []*schema.Class
}

func newKeys(login, c *schema.Class) (*apiKeys, error) {
	if c == nil {
		return nil, fmt.Errorf("the schema has a login class but no class %s", KeyClass)
	}
	k := &apiKeys{class: c, watched: []*schema.Class{login, c}}
	for name, f := range map[string]**schema.Field{
		"id": &k.id, "user_id": &k.user, "name": &k.name, "prefix": &k.prefix, "key_hash": &k.hash, "roles": &k.roles, "verbs": &k.verbs,
		"created_at": &k.created, "expires_at": &k.expires, "used_at": &k.used, "revoked_at": &k.revoked,
	} {
		if *f = c.Field(name); *f == nil {
			return nil, fmt.Errorf("class %s has no field %s", c.Name, name)
		}
		k.columns = append(k.columns, storage.Column{Field: *f})
	}
	return k, nil
}

// CreateKey makes a key for the user with spec.UserID: spec's Name, Scope and
// Expires count. raw is the key itself, which cannot be had again.
func (a *Accounts) CreateKey(ctx context.Context, spec APIKey) (raw string, made *APIKey, err error) {
	if a.users == nil {
		return "", nil, ErrNoLogin
	}
	random := make([]byte, 39) // 7 of them are the prefix
	if _, err := io.ReadFull(a.cfg.Rand, random); err != nil {
		return "", nil, fmt.Errorf("random key: %w", err)
	}
	id, err := uuid.NewRandomFromReader(a.cfg.Rand)
	if err != nil {
		return "", nil, fmt.Errorf("random id: %w", err)
	}
	k, now := a.keys, a.cfg.Clock()
	spec.ID, spec.Prefix, spec.Created = id.String(), base32Lower(random[:7])[:prefixLen], now
	raw = keyMark + spec.Prefix + "_" + base32Lower(random[7:])
	spec.Scope.Verbs = slices.Sorted(slices.Values(spec.Scope.Verbs))
	err = a.cfg.Store.Write(ctx, func(tx storage.Tx) error {
		user, err := a.users.byID(ctx, tx, spec.UserID)
		if err != nil {
			return err
		}
		if user == nil {
			return fmt.Errorf("%q: %w", spec.UserID, ErrNoUser)
		}
		set := []storage.Assign{
			{Field: k.id, Value: schema.NewText(spec.ID)},
			{Field: k.user, Value: schema.NewText(a.users.id(user))},
			{Field: k.name, Value: schema.NewText(spec.Name)},
			{Field: k.prefix, Value: schema.NewText(spec.Prefix)},
			{Field: k.hash, Value: schema.NewText(hashOf(raw))},
			{Field: k.roles, Value: words(spec.Scope.Roles)},
			{Field: k.verbs, Value: words(spec.Scope.Verbs)},
			{Field: k.created, Value: stamp(k.created, now)},
		}
		if !spec.Expires.IsZero() {
			set = append(set, storage.Assign{Field: k.expires, Value: stamp(k.expires, spec.Expires)})
		}
		_, err = tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: k.class, Set: set})
		return err
	})
	if err != nil {
		return "", nil, err
	}
	return raw, &spec, nil
}

// Keys lists the keys of a user, or of everybody for "", oldest first.
func (a *Accounts) Keys(ctx context.Context, userID string) ([]APIKey, error) {
	if a.users == nil {
		return nil, ErrNoLogin
	}
	k := a.keys
	q := &storage.Query{Class: k.class, Columns: k.columns, Limit: -1, Order: []storage.Order{{By: path(k.created)}, {By: path(k.id)}}}
	if userID != "" {
		q.Where = equals(k.user, schema.NewText(userID))
	}
	page, err := a.cfg.Store.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	list := make([]APIKey, len(page.Rows))
	for i := range page.Rows {
		list[i] = k.key(&page.Rows[i])
	}
	return list, nil
}

// RevokeKey ends a key, by its prefix or id: every node refuses it from now on.
// A key that was revoked before stays so.
func (a *Accounts) RevokeKey(ctx context.Context, prefixOrID string) error {
	if a.users == nil {
		return ErrNoLogin
	}
	k := a.keys
	return a.cfg.Store.Write(ctx, func(tx storage.Tx) error {
		row, err := k.byPrefix(ctx, tx, strings.TrimPrefix(prefixOrID, keyMark))
		if err == nil && row == nil {
			if id, bad := k.id.Type.Parse(prefixOrID); bad == nil {
				row, err = k.one(ctx, tx, &storage.Query{Key: []schema.Value{id}})
			}
		}
		switch {
		case err != nil:
			return err
		case row == nil:
			return fmt.Errorf("%q: %w", prefixOrID, ErrNoSuchKey)
		case !row.Values[k.revoked.Index].IsNull():
			return nil
		}
		_, err = tx.Apply(ctx, &storage.Change{Op: storage.Update, Class: k.class, Key: row.Key(k.class),
			Set: []storage.Assign{{Field: k.revoked, Value: stamp(k.revoked, a.cfg.Clock())}}})
		return err
	})
}

// keyed is what the store said about a key when the counters were as told.
type keyed struct {
	users, keys int64
	row         []schema.Value // its key
	subject     *authz.Subject // nil: refused
	until       time.Time      // when the key expires; zero is never
	used        atomic.Int64   // seconds since 1970
}

// byKey returns whose an API key is, narrowed to what it is good for. It is
// remembered as long as no user and no key changes.
func (a *Accounts) byKey(ctx context.Context, raw string) (*authz.Subject, error) {
	prefix, ok := prefixOf(raw)
	if !ok || a.users == nil {
		return nil, fmt.Errorf("%w: not an API key of ours", token.ErrInvalid)
	}
	k := a.keys
	counters, err := a.cfg.Store.Counters(ctx, k.watched)
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	sum := sha256.Sum256([]byte(raw))
	st, known := a.keyed.GetIfPresent(sum)
	if !known || st.users != counters[0] || st.keys != counters[1] {
		if st, err = a.loadKey(ctx, prefix, hex.EncodeToString(sum[:])); err != nil {
			return nil, err
		}
		if st == nil { // guesses are not worth remembering
			return nil, fmt.Errorf("%w: unknown or revoked key, or its user gone or disabled", token.ErrInvalid)
		}
		st.users, st.keys = counters[0], counters[1]
		a.keyed.Set(sum, st)
	}
	if !st.until.IsZero() && !a.cfg.Clock().Before(st.until) {
		return nil, fmt.Errorf("%w: the key has expired", token.ErrInvalid)
	}
	a.noteUse(ctx, st)
	s := *st.subject
	return &s, nil
}

func (a *Accounts) loadKey(ctx context.Context, prefix, hash string) (*keyed, error) {
	k := a.keys
	row, err := k.byPrefix(ctx, a.cfg.Store, prefix)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	if row == nil || subtle.ConstantTimeCompare([]byte(row.Values[k.hash.Index].Text()), []byte(hash)) != 1 || !row.Values[k.revoked.Index].IsNull() {
		return nil, nil
	}
	key := k.key(row)
	user, err := a.users.byID(ctx, a.cfg.Store, key.UserID)
	if err != nil {
		return nil, fmt.Errorf("read user: %w", err)
	}
	if user == nil || !a.users.enabled(user) {
		return nil, nil
	}
	st := &keyed{row: row.Key(k.class), subject: a.users.subject(user), until: key.Expires}
	st.subject.Key = key.ID
	if key.Scope.Roles != nil || key.Scope.Verbs != nil {
		st.subject.Scope = &key.Scope
	}
	if !key.Used.IsZero() {
		st.used.Store(key.Used.Unix())
	}
	return st, nil
}

// noteUse stores that a key is in use, now and then. It is a hint for people:
// a store that cannot be written to must not refuse those who read.
func (a *Accounts) noteUse(ctx context.Context, st *keyed) {
	now, last := a.cfg.Clock(), st.used.Load()
	if now.Unix()-last < int64(noteEvery/time.Second) || !st.used.CompareAndSwap(last, now.Unix()) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 250*time.Millisecond)
	defer cancel()
	_ = a.cfg.Store.Write(ctx, func(tx storage.Tx) error {
		_, err := tx.Apply(ctx, &storage.Change{Op: storage.Update, Class: a.keys.class, Key: st.row,
			Set: []storage.Assign{{Field: a.keys.used, Value: stamp(a.keys.used, now)}}})
		return err
	})
}

// prefixOf takes the prefix out of a key, and refuses what cannot be one.
func prefixOf(raw string) (string, bool) {
	rest, ok := strings.CutPrefix(raw, keyMark)
	if !ok || len(rest) != prefixLen+1+secretLen || rest[prefixLen] != '_' {
		return "", false
	}
	return rest[:prefixLen], true
}

func base32Lower(b []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

func (k *apiKeys) byPrefix(ctx context.Context, r storage.Reader, prefix string) (*storage.Row, error) {
	value, err := k.prefix.Type.Parse(prefix)
	if err != nil {
		return nil, nil
	}
	return k.one(ctx, r, &storage.Query{Where: equals(k.prefix, value)})
}

func (k *apiKeys) one(ctx context.Context, r storage.Reader, q *storage.Query) (*storage.Row, error) {
	q.Class, q.Columns, q.Order, q.Limit = k.class, k.columns, []storage.Order{{By: path(k.id)}}, 1
	page, err := r.Read(ctx, q)
	if err != nil || len(page.Rows) == 0 {
		return nil, err
	}
	return &page.Rows[0], nil
}

func (k *apiKeys) key(row *storage.Row) APIKey {
	text := func(f *schema.Field) string { return row.Values[f.Index].Text() }
	return APIKey{
		ID: text(k.id), Prefix: text(k.prefix), UserID: text(k.user), Name: text(k.name),
		Scope:   authz.Scope{Roles: list(row.Values[k.roles.Index]), Verbs: list(row.Values[k.verbs.Index])},
		Created: moment(k.created, row), Expires: moment(k.expires, row), Used: moment(k.used, row), Revoked: moment(k.revoked, row),
	}
}

// words stores a list of names, null for none at all.
func words(names []string) schema.Value {
	if names == nil {
		return schema.Value{}
	}
	return schema.NewText(strings.Join(names, ","))
}

func list(v schema.Value) []string {
	if v.IsNull() {
		return nil
	}
	return strings.FieldsFunc(v.Text(), func(r rune) bool { return r == ',' })
}

// moment is the time in a field, zero for null. A time that cannot be read is long ago.
func moment(f *schema.Field, row *storage.Row) time.Time {
	v := row.Values[f.Index]
	if v.IsNull() {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, f.Type.Text(v))
	if err != nil {
		return time.Unix(0, 0)
	}
	return t
}
