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

	mu sync.Mutex
	// fate of each marker: stored, not stored, or nobody knows.
	fate map[string]string
	// n is the last acknowledged value of each row, max the last that may have been stored.
	rows map[int64]*row
	odd  map[string]int
}

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
		made := c.write(c.nodes[here], "POST", "/api/notes", fmt.Sprintf(`{"marker":%q,"writer":%d}`, marker, id), http.StatusCreated, func(fate string) {
			c.mu.Lock()
			c.fate[marker] = fate
			c.mu.Unlock()
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
	for marker, fate := range c.fate {
		n := have[marker]
		delete(have, marker)
		if fate == stored && n != 1 || fate == notStored && n != 0 || n > 1 {
			c.t.Errorf("%s: %s, and %d times there", marker, fate, n)
		}
	}
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
// again under load. Nothing acknowledged is missing, nothing refused is there,
// nobody reads a state from before an own write, and both nodes are back within a second.
func TestNodesCrowd(t *testing.T) {
	length := 6 * time.Second
	if given := os.Getenv(crowdEnv); given != "" {
		var err error
		if length, err = time.ParseDuration(given); err != nil {
			t.Fatal(err)
		}
	}
	primary := pgtest.NewCluster(t, quickReplica)
	folder := application(t, notes)
	first := serve(t, folder, "--apply", "--db", primary.URL())
	first.stop()
	replica := primary.Replica()
	c := &crowd{t: t, quit: make(chan struct{}), fate: map[string]string{}, rows: map[int64]*row{}, odd: map[string]int{}}
	for range 2 {
		c.nodes = append(c.nodes, serve(t, folder, "--db", primary.URL(), "--replica", replica.URL()))
	}
	for _, n := range c.nodes {
		n.await(20*time.Second, "/readyz?verbose", 200, `"name":"replica 1","status":"ok"`)
	}
	before := sql(t, replica.URL(), "select xact_commit from pg_stat_database where datname = 'postgres'")[0][0]
	var clients sync.WaitGroup
	for id := range 16 {
		clients.Go(func() { c.client(id) })
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	end := time.Now().Add(length)
	var away, back []time.Duration
	for i := 0; time.Now().Before(end); i++ {
		time.Sleep(time.Duration(200+rnd.IntN(800)) * time.Millisecond)
		if i%5 == 4 {
			replica.Restart([]pgtest.Mode{pgtest.Fast, pgtest.Immediate}[rnd.IntN(2)])
			continue
		}
		start := time.Now()
		switch rnd.IntN(3) {
		case 0:
			primary.Stop(pgtest.Fast)
		case 1:
			primary.Stop(pgtest.Immediate)
		case 2:
			primary.Kill()
		}
		if rnd.IntN(3) == 0 {
			time.Sleep(time.Duration(rnd.IntN(1000)) * time.Millisecond)
		}
		primary.Start()
		away = append(away, time.Since(start))
		back = append(back, c.back())
	}
	time.Sleep(200 * time.Millisecond)
	close(c.quit)
	clients.Wait()
	for _, n := range c.nodes {
		n.await(5*time.Second, "/readyz", 200, "")
	}
	c.compare(primary.URL())
	after := sql(t, replica.URL(), "select xact_commit from pg_stat_database where datname = 'postgres'")[0][0]
	slices.Sort(back)
	t.Logf("%d restarts, away %v at most; first answer after %v in the middle, %v at most", len(back), slices.Max(away), back[len(back)/2], back[len(back)-1])
	t.Logf("%d writes acknowledged, %d unknown, %d requests refused, %d reads of own writes, %d stale; slowest write %v, read %v; transactions of the replica %s to %s",
		c.acknowledged.Load(), c.unknown.Load(), c.refused.Load(), c.reads.Load(), c.misses.Load(), time.Duration(c.slowest.Load()), time.Duration(c.slowestRead.Load()), before, after)
	for _, s := range slices.Sorted(maps.Keys(c.odd)) {
		t.Errorf("%d × %s", c.odd[s], s)
	}
	if last := back[len(back)-1]; last > time.Second {
		t.Errorf("it took %v to come back", last)
	}
	if c.acknowledged.Load() < 100 || c.reads.Load() < 100 {
		t.Error("the crowd did not get anywhere")
	}
}

// back measures how long every node takes to write and to read again.
func (c *crowd) back() time.Duration {
	start := time.Now()
	var nodes sync.WaitGroup
	for _, n := range c.nodes {
		nodes.Go(func() {
			for _, r := range []struct {
				method, path, content string
				status                int
			}{{"POST", "/api/pages", `{"text":"x"}`, 201}, {"GET", "/api/pages?limit=1", "", 200}} {
				for a := n.do(r.method, r.path, r.content); a.status != r.status; a = n.do(r.method, r.path, r.content) {
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
