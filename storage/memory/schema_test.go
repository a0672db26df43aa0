package memory_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	st "github.com/dowel-dev/dowel/storage/storagetest"
)

// write inserts one row into a store of the schema.
func write(t *testing.T, store storage.Store, c *schema.Class, pairs ...any) {
	t.Helper()
	change := &storage.Change{Op: storage.Insert, Class: c}
	for i := 0; i < len(pairs); i += 2 {
		f := c.Field(pairs[i].(string))
		change.Set = append(change.Set, storage.Assign{Field: f, Value: st.Value(f.Type, pairs[i+1])})
	}
	err := store.Write(t.Context(), func(tx storage.Tx) error { _, err := tx.Apply(t.Context(), change); return err })
	if err != nil {
		t.Fatal(err)
	}
}

func texts(t *testing.T, store storage.Store, c *schema.Class, field string) (out []string) {
	t.Helper()
	f := c.Field(field)
	p, err := store.Read(t.Context(), &storage.Query{Class: c, Limit: -1, Columns: []storage.Column{{Field: f}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Rows {
		out = append(out, r.Values[f.Index].String())
	}
	return out
}

func TestUse(t *testing.T) {
	for _, test := range []struct {
		name     string
		field    st.Part // of the new revision
		as       string
		wantText []string
	}{
		{"a field that stays keeps its values", st.Text("size", st.Optional), "size", []string{"12", "x"}},
		{"a renamed field keeps its values", st.Text("width", st.Optional, st.Was("size")), "width", []string{"12", "x"}},
		{"values the new type can read are read anew, others are null", st.Of("int", "size", st.Optional), "size", []string{"12", ""}},
		{"a new field is null", st.Text("colour", st.Optional), "colour", []string{"", ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			old := st.Schema(st.Class("box", st.Text("size", st.Optional)))
			store, err := memory.New(old)
			if err != nil {
				t.Fatal(err)
			}
			write(t, store, old.Class("box"), "size", "12")
			write(t, store, old.Class("box"), "size", "x")
			next := st.Schema(st.Class("box", test.field))
			if err := store.Use(next); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.wantText, texts(t, store, next.Class("box"), test.as)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestUseRefusesRowsThatBreakANewUniqueIndex(t *testing.T) {
	old := st.Schema(st.Class("box", st.Text("size")))
	store, err := memory.New(old)
	if err != nil {
		t.Fatal(err)
	}
	write(t, store, old.Class("box"), "size", "12")
	write(t, store, old.Class("box"), "size", "12")
	var unique *storage.UniqueError
	if err := store.Use(st.Schema(st.Class("box", st.Text("size", st.Unique)))); !errors.As(err, &unique) {
		t.Errorf("got %v", err)
	}
	if d := cmp.Diff([]string{"12", "12"}, texts(t, store, old.Class("box"), "size")); d != "" {
		t.Errorf("the old schema is no longer served: %s", d)
	}
}

func TestClassesOfAnotherRevisionAreRefused(t *testing.T) {
	one, two := st.Schema(st.Class("box", st.Text("size"))), st.Schema(st.Class("box", st.Text("size")))
	store, err := memory.New(one)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Read(t.Context(), &storage.Query{Class: two.Class("box")}); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
