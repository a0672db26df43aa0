package engine_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/enginetest/onstores"
	"github.com/dowel-dev/dowel/engine/redis/redistest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
)

// keptReads are the requests that are compared.
var keptReads = []string{
	"/api/posts", "/api/posts?limit=2", "/api/posts?limit=2&envelope=true", "/api/posts?page=2&limit=1&count=exact", "/api/posts?count=estimate",
	"/api/posts?format=csv", "/api/posts?format=ndjson", "/api/posts?keyByIds=true&pretty=true", "/api/posts?groupedByClass=true&envelope=true",
	"/api/posts?fields=id,title,comments_count&orderBy=-comments_count", "/api/posts?with=author,comments(orderBy=-likes;limit=1),tags", "/api/posts?with=comments.by&fields=title,comments.text",
	"/api/posts?search=one", "/api/posts?where=stars > 1 or open", "/api/posts?comments.hidden=true", "/api/posts?author=me", "/api/posts?scope=recent", "/api/posts?created_at=gt:2020-01-01T00:00:00Z",
	"/api/posts?group=open&measure=count,sum:stars", "/api/posts?measure=count&envelope=true", "/api/posts?deleted=with", "/api/posts?limit=0", "/api/posts?title=none",
	"/api/posts/1", "/api/posts/1?with=comments&fields=title", "/api/posts/1?with=comments&envelope=true", "/api/posts/1/title", "/api/posts/1/comments", "/api/posts/1/author", "/api/posts/9",
	"/api/users", "/api/users?as=2", "/api/posts?as=2", "/api/users/2/posts", "/api/tags", "/api/comments?with=post", "/api/comments?orderBy=-likes&limit=1,1",
}

// keptWrites change what the reads show, each in another way.
var keptWrites = [][3]string{
	{"POST", "/api/comments", `{"post_id": 1, "by_id": 2, "text": "new", "likes": 9}`},
	{"PATCH", "/api/posts/1", `{"stars": 7}`},
	{"PATCH", "/api/users/2", `{"team": "b"}`},
	{"PATCH", "/api/posts/2", `{"tags": {"add": ["late"]}}`},
	{"PATCH", "/api/comments/1", `{"hidden": true}`},
	{"PATCH", "/api/users/3", `{"name": "Cid"}`},
	{"DELETE", "/api/posts/2", ``},
	{"DELETE", "/api/comments/2", ``},
	{"POST", "/api/posts/2/restore", ``},
}

// lent is a store whose reads are counted, and that is taken for one that several processes serve.
type lent struct {
	storage.Store
	name  string
	reads atomic.Int64
}

func (l *lent) Name(context.Context) (string, error) { return l.name, nil }

func (l *lent) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	l.reads.Add(1)
	return l.Store.Read(ctx, q)
}

// keptWorld is one database with its engines; the first keeps nothing.
type keptWorld struct {
	store *lent
	first *enginetest.App
}

const keptSecret = "0123456789abcdef0123456789abcdef"

func newKeptWorld(t *testing.T, open onstores.Open) *keptWorld {
	if open == nil {
		open = func(s *schema.Schema) (storage.Store, error) { return memory.New(s) }
	}
	at := time.Now().Truncate(time.Second)
	w := &keptWorld{store: &lent{name: t.Name()}}
	w.first = enginetest.Open(t, os.DirFS("testdata/kept"), enginetest.Options{
		Clock: func() time.Time { return at }, Settings: engine.Settings{Cache: -1, Auth: engine.Auth{Secret: keptSecret}},
		Store: func(s *schema.Schema) (_ storage.Store, err error) {
			w.store.Store, err = open(s)
			return w.store, err
		},
	})
	app := w.first
	app.Make(t, "user", `[{"email": "a@x.io", "password": "correct horse", "name": "Ann", "role": "admin"}, {"email": "b@x.io", "password": "correct horse", "name": "Bob", "team": "a"}, {"email": "c@x.io", "password": "correct horse", "name": "Cy", "team": "a"}, {"email": "d@x.io", "password": "correct horse", "name": "Di"}]`)
	app.Make(t, "post", `[{"title": "one", "author_id": 2, "team": "a", "body": "secret", "stars": 1, "tags": ["x"]}, {"title": "two", "author_id": 3, "team": "b", "open": true, "stars": 2}, {"title": "one more", "author_id": 4, "stars": 3, "team": "a", "open": true}]`)
	app.Make(t, "comment", `[{"post_id": 1, "by_id": 3, "text": "hm", "likes": 2}, {"post_id": 2, "by_id": 2, "text": "ho", "hidden": true}, {"post_id": 1, "by_id": 4, "text": "ha", "likes": 5}]`)
	return w
}

func (w *keptWorld) open(t *testing.T, s engine.Settings) *enginetest.App {
	t.Helper()
	s.Auth.Secret = keptSecret
	return w.first.Beside(t, s)
}

// asked is what an answer consists of, but for the name of the request.
func asked(t *testing.T, app *enginetest.App, method, target, who string, fields ...string) string {
	t.Helper()
	if who != "" {
		var roles []string
		if who == "1" {
			roles = []string{"admin"}
		}
		fields = append(fields, "Authorization: "+app.Bearer(t, who, roles...))
	}
	res := app.Do(t, method, strings.ReplaceAll(target, " ", "%20"), "", fields...)
	var b strings.Builder
	fmt.Fprintln(&b, method, target, "as", who, res.Status)
	for _, name := range slices.Sorted(maps.Keys(res.Header)) {
		if name != "X-Request-Id" {
			fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(res.Header[name], ", "))
		}
	}
	b.WriteString(occurrence.ReplaceAllString(res.Body, ""))
	return b.String()
}

var occurrence = regexp.MustCompile(`"(instance|request_id)":"[^"]*"`)

// corpus asks everything of several engines, each twice, and compares the answers with those of the first.
func corpus(t *testing.T, apps map[string]*enginetest.App) {
	t.Helper()
	for _, who := range []string{"1", "2", "3", ""} {
		for _, target := range keptReads {
			want := asked(t, apps["off"], "GET", target, who)
			tag := apps["off"].Do(t, "HEAD", strings.ReplaceAll(target, " ", "%20"), "").Header.Get("ETag")
			for _, name := range slices.Sorted(maps.Keys(apps)) {
				for range 2 {
					if d := cmp.Diff(want, asked(t, apps[name], "GET", target, who)); d != "" {
						t.Fatalf("%s: %s", name, d)
					}
				}
				if tag != "" {
					same := asked(t, apps["off"], "GET", target, who, "If-None-Match: "+tag)
					if d := cmp.Diff(same, asked(t, apps[name], "GET", target, who, "If-None-Match: "+tag)); d != "" {
						t.Fatalf("%s: %s", name, d)
					}
				}
			}
		}
	}
}

// TestKeptAnswersAreTheSame: no byte tells whether an answer was kept, in memory or in a Redis, or whether that is gone.
func TestKeptAnswersAreTheSame(t *testing.T) {
	onstores.Run(t, func(t *testing.T, open onstores.Open) {
		server := redistest.Start(t)
		w := newKeptWorld(t, open)
		apps := map[string]*enginetest.App{
			"off":    w.first,
			"memory": w.open(t, engine.Settings{}),
			"redis":  w.open(t, engine.Settings{Redis: server.URL()}),
			"other":  w.open(t, engine.Settings{Redis: server.URL()}),
		}
		corpus(t, apps)
		boss := apps["off"].Bearer(t, "1", "admin")
		names := slices.Sorted(maps.Keys(apps))
		for i, write := range keptWrites {
			switch i {
			case 3:
				server.Kill()
			case 5:
				server.Start()
			case 6:
				server.Hang()
			case 8:
				server.Wake()
			}
			if res := apps[names[i%len(names)]].Do(t, write[0], write[1], write[2], "Authorization: "+boss); res.Status >= 300 {
				t.Fatalf("%v: %d %s", write, res.Status, res.Body)
			}
			corpus(t, apps)
		}
	})
}

// TestKeptAnswersAreUsed says for which requests rows are read again.
func TestKeptAnswersAreUsed(t *testing.T) {
	w := newKeptWorld(t, nil)
	app := w.open(t, engine.Settings{})
	server := redistest.Start(t)
	one, two := w.open(t, engine.Settings{Redis: server.URL()}), w.open(t, engine.Settings{Redis: server.URL()})
	reads := func(app *enginetest.App, target, who string) int64 {
		before := w.store.reads.Load()
		asked(t, app, "GET", target, who)
		return w.store.reads.Load() - before
	}
	for _, who := range []string{"1", "2", "3", "4"} {
		reads(app, "/api/tags/1", who) // so that who they are is known
	}
	for _, tc := range []struct {
		name, target, who string
		want              int64
	}{
		{"first", "/api/posts", "2", 1},
		{"again", "/api/posts", "2", 0},
		{"in an envelope", "/api/posts?envelope=true", "2", 1}, // which counts
		{"for people", "/api/posts?pretty=true", "2", 0},
		{"somebody else", "/api/posts", "3", 1},
		{"another shape", "/api/posts?keyByIds=true", "2", 1},
		{"a class that all see alike", "/api/tags", "2", 1},
		{"for another", "/api/tags", "3", 0},
		{"and for nobody", "/api/tags", "", 0},
		{"now", "/api/posts?scope=recent", "2", 1},
		{"now is never kept", "/api/posts?scope=recent", "2", 1},
		{"an estimate", "/api/posts?count=estimate", "2", 1},
		{"is not, either", "/api/posts?count=estimate", "2", 1},
		{"one", "/api/posts/1", "2", 1},
		{"that takes in others", "/api/posts/1", "2", 0},
		{"a computed field", "/api/posts?fields=comments_count", "2", 1},
		{"groups", "/api/posts?group=open", "2", 1},
		{"again groups", "/api/posts?group=open", "2", 0},
		{"below another", "/api/posts/1/comments", "2", 2},
		{"whose right is asked again", "/api/posts/1/comments", "2", 1},
	} {
		if got := reads(app, tc.target, tc.who); got != tc.want {
			t.Errorf("%s: %d reads, not %d", tc.name, got, tc.want)
		}
	}
	app.Do(t, "PATCH", "/api/comments/1", `{"likes": 3}`, "Authorization: "+app.Bearer(t, "1", "admin"))
	for target, want := range map[string]int64{"/api/posts?fields=comments_count": 1, "/api/posts": 0, "/api/tags": 0} {
		if got := reads(app, target, "2"); got != want {
			t.Errorf("after a write %s: %d reads, not %d", target, got, want)
		}
	}
	reads(one, "/api/tags", "")
	for deadline := time.Now().Add(10 * time.Second); reads(two, "/api/tags?limit=7", "") != 0; time.Sleep(time.Millisecond) {
		if reads(one, "/api/tags?limit=7", "") > 1 || time.Now().After(deadline) {
			t.Fatal("what one node kept, another one does not find")
		}
	}
}

// TestStampedeReadsOnce: many who ask the same at the same time let the database read once.
func TestStampedeReadsOnce(t *testing.T) {
	w := newKeptWorld(t, nil)
	app := w.open(t, engine.Settings{})
	asked(t, app, "GET", "/api/posts/1/title", "")
	before := w.store.reads.Load()
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() { asked(t, app, "GET", "/api/posts?with=comments", "") })
	}
	group.Wait()
	if n := w.store.reads.Load() - before; n != 1 {
		t.Errorf("%d reads", n)
	}
}

// TestConversationsWithKeptAnswers runs what clients are promised with every class keeping its answers.
func TestConversationsWithKeptAnswers(t *testing.T) {
	keep := func(s *schema.Schema) {
		for _, c := range s.Classes {
			c.Cache = time.Minute
		}
	}
	enginetest.RunFiles(t, "testdata/promises/*.txtar", nil, enginetest.Options{Schema: keep})
	enginetest.RunFiles(t, "testdata/tenants/*.txtar", nil, enginetest.Options{Schema: keep})
}

// TestRatesAreShared: nodes count together while there is a Redis, and by themselves without.
func TestRatesAreShared(t *testing.T) {
	server := redistest.Start(t)
	w := newKeptWorld(t, nil)
	s := engine.Settings{Redis: server.URL(), Rate: engine.Rate{Loopback: true, Anonymous: engine.Quota{N: 5, Per: time.Hour}}}
	apps := []*enginetest.App{w.open(t, s), w.open(t, s)}
	count := func() (allowed int) {
		for i := range 20 {
			res := apps[i%2].Do(t, "GET", "/api/tags", "")
			switch res.Status {
			case http.StatusOK:
				allowed++
			case http.StatusTooManyRequests:
				if res.Header.Get("Retry-After") == "" || !strings.Contains(res.Body, `"rate-limited"`) {
					t.Errorf("%v %s", res.Header, res.Body)
				}
			default:
				t.Fatal(res.Status, res.Body)
			}
		}
		return allowed
	}
	if n := count(); n != 5 {
		t.Errorf("%d requests were let through, not 5", n)
	}
	server.Kill()
	if n := count(); n != 10 {
		t.Errorf("without redis %d requests were let through, not 5 on each node", n)
	}
}

// TestReadyWithoutRedis: a Redis that is down is told, and makes no node unready.
func TestReadyWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	w := newKeptWorld(t, nil)
	app := w.open(t, engine.Settings{Redis: server.URL()})
	for _, status := range []string{"ok", "down"} {
		res := app.Do(t, "GET", "/readyz?verbose", "")
		if res.Status != http.StatusOK || !strings.Contains(res.Body, `{"name":"redis","status":"`+status+`"}`) {
			t.Errorf("%s: %d %s", status, res.Status, res.Body)
		}
		server.Kill()
	}
}

// TestRedisFlaps: whatever the Redis does meanwhile, nobody gets anything old.
func TestRedisFlaps(t *testing.T) {
	server := redistest.Start(t)
	w := newKeptWorld(t, nil)
	apps := []*enginetest.App{w.open(t, engine.Settings{Redis: server.URL()}), w.open(t, engine.Settings{Redis: server.URL()})}
	boss := apps[0].Bearer(t, "1", "admin")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(40 * time.Millisecond):
			}
			switch i % 4 {
			case 0:
				server.Hang()
			case 1:
				server.Wake()
			case 2:
				server.Kill()
			case 3:
				server.Start()
			}
		}
	}()
	for i := range 150 {
		title := fmt.Sprintf("title %d", i)
		if res := apps[i%2].Do(t, "PATCH", "/api/posts/3", `{"title": "`+title+`"}`, "Authorization: "+boss); res.Status != http.StatusOK {
			t.Fatal(res.Status, res.Body)
		}
		for j := range 4 {
			if res := apps[(i+j)%2].Do(t, "GET", "/api/posts?fields=title", ""); !strings.Contains(res.Body, `"`+title+`"`) {
				t.Fatalf("%s is not in %d %s", title, res.Status, res.Body)
			}
		}
	}
	close(stop)
	<-stopped
}
