package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/schema"
)

// actorFlags are understood by every verb that acts on rows.
type actorFlags struct {
	DB     string `name:"db" placeholder:"URL" help:"Database [DOWEL_DB]."`
	As     string `placeholder:"USER" help:"Act as this user, by login name or id, under all rules. Without it the operator acts, whom no rule holds."`
	Tenant string `placeholder:"ID" help:"The organization that the rows are in."`
}

// actor is an application with somebody who acts in it.
type actor struct {
	*project
	subject *authz.Subject
	tenant  string
}

// open prepares an application and finds out who acts.
func (f *actorFlags) open(r *run, folder string) (*actor, error) {
	return f.openWith(r, folder, map[string]string{})
}

// openWith is open with settings of the verb's own.
func (f *actorFlags) openWith(r *run, folder string, flags map[string]string) (*actor, error) {
	if f.DB != "" {
		flags["db"] = f.DB
	}
	p, err := r.open(folder, flags)
	if err != nil {
		return nil, err
	}
	a := &actor{project: p, subject: &authz.Subject{System: true}, tenant: f.Tenant}
	if f.As != "" {
		if a.subject, err = p.userNamed(r.ctx, f.As); err != nil {
			p.close()
			return nil, err
		}
	}
	return a, nil
}

// userNamed is the subject of a user, as its requests have it.
func (p *project) userNamed(ctx context.Context, name string) (*authz.Subject, error) {
	if p.schema.Login == nil {
		return nil, misuse("--as: the schema has no login class: a class with `auth:`")
	}
	id, err := p.engine.Accounts().Find(ctx, name)
	var s *authz.Subject
	if err == nil {
		s, err = p.engine.Accounts().As(ctx, id)
	}
	switch {
	case errors.Is(err, account.ErrNoUser):
		return nil, refuse(fmt.Errorf("no %s %s, or it is switched off", p.schema.Login.Name, name))
	case err != nil:
		return nil, unavailable(err)
	}
	return s, nil
}

// do runs an action through the same door as requests.
func (a *actor) do(ctx context.Context, action actions.Action) (*actions.Result, error) {
	if a.tenant != "" {
		action.Common().Tenant = a.tenant
	}
	return a.engine.Invoke(ctx, a.subject, action)
}

// class finds a class by any of its names.
func (p *project) class(name string) (*schema.Class, error) {
	if c := classOf(p.schema, name); c != nil {
		return c, nil
	}
	return nil, misuse("unknown class `%s`%s", name, didYouMean(name, classNames(p.schema)))
}

// row reads CLASS/KEY.
func (p *project) row(ref string) (*schema.Class, string, error) {
	name, id, ok := strings.Cut(ref, "/")
	if !ok || id == "" {
		return nil, "", misuse("`%s` is not CLASS/KEY, such as customer/7", ref)
	}
	c, err := p.class(name)
	return c, id, err
}

// told turns a refusal into a verb's failure: a sentence, then a line for each thing that is
// wrong. What nobody could have meant (an unknown name, a word that cannot be read) is wrong usage.
func told(err error) error {
	var e *actions.Error
	if !errors.As(err, &e) {
		return unavailable(err)
	}
	f := &failure{status: exitFindings, err: errors.New(sentenceOf(e))}
	switch e.Code {
	case actions.StorageUnavailable, actions.OutcomeUnknown, actions.Overloaded:
		f.status = exitEnvironment
	case actions.Internal:
		f.status, f.err = exitEnvironment, fmt.Errorf("%w", err)
		if e.Cause != nil {
			f.err = e.Cause
		}
	case actions.BadQuery, actions.BadPath:
		f.status = exitUsage
	case actions.ActionInvalid:
		f.status = exitUsage
		for _, p := range e.Errors {
			if p.Code != "unknown" {
				f.status = exitFindings
			}
		}
		if len(e.Errors) == 0 {
			f.status = exitFindings
		}
	}
	if e.Hint != "" && len(e.Errors) == 0 {
		f.help = append(f.help, e.Hint)
	}
	for _, p := range e.Errors {
		f.help = append(f.help, problemLine(&p))
	}
	if len(e.Errors) == 1 && e.Errors[0].Detail == e.Detail {
		f.help = nil
		if hint := e.Errors[0].Hint; hint != "" {
			f.err = errors.New(strings.TrimSuffix(e.Detail, ".") + "; " + lower(hint))
		}
	}
	return f
}

// problemLine is one thing wrong: its place, what it is, what was probably meant.
func problemLine(p *actions.Problem) string {
	line := p.Detail
	if place := problemPlace(p); place != "" && !strings.Contains(p.Detail, "`"+place+"`") {
		line = place + ": " + line
	}
	if p.Hint != "" {
		line += " " + p.Hint
	}
	return line
}

// problemPlace names the place of a problem: /address/zip is address.zip.
func problemPlace(p *actions.Problem) string {
	if p.Pointer == "" {
		return p.Parameter + p.Modifier + p.Header
	}
	parts := strings.Split(p.Pointer[1:], "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
	}
	return strings.Join(parts, ".")
}

func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
