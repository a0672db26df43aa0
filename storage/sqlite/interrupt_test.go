package sqlite_test

import (
	"context"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	. "github.com/dowel-dev/dowel/storage/storagetest"
)

// A reader whose caller leaves in the middle of a snapshot must serve the next one.
func TestReaderSurvivesInterruption(t *testing.T) {
	s := Schema(Class("item", Text("name")), Class("other", Text("name")))
	item, other := s.Class("item"), s.Class("other")
	store := openAt(t, t.TempDir()+"/app.db", s, fast)
	err := store.Write(context.Background(), func(tx storage.Tx) error {
		for range 3000 {
			set := []storage.Assign{{Field: item.Field("name"), Value: schema.NewText("some name that is looked at")}}
			if _, err := tx.Apply(context.Background(), &storage.Change{Op: storage.Insert, Class: item, Set: set}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// Patterns that no row matches, over and over: slow on purpose.
	name := &schema.Path{Field: item.Field("name"), Type: item.Field("name").Type}
	slow := schema.Or{}
	for range 50 {
		slow = append(slow, schema.Like{X: name, Pattern: "*a*e*a*k*x*"})
	}
	q := &storage.Query{Class: item, Where: slow, Limit: 10, Total: true, Watch: []*schema.Class{item, other}}
	interrupted := 0
	for range 8 {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		if _, err := store.Read(ctx, q); err != nil {
			interrupted++
		}
		cancel()
	}
	if interrupted == 0 {
		t.Fatal("no read was interrupted; the query is too fast for this test")
	}
	for range 8 {
		quick := &storage.Query{Class: item, Limit: 1, Total: true, Watch: []*schema.Class{item}}
		if _, err := store.Read(context.Background(), quick); err != nil {
			t.Fatalf("after %d interruptions: %v", interrupted, err)
		}
	}
}
