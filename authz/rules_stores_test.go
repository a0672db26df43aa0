package authz

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

// What stores answer to decisions, as filters of a query and as tests of its
// rows, is what Casbin says when it is asked about every row and field by itself,
// with conditions worked out in Go. DOWEL_POLICY_CASES=1000000 is a long run.
func TestStoresAnswerAsCasbinRowByRow(t *testing.T) {
	cases := 20_000
	if text := os.Getenv("DOWEL_POLICY_CASES"); text != "" {
		var err error
		if cases, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("DOWEL_POLICY_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	for done := 0; done < cases; seed++ {
		d := &drawn{Rand: rand.New(rand.NewPCG(seed, 1)), t: t, seed: seed}
		done += d.compare()
	}
}

// fact is a row as Go knows it.
type fact struct {
	a, b  string // b "" is null
	n     int64
	owner int64
	up    *fact // the row it refers to, nil for none
}

// drawnRule is a rule with its condition in Go.
type drawnRule struct {
	role, verb, fields string
	deny               bool
	text               string
	holds              func(row *fact, me int64) bool
}

type drawn struct {
	*rand.Rand
	t     *testing.T
	seed  uint64
	rules []drawnRule
	rows  []*fact
	yaml  string
	csv   string
	read  string // role that b asks for; "" is none
}

func pick[T any](d *drawn, all ...T) T { return all[d.IntN(len(all))] }

// condition draws a text and its meaning, written apart.
func (d *drawn) condition(depth int) (string, func(*fact, int64) bool) {
	switch k := d.IntN(9); {
	case k == 0 && depth > 0:
		x, f := d.condition(depth - 1)
		y, g := d.condition(depth - 1)
		return "(" + x + " and " + y + ")", func(r *fact, me int64) bool { return f(r, me) && g(r, me) }
	case k == 1 && depth > 0:
		x, f := d.condition(depth - 1)
		y, g := d.condition(depth - 1)
		return "(" + x + " or " + y + ")", func(r *fact, me int64) bool { return f(r, me) || g(r, me) }
	case k == 2 && depth > 0:
		x, f := d.condition(depth - 1)
		return "not (" + x + ")", func(r *fact, me int64) bool { return !f(r, me) }
	case k <= 3:
		v := pick(d, "x", "y", "z")
		return "a = '" + v + "'", func(r *fact, _ int64) bool { return r.a == v }
	case k == 4:
		v := pick(d, "x", "y")
		return "b != '" + v + "'", func(r *fact, _ int64) bool { return r.b != "" && r.b != v }
	case k == 5:
		return "b is null", func(r *fact, _ int64) bool { return r.b == "" }
	case k == 6:
		v := int64(d.IntN(4))
		return fmt.Sprintf("n >= %d", v), func(r *fact, _ int64) bool { return r.n >= v }
	case k == 7:
		v := pick(d, "x", "y", "z")
		return "up.a = '" + v + "'", func(r *fact, _ int64) bool { return r.up != nil && r.up.a == v }
	}
	return "owner = me", func(r *fact, me int64) bool { return me != 0 && r.owner == me }
}

var drawnRoles = []string{"r0", "r1", "r2", "anyone", "user", "anonymous"}

// draw makes an application: rules in YAML and in a policy file, and rows.
func (d *drawn) draw() {
	words := []string{"read", "write", "all", "list", "get", "update", "delete"}
	var csv strings.Builder
	for range 1 + d.IntN(9) {
		r := drawnRule{role: pick(d, drawnRoles...), verb: pick(d, words...), deny: d.IntN(4) == 0, holds: func(*fact, int64) bool { return true }}
		if d.IntN(3) > 0 {
			r.text, r.holds = d.condition(2)
		}
		if r.verb != "delete" && d.IntN(4) == 0 {
			r.fields = pick(d, "a", "b", "n")
		}
		d.rules = append(d.rules, r)
		effect := map[bool]string{true: "deny", false: "allow"}[r.deny]
		fmt.Fprintf(&csv, "p, %s, thing, %s, \"%s\", %s, %s\n", r.role, r.verb, r.text, r.fields, effect)
	}
	d.csv = csv.String()
	narrowed := ""
	if d.IntN(3) == 0 {
		d.read = pick(d, "r0", "r1", "r2", "user")
		narrowed = " read=" + d.read
	}
	d.yaml = "dowel: 1\nroles: {r0: , r1: {includes: r0}, r2: }\nclasses:\n  thing:\n    timestamps: false\n    key: id\n    fields:\n" +
		"      id: int\n      a: string\n      b: string optional" + narrowed + "\n      n: int\n      owner: int\n      up: thing optional\n"
	for range 4 + d.IntN(5) {
		row := &fact{a: pick(d, "x", "y", "z"), b: pick(d, "", "x", "y"), n: int64(d.IntN(4)), owner: int64(1 + d.IntN(3))}
		if len(d.rows) > 0 && d.IntN(2) == 0 {
			row.up = d.rows[d.IntN(len(d.rows))]
		}
		d.rows = append(d.rows, row)
	}
}

func (d *drawn) fail(format string, args ...any) {
	d.t.Helper()
	d.t.Fatalf("DOWEL_POLICY_SEED=%d: %s\n%s%s", d.seed, fmt.Sprintf(format, args...), d.yaml, d.csv)
}

// compare draws an application and compares everything. It returns the number of comparisons.
func (d *drawn) compare() (done int) {
	d.draw()
	files := fstest.MapFS{"dowel.yaml": {Data: []byte(d.yaml)}, "policy.csv": {Data: []byte(d.csv)}}
	s, found := load.FS(files, ".", load.Options{})
	if s == nil || found.HasErrors() {
		d.fail("the schema does not load: %v", found)
	}
	rules, _ := New(s, files)
	if rules == nil {
		return 1 // such as one for anonymous about me, which is a mistake
	}
	c := s.Class("thing")
	stores := map[string]storage.Store{"memory": d.memory(s), "sqlite": d.sqlite(s)}
	for name, store := range stores {
		d.fill(name, store, c)
		defer store.Close()
	}
	casbin := d.casbin()
	for _, subject := range []*Subject{{}, {ID: "1"}, {ID: "2", Roles: []string{"r0"}}, {ID: "3", Roles: []string{"r1"}}, {ID: "1", Roles: []string{"r0", "r2"}}} {
		rules.Admit(subject)
		for _, verb := range []string{List, Get, Update, Delete} {
			want := make([]map[string]bool, len(d.rows)) // by row: "" is the row, else a field
			for i, row := range d.rows {
				want[i] = casbin.row(subject, verb, row)
			}
			decision := rules.Decide(subject, c, verb)
			for name, store := range stores {
				got := d.ask(store, c, decision, subject)
				for i := range d.rows {
					for what, may := range want[i] {
						if done++; got[i][what] != may {
							d.fail("%s: %v %s of row %d %q: the store says %v, casbin %v", name, subject, verb, i+1, what, got[i][what], may)
						}
					}
				}
			}
		}
	}
	return done
}

func (d *drawn) memory(s *schema.Schema) storage.Store {
	store, err := memory.New(s)
	if err != nil {
		d.t.Fatal(err)
	}
	return store
}

func (d *drawn) sqlite(s *schema.Schema) storage.Store {
	store, err := sqlite.Open(filepath.Join(d.t.TempDir(), fmt.Sprint(d.seed)+".db"), s, sqlite.Options{Sync: "OFF"})
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := store.Migrate(d.t.Context(), s, true); err != nil {
		d.t.Fatal(err)
	}
	return store
}

func (d *drawn) fill(name string, store storage.Store, c *schema.Class) {
	err := store.Write(d.t.Context(), func(tx storage.Tx) error {
		for i, row := range d.rows {
			ch := &storage.Change{Op: storage.Insert, Class: c, Set: []storage.Assign{
				{Field: c.Field("id"), Value: schema.NewInt(int64(i + 1))}, {Field: c.Field("a"), Value: schema.NewText(row.a)},
				{Field: c.Field("n"), Value: schema.NewInt(row.n)}, {Field: c.Field("owner"), Value: schema.NewInt(row.owner)},
			}}
			if row.b != "" {
				ch.Set = append(ch.Set, storage.Assign{Field: c.Field("b"), Value: schema.NewText(row.b)})
			}
			if row.up != nil {
				ch.Set = append(ch.Set, storage.Assign{Field: c.Field("up"), Value: schema.NewInt(int64(slices.Index(d.rows, row.up) + 1))})
			}
			if _, err := tx.Apply(d.t.Context(), ch); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.fail("%s: %v", name, err)
	}
}

// ask puts a decision to a store: the rows that its filter finds, and of each the fields that pass.
func (d *drawn) ask(store storage.Store, c *schema.Class, decision *Decision, s *Subject) []map[string]bool {
	env := s.Env(time.Now)
	id := c.Field("id")
	q := &storage.Query{Class: c, Where: expr.Resolve(decision.Where, env), Limit: -1, Columns: []storage.Column{{Field: id}}}
	for _, test := range decision.Tests {
		q.Tests = append(q.Tests, expr.Resolve(test, env))
	}
	page, err := store.Read(d.t.Context(), q)
	if err != nil {
		d.fail("%v", err)
	}
	got := make([]map[string]bool, len(d.rows))
	for i := range page.Rows {
		row := &page.Rows[i]
		passes := map[string]bool{"": true}
		for _, name := range []string{"a", "b", "n"} {
			m := decision.Mask[c.Field(name).Index]
			passes[name] = m == 0 || m > 0 && row.Test(int(m-1))
		}
		got[row.Values[id.Index].Int()-1] = passes
	}
	return got
}

// rowByRow is Casbin with the rules as they are written, asked about one row at a time.
type rowByRow struct {
	d     *drawn
	e     *casbin.Enforcer
	takes map[string]bool // the rules that take part in the question, by their number
}

func (d *drawn) casbin() *rowByRow {
	m, err := model.NewModelFromString(`[request_definition]
r = sub
[policy_definition]
p = role, number, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = takes(p.number) && g(r.sub, p.role)
`)
	if err != nil {
		d.t.Fatal(err)
	}
	r := &rowByRow{d: d}
	for i, rule := range d.rules {
		if err := m.AddPolicy("p", "p", []string{rule.role, strconv.Itoa(i), map[bool]string{true: "deny", false: "allow"}[rule.deny]}); err != nil {
			d.t.Fatal(err)
		}
	}
	for _, link := range [][]string{{"r1", "r0"}, {":", "anyone"}, {":", "anonymous"}, {"1:", "user"}, {"1:", "anyone"}, {"2:r0", "user"}, {"2:r0", "anyone"}, {"2:r0", "r0"},
		{"3:r1", "user"}, {"3:r1", "anyone"}, {"3:r1", "r1"}, {"1:r0,r2", "user"}, {"1:r0,r2", "anyone"}, {"1:r0,r2", "r0"}, {"1:r0,r2", "r2"}} {
		if err := m.AddPolicy("g", "g", link); err != nil {
			d.t.Fatal(err)
		}
	}
	if r.e, err = casbin.NewEnforcer(m); err != nil {
		d.t.Fatal(err)
	}
	if err := r.e.BuildRoleLinks(); err != nil {
		d.t.Fatal(err)
	}
	r.e.AddFunction("takes", func(args ...any) (any, error) { return r.takes[args[0].(string)], nil })
	return r
}

// enforce asks with the rules that take part.
func (r *rowByRow) enforce(s *Subject, takes func(*drawnRule) bool) bool {
	r.takes = map[string]bool{}
	for i := range r.d.rules {
		r.takes[strconv.Itoa(i)] = takes(&r.d.rules[i])
	}
	ok, err := r.e.Enforce(s.ID + ":" + strings.Join(s.Roles, ","))
	if err != nil {
		r.d.fail("%v", err)
	}
	return ok
}

// row says whether a row, and which of its fields, a subject has a verb on.
func (r *rowByRow) row(s *Subject, verb string, row *fact) map[string]bool {
	me, _ := strconv.ParseInt(s.ID, 10, 64)
	narrowest := ""
	for _, word := range naiveWords[verb] { // naiveWords are in the order of their width
		if narrowest == "" && slices.ContainsFunc(r.d.rules, func(x drawnRule) bool { return !x.deny && x.verb == word && (x.fields == "" || verb != Delete) }) {
			narrowest = word
		}
	}
	on := func(x *drawnRule) bool { return x.holds(row, me) && slices.Contains(naiveWords[verb], x.verb) }
	allowed := r.enforce(s, func(x *drawnRule) bool {
		if x.deny {
			return x.fields == "" && on(x)
		}
		return x.verb == narrowest && (x.fields == "" || verb != Delete) && on(x)
	})
	out := map[string]bool{"": allowed}
	if verb == List {
		get := r.row(s, Get, row)
		out[""] = allowed && get[""]
	}
	if !out[""] || verb == Delete {
		return out
	}
	if verb == Update && !r.row(s, Get, row)[""] {
		return out // no row to write
	}
	for _, field := range []string{"a", "b", "n"} {
		shown := r.enforce(s, func(x *drawnRule) bool {
			if x.deny {
				return x.fields == field && on(x)
			}
			return x.verb == narrowest && (x.fields == "" || x.fields == field) && on(x)
		})
		if field == "b" && r.d.read != "" && verb != Update {
			shown = shown && r.has(s, r.d.read)
		}
		if verb != Get {
			shown = shown && r.row(s, Get, row)[field]
		}
		out[field] = shown
	}
	return out
}

func (r *rowByRow) has(s *Subject, role string) bool {
	ok, err := r.e.GetRoleManager().HasLink(s.ID+":"+strings.Join(s.Roles, ","), role)
	return err == nil && ok
}
