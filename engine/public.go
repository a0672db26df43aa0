package engine

import (
	"slices"
	"strconv"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// publicClasses are those with `cache: public` of which everybody sees the same, and for how
// long. What the schema says alone has been checked when it was loaded; files of policy
// may have narrowed it since.
func publicClasses(s *schema.Schema, a authz.Authorizer) map[*schema.Class]time.Duration {
	var public map[*schema.Class]time.Duration
	for _, c := range s.Classes {
		if !c.CachePublic || c.Cache < time.Second || c.Tenanted || !sameForAll(s, a, c) {
			continue
		}
		if public == nil {
			public = map[*schema.Class]time.Duration{}
		}
		public[c] = c.Cache
	}
	return public
}

// sameForAll reports whether anonymous, users and every role see the same of a class.
func sameForAll(s *schema.Schema, a authz.Authorizer, c *schema.Class) bool {
	subjects := []*authz.Subject{{}, {ID: Nobody}}
	for _, r := range s.Roles {
		subjects = append(subjects, &authz.Subject{ID: Nobody, Roles: []string{r.Name}})
	}
	for _, verb := range []string{authz.List, authz.Get} {
		var first *authz.Decision
		for _, who := range subjects {
			a.Admit(who)
			d := a.Decide(who, c, verb)
			switch {
			case d.Effect == authz.Denied || d.Subjective:
				return false
			case first == nil:
				first = d
			case !same(first, d):
				return false
			}
		}
	}
	return true
}

// same reports whether two decisions let the same be seen.
func same(a, b *authz.Decision) bool {
	text := func(d *authz.Decision) string {
		out := expr.String(d.Where)
		for _, t := range d.Tests {
			out += ";" + expr.String(t)
		}
		return out
	}
	return a == b || a.Effect == b.Effect && slices.Equal(a.Mask, b.Mask) && text(a) == text(b)
}

// caching says who may keep an answer: its client, who has to ask whether it is
// still right; or anybody for a while, where everybody is answered alike.
func (x *exchange) caching(r *actions.Result) {
	h := x.w.Header()
	if r.Public <= 0 {
		h["Cache-Control"], h["Vary"] = revalidate, x.vary
		return
	}
	h["Cache-Control"] = []string{"public, max-age=" + strconv.FormatInt(int64(r.Public/time.Second), 10)}
	h["Vary"] = x.h.varyPublic
}
