package openapi

import (
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/schema"
)

// names are the names of schemas, by what they are of.
type names map[part]string

// part is something that has a schema: a class in one of its roles, or what all share.
type part struct {
	class *schema.Class // nil for what all share
	role  string        // Create, List; .address, a member of the class; Problem
}

// claim gives classes their own names before anything is called after them, and
// what is derived a name that is free: a class price_list does not clash with the list of prices.
func (b *builder) claim() {
	for _, c := range b.Schema.Classes {
		if published(c) {
			b.names[part{c, ""}] = c.TypeName
		}
	}
}

// name is the name of a part: CustomerCreate, or CreateOfCustomer where that is taken.
func (b *builder) name(c *schema.Class, role string) string {
	if have, ok := b.names[part{c, role}]; ok {
		return have
	}
	taken := map[string]bool{}
	for _, have := range b.names {
		taken[have] = true
	}
	word := schema.Pascal(role)
	choices := []string{word, "Api" + word}
	if c != nil {
		choices = []string{c.TypeName + word, word + "Of" + c.TypeName}
	}
	name := choices[0]
	for i := 1; taken[name]; i++ {
		name = choices[len(choices)-1] + strconv.Itoa(i)
		if i < len(choices) {
			name = choices[i]
		}
	}
	b.names[part{c, role}] = name
	return name
}

// component is a reference to the schema of a part, which is made when it is first asked for.
func (b *builder) component(c *schema.Class, role string, build func() *openapi3.Schema) *openapi3.SchemaRef {
	name := b.name(c, role)
	schemas := b.doc.Components.Schemas
	if _, made := schemas[name]; !made {
		schemas[name] = nil // being made: records refer to each other
		schemas[name] = &openapi3.SchemaRef{Value: build()}
	}
	return &openapi3.SchemaRef{Ref: "#/components/schemas/" + name}
}

// id gives an operation an id of its own. Ids are made of the names of the
// schema alone, so they stay what they are while others come and go; numbers end clashes that
// only odd names can cause.
func (b *builder) id(name string) string {
	id := name
	for n := 2; b.ids[id]; n++ {
		id = name + strconv.Itoa(n)
	}
	b.ids[id] = true
	return id
}

// operationID names an operation: listCustomers, getCustomer, mergeCustomer, listOrdersOfCustomer.
func operationID(op *request.Operation) string {
	one, many := op.From.TypeName, plural(op.From)
	if op.Relation != nil {
		many = schema.Pascal(op.Relation.Name) + "Of" + one
	}
	switch op.Verb {
	case request.Search:
		return "list" + many
	case request.Related:
		return "get" + many
	case request.Create:
		if op.Relation == nil {
			return "create" + one
		}
		return "create" + many
	case request.PatchMany:
		return "update" + many
	case request.DeleteMany:
		return "delete" + many
	case request.BulkImport:
		return "bulkImport" + many
	case request.BulkUpdate:
		return "bulkUpdate" + many
	case request.BulkDelete:
		return "bulkDelete" + many
	case request.History:
		return "get" + one + "History"
	case request.GetProperty:
		return "get" + one + "Property"
	case request.PutProperty:
		return "replace" + one + "Property"
	case request.ClearProperty:
		return "clear" + one + "Property"
	case request.Run, request.Query:
		if op.Action.OnCollection {
			return schema.Camel(op.Action.Name) + many
		}
		return schema.Camel(op.Action.Name) + one
	}
	words := map[request.Verb]string{
		request.Get: "get", request.Replace: "replace", request.Patch: "update", request.Delete: "delete",
		request.Restore: "restore", request.Purge: "purge", request.Undo: "undo",
	}
	return words[op.Verb] + one
}

// plural is the plural of a class's name as ids have it.
func plural(c *schema.Class) string {
	if many := schema.Pascal(c.Plural); many != c.TypeName {
		return many
	}
	return "Many" + c.TypeName // sheep
}

// words is a name as prose has it: order item.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }
