package differential

import (
	"fmt"
	"strings"
	"testing/fstest"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
)

// app is a drawn application as its parts, so that parts can be left out again.
type app struct {
	settings []string // of app:
	classes  []*class
}

// class is a class as lines of YAML. Those of a section are `name: …` in flow style.
type class struct {
	name     string
	words    []string // soft_delete: true
	sections [numSections][]string
}

// section is a key of a class with members of its own.
type section uint8

const (
	fields section = iota
	computed
	unique // of lists
	indexes
	checks
	scopes
	roles
	actionsOf
	allow
	deny
	numSections
)

var sectionNames = [numSections]string{"fields", "computed", "unique", "indexes", "checks", "scopes", "roles", "actions", "allow", "deny"}

func (c *class) add(s section, format string, args ...any) {
	c.sections[s] = append(c.sections[s], fmt.Sprintf(format, args...))
}

// The login class and the roles are those of every application, so that
// sequences know who asks.
const head = `dowel: 1
app: {%s}
roles:
  clerk: Sees and changes some rows.
  manager: {includes: clerk}
  admin: {includes: manager}
types:
  share: {type: int, min: 0, max: 100}
  spot:
    fields:
      city: {type: string, max: 10}
      zip: {type: string, pattern: "[0-9]{1,5}", optional: true}
      floor: {type: int, optional: true}
      open: {type: bool, default: true}
      at: {fields: {lat: float, day: {type: date, optional: true}}, optional: true}
classes:
  user:
    auth: {login: email, secret: password, role: role}
    fields:
      email: {type: email, unique: true}
      password: {type: password, optional: true}
      name: {type: string, optional: true}
      role: {enum: [clerk, manager, admin], optional: true, write: admin}
    roles: {self: id = me}
    allow: {read: user, update: [self, admin], act_as: manager, all: admin}
`

// text is the schema file.
func (a *app) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, head, strings.Join(a.settings, ", "))
	for _, c := range a.classes {
		b.WriteString("  " + c.name + ":\n")
		for _, w := range c.words {
			b.WriteString("    " + w + "\n")
		}
		for s, lines := range c.sections {
			if len(lines) == 0 {
				continue
			}
			b.WriteString("    " + sectionNames[s] + ":\n")
			for _, line := range lines {
				if section(s) == unique || section(s) == indexes {
					line = "- " + line
				}
				b.WriteString("      " + line + "\n")
			}
		}
	}
	return b.String()
}

// loaded is an application that can be served.
type loaded struct {
	text   string
	schema *schema.Schema
	rules  *authz.Rules
}

// load reads the application as `dowel serve` does.
func (a *app) load() (*loaded, error) {
	l := &loaded{text: a.text()}
	folder := fstest.MapFS{"dowel.yaml": {Data: []byte(l.text)}}
	s, found := load.FS(folder, ".", load.Options{})
	if s == nil {
		return nil, fmt.Errorf("the schema does not load: %v", found)
	}
	rules, found := authz.New(s, folder)
	if rules == nil {
		return nil, fmt.Errorf("the rules do not load: %v", found)
	}
	l.schema, l.rules = s, rules
	return l, nil
}
