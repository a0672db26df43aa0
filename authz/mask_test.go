package authz

import (
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/schema"
)

// masks describes a decision's mask: name, name? (on some rows), without those that are never shown.
func masks(c *schema.Class, d *Decision) string {
	var list []string
	for _, f := range c.Fields {
		switch {
		case d.Always(f):
			list = append(list, f.JSON)
		case d.May(f):
			list = append(list, f.JSON+"?")
		}
	}
	return strings.Join(list, " ")
}

func TestFieldsAreNotJoinedOverLines(t *testing.T) {
	f := schemaOf("author")
	post := f.class("post", "title", "body", "owner", "status")
	published := is(post, "status", "published")
	mine := isMine(post, "owner")
	rule := f.add(post, "read", "anyone", published, false)
	rule.Fields = []string{"title"}
	f.add(post, "read", "author", mine, false)
	r := f.rules(t, "")

	d := r.Decide(as(r, "author"), post, "list")
	if got := masks(post, d); got != "id title body? owner? status?" {
		t.Errorf("author: %s", got)
	}
	if d.Uniform || len(d.Tests) != 1 || !same(d.Tests[0], mine) {
		t.Errorf("tests %v", d.Tests)
	}
	if got := masks(post, r.Decide(as(r, ""), post, "list")); got != "id title" {
		t.Errorf("anonymous: %s", got)
	}
}

func TestDenyOfFields(t *testing.T) {
	f := schemaOf("agent", "manager: agent")
	c := f.class("customer", "name", "email", "phone")
	f.allow(c, "read", "manager agent")
	f.allow(c, "update", "agent")
	f.allow(c, "delete", "agent")
	rule := f.add(c, "all", "agent", nil, true)
	rule.Fields = []string{"phone"}
	secret := is(c, "name", "x")
	rule = f.add(c, "get", "anyone", secret, true)
	rule.Fields = []string{"email"}
	r := f.rules(t, "")
	for verb, want := range map[string]string{"get": "id name email?", "list": "id name email?", "update": "id name email?"} {
		d := r.Decide(as(r, "manager"), c, verb)
		if got := masks(c, d); got != want || d.Effect != Allowed {
			t.Errorf("%s: %s (effect %d), want %s", verb, got, d.Effect, want)
		}
	}
	if d := r.Decide(as(r, "manager"), c, "delete"); d.Effect != Allowed {
		t.Error("a deny of a field forbids to delete")
	}
}

func TestAllowOfFieldsIsNoPermissionForRows(t *testing.T) {
	f := schemaOf("agent")
	c := f.class("customer", "name", "email")
	rule := f.add(c, "all", "agent", nil, false)
	rule.Fields = []string{"name"}
	r := f.rules(t, "")
	for verb, want := range map[string]Effect{"get": Allowed, "update": Allowed, "delete": Denied, "explain": Denied} {
		if d := r.Decide(as(r, "agent"), c, verb); d.Effect != want {
			t.Errorf("%s: %d", verb, d.Effect)
		}
	}
}

func TestReadAndWriteOfFields(t *testing.T) {
	f := schemaOf("agent", "admin: agent")
	c := f.class("person", "name", "email", "salary", "pin", "status")
	rowRole(c, "self", "name")
	c.Field("email").Read = &schema.RoleCond{Global: []string{"admin"}, Row: isMine(c, "name")}
	c.Field("salary").Read = &schema.RoleCond{Global: []string{"admin"}}
	c.Field("pin").WriteOnly = true
	c.Field("status").Write = &schema.RoleCond{Row: isMine(c, "name")}
	f.allow(c, "all", "anyone")
	r := f.rules(t, "")
	for _, row := range []struct{ who, verb, want string }{
		{"", "get", "id name status"},
		{"agent", "get", "id name email? status"},
		{"admin", "get", "id name email salary status"},
		{"system", "get", "id name email salary status"},
		{"", "update", "id name pin"},
		{"agent", "update", "id name email? pin status?"},
		{"admin", "create", "id name email salary pin status?"},
		{"system", "update", "id name email salary pin status"},
		{"agent", "delete", "id name email salary pin status"}, // nothing is set
	} {
		if got := masks(c, r.Decide(as(r, row.who), c, row.verb)); got != row.want {
			t.Errorf("%s %s: %s, want %s", row.who, row.verb, got, row.want)
		}
	}
}

func TestRegister(t *testing.T) {
	f := schemaOf("editor")
	user := f.class("user", "email", "name", "rank")
	user.Fields = append(user.Fields, &schema.Field{Name: "password", JSON: "password", Class: user, Type: schema.MustType("password", schema.Options{})})
	f.Seal()
	user.Auth = &schema.Auth{Login: user.Field("email"), Secret: user.Field("password")}
	editor := &schema.RoleCond{Global: []string{"editor"}}
	user.Field("email").Read, user.Field("rank").Read = editor, editor
	f.allow(user, "create", "anyone")
	r := f.rules(t, "")
	if got := masks(user, r.Decide(as(r, ""), user, "create")); got != "id email name password" {
		t.Errorf("without get: %s", got)
	}
	f.allow(user, "read", "anyone")
	r = f.rules(t, "")
	if got := masks(user, r.Decide(as(r, ""), user, "create")); got != "id email name password" {
		t.Errorf("with get: %s", got)
	}
	if got := masks(user, r.Decide(as(r, ""), user, "get")); got != "id name" {
		t.Errorf("get: %s", got)
	}
}

func TestDeniedHasNoFields(t *testing.T) {
	f, user, _, _, _ := crm()
	r := f.rules(t, "")
	d := r.Decide(as(r, ""), user, "create")
	if got := masks(user, d); got != "" || d.Effect != Denied {
		t.Errorf("%s", got)
	}
}
