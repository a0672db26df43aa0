package engine_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/enginetest/onstores"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

// BenchmarkCompound makes 100 records in one request: as a list, which is one action, and
// as a compound of 100.
func BenchmarkCompound(b *testing.B) {
	for name, open := range map[string]onstores.Open{"memory": nil, "sqlite": onstores.SQLite(b, sqlite.Options{})} {
		for _, bc := range []struct{ name, target, before, one, after string }{
			{"list of 100", "/api/customers", "[", `{"email": "$", "name": "Ann", "company": "Acme"}`, "]"},
			{"compound of 100", "/api;compound", `{"actions": [`, `{"method": "POST", "path": "/customers", "contentObject": {"email": "$", "name": "Ann", "company": "Acme"}}`, "]}"},
		} {
			b.Run(name+"/"+bc.name, func(b *testing.B) {
				app := enginetest.Open(b, os.DirFS("../examples/crm"), enginetest.Options{Store: open, Settings: engine.Settings{Style: "plain"}})
				bearer := app.Bearer(b, "1", "agent")
				w := &sink{header: http.Header{}}
				b.ReportAllocs()
				for b.Loop() {
					var content strings.Builder
					content.WriteString(bc.before)
					for i := range 100 {
						if i > 0 {
							content.WriteByte(',')
						}
						content.WriteString(strings.Replace(bc.one, "$", tagName()+"@example.test", 1))
					}
					content.WriteString(bc.after)
					r := httptest.NewRequest("POST", bc.target, strings.NewReader(content.String()))
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
