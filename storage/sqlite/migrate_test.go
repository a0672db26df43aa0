package sqlite_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	. "github.com/dowel-dev/dowel/storage/storagetest"
)

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
