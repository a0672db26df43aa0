package load

import (
	"strings"
	"unicode/utf8"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/expr"
)

// condition reads an expression, or the part of one from character `from` on,
// and binds it to a class. It reports what is wrong inside the text and
// returns nil then.
func (l *loader) condition(v value, from int, c *schema.Class, mode expr.Mode) schema.Expr {
	text := string([]rune(v.n.Value)[from:])
	at := func(start, end int) schema.Pos {
		first := from + utf8.RuneCountInString(text[:min(start, len(text))])
		return v.at(first, from+utf8.RuneCountInString(text[:min(max(end, start), len(text))]))
	}
	n, wrong := expr.Parse(text)
	if wrong != nil {
		l.report("E040", at(wrong.Offset, wrong.End), "", wrong.Hint, "%s", wrong.Message)
		return nil
	}
	e, problems := expr.Bind(n, &expr.Scope{Schema: l.s, Class: c, Login: l.s.Login, Mode: mode})
	if len(problems) > 0 && l.mentionsSpoiled(l.classes[c.Name], n) {
		return nil
	}
	for _, p := range problems {
		l.report(diag.ConditionCode(p.Code), at(p.Offset, p.End), "", p.Hint, "%s", p.Message)
	}
	if len(problems) > 0 {
		return nil
	}
	return e
}

// exprText reads the text of a condition.
func (l *loader) exprText(v value, what string) (string, bool) {
	text, ok := l.text(v, what)
	if ok && strings.TrimSpace(text) == "" {
		l.report("E040", v.pos(), "empty", "write it like `status = 'active'`", "%s is empty", what)
		return "", false
	}
	return text, ok
}

// mentionsSpoiled reports whether an expression about a class uses a name
// whose declaration was refused.
func (l *loader) mentionsSpoiled(d *classDecl, n *expr.Node) bool {
	for i, name := range n.Names {
		if i == 0 && n.Kind != expr.MeNode && l.lost(d, name.Text) {
			return true
		}
		// Where a path leads is not followed here: any class will do.
		for _, other := range l.order {
			if (i > 0 || n.Kind == expr.MeNode) && l.lost(other, name.Text) {
				return true
			}
		}
	}
	for _, arg := range n.Args {
		if l.mentionsSpoiled(d, arg) {
			return true
		}
	}
	return false
}

// conditions binds everything that is one, now that all names are known.
func (l *loader) conditions() {
	for _, d := range l.order {
		for _, comp := range d.computes {
			if comp.where >= 0 {
				comp.f.Computed.Where = l.condition(comp.val, comp.where, comp.f.Computed.Rel.To, expr.Computed)
			}
		}
		l.declareRowRoles(d)
	}
	for _, d := range l.order {
		l.rowRoles(d)
		l.scopes(d)
		l.checks(d)
		for _, bind := range d.conds {
			bind()
		}
	}
}

func (l *loader) scopes(d *classDecl) {
	for _, m := range l.members(d, "scopes") {
		what := "the scope `" + m.name + "` of `" + d.c.Name + "`"
		if !l.name(m.key, m.name, "a scope") {
			continue
		}
		s := &schema.Scope{Name: m.name, Pos: m.key.pos()}
		where := m.val
		if m.val.isMap() {
			o := l.object(m.val, "scope", what)
			s.Doc, _ = l.text(o.get("doc"), o.of("doc"))
			where = o.get("where")
			if !where.given() {
				l.report("E011", m.key.pos(), "", "write `where: CONDITION`", "%s has no condition", what)
				continue
			}
		}
		if _, ok := l.exprText(where, what); !ok {
			continue
		}
		s.Where = l.condition(where, 0, d.c, expr.Rule)
		d.c.Scopes = append(d.c.Scopes, s)
	}
}

func (l *loader) checks(d *classDecl) {
	add := func(name string, v value, pos schema.Pos) {
		text, ok := l.exprText(v, "the check `"+name+"` of `"+d.c.Name+"`")
		if !ok {
			return
		}
		d.c.Checks = append(d.c.Checks, &schema.Check{Name: name, Text: text, Pos: pos, Where: l.condition(v, 0, d.c, expr.Check)})
	}
	lists := 0
	for _, p := range d.parts {
		if v := p.get("checks"); v.isList() || v.isScalar() && !v.isNull() {
			for _, item := range l.items(v) {
				lists++
				add("check_"+itoa(lists), item, item.pos())
			}
		}
	}
	if lists > 0 {
		return
	}
	for _, m := range l.members(d, "checks") {
		if l.name(m.key, m.name, "a check") {
			add(m.name, m.val, m.key.pos())
		}
	}
}

// rowRoleDecl is a row role while it is bound.
type rowRoleDecl struct {
	r     *schema.RowRole
	val   value
	state typeState
	// of roles: ROLE of FIELD
	role, via part
	travels   bool
}

func (l *loader) declareRowRoles(d *classDecl) {
	for _, m := range l.members(d, "roles") {
		what := "the row role `" + m.name + "` of `" + d.c.Name + "`"
		if l.isRole(m.name) || isBuiltinRole(m.name) {
			l.report("E016", m.key.pos(), "a global role", "choose another name", "%s is called like a global role", what)
			l.spoil("row role", d.c.Name, m.name)
			continue
		}
		if !l.name(m.key, m.name, "a row role") {
			l.spoil("row role", d.c.Name, m.name)
			continue
		}
		text, ok := l.exprText(m.val, what)
		if !ok {
			l.spoil("row role", d.c.Name, m.name)
			continue
		}
		decl := &rowRoleDecl{r: &schema.RowRole{Name: m.name, Text: text, Pos: m.key.pos()}, val: m.val}
		if ps := words(text); len(ps) == 3 && ps[1].text == "of" {
			decl.travels, decl.role, decl.via = true, ps[0], ps[2]
		} else if len(ps) > 1 && len(ps) < 4 && contains([]string{"of", "from", "via", "on"}, ps[1].text) {
			l.report("E033", m.val.at(ps[1].from, ps[len(ps)-1].to), "neither a condition nor `of FIELD`", "write it like `"+ps[0].text+" of FIELD`", "%s cannot be read", what)
			l.spoil("row role", d.c.Name, m.name)
			continue
		}
		d.roles[m.name] = decl
		d.c.RowRoles = append(d.c.RowRoles, decl.r)
	}
}

func (l *loader) rowRoles(d *classDecl) {
	for _, r := range d.c.RowRoles {
		l.rowRole(d, d.roles[r.Name])
	}
}

// rowRole binds a row role, those it travels from first.
func (l *loader) rowRole(d *classDecl, r *rowRoleDecl) schema.Expr {
	switch r.state {
	case done:
		return r.r.Where
	case reading:
		l.report("E033", r.r.Pos, "leads back to itself", "say in one of the classes what it means", "the row role `%s` of `%s` leads back to itself", r.r.Name, d.c.Name)
		return nil
	}
	r.state = reading
	if r.travels {
		r.r.Where = l.travelling(d, r)
	} else {
		r.r.Where = l.condition(r.val, 0, d.c, expr.Rule)
	}
	r.state = done
	return r.r.Where
}

// travelling is a right that comes along a reference: viewer of project.
func (l *loader) travelling(d *classDecl, r *rowRoleDecl) schema.Expr {
	viaAt, roleAt := r.val.at(r.via.from, r.via.to), r.val.at(r.role.from, r.role.to)
	f := d.c.Field(r.via.text)
	switch {
	case f == nil:
		l.unknownField(d, r.via.text, viaAt)
		return nil
	case l.marred[f] || f.Ref != nil && f.Ref.Rel == nil:
		return nil
	case f.Ref == nil:
		l.report("E033", viaAt, "not a reference", "", "a right travels along a reference, and `%s.%s` is none", d.c.Name, f.Name)
		return nil
	}
	to := l.classes[f.Ref.To.Name]
	target := to.roles[r.role.text]
	if target == nil {
		if !l.spoiled("row role", to.c.Name, r.role.text) {
			l.report("E033", roleAt, "no such row role", didYouMean(r.role.text, rowRoleNames(to)), "the class `%s` has no row role `%s`", to.c.Name, r.role.text)
		}
		return nil
	}
	where := l.rowRole(to, target)
	if where == nil {
		return nil
	}
	return schema.Exists{Rel: f.Ref.Rel, Where: where}
}

func rowRoleNames(d *classDecl) []string {
	var names []string
	for _, r := range d.c.RowRoles {
		names = append(names, r.Name)
	}
	return names
}
