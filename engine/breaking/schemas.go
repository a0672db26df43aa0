package breaking

import (
	"maps"
	"slices"
	"strings"
)

// direction is where a value goes.
type direction bool

const (
	sent  direction = true  // by clients
	shown direction = false // to them
)

func (d direction) in() string {
	if d == sent {
		return "in content"
	}
	return "in answers"
}

// place is where a schema stands.
type place struct {
	class, field, parameter, operation string
	lookup                             bool // in what names a record by a unique key
}

func (p place) member(name string) place {
	p.field = strings.TrimPrefix(p.field+"."+name, ".")
	return p
}

// enter is the place inside of a component. Records have their own; what belongs to
// a class otherwise, the schema of an address or of an envelope, is a part of what led there.
func (c *comparer) enter(p place, name string) place {
	if p.parameter != "" {
		return p
	}
	class := c.old.class(name)
	switch {
	case class == "":
		return place{class: name}
	case p.operation != "" && (strings.HasSuffix(name, "Input") || strings.Contains(name, "Result")):
		return p // an action's own
	case strings.HasSuffix(name, "Lookup"):
		return place{class: class, lookup: true}
	case class == name || class != p.class:
		return place{class: class}
	}
	return place{class: class, field: p.field, lookup: p.lookup}
}

func (c *comparer) at(p place, s Severity, code, message, help string) {
	c.out.tell(Finding{Severity: s, Code: code, Class: p.class, Field: p.field, Parameter: p.parameter, Operation: p.operation, Message: message, Help: help})
}

// schema compares two schemas that stand at the same place.
func (c *comparer) schema(before, after *schema, at place, d direction) {
	switch {
	case before == nil && after == nil:
		return
	case before == nil:
		before = &schema{}
	case after == nil:
		after = &schema{}
	}
	was, is := c.old.peel(before), c.new.peel(after)
	for _, name := range was.names {
		at = c.enter(at, name)
	}
	key := visit{was.schema, is.schema, d}
	if at.parameter == "" {
		if c.seen[key] {
			return
		}
		c.seen[key] = true
	}
	c.null(was, is, at, d)
	if len(was.any) > 0 || len(is.any) > 0 {
		c.choices(was, is, at, d)
		return
	}
	if !c.kinds(was, is, at, d) {
		return
	}
	c.value(was, is, at, d)
	if slices.Contains(was.kinds(), "object") || len(was.kinds()) == 0 {
		c.object(was, is, at, d)
	}
	if was.Items != nil && is.Items != nil {
		c.schema(was.Items, is.Items, at, d)
	}
}

func (c *comparer) null(was, is peeled, at place, d direction) {
	anything := func(p peeled) bool { return len(p.kinds()) == 0 && p.any == nil && len(p.Enum) == 0 }
	switch {
	case anything(was) || anything(is):
	case d == sent && was.null && !is.null:
		c.at(at, Breaking, "null-refused", "null is not taken any more", "keep it optional, or give it a default and take null for that")
	case d == shown && !was.null && is.null:
		c.at(at, Breaking, "null-possible", "may be null now", "keep it required; readers do not expect null")
	case was.null != is.null:
		c.at(at, Harmless, map[direction]string{sent: "null-taken", shown: "null-gone"}[d], map[bool]string{true: "may be null " + d.in(), false: "is never null " + d.in()}[is.null], "")
	}
}

// kinds compares the types and reports whether there is more to compare.
func (c *comparer) kinds(was, is peeled, at place, d direction) bool {
	before, after := was.kinds(), is.kinds()
	wide, narrow := before, after // what was must be among what is
	if d == shown {
		wide, narrow = after, before
	}
	missing := ""
	switch {
	case len(narrow) == 0:
		return len(wide) == 0
	case len(wide) == 0:
		missing = "any"
	}
	for _, kind := range wide {
		if !slices.Contains(narrow, kind) && !(kind == "integer" && slices.Contains(narrow, "number")) {
			missing = kind
		}
	}
	if missing == "" {
		return true
	}
	c.at(at, Breaking, "type-changed", "was "+either(before)+" and is "+either(after)+" "+d.in(), "add a member with the new type beside it")
	return false
}

func either(kinds []string) string {
	if len(kinds) == 0 {
		return "any JSON"
	}
	return strings.Join(kinds, " or ")
}

// object compares the members of objects.
func (c *comparer) object(was, is peeled, at place, d direction) {
	for _, name := range slices.Sorted(maps.Keys(was.Properties)) {
		before, after := was.Properties[name], is.Properties[name]
		if after != nil {
			c.schema(before, after, at.member(name), d)
			continue
		}
		c.gone(is, at.member(name), d)
	}
	for _, name := range slices.Sorted(maps.Keys(is.Properties)) {
		if was.Properties[name] != nil {
			continue
		}
		here := at.member(name)
		switch {
		case at.lookup && c.record(at.class, name):
			c.at(here, Risky, "unique-added", "is unique now", "a value that is taken already is refused")
		case at.lookup:
		case d == shown:
			c.at(here, Harmless, "member-added", "is shown now", "")
		case !slices.Contains(is.Required, name):
			c.at(here, Harmless, "member-taken", "may be sent now", "")
		}
	}
	if d == shown {
		for _, name := range was.Required {
			if !slices.Contains(is.Required, name) && is.Properties[name] != nil {
				c.at(at.member(name), Breaking, "member-may-be-absent", "is not in every answer any more", "keep it shown to everybody who may read the record")
			}
		}
	} else {
		c.required(was, is, at)
	}
	switch b, a := was.AdditionalProperties, is.AdditionalProperties; {
	case b != nil && a != nil && b.schema != nil && a.schema != nil:
		c.schema(b.schema, a.schema, at, d)
	case d == sent && a != nil && a.closed && !(b != nil && b.closed):
		c.at(at, Breaking, "members-closed", "members without a name of their own are not taken any more", "")
	}
}

// gone tells of a member that is not there any more.
func (c *comparer) gone(is peeled, at place, d direction) {
	if d == shown {
		c.at(at, Breaking, "member-removed", "is not shown any more", "keep it, `hidden` or computed if need be, until nobody reads it")
		return
	}
	if at.lookup {
		c.at(at, Breaking, "lookup-removed", "does not name a record any more", "keep it unique")
		return
	}
	s := Risky
	if is.AdditionalProperties != nil && is.AdditionalProperties.closed {
		s = Breaking
	}
	c.at(at, s, "member-refused", "is not taken any more", "keep taking it")
}

// record reports whether records of a class had a member.
func (c *comparer) record(class, name string) bool {
	s := c.old.Components.Schemas[class]
	return s != nil && s.Properties[name] != nil
}

// required compares what content must have. A reference may go by several names, of which one must be there.
func (c *comparer) required(was, is peeled, at place) {
	before := needs(was)
	for _, group := range needs(is) {
		if slices.ContainsFunc(before, func(had []string) bool { return subset(had, group) }) {
			continue
		}
		name := group[0]
		if was.Properties[name] == nil {
			c.at(at.member(name), Breaking, "member-required", "is new and must be sent", "make it optional, or give it a default")
		} else {
			c.at(at.member(name), Breaking, "member-required", "must be sent now", "leave it optional, or give it a default")
		}
	}
}

// needs are the groups of members of which one must be there.
func needs(p peeled) (groups [][]string) {
	for _, name := range p.Required {
		groups = append(groups, []string{name})
	}
	for _, all := range p.AllOf {
		var group []string
		for _, one := range all.AnyOf {
			if len(one.Required) == 1 {
				group = append(group, one.Required[0])
			}
		}
		if group != nil {
			groups = append(groups, group)
		}
	}
	return groups
}

func subset(part, whole []string) bool {
	return !slices.ContainsFunc(part, func(one string) bool { return !slices.Contains(whole, one) })
}

// choices compares alternatives: each that was sent must be taken still, each that is shown must be known.
func (c *comparer) choices(was, is peeled, at place, d direction) {
	before, after := alternatives(was), alternatives(is)
	from, to := before, after
	if d == shown {
		from, to = after, before
	}
	free := slices.Clone(to)
	for _, one := range from {
		i := c.closest(one, free, d)
		if i < 0 {
			if slices.ContainsFunc(free, func(s *schema) bool { return c.anything(s, d) }) || c.anything(one, d) && len(to) == 0 {
				continue
			}
			if d == sent {
				c.at(at, Breaking, "form-refused", "one of the forms of the content is not taken any more", "")
			} else {
				c.at(at, Breaking, "form-added", "answers can have another form", "")
			}
			continue
		}
		other := free[i]
		free = slices.Delete(free, i, i+1)
		if d == sent {
			c.schema(one, other, at, d)
		} else {
			c.schema(other, one, at, d)
		}
	}
	if len(free) > 0 {
		c.at(at, Harmless, map[direction]string{sent: "form-taken", shown: "form-gone"}[d], "there is one form more "+map[direction]string{sent: "of content", shown: "that answers had"}[d], "")
	}
}

func alternatives(p peeled) []*schema {
	if len(p.any) > 0 {
		return p.any
	}
	return []*schema{p.schema}
}

// closest is the alternative that one is most like, -1 for none of its type.
func (c *comparer) closest(one *schema, others []*schema, d direction) int {
	mine, theirs := c.old, c.new
	if d == shown {
		mine, theirs = c.new, c.old
	}
	p, best, found := mine.peel(one), -1, -1
	for i, other := range others {
		q := theirs.peel(other)
		score := 0
		switch {
		case len(p.names) > 0 && len(q.names) > 0 && p.names[0] == q.names[0]:
			score = 1000
		case !slices.Equal(p.kinds(), q.kinds()) || (p.any == nil) != (q.any == nil):
			continue
		case slices.Contains(p.kinds(), "object"):
			for name := range p.Properties {
				if q.Properties[name] != nil {
					score++
				}
			}
			if score == 0 && len(p.Properties)+len(q.Properties) > 0 {
				continue
			}
		}
		if score > best {
			best, found = score, i
		}
	}
	return found
}

func (c *comparer) anything(s *schema, d direction) bool {
	doc := c.new
	if d == shown {
		doc = c.old
	}
	p := doc.peel(s)
	return len(p.kinds()) == 0 && p.any == nil && len(p.Enum) == 0 && len(p.AllOf) == 0
}
