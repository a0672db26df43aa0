package request

import (
	"reflect"
	"strings"

	"github.com/dowel-dev/dowel/actions"
)

// with reads expansions:
//
//	with    = item *( "," item )
//	item    = name *( "." name ) [ "(" option *( ";" option ) ")" ]
//	option  = name "=" value
//
// An option is a filter, or where, scope, search, orderBy, sort, order, limit or page. A value ends
// before the next `;` or the `)` that closes the item; parentheses inside it are balanced, and what
// stands in double quotes (in where= also in single ones) is passed over. Items
// that begin alike are one tree: orders,orders.items expands orders once.
func (q *query) with() []actions.With {
	r := withReader{at: q.at(optWith), rest: q.text[optWith]}
	var tree []actions.With
	for {
		r.item(&tree)
		if r.failed || r.rest == "" {
			break
		}
		if r.rest[0] != ',' {
			r.fail("`" + excerpt(r.rest[:1]) + "` is not expected after `" + excerpt(r.last) + "`")
			break
		}
		r.rest = r.rest[1:]
	}
	q.syntax = append(q.syntax, r.syntax...)
	q.misfits = append(q.misfits, r.misfits...)
	if r.failed {
		return nil
	}
	return tree
}

// withReader reads the text of with= from the left. What is wrong it keeps to
// itself: a pointer to the query here would move that one to the heap.
type withReader struct {
	at              place
	rest            string
	last            string // the item being read
	failed          bool
	nodes           int
	syntax, misfits []actions.Problem
}

// mostNodes bounds the tree of expansions, whatever the classes allow.
const mostNodes = 64

func (r *withReader) fail(what string) {
	if !r.failed {
		r.syntax = append(r.syntax, r.at.problem("syntax", "`with`: "+what+"; it is relations separated by commas: with=orders,orders.items or with=orders(status=eq:placed;limit=5)."))
	}
	r.failed = true
}

// item reads one relation path with its options into the tree.
func (r *withReader) item(tree *[]actions.With) {
	end := strings.IndexAny(r.rest, ",(")
	if end < 0 {
		end = len(r.rest)
	}
	path := r.rest[:end]
	r.rest, r.last = r.rest[end:], path
	if path == "" {
		r.fail("a name is missing")
		return
	}
	if !isPath(path) {
		r.fail("`" + excerpt(path) + "` is not a name")
		return
	}
	node := r.node(tree, path)
	if node == nil || !strings.HasPrefix(r.rest, "(") {
		return
	}
	r.rest = r.rest[1:]
	s, ok := r.options(path)
	if !ok {
		return
	}
	if !isZero(&node.Select) && !reflect.DeepEqual(node.Select, s) {
		r.syntax = append(r.syntax, r.at.problem("conflict", "`with`: `"+excerpt(path)+"` has different options in two places."))
		r.failed = true
		return
	}
	node.Select = s
}

// node finds or makes the place of a path in the tree.
func (r *withReader) node(tree *[]actions.With, path string) *actions.With {
	var node *actions.With
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, ".")
		node = nil
		for i := range *tree {
			if (*tree)[i].Relation == name {
				node = &(*tree)[i]
			}
		}
		if node == nil {
			if r.nodes++; r.nodes > mostNodes {
				r.misfits = append(r.misfits, r.at.problem("too-many", "`with` names more than "+itoa(mostNodes)+" relations."))
				r.failed = true
				return nil
			}
			*tree = append(*tree, actions.With{Relation: name})
			node = &(*tree)[len(*tree)-1]
		}
		tree = &node.With
	}
	return node
}

// options reads up to the closing parenthesis. They mean what they mean in a
// query of their own, so that query reads them.
func (r *withReader) options(path string) (actions.Select, bool) {
	var sub query
	for {
		end := strings.IndexAny(r.rest, "=;)")
		if end < 0 || r.rest[end] != '=' {
			r.fail("in the parentheses after `" + excerpt(path) + "` an option is not written name=value")
			return actions.Select{}, false
		}
		name := r.rest[:end]
		value, ok := r.value(r.rest[end+1:], name == "where")
		if !ok {
			r.fail("the parentheses after `" + excerpt(path) + "` are not closed")
			return actions.Select{}, false
		}
		r.option(&sub, path, name, value)
		closed := r.rest[0] == ')'
		r.rest = r.rest[1:]
		if closed {
			break
		}
	}
	s := sub.selection()
	r.syntax = append(r.syntax, r.located(path, sub.syntax)...)
	r.misfits = append(r.misfits, r.located(path, sub.misfits)...)
	return s, len(sub.syntax) == 0
}

// opExpand is what the parentheses of an expansion take.
var opExpand = operation{takes: filtering | paging}

// option hands one option of an expansion to the query of its own.
func (r *withReader) option(sub *query, path, name, value string) {
	at := place{name, false}
	o := reservedFor(&opExpand, name)
	switch {
	case name == "":
		sub.bad(at, "syntax", "An option has no name.")
	case o == noOption:
		sub.filter(&opExpand, at, value, true)
	case o == optCount || opExpand.takes&options[o].group == 0:
		p := at.problem("not-applicable", "`"+name+"` does not apply inside an expansion.")
		switch o {
		case optFields:
			p.Hint = "write fields=" + excerpt(path) + ".NAME beside with"
		case optWith:
			p.Hint = "write with=" + excerpt(path) + "," + excerpt(path) + ".NAME"
		}
		sub.syntax = append(sub.syntax, p)
	default:
		sub.option(&opExpand, o, at, value, true)
	}
}

// located says of problems inside an expansion that they are in with=.
func (r *withReader) located(path string, problems []actions.Problem) []actions.Problem {
	for i := range problems {
		p := r.at.problem(problems[i].Code, "`with="+excerpt(path)+"(…)`: "+problems[i].Detail)
		p.Hint = problems[i].Hint
		problems[i] = p
	}
	return problems
}

// value takes the value of an option off the text, up to the `;` or `)` that ends it.
func (r *withReader) value(text string, single bool) (string, bool) {
	depth := 0
	var quote byte
	for i := 0; i < len(text); i++ {
		c := text[i]
		if quote != 0 {
			switch {
			case c == '\\' && quote == '"':
				i++
			case c == quote:
				quote = 0
			}
			continue
		}
		switch c {
		case '"':
			quote = c
		case '\'':
			if single {
				quote = c
			}
		case '(':
			depth++
		case ')', ';':
			if depth == 0 {
				r.rest = text[i:]
				return text[:i], true
			}
			if c == ')' {
				depth--
			}
		}
	}
	return "", false
}

func isZero(s *actions.Select) bool {
	return !s.Filtered() && s.Order == nil && s.Skip == nil && s.Limit == nil && s.Page == nil
}
