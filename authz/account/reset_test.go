package account

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestResets(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for _, nobody := range []string{"eve@x.io", "bob@x.io", "?", ""} {
			if r, err := w.Forgot(ctx, nobody); r != nil || err != nil {
				t.Errorf("%q: %+v, %v", nobody, r, err)
			}
		}
		one, err := w.Forgot(ctx, "ann@x.io")
		if err != nil || one.To != "ann@x.io" && one.To != "Ann@x.io" {
			t.Fatalf("%+v, %v", one, err)
		}
		two, err := w.Forgot(ctx, "ann@x.io")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // looking does not spend it
			if id, err := w.ResetUser(ctx, one.Token); id != "1" || err != nil {
				t.Fatal(id, err)
			}
		}
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				switch id, err := w.SpendReset(ctx, one.Token); {
				case err == nil && id == "1":
					won.Add(1)
				case err != ErrCredentials:
					t.Error(id, err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("a token worked %d times", won.Load())
		}
		if _, err := w.ResetUser(ctx, two.Token); err != ErrCredentials {
			t.Errorf("the other token lives on: %v", err)
		}
		for _, made := range []string{"", "x", one.Token + "x"} {
			if _, err := w.SpendReset(ctx, made); err != ErrCredentials {
				t.Errorf("%q: %v", made, err)
			}
		}
	})
}

func TestResetsEnd(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"an hour later":          func(w *world) { w.wait(ResetFor) },
		"the user is disabled":   func(w *world) { w.update(1, "active", "false") },
		"every session is ended": func(w *world) { _ = w.LogoutUser(w.t.Context(), "1") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r, err := w.Forgot(t.Context(), "ann@x.io")
			if err != nil {
				t.Fatal(err)
			}
			w.wait(ResetFor - time.Second)
			if _, err := w.ResetUser(t.Context(), r.Token); err != nil {
				t.Fatal(err)
			}
			end(w)
			if _, err := w.SpendReset(t.Context(), r.Token); err != ErrCredentials {
				t.Error(err)
			}
		})
	}
	w := newWorld(t)
	if _, err := w.Forgot(t.Context(), "ann@x.io"); err != nil {
		t.Fatal(err)
	}
	w.wait(ResetFor + time.Second)
	if n, err := w.Sweep(t.Context(), 100); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
}
