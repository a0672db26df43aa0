package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// readyWithin is how long a readiness check may take.
const readyWithin = 2 * time.Second

// probe answers /livez and /readyz. Orchestrators decide by them whether to kill
// or to feed this process, so they are never refused, not even under overload or while draining.
func (x *exchange) probe() bool {
	path := escapedPath(x.r)
	if path != "/livez" && path != "/readyz" {
		return false
	}
	x.kind = "probe"
	if err := x.only(http.MethodGet); err != nil {
		if x.r.Method == http.MethodOptions {
			x.offer(http.MethodGet)
			return true
		}
		x.fail(err)
		return true
	}
	x.envelope = false // machines read it, whatever the style
	if path == "/livez" {
		x.sendDocument(http.StatusOK, []byte(`{"status":"ok"}`))
		return true
	}
	x.readiness()
	return true
}

// readiness answers /readyz, and with ?verbose says which part is how. Of a part
// that fails, people elsewhere learn its name and a word, the log learns why.
func (x *exchange) readiness() {
	verbose := x.r.URL.Query().Has("verbose")
	if x.h.draining.Load() {
		x.notReady(readyBody("draining", nil, verbose), nil)
		return
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), readyWithin)
	defer cancel()
	checks := x.rev.Checks(ctx)
	if failed, ok := storage.Ready(checks); !ok {
		err := errors.New(failed.Name + " is " + failed.Status)
		if failed.Err != nil {
			err = fmt.Errorf("%w: %w", err, failed.Err)
		}
		x.notReady(readyBody("unavailable", checks, verbose), err)
		return
	}
	x.sendDocument(http.StatusOK, readyBody(storage.StatusOK, checks, verbose))
}

// notReady says no, and leaves the reason to the log.
func (x *exchange) notReady(body []byte, err error) {
	x.failure = &actions.Error{Code: actions.Overloaded, Cause: err}
	x.w.Header()["Retry-After"] = []string{"1"}
	x.sendDocument(http.StatusServiceUnavailable, body)
}

func readyBody(status string, checks []storage.Check, verbose bool) []byte {
	b := append([]byte(`{"status":`), schema.AppendQuoted(nil, status)...)
	if !verbose {
		return append(b, '}')
	}
	b = append(b, `,"checks":[`...)
	for i := range checks {
		c := &checks[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = schema.AppendQuoted(append(b, `{"name":`...), c.Name)
		b = schema.AppendQuoted(append(b, `,"status":`...), c.Status)
		if c.Lag > 0 {
			b = strconv.AppendInt(append(b, `,"lag_ms":`...), max(1, c.Lag.Milliseconds()), 10)
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

// elsewhere answers paths outside of the API: the welcome page of links, the documentation, and nothing else.
func (x *exchange) elsewhere(path string) {
	x.kind = "document"
	if x.described(path) || x.publicKeys(path) {
		return
	}
	if path != "/" {
		x.kind = "none"
		x.fail(actions.Errorf(actions.NotFound, "There is nothing at this path; the API is at "+x.mount+"."))
		return
	}
	x.document(func() []byte {
		b := append([]byte(nil), `{"title":`...)
		b = schema.AppendQuoted(b, x.schema.App.Title)
		b = append(b, `,"version":`...)
		b = schema.AppendQuoted(b, x.schema.App.Version)
		b = append(b, `,"links":{"api":`...)
		b = schema.AppendQuoted(b, x.mount+"/")
		for _, d := range [...]struct{ name, path string }{{"docs", docsPath}, {"openapi", openAPIPath}} {
			if x.describes(d.path) {
				b = append(b, `,"`+d.name+`":`...)
				b = schema.AppendQuoted(b, d.path)
			}
		}
		b = append(b, `,"health":`...)
		b = schema.AppendQuoted(b, x.mount+"/health")
		return append(b, "}}"...)
	})
}

// fixed answers the places below the mount that are no collections.
func (x *exchange) fixed(ctx context.Context, rest string) bool {
	switch {
	case rest == "" || rest == "/":
		x.document(x.index)
	case x.mount == "" && (x.described(rest) || x.publicKeys(rest)):
	case rest == "/health":
		x.document(func() []byte { return []byte(`{"status":"ok"}`) })
	case rest == "/auth/can": // has nothing to do with login
		x.kind = "auth"
		x.auth(ctx, "can")
	case x.schema.Login != nil && len(rest) > len("/auth/") && rest[:len("/auth/")] == "/auth/":
		x.kind = "auth"
		x.auth(ctx, rest[len("/auth/"):])
	default:
		id, ok := x.jobID(rest)
		if !ok {
			return false
		}
		x.job(ctx, id)
	}
	if x.kind == "" {
		x.kind = "document"
	}
	return true
}

// document answers GET with a small document, OPTIONS with what there is, and refuses the rest.
func (x *exchange) document(content func() []byte) {
	if x.r.Method == http.MethodOptions {
		x.offer(http.MethodGet)
		return
	}
	if err := x.only(http.MethodGet); err != nil {
		x.fail(err)
		return
	}
	link := "<" + x.mount + `/health>; rel="status"`
	if x.describes(docsPath) {
		link += ", <" + docsPath + `>; rel="service-doc"`
	}
	if x.describes(openAPIPath) {
		link += ", <" + openAPIPath + `>; rel="service-desc"`
	}
	x.w.Header()["Link"] = []string{link}
	x.sendDocument(http.StatusOK, content())
}

// offer answers OPTIONS of a resource with one method.
func (x *exchange) offer(method string) {
	setList(x.w.Header(), "Allow", offered(method))
	x.sendEmpty(http.StatusNoContent)
}

// index lists the collections: {"title", "version", "links": {collection: path}}. Those
// below an organization are templates (RFC 6570).
func (x *exchange) index() []byte {
	b := append([]byte(nil), `{"title":`...)
	b = schema.AppendQuoted(b, x.schema.App.Title)
	b = append(b, `,"version":`...)
	b = schema.AppendQuoted(b, x.schema.App.Version)
	b = append(b, `,"links":{`...)
	first := true
	for _, c := range x.schema.Classes {
		if c.Internal || !c.Expose {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = schema.AppendQuoted(b, c.Collection)
		b = append(b, ':')
		b = schema.AppendQuoted(b, x.mount+c.Path())
	}
	return append(b, "}}"...)
}
