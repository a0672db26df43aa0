package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/openapi"
)

// openapiCmd is `dowel openapi`.
type openapiCmd struct {
	File    string `name:"output" short:"o" placeholder:"FILE" help:"Write to this file instead of stdout."`
	Version string `default:"3.1" enum:"3.0,3.1" placeholder:"3.0|3.1" help:"3.1 says everything; 3.0 the plainest form of it, for generators of clients."`
	Folder  string `arg:"" optional:"" default:"." help:"The application."`
}

// Run prints the document that /openapi.json (3.1) or /openapi-3.0.json serves.
func (c *openapiCmd) Run(r *run) error {
	p, err := r.load(c.Folder, false)
	if err != nil {
		return err
	}
	if p.cfg, err = r.readConfig(p.folder, nil); err != nil {
		return err
	}
	raw, err := engine.OpenAPI(p.cfg.Engine, p.schema, p.rules, r.app.Program, openapi.Edition(c.Version))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return fmt.Errorf("the document is no JSON: %w", err)
	}
	if c.File == "" {
		_, err = r.out.Write(out.Bytes())
		return err
	}
	if err := os.WriteFile(c.File, out.Bytes(), 0o644); err != nil {
		return unavailable(err)
	}
	return nil
}
