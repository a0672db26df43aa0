// Package metrics counts what a server does, for Prometheus to collect.
//
// Counting must cost a request next to nothing, so the series of a route is
// looked up once and kept (handles.go). Labels are words of the schema and of the
// program alone: class, action, method, the first digit of the status, a code. What clients
// send never is one, so there is an end to how many series there can be.
package metrics

import (
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the counters of one process. They are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	refused  *prometheus.CounterVec
	calls    *prometheus.CounterVec
	callTime *prometheus.HistogramVec
	rows     *prometheus.CounterVec
	jobs     *prometheus.CounterVec
	lookUps  *prometheus.CounterVec

	routes  handles[Route, *route]
	codes   handles[string, prometheus.Counter]
	workers handles[Work, *work]
	looked  handles[[2]string, prometheus.Counter]
}

// buckets are upper bounds in seconds: what databases in process, on the network and in trouble take.
var buckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// New makes the counters of a program of some version.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dowel_requests_total", Help: "Requests answered, by class, action, method and first digit of the status."},
			[]string{"class", "action", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "dowel_request_duration_seconds", Help: "Time from the header fields of a request to the end of its answer.", Buckets: buckets},
			[]string{"class", "action"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dowel_requests_refused_total", Help: "Requests answered with a problem, by its code."},
			[]string{"code"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dowel_store_calls_total", Help: "Calls of the database, by what they do and whether they succeed."},
			[]string{"class", "op", "outcome"}),
		callTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "dowel_store_duration_seconds", Help: "Time of calls of the database; a write is a whole transaction with the wait for its turn.", Buckets: buckets},
			[]string{"op"}),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dowel_store_rows_total", Help: "Rows read or written."},
			[]string{"op"}),
		lookUps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dowel_cache_lookups_total", Help: "Answers looked for among those that were kept: hit, miss, bypass (cannot be kept), error."},
			[]string{"backend", "outcome"}),
	}
	m.jobs = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "dowel_jobs_total", Help: "Attempts at jobs, by what came of them: done, again or failed."},
		[]string{"outcome"})
	for _, outcome := range []string{"done", "again", "failed"} {
		m.jobs.WithLabelValues(outcome)
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "dowel_build_info", Help: "1, with what this program was built from.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()}})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.seconds, m.refused, m.calls, m.callTime, m.rows, m.jobs, m.lookUps, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.routes.make = m.newRoute
	m.codes.make = func(code string) prometheus.Counter { return m.refused.WithLabelValues(code) }
	m.workers.make = m.newWork
	m.looked.make = func(l [2]string) prometheus.Counter { return m.lookUps.WithLabelValues(l[0], l[1]) }
	return m
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesAtOnce})
}

// scrapesAtOnce bounds what a collector in a loop can cost.
const scrapesAtOnce = 4

// Route is what requests are told apart by. Class is "" where no class is asked
// for; Action is then the kind of place: probe, auth, document, none.
type Route struct{ Class, Action, Method string }

type route struct {
	status  [6]prometheus.Counter // by first digit; [0] is none
	seconds prometheus.Observer
}

func (m *Metrics) newRoute(r Route) *route {
	out := &route{seconds: m.seconds.WithLabelValues(r.Class, r.Action)}
	for i, text := range [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"} {
		if i == 1 {
			continue // never final
		}
		out.status[i] = m.requests.WithLabelValues(r.Class, r.Action, r.Method, text)
	}
	out.status[1] = out.status[0]
	return out
}

// Request counts a request that was answered with a status (0: its connection was
// cut) after some time. code is that of the problem, "" for none.
func (m *Metrics) Request(r Route, status int, code string, took time.Duration) {
	h := m.routes.of(r)
	digit := status / 100
	if digit < 0 || digit >= len(h.status) {
		digit = 0
	}
	h.status[digit].Inc()
	h.seconds.Observe(took.Seconds())
	if code != "" {
		m.codes.of(code).Inc()
	}
}

// Job counts an attempt at a job.
func (m *Metrics) Job(outcome string) { m.jobs.WithLabelValues(outcome).Inc() }

// LookUp counts a look for an answer that was kept, in memory or in redis.
func (m *Metrics) LookUp(backend, outcome string) { m.looked.of([2]string{backend, outcome}).Inc() }

// Work is what calls of the database are told apart by. Class may be "".
type Work struct{ Class, Op string }

type work struct {
	done, failed, rows prometheus.Counter
	seconds            prometheus.Observer
}

func (m *Metrics) newWork(w Work) *work {
	return &work{
		done: m.calls.WithLabelValues(w.Class, w.Op, "ok"), failed: m.calls.WithLabelValues(w.Class, w.Op, "error"),
		rows: m.rows.WithLabelValues(w.Op), seconds: m.callTime.WithLabelValues(w.Op),
	}
}

// Call counts a call of the database.
func (m *Metrics) Call(w Work, rows int, failed bool, took time.Duration) {
	h := m.workers.of(w)
	if failed {
		h.failed.Inc()
	} else {
		h.done.Inc()
	}
	if rows > 0 {
		h.rows.Add(float64(rows))
	}
	h.seconds.Observe(took.Seconds())
}
