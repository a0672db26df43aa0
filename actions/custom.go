package actions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// On says what an action is about.
type On uint8

// The choices.
const (
	Item       On = iota // one record
	Collection           // none in particular
)

// Custom is an action that a Go package declares, all of it: what a schema says of
// an action with `run: go`, and the function.
//
// The members of In are its input. Their types follow from the Go types; the tag `dowel`
// says more in words of the schema language, such as `dowel:"min=1 max=12"`,
// `dowel:"customer"` for a reference, or `dowel:"enum=low,high default=low"`, and `doc`
// what they mean. A pointer may be missing.
//
// The schema may name the action in `allow` of its class, or deny it, as if it were its own.
type Custom[In, Out any] struct {
	Class, Name string
	On          On
	Doc         string
	Method      string   // POST when empty, or GET
	Path        string   // last segment of the path; the name when empty
	Allow       []string // roles, each perhaps with a condition: "manager", "agent where status = 'active'"
	When        string   // a condition that must hold on the record
	Run         func(k *Ctx, target Row, in In) (Out, error)
}

// Response is an answer that an action makes itself, down to its bytes: a page, a picture.
type Response struct {
	Status int // 200 when 0
	Header map[string][]string
	Body   []byte
}

// HTML is a page.
func HTML(status int, body []byte) *Response {
	return &Response{Status: status, Header: map[string][]string{"Content-Type": {"text/html; charset=utf-8"}}, Body: body}
}

// Redirect sends the client elsewhere, to be read there with GET.
func Redirect(to string) *Response {
	return &Response{Status: 303, Header: map[string][]string{"Location": {to}}}
}

// None is the input or the answer of an action that has none.
type None = struct{}

// Function is a Go function that runs an action, whatever types it works with.
type Function struct {
	Name     string // class.action
	In, Out  reflect.Type
	Func     string // main.merge
	Pos      schema.Pos
	Module   []byte // what a schema file would say of it; nil where one does
	Problems []string

	// call decodes the input and calls the function.
	call func(k *Ctx, row Row, fill func(in reflect.Value) error) (any, error)
}

// NewFunction takes in a function for the action class.action.
func NewFunction[In, Out any](name string, run func(*Ctx, Row, In) (Out, error)) *Function {
	f := &Function{Name: name, In: reflect.TypeFor[In](), Out: reflect.TypeFor[Out]()}
	f.Func, f.Pos = placeOf(run)
	f.call = func(k *Ctx, row Row, fill func(in reflect.Value) error) (any, error) {
		var in In
		if err := fill(reflect.ValueOf(&in).Elem()); err != nil {
			return nil, err
		}
		return run(k, row, in)
	}
	if class, action, ok := strings.Cut(name, "."); !ok || class == "" || action == "" {
		f.Problems = append(f.Problems, fmt.Sprintf("`%s` is no name of an action: write CLASS.ACTION", name))
	}
	return f
}

// Function makes a Function of a declaration.
func (c Custom[In, Out]) Function() *Function {
	f := NewFunction(c.Class+"."+c.Name, c.Run)
	f.Module, f.Problems = c.module(f)
	return f
}

// placeOf names a function and its place in the sources.
func placeOf(fn any) (string, schema.Pos) {
	v := reflect.ValueOf(fn)
	if v.Kind() != reflect.Func || v.IsNil() {
		return "nil", schema.Pos{}
	}
	f := runtime.FuncForPC(v.Pointer())
	file, line := f.FileLine(v.Pointer())
	name := f.Name()
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	return name, schema.Pos{File: file, Line: line, Col: 1, EndCol: 1}
}

// At says where a function is, for people.
func (f *Function) At() string { return fmt.Sprintf("%s (%s:%d)", f.Func, f.Pos.File, f.Pos.Line) }

// module writes the declaration as a schema file.
func (c Custom[In, Out]) module(f *Function) ([]byte, []string) {
	bad := f.Problems
	t := f.In
	if c.Run == nil {
		bad = append(bad, "it has no function to run")
	}
	action := map[string]any{"run": "go"}
	set := func(key, value string) {
		if value != "" {
			action[key] = value
		}
	}
	set("doc", c.Doc)
	set("when", c.When)
	set("method", c.Method)
	set("path", c.Path)
	if c.On == Collection {
		action["on"] = "collection"
	}
	if t.Kind() == reflect.Struct && t.NumField() > 0 {
		var members []string
		for _, g := range goFields(t) {
			text, why := declaration(g)
			if why != "" {
				bad = append(bad, why)
			}
			members = append(members, quoted(g.name)+": "+text)
		}
		action["input"] = json.RawMessage("{" + strings.Join(members, ", ") + "}")
	}
	class := map[string]any{"actions": map[string]any{c.Name: action}}
	if len(c.Allow) > 0 {
		class["allow"] = map[string]any{c.Name: c.Allow}
	}
	text, err := json.Marshal(map[string]any{"classes": map[string]any{c.Class: class}})
	if err != nil {
		bad = append(bad, err.Error())
	}
	return text, bad
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // texts always encode
	return string(b)
}

// declaration is a field of a Go struct as the schema language says it.
func declaration(g goField) (text, problem string) {
	words := strings.Fields(g.tag.Get("dowel"))
	enum := -1
	typed := false
	optional := g.typ.Kind() == reflect.Pointer || g.empty
	for i, w := range words {
		switch name, _, option := strings.Cut(w, "="); {
		case name == "enum" && option:
			enum = i
		case name == "optional":
			optional = false // said
		case !option && i == 0:
			typed = true
		}
	}
	o := map[string]any{}
	switch {
	case enum >= 0:
		o["enum"] = strings.Split(strings.TrimPrefix(words[enum], "enum="), ",")
		words = append(words[:enum:enum], words[enum+1:]...)
	case !typed:
		t, ok := typeOf(g.typ, 0)
		if !ok {
			return `"json"`, fmt.Sprintf("its field `%s` has the Go type %s, which no type of the language stands for: name one in its tag, as in `dowel:\"json\"`", g.name, g.typ)
		}
		words = append([]string{t.Name()}, words...)
	}
	if optional {
		words = append(words, "optional")
	}
	doc := g.tag.Get("doc")
	if doc == "" && enum < 0 {
		return quoted(strings.Join(words, " ")), ""
	}
	if enum < 0 {
		o["type"], words = words[0], words[1:]
	}
	if doc != "" {
		o["doc"] = doc
	}
	for _, w := range words {
		name, value, option := strings.Cut(w, "=")
		if !option {
			value = "true"
			o[name] = true
			continue
		}
		o[name] = json.RawMessage(quoted(value))
	}
	b, err := json.Marshal(o)
	if err != nil {
		return `"json"`, err.Error()
	}
	return string(b), ""
}

// Bind fits a function to the declaration of its action. Everything that does not
// fit is reported; the declaration learns what the function answers where it does not say.
func (f *Function) Bind(a *schema.Action) (Handler, []Mismatch) {
	if !a.Run {
		return nil, []Mismatch{{a.Pos, "it is declared without `run: go`"}}
	}
	slots, bad := pair(f.In, a.Input, "input", "input", a.Pos)
	for _, g := range structFields(f.In) {
		if f.Module == nil && g.tag.Get("dowel") != "" {
			bad = append(bad, Mismatch{a.Pos, fmt.Sprintf("%s.%s has the tag `dowel`, and the schema declares the input: say it there", f.In, g.name)})
		}
	}
	answer, more := f.answer(a)
	bad = append(bad, more...)
	if len(bad) > 0 {
		return nil, bad
	}
	return func(ctx context.Context, c *Call) (*Result, error) {
		var row Row
		if c.Row != nil {
			row = Row{ID: c.ID, class: a.Class, row: c.Row}
		}
		m := maker{x: c.Exec, r: c.Tx, tx: c.Tx, class: a.Class, id: c.ID, item: !a.OnCollection, view: c.view, options: c.options, answer: answer}
		made, err := Perform(ctx, c.Exec, c.Tx, c.Tx, f.Name, func(k *Ctx) (any, error) {
			return f.call(k, row, func(in reflect.Value) error {
				for _, s := range slots {
					v := c.Input[s.field.Index]
					if v.IsNull() {
						continue
					}
					if err := s.set(in.FieldByIndex(s.index), v); err != nil {
						return fmt.Errorf("input `%s`: %w", s.field.Name, err)
					}
				}
				return nil
			})
		})
		if err != nil {
			return nil, err
		}
		return m.result(ctx, f.Name, made)
	}, nil
}

func structFields(t reflect.Type) []goField {
	if t.Kind() != reflect.Struct {
		return nil
	}
	return goFields(t)
}

var (
	rowType      = reflect.TypeFor[Row]()
	responseType = reflect.TypeFor[*Response]()
	resultType   = reflect.TypeFor[*Result]()
	actionType   = reflect.TypeFor[Action]()
	noneType     = reflect.TypeFor[None]()
	anyType      = reflect.TypeFor[any]()
)

// own reports whether a Go type says at run time what it is: a row, a response, an action, anything.
func own(t reflect.Type) bool {
	return t == rowType || t == responseType || t == resultType || t == noneType || t == anyType || t.Implements(actionType)
}

// answer fits what a function makes to what its action is declared to return.
func (f *Function) answer(a *schema.Action) ([]slot, []Mismatch) {
	switch {
	case f.Out == responseType || f.Out == resultType || f.Out == anyType || f.Out.Kind() == reflect.Interface && f.Out.Implements(actionType):
		a.Free = true
		return nil, nil
	case a.Returns != nil:
		if f.Out != rowType && !own(f.Out) {
			return nil, []Mismatch{{a.Pos, fmt.Sprintf("it returns a %s, and the function makes a %s: make it an actions.Row", a.Returns.Name, f.Out)}}
		}
		return nil, nil
	case own(f.Out):
		if len(a.ReturnFields) > 0 {
			return nil, []Mismatch{{a.Pos, fmt.Sprintf("it returns fields of its own, and the function makes a %s: make it a struct with these fields", f.Out)}}
		}
		return nil, nil
	case len(a.ReturnFields) > 0 && !a.Derived:
		return pair(f.Out, a.ReturnFields, "answer", "returns", a.Pos)
	}
	fields, ok := derived(f.Out)
	if !ok {
		a.Free = true
		return nil, nil
	}
	a.ReturnFields, a.Derived = fields, true
	return pair(f.Out, fields, "answer", "returns", a.Pos)
}

// maker turns what a function made into the result of its action.
type maker struct {
	x       *Exec
	r       storage.Reader
	tx      storage.Tx
	class   *schema.Class // nil for an action of no class
	id      string
	item    bool // about a record
	view    View
	options *Options
	answer  []slot
}

func (m *maker) result(ctx context.Context, name string, made any) (*Result, error) {
	res, err := m.from(ctx, made)
	if err != nil {
		return nil, told(ctx, name, err)
	}
	res.DryRun = m.options.DryRun
	return res, nil
}

func (m *maker) from(ctx context.Context, made any) (*Result, error) {
	switch v := made.(type) {
	case *Result:
		if v != nil {
			return v, nil
		}
	case *Response:
		if v != nil {
			return &Result{Outcome: Done, Class: m.class, Response: v}, nil
		}
	case Action:
		if !reflect.ValueOf(v).IsNil() {
			return m.x.nested(ctx, m.r, m.tx, v)
		}
	case Row:
		if !v.IsZero() {
			return m.shown(ctx, v.class, v.ID)
		}
	case nil, None:
	default:
		raw, err := m.encode(reflect.ValueOf(made))
		if err != nil {
			return nil, err
		}
		return &Result{Outcome: Done, Class: m.class, Raw: raw}, nil
	}
	if m.item {
		return m.shown(ctx, m.class, m.id)
	}
	return &Result{Outcome: Done, Class: m.class}, nil
}

// shown answers with a record as the caller may see it, and with nothing where it may not, or is gone.
func (m *maker) shown(ctx context.Context, class *schema.Class, id string) (*Result, error) {
	get := &Get{Class: class.Name, ID: id, Options: Options{Output: m.options.Output}}
	if class == m.class {
		get.View = m.view
	}
	res, err := m.x.nested(ctx, m.r, m.tx, get)
	var e *Error
	if errors.As(err, &e) && (e.Code == NotFound || e.Code == Forbidden || e.Code == AuthenticationRequired) {
		return &Result{Outcome: Updated, Class: class, ID: id}, nil
	}
	if err != nil {
		return nil, err
	}
	res.Outcome = Updated
	return res, nil
}

// encode writes what a function made: by the declared fields, in their order and
// in the form of their types, or as it is.
func (m *maker) encode(v reflect.Value) ([]byte, error) {
	if m.answer == nil {
		return json.Marshal(v.Interface())
	}
	b := []byte{'{'}
	for i, s := range m.answer {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, prefix(s.field.JSON)...)
		raw, err := json.Marshal(v.FieldByIndex(s.index).Interface())
		if err != nil {
			return nil, fmt.Errorf("answer `%s`: %w", s.field.Name, err)
		}
		if bytes.Equal(raw, []byte("null")) {
			b = append(b, raw...)
			continue
		}
		if s.typ == durationType {
			raw = []byte(quoted(isoDuration(v.FieldByIndex(s.index).Int())))
		}
		t := keyType(s.field)
		value, bad := t.Decode(raw)
		if len(bad) > 0 {
			return nil, fmt.Errorf("answer `%s`: %s", s.field.Name, bad[0].Detail)
		}
		b = t.AppendJSON(b, value)
	}
	return append(b, '}'), nil
}

// isoDuration is a length of time as ISO 8601 has it.
func isoDuration(ns int64) string {
	t := schema.MustType("duration", schema.Options{})
	return t.Text(schema.NewInt(ns / 1000))
}
