// Package queuetest holds what every queue of jobs promises.
package queuetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/engine/jobs"
	"github.com/dowel-dev/dowel/storage"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const lease = time.Minute

// Run holds a queue to its promises. open makes an empty one over a store.
func Run(t *testing.T, open func(t *testing.T) (jobs.Queue, storage.Store)) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, w *world)
	}{
		{"a job commits with its transaction", committing},
		{"jobs are claimed when they are due, the longest waiting first", due},
		{"a claimed job is nobody else's until its lease is over", leased},
		{"who lost the lease can neither hold, end nor fail the job", lost},
		{"a job is done when its transaction commits", done},
		{"a job that fails is due again, or never", failing},
		{"what is queued can be cancelled, what failed retried", changing},
		{"of jobs with one name there is one", twice},
		{"many nodes share the work", sharing},
		{"what ended is counted, kept and swept", sweeping},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, store := open(t)
			c.test(t, &world{t, q, store})
		})
	}
}

type world struct {
	*testing.T
	q     jobs.Queue
	store storage.Store
}

func (w *world) add(j jobs.Job) *jobs.Job {
	w.Helper()
	if j.Created.IsZero() {
		j.Created = noon
	}
	if j.Action == "" {
		j.Action = `{"do":"get"}`
	}
	if j.Most == 0 {
		j.Most = 3
	}
	w.must(w.store.Write(w.Context(), func(tx storage.Tx) error { j.ID = ""; return w.q.Enqueue(w.Context(), tx, &j) }))
	return &j
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) fails(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Fatalf("%v, want %v", err, want)
	}
}

func (w *world) claim(at time.Time, n int) []*jobs.Job {
	w.Helper()
	got, err := w.q.Claim(w.Context(), at, lease, n)
	w.must(err)
	return got
}

func (w *world) one(at time.Time) *jobs.Job {
	w.Helper()
	got := w.claim(at, 1)
	if len(got) != 1 {
		w.Fatalf("%d jobs claimed", len(got))
	}
	return got[0]
}

func (w *world) end(j *jobs.Job, answer string) error {
	return w.store.Write(w.Context(), func(tx storage.Tx) error {
		if err := w.q.Hold(w.Context(), tx, j); err != nil {
			return err
		}
		return w.q.Done(w.Context(), tx, j, noon, answer)
	})
}

func (w *world) get(id string) *jobs.Job {
	w.Helper()
	j, err := w.q.Get(w.Context(), id)
	w.must(err)
	return j
}

func (w *world) state(id string, want jobs.State, attempts int) {
	w.Helper()
	if j := w.get(id); j.State != want || j.Attempts != attempts {
		w.Fatalf("%s after %d attempts, want %s after %d", j.State, j.Attempts, want, attempts)
	}
}

func committing(t *testing.T, w *world) {
	undone := errors.New("undone")
	var id string
	w.fails(w.store.Write(t.Context(), func(tx storage.Tx) error {
		j := &jobs.Job{Created: noon, Most: 1}
		w.must(w.q.Enqueue(t.Context(), tx, j))
		id = j.ID
		return undone
	}), undone)
	_, err := w.q.Get(t.Context(), id)
	w.fails(err, jobs.ErrNone)
	_, err = w.q.Get(t.Context(), "nothing like an id")
	w.fails(err, jobs.ErrNone)
	j := w.add(jobs.Job{Action: `{"do":"create"}`, Owner: "7", Standing: "{}", Request: "[]", Schedule: "s", Most: 5})
	got := w.get(j.ID)
	if got.Action != j.Action || got.Owner != "7" || got.Standing != "{}" || got.Request != "[]" || got.Schedule != "s" || got.Most != 5 || got.State != jobs.Queued || !got.Due.Equal(noon) || !got.Created.Equal(noon) {
		t.Errorf("kept %+v", got)
	}
}

func due(t *testing.T, w *world) {
	if next, err := w.q.Next(t.Context()); err != nil || !next.IsZero() {
		t.Fatalf("next of nothing is %v, %v", next, err)
	}
	later := w.add(jobs.Job{Due: noon.Add(time.Hour)})
	second := w.add(jobs.Job{Due: noon.Add(time.Second)})
	first := w.add(jobs.Job{})
	if next, err := w.q.Next(t.Context()); err != nil || !next.Equal(noon) {
		t.Fatalf("next is %v, %v", next, err)
	}
	for _, want := range []*jobs.Job{first, second} {
		if got := w.one(noon.Add(time.Minute)); got.ID != want.ID || got.Attempts != 1 || got.State != jobs.Running {
			t.Fatalf("claimed %+v, want %s", got, want.ID)
		}
	}
	if got := w.claim(noon.Add(time.Minute), 5); len(got) != 0 {
		t.Fatalf("claimed %+v, which is not due", got[0])
	}
	if got := w.claim(noon.Add(time.Hour), 1); len(got) != 1 {
		t.Fatalf("%s is due, and was not claimed", later.ID)
	}
}

func leased(t *testing.T, w *world) {
	j := w.add(jobs.Job{})
	w.one(noon)
	if got := w.claim(noon.Add(lease-time.Second), 1); len(got) != 0 {
		t.Fatal("claimed twice")
	}
	if next, err := w.q.Next(t.Context()); err != nil || !next.Equal(noon.Add(lease)) {
		t.Fatalf("next is %v, %v", next, err)
	}
	if got := w.one(noon.Add(lease)); got.ID != j.ID || got.Attempts != 2 {
		t.Fatalf("claimed %+v", got)
	}
}

func lost(t *testing.T, w *world) {
	j := w.add(jobs.Job{})
	old := w.one(noon)
	now := w.one(noon.Add(lease))
	w.fails(w.end(old, "{}"), jobs.ErrLost)
	w.fails(w.q.Fail(t.Context(), old, noon, time.Time{}, "{}"), jobs.ErrLost)
	w.must(w.end(now, `{"status":204}`))
	w.state(j.ID, jobs.Done, 2)
	w.fails(w.end(now, "{}"), jobs.ErrLost)
}

func done(t *testing.T, w *world) {
	j := w.add(jobs.Job{Owner: "7", Standing: `{"id":"7"}`})
	got := w.one(noon)
	undone := errors.New("undone")
	w.fails(w.store.Write(t.Context(), func(tx storage.Tx) error {
		w.must(w.q.Hold(t.Context(), tx, got))
		w.must(w.q.Done(t.Context(), tx, got, noon, "{}"))
		return undone
	}), undone)
	w.state(j.ID, jobs.Running, 1)
	w.must(w.end(got, `{"status":204}`))
	kept := w.get(j.ID)
	if kept.State != jobs.Done || kept.Answer != `{"status":204}` || kept.Action != "" || kept.Owner != "7" || kept.Standing == "" || !kept.Ended.Equal(noon) || !kept.Due.IsZero() {
		t.Errorf("kept %+v", kept)
	}
	if next, err := w.q.Next(t.Context()); err != nil || !next.IsZero() {
		t.Errorf("next is %v, %v", next, err)
	}
}

func failing(t *testing.T, w *world) {
	j := w.add(jobs.Job{})
	w.must(w.q.Fail(t.Context(), w.one(noon), noon, noon.Add(time.Minute), `{"code":"internal"}`))
	w.state(j.ID, jobs.Queued, 1)
	if got := w.claim(noon.Add(59*time.Second), 1); len(got) != 0 {
		t.Fatal("claimed too early")
	}
	again := w.one(noon.Add(time.Minute))
	w.must(w.q.Fail(t.Context(), again, noon, time.Time{}, `{"code":"internal"}`))
	w.state(j.ID, jobs.Failed, 2)
	if kept := w.get(j.ID); kept.Action == "" || kept.Answer == "" {
		t.Errorf("kept %+v", kept)
	}
	if got := w.claim(noon.Add(24*time.Hour), 1); len(got) != 0 {
		t.Fatal("claimed what failed for good")
	}
}

func changing(t *testing.T, w *world) {
	j := w.add(jobs.Job{})
	w.fails(w.q.Retry(t.Context(), j.ID, noon), jobs.ErrState)
	w.must(w.q.Cancel(t.Context(), j.ID))
	w.fails(w.q.Cancel(t.Context(), j.ID), jobs.ErrNone)
	j = w.add(jobs.Job{})
	held := w.one(noon)
	w.fails(w.q.Cancel(t.Context(), j.ID), jobs.ErrState)
	w.must(w.q.Fail(t.Context(), held, noon, time.Time{}, "{}"))
	w.must(w.q.Retry(t.Context(), j.ID, noon.Add(time.Hour)))
	w.state(j.ID, jobs.Queued, 0)
	if got := w.one(noon.Add(time.Hour)); got.ID != j.ID {
		t.Errorf("claimed %+v", got)
	}
}

func twice(t *testing.T, w *world) {
	w.add(jobs.Job{Once: "a"})
	w.fails(w.store.Write(t.Context(), func(tx storage.Tx) error {
		return w.q.Enqueue(t.Context(), tx, &jobs.Job{Once: "a", Created: noon, Most: 1})
	}), jobs.ErrTwice)
	w.add(jobs.Job{Once: "b"})
	w.add(jobs.Job{})
	w.add(jobs.Job{})
	if all, err := w.q.List(t.Context(), jobs.Queued, 10); err != nil || len(all) != 4 {
		t.Errorf("%d jobs, %v", len(all), err)
	}
}

// sharing has several nodes take the same jobs at the same time: each is run once.
func sharing(t *testing.T, w *world) {
	const all, nodes = 24, 4
	for i := range all {
		w.add(jobs.Job{Owner: fmt.Sprint(i)})
	}
	var mu sync.Mutex
	var ran []string
	var wg sync.WaitGroup
	for range nodes {
		wg.Go(func() {
			for {
				got, err := w.q.Claim(context.Background(), noon, lease, 3)
				if err != nil {
					t.Error(err)
					return
				}
				for _, j := range got {
					if err := w.end(j, "{}"); err != nil {
						t.Error(err)
					}
					mu.Lock()
					ran = append(ran, j.Owner)
					mu.Unlock()
				}
				if len(got) == 0 {
					if s, err := w.q.Stats(context.Background(), noon); err != nil || s.Queued == 0 {
						return
					}
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(ran)
	if n := len(ran); n != all || len(slices.Compact(ran)) != all {
		t.Errorf("%d jobs ran, %d of them once", n, len(slices.Compact(ran)))
	}
}

func sweeping(t *testing.T, w *world) {
	w.add(jobs.Job{})
	w.must(w.end(w.one(noon), "{}"))
	w.add(jobs.Job{})
	w.must(w.q.Fail(t.Context(), w.one(noon), noon, time.Time{}, "{}"))
	w.add(jobs.Job{})
	w.one(noon)
	w.add(jobs.Job{})
	w.add(jobs.Job{Due: noon.Add(time.Hour)})
	s, err := w.q.Stats(t.Context(), noon.Add(10*time.Second))
	if want := (jobs.Stats{Queued: 2, Running: 1, Failed: 1, Oldest: 10 * time.Second}); err != nil || s != want {
		t.Errorf("%+v, want %+v (%v)", s, want, err)
	}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{jobs.KeepDone - time.Second, 0}, {jobs.KeepDone, 1}, {jobs.KeepFailed, 1}, {10 * jobs.KeepFailed, 0}} {
		if n, err := w.q.Sweep(t.Context(), noon.Add(c.after), 100); err != nil || n != c.want {
			t.Errorf("swept %d after %s, want %d (%v)", n, c.after, c.want, err)
		}
	}
}
