package request

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// view reads with, fields and deleted.
func (q *query) view() actions.View {
	var v actions.View
	if q.set&(1<<optWith|1<<optFields|1<<optDeleted) == 0 {
		return v
	}
	if q.has(optWith) {
		v.With = q.with()
	}
	if q.has(optFields) {
		v.Fields = q.fields()
	}
	if q.has(optDeleted) {
		v.Deleted = q.word(optDeleted, "with", "only")
	}
	return v
}

// fields reads id,name,orders.total,orders.*.
func (q *query) fields() []string {
	list := strings.Split(q.text[optFields], ",")
	for _, path := range list {
		if head, ok := strings.CutSuffix(path, "*"); ok && (head == "" || strings.HasSuffix(head, ".") && isPath(head[:len(head)-1])) {
			continue
		}
		if !isPath(path) {
			q.badElement(optFields, path, "names separated by commas: fields=id,name,orders.total")
			return nil
		}
	}
	return list
}

// selection reads which rows are meant, in which order, how many.
func (q *query) selection() actions.Select {
	s := actions.Select{Filter: q.terms}
	const some = 1<<optScope | 1<<optWhere | 1<<optSearch | 1<<optOrderBy | 1<<optSort | 1<<optOrder | 1<<optLimit | 1<<optPage
	if q.set&some == 0 {
		return s
	}
	s.Search = q.text[optSearch]
	if q.has(optScope) {
		s.Scopes = q.names(optScope)
	}
	if q.has(optWhere) {
		s.Where = q.where()
	}
	s.Order = q.order()
	if q.has(optLimit) {
		s.Skip, s.Limit = q.limit()
	}
	if q.has(optPage) {
		s.Page = q.page()
	}
	if s.Page != nil && s.Skip != nil {
		q.misfits = append(q.misfits, q.at(optPage).problem("conflict", "`page` and the skip of `limit` say two things: give one of them."))
	}
	return s
}

// where checks the grammar of an expression; its names are bound later.
func (q *query) where() string {
	text := q.text[optWhere]
	if _, err := expr.Parse(text); err != nil {
		p := q.at(optWhere).problem("syntax", "`where`: "+err.Error()+".")
		p.Hint = err.Hint
		q.syntax = append(q.syntax, p)
	}
	return text
}

// order reads orderBy, or sort with order.
func (q *query) order() []actions.Order {
	if q.has(optSort) {
		if q.has(optOrderBy) {
			q.bad(q.at(optSort), "conflict", "`sort` and `orderBy` are two spellings of one thing: give one of them.")
			return nil
		}
		keys := q.keys(optSort)
		if q.has(optOrder) && keys != nil {
			q.directions(keys)
		}
		return keys
	}
	if q.has(optOrder) {
		q.bad(q.at(optOrder), "conflict", "`order` goes with `sort`: write sort=name&order=desc, or orderBy=-name.")
	}
	if q.has(optOrderBy) {
		return q.keys(optOrderBy)
	}
	return nil
}

// keys reads -created_at,name. A plus, or the space that it decodes to, means ascending.
func (q *query) keys(o option) []actions.Order {
	text := q.text[o]
	keys := make([]actions.Order, 0, 1+strings.Count(text, ","))
	for more := true; more; {
		var key string
		key, text, more = strings.Cut(text, ",")
		var k actions.Order
		k.By = key
		if key != "" && strings.IndexByte("+- ", key[0]) >= 0 {
			k.By, k.Desc = key[1:], key[0] == '-'
		}
		if !isPath(k.By) {
			q.badElement(o, key, "names separated by commas, with a minus before those that descend: "+options[o].name+"=-created_at,name")
			return nil
		}
		keys = append(keys, k)
	}
	return keys
}

// directions applies order=desc, or one word for each key, to the keys of sort.
func (q *query) directions(keys []actions.Order) {
	words := strings.Split(q.text[optOrder], ",")
	if len(words) != 1 && len(words) != len(keys) {
		q.bad(q.at(optOrder), "syntax", "`order` has another number of words than `sort` has keys.")
		return
	}
	if strings.ContainsAny(q.text[optSort], "+- ") && slices.ContainsFunc(strings.Split(q.text[optSort], ","), signed) {
		q.bad(q.at(optOrder), "conflict", "`sort` has a sign already: leave out `order`.")
		return
	}
	for i := range keys {
		word := words[min(i, len(words)-1)]
		switch strings.ToLower(word) {
		case "asc":
		case "desc":
			keys[i].Desc = true
		default:
			q.bad(q.at(optOrder), "syntax", "`order` is asc or desc, not `"+excerpt(word)+"`.")
			return
		}
	}
}

func signed(key string) bool { return key != "" && strings.IndexByte("+- ", key[0]) >= 0 }

// limit reads [skip,]count.
func (q *query) limit() (skip, count *int) {
	text := q.text[optLimit]
	before, after, both := strings.Cut(text, ",")
	if both {
		skip, count = number(before), number(after)
	} else {
		count = number(before)
	}
	if count == nil || both && skip == nil {
		q.bad(q.at(optLimit), "syntax", "`limit` is a number of records, or skip,count: limit=20 or limit=40,20; not `"+excerpt(text)+"`.")
		return nil, nil
	}
	return skip, count
}

func (q *query) page() *int {
	n := number(q.text[optPage])
	if n == nil || *n == 0 {
		q.bad(q.at(optPage), "syntax", "`page` is a number from 1, not `"+excerpt(q.text[optPage])+"`.")
		return nil
	}
	return n
}

func (q *query) maxAffected() *int {
	if !q.has(optMaxAffected) {
		return nil
	}
	n := number(q.text[optMaxAffected])
	if n == nil {
		q.bad(q.at(optMaxAffected), "syntax", "`max_affected` is a number of records, not `"+excerpt(q.text[optMaxAffected])+"`.")
	}
	return n
}

// number reads digits alone. What is too large for any limit stays too large.
func number(text string) *int {
	if text == "" {
		return nil
	}
	n := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c < '0' || c > '9' {
			return nil
		}
		if n = n*10 + int(c-'0'); n > math.MaxInt32 {
			n = math.MaxInt32
		}
	}
	return &n
}

func (q *query) count() string {
	if !q.has(optCount) {
		return ""
	}
	return q.word(optCount, "exact", "estimate", "none")
}

// options reads what every action understands.
func (q *query) options() actions.Options {
	var o actions.Options
	const some = 1<<optFormat | 1<<optKeyByIDs | 1<<optGroupedByClass | 1<<optEnvelope | 1<<optPretty |
		1<<optDryRun | 1<<optExplain | 1<<optAs | 1<<optAsMode
	if q.set&some == 0 {
		return o
	}
	if q.has(optFormat) {
		o.Output.Format = q.word(optFormat, formatNames...)
	}
	if q.has(optEnvelope) {
		on := q.bool(optEnvelope)
		o.Output.Envelope = &on
	}
	o.Output.KeyByIDs = q.bool(optKeyByIDs)
	o.Output.GroupedByClass = q.bool(optGroupedByClass)
	o.Output.Pretty = q.bool(optPretty)
	o.DryRun = q.bool(optDryRun)
	o.Explain = q.bool(optExplain)
	o.As = q.text[optAs]
	if q.has(optAsMode) {
		o.AsMode = q.word(optAsMode, "replace", "add")
		if o.As == "" {
			q.bad(q.at(optAsMode), "conflict", "`as_mode` goes with `as`.")
		}
	}
	return o
}

// bool reads a switch; one that was not given is off.
func (q *query) bool(o option) bool {
	if !q.has(o) {
		return false
	}
	switch strings.ToLower(q.text[o]) {
	case "true", "1", "yes", "on":
		return true
	case "false", "0", "no", "off":
		return false
	}
	q.bad(q.at(o), "syntax", "`"+options[o].name+"` is true or false, not `"+excerpt(q.text[o])+"`.")
	return false
}

// word reads one of a few words.
func (q *query) word(o option, known ...string) string {
	if slices.Contains(known, q.text[o]) {
		return q.text[o]
	}
	q.bad(q.at(o), "syntax", "`"+options[o].name+"` is one of "+strings.Join(known, ", ")+", not `"+excerpt(q.text[o])+"`.")
	return ""
}

// names reads names separated by commas.
func (q *query) names(o option) []string {
	list := strings.Split(q.text[o], ",")
	for _, name := range list {
		if !isPath(name) {
			q.badElement(o, name, "names separated by commas")
			return nil
		}
	}
	return list
}

func (q *query) badElement(o option, element, grammar string) {
	what := "`" + excerpt(element) + "` is not a name"
	if element == "" {
		what = "a name is missing"
	}
	q.bad(q.at(o), "syntax", "`"+options[o].name+"`: "+what+"; it is "+grammar+".")
}

// input makes the content of a declared action that is run by GET.
func (q *query) content(a *schema.Action) json.RawMessage {
	if len(q.input) == 0 {
		return nil
	}
	seen := map[*schema.Field]string{}
	b := []byte{'{'}
	for _, p := range q.input {
		at := place{p.name, false}
		f := inputField(a, strings.TrimPrefix(p.name, "."))
		if f == nil {
			q.misfits = append(q.misfits, at.problem("unknown", "`"+a.Name+"` has no input `"+excerpt(p.name)+"`."))
			continue
		}
		if before, again := seen[f]; again {
			if before != p.value {
				q.bad(at, "conflict", "`"+f.JSON+"` is given twice with different values.")
			}
			continue
		}
		seen[f] = p.value
		v, err := f.Type.Parse(p.value)
		if err != nil {
			q.misfits = append(q.misfits, at.problem("operand", "`"+f.JSON+"`: "+err.Error()+"."))
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b, _ = jsontext.AppendQuote(b, f.JSON)
		b = append(b, ':')
		b = f.Type.AppendJSON(b, v)
	}
	return append(b, '}')
}

func inputField(a *schema.Action, name string) *schema.Field {
	for _, f := range a.Input {
		if f.JSON == name || f.Name == name {
			return f
		}
	}
	return nil
}
