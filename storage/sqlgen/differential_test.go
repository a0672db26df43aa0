package sqlgen_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
	"github.com/dowel-dev/dowel/storage/storagetest"
)

// TestMeaning asks PostgreSQL what was printed for random queries on random
// rows, and the reference the same.
func TestMeaning(t *testing.T) {
	pg := server(t)
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, pg, storagetest.DrawSchema(rt))
		defer w.drop(rt)
		w.fill(rt)
		for range rapid.IntRange(1, 12).Draw(rt, "queries") {
			c := w.schema.Classes[rapid.IntRange(0, len(w.schema.Classes)-1).Draw(rt, "class")]
			q := storagetest.DrawQuery(rt, c, 2)
			q.Most = 0
			w.same(rt, q)
			w.sameCount(rt, q)
			if q.From == nil || !q.From.Back { // ordinals are those of what is printed, from the place on
				w.sameExpansions(rt, q, q, nil)
			}
		}
	})
}

// fill draws rows of every class, some of them soft-deleted.
func (w *world) fill(t *rapid.T) {
	known := storagetest.Known{}
	for range rapid.IntRange(2, 8).Draw(t, "rows") {
		for _, c := range w.schema.Classes {
			change := storagetest.DrawInsert(t, c, known)
			if c.DeletedAt != nil && rapid.IntRange(0, 3).Draw(t, "deleted") == 0 {
				change.Set = append(change.Set, storage.Assign{Field: c.DeletedAt, Value: schema.NewText("2026-01-02T03:04:05.000000Z")})
			}
			w.insert(t, change)
			page, err := w.store.Read(context.Background(), everyKey(c))
			if err != nil {
				t.Fatalf("%v", err)
			}
			known[c] = nil
			for i := range page.Rows {
				known[c] = append(known[c], page.Rows[i].Key(c))
			}
		}
	}
}

func everyKey(c *schema.Class) *storage.Query {
	q := &storage.Query{Class: c, Limit: -1, Deleted: storage.WithDeleted}
	for _, k := range c.Key {
		q.Columns = append(q.Columns, storage.Column{Field: k})
	}
	return q
}

func (w *world) same(t tester, q *storage.Query) {
	t.Helper()
	w.print.Reset()
	w.print.Select(q, nil, nil)
	want, got := w.want(t, q, nil), w.got(t, q, 0)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-reference +postgres):\n%s\n%s\n%v", diff, w.print.SQL, w.print.Args)
	}
}

func (w *world) sameCount(t tester, q *storage.Query) {
	t.Helper()
	with := *q
	with.Total, with.Expand = true, nil
	page, err := w.store.Read(context.Background(), &with)
	if err != nil {
		t.Fatalf("reference: %v", err)
	}
	w.print.Reset()
	w.print.Count(q)
	if got, _ := read(sqlgen.Kind{Kind: schema.Int}, w.run(t)[0][0]); got.Int() != page.Total {
		t.Fatalf("%s rows, want %d\n%s\n%v", got, page.Total, w.print.SQL, w.print.Args)
	}
}

// sameExpansions compares all that is expanded below a path.
func (w *world) sameExpansions(t tester, root, q *storage.Query, path []int) {
	t.Helper()
	for i := range q.Expand {
		far := &q.Expand[i].Query
		at := append(path[:len(path):len(path)], i)
		w.print.Reset()
		w.print.Expansion(root, at)
		want, got := w.want(t, root, at), w.got(t, far, sqlgen.Ordinals(root, at))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("expansion %v (-reference +postgres):\n%s\n%s\n%v", at, diff, w.print.SQL, w.print.Args)
		}
		if n := strings.Count(string(w.print.SQL), " cross join lateral "); n != len(at) {
			t.Fatalf("%d joins", n)
		}
		w.sameExpansions(t, root, far, at)
	}
}
