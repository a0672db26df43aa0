package storagetest

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/dowel-dev/dowel/storage"
)

// once claims a key in a transaction of its own, adds an org where nobody had it, and keeps a
// value. It returns what was kept before.
func (f *fixture) once(key, value string, now time.Time) (kept string, err error) {
	err = f.write(func(tx storage.Tx) (err error) {
		if kept, err = tx.Claim(f.ctx, key, now, now.Add(time.Hour)); err != nil || kept != "" {
			return err
		}
		applyTx(f, tx, f.insert("org", "name", key+" "+value), f.update("org", 1, "name", value))
		return tx.Keep(f.ctx, key, value)
	})
	return kept, err
}

func keeping() chapter {
	noon := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	want := func(f *fixture, key, value string, now time.Time, found string) {
		f.t.Helper()
		kept, err := f.once(key, value, now)
		f.wantError(err, nil)
		f.want([]string{kept}, found)
	}
	return stocked("values kept under keys",
		promise{"who comes later is given the value, and does nothing", func(f *fixture) {
			want(f, "a", "one", noon, "")
			want(f, "a", "two", noon.Add(time.Minute), "one")
			want(f, "b", "three \x01 é\n", noon, "")
			want(f, "b", "four", noon, "three \x01 é\n")
			f.want(f.read("org", "name"), "three \x01 é\n", "Beta", "a one", "b three \x01 é\n")
		}},
		promise{"a transaction that fails has claimed nothing", func(f *fixture) {
			f.wantError(f.write(func(tx storage.Tx) error {
				if _, err := tx.Claim(f.ctx, "a", noon, noon.Add(time.Hour)); err != nil {
					return err
				}
				if err := tx.Keep(f.ctx, "a", "never"); err != nil {
					return err
				}
				return errBoom
			}), errBoom)
			want(f, "a", "one", noon, "")
		}},
		promise{"a claim outlives what fails after it in a savepoint", func(f *fixture) {
			f.wantError(f.write(func(tx storage.Tx) error {
				if _, err := tx.Claim(f.ctx, "a", noon, noon.Add(time.Hour)); err != nil {
					return err
				}
				err := tx.Savepoint(f.ctx, func() error {
					_, err := tx.Apply(f.ctx, &f.insert("org", "name", "Beta").Change)
					return err
				})
				f.wantError(err, f.unique("org", "name"))
				return tx.Keep(f.ctx, "a", "one")
			}), nil)
			want(f, "a", "two", noon, "one")
		}},
		promise{"a key is free again when its time is over", func(f *fixture) {
			want(f, "a", "one", noon, "")
			want(f, "a", "two", noon.Add(time.Hour-time.Second), "one")
			want(f, "a", "three", noon.Add(time.Hour), "")
			want(f, "a", "four", noon.Add(time.Hour), "three")
		}},
		promise{"old keys make room for new ones", func(f *fixture) {
			for i := range 5 {
				want(f, fmt.Sprint("old", i), "x", noon, "")
			}
			for i := range 5 {
				want(f, fmt.Sprint("new", i), "x", noon.Add(2*time.Hour), "")
			}
			want(f, "new0", "y", noon.Add(2*time.Hour), "x")
			want(f, "old0", "z", noon, "") // as if it were earlier again: it has gone
		}},
		promise{"only a claimed key keeps a value, once", func(f *fixture) {
			want(f, "a", "one", noon, "")
			for _, key := range []string{"a", "b"} {
				if err := f.write(func(tx storage.Tx) error { return tx.Keep(f.ctx, key, "x") }); err == nil {
					f.t.Errorf("%s was kept", key)
				}
			}
			want(f, "a", "two", noon, "one")
		}},
		promise{"of those who claim at the same time one does it", func(f *fixture) {
			var did atomic.Int64
			together(8, func(i int) {
				for n := range 5 {
					kept, err := f.once(fmt.Sprint("key", n), fmt.Sprint("by ", i, n), noon)
					switch {
					case err != nil:
						f.t.Errorf("%v", err)
					case kept == "":
						did.Add(1)
					}
				}
			})
			if n := did.Load(); n != 5 {
				f.t.Errorf("done %d times, of 5 keys", n)
			}
		}},
	)
}
