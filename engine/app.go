package engine

import (
	"fmt"
	"io/fs"
	"net/http"
	"reflect"
	"runtime"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/openapi"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

// App is an application with Go code of its own: the folder its schema is in,
// and what the program adds to it.
//
//	app := engine.New()
//	engine.Handle(app, "customer.merge", merge)
//	cli.Main(app)
//
// There are three levels. Handle gives an action that the schema declares with `run: go` its
// function. Register declares an action altogether. Parse, Invoke, Authorize and
// Describe make an action type of one's own, with requests of its own.
// Hooks (Before, After, OnCommit, On) go around all of them. Mount takes in a
// module, which does any of this, with schema files of its own.
//
// Everything is registered before the application starts; what does not fit is
// refused then, all of it at once.
type App struct {
	files     fs.FS  // nil: folder on disk
	folder    string // "": found
	settings  func(*Settings)
	mounts    []mount
	types     []ownFieldType
	functions []*actions.Function
	own       []*ownType
	parsers   []Parser
	hooks     hooks
	faults    diag.List

	subscribers []subscriber
}

// Option says where an application is, or how it runs.
type Option func(*App)

// FS takes schema, policy and seeds from a file system, such as one that is embedded.
// Settings and the database stay on disk.
func FS(files fs.FS) Option { return func(a *App) { a.files = files } }

// Folder names the folder of the application. Without it, it is the working
// directory or the nearest one above that has a schema.
func Folder(path string) Option { return func(a *App) { a.folder = path } }

// With changes the settings that App.Open starts with.
func With(change func(*Settings)) Option { return func(a *App) { a.settings = change } }

// New makes an application without code of its own.
func New(options ...Option) *App {
	a := &App{}
	for _, o := range options {
		o(a)
	}
	return a
}

// Files are what New was given with FS, nil for a folder on disk.
func (a *App) Files() fs.FS {
	if a == nil {
		return nil
	}
	return a.files
}

// Handle gives the action class.action, which the schema declares with `run: go`,
// its function. The members of In are matched by their json tags with `input:`,
// those of Out with `returns:`.
//
// The function runs in one transaction, on a record that stays as it is
// meanwhile, that the caller may do this to, and for which `when` holds. It is
// given the zero Row where the action is one of the collection. An error undoes everything:
// those of Ctx.Invalid, Conflict, NotFound and Denied say why, of others clients learn nothing.
//
// Out may be a struct, an actions.Row, an *actions.Response, another
// actions.Action, which is run instead, or actions.None: then the record is answered.
func Handle[In, Out any](app *App, name string, run func(*actions.Ctx, actions.Row, In) (Out, error)) {
	app.add(actions.NewFunction(name, run))
}

// Register adds an action that Go declares.
func Register[In, Out any](app *App, c actions.Custom[In, Out]) { app.add(c.Function()) }

func (a *App) add(f *actions.Function) {
	for _, other := range a.functions {
		if other.Name == f.Name {
			a.fault(f.Pos, &other.Pos, "the other function", "`%s` has two functions, %s and %s", f.Name, other.At(), f.At())
			return
		}
	}
	for _, why := range f.Problems {
		a.fault(f.Pos, nil, "", "`%s`: %s", f.Name, why)
	}
	a.functions = append(a.functions, f)
}

func (a *App) fault(pos schema.Pos, other *schema.Pos, label, format string, args ...any) {
	d := diag.Diagnostic{Code: codeMismatch, Pos: pos, Message: fmt.Sprintf(format, args...)}
	if other != nil {
		d.Related = []diag.Related{{Pos: *other, Message: label}}
	}
	a.faults.Add(d)
}

// Parser reads requests into actions. next is the parser behind it, in the end the
// API's own: what is none of its business it hands on.
type Parser func(r *http.Request, next func(*http.Request) (actions.Action, error)) (actions.Action, error)

// Parse puts a parser in front of those that are there. It sees every request,
// wherever it is addressed to, after credentials have been checked.
func (a *App) Parse(p Parser) { a.parsers = append(a.parsers, p) }

// ownType is an action type of the application, with what was registered for it.
type ownType struct {
	actions.Own
	described []ownOperation
	allowed   schema.Pos // where Authorize was called
}

type ownOperation struct {
	Operation
	pos schema.Pos
}

// Operation is a place of the API, for its description.
type Operation struct {
	Method, Path string // GET, /reports/{month}, as from the mount
	Summary, Doc string
	In, Out      any // values of the types of content and answer; nil is none, or not JSON
	Type         string
}

// Invoke gives actions of a type of one's own their function.
func Invoke[A actions.Action, Out any](app *App, run func(*actions.Ctx, A) (Out, error)) {
	pos := caller(1)
	o := ownOf[A](app, pos)
	if o.Run != nil {
		app.fault(pos, &o.Pos, "one of them", "the action type %s has two functions", o.Type)
		return
	}
	o.Pos = pos
	o.Run = func(k *actions.Ctx, a actions.Action) (any, error) { return run(k, a.(A)) }
}

// Authorize says who may do actions of a type of one's own. Ctx.Need is what it most often returns.
func Authorize[A actions.Action](app *App, may func(*actions.Ctx, A) error) {
	pos := caller(1)
	o := ownOf[A](app, pos)
	if o.Authorize != nil {
		app.fault(pos, &o.allowed, "one of them", "two functions say who may do the action type %s", o.Type)
		return
	}
	o.allowed = pos
	o.Authorize = func(k *actions.Ctx, a actions.Action) error { return may(k, a.(A)) }
}

// Describe puts a place of actions of a type of one's own into the description of the API.
func Describe[A actions.Action](app *App, op Operation) {
	pos := caller(1)
	for _, o := range app.own {
		for _, other := range o.described {
			if other.Method == op.Method && other.Path == op.Path {
				app.fault(pos, &other.pos, "one of them", "two action types have the place %s %s", op.Method, op.Path)
				return
			}
		}
	}
	o := ownOf[A](app, pos)
	o.described = append(o.described, ownOperation{op, pos})
}

func ownOf[A actions.Action](app *App, pos schema.Pos) *ownType {
	t := reflect.TypeFor[A]()
	for _, o := range app.own {
		if o.Type == t {
			return o
		}
	}
	o := &ownType{Own: actions.Own{Type: t, Pos: pos}}
	if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		app.fault(pos, nil, "", "the action type %s is no pointer to a struct", t)
	} else {
		o.Verb = o.New().Verb()
		for _, other := range app.own {
			if other.Verb == o.Verb {
				app.fault(pos, &other.Pos, "one of them", "the action types %s and %s have one verb, `%s`", other.Type, t, o.Verb)
				return o
			}
		}
		app.own = append(app.own, o)
	}
	return o
}

// caller is a place in the program: 0 is who calls caller.
func caller(skip int) schema.Pos {
	_, file, line, _ := runtime.Caller(skip + 1)
	return schema.Pos{File: file, Line: line, Col: 1, EndCol: 1}
}

// verbsOf are what hooks may be about.
func verbsOf(c *schema.Class) []string {
	all := strings.Fields("list get create update delete restore purge")
	if c.History {
		all = append(all, "history", "undo")
	}
	for _, act := range c.Actions {
		all = append(all, act.Name)
	}
	return all
}

// described are the places of the application's own action types.
func (a *App) described() []openapi.Own {
	if a == nil {
		return nil
	}
	var all []openapi.Own
	for _, o := range a.own {
		for _, d := range o.described {
			all = append(all, openapi.Own{
				Method: d.Method, Path: d.Path, Summary: d.Summary, Doc: d.Doc, Verb: o.Verb, Type: d.Type,
				In: actions.ShapeOf(d.In), Out: actions.ShapeOf(d.Out),
			})
		}
	}
	return all
}
