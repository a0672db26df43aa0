package pgtest_test

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// ask runs statements and returns the first column of the last one's rows.
func ask(t testing.TB, url, sql string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := pgconn.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	results, err := c.Exec(ctx, sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	var rows []string
	for _, row := range results[len(results)-1].Rows {
		rows = append(rows, string(row[0]))
	}
	return strings.Join(rows, " ")
}

func TestSeparate(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(testing.TB) string
	}{{"database", pgtest.Database}, {"schema", pgtest.Schema}} {
		t.Run(test.name, func(t *testing.T) {
			a, b := test.make(t), test.make(t)
			ask(t, a, "create table x (n text); insert into x values ('a')")
			ask(t, b, "create table x (n text); insert into x values ('b'), ('ä'), ('B')")
			if got := ask(t, a, "select n from x"); got != "a" {
				t.Errorf("the first has %q", got)
			}
			if got := ask(t, b, `select n from x order by n collate "C"`); got != "B b ä" {
				t.Errorf("the second has %q", got)
			}
		})
	}
}

func TestDropped(t *testing.T) {
	outer := pgtest.Database(t)
	count := func() string { return ask(t, outer, "select count(*) from pg_database") }
	before := count()
	t.Run("inner", func(t *testing.T) {
		ask(t, pgtest.Database(t), "create table x ()")
	})
	if after := count(); before != after {
		t.Errorf("%s databases, were %s", after, before)
	}
}

func TestSettings(t *testing.T) {
	c := pgtest.NewCluster(t, pgtest.Options{Settings: map[string]string{"work_mem": "8MB"}})
	for name, want := range map[string]string{"timezone": "UTC", "fsync": "off", "server_encoding": "UTF8", "max_connections": "200", "work_mem": "8MB"} {
		if got := ask(t, c.URL(), "show "+name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// TestSurvives: what was committed is there after the server was killed or stopped.
func TestSurvives(t *testing.T) {
	c := pgtest.NewCluster(t, pgtest.Options{})
	url := c.URL()
	ask(t, url, "create table x (n int)")
	for n, how := range []func(){c.Kill, func() { c.Stop(pgtest.Fast) }, func() { c.Stop(pgtest.Immediate) }} {
		ask(t, url, "insert into x values (1)")
		how()
		if _, err := pgconn.Connect(context.Background(), url); err == nil {
			t.Fatal("a stopped server answers")
		}
		c.Start()
		if got := ask(t, url, "select count(*) from x"); got != string(rune('1'+n)) {
			t.Errorf("%s rows after %d", got, n+1)
		}
	}
	c.Restart(pgtest.Smart)
	if got := ask(t, url, "select count(*) from x"); got != "3" {
		t.Errorf("%s rows", got)
	}
}

func TestReplica(t *testing.T) {
	c := pgtest.NewCluster(t, pgtest.Options{})
	r := c.Replica()
	ask(t, c.URL(), "create table x (n int); insert into x values (7)")
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if ask(t, r.URL(), "select count(*) from pg_tables where tablename = 'x'") == "1" && ask(t, r.URL(), "select n from x") == "7" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the replica does not follow")
		}
	}
	if got := ask(t, r.URL(), "show transaction_read_only"); got != "on" {
		t.Errorf("read only: %s", got)
	}
	c.Kill()
	r.Promote()
	ask(t, r.URL(), "insert into x values (8)")
}

// TestNothingStays: a test process that was killed leaves no server and no folder.
func TestNothingStays(t *testing.T) {
	const env = "DOWEL_TEST_PGTEST_CHILD"
	if os.Getenv(env) != "" {
		c := pgtest.NewCluster(t, pgtest.Options{})
		os.Stdout.WriteString("\n" + c.Folder() + " " + c.URL() + "\n")
		time.Sleep(time.Minute)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestNothingStays$")
	cmd.Env = append(os.Environ(), env+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var folder, url string
	for lines := bufio.NewScanner(out); folder == "" && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "/") {
			folder, url, _ = strings.Cut(lines.Text(), " ")
		}
	}
	if folder == "" {
		t.Fatal("the child started no server")
	}
	ask(t, url, "select 1")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%s stays", folder)
		}
	}
	if _, err := pgconn.Connect(context.Background(), url); err == nil {
		t.Error("the server stays")
	}
}

// TestTwoProcesses: two processes, and several clusters of one, run at once.
func TestTwoProcesses(t *testing.T) {
	const env = "DOWEL_TEST_PGTEST_PAIR"
	mine := pgtest.Database(t)
	if os.Getenv(env) != "" {
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestTwoProcesses$")
	cmd.Env = append(os.Environ(), env+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	ask(t, mine, "select 1")
}

// TestGivenServer: with a URL no server is started, and nothing is left there.
func TestGivenServer(t *testing.T) {
	const env = "DOWEL_TEST_PGTEST_GIVEN"
	if os.Getenv(env) != "" {
		ask(t, pgtest.Database(t), "create table x ()")
		ask(t, pgtest.Schema(t), "create table x ()")
		return
	}
	c := pgtest.NewCluster(t, pgtest.Options{})
	cmd := exec.Command(os.Args[0], "-test.run=^TestGivenServer$")
	cmd.Env = append(os.Environ(), env+"=1", pgtest.ServerEnv+"="+c.URL(), "DOWEL_TEST_PGBIN=/nowhere")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if got := ask(t, c.URL(), "select datname from pg_database where datname like 'dowel%'"); got != "" {
		t.Errorf("left: %s", got)
	}
}

// TestMissing: without PostgreSQL a test fails with what to install.
func TestMissing(t *testing.T) {
	const env = "DOWEL_TEST_PGTEST_MISSING"
	if os.Getenv(env) != "" {
		pgtest.Database(t)
		return
	}
	for name, set := range map[string]string{
		"no initdb":   "DOWEL_TEST_PGBIN=/nowhere",
		"not a URL":   pgtest.ServerEnv + "=host=x",
		"not running": pgtest.ServerEnv + "=postgres://postgres@127.0.0.1:1/x",
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestMissing$")
			cmd.Env = append(os.Environ(), env+"=1", set)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "pgtest: ") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// The benchmarks make one with two tables and drop it.
func BenchmarkSchema(b *testing.B)   { benchmark(b, pgtest.Schema) }
func BenchmarkDatabase(b *testing.B) { benchmark(b, pgtest.Database) }

func benchmark(b *testing.B, make func(testing.TB) string) {
	for b.Loop() {
		s := &scope{TB: b}
		ask(b, make(s), "create table x (id int primary key, n text); create table y (id int primary key, n text)")
		s.end()
	}
}

// scope ends before its test does.
type scope struct {
	testing.TB
	ends []func()
}

func (s *scope) Cleanup(end func()) { s.ends = append(s.ends, end) }

func (s *scope) end() {
	for i := len(s.ends) - 1; i >= 0; i-- {
		s.ends[i]()
	}
}
