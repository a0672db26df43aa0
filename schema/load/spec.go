package load

import (
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/language"
)

// spec is what a field, type or input says of itself, in words or as a map:
// both forms are read into it, and nothing else looks at them again.
type spec struct {
	what string // "field `customer.birthday`"
	at   schema.Pos
	kind specKind

	typ    string // of plain: the first word
	typeAt schema.Pos
	many   string // class
	elem   *spec
	enum   []value
	fields []*fieldDecl

	opts  []*option // in source order
	doc   string
	extra map[string]string
}

type specKind uint8

const (
	plainSpec specKind = iota
	manySpec
	listSpec
	enumSpec
	objectSpec
)

// option is a word of a field: optional, max=20; or the key of its map form.
type option struct {
	name string
	text string     // the value as text; "" for flags
	at   schema.Pos // of the name
	val  schema.Pos // of the value
	node value      // of the value, in the map form
	// guessed is set for what a misspelt word probably meant: what is wrong with it is not reported.
	guessed bool
}

// find returns the option of that name, or nil.
func (s *spec) find(name string) *option { return find(s.opts, name) }

func find(opts []*option, name string) *option {
	for _, o := range opts {
		if o.name == name {
			return o
		}
	}
	return nil
}

// has reports whether a flag is set.
func (s *spec) has(name string) bool { return s.find(name) != nil }

// flags are the words that stand alone.
var flags = map[string]bool{
	"optional": true, "unique": true, "index": true, "search": true, "readonly": true,
	"immutable": true, "writeonly": true, "hidden": true, "create": true,
}

// readSpec reads a field in either form; nil when nothing can be made of it.
func (l *loader) readSpec(v value, section, what string) *spec {
	s := &spec{what: what, at: v.pos()}
	switch {
	case v.isNull():
		l.report("E020", v.pos(), "expected a type", "write it like `string max=100`", "%s has no type", what)
		return nil
	case v.isScalar():
		if !l.fieldText(s, v) {
			return nil
		}
	case v.isMap():
		if !l.fieldMap(s, v, section) {
			return nil
		}
	default:
		help := ""
		if items := l.texts(v, what); len(items) > 0 {
			var all []string
			for _, item := range items {
				all = append(all, item.n.Value)
			}
			help = "write `" + strings.Join(all, " ") + "`"
		}
		l.report("E013", v.pos(), "expected a type", help, "%s must be a text like `string max=100` or a map, not %s", what, kindOf(v))
		return nil
	}
	return s
}

// fieldText reads the one-line form: TYPE word…
func (l *loader) fieldText(s *spec, v value) bool {
	ps := words(v.n.Value)
	if len(ps) == 0 {
		l.report("E020", v.pos(), "expected a type", "write it like `string max=100`", "%s has no type", s.what)
		return false
	}
	first := ps[0]
	rest := ps[1:]
	name, _, _ := strings.Cut(first.text, "=")
	if l.def(first.text) == nil && l.types[first.text] == nil && l.classes[first.text] == nil && isWord(name) {
		l.report("E020", v.at(first.from, first.to), "expected a type first", "write the type in front: `string "+first.text+"`", "%s has no type: `%s` is a word", s.what, first.text)
		return false
	}
	if first.text == "enum" {
		l.report("E020", v.at(first.from, ps[len(ps)-1].to), "of which values?", enumHelp(rest), "%s does not list the values of its enum", s.what)
		return false
	}
	if first.text == "many" || first.text == "list" {
		if len(rest) == 0 {
			l.report("E020", v.at(first.from, first.to), "of what?", "write it like `"+map[string]string{"many": "many CLASS", "list": "list string"}[first.text]+"`", "%s does not say what it is a %s of", s.what, map[string]string{"many": "set", "list": "list"}[first.text])
			return false
		}
		of := rest[0]
		if of.text == "list" || of.text == "many" {
			l.report("E022", v.at(of.from, of.to), "inside another", "write `{list: {list: TYPE}}`", "%s cannot be a `%s %s` in one line", s.what, first.text, of.text)
			return false
		}
		rest = rest[1:]
		s.typeAt = v.at(of.from, of.to)
		if first.text == "many" {
			s.kind, s.many = manySpec, of.text
		} else {
			s.kind = listSpec
			s.elem = &spec{what: s.what, at: s.typeAt, typ: of.text, typeAt: s.typeAt}
		}
	} else {
		s.typ, s.typeAt = first.text, v.at(first.from, first.to)
	}
	for i := 0; i < len(rest); i++ {
		if n := spaced(rest[i:]); n > 1 {
			l.report("E024", v.at(rest[i].from, rest[i+n-1].to), "spaces around `=`", "write `"+joined(rest[i:i+n])+"`", "a word of %s holds spaces", s.what)
			i += n - 1
			continue
		}
		l.word(s, v, rest[i])
	}
	return true
}

// enumHelp shows the map form of what somebody wrote as words after `enum`.
func enumHelp(rest []part) string {
	var values []string
	for _, p := range rest {
		values = append(values, strings.Trim(p.text, ",()[]"))
	}
	if len(values) == 0 {
		values = []string{"draft", "done"}
	}
	return "write `{enum: [" + strings.Join(values, ", ") + "]}`"
}

// spaced returns how many words make up one that has spaces around its `=`: `max = 3`.
func spaced(ps []part) int {
	switch {
	case len(ps) > 2 && ps[1].text == "=":
		return 3
	case len(ps) > 1 && (strings.HasSuffix(ps[0].text, "=") && !strings.Contains(ps[1].text, "=") && !isWord(ps[1].text) || strings.HasPrefix(ps[1].text, "=") && len(ps[1].text) > 1):
		return 2
	}
	return 1
}

func joined(ps []part) string {
	var b strings.Builder
	for _, p := range ps {
		b.WriteString(p.text)
	}
	return b.String()
}

// isWord reports whether a name is an option of the field language.
func isWord(name string) bool {
	k := language.Lookup("field").Key(name)
	return k != nil && k.Word != ""
}

// word reads one word of the one-line form.
func (l *loader) word(s *spec, v value, p part) {
	name, text, valued := strings.Cut(p.text, "=")
	split := p.from + len([]rune(name))
	o := &option{name: name, text: text, at: v.at(p.from, split), val: v.at(min(split+1, p.to), p.to)}
	known := isWord(name) || l.typeOption(name)
	switch {
	case !known:
		l.unknownWord(s, o)
		// Go on with what was probably meant.
		o.name, o.guessed = diag.Suggest(name, l.wordNames()), true
		if flags[o.name] && !valued && s.find(o.name) == nil {
			s.opts = append(s.opts, o)
		}
		return
	case flags[name] && valued:
		l.report("E022", v.at(p.from, p.to), "takes no value", "write `"+name+"` alone, or leave it out", "`%s` of %s takes no value", name, s.what)
		return
	case !flags[name] && (!valued || text == ""):
		l.report("E024", v.at(p.from, p.to), "needs a value", "write it like `"+name+"=…`", "`%s` of %s has no value", name, s.what)
		return
	}
	l.add(s, o)
}

func (l *loader) add(s *spec, o *option) {
	if earlier := s.find(o.name); earlier != nil {
		l.reportPair("E012", o.at, "given again", earlier.at, "given first", "keep one of them", "`%s` of %s is given twice", o.name, s.what)
		return
	}
	s.opts = append(s.opts, o)
}

func (l *loader) unknownWord(s *spec, o *option) {
	help := suggest("word", o.name, l.wordNames())
	if help == "" && (l.def(o.name) != nil || l.classes[o.name] != nil) {
		help = "a field has one type, and it comes first"
	}
	if help == "" {
		help = "words: " + strings.Join(l.wordNames(), ", ")
	}
	l.report("E021", o.at, "not a word of the language", help, "unknown word `%s` on %s", o.name, s.what)
}

// wordNames are the words of the one-line form.
func (l *loader) wordNames() []string {
	var names []string
	for _, k := range language.Lookup("field").Keys {
		if k.Word != "" {
			names = append(names, k.Name)
		}
	}
	for _, d := range l.defs {
		for _, o := range d.Options {
			if !contains(names, o) {
				names = append(names, o)
			}
		}
	}
	return names
}

// typeOption reports whether some type knows the option.
func (l *loader) typeOption(name string) bool {
	for _, d := range l.defs {
		if contains(d.Options, name) {
			return true
		}
	}
	return false
}

// fieldMap reads the map form.
func (l *loader) fieldMap(s *spec, v value, section string) bool {
	given := map[string]entry{}
	table := language.Lookup(section)
	all := l.entries(v, s.what)
	for _, e := range all {
		given[e.name] = e
	}
	var kinds []entry
	for _, e := range all {
		switch k := table.Key(e.name); {
		case k == nil && strings.HasPrefix(e.name, "x-"):
			if s.extra == nil {
				s.extra = map[string]string{}
			}
			s.extra[e.name] = nodeJSON(e.val)
			continue
		case k == nil && section == "type" && language.Lookup("field").Key(e.name) != nil:
			l.report("E022", e.key.pos(), "belongs to fields", "write it on the field", "`%s` cannot be said of %s", e.name, s.what)
			continue
		case k == nil && !l.typeOption(e.name):
			l.unknownKey(table, e, s.what)
			meant := diag.Suggest(e.name, table.Names())
			if meant == "" || given[meant].val.given() {
				continue
			}
			e.name, e.guessed = meant, true
			given[meant] = e
		}
		switch e.name {
		case "type", "enum", "many", "list", "fields":
			kinds = append(kinds, e)
		case "doc":
			s.doc, _ = l.text(e.val, "`doc` of "+s.what)
		default:
			l.optionKey(s, e)
		}
	}
	if len(kinds) == 0 {
		l.report("E020", s.at, "expected `type`, `enum`, `many`, `list` or `fields`", "write `type: string`, say", "%s has no type", s.what)
		return false
	}
	if len(kinds) > 1 && !(len(kinds) == 2 && given["enum"].val.given() && given["type"].val.given() && given["type"].val.n.Value == "enum") {
		l.reportPair("E020", kinds[1].key.pos(), "second type", kinds[0].key.pos(), "first type", "keep one of them", "%s has two types: `%s` and `%s`", s.what, kinds[0].name, kinds[1].name)
		return false
	}
	kind := kinds[0]
	if given["enum"].val.given() {
		kind = given["enum"]
	}
	return l.kindKey(s, kind)
}

// kindKey reads the key that says what a field is.
func (l *loader) kindKey(s *spec, e entry) bool {
	s.typeAt = e.val.pos()
	switch e.name {
	case "many":
		text, ok := l.text(e.val, "`many` of "+s.what)
		s.kind, s.many = manySpec, text
		return ok
	case "list":
		s.kind = listSpec
		s.elem = l.readSpec(e.val, "type", "the list of "+s.what)
		return s.elem != nil
	case "fields":
		s.kind = objectSpec
		s.fields = l.inner(e.val, s.what, nestedField)
		if len(s.fields) == 0 && (e.val.isNull() || e.val.isMap() && len(e.val.n.Content) == 0) {
			l.report("E020", e.key.pos(), "empty", "", "%s has no fields", s.what)
			return false
		}
		return e.val.isMap()
	case "enum":
		s.kind = enumSpec
		return l.enumKey(s, e)
	}
	// type: the words of the one-line form are fine here too.
	if _, ok := l.text(e.val, "`type` of "+s.what); !ok {
		return false
	}
	return l.fieldText(s, e.val)
}

// enumKey reads the values of an enum.
func (l *loader) enumKey(s *spec, e entry) bool {
	if !e.val.isList() {
		l.report("E013", e.val.pos(), "expected a list", "write it like [draft, done]", "`enum` of %s must be a list, not %s", s.what, kindOf(e.val))
		return false
	}
	first := map[string]schema.Pos{}
	for _, v := range l.items(e.val) {
		if !v.isScalar() {
			l.report("E013", v.pos(), "expected a text", "", "a value of `enum` of %s must be a text, not %s", s.what, kindOf(v))
			continue
		}
		text := v.n.Value
		if text == "" {
			l.report("E025", v.pos(), "empty", "for no value, make the field `optional`", "`enum` of %s has an empty value", s.what)
			continue
		}
		if earlier, twice := first[text]; twice {
			l.reportPair("E025", v.pos(), "second time", earlier, "first time", "delete one of them", "`enum` of %s has `%s` twice", s.what, text)
			continue
		}
		first[text] = v.pos()
		s.enum = append(s.enum, v)
	}
	if len(e.val.n.Content) == 0 {
		l.report("E025", e.val.pos(), "empty", "name the values: [draft, done]", "`enum` of %s has no values", s.what)
	}
	return len(s.enum) > 0
}

// optionKey reads one option of the map form.
func (l *loader) optionKey(s *spec, e entry) {
	o := &option{name: e.name, at: e.key.pos(), val: e.val.pos(), node: e.val, guessed: e.guessed}
	if flags[e.name] {
		if l.boolean(e.val, "`"+e.name+"` of "+s.what, false) {
			l.add(s, o)
		}
		return
	}
	switch e.name {
	case "default", "backfill", "read", "write": // have forms of their own
		if e.val.isScalar() {
			o.text = e.val.n.Value
		}
	case "accept":
		items := l.texts(e.val, "`accept` of "+s.what)
		if len(items) == 0 {
			return
		}
		for i, v := range items {
			if i > 0 {
				o.text += ","
			}
			o.text += v.n.Value
		}
	default:
		text, ok := l.text(e.val, "`"+e.name+"` of "+s.what)
		if !ok {
			return
		}
		o.text = text
	}
	l.add(s, o)
}
