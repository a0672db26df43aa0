package request

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/actions/filter"
	"github.com/dowel-dev/dowel/schema"
)

// groups are the options that belong together: an operation takes them or refuses them.
type groups uint16

const (
	always      groups = 1 << iota // who acts, explain
	shaping                        // shape of the answer
	viewing                        // with, fields
	deletedRows                    // deleted
	filtering                      // field=expr, where, scope, search
	paging                         // order, limit, page, count
	writing                        // dry_run
	affecting                      // max_affected
	importing                      // on_conflict, mode: words elsewhere may be filters
	inputs                         // the input of a declared action
	continuing                     // cursor
	grouping                       // group, measure, having
	limiting                       // limit
	timed                          // asOf
	uploading                      // name: a word that elsewhere may be a filter
)

// option is a reserved word of the query.
type option uint8

const (
	optWith option = iota
	optFields
	optOrderBy
	optSort
	optOrder
	optLimit
	optPage
	optCount
	optSearch
	optScope
	optWhere
	optDeleted
	optFormat
	optKeyByIDs
	optGroupedByClass
	optEnvelope
	optPretty
	optDryRun
	optExplain
	optAs
	optAsMode
	optMaxAffected
	optCursor
	optGroup
	optMeasure
	optHaving
	optOnConflict
	optMode
	optAsOf
	optName
	numOptions
	noOption
)

// options describes the reserved words. flag: a bare word means true.
var options = [numOptions]struct {
	name  string
	group groups
	flag  bool
}{
	optWith:           {"with", viewing, false},
	optFields:         {"fields", viewing, false},
	optOrderBy:        {"orderBy", paging, false},
	optSort:           {"sort", paging, false},
	optOrder:          {"order", paging, false},
	optLimit:          {"limit", paging | limiting, false},
	optPage:           {"page", paging, false},
	optCount:          {"count", paging, false},
	optSearch:         {"search", filtering, false},
	optScope:          {"scope", filtering, false},
	optWhere:          {"where", filtering, false},
	optDeleted:        {"deleted", deletedRows, false},
	optFormat:         {"format", shaping, false},
	optKeyByIDs:       {"keyByIds", shaping, true},
	optGroupedByClass: {"groupedByClass", shaping, true},
	optEnvelope:       {"envelope", shaping, true},
	optPretty:         {"pretty", shaping, true},
	optDryRun:         {"dry_run", writing, true},
	optExplain:        {"explain", always, true},
	optAs:             {"as", always, false},
	optAsMode:         {"as_mode", always, false},
	optMaxAffected:    {"max_affected", affecting, false},
	optCursor:         {"cursor", continuing, false},
	optGroup:          {"group", grouping, false},
	optMeasure:        {"measure", grouping, false},
	optHaving:         {"having", grouping, false},
	optOnConflict:     {"on_conflict", importing, false},
	optMode:           {"mode", importing, false},
	optAsOf:           {"asOf", timed, false},
	optName:           {"name", uploading, false},
}

// reserved returns the option that a word names, or noOption.
func reserved(word string) option {
	switch word {
	case "with":
		return optWith
	case "fields":
		return optFields
	case "orderBy":
		return optOrderBy
	case "sort":
		return optSort
	case "order":
		return optOrder
	case "limit":
		return optLimit
	case "page":
		return optPage
	case "count":
		return optCount
	case "search", "q":
		return optSearch
	case "scope":
		return optScope
	case "where":
		return optWhere
	case "deleted":
		return optDeleted
	case "format":
		return optFormat
	case "keyByIds":
		return optKeyByIDs
	case "groupedByClass":
		return optGroupedByClass
	case "envelope":
		return optEnvelope
	case "pretty":
		return optPretty
	case "asOf":
		return optAsOf
	case "dry_run":
		return optDryRun
	case "explain":
		return optExplain
	case "as":
		return optAs
	case "as_mode":
		return optAsMode
	case "max_affected":
		return optMaxAffected
	case "cursor":
		return optCursor
	case "group":
		return optGroup
	case "measure":
		return optMeasure
	case "having":
		return optHaving
	case "on_conflict":
		return optOnConflict
	case "mode":
		return optMode
	case "name":
		return optName
	}
	if strings.HasPrefix(word, "having.") {
		return optHaving
	}
	return noOption
}

// special are the groups whose words are none elsewhere, so that fields may be called so.
const special = importing | uploading

// reservedFor is reserved where an operation is known.
func reservedFor(op *operation, word string) option {
	o := reserved(word)
	if o != noOption && options[o].group&special&^op.takes != 0 {
		return noOption
	}
	return o
}

// Reserved lists the words of the query that are not filters. A field called like
// one of them is filtered as `.NAME=…`.
func Reserved() []string {
	words := []string{"q"}
	for o := range numOptions {
		if options[o].group&special == 0 {
			words = append(words, options[o].name)
		}
	}
	return words
}

// query collects what the query and the modifiers say.
type query struct {
	text     [numOptions]string
	set      uint32 // options given
	modifier uint32 // options given as ;modifier
	terms    []filter.Term
	groups   []filter.Term // having.NAME
	input    []pair
	syntax   []actions.Problem // what nobody could read: 400
	misfits  []actions.Problem // what could be read but makes no sense
}

// pair is one parameter that is not an option.
type pair struct{ name, value string }

// place says where something was written, for problems.
type place struct {
	name     string
	modifier bool
}

func (w place) problem(code, detail string) actions.Problem {
	p := actions.Problem{Code: code, Detail: detail}
	if w.modifier {
		p.Modifier = excerpt(w.name)
	} else {
		p.Parameter = excerpt(w.name)
	}
	return p
}

// mostProblems and mostTerms end the reading of a query that is refused anyway,
// so that a refusal stays cheap.
const (
	mostProblems = 50
	mostTerms    = 1000
)

// read takes in the modifiers and the query. Nothing is skipped but empty pairs.
func (q *query) read(op *operation, t *target, raw string) {
	q.modifiers(op, t.mountMods)
	q.modifiers(op, t.mods)
	for raw != "" && len(q.syntax) < mostProblems {
		var text string
		text, raw, _ = strings.Cut(raw, "&")
		if text != "" {
			q.pair(op, text)
		}
	}
}

func (q *query) modifiers(op *operation, mods string) {
	for mods != "" && len(q.syntax) < mostProblems {
		var m string
		m, mods, _ = cutModifier(mods)
		name, value, valued := strings.Cut(m, "=")
		// checkModifiers has seen that these decode.
		name, _ = url.PathUnescape(name)
		value, _ = url.PathUnescape(value)
		at := place{name, true}
		switch o := reservedFor(op, name); {
		case name == "compound" && op.verb == Compound && !valued:
		case name == "compound":
			q.bad(at, "unavailable", "`;compound` stands at the mount alone, without a collection.")
		case o == noOption:
			q.unknownModifier(at)
		default:
			q.option(op, o, at, value, valued)
		}
	}
}

func (q *query) unknownModifier(at place) {
	var known []string
	for o := range numOptions {
		known = append(known, options[o].name)
	}
	p := at.problem("unknown", "There is no modifier `"+excerpt(at.name)+"`; filters go into the query.")
	p.Hint = didYouMean(schema.Suggest(at.name, known))
	q.syntax = append(q.syntax, p)
}

// pair reads one name=value of the query.
func (q *query) pair(op *operation, text string) {
	rawName, rawValue, valued := strings.Cut(text, "=")
	name, ok := decodePair(rawName)
	if !ok {
		q.bad(place{rawName, false}, "syntax", "The name of a parameter holds a broken percent escape, or is not UTF-8 text.")
		return
	}
	if name == "" {
		q.bad(place{"=" + rawValue, false}, "syntax", "A parameter has no name: write name=value.")
		return
	}
	at := place{name, false}
	value, ok := decodePair(rawValue)
	if !ok {
		q.bad(at, "syntax", "The value of `"+excerpt(name)+"` holds a broken percent escape, or is not UTF-8 text.")
		return
	}
	if o := reservedFor(op, name); o != noOption {
		q.option(op, o, at, value, valued)
		return
	}
	q.filter(op, at, value, valued)
}

// option notes an option, once.
func (q *query) option(op *operation, o option, at place, value string, valued bool) {
	known := &options[o]
	if op.takes&known.group == 0 {
		q.bad(at, "not-applicable", "`"+known.name+"` does not apply to this request.")
		return
	}
	if !valued {
		if !known.flag {
			q.bad(at, "syntax", "`"+known.name+"` needs a value: write "+known.name+"=….")
			return
		}
		value = "true"
	}
	if o == optHaving {
		q.having(at, value)
		return
	}
	if value == "" {
		q.bad(at, "syntax", "`"+known.name+"` is empty: give it a value or leave it out.")
		return
	}
	bit := uint32(1) << o
	if q.set&bit != 0 && q.text[o] != value {
		q.bad(at, "conflict", "`"+known.name+"` is given twice with different values.")
		return
	}
	q.set |= bit
	if at.modifier {
		q.modifier |= bit
	}
	q.text[o] = value
}

// filter notes a parameter that is not an option.
func (q *query) filter(op *operation, at place, value string, valued bool) {
	name := at.name
	if op.takes&inputs != 0 {
		q.input = append(q.input, pair{name, value})
		return
	}
	name = strings.TrimPrefix(name, ".")
	if !isPath(name) {
		q.notAName(at)
		return
	}
	if op.takes&filtering == 0 {
		p := at.problem("not-applicable", "`"+excerpt(name)+"` would be a filter, and filters do not apply to this request.")
		p.Hint = didYouMean(schema.Suggest(name, Reserved()))
		q.syntax = append(q.syntax, p)
		return
	}
	if !valued {
		q.bad(at, "syntax", "`"+excerpt(name)+"` is a filter and needs a value: write "+excerpt(name)+"=….")
		return
	}
	term, err := filter.Parse(name, value)
	if err != nil {
		q.bad(at, "syntax", "`"+excerpt(name)+"`: "+err.Error()+".")
		return
	}
	if len(q.terms) == mostTerms {
		q.bad(at, "too-many", "There are more than "+itoa(mostTerms)+" filters.")
		return
	}
	if q.terms == nil {
		q.terms = make([]filter.Term, 0, 4)
	}
	q.terms = append(q.terms, term)
}

// notAName refuses a parameter that no field can be called like.
func (q *query) notAName(at place) {
	p := at.problem("unknown", "`"+excerpt(at.name)+"` is no parameter and no field: a filter is written field=… or relation.field=….")
	word := strings.TrimLeft(at.name, "_.$")
	if i := strings.IndexByte(word, '['); i >= 0 {
		word = word[:i]
	}
	if reserved(word) != noOption {
		p.Hint = didYouMean(word)
	} else {
		p.Hint = didYouMean(schema.Suggest(word, Reserved()))
	}
	q.syntax = append(q.syntax, p)
}

func (q *query) bad(at place, code, detail string) {
	q.syntax = append(q.syntax, at.problem(code, detail))
}

// refuse reports the options of a group that were given although they say nothing here.
func (q *query) refuse(g groups, why string) {
	for o := range numOptions {
		if options[o].group == g && q.has(o) {
			q.bad(q.at(o), "not-applicable", "`"+options[o].name+"` "+why+".")
		}
	}
}

func (q *query) has(o option) bool { return q.set&(1<<o) != 0 }

func (q *query) at(o option) place {
	return place{options[o].name, q.modifier&(1<<o) != 0}
}

// err is the refusal of the query, if any.
func (q *query) err() error {
	if len(q.syntax) == 0 {
		if len(q.misfits) > 0 {
			return actions.Invalid(q.misfits...)
		}
		return nil
	}
	problems := q.syntax
	e := actions.Errorf(actions.BadQuery, problems[0].Detail)
	e.Errors, e.Hint = problems, problems[0].Hint
	if len(problems) > 1 {
		e.Detail, e.Hint = "Several parameters cannot be read.", ""
	}
	return e
}

// NoQuery refuses parameters where none is taken: unknown ones are never ignored.
func NoQuery(r *http.Request) error {
	q, none := query{}, operation{}
	q.read(&none, &target{}, r.URL.RawQuery)
	return q.err()
}

// decodePair decodes a name or value of the query: a plus is a space, escapes
// are bytes of UTF-8 text without NUL.
func decodePair(s string) (string, bool) {
	plain := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '%' || c == '+' || c == 0 || c >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain {
		return s, true
	}
	s, err := url.QueryUnescape(s)
	return s, err == nil && utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

// isPath reports whether text is names joined by dots.
func isPath(text string) bool {
	start := true
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			start = false
		case start:
			return false
		case c >= '0' && c <= '9', c == '_', c == '-':
		case c == '.':
			start = true
		default:
			return false
		}
	}
	return !start
}
