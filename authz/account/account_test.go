package account

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

func TestLogin(t *testing.T) {
	w := newWorld(t)
	for name, row := range map[string]struct {
		login, password string
		ok              bool
	}{
		"right":               {"Ann@x.io", "correct horse", true},
		"another case":        {"ANN@X.IO", "correct horse", true},
		"wrong password":      {"ann@x.io", "correct hors", false},
		"empty password":      {"ann@x.io", "", false},
		"unknown user":        {"eve@x.io", "correct horse", false},
		"no e-mail":           {"'; drop table", "correct horse", false},
		"empty login":         {"", "correct horse", false},
		"a wildcard":          {"*@x.io", "correct horse", false},
		"an escape":           {`\*@x.io`, "correct horse", false},
		"disabled":            {"bob@x.io", "correct horse", false},
		"no password set":     {"cid@x.io", "", false},
		"password beyond cap": {"ann@x.io", strings.Repeat("x", MaxPassword+1), false},
	} {
		t.Run(name, func(t *testing.T) {
			tokens, err := w.Login(context.Background(), row.login, row.password)
			if row.ok != (err == nil) || err != nil && err != ErrCredentials {
				t.Fatalf("%+v, %v", tokens, err)
			}
			if !row.ok {
				return
			}
			s, err := w.Authenticate(context.Background(), tokens.Access)
			if err != nil {
				t.Fatal(err)
			}
			if s.ID != "1" || tokens.UserID != "1" || s.Session != tokens.Session || tokens.ExpiresIn != time.Hour || !cmp.Equal(s.Roles, []string{"agent"}) {
				t.Errorf("%+v, %+v", s, tokens)
			}
			if team := s.User[w.s.Login.Field("team").Index]; team != schema.NewText("blue") {
				t.Errorf("team %v", team)
			}
			if secret := s.User[w.s.Login.Field("password").Index]; !secret.IsNull() {
				t.Error("the subject carries the hash of its password")
			}
		})
	}
}

// Every refusal must have computed one hash of the usual cost, so that time does not tell.
func TestRefusalsCostTheSame(t *testing.T) {
	w := newWorld(t)
	for name, login := range map[string]string{"known": "ann@x.io", "unknown": "eve@x.io", "disabled": "bob@x.io", "without password": "cid@x.io", "malformed": "?"} {
		turns := len(w.cfg.Hasher.turns)
		before := hashes.Load()
		w.cfg.Hasher.onHash = func() { hashes.Add(1) }
		if _, err := w.Login(context.Background(), login, "wrong"); err != ErrCredentials {
			t.Errorf("%s: %v", name, err)
		}
		if n := hashes.Load() - before; n != 1 {
			t.Errorf("%s: %d hashes", name, n)
		}
		if len(w.cfg.Hasher.turns) != turns {
			t.Errorf("%s: a turn was not given back", name)
		}
	}
}

var hashes atomic.Int64

func TestSubjectFollowsTheStore(t *testing.T) {
	ctx := context.Background()
	for name, row := range map[string]struct {
		change func(w *world, tokens *Tokens)
		roles  string // "refused" when the token no longer counts
	}{
		"nothing":            {func(*world, *Tokens) {}, "agent"},
		"another role":       {func(w *world, _ *Tokens) { w.update(1, "role", "admin") }, "admin"},
		"no role":            {func(w *world, _ *Tokens) { w.update(1, "role", "") }, ""},
		"disabled":           {func(w *world, _ *Tokens) { w.update(1, "active", "false") }, "refused"},
		"neither on nor off": {func(w *world, _ *Tokens) { w.update(1, "active", "") }, "refused"},
		"logout":             {func(w *world, tokens *Tokens) { w.Logout(ctx, tokens.Session) }, "refused"},
		"logout of all":      {func(w *world, _ *Tokens) { w.LogoutUser(ctx, "1") }, "refused"},
		"logout of another":  {func(w *world, _ *Tokens) { w.LogoutUser(ctx, "2"); w.Logout(ctx, "nonsense") }, "agent"},
		"refresh":            {func(w *world, tokens *Tokens) { w.Refresh(ctx, tokens.Refresh) }, "agent"},
		"expired token":      {func(w *world, _ *Tokens) { w.wait(time.Hour) }, "refused"},
		"deleted": {func(w *world, _ *Tokens) {
			w.apply(&storage.Change{Op: storage.Delete, Class: w.s.Login, Key: []schema.Value{schema.NewInt(1)}})
		}, "refused"},
		"softly deleted": {func(w *world, _ *Tokens) {
			w.apply(&storage.Change{Op: storage.SoftDelete, Class: w.s.Login, Key: []schema.Value{schema.NewInt(1)},
				Set: []storage.Assign{{Field: w.s.Login.DeletedAt, Value: stamp(w.s.Login.DeletedAt, w.now)}}})
		}, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tokens := w.login()
			if _, err := w.Authenticate(ctx, tokens.Access); err != nil {
				t.Fatal(err)
			}
			row.change(w, tokens)
			s, err := w.Authenticate(ctx, tokens.Access)
			got := "refused"
			if err == nil {
				got = strings.Join(s.Roles, " ")
			} else if !errors.Is(err, token.ErrInvalid) {
				t.Errorf("error %v", err)
			}
			if got != row.roles {
				t.Errorf("%s, want %s", got, row.roles)
			}
		})
	}
}

func TestSubjectOfOtherTokens(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	claims := func(sub, sid string) *token.Claims {
		return &token.Claims{Subject: sub, Session: sid, Roles: []string{"admin"}, Values: map[string]schema.Value{"x": schema.NewText("y")}}
	}
	for name, row := range map[string]struct {
		claims *token.Claims
		ok     bool
		user   bool
	}{
		"a stranger":                 {claims("google|7", ""), true, false},
		"a user":                     {claims("1", ""), true, true},
		"a disabled user":            {claims("2", ""), false, false},
		"a session nobody has":       {claims("1", "00000000-0000-4000-8000-000000000000"), false, false},
		"a session that is no uuid":  {claims("1", "x"), false, false},
		"the session of another":     {claims("3", w.login().Session), false, false},
		"a stranger with my session": {claims("x", w.login().Session), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := w.Subject(ctx, row.claims)
			if row.ok != (err == nil) {
				t.Fatal(err)
			}
			if !row.ok {
				return
			}
			if s.ID != row.claims.Subject || !cmp.Equal(s.Roles, []string{"admin"}) || s.Claims["x"] != schema.NewText("y") || (s.User != nil) != row.user {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestWithoutLoginClass(t *testing.T) {
	a, err := New(Config{Schema: &schema.Schema{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if _, err := a.Login(ctx, "a", "b"); err != ErrNoLogin {
		t.Error(err)
	}
	if s, err := a.Subject(ctx, &token.Claims{Subject: "7", Roles: []string{"x"}}); err != nil || s.ID != "7" {
		t.Error(s, err)
	}
	if _, err := a.Subject(ctx, &token.Claims{Subject: "7", Session: "x"}); !errors.Is(err, token.ErrInvalid) {
		t.Error(err)
	}
}

func TestRefresh(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	first := w.login()
	second, err := w.Refresh(ctx, first.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	if second.Session != first.Session || second.Refresh == first.Refresh || second.UserID != "1" {
		t.Errorf("%+v after %+v", second, first)
	}
	third, err := w.Refresh(ctx, second.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	for _, access := range []string{first.Access, second.Access, third.Access} {
		if _, err := w.Authenticate(ctx, access); err != nil {
			t.Errorf("an access token of the session is refused: %v", err)
		}
	}
	// The first one again: somebody copied it. Everything of the session ends.
	if _, err := w.Refresh(ctx, first.Refresh); err != ErrCredentials {
		t.Errorf("reuse: %v", err)
	}
	if _, err := w.Refresh(ctx, third.Refresh); err != ErrCredentials {
		t.Errorf("the session lives on after a reuse: %v", err)
	}
	if _, err := w.Authenticate(ctx, third.Access); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("the access token lives on after a reuse: %v", err)
	}
	other := w.login()
	if _, err := w.Refresh(ctx, other.Refresh); err != nil {
		t.Errorf("another session of the user ended too: %v", err)
	}
}

func TestRefreshRefuses(t *testing.T) {
	ctx := context.Background()
	for name, change := range map[string]func(w *world, tokens *Tokens){
		"noise":         func(_ *world, tokens *Tokens) { tokens.Refresh = "x" },
		"nothing":       func(_ *world, tokens *Tokens) { tokens.Refresh = "" },
		"access token":  func(_ *world, tokens *Tokens) { tokens.Refresh = tokens.Access },
		"stored hash":   func(_ *world, tokens *Tokens) { tokens.Refresh = hashOf(tokens.Refresh) },
		"after logout":  func(w *world, tokens *Tokens) { w.Logout(ctx, tokens.Session) },
		"expired":       func(w *world, _ *Tokens) { w.wait(24 * time.Hour) },
		"disabled user": func(w *world, _ *Tokens) { w.update(1, "active", "false") },
		"deleted user": func(w *world, _ *Tokens) {
			w.apply(&storage.Change{Op: storage.Delete, Class: w.s.Login, Key: []schema.Value{schema.NewInt(1)}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tokens := w.login()
			change(w, tokens)
			if got, err := w.Refresh(ctx, tokens.Refresh); err != ErrCredentials {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestOneRefreshWins(t *testing.T) {
	w := newWorld(t)
	tokens := w.login()
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			switch _, err := w.Refresh(context.Background(), tokens.Refresh); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, ErrCredentials):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 16 uses of one refresh token were good", won.Load())
	}
	if _, err := w.Authenticate(context.Background(), tokens.Access); !errors.Is(err, token.ErrInvalid) {
		t.Error("the session outlived the reuse of its token")
	}
}

func TestSlidingExpiry(t *testing.T) {
	w := newWorld(t)
	tokens := w.login()
	for range 5 {
		w.wait(20 * time.Hour)
		next, err := w.Refresh(context.Background(), tokens.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		tokens = next
	}
	if n, err := w.Sweep(context.Background(), 100); err != nil || n != 4 {
		t.Errorf("swept %d, %v; want the four spent tokens whose time is over", n, err)
	}
	if _, err := w.Authenticate(context.Background(), tokens.Access); err != nil {
		t.Errorf("sweeping ended a living session: %v", err)
	}
}

func TestStoreHoldsNoToken(t *testing.T) {
	w := newWorld(t)
	tokens := w.login()
	page, err := w.store.Read(context.Background(), &storage.Query{Class: w.sessions.class, Columns: w.sessions.columns, Order: w.sessions.order(), Limit: -1})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range page.Rows {
		for _, v := range row.Values {
			if strings.Contains(v.Text(), tokens.Refresh) || strings.Contains(v.Text(), tokens.Access) {
				t.Errorf("the store holds a token: %s", v.Text())
			}
		}
	}
}

func TestHashIsRenewedOnLogin(t *testing.T) {
	w := newWorld(t)
	dearer := Params{Memory: 128, Time: 2, Threads: 1}
	w.Accounts = w.accounts(dearer)
	w.login()
	row, err := w.users.byID(context.Background(), w.store, "1")
	if err != nil {
		t.Fatal(err)
	}
	if p, _, _, err := parsePHC(row.Values[w.users.auth.Secret.Index].Text()); err != nil || p != dearer {
		t.Errorf("%+v, %v", p, err)
	}
	w.login()
}

func TestFind(t *testing.T) {
	w := newWorld(t)
	for in, want := range map[string]string{"ann@x.io": "1", "2": "2", "nobody": "", "99": ""} {
		if id, err := w.Find(context.Background(), in); id != want || want == "" && !errors.Is(err, ErrNoUser) {
			t.Errorf("%s: %q, %v", in, id, err)
		}
	}
	s, err := w.As(context.Background(), "1")
	if err != nil || s.ID != "1" || !cmp.Equal(s.Roles, []string{"agent"}) {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := w.As(context.Background(), "2"); !errors.Is(err, ErrNoUser) {
		t.Errorf("acting as a disabled user: %v", err)
	}
	if some, err := w.HasUsers(context.Background()); !some || err != nil {
		t.Error(some, err)
	}
	if s, err := w.Basic(context.Background(), "ann@x.io", "correct horse"); err != nil || s.ID != "1" || s.Session != "" {
		t.Errorf("%+v, %v", s, err)
	}
}

func BenchmarkAuthenticateWarm(b *testing.B) {
	w := newWorld(b)
	tokens := w.login()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Authenticate(context.Background(), tokens.Access); err != nil {
			b.Fatal(err)
		}
	}
}
