package engine_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/enginetest/onstores"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

const keptBench = `
dowel: 1
app: {title: Bench}
classes:
  customer:
    cache: 5m
    fields: {name: string, email: email unique, company: string, status: {enum: [active, trial, closed], default: active}}
    computed: {orders_count: count orders, total: sum orders.total}
    allow: {read: anyone, write: anyone}
  order:
    fields: {customer: customer, total: decimal scale=2}
    allow: {read: anyone, write: anyone}
`

// BenchmarkKept asks for a page of 20 of 2,000 customers with sums over 4,000 orders: read each time, kept, and
// known to the client (304).
func BenchmarkKept(b *testing.B) {
	for _, store := range []struct {
		name string
		open onstores.Open
	}{{"sqlite", onstores.SQLite(b, sqlite.Options{})}, {"postgres", onstores.Postgres(b)}} {
		for _, kept := range []bool{false, true} {
			o := enginetest.Options{Settings: engine.Settings{Cache: -1}, Store: store.open}
			if kept {
				o.Settings.Cache = 0
			}
			app := enginetest.Open(b, fstest.MapFS{"dowel.yaml": {Data: []byte(keptBench)}}, o)
			fillKept(b, app)
			for _, bc := range []struct{ name, target string }{
				{"page", "/api/customers?limit=20"},
				{"sums", "/api/customers?status=active&orderBy=-total&limit=20"},
			} {
				tag := app.Do(b, "GET", bc.target, "").Header.Get("ETag")
				name := "read"
				if kept {
					name = "kept"
				}
				b.Run(store.name+"/"+bc.name+"/"+name, func(b *testing.B) { ask(b, app, bc.target, "") })
				if !kept {
					b.Run(store.name+"/"+bc.name+"/304", func(b *testing.B) { ask(b, app, bc.target, tag) })
				}
			}
		}
	}
}

func ask(b *testing.B, app *enginetest.App, target, tag string) {
	r := httptest.NewRequest("GET", target, nil)
	r.RemoteAddr = "127.0.0.1:1"
	if tag != "" {
		r.Header["If-None-Match"] = []string{tag}
	}
	w := &sink{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		app.Handler().ServeHTTP(w, r)
	}
	if w.status >= 400 {
		b.Fatal(w.status)
	}
}

func fillKept(b *testing.B, app *enginetest.App) {
	b.Helper()
	statuses := []string{"active", "trial", "closed"}
	for at := 0; at < 2000; at += 500 {
		var customers, orders []string
		for i := at + 1; i <= at+500; i++ {
			customers = append(customers, fmt.Sprintf(`{"name":"Customer %d","email":"c%d@example.test","company":"Company %d","status":%q}`, i, i, i%50, statuses[i%3]))
			for j := range 2 {
				orders = append(orders, fmt.Sprintf(`{"customer_id":%d,"total":"%d.50"}`, i, i+j))
			}
		}
		app.Make(b, "customer", "["+strings.Join(customers, ",")+"]")
		app.Make(b, "order", "["+strings.Join(orders, ",")+"]")
	}
}
