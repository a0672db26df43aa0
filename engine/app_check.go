package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

// The codes of differences between schema and program.
const (
	codeMismatch  = "E066"
	codeNoHandler = "W003"
)

// empty reports whether the program adds nothing, as the stock one does.
func (a *App) empty() bool { return a == nil || len(a.functions) == 0 }

// Check fits the program to a schema and returns everything that does not fit,
// with the places on both sides. A program without functions is only told what
// it lacks. The schema learns what functions answer where it does not say.
func (a *App) Check(s *schema.Schema) diag.List {
	_, found := a.bind(s)
	return found
}

// bind makes the handlers of a schema's actions.
func (a *App) bind(s *schema.Schema) (map[string]actions.Handler, diag.List) {
	var found diag.List
	handlers := map[string]actions.Handler{}
	missing := func(act *schema.Action) {
		name := act.Class.Name + "." + act.Name
		d := diag.Diagnostic{Code: codeNoHandler, Pos: act.Pos,
			Message: fmt.Sprintf("`%s` is run by Go, and this program has no function for it", name),
			Help:    "until it has one the action answers 501"}
		if !a.empty() {
			d.Code, d.Help = codeMismatch, "register one: engine.Handle(app, \""+name+"\", …); `dowel gen action "+name+"` writes it"
		}
		found.Add(d)
	}
	declared := map[string]*schema.Action{}
	for _, c := range s.Classes {
		for _, act := range c.Actions {
			name := c.Name + "." + act.Name
			declared[name] = act
			if act.Run && (a == nil || !slices.ContainsFunc(a.functions, func(f *actions.Function) bool { return f.Name == name })) {
				missing(act)
			}
		}
	}
	if a == nil {
		return handlers, found
	}
	found = append(found, a.faults...)
	for _, f := range a.functions {
		act := declared[f.Name]
		if act == nil {
			found.Add(undeclared(s, f, declared))
			continue
		}
		if f.Module != nil && act.Class.Pos.File == act.Pos.File {
			found.Add(classless(s, f, act.Class))
			continue
		}
		handler, bad := f.Bind(act)
		for _, m := range bad {
			found.Add(diag.Diagnostic{Code: codeMismatch, Pos: m.Pos,
				Message: fmt.Sprintf("`%s` and its function %s do not fit: %s", f.Name, f.At(), m.Detail),
				Related: []diag.Related{{Pos: f.Pos, Message: "the function"}}})
		}
		handlers[f.Name] = handler
	}
	for _, o := range a.own {
		switch {
		case o.Run == nil:
			a.lacks(&found, o, "nothing runs it", "engine.Invoke(app, …)")
		case o.Authorize == nil:
			a.lacks(&found, o, "nothing says who may do it", "engine.Authorize(app, …)")
		}
	}
	found = append(found, checkSubscribers(a.subscribers, s)...)
	return handlers, append(found, a.hooks.check(s)...)
}

func (a *App) lacks(found *diag.List, o *ownType, why, help string) {
	found.Add(diag.Diagnostic{Code: codeMismatch, Pos: o.Pos,
		Message: fmt.Sprintf("the action type %s (`%s`) is registered, and %s", o.Type, o.Verb, why), Help: help})
}

// undeclared is a function without an action, at the place where the action should be.
func undeclared(s *schema.Schema, f *actions.Function, declared map[string]*schema.Action) diag.Diagnostic {
	var names []string
	for name := range declared {
		names = append(names, name)
	}
	slices.Sort(names)
	d := diag.Diagnostic{Code: codeMismatch, Pos: f.Pos, Help: diag.DidYouMean(f.Name, names),
		Message: fmt.Sprintf("the program has the function %s for `%s`, which the schema does not declare", f.At(), f.Name)}
	class, _, _ := strings.Cut(f.Name, ".")
	if c := s.Class(class); c != nil {
		d.Related = []diag.Related{{Pos: c.Pos, Message: "its class"}}
	}
	return d
}

// classless is an action that Go declares for a class that the schema does not have.
func classless(s *schema.Schema, f *actions.Function, made *schema.Class) diag.Diagnostic {
	var names []string
	for _, c := range s.Classes {
		if c != made && !c.Internal {
			names = append(names, c.Name)
		}
	}
	return diag.Diagnostic{Code: codeMismatch, Pos: f.Pos, Help: diag.DidYouMean(made.Name, names),
		Message: fmt.Sprintf("the program declares `%s`, and the schema has no class `%s`", f.Name, made.Name)}
}

// startError joins errors into one for a start that is refused, nil for none.
func startError(found diag.List) error {
	var all []error
	for _, d := range found.Sorted() {
		if d.Severity == diag.Error {
			all = append(all, errors.New(sentenceOf(d)))
		}
	}
	return errors.Join(all...)
}

func sentenceOf(d diag.Diagnostic) string {
	text := d.Message
	if d.Pos.File != "" {
		text = fmt.Sprintf("%s:%d:%d: %s", d.Pos.File, d.Pos.Line, d.Pos.Col, text)
	}
	if d.Help != "" {
		text += " (" + d.Help + ")"
	}
	for _, r := range d.Related {
		text += fmt.Sprintf("; %s: %s:%d:%d", r.Message, r.Pos.File, r.Pos.Line, r.Pos.Col)
	}
	return text
}
