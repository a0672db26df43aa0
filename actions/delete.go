package actions

import (
	"context"
	"strconv"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// deletePlan removes one row.
type deletePlan struct {
	target
	op      storage.Op
	options *Options
}

func bindDelete(x *Exec, action Action) (Plan, error) {
	a := action.(*Delete)
	var p problems
	t, err := x.item(a.Class, a.ID, authz.Delete, &a.Select, &a.View, &a.Options, &p)
	if err != nil {
		return nil, err
	}
	return &deletePlan{target: t, op: deletion(t.class), options: &a.Options}, p.err()
}

func deletion(c *schema.Class) storage.Op {
	if c.SoftDelete {
		return storage.SoftDelete
	}
	return storage.Delete
}

func bindPurge(x *Exec, action Action) (Plan, error) {
	a := action.(*Purge)
	var p problems
	t, err := x.item(a.Class, a.ID, authz.Purge, nil, nil, &a.Options, &p)
	if err != nil {
		return nil, err
	}
	if !t.class.SoftDelete {
		return nil, Errorf(NotFound, "`"+t.class.Name+"` has no soft delete; DELETE removes its rows.")
	}
	return &deletePlan{target: t, op: storage.Delete, options: &a.Options}, p.err()
}

// Authorize needs the right to delete, or to purge.
func (d *deletePlan) Authorize(x *Exec) error { return x.permit(d.d, d.class, d.verb) }

// Write removes the row.
func (d *deletePlan) Write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	t := d.target
	t.last = true
	if err := x.remove(ctx, tx, &t, d.op); err != nil {
		return nil, err
	}
	return &Result{Outcome: Deleted, Class: d.class, ID: d.id, DryRun: d.options.DryRun}, nil
}

// restorePlan brings a softly deleted row back.
type restorePlan struct {
	target
	options *Options
}

func bindRestore(x *Exec, action Action) (Plan, error) {
	a := action.(*Restore)
	var p problems
	t, err := x.item(a.Class, a.ID, authz.Restore, nil, &a.View, &a.Options, &p)
	if err != nil {
		return nil, err
	}
	if !t.class.SoftDelete {
		return nil, Errorf(NotFound, "`"+t.class.Name+"` has no soft delete, so nothing to restore.")
	}
	t.when = schema.Not{X: schema.IsNull{X: &schema.Path{Field: t.class.DeletedAt, Type: t.class.DeletedAt.Type}}}
	t.whenText = "it is not deleted"
	return &restorePlan{target: t, options: &a.Options}, p.err()
}

// Authorize needs the right to restore.
func (r *restorePlan) Authorize(x *Exec) error {
	if err := x.permit(r.d, r.class, authz.Restore); err != nil {
		return err
	}
	return x.permitExpansions(&r.view.query)
}

// Write restores the row.
func (r *restorePlan) Write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	t := r.target
	t.last = true
	in := &input{class: r.class, given: map[*schema.Field]string{}, values: []storage.Assign{{Field: r.class.DeletedAt}}}
	row, err := x.update(ctx, tx, &t, in, storage.Restore)
	if err != nil {
		return nil, err
	}
	return x.written(ctx, tx, Updated, r.view, row, r.options, "")
}

// wherePlan writes every row that a filter selects, up to a number that the
// client names: more than that is a refusal with the count, and nothing is done.
type wherePlan struct {
	class   *schema.Class
	query   storage.Query
	verb    string
	d, list *authz.Decision
	most    int
	patch   *input // nil deletes
	options *Options
	parent  *parentPlan
	hidden  *storage.Query // of a strict class: a row that is left out
	name    string         // of the count in the answer
}

func (x *Exec) manyRows(class, verb string, parent *Parent, s *Select, most *int, o *Options, p *problems) (*wherePlan, error) {
	c, err := x.class(class)
	if err != nil {
		return nil, err
	}
	w := &wherePlan{class: c, verb: verb, d: x.Decide(c, verb), list: x.Decide(c, authz.List), options: o}
	if w.parent, err = x.bindParent(parent); err != nil {
		return nil, err
	}
	asked := x.conditions(c, s, p, "")
	if w.parent != nil {
		asked = conj(asked, w.parent.children(x))
	}
	w.query = storage.Query{Class: c, Columns: keyColumns(c), Where: conj(x.Resolve(w.list.Where), asked)}
	w.hidden = x.withheldRows(c, w.list, asked, w.query.Deleted)
	switch {
	case !s.Filtered():
		p.param("max_affected", "no-filter", "A write to many rows needs a filter.", "")
	case most == nil:
		p.param("max_affected", "required", "Say with max_affected how many rows it may be at most.", "")
	case *most > x.Limits.Bulk:
		p.param("max_affected", "range", "At most "+strconv.Itoa(x.Limits.Bulk)+" rows are allowed in one request.", "")
	default:
		w.most = *most
	}
	w.query.Order = x.order(c, []Order{}, p, "")
	w.query.Limit = w.most
	w.query.Total = true
	return w, nil
}

func bindPatchWhere(x *Exec, action Action) (Plan, error) {
	a := action.(*PatchWhere)
	var p problems
	w, err := x.manyRows(a.Class, authz.Update, a.Parent, &a.Select, a.MaxAffected, &a.Options, &p)
	if err != nil {
		return nil, err
	}
	b := inputBinder{x: x, c: w.class, m: patching, verb: w.d, get: x.Decide(w.class, authz.Get), p: &p}
	w.patch, w.name = b.bind(a.Content), "updated"
	return w, p.err()
}

func bindDeleteWhere(x *Exec, action Action) (Plan, error) {
	a := action.(*DeleteWhere)
	var p problems
	w, err := x.manyRows(a.Class, authz.Delete, a.Parent, &a.Select, a.MaxAffected, &a.Options, &p)
	if err != nil {
		return nil, err
	}
	w.name = "deleted"
	return w, p.err()
}

// Authorize needs the verb, and the right to list what it is done to.
func (w *wherePlan) Authorize(x *Exec) error {
	if w.parent != nil {
		if err := w.parent.authorize(x); err != nil {
			return err
		}
	}
	if err := x.permit(w.d, w.class, w.verb); err != nil {
		return err
	}
	if err := x.permit(w.list, w.class, authz.List); err != nil {
		return err
	}
	if w.patch == nil {
		return nil
	}
	return x.permitInput(w.class, w.patch)
}

// Prepare hashes passwords.
func (w *wherePlan) Prepare(ctx context.Context, x *Exec) error {
	if w.patch == nil {
		return nil
	}
	return w.patch.prepare(ctx, x)
}

// Write does it to every row selected, or to none.
func (w *wherePlan) Write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	if w.parent != nil {
		if err := w.parent.exists(ctx, x, tx); err != nil {
			return nil, err
		}
	}
	page, err := x.whole(ctx, tx, w.hidden, &w.query)
	if err != nil {
		return nil, err
	}
	if page.Total > int64(w.most) {
		return nil, Errorf(StateConflict, strconv.FormatInt(page.Total, 10)+" rows match, more than max_affected allows; nothing was done.")
	}
	for i := range page.Rows {
		if err := w.one(ctx, x, tx, page.Rows[i].Key(w.class)); err != nil {
			return nil, err
		}
	}
	return &Result{Outcome: Done, Class: w.class, Counts: []Count{{w.name, int64(len(page.Rows))}}, DryRun: w.options.DryRun}, nil
}

func (w *wherePlan) one(ctx context.Context, x *Exec, tx storage.Tx, key []schema.Value) error {
	t := &target{
		class: w.class, id: schema.FormatKey(w.class, key), key: key,
		verb: w.verb, d: w.d, match: &If{}, after: w.patch != nil,
	}
	var err error
	if w.patch == nil {
		err = x.remove(ctx, tx, t, deletion(w.class))
	} else {
		_, err = x.update(ctx, tx, t, w.patch, storage.Update)
	}
	if err != nil {
		return atItem(err, t.id)
	}
	return nil
}
