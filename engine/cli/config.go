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

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/load"
)

const configFile = "config.yaml"

// The codes of findings about settings.
const (
	codeUnknownSetting = "E070"
	codeBadSetting     = "E071"
	codeBadConfig      = "E009"
)

// effective is a setting's value with where it came from.
type effective struct {
	setting
	value  string
	source string // default, config.yaml:3:5, DOWEL_DB, DOWEL_DB_FILE, --db
}

// config is what config.yaml, the environment and flags say together. Later
// sources win, in that order.
type config struct {
	deployment
	values []effective
	list   diag.List
}

// others are DOWEL_ variables that are no settings.
var others = []string{
	"DOWEL_ADMIN_EMAIL", "DOWEL_ADMIN_PASSWORD", "DOWEL_ADMIN_PASSWORD_FILE",
	"DOWEL_PASSWORD", "DOWEL_PASSWORD_FILE",
}

func defaults() *config {
	c := &config{}
	for _, s := range settings() {
		c.values = append(c.values, effective{setting: s, value: s.initial, source: "default"})
	}
	return c
}

// configFindings is what is wrong with config.yaml alone, whatever the environment.
func configFindings(folder string) diag.List {
	c := defaults()
	c.fromFile(folder)
	return c.list
}

// readConfig puts the settings of the application in folder together. flags
// are by setting key. Everything wrong is reported at once.
func (r *run) readConfig(folder string, flags map[string]string) (*config, error) {
	c := defaults()
	c.fromFile(folder)
	c.fromEnvironment(r)
	for i := range c.values {
		e := &c.values[i]
		if v, given := flags[e.key]; given {
			e.value, e.source = v, "--"+e.flag
			if err := e.set(&deployment{}, v); err != nil {
				return nil, misuse("--%s: %v", e.flag, err)
			}
		}
	}
	if len(c.list) > 0 {
		if err := diag.Text(r.err, c.list, diag.FromFS(os.DirFS(folder)), r.live); err != nil {
			return nil, err
		}
		return nil, reported(exitFindings)
	}
	for _, e := range c.values {
		if e.value == "" {
			continue
		}
		if err := e.set(&c.deployment, e.value); err != nil {
			return nil, refuse(fmt.Errorf("%s: %w", e.key, err))
		}
	}
	return c, nil
}

func (c *config) report(code string, pos schema.Pos, help, format string, args ...any) {
	c.list.Add(diag.Diagnostic{Code: code, Pos: pos, Help: help, Message: fmt.Sprintf(format, args...)})
}

// try checks a value without keeping it, so that every mistake is found in one pass.
func (c *config) try(e *effective, pos schema.Pos) {
	var scratch deployment
	if err := e.set(&scratch, e.value); err != nil {
		c.report(codeBadSetting, pos, "", "`%s`: %v", e.key, err)
	}
}

func (c *config) fromFile(folder string) {
	content, err := os.ReadFile(filepath.Join(folder, configFile))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	whole := schema.Pos{File: configFile}
	if err != nil {
		c.report(codeBadConfig, whole, "", "%v", err)
		return
	}
	root, list := load.Document(configFile, content)
	c.list = append(c.list, list...)
	switch {
	case list.HasErrors() || root.Kind == load.Null:
	case root.Kind != load.Map:
		c.report(codeBadConfig, whole, "", "%s holds keys and values, not %s", configFile, root.Kind)
	default:
		c.walk(root, "")
	}
}

// walk takes the members of one level of config.yaml over.
func (c *config) walk(n *load.Node, prefix string) {
	for i := range n.Members {
		m := &n.Members[i]
		key := prefix + m.Name
		if e := c.find(key); e != nil {
			c.take(e, &m.Value)
			continue
		}
		first := c.firstOf(key)
		switch {
		case first == "":
			c.report(codeUnknownSetting, m.Pos, c.hint(key), "unknown setting `%s`", key)
		case m.Value.Kind == load.Map:
			c.walk(&m.Value, key+".")
		case m.Value.Kind != load.Null:
			c.report(codeBadSetting, m.Value.Pos, "", "`%s` holds settings of its own, such as `%s`", key, first)
		}
	}
}

func (c *config) take(e *effective, n *load.Node) {
	switch {
	case n.Kind == load.Null:
		return
	case n.Kind == load.Scalar:
		e.value = n.Text
	case n.Kind == load.List && e.list:
		var all []string
		for _, item := range n.Items {
			if item.Kind != load.Scalar {
				c.report(codeBadSetting, item.Pos, "", "`%s` is a list of texts", e.key)
				return
			}
			all = append(all, item.Text)
		}
		e.value = strings.Join(all, ",")
	default:
		c.report(codeBadSetting, n.Pos, e.doc, "`%s` is %s, not %s", e.key, e.kind, n.Kind)
		return
	}
	e.source = fmt.Sprintf("%s:%d:%d", configFile, n.Pos.Line, n.Pos.Col)
	c.try(e, n.Pos)
}

// fromEnvironment takes DOWEL_… over. An unknown variable is a warning only: a
// shell may carry one of another version, a file beside the schema may not.
func (c *config) fromEnvironment(r *run) {
	known := slices.Clone(others)
	for i := range c.values {
		e := &c.values[i]
		name := e.variable()
		known = append(known, name, name+"_FILE")
		v, source, err := r.secret(name)
		switch {
		case err != nil:
			c.report(codeBadConfig, schema.Pos{File: name + "_FILE"}, "", "%v", err)
		case source != "":
			e.value, e.source = v, source
			c.try(e, schema.Pos{File: source})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.env)) {
		if strings.HasPrefix(name, "DOWEL_") && !slices.Contains(known, name) {
			r.note("warning: unknown environment variable %s%s", name, didYouMean(name, known))
		}
	}
}

// secret reads a variable, or the file that NAME_FILE points at without its
// final line break. source names where it was found, "" for nowhere.
func (r *run) secret(name string) (value, source string, err error) {
	if v := r.env[name]; v != "" {
		return v, name, nil
	}
	path := r.env[name+"_FILE"]
	if path == "" {
		return "", "", nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	return strings.TrimRight(string(content), "\r\n"), name + "_FILE", nil
}

func (c *config) find(key string) *effective {
	for i := range c.values {
		if c.values[i].key == key {
			return &c.values[i]
		}
	}
	return nil
}

// firstOf is the first setting of a group, "" where there is no such group.
func (c *config) firstOf(group string) string {
	for _, e := range c.values {
		if strings.HasPrefix(e.key, group+".") {
			return e.key
		}
	}
	return ""
}

// hint names the setting that was meant: on the same level, or of that name in another group.
func (c *config) hint(key string) string {
	group, last, nested := cutLast(key, ".")
	if !nested {
		group, last = "", key
	}
	var level []string
	for _, e := range c.values {
		rest := e.key
		if nested {
			var inside bool
			if rest, inside = strings.CutPrefix(e.key, group+"."); !inside {
				continue
			}
		}
		first, _, _ := strings.Cut(rest, ".")
		level = append(level, first)
	}
	if help := diag.DidYouMean(last, level); help != "" {
		return help
	}
	for _, e := range c.values {
		if strings.HasSuffix(e.key, "."+last) {
			return "did you mean `" + e.key + "`?"
		}
	}
	return "`dowel config` lists every setting"
}

// shown is the value for people: secrets never are.
func (e *effective) shown() string {
	switch {
	case e.secret && e.value != "":
		return "********"
	case e.key == "db", e.key == "redis":
		return masked(e.value)
	case e.key == "replica":
		return maskedAll(e.value)
	}
	return e.value
}

// configCmd is `dowel config`.
type configCmd struct {
	Explain bool   `help:"Show where each value comes from, its default and its meaning."`
	Folder  string `arg:"" optional:"" default:"." help:"The application."`
	outputFlag
}

// Run prints the effective settings.
func (c *configCmd) Run(r *run) error {
	folder, _, err := place(c.Folder)
	if err != nil {
		return err
	}
	cfg, err := r.readConfig(folder, nil)
	if err != nil {
		return err
	}
	t := table{columns: []string{"key", "value"}}
	if c.Explain {
		t.columns = append(t.columns, "source", "default", "meaning")
	}
	for i := range cfg.values {
		e := &cfg.values[i]
		cells := []any{e.key, e.shown()}
		if c.Explain {
			cells = append(cells, e.source, e.initial, e.doc)
		}
		t.add(cells...)
	}
	return t.print(r.out, c.Output)
}
