package breaking

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// document is what is compared of an OpenAPI document.
type document struct {
	OpenAPI string
	Swagger string
	Servers []struct{ URL string }
	Tags    []struct{ Name string }
	Paths   map[string]*pathItem

	Components struct {
		Schemas         map[string]*schema
		Parameters      map[string]*parameter
		Responses       map[string]*response
		RequestBodies   map[string]*body
		SecuritySchemes map[string]json.RawMessage
	}
	Security []map[string][]string
}

type pathItem struct {
	Parameters                                          []*parameter
	Get, Put, Post, Delete, Options, Head, Patch, Trace *operation
}

// operations are those of a path by their methods.
func (p *pathItem) operations() map[string]*operation {
	all := map[string]*operation{
		"GET": p.Get, "PUT": p.Put, "POST": p.Post, "DELETE": p.Delete,
		"OPTIONS": p.Options, "HEAD": p.Head, "PATCH": p.Patch, "TRACE": p.Trace,
	}
	for method, o := range all {
		if o == nil {
			delete(all, method)
		}
	}
	return all
}

type operation struct {
	OperationID string
	Tags        []string
	Parameters  []*parameter
	RequestBody *body
	Responses   map[string]*response
	Security    *[]map[string][]string
	Roles       *[]string `json:"x-roles"`
}

type parameter struct {
	Ref         string `json:"$ref"`
	Name, In    string
	Description string
	Required    bool
	Schema      *schema
}

type body struct {
	Ref      string `json:"$ref"`
	Required bool
	Content  map[string]media
}

type media struct{ Schema *schema }

type response struct {
	Ref         string `json:"$ref"`
	Description string
	Headers     map[string]json.RawMessage
	Content     map[string]media
}

// schema is a JSON Schema as OpenAPI 3.0 and 3.1 have them.
type schema struct {
	Ref                  string `json:"$ref"`
	Type                 words
	Format, Pattern      string
	Description          string
	Nullable             bool
	Enum                 []json.RawMessage
	Const                json.RawMessage
	Default              json.RawMessage
	Minimum, Maximum     *json.Number
	MinLength, MaxLength *json.Number
	MinItems, MaxItems   *json.Number
	MinProperties        *json.Number
	Properties           map[string]*schema
	Required             []string
	Items                *schema
	AdditionalProperties *extra
	AnyOf, OneOf, AllOf  []*schema
}

// words is a word or a list of them.
type words []string

func (w *words) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*w = words{one}
		return nil
	}
	var many []string
	err := json.Unmarshal(raw, &many)
	*w = many
	return err
}

// extra is what an object may have beside its properties.
type extra struct {
	closed bool
	schema *schema
}

func (e *extra) UnmarshalJSON(raw []byte) error {
	var open bool
	if json.Unmarshal(raw, &open) == nil {
		e.closed = !open
		return nil
	}
	e.schema = &schema{}
	return json.Unmarshal(raw, e.schema)
}

// read reads a document as JSON.
func read(raw []byte) (*document, error) {
	d := &document{}
	if err := json.Unmarshal(raw, d); err != nil {
		return nil, fmt.Errorf("it is no OpenAPI document as JSON: %w", err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.") {
		return nil, errors.New("it is no OpenAPI 3 document: the member `openapi` is missing or of another version")
	}
	return d, nil
}

// Edition is the version of OpenAPI that a document is written in: 3.0 or 3.1.
func Edition(raw []byte) (string, error) {
	d, err := read(raw)
	if err != nil {
		return "", err
	}
	major, rest, _ := strings.Cut(d.OpenAPI, ".")
	minor, _, _ := strings.Cut(rest, ".")
	return major + "." + minor, nil
}

// last is the name at the end of a reference.
func last(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

func (d *document) parameter(p *parameter) *parameter {
	if p.Ref == "" {
		return p
	}
	if found := d.Components.Parameters[last(p.Ref)]; found != nil {
		return found
	}
	return &parameter{}
}

func (d *document) response(r *response) *response {
	if r.Ref == "" {
		return r
	}
	if found := d.Components.Responses[last(r.Ref)]; found != nil {
		return found
	}
	return &response{}
}

func (d *document) body(b *body) *body {
	if b == nil || b.Ref == "" {
		return b
	}
	return d.Components.RequestBodies[last(b.Ref)]
}

// class is the class that the name of a schema begins with, "" for none: Customer of CustomerCreate.
func (d *document) class(name string) (class string) {
	for _, t := range d.Tags {
		rest, ok := strings.CutPrefix(name, t.Name)
		if ok && len(t.Name) > len(class) && (rest == "" || rest[0] < 'a' || rest[0] > 'z') {
			class = t.Name
		}
	}
	return class
}

// peeled is a schema behind references, with null set aside.
type peeled struct {
	*schema
	null  bool
	names []string  // of the components that led to it
	any   []*schema // alternatives beside null, two or more
}

func (d *document) peel(s *schema) peeled {
	p := peeled{schema: s}
	for range 32 { // references in a circle lead nowhere
		s := p.schema
		p.null = p.null || s.Nullable || slices.Contains(s.Type, "null")
		switch {
		case s.Ref != "":
			p.names = append(p.names, last(s.Ref))
			if p.schema = d.Components.Schemas[last(s.Ref)]; p.schema == nil {
				p.schema = &schema{}
			}
			continue
		case len(s.AllOf) == 1 && s.AllOf[0].Ref != "":
			p.schema = s.AllOf[0]
			continue
		}
		choices := slices.Clone(append(s.AnyOf, s.OneOf...))
		some := len(choices) > 0
		choices = slices.DeleteFunc(choices, func(one *schema) bool {
			null := slices.Equal(one.Type, words{"null"})
			p.null = p.null || null
			return null
		})
		if len(choices) == 1 {
			p.schema = choices[0]
			continue
		}
		if some {
			p.any = choices
		}
		return p
	}
	p.schema = &schema{}
	return p
}

// kinds are the types of a schema beside null; none is any.
func (p *peeled) kinds() []string {
	var out []string
	for _, t := range p.Type {
		if t != "null" {
			out = append(out, t)
		}
	}
	if out == nil && len(p.Properties) > 0 {
		out = []string{"object"}
	}
	return out
}
