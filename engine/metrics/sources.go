package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dowel-dev/dowel/engine/jobs"
	"github.com/dowel-dev/dowel/storage"
)

// Sources are asked when somebody collects, and cost nothing in between.
type Sources struct {
	InFlight func() int64
	Checks   func(context.Context) []storage.Check
	Usage    func() []storage.Usage
	// Kept is how many answers are kept in memory, and how many bytes they take.
	Kept func() (answers int, bytes int64)
	// Revision is that of the schema in service.
	Revision func() string
	// Jobs counts those of all nodes; nil where there are none.
	Jobs func(context.Context) (jobs.Stats, error)
}

// checksWithin bounds how long a scrape waits for the database to answer.
const checksWithin = 2 * time.Second

// Watch adds what sources know. It is called once.
func (m *Metrics) Watch(s Sources) { m.registry.MustRegister(&collector{s}) }

var (
	inFlight = prometheus.NewDesc("dowel_requests_in_flight", "Requests being served.", nil, nil)
	up       = prometheus.NewDesc("dowel_store_up", "1 for each part of the database that is in order, 0 for others.", []string{"part"}, nil)
	lag      = prometheus.NewDesc("dowel_store_lag_seconds", "How far a replica is behind.", []string{"part"}, nil)
	opened   = prometheus.NewDesc("dowel_store_connections", "Connections to the database that are open.", []string{"pool"}, nil)
	most     = prometheus.NewDesc("dowel_store_connections_max", "Connections to the database that there may be.", []string{"pool"}, nil)
	busy     = prometheus.NewDesc("dowel_store_connections_busy", "Connections in use.", []string{"pool"}, nil)
	waiting  = prometheus.NewDesc("dowel_store_waiting", "Work that waits for its turn.", []string{"pool"}, nil)
	queued   = prometheus.NewDesc("dowel_jobs", "Jobs of all nodes, by their state: queued, running, or failed for good.", []string{"state"}, nil)
	oldest   = prometheus.NewDesc("dowel_jobs_oldest_seconds", "For how long the job has been due that waits longest.", nil, nil)
	answers  = prometheus.NewDesc("dowel_cache_answers", "Answers kept in memory.", nil, nil)
	kept     = prometheus.NewDesc("dowel_cache_bytes", "What answers kept in memory take.", nil, nil)
	revision = prometheus.NewDesc("dowel_schema_info", "1, with the revision of the schema in service.", []string{"revision"}, nil)
)

type collector struct{ Sources }

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{inFlight, up, lag, opened, most, busy, waiting, queued, oldest, answers, kept, revision} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(inFlight, float64(c.InFlight()))
	gauge(revision, 1, c.Revision())
	n, bytes := c.Kept()
	gauge(answers, float64(n))
	gauge(kept, float64(bytes))
	for _, u := range c.Usage() {
		gauge(opened, float64(u.Open), u.Pool)
		gauge(most, float64(u.Most), u.Pool)
		gauge(waiting, float64(u.Waiting), u.Pool)
		if u.Busy >= 0 {
			gauge(busy, float64(u.Busy), u.Pool)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), checksWithin)
	defer cancel()
	if c.Jobs != nil {
		if s, err := c.Jobs(ctx); err == nil {
			gauge(queued, float64(s.Queued), string(jobs.Queued))
			gauge(queued, float64(s.Running), string(jobs.Running))
			gauge(queued, float64(s.Failed), string(jobs.Failed))
			gauge(oldest, s.Oldest.Seconds())
		}
	}
	for _, check := range c.Checks(ctx) {
		ok := 0.0
		if check.Status == storage.StatusOK {
			ok = 1
		} else if check.Lag > 0 {
			gauge(lag, check.Lag.Seconds(), check.Name)
		}
		gauge(up, ok, check.Name)
	}
}
