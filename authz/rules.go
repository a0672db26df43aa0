package authz

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/effector"
	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/rbac"
	defaultrolemanager "github.com/casbin/casbin/v2/rbac/default-role-manager"

	"github.com/dowel-dev/dowel/schema"
)

// Casbin decides which lines of policy speak for a role, a class and a verb.
// It gets its lines from strict readers only (its own loaders drop lines they
// cannot read) and it is asked once for each decision, not for each request.

//go:embed model.conf
var shippedModel string

// The definitions a model of one's own must keep: lines and requests are made for them.
var (
	requestTokens = []string{"r_role", "r_class", "r_verb"}
	policyTokens  = []string{"p_role", "p_class", "p_verb", "p_condition", "p_fields", "p_eft", "p_position"}
)

// The effects that compiled decisions implement.
const (
	denyWins  = "some(where (p_eft == allow)) && !some(where (p_eft == deny))"
	allowOnly = "some(where (p_eft == allow))"
)

// checkModel reports what is wrong with a model's text, and whether it heeds denies.
func checkModel(text string) (denies bool, err error) {
	m, err := model.NewModelFromString(text)
	if err != nil {
		return false, err
	}
	for _, need := range []struct {
		section, key string
		tokens       []string
	}{{"r", "r", requestTokens}, {"p", "p", policyTokens}, {"g", "g", nil}, {"e", "e", nil}, {"m", "m", nil}} {
		a, err := m.GetAssertion(need.section, need.key)
		if err != nil {
			return false, fmt.Errorf("`%s` is missing", need.key)
		}
		if need.tokens != nil && !slices.Equal(a.Tokens, need.tokens) {
			return false, fmt.Errorf("`%s` must be: %s", need.key, strings.ReplaceAll(strings.Join(need.tokens, ", "), need.key+"_", ""))
		}
		if len(m[need.section]) > 1 {
			return false, fmt.Errorf("there is more than one definition like `%s`", need.key)
		}
	}
	if n := len(m["g"]["g"].Tokens); n != 2 {
		return false, fmt.Errorf("`g` has %d places, it must be: _, _", n)
	}
	switch squeeze(m["e"]["e"].Value) {
	case squeeze(denyWins):
		return true, nil
	case squeeze(allowOnly):
		return false, nil
	}
	return false, errors.New("`e` must be `" + strings.ReplaceAll(denyWins, "p_", "p.") + "`, or its first half")
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

// linkage is the graph of roles as Casbin keeps it.
type linkage = rbac.RoleManager

// linked is the role manager of the policy: who includes whom. The depth has no
// limit but the number of roles, where Casbin's default stops at ten.
func linked(links []link) (linkage, error) {
	rm := defaultrolemanager.NewRoleManager(len(links) + 2)
	for _, l := range links {
		if err := rm.AddLink(l.member, l.role); err != nil {
			return nil, fmt.Errorf("link %s to %s: %w", l.member, l.role, err)
		}
	}
	return rm, nil
}

// part is the policy of one class in an enforcer of its own, so that asking
// costs what the class's lines cost. It is made at first use, and used under Rules.deciding.
type part struct {
	rules []*schema.Rule
	ask   *casbin.Enforcer
	heard collector
}

// collector is an effector that keeps every line that matched, where Casbin's own stop at the first.
type collector struct{ hits []int }

// MergeEffects implements effector.Effector. Indeterminate makes Casbin go on.
func (c *collector) MergeEffects(_ string, _ []effector.Effect, matches []float64, i, _ int) (effector.Effect, int, error) {
	if matches[i] == 1 {
		c.hits = append(c.hits, i)
	}
	return effector.Indeterminate, -1, nil
}

// speak returns the rules that speak for a role and a verb, in their order.
func (p *part) speak(r *Rules, role string, class *schema.Class, verb string) ([]*schema.Rule, error) {
	if len(p.rules) == 0 {
		return nil, nil // without lines Casbin would call the collector for a line that is not there
	}
	if p.ask == nil {
		e, err := p.enforcer(r)
		if err != nil {
			return nil, err
		}
		p.ask = e
	}
	p.heard.hits = p.heard.hits[:0]
	if _, err := p.ask.Enforce(role, class.Name, verb); err != nil {
		return nil, err
	}
	spoken := make([]*schema.Rule, len(p.heard.hits))
	for i, hit := range p.heard.hits {
		spoken[i] = p.rules[hit]
	}
	return spoken, nil
}

func (p *part) enforcer(r *Rules) (*casbin.Enforcer, error) {
	m, err := model.NewModelFromString(r.model)
	if err != nil {
		return nil, err
	}
	for _, rule := range p.rules {
		if err := m.AddPolicy("p", "p", Line(rule)[1:]); err != nil {
			return nil, err
		}
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	// The enforcer makes a role manager of its own and builds it from the lines
	// of g, of which there are none here: all parts share the one that is linked.
	m["g"]["g"].RM = r.linked
	e.SetEffector(&p.heard)
	e.AddFunction("covers", func(args ...any) (any, error) {
		if len(args) != 2 {
			return nil, errors.New("covers takes the verb of a line and the verb asked for")
		}
		word, ok1 := args[0].(string)
		verb, ok2 := args[1].(string)
		if !ok1 || !ok2 {
			return nil, errors.New("covers takes two texts")
		}
		return covers(word, verb), nil
	})
	return e, nil
}
