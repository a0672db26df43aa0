package schema

import "time"

// Expr is a condition bound to a class: names are resolved, types agree. The
// set of nodes is closed, so that every store and the reference evaluation
// (package schema/expr) give every node one meaning.
//
// The logic is two-valued on every store: a comparison with null is false and
// Not is the exact complement of what it holds.
type Expr interface{ isExpr() }

// The nodes of a condition.
type (
	// True and False as constants: Const(true) filters nothing.
	Const bool
	// And holds when every member does; an empty And holds.
	And []Expr
	// Or holds when one member does; an empty Or does not.
	Or []Expr
	// Not is the complement of X.
	Not struct{ X Expr }
	// Compare relates two operands. A null on either side makes it false.
	Compare struct {
		Op          Op
		Left, Right Operand
	}
	// In holds when X equals one of List; null equals nothing.
	In struct {
		X    Operand
		List []Operand
	}
	// Like matches text against a pattern in which `*` stands for any run of
	// characters and `\` takes the next character literally. It is anchored at
	// both ends and ignores the case of ASCII letters only.
	Like struct {
		X       Operand
		Pattern string
	}
	// IsNull holds when X has no value.
	IsNull struct{ X Operand }
	// Exists holds when a live row at the far end of Rel satisfies Where,
	// which is bound to Rel.To. Guard, when not nil, is what the asking subject
	// may see of Rel.To and is ANDed to Where.
	Exists struct {
		Rel   *Relation
		Where Expr
		Guard Expr
	}
	// Contains holds when the list in the JSON value of X has Item among its elements.
	Contains struct {
		X    Operand
		Item Operand
	}
)

// Op is a comparison operator.
type Op uint8

// The comparison operators.
const (
	Eq Op = iota
	Ne
	Lt
	Le
	Gt
	Ge
)

// String returns the operator's sign in the expression language.
func (o Op) String() string { return [...]string{"=", "!=", "<", "<=", ">", ">="}[o] }

// Operand is what a condition compares. Stores only ever see *Path and Lit:
// Me, MeField and Now are replaced by expr.Resolve before a condition
// reaches one.
type Operand interface{ isOperand() }

// The operands.
type (
	// Path is a field of the row, reached over zero or more to-one relations.
	// A step whose row is missing, soft-deleted or hidden by its guard makes
	// the whole path null.
	Path struct {
		Steps  []Step
		Field  *Field
		Member []string // members inside a nested object, outermost first
		Type   Type     // of what the path ends in
		Guard  Expr     // for a computed or `many` field: what the subject may see of its rows; nil is all
	}
	// Step walks one to-one relation. Guard is as in Exists.
	Step struct {
		Rel   *Relation
		Guard Expr
	}
	// Lit is a constant of the kind it is compared with.
	Lit struct{ Value Value }
	// Me is the id of the subject as the type it is compared with.
	Me struct{ Type Type }
	// MeField is a field of the login class's row of the subject, or else a claim of that name.
	MeField struct {
		Name  string
		Field *Field // nil for a claim
		Type  Type   // what it is compared with
	}
	// Now is the time of the request plus Offset, as a datetime or, when
	// Type is a date, its UTC day.
	Now struct {
		Offset time.Duration
		Type   Type
	}
)

func (Const) isExpr()    {}
func (And) isExpr()      {}
func (Or) isExpr()       {}
func (Not) isExpr()      {}
func (Compare) isExpr()  {}
func (In) isExpr()       {}
func (Like) isExpr()     {}
func (IsNull) isExpr()   {}
func (Exists) isExpr()   {}
func (Contains) isExpr() {}

func (*Path) isOperand()   {}
func (Lit) isOperand()     {}
func (Me) isOperand()      {}
func (MeField) isOperand() {}
func (Now) isOperand()     {}
