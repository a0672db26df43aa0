package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Differential draws schemas, changes and queries and gives them to two stores,
// usually the reference and another. They must keep the same rows, refuse the
// same changes for the same kind of reason, move the versions of the same rows,
// and answer queries with the same rows in the same order.
func Differential(t *testing.T, a, b Open) {
	rapid.Check(t, func(rt *rapid.T) {
		scope := &scope{TB: t}
		defer scope.end()
		s := DrawSchema(rt)
		d := &duel{t: rt, ctx: context.Background(), schema: s, stores: [2]storage.Store{a(scope, s), b(scope, s)}}
		for range rapid.IntRange(2, 8).Draw(rt, "rows") {
			for _, c := range s.Classes {
				d.same([]*storage.Change{DrawInsert(rt, c, d.known())}, []bool{false}, false)
			}
		}
		for range rapid.IntRange(1, 12).Draw(rt, "transactions") {
			d.transact()
		}
		for range rapid.IntRange(1, 8).Draw(rt, "queries") {
			class := choose(rt, s.Classes, "class")
			d.ask(DrawQuery(rt, class, 2))
			d.ask(DrawSummary(rt, class))
		}
	})
}

// duel is two stores that get the same to do.
type duel struct {
	t      *rapid.T
	ctx    context.Context
	schema *schema.Schema
	stores [2]storage.Store
	story  []string // what was done, for whoever has to find out why it went wrong
}

// both runs fn on each store and compares what it says.
func (d *duel) both(what string, fn func(s storage.Store) string) {
	d.t.Helper()
	first, second := fn(d.stores[0]), fn(d.stores[1])
	if diff := cmp.Diff(strings.Split(first, "\n"), strings.Split(second, "\n")); diff != "" {
		d.t.Fatalf("%s: stores differ (-first +second):\n%s\n%s%s", what, diff, described(d.schema), strings.Join(d.story, "\n"))
	}
}

// transact runs a transaction of a few changes, some of them in savepoints.
func (d *duel) transact() {
	n := rapid.IntRange(1, 3).Draw(d.t, "changes")
	changes, saved := make([]*storage.Change, n), make([]bool, n)
	known := d.known()
	for i := range changes {
		changes[i], saved[i] = DrawChange(d.t, d.schema, known), rapid.Bool().Draw(d.t, "savepoint")
	}
	d.same(changes, saved, !often(d.t, "commit"))
}

// same runs a transaction on both stores and compares all they hold.
func (d *duel) same(changes []*storage.Change, saved []bool, fail bool) {
	d.t.Helper()
	d.story = append(d.story, fmt.Sprintf("transaction (fails: %v)", fail))
	for i, c := range changes {
		d.story = append(d.story, fmt.Sprintf("  %s (savepoint: %v)", toldChange(c), saved[i]))
	}
	d.both("transaction", func(s storage.Store) string {
		before := d.versions(s)
		counters := d.counters(s)
		log := d.run(s, changes, saved, fail)
		after := d.versions(s)
		d.counted(before, after, counters, d.counters(s))
		return log + "\n" + moves(before, after) + d.dump(s)
	})
}

// run reports how each change ended.
func (d *duel) run(s storage.Store, changes []*storage.Change, saved []bool, fail bool) string {
	var log []string
	err := s.Write(d.ctx, func(tx storage.Tx) error {
		log = nil
		for i, c := range changes {
			apply := func() error {
				row, err := tx.Apply(d.ctx, c)
				log = append(log, fmt.Sprintf("%d %s %v: %s", c.Op, c.Class.Name, c.Key, loosely(err)))
				if err == nil {
					log = append(log, printed(c.Return, row))
				}
				return err
			}
			if saved[i] {
				_ = tx.Savepoint(d.ctx, apply)
			} else if err := apply(); err != nil {
				return err
			}
		}
		if fail {
			return errBoom
		}
		return nil
	})
	return strings.Join(append(log, loosely(err)), "\n")
}

// loosely is kind where the contract leaves open which of several broken
// constraints is reported.
func loosely(err error) string {
	if e := new(storage.ReferencedError); errors.As(err, &e) {
		return "referenced"
	}
	k := strings.Fields(kind(err))
	switch k[0] {
	case "unique":
		return k[0] + " " + k[1]
	case "reference":
		class, _, _ := strings.Cut(k[1], ".")
		return k[0] + " " + class
	}
	return kind(err)
}

// ask compares the answers to a query.
func (d *duel) ask(q *storage.Query) {
	d.story = append(d.story, toldQuery(q))
	defer func() { d.story = d.story[:len(d.story)-1] }()
	d.both("query of "+q.Class.Name, func(s storage.Store) string {
		p, err := s.Read(d.ctx, q)
		if err != nil {
			return loosely(err)
		}
		lines := []string{fmt.Sprint("total ", p.Total)}
		for i := range p.Rows {
			lines = append(lines, printed(q, &p.Rows[i]))
		}
		return strings.Join(lines, "\n")
	})
}

// dump writes all that a store holds.
func (d *duel) dump(s storage.Store) string {
	var b strings.Builder
	for _, c := range d.schema.Classes {
		q := everything(c)
		p, err := s.Read(d.ctx, q)
		if err != nil {
			return loosely(err)
		}
		for i := range p.Rows {
			b.WriteString(c.Name + " " + printed(q, &p.Rows[i]) + "\n")
		}
	}
	return b.String()
}

// known reads the keys of all rows.
func (d *duel) known() Known {
	known := Known{}
	for _, c := range d.schema.Classes {
		q := everything(c)
		q.Expand = nil
		p, err := d.stores[0].Read(d.ctx, q)
		if err != nil {
			d.t.Fatalf("read: %v", err)
		}
		for i := range p.Rows {
			known[c] = append(known[c], p.Rows[i].Key(c))
		}
	}
	return known
}

// versions maps every row of a store to its version.
func (d *duel) versions(s storage.Store) map[string]int64 {
	m := map[string]int64{}
	for _, c := range d.schema.Classes {
		q := everything(c)
		q.Expand = nil
		p, err := s.Read(d.ctx, q)
		if err != nil {
			d.t.Fatalf("read: %v", err)
		}
		for i := range p.Rows {
			m[fmt.Sprint(c.Name, " ", p.Rows[i].Key(c))] = p.Rows[i].Version
		}
	}
	return m
}

func (d *duel) counters(s storage.Store) []int64 {
	ns, err := s.Counters(d.ctx, d.schema.Classes)
	if err != nil {
		d.t.Fatalf("counters: %v", err)
	}
	return ns
}

// moves names the rows that came, went or have a new version.
func moves(before, after map[string]int64) string {
	var rows []string
	for row, v := range after {
		if was, ok := before[row]; !ok {
			rows = append(rows, "new "+row)
		} else if was != v {
			rows = append(rows, "moved "+row)
		}
	}
	for row := range before {
		if _, ok := after[row]; !ok {
			rows = append(rows, "gone "+row)
		}
	}
	slices.Sort(rows)
	return strings.Join(append(rows, ""), "\n")
}

// counted checks that the counter of every class with a moved row has moved.
func (d *duel) counted(before, after map[string]int64, was, is []int64) {
	moved := moves(before, after)
	for i, c := range d.schema.Classes {
		if is[i] < was[i] {
			d.t.Fatalf("counter of %s went from %d to %d", c.Name, was[i], is[i])
		}
		if is[i] == was[i] && strings.Contains(moved, " "+c.Name+" ") {
			d.t.Fatalf("counter of %s stayed at %d while\n%s", c.Name, is[i], moved)
		}
	}
}

// printed writes what a query read of a row.
func printed(q *storage.Query, r *storage.Row) string {
	var b strings.Builder
	for i, f := range q.Class.Fields {
		v := r.Values[i]
		asked := slices.ContainsFunc(q.Columns, func(c storage.Column) bool { return c.Field == f })
		switch {
		case !asked && v.IsNull():
			continue
		case v.Kind() == schema.Float:
			fmt.Fprintf(&b, "%s=%.12g ", f.Name, math.Round(v.Float()*1e9)/1e9)
		default:
			fmt.Fprintf(&b, "%s=%v:%q ", f.Name, v.Kind(), v)
		}
	}
	for _, v := range r.Values[len(q.Class.Fields):] {
		if v.Kind() == schema.Float {
			v = schema.NewFloat(math.Round(v.Float()*1e9) / 1e9)
		}
		fmt.Fprintf(&b, "path=%v:%q ", v.Kind(), v)
	}
	if len(q.Tests) > 0 {
		fmt.Fprintf(&b, "tests=%b ", r.Tests)
	}
	for i := range q.Expand {
		e := &q.Expand[i]
		b.WriteString(e.Rel.Name + "=[")
		for k := range r.Expanded[i] {
			b.WriteString(printed(&e.Query, &r.Expanded[i][k]) + "; ")
		}
		b.WriteString("] ")
	}
	return b.String()
}

// scope is a test of its own for each draw: what a store cleans up is cleaned
// up at the end of the draw.
type scope struct {
	testing.TB
	cleanups []func()
}

// Cleanup registers a function for the end of the draw.
func (s *scope) Cleanup(fn func()) { s.cleanups = append(s.cleanups, fn) }

// TempDir returns a directory for the time of the draw.
func (s *scope) TempDir() string {
	dir, err := os.MkdirTemp("", "storagetest")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (s *scope) end() {
	for _, fn := range slices.Backward(s.cleanups) {
		fn()
	}
}
