package client

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/schema"
)

// model is what clients know of an application.
type model struct {
	*document
	title, version, mount string
	envelope              bool
	classes               []*class
	types                 []*namedType
	login                 *class // of accounts, nil for none
	loginBody             *namedType
	tokens                *namedType
	byName                map[string]*namedType
	order                 map[string]map[string]int // of members, by the names of types
}

// class is a class with its operations.
type class struct {
	*schema.Class
	path                              string // below the mount, with {org} and the like in it
	id                                *node
	record                            *namedType
	create, replace, patch            *namedType
	list, get, remove, restore, purge bool
	filters                           []filter
	with, scopes                      []string
	search, deletedToo                bool
	actions                           []action
}

// filter is a member that a class can be filtered by.
type filter struct {
	name string // of the parameter
	path string // address.zip
	ops  []string
	of   *node
	many bool // it is a set or a list
}

func (f *filter) has(op string) bool { return slices.Contains(f.ops, op) }

// action is a declared action.
type action struct {
	*schema.Action
	doc    string
	input  *namedType // nil for none
	needed bool       // the input must be sent
	query  []*parameter
	output *node // nil for none
}

// namedType is a schema with a name.
type namedType struct {
	name string
	node *node
	sent bool // by clients
}

// understand makes the model of an application.
func understand(app App) (*model, error) {
	d, err := read(app.Document)
	if err != nil {
		return nil, err
	}
	m := &model{document: d, title: d.Info.Title, version: d.Info.Version, byName: map[string]*namedType{}, order: map[string]map[string]int{}}
	if len(d.Servers) > 0 && d.Servers[0].URL != "/" {
		m.mount = d.Servers[0].URL
	}
	if index, err := m.operation("GET", "/"); err != nil {
		return nil, err
	} else if index != nil {
		m.envelope = m.wrapped(index)
	}
	for _, c := range app.Schema.Classes {
		if c.Expose && !c.Internal {
			if err := m.class(c); err != nil {
				return nil, err
			}
		}
	}
	if app.Schema.Login != nil {
		if err := m.account(app.Schema.Login); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(m.types, func(a, b *namedType) int { return cmp.Compare(a.name, b.name) })
	return m, nil
}

// class takes in a class.
func (m *model) class(c *schema.Class) error {
	order := map[string]int{}
	for i, f := range c.Fields {
		order[f.JSON] = i + 1
	}
	k := &class{Class: c, path: c.Path()}
	for _, op := range request.Operations(c) {
		if op.Relation != nil || op.From != c {
			continue
		}
		o, err := m.operation(op.Method, op.Path)
		if err != nil {
			return err
		}
		if o == nil {
			continue
		}
		switch op.Verb {
		case request.Search:
			k.list = true
			m.searched(k, o)
		case request.Get:
			k.get = true
		case request.Create:
			k.create = m.take(o.body(), true)
		case request.Replace:
			k.replace = m.take(o.body(), true)
		case request.Patch:
			k.patch = m.take(o.body(), true)
		case request.Delete:
			k.remove = true
		case request.Restore:
			k.restore = true
		case request.Purge:
			k.purge = true
		case request.Run, request.Query:
			a := action{Action: op.Action, doc: cmp.Or(op.Action.Doc, o.Summary+".")}
			if body := o.body(); body != nil {
				a.input, a.needed = m.take(body, true), o.RequestBody.Required
			}
			if op.Verb == request.Query {
				for _, p := range o.Parameters {
					if p.In == "query" && p.Ref == "" {
						a.query = append(a.query, p)
					}
				}
			}
			if a.output = m.answer(o); a.output != nil {
				m.walk(a.output, false)
			}
			k.actions = append(k.actions, a)
		}
	}
	k.record = m.take(&node{Ref: "/" + c.TypeName}, false)
	if k.record == nil {
		return nil // nothing of it is offered
	}
	k.id = &node{Type: "string"}
	if len(c.Key) == 1 {
		if n := k.record.node.Properties[c.Key[0].JSON]; n != nil {
			k.id = n
		}
	}
	for _, t := range []*namedType{k.record, k.create, k.replace, k.patch} {
		if t != nil {
			m.order[t.name] = order
		}
	}
	for i := range k.filters {
		k.filters[i].of, k.filters[i].many = m.along(k.record.node, k.filters[i].path)
	}
	for _, r := range c.Relations {
		if r.To.Expose && !r.To.Internal {
			k.with = append(k.with, r.JSON)
		}
	}
	for _, s := range c.Scopes {
		k.scopes = append(k.scopes, s.Name)
	}
	m.classes = append(m.classes, k)
	return nil
}

// searched takes in what a list can be asked for.
func (m *model) searched(k *class, o *operation) {
	for _, p := range o.Parameters {
		switch {
		case strings.HasPrefix(last(p.Ref), "Filter."):
			ops := strings.TrimSuffix(strings.TrimPrefix(p.Description, "Filter: "), ".")
			k.filters = append(k.filters, filter{name: p.Name, path: strings.TrimPrefix(p.Name, "."), ops: strings.Split(ops, ", ")})
		case p.Name == "search":
			k.search = true
		case p.Name == "deleted":
			k.deletedToo = true
		}
	}
}

// along is the schema of a member of a record; of a set, that of its elements.
func (m *model) along(n *node, path string) (of *node, many bool) {
	for name := range strings.SplitSeq(path, ".") {
		next := m.at(n).Properties[name]
		if next == nil {
			return &node{Type: "string"}, false
		}
		n = next
	}
	if n.Type == "array" && n.Items != nil {
		n, many = n.Items, true
	}
	if n.name() != "" {
		return &node{Type: "string"}, many // an object: null or not
	}
	return n, many
}

// account takes in login.
func (m *model) account(login *schema.Class) error {
	o, err := m.operation("POST", "/auth/login")
	if err != nil || o == nil {
		return err
	}
	m.loginBody, m.tokens = m.take(o.body(), true), m.take(m.answer(o), false)
	m.login = &class{Class: login}
	return nil
}

// take takes in a type with a name and all that it is made of.
func (m *model) take(n *node, sent bool) *namedType {
	if n == nil || n.name() == "" {
		return nil
	}
	if m.Components.Schemas[n.name()] == nil {
		return nil
	}
	m.walk(n, sent)
	return m.byName[n.name()]
}

func (m *model) walk(n *node, sent bool) {
	if n == nil {
		return
	}
	if name := n.name(); name != "" {
		if m.byName[name] != nil || m.Components.Schemas[name] == nil {
			return
		}
		t := &namedType{name: name, node: m.Components.Schemas[name], sent: sent}
		m.byName[name] = t
		m.types = append(m.types, t)
		n = t.node
	}
	for _, name := range slices.Sorted(maps.Keys(n.Properties)) {
		m.walk(n.Properties[name], sent)
	}
	m.walk(n.Items, sent)
	m.walk(n.values(), sent)
}

// members are the names of a type's members: in the order of its class, the others after them.
func (m *model) members(t *namedType) []string {
	order := m.order[t.name]
	return slices.SortedFunc(maps.Keys(t.node.Properties), func(a, b string) int {
		if x, y := order[a], order[b]; x != y && order != nil {
			if x == 0 || y == 0 {
				return y - x
			}
			return x - y
		}
		return strings.Compare(a, b)
	})
}

// namer gives names that are free.
type namer map[string]bool

func (n namer) name(candidates ...string) string {
	for _, c := range candidates {
		if !n[c] {
			n[c] = true
			return c
		}
	}
	base := candidates[len(candidates)-1]
	for i := 2; ; i++ {
		if c := base + strconv.Itoa(i); !n[c] {
			n[c] = true
			return c
		}
	}
}
