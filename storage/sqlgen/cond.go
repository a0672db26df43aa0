package sqlgen

import (
	"fmt"
	"slices"

	"github.com/dowel-dev/dowel/schema"
)

// Where appends a condition on the row of alias a. It may come out null where
// a where clause takes that for false; Truth does not.
func (p *Printer) Where(e schema.Expr, a Alias) { p.cond(e, a) }

// Truth appends a condition that is true or false, never null.
func (p *Printer) Truth(e schema.Expr, a Alias) {
	p.Put("(")
	p.cond(e, a)
	p.Put(") is true")
}

// cond prints e so that null means false.
func (p *Printer) cond(e schema.Expr, a Alias) {
	switch e := e.(type) {
	case nil:
		p.Put("true")
	case schema.Const:
		p.constant(bool(e))
	case schema.And:
		p.junction([]schema.Expr(e), a, " and ", true, (*Printer).cond)
	case schema.Or:
		p.junction([]schema.Expr(e), a, " or ", false, (*Printer).cond)
	case schema.Not:
		p.not(e.X, a)
	case schema.Compare:
		p.compare(e, a)
	case schema.In:
		p.in(e, a)
	case schema.Like:
		p.like(e, a)
	case schema.IsNull:
		p.operand(e.X, a)
		p.Put(" is null")
	case schema.Exists:
		p.exists(e, a)
	case schema.Contains:
		p.contains(e, a)
	default:
		panic(fmt.Sprintf("sqlgen: condition %T", e))
	}
}

// not prints the exact complement of e. It moves inwards as far as that keeps
// indexes usable; what may be null is told apart from true at the leaves.
func (p *Printer) not(e schema.Expr, a Alias) {
	switch e := e.(type) {
	case nil:
		p.Put("false")
	case schema.Const:
		p.constant(!bool(e))
	case schema.And:
		p.junction([]schema.Expr(e), a, " or ", false, (*Printer).not)
	case schema.Or:
		p.junction([]schema.Expr(e), a, " and ", true, (*Printer).not)
	case schema.Not:
		p.cond(e.X, a)
	case schema.IsNull:
		p.operand(e.X, a)
		p.Put(" is not null")
	case schema.Exists:
		p.Put("not ")
		p.exists(e, a)
	default:
		p.Put("(")
		p.cond(e, a)
		p.Put(") is not true")
	}
}

func (p *Printer) constant(b bool) {
	if b {
		p.Put("true")
	} else {
		p.Put("false")
	}
}

// junction joins conditions. Long ones are printed as a balanced tree, because
// databases limit the depth of an expression.
func (p *Printer) junction(es []schema.Expr, a Alias, word string, empty bool, print func(*Printer, schema.Expr, Alias)) {
	switch len(es) {
	case 0:
		p.constant(empty)
		return
	case 1:
		print(p, es[0], a)
		return
	}
	p.Put("(")
	if len(es) > 16 {
		p.junction(es[:len(es)/2], a, word, empty, print)
		p.Put(word)
		p.junction(es[len(es)/2:], a, word, empty, print)
	} else {
		for i, e := range es {
			if i > 0 {
				p.Put(word)
			}
			print(p, e, a)
		}
	}
	p.Put(")")
}

var operators = [...]string{schema.Eq: " = ", schema.Ne: " <> ", schema.Lt: " < ", schema.Le: " <= ", schema.Gt: " > ", schema.Ge: " >= "}

var mirrored = [...]schema.Op{schema.Eq: schema.Eq, schema.Ne: schema.Ne, schema.Lt: schema.Gt, schema.Le: schema.Ge, schema.Gt: schema.Lt, schema.Ge: schema.Le}

func (p *Printer) compare(e schema.Compare, a Alias) {
	left, right := e.Left, e.Right
	op := e.Op
	if _, ok := constantOf(left); ok {
		left, right, op = right, left, mirrored[op]
	}
	v, ok := constantOf(right)
	if !ok {
		p.comparePaths(op, left, right, a)
		return
	}
	if x, ok := constantOf(left); ok {
		p.constant(holds(op, x, v))
		return
	}
	path, ok := left.(*schema.Path)
	if !ok {
		panic(fmt.Sprintf("sqlgen: operand %T", left))
	}
	if len(path.Steps) == 0 {
		p.compareConst(op, path, v, a)
		return
	}
	p.walk(path, a, func(a Alias, path *schema.Path) { p.compareConst(op, path, v, a) })
}

// walk prints a condition on the end of a path. A path over relations becomes
// "a row exists at its end that …", which databases can turn into a join.
func (p *Printer) walk(path *schema.Path, a Alias, end func(Alias, *schema.Path)) {
	if len(path.Steps) == 0 {
		end(a, path)
		return
	}
	step := path.Steps[0]
	rest := *path
	rest.Steps = path.Steps[1:]
	to := p.NewAlias()
	p.Put("exists (select 1 from ")
	p.related(step.Rel, a, to)
	p.and(step.Guard, to)
	p.Put(" and ")
	p.walk(&rest, to, end)
	p.Put(")")
}

// compareConst prints a comparison with a constant.
func (p *Printer) compareConst(op schema.Op, x *schema.Path, v schema.Value, a Alias) {
	if ranks := p.ranks(x); ranks != nil && op > schema.Ne {
		p.compareRank(op, x, v, ranks, a)
		return
	}
	kind, scale := p.shape(x)
	v, op, fits := convert(op, v, kind, scale)
	switch fits {
	case never:
		p.Put("false")
		return
	case always:
		p.operand(x, a)
		p.Put(" is not null")
		return
	}
	p.operand(x, a)
	p.Put(operators[op])
	p.Arg(v)
	if op == schema.Eq && p.folds(x) {
		// The only index on the field may be one without case.
		p.Put(" and ")
		p.operand(x, a)
		p.SQL = p.Dialect.NoCase(p.SQL)
		p.Put(operators[op])
		p.Arg(v)
	}
}

// compareRank compares an enum with one of its values by declared order: it is
// one of those that come before, or after.
func (p *Printer) compareRank(op schema.Op, x *schema.Path, v schema.Value, ranks []string, a Alias) {
	rank := slices.Index(ranks, v.Text())
	if rank < 0 || v.Kind() != schema.Text {
		p.Put("false")
		return
	}
	var list []schema.Operand
	for i, name := range ranks {
		if holds(op, schema.NewInt(int64(i)), schema.NewInt(int64(rank))) {
			list = append(list, schema.Lit{Value: schema.NewText(name)})
		}
	}
	p.inList(x, list, a)
}

func (p *Printer) folds(x *schema.Path) bool {
	return len(x.Member) == 0 && p.Names.Table(x.Field.Class).nocase[x.Field.Index]
}

// comparePaths compares two operands of the row, bringing decimals to one scale.
func (p *Printer) comparePaths(op schema.Op, l, r schema.Operand, a Alias) {
	lp, ok := l.(*schema.Path)
	rp, ok2 := r.(*schema.Path)
	if !ok || !ok2 {
		panic(fmt.Sprintf("sqlgen: operands %T, %T", l, r))
	}
	if ranks := p.ranks(lp); ranks != nil && op > schema.Ne {
		p.rank(ranks, lp, a)
		p.Put(operators[op])
		p.rank(ranks, rp, a)
		return
	}
	lk, ls := p.shape(lp)
	rk, rs := p.shape(rp)
	if !comparable(lk, rk) {
		p.Put("false")
		return
	}
	p.scaled(lp, a, int(rs)-int(ls), rk == schema.Float, ls)
	p.Put(operators[op])
	p.scaled(rp, a, int(ls)-int(rs), lk == schema.Float, rs)
}

// scaled prints an operand times 10^up, or its true value next to a float.
func (p *Printer) scaled(x *schema.Path, a Alias, up int, nextToFloat bool, scale uint8) {
	p.operand(x, a)
	switch {
	case nextToFloat && scale > 0:
		p.Put(" / 1")
		for range scale {
			p.Put("0")
		}
		p.Put(".0")
	case !nextToFloat && up > 0 && !p.isFloat(x):
		p.Put(" * 1")
		for range up {
			p.Put("0")
		}
	}
}

func (p *Printer) isFloat(x *schema.Path) bool {
	k, _ := p.shape(x)
	return k == schema.Float
}

// in prints membership in a list of constants. The list is filled up to a few
// sizes with its last element, so that few statements serve all lengths.
func (p *Printer) in(e schema.In, a Alias) {
	path, ok := e.X.(*schema.Path)
	if !ok || !constants(e.List) {
		any := make([]schema.Expr, len(e.List))
		for i, o := range e.List {
			any[i] = schema.Compare{Op: schema.Eq, Left: e.X, Right: o}
		}
		p.junction(any, a, " or ", false, (*Printer).cond)
		return
	}
	p.walk(path, a, func(a Alias, path *schema.Path) { p.inList(path, e.List, a) })
}

func (p *Printer) inList(x *schema.Path, list []schema.Operand, a Alias) {
	kind, scale := p.shape(x)
	start := len(p.SQL)
	p.operand(x, a)
	p.Put(" in (")
	n, last := 0, schema.Value{}
	for _, o := range list {
		v, _ := constantOf(o)
		v, _, fits := convert(schema.Eq, v, kind, scale)
		if fits != plainly {
			continue
		}
		if n > 0 {
			p.Put(",")
		}
		p.Arg(v)
		n, last = n+1, v
	}
	if n == 0 {
		p.SQL = append(p.SQL[:start], "false"...)
		return
	}
	for ; n&(n-1) != 0; n++ {
		p.Put(",")
		p.Arg(last)
	}
	p.Put(")")
}

func constants(list []schema.Operand) bool {
	for _, o := range list {
		if _, ok := constantOf(o); !ok {
			return false
		}
	}
	return true
}

func (p *Printer) like(e schema.Like, a Alias) {
	path, ok := e.X.(*schema.Path)
	if !ok {
		panic(fmt.Sprintf("sqlgen: like on %T", e.X))
	}
	if k, _ := p.shape(path); k != schema.Text {
		p.Put("false")
		return
	}
	if text, plain := unpattern(e.Pattern); plain {
		// An index that ignores case can find this; no pattern can.
		p.walk(path, a, func(a Alias, path *schema.Path) {
			p.operand(path, a)
			p.SQL = p.Dialect.NoCase(p.SQL)
			p.Put(" = ")
			p.Arg(schema.NewText(text))
		})
		return
	}
	pattern := schema.NewText(likePattern(e.Pattern))
	p.walk(path, a, func(a Alias, path *schema.Path) {
		p.SQL = p.Dialect.Like(p.SQL,
			p.captured(func() { p.operand(path, a) }),
			p.captured(func() { p.Arg(pattern) }))
	})
}

// unpattern returns the text that a pattern without wildcards stands for.
func unpattern(s string) (text string, plain bool) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '*':
			return "", false
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b = append(b, s[i])
	}
	return string(b), true
}

// likePattern turns * into % and escapes what SQL takes for wildcards.
func likePattern(s string) string {
	b := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '*':
			b = append(b, '%')
			continue
		case c == '\\' && i+1 < len(s):
			i++
			c = s[i]
		}
		if c == '%' || c == '_' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return string(b)
}

func (p *Printer) exists(e schema.Exists, a Alias) {
	to := p.NewAlias()
	p.Put("exists (select 1 from ")
	p.related(e.Rel, a, to)
	p.and(e.Where, to)
	p.and(e.Guard, to)
	p.Put(")")
}

// and adds a condition unless it is the one that always holds.
func (p *Printer) and(e schema.Expr, a Alias) {
	if e == nil || e == schema.Expr(schema.Const(true)) {
		return
	}
	p.Put(" and ")
	p.cond(e, a)
}

func (p *Printer) contains(e schema.Contains, a Alias) {
	path, ok := e.X.(*schema.Path)
	if !ok {
		panic(fmt.Sprintf("sqlgen: contains on %T", e.X))
	}
	// An item that is a path belongs to the row the condition began at.
	item := func() { p.operand(e.Item, a) }
	p.walk(path, a, func(a Alias, path *schema.Path) {
		if path.Field.Many != nil && len(path.Member) == 0 {
			p.linked(path, a, item)
			return
		}
		j := p.NewAlias()
		name := "j" + itoa(int(j))
		p.Put("exists (select 1 from ")
		p.SQL = p.Dialect.Elements(p.SQL, p.captured(func() { p.operand(path, a) }), name)
		p.Put(" where " + name + ".value = ")
		item()
		p.Put(")")
	})
}

// linked prints that a `many` field has an item.
func (p *Printer) linked(path *schema.Path, a Alias, item func()) {
	m := path.Field.Many
	to := p.NewAlias()
	p.Put("exists (select 1 from ")
	p.related(m.Rel, a, to)
	p.and(path.Guard, to)
	p.Put(" and ")
	p.Column(to, p.Names.Table(m.To).Columns[Shown(m).Index])
	p.Put(" = ")
	item()
	p.Put(")")
}

// related prints what follows "from" to walk a relation: the tables and how
// they hang together, soft-deleted rows left out.
func (p *Printer) related(r *schema.Relation, from, to Alias) {
	near, far := p.Names.Table(r.From), p.Names.Table(r.To)
	switch r.Kind {
	case schema.ToOne:
		p.From(far, to)
		p.Put(" where ")
		p.Column(to, far.Columns[r.To.Key[0].Index])
		p.Put(" = ")
		p.Column(from, near.Columns[r.Field.Index])
	case schema.ToMany, schema.InverseOne:
		p.From(far, to)
		p.Put(" where ")
		p.Column(to, far.Columns[r.Field.Index])
		p.Put(" = ")
		p.Column(from, near.Columns[r.From.Key[0].Index])
	case schema.Link, schema.LinkInverse:
		link := p.joinLink(r, far, to)
		p.Put(" where ")
		p.Column(link, nearSide(p.Names.Link(r.Field), r))
		p.Put(" = ")
		p.Column(from, near.Columns[r.From.Key[0].Index])
	}
	p.live(far, to)
}

// joinLink prints "LINK join FAR on …" and returns the alias of the link table.
func (p *Printer) joinLink(r *schema.Relation, far *Table, to Alias) Alias {
	l := p.Names.Link(r.Field)
	link := p.NewAlias()
	p.Put(l.Name)
	p.Put(" as ")
	p.alias(link)
	p.Put(" join ")
	p.From(far, to)
	p.Put(" on ")
	p.Column(to, far.Columns[r.To.Key[0].Index])
	p.Put(" = ")
	p.Column(link, farSide(l, r))
	return link
}

// nearSide is the column of the link table that holds the key of r.From.
func nearSide(l *Link, r *schema.Relation) string {
	if r.Kind == schema.LinkInverse {
		return l.Other
	}
	return l.Own
}

func farSide(l *Link, r *schema.Relation) string {
	if r.Kind == schema.LinkInverse {
		return l.Own
	}
	return l.Other
}

func (p *Printer) live(t *Table, a Alias) {
	if t.Live != "" {
		p.Put(" and ")
		p.Column(a, t.Live)
	}
}
