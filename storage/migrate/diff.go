package migrate

import (
	"context"
	"slices"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Make is the plan for a database and a schema.
func Make(ctx context.Context, c Conn, s *schema.Schema) (*Plan, error) {
	have, err := Inspect(ctx, c)
	if err != nil {
		return nil, err
	}
	return Diff(ctx, Desired(s, c.Dialect()), have, c)
}

// Inspect reads the tables that are there.
func Inspect(ctx context.Context, c Conn) (*Database, error) { return c.Dialect().inspect(ctx, c) }

// Diff compares what is wanted with what is there. It asks for numbers of rows where
// they decide what can be done; with nobody to ask (nil) it takes every row to be in order. Equal
// arguments and answers give equal plans. have is used up.
func Diff(ctx context.Context, want, have *Database, ask Asker) (*Plan, error) {
	d := &differ{ctx: ctx, ask: ask, d: want.Dialect, want: want, have: have, counted: map[string]int64{}, ids: map[string]bool{}}
	plan := &Plan{Dialect: d.d.Name(), Schema: want.fingerprint(nil)}
	names := map[string]bool{}
	for _, t := range want.Tables {
		names[t.Name] = true
		plan.Tables = append(plan.Tables, t.Name)
	}
	plan.Database, plan.Have = have.fingerprint(names), have.kept(names)
	d.present()
	d.renames()
	d.matched()
	d.emptyTables()
	d.newTables()
	for _, step := range []func(*change){(*change).adopt, (*change).columns, (*change).unwanted, (*change).key, (*change).indexes, (*change).checks} {
		for _, c := range d.changes {
			step(c)
		}
	}
	for _, c := range slices.Concat(d.changes, d.refused) {
		c.dangling()
		c.finish()
	}
	d.leftovers()
	if d.err != nil {
		return nil, d.err
	}
	for _, s := range slices.Concat(d.steps, d.last) {
		s.close(d.d)
		plan.Steps = append(plan.Steps, *s)
	}
	plan.Notes = d.notes()
	return plan, nil
}

// differ collects the steps from what is there to what is wanted. have changes with
// every step that will run, so that later ones see what earlier ones leave.
type differ struct {
	ctx     context.Context
	ask     Asker
	counted map[string]int64
	d       Dialect
	want    *Database
	have    *Database
	changes []*change
	ids     map[string]bool // of steps
	steps   []*Step
	last    []*Step         // what loses values comes at the end
	refused []*change       // tables that stay as they are because of others
	stuck   map[string]bool // tables that nothing can refer to, as they cannot get the key they should have
	err     error
}

// change is the way of one table that is there.
type change struct {
	*differ
	want, have *Table
	copied     []*Step // SQLite: done by one copy of the table
	touched    bool    // SQLite: the copy changes values that are there
	added      []addition
	late       []string // SQLite: indexes to be made under their new names once the table is as it should be
	stays      map[*Index]bool
}

// present settles what the tables are called before the plan.
func (d *differ) present() {
	for _, t := range d.have.Tables {
		t.stored = t.Name
		for _, c := range t.Columns {
			c.stored = c.Name
			if c.Refers != nil {
				c.Refers.made = c.Refers.Name == sqlgen.ConstraintName("fk", t.Name, c.Name)
			}
		}
		t.keyMade = t.KeyName == sqlgen.ConstraintName("pk", t.Name)
		for _, x := range t.Indexes {
			x.made = x.Name == x.natural(t)
		}
	}
}

// matched pairs the tables that are there with those that are wanted.
func (d *differ) matched() {
	for _, w := range d.want.Tables {
		if h := d.have.Table(w.Name); h != nil {
			h.class, h.field = w.class, w.field
			d.changes = append(d.changes, &change{differ: d, want: w, have: h, stays: map[*Index]bool{}})
		}
	}
}

// change returns the change of a table that is there, or nil.
func (d *differ) change(table string) *change {
	for _, c := range d.changes {
		if c.have.Name == table {
			return c
		}
	}
	return nil
}

// createTable is the change of a step that makes a table, and touches others by its references to them only.
const createTable = "create table"

// newTables makes the tables that are missing, with the references between them and the others.
func (d *differ) newTables() {
	made := map[string]bool{}
	for _, c := range d.changes {
		made[c.have.Name] = c.have.made
	}
	there := func(name string) *Table {
		if h := d.have.Table(name); h != nil && !made[name] {
			return h
		}
		return nil
	}
	for _, w := range d.want.Tables {
		if d.have.Table(w.Name) != nil {
			continue
		}
		s := d.add("+", createTable, w, nil, nil)
		s.Text = "new class, " + count(int64(len(w.owner().Fields)), "field")
		if w.Link {
			s.Text = "new set of " + w.field.Many.To.Name
		}
		if d.stuck[w.Name] {
			s.block("E085", "%s: refers to a class whose key cannot change", s.Text)
			continue
		}
		s.begin()
		for i, sql := range d.want.create(w, made, there) {
			lock := ""
			if i == 0 {
				lock = accessExclusive
			}
			s.sql(sql, lock)
		}
		s.Estimate += 5 * time.Millisecond
		n := *w
		n.made, n.Ours = true, true
		d.have.Tables = append(d.have.Tables, &n)
	}
}

// notes is what is known now of columns about which nothing was noted.
func (d *differ) notes() (sql []string) {
	for _, c := range d.changes {
		known := Table{Name: c.have.Name}
		for _, w := range c.want.Columns {
			if h := c.have.Column(w.Name); h != nil && h.Limits == nil && w.Limits != nil && c.have.Ours && (h.Kind == "" || h.Kind == w.Kind) {
				known.Columns = append(known.Columns, w)
			}
		}
		if len(known.Columns) > 0 {
			sql = append(sql, noteTable(&known))
		}
	}
	return sql
}
