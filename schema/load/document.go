package load

import (
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

// Node is one value of a YAML file that is no schema: settings, seeds, tests.
// Scalars keep their source text; what they mean is for whoever knows the
// declared type, never for how they look (01234 stays 01234).
type Node struct {
	Kind    NodeKind
	Text    string // of a Scalar
	Quoted  bool   // the source had quotes or was a block: "null" and "12" are text then
	Members []Member
	Items   []Node
	Pos     schema.Pos
}

// Member is one key of a Map, in source order.
type Member struct {
	Name  string
	Pos   schema.Pos // of the name
	Value Node
}

// NodeKind is the shape of a Node.
type NodeKind uint8

// The shapes. Null is also a value that was left out.
const (
	Null NodeKind = iota
	Scalar
	List
	Map
)

// String names the shape as messages do.
func (k NodeKind) String() string {
	return [...]string{"nothing", "a value", "a list", "a map"}[k]
}

// Member returns the value of a key of a Map, nil when it is not there.
func (n *Node) Member(name string) *Node {
	for i := range n.Members {
		if n.Members[i].Name == name {
			return &n.Members[i].Value
		}
	}
	return nil
}

// Document reads a YAML file of any content. name is how findings call it.
// Syntax errors, doubled keys and alias bombs are found as they are in schemas.
func Document(name string, data []byte) (*Node, diag.List) {
	l := &loader{}
	r := &reader{loader: l, raw: map[string][]byte{}}
	src := r.parse(name, data)
	if src == nil || src.root == nil {
		return &Node{Pos: schema.Pos{File: name, Line: 1, Col: 1, EndCol: 2}}, l.list.Sorted()
	}
	n := l.node(value{src, src.root})
	return &n, l.list.Sorted()
}

func (l *loader) node(v value) Node {
	n := Node{Pos: v.pos()}
	switch {
	case v.isMap():
		n.Kind = Map
		for _, e := range l.entries(v, "this map") {
			n.Members = append(n.Members, Member{e.name, e.key.pos(), l.node(e.val)})
		}
	case v.isList():
		n.Kind = List
		for _, item := range v.n.Content {
			n.Items = append(n.Items, l.node(v.in(item)))
		}
	case !v.isNull():
		n.Kind, n.Text, n.Quoted = Scalar, v.n.Value, !plain(v)
	}
	return n
}
