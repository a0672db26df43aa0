package migrate

import (
	"fmt"
	"slices"
	"time"

	"github.com/dowel-dev/dowel/schema"
)

// owner is the class of a table, or of the set it is of; nil for one that no class has.
func (t *Table) owner() *schema.Class {
	if t.field != nil {
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
	if class := t.owner(); class != nil {
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
	for n := 2; d.ids[s.ID]; n++ {
		s.ID = s.Change + " " + s.Name + " " + itoa(n)
	}
	d.ids[s.ID] = true
	d.steps = append(d.steps, s)
	return s
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
	delete(d.ids, s.ID)
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
