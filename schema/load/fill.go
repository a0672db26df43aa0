package load

import (
	"errors"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

// fill applies the words that say where a value comes from: default, auto,
// per, from. They need the types of other fields.
func (l *loader) fill(d *fieldDecl) {
	if d.spec == nil || d.f.Type == nil {
		return
	}
	l.autoWord(d)
	l.fromWord(d)
	l.defaultWord(d, l.defaultOption(d.spec))
	l.backfillWord(d)
}

// defaultOption finds the default of a field, else of the named type it has.
func (l *loader) defaultOption(s *spec) *option {
	for range len(l.types) + 1 {
		if o := s.find("default"); o != nil {
			return o
		}
		t := l.types[s.typ]
		if s.kind != plainSpec || t == nil || t.spec == nil {
			return nil
		}
		s = t.spec
	}
	return nil
}

// autoFits are the types that each word of auto= can fill.
var autoFits = map[string][]string{
	"now":      {"datetime", "date", "time"},
	"uuid":     {"uuid", "string"},
	"sequence": {"int", "bigint"},
	"me":       {"string", "uuid", "int", "bigint"},
}

func (l *loader) autoWord(d *fieldDecl) {
	s, f := d.spec, d.f
	o := s.find("auto")
	if o == nil || f.Many != nil {
		return
	}
	fits, known := autoFits[o.text]
	if !known {
		help := diag.DidYouMean(o.text, []string{"me", "now", "uuid", "sequence"})
		if help == "" {
			help = "write one of: me, now, uuid, sequence"
		}
		l.report("E014", o.val, "not one of the choices", help, "`auto` of %s cannot be `%s`", s.what, o.text)
		return
	}
	if o.text == "me" && l.login == nil {
		l.report("E027", o.val, "there are no users", "give the class of users `auth: {login: …, secret: …}`", "`auto=me` of %s needs a class with `auth`", s.what)
		return
	}
	switch {
	case o.text == "me" && f.Ref != nil:
		if !l.isLogin(f.Ref.To) {
			l.report("E027", o.val, "not the class of users", "refer to `"+l.login.c.Name+"`", "`auto=me` of %s needs a reference to `%s`, not to `%s`", s.what, l.login.c.Name, f.Ref.To.Name)
			return
		}
	case f.Ref != nil || !contains(fits, f.Type.Name()):
		l.report("E027", o.val, "does not fit the type", "`auto="+o.text+"` fills "+strings.Join(fits, ", "), "`auto=%s` of %s does not fit its type", o.text, s.what)
		return
	}
	if other := s.find("default"); other != nil {
		l.reportPair("E027", o.at, "fills it", other.at, "fills it, too", "keep one of them", "%s has both `auto` and `default`", s.what)
		return
	}
	switch o.text {
	case "me":
		f.Auto = schema.AutoMe
	case "now":
		f.Auto = schema.AutoNow
	case "uuid":
		f.Auto = schema.AutoUUID
	case "sequence":
		l.sequence(d)
	}
}

// sequence reads per=; a sequence over all rows that is the key is the store's own numbering.
func (l *loader) sequence(d *fieldDecl) {
	d.f.Auto = schema.AutoSequence
	key := d.class.c.Key
	o := d.spec.find("per")
	if o == nil {
		if len(key) == 1 && key[0] == d.f {
			d.f.Auto = schema.AutoID
		}
		return
	}
	per := d.class.field(o.text)
	switch {
	case per == nil:
		l.unknownField(d.class, o.text, o.val)
	case per == d:
		l.report("E027", o.val, "the field itself", "", "`per` of %s cannot be the field itself", d.spec.what)
	case per.spec != nil && (per.f.Many != nil || !per.f.Type.Traits().Filter):
		l.report("E029", o.val, "cannot be counted by", "", "`per` of %s cannot be `%s`", d.spec.what, o.text)
	default:
		d.f.Per = per.f
	}
}

func (l *loader) isLogin(c *schema.Class) bool { return l.login != nil && l.login.c == c }

func (l *loader) fromWord(d *fieldDecl) {
	o := d.spec.find("from")
	if o == nil || d.f.Many != nil || d.f.Type.Traits().Secret {
		return
	}
	from := d.class.field(o.text)
	switch {
	case from == nil:
		l.unknownField(d.class, o.text, o.val)
	case from == d:
		l.report("E027", o.val, "the field itself", "", "%s cannot be filled from itself", d.spec.what)
	case from.spec == nil:
	case from.f.Many != nil || from.f.Ref != nil || d.f.Ref != nil || from.f.Type.Kind() != d.f.Type.Kind() || from.f.Type.Traits().Secret:
		l.reportTwo("E027", o.val, "of another kind", from.key.pos(), "declared here", "", "%s cannot be filled from `%s`, whose values are of another kind", d.spec.what, o.text)
	default:
		d.f.From = from.f
	}
}

func (l *loader) defaultWord(d *fieldDecl, o *option) {
	f := d.f
	if o == nil || f.Many != nil || f.Type.Traits().Secret || d.spec.has("auto") {
		return
	}
	if o.node.given() && o.node.isNull() || !o.node.given() && o.text == "null" && f.Type.Name() != "enum" {
		if !f.Optional {
			l.report("E026", o.val, "never null", "add `optional`, or leave the default out", "the default of %s is null, but the field is required", d.spec.what)
		}
		return
	}
	if o.text == "now" && contains(autoFits["now"], f.Type.Name()) {
		f.Default = &schema.Default{Now: true}
		return
	}
	if o.text == "me" && f.Ref != nil && (!o.node.given() || plain(o.node) || l.isLogin(f.Ref.To)) {
		if l.isLogin(f.Ref.To) {
			f.Default = &schema.Default{Me: true}
			return
		}
		l.report("E027", o.val, "not the class of users", "", "`default=me` of %s needs a reference to the class with `auth`", d.spec.what)
		return
	}
	if v, ok := l.constant(f.Type, o, "the default of "+d.spec.what, "E026"); ok {
		f.Default = &schema.Default{Value: v}
	}
}

// backfillWord reads what rows get that were there before the field.
func (l *loader) backfillWord(d *fieldDecl) {
	f, o := d.f, d.spec.find("backfill")
	if o == nil || f.Many != nil || f.Type.Traits().Secret {
		return
	}
	switch {
	case o.node.given() && o.node.isNull() || !o.node.given() && o.text == "null" && f.Type.Name() != "enum":
		l.report("E026", o.val, "nothing", "leave it out, or write a value", "`backfill` of %s is null, which says nothing", d.spec.what)
	case o.text == "now" && contains(autoFits["now"], f.Type.Name()):
		f.Backfill = &schema.Default{Now: true}
	default:
		if v, ok := l.constant(f.Type, o, "`backfill` of "+d.spec.what, "E026"); ok {
			f.Backfill = &schema.Default{Value: v}
		}
	}
}

// constant reads a value of a type from its source text, or from a map or list.
func (l *loader) constant(t schema.Type, o *option, what, code string) (schema.Value, bool) {
	var problem schema.Problem
	if !o.node.given() || o.node.isScalar() {
		v, err := t.Parse(o.text)
		if err == nil {
			return v, true
		}
		if !errors.As(err, &problem) {
			problem = schema.Problem{Detail: err.Error()}
		}
	} else {
		v, problems := t.Decode([]byte(nodeJSON(o.node)))
		if len(problems) == 0 {
			return v, true
		}
		problem = problems[0]
		if problem.Pointer != "" {
			problem.Detail = strings.TrimPrefix(problem.Pointer, "/") + " " + problem.Detail
		}
	}
	help := problem.Hint
	if t.Kind() == schema.Bool && help == "" {
		help = boolHelp(o.text)
	}
	l.report(code, o.val, problem.Detail, help, "%s does not fit: %s", what, problem.Detail)
	return schema.Value{}, false
}
