package breaking

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// What documents of Dowel say in sentences. Documents of others lack them on both sides.
var (
	sentenceFixed   = "Cannot change once it is set."
	sentenceLeast   = regexp.MustCompile(`At least (-?[0-9.]+[0-9])\.`)
	sentenceMost    = regexp.MustCompile(`At most (-?[0-9.]+[0-9])\.`)
	sentenceHere    = regexp.MustCompile(`Here: (.*)\.$`)
	sentenceFilter  = regexp.MustCompile(`^Filter: (.*)\.$`)
	patternOfFilter = regexp.MustCompile(`^\^\(not:\)\*\((.*)\|\[\^:\]\*\$\)$`)
	lineOfCode      = regexp.MustCompile("(?m)^- `([A-Za-z_-]+)`:")
)

func fixed(description string) bool { return strings.Contains(description, sentenceFixed) }

// decimals compares the bounds of numbers that are sent as text.
func (c *comparer) decimals(was, is peeled, at place, d direction) {
	c.limit(limit{name: "minimum", lower: true}, said(sentenceLeast, was.Description), said(sentenceLeast, is.Description), at, d)
	c.limit(limit{name: "maximum"}, said(sentenceMost, was.Description), said(sentenceMost, is.Description), at, d)
}

func said(sentence *regexp.Regexp, description string) *json.Number {
	m := sentence.FindStringSubmatch(description)
	if m == nil {
		return nil
	}
	n := json.Number(m[1])
	return &n
}

// operatorsOf are the operators that the pattern of a filter lets through, nil for other patterns.
func operatorsOf(pattern string) []string {
	m := patternOfFilter.FindStringSubmatch(pattern)
	if m == nil {
		return nil
	}
	ops := strings.Split(m[1], "|")
	for i := range ops {
		ops[i], _, _ = strings.Cut(ops[i], ":")
	}
	return ops
}

func (c *comparer) operators(before, after []string, at place) {
	if gone := without(before, after); len(gone) > 0 {
		c.at(at, Breaking, "operator-removed", "cannot be filtered with "+list(gone)+" any more", "keep the type of the member")
	}
	if more := without(after, before); len(more) > 0 {
		c.at(at, Harmless, "operator-added", "can be filtered with "+list(more), "")
	}
}

// described compares what parameters say that they take: names of relations, scopes and searched members.
func (c *comparer) described(before, after string, at place) {
	if old, new := names(sentenceFilter, before), names(sentenceFilter, after); old != nil && new != nil {
		c.operators(old, new, at)
	}
	old, new := names(sentenceHere, before), names(sentenceHere, after)
	if old == nil || new == nil {
		return
	}
	if at.parameter == "search" {
		if gone := without(old, new); len(gone) > 0 {
			c.at(at, Risky, "search-narrowed", list(gone)+" is not searched any more", "the same text finds fewer records")
		}
		return
	}
	if gone := without(old, new); len(gone) > 0 {
		c.at(at, Breaking, "word-removed", list(gone)+" is not known to `"+at.parameter+"` any more", "keep it until nobody asks for it")
	}
	if more := without(new, old); len(more) > 0 {
		c.at(at, Harmless, "word-added", list(more)+" is known to `"+at.parameter+"`", "")
	}
}

func names(sentence *regexp.Regexp, description string) (all []string) {
	m := sentence.FindStringSubmatch(description)
	if m == nil {
		return nil
	}
	for _, name := range strings.Split(m[1], ",") {
		all = append(all, strings.Trim(name, " `"))
	}
	return all
}

// codes are the statuses of errors by their codes, of all answers together.
func (d *document) codes() map[string]string {
	all := map[string]string{}
	for _, item := range d.Paths {
		for _, o := range item.operations() {
			for status, r := range o.Responses {
				if status < "400" {
					continue
				}
				for _, m := range lineOfCode.FindAllStringSubmatch(d.response(r).Description, -1) {
					if have := all[m[1]]; !slices.Contains(strings.Fields(have), status) {
						all[m[1]] = sortedWords(have + " " + status)
					}
				}
			}
		}
	}
	return all
}

func sortedWords(s string) string {
	all := strings.Fields(s)
	slices.Sort(all)
	return strings.Join(all, " ")
}

// errors compares the statuses that codes come with.
func (c *comparer) errors() {
	after := c.new.codes()
	before := c.old.codes()
	for _, code := range slices.Sorted(maps.Keys(before)) {
		was := before[code]
		is, still := after[code]
		if !still || was == is || subset(strings.Fields(is), strings.Fields(was)) {
			continue
		}
		c.out.tell(Finding{Severity: Breaking, Code: "status-changed", Message: "`" + code + "` comes with status " + strings.ReplaceAll(is, " ", " or ") + ", not " + strings.ReplaceAll(was, " ", " or "),
			Help: "`status` of config.yaml and the style decide it"})
	}
}
