package load

import (
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// derived refuses classes and actions whose schemas or operations would have one
// name in documents of the API. Documents could evade by numbering; then a class that
// comes here would rename what clients know elsewhere.
func (l *loader) derived() {
	schemas, operations := map[string]schema.Derived{}, map[string]schema.Derived{}
	claim := func(all map[string]schema.Derived, n schema.Derived, kind string) {
		// Generators of clients make files of names, which some systems do not tell apart by case.
		key := strings.ToLower(n.Name)
		other, taken := all[key]
		if !taken {
			all[key] = n
			return
		}
		if other.Of != n.Of && other.Pos != n.Pos && !l.said(other.Pos, n.Pos) {
			l.reportPair("E067", n.Pos, n.Of, other.Pos, other.Of, "rename one of them; a class keeps its path with `collection:` and its rows with `was:`",
				"%s and %s would have one %s in the API's documents, `%s`", other.Of, n.Of, kind, other.Name)
		}
	}
	for _, c := range l.s.Classes {
		if c.Expose {
			claim(schemas, c.DerivedSchemas()[0], "schema")
		}
	}
	collections := map[string]bool{}
	for _, d := range l.order {
		if !d.c.Expose || collections[d.c.Collection] { // two of one collection are told apart first (E016)
			continue
		}
		collections[d.c.Collection] = true
		l.memberNames(d)
		for _, n := range d.c.DerivedSchemas()[1:] {
			claim(schemas, n, "schema")
		}
		for _, n := range d.c.DerivedOperations() {
			claim(operations, n, "operation")
		}
	}
}

// said reports whether it was found already that two places have one name.
func (l *loader) said(a, b schema.Pos) bool {
	for _, d := range l.list {
		if d.Code != "E016" && d.Code != "E065" && d.Code != "E067" || len(d.Related) == 0 {
			continue
		}
		if r := d.Related[0].Pos; d.Pos == a && r == b || d.Pos == b && r == a {
			return true
		}
	}
	return false
}

// memberNames refuses members of a record that would be one in a program.
func (l *loader) memberNames(d *classDecl) {
	taken := identifiers{}
	for _, f := range d.c.Fields {
		if !l.marred[f] {
			l.identifier(taken, f.JSON, f.Pos, "`"+d.c.Name+"`")
		}
	}
	for _, r := range d.c.Relations {
		l.identifier(taken, r.JSON, r.Field.Pos, "`"+d.c.Name+"`")
	}
}

// identifiers are members by what they are called in programs.
type identifiers map[string]struct {
	json string
	pos  schema.Pos
}

// identifier refuses a member that programs have no name for, or the name of another.
func (l *loader) identifier(taken identifiers, json string, pos schema.Pos, of string) {
	name := schema.Pascal(json)
	if json == "__proto__" || name == "" || name[0] >= '0' && name[0] <= '9' {
		l.report("E067", pos, "no name in programs", "write another `json=`, with a letter in front", "clients cannot have a member called `%s`", json)
		return
	}
	other, clash := taken[name]
	if !clash {
		taken[name] = struct {
			json string
			pos  schema.Pos
		}{json, pos}
		return
	}
	if other.json != json && !l.said(other.pos, pos) {
		l.reportPair("E067", pos, "the other", other.pos, "one", "rename one of them, or write `json=` with another name",
			"the members `%s` and `%s` of %s are one in programs, `%s`", other.json, json, of, name)
	}
}
