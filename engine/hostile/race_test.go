package hostile_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// onBoth runs a test on each store.
func onBoth(t *testing.T, run func(t *testing.T, w *world)) {
	for _, onDisk := range []bool{false, true} {
		t.Run(map[bool]string{false: "memory", true: "disk"}[onDisk], func(t *testing.T) {
			w := filled(t, onDisk, 1, 1)
			start := time.Now()
			run(t, w)
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
			if bad := w.log.alarm(); bad != "" {
				t.Error(bad)
			}
		})
	}
}

// crowd runs n clients at once.
func crowd(n int, client func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { client(i) })
	}
	all.Wait()
}

// ask is send without its memory for tags, for many clients at once.
func (w *world) ask(t testing.TB, who int, method, target, content string, fields ...string) (int, string, string) {
	res := w.Do(t, method, target, content, append(fields, w.bearer(t, who)...)...)
	return res.Status, res.Body, res.Header.Get("Etag")
}

// No change that was confirmed is lost to another.
func TestNoUpdateIsLost(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.must(t, 200, manager, "PATCH", "/api/things/1", `{"count":0}`)
		var confirmed atomic.Int64
		crowd(8, func(int) {
			for range 15 {
				_, body, tag := w.ask(t, manager, "GET", "/api/things/1", "")
				var row struct{ Count int }
				if err := json.Unmarshal([]byte(body), &row); err != nil {
					t.Error(err)
					return
				}
				status, body, _ := w.ask(t, manager, "PATCH", "/api/things/1", fmt.Sprintf(`{"count":%d}`, row.Count+1), "If-Match: "+tag)
				switch status {
				case 200:
					confirmed.Add(1)
				case 412, 409:
				default:
					t.Errorf("%d %s", status, body)
				}
			}
		})
		_, body, _ := w.ask(t, manager, "GET", "/api/things/1/count", "")
		if body != strconv.FormatInt(confirmed.Load(), 10) {
			t.Errorf("count is %s after %d confirmed changes", body, confirmed.Load())
		}
	})
}

// Of many who want one name, one gets it.
func TestOneOfManyGetsTheName(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for round := range 5 {
			var made atomic.Int64
			crowd(12, func(i int) {
				method, target := "POST", "/api/boxes"
				if i%3 == 0 {
					method, target = "PUT", fmt.Sprintf("/api/boxes/new-%d", round)
				}
				status, body, _ := w.ask(t, manager, method, target, fmt.Sprintf(`{"code":"new-%d","name":"%d"}`, round, i))
				switch {
				case status == 201:
					made.Add(1)
				case status == 200 && method == "PUT", status == 409:
				default:
					t.Errorf("%s: %d %s", method, status, body)
				}
			})
			if made.Load() != 1 {
				t.Errorf("made %d times", made.Load())
			}
		}
	})
}

// Numbers of a sequence are given once, without gaps, also where others fail.
func TestSequencesUnderPressure(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.Make(t, "box", `[{"code":"seq-a","name":"A"},{"code":"seq-b","name":"B"}]`)
		crowd(10, func(i int) {
			for k := range 6 {
				box := []string{"seq-a", "seq-b"}[k%2]
				status, body, _ := w.ask(t, manager, "POST", "/api/things", fmt.Sprintf(`{"name":"s","owner":3,"box":%q}`, box))
				if status != 201 {
					t.Errorf("%d %s", status, body)
				}
				w.ask(t, manager, "POST", "/api/things", fmt.Sprintf(`{"name":"s","owner":3,"box":%q,"level":"lost"}`, box)) // a check refuses it
			}
		})
		for _, box := range []string{"seq-a", "seq-b"} {
			_, body, _ := w.ask(t, manager, "GET", "/api/things?limit=100&orderBy=number&fields=number&box.code="+box, "")
			var rows []struct{ Number int }
			if err := json.Unmarshal([]byte(body), &rows); err != nil {
				t.Fatal(err)
			}
			for i, r := range rows {
				if r.Number != i+1 {
					t.Fatalf("%s: %s", box, body)
				}
			}
			if len(rows) != 30 {
				t.Errorf("%s has %d rows", box, len(rows))
			}
		}
	})
}

// A reader sees a change of several rows as a whole or not at all.
func TestReadersSeeWholeChanges(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for i := 1; i <= 12; i++ {
			w.must(t, 200, manager, "PATCH", fmt.Sprintf("/api/things/%d", i), `{"count":100,"box":"b0"}`)
		}
		var done atomic.Bool
		var reading sync.WaitGroup
		for range 3 {
			reading.Go(func() {
				for !done.Load() {
					status, body, _ := w.ask(t, manager, "GET", "/api/boxes/b0?with=things", "")
					var box struct{ Things []struct{ Count int } }
					if err := json.Unmarshal([]byte(body), &box); err != nil || status != 200 {
						t.Errorf("%d %v %s", status, err, body)
						return
					}
					sum := 0
					for _, r := range box.Things {
						sum += r.Count
					}
					if sum != 1200 {
						t.Errorf("%d rows add up to %d", len(box.Things), sum)
						return
					}
				}
			})
		}
		crowd(4, func(c int) {
			from, to := 1+c*2, 2+c*2
			for k := range 15 {
				status, body, _ := w.ask(t, manager, "PATCH", "/api/things", fmt.Sprintf(`{"%d":{"count":%d},"%d":{"count":%d}}`, from, 99-k, to, 101+k))
				if status != 200 && status != 409 && status != 503 {
					t.Errorf("%d %s", status, body)
				}
			}
		})
		done.Store(true)
		reading.Wait()
	})
}

// A row and what points at it do not part ways.
func TestDeletionAgainstReference(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for i := range 8 {
			w.Make(t, "box", fmt.Sprintf(`{"code":"d%d","name":"x"}`, i))
			var deleted, made int
			crowd(2, func(c int) {
				if c == 0 {
					deleted, _, _ = w.ask(t, manager, "DELETE", fmt.Sprintf("/api/boxes/d%d", i), "")
				} else {
					made, _, _ = w.ask(t, manager, "POST", "/api/things", fmt.Sprintf(`{"name":"x","owner":3,"box":"d%d"}`, i))
				}
			})
			_, body, _ := w.ask(t, manager, "GET", fmt.Sprintf("/api/boxes?code=d%d", i), "")
			gone := body == "[]"
			if gone != (deleted == 204) || deleted == 204 && made == 201 || deleted != 204 && made != 201 && !strings.HasPrefix(strconv.Itoa(made), "4") {
				t.Errorf("deleted %d, made %d, gone %v", deleted, made, gone)
			}
		}
	})
}
