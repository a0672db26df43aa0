package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
)

// A seed row is known by its natural key: the first of these that it gives in
// full — the class's own key, a unique key — or else by all it says of itself.
// A reference is written as the natural key of its target, or as an object of
// any unique key. Where rows belong to organizations, a target that does not say to
// which is of the same as the row.

// part is one field of a natural key and what the row says of it.
type part struct {
	field *schema.Field
	value *load.Node
}

// identity returns the natural key of a row.
func (s *seedRow) identity() []part {
	given := map[*schema.Field]*load.Node{}
	var all []part
	for i := range s.value.Members {
		f := s.class.Field(s.value.Members[i].Name)
		if f == nil || !f.Stored() {
			continue
		}
		v := &s.value.Members[i].Value
		given[f] = v
		if f.Ref != nil || f.Type.Kind() != schema.JSON && !f.Type.Traits().Secret {
			all = append(all, part{f, v})
		}
	}
	for _, fields := range naturalKeys(s.class) {
		if parts := complete(fields, given); parts != nil {
			return parts
		}
	}
	return all
}

// naturalKeys are the sets of fields that tell rows of a class apart, best first.
func naturalKeys(c *schema.Class) [][]*schema.Field {
	var keys [][]*schema.Field
	chosen := true
	for _, k := range c.Key {
		chosen = chosen && k.Auto != schema.AutoID && k.Auto != schema.AutoUUID && k.Auto != schema.AutoSequence
	}
	if chosen {
		keys = append(keys, c.Key)
	}
	for _, u := range c.Uniques {
		keys = append(keys, u.Fields)
	}
	return keys
}

func complete(fields []*schema.Field, given map[*schema.Field]*load.Node) []part {
	var parts []part
	for _, f := range fields {
		v := given[f]
		if v == nil || v.Kind == load.Null {
			return nil
		}
		parts = append(parts, part{f, v})
	}
	return parts
}

// handle is the one field whose value stands for a row of the class in a
// reference: its key where people choose it, else its first unique field, else the key.
func handle(c *schema.Class) *schema.Field {
	for _, key := range naturalKeys(c) {
		if len(key) == 2 && key[0] == c.Tenant {
			key = key[1:]
		}
		if len(key) == 1 && key[0].Ref == nil {
			return key[0]
		}
	}
	return c.Key[0]
}

// org is the organization that the row says it belongs to, nil where it does not.
func (s *seedRow) org() *load.Node {
	for i := range s.value.Members {
		if f := s.class.Field(s.value.Members[i].Name); f != nil && f == s.class.Tenant {
			return &s.value.Members[i].Value
		}
	}
	return nil
}

// names returns every name by which other rows may refer to this one.
func (s *seedRow) names() []string {
	given := map[*schema.Field]*load.Node{}
	for i := range s.value.Members {
		if f := s.class.Field(s.value.Members[i].Name); f != nil {
			given[f] = &s.value.Members[i].Value
		}
	}
	var names []string
	for _, fields := range append(naturalKeys(s.class), s.class.Key) {
		if parts := complete(fields, given); parts != nil {
			names = append(names, nameOf(s.class, parts, s.org()))
		}
	}
	return names
}

// nameOf is a text that two ways to write the same natural key share. org is the
// organization of a row that does not say it, or nil.
func nameOf(c *schema.Class, parts []part, org *load.Node) string {
	says := slices.ContainsFunc(parts, func(p part) bool { return p.field == c.Tenant })
	if c.Tenant != nil && !says && org != nil {
		parts = append(slices.Clip(parts), part{c.Tenant, org})
	}
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.field.Name + "=" + valueName(p.field, p.value, org)
	}
	sort.Strings(texts)
	return c.Name + "{" + strings.Join(texts, ",") + "}"
}

func valueName(f *schema.Field, v, org *load.Node) string {
	if f.Ref != nil {
		return targetName(f.Ref.To, v, org)
	}
	if parsed, err := f.Type.Parse(v.Text); err == nil {
		return f.Type.Text(parsed)
	}
	return v.Text
}

// targetName is the name of the row that a reference speaks of.
func targetName(to *schema.Class, v, org *load.Node) string {
	if v.Kind == load.Scalar {
		return nameOf(to, []part{{handle(to), v}}, org)
	}
	var parts []part
	for i := range v.Members {
		if f := to.Field(v.Members[i].Name); f != nil {
			parts = append(parts, part{f, &v.Members[i].Value})
		}
	}
	return nameOf(to, parts, org)
}

// needs returns the names of the rows that this one refers to.
func (s *seedRow) needs() []string {
	var names []string
	for i := range s.value.Members {
		f, v := s.class.Field(s.value.Members[i].Name), &s.value.Members[i].Value
		switch {
		case f == nil:
		case f.Ref != nil && v.Kind != load.Null:
			names = append(names, targetName(f.Ref.To, v, s.org()))
		case f.Many != nil:
			for j := range v.Items {
				item := &v.Items[j]
				if by := f.Many.By; by != nil && item.Kind == load.Scalar {
					names = append(names, nameOf(f.Many.To, []part{{by, item}}, s.org()))
				} else {
					names = append(names, targetName(f.Many.To, item, s.org()))
				}
			}
		}
	}
	return names
}

// condition holds for the stored row with this natural key.
func condition(parts []part) (schema.Expr, error) {
	return conditionAlong(nil, parts)
}

func conditionAlong(steps []schema.Step, parts []part) (schema.Expr, error) {
	var all schema.And
	for _, p := range parts {
		path := &schema.Path{Steps: steps, Field: p.field, Type: p.field.Type}
		if p.value.Kind == load.Null {
			all = append(all, schema.IsNull{X: path})
			continue
		}
		if ref := p.field.Ref; ref != nil {
			e, err := referenceCondition(steps, p)
			if err != nil {
				return nil, err
			}
			all = append(all, e)
			continue
		}
		if p.value.Kind != load.Scalar {
			return nil, fmt.Errorf("`%s` is a value, not %s", p.field.JSON, p.value.Kind)
		}
		v, err := p.field.Type.Parse(p.value.Text)
		if err != nil {
			return nil, fmt.Errorf("`%s`: %w", p.field.JSON, err)
		}
		all = append(all, schema.Compare{Op: schema.Eq, Left: path, Right: schema.Lit{Value: v}})
	}
	return all, nil
}

func referenceCondition(steps []schema.Step, p part) (schema.Expr, error) {
	to := p.field.Ref.To
	parts := []part{}
	switch p.value.Kind {
	case load.Scalar:
		h := handle(to)
		if h != to.Key[0] {
			parts = append(parts, part{h, p.value})
			break
		}
		t := keyType(p.field)
		v, err := t.Parse(p.value.Text)
		if err != nil {
			return nil, fmt.Errorf("`%s`: %w", p.field.JSON, err)
		}
		return schema.Compare{Op: schema.Eq, Left: &schema.Path{Steps: steps, Field: p.field, Type: t}, Right: schema.Lit{Value: v}}, nil
	case load.Map:
		for i := range p.value.Members {
			name := p.value.Members[i].Name
			f := to.Field(name)
			if f == nil || !f.Stored() {
				return nil, fmt.Errorf("`%s` has no field `%s`%s", to.Name, name, didYouMean(name, memberNames(to)))
			}
			parts = append(parts, part{f, &p.value.Members[i].Value})
		}
	default:
		return nil, fmt.Errorf("`%s` names a %s: a value or an object, not %s", p.field.JSON, to.Name, p.value.Kind)
	}
	along := append(steps[:len(steps):len(steps)], schema.Step{Rel: p.field.Ref.Rel})
	return conditionAlong(along, parts)
}

// keyType is the type of a field's values: a reference's are its target's key.
func keyType(f *schema.Field) schema.Type {
	for f.Ref != nil {
		f = f.Ref.To.Key[0]
	}
	return f.Type
}

func memberNames(c *schema.Class) []string {
	var names []string
	for _, f := range c.Fields {
		names = append(names, f.JSON)
	}
	return names
}

// content is the row as a client would send it.
func (s *seedRow) content() []byte {
	b := []byte{'{'}
	for i := range s.value.Members {
		if i > 0 {
			b = append(b, ',')
		}
		name, v := s.value.Members[i].Name, &s.value.Members[i].Value
		f := s.class.Field(name)
		if f == nil {
			// The engine's own message about unknown members is the best one.
			b = appendMember(b, name)
			b = appendJSON(b, v, schema.Shape{})
			continue
		}
		b = appendMember(b, f.JSON)
		switch {
		case f.Ref != nil:
			b = appendReference(b, f.Ref.To, v)
		case f.Many != nil && v.Kind == load.List:
			b = append(b, '[')
			for j := range v.Items {
				if j > 0 {
					b = append(b, ',')
				}
				if f.Many.By != nil {
					b = appendJSON(b, &v.Items[j], f.Many.By.Type.Shape())
				} else {
					b = appendReference(b, f.Many.To, &v.Items[j])
				}
			}
			b = append(b, ']')
		case f.Many != nil:
			b = appendJSON(b, v, schema.Shape{})
		default:
			b = appendJSON(b, v, f.Type.Shape())
		}
	}
	return append(b, '}')
}

// appendReference writes a reference: by key as it is, by another unique field as an object.
func appendReference(b []byte, to *schema.Class, v *load.Node) []byte {
	if v.Kind == load.Map {
		b = append(b, '{')
		for i := range v.Members {
			if i > 0 {
				b = append(b, ',')
			}
			shape := schema.Shape{}
			if f := to.Field(v.Members[i].Name); f != nil && f.Stored() {
				shape = keyType(f).Shape()
			}
			b = appendMember(b, v.Members[i].Name)
			b = appendJSON(b, &v.Members[i].Value, shape)
		}
		return append(b, '}')
	}
	h := handle(to)
	if v.Kind != load.Scalar || h == to.Key[0] {
		return appendJSON(b, v, keyType(to.Key[0]).Shape())
	}
	b = appendMember(append(b, '{'), h.JSON)
	return append(appendJSON(b, v, h.Type.Shape()), '}')
}

func appendMember(b []byte, name string) []byte {
	return append(appendText(b, name), ':')
}

// appendJSON writes a value as its declared shape wants it: the source text
// 01234 is a string where a string is declared. A shape that is anything
// (type json) takes plain scalars as JSON reads them.
func appendJSON(b []byte, v *load.Node, shape schema.Shape) []byte {
	switch v.Kind {
	case load.Null:
		return append(b, "null"...)
	case load.List:
		item := schema.Shape{}
		if shape.Items != nil {
			item = *shape.Items
		}
		b = append(b, '[')
		for i := range v.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, &v.Items[i], item)
		}
		return append(b, ']')
	case load.Map:
		b = append(b, '{')
		for i := range v.Members {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendMember(b, v.Members[i].Name)
			b = appendJSON(b, &v.Members[i].Value, memberShape(shape, v.Members[i].Name))
		}
		return append(b, '}')
	}
	literal := shape.Type == "integer" || shape.Type == "number" || shape.Type == "boolean" || shape.Type == "" && !v.Quoted
	if literal && json.Valid([]byte(v.Text)) && !strings.ContainsAny(v.Text, "\"[{") {
		return append(b, v.Text...)
	}
	return appendText(b, v.Text)
}

func memberShape(s schema.Shape, name string) schema.Shape {
	for _, m := range s.Members {
		if m.Name == name {
			return m.Shape
		}
	}
	return schema.Shape{}
}

func appendText(b []byte, s string) []byte {
	q, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...) // a string always marshals
	}
	return append(b, q...)
}

// scalarNode is a text as if a file had said it.
func scalarNode(text string) load.Node { return load.Node{Kind: load.Scalar, Text: text, Quoted: true} }
