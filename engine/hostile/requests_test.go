package hostile_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
)

// twins are the same application on both stores.
type twins struct{ memory, disk *world }

func newTwins(t testing.TB, folder fs.FS) *twins {
	return &twins{opened(t, folder, false, engine.Settings{}), opened(t, folder, true, engine.Settings{})}
}

func (w *twins) each(do func(*world)) {
	do(w.memory)
	do(w.disk)
}

// send gives both the same request and checks everything that holds of any
// request. It returns the answer, or false when there was none.
func (w *twins) send(t testing.TB, r request) (int, bool) {
	t.Helper()
	want := w.selected(t, r)
	a, ok := w.memory.send(t, r)
	if !ok {
		return 0, false
	}
	before, known := w.disk.tags[r.target]
	b, _ := w.disk.send(t, r)
	if a.Status >= 500 && a.Status != http.StatusNotImplemented || b.Status >= 500 && b.Status != http.StatusNotImplemented {
		t.Errorf("%s\nin memory: %d %s\non disk: %d %s", r, a.Status, a.Body, b.Status, b.Body)
	}
	for _, journal := range []*journal{w.memory.log, w.disk.log} {
		if bad := journal.alarm(); bad != "" {
			t.Errorf("%s\nlogged: %s", r, bad)
		}
	}
	if got, want := shape(b), shape(a); got != want && !eitherOf(a, b) {
		t.Errorf("%s\nin memory: %s\non disk:   %s", r, want, got)
	}
	for _, word := range []string{"sqlite", "SQLITE", "goroutine", ".go:", "runtime error", "SELECT ", "select "} {
		if strings.Contains(b.Body, word) && !strings.Contains(r.target+r.content, word) && !strings.Contains(r.target, "explain") {
			t.Errorf("%s\nthe answer says %q: %s", r, word, b.Body)
		}
	}
	if r.method == "GET" {
		head := r
		head.method = "HEAD"
		if w.disk.tags[r.target] = before; !known {
			delete(w.disk.tags, r.target)
		}
		h, _ := w.disk.send(t, head)
		if h.Status != b.Status || fmt.Sprint(h.Header) != fmt.Sprint(b.Header) && b.Status < 400 || h.Body != "" {
			t.Errorf("%s\nGET:  %d %v\nHEAD: %d %v %q", r, b.Status, b.Header, h.Status, h.Header, h.Body)
		}
	}
	if a.Status == http.StatusOK && want >= 0 {
		var n struct{ Updated, Deleted *int }
		if json.Unmarshal([]byte(a.Body), &n) == nil && (n.Updated != nil && *n.Updated != want || n.Deleted != nil && *n.Deleted != want) {
			t.Errorf("%s\nwrote %s, and a list with these filters has %d", r, a.Body, want)
		}
	}
	return a.Status, true
}

// eitherOf reports whether both refuse for one of several reasons of a kind,
// of which a store may name any.
func eitherOf(a, b enginetest.Response) bool {
	for _, code := range []string{`"code":"already-exists"`, `"code":"reference-missing"`, `"ALREADY_EXISTS"`, `"REFERENCE_MISSING"`} {
		if a.Status == b.Status && strings.Contains(a.Body, code) && strings.Contains(b.Body, code) {
			return true
		}
	}
	return false
}

// selected counts the rows that a filtered write may touch: those a list with the same filters shows.
func (w *twins) selected(t testing.TB, r request) int {
	filters, _, found := strings.Cut(r.target, "&max_affected=")
	if !found {
		return -1
	}
	list, ok := w.memory.send(t, request{"GET", filters + "&count=exact&limit=0", "", nil, r.who})
	n := -1
	if ok && list.Status == http.StatusOK {
		fmt.Sscan(list.Header.Get("X-Total-Count"), &n)
	}
	return n
}

// settled compares everything that both stores hold now.
func (w *twins) settled(t testing.TB) {
	t.Helper()
	for _, c := range w.memory.Schema().Classes {
		if c.Internal || !c.Expose {
			continue
		}
		target := "/api/" + c.Collection + "?limit=100&orderBy=id"
		if c.SoftDelete {
			target += "&deleted=with"
		}
		a, _ := w.memory.send(t, request{"GET", target, "", nil, admin})
		b, _ := w.disk.send(t, request{"GET", target, "", nil, admin})
		if shape(a) != shape(b) {
			t.Errorf("%s\nin memory: %s\non disk:   %s", target, shape(a), shape(b))
		}
	}
}

// storm sends n drawn requests to twins.
func storm(t testing.TB, w *twins, d *drawer, n int) {
	t.Helper()
	fared := map[int]int{}
	for range n {
		status, _ := w.send(t, d.request(d.r.IntN(len(subjects))))
		fared[status]++
		if t.Failed() {
			return
		}
	}
	w.settled(t)
	t.Log(fared)
}

// No request makes the server fail, stores cannot be told apart, a filtered
// write touches what a list shows, HEAD says what GET would.
func TestNoRequestBreaksAnything(t *testing.T) {
	for _, app := range []struct {
		name   string
		folder fs.FS
		fill   func(t testing.TB, w *world)
	}{
		{"everything", everything(), func(t testing.TB, w *world) { w.fill(t, chance(1, 1), chance(2, 2)) }},
		{"crm", example("crm"), fillCRM},
		{"blog", example("blog"), fillBlog},
		{"ratings", example("ratings"), fillRatings},
		{"tracker", example("tracker"), func(testing.TB, *world) {}},
	} {
		t.Run(app.name, func(t *testing.T) {
			for _, seed := range seeds(*seedsFlag) {
				w := newTwins(t, app.folder)
				w.each(func(w *world) { app.fill(t, w) })
				storm(t, w, &drawer{r: chance(seed, 3), s: w.memory.Schema(), wild: true}, 400)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
}

func seeds(n uint64) []uint64 {
	if *seedFlag != 0 {
		return []uint64{*seedFlag}
	}
	var out []uint64
	for i := range n {
		out = append(out, i+1)
	}
	return out
}

func fillCRM(t testing.TB, w *world) {
	for i := 1; i <= 5; i++ {
		w.Make(t, "customer", fmt.Sprintf(`{"name":"C%d","email":"c%d@x.io","status":"%s","tags":["t%d"],"address":{"street":"S","city":"C","zip":"12345"}}`, i, i, []string{"active", "pending"}[i%2], i%3))
		w.Make(t, "order", fmt.Sprintf(`{"number":"N%d","customer":%d,"total":"%d.50"}`, i, i, i))
	}
}

func fillBlog(t testing.TB, w *world) {
	for i := 1; i <= 3; i++ {
		w.Make(t, "user", fmt.Sprintf(`{"email":"u%d@x.io","name":"U%d","password":"correct horse"}`, i, i))
		w.Make(t, "post", fmt.Sprintf(`[{"title":"P%d","body":"b","author":%d,"status":"published","tags":["a%d"]},{"title":"D%d","body":"d","author":%d}]`, i, i, i, i, i))
		w.Make(t, "comment", fmt.Sprintf(`{"post":%d,"author":%d,"body":"c"}`, i, i))
	}
	for i := 1; i <= 4; i++ {
		w.Make(t, "category", fmt.Sprintf(`{"name":"K%d"}`, i))
	}
}

func fillRatings(t testing.TB, w *world) {
	w.Make(t, "mood", `[{"moodCode":"good","description":"G"},{"moodCode":"bad","description":"B"}]`)
	for i := 1; i <= 4; i++ {
		w.Make(t, "person", fmt.Sprintf(`{"id":"%d","firstName":"F","lastName":"L%d"}`, i, i))
		w.Make(t, "resource", fmt.Sprintf(`{"id":"%d","urn":"u%d"}`, i, i))
	}
	w.Make(t, "rating", `[{"author":"1","subject":"2","moodCode":"good","qualityRating":7},{"author":"2","subject":"1"}]`)
}

// FuzzRequests throws whole requests at both stores: a seed for what to draw,
// and bytes that replace what was drawn where they are not empty.
func FuzzRequests(f *testing.F) {
	f.Add(uint64(1), "GET", "/api/things?where=spot.city%20%3D%20'x'&with=notes(limit=1)", "", "")
	f.Add(uint64(2), "PATCH", "/api/things/1", `{"spot":{"at":null},"tags":{"add":["x"]}}`, "")
	f.Add(uint64(3), "PATCH", "/api/things/1", `[{"op":"move","from":"/words/0","path":"/words/-"}]`, "Content-Type: application/json-patch+json")
	f.Add(uint64(4), "POST", "/api/votes", `[{"thing":1,"kind":"a-b"}]`, "Prefer: return=minimal")
	f.Add(uint64(5), "GET", "/api/boxes;with=things.notes/b1/things?fields=*,notes_count&orderBy=-amount", "", "If-None-Match: $TAG")
	w := newTwins(f, everything())
	w.each(func(w *world) { w.fill(f, chance(1, 1), chance(2, 2)) })
	f.Fuzz(func(t *testing.T, seed uint64, method, target, content, field string) {
		d := &drawer{r: chance(seed, 3), s: w.memory.Schema(), wild: true}
		r := d.request(d.r.IntN(len(subjects)))
		if method != "" {
			r.method, r.content, r.fields = method, content, nil
		}
		if target != "" {
			r.target = target
		}
		if field != "" && strings.Contains(field, ":") && !strings.ContainsAny(field, "\r\n") {
			r.fields = append(r.fields, field)
		}
		w.send(t, r)
	})
}
