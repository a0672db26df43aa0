package differential

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// postgresStore is a store with a second connection, which empties it and takes back what
// PostgreSQL keeps of a transaction that failed: the numbers of keys it took, and moves of change
// counters. Nobody is promised that these stand still; who caches merely reads once more.
type postgresStore struct {
	*postgres.Store
	admin     *pgconn.PgConn
	empty     string
	look      string   // reads where sequences and counters are
	sequences []string // as literals
	taken     []string // what setval says to go back
	counters  map[string]int64
	noise     map[string]int64 // what failed transactions added
}

// patience is how long a crowded machine may take for a statement: time-outs are no differences.
const patience = time.Minute

func openPostgres(t testing.TB, s *schema.Schema) Store {
	ctx := context.Background()
	url := pgtest.Schema(t)
	store, err := postgres.Open(ctx, url, s, postgres.Options{Conns: 3, Readers: 1, Timeout: patience, LockWait: patience, Wait: patience})
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
			p.sequences = append(p.sequences, literal)
			marks = append(marks, "select last_value || ', ' || is_called from "+name)
			p.empty += "select setval(" + literal + ", 1, false); "
		case kind == "r" && (name == "_dowel_sequences" || !strings.HasPrefix(name, "_dowel_")):
			p.empty += "delete from " + name + "; "
		}
	}
	p.empty += "commit"
	p.look = strings.Join(append(marks, "select name, sum(n)::bigint from _dowel_counters group by name"), "; ")
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
	p.noise = map[string]int64{}
	return p.remember(ctx)
}

// remember notes where sequences and counters are.
func (p *postgresStore) remember(ctx context.Context) error {
	rows, err := p.query(ctx, p.look)
	if err != nil {
		return err
	}
	p.taken = p.taken[:0]
	for _, row := range rows[:len(p.sequences)] {
		p.taken = append(p.taken, row[0])
	}
	p.counters, err = countersIn(rows[len(p.sequences):])
	return err
}

func countersIn(rows [][]string) (map[string]int64, error) {
	counters := map[string]int64{}
	for _, row := range rows {
		n, err := strconv.ParseInt(row[1], 10, 64)
		if err != nil {
			return nil, err
		}
		counters[row[0]] = n
	}
	return counters, nil
}

// takeBack undoes what is left of a transaction that failed.
func (p *postgresStore) takeBack(ctx context.Context) error {
	sql := ""
	for i, at := range p.taken {
		sql += "select setval(" + p.sequences[i] + ", " + at + "); "
	}
	rows, err := p.query(ctx, sql+"select name, sum(n)::bigint from _dowel_counters group by name")
	if err != nil {
		return err
	}
	counters, err := countersIn(rows[len(p.taken):])
	for name, n := range counters {
		p.noise[name] += n - p.counters[name]
	}
	p.counters = counters
	return err
}

// Write implements storage.Store.
func (p *postgresStore) Write(ctx context.Context, fn func(storage.Tx) error) error {
	err := p.Store.Write(ctx, func(tx storage.Tx) error { return fn(postgresTx{tx, p}) })
	if err == nil {
		return p.remember(ctx)
	}
	if failed := p.takeBack(ctx); failed != nil {
		return fmt.Errorf("what failed cannot be taken back: %w", failed)
	}
	return err
}

func (p *postgresStore) quiet(classes []*schema.Class, ns []int64) []int64 {
	for i := range ns {
		ns[i] -= p.noise[classes[i].Table]
	}
	return ns
}

// Read implements storage.Store.
func (p *postgresStore) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	page, err := p.Store.Read(ctx, q)
	if page != nil {
		p.quiet(q.Watch, page.Counters)
	}
	return page, err
}

// Counters implements storage.Store.
func (p *postgresStore) Counters(ctx context.Context, classes []*schema.Class) ([]int64, error) {
	ns, err := p.Store.Counters(ctx, classes)
	return p.quiet(classes, ns), err
}

type postgresTx struct {
	storage.Tx
	p *postgresStore
}

func (t postgresTx) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	page, err := t.Tx.Read(ctx, q)
	if page != nil {
		t.p.quiet(q.Watch, page.Counters)
	}
	return page, err
}

// Savepoint implements storage.Tx. What is undone has taken no number of a key either.
func (t postgresTx) Savepoint(ctx context.Context, fn func() error) error {
	before, err := t.p.query(ctx, t.p.look)
	if err != nil {
		return err
	}
	if err = t.Tx.Savepoint(ctx, fn); err == nil {
		return nil
	}
	sql := ""
	for i, name := range t.p.sequences {
		sql += "select setval(" + name + ", " + before[i][0] + "); "
	}
	if _, failed := t.p.query(ctx, sql); failed != nil {
		return fmt.Errorf("what failed cannot be taken back: %w", failed)
	}
	return err
}

func (t postgresTx) Counters(ctx context.Context, classes []*schema.Class) ([]int64, error) {
	ns, err := t.Tx.Counters(ctx, classes)
	return t.p.quiet(classes, ns), err
}
