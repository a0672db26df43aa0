package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/why"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Question is what Engine.Why answers: may a subject do a verb, to a class, to
// one row of it, or to one field?
type Question struct {
	Subject *authz.Subject
	Verb    string // list, get, … or an action; no group
	Class   *schema.Class
	Key     []schema.Value // of a row; nil is the class
	Field   *schema.Field  // seen by list and get, set by create and update; nil is the record
	// At names the place of a rule in what is said; nil is authz.At.
	At func(*schema.Rule) string
	// Given is what is taken for granted of any row, bound to the class; nil is nothing.
	Given schema.Expr
	// Org is the organization that is meant, where rows belong to some and no row is named. Null is any.
	Org schema.Value
}

// Answer is how a question comes out.
type Answer = why.Answer

// The answers.
const (
	Yes  = why.Yes
	No   = why.No
	Rows = why.Rows // on some rows, which the rules tell apart
)

// Why is an answer with its reasons. It is for whoever writes the rules: it shows
// values of rows, whoever may see them.
type Why struct {
	Answer Answer
	// Roles are those of the subject, in the organization of the row where it has one.
	Roles []string
	Rules []WhyRule
	// Note says what decides beside the rules: there is no such row, it is in
	// an organization that the subject is not in, or it may not be read.
	Note string
	// Flip are changes that would each turn the answer, smallest first.
	Flip []string
}

// WhyRule is a rule about the verb and what it does here.
type WhyRule struct {
	authz.Explained
	Verb string // that the rule was looked at for: get, where the row may not be read
	// Tree is the condition on the row, nil without a row.
	Tree *why.Tree
}

// Applies reports whether the rule takes part in the answer: the subject has
// its role, and its condition holds where a row is known.
func (r *WhyRule) Applies() bool {
	return (r.Verdict == authz.Grants || r.Verdict == authz.Forbids) && (r.Tree == nil || r.Tree.Holds)
}

// explainer is an authorizer that can say which rules take part.
type explainer interface {
	authz.Authorizer
	Explain(s *authz.Subject, c *schema.Class, verb string) []authz.Explained
	Roles(s *authz.Subject) []string
}

// asking is a question on its way.
type asking struct {
	Question
	l     *live
	rules explainer
	x     *actions.Exec
	sub   *authz.Subject // as it stands where the row is
	out   *Why
}

// Why answers a question and says why. It decides by the same predicates as every request.
func (e *Engine) Why(ctx context.Context, q Question) (*Why, error) {
	a, err := e.asking(q)
	if err != nil {
		return nil, err
	}
	if err := a.answer(ctx); err != nil {
		return nil, err
	}
	a.out.Roles = a.rules.Roles(a.sub)
	return a.out, nil
}

// May answers a question without a reason.
func (e *Engine) May(ctx context.Context, q Question) (Answer, error) {
	a, err := e.asking(q)
	if err != nil {
		return No, err
	}
	if found, err := a.enter(ctx); err != nil || !found {
		return No, err
	}
	return a.decide(ctx, a.sub)
}

// RowsWhere returns the keys of the rows that a question takes something for
// granted of, at most so many.
func (e *Engine) RowsWhere(ctx context.Context, q Question, most int) ([][]schema.Value, error) {
	a, err := e.asking(q)
	if err != nil {
		return nil, err
	}
	query := &storage.Query{Class: q.Class, Limit: most, Where: a.bound(q.Given, a.sub), Deleted: a.deleted()}
	for _, k := range q.Class.Key {
		query.Columns = append(query.Columns, storage.Column{Field: k})
		query.Order = append(query.Order, storage.Order{By: &schema.Path{Field: k, Type: k.Type}})
	}
	page, err := e.cfg.Store.Read(ctx, query)
	if err != nil {
		return nil, err
	}
	keys := make([][]schema.Value, len(page.Rows))
	for i := range page.Rows {
		keys[i] = page.Rows[i].Key(q.Class)
	}
	return keys, nil
}

func (e *Engine) asking(q Question) (*asking, error) {
	l := e.live.Load()
	rules, ok := l.snapshot.Authorizer.(explainer)
	if !ok {
		return nil, errors.New("the rules of this application cannot be explained")
	}
	if q.At == nil {
		q.At = authz.At
	}
	s := *q.Subject
	rules.Admit(&s)
	q.Subject = &s
	return &asking{Question: q, l: l, rules: rules, x: actions.NewExec(l.snapshot, &s, e.cfg.Clock()), sub: &s, out: &Why{Answer: No}}, nil
}

func (a *asking) answer(ctx context.Context) error {
	found, err := a.enter(ctx)
	if err != nil || !found {
		return err
	}
	if a.out.Answer, err = a.decide(ctx, a.sub); err != nil {
		return err
	}
	if err := a.explain(ctx, a.Verb); err != nil {
		return err
	}
	if a.Key != nil && a.out.Answer == No && a.granted() && a.Verb != authz.Get {
		// Something else stands in the way: what may not be read is not there.
		a.out.Note = "whoever may not get a row finds none"
		if err := a.explain(ctx, authz.Get); err != nil {
			return err
		}
	}
	return a.flips(ctx)
}

// enter finds the row, and what the subject is where it belongs. found is false
// when there is no more to say.
func (a *asking) enter(ctx context.Context) (found bool, err error) {
	c, t, store := a.Class, a.l.snapshot.Schema.Tenant, a.l.engine.cfg.Store
	org := a.Org
	if a.Key != nil {
		q := &storage.Query{Class: c, Key: a.Key, Limit: 1, Deleted: a.deleted()}
		f := t.Org(c)
		if f != nil {
			q.Columns = []storage.Column{{Field: f}}
		}
		page, err := store.Read(ctx, q)
		if err != nil {
			return false, err
		}
		if len(page.Rows) == 0 {
			a.out.Note = "there is no " + c.Name + " " + schema.FormatKey(c, a.Key)
			return false, nil
		}
		if f != nil {
			org = page.Rows[0].Values[f.Index]
		}
	}
	if t == nil || org.IsNull() || t.Org(c) == nil || a.Subject.System {
		return true, nil
	}
	if a.Subject.ID == Nobody {
		a.Subject.Tenant = schema.FormatKey(t.Class, []schema.Value{org}) // a role is asked about where the row is
	}
	if c != t.Class {
		a.x.Confine(org)
	}
	standing, err := a.x.Standing(ctx, store, org)
	switch {
	case err != nil:
		return false, err
	case standing != nil:
		a.sub = standing
	case c != t.Class:
		a.out.Note = "is not in the " + t.Class.Name + " " + schema.FormatKey(t.Class, []schema.Value{org})
		return false, nil
	}
	return true, nil
}

func (a *asking) deleted() storage.Deleted {
	if a.Verb == authz.Restore || a.Verb == authz.Purge {
		return storage.WithDeleted
	}
	return storage.Live
}

// decide answers for a subject by the predicates that requests are decided by.
func (a *asking) decide(ctx context.Context, s *authz.Subject) (Answer, error) {
	d := a.rules.Decide(s, a.Class, a.Verb)
	if d.Effect == authz.Denied || d.OnlyRows && s.Anonymous() {
		return No, nil
	}
	mask := int8(0)
	if a.Field != nil {
		if mask = d.Mask[a.Field.Index]; mask < 0 {
			return No, nil
		}
	}
	if a.Key == nil {
		if d.Effect == authz.Allowed && mask == 0 {
			return Yes, nil
		}
		if a.Given == nil {
			return Rows, nil
		}
		where := schema.And{d.Where}
		if mask > 0 {
			where = append(where, d.Tests[mask-1])
		}
		if a.Verb != authz.List && a.Verb != authz.Create { // what may not be read is not there
			where = append(where, a.rules.Decide(s, a.Class, authz.Get).Where)
		}
		if s.ID == Nobody { // whoever has the role: me is not known, and is the same on both sides
			return why.Settle(where, a.Given), nil
		}
		return why.Settle(a.bound(where, s), a.bound(a.Given, s)), nil
	}
	q := &storage.Query{Class: a.Class, Key: a.Key, Limit: 1, Deleted: a.deleted(), Where: a.bound(d.Where, s)}
	if get := a.rules.Decide(s, a.Class, authz.Get); a.Verb != authz.List {
		q.Where = schema.And{q.Where, a.bound(get.Where, s)}
	}
	if mask > 0 {
		q.Where = schema.And{q.Where, a.bound(d.Tests[mask-1], s)}
	}
	page, err := a.l.engine.cfg.Store.Read(ctx, q)
	if err != nil {
		return No, err
	}
	if len(page.Rows) == 0 {
		return No, nil
	}
	return Yes, nil
}

// bound binds a condition to a subject in the organization of the question.
func (a *asking) bound(e schema.Expr, s *authz.Subject) schema.Expr {
	x := actions.NewExec(a.l.snapshot, s, a.x.Now)
	if t := a.l.snapshot.Schema.Tenant; t != nil && s.Org != "" {
		if key, err := schema.ParseKey(t.Class, s.Org); err == nil && a.Class != t.Class {
			x.Confine(key[0])
		}
	}
	return x.Resolve(e)
}

// explain adds the rules about a verb, each with its condition on the row.
func (a *asking) explain(ctx context.Context, verb string) error {
	var row *why.Row
	var ask why.Asking
	if a.Key != nil {
		row = why.NewRow(ctx, a.l.engine.cfg.Store, a.Class, a.Key)
		ask = why.Asking{Env: a.sub.Env(a.l.engine.cfg.Clock), Resolve: func(e schema.Expr) schema.Expr { return a.bound(e, a.sub) }}
	}
	for _, line := range a.rules.Explain(a.sub, a.Class, verb) {
		r := WhyRule{Explained: line, Verb: verb}
		if row != nil {
			r.Tree = ask.Follow(line.Rule.Where, row)
		}
		a.out.Rules = append(a.out.Rules, r)
	}
	if row != nil {
		return row.Err()
	}
	return nil
}

// granted reports whether the rules about the verb alone would allow it.
func (a *asking) granted() bool {
	granted := false
	for i := range a.out.Rules {
		r := &a.out.Rules[i]
		if r.Verb != a.Verb || len(r.Rule.Fields) > 0 || !r.Applies() {
			continue
		}
		if r.Verdict == authz.Forbids {
			return false
		}
		granted = true
	}
	return granted
}

// flips looks for the smallest changes that would turn the answer. Those to
// roles are tried; those to the row and to the rules follow from what the rules are.
func (a *asking) flips(ctx context.Context) error {
	if a.Subject.System {
		return nil
	}
	if a.out.Answer == No {
		if err := a.otherRole(ctx); err != nil {
			return err
		}
		a.otherRow()
		a.otherRules()
		return nil
	}
	a.lessRights()
	return nil
}

// otherRole finds the first role that would do.
func (a *asking) otherRole(ctx context.Context) error {
	if a.sub.Anonymous() {
		s := authz.Subject{ID: Nobody}
		a.rules.Admit(&s)
		switch answer, err := a.decide(ctx, &s); {
		case err != nil:
			return err
		case answer != No:
			a.flip("log in")
			return nil
		}
	}
	for _, role := range a.l.snapshot.Schema.Roles {
		if a.rules.Has(a.sub, role.Name) {
			continue
		}
		s := *a.sub
		if s.Anonymous() {
			s.ID = Nobody
		}
		s.Roles, s.RoleSet = append(slices.Clone(s.Roles), role.Name), ""
		a.rules.Admit(&s)
		answer, err := a.decide(ctx, &s)
		if err != nil {
			return err
		}
		if answer != No {
			a.flip("give it the role `" + role.Name + "`")
			return nil
		}
	}
	return nil
}

// Nobody is the id of somebody who is no user of the application: of a role, as questions name it.
const Nobody = "somebody:else"

// deciding is the verb whose rules stand in the way.
func (a *asking) deciding() string {
	return a.out.Rules[len(a.out.Rules)-1].Verb
}

// otherRow finds the comparisons that would have to come out otherwise.
func (a *asking) otherRow() {
	if a.Key == nil || len(a.out.Rules) == 0 || a.Field != nil {
		return
	}
	var grant, all []*why.Leaf
	found := false
	for i := range a.out.Rules {
		r := &a.out.Rules[i]
		if r.Verb != a.deciding() || len(r.Rule.Fields) > 0 {
			continue
		}
		switch r.Verdict {
		case authz.Grants:
			if leaves, ok := r.Tree.Turn(true); ok && (!found || len(leaves) < len(grant)) {
				grant, found = leaves, true
			}
		case authz.Forbids:
			leaves, ok := r.Tree.Turn(false)
			if !ok {
				return
			}
			all = append(all, leaves...)
		}
	}
	if all = append(grant, all...); found && len(all) > 0 {
		a.flip(changes(all))
	}
}

// changes says which comparisons have to come out otherwise.
func changes(leaves []*why.Leaf) string {
	var texts []string
	for _, leaf := range leaves {
		text := fmt.Sprintf("make `%s` %t", leaf.Text, !leaf.Holds)
		if v := Values(leaf); v != "" {
			text += " (" + v + ")"
		}
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " and ")
}

// Values shows what the sides of a comparison are: author is 4, me is 3.
func Values(leaf *why.Leaf) string {
	var texts []string
	for _, v := range leaf.Values {
		texts = append(texts, v.Name+" is "+v.Value)
	}
	return strings.Join(texts, ", ")
}

// otherRules says how the policy would have to be changed.
func (a *asking) otherRules() {
	var bans []string
	for i := range a.out.Rules {
		if r := &a.out.Rules[i]; r.Verdict == authz.Forbids && r.Applies() && (len(r.Rule.Fields) == 0 || a.Field != nil && slices.Contains(r.Rule.Fields, a.Field.JSON)) {
			bans = append(bans, a.At(r.Rule))
		}
	}
	verb := a.Verb
	if len(a.out.Rules) > 0 {
		verb = a.deciding()
	}
	switch roles := a.rules.Roles(a.sub); {
	case bans != nil:
		a.flip("remove the denial at " + strings.Join(bans, " and "))
	case a.Field != nil && a.Field.Class == a.Class && a.fieldRole() != nil:
		cond := a.fieldRole()
		a.flip(fmt.Sprintf("widen `%s=%s` of `%s`", a.fieldWord(), cond.Text, a.Field.Name))
	default:
		a.flip(fmt.Sprintf("allow `%s` of `%s` to `%s`", verb, a.Class.Name, direct(a.sub, roles)))
	}
}

// fieldRole is what read= or write= of the field asks for, nil for nothing.
func (a *asking) fieldRole() *schema.RoleCond {
	if a.fieldWord() == "read" {
		return a.Field.Read
	}
	return a.Field.Write
}

func (a *asking) fieldWord() string {
	if a.Verb == authz.Create || a.Verb == authz.Update {
		return "write"
	}
	return "read"
}

// direct is the role that a rule for the subject would name.
func direct(s *authz.Subject, roles []string) string {
	switch {
	case len(s.Roles) > 0 && slices.Contains(roles, s.Roles[len(s.Roles)-1]):
		return s.Roles[len(s.Roles)-1]
	case s.Anonymous():
		return "anyone"
	}
	return "user"
}

// lessRights says what would take the right away.
func (a *asking) lessRights() {
	var grants []*WhyRule
	for i := range a.out.Rules {
		if r := &a.out.Rules[i]; r.Verdict == authz.Grants && len(r.Rule.Fields) == 0 && r.Applies() {
			grants = append(grants, r)
		}
	}
	var leaves []*why.Leaf
	var places []string
	byRow := a.Key != nil
	for _, r := range grants {
		places = append(places, a.At(r.Rule))
		if r.Tree == nil {
			continue
		}
		more, ok := r.Tree.Turn(false)
		leaves, byRow = append(leaves, more...), byRow && ok
	}
	if byRow && len(leaves) > 0 {
		a.flip(changes(leaves))
	}
	if len(places) > 0 {
		a.flip("remove the " + map[bool]string{true: "rule", false: "rules"}[len(places) == 1] + " at " + strings.Join(places, " and "))
	}
}

func (a *asking) flip(text string) { a.out.Flip = append(a.out.Flip, text) }
