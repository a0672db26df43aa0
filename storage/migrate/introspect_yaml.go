package migrate

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// print writes the schema file.
func (s *sketcher) print() string {
	var b strings.Builder
	b.WriteString("dowel: 1\n")
	timeless := 0
	for _, k := range s.classes {
		if !k.timestamps {
			timeless++
		}
	}
	defaults := timeless > len(s.classes)/2
	if defaults {
		b.WriteString("defaults: {timestamps: false}\n")
	}
	b.WriteString("\nclasses:")
	if len(s.classes) == 0 {
		b.WriteString(" {}")
	}
	b.WriteString("\n")
	for i, k := range s.classes {
		if i > 0 {
			b.WriteString("\n")
		}
		k.print(&b, defaults)
	}
	var left []string
	for _, l := range s.left {
		left = append(left, "table "+l)
	}
	for _, o := range s.db.Others {
		if strings.HasSuffix(o.Kind, "view") || strings.HasSuffix(o.Kind, "table") || o.Kind == "partition" {
			left = append(left, o.Kind+" "+o.Name)
		}
	}
	if left != nil {
		b.WriteString("\n# No class was made of these:\n")
		for _, l := range left {
			b.WriteString(comment("", l))
		}
	}
	return b.String()
}

// comment is one line of it.
func comment(indent, text string) string {
	return indent + "# " + strings.Join(strings.Fields(text), " ") + "\n"
}

func (k *sketch) print(b *strings.Builder, timeless bool) {
	const in = "    "
	line := func(text string) { b.WriteString(in + text + "\n") }
	b.WriteString("  " + k.name + ":\n")
	if k.table.doc != "" {
		line("doc: " + quoted(k.table.doc))
	}
	if k.collection != "" {
		line("collection: " + k.collection)
	}
	if k.table.Name != k.plural {
		line("table: " + k.table.Name)
	}
	switch {
	case k.id != "":
		line("id: " + k.id)
	case len(k.key) == 1 && k.key[0] != "id":
		line("key: " + k.key[0])
	case len(k.key) > 1:
		line("key: [" + strings.Join(k.key, ", ") + "]")
	}
	if k.softDelete {
		line("soft_delete: true")
	}
	if k.timestamps && timeless {
		line("timestamps: true")
	} else if !k.timestamps && !timeless {
		line("timestamps: false")
	}
	if len(k.fields) == 0 {
		line("fields: {}")
	} else {
		line("fields:")
	}
	for _, f := range k.fields {
		doc := ""
		if f.column != nil {
			doc = f.column.doc
		}
		text := in + "  " + f.name + ": " + f.spec.text(doc)
		if f.comment != "" {
			text += "  # " + strings.Join(strings.Fields(f.comment), " ")
		}
		b.WriteString(text + "\n")
	}
	for _, h := range k.hidden {
		b.WriteString(comment(in+"  ", h))
	}
	groups := func(name string, all [][]string) {
		if len(all) == 0 {
			return
		}
		texts := make([]string, len(all))
		for i, g := range all {
			texts[i] = "[" + strings.Join(g, ", ") + "]"
		}
		line(name + ": [" + strings.Join(texts, ", ") + "]")
	}
	groups("unique", k.uniques)
	groups("indexes", k.indexes)
	if len(k.checks) > 0 {
		line("checks:")
		for _, name := range slices.Sorted(maps.Keys(k.checks)) {
			line("  " + name + ": " + quoted(k.checks[name]))
		}
	}
	for _, r := range k.remarks {
		b.WriteString(comment(in, r))
	}
	b.WriteString(comment(in, "allow: {read: user}"))
}

var (
	safeWord  = regexp.MustCompile(`^[a-z0-9_./-]+$`)
	plainYAML = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_ -]*$`)
)

// text is the field as one line, in words where they can say it.
func (sp *spec) text(doc string) string {
	words := sp.enum == nil && sp.list == nil && sp.fields == nil && doc == ""
	for _, w := range sp.words {
		if !w.flag && (!safeWord.MatchString(w.text) || special(w)) {
			words = false
		}
	}
	if words {
		parts := []string{sp.typ}
		if sp.many != "" {
			parts = []string{"many", sp.many}
		}
		for _, w := range sp.words {
			if w.flag {
				parts = append(parts, w.name)
			} else {
				parts = append(parts, w.name+"="+w.text)
			}
		}
		return strings.Join(parts, " ")
	}
	var parts []string
	switch {
	case sp.enum != nil:
		values := make([]string, len(sp.enum))
		for i, v := range sp.enum {
			values[i] = scalar(v)
		}
		parts = append(parts, "enum: ["+strings.Join(values, ", ")+"]")
	case sp.list != nil:
		parts = append(parts, "list: "+sp.list.text(""))
	case sp.fields != nil:
		members := make([]string, len(sp.fields))
		for i, m := range sp.fields {
			members[i] = m.name + ": " + m.spec.text("")
		}
		parts = append(parts, "fields: {"+strings.Join(members, ", ")+"}")
	case sp.many != "":
		parts = append(parts, "many: "+sp.many)
	default:
		parts = append(parts, "type: "+sp.typ)
	}
	for _, w := range sp.words {
		switch {
		case w.flag:
			parts = append(parts, w.name+": true")
		case w.name == "default" && special(w):
			parts = append(parts, w.name+": "+quoted(w.text))
		default:
			parts = append(parts, w.name+": "+scalar(w.text))
		}
	}
	if doc != "" {
		parts = append(parts, "doc: "+quoted(doc))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// special reports whether a default would be read as something else than the text it is.
func special(w word) bool {
	return w.name == "default" && (w.text == "null" || w.text == "me")
}

// scalar is a text of YAML within braces.
func scalar(text string) string {
	switch strings.ToLower(text) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return quoted(text)
	}
	if plainYAML.MatchString(text) && !strings.HasSuffix(text, " ") || whole(text) {
		return text
	}
	return quoted(text)
}

// quoted is a text of YAML in quotes, on one line.
func quoted(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return `""`
	}
	return strings.TrimSpace(b.String())
}
