// Package editor makes the JSON Schema that lets editors complete and check
// the schema files of one project.
//
// It is written from the language table (package language), the types, and the
// names the project has declared, so an editor offers `customer` as a type and
// `manager` as a role, and marks a typo inside `string optonal`. It knows the
// form of files only; `dowel check` knows their meaning.
package editor

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/language"
)

// node is a JSON Schema, or part of one. Keys that begin as yaml-language-server's own
// (patternErrorMessage, defaultSnippets) are ignored by other readers.
type node map[string]any

// Schema returns the JSON Schema (2020-12) of the schema files of a project.
// types are the built-in and the application's own.
func Schema(names Names, types []schema.TypeDef) []byte {
	g := &generator{names: names, types: typeWords(types)}
	defs := node{"fieldText": g.fieldText()}
	for _, s := range language.Sections() {
		defs[s.Name] = g.section(s)
	}
	root := node{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "Dowel schema",
		"$ref":    "#/$defs/file",
		"$defs":   defs,
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		panic("editor: " + err.Error()) // maps of strings and lists cannot fail
	}
	return b.Bytes()
}

type generator struct {
	names Names
	types []schema.TypeDef
}

func (g *generator) section(s *language.Section) node {
	properties := node{}
	for _, k := range s.Keys {
		p := g.any(k.Shapes, k.Name)
		p["description"] = describe(&k)
		properties[k.Name] = p
	}
	return node{
		"type": "object", "description": s.Doc, "properties": properties,
		"patternProperties": node{"^x-": true}, "additionalProperties": false,
	}
}

func describe(k *language.Key) string {
	d := k.Doc
	if k.Default != "" {
		d += " Default: " + k.Default + "."
	}
	if k.Fits != "" {
		d += " For " + k.Fits + "."
	}
	if k.Example != "" {
		d += "\n\n" + k.Example
	}
	return d
}

// any is a value that has one of some forms. It is anyOf and never oneOf:
// editors report values that fit two forms of a oneOf.
func (g *generator) any(shapes []language.Shape, key string) node {
	if len(shapes) == 1 {
		return g.shape(shapes[0], key)
	}
	var forms []node
	for _, s := range shapes {
		forms = append(forms, g.shape(s, key))
	}
	return node{"anyOf": forms}
}

const namePattern = "^[a-z][a-z0-9_]*$"

func (g *generator) shape(s language.Shape, key string) node {
	switch s.Kind {
	case language.Null:
		return node{"type": "null"}
	case language.Text:
		return node{"type": []string{"string", "number", "boolean"}}
	case language.Scalar:
		return node{"type": []string{"string", "number", "boolean", "null"}}
	case language.Bool:
		return node{"type": "boolean"}
	case language.Int:
		return node{"type": "integer"}
	case language.Name, language.Field:
		return node{"type": "string", "pattern": "^[a-z][a-zA-Z0-9_]*$"}
	case language.Sort:
		return node{"type": "string", "pattern": "^-?[a-z][a-zA-Z0-9_]*$"}
	case language.Span:
		if key == "cache" {
			return matching("^(public +)?[0-9]+[a-z]+$", "a length of time, perhaps after public: 5m, public 1h")
		}
		return matching("^[0-9]+[a-z]+$", "a length of time: 30s, 5m, 1h, 2d")
	case language.Choice:
		return choice(s.Words)
	case language.Expr:
		return node{"type": []string{"string", "boolean"}}
	case language.RowRole:
		return node{"type": []string{"string", "boolean"}}
	case language.Class:
		return g.oneOf(g.names.Classes)
	case language.Mixin:
		return g.oneOf(g.names.Mixins)
	case language.Role:
		return g.oneOf(g.names.Roles)
	case language.AnyRole:
		return g.oneOf(g.roles())
	case language.Rule:
		return g.rule()
	case language.FieldText:
		return node{"$ref": "#/$defs/fieldText"}
	case language.Computed:
		return matching(`^(count|sum|min|max|avg)\s+\S`, "count RELATION, or sum RELATION.FIELD, both perhaps with: where CONDITION")
	case language.Type:
		return g.oneOf(g.typeNames())
	case language.Path:
		return node{"type": "string"}
	case language.List:
		return node{"type": "array", "items": g.any(s.Of, key)}
	case language.Map:
		return g.mapOf(s, key)
	case language.Object:
		return node{"$ref": "#/$defs/" + s.Section}
	}
	return node{}
}

func matching(pattern, message string) node {
	return node{"type": "string", "pattern": pattern, "patternErrorMessage": message}
}

// choice is a closed set of words. One that YAML reads as a number is that number too.
func choice(words []string) node {
	var values []any
	for _, w := range words {
		values = append(values, w)
		if n, err := strconv.Atoi(w); err == nil {
			values = append(values, n)
		}
	}
	return node{"enum": values}
}

// oneOf is a name from a list. Without any it is any name: the declaration may come later.
func (g *generator) oneOf(names []string) node {
	if len(names) == 0 {
		return node{"type": "string"}
	}
	return node{"type": "string", "enum": names}
}

func (g *generator) roles() []string {
	var all []string
	for _, r := range language.BuiltinRoles() {
		all = append(all, r.Name)
	}
	return append(append(all, g.names.Roles...), g.names.RowRoles...)
}

// rule is ROLE or ROLE where EXPR. The list of roles comes first, so that it is what editors complete.
func (g *generator) rule() node {
	return node{"anyOf": []node{
		g.oneOf(g.roles()),
		matching("^("+alternatives(g.roles())+`)\s+where\s+\S`, "a role, or: ROLE where CONDITION"),
	}}
}

// mapOf is a map with names of its own. In rules the names are verbs.
func (g *generator) mapOf(s language.Shape, key string) node {
	member := g.any(s.Of, key)
	if key != "allow" && key != "deny" {
		n := node{"type": "object", "additionalProperties": member}
		if named(s) {
			n["propertyNames"] = node{"pattern": namePattern}
		}
		return n
	}
	verbs := node{}
	for _, v := range language.Verbs() {
		m := node{"description": v.Doc}
		for k, x := range member {
			m[k] = x
		}
		verbs[v.Name] = m
	}
	for _, a := range g.names.Actions {
		verbs[a] = member
	}
	return node{"type": "object", "properties": verbs, "additionalProperties": false}
}

// named reports whether the keys of a map are new names.
func named(s language.Shape) bool {
	return slices.ContainsFunc(s.Of, func(m language.Shape) bool {
		return m.Kind == language.FieldText || m.Kind == language.Object || m.Kind == language.RowRole
	})
}

func (g *generator) typeNames() []string {
	var all []string
	for _, d := range g.types {
		all = append(all, d.Name)
	}
	return append(append(all, g.names.Types...), g.names.Classes...)
}

// fieldText is the one-line form of a field: TYPE word…. One strict pattern
// finds typos inside of it; snippets stand in for the completion that a
// pattern cannot give.
func (g *generator) fieldText() node {
	types := alternatives(g.typeNames())
	first := "(" + types + "|list +(" + types + ")|many +(" + alternatives(g.names.Classes) + "))"
	var snippets []node
	for _, d := range g.types {
		snippets = append(snippets, node{"label": d.Name, "description": d.Doc, "body": d.Name})
	}
	for _, name := range g.names.Types {
		snippets = append(snippets, node{"label": name, "description": "A type of this project.", "body": name})
	}
	for _, name := range g.names.Classes {
		snippets = append(snippets, node{"label": name, "description": "A reference to a " + name + ".", "body": name},
			node{"label": "many " + name, "description": "A set of rows of " + name + ".", "body": "many " + name})
	}
	n := matching("^"+first+"( +("+g.words()+"))*$", "a field is a type and words: string max=100 optional")
	n["description"] = "A type, then words: string max=100 optional."
	n["defaultSnippets"] = snippets
	return n
}

// words matches the words that may follow a type.
func (g *generator) words() string {
	var all []string
	known := map[string]bool{}
	for _, k := range language.Lookup("field").Keys {
		if k.Word == "" {
			continue
		}
		known[k.Name] = true
		all = append(all, g.word(&k))
	}
	for _, d := range g.types {
		for _, o := range d.Options {
			if !known[o] {
				known[o] = true
				all = append(all, regexp.QuoteMeta(o)+"=[^ ]+")
			}
		}
	}
	return strings.Join(all, "|")
}

func (g *generator) word(k *language.Key) string {
	if !strings.HasSuffix(k.Word, "=") {
		return regexp.QuoteMeta(k.Word)
	}
	value := "[^ ]+"
	for _, s := range k.Shapes {
		switch s.Kind {
		case language.Choice:
			value = "(" + alternatives(s.Words) + ")"
		case language.Int:
			value = "[0-9]+"
		case language.AnyRole:
			value = "(" + alternatives(g.roles()) + ")(,(" + alternatives(g.roles()) + "))*"
		}
	}
	return regexp.QuoteMeta(k.Word) + value
}

// alternatives matches one of some names; without any, every name.
func alternatives(names []string) string {
	if len(names) == 0 {
		return "[a-z][a-z0-9_]*"
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = regexp.QuoteMeta(n)
	}
	return strings.Join(quoted, "|")
}
