package actions

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dowel-dev/dowel/actions/filter"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

// conditions binds the filters of a selection to one condition on the class.
// at prefixes the names in messages, for selections inside an expansion.
func (x *Exec) conditions(c *schema.Class, s *Select, p *problems, at string) schema.Expr {
	if !s.Filtered() {
		return nil
	}
	var all []schema.Expr
	if n := len(s.Filter); n > x.Limits.FilterTerms {
		p.param(at+s.Filter[n-1].Path, "too-many", "At most "+strconv.Itoa(x.Limits.FilterTerms)+" filters are allowed.", "")
		return nil
	}
	for i := range s.Filter {
		all = append(all, x.term(c, &s.Filter[i], p, at))
	}
	if s.Where != "" {
		all = append(all, x.where(c, s.Where, p, at))
	}
	for _, name := range s.Scopes {
		all = append(all, x.scope(c, name, p, at))
	}
	if s.Search != "" {
		all = append(all, x.search(c, s.Search, p, at))
	}
	return conj(all...)
}

func (x *Exec) scopeOf(c *schema.Class) *expr.Scope {
	return &expr.Scope{Schema: x.Schema, Class: c, Login: x.Schema.Login, Mode: expr.Client, May: func(f *schema.Field) bool {
		d := x.Decide(f.Class, authz.Get)
		if d.Effect == authz.Denied {
			return f.Class == c // the class as a whole is refused by Authorize
		}
		return d.Mask[f.Index] >= 0
	}}
}

// term binds one filter, e.g. orders.status=eq:placed.
func (x *Exec) term(c *schema.Class, t *filter.Term, p *problems, at string) schema.Expr {
	name := at + t.Path
	if len(t.Args) > x.Limits.InElements {
		p.param(name, "too-many", "`in` takes at most "+strconv.Itoa(x.Limits.InElements)+" values.", "")
		return nil
	}
	if t.Op == "like" && len(t.Args) > 0 && utf8.RuneCountInString(t.Args[0]) > x.Limits.Pattern {
		x.longPattern(name, p)
		return nil
	}
	if e, done := x.keyTerm(c, t, p, name); done {
		return e
	}
	bound, err := expr.BindPath(x.scopeOf(c), t.Path)
	if err != nil {
		x.unknown(c, name, t.Path, p, err)
		return nil
	}
	var lowered error
	e := expr.Through(bound, func(o schema.Operand) schema.Expr {
		var cond schema.Expr
		cond, lowered = filter.Lower(filter.Term{Op: t.Op, Args: t.Args, Path: t.Path}, o, bound.Type)
		if lowered != nil {
			return schema.Const(false)
		}
		return cond
	})
	if lowered != nil {
		p.param(name, "operand", sentence(lowered), "")
		return nil
	}
	if t.Not {
		e = schema.Not{X: e}
	}
	return x.safe(c, e, name, t.Path, p)
}

// safe makes a client's condition safe and reports what it may not read.
func (x *Exec) safe(c *schema.Class, e schema.Expr, name, path string, p *problems) schema.Expr {
	s := x.secure(x.Resolve(e), c)
	if s.Hidden != nil {
		x.unknown(c, name, path, p, nil)
		return nil
	}
	return s.Where
}

// unknown reports a name that is not there, or that the subject may not know of.
func (x *Exec) unknown(c *schema.Class, param, path string, p *problems, err error) {
	first, _, _ := strings.Cut(path, ".")
	b := viewBinder{x: x}
	hint := suggest(first, b.fieldNames(c, x.Decide(c, authz.Get)))
	detail := "`" + c.Name + "` has no field `" + excerpt(path) + "`."
	if e, ok := err.(*expr.BindError); ok {
		detail, hint = sentence(e), sentenceHint(e.Hint)
	}
	p.param(param, "unknown", detail, hint)
}

// keyTerm binds filters on the text id of a composite key.
func (x *Exec) keyTerm(c *schema.Class, t *filter.Term, p *problems, name string) (schema.Expr, bool) {
	f := c.Field(t.Path)
	if f == nil || !f.Synthetic {
		return nil, false
	}
	if t.Op != "eq" && t.Op != "in" && t.Op != "ne" {
		p.param(name, "operand", "`"+f.JSON+"` of `"+c.Name+"` can be compared with eq, ne and in only.", "")
		return nil, true
	}
	any := schema.Or{}
	for _, id := range t.Args {
		key, err := schema.ParseKey(c, id)
		if err != nil {
			continue // cannot be a key of the class: matches nothing
		}
		any = append(any, keyIs(c, key))
	}
	var e schema.Expr = any
	if t.Not != (t.Op == "ne") {
		e = schema.Not{X: e}
	}
	return x.safe(c, e, name, t.Path, p), true
}

// keyIs is the condition that a row has this key.
func keyIs(c *schema.Class, key []schema.Value) schema.Expr {
	all := make(schema.And, len(key))
	for i, f := range c.Key {
		all[i] = schema.Compare{Op: schema.Eq, Left: &schema.Path{Field: f, Type: f.Type}, Right: schema.Lit{Value: key[i]}}
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

// where binds the where= parameter; its syntax was checked by the parser.
func (x *Exec) where(c *schema.Class, text string, p *problems, at string) schema.Expr {
	name := at + "where"
	node, bad := expr.Parse(text)
	if bad != nil {
		p.param(name, "syntax", bad.Error(), bad.Hint)
		return nil
	}
	if n, depth := node.Size(); n > x.Limits.FilterTerms || depth > x.Limits.FilterDepth {
		p.param(name, "too-complex", "The expression has more than "+strconv.Itoa(x.Limits.FilterTerms)+" terms or is nested deeper than "+strconv.Itoa(x.Limits.FilterDepth)+".", "")
		return nil
	}
	if elements, pattern := node.Elements(); elements > x.Limits.InElements || pattern > x.Limits.Pattern {
		if pattern > x.Limits.Pattern {
			x.longPattern(name, p)
		} else {
			p.param(name, "too-many", "`in` takes at most "+strconv.Itoa(x.Limits.InElements)+" values.", "")
		}
		return nil
	}
	e, errs := expr.Bind(node, x.scopeOf(c))
	for i := range errs {
		p.param(name, "expression", sentence(&errs[i])+" (column "+strconv.Itoa(errs[i].Offset+1)+")", errs[i].Hint)
	}
	if len(errs) > 0 {
		return nil
	}
	s := x.secure(x.Resolve(e), c)
	if s.Hidden != nil {
		p.param(name, "unknown", "`"+s.Hidden.Class.Name+"` has no field `"+s.Hidden.Name+"`.", "")
		return nil
	}
	return s.Where
}

func (x *Exec) longPattern(name string, p *problems) {
	p.param(name, "too-long", "A pattern has at most "+strconv.Itoa(x.Limits.Pattern)+" characters.", "")
}

// scope applies a named filter: the owner's words, so it is not secured.
func (x *Exec) scope(c *schema.Class, name string, p *problems, at string) schema.Expr {
	var known []string
	for _, s := range c.Scopes {
		if s.Name == name {
			return x.Resolve(s.Where)
		}
		known = append(known, s.Name)
	}
	p.param(at+"scope", "unknown", "`"+c.Name+"` has no scope `"+excerpt(name)+"`.", suggest(name, known))
	return nil
}

// search looks for every word of the text in any of the class's search fields.
func (x *Exec) search(c *schema.Class, text string, p *problems, at string) schema.Expr {
	var fields []*schema.Field
	d := x.Decide(c, authz.Get)
	for _, f := range c.Search {
		if d.Effect == authz.Denied || d.Mask[f.Index] >= 0 {
			fields = append(fields, f)
		}
	}
	if len(fields) == 0 {
		p.param(at+"search", "unsearchable", "`"+c.Name+"` has no search fields.", "")
		return nil
	}
	words := strings.Fields(text)
	if len(words) > 16 {
		words = words[:16:16]
		p.param(at+"search", "too-many", "A search takes at most 16 words.", "")
	}
	all := schema.And{}
	for _, w := range words {
		pattern := "*" + filter.EscapeLike(w) + "*"
		any := schema.Or{}
		for _, f := range fields {
			var e schema.Expr = schema.Like{X: &schema.Path{Field: f, Type: f.Type}, Pattern: pattern}
			// A field visible on some rows only is searched only there.
			if d.Effect != authz.Denied && d.Mask[f.Index] > 0 {
				e = conj(x.Resolve(d.Tests[d.Mask[f.Index]-1]), e)
			}
			any = append(any, e)
		}
		all = append(all, any)
	}
	return all
}

// order binds the sort keys and appends the key, so that the order is total.
func (x *Exec) order(c *schema.Class, keys []Order, p *problems, at string) []storage.Order {
	var out []storage.Order
	used := map[*schema.Field]bool{}
	if len(keys) > x.Limits.OrderKeys {
		p.param(at+"orderBy", "too-many", "At most "+strconv.Itoa(x.Limits.OrderKeys)+" sort keys are allowed.", "")
		return nil
	}
	if keys == nil {
		for _, s := range c.Sort {
			if d := x.Decide(c, authz.Get); d.Effect != authz.Denied && d.Mask[s.Field.Index] != 0 {
				continue // what cannot be seen on every row cannot order them
			}
			out = append(out, storage.Order{By: &schema.Path{Field: s.Field, Type: s.Field.Type}, Desc: s.Desc})
			used[s.Field] = true
		}
	}
	for _, k := range keys {
		out = x.orderKey(c, k, out, used, p, at)
	}
	for _, f := range c.Key {
		if !used[f] {
			out = append(out, storage.Order{By: &schema.Path{Field: f, Type: f.Type}})
		}
	}
	return out
}

func (x *Exec) orderKey(c *schema.Class, k Order, out []storage.Order, used map[*schema.Field]bool, p *problems, at string) []storage.Order {
	param := at + "orderBy"
	if f := c.Field(k.By); f != nil && f.Synthetic {
		for _, kf := range c.Key {
			if !used[kf] {
				out = append(out, storage.Order{By: &schema.Path{Field: kf, Type: kf.Type}, Desc: k.Desc})
				used[kf] = true
			}
		}
		return out
	}
	bound, err := expr.BindPath(x.scopeOf(c), k.By)
	if err != nil {
		x.unknown(c, param, k.By, p, err)
		return out
	}
	path, ok := bound.Operand()
	if !ok {
		p.param(param, "unsortable", "`"+excerpt(k.By)+"` leads to several rows and cannot order a list.", "")
		return out
	}
	if !bound.Type.Traits().Order {
		p.param(param, "unsortable", "`"+excerpt(k.By)+"` has no order.", "")
		return out
	}
	path, hidden := x.securePath(path, c)
	if hidden != nil {
		x.unknown(c, param, k.By, p, nil)
		return out
	}
	if len(path.Steps) == 0 && path.Member == nil {
		if used[path.Field] {
			return out
		}
		used[path.Field] = true
	}
	return append(out, storage.Order{By: path, Desc: k.Desc})
}

// window binds skip, limit and page. Zero rows is a fair wish.
func (x *Exec) window(c *schema.Class, s *Select, p *problems, at string) (skip, limit int) {
	most := x.Limits.PageMax
	limit = x.Limits.Page
	if c.PageMax > 0 {
		most = c.PageMax
	}
	if c.PageSize > 0 {
		limit = c.PageSize
	}
	limit = min(limit, most)
	if s.Limit != nil {
		limit = *s.Limit
		if limit > most {
			p.param(at+"limit", "range", "At most "+strconv.Itoa(most)+" rows a page are allowed.", "")
		}
	}
	if s.Skip != nil {
		skip = *s.Skip
	}
	if s.Page != nil {
		if *s.Page > 1 && limit > (x.Limits.Skip+limit)/(*s.Page-1) {
			skip = x.Limits.Skip + 1
		} else {
			skip = (*s.Page - 1) * limit
		}
	}
	if skip > x.Limits.Skip {
		p.param(at+"limit", "range", "At most "+strconv.Itoa(x.Limits.Skip)+" rows may be skipped.", "Follow the links of a list without `page`: their cursors skip nothing.")
	}
	return skip, limit
}

// bindRelated makes the query of an expansion: read permission of its own,
// filters, order and limit a parent row.
func (x *Exec) bindRelated(q *storage.Query, r *schema.Relation, s *Select, p *problems, at string) {
	verb := authz.List
	if r.Single() {
		verb = authz.Get
	}
	d := x.Decide(r.To, verb)
	own := "with." + at + "."
	q.Where = conj(x.Resolve(d.Where), x.conditions(r.To, s, p, own))
	q.Order = x.order(r.To, s.Order, p, own)
	q.Limit = x.Limits.Rows + 1
	if s.Limit != nil {
		q.Limit = min(*s.Limit, x.Limits.Rows+1)
	}
	if s.Skip != nil {
		q.Skip = *s.Skip
	}
}

func sentenceHint(hint string) string {
	if hint == "" {
		return ""
	}
	return sentence(errors.New(hint))
}

// sentence makes an error text a sentence.
func sentence(err error) string {
	s := err.Error()
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "?") {
		s += "."
	}
	return s
}
