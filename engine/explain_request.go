package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

// explanation answers a request with `explain=true`: what would run. It is made
// without looking at any row, so that it is the same whatever the rows are: it
// cannot show what `get` would hide. For the same reason statements come
// without the values they are bound to, of which some are the subject's own.
type explanation struct {
	Action    json.RawMessage     `json:"action"`
	Subject   explainedSubject    `json:"subject"`
	Allowed   bool                `json:"allowed"` // as far as can be said without a row
	Refusal   *explainedRefusal   `json:"refusal,omitempty"`
	Decisions []explainedDecision `json:"decisions"`
	SQL       []string            `json:"sql"`
}

type explainedSubject struct {
	ID    string   `json:"id,omitempty"`
	Roles []string `json:"roles"`
}

type explainedRefusal struct {
	Code   actions.Code `json:"code"`
	Detail string       `json:"detail"`
}

// explainedDecision is what the rules say about a verb of a class.
type explainedDecision struct {
	Class  string          `json:"class"`
	Verb   string          `json:"verb"`
	Effect Answer          `json:"effect"`
	Where  string          `json:"where,omitempty"` // of the rows, as the rules spell it
	Lines  []explainedLine `json:"lines"`
}

type explainedLine struct {
	At   string `json:"at"`
	Rule string `json:"rule"`
	Does string `json:"does"`
}

// mayExplain reports whether a subject may ask for explanations about a class:
// by the verb `explain`, and everybody in development.
func (l *live) mayExplain(s *authz.Subject, c *schema.Class) bool {
	return s.System || l.engine.cfg.Settings.Dev || c != nil && l.snapshot.Authorizer.Decide(s, c, authz.Explain).Effect == authz.Allowed
}

// explained is what came of a request for an explanation. who asks; s is who would act.
func (l *live) explained(ctx context.Context, who, s *authz.Subject, a actions.Action) (*actions.Result, error) {
	c := l.snapshot.Schema.Class(a.On())
	if !l.mayExplain(who, c) {
		if who.Anonymous() {
			return nil, actions.Errorf(actions.AuthenticationRequired, "Log in to ask for explanations.")
		}
		return nil, actions.Errorf(actions.Forbidden, "You may not ask for explanations; `dowel policy why` tells operators.")
	}
	rules, ok := l.snapshot.Authorizer.(explainer)
	if !ok {
		return nil, actions.Errorf(actions.ActionUnavailable, "The rules of this application cannot be explained.")
	}
	out := &explanation{Subject: explainedSubject{ID: s.ID, Roles: rules.Roles(s)}, Allowed: true, Decisions: []explainedDecision{}, SQL: []string{}}
	x := actions.NewExec(l.snapshot, s, l.engine.cfg.Clock())
	x.Asked = func(c *schema.Class, verb string, d *authz.Decision) { out.asked(rules, s, c, verb, d) }
	if err := x.Enter(ctx, l.engine.cfg.Store, a); err != nil {
		return nil, err
	}
	plan, err := l.engine.registry.Bind(x, a)
	if x.Failed() != nil {
		return nil, x.Failed()
	}
	if err != nil {
		return nil, err
	}
	if err := plan.Authorize(x); err != nil {
		var refused *actions.Error
		if x.Failed() != nil || !errors.As(err, &refused) {
			return nil, err
		}
		out.Allowed, out.Refusal = false, &explainedRefusal{refused.Code, refused.Detail}
	} else {
		out.statements(ctx, l.engine.cfg.Store, x, plan, a)
	}
	if out.Action, err = actions.Encode(a); err != nil {
		return nil, err
	}
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(out); err != nil {
		return nil, err
	}
	return &actions.Result{Outcome: actions.Done, Class: c, Raw: bytes.TrimSpace(body.Bytes())}, nil
}

// asked notes a decision, once for each class and verb.
func (e *explanation) asked(rules explainer, s *authz.Subject, c *schema.Class, verb string, d *authz.Decision) {
	if slices.ContainsFunc(e.Decisions, func(had explainedDecision) bool { return had.Class == c.Name && had.Verb == verb }) {
		return
	}
	made := explainedDecision{Class: c.Name, Verb: verb, Effect: Rows, Lines: []explainedLine{}}
	switch d.Effect {
	case authz.Allowed:
		made.Effect = Yes
	case authz.Denied:
		made.Effect = No
	default:
		made.Where = expr.String(d.Where)
	}
	for _, reason := range d.Reasons {
		does := "allows"
		if reason.Rule.Deny {
			does = "denies"
		}
		if reason.Via != "" && reason.Via != reason.Rule.Role {
			does += " via " + reason.Via
		}
		made.Lines = append(made.Lines, explainedLine{authz.At(reason.Rule), authz.Said(reason.Rule), does})
	}
	if len(made.Lines) == 0 {
		for _, line := range rules.Explain(s, c, verb) {
			made.Lines = append(made.Lines, explainedLine{authz.At(line.Rule), authz.Said(line.Rule), line.Note})
		}
	}
	e.Decisions = append(e.Decisions, made)
}

// statements adds the SQL of an action: it is run against a store that has no
// rows and keeps what it is asked.
func (e *explanation) statements(ctx context.Context, s storage.Store, x *actions.Exec, plan actions.Plan, a actions.Action) {
	stated, ok := storage.As[interface {
		Explain(q *storage.Query) (string, []schema.Value)
	}](s)
	if !ok {
		return // a store without statements
	}
	pretend := &pretended{say: func(q *storage.Query) {
		if text, _ := stated.Explain(q); !slices.Contains(e.SQL, text) {
			e.SQL = append(e.SQL, text)
		}
	}}
	switch p := plan.(type) {
	case actions.Reading:
		_, _ = p.Read(ctx, x, pretend) // what it comes to is of no interest
	case actions.Writing:
		switch a.Verb() {
		case actions.VerbReplace, actions.VerbPatch, actions.VerbPatchWhere, actions.VerbDelete, actions.VerbDeleteWhere, actions.VerbRestore, actions.VerbPurge:
			_, _ = p.Write(ctx, x, pretend)
		}
	}
}

// pretended is a transaction on a store without rows. Nothing it is told happens.
type pretended struct{ say func(q *storage.Query) }

var errPretended = errors.New("nothing is written for an explanation")

// Read implements storage.Reader. A question whether a row exists is answered
// with yes, so that what follows is asked, too.
func (p *pretended) Read(_ context.Context, q *storage.Query) (*storage.Page, error) {
	p.say(q)
	page := &storage.Page{Counters: make([]int64, len(q.Watch))}
	if q.Key != nil && q.Limit == 1 && len(q.Columns) == 0 && len(q.Tests) == 0 {
		page.Rows = []storage.Row{{Version: 1, Values: make([]schema.Value, len(q.Class.Fields))}}
	}
	return page, nil
}

// Counters implements storage.Reader.
func (p *pretended) Counters(_ context.Context, classes []*schema.Class) ([]int64, error) {
	return make([]int64, len(classes)), nil
}

// Apply implements storage.Tx: it says how the row is found and judged.
func (p *pretended) Apply(_ context.Context, c *storage.Change) (*storage.Row, error) {
	if c.Key != nil {
		q := &storage.Query{Class: c.Class, Key: c.Key, Limit: 1, Deleted: c.Deleted}
		for _, guard := range c.Before {
			q.Tests = append(q.Tests, guard.Where)
		}
		p.say(q)
	}
	return nil, errPretended
}

// Claim implements storage.Tx.
func (p *pretended) Claim(context.Context, string, time.Time, time.Time) (string, error) {
	return "", nil
}

// Keep implements storage.Tx.
func (p *pretended) Keep(context.Context, string, string) error { return nil }

// Savepoint implements storage.Tx.
func (p *pretended) Savepoint(_ context.Context, fn func() error) error { return fn() }

// whyHeader says in development which rules decide a refusal.
const whyHeader = "X-Dowel-Why"

// explainDenial sets the header field that says which rules refused, in development alone.
func (x *exchange) explainDenial(h http.Header, status int) {
	if !x.h.settings.Dev || x.action == nil || x.subject == nil {
		return
	}
	l, ok := x.rev.(*live)
	if !ok || status != http.StatusUnauthorized && status != http.StatusForbidden && status != http.StatusNotFound {
		return
	}
	if text := l.denial(x.r.Context(), x.subject, x.action); text != "" {
		h[whyHeader] = []string{headerText(text)}
	}
}

// denial says which rules refuse an action to a subject, in a line. It looks at
// no row: of one that is not found it says who would see it if there were one.
func (l *live) denial(ctx context.Context, s *authz.Subject, a actions.Action) string {
	rules, ok := l.snapshot.Authorizer.(explainer)
	c := l.snapshot.Schema.Class(a.On())
	if !ok || c == nil || c.Internal {
		return ""
	}
	sub := *s
	rules.Admit(&sub)
	if t := l.snapshot.Schema.Tenant; t != nil && a.Common().Tenant != "" {
		if key, err := schema.ParseKey(t.Class, a.Common().Tenant); err == nil {
			x := actions.NewExec(l.snapshot, &sub, l.engine.cfg.Clock())
			standing, err := x.Standing(ctx, l.engine.cfg.Store, key[0])
			if err != nil {
				return ""
			}
			if standing == nil {
				return "not in the " + t.Class.Name + " " + a.Common().Tenant
			}
			sub = *standing
		}
	}
	said := func(verb string) string {
		var parts []string
		for _, line := range rules.Explain(&sub, c, verb) {
			if line.Verdict != authz.Wider && line.Verdict != authz.NotSpoken {
				parts = append(parts, authz.Said(line.Rule)+" at "+authz.At(line.Rule))
			}
		}
		if parts == nil {
			return "no rule allows " + verb + " of " + c.Name
		}
		return verb + " of " + c.Name + " is decided by " + strings.Join(parts, "; ")
	}
	verbs := rightsOf(c, a)
	if len(verbs) == 0 {
		return ""
	}
	text := said(verbs[0])
	if verbs[0] != authz.Get && verbs[0] != authz.List && verbs[0] != authz.Create {
		text += ". " + said(authz.Get)
	}
	return text + ". Roles: " + strings.Join(rules.Roles(&sub), ", ")
}

// rightsOf are the verbs that rules call an action, the deciding one first.
func rightsOf(c *schema.Class, a actions.Action) []string {
	switch a := a.(type) {
	case *actions.Get, *actions.Related:
		return []string{authz.Get}
	case *actions.Search, *actions.Aggregate:
		return []string{authz.List}
	case *actions.Create:
		return []string{authz.Create}
	case *actions.Replace, *actions.Patch, *actions.PatchEach, *actions.PatchWhere:
		return []string{authz.Update}
	case *actions.Delete, *actions.DeleteWhere:
		return []string{authz.Delete}
	case *actions.History, *actions.Undo:
		return []string{authz.History}
	case *actions.Restore:
		return []string{authz.Restore}
	case *actions.Purge:
		return []string{authz.Purge}
	case *actions.Run:
		if actions.ActionVerb(c, a.Action) {
			return []string{a.Action}
		}
	}
	return nil
}

// headerText keeps what may stand in a header field, and not too much of it.
func headerText(s string) string {
	const most = 1000
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), most)]
}
