package load

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

const scheduledApp = `dowel: 1
roles: {manager: null}
classes:
  user:
    auth: {login: email, secret: password}
    fields: {email: email unique, password: password}
  order:
    fields: {number: string, state: string}
    actions:
      ship: {set: {state: shipped}}
      report: {on: collection, run: go}
    allow: {all: manager}
schedules:
  it: `

// Schedules are read into actions as others write them.
func TestSchedules(t *testing.T) {
	for _, c := range []struct{ name, yaml, action, as, next string }{
		{"all that a filter finds", `{cron: "0 3 * * *", action: order.update, where: state = 'a', input: {state: b}, as: manager}`,
			`{"do":"patch-where","class":"order","content":{"state":"b"},"where":"state = 'a'","max_affected":1000}`, "manager", "2026-11-22T03:00:00Z"},
		{"a time zone", `{cron: "0 3 * * *", timezone: Europe/Berlin, action: order.delete, where: state = 'a', max_affected: 5, as: system}`,
			`{"do":"delete-where","class":"order","where":"state = 'a'","max_affected":5}`, "system", "2026-11-22T02:00:00Z"},
		{"an action of a record", `{every: 1h, action: order.ship, id: 7, user: bot@x.io}`,
			`{"do":"run","class":"order","action":"ship","id":"7"}`, "bot@x.io", "2026-11-21T13:00:00Z"},
		{"an action of the collection", `{every: 1d, action: order.report, as: manager}`,
			`{"do":"run","class":"order","action":"report"}`, "manager", "2026-11-22T00:00:00Z"},
		{"a new record", `{every: 1d, action: order.create, input: {number: a, state: "7"}, as: manager}`,
			`{"do":"create","class":"order","content":{"number":"a","state":"7"}}`, "manager", "2026-11-22T00:00:00Z"},
		{"an action written out", `{every: 1d, action: {do: purge, class: order, id: "7"}, as: manager}`,
			`{"do":"purge","class":"order","id":"7"}`, "manager", "2026-11-22T00:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, found := FS(fstest.MapFS{"dowel.yaml": {Data: []byte(scheduledApp + c.yaml + "\n")}}, ".", Options{})
			if s == nil {
				t.Fatal(found)
			}
			it := s.Schedules[0]
			as := it.Role + it.User
			if it.System {
				as += "system"
			}
			if it.Action != c.action || as != c.as {
				t.Errorf("%s as %s", it.Action, as)
			}
			if next := it.Times.Next(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)).Format(time.RFC3339); next != c.next {
				t.Errorf("due at %s, want %s", next, c.next)
			}
		})
	}
}

func TestSchedulesThatCannotBe(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{`{cron: "0 0 30 2 *", action: order.report, as: manager}`, "there is no such day"},
		{`{cron: "x", action: order.report, as: manager}`, "cannot be `x`"},
		{`{cron: "0 3 * * *", every: 1h, action: order.report, as: manager}`, "due in two ways"},
		{`{action: order.report, as: manager}`, "does not say when"},
		{`{every: 1ms, action: order.report, as: manager}`, "cannot be `1ms`"},
		{`{every: 1h, timezone: Europe/Berlin, action: order.report, as: manager}`, "no time of day"},
		{`{cron: "0 3 * * *", timezone: Mars, action: order.report, as: manager}`, "cannot be `Mars`"},
		{`{every: 1h, action: order.report}`, "whose rights"},
		{`{every: 1h, action: order.report, as: boss}`, "unknown role `boss`"},
		{`{every: 1h, action: order.report, as: manager, user: a}`, "run as two"},
		{`{every: 1h, as: manager}`, "what it does"},
		{`{every: 1h, action: order, as: manager}`, "cannot be `order`"},
		{`{every: 1h, action: ordr.report, as: manager}`, "`ordr`"},
		{`{every: 1h, action: order.repot, as: manager}`, "no action `repot`"},
		{`{every: 1h, action: order.ship, as: manager}`, "which order"},
		{`{every: 1h, action: order.report, where: "a = 1", as: manager}`, "does not go with"},
		{`{every: 1h, action: {do: purge, class: order, id: "7"}, id: 7, as: manager}`, "written out"},
		{`{every: 1h, actoin: order.report, as: manager}`, "unknown key `actoin`"},
	} {
		t.Run(c.yaml, func(t *testing.T) {
			s, found := FS(fstest.MapFS{"dowel.yaml": {Data: []byte(scheduledApp + c.yaml + "\n")}}, ".", Options{})
			var said []string
			for _, d := range found {
				said = append(said, d.Message)
			}
			if s != nil || !strings.Contains(strings.Join(said, "\n"), c.want) {
				t.Errorf("%q, want %q", said, c.want)
			}
		})
	}
}
