package storagetest

import (
	"errors"
	"fmt"

	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

var errGuard = errors.New("guard")

// DrawQuery draws a query over the class, with expansions at most depth deep.
func DrawQuery(t *rapid.T, c *schema.Class, depth int) *storage.Query {
	q := &storage.Query{Class: c, Limit: -1, Columns: drawColumns(t, c)}
	if rapid.Bool().Draw(t, "where?") {
		q.Where = DrawExpr(t, c, 2)
	}
	if c.SoftDelete {
		q.Deleted = storage.Deleted(rapid.IntRange(0, 2).Draw(t, "deleted"))
	}
	if rapid.IntRange(0, 7).Draw(t, "by key") == 0 {
		q.Key = DrawKey(t, c)
	}
	for range rapid.IntRange(0, 2).Draw(t, "tests") {
		q.Tests = append(q.Tests, DrawExpr(t, c, 1))
	}
	for range rapid.IntRange(0, 2).Draw(t, "orders") {
		if p := drawPath(t, c); p.Type.Kind() != schema.JSON {
			q.Order = append(q.Order, storage.Order{By: p, Desc: rapid.Bool().Draw(t, "desc")})
		}
	}
	for _, k := range c.Key {
		q.Order = append(q.Order, storage.Order{By: &schema.Path{Field: k, Type: k.Type}})
	}
	if rapid.Bool().Draw(t, "page?") {
		q.Skip = rapid.IntRange(0, 3).Draw(t, "skip")
		q.Limit = rapid.IntRange(0, 4).Draw(t, "limit")
	}
	q.Total = rapid.Bool().Draw(t, "total")
	for range rapid.IntRange(0, 3).Draw(t, "paths") / 2 {
		q.Paths = append(q.Paths, drawPath(t, c))
	}
	if q.Skip == 0 && q.Key == nil && rapid.IntRange(0, 2).Draw(t, "place?") == 0 {
		q.From = drawPlace(t, q)
	}
	if depth == 0 || len(c.Relations) == 0 {
		return q
	}
	for range rapid.IntRange(0, 2).Draw(t, "expansions") {
		rel := choose(t, c.Relations, "expand")
		e := storage.Expand{Rel: rel, Query: *DrawQuery(t, rel.To, depth-1)}
		e.Query.Deleted, e.Query.Total, e.Query.Key, e.Query.From = storage.Live, false, nil, nil
		q.Expand = append(q.Expand, e)
	}
	return q
}

// drawPlace draws a place in the order of a query.
func drawPlace(t *rapid.T, q *storage.Query) *storage.Place {
	p := &storage.Place{Back: rapid.Bool().Draw(t, "back")}
	for _, o := range q.Order {
		var v schema.Value
		switch {
		case mayBeNull(o.By) && rapid.IntRange(0, 3).Draw(t, "null place") == 0:
		case len(o.By.Member) > 0 || o.By.Field.Computed != nil:
			v = drawTyped(t, o.By.Type, "place")
		case isKey(o.By.Field):
			v = drawKeyPart(t, o.By.Field)
		default:
			v = DrawValue(t, o.By.Field)
		}
		p.Values = append(p.Values, v)
	}
	return p
}

func mayBeNull(p *schema.Path) bool { return len(p.Steps) > 0 || len(p.Member) > 0 || p.Field.Optional }

// DrawSummary draws a summary of rows of the class.
func DrawSummary(t *rapid.T, c *schema.Class) *storage.Query {
	s := &storage.Summary{Class: c}
	if rapid.Bool().Draw(t, "where?") {
		s.Where = DrawExpr(t, c, 1)
	}
	if c.SoftDelete {
		s.Deleted = storage.Deleted(rapid.IntRange(0, 2).Draw(t, "deleted"))
	}
	for range rapid.IntRange(0, 2).Draw(t, "groups") {
		p := drawPath(t, c)
		if p.Type.Kind() == schema.JSON {
			continue
		}
		g := storage.Group{By: p}
		if name := p.Type.Name(); name == "date" || name == "datetime" && len(p.Member) == 0 {
			g.Part = storage.Part(rapid.IntRange(0, int(storage.Day)).Draw(t, "part"))
		}
		s.Group = append(s.Group, g)
	}
	for range rapid.IntRange(0, 3).Draw(t, "measures") {
		s.Measures = append(s.Measures, drawMeasure(t, c))
	}
	if len(s.Group)+len(s.Measures) == 0 {
		s.Measures = []storage.Measure{{}}
	}
	names := make([]string, len(s.Group)+len(s.Measures))
	for i := range names {
		names[i] = fmt.Sprint("m", i)
	}
	q := &storage.Query{Summary: s, Class: s.Rows(names), Limit: -1, Total: rapid.Bool().Draw(t, "total")}
	for i, f := range q.Class.Fields {
		q.Columns = append(q.Columns, storage.Column{Field: f})
		path := &schema.Path{Field: f, Type: f.Type}
		if i < len(s.Group) {
			q.Order = append(q.Order, storage.Order{By: path, Desc: rapid.Bool().Draw(t, "desc")})
		} else if f.Type.Name() == "int" && rapid.IntRange(0, 3).Draw(t, "having") == 0 {
			q.Where = schema.Compare{Op: drawOp(t, f.Type), Left: path, Right: schema.Lit{Value: schema.NewInt(rapid.Int64Range(0, 3).Draw(t, "n"))}}
		}
	}
	if rapid.Bool().Draw(t, "page?") {
		q.Skip = rapid.IntRange(0, 2).Draw(t, "skip")
		q.Limit = rapid.IntRange(0, 3).Draw(t, "limit")
	}
	return q
}

func drawMeasure(t *rapid.T, c *schema.Class) storage.Measure {
	p := drawPath(t, c)
	_, ranked := p.Type.(schema.Ranked)
	number := p.Type.Kind() == schema.Int || p.Type.Kind() == schema.Float || p.Type.Kind() == schema.Decimal
	fns := []storage.Func{storage.Count}
	switch {
	case p.Type.Kind() == schema.JSON:
		return storage.Measure{}
	case number:
		fns = append(fns, storage.Distinct, storage.Sum, storage.Avg, storage.Min, storage.Max)
	case ranked:
		fns = append(fns, storage.Distinct)
	default:
		fns = append(fns, storage.Distinct, storage.Min, storage.Max)
	}
	return storage.Measure{Func: rapid.SampledFrom(fns).Draw(t, "func"), Of: p}
}

// drawColumns draws some columns, some with guards.
func drawColumns(t *rapid.T, c *schema.Class) (cs []storage.Column) {
	for _, f := range c.Fields {
		if f.Synthetic || rapid.IntRange(0, 2).Draw(t, "leave out") == 0 {
			continue
		}
		col := storage.Column{Field: f}
		switch {
		case f.Many != nil:
			col.Guard = drawGuard(t, f.Many.To, 1)
		case f.Computed != nil:
			col.Guard = drawGuard(t, f.Computed.Rel.To, 1)
		}
		cs = append(cs, col)
	}
	return cs
}

// everything reads all there is of a class.
func everything(c *schema.Class) *storage.Query {
	q := &storage.Query{Class: c, Limit: -1, Deleted: storage.WithDeleted}
	for _, f := range c.Fields {
		if !f.Synthetic {
			q.Columns = append(q.Columns, storage.Column{Field: f})
		}
	}
	for _, k := range c.Key {
		q.Order = append(q.Order, storage.Order{By: &schema.Path{Field: k, Type: k.Type}})
	}
	for _, rel := range c.Relations {
		far := &storage.Query{Class: rel.To, Limit: -1}
		for _, k := range rel.To.Key {
			far.Columns = append(far.Columns, storage.Column{Field: k})
			far.Order = append(far.Order, storage.Order{By: &schema.Path{Field: k, Type: k.Type}})
		}
		q.Expand = append(q.Expand, storage.Expand{Rel: rel, Query: *far})
	}
	return q
}

// DrawInsert draws a row that nothing but constraints can refuse.
func DrawInsert(t *rapid.T, class *schema.Class, known Known) *storage.Change {
	c := &storage.Change{Op: storage.Insert, Class: class, Return: everything(class)}
	for i, v := range DrawKey(t, class) {
		if class.Key[i].Ref != nil {
			v = known.Value(t, class.Key[i])
		}
		c.Set = append(c.Set, storage.Assign{Field: class.Key[i], Value: v})
	}
	drawSets(t, c, known)
	return c
}

// DrawChange draws one change of a row of the schema; some are refused.
func DrawChange(t *rapid.T, s *schema.Schema, known Known) *storage.Change {
	class := choose(t, s.Classes, "class")
	ops := []storage.Op{storage.Update, storage.Insert, storage.Insert, storage.Update, storage.Delete}
	if class.SoftDelete {
		ops = append(ops, storage.SoftDelete, storage.Restore)
	}
	op := rapid.SampledFrom(ops).Draw(t, "op")
	if op == storage.Insert {
		return drawGuards(t, DrawInsert(t, class, known))
	}
	c := &storage.Change{Op: op, Class: class, Key: known.Key(t, class), Return: everything(class)}
	switch {
	case !class.SoftDelete:
	case !often(t, "usual"):
		c.Deleted = storage.Deleted(rapid.IntRange(0, 2).Draw(t, "deleted"))
	case op == storage.Restore:
		c.Deleted = storage.OnlyDeleted
	case op == storage.Delete:
		c.Deleted = storage.WithDeleted
	}
	if op != storage.Delete {
		drawSets(t, c, known)
	}
	if op == storage.SoftDelete {
		c.Set = append(c.Set, storage.Assign{Field: class.DeletedAt, Value: Value(class.DeletedAt.Type, "2026-01-02T03:04:05Z")})
	}
	return drawGuards(t, c)
}

// drawGuards adds guards and a version to some changes.
func drawGuards(t *rapid.T, c *storage.Change) *storage.Change {
	if !often(t, "before") {
		c.Before = append(c.Before, storage.Guard{Where: DrawExpr(t, c.Class, 2), Err: errGuard})
	}
	if !often(t, "after") {
		c.After = append(c.After, storage.Guard{Where: DrawExpr(t, c.Class, 2), Err: errGuard})
	}
	if !often(t, "fresh") && !often(t, "fresh indeed") {
		c.IfVersion = 1 << 40
	}
	return c
}

// drawSets draws what an insert, update, soft delete or restore sets.
func drawSets(t *rapid.T, c *storage.Change, known Known) {
	for _, f := range c.Class.Fields {
		switch {
		case f.Many != nil:
			if rapid.IntRange(0, 2).Draw(t, "links") == 0 {
				c.Links = append(c.Links, drawLinks(t, f, known))
			}
			continue
		case !f.Stored() || f == c.Class.DeletedAt || isKey(f):
			continue
		case f.Auto == schema.AutoSequence:
			if c.Op == storage.Insert || !often(t, "numbered") {
				c.Set = append(c.Set, storage.Assign{Field: f, Sequence: often(t, "next"), Value: schema.NewInt(rapid.Int64Range(1, 4).Draw(t, "number"))})
			}
			continue
		case (c.Op != storage.Insert || f.Optional) && rapid.Bool().Draw(t, "unset"):
			continue
		}
		a := storage.Assign{Field: f}
		if !f.Optional || rapid.IntRange(0, 3).Draw(t, "null") > 0 {
			a.Value = known.Value(t, f)
		}
		c.Set = append(c.Set, a)
	}
}

func isKey(f *schema.Field) bool {
	for _, k := range f.Class.Key {
		if k == f {
			return true
		}
	}
	return false
}

func drawLinks(t *rapid.T, f *schema.Field, known Known) storage.Links {
	items := func(label string) (keys []schema.Value) {
		for range rapid.IntRange(0, 2).Draw(t, label) {
			keys = append(keys, known.Key(t, f.Many.To)[0])
		}
		return keys
	}
	l := storage.Links{Field: f, Replace: rapid.Bool().Draw(t, "replace"), Add: items("add")}
	if !l.Replace && len(l.Add) == 0 {
		l.Remove = items("remove")
	}
	return l
}
