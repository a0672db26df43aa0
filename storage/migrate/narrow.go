package migrate

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// narrowing is what becomes of the limits of a column.
type narrowing struct {
	words []string // max 200 -> 255, enum without draft
	// bad are conditions, with $ for the value, of which one holds for a value that is no longer allowed.
	bad []string
	// scan says that only the type can tell whether a value is allowed.
	scan bool
	// lost are members of nested objects that are no longer there.
	lost []string
	// wrong says why no value of the one can be one of the other.
	wrong string
}

func (n *narrowing) narrows() bool { return len(n.bad) > 0 || n.scan || n.wrong != "" }

// narrow compares limits. from nil is no knowledge at all: everything is checked.
func narrow(d Dialect, t schema.Type, kind string, from, to *Limits) *narrowing {
	n := &narrowing{}
	if from == nil {
		n.all(d, t, kind, to)
		return n
	}
	if from.Type != to.Type {
		n.words = append(n.words, from.Type+" -> "+to.Type)
		n.retyped(from, to)
	}
	n.bound(d, t, kind, "min", from.Min, to.Min, " < ")
	n.bound(d, t, kind, "max", from.Max, to.Max, " > ")
	if from.Pattern != to.Pattern {
		n.words = append(n.words, becomes("pattern", from.Pattern, to.Pattern))
		n.scan = n.scan || to.Pattern != ""
	}
	n.values(d, kind, from, to)
	n.nested(from, to, "")
	if from.Per != to.Per {
		n.words = append(n.words, becomes("per", from.Per, to.Per))
	}
	return n
}

// all checks every limit that SQL can express, and asks the type about the others.
func (n *narrowing) all(d Dialect, t schema.Type, kind string, to *Limits) {
	n.bound(d, t, kind, "min", "", to.Min, " < ")
	n.bound(d, t, kind, "max", "", to.Max, " > ")
	n.values(d, kind, &Limits{}, to)
	n.scan = to.Pattern != "" || formed(to.Type)
	n.words = nil
}

// formed reports whether texts of the type have a form of their own.
func formed(word string) bool {
	switch word {
	case "string", "text", "markdown", "enum", "int", "bigint", "bool", "float", "decimal", "date", "time", "datetime", "duration", "uuid", "json":
		return false
	}
	return true
}

// retyped judges another type word whose values are kept the same way.
func (n *narrowing) retyped(from, to *Limits) {
	switch {
	case from.Type == "password" || to.Type == "password":
		n.wrong = "a password is kept as its hash"
	case to.Type == "int" && from.Type == "bigint":
		n.bad = append(n.bad, "$ not "+doubles)
	case from.Type == "int" || from.Type == "bigint", from.Type == "duration":
	case to.Type == "json", to.Type == "enum":
	case to.Type == "list" || to.Type == "object" || to.Type == "file":
		n.scan = true
	case formed(to.Type):
		n.scan = true
	}
}

func becomes(word, from, to string) string {
	if from == "" {
		return word + " " + to
	}
	if to == "" {
		return "no " + word
	}
	return word + " " + from + " -> " + to
}

// bound judges min or max.
func (n *narrowing) bound(d Dialect, t schema.Type, kind, word, from, to, beyond string) {
	if from == to {
		return
	}
	n.words = append(n.words, becomes(word, from, to))
	if to == "" || from != "" && wider(t, kind, beyond, from, to) {
		return
	}
	switch {
	case kind == "json":
		n.scan = true
	case kind == "text":
		n.bad = append(n.bad, "length($)"+beyond+to)
	default:
		v, err := schema.ParseOperand(t, to)
		if err != nil {
			n.scan = true
			return
		}
		n.bad = append(n.bad, "$"+beyond+d.literal(v, kind))
	}
}

// wider reports whether a limit moved outwards.
func wider(t schema.Type, kind, beyond, from, to string) bool {
	read := func(text string) (schema.Value, error) { return schema.ParseOperand(t, text) }
	if kind == "text" || kind == "json" {
		read = func(text string) (schema.Value, error) {
			return schema.MustType("int", schema.Options{}).Parse(text)
		}
	}
	a, err1 := read(from)
	b, err2 := read(to)
	order, ok := schema.Order(b, a)
	return err1 == nil && err2 == nil && ok && (beyond == " > ") == (order > 0)
}

// values judges a closed set.
func (n *narrowing) values(d Dialect, kind string, from, to *Limits) {
	if slices.Equal(from.Values, to.Values) || len(to.Values) == 0 {
		return
	}
	var gone, added, kept []string
	for _, v := range from.Values {
		if !slices.Contains(to.Values, v) {
			gone = append(gone, v)
		}
	}
	for _, v := range to.Values {
		if !slices.Contains(from.Values, v) {
			added = append(added, v)
		}
		kept = append(kept, d.literal(schema.NewText(v), kind))
	}
	switch {
	case len(from.Values) == 0:
		n.words = append(n.words, "one of "+strings.Join(to.Values, ", "))
	case len(gone) == 0 && len(added) == 0:
		n.words = append(n.words, "another order of values")
		return
	default:
		if len(gone) > 0 {
			n.words = append(n.words, "without "+strings.Join(gone, ", "))
		}
		if len(added) > 0 {
			n.words = append(n.words, "with "+strings.Join(added, ", "))
		}
		if len(gone) == 0 {
			return
		}
	}
	n.bad = append(n.bad, "$ not in ("+strings.Join(kept, ", ")+")")
}

// nested judges the members of lists and objects.
func (n *narrowing) nested(from, to *Limits, at string) {
	if from.Of != nil && to.Of != nil {
		n.inner(from.Of, to.Of, at+"[]")
	}
	for _, m := range from.Members {
		i := slices.IndexFunc(to.Members, func(o Member) bool { return o.Name == m.Name })
		name := strings.TrimPrefix(at+"."+m.Name, ".")
		switch {
		case i < 0 && to.Type == "object":
			n.lost = append(n.lost, name)
		case i >= 0:
			if m.Optional && !to.Members[i].Optional {
				n.words, n.scan = append(n.words, name+" required"), true
			} else if m.Optional != to.Members[i].Optional {
				n.words = append(n.words, name+" optional")
			}
			n.inner(m.Limits, to.Members[i].Limits, name)
		}
	}
	for _, m := range to.Members {
		if from.Type != "object" || slices.ContainsFunc(from.Members, func(o Member) bool { return o.Name == m.Name }) {
			continue
		}
		n.words = append(n.words, "with "+strings.TrimPrefix(at+"."+m.Name, "."))
		n.scan = n.scan || !m.Optional
	}
}

// inner judges what is inside of a document: any change but a wider limit is for the type to judge.
func (n *narrowing) inner(from, to *Limits, at string) {
	if from == nil || to == nil || from.text() == to.text() {
		return
	}
	if stored(from.Type) != stored(to.Type) || from.Scale != to.Scale {
		n.words, n.wrong = append(n.words, at+" "+from.Type+" -> "+to.Type), "what is in "+at+" is kept otherwise"
		return
	}
	if from.Type == "object" || from.Type == "list" {
		n.nested(from, to, at)
		return
	}
	n.words, n.scan = append(n.words, at+" otherwise limited"), true
}

// stored groups the types whose values look alike inside of a document.
func stored(word string) string {
	switch word {
	case "int", "bigint", "bool", "float", "decimal", "date", "time", "datetime", "duration", "uuid", "list", "object", "json":
		return word
	}
	return "text"
}
