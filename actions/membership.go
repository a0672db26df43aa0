package actions

import (
	"context"
	"slices"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// standings is what the subject is in its organizations, in the one it entered if there is one.
func (x *Exec) standings() []standing {
	if x.tenant.known || x.Subject.System || x.Subject.Anonymous() || x.tenant.read == nil {
		return x.tenant.standings
	}
	x.tenant.known = true
	x.tenant.standings, x.tenant.failed = x.tenant.read(x.tenant.reader)
	return x.tenant.standings
}

// Still makes sure, inside the transaction of a write, that the subject still is
// what the decisions were made for: ErrMoved when it is not.
func (x *Exec) Still(tx storage.Tx) error {
	if x.tenant.read == nil || x.Subject.System || x.Subject.Anonymous() {
		return nil
	}
	if !x.tenant.known {
		x.tenant.reader = tx // whoever asks from now on
		return nil
	}
	now, err := x.tenant.read(tx)
	if err != nil {
		return err
	}
	same := slices.EqualFunc(now, x.tenant.standings, func(a, b standing) bool {
		return a.gone == b.gone && a.subject.RoleSet == b.subject.RoleSet && slices.EqualFunc(a.orgs, b.orgs, schema.Equal)
	})
	if !same {
		return ErrMoved
	}
	return nil
}

// belonging reads in which organizations the subject is, and as what; org, unless
// null, is the only one that counts. Users have memberships. Of others, their token knows.
func (x *Exec) belonging(ctx context.Context, r storage.Reader, org schema.Value) ([]standing, error) {
	t, s := x.Schema.Tenant, x.Subject
	if s.Tenant != "" {
		key, err := schema.ParseKey(t.Class, s.Tenant)
		if err != nil || !org.IsNull() && !schema.Equal(org, key[0]) {
			return nil, nil // good for another organization
		}
		org = key[0]
	}
	if t.Via != nil {
		all, err := x.memberships(ctx, r, org)
		if err != nil || len(all) > 0 || s.User != nil {
			return all, err
		}
	}
	if s.Tenant == "" {
		return nil, nil
	}
	page, err := r.Read(ctx, &storage.Query{Class: t.Class, Key: []schema.Value{org}, Limit: 1})
	if err != nil || len(page.Rows) == 0 {
		return nil, err
	}
	return []standing{{subject: x.as(nil, org), orgs: []schema.Value{org}}}, nil
}

// memberships reads the rows that say where a user belongs.
func (x *Exec) memberships(ctx context.Context, r storage.Reader, org schema.Value) ([]standing, error) {
	t := x.Schema.Tenant
	me, err := schema.ParseKey(x.Schema.Login, x.Subject.ID)
	if err != nil {
		return nil, nil
	}
	f := t.Org(t.Via)
	where := equal(t.Member, me[0])
	if !org.IsNull() {
		where = conj(equal(f, org), where)
	}
	q := &storage.Query{Class: t.Via, Where: where, Limit: -1, Columns: []storage.Column{{Field: f}}}
	switch {
	case !t.Class.SoftDelete:
		q.Tests = []schema.Expr{schema.Const(true)}
	case t.Via == t.Class:
		q.Tests, q.Deleted = []schema.Expr{schema.IsNull{X: &schema.Path{Field: t.Class.DeletedAt, Type: t.Class.DeletedAt.Type}}}, storage.WithDeleted
	default: // relations lead to live rows only
		q.Tests = []schema.Expr{schema.Exists{Rel: f.Ref.Rel, Where: schema.Const(true)}}
	}
	q.Order = append(q.Order, storage.Order{By: &schema.Path{Field: f, Type: f.Type}})
	for _, k := range t.Via.Key {
		if k != f {
			q.Order = append(q.Order, storage.Order{By: &schema.Path{Field: k, Type: k.Type}})
		}
	}
	if t.Role != nil {
		q.Columns = append(q.Columns, storage.Column{Field: t.Role})
	}
	page, err := r.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	var all []standing
	for rows := page.Rows; len(rows) > 0; {
		org, gone := rows[0].Values[f.Index], !rows[0].Test(0)
		var roles []string
		for len(rows) > 0 && schema.Equal(rows[0].Values[f.Index], org) {
			switch {
			case t.Role != nil:
				roles = append(roles, rows[0].Values[t.Role.Index].Text())
			case t.Via == t.Class:
				roles = append(roles, t.Creator) // whose organization it is
			}
			rows = rows[1:]
		}
		all = x.stand(all, roles, org, gone)
	}
	return all, nil
}

// stand adds an organization to those in which the subject has the same roles.
func (x *Exec) stand(all []standing, roles []string, org schema.Value, gone bool) []standing {
	s := x.as(roles, org)
	for i := range all {
		if all[i].subject.RoleSet == s.RoleSet && all[i].gone == gone {
			all[i].orgs = append(all[i].orgs, org)
			return all
		}
	}
	return append(all, standing{subject: s, orgs: []schema.Value{org}, gone: gone})
}

// as is the subject as it is in an organization, where it has more roles.
func (x *Exec) as(roles []string, org schema.Value) authz.Subject {
	s := *x.Subject
	s.Tenant, s.Roles = "", slices.Concat(s.Roles, roles)
	s.Org = schema.FormatKey(x.Schema.Tenant.Class, []schema.Value{org})
	x.Authorizer.Admit(&s)
	return s
}
