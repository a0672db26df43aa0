package load

import (
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// Classes of the framework itself are made here, after those of the application
// and only where its schema has use for them. They are tables like others, which
// nobody can name in rules, expressions or paths.

// appendInternal adds an internal class, in a table that begins with an
// underscore. Its first field is the key; those that are unique or indexed get their index.
func appendInternal(s *schema.Schema, name, typeName, doc string, fields ...*schema.Field) *schema.Class {
	plural := name + "s"
	c := &schema.Class{
		Name: name, Collection: strings.ReplaceAll(plural, "_", "-"), Table: "_" + plural, Plural: plural, TypeName: typeName, Doc: doc,
		Fields: fields, Key: fields[:1:1], OnConflict: "error", Concurrency: "optional", Internal: true,
	}
	c.Key[0].Immutable = true
	for _, f := range fields[1:] {
		switch list := []*schema.Field{f}; {
		case f.Unique:
			c.Uniques = append(c.Uniques, &schema.Index{Name: c.Table + "_" + f.Name + "_key", Fields: list, Unique: true})
		case f.Indexed:
			c.Indexes = append(c.Indexes, &schema.Index{Name: c.Table + "_" + f.Name + "_idx", Fields: list})
		}
	}
	s.Classes = append(s.Classes, c)
	return c
}

// indexOver adds an index over several fields to an internal class.
func indexOver(c *schema.Class, fields ...*schema.Field) {
	name := c.Table
	for _, f := range fields {
		name += "_" + f.Name
	}
	c.Indexes = append(c.Indexes, &schema.Index{Name: name + "_idx", Fields: fields})
}

func ownField(name, typ string) *schema.Field {
	return &schema.Field{Name: name, JSON: name, Column: name, Type: schema.MustType(typ, schema.Options{})}
}

func ownOptional(name, typ string) *schema.Field {
	f := ownField(name, typ)
	f.Optional = true
	return f
}

func ownUnique(name string) *schema.Field {
	f := ownField(name, "text")
	f.Unique = true
	return f
}

func ownIndexed(name string) *schema.Field {
	f := ownField(name, "text")
	f.Indexed = true
	return f
}
