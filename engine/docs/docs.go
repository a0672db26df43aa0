// Package docs writes the documentation page of an application: what may be
// asked of its API, derived from the schema and the policy in service.
//
// Render is the door. It returns one whole HTML page for everybody alike:
// without scripts, without anything from elsewhere, its style held by the hash in Policy.
// The engine renders it once for each revision and serves it at /docs.
//
// The page says what the schema publishes and no more. Names (classes,
// members, relations, actions, roles), types with their limits, defaults and
// descriptions are public, as they are in an OpenAPI document; who may not read
// records still reads what records are like. What is not published is absent:
// classes with `expose: false` and the engine's own, relations to them, the
// conditions of rules (a right that depends on the record is only marked
// so), defaults of members that are never shown, and every condition that
// mentions a member that not all readers of its class see.
// A deployment to which names are secrets switches the page off: `docs: false`.
package docs

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the template and its style
	"encoding/base64"
	"fmt"
	"html/template"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
)

// App is what a page is about.
type App struct {
	Schema *schema.Schema
	Rules  authz.Authorizer
	Mount  string // path in front of collections, without a final slash
	// Envelope is the style of answers, Basic whether a password may be sent with every request.
	Envelope, Basic bool
	Limits          actions.Limits
	Formats         []Format // the default first
	Errors          []Error  // in the order of the page
}

// Format is a form that answers can have.
type Format struct{ Name, Type string }

// Error is a code that answers can have.
type Error struct {
	Status      int
	Code, Title string
}

//go:embed page.html
var pageText string

//go:embed style.css
var styleText string

var tmpl = template.Must(template.New("page").Funcs(template.FuncMap{"prose": prose}).Parse(pageText))

// Policy is the Content-Security-Policy of the page: its own style, and nothing else.
var Policy = func() string {
	sum := sha256.Sum256([]byte(styleText))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// Render returns the page. An error is a defect of the template.
func Render(app App) ([]byte, error) {
	var out bytes.Buffer
	if err := tmpl.Execute(&out, newPage(&app)); err != nil {
		return nil, fmt.Errorf("docs: %w", err)
	}
	return out.Bytes(), nil
}
