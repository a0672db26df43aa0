package actions

import (
	"context"
	"fmt"
	"maps"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Definition is all an engine must know about a verb.
type Definition struct {
	Verb string
	// New makes an empty action, for decoding.
	New func() Action
	// Bind resolves an action against the schema and the subject's sight and
	// reports every problem at once (ActionInvalid).
	Bind func(x *Exec, a Action) (Plan, error)
}

// Plan is a bound action. It is a Reading or a Writing one.
type Plan interface {
	// Authorize asks for every decision the action needs and refuses with
	// AuthenticationRequired or Forbidden; it reads no row.
	Authorize(x *Exec) error
}

// Reading plans run outside of a transaction.
type Reading interface {
	Plan
	Read(ctx context.Context, x *Exec, r storage.Reader) (*Result, error)
}

// Writing plans run inside one. Write may be called again when the store retries.
type Writing interface {
	Plan
	Write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error)
}

// Preparing plans have slow work to do before the transaction, such as hashing a password.
type Preparing interface {
	Prepare(ctx context.Context, x *Exec) error
}

// Dropping plans undo what Prepare did outside of the transaction, when that did not commit.
type Dropping interface {
	Drop(ctx context.Context, x *Exec)
}

// Registry is the visible list of what can be done.
type Registry map[string]*Definition

// Builtin returns the generic actions.
func Builtin() Registry {
	r := Registry{}
	for _, d := range []*Definition{
		{VerbGet, func() Action { return new(Get) }, bindGet},
		{VerbSearch, func() Action { return new(Search) }, bindSearch},
		{VerbAggregate, func() Action { return new(Aggregate) }, bindAggregate},
		{VerbRelated, func() Action { return new(Related) }, bindRelatedOne},
		{VerbCreate, func() Action { return new(Create) }, bindCreate},
		{VerbReplace, func() Action { return new(Replace) }, bindReplace},
		{VerbPatch, func() Action { return new(Patch) }, bindPatch},
		{VerbPatchEach, func() Action { return new(PatchEach) }, bindPatchEach},
		{VerbPatchWhere, func() Action { return new(PatchWhere) }, bindPatchWhere},
		{VerbDelete, func() Action { return new(Delete) }, bindDelete},
		{VerbDeleteWhere, func() Action { return new(DeleteWhere) }, bindDeleteWhere},
		{VerbRestore, func() Action { return new(Restore) }, bindRestore},
		{VerbPurge, func() Action { return new(Purge) }, bindPurge},
		{VerbRun, func() Action { return new(Run) }, bindRun},
		{VerbHistory, func() Action { return new(History) }, bindHistory},
		{VerbUndo, func() Action { return new(Undo) }, bindUndo},
		{VerbGetFile, func() Action { return new(GetFile) }, bindGetFile},
		{VerbPutFile, func() Action { return new(PutFile) }, bindPutFile},
		{VerbCan, func() Action { return new(Can) }, bindCan},
		{VerbBulkImport, func() Action { return new(BulkImport) }, bindBulkImport},
		{VerbBulkUpdate, func() Action { return new(BulkUpdate) }, bindBulkUpdate},
		{VerbBulkDelete, func() Action { return new(BulkDelete) }, bindBulkDelete},
	} {
		r[d.Verb] = d
	}
	c := compounds{all: r, plain: maps.Clone(r)}
	r[VerbCompound] = &Definition{VerbCompound, func() Action { return new(Compound) }, c.bind}
	return r
}

// Bind binds an action by its definition.
func (r Registry) Bind(x *Exec, a Action) (Plan, error) {
	d := r[a.Verb()]
	if d == nil {
		return nil, fmt.Errorf("no definition of action %q", a.Verb())
	}
	return d.Bind(x, a)
}

// class finds the class of an action; what is not exposed does not exist.
func (x *Exec) class(name string) (*schema.Class, error) {
	c := x.Schema.Class(name)
	if c == nil || (!c.Expose || c.Internal) && !x.Subject.System {
		return nil, Errorf(NotFound, "There is no class "+excerpt(name)+".")
	}
	return c, nil
}

// key reads the text id of a row; a text that cannot be a key names no row.
func (x *Exec) key(c *schema.Class, id string) ([]schema.Value, error) {
	key, err := schema.ParseKey(c, id)
	if err != nil {
		return nil, Errorf(NotFound, "There is no "+c.Name+" "+excerpt(id)+".")
	}
	if !x.ours(c, key) {
		return nil, x.hidden(c, id)
	}
	return key, nil
}
