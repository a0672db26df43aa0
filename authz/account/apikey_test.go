package account

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

func (w *world) key(spec APIKey) (raw string, made *APIKey) {
	w.t.Helper()
	raw, made, err := w.CreateKey(context.Background(), spec)
	if err != nil {
		w.t.Fatal(err)
	}
	return raw, made
}

// onBoth runs a test with users in memory and on SQLite.
func onBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("memory", func(t *testing.T) { test(t, newWorld(t)) })
	t.Run("sqlite", func(t *testing.T) { test(t, newFileWorld(t)) })
}

func TestAPIKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		raw, made := w.key(APIKey{UserID: "1", Name: "nightly", Expires: w.clock().Add(time.Hour)})
		if !strings.HasPrefix(raw, "dwl_"+made.Prefix+"_") || len(raw) != 67 {
			t.Errorf("key %q", raw)
		}
		s, err := w.Authenticate(ctx, raw)
		if err != nil {
			t.Fatal(err)
		}
		if s.ID != "1" || s.Session != "" || s.Scope != nil || !cmp.Equal(s.Roles, []string{"agent"}) || s.User[w.s.Login.Field("team").Index].Text() != "blue" {
			t.Errorf("%+v", s)
		}
		for name, bad := range map[string]string{
			"another secret": raw[:len(raw)-1] + flip(raw[len(raw)-1]),
			"another prefix": "dwl_aaaaaaaaaa" + raw[14:],
			"upper case":     "dwl_" + strings.ToUpper(raw[4:]),
			"cut off":        raw[:len(raw)-1],
			"longer":         raw + "a",
			"no secret":      "dwl_" + made.Prefix + "_",
			"mark alone":     "dwl_",
			"NUL":            raw[:20] + "\x00" + raw[21:],
		} {
			for range 2 {
				if s, err := w.Authenticate(ctx, bad); !errors.Is(err, token.ErrInvalid) {
					t.Errorf("%s: %+v, %v", name, s, err)
				}
			}
		}
		// Another node sees everything at once.
		other := w.accounts(cheap)
		if _, err := other.Authenticate(ctx, raw); err != nil {
			t.Fatal(err)
		}
		w.update(1, "role", "", "team", "red")
		if s, err := other.Authenticate(ctx, raw); err != nil || len(s.Roles) != 0 {
			t.Errorf("after the role went: %+v, %v", s, err)
		}
		w.update(1, "active", "false")
		if _, err := other.Authenticate(ctx, raw); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("of a disabled user: %v", err)
		}
		w.update(1, "active", "true")
		if err := w.RevokeKey(ctx, made.Prefix); err != nil {
			t.Fatal(err)
		}
		for _, node := range []*Accounts{w.Accounts, other} {
			if _, err := node.Authenticate(ctx, raw); !errors.Is(err, token.ErrInvalid) {
				t.Errorf("revoked: %v", err)
			}
		}
		if err := w.RevokeKey(ctx, made.ID); err != nil {
			t.Errorf("revoked again, by id: %v", err)
		}
		if err := w.RevokeKey(ctx, "aaaaaaaaaa"); !errors.Is(err, ErrNoSuchKey) {
			t.Errorf("unknown: %v", err)
		}
		if _, _, err := w.CreateKey(ctx, APIKey{UserID: "99"}); !errors.Is(err, ErrNoUser) {
			t.Errorf("for nobody: %v", err)
		}
	})
}

func TestKeysExpire(t *testing.T) {
	w := newWorld(t)
	raw, _ := w.key(APIKey{UserID: "1", Expires: w.clock().Add(time.Hour)})
	forever, _ := w.key(APIKey{UserID: "1"})
	w.wait(time.Hour - time.Second)
	if _, err := w.Authenticate(t.Context(), raw); err != nil {
		t.Error(err)
	}
	w.wait(time.Second)
	if _, err := w.Authenticate(t.Context(), raw); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("expired: %v", err)
	}
	w.wait(50 * 365 * 24 * time.Hour)
	if _, err := w.Authenticate(t.Context(), forever); err != nil {
		t.Error(err)
	}
}

// What a key is good for comes back as it was given, and its use is noted now and then.
func TestKeysAreListed(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		scope := authz.Scope{Roles: []string{"agent"}, Verbs: []string{"read", "history"}}
		raw, made := w.key(APIKey{UserID: "1", Name: "a, b", Scope: scope})
		for range 3 {
			s, err := w.Authenticate(ctx, raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&authz.Scope{Roles: []string{"agent"}, Verbs: []string{"history", "read"}}, s.Scope); diff != "" {
				t.Error(diff)
			}
		}
		first := w.clock()
		used := func() time.Time {
			keys, err := w.Keys(ctx, "1")
			if err != nil || len(keys) != 1 || keys[0].Name != "a, b" || keys[0].Prefix != made.Prefix {
				t.Fatalf("%+v, %v", keys, err)
			}
			return keys[0].Used
		}
		if got := used(); !got.Equal(first) {
			t.Errorf("used %s, want %s", got, first)
		}
		w.wait(noteEvery - time.Second)
		if _, err := w.Authenticate(ctx, raw); err != nil || !used().Equal(first) {
			t.Errorf("noted again after %s, %v", used().Sub(first), err)
		}
		w.wait(time.Second)
		if _, err := w.Authenticate(ctx, raw); err != nil || !used().Equal(w.clock()) {
			t.Errorf("used %s, want %s, %v", used(), w.clock(), err)
		}
		if keys, err := w.Keys(ctx, "2"); err != nil || len(keys) != 0 {
			t.Errorf("of somebody else: %+v, %v", keys, err)
		}
	})
}

// The store has nothing that opens the door.
func TestKeysAreStoredHashed(t *testing.T) {
	w := newWorld(t)
	raw, _ := w.key(APIKey{UserID: "1", Name: "n"})
	page, err := w.store.Read(t.Context(), &storage.Query{Class: w.keys.class, Columns: w.keys.columns, Limit: 1, Order: []storage.Order{{By: path(w.keys.id)}}})
	if err != nil {
		t.Fatal(err)
	}
	secret := raw[len(raw)-secretLen:]
	for i, v := range page.Rows[0].Values {
		if v.Kind() == schema.Text && strings.Contains(v.Text(), secret) {
			t.Errorf("%s holds the secret", w.keys.class.Fields[i].Name)
		}
	}
}

func BenchmarkAPIKey(b *testing.B) {
	w := newFileWorld(b)
	raw, _ := w.key(APIKey{UserID: "1"})
	for b.Loop() {
		if _, err := w.Authenticate(context.Background(), raw); err != nil {
			b.Fatal(err)
		}
	}
}

// flip is another character of the same alphabet.
func flip(c byte) string {
	if c == 'b' {
		return "c"
	}
	return "b"
}

// Sessions of other issuers mean nothing here; ours count whoever signed.
func TestSessionsOfOtherIssuers(t *testing.T) {
	w := newWorld(t)
	ours := w.login()
	for name, row := range map[string]struct {
		claims  token.Claims
		ok      bool
		session string
		roles   []string
	}{
		"their session":            {token.Claims{Subject: "1", Session: "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", Roles: []string{"x"}, Foreign: true}, true, "", []string{"x"}},
		"of somebody unknown":      {token.Claims{Subject: "stranger", Session: "not even a UUID", Roles: []string{"x"}, Foreign: true}, true, "", []string{"x"}},
		"of a disabled user":       {token.Claims{Subject: "2", Session: "s", Foreign: true}, false, "", nil},
		"ours":                     {token.Claims{Subject: "1", Session: ours.Session, Roles: []string{"x"}, Foreign: true}, true, ours.Session, []string{"agent"}},
		"ours, of another subject": {token.Claims{Subject: "3", Session: ours.Session, Foreign: true}, false, "", nil},
		"unknown, signed by us":    {token.Claims{Subject: "1", Session: "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}, false, "", nil},
	} {
		s, err := w.Subject(t.Context(), &row.claims)
		if row.ok != (err == nil) || err != nil && !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %+v, %v", name, s, err)
		} else if row.ok && (s.Session != row.session || !cmp.Equal(s.Roles, row.roles)) {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if err := w.Logout(t.Context(), ours.Session); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Subject(t.Context(), &token.Claims{Subject: "1", Session: ours.Session, Foreign: true}); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("ended, signed by a key that only verifies now: %v", err)
	}
}
