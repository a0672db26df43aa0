package authz

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
)

func TestDecideCRM(t *testing.T) {
	f, _, _, _, _ := crm()
	r := f.rules(t, "")
	const yes, no, rows = Allowed, Denied, Conditional
	who := []string{"", "user", "agent", "manager", "admin", "agent admin", "system"}
	for _, row := range []struct {
		class, verb string
		want        []Effect // in the order of who
	}{
		{"user", "get", []Effect{no, rows, rows, yes, yes, yes, yes}},
		{"user", "list", []Effect{no, rows, rows, yes, yes, yes, yes}},
		{"user", "update", []Effect{no, rows, rows, rows, yes, yes, yes}},
		{"user", "create", []Effect{no, no, no, no, yes, yes, yes}},
		{"user", "delete", []Effect{no, no, no, no, yes, yes, yes}},
		{"user", "act_as", []Effect{no, no, no, no, yes, yes, yes}},
		{"customer", "get", []Effect{no, no, yes, yes, yes, yes, yes}},
		{"customer", "create", []Effect{no, no, yes, yes, yes, yes, yes}},
		{"customer", "update", []Effect{no, no, yes, yes, yes, yes, yes}},
		{"customer", "delete", []Effect{no, no, no, yes, yes, yes, yes}},
		{"customer", "activate", []Effect{no, no, no, yes, yes, yes, yes}},
		{"customer", "merge", []Effect{no, no, no, no, yes, yes, yes}},
		{"customer", "restore", []Effect{no, no, no, no, no, no, yes}},
		{"customer", "purge", []Effect{no, no, no, no, no, no, yes}},
		{"customer", "history", []Effect{no, no, no, no, no, no, yes}},
		{"note", "update", []Effect{no, rows, rows, rows, rows, rows, yes}},
		{"note", "delete", []Effect{no, rows, rows, yes, yes, yes, yes}},
		{"tag", "list", []Effect{no, no, yes, yes, yes, yes, yes}},
		{"tag", "create", []Effect{no, no, yes, yes, yes, yes, yes}},
		{"tag", "update", []Effect{no, no, no, yes, yes, yes, yes}},
		{"tag", "purge", []Effect{no, no, no, yes, yes, yes, yes}},
		{"tag", "explain", []Effect{no, no, no, no, no, no, yes}},           // `all` does not allow it
		{"tag", "bulk-import", []Effect{yes, yes, yes, yes, yes, yes, yes}}, // create decides
	} {
		for i, name := range who {
			t.Run(fmt.Sprintf("%s may %s %s", name, row.verb, row.class), func(t *testing.T) {
				d := r.Decide(as(r, name), f.Class(row.class), row.verb)
				if d.Effect != row.want[i] {
					t.Errorf("effect %d, want %d; because %v", d.Effect, row.want[i], reasons(d))
				}
			})
		}
	}
}

func reasons(d *Decision) (list []string) {
	for _, reason := range d.Reasons {
		list = append(list, fmt.Sprintf("%s %s (%s)", reason.Rule.Verb, reason.Rule.Role, reason.Via))
	}
	return list
}

func TestDecideWhere(t *testing.T) {
	f := schemaOf("author", "editor: author")
	post := f.class("post", "status", "author")
	rowRole(post, "owner", "author")
	published := is(post, "status", "published")
	f.add(post, "read", "anyone", published, false)
	f.allow(post, "read", "owner editor")
	f.allow(post, "create", "author")
	f.allow(post, "update", "owner editor")
	f.deny(post, "update", "anyone", is(post, "status", "locked"))
	r := f.rules(t, "")
	mine, locked := isMine(post, "author"), is(post, "status", "locked")

	for _, row := range []struct {
		who, verb  string
		where      schema.Expr
		subjective bool
		onlyRows   bool
	}{
		{"", "get", published, false, false},
		{"user", "get", schema.Or{published, mine}, true, false},
		{"author", "list", schema.Or{published, mine}, true, false},
		{"editor", "list", schema.Const(true), false, false},
		{"", "update", schema.Const(false), false, false},
		{"author", "update", schema.And{mine, schema.Not{X: locked}}, true, true},
		{"editor", "update", schema.Not{X: locked}, false, false},
		{"system", "update", schema.Const(true), false, false},
		{"author", "create", schema.Const(true), false, false},
	} {
		t.Run(row.who+" "+row.verb, func(t *testing.T) {
			d := r.Decide(as(r, row.who), post, row.verb)
			if !same(d.Where, row.where) {
				t.Errorf("where %#v, want %#v", d.Where, row.where)
			}
			if d.Subjective != row.subjective || d.OnlyRows != row.onlyRows || !d.Uniform {
				t.Errorf("subjective %v, onlyRows %v, uniform %v", d.Subjective, d.OnlyRows, d.Uniform)
			}
		})
	}
}

func TestOnlyRowsForAnonymous(t *testing.T) {
	f, user, customer, note, _ := crm()
	r := f.rules(t, "")
	for _, row := range []struct {
		class *schema.Class
		verb  string
		want  bool
	}{{note, "update", true}, {note, "delete", false}, {user, "get", false}, {customer, "get", false}} {
		d := r.Decide(as(r, ""), row.class, row.verb)
		if d.Effect != Denied || d.OnlyRows != row.want {
			t.Errorf("%s %s: effect %d, onlyRows %v, want %v", row.class.Name, row.verb, d.Effect, d.OnlyRows, row.want)
		}
	}
}

func TestListShowsNoMoreThanGet(t *testing.T) {
	f := schemaOf("agent", "manager: agent")
	c := f.class("customer", "name", "email")
	f.add(c, "get", "agent", is(c, "name", "a"), false)
	f.allow(c, "list", "agent manager")
	r := f.rules(t, "")
	d := r.Decide(as(r, "agent"), c, "list")
	if d.Effect != Conditional || !same(d.Where, is(c, "name", "a")) {
		t.Errorf("list: %+v", d)
	}

	f = schemaOf("agent", "manager")
	c = f.class("customer", "name", "email")
	f.allow(c, "list", "agent")
	f.allow(c, "get", "manager")
	r = f.rules(t, "")
	if d := r.Decide(as(r, "agent"), c, "list"); d.Effect != Denied {
		t.Errorf("list without get: %+v", d)
	}
}

func TestNarrowestWord(t *testing.T) {
	f := schemaOf("a", "b", "c")
	c := f.class("thing", "x")
	actions(c, "run", "stop")
	f.allow(c, "all", "a b c")
	f.allow(c, "write", "a b")
	f.allow(c, "update", "a")
	f.allow(c, "run", "c")
	r := f.rules(t, "p, b, thing, stop, , , allow")
	for _, row := range []struct{ verb, may string }{
		{"get", "a b c"}, {"create", "a b"}, {"update", "a"}, {"delete", "a b c"},
		{"run", "c"}, {"stop", "b"}, {"history", "a b c"}, {"not_declared", "a b c"},
	} {
		if got := strings.Join(r.WhoMay(c, row.verb), " "); got != row.may {
			t.Errorf("%s: %s may, want %s", row.verb, got, row.may)
		}
	}
}

func TestDenyOfAnyWidthWins(t *testing.T) {
	f := schemaOf("a", "b: a", "suspended")
	c := f.class("thing", "x")
	f.allow(c, "update", "a")
	f.allow(c, "read", "a")
	r := f.rules(t, "p, suspended, thing, all, , , deny\n")
	if d := r.Decide(as(r, "b"), c, "update"); d.Effect != Allowed {
		t.Errorf("b: %+v", d)
	}
	for _, verb := range []string{"get", "list", "update"} {
		if d := r.Decide(as(r, "b suspended"), c, verb); d.Effect != Denied {
			t.Errorf("suspended %s: %+v", verb, d)
		}
	}
	if d := r.Decide(&Subject{System: true}, c, "update"); d.Effect != Allowed {
		t.Errorf("system: %+v", d)
	}
}

func TestBulk(t *testing.T) {
	f := schemaOf("agent", "manager")
	c := f.class("thing", "x")
	f.allow(c, "all", "agent manager")
	f.allow(c, "bulk", "manager")
	r := f.rules(t, "")
	if r.Decide(as(r, "agent"), c, "bulk-delete").Effect != Denied || r.Decide(as(r, "manager"), c, "bulk-update").Effect != Allowed {
		t.Error("bulk: manager does not narrow bulk")
	}
}

func TestInternalClasses(t *testing.T) {
	f := schemaOf("admin")
	c := f.class("dowel_session", "x")
	c.Internal = true
	f.Seal()
	r := f.rules(t, "")
	for who, want := range map[string]Effect{"": Denied, "admin": Denied, "system": Allowed} {
		if d := r.Decide(as(r, who), c, "get"); d.Effect != want {
			t.Errorf("%q: %d", who, d.Effect)
		}
	}
}

func TestRoles(t *testing.T) {
	f, _, customer, _, _ := crm()
	r := f.rules(t, "g, user, agent\n")
	for _, row := range []struct {
		s    Subject
		set  string
		has  string
		lack string
	}{
		{Subject{}, "anonymous,anyone", "anyone anonymous", "user agent"},
		{Subject{Roles: []string{"admin"}}, "anonymous,anyone", "anyone", "admin user"},
		{Subject{ID: "1"}, "agent,anyone,user", "agent user", "anonymous manager"},
		{Subject{ID: "1", Roles: []string{"nonsense"}}, "agent,anyone,user", "user", "nonsense"},
		{Subject{ID: "1", Roles: []string{"anonymous", "x"}}, "agent,anyone,user", "user", "anonymous"},
		{Subject{ID: "1", Roles: []string{"admin"}}, "admin,agent,anyone,manager,user", "admin manager agent", "anonymous"},
		{Subject{ID: "1", Roles: []string{"agent", "admin", "agent"}}, "admin,agent,anyone,manager,user", "admin", ""},
		{Subject{System: true}, "*", "admin anything", ""},
	} {
		s := row.s
		r.Admit(&s)
		if s.RoleSet != row.set {
			t.Errorf("%+v: role set %s, want %s", row.s, s.RoleSet, row.set)
		}
		for _, role := range strings.Fields(row.has) {
			if !r.Has(&s, role) {
				t.Errorf("%+v has not %s", row.s, role)
			}
		}
		for _, role := range strings.Fields(row.lack) {
			if r.Has(&s, role) {
				t.Errorf("%+v has %s", row.s, role)
			}
		}
	}
	one, two := as(r, "admin"), as(r, "agent admin manager")
	if r.Decide(one, customer, "get") != r.Decide(two, customer, "get") {
		t.Error("equal role sets have two decisions")
	}
	if d := r.Decide(&Subject{ID: "1", Roles: []string{"admin"}}, customer, "merge"); d.Effect != Allowed {
		t.Error("a subject that was not admitted lost its roles")
	}
}

func TestLongChainsOfRoles(t *testing.T) {
	names := []string{"r0"}
	for i := 1; i <= 40; i++ {
		names = append(names, fmt.Sprintf("r%d: r%d", i, i-1))
	}
	f := schemaOf(names...)
	c := f.class("thing", "x")
	f.allow(c, "read", "r0")
	r := f.rules(t, "")
	d := r.Decide(as(r, "r40"), c, "get")
	if d.Effect != Allowed || len(d.Reasons) != 1 || !strings.HasPrefix(d.Reasons[0].Via, "r40 → r39 → ") {
		t.Errorf("%+v", d)
	}
}

func TestReasons(t *testing.T) {
	f, _, customer, _, _ := crm()
	r := f.rules(t, "p, anyone, customer, delete, , , deny\n")
	if diff := cmp.Diff([]string{"read agent (admin → manager → agent)"}, reasons(r.Decide(as(r, "admin"), customer, "get"))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"delete manager (admin → manager)", "delete anyone (anyone)"}, reasons(r.Decide(as(r, "admin"), customer, "delete"))); diff != "" {
		t.Error(diff)
	}
}

func TestDecisionIDs(t *testing.T) {
	f, _, customer, note, _ := crm()
	r := f.rules(t, "")
	seen := map[string]string{}
	for _, who := range []string{"", "user", "agent", "manager", "system"} {
		for _, c := range []*schema.Class{customer, note} {
			for _, verb := range []string{"get", "list"} {
				key := who + c.Name + verb
				id := r.Decide(as(r, who), c, verb).ID
				if other, ok := seen[id]; ok {
					t.Errorf("%s and %s are both %s", key, other, id)
				}
				seen[id] = key
			}
		}
	}
	f2, _, customer2, _, _ := crm()
	again, other := f2.rules(t, ""), f2.rules(t, "p, user, customer, get, , , deny\n")
	if r.Decide(as(r, "agent"), customer, "get").ID != again.Decide(as(again, "agent"), customer2, "get").ID {
		t.Error("the same policy has another ID")
	}
	if r.Decide(as(r, "agent"), customer, "get").ID == other.Decide(as(other, "agent"), customer2, "get").ID {
		t.Error("another policy has the same ID")
	}
}

func TestDecideFromManyGoroutines(t *testing.T) {
	f, _, _, _, _ := crm()
	r := f.rules(t, "")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				c := f.Classes[(i+j)%len(f.Classes)]
				s := as(r, []string{"", "user", "agent", "manager", "admin", "agent admin", "manager agent"}[(i*3+j)%7])
				for _, verb := range Verbs(c) {
					if d := r.Decide(s, c, verb); d == nil || r.Decide(s, c, verb) != d {
						t.Errorf("%s %s: decided twice", c.Name, verb)
					}
				}
			}
		})
	}
	wg.Wait()
}

// Whoever may do everything to a class is not shown statements and rules: that
// right is given by its name, and `all` takes it away like others.
func TestExplainIsGrantedByName(t *testing.T) {
	f := schemaOf("agent", "auditor")
	open := f.class("open", "name")
	f.allow(open, "all", "anyone")
	named := f.class("named", "name")
	f.allow(named, "all", "agent")
	f.allow(named, "explain", "auditor")
	denied := f.class("denied", "name")
	f.allow(denied, "explain", "agent auditor")
	f.deny(denied, "all", "auditor", nil)
	r := f.rules(t, "")
	for _, row := range []struct {
		class *schema.Class
		who   string
		want  Effect
	}{
		{open, "", Denied}, {open, "agent", Denied}, {open, "system", Allowed},
		{named, "agent", Denied}, {named, "auditor", Allowed},
		{denied, "agent", Allowed}, {denied, "auditor", Denied},
	} {
		if d := r.Decide(as(r, row.who), row.class, Explain); d.Effect != row.want {
			t.Errorf("%s, class %s: %d, want %d", row.who, row.class.Name, d.Effect, row.want)
		}
	}
	said := r.Explain(as(r, "agent"), open, Explain)
	if len(said) != 1 || said[0].Verdict != NotSpoken || said[0].Note != "`explain` is granted by its name only" {
		t.Errorf("said: %+v", said)
	}
}
