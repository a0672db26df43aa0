package diag

import "strings"

// Code is one kind of finding. Codes never change their meaning.
type Code struct {
	ID    string
	Title string
	Text  string // what it means and what to do
	// Wrong and Right are schema files without their first line, or "" where
	// the finding is about something else. Loading Wrong finds the code,
	// loading Right does not.
	Wrong, Right string
}

// Codes returns every code, in order.
func Codes() []Code { return codes }

// Lookup returns the code of that id, or nil.
func Lookup(id string) *Code {
	for i := range codes {
		if codes[i].ID == id {
			return &codes[i]
		}
	}
	return nil
}

// ConditionCode is the code of a mistake in a condition, by the word that
// package expr has for it: the schema and policy files share them.
func ConditionCode(word string) string {
	switch word {
	case "unknown":
		return "E041"
	case "value":
		return "E042"
	case "secret":
		return "E044"
	case "mode":
		return "E046"
	}
	return "E043"
}

// Page is what `explain` shows for a code.
func (c *Code) Page() string {
	var b strings.Builder
	b.WriteString(c.ID + ": " + c.Title + "\n\n" + c.Text + "\n")
	example := func(title, text string) {
		if text == "" {
			return
		}
		b.WriteString("\n" + title + "\n\n")
		for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
			b.WriteString("    " + line + "\n")
		}
	}
	example("Wrong:", c.Wrong)
	example("Right:", c.Right)
	return b.String()
}

var codes = []Code{
	{"D101", "a table is dropped", "No class has it any more. All of its rows are lost, so it is dropped only when it is named: `dowel apply --allow-destructive`. Until then it stays and does no harm.", "", ""},
	{"D102", "a set is dropped", "No `many` field has the link table any more. Its links are lost, so it is dropped only when it is named. Until then it stays and does no harm.", "", ""},
	{"D103", "a column is dropped", "No field has it any more. Its values are lost, so it is dropped only when it is named. Was the field renamed? Then write `was: former_name`. Until then it stays, and rows need no value for it.", "", ""},
	{"D104", "members of a nested object are dropped", "The type of the field has lost members that stored values may still have. They go when a row is written next.", "", ""},

	{"E001", "not YAML", "The file cannot be read as YAML. The place shown is where the reader gave up; the mistake is there or just above.",
		"classes:\n  tag:\n    fields:\n      name: string\n      color string", "classes:\n  tag:\n    fields:\n      name: string\n      color: string"},
	{"E002", "a value begins with a character YAML keeps for itself", "`@`, `%`, `!`, a backtick and a lone `*` or `&` cannot begin an unquoted value. Put the value into quotes.",
		"classes:\n  tag:\n    fields: {name: string}\n    allow:\n      all: *", "classes:\n  tag:\n    fields: {name: string}\n    allow:\n      all: anyone"},
	{"E003", "a second `: ` in an unquoted value", "In an unquoted value `: ` would begin another map. Put the value into quotes.",
		"classes:\n  tag:\n    doc: Note: a label\n    fields: {name: string}", "classes:\n  tag:\n    doc: \"Note: a label\"\n    fields: {name: string}"},
	{"E004", "a character that has another meaning inside brackets", "Inside { } and [ ] a comma ends an unquoted value, so a condition with a comma needs quotes there. `?` has a meaning of its own; the language never needs it: what may be empty is `optional`.",
		"classes:\n  tag:\n    fields: {phone: phone?}", "classes:\n  tag:\n    fields: {phone: phone optional}"},
	{"E005", "a bracket or quote that does not match", "The place shown is where it was opened, or where something is missing or too much.",
		"classes:\n  tag:\n    fields: {name: string", "classes:\n  tag:\n    fields: {name: string}"},
	{"E006", "wrong indentation", "Lines of one map begin in one column; what belongs to a key begins further right. This line does neither.",
		"classes:\n  tag:\n    fields:\n      name: string\n     color: string", "classes:\n  tag:\n    fields:\n      name: string\n      color: string"},
	{"E007", "a tab in the indentation", "YAML is indented with spaces. Most editors can be told so.",
		"classes:\n\ttag:\n    fields: {name: string}", "classes:\n  tag:\n    fields: {name: string}"},
	{"E008", "an alias that cannot be followed", "An alias (`*name`) stands for what its anchor (`&name`) marks. It must exist above, must not contain itself, and all aliases together must not unfold to an enormous file. `types` and `mixins` are better ways to write something once.",
		"classes:\n  tag:\n    fields: *common", "mixins:\n  common:\n    fields: {name: string}\nclasses:\n  tag:\n    use: common"},
	{"E009", "a file that cannot be read", "A schema file is UTF-8 text with one YAML document of at most 4 MiB.",
		"classes:\n  tag:\n    fields: {name: string}\n---\nclasses: {}", "classes:\n  tag:\n    fields: {name: string}"},

	{"E010", "unknown key", "The language has no such key here. Keys of other tools can be kept where a key begins with `x-`.",
		"classes:\n  tag:\n    feilds: {name: string}", "classes:\n  tag:\n    fields: {name: string}\n    x-color: blue"},
	{"E011", "something is missing", "A part of the schema lacks what it cannot do without.",
		"classes:\n  user:\n    auth: {login: email}\n    fields: {email: email unique, password: password}", "classes:\n  user:\n    auth: {login: email, secret: password}\n    fields: {email: email unique, password: password}"},
	{"E012", "declared twice", "One name is given twice. Only one could hold, so neither is chosen silently.",
		"classes:\n  tag:\n    fields:\n      name: string\n      name: text", "classes:\n  tag:\n    fields:\n      name: string\n      notes: text"},
	{"E013", "a value of the wrong form", "A map, a list or a text stands where another of them is needed.",
		"classes:\n  tag:\n    fields: [name, color]", "classes:\n  tag:\n    fields: {name: string, color: string}"},
	{"E014", "a value that is not possible", "The key takes one of a few words, or a number within limits.",
		"app: {style: fancy}", "app: {style: envelope}"},
	{"E015", "not a name", "Names are small letters, digits and `_`, and begin with a letter. With `defaults: {naming: camel}` they are camelCase in JSON.",
		"classes:\n  tag:\n    fields: {DisplayName: string}", "classes:\n  tag:\n    fields: {display_name: string}"},
	{"E016", "two things with one name", "Names that are used at one place must differ: the members and actions of a class, the collections of two classes, a role and a row role.",
		"classes:\n  tag:\n    fields: {archive: bool}\n    actions:\n      archive: {run: go}", "classes:\n  tag:\n    fields: {archived: bool}\n    actions:\n      archive: {run: go}"},
	{"E017", "an include that finds nothing", "Paths and globs of `include` are relative to the file that names them and stay inside the application's folder.",
		"include: parts/*.yaml\nclasses: {}", "classes: {}"},
	{"E018", "something that contains itself", "A file includes itself, a type holds itself, or a mixin uses itself, directly or over others.",
		"types:\n  tree:\n    fields: {children: list tree}", "classes:\n  node:\n    fields: {parent: node optional}"},
	{"E019", "a right that a module may not give", "A module may add fields, relations, actions and scopes to the class of another, and give rights to its own actions. All other rights are said where the class is declared.", "", ""},

	{"E020", "a field without a type, or with two", "A field is a text that begins with its type, or a map with one of `type`, `enum`, `many`, `list` and `fields`.",
		"classes:\n  tag:\n    fields: {name: optional}", "classes:\n  tag:\n    fields: {name: string optional}"},
	{"E021", "unknown word", "After the type come words of the language: `optional`, `unique`, `max=20`, …",
		"classes:\n  tag:\n    fields: {name: string uniqe}", "classes:\n  tag:\n    fields: {name: string unique}"},
	{"E022", "a word that does not fit", "The word exists, but means nothing for this type or at this place.",
		"classes:\n  tag:\n    fields: {visible: bool max=3}", "classes:\n  tag:\n    fields: {name: string max=3}"},
	{"E023", "unknown type", "A type is one of the built-in types, a name under `types`, or a class, which makes the field a reference.",
		"classes:\n  customer:\n    fields: {birthday: dat optional}", "classes:\n  customer:\n    fields: {birthday: date optional}"},
	{"E024", "an option that cannot be", "The value of the option is none, or contradicts another: a `min` above `max`, a `pattern` that is no regular expression.",
		"classes:\n  tag:\n    fields: {name: string min=9 max=3}", "classes:\n  tag:\n    fields: {name: string min=3 max=9}"},
	{"E025", "an enum that is empty or says something twice", "An enum lists its values, each once, in the order in which they sort.",
		"classes:\n  tag:\n    fields:\n      color: {enum: [red, green, red]}", "classes:\n  tag:\n    fields:\n      color: {enum: [red, green]}"},
	{"E026", "a default outside of its own limits", "The default must be a value that a client could send.",
		"classes:\n  tag:\n    fields: {level: int max=5 default=9}", "classes:\n  tag:\n    fields: {level: int max=5 default=3}"},
	{"E027", "a value that cannot be filled in", "`auto=`, `default=me` and `from=` give a field its value; here they cannot: there are no users, or the value is of another kind.",
		"classes:\n  note:\n    fields: {author: string auto=me}", "classes:\n  user:\n    auth: {login: email, secret: password}\n    fields: {email: email unique, password: password}\n  note:\n    fields: {author: user auto=me}"},
	{"E028", "no such field", "The class has no field of this name.",
		"classes:\n  tag:\n    fields: {name: string}\n    sort: nmae", "classes:\n  tag:\n    fields: {name: string}\n    sort: name"},
	{"E029", "a field that cannot be used here", "Keys, searches, orders and indexes need fields whose type allows it.",
		"classes:\n  tag:\n    fields: {level: int}\n    search: [level]", "classes:\n  tag:\n    fields: {name: string}\n    search: [name]"},

	{"E030", "unknown verb", "Rules are about the verbs list, get, create, update, delete, restore, purge, history, the groups read, write, actions, bulk, all, and the actions of the class.",
		"classes:\n  tag:\n    fields: {name: string}\n    allow: {raed: anyone}", "classes:\n  tag:\n    fields: {name: string}\n    allow: {read: anyone}"},
	{"E031", "unknown role", "A role is `anyone`, `anonymous`, `user`, a name under `roles` of the file, or a row role of the class.",
		"roles: {manager: null}\nclasses:\n  tag:\n    fields: {name: string}\n    allow: {all: mananger}", "roles: {manager: null}\nclasses:\n  tag:\n    fields: {name: string}\n    allow: {all: manager}"},
	{"E032", "roles that include each other", "A role that includes another has all its rights; two that include each other are one role.",
		"roles:\n  agent: {includes: admin}\n  admin: {includes: agent}", "roles:\n  agent:\n  admin: {includes: agent}"},
	{"E033", "a right that leads nowhere", "`viewer of project` holds on a row when `viewer` holds on the row its `project` refers to. The field must be a reference, the other class must have the row role, and the way must not lead back.",
		"classes:\n  project:\n    fields: {public: bool}\n  task:\n    fields: {project: project}\n    roles: {viewer: viewer of project}", "classes:\n  project:\n    fields: {public: bool}\n    roles: {viewer: public}\n  task:\n    fields: {project: project}\n    roles: {viewer: viewer of project}"},
	{"E034", "a rule that cannot be read", "A rule is ROLE, or ROLE where CONDITION, or a list of them.",
		"classes:\n  tag:\n    fields: {name: string}\n    allow: {read: anyone if name = 'a'}", "classes:\n  tag:\n    fields: {name: string}\n    allow: {read: anyone where name = 'a'}"},
	{"E035", "a policy line that cannot be read", "Lines of policy files are `p, role, class, verb, condition, fields, effect` or `g, member, role`, which an organization may follow.", "", ""},
	{"E036", "a verb the class does not have", "`restore` and `purge` need `soft_delete: true`; `act_as` is about the class of users.",
		"classes:\n  tag:\n    fields: {name: string}\n    allow: {restore: anyone}", "classes:\n  tag:\n    soft_delete: true\n    fields: {name: string}\n    allow: {restore: anyone}"},
	{"E037", "a public cache for what only some may see", "Shared caches hand one answer to everybody, so everybody must see the same: reads are allowed to `anyone`, no condition mentions `me`, and no field has `read`.",
		"classes:\n  tag:\n    cache: public 5m\n    fields: {name: string}\n    allow: {read: user}", "classes:\n  tag:\n    cache: public 5m\n    fields: {name: string}\n    allow: {read: anyone}"},
	{"E038", "tenancy that does not work out", "With `tenant`, every class but those with `tenant: none` refers to the class of organizations; the class under `via` says which users belong to one. Users themselves are outside, and a key that clients choose would be one for all organizations.",
		"tenant: {class: org, via: member}\nclasses:\n  org:\n    fields: {name: string}\n  member:\n    fields: {name: string}", "tenant: {class: org, via: member}\nclasses:\n  org:\n    fields: {name: string}\n  user:\n    tenant: none\n    auth: {login: email, secret: password}\n    fields: {email: email unique, password: password}\n  member:\n    fields: {user: user}"},
	{"E039", "a login that does not work out", "Users are known by a required, unique text; their secret is a `password`; their role is a text whose values are roles. One class is that of the users.",
		"classes:\n  user:\n    auth: {login: email, secret: password}\n    fields: {email: email, password: password}", "classes:\n  user:\n    auth: {login: email, secret: password}\n    fields: {email: email unique, password: password}"},

	{"E040", "not an expression", "An expression compares fields with values: `status = 'active' and (total > 10 or vip)`. Texts are in single quotes.",
		"classes:\n  tag:\n    fields: {name: string}\n    scopes: {a: name == 'a'}", "classes:\n  tag:\n    fields: {name: string}\n    scopes: {a: name = 'a'}"},
	{"E041", "an unknown name in an expression", "The class has no field or relation of this name. Texts need single quotes.",
		"classes:\n  tag:\n    fields: {name: string}\n    scopes: {a: nmae = 'a'}", "classes:\n  tag:\n    fields: {name: string}\n    scopes: {a: name = 'a'}"},
	{"E042", "a comparison that can never hold", "The value is none that the field can have.",
		"classes:\n  tag:\n    fields:\n      color: {enum: [red, green]}\n    scopes: {a: color = 'blue'}", "classes:\n  tag:\n    fields:\n      color: {enum: [red, green]}\n    scopes: {a: color = 'red'}"},
	{"E043", "things that cannot be compared", "Both sides of a comparison must be of one type, and the type must know the operator. A reference is compared with references to the same class.",
		"classes:\n  tag:\n    fields: {name: string, level: int}\n    scopes: {a: name = level}", "classes:\n  tag:\n    fields: {name: string, level: int}\n    scopes: {a: level > 3}"},
	{"E044", "a question about a secret", "Passwords cannot be compared, sorted or searched by anybody.",
		"classes:\n  tag:\n    fields: {secret: password}\n    scopes: {a: secret = 'x'}", "classes:\n  tag:\n    fields: {name: string}\n    scopes: {a: name = 'x'}"},
	{"E046", "a condition that is not possible here", "A check is decided by the stored fields of one row, at any time and for everybody: it cannot look at other rows, `me` or `now`. A computed field is the same for everybody.",
		"classes:\n  event:\n    fields: {starts: datetime}\n    checks: {later: starts > now}", "classes:\n  event:\n    fields: {starts: datetime, ends: datetime}\n    checks: {later: ends > starts}"},

	{"E050", "unknown class", "Only a class can stand here.",
		"classes:\n  post:\n    fields: {tags: many tga}\n  tag:\n    fields: {name: string}", "classes:\n  post:\n    fields: {tags: many tag}\n  tag:\n    fields: {name: string}"},
	{"E051", "two references to one class without names for the way back", "`customer.orders` is the way back of `order.customer`. Two references to one class have two ways back, which need names.",
		"classes:\n  user:\n    fields: {name: string}\n  task:\n    fields: {author: user, assignee: user}", "classes:\n  user:\n    fields: {name: string}\n  task:\n    fields: {author: user inverse=written_tasks, assignee: user inverse=assigned_tasks}"},
	{"E052", "a way back whose name is taken", "The other class already has a field or relation of this name; `inverse=` gives the way back another.",
		"classes:\n  user:\n    fields: {tasks: string}\n  task:\n    fields: {author: user}", "classes:\n  user:\n    fields: {tasks: string}\n  task:\n    fields: {author: user inverse=written_tasks}"},
	{"E053", "a required reference that would be emptied", "`on_delete=set_null` empties the reference when its target is deleted, so it must be `optional`.",
		"classes:\n  user:\n    fields: {name: string}\n  task:\n    fields: {author: user on_delete=set_null}", "classes:\n  user:\n    fields: {name: string}\n  task:\n    fields: {author: user optional on_delete=set_null}"},
	{"E054", "a reference to a class with a key of several fields", "References and links hold one value. Give the class a key of one field, and say `unique: [[a, b]]` of the others.",
		"classes:\n  seat:\n    key: [row, number]\n    fields: {row: int, number: int}\n  ticket:\n    fields: {seat: seat}", "classes:\n  seat:\n    fields: {row: int, number: int}\n    unique: [[row, number]]\n  ticket:\n    fields: {seat: seat}"},
	{"E055", "a set of rows that cannot be shown so", "`by=` names a unique field of the other class; with `create` that field alone must be enough to make a row.",
		"classes:\n  post:\n    fields: {tags: many tag by=name}\n  tag:\n    fields: {name: string}", "classes:\n  post:\n    fields: {tags: many tag by=name}\n  tag:\n    fields: {name: string unique}"},
	{"E056", "a computed field that cannot be read", "Computed fields are `count REL`, `sum REL.FIELD`, `min`, `max` or `avg`, with `where CONDITION` if not all rows count.",
		"classes:\n  user:\n    fields: {name: string}\n    computed: {tasks_count: number of tasks}\n  task:\n    fields: {author: user}", "classes:\n  user:\n    fields: {name: string}\n    computed: {tasks_count: count tasks}\n  task:\n    fields: {author: user}"},
	{"E057", "a relation that does not exist or does not fit", "Relations are the references of a class and the ways back to it, `customer.orders`.",
		"classes:\n  user:\n    fields: {name: string}\n    computed: {tasks_count: count taks}\n  task:\n    fields: {author: user}", "classes:\n  user:\n    fields: {name: string}\n    computed: {tasks_count: count tasks}\n  task:\n    fields: {author: user}"},

	{"E060", "an action called like a generic one", "Every class has create, update, delete, restore and so on; an action of its own needs another name.",
		"classes:\n  tag:\n    fields: {name: string}\n    actions:\n      delete: {run: go}", "classes:\n  tag:\n    fields: {name: string}\n    actions:\n      retire: {run: go}"},
	{"E061", "a value of `set` that does not fit", "`set` gives a field a constant, the value of an input, `me`, `now` or null, and it must fit the field.",
		"classes:\n  tag:\n    fields: {level: int}\n    actions:\n      raise: {set: {level: high}}", "classes:\n  tag:\n    fields: {level: int}\n    actions:\n      raise: {set: {level: 9}}"},
	{"E062", "a field that no action can set", "Keys, computed fields, sets of rows and the fields the engine keeps are not set by actions.",
		"classes:\n  tag:\n    fields: {name: string}\n    actions:\n      touch: {set: {updated_at: now}}", "classes:\n  tag:\n    fields: {name: string, touched: datetime optional}\n    actions:\n      touch: {set: {touched: now}}"},
	{"E064", "an action that contradicts itself", "An action on the collection has no row to look at or to change; a GET changes nothing.",
		"classes:\n  tag:\n    fields: {name: string}\n    actions:\n      rename: {method: GET, set: {name: x}}", "classes:\n  tag:\n    fields: {name: string}\n    actions:\n      rename: {set: {name: x}}"},
	{"E065", "two actions at one path", "The last path segment of an action is its name, or what `path:` says.",
		"classes:\n  tag:\n    fields: {name: string}\n    actions:\n      hide: {run: go}\n      conceal: {run: go, path: hide}", "classes:\n  tag:\n    fields: {name: string}\n    actions:\n      hide: {run: go}\n      conceal: {run: go}"},
	{"E066", "schema and program do not match", "An action with `run: go` has no function in the program, or a function has no action, or their fields differ.", "", ""},
	{"E067", "names that clients cannot tell apart", "Documents of the API and the programs made of them derive names: class `order_item` has the schema `OrderItem`, and making one takes an `OrderItemCreate`; `get_a` and `get__a` are both `GetA`. What is derived must be one thing, in files that forget case too, and stay it whatever else the schema comes to hold. A class that is renamed keeps its path with `collection:` and its rows with `was:`; a field keeps its name in JSON with `json=`.",
		"classes:\n  customer:\n    fields: {name: string}\n  customer_create:\n    fields: {name: string}", "classes:\n  customer:\n    fields: {name: string}\n  customer_creation:\n    fields: {name: string}"},

	{"E068", "a schedule that cannot be run", "A schedule says when it is due (`cron` or `every`), what it does, and whose rights it has (`as: ROLE`, `as: system` or `user:`). The action must make sense, and whoever it is run as must be allowed to do it.",
		"roles: {manager: null}\nclasses:\n  tag:\n    fields: {name: string}\n    allow: {all: manager}\nschedules:\n  tidy: {cron: every night, action: tag.delete, where: \"name = 'x'\", as: manager}", "roles: {manager: null}\nclasses:\n  tag:\n    fields: {name: string}\n    allow: {all: manager}\nschedules:\n  tidy: {cron: \"0 3 * * *\", action: tag.delete, where: \"name = 'x'\", as: manager}"},

	{"E070", "unknown setting", "config.yaml has no such key. A setting that was ignored silently could be the one you rely on.", "", ""},
	{"E071", "a setting that cannot be", "The value of the setting is of the wrong form or outside its limits.", "", ""},

	{"E081", "a required field that rows have no value for", "The table has rows, and the field came to it or became required. Add `default:` (also for rows to come) or `backfill:` (for those that are there), or make it `optional`.",
		"", ""},
	{"E082", "rows that do not fit", "A limit was narrowed, a value of an enum removed, a check added, a scale lowered or a type changed, and there are rows that the schema would not allow. The plan has the query that lists them: change them first.", "", ""},
	{"E083", "values that occur more than once", "The fields became unique, and there are rows with the same values. The plan has the query that lists them.", "", ""},
	{"E084", "rows that point at nothing", "The field became a reference, or refers to another class now, and there are values that no row there has. The plan has the query that lists them.", "", ""},
	{"E085", "a change that values cannot follow", "The key of a table with rows cannot change, since others know its rows by it, and not every type can become every other. Add a field or a class of the new form and move the values there.", "", ""},
	{"E086", "a change that would touch what was not made here", "Deleted rows would come back without `soft_delete`; an index, a check or the like that Dowel did not make would be lost. Settle that by hand first.", "", ""},
	{"E087", "a migration file that is not what it was", "Files are run once and in order, so one must not change when it was run somewhere. Take the change back and write another file. A file that was never run may be noted as it is: `dowel migrate lint --accept`.", "", ""},
	{"E088", "a migration file that cannot be run", "A file has statements separated by semicolons. On SQLite it is one transaction; on PostgreSQL it is one, too, unless it has `begin` and `commit` itself or a statement that must stand alone.", "", ""},

	{"W001", "a class closed to everybody", "Nothing is allowed unless a rule says so, and this class has none. Add `allow`, or write `expose: false` to say that it is meant.",
		"classes:\n  tag:\n    fields: {name: string}", "classes:\n  tag:\n    fields: {name: string}\n    allow: {read: anyone}"},
	{"W002", "a field called like a query parameter", "`?limit=5` is a page size, so the field is filtered as `?.limit=5`.",
		"classes:\n  plan:\n    fields: {limit: int}\n    allow: {read: anyone}", "classes:\n  plan:\n    fields: {quota: int}\n    allow: {read: anyone}"},
	{"W003", "an action without its function", "The action says `run: go`, and this program has no function for it. It answers 501 until a program that has one serves the schema.", "", ""},
	{"W004", "a field that nobody can fill", "A `readonly` field is never accepted from clients, so a required one needs a default.",
		"classes:\n  plan:\n    fields: {used: int readonly}\n    allow: {read: anyone}", "classes:\n  plan:\n    fields: {used: int readonly default=0}\n    allow: {read: anyone}"},
	{"W005", "an action that does nothing", "The action neither sets a field nor runs a function.",
		"classes:\n  plan:\n    fields: {used: int}\n    actions:\n      reset: {doc: Start anew.}\n    allow: {all: user}", "classes:\n  plan:\n    fields: {used: int}\n    actions:\n      reset: {set: {used: 0}}\n    allow: {all: user}"},
	{"W006", "a mixin that nothing uses", "The mixin is in no `use`.",
		"mixins:\n  owned:\n    fields: {owner: string}", "mixins:\n  owned:\n    fields: {owner: string}\nclasses:\n  plan:\n    use: owned\n    allow: {read: anyone}"},
	{"W007", "a rule that says nothing", "Another rule says the same, or a narrower verb has rules of its own, or a `deny` takes everything back.", "", ""},
	{"W081", "a statement that loses values", "What it drops or deletes is gone. If that is meant, write `-- allow: W081` on the line above.", "", ""},
	{"W082", "a statement that holds others up", "PostgreSQL keeps everybody else from the table, or from writing to it, while the statement looks at all of its rows. There is mostly a way to do the same in several steps, which the finding names; `-- allow: W082` on the line above accepts it, for a small table.", "", ""},
	{"W083", "a statement that running nodes do not survive", "Nodes that serve the former schema look for the old name. Stop them first, or add what is new beside what is there. `-- allow: W083` on the line above accepts it.", "", ""},
}
