package authz

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

// Rules is the Authorizer of a schema and its policy files.
type Rules struct {
	schema *schema.Schema
	all    []*schema.Rule // schema first, then files, in their order
	links  []link
	local  map[string][]link // those that hold in one organization only, by its id text
	roles  *roles
	model  string // text of the Casbin model
	denies bool   // whether the model heeds deny lines
	linked linkage
	parts  []*part // by class

	// Revision tells policies apart in the IDs of decisions.
	revision string

	system, anonymous, user *roleSet
	single                  map[string]*roleSet // of users with one role
	sets                    atomic.Pointer[map[string]*roleSet]
	deciding                sync.Mutex // held while Casbin is asked
}

var _ Authorizer = (*Rules)(nil)

// New joins the rules of a schema with the files policy.csv, policy/*.csv and
// model.conf below files, which may be nil. It returns every finding: mistakes are errors with their
// place, and the Authorizer is nil when there is one; rules that say nothing
// are warnings.
//
// Nothing is decided yet: a decision is worked out when it is first asked for
// and kept for the life of the Authorizer.
func New(s *schema.Schema, files fs.FS) (*Rules, diag.List) {
	r := &Rules{schema: s, model: shippedModel, denies: true}
	var found diag.List
	r.all = append(r.all, s.Rules...)
	for _, role := range s.Roles {
		for _, included := range role.Includes {
			r.links = append(r.links, link{member: role.Name, role: included, pos: role.Pos})
		}
	}
	if files != nil {
		r.readModel(files, &found)
		r.readFiles(files, &found)
	}
	r.roles = newRoles(s, r.links)
	r.checkCycle(&found)
	if found.HasErrors() {
		return nil, found
	}
	r.prepare()
	r.lint(&found)
	if found.HasErrors() {
		return nil, found
	}
	return r, found
}

// prepare builds what deciding needs.
func (r *Rules) prepare() {
	var err error
	if r.linked, err = linked(r.links); err != nil {
		panic(err) // links are checked: two known roles each, no circle
	}
	r.parts = make([]*part, len(r.schema.Classes))
	for i := range r.parts {
		r.parts[i] = &part{}
	}
	h := sha256.New()
	h.Write([]byte(r.model))
	for _, rule := range r.all {
		p := r.parts[rule.Class.Index]
		p.rules = append(p.rules, rule)
		fmt.Fprintf(h, "%q\n", Line(rule))
	}
	for _, l := range r.links {
		fmt.Fprintf(h, "%q %q\n", l.member, l.role)
	}
	for _, org := range slices.Sorted(maps.Keys(r.local)) {
		for _, l := range r.local[org] {
			fmt.Fprintf(h, "%q %q %q\n", l.member, l.role, l.org)
		}
	}
	r.revision = hex.EncodeToString(h.Sum(nil)[:6])

	r.sets.Store(&map[string]*roleSet{})
	r.system = &roleSet{name: systemSet, system: true, has: map[string]bool{}, decided: make([]atomic.Pointer[map[string]*Decision], len(r.schema.Classes))}
	r.keep(r.system)
	r.anonymous = r.keep(r.newSet(roleAnyone, roleAnonymous))
	r.user = r.keep(r.newSet(roleAnyone, roleUser))
	r.single = make(map[string]*roleSet, len(r.schema.Roles))
	for _, role := range r.schema.Roles {
		r.single[role.Name] = r.keep(r.newSet(roleAnyone, roleUser, role.Name))
	}
}

// Revision is a fingerprint of the whole policy.
func (r *Rules) Revision() string { return r.revision }

// All returns every rule: the schema's, then the files'. The result is shared.
func (r *Rules) All() []*schema.Rule { return r.all }

// Lines returns the policy as Casbin lines, for people who audit it with Casbin's tools.
func (r *Rules) Lines() [][]string {
	lines := make([][]string, 0, len(r.all)+len(r.links))
	for _, rule := range r.all {
		lines = append(lines, Line(rule))
	}
	for _, l := range r.links {
		lines = append(lines, []string{"g", l.member, l.role})
	}
	for _, org := range slices.Sorted(maps.Keys(r.local)) {
		for _, l := range r.local[org] {
			lines = append(lines, []string{"g", l.member, l.role, l.org})
		}
	}
	return lines
}

// Line is a rule as Casbin gets it: p, role, class, verb, condition, fields, effect, position.
func Line(rule *schema.Rule) []string {
	fields, effect := "*", "allow"
	if len(rule.Fields) > 0 {
		fields = strings.Join(rule.Fields, " ")
	}
	if rule.Deny {
		effect = "deny"
	}
	return []string{"p", rule.Role, rule.Class.Name, rule.Verb, rule.Cond, fields, effect, place(rule.Pos)}
}

func place(p schema.Pos) string {
	if p.IsZero() {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

func (r *Rules) readModel(files fs.FS, found *diag.List) {
	text, err := fs.ReadFile(files, modelFile)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	at := schema.Pos{File: modelFile, Line: 1, Col: 1}
	if err == nil {
		r.model = string(text)
		r.denies, err = checkModel(r.model)
	}
	if err != nil {
		found.Add(diag.Diagnostic{Code: codeLine, Message: "the model cannot be used: " + err.Error(), Pos: at,
			Help: "without the file Dowel uses its own model"})
	}
}

const modelFile = "model.conf"

func (r *Rules) checkCycle(found *diag.List) {
	c := r.roles.cycle()
	if c == nil {
		return
	}
	for _, l := range r.links {
		if l.member == c[0] && l.role == c[1] {
			found.Add(diag.Diagnostic{Code: codeCycle, Message: "roles include each other: " + strings.Join(c, " → "), Pos: l.pos})
			return
		}
	}
}
