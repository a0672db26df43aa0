package differential

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// postgresStore is a store with a second connection, which empties it and gives
// numbers of keys back: PostgreSQL's sequences keep what a transaction took that failed.
type postgresStore struct {
	*postgres.Store
	admin  *pgconn.PgConn
	empty  string
	mark   string // reads where the sequences are
	marked []string
	names  []string // of the sequences, as literals
}

func openPostgres(t testing.TB, s *schema.Schema) Store {
	ctx := context.Background()
	url := pgtest.Schema(t)
	store, err := postgres.Open(ctx, url, s, postgres.Options{Conns: 3, Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := store.Migrate(ctx, s, true); err != nil {
		t.Fatal(err)
	}
	p := &postgresStore{Store: store}
	if p.admin, err = pgconn.Connect(ctx, url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.admin.Close(ctx) })
	if err := p.learn(ctx); err != nil {
		t.Fatal(err)
	}
	return p
}

// learn prepares the statements for the tables and sequences that there are.
func (p *postgresStore) learn(ctx context.Context) error {
	rows, err := p.query(ctx, `select relkind, quote_literal(quote_ident(relname)), quote_ident(relname) from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'S')`)
	if err != nil {
		return err
	}
	// Foreign keys are looked at by triggers, which replicas leave out.
	p.empty = "set session_replication_role = replica; begin; "
	var marks []string
	for _, row := range rows {
		kind, literal, name := row[0], row[1], row[2]
		switch {
		case kind == "S" && name != "_dowel_version":
			p.names = append(p.names, literal)
			marks = append(marks, "select last_value || ', ' || is_called from "+name)
			p.empty += "select setval(" + literal + ", 1, false); "
		case kind == "r" && (name == "_dowel_sequences" || !strings.HasPrefix(name, "_dowel_")):
			p.empty += "delete from " + name + "; "
		}
	}
	p.empty += "commit"
	p.mark = strings.Join(marks, " union all ")
	return nil
}

func (p *postgresStore) query(ctx context.Context, sql string) (rows [][]string, err error) {
	results, err := p.admin.Exec(ctx, sql).ReadAll()
	for _, r := range results {
		for _, row := range r.Rows {
			var texts []string
			for _, col := range row {
				texts = append(texts, string(col))
			}
			rows = append(rows, texts)
		}
	}
	return rows, err
}

// Empty implements Store.
func (p *postgresStore) Empty(ctx context.Context) error {
	if _, err := p.query(ctx, p.empty); err != nil {
		return err
	}
	return p.remember(ctx)
}

// remember notes where the sequences are.
func (p *postgresStore) remember(ctx context.Context) error {
	if p.mark == "" {
		return nil
	}
	rows, err := p.query(ctx, p.mark)
	p.marked = p.marked[:0]
	for _, row := range rows {
		p.marked = append(p.marked, row[0])
	}
	return err
}

// Write implements storage.Store: what is undone has taken no number.
func (p *postgresStore) Write(ctx context.Context, fn func(storage.Tx) error) error {
	err := p.Store.Write(ctx, fn)
	if p.mark == "" {
		return err
	}
	if err == nil {
		return p.remember(ctx)
	}
	var back []string
	for i, at := range p.marked {
		back = append(back, "setval("+p.names[i]+", "+at+")")
	}
	if _, failed := p.query(ctx, "select "+strings.Join(back, ", ")); failed != nil {
		return fmt.Errorf("numbers cannot be put back: %w", failed)
	}
	return err
}
