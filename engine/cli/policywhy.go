package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// policyWhyCmd is `dowel policy why`.
type policyWhyCmd struct {
	Who    string `arg:"" help:"A role, anonymous, or a user by login or id; for a user, and for one row, the database is read."`
	Verb   string `arg:"" help:"list, get, create, … or an action; a group such as read is all of it."`
	Target string `arg:"" help:"CLASS, CLASS/KEY or CLASS.FIELD."`
	In     string `placeholder:"KEY" help:"The organization that is meant, where rows belong to some."`
	DB     string `name:"db" placeholder:"URL" help:"Database [DOWEL_DB]."`
	reportFlag
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

// Run answers one question.
func (c *policyWhyCmd) Run(r *run) error {
	p, err := r.load(c.Folder, false)
	if err != nil {
		return err
	}
	t, err := targetOf(p.schema, c.Target)
	if err != nil {
		return misuse("%v", err)
	}
	verbs, err := verbsFor(t, c.Verb)
	if err != nil {
		return misuse("%v", err)
	}
	subject, role := asRole(p.schema, c.Who)
	if role && t.key == "" {
		_, err = p.rehearse(r, p.rules)
	} else {
		p, err = c.open(r, p, role)
	}
	if err != nil {
		return err
	}
	defer p.close()
	if t, err = targetOf(p.schema, c.Target); err != nil { // the files may have been read again
		return misuse("%v", err)
	}
	if !role {
		if subject, err = p.accountOf(r, c.Who); err != nil {
			return err
		}
		if subject == nil {
			return misuse("no role and no user `%s`%s", c.Who, didYouMean(c.Who, whoNames(p.schema)))
		}
	}
	q := engine.Question{Subject: subject, Class: t.class, Field: t.field}
	if t.key != "" {
		if q.Key, err = p.keyOf(r, t.class, t.key); err != nil {
			return misuse("%v", err)
		}
	}
	if q.Org, err = p.orgOf(r, t.class, subject, c.In, q.Key != nil); err != nil {
		return err
	}
	asked, err := p.ask(r, q, verbs)
	if err != nil {
		return err
	}
	asked.who, asked.target = c.Who, t
	if asked.Answer != engine.No {
		asked.verb = c.Verb
	}
	if c.Output == "json" {
		err = printJSON(r, asked.report())
	} else {
		err = asked.text(r.out)
	}
	if err == nil && asked.Answer == engine.No {
		return reported(exitFindings)
	}
	return err
}

// open opens the database that the question is about. One that is not there is not made.
func (c *policyWhyCmd) open(r *run, p *project, role bool) (*project, error) {
	flags := map[string]string{}
	if c.DB != "" {
		flags["db"] = c.DB
	}
	cfg, err := r.readConfig(p.folder, flags)
	if err != nil {
		return nil, err
	}
	p.cfg = cfg
	if p.schema.Login == nil && !role {
		return nil, misuse("unknown role `%s`%s", c.Who, didYouMean(c.Who, whoNames(p.schema)))
	}
	if p.fresh() {
		if near := didYouMean(c.Who, whoNames(p.schema)); near != "" && !role {
			return nil, misuse("unknown role `%s`%s", c.Who, near)
		}
		return nil, unavailable(errors.New("there is no database yet, so no row and no user to ask about"),
			"`dowel seed` makes it; a question about a role and a class needs none")
	}
	return r.open(c.Folder, flags)
}

// orgOf is the organization that a question without a row is about, null where
// it is about none or any.
func (p *project) orgOf(r *run, c *schema.Class, s *authz.Subject, named string, row bool) (schema.Value, error) {
	t := p.schema.Tenant
	switch {
	case named != "" && t == nil:
		return schema.Value{}, misuse("--in: there are no organizations: the schema has no `tenant`")
	case named != "":
		key, err := p.keyOf(r, t.Class, named)
		if err != nil {
			return schema.Value{}, misuse("--in: %v", err)
		}
		return key[0], nil
	case row || t.Org(c) == nil || c == t.Class || s.Anonymous() || s.ID == engine.Nobody || t.Via == nil:
		return schema.Value{}, nil
	}
	orgs, err := p.orgsOf(r, s)
	if err != nil {
		return schema.Value{}, err
	}
	if len(orgs) == 1 {
		return orgs[0], nil
	}
	if len(orgs) == 0 {
		return schema.Value{}, nil
	}
	var names []string
	for _, org := range orgs {
		names = append(names, schema.FormatKey(t.Class, []schema.Value{org}))
	}
	return schema.Value{}, misuse("they are in several organizations: say which with --in, one of %s", strings.Join(names, ", "))
}

// orgsOf are the organizations that a user belongs to.
func (p *project) orgsOf(r *run, s *authz.Subject) ([]schema.Value, error) {
	t := p.schema.Tenant
	me, err := schema.ParseKey(p.schema.Login, s.ID)
	if err != nil {
		return nil, nil
	}
	f := t.Org(t.Via)
	path := &schema.Path{Field: f, Type: f.Type}
	page, err := p.store.Read(r.ctx, &storage.Query{
		Class: t.Via, Columns: []storage.Column{{Field: f}}, Limit: -1, Order: []storage.Order{{By: path}},
		Where: schema.Compare{Op: schema.Eq, Left: &schema.Path{Field: t.Member, Type: t.Member.Type}, Right: schema.Lit{Value: me[0]}},
	})
	if err != nil {
		return nil, unavailable(err)
	}
	var orgs []schema.Value
	for i := range page.Rows {
		org := page.Rows[i].Values[f.Index]
		if len(orgs) == 0 || !schema.Equal(orgs[len(orgs)-1], org) {
			orgs = append(orgs, org)
		}
	}
	return orgs, nil
}

// findByHandle finds the row that is known by a value of the field that stands
// for its class: nil where there is no such field, or no such row.
func (p *project) findByHandle(r *run, c *schema.Class, text string) ([]schema.Value, error) {
	f := handle(c)
	if len(c.Key) == 1 && f == c.Key[0] {
		return nil, nil
	}
	v, err := schema.ParseOperand(f.Type, text)
	if err != nil {
		return nil, nil
	}
	q := &storage.Query{Class: c, Limit: 2, Where: schema.Compare{Op: schema.Eq, Left: &schema.Path{Field: f, Type: f.Type}, Right: schema.Lit{Value: v}}}
	for _, k := range c.Key {
		q.Columns = append(q.Columns, storage.Column{Field: k})
	}
	page, err := p.store.Read(r.ctx, q)
	if err != nil {
		return nil, unavailable(err)
	}
	if len(page.Rows) != 1 {
		return nil, nil
	}
	return page.Rows[0].Key(c), nil
}

// reasons are an answer with the question it belongs to.
type reasons struct {
	*engine.Why
	verb   string
	who    string
	target *target
	folder string
}

// ask asks about verbs until one is denied: a group is allowed as a whole.
func (p *project) ask(r *run, q engine.Question, verbs []string) (*reasons, error) {
	var first *reasons
	q.At = func(rule *schema.Rule) string { return under(p.folder, authz.At(rule)) }
	for _, verb := range verbs {
		q.Verb = verb
		why, err := p.engine.Why(r.ctx, q)
		if err != nil {
			return nil, unavailable(err)
		}
		this := &reasons{Why: why, verb: verb, folder: p.folder}
		if why.Answer == engine.No {
			return this, nil
		}
		if first == nil || first.Answer == engine.Yes && why.Answer == engine.Rows {
			first = this
		}
	}
	return first, nil
}

// sentence is the answer in one line.
func (a *reasons) sentence() string {
	may := map[engine.Answer]string{engine.Yes: "ALLOWED  %s may %s %s", engine.No: "DENIED   %s may not %s %s", engine.Rows: "ALLOWED  %s may %s some rows of %s"}
	return fmt.Sprintf(may[a.Answer], a.who, a.verb, a.target)
}

// text prints the answer for people.
func (a *reasons) text(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n", a.sentence())
	fmt.Fprintf(&b, "  roles: %s\n", strings.Join(a.Roles, ", "))
	if a.Note != "" {
		fmt.Fprintf(&b, "  note:  %s\n", a.Note)
	}
	if len(a.Rules) > 0 {
		b.WriteByte('\n')
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for i := range a.Rules {
			rule := &a.Rules[i]
			mark, does := ruleWords(rule)
			fmt.Fprintf(t, "  %s %s\t%s\t%s\n", mark, printable(authz.Said(rule.Rule)), printable(does), under(a.folder, authz.At(rule.Rule)))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	} else if a.Note == "" {
		fmt.Fprintf(&b, "\n  no rule of %s is about %s\n", a.target.class.Name, a.verb)
	}
	for i, change := range a.Flip {
		fmt.Fprintf(&b, "%s%s\n", map[bool]string{true: "\n  would change it: ", false: "               or: "}[i == 0], printable(change))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// ruleWords says what a rule does, with a mark: + allows, - denies, and nothing takes no part.
func ruleWords(rule *engine.WhyRule) (mark, does string) {
	switch rule.Verdict {
	case authz.Grants:
		does = "allows"
	case authz.Forbids:
		does = "denies"
	default:
		return "·", rule.Note
	}
	mark = map[bool]string{true: "-", false: "+"}[rule.Verdict == authz.Forbids]
	if rule.Note != "" {
		does += " " + rule.Note
	}
	if rule.Via != "" && rule.Via != rule.Rule.Role {
		does += " via " + rule.Via
	}
	if rule.Rule.Where == nil {
		return mark, does
	}
	if rule.Tree == nil {
		return mark, does + " where it holds"
	}
	if !rule.Tree.Holds {
		mark, does = "·", "does not apply"
	}
	var values []string
	for _, leaf := range rule.Tree.Leaves() {
		if v := engine.Values(leaf); v != "" {
			values = append(values, v)
		}
	}
	if len(values) > 0 {
		does += ": " + strings.Join(values, ", ")
	}
	return mark, does
}

// whyJSON is the answer for programs.
type whyJSON struct {
	Allowed bool          `json:"allowed"`
	Answer  engine.Answer `json:"answer"`
	Who     string        `json:"who"`
	Roles   []string      `json:"roles"`
	Verb    string        `json:"verb"`
	Class   string        `json:"class"`
	Key     string        `json:"key,omitempty"`
	Field   string        `json:"field,omitempty"`
	Note    string        `json:"note,omitempty"`
	Rules   []whyRuleJSON `json:"rules"`
	Change  []string      `json:"change"`
}

type whyRuleJSON struct {
	At        string            `json:"at"`
	Rule      string            `json:"rule"`
	Role      string            `json:"role"`
	Verb      string            `json:"verb"`
	Effect    string            `json:"effect"`
	Condition string            `json:"condition,omitempty"`
	Applies   bool              `json:"applies"`
	Does      string            `json:"does"`
	Values    map[string]string `json:"values,omitempty"`
}

func (a *reasons) report() *whyJSON {
	out := &whyJSON{
		Allowed: a.Answer != engine.No, Answer: a.Answer, Who: a.who, Roles: a.Roles, Verb: a.verb,
		Class: a.target.class.Name, Key: a.target.key, Note: a.Note, Rules: []whyRuleJSON{}, Change: append([]string{}, a.Flip...),
	}
	if a.target.field != nil {
		out.Field = a.target.field.JSON
	}
	for i := range a.Rules {
		rule := &a.Rules[i]
		_, does := ruleWords(rule)
		line := whyRuleJSON{
			At: under(a.folder, authz.At(rule.Rule)), Rule: authz.Said(rule.Rule), Role: rule.Rule.Role, Verb: rule.Verb, Effect: "allow",
			Condition: rule.Rule.Cond, Applies: rule.Applies(), Does: does,
		}
		if rule.Rule.RowRole != "" {
			line.Role = rule.Rule.RowRole
		}
		if rule.Rule.Deny {
			line.Effect = "deny"
		}
		if rule.Tree != nil {
			for _, leaf := range rule.Tree.Leaves() {
				for _, v := range leaf.Values {
					if line.Values == nil {
						line.Values = map[string]string{}
					}
					line.Values[v.Name] = v.Value
				}
			}
		}
		out.Rules = append(out.Rules, line)
	}
	return out
}
