// Package expr is the expression language of Dowel: the one notation for
// row rules, checks, scopes, `when`, and the where= parameter.
//
// Text goes through three steps. Parse reads it into a syntax tree with
// positions and knows no class. Bind resolves the names of a tree against a
// class and checks types; its result is a schema.Expr. Resolve replaces what
// depends on the request (me, now) by constants, so that a store sees only
// paths and literals. Match is the meaning of the result on one row; every
// store must agree with it.
package expr

import (
	"time"

	"github.com/dowel-dev/dowel/schema"
)

// Clock gives the time of the request.
type Clock func() time.Time

// Env is what the request-dependent operands mean.
type Env struct {
	Now    Clock
	Me     string                  // id of the subject; "" is anonymous and equals nothing
	User   []schema.Value          // the subject's row of the login class, or nil
	Claims map[string]schema.Value // the other claims of its token
}
