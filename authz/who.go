package authz

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// Who names the roles that may do a verb of a class, as people read it: anyone,
// user, the declared ones and row roles, those that include a named one with the
// same right left out. "(rows)" marks a right that depends on the row by a
// condition without a name. It is empty where nobody may.
func Who(a Authorizer, s *schema.Schema, c *schema.Class, verb string) []string {
	type holder struct {
		name    string
		subject Subject
	}
	holders := []holder{{roleAnyone, Subject{}}, {roleUser, Subject{ID: "0"}}}
	below := map[string][]string{roleUser: {roleAnyone}}
	for _, role := range s.Roles {
		holders = append(holders, holder{role.Name, Subject{ID: "0", Roles: []string{role.Name}}})
		below[role.Name] = append([]string{roleUser, roleAnyone}, Included(s, role.Name)...)
	}
	effects := map[string]Effect{}
	conditions := map[string]string{}
	var names []string
	for _, h := range holders {
		a.Admit(&h.subject)
		d := a.Decide(&h.subject, c, verb)
		if d.Effect == Denied || d.OnlyRows && h.name == roleAnyone {
			continue
		}
		effects[h.name], conditions[h.name] = d.Effect, grounds(d)
		told := false
		for _, b := range below[h.name] {
			e, has := effects[b]
			told = told || has && e == d.Effect && conditions[b] == conditions[h.name]
		}
		if told {
			continue
		}
		for _, name := range grantees(h.name, d) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// grantees names who a decision speaks for: the role itself, or row roles.
func grantees(role string, d *Decision) []string {
	if d.Effect == Allowed {
		return []string{role}
	}
	var names []string
	for _, reason := range d.Reasons {
		switch {
		case reason.Rule.Deny:
		case reason.Rule.RowRole != "":
			names = append(names, reason.Rule.RowRole)
		default:
			names = append(names, reason.Rule.Role+" (rows)")
		}
	}
	return names
}

// grounds tells decisions with the same lines of policy apart from others.
func grounds(d *Decision) string {
	if d.Effect == Allowed {
		return ""
	}
	var b strings.Builder
	for _, reason := range d.Reasons {
		b.WriteString(reason.Rule.Cond + "\n")
	}
	return b.String()
}

// Included is every role that a role includes, directly or not.
func Included(s *schema.Schema, role string) []string {
	var all []string
	seen := map[string]bool{role: true}
	queue := []string{role}
	for len(queue) > 0 {
		for _, r := range s.Roles {
			if r.Name != queue[0] {
				continue
			}
			for _, below := range r.Includes {
				if !seen[below] {
					seen[below] = true
					all, queue = append(all, below), append(queue, below)
				}
			}
		}
		queue = queue[1:]
	}
	return all
}
