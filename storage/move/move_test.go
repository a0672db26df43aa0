package move_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/migrate"
	"github.com/dowel-dev/dowel/storage/move"
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
	"github.com/dowel-dev/dowel/storage/sqlite"
	. "github.com/dowel-dev/dowel/storage/storagetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// store is what both stores are here.
type store interface {
	storage.Store
	Migrating(ctx context.Context, fn func(migrate.Conn) error) error
}

func side(s store, name string) move.Side {
	return move.Side{Store: s, Name: name, Migrating: s.Migrating}
}

func lite(t testing.TB, s *schema.Schema) store {
	t.Helper()
	st, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"), s, sqlite.Options{Sync: "OFF", Readers: 2})
	return opened(t, st, err)
}

func pg(t testing.TB, s *schema.Schema) store {
	t.Helper()
	st, err := postgres.Open(t.Context(), pgtest.Schema(t), s, postgres.Options{Conns: 4, Readers: 1})
	return opened(t, st, err)
}

func opened[S store](t testing.TB, s S, err error) store {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func made(t testing.TB, st store, s *schema.Schema) store {
	t.Helper()
	if left, err := st.Migrate(t.Context(), s, true); err != nil || len(left) > 0 {
		t.Fatal(left, err)
	}
	return st
}

// dump is everything that a store keeps but versions.
func dump(t testing.TB, st store, s *schema.Schema) string {
	t.Helper()
	var b strings.Builder
	for _, c := range s.Classes {
		q := &storage.Query{Class: c, Limit: -1, Deleted: storage.WithDeleted}
		for _, f := range c.Fields {
			if f.Stored() || f.Many != nil {
				q.Columns = append(q.Columns, storage.Column{Field: f})
			}
		}
		for _, k := range c.Key {
			q.Order = append(q.Order, storage.Order{By: &schema.Path{Field: k, Type: k.Type}})
		}
		page, err := st.Read(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Rows {
			fmt.Fprintf(&b, "%s %q\n", c.Name, row.Values)
		}
	}
	ask := func(sql string) {
		err := st.Migrating(t.Context(), func(c migrate.Conn) error {
			return c.Query(t.Context(), sql, func(cols []string) { fmt.Fprintf(&b, "%s\n", strings.Join(cols, " ")) })
		})
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	for _, c := range s.Classes {
		for _, f := range c.Fields {
			if f.Many != nil {
				ask(fmt.Sprintf(`select '%s', "%s", "%s" from "%s" order by 2, 3`, f.Name, f.Many.Own, f.Many.Other, f.Many.Table))
			}
		}
	}
	ask("select name, per, n from _dowel_sequences order by 1, 2")
	return b.String()
}

func few(t *testing.T) {
	t.Helper()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := flag.Set("rapid.checks", "12"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestThereAndBack moves random rows to PostgreSQL and back. Nothing is lost, and numberings
// go on above all that was ever given out.
func TestThereAndBack(t *testing.T) {
	few(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := DrawSchema(rt)
		from := made(t, lite(t, s), s)
		known := Known{}
		for range 6 {
			for _, c := range s.Classes {
				fill(t, from, DrawInsert(rt, c, known), known)
			}
		}
		for range 8 {
			fill(t, from, DrawChange(rt, s, known), known)
		}
		before := dump(t, from, s)
		middle, end := pg(t, s), lite(t, s)
		rt.Cleanup(func() { _ = errors.Join(from.Close(), middle.Close(), end.Close()) }) // the test has many such
		if _, err := move.Run(t.Context(), s, side(from, "a"), side(middle, "b"), move.Options{Batch: 3}); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(before, dump(t, middle, s)); diff != "" {
			rt.Fatalf("in PostgreSQL (-before +after):\n%s", diff)
		}
		sums, err := move.Run(t.Context(), s, side(middle, "b"), side(end, "c"), move.Options{Batch: 3})
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(before, dump(t, end, s)); diff != "" {
			rt.Fatalf("back in SQLite (-before +after):\n%s\n%v", diff, sums)
		}
		for _, c := range s.Classes {
			if len(c.Key) != 1 || c.Key[0].Auto != schema.AutoID {
				continue
			}
			change := DrawInsert(rt, c, known)
			change.Set = change.Set[:0:0]
			for _, a := range DrawInsert(rt, c, known).Set {
				if a.Field != c.Key[0] {
					change.Set = append(change.Set, a)
				}
			}
			change.Links = nil
			if a, b := next(t, from, change), next(t, end, change); a != b {
				rt.Fatalf("%s goes on with %s instead of %s", c.Name, b, a)
			}
		}
	})
}

// fill runs a change that may be refused.
func fill(t testing.TB, st store, c *storage.Change, known Known) {
	t.Helper()
	err := st.Write(t.Context(), func(tx storage.Tx) error {
		row, err := tx.Apply(t.Context(), c)
		if err == nil && c.Op == storage.Insert {
			known[c.Class] = append(known[c.Class], row.Key(c.Class))
		}
		return err
	})
	if errors.Is(err, storage.ErrUnavailable) {
		t.Fatal(err)
	}
}

// next is how an insert ends: the key it would get.
func next(t testing.TB, st store, c *storage.Change) (key string) {
	t.Helper()
	undo := errors.New("undo")
	err := st.Write(t.Context(), func(tx storage.Tx) error {
		row, err := tx.Apply(t.Context(), c)
		if err != nil {
			return err
		}
		key = fmt.Sprint(row.Key(c.Class))
		return undo
	})
	if !errors.Is(err, undo) {
		return "refused"
	}
	return key
}

func shop() *schema.Schema {
	return Schema(
		Class("tag", Text("name", Unique)),
		Class("customer", SoftDelete, Text("name"), Of("float", "rating", Optional), Decimal("credit", "2", Optional), Ref("sponsor", "customer", "sponsored", SetNull), Many("tags", "tag", "name", "customers")),
		Class("order", Ref("customer", "customer", "orders", Cascade), Of("int", "number", Sequence("customer")), Of("json", "extra", Optional)),
	)
}

// stocked has n customers that sponsor each other in a ring, each with an order and a tag.
func stocked(t testing.TB, st store, s *schema.Schema, n int) {
	t.Helper()
	tag, customer, order := s.Class("tag"), s.Class("customer"), s.Class("order")
	err := st.Write(t.Context(), func(tx storage.Tx) error {
		apply := func(c *storage.Change) {
			if _, err := tx.Apply(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		set := func(f *schema.Field, v schema.Value) storage.Assign { return storage.Assign{Field: f, Value: v} }
		apply(&storage.Change{Op: storage.Insert, Class: tag, Set: []storage.Assign{set(tag.Field("name"), schema.NewText("a\tb\\c\nd"))}})
		for i := range n {
			apply(&storage.Change{Op: storage.Insert, Class: customer, Set: []storage.Assign{
				set(customer.Field("name"), schema.NewText(fmt.Sprintf("customer %d é", i))), set(customer.Field("rating"), schema.NewFloat(float64(i)/3)), set(customer.Field("credit"), schema.NewDecimal(int64(i)*100+7, 2)),
			}})
		}
		for i := range n {
			id := schema.NewInt(int64(i + 1))
			apply(&storage.Change{Op: storage.Update, Class: customer, Key: []schema.Value{id}, Set: []storage.Assign{set(customer.Field("sponsor"), schema.NewInt(int64((i+1)%n+1)))},
				Links: []storage.Links{{Field: customer.Field("tags"), Add: []schema.Value{schema.NewInt(1)}}}})
			apply(&storage.Change{Op: storage.Insert, Class: order, Set: []storage.Assign{set(order.Field("customer"), id), {Field: order.Field("number"), Sequence: true}, set(order.Field("extra"), schema.NewJSON(`{"b":1,"a":[1.50,"é"]}`))}})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestMoveGoesOn interrupts a move after every batch, in both directions.
func TestMoveGoesOn(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to func(testing.TB, *schema.Schema) store
	}{{"to PostgreSQL", lite, pg}, {"to SQLite", pg, lite}} {
		t.Run(c.name, func(t *testing.T) {
			s := shop()
			from := made(t, c.from(t, s), s)
			stocked(t, from, s, 23)
			to := c.to(t, s)
			o := move.Options{Batch: 5}
			interrupted := 0
			for {
				ctx, stop := context.WithCancel(t.Context())
				batches := 0
				o.Progress = func(string, int64, int64) {
					if batches++; batches == 2 {
						stop()
					}
				}
				_, err := move.Run(ctx, s, side(from, "a"), side(to, "b"), o)
				stop()
				if err == nil {
					break
				}
				if interrupted++; interrupted > 40 || !errors.Is(err, context.Canceled) && ctx.Err() == nil {
					t.Fatal(err)
				}
				if interrupted == 1 {
					if _, err := move.Run(t.Context(), s, side(from, "a"), side(to, "b"), move.Options{}); !errors.Is(err, move.ErrUnfinished) {
						t.Fatalf("a second move without resuming: %v", err)
					}
					if _, err := move.Run(t.Context(), s, side(from, "other"), side(to, "b"), move.Options{Resume: true}); !errors.Is(err, move.ErrOther) {
						t.Fatalf("resuming from another source: %v", err)
					}
				}
				o.Resume = true
			}
			if interrupted < 5 {
				t.Fatalf("interrupted %d times only", interrupted)
			}
			if diff := cmp.Diff(dump(t, from, s), dump(t, to, s)); diff != "" {
				t.Fatal(diff)
			}
			var full *move.NotEmptyError
			if _, err := move.Run(t.Context(), s, side(from, "a"), side(to, "b"), move.Options{}); !errors.As(err, &full) {
				t.Fatalf("a move onto rows: %v", err)
			}
		})
	}
}

// TestMoveSeesWrites changes rows while they are copied: once is copied again, always is refused.
func TestMoveSeesWrites(t *testing.T) {
	s := shop()
	from := made(t, lite(t, s), s)
	stocked(t, from, s, 12)
	customer := s.Class("customer")
	rename := func() {
		err := from.Write(t.Context(), func(tx storage.Tx) error {
			_, err := tx.Apply(t.Context(), &storage.Change{Op: storage.Update, Class: customer, Key: []schema.Value{schema.NewInt(1)}, Set: []storage.Assign{{Field: customer.Field("name"), Value: schema.NewText("new")}}})
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	once, again := true, []string(nil)
	o := move.Options{Batch: 5, Again: func(names []string) { again = names }, Progress: func(name string, _, _ int64) {
		if once && name == "order" {
			once = false
			rename()
		}
	}}
	to := pg(t, s)
	if _, err := move.Run(t.Context(), s, side(from, "a"), side(to, "b"), o); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"customer", "customer.tags"}, again); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(dump(t, from, s), dump(t, to, s)); diff != "" {
		t.Error(diff)
	}
	o.Progress = func(string, int64, int64) { rename() }
	var busy *move.BusyError
	if _, err := move.Run(t.Context(), s, side(from, "a"), side(pg(t, s), "b"), o); !errors.As(err, &busy) {
		t.Errorf("a source that is never at rest: %v", err)
	}
}

// TestMoveHoldsConstraints moves rows that somebody has put in by hand: a row that breaks a check, a reference or
// a unique index does not arrive unnoticed.
func TestMoveHoldsConstraints(t *testing.T) {
	s := Schema(
		Class("owner", Text("name")),
		Class("thing", Text("name", Unique), Of("int", "n"), Ref("owner", "owner", "things"), Check("small", Is("n", "<", 10))),
	)
	for _, c := range []struct{ name, sql, want string }{
		{"check", "insert into things (id, name, n, owner_id) values (1, 'a', 11, 1)", "check"},
		{"reference", "pragma foreign_keys = off; insert into things (id, name, n, owner_id) values (1, 'a', 1, 7)", "owner"},
		{"unique", "drop index ux_things_name; insert into things (id, name, n, owner_id) values (1, 'a', 1, 1), (2, 'a', 1, 1)", "unique"},
	} {
		t.Run(c.name, func(t *testing.T) {
			from := made(t, lite(t, s), s)
			err := from.Migrating(t.Context(), func(conn migrate.Conn) error {
				for _, sql := range append([]string{"insert into owners (id, name) values (1, 'o')"}, strings.Split(c.sql, ";")...) {
					if _, err := conn.Exec(t.Context(), sql); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, to := range []store{pg(t, s), lite(t, s)} {
				if _, err := move.Run(t.Context(), s, side(from, "a"), side(to, "b"), move.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%T: %v", to, err)
				}
			}
		})
	}
}
