package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Deletions walk the references themselves, as the contract wants versions and
// counters of every row that is touched. The walk goes by sets: a round trip a level,
// then one that writes. Rows are locked as they are found; a reference that is made at the same
// time runs into a foreign key, and the transaction runs again.

// rows are some rows of a class: where they lie, which does not change while they are locked, and
// what references to them hold.
type rows struct {
	places []schema.Value // ctid
	keys   []schema.Value // of classes with a key of one field
	known  map[string]bool
	level  int // where the rows of the present level of the walk begin
}

func (r *rows) add(place string, key schema.Value) {
	if r.known[place] {
		return
	}
	if r.known == nil {
		r.known = map[string]bool{}
	}
	r.known[place] = true
	r.places = append(r.places, schema.NewText(place))
	r.keys = append(r.keys, key)
}

// deletion is one Delete with the rows that go along.
type deletion struct {
	*apply
	going    map[*schema.Class]*rows
	clearing map[*schema.Class]*rows                    // rows that lose a reference with set_null
	owners   map[*schema.Field][]schema.Value           // keys of rows that lose a link
	holding  map[*schema.Field]*storage.ReferencedError // what may restrict
}

// delete removes a row for good, with all that goes along.
func (a *apply) delete() (*storage.Row, error) {
	d := &deletion{apply: a, going: map[*schema.Class]*rows{}, clearing: map[*schema.Class]*rows{},
		owners: map[*schema.Field][]schema.Value{}, holding: map[*schema.Field]*storage.ReferencedError{}}
	row, err := d.start()
	if err != nil {
		return nil, err
	}
	if err := d.walk(); err != nil {
		return nil, err
	}
	if err := d.restricted(); err != nil {
		return nil, err
	}
	return row, d.write()
}

// start locks the row, judges it, reads it as the change returns it, and looks at what hangs on it.
func (d *deletion) start() (*storage.Row, error) {
	l, err := d.newLook(d.Return, d.Deleted, wheres(d.before()))
	if err != nil {
		return nil, err
	}
	where, args := d.keyed()
	lock := statementOf("select ctid from "+d.table.Name+where+" for update", args...)
	lock.row = d.finds(d.going, d.Class, d.Key[:1])
	cmds := append([]*command{lock}, l.commands()...)
	if len(d.Key) == 1 {
		cmds = append(cmds, d.around(d.Class, d.Key)...)
	}
	if err := d.run(d.ctx, cmds...); err != nil {
		return nil, err
	}
	row, err := l.row()
	if err != nil {
		return nil, err
	}
	if err := d.refused(l, row); err != nil {
		return nil, err
	}
	if r := d.going[d.Class]; r != nil && d.Return == nil {
		row.Values = make([]schema.Value, len(d.Class.Fields))
		for i, f := range d.Class.Key {
			row.Values[f.Index] = d.Key[i]
		}
	}
	return row, nil
}

// finds takes in rows of a class: where they lie, and their keys unless these are given.
func (d *deletion) finds(into map[*schema.Class]*rows, class *schema.Class, key []schema.Value) func(cols [][]byte) error {
	return func(cols [][]byte) (err error) {
		r := into[class]
		if r == nil {
			r = &rows{}
			into[class] = r
		}
		k := schema.Value{}
		switch {
		case key != nil:
			k = key[0]
		case len(cols) > 1:
			if k, err = keyOf(class, cols[1]); err != nil {
				return err
			}
		}
		r.add(string(cols[0]), k)
		return nil
	}
}

// keyOf reads the key of a class as it stands in a column.
func keyOf(class *schema.Class, col []byte) (schema.Value, error) {
	switch class.Key[0].Type.Kind() {
	case schema.Int:
		n, err := integer(col)
		return schema.NewInt(n), err
	case schema.Bool:
		return schema.NewBool(col[0] == 't'), nil
	}
	return schema.NewText(string(col)), nil
}

// around are the statements that find what hangs on rows of a class that go.
func (d *deletion) around(class *schema.Class, keys []schema.Value) (cmds []*command) {
	near := d.model.Around(class)
	for _, f := range near.References {
		child := d.model.Names.Table(f.Class)
		switch f.Ref.OnDelete {
		case schema.Cascade:
			cmds = append(cmds, d.children(d.going, f, keys, ""))
		case schema.SetNull:
			cmds = append(cmds, d.children(d.clearing, f, keys, ""))
		case schema.Restrict:
			live := ""
			if child.Live != "" {
				cmds = append(cmds, d.children(d.going, f, keys, " and t0"+child.Dead))
				live = " and t0" + child.Live
			}
			cmds = append(cmds, d.holders(f, keys, live))
		}
	}
	for _, f := range near.Links {
		link := d.model.Names.Link(f)
		c := statementOf("select distinct "+link.Own[1:]+" from "+link.Name+" where "+link.Other[1:]+" = any($1)", sqlgen.Array(keys))
		c.row = func(cols [][]byte) error {
			key, err := keyOf(f.Class, cols[0])
			d.owners[f] = append(d.owners[f], key)
			return err
		}
		cmds = append(cmds, c)
	}
	return cmds
}

// children finds and locks the rows whose reference f holds one of the keys.
func (d *deletion) children(into map[*schema.Class]*rows, f *schema.Field, keys []schema.Value, and string) *command {
	t := d.model.Names.Table(f.Class)
	sql, order := "select t0.ctid", ""
	if len(f.Class.Key) == 1 {
		sql += ", t0" + t.Columns[f.Class.Key[0].Index]
	}
	for i, k := range f.Class.Key {
		order += [...]string{" order by t0", ", t0"}[min(i, 1)] + t.Columns[k.Index]
	}
	c := statementOf(sql+" from "+t.Name+" as t0 where t0"+t.Columns[f.Index]+" = any($1)"+and+order+" for update", sqlgen.Array(keys))
	c.row = d.finds(into, f.Class, nil)
	return c
}

// holders counts the rows whose reference f restricts.
func (d *deletion) holders(f *schema.Field, keys []schema.Value, and string, args ...schema.Value) *command {
	e := d.holding[f]
	if e == nil {
		e = &storage.ReferencedError{By: f}
		d.holding[f] = e
	}
	t := d.model.Names.Table(f.Class)
	c := statementOf("select count(*) from "+t.Name+" as t0 where t0"+t.Columns[f.Index]+" = any($1)"+and, append([]schema.Value{sqlgen.Array(keys)}, args...)...)
	c.row = func(cols [][]byte) error {
		n, err := integer(cols[0])
		e.Count += n
		return err
	}
	return c
}

// walk works out the rows that go: those that cascade, and soft-deleted ones
// that would otherwise restrict.
func (d *deletion) walk() error {
	d.going[d.Class].level = 1
	for {
		var cmds []*command
		for _, class := range d.model.Schema.Classes {
			r := d.going[class]
			if r == nil || r.level == len(r.keys) {
				continue
			}
			if len(class.Key) == 1 {
				cmds = append(cmds, d.around(class, r.keys[r.level:])...)
			}
			r.level = len(r.keys)
		}
		if len(cmds) == 0 {
			return nil
		}
		if err := d.run(d.ctx, cmds...); err != nil {
			return err
		}
	}
}

// restricted refuses the deletion when a row that stays depends on one that goes.
// Where rows of the same class go too, those that stay are counted anew.
func (d *deletion) restricted() error {
	var again []*command
	for f, e := range d.holding {
		if e.Count > 0 && d.going[f.Class] != nil {
			e.Count = 0
			again = append(again, d.holders(f, d.going[f.Ref.To].keys, " and t0.ctid <> all($2)", sqlgen.Array(d.going[f.Class].places)))
		}
	}
	if len(again) > 0 {
		if err := d.run(d.ctx, again...); err != nil {
			return err
		}
	}
	for _, c := range d.model.Schema.Classes {
		for _, f := range c.Fields {
			if e := d.holding[f]; e != nil && e.Count > 0 {
				return e
			}
		}
	}
	return nil
}

// write does all of it in one round trip.
func (d *deletion) write() error {
	var cmds []*command
	var failed error
	var counts []func()
	moves := func(c *command, class *schema.Class) {
		cmds = append(cmds, c)
		counts = append(counts, func() {
			if c.affected > 0 {
				d.bump(class)
			}
		})
	}
	for _, class := range d.model.Schema.Classes {
		if places := d.staying(class); len(places) > 0 {
			notes, clear := d.clear(class, places, &failed)
			cmds = append(cmds, notes...)
			moves(clear, class)
		}
	}
	for _, class := range d.model.Schema.Classes {
		if r := d.going[class]; r != nil {
			d.unlink(class, r, moves)
		}
	}
	cmds = append(cmds, d.remove()...)
	if err := d.run(d.ctx, cmds...); err != nil {
		switch err = d.store.native(err); {
		case d.lost != nil || codeOf(err) != codeForeignKey:
			return err
		case foreignError(d.model, err) != nil:
			return foreignError(d.model, err)
		}
		return &againError{err} // somebody has just made a reference to a row that goes
	}
	if failed != nil {
		return failed
	}
	for _, count := range counts {
		count()
	}
	for class := range d.going {
		d.bump(class)
	}
	return nil
}

// staying are the rows of a class that lose a reference and stay.
func (d *deletion) staying(class *schema.Class) (places []schema.Value) {
	r, goes := d.clearing[class], d.going[class]
	if r == nil {
		return nil
	}
	for _, place := range r.places {
		if goes == nil || !goes.known[place.Text()] {
			places = append(places, place)
		}
	}
	return places
}

// clear sets references to rows that go to null, which is a write of the rows and subject to their checks.
func (d *deletion) clear(class *schema.Class, places []schema.Value, failed *error) (notes []*command, clear *command) {
	t := d.model.Names.Table(class)
	p := d.print()
	t0 := p.NewAlias()
	p.Put("update ")
	p.From(t, t0)
	p.Put(" set " + t.Version[1:] + " = " + nextVersion)
	for _, f := range class.Fields {
		if f.Ref == nil || f.Ref.OnDelete != schema.SetNull || d.going[f.Ref.To] == nil {
			continue
		}
		keys := sqlgen.Array(d.going[f.Ref.To].keys)
		p.Put(", " + t.Bare[f.Index] + " = case when t0" + t.Columns[f.Index] + " = any(")
		p.Arg(keys)
		p.Put(") then null else t0" + t.Columns[f.Index] + " end")
		for _, s := range class.Fields {
			if s.Auto == schema.AutoSequence && s.Per == f { // the rows move to the group of null
				notes = append(notes, sequenceOf(s, make([]schema.Value, len(class.Fields))).note(t, "select max("+t.Bare[s.Index]+") as n from "+t.Name+
					" where ctid = any($1) and "+t.Bare[f.Index]+" = any($2)", sqlgen.Array(places), keys))
			}
		}
	}
	p.Put(" where t0.ctid = any(")
	p.Arg(sqlgen.Array(places))
	p.Put(")")
	for i, check := range class.Checks {
		p.Put([...]string{" returning ", ", "}[min(i, 1)])
		p.Truth(check.Where, t0)
	}
	return notes, d.printed(func(cols [][]byte) error {
		for i, check := range class.Checks {
			if *failed == nil && string(cols[i]) != "t" {
				*failed = &storage.CheckError{Check: check}
			}
		}
		return nil
	})
}

// unlink removes the links of rows that go. Losing a link is a write of the row that owned it.
func (d *deletion) unlink(class *schema.Class, r *rows, moves func(*command, *schema.Class)) {
	near := d.model.Around(class)
	for _, f := range near.Manys {
		link := d.model.Names.Link(f)
		moves(statementOf("delete from "+link.Name+" where "+link.Own[1:]+" = any($1)", sqlgen.Array(r.keys)), f.Many.To)
	}
	for _, f := range near.Links {
		owners := d.owners[f]
		if len(owners) == 0 {
			continue
		}
		link := d.model.Names.Link(f)
		moves(statementOf("delete from "+link.Name+" where "+link.Other[1:]+" = any($1)", sqlgen.Array(r.keys)), f.Class)
		if goes := d.going[f.Class]; goes != nil {
			owners = slices.DeleteFunc(slices.Clone(owners), func(k schema.Value) bool { return slices.Contains(goes.keys, k) })
		}
		if len(owners) > 0 {
			t := d.model.Names.Table(f.Class)
			moves(statementOf("update "+t.Name+" set "+t.Version[1:]+" = "+nextVersion+" where "+t.Bare[f.Class.Key[0].Index]+" = any($1)", sqlgen.Array(owners)), f.Class)
		}
	}
}

// remove deletes the rows in one statement, so that foreign keys are looked at when all
// are gone, also those that point at each other in circles.
func (d *deletion) remove() []*command {
	var parts []string
	var args []schema.Value
	for _, class := range d.model.Schema.Classes {
		if r := d.going[class]; r != nil {
			args = append(args, sqlgen.Array(r.places))
			parts = append(parts, fmt.Sprintf("delete from %s where ctid = any($%d)", d.model.Names.Table(class).Name, len(args)))
		}
	}
	last := len(parts) - 1
	for i := range last {
		parts[i] = fmt.Sprintf("d%d as (%s)", i, parts[i])
	}
	sql := parts[last]
	if last > 0 {
		sql = "with " + strings.Join(parts[:last], ", ") + " " + sql
	}
	return []*command{statementOf(sql, args...)}
}
