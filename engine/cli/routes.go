package cli

import (
	"os"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/explain"
	"github.com/dowel-dev/dowel/schema/load"
)

// routesCmd is `dowel routes`.
type routesCmd struct {
	Class  string `arg:"" optional:"" help:"Only the routes of this class."`
	Folder string `arg:"" optional:"" help:"The application."`
	outputFlag
}

// Run lists method, path, verb and who may.
func (c *routesCmd) Run(r *run) error {
	name, folder := topic(c.Class, c.Folder)
	p, err := r.load(folder, false)
	if err != nil {
		return err
	}
	if p.cfg, err = r.readConfig(p.folder, nil); err != nil {
		return err
	}
	classes := p.schema.Classes
	if name != "" {
		class := classOf(p.schema, name)
		if class == nil {
			return misuse("unknown class `%s`%s", name, didYouMean(name, classNames(p.schema)))
		}
		classes = []*schema.Class{class}
	}
	t := table{columns: []string{"method", "path", "verb", "who"}}
	for _, class := range classes {
		for _, route := range explain.Routes(class) {
			path := strings.TrimSuffix(p.mount(), "/") + route.Path
			t.add(route.Method, path, route.Verb, p.who(route.Class, route.Verb))
		}
	}
	return t.print(r.out, c.Output)
}

// topic tells apart what the two optional arguments of a verb are: a single
// one that is a folder or file here, and no plain name, is the application.
func topic(first, second string) (name, folder string) {
	if second != "" {
		return first, second
	}
	if first == "" {
		return "", "."
	}
	if strings.ContainsAny(first, `/\`) || first == "." || first == ".." || strings.HasSuffix(first, ".yaml") {
		return "", first
	}
	if _, err := os.Stat(load.MainFile); err == nil {
		return first, "." // inside an application a word is a name
	}
	if info, err := os.Stat(first); err == nil && info.IsDir() {
		return "", first
	}
	return first, "."
}

// who names the roles that may, those that include a named one with the same
// right left out; "(rows)" marks a right that depends on the row, as that of a row role does.
func (p *project) who(c *schema.Class, verb string) string {
	type holder struct {
		name    string
		subject authz.Subject
	}
	holders := []holder{{"anyone", authz.Subject{}}, {"user", authz.Subject{ID: "0"}}}
	for _, role := range p.schema.Roles {
		holders = append(holders, holder{role.Name, authz.Subject{ID: "0", Roles: []string{role.Name}}})
	}
	below := map[string][]string{"user": {"anyone"}}
	for _, role := range p.schema.Roles {
		below[role.Name] = append([]string{"user", "anyone"}, includedBy(p.schema, role.Name)...)
	}
	effects := map[string]authz.Effect{}
	conditions := map[string]string{}
	var names []string
	for _, h := range holders {
		p.rules.Admit(&h.subject)
		d := p.rules.Decide(&h.subject, c, verb)
		if d.Effect == authz.Denied || d.OnlyRows && h.name == "anyone" {
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
		names = append(names, grantees(h.name, d)...)
	}
	names = compact(names)
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

// grantees names who a decision speaks for: the role itself, or row roles.
func grantees(role string, d *authz.Decision) []string {
	if d.Effect == authz.Allowed {
		return []string{role}
	}
	var names []string
	for _, reason := range d.Reasons {
		switch {
		case reason.Rule.Deny:
		case reason.Rule.RowRole != "":
			names = append(names, reason.Rule.RowRole)
		default:
			names = append(names, role+" (rows)")
		}
	}
	return names
}

// compact drops repetitions.
func compact(names []string) []string {
	var out []string
	for _, n := range names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// grounds tells decisions with the same lines of policy apart from others.
func grounds(d *authz.Decision) string {
	if d.Effect == authz.Allowed {
		return ""
	}
	var b strings.Builder
	for _, reason := range d.Reasons {
		b.WriteString(reason.Rule.Cond + "\n")
	}
	return b.String()
}

// includedBy is every role that a role includes, directly or not.
func includedBy(s *schema.Schema, role string) []string {
	var all []string
	seen := map[string]bool{role: true}
	todo := []string{role}
	for len(todo) > 0 {
		for _, r := range s.Roles {
			if r.Name != todo[0] {
				continue
			}
			for _, below := range r.Includes {
				if !seen[below] {
					seen[below] = true
					all, todo = append(all, below), append(todo, below)
				}
			}
		}
		todo = todo[1:]
	}
	return all
}
