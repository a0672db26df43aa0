package cli

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// world is an application with its seed, in memory, under some rules.
type world struct {
	*project
	tokens *token.Signer
	heard  *listener
	vars   saved
}

// listener is the authorizer of a world: it notes which rules took part in
// decisions while it is told to.
type listener struct {
	*authz.Rules
	mu   sync.Mutex
	on   bool
	used map[*schema.Rule]bool
}

// Decide implements authz.Authorizer.
func (l *listener) Decide(s *authz.Subject, c *schema.Class, verb string) *authz.Decision {
	d := l.Rules.Decide(s, c, verb)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on && !s.System {
		for _, reason := range d.Reasons {
			l.used[reason.Rule] = true
		}
	}
	return d
}

// newWorld makes a world. Rows are loaded when they are needed.
func (p *project) newWorld(r *run, rules *authz.Rules, seeded bool) (*world, error) {
	w := &world{project: &project{folder: p.folder, root: p.root, schema: p.schema, rules: rules}, vars: saved{}}
	w.heard = &listener{Rules: rules, used: map[*schema.Rule]bool{}}
	var err error
	if w.tokens, err = w.rehearse(r, w.heard); err != nil {
		return nil, err
	}
	if seeded {
		quiet := *r
		quiet.live = false
		if _, err := w.seed(&quiet); err != nil {
			w.close()
			return nil, err
		}
	}
	return w, nil
}

// under puts other rules in service, the rows staying.
func (w *world) under(rules *authz.Rules) error {
	w.rules, w.heard = rules, &listener{Rules: rules, used: map[*schema.Rule]bool{}}
	return w.engine.Reload(w.schema, w.heard)
}

// subject is who a person is in this world.
func (w *world) subject(r *run, p *person) (*authz.Subject, error) {
	if p.login != "" {
		s, err := w.accountOf(r, p.login)
		if err != nil {
			return nil, err
		}
		if s == nil {
			return nil, fmt.Errorf("no user in seed/ is %s", p.login)
		}
		return s, nil
	}
	if len(p.roles) == 1 && p.id == "" && len(p.has) == 0 {
		if s, ok := asRole(w.schema, p.roles[0]); ok {
			return s, nil
		}
	}
	s := &authz.Subject{ID: p.id, Roles: p.roles, Claims: map[string]schema.Value{}}
	if s.ID == "" {
		s.ID = engine.Nobody
	}
	if login := w.schema.Login; login != nil {
		s.User = make([]schema.Value, len(login.Fields))
	}
	for name, text := range p.has {
		s.Claims[name] = claimValue(text)
		if login := w.schema.Login; login != nil {
			if f := login.Field(name); f != nil {
				v, err := schema.ParseOperand(f.Type, text)
				if err != nil {
					return nil, fmt.Errorf("`%s` of `%s`: %w", name, p.name, err)
				}
				s.User[f.Index] = v
			}
		}
	}
	return s, nil
}

// bearer is a token of a person, "" of nobody.
func (w *world) bearer(r *run, p *person) (string, error) {
	if p == nil {
		return "", nil
	}
	s, err := w.subject(r, p)
	if err != nil || s.Anonymous() {
		return "", err
	}
	return w.tokens.Issue(token.Claims{Subject: s.ID, Roles: s.Roles, Tenant: s.Tenant, Values: s.Claims, Expires: time.Now().Add(time.Hour)})
}

// verdict is how a sentence or a step came out.
type verdict struct {
	ok   bool
	says string // what is wrong, in a line
	rule string // the rule that decides, with its place
	used []*schema.Rule
}

// judge checks a sentence. full asks for reasons and the rules that took part.
func (w *world) judge(r *run, s *sentence, full bool) (*verdict, error) {
	subject, err := w.subject(r, s.who)
	if err != nil {
		return &verdict{says: err.Error()}, nil
	}
	q := engine.Question{Subject: subject, Class: s.target.class, Field: s.target.field, Given: s.where}
	if s.target.key != "" {
		if q.Key, err = w.keyOf(r, s.target.class, s.target.key); err != nil {
			return &verdict{says: err.Error()}, nil
		}
		if there, err := w.exists(r, q.Class, q.Key); err != nil || !there {
			return &verdict{says: fmt.Sprintf("there is no %s in seed/", s.target)}, err
		}
	}
	if q.Org, err = w.orgOf(r, q.Class, subject, s.who.in, q.Key != nil); err != nil {
		var f *failure
		if errors.As(err, &f) && f.status == exitUsage {
			return &verdict{says: "say in which organization: `people: {" + s.who.name + ": {user: …, in: KEY}}`"}, nil
		}
		return nil, err
	}
	v := &verdict{ok: true}
	for _, verb := range s.verbs {
		q.Verb = verb
		if err := w.judgeVerb(r, s, q, full, v); err != nil || !v.ok {
			return v, err
		}
	}
	return v, nil
}

func (w *world) judgeVerb(r *run, s *sentence, q engine.Question, full bool, v *verdict) error {
	answer, err := w.engine.May(r.ctx, q)
	if err != nil {
		return unavailable(err)
	}
	if answer == engine.Rows && s.where != nil {
		// The rules look at more than the sentence says: the rows of the seed decide.
		return w.judgeRows(r, s, q, full, v)
	}
	v.ok = (answer != engine.No) == s.can
	return w.reason(r, s, q, full, v)
}

// mostRows is how many rows of the seed a sentence is tried on.
const mostRows = 200

// judgeRows tries a sentence on every row of the seed that it speaks of.
func (w *world) judgeRows(r *run, s *sentence, q engine.Question, full bool, v *verdict) error {
	rows, err := w.engine.RowsWhere(r.ctx, q, mostRows)
	if err != nil {
		return unavailable(err)
	}
	if len(rows) == 0 {
		v.ok, v.says = false, "it depends on the row, and seed/ has none like that"
		return nil
	}
	q.Given = nil
	for _, key := range rows {
		q.Key = key
		answer, err := w.engine.May(r.ctx, q)
		if err != nil {
			return unavailable(err)
		}
		v.ok = (answer != engine.No) == s.can
		if err := w.reason(r, s, q, full, v); err != nil {
			return err
		}
		if !v.ok {
			v.says = fmt.Sprintf("%s (%s/%s)", v.says, q.Class.Name, schema.FormatKey(q.Class, key))
			return nil
		}
	}
	return nil
}

// reason adds why a sentence failed, and for full ones that did not which rules took part.
func (w *world) reason(r *run, s *sentence, q engine.Question, full bool, v *verdict) error {
	if v.ok && !full {
		return nil
	}
	why, err := w.engine.Why(r.ctx, q)
	if err != nil {
		return unavailable(err)
	}
	for i := range why.Rules {
		if why.Rules[i].Applies() {
			v.used = append(v.used, why.Rules[i].Rule)
		}
	}
	if v.ok {
		return nil
	}
	a := &reasons{Why: why, verb: q.Verb, who: s.who.name, target: s.target, folder: w.folder}
	v.says, v.rule = a.sentence(), a.deciding()
	if why.Note != "" {
		v.says += ": " + why.Note
	}
	return nil
}

// deciding is the rule that an answer hangs on: for a denial what forbids, or
// else the first that would allow; for a right the first that allows.
func (a *reasons) deciding() string {
	best := -1
	for i := range a.Rules {
		rule := &a.Rules[i]
		forbids := rule.Verdict == authz.Forbids
		switch {
		case rule.Applies() && forbids == (a.Answer == engine.No):
			best = i
		case best < 0 && a.Answer == engine.No && !rule.Rule.Deny && rule.Verdict != authz.Wider:
			best = i
			continue
		default:
			continue
		}
		break
	}
	if best < 0 {
		return "no rule of " + a.target.class.Name + " allows " + a.verb
	}
	rule := &a.Rules[best]
	_, does := ruleWords(rule)
	return fmt.Sprintf("%s  %s  %s", under(a.folder, authz.At(rule.Rule)), authz.Said(rule.Rule), does)
}

func (w *world) exists(r *run, c *schema.Class, key []schema.Value) (bool, error) {
	page, err := w.store.Read(r.ctx, &storage.Query{Class: c, Key: key, Limit: 1, Deleted: storage.WithDeleted})
	if err != nil {
		return false, unavailable(err)
	}
	return len(page.Rows) > 0, nil
}

// take runs a step.
func (w *world) take(r *run, s *httpStep) (*verdict, error) {
	bearer, err := w.bearer(r, s.who)
	if err != nil {
		return &verdict{says: err.Error()}, nil
	}
	w.heard.on = true
	a, err := s.send(w.engine.Handler(), bearer, w.vars)
	w.heard.on = false
	if err != nil {
		return &verdict{says: err.Error()}, nil
	}
	wrong := s.check(a, w.vars)
	v := &verdict{ok: len(wrong) == 0}
	for rule := range w.heard.used {
		v.used = append(v.used, rule)
	}
	if v.ok {
		return v, nil
	}
	v.says = wrong[0]
	for _, more := range wrong[1:] {
		v.says += "; " + more
	}
	if denied := a.header.Get("X-Dowel-Why"); denied != "" && slices.Contains([]int{401, 403, 404}, a.status) {
		v.rule = denied
	}
	return v, nil
}
