package actions

import (
	"context"
	"slices"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

// decideWithin decides on a class that is below organizations, or is theirs: for
// each organization by the roles that the subject has there.
func (x *Exec) decideWithin(c *schema.Class, verb string) answer {
	q := question{c, verb}
	if a, ok := x.tenant.decided[q]; ok {
		return a
	}
	a := x.weigh(c, verb)
	if x.tenant.decided == nil {
		x.tenant.decided = map[question]answer{}
	}
	x.tenant.decided[q] = a
	return a
}

func (x *Exec) weigh(c *schema.Class, verb string) answer {
	t, org := x.Schema.Tenant, x.tenant.org
	if x.Subject.System || c == t.Class && verb == authz.Create {
		d := x.Authorizer.Decide(x.Subject, c, verb)
		if c == t.Class || org.IsNull() {
			return answer{d, d}
		}
		return answer{authz.Join(c, authz.Part{Rows: equal(c.Tenant, org), Decision: d}), d}
	}
	f := t.Org(c)
	var parts []authz.Part
	var mine []schema.Value
	for i := range x.standings() {
		s := &x.tenant.standings[i]
		orgs := s.orgs
		if s.gone && c != t.Class {
			continue
		}
		if c != t.Class && !org.IsNull() {
			if !slices.ContainsFunc(orgs, func(v schema.Value) bool { return schema.Equal(v, org) }) {
				continue
			}
			orgs = []schema.Value{org}
		}
		mine = append(mine, orgs...)
		d := x.Authorizer.Decide(&s.subject, c, verb)
		if !org.IsNull() || !slices.ContainsFunc(append(d.Tests[:len(d.Tests):len(d.Tests)], d.Where), leaves) {
			parts = append(parts, authz.Part{Rows: among(f, orgs), Decision: d})
			continue
		}
		for _, org := range orgs { // each by itself, for the condition stays inside
			parts = append(parts, authz.Part{Rows: equal(f, org), Decision: d.Map(func(e schema.Expr) schema.Expr { return confined(e, org) })})
		}
	}
	a := answer{}
	switch {
	case c == t.Class:
		others := expr.Not(among(f, mine))
		parts = append(parts, authz.Part{Rows: others, Decision: x.Authorizer.Decide(x.Subject, c, verb)})
	case len(parts) == 1 && !org.IsNull():
		a.own = parts[0].Decision
	}
	a.confined = authz.Join(c, parts...)
	if a.confined.Effect == authz.Denied && (c == t.Class || org.IsNull()) {
		a.confined = x.withheld(c, verb, a.confined)
	}
	return a
}

// withheld turns a refusal into nothing found where a membership would grant the
// verb: rights that depend on memberships are rights that depend on the row.
func (x *Exec) withheld(c *schema.Class, verb string, d *authz.Decision) *authz.Decision {
	var could []*authz.Decision
	consider := func(roles ...string) {
		s := authz.Subject{ID: "0", Roles: roles}
		x.Authorizer.Admit(&s)
		if d := x.Authorizer.Decide(&s, c, verb); d.Effect != authz.Denied {
			could = append(could, d)
		}
	}
	consider()
	for _, role := range x.memberRoles() {
		consider(role)
	}
	if len(could) == 0 {
		return d
	}
	return authz.Withheld(c, could...)
}

// memberRoles are what somebody can be in an organization.
func (x *Exec) memberRoles() []string {
	t := x.Schema.Tenant
	switch {
	case t.Via != nil && t.Via == t.Class:
		return []string{t.Creator}
	case t.Role != nil && len(t.Role.Type.Shape().Enum) > 0:
		return t.Role.Type.Shape().Enum
	case t.Via != nil && t.Role == nil:
		return nil
	}
	all := make([]string, len(x.Schema.Roles))
	for i, role := range x.Schema.Roles {
		all[i] = role.Name
	}
	return all
}

// among is the condition that a field has one of some values.
func among(f *schema.Field, values []schema.Value) schema.Expr {
	switch len(values) {
	case 0:
		return schema.Const(false)
	case 1:
		return equal(f, values[0])
	}
	in := schema.In{X: &schema.Path{Field: f, Type: f.Type}}
	for _, v := range values {
		in.List = append(in.List, schema.Lit{Value: v})
	}
	return in
}

func equal(f *schema.Field, v schema.Value) schema.Expr {
	return schema.Compare{Op: schema.Eq, Left: &schema.Path{Field: f, Type: f.Type}, Right: schema.Lit{Value: v}}
}

// within is the condition that a row of a class is of the organization that
// everything is confined to, nil where there is nothing to hold.
func (x *Exec) within(c *schema.Class) schema.Expr {
	if c.Tenant == nil || x.tenant.org.IsNull() {
		return nil
	}
	return equal(c.Tenant, x.tenant.org)
}

// ours reports whether a key can be that of a row in the organization that the
// action is inside of; most keys do not say.
func (x *Exec) ours(c *schema.Class, key []schema.Value) bool {
	if c.Tenant == nil || x.tenant.org.IsNull() {
		return true
	}
	i := slices.Index(c.Key, c.Tenant)
	return i < 0 || schema.Equal(key[i], x.tenant.org)
}

// confine keeps a condition of the schema's owner within the organization where
// it walks through a class outside: the memberships of a ticket's author are those here.
func (x *Exec) confine(e schema.Expr) schema.Expr {
	if x.tenant.org.IsNull() || !leaves(e) {
		return e
	}
	return confined(e, x.tenant.org)
}

func confined(e schema.Expr, org schema.Value) schema.Expr {
	return expr.WithGuards(e, func(c *schema.Class) schema.Expr {
		if c.Tenant == nil {
			return nil
		}
		return equal(c.Tenant, org)
	})
}

// leaves reports whether a condition comes back into organizations from outside of them.
func leaves(e schema.Expr) (found bool) {
	enters := func(r *schema.Relation) bool {
		return r.From.Tenant == nil && r.To.Tenant != nil && r.From != r.To.Tenant.Ref.To
	}
	expr.Walk(e, func(e schema.Expr) bool {
		if e, ok := e.(schema.Exists); ok {
			found = found || enters(e.Rel)
		}
		return !found
	})
	expr.Operands(e, func(o schema.Operand) {
		if p, ok := o.(*schema.Path); ok {
			found = found || slices.ContainsFunc(p.Steps, func(s schema.Step) bool { return enters(s.Rel) })
			switch f := p.Field; {
			case f.Computed != nil:
				found = found || enters(f.Computed.Rel)
			case f.Many != nil:
				found = found || enters(f.Many.Rel)
			}
		}
	})
	return found
}

// inside returns the Exec as it is for a write of one row: in the organization
// of that row, so that what the row refers to is of the same. It makes a
// difference to the engine itself, which enters none, and to organizations' own rows. A row
// without a key is about to be made of the input.
func (x *Exec) inside(ctx context.Context, tx storage.Reader, c *schema.Class, key []schema.Value, in *input) (*Exec, error) {
	t := x.Schema.Tenant
	f := t.Org(c)
	if f == nil || c != t.Class && !x.tenant.org.IsNull() {
		return x, nil
	}
	var org schema.Value
	var err error
	switch {
	case c == t.Class && key != nil:
		org = key[0]
	case key == nil:
		org, err = x.given(ctx, tx, f, in)
	default:
		org, err = x.orgOf(ctx, tx, c, key)
	}
	if err != nil {
		return nil, err
	}
	if org.IsNull() {
		if c != t.Class || f.Type.Kind() != schema.Int {
			return x, nil // what is missing is reported by whoever misses it
		}
		org = schema.NewInt(noOrg)
	}
	y := *x
	y.tenant.org, y.tenant.decided = org, nil
	return &y, nil
}

// noOrg is a key that no organization has: that of one about to be numbered.
const noOrg = -1 << 63

// given is the organization that an input names, by its key or by a lookup.
func (x *Exec) given(ctx context.Context, tx storage.Reader, f *schema.Field, in *input) (schema.Value, error) {
	for _, a := range in.values {
		if a.Field == f {
			return a.Value, nil
		}
	}
	for _, l := range in.lookups {
		if l.field == f {
			key, err := x.find(ctx, tx, f.Ref.To, l.by, l.vals, nil)
			if err != nil || key == nil {
				return schema.Value{}, err
			}
			return key[0], nil
		}
	}
	return schema.Value{}, nil
}

// orgOf reads the organization of a row; null is that there is no such row.
func (x *Exec) orgOf(ctx context.Context, tx storage.Reader, c *schema.Class, key []schema.Value) (schema.Value, error) {
	page, err := tx.Read(ctx, &storage.Query{
		Class: c, Key: key, Limit: 1, Deleted: storage.WithDeleted, Columns: []storage.Column{{Field: c.Tenant}},
	})
	if err != nil || len(page.Rows) == 0 {
		return schema.Value{}, err
	}
	return page.Rows[0].Values[c.Tenant.Index], nil
}
