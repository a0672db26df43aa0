package filter

import (
	"errors"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// Operator is one word of the filter language.
type Operator struct {
	Name string
	Doc  string // one sentence for the reference and OpenAPI
	// Fits reports whether fields of a type can be filtered with it.
	Fits func(schema.Traits) bool

	read  func(operand string) ([]string, error)
	lower func(x schema.Operand, typ schema.Type, args []string) (schema.Expr, error)
}

// The operators. Adding one is a variable here and its place in Operators.
var (
	eq = Operator{"eq", "Equals the value exactly.", filterable, one, compare(schema.Eq)}
	ne = Operator{"ne", "Has a value, and it is another one.", filterable, one, compare(schema.Ne)}
	lt = Operator{"lt", "Is less than, or before, the value.", ordered, one, compare(schema.Lt)}
	le = Operator{"le", "Is at most the value.", ordered, one, compare(schema.Le)}
	gt = Operator{"gt", "Is greater than, or after, the value.", ordered, one, compare(schema.Gt)}
	ge = Operator{"ge", "Is at least the value.", ordered, one, compare(schema.Ge)}
	in = Operator{"in", "Equals one of the values, separated by commas; a value with a comma goes in double quotes.", filterable, list, among}

	like = Operator{"like", "Matches the whole pattern: `*` is any run of characters, `\\` takes the next one literally, the case of ASCII letters does not matter.", text, pattern, matches}
	is   = Operator{"is", "`is:null` has no value.", filterable, null, isNull}
)

// Operators lists every operator in the order of the documentation.
func Operators() []*Operator {
	return []*Operator{&eq, &ne, &lt, &le, &gt, &ge, &in, &like, &is}
}

// Lookup returns the operator of that name, or nil.
func Lookup(name string) *Operator {
	switch name {
	case "eq":
		return &eq
	case "ne":
		return &ne
	case "lt":
		return &lt
	case "le":
		return &le
	case "gt":
		return &gt
	case "ge":
		return &ge
	case "in":
		return &in
	case "like":
		return &like
	case "is":
		return &is
	}
	return nil
}

// Names are the operators as messages list them: eq, ne, … is and not.
func Names() string {
	var names []string
	for _, op := range Operators() {
		names = append(names, op.Name)
	}
	return strings.Join(names, ", ") + " and not"
}

// Lower gives a term its meaning on an operand of the type. The meaning is two-valued: a comparison
// with null is false, and `not:` is the exact complement of what it stands before.
// The error is for people and does not name the field.
func Lower(t Term, x schema.Operand, typ schema.Type) (schema.Expr, error) {
	op := Lookup(t.Op)
	if op == nil {
		return nil, errors.New("`" + excerpt(t.Op) + "` is not an operator (" + Names() + ")")
	}
	if op != &in && len(t.Args) != 1 {
		return nil, errors.New("`" + op.Name + "` takes one operand")
	}
	traits := typ.Traits()
	if traits.Secret {
		return nil, errors.New("a secret cannot be filtered")
	}
	if !op.Fits(traits) {
		return nil, misfit(op, typ, traits)
	}
	e, err := op.lower(x, typ, t.Args)
	if err != nil {
		return nil, err
	}
	if t.Not {
		return schema.Not{X: e}, nil
	}
	return e, nil
}

func misfit(op *Operator, typ schema.Type, traits schema.Traits) error {
	var can []string
	for _, o := range Operators() {
		if o.Fits(traits) {
			can = append(can, o.Name)
		}
	}
	if len(can) == 0 {
		return errors.New("a field of type " + typ.Name() + " cannot be filtered")
	}
	word := "`" + op.Name + "`"
	if op == &like {
		word = "a pattern (`like`, or a bare `*`)"
	}
	return errors.New(word + " does not work on type " + typ.Name() + ": use " + strings.Join(can, ", "))
}

func filterable(t schema.Traits) bool { return t.Filter }
func ordered(t schema.Traits) bool    { return t.Order }
func text(t schema.Traits) bool       { return t.Like }

func compare(op schema.Op) func(schema.Operand, schema.Type, []string) (schema.Expr, error) {
	return func(x schema.Operand, typ schema.Type, args []string) (schema.Expr, error) {
		v, err := schema.ParseOperand(typ, args[0])
		if err != nil {
			return nil, err
		}
		return schema.Compare{Op: op, Left: x, Right: schema.Lit{Value: v}}, nil
	}
}

func among(x schema.Operand, typ schema.Type, args []string) (schema.Expr, error) {
	if len(args) == 0 {
		return schema.Const(false), nil
	}
	list := make([]schema.Operand, len(args))
	for i, arg := range args {
		v, err := schema.ParseOperand(typ, arg)
		if err != nil {
			return nil, err
		}
		list[i] = schema.Lit{Value: v}
	}
	return schema.In{X: x, List: list}, nil
}

func matches(x schema.Operand, _ schema.Type, args []string) (schema.Expr, error) {
	if _, err := pattern(args[0]); err != nil {
		return nil, err
	}
	return schema.Like{X: x, Pattern: args[0]}, nil
}

func isNull(x schema.Operand, _ schema.Type, args []string) (schema.Expr, error) {
	if _, err := null(args[0]); err != nil {
		return nil, err
	}
	return schema.IsNull{X: x}, nil
}
