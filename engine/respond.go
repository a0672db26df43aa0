package engine

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/format"
	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/schema"
)

// Header fields that never change. They are shared between responses and never written to.
var (
	typeJSON     = []string{"application/json"}
	typeProblem  = []string{"application/problem+json"}
	noStore      = []string{"no-store"}
	revalidate   = []string{"private, no-cache"}
	nosniff      = []string{"nosniff"}
	download     = []string{"attachment"}
	minimal      = []string{"return=minimal"}
	asked        = []string{"return=representation"}
	typeOfFormat = func() map[string][]string {
		types := map[string][]string{}
		for _, f := range format.Formats() {
			types[f.Name] = []string{f.Type}
		}
		return types
	}()
)

// bodies are buffers that answers are encoded into. A buffer that grew beyond
// bodyKept is left to the garbage collector.
var bodies = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

const bodyKept = 256 << 10

// respond answers with a result. The effect, if any, has happened: from here on nothing fails.
func (x *exchange) respond(r *actions.Result) {
	x.vary = x.h.vary
	if t := x.schema.Tenant; t != nil && t.From == "header" {
		x.vary = []string{strings.Join(x.vary, ", ") + ", " + request.TenantHeader}
	}
	h := x.w.Header()
	x.caching(r)
	if !r.Modified.IsZero() {
		h["Last-Modified"] = []string{r.Modified.UTC().Format(http.TimeFormat)}
	}
	if r.Outcome == actions.NotModified {
		x.setTag(r.Tag, codingOf(x.r.Header["If-None-Match"], r.Tag))
		x.sendEmpty(http.StatusNotModified)
		return
	}
	if r.Response != nil {
		x.respondWith(r.Response)
		return
	}
	if r.File != nil {
		x.sendFile(r)
		return
	}
	status, body := x.statusOf(r)
	x.located(r)
	x.preference(r, body)
	if !body {
		x.setTag(r.Tag, nil)
		x.sendEmpty(status)
		return
	}
	x.paged(r)
	x.represent(status, r)
}

// statusOf returns the status of a success, and whether it has content.
func (x *exchange) statusOf(r *actions.Result) (status int, body bool) {
	if r.Steps != nil {
		return http.StatusOK, true
	}
	return statusOfResult(r, x.action != nil && x.action.Common().Output.Minimal)
}

// statusOfResult is statusOf for one action; minimal: no content that is not asked for.
func statusOfResult(r *actions.Result, minimal bool) (status int, body bool) {
	shows := showsContent(r)
	body = shows && !(minimal && r.Outcome != actions.Found)
	switch r.Outcome {
	case actions.Created:
		if r.Mixed || r.List && len(r.Rows) == 0 {
			return http.StatusOK, shows
		}
		return http.StatusCreated, body
	case actions.Deleted:
		body = r.Counts != nil
	}
	if body {
		return http.StatusOK, true
	}
	return http.StatusNoContent, false
}

// located names the row that was made. Several rows have no one place.
func (x *exchange) located(r *actions.Result) {
	if r.Outcome != actions.Created || r.ID == "" || r.List {
		return
	}
	x.w.Header()["Location"] = []string{x.mount + x.inside(r.Class) + "/" + r.Class.Collection + "/" + url.PathEscape(r.ID)}
}

// inside is the path of the organization that records of a class are in, "" outside of any.
func (x *exchange) inside(c *schema.Class) string {
	if c.Prefix == "" || x.action == nil {
		return ""
	}
	return "/" + x.schema.Tenant.Class.Collection + "/" + url.PathEscape(x.action.Common().Tenant)
}

// preference names the preference that was honoured (RFC 7240 §3), and where
// the representation in the answer to a write belongs.
func (x *exchange) preference(r *actions.Result, body bool) {
	sent := x.r.Header["Prefer"]
	if sent == nil || r.Outcome == actions.Found {
		return
	}
	h := x.w.Header()
	h["Vary"] = []string{strings.Join(x.vary, ", ") + ", Prefer"}
	if !body || r.Steps != nil {
		if x.action.Common().Output.Minimal {
			h["Preference-Applied"] = minimal
		}
		return
	}
	if !prefersRepresentation(sent) || r.View == nil {
		return
	}
	h["Preference-Applied"] = asked
	if x.r.URL.RawQuery != "" || r.List || strings.ContainsRune(escapedPath(x.r), ';') {
		return // what is shown is not what a plain GET of that place shows
	}
	if place := h["Location"]; place != nil {
		h["Content-Location"] = place
	} else if x.r.Method != http.MethodPost {
		h["Content-Location"] = []string{x.r.URL.EscapedPath()}
	}
}

func prefersRepresentation(sent []string) bool {
	for _, line := range sent {
		for p := range strings.SplitSeq(line, ",") {
			p, _, _ = strings.Cut(p, ";")
			if p = strings.TrimSpace(p); strings.EqualFold(p, "return=representation") || strings.EqualFold(p, `return="representation"`) {
				return true
			}
		}
	}
	return false
}

// represent encodes a result and sends it.
func (x *exchange) represent(status int, r *actions.Result) {
	d := format.Document{
		Class: r.Class, View: r.View, Rows: r.Rows, List: r.List, Keyed: r.Keyed,
		Property: r.Property, Counts: r.Counts, Raw: r.Raw, Encoded: r.Encoded, Count: r.Count, Page: r.Page, Links: x.pages,
		Envelope: x.envelope, Version: x.schema.App.Version, Now: x.start,
	}
	f := format.Find("")
	if x.action != nil {
		out := &x.action.Common().Output
		d.Pretty, d.KeyByIDs, d.GroupedByClass = out.Pretty, out.KeyByIDs, out.GroupedByClass
		f = format.Find(out.Format)
	}
	if r.Steps != nil {
		d.Raw = x.stepsOf(r)
	}
	h := x.w.Header()
	h["Content-Type"] = typeOfFormat[f.Name]
	if f.Download {
		h["Content-Disposition"] = download
	}
	buf := bodies.Get().(*[]byte)
	if x.h.settings.Dev {
		x.times.encoding = time.Now()
	}
	body := f.Append((*buf)[:0], &d)
	x.sendCoded(status, body, r.Tag)
	if *buf = body; cap(body) <= bodyKept {
		bodies.Put(buf)
	}
}

// setTag sets the entity tag of a representation in a content coding.
func (x *exchange) setTag(tag string, c *coding) {
	if tag == "" {
		return
	}
	suffix := ""
	if c != nil {
		suffix = c.suffix
	}
	x.fields[0][0] = quoteTag(tag, suffix)
	x.w.Header()["Etag"] = x.fields[0][:]
}

func quoteTag(tag, suffix string) string { return `"` + tag + suffix + `"` }

// send answers with a whole body.
func (x *exchange) send(status int, body []byte) {
	if x.kept != nil {
		x.kept.take(status, x.w.Header(), body)
		return
	}
	x.fields[1][0] = itoa(len(body))
	x.w.Header()["Content-Length"] = x.fields[1][:]
	x.patience(len(body))
	if x.h.settings.Dev {
		x.serverTiming()
	}
	x.sending(status)
	x.status = status
	x.w.WriteHeader(status)
	if x.r.Method == http.MethodHead {
		return
	}
	x.bytes, _ = x.w.Write(body) // a client that has gone is no error of ours
}

// sendEmpty answers without content.
func (x *exchange) sendEmpty(status int) {
	if x.kept != nil {
		x.kept.take(status, x.w.Header(), nil)
		return
	}
	if x.h.settings.Dev {
		x.serverTiming()
	}
	x.sending(status)
	x.status = status
	x.w.WriteHeader(status)
}

// sendDocument answers one of the fixed places: never stored, in the style of the application.
func (x *exchange) sendDocument(status int, data []byte) {
	h := x.w.Header()
	h["Content-Type"] = typeJSON
	h["Cache-Control"] = noStore
	if x.vary != nil {
		h["Vary"] = x.vary
	}
	d := format.Document{Raw: data, Envelope: x.envelope, Version: x.schema.App.Version, Now: x.start}
	x.send(status, format.AppendJSON(nil, &d))
}

func itoa(n int) string { return strconv.Itoa(n) }

// bytesText shows a limit as people write it.
func bytesText(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return itoa(n>>20) + " MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return itoa(n>>10) + " KiB"
	}
	return itoa(n) + " bytes"
}
