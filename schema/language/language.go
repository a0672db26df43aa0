// Package language is the one table of Dowel's schema language: which keys
// stand where, what they take, the words of a field, the verbs of a rule.
//
// The loader refuses what is not in it and suggests what is; the JSON Schema
// for editors, `explain` and the reference page are generated from it. A new
// key is a row here and a reader in package schema/load. The types of fields are
// not in it: they describe themselves (schema.TypeDef).
package language

// Version is the language version that `dowel: 1` names.
const Version = "1"

// Kind is what a value may be.
type Kind uint8

// The kinds of values.
const (
	Null      Kind = iota // nothing: `guest:`
	Text                  // free text
	Name                  // a new name: [a-z][a-z0-9_]*
	Bool                  // true or false
	Int                   // a whole number
	Span                  // a length of time: 30s, 5m, 1h, 2d
	Choice                // one of Shape.Words
	Expr                  // a condition: status = 'active'
	Class                 // the name of a class
	Mixin                 // the name of a mixin
	Role                  // a global role
	AnyRole               // a global role, a row role of the class, anyone, anonymous or user
	Rule                  // ROLE or ROLE where EXPR
	RowRole               // EXPR or ROLE of FIELD
	Field                 // the name of a field of the class
	Sort                  // a field, with - in front for descending
	FieldText             // the words of a field: string max=20 optional
	Computed              // count REL where EXPR, sum REL.FIELD, …
	Type                  // a type: string, a name under types, a class
	Path                  // a file name or glob, relative to the naming file
	Scalar                // a value of the field's own type
	Any                   // anything that is valid YAML
	List                  // a list of Of
	Map                   // own names, each with Of
	Object                // a map with the keys of Section
)

// Shape is one form that a value may have.
type Shape struct {
	Kind    Kind
	Words   []string // of Choice
	Of      []Shape  // of List and Map: the forms of their members
	Section string   // of Object
}

// Key is one key of a section.
type Key struct {
	Name    string
	Doc     string // a sentence
	Default string // what holds without the key; "" is nothing
	Shapes  []Shape
	Example string // YAML that uses it
	// In a field, Word is how the key is written in the one-line form: `optional`, `min=`; "" when it needs the map form.
	Word string
	// Fits says which fields understand it, for people; "" is every field.
	Fits string
}

// Section is a map whose keys the language gives.
type Section struct {
	Name string
	Doc  string
	Keys []Key // beside them keys that begin with x- are kept for other tools
}

// Key returns the key of that name, or nil.
func (s *Section) Key(name string) *Key {
	for i := range s.Keys {
		if s.Keys[i].Name == name {
			return &s.Keys[i]
		}
	}
	return nil
}

// Names lists the keys, in the order of the reference page.
func (s *Section) Names() []string {
	names := make([]string, len(s.Keys))
	for i, k := range s.Keys {
		names[i] = k.Name
	}
	return names
}

// Sections returns every section, file first. The result is shared: do not change it.
func Sections() []*Section { return sections }

// Lookup returns the section of that name; an unknown name is a mistake of the
// program and panics.
func Lookup(name string) *Section {
	for _, s := range sections {
		if s.Name == name {
			return s
		}
	}
	panic("language: no section " + name)
}

func one(k Kind) []Shape               { return []Shape{{Kind: k}} }
func choice(words ...string) []Shape   { return []Shape{{Kind: Choice, Words: words}} }
func object(section string) []Shape    { return []Shape{{Kind: Object, Section: section}} }
func listOf(s ...Shape) Shape          { return Shape{Kind: List, Of: s} }
func mapOf(s ...Shape) Shape           { return Shape{Kind: Map, Of: s} }
func oneOrList(k Kind) []Shape         { return []Shape{{Kind: k}, listOf(Shape{Kind: k})} }
func either(shapes ...[]Shape) []Shape { return concat(shapes) }
func mapObject(section string) []Shape { return []Shape{mapOf(Shape{Kind: Object, Section: section})} }
func fieldMap() []Shape                { return []Shape{mapOf(fieldForms...)} }
func concat(shapes [][]Shape) (r []Shape) {
	for _, s := range shapes {
		r = append(r, s...)
	}
	return r
}

var fieldForms = []Shape{{Kind: FieldText}, {Kind: Object, Section: "field"}}

var sections = []*Section{
	fileSection, appSection, limitsSection, defaultsSection, roleSection, tenantSection, typeSection, classSection, mixinSection,
	authSection, softDeleteSection, fieldSection, scopeSection, actionSection, returnsSection, scheduleSection,
}

var fileSection = &Section{Name: "file", Doc: "A schema file.", Keys: []Key{
	{Name: "dowel", Doc: "Version of the language.", Shapes: choice(Version), Example: "dowel: 1"},
	{Name: "app", Doc: "The application's own settings.", Shapes: object("app"), Example: "app: {title: Acme CRM, version: \"1.0\", style: envelope}"},
	{Name: "defaults", Doc: "What holds for every class that does not say otherwise.", Shapes: object("defaults"), Example: "defaults: {page: 50, id: uuid, naming: camel}"},
	{Name: "include", Doc: "Further schema files: paths, globs or module folders, relative to this file.", Shapes: oneOrList(Path), Example: "include: [schema/*.yaml, modules/billing]"},
	{Name: "roles", Doc: "Global roles that users have.", Shapes: []Shape{mapOf(Shape{Kind: Null}, Shape{Kind: Text}, Shape{Kind: Object, Section: "role"})}, Example: "roles:\n  agent: Works with customers.\n  admin: {includes: agent}"},
	{Name: "tenant", Doc: "The one place where tenancy is said.", Shapes: object("tenant"), Example: "tenant: {class: org, via: membership, from: path, creator: owner}"},
	{Name: "schedules", Doc: "Actions that are run again and again.", Shapes: mapObject("schedule"), Example: "schedules:\n  close_stale: {cron: \"0 3 * * *\", action: order.update, where: \"status = 'draft'\", input: {status: cancelled}, as: manager}"},
	{Name: "types", Doc: "Named types: a limited string, an enum, a nested object.", Shapes: []Shape{mapOf(Shape{Kind: FieldText}, Shape{Kind: Object, Section: "type"})}, Example: "types:\n  zip: {type: string, pattern: \"^[0-9]{5}$\"}"},
	{Name: "mixins", Doc: "Parts of classes, taken in with `use`.", Shapes: mapObject("mixin"), Example: "mixins:\n  owned:\n    fields: {owner: user auto=me}"},
	{Name: "classes", Doc: "The entities: each is a table, a collection of the API and a target of rules.", Shapes: mapObject("class"), Example: "classes:\n  tag:\n    fields: {name: slug unique}\n    allow: {read: anyone}"},
}}

var appSection = &Section{Name: "app", Doc: "The application's own settings.", Keys: []Key{
	{Name: "title", Doc: "Name shown in documents and the console.", Shapes: one(Text), Example: "title: Acme CRM"},
	{Name: "version", Doc: "Version of the API.", Shapes: one(Text), Example: `version: "1.0"`},
	{Name: "doc", Doc: "What the application is for.", Shapes: one(Text), Example: "doc: Customers and orders of Acme."},
	{Name: "style", Doc: "Form of answers: the record itself, or an envelope with success, data and meta.", Default: "plain", Shapes: choice("plain", "envelope"), Example: "style: envelope"},
	{Name: "mount", Doc: "Path prefix of the API.", Default: "/api", Shapes: one(Text), Example: "mount: /api/v1"},
	{Name: "limits", Doc: "Page sizes and depth of expansions.", Shapes: object("limits"), Example: "limits: {depth: 4, page_max: 500}"},
	{Name: "jobs", Doc: "Whether actions can be queued to be run later, as `Prefer: respond-async` asks for.", Default: "true where a class has `auth`, or there are schedules", Shapes: one(Bool), Example: "jobs: true"},
}}

var limitsSection = &Section{Name: "limits", Doc: "What one request may ask for.", Keys: []Key{
	{Name: "depth", Doc: "Levels of expansion.", Default: "3", Shapes: one(Int), Example: "depth: 2"},
	{Name: "page", Doc: "Rows of a page when the client does not say.", Default: "20", Shapes: one(Int), Example: "page: 50"},
	{Name: "page_max", Doc: "Most rows of a page that a client may ask for.", Default: "100", Shapes: one(Int), Example: "page_max: 500"},
}}

// Keys that a class has for itself and `defaults` has for all.
var shared = []Key{
	{Name: "id", Doc: "Type of the generated id.", Default: "int", Shapes: choice("int", "bigint", "uuid"), Example: "id: uuid"},
	{Name: "naming", Doc: "Style of names in JSON.", Default: "as written", Shapes: choice("snake", "camel"), Example: "naming: camel"},
	{Name: "timestamps", Doc: "Whether records have created_at and updated_at.", Default: "true", Shapes: one(Bool), Example: "timestamps: false"},
	{Name: "soft_delete", Doc: "Deleted rows are kept and can be restored; the map gives the roles that may.", Default: "false", Shapes: either(one(Bool), object("soft_delete")), Example: "soft_delete: {restore: manager, purge: admin}"},
	{Name: "history", Doc: "Whether every change is kept, with who made it; a time says for how long. A rule for the verb `history` implies it.", Default: "false", Shapes: either(one(Bool), one(Span)), Example: "history: true"},
	{Name: "events", Doc: "Whether every change of a row is an event, for functions in Go and other systems.", Default: "false", Shapes: one(Bool), Example: "events: true"},
	{Name: "cache", Doc: "How long answers may be reused by the server; `public` also by caches in between.", Default: "false", Shapes: either(one(Span), one(Bool)), Example: "cache: 5m"},
	{Name: "bulk", Doc: "Whether bulk-import, bulk-update and bulk-delete exist.", Default: "true", Shapes: one(Bool), Example: "bulk: false"},
	{Name: "expose", Doc: "Whether the class is served over HTTP at all.", Default: "true", Shapes: one(Bool), Example: "expose: false"},
	{Name: "on_conflict", Doc: "What creating a row that exists does.", Default: "error", Shapes: choice("error", "update"), Example: "on_conflict: update"},
	{Name: "concurrency", Doc: "Whether writes must carry If-Match.", Default: "optional", Shapes: choice("optional", "required"), Example: "concurrency: required"},
	{Name: "visibility", Doc: "What becomes of a list with rows that match and may not be seen: they are left out, or it is refused (403).", Default: "filter", Shapes: choice("filter", "strict"), Example: "visibility: strict"},
	{Name: "limits", Doc: "Page sizes and depth of expansions.", Shapes: object("limits"), Example: "limits: {depth: 2}"},
}

var defaultsSection = &Section{Name: "defaults", Doc: "What holds for every class that does not say otherwise.", Keys: append([]Key{
	{Name: "page", Doc: "Rows of a page when the client does not say.", Default: "20", Shapes: one(Int), Example: "page: 50"},
	{Name: "page_max", Doc: "Most rows of a page that a client may ask for.", Default: "100", Shapes: one(Int), Example: "page_max: 500"},
	{Name: "depth", Doc: "Levels of expansion.", Default: "3", Shapes: one(Int), Example: "depth: 2"},
	{Name: "on_delete", Doc: "What becomes of rows whose target is deleted.", Default: "restrict", Shapes: choice("restrict", "cascade", "set_null"), Example: "on_delete: cascade"},
}, shared...)}

var roleSection = &Section{Name: "role", Doc: "A global role.", Keys: []Key{
	{Name: "doc", Doc: "Who has the role.", Shapes: one(Text), Example: "doc: Works with customers."},
	{Name: "includes", Doc: "Roles whose rights come with it.", Shapes: oneOrList(Role), Example: "includes: agent"},
}}

var tenantSection = &Section{Name: "tenant", Doc: "Every class but those with `tenant: none` belongs to one organization.", Keys: []Key{
	{Name: "class", Doc: "The class of organizations.", Shapes: one(Class), Example: "class: org"},
	{Name: "via", Doc: "The class that says who belongs to an organization, and as what: it refers to a user, and `role` is a role. Without it the `tenant` claim of a token says so.", Shapes: one(Class), Example: "via: membership"},
	{Name: "from", Doc: "Where a request names its organization: in the path, in the `tenant` claim of its token, or in the header field X-Tenant.", Default: "path", Shapes: choice("path", "claim", "header"), Example: "from: path"},
	{Name: "mode", Doc: "How organizations are kept apart: by a column of each table. A schema or a database for each is not served.", Default: "column", Shapes: choice("column"), Example: "mode: column"},
	{Name: "creator", Doc: "Role of whoever creates an organization.", Shapes: one(Role), Example: "creator: owner"},
}}

var scheduleSection = &Section{Name: "schedule", Doc: "An action that is run again and again, by one node each time. What was missed while no node ran is made up for once.", Keys: []Key{
	{Name: "cron", Doc: "The times: minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly.", Shapes: one(Text), Example: "cron: \"0 3 * * *\""},
	{Name: "every", Doc: "A length of time instead: due at whole multiples of it, counted in UTC.", Shapes: one(Span), Example: "every: 15m"},
	{Name: "timezone", Doc: "The time zone of `cron`.", Default: "UTC", Shapes: one(Text), Example: "timezone: Europe/Berlin"},
	{Name: "action", Doc: "CLASS.VERB, or an action written out as `dowel do` takes it.", Shapes: either(one(Text), one(Any)), Example: "action: order.update"},
	{Name: "id", Doc: "The record that CLASS.VERB is about.", Shapes: one(Scalar), Example: "id: 7"},
	{Name: "where", Doc: "The records that CLASS.update or CLASS.delete is about.", Shapes: one(Expr), Example: "where: \"status = 'draft'\""},
	{Name: "max_affected", Doc: "With `where`: how many records it may be at most; if there are more, nothing is done.", Default: "1000", Shapes: one(Int), Example: "max_affected: 100"},
	{Name: "input", Doc: "What is sent with CLASS.VERB.", Shapes: one(Any), Example: "input: {status: cancelled}"},
	{Name: "as", Doc: "Whose rights it has: a role; or `system`, which no rule holds.", Shapes: either(one(Role), choice("system")), Example: "as: manager"},
	{Name: "user", Doc: "The user whose rights it has, by login name or id, as they are when it runs.", Shapes: one(Text), Example: "user: bot@acme.test"},
	{Name: "doc", Doc: "What it is for.", Shapes: one(Text), Example: "doc: Drafts that nobody came back to."},
}}

var typeSection = &Section{Name: "type", Doc: "A named type.", Keys: append([]Key{}, typeKeys...)}

// The keys that say what a value is: of named types and of fields.
var typeKeys = []Key{
	{Name: "type", Doc: "The type.", Shapes: one(Type), Example: "type: string"},
	{Name: "enum", Doc: "The closed set of values, in their order.", Shapes: []Shape{listOf(Shape{Kind: Text})}, Example: "enum: [draft, placed, shipped]"},
	{Name: "list", Doc: "A list of values: the type of its members.", Shapes: fieldForms, Example: "list: string max=50"},
	{Name: "fields", Doc: "A nested object: its members.", Shapes: fieldMap(), Example: "fields: {street: string, city: string}"},
	{Name: "doc", Doc: "What it means.", Shapes: one(Text), Example: "doc: Five digits."},
	{Name: "min", Word: "min=", Doc: "Least value, or least number of characters or members.", Shapes: one(Scalar), Fits: "numbers, text, dates, lists", Example: "age: int min=0"},
	{Name: "max", Word: "max=", Doc: "Greatest value, or greatest number of characters or members; of a file, of bytes: 5MB.", Shapes: one(Scalar), Fits: "numbers, text, dates, lists, files", Example: "name: string max=120"},
	{Name: "scale", Word: "scale=", Doc: "Digits after the point.", Default: "2", Shapes: one(Int), Fits: "decimal", Example: "total: decimal scale=2"},
	{Name: "pattern", Word: "pattern=", Doc: "Regular expression (RE2) that the whole text matches.", Shapes: one(Text), Fits: "text", Example: `zip: {type: string, pattern: "[0-9]{5}"}`},
	{Name: "accept", Word: "accept=", Doc: "Media types of the content that may be sent, or kinds of them.", Default: "all", Shapes: oneOrList(Text), Fits: "file", Example: "photo: file accept=image/png,image/jpeg"},
	{Name: "default", Word: "default=", Doc: "Value of a field that was not sent; `now` and `me` are worked out.", Shapes: either(one(Scalar), one(Any)), Example: "status: {enum: [draft, done], default: draft}"},
}

var fieldSection = &Section{Name: "field", Doc: "A member of a record, in its map form.", Keys: append(append([]Key{}, typeKeys...), []Key{
	{Name: "many", Doc: "A set of rows of another class, kept in a link table.", Shapes: one(Class), Example: "tags: {many: tag, by: name, create: true}"},
	{Name: "by", Word: "by=", Doc: "Unique field of the other class that stands for its rows in JSON.", Shapes: one(Name), Fits: "many", Example: "tags: many tag by=name"},
	{Name: "create", Word: "create", Doc: "A name that does not exist yet makes its row.", Default: "false", Shapes: one(Bool), Fits: "many with by", Example: "tags: many tag by=name create"},
	{Name: "optional", Word: "optional", Doc: "The field may be null. Every other field is required.", Default: "false", Shapes: one(Bool), Example: "phone: phone optional"},
	{Name: "unique", Word: "unique", Doc: "No two rows have the same value.", Default: "false", Shapes: one(Bool), Example: "email: email unique"},
	{Name: "index", Word: "index", Doc: "The store keeps an index for filters and orders.", Default: "false", Shapes: one(Bool), Example: "placed_at: datetime index"},
	{Name: "search", Word: "search", Doc: "search= looks into the field.", Default: "false", Shapes: one(Bool), Fits: "text", Example: "title: string search"},
	{Name: "readonly", Word: "readonly", Doc: "Never accepted from clients; actions set it.", Default: "false", Shapes: one(Bool), Example: "published_at: datetime optional readonly"},
	{Name: "immutable", Word: "immutable", Doc: "Accepted when the row is created, never changed.", Default: "false", Shapes: one(Bool), Example: "number: string immutable"},
	{Name: "writeonly", Word: "writeonly", Doc: "Accepted, never shown.", Default: "false", Shapes: one(Bool), Example: "pin: string writeonly"},
	{Name: "hidden", Word: "hidden", Doc: "Shown only when named in fields=.", Default: "false", Shapes: one(Bool), Example: "internal_notes: text optional hidden"},
	{Name: "on_delete", Word: "on_delete=", Doc: "What becomes of the row when its target is deleted.", Default: "restrict", Shapes: choice("restrict", "cascade", "set_null"), Fits: "references", Example: "customer: customer on_delete=cascade"},
	{Name: "auto", Word: "auto=", Doc: "The engine fills the field; clients may not send it.", Shapes: choice("me", "now", "uuid", "sequence"), Example: "author: user auto=me"},
	{Name: "per", Word: "per=", Doc: "The sequence counts for each value of this field.", Shapes: one(Field), Fits: "auto=sequence", Example: "number: int auto=sequence per=project"},
	{Name: "from", Word: "from=", Doc: "Field that fills this one when it was not sent.", Shapes: one(Field), Example: "slug: slug from=title"},
	{Name: "inverse", Word: "inverse=", Doc: "Name of the way back, on the other class.", Default: "plural of the owning class", Shapes: one(Name), Fits: "references and many", Example: "author: user inverse=posts"},
	{Name: "read", Word: "read=", Doc: "Roles that may see the field.", Shapes: oneOrList(AnyRole), Example: "email: email read=editor"},
	{Name: "write", Word: "write=", Doc: "Roles that may set the field.", Shapes: oneOrList(AnyRole), Example: "status: string write=editor"},
	{Name: "backfill", Word: "backfill=", Doc: "What rows without a value get when the field comes to a table that has some, or becomes required; `now` is worked out.", Default: "the `default`", Shapes: either(one(Scalar), one(Any)), Fits: "all but `many`", Example: "lang: string backfill=en"},
	{Name: "was", Word: "was=", Doc: "Former name: the column is renamed, not dropped.", Shapes: one(Name), Example: "surname: string was=last_name"},
	{Name: "json", Word: "json=", Doc: "Name in JSON.", Shapes: one(Name), Example: "kind: string json=type"},
	{Name: "column", Word: "column=", Doc: "Name of the column.", Shapes: one(Name), Example: "kind: string column=type_code"},
	{Name: "table", Word: "table=", Doc: "Name of the link table.", Default: "the class's table, _ and the name of the field", Shapes: one(Name), Fits: "many", Example: "tags: many tag table=post_tags"},
}...)}

// The keys of a class that a mixin may hold too.
var parts = append([]Key{
	{Name: "use", Doc: "Mixins to take in.", Shapes: oneOrList(Mixin), Example: "use: [owned]"},
	{Name: "fields", Doc: "The members of a record, in their order.", Shapes: fieldMap(), Example: "fields:\n  name: string max=120\n  customer: customer on_delete=cascade"},
	{Name: "computed", Doc: "Values worked out from related rows when they are read.", Shapes: []Shape{mapOf(Shape{Kind: Computed})}, Example: "computed: {orders_count: count orders, revenue: sum orders.total}"},
	{Name: "unique", Doc: "Combinations of fields that no two rows share.", Shapes: []Shape{listOf(Shape{Kind: Field}), listOf(listOf(Shape{Kind: Field}))}, Example: "unique: [[project, number]]"},
	{Name: "indexes", Doc: "Combinations of fields to index.", Shapes: []Shape{listOf(Shape{Kind: Field}), listOf(listOf(Shape{Kind: Field}))}, Example: "indexes: [[project, state, priority]]"},
	{Name: "checks", Doc: "Conditions that every stored row satisfies.", Shapes: []Shape{mapOf(Shape{Kind: Expr}), listOf(Shape{Kind: Expr})}, Example: "checks: {dates: ends_on is null or ends_on >= starts_on}"},
	{Name: "scopes", Doc: "Named filters: ?scope=active.", Shapes: []Shape{mapOf(Shape{Kind: Expr}, Shape{Kind: Object, Section: "scope"})}, Example: "scopes: {active: status = 'active'}"},
	{Name: "roles", Doc: "Row roles: rights that depend on the row.", Shapes: []Shape{mapOf(Shape{Kind: RowRole})}, Example: "roles: {author: author = me, viewer: viewer of project}"},
	{Name: "actions", Doc: "Operations beside the generic ones.", Shapes: mapObject("action"), Example: "actions:\n  publish: {when: status = 'draft', set: {status: published}}"},
	{Name: "allow", Doc: "Who may do what; without it the class is closed.", Shapes: []Shape{mapOf(Shape{Kind: Rule}, listOf(Shape{Kind: Rule}))}, Example: "allow: {read: anyone, write: [author, editor], all: admin}"},
	{Name: "deny", Doc: "Who may not, whatever `allow` says.", Shapes: []Shape{mapOf(Shape{Kind: Rule}, listOf(Shape{Kind: Rule}))}, Example: "deny: {delete: user where status = 'closed'}"},
	{Name: "search", Doc: "Fields that search= looks into.", Shapes: oneOrList(Field), Example: "search: [name, email]"},
	{Name: "sort", Doc: "Order of lists when the client gives none.", Default: "the key", Shapes: oneOrList(Sort), Example: "sort: -created_at"},
	{Name: "nested", Doc: "Which related collections are served below an item.", Default: "all", Shapes: either(one(Bool), []Shape{mapOf(Shape{Kind: Choice, Words: []string{"all", "read", "none"}}, Shape{Kind: Bool})}), Example: "nested: {orders: read}"},
}, shared...)

var mixinSection = &Section{Name: "mixin", Doc: "A part of a class, taken in with `use`; the class's own words win.", Keys: without(parts, "id", "naming")}

var classSection = &Section{Name: "class", Doc: "An entity: a table, a collection of the API, a target of rules.", Keys: append([]Key{
	{Name: "doc", Doc: "What a row is.", Shapes: one(Text), Example: "doc: A person or company we sell to."},
	{Name: "key", Doc: "The field, or fields, that identify a row.", Default: "a generated id", Shapes: oneOrList(Field), Example: "key: [author, subject]"},
	{Name: "collection", Doc: "Path segment of the class.", Default: "the plural", Shapes: one(Text), Example: "collection: people"},
	{Name: "table", Doc: "Name of the table.", Default: "the plural", Shapes: one(Name), Example: "table: persons"},
	{Name: "was", Doc: "Former name: the table is renamed, not dropped.", Shapes: one(Name), Example: "was: client"},
	{Name: "auth", Doc: "Users log in with rows of this class.", Shapes: object("auth"), Example: "auth: {login: email, secret: password, role: role}"},
	{Name: "tenant", Doc: "`none` keeps the class outside of organizations.", Shapes: choice("none"), Example: "tenant: none"},
}, parts...)}

var authSection = &Section{Name: "auth", Doc: "How users log in.", Keys: []Key{
	{Name: "login", Doc: "The field users are known by; unique.", Shapes: one(Field), Example: "login: email"},
	{Name: "secret", Doc: "The password field.", Shapes: one(Field), Example: "secret: password"},
	{Name: "role", Doc: "The field that holds the user's global role.", Shapes: one(Field), Example: "role: role"},
	{Name: "enabled", Doc: "A bool field: false locks the account.", Shapes: one(Field), Example: "enabled: active"},
}}

var softDeleteSection = &Section{Name: "soft_delete", Doc: "Who may undo and who may finish a deletion.", Keys: []Key{
	{Name: "restore", Doc: "Roles that bring rows back.", Shapes: oneOrList(Rule), Example: "restore: manager"},
	{Name: "purge", Doc: "Roles that delete rows for good.", Shapes: oneOrList(Rule), Example: "purge: admin"},
}}

var scopeSection = &Section{Name: "scope", Doc: "A named filter.", Keys: []Key{
	{Name: "where", Doc: "The condition.", Shapes: one(Expr), Example: "where: status = 'active'"},
	{Name: "doc", Doc: "What it selects.", Shapes: one(Text), Example: "doc: Customers we talk to."},
}}

var actionSection = &Section{Name: "action", Doc: "An operation beside the generic ones.", Keys: []Key{
	{Name: "doc", Doc: "What it does.", Shapes: one(Text), Example: "doc: Publish the draft."},
	{Name: "when", Doc: "Condition of the row without which the action is refused.", Shapes: one(Expr), Example: "when: status = 'draft'"},
	{Name: "set", Doc: "Values to store: constants, names of inputs, me, now.", Shapes: []Shape{mapOf(Shape{Kind: Scalar})}, Example: "set: {status: published, published_at: now}"},
	{Name: "input", Doc: "What the client sends.", Shapes: fieldMap(), Example: "input: {reason: text optional}"},
	{Name: "returns", Doc: "What it answers: a class, or fields of its own.", Default: "the row", Shapes: either(one(Class), fieldMap(), object("returns")), Example: "returns: invoice"},
	{Name: "run", Doc: "`go`: a function of the application does the work.", Shapes: choice("go"), Example: "run: go"},
	{Name: "on", Doc: "Whether it acts on one row or on the class.", Default: "item", Shapes: choice("item", "collection"), Example: "on: collection"},
	{Name: "method", Doc: "HTTP method.", Default: "POST", Shapes: choice("POST", "GET"), Example: "method: GET"},
	{Name: "path", Doc: "Last path segment.", Default: "the name", Shapes: one(Text), Example: "path: mark-paid"},
}}

var returnsSection = &Section{Name: "returns", Doc: "An answer of its own.", Keys: []Key{
	{Name: "fields", Doc: "The members of the answer.", Shapes: fieldMap(), Example: "fields: {count: int}"},
}}

func without(keys []Key, names ...string) (r []Key) {
next:
	for _, k := range keys {
		for _, n := range names {
			if k.Name == n {
				continue next
			}
		}
		r = append(r, k)
	}
	return r
}
