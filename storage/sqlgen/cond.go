package sqlgen

import (
	"fmt"

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
		p.isNull(e.X, a, " is null")
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
		p.isNull(e.X, a, " is not null")
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

func (p *Printer) like(e schema.Like, a Alias) {
	path, ok := e.X.(*schema.Path)
	if !ok {
		panic(fmt.Sprintf("sqlgen: like on %T", e.X))
	}
	if p.shape(path).Kind != schema.Text {
		p.Put("false")
		return
	}
	// An index that ignores case can find a text without wildcards; no pattern can.
	text, plain := unpattern(e.Pattern)
	if !plain {
		text = likePattern(e.Pattern)
	}
	to := p.enter(path, a)
	x := p.endOf(path, to)
	if plain {
		p.Dialect.noCase(p, x, text)
	} else {
		p.Dialect.like(p, x, text)
	}
	p.leave(path)
}

func (p *Printer) isNull(x schema.Operand, a Alias, is string) {
	if v, ok := p.constantOf(x); ok {
		p.constant(v.IsNull() == (is == " is null"))
		return
	}
	p.operand(x, a)
	p.Put(is)
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
	from := a // an item that is a path belongs to the row the condition began at
	a = p.enter(path, a)
	if path.Field.Many != nil && len(path.Member) == 0 {
		p.linked(path, a, e.Item, from)
	} else {
		p.listed(path, a, e.Item, from)
	}
	p.leave(path)
}

// listed prints that a list has an item.
func (p *Printer) listed(path *schema.Path, a Alias, item schema.Operand, from Alias) {
	list, ok := path.Type.(*schema.ListType)
	if !ok {
		p.Put("false")
		return
	}
	x := term{elem: list.Elem(), a: p.NewAlias(), Kind: partOf(list.Elem())}
	p.Put("exists (select 1 from ")
	p.Dialect.elements(p, path, a, x.a)
	p.Put(" where ")
	p.equals(x, item, from)
	p.Put(")")
}

// linked prints that a `many` field has an item.
func (p *Printer) linked(path *schema.Path, a Alias, item schema.Operand, from Alias) {
	to := p.NewAlias()
	p.Put("exists (select 1 from ")
	p.related(path.Field.Many.Rel, a, to)
	p.and(path.Guard, to)
	p.Put(" and ")
	p.equals(p.operandOf(p.Names.Link(path.Field).shown, to), item, from)
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
