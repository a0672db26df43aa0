package actions

import (
	"context"
	"errors"
	"slices"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
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
	x.ctx, x.reader = ctx, r
	if _, several := a.(*Compound); several {
		return nil // each step enters by itself
	}
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
		case *Search, *Aggregate, *Related:
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
	return r != nil && r.To.Tenant != nil && r.Field == r.To.Tenant
}

// parentOf is the row that the path of an action starts from, or nil.
func parentOf(a Action) *Parent {
	switch a := a.(type) {
	case *Search:
		return a.Parent
	case *Aggregate:
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
