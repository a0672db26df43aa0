package engine

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/jobs"
	"github.com/dowel-dev/dowel/engine/metrics"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/observe"
)

// watched returns the store so that what it does is counted, timed, and told when it takes long.
func (e *Engine) watched(store storage.Store) storage.Store {
	s := &e.cfg.Settings
	if s.Log.Slow == 0 {
		s.Log.Slow = DefaultSlow
	}
	if e.cfg.Metrics == nil && s.Log.Slow < 0 && !s.Dev {
		return store
	}
	return observe.Store(store, e.report)
}

// report takes one call of the store in.
func (e *Engine) report(ctx context.Context, c observe.Call) {
	if m := e.cfg.Metrics; m != nil {
		w := metrics.Work{Op: c.Op}
		if c.Class != nil {
			w.Class = c.Class.Name
		}
		m.Call(w, c.Rows, failing(c.Err), c.Took)
	}
	if e.cfg.Settings.Dev && !c.Tx {
		if x := exchangeOf(ctx); x != nil {
			x.times.store.Add(int64(c.Took))
		}
	}
	if slow := e.cfg.Settings.Log.Slow; slow > 0 && c.Took >= slow {
		e.slow(ctx, &c)
	}
}

// failing reports whether an error is a failure of the store. The others are answers about rows.
func failing(err error) bool {
	return errors.Is(err, storage.ErrUnavailable) || errors.Is(err, storage.ErrOutcomeUnknown) ||
		errors.Is(err, storage.ErrConcurrent) || errors.Is(err, context.DeadlineExceeded)
}

// stated is a store that can show its statements.
type stated interface {
	Explain(q *storage.Query) (sql string, args []schema.Value)
}

// slow tells of a call that took long: the statement without its values, and the
// index it lacks where that is plain to see.
func (e *Engine) slow(ctx context.Context, c *observe.Call) {
	attrs := []slog.Attr{slog.String("op", c.Op), slog.Float64("ms", milliseconds(c.Took)), slog.Int("rows", c.Rows)}
	if c.Class != nil {
		attrs = append(attrs, slog.String("class", c.Class.Name))
	}
	if x := exchangeOf(ctx); x != nil {
		attrs = append(attrs, slog.String("request_id", x.id))
		if x.trace != "" {
			attrs = append(attrs, slog.String("trace_id", x.trace))
		}
	}
	if c.Query != nil {
		if s, ok := storage.As[stated](e.cfg.Store); ok {
			sql, _ := s.Explain(c.Query) // the values may be anybody's
			attrs = append(attrs, slog.String("sql", sql))
		}
		if hint := missingIndex(c.Query); hint != "" {
			attrs = append(attrs, slog.String("hint", hint))
		}
	}
	if c.Err != nil {
		attrs = append(attrs, slog.String("cause", c.Err.Error()))
	}
	e.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "slow query", attrs...)
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / float64(time.Millisecond/time.Microsecond)
}

// missingIndex names the field whose index would help a query, "" where there is
// no saying. It looks at the conditions that every row has to meet: if one of them has an index, the
// database has somewhere to begin.
func missingIndex(q *storage.Query) string {
	if q.Key != nil {
		return ""
	}
	bare := ""
	conds, ok := q.Where.(schema.And)
	if !ok && q.Where != nil {
		conds = schema.And{q.Where}
	}
	for _, e := range conds {
		f := compared(e)
		switch {
		case f == nil:
		case indexed(f):
			return ""
		case bare == "":
			bare = f.Name
		}
	}
	switch {
	case bare != "":
		return "no index on " + q.Class.Name + "." + bare + ", which filters: add the word `index` to it"
	case q.Where != nil || len(q.Order) == 0:
		return ""
	}
	if by := q.Order[0].By; len(by.Steps) == 0 && len(by.Member) == 0 && by.Field.Stored() && !indexed(by.Field) {
		return "no index on " + q.Class.Name + "." + by.Field.Name + ", which orders: add the word `index` to it"
	}
	return ""
}

// compared is the stored field that a condition compares with constants so that an index could find it, else nil.
func compared(e schema.Expr) *schema.Field {
	var x schema.Operand
	switch e := e.(type) {
	case schema.Compare:
		if x = e.Left; e.Op == schema.Ne {
			return nil
		}
		if _, constant := e.Right.(schema.Lit); !constant {
			return nil
		}
	case schema.In:
		x = e.X
	default:
		return nil
	}
	p, ok := x.(*schema.Path)
	if !ok || len(p.Steps) > 0 || len(p.Member) > 0 || !p.Field.Stored() {
		return nil
	}
	return p.Field
}

// indexed reports whether an index begins with a field.
func indexed(f *schema.Field) bool {
	if f.Indexed || f.Unique || f.Ref != nil || f.Class.Key[0] == f {
		return true
	}
	for _, list := range [2][]*schema.Index{f.Class.Uniques, f.Class.Indexes} {
		for _, x := range list {
			if x.Fields[0] == f {
				return true
			}
		}
	}
	return false
}

// count takes an answered request in.
func (x *exchange) count() {
	m := x.h.metrics
	if m == nil {
		return
	}
	r := metrics.Route{Method: x.r.Method, Action: x.kind}
	if !knownMethod(r.Method) {
		r.Method = "other"
	}
	if r.Action == "" {
		r.Action = "none"
	}
	if a := x.action; a != nil {
		r.Action = a.Verb()
		if c := x.schema.Class(a.On()); c != nil {
			r.Class = c.Name
			if run, ok := a.(*actions.Run); ok && c.Action(run.Action) != nil {
				r.Action = run.Action
			}
		}
	}
	code := ""
	if x.failure != nil && x.status >= http.StatusBadRequest {
		code = string(x.failure.Code)
	}
	m.Request(r, x.status, code, x.h.clock().Sub(x.start))
}

// measure has the metrics ask the engine what cannot be counted.
func (e *Engine) measure(m *metrics.Metrics) {
	m.Watch(metrics.Sources{
		InFlight: e.handler.inFlight.Load,
		Checks:   func(ctx context.Context) []storage.Check { return e.live.Load().Checks(ctx) },
		Usage: func() []storage.Usage {
			if g, ok := storage.As[storage.Gauged](e.cfg.Store); ok {
				return g.Usage()
			}
			return nil
		},
		Jobs: func(ctx context.Context) (jobs.Stats, error) {
			if q := e.live.Load().queue; q != nil {
				return q.Stats(ctx, e.cfg.Clock())
			}
			return jobs.Stats{}, nil
		},
		Kept:     func() (int, int64) { return e.kept.memory().Usage() },
		Revision: func() string { return e.Schema().Revision },
	})
}
