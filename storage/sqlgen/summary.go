package sqlgen

import (
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// summary prints the groups of a summary as the table of an alias. Its columns are
// called as those of the class that storage.Summary.Rows makes.
//
//	(select 0 as "_version", t1."status" as "c0", count(*) as "c1" from "orders" as t1 group by 2) as t0
func (p *Printer) summary(s *storage.Summary, as Alias) {
	t := p.Names.Table(s.Class)
	a := p.NewAlias()
	p.Put(`(select 0 as "` + VersionColumn + `"`)
	for i := range s.Group {
		p.Put(", ")
		p.group(&s.Group[i], a)
		p.named(i)
	}
	for i := range s.Measures {
		p.Put(", ")
		p.measure(&s.Measures[i], a)
		p.named(len(s.Group) + i)
	}
	p.Put(" from ")
	p.rows(&storage.Query{Class: s.Class, Where: s.Where, Deleted: s.Deleted}, t, a, nil, -1)
	for i := range s.Group {
		if i == 0 {
			p.Put(" group by ")
		} else {
			p.Put(", ")
		}
		p.number(i + 2)
	}
	p.Put(") as ")
	p.alias(as)
}

// named gives a column the name of a field of the summary.
func (p *Printer) named(i int) {
	p.name(` as "c`, i)
	p.Put(`"`)
}

func (p *Printer) group(g *storage.Group, a Alias) {
	if g.Part == storage.Whole {
		p.path(g.By, 0, a)
		return
	}
	p.Dialect.part(p, g.Part, p.shape(g.By), p.around(g.By, a))
}

// around prints a path between two texts.
func (p *Printer) around(x *schema.Path, a Alias) func(before, after string) {
	return func(before, after string) {
		p.Put(before)
		p.path(x, 0, a)
		p.Put(after)
	}
}

var folds = [...]string{storage.Sum: "sum", storage.Avg: "avg", storage.Min: "min", storage.Max: "max"}

func (p *Printer) measure(m *storage.Measure, a Alias) {
	if m.Of == nil {
		p.Put("count(*)")
		return
	}
	of, k := p.around(m.Of, a), p.shape(m.Of)
	switch {
	case m.Func == storage.Count:
		of("count(", ")")
	case m.Func == storage.Distinct:
		of("count(distinct ", ")")
	case m.Func == storage.Avg && k.Kind == schema.Decimal:
		p.Dialect.average(p, k, of)
	default:
		p.Dialect.fold(p, folds[m.Func], k, of)
	}
}

// Kinds are how the values of the fields of a query's class are kept, by their slots.
func (n *Names) Kinds(q *storage.Query) []Kind {
	kinds := n.Table(q.Class).Kinds
	s := q.Summary
	if s == nil {
		return kinds
	}
	// Members of documents stay text where a column has a type of its own.
	for i := range s.Group {
		if s.Group[i].Part == storage.Whole {
			kinds[i] = n.Shape(s.Group[i].By)
		}
	}
	for i := range s.Measures {
		if m := &s.Measures[i]; m.Func == storage.Min || m.Func == storage.Max {
			kinds[len(s.Group)+i] = n.Shape(m.Of)
		}
	}
	return kinds
}
