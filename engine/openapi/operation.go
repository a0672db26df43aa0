package openapi

import (
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/schema"
)

// own documents the operations on the records of a class. They get their ids
// before those along relations, whose names are made of two.
func (b *builder) own(c *schema.Class) {
	for _, op := range request.Operations(c) {
		if op.Relation == nil {
			b.operation(&op)
		}
	}
}

// related documents the operations along the relations of a class.
func (b *builder) related(c *schema.Class) {
	for _, op := range request.Operations(c) {
		if op.Relation != nil {
			b.operation(&op)
		}
	}
}

func (b *builder) operation(op *request.Operation) {
	o := openapi3.NewOperation()
	if op.Properties != nil {
		names := properties(op)
		if len(names) == 0 {
			return // every record has its key; nothing else of it can be asked for
		}
		p := openapi3.NewPathParameter(request.PropertyName(op.From)).WithSchema(typed("string").WithEnum(names...)).WithDescription("The member.")
		o.Parameters = openapi3.Parameters{{Value: p}}
	}
	if op.File != nil && !offeredFile(op) {
		return
	}
	o.OperationID = b.id(operationID(op))
	o.Tags = []string{op.From.TypeName}
	o.Summary, o.Description = summary(op), prose(op)
	o.Parameters = append(o.Parameters, b.parameters(op)...)
	o.RequestBody = b.content(op)
	o.Responses = b.respond(op)
	who := b.who(op)
	o.Security = b.security(open(who))
	o.Extensions = map[string]any{"x-roles": append([]string{}, who...)}
	b.place(op.Path, op.From).SetOperation(op.Method, o)
}

// place is the item of a path, which names the ids once for all its operations.
func (b *builder) place(path string, c *schema.Class) *openapi3.PathItem {
	item := b.doc.Paths.Value(path)
	if item != nil {
		return item
	}
	item = &openapi3.PathItem{}
	for _, found := range variables.FindAllStringSubmatch(path, -1) {
		of := c
		switch name := found[1]; {
		case name == request.IDName(c):
		case b.Schema.Tenant != nil && name != request.PropertyName(c):
			of = b.Schema.Tenant.Class
		default:
			continue
		}
		p := openapi3.NewPathParameter(found[1]).WithSchema(b.idSchema(of)).WithDescription("The id of the " + words(of.Name) + ".")
		if len(of.Key) > 1 {
			p.Description = "The id of the " + words(of.Name) + ": " + strings.Join(wire(of.Key), " and ") + ", joined by a dash."
		}
		item.Parameters = append(item.Parameters, &openapi3.ParameterRef{Value: p})
	}
	b.doc.Paths.Set(path, item)
	return item
}

// variables are the names in braces of a path.
var variables = regexp.MustCompile(`\{([^}]+)\}`)

func (b *builder) idSchema(c *schema.Class) *openapi3.Schema {
	if len(c.Key) > 1 {
		return typed("string")
	}
	s := b.shape(keyType(c.Key[0]).Shape())
	s.Description = ""
	return s
}

// who are the roles that may do an operation. Rules about bulk operations narrow what is done by them.
func (b *builder) who(op *request.Operation) []string {
	switch op.Verb {
	case request.BulkImport, request.BulkUpdate, request.BulkDelete:
		if narrowed := authz.Who(b.Rules, b.Schema, op.Class, authz.Bulk); !slices.Equal(narrowed, []string{"anyone"}) {
			return narrowed
		}
	}
	return authz.Who(b.Rules, b.Schema, op.Class, right(op))
}

// right is the verb that rules call an operation.
func right(op *request.Operation) string {
	switch op.Verb {
	case request.Search:
		return authz.List
	case request.Create, request.BulkImport:
		return authz.Create
	case request.Replace, request.Patch, request.PutProperty, request.ClearProperty, request.PutFile, request.PatchMany, request.BulkUpdate:
		return authz.Update
	case request.Delete, request.DeleteMany, request.BulkDelete:
		return authz.Delete
	case request.Restore:
		return authz.Restore
	case request.Purge:
		return authz.Purge
	case request.History, request.Undo:
		return authz.History
	case request.Run, request.Query:
		return op.Action.Name
	}
	return authz.Get
}

// open reports whether somebody without credentials may.
func open(who []string) bool {
	return slices.Contains(who, "anyone") || slices.Contains(who, "anyone (rows)")
}

// summary is an operation in a few words.
func summary(op *request.Operation) string {
	if op.File != nil {
		return fileSummary(op)
	}
	one, many := words(op.Class.Name), words(op.Class.Plural)
	of := ""
	if op.Relation != nil {
		many = words(op.Relation.Name)
		of = " of a " + words(op.From.Name)
	}
	switch op.Verb {
	case request.Search:
		return "List " + many + of
	case request.Related:
		return "Get the " + words(op.Relation.Name) + of
	case request.Create:
		return "Create a " + one + of
	case request.PatchMany:
		return "Change several " + many + of
	case request.DeleteMany:
		return "Delete the " + many + of + " that a filter finds"
	case request.BulkImport:
		return "Import " + many
	case request.BulkUpdate:
		return "Change " + many + " by their ids"
	case request.BulkDelete:
		return "Delete " + many + " by their ids"
	case request.Get:
		return "Get a " + one
	case request.Replace:
		return "Replace a " + one
	case request.Patch:
		return "Change a " + one
	case request.Delete:
		return "Delete a " + one
	case request.Restore:
		return "Restore a deleted " + one
	case request.Purge:
		return "Delete a " + one + " for good"
	case request.History:
		return "See what became of a " + one
	case request.Undo:
		return "Undo a change of a " + one
	case request.GetProperty:
		return "Get a member of a " + one
	case request.PutProperty:
		return "Set a member of a " + one
	case request.ClearProperty:
		return "Make a member of a " + one + " null"
	}
	name := words(op.Action.Name)
	return strings.ToUpper(name[:1]) + name[1:]
}

// prose is what else is to be known of an operation.
func prose(op *request.Operation) string {
	if op.File != nil {
		return fileProse(op)
	}
	switch op.Verb {
	case request.Search:
		return "A page of them, filtered and sorted."
	case request.Get, request.Related:
		return "With related records where `with` asks for them."
	case request.Create:
		return "An array makes several, all of them or none."
	case request.Replace:
		return "Members that are not sent take their defaults."
	case request.Patch:
		return "Members that are not sent stay as they are."
	case request.PatchMany:
		return "An object of id → patch, all of them or none; or one patch for the records that a filter finds."
	case request.BulkImport:
		return "Makes a record of each, or meets the one that has its key or a unique key already, as `on_conflict` says. All of them or none, unless `mode=partial`. Tells what became of each."
	case request.BulkUpdate:
		return "All of them or none; answered with their number."
	case request.Delete, request.DeleteMany, request.BulkDelete:
		if op.Class.SoftDelete {
			return "What is deleted is kept, and can be restored."
		}
		return "What is deleted is gone."
	case request.Restore:
		return "It is as it was before it was deleted."
	case request.Purge:
		return "Nothing of it is kept."
	case request.History:
		return "Every change, the newest first, with the members that you may read now."
	case request.Undo:
		return "Makes the opposite change with your rights. Refused where the record has moved on in the same members."
	case request.GetProperty, request.PutProperty:
		return "The content is the value alone."
	case request.ClearProperty:
		return "Only members that may be null can be cleared."
	case request.Run, request.Query:
		return orElse(op.Action.Doc, "An action of the "+words(op.From.Name)+"'s own.")
	}
	return ""
}

// content is what an operation takes as content, nil for none.
func (b *builder) content(op *request.Operation) *openapi3.RequestBodyRef {
	c := op.Class
	var of func(media string) *openapi3.SchemaRef
	switch op.Verb {
	case request.Create:
		of = func(media string) *openapi3.SchemaRef {
			one := b.create(c, op.Relation)
			if media != typeJSON {
				return records(media)
			}
			if !b.exact {
				return one
			}
			return anyOf(one, listOf(one).NewRef())
		}
	case request.Replace:
		of = func(string) *openapi3.SchemaRef { return b.replace(c) }
	case request.Patch:
		of = func(media string) *openapi3.SchemaRef {
			if strings.HasSuffix(media, "json-patch+json") {
				return b.jsonPatch()
			}
			return b.patch(c)
		}
	case request.PatchMany:
		of = func(string) *openapi3.SchemaRef {
			if !b.exact {
				return b.patchEach(c)
			}
			return anyOf(b.patchEach(c), b.patch(c))
		}
	case request.BulkImport:
		of = func(media string) *openapi3.SchemaRef { return b.imported(c, media) }
	case request.BulkUpdate:
		of = func(string) *openapi3.SchemaRef { return b.bulkUpdate(c) }
	case request.BulkDelete:
		of = func(string) *openapi3.SchemaRef { return b.bulkDelete(c) }
	case request.Undo:
		of = func(string) *openapi3.SchemaRef { return b.undone() }
	case request.PutProperty:
		of = func(string) *openapi3.SchemaRef { return b.property(c) }
	case request.PutFile:
		return b.upload(op)
	case request.Run:
		if len(op.Action.Input) == 0 {
			return nil
		}
		of = func(string) *openapi3.SchemaRef { return b.input(op.Action) }
	default:
		return nil
	}
	body := openapi3.NewRequestBody()
	body.Required = op.Content == request.MustContent || op.Action != nil && slices.ContainsFunc(op.Action.Input, (*schema.Field).Required)
	body.Content = openapi3.Content{}
	for _, name := range op.Types {
		if b.exact || name == op.Types[0] || name == typeJSON {
			body.Content[name] = media(of(name))
		}
	}
	if !b.exact && body.Content[typeJSON] != nil {
		body.Content = openapi3.Content{typeJSON: body.Content[typeJSON]}
	}
	return &openapi3.RequestBodyRef{Value: body}
}

// jsonPatch is a patch as RFC 6902 has it.
func (b *builder) jsonPatch() *openapi3.SchemaRef {
	return b.component(nil, "JsonPatch", func() *openapi3.Schema {
		step := typed("object")
		step.Required = []string{"op", "path"}
		step.Properties = openapi3.Schemas{
			"op":    oneOf("", "add", "remove", "replace", "move", "copy", "test").NewRef(),
			"path":  text("A JSON Pointer (RFC 6901).").NewRef(),
			"from":  text("For move and copy: where the value is now.").NewRef(),
			"value": (&openapi3.Schema{Description: "For add, replace and test.", Nullable: !b.exact}).NewRef(),
		}
		s := listOf(step.NewRef())
		s.Description = "A patch in steps (RFC 6902)."
		return s
	})
}
