package docs

import (
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/actions/filter"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine/sample"
	"github.com/dowel-dev/dowel/schema"
)

// conventions are what holds for every class, with examples of one that shows much.
func (b *builder) conventions(c *schema.Class) []group {
	return []group{
		{"filters", "Filters", "Every parameter that is no option is a filter: a member, an operator and a value. Several must all hold. " +
			"Without an operator a value is compared with `eq`, or as a pattern with `like` when it holds a `*`. `not:` before an operator turns it around. " +
			"Unknown names are errors, never ignored. The examples here and below ask `" + b.place(c) + "`.", "Query", b.filters(c)},
		{"options", "Reading", "Options go with lists, `with` and `fields` with single records too. A space in an address is written `+`.", "Query", b.options(c)},
		{"writing", "Writing", "Content is JSON in UTF-8. What is wrong is told all at once, and nothing is written unless everything is right.", "Request", b.writing(c)},
		{"conditions", "Caching and concurrent changes", "Records and lists carry a strong entity tag. Send it back to save a transfer, or to refuse a write over somebody else's.", "Header field", b.conditional(c)},
		{"formats", "Formats", "", "Query", b.formats()},
	}
}

// filters has an example of each operator, of the first class that has a fitting member.
func (b *builder) filters(c *schema.Class) []row {
	var rows []row
	for _, op := range filter.Operators() {
		f := b.fitting(c, op)
		if f == nil {
			continue
		}
		v := sample.Operand(f)
		switch op.Name {
		case "like":
			v = "*" + strings.ToLower(first(v, 3)) + "*"
		case "is":
			v = "null"
		case "in":
			if enum := f.Type.Shape().Enum; len(enum) > 1 {
				v = enum[0] + "," + enum[1]
			}
		}
		rows = append(rows, row{f.JSON + "=" + op.Name + ":" + v, op.Doc})
		if op.Name == "eq" {
			rows = append(rows, row{f.JSON + "=" + v, "The same."})
		}
	}
	if f := b.picked(c, isPlain); f != nil {
		rows = append(rows, row{f.JSON + "=not:eq:" + sample.Operand(f), "The exact complement: whatever `eq` does not find, records without a value too."})
	}
	if path, f := b.nestedText(c); f != nil {
		rows = append(rows, row{path + "=" + sample.Operand(f), "A member of a nested object."})
	}
	if r := b.related(c); r != nil {
		rows = append(rows, row{b.relationFilter(r), "Has a related record that fits."})
	}
	return rows
}

// fitting is a member that an operator works on.
func (b *builder) fitting(c *schema.Class, op *filter.Operator) *schema.Field {
	kinds := []func(*schema.Field) bool{
		func(f *schema.Field) bool { return isPlain(f) && op.Fits(f.Type.Traits()) },
		func(f *schema.Field) bool { return op.Fits(f.Type.Traits()) },
	}
	switch op.Name {
	case "eq", "ne", "in":
		kinds = append([]func(*schema.Field) bool{isEnum}, kinds...)
	case "is":
		kinds = append([]func(*schema.Field) bool{func(f *schema.Field) bool { return f.Optional && op.Fits(f.Type.Traits()) }}, kinds...)
	case "lt", "le", "gt", "ge":
		number := func(f *schema.Field) bool {
			k := f.Type.Kind()
			return k != schema.Text && f.Ref == nil && op.Fits(f.Type.Traits())
		}
		timed := func(f *schema.Field) bool {
			return strings.HasPrefix(f.Type.Name(), "date") && op.Fits(f.Type.Traits())
		}
		kinds = append([]func(*schema.Field) bool{number, timed}, kinds...)
	case "like":
		kinds = append([]func(*schema.Field) bool{isText}, kinds...)
	}
	for _, kind := range kinds {
		if f := b.picked(c, kind); f != nil {
			return f
		}
	}
	return nil
}

func first(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n])
	}
	return s
}

// nestedText is a member inside a nested object that can be filtered.
func (b *builder) nestedText(c *schema.Class) (path string, f *schema.Field) {
	outer := b.picked(c, func(f *schema.Field) bool { _, ok := f.Type.(*schema.ObjectType); return ok })
	if outer == nil {
		return "", nil
	}
	for _, f := range outer.Type.(*schema.ObjectType).Fields() {
		if f.Type.Traits().Filter {
			name := f.JSON
			if name == "" {
				name = f.Name
			}
			return outer.JSON + "." + name, f
		}
	}
	return "", nil
}

func (b *builder) options(c *schema.Class) []row {
	var rows []row
	add := func(example, meaning string) { rows = append(rows, row{example, meaning}) }
	if w := b.where(c); w != "" {
		add("where="+w, "A condition with `and`, `or`, `not`, parentheses and paths over relations.")
	}
	if len(c.Search) > 0 {
		add("search=ann", "Records with the text in "+strings.Join(wire(c.Search), ", ")+".")
	}
	if len(c.Scopes) > 0 {
		add("scope="+c.Scopes[0].Name, "A filter with a name.")
	}
	if r := b.related(c); r != nil {
		add("with="+r.JSON, "Related records inside, to a depth of "+strconv.Itoa(b.depth(c))+". Their own rules hold.")
		if key := r.To.Key[0].JSON; !r.Single() {
			add("with="+r.JSON+"("+strings.TrimPrefix(b.relationFilter(r), r.Name+".")+";orderBy=-"+key+";limit=2)", "Only some of them, in an order.")
		}
	}
	if f := b.picked(c, isPlain); f != nil {
		key := "id"
		if len(c.Key) == 1 {
			key = c.Key[0].JSON
		}
		add("fields="+key+","+f.JSON, "Only these members. `*` is what is shown without the option; the key is always there.")
	}
	for _, f := range c.Fields {
		if f.Computed != nil && b.readers(f) == "" {
			add("fields=*,"+f.JSON, "Computed members are shown when they are named.")
			break
		}
	}
	if f := b.ordered(c); f != nil {
		key := c.Key[0].JSON
		add("orderBy=-"+f.JSON+","+key, "Descending with a minus. Nulls come last, and the key decides what is left open.")
		add("sort="+f.JSON+"&order=desc", "Another spelling.")
	}
	add("limit=10", "Records on a page: "+strconv.Itoa(b.pageSize(c))+" without the option, "+strconv.Itoa(b.pageMax(c))+" at most; more is an error.")
	add("page=2", "Pages count from 1. `limit=20,10` skips 20 records. `Link` holds the addresses of other pages: those of a list without either go on by `cursor`, however far.")
	if f := b.ordered(c); f != nil {
		add("group="+f.JSON+"&measure=count", "Groups of records with the same value, and how many they are. Also `sum:`, `avg:`, `min:`, `max:`, `distinct:` of a member; `having.count=gt:5` chooses groups; a date is grouped by `:month` and the like.")
	}
	if b.Envelope {
		add("count=none", "Leaves out the number of all records; `meta.total` and `X-Total-Count` have it otherwise.")
	} else {
		add("count=exact", "The number of all records in `X-Total-Count`.")
	}
	if c.SoftDelete && b.may(c, authz.Restore) {
		add("deleted=with", "Deleted records too, or `deleted=only`, for those who may restore them.")
	}
	return rows
}

func (b *builder) depth(c *schema.Class) int {
	if c.Depth > 0 {
		return c.Depth
	}
	return b.Limits.Depth
}

// where is a condition over one or two members.
func (b *builder) where(c *schema.Class) string {
	var parts []string
	compare := func(f *schema.Field, sign string) {
		if f == nil {
			return
		}
		v := sample.Operand(f)
		if k := f.Type.Kind(); k == schema.Text {
			v = "'" + strings.ReplaceAll(v, "'", "''") + "'"
		}
		parts = append(parts, f.JSON+" "+sign+" "+v)
	}
	compare(b.picked(c, isEnum), "=")
	compare(b.picked(c, func(f *schema.Field) bool { return isText(f) && f.Type.Traits().Filter }), "!=")
	if len(parts) == 0 {
		compare(b.picked(c, isPlain), "=")
	}
	return strings.Join(parts, " or ")
}

func (b *builder) writing(c *schema.Class) []row {
	all := b.Mount + c.Path()
	one := all + "/{" + idName(c) + "}"
	var rows []row
	add := func(example, meaning string) { rows = append(rows, row{example, meaning}) }
	add("POST "+all+" {…}", "An object makes a record: 201 with `Location` and `ETag`.")
	if c.Bulk {
		add("POST "+all+" […]", "An array makes many, at most "+strconv.Itoa(b.Limits.Bulk)+", all of them or none.")
	}
	add("PATCH "+one, "Changes the members that are sent (merge patch). `application/json-patch+json` is JSON Patch.")
	add("PUT "+one, "Replaces: members that are not sent take their defaults.")
	add("DELETE "+one, "204. What is missing is 404.")
	if c.Bulk {
		if f := b.picked(c, isEnum); f != nil {
			query := "?" + f.JSON + "=" + sample.Operand(f) + "&max_affected=10"
			add("PATCH "+all+query, "Changes every record that the filter finds, or none when there are more than `max_affected`.")
			add("DELETE "+all+query, "Deletes them likewise. A filter is needed.")
		} else {
			add("DELETE "+all+"?FILTER&max_affected=10", "Deletes every record that the filter finds, or none when there are more than `max_affected`.")
		}
	}
	if c.Bulk {
		add("POST "+all+"/bulk-import?mode=partial", "Takes an array, CSV or NDJSON and tells what became of each record; `on_conflict=skip` or `update` meets those that are there. Without `mode` all of them or none.")
		add("POST "+all+`/bulk-update {"ids": […], "set": {…}}`, "One patch for all, or an object of id → patch; `bulk-delete` takes `ids`. All of them or none.")
	}
	for _, f := range c.Fields {
		if f.Stored() && sendable(f) && f.Optional && b.may(c, authz.Update) {
			add("DELETE "+one+"/"+f.JSON, "Members have addresses of their own: GET, PUT, and DELETE, which makes them null.")
			break
		}
	}
	add("POST "+b.Mount+`;compound {"actions": {"a": {"method": "POST", "path": "`+c.Path()+`", "contentObject": {…}}, …}}`, "Several requests in one transaction, all of them or none; "+
		"`{\"$ref\": \"a.id\"}`, or `{a.id}` in a path, is a value of an earlier answer.")
	add("?dry_run=true", "Any write, with all its checks and its answer, but without effect.")
	add("Prefer: return=minimal", "The answer leaves the record out.")
	return rows
}

func idName(c *schema.Class) string {
	if len(c.Key) == 1 {
		return c.Key[0].JSON
	}
	return "id"
}

func (b *builder) conditional(c *schema.Class) []row {
	needed := "Optional."
	if c.Concurrency == "required" {
		needed = "Needed here: 428 without."
	}
	return []row{
		{`ETag: "12.5f3a"`, "In answers: the tag of what is shown."},
		{`If-None-Match: "12.5f3a"`, "On reads: 304 without content while nothing has changed."},
		{`If-Match: "12.5f3a"`, "On writes: 412 with the tag of now if the record has changed. " + needed},
		{"If-None-Match: *", "On writes that make: 412 if it is there already."},
	}
}

func (b *builder) formats() []row {
	var rows []row
	for i, f := range b.Formats {
		media, _, _ := strings.Cut(f.Type, ";")
		text := "The same as `Accept: " + media + "`."
		if i == 0 {
			text = "The default."
		}
		rows = append(rows, row{"format=" + f.Name, text})
	}
	return append(rows,
		row{"pretty=true", "With line breaks and indentation."},
		row{"keyByIds=true", "A list as an object: id to record."},
		row{"envelope=" + strconv.FormatBool(!b.Envelope), "The other style of answers: the data alone, or inside `{\"success\": …, \"data\": …, \"meta\": …}`."},
	)
}

// answer is what a list looks like.
func (b *builder) answer(c *schema.Class) string {
	one := sample.Object{}
	one.Add(idName(c), sample.Value(keyField(c)))
	if f := b.picked(c, isPlain); f != nil {
		one.Add(f.JSON, sample.Value(f))
	}
	data := strings.TrimSuffix(one.Line(), "}") + ", …}"
	if !b.Envelope {
		return "[\n  " + data + ",\n  …\n]"
	}
	return "{\n  \"success\": true,\n  \"data\": [\n    " + data + ",\n    …\n  ],\n" +
		"  \"meta\": {\n    \"timestamp\": \"2026-01-31T13:30:00Z\", \"version\": " + sample.Quote(b.Schema.App.Version) +
		",\n    \"total\": 41, \"per_page\": " + strconv.Itoa(b.pageSize(c)) + ", \"current_page\": 1, …\n  }\n}"
}

func keyField(c *schema.Class) *schema.Field {
	if len(c.Key) == 1 {
		return c.Key[0]
	}
	for _, f := range c.Fields {
		if f.Synthetic {
			return f
		}
	}
	return c.Key[0]
}

// problem is what an error looks like.
func (b *builder) problem(c *schema.Class) string {
	name := "name"
	for _, f := range c.Fields {
		if f.Required() {
			name = f.JSON
			break
		}
	}
	if b.Envelope {
		return "{\n  \"success\": false,\n  \"error\": {\n    \"code\": \"VALIDATION_ERROR\",\n    \"message\": \"…\",\n    \"details\": {" +
			sample.Quote(name) + ": [" + sample.Quote("`"+name+"` is required.") + "]}\n  },\n  \"meta\": {\"timestamp\": \"2026-01-31T13:30:00Z\", \"request_id\": \"…\"}\n}"
	}
	return "{\n  \"title\": \"The action does not fit the schema\",\n  \"status\": 409,\n  \"code\": \"action-invalid\",\n  \"detail\": \"…\",\n  \"errors\": [\n    {\"code\": \"required\", \"detail\": " +
		sample.Quote("`"+name+"` is required.") + ", \"pointer\": " + sample.Quote("#/"+name) + "}\n  ],\n  \"request_id\": \"…\",\n  \"retry\": \"after-change\"\n}"
}
