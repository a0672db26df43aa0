package actions

import (
	"context"
	"strconv"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// asOfPlan reads one row as it was at a time. What the subject may see of it is
// what it may see of the row as it is now.
type asOfPlan struct {
	*past
	a        *Get
	at       time.Time
	property *Member
}

func bindAsOf(x *Exec, a *Get) (Plan, error) {
	var p problems
	v := a.View
	if a.Property != "" {
		v = View{Fields: []string{a.Property}}
	}
	if c, err := x.class(a.Class); err == nil && !c.History {
		p.param("asOf", "unfit", "`"+c.Name+"` keeps no history.", "")
		return nil, p.err()
	}
	b, err := x.bindPast(a.Class, a.ID, &v, &p)
	if err != nil {
		return nil, err
	}
	g := &asOfPlan{past: b, a: a}
	if g.at, err = time.Parse(time.RFC3339Nano, a.AsOf); err != nil {
		p.param("asOf", "format", "`asOf` is a time such as 2026-01-31T12:00:00Z.", "")
	}
	unfit := func(what string) {
		p.param("asOf", "unfit", "Of another time only the record itself is known, without "+what+".", "")
	}
	if a.Output.Format != "" && a.Output.Format != "json" {
		unfit("other formats than JSON")
	}
	for i := range b.view.shown.Members {
		switch m := &b.view.shown.Members[i]; {
		case m.Field == nil:
			unfit("related records")
		case m.Field.Computed != nil:
			unfit("`" + m.Name + "`, which is worked out from other records")
		case m.Pick != nil:
			unfit("a choice of what is in `" + m.Name + "`")
		}
	}
	if a.Property != "" {
		if g.property = b.view.shown.member(a.Property); g.property == nil {
			return nil, Errorf(NotFound, "`"+b.class.Name+"` has no member `"+excerpt(a.Property)+"`.")
		}
	}
	return g, p.err()
}

// Authorize needs the rights to get and to history.
func (g *asOfPlan) Authorize(x *Exec) error { return g.authorize(x) }

// Read begins with the row as it is and takes back what was changed since.
func (g *asOfPlan) Read(ctx context.Context, x *Exec, r storage.Reader) (*Result, error) {
	row, err := g.now(ctx, x, r)
	if err != nil {
		return nil, err
	}
	absent := Errorf(NotFound, "There was no "+g.class.Name+" "+excerpt(g.id)+" at that time, or nothing is known of it.")
	later := schema.And{g.ledger.of(g.row), schema.Compare{Op: schema.Gt, Left: fieldPath(g.ledger.at), Right: schema.Lit{Value: schema.NewDatetime(g.at)}}}
	since, err := g.ledger.read(ctx, r, later, x.Limits.Rows+1, true)
	if err != nil {
		return nil, err
	}
	if len(since) > x.Limits.Rows {
		return nil, Errorf(StateConflict, "More than "+strconv.Itoa(x.Limits.Rows)+" changes were made since.")
	}
	earlier := schema.And{g.ledger.of(g.row), schema.Compare{Op: schema.Le, Left: fieldPath(g.ledger.at), Right: schema.Lit{Value: schema.NewDatetime(g.at)}}}
	until, err := g.ledger.read(ctx, r, earlier, 1, true)
	if err != nil {
		return nil, err
	}
	was := map[string][]byte{}
	there, version := row != nil, int64(0)
	if row != nil {
		version = row.Version
		for i := range g.view.shown.Members {
			if f := g.view.shown.Members[i].Field; f != nil {
				was[f.JSON] = appendValue(nil, f.Type, row.Values[f.Index])
			}
		}
		was["\x00updated"], was["\x00deleted"] = stampOf(row, g.class.UpdatedAt), stampOf(row, g.class.DeletedAt)
	}
	for i := range since {
		there = len(since[i].Before) > 0
		if !there {
			clear(was)
			continue
		}
		eachMember(since[i].Before, func(name string, value []byte) bool {
			was[name] = value
			if f := g.class.UpdatedAt; f != nil && f.JSON == name {
				was["\x00updated"] = value
			}
			if f := g.class.DeletedAt; f != nil && f.JSON == name {
				was["\x00deleted"] = value
			}
			return true
		})
	}
	if len(until) > 0 {
		version = until[0].Version
	}
	switch deleted := was["\x00deleted"]; {
	case !there, len(deleted) > 0 && !isNull(deleted) && g.query.Deleted == storage.Live:
		return nil, absent
	case len(until) == 0 && !g.before(was["\x00updated"]):
		return nil, absent // it was written before there was a history of it
	}
	body := g.show(was, row)
	if body == nil {
		return nil, Errorf(NotFound, "`"+g.class.Name+"` has no member `"+excerpt(g.a.Property)+"`.")
	}
	res := &Result{Outcome: Found, Class: g.class, Raw: body, ID: g.id, Tag: tag(version, nil, hashOutput(newHash().str("as of").str(x.Schema.Revision).bytes(body), &g.a.Output))}
	if err := res.condition(&g.a.If); err != nil {
		return nil, err
	}
	if res.Outcome == NotModified {
		res.Raw = nil
	}
	return res, nil
}

func stampOf(row *storage.Row, f *schema.Field) []byte {
	if f == nil {
		return nil
	}
	if row.Values[f.Index].IsNull() {
		return []byte("null")
	}
	return []byte(`"` + row.Values[f.Index].Text() + `"`)
}

// before reports whether the last write of the row, as it says itself, was before the time that is asked for.
func (g *asOfPlan) before(updated []byte) bool {
	if len(updated) < 2 || isNull(updated) {
		return false
	}
	t, err := time.Parse(time.RFC3339Nano, string(updated[1:len(updated)-1]))
	return err == nil && !t.After(g.at)
}

// show writes the record, or the property that is asked for; nil where the subject does not see that.
func (g *asOfPlan) show(was map[string][]byte, row *storage.Row) []byte {
	value := func(m *Member) []byte {
		if v := was[m.Field.JSON]; v != nil {
			return v
		}
		return []byte("null")
	}
	if g.property != nil {
		if !g.shows(row, g.property.Name) {
			return nil
		}
		return value(g.property)
	}
	b := []byte{'{'}
	for i := range g.view.shown.Members {
		m := &g.view.shown.Members[i]
		if !g.shows(row, m.Name) {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(b, m.Prefix...), value(m)...)
	}
	return append(b, '}')
}
