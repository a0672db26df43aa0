package actions

import (
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

// A strong entity tag is "<version>.<view>": what is stored, and a fingerprint
// of everything else that changes the bytes: members, expansions with their
// conditions, shape, schema revision, and what the subject may see (RFC 9110 §8.8).
// Two subjects that get different bytes get different tags.

// hash is FNV-1a, 64 bits: stable across nodes and restarts, and cheap.
type hash uint64

func newHash() hash { return 14695981039346656037 }

func (h hash) str(s string) hash {
	for i := 0; i < len(s); i++ {
		h = (h ^ hash(s[i])) * 1099511628211
	}
	return h.num(uint64(len(s)))
}

func (h hash) bytes(s []byte) hash {
	for i := 0; i < len(s); i++ {
		h = (h ^ hash(s[i])) * 1099511628211
	}
	return h.num(uint64(len(s)))
}

func (h hash) num(n uint64) hash {
	for range 8 {
		h = (h ^ hash(n&0xff)) * 1099511628211
		n >>= 8
	}
	return h
}

func hashShown(h hash, s *Shown) hash {
	for i := range s.Members {
		m := &s.Members[i]
		h = h.str(m.Name).num(uint64(m.Test))
		for _, pick := range m.Pick {
			h = h.str(strings.Join(pick, "."))
		}
		if m.Expand != nil {
			h = hashShown(h.str("{"), m.Expand).str("}")
		}
	}
	return h
}

// hashQuery mixes in what a query selects; conditions are resolved, so the
// subject's own values are in them.
func hashQuery(h hash, q *storage.Query, buf []byte) (hash, []byte) {
	one := func(e schema.Expr) {
		if e != nil {
			buf = expr.Append(buf[:0], e)
			h = h.bytes(buf)
		}
		h = h.str(";")
	}
	one(q.Where)
	for _, t := range q.Tests {
		one(t)
	}
	for _, c := range q.Columns {
		if c.Guard != nil {
			one(c.Guard)
		}
	}
	for _, o := range q.Order {
		buf = expr.AppendOperand(buf[:0], o.By)
		h = h.bytes(buf)
		if o.Desc {
			h = h.str("-")
		}
	}
	h = h.num(uint64(q.Skip)).num(uint64(q.Limit)).num(uint64(q.Deleted))
	if q.From != nil {
		h = h.str("from")
		if q.From.Back {
			h = h.str("-")
		}
		for _, v := range q.From.Values {
			h = h.num(uint64(v.Kind())).str(v.String())
		}
	}
	for i := range q.Expand {
		h = h.str(q.Expand[i].Rel.Name)
		h, buf = hashQuery(h, &q.Expand[i].Query, buf)
	}
	return h, buf
}

func hashOutput(h hash, o *Output) hash {
	flags := uint64(0)
	for i, on := range []bool{o.Envelope != nil && *o.Envelope, o.Envelope != nil, o.Pretty, o.KeyByIDs, o.GroupedByClass} {
		if on {
			flags |= 1 << i
		}
	}
	if flags == 0 && o.Format == "" {
		return h
	}
	return h.num(flags).str(o.Format)
}

// itemTag is the tag of one row as a view shows it.
func (x *Exec) itemTag(b *boundView, r *storage.Row, counters []int64, property string, o *Output) string {
	h := hashOutput(hash(b.seed).num(r.Tests), o)
	if property != "" {
		h = h.str(property)
	}
	if len(b.query.Expand) > 0 || b.guarded() {
		var buf [256]byte
		h, _ = hashQuery(h, &b.query, buf[:0])
	}
	return tag(r.Version, counters, h)
}

// guarded reports whether a column takes in only some related rows.
func (v *boundView) guarded() bool {
	for i := range v.query.Columns {
		if v.query.Columns[i].Guard != nil {
			return true
		}
	}
	return false
}

// listTag is the tag of a page: the counters of every class it touches.
func (x *Exec) listTag(b *boundView, q *storage.Query, counters []int64, extra string, o *Output) string {
	var buf [512]byte
	h, _ := hashQuery(hashOutput(hash(b.seed), o), q, buf[:0])
	h = h.str(extra)
	return tag(counters[0], counters[1:], h)
}

func tag(version int64, counters []int64, h hash) string {
	b := make([]byte, 0, 48)
	b = strconv.AppendInt(b, version, 10)
	for _, n := range counters {
		b = append(b, '-')
		b = strconv.AppendInt(b, n, 10)
	}
	b = append(b, '.')
	b = strconv.AppendUint(b, uint64(h), 36)
	return string(b)
}

// tagVersion reads the row version of a tag; ok is false when it is not one of ours.
func tagVersion(tag string) (int64, bool) {
	head, _, found := strings.Cut(tag, ".")
	if !found {
		return 0, false
	}
	head, _, _ = strings.Cut(head, "-")
	n, err := strconv.ParseInt(head, 10, 64)
	return n, err == nil && n > 0
}

// noneMatch reports whether If-None-Match lets a read go on (RFC 9110 §13.1.2).
func (c *If) noneMatch(tag string) bool {
	if !c.HasNoneMatch {
		return true
	}
	for _, t := range c.NoneMatch {
		if t == "*" || t == tag {
			return false
		}
	}
	return true
}

// matches reports whether If-Match accepts a representation with this tag.
func (c *If) matches(tag string) bool {
	if !c.HasMatch {
		return true
	}
	for _, t := range c.Match {
		if t == "*" || t == tag {
			return true
		}
	}
	return false
}
