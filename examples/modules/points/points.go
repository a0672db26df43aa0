// Package points is a module: customers of any shop that has the classes customer and sale
// collect points. Its folder is laid out as an application is, schema, policy and seed,
// and Module is all that a program needs to know of it.
package points

import (
	"embed"
	"net/http"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine"
)

//go:embed dowel.yaml policy seed
var files embed.FS

// Module is mounted with app.Mount(points.Module).
var Module = engine.Module{Name: "points", FS: files, Register: register}

func register(app *engine.App) error {
	engine.Handle(app, "customer.redeem", redeem)
	app.After("sale.create", collect)
	app.Parse(parse)
	engine.Invoke(app, count)
	engine.Authorize(app, func(k *actions.Ctx, _ *Total) error { return k.Need("clerk") })
	engine.Describe[*Total](app, engine.Operation{Method: "GET", Path: "/points", Summary: "Points that nobody has redeemed.", Out: Points{}})
	return nil
}

// Redemption is the input of customer.redeem.
type Redemption struct {
	Gift actions.Reference `json:"gift"`
}

// redeem takes the points of a gift. The answer is the customer.
func redeem(k *actions.Ctx, customer actions.Row, in Redemption) (actions.None, error) {
	gift, err := k.Class("gift").Get(in.Gift.ID)
	if err != nil {
		return actions.None{}, err
	}
	left := customer.Int("points") - gift.Int("points")
	if left < 0 {
		return actions.None{}, k.Conflict("A %s takes %d points.", gift.Text("name"), gift.Int("points"))
	}
	_, err = k.Class("customer").Update(customer.ID, map[string]any{"points": left})
	return actions.None{}, err
}

// collect gives a point for each unit of a sale, in the transaction of the sale.
func collect(k *actions.Ctx, e *engine.Event) error {
	for _, row := range e.Rows() {
		sale, err := k.Sudo().Class("sale").Get(row.ID)
		if err != nil {
			return err
		}
		customer, err := k.Sudo().Class("customer").Get(sale.Ref("customer"))
		if err != nil {
			return err
		}
		units, _, _ := strings.Cut(sale.Text("total"), ".")
		points, err := strconv.ParseInt(units, 10, 64)
		if err != nil {
			return err
		}
		points += customer.Int("points")
		if _, err := k.Sudo().Class("customer").Update(customer.ID, map[string]any{"points": points}); err != nil {
			return err
		}
	}
	return nil
}

// Total asks for the points of all customers, at a place of its own: GET /points.
type Total struct {
	actions.Options
}

// Points is the answer.
type Points struct {
	Points int64 `json:"points"`
}

// Verb names the action in logs and hooks; On is the class it is about.
func (*Total) Verb() string { return "total-points" }

// On implements actions.Action.
func (*Total) On() string { return "customer" }

// Reads says that asking changes nothing.
func (*Total) Reads() bool { return true }

func parse(r *http.Request, next func(*http.Request) (actions.Action, error)) (actions.Action, error) {
	if r.Method != http.MethodGet || r.URL.Path != "/api/points" {
		return next(r)
	}
	return &Total{}, nil
}

func count(k *actions.Ctx, _ *Total) (Points, error) {
	rows, err := k.Class("customer").List()
	var p Points
	for _, row := range rows {
		p.Points += row.Int("points")
	}
	return p, err
}
