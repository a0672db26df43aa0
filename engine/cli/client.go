package cli

import (
	"bytes"
	"errors"
	"fmt"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/client"
	"github.com/dowel-dev/dowel/engine/openapi"
)

// clientCmd is `dowel client`.
type clientCmd struct {
	Language string `arg:"" enum:"go,ts" help:"The language: ${enum}."`
	Output   string `short:"o" name:"output" placeholder:"DIR" help:"Write client.go or client.ts to this folder instead of stdout."`
	Check    bool   `help:"Write nothing; exit 1 unless the file in DIR is what would be written."`
	Package  string `placeholder:"NAME" help:"Name of the package in Go, default that of DIR."`
	Folder   string `arg:"" optional:"" default:"." help:"The application."`
}

// Run writes a client of the application.
func (c *clientCmd) Run(r *run) error {
	if c.Check && c.Output == "" {
		return misuse("--check needs -o DIR: the folder of the client to check")
	}
	pkg, err := c.packageName()
	if err != nil {
		return err
	}
	p, err := r.load(c.Folder, false)
	if err != nil {
		return err
	}
	if p.cfg, err = r.readConfig(p.folder, nil); err != nil {
		return err
	}
	doc, err := engine.OpenAPI(p.cfg.Engine, p.schema, p.rules, r.app.Program, openapi.Plain)
	if err != nil {
		return err
	}
	app := client.App{Schema: p.schema, Document: doc}
	var text []byte
	if c.Language == "go" {
		text, err = client.Go(app, pkg)
	} else {
		text, err = client.TypeScript(app)
	}
	if err != nil {
		return refuse(err)
	}
	if c.Output == "" {
		_, err = r.out.Write(text)
		return err
	}
	file := filepath.Join(c.Output, "client."+c.Language)
	if c.Check {
		return checkFile(r, file, text)
	}
	if err := os.MkdirAll(c.Output, 0o755); err != nil {
		return unavailable(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return unavailable(err)
	}
	r.note("wrote %s", file)
	return nil
}

// packageName is what a client in Go is called.
func (c *clientCmd) packageName() (string, error) {
	if c.Package != "" {
		if !token.IsIdentifier(c.Package) {
			return "", misuse("--package %s is no name of a package in Go", c.Package)
		}
		return c.Package, nil
	}
	if c.Output != "" {
		if at, err := filepath.Abs(c.Output); err == nil && token.IsIdentifier(filepath.Base(at)) {
			return filepath.Base(at), nil
		}
	}
	return "client", nil
}

// checkFile refuses a file that is not what it should be.
func checkFile(r *run, file string, want []byte) error {
	have, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse(fmt.Errorf("there is no %s", file), "`dowel client` without --check writes it")
	case err != nil:
		return unavailable(err)
	case bytes.Equal(have, want):
		r.note("%s is up to date", file)
		return nil
	}
	at := 1
	for i := 0; i < min(len(have), len(want)) && have[i] == want[i]; i++ {
		if have[i] == '\n' {
			at++
		}
	}
	return refuse(fmt.Errorf("%s differs from the schema from line %d on", file, at), "`dowel client` without --check writes it anew")
}
