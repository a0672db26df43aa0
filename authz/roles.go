package authz

import (
	"slices"
	"sort"
	"strings"
	"sync/atomic"

	"github.com/dowel-dev/dowel/schema"
)

// The roles nobody declares.
const (
	roleAnyone    = "anyone"
	roleAnonymous = "anonymous"
	roleUser      = "user"
)

// systemSet names the role set of the engine itself; no role can have the name.
const systemSet = "*"

// maxSets bounds the role sets whose decisions are kept. Beyond it decisions
// are worked out each time, which is slower and just as right.
const maxSets = 4096

// link says that a member has all rights of a role: everywhere, or in one
// organization, by its id text.
type link struct {
	member, role, org string
	pos               schema.Pos
}

// roles is the graph of inclusions.
type roles struct {
	known    map[string]bool
	includes map[string][]string // direct
}

func newRoles(s *schema.Schema, links []link) *roles {
	r := &roles{known: make(map[string]bool), includes: make(map[string][]string)}
	for _, role := range s.Roles {
		r.known[role.Name] = true
	}
	for _, l := range links {
		r.includes[l.member] = append(r.includes[l.member], l.role)
	}
	return r
}

// closure adds a role and everything it includes.
func (r *roles) closure(into map[string]bool, role string) {
	if into[role] {
		return
	}
	into[role] = true
	for _, next := range r.includes[role] {
		r.closure(into, next)
	}
}

// path is the shortest way from a role to one it includes: admin → manager.
func (r *roles) path(from, to string) string {
	before := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		if queue[0] != to {
			for _, next := range r.includes[queue[0]] {
				if _, seen := before[next]; !seen {
					before[next] = queue[0]
					queue = append(queue, next)
				}
			}
			continue
		}
		steps := []string{}
		for at := to; at != ""; at = before[at] {
			steps = append(steps, at)
		}
		slices.Reverse(steps)
		return strings.Join(steps, " → ")
	}
	return to
}

// cycle returns the roles of a circle of inclusions, or nil.
func (r *roles) cycle() []string {
	const walking, done = 1, 2
	state := make(map[string]int)
	var trail []string
	var walk func(role string) []string
	walk = func(role string) []string {
		switch state[role] {
		case done:
			return nil
		case walking:
			return append(slices.Clone(trail[slices.Index(trail, role):]), role)
		}
		state[role] = walking
		trail = append(trail, role)
		for _, next := range r.includes[role] {
			if c := walk(next); c != nil {
				return c
			}
		}
		trail = trail[:len(trail)-1]
		state[role] = done
		return nil
	}
	names := make([]string, 0, len(r.includes))
	for name := range r.includes {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if c := walk(name); c != nil {
			return c
		}
	}
	return nil
}

// roleSet is everything a subject is, and the decisions made for it so far.
type roleSet struct {
	name   string // the roles, sorted, joined by commas
	has    map[string]bool
	tops   []string // the roles that no other one of the set includes
	system bool
	only   []string // verb words of a scope; nil: all
	// decided has a slot for each class. Its maps are replaced, never changed, so
	// that reading them takes no lock and no allocation.
	decided []atomic.Pointer[map[string]*Decision]
}

func (s *roleSet) anonymous() bool { return s.has[roleAnonymous] }

// newSet expands roles. Those that are not known are left out.
func (r *Rules) newSet(direct ...string) *roleSet {
	s := &roleSet{has: make(map[string]bool), decided: make([]atomic.Pointer[map[string]*Decision], len(r.schema.Classes))}
	for _, role := range direct {
		if r.roles.known[role] || isPseudo(role) {
			r.roles.closure(s.has, role)
		}
	}
	names := make([]string, 0, len(s.has))
	for name := range s.has {
		names = append(names, name)
	}
	sort.Strings(names)
	s.name = strings.Join(names, ",")
	for _, name := range names {
		if !r.includedByAnother(names, name) {
			s.tops = append(s.tops, name)
		}
	}
	return s
}

func (r *Rules) includedByAnother(names []string, role string) bool {
	return slices.ContainsFunc(names, func(other string) bool {
		return other != role && slices.Contains(r.roles.includes[other], role)
	})
}

func isPseudo(role string) bool {
	return role == roleAnyone || role == roleAnonymous || role == roleUser
}

// Admit implements Authorizer.
func (r *Rules) Admit(s *Subject) { s.RoleSet = r.admit(s).name }

// admit finds the role set of a subject, as narrow as its scope.
func (r *Rules) admit(s *Subject) *roleSet {
	set := r.entire(s)
	if s.Scope == nil || s.System || s.ID == "" {
		return set
	}
	if s.Scope.Roles != nil {
		less := *s
		less.Roles = slices.DeleteFunc(slices.Clone(s.Scope.Roles), func(role string) bool { return !set.has[role] })
		set = r.entire(&less)
	}
	if s.Scope.Verbs == nil {
		return set
	}
	name := set.name + "|" + strings.Join(s.Scope.Verbs, ",")
	if kept, ok := (*r.sets.Load())[name]; ok {
		return kept
	}
	return r.keep(&roleSet{name: name, has: set.has, tops: set.tops, only: s.Scope.Verbs,
		decided: make([]atomic.Pointer[map[string]*Decision], len(r.schema.Classes))})
}

// entire finds the role set of a subject by its roles. One role, the usual case, is a look-up.
func (r *Rules) entire(s *Subject) *roleSet {
	switch {
	case s.System:
		return r.system
	case s.ID == "":
		return r.anonymous // roles without a subject are nobody's
	case s.Org != "" && len(r.local[s.Org]) > 0:
		return r.keep(r.newSet(r.locally(s)...))
	case len(s.Roles) == 0 || s.Tenant != "" && r.schema.Tenant != nil:
		return r.user
	case len(s.Roles) == 1:
		if set, ok := r.single[s.Roles[0]]; ok {
			return set
		}
		return r.user
	}
	return r.keep(r.newSet(append([]string{roleAnyone, roleUser}, known(r, s.Roles)...)...))
}

// locally adds the roles that the subject's own include in the organization it is looked at in.
func (r *Rules) locally(s *Subject) []string {
	direct := append([]string{roleAnyone, roleUser}, known(r, s.Roles)...)
	has := make(map[string]bool)
	for _, role := range direct {
		r.roles.closure(has, role)
	}
	for grown := true; grown; {
		grown = false
		for _, l := range r.local[s.Org] {
			if has[l.member] && !has[l.role] {
				r.roles.closure(has, l.role)
				direct, grown = append(direct, l.role), true
			}
		}
	}
	return direct
}

// known leaves out what is no declared role: a token cannot bring `anonymous`.
func known(r *Rules, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !r.roles.known[name] })
}

// keep returns the set of that name that is kept already, or keeps this one.
func (r *Rules) keep(s *roleSet) *roleSet {
	for {
		old := r.sets.Load()
		if kept, ok := (*old)[s.name]; ok {
			return kept
		}
		if len(*old) >= maxSets {
			return s
		}
		next := make(map[string]*roleSet, len(*old)+1)
		for name, set := range *old {
			next[name] = set
		}
		next[s.name] = s
		if r.sets.CompareAndSwap(old, &next) {
			return s
		}
	}
}

// covers reports whether the scope of the set, if it has one, is good for a verb.
func (s *roleSet) covers(verb string) bool {
	return s.only == nil || slices.ContainsFunc(s.only, func(word string) bool { return covers(word, verb) })
}

// setOf finds the role set of an admitted subject.
func (r *Rules) setOf(s *Subject) *roleSet {
	if set, ok := (*r.sets.Load())[s.RoleSet]; ok && s.RoleSet != "" {
		return set
	}
	return r.admit(s)
}

// Has implements Authorizer.
func (r *Rules) Has(s *Subject, role string) bool {
	set := r.setOf(s)
	return set.system || set.has[role]
}
