package explain

import (
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/language"
)

// Word returns the page of a type, a verb, a section or a key of the language.
// A key that stands at several places has a page for each.
func Word(word string, o Options) (string, bool) {
	var pages []string
	for _, d := range o.types() {
		if d.Name == word {
			pages = append(pages, typePage(&d))
		}
	}
	for _, v := range language.Verbs() {
		if v.Name == word {
			pages = append(pages, verbPage(&v))
		}
	}
	for _, s := range language.Sections() {
		if s.Name == word {
			pages = append(pages, sectionPage(s))
		}
	}
	place, name, dotted := strings.Cut(word, ".")
	if !dotted {
		place, name = "", word
	}
	told := map[string]bool{} // keys that several sections share are told once
	for _, s := range language.Sections() {
		k := s.Key(name)
		if k == nil || place != "" && s.Name != place || told[k.Doc] {
			continue
		}
		told[k.Doc] = true
		pages = append(pages, keyPage(s, k))
	}
	return strings.Join(pages, "\n"), len(pages) > 0
}

func typePage(d *schema.TypeDef) string {
	p := newPage("type "+d.Name, d.Doc)
	if len(d.Options) > 0 {
		p.row("options", strings.Join(d.Options, ", "))
	}
	if t, err := d.New(schema.Options{}); err == nil {
		p.row("JSON", jsonForm(t))
		p.row("filters", filters(t))
	}
	p.row("example", d.Example)
	return p.String()
}

func verbPage(v *language.Verb) string {
	p := newPage("verb "+v.Name, v.Doc)
	if len(v.Group) > 0 {
		p.row("stands for", strings.Join(v.Group, ", "))
	}
	p.row("example", "allow: {"+v.Name+": ROLE}")
	return p.String()
}

func sectionPage(s *language.Section) string {
	p := newPage(s.Name, s.Doc)
	p.head("Keys")
	for _, k := range s.Keys {
		p.row(k.Name, k.Doc)
	}
	return p.String()
}

func keyPage(s *language.Section, k *language.Key) string {
	p := newPage(s.Name+"."+k.Name, k.Doc)
	if k.Default != "" {
		p.row("default", k.Default)
	}
	if k.Fits != "" {
		p.row("for", k.Fits)
	}
	if k.Word != "" {
		p.row("in a field", k.Word)
	}
	if values := choices(k.Shapes); values != "" {
		p.row("values", values)
	}
	for i, line := range strings.Split(k.Example, "\n") {
		if i == 0 {
			p.row("example", line)
		} else {
			p.row("", line)
		}
	}
	return p.String()
}

// choices lists the words a key takes, where they are a closed set.
func choices(shapes []language.Shape) string {
	var all []string
	for _, s := range shapes {
		switch s.Kind {
		case language.Choice:
			all = append(all, s.Words...)
		case language.Bool:
			all = append(all, "true", "false")
		}
	}
	return strings.Join(all, ", ")
}
