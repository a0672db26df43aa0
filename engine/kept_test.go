package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/events"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
)

// keeping is an application that keeps everything: histories and events.
func keeping() fs.FS {
	return fstest.MapFS{"dowel.yaml": {Data: []byte(`dowel: 1
roles: {clerk: null}
defaults: {history: true, events: true}
classes:
  order:
    fields: {number: string, paid: bool default=false, tags: {many: tag, by: name, create: true}}
    actions:
      pay: {set: {paid: true}}
      merge: {run: go}
      sweep: {on: collection, run: go}
    allow: {all: clerk, history: clerk}
  line:
    fields: {order: order on_delete=cascade, text: string}
    allow: {all: clerk, history: clerk}
  tag: {history: false, events: false, fields: {name: slug unique}, allow: {all: clerk}}
`)}}
}

// openKeeping runs it, with functions that write with their own and with the caller's rights.
func openKeeping(t *testing.T, store func(s *schema.Schema) (storage.Store, error), change func(app *engine.App)) (*enginetest.App, storage.Store) {
	t.Helper()
	program := engine.New()
	engine.Handle(program, "order.merge", func(k *actions.Ctx, order actions.Row, _ actions.None) (actions.None, error) {
		if _, err := k.Class("order").Update(order.ID, map[string]any{"number": "merged"}); err != nil {
			return actions.None{}, err
		}
		_, err := k.Sudo().Class("order").Create(map[string]any{"number": "made by sudo"})
		return actions.None{}, err
	})
	engine.Handle(program, "order.sweep", func(k *actions.Ctx, _ actions.Row, _ actions.None) (actions.None, error) {
		return actions.None{}, k.Conflict("nothing to sweep, after all")
	})
	if change != nil {
		change(program)
	}
	var opened storage.Store
	app := enginetest.Open(t, keeping(), enginetest.Options{App: program, Store: func(s *schema.Schema) (st storage.Store, err error) {
		if store == nil {
			opened, err = memory.New(s)
		} else {
			opened, err = store(s)
		}
		return opened, err
	}})
	return app, opened
}

// ways are requests that write in every way there is, with what happened to rows by them.
var ways = []struct {
	method, target, content string
	want                    []string
}{
	{"POST", "/api/orders", `{"number": "A", "tags": ["x"]}`, []string{"order.create 1"}},
	{"POST", "/api/lines", `[{"order_id": 1, "text": "a"}, {"order_id": 1, "text": "b"}]`, []string{"line.create 1", "line.create 2"}},
	{"PATCH", "/api/orders/1", `{"number": "B"}`, []string{"order.update 1"}},
	{"PATCH", "/api/orders/1?dry_run=true", `{"number": "never"}`, nil},
	{"PATCH", "/api/orders/1", `{"numbr": "never"}`, nil},
	{"POST", "/api/orders/1/pay", ``, []string{"order.pay 1"}},
	{"POST", "/api/orders/1/merge", ``, []string{"order.merge 1", "order.create 2"}},
	{"POST", "/api/orders/sweep", ``, nil},
	{"DELETE", "/api/tags/1", ``, []string{"order.update 1"}},
	{"POST", "/api;compound", `{"actions": [{"method": "PATCH", "path": "/orders/1", "contentObject": {"number": "C"}}, {"method": "PATCH", "path": "/orders/99", "contentObject": {"number": "C"}}]}`, nil},
	{"POST", "/api;compound", `{"atomic": false, "actions": [{"method": "PATCH", "path": "/orders/1", "contentObject": {"number": "C"}}, {"method": "PATCH", "path": "/orders/99", "contentObject": {"number": "C"}}]}`, []string{"order.update 1"}},
	{"POST", "/api/orders/bulk-import?mode=partial", `[{"number": "D"}, {"number": 7}]`, []string{"order.create 3"}},
	{"POST", "/api/orders/bulk-update", `{"ids": [1, 3], "set": {"number": "E"}}`, []string{"order.update 1", "order.update 3"}},
	{"PATCH", "/api/orders?number=E&max_affected=5", `{"number": "F"}`, []string{"order.update 1", "order.update 3"}},
	{"DELETE", "/api/orders/1", ``, []string{"line.delete 1", "line.delete 2", "order.delete 1"}},
}

// Every way to write makes the same entries of histories and the same events, and nothing else does.
func TestEveryWayIsKept(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store func(s *schema.Schema) (storage.Store, error)) {
		app, st := openKeeping(t, store, nil)
		clerk := "Authorization: " + app.Bearer(t, "7", "clerk")
		s := app.Schema()
		for _, w := range ways {
			before, told := len(kept(t, st, s)), len(waitingEvents(t, st, s))
			app.Do(t, w.method, w.target, w.content, clerk, "X-Request-Id: r-1", "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
			var entries, happened []string
			for _, e := range kept(t, st, s)[before:] {
				class, id, _ := strings.Cut(e["row"], "/")
				entries = append(entries, class+"."+e["verb"]+" "+id)
			}
			for _, e := range waitingEvents(t, st, s)[told:] {
				happened = append(happened, e.Name+" "+e.Key)
				if e.Subject != "7" || e.RequestID != "r-1" || e.Traceparent == "" || e.ID == "" || e.At.IsZero() || !json.Valid(e.Record) {
					t.Errorf("%s %s: the event %+v does not say everything", w.method, w.target, e)
				}
			}
			slices.Sort(entries)
			if diff := cmp.Diff(sorted(w.want), entries); diff != "" {
				t.Errorf("%s %s: entries (-want +got):\n%s", w.method, w.target, diff)
			}
			if diff := cmp.Diff(sorted(w.want), sorted(happened)); diff != "" {
				t.Errorf("%s %s: events (-want +got):\n%s", w.method, w.target, diff)
			}
		}
		// The command line and programs write as the engine itself.
		_, err := app.Invoke(t.Context(), &authz.Subject{System: true}, &actions.Patch{Class: "order", ID: "2", Content: []byte(`{"number": "by hand"}`)})
		if err != nil {
			t.Fatal(err)
		}
		all := waitingEvents(t, st, s)
		if last := all[len(all)-1]; !last.System || last.Name != "order.update" || string(last.Previous) == "" || !strings.Contains(string(last.Previous), "made by sudo") {
			t.Errorf("the last event is %+v", last)
		}
		// It also sees what became of rows that are gone.
		res, err := app.Invoke(t.Context(), &authz.Subject{System: true}, &actions.History{Class: "order", ID: "1"})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(res.Raw), `[{"id":9,`) {
			t.Errorf("the history of a row that is gone is %s", res.Raw)
		}
		if v, err := app.VerifyHistory(t.Context()); err != nil || len(v.Problems) > 0 || v.Rows != 5 || v.Entries != len(kept(t, st, s)) {
			t.Errorf("the history as it was made: %+v, %v", v, err)
		}
	})
}

// Entries that are edited or taken out are found, and rows that were changed behind the back of the engine.
func TestTampering(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store func(s *schema.Schema) (storage.Store, error)) {
		app, st := openKeeping(t, store, nil)
		clerk := "Authorization: " + app.Bearer(t, "7", "clerk")
		for i := range 4 {
			app.Do(t, "POST", "/api/orders", fmt.Sprintf(`{"number": "%d"}`, i), clerk)
			for j := range 3 {
				app.Do(t, "PATCH", fmt.Sprintf("/api/orders/%d", i+1), fmt.Sprintf(`{"number": "%d-%d"}`, i, j), clerk)
			}
		}
		s := app.Schema()
		c := s.Class(load.ChangeClass)
		at := func(row string, n int64) []schema.Value { return []schema.Value{schema.NewText(row), schema.NewInt(n)} }
		order := s.Class("order")
		for _, ch := range []storage.Change{
			{Op: storage.Update, Class: c, Key: at("order/1", 2), Set: []storage.Assign{{Field: c.Field("entry"), Value: schema.NewText(`{"subject":"8"}`)}}},
			{Op: storage.Delete, Class: c, Key: at("order/2", 3)},
			{Op: storage.Delete, Class: c, Key: at("order/3", 4)},
			{Op: storage.Update, Class: order, Key: []schema.Value{schema.NewInt(4)}, Set: []storage.Assign{{Field: order.Field("number"), Value: schema.NewText("forged")}}},
		} {
			if err := st.Write(t.Context(), func(tx storage.Tx) error { _, err := tx.Apply(t.Context(), &ch); return err }); err != nil {
				t.Fatal(err)
			}
		}
		v, err := app.VerifyHistory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"order/1: entry 2 was edited",
			"order/2: entries between 2 and 4 are missing",
			"order/3: `number` is not what the last entry says",
			"order/4: `number` is not what the last entry says",
		}
		if diff := cmp.Diff(want, v.Problems); diff != "" {
			t.Errorf("found (-want +got):\n%s", diff)
		}
	})
}

// Writers of the same row at the same time make one chain.
func TestHistoryOfManyWriters(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store func(s *schema.Schema) (storage.Store, error)) {
		app, _ := openKeeping(t, store, nil)
		clerk := "Authorization: " + app.Bearer(t, "7", "clerk")
		app.Do(t, "POST", "/api/orders", `{"number": "0"}`, clerk)
		done := make(chan int, 4)
		for w := range 4 {
			go func() {
				written := 0
				for i := range 5 {
					if app.Do(t, "PATCH", "/api/orders/1", fmt.Sprintf(`{"number": "%d-%d"}`, w, i), clerk).Status == http.StatusOK {
						written++
					}
				}
				done <- written
			}()
		}
		written := 1
		for range 4 {
			written += <-done
		}
		v, err := app.VerifyHistory(t.Context())
		if err != nil || len(v.Problems) > 0 || v.Entries != written {
			t.Errorf("after %d writes: %+v, %v", written, v, err)
		}
	})
}

// A subscriber of an application is told what requests did; one that fails fails no request.
func TestSubscribe(t *testing.T) {
	told := make(chan events.Event, 100)
	app, _ := openKeeping(t, nil, func(a *engine.App) {
		a.Subscribe("mailer", "order.pay", func(_ context.Context, e events.Event) error { told <- e; return nil })
		a.Subscribe("broken", "*", func(context.Context, events.Event) error { panic("always") })
	})
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { defer close(over); app.Deliver(ctx) }()
	defer func() { cancel(); <-over }()
	clerk := "Authorization: " + app.Bearer(t, "7", "clerk")
	app.Do(t, "POST", "/api/orders", `{"number": "A"}`, clerk)
	if res := app.Do(t, "POST", "/api/orders/1/pay", ``, clerk); res.Status != http.StatusOK {
		t.Fatalf("paying answers %d", res.Status)
	}
	select {
	case e := <-told:
		if e.Name != "order.pay" || e.Sequence != 2 || string(e.Previous) == "" || !strings.Contains(string(e.Record), `"paid":true`) {
			t.Errorf("told %+v", e)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was told")
	}
}

func TestSubscribersThatFit(t *testing.T) {
	none := func(context.Context, events.Event) error { return nil }
	for _, tt := range []struct{ name, pattern, want string }{
		{"everything", "*", ""},
		{"a class", "order.*", ""},
		{"an action", "order.pay", ""},
		{"no class", "oder.*", "there is no class `oder`"},
		{"no events", "tag.*", "`tag` has no events"},
		{"no verb", "order.read", "no such verb or action"},
		{"no name", "order", "is no name of events"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app := engine.New()
			app.Subscribe("x", tt.pattern, none)
			s, found := load.FS(keeping(), ".", load.Options{})
			if s == nil {
				t.Fatal(found)
			}
			var said []string
			for _, d := range app.Check(s) {
				if !strings.Contains(d.Message, "is run by Go") {
					said = append(said, d.Message)
				}
			}
			if got := strings.Join(said, "; "); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("said %q, want %q", got, tt.want)
			}
		})
	}
	app := engine.New()
	app.Subscribe("x", "*", none)
	app.Subscribe("x", "*", none)
	app.Subscribe("", "*", none)
	s, _ := load.FS(keeping(), ".", load.Options{})
	n := 0
	for _, d := range app.Check(s) {
		if strings.Contains(d.Message, "subscriber") {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d faults in names, want 2", n)
	}
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// kept are all entries of histories, in the order in which they were made for each row.
func kept(t *testing.T, st storage.Store, s *schema.Schema) []map[string]string {
	t.Helper()
	c := s.Class(load.ChangeClass)
	q := &storage.Query{Class: c, Limit: -1, Order: []storage.Order{{By: &schema.Path{Field: c.Field("at"), Type: c.Field("at").Type}}, {By: &schema.Path{Field: c.Key[0], Type: c.Key[0].Type}}, {By: &schema.Path{Field: c.Key[1], Type: c.Key[1].Type}}}}
	for _, f := range c.Fields {
		q.Columns = append(q.Columns, storage.Column{Field: f})
	}
	page, err := st.Read(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for i := range page.Rows {
		e := map[string]string{}
		for _, f := range c.Fields {
			e[f.Name] = f.Type.Text(page.Rows[i].Values[f.Index])
		}
		out = append(out, e)
	}
	return out
}

// waitingEvents are all events that wait.
func waitingEvents(t *testing.T, st storage.Store, s *schema.Schema) []events.Event {
	t.Helper()
	c := s.Class(load.EventClass)
	page, err := st.Read(t.Context(), &storage.Query{Class: c, Limit: -1, Columns: []storage.Column{{Field: c.Field("event")}}, Order: []storage.Order{{By: &schema.Path{Field: c.Key[0], Type: c.Key[0].Type}}}})
	if err != nil {
		t.Fatal(err)
	}
	out := make([]events.Event, len(page.Rows))
	for i := range page.Rows {
		if err := json.Unmarshal([]byte(page.Rows[i].Values[c.Field("event").Index].Text()), &out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
