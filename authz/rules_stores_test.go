package authz

import (
	"context"
	"fmt"
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
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// What stores answer to decisions, as filters of a query and as tests of its
// rows, is what Casbin says when it is asked about every row and field by itself,
// with conditions worked out in Go. A case is one subject, verb and policy, put to
// every store. DOWEL_POLICY_CASES=100000 is a long run.
func TestStoresAnswerAsCasbinRowByRow(t *testing.T) {
	cases := 2_000
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
	done, answers, rows, policies, refused := 0, 0, 0, 0, 0
	for ; done < cases && !t.Failed(); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := drawWorld(t, seed)
			stores := []bench{w.memory(), w.sqlite(), w.postgres()}
			for range 20 {
				w.drawPolicy()
				rules := w.rulesOf(nil)
				if policies++; rules == nil {
					refused++ // such as one for anonymous about me, which is a mistake
					continue
				}
				n, found, differs := w.compare(rules, stores, nil)
				if differs != "" {
					t.Fatalf("DOWEL_POLICY_SEED=%d: %s\n%s%s", seed, differs, w.yaml, w.csv)
				}
				done, answers, rows = done+len(w.askers)*len(askedVerbs), answers+n, rows+found
			}
		})
	}
	t.Logf("%d cases on each of 3 stores, %d answers compared, %d rows found; %d policies, %d refused", done, answers, rows, policies, refused)
	if refused*2 > policies {
		t.Errorf("%d of %d policies are refused: what is drawn makes too little sense", refused, policies)
	}
}

// bench is a store with the rows of a world.
type bench struct {
	name  string
	store storage.Store
}

// rulesOf reads the policy that was drawn; bend, if any, changes its rules before they are compiled.
func (w *world) rulesOf(bend func([]*schema.Rule) []*schema.Rule) *Rules {
	rules, _ := New(w.schema, fstest.MapFS{"policy.csv": {Data: []byte(w.csv)}})
	if rules != nil && bend != nil {
		for i := range rules.parts {
			rules.parts[i].rules = bend(rules.parts[i].rules)
		}
	}
	return rules
}

var askedVerbs = []string{List, Get, Create, Update, Delete, "run"}

// shownFields are the fields that are looked at.
var shownFields = []string{"a", "b", "n", "up"}

// compare puts every subject and verb to the stores. It returns the number of
// answers compared, of rows found, and the first difference.
func (w *world) compare(rules *Rules, stores []bench, bend func(*Decision) *Decision) (answers, rows int, differs string) {
	c := w.schema.Class("thing")
	reference := w.casbin()
	for _, who := range w.askers {
		for _, verb := range askedVerbs {
			want := make([]map[string]bool, len(w.things)) // by row: "" is the row, else a field
			for i, row := range w.things {
				want[i] = reference.row(who, verb, row)
			}
			decision, subject := w.decide(rules, who, c, verb)
			if bend != nil {
				decision = bend(decision)
			}
			for _, b := range stores {
				got, err := w.ask(b.store, c, decision, subject)
				if err != nil {
					return answers, rows, fmt.Sprintf("%s: %s %s: %v", b.name, who.subject, verb, err)
				}
				for i := range w.things {
					if got[i][""] {
						rows++
					}
					for what, may := range want[i] {
						if answers++; got[i][what] != may {
							return answers, rows, fmt.Sprintf("%s: %s %s of thing %d %q: the store says %v, casbin %v", b.name, who.subject, verb, i+1, what, got[i][what], may)
						}
					}
				}
			}
		}
	}
	return answers, rows, ""
}

// decide decides as the engine does: by what somebody is in each organization.
func (w *world) decide(rules *Rules, who *asker, c *schema.Class, verb string) (*Decision, *Subject) {
	subjectIn := func(org int64) *Subject {
		s := &Subject{Claims: map[string]schema.Value{}}
		if who.id != 0 {
			s.ID = fmt.Sprint(who.id)
		}
		if who.region != "" {
			s.Claims["region"] = schema.NewText(who.region)
		}
		if p := who.user; p != nil {
			login := w.schema.Class("person")
			s.User = make([]schema.Value, len(login.Fields))
			for _, a := range p.assigns(login) {
				s.User[a.Field.Index] = a.Value
			}
		}
		s.Roles, _ = who.standing(w, org)
		if w.tenanted {
			s.Org = fmt.Sprint(org)
		}
		rules.Admit(s)
		return s
	}
	if !w.tenanted {
		s := subjectIn(0)
		return rules.Decide(s, c, verb), s
	}
	var parts []Part
	for org := int64(1); org <= 2; org++ {
		if _, belongs := who.standing(w, org); belongs {
			rows := schema.Compare{Op: schema.Eq, Left: &schema.Path{Field: c.Tenant, Type: c.Tenant.Type}, Right: schema.Lit{Value: schema.NewInt(org)}}
			parts = append(parts, Part{rows, rules.Decide(subjectIn(org), c, verb)})
		}
	}
	return Join(c, parts...), subjectIn(0)
}

func (w *world) memory() bench {
	store, err := memory.New(w.schema)
	return w.filled("memory", store, err)
}

func (w *world) sqlite() bench {
	store, err := sqlite.Open(filepath.Join(w.t.TempDir(), "app.db"), w.schema, sqlite.Options{Sync: "OFF"})
	if err == nil {
		_, err = store.Migrate(w.t.Context(), w.schema, true)
	}
	return w.filled("sqlite", store, err)
}

func (w *world) postgres() bench {
	url, made := pgtest.Emptied(w.t, fmt.Sprintf("policy tenanted=%v", w.tenanted))
	store, err := postgres.Open(w.t.Context(), url, w.schema, postgres.Options{Conns: 2})
	if err == nil && !made {
		_, err = store.Migrate(w.t.Context(), w.schema, true)
	}
	return w.filled("postgres", store, err)
}

func (w *world) filled(name string, store storage.Store, err error) bench {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	w.t.Cleanup(func() { store.Close() })
	if err := store.Write(w.t.Context(), func(tx storage.Tx) error { return w.fill(w.t.Context(), tx) }); err != nil {
		w.t.Fatalf("%s: DOWEL_POLICY_SEED=%d: %v\n%s", name, w.seed, err, w.yaml)
	}
	return bench{name, store}
}

func (p *person) assigns(c *schema.Class) []storage.Assign {
	set := []storage.Assign{
		{Field: c.Field("id"), Value: schema.NewInt(p.id)}, {Field: c.Field("level"), Value: schema.NewInt(p.level)},
		{Field: c.Field("email"), Value: schema.NewText(fmt.Sprintf("p%d@example.com", p.id))}, {Field: c.Field("password"), Value: schema.NewText("-")},
	}
	if p.team != "" {
		set = append(set, storage.Assign{Field: c.Field("team"), Value: schema.NewText(p.team)})
	}
	return set
}

func (w *world) fill(ctx context.Context, tx storage.Tx) error {
	insert := func(c *schema.Class, org int64, set []storage.Assign, links ...storage.Links) error {
		if org != 0 && c.Tenant != nil {
			set = append(set, storage.Assign{Field: c.Tenant, Value: schema.NewInt(org)})
		}
		_, err := tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: c, Set: set, Links: links})
		return err
	}
	number := func(c *schema.Class, field string, n int64) storage.Assign {
		return storage.Assign{Field: c.Field(field), Value: schema.NewInt(n)}
	}
	login := w.schema.Class("person")
	if w.tenanted {
		c := w.schema.Class("org")
		for org := int64(1); org <= 2; org++ {
			if err := insert(c, 0, []storage.Assign{number(c, "id", org), {Field: c.Field("name"), Value: schema.NewText("-")}}); err != nil {
				return err
			}
		}
	}
	for _, p := range w.people {
		if err := insert(login, 0, p.assigns(login)); err != nil {
			return err
		}
	}
	c, p := w.schema.Class("thing"), w.schema.Class("part")
	parts := int64(0)
	for i, row := range w.things {
		set := []storage.Assign{number(c, "id", int64(i+1)), {Field: c.Field("a"), Value: schema.NewText(row.a)}, number(c, "n", row.n), number(c, "owner", row.owner.id)}
		if row.b != "" {
			set = append(set, storage.Assign{Field: c.Field("b"), Value: schema.NewText(row.b)})
		}
		if row.up != nil {
			set = append(set, number(c, "up", int64(slices.Index(w.things, row.up)+1)))
		}
		friends := storage.Links{Field: c.Field("friends")}
		for _, f := range row.friends {
			friends.Add = append(friends.Add, schema.NewInt(f.id))
		}
		if err := insert(c, row.org, set, friends); err != nil {
			return err
		}
		for _, x := range row.parts {
			parts++
			set := []storage.Assign{number(p, "id", parts), number(p, "thing", int64(i+1)), {Field: p.Field("label"), Value: schema.NewText(x.label)}, number(p, "by", x.by.id)}
			if x.rank != 0 {
				set = append(set, number(p, "rank", x.rank))
			}
			if err := insert(p, row.org, set); err != nil {
				return err
			}
		}
	}
	return nil
}

// ask puts a decision to a store: the rows that its filter finds, and of each the fields that pass.
func (w *world) ask(store storage.Store, c *schema.Class, decision *Decision, s *Subject) ([]map[string]bool, error) {
	env := s.Env(time.Now)
	id := c.Field("id")
	q := &storage.Query{Class: c, Where: expr.Resolve(decision.Where, env), Limit: -1, Columns: []storage.Column{{Field: id}}}
	for _, test := range decision.Tests {
		q.Tests = append(q.Tests, expr.Resolve(test, env))
	}
	page, err := store.Read(w.t.Context(), q)
	if err != nil {
		return nil, err
	}
	got := make([]map[string]bool, len(w.things))
	for i := range page.Rows {
		row := &page.Rows[i]
		passes := map[string]bool{"": true}
		for _, name := range shownFields {
			m := decision.Mask[c.Field(name).Index]
			passes[name] = m == 0 || m > 0 && row.Test(int(m-1))
		}
		got[row.Values[id.Index].Int()-1] = passes
	}
	return got, nil
}

// rowByRow is Casbin with the rules as they are written, asked about one row at a time.
type rowByRow struct {
	w     *world
	e     *casbin.Enforcer
	takes map[string]bool // the rules that take part in the question, by their number
	heard map[string]bool // answers by question
}

func (w *world) casbin() *rowByRow {
	m, err := model.NewModelFromString(`[request_definition]
r = sub, org
[policy_definition]
p = role, number, eft
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = takes(p.number) && g(r.sub, p.role, r.org)
`)
	if err != nil {
		w.t.Fatal(err)
	}
	r := &rowByRow{w: w, heard: map[string]bool{}}
	for i, rule := range w.rules {
		if err := m.AddPolicy("p", "p", []string{rule.role, strconv.Itoa(i), map[bool]string{true: "deny", false: "allow"}[rule.deny]}); err != nil {
			w.t.Fatal(err)
		}
	}
	links := slices.Clone(w.local)
	for _, org := range []string{"0", "1", "2"} {
		links = append(links, []string{"r1", "r0", org})
		for _, who := range w.askers {
			n, _ := strconv.ParseInt(org, 10, 64)
			roles, _ := who.standing(w, n)
			if who.id == 0 {
				roles = []string{"anyone", "anonymous"}
			} else {
				roles = append([]string{"anyone", "user"}, roles...)
			}
			for _, role := range roles {
				links = append(links, []string{who.subject, role, org})
			}
		}
	}
	for _, link := range links {
		if err := m.AddPolicy("g", "g", link); err != nil {
			w.t.Fatal(err)
		}
	}
	if r.e, err = casbin.NewEnforcer(m); err != nil {
		w.t.Fatal(err)
	}
	if err := r.e.BuildRoleLinks(); err != nil {
		w.t.Fatal(err)
	}
	r.e.AddFunction("takes", func(args ...any) (any, error) { return r.takes[args[0].(string)], nil })
	return r
}

// enforce asks with the rules that take part.
func (r *rowByRow) enforce(who *asker, org int64, takes func(*drawnRule) bool) bool {
	r.takes = map[string]bool{}
	question := fmt.Sprint(who.subject, org)
	for i := range r.w.rules {
		if takes(&r.w.rules[i]) {
			r.takes[strconv.Itoa(i)] = true
			question += "," + strconv.Itoa(i)
		}
	}
	ok, asked := r.heard[question]
	if !asked {
		var err error
		if ok, err = r.e.Enforce(who.subject, fmt.Sprint(org)); err != nil {
			r.w.t.Fatal(err)
		}
		r.heard[question] = ok
	}
	return ok
}

// row says whether a row, and which of its fields, a subject has a verb on.
func (r *rowByRow) row(who *asker, verb string, row *fact) map[string]bool {
	out := map[string]bool{"": false}
	if _, belongs := who.standing(r.w, row.org); !belongs {
		return out
	}
	counts := func(x *drawnRule) bool { return x.fields == "" || hasFields(verb) }
	narrowest := ""
	for _, word := range naiveWords[verb] { // naiveWords are in the order of their width
		if narrowest == "" && slices.ContainsFunc(r.w.rules, func(x drawnRule) bool { return !x.deny && x.verb == word && counts(&x) }) {
			narrowest = word
		}
	}
	on := func(x *drawnRule) bool { return slices.Contains(naiveWords[verb], x.verb) && x.holds(row, who) }
	out[""] = r.enforce(who, row.org, func(x *drawnRule) bool {
		if x.deny {
			return x.fields == "" && on(x)
		}
		return x.verb == narrowest && counts(x) && on(x)
	})
	if verb == List {
		out[""] = out[""] && r.row(who, Get, row)[""]
	}
	if !out[""] || !hasFields(verb) || verb == Create {
		return out // what may be set of a row that is not there yet has a test of its own
	}
	if verb == Update && !r.row(who, Get, row)[""] {
		return out // no row to write
	}
	for _, name := range shownFields {
		json := r.w.schema.Class("thing").Field(name).JSON
		names := func(x *drawnRule) bool { return slices.Contains(strings.Fields(x.fields), json) }
		shown := r.enforce(who, row.org, func(x *drawnRule) bool {
			if x.deny {
				return names(x) && on(x)
			}
			return x.verb == narrowest && (x.fields == "" || names(x)) && on(x)
		})
		switch {
		case name == "b" && verb != Update:
			shown = shown && r.is(who, r.w.read, row)
		case name == "n" && verb == Update:
			shown = shown && r.is(who, r.w.write, row)
		}
		if verb != Get {
			shown = shown && r.row(who, Get, row)[name]
		}
		out[name] = shown
	}
	return out
}

// is says whether somebody has a role on a row; "" is everybody's.
func (r *rowByRow) is(who *asker, role string, row *fact) bool {
	if role == "" {
		return true
	}
	if depends, ok := r.w.rowRoles[role]; ok {
		return who.id != 0 && depends(row, who)
	}
	ok, err := r.e.GetRoleManager().HasLink(who.subject, role, fmt.Sprint(row.org))
	return err == nil && ok
}
