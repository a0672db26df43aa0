package request

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/actions/filter"
)

// aggregate is a list of groups: what it does not say of records cannot be asked for.
func (q *query) aggregate(t *target) actions.Action {
	const why = "does not apply to groups"
	q.refuse(viewing, why)
	q.refuse(continuing, why)
	for _, o := range []option{optKeyByIDs, optGroupedByClass} {
		if q.has(o) {
			q.bad(q.at(o), "not-applicable", "`"+options[o].name+"` "+why+".")
		}
	}
	a := &actions.Aggregate{
		Class: t.rows(), Parent: t.parent(), Select: q.selection(), Having: q.groups, Count: q.count(), Options: q.options(),
	}
	if q.has(optDeleted) {
		a.Deleted = q.word(optDeleted, "with", "only")
	}
	if q.has(optGroup) {
		a.Group = q.groupBy()
	}
	if q.has(optMeasure) {
		a.Measure = q.measures()
	}
	if !q.has(optGroup) && !q.has(optMeasure) {
		q.bad(q.at(optHaving), "conflict", "`having` goes with `group` or `measure`.")
	}
	return a
}

// groupBy reads status,created_at:month.
func (q *query) groupBy() []actions.Group {
	var list []actions.Group
	for text := range strings.SplitSeq(q.text[optGroup], ",") {
		by, part, timed := strings.Cut(text, ":")
		switch {
		case !isPath(by):
			q.badElement(optGroup, by, "names separated by commas, a time with a part of the calendar: group=status,created_at:month")
			return nil
		case timed && !slices.Contains(actions.Parts(), part):
			q.bad(q.at(optGroup), "syntax", "`group`: the parts of the calendar are "+strings.Join(actions.Parts(), ", ")+"; `"+excerpt(part)+"` is none.")
			return nil
		}
		list = append(list, actions.Group{By: by, Part: part})
	}
	return list
}

// measures reads count,sum:total.
func (q *query) measures() []actions.Measure {
	var list []actions.Measure
	for text := range strings.SplitSeq(q.text[optMeasure], ",") {
		fn, of, found := strings.Cut(text, ":")
		switch {
		case !slices.Contains(actions.Funcs(), fn):
			q.bad(q.at(optMeasure), "syntax", "`measure`: there are "+strings.Join(actions.Funcs(), ", ")+"; `"+excerpt(fn)+"` is none of them.")
			return nil
		case found && !isPath(of):
			q.badElement(optMeasure, of, "functions of fields, separated by commas: measure=count,sum:total")
			return nil
		case !found && fn != "count":
			q.bad(q.at(optMeasure), "syntax", "`measure`: `"+fn+"` needs a field: write "+fn+":FIELD.")
			return nil
		}
		list = append(list, actions.Measure{Func: fn, Of: of})
	}
	return list
}

// having notes one having.NAME=expr.
func (q *query) having(at place, value string) {
	name, named := strings.CutPrefix(at.name, "having.")
	if !named || !isPath(name) {
		q.bad(at, "syntax", "`having` names a member of the answer: write having.count=gt:5.")
		return
	}
	term, err := filter.Parse(name, value)
	if err != nil {
		q.bad(at, "syntax", "`"+excerpt(at.name)+"`: "+err.Error()+".")
		return
	}
	if len(q.groups) == mostTerms {
		q.bad(at, "too-many", "There are more than "+itoa(mostTerms)+" filters.")
		return
	}
	q.set |= 1 << optHaving
	if at.modifier {
		q.modifier |= 1 << optHaving
	}
	q.groups = append(q.groups, term)
}
