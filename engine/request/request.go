// Package request turns an HTTP request into an action value.
//
// There is one Parser. It reads, in this order: the path, the method, the query
// (with its ;modifiers), the header fields, what may be answered, and last the
// content. The first of these that is wrong answers; within one of them
// everything wrong is reported at once.
//
// The parser knows the names of the schema only as far as the path needs them:
// collections, and the members that may follow an id. Everything else (the
// fields of filters, orders, expansions and content) goes into the action as
// it was written; package actions holds it against the schema. No row is read here.
//
//	path.go       the path: what is addressed
//	resource.go   what a method means there: the action, what it takes
//	query.go      pairs, modifiers, which option is given how
//	options.go    what the options say
//	group.go      the grammar of group=, measure= and having
//	with.go       the grammar of with=
//	precond.go    If-Match and its relatives, Prefer, Idempotency-Key
//	negotiate.go  Accept and format=
//	body.go       content
//	file.go       content that is streamed into a file
//	compound.go   several requests in one
package request

import (
	"net/http"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/strictjson"
	"github.com/dowel-dev/dowel/schema"
)

// Parser reads the requests of one schema. It is immutable in use and safe for concurrent use.
type Parser struct {
	Schema *schema.Schema
	// Mount is the path prefix of the API; "" is what the schema says.
	Mount string
	// Limits bound a request; a zero limit is its default.
	Limits Limits
	// Formats are the words of format= that can be produced; the first is what is
	// sent to clients that do not care. nil is json only.
	Formats []string

	// mark begins ids that stand for values still to come, in a step of a compound.
	mark string
}

// Limits bound what one request may hold.
type Limits struct {
	Target int   // bytes of the request target
	Body   int64 // bytes of content
	Import int64 // bytes of the content of a bulk-import
	Steps  int   // of a compound
	JSON   strictjson.Limits
}

// DefaultLimits are the documented defaults.
func DefaultLimits() Limits {
	return Limits{Target: 16 << 10, Body: 1 << 20, Import: 16 << 20, Steps: 100, JSON: strictjson.Defaults()}
}

func (l *Limits) defaults() Limits {
	d := DefaultLimits()
	if l.Target > 0 {
		d.Target = l.Target
	}
	if l.Body > 0 {
		d.Body = l.Body
	}
	if l.Import > 0 {
		d.Import = l.Import
	}
	if l.Steps > 0 {
		d.Steps = l.Steps
	}
	if l.JSON.Depth > 0 {
		d.JSON.Depth = l.JSON.Depth
	}
	if l.JSON.Members > 0 {
		d.JSON.Members = l.JSON.Members
	}
	if l.JSON.Number > 0 {
		d.JSON.Number = l.JSON.Number
	}
	return d
}

// Parse returns the action a request asks for. Every error is an *actions.Error.
func (p *Parser) Parse(r *http.Request) (actions.Action, error) {
	t, err := p.resource(r)
	if err != nil {
		return nil, err
	}
	op := t.operation(r.Method)
	if op == nil {
		return nil, notAllowed(r.Method, t.allow())
	}
	var q query
	q.read(op, &t, r.URL.RawQuery)
	a := q.action(op, &t)
	if err := q.err(); err != nil {
		return nil, err
	}
	common := a.Common()
	common.Tenant = t.tenant
	if err := readHeaders(r, common); err != nil {
		return nil, err
	}
	if tenant := p.Schema.Tenant; tenant != nil && tenant.From == "header" {
		if common.Tenant, err = tenantOf(r); err != nil {
			return nil, err
		}
	}
	offers := p
	if op.verb == Compound || op.verb == History {
		offers = &Parser{} // JSON alone
	}
	if op.verb != GetFile { // of which the row knows the type
		if common.Output.Format, err = offers.negotiate(r.Header["Accept"], common.Output.Format); err != nil {
			return nil, err
		}
	}
	if err := p.content(r, op, a); err != nil {
		return nil, err
	}
	return a, nil
}

// Allow returns the methods of the resource that a request addresses, OPTIONS included.
func (p *Parser) Allow(r *http.Request) ([]string, error) {
	t, err := p.resource(r)
	if err != nil {
		return nil, err
	}
	return t.allow(), nil
}

// AcceptPatch returns the media types of patches of the resource that a request
// addresses, nil where nothing can be patched.
func (p *Parser) AcceptPatch(r *http.Request) []string {
	t, err := p.resource(r)
	if err != nil {
		return nil
	}
	if op := t.operation(http.MethodPatch); op != nil {
		return op.types
	}
	return nil
}

// resource checks the length of the target and reads its path.
func (p *Parser) resource(r *http.Request) (target, error) {
	n := len(r.RequestURI)
	if n == 0 {
		n = len(r.URL.Path) + len(r.URL.RawQuery)
	}
	most := p.Limits.Target
	if most == 0 {
		most = DefaultLimits().Target
	}
	if n > most {
		return target{}, actions.Errorf(actions.TargetTooLong, "The address is longer than "+itoa(most)+" bytes: use fewer or shorter parameters.")
	}
	return p.target(r.URL)
}
