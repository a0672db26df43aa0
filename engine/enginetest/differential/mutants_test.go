package differential

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// mutant is the store in memory with one deviation, made by bending what goes
// in and what comes out. Its zero value deviates in nothing.
type mutant struct {
	query  func(q *storage.Query)
	page   func(q *storage.Query, p *storage.Page)
	change func(c *storage.Change)
	value  func(f *schema.Field, v schema.Value) schema.Value // of every value read
	// frozen keeps the first version of each row; careless commits what failed.
	frozen, careless bool
}

// mutants are deviations as databases have them by nature or by mistake.
var mutants = map[string]mutant{
	"orders nulls first":                    {page: nullsFirst},
	"drops the last row of a page":          {page: func(_ *storage.Query, p *storage.Page) { p.Rows = p.Rows[:max(0, len(p.Rows)-1)] }},
	"forgets to move versions":              {frozen: true},
	"compares text without case":            {query: func(q *storage.Query) { q.Where = withoutCase(q.Where) }},
	"takes the complement for three-valued": {query: func(q *storage.Query) { q.Where = threeValued(q.Where) }},
	"ignores a second sort key": {query: func(q *storage.Query) {
		q.Order = slices.Delete(q.Order, min(1, len(q.Order)-1), max(len(q.Order)-1, 0))
	}},
	"counts the page instead of all rows": {page: func(_ *storage.Query, p *storage.Page) { p.Total = min(p.Total, int64(len(p.Rows))) }},
	"forgets that rows follow a page":     {page: func(_ *storage.Query, p *storage.Page) { p.More = false }},
	"expands without conditions":          {query: eachExpansion(func(q *storage.Query) { q.Where = nil })},
	"limits expansions over all parents":  {page: limitOverAll},
	"shows deleted rows":                  {query: func(q *storage.Query) { q.Deleted = storage.WithDeleted }},
	"keeps milliseconds":                  {value: ofType("datetime", func(s string) string { return s[:len(s)-4] + "000Z" })},
	"trims text":                          {value: ofType("string", func(s string) string { return strings.TrimRight(s, " ") })},
	"sorts the members of json":           {value: sortedMembers},
	"takes empty text for null":           {value: emptyIsNull},
	"adds links where it should replace":  {change: func(c *storage.Change) { c.Links = slices.Clone(c.Links); addOnly(c.Links) }},
	"ignores guards after a change":       {change: func(c *storage.Change) { c.After = nil }},
	"ignores guards before a change":      {change: func(c *storage.Change) { c.Before = nil }},
	"ignores versions":                    {change: func(c *storage.Change) { c.IfVersion = 0 }},
	"deletes softly for good":             {change: forGood},
	"commits what failed":                 {careless: true},
}

// TestDeviationsAreFound is the proof that stores can be told apart: each deviation is
// found in a run as short as that of every day, and the sound store deviates in nothing.
func TestDeviationsAreFound(t *testing.T) {
	left := maps.Clone(mutants)
	for number := uint64(0); number < 40 && len(left) > 0; number++ {
		hunt(t, left, number, 5)
	}
	for name := range left {
		t.Errorf("%s: not found", name)
	}
}

// hunt holds sequences of one application with the reference and then with each of the mutants. Those
// that say something else are taken out.
func hunt(t *testing.T, left map[string]mutant, number, sequences uint64) {
	room := &scope{TB: t}
	defer room.end()
	_, l, err := drawApp(newDice(1, number))
	if err != nil {
		t.Fatal(err)
	}
	on := func(name string, m mutant) *world {
		target := Target{Name: name, Open: func(t testing.TB, s *schema.Schema) Store { return mutate(openMemory(t, s), m) }}
		return open(room, []Target{target}, l)[0]
	}
	worlds := map[string]*world{}
	for name, m := range left {
		worlds[name] = on(name, m)
	}
	sound := on("sound", mutant{})
	for n := range sequences {
		q := &sequence{seed: Seed{1, number, n}, worlds: open(room, targets[:1], l), loaded: l}
		q.draw(12, nil)
		if deviates(q, sound) {
			t.Fatalf("the sound store deviates in %s", q.seed)
		}
		for name := range left {
			if deviates(q, worlds[name]) {
				t.Logf("%s: found in sequence %d of application %d", name, n, number)
				delete(left, name)
			}
		}
	}
}

// deviates holds the sequence again in another world.
func deviates(q *sequence, w *world) bool {
	w.begin()
	for i := range q.steps {
		s := &q.steps[i]
		a, _ := w.send(s, q.seed)
		if w.told(s, a) != q.worlds[0].told(s, q.answers[i]) && !alike(q.loaded, s, a, q.answers[i]) {
			return true
		}
	}
	return false
}

// TestDifferencesAreShrunk holds that of a difference little more is told than what shows it.
func TestDifferencesAreShrunk(t *testing.T) {
	m := mutants["drops the last row of a page"]
	pair := []Target{targets[0], {Name: "mutant", Open: func(t testing.TB, s *schema.Schema) Store { return mutate(openMemory(t, s), m) }}}
	diff, _ := Run(t, pair, Options{Seed: Seed{Base: 1}, Sequences: 20})
	if diff == nil {
		t.Fatal("nothing found")
	}
	if n := strings.Count(diff.Story, "\n> "); n > 4 || strings.Count(diff.Story, "\n") > 120 {
		t.Errorf("%d lines of requests are left:\n%s", n, diff.Story)
	}
}

// TestSequencesRepeat holds that a seed says everything: the second run is the first.
func TestSequencesRepeat(t *testing.T) {
	var told [2]string
	for i := range told {
		_, l, err := drawApp(newDice(5, 3))
		if err != nil {
			t.Fatal(err)
		}
		q := &sequence{seed: Seed{5, 3, 1}, worlds: open(t, targets[:1], l), loaded: l}
		q.draw(30, nil)
		told[i] = story(l, q.steps, q.answers, q.seed, "")
		for k, a := range q.answers {
			told[i] += q.worlds[0].told(&q.steps[k], a)
		}
	}
	if told[0] != told[1] {
		t.Errorf("first:\n%s\nsecond:\n%s", told[0], told[1])
	}
}

func forGood(c *storage.Change) {
	if c.Op == storage.SoftDelete {
		c.Op = storage.Delete
	}
}

func addOnly(links []storage.Links) {
	for i := range links {
		links[i].Replace = false
	}
}

func eachExpansion(bend func(q *storage.Query)) func(q *storage.Query) {
	return func(q *storage.Query) {
		q.Expand = slices.Clone(q.Expand)
		for i := range q.Expand {
			bend(&q.Expand[i].Query)
		}
	}
}

// nullsFirst puts the rows without a value of the first sort key before the others.
func nullsFirst(q *storage.Query, p *storage.Page) {
	if len(q.Order) == 0 || len(q.Order[0].By.Steps) > 0 || len(q.Order[0].By.Member) > 0 {
		return
	}
	f := q.Order[0].By.Field
	if !slices.ContainsFunc(q.Columns, func(c storage.Column) bool { return c.Field == f }) {
		return
	}
	rank := map[bool]int{true: 0, false: 1}
	slices.SortStableFunc(p.Rows, func(a, b storage.Row) int {
		return cmp.Compare(rank[a.Values[f.Index].IsNull()], rank[b.Values[f.Index].IsNull()])
	})
}

// limitOverAll gives the first parents all the rows that the limit of an expansion allows.
func limitOverAll(q *storage.Query, p *storage.Page) {
	for e := range q.Expand {
		left := q.Expand[e].Query.Limit
		if left < 0 {
			continue
		}
		for i := range p.Rows {
			n := min(left, len(p.Rows[i].Expanded[e]))
			p.Rows[i].Expanded[e] = p.Rows[i].Expanded[e][:n]
			left -= n
		}
	}
}

func ofType(typ string, bend func(string) string) func(*schema.Field, schema.Value) schema.Value {
	return func(f *schema.Field, v schema.Value) schema.Value {
		if f.Type.Name() != typ || v.Kind() != schema.Text {
			return v
		}
		return schema.NewText(bend(v.Text()))
	}
}

func emptyIsNull(_ *schema.Field, v schema.Value) schema.Value {
	if v.Kind() == schema.Text && v.Text() == "" {
		return schema.Value{}
	}
	return v
}

func sortedMembers(f *schema.Field, v schema.Value) schema.Value {
	if f.Type.Name() != "json" || v.IsNull() {
		return v
	}
	var x any
	if json.Unmarshal([]byte(v.Text()), &x) != nil {
		return v
	}
	text, err := json.Marshal(x)
	if err != nil {
		return v
	}
	return schema.NewJSON(string(text))
}

// withoutCase compares text as databases with another collation do.
func withoutCase(e schema.Expr) schema.Expr {
	return everywhere(e, func(e schema.Expr) schema.Expr {
		if c, ok := e.(schema.Compare); ok && c.Op == schema.Eq {
			if lit, ok := c.Right.(schema.Lit); ok && lit.Value.Kind() == schema.Text {
				return schema.Like{X: c.Left, Pattern: escaped(lit.Value.Text())}
			}
		}
		return e
	})
}

// threeValued makes the complement of a comparison false for null, as SQL does.
func threeValued(e schema.Expr) schema.Expr {
	return everywhere(e, func(e schema.Expr) schema.Expr {
		if n, ok := e.(schema.Not); ok {
			if c, ok := n.X.(schema.Compare); ok {
				return schema.And{n, schema.Not{X: schema.IsNull{X: c.Left}}}
			}
		}
		return e
	})
}

func everywhere(e schema.Expr, bend func(schema.Expr) schema.Expr) schema.Expr {
	switch x := e.(type) {
	case schema.And:
		all := make(schema.And, len(x))
		for i := range x {
			all[i] = everywhere(x[i], bend)
		}
		return all
	case schema.Or:
		any := make(schema.Or, len(x))
		for i := range x {
			any[i] = everywhere(x[i], bend)
		}
		return any
	case schema.Not:
		x.X = everywhere(x.X, bend)
		return bend(x)
	case schema.Exists:
		x.Where = everywhere(x.Where, bend)
		return x
	case nil:
		return nil
	}
	return bend(e)
}

func mutate(s Store, m mutant) Store {
	return &mutated{Store: s, mutant: m, versions: map[string]int64{}}
}

// mutated is a store that deviates.
type mutated struct {
	Store
	mutant
	versions map[string]int64 // the first of each row
	current  map[string]int64
}

func (m *mutated) Empty(ctx context.Context) error {
	m.versions, m.current = map[string]int64{}, map[string]int64{}
	return m.Store.Empty(ctx)
}

func (m *mutated) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	return m.read(ctx, m.Store, q)
}

func (m *mutated) read(ctx context.Context, from storage.Reader, q *storage.Query) (*storage.Page, error) {
	bent := *q
	if m.query != nil {
		m.query(&bent)
	}
	p, err := from.Read(ctx, &bent)
	if err != nil {
		return p, err
	}
	for i := range p.Rows {
		m.bend(q.Class, &p.Rows[i])
	}
	if m.page != nil {
		m.page(&bent, p)
	}
	return p, nil
}

func (m *mutated) bend(c *schema.Class, r *storage.Row) {
	if m.value != nil {
		r.Values = slices.Clone(r.Values)
		for _, f := range c.Fields {
			r.Values[f.Index] = m.value(f, r.Values[f.Index])
		}
	}
	if !m.frozen {
		return
	}
	id := fmt.Sprint(c.Name, r.Key(c))
	first, known := m.versions[id]
	if !known {
		first = r.Version
		m.versions[id] = first
	}
	m.current[id] = r.Version
	r.Version = first
}

func (m *mutated) Write(ctx context.Context, fn func(storage.Tx) error) error {
	var failed error
	err := m.Store.Write(ctx, func(tx storage.Tx) error {
		failed = fn(&mutatedTx{tx, m})
		if m.careless {
			return nil
		}
		return failed
	})
	if m.careless {
		return failed
	}
	return err
}

type mutatedTx struct {
	storage.Tx
	m *mutated
}

func (t *mutatedTx) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	return t.m.read(ctx, t.Tx, q)
}

func (t *mutatedTx) Apply(ctx context.Context, c *storage.Change) (*storage.Row, error) {
	bent := *c
	bent.Final = false
	if t.m.change != nil {
		t.m.change(&bent)
	}
	if id := fmt.Sprint(c.Class.Name, c.Key); t.m.frozen && bent.IfVersion != 0 && bent.IfVersion == t.m.versions[id] {
		bent.IfVersion = t.m.current[id]
	}
	r, err := t.Tx.Apply(ctx, &bent)
	if r != nil {
		t.m.bend(c.Class, r)
	}
	return r, err
}
