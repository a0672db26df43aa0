package actions

import (
	"context"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// joinPlan puts new rows into the set of the row above them: POST
// /teams/3/members makes a person and changes team 3, which needs its own right.
type joinPlan struct {
	target
	field *schema.Field
	in    *input
}

// join is nil where the new rows themselves say where they belong.
func (p *parentPlan) join(x *Exec, list *problems) *joinPlan {
	if p == nil || p.rel.Kind != schema.Link {
		return nil
	}
	d := x.Decide(p.class, authz.Update)
	b := inputBinder{x: x, c: p.class, m: patching, verb: d, get: x.Decide(p.class, authz.Get), p: list, key: p.key}
	b.in = &input{class: p.class, given: map[*schema.Field]string{p.rel.Field: ""}}
	b.maySet(p.rel.Field, "")
	return &joinPlan{field: p.rel.Field, in: b.in, target: target{
		class: p.class, id: p.a.ID, key: p.key, verb: authz.Update, d: d, match: &If{}, after: true,
	}}
}

func (j *joinPlan) authorize(x *Exec) error {
	if j == nil {
		return nil
	}
	if err := x.permit(j.d, j.class, j.verb); err != nil {
		return err
	}
	return x.permitInput(j.class, j.in)
}

// add puts rows of a class into the set.
func (j *joinPlan) add(ctx context.Context, x *Exec, tx storage.Tx, c *schema.Class, rows ...storage.Row) error {
	if j == nil || len(rows) == 0 {
		return nil
	}
	l := linkInput{field: j.field}
	for i := range rows {
		l.add = append(l.add, linkItem{key: rows[i].Key(c)[0]})
	}
	in := *j.in
	in.links = []linkInput{l}
	t := j.target
	_, err := x.update(ctx, tx, &t, &in, storage.Update)
	return err
}
