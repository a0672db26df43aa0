package cli

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

// genDockerCmd, genComposeCmd and genSystemdCmd print what an application is deployed with.
type (
	genDockerCmd struct {
		Folder string `arg:"" optional:"" default:"." help:"The application."`
	}
	genComposeCmd struct {
		Folder string `arg:"" optional:"" default:"." help:"The application."`
	}
	genSystemdCmd struct {
		Folder string `arg:"" optional:"" default:"." help:"The application."`
	}
)

//go:embed files/*.tmpl
var deployFiles embed.FS

var deployTemplates = template.Must(template.ParseFS(deployFiles, "files/*.tmpl"))

// Run prints a Dockerfile.
func (c *genDockerCmd) Run(r *run) error { return r.deployment(c.Folder, "Dockerfile.tmpl") }

// Run prints a compose.yaml.
func (c *genComposeCmd) Run(r *run) error { return r.deployment(c.Folder, "compose.tmpl") }

// Run prints a unit of systemd.
func (c *genSystemdCmd) Run(r *run) error { return r.deployment(c.Folder, "systemd.tmpl") }

// deployed is what the files differ in.
type deployed struct {
	Title   string
	Name    string   // of image, service and folders
	Version string   // of the program, as the Go tool names it
	Main    string   // package of a program of the application's own, "" for the stock one
	Parts   []string // of the application's folder that a server reads
	Login   bool     // a key is needed
	OwnDB   bool     // config.yaml names the database
}

func (r *run) deployment(arg, file string) error {
	p, err := r.load(arg, false)
	if err != nil {
		return err
	}
	d := deployed{Title: strings.Join(strings.Fields(p.schema.App.Title), " "), Version: "latest", Main: mainPackage(p.folder), Login: p.schema.Login != nil}
	if v := r.app.version(); released.MatchString(v) {
		d.Version = "v" + strings.TrimPrefix(v, "v")
	}
	abs, err := filepath.Abs(p.folder)
	if err != nil {
		return unavailable(err)
	}
	d.Name = slug(d.Title)
	if d.Name == "" {
		d.Name = slug(filepath.Base(abs))
	}
	if d.Name == "" {
		d.Name = "dowel-app"
	}
	if d.Title == "" {
		d.Title = d.Name
	}
	cfg := defaults()
	cfg.fromFile(p.folder)
	d.OwnDB = strings.HasPrefix(cfg.find("db").source, configFile)
	if cfg.keepsSecrets() {
		r.note("warning: %s holds secrets, which an image would carry along; they belong into the environment, or into files that DOWEL_…_FILE names", configFile)
	}
	if d.Parts, err = parts(p.folder, p.root); err != nil {
		return unavailable(err)
	}
	if err := deployTemplates.ExecuteTemplate(r.out, file, d); err != nil {
		return unavailable(err)
	}
	return nil
}

var (
	released = regexp.MustCompile(`^v?\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$`)
	unnamed  = regexp.MustCompile(`[^a-z0-9]+`)
)

// slug is a text as a name that images, units and folders may have.
func slug(text string) string {
	return strings.Trim(unnamed.ReplaceAllString(strings.ToLower(text), "-"), "-")
}

// parts are what a server reads of an application's folder: no data, no secrets, nothing that is hidden.
func parts(folder, root string) (all []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasPrefix(name, "."), name == "data", name == "tests", name == "go.mod", name == "go.sum":
		case e.IsDir():
			if reads(filepath.Join(folder, name)) {
				all = append(all, name)
			}
		case name == root, name == "model.conf", strings.HasSuffix(name, ".yaml"), strings.HasSuffix(name, ".csv"):
			if !strings.HasPrefix(name, "compose") && !strings.HasPrefix(name, "docker-compose") {
				all = append(all, name)
			}
		}
	}
	return all, nil
}

// reads reports whether a folder has something for a server: YAML, CSV, JSON lines or SQL.
func reads(folder string) (found bool) {
	_ = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || found {
			return fs.SkipDir
		}
		switch filepath.Ext(path) {
		case ".yaml", ".yml", ".csv", ".jsonl", ".sql":
			found = found || !e.IsDir()
		}
		return nil
	})
	return found
}

var mainClause = regexp.MustCompile(`(?m)^package main\b`)

// mainPackage is the program of a folder that is a Go module, "" for none.
func mainPackage(folder string) (pkg string) {
	if _, err := os.Stat(filepath.Join(folder, "go.mod")); err != nil {
		return ""
	}
	_ = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || pkg != "":
			return fs.SkipDir
		case e.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil || !mainClause.Match(source) {
			return nil
		}
		rel, err := filepath.Rel(folder, filepath.Dir(path))
		if err == nil {
			pkg = "./" + strings.TrimPrefix(filepath.ToSlash(rel), ".")
		}
		return nil
	})
	return strings.TrimSuffix(pkg, "/")
}
