package migrate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/migrate"
)

// TestTwoAppliers: of several programs that start at once one changes the tables and the others find nothing to do.
func TestTwoAppliers(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		s := read(t, books)
		var wg sync.WaitGroup
		var mu sync.Mutex
		done := 0
		for range 4 {
			c := w.again()
			wg.Go(func() {
				result, err := migrate.Run(t.Context(), migrate.Desired(s, c.Dialect()), c, migrate.Allow{})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if len(result.Done) > 0 {
					done++
				}
			})
		}
		wg.Wait()
		if done != 1 {
			t.Errorf("%d of 4 made the tables", done)
		}
		w.settled(s)
	})
}

// TestSecondApplierIsTold: whoever cannot wait for the lock learns why.
func TestSecondApplierIsTold(t *testing.T) {
	w := newPostgres(t)
	s := read(t, books)
	if got := w.ask("select pg_try_advisory_lock(1685026668, hashtext(current_schema()))"); got != "t" {
		t.Fatal(got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := migrate.Run(ctx, migrate.Desired(s, migrate.PostgreSQL), w.again(), migrate.Allow{}); !errors.Is(err, migrate.ErrLocked) {
		t.Errorf("got %v", err)
	}
}

// TestPlanAsFile: a plan that was kept as a file is applied as it is, and only to the database it is for.
func TestPlanAsFile(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		before, after := read(t, books), read(t, strings.Replace(books, "title: string", "title: string, isbn: string optional unique", 1))
		w.apply(before)
		w.fill(before, bookRows)
		p := w.plan(after)
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var kept migrate.Plan
		if err := json.Unmarshal(text, &kept); err != nil {
			t.Fatal(err)
		}
		if kept.ID() != p.ID() || w.plan(after).ID() != p.ID() {
			t.Errorf("three plans for one change: %s, %s, %s", kept.ID(), p.ID(), w.plan(after).ID())
		}
		w.exec("alter table books add column theirs integer")
		if _, err := migrate.Apply(t.Context(), w.Conn, &kept, migrate.Allow{}); !errors.Is(err, migrate.ErrChanged) {
			t.Errorf("applied to another database: %v", err)
		}
		w.exec("alter table books drop column theirs")
		if _, err := migrate.Apply(t.Context(), w.Conn, &kept, migrate.Allow{}); err != nil {
			t.Fatal(err)
		}
		w.settled(after)
		if _, err := migrate.Apply(t.Context(), w.Conn, &kept, migrate.Allow{}); !errors.Is(err, migrate.ErrChanged) {
			t.Errorf("applied twice: %v", err)
		}
		other := *p
		other.Dialect = "oracle"
		if _, err := migrate.Apply(t.Context(), w.Conn, &other, migrate.Allow{}); !errors.Is(err, migrate.ErrChanged) {
			t.Errorf("a plan for another database: %v", err)
		}
		history, err := migrate.History(t.Context(), w.Conn)
		if err != nil || len(history) == 0 || history[len(history)-1].Done == "" || history[len(history)-1].Plan != p.ID() {
			t.Errorf("history: %v, %v", history, err)
		}
	})
}

// TestByName: what loses values runs only when it is named.
func TestByName(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		before, after := read(t, "  a: {fields: {x: int, y: int optional, z: int optional}}\n"), read(t, "  a: {fields: {x: int}}\n")
		w.apply(before)
		w.fill(before, "a id=1 x=1 y=2 z=3\n")
		p := w.plan(after)
		result, err := migrate.Apply(t.Context(), w.Conn, p, migrate.Allow{Names: []string{"a.y"}, Partial: true})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"drop column a.z"}, ids(result.Left)); diff != "" {
			t.Error(diff)
		}
		if got := w.ask("select * from \"as\""); len(strings.Fields(got)) != 4 {
			t.Errorf("columns: %s", got)
		}
	})
}

// TestRowsMeanwhile: rows that came after the plan are never lost by it, nor do they stay when they do not fit.
func TestRowsMeanwhile(t *testing.T) {
	for _, c := range []struct{ name, before, after, row, check, want string }{
		{"an empty table", "  a: {fields: {x: int}}\n", "  a: {id: uuid, fields: {y: string}}\n", "a id=1 x=1", "x", "1"},
		{"a lower maximum", "  a: {fields: {s: string}}\n", "  a: {fields: {s: string max=3}}\n", "a id=9 s=long", "s", "long"},
		{"a lower scale", "  a: {fields: {d: decimal scale=2}}\n", "  a: {fields: {d: decimal scale=1}}\n", "a id=9 d=1.25", "d * 100 in (125, 12500)", "1"},
		{"a check", "  a: {fields: {x: int}}\n", "  a: {fields: {x: int}, checks: {positive: x > 0}}\n", "a id=9 x=0", "x", "0"},
		{"text that is no number", "  a: {fields: {s: string}}\n", "  a: {fields: {s: int}}\n", "a id=9 s=five", "s", "five"},
		{"text that is no date", "  a: {fields: {s: string}}\n", "  a: {fields: {s: date}}\n", "a id=9 s=2026-02-30", "s", "2026-02-30"},
		{"text that is no decimal", "  a: {fields: {s: string}}\n", "  a: {fields: {s: decimal}}\n", "a id=9 s=many", "s", "many"},
		{"a double", "  a: {fields: {x: int}}\n", "  a: {fields: {x: int unique}}\n", "a id=8 x=1\na id=9 x=1", "x", "1"},
		{"nothing", "  a: {fields: {x: int optional}}\n", "  a: {fields: {x: int}}\n", "a id=9", "coalesce(x, 7)", "7"},
		{"a reference to nothing", "  a: {fields: {x: int}}\n  b: {fields: {y: int}}\n", "  a: {fields: {x: b column=x}}\n  b: {fields: {y: int}}\n", "a id=9 x=4", "x", "4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			worlds(t, func(t *testing.T, w *world) {
				before, after := read(t, c.before), read(t, c.after)
				w.apply(before)
				if c.name != "an empty table" {
					first := map[string]string{"s": "s=1", "d": "d=1.5", "x": "x=1"}[before.Classes[0].Fields[1].Name]
					switch c.name {
					case "text that is no date":
						first = "s=2026-01-01"
					case "a double":
						first = "x=2"
					}
					if c.name == "a reference to nothing" {
						w.fill(before, "b id=1 y=1")
					}
					w.fill(before, "a id=1 "+first+"\n")
				}
				p := w.plan(after)
				if p.Count(migrate.Blocked) > 0 {
					t.Fatal(text(p))
				}
				w.fill(before, c.row)
				if _, err := migrate.Apply(t.Context(), w.Conn, p, migrate.Allow{}); err == nil {
					t.Error("applied to rows that do not fit")
				}
				check := c.check
				if w.isPostgres() {
					check = strings.Replace(check, "d * 100 in (125, 12500)", "(d * 100 = 125)::int", 1)
				}
				if got := w.ask("select " + check + " from \"as\" order by id desc limit 1"); got != c.want {
					t.Errorf("the row: %q", got)
				}
			})
		})
	}
}

// TestWritersMeanwhile: a large table gets another type and a required column while rows are written
// all the time, and none of them is missed.
func TestWritersMeanwhile(t *testing.T) {
	w := newPostgres(t)
	before := read(t, "  a: {fields: {n: int, m: int optional}}\n")
	after := read(t, "  a: {fields: {n: string, m: int backfill=7, code: uuid auto=uuid}}\n")
	w.apply(before)
	w.exec(`insert into "as" (n, m) select i, case when i % 2 = 0 then i end from generate_series(1, 2000) i`)
	have, err := migrate.Inspect(t.Context(), w.Conn)
	if err != nil {
		t.Fatal(err)
	}
	p, err := migrate.Diff(t.Context(), migrate.Desired(after, migrate.PostgreSQL).Medium(), have, w.Conn)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	written := make([]int, 2)
	for i := range written {
		c := w.again()
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				// As a node of the former schema: it does not know the new column, and is not fenced here.
				if _, err := c.Exec(context.Background(), fmt.Sprintf(`insert into "as" (n, m) values (%d, 1)`, 100_000*(i+1)+n)); err == nil {
					written[i]++
				} else if !strings.Contains(err.Error(), "operator") && !strings.Contains(err.Error(), "type") {
					t.Error(err)
					return
				}
				c.Exec(context.Background(), fmt.Sprintf(`update "as" set n = n + 0 where id = %d`, n%2000+1)) //nolint: fails once n is a text
			}
		})
	}
	_, err = migrate.Apply(t.Context(), w.Conn, p, migrate.Allow{})
	close(stop)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	w.settled(after)
	want := fmt.Sprint(2000 + written[0] + written[1])
	if got := w.ask(`select count(*) from "as" where n is not null and m is not null and code is not null`); got != want {
		t.Errorf("%s rows of %s are whole", got, want)
	}
	if got := w.ask(`select count(*) from "as" where id <= 2000 and n <> id::text`); got != "0" {
		t.Errorf("%s values are wrong", got)
	}
	if written[0]+written[1] < 10 {
		t.Errorf("only %v rows could be written meanwhile", written)
	}
}

// TestFence: a step that nodes of the former schema must not outlive moves the epoch of the table; others do not.
func TestFence(t *testing.T) {
	moves := map[string]bool{
		"nothing": false, "field optional": false, "field required with default": false, "indexed": false, "becomes optional": false, "max raised": false,
		"field renamed": true, "becomes required with default": true, "int to decimal": true, "max lowered": true, "enum value less that no row has": true,
		"check": true, "field less": true, "reference to another class": false,
	}
	for _, c := range changes {
		want, known := moves[c.name]
		if !known {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			w := newPostgres(t)
			w.apply(read(t, c.before))
			w.fill(read(t, c.before), c.rows)
			w.apply(read(t, c.after))
			if got := w.ask("select max(epoch) > 1 from _dowel_counters where name = 'books'") == "t"; got != want {
				t.Errorf("moved: %v, want %v", got, want)
			}
		})
	}
}

// TestOthersStay: views, triggers and indexes of somebody else outlive what is done to a table, and are
// drift; a part of a table that a copy would lose blocks the copy.
func TestOthersStay(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		before, after := read(t, books), read(t, strings.Replace(books, "pages: int optional", "pages: int default=1", 1))
		w.apply(before)
		w.fill(before, bookRows)
		w.exec("create view titles as select title from books")
		w.exec("create index theirs on books (title, pages)")
		w.exec("create table elsewhere (x int)")
		if w.isPostgres() {
			if _, err := w.Exec(t.Context(), "create function stamp() returns trigger language plpgsql as 'begin new.pages := coalesce(new.pages, 1); return new; end'; create trigger stamping before insert on books for each row execute function stamp()"); err != nil {
				t.Fatal(err)
			}
		} else if _, err := w.Exec(t.Context(), "create trigger stamping after insert on books begin update books set pages = 1 where pages is null; end"); err != nil {
			t.Fatal(err)
		}
		w.apply(after)
		w.settled(after)
		if got := w.ask("select count(*) from titles"); got != "2" {
			t.Errorf("view: %s", got)
		}
		w.exec("insert into elsewhere values (1)")
		found, err := migrate.Drift(t.Context(), w.Conn)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range found {
			got = append(got, d.Sign+" "+d.Kind+" "+d.Name)
		}
		want := []string{"+ table elsewhere", "+ view titles", "+ trigger stamping"}
		if w.isPostgres() {
			want = []string{"+ table elsewhere", "+ function stamp", "+ trigger stamping", "+ view titles"}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("drift (-want +got):\n%s", diff)
		}
	})
}

// TestOddTables: SQLite cannot change what is not in the columns of a table but by losing it.
func TestOddTables(t *testing.T) {
	w := newSQLite(t)
	w.exec("create table books (id integer primary key not null, title text not null check (title <> ''), _version integer not null default 1) strict; insert into books (id, title) values (1, 'A')")
	p := w.plan(read(t, "  book: {fields: {title: string optional}}\n"))
	if p.Count(migrate.Blocked) != 1 || !strings.Contains(text(p), "check") {
		t.Error(text(p))
	}
}

// TestDrift: what others have done since the last apply is told.
func TestDrift(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		s := read(t, books)
		w.apply(s)
		w.exec("alter table books add column note text")
		w.exec("drop index ix_books_author_id")
		w.exec("create unique index mine on authors (name)")
		w.exec("alter table authors rename to writers")
		want := []string{"- authors: is gone", "+ books.note: text, came since the last apply", "- ix_books_author_id: is gone"}
		if w.isPostgres() {
			w.exec("alter table books alter column title drop not null")
			want = append(want, "~ books.title: required -> optional")
		}
		found, err := migrate.Drift(t.Context(), w.Conn)
		if err != nil {
			t.Fatal(err)
		}
		all := ""
		for _, d := range found {
			name := d.Name
			if d.Kind == "column" {
				name = d.Table + "." + d.Name
			}
			all += d.Sign + " " + name + ": " + d.Text + "\n"
		}
		for _, line := range want {
			if !strings.Contains(all, line+"\n") {
				t.Errorf("%q is not in\n%s", line, all)
			}
		}
	})
}

// TestBaseline takes the tables as they are.
func TestBaseline(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		s := read(t, books)
		for _, sql := range migrate.Desired(s, w.Dialect()).DDL() {
			w.exec(sql)
		}
		w.exec("drop table _dowel_columns")
		w.exec("drop table _dowel_state")
		w.fill(s, bookRows)
		if err := migrate.Baseline(t.Context(), w.Conn, s); err != nil {
			t.Fatal(err)
		}
		w.settled(s)
		if found, err := migrate.Drift(t.Context(), w.Conn); err != nil || len(found) > 0 {
			t.Errorf("drift: %v, %v", found, err)
		}
		if got := w.plan(read(t, strings.Replace(books, "scale=2", "", 1))); !got.Empty() {
			t.Error(text(got))
		}
	})
}

// large is a schema of 200 classes.
func large(t testing.TB) *schema.Schema {
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, "  c%d: {soft_delete: true, fields: {name: string max=100 unique, total: decimal scale=2, n: int optional index, at: datetime, state: {enum: [a, b, c]}", i)
		if i > 0 {
			fmt.Fprintf(&b, ", up: c%d optional inverse=ups%d, more: {many: c%d, inverse: mores%d}", i/2, i, i-1, i)
		}
		b.WriteString("}}\n")
	}
	return read(t, b.String())
}

// TestLarge: the plan for 200 classes takes less than a second.
func TestLarge(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		s := large(t)
		began := time.Now()
		w.apply(s)
		made := time.Since(began)
		best := time.Hour
		for range 3 {
			began = time.Now()
			w.settled(s)
			best = min(best, time.Since(began))
		}
		t.Logf("400 tables: made in %v, compared in %v", made, best)
		if best > time.Second {
			t.Errorf("a plan takes %v", best)
		}
	})
}

func BenchmarkPlan(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *world{"sqlite": newSQLite, "postgres": newPostgres} {
		b.Run(name, func(b *testing.B) {
			w, s := open(b), large(b)
			w.apply(s)
			for b.Loop() {
				w.settled(s)
			}
		})
	}
}
