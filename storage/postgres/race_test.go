package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
	"github.com/dowel-dev/dowel/storage/storagetest"
)

// parcel is what the races are run for: boxes that things lie in.
func parcels() *schema.Schema {
	return storagetest.Schema(
		storagetest.Class("box", storagetest.Text("name", storagetest.Unique), storagetest.Of("int", "score"), storagetest.SoftDelete),
		storagetest.Class("thing", storagetest.Text("label"), storagetest.Ref("box", "box", "things")),
		storagetest.Class("crate", storagetest.Text("name")),
		storagetest.Class("item", storagetest.Text("label"), storagetest.Ref("crate", "crate", "items")),
	)
}

// racers is a store with short words for changes.
type racers struct {
	*Store
	t   testing.TB
	ctx context.Context
}

func openRace(t *testing.T) *racers {
	return &racers{openMigrated(t, pgtest.Database(t), parcels(), Options{}), t, context.Background()}
}

func (r *racers) class(name string) *schema.Class { return r.models.Present().Schema.Class(name) }

func (r *racers) change(op storage.Op, class string, key int64, set ...any) *storage.Change {
	c := &storage.Change{Op: op, Class: r.class(class)}
	if key != 0 {
		c.Key = []schema.Value{schema.NewInt(key)}
	}
	for i := 0; i < len(set); i += 2 {
		f := c.Class.Field(set[i].(string))
		c.Set = append(c.Set, storage.Assign{Field: f, Value: storagetest.Value(f.Type, set[i+1])})
	}
	return c
}

// do runs changes in one transaction; final makes the last one its end.
func (r *racers) do(final bool, changes ...*storage.Change) error {
	return r.Write(r.ctx, func(tx storage.Tx) error {
		for i, c := range changes {
			c.Final = final && i == len(changes)-1
			if _, err := tx.Apply(r.ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *racers) must(changes ...*storage.Change) {
	r.t.Helper()
	if err := r.do(false, changes...); err != nil {
		r.t.Fatal(err)
	}
}

func (r *racers) rows(class string, d storage.Deleted) []storage.Row {
	r.t.Helper()
	q := &storage.Query{Class: r.class(class), Limit: -1, Deleted: d}
	for _, f := range q.Class.Fields {
		if f.Stored() {
			q.Columns = append(q.Columns, storage.Column{Field: f})
		}
	}
	p, err := r.Read(r.ctx, q)
	if err != nil {
		r.t.Fatal(err)
	}
	return p.Rows
}

func together(n int, fn func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fn(i) })
	}
	wg.Wait()
}

// ends compares an error with those that a race may end in.
func ends(t testing.TB, err error, allowed ...string) {
	t.Helper()
	if err == nil {
		return
	}
	name := "other"
	switch {
	case errors.As(err, new(*storage.UniqueError)):
		name = "unique"
	case errors.As(err, new(*storage.ReferenceError)):
		name = "reference"
	case errors.As(err, new(*storage.ReferencedError)):
		name = "referenced"
	case errors.Is(err, storage.ErrNotFound):
		name = "gone"
	case errors.Is(err, storage.ErrConcurrent):
		name = "concurrent"
	}
	if !slices.Contains(allowed, name) {
		t.Errorf("%s: %v", name, err)
	}
}

func TestHotRow(t *testing.T) {
	r := openRace(t)
	r.must(r.change(storage.Insert, "box", 0, "name", "hot", "score", 0))
	score := r.class("box").Field("score")
	for _, final := range []bool{true, false} {
		var longest atomic.Int64
		together(64, func(i int) {
			for k := range 5 {
				start := time.Now()
				ends(t, r.do(final, r.change(storage.Update, "box", 1, "name", fmt.Sprint(i, "-", k))))
				longest.Store(max(longest.Load(), int64(time.Since(start))))
			}
		})
		t.Logf("final %v: longest %v", final, time.Duration(longest.Load()))
	}
	// What is read in a transaction is still so when it writes.
	var done, lost atomic.Int64
	together(16, func(int) {
		for range 5 {
			err := r.Write(r.ctx, func(tx storage.Tx) error {
				p, err := tx.Read(r.ctx, &storage.Query{Class: r.class("box"), Key: []schema.Value{schema.NewInt(1)}, Limit: -1, Columns: []storage.Column{{Field: score}}})
				if err != nil {
					return err
				}
				_, err = tx.Apply(r.ctx, r.change(storage.Update, "box", 1, "score", p.Rows[0].Values[score.Index].Int()+1))
				return err
			})
			ends(t, err, "concurrent")
			if err == nil {
				done.Add(1)
			} else {
				lost.Add(1)
			}
		}
	})
	if got := r.rows("box", storage.Live)[0].Values[score.Index].Int(); got != done.Load() {
		t.Errorf("score %d after %d increments", got, done.Load())
	}
	if lost.Load() > 8 {
		t.Errorf("%d of 80 gave up", lost.Load())
	}
}

func TestUniqueRace(t *testing.T) {
	r := openRace(t)
	for round := range 8 {
		var won atomic.Int64
		together(32, func(i int) {
			err := r.do(i%2 == 0, r.change(storage.Insert, "box", 0, "name", fmt.Sprint("only ", round), "score", i))
			ends(t, err, "unique")
			if err == nil {
				won.Add(1)
			}
		})
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
	}
}

// TestOrphans deletes rows while others make references to them.
func TestOrphans(t *testing.T) {
	r := openRace(t)
	const parents = 60
	for i := 1; i <= parents; i++ {
		r.must(r.change(storage.Insert, "crate", 0, "name", "x"), r.change(storage.Insert, "box", 0, "name", fmt.Sprint(i), "score", 0))
	}
	for p := int64(1); p <= parents; p++ {
		together(6, func(i int) {
			final := rand.N(2) == 0
			switch i {
			case 0, 1:
				ends(t, r.do(final, r.change(storage.Insert, "item", 0, "label", "x", "crate", p)), "reference")
			case 2, 3:
				c := r.change(storage.Insert, "thing", 0, "label", "x", "box", p)
				c.After = []storage.Guard{{Where: storagetest.Exists("box", storagetest.All)(c.Class), Err: storage.ErrNotFound}}
				ends(t, r.do(final, c), "gone")
			case 4:
				ends(t, r.do(final, r.change(storage.Delete, "crate", p)), "referenced", "gone")
			case 5:
				ends(t, r.do(true, r.change(storage.SoftDelete, "box", p, "deleted_at", "2026-01-02T03:04:05Z")), "referenced", "gone")
			}
		})
	}
	there := map[int64]bool{}
	for _, row := range r.rows("crate", storage.WithDeleted) {
		there[row.Values[0].Int()] = true
	}
	for _, row := range r.rows("item", storage.Live) {
		if crate := row.Values[r.class("item").Field("crate").Index].Int(); !there[crate] {
			t.Errorf("an item in crate %d, which is gone", crate)
		}
	}
	live := map[int64]bool{}
	for _, row := range r.rows("box", storage.Live) {
		live[row.Values[0].Int()] = true
	}
	for _, row := range r.rows("thing", storage.Live) {
		if box := row.Values[r.class("thing").Field("box").Index].Int(); !live[box] {
			t.Errorf("a thing in box %d, which was softly deleted", box)
		}
	}
	t.Logf("%d boxes and %d things left", len(live), len(r.rows("thing", storage.Live)))
	t.Logf("%d crates and %d items left", len(there), len(r.rows("item", storage.Live)))
}

// TestOpposite updates the same rows in opposite orders: one of two has to run again, none gets stuck.
func TestOpposite(t *testing.T) {
	r := openRace(t)
	const n = 20
	for i := range n {
		r.must(r.change(storage.Insert, "box", 0, "name", fmt.Sprint(i), "score", 0))
	}
	var longest atomic.Int64
	together(6, func(i int) {
		for k := range 4 {
			changes := make([]*storage.Change, n)
			for j := range changes {
				key := int64(j + 1)
				if i%2 == 1 {
					key = n - int64(j)
				}
				changes[j] = r.change(storage.Update, "box", key, "score", k)
			}
			start := time.Now()
			ends(t, r.do(false, changes...), "concurrent")
			longest.Store(max(longest.Load(), int64(time.Since(start))))
		}
	})
	t.Logf("longest %v", time.Duration(longest.Load()))
	if longest.Load() > int64(3*r.options.LockWait) {
		t.Errorf("stuck for %v", time.Duration(longest.Load()))
	}
}

// TestCounters reads counters and rows while both paths write: equal counters mean equal
// rows, and no counter goes back.
func TestCounters(t *testing.T) {
	r := openRace(t)
	for i := range 8 {
		r.must(r.change(storage.Insert, "box", 0, "name", fmt.Sprint(i), "score", 0))
	}
	ctx, stop := context.WithTimeout(r.ctx, time.Second)
	defer stop()
	var seen sync.Map
	together(12, func(i int) {
		last := int64(0)
		for n := 0; ctx.Err() == nil; n++ {
			if i < 8 {
				ends(t, r.do(i%2 == 0, r.change(storage.Update, "box", int64(i/2+1), "score", n)), "concurrent")
				continue
			}
			p, err := r.Read(r.ctx, &storage.Query{Class: r.class("box"), Limit: -1, Watch: []*schema.Class{r.class("box")}})
			if err != nil {
				t.Error(err)
				return
			}
			var b strings.Builder
			for _, row := range p.Rows {
				fmt.Fprint(&b, row.Version, " ")
			}
			if was, there := seen.LoadOrStore(p.Counters[0], b.String()); there && was != b.String() {
				t.Errorf("counter %d with versions %s and %s", p.Counters[0], was, b.String())
				return
			}
			if p.Counters[0] < last {
				t.Errorf("the counter went from %d to %d", last, p.Counters[0])
			}
			last = p.Counters[0]
		}
	})
}

// TestAgain lets two transactions meet: the second runs again, with a new snapshot.
func TestAgain(t *testing.T) {
	r := openRace(t)
	r.must(r.change(storage.Insert, "box", 0, "name", "a", "score", 0))
	runs := 0
	err := r.Write(r.ctx, func(tx storage.Tx) error {
		runs++
		p, err := tx.Read(r.ctx, &storage.Query{Class: r.class("box"), Limit: -1})
		if err != nil {
			return err
		}
		if runs == 1 {
			r.must(r.change(storage.Update, "box", 1, "score", 1))
		}
		row, err := tx.Apply(r.ctx, r.change(storage.Update, "box", 1, "score", 2))
		if err != nil {
			return errors.New("what fn makes of the error does not matter")
		}
		if row.Version <= p.Rows[0].Version {
			t.Errorf("version %d after %d", row.Version, p.Rows[0].Version)
		}
		return nil
	})
	if err != nil || runs != 2 {
		t.Errorf("%d runs, %v", runs, err)
	}
}
