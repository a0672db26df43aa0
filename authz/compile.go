package authz

import (
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// grant is a decision in the making: for which rows, and for each field on
// which of these rows. Fields are never joined over several lines: a line that shows
// all of one's own rows and a line that shows the titles of everybody's do not
// add up to all of everybody's.
type grant struct {
	where    schema.Expr
	field    []schema.Expr // by slot; on rows where `where` holds
	reasons  []Reason
	onlyRows bool
}

// compile works out what a role set may do.
func (r *Rules) compile(set *roleSet, c *schema.Class, verb string) *grant {
	g := r.lines(set, c, verb)
	switch verb {
	case Get:
		g.showKey(c)
		r.hideComputed(g, set, c)
	case List, History:
		// What a list shows must be what get shows of each row, or less.
		g.showKey(c)
		g.narrow(r.compile(set, c, Get))
	case Create, Update:
		r.narrowWrite(g, set, c, verb)
	}
	return g
}

// hideComputed hides what is worked out of fields that are never seen: a sum tells
// of each of its parts, and a count of the reference that it follows.
func (r *Rules) hideComputed(g *grant, set *roleSet, c *schema.Class) {
	hides := func(f *schema.Field) bool {
		if f == nil {
			return false
		}
		of := r.lines(set, f.Class, Get)
		of.showKey(f.Class)
		return of.where != schema.Const(false) && of.field[f.Index] == schema.Const(false)
	}
	for i, f := range c.Fields {
		if f.Computed != nil && (hides(f.Computed.Of) || hides(f.Computed.Rel.Field)) {
			g.field[i] = schema.Const(false)
		}
	}
}

// lines joins the lines of policy that speak for a verb.
func (r *Rules) lines(set *roleSet, c *schema.Class, verb string) *grant {
	if set.system {
		return everything(c, verb)
	}
	if c.Internal {
		return nothing(c)
	}
	spoken, narrowest := r.spoken(set, c, verb)
	var allows, denies []*schema.Rule
	g := &grant{field: make([]schema.Expr, len(c.Fields))}
	for _, s := range spoken {
		switch {
		case s.rule.Deny:
			denies = append(denies, s.rule)
		case width(s.rule.Verb, verb) == narrowest:
			allows = append(allows, s.rule)
		default:
			continue
		}
		g.reasons = append(g.reasons, Reason{Rule: s.rule, Via: s.via})
	}
	g.onlyRows = r.onlyRows(allows, c, verb, narrowest)
	if verb == Bulk && narrowest != exact {
		allows = []*schema.Rule{{}} // nobody narrows bulk: the verbs inside decide
	}
	g.where = and(anyOf(allows, nil), expr.Not(anyOf(denies, unlimited)))
	for i, f := range c.Fields {
		g.field[i] = schema.Const(true)
		if hasFields(verb) {
			names := func(rule *schema.Rule) bool { return slices.Contains(rule.Fields, f.JSON) }
			shown := func(rule *schema.Rule) bool { return unlimited(rule) || names(rule) }
			if slices.ContainsFunc(allows, func(rule *schema.Rule) bool { return !shown(rule) }) {
				g.field[i] = anyOf(allows, shown)
			}
			g.field[i] = and(g.field[i], expr.Not(anyOf(denies, names)))
		}
		g.field[i] = and(g.field[i], r.roleCond(set, f, verb))
	}
	return g
}

// spoken is a rule that speaks for a role set, and through which of its roles.
type spoken struct {
	rule *schema.Rule
	via  string
}

// spoken asks Casbin for each role and returns the rules in their order, with
// the width of the narrowest word that any allow of the class has for the verb.
// That word alone decides who is allowed: where `merge: admin` stands,
// `actions: manager` says nothing about merge, to managers and admins alike.
func (r *Rules) spoken(set *roleSet, c *schema.Class, verb string) (list []spoken, narrowest int) {
	p := r.parts[c.Index]
	narrowest = foreign
	for _, rule := range p.rules {
		if !rule.Deny && speaksOf(rule, verb) {
			narrowest = min(narrowest, width(rule.Verb, verb))
		}
	}
	via := make(map[*schema.Rule]string)
	for _, role := range set.tops {
		rules, err := p.speak(r, role, c, verb)
		if err != nil {
			return nil, foreign // a model of one's own is tried when it is read; what cannot be asked allows nothing
		}
		for _, rule := range rules {
			if _, known := via[rule]; !known && speaksOf(rule, verb) && (r.denies || !rule.Deny) {
				via[rule] = r.roles.path(role, rule.Role)
			}
		}
	}
	for _, rule := range p.rules {
		if way, ok := via[rule]; ok {
			list = append(list, spoken{rule, way})
		}
	}
	return list, narrowest
}

// speaksOf leaves out `all` where the right is granted by its name only, and
// rules about fields where the verb has none: an allow of
// some fields is no permission to delete, a deny of some no ban on it.
func speaksOf(rule *schema.Rule, verb string) bool {
	if !rule.Deny && byName(verb) && width(rule.Verb, verb) == all {
		return false
	}
	return unlimited(rule) || hasFields(verb)
}

// unlimited reports whether a rule is about whole rows.
func unlimited(rule *schema.Rule) bool { return len(rule.Fields) == 0 }

// onlyRows reports whether every grant is a row role. Where nothing was
// granted it looks at the grants of everybody else.
func (r *Rules) onlyRows(allows []*schema.Rule, c *schema.Class, verb string, narrowest int) bool {
	if len(allows) == 0 {
		for _, rule := range r.parts[c.Index].rules {
			if !rule.Deny && speaksOf(rule, verb) && width(rule.Verb, verb) == narrowest && narrowest < foreign {
				allows = append(allows, rule)
			}
		}
	}
	return len(allows) > 0 && !slices.ContainsFunc(allows, func(rule *schema.Rule) bool { return rule.RowRole == "" })
}

// anyOf is the condition under which one of the rules that pass holds.
func anyOf(rules []*schema.Rule, pass func(*schema.Rule) bool) schema.Expr {
	var terms []schema.Expr
	for _, rule := range rules {
		if pass == nil || pass(rule) {
			terms = append(terms, holds(rule))
		}
	}
	return or(terms...)
}

func holds(rule *schema.Rule) schema.Expr {
	if rule.Where == nil {
		return schema.Const(true)
	}
	return rule.Where
}

// roleCond is what read= and write= of a field ask for.
func (r *Rules) roleCond(set *roleSet, f *schema.Field, verb string) schema.Expr {
	switch verb {
	case List, Get, History:
		if hidden(f) {
			return schema.Const(false)
		}
		return set.satisfies(f.Read)
	case Create, Update:
		return set.satisfies(f.Write)
	}
	return schema.Const(true)
}

// hidden reports whether nobody ever sees the field.
func hidden(f *schema.Field) bool { return f.WriteOnly || f.Type != nil && f.Type.Traits().Secret }

// satisfies is the condition under which a role set has one of the roles. Row
// roles never hold for anonymous.
func (s *roleSet) satisfies(rc *schema.RoleCond) schema.Expr {
	if rc == nil || s.system {
		return schema.Const(true)
	}
	if slices.ContainsFunc(rc.Global, func(role string) bool { return s.has[role] }) {
		return schema.Const(true)
	}
	if rc.Row == nil || s.anonymous() {
		return schema.Const(false)
	}
	return rc.Row
}

// showKey makes the key visible: a record without it could not be named.
func (g *grant) showKey(c *schema.Class) {
	for _, f := range c.Key {
		g.field[f.Index] = schema.Const(true)
	}
	for i, f := range c.Fields {
		if f.Synthetic {
			g.field[i] = schema.Const(true)
		}
	}
}

// narrow leaves what both grants let through.
func (g *grant) narrow(other *grant) {
	g.where = and(g.where, other.where)
	for i := range g.field {
		g.field[i] = and(g.field[i], other.field[i])
	}
	g.onlyRows = g.onlyRows || other.onlyRows
	g.reasons = merge(g.reasons, other.reasons)
}

// narrowWrite takes away the fields that may not be read: writing them would
// tell whether a guess was right. What nobody reads is left alone, and so are
// the credentials of a new account, which its owner has to choose before
// anything can be read; where nothing may be read at all, creating heeds read= alone.
func (r *Rules) narrowWrite(g *grant, set *roleSet, c *schema.Class, verb string) {
	get := r.compile(set, c, Get)
	blind := verb == Create && get.where == schema.Const(false)
	for i, f := range c.Fields {
		switch {
		case hidden(f):
		case verb == Create && c.Auth != nil && (f == c.Auth.Login || f == c.Auth.Secret):
		case blind:
			g.field[i] = and(g.field[i], set.satisfies(f.Read))
		default:
			g.field[i] = and(g.field[i], get.field[i])
		}
	}
}

func merge(a, b []Reason) []Reason {
	for _, reason := range b {
		if !slices.ContainsFunc(a, func(x Reason) bool { return x.Rule == reason.Rule }) {
			a = append(a, reason)
		}
	}
	return a
}

func nothing(c *schema.Class) *grant {
	g := &grant{where: schema.Const(false), field: make([]schema.Expr, len(c.Fields))}
	for i := range g.field {
		g.field[i] = schema.Const(false)
	}
	return g
}

// everything is what the engine itself may do. Secrets stay unseen.
func everything(c *schema.Class, verb string) *grant {
	g := &grant{where: schema.Const(true), field: make([]schema.Expr, len(c.Fields))}
	reads := verb == Get || verb == List || verb == History
	for i, f := range c.Fields {
		g.field[i] = schema.Const(!reads || !hidden(f))
	}
	return g
}

// maxTests is how many conditions of fields a decision may have; a store
// answers 64 in one query, and a few are kept for others.
const maxTests = 56

// decision numbers the conditions of fields.
func (g *grant) decision(c *schema.Class) *Decision {
	d := &Decision{Effect: Conditional, Where: g.where, Mask: make([]int8, len(c.Fields)), Reasons: g.reasons, OnlyRows: g.onlyRows}
	switch g.where {
	case schema.Const(true):
		d.Effect = Allowed
	case schema.Const(false):
		d.Effect = Denied
	}
	for i, cond := range g.field {
		d.Mask[i] = d.test(cond)
	}
	d.Uniform = len(d.Tests) == 0
	d.Subjective = mentionsMe(d.Where) || slices.ContainsFunc(d.Tests, mentionsMe)
	return d
}

// test returns the mask of a condition. One condition too many is never met:
// closed, for lack of room to ask.
func (d *Decision) test(cond schema.Expr) int8 {
	if d.Effect == Denied {
		return -1
	}
	switch cond {
	case schema.Const(true):
		return 0
	case schema.Const(false):
		return -1
	}
	for i, t := range d.Tests {
		if same(t, cond) {
			return int8(i + 1)
		}
	}
	if len(d.Tests) == maxTests {
		return -1
	}
	d.Tests = append(d.Tests, cond)
	return int8(len(d.Tests))
}
