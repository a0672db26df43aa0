package engine

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/dowel-dev/dowel/actions"
)

// errPassed says that nobody's parser knows the request: it may still be addressed to a fixed place.
var errPassed = errors.New("passed on")

// special lets the parsers of the application have the request. It reports
// whether one took it.
func (x *exchange) special(ctx context.Context) bool {
	x.guardBody()
	next := func(r *http.Request) (actions.Action, error) {
		if _, ours := x.place(); !ours || r.Method == http.MethodOptions {
			return nil, errPassed
		}
		a, err := x.rev.Parse(r)
		var e *actions.Error
		if errors.As(err, &e) && (e.Code == actions.NotFound || e.Code == actions.MethodNotAllowed) {
			return nil, errPassed
		}
		return a, err
	}
	for _, p := range x.h.parsers {
		behind := next
		next = func(r *http.Request) (actions.Action, error) { return p(r, behind) }
	}
	action, err := next(x.r)
	switch {
	case err == nil && action == nil || errors.Is(err, errPassed):
		return false
	case err != nil:
		x.fail(x.slow(err))
		return true
	}
	x.run(ctx, action)
	return true
}

// hopByHop are the header fields that are the connection's business, not an action's.
var hopByHop = []string{"Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// respondWith answers with what an action made itself.
func (x *exchange) respondWith(r *actions.Response) {
	h := x.w.Header()
	for name, values := range r.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
	status := r.Status
	if status < 200 || status > 599 {
		status = http.StatusOK
	}
	if len(r.Body) == 0 {
		if status == http.StatusOK && r.Status == 0 {
			status = http.StatusNoContent
		}
		x.sendEmpty(status)
		return
	}
	if h["Content-Type"] == nil {
		h["Content-Type"] = []string{"application/octet-stream"}
	}
	x.send(status, r.Body)
}

// sending calls the hooks that see an answer before it goes out. The effect, if any, has happened.
func (x *exchange) sending(status int) {
	if x.h.hooks == nil || len(x.h.hooks.at[BeforeSend]) == 0 {
		return
	}
	e := &Event{Status: status, Header: x.w.Header()}
	if x.failure != nil {
		e.Err = x.failure
	}
	if err := x.happens(x.r.Context(), BeforeSend, e); err != nil {
		x.h.log.LogAttrs(x.r.Context(), slog.LevelError, "before the answer", slog.String("request_id", x.id), slog.String("cause", causeOf(err)))
	}
}
