package contract_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/openapi/contract"
	"github.com/dowel-dev/dowel/schema"
)

// TestDriftIsFound plants what a document does not know, and looks whether calls find it.
func TestDriftIsFound(t *testing.T) {
	tests := []struct {
		name, method, says string
		plant              func(w *httptest.ResponseRecorder)
	}{
		{"nothing", "", "", func(*httptest.ResponseRecorder) {}},
		{"a status", "GET", "the status is not documented", func(w *httptest.ResponseRecorder) { w.Code = http.StatusTeapot }},
		{"a header field", "PATCH", "the header field X-Debug is not documented", func(w *httptest.ResponseRecorder) { w.Header().Set("X-Debug", "1") }},
		{"a member", "GET", "additional properties 'secret' not allowed", func(w *httptest.ResponseRecorder) {
			text := strings.Replace(w.Body.String(), "{", `{"secret": 1, `, 1)
			w.Body.Reset()
			w.Body.WriteString(text)
		}},
		{"a media type", "GET", "content of type text/html is not documented", func(w *httptest.ResponseRecorder) { w.Header().Set("Content-Type", "text/html") }},
		{"a success", "DELETE", "succeeded, although", func(w *httptest.ResponseRecorder) { w.Code = http.StatusNoContent; w.Body.Reset() }},
		{"a failure", "GET", "the server failed", func(w *httptest.ResponseRecorder) { w.Code = http.StatusInternalServerError }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			app := enginetest.Open(t, os.DirFS("../../../examples/minimal"), enginetest.Options{})
			d, err := contract.Read([]byte(app.Do(t, "GET", "/openapi.json", "").Body), app.Schema())
			if err != nil {
				t.Fatal(err)
			}
			report, err := d.Run(contract.Subject{
				Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					inner := httptest.NewRecorder()
					app.Handler().ServeHTTP(inner, r)
					if r.Method == tt.method {
						tt.plant(inner)
					}
					for name, values := range inner.Header() {
						w.Header()[name] = values
					}
					w.WriteHeader(inner.Code)
					_, _ = w.Write(inner.Body.Bytes())
				}),
				IDs:   func(*schema.Class) []string { return []string{"1"} },
				Token: func(roles []string) (string, error) { return app.Bearer(t, "1", roles...), nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, f := range report.Findings {
				found = found || strings.HasPrefix(f.Call, tt.method+" ") && strings.Contains(f.Says, tt.says)
			}
			if found != (tt.says != "") {
				t.Errorf("%+v", report.Findings)
			}
		})
	}
}
