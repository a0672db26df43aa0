package load_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/schema/load"
)

// What two modules say that does not go together is one error, which shows both places.
func TestConflictsOfModulesShowBothPlaces(t *testing.T) {
	const app = "dowel: 1\ninclude: [base, one, two]\nroles: {admin: null}\n"
	const base = "types: {zip: string max=5}\nclasses:\n  tag: {fields: {name: slug unique, owner: person optional}, allow: {read: anyone}}\n" +
		"  person: {fields: {name: string}, scopes: {all: id > 0}, actions: {wave: {set: {name: x}}}, allow: {read: anyone, wave: admin}}\n"
	person := func(body string) string { return "classes:\n  person: {" + body + "}\n" }
	for _, tt := range []struct{ name, one, two, want string }{
		{"nothing", person("fields: {a: int optional}"), person("fields: {b: int optional}"), ""},
		{"classes", "classes: {pet: {doc: A pet., fields: {a: int}, allow: {read: anyone}}}", "classes: {pet: {doc: Mine., fields: {b: int}, allow: {read: anyone}}}", "E012 two/dowel.yaml:1 one/dowel.yaml:1"},
		{"collections", "classes: {pet: {collection: pets, fields: {a: int}, allow: {read: anyone}}}", "classes: {dog: {collection: pets, fields: {b: int}, allow: {read: anyone}}}", "E016 two/dowel.yaml:1 one/dowel.yaml:1"},
		{"tables", "classes: {pet: {fields: {a: int}, allow: {read: anyone}}}", "classes: {dog: {table: pets, fields: {b: int}, allow: {read: anyone}}}", "E016 two/dowel.yaml:1 one/dowel.yaml:1"},
		{"roles", "roles: {clerk: null}", "roles: {clerk: Sells.}", "E012 two/dowel.yaml:1 one/dowel.yaml:1"},
		{"types", "types: {iban: string max=34}", "types: {iban: string max=30}", "E012 two/dowel.yaml:1 one/dowel.yaml:1"},
		{"a type and a class", "types: {iban: string max=34}", "classes: {iban: {fields: {a: int}, allow: {read: anyone}}}", "E016 two/dowel.yaml:1 one/dowel.yaml:1"},
		{"mixins", "mixins: {m: {fields: {a: int}}}\nclasses: {pet: {use: m, allow: {read: anyone}}}", "mixins: {m: {fields: {b: int}}}", "E012 two/dowel.yaml:1 one/dowel.yaml:1"},
		{"fields", person("fields: {a: int optional}"), person("fields: {a: string optional}"), "E012 two/dowel.yaml:2 one/dowel.yaml:2"},
		{"a field of the class", person("fields: {name: int}"), "", "E012 one/dowel.yaml:2 base/dowel.yaml:4"},
		{"a field and what is computed", person("fields: {a: int optional}"), person("computed: {a: count tags}"), "E016 two/dowel.yaml:2 one/dowel.yaml:2"},
		{"computed", person("computed: {a: count tags}"), person("computed: {a: count tags}"), "E012 two/dowel.yaml:2 one/dowel.yaml:2"},
		{"names in JSON", person("fields: {a: int optional json=z}"), person("fields: {b: int optional json=z}"), "E016 two/dowel.yaml:2 one/dowel.yaml:2"},
		{"columns", person("fields: {a: int optional column=z}"), person("fields: {b: int optional column=z}"), "E016 two/dowel.yaml:2 one/dowel.yaml:2"},
		{"actions", person("actions: {go: {set: {name: x}}}"), person("actions: {go: {set: {name: y}}}"), "E012 two/dowel.yaml:2 one/dowel.yaml:2"},
		{"an action of the class", person("actions: {wave: {set: {name: y}}}"), "", "E012 one/dowel.yaml:2 base/dowel.yaml:4"},
		{"an action and a field", person("fields: {go: int optional}"), person("actions: {go: {set: {name: x}}}"), "E016 two/dowel.yaml:2 one/dowel.yaml:2"},
		{"paths of actions", person("actions: {a: {set: {name: x}, path: z}}"), person("actions: {b: {set: {name: x}, path: z}}"), "E065 two/dowel.yaml:2 one/dowel.yaml:2"},
		{"scopes", person("scopes: {s: id > 1}"), person("scopes: {s: id > 2}"), "E012 two/dowel.yaml:2 one/dowel.yaml:2"},
		{"inverse names", "classes: {pet: {fields: {p: {type: person, inverse: xs}}, allow: {read: anyone}}}", "classes: {dog: {fields: {p: {type: person, inverse: xs}}, allow: {read: anyone}}}", "E052 two/dowel.yaml:1 one/dowel.yaml:1"},
		{"two references that need a name", person("fields: {best: tag optional}"), person("fields: {worst: tag optional}"), "E051 two/dowel.yaml:2 one/dowel.yaml:2"},
		{"an inverse and a field", "classes: {pet: {fields: {p: person}, allow: {read: anyone}}}", person("fields: {pets: int optional}"), "E052 one/dowel.yaml:1 two/dowel.yaml:2"},
		{"indexes", person("indexes: [name]"), person("indexes: [name]"), ""},
		{"unique", person("unique: [name]"), person("unique: [name]"), ""},
		{"settings of the application", "app: {title: A}", "app: {title: B}", "E012 two/dowel.yaml:1 one/dowel.yaml:1"},
		{"defaults", "defaults: {naming: snake}", "defaults: {naming: camel}", "E012 two/dowel.yaml:1 one/dowel.yaml:1"},
		{"login", "classes: {u: {auth: {login: e, secret: p}, fields: {e: email unique, p: password}, allow: {read: user}}}", "classes: {v: {auth: {login: e, secret: p}, fields: {e: email unique, p: password}, allow: {read: user}}}", "E039 two/dowel.yaml:1 one/dowel.yaml:1"},
		{"rights on the class", person("fields: {a: int optional}, allow: {read: admin}"), "", "E019 one/dowel.yaml:2 base/dowel.yaml:4"},
		{"rights on another's action", person("fields: {a: int optional}, allow: {wave: anyone}"), "", "E019 one/dowel.yaml:2 base/dowel.yaml:4"},
		{"rights on another module's action", person("actions: {go: {set: {name: x}}}"), person("fields: {a: int optional}, allow: {go: anyone}"), "E019 two/dowel.yaml:2 base/dowel.yaml:4"},
		{"what only the class says", person("sort: name"), "", "E012 one/dowel.yaml:2 base/dowel.yaml:4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.two == "" {
				tt.two = "x-nothing: 1"
			}
			_, list := load.FS(tree("dowel.yaml", app, "base/dowel.yaml", base, "one/dowel.yaml", tt.one, "two/dowel.yaml", tt.two), ".", load.Options{})
			var got []string
			for _, d := range list {
				if d.Code[0] == 'W' {
					continue
				}
				line := fmt.Sprintf("%s %s:%d", d.Code, d.Pos.File, d.Pos.Line)
				for _, r := range d.Related {
					line += fmt.Sprintf(" %s:%d", r.Pos.File, r.Pos.Line)
				}
				got = append(got, line)
			}
			if strings.Join(got, "\n") != tt.want {
				t.Errorf("%s\nwant %s\n%v", strings.Join(got, "\n"), tt.want, list)
			}
		})
	}
}
