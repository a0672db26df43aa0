package pgtest

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/storage"
)

// GivingBack returns a store that does what inner does on the database at url,
// but for one thing: a write that fails gives back the numbers of keys that it took, as the other stores do
// and PostgreSQL's sequences do not. So tests can name rows by numbers after a
// refusal. It is for one writer at a time.
func GivingBack(t testing.TB, url string, inner storage.Store) storage.Store {
	t.Helper()
	admin, err := pgconn.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close(context.Background()) }) // the database goes with the test
	return &givingBack{inner, admin}
}

type givingBack struct {
	storage.Store
	admin *pgconn.PgConn
}

// Write implements storage.Store.
func (g *givingBack) Write(ctx context.Context, fn func(storage.Tx) error) error {
	// Versions are no numbers of keys: they are never used twice.
	marks, err := g.admin.Exec(context.Background(), `select coalesce(string_agg(format('select setval(%L, %s, %L)',
		quote_ident(sequencename), coalesce(last_value, 1), last_value is not null), ';'), 'select 1')
		from pg_sequences where schemaname = current_schema() and sequencename <> '_dowel_version'`).ReadAll()
	if err != nil {
		return err
	}
	if err = g.Store.Write(ctx, fn); err == nil {
		return nil
	}
	return errors.Join(err, g.admin.Exec(context.Background(), string(marks[0].Rows[0][0])).Close())
}
