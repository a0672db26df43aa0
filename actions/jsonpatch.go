package actions

import (
	"bytes"
	"context"
	"errors"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// jsonPatch is an RFC 6902 document.
type jsonPatch struct{ ops jsonpatch.Patch }

// most bytes that the copies of one patch may add up to.
const mostCopied = 1 << 20

func bindJSONPatch(raw []byte) (*jsonPatch, error) {
	ops, err := jsonpatch.DecodePatch(raw)
	if kindOf(raw) != '[' || err != nil {
		return nil, Errorf(BadContent, "A JSON Patch is an array of operations: add, remove, replace, move, copy and test, each with a path.")
	}
	for _, op := range ops {
		if _, err := op.Path(); err != nil {
			return nil, Errorf(BadContent, "Every operation of a JSON Patch needs a path.")
		}
		switch op.Kind() {
		case "add", "replace", "test":
			if op["value"] == nil {
				return nil, Errorf(BadContent, "The operation "+op.Kind()+" needs a value.")
			}
		case "move", "copy":
			if _, err := op.From(); err != nil {
				return nil, Errorf(BadContent, "The operation "+op.Kind()+" needs from.")
			}
		case "remove":
		default:
			return nil, Errorf(BadContent, "The operations of a JSON Patch are add, remove, replace, move, copy and test.")
		}
	}
	return &jsonPatch{ops}, nil
}

// patched applies the document to the row as the subject sees it and binds the
// members that came out different, like a merge patch of those members.
func (w *writePlan) patched(ctx context.Context, x *Exec, tx storage.Tx) (*input, error) {
	var p problems
	all := View{Fields: []string{"*"}}
	for _, f := range w.class.Fields {
		if f.Hidden && !f.WriteOnly && !f.Type.Traits().Secret && x.Decide(w.class, authz.Get).May(f) {
			all.Fields = append(all.Fields, f.JSON)
		}
	}
	view := x.bindView(w.class, &all, &p)
	q := view.query
	q.Key, q.Limit, q.Where = w.key, 1, conj(x.Guard(w.class), w.filter)
	page, err := tx.Read(ctx, &q)
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 {
		return nil, x.hidden(w.class, w.id)
	}
	before := document(view.shown, &page.Rows[0])
	after, err := w.document.apply(before)
	if err != nil {
		return nil, err
	}
	b := w.binder(x, &p)
	b.whole = true
	in := b.bind(changes(before, after))
	if err := p.err(); err != nil {
		return nil, err
	}
	if err := x.permitInput(w.class, in); err != nil {
		return nil, err
	}
	return in, in.prepare(ctx, x)
}

// apply runs the operations, all or nothing.
func (d *jsonPatch) apply(doc []byte) (out []byte, err error) {
	failed := Errorf(PatchTestFailed, "A test of the patch does not hold for the row as it is.")
	defer func() {
		// The library panics where a test compares null with an array.
		if recover() != nil {
			out, err = nil, failed
		}
	}()
	opts := jsonpatch.NewApplyOptions()
	opts.AccumulatedCopySizeLimit = mostCopied
	opts.EscapeHTML = false
	out, err = d.ops.ApplyWithOptions(doc, opts)
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, jsonpatch.ErrTestFailed):
		return nil, failed
	}
	return nil, Invalid(Problem{Code: "patch", Detail: "The patch does not fit the row: a path does not exist or cannot be changed."})
}

// document writes a row as a plain JSON object.
func document(v *Shown, r *storage.Row) []byte {
	b := []byte{'{'}
	for i := range v.Members {
		m := &v.Members[i]
		if m.Field == nil || m.Test > 0 && !r.Test(int(m.Test-1)) {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, m.Prefix...)
		if m.Field.Synthetic {
			b = schema.AppendQuoted(b, schema.FormatKey(v.Class, r.Key(v.Class)))
			continue
		}
		b = m.Field.Type.AppendJSON(b, r.Values[m.Field.Index])
	}
	return append(b, '}')
}

// changes is the object of members that differ; a member that is gone is null.
func changes(before, after []byte) []byte {
	was := map[string][]byte{}
	eachMember(before, func(name string, v []byte) bool {
		was[name] = v
		return true
	})
	b := []byte{'{'}
	put := func(name string, v []byte) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(schema.AppendQuoted(b, name), ':'), v...)
	}
	if kindOf(after) == '{' {
		eachMember(after, func(name string, v []byte) bool {
			old, had := was[name]
			if !had || !bytes.Equal(old, v) {
				put(name, v)
			}
			delete(was, name)
			return true
		})
	}
	eachMember(before, func(name string, _ []byte) bool {
		if _, gone := was[name]; gone {
			put(name, []byte("null"))
		}
		return true
	})
	return append(b, '}')
}
