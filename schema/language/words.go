package language

import "slices"

// Verb is something a rule allows or denies.
type Verb struct {
	Name  string
	Doc   string
	Group []string // of a group: the verbs it stands for; `actions`, `bulk` and `all` name none
}

// Verbs returns the verbs every class has, then the groups. Declared actions
// are verbs too.
func Verbs() []Verb { return verbs }

var verbs = []Verb{
	{Name: "list", Doc: "See the rows of a collection."},
	{Name: "get", Doc: "See one row."},
	{Name: "create", Doc: "Make a row."},
	{Name: "update", Doc: "Change a row."},
	{Name: "delete", Doc: "Remove a row."},
	{Name: "restore", Doc: "Bring a soft-deleted row back, and see deleted rows."},
	{Name: "purge", Doc: "Remove a soft-deleted row for good."},
	{Name: "history", Doc: "See what a row was before."},
	{Name: "act_as", Doc: "Act as the users of the login class."},
	{Name: "explain", Doc: "See what a request would run, with the rules that decide it; `all` does not allow it."},
	{Name: "read", Doc: "list and get.", Group: []string{"list", "get"}},
	{Name: "write", Doc: "create and update.", Group: []string{"create", "update"}},
	{Name: "actions", Doc: "Every declared action.", Group: []string{}},
	{Name: "bulk", Doc: "bulk-import, bulk-update and bulk-delete.", Group: []string{}},
	{Name: "all", Doc: "Everything but explain.", Group: []string{}},
}

// IsVerb reports whether every class has the verb or group.
func IsVerb(name string) bool {
	for _, v := range verbs {
		if v.Name == name {
			return true
		}
	}
	return false
}

// BuiltinRole is a role that nobody declares.
type BuiltinRole struct{ Name, Doc string }

// BuiltinRoles returns the roles that nobody declares.
func BuiltinRoles() []BuiltinRole { return builtinRoles }

var builtinRoles = []BuiltinRole{
	{"anyone", "Everybody, with credentials or without."},
	{"anonymous", "Only those without credentials."},
	{"user", "Everybody with valid credentials."},
}

// IsBuiltinRole reports whether the role exists without being declared.
func IsBuiltinRole(name string) bool {
	return name == "anyone" || name == "anonymous" || name == "user"
}

// ReservedParameter reports whether a query parameter of that name already
// has a meaning, so that a field of the name is filtered as `.NAME=…`.
func ReservedParameter(name string) bool { return reserved[name] }

var reserved = set("with", "fields", "orderBy", "sort", "order", "limit", "page", "cursor", "count", "search", "q",
	"scope", "where", "group", "measure", "having", "deleted", "format", "keyByIds", "groupedByClass", "envelope",
	"pretty", "dry_run", "explain", "as", "as_mode", "max_affected", "asOf", "mode", "on_conflict", "compound")

// ReservedMember reports whether a path segment below an item already has a
// meaning, so that no field, relation or action may have the name.
func ReservedMember(name string) bool { return members[name] }

var members = set("history", "restore", "purge")

// ReservedCollection reports whether a path segment below the mount already has a meaning.
func ReservedCollection(name string) bool { return collections[name] }

var collections = set("auth", "health")

// ReservedAction reports whether an action may not have the name: the generic
// ones have it.
func ReservedAction(name string) bool { return IsVerb(name) || members[name] || generic[name] }

var generic = set("replace", "patch", "search", "aggregate", "batch", "bulk-import", "bulk-update", "bulk-delete",
	"bulk_import", "bulk_update", "bulk_delete")

// Foreign maps words of other languages to what is meant here, by place: type, word or key.
func Foreign(place, word string) (help string, ok bool) {
	help, ok = foreign[place][word]
	return help, ok
}

// ForeignWords are the words Foreign knows at a place, for suggestions.
func ForeignWords(place string) []string {
	var all []string
	for w := range foreign[place] {
		all = append(all, w)
	}
	slices.Sort(all)
	return all
}

var foreign = map[string]map[string]string{
	"type": {
		"integer": "write `int`", "number": "write `decimal` or `float`", "numeric": "write `decimal`",
		"double": "write `float`", "boolean": "write `bool`", "str": "write `string`", "varchar": "write `string max=N`",
		"char": "write `string max=N`", "timestamp": "write `datetime`", "date-time": "write `datetime`",
		"object": "write `{fields: {…}}`", "array": "write `list TYPE`", "binary": "write `file`", "blob": "write `file`",
		"money": "write `decimal scale=2`", "long": "write `bigint`", "guid": "write `uuid`", "enum": "write `{enum: [a, b]}`",
		"ref": "write the name of the class", "reference": "write the name of the class", "has_many": "write `many CLASS`",
		"jsonb": "write `json`", "interval": "write `duration`", "link": "write `url`", "uri": "write `url`",
	},
	"word": {
		"required": "leave it out: a field is required unless it is `optional`",
		"nullable": "write `optional`", "null": "write `optional`", "not_null": "leave it out: a field is required unless it is `optional`",
		"primary": "write `key: NAME` beside `fields`", "primary_key": "write `key: NAME` beside `fields`",
		"indexed": "write `index`", "searchable": "write `search`", "read_only": "write `readonly`",
		"write_only": "write `writeonly`", "autoincrement": "write `auto=sequence`", "cascade": "write `on_delete=cascade`",
		"maxlength": "write `max=`", "max_length": "write `max=`", "minlength": "write `min=`", "minimum": "write `min=`", "maximum": "write `max=`", "length": "write `max=`", "size": "write `max=`", "min_length": "write `min=`",
		"references": "write the class as the type", "precision": "write `scale=` for the digits after the point",
	},
	"key": {
		"models": "write `classes`", "entities": "write `classes`", "tables": "write `classes`", "columns": "write `fields`",
		"properties": "write `fields`", "attributes": "write `fields`", "permissions": "write `allow`", "policy": "write `allow`",
		"description": "write `doc`", "validations": "write `checks`", "constraints": "write `checks` or `unique`",
		"primary_key": "write `key`", "path": "write `collection`", "index": "write `indexes`", "order": "write `sort`",
		"parameters": "write `input`", "params": "write `input`", "condition": "write `when`", "title": "write `doc`",
		"relations":     "a reference is a field whose type is the class: `customer: customer`",
		"relationships": "a reference is a field whose type is the class: `customer: customer`",
	},
}

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}
