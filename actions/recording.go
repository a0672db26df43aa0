package actions

import (
	"context"
	"slices"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Recorded is one change of one row that a transaction made.
type Recorded struct {
	Op    storage.Op // Delete and Update also for rows that went along with another one
	Class *schema.Class
	Key   []schema.Value
	// Before and After are the row with every stored field and every `many` set; nil
	// where there was none, or is none any more.
	Before, After *storage.Row
	// By is the action that made the change: of a compound the step, of a function in Go the
	// action that it ran. Verb is what it was to the row: create, update, delete, restore, purge, or the
	// name of the declared action that was run on the row.
	By   Action
	Verb string
}

// Row is the row as it was last seen: after the change, or before it was removed.
func (r *Recorded) Row() *storage.Row {
	if r.After != nil {
		return r.After
	}
	return r.Before
}

// Wanted says of which classes changes are recorded. nil is of none.
type Wanted struct {
	class []bool // by Class.Index
	along []bool // a deletion may change rows of wanted classes beside the one it is about
	refs  [][]*schema.Field
}

// NewWanted finds the classes whose changes somebody wants, nil for none.
func NewWanted(s *schema.Schema, want func(*schema.Class) bool) *Wanted {
	n := len(s.Classes)
	w := &Wanted{class: make([]bool, n), along: make([]bool, n), refs: make([][]*schema.Field, n)}
	some := false
	for _, c := range s.Classes {
		w.class[c.Index] = want(c)
		some = some || w.class[c.Index]
		for _, f := range c.Fields {
			if to := f.Target(); to != nil {
				w.refs[to.Index] = append(w.refs[to.Index], f)
			}
		}
	}
	if !some {
		return nil
	}
	for again := true; again; {
		again = false
		for i, refs := range w.refs {
			if w.along[i] {
				continue
			}
			again = slices.ContainsFunc(refs, func(f *schema.Field) bool {
				from := f.Class.Index
				return touches(f) && (w.class[from] || takes(f) && w.along[from])
			})
			if again {
				w.along[i] = true
				break
			}
		}
	}
	return w
}

// touches reports whether a row may change when the row that its field points at is deleted.
func touches(f *schema.Field) bool {
	return f.Many != nil || f.Ref.OnDelete != schema.Restrict || f.Class.SoftDelete
}

// takes reports whether a row may be deleted with the row that its field points at.
func takes(f *schema.Field) bool { return f.Many == nil && f.Ref.OnDelete != schema.SetNull }

// Recorder is a transaction that notes what it changes. What a savepoint undoes is not noted.
type Recorder struct {
	storage.Tx
	wanted *Wanted
	noted  []Recorded
	doing  []Action
}

// NewRecorder notes changes of the wanted classes.
func NewRecorder(tx storage.Tx, w *Wanted) *Recorder { return &Recorder{Tx: tx, wanted: w} }

// Changes are what was noted, in the order in which it happened.
func (r *Recorder) Changes() []Recorded { return r.noted }

// Write runs a plan in a transaction. Every plan is run by it, so that what is
// recorded knows which action it belongs to.
func Write(ctx context.Context, x *Exec, tx storage.Tx, p Writing, a Action) (*Result, error) {
	if r, ok := tx.(*Recorder); ok {
		r.doing = append(r.doing, a)
		defer func() { r.doing = r.doing[:len(r.doing)-1] }()
	}
	return p.Write(ctx, x, tx)
}

// Savepoint forgets what it undoes.
func (r *Recorder) Savepoint(ctx context.Context, fn func() error) error {
	n := len(r.noted)
	err := r.Tx.Savepoint(ctx, fn)
	if err != nil {
		r.noted = r.noted[:n]
	}
	return err
}

// Apply makes the change and notes it, with the rows that went along.
func (r *Recorder) Apply(ctx context.Context, c *storage.Change) (*storage.Row, error) {
	change := *c
	change.Final = false // what was noted is yet to be kept
	own := r.wanted.class[c.Class.Index]
	along := c.Op == storage.Delete && r.wanted.along[c.Class.Index]
	if !own && !along {
		return r.Tx.Apply(ctx, &change)
	}
	var before *storage.Row
	var others []Recorded
	var err error
	if c.Op != storage.Insert {
		if before, err = r.row(ctx, c.Class, c.Key, true); err != nil {
			return nil, err
		}
	}
	if along && before != nil {
		if others, err = r.dependents(ctx, c.Class, c.Key); err != nil {
			return nil, err
		}
	}
	again := own && c.Op != storage.Delete && !answers(&change)
	row, err := r.Tx.Apply(ctx, &change)
	if err != nil {
		return nil, err
	}
	for i := range others {
		if err := r.noteOther(ctx, &others[i]); err != nil {
			return nil, err
		}
	}
	if !own {
		return row, nil
	}
	n := Recorded{Op: c.Op, Class: c.Class, Key: c.Key, Before: before}
	if c.Op == storage.Insert {
		n.Key = row.Key(c.Class)
	}
	switch {
	case c.Op == storage.Delete:
	case again:
		if n.After, err = r.row(ctx, n.Class, n.Key, false); err != nil {
			return nil, err
		}
	default:
		n.After = &storage.Row{Version: row.Version, Values: slices.Clone(row.Values[:len(c.Class.Fields)])}
	}
	r.note(n)
	return row, nil
}

// answers has a change answer with the whole row, and reports whether it can: one
// that shows a part of a set to its reader cannot.
func answers(c *storage.Change) bool {
	q := storage.Query{Class: c.Class}
	if c.Return != nil {
		q = *c.Return
	}
	has := make([]bool, len(c.Class.Fields))
	for _, col := range q.Columns {
		if col.Guard != nil && col.Field.Many != nil {
			return false
		}
		has[col.Field.Index] = true
	}
	q.Columns = slices.Clip(q.Columns)
	for _, f := range c.Class.Fields {
		if recordable(f) && !has[f.Index] {
			q.Columns = append(q.Columns, storage.Column{Field: f})
		}
	}
	c.Return = &q
	return true
}

// recordable fields are those that a row keeps.
func recordable(f *schema.Field) bool { return f.Stored() || f.Many != nil }

// row reads a row as it is recorded, nil for none.
func (r *Recorder) row(ctx context.Context, c *schema.Class, key []schema.Value, lock bool) (*storage.Row, error) {
	q := &storage.Query{Class: c, Key: key, Limit: 1, Deleted: storage.WithDeleted, Lock: lock}
	for _, f := range c.Fields {
		if recordable(f) {
			q.Columns = append(q.Columns, storage.Column{Field: f})
		}
	}
	page, err := r.Read(ctx, q)
	if err != nil || len(page.Rows) == 0 {
		return nil, err
	}
	return &page.Rows[0], nil
}

// dependents are the rows of wanted classes that may change when a row is deleted, as they are before.
// The row is locked, so that none are added meanwhile.
func (r *Recorder) dependents(ctx context.Context, c *schema.Class, key []schema.Value) ([]Recorded, error) {
	type place struct {
		class *schema.Class
		id    string
	}
	type going struct {
		class *schema.Class
		key   []schema.Value
	}
	seen := map[place]bool{{c, schema.FormatKey(c, key)}: true}
	var out []Recorded
	for reached := []going{{c, key}}; len(reached) > 0; reached = reached[1:] {
		at := reached[0]
		if len(at.class.Key) != 1 {
			continue // nothing points at keys of several fields
		}
		for _, f := range r.wanted.refs[at.class.Index] {
			from := f.Class
			if !touches(f) || !r.wanted.class[from.Index] && !(takes(f) && r.wanted.along[from.Index]) {
				continue
			}
			page, err := r.Read(ctx, &storage.Query{Class: from, Columns: keyColumns(from), Where: pointing(f, at.key[0]), Limit: -1, Deleted: storage.WithDeleted})
			if err != nil {
				return nil, err
			}
			for i := range page.Rows {
				k := page.Rows[i].Key(from)
				p := place{from, schema.FormatKey(from, k)}
				if takes(f) && !seen[p] {
					reached = append(reached, going{from, k})
				}
				if seen[p] || !r.wanted.class[from.Index] {
					seen[p] = seen[p] || takes(f)
					continue
				}
				seen[p] = true
				before, err := r.row(ctx, from, k, true)
				if err != nil {
					return nil, err
				}
				if before != nil {
					out = append(out, Recorded{Class: from, Key: k, Before: before})
				}
			}
		}
	}
	return out, nil
}

// pointing is the condition that a reference, or a set of them, leads to the row of a key.
func pointing(f *schema.Field, key schema.Value) schema.Expr {
	if f.Many == nil {
		return schema.Compare{Op: schema.Eq, Left: &schema.Path{Field: f, Type: f.Type}, Right: schema.Lit{Value: key}}
	}
	id := f.Many.To.Key[0]
	return schema.Exists{Rel: f.Many.Rel, Where: schema.Compare{Op: schema.Eq, Left: &schema.Path{Field: id, Type: id.Type}, Right: schema.Lit{Value: key}}}
}

// noteOther notes what became of a row that might have gone along.
func (r *Recorder) noteOther(ctx context.Context, n *Recorded) error {
	var err error
	if n.After, err = r.row(ctx, n.Class, n.Key, false); err != nil {
		return err
	}
	switch {
	case n.After == nil:
		n.Op = storage.Delete
	case n.After.Version != n.Before.Version:
		n.Op = storage.Update
	default:
		return nil
	}
	r.note(*n)
	return nil
}

func (r *Recorder) note(n Recorded) {
	if len(r.doing) > 0 {
		n.By = r.doing[len(r.doing)-1]
	}
	n.Verb = r.verb(&n)
	r.noted = append(r.noted, n)
}

// verb is what a change was to its row.
func (r *Recorder) verb(n *Recorded) string {
	id := ""
	for _, a := range r.doing {
		run, ok := a.(*Run)
		if !ok || run.ID == "" || run.Class != n.Class.Name {
			continue
		}
		if id == "" {
			id = schema.FormatKey(n.Class, n.Key)
		}
		if run.ID == id {
			return run.Action
		}
	}
	switch n.Op {
	case storage.Insert:
		return authz.Create
	case storage.Update:
		return authz.Update
	case storage.Restore:
		return authz.Restore
	}
	if _, ok := n.By.(*Purge); ok {
		return authz.Purge
	}
	return authz.Delete
}

// Keeps reports whether records of changes show a field. Secrets, and what nobody is ever shown, they do not.
func Keeps(f *schema.Field) bool {
	return recordable(f) && !f.WriteOnly && !f.Type.Traits().Secret
}

// Changed are the fields whose value a change moved: every one of a row that came or went.
func (r *Recorded) Changed() []*schema.Field {
	var out []*schema.Field
	for _, f := range r.Class.Fields {
		switch {
		case !recordable(f):
		case r.Before == nil || r.After == nil, !schema.Equal(r.Before.Values[f.Index], r.After.Values[f.Index]):
			out = append(out, f)
		}
	}
	return out
}

// AppendMembers appends the fields of a row as a JSON object, those that are kept.
func AppendMembers(b []byte, row *storage.Row, fields []*schema.Field) []byte {
	b = append(b, '{')
	first := true
	for _, f := range fields {
		if !Keeps(f) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, prefix(f.JSON)...)
		b = appendValue(b, f.Type, row.Values[f.Index])
	}
	return append(b, '}')
}
