// Package actions defines what can be done to records.
//
// An Action is a wish as plain data: it names classes, fields and rows by their
// words and holds content as JSON text. It carries no user, no wiring and no
// HTTP, so it can be compared, logged, hashed, encoded to JSON and back, queued,
// and run by a request, the command line, a job or a Go call alike.
//
// A Definition turns an Action into a Plan: Bind resolves the words against the
// schema and reports every problem at once; Authorize asks for every decision;
// Run does it inside the invoker's transaction. Nothing but the invoker
// (package engine) calls them, in that order.
package actions

import (
	"encoding/json"

	"github.com/dowel-dev/dowel/actions/filter"
)

// Action is a declarative action value.
type Action interface {
	// Verb names the definition: get, search, create, replace, patch, delete, ….
	Verb() string
	// On names the class acted on.
	On() string
	// Common gives the options every action has.
	Common() *Options
}

// Options are understood by every action.
type Options struct {
	// Tenant is the organization that the action is inside of, as its id text.
	Tenant  string `json:"tenant,omitempty"`
	If      If     `json:"if,omitzero"`
	DryRun  bool   `json:"dry_run,omitempty"` // everything but the commit
	As      string `json:"as,omitempty"`      // act as this subject
	AsMode  string `json:"as_mode,omitempty"` // replace (default) or add
	Explain bool   `json:"explain,omitempty"`
	Output  Output `json:"output,omitzero"`
}

// Common implements Action for every type that embeds Options.
func (o *Options) Common() *Options { return o }

// If is the precondition of RFC 9110 §13; it travels into the writing transaction.
type If struct {
	Match        []string `json:"match,omitempty"`      // entity tags without quotes; "*" alone is any
	NoneMatch    []string `json:"none_match,omitempty"` // the same
	MatchWeak    bool     `json:"match_weak,omitempty"` // a weak tag was among Match: it matches nothing
	UnmodSince   int64    `json:"unmodified_since,omitempty"`
	ModSince     int64    `json:"modified_since,omitempty"` // Unix seconds
	HasUnmod     bool     `json:"has_unmodified_since,omitempty"`
	HasMod       bool     `json:"has_modified_since,omitempty"`
	HasMatch     bool     `json:"has_match,omitempty"`
	HasNoneMatch bool     `json:"has_none_match,omitempty"`
}

// Output is the shape and media type wished for; never an encoder.
type Output struct {
	Format         string `json:"format,omitempty"`   // json (default), csv, ndjson
	Envelope       *bool  `json:"envelope,omitempty"` // nil: the application's style
	Pretty         bool   `json:"pretty,omitempty"`
	KeyByIDs       bool   `json:"key_by_ids,omitempty"`
	GroupedByClass bool   `json:"grouped_by_class,omitempty"`
	Minimal        bool   `json:"minimal,omitempty"` // Prefer: return=minimal
}

// View says which members and related records an answer shows.
type View struct {
	// Fields are dotted paths (orders.total); "*" is every member shown by default. nil is "*".
	Fields []string `json:"fields,omitempty"`
	With   []With   `json:"with,omitempty"`
	// Deleted is "", "with" or "only": soft-deleted rows, for those who may restore.
	Deleted string `json:"deleted,omitempty"`
}

// With asks for the records of a relation.
type With struct {
	Relation string `json:"relation"`
	Select
	With []With `json:"with,omitempty"`
	// Modifier is where it was asked for, as errors name it.
}

// Select says which rows, in which order, how many.
type Select struct {
	Filter []filter.Term `json:"filter,omitempty"`
	Where  string        `json:"where,omitempty"`  // an expression
	Scopes []string      `json:"scopes,omitempty"` // named filters
	Search string        `json:"search,omitempty"`
	Order  []Order       `json:"order,omitempty"` // nil: the class's sort
	Skip   *int          `json:"skip,omitempty"`
	Limit  *int          `json:"limit,omitempty"`
	Page   *int          `json:"page,omitempty"` // from 1; not together with Skip
}

// Filtered reports whether the selection leaves rows out, as filtered writes must.
func (s *Select) Filtered() bool {
	return len(s.Filter) > 0 || s.Where != "" || len(s.Scopes) > 0 || s.Search != ""
}

// Order is one sort key: a dotted path.
type Order struct {
	By   string `json:"by"`
	Desc bool   `json:"desc,omitempty"`
}

// Group is what the rows of a group have in common: a dotted path, or the part of the calendar that a time is in.
type Group struct {
	By   string `json:"by"`
	Part string `json:"part,omitempty"` // year quarter month week day hour
}

// Measure is what is worked out of a group: of a dotted path, or for a plain count of "".
type Measure struct {
	Func string `json:"func"` // count distinct sum avg min max
	Of   string `json:"of,omitempty"`
}

// Parent fixes the rows to those at the end of a relation of one row: /customers/7/orders.
type Parent struct {
	Class    string `json:"class"`
	ID       string `json:"id"`
	Relation string `json:"relation"`
}

// The generic actions. Class is always the class of the rows acted on; content
// is one JSON value that has passed the strict reader.
type (
	// Get reads one row, or one property of it.
	Get struct {
		Class    string `json:"class"`
		ID       string `json:"id"`
		Property string `json:"property,omitempty"`
		AsOf     string `json:"as_of,omitempty"` // the row as it was at this time
		View
		Options
	}
	// Search reads the rows of a class, or of a relation of one row.
	Search struct {
		Class  string  `json:"class"`
		Parent *Parent `json:"parent,omitempty"`
		Select
		Count  string `json:"count,omitempty"`  // exact, estimate, none; "" is the style's default
		Cursor string `json:"cursor,omitempty"` // of an earlier page of the same list: where this one begins or ends
		// After is the id of a row: those behind it in the order of the key, which then is the only order.
		After string `json:"after,omitempty"`
		View
		Options
	}
	// Aggregate makes groups of the rows of a class, or of a relation of one row, and works something out of
	// each. Filters are about the rows; having, order and page are about the groups.
	Aggregate struct {
		Class  string  `json:"class"`
		Parent *Parent `json:"parent,omitempty"`
		Select
		Group   []Group       `json:"group,omitempty"`   // none is one group, of all rows
		Measure []Measure     `json:"measure,omitempty"` // nil is the count
		Having  []filter.Term `json:"having,omitempty"`  // on members of the answer
		Count   string        `json:"count,omitempty"`   // of groups
		Deleted string        `json:"deleted,omitempty"` // as in View
		Options
	}
	// Related reads the one row at the end of a to-one relation: /orders/7/customer.
	Related struct {
		Class  string `json:"class"`
		Parent Parent `json:"parent"`
		View
		Options
	}
	// Create makes one row (Content is an object) or several (an array), all or none.
	Create struct {
		Class   string          `json:"class"`
		Parent  *Parent         `json:"parent,omitempty"`
		Content json.RawMessage `json:"content"`
		View
		Options
	}
	// Replace sets every member of a row; absent ones take their defaults.
	Replace struct {
		Class   string          `json:"class"`
		ID      string          `json:"id"`
		Content json.RawMessage `json:"content"`
		Select                  // a guard: no match is not found
		View
		Options
	}
	// Patch changes the members that Content names.
	Patch struct {
		Class     string          `json:"class"`
		ID        string          `json:"id"`
		Property  string          `json:"property,omitempty"`   // Content is this member's value
		JSONPatch bool            `json:"json_patch,omitempty"` // Content is RFC 6902, else RFC 7396
		Content   json.RawMessage `json:"content"`
		Select
		View
		Options
	}
	// PatchEach patches rows by id: Content is an object of id → merge patch.
	PatchEach struct {
		Class   string          `json:"class"`
		Parent  *Parent         `json:"parent,omitempty"`
		Content json.RawMessage `json:"content"`
		View
		Options
	}
	// PatchWhere applies one merge patch to every row selected.
	PatchWhere struct {
		Class   string          `json:"class"`
		Parent  *Parent         `json:"parent,omitempty"`
		Content json.RawMessage `json:"content"`
		Select
		MaxAffected *int `json:"max_affected,omitempty"`
		Options
	}
	// Delete removes one row, softly where the class says so.
	Delete struct {
		Class string `json:"class"`
		ID    string `json:"id"`
		Select
		View // shown by nothing, but the tag of If-Match may come from such a view
		Options
	}
	// DeleteWhere removes every row selected.
	DeleteWhere struct {
		Class  string  `json:"class"`
		Parent *Parent `json:"parent,omitempty"`
		Select
		MaxAffected *int `json:"max_affected,omitempty"`
		Options
	}
	// Restore brings a softly deleted row back.
	Restore struct {
		Class string `json:"class"`
		ID    string `json:"id"`
		View
		Options
	}
	// Purge removes a row for good.
	Purge struct {
		Class string `json:"class"`
		ID    string `json:"id"`
		Options
	}
	// Run executes an action declared in the schema. ID is "" for one of the collection.
	Run struct {
		Class   string          `json:"class"`
		ID      string          `json:"id,omitempty"`
		Action  string          `json:"action"`
		Content json.RawMessage `json:"content,omitempty"`
		View
		Options
	}
	// BulkImport makes rows, or changes those that are there: Content is an array
	// of records. The answer counts, and tells what became of each.
	BulkImport struct {
		Class   string          `json:"class"`
		Content json.RawMessage `json:"content"`
		// OnConflict says what becomes of a record whose key, or a unique key of it, is
		// taken: fail, skip or update; "" is as the class says.
		OnConflict string `json:"on_conflict,omitempty"`
		// Mode is atomic ("" too): all records or none; or partial: those that can be.
		Mode string `json:"mode,omitempty"`
		Options
	}
	// BulkUpdate patches rows by their ids, all or none: Content is {"ids": […], "set": patch},
	// or an object of id → patch. The answer counts.
	BulkUpdate struct {
		Class   string          `json:"class"`
		Content json.RawMessage `json:"content"`
		Options
	}
	// BulkDelete removes rows by their ids, all or none: Content is {"ids": […]}. The answer counts.
	BulkDelete struct {
		Class   string          `json:"class"`
		Content json.RawMessage `json:"content"`
		Options
	}
)

// The words of BulkImport.
const (
	ConflictFail   = "fail"
	ConflictSkip   = "skip"
	ConflictUpdate = "update"
	ModeAtomic     = "atomic"
	ModePartial    = "partial"
)

// The verbs, as definitions, logs and encoded actions name them.
const (
	VerbGet         = "get"
	VerbSearch      = "search"
	VerbAggregate   = "aggregate"
	VerbRelated     = "related"
	VerbCreate      = "create"
	VerbReplace     = "replace"
	VerbPatch       = "patch"
	VerbPatchEach   = "patch-each"
	VerbPatchWhere  = "patch-where"
	VerbDelete      = "delete"
	VerbDeleteWhere = "delete-where"
	VerbRestore     = "restore"
	VerbPurge       = "purge"
	VerbRun         = "run"
	VerbCompound    = "compound"
	VerbBulkImport  = "bulk-import"
	VerbBulkUpdate  = "bulk-update"
	VerbBulkDelete  = "bulk-delete"
)

func (*Get) Verb() string         { return VerbGet }
func (*Search) Verb() string      { return VerbSearch }
func (*Aggregate) Verb() string   { return VerbAggregate }
func (*Related) Verb() string     { return VerbRelated }
func (*Create) Verb() string      { return VerbCreate }
func (*Replace) Verb() string     { return VerbReplace }
func (*Patch) Verb() string       { return VerbPatch }
func (*PatchEach) Verb() string   { return VerbPatchEach }
func (*PatchWhere) Verb() string  { return VerbPatchWhere }
func (*Delete) Verb() string      { return VerbDelete }
func (*DeleteWhere) Verb() string { return VerbDeleteWhere }
func (*Restore) Verb() string     { return VerbRestore }
func (*Purge) Verb() string       { return VerbPurge }
func (*Run) Verb() string         { return VerbRun }
func (*Compound) Verb() string    { return VerbCompound }
func (*BulkImport) Verb() string  { return VerbBulkImport }
func (*BulkUpdate) Verb() string  { return VerbBulkUpdate }
func (*BulkDelete) Verb() string  { return VerbBulkDelete }

func (a *Get) On() string         { return a.Class }
func (a *Search) On() string      { return a.Class }
func (a *Aggregate) On() string   { return a.Class }
func (a *Related) On() string     { return a.Class }
func (a *Create) On() string      { return a.Class }
func (a *Replace) On() string     { return a.Class }
func (a *Patch) On() string       { return a.Class }
func (a *PatchEach) On() string   { return a.Class }
func (a *PatchWhere) On() string  { return a.Class }
func (a *Delete) On() string      { return a.Class }
func (a *DeleteWhere) On() string { return a.Class }
func (a *Restore) On() string     { return a.Class }
func (a *Purge) On() string       { return a.Class }
func (a *Run) On() string         { return a.Class }

// On is of no class: each step has its own.
func (*Compound) On() string     { return "" }
func (a *BulkImport) On() string { return a.Class }
func (a *BulkUpdate) On() string { return a.Class }
func (a *BulkDelete) On() string { return a.Class }
