// Command crm is the CRM with its one action in Go: customers can be merged. It
// has every verb of dowel:
//
//	go run ./examples/crm dev examples/crm
package main

import (
	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/cli"
)

func main() { cli.Main(program()) }

// program is what Go adds to dowel.yaml.
func program() *engine.App {
	app := engine.New()
	engine.Handle(app, "customer.merge", merge)
	return app
}

// MergeInput is the input of customer.merge.
type MergeInput struct {
	Source actions.Reference `json:"source"`
}

// Merged says what became of the other customer's.
type Merged struct {
	Orders int64 `json:"orders" doc:"Orders that moved here."`
	Notes  int64 `json:"notes" doc:"Notes that moved here."`
	Tags   int   `json:"tags" doc:"Tags of the other customer."`
}

// merge moves orders, notes and tags of another customer here, then deletes it.
func merge(ctx *actions.Ctx, target actions.Row, in MergeInput) (Merged, error) {
	if in.Source.ID == target.ID {
		return Merged{}, ctx.Invalid("source", "A customer cannot be merged into itself.")
	}
	source, err := ctx.Class("customer").Get(in.Source)
	if err != nil {
		return Merged{}, err
	}
	var had struct {
		Tags []string `json:"tags"`
	}
	if err := source.Into(&had); err != nil {
		return Merged{}, err
	}
	here := map[string]any{"customer": target.Key()}
	orders, err := ctx.Class("order").Where("customer = ?", in.Source).UpdateAll(here)
	if err != nil {
		return Merged{}, err
	}
	// Only authors change notes, so this needs more rights than the caller has.
	notes, err := ctx.Sudo().Class("note").Where("customer = ?", in.Source).UpdateAll(here)
	if err != nil {
		return Merged{}, err
	}
	if _, err := ctx.Class("customer").Update(target.ID, map[string]any{"tags": map[string]any{"add": had.Tags}}); err != nil {
		return Merged{}, err
	}
	return Merged{orders, notes, len(had.Tags)}, ctx.Class("customer").Delete(in.Source)
}
