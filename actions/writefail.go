package actions

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// failed gives a stale write its 412 with the tag that is current now.
func (x *Exec) failed(ctx context.Context, tx storage.Reader, t *target, err error) error {
	var stale *storage.StaleError
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return x.hidden(t.class, t.id)
	case !errors.As(err, &stale):
		return err
	}
	e := &Error{Code: PreconditionFailed, Detail: "This " + t.class.Name + " was changed since; read it again and repeat the change."}
	if t.match.HasNoneMatch {
		e.Detail = "This " + t.class.Name + " exists already."
	}
	if t.view == nil {
		var p problems
		t.view = x.bindView(t.class, &View{}, &p)
	}
	q := t.view.query
	q.Key, q.Limit, q.Watch, q.Where = t.key, 1, t.view.watch, x.Guard(t.class)
	if page, rerr := tx.Read(ctx, &q); rerr == nil && len(page.Rows) > 0 {
		e.Tag = x.itemTag(t.view, &page.Rows[0], page.Counters, "", &Output{})
		if t.file != nil {
			e.Tag = ""
			if f, there := schema.FileOf(page.Rows[0].Values[t.file.Index]); there {
				e.Tag = fileTag(f)
			}
		}
	}
	return e
}

// stored translates what a store refuses into words for the client; pointers
// lead to the members of the input.
func (x *Exec) stored(err error, in *input) error {
	if err == nil {
		return nil // before there is anything to allocate
	}
	var (
		unique *storage.UniqueError
		ref    *storage.ReferenceError
		held   *storage.ReferencedError
		check  *storage.CheckError
	)
	switch {
	case errors.As(err, &unique):
		fields := apart(unique)
		e := Errorf(AlreadyExists, "Another "+unique.Class.Name+" has this "+jsonNames(fields)+" already.")
		for _, f := range fields {
			e.Errors = append(e.Errors, Problem{Code: "taken", Detail: "`" + f.JSON + "` is taken.", Pointer: in.place(f)})
		}
		return e
	case errors.As(err, &ref):
		e := Errorf(ReferenceMissing, "There is no such "+ref.Field.Target().Name+".")
		e.Errors = []Problem{{Code: string(ReferenceMissing), Detail: e.Detail, Pointer: in.place(ref.Field)}}
		return e
	case errors.As(err, &held):
		if !x.seesAll(held.By.Class) || !x.Decide(held.By.Class, authz.Get).Always(held.By) {
			return Errorf(StillReferenced, "Still referenced by other records.") // how many, and of what, may be hidden
		}
		return Errorf(StillReferenced, "Still referenced by "+strconv.FormatInt(held.Count, 10)+" of "+held.By.Class.Collection+".")
	case errors.As(err, &check):
		return Invalid(Problem{Code: "check", Detail: "The check " + check.Check.Name + " does not hold: " + check.Check.Text + "."})
	}
	return err
}

// apart are the fields that tell two rows apart: those of the index without the
// organization, which is the same for all that anybody sees.
func apart(e *storage.UniqueError) []*schema.Field {
	if f := e.Class.Tenant; f != nil && len(e.Fields) > 1 {
		return slices.DeleteFunc(slices.Clone(e.Fields), func(g *schema.Field) bool { return g == f })
	}
	return e.Fields
}

func (in *input) place(f *schema.Field) string {
	if in != nil {
		if at, ok := in.given[f]; ok {
			return at
		}
	}
	return pointer("", f.JSON)
}

func jsonNames(fs []*schema.Field) string {
	s := ""
	for i, f := range fs {
		if i > 0 {
			s += " and "
		}
		s += f.JSON
	}
	return s
}
