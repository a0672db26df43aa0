package request

import (
	"net/http"

	"github.com/dowel-dev/dowel/actions"
)

// operation is what a method means on a kind of resource.
type operation struct {
	verb    Verb
	takes   groups   // options that say something here
	content Content  // whether there is content
	types   []string // media types of content
}

// Verb is the action to build.
type Verb uint8

// The verbs.
const (
	Get Verb = iota
	GetProperty
	Search
	Related
	Create
	Replace
	Patch
	PutProperty
	ClearProperty
	PatchMany
	Delete
	DeleteMany
	Restore
	Purge
	History
	Undo
	Run
	Query // a declared action by GET: its input is the query
	BulkImport
	BulkUpdate
	BulkDelete
	Compound
	GetFile
	PutFile
)

// Content says whether a request has content.
type Content uint8

// The rules.
const (
	NoContent    Content = iota
	MustContent          // one JSON value
	MayContent           // one or none
	EmptyContent         // none, or the empty object that some clients cannot leave out
	FileContent          // of any type, streamed
)

// The media types of content.
const (
	typeJSON      = "application/json"
	typeMerge     = "application/merge-patch+json"
	typeJSONPatch = "application/json-patch+json"
	typeLines     = "application/x-ndjson"
	typeCSV       = "text/csv"
	typeForm      = "multipart/form-data"
	typeAny       = "*/*"
)

var (
	jsonTypes  = []string{typeJSON}
	listTypes  = []string{typeJSON, typeLines, typeCSV}
	mergeTypes = []string{typeMerge, typeJSON}
	patchTypes = []string{typeMerge, typeJSONPatch, typeJSON}
)

var (
	opGet           = operation{Get, always | shaping | viewing | deletedRows | timed, NoContent, nil}
	opGetProperty   = operation{GetProperty, always | shaping | deletedRows | timed, NoContent, nil}
	opSearch        = operation{Search, always | shaping | viewing | deletedRows | filtering | paging | continuing | grouping, NoContent, nil}
	opRelated       = operation{Related, always | shaping | viewing | deletedRows, NoContent, nil}
	opCreate        = operation{Create, always | shaping | viewing | writing, MustContent, listTypes}
	opReplace       = operation{Replace, always | shaping | viewing | writing | filtering, MustContent, jsonTypes}
	opPatch         = operation{Patch, always | shaping | viewing | writing | filtering, MustContent, patchTypes}
	opPutProperty   = operation{PutProperty, always | shaping | writing | filtering, MustContent, jsonTypes}
	opClearProperty = operation{ClearProperty, always | shaping | writing | filtering, NoContent, nil}
	opPatchMany     = operation{PatchMany, always | shaping | viewing | writing | filtering | affecting, MustContent, mergeTypes}
	opDelete        = operation{Delete, always | shaping | viewing | writing | filtering, NoContent, nil}
	opDeleteMany    = operation{DeleteMany, always | shaping | writing | filtering | affecting, NoContent, nil}
	opRestore       = operation{Restore, always | shaping | viewing | writing, EmptyContent, jsonTypes}
	opPurge         = operation{Purge, always | shaping | writing, EmptyContent, jsonTypes}
	opHistory       = operation{History, always | shaping | limiting | continuing, NoContent, nil}
	opUndo          = operation{Undo, always | shaping | viewing | writing, MustContent, jsonTypes}
	opRun           = operation{Run, always | shaping | viewing | writing, MayContent, jsonTypes}
	opQuery         = operation{Query, always | shaping | viewing | inputs, NoContent, nil}
	opBulkImport    = operation{BulkImport, always | shaping | writing | importing, MustContent, listTypes}
	opBulkUpdate    = operation{BulkUpdate, always | shaping | writing, MustContent, jsonTypes}
	opBulkDelete    = operation{BulkDelete, always | shaping | writing, MustContent, jsonTypes}
	opCompound      = operation{Compound, always | shaping | writing, MustContent, jsonTypes}
	opGetFile       = operation{GetFile, always | deletedRows, NoContent, nil}
	opPutFile       = operation{PutFile, always | shaping | writing | uploading, FileContent, []string{typeAny, typeForm}}
)

// operation returns what a method does to the resource, nil when it is not offered.
func (t *target) operation(method string) *operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	switch t.kind {
	case collection:
		switch method {
		case http.MethodGet:
			return &opSearch
		case http.MethodPost:
			return &opCreate
		case http.MethodPatch:
			return when(t.class.Bulk, &opPatchMany)
		case http.MethodDelete:
			return when(t.class.Bulk, &opDeleteMany)
		}
	case related:
		switch method {
		case http.MethodGet:
			return &opSearch
		case http.MethodPost:
			return when(!t.nestedRead, &opCreate)
		case http.MethodPatch:
			return when(!t.nestedRead && t.rel.To.Bulk, &opPatchMany)
		case http.MethodDelete:
			return when(!t.nestedRead && t.rel.To.Bulk, &opDeleteMany)
		}
	case relatedOne:
		return when(method == http.MethodGet, &opRelated)
	case collectionAction:
		if op := t.run(method); op != nil || !t.isItem {
			return op
		}
		return itemOperation(method)
	case bulk:
		if method == http.MethodPost {
			return t.bulkOperation()
		}
		if t.isItem {
			return itemOperation(method)
		}
	case item:
		return itemOperation(method)
	case property:
		switch method {
		case http.MethodGet:
			return &opGetProperty
		case http.MethodPut:
			return &opPutProperty
		case http.MethodDelete:
			return &opClearProperty
		}
	case file:
		switch method {
		case http.MethodGet:
			return &opGetFile
		case http.MethodPut:
			return &opPutFile
		case http.MethodDelete:
			return &opClearProperty
		}
	case itemAction:
		return t.run(method)
	case restore:
		return when(method == http.MethodPost, &opRestore)
	case purge:
		return when(method == http.MethodPost, &opPurge)
	case history:
		return when(method == http.MethodGet, &opHistory)
	case undo:
		return when(method == http.MethodPost, &opUndo)
	case compound:
		return when(method == http.MethodPost, &opCompound)
	}
	return nil
}

func itemOperation(method string) *operation {
	switch method {
	case http.MethodGet:
		return &opGet
	case http.MethodPut:
		return &opReplace
	case http.MethodPatch:
		return &opPatch
	case http.MethodDelete:
		return &opDelete
	}
	return nil
}

// bulkOperation is what a POST to a bulk operation does.
func (t *target) bulkOperation() *operation {
	switch t.bulk {
	case BulkImport:
		return &opBulkImport
	case BulkUpdate:
		return &opBulkUpdate
	}
	return &opBulkDelete
}

// run is the operation of a declared action.
func (t *target) run(method string) *operation {
	if t.action.Method == http.MethodGet {
		return when(method == http.MethodGet, &opQuery)
	}
	return when(method == http.MethodPost, &opRun)
}

func when(offered bool, op *operation) *operation {
	if !offered {
		return nil
	}
	return op
}

// allow lists the methods of the resource in the order of the documentation.
func (t *target) allow() []string {
	var methods []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if t.operation(m) != nil {
			methods = append(methods, m)
		}
	}
	return append(methods, http.MethodOptions)
}

// parent is the row whose relation the path addresses, or nil.
func (t *target) parent() *actions.Parent {
	if t.rel == nil {
		return nil
	}
	return &actions.Parent{Class: t.class.Name, ID: t.id, Relation: t.rel.Name}
}

// rows names the class of the rows addressed.
func (t *target) rows() string {
	if t.rel != nil {
		return t.rel.To.Name
	}
	return t.class.Name
}

// action builds the action from everything but headers and content.
func (q *query) action(op *operation, t *target) actions.Action {
	switch op.verb {
	case Get:
		return &actions.Get{Class: t.rows(), ID: t.id, AsOf: q.text[optAsOf], View: q.view(), Options: q.options()}
	case GetProperty:
		return &actions.Get{Class: t.rows(), ID: t.id, Property: t.field.JSON, AsOf: q.text[optAsOf], View: q.view(), Options: q.options()}
	case Search:
		if q.set&(1<<optGroup|1<<optMeasure|1<<optHaving) != 0 {
			return q.aggregate(t)
		}
		return &actions.Search{Class: t.rows(), Parent: t.parent(), Select: q.selection(), Count: q.count(), Cursor: q.text[optCursor], View: q.view(), Options: q.options()}
	case Related:
		return &actions.Related{Class: t.rows(), Parent: *t.parent(), View: q.view(), Options: q.options()}
	case Create:
		return &actions.Create{Class: t.rows(), Parent: t.parent(), View: q.view(), Options: q.options()}
	case Replace:
		return &actions.Replace{Class: t.rows(), ID: t.id, Select: q.selection(), View: q.view(), Options: q.options()}
	case Patch:
		return &actions.Patch{Class: t.rows(), ID: t.id, Select: q.selection(), View: q.view(), Options: q.options()}
	case GetFile:
		a := &actions.GetFile{Class: t.rows(), ID: t.id, Field: t.field.JSON, Options: q.options()}
		if q.has(optDeleted) {
			a.Deleted = q.word(optDeleted, "with", "only")
		}
		return a
	case PutFile:
		return &actions.PutFile{Class: t.rows(), ID: t.id, Field: t.field.JSON, Name: q.text[optName], Options: q.options()}
	case PutProperty:
		return &actions.Patch{Class: t.rows(), ID: t.id, Property: t.field.JSON, Select: q.selection(), Options: q.options()}
	case ClearProperty:
		a := &actions.Patch{Class: t.rows(), ID: t.id, Property: t.field.JSON, Content: []byte("null"), Select: q.selection(), Options: q.options()}
		a.Output.Minimal = true // the answer has no content, as that of any DELETE
		return a
	case PatchMany:
		return q.patchMany(t)
	case Delete:
		return &actions.Delete{Class: t.rows(), ID: t.id, Select: q.selection(), View: q.view(), Options: q.options()}
	case DeleteMany:
		return &actions.DeleteWhere{Class: t.rows(), Parent: t.parent(), Select: q.selection(), MaxAffected: q.maxAffected(), Options: q.options()}
	case Restore:
		return &actions.Restore{Class: t.rows(), ID: t.id, View: q.view(), Options: q.options()}
	case History:
		a := &actions.History{Class: t.rows(), ID: t.id, Cursor: q.text[optCursor], Options: q.options()}
		if q.has(optLimit) {
			var skip *int
			if skip, a.Limit = q.limit(); skip != nil {
				q.misfits = append(q.misfits, q.at(optLimit).problem("unfit", "A history is read on with cursors, without a skip."))
			}
		}
		return a
	case Undo:
		return &actions.Undo{Class: t.rows(), ID: t.id, View: q.view(), Options: q.options()}
	case Purge:
		return &actions.Purge{Class: t.rows(), ID: t.id, Options: q.options()}
	case BulkImport:
		return q.bulkImport(t)
	case BulkUpdate:
		return &actions.BulkUpdate{Class: t.rows(), Options: q.options()}
	case BulkDelete:
		return &actions.BulkDelete{Class: t.rows(), Options: q.options()}
	case Compound:
		return q.compound()
	}
	a := &actions.Run{Class: t.rows(), Action: t.action.Name, View: q.view(), Options: q.options()}
	if t.kind == itemAction {
		a.ID = t.id
	}
	if op.verb == Query {
		a.Content = q.content(t.action)
	}
	return a
}

// patchMany is one patch for all rows selected, or by id a patch for each.
func (q *query) patchMany(t *target) actions.Action {
	s, most := q.selection(), q.maxAffected()
	if most == nil && !s.Filtered() {
		return &actions.PatchEach{Class: t.rows(), Parent: t.parent(), View: q.view(), Options: q.options()}
	}
	q.refuse(viewing, "does not apply to a filtered write: its answer is a count")
	return &actions.PatchWhere{Class: t.rows(), Parent: t.parent(), Content: nil, Select: s, MaxAffected: most, Options: q.options()}
}

func (q *query) bulkImport(t *target) actions.Action {
	a := &actions.BulkImport{Class: t.rows(), Options: q.options()}
	if q.has(optOnConflict) {
		a.OnConflict = q.word(optOnConflict, actions.ConflictFail, actions.ConflictSkip, actions.ConflictUpdate)
	}
	if q.has(optMode) {
		a.Mode = q.word(optMode, actions.ModeAtomic, actions.ModePartial)
	}
	return a
}

// compound is one action made of several; they are in the content.
func (q *query) compound() actions.Action {
	for _, o := range []option{optKeyByIDs, optGroupedByClass} {
		if q.has(o) {
			q.bad(q.at(o), "not-applicable", "`"+options[o].name+"` is said of a step, not of a compound: it is a modifier of the path there.")
		}
	}
	return &actions.Compound{Options: q.options()}
}
