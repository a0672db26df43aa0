package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// together runs fn n times at once and waits.
func together(n int, fn func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() { defer wg.Done(); fn(i) }()
	}
	wg.Wait()
}

func racing() chapter {
	return empty("concurrency", shop,
		promise{"increments with the version read lose nothing", func(f *fixture) {
			f.do(f.insert("customer", "name", "x", "score", 0))
			const workers, each = 8, 10
			score := f.field("customer", "score").Index
			together(workers, func(int) {
				for done := 0; done < each; {
					rows := f.page(f.query("customer", "score")).Rows
					err := f.try(f.update("customer", 1, "score", rows[0].Values[score].Int()+1).ifVersion(rows[0].Version))
					if stale := new(storage.StaleError); errors.As(err, &stale) || errors.Is(err, storage.ErrConcurrent) {
						continue
					}
					if err != nil {
						f.t.Errorf("write: %v", err)
						return
					}
					done++
				}
			})
			f.want(f.read("customer", "score"), fmt.Sprint(workers*each))
		}},
		promise{"increments that read in their transaction lose nothing", func(f *fixture) {
			f.do(f.insert("customer", "name", "x", "score", 0))
			const workers, each = 8, 10
			score := f.field("customer", "score").Index
			together(workers, func(int) {
				for done := 0; done < each; {
					err := f.write(func(tx storage.Tx) error {
						p, err := tx.Read(f.ctx, f.query("customer", "score"))
						if err != nil {
							return err
						}
						_, err = tx.Apply(f.ctx, &f.update("customer", 1, "score", p.Rows[0].Values[score].Int()+1).Change)
						return err
					})
					switch {
					case err == nil:
						done++
					case !errors.Is(err, storage.ErrConcurrent):
						f.t.Errorf("write: %v", err)
						return
					}
				}
			})
			f.want(f.read("customer", "score"), fmt.Sprint(workers*each))
		}},
		promise{"a unique value is won once", func(f *fixture) {
			var won, lost atomic.Int64
			together(16, func(int) {
				err := f.try(f.insert("org", "name", "only"))
				switch unique := new(storage.UniqueError); {
				case err == nil:
					won.Add(1)
				case errors.As(err, &unique):
					lost.Add(1)
				default:
					f.t.Errorf("write: %v", err)
				}
			})
			if won.Load() != 1 || lost.Load() != 15 {
				f.t.Errorf("%d won, %d lost", won.Load(), lost.Load())
			}
		}},
		promise{"generated ids and versions are all different", func(f *fixture) {
			var mu sync.Mutex
			ids, versions := map[int64]bool{}, map[int64]bool{}
			together(8, func(i int) {
				for k := range 10 {
					c := f.insert("org", "name", fmt.Sprint(i, "-", k))
					var row *storage.Row
					if err := f.write(func(tx storage.Tx) (err error) { row, err = tx.Apply(f.ctx, &c.Change); return err }); err != nil {
						f.t.Errorf("write: %v", err)
						return
					}
					mu.Lock()
					ids[row.Values[0].Int()], versions[row.Version] = true, true
					mu.Unlock()
				}
			})
			if len(ids) != 80 || len(versions) != 80 {
				f.t.Errorf("%d ids and %d versions of 80 rows", len(ids), len(versions))
			}
		}},
		promise{"a reader sees each transaction whole or not at all", func(f *fixture) {
			// Two accounts between which money moves: every read must see the same sum.
			f.do(f.insert("org", "name", "bank"), f.insert("customer", "name", "a", "org", 1), f.insert("customer", "name", "b", "org", 1))
			f.do(f.insert("order", "number", "1", "customer", 1, "total", "50.00"), f.insert("order", "number", "2", "customer", 2, "total", "50.00"))
			ctx, stop := context.WithTimeout(f.ctx, 300*time.Millisecond)
			defer stop()
			total, customers := f.field("order", "total").Index, f.class("customer")
			together(4, func(i int) {
				for n := 0; ctx.Err() == nil; n++ {
					if i == 0 {
						a := fmt.Sprintf("%d.00", n%100)
						b := fmt.Sprintf("%d.00", 100-n%100)
						if err := f.try(f.update("order", 1, "total", a), f.update("order", 2, "total", b)); err != nil {
							f.t.Errorf("write: %v", err)
							return
						}
						continue
					}
					p := f.page(f.query("customer", "revenue", expand("orders", "total"), func(q *storage.Query) { q.Watch = []*schema.Class{customers} }))
					var own, listed int64
					for _, r := range p.Rows {
						own += r.Values[f.field("customer", "revenue").Index].Int()
						listed += r.Expanded[0][0].Values[total].Int()
					}
					if own != 10000 || listed != 10000 {
						f.t.Errorf("saw %d computed and %d listed", own, listed)
						return
					}
				}
			})
		}},
		promise{"counters belong to the rows they come with", func(f *fixture) {
			// The only writer makes counter and score move together: equal counters mean equal scores.
			f.do(f.insert("customer", "name", "x", "score", 0))
			ctx, stop := context.WithTimeout(f.ctx, 200*time.Millisecond)
			defer stop()
			var seen sync.Map
			score := f.field("customer", "score").Index
			watch := func(q *storage.Query) { q.Watch = []*schema.Class{f.class("customer")} }
			together(4, func(i int) {
				for n := 1; ctx.Err() == nil; n++ {
					if i == 0 {
						if err := f.try(f.update("customer", 1, "score", n)); err != nil {
							f.t.Errorf("write: %v", err)
							return
						}
						continue
					}
					p := f.page(f.query("customer", "score", watch))
					now := p.Rows[0].Values[score].Int()
					if was, loaded := seen.LoadOrStore(p.Counters[0], now); loaded && was != now {
						f.t.Errorf("counter %d with scores %d and %d", p.Counters[0], was, now)
						return
					}
				}
			})
		}},
		promise{"a waiting writer heeds its context", func(f *fixture) {
			entered, leave := make(chan struct{}), make(chan struct{})
			done := make(chan error, 1)
			go func() {
				var once sync.Once
				done <- f.write(func(tx storage.Tx) error {
					once.Do(func() { close(entered) })
					<-leave
					return nil
				})
			}()
			<-entered
			ctx, cancel := context.WithTimeout(f.ctx, 20*time.Millisecond)
			defer cancel()
			err := f.store.Write(ctx, func(tx storage.Tx) error {
				_, err := tx.Apply(ctx, &f.insert("org", "name", "late").Change)
				return err
			})
			close(leave)
			f.wantError(<-done, nil)
			if err != nil {
				f.wantError(err, context.DeadlineExceeded)
				f.want(f.read("org", "name"))
			}
		}},
		promise{"a reader does not wait for a writer", func(f *fixture) {
			f.do(f.insert("org", "name", "a"))
			f.wantError(f.write(func(tx storage.Tx) error {
				applyTx(f, tx, f.insert("org", "name", "b"))
				f.want(f.read("org", "name"), "a")
				return nil
			}), nil)
		}},
	)
}
