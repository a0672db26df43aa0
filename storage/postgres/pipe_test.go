package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

// empty is a schema without classes: the tests of this file talk SQL.
func empty() *schema.Schema {
	s := &schema.Schema{}
	s.Seal()
	return s
}

func openAt(t testing.TB, url string, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, empty(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask has the pipe run one statement and returns the texts of its first column.
func ask(ctx context.Context, p *pipe, sql string, args ...any) ([]string, error) {
	var out []string
	cmd := &command{sql: []byte(sql), row: func(cols [][]byte) error {
		out = append(out, string(cols[0]))
		return nil
	}}
	for _, a := range args {
		switch a := a.(type) {
		case int:
			cmd.args = append(cmd.args, schema.NewInt(int64(a)))
		case string:
			cmd.args = append(cmd.args, schema.NewText(a))
		}
	}
	err := p.do(ctx, cmd)
	return out, err
}

// TestCancelStorm: callers that leave take nothing from others and leave nothing to them.
func TestCancelStorm(t *testing.T) {
	s := openAt(t, pgtest.Schema(t), Options{})
	const each = 400
	var answered, left atomic.Int64
	var wg sync.WaitGroup
	for g := range 64 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 1))
			for i := range each {
				ctx, cancel := context.WithCancel(t.Context())
				leave := rnd.IntN(10) < 3
				if leave {
					time.AfterFunc(time.Duration(rnd.IntN(400))*time.Microsecond, cancel)
				}
				want := fmt.Sprintf("caller %d, %d", g, i)
				var done atomic.Bool
				rows := 0
				cmd := &command{sql: []byte("select $1::text || repeat(' ', g) from generate_series(0, $2) as g"),
					args: []schema.Value{schema.NewText(want), schema.NewInt(int64(rnd.IntN(30)))},
					row: func(cols [][]byte) error {
						if done.Load() {
							t.Error("a row after the end")
						}
						if got := string(cols[0][:len(cols[0])-rows]); got != want {
							t.Errorf("got %q, want %q", got, want)
						}
						rows++
						return nil
					}}
				err := s.reads.do(ctx, cmd)
				done.Store(true)
				switch {
				case err == nil && rows == int(cmd.args[1].Int())+1 && cmd.affected == int64(rows):
					answered.Add(1)
				case err == context.Canceled && leave:
					left.Add(1)
				default:
					t.Errorf("%d rows of %d, %v", rows, cmd.args[1].Int()+1, err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	t.Logf("%d answered, %d left", answered.Load(), left.Load())
	if left.Load() == 0 || answered.Load() < 64*each/2 {
		t.Error("the storm was none")
	}
}
