package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	store "github.com/dowel-dev/dowel/storage/sqlite"
)

// The benchmarks compare the store with the least a handler written by hand
// would do on the same driver, the same file and the same rows: customers and
// their orders. Sub-benchmarks `hand` and `store` do the same work; quote ratios.
//
//	go test -run '^$' -bench . -cpu 2 ./storage/sqlite/

const (
	benchCustomers = 100_000
	benchOrders    = 5 * benchCustomers
)

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

// benchFile makes the seeded file once a run and copies it for each benchmark.
var benchFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "dowel-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "seed.db")
	s := shopSchema()
	st, err := store.Open(path, s, store.Options{Sync: "OFF"})
	if err != nil {
		return nil, err
	}
	if _, err := st.Migrate(context.Background(), s, true); err != nil {
		return nil, err
	}
	if err := st.Close(); err != nil {
		return nil, err
	}
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	err = sqlitex.ExecuteScript(c, fmt.Sprintf(`
with recursive s(i) as (select 1 union all select i+1 from s where i < %d)
insert into customers(id,name,email,phone,company,status,created_at,updated_at)
select i, 'Customer '||i, 'customer'||i||'@example.test', '+1-555-'||printf('%%07d', i*7919 %% 10000000), 'Company '||(i*31 %% 5000)||' & Söhne',
 case (i*i + i/7) %% 4 when 0 then 'active' when 1 then 'trial' when 2 then 'suspended' else 'closed' end,
 strftime('%%Y-%%m-%%dT%%H:%%M:%%S.000000Z', 1577836800 + ((i*104729) %% 100000) * 1500, 'unixepoch'), '2025-01-01T00:00:00.000000Z' from s;
with recursive s(i) as (select 1 union all select i+1 from s where i < %d)
insert into orders(id,customer_id,total,status,created_at)
select i, 1 + (i*48271 %% %d), i*7907 %% 1000000, case i %% 3 when 0 then 'new' when 1 then 'paid' else 'shipped' end,
 strftime('%%Y-%%m-%%dT%%H:%%M:%%S.000000Z', 1609459200 + (i*211) %% 120000000, 'unixepoch') from s;
`, benchCustomers, benchOrders, benchCustomers), nil)
	if err != nil {
		return nil, err
	}
	if err := c.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func benchCopy(b *testing.B) string {
	data, err := benchFile()
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "app.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// hand is the handler's side: a pool of readers, one writer with group commit.
type hand struct {
	readers chan *sqlite.Conn
	queue   chan *handWrite
	group   int
}

type handWrite struct {
	do   func(*sqlite.Conn) error
	err  error
	done chan struct{}
}

func newHand(b *testing.B, readers, group int, sync string) *hand {
	path := benchCopy(b)
	h := &hand{readers: make(chan *sqlite.Conn, readers), queue: make(chan *handWrite, 256), group: group}
	open := func(pragmas ...string) *sqlite.Conn {
		c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenWAL)
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range append(pragmas, "busy_timeout=5000", "cache_size=-65536", "mmap_size=268435456", "temp_store=memory", "foreign_keys=on") {
			if err := sqlitex.ExecuteTransient(c, "pragma "+p, nil); err != nil {
				b.Fatal(err)
			}
		}
		b.Cleanup(func() { c.Close() })
		return c
	}
	for range readers {
		h.readers <- open("query_only=1")
	}
	w := open("synchronous=" + sync)
	go h.write(w)
	stop := h.queue
	b.Cleanup(func() { close(stop) })
	return h
}

func step(c *sqlite.Conn, q string) error {
	s := c.Prep(q)
	_, err := s.Step()
	if e := s.Reset(); err == nil {
		err = e
	}
	return err
}

func (h *hand) write(c *sqlite.Conn) {
	var batch []*handWrite
	for first := range h.queue {
		batch = append(batch[:0], first)
	more:
		for len(batch) < h.group {
			select {
			case w, ok := <-h.queue:
				if !ok {
					break more
				}
				batch = append(batch, w)
			default:
				break more
			}
		}
		err := step(c, "begin immediate")
		for _, w := range batch {
			if len(batch) > 1 {
				step(c, "savepoint w")
			}
			w.err = w.do(c)
			if len(batch) > 1 {
				if w.err != nil {
					step(c, "rollback to w")
				}
				step(c, "release w")
			}
		}
		if e := step(c, "commit"); err == nil {
			err = e
		}
		for _, w := range batch {
			if err != nil {
				w.err = err
			}
			close(w.done)
		}
	}
}

func (h *hand) run(do func(*sqlite.Conn) error) error {
	w := &handWrite{do: do, done: make(chan struct{})}
	h.queue <- w
	<-w.done
	return w.err
}

const handColumns = `id,name,email,phone,company,status,created_at,updated_at,_version`

func appendRow(b []byte, s *sqlite.Stmt) []byte {
	b = strconv.AppendInt(b, s.ColumnInt64(0), 10)
	for i := 1; i < 8; i++ {
		b = append(b, s.ColumnText(i)...)
	}
	return strconv.AppendInt(b, s.ColumnInt64(8), 10)
}

func (h *hand) get(id int64, b []byte) ([]byte, error) {
	c := <-h.readers
	defer func() { h.readers <- c }()
	st := c.Prep(`select ` + handColumns + ` from customers where id=?1`)
	defer st.Reset()
	st.BindInt64(1, id)
	if ok, err := st.Step(); err != nil || !ok {
		return b, fmt.Errorf("no row: %w", err)
	}
	return appendRow(b, st), nil
}

func (h *hand) list(status string, limit int64, embed, plus bool, b []byte) ([]byte, error) {
	c := <-h.readers
	defer func() { h.readers <- c }()
	list := `select ` + handColumns + ` from customers where status=?1 order by created_at desc, id desc limit ?2`
	orders := `select id,customer_id,total,status,created_at from orders where customer_id in (select id from customers where status=?1 order by created_at desc, id desc limit ?2) order by customer_id, id`
	if plus {
		list = `select ` + handColumns + ` from customers where status=+?1 order by created_at desc, id desc limit +?2`
		orders = `select id,customer_id,total,status,created_at from orders where customer_id in (select id from customers where status=+?1 order by created_at desc, id desc limit +?2) order by customer_id, id`
	}
	if embed {
		st := c.Prep(orders)
		defer st.Reset()
		st.BindText(1, status)
		st.BindInt64(2, limit)
		for {
			ok, err := st.Step()
			if err != nil {
				return b, err
			}
			if !ok {
				break
			}
			b = strconv.AppendInt(b, st.ColumnInt64(0), 10)
			b = strconv.AppendInt(b, st.ColumnInt64(1), 10)
			b = strconv.AppendInt(b, st.ColumnInt64(2), 10)
			b = append(b, st.ColumnText(3)...)
			b = append(b, st.ColumnText(4)...)
		}
	}
	st := c.Prep(list)
	defer st.Reset()
	st.BindText(1, status)
	st.BindInt64(2, limit)
	for {
		ok, err := st.Step()
		if err != nil || !ok {
			return b, err
		}
		b = appendRow(b, st)
	}
}

var benchSeq atomic.Int64

func (h *hand) insert(n int64, b []byte) ([]byte, error) {
	err := h.run(func(c *sqlite.Conn) error {
		st := c.Prep(`insert into customers(name,email,phone,company,status,created_at,updated_at) values(?1,?2,?3,?4,?5,?6,?6) returning ` + handColumns)
		defer st.Reset()
		st.BindText(1, "Somebody New")
		st.BindText(2, "new"+strconv.FormatInt(n, 10)+"@example.test")
		st.BindText(3, "+1-555-0000000")
		st.BindText(4, "Company & Söhne")
		st.BindText(5, "active")
		st.BindText(6, "2026-01-01T00:00:00.000000Z")
		if _, err := st.Step(); err != nil {
			return err
		}
		b = appendRow(b, st)
		_, err := st.Step()
		return err
	})
	return b, err
}

func (h *hand) patch(id int64, b []byte) ([]byte, error) {
	err := h.run(func(c *sqlite.Conn) error {
		st := c.Prep(`update customers set phone=coalesce(?3,phone), company=coalesce(?4,company), updated_at=?5, _version=_version+1 where id=?1 and (?2=0 or _version=?2) returning ` + handColumns)
		defer st.Reset()
		st.BindInt64(1, id)
		st.BindInt64(2, 0)
		st.BindText(3, "+1-555-1111111")
		st.BindText(4, "Company & Töchter")
		st.BindText(5, "2026-01-01T00:00:00.000000Z")
		if _, err := st.Step(); err != nil {
			return err
		}
		b = appendRow(b, st)
		_, err := st.Step()
		return err
	})
	return b, err
}

// stored is the store's side.
type stored struct {
	*store.Store
	customer, order *schema.Class
	columns, items  []storage.Column
}

func newStored(b *testing.B, o store.Options) *stored {
	s := shopSchema()
	st, err := store.Open(benchCopy(b), s, o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { st.Close() })
	out := &stored{Store: st, customer: s.Classes[0], order: s.Classes[1]}
	for _, f := range out.customer.Fields {
		out.columns = append(out.columns, storage.Column{Field: f})
	}
	for _, f := range out.order.Fields {
		out.items = append(out.items, storage.Column{Field: f})
	}
	return out
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

func (s *stored) get(ctx context.Context, id int64, b []byte) ([]byte, error) {
	page, err := s.Read(ctx, &storage.Query{Class: s.customer, Key: []schema.Value{schema.NewInt(id)}, Columns: s.columns, Limit: -1})
	if err != nil || len(page.Rows) != 1 {
		return b, fmt.Errorf("no row: %w", err)
	}
	return appendValues(b, &page.Rows[0]), nil
}

func (s *stored) list(ctx context.Context, status string, limit int, embed, watch bool, b []byte) ([]byte, error) {
	field := s.customer.Fields[5]
	created := s.customer.Fields[6]
	q := storage.Query{Class: s.customer, Columns: s.columns, Limit: limit,
		Where: schema.Compare{Op: schema.Eq, Left: &schema.Path{Field: field, Type: field.Type}, Right: schema.Lit{Value: schema.NewText(status)}},
		Order: []storage.Order{
			{By: &schema.Path{Field: created, Type: created.Type}, Desc: true},
			{By: &schema.Path{Field: s.customer.Key[0], Type: s.customer.Key[0].Type}, Desc: true},
		}}
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

func (s *stored) insert(ctx context.Context, n int64, b []byte) ([]byte, error) {
	f := s.customer.Fields
	now := schema.NewText("2026-01-01T00:00:00.000000Z")
	c := storage.Change{Op: storage.Insert, Class: s.customer, Return: &storage.Query{Columns: s.columns}, Set: []storage.Assign{
		{Field: f[1], Value: schema.NewText("Somebody New")},
		{Field: f[2], Value: schema.NewText("new" + strconv.FormatInt(n, 10) + "@example.test")},
		{Field: f[3], Value: schema.NewText("+1-555-0000000")},
		{Field: f[4], Value: schema.NewText("Company & Söhne")},
		{Field: f[5], Value: schema.NewText("active")},
		{Field: f[6], Value: now}, {Field: f[7], Value: now},
	}}
	return s.write(ctx, &c, b)
}

func (s *stored) patch(ctx context.Context, id int64, b []byte) ([]byte, error) {
	f := s.customer.Fields
	c := storage.Change{Op: storage.Update, Class: s.customer, Key: []schema.Value{schema.NewInt(id)}, Return: &storage.Query{Columns: s.columns}, Set: []storage.Assign{
		{Field: f[3], Value: schema.NewText("+1-555-1111111")},
		{Field: f[4], Value: schema.NewText("Company & Töchter")},
		{Field: f[7], Value: schema.NewText("2026-01-01T00:00:00.000000Z")},
	}}
	return s.write(ctx, &c, b)
}

func (s *stored) write(ctx context.Context, c *storage.Change, b []byte) ([]byte, error) {
	var row *storage.Row
	err := s.Write(ctx, func(tx storage.Tx) (err error) {
		row, err = tx.Apply(ctx, c)
		return err
	})
	if err != nil {
		return b, err
	}
	return appendValues(b, row), nil
}

// both runs the two sides with the same number of callers.
func both(b *testing.B, callers int, byHand, byStore func(b *testing.B) func(ctx context.Context, n int64, buf []byte) ([]byte, error)) {
	for _, side := range []struct {
		name  string
		setup func(b *testing.B) func(ctx context.Context, n int64, buf []byte) ([]byte, error)
	}{{"hand", byHand}, {"store", byStore}} {
		b.Run(side.name, func(b *testing.B) {
			fn := side.setup(b)
			var n atomic.Int64
			b.SetParallelism(callers)
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime(b)
			b.RunParallel(func(pb *testing.PB) {
				buf := make([]byte, 0, 64<<10)
				ctx, cancel := context.WithCancel(b.Context()) // a caller's own, as requests have
				defer cancel()
				for pb.Next() {
					if _, err := fn(ctx, n.Add(1), buf[:0]); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpuTime is the processor time of this process in nanoseconds: what neighbours on the machine move least.
func cpuTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// some spreads numbers over the customers.
func some(n int64) int64 { return 1 + n*48271%benchCustomers }

func BenchmarkGet(b *testing.B) {
	both(b, 32, func(b *testing.B) func(context.Context, int64, []byte) ([]byte, error) {
		h := newHand(b, 4, 1, "NORMAL")
		return func(ctx context.Context, n int64, buf []byte) ([]byte, error) { return h.get(some(n), buf) }
	}, func(b *testing.B) func(context.Context, int64, []byte) ([]byte, error) {
		kib, _ := strconv.Atoi(os.Getenv("KIB"))
		s := newStored(b, store.Options{CacheKiB: kib})
		return func(ctx context.Context, n int64, buf []byte) ([]byte, error) { return s.get(ctx, some(n), buf) }
	})
}

func benchList(b *testing.B, embed, plus, watch bool) {
	both(b, 32, func(b *testing.B) func(context.Context, int64, []byte) ([]byte, error) {
		h := newHand(b, 4, 1, "NORMAL")
		return func(ctx context.Context, n int64, buf []byte) ([]byte, error) {
			return h.list(statuses[n%4], 20, embed, plus, buf)
		}
	}, func(b *testing.B) func(context.Context, int64, []byte) ([]byte, error) {
		kib, _ := strconv.Atoi(os.Getenv("KIB"))
		s := newStored(b, store.Options{CacheKiB: kib})
		return func(ctx context.Context, n int64, buf []byte) ([]byte, error) {
			return s.list(ctx, statuses[n%4], 20, embed, watch, buf)
		}
	})
}

func BenchmarkList(b *testing.B)      { benchList(b, false, false, true) }
func BenchmarkListPlus(b *testing.B)  { benchList(b, false, true, false) }
func BenchmarkEmbed(b *testing.B)     { benchList(b, true, false, true) }
func BenchmarkEmbedPlus(b *testing.B) { benchList(b, true, true, false) }

// The hand-written writer syncs as the limits do (NORMAL, no groups); the store
// syncs every commit and shares it.
func BenchmarkInsert(b *testing.B) {
	both(b, 32, func(b *testing.B) func(context.Context, int64, []byte) ([]byte, error) {
		h := newHand(b, 1, 1, "NORMAL")
		return func(ctx context.Context, n int64, buf []byte) ([]byte, error) { return h.insert(benchSeq.Add(1), buf) }
	}, func(b *testing.B) func(context.Context, int64, []byte) ([]byte, error) {
		s := newStored(b, store.Options{})
		return func(ctx context.Context, n int64, buf []byte) ([]byte, error) {
			return s.insert(ctx, benchSeq.Add(1), buf)
		}
	})
}

func BenchmarkPatch(b *testing.B) {
	both(b, 32, func(b *testing.B) func(context.Context, int64, []byte) ([]byte, error) {
		h := newHand(b, 1, 1, "NORMAL")
		return func(ctx context.Context, n int64, buf []byte) ([]byte, error) { return h.patch(some(n), buf) }
	}, func(b *testing.B) func(context.Context, int64, []byte) ([]byte, error) {
		s := newStored(b, store.Options{})
		return func(ctx context.Context, n int64, buf []byte) ([]byte, error) { return s.patch(ctx, some(n), buf) }
	})
}

// Groups and syncs alike.
func BenchmarkInsertGroup(b *testing.B) {
	both(b, 32, func(b *testing.B) func(context.Context, int64, []byte) ([]byte, error) {
		h := newHand(b, 1, 64, "FULL")
		return func(ctx context.Context, n int64, buf []byte) ([]byte, error) { return h.insert(benchSeq.Add(1), buf) }
	}, func(b *testing.B) func(context.Context, int64, []byte) ([]byte, error) {
		s := newStored(b, store.Options{})
		return func(ctx context.Context, n int64, buf []byte) ([]byte, error) {
			return s.insert(ctx, benchSeq.Add(1), buf)
		}
	})
}
