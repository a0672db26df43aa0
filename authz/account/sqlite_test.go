package account

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

const people = `
dowel: 1
roles: {agent: null}
classes:
  user:
    auth: {login: email, secret: password, role: role, enabled: active}
    timestamps: false
    soft_delete: true
    fields:
      email: email unique
      password: password optional
      role: {enum: [agent], optional: true}
      active: bool optional
      team: string optional
    allow: {all: agent}
`

// newFileWorld is newWorld with a loaded schema, on SQLite.
func newFileWorld(t testing.TB) *world {
	t.Helper()
	s, found := load.FS(fstest.MapFS{"dowel.yaml": {Data: []byte(people)}}, ".", load.Options{})
	if s == nil {
		t.Fatal(found)
	}
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"), s, sqlite.Options{Sync: "OFF"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if left, err := store.Migrate(context.Background(), s, true); err != nil || len(left) > 0 {
		t.Fatal(left, err)
	}
	w := &world{t: t, s: s, store: store, now: time.Date(2030, 5, 6, 12, 0, 0, 0, time.UTC)}
	w.Accounts = w.accounts(cheap)
	hash, err := w.HashPassword(context.Background(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	w.insert("email", "Ann@x.io", "password", hash, "role", "agent", "active", "true", "team", "blue")
	return w
}

func TestOnSQLite(t *testing.T) {
	w := newFileWorld(t)
	ctx := context.Background()
	tokens := w.login()
	if s, err := w.Authenticate(ctx, tokens.Access); err != nil || s.ID != "1" || s.Roles[0] != "agent" {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, err := w.Login(ctx, "eve@x.io", "correct horse"); err != ErrCredentials {
		t.Error(err)
	}
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			switch _, err := w.Refresh(ctx, tokens.Refresh); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, ErrCredentials):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 8 uses of one refresh token were good", won.Load())
	}
	if _, err := w.Authenticate(ctx, tokens.Access); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("the session outlived the reuse of its token: %v", err)
	}
	again := w.login()
	if err := w.Logout(ctx, again.Session); err != nil {
		t.Error(err)
	}
	if _, err := w.Refresh(ctx, again.Refresh); err != ErrCredentials {
		t.Error(err)
	}
	w.wait(48 * time.Hour)
	if n, err := w.Sweep(ctx, 100); n != 3 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
}

func BenchmarkAuthenticateOnSQLite(b *testing.B) {
	w := newFileWorld(b)
	tokens := w.login()
	for b.Loop() {
		if _, err := w.Authenticate(context.Background(), tokens.Access); err != nil {
			b.Fatal(err)
		}
	}
}
