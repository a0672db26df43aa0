package storagetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

var errBoom = errors.New("boom")

// read is fixture.read inside a transaction.
func readTx(f *fixture, tx storage.Reader, class, columns string, mods ...mod) []string {
	f.t.Helper()
	q := f.query(class, columns, mods...)
	p, err := tx.Read(f.ctx, q)
	if err != nil {
		f.t.Fatalf("read: %v", err)
	}
	return show(q, p.Rows)
}

// applyTx applies changes that must succeed.
func applyTx(f *fixture, tx storage.Tx, changes ...*change) {
	f.t.Helper()
	for _, c := range changes {
		if _, err := tx.Apply(f.ctx, &c.Change); err != nil {
			f.t.Fatalf("apply: %v", err)
		}
	}
}

func (f *fixture) write(fn func(tx storage.Tx) error) error { return f.store.Write(f.ctx, fn) }

func transactions() chapter {
	return stocked("transactions",
		promise{"commit when fn returns nil", func(f *fixture) {
			f.wantError(f.write(func(tx storage.Tx) error {
				applyTx(f, tx, f.insert("org", "name", "C"), f.update("org", 1, "name", "D"), f.delete("note", 1))
				return nil
			}), nil)
			f.want(f.read("org", "name"), "D", "Beta", "C")
			f.want(f.read("note", "id"))
		}},
		promise{"a final change commits, and ends its transaction", func(f *fixture) {
			moved := f.moved(func() {
				f.wantError(f.write(func(tx storage.Tx) error {
					c := f.update("org", 1, "name", "D")
					c.Final = true
					applyTx(f, tx, c)
					if _, err := tx.Read(f.ctx, f.query("org", "name")); err == nil {
						f.t.Error("read after the final change")
					}
					if _, err := tx.Apply(f.ctx, &f.insert("org", "name", "E").Change); err == nil {
						f.t.Error("apply after the final change")
					}
					return nil
				}), nil)
			}, "org", "customer")
			f.want([]string{moved}, "org")
			f.want(f.read("org", "name"), "D", "Beta")
		}},
		promise{"a final change commits with those before it", func(f *fixture) {
			f.wantError(f.write(func(tx storage.Tx) error {
				applyTx(f, tx, f.insert("org", "name", "C"))
				c := f.insert("org", "name", "D")
				c.Final = true
				applyTx(f, tx, c)
				return nil
			}), nil)
			f.want(f.read("org", "name"), "Acme", "Beta", "C", "D")
		}},
		promise{"a final change that fails leaves nothing behind, and why can be read", func(f *fixture) {
			for name, c := range map[string]*change{
				"version": f.update("org", 1, "name", "D").ifVersion(1 << 40),
				"guard":   f.update("org", 1, "name", "D").after(Is("name", "=", "E"), errBoom),
				"unique":  f.update("customer", 1, "email", "cid@x.io"),
				"missing": f.update("org", 99, "name", "D"),
				// Those that others refer to, or that refer to others, take locks first.
				"soft deletion":         f.softDelete("customer", 3).ifVersion(1 << 40),
				"soft deletion, guard":  f.softDelete("customer", 3).before(None, errBoom),
				"soft deletion, no row": f.softDelete("customer", 99),
				"reference":             f.update("order", 1, "customer", 2).ifVersion(1 << 40),
			} {
				c.Final = true
				moved := f.moved(func() {
					err := f.write(func(tx storage.Tx) error {
						_, err := tx.Apply(f.ctx, &c.Change)
						if err == nil {
							f.t.Errorf("%s: no error", name)
						}
						readTx(f, tx, "org", "name")
						return err
					})
					if err == nil {
						f.t.Errorf("%s: committed", name)
					}
				}, "org", "customer", "order")
				f.want([]string{moved + name}, name)
			}
		}},
		promise{"read what they wrote", func(f *fixture) {
			f.wantError(f.write(func(tx storage.Tx) error {
				applyTx(f, tx, f.insert("org", "name", "C"), f.update("customer", 1, "org", 3).linked("tags", 3))
				f.want(readTx(f, tx, "customer", "name tags", expand("org", "name"), where(Is("org.name", "=", "C"))), `Ann ["green"] [C]`)
				applyTx(f, tx, f.softDelete("order", 1))
				f.want(readTx(f, tx, "customer", "orders_count", page(0, 1)), "1")
				return nil
			}), nil)
		}},
		promise{"see their own counters move", func(f *fixture) {
			org := []*schema.Class{f.class("org")}
			before := f.counters(org)
			f.wantError(f.write(func(tx storage.Tx) error {
				applyTx(f, tx, f.insert("org", "name", "C"))
				after, err := tx.Counters(f.ctx, org)
				if err != nil || after[0] == before[0] {
					f.t.Errorf("counter %d, %v", after[0], err)
				}
				return nil
			}), nil)
		}},
		promise{"leave nothing behind when fn returns an error, which is returned", func(f *fixture) {
			moved := f.moved(func() {
				err := f.write(func(tx storage.Tx) error {
					applyTx(f, tx, f.insert("org", "name", "C"), f.update("customer", 1, "score", 9).linked("tags"), f.delete("note", 1), f.delete("org", 1))
					return fmt.Errorf("wrapped: %w", errBoom)
				})
				if !errors.Is(err, errBoom) {
					f.t.Errorf("got %v", err)
				}
			}, "org", "customer", "tag", "note")
			f.want([]string{moved}, "")
			f.want(f.read("org", "name"), "Acme", "Beta")
			f.want(f.read("customer", "score tags org", page(0, 1)), `3 ["red","blue"] 1`)
			f.want(f.read("note", "body"), "hello")
		}},
		promise{"leave nothing behind when the last change fails", func(f *fixture) {
			f.wantError(f.try(f.insert("org", "name", "C"), f.insert("org", "name", "D"), f.insert("org", "name", "Acme")), f.unique("org", "name"))
			f.want(f.read("org", "name"), "Acme", "Beta")
		}},
		promise{"leave nothing behind when fn panics", func(f *fixture) {
			func() {
				defer func() {
					if recover() == nil {
						f.t.Error("the panic was swallowed")
					}
				}()
				_ = f.write(func(tx storage.Tx) error {
					applyTx(f, tx, f.insert("org", "name", "C"))
					panic("fn")
				})
			}()
			f.want(f.read("org", "name"), "Acme", "Beta")
			f.do(f.insert("org", "name", "D"))
		}},
		promise{"may write nothing", func(f *fixture) {
			f.want([]string{f.moved(func() { f.wantError(f.write(func(storage.Tx) error { return nil }), nil) }, "org", "customer")}, "")
		}},
		promise{"are dead after fn", func(f *fixture) {
			var kept storage.Tx
			f.wantError(f.write(func(tx storage.Tx) error { kept = tx; return nil }), nil)
			if _, err := kept.Read(f.ctx, f.query("org", "name")); err == nil {
				f.t.Error("read after the end")
			}
			if _, err := kept.Apply(f.ctx, &f.insert("org", "name", "C").Change); err == nil {
				f.t.Error("write after the end")
			}
			if err := kept.Savepoint(f.ctx, func() error { return nil }); err == nil {
				f.t.Error("savepoint after the end")
			}
		}},
		promise{"are not seen before they commit", func(f *fixture) {
			f.wantError(f.write(func(tx storage.Tx) error {
				applyTx(f, tx, f.insert("org", "name", "C"))
				f.want(f.read("org", "name"), "Acme", "Beta")
				return nil
			}), nil)
			f.want(f.read("org", "name"), "Acme", "Beta", "C")
		}},
		promise{"a savepoint that succeeds stays", func(f *fixture) {
			f.wantError(f.write(func(tx storage.Tx) error {
				return tx.Savepoint(f.ctx, func() error { applyTx(f, tx, f.insert("org", "name", "C")); return nil })
			}), nil)
			f.want(f.read("org", "name"), "Acme", "Beta", "C")
		}},
		promise{"a savepoint that fails is undone alone", func(f *fixture) {
			f.wantError(f.write(func(tx storage.Tx) error {
				applyTx(f, tx, f.insert("org", "name", "C"))
				err := tx.Savepoint(f.ctx, func() error {
					applyTx(f, tx, f.insert("org", "name", "D"), f.update("customer", 1, "score", 9).linked("tags"), f.delete("note", 1))
					return errBoom
				})
				f.wantError(err, errBoom)
				f.want(readTx(f, tx, "org", "name"), "Acme", "Beta", "C")
				applyTx(f, tx, f.insert("org", "name", "E"))
				return nil
			}), nil)
			f.want(f.read("org", "name"), "Acme", "Beta", "C", "E")
			f.want(f.read("customer", "score tags", page(0, 1)), `3 ["red","blue"]`)
			f.want(f.read("note", "id"), "1")
		}},
		promise{"a savepoint undoes a refused change", func(f *fixture) {
			f.wantError(f.write(func(tx storage.Tx) error {
				for _, name := range []string{"C", "Acme", "D", "Beta", "E"} {
					err := tx.Savepoint(f.ctx, func() error {
						_, err := tx.Apply(f.ctx, &f.insert("org", "name", name).Change)
						return err
					})
					if taken := name == "Acme" || name == "Beta"; taken {
						f.wantError(err, f.unique("org", "name"))
					} else {
						f.wantError(err, nil)
					}
				}
				return nil
			}), nil)
			f.want(f.read("org", "name"), "Acme", "Beta", "C", "D", "E")
		}},
		promise{"a savepoint undoes each kind of refused change", func(f *fixture) {
			refused := []*change{
				f.insert("order", "number", "Z", "customer", 77),
				f.update("customer", 1, "score", 9).linked("tags", 77),
				f.insert("line", "order", 1, "product", "x", "quantity", 0),
				f.delete("customer", 1),
				f.update("customer", 1, "score", 9).linked("tags").after(None, errBoom),
				f.update("customer", 77, "score", 9),
				f.update("customer", 1, "score", 9).ifVersion(999),
			}
			moved := f.moved(func() {
				f.wantError(f.write(func(tx storage.Tx) error {
					for _, c := range refused {
						if err := tx.Savepoint(f.ctx, func() error { _, err := tx.Apply(f.ctx, &c.Change); return err }); err == nil {
							f.t.Error("not refused")
						}
					}
					return nil
				}), nil)
			}, "customer", "order", "line", "tag", "note", "profile")
			f.want([]string{moved}, "")
			f.want(f.read("customer", "score tags", page(0, 1)), `3 ["red","blue"]`)
		}},
		promise{"savepoints nest", func(f *fixture) {
			f.wantError(f.write(func(tx storage.Tx) error {
				err := tx.Savepoint(f.ctx, func() error {
					applyTx(f, tx, f.insert("org", "name", "C"))
					inner := tx.Savepoint(f.ctx, func() error { applyTx(f, tx, f.insert("org", "name", "D")); return errBoom })
					f.wantError(inner, errBoom)
					return tx.Savepoint(f.ctx, func() error { applyTx(f, tx, f.insert("org", "name", "E")); return nil })
				})
				f.wantError(err, nil)
				err = tx.Savepoint(f.ctx, func() error {
					inner := tx.Savepoint(f.ctx, func() error { applyTx(f, tx, f.insert("org", "name", "F")); return nil })
					f.wantError(inner, nil)
					return errBoom
				})
				f.wantError(err, errBoom)
				return nil
			}), nil)
			f.want(f.read("org", "name"), "Acme", "Beta", "C", "E")
		}},
		promise{"counters of a savepoint that fails stay", func(f *fixture) {
			f.want([]string{f.moved(func() {
				f.wantError(f.write(func(tx storage.Tx) error {
					_ = tx.Savepoint(f.ctx, func() error { applyTx(f, tx, f.insert("org", "name", "C")); return errBoom })
					applyTx(f, tx, f.insert("tag", "name", "x"))
					return nil
				}), nil)
			}, "org", "tag")}, "tag")
		}},
		promise{"a cancelled context reads nothing", func(f *fixture) {
			ctx, cancel := context.WithCancel(f.ctx)
			cancel()
			_, err := f.store.Read(ctx, f.query("org", "name"))
			f.wantError(err, context.Canceled)
			_, err = f.store.Counters(ctx, []*schema.Class{f.class("org")})
			f.wantError(err, context.Canceled)
		}},
		promise{"a cancelled context writes nothing", func(f *fixture) {
			ctx, cancel := context.WithCancel(f.ctx)
			cancel()
			f.wantError(f.store.Write(ctx, func(tx storage.Tx) error {
				_, err := tx.Apply(ctx, &f.insert("org", "name", "C").Change)
				return err
			}), context.Canceled)
			f.want(f.read("org", "name"), "Acme", "Beta")
		}},
		promise{"a context cancelled on the way writes nothing", func(f *fixture) {
			ctx, cancel := context.WithCancel(f.ctx)
			f.wantError(f.store.Write(ctx, func(tx storage.Tx) error {
				applyTx(f, tx, f.insert("org", "name", "C"))
				cancel()
				_, err := tx.Apply(ctx, &f.insert("org", "name", "D").Change)
				return err
			}), context.Canceled)
			f.want(f.read("org", "name"), "Acme", "Beta")
			f.do(f.insert("org", "name", "E"))
		}},
		promise{"a context cancelled before the commit leaves all or nothing", func(f *fixture) {
			ctx, cancel := context.WithCancel(f.ctx)
			err := f.store.Write(ctx, func(tx storage.Tx) error {
				applyTx(f, tx, f.insert("org", "name", "C"))
				cancel()
				return nil
			})
			switch {
			case err == nil:
				f.want(f.read("org", "name"), "Acme", "Beta", "C")
			case !errors.Is(err, storage.ErrOutcomeUnknown):
				f.want(f.read("org", "name"), "Acme", "Beta")
			}
		}},
		promise{"nothing works after Close", func(f *fixture) {
			f.wantError(f.store.Close(), nil)
			_, err := f.store.Read(f.ctx, f.query("org", "name"))
			f.wantError(err, storage.ErrUnavailable)
			_, err = f.store.Counters(f.ctx, []*schema.Class{f.class("org")})
			f.wantError(err, storage.ErrUnavailable)
			f.wantError(f.write(func(storage.Tx) error { return nil }), storage.ErrUnavailable)
		}},
	)
}
