package cli_test

import (
	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine"
)

// sender is a program with a function for an action, and an action of its own.
func sender() *engine.App {
	type to struct {
		To string `json:"to"`
	}
	type hold struct {
		Days int `json:"days" dowel:"min=1"`
	}
	app := engine.New()
	engine.Handle(app, "order.send", func(_ *actions.Ctx, order actions.Row, in to) (map[string]string, error) {
		return map[string]string{"sent": order.Text("number") + " to " + in.To}, nil
	})
	engine.Register(app, actions.Custom[hold, actions.None]{
		Class: "order", Name: "hold", Doc: "Keep it for a while.", Allow: []string{"user"},
		Run: func(*actions.Ctx, actions.Row, hold) (actions.None, error) { return actions.None{}, nil },
	})
	return app
}
