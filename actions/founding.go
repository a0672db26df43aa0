package actions

import (
	"context"
	"errors"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// founds reports whether inserting a row of the class makes an organization whose
// creator has to be written down.
func (x *Exec) founds(c *schema.Class) bool {
	t := x.Schema.Tenant
	return t != nil && c == t.Class && t.Creator != "" && !x.Subject.System
}

// permitFounding refuses those who could not become what creators become.
func (x *Exec) permitFounding(c *schema.Class) error {
	if x.founds(c) && x.Subject.Anonymous() {
		return Errorf(AuthenticationRequired, "Log in to create "+c.Collection+".")
	}
	return nil
}

// enroll makes the subject the creator of an organization.
func (x *Exec) enroll(ctx context.Context, tx storage.Tx, org schema.Value) error {
	t := x.Schema.Tenant
	if t.Via == t.Class {
		return nil // the row says so itself
	}
	account := func() error {
		return Errorf(Forbidden, "Whoever creates a "+t.Class.Name+" becomes its "+t.Creator+", and you have no account here.")
	}
	me, err := schema.ParseKey(x.Schema.Login, x.Subject.ID)
	if err != nil {
		return account()
	}
	role, err := t.Role.Type.Parse(t.Creator)
	if err != nil {
		return err
	}
	var p problems
	d := x.Authorizer.Decide(&authz.Subject{System: true}, t.Via, authz.Create)
	in := &input{class: t.Via, given: map[*schema.Field]string{t.Via.Tenant: "", t.Member: "", t.Role: ""}, values: []storage.Assign{
		{Field: t.Via.Tenant, Value: org}, {Field: t.Member, Value: me[0]}, {Field: t.Role, Value: role},
	}}
	b := inputBinder{x: x, c: t.Via, m: creating, verb: d, get: d, p: &p, in: in}
	b.complete()
	if err := p.err(); err != nil {
		return err
	}
	ch := &storage.Change{Op: storage.Insert, Class: t.Via, Set: in.values, Return: x.readBack(t.Via, nil)}
	_, err = tx.Apply(ctx, ch)
	var ref *storage.ReferenceError
	if errors.As(err, &ref) && ref.Field == t.Member {
		return account()
	}
	return x.stored(err, in)
}

// founded reads a new organization as its creator sees it, who was a stranger a moment ago.
func (x *Exec) founded(ctx context.Context, tx storage.Tx, row *storage.Row, v *boundView) (*storage.Row, *boundView, error) {
	c := x.Schema.Tenant.Class
	key := row.Key(c)
	if err := x.enroll(ctx, tx, key[0]); err != nil || v == nil {
		return row, v, err
	}
	y := *x
	y.tenant.known, y.tenant.decided, y.tenant.reader = false, nil, tx
	var p problems
	view := y.bindView(c, v.asked, &p)
	if err := p.err(); err != nil {
		return nil, nil, err
	}
	q := *y.readBack(c, view)
	q.Class, q.Key, q.Limit = c, key, 1
	page, err := tx.Read(ctx, &q)
	if err == nil {
		err = y.tenant.failed
	}
	if err != nil {
		return nil, nil, err
	}
	if len(page.Rows) == 0 {
		return row, v, nil
	}
	return &page.Rows[0], view, nil
}
