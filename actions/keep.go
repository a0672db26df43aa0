package actions

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// An answer may be kept and given again while no row that it was made of has
// changed. Who may have it was decided before: what a subject may see is
// in the query that is bound for it, with its own values in the place of me, me.FIELD and its organizations,
// and the query is in the key. So two subjects share an answer when they would be
// answered alike, and a subject that changes has another key at once.
//
// What counters do not tell is not kept: answers that depend on the time (now), and estimates.

// Keeping is a plan of a read whose answers may be kept.
type Keeping interface {
	Reading
	// Keep says how, nil where this answer may not be.
	Keep(x *Exec) *Keep
}

// Keep is a read that may be answered by what was kept of an equal one.
type Keep struct {
	// For is how long an answer may be given again, Key what it depends on but for rows.
	For time.Duration
	Key []byte
	// Watch are the classes whose change counters the answer depends on.
	Watch []*schema.Class

	x    *Exec
	plan keeper
}

// keeper is what plans do for a Keep.
type keeper interface {
	// enter refuses who may not ask for this, whatever was kept.
	enter(ctx context.Context, x *Exec, r storage.Reader) error
	// conditions are those of the request.
	conditions() *If
	// current answers by the counters alone, where the conditions let it; nil, nil is to go on.
	current(x *Exec, counters []int64) (*Result, error)
	// read reads the answer, whatever the conditions.
	read(ctx context.Context, x *Exec, r storage.Reader) (*Kept, []storage.Row, error)
	// answer makes the result of what was read, now or before, whatever the conditions.
	answer(x *Exec, k *Kept) *Result
}

// Kept is what an answer consists of beside its rows. It is the same for
// everybody with the same key: links and tags are made for each asker.
type Kept struct {
	// Counters are those of the snapshot that was read, in the order of Keep.Watch.
	Counters []int64
	Rows     int
	More     bool
	Total    int64 // of a list
	// First and Last are what cursors before and behind a page are made of.
	First, Last []byte
	// ID, Version and Tests are those of a row that is the whole answer.
	ID      string
	Version int64
	Tests   uint64
	Data    []byte // the content
}

// keep returns nil unless the class wants answers kept and this one can be. One that is refused over
// rows that are withheld is not: it depends on more than it shows.
func (x *Exec) keep(plan keeper, c *schema.Class, q *storage.Query, shown *Shown, withheld *storage.Query, o *Output) *Keep {
	if c.Cache <= 0 || x.timed || q.Rough || withheld != nil {
		return nil
	}
	k := key(make([]byte, 0, 1024)).str(x.Schema.Revision).num(x.Limits.Rows)
	return &Keep{For: c.Cache, Key: k.output(o).shown(shown).query(q), Watch: q.Watch, x: x, plan: plan}
}

// Enter refuses who may not ask for this, whatever was kept.
func (k *Keep) Enter(ctx context.Context, r storage.Reader) error { return k.plan.enter(ctx, k.x, r) }

// Current answers a request whose conditions the counters decide; nil, nil is to go on.
func (k *Keep) Current(counters []int64) (*Result, error) { return k.plan.current(k.x, counters) }

// Read reads the answer. encode makes the content of its rows, which is kept with the rest.
func (k *Keep) Read(ctx context.Context, r storage.Reader, encode func(res *Result) []byte) (*Kept, error) {
	kept, rows, err := k.plan.read(ctx, k.x, r)
	if err != nil {
		return nil, err
	}
	res := k.plan.answer(k.x, kept)
	res.Rows = rows
	kept.Data = encode(res)
	return kept, nil
}

// Answer makes the result of an answer that was read now or before.
func (k *Keep) Answer(kept *Kept) (*Result, error) {
	res := k.plan.answer(k.x, kept)
	if err := res.condition(k.plan.conditions()); err != nil {
		return nil, err
	}
	if res.Outcome == Found {
		res.Encoded, res.Count = kept.Data, kept.Rows
	}
	return res, nil
}

// currentList answers a request for a list by its tag.
func currentList(plan keeper, x *Exec, counters []int64) (*Result, error) {
	res := plan.answer(x, &Kept{Counters: counters})
	if err := res.condition(plan.conditions()); err != nil || res.Outcome == NotModified {
		return res, err
	}
	return nil, nil
}

// keptPage is what is kept of a page of a list.
func keptPage(q *storage.Query, page *storage.Page) *Kept {
	k := &Kept{Counters: page.Counters, Rows: len(page.Rows), More: page.More, Total: -1}
	if q.Total {
		k.Total = page.Total
	}
	return k
}

// info is where a page stands.
func (k *Kept) info(q *storage.Query) *PageInfo {
	return &PageInfo{Total: k.Total, Skip: q.Skip, Limit: q.Limit, More: k.More}
}

// Append appends an answer as bytes that ParseKept reads.
func (k *Kept) Append(b []byte) []byte {
	w := key(b).num(len(k.Counters))
	for _, n := range k.Counters {
		w = binary.AppendVarint(w, n)
	}
	w = binary.AppendVarint(w.num(k.Rows).flags(k.More), k.Total)
	w = w.str(string(k.First)).str(string(k.Last)).str(k.ID)
	w = binary.AppendUvarint(binary.AppendVarint(w, k.Version), k.Tests)
	return append(w, k.Data...)
}

// ParseKept reads what Append has written. The result shares its memory.
func ParseKept(b []byte) (k *Kept, ok bool) {
	r := keptReader{rest: b}
	n := r.num()
	if n < 0 || n > int64(len(b)) {
		return nil, false
	}
	k = &Kept{Counters: make([]int64, n)}
	for i := range k.Counters {
		k.Counters[i] = r.num()
	}
	k.Rows, k.More, k.Total = int(r.num()), r.num() != 0, r.num()
	k.First, k.Last, k.ID = r.bytes(), r.bytes(), string(r.bytes())
	k.Version = r.num()
	k.Tests = r.unsigned()
	k.Data = r.rest
	return k, !r.bad
}

type keptReader struct {
	rest []byte
	bad  bool
}

func (r *keptReader) num() int64 {
	n, size := binary.Varint(r.rest)
	return r.take(n, size)
}

func (r *keptReader) unsigned() uint64 {
	n, size := binary.Uvarint(r.rest)
	r.take(0, size)
	return n
}

func (r *keptReader) take(n int64, size int) int64 {
	if size <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *keptReader) bytes() []byte {
	n := r.unsigned()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	out := r.rest[:n:n]
	r.rest = r.rest[n:]
	return out
}
