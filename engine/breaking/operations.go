package breaking

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

var variable = regexp.MustCompile(`\{[^}]*\}`)

// form is a path whatever its variables are called.
func form(path string) string { return variable.ReplaceAllString(path, "{}") }

// route is an operation and where it is.
type route struct {
	method, path string
	item         *pathItem
	*operation
}

func (r route) String() string { return r.method + " " + r.path }

func (r route) class() string {
	if len(r.Tags) == 0 {
		return ""
	}
	return r.Tags[0]
}

// routes are the operations of a document by their methods and the forms of their paths.
func (d *document) routes() map[string]route {
	all := map[string]route{}
	for path, item := range d.Paths {
		if item == nil {
			continue
		}
		for method, o := range item.operations() {
			all[method+" "+form(path)] = route{method, path, item, o}
		}
	}
	return all
}

// document compares all there is.
func (c *comparer) document() {
	if before, after := c.old.address(), c.new.address(); before != after {
		c.at(place{}, Breaking, "address-changed", "is at "+after+", not "+before, "keep `mount`, or answer at both")
	}
	for _, name := range slices.Sorted(maps.Keys(c.old.Components.SecuritySchemes)) {
		if c.new.Components.SecuritySchemes[name] == nil {
			c.at(place{}, Breaking, "credentials-removed", "credentials of kind "+name+" are not taken any more", "")
		}
	}
	c.errors()
	before, after := c.old.routes(), c.new.routes()
	byID := map[string]route{}
	for _, r := range after {
		byID[r.OperationID] = r
	}
	for _, key := range slices.Sorted(maps.Keys(before)) {
		old := before[key]
		new, still := after[key]
		at := place{class: old.class(), operation: old.String()}
		if still {
			c.route(old, new, at)
			continue
		}
		if moved, ok := byID[old.OperationID]; ok && old.OperationID != "" {
			c.at(at, Breaking, "operation-moved", "is now "+moved.String(), "`collection: "+segment(old.path)+"` keeps the address")
			continue
		}
		c.at(at, Breaking, "operation-removed", "is not there any more", "keep it until nobody calls it")
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		new := after[key]
		if _, was := before[key]; !was {
			c.at(place{class: new.class(), operation: new.String()}, Harmless, "operation-added", "is new", "")
		}
	}
}

func segment(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}

func (d *document) address() string {
	if len(d.Servers) == 0 {
		return "/"
	}
	return d.Servers[0].URL
}

// route compares an operation.
func (c *comparer) route(old, new route, at place) {
	if old.OperationID != new.OperationID && old.OperationID != "" {
		c.at(at, Risky, "operation-renamed", "is called "+new.OperationID+", not "+old.OperationID, "clients that are generated again have another name for it; requests stay right")
	}
	c.parameters(old, new, at)
	c.content(old, new, at)
	c.answers(old, new, at)
	c.rights(old, new, at)
}

// parameters compares what goes with a request beside its content.
func (c *comparer) parameters(old, new route, at place) {
	before := c.old.taken(old)
	after := c.new.taken(new)
	for _, key := range slices.Sorted(maps.Keys(before)) {
		p := before[key]
		here := c.parameterPlace(p, at)
		q, still := after[key]
		if !still {
			if p.In != "path" {
				c.at(here, Breaking, map[bool]string{true: "filter-removed", false: "parameter-removed"}[isFilter(p)], "`"+p.Name+"` is not taken any more", "unknown parameters are errors")
			}
			continue
		}
		if q.Required && !p.Required {
			c.at(here, Breaking, "parameter-required", "`"+p.Name+"` must be sent now", "leave it optional")
		}
		if p.Schema != nil && q.Schema != nil {
			c.schema(p.Schema, q.Schema, here, sent)
		}
		c.described(p.Description, q.Description, here)
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		q := after[key]
		if _, was := before[key]; was || q.In == "path" {
			continue
		}
		here := c.parameterPlace(q, at)
		if q.Required {
			c.at(here, Breaking, "parameter-required", "`"+q.Name+"` is new and must be sent", "make it optional")
		} else {
			c.at(here, Harmless, "parameter-added", "`"+q.Name+"` is taken now", "")
		}
	}
}

// taken are the parameters of an operation by their kind and name.
func (d *document) taken(r route) map[string]*parameter {
	all := map[string]*parameter{}
	for _, list := range [][]*parameter{r.item.Parameters, r.Parameters} {
		for _, p := range list {
			full := *d.parameter(p)
			full.Ref = p.Ref
			key := full.In + " " + full.Name
			if full.In == "path" { // what they are called is nobody's business
				key = "path " + string(rune('a'+strings.Count(r.path[:max(0, strings.Index(r.path, "{"+full.Name+"}"))], "{")))
			}
			all[key] = &full
		}
	}
	return all
}

// isFilter reports whether a parameter is one of the filters of Dowel's documents.
func isFilter(p *parameter) bool { return strings.HasPrefix(last(p.Ref), "Filter.") }

// parameterPlace is where a parameter is. Those that operations share are the class's.
func (c *comparer) parameterPlace(p *parameter, at place) place {
	name := last(p.Ref)
	if rest, ok := strings.CutPrefix(name, "Filter."); ok {
		class, _, _ := strings.Cut(rest, ".")
		return place{class: class, parameter: p.Name}
	}
	if rest, ok := strings.CutPrefix(name, "Option."); ok {
		if class, _, own := strings.Cut(rest, "."); own {
			return place{class: class, parameter: p.Name}
		}
	}
	at.parameter = p.Name
	if p.In == "path" {
		at.operation, at.parameter = "", "{"+p.Name+"}"
	}
	return at
}

// content compares what is sent.
func (c *comparer) content(old, new route, at place) {
	before, after := c.old.body(old.RequestBody), c.new.body(new.RequestBody)
	switch {
	case before == nil && after == nil:
		return
	case before == nil:
		if after.Required {
			c.at(at, Breaking, "content-required", "needs content now", "")
		} else {
			c.at(at, Harmless, "content-taken", "takes content now", "")
		}
		return
	case after == nil:
		c.at(at, Breaking, "content-refused", "takes no content any more", "")
		return
	case after.Required && !before.Required:
		c.at(at, Breaking, "content-required", "needs content now", "")
	}
	for _, name := range slices.Sorted(maps.Keys(before.Content)) {
		m := before.Content[name]
		if n, still := after.Content[name]; still {
			c.schema(m.Schema, n.Schema, at, sent)
		} else {
			c.at(at, Breaking, "media-type-refused", "content of "+name+" is not taken any more", "")
		}
	}
}

// answers compares what is answered.
func (c *comparer) answers(old, new route, at place) {
	for _, status := range slices.Sorted(maps.Keys(old.Responses)) {
		if !strings.HasPrefix(status, "2") {
			continue
		}
		r := c.old.response(old.Responses[status])
		other, still := new.Responses[status]
		if !still {
			c.at(at, Breaking, "status-changed", "does not answer "+status+" any more", "")
			continue
		}
		now := c.new.response(other)
		for _, name := range slices.Sorted(maps.Keys(r.Content)) {
			m := r.Content[name]
			if n, still := now.Content[name]; still {
				before, after := c.bare(m.Schema, n.Schema)
				c.schema(before, after, at, shown)
			} else {
				c.at(at, Breaking, "media-type-removed", name+" is not answered any more", "")
			}
		}
		for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
			if _, still := now.Headers[name]; !still {
				c.at(at, Breaking, "header-removed", "the header field "+name+" is not sent any more", "")
			}
		}
	}
	for _, status := range slices.Sorted(maps.Keys(new.Responses)) {
		if _, was := old.Responses[status]; !was && strings.HasPrefix(status, "2") {
			c.at(at, Risky, "status-added", "may answer "+status, "")
		}
	}
}

// bare is what is in envelopes where only one of two answers has one, which is told once.
func (c *comparer) bare(before, after *schema) (*schema, *schema) {
	was, is := c.old.enveloped(before), c.new.enveloped(after)
	switch {
	case was != nil && is == nil:
		before = was
		c.at(place{}, Breaking, "style-changed", "answers are not in envelopes any more", "`style: envelope` keeps them")
	case was == nil && is != nil:
		after = is
		c.at(place{}, Breaking, "style-changed", "answers are in envelopes", "`style: plain` keeps them as they were")
	}
	return before, after
}

// enveloped is the data of an envelope, nil for what is none.
func (d *document) enveloped(s *schema) *schema {
	if s == nil {
		return nil
	}
	p := d.peel(s)
	if len(p.Properties) != 3 || p.Properties["success"] == nil || p.Properties["meta"] == nil {
		return nil
	}
	return p.Properties["data"]
}

// rights compares who may.
func (c *comparer) rights(old, new route, at place) {
	open := func(d *document, r route) bool {
		needs := d.Security
		if r.Security != nil {
			needs = *r.Security
		}
		return len(needs) == 0 || slices.ContainsFunc(needs, func(one map[string][]string) bool { return len(one) == 0 })
	}
	if open(c.old, old) && !open(c.new, new) {
		c.at(at, Breaking, "credentials-required", "needs credentials now", "let `anyone` do it still")
	}
	if old.Roles == nil || new.Roles == nil {
		return
	}
	var lost, narrowed []string
	for _, role := range *old.Roles {
		switch {
		case role == "anyone" && !slices.Contains(*new.Roles, role) && !slices.Contains(*new.Roles, "anyone (rows)"): // said above
		case slices.ContainsFunc(*new.Roles, func(has string) bool { return c.covers(has, role) }):
		case slices.ContainsFunc(*new.Roles, func(has string) bool {
			return strings.HasSuffix(has, " (rows)") && c.covers(strings.TrimSuffix(has, " (rows)"), role)
		}):
			narrowed = append(narrowed, role)
		default:
			lost = append(lost, role)
		}
	}
	if len(lost) > 0 {
		c.at(at, Breaking, "role-refused", list(lost)+" may not do it any more", "keep the rule until nobody needs it")
	}
	if len(narrowed) > 0 {
		c.at(at, Risky, "rows-narrowed", list(narrowed)+" may do it to some records only", "what was there for them may be missing")
	}
}

// covers reports whether everybody in a role is in one that has the right.
func (c *comparer) covers(has, role string) bool {
	bare := strings.TrimSuffix(has, " (rows)")
	if has != bare && !strings.HasSuffix(role, " (rows)") {
		return false
	}
	role = strings.TrimSuffix(role, " (rows)")
	return bare == role || bare == "anyone" || bare == "user" && role != "anyone" || slices.Contains(c.known.Includes[role], bare)
}
