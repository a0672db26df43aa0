package migrate_test

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/dowel-dev/dowel/storage/migrate"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
	. "github.com/dowel-dev/dowel/storage/storagetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestDDL(t *testing.T) {
	s := Schema(
		Class("book", Text("title", Unique), Of("email", "mail", Unique), Ref("author", "author", "books", Optional), Many("tags", "tag", "name", ""), SoftDelete),
		Class("author", Text("name")), Class("tag", Text("name", Unique)),
		Class("vote", Ref("book", "book", "votes"), Ref("author", "author", "votes"), Key("book", "author")),
	)
	c, err := pgx.Connect(context.Background(), pgtest.Schema(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	for _, sql := range migrate.Desired(s, migrate.PostgreSQL).DDL() {
		t.Log(sql)
		if _, err := c.Exec(context.Background(), sql); err != nil {
			t.Fatal(sql, err)
		}
	}
}
