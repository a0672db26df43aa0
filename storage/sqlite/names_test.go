package sqlite_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	store "github.com/dowel-dev/dowel/storage/sqlite"
	. "github.com/dowel-dev/dowel/storage/storagetest"
)

// FuzzNames puts any text where names of the schema and values of clients go.
// Names become quoted identifiers, values never become SQL.
func FuzzNames(f *testing.F) {
	for _, seed := range [][2]string{
		{"select", `'; drop table "x"; --`},
		{`a"b`, `"`}, {`x"; drop table "notes`, "%_*\\"}, {"order by", "+?1"}, {"naïve ☃", "?2"}, {"[x]", "`"}, {"a.b", "null"}, {"rowid", "$a :b @c"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if !usableName(name) || !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return // no name that a schema can have
		}
		s := Schema(
			Class("note", Text("text", Unique), Text("other", Optional), Ref("parent", "note", "children", Optional, SetNull), Many("tags", "tag", "text", ""), Object("box", []string{"in"}, Optional)),
			Class("tag", Text("text")),
		)
		note, tag := s.Classes[0], s.Classes[1]
		note.Table, note.Field("text").Column, note.Field("other").Column = name, name+"1", name+"2"
		tag.Table = name + "3"
		many := note.Field("tags").Many
		many.Table, many.Own, many.Other = name+"4", name+"5", name+"6"
		// Beside them stands a table that no statement mentions.
		path := filepath.Join(t.TempDir(), "app.db")
		st := openAt(t, path, s, fast)
		execute(t, path, "create table witness (x); insert into witness values (1)")
		ctx := context.Background()
		id := insert(t, st, tag, value).Values[0]
		row := new(storage.Row)
		err := st.Write(ctx, func(tx storage.Tx) (err error) {
			row, err = tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: note,
				Set:   []storage.Assign{{Field: note.Field("text"), Value: schema.NewText(value)}, {Field: note.Field("other"), Value: schema.NewText(name)}},
				Links: []storage.Links{{Field: note.Field("tags"), Add: []schema.Value{id}}}})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		lit := schema.Lit{Value: schema.NewText(value)}
		text := &schema.Path{Field: note.Field("text"), Type: note.Field("text").Type}
		tags := note.Field("tags")
		var columns []storage.Column
		for _, field := range note.Fields {
			columns = append(columns, storage.Column{Field: field})
		}
		page, err := st.Read(ctx, &storage.Query{Class: note, Limit: -1, Columns: columns, Total: true,
			Where: schema.And{
				schema.Compare{Op: schema.Eq, Left: text, Right: lit},
				schema.In{X: text, List: []schema.Operand{lit, schema.Lit{Value: schema.NewText(name)}}},
				schema.Like{X: text, Pattern: escapeLike(value)},
				schema.Contains{X: &schema.Path{Field: tags, Type: tags.Type}, Item: lit},
				schema.Not{X: schema.Exists{Rel: note.Relation("children"), Where: schema.Const(true)}},
				schema.IsNull{X: &schema.Path{Field: note.Field("box"), Member: []string{"in"}, Type: note.Field("text").Type}},
			},
			Order:  []storage.Order{{By: text}},
			Expand: []storage.Expand{{Rel: note.Relation("tags"), Query: storage.Query{Class: tag, Limit: -1}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Rows) != 1 || page.Rows[0].Values[1].Text() != value || len(page.Rows[0].Expanded[0]) != 1 {
			t.Fatalf("%d rows", len(page.Rows))
		}
		if err := st.Write(ctx, func(tx storage.Tx) error {
			_, err := tx.Apply(ctx, &storage.Change{Op: storage.Delete, Class: note, Key: []schema.Value{row.Values[0]}})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got := execute(t, path, "select count(*) from witness"); got != "1" {
			t.Error("the witness is gone")
		}
	})
}

// usableName leaves out what SQLite itself keeps or cannot tell apart.
func usableName(name string) bool {
	lower := strings.ToLower(name)
	return name != "" && len(name) < 100 && utf8.ValidString(name) && !strings.ContainsRune(name, 0) &&
		!strings.HasPrefix(lower, "sqlite_") && lower != "witness" && lower != "id" && !strings.HasPrefix(lower, "_dowel")
}

func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`).Replace(s)
}

// TestFewStatements runs with a cache of statements that is always full.
func TestFewStatements(t *testing.T) {
	t.Parallel()
	o := fast
	o.Statements = 8
	Run(t, func(t testing.TB, s *schema.Schema) storage.Store {
		return openAt(t, filepath.Join(t.TempDir(), "app.db"), s, o)
	})
}

func TestExplain(t *testing.T) {
	s := shopSchema()
	st := openAt(t, filepath.Join(t.TempDir(), "app.db"), s, fast)
	c := s.Classes[0]
	status := c.Field("status")
	sql, args := st.Explain(&storage.Query{Class: c, Limit: 20, Columns: []storage.Column{{Field: c.Fields[0]}},
		Where: schema.Compare{Op: schema.Eq, Left: &schema.Path{Field: status, Type: status.Type}, Right: schema.Lit{Value: schema.NewText("active")}}})
	want := `select t0."_version", t0."id" from "customers" as t0 where t0."status" = +?1 order by t0."id" limit +?2`
	if sql != want || len(args) != 2 || args[0].Text() != "active" || args[1].Int() != 20 {
		t.Errorf("got %s %v", sql, args)
	}
}

// TestRowsOfOthers: rows put into the file by hand are numbered around and versioned.
func TestRowsOfOthers(t *testing.T) {
	s := noteSchema()
	path := filepath.Join(t.TempDir(), "app.db")
	st := openAt(t, path, s, fast)
	execute(t, path, "insert into notes (id, text) values (10, 'theirs')")
	row := insert(t, st, s.Classes[0], "ours")
	if row.Values[0].Int() != 11 || row.Version != 2 {
		t.Errorf("id %d, version %d", row.Values[0].Int(), row.Version)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	if _, err := store.Open(filepath.Join(t.TempDir(), "app.db"), noteSchema(), store.Options{Sync: "off; drop"}); err == nil {
		t.Error("no error")
	}
	if _, err := store.Open(filepath.Join(t.TempDir(), "x\x00y"), noteSchema(), store.Options{}); err == nil {
		t.Error("no error")
	}
}
