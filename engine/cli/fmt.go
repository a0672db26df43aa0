package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/format"
	"github.com/dowel-dev/dowel/schema/load"
)

// fmtCmd is `dowel fmt`.
type fmtCmd struct {
	Check  bool   `help:"Change nothing; exit 1 when a file would change."`
	Folder string `arg:"" optional:"" default:"." help:"The application, one file, or - for stdin to stdout."`
}

// Run lays out every schema file and prints the names of those that change.
func (c *fmtCmd) Run(r *run) error {
	if c.Folder == "-" {
		return c.stdin(r)
	}
	folder, root, err := place(c.Folder)
	if err != nil {
		return err
	}
	files := []string{root}
	if root == "." {
		files = load.Files(os.DirFS(folder), root)
	}
	if len(files) == 0 {
		return refuse(fmt.Errorf("%s has no schema: neither %s nor schema/*.yaml", c.Folder, load.MainFile))
	}
	changed := 0
	var found diag.List
	for _, file := range files {
		path := under(folder, file)
		source, err := os.ReadFile(path)
		if err != nil {
			return unavailable(err)
		}
		laid, list := format.Source(path, source)
		found = append(found, list...)
		if bytes.Equal(laid, source) {
			continue
		}
		changed++
		fmt.Fprintln(r.out, path)
		if c.Check {
			continue
		}
		if err := replace(path, laid); err != nil {
			return unavailable(err)
		}
	}
	if err := r.show(found); err != nil {
		return err
	}
	if len(found) > 0 || c.Check && changed > 0 {
		return reported(exitFindings)
	}
	return nil
}

func (c *fmtCmd) stdin(r *run) error {
	source, err := io.ReadAll(r.in)
	if err != nil {
		return unavailable(err)
	}
	laid, found := format.Source("stdin", source)
	if len(found) > 0 {
		if err := diag.Text(r.err, found, func(string) ([]byte, error) { return source, nil }, r.live); err != nil {
			return err
		}
		return reported(exitFindings)
	}
	if c.Check {
		if !bytes.Equal(laid, source) {
			return reported(exitFindings)
		}
		return nil
	}
	_, err = r.out.Write(laid)
	return err
}

// replace writes a file anew so that whoever reads it meanwhile sees the old or the new one.
func replace(path string, content []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".fmt-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	if _, err := f.Write(content); err != nil {
		f.Close()
		return err
	}
	if err := f.Chmod(info.Mode().Perm()); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
