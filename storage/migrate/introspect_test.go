package migrate_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage/migrate"
	. "github.com/dowel-dev/dowel/storage/storagetest"
)

var sketchUpdate = flag.Bool("update-sketches", false, "write the schemas that introspection makes")

// sketched is the schema made of a database.
func (w *world) sketched(t testing.TB) (*schema.Schema, string) {
	t.Helper()
	sketch, err := migrate.Introspect(context.Background(), w.Conn)
	if err != nil {
		t.Fatal(err)
	}
	s, found := load.FS(fstest.MapFS{"dowel.yaml": {Data: []byte(sketch.Text)}}, ".", load.Options{})
	if found.HasErrors() {
		t.Fatalf("%v\n%s", found, sketch.Text)
	}
	return s, sketch.Text
}

// TestIntrospectForeign makes schemas of databases of somebody else, and adopts their tables.
func TestIntrospectForeign(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		base := filepath.Join("testdata", "foreign", "films."+w.Dialect().Name())
		sql, err := os.ReadFile(base + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		if w.isPostgres() {
			if _, err := w.Exec(context.Background(), string(sql)); err != nil {
				t.Fatal(err)
			}
		} else {
			w.script(string(sql))
		}
		s, text := w.sketched(t)
		if *sketchUpdate {
			if err := os.WriteFile(base+".yaml", []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(base + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), text); diff != "" {
			t.Error(diff)
		}
		p := w.plan(s)
		if !p.Empty() || p.Count(migrate.Adoption) == 0 {
			t.Fatal(text2(p))
		}
		if _, err := migrate.Apply(context.Background(), w.Conn, p, migrate.Allow{}); err != nil {
			t.Fatal(err)
		}
		if p := w.plan(s); len(p.Steps) > 0 {
			t.Fatalf("after adoption:\n%s%s", text2(p), scripts(p))
		}
		// What was made of adopted tables is made of them again.
		again, second := w.sketched(t)
		if diff := cmp.Diff(text, second); diff != "" {
			t.Errorf("introspected once more:\n%s", diff)
		}
		if p := w.plan(again); len(p.Steps) > 0 {
			t.Fatal(text2(p))
		}
	})
}

func text2(p *migrate.Plan) string { return text(p) + scripts(p) }

// script runs statements of which some hold semicolons.
func (w *world) script(sql string) {
	w.Helper()
	for statement := range strings.SplitSeq(sql, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := w.Exec(context.Background(), statement); err != nil {
			w.Fatalf("%s: %v", statement, err)
		}
	}
}

// TestIntrospectOwn makes random schemas, their tables, and schemas of these again.
func TestIntrospectOwn(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := flag.Set("rapid.checks", "25"); err != nil {
			t.Fatal(err)
		}
	}
	worlds(t, func(t *testing.T, _ *world) {
		rapid.Check(t, func(rt *rapid.T) {
			w := newSQLite(t)
			if strings.Contains(t.Name(), "postgres") {
				w = newPostgres(t)
			}
			s := DrawSchema(rt)
			asLoaded(s)
			defer func() {
				if w.pg != nil {
					w.pg.Close(context.Background())
				}
			}()
			for _, sql := range migrate.Desired(s, w.Dialect()).DDL() {
				if _, err := w.Exec(context.Background(), sql); err != nil {
					rt.Fatal(err)
				}
			}
			again, text := w.sketched(t)
			if p := w.plan(again); len(p.Steps) > 0 {
				rt.Fatalf("%s\n%s", text2(p), text)
			}
		})
	})
}

// asLoaded gives a drawn schema the names and checks that one from a file would have.
func asLoaded(s *schema.Schema) {
	for _, c := range s.Classes {
		c.Checks = nil
		c.Uniques = slices.DeleteFunc(c.Uniques, func(x *schema.Index) bool {
			return slices.ContainsFunc(x.Fields, func(f *schema.Field) bool { return f.Ref == nil && !f.Type.Traits().Unique })
		})
		for _, f := range c.Fields {
			if m := f.Many; m != nil {
				m.Own, m.Other = c.Name+"_id", m.To.Name+"_id"
				if m.Own == m.Other {
					m.Other = f.Name + "_id"
				}
			}
		}
	}
}
