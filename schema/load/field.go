package load

import (
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/language"
)

// fieldDecl is a field while it is put together.
type fieldDecl struct {
	f        *schema.Field
	key      value
	spec     *spec // nil when nothing could be made of it
	where    fieldPlace
	class    *classDecl // nil inside named types
	resolved bool
	ref      schema.Pos // of the class a reference or many names
}

// fieldPlace is where a field stands; it decides what it may be.
type fieldPlace uint8

const (
	classField fieldPlace = iota
	nestedField
	inputField
	returnField
)

// fields reads the declared fields of a class.
func (l *loader) fields(d *classDecl) {
	l.camel = d.camel
	for _, m := range l.members(d, "fields") {
		what := "field `" + d.c.Name + "." + m.name + "`"
		if !l.fieldName(m.key, m.name) {
			l.spoil("member", d.c.Name, m.name)
			continue
		}
		f := l.field(m.entry, what, classField)
		f.class = d
		d.declared = append(d.declared, f)
	}
	for _, f := range d.declared {
		l.resolve(f)
	}
}

func (l *loader) fieldName(key value, name string) bool {
	if !l.name(key, name, "a field") {
		return false
	}
	if language.ReservedMember(name) {
		l.report("E016", key.pos(), "has a meaning of its own", "choose another name", "a field cannot be called `%s`: the path /ID/%s has a meaning of its own", name, name)
		return false
	}
	return true
}

// field reads one field in either form.
func (l *loader) field(e entry, what string, where fieldPlace) *fieldDecl {
	d := &fieldDecl{key: e.key, where: where, f: &schema.Field{Name: e.name, JSON: l.json(e.name), Column: e.name, Pos: e.key.pos()}}
	d.spec = l.readSpec(e.val, "field", what)
	if d.spec != nil {
		d.f.Doc, d.f.Extra = d.spec.doc, d.spec.extra
	}
	return d
}

// number gives the fields of an own little record their slots, and refuses two of one name.
func (l *loader) number(all []*fieldDecl, what string) []*schema.Field {
	var fields []*schema.Field
	taken, names := map[string]schema.Pos{}, identifiers{}
	for _, d := range all {
		if l.marred[d.f] || d.f.Type == nil {
			continue
		}
		if other, clash := taken[d.f.JSON]; clash {
			l.reportPair("E016", d.key.pos(), "second", other, "first", "rename one of them", "two members of %s are called `%s`", what, d.f.JSON)
			continue
		}
		taken[d.f.JSON] = d.key.pos()
		l.identifier(names, d.f.JSON, d.key.pos(), what)
		d.f.Index = len(fields)
		fields = append(fields, d.f)
	}
	return fields
}

// inner reads the fields of a nested object, an input or an answer.
func (l *loader) inner(v value, what string, where fieldPlace) []*fieldDecl {
	var all []*fieldDecl
	for _, e := range l.entries(v, "the fields of "+what) {
		if !l.name(e.key, e.name, "a field") {
			continue
		}
		name := strings.TrimSuffix(what, "`") + "." + e.name + "`"
		all = append(all, l.field(e, name, where))
	}
	return all
}

// json is the name of a member in JSON.
func (l *loader) json(name string) string {
	if l.camel {
		return schema.Camel(name)
	}
	return name
}

// resolve gives a field its type, or the class it leads to, and its flags.
func (l *loader) resolve(d *fieldDecl) {
	if d.resolved {
		return
	}
	d.resolved = true
	if d.spec == nil || !l.kind(d) {
		l.mar(d)
		return
	}
	l.words(d)
}

// mar makes a field that was refused stand for itself, so that using it is no second mistake.
func (l *loader) mar(d *fieldDecl) {
	l.marred[d.f] = true
	if d.class != nil && d.where == classField {
		l.spoil("member", d.class.c.Name, d.f.Name)
		l.spoilWay(d)
	}
	d.f.Ref, d.f.Many = nil, nil
	d.f.Optional = true
	d.f.Type = schema.MustType("json", schema.Options{})
	d.spec = nil
}

// kind finds out what a field is.
func (l *loader) kind(d *fieldDecl) bool {
	s, f := d.spec, d.f
	switch {
	case s.kind == manySpec:
		if d.where != classField {
			l.report("E022", s.typeAt, "only for fields of a class", "write `list int`, say", "%s cannot be `many`", s.what)
			return false
		}
		to := l.target(s.many, s.typeAt)
		if to == nil {
			return false
		}
		f.Many, f.Column, d.ref = &schema.Many{To: to.c}, "", s.typeAt
		return true
	case s.kind == plainSpec && l.classes[s.typ] != nil && l.def(s.typ) == nil:
		if d.where == nestedField {
			l.report("E022", s.typeAt, "a class", "make it a field of the class", "%s is inside an object, which cannot hold a reference", s.what)
			return false
		}
		f.Ref, d.ref = &schema.Ref{To: l.classes[s.typ].c}, s.typeAt
		f.JSON, f.Column = l.json(f.Name+"_id"), f.Name+"_id"
		return true
	case s.kind == plainSpec && l.spoiled("class", s.typ) && l.def(s.typ) == nil && l.types[s.typ] == nil:
		return false
	}
	t, ok := l.makeType(s, nil)
	f.Type = t
	if _, file := t.(*schema.FileType); file {
		if d.where != classField {
			l.report("E022", s.typeAt, "only for fields of a class", "make it a field of the class", "%s cannot be a file", s.what)
			return false
		}
		f.Optional = true // the row is there before its content is
	}
	return ok
}

// target finds the class that is named where only a class can be.
func (l *loader) target(name string, pos schema.Pos) *classDecl {
	if d := l.classes[name]; d != nil {
		return d
	}
	if l.spoiled("class", name) {
		return nil
	}
	help := diag.DidYouMean(name, l.classNamesList())
	if l.def(name) != nil {
		help = "`many` is for classes; write `list " + name + "`"
	}
	l.report("E050", pos, "no such class", help, "unknown class `%s`", name)
	return nil
}

func (l *loader) classNamesList() []string {
	var names []string
	for _, d := range l.order {
		names = append(names, d.c.Name)
	}
	return names
}

// placeWords are the words that make sense where a field is no member of a class.
var placeWords = map[fieldPlace]map[string]bool{
	nestedField: {"optional": true, "default": true, "json": true},
	inputField:  {"optional": true, "default": true, "json": true},
	returnField: {"optional": true, "json": true},
}

var placeNames = map[fieldPlace]string{
	nestedField: "a field inside an object", inputField: "an input", returnField: "an answer",
}

// words applies the words that need no other field.
func (l *loader) words(d *fieldDecl) {
	s, f := d.spec, d.f
	var kept []*option // later steps look at what is left
	for _, o := range s.opts {
		if l.typeOption(o.name) {
			if f.Ref != nil || f.Many != nil {
				l.report("E022", o.at, "does not fit a reference", "", "`%s` of %s does not fit a reference", o.name, s.what)
				continue
			}
			kept = append(kept, o)
			continue
		}
		if allowed := placeWords[d.where]; allowed != nil && !allowed[o.name] {
			if !o.guessed {
				l.report("E022", o.at, "only for fields of a class", "", "`%s` does not fit %s: %s", o.name, placeNames[d.where], s.what)
			}
			continue
		}
		if why, help := misfit(f, s, o.name); why != "" && o.guessed {
			continue
		} else if why != "" {
			l.report("E022", o.at, why, help, "`%s` of %s does not fit: %s", o.name, s.what, why)
			continue
		}
		kept = append(kept, o)
		l.apply(d, o)
	}
	s.opts = kept
	if f.ReadOnly && f.WriteOnly {
		o, other := s.find("writeonly"), s.find("readonly")
		l.reportPair("E022", o.at, "never shown", other.at, "never accepted", "keep one of them", "%s is both `readonly` and `writeonly`", s.what)
	}
	if f.Ref != nil && s.find("on_delete") == nil {
		f.Ref.OnDelete = l.defaults.onDelete
		if f.Ref.OnDelete == schema.SetNull && !f.Optional {
			f.Ref.OnDelete = schema.Restrict
		}
	}
}

// misfit says why a word makes no sense on a field, or "".
func misfit(f *schema.Field, s *spec, word string) (why, help string) {
	var traits schema.Traits
	if f.Type != nil {
		traits = f.Type.Traits()
	}
	many := f.Many != nil
	switch word {
	case "by":
		if !many {
			return "only `many` has it", "write `many CLASS by=NAME`"
		}
	case "create":
		if !many || !s.has("by") {
			return "only `many` with `by` has it", "write `many CLASS by=NAME create`"
		}
	case "on_delete":
		if f.Ref == nil {
			return "only references have it", ""
		}
	case "inverse":
		if f.Ref == nil && !many {
			return "only references have it", ""
		}
	case "per":
		if o := s.find("auto"); o == nil || o.text != "sequence" {
			return "only `auto=sequence` has it", "add `auto=sequence`"
		}
	case "unique", "index":
		if many {
			return "a set of rows cannot be indexed", ""
		}
		if f.Ref == nil && (traits.Secret || !traits.Unique && (word == "unique" || !traits.Filter)) {
			return a(f.Type.Name()) + " cannot be indexed", ""
		}
	case "search":
		if many || f.Ref != nil || !traits.Like || traits.Secret {
			return "only text can be searched", ""
		}
	case "default", "backfill", "from", "auto":
		if many {
			return "a set of rows starts empty", ""
		}
		if traits.Secret {
			return "a secret has no such value", ""
		}
		if _, file := f.Type.(*schema.FileType); file {
			return "a file begins as null, until its content is sent", ""
		}
	case "table":
		if !many {
			return "only `many` has it", "write `table:` for the class"
		}
	case "column", "writeonly":
		if many {
			return "a set of rows has a table of its own", ""
		}
	}
	return "", ""
}

// apply sets what one word says.
func (l *loader) apply(d *fieldDecl, o *option) {
	s, f := d.spec, d.f
	switch o.name {
	case "optional":
		f.Optional = true
	case "unique":
		f.Unique = true
	case "index":
		f.Indexed = true
	case "readonly":
		f.ReadOnly = true
	case "immutable":
		f.Immutable = true
	case "writeonly":
		f.WriteOnly = true
	case "hidden":
		f.Hidden = true
	case "create":
		f.Many.Create = true
	case "on_delete":
		l.fieldOnDelete(d, o)
	case "was":
		if validName(o.text) {
			f.Was = o.text
		} else {
			l.report("E015", o.val, "not a name", "", "`was` of %s cannot be `%s`", s.what, o.text)
		}
	case "json":
		switch {
		case f.Ref != nil && o.text == l.json(f.Name):
			l.report("E016", o.val, "the record itself", "leave it out, or choose another name", "`json` of %s cannot be `%s`: that is the member of the record it refers to", s.what, o.text)
		case validJSON(o.text):
			f.JSON = o.text
		default:
			l.report("E015", o.val, "not a name", "use letters, digits, _ and -", "`json` of %s cannot be `%s`", s.what, o.text)
		}
	case "column":
		if validColumn(o.text) {
			f.Column = o.text
		} else {
			l.report("E015", o.val, "not a name", "use letters, digits and _", "`column` of %s cannot be `%s`", s.what, o.text)
		}
	case "table":
		if validColumn(o.text) {
			f.Many.Table = o.text
		} else {
			l.report("E015", o.val, "not a name", "use letters, digits and _", "`table` of %s cannot be `%s`", s.what, o.text)
		}
	}
}

func (l *loader) fieldOnDelete(d *fieldDecl, o *option) {
	choices := []string{"restrict", "cascade", "set_null"}
	if !contains(choices, o.text) {
		help := diag.DidYouMean(o.text, choices)
		if help == "" {
			help = "write one of: " + strings.Join(choices, ", ")
		}
		l.report("E014", o.val, "not one of the choices", help, "`on_delete` of %s cannot be `%s`", d.spec.what, o.text)
		return
	}
	d.f.Ref.OnDelete = l.onDelete(o.text)
	if d.f.Ref.OnDelete == schema.SetNull && !d.spec.has("optional") {
		l.report("E053", o.val, "needs `optional`", "add `optional`, or write `on_delete=restrict`", "%s is required, so `on_delete=set_null` cannot empty it", d.spec.what)
	}
}

// validJSON reports whether a name may be a member of records: it must be
// writable in queries too.
func validJSON(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r != '-' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 60
}

func validColumn(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '_' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 60
}
