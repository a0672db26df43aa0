package migrate_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/migrate"
	"github.com/dowel-dev/dowel/storage/sqlgen"
	"github.com/dowel-dev/dowel/storage/storagetest"
)

// sketch is a schema that can be changed: classes in their order.
type sketch []*classSketch

type classSketch struct {
	name, was string
	soft      bool
	together  bool // the first two plain fields are unique together
	fields    []*fieldSketch
}

type fieldSketch struct {
	name, was          string
	kind               string // type word, enum:abc, decimal:2, ref:CLASS, many:CLASS
	optional, unique   bool
	def, backfill, max string
}

var plainKinds = []string{"string", "int", "bigint", "float", "decimal:0", "decimal:2", "decimal:4", "bool", "date", "datetime", "time", "uuid", "email", "enum:zam", "enum:za", "enum:zamq", "json", "duration"}

func drawSketch(t *rapid.T) sketch {
	var s sketch
	for i := range rapid.IntRange(1, 3).Draw(t, "classes") {
		c := &classSketch{name: fmt.Sprintf("c%d", i), soft: rapid.Bool().Draw(t, "soft")}
		s = append(s, c)
		for n := range rapid.IntRange(1, 4).Draw(t, "fields") {
			c.fields = append(c.fields, drawField(t, s, fmt.Sprintf("f%d", n)))
		}
		c.together = rapid.IntRange(0, 4).Draw(t, "together") == 0
	}
	return s
}

func drawField(t *rapid.T, s sketch, name string) *fieldSketch {
	f := &fieldSketch{name: name, kind: rapid.SampledFrom(plainKinds).Draw(t, "kind")}
	f.optional = rapid.Bool().Draw(t, "optional")
	switch rapid.IntRange(0, 7).Draw(t, "relation") {
	case 0:
		f.kind = "ref:" + rapid.SampledFrom(s).Draw(t, "to").name
	case 1:
		f.kind, f.optional = "many:"+rapid.SampledFrom(s).Draw(t, "to").name, true
	}
	if f.kind != "json" && f.kind != "bool" && f.kind != "float" && !strings.HasPrefix(f.kind, "many") {
		f.unique = rapid.IntRange(0, 5).Draw(t, "unique") == 0
	}
	switch f.kind {
	case "string":
		f.def = rapid.SampledFrom([]string{"", "x", "a'"}).Draw(t, "default")
		f.max = rapid.SampledFrom([]string{"", "1", "3", "200"}).Draw(t, "max")
		if f.max == "1" {
			f.def = ""
		}
	case "int", "bigint":
		f.backfill = rapid.SampledFrom([]string{"", "7"}).Draw(t, "backfill")
		f.max = rapid.SampledFrom([]string{"", "1", "9"}).Draw(t, "max")
		if f.max == "1" {
			f.backfill = ""
		}
	case "date":
		f.def = rapid.SampledFrom([]string{"", "2026-02-03"}).Draw(t, "default")
	}
	return f
}

func (s sketch) clone() sketch {
	var out sketch
	for _, c := range s {
		d := *c
		d.was, d.fields = "", nil
		for _, f := range c.fields {
			g := *f
			g.was = ""
			d.fields = append(d.fields, &g)
		}
		out = append(out, &d)
	}
	return out
}

// mutate changes a sketch in some of the ways in which people change schemas.
func (s sketch) mutate(t *rapid.T) sketch {
	s = s.clone()
	for i := range rapid.IntRange(1, 5).Draw(t, "mutations") {
		c := rapid.SampledFrom(s).Draw(t, "class")
		f := rapid.SampledFrom(c.fields).Draw(t, "field")
		switch rapid.IntRange(0, 11).Draw(t, "mutation") {
		case 0, 1:
			c.fields = append(c.fields, drawField(t, s, fmt.Sprintf("n%d", i)))
		case 2:
			if len(c.fields) > 1 {
				c.fields = slices.DeleteFunc(c.fields, func(g *fieldSketch) bool { return g == f })
			}
		case 3:
			if f.was == "" {
				f.was, f.name = f.name, fmt.Sprintf("m%d", i)
			}
		case 4, 5:
			g := drawField(t, s, f.name)
			g.was = f.was
			*f = *g
		case 6:
			f.optional = !f.optional || strings.HasPrefix(f.kind, "many")
		case 7:
			f.unique = !f.unique && f.kind != "json" && f.kind != "bool" && f.kind != "float" && !strings.HasPrefix(f.kind, "many")
		case 8:
			c.soft = !c.soft
		case 9:
			if c.was == "" && !strings.HasPrefix(c.name, "k") {
				c.was, c.name = c.name, fmt.Sprintf("r%d", i)
				s.pointTo(c.was, c.name)
			}
		case 10:
			c := &classSketch{name: fmt.Sprintf("k%d", i)}
			s = append(s, c)
			c.fields = append(c.fields, drawField(t, s, "f0"))
		case 11:
			if len(s) > 1 {
				s = slices.DeleteFunc(s, func(d *classSketch) bool { return d == c })
				for _, d := range s {
					d.fields = slices.DeleteFunc(d.fields, func(g *fieldSketch) bool { return strings.HasSuffix(g.kind, ":"+c.name) })
					if len(d.fields) == 0 {
						d.fields = append(d.fields, &fieldSketch{name: "left", kind: "string", optional: true})
					}
				}
			}
		}
	}
	return s
}

func (s sketch) pointTo(old, name string) {
	for _, c := range s {
		for _, f := range c.fields {
			if kind, to, _ := strings.Cut(f.kind, ":"); (kind == "ref" || kind == "many") && to == old {
				f.kind = kind + ":" + name
			}
		}
	}
}

func (s sketch) schema() *schema.Schema {
	var specs []storagetest.ClassSpec
	for _, c := range s {
		var parts []storagetest.Part
		var plain []string
		for _, f := range c.fields {
			var words []storagetest.Word
			if f.optional {
				words = append(words, storagetest.Optional)
			}
			if f.unique {
				words = append(words, storagetest.Unique)
			}
			if f.was != "" {
				words = append(words, storagetest.Was(f.was))
			}
			kind, of, _ := strings.Cut(f.kind, ":")
			switch kind {
			case "ref":
				parts = append(parts, storagetest.Ref(f.name, of, c.name+"_"+f.name, words...))
				continue
			case "many":
				parts = append(parts, storagetest.Many(f.name, of, "", c.name+"_"+f.name))
				continue
			case "enum":
				parts = append(parts, storagetest.Enum(f.name, strings.Split(of, ""), words...))
				continue
			case "decimal":
				parts = append(parts, storagetest.Decimal(f.name, of, words...))
				continue
			}
			options := schema.Options{}
			if f.max != "" {
				options.Text = map[string]string{"max": f.max}
			}
			parts = append(parts, storagetest.Field(f.name, schema.MustType(kind, options), words...))
			if kind != "json" {
				plain = append(plain, f.name)
			}
		}
		if c.soft {
			parts = append(parts, storagetest.SoftDelete)
		}
		if c.together && len(plain) > 1 {
			parts = append(parts, storagetest.UniqueTogether(plain[0], plain[1]))
		}
		specs = append(specs, storagetest.Class(c.name, parts...))
	}
	out := storagetest.Schema(specs...)
	for i, c := range s {
		class := out.Classes[i]
		class.Was = c.was
		for _, f := range c.fields {
			g := class.Field(f.name)
			if f.def != "" {
				g.Default = &schema.Default{Value: storagetest.Value(g.Type, f.def)}
			}
			if f.backfill != "" {
				v, err := g.Type.Parse(f.backfill)
				if err != nil {
					panic(err)
				}
				g.Backfill = &schema.Default{Value: v}
			}
			if g.Many != nil && f.was != "" {
				g.Was = f.was
			}
		}
	}
	return out
}

// populate inserts rows; those that a constraint refuses are left out.
func (w *world) populate(t *rapid.T, s *schema.Schema) {
	known := storagetest.Known{}
	for range 2 {
		for _, c := range s.Classes {
			for n := range rapid.IntRange(0, 5).Draw(t, "rows of "+c.Name) {
				w.tryRow(t, known, c, len(known[c])*10+n)
			}
		}
	}
	for _, c := range s.Classes {
		for _, f := range c.Fields {
			if f.Many == nil || len(known[c]) == 0 || len(known[f.Many.To]) == 0 {
				continue
			}
			own, other := rapid.SampledFrom(known[c]).Draw(t, "own")[0], rapid.SampledFrom(known[f.Many.To]).Draw(t, "other")[0]
			w.exec(fmt.Sprintf("insert into %s values (%s, %s)", f.Many.Table, migrate.Literal(w.Dialect(), c.Key[0], own), migrate.Literal(w.Dialect(), f.Many.To.Key[0], other)))
		}
	}
}

func (w *world) tryRow(t *rapid.T, known storagetest.Known, c *schema.Class, n int) {
	var cols, values []string
	var key []schema.Value
	for _, f := range c.Fields {
		if !f.Stored() {
			continue
		}
		v := schema.Value{}
		switch {
		case slices.Contains(c.Key, f):
			if v = storagetest.DrawValue(t, f); f.Auto == schema.AutoID {
				v = schema.NewInt(int64(n + 1))
			}
			key = append(key, v)
		case f.Ref != nil:
			if keys := known[f.Ref.To]; len(keys) > 0 && (!f.Optional || rapid.Bool().Draw(t, "refers")) {
				v = rapid.SampledFrom(keys).Draw(t, f.Name)[0]
			}
		case !f.Optional || rapid.Bool().Draw(t, "has "+f.Name):
			v = storagetest.DrawValue(t, f)
			if text, err := f.Type.Parse(f.Type.Text(v)); err != nil || !schema.Equal(text, v) && f.Type.Kind() != schema.JSON {
				return // the pools know no limits
			}
		}
		cols, values = append(cols, sqlgen.Quote(f.Column)), append(values, migrate.Literal(w.Dialect(), f, v))
	}
	_, err := w.Exec(w.Context(), fmt.Sprintf("insert into %s (%s) values (%s)", sqlgen.Quote(c.Table), strings.Join(cols, ", "), strings.Join(values, ", ")))
	if err == nil {
		known[c] = append(known[c], key)
	}
}

// values are the rows of every column that there is: "key|value" by "table.column", with the names and
// kinds that a schema has for them.
func (w *world) values() map[string][]string {
	db, err := migrate.Inspect(w.Context(), w.Conn)
	if err != nil {
		w.Fatal(err)
	}
	out := map[string][]string{}
	for _, table := range db.Tables {
		key := make([]string, len(table.Key))
		for i, k := range table.Key {
			key[i] = sqlgen.Quote(k)
		}
		for _, c := range table.Columns {
			if c.Kind == "version" {
				continue
			}
			name := table.Name + "." + c.Name + " " + c.Kind
			out[name] = []string{}
			w.query("select "+strings.Join(append(key, sqlgen.Quote(c.Name)), ", ")+" from "+sqlgen.Quote(table.Name), func(cols []string) {
				out[name] = append(out[name], strings.Join(cols, "|"))
			})
			slices.Sort(out[name])
		}
	}
	return out
}

// moved finds where a column of before is afterwards.
func moved(after *schema.Schema, name string) string {
	place, kind, _ := strings.Cut(name, " ")
	table, col, _ := strings.Cut(place, ".")
	for _, c := range after.Classes {
		if c.Was != "" && c.Was+"s" == table {
			table = c.Table
		}
		if c.Table != table {
			continue
		}
		for _, f := range c.Fields {
			if f.Was != "" && f.Stored() && (col == f.Was || col == f.Was+strings.TrimPrefix(f.Column, f.Name)) {
				return table + "." + f.Column + " " + kind
			}
		}
	}
	return table + "." + col + " " + kind
}

// kept fails when a value that was there is not there any more. A column whose kind has changed has to have
// as many rows.
func kept(t *rapid.T, before, after map[string][]string, s *schema.Schema, p *migrate.Plan) {
	defer func() {
		if t.Failed() {
			t.Fatalf("%s\n%s", text(p), scripts(p))
		}
	}()
	for _, name := range slices.Sorted(maps.Keys(before)) {
		now, there := after[moved(s, name)]
		if !there {
			place, _, _ := strings.Cut(moved(s, name), " ")
			for other, rows := range after {
				if strings.HasPrefix(other, place+" ") && len(rows) == len(before[name]) {
					there = true
				}
			}
			if !there && len(before[name]) > 0 && !isLink(name) {
				t.Errorf("%s: %d rows are nowhere", name, len(before[name]))
			}
			continue
		}
		if len(now) != len(before[name]) {
			t.Errorf("%s: %d rows of %d", name, len(now), len(before[name]))
		}
		for _, row := range before[name] {
			if !slices.Contains(now, row) && !strings.HasSuffix(row, "|") {
				t.Errorf("%s: %s is lost, there are %v", name, row, now)
			}
		}
	}
}

func isLink(name string) bool {
	return strings.Contains(name, ".own_id") || strings.Contains(name, ".other_id")
}

// TestPairs goes from one random schema with rows to another. Nothing that was not named is lost, a second
// plan is what the first one left, and an apply that is killed comes to the same end.
func TestPairs(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *world{"sqlite": newSQLite, "postgres": newPostgres} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				var before, after *schema.Schema
				if rapid.IntRange(0, 3).Draw(r, "alien") == 0 {
					before, after = storagetest.DrawSchema(r), storagetest.DrawSchema(r)
				} else {
					first := drawSketch(r)
					before, after = first.schema(), first.mutate(r).schema()
				}
				seed := rapid.IntRange(0, 1<<20).Draw(r, "kill")
				pair(t, r, open, before, after, seed)
			})
		})
	}
}

func pair(t *testing.T, r *rapid.T, open func(testing.TB) *world, before, after *schema.Schema, seed int) {
	w := open(t)
	defer w.end()
	w.apply(before)
	w.settled(before)
	w.populate(r, before)
	rows := w.values()
	p := w.small(after)
	partial := migrate.Allow{Partial: true}
	other := open(t) // the same, but killed
	defer other.end()
	other.apply(before)
	other.refill(w, before)
	counter := &mortal{Conn: w.Conn, left: 1 << 30}
	result, err := migrate.Apply(t.Context(), counter, p, partial)
	if err != nil {
		r.Fatalf("%v\n%s\n%s", err, text(p), scripts(p))
	}
	kept(r, rows, w.values(), after, p)
	if left := w.small(after); !slices.Equal(ids(left.Steps), ids(result.Left)) {
		r.Fatalf("a second plan is not what was left:\n%v\n%v\nfirst:\n%s\n%s", ids(result.Left), ids(left.Steps), text(p), scripts(left))
	}

	q := other.small(after)
	if text(p) != text(q) {
		r.Fatalf("equal databases have different plans:\n%s\n%s", text(p), text(q))
	}
	m := &mortal{Conn: other.Conn, left: seed % max(counter.used, 1), after: seed%2 == 0}
	if _, err := migrate.Apply(t.Context(), m, q, partial); err != nil && !errors.Is(err, errKilled) {
		r.Fatal(err)
	}
	other.reconnect()
	if seed%3 == 0 {
		q = other.small(after)
	}
	if _, err := migrate.Apply(t.Context(), other.Conn, q, partial); err != nil && !errors.Is(err, migrate.ErrChanged) {
		r.Fatalf("after %d of %d statements: %v\n%s", seed%max(counter.used, 1), counter.used, err, scripts(q))
	}
	if a, b := w.shape(), other.shape(); a != b {
		r.Fatalf("killed after %d of %d statements, the tables differ:\n%s\n%s\n%s", seed%max(counter.used, 1), counter.used, a, b, scripts(q))
	}
	kept(r, rows, other.values(), after, q)

	last := w.small(after)
	if _, err := migrate.Apply(t.Context(), w.Conn, last, migrate.Allow{All: true, Partial: true}); err != nil {
		r.Fatalf("%v\n%s", err, scripts(last))
	}
	if left := w.small(after); left.Count(migrate.Blocked) != len(left.Steps) {
		r.Fatalf("not settled:\n%s\n%s", text(left), scripts(left))
	}
}

// refill copies all rows of another database of the same tables.
func (w *world) refill(from *world, s *schema.Schema) {
	for _, t := range migrate.Desired(s, w.Dialect()).Tables {
		names := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			names[i] = sqlgen.Quote(c.Name)
		}
		list := strings.Join(names, ", ")
		cols := make([]string, len(names))
		for i, n := range names {
			cols[i] = "case when " + n + " is null then 'null' else '''' || replace(cast(" + n + " as text), '''', '''''') || '''' end"
		}
		from.query("select "+strings.Join(cols, ", ")+" from "+sqlgen.Quote(t.Name), func(values []string) {
			w.unchecked(fmt.Sprintf("insert into %s (%s) values (%s)", sqlgen.Quote(t.Name), list, strings.Join(values, ", ")))
		})
	}
}

// unchecked runs a statement without a look at references.
func (w *world) unchecked(sql string) {
	off, on := "pragma foreign_keys = off", "pragma foreign_keys = on"
	if w.isPostgres() {
		off, on = "set session_replication_role = replica", "set session_replication_role = origin"
	}
	for _, s := range []string{off, sql, on} {
		if _, err := w.Exec(w.Context(), s); err != nil {
			w.Fatalf("%s: %v", s, err)
		}
	}
}

// end closes what the world has open before its test ends.
func (w *world) end() {
	if w.pg != nil {
		w.pg.Close(w.Context())
	} else {
		w.lite.Close()
	}
}
