package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	queue "github.com/dowel-dev/dowel/engine/jobs"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

const jobsYAML = `dowel: 1
app: {jobs: true}
roles: {clerk: null}
classes:
  order:
    timestamps: false
    fields:
      number: string unique
      state: {enum: [open, paid, shipped], default: open}
    actions:
      ship: {when: state = 'paid', set: {state: shipped}}
      close: {on: collection, run: go}
    allow: {read: clerk, create: clerk, update: clerk, ship: clerk, close: clerk}
`

func jobsFolder(more string) fstest.MapFS {
	return fstest.MapFS{"dowel.yaml": {Data: []byte(jobsYAML + more)}}
}

// closing is the program of the application: its function runs as often as it is called.
func closing(runs *atomic.Int64, fail func(n int64) error) *engine.App {
	app := engine.New()
	engine.Handle(app, "order.close", func(*actions.Ctx, actions.Row, actions.None) (actions.None, error) {
		return actions.None{}, fail(runs.Add(1))
	})
	return app
}

var systemSubject = &authz.Subject{System: true}

// settled waits until a job is over.
func settled(t *testing.T, e *engine.Engine, id string) *queue.Job {
	t.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		j, err := e.Jobs().Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if j.State == queue.Done || j.State == queue.Failed {
			return j
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("%+v does not end", j)
		}
	}
}

// What fails for a while is run again, what is refused is not.
func TestJobsAreTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name     string
		fail     func(n int64) error
		state    queue.State
		attempts int
	}{
		{"it works the second time", func(n int64) error {
			if n == 1 {
				return fmt.Errorf("the printer is on fire")
			}
			return nil
		}, queue.Done, 2},
		{"a panic is a failure", func(n int64) error {
			if n == 1 {
				panic("boom")
			}
			return nil
		}, queue.Done, 2},
		{"it never works", func(int64) error { return fmt.Errorf("the printer is on fire") }, queue.Failed, 2},
		{"it is refused", func(int64) error { return actions.Errorf(actions.StateConflict, "Not on Sundays.") }, queue.Failed, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var runs atomic.Int64
			app := enginetest.Open(t, jobsFolder(""), enginetest.Options{App: closing(&runs, c.fail), Work: true, Settings: engine.Settings{Jobs: engine.Jobs{Attempts: 2}}})
			id, err := app.Later(t.Context(), systemSubject, &actions.Run{Class: "order", Action: "close"}, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if j := settled(t, app.Engine, id); j.State != c.state || j.Attempts != c.attempts || runs.Load() != int64(c.attempts) {
				t.Errorf("%s after %d attempts and %d runs: %s", j.State, j.Attempts, runs.Load(), j.Answer)
			} else if strings.Contains(j.Answer, "printer") {
				t.Errorf("the answer tells what is nobody's business: %s", j.Answer)
			}
		})
	}
}

// A function queues an action with its caller's rights; it is queued when the function's transaction commits.
func TestFunctionsQueueActions(t *testing.T) {
	app := engine.New()
	var later [2]string
	engine.Handle(app, "order.close", func(k *actions.Ctx, _ actions.Row, _ actions.None) (_ actions.None, err error) {
		if later[0], err = k.Later(&actions.Create{Class: "order", Content: []byte(`{"number": "later"}`)}, 0); err != nil {
			return actions.None{}, err
		}
		if _, err = k.Later(&actions.Delete{Class: "order", ID: "1"}, 0); err == nil {
			t.Error("a clerk queued what it may not do")
		}
		later[1], err = k.Sudo().Later(&actions.DeleteWhere{Class: "order", Select: actions.Select{Where: "number = 'old'"}, MaxAffected: new(1)}, time.Millisecond)
		return actions.None{}, err
	})
	run := enginetest.Open(t, jobsFolder(""), enginetest.Options{App: app, Work: true})
	run.Make(t, "order", `{"number": "old"}`)
	clerk := "Authorization: " + run.Bearer(t, "7", "clerk")
	if res := run.Do(t, "POST", "/api/orders/close", "", clerk); res.Status >= 300 {
		t.Fatal(res)
	}
	for _, id := range later {
		if j := settled(t, run.Engine, id); j.State != queue.Done {
			t.Errorf("%s", j.Answer)
		}
	}
	if res := run.Do(t, "GET", "/api/orders?fields=number", "", clerk); !strings.Contains(res.Body, "later") || strings.Contains(res.Body, "old") {
		t.Error(res.Body)
	}
}

// A job gives what the request would have given, and refuses what it would have refused.
func TestJobsMeanTheSame(t *testing.T) {
	requests := []struct{ method, path, content string }{
		{"POST", "/api/orders", `{"number": "B"}`},
		{"POST", "/api/orders", `{"number": "A"}`},
		{"POST", "/api/orders", `{"number": 7, "x": 1}`},
		{"POST", "/api/orders", `[{"number": "C"}, {"number": "D"}]`},
		{"POST", "/api/orders?fields=number", `{"number": "E"}`},
		{"PATCH", "/api/orders/1", `{"state": "paid"}`},
		{"PATCH", "/api/orders/99", `{"state": "paid"}`},
		{"PUT", "/api/orders/1", `{"number": "A", "state": "paid"}`},
		{"PATCH", "/api/orders?number=A", `{"state": "paid"}`},
		{"POST", "/api/orders/1/ship", ``},
		{"POST", "/api/orders/2/ship", ``},
		{"DELETE", "/api/orders/1", ``},
		{"POST", "/api/orders/bulk-update", `{"ids": [1, 2], "set": {"state": "paid"}}`},
		{"POST", "/api/orders/bulk-import", `[{"number": "F"}]`},
		{"POST", "/api;compound", `{"actions": [{"method": "POST", "path": "/orders", "contentObject": {"number": "G"}}, {"method": "GET", "path": "/orders/{0.id}"}]}`},
		{"POST", "/api;compound", `{"actions": [{"method": "POST", "path": "/orders", "contentObject": {"number": "G"}}, {"method": "DELETE", "path": "/orders/1"}]}`},
	}
	onEveryStore(t, func(t *testing.T, open func(s *schema.Schema) (storage.Store, error)) {
		for _, r := range requests {
			t.Run(r.method+" "+r.path+" "+r.content, func(t *testing.T) {
				var told [2]string
				for i := range told {
					app := enginetest.Open(t, jobsFolder(""), enginetest.Options{Store: open, Work: true})
					app.Make(t, "order", `[{"number": "A", "state": "paid"}, {"number": "Z"}]`)
					clerk := "Authorization: " + app.Bearer(t, "7", "clerk")
					prefer := [...]string{"Prefer: x", "Prefer: respond-async"}[i]
					res := app.Do(t, r.method, r.path, r.content, clerk, prefer)
					status, body := res.Status, []byte(res.Body)
					if status == 202 {
						place := res.Header.Get("Location")
						settled(t, app.Engine, place[strings.LastIndex(place, "/")+1:])
						status, body = unfold(t, app.Do(t, "GET", place, "", clerk).Body)
					}
					after := app.Do(t, "GET", "/api/orders?orderBy=number", "", clerk).Body
					told[i] = fmt.Sprint(status, "\n", steady(body), "\n", after)
				}
				if diff := cmp.Diff(told[0], told[1]); diff != "" {
					t.Errorf("at once and later (-at once +later):\n%s", diff)
				}
			})
		}
	})
}

func unfold(t *testing.T, document string) (int, []byte) {
	t.Helper()
	var j struct {
		Answer struct {
			Status int
			Body   json.RawMessage
		}
		Problem json.RawMessage
	}
	if err := json.Unmarshal([]byte(document), &j); err != nil {
		t.Fatal(err)
	}
	if j.Problem == nil {
		return j.Answer.Status, j.Answer.Body
	}
	var p struct{ Status int }
	if err := json.Unmarshal(j.Problem, &p); err != nil {
		t.Fatal(err)
	}
	return p.Status, j.Problem
}

// steady is content without what is different each time.
func steady(body []byte) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return string(body)
	}
	var strip func(v any)
	strip = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, name := range []string{"instance", "request_id", "etag"} {
				delete(v, name)
			}
			for _, member := range v {
				strip(member)
			}
		case []any:
			for _, member := range v {
				strip(member)
			}
		}
	}
	strip(v)
	b, _ := json.Marshal(v)
	return string(b)
}

// Several nodes run each time of a schedule once.
func TestSchedulesRunOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	open := func(s *schema.Schema) (storage.Store, error) {
		store, err := sqlite.Open(path, s, sqlite.Options{})
		if err == nil {
			_, err = store.Migrate(t.Context(), s, true)
		}
		return store, err
	}
	var runs atomic.Int64
	folder := jobsFolder("schedules:\n  tick: {every: 1s, action: order.close, as: clerk}\n")
	var node *enginetest.App
	for range 3 {
		node = enginetest.Open(t, folder, enginetest.Options{Store: open, App: closing(&runs, func(int64) error { return nil }), Work: true})
	}
	var done []*queue.Job
	for began := time.Now(); len(done) < 3; time.Sleep(50 * time.Millisecond) {
		var err error
		if done, err = node.Jobs().List(t.Context(), queue.Done, -1); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("%d times in a minute", len(done))
		}
	}
	times := map[string]bool{}
	for _, j := range done {
		if times[j.Once] || j.Attempts != 1 {
			t.Errorf("%s was run twice: %+v", j.Once, j)
		}
		times[j.Once] = true
	}
	if n := int(runs.Load()); n < len(done) || n > len(done)+2 {
		t.Errorf("%d runs, %d done", n, len(done))
	}
}

// What was missed while no node ran is made up for by one run; what the schema does not have any more is not run.
func TestMissedTimes(t *testing.T) {
	var store storage.Store
	open := func(s *schema.Schema) (_ storage.Store, err error) {
		if store == nil {
			if store, err = memory.New(s); err != nil {
				return nil, err
			}
			store = lasting{store}
		}
		return store, store.Use(s)
	}
	var clock atomic.Int64
	clock.Store(time.Date(2026, 11, 21, 12, 30, 0, 0, time.UTC).Unix())
	now := func() time.Time { return time.Unix(clock.Load(), 0) }
	var runs atomic.Int64
	waiting := func(e *enginetest.App, want string) []*queue.Job {
		t.Helper()
		for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			list, err := e.Jobs().List(t.Context(), queue.Queued, -1)
			if err != nil {
				t.Fatal(err)
			}
			var due []string
			for _, j := range list {
				due = append(due, j.Schedule+" "+j.Due.Format("02 15:04"))
			}
			if strings.Join(due, ", ") == want {
				return list
			}
			if time.Since(began) > 20*time.Second {
				t.Fatalf("queued are %v, want %s", due, want)
			}
		}
	}
	start := func(t *testing.T, schedules string) *enginetest.App {
		return enginetest.Open(t, jobsFolder("schedules:\n  "+schedules+"\n"), enginetest.Options{Store: open, Clock: now, App: closing(&runs, func(int64) error { return nil }), Work: true})
	}
	t.Run("at first nothing was missed", func(t *testing.T) {
		waiting(start(t, `hourly: {cron: "0 * * * *", action: order.close, as: clerk}`), "hourly 21 13:00")
	})
	if runs.Load() != 0 {
		t.Fatalf("%d runs", runs.Load())
	}
	clock.Add(10 * 3600)
	t.Run("ten times were missed", func(t *testing.T) {
		waiting(start(t, `hourly: {cron: "0 * * * *", action: order.close, as: system}`), "hourly 21 23:00")
	})
	if runs.Load() != 1 {
		t.Errorf("%d runs make up for ten missed ones", runs.Load())
	}
	t.Run("it is due at another time", func(t *testing.T) {
		waiting(start(t, `hourly: {cron: "30 * * * *", action: order.close, as: clerk}`), "hourly 21 23:30")
	})
	t.Run("it has gone", func(t *testing.T) {
		waiting(start(t, `other: {every: 1d, action: order.close, as: clerk}`), "other 22 00:00")
	})
	if runs.Load() != 1 {
		t.Errorf("%d runs", runs.Load())
	}
}

// lasting is a store that outlives the application it was opened for.
type lasting struct{ storage.Store }

func (lasting) Close() error { return nil }

// steps are where a node dies while it runs a job.
var steps = []string{"claimed", string(engine.BeforeInvoke), string(engine.AfterInvoke), string(engine.BeforeCommit), string(engine.AfterCommit)}

// TestJobsSurviveTheirNode kills a node at every step of a job: another one does what is
// left to do, and the effect is there once.
func TestJobsSurviveTheirNode(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		for _, step := range steps {
			t.Run(kind+" "+step, func(t *testing.T) {
				url := filepath.Join(t.TempDir(), "app.db")
				if kind == "postgres" {
					url = pgtest.Schema(t)
				}
				open := func(s *schema.Schema) (storage.Store, error) { return openAt(t, kind, url, s) }
				queueing := enginetest.Open(t, jobsFolder(""), enginetest.Options{Store: open})
				id, err := queueing.Later(t.Context(), systemSubject, &actions.Create{Class: "order", Content: []byte(`{"number": "only"}`)}, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(os.Args[0], "-test.run=^TestNodeThatDies$")
				cmd.Env = append(os.Environ(), "JOBS_STEP="+step, "JOBS_KIND="+kind, "JOBS_URL="+url)
				var said bytes.Buffer
				cmd.Stdout, cmd.Stderr = &said, &said
				if err := cmd.Run(); err == nil || !strings.Contains(err.Error(), "killed") {
					t.Fatalf("it should have been killed, and ended with %v\n%s", err, &said)
				}
				later := func() time.Time { return time.Now().Add(10 * time.Minute) } // the lease is over
				next := enginetest.Open(t, jobsFolder(""), enginetest.Options{Store: open, Clock: later, Work: true})
				j := settled(t, next.Engine, id)
				want := 2
				if step == string(engine.AfterCommit) {
					want = 1
				}
				if j.State != queue.Done || j.Attempts != want {
					t.Errorf("%s after %d attempts, want done after %d: %s", j.State, j.Attempts, want, j.Answer)
				}
				res := next.Do(t, "GET", "/api/orders?count=exact", "", "Authorization: "+next.Bearer(t, "7", "clerk"))
				if res.Header.Get("X-Total-Count") != "1" {
					t.Errorf("%s orders: %s", res.Header.Get("X-Total-Count"), res.Body)
				}
			})
		}
	}
}

func openAt(t *testing.T, kind, url string, s *schema.Schema) (store storage.Store, err error) {
	t.Helper()
	if kind == "postgres" {
		store, err = postgres.Open(t.Context(), url, s, postgres.Options{Conns: 4})
	} else {
		store, err = sqlite.Open(url, s, sqlite.Options{})
	}
	if err == nil {
		_, err = store.Migrate(t.Context(), s, true)
	}
	return store, err
}

// TestNodeThatDies is the other process of TestJobsSurviveTheirNode, and by itself nothing.
func TestNodeThatDies(t *testing.T) {
	step := os.Getenv("JOBS_STEP")
	if step == "" {
		return
	}
	die := func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} }
	app := engine.New()
	app.On(engine.Point(strings.Replace(step, "claimed", string(engine.AfterCommit), 1)), func(*actions.Ctx, *engine.Event) error { die(); return nil })
	open := func(s *schema.Schema) (storage.Store, error) {
		return openAt(t, os.Getenv("JOBS_KIND"), os.Getenv("JOBS_URL"), s)
	}
	node := enginetest.Open(t, jobsFolder(""), enginetest.Options{App: app, Store: open, Work: step != "claimed"})
	if step == "claimed" {
		if got, err := node.Jobs().Claim(t.Context(), time.Now(), time.Minute, 1); err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		die()
	}
	time.Sleep(time.Minute)
}
