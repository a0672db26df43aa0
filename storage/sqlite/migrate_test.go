package sqlite_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	store "github.com/dowel-dev/dowel/storage/sqlite"
	. "github.com/dowel-dev/dowel/storage/storagetest"
)

// with changes one field of a schema.
func with(s *schema.Schema, class, field string, change func(*schema.Field)) *schema.Schema {
	change(s.Class(class).Field(field))
	return s
}

// TestMigrate brings a file with rows from one schema to another.
func TestMigrate(t *testing.T) {
	before := func() *schema.Schema {
		return Schema(
			Class("book", Text("title"), Of("int", "pages", Optional), Decimal("price", "2", Optional), Ref("author", "author", "books", Optional)),
			Class("author", Text("name")),
		)
	}
	const rows = `
insert into authors (id, name) values (1, 'Agatha'), (2, 'Agatha');
insert into books (id, title, pages, price, author_id) values (1, 'A', 100, 1250, 1), (2, 'B', null, null, null);`
	for _, test := range []struct {
		name  string
		to    *schema.Schema
		steps []string // "ok" or "NO" and the text
		check string   // a query
		want  string
	}{
		{"nothing to do", before(), nil, "select count(*) from books", "2"},
		{"a class more", Schema(
			Class("book", Text("title"), Of("int", "pages", Optional), Decimal("price", "2", Optional), Ref("author", "author", "books", Optional)),
			Class("author", Text("name")), Class("shop", Text("name", Unique))),
			[]string{"ok create table shops", "ok create index ux_shops_name"}, "select count(*) from shops", "0"},
		{"a class less", Schema(Class("author", Text("name"))),
			[]string{"NO drop table books, which no class has any more"}, "select count(*) from books", "2"},
		{"an optional field more", Schema(
			Class("book", Text("title"), Of("int", "pages", Optional), Decimal("price", "2", Optional), Ref("author", "author", "books", Optional), Text("isbn", Optional, Unique)),
			Class("author", Text("name"))),
			[]string{"ok add column books.isbn", "ok create index ux_books_isbn"}, "select isbn is null from books where id = 1", "1"},
		{"a required field more, with a default", with(Schema(
			Class("book", Text("title"), Of("int", "pages", Optional), Decimal("price", "2", Optional), Ref("author", "author", "books", Optional), Text("lang")),
			Class("author", Text("name"))),
			"book", "lang", func(f *schema.Field) { f.Default = &schema.Default{Value: schema.NewText("it's")} }),
			[]string{"ok add column books.lang"}, "select lang from books where id = 1", "it's"},
		{"a required field more, without a default", Schema(
			Class("book", Text("title"), Of("int", "pages", Optional), Decimal("price", "2", Optional), Ref("author", "author", "books", Optional), Text("lang")),
			Class("author", Text("name"))),
			[]string{"NO add column books.lang: it is required and has no default for the rows that are there"}, "select count(*) from books", "2"},
		{"a field less stays and no longer stands in the way", Schema(
			Class("book", Of("int", "pages", Optional), Decimal("price", "2", Optional), Ref("author", "author", "books", Optional)),
			Class("author", Text("name"))),
			[]string{"ok copy table books: title, which no field has any more, becomes optional", "NO drop column books.title, which has 2 values", "ok create index ix_books_author_id"},
			"insert into books (id) values (3); select title from books where id = 1", "A"},
		{"a renamed field", with(Schema(
			Class("book", Text("name"), Of("int", "pages", Optional), Decimal("price", "2", Optional), Ref("author", "author", "books", Optional)),
			Class("author", Text("name"))),
			"book", "name", func(f *schema.Field) { f.Was = "title" }),
			[]string{"ok rename column books.title to name"}, "select name from books where id = 1", "A"},
		{"required becomes optional", Schema(
			Class("book", Text("title", Optional), Of("int", "pages", Optional), Decimal("price", "2", Optional), Ref("author", "author", "books", Optional)),
			Class("author", Text("name"))),
			[]string{"ok copy table books: title becomes optional", "ok create index ix_books_author_id"},
			"insert into books (id) values (3); select title from books where id = 1", "A"},
		{"optional becomes required where a row has nothing", Schema(
			Class("book", Text("title"), Of("int", "pages"), Decimal("price", "2", Optional), Ref("author", "author", "books", Optional)),
			Class("author", Text("name"))),
			[]string{"NO make books.pages required: 1 rows have no value"}, "select count(*) from books", "2"},
		{"another type", Schema(
			Class("book", Text("title"), Text("pages", Optional), Decimal("price", "2", Optional), Ref("author", "author", "books", Optional)),
			Class("author", Text("name"))),
			[]string{"NO change books.pages from int to text"}, "select typeof(pages) from books where id = 1", "integer"},
		{"another scale", Schema(
			Class("book", Text("title"), Of("int", "pages", Optional), Decimal("price", "4", Optional), Ref("author", "author", "books", Optional)),
			Class("author", Text("name"))),
			[]string{"NO change books.price from decimal(2) to decimal(4)"}, "select price from books where id = 1", "1250"},
		{"unique where it is not", Schema(
			Class("book", Text("title"), Of("int", "pages", Optional), Decimal("price", "2", Optional), Ref("author", "author", "books", Optional)),
			Class("author", Text("name", Unique))),
			[]string{"NO create unique index ux_authors_name: 1 values occur more than once"}, "select count(*) from authors", "2"},
		{"a number becomes a reference", with(Schema(
			Class("book", Text("title"), Ref("pages", "author", "paged", Optional), Decimal("price", "2", Optional), Ref("author", "author", "books", Optional)),
			Class("author", Text("name"))),
			"book", "pages", func(f *schema.Field) { f.Column = "pages" }),
			[]string{"NO make books.pages a reference: 1 rows point at no row of authors", "ok create index ix_books_pages"}, "select count(*) from books", "2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			st := openAt(t, path, before(), fast)
			execute(t, path, rows)
			ctx := context.Background()
			planned, err := st.Migrate(ctx, test.to, false)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.steps, texts(planned)); diff != "" {
				t.Errorf("planned (-want +got):\n%s", diff)
			}
			left, err := st.Migrate(ctx, test.to, true)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(only(test.steps, "NO"), texts(left)); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
			if again, err := st.Migrate(ctx, test.to, true); err != nil || cmp.Diff(texts(left), texts(again)) != "" {
				t.Errorf("again: %v, %v", texts(again), err)
			}
			if got := execute(t, path, test.check); got != test.want {
				t.Errorf("%s: got %q, want %q", test.check, got, test.want)
			}
			if got := execute(t, path, "pragma integrity_check"); got != "ok" {
				t.Error(got)
			}
		})
	}
}

// TestAlter runs what Migrate leaves to people.
func TestAlter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	first := Schema(Class("book", Text("title"), Of("int", "pages", Optional), Decimal("price", "2", Optional), Text("note", Optional)))
	second := Schema(Class("book", Text("title"), Decimal("pages", "1", Optional), Decimal("price", "4", Optional)))
	st := openAt(t, path, first, fast)
	execute(t, path, "insert into books (id, title, pages, price, note) values (1, 'A', 7, 1250, 'x')")
	ctx := context.Background()
	left, err := st.Migrate(ctx, second, true)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"NO change books.pages from int to decimal(1)", "NO change books.price from decimal(2) to decimal(4)", "NO drop column books.note, which has 1 values"}
	if diff := cmp.Diff(want, texts(left)); diff != "" {
		t.Fatalf("left (-want +got):\n%s", diff)
	}
	for len(left) > 0 { // one at a time: each may change what the next has to do
		if err := st.Alter(ctx, left[:1]); err != nil {
			t.Fatal(err)
		}
		if left, err = st.Migrate(ctx, second, true); err != nil {
			t.Fatal(err)
		}
	}
	if got := execute(t, path, "select pages || ' ' || price from books"); got != "70 125000" {
		t.Errorf("got %s", got)
	}
	if got := execute(t, path, "select group_concat(name) from pragma_table_info('books')"); got != "id,title,pages,price,_version" {
		t.Errorf("got %s", got)
	}
}

// TestEmptyTablesAreMadeAnew: nothing can be lost, so nothing needs a question.
func TestEmptyTablesAreMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	st := openAt(t, path, Schema(Class("book", Text("title", Unique), Of("int", "pages"))), fast)
	to := Schema(Class("book", Of("int", "title", Unique), Text("lang")))
	left, err := st.Migrate(context.Background(), to, true)
	if err != nil || len(left) > 0 {
		t.Fatal(left, err)
	}
	if got := execute(t, path, "select group_concat(name || ' ' || type) from pragma_table_info('books')"); got != "id INTEGER,title INTEGER,lang TEXT,_version INTEGER" {
		t.Error(got)
	}
}

// TestForeignTablesAreLeftAlone: the file may hold what is not Dowel's.
func TestForeignTablesAreLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	s := Schema(Class("book", Text("title")))
	st := openAt(t, path, s, fast)
	execute(t, path, "create table theirs (x); create index ix_theirs on theirs (x); insert into theirs values (1)")
	if left, err := st.Migrate(context.Background(), s, true); err != nil || len(left) > 0 {
		t.Fatal(texts(left), err)
	}
	if got := execute(t, path, "select count(*) from sqlite_schema where name like '%theirs'"); got != "2" {
		t.Error(got)
	}
}

// TestRenamedClass keeps rows, versions and numbers.
func TestRenamedClass(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	first := Schema(Class("book", Text("title", Unique)))
	st := openAt(t, path, first, fast)
	insert(t, st, first.Classes[0], "A")
	second := Schema(Class("volume", Text("title", Unique)))
	second.Classes[0].Was = "book"
	left, err := st.Migrate(context.Background(), second, true)
	if err != nil || len(left) > 0 {
		t.Fatal(texts(left), err)
	}
	if err := st.Use(second); err != nil {
		t.Fatal(err)
	}
	if row := insert(t, st, second.Classes[0], "B"); row.Version != 2 || row.Values[0].Int() != 2 {
		t.Errorf("version %d of row %v", row.Version, row.Values[0])
	}
	if again, err := st.Migrate(context.Background(), second, false); err != nil || len(again) > 0 {
		t.Error(texts(again), err)
	}
	if got := execute(t, path, "select group_concat(name) from sqlite_schema where name like 'ux%'"); got != "ux_volumes_title" {
		t.Error(got)
	}
}

// TestFailedMigrationChangesNothing: the steps are one transaction.
func TestFailedMigrationChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	st := openAt(t, path, Schema(Class("book", Text("title"))), fast)
	execute(t, path, "create view authors as select 1") // the name is taken by something that is no table
	to := Schema(Class("shop", Text("name")), Class("author", Text("name")))
	if left, err := st.Migrate(context.Background(), to, true); err == nil {
		t.Fatal("no error", texts(left))
	}
	if got := execute(t, path, "select count(*) from sqlite_schema where name = 'shops'"); got != "0" {
		t.Error("half of a migration stayed")
	}
}

func TestDDLMakesWhatMigrateWants(t *testing.T) {
	s := Schema(
		Class("book", Text("title", Unique), Of("email", "mail", Unique), Ref("author", "author", "books", Optional), Many("tags", "tag", "name", ""), SoftDelete),
		Class("author", Text("name")), Class("tag", Text("name", Unique)),
		Class("vote", Ref("book", "book", "votes"), Ref("author", "author", "votes"), Key("book", "author")),
	)
	path := filepath.Join(t.TempDir(), "app.db")
	st, err := store.Open(path, s, fast)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	execute(t, path, strings.Join(store.DDL(s), ";\n"))
	if steps, err := st.Migrate(context.Background(), s, false); err != nil || len(steps) > 0 {
		t.Error(texts(steps), err)
	}
}

func texts(steps []storage.Step) []string {
	var out []string
	for _, s := range steps {
		mark := "NO "
		if s.Safe {
			mark = "ok "
		}
		out = append(out, mark+s.Text)
	}
	return out
}

func only(steps []string, mark string) []string {
	var out []string
	for _, s := range steps {
		if strings.HasPrefix(s, mark) {
			out = append(out, s)
		}
	}
	return out
}

// execute runs SQL on a connection of its own and returns what the last statement yields.
func execute(t testing.TB, path, sql string) string {
	t.Helper()
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var out []string
	for _, statement := range strings.Split(sql, ";") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		out = nil
		err := sqlitex.ExecuteTransient(c, statement, &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
			for i := range st.ColumnCount() {
				out = append(out, st.ColumnText(i))
			}
			return nil
		}})
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return strings.Join(out, " ")
}

// insert adds a row whose first text field is s.
func insert(t testing.TB, st storage.Store, c *schema.Class, s string) *storage.Row {
	t.Helper()
	row, err := tryInsert(context.Background(), st, c, s)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func tryInsert(ctx context.Context, st storage.Store, c *schema.Class, s string) (row *storage.Row, err error) {
	err = st.Write(ctx, func(tx storage.Tx) error {
		row, err = tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: c, Set: []storage.Assign{{Field: c.Fields[1], Value: schema.NewText(s)}}})
		return err
	})
	return row, err
}
