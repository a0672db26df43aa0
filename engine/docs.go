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
	"github.com/dowel-dev/dowel/engine/docs"
	"github.com/dowel-dev/dowel/engine/format"
	"github.com/dowel-dev/dowel/schema"
)

// docsPath is where the documentation is, beside the API.
const docsPath = "/docs"

// Header fields of the documentation.
var (
	typeHTML   = []string{"text/html; charset=utf-8"}
	noCache    = []string{"no-cache"} // the same for everybody, and new with each revision
	noReferrer = []string{"no-referrer"}
	docsPolicy = []string{docs.Policy}
)

var errDocs = errors.New("the documentation could not be rendered")

// docsPage is the documentation of one revision. It is made when it is first
// asked for, then kept as bytes in each content coding.
type docsPage struct {
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

// get returns the page and its entity tag.
func (p *docsPage) get() (body []byte, tag string, err error) {
	p.once.Do(func() {
		p.err = errDocs // stays where rendering panics
		if p.body, p.err = p.render(); p.err == nil {
			sum := sha256.Sum256(p.body)
			p.tag = hex.EncodeToString(sum[:8])
		}
	})
	return p.body, p.tag, p.err
}

// in returns the page in a content coding, nil being none.
func (p *docsPage) in(c *coding) []byte {
	i := slices.Index(codings[:], c)
	if i < 0 {
		return p.body
	}
	k := &p.packed[i]
	k.once.Do(func() { k.body = c.pack(nil, p.body) })
	return k.body
}

// Docs returns the documentation of the revision.
func (l *live) Docs() *docsPage { return l.docs }

// newDocs prepares the documentation of a revision.
func newDocs(s Settings, snapshot *actions.Snapshot) *docsPage {
	return &docsPage{render: func() ([]byte, error) {
		app := docs.App{
			Schema: snapshot.Schema, Rules: snapshot.Authorizer, Mount: mountOf(s, snapshot.Schema),
			Envelope: styleOf(s, snapshot.Schema) == "envelope", Basic: s.Dev, Limits: snapshot.Limits,
		}
		for _, f := range format.Formats() {
			app.Formats = append(app.Formats, docs.Format{Name: f.Name, Type: f.Type})
		}
		app.Errors = documentedErrors(app.Envelope, s.Status.ActionInvalid)
		return docs.Render(app)
	}}
}

// documentedErrors are the codes as answers have them, by status.
func documentedErrors(envelope bool, actionInvalid int) []docs.Error {
	if actionInvalid == 0 && envelope {
		actionInvalid = http.StatusUnprocessableEntity
	}
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

// documented reports whether a path is that of the documentation.
func (x *exchange) documented(path string) bool {
	return (path == docsPath || path == docsPath+"/") && x.hasDocs()
}

// hasDocs reports whether there is a documentation page.
func (x *exchange) hasDocs() bool { return DocsPath(x.h.settings, x.schema) != "" }

// DocsPath is the path of the documentation page, "" where it is switched off
// or the API has that place for itself.
func DocsPath(s Settings, app *schema.Schema) string {
	mount := mountOf(s, app)
	if s.NoDocs || mount == docsPath || mount == "" && app.Collection(docsPath[1:]) != nil {
		return ""
	}
	return docsPath
}

// docs answers with the documentation.
func (x *exchange) docs() {
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
	page := x.rev.Docs()
	body, tag, err := page.get()
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
	h["Content-Type"] = typeHTML
	h["Content-Security-Policy"] = docsPolicy
	h["Referrer-Policy"] = noReferrer
	c := chooseCoding(x.r.Header["Accept-Encoding"], len(body))
	x.setTag(tag, c)
	if c != nil {
		h["Content-Encoding"] = c.header
	}
	x.send(http.StatusOK, page.in(c))
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
