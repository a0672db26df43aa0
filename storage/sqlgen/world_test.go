package sqlgen_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// world is the same rows twice: in the reference store, and in tables of
// PostgreSQL that printed statements ask.
type world struct {
	schema *schema.Schema
	store  storage.Store
	pg     *pgconn.PgConn
	space  string
	print  sqlgen.Printer

	asked []schema.Expr
	about *schema.Class
}

// server is the connection that all worlds of a test share; each has a schema.
func server(t testing.TB) *pgconn.PgConn {
	t.Helper()
	pg, err := pgconn.Connect(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pg.Close(context.Background()) })
	return pg
}

type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

func newWorld(t tester, pg *pgconn.PgConn, s *schema.Schema) *world {
	t.Helper()
	store, err := memory.New(s)
	if err != nil {
		t.Fatalf("%v", err)
	}
	w := &world{schema: s, store: store, pg: pg, space: "w" + strconv.FormatInt(time.Now().UnixNano(), 36)}
	w.print = sqlgen.Printer{Dialect: sqlgen.Postgres{}, Names: sqlgen.Compile(s)}
	ddl := []string{"create schema " + w.space, "set search_path = " + w.space, "set timezone = 'UTC'", "set jit = off"}
	for _, c := range s.Classes {
		table := w.print.Names.Table(c)
		columns := []string{`"_version" bigint not null`}
		for _, f := range c.Fields {
			if f.Stored() {
				columns = append(columns, table.Bare[f.Index]+" "+sqlgen.Postgres{}.ColumnType(f.Type))
			}
			if m := f.Many; m != nil {
				ddl = append(ddl, fmt.Sprintf("create table %s (%s %s, %s %s)", sqlgen.Quote(m.Table),
					sqlgen.Quote(m.Own), sqlgen.Postgres{}.ColumnType(c.Key[0].Type), sqlgen.Quote(m.Other), sqlgen.Postgres{}.ColumnType(m.To.Key[0].Type)))
			}
		}
		ddl = append(ddl, "create table "+table.Name+" ("+strings.Join(columns, ", ")+")")
	}
	if err := pg.Exec(context.Background(), strings.Join(ddl, ";")).Close(); err != nil {
		t.Fatalf("%v", err)
	}
	return w
}

func (w *world) drop(t tester) {
	if err := w.pg.Exec(context.Background(), "drop schema "+w.space+" cascade").Close(); err != nil {
		t.Fatalf("%v", err)
	}
}

// insert puts a row into both, unless the reference refuses it.
func (w *world) insert(t tester, c *storage.Change) {
	t.Helper()
	c.Return = &storage.Query{}
	for _, f := range c.Class.Fields {
		if f.Stored() {
			c.Return.Columns = append(c.Return.Columns, storage.Column{Field: f})
		}
	}
	var row *storage.Row
	err := w.store.Write(context.Background(), func(tx storage.Tx) (err error) {
		row, err = tx.Apply(context.Background(), c)
		return err
	})
	if err != nil {
		return
	}
	p := &w.print
	p.Reset()
	p.Put("insert into " + p.Names.Table(c.Class).Name + ` ("_version"`)
	for _, col := range c.Return.Columns {
		p.Put(", " + p.Names.Table(c.Class).Bare[col.Field.Index])
	}
	p.Put(") values (")
	p.Arg(schema.NewInt(row.Version))
	for _, col := range c.Return.Columns {
		p.Put(", ")
		p.Arg(row.Values[col.Field.Index])
	}
	p.Put(")")
	w.run(t)
	for _, l := range c.Links {
		var known []schema.Value
		for _, other := range l.Add {
			if slices.Contains(known, other) {
				continue
			}
			known = append(known, other)
			p.Reset()
			p.Put("insert into " + sqlgen.Quote(l.Field.Many.Table) + " values (")
			p.Arg(row.Key(c.Class)[0])
			p.Put(", ")
			p.Arg(other)
			p.Put(")")
			w.run(t)
		}
	}
}

// run runs what was printed.
func (w *world) run(t tester) [][][]byte {
	t.Helper()
	args := make([][]byte, len(w.print.Args))
	for i, v := range w.print.Args {
		if !v.IsNull() {
			args[i] = []byte(v.String())
		}
	}
	r := w.pg.ExecParams(context.Background(), string(w.print.SQL), args, nil, nil, nil).Read()
	if r.Err != nil {
		t.Fatalf("%v\n%s\n%v", r.Err, w.print.SQL, w.print.Args)
	}
	return r.Rows
}

// want is what the reference answers, as text; of rows that were expanded only those at the path.
func (w *world) want(t tester, q *storage.Query, path []int) []string {
	t.Helper()
	page, err := w.store.Read(context.Background(), q)
	if err != nil {
		t.Fatalf("reference: %v", err)
	}
	return told(q, page.Rows, path, "")
}

func told(q *storage.Query, rows []storage.Row, path []int, prefix string) (lines []string) {
	for i := range rows {
		r := &rows[i]
		if len(path) > 0 {
			lines = append(lines, told(&q.Expand[path[0]].Query, r.Expanded[path[0]], path[1:], prefix+strconv.Itoa(i+1)+" ")...)
			continue
		}
		line := fmt.Sprint(prefix, r.Version)
		for i, e := range q.Tests {
			if _, settled := sqlgen.IsConstant(e); !settled {
				line += fmt.Sprint(" ", r.Test(i))
			}
		}
		for _, c := range q.Columns {
			line += " " + shown(r.Values[c.Field.Index])
		}
		lines = append(lines, line)
	}
	return lines
}

func shown(v schema.Value) string {
	if v.IsNull() {
		return "-"
	}
	return fmt.Sprintf("%s:%q", v.Kind(), v)
}

// got is what PostgreSQL answers to what was printed for a query.
func (w *world) got(t tester, q *storage.Query, ordinals int) (lines []string) {
	t.Helper()
	kinds := w.print.Names.Table(q.Class).Kinds
	rows := w.run(t)
	slices.SortStableFunc(rows, func(a, b [][]byte) int { // parents come in any order
		for i := range ordinals {
			n, _ := strconv.Atoi(string(a[i]))
			m, _ := strconv.Atoi(string(b[i]))
			if n != m {
				return n - m
			}
		}
		return 0
	})
	for _, row := range rows {
		line := ""
		for _, n := range row[:ordinals] {
			line += string(n) + " "
		}
		row = row[ordinals:]
		line += string(row[0])
		row = row[1:]
		for _, e := range q.Tests {
			if _, settled := sqlgen.IsConstant(e); !settled {
				line += fmt.Sprint(" ", string(row[0]) == "t")
				row = row[1:]
			}
		}
		for i, c := range q.Columns {
			v, err := read(kinds[c.Field.Index], row[i])
			if err != nil {
				t.Fatalf("%s: %v\n%s", c.Field.Name, err, w.print.SQL)
			}
			line += " " + shown(v)
		}
		lines = append(lines, line)
	}
	if q.From != nil && q.From.Back { // what is before a place is printed from there on
		slices.Reverse(lines)
	}
	return lines
}

// read reads the text of a column.
func read(k sqlgen.Kind, text []byte) (v schema.Value, err error) {
	if text == nil {
		return v, nil
	}
	s := string(text)
	switch k.Kind {
	case schema.Bool:
		return schema.NewBool(s == "t"), nil
	case schema.Int:
		n, err := strconv.ParseInt(s, 10, 64)
		return schema.NewInt(n), err
	case schema.Decimal:
		whole, fraction, _ := bytes.Cut(text, []byte("."))
		if len(fraction) != int(k.Scale) {
			return v, fmt.Errorf("%q has not %d digits", s, k.Scale)
		}
		n, err := strconv.ParseInt(string(whole)+string(fraction), 10, 64)
		return schema.NewDecimal(n, k.Scale), err
	case schema.Float:
		f, err := strconv.ParseFloat(s, 64)
		return schema.NewFloat(f), err
	case schema.JSON:
		return schema.NewJSON(s), nil
	}
	switch k.Native {
	case sqlgen.Datetime:
		at, err := time.Parse("2006-01-02 15:04:05.999999-07", s)
		return schema.NewDatetime(at), err
	case sqlgen.Time:
		return schema.MustType("time", schema.Options{}).Parse(s)
	}
	return schema.NewText(s), nil
}
