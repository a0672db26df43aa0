package postgres

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// BenchmarkNeighbours measures how long a get takes while one of a hundred requests
// is a statement of 50 ms, and while none is: what a get waits for must be its like.
func BenchmarkNeighbours(b *testing.B) {
	s := openShop(b, Options{}, benchCustomers)
	slow := slowly(b, s)
	for _, test := range []struct {
		name string
		each int
	}{{"without", 0}, {"one of a hundred", 100}} {
		b.Run(test.name, func(b *testing.B) {
			var mu sync.Mutex
			var all []time.Duration
			b.SetParallelism(32)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				ctx := context.Background()
				var mine []time.Duration
				buf := make([]byte, 0, 1024)
				for i := 1; pb.Next(); i++ {
					if test.each > 0 && i%test.each == 0 {
						if _, err := s.Read(ctx, slow); err != nil {
							b.Error(err)
						}
						continue
					}
					start := time.Now()
					if _, err := s.get(ctx, int64(i), buf[:0]); err != nil {
						b.Error(err)
					}
					mine = append(mine, time.Since(start))
				}
				mu.Lock()
				all = append(all, mine...)
				mu.Unlock()
			})
			slices.Sort(all)
			at := func(part float64) float64 {
				return float64(all[min(int(part*float64(len(all))), len(all)-1)].Microseconds()) / 1000
			}
			b.ReportMetric(at(0.5), "p50-ms")
			b.ReportMetric(at(0.99), "p99-ms")
			b.ReportMetric(at(0.999), "p99.9-ms")
		})
	}
}

// slowly returns a query that takes 50 ms.
func slowly(t testing.TB, s *shop) *storage.Query {
	if _, err := ask(context.Background(), s.writes, `create or replace view slow as select 1::bigint as _version, g as id from generate_series(1::bigint, 3) as g, pg_sleep(0.05)`); err != nil {
		t.Fatal(err)
	}
	c := &schema.Class{Index: 2, Name: "slow", Table: "slow", Collection: "slow", Plural: "slow"}
	id := &schema.Field{Name: "id", JSON: "id", Column: "id", Type: schema.MustType("int", schema.Options{})}
	c.Fields, c.Key = []*schema.Field{id}, []*schema.Field{id}
	sc := &schema.Schema{Classes: []*schema.Class{s.customer, s.order, c}}
	sc.Seal()
	if err := s.Use(sc); err != nil {
		t.Fatal(err)
	}
	return &storage.Query{Class: c, Columns: []storage.Column{{Field: id}}, Limit: 2}
}

// TestSlowReadsGoAside: a read that takes long holds up others a few times, then it has a connection of its own.
func TestSlowReadsGoAside(t *testing.T) {
	s := openShop(t, Options{Readers: 1}, 100)
	slow := slowly(t, s)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			late := 0
			for i := range 60 {
				start := time.Now()
				if g == 0 && i%10 == 0 {
					if page, err := s.Read(t.Context(), slow); err != nil || len(page.Rows) != 2 {
						t.Error(err)
					}
					continue
				}
				if _, err := s.get(t.Context(), int64(i+1), nil); err != nil {
					t.Error(err)
				}
				if time.Since(start) > 40*time.Millisecond {
					late++
				}
				time.Sleep(5 * time.Millisecond)
			}
			if late > 3 {
				t.Errorf("%d gets waited for others", late)
			}
		})
	}
	wg.Wait()
}
