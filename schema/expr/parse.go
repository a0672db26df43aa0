package expr

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/schema"
)

// The most a source may ask of the parser; the limits of requests are lower and checked with Size.
const (
	maxSource = 64 << 10 // bytes
	maxDepth  = 64       // levels of parentheses and `not`
)

// Kind is what a node of the syntax tree is.
type Kind uint8

// The kinds of nodes. Conditions come first, then operands.
const (
	AndNode     Kind = iota // Args, at least two
	OrNode                  // Args, at least two
	NotNode                 // Args[0]
	CompareNode             // Args[0] Op Args[1]
	InNode                  // Args[0] among Args[1:]
	LikeNode                // Args[0] like Args[1]
	HasNode                 // Args[0] has Args[1], a value
	WhereNode               // Args[0] has (Args[1]), a condition on the related row
	NullNode                // Args[0] is null
	PathNode                // Names; as a condition, a field of type bool
	StringNode              // Text
	NumberNode              // Text, with its sign
	BoolNode                // Text is true or false; a condition too
	NullWord                // null where a value should be
	MeNode                  // me, or me.FIELD in Names
	NowNode                 // now plus Offset
	SpanNode                // Offset: a length of time such as 7d
)

// Node is a piece of an expression, with its place in the source in bytes.
type Node struct {
	Kind       Kind
	Start, End int
	Op         schema.Op
	Args       []*Node
	Names      []Name
	Text       string
	Offset     time.Duration
	depth      int // of parentheses and `not` around it
}

// Name is one member of a path.
type Name struct {
	Text       string
	Start, End int
}

// SyntaxError is the first thing in a source that is no expression.
type SyntaxError struct {
	Offset, End   int // bytes of the source
	Message, Hint string
}

// Error returns the sentence of the problem and its column.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s (column %d)", e.Message, e.Offset+1)
}

// Size is what an expression may cost: the number of its comparisons, and how
// deep parentheses and `not` are nested. See Elements for what is inside of one.
func (n *Node) Size() (terms, depth int) {
	n.visit(func(x *Node) {
		depth = max(depth, x.depth)
		switch x.Kind {
		case CompareNode, InNode, LikeNode, HasNode, WhereNode, NullNode, PathNode:
			terms++
		}
	})
	return terms - n.operandPaths(), depth
}

// Elements is the number of elements of the longest `in`, and Pattern the
// number of characters of the longest pattern.
func (n *Node) Elements() (elements, pattern int) {
	n.visit(func(x *Node) {
		switch x.Kind {
		case InNode:
			elements = max(elements, len(x.Args)-1)
		case LikeNode:
			pattern = max(pattern, len([]rune(x.Args[1].Text)))
		}
	})
	return elements, pattern
}

// operandPaths counts the paths that are no conditions of their own.
func (n *Node) operandPaths() (paths int) {
	n.visit(func(x *Node) {
		switch x.Kind {
		case WhereNode:
			paths++
		case CompareNode, InNode, LikeNode, HasNode, NullNode:
			for _, a := range x.Args {
				if a.Kind == PathNode {
					paths++
				}
			}
		}
	})
	return paths
}

func (n *Node) visit(f func(*Node)) {
	f(n)
	for _, a := range n.Args {
		a.visit(f)
	}
}

// Parse reads an expression.
func Parse(src string) (*Node, *SyntaxError) {
	if len(src) > maxSource {
		return nil, &SyntaxError{Offset: maxSource, End: len(src), Message: "the expression is longer than " + strconv.Itoa(maxSource) + " bytes"}
	}
	p := &parser{src: src}
	n := p.either()
	if p.err == nil && p.peek().kind != tokEnd {
		p.unexpected("`and`, `or` or the end")
	}
	if p.err != nil {
		return nil, p.err
	}
	return n, nil
}

// parser reads by recursive descent. After the first error every method
// returns at once; what they return is then not used.
type parser struct {
	src   string
	at    int
	next  token
	ahead bool
	depth int
	err   *SyntaxError
}

func (p *parser) peek() token {
	if p.ahead || p.err != nil {
		return p.next
	}
	p.next, p.err = lex(p.src, p.at)
	if p.err != nil {
		p.next = token{}
	}
	p.ahead = true
	return p.next
}

func (p *parser) take() token {
	t := p.peek()
	p.at, p.ahead = t.end, false
	return t
}

// word takes the token when it is that keyword or sign.
func (p *parser) word(text string) bool {
	t := p.peek()
	if p.err != nil || t.kind != tokName && t.kind != tokSign || t.text != text {
		return false
	}
	p.take()
	return true
}

func (p *parser) fail(start, end int, message, hint string) {
	if p.err == nil {
		p.err = &SyntaxError{Offset: start, End: end, Message: message, Hint: hint}
	}
}

// unexpected reports the next token where something else is needed.
func (p *parser) unexpected(want string) {
	t := p.peek()
	if p.err != nil {
		return
	}
	got, hint := "`"+p.src[t.start:t.end]+"`", ""
	lower := strings.ToLower(t.text)
	switch {
	case t.kind == tokEnd:
		got = "the end"
	case t.kind == tokName && t.text != lower && keywords[lower]:
		hint = "write `" + lower + "` in lower case"
	case t.kind == tokName && strings.HasPrefix(want, "`and`"):
		if hint = otherWords[lower]; hint == "" {
			hint = didYouMean(t.text, []string{"and", "or"})
		}
	case t.text == "=" && p.at > 0 && p.src[p.at-1] == '=':
		hint = "equal is a single `=`"
	case t.text == ">" && p.at > 0 && p.src[p.at-1] == '<':
		hint = "unequal is written `!=`"
	}
	p.fail(t.start, t.end, "expected "+want+", found "+got, hint)
}

// otherWords are operators of other languages.
var otherWords = map[string]string{
	"contains": "write `name like '*text*'`, or `tags has 'x'` for a list", "includes": "write `name like '*text*'`, or `tags has 'x'` for a list",
	"between": "write `>=` and `<=`", "ilike": "write `like`, which ignores case", "matches": "write `name like 'A*'`",
	"starts_with": "write `name like 'A*'`", "startswith": "write `name like 'A*'`", "endswith": "write `name like '*z'`", "ends_with": "write `name like '*z'`",
	"equals": "write `=`", "eq": "write `=`", "ne": "write `!=`", "lt": "write `<`", "le": "write `<=`", "gt": "write `>`", "ge": "write `>=`",
}

func didYouMean(word string, candidates []string) string {
	if s := schema.Suggest(word, candidates); s != "" {
		return "did you mean `" + s + "`?"
	}
	return ""
}

func (p *parser) either() *Node { return p.joined(OrNode, "or", p.both) }
func (p *parser) both() *Node   { return p.joined(AndNode, "and", p.term) }

func (p *parser) joined(kind Kind, word string, part func() *Node) *Node {
	first := part()
	if p.err != nil || p.peek().text != word || p.peek().kind != tokName {
		return first
	}
	n := &Node{Kind: kind, Start: first.Start, Args: []*Node{first}, depth: p.depth}
	for p.word(word) && p.err == nil {
		n.Args = append(n.Args, part())
	}
	if p.err != nil {
		return nil
	}
	n.End = n.Args[len(n.Args)-1].End
	return n
}

// term is a condition, perhaps negated or in parentheses.
func (p *parser) term() *Node {
	t := p.peek()
	if p.err != nil {
		return nil
	}
	switch {
	case t.kind == tokName && t.text == "not":
		p.take()
		if !p.deeper(t) {
			return nil
		}
		x := p.term()
		p.depth--
		if p.err != nil {
			return nil
		}
		return &Node{Kind: NotNode, Start: t.start, End: x.End, Args: []*Node{x}, depth: p.depth}
	case t.kind == tokSign && t.text == "(":
		return p.group()
	}
	return p.condition()
}

func (p *parser) deeper(t token) bool {
	p.depth++
	if p.depth > maxDepth {
		p.fail(t.start, t.end, "more than "+strconv.Itoa(maxDepth)+" levels of parentheses and `not`", "")
	}
	return p.err == nil
}

// group is an expression in parentheses; its place includes them.
func (p *parser) group() *Node {
	open := p.take()
	if !p.deeper(open) {
		return nil
	}
	n := p.either()
	p.depth--
	if p.err != nil {
		return nil
	}
	end := p.peek()
	if !p.word(")") {
		p.unexpected("`and`, `or` or `)`")
		return nil
	}
	n.Start, n.End = open.start, end.end
	return n
}

// condition is an operand and what is said of it.
func (p *parser) condition() *Node {
	left := p.operand("a condition")
	if p.err != nil {
		return nil
	}
	t := p.peek()
	if p.err != nil {
		return nil
	}
	negated := t.kind == tokName && t.text == "not"
	if negated {
		p.take()
		if t = p.peek(); p.err != nil {
			return nil
		}
	}
	n := &Node{Start: left.Start, Args: []*Node{left}, depth: p.depth}
	op, compares := operators[t.text]
	switch {
	case !negated && compares && t.kind == tokSign:
		p.take()
		n.Kind, n.Op = CompareNode, op
		n.Args = append(n.Args, p.operand("a value"))
	case t.kind == tokName && t.text == "in":
		p.take()
		n.Kind = InNode
		p.list(n)
	case t.kind == tokName && t.text == "like":
		p.take()
		n.Kind = LikeNode
		n.Args = append(n.Args, p.pattern())
	case t.kind == tokName && t.text == "has":
		p.take()
		n.Kind = HasNode
		p.item(n)
	case !negated && t.kind == tokName && t.text == "is":
		p.take()
		n.Kind = NullNode
		negated = p.word("not")
		if !p.word("null") {
			p.unexpected("`null` after `is`")
		}
	case negated:
		p.unexpected("`in`, `like` or `has` after `not`")
	case left.Kind == PathNode || left.Kind == BoolNode:
		return left // a field of type bool, or a constant
	default:
		p.unexpected("a comparison such as `=`")
	}
	if p.err != nil {
		return nil
	}
	n.End = p.at
	if negated {
		n = &Node{Kind: NotNode, Start: n.Start, End: n.End, Args: []*Node{n}, depth: n.depth}
	}
	return n
}

var operators = map[string]schema.Op{
	"=": schema.Eq, "!=": schema.Ne, "<": schema.Lt, "<=": schema.Le, ">": schema.Gt, ">=": schema.Ge,
}

// list reads the elements of `in`.
func (p *parser) list(n *Node) {
	if !p.word("(") {
		p.unexpected("`(` and the values, as in ('a', 'b')")
		return
	}
	for p.err == nil {
		n.Args = append(n.Args, p.operand("a value"))
		if p.word(")") {
			return
		}
		if !p.word(",") {
			p.unexpected("`,` or `)`")
		}
	}
}

func (p *parser) pattern() *Node {
	t := p.peek()
	if t.kind != tokString {
		p.unexpected("a pattern in single quotes, as in 'A*'")
		return nil
	}
	p.take()
	return &Node{Kind: StringNode, Start: t.start, End: t.end, Text: t.text, depth: p.depth}
}

// item reads what a list or relation has: a value, or a condition in parentheses.
func (p *parser) item(n *Node) {
	if t := p.peek(); t.kind != tokSign || t.text != "(" {
		n.Args = append(n.Args, p.operand("a value"))
		return
	}
	n.Kind = WhereNode
	n.Args = append(n.Args, p.group())
}

// operand reads a path, a constant, me or now.
func (p *parser) operand(want string) *Node {
	t := p.peek()
	n := &Node{Start: t.start, End: t.end, Text: t.text, depth: p.depth}
	switch {
	case p.err != nil:
		return nil
	case t.kind == tokString:
		n.Kind = StringNode
		p.take()
	case t.kind == tokNumber:
		n.Kind = NumberNode
		p.take()
	case t.kind == tokDuration:
		p.take()
		n.Kind, n.Offset = SpanNode, p.span(t)
	case t.kind == tokSign && t.text == "-":
		p.take()
		number := p.peek()
		if number.kind != tokNumber {
			p.unexpected("a number after `-`")
			return nil
		}
		p.take()
		n.Kind, n.End, n.Text = NumberNode, number.end, "-"+number.text
	case t.kind == tokSign && t.text == "." || t.kind == tokName && !keywords[t.text]:
		p.path(n)
	case t.kind != tokName:
		p.unexpected(want)
	default:
		p.keyword(n, want)
	}
	if p.err != nil {
		return nil
	}
	return n
}

// keyword reads an operand that begins with a word of the language.
func (p *parser) keyword(n *Node, want string) {
	switch n.Text {
	case "true", "false":
		n.Kind = BoolNode
		p.take()
	case "null":
		n.Kind = NullWord
		p.take()
	case "me":
		n.Kind = MeNode
		p.take()
		n.Text = ""
		if p.word(".") {
			p.name(n)
		}
	case "now":
		n.Kind = NowNode
		p.take()
		n.Text = ""
		p.offset(n)
	default:
		p.unexpected(want)
	}
}

// path reads names joined by dots. A dot in front makes any word a name.
func (p *parser) path(n *Node) {
	n.Kind, n.Text = PathNode, ""
	p.word(".")
	for p.name(n); p.err == nil && p.word("."); {
		p.name(n)
	}
}

func (p *parser) name(n *Node) {
	t := p.peek()
	if t.kind != tokName {
		p.unexpected("a name after `.`")
		return
	}
	p.take()
	n.Names = append(n.Names, Name{t.text, t.start, t.end})
	n.End = t.end
}

// offset reads what follows `now`: - 7d, + 2h, or nothing.
func (p *parser) offset(n *Node) {
	minus := p.word("-")
	if !minus && !p.word("+") {
		return
	}
	t := p.peek()
	if t.kind != tokDuration {
		p.unexpected("a length of time such as 7d, 2h or 30m")
		return
	}
	p.take()
	n.Offset, n.End = p.span(t), t.end
	if minus {
		n.Offset = -n.Offset
	}
}

var units = map[byte]time.Duration{
	's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
}

// span reads 7d or 1h30m. A hundred years are the most.
func (p *parser) span(t token) time.Duration {
	const most = 100 * 366 * 24 * time.Hour
	var sum time.Duration
	for rest := t.text; rest != ""; {
		end := digits(rest, 0)
		unit := units[rest[end]]
		n, err := strconv.ParseInt(rest[:end], 10, 64)
		if err != nil || n > int64((most-sum)/unit) {
			p.fail(t.start, t.end, "this length of time is longer than a hundred years", "")
			return 0
		}
		sum += time.Duration(n) * unit
		rest = rest[end+1:]
	}
	return sum
}

// String returns the expression in its plainest spelling; Parse reads it back as the same tree.
func (n *Node) String() string {
	var b strings.Builder
	n.print(&b)
	return b.String()
}

func (n *Node) print(b *strings.Builder) {
	switch n.Kind {
	case AndNode, OrNode:
		word := map[Kind]string{AndNode: " and ", OrNode: " or "}[n.Kind]
		for i, a := range n.Args {
			if i > 0 {
				b.WriteString(word)
			}
			a.printIn(b, a.Kind == OrNode || a.Kind == n.Kind)
		}
	case NotNode:
		b.WriteString("not ")
		n.Args[0].printIn(b, n.Args[0].Kind <= OrNode)
	case CompareNode:
		n.printAround(b, " "+n.Op.String()+" ")
	case LikeNode:
		n.printAround(b, " like ")
	case HasNode:
		n.printAround(b, " has ")
	case WhereNode:
		n.Args[0].print(b)
		b.WriteString(" has ")
		n.Args[1].printIn(b, true)
	case InNode:
		n.Args[0].print(b)
		for i, a := range n.Args[1:] {
			b.WriteString(map[bool]string{true: " in (", false: ", "}[i == 0])
			a.print(b)
		}
		b.WriteByte(')')
	case NullNode:
		n.Args[0].print(b)
		b.WriteString(" is null")
	case PathNode:
		printNames(b, n.Names)
	case StringNode:
		b.Write(appendText(nil, n.Text))
	case NumberNode, BoolNode:
		b.WriteString(n.Text)
	case NullWord:
		b.WriteString("null")
	case MeNode:
		b.WriteString("me")
		for _, name := range n.Names {
			b.WriteString("." + name.Text)
		}
	case NowNode:
		b.Write(appendNow(nil, n.Offset))
	case SpanNode:
		b.Write(appendSpan(nil, n.Offset))
	}
}

func (n *Node) printAround(b *strings.Builder, sign string) {
	n.Args[0].print(b)
	b.WriteString(sign)
	n.Args[1].print(b)
}

func (n *Node) printIn(b *strings.Builder, parentheses bool) {
	if parentheses {
		b.WriteByte('(')
	}
	n.print(b)
	if parentheses {
		b.WriteByte(')')
	}
}

func printNames(b *strings.Builder, names []Name) {
	if keywords[names[0].Text] {
		b.WriteByte('.')
	}
	for i, name := range names {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(name.Text)
	}
}
