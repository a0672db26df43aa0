package engine

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rs/cors"

	"github.com/dowel-dev/dowel/engine/request"
)

// preflightAge is for how many seconds browsers may remember a preflight.
const preflightAge = 600

// newCORS lets scripts of the listed origins call the API. Tokens travel in a
// header field that scripts set themselves, so cookies are never allowed along.
func newCORS(c CORS) *cors.Cors {
	return cors.New(cors.Options{
		AllowedOrigins: c.Origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions},
		AllowedHeaders: []string{"Accept", "Authorization", "Content-Type", "If-Match", "If-None-Match", "If-Modified-Since",
			"If-Unmodified-Since", "Idempotency-Key", "Prefer", "Traceparent", "X-Request-Id", request.TenantHeader},
		ExposedHeaders: []string{"Accept-Patch", "Allow", "Content-Location", "Count-Kind", "ETag", "Idempotency-Replayed", "Last-Modified", "Link", "Location",
			"Preference-Applied", "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Request-Id", "X-Total-Count"},
		MaxAge: preflightAge,
	})
}

// preflight reports whether a browser asks before it sends (Fetch standard). It
// sends no credentials with that, so it is never asked for any.
func preflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header["Origin"] != nil && r.Header["Access-Control-Request-Method"] != nil
}

// tidied returns the request with the fields that a preflight asks for as browsers
// write them, in small letters and in order: other programs ask, too.
func tidied(r *http.Request) *http.Request {
	const name = "Access-Control-Request-Headers"
	if !preflight(r) || r.Header[name] == nil {
		return r
	}
	var names []string
	for _, line := range r.Header[name] {
		for field := range strings.SplitSeq(line, ",") {
			if field = strings.ToLower(strings.Trim(field, " \t")); field != "" {
				names = append(names, field)
			}
		}
	}
	slices.Sort(names)
	tidy := *r
	tidy.Header = r.Header.Clone()
	tidy.Header[name] = []string{strings.Join(slices.Compact(names), ",")}
	return &tidy
}

// preflight answers one. With CORS on, the fields are set and the status is written by then.
func (x *exchange) preflight() {
	if x.h.cors != nil {
		x.status = http.StatusNoContent
		return
	}
	x.sendEmpty(http.StatusNoContent)
}
