package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/explain"
	"github.com/dowel-dev/dowel/schema/load"
)

// explainCmd is `dowel explain`.
type explainCmd struct {
	Topic  string `arg:"" optional:"" help:"CLASS, CLASS.FIELD, a code such as E023, config.KEY, or a word of the language."`
	Folder string `arg:"" optional:"" help:"The application."`
}

// Run prints one page. Codes, settings and words of the language need no application.
func (c *explainCmd) Run(r *run) error {
	name, folder := topic(c.Topic, c.Folder)
	if key, ok := strings.CutPrefix(name, "config."); ok {
		return r.explainSetting(key)
	}
	if code := diag.Lookup(strings.ToUpper(name)); code != nil {
		_, err := fmt.Fprint(r.out, code.Page())
		return err
	}
	dir, root, err := place(folder)
	if err != nil {
		return err
	}
	s, rules, found := r.inspect(dir, root)
	if found.HasErrors() && (name == "" || c.Folder != "" || len(load.Files(os.DirFS(dir), root)) > 0) {
		if err := r.show(found); err != nil {
			return err
		}
		return reported(exitFindings)
	}
	if name == "" {
		return r.overview(s)
	}
	o := explain.Options{Types: append(schema.BuiltinTypes(), r.app.Program.Parts().Types...)}
	if rules != nil {
		p := &project{schema: s, rules: rules}
		o.Who = func(c *schema.Class, verb string) string { return p.who(c, verb) }
	}
	page, err := explain.Text(s, name, o)
	if err != nil {
		return misuse("%v", err)
	}
	_, err = fmt.Fprint(r.out, page)
	return err
}

// overview lists the classes, as a start.
func (r *run) overview(s *schema.Schema) error {
	t := table{columns: []string{"class", "collection", "doc"}}
	for _, c := range s.Classes {
		if !c.Internal {
			t.add(c.Name, c.Collection, c.Doc)
		}
	}
	r.note("dowel explain CLASS, CLASS.FIELD, E023 or config.KEY says more")
	return t.print(r.out, "table")
}

func (r *run) explainSetting(key string) error {
	var keys []string
	for _, s := range settings() {
		keys = append(keys, s.key)
		if s.key != key {
			continue
		}
		fmt.Fprintf(r.out, "%s: %s\n%s\n\n", s.key, s.kind, s.doc)
		if s.initial != "" {
			fmt.Fprintf(r.out, "default      %s\n", s.initial)
		}
		fmt.Fprintf(r.out, "%s  %s\n", configFile, nestedKey(s.key))
		fmt.Fprintf(r.out, "environment  %s, or %s_FILE to read it from a file\n", s.variable(), s.variable())
		if s.flag != "" {
			fmt.Fprintf(r.out, "flag         --%s of serve and dev\n", s.flag)
		}
		return nil
	}
	return misuse("unknown setting `%s`%s", key, didYouMean(key, keys))
}

// nestedKey shows where a key stands in config.yaml: limits: {page: …}.
func nestedKey(key string) string {
	group, name, nested := strings.Cut(key, ".")
	if !nested {
		return key + ": …"
	}
	return group + ": {" + name + ": …}"
}
