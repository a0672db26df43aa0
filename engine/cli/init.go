package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema/load"
)

// initCmd is `dowel init`.
type initCmd struct {
	Template string `default:"empty" placeholder:"NAME" help:"What to start from: empty, crm, blog or tracker."`
	Folder   string `arg:"" optional:"" default:"." help:"Folder to write, made when it is not there."`
}

// Run writes an application. Files that exist are never replaced.
func (c *initCmd) Run(r *run) error {
	files, err := r.template(c.Template, c.Folder)
	if err != nil {
		return err
	}
	files[".gitignore"] = []byte("data/\n.dowel/\n")
	files[".vscode/settings.json"] = []byte(editorSettings)
	if _, err := os.Lstat(filepath.Join(c.Folder, load.MainFile)); err == nil {
		return refuse(fmt.Errorf("%s is an application already: it has a %s", c.Folder, load.MainFile))
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		made, err := writeNew(filepath.Join(c.Folder, name), files[name])
		if err != nil {
			return unavailable(err)
		}
		if made {
			fmt.Fprintln(r.out, filepath.Join(c.Folder, name))
		}
	}
	path, err := r.writeEditorSchema(c.Folder, ".")
	if err != nil {
		return unavailable(err)
	}
	fmt.Fprintln(r.out, path)
	r.note("next: dowel dev %s", c.Folder)
	return nil
}

// template returns the files of a template by their names.
func (r *run) template(name, folder string) (map[string][]byte, error) {
	files := map[string][]byte{}
	if name == "empty" {
		files[load.MainFile] = fmt.Appendf(nil, emptySchema, titleOf(folder))
		files[testFolder+"/tasks.test.yaml"] = []byte(emptyTest)
		return files, nil
	}
	t := r.app.Templates[name]
	if t == nil {
		known := append(slices.Sorted(maps.Keys(r.app.Templates)), "empty")
		return nil, misuse("unknown template `%s`%s", name, didYouMean(name, known))
	}
	err := fs.WalkDir(t, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name], err = fs.ReadFile(t, name)
		return err
	})
	return files, err
}

// writeNew writes a file unless there is one, and reports whether it did.
func writeNew(path string, content []byte) (bool, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := f.Write(content); err != nil {
		f.Close()
		return false, err
	}
	return true, f.Close()
}

// titleOf names an application after its folder.
func titleOf(folder string) string {
	abs, err := filepath.Abs(folder)
	if err != nil || filepath.Base(abs) == string(filepath.Separator) {
		return "My application"
	}
	base := filepath.Base(abs)
	return strings.ToUpper(base[:1]) + base[1:]
}

// emptySchema is the least application that does something.
const emptySchema = `dowel: 1
app: {title: %q}

classes:
  # A class is a collection of the API: this one is at /api/tasks.
  task:
    doc: Something to be done.
    search: [title]
    fields:
      # A field is required unless it says optional.
      title: string max=200
      done: bool default=false
      due_on: date optional
    # Nobody may do anything that is not allowed here. To let people log in,
    # add a class with auth: and name its roles instead of anyone.
    allow: {all: anyone}
`

// emptyTest holds what emptySchema promises.
const emptyTest = `# dowel test runs this in memory. A sentence says who can or cannot do what:
policy:
  - anyone can read, write, delete task

# and a step sends a request, with what is expected of the answer.
http:
  - name: a task is made, and is not done
    post: /api/tasks
    body: {title: Write a schema}
    expect: {status: 201, body: {title: Write a schema, done: false}}
`

const editorSettings = `{
  "yaml.schemas": {
    "./.dowel/schema.json": ["dowel.yaml", "schema/*.yaml"]
  }
}
`
