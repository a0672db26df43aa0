package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/storagetest"
)

// manyThings is a store of twenty thousand rows, of which a tenth has each n.
func manyThings(t *testing.T) (*Store, *schema.Class) {
	s := storagetest.Schema(storagetest.Class("thing", storagetest.Of("int", "n")))
	store := openEmptied(t, s)
	for _, sql := range []string{
		"insert into things (_version, n) select g, g % 10 from generate_series(1, 20000) as g",
		"create index if not exists up on things (n, id)", "create index if not exists down on things (n desc, id)", "analyze things",
	} {
		if _, err := ask(context.Background(), store.writes, sql); err != nil {
			t.Fatal(err)
		}
	}
	return store, s.Class("thing")
}

// TestPlacesUseIndexes holds that a page deep in a list costs no more than the first.
func TestPlacesUseIndexes(t *testing.T) {
	t.Parallel()
	store, c := manyThings(t)
	n, id := storagetest.Path(c, "n"), storagetest.Path(c, "id")
	for _, test := range []struct {
		name  string
		order []storage.Order
		from  storage.Place
		want  string
	}{
		{"the key", []storage.Order{{By: id}}, storage.Place{Values: ints(100)}, "Index Cond: (id > '100'::bigint)"},
		{"back", []storage.Order{{By: id}}, storage.Place{Values: ints(100), Back: true}, "Index Cond: (id < '100'::bigint)"},
		{"two keys", []storage.Order{{By: n}, {By: id}}, storage.Place{Values: ints(5, 100)}, "Index Cond: (ROW(n, id) > ROW('5'::bigint, '100'::bigint))"},
		{"two keys back", []storage.Order{{By: n}, {By: id}}, storage.Place{Values: ints(5, 100), Back: true}, "Index Cond: (ROW(n, id) < ROW('5'::bigint, '100'::bigint))"},
		{"of two directions", []storage.Order{{By: n, Desc: true}, {By: id}}, storage.Place{Values: ints(5, 100)}, "Index Cond: (n <= '5'::bigint)"},
	} {
		q := &storage.Query{Class: c, Limit: 5, Order: test.order, From: &test.from, Columns: []storage.Column{{Field: c.Field("id")}}}
		sql, args := store.Explain(q)
		var given []any
		for _, a := range args {
			given = append(given, int(a.Int()))
		}
		plan, err := ask(t.Context(), store.writes, "explain (costs off) "+sql, given...)
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(plan, "\n"); !strings.Contains(text, test.want) || strings.Contains(text, "Sort") {
			t.Errorf("%s: %s\n%s", test.name, sql, text)
		}
	}
}

func ints(all ...int64) (values []schema.Value) {
	for _, n := range all {
		values = append(values, schema.NewInt(n))
	}
	return values
}

// TestEstimates holds that few rows are counted and many are guessed, by statistics and conditions.
func TestEstimates(t *testing.T) {
	t.Parallel()
	store, c := manyThings(t)
	read := func(r storage.Reader, where schema.Expr, rough bool) *storage.Page {
		t.Helper()
		page, err := r.Read(t.Context(), &storage.Query{Class: c, Where: where, Limit: 1, Total: true, Rough: rough})
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	if p := read(store, nil, true); !p.Rough || p.Total < 15_000 || p.Total > 25_000 {
		t.Errorf("of all rows: %d, rough %t", p.Total, p.Rough)
	}
	if p := read(store, storagetest.Is("n", "<", 8)(c), true); !p.Rough || p.Total < 12_000 || p.Total > 20_000 {
		t.Errorf("of most rows: %d, rough %t", p.Total, p.Rough)
	}
	if p := read(store, storagetest.Is("n", "=", 3)(c), true); p.Rough || p.Total != 2000 {
		t.Errorf("of some rows: %d, rough %t", p.Total, p.Rough)
	}
	if p := read(store, nil, false); p.Rough || p.Total != 20_000 {
		t.Errorf("exactly: %d, rough %t", p.Total, p.Rough)
	}
	err := store.Write(t.Context(), func(tx storage.Tx) error {
		if p := read(tx, nil, true); p.Rough || p.Total != 20_000 {
			t.Errorf("in a transaction: %d, rough %t", p.Total, p.Rough)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
