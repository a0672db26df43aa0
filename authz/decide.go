package authz

import (
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// maxVerbs bounds the decisions kept for one role set and class. There are
// about ten verbs and the class's actions.
const maxVerbs = 256

// Decide implements Authorizer. A decision that was made before costs two look-ups.
func (r *Rules) Decide(s *Subject, c *schema.Class, verb string) *Decision {
	set := r.setOf(s)
	if c.Index < len(set.decided) {
		if made := set.decided[c.Index].Load(); made != nil {
			if d, ok := (*made)[verb]; ok {
				return d
			}
		}
	}
	return r.decide(set, c, verb)
}

// decide makes a decision and keeps it.
func (r *Rules) decide(set *roleSet, c *schema.Class, verb string) *Decision {
	if c.Index >= len(r.schema.Classes) || r.schema.Classes[c.Index] != c {
		return &Decision{Where: schema.Const(false), Mask: make([]int8, len(c.Fields)), Uniform: true} // of another schema
	}
	r.deciding.Lock()
	defer r.deciding.Unlock()
	slot := &set.decided[c.Index]
	next := make(map[string]*Decision)
	if made := slot.Load(); made != nil {
		if d, ok := (*made)[verb]; ok {
			return d
		}
		for v, d := range *made {
			next[v] = d
		}
	}
	d := &Decision{Where: schema.Const(false), Mask: make([]int8, len(c.Fields)), Uniform: true}
	if set.covers(canonical(verb)) {
		d = r.compile(set, c, canonical(verb)).decision(c)
	}
	d.ID = strings.Join([]string{r.revision, set.name, c.Name, verb}, "/")
	if len(next) < maxVerbs {
		next[verb] = d
		slot.Store(&next)
	}
	return d
}
