package actions

import (
	"bytes"

	"github.com/dowel-dev/dowel/schema"
)

// Secret reports whether an action may hold something in plain text that is only
// ever stored hashed, or that is never shown: it must not be kept as it is.
func Secret(s *schema.Schema, a Action) bool {
	var content []byte
	switch a := a.(type) {
	case *Create:
		content = a.Content
	case *Replace:
		content = a.Content
	case *Patch:
		if f := fieldOf(s, a.Class, a.Property); f != nil && secret(f) {
			return true
		}
		content = a.Content
	case *PatchEach:
		content = a.Content
	case *PatchWhere:
		content = a.Content
	case *BulkImport:
		content = a.Content
	case *BulkUpdate:
		content = a.Content
	case *Run:
		c := s.Class(a.Class)
		if c == nil {
			return false
		}
		for _, act := range c.Actions {
			if act.Name == a.Action && mentions(a.Content, act.Input) {
				return true
			}
		}
		return false
	case *Compound:
		for i := range a.Steps {
			if a.Steps[i].Action != nil && Secret(s, a.Steps[i].Action) {
				return true
			}
		}
		return false
	}
	c := s.Class(a.On())
	return c != nil && mentions(content, c.Fields)
}

func fieldOf(s *schema.Schema, class, name string) *schema.Field {
	if c := s.Class(class); c != nil && name != "" {
		return c.Field(name)
	}
	return nil
}

func secret(f *schema.Field) bool { return f.WriteOnly || f.Type.Traits().Secret }

// mentions reports whether content names a secret member: also by a path, as patches do.
func mentions(content []byte, fields []*schema.Field) bool {
	for _, f := range fields {
		if secret(f) && (bytes.Contains(content, []byte(f.JSON)) || bytes.Contains(content, []byte(f.Name)) || bytes.Contains(content, []byte(`\u`))) {
			return true
		}
	}
	return false
}
