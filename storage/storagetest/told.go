package storagetest

import (
	"fmt"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

// The functions of this file tell people what was drawn when stores differ.

var opNames = [...]string{storage.Insert: "insert", storage.Update: "update", storage.Delete: "delete",
	storage.SoftDelete: "soft delete", storage.Restore: "restore"}

func described(s *schema.Schema) string {
	var b strings.Builder
	for _, c := range s.Classes {
		fmt.Fprintf(&b, "class %s", c.Name)
		if c.SoftDelete {
			b.WriteString(" (soft delete)")
		}
		for _, f := range c.Fields {
			fmt.Fprintf(&b, "\n  %s %s", f.Name, f.Type.Name())
			switch {
			case isKey(f):
				b.WriteString(" key")
			case f.Optional:
				b.WriteString(" optional")
			}
			if f.Per != nil {
				b.WriteString(" per " + f.Per.Name)
			}
			switch {
			case f.Ref != nil:
				fmt.Fprintf(&b, " → %s %s", f.Ref.To.Name, [...]string{"restrict", "cascade", "set null"}[f.Ref.OnDelete])
			case f.Many != nil:
				fmt.Fprintf(&b, " many %s", f.Many.To.Name)
			case f.Computed != nil:
				fmt.Fprintf(&b, " = %s %s", f.Computed.Func, f.Computed.Rel.Name)
				if f.Computed.Of != nil {
					b.WriteString("." + f.Computed.Of.Name)
				}
			}
		}
		for _, x := range c.Uniques {
			b.WriteString("\n  unique")
			for _, f := range x.Fields {
				b.WriteString(" " + f.Name)
			}
		}
		for _, check := range c.Checks {
			b.WriteString("\n  check " + told(check.Where))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func told(e schema.Expr) string {
	if e == nil {
		return "true"
	}
	return expr.String(e)
}

func toldChange(c *storage.Change) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %v", opNames[c.Op], c.Class.Name, c.Key)
	if c.Deleted != storage.Live {
		fmt.Fprintf(&b, " among %d", c.Deleted)
	}
	if c.IfVersion != 0 {
		fmt.Fprintf(&b, " if version %d", c.IfVersion)
	}
	for _, a := range c.Set {
		if a.Sequence {
			b.WriteString(" " + a.Field.Name + "=next")
			continue
		}
		fmt.Fprintf(&b, " %s=%q", a.Field.Name, shown(a.Value))
	}
	for _, l := range c.Links {
		fmt.Fprintf(&b, " %s(replace %v, add %v, remove %v)", l.Field.Name, l.Replace, l.Add, l.Remove)
	}
	for _, g := range c.Before {
		b.WriteString(" before: " + told(g.Where))
	}
	for _, g := range c.After {
		b.WriteString(" after: " + told(g.Where))
	}
	return b.String()
}

func toldQuery(q *storage.Query) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s key %v deleted %d where %s skip %d limit %d", q.Class.Name, q.Key, q.Deleted, told(q.Where), q.Skip, q.Limit)
	for _, c := range q.Columns {
		if c.Guard != nil {
			fmt.Fprintf(&b, " column %s guarded by %s", c.Field.Name, told(c.Guard))
		}
	}
	for _, e := range q.Tests {
		b.WriteString(" test " + told(e))
	}
	for _, o := range q.Order {
		fmt.Fprintf(&b, " order by %s", string(expr.AppendOperand(nil, o.By)))
		if o.Desc {
			b.WriteString(" desc")
		}
	}
	if q.From != nil {
		fmt.Fprintf(&b, " from %q back %v", q.From.Values, q.From.Back)
	}
	for _, x := range q.Paths {
		fmt.Fprintf(&b, " path %s", string(expr.AppendOperand(nil, x)))
	}
	if s := q.Summary; s != nil {
		fmt.Fprintf(&b, " of %s deleted %d where %s", s.Class.Name, s.Deleted, told(s.Where))
		for _, g := range s.Group {
			fmt.Fprintf(&b, " group %s part %d", string(expr.AppendOperand(nil, g.By)), g.Part)
		}
		for _, m := range s.Measures {
			fmt.Fprintf(&b, " measure %d", m.Func)
			if m.Of != nil {
				b.WriteString(" of " + string(expr.AppendOperand(nil, m.Of)))
			}
		}
	}
	for i := range q.Expand {
		fmt.Fprintf(&b, " expand %s (%s)", q.Expand[i].Rel.Name, toldQuery(&q.Expand[i].Query))
	}
	return b.String()
}
