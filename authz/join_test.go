package authz

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/schema"
)

// A subject is somebody else on each part of the rows: what is joined says on every
// row what the decision for that row says, of the row and of its fields.
func TestJoin(t *testing.T) {
	f := schemaOf("viewer", "editor")
	c := f.class("note", "org", "title", "pay")
	pay := c.Field("pay")
	decision := func(id string, where schema.Expr, fields map[*schema.Field]schema.Expr) *Decision {
		g := &grant{where: where, field: make([]schema.Expr, len(c.Fields))}
		for i, f := range c.Fields {
			g.field[i] = schema.Const(true)
			if e, ok := fields[f]; ok {
				g.field[i] = e
			}
		}
		d := g.decision(c)
		d.ID = id
		return d
	}
	all := decision("all", schema.Const(true), nil)
	none := decision("none", schema.Const(false), nil)
	some := decision("some", is(c, "title", "a"), map[*schema.Field]schema.Expr{pay: schema.Const(false)})
	tested := decision("tested", schema.Const(true), map[*schema.Field]schema.Expr{pay: is(c, "title", "b")})
	kinds := []*Decision{all, none, some, tested}

	row := func(org, title string) map[string]string { return map[string]string{"org": org, "title": title} }
	shows := func(d *Decision, f *schema.Field, r map[string]string) bool {
		m := d.Mask[f.Index]
		return m == 0 || m > 0 && eval(d.Tests[m-1], r)
	}
	for _, a := range kinds {
		for _, b := range kinds {
			t.Run(a.ID+" and "+b.ID, func(t *testing.T) {
				joined := Join(c, Part{is(c, "org", "x"), a}, Part{is(c, "org", "y"), b})
				denied := true
				for _, o := range []string{"x", "y", "z"} {
					own := map[string]*Decision{"x": a, "y": b, "z": none}[o]
					for _, text := range []string{"a", "b"} {
						r := row(o, text)
						if got, want := eval(joined.Where, r), eval(own.Where, r); got != want {
							t.Errorf("%s of %s is granted: %t", text, o, got)
						} else if want {
							denied = false
							for _, f := range c.Fields {
								if got, want := shows(joined, f, r), shows(own, f, r); got != want {
									t.Errorf("%s of %s, %s is shown: %t", text, o, f.Name, got)
								}
							}
						}
					}
				}
				if denied != (joined.Effect == Denied) {
					t.Errorf("the effect is %v", joined.Effect)
				}
				if other := Join(c, Part{is(c, "org", "x"), b}, Part{is(c, "org", "y"), a}); a != b && other.ID == joined.ID {
					t.Error("decisions that differ have one id")
				}
			})
		}
	}
	if d := Join(c); d.Effect != Denied || d.Mask[1] != -1 {
		t.Errorf("nothing joined is %v", d)
	}
	if d := Join(c, Part{schema.Const(true), all}); d.Effect != Allowed {
		t.Errorf("everything joined is %v", d.Effect)
	}
	withheld := Withheld(c, some, tested)
	if withheld.Effect != Conditional || eval(withheld.Where, row("x", "a")) || !withheld.May(pay) || Withheld(c, some).May(pay) {
		t.Errorf("withheld is %v", withheld)
	}
}

// An inclusion of roles may hold in one organization alone.
func TestInclusionsOfOneOrganization(t *testing.T) {
	f := schemaOf("viewer", "editor", "boss: editor")
	org, c := f.class("org"), f.class("note")
	f.Tenant = &schema.Tenant{Class: org}
	f.allow(c, "read", "viewer")
	f.allow(c, "update", "editor")
	f.allow(c, "delete", "boss")
	r := f.rules(t, "g, viewer, editor, 7\ng, editor, boss, 8\ng, user, viewer, 8\ng, viewer, editor, 8\n")
	for _, tt := range []struct {
		org, role        string
		get, update, del Effect
	}{
		{"", "viewer", Allowed, Denied, Denied},
		{"7", "viewer", Allowed, Allowed, Denied},
		{"7", "", Denied, Denied, Denied},
		{"8", "", Allowed, Allowed, Allowed},
		{"9", "viewer", Allowed, Denied, Denied},
	} {
		s := &Subject{ID: "1", Org: tt.org}
		if tt.role != "" {
			s.Roles = []string{tt.role}
		}
		r.Admit(s)
		if a, b, d := r.Decide(s, c, Get).Effect, r.Decide(s, c, Update).Effect, r.Decide(s, c, Delete).Effect; a != tt.get || b != tt.update || d != tt.del {
			t.Errorf("%q in %q: %v %v %v", tt.role, tt.org, a, b, d)
		}
	}
	if anonymous := (&Subject{Org: "8"}); r.admit(anonymous) != r.anonymous {
		t.Error("nobody becomes somebody")
	}
	lines := r.Lines()
	if got := lines[len(lines)-1]; !slices.Equal(got, []string{"g", "viewer", "editor", "8"}) {
		t.Errorf("the last line is %v", got)
	}
	if r.Revision() == f.rules(t, "g, viewer, editor, 7\n").Revision() {
		t.Error("other inclusions, the same policy")
	}
	if _, found := New(f.Schema, fstest.MapFS{"policy.csv": {Data: []byte("g, viewer, editor, seven\n")}}); !found.HasErrors() {
		t.Error("an organization that cannot be")
	}
}

// The roles of credentials for one organization are nobody's outside of it.
func TestRolesOfOneOrganization(t *testing.T) {
	f := schemaOf("editor")
	c := f.class("note")
	f.allow(c, "read", "editor")
	s := &Subject{ID: "1", Roles: []string{"editor"}, Tenant: "acme"}
	f.rules(t, "").Admit(s)
	if d := f.rules(t, "").Decide(s, c, Get); d.Effect != Allowed {
		t.Error("a claim of that name means nothing without organizations")
	}
	f.Tenant = &schema.Tenant{Class: c}
	rules := f.rules(t, "")
	rules.Admit(s)
	if d := rules.Decide(s, c, Get); d.Effect != Denied || rules.Has(s, "editor") {
		t.Error("the role of one organization holds outside of it")
	}
}
