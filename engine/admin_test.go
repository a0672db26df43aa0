package engine_test

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/metrics"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

func task(more string) fstest.MapFS {
	return fstest.MapFS{"dowel.yaml": {Data: []byte(`dowel: 1
roles: {admin: Everything.}
classes:
  task:
    fields:
      title: string
      state: {enum: [open, closed], default: open}
      due: date optional index
    actions:
      close: {when: state = 'open', set: {state: closed}}
    allow: {all: admin}
` + more)}}
}

// scrape reads /metrics as a collector does.
func scrape(t *testing.T, e *engine.Engine) map[string]*dto.MetricFamily {
	t.Helper()
	w := httptest.NewRecorder()
	e.Admin(false).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("/metrics answered %d %v", w.Code, w.Header())
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// totals are the values of a family by some of its labels.
func totals(f *dto.MetricFamily, by ...string) map[string]float64 {
	out := map[string]float64{}
	for _, m := range f.GetMetric() {
		values := make([]string, len(by))
		for _, pair := range m.Label {
			for i, name := range by {
				if pair.GetName() == name {
					values[i] = pair.GetValue()
				}
			}
		}
		v := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		if v != 0 {
			out[strings.Join(values, " ")] += v
		}
	}
	return out
}

func TestMetricsTellWhatHappened(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open func(s *schema.Schema) (storage.Store, error)) {
		app := enginetest.Open(t, task(""), enginetest.Options{Store: open, Metrics: metrics.New("1.2.3")})
		admin := "Authorization: " + app.Bearer(t, "1", "admin")
		app.Do(t, "POST", "/api/tasks", `{"title": "a"}`, admin)
		app.Do(t, "POST", "/api/tasks/1/close", "", admin)
		app.Do(t, "POST", "/api/tasks/1/close", "", admin)
		app.Do(t, "GET", "/api/tasks/1", "", admin)
		app.Do(t, "GET", "/api/tasks/1", "", admin)
		app.Do(t, "GET", "/api/tasks/2", "", admin)
		app.Do(t, "GET", "/api/tasks", "")
		app.Do(t, "GET", "/api/tasks?colour=red", "", admin)
		app.Do(t, "GET", "/api/nothing", "", admin)
		app.Do(t, "GET", "/readyz", "")
		app.Do(t, "GET", "/docs", "")
		app.Do(t, "GET", "/elsewhere", "")
		app.Do(t, "BREW", "/api/tasks", "", admin)

		f := scrape(t, app.Engine)
		want := map[string]float64{
			"task create POST 2xx": 1, "task close POST 2xx": 1, "task close POST 4xx": 1,
			"task get GET 2xx": 2, "task get GET 4xx": 1,
			"task search GET 4xx": 2, " none GET 4xx": 2, " probe GET 2xx": 1, " document GET 2xx": 1,
			" none other 5xx": 1,
		}
		if d := cmp.Diff(want, totals(f["dowel_requests_total"], "class", "action", "method", "status")); d != "" {
			t.Errorf("requests (-want +got):\n%s", d)
		}
		if d := cmp.Diff(map[string]float64{"task create": 1, "task close": 2, "task get": 3, "task search": 2, " none": 3, " probe": 1, " document": 1},
			totals(f["dowel_request_duration_seconds"], "class", "action")); d != "" {
			t.Errorf("durations (-want +got):\n%s", d)
		}
		if d := cmp.Diff(map[string]float64{"action-invalid": 1, "authentication-required": 1, "method-unknown": 1, "not-found": 3, "state-conflict": 1},
			totals(f["dowel_requests_refused_total"], "code")); d != "" {
			t.Errorf("refusals (-want +got):\n%s", d)
		}
		calls := totals(f["dowel_store_calls_total"], "class", "op", "outcome")
		for _, series := range []string{"task insert ok", "task update ok", "task read ok", " write ok"} {
			if calls[series] == 0 {
				t.Errorf("no store call %q among %v", series, calls)
			}
		}
		for name, labels := range map[string]string{
			"dowel_build_info": "version", "dowel_schema_info": "revision", "dowel_store_up": "part", "go_goroutines": "", "process_open_fds": "",
		} {
			if got := totals(f[name], labels); len(got) == 0 {
				t.Errorf("%s is missing", name)
			}
		}
		if got := totals(f["dowel_build_info"], "version"); got["1.2.3"] != 1 {
			t.Errorf("build info is %v", got)
		}
		if strings.HasSuffix(t.Name(), "/sqlite") && len(totals(f["dowel_store_connections"], "pool")) == 0 {
			t.Error("no pool is told")
		}
	})
}

// TestReadmeQueriesWhatThereIs holds the panels of the README: a query for what nobody counts shows nothing.
func TestReadmeQueriesWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "```promql\n")
	queries, _, closed := strings.Cut(rest, "```")
	names := regexp.MustCompile(`dowel_[a-z_]+`).FindAllString(queries, -1)
	if !ok || !closed || len(names) < 10 {
		t.Fatalf("queries of %v", names)
	}
	declared, err := filepath.Glob("metrics/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var sources strings.Builder
	for _, file := range declared {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources.Write(source)
	}
	for _, name := range names {
		if !strings.Contains(sources.String(), `"`+strings.TrimSuffix(name, "_bucket")+`"`) {
			t.Errorf("the README asks for %s, which there is not", name)
		}
	}
}

// What clients make up never becomes a series.
func TestMetricsAreBounded(t *testing.T) {
	app := enginetest.Open(t, task(""), enginetest.Options{Metrics: metrics.New("")})
	count := func() int { return len(scrape(t, app.Engine)["dowel_requests_total"].GetMetric()) }
	app.Do(t, "GET", "/api/things", "")
	app.Do(t, "PURGE", "/api/tasks", "")
	before := count()
	for _, path := range []string{"/api/a", "/api/b", "/api/tasks0/1/x", "/c", "/d/e", "/api/tasks/1/zap"} {
		app.Do(t, "GET", path, "")
		app.Do(t, "M"+strings.ToUpper(path[1:2]), path, "")
	}
	if after := count(); after != before {
		t.Errorf("%d series became %d", before, after)
	}
}

func TestAdminPlaces(t *testing.T) {
	app := enginetest.Open(t, task(""), enginetest.Options{Metrics: metrics.New("")})
	for _, tc := range []struct {
		name, method, path string
		profiles           bool
		status             int
		body               string
	}{
		{"alive", "GET", "/livez", false, 200, `{"status":"ok"}`},
		{"ready", "GET", "/readyz", false, 200, `{"status":"ok"}`},
		{"ready in detail", "GET", "/readyz?verbose", false, 200, `{"status":"ok","checks":[{"name":"database","status":"ok"}]}`},
		{"written to", "POST", "/livez", false, 405, ""},
		{"profiles are off", "GET", "/debug/pprof/", false, 404, ""},
		{"profiles", "GET", "/debug/pprof/cmdline", true, 200, ""},
		{"metrics are only read", "DELETE", "/metrics", false, 405, ""},
		{"no API", "GET", "/api/tasks", true, 404, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			app.Admin(tc.profiles).ServeHTTP(w, httptest.NewRequest(tc.method, tc.path, nil))
			if w.Code != tc.status || tc.body != "" && w.Body.String() != tc.body {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	if res := app.Do(t, "GET", "/metrics", ""); res.Status != 404 {
		t.Errorf("the public address answers %d to /metrics", res.Status)
	}
}

func TestSlowQueriesAreTold(t *testing.T) {
	for _, tc := range []struct{ name, query, hint string }{
		{"a filter without an index", "?state=open&title=like:x*", "no index on task.state, which filters"},
		{"an order without an index", "?orderBy=title", "no index on task.title, which orders"},
		{"a filter with an index", "?due=2026-01-01&state=open", ""},
		{"alternatives", "?where=state+%3D+'open'+or+title+%3D+'x'", ""},
		{"by the key", "/1", ""},
		{"in the order of the key", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onEveryStore(t, func(t *testing.T, open func(s *schema.Schema) (storage.Store, error)) {
				var log bytes.Buffer
				app := enginetest.Open(t, task(""), enginetest.Options{Store: open, Log: &log, Settings: engine.Settings{Log: engine.Log{Slow: time.Nanosecond}}})
				app.Make(t, "task", `{"title": "a"}`)
				log.Reset()
				app.Do(t, "GET", "/api/tasks"+tc.query, "", "Authorization: "+app.Bearer(t, "1", "admin"), "X-Request-Id: r7",
					"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
				line, _, _ := strings.Cut(log.String(), "\n")
				for _, part := range []string{`msg="slow query"`, "op=read", "class=task", "request_id=r7", "trace_id=4bf92f3577b34da6a3ce929d0e0e4736"} {
					if !strings.Contains(line, part) {
						t.Errorf("%s lacks %s", line, part)
					}
				}
				if strings.HasSuffix(t.Name(), "/sqlite") && (!strings.Contains(line, "sql=") || strings.Contains(line, "'open'")) {
					t.Errorf("%s has no statement, or its values", line)
				}
				if got := strings.Contains(line, "hint="); got != (tc.hint != "") || !strings.Contains(line, tc.hint) {
					t.Errorf("%s should hint %q", line, tc.hint)
				}
			})
		})
	}
	t.Run("switched off", func(t *testing.T) {
		var log bytes.Buffer
		app := enginetest.Open(t, task(""), enginetest.Options{Log: &log, Settings: engine.Settings{Log: engine.Log{Slow: -1}}})
		app.Make(t, "task", `{"title": "a"}`)
		if strings.Contains(log.String(), "slow") {
			t.Error(log.String())
		}
	})
}

func TestServerTiming(t *testing.T) {
	dev := enginetest.Open(t, task(""), enginetest.Options{Settings: engine.Settings{Dev: true}})
	serves := enginetest.Open(t, task(""), enginetest.Options{})
	for _, app := range []*enginetest.App{dev, serves} {
		app.Make(t, "task", `{"title": "a"}`)
	}
	for _, path := range []string{"/api/tasks", "/api/tasks/1", "/api/tasks/2", "/"} {
		res := dev.Do(t, "GET", path, "", "Authorization: "+dev.Bearer(t, "1", "admin"))
		got := res.Header.Get("Server-Timing")
		var names []string
		for part := range strings.SplitSeq(got, ", ") {
			name, dur, _ := strings.Cut(part, ";dur=")
			if dur == "" || strings.HasPrefix(dur, "-") {
				t.Errorf("%s: %q has no duration", path, part)
			}
			names = append(names, name)
		}
		if d := cmp.Diff([]string{"parse", "authorize", "store", "encode", "total"}, names); d != "" {
			t.Errorf("%s: %s", path, d)
		}
		if path == "/api/tasks" && strings.Contains(got, "store;dur=0,") {
			t.Errorf("%s: the store took no time: %s", path, got)
		}
		if res := serves.Do(t, "GET", path, ""); res.Header.Get("Server-Timing") != "" {
			t.Errorf("%s: production tells %q", path, res.Header.Get("Server-Timing"))
		}
	}
}

func BenchmarkCounting(b *testing.B) {
	m := metrics.New("")
	r := metrics.Route{Class: "task", Action: "get", Method: "GET"}
	w := metrics.Work{Class: "task", Op: "read"}
	b.ReportAllocs()
	for b.Loop() {
		m.Request(r, 200, "", time.Millisecond)
		m.Call(w, 1, false, time.Millisecond)
	}
}
