package load

import (
	"errors"
	"regexp"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// typeDecl is a name under `types`.
type typeDecl struct {
	name  string
	key   value
	val   value
	spec  *spec
	state typeState
}

type typeState uint8

const (
	unread typeState = iota
	reading
	done
)

func (l *loader) def(name string) *schema.TypeDef {
	for i := range l.defs {
		// These three have forms of their own.
		if l.defs[i].Name == name && name != "enum" && name != "list" && name != "object" {
			return &l.defs[i]
		}
	}
	return nil
}

func (l *loader) declareTypes(all []entry) {
	for _, e := range all {
		if !l.name(e.key, e.name, "a type") {
			l.spoil("type", e.name)
			continue
		}
		if l.def(e.name) != nil || e.name == "many" || e.name == "list" || e.name == "enum" || e.name == "object" {
			l.report("E016", e.key.pos(), "exists already", "choose another name", "the type `%s` is built in", e.name)
			continue
		}
		l.types[e.name] = &typeDecl{name: e.name, key: e.key, val: e.val}
	}
}

// named returns what a name under `types` says, or nil when that is no use.
func (l *loader) named(t *typeDecl) *spec {
	switch t.state {
	case reading:
		l.report("E018", t.key.pos(), "contains itself", "a type cannot hold itself; use a class and a reference", "the type `%s` contains itself", t.name)
		t.state, t.spec = done, nil
		return nil
	case unread:
		t.state = reading
		s := l.readSpec(t.val, "type", "the type `"+t.name+"`")
		if s != nil && !l.typeWords(s) {
			s = nil
		}
		if t.state == reading { // else it was found to contain itself
			t.state, t.spec = done, s
		}
	}
	return t.spec
}

// typeWords refuses on a type what only a field can have, and what it is made of.
func (l *loader) typeWords(s *spec) bool {
	if s.kind == manySpec || l.classes[s.typ] != nil {
		l.report("E022", s.typeAt, "a class", "write the class as the type of the field", "%s cannot be a reference", s.what)
		return false
	}
	kept := s.opts[:0]
	for _, o := range s.opts {
		if l.typeOption(o.name) || o.name == "default" {
			kept = append(kept, o)
			continue
		}
		l.report("E022", o.at, "belongs to fields", "write it where the type is used", "`%s` cannot be said of %s", o.name, s.what)
	}
	s.opts = kept
	// Follow what it is made of, so that a loop is found here.
	t, ok := l.makeType(s, nil)
	if o := s.find("default"); ok && o != nil && !(o.node.given() && o.node.isNull()) && !(o.text == "now" && contains(autoFits["now"], t.Name())) {
		l.constant(t, o, "the default of "+s.what, "E026")
	}
	return ok
}

// checkTypes reads the types that nothing uses too, for their mistakes.
func (l *loader) checkTypes() {
	for _, name := range sorted(keysOf(l.types)) {
		if t := l.types[name]; t.state == unread {
			l.named(t)
		}
	}
}

// makeType makes the instance of a spec, with further options that win over its own.
func (l *loader) makeType(s *spec, over []*option) (schema.Type, bool) {
	opts := overlay(s.opts, over)
	switch s.kind {
	case enumSpec:
		if !l.onlyOptions(s, opts, nil) {
			return nil, false
		}
		o := schema.Options{}
		for _, v := range s.enum {
			o.Enum = append(o.Enum, v.n.Value)
		}
		return l.instance(s, "enum", o, opts)
	case listSpec:
		return l.makeList(s, opts)
	case objectSpec:
		for _, d := range s.fields {
			if d.resolved {
				continue
			}
			l.resolve(d)
			if name := d.f.Type.Name(); name == "file" || d.f.Type.Traits().Secret {
				l.report("E022", d.spec.typeAt, "only for fields of a class", "make it a field of the class", "%s is inside an object, which cannot hold a %s", d.spec.what, name)
				l.mar(d)
			}
			if d.spec != nil {
				l.defaultWord(d, l.defaultOption(d.spec))
			}
		}
		o := schema.Options{Fields: l.number(s.fields, s.what)}
		if !l.onlyOptions(s, opts, nil) || len(o.Fields) == 0 {
			return nil, false
		}
		return l.instance(s, "object", o, opts)
	}
	if def := l.def(s.typ); def != nil {
		return l.makePlain(s, def, opts)
	}
	if t := l.types[s.typ]; t != nil {
		inner := l.named(t)
		if inner == nil {
			return nil, false
		}
		// Messages are about the field; the type has been checked by itself.
		whole := *inner
		whole.what = s.what
		return l.makeType(&whole, opts)
	}
	l.unknownType(s)
	return nil, false
}

// overlay joins options; later ones win.
func overlay(base, over []*option) []*option {
	if len(over) == 0 {
		return base
	}
	var all []*option
	for _, o := range base {
		covered := false
		for _, other := range over {
			covered = covered || other.name == o.name
		}
		if !covered {
			all = append(all, o)
		}
	}
	return append(all, over...)
}

func (l *loader) makePlain(s *spec, def *schema.TypeDef, opts []*option) (schema.Type, bool) {
	if !l.onlyOptions(s, opts, def) {
		return nil, false
	}
	return l.instance(s, def.Name, schema.Options{}, opts)
}

func (l *loader) makeList(s *spec, opts []*option) (schema.Type, bool) {
	if s.elem.kind == manySpec || s.elem.kind == plainSpec && l.classes[s.elem.typ] != nil {
		name := s.elem.typ + s.elem.many
		l.report("E022", s.elem.typeAt, "a class", "write `many "+name+"`", "%s cannot be a list of references", s.what)
		return nil, false
	}
	var own, inner []*option
	list := l.listDef()
	for _, o := range opts {
		if contains(list.Options, o.name) || !l.typeOption(o.name) {
			own = append(own, o)
		} else {
			inner = append(inner, o) // list decimal scale=2
		}
	}
	for _, o := range s.elem.opts {
		if !l.typeOption(o.name) {
			l.report("E022", o.at, "belongs to the field", "write it beside `list`", "`%s` cannot be said of the members of a list", o.name)
			return nil, false
		}
	}
	elem, ok := l.makeType(s.elem, inner)
	if !ok {
		return nil, false
	}
	return l.instance(s, "list", schema.Options{Elem: elem}, own)
}

func (l *loader) listDef() *schema.TypeDef {
	for i := range l.defs {
		if l.defs[i].Name == "list" {
			return &l.defs[i]
		}
	}
	return &schema.TypeDef{}
}

// onlyOptions refuses options of other types; def nil is a type without any.
func (l *loader) onlyOptions(s *spec, opts []*option, def *schema.TypeDef) bool {
	ok := true
	for _, o := range opts {
		if !l.typeOption(o.name) || def != nil && contains(def.Options, o.name) {
			continue
		}
		name, help := "an enum", "an enum has no such options"
		if s.kind == objectSpec {
			name, help = "a nested object", "write it on the fields inside"
		}
		if def != nil {
			name, help = "`"+def.Name+"`", "`"+def.Name+"` has no options"
			if len(def.Options) > 0 {
				help = "`" + def.Name + "` knows " + strings.Join(def.Options, ", ")
			}
		}
		l.report("E022", o.at, "does not fit "+name, help, "`%s` of %s does not fit %s", o.name, s.what, name)
		ok = false
	}
	return ok
}

// instance makes the type and places what is wrong with its options.
func (l *loader) instance(s *spec, name string, o schema.Options, opts []*option) (schema.Type, bool) {
	for _, opt := range opts {
		if !l.typeOption(opt.name) {
			continue
		}
		if o.Text == nil {
			o.Text = map[string]string{}
		}
		o.Text[opt.name] = opt.text
	}
	var def *schema.TypeDef
	for i := range l.defs {
		if l.defs[i].Name == name {
			def = &l.defs[i]
		}
	}
	t, err := def.New(o)
	if err == nil {
		return t, true
	}
	var wrong *schema.OptionError
	if !errors.As(err, &wrong) {
		l.report("E024", s.typeAt, "", "", "%s cannot be: %v", s.what, err)
		return nil, false
	}
	for _, opt := range opts {
		if opt.name == wrong.Option {
			if max := find(opts, "max"); opt.name == "min" && max != nil && wrong.Detail == "is above max" {
				l.reportTwo("E024", opt.val, wrong.Detail, max.val, "the maximum", "", "`min` of %s does not fit: is above max", s.what)
				return nil, false
			}
			l.report("E024", opt.val, wrong.Detail, "", "`%s` of %s does not fit: %s", opt.name, s.what, wrong.Detail)
			return nil, false
		}
	}
	l.report("E024", s.typeAt, wrong.Detail, "", "%s: `%s` %s", s.what, wrong.Option, wrong.Detail)
	return nil, false
}

func (l *loader) unknownType(s *spec) {
	if l.spoiled("type", s.typ) || l.spoiled("class", s.typ) {
		return
	}
	if l.classes[s.typ] != nil {
		l.report("E022", s.typeAt, "a class", "", "%s cannot hold a reference", s.what)
		return
	}
	help := l.typeForm(s.typ)
	if help == "" {
		help = suggest("type", s.typ, l.typeNames())
	}
	l.report("E023", s.typeAt, "no such type or class", help, "unknown type `%s` for %s", s.typ, s.what)
}

var typeForms = []struct {
	form  *regexp.Regexp
	write string
}{
	{regexp.MustCompile(`^(?:list|array)[<(\[]([a-z0-9_]+)[>)\]]$`), "list $1"},
	{regexp.MustCompile(`^(?:many|set)[<(\[]([a-z0-9_]+)[>)\]]$`), "many $1"},
	{regexp.MustCompile(`^([a-z0-9_]+)\[\]$`), "list $1"},
	{regexp.MustCompile(`^decimal\(\d+,(\d+)\)$`), "decimal scale=$1"},
	{regexp.MustCompile(`^(string|text)\((\d+)\)$`), "$1 max=$2"},
	{regexp.MustCompile(`^varchar\((\d+)\)$`), "string max=$1"},
	{regexp.MustCompile(`^([a-z0-9_]+)\?$`), "$1 optional"},
}

// typeForm is the help for a type in the notation of another language, or "".
func (l *loader) typeForm(name string) string {
	for _, f := range typeForms {
		m := f.form.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		write := f.form.ReplaceAllString(name, f.write)
		if of := m[1]; strings.HasPrefix(write, "list ") && l.classes[of] != nil {
			write = "many " + of
		}
		return "write `" + write + "`"
	}
	return ""
}

// typeNames are all words that may stand as a type.
func (l *loader) typeNames() []string {
	var names []string
	for _, d := range l.defs {
		if l.def(d.Name) != nil {
			names = append(names, d.Name)
		}
	}
	names = append(names, "many", "list")
	for _, d := range l.order {
		names = append(names, d.c.Name)
	}
	return append(names, sorted(keysOf(l.types))...)
}
