package actions

import (
	"context"
	"slices"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

// A list of a class with `visibility: strict` is whole or refused: rows that
// the client asks for and may not see are not left out in silence. That such rows exist
// is told, which ones is not. Items stay 404, hidden or missing.

// attempts bounds how often a list is read again because rows changed between the look at what is hidden and the page.
const attempts = 8

// withheldRows is the query for a row that a list would leave out, nil where
// none can be. asked is what the client asks for.
func (x *Exec) withheldRows(c *schema.Class, d *authz.Decision, asked schema.Expr, deleted storage.Deleted) *storage.Query {
	if c.Visibility != "strict" || d.Effect == authz.Allowed {
		return nil
	}
	where := conj(conj(expr.Not(x.Resolve(d.Where)), asked), x.reach(c))
	if where == schema.Expr(schema.Const(false)) {
		return nil
	}
	return &storage.Query{Class: c, Columns: keyColumns(c), Where: where, Deleted: deleted, Limit: 1}
}

// reach is the condition that a row is of an organization that the subject is
// in: those of others are missing, not hidden.
func (x *Exec) reach(c *schema.Class) schema.Expr {
	if c.Tenant == nil || !x.tenant.org.IsNull() || x.Subject.System {
		return x.within(c)
	}
	var mine []schema.Value
	for _, s := range x.standings() {
		if !s.gone {
			mine = append(mine, s.orgs...)
		}
	}
	return among(c.Tenant, mine)
}

// whole reads a list, or refuses it when rows are withheld. Both are of one state of the store.
func (x *Exec) whole(ctx context.Context, r storage.Reader, withheld, list *storage.Query) (*storage.Page, error) {
	if withheld == nil {
		return r.Read(ctx, list)
	}
	look := *withheld
	look.Watch = list.Watch
	for range attempts {
		hidden, err := r.Read(ctx, &look)
		if err != nil {
			return nil, err
		}
		if len(hidden.Rows) > 0 {
			return nil, x.refuseWithheld(look.Class)
		}
		page, err := r.Read(ctx, list)
		if err != nil || slices.Equal(hidden.Counters, page.Counters) {
			return page, err
		}
	}
	return nil, Errorf(ConcurrentChange, "The "+look.Class.Collection+" change too fast to tell whether all of them may be seen.")
}

// refuseWithheld is the answer to a subject that would see a part of what it asks for.
func (x *Exec) refuseWithheld(c *schema.Class) *Error {
	if x.Subject.Anonymous() {
		return x.refuse(c, authz.List)
	}
	return Errorf(Forbidden, "You may not read all "+c.Collection+" that match; ask for fewer of them.")
}
