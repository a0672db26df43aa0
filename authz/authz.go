// Package authz decides who may do what.
//
// Rules come from the schema (allow, deny, read=, write=) and from policy
// files; rules.go hands them to Casbin, which says which lines speak for a
// subject's roles, a class and a verb. Those lines are compiled into a Decision:
// an effect, one row predicate that storage runs inside its query, and what
// may be seen or set of each field. Decisions depend on roles, never on a row or a
// user id, so they are few, cached for the life of a policy, and cost a map look-up.
package authz

import (
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// Subject is who asks. The zero Subject is anonymous.
type Subject struct {
	// ID is the `sub` of the credentials; "" is anonymous.
	ID string
	// Roles are the global roles the credentials carry, without those they include.
	Roles []string
	// Session is the login session of a token of our own, or "".
	Session string
	// User is the login class's row, where there is one: what me.FIELD reads.
	User []schema.Value
	// Tenant is the organization that the credentials are good for, as its id text; "" is not said.
	// The roles they carry hold there and nowhere else.
	Tenant string
	// Org is the organization that the subject is looked at in, as its id text: inclusions of
	// roles that hold there alone count. "" is outside of any.
	Org string
	// Claims are the other claims of the token: me.CLAIM.
	Claims map[string]schema.Value
	// System is the engine itself (seed, command line without --as). It may do
	// everything that the schema allows, and is named so in audits.
	System bool
	// Scope narrows what the credentials are good for; nil is everything the subject may.
	Scope *Scope
	// Key is the id of the API key that the credentials are, or "".
	Key string
	// FromToken: Roles are those that a token brought along, which is good until Until (zero is not said),
	// and not those of the user's row.
	FromToken bool
	Until     time.Time
	// RoleSet is the canonical name of the expanded roles, set by Authorizer.Admit.
	RoleSet string
}

// A Scope is what an API key is good for, of what its user may do. It is shared and never written.
type Scope struct {
	// Roles are the only roles that count, as far as the subject has them; nil is all
	// it has. What everybody may who is logged in, and who a row belongs to, is not lost with them.
	Roles []string
	// Verbs are the only verbs, in the words of rules (read, write, delete, …), sorted; nil is all.
	Verbs []string
}

// Anonymous reports whether no credentials were given.
func (s *Subject) Anonymous() bool { return s.ID == "" && !s.System }

// Effect is the outcome of a decision before any row is looked at.
type Effect uint8

// The effects.
const (
	Denied      Effect = iota // no line allows the verb at all
	Allowed                   // every row
	Conditional               // the rows that satisfy Decision.Where
)

// Decision is what a subject's roles may do with a verb of a class.
// Its conditions still contain schema.Me and such; expr.Resolve binds them to a subject.
type Decision struct {
	Effect Effect
	// Where is the row predicate; schema.Const(true) when Allowed and schema.Const(false) when Denied.
	Where schema.Expr
	// Mask tells for each field slot of the class: 0 always, -1 never, n > 0 on rows where Tests[n-1] holds.
	// For list and get it is about seeing a field, for create, update and actions about setting it.
	Mask  []int8
	Tests []schema.Expr
	// Uniform: Tests is empty, so the mask is the same on every row.
	Uniform bool
	// OnlyRows: every grant is a row role, which never holds for anonymous (401 instead of an empty list).
	OnlyRows bool
	// Subjective: Where or Tests mention me, so what is seen depends on who asks and not only on roles.
	Subjective bool
	// ID tells decisions apart in fingerprints: equal for equal role sets, classes and verbs of one policy.
	ID      string
	Reasons []Reason
}

// Reason is one line of policy that took part.
type Reason struct {
	Rule *schema.Rule
	Via  string // the role of the subject through which it applies: "admin → manager"
}

// May reports whether the mask may let the field through on some row.
func (d *Decision) May(f *schema.Field) bool {
	return d.Effect != Denied && d.Mask[f.Index] >= 0
}

// Always reports whether the mask lets the field through on every row.
func (d *Decision) Always(f *schema.Field) bool {
	return d.Effect != Denied && d.Mask[f.Index] == 0
}

// Authorizer answers for one schema and policy. It is immutable and safe for
// concurrent use; a changed policy is a new Authorizer.
type Authorizer interface {
	// Admit expands the subject's roles; roles the schema does not know are
	// ignored. Call it once a subject, before Decide.
	Admit(s *Subject)
	// Decide never returns nil.
	Decide(s *Subject, c *schema.Class, verb string) *Decision
	// Has reports whether the subject has the global role, directly or by inclusion.
	Has(s *Subject, role string) bool
}

// Env binds the conditions of a subject's decisions to it.
func (s *Subject) Env(clock expr.Clock) *expr.Env {
	return &expr.Env{Now: clock, Me: s.ID, User: s.User, Claims: s.Claims}
}
