package engine_test

import (
	"context"
	"testing"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
)

// BenchmarkCustomAction compares an action in Go, with everything that is checked
// around it, with a transaction written by hand that reads the same row. What the action costs
// beyond that is the engine's: it should stay below 10 µs.
func BenchmarkCustomAction(b *testing.B) {
	program := engine.New()
	engine.Handle(program, "order.send", func(_ *actions.Ctx, order actions.Row, in sending) (sent, error) {
		return sent{Label: order.Text("number") + in.To, Cost: "1.50"}, nil
	})
	engine.Handle(program, "order.touch", touch)
	engine.Handle(program, "order.sum", sum)
	var store storage.Store
	app := enginetest.Open(b, shop(), enginetest.Options{App: program, Store: func(s *schema.Schema) (st storage.Store, err error) {
		st, err = memory.New(s)
		store = st
		return st, err
	}})
	app.Make(b, "order", `{"number": "A"}`)
	clerk := &authz.Subject{ID: "7", Roles: []string{"clerk"}}
	b.Run("action", func(b *testing.B) {
		a := &actions.Run{Class: "order", ID: "1", Action: "send", Content: []byte(`{"to": "Ann", "times": 2}`)}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := app.Invoke(context.Background(), clerk, a); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by hand", func(b *testing.B) {
		class := app.Schema().Class("order")
		q := &storage.Query{Class: class, Key: []schema.Value{schema.NewInt(1)}, Limit: 1}
		for _, f := range class.Fields {
			if f.Stored() {
				q.Columns = append(q.Columns, storage.Column{Field: f})
			}
		}
		b.ReportAllocs()
		for b.Loop() {
			err := store.Write(context.Background(), func(tx storage.Tx) error {
				page, err := tx.Read(context.Background(), q)
				if err == nil {
					_ = page.Rows[0].Values[class.Field("number").Index].Text() + "Ann"
				}
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
