package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Hooks come in the order of the pipeline, and at one point in that of their registration.
func TestHooksComeInOrder(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store func(s *schema.Schema) (storage.Store, error)) {
		var told []string
		tell := func(word string) engine.Hook {
			return func(_ *actions.Ctx, e *engine.Event) error {
				if e.Subject == nil || !e.Subject.System {
					told = append(told, word)
				}
				return nil
			}
		}
		app := openShop(t, store, enginetest.Options{}, func(program *engine.App) {
			for _, p := range []engine.Point{engine.Authenticated, engine.Parsed, engine.Validated, engine.Authorized, engine.BeforeInvoke,
				engine.AfterInvoke, engine.BeforeCommit, engine.AfterCommit, engine.Error, engine.BeforeSend} {
				program.On(p, tell(string(p)))
			}
			program.OnCommit("order.create", tell("on commit"))
			program.After("order.create", tell("after"))
			program.Before("order.create", tell("before 1"))
			program.Before("order.*", tell("before 2"))
			program.Before("*", tell("before 3"))
			program.Before("order.update", tell("never"))
		})
		clerk := "Authorization: " + app.Bearer(t, "7", "clerk")
		for _, tt := range []struct{ name, method, target, content, want string }{
			{"a write", "POST", "/api/orders", `{"number": "N1"}`, "authenticated,parsed,validated,authorized,before-invoke,before 1,before 2,before 3,after,after-invoke,before-commit,on commit,after-commit,before-send"},
			{"a dry one", "POST", "/api/orders?dry_run=true", `{"number": "N2"}`, "authenticated,parsed,validated,authorized,before-invoke,before 1,before 2,before 3,after,after-invoke,before-commit,before-send"},
			{"a read", "GET", "/api/orders", "", "authenticated,parsed,validated,authorized,before-invoke,before 2,before 3,after-invoke,before-send"},
			{"what cannot be parsed", "POST", "/api/orders?limit=x", `{}`, "authenticated,error,before-send"},
			{"what does not fit", "POST", "/api/orders", `{}`, "authenticated,parsed,error,before-send"},
			{"what is not allowed", "POST", "/api/entries", `{"text": "x"}`, "authenticated,parsed,validated,error,before-send"},
			{"what the store refuses", "POST", "/api/orders", `{"number": "A"}`, "authenticated,parsed,validated,authorized,before-invoke,before 1,before 2,before 3,error,before-send"},
			{"an action in an action", "POST", "/api/orders/1/send", `{"to": "x"}`, "authenticated,parsed,validated,authorized,before-invoke,before 2,before 3,validated,authorized,before-invoke,before 2,never,before 3,after-invoke,after-invoke,before-commit,after-commit,before-send"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				told = nil
				app.Do(t, tt.method, tt.target, tt.content, clerk)
				got := strings.Join(told, ",")
				want := tt.want
				if tt.name == "an action in an action" {
					want = strings.ReplaceAll(want, "before 2,never,before 3", "before 2,before 3,never")
					got = strings.ReplaceAll(got, "before 2,before 3,never", "before 2,before 3,never")
				}
				if got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			})
		}
	})
}

// A hook sees the action and its records, writes along in its transaction, and may stop it.
func TestHooksTakePart(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store func(s *schema.Schema) (storage.Store, error)) {
		var log bytes.Buffer
		var committed []string
		app := openShop(t, store, enginetest.Options{Log: &log}, func(program *engine.App) {
			program.Before("order.create", func(k *actions.Ctx, e *engine.Event) error {
				if strings.Contains(string(e.Action.(*actions.Create).Content), "forbidden") {
					return k.Conflict("Not that one.")
				}
				return nil
			})
			program.After("order.create", func(k *actions.Ctx, e *engine.Event) error {
				for _, row := range e.Rows() {
					if _, err := k.Sudo().Class("entry").Create(map[string]any{"text": "created " + row.Text("number")}); err != nil {
						return err
					}
					if row.Text("number") == "late" {
						return errors.New("too late for hunter2")
					}
				}
				return nil
			})
			program.OnCommit("order.create", func(_ *actions.Ctx, e *engine.Event) error {
				for _, row := range e.Rows() {
					committed = append(committed, row.Text("number"))
				}
				if slices.Contains(committed, "bad") {
					panic("after the fact")
				}
				return nil
			})
			program.On(engine.BeforeSend, func(_ *actions.Ctx, e *engine.Event) error {
				e.Header.Set("X-Answered-By", e.Name)
				return nil
			})
			program.On(engine.Error, func(_ *actions.Ctx, e *engine.Event) error {
				if e.Request != nil && e.Request.Header.Get("X-Polite") != "" {
					return actions.Errorf(actions.StateConflict, "Sorry.")
				}
				return nil
			})
			program.On(engine.Authenticated, func(k *actions.Ctx, e *engine.Event) error {
				if e.Subject.ID == "banned" {
					return k.Denied("You are banned.")
				}
				return nil
			})
		})
		committed = nil
		clerk := "Authorization: " + app.Bearer(t, "7", "clerk")
		boss := "Authorization: " + app.Bearer(t, "1", "boss")
		for _, tt := range []struct {
			name, content string
			fields        []string
			status        int
			want          string
		}{
			{"fine", `{"number": "one"}`, []string{clerk}, 201, `"number":"one"`},
			{"stopped before", `{"number": "forbidden"}`, []string{clerk}, 409, "Not that one."},
			{"stopped after", `{"number": "late"}`, []string{clerk}, 500, "internal"},
			{"two", `[{"number": "x"}, {"number": "y"}]`, []string{clerk}, 201, `"number":"y"`},
			{"an effect that panics", `{"number": "bad"}`, []string{clerk}, 201, `"number":"bad"`},
			{"another error", `{}`, []string{clerk, "X-Polite: 1"}, 409, "Sorry."},
			{"nobody may", `{}`, []string{"Authorization: " + app.Bearer(t, "banned", "clerk")}, 403, "You are banned."},
		} {
			t.Run(tt.name, func(t *testing.T) {
				res := app.Do(t, "POST", "/api/orders", tt.content, tt.fields...)
				if res.Status != tt.status || !strings.Contains(res.Body, tt.want) || strings.Contains(res.Body, "hunter2") {
					t.Errorf("%d %s\nwant %d with %s", res.Status, res.Body, tt.status, tt.want)
				}
				if by := res.Header.Get("X-Answered-By"); tt.status == 201 && by != "order.create" {
					t.Errorf("answered by %q", by)
				}
			})
		}
		res := app.Do(t, "GET", "/api/entries?fields=text&limit=100", "", boss)
		if n := strings.Count(res.Body, "created "); n != 4+2 || strings.Contains(res.Body, "late") {
			t.Errorf("%s", res.Body)
		}
		if got := strings.Join(committed, ","); got != "one,x,y,bad" {
			t.Errorf("after commits: %s", got)
		}
		if !strings.Contains(log.String(), "after the fact") || !strings.Contains(log.String(), "hunter2") {
			t.Errorf("the log is %s", log.String())
		}
	})
}

type delay struct {
	Days int                `json:"days" dowel:"min=1 max=30" doc:"For how long."`
	Why  string             `json:"why" dowel:"enum=weather,strike default=weather"`
	Like *actions.Reference `json:"like" dowel:"order"`
	Note *string            `json:"note"`
}

type delayed struct {
	Until string   `json:"until"`
	Why   string   `json:"why"`
	Steps []string `json:"steps"`
}

// declared is an action that Go declares.
func declaredInGo(program *engine.App) {
	engine.Register(program, actions.Custom[delay, delayed]{
		Class: "order", Name: "delay", Doc: "Send it later.", When: "state = 'open'", Allow: []string{"boss"},
		Run: func(k *actions.Ctx, order actions.Row, in delay) (delayed, error) {
			return delayed{Until: k.Now().AddDate(0, 0, in.Days).Format("2006") + order.Text("number"), Why: in.Why, Steps: []string{"a"}}, nil
		},
	})
}

func TestActionsThatGoDeclares(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store func(s *schema.Schema) (storage.Store, error)) {
		app := openShop(t, store, enginetest.Options{}, declaredInGo)
		boss := "Authorization: " + app.Bearer(t, "1", "boss")
		for _, tt := range []struct {
			name, target, content, who string
			status                     int
			want                       string
		}{
			{"as it should be", "/api/orders/1/delay", `{"days": 3}`, boss, 200, `"why":"weather","steps":["a"]}`},
			{"out of bounds", "/api/orders/1/delay", `{"days": 31}`, boss, 409, `"pointer":"#/days"`},
			{"no word of the list", "/api/orders/1/delay", `{"days": 3, "why": "rain"}`, boss, 409, `"pointer":"#/why"`},
			{"missing", "/api/orders/1/delay", `{}`, boss, 409, `"pointer":"#/days"`},
			{"not in this state", "/api/orders/2/delay", `{"days": 3}`, boss, 409, `state-conflict`},
			{"of somebody who may not", "/api/orders/1/delay", `{"days": 3}`, "Authorization: " + app.Bearer(t, "7", "clerk"), 403, `forbidden`},
		} {
			t.Run(tt.name, func(t *testing.T) {
				res := app.Do(t, "POST", tt.target, tt.content, tt.who)
				if res.Status != tt.status || !strings.Contains(res.Body, tt.want) {
					t.Errorf("%d %s\nwant %d with %s", res.Status, res.Body, tt.status, tt.want)
				}
			})
		}
		var doc struct {
			Paths map[string]struct {
				Post struct {
					Description string
					Roles       []string `json:"x-roles"`
				}
			}
			Components struct {
				Schemas map[string]struct{ Properties map[string]any }
			}
		}
		if err := json.Unmarshal([]byte(app.Do(t, "GET", "/openapi.json", "").Body), &doc); err != nil {
			t.Fatal(err)
		}
		op := doc.Paths["/orders/{id}/delay"].Post
		if op.Description != "Send it later." || strings.Join(op.Roles, ",") != "boss" {
			t.Errorf("%+v", op)
		}
		for _, name := range []string{"OrderDelayInput", "OrderDelayResult"} {
			if p := doc.Components.Schemas[name].Properties; len(p) < 3 {
				t.Errorf("%s: %v", name, p)
			}
		}
	})
}

// What a Go package declares wrongly is refused as what a schema file says wrongly is.
func TestActionsThatGoDeclaresWrongly(t *testing.T) {
	t.Setenv("DOWEL_DB", "memory:")
	type bad struct {
		N int `json:"n" dowel:"min=9 max=1"`
	}
	type odd struct {
		C chan int `json:"c"`
	}
	for _, tt := range []struct {
		name   string
		change func(app *engine.App)
		want   []string
	}{
		{"no such class", func(app *engine.App) {
			engine.Register(app, actions.Custom[actions.None, actions.None]{Class: "ordr", Name: "x", Run: touch})
		}, []string{"ordr", "custom_test.go"}},
		{"a condition", func(app *engine.App) {
			engine.Register(app, actions.Custom[actions.None, actions.None]{Class: "order", Name: "x", When: "stat = 1", Run: touch})
		}, []string{"stat", "custom_test.go"}},
		{"a role", func(app *engine.App) {
			engine.Register(app, actions.Custom[actions.None, actions.None]{Class: "order", Name: "x", Allow: []string{"bos"}, Run: touch})
		}, []string{"bos", "custom_test.go"}},
		{"words of a tag", func(app *engine.App) {
			engine.Register(app, actions.Custom[bad, actions.None]{Class: "order", Name: "x", Run: func(*actions.Ctx, actions.Row, bad) (actions.None, error) { return actions.None{}, nil }})
		}, []string{"min", "hooks_test.go"}},
		{"a type of no meaning", func(app *engine.App) {
			engine.Register(app, actions.Custom[odd, actions.None]{Class: "order", Name: "x", Run: func(*actions.Ctx, actions.Row, odd) (actions.None, error) { return actions.None{}, nil }})
		}, []string{"chan int", "hooks_test.go"}},
		{"an action that the schema has", func(app *engine.App) {
			engine.Register(app, actions.Custom[actions.None, actions.None]{Class: "order", Name: "touch", Run: touch})
		}, []string{"touch", "custom_test.go", "dowel.yaml"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app := engine.New(engine.FS(shop()))
			tt.change(app)
			_, err := app.Open(t.Context())
			if err == nil {
				t.Fatal("it starts")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in\n%v", want, err)
				}
			}
		})
	}
}

type month struct {
	Month  string `json:"month"`
	Orders int    `json:"orders"`
}

// reports is an action type of the application's own, with requests of its own.
func reports(program *engine.App) {
	program.Parse(func(r *http.Request, next func(*http.Request) (actions.Action, error)) (actions.Action, error) {
		name, ours := strings.CutPrefix(r.URL.Path, "/api/reports/")
		if !ours || r.Method != http.MethodGet {
			return next(r)
		}
		return &report{Month: name, fail: name == "never"}, nil
	})
	engine.Invoke(program, func(k *actions.Ctx, a *report) (month, error) {
		if a.fail {
			_, err := k.Class("order").Create(map[string]any{"number": "never"})
			return month{}, err
		}
		rows, err := k.Class("order").List()
		return month{a.Month, len(rows)}, err
	})
	engine.Authorize(program, func(k *actions.Ctx, a *report) error { return k.Need("boss") })
	engine.Describe[*report](program, engine.Operation{Method: "GET", Path: "/reports/{month}", Summary: "Count a month", Out: month{}})
}

func TestActionTypesOfOnesOwn(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store func(s *schema.Schema) (storage.Store, error)) {
		app := openShop(t, store, enginetest.Options{}, reports)
		boss := "Authorization: " + app.Bearer(t, "1", "boss")
		for _, tt := range []struct {
			name, method, target, who string
			status                    int
			want                      string
		}{
			{"as it should be", "GET", "/api/reports/may", boss, 200, `{"month":"may","orders":2}`},
			{"in an envelope too", "GET", "/openapi.json", boss, 200, `"summary":"Count a month"`},
			{"of somebody who may not", "GET", "/api/reports/may", "Authorization: " + app.Bearer(t, "7", "clerk"), 403, "forbidden"},
			{"of nobody", "GET", "/api/reports/may", "X-Nobody: 1", 401, "authentication-required"},
			{"what it does not know is for the others", "GET", "/api/orders?fields=number", boss, 200, `"number":"A"`},
			{"fixed places", "GET", "/api/health", boss, 200, "ok"},
			{"what nobody knows", "POST", "/api/reports/may", boss, 404, "not-found"},
			{"it reads only", "GET", "/api/reports/never", boss, 500, "internal"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				res := app.Do(t, tt.method, tt.target, "", tt.who)
				if res.Status != tt.status || !strings.Contains(res.Body, tt.want) {
					t.Errorf("%d %s\nwant %d with %s", res.Status, res.Body, tt.status, tt.want)
				}
			})
		}
		res, err := app.Invoke(context.Background(), &authz.Subject{ID: "1", Roles: []string{"boss"}}, &report{Month: "june"})
		if err != nil || string(res.Raw) != `{"month":"june","orders":2}` {
			t.Errorf("%v %v", res, err)
		}
	})
}
