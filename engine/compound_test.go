package engine_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

const jobs = `
dowel: 1
roles: {member: M}
defaults: {timestamps: false}
classes:
  job:
    fields: {name: string unique, state: {enum: [new, shipped], default: new}}
    allow: {all: member}
`

// TestCompoundRunsFunctions holds that an action implemented in Go is a step like any
// other: in the same transaction, undone with it, its answer there for later steps.
func TestCompoundRunsFunctions(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store func(s *schema.Schema) (storage.Store, error)) {
		effects, hooks := 0, 0
		app := openShop(t, store, enginetest.Options{}, func(program *engine.App) {
			engine.Handle(program, "order.touch", func(k *actions.Ctx, row actions.Row, _ actions.None) (actions.None, error) {
				k.OnCommit(func(context.Context) error { effects++; return nil })
				if _, err := k.Class("order").Update(row.ID, map[string]any{"total": "9.99"}); err != nil {
					return actions.None{}, err
				}
				if row.Text("state") == "gone" {
					return actions.None{}, k.Conflict("It is gone.")
				}
				return actions.None{}, nil
			})
			program.OnCommit("order.create", func(*actions.Ctx, *engine.Event) error { hooks++; return nil })
		}, "order.touch")
		hooks = 0
		clerk := "Authorization: " + app.Bearer(t, "7", "clerk")
		for _, tt := range []struct {
			name, content  string
			status         int
			want           string
			effects, hooks int
		}{
			{"done", `{"actions": {"c": {"method": "POST", "path": "/orders", "contentObject": {"number": "C"}}, "send": {"method": "POST", "path": "/orders/{c.id}/send", "contentObject": {"to": {"$ref": "c.number"}}},
				"d": {"method": "POST", "path": "/orders;fields=number", "contentObject": {"number": {"$ref": "send.label"}}}, "sum": {"method": "GET", "path": "/orders/sum"}}}`,
				200, `"contentObject":{"orders":4,"states":["open","gone","sent","open"]}`, 0, 2},
			{"undone", `{"actions": [{"method": "POST", "path": "/orders", "contentObject": {"number": "E"}}, {"method": "POST", "path": "/orders/1/touch"}, {"method": "POST", "path": "/orders/2/touch"}]}`,
				409, `"errors":[{"code":"state-conflict","detail":"It is gone.","pointer":"#/actions/2"}]`, 0, 0},
			{"apart", `{"atomic": false, "actions": [{"method": "POST", "path": "/orders/2/touch"}, {"method": "POST", "path": "/orders/1/touch?fields=total"}, {"method": "GET", "path": "/orders/2?fields=total"}]}`,
				200, `{"statusCode":200,"contentObject":{"id":2,"total":"0.00"}`, 1, 0},
			{"dry", `{"actions": [{"method": "POST", "path": "/orders/1/touch?fields=total"}]}`, 200, `"id":1`, 0, 0},
			{"refused before", `{"actions": [{"method": "POST", "path": "/orders/1/touch"}, {"method": "POST", "path": "/orders/1/send", "contentObject": {"too": 1}}]}`,
				409, `"pointer":"#/actions/1/contentObject/too"`, 0, 0},
		} {
			effects, hooks = 0, 0
			target := "/api;compound"
			if tt.name == "dry" {
				target += "?dry_run=true"
			}
			res := app.Do(t, "POST", target, tt.content, clerk)
			if res.Status != tt.status || !strings.Contains(res.Body, tt.want) {
				t.Errorf("%s: %d %s", tt.name, res.Status, res.Body)
			}
			if effects != tt.effects || hooks != tt.hooks {
				t.Errorf("%s: %d effects and %d hooks, want %d and %d", tt.name, effects, hooks, tt.effects, tt.hooks)
			}
		}
		if res := app.Do(t, "GET", "/api/orders?count=exact&fields=number&limit=1", "", clerk); res.Header.Get("X-Total-Count") != "4" {
			t.Error("what was undone is there", res.Header)
		}
	})
}

// TestCompoundIsAValue holds that a compound needs no request: it is written, read and
// run as any action is, and what is wrong with one of Go's making is told.
func TestCompoundIsAValue(t *testing.T) {
	app := enginetest.Open(t, fstest.MapFS{"dowel.yaml": {Data: []byte(jobs)}}, enginetest.Options{})
	make := func(name string, refs ...actions.Ref) actions.Step {
		return actions.Step{Name: name, Refs: refs, Action: &actions.Create{Class: "job", Content: json.RawMessage(`{"name": "` + name + `"}`)}}
	}
	nested := actions.Step{Name: "n", Action: &actions.Compound{}}
	said := func(c *actions.Compound) string {
		if len(c.Steps) > 0 && c.Steps[0].Action != nil && c.Steps[0].Name != "n" {
			text, err := actions.Encode(c)
			if err != nil {
				t.Fatal(err)
			}
			a, err := actions.Decode(text)
			if err != nil {
				t.Fatal(err)
			}
			c = a.(*actions.Compound)
		}
		res, err := app.Invoke(t.Context(), &authz.Subject{ID: "1", Roles: []string{"member"}}, c)
		if err != nil {
			return err.Error()
		}
		var b strings.Builder
		for _, s := range res.Steps {
			b.WriteString(s.Name + " " + string(s.Content) + ";")
			if s.Err != nil {
				b.WriteString(string(s.Err.Code))
			}
		}
		return b.String()
	}
	for _, tt := range []struct {
		name string
		c    *actions.Compound
		want string
	}{
		{"two", &actions.Compound{Steps: []actions.Step{make("a"), {Name: "b", Action: &actions.Get{Class: "job", ID: "-"}, Refs: []actions.Ref{{At: "/id", From: "a.id"}}}}},
			`a {"id":1,"name":"a","state":"new"};b {"id":1,"name":"a","state":"new"};`},
		{"one name", &actions.Compound{Steps: []actions.Step{make("x"), make("x")}}, "action-invalid: Two steps have the name `x`.; /actions/x: Two steps have the name `x`.; /actions/x: Two steps have the name `x`."},
		{"no action", &actions.Compound{Steps: []actions.Step{{Name: "x"}}}, "action-invalid: The step has no action.; /actions/x: The step has no action.; /actions/x: The step has no action."},
		{"nested", &actions.Compound{Steps: []actions.Step{nested}}, "action-invalid: A compound cannot be a step of a compound.; /actions/n: A compound cannot be a step of a compound.; /actions/n: A compound cannot be a step of a compound."},
		{"no such place", &actions.Compound{Steps: []actions.Step{make("c"), make("d", actions.Ref{At: "/class", From: "c"})}},
			"action-invalid: A value of an earlier answer can be an id of the path, the value of a filter, an entity tag, or part of the content.; /actions/d: A value of an earlier answer can be an id of the path, the value of a filter, an entity tag, or part of the content.; /actions/d: A value of an earlier answer can be an id of the path, the value of a filter, an entity tag, or part of the content."},
		{"a place that is not there", &actions.Compound{Apart: true, Steps: []actions.Step{make("c"), make("d", actions.Ref{At: "/content/no", From: "c.id"})}}, `c {"id":2,"name":"c","state":"new"};d ;action-invalid`},
		{"no such class", &actions.Compound{Apart: true, Steps: []actions.Step{{Name: "s", Action: &actions.Get{Class: "x", ID: "1"}}}}, "s ;not-found"},
	} {
		if diff := cmp.Diff(tt.want, said(tt.c)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
	many := &actions.Compound{}
	for range 101 {
		many.Steps = append(many.Steps, make("m"))
	}
	if got := said(many); !strings.HasPrefix(got, "action-invalid: At most 100 actions") {
		t.Error(got)
	}
}
