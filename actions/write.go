package actions

import (
	"context"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// target is one existing row that a write is about, with everything that must
// hold for it: the write is a guarded change, so the store checks it again inside
// the transaction, on the row before and after.
type target struct {
	class *schema.Class
	id    string
	key   []schema.Value
	verb  string
	d     *authz.Decision // on verb
	match *If
	// filter is a client's guard on the item: no match is not found.
	filter schema.Expr
	// when must hold, else the state forbids it.
	when     schema.Expr
	whenText string
	// after: the verb's row condition must hold for the row as stored, too.
	after bool
	view  *boundView
	// tests are conditions of rights that a removal needs beside that of d.
	tests []schema.Expr
	// last: nothing of the plan follows the change but its answer.
	last bool
	// file, when not nil, is the field that the write is about: its content has an entity tag of its own.
	file *schema.Field
}

// prepare hashes the secrets of an input, before the transaction: it is slow on purpose.
func (in *input) prepare(ctx context.Context, x *Exec) error {
	for _, i := range in.secrets {
		if in.values[i].Value.IsNull() {
			continue
		}
		stored, err := x.HashPassword(ctx, in.values[i].Value.Text())
		if err != nil {
			return err
		}
		in.values[i].Value = schema.NewText(stored)
	}
	in.secrets = nil
	return nil
}

// permitInput refuses fields that the subject may not set.
func (x *Exec) permitInput(c *schema.Class, in *input) error {
	if len(in.refused) == 0 {
		return nil
	}
	e := x.refuse(c, "set these fields of")
	if e.Code == Forbidden {
		e.Detail, e.Errors = in.refused[0].Detail, in.refused
	}
	return e
}

// references finds the rows that an input points at and makes sure the subject
// may see them: pointing at a hidden row is pointing at none.
func (x *Exec) references(ctx context.Context, tx storage.Tx, in *input) ([]storage.Assign, []storage.Links, error) {
	var p problems
	set := in.values
	if len(in.lookups) > 0 {
		set = append(make([]storage.Assign, 0, len(in.values)+len(in.lookups)), in.values...)
	}
	for _, a := range in.values {
		if a.Field.Ref == nil || a.Value.IsNull() {
			continue
		}
		at, given := in.given[a.Field]
		to := a.Field.Ref.To
		guard := x.within(to) // what is ours is of the same organization, too
		if given {
			guard = x.Guard(to)
		}
		if guard == nil && !in.loose && (!given || !to.SoftDelete) {
			continue // the foreign key says it all
		}
		found, err := x.find(ctx, tx, to, to.Key, []schema.Value{a.Value}, guard)
		if err != nil {
			return nil, nil, err
		}
		if found == nil {
			p.pointer(at, string(ReferenceMissing), "There is no such "+to.Name+".", "")
		}
	}
	for _, l := range in.lookups {
		to := l.field.Ref.To
		found, err := x.find(ctx, tx, to, l.by, l.vals, x.Guard(to))
		if err != nil {
			return nil, nil, err
		}
		if found == nil {
			p.pointer(l.at, string(ReferenceMissing), "There is no such "+to.Name+".", "")
			continue
		}
		set = append(set, storage.Assign{Field: l.field, Value: found[0]})
	}
	links, err := x.linkSets(ctx, tx, in, &p)
	if err != nil {
		return nil, nil, err
	}
	if len(p.list) > 0 {
		return nil, nil, &Error{Code: ReferenceMissing, Detail: p.list[0].Detail, Errors: p.list}
	}
	return set, links, nil
}

// find returns the key of the one live row with these values, or nil.
func (x *Exec) find(ctx context.Context, tx storage.Reader, c *schema.Class, by []*schema.Field, vals []schema.Value, guard schema.Expr) ([]schema.Value, error) {
	q := &storage.Query{Class: c, Where: guard, Limit: 1}
	if sameFields(c.Key, by) {
		q.Key = make([]schema.Value, len(by))
		for i, k := range c.Key {
			for j, f := range by {
				if f == k {
					q.Key[i] = vals[j]
				}
			}
		}
	} else {
		all := make([]schema.Expr, 0, len(by)+1)
		for i, f := range by {
			all = append(all, equals(f, vals[i]))
		}
		q.Where = conj(append(all, guard)...)
	}
	for _, k := range c.Key {
		q.Columns = append(q.Columns, storage.Column{Field: k})
	}
	page, err := tx.Read(ctx, q)
	if err != nil || len(page.Rows) == 0 {
		return nil, err
	}
	return page.Rows[0].Key(c), nil
}

// literally keeps the wildcards of a pattern from being any.
var literally = strings.NewReplacer(`\`, `\\`, `*`, `\*`)

// equals compares a field the way its unique indexes do.
func equals(f *schema.Field, v schema.Value) schema.Expr {
	p := &schema.Path{Field: f, Type: f.Type}
	if f.Ref == nil && f.Type.Traits().Fold {
		return schema.Like{X: p, Pattern: literally.Replace(v.Text())}
	}
	return schema.Compare{Op: schema.Eq, Left: p, Right: schema.Lit{Value: v}}
}

func (x *Exec) linkSets(ctx context.Context, tx storage.Tx, in *input, p *problems) ([]storage.Links, error) {
	var out []storage.Links
	for i := range in.links {
		l := &in.links[i]
		add, err := x.linkKeys(ctx, tx, l.field, l.add, l.field.Many.Create, p)
		if err != nil {
			return nil, err
		}
		// What is to be removed and is not there is not there already.
		var gone problems
		remove, err := x.linkKeys(ctx, tx, l.field, l.remove, false, &gone)
		if err != nil {
			return nil, err
		}
		out = append(out, storage.Links{Field: l.field, Replace: l.replace, Add: add, Remove: remove})
	}
	return out, nil
}

// keepUnseen keeps the members of a replaced set that the subject cannot see:
// whoever sends back the set as it was shown must not drop the rest unknowingly.
func (x *Exec) keepUnseen(ctx context.Context, tx storage.Reader, t *target, links []storage.Links) error {
	for i := range links {
		l := &links[i]
		rel := l.Field.Many.Rel
		var unseen schema.Or
		if guard := x.Guard(rel.To); guard != nil {
			unseen = append(unseen, schema.Not{X: guard})
		}
		if f := rel.To.DeletedAt; f != nil {
			unseen = append(unseen, schema.Not{X: schema.IsNull{X: &schema.Path{Field: f, Type: f.Type}}})
		}
		if !l.Replace || len(unseen) == 0 {
			continue
		}
		page, err := tx.Read(ctx, &storage.Query{
			Class: rel.To, Columns: keyColumns(rel.To), Deleted: storage.WithDeleted, Limit: -1,
			Where: schema.And{schema.Exists{Rel: rel.Back, Where: keyIs(t.class, t.key)}, unseen},
		})
		if err != nil {
			return err
		}
		for k := range page.Rows {
			l.Add = append(l.Add, page.Rows[k].Key(rel.To)[0])
		}
	}
	return nil
}

func (x *Exec) linkKeys(ctx context.Context, tx storage.Tx, f *schema.Field, items []linkItem, create bool, p *problems) ([]schema.Value, error) {
	var out []schema.Value
	to := f.Many.To
	guard := x.Guard(to)
next:
	for i := range items {
		it := &items[i]
		by, vals := it.by, it.vals
		if by == nil {
			by, vals = to.Key, []schema.Value{it.key}
		}
		key, err := x.find(ctx, tx, to, by, vals, guard)
		if err != nil {
			return nil, err
		}
		if key == nil && create && len(it.by) == 1 && it.by[0] == f.Many.By {
			if key, err = x.makeNamed(ctx, tx, to, by, vals); err != nil {
				return nil, err
			}
		}
		if key == nil {
			p.pointer(it.at, string(ReferenceMissing), "There is no such "+to.Name+".", "")
			continue
		}
		for _, have := range out {
			if schema.Equal(have, key[0]) {
				continue next
			}
		}
		out = append(out, key[0])
	}
	return out, nil
}

// makeNamed creates the row behind an unknown name of a `many … create: true`
// field, with the caller's own right to create one.
func (x *Exec) makeNamed(ctx context.Context, tx storage.Tx, c *schema.Class, by []*schema.Field, vals []schema.Value) ([]schema.Value, error) {
	d := x.Decide(c, authz.Create)
	if err := x.permit(d, c, authz.Create); err != nil {
		return nil, err
	}
	in := &input{class: c, given: map[*schema.Field]string{}}
	for i, f := range by {
		in.values = append(in.values, storage.Assign{Field: f, Value: vals[i]})
		in.given[f] = ""
	}
	var p problems
	b := inputBinder{x: x, c: c, m: creating, verb: d, get: x.Decide(c, authz.Get), p: &p, in: in}
	b.complete()
	if err := p.err(); err != nil {
		return nil, err
	}
	row, _, err := x.insert(ctx, tx, in, d, nil, false)
	if err != nil {
		return nil, err
	}
	return row.Key(c), nil
}

// insert makes one row and reads it back as the view shows it. The view is
// returned, because who creates an organization sees it with other eyes.
func (x *Exec) insert(ctx context.Context, tx storage.Tx, in *input, d *authz.Decision, v *boundView, last bool) (*storage.Row, *boundView, error) {
	y, err := x.inside(ctx, tx, in.class, nil, in)
	if err != nil {
		return nil, nil, err
	}
	set, links, err := y.references(ctx, tx, in)
	if err != nil {
		return nil, nil, err
	}
	founds := x.founds(in.class)
	ch := &storage.Change{Op: storage.Insert, Class: in.class, Set: set, Links: links, Return: x.readBack(in.class, v), Final: last && !founds && x.ends(v)}
	ch.After = x.rights(nil, in.class, authz.Create, d, in.tests)
	row, err := tx.Apply(ctx, ch)
	if err == nil && founds {
		return x.founded(ctx, tx, row, v)
	}
	return row, v, x.stored(err, in)
}

// rights appends the guards of a decision and of the fields being set.
func (x *Exec) rights(gs []storage.Guard, c *schema.Class, verb string, d *authz.Decision, tests []schema.Expr) []storage.Guard {
	if d.Effect == authz.Conditional {
		gs = append(gs, storage.Guard{Where: x.Resolve(d.Where), Err: x.refuse(c, verb)})
	}
	for _, t := range tests {
		gs = append(gs, storage.Guard{Where: t, Err: Errorf(Forbidden, "You may not set some of these fields on this row.")})
	}
	return gs
}

// readBack is the query that answers a write: the view, and as last test
// whether the subject may see the row at all.
func (x *Exec) readBack(c *schema.Class, v *boundView) *storage.Query {
	if v == nil {
		return &storage.Query{Class: c, Columns: keyColumns(c)}
	}
	q := v.query
	q.Tests = append(q.Tests[:len(q.Tests):len(q.Tests)], x.sight(c))
	return &q
}

func keyColumns(c *schema.Class) []storage.Column {
	out := make([]storage.Column, len(c.Key))
	for i, f := range c.Key {
		out[i] = storage.Column{Field: f}
	}
	return out
}

func (x *Exec) sight(c *schema.Class) schema.Expr {
	if g := x.Guard(c); g != nil {
		return g
	}
	return schema.Const(true)
}

// sees reads the last test of readBack and takes it out of the row.
func sees(v *boundView, r *storage.Row) bool {
	n := len(v.query.Tests)
	seen := r.Test(n)
	r.Tests &^= 1 << uint(n)
	return seen
}

// update changes one existing row: guards, references, the change, the answer.
func (x *Exec) update(ctx context.Context, tx storage.Tx, t *target, in *input, op storage.Op) (*storage.Row, error) {
	x, err := x.inside(ctx, tx, t.class, t.key, in)
	if err != nil {
		return nil, err
	}
	version, in, err := x.before(ctx, tx, t, in)
	if err != nil {
		return nil, err
	}
	set, links, err := x.references(ctx, tx, in)
	if err != nil {
		return nil, err
	}
	if err := x.keepUnseen(ctx, tx, t, links); err != nil {
		return nil, err
	}
	ch := &storage.Change{
		Op: op, Class: t.class, Key: t.key, IfVersion: version,
		Before: x.guards(t, in.tests), Set: x.touch(t.class, set), Links: links,
		Return: x.readBack(t.class, t.view),
		Final:  t.last && x.ends(t.view) && !x.resecures(t, set),
	}
	if op == storage.Restore {
		ch.Deleted = storage.WithDeleted
	}
	if t.after {
		ch.After = x.rights(nil, t.class, t.verb, t.d, in.tests)
	}
	row, err := tx.Apply(ctx, ch)
	if err != nil {
		return nil, x.failed(ctx, tx, t, x.stored(err, in))
	}
	return row, x.resecured(ctx, tx, t, set)
}

// resecured ends what was opened with a secret that has changed: the other
// sessions of the user. Whoever changed it goes on.
func (x *Exec) resecured(ctx context.Context, tx storage.Tx, t *target, set []storage.Assign) error {
	if !x.resecures(t, set) {
		return nil
	}
	return x.EndSessions(ctx, tx, schema.FormatKey(t.class, t.key), x.Subject.Session)
}

// resecures reports whether a change sets a secret that sessions were opened with.
func (x *Exec) resecures(t *target, set []storage.Assign) bool {
	if t.class != x.Schema.Login || x.EndSessions == nil {
		return false
	}
	return slices.ContainsFunc(set, func(a storage.Assign) bool { return a.Field == t.class.Auth.Secret })
}

// ends reports whether a change that is answered by a view may end the
// transaction: whatever else the answer needs would have to be read, or refused, after it.
func (x *Exec) ends(v *boundView) bool {
	return x.Alone && (v == nil || len(v.watch) == 0 && len(v.query.Expand) == 0)
}

// touch sets the fields that follow every write.
func (x *Exec) touch(c *schema.Class, set []storage.Assign) []storage.Assign {
next:
	for _, f := range c.Fields {
		if f.Auto != schema.AutoUpdated {
			continue
		}
		for _, a := range set {
			if a.Field == f {
				continue next
			}
		}
		set = append(set, storage.Assign{Field: f, Value: nowValue(x.Now, f.Type)})
	}
	return set
}

// remove deletes one row, softly or for good.
func (x *Exec) remove(ctx context.Context, tx storage.Tx, t *target, op storage.Op) error {
	version, _, err := x.before(ctx, tx, t, &input{class: t.class})
	if err != nil {
		return err
	}
	ch := &storage.Change{Op: op, Class: t.class, Key: t.key, IfVersion: version, Before: x.guards(t, t.tests), Final: t.last && x.Alone}
	switch {
	case op == storage.SoftDelete:
		ch.Set = x.touch(t.class, []storage.Assign{{Field: t.class.DeletedAt, Value: nowValue(x.Now, t.class.DeletedAt.Type)}})
	case t.verb == authz.Purge:
		ch.Deleted = storage.WithDeleted
	}
	_, err = tx.Apply(ctx, ch)
	return x.failed(ctx, tx, t, x.stored(err, nil))
}

// guards are the conditions on the row before the change, in the order in
// which their errors are to be told: hidden, then not allowed, then not now.
func (x *Exec) guards(t *target, tests []schema.Expr) []storage.Guard {
	var gs []storage.Guard
	if g := x.Guard(t.class); g != nil {
		gs = append(gs, storage.Guard{Where: g, Err: x.hidden(t.class, t.id)})
	}
	if t.filter != nil {
		gs = append(gs, storage.Guard{Where: t.filter, Err: Errorf(NotFound, "This "+t.class.Name+" does not match the filter.")})
	}
	gs = x.rights(gs, t.class, t.verb, t.d, tests)
	if t.when != nil {
		gs = append(gs, storage.Guard{Where: t.when, Err: Errorf(StateConflict, "The state of this "+t.class.Name+" does not allow it: "+t.whenText+".")})
	}
	return gs
}

// before handles what has to be known of the row ahead of the change: nested
// objects to merge, immutable fields, preconditions that are more than one version.
// It returns the version the change must find, 0 for any, and the settled
// input; in itself stays as it is, for a transaction may run again.
func (x *Exec) before(ctx context.Context, tx storage.Reader, t *target, in *input) (int64, *input, error) {
	version, several := t.match.versions()
	required := t.class.Concurrency == "required" && !t.match.HasMatch && !x.Subject.System
	immutable := in.fixed() || t.file != nil && (t.file.Immutable || t.match.HasMatch)
	if !several && !required && !immutable && len(in.merges) == 0 && len(in.files) == 0 && !t.match.HasNoneMatch {
		return version, in, nil
	}
	q := &storage.Query{Class: t.class, Key: t.key, Where: conj(x.Guard(t.class), t.filter), Limit: 1}
	if t.verb == authz.Restore || t.verb == authz.Purge {
		q.Deleted = storage.WithDeleted
	}
	for _, f := range t.class.Fields {
		if f.Stored() {
			q.Columns = append(q.Columns, storage.Column{Field: f})
		}
	}
	page, err := tx.Read(ctx, q)
	if err != nil {
		return 0, nil, err
	}
	if len(page.Rows) == 0 {
		return 0, nil, x.hidden(t.class, t.id)
	}
	row := &page.Rows[0]
	if required {
		return 0, nil, Errorf(PreconditionRequired, "Writes to "+t.class.Collection+" must carry If-Match with the entity tag that was read.")
	}
	if t.file != nil {
		settled, err := in, t.fixedFile(row, in)
		return t.fileVersion(row), settled, err
	}
	if several {
		version = -1
		for _, tag := range t.match.Match {
			if v, ok := tagVersion(tag); ok && v == row.Version {
				version = v
			}
		}
	}
	for _, tag := range t.match.NoneMatch {
		if v, ok := tagVersion(tag); tag == "*" || ok && v == row.Version {
			version = -1
		}
	}
	if in, err = x.lookedUp(ctx, tx, in); err != nil {
		return 0, nil, err
	}
	settled, err := x.settle(in, row)
	return version, settled, err
}

// fixed reports whether an input names an immutable field, in whatever spelling.
func (in *input) fixed() bool {
	for f, at := range in.given {
		if f.Immutable && at != "" {
			return true
		}
	}
	return false
}

// lookedUp finds the targets of immutable references, so that they can be
// compared with those that are stored. What is not found is left to references.
func (x *Exec) lookedUp(ctx context.Context, tx storage.Reader, in *input) (*input, error) {
	out := *in
	out.lookups = nil
	for _, l := range in.lookups {
		if l.field.Immutable {
			to := l.field.Ref.To
			found, err := x.find(ctx, tx, to, l.by, l.vals, x.Guard(to))
			if err != nil {
				return nil, err
			}
			if found != nil {
				out.values = append(out.values[:len(out.values):len(out.values)], storage.Assign{Field: l.field, Value: found[0]})
				continue
			}
		}
		out.lookups = append(out.lookups, l)
	}
	return &out, nil
}

// settle finishes an input with the stored row: merges nested objects, and lets
// an immutable field be repeated but not changed.
func (x *Exec) settle(in *input, row *storage.Row) (*input, error) {
	var p problems
	kept := make([]storage.Assign, 0, len(in.values)+len(in.merges))
	keep := func(a storage.Assign) {
		at := in.given[a.Field]
		if !a.Field.Immutable || at == "" {
			kept = append(kept, a)
			return
		}
		if !schema.Equal(a.Value, row.Values[a.Field.Index]) {
			p.pointer(at, "immutable", "`"+a.Field.JSON+"` cannot change once it is set.", "")
		}
	}
	for _, a := range in.values {
		keep(a)
	}
	for _, e := range in.files {
		if !e.same(x.Mount, in.class, row) {
			p.pointer(e.at, "read-only", "`"+e.field.JSON+"` is set by sending the content of the file to its link; it may be sent back as it is, or as null.", "")
		}
	}
	for _, m := range in.merges {
		v, bad := m.field.Type.(merger).Merge(row.Values[m.field.Index], m.patch)
		for _, q := range bad {
			p.add(Problem{Code: q.Code, Detail: sentence(problemText{m.field.JSON, q}), Pointer: m.at + q.Pointer, Hint: q.Hint})
		}
		keep(storage.Assign{Field: m.field, Value: v})
	}
	settled := *in
	settled.values, settled.merges, settled.files = kept, nil, nil
	return &settled, p.err()
}

// versions reads If-Match: the one version the row must have (0 any, -1 none
// there can be), or that several tags were named.
func (c *If) versions() (version int64, several bool) {
	if !c.HasMatch {
		return 0, false
	}
	if len(c.Match) == 0 {
		return -1, false // weak tags only: they never match (RFC 9110 §13.1.1)
	}
	if len(c.Match) > 1 {
		return 0, true
	}
	if c.Match[0] == "*" {
		return 0, false
	}
	if v, ok := tagVersion(c.Match[0]); ok {
		return v, false
	}
	return -1, false
}

// written makes the answer of a write of one row, or of one property of it.
func (x *Exec) written(ctx context.Context, tx storage.Tx, outcome Outcome, v *boundView, row *storage.Row, o *Options, property string) (*Result, error) {
	c := v.shown.Class
	res := &Result{Outcome: outcome, Class: c, ID: schema.FormatKey(c, row.Key(c)), DryRun: o.DryRun}
	if !sees(v, row) {
		return res, nil // may write, may not read: no content (H-101)
	}
	var counters []int64
	if len(v.watch) > 0 {
		var err error
		if counters, err = tx.Counters(ctx, v.watch); err != nil {
			return nil, err
		}
	}
	if err := x.budget([]storage.Row{*row}); err != nil {
		return nil, err
	}
	res.View, res.Rows = v.shown, []storage.Row{*row}
	res.Tag = x.itemTag(v, row, counters, property, &o.Output)
	return res, nil
}
