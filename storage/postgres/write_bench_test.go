package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

// benchRows is how many customers the benchmarks of writes begin with.
const benchRows = 20_000

// BenchmarkWrite compares final changes with autocommit statements of pgx, at 64 callers, on a
// disk that is waited for (durable) and on one that is not (fast).
//
//	go test -run '^$' -bench Write -cpu 2 ./storage/postgres/
func BenchmarkWrite(b *testing.B) {
	for _, fsync := range []bool{true, false} {
		name := map[bool]string{true: "durable", false: "fast"}[fsync]
		b.Run(name, func(b *testing.B) {
			cluster := pgtest.NewCluster(b, pgtest.Options{Fsync: fsync})
			s := &shop{Store: openMigrated(b, cluster.URL(), shopSchema(), Options{}), url: cluster.URL()}
			s.customer = s.models.Present().Schema.Classes[0]
			for _, f := range s.customer.Fields {
				s.columns = append(s.columns, storage.Column{Field: f})
			}
			h := newHand(b, cluster.URL())
			if _, err := h.pool.Exec(b.Context(), fmt.Sprintf(benchPatched, benchRows)); err != nil {
				b.Fatal(err)
			}
			random := func(one func(context.Context, int64) error) func(context.Context, int64) error {
				return func(ctx context.Context, _ int64) error { return one(ctx, 1+rand.Int64N(benchRows)) }
			}
			b.Run("insert/hand", func(b *testing.B) { crowd(b, h.insertOne) })
			b.Run("insert/store", func(b *testing.B) { crowd(b, s.insertOne) })
			b.Run("patch/hand", func(b *testing.B) { crowd(b, random(h.patchOne)) })
			b.Run("patch/store", func(b *testing.B) { crowd(b, random(s.patchOne)) })
		})
	}
}

const benchPatched = "insert into customers (id, _version, name, email, phone, company, status, created_at, updated_at)" +
	" select i, i, 'Customer ' || i, 'seed' || i || '@example.test', '', 'Co', 'active', now(), now() from generate_series(1, %d) as i;" +
	" select setval(pg_get_serial_sequence('customers', 'id'), 10000000)"

// crowd runs one from 64 goroutines.
func crowd(b *testing.B, one func(context.Context, int64) error) {
	ctx := context.Background()
	var wg sync.WaitGroup
	var begun atomic.Int64
	b.ResetTimer()
	for range 64 {
		wg.Go(func() {
			for begun.Add(1) <= int64(b.N) {
				if err := one(ctx, benchNumber.Add(1)); err != nil {
					b.Errorf("write: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
}
