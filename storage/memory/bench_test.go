package memory_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	st "github.com/dowel-dev/dowel/storage/storagetest"
)

// ledger is a store of 100 customers with 20 orders each.
func ledger(b *testing.B) (*memory.Store, *schema.Schema) {
	s := st.Schema(
		st.Class("customer", st.Text("name"), st.Of("email", "email", st.Unique)),
		st.Class("order", st.Text("number", st.Unique), st.Of("int", "total"), st.Ref("customer", "customer", "orders")),
	)
	store, err := memory.New(s)
	if err != nil {
		b.Fatal(err)
	}
	err = store.Write(b.Context(), func(tx storage.Tx) error {
		for c := range 100 {
			if err := insert(b, tx, s.Class("customer"), "name", fmt.Sprint("c", c), "email", fmt.Sprintf("c%d@x.io", c)); err != nil {
				return err
			}
			for o := range 20 {
				if err := insert(b, tx, s.Class("order"), "number", fmt.Sprint(c, "-", o), "total", o, "customer", c+1); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return store, s
}

func insert(b *testing.B, tx storage.Tx, c *schema.Class, pairs ...any) error {
	change := &storage.Change{Op: storage.Insert, Class: c}
	for i := 0; i < len(pairs); i += 2 {
		f := c.Field(pairs[i].(string))
		change.Set = append(change.Set, storage.Assign{Field: f, Value: st.Value(f.Type, pairs[i+1])})
	}
	_, err := tx.Apply(b.Context(), change)
	return err
}

func columns(c *schema.Class) (cs []storage.Column) {
	for _, f := range c.Fields {
		cs = append(cs, storage.Column{Field: f})
	}
	return cs
}

func byID(c *schema.Class) []storage.Order {
	return []storage.Order{{By: st.Path(c, "id")}}
}

func BenchmarkRead(b *testing.B) {
	store, s := ledger(b)
	customer, order := s.Class("customer"), s.Class("order")
	queries := []struct {
		name  string
		query storage.Query
	}{
		{"by key", storage.Query{Class: order, Key: []schema.Value{schema.NewInt(77)}, Columns: columns(order), Limit: 1}},
		{"page of 20 of 2000", storage.Query{Class: order, Columns: columns(order), Order: byID(order), Limit: 20}},
		{"filter through a reference", storage.Query{Class: order, Columns: columns(order), Order: byID(order), Limit: 20,
			Where: st.Is("customer.name", "=", "c50")(order)}},
		{"20 with 20 each", storage.Query{Class: customer, Columns: columns(customer), Order: byID(customer), Limit: 20,
			Expand: []storage.Expand{{Rel: customer.Relation("orders"), Query: storage.Query{Class: order, Columns: columns(order), Order: byID(order), Limit: 20}}}}},
	}
	for _, q := range queries {
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := store.Read(b.Context(), &q.query); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	b.Run("insert", func(b *testing.B) {
		store, s := ledger(b)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			err := store.Write(b.Context(), func(tx storage.Tx) error {
				return insert(b, tx, s.Class("order"), "number", fmt.Sprint("n", i), "total", 1, "customer", 1)
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("update", func(b *testing.B) {
		store, s := ledger(b)
		c := s.Class("order")
		change := &storage.Change{Op: storage.Update, Class: c, Key: []schema.Value{schema.NewInt(77)},
			Set: []storage.Assign{{Field: c.Field("total"), Value: schema.NewInt(5)}}}
		b.ReportAllocs()
		for b.Loop() {
			err := store.Write(context.Background(), func(tx storage.Tx) error { _, err := tx.Apply(context.Background(), change); return err })
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
