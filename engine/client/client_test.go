package client_test

import (
	"bytes"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/client"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/openapi"
	"github.com/dowel-dev/dowel/schema/load"
)

// application is what a client is written of.
func application(t *testing.T, folder fs.FS) client.App {
	t.Helper()
	s, found := load.FS(folder, ".", load.Options{})
	if s == nil || found.HasErrors() {
		t.Fatal(found)
	}
	rules, found := authz.New(s, folder)
	if rules == nil || found.HasErrors() {
		t.Fatal(found)
	}
	doc, err := engine.OpenAPI(engine.Settings{}, s, rules, nil, openapi.Plain)
	if err != nil {
		t.Fatal(err)
	}
	return client.App{Schema: s, Document: doc}
}

func example(name string) fs.FS { return os.DirFS(filepath.Join("../../examples", name)) }

// odd is full of names that languages and clients have uses for themselves.
func odd(t *testing.T) fs.FS {
	raw, err := os.ReadFile("testdata/odd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"dowel.yaml": {Data: raw}}
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// crm serves the CRM with one account.
func crm(t *testing.T) string {
	app := enginetest.Open(t, example("crm"), enginetest.Options{})
	app.Make(t, "user", `{"email": "ann@example.test", "password": "correct horse battery", "name": "Ann", "role": "admin"}`)
	server := httptest.NewServer(app.Handler())
	t.Cleanup(server.Close)
	return server.URL
}

// goTool runs the Go tool in a module of its own, without a network.
func goTool(t *testing.T, dir string, args ...string) string {
	t.Helper()
	c := exec.Command("go", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=mod", "GOWORK=off", "GOTOOLCHAIN=local")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestGoClients writes the clients of all examples, which need nothing but the
// standard library, and talks to the CRM with one.
func TestGoClients(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), []byte("module clients\n\ngo 1.24\n"))
	folders := map[string]fs.FS{"odd": odd(t)}
	for _, name := range []string{"crm", "tracker", "blog", "minimal", "iso", "ratings"} {
		folders[name] = example(name)
	}
	for name, folder := range folders {
		text, err := client.Go(application(t, folder), name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, "client.go"), text)
	}
	talk, err := os.ReadFile("testdata/crm.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "main.go"), talk)
	goTool(t, dir, "vet", "./...")
	if out := goTool(t, dir, "run", ".", crm(t)); out != "all is well\n" {
		t.Error(out)
	}
}

// TestTypeScriptClients holds that the clients of all examples are TypeScript, and
// that what uses one bundles. Where there is Node, that talks to the CRM; where there is a
// compiler of TypeScript on the path, it holds the types.
func TestTypeScriptClients(t *testing.T) {
	dir := t.TempDir()
	folders := map[string]fs.FS{"odd": odd(t)}
	for _, name := range []string{"crm", "tracker", "blog", "minimal", "iso", "ratings"} {
		folders[name] = example(name)
	}
	var files []string
	for name, folder := range folders {
		text, err := client.TypeScript(application(t, folder))
		if err != nil {
			t.Fatal(err)
		}
		parsed := api.Transform(string(text), api.TransformOptions{Loader: api.LoaderTS, LogLevel: api.LogLevelSilent})
		for _, m := range append(parsed.Errors, parsed.Warnings...) {
			t.Errorf("%s: line %d: %s\n%s", name, m.Location.Line, m.Text, m.Location.LineText)
		}
		file := filepath.Join(dir, name, "client.ts")
		write(t, file, text)
		files = append(files, file)
	}
	talk, err := os.ReadFile("testdata/crm.ts.txt")
	if err != nil {
		t.Fatal(err)
	}
	main := filepath.Join(dir, "crm", "main.ts")
	write(t, main, talk)
	built := api.Build(api.BuildOptions{EntryPoints: []string{main}, Bundle: true, Write: false, Format: api.FormatESModule, Target: api.ES2022, LogLevel: api.LogLevelSilent})
	if len(built.Errors) > 0 {
		t.Fatal(built.Errors[0].Text)
	}
	if node, err := exec.LookPath("node"); err == nil {
		script := filepath.Join(dir, "main.mjs")
		write(t, script, built.OutputFiles[0].Contents)
		if out, err := exec.Command(node, script, crm(t)).CombinedOutput(); err != nil || string(out) != "all is well\n" {
			t.Errorf("%v\n%s", err, out)
		}
	}
	if tsc, err := exec.LookPath("tsc"); err == nil {
		args := append([]string{"--noEmit", "--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes", "--noImplicitOverride", "--noUnusedLocals",
			"--target", "es2022", "--lib", "es2022,dom,dom.iterable", "--module", "esnext", "--moduleResolution", "bundler", main}, files...)
		if out, err := exec.Command(tsc, args...).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// TestClientsAreStable holds that a client is the same each time, so that a check can tell drift.
func TestClientsAreStable(t *testing.T) {
	for name, of := range map[string]func(client.App) ([]byte, error){
		"Go":         func(a client.App) ([]byte, error) { return client.Go(a, "tracker") },
		"TypeScript": client.TypeScript,
	} {
		first, err := of(application(t, example("tracker")))
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if again, _ := of(application(t, example("tracker"))); !bytes.Equal(first, again) {
				t.Fatalf("the client in %s differs from one time to the next", name)
			}
		}
	}
	if _, err := client.Go(application(t, example("minimal")), "no name"); err == nil {
		t.Error("a package with a space in its name")
	}
}
