package authz

import "testing"

// A scope takes away and never adds.
func TestScopes(t *testing.T) {
	f := schemaOf("agent", "manager: agent", "auditor")
	task := f.class("task", "title", "owner")
	rowRole(task, "owner", "owner")
	actions(task, "finish")
	f.allow(task, "read", "agent auditor")
	f.allow(task, "create", "agent owner")
	f.allow(task, "update", "manager owner")
	f.allow(task, "finish", "manager")
	f.allow(task, "bulk", "manager")
	r := f.rules(t, "")
	manager := func(s *Scope) *Subject {
		who := &Subject{ID: "1", Roles: []string{"manager"}, Scope: s}
		r.Admit(who)
		return who
	}
	for name, row := range map[string]struct {
		scope *Scope
		set   string
		want  map[string]Effect
	}{
		"none":               {nil, "agent,anyone,manager,user", map[string]Effect{Get: Allowed, Update: Allowed, "finish": Allowed, "bulk-update": Allowed}},
		"a lesser role":      {&Scope{Roles: []string{"agent"}}, "agent,anyone,user", map[string]Effect{Get: Allowed, Create: Allowed, Update: Conditional, "finish": Denied}},
		"a role not one's":   {&Scope{Roles: []string{"auditor"}}, "anyone,user", map[string]Effect{Get: Denied, Create: Conditional, Update: Conditional}},
		"no role":            {&Scope{Roles: []string{}}, "anyone,user", map[string]Effect{Get: Denied, Update: Conditional}},
		"a role nobody is":   {&Scope{Roles: []string{"anonymous", "system"}}, "anyone,user", map[string]Effect{Get: Denied}},
		"reading":            {&Scope{Verbs: []string{"read"}}, "agent,anyone,manager,user|read", map[string]Effect{Get: Allowed, List: Allowed, Create: Denied, Update: Denied, "finish": Denied, "bulk-update": Denied, ActAs: Denied}},
		"actions and delete": {&Scope{Verbs: []string{"actions", "delete"}}, "agent,anyone,manager,user|actions,delete", map[string]Effect{Get: Denied, Delete: Denied, "finish": Allowed}},
		"one action":         {&Scope{Verbs: []string{"finish"}}, "agent,anyone,manager,user|finish", map[string]Effect{Get: Denied, "finish": Allowed}},
		"everything":         {&Scope{Verbs: []string{"all"}}, "agent,anyone,manager,user|all", map[string]Effect{Get: Allowed, Update: Allowed, "finish": Allowed, "bulk-update": Allowed}},
		"both":               {&Scope{Roles: []string{"agent"}, Verbs: []string{"write"}}, "agent,anyone,user|write", map[string]Effect{Get: Denied, Create: Allowed, Update: Conditional}},
	} {
		t.Run(name, func(t *testing.T) {
			s := manager(row.scope)
			if s.RoleSet != row.set {
				t.Errorf("role set %s, want %s", s.RoleSet, row.set)
			}
			for verb, want := range row.want {
				d := r.Decide(s, task, verb)
				if d.Effect != want {
					t.Errorf("%s: %d, want %d", verb, d.Effect, want)
				}
				if r.Decide(s, task, verb) != d {
					t.Errorf("%s is decided anew each time", verb)
				}
			}
		})
	}
	// What a narrow key may not is not remembered for others of the same roles.
	if d := r.Decide(manager(nil), task, Update); d.Effect != Allowed {
		t.Errorf("after all of them: %d", d.Effect)
	}
	if s := (&Subject{System: true, Scope: &Scope{Verbs: []string{"read"}}}); r.Decide(s, task, Update).Effect != Allowed {
		t.Error("the engine itself is narrowed")
	}
}
