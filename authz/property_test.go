package authz

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/schema"
)

// The decision for a role set, applied to a row, must say what a naive reading
// of the policy says line by line.
func TestDecisionIsTheNaiveReading(t *testing.T) {
	values := []string{"x", "y"}
	verbs := []string{"list", "get", "create", "update", "delete", "run", "restore"}
	words := append([]string{"read", "write", "actions", "all"}, verbs...)
	rapid.Check(t, func(t *rapid.T) {
		f := schemaOf("r0", "r1: r0", "r2: r1", "r3", "r4: r3 r0")
		c := f.class("thing", "a", "b")
		c.SoftDelete = true
		actions(c, "run")
		roles := []string{"r0", "r1", "r2", "r3", "r4", "anyone", "user", "anonymous"}
		cond := rapid.Custom(func(t *rapid.T) schema.Expr {
			if rapid.Bool().Draw(t, "always") {
				return nil
			}
			return is(c, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "field"), rapid.SampledFrom(values).Draw(t, "value"))
		})
		for range rapid.IntRange(0, 12).Draw(t, "rules") {
			word := rapid.SampledFrom(words).Draw(t, "word")
			rule := f.add(c, word, rapid.SampledFrom(roles).Draw(t, "role"), cond.Draw(t, "cond"), rapid.IntRange(0, 3).Draw(t, "deny") == 0)
			if wordHasFields(word) && rapid.IntRange(0, 2).Draw(t, "narrow") == 0 {
				rule.Fields = []string{rapid.SampledFrom([]string{"a", "b"}).Draw(t, "fields")}
			}
		}
		r, found := New(f.Schema, nil)
		if r == nil {
			t.Fatalf("refused: %v", found)
		}
		s := &Subject{}
		if rapid.Bool().Draw(t, "known") {
			s.ID = "1"
			s.Roles = rapid.SliceOfN(rapid.SampledFrom(roles[:5]), 0, 3).Draw(t, "roles")
		}
		r.Admit(s)
		has := naiveRoles(s)
		for _, verb := range verbs {
			d := r.Decide(s, c, verb)
			for _, a := range values {
				for _, b := range values {
					row := map[string]string{"a": a, "b": b}
					want := naiveAllowed(f.Rules, has, verb, row)
					if got := eval(d.Where, row); got != want {
						t.Fatalf("%s on %v: %v, want %v", verb, row, got, want)
					}
					if !want || !naiveAllowed(f.Rules, has, "get", row) {
						continue // nothing to see, and no row to write
					}
					for _, field := range []string{"a", "b"} {
						got := passes(d, c.Field(field), row)
						if want := naiveField(f.Rules, has, verb, field, row); got != want {
							t.Fatalf("%s.%s on %v: %v, want %v (mask %v, tests %v)", verb, field, row, got, want, d.Mask, d.Tests)
						}
					}
				}
			}
		}
	})
}

func naiveRoles(s *Subject) map[string]bool {
	includes := map[string][]string{"r0": {"r0"}, "r1": {"r1", "r0"}, "r2": {"r2", "r1", "r0"}, "r3": {"r3"}, "r4": {"r4", "r3", "r0"}}
	has := map[string]bool{"anyone": true}
	if s.ID == "" {
		has["anonymous"] = true
		return has
	}
	has["user"] = true
	for _, role := range s.Roles {
		for _, included := range includes[role] {
			has[included] = true
		}
	}
	return has
}

var naiveWords = map[string][]string{
	"list": {"list", "read", "all"}, "get": {"get", "read", "all"}, "create": {"create", "write", "all"},
	"update": {"update", "write", "all"}, "delete": {"delete", "all"}, "restore": {"restore", "all"}, "run": {"run", "actions", "all"},
}

// naiveAllows are the allow rules with the narrowest word, whoever they are for.
func naiveAllows(rules []*schema.Rule, verb string) []*schema.Rule {
	fielded := slices.Contains([]string{"list", "get", "create", "update"}, verb)
	for _, word := range naiveWords[verb] {
		var list []*schema.Rule
		for _, rule := range rules {
			if !rule.Deny && rule.Verb == word && (fielded || len(rule.Fields) == 0) {
				list = append(list, rule)
			}
		}
		if list != nil {
			return list
		}
	}
	return nil
}

func naiveAllowed(rules []*schema.Rule, has map[string]bool, verb string, row map[string]string) bool {
	allowed := false
	for _, rule := range naiveAllows(rules, verb) {
		if has[rule.Role] && eval(holds(rule), row) {
			allowed = true
		}
	}
	for _, rule := range rules {
		if rule.Deny && len(rule.Fields) == 0 && has[rule.Role] && slices.Contains(naiveWords[verb], rule.Verb) && eval(holds(rule), row) {
			return false
		}
	}
	if verb == "list" {
		return allowed && naiveAllowed(rules, has, "get", row)
	}
	return allowed
}

func naiveField(rules []*schema.Rule, has map[string]bool, verb, field string, row map[string]string) bool {
	if !slices.Contains([]string{"list", "get", "create", "update"}, verb) {
		return true
	}
	shown := false
	for _, rule := range naiveAllows(rules, verb) {
		if has[rule.Role] && eval(holds(rule), row) && (len(rule.Fields) == 0 || slices.Contains(rule.Fields, field)) {
			shown = true
		}
	}
	for _, rule := range rules {
		if rule.Deny && slices.Contains(rule.Fields, field) && has[rule.Role] && slices.Contains(naiveWords[verb], rule.Verb) && eval(holds(rule), row) {
			return false
		}
	}
	if verb == "get" {
		return shown
	}
	return shown && naiveField(rules, has, "get", field, row)
}

func passes(d *Decision, f *schema.Field, row map[string]string) bool {
	if m := d.Mask[f.Index]; m > 0 {
		return eval(d.Tests[m-1], row)
	}
	return d.Always(f)
}

// eval is the meaning of the few conditions that the test makes.
func eval(x schema.Expr, row map[string]string) bool {
	switch x := x.(type) {
	case schema.Const:
		return bool(x)
	case schema.And:
		return !slices.ContainsFunc(x, func(t schema.Expr) bool { return !eval(t, row) })
	case schema.Or:
		return slices.ContainsFunc(x, func(t schema.Expr) bool { return eval(t, row) })
	case schema.Not:
		return !eval(x.X, row)
	case schema.Compare:
		return row[x.Left.(*schema.Path).Field.Name] == x.Right.(schema.Lit).Value.Text()
	}
	panic(fmt.Sprintf("%T", x))
}
