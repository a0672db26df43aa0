package openapi

import (
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/schema"
)

// claim gives classes their own names before what all share gets those that are left.
// What is derived of a class has a name of its own: the schema was refused otherwise.
func (b *builder) claim() {
	for _, c := range b.Schema.Classes {
		if published(c) {
			for _, d := range c.DerivedSchemas() {
				b.taken[d.Name] = true
			}
		}
	}
}

// name is the name of a part of a class, `Create` or `.address`, or of what all share:
// CustomerCreate, Problem, or ApiProblem where a class is a problem.
func (b *builder) name(c *schema.Class, role string) string {
	word := schema.Pascal(role)
	if c != nil {
		return c.TypeName + word
	}
	if have, ok := b.names[role]; ok {
		return have
	}
	name := word
	for i := 1; b.taken[name]; i++ {
		name = "Api" + word
		if i > 1 {
			name += strconv.Itoa(i)
		}
	}
	b.names[role], b.taken[name] = name, true
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

// id gives an operation an id of its own. Those of classes are: the schema was refused
// otherwise. Numbers end clashes with what programs add.
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
	if op.File != nil {
		return fileOperation(op)
	}
	one, many := op.From.TypeName, op.From.Many()
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

// words is a name as prose has it: order item.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }
