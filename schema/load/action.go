package load

import (
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/schema/language"
)

// actions reads the declared actions of a class.
func (l *loader) actions(d *classDecl) {
	for _, m := range l.members(d, "actions") {
		if !l.name(m.key, m.name, "an action") {
			l.spoil("action", d.c.Name, m.name)
			continue
		}
		if language.ReservedAction(m.name) {
			l.report("E060", m.key.pos(), "has a meaning of its own", "choose another name", "an action cannot be called `%s`, which every class has", m.name)
			l.spoil("action", d.c.Name, m.name)
			continue
		}
		l.action(d, m)
	}
	l.actionPaths(d)
}

func (l *loader) action(d *classDecl, m member) {
	what := "the action `" + d.c.Name + "." + m.name + "`"
	o := l.object(m.val, "action", what)
	a := &schema.Action{Name: m.name, Class: d.c, Path: m.name, Pos: m.key.pos()}
	d.c.Actions = append(d.c.Actions, a)
	a.Doc, _ = l.text(o.get("doc"), o.of("doc"))
	a.Run = l.choice(o.get("run"), "action", "run", o.of("run"), "") == "go"
	a.OnCollection = l.choice(o.get("on"), "action", "on", o.of("on"), "item") == "collection"
	a.Method = l.choice(o.get("method"), "action", "method", o.of("method"), "POST")
	if text, ok := l.text(o.get("path"), o.of("path")); ok {
		if validSegment(text) {
			a.Path = text
		} else {
			l.report("E015", o.get("path").pos(), "not a path segment", "use letters, digits, - and _", "%s cannot be `%s`", o.of("path"), text)
		}
	}
	l.camel = d.camel
	inputs := l.inner(o.get("input"), "input `"+d.c.Name+"."+m.name+"`", inputField)
	for _, in := range inputs {
		in.class = d
		l.actionField(in)
	}
	a.Input = l.number(inputs, "the input of "+what)
	l.returns(d, a, o)
	l.actionSense(a, o)
	d.conds = append(d.conds, func() {
		if v := o.get("when"); v.given() {
			if text, ok := l.exprText(v, o.of("when")); ok {
				a.WhenText, a.When = text, l.condition(v, 0, d.c, expr.Rule)
			}
		}
		l.set(d, a, o, inputs)
	})
}

// actionField gives an input or a member of an answer its type and default.
func (l *loader) actionField(f *fieldDecl) {
	l.resolve(f)
	l.referenceType(f, nil)
	l.fill(f)
	f.f.Column = ""
}

// actionSense refuses keys of an action that contradict each other.
func (l *loader) actionSense(a *schema.Action, o *object) {
	key := func(name string) schema.Pos { return o.keys[name].key.pos() }
	if a.OnCollection {
		for _, name := range []string{"when", "set"} {
			if o.get(name).given() {
				l.reportTwo("E064", key(name), "about a row", key("on"), "acts on no row", "remove it, or write `on: item`",
					"%s acts on the collection, so it has no row for `%s`", o.what, name)
			}
		}
	}
	if a.Method == "GET" && o.get("set").given() {
		l.reportTwo("E064", key("set"), "changes the row", key("method"), "changes nothing", "write `method: POST`",
			"%s cannot be a GET: it sets fields", o.what)
	}
}

// returns reads what an action answers.
func (l *loader) returns(d *classDecl, a *schema.Action, o *object) {
	v := o.get("returns")
	if !v.given() {
		return
	}
	if !v.isMap() {
		if text, ok := l.text(v, o.of("returns")); ok {
			if to := l.target(text, v.pos()); to != nil {
				a.Returns = to.c
			}
		}
		return
	}
	fields := v
	if len(v.n.Content) == 2 && v.n.Content[0].Value == "fields" && v.in(v.n.Content[1]).isMap() {
		fields = v.in(v.n.Content[1])
	}
	answer := l.inner(fields, "answer `"+d.c.Name+"."+a.Name+"`", returnField)
	for _, f := range answer {
		f.class = d
		l.actionField(f)
	}
	a.ReturnFields = l.number(answer, "the answer of "+o.what)
}

// set reads the values an action stores.
func (l *loader) set(d *classDecl, a *schema.Action, o *object, inputs []*fieldDecl) {
	for _, e := range l.entries(o.get("set"), o.of("set")) {
		f := d.c.Field(e.name)
		if f == nil {
			l.unknownField(d, e.name, e.key.pos())
			continue
		}
		if l.marred[f] {
			continue
		}
		if why := unsettable(d.c, f); why != "" {
			l.report("E062", e.key.pos(), why, "", "%s cannot set `%s`: %s", o.what, f.Name, why)
			continue
		}
		if assign, ok := l.assign(a, f, e, o, inputs); ok {
			a.Set = append(a.Set, assign)
		}
	}
}

// unsettable says why no action can set a field, or "".
func unsettable(c *schema.Class, f *schema.Field) string {
	for _, k := range c.Key {
		if k == f {
			return "it is the key"
		}
	}
	switch {
	case f == c.CreatedAt || f == c.UpdatedAt || f == c.DeletedAt:
		return "the engine keeps it"
	case f.Computed != nil:
		return "it is computed"
	case f.Many != nil:
		return "it is a set of rows"
	case f.Synthetic:
		return "it is the key"
	}
	return ""
}

// assign reads one value of set: the name of an input, me, now, null, or a constant.
func (l *loader) assign(a *schema.Action, f *schema.Field, e entry, o *object, inputs []*fieldDecl) (schema.Assign, bool) {
	v := e.val
	r := schema.Assign{Field: f}
	what := "`" + e.name + "` of " + o.of("set")
	if v.isNull() {
		if !f.Optional {
			l.report("E061", v.pos(), "needs a value", "", "%s cannot be null: the field is required", what)
			return r, false
		}
		r.Value = schema.Lit{}
		return r, true
	}
	opt := &option{name: e.name, val: v.pos(), node: v}
	if v.isScalar() {
		opt.text = v.n.Value
	}
	if v.isScalar() && plain(v) {
		name := strings.TrimPrefix(opt.text, "input.")
		for _, in := range inputs {
			if in.f.Name == name || in.f.JSON == name {
				return l.assignInput(r, in, v, what)
			}
		}
		if name != opt.text {
			var names []string
			for _, in := range inputs {
				names = append(names, in.f.Name)
			}
			l.report("E061", v.at(len("input."), len([]rune(opt.text))), "no such input", diag.DidYouMean(name, names), "%s has no input `%s`", o.what, name)
			return r, false
		}
		if opt.text == "me" && f.Ref != nil {
			if l.login == nil || !l.isLogin(f.Ref.To) {
				l.report("E061", v.pos(), "not the class of users", "", "%s cannot be `me`: `%s` does not refer to the class with `auth`", what, f.Name)
				return r, false
			}
			r.Value = schema.Me{Type: f.Type}
			return r, true
		}
		if now, ok := l.nowPlus(v, f, what); ok {
			r.Value = now
			return r, now != nil
		}
	}
	c, ok := l.constant(f.Type, opt, what, "E061")
	r.Value = schema.Lit{Value: c}
	return r, ok
}

// assignInput checks that an input's values fit the field.
func (l *loader) assignInput(r schema.Assign, in *fieldDecl, v value, what string) (schema.Assign, bool) {
	f := r.Field
	if l.marred[in.f] {
		return r, false
	}
	sameRef := (f.Ref == nil) == (in.f.Ref == nil) && (f.Ref == nil || f.Ref.To == in.f.Ref.To)
	if !sameRef || in.f.Type.Kind() != f.Type.Kind() {
		l.reportTwo("E061", v.pos(), "of another kind", in.key.pos(), "the input", "", "%s cannot be the input `%s`, whose values are of another kind", what, in.f.Name)
		return r, false
	}
	if in.f.Optional && !f.Optional && in.f.Default == nil {
		l.reportTwo("E061", v.pos(), "may be missing", in.key.pos(), "optional", "remove `optional` from the input", "%s is required, but the input `%s` is optional", what, in.f.Name)
		return r, false
	}
	r.Input = in.f
	r.Value = &schema.Path{Field: in.f, Type: in.f.Type}
	return r, true
}

// nowPlus reads `now`, `now + 7d` and `now - 1h` for fields that hold a time.
func (l *loader) nowPlus(v value, f *schema.Field, what string) (schema.Operand, bool) {
	ps := words(v.n.Value)
	if len(ps) == 0 || ps[0].text != "now" || !contains([]string{"datetime", "date"}, f.Type.Name()) {
		return nil, false
	}
	now := schema.Now{Type: f.Type}
	if len(ps) == 1 {
		return now, true
	}
	if len(ps) != 3 || ps[1].text != "+" && ps[1].text != "-" {
		l.report("E061", v.pos(), "", "write it like `now + 7d`", "%s cannot be read", what)
		return nil, true
	}
	d, err := parseSpan(ps[2].text)
	if err != nil {
		l.report("E061", v.at(ps[2].from, ps[2].to), "not a length of time", "write it like 30s, 5m, 1h or 2d", "%s cannot be read", what)
		return nil, true
	}
	now.Offset = d
	if ps[1].text == "-" {
		now.Offset = -d
	}
	return now, true
}

// actionPaths refuses two actions at one place.
func (l *loader) actionPaths(d *classDecl) {
	type place struct {
		path       string
		collection bool
	}
	taken := map[place]*schema.Action{}
	for _, a := range d.c.Actions {
		at := place{a.Path, a.OnCollection}
		if other := taken[at]; other != nil {
			l.reportPair("E065", a.Pos, "the other action", other.Pos, "one action", "give one of them another `path:`",
				"the actions `%s` and `%s` of `%s` have one path, `%s`", other.Name, a.Name, d.c.Name, a.Path)
			continue
		}
		taken[at] = a
		if language.ReservedAction(a.Path) {
			l.report("E060", a.Pos, "", "write another `path:`", "the path `%s` of the action `%s` has a meaning of its own", a.Path, a.Name)
		}
	}
}
