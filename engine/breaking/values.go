package breaking

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// value compares what restricts the values of a schema.
func (c *comparer) value(was, is peeled, at place, d direction) {
	c.enum(was, is, at, d)
	c.format(was, is, at, d)
	c.pattern(was, is, at, d)
	for _, l := range limits {
		c.limit(l, l.of(was.schema), l.of(is.schema), at, d)
	}
	c.decimals(was, is, at, d)
	if d == sent {
		c.initial(was, is, at)
		if fixed(is.Description) && !fixed(was.Description) {
			c.at(at, Breaking, "member-fixed", "cannot change any more once it is set", "leave out `immutable`")
		}
	}
}

// enum compares the words of enums; a closed list is one of a few words, an open one is any.
func (c *comparer) enum(was, is peeled, at place, d direction) {
	before, after := choicesOf(was.schema), choicesOf(is.schema)
	if before == nil && after == nil {
		return
	}
	removed, added := without(before, after), without(after, before)
	if d == sent {
		switch {
		case before == nil:
			c.at(at, Breaking, "value-removed", "takes only "+list(after)+" now", "")
		case after != nil && len(removed) > 0:
			c.at(at, Breaking, "value-removed", list(removed)+" is not taken any more", "keep the value until nobody sends it")
		case after == nil || len(added) > 0:
			c.at(at, Harmless, "value-taken", "takes more values", "")
		}
		return
	}
	switch {
	case after == nil:
		c.at(at, Breaking, "value-added", "can be any value, not only "+list(before), "clients may handle only the values they know")
	case before != nil && len(added) > 0:
		c.at(at, Breaking, "value-added", "can be "+list(added)+" in answers", "clients may handle only the values they know: add it once they take others")
	case len(removed) > 0:
		c.at(at, Harmless, "value-gone", "is never "+list(removed), "")
	}
}

func choicesOf(s *schema) []string {
	all := s.Enum
	if len(s.Const) > 0 {
		all = append(all, s.Const)
	}
	var out []string
	for _, raw := range all {
		if text := string(bytes.TrimSpace(raw)); text != "null" {
			out = append(out, strings.Trim(text, `"`))
		}
	}
	return out
}

func without(all, others []string) (rest []string) {
	for _, one := range all {
		if !slices.Contains(others, one) {
			rest = append(rest, one)
		}
	}
	return rest
}

func list(all []string) string { return "`" + strings.Join(all, "`, `") + "`" }

// format compares formats. Those of numbers say nothing that limits do not.
func (c *comparer) format(was, is peeled, at place, d direction) {
	before, after := formatOf(was), formatOf(is)
	if before == after {
		return
	}
	wider := before == ""
	if d == sent {
		wider = after == ""
	}
	switch {
	case wider && d == sent:
		c.at(at, Harmless, "format-changed", "takes any text, not only "+before, "")
	case wider:
		c.at(at, Harmless, "format-changed", "is always of format "+after, "")
	default:
		c.at(at, Breaking, "format-changed", fmt.Sprintf("was of format %s and is of %s", orAny(before), orAny(after)), "add a member with the new type beside it")
	}
}

func formatOf(p peeled) string {
	if !slices.Contains(p.Type, "string") {
		return ""
	}
	return p.Format
}

func orAny(s string) string {
	if s == "" {
		return "any text"
	}
	return s
}

// digits is the pattern of decimals, which can be compared.
var digits = regexp.MustCompile(`^\^-\?\[0-9\]\{1,(\d+)\}(?:\(\\\.\[0-9\]\{1,(\d+)\}\)\?)?\$$`)

func (c *comparer) pattern(was, is peeled, at place, d direction) {
	before, after := was.Pattern, is.Pattern
	if before == after {
		return
	}
	if old, new := operatorsOf(before), operatorsOf(after); old != nil && new != nil {
		c.operators(old, new, at)
		return
	}
	m, n := digits.FindStringSubmatch(before), digits.FindStringSubmatch(after)
	switch {
	case m != nil && n != nil:
		if narrower := less(n[1], m[1]) || less(n[2], m[2]); d == sent && narrower {
			c.at(at, Breaking, "pattern-changed", "takes fewer digits", "keep the scale")
		} else if d == shown {
			c.at(at, Risky, "pattern-changed", "shows another number of digits", "whoever compares the text sees a difference")
		}
	case d == shown:
	case after == "":
		c.at(at, Harmless, "pattern-gone", "takes any text", "")
	default:
		c.at(at, Breaking, "pattern-changed", "must match `"+after+"` now", "whoever sent anything else is refused")
	}
}

func less(a, b string) bool { return len(a) < len(b) || len(a) == len(b) && a < b }

// limit is a bound of values.
type limit struct {
	name  string
	lower bool // a lower bound
	of    func(*schema) *json.Number
}

var limits = []limit{
	{"minimum", true, func(s *schema) *json.Number { return s.Minimum }},
	{"maximum", false, func(s *schema) *json.Number { return s.Maximum }},
	{"shortest length", true, func(s *schema) *json.Number { return s.MinLength }},
	{"longest length", false, func(s *schema) *json.Number { return s.MaxLength }},
	{"smallest number of elements", true, func(s *schema) *json.Number { return s.MinItems }},
	{"largest number of elements", false, func(s *schema) *json.Number { return s.MaxItems }},
	{"smallest number of members", true, func(s *schema) *json.Number { return s.MinProperties }},
}

// limit compares a bound of what is sent; readers are not told of bounds.
func (c *comparer) limit(l limit, before, after *json.Number, at place, d direction) {
	if d == shown || before == nil && after == nil {
		return
	}
	was, is := rational(before), rational(after)
	if was != nil && is != nil && was.Cmp(is) == 0 {
		return
	}
	narrower := was == nil || is != nil && (is.Cmp(was) > 0) == l.lower
	if !narrower {
		c.at(at, Harmless, "limit-widened", "the "+l.name+" is "+orNone(after)+", not "+orNone(before), "")
		return
	}
	c.at(at, Breaking, "limit-narrowed", "the "+l.name+" is "+orNone(after)+", not "+orNone(before), "keep the limit; what clients send today may be beyond the new one")
}

func rational(n *json.Number) *big.Rat {
	if n == nil {
		return nil
	}
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return nil
	}
	return r
}

func orNone(n *json.Number) string {
	if n == nil {
		return "none"
	}
	return n.String()
}

// initial compares the defaults of content.
func (c *comparer) initial(was, is peeled, at place) {
	before, after := strings.TrimSpace(string(was.Default)), strings.TrimSpace(string(is.Default))
	if before == after {
		return
	}
	if before == "" {
		c.at(at, Harmless, "default-added", "is "+after+" where it is not sent", "")
		return
	}
	c.at(at, Risky, "default-changed", "is "+orNull(after)+" where it is not sent, not "+before, "who leaves it out gets another value")
}

func orNull(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
