package actions

import (
	"context"
	"errors"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

// runPlan executes an action declared in the schema: `when` must hold, then
// `set` is done, or the Go handler runs.
type runPlan struct {
	target
	a       *Run
	action  *schema.Action
	input   []schema.Value // as Action.Input
	refs    *input         // references among the input, to be looked up
	handler Handler
}

func bindRun(x *Exec, action Action) (Plan, error) {
	a := action.(*Run)
	c, err := x.class(a.Class)
	if err != nil {
		return nil, err
	}
	act := declared(c, a.Action)
	if act == nil || act.OnCollection != (a.ID == "") {
		return nil, Errorf(NotFound, "`"+c.Name+"` has no action "+excerpt(a.Action)+" here.")
	}
	var p problems
	plan := &runPlan{a: a, action: act, handler: x.Handlers[c.Name+"."+act.Name]}
	if act.OnCollection {
		plan.target = target{class: c, verb: act.Name, d: x.Decide(c, act.Name), match: &a.If}
	} else if plan.target, err = x.item(a.Class, a.ID, act.Name, nil, &a.View, &a.Options, &p); err != nil {
		return nil, err
	}
	plan.when, plan.whenText = x.Resolve(act.When), act.WhenText
	plan.bindInput(x, &p)
	return plan, p.err()
}

func declared(c *schema.Class, name string) *schema.Action {
	for _, a := range c.Actions {
		if a.Name == name {
			return a
		}
	}
	return c.Action(name)
}

// bindInput reads the content against the action's own little record.
func (r *runPlan) bindInput(x *Exec, p *problems) {
	r.input = make([]schema.Value, len(r.action.Input))
	r.refs = &input{class: r.class, given: map[*schema.Field]string{}, loose: r.handler != nil}
	b := inputBinder{x: x, c: r.class, p: p, in: r.refs, rowless: r.action.OnCollection}
	given := make([]bool, len(r.input))
	if len(r.a.Content) > 0 {
		if kindOf(r.a.Content) != '{' {
			p.pointer("", "type", "A JSON object is expected.", "")
			return
		}
		eachMember(r.a.Content, func(name string, raw []byte) bool {
			i, f := r.member(name)
			at := pointer("", name)
			switch {
			case f == nil:
				p.pointer(at, "unknown", "`"+r.action.Name+"` has no input `"+excerpt(name)+"`.", suggest(name, r.names()))
				return true
			case given[i]:
				p.pointer(at, "duplicate", "`"+name+"` is given twice.", "")
				return true
			}
			given[i] = true
			r.refs.given[f] = at
			switch {
			case isNull(raw):
				b.null(f, at)
			case f.Ref != nil && kindOf(raw) == '{':
				b.lookup(f, raw, at)
			default:
				b.value(f, raw, at)
			}
			return true
		})
	}
	for i, f := range r.action.Input {
		if given[i] {
			continue
		}
		if f.Default != nil {
			v, _ := x.initial(f, r.refs, p, "")
			r.refs.values = append(r.refs.values, v)
		} else if !f.Optional {
			p.pointer(pointer("", f.JSON), "required", "`"+f.JSON+"` is required.", "")
		}
	}
}

func (r *runPlan) member(name string) (int, *schema.Field) {
	for i, f := range r.action.Input {
		if f.JSON == name || f.Name == name {
			return i, f
		}
	}
	return -1, nil
}

func (r *runPlan) names() []string {
	var out []string
	for _, f := range r.action.Input {
		out = append(out, f.JSON)
	}
	return out
}

// Authorize needs the action's own verb.
func (r *runPlan) Authorize(x *Exec) error {
	if err := x.permit(r.d, r.class, r.verb); err != nil {
		return err
	}
	if r.action.Run && r.handler == nil {
		return Errorf(ActionUnavailable, "`"+r.class.Name+"."+r.action.Name+"` is implemented in Go, and this program has no handler for it.")
	}
	if r.view == nil {
		return nil
	}
	return x.permitExpansions(&r.view.query)
}

// Write runs the action.
func (r *runPlan) Write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	if !r.action.OnCollection {
		var err error
		if x, err = x.inside(ctx, tx, r.class, r.key, r.refs); err != nil {
			return nil, err
		}
	}
	set, _, err := x.references(ctx, tx, r.refs)
	if err != nil {
		return nil, err
	}
	values := make([]schema.Value, len(r.input))
	for _, a := range set {
		for i, f := range r.action.Input {
			if f == a.Field {
				values[i] = a.Value
			}
		}
	}
	if r.handler != nil {
		return r.handle(ctx, x, tx, values)
	}
	in := &input{class: r.class, given: map[*schema.Field]string{}}
	for _, a := range r.action.Set {
		in.values = append(in.values, storage.Assign{Field: a.Field, Value: r.assigned(x, a, values)})
	}
	t := r.target
	t.last = true
	row, err := x.update(ctx, tx, &t, in, storage.Update)
	if err != nil {
		return nil, err
	}
	return x.written(ctx, tx, Updated, r.view, row, &r.a.Options, "")
}

// assigned is the value that a member of `set` takes.
func (r *runPlan) assigned(x *Exec, a schema.Assign, input []schema.Value) schema.Value {
	if a.Input != nil {
		for i, f := range r.action.Input {
			if f == a.Input {
				return input[i]
			}
		}
	}
	return expr.ResolveOperand(a.Value, x.bindings())
}

// handle runs the Go side: the row is authorized and `when` holds before it starts.
func (r *runPlan) handle(ctx context.Context, x *Exec, tx storage.Tx, values []schema.Value) (*Result, error) {
	call := &Call{Exec: x, Tx: tx, Action: r.action, ID: r.a.ID, Input: values, view: r.a.View, options: &r.a.Options}
	if r.action.OnCollection {
		return r.handler(ctx, call)
	}
	version, _, err := x.before(ctx, tx, &r.target, &input{class: r.class})
	if err != nil {
		return nil, err
	}
	t := r.target
	q := storage.Query{Class: r.class, Key: r.key, Limit: 1, Lock: true}
	guards := x.guards(&t, nil)
	for _, g := range guards {
		q.Tests = append(q.Tests, g.Where)
	}
	for _, f := range r.class.Fields {
		if f.Stored() {
			q.Columns = append(q.Columns, storage.Column{Field: f})
		}
	}
	page, err := tx.Read(ctx, &q)
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 {
		return nil, x.hidden(r.class, r.id)
	}
	call.Row = &page.Rows[0]
	for i, g := range guards {
		if !call.Row.Test(i) {
			return nil, g.Err
		}
	}
	if version != 0 && version != call.Row.Version {
		return nil, x.failed(ctx, tx, &t, &storage.StaleError{Current: call.Row.Version})
	}
	res, err := r.handler(ctx, call)
	if err == nil && res == nil {
		err = errors.New(r.class.Name + "." + r.action.Name + ": the handler returned no result")
	}
	return res, err
}

// ActionVerb reports whether a verb names an action declared on the class.
func ActionVerb(c *schema.Class, verb string) bool {
	switch verb {
	case authz.List, authz.Get, authz.Create, authz.Update, authz.Delete, authz.Restore, authz.Purge, authz.History, authz.ActAs:
		return false
	}
	return declared(c, verb) != nil
}
