package openapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/actions/filter"
	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/engine/sample"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// option documents a reserved word of the query.
type option struct {
	doc string
	// plain: the plain document has it, too.
	plain bool
	// own: it differs between classes.
	own bool
	// when reports whether an operation that takes it does something with it; nil is always.
	when func(b *builder, op *request.Operation) bool
	// schema is what it may be; nil is a string. doc is the start of its description.
	schema func(b *builder, c *schema.Class) *openapi3.Schema
}

func boolean(*builder, *schema.Class) *openapi3.Schema { return typed("boolean") }

func word(all ...string) func(*builder, *schema.Class) *openapi3.Schema {
	return func(*builder, *schema.Class) *openapi3.Schema { return oneOf("", all...) }
}

func withLogin(b *builder, _ *request.Operation) bool { return b.Schema.Login != nil }

// options are the reserved words that documents speak of.
var options = map[string]option{
	"with": {doc: "Relations to show inside, to any depth the class allows: `with=NAME,NAME.NAME`; filtered, sorted and limited in parentheses.", plain: true, own: true,
		when: func(_ *builder, op *request.Operation) bool { return len(ways(op.Class)) > 0 },
		schema: func(_ *builder, c *schema.Class) *openapi3.Schema {
			return text("Here: `" + strings.Join(ways(c), "`, `") + "`.")
		}},
	"fields": {doc: "The members to show, separated by commas; `*` is what is shown without the option, and the key is always there.", plain: true,
		schema: func(b *builder, _ *schema.Class) *openapi3.Schema {
			s := typed("string")
			if !b.exact { // it may add, and never leaves out what the schemas promise
				s.Pattern = `^\*(,[A-Za-z][A-Za-z0-9_-]*)*$`
			}
			return s
		}},
	"orderBy": {doc: "The order: members separated by commas, with a minus before those that descend. Nulls come last.", plain: true,
		schema: func(*builder, *schema.Class) *openapi3.Schema { return typed("string") }},
	"sort":  {doc: "Another spelling of `orderBy`."},
	"order": {doc: "Goes with `sort`: `asc` or `desc`, or one of them for each member."},
	"limit": {doc: "How many records a page has. `SKIP,COUNT` skips some first.", plain: true, own: true,
		schema: func(b *builder, c *schema.Class) *openapi3.Schema {
			s := typed("integer")
			zero, most := 0.0, float64(b.pageMax(c))
			s.Min, s.Max, s.Default = &zero, &most, b.pageSize(c)
			if b.exact {
				s.Type, s.Pattern = &openapi3.Types{"integer", "string"}, "^([0-9]+,)?[0-9]+$"
			}
			return s
		}},
	"page": {doc: "The page, from 1.", plain: true,
		schema: func(*builder, *schema.Class) *openapi3.Schema { return typed("integer").WithMin(1) }},
	"cursor": {doc: "Where the page begins: taken from the `Link` of another page of the same list, with the same filters and order. Goes without `page` and a skip.", plain: true,
		schema: func(*builder, *schema.Class) *openapi3.Schema { return typed("string").WithPattern("^[A-Za-z0-9_-]+$") }},
	"group": {doc: "Answers groups of records instead of records: those with the same values in these members, separated by commas; of a date or time the part of the calendar that it is in, as in `created_at:month` (year, quarter, month, week, day, hour). Without `limit` there are all of them.",
		schema: func(b *builder, _ *schema.Class) *openapi3.Schema {
			s := typed("string")
			if b.exact {
				s.Pattern = `^[^,:]+(:(` + strings.Join(actions.Parts(), "|") + `))?(,[^,:]+(:(` + strings.Join(actions.Parts(), "|") + `))?)*$`
			}
			return s
		}},
	"measure": {doc: "What is worked out of each group, or of all records where there is no `group`: `count`, or `count`, `distinct`, `sum`, `avg`, `min` or `max` of a member, as in `count,sum:total`. The answer calls them `count` and `total_sum`; filters on them are written `having.total_sum=gt:100`, and `orderBy` takes them too."},
	"count":   {doc: "Whether the records on all pages are counted: `estimate` counts up to 10,000, and is a guess beyond where the database has one.", plain: true, schema: word("exact", "estimate", "none")},
	"search": {doc: "Records with this text in one of the members that are searched; `q` is short for it.", plain: true, own: true,
		when: func(_ *builder, op *request.Operation) bool { return len(op.Class.Search) > 0 },
		schema: func(_ *builder, c *schema.Class) *openapi3.Schema {
			return text("Here: " + strings.Join(wire(c.Search), ", ") + ".")
		}},
	"scope": {doc: "Named filters, separated by commas.", plain: true, own: true,
		when: func(_ *builder, op *request.Operation) bool { return len(op.Class.Scopes) > 0 },
		schema: func(_ *builder, c *schema.Class) *openapi3.Schema {
			var names []string
			for _, s := range c.Scopes {
				names = append(names, s.Name)
			}
			return text("Here: `" + strings.Join(names, "`, `") + "`.")
		}},
	"where": {doc: "A condition with `and`, `or`, `not`, parentheses and paths along relations: `status = 'active' and (total > 10 or vip)`.", plain: true},
	"deleted": {doc: "Deleted records too, or only they, for those who may restore them.", plain: true,
		when:   func(_ *builder, op *request.Operation) bool { return op.Class.SoftDelete },
		schema: word("with", "only")},
	"format": {doc: "The form of the answer; wins over `Accept`.",
		schema: func(b *builder, _ *schema.Class) *openapi3.Schema {
			var names []string
			for _, f := range b.Formats {
				names = append(names, f.Name)
			}
			return oneOf("", names...)
		}},
	"keyByIds":       {doc: "A list as an object of id → record.", schema: boolean},
	"groupedByClass": {doc: "A list as a member of an object, called like the collection.", schema: boolean},
	"envelope":       {doc: "The style of the answer: the data alone, or inside of `{success, data, meta}`.", schema: boolean},
	"pretty":         {doc: "JSON with line breaks and indentation.", schema: boolean},
	"dry_run":        {doc: "Everything but the effect: the same checks, the same answer.", plain: true, schema: boolean},
	"explain":        {doc: "What would run instead of running it: the action, the rules that decide, the statements; for those with the right `explain`.", schema: boolean},
	"as":             {doc: "Acts as another user, by id, for those who may.", when: withLogin},
	"as_mode":        {doc: "With `as`: whether the rights of the other user replace one's own or join them.", when: withLogin, schema: word("replace", "add")},
	"on_conflict":    {doc: "What becomes of a record whose key, or a unique key of it, is taken.", plain: true, schema: word("fail", "skip", "update")},
	"name":           {doc: "The name of the file.", plain: true, schema: word()},
	"mode":           {doc: "All records or none, or those that can be.", plain: true, schema: word("atomic", "partial")},
	"asOf": {doc: "The record as it was at this time, for those with the right `history`.", plain: true,
		when:   func(_ *builder, op *request.Operation) bool { return op.Class.History },
		schema: func(*builder, *schema.Class) *openapi3.Schema { return typed("string").WithFormat("date-time") }},
	"max_affected": {doc: "How many records a filter may find; more, and nothing is done. A write by filter needs it.",
		plain: true, schema: func(*builder, *schema.Class) *openapi3.Schema { return typed("integer").WithMin(0) }},
}

// silent are reserved words without a parameter of their own, although they are taken: `measure` says how `having` is written.
var silent = []string{"having"}

// parameters are what an operation takes beside its content.
func (b *builder) parameters(op *request.Operation) openapi3.Parameters {
	var list openapi3.Parameters
	plainPatches := !b.exact && op.Verb == request.PatchMany // by ids, without filters
	if op.Filters && !plainPatches {
		list = append(list, b.filters(op.Class)...)
	}
	for _, name := range op.Options {
		if o, ok := options[name]; ok && (b.exact || o.plain) && (o.when == nil || o.when(b, op)) && !(plainPatches && selects(name)) {
			list = append(list, b.option(name, &o, op.Class))
		}
	}
	if op.Inputs {
		for _, f := range op.Action.Input {
			p := openapi3.NewQueryParameter(f.JSON).WithSchema(b.value(keyType(f), sent, op.From, op.Action.Name+"."+f.JSON, false).Value).WithDescription(f.Doc)
			p.Required = f.Required()
			list = append(list, &openapi3.ParameterRef{Value: p})
		}
	}
	if t := b.Schema.Tenant; t != nil && t.From == "header" && op.Class.Tenanted {
		list = append(list, b.requestField(&requestField{name: "X-Tenant", doc: "The id of the " + words(t.Class.Name) + "."}, false))
	}
	for _, f := range requestFields {
		if f.when(op) {
			list = append(list, b.requestField(&f, op.Class.Concurrency == "required"))
		}
	}
	return list
}

// selects reports whether an option says which records are meant.
func selects(name string) bool {
	return slices.Contains([]string{"where", "scope", "search", "max_affected"}, name)
}

// option is the parameter of a reserved word.
func (b *builder) option(name string, o *option, c *schema.Class) *openapi3.ParameterRef {
	key := "Option." + name
	if o.own {
		key = "Option." + c.TypeName + "." + name
	}
	return b.parameter(key, func() *openapi3.Parameter {
		s := typed("string")
		if o.schema != nil {
			s = o.schema(b, c)
		}
		p := openapi3.NewQueryParameter(name).WithDescription(strings.TrimSpace(o.doc + " " + s.Description))
		s.Description = ""
		return p.WithSchema(s)
	})
}

// filters are the members of a class that can be filtered, those of nested objects too.
func (b *builder) filters(c *schema.Class) openapi3.Parameters {
	var list openapi3.Parameters
	for _, path := range b.filterable(c) {
		ops := b.operators(c, path)
		if ops == nil {
			continue
		}
		list = append(list, b.parameter("Filter."+c.TypeName+"."+path, func() *openapi3.Parameter {
			name := path
			if head, _, _ := strings.Cut(path, "."); slices.Contains(request.Reserved(), head) {
				name = "." + path
			}
			s := typed("string")
			if b.exact {
				s.Pattern = pattern(ops)
			}
			p := openapi3.NewQueryParameter(name).WithDescription("Filter: " + strings.Join(ops, ", ") + ".").WithSchema(s)
			if f := c.Field(path); f != nil && f.Many == nil {
				if v := sample.Operand(f); v != "…" {
					p.Example = "eq:" + v
				}
			}
			return p
		}))
	}
	return list
}

// filterable are the paths of what a class has of its own, by all their names in the exact document.
func (b *builder) filterable(c *schema.Class) (paths []string) {
	var inside func(path string, t schema.Type)
	inside = func(path string, t schema.Type) {
		paths = append(paths, path)
		if o, ok := t.(*schema.ObjectType); ok {
			for i, m := range o.Shape().Members {
				inside(path+"."+m.Name, o.Fields()[i].Type)
			}
		}
	}
	for _, f := range c.Fields {
		if f.WriteOnly || f.Type.Traits().Secret {
			continue
		}
		inside(f.JSON, f.Type)
		if b.exact {
			paths = append(paths, aliases(f)...)
		}
	}
	return paths
}

// operators are the operators that a path can be filtered with. The path is bound
// as that of a request is.
func (b *builder) operators(c *schema.Class, path string) (names []string) {
	if f := c.Field(path); f != nil && f.Synthetic {
		return []string{"eq", "ne", "in"}
	}
	bound, err := expr.BindPath(&expr.Scope{Schema: b.Schema, Class: c, Login: b.Schema.Login, Mode: expr.Client}, path)
	if err != nil {
		return nil
	}
	for _, op := range filter.Operators() {
		if op.Fits(bound.Type.Traits()) {
			names = append(names, op.Name)
		}
	}
	return names
}

// pattern is the grammar of a filter.
func pattern(ops []string) string {
	var with []string
	for _, op := range ops {
		if op == "is" {
			op = "is:null$"
		} else {
			op += ":"
		}
		with = append(with, op)
	}
	return "^(not:)*(" + strings.Join(with, "|") + "|[^:]*$)"
}

// requestField is a header field of requests.
type requestField struct {
	name, doc string
	when      func(op *request.Operation) bool
}

var requestFields = []requestField{
	{"If-None-Match", "Entity tags: 304 without content while what is shown still has one of them.", reads},
	{"If-Modified-Since", "304 without content while the record has not been written since.", reads},
	{"Range", "The parts that are wanted: `bytes=0-999` (RFC 9110 §14).", func(op *request.Operation) bool { return op.Verb == request.GetFile }},
	{"If-Range", "The entity tag that the parts must be of, or else all of it is sent.", func(op *request.Operation) bool { return op.Verb == request.GetFile }},
	{"Content-Disposition", "`attachment; filename=\"NAME\"` names the file, where `name` does not.", func(op *request.Operation) bool { return op.Verb == request.PutFile }},
	{"If-Match", "Entity tags: 412 if the record has none of them any more.", writesOne},
	{"If-Unmodified-Since", "412 if the record has been written since.", writesOne},
	{"Idempotency-Key", "A text chosen for this one thing to do: it is done once, and for a day every request with the key is given the same answer.", func(op *request.Operation) bool { return !reads(op) }},
	{"Prefer", "`return=minimal` leaves the content of the answer out, `return=representation` says where it belongs. `respond-async` answers at once and lets a job do it, which `Location` names.", func(op *request.Operation) bool { return !reads(op) }},
}

func reads(op *request.Operation) bool { return op.Method == http.MethodGet }

func writesOne(op *request.Operation) bool {
	switch op.Verb {
	case request.Replace, request.Patch, request.PutProperty, request.ClearProperty, request.PutFile, request.Delete, request.Restore, request.Purge, request.Undo:
		return true
	case request.Run:
		return !op.Action.OnCollection
	}
	return false
}

func (b *builder) requestField(f *requestField, needed bool) *openapi3.ParameterRef {
	key := "Header." + f.name
	needed = needed && f.name == "If-Match"
	if needed {
		key += ".required"
	}
	return b.parameter(key, func() *openapi3.Parameter {
		p := openapi3.NewHeaderParameter(f.name).WithDescription(f.doc).WithSchema(typed("string"))
		p.Required = needed
		return p
	})
}

// parameter is a reference to a parameter, which is made when it is first asked for.
func (b *builder) parameter(key string, build func() *openapi3.Parameter) *openapi3.ParameterRef {
	all := b.doc.Components.Parameters
	if all[key] == nil {
		all[key] = &openapi3.ParameterRef{Value: build()}
	}
	return &openapi3.ParameterRef{Ref: "#/components/parameters/" + key}
}

// ways are the relations that clients may walk.
func ways(c *schema.Class) (names []string) {
	for _, r := range c.Relations {
		if published(r.To) {
			names = append(names, r.JSON)
		}
	}
	return names
}

func wire(fields []*schema.Field) (names []string) {
	for _, f := range fields {
		names = append(names, f.JSON)
	}
	return names
}

func (b *builder) pageSize(c *schema.Class) int {
	if c.PageSize > 0 {
		return c.PageSize
	}
	return b.Limits.Page
}

func (b *builder) pageMax(c *schema.Class) int {
	if c.PageMax > 0 {
		return c.PageMax
	}
	return b.Limits.PageMax
}
