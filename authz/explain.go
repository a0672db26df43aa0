package authz

import (
	"fmt"
	"maps"
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
		case at < 0 && set.anonymous() && rule.RowRole != "":
			line.Verdict, line.Note = NoRole, fmt.Sprintf("without credentials nobody is `%s`", rule.RowRole)
		case at < 0 && !set.system && !set.has[rule.Role]:
			line.Verdict, line.Note = NoRole, fmt.Sprintf("needs the role `%s`", named(rule))
		case at < 0 && !rule.Deny && byName(verb):
			line.Verdict, line.Note = NotSpoken, "`"+verb+"` is granted by its name only"
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

// Said is a rule as its author wrote it: `update: author (author = me)`.
func Said(rule *schema.Rule) string {
	text := rule.Verb + ": " + named(rule)
	switch {
	case rule.RowRole != "":
		text += " (" + rule.Cond + ")"
	case rule.Cond != "":
		text += " where " + rule.Cond
	}
	if rule.Deny {
		text = "deny " + text
	}
	if !unlimited(rule) {
		text += " [" + strings.Join(rule.Fields, " ") + "]"
	}
	return text
}

// At is the place of a rule: file:line:column.
func At(rule *schema.Rule) string { return place(rule.Pos) }

// With is the same policy with other rules: tests ask what would be if one were not there.
func (r *Rules) With(rules []*schema.Rule) *Rules {
	next := &Rules{schema: r.schema, model: r.model, denies: r.denies, links: r.links, local: r.local, roles: r.roles, all: rules}
	next.prepare()
	return next
}

// Roles are the roles that a subject has, those it has by inclusion too, sorted.
func (r *Rules) Roles(s *Subject) []string {
	set := r.setOf(s)
	if set.system {
		return []string{"system"}
	}
	return slices.Sorted(maps.Keys(set.has))
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
		d := r.outcome(set.set, c, verb)
		row = append(row, Cell{Role: set.role, Effect: d.Effect, Decision: d})
	}
	return row
}

// Cell is one entry of a policy matrix.
type Cell struct {
	Role     string
	Effect   Effect
	Decision *Decision
}

// Verbs lists what may be decided about a class: list, get, …, bulk, and its actions.
func Verbs(c *schema.Class) []string { return verbsOf(c) }

// VerbsOf lists the verbs that mean something for a class: nobody restores what
// is not softly deleted, or acts as what does not log in.
func VerbsOf(c *schema.Class) []string {
	return slices.DeleteFunc(verbsOf(c), func(verb string) bool {
		switch verb {
		case Restore, Purge:
			return !c.SoftDelete
		case ActAs:
			return c.Auth == nil
		case Bulk:
			return !c.Bulk
		}
		return false
	})
}

// Members lists the verbs of a class that a word stands for: read is list and
// get. It is empty for a word that is neither a verb nor an action of the class.
func Members(c *schema.Class, word string) []string {
	return slices.DeleteFunc(members(c, word), func(verb string) bool { return !slices.Contains(VerbsOf(c), verb) })
}

// Words are the verbs, groups and actions that a rule or a question about a class may name.
func Words(c *schema.Class) []string { return verbWords(c) }

// SameDecision reports whether two decisions let the same through.
func SameDecision(a, b *Decision) bool {
	return a.Effect == b.Effect && a.OnlyRows == b.OnlyRows && slices.Equal(a.Mask, b.Mask) && same(a.Where, b.Where) && slices.EqualFunc(a.Tests, b.Tests, same)
}

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

// outcome is what a role may do in the end. Operations in bulk are open unless
// rules narrow them, and need the verb of what they do: who has none of these has none.
func (r *Rules) outcome(set *roleSet, c *schema.Class, verb string) *Decision {
	d := r.decisionOf(set, c, verb)
	if verb != Bulk || d.Effect == Denied {
		return d
	}
	some := schema.Expr(schema.Const(false))
	for _, inner := range []string{Create, Update, Delete} {
		some = or(some, r.decisionOf(set, c, inner).Where)
	}
	out := *d
	out.Where, out.Effect = and(d.Where, some), Conditional
	switch out.Where {
	case schema.Expr(schema.Const(true)):
		out.Effect = Allowed
	case schema.Expr(schema.Const(false)):
		out.Effect = Denied
	}
	return &out
}

func (r *Rules) decisionOf(set *roleSet, c *schema.Class, verb string) *Decision {
	if made := set.decided[c.Index].Load(); made != nil {
		if d, ok := (*made)[verb]; ok {
			return d
		}
	}
	return r.decide(set, c, verb)
}
