package authz

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// ExportModel is the Casbin model that Export is written for. Casbin alone
// can use it: groups of verbs are spelled out, so it needs no function of ours.
const ExportModel = `[request_definition]
r = role, class, verb

[policy_definition]
p = role, class, verb, condition, fields, eft, position

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = g(r.role, p.role) && r.class == p.class && r.verb == p.verb
`

// Export is the policy as it works out, for people who audit with Casbin's
// own tools: what each role may do with each verb, where that is not what it has through
// a role it includes. Casbin allows a role a verb where Matrix says so for all
// or for some rows; for which rows is in the column of conditions, whose
// denials are worked in. Of bulk it says whether it may be asked for: that nothing could be
// done in bulk is no denial, for roles that include this one would inherit it.
func (r *Rules) Export() [][]string {
	var lines [][]string
	below := make(map[string][]string) // roles that a role has beside its own
	for _, set := range r.everyRole() {
		if set.role == roleAnyone || set.role == roleUser {
			continue
		}
		below[set.role] = append([]string{roleUser}, Included(r.schema, set.role)...)
		for _, other := range r.schema.Roles {
			if set.set.has[other.Name] && other.Name != set.role && !slices.Contains(below[set.role], other.Name) {
				below[set.role] = append(below[set.role], other.Name) // by a line of a policy file
			}
		}
	}
	for _, c := range r.schema.Classes {
		if c.Internal {
			continue
		}
		for _, verb := range VerbsOf(c) {
			made := make(map[string][]string) // by role; nil is no right
			for _, set := range r.everyRole() {
				made[set.role] = r.exported(set, c, verb)
			}
			for _, set := range r.everyRole() {
				line, inherited, same := made[set.role], false, false
				for _, b := range below[set.role] {
					inherited = inherited || made[b] != nil
					same = same || made[b] != nil && line != nil && made[b][colCondition] == line[colCondition] && made[b][colFields] == line[colFields]
				}
				switch {
				case line == nil && inherited:
					lines = append(lines, []string{"p", set.role, c.Name, verb, "", "*", "deny", r.deniedAt(set, c, verb)})
				case line != nil && !same:
					lines = append(lines, line)
				}
			}
		}
	}
	for _, set := range r.everyRole() {
		for _, b := range below[set.role] {
			lines = append(lines, []string{"g", set.role, b})
		}
	}
	return lines
}

// exported is the line for what a role may do, nil for nothing.
func (r *Rules) exported(set namedSet, c *schema.Class, verb string) []string {
	d := r.decisionOf(set.set, c, verb)
	if d.Effect == Denied {
		return nil
	}
	cond, fields := "", "*"
	if d.Effect == Conditional {
		cond = strings.Join(strings.Fields(expr.String(d.Where)), " ")
	}
	var names []string
	for _, f := range c.Fields {
		if d.May(f) {
			names = append(names, f.JSON)
		}
	}
	if hasFields(verb) && len(names) < len(c.Fields) {
		fields = strings.Join(names, " ")
	}
	return []string{"p", set.role, c.Name, verb, cond, fields, "allow", places(d.Reasons, false)}
}

func (r *Rules) deniedAt(set namedSet, c *schema.Class, verb string) string {
	return places(r.decisionOf(set.set, c, verb).Reasons, true)
}

// places are those of the rules that took part, separated by spaces.
func places(reasons []Reason, deny bool) string {
	var list []string
	for _, reason := range reasons {
		if at := place(reason.Rule.Pos); reason.Rule.Deny == deny && !slices.Contains(list, at) {
			list = append(list, at)
		}
	}
	return strings.Join(list, " ")
}
