package actions

import (
	"context"
	"reflect"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Own is an action type of an application: what a request of its own kind asks
// for, as a value, with the functions that allow and run it. Its type embeds Options and
// has the methods Verb and On; On is "" for one that is of no class.
//
// One whose type has a method Reads that returns true runs outside of any
// transaction and can change nothing.
type Own struct {
	Verb      string
	Type      reflect.Type // *T
	Pos       schema.Pos   // of Run, or of what was registered first
	Authorize func(k *Ctx, a Action) error
	Run       func(k *Ctx, a Action) (any, error)
}

// New makes an empty action.
func (o *Own) New() Action { return reflect.New(o.Type.Elem()).Interface().(Action) }

// Definition is what the invoker needs of it.
func (o *Own) Definition() *Definition {
	return &Definition{Verb: o.Verb, New: o.New, Bind: func(x *Exec, a Action) (Plan, error) {
		p := ownPlan{own: o, a: a}
		if r, ok := a.(interface{ Reads() bool }); ok && r.Reads() {
			return &ownReading{p}, nil
		}
		return &ownWriting{p}, nil
	}}
}

type ownPlan struct {
	own *Own
	a   Action
}

type (
	ownReading struct{ ownPlan }
	ownWriting struct{ ownPlan }
)

// Authorize asks the application's own function.
func (p *ownPlan) Authorize(x *Exec) error {
	_, err := Perform(x.Context(), x, nil, nil, p.own.Verb, func(k *Ctx) (None, error) { return None{}, p.own.Authorize(k, p.a) })
	return err
}

// Read runs an action that changes nothing.
func (p *ownReading) Read(ctx context.Context, x *Exec, r storage.Reader) (*Result, error) {
	res, err := p.run(ctx, x, r, nil)
	if err == nil && res.Outcome == Done {
		res.Outcome = Found
	}
	return res, err
}

// Write runs an action in a transaction.
func (p *ownWriting) Write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	return p.run(ctx, x, tx, tx)
}

func (p *ownPlan) run(ctx context.Context, x *Exec, r storage.Reader, tx storage.Tx) (*Result, error) {
	made, err := Perform(ctx, x, r, tx, p.own.Verb, func(k *Ctx) (any, error) { return p.own.Run(k, p.a) })
	if err != nil {
		return nil, err
	}
	m := maker{x: x, r: r, tx: tx, class: x.Schema.Class(p.a.On()), options: p.a.Common()}
	return m.result(ctx, p.own.Verb, made)
}
