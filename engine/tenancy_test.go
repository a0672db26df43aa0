package engine_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
)

// clubs is an application whose rows belong to organizations.
func clubs(more string) fs.FS {
	return fstest.MapFS{"dowel.yaml": {Data: []byte(`dowel: 1
tenant: {class: club, via: seat, from: path, creator: boss}
roles: {fan: null, boss: {includes: fan}, chief: {includes: boss}}
classes:
  club: {tenant: none, fields: {name: string, room: room optional inverse=home_of}, allow: {read: fan, create: user, all: boss}}
  user:
    tenant: none
    auth: {login: email, secret: password}
    fields: {email: email unique, password: password}
    allow: {read: user}
  seat: {fields: {user: user, role: {enum: [fan, boss, chief]}}, unique: [[user]], allow: {read: fan, all: boss}}
  room: {fields: {name: string unique}, allow: {read: fan, all: boss}}
  match:
    fields: {title: string, room: room optional inverse=played, rooms: {many: room, by: name, create: true, inverse: matches}, after: match optional inverse=next}
    actions:
      play: {input: {in: room}, run: go}
      move: {input: {to: room}, set: {room: to}}
    allow: {read: fan, all: boss}
` + more)}}
}

// fillClubs makes two clubs, both of which have rooms A and B, and one match each.
// User 1 is boss of the first, user 2 fan of it and boss of the second.
func fillClubs(t *testing.T, app *enginetest.App) {
	t.Helper()
	app.Make(t, "user", `[{"email":"u1@x.io","password":"not-a-secret"},{"email":"u2@x.io","password":"not-a-secret"}]`)
	app.Make(t, "club", `[{"name":"One"},{"name":"Two"}]`)
	app.Make(t, "seat", `[{"club":1,"user":1,"role":"boss"},{"club":1,"user":2,"role":"fan"},{"club":2,"user":2,"role":"boss"}]`)
	app.Make(t, "room", `[{"club":1,"name":"A"},{"club":2,"name":"A"},{"club":1,"name":"B"},{"club":2,"name":"B"}]`)
	app.Make(t, "match", `[{"club":1,"title":"M1"},{"club":2,"title":"M2"}]`)
}

func codeOf(err error) actions.Code {
	var e *actions.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// The engine itself enters no organization, so that seeds can fill several; but no row
// that it writes refers to one of another either.
func TestTheEngineKeepsOrganizationsApart(t *testing.T) {
	system := &authz.Subject{System: true}
	tests := []struct {
		name   string
		action actions.Action
		want   actions.Code
	}{
		{"a row with all that is needed", &actions.Create{Class: "match", Content: []byte(`{"club":1,"title":"x","room":{"name":"B"},"rooms":["A","B"],"after":1}`)}, ""},
		{"a row in the organization that the action names", &actions.Create{Class: "match", Content: []byte(`{"title":"x","room":{"name":"A"}}`), Options: actions.Options{Tenant: "2"}}, ""},
		{"an organization that is looked up", &actions.Create{Class: "match", Content: []byte(`{"club":{"id":2},"title":"x","room":{"name":"A"}}`)}, ""},
		{"a row of no organization", &actions.Create{Class: "match", Content: []byte(`{"title":"x"}`)}, actions.ActionInvalid},
		{"an organization that is not there", &actions.Create{Class: "match", Content: []byte(`{"club":9,"title":"x"}`)}, actions.ReferenceMissing},
		{"another organization than the action names", &actions.Create{Class: "match", Content: []byte(`{"club":1,"title":"x"}`), Options: actions.Options{Tenant: "2"}}, actions.ActionInvalid},
		{"a reference across", &actions.Create{Class: "match", Content: []byte(`{"club":1,"title":"x","room":2}`)}, actions.ReferenceMissing},
		{"a lookup across", &actions.Create{Class: "match", Content: []byte(`{"club":1,"title":"x","room":{"club":2,"name":"A"}}`)}, actions.ReferenceMissing},
		{"an item of a set across", &actions.Create{Class: "match", Content: []byte(`{"club":1,"title":"x","rooms":[{"id":2}]}`)}, actions.ReferenceMissing},
		{"a row below another", &actions.Create{Class: "match", Parent: &actions.Parent{Class: "room", ID: "2", Relation: "matches"}, Content: []byte(`{"club":1,"title":"x"}`)}, actions.ReferenceMissing},
		{"a change across", &actions.Patch{Class: "match", ID: "1", Content: []byte(`{"room":2}`)}, actions.ReferenceMissing},
		{"a change within", &actions.Patch{Class: "match", ID: "1", Content: []byte(`{"room":{"name":"B"},"rooms":{"add":["B","new"]}}`)}, ""},
		{"a change of a set across", &actions.Patch{Class: "match", ID: "1", Content: []byte(`{"rooms":[{"id":4}]}`)}, actions.ReferenceMissing},
		{"a move to another organization", &actions.Patch{Class: "match", ID: "1", Content: []byte(`{"club":2}`)}, actions.ActionInvalid},
		{"a change inside of another", &actions.Patch{Class: "match", ID: "1", Content: []byte(`{"title":"y"}`), Options: actions.Options{Tenant: "2"}}, actions.NotFound},
		{"an action's input across", &actions.Run{Class: "match", ID: "1", Action: "move", Content: []byte(`{"to":2}`)}, actions.ReferenceMissing},
		{"an action's input within", &actions.Run{Class: "match", ID: "2", Action: "move", Content: []byte(`{"to":{"name":"B"}}`)}, ""},
		{"an organization's room across", &actions.Patch{Class: "club", ID: "1", Content: []byte(`{"room":2}`)}, actions.ReferenceMissing},
		{"an organization's room within", &actions.Patch{Class: "club", ID: "2", Content: []byte(`{"room":{"name":"A"}}`)}, ""},
		{"a new organization's room", &actions.Create{Class: "club", Content: []byte(`{"name":"Three","room":1}`)}, actions.ReferenceMissing},
		{"an organization that cannot be", &actions.Search{Class: "match", Options: actions.Options{Tenant: "x"}}, actions.NotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			app := enginetest.Open(t, clubs(""), enginetest.Options{})
			fillClubs(t, app)
			if _, err := app.Invoke(t.Context(), system, tt.action); codeOf(err) != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// An action is a value that says where it is: the invoker asks no path.
func TestActionsNameTheirOrganization(t *testing.T) {
	app := enginetest.Open(t, clubs(""), enginetest.Options{})
	fillClubs(t, app)
	parent := func(class, id, relation string) *actions.Parent {
		return &actions.Parent{Class: class, ID: id, Relation: relation}
	}
	in := func(club string) actions.Options { return actions.Options{Tenant: club} }
	tests := []struct {
		name   string
		who    string
		action actions.Action
		want   actions.Code
	}{
		{"inside", "1", &actions.Search{Class: "match", Options: in("1")}, ""},
		{"inside of another", "1", &actions.Search{Class: "match", Options: in("2")}, actions.NotFound},
		{"inside of none", "1", &actions.Search{Class: "match"}, actions.NotFound},
		{"an item inside of none", "1", &actions.Get{Class: "match", ID: "1"}, actions.NotFound},
		{"a write inside of none", "1", &actions.Create{Class: "match", Content: []byte(`{"club":1,"title":"x"}`)}, actions.NotFound},
		{"below an organization", "1", &actions.Search{Class: "match", Parent: parent("club", "1", "matches")}, ""},
		{"a write below an organization", "1", &actions.Create{Class: "match", Parent: parent("club", "1", "matches"), Content: []byte(`{"title":"x"}`)}, ""},
		{"below another", "1", &actions.Search{Class: "match", Parent: parent("club", "2", "matches")}, actions.NotFound},
		{"a write below another", "1", &actions.Create{Class: "match", Parent: parent("club", "2", "matches"), Content: []byte(`{"title":"x"}`)}, actions.NotFound},
		{"below one and inside of another", "2", &actions.Search{Class: "match", Parent: parent("club", "1", "matches"), Options: in("2")}, actions.NotFound},
		{"below a row of another", "1", &actions.Related{Class: "club", Parent: *parent("match", "2", "club"), Options: in("2")}, actions.NotFound},
		{"by the class of organizations, inside", "2", &actions.Search{Class: "club", Options: in("2")}, ""},
		{"outside, inside of a strange one", "1", &actions.Search{Class: "user", Options: in("2")}, ""},
		{"nobody", "", &actions.Search{Class: "match", Options: in("1")}, actions.AuthenticationRequired},
		{"nobody, inside of none", "", &actions.Search{Class: "match"}, actions.NotFound},
		{"nobody, by a relation", "", &actions.Search{Class: "seat", Parent: parent("user", "1", "seats")}, actions.AuthenticationRequired},
		{"a relation from outside", "1", &actions.Search{Class: "seat", Parent: parent("user", "2", "seats")}, ""},
		{"a write from outside", "1", &actions.Create{Class: "seat", Parent: parent("user", "2", "seats"), Content: []byte(`{"club":1}`)}, actions.NotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, err := actions.Encode(tt.action)
			if err != nil {
				t.Fatal(err)
			}
			a, err := actions.Decode(text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := app.Invoke(t.Context(), &authz.Subject{ID: tt.who}, a); codeOf(err) != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	plain := enginetest.Open(t, clubsWithoutTenant(), enginetest.Options{})
	if _, err := plain.Invoke(t.Context(), &authz.Subject{ID: "1"}, &actions.Search{Class: "room", Options: in("1")}); codeOf(err) != actions.NotFound {
		t.Errorf("an organization where there are none: %v", err)
	}
}

func clubsWithoutTenant() fs.FS {
	return fstest.MapFS{"dowel.yaml": {Data: []byte("dowel: 1\nclasses:\n  room: {fields: {name: string}, allow: {all: user}}\n")}}
}

// A handler in Go runs inside of the organization of its row: what it asks for
// through the call is confined, and what it is given is checked.
func TestHandlersRunInside(t *testing.T) {
	var seen []string
	type place struct {
		In actions.Reference `json:"in"`
	}
	program := engine.New()
	engine.Handle(program, "match.play", func(k *actions.Ctx, _ actions.Row, _ place) (actions.None, error) {
		rooms, err := k.Class("room").Order("id").List()
		for _, room := range rooms {
			seen = append(seen, room.ID)
		}
		return actions.None{}, err
	})
	app := enginetest.Open(t, clubs(""), enginetest.Options{App: program})
	fillClubs(t, app)
	for _, tt := range []struct {
		name, who, target, content string
		status                     int
		seen                       string
	}{
		{"a member", "1", "/api/clubs/1/matches/1/play", `{"in":1}`, 200, "1 3"},
		{"a room of another", "1", "/api/clubs/1/matches/1/play", `{"in":2}`, 409, ""},
		{"a stranger", "1", "/api/clubs/2/matches/2/play", `{"in":2}`, 404, ""},
		{"a member of both, there", "2", "/api/clubs/2/matches/2/play", `{"in":{"name":"A"}}`, 200, "2 4"},
		{"a fan", "2", "/api/clubs/1/matches/1/play", `{"in":1}`, 403, ""},
		{"a match of another", "2", "/api/clubs/2/matches/1/play", `{"in":2}`, 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen = nil
			res := app.Do(t, "POST", tt.target, tt.content, "Authorization: "+app.Bearer(t, tt.who))
			if res.Status != tt.status || strings.Join(seen, " ") != tt.seen {
				t.Errorf("%d, want %d; it saw %v\n%s", res.Status, tt.status, seen, res.Body)
			}
		})
	}
}

// changing is a store in which something happens just before a transaction begins:
// after the decision, before the write.
type changing struct {
	storage.Store
	before func(tx storage.Tx) error
	times  int
}

func (c *changing) Write(ctx context.Context, fn func(tx storage.Tx) error) error {
	if before := c.before; before != nil && c.times > 0 {
		c.times--
		if err := c.Store.Write(ctx, before); err != nil {
			return err
		}
	}
	return c.Store.Write(ctx, fn)
}

// What somebody is in an organization counts when the write happens, not when it was asked for.
func TestMembershipsThatChangeMeanwhile(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(s *schema.Schema, n int64) *storage.Change
		times  int
		status int
	}{
		{"put out", func(s *schema.Schema, _ int64) *storage.Change {
			return &storage.Change{Op: storage.Delete, Class: s.Class("seat"), Key: []schema.Value{schema.NewInt(1)}}
		}, 1, 404},
		{"demoted", func(s *schema.Schema, _ int64) *storage.Change {
			c := s.Class("seat")
			return &storage.Change{Op: storage.Update, Class: c, Key: []schema.Value{schema.NewInt(1)}, Set: []storage.Assign{{Field: c.Field("role"), Value: schema.NewText("fan")}}}
		}, 1, 403},
		{"let into another", func(s *schema.Schema, _ int64) *storage.Change {
			c := s.Class("seat")
			return &storage.Change{Op: storage.Insert, Class: c, Set: []storage.Assign{
				{Field: c.Tenant, Value: schema.NewInt(2)}, {Field: c.Field("user"), Value: schema.NewInt(1)}, {Field: c.Field("role"), Value: schema.NewText("boss")}}}
		}, 1, 201},
		{"again and again", func(s *schema.Schema, n int64) *storage.Change {
			c := s.Class("seat")
			role := map[bool]string{true: "chief", false: "boss"}[n%2 == 0]
			return &storage.Change{Op: storage.Update, Class: c, Key: []schema.Value{schema.NewInt(1)}, Set: []storage.Assign{{Field: c.Field("role"), Value: schema.NewText(role)}}}
		}, 9, 409},
		{"promoted", func(s *schema.Schema, _ int64) *storage.Change {
			c := s.Class("seat")
			return &storage.Change{Op: storage.Update, Class: c, Key: []schema.Value{schema.NewInt(1)}, Set: []storage.Assign{{Field: c.Field("role"), Value: schema.NewText("chief")}}}
		}, 1, 201},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := &changing{}
			app := enginetest.Open(t, clubs(""), enginetest.Options{Store: func(s *schema.Schema) (st storage.Store, err error) {
				store.Store, err = memory.New(s)
				return store, err
			}})
			fillClubs(t, app)
			store.times = tt.times
			store.before = func(tx storage.Tx) error {
				_, err := tx.Apply(t.Context(), tt.change(app.Schema(), int64(store.times)))
				return err
			}
			res := app.Do(t, "POST", "/api/clubs/1/matches", `{"title":"x"}`, "Authorization: "+app.Bearer(t, "1"))
			if res.Status != tt.status {
				t.Errorf("%d, want %d: %s", res.Status, tt.status, res.Body)
			}
		})
	}
}

// An organization can say itself whose it is, and a key may hold the organization.
func TestOrganizationsOfOnePerson(t *testing.T) {
	app := enginetest.Open(t, fstest.MapFS{"dowel.yaml": {Data: []byte(`dowel: 1
tenant: {class: shop, via: shop, from: path, creator: keeper}
roles: {keeper: null}
classes:
  shop: {tenant: none, soft_delete: true, fields: {name: string, keeper: user auto=me}, allow: {read: keeper, create: user, all: keeper}}
  user:
    tenant: none
    auth: {login: email, secret: password}
    fields: {email: email unique, password: password}
    allow: {read: user}
  shelf: {key: [shop, code], fields: {shop: shop on_delete=cascade, code: slug, note: string optional}, allow: {all: keeper}}
  entry: {key: [good, day], fields: {shop: shop on_delete=cascade, good: good, day: date}, allow: {all: keeper}}
  good: {fields: {shop: shop on_delete=cascade, name: string unique}, allow: {all: keeper}}
`)}}, enginetest.Options{})
	app.Make(t, "user", `[{"email":"u1@x.io","password":"not-a-secret"},{"email":"u2@x.io","password":"not-a-secret"}]`)
	app.Run(t, "own", `
as id=1
> POST /api/shops
{"name": "One"}
< 201
{"id": 1, "keeper_id": 1, ...}

> PUT /api/shops/1/shelves/1-top
{"note": "Up there"}
< 201
< Location: /api/shops/1/shelves/1-top
{"id": "1-top", "shop_id": 1, "code": "top", ...}

> POST /api/shops/1/shelves
{"code": "low"}
< 201

> POST /api/shops/1/goods
{"name": "tea"}
< 201

> POST /api/shops/1/entries
{"good": {"name": "tea"}, "day": "2026-01-01"}
< 201
{"id": "1-2026-01-01", "shop_id": 1, ...}

as id=2
> POST /api/shops
{"name": "Two"}
< 201
{"id": 2, ...}

> POST /api/shops/2/shelves
{"code": "top"}
< 201
{"id": "2-top", ...}

> GET /api/shops/2/shelves/1-top
< 404

> PUT /api/shops/2/shelves/1-top
{"note": "Mine"}
< 404

> PUT /api/shops/2/shelves/1-new
{"note": "Mine"}
< 404

> PATCH /api/shops/2/shelves
{"1-top": {"note": "Mine"}}
< 404

> POST /api/shops/2/entries
{"good_id": 1, "day": "2026-01-01"}
< 409

> GET /api/shops/1/shelves
< 404

> GET /api/shops?fields=name
< 200
[{"id": 2, "name": "Two"}]

as id=1
> DELETE /api/shops/1
< 204

> GET /api/shops/1/shelves
< 404

> POST /api/shops/1/restore
< 200

> GET /api/shops/1/shelves?fields=note
< 200
[{"shop_id": 1, "code": "low", "id": "1-low", "note": null}, {"shop_id": 1, "code": "top", "id": "1-top", "note": "Up there"}]
`)
}
