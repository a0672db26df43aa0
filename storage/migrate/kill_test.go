package migrate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/migrate"
)

var errKilled = errors.New("killed")

// mortal is a connection that dies at its n-th statement: before it runs, or after it has run and before
// anybody hears of it.
type mortal struct {
	migrate.Conn
	left  int
	after bool
	used  int
}

func (m *mortal) dies() bool {
	m.left--
	m.used++
	return m.left < 0
}

func (m *mortal) Query(ctx context.Context, sql string, row func(cols []string)) error {
	if m.dies() {
		return errKilled
	}
	return m.Conn.Query(ctx, sql, row)
}

func (m *mortal) Exec(ctx context.Context, sql string) (int64, error) {
	dies := m.dies()
	if dies && (!m.after || m.left < -1) {
		return 0, errKilled
	}
	n, err := m.Conn.Exec(ctx, sql)
	if dies {
		return 0, errKilled
	}
	return n, err
}

// reconnect closes the connection, as the death of a process does, and opens another.
func (w *world) reconnect() {
	w.Helper()
	if w.pg != nil {
		w.pg.Conn().Close() // without a word
		w.pg = w.openPostgres()
		w.Conn = pgConn{w.pg}
		// The server ends what the dead session was doing.
		for w.ask("select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle' and query not like '%pg_stat_activity%'") != "0" {
		}
		return
	}
	if err := w.lite.Close(); err != nil {
		w.Fatal(err)
	}
	w.lite = w.openSQLite()
	w.Conn = liteConn{w.lite}
}

// shape is the tables as Inspect sees them, without what depends on the way that led there.
func (w *world) shape() string {
	w.Helper()
	db, err := migrate.Inspect(w.Context(), w.Conn)
	if err != nil {
		w.Fatal(err)
	}
	slices.SortFunc(db.Tables, func(a, b *migrate.Table) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range db.Tables {
		slices.SortFunc(t.Columns, func(a, b *migrate.Column) int { return strings.Compare(a.Name, b.Name) })
		slices.SortFunc(t.Indexes, func(a, b *migrate.Index) int { return strings.Compare(a.Name, b.Name) })
	}
	b, err := json.MarshalIndent(db, "", " ")
	if err != nil {
		w.Fatal(err)
	}
	return string(b)
}

// killed are changes whose plans have every kind of statement between them.
var killed = []struct{ name, before, rows, after string }{
	{"everything", books, bookRows, "  book: {soft_delete: true, fields: {name: string was=title unique, pages: decimal optional, lang: string default=en, author: author optional inverse=books, tags: many tag}}\n  author: {fields: {name: string max=20, code: uuid auto=uuid, born: date optional}}\n  tag: {fields: {name: slug unique}}\n"},
	{"renames and keys", "  a: {fields: {name: string unique, no: int auto=sequence, more: many b}}\n  b: {fields: {name: string, a: a optional}}\n  e: {fields: {x: int}}\n",
		"a id=1 name=x no=1\na id=2 name=y no=2\nb id=1 name=z a=1\nas_more a_id=1 b_id=1\n",
		"  b: {was: a, fields: {title: string unique was=name, nr: int auto=sequence was=no, more: many c}}\n  c: {was: b, fields: {name: string, a: b optional}}\n  e: {id: uuid, fields: {x: string}}\n"},
	{"values", "  a: {fields: {n: int index, m: string optional, s: string unique, when: date}}\n",
		"a id=1 n=5 s=A when=2026-01-01\na id=2 n=6 s=B m=x when=2026-01-01\na id=3 n=7 s=C when=2026-01-01\na id=4 n=8 s=D when=2026-01-01\na id=5 n=9 s=E when=2026-01-01\n",
		"  a: {soft_delete: true, fields: {n: string index, m: string backfill=none, s: string unique, when: datetime optional, place: int auto=sequence}}\n"},
}

// TestKilled kills an apply at every statement, and the next one, too, and sees that what follows comes to
// the same end: the same plan again, or a new one.
func TestKilled(t *testing.T) {
	for _, c := range killed {
		t.Run(c.name, func(t *testing.T) {
			for _, open := range []func(testing.TB) *world{newSQLite, newPostgres} {
				whole := open(t)
				before, after := read(t, c.before), read(t, c.after)
				begin := func(w *world) *migrate.Plan {
					w.apply(before)
					w.fill(before, c.rows)
					return w.small(after)
				}
				p := begin(whole)
				counter := &mortal{Conn: whole.Conn, left: 1 << 30}
				if _, err := migrate.Apply(t.Context(), counter, p, migrate.Allow{All: true}); err != nil {
					t.Fatalf("%v\n%s", err, scripts(p))
				}
				whole.settled(after)
				shape, rows := whole.shape(), withoutUUIDs(whole.dump(after))
				step := 1
				if whole.isPostgres() && os.Getenv("DOWEL_TEST_ALL") == "" {
					step = 13 // some of the statements, others for each way to die
				}
				for n := 0; n < counter.used; n++ {
					for way := range 3 {
						if (n+way)%step != 0 {
							continue
						}
						t.Run(fmt.Sprintf("%s/%d.%d", whole.Dialect().Name(), n, way), func(t *testing.T) {
							w := open(t)
							w.killedAt(begin(w), n, way)
							if way == 2 {
								w.applySmall(after) // a new plan
							} else if _, err := migrate.Apply(t.Context(), w.Conn, p, migrate.Allow{All: true}); err != nil && !errors.Is(err, migrate.ErrChanged) {
								t.Fatal(err)
							}
							w.settled(after)
							if diff := cmp.Diff(rows, withoutUUIDs(w.dump(after))); diff != "" {
								t.Errorf("rows differ (-whole +killed):\n%s", diff)
							}
							if diff := cmp.Diff(shape, w.shape()); diff != "" {
								t.Errorf("tables differ (-whole +killed):\n%s", diff)
							}
						})
					}
				}
			}
		})
	}
}

// killedAt applies a plan, dies at a statement, goes on, and dies again a few statements later.
func (w *world) killedAt(p *migrate.Plan, n, way int) {
	w.Helper()
	for _, at := range []int{n, n%7 + 8} {
		m := &mortal{Conn: w.Conn, left: at, after: way == 1}
		_, err := migrate.Apply(w.Context(), m, p, migrate.Allow{All: true})
		if err != nil && !errors.Is(err, errKilled) && !errors.Is(err, migrate.ErrChanged) {
			w.Fatalf("%v\n%s", err, scripts(p))
		}
		w.reconnect()
	}
}

func withoutUUIDs(rows string) string {
	var out []string
	for word := range strings.FieldsSeq(rows) {
		if !strings.Contains(word, "code=") {
			out = append(out, word)
		}
	}
	return strings.Join(out, " ")
}

// small makes a plan that treats tables as large ones.
func (w *world) small(s *schema.Schema) *migrate.Plan {
	w.Helper()
	have, err := migrate.Inspect(w.Context(), w.Conn)
	if err != nil {
		w.Fatal(err)
	}
	p, err := migrate.Diff(w.Context(), migrate.Desired(s, w.Dialect()).Small(), have, w.Conn)
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func (w *world) applySmall(s *schema.Schema) {
	w.Helper()
	p := w.small(s)
	if _, err := migrate.Apply(w.Context(), w.Conn, p, migrate.Allow{All: true}); err != nil {
		w.Fatalf("%v\n%s", err, scripts(p))
	}
}
