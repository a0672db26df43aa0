package engine_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/enginetest/onstores"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

// The benchmarks serve the CRM without a network: what is left to net/http is
// not in them, what the stores take is. memory is about the engine's own work.

func BenchmarkServe(b *testing.B) {
	for name, open := range map[string]onstores.Open{"memory": nil, "sqlite": onstores.SQLite(b, sqlite.Options{})} {
		app := enginetest.Open(b, os.DirFS("../examples/crm"), enginetest.Options{Store: open, Settings: engine.Settings{Style: "plain"}})
		app.Make(b, "user", `{"email": "root@example.test", "password": "correct horse", "name": "Root", "role": "admin"}`)
		for range 20 {
			app.Make(b, "tag", `{"name": "`+tagName()+`"}`)
		}
		app.Make(b, "customer", `{"name": "Ann", "email": "ann@example.test", "company": "Acme", "tags": ["vip"]}`)
		app.Make(b, "order", `{"number": "N-1", "customer_id": 1, "total": "12.50"}`)
		bearer := app.Bearer(b, "1", "agent")
		tag := app.Do(b, "GET", "/api/customers/1", "", "Authorization: "+bearer).Header.Get("ETag")
		for _, bc := range []struct{ name, target, tag string }{
			{"get", "/api/customers/1", ""},
			{"get order", "/api/orders/1", ""},
			{"not modified", "/api/customers/1", tag},
			{"list 20", "/api/tags?limit=20", ""},
		} {
			b.Run(name+"/"+bc.name, func(b *testing.B) {
				r := httptest.NewRequest("GET", bc.target, nil)
				r.RemoteAddr = "127.0.0.1:1"
				r.Header["Authorization"] = []string{bearer}
				if bc.tag != "" {
					r.Header["If-None-Match"] = []string{bc.tag}
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
			})
		}
	}
}

var tags int

// tagName returns another name each time.
func tagName() string {
	tags++
	return "tag-" + strconv.Itoa(tags)
}

// sink takes answers and forgets them.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
