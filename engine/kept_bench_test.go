package engine_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/enginetest/onstores"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

// BenchmarkKeeping patches a record of a class that keeps nothing, events, or its history.
func BenchmarkKeeping(b *testing.B) {
	for _, store := range []struct {
		name string
		open onstores.Open
	}{{"sqlite", onstores.SQLite(b, sqlite.Options{})}, {"postgres", onstores.Postgres(b)}} {
		for _, keeps := range []string{"nothing", "events", "history"} {
			b.Run(store.name+"/"+keeps, func(b *testing.B) {
				key := map[string]string{"events": "events: true, ", "history": "history: true, "}[keeps]
				app := enginetest.Open(b, fstest.MapFS{"dowel.yaml": {Data: []byte("dowel: 1\nroles: {clerk: null}\nclasses:\n  order: {" + key +
					"fields: {number: string, state: string, note: string, total: decimal scale=2}, allow: {all: clerk}}\n")}}, enginetest.Options{Store: store.open})
				app.Make(b, "order", `{"number": "A", "state": "open", "note": "nothing in particular", "total": "12.50"}`)
				bearer := app.Bearer(b, "1", "clerk")
				w := &sink{header: http.Header{}}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					r := httptest.NewRequest("PATCH", "/api/orders/1", strings.NewReader(fmt.Sprintf(`{"number": "%d"}`, i)))
					r.RemoteAddr = "127.0.0.1:1"
					r.Header["Authorization"] = []string{bearer}
					r.Header["Content-Type"] = []string{"application/json"}
					clear(w.header)
					app.Handler().ServeHTTP(w, r)
					if w.status >= 300 {
						b.Fatal(w.status)
					}
				}
			})
		}
	}
}
