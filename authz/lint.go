package authz

import (
	"fmt"
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

// lint finds rules that are well formed and say nothing: those that could never match are
// errors, those that others make superfluous are warnings.
func (r *Rules) lint(found *diag.List) {
	first := make(map[string]*schema.Rule)
	for _, rule := range r.all {
		r.lintMatch(rule, found)
		r.lintShadow(rule, found)
		r.lintDenied(rule, found)
		line := fmt.Sprintf("%q", Line(rule)[:colPosition])
		if before := first[line]; before != nil && before.Pos != rule.Pos {
			found.Add(diag.Diagnostic{Code: codeIdle, Message: "the rule is there already", Pos: rule.Pos,
				Related: []diag.Related{{Pos: before.Pos, Message: "the first one"}}})
			continue
		}
		first[line] = rule
	}
	if r.model != shippedModel {
		r.lintModel(found)
	}
}

// lintMatch reports rules that cannot match any row or request.
func (r *Rules) lintMatch(rule *schema.Rule, found *diag.List) {
	never := func(code, why, help string) {
		found.Add(diag.Diagnostic{Code: code, Message: "the rule can never match: " + why, Help: help, Pos: rule.Pos})
	}
	c := rule.Class
	switch {
	case (rule.Verb == "restore" || rule.Verb == "purge") && !c.SoftDelete:
		never(codeNoVerb, fmt.Sprintf("`%s` has no soft_delete", c.Name), "add `soft_delete: true` to the class")
	case rule.Verb == "act_as" && c.Auth == nil:
		never(codeNoVerb, fmt.Sprintf("nobody logs in as `%s`", c.Name), "say `act_as` on the class with `auth:`")
	case rule.Where == nil:
	case rule.Where == schema.Const(false):
		never(codeNever, "its condition is never true", "")
	case rule.Role == roleAnonymous && withoutMe(rule.Where) == schema.Const(false):
		never(codeNever, "anonymous has no `me`", "give it to `user`")
	}
}

// lintShadow reports an allow for a group of which every verb has an allow of its own.
func (r *Rules) lintShadow(rule *schema.Rule, found *diag.List) {
	if rule.Deny || (rule.Verb != "read" && rule.Verb != "write") {
		return
	}
	for _, verb := range members(rule.Class, rule.Verb) {
		if !r.hasAllow(rule.Class, verb) {
			return
		}
	}
	found.Add(diag.Diagnostic{Code: codeIdle, Pos: rule.Pos,
		Message: fmt.Sprintf("`%s` says nothing: each of its verbs has rules of its own, and the narrower word wins", rule.Verb)})
}

func (r *Rules) hasAllow(c *schema.Class, word string) bool {
	return slices.ContainsFunc(r.parts[c.Index].rules, func(rule *schema.Rule) bool {
		return !rule.Deny && rule.Verb == word && (unlimited(rule) || hasFields(word))
	})
}

// lintDenied reports an allow that a deny without condition takes back for
// everybody it is given to.
func (r *Rules) lintDenied(rule *schema.Rule, found *diag.List) {
	if rule.Deny || !r.denies {
		return
	}
	has := make(map[string]bool)
	r.roles.closure(has, rule.Role)
	has[roleAnyone] = true
	if rule.Role != roleAnyone && rule.Role != roleAnonymous {
		has[roleUser] = true
	}
	for _, deny := range r.parts[rule.Class.Index].rules {
		if !deny.Deny || deny.Where != nil || !unlimited(deny) || !has[deny.Role] || !contains(rule.Class, deny.Verb, rule.Verb) {
			continue
		}
		found.Add(diag.Diagnostic{Code: codeIdle, Pos: rule.Pos,
			Message: fmt.Sprintf("the rule says nothing: `%s` is denied to `%s`, and deny wins", deny.Verb, deny.Role),
			Related: []diag.Related{{Pos: deny.Pos, Message: "denied here"}}})
		return
	}
}

// contains reports whether one word covers everything that another one does.
func contains(c *schema.Class, wide, narrow string) bool {
	verbs := members(c, narrow)
	return len(verbs) > 0 && !slices.ContainsFunc(verbs, func(v string) bool { return !covers(wide, v) })
}

// lintModel tries a model of one's own on everything that it will be asked, so
// that no request is the first to find out that it fails.
func (r *Rules) lintModel(found *diag.List) {
	at := schema.Pos{File: modelFile, Line: 1, Col: 1}
	if !r.denies && slices.ContainsFunc(r.all, func(rule *schema.Rule) bool { return rule.Deny }) {
		found.Add(diag.Diagnostic{Code: codeLine, Pos: at, Message: "the model's effect does not heed denies, but there are rules that deny",
			Help: "write: e = some(where (p.eft == allow)) && !some(where (p.eft == deny))"})
	}
	names := pseudoRoles()
	for _, role := range r.schema.Roles {
		names = append(names, role.Name)
	}
	r.deciding.Lock()
	defer r.deciding.Unlock()
	for _, c := range r.schema.Classes {
		for _, verb := range verbsOf(c) {
			for _, role := range names {
				if _, err := r.parts[c.Index].speak(r, role, c, verb); err != nil {
					found.Add(diag.Diagnostic{Code: codeLine, Pos: at, Message: fmt.Sprintf("the model fails when `%s` asks to %s `%s`: %s", role, verb, c.Name, firstLine(err))})
					return
				}
			}
		}
	}
}
