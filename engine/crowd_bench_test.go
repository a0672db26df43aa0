package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

// crowd is an application of 20 classes and about 200 policy lines, the size
// at which authorization by a linear scan costs more than the query.
func crowd() string {
	var b strings.Builder
	b.WriteString(`dowel: 1
app: {title: Crowd, style: plain}
roles: {r0: null, r1: null, r2: {includes: r1}, r3: {includes: r2}}
classes:
  customer:
    fields:
      name: string max=255
      email: email unique max=255
      phone: string max=40 optional
      company: string max=255 optional
      status: {enum: [active, trial, suspended, closed], default: active}
    indexes: [[status, created_at]]
    allow: {read: anyone, create: anyone, update: anyone}
  order:
    fields:
      customer: customer
      total: decimal scale=2
      status: {enum: [new, paid, shipped]}
    allow: {read: anyone, write: anyone}
`)
	for i := range 18 {
		fmt.Fprintf(&b, `
  thing%d:
    fields: {name: string max=100, note: text optional, rank: int default=0, owner: string optional}
    roles: {mine: owner = me}
    allow: {list: [r1, r2], get: [r1, r2, mine], create: [r1, r2], update: [r2, mine], delete: r3}
    deny: {delete: r0 where rank > 10}
`, i)
	}
	return b.String()
}

const crowdSize = 2000 // customers, five orders each

func benchEngine(b *testing.B) *Engine {
	b.Helper()
	files := fstest.MapFS{"dowel.yaml": {Data: []byte(crowd())}}
	s, found := load.FS(files, ".", load.Options{})
	if s == nil {
		b.Fatal(found)
	}
	rules, found := authz.New(s, files)
	if rules == nil {
		b.Fatal(found)
	}
	store, err := sqlite.Open(b.TempDir()+"/bench.db", s, sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	if _, err := store.Migrate(context.Background(), s, true); err != nil {
		b.Fatal(err)
	}
	e, err := Open(Config{Schema: s, Authorizer: rules, Store: store, Log: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		b.Fatal(err)
	}
	fill(b, e)
	return e
}

func fill(b *testing.B, e *Engine) {
	b.Helper()
	statuses := []string{"active", "trial", "suspended", "closed"}
	create := func(class string, rows []string) {
		_, err := e.Invoke(context.Background(), &authz.Subject{System: true}, &actions.Create{Class: class, Content: []byte("[" + strings.Join(rows, ",") + "]")})
		if err != nil {
			b.Fatal(err)
		}
	}
	var customers, orders []string
	for i := 1; i <= crowdSize; i++ {
		customers = append(customers, fmt.Sprintf(`{"name":"Customer %d","email":"c%d@example.test","phone":"+1-555-%07d","company":"Company %d","status":%q}`, i, i, i, i%50, statuses[i%4]))
		for range 5 {
			orders = append(orders, fmt.Sprintf(`{"customer_id":%d,"total":"%d.50","status":"paid"}`, i, i))
		}
		if i%200 == 0 {
			create("customer", customers)
			create("order", orders)
			customers, orders = nil, nil
		}
	}
}

// sink is a ResponseWriter that keeps nothing but the status.
type sink struct {
	header http.Header
	status int
	bytes  int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { s.bytes += len(b); return len(b), nil }

func serveBench(b *testing.B, want int, next func(i int) *http.Request) {
	e := benchEngine(b)
	h := e.Handler()
	w := &sink{header: http.Header{}}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		r := next(i)                    // its cost counts, too: it is small beside a query
		r.RemoteAddr = "127.0.0.1:5000" // rates do not count here
		clear(w.header)
		h.ServeHTTP(w, r)
		if w.status != want {
			b.Fatalf("status %d, want %d", w.status, want)
		}
	}
}

// get makes a request without the parsing that httptest does.
func get(target string) *http.Request {
	path, query, _ := strings.Cut(target, "?")
	return &http.Request{Method: "GET", URL: &url.URL{Path: path, RawQuery: query}, RequestURI: target, Header: http.Header{}, Host: "localhost"}
}

func BenchmarkSQLiteGet(b *testing.B) {
	serveBench(b, 200, func(i int) *http.Request {
		return get("/api/customers/" + strconv.Itoa(1+i%crowdSize))
	})
}

func BenchmarkSQLiteList(b *testing.B) {
	serveBench(b, 200, func(int) *http.Request {
		return get("/api/customers?status=active&orderBy=-created_at,-id&limit=20")
	})
}

func BenchmarkSQLiteEmbed(b *testing.B) {
	serveBench(b, 200, func(int) *http.Request {
		return get("/api/customers?status=active&orderBy=-created_at,-id&limit=20&with=orders")
	})
}

func BenchmarkSQLiteInsert(b *testing.B) {
	serveBench(b, 201, func(i int) *http.Request {
		body := fmt.Sprintf(`{"name":"New","email":"n%d@example.test","phone":"+1-555-%d","company":"Bench","status":"trial"}`, i, i)
		r := httptest.NewRequest("POST", "/api/customers", bytes.NewReader([]byte(body)))
		r.Header.Set("Content-Type", "application/json")
		return r
	})
}

func BenchmarkSQLitePatch(b *testing.B) {
	serveBench(b, 200, func(i int) *http.Request {
		r := httptest.NewRequest("PATCH", "/api/customers/"+strconv.Itoa(1+i%crowdSize), strings.NewReader(`{"phone":"+1-555-1","company":"Patched"}`))
		r.Header.Set("Content-Type", "application/merge-patch+json")
		return r
	})
}
