package postgres

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

// The benchmarks compare reads of the store with what a handler written by hand does with a
// pool of pgx, on the same database and rows: customers and their
// orders. Sub-benchmarks `hand` and `store` do the same work; quote ratios.
//
//	go test -run '^$' -bench Read -cpu 2 ./storage/postgres/

const benchCustomers = 100_000

var statuses = []string{"active", "trial", "suspended", "closed"}

// shopSchema is customers and orders, built by hand.
func shopSchema() *schema.Schema {
	typ := func(name string) schema.Type { return schema.MustType(name, schema.Options{}) }
	id := func() *schema.Field {
		return &schema.Field{Name: "id", JSON: "id", Column: "id", Type: typ("int"), Auto: schema.AutoID}
	}
	plain := func(name, t string) *schema.Field {
		return &schema.Field{Name: name, JSON: name, Column: name, Type: typ(t)}
	}
	customer := &schema.Class{Index: 0, Name: "customer", Collection: "customers", Table: "customers", Plural: "customers"}
	status := plain("status", "string")
	status.Type = schema.MustType("enum", schema.Options{Enum: statuses})
	customer.Fields = []*schema.Field{id(), plain("name", "string"), plain("email", "email"), plain("phone", "string"),
		plain("company", "string"), status, plain("created_at", "datetime"), plain("updated_at", "datetime")}
	customer.Key = customer.Fields[:1]
	customer.Uniques = []*schema.Index{{Name: "email", Fields: customer.Fields[2:3], Unique: true}}
	customer.Indexes = []*schema.Index{{Name: "status", Fields: []*schema.Field{status, customer.Fields[6]}}}
	order := &schema.Class{Index: 1, Name: "order", Collection: "orders", Table: "orders", Plural: "orders"}
	ref := plain("customer_id", "int")
	ref.Name = "customer"
	order.Fields = []*schema.Field{id(), ref, plain("total", "decimal"), plain("status", "string"), plain("created_at", "datetime")}
	order.Key = order.Fields[:1]
	there := &schema.Relation{Name: "customer", JSON: "customer", Kind: schema.ToOne, From: order, To: customer, Field: ref}
	back := &schema.Relation{Name: "orders", JSON: "orders", Kind: schema.ToMany, From: customer, To: order, Field: ref, Back: there}
	there.Back = back
	ref.Ref = &schema.Ref{To: customer, Rel: there, Inverse: back}
	customer.Relations = []*schema.Relation{back}
	order.Relations = []*schema.Relation{there}
	s := &schema.Schema{Classes: []*schema.Class{customer, order}}
	s.Seal()
	return s
}

const benchSeed = `
insert into customers(id,_version,name,email,phone,company,status,created_at,updated_at)
select i, i, 'Customer ' || i, 'customer' || i || '@example.test', '+1-555-' || lpad((i*7919 %% 10000000)::text, 7, '0'),
 'Company ' || (i*31 %% 5000) || ' & Söhne', (array['active','trial','suspended','closed'])[1 + (i*i + i/7) %% 4],
 timestamptz '2020-01-01 00:00:00+00' + make_interval(secs => ((i*104729) %% 100000) * 1500), timestamptz '2025-01-01 00:00:00+00'
from generate_series(1::bigint, %[1]d) i;
insert into orders(id,_version,customer_id,total,status,created_at)
select i, i, 1 + (i*48271 %% %[1]d), ((i*7907 %% 1000000)::numeric / 100)::numeric(12,2), (array['new','paid','shipped'])[1 + i %% 3],
 timestamptz '2021-01-01 00:00:00+00' + make_interval(secs => (i*211) %% 120000000)
from generate_series(1::bigint, %[2]d) i;
create index if not exists bench_status on customers(status, created_at desc, id desc);
create index if not exists bench_orders on orders(customer_id);
`

// shop is a store with so many customers and five orders of each, in a database of its own. That of the
// benchmarks can be kept, in DOWEL_BENCH_POSTGRES.
type shop struct {
	*Store
	url             string
	customer, order *schema.Class
	columns, items  []storage.Column
}

func openShop(b testing.TB, o Options, customers int) *shop {
	url := os.Getenv("DOWEL_BENCH_POSTGRES")
	if url == "" || customers != benchCustomers {
		url = pgtest.Database(b)
	}
	ctx := context.Background()
	sc := shopSchema()
	st, err := Open(ctx, url, sc, o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { st.Close() })
	if _, err := st.Migrate(ctx, sc, true); err != nil {
		b.Fatal(err)
	}
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(ctx)
	seeded := false
	if err := c.QueryRow(ctx, "select exists (select from customers)").Scan(&seeded); err != nil {
		b.Fatal(err)
	}
	if !seeded {
		if _, err := c.Exec(ctx, fmt.Sprintf(benchSeed, customers, 5*customers)); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Exec(ctx, "vacuum analyze"); err != nil {
			b.Fatal(err)
		}
	}
	s := &shop{Store: st, url: url, customer: sc.Classes[0], order: sc.Classes[1]}
	for _, f := range s.customer.Fields {
		s.columns = append(s.columns, storage.Column{Field: f})
	}
	for _, f := range s.order.Fields {
		s.items = append(s.items, storage.Column{Field: f})
	}
	return s
}

func appendValues(b []byte, r *storage.Row) []byte {
	for i := range r.Values {
		if r.Values[i].Kind() == schema.Text {
			b = append(b, r.Values[i].Text()...)
		} else {
			b = strconv.AppendInt(b, r.Values[i].Int(), 10)
		}
	}
	return strconv.AppendInt(b, r.Version, 10)
}

func (s *shop) get(ctx context.Context, id int64, b []byte) ([]byte, error) {
	page, err := s.Read(ctx, &storage.Query{Class: s.customer, Key: []schema.Value{schema.NewInt(id)}, Columns: s.columns, Limit: -1})
	if err != nil || len(page.Rows) != 1 {
		return b, fmt.Errorf("no row: %w", err)
	}
	return appendValues(b, &page.Rows[0]), nil
}

// before is a time that few callers share: with it, hardly two lists are the same.
func before(n int64) string {
	return time.Unix(1577836800+75_000_000+n*997%75_000_000, 0).UTC().Format("2006-01-02T15:04:05.000000Z")
}

func (s *shop) list(ctx context.Context, status, before string, limit int, embed, watch bool, b []byte) ([]byte, error) {
	field := s.customer.Fields[5]
	created := s.customer.Fields[6]
	q := storage.Query{Class: s.customer, Columns: s.columns, Limit: limit,
		Where: schema.Compare{Op: schema.Eq, Left: &schema.Path{Field: field, Type: field.Type}, Right: schema.Lit{Value: schema.NewText(status)}},
		Order: []storage.Order{
			{By: &schema.Path{Field: created, Type: created.Type}, Desc: true},
			{By: &schema.Path{Field: s.customer.Key[0], Type: s.customer.Key[0].Type}, Desc: true},
		}}
	if before != "" {
		q.Where = schema.And{q.Where, schema.Compare{Op: schema.Lt, Left: &schema.Path{Field: created, Type: created.Type}, Right: schema.Lit{Value: schema.NewText(before)}}}
	}
	if watch {
		q.Watch = []*schema.Class{s.customer}
	}
	if embed {
		id := s.order.Key[0]
		q.Expand = []storage.Expand{{Rel: s.customer.Relations[0], Query: storage.Query{Class: s.order, Columns: s.items, Limit: 10001,
			Order: []storage.Order{{By: &schema.Path{Field: id, Type: id.Type}}}}}}
	}
	page, err := s.Read(ctx, &q)
	if err != nil {
		return b, err
	}
	if len(page.Rows) != limit {
		return b, fmt.Errorf("%d rows", len(page.Rows))
	}
	for i := range page.Rows {
		b = appendValues(b, &page.Rows[i])
		if embed {
			for j := range page.Rows[i].Expanded[0] {
				b = appendValues(b, &page.Rows[i].Expanded[0][j])
			}
		}
	}
	return b, nil
}

// hand is the other side: statements prepared by pgx, rows scanned into structs.
type hand struct{ pool *pgxpool.Pool }

func newHand(b testing.TB, url string) *hand {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		b.Fatal(err)
	}
	c.MaxConns, c.MinConns = 16, 16
	p, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Close)
	return &hand{p}
}

type handCustomer struct {
	ID, Version                         int64
	Name, Email, Phone, Company, Status string
	CreatedAt, UpdatedAt                string
	Orders                              []handOrder
}

type handOrder struct {
	ID, Customer             int64
	Total, Status, CreatedAt string
}

const (
	handColumns = `id,name,email,phone,company,status,created_at,updated_at,_version`
	handTime    = "2006-01-02T15:04:05.999999Z07:00"
)

func (c *handCustomer) scan(r pgx.Row) error {
	var ca, ua time.Time
	err := r.Scan(&c.ID, &c.Name, &c.Email, &c.Phone, &c.Company, &c.Status, &ca, &ua, &c.Version)
	c.CreatedAt, c.UpdatedAt = ca.UTC().Format(handTime), ua.UTC().Format(handTime)
	return err
}

func (c *handCustomer) append(b []byte) []byte {
	b = strconv.AppendInt(b, c.ID, 10)
	for _, s := range []string{c.Name, c.Email, c.Phone, c.Company, c.Status, c.CreatedAt, c.UpdatedAt} {
		b = append(b, s...)
	}
	return strconv.AppendInt(b, c.Version, 10)
}

func (h *hand) get(ctx context.Context, id int64, b []byte) ([]byte, error) {
	var c handCustomer
	err := c.scan(h.pool.QueryRow(ctx, `select `+handColumns+` from customers where id=$1`, id))
	return c.append(b), err
}

func (h *hand) list(ctx context.Context, status, before string, limit int, embed bool, b []byte) ([]byte, error) {
	sql, args := `select `+handColumns+` from customers where status=$1 order by created_at desc, id desc limit $2`, []any{status, limit}
	if before != "" {
		at, err := time.Parse(time.RFC3339Nano, before)
		if err != nil {
			return b, err
		}
		sql, args = `select `+handColumns+` from customers where status=$1 and created_at < $3 order by created_at desc, id desc limit $2`, append(args, at)
	}
	rows, err := h.pool.Query(ctx, sql, args...)
	if err != nil {
		return b, err
	}
	list := make([]handCustomer, 0, limit)
	for rows.Next() {
		list = append(list, handCustomer{})
		if err := list[len(list)-1].scan(rows); err != nil {
			return b, err
		}
	}
	if err := rows.Err(); err != nil {
		return b, err
	}
	if embed {
		if err := h.orders(ctx, list); err != nil {
			return b, err
		}
	}
	for i := range list {
		b = list[i].append(b)
		for _, o := range list[i].Orders {
			b = append(append(append(strconv.AppendInt(strconv.AppendInt(b, o.ID, 10), o.Customer, 10), o.Total...), o.Status...), o.CreatedAt...)
		}
	}
	return b, nil
}

func (h *hand) orders(ctx context.Context, list []handCustomer) error {
	ids := make([]int64, len(list))
	by := make(map[int64]*handCustomer, len(list))
	for i := range list {
		ids[i], by[list[i].ID] = list[i].ID, &list[i]
	}
	rows, err := h.pool.Query(ctx, `select id,customer_id,total,status,created_at from orders where customer_id = any($1) order by customer_id, id`, ids)
	if err != nil {
		return err
	}
	for rows.Next() {
		var o handOrder
		var at time.Time
		if err := rows.Scan(&o.ID, &o.Customer, &o.Total, &o.Status, &at); err != nil {
			return err
		}
		o.CreatedAt = at.UTC().Format(handTime)
		c := by[o.Customer]
		c.Orders = append(c.Orders, o)
	}
	return rows.Err()
}

// processTime is the processor time this process has used, serverTime that of the sessions of a database
// on this machine. On a machine that does other work they say more than the time that goes by.
func processTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func serverTime(b *testing.B, url string) (sum time.Duration) {
	ctx := context.Background()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(ctx)
	rows, err := c.Query(ctx, "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
	if err != nil {
		b.Fatal(err)
	}
	for rows.Next() {
		var pid, ns int64
		if err := rows.Scan(&pid); err != nil {
			b.Fatal(err)
		}
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid)); err == nil {
			fmt.Sscan(string(text), &ns)
			sum += time.Duration(ns)
		}
	}
	return sum
}

// parallel runs do in 64 goroutines.
func parallel(b *testing.B, url string, do func(ctx context.Context, n int64, buf []byte) ([]byte, error)) {
	ctx, cancel := context.WithCancel(context.Background()) // as that of a request, it can end
	defer cancel()
	if _, err := do(ctx, 1, nil); err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	ours, theirs := processTime(b), serverTime(b, url)
	b.ResetTimer()
	defer func() {
		b.ReportMetric(float64((processTime(b)-ours).Microseconds())/float64(b.N), "go-µs/op")
		b.ReportMetric(float64((serverTime(b, url)-theirs).Microseconds())/float64(b.N), "pg-µs/op")
	}()
	b.RunParallel(func(pb *testing.PB) {
		buf := make([]byte, 0, 64<<10)
		for pb.Next() {
			var err error
			if buf, err = do(ctx, n.Add(1)*48271%benchCustomers+1, buf[:0]); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	s := openShop(b, Options{}, benchCustomers)
	h := newHand(b, s.url)
	status := func(n int64) string { return statuses[n%4] }
	b.Run("get/hand", func(b *testing.B) { parallel(b, s.url, h.get) })
	b.Run("get/store", func(b *testing.B) { parallel(b, s.url, s.get) })
	for _, test := range []struct {
		name                   string
		distinct, embed, watch bool
	}{{"list", false, false, false}, {"embed", false, true, false}, {"watch", false, false, true},
		{"distinct-list", true, false, false}, {"distinct-embed", true, true, false}} {
		from := func(n int64) string {
			if !test.distinct {
				return ""
			}
			return before(n)
		}
		b.Run(test.name+"/hand", func(b *testing.B) {
			parallel(b, s.url, func(ctx context.Context, n int64, buf []byte) ([]byte, error) {
				return h.list(ctx, status(n), from(n), 20, test.embed, buf)
			})
		})
		b.Run(test.name+"/store", func(b *testing.B) {
			parallel(b, s.url, func(ctx context.Context, n int64, buf []byte) ([]byte, error) {
				return s.list(ctx, status(n), from(n), 20, test.embed, test.watch, buf)
			})
		})
	}
}

// BenchmarkAlone is a single caller: how long one get takes.
func BenchmarkAlone(b *testing.B) {
	s := openShop(b, Options{}, benchCustomers)
	h := newHand(b, s.url)
	for _, test := range []struct {
		name string
		get  func(context.Context, int64, []byte) ([]byte, error)
	}{{"hand", h.get}, {"store", s.get}} {
		b.Run(test.name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			buf := make([]byte, 0, 1024)
			for i := range b.N {
				if _, err := test.get(ctx, int64(i)*48271%benchCustomers+1, buf[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
