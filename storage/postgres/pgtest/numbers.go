package pgtest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/storage"
)

// GivingBack returns a store that does what inner does on the database at url,
// but for one thing: a write that fails gives back the numbers of keys that it took, as the other stores do
// and PostgreSQL's sequences do not. So tests can name rows by numbers after a
// refusal. Writes that ran beside others keep what they took.
func GivingBack(t testing.TB, url string, inner storage.Store) storage.Store {
	t.Helper()
	admin, err := pgconn.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close(context.Background()) }) // the database goes with the test
	return &givingBack{Store: inner, admin: admin}
}

type givingBack struct {
	storage.Store

	mu      sync.Mutex // of all below
	admin   *pgconn.PgConn
	running int // writes
	begun   int // writes so far
}

// Write implements storage.Store.
func (g *givingBack) Write(ctx context.Context, fn func(storage.Tx) error) error {
	marks, turn, err := g.begin()
	if err != nil {
		return err
	}
	err = g.Store.Write(ctx, fn)
	return errors.Join(err, g.end(marks, turn, err != nil))
}

// begin notes where the numbers are, "" beside another write.
func (g *givingBack) begin() (marks string, turn int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.begun++
	g.running++
	if g.running > 1 {
		return "", g.begun, nil
	}
	// Versions are no numbers of keys: they are never used twice.
	found, err := g.admin.Exec(context.Background(), `select coalesce(string_agg(format('select setval(%L, %s, %L)',
		quote_ident(sequencename), coalesce(last_value, 1), last_value is not null), ';'), 'select 1')
		from pg_sequences where schemaname = current_schema() and sequencename <> '_dowel_version'`).ReadAll()
	if err != nil {
		g.running--
		return "", 0, err
	}
	return string(found[0].Rows[0][0]), g.begun, nil
}

// end goes back to the marks after a write that failed, unless another one began meanwhile.
func (g *givingBack) end(marks string, turn int, failed bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	if !failed || marks == "" || turn != g.begun {
		return nil
	}
	return g.admin.Exec(context.Background(), marks).Close()
}
