package account

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestHash(t *testing.T) {
	h, err := NewHasher(cheap, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	one, err := h.Hash(ctx, "secret")
	if err != nil {
		t.Fatal(err)
	}
	two, _ := h.Hash(ctx, "secret")
	if one == two || !strings.HasPrefix(one, "$argon2id$v=19$m=64,t=1,p=1$") || !IsHash(one) {
		t.Errorf("%s, %s", one, two)
	}
	if _, err := h.Hash(ctx, strings.Repeat("x", MaxPassword+1)); !errors.Is(err, ErrPasswordTooLong) {
		t.Error(err)
	}
	for password, want := range map[string]bool{"secret": true, "Secret": false, "": false, "secret\x00": false} {
		if ok, renew, err := h.Verify(ctx, one, password); ok != want || renew || err != nil {
			t.Errorf("%q: %v, %v, %v", password, ok, renew, err)
		}
	}
}

// A hash made by the reference implementation of argon2 (phc-winner-argon2).
func TestVerifyKnownHash(t *testing.T) {
	h, _ := NewHasher(Params{}, nil)
	const known = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	ok, renew, err := h.Verify(context.Background(), known, "password")
	if !ok || !renew || err != nil {
		t.Errorf("%v, %v, %v", ok, renew, err)
	}
}

func TestVerifyRefusesWhatIsNoHash(t *testing.T) {
	h, _ := NewHasher(cheap, nil)
	for _, stored := range []string{
		"", "secret", "$2a$10$abcdefghijklmnopqrstuv", "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$", "$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
	} {
		for _, password := range []string{"", stored, "secret"} {
			if ok, _, err := h.Verify(context.Background(), stored, password); ok || err != nil {
				t.Errorf("%s with %q: %v, %v", stored, password, ok, err)
			}
		}
	}
}

func TestHashingWaitsForItsTurn(t *testing.T) {
	h, _ := NewHasher(cheap, nil)
	for range cap(h.turns) {
		h.turns <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if _, err := h.Hash(context.Background(), "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
}

func TestLimiter(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	l := NewLimiter(10, time.Minute, func() time.Time { return now })
	for i := range 10 {
		if _, ok := l.Allow("a"); !ok {
			t.Fatalf("try %d refused", i)
		}
	}
	if retry, ok := l.Allow("a"); ok || retry != 6*time.Second {
		t.Errorf("try 11: %v, %v", retry, ok)
	}
	if _, ok := l.Allow("b"); !ok {
		t.Error("another key pays for the first")
	}
	now = now.Add(6 * time.Second)
	if _, ok := l.Allow("a"); !ok {
		t.Error("refused after its time")
	}
	var off *Limiter
	if _, ok := off.Allow("a"); !ok {
		t.Error("no limiter refuses")
	}
	if _, ok := NewLimiter(0, time.Minute, nil).Allow("a"); !ok {
		t.Error("a limiter that is off refuses")
	}
}
