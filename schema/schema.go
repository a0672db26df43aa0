// Package schema describes the classes an engine serves.
//
// A Schema is plain data, made by package schema/load from YAML (or by hand in
// tests) and frozen afterwards: nothing here changes while requests run, so it
// is shared without locks. Every other package reads it and adds nothing to
// it: the parser finds names in it, the authorizer its rules, the stores their
// tables, the OpenAPI generator its documents.
//
// Package schema/expr gives meaning to its conditions, schema/diag reports what
// is wrong with its sources.
package schema

import "time"

// Schema is one application.
type Schema struct {
	App     App
	Roles   []*Role // global roles, declared order
	Classes []*Class
	Tenant  *Tenant // nil without tenancy
	Login   *Class  // the class with `auth:`, or nil
	Rules   []*Rule // allow and deny of every class, expanded to single verbs and roles, source order
	// Modules are the folders that schema files came from, in the order they were read: that
	// of the application, ".", and those of its modules. Each may have policy and seed of its own.
	Modules []string
	// Schedules are actions that are run again and again.
	Schedules []*Schedule
	// Revision is a fingerprint of everything that can change a response.
	Revision string

	byName       map[string]*Class
	byCollection map[string]*Class
}

// App is the application's own settings.
type App struct {
	Title   string
	Version string
	Doc     string
	Style   string // plain or envelope
	Mount   string // path prefix, default /api
	// PageSize and PageMax are rows a page: the default and the most a client may ask for;
	// 0 is what the settings say.
	PageSize, PageMax int
	Depth             int // of expansions; 0 is what the settings say
	// Jobs: actions can be queued to be run later.
	Jobs  bool
	Extra map[string]string
}

// Role is a global role.
type Role struct {
	Name     string
	Doc      string
	Includes []string
	Pos      Pos
}

// Tenant is the one place where tenancy is said: rows of most classes belong to
// one organization, and nobody gets at rows of organizations that are not theirs.
type Tenant struct {
	Class *Class // organizations
	// Via is the class whose rows say who belongs to an organization, or nil: then
	// the `tenant` claim of a token says so. It may be Class itself.
	Via     *Class
	Member  *Field // of Via: the reference to the user
	Role    *Field // of Via: what the user is in the organization; nil without
	From    string // where a request names its organization: path, claim, header
	Creator string // role of whoever creates an organization
	Pos     Pos
}

// Org is the field of a class that says which organization a row belongs to: its
// reference to one, or the key of the organization itself. It is nil for classes outside.
func (t *Tenant) Org(c *Class) *Field {
	switch {
	case t == nil:
		return nil
	case c == t.Class:
		return c.Key[0]
	}
	return c.Tenant
}

// Pos is a place in a source file; lines and columns count from 1, columns in characters.
type Pos struct {
	File              string
	Line, Col, EndCol int
}

// IsZero reports whether the place is unknown.
func (p Pos) IsZero() bool { return p.Line == 0 }

// Class is an entity: a table, a collection of the API, a target of rules.
type Class struct {
	Index      int    // in Schema.Classes
	Name       string // order_item
	Collection string // order-items: its segment in paths
	Table      string // order_items
	Plural     string // order_items: the default name of inverse relations to it
	TypeName   string // OrderItem: in OpenAPI and generated clients
	Doc        string
	Pos        Pos

	// Fields are all members of a record in their JSON order; Field.Index is the slot in a row.
	Fields []*Field
	// Key is the fields that identify a row: one, or several for a composite key.
	Key []*Field
	// Relations are the ways to other classes, in both directions.
	Relations []*Relation
	Scopes    []*Scope
	Checks    []*Check
	Uniques   []*Index // every unique constraint, also of single fields
	Indexes   []*Index
	Actions   []*Action
	RowRoles  []*RowRole
	Search    []*Field // fields of search=
	Sort      []Sort   // default order, before the key is appended

	Auth       *Auth // login class
	SoftDelete bool
	DeletedAt  *Field // nil without soft delete
	CreatedAt  *Field // nil with timestamps: false
	UpdatedAt  *Field
	// History keeps what every row was before, for HistoryFor; 0 is for ever.
	History    bool
	HistoryFor time.Duration
	Events     bool // every change of a row is an event
	Expose     bool // false: 404 over HTTP
	Bulk       bool
	Nested     map[string]string // relation name → "all", "read" or "none"; absent is all
	Cache      time.Duration
	// CachePublic lets caches between client and server keep answers too; what is seen depends on nobody.
	CachePublic bool
	OnConflict  string // error or update
	// Visibility is strict when a list that would leave out rows that match is refused, else filter.
	Visibility string
	// Concurrency is required when a write must carry If-Match, else optional.
	Concurrency string
	PageSize    int // 0: the application's
	PageMax     int
	Depth       int
	Tenanted    bool   // belongs to an organization
	Tenant      *Field // the reference to it; nil outside of organizations
	// Prefix stands before the collection in paths: /orgs/{org} where they name the organization, else "".
	Prefix   string
	Internal bool // made by the engine itself; never exposed, no rules
	Was      string
	Extra    map[string]string // x- keys as JSON text

	byMember map[string]*Field
	byRel    map[string]*Relation
	byAction map[string]*Action
}

// Field is one member of a record.
type Field struct {
	Index    int    // slot in storage.Row.Values
	Name     string // as declared and used in expressions: customer
	JSON     string // as on the wire: customer_id
	Column   string // in tables: customer_id; "" when not stored in the class's own table
	Class    *Class
	Type     Type
	Doc      string
	Pos      Pos
	Optional bool // may be null
	// Exactly one of these is set for fields that are not plain.
	Ref      *Ref
	Many     *Many
	Computed *Computed
	// Synthetic marks the text id of a composite key: shown, never stored.
	Synthetic bool

	Unique    bool
	Indexed   bool
	Immutable bool // accepted on create only
	ReadOnly  bool // never accepted from clients
	WriteOnly bool // never shown
	Hidden    bool // shown only when named

	Auto    Auto
	Per     *Field // auto=sequence per=FIELD
	From    *Field // fills the value when nothing is sent
	Default *Default
	// Backfill is what rows without a value get when the field comes or becomes required; nil is Default.
	Backfill *Default
	Read     *RoleCond // nil: as the class
	Write    *RoleCond
	Was      string
	Extra    map[string]string
}

// Ref is a reference to one row of another class.
type Ref struct {
	To       *Class
	OnDelete OnDelete
	Rel      *Relation // the way there
	Inverse  *Relation // the way back
}

// OnDelete is what becomes of a row whose target is deleted.
type OnDelete uint8

// The choices of on_delete=.
const (
	Restrict OnDelete = iota
	Cascade
	SetNull
)

// Many is a set of rows of another class kept in a link table.
type Many struct {
	To     *Class
	By     *Field // shown and written by this unique field; nil is by id
	Create bool   // an unknown name makes the row
	Table  string // link table
	Own    string // its column that holds the key of this class
	Other  string // its column that holds the key of To
	Rel    *Relation
}

// Computed is a value worked out from related rows when it is read.
type Computed struct {
	Func  string // count, sum, min, max, avg
	Rel   *Relation
	Of    *Field // nil for count
	Where Expr   // bound to Rel.To; nil is all
}

// Auto says how the engine fills a field that clients may not send.
type Auto uint8

// The choices of auto=.
const (
	NoAuto       Auto = iota
	AutoMe            // the subject
	AutoNow           // the time of the write
	AutoUUID          // a version 7 UUID
	AutoSequence      // the next number, per Per
	AutoID            // the store's own numbering of an integer key
	AutoUpdated       // the time of every write: updated_at
)

// Default is the value of a field that was not sent.
type Default struct {
	Value Value
	Now   bool
	Me    bool
}

// RoleCond narrows a field to roles: any of Global, or the row condition.
type RoleCond struct {
	Global []string
	Row    Expr // row roles, joined by or; nil is none
	Text   string
	Pos    Pos
}

// RelKind is the shape of a relation.
type RelKind uint8

// The kinds of relations.
const (
	ToOne       RelKind = iota // the reference itself: order.customer
	ToMany                     // the inverse of a reference: customer.orders
	InverseOne                 // the inverse of a unique reference: user.profile
	Link                       // many: customer.tags
	LinkInverse                // the way back: tag.customers
)

// Relation is a way from a class to another.
type Relation struct {
	Index int
	Name  string // in expressions, with= and filters
	JSON  string // member of an expanded record
	Kind  RelKind
	From  *Class
	To    *Class
	Field *Field // the Ref or Many field that owns it; belongs to To for inverses
	Back  *Relation
}

// Single reports whether the relation leads to at most one row.
func (r *Relation) Single() bool { return r.Kind == ToOne || r.Kind == InverseOne }

// Inward reports whether the relation leads from an organization to what belongs to
// it where paths name the organization: /orgs/acme/tickets is the collection itself.
func (r *Relation) Inward() bool { return r.To.Prefix != "" && r.Field == r.To.Tenant }

// Scope is a named filter of a class.
type Scope struct {
	Name  string
	Where Expr
	Doc   string
	Pos   Pos
}

// Check is a condition every stored row satisfies.
type Check struct {
	Name  string
	Where Expr
	Text  string // source, shown when it fails
	Pos   Pos
}

// Index is an index over fields; unique ones cover live rows only where the class has soft delete.
type Index struct {
	Name   string
	Fields []*Field
	Unique bool
	Pos    Pos
}

// Sort is one key of an order.
type Sort struct {
	Field *Field
	Desc  bool
}

// RowRole is a right that depends on the row: author = me.
type RowRole struct {
	Name  string
	Where Expr
	Text  string
	Pos   Pos
}

// Action is an operation declared in YAML beside the generic ones.
type Action struct {
	Name         string
	Doc          string
	Class        *Class
	When         Expr // nil is always
	WhenText     string
	Set          []Assign
	Input        []*Field // not slots of the class: an own little record
	Returns      *Class   // nil: the row itself, or ReturnFields
	ReturnFields []*Field
	Derived      bool // ReturnFields are what its function in Go makes; the schema does not say
	Free         bool // its function in Go answers what it likes
	Run          bool // run: go
	OnCollection bool
	Method       string // POST or GET
	Path         string // last path segment, default the name
	Pos          Pos
}

// Assign is one member of an action's set: a constant, a member of its input, me, or now.
type Assign struct {
	Field *Field
	Value Operand // Lit, Me, Now, or *Path whose Field is one of Action.Input
	Input *Field  // set when the value comes from the input
}

// Rule is one line of policy after expansion: one role, one verb.
type Rule struct {
	Role    string
	Class   *Class
	Verb    string   // list, get, create, …, an action's name, or a group: read write actions bulk all
	Where   Expr     // nil is always; the condition of a row role is already in it
	Cond    string   // source of the condition
	RowRole string   // set when Role was a row role of the class; Role is then "user"
	Fields  []string // JSON names; empty is all
	Deny    bool
	Pos     Pos
}

// Auth makes a class the login class.
type Auth struct {
	Login   *Field // e-mail or name
	Secret  *Field // password
	Role    *Field // holds the user's role; nil without
	Enabled *Field // a bool that switches the account; nil without
}

// Seal builds the indexes of names. The loader calls it once, last.
func (s *Schema) Seal() {
	s.byName = make(map[string]*Class, len(s.Classes))
	s.byCollection = make(map[string]*Class, len(s.Classes))
	for i, c := range s.Classes {
		c.Index = i
		s.byName[c.Name] = c
		if !c.Internal {
			s.byCollection[c.Collection] = c
		}
		c.seal()
	}
}

func (c *Class) seal() {
	c.byMember = make(map[string]*Field, 2*len(c.Fields))
	for i, f := range c.Fields {
		f.Index, f.Class = i, c
		c.byMember[f.JSON] = f
	}
	// A reference answers to all its names, but never hides another member.
	for _, f := range c.Fields {
		if _, taken := c.byMember[f.Name]; !taken {
			c.byMember[f.Name] = f
		}
		if f.Ref == nil || f.Ref.Rel == nil {
			continue
		}
		if _, taken := c.byMember[f.Ref.Rel.JSON]; !taken {
			c.byMember[f.Ref.Rel.JSON] = f
		}
	}
	c.byRel = make(map[string]*Relation, len(c.Relations))
	for i, r := range c.Relations {
		r.Index = i
		c.byRel[r.Name] = r
		if r.JSON != r.Name {
			c.byRel[r.JSON] = r
		}
	}
	c.byAction = make(map[string]*Action, len(c.Actions))
	for _, a := range c.Actions {
		c.byAction[a.Path] = a
	}
}

// Class returns the class of that name, or nil.
func (s *Schema) Class(name string) *Class { return s.byName[name] }

// Collection returns the class behind a path segment, or nil.
func (s *Schema) Collection(segment string) *Class { return s.byCollection[segment] }

// Field returns the member of that name, on the wire or as declared, or nil.
func (c *Class) Field(name string) *Field { return c.byMember[name] }

// Relation returns the relation of that name, or nil.
func (c *Class) Relation(name string) *Relation { return c.byRel[name] }

// Action returns the declared action behind a path segment, or nil.
func (c *Class) Action(segment string) *Action { return c.byAction[segment] }

// Path is the collection in paths below the mount: /customers, /orgs/{org}/tickets.
func (c *Class) Path() string { return c.Prefix + "/" + c.Collection }

// ClientKeyed reports whether clients choose the keys of the class, so that PUT may make a row.
func (c *Class) ClientKeyed() bool {
	for _, f := range c.Key {
		if f.Auto != NoAuto || f.ReadOnly {
			return false
		}
	}
	return true
}

// Stored reports whether the field is a column of the class's own table.
func (f *Field) Stored() bool { return f.Many == nil && f.Computed == nil && !f.Synthetic }

// Target is the class a reference or a `many` field leads to, nil for other fields.
func (f *Field) Target() *Class {
	switch {
	case f.Many != nil:
		return f.Many.To
	case f.Ref != nil:
		return f.Ref.To
	}
	return nil
}

// Shown reports whether the field is in `*`: what a record shows when nothing is asked for.
func (f *Field) Shown() bool {
	return !f.Hidden && !f.WriteOnly && f.Computed == nil && !f.Type.Traits().Secret
}

// Required reports whether a client must send the field when it creates a row.
// The organization is known before.
func (f *Field) Required() bool {
	if f.Class != nil && f == f.Class.Tenant {
		return false
	}
	return !f.Optional && f.Default == nil && f.Auto == NoAuto && f.From == nil && f.Many == nil &&
		f.Computed == nil && !f.Synthetic && !f.ReadOnly
}
