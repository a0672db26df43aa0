package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	store "github.com/dowel-dev/dowel/storage/sqlite"
	. "github.com/dowel-dev/dowel/storage/storagetest"
)

var errBoom = errors.New("boom")

// held opens a store whose writer is busy until release is called, so that
// everything written meanwhile becomes one group.
func held(t *testing.T, s *schema.Schema) (st *store.Store, release func()) {
	st = openAt(t, filepath.Join(t.TempDir(), "app.db"), s, fast)
	started, free := make(chan struct{}), make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		st.Write(context.Background(), func(storage.Tx) error {
			close(started)
			<-free
			return nil
		})
	}()
	<-started
	return st, func() { close(free); <-done }
}

// waiting starts n writers and gives them time to stand in the queue.
func waiting(n int, write func(i int)) (wait func()) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { write(i) })
	}
	time.Sleep(50 * time.Millisecond)
	return wg.Wait
}

// TestGroup mixes writers that succeed, fail before and after they wrote, panic,
// give up and end their goroutine. Each gets its own outcome.
func TestGroup(t *testing.T) {
	s := noteSchema()
	note := s.Classes[0]
	st, release := held(t, s)
	add := func(tx storage.Tx, ctx context.Context, text string) error {
		_, err := tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: note, Set: []storage.Assign{{Field: note.Fields[1], Value: schema.NewText(text)}}})
		return err
	}
	ctx := context.Background()
	gone, cancel := context.WithCancel(ctx)
	var outcomes [6]error
	var panicked any
	wait := waiting(len(outcomes), func(i int) {
		defer func() {
			if p := recover(); p != nil {
				panicked = p
			}
		}()
		text := "note " + strconv.Itoa(i)
		switch i {
		case 0, 1:
			outcomes[i] = st.Write(ctx, func(tx storage.Tx) error { return add(tx, ctx, text) })
		case 2:
			outcomes[i] = st.Write(ctx, func(tx storage.Tx) error {
				add(tx, ctx, text)
				return errBoom
			})
		case 3:
			outcomes[i] = st.Write(ctx, func(tx storage.Tx) error {
				add(tx, ctx, text)
				panic(errBoom)
			})
		case 4:
			outcomes[i] = st.Write(gone, func(tx storage.Tx) error { return add(tx, gone, text) })
		case 5:
			outcomes[i] = st.Write(ctx, func(tx storage.Tx) error {
				add(tx, ctx, text)
				return tx.Savepoint(ctx, func() error { return add(tx, ctx, text) }) // taken
			})
		}
	})
	cancel()
	time.Sleep(20 * time.Millisecond)
	release()
	wait()
	if outcomes[0] != nil || outcomes[1] != nil {
		t.Errorf("good writers failed: %v", outcomes[:2])
	}
	if !errors.Is(outcomes[2], errBoom) {
		t.Errorf("got %v", outcomes[2])
	}
	if err, ok := panicked.(error); !ok || !errors.Is(err, errBoom) || !strings.Contains(err.Error(), "group_test.go") {
		t.Errorf("panic: %v", panicked)
	}
	if !errors.Is(outcomes[4], context.Canceled) {
		t.Errorf("got %v", outcomes[4])
	}
	if e := new(storage.UniqueError); !errors.As(outcomes[5], &e) {
		t.Errorf("got %v", outcomes[5])
	}
	stored := notes(t, st, s)
	if len(stored) != 2 || stored["note 0"] == 0 || stored["note 1"] == 0 {
		t.Errorf("stored %v", stored)
	}
	if counters, _ := st.Counters(ctx, s.Classes); counters[0] != 2 {
		t.Errorf("counter %d after two writes", counters[0])
	}
}

// TestGoexit: a function that ends the writer's goroutine costs its group, not the store.
func TestGoexit(t *testing.T) {
	s := noteSchema()
	st, release := held(t, s)
	var outcomes [2]error
	wait := waiting(2, func(i int) {
		outcomes[i] = st.Write(context.Background(), func(tx storage.Tx) error {
			runtime.Goexit()
			return nil
		})
	})
	release()
	wait()
	for _, err := range outcomes {
		if !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
	insert(t, st, s.Classes[0], "after")
}

// TestConcurrentWriters checks under load that nothing of a failed transaction
// stays and nothing of another is lost.
func TestConcurrentWriters(t *testing.T) {
	s := Schema(Class("account", Of("int", "balance")), Class("note", Text("text", Unique)))
	account, note := s.Classes[0], s.Classes[1]
	st := openAt(t, filepath.Join(t.TempDir(), "app.db"), s, fast)
	ctx := context.Background()
	const accounts, writers, each = 4, 16, 60
	for range accounts {
		if err := st.Write(ctx, func(tx storage.Tx) error {
			_, err := tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: account, Set: []storage.Assign{{Field: account.Fields[1], Value: schema.NewInt(100)}}})
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	move := func(tx storage.Tx, id, by int64) error {
		key := []schema.Value{schema.NewInt(id)}
		page, err := tx.Read(ctx, &storage.Query{Class: account, Key: key, Limit: -1, Columns: []storage.Column{{Field: account.Fields[1]}}})
		if err != nil {
			return err
		}
		row := page.Rows[0]
		_, err = tx.Apply(ctx, &storage.Change{Op: storage.Update, Class: account, Key: key, IfVersion: row.Version,
			Set: []storage.Assign{{Field: account.Fields[1], Value: schema.NewInt(row.Values[1].Int() + by)}}})
		return err
	}
	var good atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				from, to := 1+rand.Int64N(accounts), 1+rand.Int64N(accounts)
				err := st.Write(ctx, func(tx storage.Tx) error {
					if err := move(tx, from, -7); err != nil {
						return err
					}
					if _, err := tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: note, Set: []storage.Assign{{Field: note.Fields[1], Value: schema.NewText(fmt.Sprint(w, i))}}}); err != nil {
						return err
					}
					if i%3 == 0 {
						return errBoom
					}
					return move(tx, to, 7)
				})
				if err == nil {
					good.Add(1)
				} else if !errors.Is(err, errBoom) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	for range 4 { // readers see whole transactions only
		wg.Go(func() {
			for range 100 {
				page, err := st.Read(ctx, &storage.Query{Class: account, Limit: -1, Columns: []storage.Column{{Field: account.Fields[1]}}})
				if err != nil {
					t.Error(err)
					return
				}
				sum := int64(0)
				for _, r := range page.Rows {
					sum += r.Values[1].Int()
				}
				if sum != 100*accounts {
					t.Errorf("sum is %d", sum)
					return
				}
			}
		})
	}
	wg.Wait()
	page, err := st.Read(ctx, &storage.Query{Class: note, Total: true})
	if err != nil || page.Total != good.Load() {
		t.Errorf("%d notes for %d transactions, %v", page.Total, good.Load(), err)
	}
}

// crowd is a class whose rows all point at the first.
func crowd(t *testing.T, o store.Options) (*store.Store, *schema.Schema) {
	s := Schema(Class("row", Text("text"), Ref("hub", "row", "all", Optional)))
	path := filepath.Join(t.TempDir(), "app.db")
	st := openAt(t, path, s, o)
	execute(t, path, `with recursive n(i) as (select 1 union all select i+1 from n where i < 3000) insert into rows (id, text, hub_id) select i, 'row ' || i, 1 from n`)
	return st, s
}

func TestSlowReadEnds(t *testing.T) {
	o := fast
	o.Timeout = 150 * time.Millisecond
	st, s := crowd(t, o)
	start := time.Now()
	_, err := st.Read(context.Background(), endless(s))
	if !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
	for range 2 * o.Readers { // the connection is good again
		if _, err := st.Read(context.Background(), &storage.Query{Class: s.Classes[0], Limit: 1}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAbandonedReadEnds(t *testing.T) {
	o := fast
	o.Timeout = -1
	st, s := crowd(t, o)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := st.Read(ctx, endless(s)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestInterruptedWriteCostsItself: SQLite gives up the transaction of all when it
// is interrupted in the middle of a change; the others of the group are run again.
func TestInterruptedWriteCostsItself(t *testing.T) {
	o := fast
	o.Timeout = -1
	st, s := crowd(t, o)
	row := s.Classes[0]
	ctx := context.Background()
	short, cancel := context.WithCancel(ctx)
	started, free := make(chan struct{}), make(chan struct{})
	go st.Write(ctx, func(storage.Tx) error { close(started); <-free; return nil })
	<-started
	outcomes := make([]error, 5)
	wait := waiting(len(outcomes), func(i int) {
		if i != 2 {
			_, outcomes[i] = tryInsert(ctx, st, row, "good")
			return
		}
		outcomes[i] = st.Write(short, func(tx storage.Tx) error {
			time.AfterFunc(50*time.Millisecond, cancel)
			_, err := tx.Apply(short, &storage.Change{Op: storage.Update, Class: row, Key: []schema.Value{schema.NewInt(1)},
				Before: []storage.Guard{{Where: endless(s).Where, Err: errBoom}}, Set: []storage.Assign{{Field: row.Fields[1], Value: schema.NewText("x")}}})
			return err
		})
	})
	close(free)
	wait()
	for i, err := range outcomes {
		if i == 2 && !errors.Is(err, context.Canceled) || i != 2 && err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	page, err := st.Read(ctx, &storage.Query{Class: row, Total: true, Where: schema.Compare{Op: schema.Eq, Left: &schema.Path{Field: row.Fields[1], Type: row.Fields[1].Type}, Right: schema.Lit{Value: schema.NewText("good")}}})
	if err != nil || page.Total != 4 {
		t.Errorf("%d good rows, %v", page.Total, err)
	}
}

// endless looks at 3000^3 combinations of rows.
func endless(s *schema.Schema) *storage.Query {
	c := s.Classes[0]
	text := c.Fields[1]
	var e schema.Expr = schema.Like{X: &schema.Path{Field: text, Type: text.Type}, Pattern: "*nothing*"}
	all, hub := c.Relation("all"), c.Relation("hub")
	for range 3 {
		e = schema.Exists{Rel: hub, Where: schema.Exists{Rel: all, Where: schema.And{schema.Like{X: &schema.Path{Field: text, Type: text.Type}, Pattern: "row*"}, e}}}
	}
	return &storage.Query{Class: c, Where: e, Limit: 1}
}

func TestClosedStoreRefuses(t *testing.T) {
	s := noteSchema()
	st, err := store.Open(filepath.Join(t.TempDir(), "app.db"), s, fast)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Migrate(context.Background(), s, true); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Read(context.Background(), &storage.Query{Class: s.Classes[0]}); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
	if _, err := tryInsert(context.Background(), st, s.Classes[0], "x"); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("write: %v", err)
	}
	if _, err := st.Migrate(context.Background(), s, true); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("migrate: %v", err)
	}
	if err := st.Close(); err != nil {
		t.Errorf("again: %v", err)
	}
}
