package authz

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/schema"
)

// fixture builds schemas for tests in few words.
type fixture struct{ *schema.Schema }

// roles takes `agent` and `manager: agent`.
func schemaOf(roles ...string) *fixture {
	f := &fixture{&schema.Schema{}}
	for i, r := range roles {
		name, includes, _ := strings.Cut(r, ": ")
		role := &schema.Role{Name: name, Pos: schema.Pos{File: "s.yaml", Line: i + 1, Col: 3}}
		if includes != "" {
			role.Includes = strings.Split(includes, " ")
		}
		f.Roles = append(f.Roles, role)
	}
	return f
}

// class adds a class with an id and text fields.
func (f *fixture) class(name string, fields ...string) *schema.Class {
	c := &schema.Class{Name: name, Collection: name + "s", Expose: true}
	c.Fields = append(c.Fields, &schema.Field{Name: "id", JSON: "id", Column: "id", Class: c, Type: schema.MustType("int", schema.Options{}), Auto: schema.AutoID})
	c.Key = c.Fields[:1:1]
	for _, field := range fields {
		c.Fields = append(c.Fields, &schema.Field{Name: field, JSON: field, Column: field, Class: c, Type: schema.MustType("string", schema.Options{})})
	}
	f.Classes = append(f.Classes, c)
	f.Seal()
	return c
}

func actions(c *schema.Class, names ...string) {
	for _, name := range names {
		c.Actions = append(c.Actions, &schema.Action{Name: name, Path: name, Class: c})
	}
}

// rowRole declares a right on the rows whose field is the subject.
func rowRole(c *schema.Class, name, field string) {
	c.RowRoles = append(c.RowRoles, &schema.RowRole{Name: name, Where: isMine(c, field), Text: field + " = me"})
}

// allow adds rules `VERB: ROLE ROLE`; a row role of the class is one too.
func (f *fixture) allow(c *schema.Class, verb, roles string) { f.add(c, verb, roles, nil, false) }

func (f *fixture) deny(c *schema.Class, verb, roles string, where schema.Expr) {
	f.add(c, verb, roles, where, true)
}

func (f *fixture) add(c *schema.Class, verb, roles string, where schema.Expr, deny bool) *schema.Rule {
	var rule *schema.Rule
	for _, role := range strings.Fields(roles) {
		rule = &schema.Rule{Role: role, Class: c, Verb: verb, Where: where, Deny: deny, Pos: schema.Pos{File: "s.yaml", Line: 100 + len(f.Rules), Col: 1}}
		if i := slices.IndexFunc(c.RowRoles, func(r *schema.RowRole) bool { return r.Name == role }); i >= 0 {
			rule.Role, rule.RowRole, rule.Where, rule.Cond = roleUser, role, c.RowRoles[i].Where, c.RowRoles[i].Text
		}
		f.Rules = append(f.Rules, rule)
	}
	return rule
}

func (f *fixture) rules(t testing.TB, csv string) *Rules {
	t.Helper()
	r, found := New(f.Schema, fstest.MapFS{"policy/test.csv": {Data: []byte(csv)}})
	for _, d := range found {
		t.Log(d.Error())
	}
	if r == nil {
		t.Fatal("refused")
	}
	return r
}

func field(c *schema.Class, name string) *schema.Path {
	f := c.Field(name)
	if f == nil {
		panic("no field " + name)
	}
	return &schema.Path{Field: f, Type: f.Type}
}

func is(c *schema.Class, name, value string) schema.Expr {
	return schema.Compare{Op: schema.Eq, Left: field(c, name), Right: schema.Lit{Value: schema.NewText(value)}}
}

func isMine(c *schema.Class, name string) schema.Expr {
	f := field(c, name)
	return schema.Compare{Op: schema.Eq, Left: f, Right: schema.Me{Type: f.Type}}
}

// as is a subject: "" anonymous, "system", else a user with these roles.
func as(r Authorizer, who string) *Subject {
	s := &Subject{}
	switch who {
	case "":
	case "system":
		s.System = true
	case "user":
		s.ID = "7"
	default:
		s.ID, s.Roles = "7", strings.Fields(who)
	}
	r.Admit(s)
	return s
}

// crm is the permission side of the CRM example.
func crm() (f *fixture, user, customer, note, tag *schema.Class) {
	f = schemaOf("agent", "manager: agent", "admin: manager")
	user = f.class("user", "email", "name", "role")
	user.Fields = append(user.Fields, &schema.Field{Name: "password", JSON: "password", Class: user, Type: schema.MustType("password", schema.Options{})})
	f.Seal()
	user.Auth = &schema.Auth{Login: user.Field("email"), Secret: user.Field("password"), Role: user.Field("role")}
	user.Field("role").Write = &schema.RoleCond{Global: []string{"admin"}}
	f.Login = user
	rowRole(user, "self", "id")
	f.allow(user, "read", "self manager")
	f.allow(user, "update", "self admin")
	f.allow(user, "all", "admin")

	customer = f.class("customer", "name", "email", "status")
	customer.SoftDelete = true
	actions(customer, "activate", "deactivate", "merge")
	f.allow(customer, "read", "agent")
	f.allow(customer, "write", "agent")
	f.allow(customer, "delete", "manager")
	f.allow(customer, "actions", "manager")
	f.allow(customer, "merge", "admin")

	note = f.class("note", "author", "body")
	rowRole(note, "author", "author")
	f.allow(note, "read", "agent")
	f.allow(note, "create", "agent")
	f.allow(note, "update", "author")
	f.allow(note, "delete", "author manager")

	tag = f.class("tag", "name")
	f.allow(tag, "read", "agent")
	f.allow(tag, "create", "agent")
	f.allow(tag, "all", "manager")
	return f, user, customer, note, tag
}
