package authz

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
)

// person is a row of the login class.
type person struct {
	id    int64
	team  string // "" is null
	level int64
}

// piece is a row that refers to a thing.
type piece struct {
	label string
	rank  int64 // 0 is null
	by    *person
}

// fact is a thing as Go knows it.
type fact struct {
	org     int64  // 0 where there are no organizations
	a, b    string // b "" is null
	n       int64
	owner   *person
	up      *fact // the row it refers to, nil for none
	friends []*person
	parts   []*piece
}

// asker is who asks. The zero asker is anonymous.
type asker struct {
	id      int64
	user    *person // the row of the login class, nil for none
	region  string  // a claim
	roles   []string
	inOrg   map[int64][]string // what it is in organizations
	subject string             // its name in Casbin
}

// meaning is a condition in Go, on a row that somebody asks about.
type meaning func(row *fact, me *asker) bool

// drawnRule is a rule with its condition in Go.
type drawnRule struct {
	role, verb, fields string
	deny               bool
	text               string
	holds              meaning
}

// world is an application that is drawn: a schema with roles that depend on rows, and rows.
type world struct {
	*rand.Rand
	t        *testing.T
	seed     uint64
	tenanted bool
	yaml     string
	schema   *schema.Schema
	rowRoles map[string]meaning
	read     string // whom b is shown to; "" is everybody
	write    string // who may set n
	people   []*person
	things   []*fact
	askers   []*asker
	rules    []drawnRule // of the policy that is drawn last
	local    [][]string  // member, role, organization: its inclusions in organizations
	csv      string
}

func pick[T any](w *world, all ...T) T { return all[w.IntN(len(all))] }

func drawWorld(t *testing.T, seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 2)), t: t, seed: seed}
	w.tenanted = w.IntN(3) == 0
	w.drawSchema()
	w.drawRows()
	w.askers = []*asker{
		{subject: "nobody"},
		{subject: "one", id: 1, user: w.people[0]},
		{subject: "two", id: 2, user: w.people[1], roles: []string{"r0"}, region: "x", inOrg: map[int64][]string{1: {"r0"}}},
		{subject: "three", id: 3, user: w.people[2], roles: []string{"r1"}, inOrg: map[int64][]string{1: {"r1"}, 2: {"r2"}}},
		{subject: "both", id: 1, user: w.people[0], roles: []string{"r0", "r2"}, region: "z", inOrg: map[int64][]string{1: {"r0", "r2"}, 2: {}}},
		{subject: "stranger", id: 77, roles: []string{"r2"}, region: "y", inOrg: map[int64][]string{2: {"r1"}}}, // has no row
	}
	return w
}

func (w *world) drawSchema() {
	near, isNear := w.condition(1)
	mine := func(r *fact, me *asker) bool { return me.id != 0 && r.owner.id == me.id }
	w.rowRoles = map[string]meaning{
		"mine":  mine,
		"near":  isNear,
		"chief": func(r *fact, me *asker) bool { return r.up != nil && mine(r.up, me) },
		"next":  func(r *fact, me *asker) bool { return r.up != nil && isNear(r.up, me) },
		"top":   func(r *fact, me *asker) bool { return r.up != nil && r.up.up != nil && mine(r.up.up, me) },
	}
	narrow := func(word string) (role, text string) {
		if w.IntN(3) > 0 {
			return "", ""
		}
		role = pick(w, "r0", "r1", "r2", "user", "mine", "next")
		return role, " " + word + "=" + role
	}
	var read, write string
	w.read, read = narrow("read")
	w.write, write = narrow("write")
	tenant, outside, orgs, class := "", "", "", ""
	if w.tenanted {
		tenant, outside = "tenant: {class: org, via: membership}\n", "    tenant: none\n"
		orgs = "  org:\n    tenant: none\n    timestamps: false\n    fields:\n      name: string\n"
		class = "  membership:\n    timestamps: false\n    fields:\n      user: person immutable\n      role: {enum: [r0, r1, r2]}\n    unique: [[user]]\n"
	}
	w.yaml = "dowel: 1\n" + tenant + "roles: {r0: , r1: {includes: r0}, r2: }\nclasses:\n" + orgs + class +
		"  person:\n" + outside + "    timestamps: false\n    auth: {login: email, secret: password}\n    fields:\n" +
		"      email: email unique\n      password: password\n      team: string optional\n      level: int\n" +
		"  thing:\n    timestamps: false\n    fields:\n      a: string\n      b: string optional" + read + "\n      n: int" + write + "\n" +
		"      owner: person inverse=owned\n      up: thing optional\n      friends: {many: person, inverse: friend_of}\n" +
		"    roles:\n      mine: owner = me\n      near: \"" + near + "\"\n      chief: mine of up\n      next: near of up\n      top: chief of up\n" +
		"    actions:\n      run:\n        set: {n: 1}\n" +
		"  part:\n    timestamps: false\n    fields:\n      thing: thing\n      label: string\n      rank: int optional\n      by: person\n"
	files := fstest.MapFS{"dowel.yaml": {Data: []byte(w.yaml)}}
	s, found := load.FS(files, ".", load.Options{})
	if s == nil || found.HasErrors() {
		w.t.Fatalf("DOWEL_POLICY_SEED=%d: the schema does not load: %v\n%s", w.seed, found, w.yaml)
	}
	w.schema = s
}

func (w *world) drawRows() {
	for i := range 4 {
		w.people = append(w.people, &person{id: int64(i + 1), team: pick(w, "", "x", "y"), level: int64(w.IntN(4))})
	}
	for range 6 + w.IntN(6) {
		row := &fact{a: pick(w, "x", "y", "z"), b: pick(w, "", "x", "y"), n: int64(w.IntN(4)), owner: pick(w, w.people...)}
		if w.tenanted {
			row.org = int64(1 + w.IntN(2))
		}
		if mates := slices.DeleteFunc(slices.Clone(w.things), func(o *fact) bool { return o.org != row.org }); len(mates) > 0 && w.IntN(3) > 0 {
			row.up = pick(w, mates...)
		}
		for _, p := range w.people {
			if w.IntN(4) == 0 {
				row.friends = append(row.friends, p)
			}
		}
		for range w.IntN(3) {
			row.parts = append(row.parts, &piece{label: pick(w, "x", "y"), rank: int64(w.IntN(4)), by: pick(w, w.people...)})
		}
		w.things = append(w.things, row)
	}
}

// condition draws a text and its meaning, written apart.
func (w *world) condition(depth int) (string, meaning) {
	if depth > 0 {
		switch w.IntN(6) {
		case 0:
			x, f := w.condition(depth - 1)
			y, g := w.condition(depth - 1)
			return "(" + x + " and " + y + ")", func(r *fact, me *asker) bool { return f(r, me) && g(r, me) }
		case 1:
			x, f := w.condition(depth - 1)
			y, g := w.condition(depth - 1)
			return "(" + x + " or " + y + ")", func(r *fact, me *asker) bool { return f(r, me) || g(r, me) }
		case 2:
			x, f := w.condition(depth - 1)
			return "not (" + x + ")", func(r *fact, me *asker) bool { return !f(r, me) }
		}
	}
	v, k := pick(w, "x", "y", "z"), int64(w.IntN(4))
	atoms := []func() (string, meaning){
		func() (string, meaning) { return "a = '" + v + "'", func(r *fact, _ *asker) bool { return r.a == v } },
		func() (string, meaning) {
			return "a in ('x', '" + v + "')", func(r *fact, _ *asker) bool { return r.a == "x" || r.a == v }
		},
		func() (string, meaning) {
			return "b != '" + v + "'", func(r *fact, _ *asker) bool { return r.b != "" && r.b != v }
		},
		func() (string, meaning) { return "b is null", func(r *fact, _ *asker) bool { return r.b == "" } },
		func() (string, meaning) {
			return "b like '" + strings.ToUpper(v) + "*'", func(r *fact, _ *asker) bool { return r.b == v }
		},
		func() (string, meaning) {
			return fmt.Sprintf("n >= %d", k), func(r *fact, _ *asker) bool { return r.n >= k }
		},
		func() (string, meaning) {
			return "n < me.level", func(r *fact, me *asker) bool { return me.user != nil && r.n < me.user.level }
		},
		func() (string, meaning) {
			return "b = me.team", func(r *fact, me *asker) bool { return me.user != nil && r.b != "" && r.b == me.user.team }
		},
		func() (string, meaning) {
			return "a = me.region", func(r *fact, me *asker) bool { return r.a == me.region }
		},
		func() (string, meaning) {
			return "owner = me", func(r *fact, me *asker) bool { return me.id != 0 && r.owner.id == me.id }
		},
		func() (string, meaning) {
			return "owner != me", func(r *fact, me *asker) bool { return me.id != 0 && r.owner.id != me.id }
		},
		func() (string, meaning) {
			return "owner.team = '" + v + "'", func(r *fact, _ *asker) bool { return r.owner.team == v }
		},
		func() (string, meaning) {
			return "up.a = '" + v + "'", func(r *fact, _ *asker) bool { return r.up != nil && r.up.a == v }
		},
		func() (string, meaning) {
			return "up is null", func(r *fact, _ *asker) bool { return r.up == nil }
		},
		func() (string, meaning) {
			return fmt.Sprintf("up.up.n >= %d", k), func(r *fact, _ *asker) bool { return r.up != nil && r.up.up != nil && r.up.up.n >= k }
		},
		func() (string, meaning) {
			return "up.owner.team = me.team", func(r *fact, me *asker) bool {
				return r.up != nil && me.user != nil && me.user.team != "" && r.up.owner.team == me.user.team
			}
		},
		func() (string, meaning) {
			return "friends has me", func(r *fact, me *asker) bool {
				return slices.ContainsFunc(r.friends, func(p *person) bool { return p.id == me.id })
			}
		},
		func() (string, meaning) {
			return "up.friends has me", func(r *fact, me *asker) bool {
				return r.up != nil && slices.ContainsFunc(r.up.friends, func(p *person) bool { return p.id == me.id })
			}
		},
		func() (string, meaning) {
			return "friends has (team = '" + v + "')", func(r *fact, _ *asker) bool {
				return slices.ContainsFunc(r.friends, func(p *person) bool { return p.team == v })
			}
		},
		func() (string, meaning) {
			return "parts has (label = '" + v + "')", func(r *fact, _ *asker) bool {
				return slices.ContainsFunc(r.parts, func(p *piece) bool { return p.label == v })
			}
		},
		func() (string, meaning) {
			return fmt.Sprintf("parts has (not (rank > %d) and by = me)", k), func(r *fact, me *asker) bool {
				return slices.ContainsFunc(r.parts, func(p *piece) bool { return p.rank <= k && p.by.id == me.id }) // null is 0
			}
		},
		func() (string, meaning) {
			return fmt.Sprintf("up.parts has (by.level >= %d)", k), func(r *fact, _ *asker) bool {
				return r.up != nil && slices.ContainsFunc(r.up.parts, func(p *piece) bool { return p.by.level >= k })
			}
		},
	}
	return atoms[w.IntN(len(atoms))]()
}

var drawnRoles = []string{"r0", "r0", "r1", "r2", "anyone", "user", "user", "anonymous", "mine", "near", "chief", "next", "top"}

// drawPolicy draws the lines of a policy file.
func (w *world) drawPolicy() {
	words := []string{"read", "write", "actions", "all", "list", "get", "create", "update", "delete", "run"}
	var csv strings.Builder
	w.rules, w.local = nil, nil
	for range 1 + w.IntN(10) {
		r := drawnRule{role: pick(w, drawnRoles...), verb: pick(w, words...), deny: w.IntN(4) == 0, holds: func(*fact, *asker) bool { return true }}
		if w.IntN(3) > 0 {
			r.text, r.holds = w.condition(2)
		}
		if wordHasFields(r.verb) && w.IntN(4) == 0 {
			r.fields = pick(w, "a", "b", "n", "up_id", "a n")
		}
		fmt.Fprintf(&csv, "p, %s, thing, %s, \"%s\", %s, %s\n", r.role, r.verb, r.text, r.fields, map[bool]string{true: "deny", false: "allow"}[r.deny])
		if row, ok := w.rowRoles[r.role]; ok {
			also := r.holds
			r.role, r.holds = "user", func(f *fact, me *asker) bool { return row(f, me) && also(f, me) }
		}
		w.rules = append(w.rules, r)
	}
	if w.tenanted && w.IntN(3) == 0 {
		link := pick(w, []string{"r2", "r0"}, []string{"r0", "r2"}, []string{"user", "r2"})
		w.local = append(w.local, append(link, pick(w, "1", "2")))
		fmt.Fprintf(&csv, "g, %s\n", strings.Join(w.local[0], ", "))
	}
	w.csv = csv.String()
}

// standing is what somebody is in an organization, nil for a stranger; where there are none, what it is.
func (a *asker) standing(w *world, org int64) (roles []string, belongs bool) {
	if !w.tenanted {
		return a.roles, true
	}
	roles, belongs = a.inOrg[org]
	return roles, belongs && a.id != 0
}
