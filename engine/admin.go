package engine

import (
	"net/http"
	"net/http/pprof"
)

// Admin serves what is for operators and nobody else: /metrics (where Config.Metrics
// is set), /livez and /readyz?verbose, and with profiles what pprof reads. It has no
// credentials, so it belongs on a listener that only operators reach.
func (e *Engine) Admin(profiles bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", e.handler.serveProbe)
	mux.HandleFunc("/readyz", e.handler.serveProbe)
	if e.cfg.Metrics != nil {
		mux.Handle("GET /metrics", e.cfg.Metrics.Handler())
	}
	if profiles {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["X-Content-Type-Options"] = nosniff
		h["Cache-Control"] = noStore
		mux.ServeHTTP(w, r)
	})
}

// serveProbe answers /livez and /readyz beside the funnel. Only what is wrong gets a line in the log.
func (h *Handler) serveProbe(w http.ResponseWriter, r *http.Request) {
	x := &exchange{h: h, w: w, r: r, start: h.clock(), vary: h.varyOrigin}
	x.begin()
	x.probe()
	if x.status >= http.StatusInternalServerError {
		x.logLine()
	}
}
