package actions

import (
	"context"
	"strconv"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// createPlan makes one row or several, all or none.
type createPlan struct {
	a     *Create
	class *schema.Class
	view  *boundView
	d     *authz.Decision
	// conflict is what becomes of a record whose row is there already: fail, skip or update.
	conflict string
	update   *authz.Decision // set where it is update
	inputs   []*input
	missed   [][]Problem // required members that only a row that exists may leave out
	many     bool
	parent   *parentPlan
	join     *joinPlan // nil unless the parent holds the set that the rows join
}

func bindCreate(x *Exec, action Action) (Plan, error) {
	a := action.(*Create)
	c, err := x.class(a.Class)
	if err != nil {
		return nil, err
	}
	var p problems
	plan := &createPlan{a: a, class: c, d: x.Decide(c, authz.Create)}
	if plan.parent, err = x.bindParent(a.Parent); err != nil {
		return nil, err
	}
	plan.join = plan.parent.join(x, &p)
	plan.meeting(x, "")
	plan.view = x.bindView(c, &a.View, &p)
	switch kindOf(a.Content) {
	case '[':
		plan.many = true
		els := elements(a.Content)
		if len(els) > x.Limits.Bulk {
			return nil, Invalid(Problem{Code: "too-many", Detail: "At most " + strconv.Itoa(x.Limits.Bulk) + " items are allowed in one request."})
		}
		for i, el := range els {
			plan.item(x, el, "/"+strconv.Itoa(i), &p)
		}
	default:
		plan.item(x, a.Content, "", &p)
	}
	return plan, p.err()
}

// meeting says what becomes of records whose rows are there; "" is as the class says.
func (c *createPlan) meeting(x *Exec, conflict string) {
	if conflict == "" {
		conflict = ConflictFail
		if c.class.OnConflict == "update" {
			conflict = ConflictUpdate
		}
	}
	if c.conflict = conflict; conflict == ConflictUpdate {
		c.update = x.Decide(c.class, authz.Update)
	}
}

func (c *createPlan) item(x *Exec, raw []byte, at string, p *problems) {
	b := inputBinder{x: x, c: c.class, m: creating, verb: c.d, get: x.Decide(c.class, authz.Get), p: p, at: at}
	if c.parent != nil {
		b.fixParent(c.parent)
	}
	in := b.bind(raw)
	if c.conflict != ConflictFail {
		var missing problems
		own := b.p
		b.p = &missing
		b.complete()
		b.p = own
		c.missed = append(c.missed, missing.list)
	} else {
		b.complete()
	}
	c.inputs = append(c.inputs, in)
}

// fixParent lets the path say where a new row belongs.
func (b *inputBinder) fixParent(p *parentPlan) {
	switch p.rel.Kind {
	case schema.ToMany, schema.InverseOne:
		b.fixed, b.fixedKey = p.rel.Field, p.key[0]
	case schema.LinkInverse:
		// The new row owns the set: the parent becomes its member.
		b.linkParent = &linkInput{field: p.rel.Field, add: []linkItem{{key: p.key[0], at: b.at}}, at: b.at}
	}
}

// Authorize needs the right to create, and to see the parent.
func (c *createPlan) Authorize(x *Exec) error {
	if c.parent != nil {
		if err := c.parent.authorize(x); err != nil {
			return err
		}
	}
	if err := c.permit(x); err != nil {
		return err
	}
	for _, in := range c.inputs {
		if err := x.permitInput(c.class, in); err != nil {
			return err
		}
	}
	if err := c.join.authorize(x); err != nil || c.view == nil {
		return err
	}
	return x.permitExpansions(&c.view.query)
}

// permit needs the right to create at all.
func (c *createPlan) permit(x *Exec) error {
	if err := x.permit(c.d, c.class, authz.Create); err != nil {
		return err
	}
	return x.permitFounding(c.class)
}

// Prepare hashes passwords.
func (c *createPlan) Prepare(ctx context.Context, x *Exec) error {
	for _, in := range c.inputs {
		if err := in.prepare(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// Write makes the rows.
func (c *createPlan) Write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	if err := c.a.If.ofCollection(); err != nil {
		return nil, err
	}
	if c.parent != nil {
		if err := c.parent.exists(ctx, x, tx); err != nil {
			return nil, err
		}
	}
	if !c.many {
		row, view, outcome, err := c.one(ctx, x, tx, 0)
		if err == nil {
			err = c.join.add(ctx, x, tx, c.class, *row)
		}
		if err != nil {
			return nil, err
		}
		return x.written(ctx, tx, outcome, view, row, &c.a.Options, "")
	}
	res := &Result{Outcome: Created, Class: c.class, View: c.view.shown, List: true, DryRun: c.a.DryRun, Rows: []storage.Row{}}
	made := make([]storage.Row, 0, len(c.inputs))
	total := 0
	for i := range c.inputs {
		row, view, outcome, err := c.one(ctx, x, tx, i)
		if err != nil {
			return nil, err
		}
		res.View = view.shown
		res.Mixed = res.Mixed || outcome != Created
		if total += countRows([]storage.Row{*row}, x.Limits.Rows); total > x.Limits.Rows {
			return nil, TooManyRows(x.Limits.Rows)
		}
		made = append(made, *row)
		if sees(view, row) {
			res.Rows = append(res.Rows, *row)
		}
	}
	if err := c.join.add(ctx, x, tx, c.class, made...); err != nil {
		return nil, err
	}
	if len(c.inputs) == 0 {
		res.Outcome = Updated // nothing was made: 200 with an empty list
	}
	return res, nil
}

// one makes one row (Created), or meets the one it collides with: updates it, or
// leaves it as it is (Found, with its key alone).
func (c *createPlan) one(ctx context.Context, x *Exec, tx storage.Tx, i int) (*storage.Row, *boundView, Outcome, error) {
	in := c.inputs[i]
	if c.conflict != ConflictFail {
		key, err := c.existing(ctx, x, tx, in)
		switch {
		case err != nil:
			return nil, nil, 0, err
		case key != nil && c.conflict == ConflictSkip:
			return keyRow(c.class, key), c.view, Found, nil
		case key != nil:
			row, err := c.upsert(ctx, x, tx, in, key)
			return row, c.view, Updated, err
		case len(c.missed[i]) > 0:
			return nil, nil, 0, Invalid(c.missed[i]...)
		}
	}
	row, view, err := x.insert(ctx, tx, in, c.d, c.view, !c.many && c.join == nil)
	return row, view, Created, err
}

// keyRow is a row of which nothing but the key is known.
func keyRow(c *schema.Class, key []schema.Value) *storage.Row {
	row := &storage.Row{Values: make([]schema.Value, len(c.Fields))}
	for i, f := range c.Key {
		row.Values[f.Index] = key[i]
	}
	return row
}

// existing finds the row that has the key, or a unique key, of the input.
func (c *createPlan) existing(ctx context.Context, x *Exec, tx storage.Tx, in *input) ([]schema.Value, error) {
	x, err := x.inside(ctx, tx, c.class, nil, in)
	if err != nil {
		return nil, err
	}
	set, _, err := x.references(ctx, tx, in)
	if err != nil {
		return nil, err
	}
	keys := [][]*schema.Field{c.class.Key}
	for _, u := range c.class.Uniques {
		keys = append(keys, u.Fields)
	}
	for _, by := range keys {
		vals := make([]schema.Value, 0, len(by))
		for _, f := range by {
			for _, a := range set {
				if a.Field == f && !a.Value.IsNull() && !a.Sequence {
					vals = append(vals, a.Value)
				}
			}
		}
		if len(vals) != len(by) {
			continue
		}
		key, err := x.find(ctx, tx, c.class, by, vals, nil)
		if err != nil {
			return nil, err
		}
		if key == nil {
			continue
		}
		if guard := x.Guard(c.class); guard != nil {
			visible, err := x.find(ctx, tx, c.class, by, vals, guard)
			if err != nil {
				return nil, err
			}
			if visible == nil { // as an insert would say it
				return nil, x.stored(&storage.UniqueError{Class: c.class, Fields: by}, in)
			}
		}
		return key, nil
	}
	return nil, nil
}

// upsert updates the members that were given; the rest stays.
func (c *createPlan) upsert(ctx context.Context, x *Exec, tx storage.Tx, in *input, key []schema.Value) (*storage.Row, error) {
	if err := x.permit(c.update, c.class, authz.Update); err != nil {
		return nil, err
	}
	given := *in
	given.values = nil
	for _, a := range in.values {
		if _, ok := in.given[a.Field]; ok && !isKey(c.class, a.Field) {
			given.values = append(given.values, a)
		}
	}
	for f := range in.given {
		switch m := c.update.Mask[f.Index]; {
		case isKey(c.class, f):
		case m < 0:
			return nil, Errorf(Forbidden, "You may not set `"+f.JSON+"`.")
		case m > 0:
			given.tests = append(given.tests, x.Resolve(c.update.Tests[m-1]))
		}
	}
	t := &target{
		class: c.class, id: schema.FormatKey(c.class, key), key: key,
		verb: authz.Update, d: c.update, match: &If{}, after: true, view: c.view,
	}
	return x.update(ctx, tx, t, &given, storage.Update)
}

// ofCollection holds a precondition against a collection, which exists and has no entity tag that a write could name.
func (c *If) ofCollection() error {
	for _, tag := range c.NoneMatch {
		if tag == "*" {
			return Errorf(PreconditionFailed, "The collection exists, so `If-None-Match: *` is false for it.")
		}
	}
	if c.HasMatch && len(c.Match) > 0 && c.Match[0] != "*" {
		return Errorf(PreconditionFailed, "If-Match names a row; a collection has no such entity tag.")
	}
	return nil
}
