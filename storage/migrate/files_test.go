package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/migrate"
	. "github.com/dowel-dev/dowel/storage/storagetest"
)

// folder makes migration files that are all noted, but those whose text begins with "-- unnoted".
func folder(t testing.TB, pairs ...string) []migrate.File {
	t.Helper()
	fs := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		fs[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	files, err := migrate.ReadFiles(fs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		if !strings.HasPrefix(files[i].Text, "-- unnoted") {
			files[i].Listed = files[i].Sum
		}
	}
	return files
}

func (w *world) run(files []migrate.File) (names []string, err error) {
	err = migrate.ApplyFiles(context.Background(), w.Conn, files, func(f *migrate.File, _ time.Duration) { names = append(names, f.Name) })
	return names, err
}

func (w *world) states(files []migrate.File) string {
	w.Helper()
	states, err := migrate.FileStates(context.Background(), w.Conn, files)
	if err != nil {
		w.Fatal(err)
	}
	var b []string
	for _, s := range states {
		b = append(b, s.File[:4]+" "+string(s.State))
	}
	return strings.Join(b, ", ")
}

// TestFilesOfAPlan writes the plans of two revisions as files; they are without findings, and make on a
// database of their own what the plans make.
func TestFilesOfAPlan(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		one := Schema(Class("author", Text("name")), Class("book", Text("title"), Ref("author", "author", "books"), SoftDelete))
		two := Schema(Class("author", Text("name"), Of("email", "mail", Optional, Unique)),
			Class("book", Text("title", Unique), Ref("author", "author", "books"), Of("int", "pages", Optional), Many("tags", "tag", "name", ""), SoftDelete), Class("tag", Text("name", Unique)))
		var pairs []string
		for i, want := range []*schema.Schema{one, two} {
			plan, err := migrate.MakeBlind(context.Background(), w.Conn, want)
			if err != nil {
				t.Fatal(err)
			}
			pairs = append(pairs, fmt.Sprintf("%04d_step.sql", i+1), migrate.FileText(plan, "step", func(*migrate.Step) bool { return false }))
			files := folder(t, pairs...)
			if found := migrate.Lint(files); len(found) > 0 {
				t.Errorf("%v\n%s", found, pairs[len(pairs)-1])
			}
			if _, err := w.run(files); err != nil {
				t.Fatalf("%v\n%s", err, pairs[len(pairs)-1])
			}
			if left, err := migrate.SettleFiles(context.Background(), w.Conn, want); err != nil || !left.Empty() {
				t.Fatal(err, text(left))
			}
			w.settled(want)
			if i == 0 {
				w.exec("insert into authors (id, name) values (1, 'a')")
			}
		}
		drift, err := migrate.Drift(context.Background(), w.Conn)
		if err != nil || len(drift) > 0 {
			t.Error(err, drift)
		}
	})
}

// TestFilesInOrder runs files once and refuses what does not fit to what was run.
func TestFilesInOrder(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		first := []string{"0001_a.sql", "create table a (n int);\ninsert into a values (1);\n"}
		variants := []string{"0002_b.sqlite.sql", "-- dowel: sqlite\ninsert into a values (2)", "0002_b.postgres.sql", "-- dowel: postgres\ninsert into a values (2)"}
		files := migrate.FilesFor(folder(t, append(first, variants...)...), w.Dialect())
		if got := w.states(files); got != "0001 pending, 0002 pending" {
			t.Fatal(got)
		}
		names, err := w.run(files)
		if err != nil || len(names) != 2 {
			t.Fatal(names, err)
		}
		if names, err := w.run(files); err != nil || names != nil {
			t.Fatal(names, err)
		}
		if got := w.ask("select n from a order by n"); got != "1|2" {
			t.Fatal(got)
		}
		other := map[string]string{"sqlite": "postgres", "postgres": "sqlite"}[w.Dialect().Name()]
		for _, c := range []struct {
			name  string
			files []string
			want  string
		}{
			{"changed", []string{"0001_a.sql", "create table a (n int);", variants[0], variants[1], variants[2], variants[3]}, "0001 changed, 0002 applied"},
			{"line ends alone", []string{"0001_a.sql", strings.ReplaceAll(first[1], "\n", "\r\n"), variants[0], variants[1], variants[2], variants[3]}, "0001 applied, 0002 applied"},
			{"missing", variants, "0001 missing, 0002 applied"},
			{"not noted", append(slices.Concat(first, variants), "0003_c.sql", "-- unnoted"), "0001 applied, 0002 applied, 0003 edited"},
			{"for the other database", append(slices.Concat(first, variants), "0003_c.sql", "-- dowel: "+other), "0001 applied, 0002 applied, 0003 foreign"},
			{"in between", append(slices.Concat(first, variants[:0]), "0000_z.sql", "select 1", "0002_b."+w.Dialect().Name()+".sql", variants[1]), "0000 late, 0001 applied, 0002 applied"},
		} {
			t.Run(c.name, func(t *testing.T) {
				if c.name == "in between" {
					c.files[len(c.files)-1] = "-- dowel: " + w.Dialect().Name() + "\ninsert into a values (2)"
				}
				files := migrate.FilesFor(folder(t, c.files...), w.Dialect())
				if got := w.states(files); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
				_, err := w.run(files)
				if refused := errors.Is(err, migrate.ErrFiles); refused != (c.name != "line ends alone") {
					t.Error(err)
				}
			})
		}
	})
}

// TestFilesGoOn breaks a file of PostgreSQL in the middle: what is done is not done again.
func TestFilesGoOn(t *testing.T) {
	w := newPostgres(t)
	const text = `create table a (n int);
begin;
insert into a values (1);
insert into a values (2);
commit;
create index concurrently ix on a (n);
do $$ begin if not exists (select 1 from pg_class where relname = 'go') then raise exception 'not yet; wait'; end if; end $$;
insert into a values (3);
`
	files := folder(t, "0001_a.sql", text)
	_, err := w.run(files)
	var at *migrate.FileError
	if !errors.As(err, &at) || at.Line != 7 || !strings.Contains(err.Error(), "not yet; wait") {
		t.Fatal(err)
	}
	if got := w.states(files); got != "0001 interrupted" {
		t.Fatal(got)
	}
	w.exec("create table go (n int)")
	if names, err := w.run(files); err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	if got := w.ask("select n from a order by n"); got != "1|2|3" {
		t.Error(got)
	}
	for _, wrong := range []string{"begin; select 1;", "select 1; commit; create index concurrently x on a (n);", "begin; begin; commit; commit;", "begin; rollback; select 1"} {
		if _, err := w.run(append(files, folder(t, "0002_wrong.sql", wrong)...)); !errors.As(err, &at) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// TestLint finds statements that lose values or hold others up.
func TestLint(t *testing.T) {
	for _, c := range []struct{ name, dialect, sql, want string }{
		{"drop table", "", "drop table if exists a", "W081"},
		{"drop column", "", "alter table a drop column b", "W081"},
		{"drop column without the word", "", `alter table "A b" drop "c d"`, "W081"},
		{"drop constraint", "", "alter table a drop constraint b", ""},
		{"drop default", "", "alter table a alter column b drop default", ""},
		{"truncate", "postgres", "truncate table a", "W081"},
		{"delete all", "", "delete from a", "W081"},
		{"delete some", "", "delete from a where n = 1", ""},
		{"in a text", "", "insert into a values ('drop table b; delete from c')", ""},
		{"in a comment", "", "-- drop table b\nselect 1 /* drop table c; */", ""},
		{"meant", "", "-- allow: W081\ndrop table a", ""},
		{"meant above only", "", "-- allow: W081\nselect 1;\ndrop table a", "W081"},
		{"own table", "", "create table a (n int);\ndrop table a", ""},
		{"rename", "", "alter table a rename column b to c", "W083"},
		{"index", "postgres", "create index on a (b)", "W082"},
		{"index by name", "postgres", `create unique index if not exists "x" on "a" (b)`, "W082"},
		{"index beside", "postgres", "create index concurrently x on a (b)", ""},
		{"index of SQLite", "sqlite", "create index x on a (b)", ""},
		{"index of a new table", "postgres", `create table "a" (b int); create index x on "a" (b)`, ""},
		{"drop index", "postgres", "drop index x", "W082"},
		{"drop index beside", "postgres", "drop index concurrently x", ""},
		{"type", "postgres", "alter table a alter b type bigint using b::bigint", "W082"},
		{"reference", "postgres", "alter table a add constraint f foreign key (b) references c (d)", "W082"},
		{"reference not valid", "postgres", "alter table a add constraint f foreign key (b) references c (d) not valid", ""},
		{"check", "postgres", "alter table a add check (n > 0)", "W082"},
		{"unique", "postgres", "alter table a add constraint u unique (b)", "W082"},
		{"unique by an index", "postgres", "alter table a add constraint u unique using index x", ""},
		{"required", "postgres", "alter table a alter column b set not null", "W082"},
		{"column", "postgres", "alter table a add column b text default 'x'", ""},
		{"column with values of its own", "postgres", "alter table a add column b uuid default gen_random_uuid()", "W082"},
		{"serial", "postgres", "alter table a add b bigserial", "W082"},
		{"update all", "postgres", "update a set b = 1", "W082"},
		{"update some", "postgres", "update a set b = 1 where c = 2", ""},
		{"lock", "postgres", "lock table a in exclusive mode", "W082"},
		{"vacuum", "postgres", "vacuum full a", "W082"},
		{"view", "postgres", "refresh materialized view a", "W082"},
		{"several", "postgres", "drop table a;\n\ncreate index on b (c)", "W081 W082"},
		{"transaction of SQLite", "sqlite", "begin; select 1; commit", "E088"},
		{"no commit", "postgres", "begin; select 1", "E088"},
		{"not noted", "", "-- unnoted\nselect 1", "E087"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sql := c.sql
			if c.dialect != "" {
				sql = "-- dowel: " + c.dialect + "\n" + sql
			}
			var codes []string
			for _, d := range migrate.Lint(folder(t, "0001_a.sql", sql)) {
				codes = append(codes, d.Code)
			}
			if diff := cmp.Diff(c.want, strings.Join(codes, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
