package load_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/schema/diag"
)

// marked takes the signs « and » out of a text and returns the place between them.
func marked(t *testing.T, text string) (plain string, line, col, end int) {
	t.Helper()
	before, rest, ok := strings.Cut(text, "«")
	inside, after, closed := strings.Cut(rest, "»")
	if !ok || !closed || strings.Contains(inside, "\n") {
		t.Fatalf("no place is marked in %q", text)
	}
	line = strings.Count(before, "\n") + 1
	col = len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
	return before + inside + after, line, col, col + max(1, len([]rune(inside)))
}

// class wraps the body of a class; extra stands at the top level.
func class(body string) string {
	return "dowel: 1\nclasses:\n  tag:\n    allow: {read: anyone}\n" + body
}

// Each text has one mistake, between « and ».
func TestPlaces(t *testing.T) {
	for _, c := range []struct{ name, code, text, help string }{
		// Inside scalars of every style.
		{"plain", "E021", class("    fields:\n      name: string «uniqe»\n"), "did you mean `unique`?"},
		{"flow", "E021", class("    fields: {a: int, name: string «uniqe» max=3, b: int}\n"), "did you mean `unique`?"},
		{"single quotes", "E021", class("    fields: {name: 'string «uniqe»'}\n"), "did you mean `unique`?"},
		{"double quotes", "E021", class("    fields: {name: \"string «uniqe»\"}\n"), "did you mean `unique`?"},
		{"escapes before", "E041", class("    fields: {name: string}\n    scopes: {a: \"name = '\\u00e9\\\"' or «nmae» = 'x'\"}\n"), "did you mean `name`?"},
		{"doubled single quotes", "E041", class("    fields: {name: string}\n    scopes: {a: 'name = ''x'' or «nmae» = ''y'''}\n"), "did you mean `name`?"},
		{"other scripts", "E041", class("    fields: {name: string}\n    scopes: {a: name = 'żółć' or «nmae» = 'y'}\n"), "did you mean `name`?"},
		{"folded plain", "E041", class("    fields: {name: string}\n    scopes:\n      a: name = 'x'\n         or «nmae» = 'y'\n"), "did you mean `name`?"},
		{"folded double", "E041", class("    fields: {name: string}\n    scopes:\n      a: \"name = 'x' \\\n         or «nmae» = 'y'\"\n"), "did you mean `name`?"},
		{"literal block", "E041", class("    fields: {name: string}\n    scopes:\n      a: |\n        name = 'x'\n        or «nmae» = 'y'\n"), "did you mean `name`?"},
		{"folded block", "E041", class("    fields: {name: string}\n    scopes:\n      a: >-\n        name = 'x' or\n\n          «nmae» = 'y'\n"), "did you mean `name`?"},
		{"behind an anchor", "E023", class("    fields:\n      name: &n «sting» optional\n"), "did you mean `string`?"},
		{"behind a tag", "E023", class("    fields:\n      name: !!str «sting»\n"), "did you mean `string`?"},
		{"in an alias once", "E021", "dowel: 1\nx-a: &f {name: string «uniqe»}\nclasses:\n  a: {fields: *f, allow: {read: anyone}}\n  b: {fields: *f, allow: {read: anyone}}\n", "did you mean `unique`?"},
		{"windows line ends", "E021", strings.ReplaceAll(class("    fields:\n      name: string «uniqe»\n"), "\n", "\r\n"), "did you mean `unique`?"},
		{"value of a word", "E031", class("    fields: {name: string max=3 read=«admni»}\n"), ""},
		{"value in a list", "E031", class("    fields:\n      name: {type: string, write: [anyone, «usr»]}\n"), "did you mean `user`?"},
		{"role of a rule", "E031", "dowel: 1\nclasses:\n  tag:\n    fields: {name: string}\n    allow:\n      read:\n        - «anyon» where name = 'x'\n", "did you mean `anyone`?"},
		{"condition of a rule", "E040", "dowel: 1\nclasses:\n  tag:\n    fields: {name: string}\n    allow: {read: anyone where name = «=» 'x'}\n", ""},
		{"computed where", "E041", class("    fields: {name: string, up: tag optional}\n    computed: {n: count tags where «nam» = 'x'}\n"), "did you mean `name`?"},
		{"travelling field", "E033", class("    fields: {name: string}\n    roles: {a: owner of «name»}\n"), ""},
		{"sort in a list", "E028", class("    fields: {name: string}\n    sort: [name, -«nme»]\n"), "did you mean `name`?"},
		{"sort in a text", "E028", class("    fields: {name: string}\n    sort: name,-«nme»\n"), "did you mean `name`?"},

		// What the language forbids, beyond the examples of codes.
		{"sort by a secret", "E029", class("    fields: {pin: password}\n    sort: «pin»\n"), ""},
		{"backfill that does not fit", "E026", class("    fields: {n: int backfill=«many»}\n"), ""},
		{"backfill of null", "E026", class("    fields: {n: {type: int, backfill: «null»}}\n"), "leave it out, or write a value"},
		{"backfill of a set", "E022", class("    fields: {name: slug unique, tags: many tag inverse=tagged «backfill»=1}\n"), ""},
		{"backfill of a secret", "E022", class("    fields: {pin: password «backfill»=1234}\n"), ""},
		{"unique on json", "E022", class("    fields: {data: json «unique»}\n"), ""},
		{"index over many", "E029", class("    fields: {name: slug unique, tags: many tag inverse=tagged}\n    indexes: [[name, «tags»]]\n"), ""},
		{"many in words without a class", "E020", class("    fields: {a: «many»}\n"), ""},
		{"list of a class", "E022", class("    fields: {a: list «tag»}\n"), "write `many tag`"},
		{"list of lists in words", "E022", class("    fields: {a: list «list» string}\n"), "write `{list: {list: TYPE}}`"},
		{"word of a list in the map form", "E022", class("    fields:\n      a: {list: string «optional»}\n"), "write it beside `list`"},
		{"by on a plain field", "E022", class("    fields: {a: string «by»=name}\n"), ""},
		{"create without by", "E022", class("    fields: {a: many tag inverse=bs «create»}\n"), ""},
		{"reference inside an object", "E022", class("    fields:\n      a: {fields: {b: «tag»}}\n"), ""},
		{"unique inside an object", "E022", class("    fields:\n      a: {fields: {b: string «unique»}}\n"), ""},
		{"unknown type inside an object", "E023", class("    fields:\n      a: {fields: {b: {fields: {c: «sting»}}}}\n"), "did you mean `string`?"},
		{"min of a reference", "E022", class("    fields: {up: tag optional «min»=3}\n"), ""},
		{"default of a reference", "E026", class("    fields: {up: tag default=«me2»}\n"), ""},
		{"default in the map form", "E026", class("    fields:\n      a: {list: int, default: «[»1, x]}\n"), ""},
		{"default me without users", "E027", class("    fields: {up: tag default=«me»}\n"), ""},
		{"per without sequence", "E022", class("    fields: {a: int «per»=b, b: int}\n"), "add `auto=sequence`"},
		{"per an unknown field", "E028", class("    fields: {a: int auto=sequence per=«bb», b: int}\n"), "did you mean `b`?"},
		{"from another kind", "E027", class("    fields: {a: string from=«b», b: int}\n"), ""},
		{"auto and default", "E027", class("    fields: {a: datetime «auto»=now default=now}\n"), "keep one of them"},
		{"key of an optional field", "E029", class("    key: «code»\n    fields: {code: string optional}\n"), "remove `optional`"},
		{"key twice", "E012", class("    key: [a, «a»]\n    fields: {a: string}\n"), "delete one of them"},
		{"key and id", "E022", class("    key: «a»\n    id: uuid\n    fields: {a: string}\n"), "keep one of them"},
		{"id of a composite key", "E016", class("    key: [a, b]\n    fields: {«id»: int, a: int, b: int}\n"), ""},
		{"field the engine adds", "E016", class("    fields: {«created_at»: datetime}\n"), ""},
		{"field and reference", "E016", class("    fields: {«up»: tag optional, up_id: int}\n"), "rename one of them"},
		{"action like a field", "E016", class("    fields: {«name»: string}\n    actions:\n      name: {run: go}\n"), "rename one of them"},
		{"action like a relation", "E016", class("    fields: {«up»: tag optional}\n    actions:\n      tags: {run: go}\n"), "rename one of them"},
		{"action path", "E015", class("    actions:\n      a: {run: go, path: «a/b»}\n"), ""},
		{"returns an unknown class", "E050", class("    actions:\n      a: {run: go, returns: «tga»}\n"), "did you mean `tag`?"},
		{"set of a required field to null", "E061", class("    fields: {name: string}\n    actions:\n      a: {set: {name: «null»}}\n"), ""},
		{"set from an input of another kind", "E061", class("    fields: {name: string}\n    actions:\n      a: {input: {n: int}, set: {name: «n»}}\n"), ""},
		{"set from an optional input", "E061", class("    fields: {name: string}\n    actions:\n      a: {input: {n: string optional}, set: {name: «n»}}\n"), ""},
		{"set to me without users", "E061", class("    fields: {up: tag}\n    actions:\n      a: {set: {up: «me»}}\n"), ""},
		{"set now plus nonsense", "E061", class("    fields: {at: datetime}\n    actions:\n      a: {set: {at: now + «soon»}}\n"), ""},
		{"unknown input", "E061", class("    fields: {name: string}\n    actions:\n      a: {input: {nick: string}, set: {name: input.«nik»}}\n"), "did you mean `nick`?"},
		{"nested on an unknown relation", "E057", class("    fields: {up: tag optional}\n    nested: {«tgas»: read}\n"), "did you mean `tags`?"},
		{"nested word", "E014", class("    fields: {up: tag optional}\n    nested: {tags: «write»}\n"), ""},
		{"auth role with an unknown role", "E031", "dowel: 1\nroles: {admin: null}\nclasses:\n  user:\n    auth: {login: email, secret: pw, role: role}\n    fields:\n      email: email unique\n      pw: password\n      role: {enum: [admin, «owner»]}\n    allow: {read: user}\n", ""},
		{"two login classes", "E039", "dowel: 1\nclasses:\n  a:\n    «auth»: {login: e, secret: p}\n    fields: {e: email unique, p: password}\n    allow: {read: user}\n  b:\n    auth: {login: e, secret: p}\n    fields: {e: email unique, p: password}\n    allow: {read: user}\n", "keep one of them"},
		{"auto me on another class", "E027", "dowel: 1\nclasses:\n  a:\n    auth: {login: e, secret: p}\n    fields: {e: email unique, p: password}\n    allow: {read: user}\n  b:\n    fields: {c: b auto=«me»}\n    allow: {read: user}\n", "refer to `a`"},
		{"role that travels in a circle", "E033", class("    fields: {up: tag optional}\n    roles: {«seer»: seer of up}\n"), ""},
		{"scope without where", "E011", class("    fields: {a: int}\n    scopes:\n      «x»: {doc: X}\n"), "write `where: CONDITION`"},
		{"empty condition", "E040", class("    fields: {a: int}\n    scopes: {x: «''»}\n"), ""},
		{"rule without a role", "E034", "dowel: 1\nclasses:\n  tag:\n    fields: {name: string}\n    allow: {read: «[»]}\n", ""},
		{"rule with commas", "E034", "dowel: 1\nclasses:\n  tag:\n    fields: {name: string}\n    allow:\n      read: «anyone,» user\n", "write a list: [anyone, user]"},
		{"table of two classes", "E016", strings.Replace(class("    fields: {a: int}\n  label: {table: tags, fields: {a: int}, allow: {read: anyone}}\n"), "tag:", "«tag»:", 1), "give one of them another `table:`"},
		{"classes that only case tells apart", "E067", "dowel: 1\nclasses:\n  «order_item»: {fields: {a: int}, allow: {read: anyone}}\n  orderitem: {fields: {a: int}, allow: {read: anyone}}\n", "rename one of them; a class keeps its path with `collection:` and its rows with `was:`"},
		{"classes that underscores tell apart", "E067", "dowel: 1\nclasses:\n  «big_tag»: {fields: {a: int}, allow: {read: anyone}}\n  big__tag: {collection: big2, table: big2, fields: {a: int}, allow: {read: anyone}}\n", ""},
		{"a class like what another takes", "E067", "dowel: 1\nclasses:\n  «tag»: {fields: {a: int}, allow: {read: anyone}}\n  tag_create: {fields: {a: int}, allow: {read: anyone}}\n", ""},
		{"a nested object like what its class takes", "E067", "dowel: 1\nclasses:\n  «tag»:\n    fields:\n      patch: {fields: {a: int}}\n    allow: {read: anyone}\n", ""},
		{"an operation like that of a property", "E067", "dowel: 1\nclasses:\n  «tag»: {fields: {a: int}, allow: {read: anyone}}\n  tag_property: {fields: {a: int}, allow: {read: anyone}}\n", ""},
		{"actions that underscores tell apart", "E067", class("    fields: {a: int}\n    actions:\n      «run_it»: {run: go}\n      run__it: {run: go}\n"), ""},
		{"members that programs cannot tell apart", "E067", class("    fields: {«a_b»: int, a__b: int}\n"), "rename one of them, or write `json=` with another name"},
		{"a member like a relation in programs", "E067", class("    fields: {«up»: tag optional inverse=t_s, t__s: int}\n"), ""},
		{"inputs that programs cannot tell apart", "E067", class("    fields: {a: int}\n    actions:\n      run: {run: go, input: {«x_y»: int, x__y: int}}\n"), ""},
		{"a member without letters", "E067", class("    fields: {«a»: int json=__}\n"), "write another `json=`, with a letter in front"},
		{"a member that JavaScript swallows", "E067", class("    fields: {«a»: int json=__proto__}\n"), ""},
		{"reserved collection", "E016", class("    collection: «auth»\n    fields: {a: int}\n"), ""},
		{"class called like a type", "E016", "dowel: 1\nclasses:\n  «file»: {fields: {a: int}, allow: {read: anyone}}\n", "choose another name"},
		{"link table of two", "E016", "dowel: 1\nclasses:\n  a: {fields: {«bs»: many b}, allow: {read: anyone}}\n  b: {fields: {n: int}, allow: {read: anyone}}\n  c: {table: as_bs, fields: {n: int}, allow: {read: anyone}}\n", ""},
		{"version", "E014", "dowel: «2»\nclasses: {}\n", "write `dowel: 1`"},
		{"list where a map belongs", "E013", "dowel: 1\nclasses:\n  «-» tag\n", ""},
		{"key that is a map", "E013", "dowel: 1\n? «{»a: b}\n: c\n", ""},
		{"word twice", "E012", class("    fields: {a: string «max»=3 max=4}\n"), "keep one of them"},
		{"mixin members of two mixins", "E012", "dowel: 1\nmixins:\n  a: {fields: {«x»: int}}\n  b: {fields: {x: int}}\nclasses:\n  t: {use: [a, b], allow: {read: anyone}}\n", "rename one of them"},
		{"mixins that use each other", "E018", "dowel: 1\nmixins:\n  «a»: {use: b}\n  b: {use: a}\nclasses:\n  t: {use: [a], allow: {read: anyone}}\n", "remove one `use`"},
		{"tenant class unknown", "E050", "dowel: 1\ntenant: {class: «ogr»}\nclasses:\n  org: {fields: {a: int}, allow: {read: anyone}}\n", "did you mean `org`?"},
		{"tenant field taken", "E038", "dowel: 1\ntenant: {class: org}\nclasses:\n  org: {fields: {a: int}, allow: {read: anyone}}\n  t: {fields: {«org»: string}, allow: {read: anyone}}\n", ""},
		{"composite key and many", "E054", class("    key: [a, b]\n    fields: {a: int, b: int, l: many «label»}\n  label: {fields: {n: slug unique}, allow: {read: anyone}}\n"), "declare a class for the links"},
		{"duration of cache", "E014", class("    cache: public «soon»\n    fields: {a: int}\n"), ""},
		{"class name", "E015", "dowel: 1\nclasses:\n  «OrderItem»: {fields: {a: int}, allow: {read: anyone}}\n", "write `order_item`"},
		{"default inside an object", "E026", class("    fields:\n      a: {fields: {b: int max=3 default=«9»}}\n"), ""},
		{"auto of an input", "E022", class("    fields: {a: int}\n    actions:\n      x: {run: go, input: {n: int «auto»=sequence}}\n"), ""},
		{"auto inside an object", "E022", class("    fields:\n      a: {fields: {b: int «auto»=sequence}}\n"), ""},
		{"json of a reference like the record", "E016", class("    fields: {up: tag optional json=«up»}\n"), ""},
		{"inputs of one name", "E016", class("    fields: {a: int}\n    actions:\n      x: {run: go, input: {«up»: tag, up_id: int}}\n"), "rename one of them"},
		{"depth", "E014", class("    limits: {depth: «0»}\n    fields: {a: int}\n"), ""},
		{"enum in words", "E020", class("    fields: {a: int, b: «enum draft done»}\n"), "write `{enum: [draft, done]}`"},
		{"spaces around the sign", "E024", class("    fields: {a: int «min = 3» max=5}\n"), "write `min=3`"},
		{"space after the sign", "E024", class("    fields: {a: int «min= 3» optional}\n"), "write `min=3`"},
		{"misspelt key that does not fit", "E010", class("    fields:\n      a: {type: int, «ondelete»: cascade}\n"), "did you mean `on_delete`?"},
		{"word of another language as a key", "E010", class("    fields:\n      a: {type: string, «max_length»: 3}\n"), "write `max:`"},
		{"list in another notation", "E023", class("    fields:\n      a: «list<string>»\n"), "write `list string`"},
		{"length in another notation", "E023", class("    fields:\n      a: «string(20)» unique\n"), "write `string max=20`"},
		{"words as a list", "E013", class("    fields:\n      a: «[»string, optional]\n"), "write `string optional`"},
		{"default of another spelling", "E026", class("    fields:\n      a: {type: bool, default: «no»}\n"), "write `false`"},
		{"default null of a required field", "E026", class("    fields:\n      a: {type: int, default: «null»}\n"), ""},
		{"default null in words", "E026", class("    fields: {a: int default=«null»}\n"), ""},
		{"default of an unused type", "E026", "dowel: 1\ntypes:\n  a: {type: int, default: «x»}\nclasses: {}\n", ""},
		{"default of a used type once", "E026", "dowel: 1\ntypes:\n  a: int max=3 default=«9»\nclasses:\n  t: {fields: {x: a, y: a}, allow: {read: anyone}}\n", ""},
		{"optional type", "E022", "dowel: 1\ntypes:\n  a: {type: int, «optional»: true}\nclasses: {}\n", "write it on the field"},
		{"minimum above the maximum", "E024", class("    fields: {a: int max=3 min=«4»}\n"), ""},
		{"id and a field of the name", "E022", class("    «id»: uuid\n    fields: {id: bigint}\n"), "keep one of them"},
		{"key without fields", "E029", class("    key: «[»]\n    fields: {a: int}\n"), ""},
		{"key with commas", "E028", class("    key: «a, b»\n    fields: {a: int, b: int}\n"), "write a list: [a, b]"},
		{"key of the generated id", "E028", class("    key: «id»\n    fields: {a: int}\n"), ""},
		{"unique without fields", "E029", class("    unique: [[a], «[»]]\n    fields: {a: int}\n"), ""},
		{"search twice", "E012", class("    search: [«a», a]\n    fields: {a: string}\n"), "delete one of them"},
		{"sort twice", "E012", class("    sort: [a, -«a»]\n    fields: {a: string}\n"), "delete one of them"},
		{"mixin twice", "E012", "dowel: 1\nmixins:\n  m: {fields: {a: int}}\nclasses:\n  t: {use: [«m», m], allow: {read: anyone}}\n", "delete one of them"},
		{"tenant as a text", "E013", "dowel: 1\ntenant: «org»\nclasses:\n  org: {fields: {a: int}, allow: {read: anyone}}\n", ""},
		{"roles as a list", "E013", "dowel: 1\nroles: «[»boss]\nclasses:\n  t: {fields: {a: int}, allow: {read: boss}}\n", ""},
		{"types as a list", "E013", "dowel: 1\ntypes: «[»zip]\nclasses:\n  t: {fields: {a: zip}, allow: {read: anyone}}\n", ""},
		{"mixins as a list", "E013", "dowel: 1\nmixins: «[»m]\nclasses:\n  t: {use: m, fields: {a: int}, allow: {read: anyone}}\n", ""},
		{"fields as a list", "E013", class("    fields: «[»a, b]\n    sort: a\n    scopes: {x: b = 1}\n"), ""},
		{"class as a text", "E013", "dowel: 1\nclasses:\n  t: «string»\n", "write `key: value` lines below it"},
		{"empty allow", "W001", "dowel: 1\nclasses:\n  «t»: {fields: {a: int}, allow: {}}\n", ""},
		{"a comma cuts a condition", "E004", "dowel: 1\nclasses:\n  t: {fields: {a: int}, allow: {read: anyone where a in (1«,» 2), create: user}}\n", "put the whole value into double quotes"},
		{"a comma cuts a text", "E004", "dowel: 1\nclasses:\n  t: {fields: {a: string}, allow: {read: [user, anyone where a = 'x«,»y']}}\n", "put the whole value into double quotes"},
		{"a comma cuts a condition with a mistake", "E004", "dowel: 1\nclasses:\n  t: {fields: {a: int}, scopes: {s: a in (1«,» 2, 3)}, allow: {read: anyone}}\n", ""},
		{"no space behind a colon in braces", "E015", class("    fields: {«a:int», b: int}\n"), "write a space after the `:`"},
		{"tag of another program", "E002", "dowel: 1\nroles: {admin: null}\nclasses:\n  t: {fields: {a: int}, allow: {all: «!admin» admin}}\n", ""},
		{"date without quotes", "E040", class("    fields: {d: date}\n    scopes: {x: d > «2024-01-31» and d < now}\n"), "dates and times go in single quotes: '2024-01-31'"},
		{"role that travels nowhere", "E033", class("    fields: {up: tag optional}\n    roles: {a: up is null, b: a «of»}\n"), "write it like `a of FIELD`"},
		{"role that travels by another word", "E033", class("    fields: {up: tag optional}\n    roles: {a: up is null, b: a «from up»}\n"), "write it like `a of FIELD`"},
		{"auth as a text", "E013", "dowel: 1\nclasses:\n  u: {auth: «yes», fields: {e: email unique, p: password}, allow: {read: user}}\n", ""},
		{"password inside an object", "E022", class("    fields:\n      a: {fields: {b: int, c: «password» optional}}\n"), "make it a field of the class"},
		{"auto and a default that does not fit", "E027", class("    fields: {a: uuid «auto»=uuid default=x}\n"), "keep one of them"},
		{"unique object", "E022", class("    fields:\n      a: {fields: {b: int}, «unique»: true}\n"), ""},
		{"class called enum", "E016", "dowel: 1\nclasses:\n  «enum»: {fields: {a: int}, allow: {read: anyone}}\n", "choose another name"},
		{"json name of what the class has", "E016", class("    fields: {«a»: string json=created_at}\n"), "rename one of them"},
		{"inverse taken by a field", "E052", "dowel: 1\nclasses:\n  a: {fields: {«bs»: int}, allow: {read: anyone}}\n  b: {fields: {a: a}, allow: {read: anyone}}\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, line, col, end := marked(t, c.text)
			list := loadText(text)
			if !slices.Equal(codesOf(list), []string{c.code}) {
				t.Fatalf("found\n%s", lines(list))
			}
			d := list[0]
			if d.Pos.Line != line || d.Pos.Col != col || d.Pos.EndCol != end {
				t.Errorf("found at %d:%d-%d, want %d:%d-%d: %s", d.Pos.Line, d.Pos.Col, d.Pos.EndCol, line, col, end, d.Message)
			}
			if c.help != "" && d.Help != c.help {
				t.Errorf("help %q, want %q", d.Help, c.help)
			}
		})
	}
}

// What is no YAML gets a line and column of its own.
func TestDoctor(t *testing.T) {
	for _, c := range []struct{ name, code, text string }{
		{"at sign", "E002", "dowel: 1\nclasses:\n  a:\n    owner: «@me»\n"},
		{"at sign in brackets", "E002", "dowel: 1\nclasses:\n  a: {owner: «@me», b: c}\n"},
		{"star", "E002", "dowel: 1\nclasses:\n  a:\n    allow:\n      all: «*»\n"},
		{"percent", "E002", "dowel: 1\napp:\n  title: «%sure»\n"},
		{"backtick", "E002", "dowel: 1\napp: {title: «`x`»}\n"},
		{"second colon", "E003", "dowel: 1\napp:\n  doc: Note«:» bad\n"},
		{"question mark in braces", "E004", "dowel: 1\nclasses:\n  a: {fields: {phone: phone«?»}}\n"},
		{"open brace", "E005", "dowel: 1\nclasses:\n  a: «{»fields: {a: int}\n  b: {fields: {a: int}}\n"},
		{"open bracket", "E005", "dowel: 1\nclasses:\n  a:\n    search: «[»a, b\n    sort: a\n"},
		{"wrong bracket", "E005", "dowel: 1\nclasses:\n  a:\n    search: «[»a, b}\n"},
		{"open double quote", "E005", "dowel: 1\napp:\n  title: «\"»Shop\n  version: 1\n"},
		{"open single quote", "E005", "dowel: 1\napp:\n  title: «'»Shop\n"},
		{"text after a quote", "E005", "dowel: 1\napp:\n  title: \"Shop\" «of mine»\n"},
		{"too far left", "E006", "dowel: 1\nclasses:\n  a:\n    fields:\n      b: int\n     «c: int»\n"},
		{"too far right", "E006", "dowel: 1\nclasses:\n  a:\n    fields:\n      b: int\n        «c: int»\n"},
		{"tab", "E007", "dowel: 1\nclasses:\n«\t»a:\n    fields: {a: int}\n"},
		{"tab after spaces", "E007", "dowel: 1\nclasses:\n  a:\n  «\t»fields: {a: int}\n"},
		{"no colon", "E001", "dowel: 1\nclasses:\n  a:\n    fields:\n      b: int\n      «c int»\n      d: int\n"},
		{"no space after the colon", "E001", "dowel: 1\nclasses:\n  a:\n    fields:\n      b: int\n      «c:int»\n      d: int\n"},
		{"unknown alias", "E008", "dowel: 1\nclasses:\n  a:\n    fields: «*common»\n"},
		{"second colon in braces", "E003", "dowel: 1\napp: {doc: Note«:» bad}\nclasses: {}\n"},
		{"no comma after a bracket", "E005", "dowel: 1\nclasses:\n  a: {fields: {b: {enum: [x, y] «d»efault: x}}}\n"},
		{"bracket too many", "E005", "dowel: 1\nclasses:\n  a:\n    fields: {b: int}«}»\n    sort: b\n"},
		{"control character", "E009", "dowel: 1\napp:\n  title: a«\x07»b\n"},
		{"list and map", "E006", "dowel: 1\nclasses:\n  a:\n    sort:\n      - b\n      «c: d»\n"},
		{"no colon before a deeper line", "E001", "dowel: 1\nclasses:\n  «a»\n    fields: {b: int}\n  c:\n    fields: {b: int}\n"},
		{"exclamation mark", "E002", "dowel: 1\nclasses:\n  a: {allow: {all: «!admin»}}\n"},
		{"ampersand", "E002", "dowel: 1\nclasses:\n  a: {doc: «&» b}\n"},
		{"after a block", "E002", "dowel: 1\napp:\n  doc: |\n    It is: free @text [here\n      and here\n  title: «@x»\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, line, col, end := marked(t, c.text)
			list := loadText(text)
			if !slices.Equal(codesOf(list), []string{c.code}) {
				t.Fatalf("found\n%s", lines(list))
			}
			if p := list[0].Pos; p.Line != line || p.Col != col || p.EndCol != end {
				t.Errorf("found at %d:%d-%d, want %d:%d-%d: %s", p.Line, p.Col, p.EndCol, line, col, end, list[0].Message)
			}
		})
	}
}

// Several syntax mistakes of one file are all told.
func TestDoctorGoesOn(t *testing.T) {
	list := loadText("dowel: 1\napp:\n  doc: Note: bad\n  title: @x\nclasses: {a: {allow: {all: *}}}\n")
	same(t, "codes", codesOf(list), []string{"E003", "E002", "E002"})
}

func TestRenderedLikeACompiler(t *testing.T) {
	text := "dowel: 1\nclasses:\n" + strings.Repeat("\n", 40) + "  customer:\n    allow: {read: anyone}\n    fields:\n      birthday: dat optional\n"
	var b strings.Builder
	if err := diag.Text(&b, loadText(text), func(string) ([]byte, error) { return []byte(text), nil }, false); err != nil {
		t.Fatal(err)
	}
	want := "error[E023]: unknown type `dat` for field `customer.birthday`\n" +
		"  --> dowel.yaml:46:17\n" +
		"   |\n" +
		"46 |       birthday: dat optional\n" +
		"   |                 ^^^ no such type or class\n" +
		"   |\n" +
		"   = help: did you mean `date`?\n"
	same(t, "text", b.String(), want)
}
