package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
)

// A recorder notes every change of wanted classes with the row before and after, those of
// rows that go along, and nothing that was undone.
func TestRecorder(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open func(s *schema.Schema) (storage.Store, error)) {
		s := recordedSchema(t)
		if open == nil {
			open = func(s *schema.Schema) (storage.Store, error) { return memory.New(s) }
		}
		store, err := open(s)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		wanted := actions.NewWanted(s, func(c *schema.Class) bool { return c.Name != "house" && c.Name != "tag" })
		undone := errors.New("undone")
		var said []string
		record := func(do func(ctx context.Context, tx storage.Tx, apply func(c storage.Change)) error) {
			t.Helper()
			said = nil
			err := store.Write(t.Context(), func(tx storage.Tx) error {
				r := actions.NewRecorder(tx, wanted)
				err := do(t.Context(), r, func(c storage.Change) {
					t.Helper()
					if _, err := r.Apply(t.Context(), &c); err != nil {
						t.Fatal(err)
					}
				})
				said = nil
				for _, c := range r.Changes() {
					said = append(said, sayRecorded(&c))
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		expect := func(want ...string) {
			t.Helper()
			got := slices.Clone(said)
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
		}
		set := func(class string, pairs ...any) []storage.Assign {
			var out []storage.Assign
			for i := 0; i < len(pairs); i += 2 {
				a := storage.Assign{Field: s.Class(class).Field(pairs[i].(string))}
				switch v := pairs[i+1].(type) {
				case int:
					a.Value = schema.NewInt(int64(v))
				case string:
					a.Value = schema.NewText(v)
				}
				out = append(out, a)
			}
			return out
		}
		insert := func(class string, pairs ...any) storage.Change {
			return storage.Change{Op: storage.Insert, Class: s.Class(class), Set: set(class, pairs...)}
		}
		of := func(op storage.Op, class string, id int, pairs ...any) storage.Change {
			return storage.Change{Op: op, Class: s.Class(class), Key: []schema.Value{schema.NewInt(int64(id))}, Set: set(class, pairs...), Deleted: storage.WithDeleted}
		}
		links := func(c storage.Change, field string, ids ...int) storage.Change {
			l := storage.Links{Field: c.Class.Field(field), Replace: true}
			for _, id := range ids {
				l.Add = append(l.Add, schema.NewInt(int64(id)))
			}
			c.Links = []storage.Links{l}
			return c
		}

		record(func(ctx context.Context, tx storage.Tx, apply func(storage.Change)) error {
			apply(insert("house", "id", 1, "name", "H"))
			apply(insert("tag", "id", 1, "name", "red"))
			apply(insert("tag", "id", 2, "name", "tall"))
			apply(links(insert("room", "id", 1, "name", "hall", "house", 1), "tags", 1, 2))
			apply(insert("room", "id", 2, "name", "attic", "house", 1))
			apply(insert("chair", "id", 1, "name", "stool", "room", 1, "house", 1))
			c := links(of(storage.Update, "room", 2), "tags", 2)
			c.Final = true // another change follows all the same
			apply(c)
			apply(of(storage.Update, "chair", 1, "name", "throne"))
			return nil
		})
		expect("create room 1: → hall 1 [red tall]", "create room 2: → attic 1 []", "create chair 1: → stool 1 1",
			"update room 2: attic 1 [] → attic 1 [tall]", "update chair 1: stool 1 1 → throne 1 1")

		// Of what is undone nothing is noted, nor of what failed.
		record(func(ctx context.Context, tx storage.Tx, apply func(storage.Change)) error {
			apply(of(storage.Update, "chair", 1, "name", "kept"))
			err := tx.Savepoint(ctx, func() error {
				apply(of(storage.Update, "chair", 1, "name", "lost"))
				if err := tx.Savepoint(ctx, func() error { apply(of(storage.Update, "room", 1, "name", "lost")); return nil }); err != nil {
					return err
				}
				return undone
			})
			if !errors.Is(err, undone) {
				return fmt.Errorf("the savepoint says %w", err)
			}
			if err := tx.Savepoint(ctx, func() error {
				c := insert("chair", "id", 1, "name", "twice", "house", 1)
				_, err := tx.Apply(ctx, &c)
				return err
			}); err == nil {
				return errors.New("a key that is taken is no error")
			}
			return nil
		})
		expect("update chair 1: throne 1 1 → kept 1 1")

		// A tag that goes is a write of the rooms that had it; it itself is not wanted.
		record(func(ctx context.Context, tx storage.Tx, apply func(storage.Change)) error {
			apply(of(storage.Delete, "tag", 2))
			return nil
		})
		expect("update room 1: hall 1 [red tall] → hall 1 [red]", "update room 2: attic 1 [tall] → attic 1 []")

		// Rooms are deleted softly, and that changes nothing of what points at them.
		record(func(ctx context.Context, tx storage.Tx, apply func(storage.Change)) error {
			apply(of(storage.SoftDelete, "room", 1, "deleted_at", "2026-11-21T12:00:00Z"))
			return nil
		})
		expect("delete room 1: hall 1 [red] → hall 1 [red] (deleted)")
		record(func(ctx context.Context, tx storage.Tx, apply func(storage.Change)) error {
			apply(of(storage.Restore, "room", 1, "deleted_at", nil))
			return nil
		})
		expect("restore room 1: hall 1 [red] (deleted) → hall 1 [red]")

		// With the house its rooms go, and the chair that stood in one loses it; the house is not wanted.
		record(func(ctx context.Context, tx storage.Tx, apply func(storage.Change)) error {
			apply(of(storage.Update, "chair", 1, "house", nil))
			apply(of(storage.Delete, "house", 1))
			return nil
		})
		expect("update chair 1: kept 1 1 → kept 1 -", "update chair 1: kept 1 - → kept - -",
			"delete room 1: hall 1 [red] →", "delete room 2: attic 1 [] →")
	})
}

func recordedSchema(t *testing.T) *schema.Schema {
	t.Helper()
	s, found := load.FS(fstest.MapFS{"dowel.yaml": {Data: []byte(`dowel: 1
defaults: {timestamps: false}
classes:
  house: {fields: {name: string}, allow: {all: anyone}}
  tag: {fields: {name: slug unique}, allow: {all: anyone}}
  room:
    soft_delete: true
    fields: {name: string, house: house on_delete=cascade, tags: {many: tag, by: name}}
    allow: {all: anyone}
  chair:
    fields: {name: string, room: room optional on_delete=set_null, house: house optional on_delete=restrict}
    allow: {all: anyone}
`)}}, ".", load.Options{})
	if s == nil {
		t.Fatal(found)
	}
	return s
}

func sayRecorded(c *actions.Recorded) string {
	row := func(r *storage.Row) string {
		if r == nil {
			return ""
		}
		var words []string
		for _, f := range c.Class.Fields {
			switch v := r.Values[f.Index]; {
			case f == c.Class.Key[0]:
			case f == c.Class.DeletedAt:
				if !v.IsNull() {
					words = append(words, "(deleted)")
				}
			case v.IsNull():
				words = append(words, "-")
			case f.Many != nil:
				words = append(words, strings.NewReplacer(`"`, "", ",", " ").Replace(v.Text()))
			case f.Type.Kind() == schema.Int:
				words = append(words, fmt.Sprint(v.Int()))
			default:
				words = append(words, v.Text())
			}
		}
		return strings.Join(words, " ")
	}
	text := fmt.Sprintf("%s %s %s: %s → %s", c.Verb, c.Class.Name, schema.FormatKey(c.Class, c.Key), row(c.Before), row(c.After))
	return strings.Join(strings.Fields(text), " ")
}
