package actions

import (
	"bytes"
	"context"
	"strconv"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// jsonPatch is an RFC 6902 document.
type jsonPatch struct{ ops jsonpatch.Patch }

const (
	// mostCopied are the bytes that the copies of one patch may add up to.
	mostCopied = 1 << 20
	// mostOperations are the operations of one patch.
	mostOperations = 100
)

func bindJSONPatch(raw []byte) (*jsonPatch, error) {
	ops, err := jsonpatch.DecodePatch(raw)
	if kindOf(raw) != '[' || err != nil {
		return nil, Errorf(BadContent, "A JSON Patch is an array of operations: add, remove, replace, move, copy and test, each with a path.")
	}
	if len(ops) > mostOperations {
		return nil, Invalid(Problem{Code: "too-many", Detail: "A JSON Patch has at most " + strconv.Itoa(mostOperations) + " operations."})
	}
	for _, op := range ops {
		path, err := op.Path()
		if err != nil {
			return nil, Errorf(BadContent, "Every operation of a JSON Patch needs a path.")
		}
		if !isPointer(path) {
			return nil, notAPointer("path", path)
		}
		switch op.Kind() {
		case "add", "replace", "test":
			if _, given := op["value"]; !given { // null is a value, too
				return nil, Errorf(BadContent, "The operation "+op.Kind()+" needs a value.")
			}
		case "move", "copy":
			from, err := op.From()
			if err != nil {
				return nil, Errorf(BadContent, "The operation "+op.Kind()+" needs from.")
			}
			if !isPointer(from) {
				return nil, notAPointer("from", from)
			}
		case "remove":
		default:
			return nil, Errorf(BadContent, "The operations of a JSON Patch are add, remove, replace, move, copy and test.")
		}
	}
	return &jsonPatch{ops}, nil
}

// isPointer reports whether a text has the form of a JSON Pointer (RFC 6901 §3).
func isPointer(s string) bool {
	if s == "" {
		return true
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '~' && (i+1 == len(s) || s[i+1] != '0' && s[i+1] != '1') {
			return false
		}
	}
	return s[0] == '/'
}

func notAPointer(member, text string) error {
	return Errorf(BadContent, "`"+excerpt(text)+"` in `"+member+"` is no JSON Pointer: it begins with a slash, as in /address/zip.")
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
func (d *jsonPatch) apply(doc []byte) ([]byte, error) {
	opts := jsonpatch.NewApplyOptions()
	opts.AccumulatedCopySizeLimit = mostCopied
	opts.EscapeHTML = false
	for ops := d.ops; len(ops) > 0; {
		n := 0
		for n < len(ops) && ops[n].Kind() != "test" {
			n++
		}
		if n > 0 {
			out, err := ops[:n].ApplyWithOptions(doc, opts)
			if err != nil {
				return nil, Invalid(Problem{Code: "patch", Detail: "The patch does not fit the row: a path does not exist or cannot be changed."})
			}
			doc, ops = out, ops[n:]
			continue
		}
		for n < len(ops) && ops[n].Kind() == "test" {
			n++
		}
		if !passes(ops[:n], doc) {
			return nil, Errorf(PatchTestFailed, "A test of the patch does not hold for the row as it is.")
		}
		ops = ops[n:]
	}
	return doc, nil
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
		b = AppendMember(append(b, m.Prefix...), v, m, r)
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
