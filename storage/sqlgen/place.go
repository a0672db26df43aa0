package sqlgen

import (
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// place prints the condition that a row is behind the place where a page
// begins, or before the one where it ends.
//
// Where all keys run in one direction and none is null it compares rows, which an index over the keys
// answers alone. Otherwise each key first bounds what is left by itself, so that an index on the
// first keys still finds where to begin:
//
//	k0 >= v0 and (k0 > v0 or k1 <= v1 and (k1 < v1 or k2 > v2))
func (p *Printer) place(q *storage.Query, a Alias, w *where) {
	if q.From == nil || q.From.Values == nil {
		return
	}
	w.next()
	if p.aligned(q) {
		p.rowBeyond(q, a)
	} else {
		p.beyond(q, 0, a)
	}
}

// aligned reports whether the rows of a query are in the order of the tuples of their keys, or against it.
func (p *Printer) aligned(q *storage.Query) bool {
	if len(q.Order) == 0 {
		return true
	}
	return !slices.ContainsFunc(q.Order, func(o storage.Order) bool {
		return o.Desc != q.Order[0].Desc || p.nullable(o.By)
	})
}

// rowBeyond prints (k0, k1) > (v0, v1).
func (p *Printer) rowBeyond(q *storage.Query, a Alias) {
	n := sorts(q)
	open, end := "(", ")"
	if n == 1 {
		open, end = "", ""
	}
	p.Put(open)
	for i := range n {
		if i > 0 {
			p.Put(", ")
		}
		p.sortKey(q, i, a)
	}
	p.Put(end)
	p.Put(operators[p.onward(q, 0)])
	p.Put(open)
	for i := range n {
		if i > 0 {
			p.Put(", ")
		}
		p.keyValue(q, i)
	}
	p.Put(end)
}

// onward is how keys compare with that of the place on the side of it that is read.
func (p *Printer) onward(q *storage.Query, i int) schema.Op {
	if desc := len(q.Order) > 0 && q.Order[i].Desc; desc != q.Back() {
		return schema.Lt
	}
	return schema.Gt
}

// keyValue prints the value of a sort key at the place.
func (p *Printer) keyValue(q *storage.Query, i int) {
	v := q.From.Values[i]
	if len(q.Order) == 0 {
		p.Arg(v)
		return
	}
	by := q.Order[i].By
	if ranks := p.ranks(by); ranks != nil {
		p.Arg(schema.NewInt(int64(slices.Index(ranks, v.Text()))))
		return
	}
	if v.Kind() == schema.Decimal {
		v = p.Dialect.decimal(v.Int(), v.Scale())
	}
	p.Arg(v)
	p.widen(p.shape(by), "::bigint")
}

// beyond prints that the keys from i on are beyond those of the place.
func (p *Printer) beyond(q *storage.Query, i int, a Alias) {
	if i == sorts(q)-1 {
		p.keyBeyond(q, i, a, false)
		return
	}
	p.Put("(")
	p.keyBeyond(q, i, a, true)
	p.Put(" and (")
	p.keyBeyond(q, i, a, false)
	p.Put(" or ")
	p.beyond(q, i+1, a)
	p.Put("))")
}

// keyBeyond prints that one key is beyond that of the place, or at it where that is allowed. Nulls are last.
func (p *Printer) keyBeyond(q *storage.Query, i int, a Alias, orAt bool) {
	isNull := func(is string) {
		p.sortKey(q, i, a)
		p.Put(is)
	}
	if q.From.Values[i].IsNull() {
		switch {
		case q.Back() && orAt:
			p.Put("true")
		case q.Back():
			isNull(" is not null")
		case orAt:
			isNull(" is null")
		default:
			p.Put("false")
		}
		return
	}
	nulls := !q.Back() && p.nullable(q.Order[i].By)
	if nulls {
		p.Put("(")
	}
	op := p.onward(q, i)
	if orAt {
		op++ // lt, le, gt, ge
	}
	p.sortKey(q, i, a)
	p.Put(operators[op])
	p.keyValue(q, i)
	if nulls {
		p.Put(" or ")
		isNull(" is null")
		p.Put(")")
	}
}
