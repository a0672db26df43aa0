package observe_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	"github.com/dowel-dev/dowel/storage/observe"
	st "github.com/dowel-dev/dowel/storage/storagetest"
)

type requestKey struct{}

func TestEveryCallIsReported(t *testing.T) {
	s := st.Schema(st.Class("shelf", st.Text("name", st.Unique)), st.Class("book", st.Text("title"), st.Ref("shelf", "shelf", "books")))
	shelf, book := s.Class("shelf"), s.Class("book")
	inner, err := memory.New(s)
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	store := observe.Store(inner, func(ctx context.Context, c observe.Call) {
		class := "-"
		if c.Class != nil {
			class = c.Class.Name
		}
		if c.Took < 0 {
			t.Errorf("%s took %v", c.Op, c.Took)
		}
		calls = append(calls, fmt.Sprint(ctx.Value(requestKey{}), ": ", c.Op, " ", class, " tx=", c.Tx, " rows=", c.Rows, " failed=", c.Err != nil))
	})
	ctx := context.WithValue(t.Context(), requestKey{}, "req")

	boom := errors.New("boom")
	err = store.Write(ctx, func(tx storage.Tx) error {
		name := storage.Assign{Field: shelf.Field("name"), Value: schema.NewText("a")}
		if _, err := tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: shelf, Set: []storage.Assign{name}}); err != nil {
			return err
		}
		refused := tx.Savepoint(ctx, func() error {
			_, err := tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: shelf, Set: []storage.Assign{name}})
			return err
		})
		if refused == nil {
			t.Error("not refused")
		}
		for _, title := range []string{"x", "y"} {
			set := []storage.Assign{{Field: book.Field("title"), Value: schema.NewText(title)}, {Field: book.Field("shelf"), Value: schema.NewInt(1)}}
			if _, err := tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: book, Set: set}); err != nil {
				return err
			}
		}
		_, err := tx.Counters(ctx, s.Classes)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	q := &storage.Query{Class: shelf, Limit: -1, Expand: []storage.Expand{{Rel: shelf.Relation("books"), Query: storage.Query{Class: book, Limit: -1}}}}
	if _, err := store.Read(ctx, q); err != nil {
		t.Fatal(err)
	}
	if err := store.Write(ctx, func(storage.Tx) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	want := []string{
		"req: insert shelf tx=true rows=1 failed=false",
		"req: insert shelf tx=true rows=0 failed=true",
		"req: insert book tx=true rows=1 failed=false",
		"req: insert book tx=true rows=1 failed=false",
		"req: counters - tx=true rows=0 failed=false",
		"req: write - tx=false rows=3 failed=false",
		"req: read shelf tx=false rows=3 failed=false",
		"req: write - tx=false rows=0 failed=true",
	}
	if d := cmp.Diff(want, calls); d != "" {
		t.Error(d)
	}
}
