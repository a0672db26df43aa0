package actions

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// bulkClass finds a class that has bulk operations. The engine itself has them everywhere.
func (x *Exec) bulkClass(name string) (*schema.Class, error) {
	c, err := x.class(name)
	if err != nil {
		return nil, err
	}
	if !c.Bulk && !x.Subject.System {
		return nil, Errorf(NotFound, "`"+c.Name+"` has no bulk operations.")
	}
	return c, nil
}

// permitBulk needs the right to bulk operations, which everybody has whom no
// rule about them narrows; what they do to rows needs its own.
func (x *Exec) permitBulk(d *authz.Decision, c *schema.Class) error {
	if d.Effect == authz.Allowed {
		return nil
	}
	return x.permit(d, c, "write several of")
}

// bulkTests are the conditions that a right to bulk operations puts on rows.
func (x *Exec) bulkTests(d *authz.Decision) []schema.Expr {
	if d.Effect != authz.Conditional {
		return nil
	}
	return []schema.Expr{x.Resolve(d.Where)}
}

// rowID is the id of a row in content, and its place there.
type rowID struct{ id, at string }

// ids reads {"ids": […]}: texts, or numbers as records show them.
func (x *Exec) ids(raw []byte, p *problems) []rowID {
	const at = "/ids"
	if kindOf(raw) != '[' {
		p.pointer(at, "type", "`ids` is an array of ids.", "")
		return nil
	}
	els := elements(raw)
	out := make([]rowID, 0, len(els))
	for i, el := range els {
		at := at + "/" + strconv.Itoa(i)
		switch kind := kindOf(el); {
		case kind == '"':
			out = append(out, rowID{unquote(el), at})
		case kind == '-' || kind >= '0' && kind <= '9':
			out = append(out, rowID{string(el), at})
		default:
			p.pointer(at, "type", "An id is a text or a number.", "")
		}
	}
	return out
}

// bulkUpdatePlan patches rows, each by its own patch or all by one, and counts them.
type bulkUpdatePlan struct {
	eachPlan
	a    *BulkUpdate
	bulk *authz.Decision
}

func bindBulkUpdate(x *Exec, action Action) (Plan, error) {
	a := action.(*BulkUpdate)
	c, err := x.bulkClass(a.Class)
	if err != nil {
		return nil, err
	}
	plan := &bulkUpdatePlan{a: a, bulk: x.Decide(c, authz.Bulk), eachPlan: eachPlan{class: c, options: &a.Options}}
	plan.tests = x.bulkTests(plan.bulk)
	if kindOf(a.Content) != '{' {
		return nil, Invalid(Problem{Code: "type", Detail: "An object is expected: {\"ids\": […], \"set\": {…}}, or id → patch."})
	}
	var p problems
	if ids, set, is := oneForAll(a.Content, &p); is {
		rows := x.ids(ids, &p)
		if len(rows) > x.Limits.Bulk {
			return nil, tooMany(x)
		}
		plan.alike(x, rows, set, &p)
		return plan, p.err()
	}
	eachMember(a.Content, func(id string, raw []byte) bool {
		plan.bind(x, id, raw, &p)
		return len(plan.items) <= x.Limits.Bulk
	})
	switch {
	case len(plan.items) > x.Limits.Bulk:
		return nil, tooMany(x)
	case len(plan.items) == 0 && len(p.list) == 0:
		return nil, Invalid(Problem{Code: "empty", Detail: "Name the rows: {\"ids\": […], \"set\": {…}}, or id → patch."})
	}
	return plan, p.err()
}

// oneForAll takes {"ids": […], "set": {…}} apart; is is false for an object of id → patch,
// whose members are objects.
func oneForAll(content json.RawMessage, p *problems) (ids, set json.RawMessage, is bool) {
	var others []string
	eachMember(content, func(name string, raw []byte) bool {
		switch name {
		case "ids":
			ids = raw
		case "set":
			set = raw
		default:
			others = append(others, name)
		}
		return true
	})
	if ids == nil || kindOf(ids) == '{' {
		return nil, nil, false
	}
	for _, name := range others {
		p.pointer(pointer("", name), "unknown", "Beside `ids` there is `set` alone.", suggest(name, []string{"set"}))
	}
	if set == nil {
		p.pointer("/set", "required", "`set` is required: the members to change in each of the rows.", "")
	}
	return ids, set, true
}

// alike binds one patch for several rows.
func (b *bulkUpdatePlan) alike(x *Exec, rows []rowID, set json.RawMessage, p *problems) {
	for _, row := range rows {
		b.row(x, row.id, row.at, p)
	}
	if set == nil {
		return
	}
	if kindOf(set) != '{' {
		p.pointer("/set", "type", "A patch is a JSON object.", "")
		return
	}
	binder := inputBinder{x: x, c: b.class, m: patching, verb: x.Decide(b.class, authz.Update), get: x.Decide(b.class, authz.Get), p: p, at: "/set"}
	in := binder.bind(set)
	in.tests = append(in.tests, b.tests...)
	for _, w := range b.items {
		w.in = in
	}
}

// Authorize needs the rights to bulk operations and to update.
func (b *bulkUpdatePlan) Authorize(x *Exec) error {
	if err := x.permitBulk(b.bulk, b.class); err != nil {
		return err
	}
	if err := x.permit(x.Decide(b.class, authz.Update), b.class, authz.Update); err != nil {
		return err
	}
	return b.eachPlan.Authorize(x)
}

// Write patches the rows, all or none.
func (b *bulkUpdatePlan) Write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	if err := b.a.If.ofCollection(); err != nil {
		return nil, err
	}
	for _, w := range b.items {
		t := w.target
		if _, err := x.update(ctx, tx, &t, w.in, storage.Update); err != nil {
			return nil, atPlace(err, w.at)
		}
	}
	return bulkCount(b.class, "updated", len(b.items), b.options), nil
}

func bulkCount(c *schema.Class, name string, n int, o *Options) *Result {
	return &Result{Outcome: Done, Class: c, Counts: []Count{{name, int64(n)}}, DryRun: o.DryRun}
}

// bulkDeletePlan removes rows by their ids and counts them.
type bulkDeletePlan struct {
	a     *BulkDelete
	class *schema.Class
	bulk  *authz.Decision
	d     *authz.Decision
	items []target
	at    []string
}

func bindBulkDelete(x *Exec, action Action) (Plan, error) {
	a := action.(*BulkDelete)
	c, err := x.bulkClass(a.Class)
	if err != nil {
		return nil, err
	}
	plan := &bulkDeletePlan{a: a, class: c, bulk: x.Decide(c, authz.Bulk), d: x.Decide(c, authz.Delete)}
	if kindOf(a.Content) != '{' {
		return nil, Invalid(Problem{Code: "type", Detail: "An object is expected: {\"ids\": […]}."})
	}
	var p problems
	var ids json.RawMessage
	eachMember(a.Content, func(name string, raw []byte) bool {
		if name == "ids" {
			ids = raw
		} else {
			p.pointer(pointer("", name), "unknown", "There is `ids` alone.", suggest(name, []string{"ids"}))
		}
		return true
	})
	if ids == nil {
		p.pointer("/ids", "required", "`ids` is required.", "")
		return nil, p.err()
	}
	rows := x.ids(ids, &p)
	if len(rows) > x.Limits.Bulk {
		return nil, tooMany(x)
	}
	// The rules for ids are those of an update.
	each := eachPlan{class: c, options: &a.Options}
	for _, row := range rows {
		w := each.row(x, row.id, row.at, &p)
		if w == nil {
			continue
		}
		t := w.target
		t.verb, t.d, t.after, t.tests = authz.Delete, plan.d, false, x.bulkTests(plan.bulk)
		plan.items, plan.at = append(plan.items, t), append(plan.at, row.at)
	}
	return plan, p.err()
}

// Authorize needs the rights to bulk operations and to delete.
func (b *bulkDeletePlan) Authorize(x *Exec) error {
	if err := x.permitBulk(b.bulk, b.class); err != nil {
		return err
	}
	return x.permit(b.d, b.class, authz.Delete)
}

// Write removes the rows, all or none.
func (b *bulkDeletePlan) Write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	if err := b.a.If.ofCollection(); err != nil {
		return nil, err
	}
	for i := range b.items {
		t := b.items[i]
		if err := x.remove(ctx, tx, &t, deletion(b.class)); err != nil {
			return nil, atPlace(err, b.at[i])
		}
	}
	return bulkCount(b.class, "deleted", len(b.items), &b.a.Options), nil
}
