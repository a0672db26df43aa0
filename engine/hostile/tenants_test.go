package hostile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine"
)

func tenants() fs.FS { return os.DirFS("testdata/tenants") }

// tenanted is a world of two organizations. Users 1 to 3 are at Acme, which the
// first source of chance fills; 3 to 5 at Zenith, which the second one fills.
func tenanted(t *testing.T, onDisk bool, acme, zenith *rand.Rand) *world {
	t.Helper()
	w := opened(t, tenants(), onDisk, engine.Settings{})
	for i := 1; i <= 5; i++ {
		w.Make(t, "user", fmt.Sprintf(`{"email":"u%d@x.io","name":"N%d","password":"not-a-secret"}`, i, i))
	}
	w.Make(t, "org", `[{"slug":"acme","name":"Acme"}]`)
	w.Make(t, "org", fmt.Sprintf(`{"slug":"zenith","name":%q,"budget":%d}`, canary(zenith), zenith.IntN(1000)))
	w.Make(t, "membership", `[{"org":"acme","user":1,"role":"boss"},{"org":"acme","user":2,"role":"viewer"},{"org":"acme","user":3,"role":"boss"}]`)
	w.Make(t, "membership", fmt.Sprintf(`[{"org":"zenith","user":4,"role":"boss"},{"org":"zenith","user":5,"role":%q},{"org":"zenith","user":3,"role":%q}]`,
		pick(zenith, "viewer", "worker", "boss"), pick(zenith, "viewer", "worker")))
	for i := 1; i <= 3; i++ {
		w.Make(t, "label", fmt.Sprintf(`{"org":"acme","name":"tag-%d","weight":%d}`, i, acme.IntN(9)))
		w.Make(t, "label", fmt.Sprintf(`{"org":"zenith","name":"tag-%d","weight":%d}`, zenith.IntN(2)+2*i, zenith.IntN(900)))
		w.Make(t, "project", fmt.Sprintf(`{"org":"acme","code":"c%d","name":%q,"cost":%d,"members":[%d],"lead":%d}`,
			i, words(acme), acme.IntN(9), 1+acme.IntN(3), 1+acme.IntN(5)))
		w.Make(t, "project", fmt.Sprintf(`{"org":"zenith","code":"c%d","name":%q,"cost":%d,"members":[%d],"lead":%d}`,
			10*i+zenith.IntN(10), canary(zenith), zenith.IntN(900), 1+zenith.IntN(5), 1+zenith.IntN(5)))
	}
	for i := range 6 { // ids 1, 3, … are Acme's
		w.Make(t, "ticket", ticketOf(acme, "acme", 1+2*acme.IntN(3), 1+acme.IntN(3), i, words))
		w.Make(t, "ticket", ticketOf(zenith, "zenith", 2+2*zenith.IntN(3), 1+zenith.IntN(5), i, canary))
	}
	return w
}

func ticketOf(r *rand.Rand, org string, project, owner, i int, text func(*rand.Rand) string) string {
	parent := "null"
	if i > 0 && r.IntN(2) == 0 {
		parent = fmt.Sprint(project%2 + 2*r.IntN(i) + 2*(1-project%2))
	}
	labels := "[]"
	if org == "acme" {
		labels = fmt.Sprintf(`["tag-%d"]`, 1+r.IntN(3))
	}
	return fmt.Sprintf(`{"org":%q,"project":%d,"title":%q,"owner":%d,"parent":%s,"level":%q,"due":"2026-01-%02d","labels":%s}`,
		org, project, fmt.Sprint(text(r), i), owner, parent, pick(r, "open", "closed"), 1+r.IntN(28), labels)
}

// belongings is everything that an organization has, as the engine itself sees it.
func (w *world) belongings(t *testing.T, org string) string {
	t.Helper()
	var all strings.Builder
	for _, c := range w.Schema().Classes {
		a := &actions.Search{Class: c.Name}
		switch {
		case c.Tenant != nil:
			a.Tenant = org
		case c.Name == "org":
			a.Where = "slug = '" + org + "'"
		default:
			continue
		}
		if c.SoftDelete {
			a.Deleted = "with"
		}
		limit := 100
		a.Limit, a.Order = &limit, []actions.Order{{By: c.Key[0].JSON}}
		res, err := w.Invoke(context.Background(), &authz.Subject{System: true}, a)
		if err != nil {
			t.Fatal(err)
		}
		for i := range res.Rows {
			fmt.Fprintf(&all, "%s %d %s\n", c.Name, res.Rows[i].Version, actions.AppendRecord(nil, res.View, &res.Rows[i]))
		}
	}
	return all.String()
}

// Whatever members of one organization ask or write, it neither changes a row
// of another nor tells anything of one: worlds that differ in the other alone answer the same
// to the byte, but for the versions in entity tags, which count changes.
func TestOrganizationsAreApart(t *testing.T) {
	for _, seed := range seeds(*seedsFlag * 4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			onDisk := seed%3 == 0
			a := tenanted(t, onDisk, chance(seed, 1), chance(seed, 7))
			b := tenanted(t, onDisk, chance(seed, 1), chance(seed, 8))
			wasA, wasB := a.belongings(t, "zenith"), b.belongings(t, "zenith")
			if wasA == wasB || !strings.Contains(wasA, "Zq") {
				t.Fatal("the worlds do not differ")
			}
			d := &drawer{r: chance(seed, 5), s: a.Schema(), odd: append(guesses(seed), "zenith", "c10", "c11", "c20", "tag-4", "tag-5")}
			for range 700 {
				r := d.request([]int{nobody, 1, 1, agent, agent}[d.r.IntN(5)])
				if r.method != "GET" && strings.Contains(r.content, "Zq") {
					continue // what is written here is read here
				}
				if !alike(t, a, b, r) {
					break
				}
			}
			if diff := cmp.Diff(wasA, a.belongings(t, "zenith")); diff != "" {
				t.Errorf("rows of Zenith have changed:\n%s", diff)
			}
			if diff := cmp.Diff(wasB, b.belongings(t, "zenith")); diff != "" {
				t.Errorf("rows of Zenith have changed:\n%s", diff)
			}
			a.consistent(t)
			for _, w := range []*world{a, b} {
				if alarm := w.log.alarm(); alarm != "" {
					t.Error(alarm)
				}
			}
		})
	}
}

// More rows of another organization change no answer either.
func TestRowsOfOthersChangeNothing(t *testing.T) {
	for _, seed := range seeds(*seedsFlag * 2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			onDisk := seed%2 == 0
			a := tenanted(t, onDisk, chance(seed, 1), chance(seed, 7))
			b := tenanted(t, onDisk, chance(seed, 1), chance(seed, 7))
			r := chance(seed, 9)
			for i := range 5 {
				b.Make(t, "project", fmt.Sprintf(`{"org":"zenith","code":"x%d","name":"Zq%d","members":[1,2,3],"lead":2}`, i, i))
				b.Make(t, "ticket", ticketOf(r, "zenith", 2, 1+i%3, 1, func(*rand.Rand) string { return fmt.Sprint("Zq", i) }))
			}
			b.Make(t, "membership", `{"org":"zenith","user":2,"role":"viewer"}`)
			if _, err := b.Invoke(t.Context(), &authz.Subject{System: true}, &actions.Delete{Class: "membership", ID: "7"}); err != nil {
				t.Fatal(err) // who was there once sees no more than who never was
			}
			d := &drawer{r: chance(seed, 6), s: a.Schema(), odd: []string{"Zq*", "zenith", "x1", "c10"}}
			for range 500 {
				if r := d.request([]int{nobody, 1, agent, agent}[d.r.IntN(4)]); r.method == "GET" {
					alike(t, a, b, r)
				}
			}
		})
	}
}

// consistent holds that no row refers to one of another organization.
func (w *world) consistent(t *testing.T) {
	t.Helper()
	orgs := map[string]map[string]string{} // class → id → organization
	read := func(class string, show func(row map[string]any)) {
		c := w.Schema().Class(class)
		limit := 100
		a := &actions.Search{Class: class, View: actions.View{Fields: []string{"*"}}, Select: actions.Select{Limit: &limit}}
		if c.SoftDelete {
			a.Deleted = "with"
		}
		res, err := w.Invoke(context.Background(), &authz.Subject{System: true}, a)
		if err != nil {
			t.Fatal(err)
		}
		for i := range res.Rows {
			var row map[string]any
			if err := json.Unmarshal(actions.AppendRecord(nil, res.View, &res.Rows[i]), &row); err != nil {
				t.Fatal(err)
			}
			show(row)
		}
	}
	for _, class := range []string{"project", "ticket", "label"} {
		orgs[class] = map[string]string{}
		read(class, func(row map[string]any) {
			orgs[class][fmt.Sprint(row["id"])] = row["org_id"].(string)
			if class == "label" {
				orgs[class][row["org_id"].(string)+"/"+row["name"].(string)] = row["org_id"].(string)
			}
		})
	}
	read("ticket", func(row map[string]any) {
		own := row["org_id"].(string)
		if got := orgs["project"][fmt.Sprint(row["project_id"])]; got != own {
			t.Errorf("a ticket of %s is in a project of %s: %v", own, got, row)
		}
		if p := row["parent_id"]; p != nil && orgs["ticket"][fmt.Sprint(p)] != own {
			t.Errorf("a ticket of %s has a parent elsewhere: %v", own, row)
		}
		for _, name := range row["labels"].([]any) {
			if orgs["label"][own+"/"+name.(string)] != own {
				t.Errorf("a ticket of %s has a label of another: %v", own, row)
			}
		}
	})
	read("org", func(row map[string]any) {
		if m := row["main_id"]; m != nil && orgs["project"][fmt.Sprint(m)] != row["slug"] {
			t.Errorf("an organization refers to a project of another: %v", row)
		}
	})
}
