package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

var errClosedCustomer = errors.New("closed customers stay as they are")

// insertOne adds a customer as the only change of a transaction.
func (s *shop) insertOne(ctx context.Context, n int64) error {
	i := strconv.FormatInt(n, 10)
	f := s.customer.Fields
	now := schema.NewText("2026-01-02T03:04:05.678901Z")
	c := &storage.Change{Op: storage.Insert, Class: s.customer, Final: true, Return: &storage.Query{Class: s.customer, Columns: s.columns},
		Set: []storage.Assign{
			{Field: f[1], Value: schema.NewText("Customer " + i)}, {Field: f[2], Value: schema.NewText("c" + i + "@example.test")},
			{Field: f[3], Value: schema.NewText("+1-555-" + i)}, {Field: f[4], Value: schema.NewText("Company & Söhne")},
			{Field: f[5], Value: schema.NewText("active")}, {Field: f[6], Value: now}, {Field: f[7], Value: now},
		}}
	return s.Write(ctx, func(tx storage.Tx) error {
		_, err := tx.Apply(ctx, c)
		return err
	})
}

// patchOne changes a customer unless it is closed.
func (s *shop) patchOne(ctx context.Context, id int64) error {
	f := s.customer.Fields
	status := &schema.Path{Field: f[5], Type: f[5].Type}
	c := &storage.Change{Op: storage.Update, Class: s.customer, Key: []schema.Value{schema.NewInt(id)}, Final: true,
		Return: &storage.Query{Class: s.customer, Columns: s.columns},
		Before: []storage.Guard{{Where: schema.Compare{Op: schema.Ne, Left: status, Right: schema.Lit{Value: schema.NewText("gone")}}, Err: errClosedCustomer}},
		Set: []storage.Assign{
			{Field: f[3], Value: schema.NewText("+1-555-" + strconv.FormatInt(rand.Int64N(1e7), 10))},
			{Field: f[7], Value: schema.NewText("2026-01-02T03:04:05.678901Z")},
		}}
	return s.Write(ctx, func(tx storage.Tx) error {
		_, err := tx.Apply(ctx, c)
		return err
	})
}

func (h *hand) insertOne(ctx context.Context, n int64) error {
	i := strconv.FormatInt(n, 10)
	now := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	var c handCustomer
	return c.scan(h.pool.QueryRow(ctx, "insert into customers (name, email, phone, company, status, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7) returning "+handColumns,
		"Customer "+i, "h"+i+"@example.test", "+1-555-"+i, "Company & Söhne", "active", now, now))
}

func (h *hand) patchOne(ctx context.Context, id int64) error {
	var c handCustomer
	return c.scan(h.pool.QueryRow(ctx, "update customers set phone = $1, updated_at = $2, _version = nextval('_dowel_version') where id = $3 and status <> $4 returning "+handColumns,
		"+1-555-"+strconv.FormatInt(rand.Int64N(1e7), 10), time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC), id, "gone"))
}

var benchNumber atomic.Int64

// benchRows is how many customers the duels of writes begin with.
const benchRows = 20_000

// TestWriteRatios compares the rate of final changes with that of plain autocommit statements of
// pgx, in turns, at 64 callers. It asserts nothing: it is run by name, on a machine that is idle.
//
//	DOWEL_BENCH_WRITES=1s go test -run WriteRatios -v ./storage/postgres/
func TestWriteRatios(t *testing.T) {
	each, err := time.ParseDuration(os.Getenv("DOWEL_BENCH_WRITES"))
	if err != nil {
		t.Skip("only by name: DOWEL_BENCH_WRITES is how long each turn takes")
	}
	for _, fsync := range []bool{true, false} {
		cluster := pgtest.NewCluster(t, pgtest.Options{Fsync: fsync})
		s := &shop{Store: openMigrated(t, cluster.URL(), shopSchema(), Options{}), url: cluster.URL()}
		s.customer = s.models.Present().Schema.Classes[0]
		for _, f := range s.customer.Fields {
			s.columns = append(s.columns, storage.Column{Field: f})
		}
		h := newHand(t, cluster.URL())
		if _, err := h.pool.Exec(t.Context(), fmt.Sprintf("insert into customers(id,_version,name,email,phone,company,status,created_at,updated_at) select i, i, 'Customer ' || i, 'seed' || i || '@x', '', 'Co', 'active', now(), now() from generate_series(1, %d) as i; select setval(pg_get_serial_sequence('customers', 'id'), 10000000)", benchRows)); err != nil {
			t.Fatal(err)
		}
		if _, err := h.pool.Exec(t.Context(), "vacuum analyze customers"); err != nil {
			t.Fatal(err)
		}
		random := func(one func(context.Context, int64) error) func(context.Context, int64) error {
			return func(ctx context.Context, _ int64) error { return one(ctx, 1+rand.Int64N(benchRows)) }
		}
		for _, c := range []struct {
			name        string
			hand, store func(context.Context, int64) error
		}{{"insert", h.insertOne, s.insertOne}, {"patch", random(h.patchOne), random(s.patchOne)}} {
			var hand, store float64
			for range 5 {
				hand += rate(t, each, c.hand)
				store += rate(t, each, c.store)
			}
			t.Logf("%s, fsync %v: pgx %.0f/s, store %.0f/s, ratio %.2f", c.name, fsync, hand/5, store/5, store/hand)
		}
	}
}

// rate runs one from 64 goroutines for a while.
func rate(t *testing.T, each time.Duration, one func(context.Context, int64) error) float64 {
	t.Helper()
	ctx := context.Background()
	var done atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range 64 {
		wg.Go(func() {
			for time.Since(start) < each {
				if err := one(ctx, benchNumber.Add(1)); err != nil {
					t.Errorf("write: %v", err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(start).Seconds()
}
