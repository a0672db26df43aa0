package actions

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/storage"
)

// A compound runs several actions in one transaction, in order: each sees what
// those before it wrote, and may take values from their answers (compoundref.go).
// It fails as a whole with the first step that fails, or, where Apart says so, that
// step is undone alone and the others count.
type (
	// Compound is the action.
	Compound struct {
		Steps []Step `json:"steps,omitempty"`
		// Listed: the steps have numbers for names, and the answer is a list.
		Listed bool `json:"listed,omitempty"`
		// Apart: what fails is undone alone and told beside what worked.
		Apart bool `json:"apart,omitempty"`
		Options
	}
	// Step is one action of a compound.
	Step struct {
		Name   string
		Action Action
		// Refs are the places of the action that take values of earlier answers.
		Refs []Ref
		// Refused is what is told instead of running the step; there is no Action then.
		Refused *Error
	}
	// Ref puts a value of an earlier answer into an action.
	Ref struct {
		At   string `json:"at"`   // JSON Pointer into the encoded action
		From string `json:"from"` // name of the step, then members: order.customer.id
	}
)

// StepResult is what came of one step: a Result and its content as JSON, or an error.
type StepResult struct {
	Name    string
	Result  *Result
	Output  Output // as the step wished for it
	Content []byte // nil for none
	Err     *Error
}

// StepError is the failure of a compound by that of one of its steps.
type StepError struct {
	Path string // JSON Pointer to the step: /actions/order
	Err  error
}

func (e *StepError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns the error of the step.
func (e *StepError) Unwrap() error { return e.Err }

// AtStep makes the refusal of one step that of the whole: the first problem names
// the step, and the others are found from the content of the compound.
func AtStep(e *Error, path string) *Error {
	named := *e
	named.Errors = make([]Problem, 0, len(e.Errors)+1)
	named.Errors = append(named.Errors, Problem{Code: string(e.Code), Detail: e.Detail, Hint: e.Hint, Pointer: path})
	for _, p := range e.Errors {
		switch {
		case p.Parameter != "":
			p.Pointer = pointer(path+"/params", p.Parameter)
		case p.Modifier != "":
			p.Pointer = path + "/path"
		case p.Header == "If-Match":
			p.Pointer = path + "/if_match"
		case p.Header != "" || p.Pointer == "" && p.Line == 0:
			p.Pointer = path
		default:
			p.Pointer = path + "/contentObject" + p.Pointer
		}
		p.Parameter, p.Modifier, p.Header = "", "", ""
		named.Errors = append(named.Errors, p)
	}
	return &named
}

// StepPath is the place of a step in the content of a compound.
func StepPath(name string) string { return pointer("/actions", name) }

// compoundPlan is a bound compound. Steps that depend on earlier ones are bound
// in the transaction; of them as much as possible is checked before.
type compoundPlan struct {
	a        *Compound
	registry Registry
	plain    Registry
	steps    []stepPlan
	entered  map[standpoint]*Exec
}

// stepPlan is a step on its way.
type stepPlan struct {
	*Step
	path    string
	sources []source // of Refs, in order
	x       *Exec    // of plan
	plan    Plan
	late    bool  // bound in the transaction; plan is a foretaste, for Authorize alone
	err     error // why it will not run, where steps stand apart
}

// standpoint is what an Exec that has entered an organization depends on.
type standpoint struct {
	tenant    string
	ok, below bool
}

// compounds binds compounds of what a registry has. plain is the same without what
// others put around it: steps that are not whole yet are nobody else's business.
type compounds struct{ all, plain Registry }

func (r compounds) bind(x *Exec, action Action) (Plan, error) {
	a := action.(*Compound)
	if most := x.Limits.Steps; len(a.Steps) > most {
		return nil, TooManySteps(most)
	}
	plan := &compoundPlan{a: a, registry: r.all, plain: r.plain, steps: make([]stepPlan, len(a.Steps)), entered: map[standpoint]*Exec{}}
	var wrong []*Error
	moved := false
	for i := range plan.steps {
		s := &plan.steps[i]
		s.Step, s.path = &a.Steps[i], StepPath(a.Steps[i].Name)
		err := plan.outline(x, i)
		if err == nil {
			s.late = moved || len(s.Refs) > 0
			if !moved {
				err = plan.foresee(x, s)
			}
			moved = moved || x.moves(s.Action)
		}
		var e *Error
		switch {
		case err == nil:
		case !errors.As(err, &e):
			return nil, &StepError{s.path, err}
		case a.Apart:
			s.err = e
		case e.Code != ActionInvalid && len(wrong) == 0:
			return nil, AtStep(e, s.path)
		case e.Code == ActionInvalid:
			wrong = append(wrong, AtStep(e, s.path))
		}
	}
	return plan, joined(wrong)
}

// TooManySteps refuses a compound of more steps than are allowed.
func TooManySteps(most int) *Error {
	return Invalid(Problem{Code: "too-many", Pointer: "/actions", Detail: "At most " + strconv.Itoa(most) + " actions are allowed in one compound."})
}

// joined is what is wrong with several steps.
func joined(wrong []*Error) error {
	switch len(wrong) {
	case 0:
		return nil
	case 1:
		return wrong[0]
	}
	var p problems
	for _, e := range wrong {
		for _, q := range e.Errors {
			p.add(q)
		}
	}
	return p.err()
}

// outline checks what can be said of a step without its class.
func (c *compoundPlan) outline(x *Exec, i int) error {
	s := &c.steps[i]
	for j := range i {
		if c.steps[j].Name == s.Name {
			return Invalid(Problem{Code: "duplicate", Detail: "Two steps have the name `" + excerpt(s.Name) + "`."})
		}
	}
	switch {
	case s.Refused != nil:
		return s.Refused
	case s.Action == nil:
		return Invalid(Problem{Code: "required", Detail: "The step has no action."})
	}
	if _, nested := s.Action.(*Compound); nested {
		return Invalid(Problem{Code: "nested", Detail: "A compound cannot be a step of a compound."})
	}
	switch s.Action.(type) {
	case *GetFile, *PutFile:
		return Invalid(Problem{Code: "not-applicable", Detail: "The content of a file is sent and fetched alone, not as a step of a compound."})
	}
	o := s.Action.Common()
	if o.DryRun || o.As != "" || o.AsMode != "" || o.Explain || o.Output.Envelope != nil || o.Output.Pretty || o.Output.Format != "" {
		return Invalid(Problem{Code: "not-applicable", Detail: "`dry_run`, `as`, `explain`, `format`, `envelope` and `pretty` are said of the whole compound, not of a step."})
	}
	var p problems
	for _, ref := range s.Refs {
		from, ok := c.source(ref.From, i)
		switch {
		case !s.takes(ref.At):
			p.pointer("", "unfit", "A value of an earlier answer can be an id of the path, the value of a filter, an entity tag, or part of the content.", "")
		case !ok:
			p.pointer("", "unknown", "`"+excerpt(ref.From)+"` names no earlier step.", suggest(ref.From, c.names(i)))
		}
		s.sources = append(s.sources, from)
	}
	return p.err()
}

// names are those of the steps before one.
func (c *compoundPlan) names(i int) []string {
	var names []string
	for j := range i {
		names = append(names, c.steps[j].Name)
	}
	return names
}

// foresee binds a step before the transaction. Of one with values still to come, it
// reports only what they cannot change.
func (c *compoundPlan) foresee(x *Exec, s *stepPlan) error {
	for _, ref := range s.Refs {
		if !inContent(ref.At) {
			return nil
		}
	}
	registry := c.registry
	if len(s.Refs) > 0 {
		if registry = c.plain; registry[s.Action.Verb()] == nil {
			return nil
		}
	}
	y, err := c.enter(x.Context(), x, x.reader, s.Action, true)
	if err != nil {
		return err
	}
	plan, err := registry.Bind(y, s.Action)
	if failed := y.Failed(); failed != nil {
		return failed
	}
	s.x, s.plan = y, plan
	if err == nil || len(s.Refs) == 0 {
		return err
	}
	var e *Error
	if !errors.As(err, &e) || e.Code != ActionInvalid {
		return err
	}
	var p problems
	for _, q := range e.Errors {
		if q.Code != "required" && !s.toCome(q.Pointer) {
			p.add(q)
		}
	}
	return p.err()
}

// toCome reports whether a place of the content is, or is part of, a value still to come.
func (s *stepPlan) toCome(at string) bool {
	for _, ref := range s.Refs {
		if place, ok := strings.CutPrefix(ref.At, "/content"); ok && (at == place || strings.HasPrefix(at, place+"/")) {
			return true
		}
	}
	return false
}

// enter makes the Exec of a step. Steps from one standpoint share it.
func (c *compoundPlan) enter(ctx context.Context, x *Exec, r storage.Reader, a Action, share bool) (*Exec, error) {
	var at standpoint
	if x.Schema.Tenant != nil {
		at.tenant, at.ok = x.named(a)
		at.below = at.ok && x.below(a)
	}
	if y := c.entered[at]; y != nil && (share || x.Schema.Tenant == nil) {
		return y, nil
	}
	y := NewExec(x.Snapshot, x.Subject, x.Now)
	if err := y.Enter(ctx, r, a); err != nil {
		return nil, err
	}
	if share {
		c.entered[at] = y
	}
	return y, nil
}

// moves reports whether an action may change who belongs to which organization, so
// that what comes after it has to be decided after it.
func (x *Exec) moves(a Action) bool {
	t := x.Schema.Tenant
	if t == nil {
		return false
	}
	switch a := a.(type) {
	case *Get, *Search, *Aggregate, *Related:
		return false
	case *Delete, *DeleteWhere, *Purge:
		return true // others go along
	case *Run:
		if c := x.Schema.Class(a.Class); c == nil || declared(c, a.Action) == nil || declared(c, a.Action).Run {
			return true
		}
	}
	c := x.Schema.Class(a.On())
	return c == nil || c == t.Class || c == t.Via || c == x.Schema.Login
}

// Authorize asks for every decision that is known to be needed.
func (c *compoundPlan) Authorize(x *Exec) error {
	for i := range c.steps {
		s := &c.steps[i]
		if s.plan == nil || s.err != nil {
			continue
		}
		err := s.plan.Authorize(s.x)
		if failed := s.x.Failed(); failed != nil {
			return &StepError{s.path, failed}
		}
		if err == nil {
			continue
		}
		if !c.a.Apart {
			return &StepError{s.path, err}
		}
		s.err = err
	}
	return nil
}

// Prepare does what is slow for the steps that are known.
func (c *compoundPlan) Prepare(ctx context.Context, x *Exec) error {
	for i := range c.steps {
		s := &c.steps[i]
		p, slow := s.plan.(Preparing)
		if !slow || s.late || s.err != nil {
			continue
		}
		if err := p.Prepare(ctx, s.x); err != nil {
			return &StepError{s.path, err}
		}
	}
	return nil
}

// Write runs the steps.
func (c *compoundPlan) Write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	if c.a.If.HasMatch {
		return nil, Errorf(PreconditionFailed, "A compound has no entity tag of its own; its steps have `if_match`.")
	}
	for _, y := range c.entered {
		if err := y.Still(tx); err != nil {
			return nil, err
		}
	}
	res := &Result{Outcome: Done, Listed: c.a.Listed, DryRun: c.a.DryRun, Steps: make([]StepResult, 0, len(c.steps))}
	rows := 0
	for i := range c.steps {
		s := &c.steps[i]
		one, err := c.step(ctx, x, tx, s, res.Steps)
		if err != nil {
			return nil, &StepError{s.path, err}
		}
		if one.Result != nil {
			if rows += countRows(one.Result.Rows, x.Limits.Rows); rows > x.Limits.Rows {
				return nil, &StepError{s.path, TooManyRows(x.Limits.Rows)}
			}
		}
		res.Steps = append(res.Steps, one)
	}
	return res, nil
}

// step runs one step. Its error is that of the whole.
func (c *compoundPlan) step(ctx context.Context, x *Exec, tx storage.Tx, s *stepPlan, before []StepResult) (StepResult, error) {
	one := StepResult{Name: s.Name}
	run := func() (err error) {
		one.Result, one.Output, err = c.run(ctx, x, tx, s, before)
		return err
	}
	var err error
	switch {
	case s.err != nil:
		err = s.err
	case c.a.Apart:
		trail := TrailOf(ctx)
		n := len(trail.Effects)
		if err = tx.Savepoint(ctx, run); err != nil {
			trail.Effects = trail.Effects[:n] // what was undone has no consequences
		}
	default:
		err = run()
	}
	if err == nil {
		if x.Render != nil {
			one.Content = x.Render(one.Result, &one.Output)
		}
		return one, nil
	}
	if !c.a.Apart {
		return one, err
	}
	switch {
	case errors.As(err, &one.Err):
	case errors.Is(err, storage.ErrTooManyRows):
		one.Err = TooManyRows(x.Limits.Rows)
	default:
		return one, err // the store cannot go on
	}
	one.Result = nil
	return one, nil
}

// run binds a step that was not bound before, and runs it.
func (c *compoundPlan) run(ctx context.Context, x *Exec, tx storage.Tx, s *stepPlan, before []StepResult) (*Result, Output, error) {
	a, y, plan := s.Action, s.x, s.plan
	if s.late {
		var err error
		if a, err = s.filled(before); err != nil {
			return nil, Output{}, err
		}
		if y, plan, err = c.bindLate(ctx, x, tx, a); err != nil {
			return nil, Output{}, err
		}
	}
	var res *Result
	var err error
	switch p := plan.(type) {
	case Reading:
		res, err = p.Read(ctx, y, tx)
	case Writing:
		res, err = Write(ctx, y, tx, p, a)
	default:
		err = fmt.Errorf("the plan of %q neither reads nor writes", a.Verb())
	}
	return res, a.Common().Output, err
}

// bindLate does in the transaction what is done before it for other actions.
func (c *compoundPlan) bindLate(ctx context.Context, x *Exec, tx storage.Tx, a Action) (*Exec, Plan, error) {
	y, err := c.enter(ctx, x, tx, a, false)
	if err != nil {
		return nil, nil, err
	}
	plan, err := c.registry.Bind(y, a)
	if err == nil {
		err = plan.Authorize(y)
	}
	if failed := y.Failed(); failed != nil {
		err = failed
	}
	if err != nil {
		return nil, nil, err
	}
	if p, slow := plan.(Preparing); slow {
		err = p.Prepare(ctx, y)
	}
	return y, plan, err
}
