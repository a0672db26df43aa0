// Package openapi writes the OpenAPI documents of an application: every path,
// parameter, content, status, header and code that clients meet, derived from
// the schema in service and from what the parser itself takes (request.Operations).
//
// Render is the door. There are two documents of one API:
//
//   - Exact (OpenAPI 3.1) says all that holds: each form of what may be sent, each
//     shape that an answer can take. Whatever is answered fits it.
//   - Plain (OpenAPI 3.0.3) says the plainest form of each, for generators of
//     clients: one JSON shape an operation, no alternatives, no options that change
//     the shape or leave members out. Whoever sends what it says gets what it says.
//
// Documents depend on nobody who asks: names are public, as on the page of
// package docs, and classes that are not published are absent. x-roles of an
// operation names those who may call it at all.
//
//	names.go      names of schemas and operations
//	value.go      types of the schema language as schemas
//	record.go     what is shown of a class
//	input.go      what may be sent to it
//	answer.go     responses, envelopes, header fields
//	problem.go    errors
//	parameter.go  the query and the header of requests
//	operation.go  operations of a class
//	special.go    action types of the application's own
//	account.go    login and what goes with it
//	can.go        questions about rights
//	compound.go   several actions in one request
//	job.go        what is done after the answer
package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/engine/docs"
	"github.com/dowel-dev/dowel/schema"
)

// App is what documents are about.
type App struct {
	docs.App
	// Problems and Wrapped are the errors by their codes as problems and as envelopes have them.
	Problems, Wrapped []docs.Error
	// Accounts are the places below MOUNT/auth/ of an application with a login class.
	Accounts []Account
	// Handled reports whether the program has the function of an action declared with `run: go`.
	Handled func(a *schema.Action) bool
	// Jobs is the place of jobs below the mount, /jobs/; "" where there are none.
	Jobs string
	// Own are the places of the application's own action types.
	Own []Own
}

// Account is a place below MOUNT/auth/.
type Account struct{ Name, Method string }

// Edition is one of the documents.
type Edition string

// The editions, by the version of OpenAPI they are written in.
const (
	Exact Edition = "3.1"
	Plain Edition = "3.0"
)

// versions are the full versions of OpenAPI.
var versions = map[Edition]string{Exact: "3.1.0", Plain: "3.0.3"}

// Render returns a document as JSON text, the same for the same application.
func Render(app App, e Edition) ([]byte, error) {
	b := &builder{App: app, exact: e == Exact, names: map[string]string{}, taken: map[string]bool{}}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(b.whole(versions[e])); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	return out.Bytes(), nil
}

// builder makes one document.
type builder struct {
	App
	exact bool
	names map[string]string // of what all share, by what it is
	taken map[string]bool   // names of components
	doc   *openapi3.T
	ids   map[string]bool // operation ids given away
}

func (b *builder) whole(version string) *openapi3.T {
	s := b.Schema
	b.doc = &openapi3.T{
		OpenAPI: version,
		Info:    &openapi3.Info{Title: orElse(s.App.Title, "API"), Version: orElse(s.App.Version, "1"), Description: b.conventions()},
		// Relative to wherever the document is, so it is right behind any host.
		Servers: openapi3.Servers{{URL: orElse(b.Mount, "/")}},
		Paths:   openapi3.NewPaths(),
		Components: &openapi3.Components{
			Schemas: openapi3.Schemas{}, Parameters: openapi3.ParametersMap{}, Headers: openapi3.Headers{},
			Responses: openapi3.ResponseBodies{}, SecuritySchemes: b.credentials(),
		},
	}
	b.ids = map[string]bool{}
	b.claim()
	for _, c := range s.Classes {
		if published(c) {
			b.doc.Tags = append(b.doc.Tags, &openapi3.Tag{Name: c.TypeName, Description: c.Doc})
			b.own(c)
		}
	}
	for _, c := range s.Classes {
		b.related(c)
	}
	b.special()
	b.fixed()
	b.can()
	b.compound()
	b.jobs()
	b.accounts()
	return b.doc
}

// conventions is what holds for every operation.
func (b *builder) conventions() string {
	var t strings.Builder
	para := func(text string) { t.WriteString(text + "\n\n") }
	if doc := b.Schema.App.Doc; doc != "" {
		para(doc)
	}
	para("Every parameter of the query that is no option is a filter: `field=OPERATOR:VALUE`, where the operator is one that the parameter names, `not:` before it turns it around, " +
		"and a value alone is compared with `eq`, or as a pattern with `like` where it holds a `*`. Several filters, of one field too, must all hold. " +
		"Filters reach along relations (`relation.field=…`: has a related record that fits), and a field that is called like an option is filtered as `.field`. Unknown names are errors, never ignored.")
	para("HEAD is answered wherever GET is, OPTIONS everywhere. Records and lists carry a strong entity tag.")
	if b.exact {
		para("This document says everything that may be sent and answered. `openapi-3.0.json` beside it leaves out alternatives and what changes the shape of answers, and is the better one to generate clients from.")
	} else {
		para("This document says the plainest form of everything: one shape of JSON an operation, of which `fields=*,NAME` adds members and leaves none out. `openapi.json` beside it says all that may be sent and answered. Sets stay arrays of what names their members here, even where `with` asks for records.")
	}
	return strings.TrimSpace(t.String())
}

// credentials are the ways to say who asks.
func (b *builder) credentials() openapi3.SecuritySchemes {
	bearer := openapi3.NewJWTSecurityScheme()
	bearer.Description = "A token of a provider that this application trusts."
	if b.Schema.Login != nil {
		bearer.Description = "The `access_token` of a login, an API key, or a token of a provider that this application trusts."
	}
	all := openapi3.SecuritySchemes{"bearer": &openapi3.SecuritySchemeRef{Value: bearer}}
	if b.Basic && b.Schema.Login != nil {
		basic := openapi3.NewSecurityScheme().WithType("http").WithScheme("basic")
		basic.Description = "Login and password with every request; in development only."
		all["basic"] = &openapi3.SecuritySchemeRef{Value: basic}
	}
	return all
}

// security says whether an operation needs credentials.
func (b *builder) security(open bool) *openapi3.SecurityRequirements {
	needs := openapi3.NewSecurityRequirements()
	if open {
		needs.With(openapi3.NewSecurityRequirement())
	}
	needs.With(openapi3.NewSecurityRequirement().Authenticate("bearer"))
	if b.doc.Components.SecuritySchemes["basic"] != nil {
		needs.With(openapi3.NewSecurityRequirement().Authenticate("basic"))
	}
	return needs
}

// published reports whether the API has the class.
func published(c *schema.Class) bool { return c.Expose && !c.Internal }

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
