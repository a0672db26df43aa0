package authz

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
)

func read(f *fixture, files map[string]string) (*Rules, []string) {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	r, found := New(f.Schema, m)
	var list []string
	for _, d := range found {
		line := fmt.Sprintf("%s %s:%d:%d-%d %s", d.Code, d.Pos.File, d.Pos.Line, d.Pos.Col, d.Pos.EndCol, d.Message)
		if d.Help != "" {
			line += " | " + d.Help
		}
		list = append(list, line)
	}
	return r, list
}

func TestMistakesInPolicyFiles(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"role":             {"p, agnet, note, get, , , allow", "E031 policy/a.csv:1:4-9 no role `agnet` | did you mean `agent`?"},
		"role in capitals": {"p, Agent, note, get, , , allow", "E031 policy/a.csv:1:4-9 no role `Agent` | did you mean `agent`?"},
		"no role":          {"p, , note, get, , , allow", "E031 policy/a.csv:1:4-5 a role is missing"},
		"row role":         {"p, athor, note, get, , , allow", "E031 policy/a.csv:1:4-9 no role `athor` | did you mean `author`?"},
		"row role elsewhere": {"p, author, customer, get, , , allow",
			"E031 policy/a.csv:1:4-10 no role `author`"},
		"class":           {"p, agent, nte, get, , , allow", "E035 policy/a.csv:1:11-14 no class `nte` | did you mean `note`?"},
		"class, in UTF-8": {"p, agent, nóte, get, , , allow", "E035 policy/a.csv:1:11-15 no class `nóte` | did you mean `note`?"},
		"internal class":  {"p, agent, dowel_session, get, , , allow", "E035 policy/a.csv:1:11-24 no class `dowel_session`"},
		"verb":            {"p, agent, note, updte, , , allow", "E030 policy/a.csv:1:17-22 `note` has no verb `updte` | did you mean `update`?"},
		"no history":      {"p, agent, note, history, , , allow", "E030 policy/a.csv:1:17-24 `note` keeps no history | write `history: true` in the class"},
		"action":          {"p, agent, customer, merg, , , allow", "E030 policy/a.csv:1:21-25 `customer` has no verb `merg` | did you mean `merge`?"},
		"field":           {"p, agent, note, get, , body autor, allow", "E035 policy/a.csv:1:29-34 `note` has no field `autor` | did you mean `author`?"},
		"field twice":     {"p, agent, note, get, , body body, allow", "E035 policy/a.csv:1:29-33 field `body` is named twice"},
		"fields of delete": {"p, agent, note, delete, , body, allow",
			"E035 policy/a.csv:1:27-31 fields mean nothing for `delete` | leave the column empty, or write `*`"},
		"key denied": {"p, agent, note, get, , id, deny", "E035 policy/a.csv:1:24-26 `id` is the key, which is always shown | deny the rows, or other fields"},
		"effect":     {"p, agent, note, get, , , Deny", "E035 policy/a.csv:1:26-30 the effect cannot be `Deny` | did you mean `deny`?"},
		"no effect":  {"p, agent, note, get, , ,", "E035 policy/a.csv:1:25-26 the effect cannot be `` | write `allow` or `deny`"},
		"a remark behind": {"p, agent, note, get, , , deny # really",
			"E035 policy/a.csv:1:26-39 the effect cannot be `deny # really` | write `allow` or `deny`"},
		"column missing": {"p, agent, note, get, , allow",
			"E035 policy/a.csv:1:1-2 a `p` line has 7 columns, this one has 6 | write: p, role, class, verb, condition, fields, effect; a column may be empty"},
		"unquoted comma": {"p, agent, note, get, body in ('a', 'b'), , deny",
			"E035 policy/a.csv:1:1-2 a `p` line has 7 columns, this one has 8 | put a condition that holds a comma into double quotes"},
		"kind":       {"P, agent, note, get, , , allow", "E035 policy/a.csv:1:1-2 a line cannot begin with `P` | a rule begins"},
		"other kind": {"p2, agent, note, get, , , allow", "E035 policy/a.csv:1:1-3 a line cannot begin with `p2` | a rule begins"},
		"member":     {"g, agnt, manager", "E031 policy/a.csv:1:4-8 no role `agnt` | did you mean `agent`?"},
		"included":   {"g, agent, mangr", "E031 policy/a.csv:1:11-16 no role `mangr` | did you mean `manager`?"},
		"g columns":  {"g, agent", "E035 policy/a.csv:1:1-2 a `g` line has 3 columns, this one has 2 | write: g, member, role; an organization may follow"},
		"g of an organization where there are none": {"g, agent, manager, acme",
			"E035 policy/a.csv:1:20-24 there are no organizations: the schema has no `tenant` | leave the column out"},
		"circle":    {"g, agent, admin", "E032 s.yaml:3:3-0 roles include each other: admin → manager → agent → admin"},
		"condition": {"p, agent, note, get, body =, , allow", "E040 policy/a.csv:1:28-29 "},
		"field of a condition": {"p, agent, note, get, bdy = 'x', , allow",
			"E041 policy/a.csv:1:22-25 "},
		"never true": {"p, anonymous, note, get, author = me, , allow",
			"E042 policy/a.csv:1:4-46 the rule can never match: anonymous has no `me` | give it to `user`"},
		"restore": {"p, agent, note, restore, , , allow", "E036 policy/a.csv:1:4-35 the rule can never match: `note` has no soft_delete | add `soft_delete: true` to the class"},
		"act_as":  {"p, agent, note, act_as, , , allow", "E036 policy/a.csv:1:4-34 the rule can never match: nobody logs in as `note` | say `act_as` on the class with `auth:`"},
		"broken quotes": {"# one\np, agent, note, get, \"body = 'x', , allow",
			"E035 policy/a.csv:2:42-43 broken quotes: extraneous or missing \" in quoted-field | quote a whole column, and write a quote inside it twice: \"name = \"\"x\"\"\""},
		"not UTF-8": {"p, agent, note, get, body = '\xff', , allow", "E035 policy/a.csv:1:1-0 the policy file is not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			f, _, _, _, _ := crm()
			f.class("dowel_session", "x").Internal = true
			f.Seal()
			r, found := read(f, map[string]string{"policy/a.csv": row.text})
			if r != nil || len(found) != 1 || !strings.HasPrefix(found[0], row.want) {
				t.Errorf("found %q\nwant  %q", found, row.want)
			}
		})
	}
}

func TestEveryMistakeIsReported(t *testing.T) {
	f, _, _, _, _ := crm()
	_, found := read(f, map[string]string{
		"policy/a.csv": "p, agnet, note, gt, , bdy, alow\np, x, y, z, , , allow\n",
		"policy/b.csv": "q\n",
		"policy.csv":   "g, a, b\n",
	})
	var places []string
	for _, line := range found {
		place, _, _ := strings.Cut(line, "-")
		places = append(places, place)
	}
	want := []string{
		"E031 policy.csv:1:4", "E031 policy.csv:1:7",
		"E035 policy/a.csv:1:28", "E030 policy/a.csv:1:17", "E035 policy/a.csv:1:23", "E031 policy/a.csv:1:4",
		"E035 policy/a.csv:2:7", "E031 policy/a.csv:2:4", "E035 policy/b.csv:1:1",
	}
	if diff := cmp.Diff(want, places); diff != "" {
		t.Error(diff)
	}
}

func TestPolicyFile(t *testing.T) {
	f, _, customer, note, _ := crm()
	r, found := read(f, map[string]string{"policy/a.csv": "\ufeffp,role,class,verb,condition,fields,effect\r\n" +
		"# who sees what\r\n" +
		"\r\n" +
		"p, user, note, update, author = me, body, allow\r\n" +
		"p, author, note, delete, \"body in ('a', 'b')\", *, deny\r\n" +
		"p, manager, *, history, , , allow\r\n" +
		"p,admin,customer,*,,,allow,crm.yaml:63:13\r\n" +
		"g, user, agent\r\n"})
	if len(found) > 0 {
		t.Fatal(found)
	}
	var lines []string
	for _, rule := range r.All() {
		if strings.HasSuffix(rule.Pos.File, ".csv") {
			lines = append(lines, strings.Join(Line(rule), "|"))
		}
	}
	want := []string{
		"p|user|note|update|author = me|body|allow|policy/a.csv:4:4",
		"p|user|note|delete|(author = me) and (body in ('a', 'b'))|*|deny|policy/a.csv:5:4",
		"p|manager|user|history||*|allow|policy/a.csv:6:4",
		"p|manager|customer|history||*|allow|policy/a.csv:6:4",
		"p|manager|note|history||*|allow|policy/a.csv:6:4",
		"p|manager|tag|history||*|allow|policy/a.csv:6:4",
		"p|admin|customer|all||*|allow|policy/a.csv:7:3",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if d := r.Decide(as(r, "user"), customer, "get"); d.Effect != Allowed {
		t.Error("g, user, agent had no effect")
	}
	d := r.Decide(as(r, "user"), note, "update")
	if d.Effect != Conditional || masks(note, d) != "id? author? body" && masks(note, d) != "id author body" {
		t.Errorf("%s, %+v", masks(note, d), d)
	}
}

// What is exported is read back as the same policy.
func TestExportIsImport(t *testing.T) {
	f, _, _, _, _ := crm()
	r, _ := read(f, map[string]string{"policy/a.csv": "p, user, note, delete, \"body in ('a', 'b') or body = 'c'\", , deny\n"})
	var b strings.Builder
	for _, line := range r.Lines() {
		for i, text := range line {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`"` + strings.ReplaceAll(text, `"`, `""`) + `"`)
		}
		b.WriteByte('\n')
	}
	bare := *f.Schema
	bare.Rules = nil
	bare.Roles = nil
	for _, role := range f.Roles {
		bare.Roles = append(bare.Roles, &schema.Role{Name: role.Name})
	}
	again, found := read(&fixture{&bare}, map[string]string{"policy/a.csv": b.String()})
	if again == nil {
		t.Fatal(found)
	}
	for _, c := range f.Classes {
		for _, verb := range Verbs(c) {
			for _, who := range []string{"", "user", "agent", "manager", "admin"} {
				one, two := r.Decide(as(r, who), c, verb), again.Decide(as(again, who), c, verb)
				if one.Effect != two.Effect || !same(one.Where, two.Where) || !cmp.Equal(one.Mask, two.Mask) {
					t.Errorf("%s %s %s: %+v, then %+v", who, verb, c.Name, one, two)
				}
			}
		}
	}
}

func TestWarnings(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"repeated": {"p, manager, tag, all, , , allow", "W007 policy/a.csv:1:4-32 the rule is there already"},
		"shadowed": {"p, admin, customer, create, , , allow\np, admin, customer, update, , , allow", "W007 s.yaml:106:1-0 `write` says nothing: each of its verbs has rules of its own, and the narrower word wins"},
		"denied":   {"p, agent, tag, write, , , deny", "W007 s.yaml:116:1-0 the rule says nothing: `write` is denied to `agent`, and deny wins"},
	} {
		t.Run(name, func(t *testing.T) {
			f, _, _, _, _ := crm()
			r, found := read(f, map[string]string{"policy/a.csv": row.text})
			if r == nil || len(found) != 1 || !strings.HasPrefix(found[0], row.want) {
				t.Errorf("found %q\nwant  %q", found, row.want)
			}
		})
	}
}

func TestModules(t *testing.T) {
	f, user, customer, _, tag := crm()
	user.Pos.File, tag.Pos.File = "schema/user.yaml", "schema/tag.yaml"
	customer.Pos.File, customer.History = "modules/sales/schema/customer.yaml", true
	f.Modules = []string{".", "modules/sales"}
	_, found := read(f, map[string]string{
		"modules/sales/policy/a.csv": "p, user, customer, history, , , allow\np, user, tag, history, , , allow\ng, agent, admin\n",
	})
	want := []string{"E035 modules/sales/policy/a.csv:2:10-13 a module may give rights only to what it adds: `tag` is declared in schema/tag.yaml | write the line in the policy of the application",
		"E035 modules/sales/policy/a.csv:3:11-16 a module may give away only roles that it declares: `admin` is declared in s.yaml | write the line in the policy of the application"}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}

func TestModel(t *testing.T) {
	own := strings.Replace(shippedModel, "covers(p.verb, r.verb)", "(p.verb == r.verb || p.verb == 'all')", 1)
	f, _, customer, _, tag := crm()
	r, found := read(f, map[string]string{"model.conf": own})
	if r == nil {
		t.Fatal(found)
	}
	if r.Decide(as(r, "admin"), customer, "get").Effect != Denied || r.Decide(as(r, "admin"), customer, "delete").Effect != Allowed ||
		r.Decide(as(r, "agent"), tag, "create").Effect != Allowed {
		t.Error("the model was not heeded")
	}
	for name, row := range map[string]struct{ model, want string }{
		"noise":        {"hello", "the model cannot be used: "},
		"columns":      {strings.Replace(own, "p = role, class", "p = class, role", 1), "the model cannot be used: `p` must be: role, class, verb, condition, fields, eft, position"},
		"request":      {strings.Replace(own, "r = role, class, verb", "r = sub, obj, act", 1), "the model cannot be used: `r` must be: role, class, verb"},
		"no roles":     {strings.Replace(own, "[role_definition]\ng = _, _\n", "", 1), "the model cannot be used: `g` is missing"},
		"fails open":   {strings.Replace(own, "some(where (p.eft == allow)) && ", "", 1), "the model cannot be used: `e` must be"},
		"priority":     {strings.Replace(own, "some(where (p.eft == allow)) && !some(where (p.eft == deny))", "priority(p.eft) || deny", 1), "the model cannot be used: `e` must be"},
		"unknown name": {strings.Replace(own, "r.class == p.class", "r.class == p.clas", 1), "the model fails when `anyone` asks to list `user`"},
		"bad pattern":  {strings.Replace(own, "r.class == p.class", "regexMatch(r.class, '(')", 1), "the model fails when"},
	} {
		t.Run(name, func(t *testing.T) {
			f, _, _, _, _ := crm()
			r, found := read(f, map[string]string{"model.conf": row.model})
			if r != nil || len(found) != 1 || !strings.Contains(found[0], row.want) || strings.Contains(found[0], "goroutine") {
				t.Errorf("%q, want %q", found, row.want)
			}
		})
	}
}

func TestModelWithoutDenies(t *testing.T) {
	f, _, _, _, _ := crm()
	own := strings.Replace(shippedModel, " && !some(where (p.eft == deny))", "", 1)
	if r, found := read(f, map[string]string{"model.conf": own}); r == nil {
		t.Error(found)
	}
	if r, found := read(f, map[string]string{"model.conf": own, "policy.csv": "p, user, tag, all, , , deny"}); r != nil || len(found) != 1 {
		t.Error(found)
	}
}

func TestExplain(t *testing.T) {
	f, _, customer, note, _ := crm()
	r, _ := read(f, map[string]string{"policy.csv": "p, user, customer, merge, , , deny\n"})
	show := func(who string, c *schema.Class, verb string) (list []string) {
		for _, line := range r.Explain(as(r, who), c, verb) {
			list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s: %s %s %s", line.Rule.Verb, line.Rule.Role, line.Verdict, line.Via, line.Note)))
		}
		return list
	}
	for _, row := range []struct {
		who   string
		class *schema.Class
		verb  string
		want  []string
	}{
		{"manager", customer, "merge", []string{
			"actions manager: wider manager `merge` has rules of its own",
			"merge admin: role  needs the role `admin`",
			"merge user: denies user",
		}},
		{"", note, "delete", []string{"delete user: role  without credentials nobody is `author`", "delete manager: role  needs the role `manager`"}},
		{"admin", note, "get", []string{"read agent: allows admin → manager → agent"}},
	} {
		if diff := cmp.Diff(row.want, show(row.who, row.class, row.verb)); diff != "" {
			t.Errorf("%s %s: %s", row.who, row.verb, diff)
		}
	}
	if diff := cmp.Diff([]string{"user", "agent", "manager", "admin"}, r.WhoMay(note, "update")); diff != "" {
		t.Error(diff)
	}
}

// Whatever a policy file holds, reading it ends with findings or with rules that mean what they say.
func FuzzPolicyFile(f *testing.F) {
	f.Add("p, agent, note, get, , , allow\ng, user, agent\n")
	f.Add("p, author, note, delete, \"body in ('a', 'b')\", *, deny\r\n# x\n")
	f.Add("\ufeffp,role,class,verb\n\"p\",\"a\"\"b\"\n\"x\ny\"")
	f.Fuzz(func(t *testing.T, text string) {
		world, _, _, _, _ := crm()
		r, found := read(world, map[string]string{"policy/a.csv": text})
		if (r == nil) != strings.Contains(strings.Join(found, "\n")+"\n", "E0") {
			t.Errorf("%v, but %q", r != nil, found)
		}
		if r == nil {
			return
		}
		for _, rule := range r.All() {
			if strings.HasSuffix(rule.Pos.File, ".csv") && (rule.Role == "" || rule.Verb == "" || rule.Class == nil || rule.Class.Internal || rule.Cond != "" && rule.Where == nil) {
				t.Errorf("%+v", rule)
			}
		}
	})
}
