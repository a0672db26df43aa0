package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
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
	d := &differ{ctx: ctx, ask: ask, d: want.Dialect, want: want, have: have, counted: map[string]int64{}}
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
		s.Text = "new class, " + plural(len(w.class0().Fields), "field")
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

// class0 is the class of a table, or of the set it is of.
func (t *Table) class0() *schema.Class {
	if t.Link {
		return t.field.Class
	}
	return t.class
}

// add begins a step.
func (d *differ) add(sign, change string, t *Table, c *Column, f *schema.Field) *Step {
	s := &Step{Sign: sign, Change: change, Table: t.Name, Name: t.Name, Risk: Safe}
	if c != nil && f == nil {
		f = c.field
	}
	if f == nil && t.Link {
		f = t.field
	}
	if class := t.class0Or(); class != nil {
		s.Class, s.Name, s.Pos = class.Name, class.Name, class.Pos
		switch {
		case f != nil:
			s.Field, s.Name, s.Pos = f.Name, class.Name+"."+f.Name, f.Pos
		case c != nil:
			s.Name = class.Name + "." + c.Name
		}
	} else if c != nil {
		s.Name = t.Name + "." + c.Name
	}
	s.ID = s.Change + " " + s.Name
	for n := 2; slices.ContainsFunc(slices.Concat(d.steps, d.last), func(o *Step) bool { return o.ID == s.ID }); n++ {
		s.ID = s.Change + " " + s.Name + " " + itoa(n)
	}
	d.steps = append(d.steps, s)
	return s
}

func (t *Table) class0Or() *schema.Class {
	if t.class == nil && t.field == nil {
		return nil
	}
	return t.class0()
}

// step begins a step of a table that is there.
func (c *change) step(sign, change string, col *Column, f *schema.Field) *Step {
	return c.add(sign, change, c.have, col, f)
}

// block makes a step one that cannot be done.
func (s *Step) block(code, text string, args ...any) {
	s.Sign, s.Risk, s.Code, s.Text = "!", Blocked, code, fmt.Sprintf(text, args...)
	s.SQL, s.Lock, s.Held, s.Estimate = nil, "", 0, 0
}

// destroy makes a step one that loses values, to be run after all others.
func (d *differ) destroy(s *Step, code string) {
	s.Sign, s.Risk, s.Code = "-", Destructive, code
	d.steps = slices.DeleteFunc(d.steps, func(o *Step) bool { return o == s })
	d.last = append(d.last, s)
}

// drop takes a step back.
func (d *differ) drop(s *Step) {
	d.steps = slices.DeleteFunc(d.steps, func(o *Step) bool { return o == s })
}

// begin starts a transaction of a step.
func (s *Step) begin() { s.txs++; s.inTx = true }

// sql adds a statement to the transaction of a step, with the lock it takes on the table.
func (s *Step) sql(text, lock string) *Statement {
	if !s.inTx {
		s.begin()
	}
	return s.put(Statement{Text: text, Tx: s.txs, Lock: lock})
}

// outside adds a statement that runs outside of transactions.
func (s *Step) outside(text, lock string) *Statement {
	s.inTx = false
	return s.put(Statement{Text: text, Lock: lock})
}

func (s *Step) put(st Statement) *Statement {
	if st.Lock != "" {
		st.Table = s.Table
	}
	s.SQL = append(s.SQL, st)
	return &s.SQL[len(s.SQL)-1]
}

// verify makes the step fail unless a condition holds.
func (s *Step) verify(condition, otherwise string) {
	s.sql("select "+condition, "").Verify = otherwise
}

// close works out what follows from the statements of a step.
func (s *Step) close(d Dialect) {
	if s.Risk == Blocked || len(s.SQL) == 0 {
		return
	}
	if !d.identity() {
		s.Lock, s.Held = fileLock, s.Estimate
	} else {
		for _, st := range s.SQL {
			if slices.Index(lockOrder, st.Lock) > slices.Index(lockOrder, s.Lock) {
				s.Lock = st.Lock
			}
		}
	}
	if s.Risk == Safe && s.Estimate >= time.Second {
		s.Risk = Slow
	}
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	if strings.HasSuffix(unit, "x") {
		return itoa(n) + " " + unit + "es"
	}
	return itoa(n) + " " + unit + "s"
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
