package migrate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/storage/migrate"
)

var lockOrder = []string{"", "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"}

func strongest(a, b string) string {
	if slices.Index(lockOrder, b) > slices.Index(lockOrder, a) {
		return b
	}
	return a
}

// watched is a connection whose locks another one looks at: after every statement of a transaction,
// and while one outside of transactions runs.
type watched struct {
	migrate.Conn
	t     *testing.T
	look  migrate.Conn
	pid   string
	plan  *migrate.Plan
	inTx  bool
	want  string // strongest lock predicted so far in the transaction
	table string
	seen  map[string]int
}

func (c *watched) statement(sql string) *migrate.Statement {
	for i := range c.plan.Steps {
		for n := range c.plan.Steps[i].SQL {
			st := &c.plan.Steps[i].SQL[n]
			if st.Text == sql || st.Batch != nil && strings.HasPrefix(sql, st.Text[:strings.Index(st.Text, "/*range*/")]) {
				return st
			}
		}
	}
	return nil
}

// oid finds a table by the name that it has for a session.
func (c *watched) oid(session migrate.Conn, table string) string {
	return ask(c.t, session, "select to_regclass('\""+table+"\"')::oid")
}

// held is the strongest lock of the session on a table.
func (c *watched) held(oid string) string {
	mode := ""
	for m := range strings.SplitSeq(ask(c.t, c.look, fmt.Sprintf("select mode from pg_locks where pid = %s and granted and relation = %s", c.pid, oid)), "|") {
		mode = strongest(mode, m)
	}
	return mode
}

func (c *watched) Exec(ctx context.Context, sql string) (int64, error) {
	st := c.statement(sql)
	switch {
	case strings.HasPrefix(sql, "begin"):
		c.inTx, c.want, c.table = true, "", ""
	case sql == "commit", sql == "rollback":
		c.inTx = false
	case st != nil && !c.inTx && st.Lock != "":
		return c.during(ctx, st)
	}
	n, err := c.Conn.Exec(ctx, sql)
	if err != nil || !c.inTx || st == nil {
		return n, err
	}
	if st.Lock != "" {
		c.table, c.want = st.Table, strongest(c.want, st.Lock)
	}
	oid := ""
	if c.table != "" {
		oid = c.oid(c.Conn, c.table)
	}
	if oid == "" {
		return n, err
	}
	c.seen[st.Lock]++
	got := c.held(oid)
	if slices.Index(lockOrder, got) <= slices.Index(lockOrder, "RowExclusiveLock") && c.want == "" {
		return n, err // reads for its own sake
	}
	if got != c.want {
		c.t.Errorf("%s\nholds %q on %s, predicted %q", sql, got, c.table, c.want)
	}
	return n, err
}

// during runs a statement against a transaction that it has to wait for, and looks at the lock it holds meanwhile.
func (c *watched) during(ctx context.Context, st *migrate.Statement) (int64, error) {
	if _, err := c.look.Exec(ctx, "begin isolation level repeatable read; select 1 from \""+st.Table+"\" limit 1"); err != nil {
		c.t.Fatal(err)
	}
	type result struct {
		n   int64
		err error
	}
	oid := c.oid(c.look, st.Table)
	done := make(chan result, 1)
	go func() {
		n, err := c.Conn.Exec(ctx, st.Text)
		done <- result{n, err}
	}()
	got := ""
	for began := time.Now(); got != st.Lock && time.Since(began) < 10*time.Second; time.Sleep(5 * time.Millisecond) {
		got = c.held(oid)
	}
	if got != st.Lock {
		c.t.Errorf("%s\nholds %q on %s, predicted %q", st.Text, got, st.Table, st.Lock)
	}
	c.seen[st.Lock]++
	if _, err := c.look.Exec(ctx, "commit"); err != nil {
		c.t.Fatal(err)
	}
	r := <-done
	return r.n, r.err
}

// TestLocks applies every kind of change and compares the locks that PostgreSQL shows with those
// of the plan.
func TestLocks(t *testing.T) {
	seen := map[string]int{}
	for _, c := range append(slices.Clone(changes), killed...) {
		t.Run(c.name, func(t *testing.T) {
			w := newPostgres(t)
			before, after := read(t, c.before), read(t, c.after)
			w.apply(before)
			w.fill(before, c.rows)
			p := w.small(after)
			conn := &watched{Conn: w.Conn, t: t, look: w.again(), pid: w.ask("select pg_backend_pid()"), plan: p, seen: seen}
			if _, err := migrate.Apply(t.Context(), conn, p, migrate.Allow{All: true, Partial: true}); err != nil {
				t.Fatalf("%v\n%s", err, scripts(p))
			}
		})
	}
	for _, mode := range []string{"RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareRowExclusiveLock", "AccessExclusiveLock"} {
		if seen[mode] == 0 {
			t.Errorf("no statement with %s", mode)
		}
	}
}

// TestBusyTable: a step does not stand in the way of others while it waits for a lock, and gets it in the end.
func TestBusyTable(t *testing.T) {
	w := newPostgres(t)
	before, after := read(t, "  a: {fields: {x: int}}\n"), read(t, "  a: {fields: {x: int, y: int optional}}\n")
	w.apply(before)
	w.fill(before, "a id=1 x=1\n")
	other, third := w.again(), w.again()
	if _, err := other.Exec(t.Context(), "begin; select * from \"as\""); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	p := w.plan(after)
	go func() {
		_, err := migrate.Apply(context.Background(), w.Conn, p, migrate.Allow{})
		done <- err
	}()
	time.Sleep(300 * time.Millisecond)
	began := time.Now()
	ask(t, third, "select count(*) from \"as\"") // waits behind the one that waits, but not for long
	if waited := time.Since(began); waited > 5*time.Second {
		t.Errorf("a reader waited %v", waited)
	}
	select {
	case err := <-done:
		t.Fatalf("applied while somebody held the table: %v", err)
	case <-time.After(700 * time.Millisecond):
	}
	if _, err := other.Exec(t.Context(), "commit"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.settled(after)
}
