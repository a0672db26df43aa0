package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/editor"
)

// editorCmd is `dowel editor`.
type editorCmd struct {
	Stdout bool   `help:"Print the JSON Schema instead of writing files."`
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

const editorSchema = ".dowel/schema.json"

// Run writes the JSON Schema of this application's files, with its own classes
// and roles in it, and the settings by which editors find it.
func (c *editorCmd) Run(r *run) error {
	folder, root, err := place(c.Folder)
	if err != nil {
		return err
	}
	if c.Stdout {
		_, err := r.out.Write(r.editorText(folder, root))
		return err
	}
	path, err := r.writeEditorSchema(folder, root)
	if err != nil {
		return unavailable(err)
	}
	fmt.Fprintln(r.out, path)
	settings := filepath.Join(folder, ".vscode", "settings.json")
	made, err := writeNew(settings, []byte(editorSettings))
	if err != nil {
		return unavailable(err)
	}
	if made {
		fmt.Fprintln(r.out, settings)
	}
	return nil
}

func (r *run) editorText(folder, root string) []byte {
	return editor.Schema(editor.Collect(os.DirFS(folder), root), append(schema.BuiltinTypes(), r.app.Program.Parts().Types...))
}

func (r *run) writeEditorSchema(folder, root string) (path string, err error) {
	path = filepath.Join(folder, filepath.FromSlash(editorSchema))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, r.editorText(folder, root), 0o644)
}

// refreshEditor keeps the editor's schema in step while files change, where there is one.
func (p *project) refreshEditor(r *run) {
	if _, err := os.Stat(filepath.Join(p.folder, filepath.FromSlash(editorSchema))); err != nil {
		return
	}
	if _, err := r.writeEditorSchema(p.folder, p.root); err != nil {
		r.note("dowel: %v", err)
	}
}
