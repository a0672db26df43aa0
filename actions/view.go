package actions

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

// boundView is a View bound to a class and to what the subject may see of it.
// query holds what to read for it: columns, tests, expansions.
type boundView struct {
	shown *Shown
	query storage.Query
	// watch are the classes whose changes can change what one known row shows.
	watch []*schema.Class
	// seed starts the fingerprint: everything static about the view.
	seed  uint64
	asked *View // what it was bound from
}

type viewKey struct {
	decision *authz.Decision
	roles    string
	confined bool // to an organization, whichever it is
}

// bindView binds a view; problems name the parameter to blame. A denied class
// is bound as if everything were visible: authorization refuses it next.
func (x *Exec) bindView(c *schema.Class, v *View, p *problems) *boundView {
	plain := v.Fields == nil && len(v.With) == 0
	key := viewKey{roles: x.Subject.RoleSet}
	if x.Schema.Tenant.Org(c) != nil {
		a := x.decideWithin(c, authz.Get)
		key.decision, key.confined = a.own, a.own != a.confined
		plain = plain && a.own != nil
	} else {
		key.decision = x.Decide(c, authz.Get)
	}
	if plain {
		if b, ok := x.views.Load(key); ok {
			return b.(*boundView)
		}
	}
	b := &viewBinder{x: x, p: p}
	out, static := b.bind(c, fieldTree(v.Fields), v.With, depthOf(c, x.Limits.Depth), "")
	out.asked, out.watch = v, out.query.Beyond()
	if len(out.query.Expand) > 0 {
		out.query.Most = 2*x.Limits.Rows + x.Limits.PageMax // what is read beside the answer: the row after a page
	}
	if plain && static {
		x.views.Store(key, out)
	}
	return out
}

func depthOf(c *schema.Class, limit int) int {
	if c.Depth > 0 {
		return c.Depth
	}
	return limit
}

// viewBinder binds one view and those nested in it.
type viewBinder struct {
	x *Exec
	p *problems
}

// bind returns the bound view and whether it is the same for every subject with these roles.
func (b *viewBinder) bind(c *schema.Class, tree *fieldNode, with []With, depth int, at string) (*boundView, bool) {
	d := b.x.Decide(c, authz.Get)
	denied := d.Effect == authz.Denied
	out := &boundView{shown: &Shown{Class: c}, query: storage.Query{Class: c}}
	static := true
	if !denied {
		for _, t := range d.Tests {
			out.query.Tests = append(out.query.Tests, b.x.Resolve(t))
			static = static && !expr.Subjective(t) && !expr.Timed(t) && !leaves(t)
		}
	}
	picks, subtrees := b.names(c, tree, d, at)
	expansions := b.expansions(c, with, subtrees, depth, at)
	need := map[*schema.Field]bool{}
	for _, f := range c.Key {
		need[f] = true
	}
	if c.Prefix != "" && slices.ContainsFunc(c.Fields, isFile) {
		need[c.Tenant] = true // links begin with it
	}
	for _, f := range c.Fields {
		e := expansions.replacing(f)
		if e != nil {
			b.expand(out, e)
			continue
		}
		if b.wanted(c, f, tree, picks, d) {
			m := Member{Name: f.JSON, Prefix: prefix(f.JSON), Field: f}
			if isFile(f) {
				m.Mount = b.x.Mount
			}
			if !denied {
				m.Test = max(d.Mask[f.Index], 0)
			}
			if pick := picks[f]; pick != nil {
				m.Pick = pick.paths()
			}
			out.shown.Members = append(out.shown.Members, m)
			static = b.column(out, f) && static
			delete(need, f)
		}
		if e := expansions.after(f); e != nil {
			b.expand(out, e)
			need[f] = need[f] || !b.wanted(c, f, tree, picks, d)
		}
	}
	for _, e := range expansions.rest() {
		b.expand(out, e)
	}
	for f, missing := range need {
		if missing && f.Stored() {
			out.query.Columns = append(out.query.Columns, storage.Column{Field: f})
		}
	}
	h := newHash().str(b.x.Schema.Revision).str(c.Name)
	if !denied {
		h = h.str(d.ID)
	}
	out.seed = uint64(hashShown(h, out.shown))
	return out, static && len(expansions.list) == 0
}

// wanted reports whether the answer shows the field: named, in `*`, or of the key.
func (b *viewBinder) wanted(c *schema.Class, f *schema.Field, tree *fieldNode, picks map[*schema.Field]*fieldNode, d *authz.Decision) bool {
	if d.Effect != authz.Denied && d.Mask[f.Index] < 0 {
		return false
	}
	if f.WriteOnly || f.Type.Traits().Secret {
		return false
	}
	if _, named := picks[f]; named {
		return true
	}
	if tree.star && f.Shown() {
		return true
	}
	return isKey(c, f)
}

func isKey(c *schema.Class, f *schema.Field) bool {
	if f.Synthetic {
		return true
	}
	for _, k := range c.Key {
		if k == f {
			return true
		}
	}
	return false
}

// column adds what a shown field needs to be read; it reports whether that is
// the same for every subject with these roles.
func (b *viewBinder) column(out *boundView, f *schema.Field) bool {
	if f.Synthetic {
		return true
	}
	col := storage.Column{Field: f}
	if to := relatedClass(f); to != nil {
		col.Guard = b.x.guardOf(f, to)
	}
	out.query.Columns = append(out.query.Columns, col)
	return col.Guard == nil
}

// names resolves the fields a client named: members of the class, members of
// nested objects, and paths into relations (which ask for the relation too).
func (b *viewBinder) names(c *schema.Class, tree *fieldNode, d *authz.Decision, at string) (map[*schema.Field]*fieldNode, map[*schema.Relation]*fieldNode) {
	picks := map[*schema.Field]*fieldNode{}
	subtrees := map[*schema.Relation]*fieldNode{}
	for _, n := range tree.children {
		f := c.Field(n.name)
		if f != nil && (!b.visible(f, d) || f.WriteOnly || f.Type.Traits().Secret) {
			f = nil
		}
		r := c.Relation(n.name)
		if r != nil && !b.usable(r) {
			r = nil
		}
		switch {
		case len(n.children) == 0 && !n.star && f != nil:
			picks[f] = nil
		case r != nil && (len(n.children) > 0 || n.star):
			subtrees[r] = n
		case f != nil && f.Type.Kind() == schema.JSON && f.Many == nil:
			if !hasMembers(f.Type, n) {
				b.p.param("fields", "unknown", "`"+at+n.name+"` has no such member.", "")
				continue
			}
			picks[f] = n
		case r != nil:
			subtrees[r] = &fieldNode{star: true}
		default:
			b.p.param("fields", "unknown", "`"+c.Name+"` has no field `"+excerpt(at+n.name)+"`.", suggest(n.name, b.fieldNames(c, d)))
		}
	}
	return picks, subtrees
}

func (b *viewBinder) visible(f *schema.Field, d *authz.Decision) bool {
	return d.Effect == authz.Denied || d.Mask[f.Index] >= 0
}

func (b *viewBinder) fieldNames(c *schema.Class, d *authz.Decision) []string {
	var out []string
	for _, f := range c.Fields {
		if b.visible(f, d) && !f.WriteOnly {
			out = append(out, f.JSON)
		}
	}
	return append(out, b.relationNames(c)...)
}

// expansion is one relation to be shown.
type expansion struct {
	rel  *schema.Relation
	view *boundView
	q    storage.Query
}

type expansions struct{ list []*expansion }

// replacing returns the expansion that takes the place of a `many` field.
func (e *expansions) replacing(f *schema.Field) *expansion {
	if f.Many == nil {
		return nil
	}
	return e.take(f.Many.Rel)
}

// after returns the expansion shown right after its reference.
func (e *expansions) after(f *schema.Field) *expansion {
	if f.Ref == nil {
		return nil
	}
	return e.take(f.Ref.Rel)
}

func (e *expansions) take(r *schema.Relation) *expansion {
	for _, x := range e.list {
		if x.rel == r {
			return x
		}
	}
	return nil
}

// rest returns the inverses, in the order they were asked for.
func (e *expansions) rest() []*expansion {
	var out []*expansion
	for _, x := range e.list {
		if x.rel.Kind != schema.ToOne && x.rel.Kind != schema.Link {
			out = append(out, x)
		}
	}
	return out
}

func (b *viewBinder) expansions(c *schema.Class, with []With, subtrees map[*schema.Relation]*fieldNode, depth int, at string) *expansions {
	out := &expansions{}
	add := func(r *schema.Relation, w *With) {
		path := at + r.Name
		if depth <= 0 {
			b.p.param("with", "too-deep", "`"+path+"` is nested deeper than this class allows.", "")
			return
		}
		tree := subtrees[r]
		if tree == nil {
			tree = &fieldNode{star: true}
		}
		view, _ := b.bind(r.To, tree, w.With, depth-1, path+".")
		e := &expansion{rel: r, view: view}
		e.q = view.query
		b.x.bindRelated(&e.q, r, &w.Select, b.p, path)
		if _, far, _ := b.x.crossing(r); far != nil {
			e.q.Where = conj(e.q.Where, far)
		}
		out.list = append(out.list, e)
	}
	for i := range with {
		r := c.Relation(with[i].Relation)
		if r == nil || !b.usable(r) {
			b.p.param("with", "unknown", "`"+c.Name+"` has no relation `"+excerpt(at+with[i].Relation)+"`.", suggest(with[i].Relation, b.relationNames(c)))
			continue
		}
		if out.take(r) == nil {
			add(r, &with[i])
		}
	}
	for _, r := range c.Relations { // declared order: a map has none
		if subtrees[r] != nil && out.take(r) == nil {
			add(r, &With{Relation: r.Name})
		}
	}
	return out
}

// usable reports whether the subject may walk the relation: internal classes
// stay inside, and what makes the relation must be visible on some rows.
func (b *viewBinder) usable(r *schema.Relation) bool {
	_, _, hidden := b.x.crossing(r)
	return !hidden && !r.To.Internal
}

func (b *viewBinder) relationNames(c *schema.Class) []string {
	var out []string
	for _, r := range c.Relations {
		if b.usable(r) {
			out = append(out, r.Name)
		}
	}
	return out
}

func (b *viewBinder) expand(out *boundView, e *expansion) {
	name := e.rel.JSON
	if e.rel.Kind == schema.Link {
		name = e.rel.Field.JSON
	}
	var test int8
	if f := e.rel.Field; f != nil && forward(e.rel) {
		if d := b.x.Decide(f.Class, authz.Get); d.Effect != authz.Denied {
			test = max(d.Mask[f.Index], 0)
		}
	}
	out.shown.Members = append(out.shown.Members, Member{
		Name: name, Prefix: prefix(name), Test: test,
		Expand: e.view.shown, Index: len(out.query.Expand), Single: e.rel.Single(),
	})
	out.query.Expand = append(out.query.Expand, storage.Expand{Rel: e.rel, Query: e.q})
}

func prefix(name string) string { return string(schema.AppendQuoted(nil, name)) + ":" }

// fieldNode is a tree of dotted field paths.
type fieldNode struct {
	name     string
	star     bool
	children []*fieldNode
}

// fieldTree reads the paths of fields=; none at all is `*`.
func fieldTree(paths []string) *fieldNode {
	root := &fieldNode{star: paths == nil}
	for _, path := range paths {
		n := root
		for _, part := range strings.Split(path, ".") {
			if part == "*" {
				n.star = true
				break
			}
			n = n.child(part)
		}
	}
	return root
}

func (n *fieldNode) child(name string) *fieldNode {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	c := &fieldNode{name: name}
	n.children = append(n.children, c)
	return c
}

// paths lists the leaves below a node.
func (n *fieldNode) paths() [][]string {
	if n == nil || n.star {
		return nil
	}
	var out [][]string
	for _, c := range n.children {
		below := c.paths()
		if below == nil {
			out = append(out, []string{c.name})
		}
		for _, b := range below {
			out = append(out, append([]string{c.name}, b...))
		}
	}
	return out
}

// hasMembers reports whether every path below the node exists in a nested object.
func hasMembers(t schema.Type, n *fieldNode) bool {
	o, ok := t.(interface {
		Member(name string) *schema.Field
	})
	if !ok {
		return false
	}
	for _, c := range n.children {
		f := o.Member(c.name)
		if f == nil || len(c.children) > 0 && !hasMembers(f.Type, c) {
			return false
		}
	}
	return true
}

// suggest phrases the nearest known word as a hint, or returns "".
func suggest(word string, known []string) string {
	if near := schema.Suggest(word, known); near != "" {
		return "Did you mean `" + near + "`?"
	}
	return ""
}
