package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

// The tests of nodes start processes of `dowel serve` in front of real servers of
// PostgreSQL, and do to them what happens in production.

const notes = `dowel: 1
app: {title: Notes}
classes:
  note:
    fields:
      marker: string unique
      writer: int
      n: int default=0
    allow: {all: anyone}
  page:
    fields: {text: string}
    allow: {all: anyone}
`

// node is a process of `dowel serve`.
type node struct {
	t    testing.TB
	url  string
	cmd  *exec.Cmd
	says *output
	done chan struct{} // closed when it has ended
}

// output is what a process has written, readable while it writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// application writes a folder with a schema.
func application(t testing.TB, schema string) string {
	t.Helper()
	folder := t.TempDir()
	rewrite(t, folder, schema)
	return folder
}

func rewrite(t testing.TB, folder, schema string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, "dowel.yaml"), []byte(schema), 0o644); err != nil {
		t.Fatal(err)
	}
}

// serve starts a node and waits until it serves.
func serve(t testing.TB, folder string, args ...string) *node {
	t.Helper()
	n := launch(t, folder, args...)
	address := regexp.MustCompile(`on (http://[^ ]+) \(`)
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if m := address.FindStringSubmatch(n.says.String()); m != nil {
			n.url = m[1]
			return n
		}
		select {
		case <-n.done:
			t.Fatalf("the node ended: %s", n.says)
		default:
		}
	}
	t.Fatalf("the node does not serve: %s", n.says)
	return nil
}

// launch starts the process of a node.
func launch(t testing.TB, folder string, args ...string) *node {
	t.Helper()
	n := &node{t: t, says: &output{}, done: make(chan struct{})}
	n.cmd = exec.Command("dowel", append(append([]string{"serve", "--listen", "127.0.0.1:0"}, args...), folder)...)
	n.cmd.Stderr = n.says
	n.cmd.Env = append(os.Environ(), "DOWEL_LOG__LEVEL=info", "DOWEL_AUTH__SECRET=0123456789abcdef0123456789abcdef")
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = n.cmd.Wait() // the tests that want to know look at the output
		close(n.done)
	}()
	t.Cleanup(n.stop)
	return n
}

func (n *node) stop() {
	_ = n.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-n.done:
	case <-time.After(20 * time.Second):
		n.t.Errorf("the node does not end; it said %s", tail(n.says.String()))
		_ = n.cmd.Process.Kill()
	}
	for _, bad := range []string{"DATA RACE", "panic", "status=500"} {
		if i := strings.Index(n.says.String(), bad); i >= 0 {
			n.t.Errorf("the node said: %s", n.says.String()[max(0, i-500):min(i+3000, len(n.says.String()))])
		}
	}
}

// within is the time that is promised, and more than that on a machine that has other
// tests to run: with DOWEL_TEST_CROWD set, this is the only one.
func within(d time.Duration) time.Duration {
	if os.Getenv(crowdEnv) == "" {
		return 5 * d
	}
	return d
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

// answer is what came back of a request.
type answer struct {
	status int
	header http.Header
	body   string
	took   time.Duration
	err    error // no answer at all
}

func (a answer) String() string {
	return fmt.Sprintf("%d %v %s (%v)", a.status, a.err, a.body, a.took)
}

var client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}

// do sends a request with JSON. Fields are name, value, …
func (n *node) do(method, path, content string, fields ...string) answer {
	r, err := http.NewRequestWithContext(context.Background(), method, n.url+path, strings.NewReader(content))
	if err != nil {
		return answer{err: err}
	}
	if content != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	start := time.Now()
	res, err := client.Do(r)
	if err != nil {
		return answer{err: err, took: time.Since(start)}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body), time.Since(start), err}
}

// await asks until the answer is as wanted.
func (n *node) await(within time.Duration, path string, status int, text string) answer {
	n.t.Helper()
	var a answer
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if a = n.do("GET", path, ""); a.status == status && strings.Contains(a.body, text) {
			return a
		}
	}
	n.t.Fatalf("%s: %v; want %d %s within %v; the node said %s", path, a, status, text, within, tail(n.says.String()))
	return a
}

// awaitSaid waits for a line of the log.
func (n *node) awaitSaid(text string) {
	n.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(n.says.String(), text) {
			return
		}
	}
	n.t.Fatalf("the node never said %q but %s", text, tail(n.says.String()))
}

// ids reads the ids of a list.
func ids(body string) (all []int64) {
	var rows []struct{ ID int64 }
	if json.Unmarshal([]byte(body), &rows) != nil {
		return nil
	}
	for _, r := range rows {
		all = append(all, r.ID)
	}
	return all
}

// sql runs statements on a connection of its own and returns the rows of the last one.
func sql(t testing.TB, url, text string) [][]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	pg, err := pgconn.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer pg.Close(ctx)
	results, err := pg.Exec(ctx, text).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var rows [][]string
	for _, row := range results[len(results)-1].Rows {
		cells := make([]string, len(row))
		for i := range row {
			cells[i] = string(row[i])
		}
		rows = append(rows, cells)
	}
	return rows
}

// quickReplica has a replica come back soon after its primary.
var quickReplica = pgtest.Options{Settings: map[string]string{"wal_retrieve_retry_interval": "100ms"}}

// TestNodesReload: one node takes a new schema, the other hears of it.
func TestNodesReload(t *testing.T) {
	c := pgtest.NewCluster(t, pgtest.Options{})
	mine, theirs := application(t, notes), application(t, notes)
	a := serve(t, mine, "--apply", "--db", c.URL())
	b := serve(t, theirs, "--apply", "--db", c.URL())
	wider := strings.Replace(notes, "n: int default=0", "n: int default=0\n      text: string optional", 1)
	fields := func(n *node) string { return n.do("GET", "/api/notes?fields=text", "").body }

	t.Run("picked up", func(t *testing.T) {
		rewrite(t, mine, wider)
		rewrite(t, theirs, wider)
		a.hup()
		a.awaitSaid("reloaded: 2 classes")
		b.awaitSaid("reloaded: 2 classes")
		if a, b := fields(a), fields(b); a != "[]" || b != "[]" {
			t.Errorf("%s and %s", a, b)
		}
		if strings.Count(a.says.String(), "reloaded") != 1 {
			t.Errorf("the one that told the others was told itself: %s", a.says)
		}
	})
	t.Run("broken files keep their node as it is", func(t *testing.T) {
		rewrite(t, theirs, "classes: {")
		rewrite(t, mine, strings.Replace(wider, "title: Notes", "title: More notes", 1))
		a.hup()
		b.awaitSaid("still serving the previous schema")
		if got := fields(b); got != "[]" {
			t.Error(got)
		}
		rewrite(t, theirs, strings.Replace(wider, "title: Notes", "title: More notes", 1))
	})
	t.Run("told while it was away", func(t *testing.T) {
		before := strings.Count(b.says.String(), "reloaded")
		sql(t, c.URL(), "update _dowel_state set value = (value::bigint + 1)::text where name = 'announced'")
		sql(t, c.URL(), "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'dowel listening'")
		for end := time.Now().Add(10 * time.Second); strings.Count(b.says.String(), "reloaded") == before; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("it never learned that something was said: %s", b.says)
			}
		}
		b.await(time.Second, "/", 200, "More notes")
		// What is told from here on is to be heard by both: the ends of their connections have been seen, and there are new ones.
		a.awaitSaid("cannot be heard")
		b.awaitSaid("cannot be heard")
		listening := func() string {
			return sql(t, c.URL(), "select count(*) from pg_stat_activity where application_name = 'dowel listening' and query like '%announced%' and state = 'idle'")[0][0]
		}
		for end := time.Now().Add(10 * time.Second); listening() != "2"; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s nodes listen again: %v", listening(), sql(t, c.URL(), "select pid, state, query from pg_stat_activity where application_name = 'dowel listening'"))
			}
		}
	})
	t.Run("an addition", func(t *testing.T) {
		// The second node has its old files: it goes on, also with the table that has more columns now.
		if got := b.do("POST", "/api/notes", `{"marker":"first","writer":1}`); got.status != 201 {
			t.Error(got)
		}
		rewrite(t, mine, strings.Replace(wider, "n: int default=0", "n: int default=0\n      state: {enum: [open, done], default: open}", 1))
		a.hup()
		a.await(5*time.Second, "/api/notes?fields=state", 200, "")
		b.awaitSaid("another node serves another revision")
		if got := b.do("POST", "/api/notes", `{"marker":"old","writer":1}`); got.status != 201 {
			t.Errorf("by the node that does not know the column: %v", got)
		}
		a.await(time.Second, "/api/notes?marker=old", 200, `"state":"open"`)
		b.await(time.Second, "/readyz?verbose", 200, `"name":"schema","status":"ok"`)
	})
	t.Run("a change", func(t *testing.T) {
		// Writes of the second node are under way while the first one renames a column.
		var by [2]atomic.Int64
		stop := make(chan struct{})
		var clients sync.WaitGroup
		for i := range 8 {
			clients.Go(func() {
				for k := 0; ; k++ {
					select {
					case <-stop:
						return
					default:
					}
					switch got := b.do("POST", "/api/notes", fmt.Sprintf(`{"marker":"w%d-%d","writer":2,"n":7}`, i, k)); {
					case got.status == 201:
						by[0].Add(1)
					case got.status == 503 && got.header.Get("Retry-After") != "" && strings.Contains(got.body, "not_applied"):
						by[1].Add(1)
						time.Sleep(time.Millisecond)
					default:
						t.Errorf("an old node's write: %v", got)
						return
					}
				}
			})
		}
		time.Sleep(200 * time.Millisecond)
		rewrite(t, mine, strings.Replace(wider, "n: int default=0", "count: int default=0 was=n\n      state: {enum: [open, done], default: open}", 1))
		a.hup()
		b.await(10*time.Second, "/readyz?verbose", 503, `"name":"schema","status":"other-revision"`)
		time.Sleep(100 * time.Millisecond)
		close(stop)
		clients.Wait()
		if by[0].Load() == 0 || by[1].Load() == 0 {
			t.Errorf("%d writes before the change, %d refused after it", by[0].Load(), by[1].Load())
		}
		b.awaitSaid("not ready, as the schema is other-revision")
		if rows := sql(t, c.URL(), "select count(*) from notes where writer = 2 and count = 7"); rows[0][0] != fmt.Sprint(by[0].Load()) {
			t.Errorf("%s rows of %d writes", rows[0][0], by[0].Load())
		}
		if got := b.do("GET", "/api/notes", ""); got.status != 503 || got.header.Get("Retry-After") == "" {
			t.Errorf("a read of the changed table: %v", got)
		}
		if got := b.do("POST", "/api/pages", `{"text":"x"}`); got.status != 201 {
			t.Errorf("a write of another table: %v", got)
		}
		a.await(time.Second, "/readyz", 200, "")
		if got := a.do("POST", "/api/notes", `{"marker":"x","writer":1,"count":3}`); got.status != 201 {
			t.Errorf("a write by the node that fits: %v", got)
		}
		content, err := os.ReadFile(filepath.Join(mine, "dowel.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		rewrite(t, theirs, string(content))
		b.hup()
		b.await(5*time.Second, "/readyz", 200, "")
		b.await(time.Second, "/api/notes?marker=x", 200, `"count":3`)
	})
}

func (n *node) hup() {
	n.t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		n.t.Fatal(err)
	}
}

// TestNodesStart: nodes that start at the same moment make the tables, the rows and the account once.
func TestNodesStart(t *testing.T) {
	c := pgtest.NewCluster(t, pgtest.Options{})
	folder := application(t, strings.Replace(notes, "classes:\n", `classes:
  user:
    auth: {login: email, secret: password}
    fields: {email: email unique, password: password}
    allow: {all: anyone}
  thing:
    fields: {name: string}
    allow: {all: anyone}
`, 1))
	if err := os.Mkdir(filepath.Join(folder, "seed"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "seed", "thing.csv"), []byte("name\na\nb\nc\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOWEL_ADMIN_EMAIL", "root@acme.test")
	t.Setenv("DOWEL_ADMIN_PASSWORD", "correct horse battery")
	var nodes []*node
	for range 3 {
		nodes = append(nodes, launch(t, folder, "--apply", "--seed", "--db", c.URL()))
	}
	for _, n := range nodes {
		n.awaitSaid("serves Notes on ")
	}
	if rows := sql(t, c.URL(), "select count(*), (select count(*) from users) from things"); rows[0][0] != "3" || rows[0][1] != "1" {
		t.Errorf("%v", rows)
	}
}

// TestNodesAccounts: who logs in on one node is known to the other, and no longer once logged out or locked.
func TestNodesAccounts(t *testing.T) {
	c := pgtest.NewCluster(t, quickReplica)
	folder := application(t, `dowel: 1
app: {title: Accounts}
roles: {admin: Everything.}
classes:
  user:
    auth: {login: email, secret: password, role: role, enabled: active}
    fields: {email: email unique, password: password, role: {enum: [admin], optional: true}, active: bool default=true}
    allow: {all: admin}
  note:
    fields: {text: string}
    allow: {all: admin}
`)
	t.Setenv("DOWEL_ADMIN_EMAIL", "root@acme.test")
	t.Setenv("DOWEL_ADMIN_PASSWORD", "correct horse battery")
	serve(t, folder, "--apply", "--db", c.URL()).stop()
	replica := c.Replica()
	a := serve(t, folder, "--db", c.URL(), "--replica", replica.URL())
	b := serve(t, folder, "--db", c.URL(), "--replica", replica.URL())
	for _, n := range []*node{a, b} {
		n.await(20*time.Second, "/readyz?verbose", 200, `"name":"replica 1","status":"ok"`)
	}
	login := func(n *node, email string) (access, refresh string) {
		t.Helper()
		got := n.do("POST", "/api/auth/login", fmt.Sprintf(`{"email":%q,"password":"correct horse battery"}`, email))
		var tokens struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		}
		if err := json.Unmarshal([]byte(got.body), &tokens); err != nil || got.status != 200 {
			t.Fatal(got)
		}
		return "Bearer " + tokens.Access, tokens.Refresh
	}
	root, _ := login(a, "root@acme.test")
	for i := range 10 {
		user := fmt.Sprintf(`{"email":"u%d@acme.test","password":"correct horse battery","role":"admin"}`, i)
		made := a.do("POST", "/api/users", user, "Authorization", root)
		if made.status != 201 {
			t.Fatal(made)
		}
		var id struct{ ID int64 }
		if err := json.Unmarshal([]byte(made.body), &id); err != nil {
			t.Fatal(err)
		}
		one, refresh := login(b, fmt.Sprintf("u%d@acme.test", i))
		two, _ := login(a, fmt.Sprintf("u%d@acme.test", i))
		for _, token := range []string{one, two} {
			for _, n := range []*node{a, b} {
				if got := n.do("GET", "/api/notes", "", "Authorization", token); got.status != 200 {
					t.Fatal(got)
				}
			}
		}
		if got := a.do("POST", "/api/auth/refresh", fmt.Sprintf(`{"refresh_token":%q}`, refresh)); got.status != 200 {
			t.Fatal(got)
		}
		if got := b.do("POST", "/api/auth/refresh", fmt.Sprintf(`{"refresh_token":%q}`, refresh)); got.status != 401 {
			t.Fatalf("used a second time, on the other node: %v", got)
		}
		if got := a.do("GET", "/api/notes", "", "Authorization", one); got.status != 401 {
			t.Fatalf("after its session ended on the other node: %v", got)
		}
		if got := a.do("PATCH", fmt.Sprintf("/api/users/%d", id.ID), `{"active":false}`, "Authorization", root); got.status != 200 {
			t.Fatal(got)
		}
		if got := b.do("GET", "/api/notes", "", "Authorization", two); got.status != 401 {
			t.Fatalf("after the user was locked on the other node: %v", got)
		}
	}
}
