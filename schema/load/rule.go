package load

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/schema/language"
)

// rules expands allow and deny to one rule a role and verb, in source order,
// and binds the roles of fields.
func (l *loader) rules(d *classDecl) {
	for _, key := range []string{"restore", "purge"} {
		if v, what := l.setting(d, "soft_delete"); v.isMap() {
			o := l.object(v, "soft_delete", what)
			l.verbRules(d, key, o.get(key), o.of(key), false)
		}
	}
	for _, section := range []string{"allow", "deny"} {
		for _, p := range d.parts {
			for _, e := range l.entries(p.get(section), p.of(section)) {
				if !l.verb(d, p, e) {
					continue
				}
				l.verbRules(d, e.name, e.val, "`"+e.name+"` of "+p.of(section), section == "deny")
			}
		}
	}
	for _, f := range d.declared {
		if f.spec == nil {
			continue
		}
		f.f.Read = l.fieldRoles(d, f, "read")
		f.f.Write = l.fieldRoles(d, f, "write")
	}
}

// verb checks that a class has what a rule is about.
func (l *loader) verb(d *classDecl, p *partDecl, e entry) bool {
	c := d.c
	action := slices.ContainsFunc(c.Actions, func(a *schema.Action) bool { return a.Name == e.name })
	if action && (p.kind != addedPart || p.declares("actions", e.name)) {
		return true
	}
	if p.kind == addedPart && (language.IsVerb(e.name) || action) {
		l.reportTwo("E019", e.key.pos(), "not an action of this module", d.key.pos(), "the class is declared here",
			"write it where the class is declared", "a module may give rights only to what it adds to `%s`", c.Name)
		return false
	}
	if !language.IsVerb(e.name) {
		if l.spoiled("action", c.Name, e.name) {
			return false
		}
		var names []string
		for _, v := range language.Verbs() {
			names = append(names, v.Name)
		}
		for _, a := range c.Actions {
			names = append(names, a.Name)
		}
		help := didYouMean(e.name, names)
		if help == "" {
			help = "verbs here: " + strings.Join(names, ", ")
		}
		l.report("E030", e.key.pos(), "neither a verb nor an action of the class", help, "unknown verb `%s` for `%s`", e.name, c.Name)
		return false
	}
	switch {
	case (e.name == "restore" || e.name == "purge") && !c.SoftDelete:
		l.report("E036", e.key.pos(), "nothing to "+e.name, "write `soft_delete: true`", "`%s` needs soft delete, which `%s` does not have", e.name, c.Name)
		return false
	case e.name == "history" && !c.History:
		if v, _ := l.setting(d, "history"); v.given() {
			l.reportTwo("E036", e.key.pos(), "no history to see", v.pos(), "switched off here", "write `history: true`", "`history` is about what rows were before, which `%s` does not keep", c.Name)
			return false
		}
		c.History = true
	case e.name == "act_as" && l.login != d:
		l.report("E036", e.key.pos(), "not the class of users", "", "`act_as` is about users, and `%s` is not their class", c.Name)
		return false
	}
	return true
}

// verbRules reads the roles of one verb: ROLE, ROLE where EXPR, or a list of them.
func (l *loader) verbRules(d *classDecl, verb string, v value, what string, deny bool) {
	if !v.given() {
		return
	}
	if v.isNull() || v.isList() && len(v.n.Content) == 0 {
		l.report("E034", v.pos(), "expected a role", "write a role, or remove the line", "%s names no role", what)
		return
	}
	for _, item := range l.texts(v, what) {
		if r := l.rule(d, item, what); r != nil {
			r.Class, r.Verb, r.Deny = d.c, verb, deny
			l.s.Rules = append(l.s.Rules, r)
		}
	}
}

// rule reads ROLE or ROLE where EXPR.
func (l *loader) rule(d *classDecl, v value, what string) *schema.Rule {
	ps := words(v.n.Value)
	if len(ps) == 0 {
		l.report("E034", v.pos(), "expected a role", "", "%s names no role", what)
		return nil
	}
	role := ps[0]
	pos := v.at(role.from, role.to)
	if strings.Contains(role.text, ",") {
		l.report("E034", pos, "not one role", listHelp(v.n.Value), "%s must name one role, or be a list", what)
		return nil
	}
	from := -1
	if len(ps) > 1 {
		if ps[1].text != "where" || len(ps) == 2 {
			label, help := "expected `where`", "write `ROLE where CONDITION`, or a list of roles"
			if ps[1].text == "where" {
				label = "expected a condition after it"
			}
			l.report("E034", v.at(ps[1].from, ps[1].to), label, help, "%s cannot be read", what)
			return nil
		}
		from = ps[2].from
	}
	r := &schema.Rule{Role: role.text, Pos: pos}
	ok := l.ruleRole(d, r, role.text)
	if from < 0 {
		if !ok {
			return nil
		}
		return r
	}
	where := l.condition(v, from, d.c, expr.Rule)
	if !ok || where == nil {
		return nil
	}
	text := strings.TrimSpace(string([]rune(v.n.Value)[from:]))
	if r.Where == nil {
		r.Where, r.Cond = where, text
	} else {
		r.Where, r.Cond = schema.And{r.Where, where}, "("+r.Cond+") and ("+text+")"
	}
	return r
}

// ruleRole finds the role of a rule; a row role is `user` with its condition.
func (l *loader) ruleRole(d *classDecl, r *schema.Rule, name string) bool {
	if own := d.roles[name]; own != nil {
		if own.r.Where == nil {
			return false // said where it is declared
		}
		r.Role, r.RowRole, r.Where, r.Cond = "user", name, own.r.Where, own.r.Text
		return true
	}
	return l.anyRole(d, name, r.Pos)
}

// anyRole checks a role that may be global or one of the class's row roles.
func (l *loader) anyRole(d *classDecl, name string, pos schema.Pos) bool {
	if l.isRole(name) || language.IsBuiltinRole(name) {
		return true
	}
	if l.spoiled("role", name) || l.spoiled("row role", d.c.Name, name) {
		return false
	}
	known := append(l.roleNames(), rowRoleNames(d)...)
	for _, b := range language.BuiltinRoles() {
		known = append(known, b.Name)
	}
	help := didYouMean(name, known)
	if help == "" {
		help = "roles here: " + strings.Join(known, ", ")
	}
	l.report("E031", pos, "no such role", help, "unknown role `%s`", name)
	return false
}

// fieldRoles reads read= or write=: a role, or a list of roles.
func (l *loader) fieldRoles(d *classDecl, f *fieldDecl, key string) *schema.RoleCond {
	o := f.spec.find(key)
	if o == nil {
		return nil
	}
	c := &schema.RoleCond{Pos: o.val}
	var rows schema.Or
	add := func(name string, pos schema.Pos) {
		if own := d.roles[name]; own != nil {
			if own.r.Where != nil {
				rows = append(rows, own.r.Where)
			}
		} else if l.anyRole(d, name, pos) {
			c.Global = append(c.Global, name)
		}
		if c.Text != "" {
			c.Text += ", "
		}
		c.Text += name
	}
	if !o.node.given() {
		add(o.text, o.val)
	}
	for _, v := range l.texts(o.node, "`"+key+"` of "+f.spec.what) {
		if name := strings.TrimSpace(v.n.Value); utf8.RuneCountInString(name) > 0 {
			add(name, v.pos())
		}
	}
	switch len(rows) {
	case 0:
	case 1:
		c.Row = rows[0]
	default:
		c.Row = rows
	}
	return c
}
