package migrate

import (
	"context"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// Adopt takes over the tables of a schema that somebody else has made, and does nothing else. It returns their names.
func Adopt(ctx context.Context, c Conn, s *schema.Schema) (names []string, err error) {
	plan, err := Make(ctx, c, s)
	if err != nil {
		return nil, err
	}
	plan.Steps = slices.DeleteFunc(plan.Steps, func(s Step) bool { return s.Risk != Adoption })
	for i := range plan.Steps {
		names = append(names, plan.Steps[i].Table)
	}
	if names == nil {
		return nil, nil
	}
	_, err = Apply(ctx, c, plan, Allow{})
	return names, err
}

// Beyond lists what is in the database that a schema does not have: it stays as it is.
func Beyond(ctx context.Context, c Conn, s *schema.Schema) ([]Difference, error) {
	have, err := Inspect(ctx, c)
	if err != nil {
		return nil, err
	}
	want := Desired(s, c.Dialect())
	d := drift{}
	for _, t := range have.Tables {
		w := want.Table(t.Name)
		if w == nil {
			d.add("+", "table", "", t.Name, "no class has it")
			continue
		}
		for _, col := range t.Columns {
			x := w.Column(col.Name)
			if x == nil {
				d.add("+", "column", t.Name, col.Name, "%s, no field has it", strings.ToLower(col.Type))
			} else if col.Refers != nil && x.Refers == nil {
				d.add("+", "reference", t.Name, col.Name, "refers to %s", col.Refers.Table)
			}
		}
		for _, x := range t.Indexes {
			if !slices.ContainsFunc(w.Indexes, func(y *Index) bool { return y.same(x) }) && !slices.Equal(names(x), t.Key) {
				d.add("+", "index", t.Name, x.Name, "no class asks for it")
			}
		}
	}
	for _, o := range have.Others {
		text := o.SQL
		if i := strings.IndexByte(text, '\n'); i >= 0 {
			text = text[:i]
		}
		d.add("+", o.Kind, o.Table, o.Name, "%s", text)
	}
	return d.found, nil
}
