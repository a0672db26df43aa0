package account

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
)

// cheap keeps the tests fast; the code is the same for every cost.
var cheap = Params{Memory: 64, Time: 1, Threads: 1}

// world is a store with users, its accounts and a clock to turn.
type world struct {
	*Accounts
	t     testing.TB
	s     *schema.Schema
	store storage.Store
	mu    sync.Mutex
	now   time.Time
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func usersSchema() *schema.Schema {
	f := func(name, typ string) *schema.Field {
		return &schema.Field{Name: name, JSON: name, Column: name, Type: schema.MustType(typ, schema.Options{})}
	}
	id := f("id", "int")
	id.Auto = schema.AutoID
	user := &schema.Class{Name: "user", Collection: "users", Table: "users", Expose: true, SoftDelete: true,
		Fields: []*schema.Field{id, f("email", "email"), f("password", "password"), f("role", "string"), f("active", "bool"), f("team", "string"), f("deleted_at", "datetime")}}
	user.Key = user.Fields[:1:1]
	for _, optional := range user.Fields[2:] {
		optional.Optional = true
	}
	user.Fields[1].Unique = true
	user.Uniques = []*schema.Index{{Name: "users_email_key", Fields: user.Fields[1:2], Unique: true}}
	user.DeletedAt = user.Fields[6]
	user.Auth = &schema.Auth{Login: user.Fields[1], Secret: user.Fields[2], Role: user.Fields[3], Enabled: user.Fields[4]}
	internal := func(name, table string, fields ...*schema.Field) *schema.Class {
		return &schema.Class{Name: name, Collection: strings.ReplaceAll(name, "_", "-"), Table: table, Internal: true, Fields: fields, Key: fields[:1:1]}
	}
	optional := func(name, typ string) *schema.Field { o := f(name, typ); o.Optional = true; return o }
	session := internal(SessionClass, "_dowel_sessions", f("id", "uuid"), f("user_id", "text"), f("family", "text"), f("token_hash", "text"),
		f("created_at", "datetime"), f("expires_at", "datetime"), optional("revoked_at", "datetime"))
	session.Uniques = []*schema.Index{{Name: "token_hash_key", Fields: session.Fields[3:4], Unique: true}}
	key := internal(KeyClass, "_dowel_keys", f("id", "uuid"), f("user_id", "text"), f("name", "text"), f("prefix", "text"), f("key_hash", "text"),
		optional("roles", "text"), optional("verbs", "text"), f("created_at", "datetime"),
		optional("expires_at", "datetime"), optional("used_at", "datetime"), optional("revoked_at", "datetime"))
	reset := internal(ResetClass, "_dowel_resets", f("id", "uuid"), f("user_id", "text"), f("token_hash", "text"), f("created_at", "datetime"), f("expires_at", "datetime"))
	s := &schema.Schema{Classes: []*schema.Class{user, session, key, reset}, Login: user}
	s.Seal()
	return s
}

// newWorld has the users ann@x.io (1, agent), bob@x.io (2, disabled) and cid@x.io (3, no password).
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, s: usersSchema(), now: time.Date(2030, 5, 6, 12, 0, 0, 0, time.UTC)}
	store, err := memory.New(w.s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w.store = store
	w.Accounts = w.accounts(cheap)
	ctx := context.Background()
	hash, err := w.HashPassword(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	w.insert("email", "Ann@x.io", "password", hash, "role", "agent", "active", "true", "team", "blue")
	w.insert("email", "bob@x.io", "password", hash, "role", "agent", "active", "false")
	w.insert("email", "cid@x.io", "active", "true")
	return w
}

func (w *world) accounts(p Params) *Accounts {
	w.t.Helper()
	signer, err := token.New(token.Config{Secret: []byte(strings.Repeat("k", 32)), Issuer: "dowel", Audience: "dowel", Clock: w.clock})
	if err != nil {
		w.t.Fatal(err)
	}
	hasher, err := NewHasher(p, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	a, err := New(Config{Store: w.store, Schema: w.s, Signer: signer, Hasher: hasher, Clock: w.clock, Refresh: 24 * time.Hour})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) assigns(pairs []string) (set []storage.Assign) {
	w.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		f := w.s.Login.Field(pairs[i])
		v := schema.Value{}
		if f.Type.Name() == "password" {
			v = schema.NewText(pairs[i+1])
		} else if pairs[i+1] != "" {
			var err error
			if v, err = f.Type.Parse(pairs[i+1]); err != nil {
				w.t.Fatal(err)
			}
		}
		set = append(set, storage.Assign{Field: f, Value: v})
	}
	return set
}

func (w *world) insert(pairs ...string) {
	w.t.Helper()
	w.apply(&storage.Change{Op: storage.Insert, Class: w.s.Login, Set: w.assigns(pairs)})
}

func (w *world) update(id int64, pairs ...string) {
	w.t.Helper()
	w.apply(&storage.Change{Op: storage.Update, Class: w.s.Login, Key: []schema.Value{schema.NewInt(id)}, Set: w.assigns(pairs)})
}

func (w *world) apply(c *storage.Change) {
	w.t.Helper()
	err := w.store.Write(context.Background(), func(tx storage.Tx) error {
		_, err := tx.Apply(context.Background(), c)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// login logs ann in.
func (w *world) login() *Tokens {
	w.t.Helper()
	tokens, err := w.Login(context.Background(), "ann@x.io", "correct horse")
	if err != nil {
		w.t.Fatal(err)
	}
	return tokens
}
