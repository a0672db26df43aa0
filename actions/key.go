package actions

import (
	"encoding/binary"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

// key spells out what an answer is made of, so that two that differ in anything
// differ in their keys: every part says how long it is. Other than the fingerprint in a
// tag it is no hash, as what somebody else may see must not hang on a collision.
type key []byte

func (k key) str(s string) key { return append(binary.AppendUvarint(k, uint64(len(s))), s...) }
func (k key) num(n int) key    { return binary.AppendVarint(k, int64(n)) }

func (k key) flags(all ...bool) key {
	bits := 0
	for i, on := range all {
		if on {
			bits |= 1 << i
		}
	}
	return k.num(bits)
}

func (k key) values(vs []schema.Value) key {
	k = k.num(len(vs))
	for _, v := range vs {
		k = appendPlain(k, v)
	}
	return k
}

func (k key) expr(e schema.Expr) key {
	if e == nil {
		return k.num(0)
	}
	text := expr.Append(make([]byte, 0, 128), e)
	return append(k.num(1+len(text)), text...)
}

func (k key) path(p *schema.Path) key {
	if p == nil {
		return k.num(0)
	}
	text := expr.AppendOperand(make([]byte, 0, 64), p)
	return append(k.num(1+len(text)), text...)
}

// query adds which rows are read, what of them, and in which order.
func (k key) query(q *storage.Query) key {
	k = k.str(q.Class.Name).values(q.Key).expr(q.Where)
	k = k.num(len(q.Tests))
	for _, t := range q.Tests {
		k = k.expr(t)
	}
	k = k.num(len(q.Columns))
	for i := range q.Columns {
		k = k.str(q.Columns[i].Field.Name).expr(q.Columns[i].Guard)
	}
	k = k.num(len(q.Order))
	for i := range q.Order {
		k = k.path(q.Order[i].By).flags(q.Order[i].Desc)
	}
	k = k.num(len(q.Paths))
	for _, p := range q.Paths {
		k = k.path(p)
	}
	k = k.num(q.Skip).num(q.Limit).num(q.Most).num(int(q.Deleted)).flags(q.Total, q.Rough, q.More, q.From != nil, q.Back(), q.Summary != nil)
	if q.From != nil {
		k = k.values(q.From.Values)
	}
	k = k.num(len(q.Expand))
	for i := range q.Expand {
		k = k.str(q.Expand[i].Rel.Name).query(&q.Expand[i].Query)
	}
	if q.Summary != nil {
		k = k.summary(q.Summary)
	}
	return k
}

func (k key) summary(s *storage.Summary) key {
	k = k.str(s.Class.Name).expr(s.Where).num(int(s.Deleted)).num(len(s.Group))
	for _, g := range s.Group {
		k = k.path(g.By).num(int(g.Part))
	}
	k = k.num(len(s.Measures))
	for _, m := range s.Measures {
		k = k.num(int(m.Func)).path(m.Of)
	}
	return k
}

// shown adds how rows are shown.
func (k key) shown(s *Shown) key {
	k = k.str(s.Class.Name).num(len(s.Members))
	for i := range s.Members {
		m := &s.Members[i]
		k = k.str(m.Name).num(int(m.Test)).num(m.Index).flags(m.Single, m.Field != nil, m.Expand != nil, m.Pick != nil)
		if m.Field != nil {
			k = k.str(m.Field.Name)
		}
		if m.Expand != nil {
			k = k.shown(m.Expand)
		}
		k = k.num(len(m.Pick))
		for _, pick := range m.Pick {
			k = k.num(len(pick))
			for _, name := range pick {
				k = k.str(name)
			}
		}
	}
	return k
}

// output adds the shape of the content. What is around it, and spaces for people, are not kept.
func (k key) output(o *Output) key { return k.str(o.Format).flags(o.KeyByIDs, o.GroupedByClass) }
