package client

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// document is what clients are made of.
type document struct {
	Info    struct{ Title, Version string }
	Servers []struct{ URL string }
	Paths   map[string]map[string]json.RawMessage

	Components struct {
		Schemas    map[string]*node
		Parameters map[string]*parameter
		Responses  map[string]*response
	}
}

type operation struct {
	OperationID string
	Summary     string
	Description string
	Parameters  []*parameter
	RequestBody *struct {
		Required bool
		Content  map[string]media
	}
	Responses map[string]*response
}

type parameter struct {
	Ref         string `json:"$ref"`
	Name, In    string
	Description string
	Required    bool
	Schema      *node
}

type media struct{ Schema *node }

type response struct {
	Ref     string `json:"$ref"`
	Content map[string]media
}

// node is a schema of a plain document: one type, no alternatives.
type node struct {
	Ref                  string `json:"$ref"`
	Type, Format         string
	Description          string
	Nullable             bool
	Enum                 []any
	Properties           map[string]*node
	Required             []string
	Items                *node
	AdditionalProperties json.RawMessage
	AllOf                []*node
}

func read(raw []byte) (*document, error) {
	d := &document{}
	if err := json.Unmarshal(raw, d); err != nil {
		return nil, fmt.Errorf("the document: %w", err)
	}
	return d, nil
}

// operation is the operation of a place, nil where there is none.
func (d *document) operation(method, path string) (*operation, error) {
	raw := d.Paths[path][strings.ToLower(method)]
	if raw == nil {
		return nil, nil
	}
	o := &operation{}
	if err := json.Unmarshal(raw, o); err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	for i, p := range o.Parameters {
		if p.Ref != "" {
			o.Parameters[i] = d.Components.Parameters[last(p.Ref)]
			o.Parameters[i].Ref = p.Ref
		}
	}
	return o, nil
}

// body is the content of an operation, nil for none.
func (o *operation) body() *node {
	if o.RequestBody == nil {
		return nil
	}
	return o.RequestBody.Content["application/json"].Schema
}

// answer is what an operation answers, out of its envelope; nil for nothing.
func (d *document) answer(o *operation) *node {
	for _, status := range []string{"200", "201"} {
		r := o.Responses[status]
		if r == nil {
			continue
		}
		if r.Ref != "" {
			r = d.Components.Responses[last(r.Ref)]
		}
		n := r.Content["application/json"].Schema
		if n == nil {
			continue
		}
		if data := d.data(n); data != nil {
			return data
		}
		return n
	}
	return nil
}

// data is the schema of what is in an envelope, nil for what is none.
func (d *document) data(n *node) *node {
	in := d.at(n)
	if len(in.Properties) != 3 || in.Properties["success"] == nil || in.Properties["meta"] == nil {
		return nil
	}
	return in.Properties["data"]
}

// wrapped reports whether an operation answers in an envelope.
func (d *document) wrapped(o *operation) bool {
	r := o.Responses["200"]
	return r != nil && r.Content["application/json"].Schema != nil && d.data(r.Content["application/json"].Schema) != nil
}

// at is a schema behind its references.
func (d *document) at(n *node) *node {
	for {
		name := n.name()
		if name == "" {
			return n
		}
		n = d.Components.Schemas[name]
	}
}

// name is the component that a schema refers to, "" for none.
func (n *node) name() string {
	switch {
	case n.Ref != "":
		return last(n.Ref)
	case len(n.AllOf) == 1:
		return n.AllOf[0].name()
	}
	return ""
}

// values is the schema of the members of an object of any names, nil for other objects.
func (n *node) values() *node {
	if len(n.AdditionalProperties) == 0 || n.AdditionalProperties[0] != '{' {
		return nil
	}
	v := &node{}
	if json.Unmarshal(n.AdditionalProperties, v) != nil {
		return nil
	}
	return v
}

func (n *node) required(name string) bool { return slices.Contains(n.Required, name) }

func last(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }
