package request

import (
	"net/http"

	"github.com/dowel-dev/dowel/schema"
)

// Operation is one method of one kind of resource: what the parser takes there.
type Operation struct {
	Method string
	Path   string // below the mount: /customers/{id}/{property}
	Verb   Verb
	From   *schema.Class // of the collection in the path
	Class  *schema.Class // of the records acted on
	// Relation leads from From to Class, nil where they are one.
	Relation *schema.Relation
	// Action is the declared action that runs, or nil.
	Action *schema.Action
	// Properties are the members that {property} may be, in the order of the class.
	Properties []*schema.Field
	// File is the field whose content is sent and fetched, or nil.
	File *schema.Field
	// Options are the reserved words of the query that say something here.
	Options []string
	// Filters: every other word of the query is a filter. Inputs: it is an input of the action.
	Filters, Inputs bool
	Content         Content
	Types           []string // media types of content
}

// Operations lists everything that is offered below the collection of a class, in
// the order of its resources. It asks the parser's own tables, so what documents
// say of a resource is what is served there. HEAD goes with GET, OPTIONS with all.
func Operations(c *schema.Class) []Operation {
	if !c.Expose || c.Internal {
		return nil
	}
	all := c.Path()
	one := all + "/{" + IDName(c) + "}"
	list := offered(nil, all, &target{kind: collection, class: c})
	for _, a := range c.Actions {
		if a.OnCollection {
			list = offered(list, all+"/"+a.Path, &target{kind: collectionAction, class: c, action: a})
		}
	}
	if c.Bulk {
		for _, name := range []string{"bulk-import", "bulk-update", "bulk-delete"} {
			if a := c.Action(name); a == nil || !a.OnCollection {
				list = offered(list, all+"/"+name, &target{kind: bulk, class: c, bulk: bulks[name]})
			}
		}
	}
	list = offered(list, one, &target{kind: item, class: c})
	var names []string
	for _, r := range c.Relations {
		names = append(names, r.JSON)
	}
	for _, a := range c.Actions {
		if !a.OnCollection {
			names = append(names, a.Path)
		}
	}
	for _, name := range append(names, "restore", "purge", "history", "undo") {
		if t, err := new(Parser).member(target{class: c}, name); err == nil && t.kind != property {
			list = offered(list, one+"/"+name, &t)
		}
	}
	fields, files := properties(c)
	for _, f := range files {
		from := len(list)
		list = offered(list, one+"/"+f.JSON, &target{kind: file, class: c, field: f})
		for i := range list[from:] {
			list[from+i].File = f
		}
	}
	if len(fields) > 0 {
		from := len(list)
		list = offered(list, one+"/{"+PropertyName(c)+"}", &target{kind: property, class: c})
		for i := range list[from:] {
			list[from+i].Properties = fields
		}
	}
	return list
}

// properties are the fields with an address of their own: those that no relation or action hides.
func properties(c *schema.Class) (fields, files []*schema.Field) {
	for _, f := range c.Fields {
		switch t, err := new(Parser).member(target{class: c}, f.JSON); {
		case err != nil:
		case t.kind == property:
			fields = append(fields, f)
		case t.kind == file:
			files = append(files, f)
		}
	}
	return fields, files
}

// offered appends the operations of a resource.
func offered(list []Operation, path string, t *target) []Operation {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		op := t.operation(method)
		if op == nil {
			continue
		}
		o := Operation{
			Method: method, Path: path, Verb: op.verb, From: t.class, Class: t.class, Relation: t.rel, Action: t.action,
			Filters: op.takes&filtering != 0, Inputs: op.takes&inputs != 0, Content: op.content, Types: op.types,
		}
		if t.rel != nil {
			o.Class = t.rel.To
		}
		for _, word := range options {
			if op.takes&word.group != 0 {
				o.Options = append(o.Options, word.name)
			}
		}
		list = append(list, o)
	}
	return list
}

// IDName is what documents call the id of a record in paths.
func IDName(c *schema.Class) string {
	if len(c.Key) == 1 {
		return c.Key[0].JSON
	}
	return "id"
}

// PropertyName is what documents call the member in paths to a property.
func PropertyName(c *schema.Class) string {
	if IDName(c) == "property" {
		return "member"
	}
	return "property"
}

// CompoundOperation is what is offered at the mount with `;compound`.
func CompoundOperation() Operation {
	op := &opCompound
	o := Operation{Method: http.MethodPost, Path: ";compound", Verb: op.verb, Content: op.content, Types: op.types}
	for i, word := range options {
		switch option(i) {
		case optFormat, optKeyByIDs, optGroupedByClass:
			continue // JSON alone, and said of a step
		}
		if op.takes&word.group != 0 {
			o.Options = append(o.Options, word.name)
		}
	}
	return o
}
