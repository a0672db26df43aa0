// Package explain tells people what a schema means: what was derived from a
// class or field, and what the words of the language, types, verbs and error codes say.
//
// Text is the door: it takes what somebody asks about and returns a page for a
// terminal. The pages are made from the loaded schema, the language table, the
// types and the code table, so that they cannot disagree with them.
package explain

import (
	"errors"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/language"
)

// Options are what a schema alone does not know.
type Options struct {
	// Mount is the path in front of collections; "" is the schema's own.
	Mount string
	// Who names those who may do a verb of a class; nil leaves it out.
	Who func(c *schema.Class, verb string) string
	// Types are the built-in and the application's own; nil is the built-in ones.
	Types []schema.TypeDef
}

func (o *Options) types() []schema.TypeDef {
	if o.Types == nil {
		return schema.BuiltinTypes()
	}
	return o.Types
}

func (o *Options) mount(s *schema.Schema) string {
	mount := o.Mount
	if mount == "" && s != nil {
		mount = s.App.Mount
	}
	if mount == "" {
		mount = "/api"
	}
	return strings.TrimSuffix(mount, "/")
}

// Text returns the page of a topic: CLASS, CLASS.FIELD, an error code, a type,
// a verb, or a key of the language (cache, class.cache, optional). s may be nil when there is
// no schema; classes are then unknown. The error names what was probably meant.
func Text(s *schema.Schema, topic string, o Options) (string, error) {
	if code := diag.Lookup(strings.ToUpper(topic)); code != nil {
		return code.Page(), nil
	}
	if s != nil {
		class, member, dotted := strings.Cut(topic, ".")
		if c := find(s, class); c != nil {
			if !dotted {
				return Class(s, c, o), nil
			}
			return memberOf(s, c, member, o)
		}
	}
	if page, ok := Word(topic, o); ok {
		return page, nil
	}
	return "", unknown(topic, Topics(s, o))
}

// find returns the class of a name or path segment.
func find(s *schema.Schema, name string) *schema.Class {
	c := s.Class(name)
	if c == nil {
		c = s.Collection(name)
	}
	if c == nil || c.Internal {
		return nil
	}
	return c
}

func unknown(topic string, candidates []string) error {
	text := "nothing is called `" + topic + "`"
	// A slip in the class of CLASS.FIELD is found in the class alone.
	if class, member, dotted := strings.Cut(topic, "."); dotted && diag.Suggest(topic, candidates) == "" {
		if meant := diag.Suggest(class, candidates); meant != "" {
			return errors.New(text + ": did you mean `" + meant + "." + member + "`?")
		}
	}
	if help := diag.DidYouMean(topic, candidates); help != "" {
		text += ": " + help
	}
	return errors.New(text)
}

// memberOf explains a field, relation or action of a class.
func memberOf(s *schema.Schema, c *schema.Class, name string, o Options) (string, error) {
	if f := c.Field(name); f != nil {
		return Field(s, f, o), nil
	}
	if r := c.Relation(name); r != nil && !r.To.Internal {
		return relation(c, r, o.mount(s)), nil
	}
	for _, a := range c.Actions {
		if a.Name == name {
			return action(c, a, o.mount(s), o), nil
		}
	}
	var names []string
	for _, f := range c.Fields {
		names = append(names, f.Name, f.JSON)
	}
	for _, r := range c.Relations {
		names = append(names, r.Name)
	}
	for _, a := range c.Actions {
		names = append(names, a.Name)
	}
	text := "`" + c.Name + "` has no field `" + name + "`"
	if help := diag.DidYouMean(name, names); help != "" {
		text += ": " + help
	}
	return "", errors.New(text)
}

// Topics lists everything that Text explains, for completion.
func Topics(s *schema.Schema, o Options) []string {
	var all []string
	if s != nil {
		for _, c := range s.Classes {
			if !c.Internal {
				all = append(all, c.Name)
			}
		}
	}
	for _, d := range o.types() {
		all = append(all, d.Name)
	}
	for _, v := range language.Verbs() {
		all = append(all, v.Name)
	}
	for _, section := range language.Sections() {
		all = append(all, section.Name)
		for _, k := range section.Keys {
			all = append(all, section.Name+"."+k.Name)
		}
	}
	for _, c := range diag.Codes() {
		all = append(all, c.ID)
	}
	return all
}
