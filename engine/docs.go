package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine/docs"
	"github.com/dowel-dev/dowel/engine/format"
	"github.com/dowel-dev/dowel/engine/jobs"
	"github.com/dowel-dev/dowel/engine/openapi"
	"github.com/dowel-dev/dowel/schema"
)

// The places of the descriptions, beside the API.
const (
	docsPath    = "/docs"
	openAPIPath = "/openapi.json"
	plainPath   = "/openapi-3.0.json"
)

// Header fields of descriptions.
var (
	typeHTML   = []string{"text/html; charset=utf-8"}
	noCache    = []string{"no-cache"} // the same for everybody, and new with each revision
	noReferrer = []string{"no-referrer"}
	docsPolicy = []string{docs.Policy}
)

var errDescription = errors.New("the description could not be rendered")

// description is a document about one revision: the page for people, or one for
// programs. It is made when it is first asked for, then kept as bytes in each content coding.
type description struct {
	html   bool
	render func() ([]byte, error)

	once   sync.Once
	body   []byte
	tag    string
	err    error
	packed [len(codings)]struct {
		once sync.Once
		body []byte
	}
}

// get returns the document and its entity tag.
func (d *description) get() (body []byte, tag string, err error) {
	d.once.Do(func() {
		d.err = errDescription // stays where rendering panics
		if d.body, d.err = d.render(); d.err == nil {
			sum := sha256.Sum256(d.body)
			d.tag = hex.EncodeToString(sum[:8])
		}
	})
	return d.body, d.tag, d.err
}

// in returns the document in a content coding, nil being none.
func (d *description) in(c *coding) []byte {
	i := slices.Index(codings[:], c)
	if i < 0 {
		return d.body
	}
	k := &d.packed[i]
	k.once.Do(func() { k.body = c.pack(nil, d.body) })
	return k.body
}

// Describe returns what a revision has at a place, nil for nothing.
func (l *live) Describe(path string) *description { return l.descriptions[path] }

// newDescriptions prepares the descriptions of a revision, by their places.
func newDescriptions(s Settings, snapshot *actions.Snapshot, program *App) map[string]*description {
	app := describedApp(s, snapshot.Schema, snapshot.Authorizer, snapshot.Handlers)
	app.Own = program.described()
	return map[string]*description{
		docsPath:    {html: true, render: func() ([]byte, error) { return docs.Render(app.App) }},
		openAPIPath: {render: func() ([]byte, error) { return openapi.Render(app, openapi.Exact) }},
		plainPath:   {render: func() ([]byte, error) { return openapi.Render(app, openapi.Plain) }},
	}
}

// OpenAPI returns a document of an application that need not run. program is what
// its program adds to the schema, nil for nothing.
func OpenAPI(s Settings, app *schema.Schema, rules authz.Authorizer, program *App, e openapi.Edition) ([]byte, error) {
	s.Limits = s.Limits.orDefault()
	handlers, found := program.bind(app)
	if err := startError(found); err != nil {
		return nil, err
	}
	described := describedApp(s, app, rules, handlers)
	described.Own = program.described()
	return openapi.Render(described, e)
}

// describedApp is an application as descriptions know it.
func describedApp(s Settings, app *schema.Schema, rules authz.Authorizer, handlers map[string]actions.Handler) openapi.App {
	a := openapi.App{
		App: docs.App{
			Schema: app, Rules: rules, Mount: mountOf(s, app),
			Envelope: styleOf(s, app) == "envelope", Basic: s.Dev, Limits: s.Limits.action(app.App),
		},
		Handled: func(a *schema.Action) bool { return handlers[a.Class.Name+"."+a.Name] != nil },
	}
	if app.Class(jobs.Class) != nil {
		a.Jobs = jobsPlace(app)
	}
	for _, f := range format.Formats() {
		a.Formats = append(a.Formats, docs.Format{Name: f.Name, Type: f.Type})
	}
	actionInvalid := s.Status.ActionInvalid
	if actionInvalid == 0 && a.Envelope {
		actionInvalid = http.StatusUnprocessableEntity
	}
	a.Problems, a.Wrapped = documentedErrors(false, actionInvalid), documentedErrors(true, actionInvalid)
	a.Errors = a.Problems
	if a.Envelope {
		a.Errors = a.Wrapped
	}
	for i := range authRoutes {
		if route := &authRoutes[i]; route.there(s, app) {
			a.Accounts = append(a.Accounts, openapi.Account{Name: route.name, Method: route.method})
		}
	}
	return a
}

// documentedErrors are the codes as answers have them, by status.
func documentedErrors(envelope bool, actionInvalid int) []docs.Error {
	var list []docs.Error
	for code := range statuses {
		s := statusOf(code, actionInvalid)
		name := string(code)
		if envelope {
			name = envelopeCode(code)
		}
		list = append(list, docs.Error{Status: s.Status, Code: name, Title: s.Title})
	}
	slices.SortFunc(list, func(a, b docs.Error) int {
		if a.Status != b.Status {
			return a.Status - b.Status
		}
		return strings.Compare(a.Code, b.Code)
	})
	return list
}

// described answers with the description at a path, if there is one.
func (x *exchange) described(path string) bool {
	if path == docsPath+"/" {
		path = docsPath
	}
	d := x.rev.Describe(path)
	if d == nil || !x.describes(path) {
		return false
	}
	x.describe(d)
	return true
}

// describes reports whether a place is there for a description.
func (x *exchange) describes(path string) bool {
	return place(x.h.settings, x.schema, path) != ""
}

// DocsPath is the path of the documentation page, "" where it is switched off
// or the API has that place for itself.
func DocsPath(s Settings, app *schema.Schema) string { return place(s, app, docsPath) }

// place is the path of a description, "" where there is none.
func place(s Settings, app *schema.Schema, path string) string {
	mount := mountOf(s, app)
	if s.NoDocs || mount == path || mount == "" && app.Collection(path[1:]) != nil {
		return ""
	}
	return path
}

// describe answers with a description.
func (x *exchange) describe(d *description) {
	if x.r.Method == http.MethodOptions {
		x.offer(http.MethodGet)
		return
	}
	if err := x.only(http.MethodGet); err != nil {
		x.fail(err)
		return
	}
	if err := acceptCoding(x.r.Header); err != nil {
		x.fail(err)
		return
	}
	body, tag, err := d.get()
	if err != nil {
		x.fail(&actions.Error{Code: actions.Internal, Cause: err})
		return
	}
	h := x.w.Header()
	h["Cache-Control"] = noCache
	h["Vary"] = append([]string{"Accept-Encoding"}, x.h.varyOrigin...)
	if named(x.r.Header["If-None-Match"], tag) {
		x.setTag(tag, codingOf(x.r.Header["If-None-Match"], tag))
		x.sendEmpty(http.StatusNotModified)
		return
	}
	h["Content-Type"] = typeJSON
	if d.html {
		h["Content-Type"] = typeHTML
		h["Content-Security-Policy"] = docsPolicy
		h["Referrer-Policy"] = noReferrer
	}
	c := chooseCoding(x.r.Header["Accept-Encoding"], len(body))
	x.setTag(tag, c)
	if c != nil {
		h["Content-Encoding"] = c.header
	}
	x.send(http.StatusOK, d.in(c))
}

// named reports whether If-None-Match names a tag, in any coding (RFC 9110 §13.1.2).
func named(noneMatch []string, tag string) bool {
	for _, line := range noneMatch {
		if strings.TrimSpace(line) == "*" || strings.Contains(line, quoteTag(tag, "")) {
			return true
		}
	}
	return codingOf(noneMatch, tag) != nil
}
