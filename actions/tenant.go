package actions

import (
	"context"
	"errors"
	"slices"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

// Where rows belong to organizations, an action is inside of one of them: it
// names it (Options.Tenant), and Exec.Enter lets in who belongs there. From then on every
// decision on a class below an organization is confined to it by one more
// condition (Exec.Decide), so every query, expansion, filter, reference check and guard is, too.
//
// What a subject may do in an organization is decided by its roles there; rows
// outside know nothing of these. A relation that leads into organizations from
// outside, such as from a user to their tickets, shows those of all organizations of the subject.

// standing is what a subject is in some organizations.
type standing struct {
	subject authz.Subject // with the roles it has there, admitted
	orgs    []schema.Value
	gone    bool // they are deleted: who may restore them still does, and nobody is inside
}

// ErrMoved: what the subject is in its organizations changed between the
// decision and the write. Nothing happened; the action has to start anew.
var ErrMoved = errors.New("memberships changed meanwhile")

// tenancy is what an Exec knows of organizations.
type tenancy struct {
	// org is the organization that everything is confined to; null is none.
	org schema.Value
	// read finds out what the subject is; standings holds that once somebody asked.
	read      func(storage.Reader) ([]standing, error)
	reader    storage.Reader
	standings []standing
	known     bool
	failed    error
	decided   map[question]answer
}

// question is what Decide is asked, and answer what it said: the decision, and
// the authorizer's own one that it confines, nil when it was made of several.
type question struct {
	class *schema.Class
	verb  string
}

type answer struct{ confined, own *authz.Decision }

// Enter puts the subject into the organization that the action is about. A
// stranger learns nothing of one, not even whether it exists.
func (x *Exec) Enter(ctx context.Context, r storage.Reader, a Action) error {
	t := x.Schema.Tenant
	name, ok := x.named(a)
	if t == nil || !ok {
		if name != "" {
			return Errorf(NotFound, "There are no organizations here.")
		}
		return nil
	}
	below := x.below(a)
	x.tenant.reader = r
	x.tenant.read = func(r storage.Reader) ([]standing, error) { return x.belonging(ctx, r, schema.Value{}) }
	if name == "" && t.From != "path" && below && !x.Subject.System {
		return x.only(a)
	}
	switch {
	case name == "" && (!below || x.Subject.System):
		return nil
	case name == "":
		return Errorf(NotFound, "Every "+a.On()+" belongs to an organization; say to which.")
	case x.Subject.Anonymous():
		if below {
			return Errorf(AuthenticationRequired, "Log in first.")
		}
		return nil
	}
	key, err := schema.ParseKey(t.Class, name)
	if err != nil {
		return x.hidden(t.Class, name)
	}
	if x.tenant.org = key[0]; x.Subject.System {
		return nil
	}
	x.tenant.read = func(r storage.Reader) ([]standing, error) { return x.belonging(ctx, r, key[0]) }
	inside := slices.ContainsFunc(x.standings(), func(s standing) bool { return !s.gone })
	if below && !inside && x.tenant.failed == nil {
		return x.hidden(t.Class, name)
	}
	return x.tenant.failed
}

// Failed is the error of a store that could not say what the subject is.
func (x *Exec) Failed() error { return x.tenant.failed }

// named is the organization that an action names, by itself, through the row its
// path starts from, or by the token it came with. ok is false when these contradict each other.
func (x *Exec) named(a Action) (name string, ok bool) {
	t := x.Schema.Tenant
	name = a.Common().Tenant
	if t == nil {
		return name, true
	}
	if p := parentOf(a); x.inward(p) {
		if name != "" && name != p.ID {
			return name, false
		}
		name = p.ID
	}
	if name == "" && t.From == "claim" {
		name = x.Subject.Tenant
	}
	return name, true
}

// below reports whether an action is about rows of organizations. Reading them
// through a relation of a row outside is not: it shows those of all one's organizations.
func (x *Exec) below(a Action) bool {
	if p := parentOf(a); p != nil {
		if from := x.Schema.Class(p.Class); from != nil && from.Tenant != nil || x.inward(p) {
			return true
		}
		switch a.(type) {
		case *Search, *Related:
			return false
		}
	}
	c := x.Schema.Class(a.On())
	return c != nil && c.Tenant != nil
}

// inward reports whether a path leads from an organization to what belongs to it.
func (x *Exec) inward(p *Parent) bool {
	t := x.Schema.Tenant
	if p == nil || p.Class != t.Class.Name {
		return false
	}
	r := t.Class.Relation(p.Relation)
	return r != nil && r.Field == r.To.Tenant
}

// parentOf is the row that the path of an action starts from, or nil.
func parentOf(a Action) *Parent {
	switch a := a.(type) {
	case *Search:
		return a.Parent
	case *Related:
		return &a.Parent
	case *Create:
		return a.Parent
	case *PatchEach:
		return a.Parent
	case *PatchWhere:
		return a.Parent
	case *DeleteWhere:
		return a.Parent
	}
	return nil
}

// only enters the one organization of a subject that has no other and names none.
func (x *Exec) only(a Action) error {
	if x.Subject.Anonymous() {
		return Errorf(AuthenticationRequired, "Log in first.")
	}
	all := slices.DeleteFunc(slices.Clone(x.standings()), func(s standing) bool { return s.gone })
	switch {
	case x.tenant.failed != nil:
		return x.tenant.failed
	case len(all) == 1 && len(all[0].orgs) == 1:
		x.tenant.org = all[0].orgs[0]
		return nil
	case x.Schema.Tenant.From == "header":
		return Errorf(BadHeader, "Say in the header field "+TenantHeader+" which organization is meant.")
	}
	return Errorf(Forbidden, "The token does not say in its claim `tenant` which organization is meant.")
}

// TenantHeader is the header field that names the organization where the schema says `from: header`.
const TenantHeader = "X-Tenant"

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
	return []standing{{subject: x.as(nil), orgs: []schema.Value{org}}}, nil
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
	s := x.as(roles)
	for i := range all {
		if all[i].subject.RoleSet == s.RoleSet && all[i].gone == gone {
			all[i].orgs = append(all[i].orgs, org)
			return all
		}
	}
	return append(all, standing{subject: s, orgs: []schema.Value{org}, gone: gone})
}

// as is the subject with more roles.
func (x *Exec) as(roles []string) authz.Subject {
	s := *x.Subject
	s.Tenant, s.Roles = "", slices.Concat(s.Roles, roles)
	x.Authorizer.Admit(&s)
	return s
}

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
	if consider(); c != x.Schema.Tenant.Class || len(could) == 0 {
		for _, role := range x.Schema.Roles {
			consider(role.Name)
		}
	}
	if len(could) == 0 {
		return d
	}
	return authz.Withheld(c, could...)
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
