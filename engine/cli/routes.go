package cli

import (
	"os"
	"strings"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/explain"
	"github.com/dowel-dev/dowel/schema/load"
)

// routesCmd is `dowel routes`.
type routesCmd struct {
	Class  string `arg:"" optional:"" help:"Only the routes of this class."`
	Folder string `arg:"" optional:"" help:"The application."`
	outputFlag
}

// Run lists method, path, verb and who may; then when schedules are due, and as whom.
func (c *routesCmd) Run(r *run) error {
	name, folder := topic(c.Class, c.Folder)
	p, err := r.load(folder, false)
	if err != nil {
		return err
	}
	if p.cfg, err = r.readConfig(p.folder, nil); err != nil {
		return err
	}
	classes := p.schema.Classes
	if name != "" {
		class := classOf(p.schema, name)
		if class == nil {
			return misuse("unknown class `%s`%s", name, didYouMean(name, classNames(p.schema)))
		}
		classes = []*schema.Class{class}
	}
	t := table{columns: []string{"method", "path", "verb", "who"}}
	for _, class := range classes {
		for _, route := range explain.Routes(class) {
			path := strings.TrimSuffix(p.mount(), "/") + route.Path
			t.add(route.Method, path, route.Verb, p.who(route.Class, route.Verb))
		}
	}
	if name == "" {
		for _, s := range p.schema.Schedules {
			t.add("schedule", s.Text, s.Name, runAs(s))
		}
	}
	return t.print(r.out, c.Output)
}

// runAs is whose rights a schedule has.
func runAs(s *schema.Schedule) string {
	switch {
	case s.System:
		return "system"
	case s.User != "":
		return s.User
	}
	return s.Role
}

// topic tells apart what the two optional arguments of a verb are: a single
// one that is a folder or file here, and no plain name, is the application.
func topic(first, second string) (name, folder string) {
	if second != "" {
		return first, second
	}
	if first == "" {
		return "", "."
	}
	if strings.ContainsAny(first, `/\`) || first == "." || first == ".." || strings.HasSuffix(first, ".yaml") {
		return "", first
	}
	if _, err := os.Stat(load.MainFile); err == nil {
		return first, "." // inside an application a word is a name
	}
	if info, err := os.Stat(first); err == nil && info.IsDir() {
		return "", first
	}
	return first, "."
}

// who names the roles that may, as a cell of a table.
func (p *project) who(c *schema.Class, verb string) string {
	names := authz.Who(p.rules, p.schema, c, verb)
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}
