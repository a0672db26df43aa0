package authz

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// Verdict is what a rule does to a decision.
type Verdict string

// The verdicts.
const (
	Grants    Verdict = "allows" // where its condition holds
	Forbids   Verdict = "denies" // where its condition holds
	NoRole    Verdict = "role"   // the subject has not got its role
	Wider     Verdict = "wider"  // a narrower word has rules of its own
	NotSpoken Verdict = "silent" // the model does not let it match, or it is about fields only
)

// Explained is a rule about the verb, and what it does.
type Explained struct {
	Rule    *schema.Rule
	Via     string // the role through which it applies: admin → manager
	Verdict Verdict
	Note    string // a few words for people
}

// Explain lists every rule of a class that is about a verb and says what each
// does for the subject, in the order of the policy.
func (r *Rules) Explain(s *Subject, c *schema.Class, verb string) []Explained {
	set := r.setOf(s)
	verb = canonical(verb)
	r.deciding.Lock()
	speaking, narrowest := r.spoken(set, c, verb)
	r.deciding.Unlock()
	var list []Explained
	for _, rule := range r.parts[c.Index].rules {
		at := slices.IndexFunc(speaking, func(s spoken) bool { return s.rule == rule })
		if at < 0 && !covers(rule.Verb, verb) {
			continue
		}
		line := Explained{Rule: rule}
		switch {
		case at < 0 && !set.system && !set.has[rule.Role]:
			line.Verdict, line.Note = NoRole, fmt.Sprintf("needs the role `%s`", named(rule))
		case at < 0:
			line.Verdict, line.Note = NotSpoken, "says nothing about `"+verb+"`"
		case rule.Deny:
			line.Verdict, line.Via, line.Note = Forbids, speaking[at].via, fieldsNote(rule)
		case width(rule.Verb, verb) != narrowest:
			line.Verdict, line.Via, line.Note = Wider, speaking[at].via, fmt.Sprintf("`%s` has rules of its own", verb)
		default:
			line.Verdict, line.Via, line.Note = Grants, speaking[at].via, fieldsNote(rule)
		}
		list = append(list, line)
	}
	return list
}

// named is the role as its author wrote it.
func named(rule *schema.Rule) string {
	if rule.RowRole != "" {
		return rule.RowRole
	}
	return rule.Role
}

func fieldsNote(rule *schema.Rule) string {
	if unlimited(rule) {
		return ""
	}
	return "fields " + strings.Join(rule.Fields, ", ")
}

// WhoMay lists the roles, declared and not, that may do a verb of a class on
// at least some rows: what a subject without the right lacks.
func (r *Rules) WhoMay(c *schema.Class, verb string) []string {
	var list []string
	for _, set := range r.everyRole() {
		if r.decisionOf(set.set, c, verb).Effect != Denied {
			list = append(list, set.role)
		}
	}
	return list
}

// Matrix tells for every role what it may do with a verb of a class, in the
// order anyone, user, then as declared.
func (r *Rules) Matrix(c *schema.Class, verb string) []Cell {
	var row []Cell
	for _, set := range r.everyRole() {
		row = append(row, Cell{Role: set.role, Effect: r.decisionOf(set.set, c, verb).Effect})
	}
	return row
}

// Cell is one entry of a policy matrix.
type Cell struct {
	Role   string
	Effect Effect
}

// Verbs lists what may be decided about a class: list, get, …, bulk, and its actions.
func Verbs(c *schema.Class) []string { return verbsOf(c) }

type namedSet struct {
	role string
	set  *roleSet
}

func (r *Rules) everyRole() []namedSet {
	list := []namedSet{{roleAnyone, r.anonymous}, {roleUser, r.user}}
	for _, role := range r.schema.Roles {
		list = append(list, namedSet{role.Name, r.single[role.Name]})
	}
	return list
}

func (r *Rules) decisionOf(set *roleSet, c *schema.Class, verb string) *Decision {
	if made := set.decided[c.Index].Load(); made != nil {
		if d, ok := (*made)[verb]; ok {
			return d
		}
	}
	return r.decide(set, c, verb)
}
