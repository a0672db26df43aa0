package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

// shop is an application with actions that Go runs. Rights differ between its
// roles, so that it shows with whose rights a function works.
func shop() fs.FS {
	return fstest.MapFS{"dowel.yaml": {Data: []byte(`dowel: 1
roles: {clerk: null, boss: {includes: clerk}}
classes:
  order:
    fields:
      number: string unique
      state: {enum: [open, sent, gone], default: open}
      total: decimal scale=2 default=0
      secret: string optional read=boss write=boss
      tags: {many: tag, by: name, create: true}
    actions:
      send:
        when: state = 'open'
        input: {to: string max=20, on: date optional, times: int min=1 max=3 default=1, rush: bool optional, via: order optional, notes: list string optional}
        returns: {fields: {label: string, cost: decimal scale=2, at: datetime optional}}
        run: go
      touch: {run: go}
      sum: {on: collection, run: go, method: GET}
    allow: {read: clerk, create: clerk, update: clerk, delete: boss, actions: clerk}
  tag: {fields: {name: slug unique}, allow: {read: clerk, create: clerk}}
  entry:
    fields: {text: string}
    allow: {read: boss, create: boss}
`)}}
}

type sending struct {
	To    string             `json:"to"`
	On    *time.Time         `json:"on"`
	Times int                `json:"times"`
	Rush  bool               `json:"rush"`
	Via   *actions.Reference `json:"via"`
	Notes []string           `json:"notes"`
}

type sent struct {
	Label string     `json:"label"`
	Cost  string     `json:"cost"`
	At    *time.Time `json:"at"`
}

type sums struct {
	Orders int      `json:"orders"`
	States []string `json:"states"`
}

// send is what order.send does where a test has nothing else in mind.
func send(k *actions.Ctx, order actions.Row, in sending) (sent, error) {
	if _, err := k.Class("order").Update(order.ID, map[string]any{"state": "sent"}); err != nil {
		return sent{}, err
	}
	label := fmt.Sprintf("%s for %s ×%d", order.Text("number"), in.To, in.Times)
	if in.On != nil {
		label += " on " + in.On.Format(time.DateOnly)
	}
	if in.Via != nil {
		label += " via " + in.Via.ID
	}
	return sent{Label: label + strings.Join(in.Notes, "+"), Cost: "1.5"}, nil
}

func touch(*actions.Ctx, actions.Row, actions.None) (actions.None, error) { return actions.None{}, nil }

func sum(k *actions.Ctx, _ actions.Row, _ actions.None) (sums, error) {
	rows, err := k.Class("order").Order("number").List()
	out := sums{Orders: len(rows)}
	for _, r := range rows {
		out.States = append(out.States, r.Text("state"))
	}
	return out, err
}

// open runs the shop with other functions in place of its own.
func openShop(t *testing.T, store func(s *schema.Schema) (storage.Store, error), o enginetest.Options, change func(app *engine.App), other ...string) *enginetest.App {
	t.Helper()
	program := engine.New()
	replaced := strings.Join(other, " ")
	if !strings.Contains(replaced, "order.send") {
		engine.Handle(program, "order.send", send)
	}
	if !strings.Contains(replaced, "order.touch") {
		engine.Handle(program, "order.touch", touch)
	}
	engine.Handle(program, "order.sum", sum)
	if change != nil {
		change(program)
	}
	o.Store, o.App = store, program
	app := enginetest.Open(t, shop(), o)
	app.Make(t, "order", `[{"number": "A"}, {"number": "B", "state": "gone"}]`)
	return app
}

func TestActionsInGo(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store func(s *schema.Schema) (storage.Store, error)) {
		app := openShop(t, store, enginetest.Options{}, nil)
		clerk := "Authorization: " + app.Bearer(t, "7", "clerk")
		for _, tt := range []struct {
			name, method, target, content string
			status                        int
			want                          string
		}{
			{"an input that is no date", "POST", "/api/orders/1/send", `{"to": "Ann", "on": "soon"}`, 409, `"pointer":"#/on"`},
			{"an input out of bounds", "POST", "/api/orders/1/send", `{"to": "Ann", "times": 4}`, 409, `"pointer":"#/times"`},
			{"an unknown input", "POST", "/api/orders/1/send", `{"to": "Ann", "tme": 1}`, 409, `"pointer":"#/tme"`},
			{"a reference that is missing", "POST", "/api/orders/1/send", `{"to": "Ann", "via": 99}`, 409, `reference-missing`},
			{"no input", "POST", "/api/orders/1/send", ``, 409, `"pointer":"#/to"`},
			{"dry", "POST", "/api/orders/1/send?dry_run=true", `{"to": "Ann"}`, 200, `{"label":"A for Ann ×1","cost":"1.50","at":null}`},
			{"as it should be", "POST", "/api/orders/1/send", `{"to": "Ann", "on": "2026-01-02", "times": 2, "via": 2, "notes": ["x", "y"]}`, 200, `{"label":"A for Ann ×2 on 2026-01-02 via 2x+y","cost":"1.50","at":null}`},
			{"again", "POST", "/api/orders/1/send", `{"to": "Ann"}`, 409, `state-conflict`},
			{"a row that is not there", "POST", "/api/orders/9/send", `{"to": "Ann"}`, 404, `not-found`},
			{"nothing to say: the record", "POST", "/api/orders/1/touch?fields=number,state", ``, 200, `{"id":1,"number":"A","state":"sent"}`},
			{"little to say", "POST", "/api/orders/1/touch?fields=number,state", ``, 200, `{"id":1,"number":"A","state":"sent"}`},
			{"of the collection, by GET", "GET", "/api/orders/sum", ``, 200, `{"orders":2,"states":["sent","gone"]}`},
			{"in an envelope", "GET", "/api/orders/sum?envelope=true", ``, 200, `{"success":true,"data":{"orders":2,"states":["sent","gone"]}`},
			{"of a stranger", "GET", "/api/orders/sum", ``, 401, `authentication-required`},
		} {
			t.Run(tt.name, func(t *testing.T) {
				who := clerk
				if tt.status == 401 {
					who = "X-Nobody: 1"
				}
				res := app.Do(t, tt.method, tt.target, tt.content, who)
				if res.Status != tt.status || !strings.Contains(res.Body, tt.want) {
					t.Errorf("%d %s\nwant %d with %s", res.Status, res.Body, tt.status, tt.want)
				}
			})
		}
	})
}

// What a function returns as an error is what the client is told, as far as it is the client's business.
func TestErrorsOfFunctions(t *testing.T) {
	var log bytes.Buffer
	var fails atomic.Pointer[func(k *actions.Ctx) error] // one that is too slow outlives its turn
	app := openShop(t, nil, enginetest.Options{Log: &log, Settings: engine.Settings{Limits: engine.Limits{Request: 200 * time.Millisecond}}}, func(program *engine.App) {
		engine.Handle(program, "order.touch", func(k *actions.Ctx, row actions.Row, _ actions.None) (actions.None, error) {
			if _, err := k.Class("order").Update(row.ID, map[string]any{"total": "9.99"}); err != nil {
				return actions.None{}, err
			}
			k.OnCommit(func(context.Context) error { t.Error("an effect of what was undone"); return nil })
			return actions.None{}, (*fails.Load())(k)
		})
	}, "order.touch")
	clerk := "Authorization: " + app.Bearer(t, "7", "clerk")
	for _, tt := range []struct {
		name   string
		fails  func(k *actions.Ctx) error
		status int
		want   string
		logged string
	}{
		{"invalid", func(k *actions.Ctx) error { return k.Invalid("to", "no %s today", "mail") }, 409, `"detail":"no mail today","pointer":"#/to"`, ""},
		{"conflict", func(k *actions.Ctx) error { return k.Conflict("not on Sundays") }, 409, `"code":"state-conflict"`, ""},
		{"not found", func(k *actions.Ctx) error { return k.NotFound("no such shelf") }, 404, "no such shelf", ""},
		{"denied", func(k *actions.Ctx) error { return k.Denied("not you") }, 403, "not you", ""},
		{"with more around it", func(k *actions.Ctx) error { return fmt.Errorf("while packing: %w", k.Conflict("full")) }, 409, `"detail":"full"`, ""},
		{"none of the client's business", func(*actions.Ctx) error { return errors.New("password of the mail server is hunter2") }, 500, `"code":"internal"`, "hunter2"},
		{"a panic", func(*actions.Ctx) error { panic("hunter3") }, 500, `"code":"internal"`, "hunter3"},
		{"a field that there is not", func(k *actions.Ctx) error {
			row, err := k.Class("order").Get(1)
			_ = row.Text("totl")
			return err
		}, 500, `"code":"internal"`, "has no field `totl`"},
		{"what the caller may not do", func(k *actions.Ctx) error {
			_, err := k.Class("entry").Create(map[string]any{"text": "x"})
			return err
		}, 403, `"code":"forbidden"`, ""},
		{"what the schema refuses", func(k *actions.Ctx) error {
			_, err := k.Class("order").Create(map[string]any{"number": "A"})
			return err
		}, 409, `"code":"already-exists"`, ""},
		{"a condition that cannot be read", func(k *actions.Ctx) error {
			_, err := k.Class("order").Where("number = ?").List()
			return err
		}, 500, `"code":"internal"`, "more ? than"},
		{"too slow, and it knows", func(k *actions.Ctx) error { <-k.Done(); return k.Err() }, 503, `"outcome":"not_applied"`, "deadline"},
		{"too slow, and it does not care", func(*actions.Ctx) error { time.Sleep(500 * time.Millisecond); return nil }, 503, "took too long", "deadline"},
		{"actions without end", func(k *actions.Ctx) error {
			_, err := k.Class("order").Run(1, "touch", actions.None{})
			return err
		}, 500, `"code":"internal"`, "without end"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log.Reset()
			fails.Store(&tt.fails)
			res := app.Do(t, "POST", "/api/orders/1/touch", "", clerk)
			if res.Status != tt.status || !strings.Contains(res.Body, tt.want) {
				t.Errorf("%d %s\nwant %d with %s", res.Status, res.Body, tt.status, tt.want)
			}
			if tt.logged != "" && (!strings.Contains(log.String(), tt.logged) || strings.Contains(res.Body, tt.logged)) {
				t.Errorf("the log is %s\nwant %q there, and not in %s", log.String(), tt.logged, res.Body)
			}
			if res := app.Do(t, "GET", "/api/orders/1?fields=total", "", clerk); !strings.Contains(res.Body, `"total":"0.00"`) {
				t.Errorf("something was done: %s", res.Body)
			}
		})
	}
}

// A function that goes on after its time has no hold of the transaction any more.
func TestFunctionsThatOutliveTheirContext(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store func(s *schema.Schema) (storage.Store, error)) {
		var late sync.WaitGroup
		late.Add(2)
		var first, second error
		app := openShop(t, store, enginetest.Options{Settings: engine.Settings{Limits: engine.Limits{Request: 150 * time.Millisecond}}}, func(program *engine.App) {
			engine.Handle(program, "order.touch", func(k *actions.Ctx, row actions.Row, _ actions.None) (actions.None, error) {
				defer late.Done()
				time.Sleep(300 * time.Millisecond)
				_, first = k.Class("order").Update(row.ID, map[string]any{"total": "9.99"})
				return actions.None{}, nil
			})
			engine.Handle(program, "order.send", func(k *actions.Ctx, row actions.Row, _ sending) (sent, error) {
				go func() {
					defer late.Done()
					time.Sleep(50 * time.Millisecond)
					_, second = k.Class("order").Update(row.ID, map[string]any{"total": "8.88"})
				}()
				return sent{Cost: "0"}, nil
			})
		}, "order.touch", "order.send")
		clerk := "Authorization: " + app.Bearer(t, "7", "clerk")
		if res := app.Do(t, "POST", "/api/orders/1/touch", "", clerk); res.Status != 503 {
			t.Errorf("%d %s", res.Status, res.Body)
		}
		if res := app.Do(t, "POST", "/api/orders/1/send", `{"to": "x"}`, clerk); res.Status != 200 {
			t.Errorf("%d %s", res.Status, res.Body)
		}
		late.Wait()
		if first == nil || second == nil {
			t.Errorf("late writes: %v, %v", first, second)
		}
		if res := app.Do(t, "GET", "/api/orders/1?fields=total", "", clerk); !strings.Contains(res.Body, `"total":"0.00"`) {
			t.Errorf("something was done: %s", res.Body)
		}
	})
}

// Functions work with the caller's rights, and with more only when they say so, which is logged.
func TestRightsOfFunctions(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store func(s *schema.Schema) (storage.Store, error)) {
		var log bytes.Buffer
		var says []string
		app := openShop(t, store, enginetest.Options{Log: &log}, func(program *engine.App) {
			engine.Handle(program, "order.touch", func(k *actions.Ctx, row actions.Row, _ actions.None) (actions.Row, error) {
				mine, err := k.Class("order").Get(row)
				if err != nil {
					return actions.Row{}, err
				}
				all, err := k.Sudo().Class("order").Fields("*", "secret").Get(row.ID)
				if err != nil {
					return actions.Row{}, err
				}
				says = []string{mine.Text("secret"), all.Text("secret"), row.Text("secret")}
				if _, err := k.Class("entry").Create(map[string]any{"text": "mine"}); err == nil {
					t.Error("it may write what the caller may not")
				}
				_, err = k.Sudo().Class("entry").Create(map[string]any{"text": "the engine's"})
				return row, err
			})
		}, "order.touch")
		boss := "Authorization: " + app.Bearer(t, "1", "boss")
		clerk := "Authorization: " + app.Bearer(t, "7", "clerk")
		if res := app.Do(t, "PATCH", "/api/orders/1", `{"secret": "hush"}`, boss); res.Status != 200 {
			t.Fatal(res.Body)
		}
		res := app.Do(t, "POST", "/api/orders/1/touch", "", clerk)
		if res.Status != 200 || strings.Contains(res.Body, "hush") || strings.Join(says, ",") != ",hush,hush" {
			t.Errorf("%d %s; it read %q", res.Status, res.Body, says)
		}
		if res := app.Do(t, "GET", "/api/entries", "", boss); !strings.Contains(res.Body, "the engine's") || strings.Contains(res.Body, "mine") {
			t.Errorf("%s", res.Body)
		}
		if !strings.Contains(log.String(), "msg=sudo by=order.touch subject=7 action=create class=entry") {
			t.Errorf("the log is %s", log.String())
		}
	})
}

// A function answers with data, a record, another action, or bytes of its own.
func TestAnswersOfFunctions(t *testing.T) {
	var answer func(k *actions.Ctx, row actions.Row) (any, error)
	app := openShop(t, nil, enginetest.Options{}, func(program *engine.App) {
		engine.Handle(program, "order.touch", func(k *actions.Ctx, row actions.Row, _ actions.None) (any, error) { return answer(k, row) })
	}, "order.touch")
	clerk := "Authorization: " + app.Bearer(t, "7", "clerk")
	for _, tt := range []struct {
		name   string
		answer func(k *actions.Ctx, row actions.Row) (any, error)
		status int
		body   string
		field  string
	}{
		{"a list", func(*actions.Ctx, actions.Row) (any, error) { return []int{1, 2}, nil }, 200, "[1,2]", ""},
		{"records", func(k *actions.Ctx, _ actions.Row) (any, error) { return k.Class("order").Fields("number").List() }, 200, `[{"id":1,"number":"A"},{"id":2,"number":"B"}]`, ""},
		{"another action", func(*actions.Ctx, actions.Row) (any, error) {
			return &actions.Get{Class: "order", ID: "2", View: actions.View{Fields: []string{"number"}}}, nil
		}, 200, `{"id":2,"number":"B"}`, "ETag"},
		{"another action that is refused", func(*actions.Ctx, actions.Row) (any, error) {
			return &actions.Delete{Class: "order", ID: "2"}, nil
		}, 403, `"code":"forbidden"`, ""},
		{"a page", func(*actions.Ctx, actions.Row) (any, error) { return actions.HTML(200, []byte("<p>hello")), nil }, 200, "<p>hello", "Content-Type"},
		{"a way elsewhere", func(*actions.Ctx, actions.Row) (any, error) { return actions.Redirect("/api/orders/2"), nil }, 303, "", "Location"},
		{"what is no JSON", func(*actions.Ctx, actions.Row) (any, error) { return func() {}, nil }, 500, "internal", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer = tt.answer
			res := app.Do(t, "POST", "/api/orders/1/touch", "", clerk)
			if res.Status != tt.status || !strings.Contains(res.Body, tt.body) || tt.field != "" && res.Header.Get(tt.field) == "" {
				t.Errorf("%d %v %s\nwant %d with %s", res.Status, res.Header, res.Body, tt.status, tt.body)
			}
		})
	}
}

// Two at once: the target stays as it was when the function looked at it.
func TestTargetsAreHeld(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store func(s *schema.Schema) (storage.Store, error)) {
		if strings.HasSuffix(t.Name(), "postgres") { // several at once, which the store of other tests is not for
			store = func(s *schema.Schema) (storage.Store, error) {
				st, err := postgres.Open(t.Context(), pgtest.Schema(t), s, postgres.Options{Conns: 8})
				if err == nil {
					_, err = st.Migrate(t.Context(), s, true)
				}
				return st, err
			}
		}
		var log bytes.Buffer
		app := openShop(t, store, enginetest.Options{Log: &log}, nil)
		clerk := "Authorization: " + app.Bearer(t, "7", "clerk")
		var done sync.WaitGroup
		var mu sync.Mutex
		statuses := map[int]int{}
		for range 6 {
			done.Go(func() {
				res := app.Do(t, "POST", "/api/orders/1/send", `{"to": "x"}`, clerk)
				mu.Lock()
				statuses[res.Status]++
				mu.Unlock()
			})
		}
		done.Wait()
		if statuses[http.StatusOK] != 1 || statuses[http.StatusConflict] != 5 {
			t.Errorf("%v %s", statuses, log.String())
		}
	})
}

// What does not fit is refused at start, with the places on both sides.
func TestMismatchesAreRefused(t *testing.T) {
	type wrong struct {
		To    int    `json:"to"`
		Other string `json:"other"`
	}
	for _, tt := range []struct {
		name   string
		change func(app *engine.App)
		want   []string
	}{
		{"a function that is missing", func(app *engine.App) { engine.Handle(app, "order.send", send) }, []string{"`order.touch` is run by Go, and this program has no function", "dowel.yaml:17"}},
		{"an action that is missing", func(app *engine.App) { engine.Handle(app, "order.sned", send) }, []string{"order.sned", "custom_test.go", "did you mean `order.send`?"}},
		{"fields on one side only", func(app *engine.App) {
			engine.Handle(app, "order.send", func(*actions.Ctx, actions.Row, wrong) (sent, error) { return sent{}, nil })
		}, []string{"input `to` is declared as string, and the Go type int cannot hold that", "`times` is declared, and engine_test.wrong has no field", "engine_test.wrong.Other has no input `other` in the schema", "dowel.yaml:14:17"}},
		{"an answer of another form", func(app *engine.App) {
			engine.Handle(app, "order.send", func(*actions.Ctx, actions.Row, sending) (sums, error) { return sums{}, nil })
		}, []string{"answer `label` is declared", "sums.Orders has no answer `orders`"}},
		{"two functions", func(app *engine.App) {
			engine.Handle(app, "order.send", send)
			engine.Handle(app, "order.send", send)
		}, []string{"two functions"}},
		{"no name of an action", func(app *engine.App) { engine.Handle(app, "send", send) }, []string{"write CLASS.ACTION"}},
		{"a class that is missing", func(app *engine.App) {
			engine.Handle(app, "ordr.touch", touch)
		}, []string{"the function engine_test.touch", "ordr.touch", "did you mean `order.touch`?"}},
		{"a hook for nothing", func(app *engine.App) { app.Before("order.crate", nil) }, []string{"a hook is for `order.crate`", "did you mean `create`?"}},
		{"a type that nobody is allowed", func(app *engine.App) {
			engine.Invoke(app, func(*actions.Ctx, *report) (actions.None, error) { return actions.None{}, nil })
		}, []string{"nothing says who may do it", "custom_test.go"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app := engine.New(engine.FS(shop()))
			tt.change(app)
			t.Setenv("DOWEL_DB", "memory:")
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
	t.Run("a program without any only lacks them", func(t *testing.T) {
		app := enginetest.Open(t, shop(), enginetest.Options{})
		app.Make(t, "order", `{"number": "A"}`)
		if res := app.Do(t, "POST", "/api/orders/1/touch", "", "Authorization: "+app.Bearer(t, "7", "clerk")); res.Status != 501 {
			t.Errorf("%d %s", res.Status, res.Body)
		}
	})
}

// report is an action type of the test's own.
type report struct {
	actions.Options
	Month string
	fail  bool
}

func (*report) Verb() string { return "report" }
func (*report) On() string   { return "" }
func (*report) Reads() bool  { return true }
