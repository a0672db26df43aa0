package load

import (
	"slices"

	"github.com/dowel-dev/dowel/schema"
)

// readTenant reads where tenancy is said.
func (l *loader) readTenant(v value) {
	if !v.given() {
		return
	}
	o := l.object(v, "tenant", "`tenant`")
	l.tenant = o
	l.s.Tenant = &schema.Tenant{Pos: v.pos(), From: l.choice(o.get("from"), "tenant", "from", o.of("from"), "path")}
	if !v.isMap() && !v.isNull() {
		return // said above
	}
	l.tenantMode(o.get("mode"), o.of("mode"))
	if !o.get("class").given() {
		l.report("E011", v.pos(), "", "write `tenant: {class: org}`", "`tenant` does not name the class of organizations")
	} else if text, ok := l.text(o.get("class"), o.of("class")); ok {
		if l.org = l.target(text, o.get("class").pos()); l.org != nil {
			l.s.Tenant.Class = l.org.c
		}
	}
	if text, ok := l.text(o.get("via"), o.of("via")); ok {
		if via := l.target(text, o.get("via").pos()); via != nil {
			l.s.Tenant.Via = via.c
		}
	}
	if text, ok := l.text(o.get("creator"), o.of("creator")); ok && l.globalRole(text, o.get("creator").pos()) {
		l.s.Tenant.Creator = text
		if !o.get("via").given() {
			l.report("E038", o.get("creator").pos(), "where is it written down?", "name the class of memberships: `via: …`",
				"whoever creates an organization cannot become `%s`: no class says who belongs to one", text)
		}
	}
}

// tenantMode refuses what other servers can and this one cannot, rather than take it for what it can.
func (l *loader) tenantMode(v value, what string) {
	if v.given() && v.isScalar() && (v.n.Value == "schema" || v.n.Value == "database") {
		text := v.n.Value
		l.report("E038", v.pos(), "not served", "leave `mode` out; an organization that needs a "+text+" of its own needs a server of its own: `db` in its config.yaml",
			"organizations share the tables of one database and are kept apart by a column: there is no %s for each", text)
		return
	}
	l.choice(v, "tenant", "mode", what, "column")
}

// tenantField gives a class below an organization its reference to it. What
// would be deleted together with an organization has to be deleted first, but for
// memberships: somebody has to be left to delete it.
func (l *loader) tenantField(d *classDecl) {
	if l.org == nil || d == l.org || d.own.get("tenant").given() {
		return
	}
	d.c.Tenanted = true
	if l.s.Tenant.From == "path" {
		d.c.Prefix = "/" + l.org.c.Collection + "/{" + l.org.c.Name + "}"
	}
	name := l.org.c.Name
	if f := d.field(name); f != nil {
		if f.spec == nil {
			return
		}
		if f.f.Ref == nil || f.f.Ref.To != l.org.c || f.f.Optional {
			l.report("E038", f.key.pos(), "taken", "rename it, or write `tenant: none`", "`%s` belongs to an organization: its field `%s` must be a required reference to `%s`", d.c.Name, name, name)
			return
		}
		f.f.Immutable = true
		d.tenant, d.c.Tenant = f.f, f.f
		return
	}
	l.camel = d.camel
	f := &fieldDecl{
		key: d.key, class: d, resolved: true, ref: d.key.pos(),
		spec: &spec{what: "field `" + d.c.Name + "." + name + "`", typ: name, typeAt: d.key.pos(), at: d.key.pos()},
		f: &schema.Field{
			Name: name, JSON: l.json(name + "_id"), Column: name + "_id", Pos: d.key.pos(), Immutable: true,
			Ref: &schema.Ref{To: l.org.c}, Doc: "The organization it belongs to.",
		},
	}
	if d.c == l.s.Tenant.Via {
		f.f.Ref.OnDelete = schema.Cascade
	}
	d.tenant, d.c.Tenant = f.f, f.f
	d.declared = append([]*fieldDecl{f}, d.declared...)
}

// tenancy checks what keeps organizations apart, when every class has its fields.
func (l *loader) tenancy() {
	t := l.s.Tenant
	if t == nil || t.Class == nil {
		return
	}
	for _, d := range l.order {
		if d.tenant == nil {
			continue
		}
		if d == l.login {
			l.report("E038", d.key.pos(), "belongs to an organization", "add `tenant: none`",
				"`%s` is the class of users, who log in before it is known in which organization they are", d.c.Name)
		}
		l.tenantKey(d)
		l.tenantSequences(d)
	}
	l.tenantNames()
	if t.Via != nil {
		l.memberships()
	}
}

// tenantKey refuses keys that clients choose and that would tell whether
// another organization has the same: a key holds across all of them.
func (l *loader) tenantKey(d *classDecl) {
	for _, k := range d.c.Key {
		chosen := k.Auto == schema.NoAuto && !k.ReadOnly
		within := k == d.tenant || k.Ref != nil && l.classes[k.Ref.To.Name].tenant != nil
		if !chosen || within {
			return
		}
	}
	help := "let `id` be generated and declare `" + d.c.Key[0].Name + "` as `unique`, which holds within an organization"
	l.report("E038", l.keyPos(d, d.c.Key[0].Name), "chosen by clients", help,
		"two organizations could not both have a `%s` with the same key", d.c.Name)
}

// tenantSequences makes numbers count within the organization, so that they do
// not tell how much others do.
func (l *loader) tenantSequences(d *classDecl) {
	for _, f := range d.c.Fields {
		if f.Auto == schema.AutoSequence && f.Per == nil && !slices.Contains(d.c.Key, f) {
			f.Per = d.tenant
		}
	}
}

// tenantNames refuses sets that a class outside of organizations shows by names
// which are unique only within one.
func (l *loader) tenantNames() {
	for _, d := range l.order {
		for _, f := range d.declared {
			if f.spec == nil || f.f.Many == nil || f.f.Many.By == nil || d.tenant != nil {
				continue
			}
			if to := l.classes[f.f.Many.To.Name]; to.tenant != nil && f.f.Many.By != to.c.Key[0] {
				l.report("E038", f.spec.find("by").val, "not unique across organizations", "leave `by` out",
					"`%s` is outside of organizations, so `%s.%s` does not name one of its rows", d.c.Name, to.c.Name, f.f.Many.By.Name)
			}
		}
	}
}

// memberships finds out how rows of the class under `via` say who belongs to an
// organization: the reference to the user, and the role.
func (l *loader) memberships() {
	t, via := l.s.Tenant, l.classes[l.s.Tenant.Via.Name]
	pos := l.tenant.get("via").pos()
	if via.tenant == nil && via != l.org {
		l.report("E038", pos, "outside of organizations", "remove its `tenant: none`", "`%s` cannot say who belongs to an organization: it belongs to none", t.Via.Name)
	}
	if l.login == nil {
		l.report("E038", pos, "there are no users", "give the class of users `auth: {login: …, secret: …}`", "`%s` says which users belong to an organization, but no class has `auth`", t.Via.Name)
		return
	}
	for _, f := range via.declared {
		switch {
		case f.spec == nil:
			return // said where it is declared
		case f.f.Ref != nil && l.isLogin(f.f.Ref.To):
			if t.Member == nil || f.f.Name == l.login.c.Name {
				t.Member = f.f
			}
		case f.f.Name == "role":
			l.roleValues(f)
			if f.f.Type != nil && f.f.Type.Kind() == schema.Text && f.f.Ref == nil {
				t.Role = f.f
			}
		}
	}
	if t.Member == nil {
		l.report("E038", pos, "has no user", "add a reference to `"+l.login.c.Name+"`", "`%s` does not refer to `%s`", t.Via.Name, l.login.c.Name)
		return
	}
	if t.Creator != "" && via != l.org {
		l.founder(via)
	}
}

// founder checks that the engine can write down who created an organization.
func (l *loader) founder(via *classDecl) {
	t := l.s.Tenant
	v := l.tenant.get("creator")
	if t.Role == nil {
		l.report("E038", v.pos(), "where is it written down?", "give `"+via.c.Name+"` a field `role`",
			"whoever creates an organization cannot become `%s`: `%s` has no field `role`", t.Creator, via.c.Name)
		return
	}
	if _, err := t.Role.Type.Parse(t.Creator); err != nil {
		l.reportTwo("E038", v.pos(), "not one of its values", t.Role.Pos, "declared here", "", "`role` of `%s` cannot be `%s`", via.c.Name, t.Creator)
	}
	for _, f := range via.declared {
		if f.spec == nil || f.f == t.Member || f.f == t.Role || f.f == via.tenant || !f.required() {
			continue
		}
		l.reportTwo("E038", v.pos(), "nobody gives it", f.key.pos(), "required", "make it `optional` or give it a default",
			"whoever creates an organization cannot become `%s`: `%s.%s` is required too", t.Creator, via.c.Name, f.f.Name)
	}
}
