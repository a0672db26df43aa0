package load

import "github.com/dowel-dev/dowel/schema"

// findLogin finds the class whose rows are the users.
func (l *loader) findLogin() {
	for _, d := range l.order {
		e, ok := d.own.keys["auth"]
		if !ok {
			continue
		}
		if l.login != nil {
			l.reportPair("E039", e.key.pos(), "second", l.login.own.keys["auth"].key.pos(), "first", "keep one of them",
				"both `%s` and `%s` are the class of users", l.login.c.Name, d.c.Name)
			continue
		}
		l.login = d
	}
}

// auth reads how users log in.
func (l *loader) auth(d *classDecl) {
	if l.login != d {
		return
	}
	v := d.own.get("auth")
	o := l.object(v, "auth", "`auth` of the class `"+d.c.Name+"`")
	a := &schema.Auth{}
	d.c.Auth, l.s.Login = a, d.c
	if !v.isMap() && !v.isNull() {
		return // said above
	}
	for _, key := range []string{"login", "secret"} {
		if !o.get(key).given() {
			l.report("E011", d.own.keys["auth"].key.pos(), "", "write `auth: {login: email, secret: password}`", "%s does not name its `%s`", o.what, key)
		}
	}
	if f, v := l.authField(d, o, "login"); f != nil {
		a.Login = f
		if !f.Unique && !(len(d.c.Key) == 1 && d.c.Key[0] == f) {
			l.reportTwo("E039", v.pos(), "not unique", f.Pos, "declared here", "add `unique` to it", "users are known by `%s`, which is not unique", f.Name)
		} else if f.Optional || f.Type.Kind() != schema.Text || f.Ref != nil {
			l.reportTwo("E039", v.pos(), "not a required text", f.Pos, "declared here", "", "users are known by `%s`, which must be a required text", f.Name)
		}
	}
	if f, v := l.authField(d, o, "secret"); f != nil {
		a.Secret = f
		if f.Type.Name() != "password" {
			l.reportTwo("E039", v.pos(), "not a password", f.Pos, "declared here", "write `"+f.Name+": password`", "the secret `%s` must have the type `password`", f.Name)
		}
	}
	if f, v := l.authField(d, o, "role"); f != nil {
		a.Role = f
		if f.Type.Kind() != schema.Text || f.Ref != nil {
			l.reportTwo("E039", v.pos(), "not a text", f.Pos, "declared here", "write it as an enum of the roles", "the role `%s` must be a text or an enum", f.Name)
		}
		l.roleValues(d.field(f.Name))
	}
	if f, v := l.authField(d, o, "enabled"); f != nil {
		a.Enabled = f
		if f.Type.Kind() != schema.Bool {
			l.reportTwo("E039", v.pos(), "not a bool", f.Pos, "declared here", "write `"+f.Name+": bool default=true`", "the switch `%s` must be a bool", f.Name)
		}
	}
	if len(d.c.Key) > 1 {
		l.report("E054", d.own.keys["auth"].key.pos(), "", "give it a key of one field", "users cannot have a key of several fields")
	}
}

func (l *loader) authField(d *classDecl, o *object, key string) (*schema.Field, value) {
	v := o.get(key)
	text, ok := l.text(v, o.of(key))
	if !ok {
		return nil, v
	}
	return l.member(d, v, text), v
}

// roleValues checks that the values of an enum of roles are roles.
func (l *loader) roleValues(f *fieldDecl) {
	if f == nil || f.spec == nil {
		return
	}
	for _, v := range f.spec.enum {
		l.globalRole(v.n.Value, v.pos())
	}
}

// The classes of what belongs to accounts and is nobody's to see.
const (
	// SessionClass keeps login sessions.
	SessionClass = "dowel_session"
	// KeyClass keeps API keys.
	KeyClass = "dowel_key"
	// ResetClass keeps the tokens that set a forgotten password.
	ResetClass = "dowel_reset"
)

// appendAccounts adds the internal classes of accounts.
func appendAccounts(s *schema.Schema) {
	appendInternal(s, SessionClass, "DowelSession", "A login session: its refresh token, hashed.",
		ownField("id", "uuid"), ownIndexed("user_id"), ownIndexed("family"), ownUnique("token_hash"),
		ownField("created_at", "datetime"), ownField("expires_at", "datetime"), ownOptional("revoked_at", "datetime"))
	appendInternal(s, KeyClass, "DowelKey", "An API key: its secret, hashed, and what it is good for.",
		ownField("id", "uuid"), ownIndexed("user_id"), ownField("name", "text"), ownUnique("prefix"), ownField("key_hash", "text"),
		ownOptional("roles", "text"), ownOptional("verbs", "text"), ownField("created_at", "datetime"), ownOptional("expires_at", "datetime"),
		ownOptional("used_at", "datetime"), ownOptional("revoked_at", "datetime"))
	appendInternal(s, ResetClass, "DowelReset", "A token that sets a forgotten password, hashed.",
		ownField("id", "uuid"), ownIndexed("user_id"), ownUnique("token_hash"), ownField("created_at", "datetime"), ownField("expires_at", "datetime"))
}
