package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// seedCmd is `dowel seed`.
type seedCmd struct {
	DB     string `name:"db" placeholder:"URL" help:"Database [DOWEL_DB]."`
	Folder string `arg:"" optional:"" default:"." help:"The application."`
	outputFlag
}

func (c *seedCmd) Run(r *run) error {
	flags := map[string]string{}
	if c.DB != "" {
		flags["db"] = c.DB
	}
	p, err := r.open(c.Folder, flags)
	if err != nil {
		return err
	}
	defer p.close()
	sums, err := p.seed(r)
	if err != nil {
		return err
	}
	t := table{columns: []string{"class", "created", "unchanged"}}
	for _, s := range sums {
		t.add(s.class.Name, s.created, s.unchanged)
	}
	return t.print(r.out, c.Output)
}

// seedSum counts what became of a class's rows.
type seedSum struct {
	class              *schema.Class
	created, unchanged int
}

// seed loads the application's seed files. Rows that are there already, by
// their natural key, stay as they are.
func (p *project) seed(r *run) ([]seedSum, error) {
	rows, err := readSeed(p.seeds(r), p.schema)
	if err == nil {
		err = checkTwins(rows)
	}
	if err != nil {
		var f *failure
		if errors.As(err, &f) {
			return nil, err
		}
		return nil, refuse(errors.New("the seed files have mistakes"), strings.Split(err.Error(), "\n")...)
	}
	s := &seeder{store: p.store, invoke: p.invoke, most: min(500, p.cfg.Engine.Limits.Bulk)}
	s.bar = newBar(r, len(rows))
	defer s.bar.done()
	if err := s.load(r.ctx, rows); err != nil {
		return nil, err
	}
	return s.sums, nil
}

// seeds are the files that rows to begin with are in: where the schema is, or beside a
// program that has the schema inside, and no rows.
func (p *project) seeds(r *run) fs.FS {
	files := r.files(p.folder, p.root)
	if _, err := fs.Stat(files, seedFolder); err != nil {
		files = os.DirFS(p.folder)
	}
	return r.app.Program.Parts().Over(files)
}

// seeder puts rows where they are missing.
type seeder struct {
	store  storage.Reader
	invoke func(context.Context, actions.Action) (*actions.Result, error)
	most   int // rows in one transaction
	bar    *bar
	sums   []seedSum
}

func (s *seeder) load(ctx context.Context, rows []*seedRow) error {
	waves, err := inOrder(rows)
	if err != nil {
		return err
	}
	for _, wave := range waves {
		if err := s.loadClass(ctx, wave); err != nil {
			return err
		}
	}
	return nil
}

// loadClass loads rows of one class that do not refer to each other.
func (s *seeder) loadClass(ctx context.Context, rows []*seedRow) error {
	class := rows[0].class
	empty, err := s.empty(ctx, class)
	if err != nil {
		return err
	}
	missing := rows
	if !empty {
		missing = nil
		for _, row := range rows {
			there, err := s.there(ctx, row)
			if err != nil {
				return err
			}
			if !there {
				missing = append(missing, row)
			} else {
				s.bar.add(class.Name, 1)
			}
		}
	}
	sum := s.sum(class)
	sum.unchanged += len(rows) - len(missing)
	for len(missing) > 0 {
		n := min(s.most, len(missing))
		if !class.Bulk {
			n = 1
		}
		if err := s.create(ctx, missing[:n]); err != nil {
			return err
		}
		s.sum(class).created += n
		s.bar.add(class.Name, n)
		missing = missing[n:]
	}
	return nil
}

func (s *seeder) sum(c *schema.Class) *seedSum {
	for i := range s.sums {
		if s.sums[i].class == c {
			return &s.sums[i]
		}
	}
	s.sums = append(s.sums, seedSum{class: c})
	return &s.sums[len(s.sums)-1]
}

func (s *seeder) empty(ctx context.Context, c *schema.Class) (bool, error) {
	page, err := s.store.Read(ctx, &storage.Query{Class: c, Limit: 1, Deleted: storage.WithDeleted})
	if err != nil {
		return false, unavailable(err)
	}
	return len(page.Rows) == 0, nil
}

// there reports whether the row is stored. A softly deleted row counts: who
// deleted it does not want it back with every start.
func (s *seeder) there(ctx context.Context, row *seedRow) (bool, error) {
	where, err := condition(row.identity())
	if err != nil {
		return false, refuse(&rowError{row.where(), err.Error()})
	}
	page, err := s.store.Read(ctx, &storage.Query{Class: row.class, Where: where, Limit: 1, Deleted: storage.WithDeleted})
	if err != nil {
		return false, unavailable(err)
	}
	return len(page.Rows) > 0, nil
}

// create writes rows in one transaction, and finds the culprit when that fails.
func (s *seeder) create(ctx context.Context, rows []*seedRow) error {
	content := []byte{}
	for i, row := range rows {
		content = append(content, map[bool]byte{true: '[', false: ','}[i == 0])
		content = append(content, row.content()...)
	}
	content = append(content, ']')
	if len(rows) == 1 {
		content = content[1 : len(content)-1]
	}
	a := &actions.Create{Class: rows[0].class.Name, Content: content}
	a.Output.Minimal = true
	_, err := s.invoke(ctx, a)
	if err == nil {
		return nil
	}
	var refused *actions.Error
	if !errors.As(err, &refused) {
		return unavailable(err)
	}
	if refused.Code == actions.StorageUnavailable || refused.Code == actions.OutcomeUnknown || refused.Code == actions.Internal {
		return unavailable(err)
	}
	if found := blame(rows, refused); len(found) > 0 {
		return refuse(fmt.Errorf("%d rows were refused", len(found)), found...)
	}
	if len(rows) == 1 {
		return refuse(&rowError{rows[0].where(), sentenceOf(refused)})
	}
	// Nothing of the batch was stored. Halves find the row, at the price of storing what precedes it.
	half := len(rows) / 2
	if err := s.create(ctx, rows[:half]); err != nil {
		return err
	}
	return s.create(ctx, rows[half:])
}

// blame names the rows that the problems of a list point at.
func blame(rows []*seedRow, e *actions.Error) []string {
	var lines []string
	for _, p := range e.Errors {
		row, rest := rows[0], p.Pointer
		if len(rows) > 1 {
			first, tail, _ := strings.Cut(strings.TrimPrefix(p.Pointer, "/"), "/")
			i, err := strconv.Atoi(first)
			if err != nil || i < 0 || i >= len(rows) {
				return nil
			}
			row, rest = rows[i], "/"+tail
		}
		line := row.where() + ": " + p.Detail
		if p.Detail == "" {
			line = row.where() + ": " + rest + " " + p.Code
		}
		if p.Hint != "" {
			line += " " + p.Hint
		}
		lines = append(lines, line)
	}
	return lines
}

func sentenceOf(e *actions.Error) string {
	if e.Detail != "" {
		return e.Detail
	}
	return string(e.Code)
}

// checkTwins refuses rows that are given twice: which one is meant?
func checkTwins(rows []*seedRow) error {
	first := map[string]*seedRow{}
	var wrong []error
	for _, row := range rows {
		parts := row.identity()
		if len(parts) == 0 {
			continue
		}
		name := nameOf(row.class, parts, row.org())
		if twin := first[name]; twin != nil {
			wrong = append(wrong, &rowError{row.where(), fmt.Sprintf("is the same as row %d of %s:%d", twin.row, twin.file, twin.value.Pos.Line)})
			continue
		}
		first[name] = row
	}
	return errors.Join(wrong...)
}

// inOrder sorts rows into waves: a row comes after every row it refers to.
// Classes come one after the other, their rows in the order of the files,
// unless classes refer to each other in a circle: then rows decide alone.
func inOrder(rows []*seedRow) ([][]*seedRow, error) {
	needs := rowNeeds(rows)
	classes := classesOf(rows)
	classNeeds := map[*schema.Class][]*schema.Class{}
	siblings := map[*seedRow][]*seedRow{}
	for _, row := range rows {
		for _, target := range needs[row] {
			if target.class == row.class {
				siblings[row] = append(siblings[row], target)
			} else {
				classNeeds[row.class] = append(classNeeds[row.class], target.class)
			}
		}
	}
	rank, err := depths(classes, func(c *schema.Class) []*schema.Class { return classNeeds[c] })
	if err != nil {
		rank, siblings = map[*schema.Class]int{}, needs
	}
	depth, err := depths(rows, func(row *seedRow) []*seedRow { return siblings[row] })
	if err != nil {
		return nil, err
	}
	at := map[[3]int]int{}
	var waves [][]*seedRow
	for i, class := range classes {
		for _, row := range rows {
			if row.class != class {
				continue
			}
			key := [3]int{rank[class], depth[row], i}
			if _, begun := at[key]; !begun {
				at[key] = len(waves)
				waves = append(waves, nil)
			}
			waves[at[key]] = append(waves[at[key]], row)
		}
	}
	order := slices.SortedFunc(maps.Keys(at), func(a, b [3]int) int { return slices.Compare(a[:], b[:]) })
	sorted := make([][]*seedRow, len(order))
	for i, key := range order {
		sorted[i] = waves[at[key]]
	}
	return sorted, nil
}

// rowNeeds finds the rows of the seed that each row refers to.
func rowNeeds(rows []*seedRow) map[*seedRow][]*seedRow {
	named := map[string]*seedRow{}
	for _, row := range rows {
		for _, name := range row.names() {
			named[name] = row
		}
	}
	needs := map[*seedRow][]*seedRow{}
	for _, row := range rows {
		for _, name := range row.needs() {
			if target := named[name]; target != nil && target != row {
				needs[row] = append(needs[row], target)
			}
		}
	}
	return needs
}

// depths gives everything a number above those of what it needs, from 1.
func depths[T comparable](all []T, needs func(T) []T) (map[T]int, error) {
	depth := map[T]int{}
	var visit func(one T) error
	visit = func(one T) error {
		switch d := depth[one]; {
		case d < 0:
			if row, ok := any(one).(*seedRow); ok {
				return refuse(&rowError{row.where(), "refers to itself through other rows"})
			}
			return errors.New("a circle")
		case d > 0:
			return nil
		}
		depth[one] = -1
		d := 1
		for _, below := range needs(one) {
			if err := visit(below); err != nil {
				return err
			}
			d = max(d, depth[below]+1)
		}
		depth[one] = d
		return nil
	}
	for _, one := range all {
		if err := visit(one); err != nil {
			return nil, err
		}
	}
	return depth, nil
}

func classesOf(rows []*seedRow) []*schema.Class {
	var classes []*schema.Class
	seen := map[*schema.Class]bool{}
	for _, row := range rows {
		if !seen[row.class] {
			seen[row.class] = true
			classes = append(classes, row.class)
		}
	}
	return classes
}

// bar is the progress shown on a terminal.
type bar struct {
	w     io.Writer // nil is nowhere
	total int
	at    int
	shown time.Time
}

func newBar(r *run, total int) *bar {
	b := &bar{total: total}
	if r.live {
		b.w = r.err
	}
	return b
}

func (b *bar) add(what string, n int) {
	b.at += n
	if b.w == nil || time.Since(b.shown) < 100*time.Millisecond {
		return
	}
	b.shown = time.Now()
	const width = 24
	full := width * b.at / max(1, b.total)
	fmt.Fprintf(b.w, "\r\x1b[Kseeding [%s%s] %d/%d %s", strings.Repeat("#", full), strings.Repeat(".", width-full), b.at, b.total, what)
}

func (b *bar) done() {
	if b.w != nil && !b.shown.IsZero() {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
