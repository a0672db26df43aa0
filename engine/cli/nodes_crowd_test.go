package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

// crowdEnv names the variable that says how long TestNodesCrowd lets things happen: 5m.
const crowdEnv = "DOWEL_TEST_CROWD"

// crowd is clients that write to one node and read what they wrote on the other,
// while the database comes and goes. It keeps account of what they were told.
type crowd struct {
	t     testing.TB
	nodes []*node
	quit  chan struct{}

	acknowledged, unknown, refused, reads, misses atomic.Int64
	slowest, slowestRead                          atomic.Int64 // ns

	// counter is a row that all count up, each time from what they have read.
	counter, counted, perhaps atomic.Int64

	mu sync.Mutex
	// fate of each marker: stored, not stored, or nobody knows.
	fate  map[string]string
	pairs [][2]string // of markers that were written together
	rows  map[int64]*row
	odd   map[string]int
}

// row is the last value of a row that was acknowledged, and the last that may have been stored.
type row struct{ acknowledged, most int }

const (
	stored    = "stored"
	notStored = "not stored"
	nobody    = "nobody knows"
)

// client writes and reads until the crowd goes home.
func (c *crowd) client(id int) {
	rnd := rand.New(rand.NewPCG(uint64(id), 7))
	for i := 0; ; i++ {
		select {
		case <-c.quit:
			return
		default:
		}
		here := rnd.IntN(len(c.nodes))
		there := c.nodes[(here+1)%len(c.nodes)]
		marker := fmt.Sprintf("m%d-%d", id, i)
		switch rnd.IntN(4) {
		case 0:
			c.pair(c.nodes[here], there, marker)
			continue
		case 1:
			c.count(c.nodes[here], there)
			continue
		}
		made := c.write(c.nodes[here], "POST", "/api/notes", fmt.Sprintf(`{"marker":%q,"writer":%d}`, marker, id), http.StatusCreated, func(fate string) {
			c.note(fate, marker)
		})
		if made == "" {
			time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond) // as Retry-After asks, a little sooner
			continue
		}
		var note struct{ ID int64 }
		if err := json.Unmarshal([]byte(made), &note); err != nil {
			c.t.Errorf("an acknowledged note cannot be read: %s", made)
			return
		}
		at := &row{}
		c.mu.Lock()
		c.rows[note.ID] = at
		c.mu.Unlock()
		item := "/api/notes/" + strconv.FormatInt(note.ID, 10)
		c.see(there, "/api/notes?marker="+marker, `"marker":"`+marker+`"`)
		c.see(there, item, `"marker":"`+marker+`"`)
		for n := range rnd.IntN(3) {
			at.most = n + 1
			if c.write(c.nodes[rnd.IntN(len(c.nodes))], "PATCH", item, fmt.Sprintf(`{"n":%d}`, n+1), http.StatusOK, func(fate string) {
				if fate == stored {
					at.acknowledged = n + 1
				}
			}) == "" {
				break // how the next one would end could not be told from this one
			}
			c.see(there, "/api/notes?marker="+marker+"&fields=n", fmt.Sprintf(`"n":%d`, n+1))
		}
	}
}

func (c *crowd) note(fate string, markers ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range markers {
		c.fate[m] = fate
	}
	if len(markers) == 2 {
		c.pairs = append(c.pairs, [2]string(markers))
	}
}

// pair writes two notes in one transaction.
func (c *crowd) pair(here, there *node, marker string) {
	a, b := marker+"a", marker+"b"
	if c.write(here, "POST", "/api/notes", fmt.Sprintf(`[{"marker":%q,"writer":0},{"marker":%q,"writer":0}]`, a, b), http.StatusCreated, func(fate string) {
		c.note(fate, a, b)
	}) != "" {
		c.see(there, "/api/notes?marker="+a, `"marker":"`+a+`"`)
		c.see(there, "/api/notes?marker=like:"+marker+"*", `"marker":"`+b+`"`)
	}
}

// count reads the counter on one node and counts it up on the other, unless others were quicker.
func (c *crowd) count(here, there *node) {
	item := "/api/notes/" + strconv.FormatInt(c.counter.Load(), 10)
	before := here.do("GET", item, "")
	if before.err != nil || before.status != http.StatusOK {
		return // see looks at that
	}
	var note struct{ N int64 }
	if err := json.Unmarshal([]byte(before.body), &note); err != nil {
		c.t.Error(err)
		return
	}
	a := there.do("PATCH", item, fmt.Sprintf(`{"n":%d}`, note.N+1), "If-Match", before.header.Get("Etag"))
	raise(&c.slowest, int64(a.took))
	switch {
	case a.status == http.StatusOK:
		c.counted.Add(1)
	case a.status == http.StatusPreconditionFailed || a.status == http.StatusConflict:
	case a.status == http.StatusServiceUnavailable && strings.Contains(a.body, `"outcome":"not_applied"`):
	case a.err != nil || a.status == http.StatusGatewayTimeout:
		c.perhaps.Add(1)
	default:
		c.oddity(fmt.Sprintf("count: %d %s", a.status, a.body))
	}
}

// write sends a change and notes what became of it. It returns the answer to one that was acknowledged.
func (c *crowd) write(n *node, method, path, content string, want int, fate func(string)) string {
	a := n.do(method, path, content)
	raise(&c.slowest, int64(a.took))
	switch {
	case a.err != nil:
		c.oddity("no answer: " + a.err.Error())
		c.unknown.Add(1)
		fate(nobody)
	case a.status == want:
		c.acknowledged.Add(1)
		fate(stored)
		return a.body
	case a.status == http.StatusServiceUnavailable && strings.Contains(a.body, `"outcome":"not_applied"`):
		c.refused.Add(1)
		fate(notStored)
	case a.status == http.StatusConflict && strings.Contains(a.body, `"code":"concurrent-change"`):
		c.refused.Add(1) // lost against transactions of nodes that were cut off
		fate(notStored)
	case a.status == http.StatusGatewayTimeout && strings.Contains(a.body, `"outcome":"unknown"`):
		c.unknown.Add(1)
		fate(nobody)
	default:
		c.oddity(fmt.Sprintf("%s: %d %s", method, a.status, a.body))
		fate(nobody)
	}
	if a.err == nil && a.header.Get("Retry-After") == "" && a.status == http.StatusServiceUnavailable {
		c.oddity("503 without Retry-After")
	}
	return ""
}

// see expects a text in an answer, unless there is none now.
func (c *crowd) see(n *node, path, text string) {
	a := n.do("GET", path, "")
	raise(&c.slowestRead, int64(a.took))
	switch {
	case a.err != nil:
		c.oddity("no answer: " + a.err.Error())
	case a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "":
		c.refused.Add(1)
	case a.status == http.StatusOK && strings.Contains(a.body, text):
		c.reads.Add(1)
	case a.status == http.StatusOK || a.status == http.StatusNotFound:
		c.misses.Add(1)
		c.t.Errorf("stale: %s on %s says %s, want %s", path, n.url, a.body, text)
	default:
		c.oddity(fmt.Sprintf("GET: %d %s", a.status, a.body))
	}
}

func (c *crowd) oddity(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s = s[:min(len(s), 300)]
	if i := strings.Index(s, `"instance"`); i > 0 {
		s = s[:i]
	}
	c.odd[s]++
}

func raise(to *atomic.Int64, v int64) {
	for {
		old := to.Load()
		if v <= old || to.CompareAndSwap(old, v) {
			return
		}
	}
}

// compare holds what the clients were told against what the database has.
func (c *crowd) compare(url string) {
	c.t.Helper()
	have := map[string]int{}
	values := map[int64]int{}
	for _, r := range sql(c.t, url, "select marker, id, n from notes") {
		have[r[0]]++
		id, err := strconv.ParseInt(r[1], 10, 64)
		if err != nil {
			c.t.Fatal(err)
		}
		if values[id], err = strconv.Atoi(r[2]); err != nil {
			c.t.Fatal(err)
		}
	}
	for _, p := range c.pairs {
		if have[p[0]] != have[p[1]] {
			c.t.Errorf("half of a transaction: %s %d times, %s %d times", p[0], have[p[0]], p[1], have[p[1]])
		}
	}
	if n, least := int64(values[c.counter.Load()]), c.counted.Load(); n < least || n > least+c.perhaps.Load() {
		c.t.Errorf("the counter is at %d after %d acknowledged steps and %d that may have been", n, least, c.perhaps.Load())
	}
	for marker, fate := range c.fate {
		n := have[marker]
		delete(have, marker)
		if fate == stored && n != 1 || fate == notStored && n != 0 || n > 1 {
			c.t.Errorf("%s: %s, and %d times there", marker, fate, n)
		}
	}
	delete(have, "counter")
	for marker := range have {
		c.t.Errorf("%s is there, and nobody wrote it", marker)
	}
	for id, r := range c.rows {
		if v := values[id]; v < r.acknowledged || v > r.most {
			c.t.Errorf("row %d has %d; %d was acknowledged, %d the most that was sent", id, v, r.acknowledged, r.most)
		}
	}
}

// TestNodesCrowd: two nodes, a replica, and a primary that is restarted again and
// again under load, behind a network that breaks. Nothing acknowledged is missing,
// nothing refused is there, nobody reads a state from before an own write, and
// both nodes are back within a second.
func TestNodesCrowd(t *testing.T) {
	length := 6 * time.Second
	if given := os.Getenv(crowdEnv); given != "" {
		var err error
		if length, err = time.ParseDuration(given); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("DOWEL_LIMITS__REQUEST", "3s")
	t.Setenv("DOWEL_LIMITS__STATEMENT", "1s")
	primary := pgtest.NewCluster(t, quickReplica)
	folder := application(t, notes)
	first := serve(t, folder, "--apply", "--db", primary.URL())
	first.stop()
	replica := primary.Replica()
	toPrimary, toReplica := pgtest.NewProxy(t, primary.Addr()), pgtest.NewProxy(t, replica.Addr())
	c := &crowd{t: t, quit: make(chan struct{}), fate: map[string]string{}, rows: map[int64]*row{}, odd: map[string]int{}}
	for range 2 {
		c.nodes = append(c.nodes, serve(t, folder, "--db", toPrimary.Of(primary.URL()), "--replica", toReplica.Of(replica.URL())))
	}
	for _, n := range c.nodes {
		n.await(20*time.Second, "/readyz?verbose", 200, `"name":"replica 1","status":"ok"`)
	}
	counter := c.nodes[0].do("POST", "/api/notes", `{"marker":"counter","writer":0}`)
	var made struct{ ID int64 }
	if err := json.Unmarshal([]byte(counter.body), &made); err != nil || counter.status != 201 {
		t.Fatal(counter)
	}
	c.counter.Store(made.ID)
	served := 0 // by the replica, which forgets with each crash
	take := func() {
		n, err := strconv.Atoi(sql(t, replica.URL(), "select xact_commit from pg_stat_database where datname = 'postgres'")[0][0])
		if err != nil {
			t.Fatal(err)
		}
		served += n
	}
	var clients sync.WaitGroup
	for id := range 16 {
		clients.Go(func() { c.client(id) })
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	restart := func(stop func()) func() {
		return func() {
			stop()
			if rnd.IntN(3) == 0 {
				time.Sleep(time.Duration(rnd.IntN(1000)) * time.Millisecond)
			}
			primary.Start()
		}
	}
	events := []struct {
		name string
		do   func()
	}{
		{"fast restart", restart(func() { primary.Stop(pgtest.Fast) })},
		{"immediate restart", restart(func() { primary.Stop(pgtest.Immediate) })},
		{"kill -9", restart(primary.Kill)},
		{"replica restarted", func() {
			take()
			replica.Restart(pgtest.Immediate)
		}},
		{"connections cut", func() { toPrimary.Cut(); toReplica.Cut() }},
		{"primary silent", func() { silence(toPrimary, rnd) }},
		{"replica silent", func() { silence(toReplica, rnd) }},
	}
	back := map[string][]time.Duration{}
	happened := 0
	for end := time.Now().Add(length); time.Now().Before(end) || happened < len(events); happened++ {
		time.Sleep(time.Duration(100+rnd.IntN(600)) * time.Millisecond)
		e := events[happened%len(events)]
		e.do()
		back[e.name] = append(back[e.name], c.back())
	}
	for _, n := range c.nodes {
		n.await(10*time.Second, "/readyz?verbose", 200, `"name":"replica 1","status":"ok"`)
	}
	time.Sleep(200 * time.Millisecond)
	close(c.quit)
	clients.Wait()
	take()
	c.compare(primary.URL())
	t.Logf("%d writes acknowledged, %d unknown; %d requests refused; %d reads of own writes, %d stale; counter at %d, %d steps unknown; slowest write %v, read %v; %d transactions on the replica",
		c.acknowledged.Load(), c.unknown.Load(), c.refused.Load(), c.reads.Load(), c.misses.Load(), c.counted.Load(), c.perhaps.Load(),
		time.Duration(c.slowest.Load()), time.Duration(c.slowestRead.Load()), served)
	for _, e := range events {
		took := slices.Sorted(slices.Values(back[e.name]))
		t.Logf("%d × %s: first answers after %v in the middle, %v at most", len(took), e.name, took[len(took)/2], took[len(took)-1])
		if last := took[len(took)-1]; last > within(time.Second) {
			t.Errorf("%s: it took %v to come back", e.name, last)
		}
	}
	for _, s := range slices.Sorted(maps.Keys(c.odd)) {
		t.Errorf("%d × %s", c.odd[s], s)
	}
	if c.acknowledged.Load() < 100 || c.reads.Load() < 100 {
		t.Error("the crowd did not get anywhere")
	}
}

// silence has a network swallow everything for a while.
func silence(p *pgtest.Proxy, rnd *rand.Rand) {
	p.Hold()
	time.Sleep(time.Duration(200+rnd.IntN(1800)) * time.Millisecond)
	p.Pass()
}

// back measures how long every node takes to write and to read again.
func (c *crowd) back() time.Duration {
	start := time.Now()
	var nodes sync.WaitGroup
	for i, n := range c.nodes {
		nodes.Go(func() {
			for _, r := range []struct {
				method, path, content string
				status                int
			}{{"POST", "/api/pages", `{"text":"x"}`, 201}, {"GET", "/api/pages?limit=1", "", 200}} {
				for tries := 0; ; tries++ {
					a := n.do(r.method, r.path, r.content)
					if a.status == r.status {
						if took := time.Since(start); took > time.Second {
							c.t.Logf("%v: %s of node %d after %d tries, the last one took %v", took, r.method, i, tries, a.took)
						}
						break
					}
					if a.took > 500*time.Millisecond {
						c.t.Logf("%v: %s of node %d: %v", time.Since(start), r.method, i, a)
					}
					if time.Since(start) > 30*time.Second {
						c.t.Errorf("the node does not come back: %v", a)
						return
					}
					time.Sleep(2 * time.Millisecond)
				}
			}
		})
	}
	nodes.Wait()
	return time.Since(start)
}
