package cli

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dowel-dev/dowel/authz"
)

// policyExportCmd is `dowel policy export`.
type policyExportCmd struct {
	To     string `placeholder:"FOLDER" help:"Write model.conf and policy.csv into this folder; files that exist are not replaced. Without it policy.csv is printed."`
	Model  bool   `help:"Print model.conf instead."`
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

// Run writes the rules as they work out, a line for each role, class and verb.
func (c *policyExportCmd) Run(r *run) error {
	p, err := r.load(c.Folder, false)
	if err != nil {
		return err
	}
	var policy bytes.Buffer
	w := csv.NewWriter(&policy)
	for _, line := range p.rules.Export() {
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	files := []struct {
		name    string
		content []byte
	}{{"model.conf", []byte(authz.ExportModel)}, {"policy.csv", policy.Bytes()}}
	if c.To == "" {
		content := files[1].content
		if c.Model {
			content = files[0].content
		}
		_, err := r.out.Write(content)
		return err
	}
	if same(c.To, p.folder) {
		return refuse(errors.New("what is exported is not what Dowel reads: a model.conf in the application's own folder would replace its rules"), "choose another folder")
	}
	for _, f := range files {
		path := filepath.Join(c.To, f.name)
		made, err := writeNew(path, f.content)
		if err != nil {
			return unavailable(err)
		}
		if !made {
			return refuse(fmt.Errorf("%s exists already", path))
		}
		fmt.Fprintln(r.out, path)
	}
	return nil
}

// same reports whether two paths are one folder.
func same(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}
