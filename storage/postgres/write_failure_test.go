package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
	"github.com/dowel-dev/dowel/storage/storagetest"
)

// admin is a connection of somebody else to the database of a test.
func admin(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// TestKilled ends sessions while both paths write: what was acknowledged is there, what failed is not,
// and only of what may be either is it said so.
func TestKilled(t *testing.T) {
	url := pgtest.Database(t)
	r := &racers{openMigrated(t, url, parcels(), Options{}), t, context.Background()}
	boss := admin(t, url)
	var mu sync.Mutex
	outcome := map[string]error{}
	var stop atomic.Bool
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() {
			for k := 0; !stop.Load(); k++ {
				name := fmt.Sprint(i, "-", k)
				err := r.do(i%2 == 0, r.change(storage.Insert, "box", 0, "name", name, "score", 1))
				mu.Lock()
				outcome[name] = err
				mu.Unlock()
				if err != nil {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	for range 12 {
		time.Sleep(60 * time.Millisecond)
		if _, err := boss.Exec(r.ctx, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	done.Wait()
	there := map[string]bool{}
	rows, _ := boss.Query(r.ctx, "select name from "+r.class("box").Table)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		there[name] = true
	}
	var fine, unknown, failed int
	for name, err := range outcome {
		switch {
		case err == nil:
			if fine++; !there[name] {
				t.Errorf("%s was acknowledged and is not there", name)
			}
		case errors.Is(err, storage.ErrOutcomeUnknown):
			unknown++
		default:
			if failed++; there[name] {
				t.Errorf("%s is there and failed: %v", name, err)
			}
			if !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	t.Logf("%d fine, %d unknown, %d failed", fine, unknown, failed)
	if fine == 0 || unknown+failed == 0 {
		t.Error("nothing was put to the test")
	}
}

// TestFence changes a table behind the back of a node. It goes on when the table is still what
// it needs, and writes nothing when it is not.
func TestFence(t *testing.T) {
	url := pgtest.Database(t)
	r := &racers{openMigrated(t, url, parcels(), Options{}), t, context.Background()}
	boss := admin(t, url)
	exec := func(sql string) {
		t.Helper()
		if _, err := boss.Exec(r.ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, final := range []bool{true, false} {
		add := func(n int) error {
			return r.do(final, r.change(storage.Insert, "crate", 0, "name", fmt.Sprint(final, n)))
		}
		if err := add(1); err != nil {
			t.Fatal(err)
		}
		exec("update _dowel_counters set epoch = epoch + 1 where name = 'crates'")
		if err := add(2); err != nil {
			t.Errorf("final %v: the tables are as they were: %v", final, err)
		}
		exec("alter table crates rename column name to title; alter table crates add column name text; update _dowel_counters set epoch = epoch + 1 where name = 'crates'; alter table crates alter column title drop not null")
		before := len(r.rows("crate", storage.Live))
		if err := add(3); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("final %v: got %v", final, err)
		}
		if err := r.do(final, r.change(storage.Insert, "box", 0, "name", fmt.Sprint(final), "score", 1)); err != nil {
			t.Errorf("final %v: another table: %v", final, err)
		}
		if n := len(r.rows("crate", storage.Live)); n != before {
			t.Errorf("final %v: %d rows after %d", final, n, before)
		}
		exec("alter table crates drop column name; alter table crates rename column title to name; update crates set name = 'x' where name is null; alter table crates alter column name set not null; update _dowel_counters set epoch = epoch + 1 where name = 'crates'")
		time.Sleep(1100 * time.Millisecond) // it does not look at every change
		if err := add(4); err != nil {
			t.Errorf("final %v: the tables are as they were again: %v", final, err)
		}
	}
}

// TestGoingOn goes on in a transaction after changes and reads of it have failed.
func TestGoingOn(t *testing.T) {
	s := storagetest.Schema(
		storagetest.Class("org", storagetest.Text("name", storagetest.Unique), storagetest.Computed("total", "sum", "parts", "size", nil)),
		storagetest.Class("part", storagetest.Of("bigint", "size"), storagetest.Ref("org", "org", "parts", storagetest.Optional)),
	)
	r := &racers{openMigrated(t, pgtest.Database(t), s, Options{}), t, context.Background()}
	huge := func() *storage.Change { return r.change(storage.Insert, "part", 0, "size", int64(1)<<62, "org", 1) }
	r.must(r.change(storage.Insert, "org", 0, "name", "a"), huge(), huge())
	sum := &storage.Query{Class: r.class("org"), Limit: -1, Columns: []storage.Column{{Field: r.class("org").Field("total")}}}
	names := &storage.Query{Class: r.class("org"), Limit: -1, Columns: []storage.Column{{Field: r.class("org").Field("name")}}}
	read := func(tx storage.Tx, want int) {
		t.Helper()
		p, err := tx.Read(r.ctx, names)
		if err != nil || len(p.Rows) != want {
			t.Errorf("read: %v, %v", p, err)
		}
	}
	insert := func(tx storage.Tx, name string) error {
		_, err := tx.Apply(r.ctx, r.change(storage.Insert, "org", 0, "name", name))
		return err
	}
	err := r.Write(r.ctx, func(tx storage.Tx) error {
		ends(t, insert(tx, "a"), "unique") // as the first thing
		read(tx, 1)
		ends(t, insert(tx, "a"), "unique") // after a read
		read(tx, 1)
		if err := insert(tx, "b"); err != nil {
			return err
		}
		ends(t, insert(tx, "a"), "unique") // after a change
		read(tx, 2)
		err := tx.Savepoint(r.ctx, func() error {
			_, err := tx.Read(r.ctx, sum) // the server gives up the transaction for it
			return err
		})
		if !errors.Is(err, storage.ErrTooLarge) {
			t.Errorf("sum: %v", err)
		}
		read(tx, 2)
		err = tx.Savepoint(r.ctx, func() error {
			if err := insert(tx, "c"); err != nil {
				return err
			}
			ends(t, insert(tx, "b"), "unique")
			return insert(tx, "d")
		})
		if err != nil {
			return err
		}
		_ = tx.Savepoint(r.ctx, func() error {
			_ = insert(tx, "e")
			_, _ = tx.Read(r.ctx, sum)
			return nil // what has failed is not made good by not mentioning it
		})
		read(tx, 4)
		return insert(tx, "f")
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.Read(r.ctx, names)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for i := range p.Rows {
		got += p.Rows[i].Values[r.class("org").Field("name").Index].Text()
	}
	if got != "abcdf" {
		t.Errorf("got %s", got)
	}
	// A failed read leaves nothing to go on with when changes would be lost with it.
	err = r.Write(r.ctx, func(tx storage.Tx) error {
		if err := insert(tx, "g"); err != nil {
			return err
		}
		_, _ = tx.Read(r.ctx, sum)
		return nil
	})
	if !errors.Is(err, storage.ErrTooLarge) {
		t.Errorf("committed after a failed read: %v", err)
	}
}

// TestGone ends contexts at every step of a transaction.
func TestGone(t *testing.T) {
	r := openRace(t)
	r.must(r.change(storage.Insert, "box", 0, "name", "a", "score", 0))
	for _, final := range []bool{true, false} {
		ctx, cancel := context.WithCancel(r.ctx)
		err := r.Write(ctx, func(tx storage.Tx) error {
			c := r.change(storage.Update, "box", 1, "score", 1)
			if !final {
				if _, err := tx.Apply(ctx, c); err != nil {
					return err
				}
				cancel()
				return nil
			}
			cancel()
			c.Final = true
			_, err := tx.Apply(ctx, c)
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("final %v: %v", final, err)
		}
		cancel()
	}
	if got := r.rows("box", storage.Live)[0].Values[r.class("box").Field("score").Index]; got != schema.NewInt(0) {
		t.Errorf("score %v", got)
	}
	if n := r.pool.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are still out", n)
	}
}

// late is a context that ends just after somebody has looked whether it has.
type late struct {
	context.Context
	looks int
}

func (l *late) Err() error {
	if l.looks++; l.looks == 1 {
		return nil
	}
	return context.Canceled
}

func (l *late) Done() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// TestUnsent loses a batch before it is sent, and with it what was to be sent ahead: nothing may
// be written outside of the transaction, or without the savepoint.
func TestUnsent(t *testing.T) {
	r := openRace(t)
	for _, before := range []bool{false, true} {
		err := r.Write(r.ctx, func(tx storage.Tx) error {
			if before {
				if _, err := tx.Apply(r.ctx, r.change(storage.Insert, "crate", 0, "name", "first")); err != nil {
					return err
				}
			}
			gone := &late{Context: r.ctx}
			if _, err := tx.Apply(gone, r.change(storage.Insert, "crate", 0, "name", "second")); !errors.Is(err, context.Canceled) {
				t.Errorf("second: %v", err)
			}
			_, _ = tx.Apply(r.ctx, r.change(storage.Insert, "crate", 0, "name", "third"))
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("before %v: %v", before, err)
		}
		if n := len(r.rows("crate", storage.Live)); n != 0 {
			t.Errorf("before %v: %d rows", before, n)
		}
	}
}
