package storagetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
)

// mutant is a store with one defect, made by bending what goes into a sound
// store and what comes out of it. Its zero value is sound.
type mutant struct {
	query  func(q *storage.Query)
	page   func(q *storage.Query, p *storage.Page)
	change func(c *storage.Change)
	row    func(c *storage.Change, r *storage.Row)
	err    func(err error) error
	count  func(ns []int64)
	// careless commits whatever fn says; stubborn keeps what a failed savepoint did.
	careless, stubborn bool
}

// mutants are the defects the suite must notice.
var mutants = map[string]mutant{
	"ignores the condition":         {query: func(q *storage.Query) { q.Where = nil }},
	"ignores the key":               {query: func(q *storage.Query) { q.Key = nil }},
	"ignores tests":                 {query: func(q *storage.Query) { q.Tests = nil }},
	"ignores the last test":         {query: func(q *storage.Query) { q.Tests = q.Tests[:min(63, len(q.Tests))] }},
	"ignores the order":             {query: func(q *storage.Query) { q.Order = nil }},
	"ignores all keys but one":      {query: func(q *storage.Query) { q.Order = q.Order[:min(1, len(q.Order))] }},
	"ignores directions":            {query: everyOrder(func(o *storage.Order) { o.Desc = false })},
	"turns directions round":        {query: everyOrder(func(o *storage.Order) { o.Desc = !o.Desc })},
	"ignores skip":                  {query: func(q *storage.Query) { q.Skip = 0 }},
	"ignores the limit":             {query: func(q *storage.Query) { q.Limit = -1 }},
	"takes limit 0 for all":         {query: func(q *storage.Query) { q.Limit += min(0, q.Limit-1) }},
	"ignores the total":             {query: func(q *storage.Query) { q.Total = false }},
	"ignores more":                  {query: func(q *storage.Query) { q.More = false }},
	"counts the page only":          {page: func(q *storage.Query, p *storage.Page) { p.Total = int64(len(p.Rows)) }},
	"shows deleted rows":            {query: func(q *storage.Query) { q.Deleted = storage.WithDeleted }},
	"hides deleted rows":            {query: func(q *storage.Query) { q.Deleted = storage.Live }},
	"ignores guards of columns":     {query: func(q *storage.Query) { q.Columns = unguarded(q.Columns) }},
	"reads every column":            {query: func(q *storage.Query) { q.Columns = everything(q.Class).Columns }},
	"ignores conditions of expands": {query: everyExpand(func(q *storage.Query) { q.Where = nil })},
	"ignores limits of expands":     {query: everyExpand(func(q *storage.Query) { q.Limit = -1 })},
	"ignores skips of expands":      {query: everyExpand(func(q *storage.Query) { q.Skip = 0 })},
	"ignores the order of expands":  {query: everyExpand(func(q *storage.Query) { q.Order = nil })},
	"ignores nested expands":        {query: everyExpand(func(q *storage.Query) { q.Expand = nil })},
	"ignores tests of expands":      {query: everyExpand(func(q *storage.Query) { q.Tests = nil })},
	"shows deleted rows in expands": {query: everyExpand(func(q *storage.Query) { q.Deleted = storage.WithDeleted })},
	"limits the whole expansion": {page: func(q *storage.Query, p *storage.Page) {
		for i := range p.Rows {
			for k := range p.Rows[i].Expanded {
				if limit := q.Expand[k].Query.Limit; i > 0 && limit > 0 {
					p.Rows[i].Expanded[k] = nil
				}
			}
		}
	}},
	"shares rows":                      {page: shared()},
	"gives all rows one version":       {page: func(_ *storage.Query, p *storage.Page) { eachRow(p, func(r *storage.Row) { r.Version = 1 }) }},
	"gives no versions in expands":     {page: func(_ *storage.Query, p *storage.Page) { eachExpanded(p, func(r *storage.Row) { r.Version = 0 }) }},
	"returns another version":          {row: func(_ *storage.Change, r *storage.Row) { r.Version++ }},
	"returns the row without tests":    {row: func(_ *storage.Change, r *storage.Row) { r.Tests = 0 }},
	"returns no key":                   {row: func(c *storage.Change, r *storage.Row) { clear(r.Values) }},
	"returns no expansions":            {change: func(c *storage.Change) { c.Return = flat(c.Return) }},
	"ignores the version":              {change: func(c *storage.Change) { c.IfVersion = 0 }},
	"ignores guards before":            {change: func(c *storage.Change) { c.Before = nil }},
	"ignores guards after":             {change: func(c *storage.Change) { c.After = nil }},
	"asks after before":                {change: func(c *storage.Change) { c.Before, c.After = append(c.Before, c.After...), nil }},
	"asks before after":                {change: func(c *storage.Change) { c.Before, c.After = nil, append(c.Before, c.After...) }},
	"asks guards backwards":            {change: func(c *storage.Change) { slices.Reverse(c.Before); slices.Reverse(c.After) }},
	"ignores links":                    {change: func(c *storage.Change) { c.Links = nil }},
	"adds where it should replace":     {change: everyLinks(func(l *storage.Links) { l.Replace = false })},
	"replaces where it should add":     {change: everyLinks(func(l *storage.Links) { l.Replace = true })},
	"removes no links":                 {change: everyLinks(func(l *storage.Links) { l.Remove = nil })},
	"changes deleted rows":             {change: func(c *storage.Change) { c.Deleted = storage.WithDeleted }},
	"never changes deleted rows":       {change: func(c *storage.Change) { c.Deleted = storage.Live }},
	"deletes softly":                   {change: swap(storage.Delete, storage.SoftDelete)},
	"deletes hard":                     {change: swap(storage.SoftDelete, storage.Delete)},
	"soft delete is a mere update":     {change: swap(storage.SoftDelete, storage.Update)},
	"restore is a mere update":         {change: swap(storage.Restore, storage.Update)},
	"sets nothing with soft delete":    {change: func(c *storage.Change) { keepOnly(c, storage.SoftDelete, c.Class.DeletedAt) }},
	"sets nothing with restore":        {change: func(c *storage.Change) { keepOnly(c, storage.Restore, nil) }},
	"hides the stale version":          {err: replace(func(*storage.StaleError) error { return &storage.StaleError{} })},
	"calls stale rows missing":         {err: replace(func(*storage.StaleError) error { return storage.ErrNotFound })},
	"names no unique fields":           {err: replace(func(e *storage.UniqueError) error { return &storage.UniqueError{Class: e.Class} })},
	"miscounts references":             {err: replace(func(e *storage.ReferencedError) error { return &storage.ReferencedError{By: e.By, Count: e.Count + 1} })},
	"swallows reference errors":        {err: replace(func(*storage.ReferenceError) error { return nil })},
	"wraps errors of fn away":          {err: func(err error) error { return fmt.Errorf("%v", err) }},
	"counters stand still":             {count: func(ns []int64) { clear(ns) }, page: func(_ *storage.Query, p *storage.Page) { clear(p.Counters) }},
	"watched counters stand still":     {page: func(_ *storage.Query, p *storage.Page) { clear(p.Counters) }},
	"commits what failed":              {careless: true},
	"savepoints undo nothing":          {stubborn: true},
	"ignores guards of paths":          {query: func(q *storage.Query) { q.Where = bare(q.Where) }},
	"ignores guards of ordering paths": {query: everyOrder(func(o *storage.Order) { o.By = barePath(o.By) })},
}

// TestSuiteNoticesDefects is the proof that the suite can fail: every mutant
// breaks at least one promise, the sound store none.
func TestSuiteNoticesDefects(t *testing.T) {
	all := chapters()
	for i := range all {
		all[i].schema = sync.OnceValue(all[i].schema)
	}
	if broken := breaks(t, all, mutant{}); broken != "" {
		t.Fatalf("the sound store breaks %s", broken)
	}
	for name, m := range mutants {
		t.Run(name, func(t *testing.T) {
			if breaks(t, all, m) == "" {
				t.Error("nothing noticed")
			}
		})
	}
}

// breaks names the first promise that a mutant breaks, "" if it keeps all.
func breaks(t *testing.T, all []chapter, m mutant) string {
	open := Open(func(t testing.TB, s *schema.Schema) storage.Store {
		inner, err := memory.New(s)
		if err != nil {
			t.Fatal(err)
		}
		return &mutantStore{inner, m}
	})
	for _, c := range all {
		if c.name == "concurrency" || c.name == "schema revisions" {
			continue // slow, and not about these defects
		}
		for _, p := range c.promises {
			w := &witness{TB: t}
			w.watch(func() {
				f := open.with(w, c.schema())
				if c.rows != nil {
					c.rows(f)
				}
				p.holds(f)
			})
			if w.failed {
				return c.name + ": " + p.text
			}
		}
	}
	return ""
}

// witness is a test that only notes whether it failed.
type witness struct {
	testing.TB
	mu     sync.Mutex
	failed bool
}

func (w *witness) fail()                    { w.mu.Lock(); w.failed = true; w.mu.Unlock() }
func (w *witness) Errorf(string, ...any)    { w.fail() }
func (w *witness) Error(...any)             { w.fail() }
func (w *witness) Fatalf(string, ...any)    { w.fail(); runtime.Goexit() }
func (w *witness) Fatal(...any)             { w.fail(); runtime.Goexit() }
func (w *witness) Context() context.Context { return context.Background() }

func (w *witness) watch(fn func()) {
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		defer func() {
			if recover() != nil {
				w.fail() // a promise that runs into nonsense is broken as well
			}
		}()
		fn()
	}()
	wg.Wait()
}

type mutantStore struct {
	storage.Store
	m mutant
}

func (s *mutantStore) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	return s.m.read(ctx, s.Store, q)
}

func (s *mutantStore) Counters(ctx context.Context, cs []*schema.Class) ([]int64, error) {
	return s.m.counters(ctx, s.Store, cs)
}

func (s *mutantStore) Write(ctx context.Context, fn func(storage.Tx) error) error {
	var swallowed error
	err := s.Store.Write(ctx, func(tx storage.Tx) error {
		err := fn(&mutantTx{tx, s.m})
		if s.m.careless {
			swallowed, err = err, nil
		}
		return err
	})
	if err == nil {
		err = swallowed
	}
	if err != nil && s.m.err != nil {
		return s.m.err(err)
	}
	return err
}

type mutantTx struct {
	storage.Tx
	m mutant
}

func (t *mutantTx) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	return t.m.read(ctx, t.Tx, q)
}

func (t *mutantTx) Counters(ctx context.Context, cs []*schema.Class) ([]int64, error) {
	return t.m.counters(ctx, t.Tx, cs)
}

func (t *mutantTx) Apply(ctx context.Context, c *storage.Change) (*storage.Row, error) {
	bent := *c
	bent.Before, bent.After, bent.Links, bent.Set = slices.Clone(c.Before), slices.Clone(c.After), slices.Clone(c.Links), slices.Clone(c.Set)
	if t.m.change != nil {
		t.m.change(&bent)
	}
	row, err := t.Tx.Apply(ctx, &bent)
	if err == nil && t.m.row != nil {
		t.m.row(&bent, row)
	}
	return row, err
}

func (t *mutantTx) Savepoint(ctx context.Context, fn func() error) error {
	if !t.m.stubborn {
		return t.Tx.Savepoint(ctx, fn)
	}
	var kept error
	err := t.Tx.Savepoint(ctx, func() error { kept = fn(); return nil })
	return errors.Join(err, kept)
}

func (m *mutant) read(ctx context.Context, r storage.Reader, q *storage.Query) (*storage.Page, error) {
	bent := *q
	bent.Order, bent.Expand = slices.Clone(q.Order), slices.Clone(q.Expand)
	if m.query != nil {
		m.query(&bent)
	}
	p, err := r.Read(ctx, &bent)
	if err == nil && m.page != nil {
		m.page(&bent, p)
	}
	return p, err
}

func (m *mutant) counters(ctx context.Context, r storage.Reader, cs []*schema.Class) ([]int64, error) {
	ns, err := r.Counters(ctx, cs)
	if err == nil && m.count != nil {
		m.count(ns)
	}
	return ns, err
}

func everyOrder(bend func(*storage.Order)) func(*storage.Query) {
	return func(q *storage.Query) {
		for i := range q.Order {
			bend(&q.Order[i])
		}
	}
}

func everyExpand(bend func(*storage.Query)) func(*storage.Query) {
	return func(q *storage.Query) {
		for i := range q.Expand {
			bend(&q.Expand[i].Query)
		}
	}
}

func everyLinks(bend func(*storage.Links)) func(*storage.Change) {
	return func(c *storage.Change) {
		for i := range c.Links {
			bend(&c.Links[i])
		}
	}
}

func unguarded(cs []storage.Column) []storage.Column {
	cs = slices.Clone(cs)
	for i := range cs {
		cs[i].Guard = nil
	}
	return cs
}

func flat(q *storage.Query) *storage.Query {
	if q == nil {
		return nil
	}
	bent := *q
	bent.Expand = slices.Clone(q.Expand)
	for i := range bent.Expand {
		bent.Expand[i].Query.Where = schema.Const(false)
	}
	return &bent
}

func swap(from, to storage.Op) func(*storage.Change) {
	return func(c *storage.Change) {
		if c.Op == from && (to != storage.SoftDelete || c.Class.SoftDelete) {
			c.Op = to
		}
	}
}

func keepOnly(c *storage.Change, op storage.Op, f *schema.Field) {
	if c.Op == op {
		c.Set = slices.DeleteFunc(c.Set, func(a storage.Assign) bool { return a.Field != f })
	}
}

// replace bends one kind of error.
func replace[E error](bend func(E) error) func(error) error {
	return func(err error) error {
		var e E
		if errors.As(err, &e) {
			return bend(e)
		}
		return err
	}
}

func eachRow(p *storage.Page, bend func(*storage.Row)) {
	for i := range p.Rows {
		bend(&p.Rows[i])
	}
}

func eachExpanded(p *storage.Page, bend func(*storage.Row)) {
	eachRow(p, func(r *storage.Row) {
		for _, rows := range r.Expanded {
			for i := range rows {
				bend(&rows[i])
			}
		}
	})
}

// shared gives out the same slices again while nothing else is asked.
func shared() func(*storage.Query, *storage.Page) {
	type shape struct {
		class *schema.Class
		n     int
	}
	last := map[shape][]storage.Row{}
	return func(q *storage.Query, p *storage.Page) {
		if len(q.Columns) != 1 || q.Where != nil || q.Columns[0].Field.Name != "name" {
			return
		}
		at := shape{q.Class, 1}
		if rows, ok := last[at]; ok && len(p.Rows) > 0 {
			p.Rows[0] = rows[0]
			return
		}
		last[at] = p.Rows
	}
}

// bare takes the guards out of a condition.
func bare(e schema.Expr) schema.Expr {
	switch e := e.(type) {
	case schema.And:
		for i := range e {
			e[i] = bare(e[i])
		}
	case schema.Not:
		return schema.Not{X: bare(e.X)}
	case schema.Compare:
		if p, ok := e.Left.(*schema.Path); ok {
			e.Left = barePath(p)
		}
		return e
	case schema.Exists:
		e.Guard = nil
		return e
	}
	return e
}

func barePath(p *schema.Path) *schema.Path {
	bent := *p
	bent.Guard, bent.Steps = nil, slices.Clone(p.Steps)
	for i := range bent.Steps {
		bent.Steps[i].Guard = nil
	}
	return &bent
}
