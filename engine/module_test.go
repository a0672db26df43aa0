package engine_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/schema"
)

type ping struct{ actions.Options }

func (*ping) Verb() string { return "ping" }
func (*ping) On() string   { return "book" }

type pong struct{ actions.Options }

func (*pong) Verb() string { return "ping" }
func (*pong) On() string   { return "book" }

func runPing(*actions.Ctx, *ping) (actions.None, error) { return actions.None{}, nil }

// What a module brings that does not fit the application, or another module, is refused
// at start, and both places are named.
func TestModulesThatDoNotGoTogether(t *testing.T) {
	file := func(name, text string) fstest.MapFS { return fstest.MapFS{name: {Data: []byte(text)}} }
	color := func(app *engine.App) {
		app.Type(schema.TypeDef{Name: "color", New: func(o schema.Options) (schema.Type, error) { return schema.NewType("string", o) }})
	}
	registers := func(name string, f func(*engine.App)) engine.Module {
		return engine.Module{Name: name, Register: func(app *engine.App) error { f(app); return nil }}
	}
	handles := registers("a", func(app *engine.App) { engine.Handle(app, "book.lend", touch) })
	for _, tt := range []struct {
		name    string
		modules []engine.Module
		want    []string
	}{
		{"one that fits", []engine.Module{{Name: "a", FS: file("schema/a.yaml", "classes: {book: {fields: {isbn: string optional}}}")}}, nil},
		{"of a name that is none", []engine.Module{{Name: "a/b"}}, []string{`"a/b"`, "module_test.go:"}},
		{"of one name", []engine.Module{{Name: "a"}, {Name: "a"}}, []string{"two modules are called `a`", "one of them: ", "module_test.go:"}},
		{"that says no", []engine.Module{{Name: "a", Register: func(*engine.App) error { return errors.New("no key") }}}, []string{"`a` cannot be mounted: no key", "module_test.go:"}},
		{"without a schema", []engine.Module{{Name: "a", FS: fstest.MapFS{}}}, []string{"@a", "neither dowel.yaml nor schema/*.yaml"}},
		{"with the application's field", []engine.Module{{Name: "a", FS: file("dowel.yaml", "classes: {book: {fields: {title: int}}}")}}, []string{"@a/dowel.yaml:1:", "dowel.yaml:3:"}},
		{"with each other's field", []engine.Module{
			{Name: "a", FS: file("dowel.yaml", "classes: {book: {fields: {isbn: int optional}}}")},
			{Name: "b", FS: file("dowel.yaml", "classes: {book: {fields: {isbn: int optional}}}")},
		}, []string{"@b/dowel.yaml:1:", "@a/dowel.yaml:1:"}},
		{"that gives rights on what is not its own", []engine.Module{{Name: "a", FS: fstest.MapFS{
			"dowel.yaml": {Data: []byte("classes: {pen: {fields: {ink: string}, allow: {read: anyone}}}")}, "policy.csv": {Data: []byte("p, user, book, delete, , , allow")}}}},
			[]string{"@a/policy.csv:1:10", "dowel.yaml:3:"}},
		{"with one function", []engine.Module{handles, registers("b", func(app *engine.App) { engine.Handle(app, "book.lend", send) })}, []string{"`book.lend` has two functions", "custom_test.go:", "the other function: "}},
		{"with a function for nothing", []engine.Module{handles}, []string{"which the schema does not declare", "custom_test.go:"}},
		{"with a hook for nothing", []engine.Module{registers("a", func(app *engine.App) { app.After("bok.create", nil) })}, []string{"there is no class `bok`", "module_test.go:"}},
		{"with one field type", []engine.Module{registers("a", color), registers("b", color)}, []string{"two types are called `color`", "one of them: ", "module_test.go:"}},
		{"with a type that is built in", []engine.Module{registers("a", func(app *engine.App) { app.Type(schema.TypeDef{Name: "email"}) })}, []string{"`email` is built in"}},
		{"with one action type", []engine.Module{
			registers("a", func(app *engine.App) { engine.Invoke(app, runPing) }), registers("b", func(app *engine.App) { engine.Invoke(app, runPing) }),
		}, []string{"has two functions", "one of them: "}},
		{"with one verb", []engine.Module{
			registers("a", func(app *engine.App) { engine.Invoke(app, runPing) }),
			registers("b", func(app *engine.App) { engine.Describe[*pong](app, engine.Operation{}) }),
		}, []string{"have one verb, `ping`", "one of them: "}},
		{"with one place", []engine.Module{
			registers("a", func(app *engine.App) { engine.Describe[*ping](app, engine.Operation{Method: "GET", Path: "/x"}) }),
			registers("b", func(app *engine.App) { engine.Describe[*ping](app, engine.Operation{Method: "GET", Path: "/x"}) }),
		}, []string{"two action types have the place GET /x", "one of them: "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("DOWEL_DB", "memory:")
			app := engine.New(engine.FS(file("dowel.yaml", shelf)))
			for _, m := range tt.modules {
				app.Mount(m)
			}
			e, err := app.Open(t.Context())
			if err == nil {
				if cerr := e.Close(); cerr != nil {
					t.Error(cerr)
				}
			}
			if len(tt.want) == 0 != (err == nil) {
				t.Fatalf("%v, want %q", err, tt.want)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nwant %q", err, want)
				}
			}
		})
	}
}

// A type of a module is a word of the schema, in every store.
func TestTypesOfModules(t *testing.T) {
	app := engine.New(engine.FS(fstest.MapFS{"dowel.yaml": {Data: []byte("dowel: 1\nclasses:\n  car: {fields: {paint: color optional}, allow: {all: anyone}}\n")}}))
	app.Mount(engine.Module{Name: "paint", Register: func(app *engine.App) error {
		app.Type(schema.TypeDef{Name: "color", New: func(schema.Options) (schema.Type, error) {
			return schema.NewType("string", schema.Options{Text: map[string]string{"pattern": "#[0-9a-f]{6}"}})
		}})
		return nil
	}})
	t.Setenv("DOWEL_DB", "memory:")
	e, err := app.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for content, want := range map[string]int{`{"paint": "#00ff00"}`: 201, `{"paint": "green"}`: 409} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/api/cars", strings.NewReader(content))
		r.Header.Set("Content-Type", "application/json")
		if e.Handler().ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: %d %s, want %d", content, w.Code, w.Body, want)
		}
	}
}
