package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/memory"
)

// policyCmd is `dowel policy`.
type policyCmd struct {
	Why    policyWhyCmd    `cmd:"" help:"Say whether somebody may do something, and why: exit status 0 is allowed, 1 denied."`
	Matrix policyMatrixCmd `cmd:"" help:"Show what every role may do, or what has changed since."`
	Test   policyTestCmd   `cmd:"" help:"Check the sentences about permission in tests/*.test.yaml, without a database."`
	Export policyExportCmd `cmd:"" help:"Write the rules as Casbin's own tools read them: model.conf and policy.csv."`
}

// reportFlag is embedded in verbs whose answer is a report, for people or as JSON.
type reportFlag struct {
	Output string `short:"o" name:"output" enum:"table,json" default:"table" help:"How the answer is printed: ${enum}."`
}

// rehearse makes an engine for an application that is loaded: on an empty store
// in memory, with the settings that the schema has by itself. Nothing of it outlives
// the process. The signer makes tokens that the engine accepts.
func (p *project) rehearse(r *run, rules authz.Authorizer) (*token.Signer, error) {
	p.cfg = &config{deployment: deployment{DB: "memory:", Engine: engine.Settings{Limits: engine.DefaultLimits()}}}
	p.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	var err error
	if p.store, err = memory.New(p.schema); err != nil {
		return nil, unavailable(err)
	}
	// Guessing is no danger to passwords that end with the process.
	hasher, err := account.NewHasher(account.Params{Memory: 64, Time: 1, Threads: 1}, nil)
	if err != nil {
		return nil, unavailable(err)
	}
	signer, err := token.New(token.Config{Secret: []byte(randomText(48)), Issuer: "dowel", Audience: "dowel"})
	if err != nil {
		return nil, unavailable(err)
	}
	p.engine, err = engine.Open(engine.Config{
		Schema: p.schema, Authorizer: rules, Store: p.store, Settings: p.cfg.Engine,
		Signer: signer, App: r.app.Program, Log: p.log, Hasher: hasher,
	})
	if err != nil {
		return nil, refuse(err)
	}
	return signer, nil
}

// target is what a question is about: CLASS, CLASS/KEY or CLASS.FIELD.
type target struct {
	class *schema.Class
	key   string
	field *schema.Field
}

func (t *target) String() string {
	switch {
	case t.key != "":
		return t.class.Name + "/" + t.key
	case t.field != nil:
		return t.class.Name + "." + t.field.JSON
	}
	return t.class.Name
}

// targetOf reads a target. Its errors are sentences about the text.
func targetOf(s *schema.Schema, text string) (*target, error) {
	name, key, keyed := strings.Cut(text, "/")
	member, dotted := "", false
	if !keyed {
		name, member, dotted = strings.Cut(text, ".")
	}
	t := &target{class: classOf(s, name), key: key}
	if t.class == nil {
		return nil, fmt.Errorf("unknown class `%s`%s", name, didYouMean(name, classNames(s)))
	}
	if keyed && key == "" {
		return nil, fmt.Errorf("`%s` names no row: write %s/KEY", text, t.class.Name)
	}
	if dotted {
		if t.field = t.class.Field(member); t.field == nil {
			return nil, fmt.Errorf("%s has no field `%s`%s", t.class.Name, member, didYouMean(member, memberNames(t.class)))
		}
	}
	return t, nil
}

// verbsFor reads a verb or a group of them, as the verbs to ask about.
func verbsFor(t *target, word string) ([]string, error) {
	verbs := authz.Members(t.class, word)
	if len(verbs) == 0 {
		known := authz.Words(t.class)
		if slices.Contains(known, word) {
			return nil, fmt.Errorf("`%s` means nothing for %s", word, t.class.Name)
		}
		return nil, fmt.Errorf("unknown verb `%s` for %s%s", word, t.class.Name, didYouMean(word, known))
	}
	switch {
	case t.key != "":
		verbs = slices.DeleteFunc(verbs, func(v string) bool { return v == authz.Create })
		if len(verbs) == 0 {
			return nil, fmt.Errorf("`%s` makes a row, so it cannot be about one that is there: write %s", word, t.class.Name)
		}
	case t.field != nil:
		verbs = slices.DeleteFunc(verbs, func(v string) bool {
			return v != authz.List && v != authz.Get && v != authz.Create && v != authz.Update
		})
		if len(verbs) == 0 {
			return nil, fmt.Errorf("`%s` is not about fields: list, get and read are, and create, update and write", word)
		}
	}
	return verbs, nil
}

// keyOf finds the key of a row: its id, or the value of the field that people know it by.
func (p *project) keyOf(r *run, c *schema.Class, text string) ([]schema.Value, error) {
	if key, err := p.findByHandle(r, c, text); key != nil || err != nil {
		return key, err
	}
	key, err := schema.ParseKey(c, text)
	if err != nil {
		return nil, fmt.Errorf("`%s` cannot be the id of a %s: %w", text, c.Name, err)
	}
	return key, nil
}

// asRole is the subject that a role stands for: somebody who has it and is no user.
func asRole(s *schema.Schema, name string) (*authz.Subject, bool) {
	switch name {
	case "anyone", "anonymous":
		return &authz.Subject{}, true
	case "user":
		return &authz.Subject{ID: engine.Nobody}, true
	}
	if !slices.Contains(globalRoles(s), name) {
		return nil, false
	}
	return &authz.Subject{ID: engine.Nobody, Roles: []string{name}}, true
}

func globalRoles(s *schema.Schema) []string {
	var names []string
	for _, role := range s.Roles {
		names = append(names, role.Name)
	}
	return names
}

// whoNames are the names that a question may begin with, without those of users.
func whoNames(s *schema.Schema) []string {
	return append(globalRoles(s), "anonymous", "anyone", "user")
}

// account finds a user by login field or id.
func (p *project) accountOf(r *run, who string) (*authz.Subject, error) {
	id, err := p.engine.Accounts().Find(r.ctx, who)
	if err == nil {
		var s *authz.Subject
		if s, err = p.engine.Accounts().As(r.ctx, id); err == nil {
			return s, nil
		}
	}
	if errors.Is(err, account.ErrNoUser) || errors.Is(err, account.ErrNoLogin) {
		return nil, nil
	}
	return nil, unavailable(err)
}
