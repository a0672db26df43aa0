package actions

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// writePlan changes one row: a patch, a replace, or one property.
type writePlan struct {
	target
	in      *input
	options *Options
	// property is the one member that the answer shows.
	property string
	// create, when not nil, makes the row if there is none (PUT where clients choose keys).
	create *createPlan
	// document, when not nil, is a JSON Patch; it is bound once the row is known.
	document *jsonPatch
	// at is where the content names the row, one among several.
	at string
}

// item binds what every action on one row has in common.
func (x *Exec) item(class, id, verb string, s *Select, v *View, o *Options, p *problems) (target, error) {
	c, err := x.class(class)
	if err != nil {
		return target{}, err
	}
	key, err := x.key(c, id)
	if err != nil {
		return target{}, err
	}
	t := target{class: c, id: id, key: key, verb: verb, d: x.Decide(c, verb), match: &o.If}
	if v != nil {
		t.view = x.bindView(c, v, p)
	}
	if s != nil {
		t.filter = x.conditions(c, s, p, "")
	}
	return t, nil
}

func bindPatch(x *Exec, action Action) (Plan, error) {
	a := action.(*Patch)
	var p problems
	t, err := x.item(a.Class, a.ID, authz.Update, &a.Select, &a.View, &a.Options, &p)
	if err != nil {
		return nil, err
	}
	t.after = true
	plan := &writePlan{target: t, options: &a.Options, property: a.Property}
	switch {
	case a.Property != "":
		err = plan.bindProperty(x, a, &p)
	case a.JSONPatch:
		plan.document, err = bindJSONPatch(a.Content)
		plan.in = &input{class: t.class}
	default:
		plan.in = plan.binder(x, &p).bind(a.Content)
	}
	if err != nil {
		return nil, err
	}
	return plan, p.err()
}

func (w *writePlan) binder(x *Exec, p *problems) *inputBinder {
	return &inputBinder{x: x, c: w.class, m: patching, verb: w.d, get: x.Decide(w.class, authz.Get), p: p, key: w.key}
}

// bindProperty patches the one member that the path names; its value is the whole content.
func (w *writePlan) bindProperty(x *Exec, a *Patch, p *problems) error {
	f := w.class.Field(a.Property)
	b := w.binder(x, p)
	if f == nil || !b.visible(f) {
		return Errorf(NotFound, "`"+w.class.Name+"` has no member `"+excerpt(a.Property)+"`.")
	}
	if isFile(f) && isNull(a.Content) {
		w.file = f
	}
	w.view = nil // what is never shown is answered without content
	if !f.WriteOnly && !f.Type.Traits().Secret {
		w.view = x.bindView(w.class, &View{Fields: []string{f.JSON}}, p)
	}
	content := make([]byte, 0, len(a.Content)+len(f.JSON)+4)
	content = append(content, '{')
	content = append(content, prefix(f.JSON)...)
	content = append(content, a.Content...)
	b.whole = true // the value takes the place of what was there
	w.in = b.bind(append(content, '}'))
	fromValue(p.list, f.JSON)
	return nil
}

// fromValue lets the pointers of problems start at the value of a member, which is the whole content.
func fromValue(found []Problem, member string) {
	cut := pointer("", member)
	for i := range found {
		if rest, inside := strings.CutPrefix(found[i].Pointer, cut); inside {
			found[i].Pointer = rest
		}
	}
}

func bindReplace(x *Exec, action Action) (Plan, error) {
	a := action.(*Replace)
	var p problems
	t, err := x.item(a.Class, a.ID, authz.Update, &a.Select, &a.View, &a.Options, &p)
	if err != nil {
		return nil, err
	}
	t.after = true
	plan := &writePlan{target: t, options: &a.Options}
	b := plan.binder(x, &p)
	b.m = replacing
	plan.in = b.bind(a.Content)
	b.complete()
	if t.class.ClientKeyed() {
		plan.create = plan.creation(x, a)
	}
	return plan, p.err()
}

// creation is the same content as a new row with the key of the target.
func (w *writePlan) creation(x *Exec, a *Replace) *createPlan {
	var p problems
	d := x.Decide(w.class, authz.Create)
	b := inputBinder{x: x, c: w.class, m: creating, verb: d, get: x.Decide(w.class, authz.Get), p: &p, key: w.key}
	in := b.bind(a.Content)
	b.complete()
	for i, f := range w.class.Key {
		// The id of a row that is there needs no second look; that of a new one has to fit its field.
		t := keyType(f)
		_, bad := t.Decode(t.AppendJSON(nil, w.key[i]))
		for _, q := range bad {
			p.pointer(pointer("", f.JSON), q.Code, sentence(problemText{f.JSON, q}), q.Hint)
		}
		in.values = append(in.values, storage.Assign{Field: f, Value: w.key[i]})
		in.given[f] = ""
	}
	return &createPlan{a: &Create{Class: a.Class, Options: a.Options}, class: w.class, view: w.view, d: d, inputs: []*input{in}, missed: [][]Problem{p.list}}
}

// Authorize needs the right to update; whether the row may be seen is the row's matter.
func (w *writePlan) Authorize(x *Exec) error {
	if err := x.permit(w.d, w.class, w.verb); err != nil {
		return err
	}
	if err := x.permitInput(w.class, w.in); err != nil {
		return err
	}
	if w.view == nil {
		return nil
	}
	return x.permitExpansions(&w.view.query)
}

// Prepare hashes passwords.
func (w *writePlan) Prepare(ctx context.Context, x *Exec) error {
	if err := w.in.prepare(ctx, x); err != nil {
		return err
	}
	if w.create != nil {
		return w.create.Prepare(ctx, x)
	}
	return nil
}

// Write changes the row, or makes it.
func (w *writePlan) Write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	res, err := w.write(ctx, x, tx)
	var e *Error
	if w.property != "" && errors.As(err, &e) {
		fromValue(e.Errors, w.class.Field(w.property).JSON)
	}
	return res, err
}

func (w *writePlan) write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	if w.create != nil {
		if res, err := w.make(ctx, x, tx); res != nil || err != nil {
			return res, err
		}
	}
	in := w.in
	if w.document != nil {
		var err error
		if in, err = w.patched(ctx, x, tx); err != nil {
			return nil, err
		}
	}
	t := w.target
	t.last = true
	row, err := x.update(ctx, tx, &t, in, storage.Update)
	if err != nil {
		return nil, err
	}
	if w.view == nil {
		return &Result{Outcome: Updated, Class: w.class, ID: w.id, DryRun: w.options.DryRun}, nil
	}
	res, err := x.written(ctx, tx, Updated, w.view, row, w.options, w.property)
	if err == nil && w.property != "" && len(res.Rows) > 0 {
		res.Property = w.view.shown.member(w.property)
	}
	return res, err
}

// make creates the row of a PUT when there is none; nil, nil means there is one.
func (w *writePlan) make(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	guard := x.Guard(w.class)
	page, err := tx.Read(ctx, &storage.Query{Class: w.class, Key: w.key, Deleted: storage.WithDeleted, Limit: 1, Tests: []schema.Expr{x.seenLive(w.class)}})
	if err != nil {
		return nil, err
	}
	exists := len(page.Rows) > 0
	switch {
	case exists && (page.Rows[0].Test(0) || !w.match.HasMatch):
		return nil, nil
	case w.filter != nil || guard != nil && w.create.d.Effect == authz.Denied:
		return nil, x.hidden(w.class, w.id) // a row that is hidden is answered alike
	case w.match.HasMatch:
		return nil, Errorf(PreconditionFailed, "There is no "+w.class.Name+" "+excerpt(w.id)+" to match.")
	}
	if missed := w.create.missed[0]; len(missed) > 0 {
		return nil, Invalid(missed...)
	}
	if err := w.create.Authorize(x); err != nil {
		return nil, err
	}
	row, view, err := x.insert(ctx, tx, w.create.inputs[0], w.create.d, w.view, true)
	if err != nil {
		return nil, err
	}
	return x.written(ctx, tx, Created, view, row, w.options, w.property)
}

// seenLive is the condition that the subject may see a row and that it is not deleted.
func (x *Exec) seenLive(c *schema.Class) schema.Expr {
	if c.DeletedAt == nil || !c.SoftDelete {
		return x.sight(c)
	}
	return schema.And{x.sight(c), schema.IsNull{X: &schema.Path{Field: c.DeletedAt, Type: c.DeletedAt.Type}}}
}

// eachPlan patches several rows, each by its own patch, all or none.
type eachPlan struct {
	class   *schema.Class
	view    *boundView
	options *Options
	items   []*writePlan
	parent  *parentPlan     // every row must belong to it
	tests   []schema.Expr   // of the right to bulk operations, on each row
	named   map[string]bool // rows by their ids
}

func bindPatchEach(x *Exec, action Action) (Plan, error) {
	a := action.(*PatchEach)
	c, err := x.class(a.Class)
	if err != nil {
		return nil, err
	}
	var p problems
	plan := &eachPlan{class: c, options: &a.Options, view: x.bindView(c, &a.View, &p)}
	if plan.parent, err = x.bindParent(a.Parent); err != nil {
		return nil, err
	}
	if kindOf(a.Content) != '{' {
		return nil, Invalid(Problem{Code: "type", Detail: "An object of id → patch is expected."})
	}
	eachMember(a.Content, func(id string, raw []byte) bool {
		plan.bind(x, id, raw, &p)
		return len(plan.items) <= x.Limits.Bulk
	})
	switch {
	case len(plan.items) > x.Limits.Bulk:
		return nil, Invalid(Problem{Code: "too-many", Detail: "At most " + strconv.Itoa(x.Limits.Bulk) + " rows are allowed in one request."})
	case len(plan.items) == 0 && len(p.list) == 0:
		return nil, Invalid(Problem{Code: "empty", Detail: "Name the rows to patch by id, or give filters and max_affected."})
	}
	return plan, p.err()
}

// row adds a row to be patched; nil is that there is something wrong with its id.
func (e *eachPlan) row(x *Exec, id, at string, p *problems) *writePlan {
	key, err := schema.ParseKey(e.class, id)
	if err != nil {
		p.pointer(at, "key", "`"+excerpt(id)+"` cannot be the id of a "+e.class.Name+".", "")
		return nil
	}
	plain := schema.FormatKey(e.class, key)
	if e.named[plain] {
		p.pointer(at, "duplicate", "The row is named twice.", "")
		return nil
	}
	if e.named == nil {
		e.named = map[string]bool{}
	}
	e.named[plain] = true
	w := &writePlan{at: at, options: e.options, target: target{
		class: e.class, id: id, key: key, verb: authz.Update, d: x.Decide(e.class, authz.Update), match: &If{}, after: true, view: e.view,
	}}
	if e.parent != nil {
		w.filter = e.parent.children(x)
	}
	e.items = append(e.items, w)
	return w
}

// bind adds a row with a patch of its own.
func (e *eachPlan) bind(x *Exec, id string, raw []byte, p *problems) {
	at := pointer("", id)
	if kindOf(raw) != '{' {
		p.pointer(at, "type", "A patch is a JSON object.", "")
		return
	}
	w := e.row(x, id, at, p)
	if w == nil {
		return
	}
	rest := make([]byte, 1, len(raw))
	rest[0] = '{'
	eachMember(raw, func(name string, value []byte) bool {
		if name == "$if_match" {
			w.match = itemMatch(value, pointer(at, name), p)
			return true
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = append(append(schema.AppendQuoted(rest, name), ':'), value...)
		return true
	})
	b := w.binder(x, p)
	b.at = at
	w.in = b.bind(append(rest, '}'))
	w.in.tests = append(w.in.tests, e.tests...)
}

// itemMatch reads the entity tag that a member of the patch carries.
func itemMatch(raw []byte, at string, p *problems) *If {
	if kindOf(raw) != '"' {
		p.pointer(at, "type", "`$if_match` is an entity tag.", "")
		return &If{}
	}
	t := unquote(raw)
	if n := len(t); n >= 2 && t[0] == '"' && t[n-1] == '"' {
		t = t[1 : n-1]
	}
	return &If{HasMatch: true, Match: []string{t}}
}

// Authorize needs the right to update, and to see the parent.
func (e *eachPlan) Authorize(x *Exec) error {
	if e.parent != nil {
		if err := e.parent.authorize(x); err != nil {
			return err
		}
	}
	for _, w := range e.items {
		if err := w.Authorize(x); err != nil {
			return err
		}
	}
	return nil
}

// Prepare hashes passwords.
func (e *eachPlan) Prepare(ctx context.Context, x *Exec) error {
	for _, w := range e.items {
		if err := w.in.prepare(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// Write patches the rows; the answer is keyed by id.
func (e *eachPlan) Write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	res := &Result{Outcome: Updated, Class: e.class, View: e.view.shown, List: true, Keyed: true, DryRun: e.options.DryRun, Rows: []storage.Row{}}
	if e.parent != nil {
		if err := e.parent.exists(ctx, x, tx); err != nil {
			return nil, err
		}
	}
	total := 0
	for _, w := range e.items {
		t := w.target
		row, err := x.update(ctx, tx, &t, w.in, storage.Update)
		if err != nil {
			return nil, atPlace(err, w.at)
		}
		if total += countRows([]storage.Row{*row}, x.Limits.Rows); total > x.Limits.Rows {
			return nil, TooManyRows(x.Limits.Rows)
		}
		if sees(e.view, row) {
			res.Rows = append(res.Rows, *row)
		}
	}
	return res, nil
}

// atItem names the row in the error of one among several.
func atItem(err error, id string) error { return atPlace(err, pointer("", id)) }

// atPlace gives an error that names no place the one of its row.
func atPlace(err error, at string) error {
	e, ok := err.(*Error)
	if !ok || len(e.Errors) > 0 {
		return err
	}
	named := *e
	named.Errors = []Problem{{Code: string(e.Code), Detail: e.Detail, Pointer: at}}
	return &named
}
