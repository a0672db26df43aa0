package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/language"
)

// keyCmd is `dowel key`.
type keyCmd struct {
	Create keyCreateCmd `cmd:"" help:"Make an API key for an account and print it, this one time."`
	List   keyListCmd   `cmd:"" help:"List the API keys: whose they are, what they are good for, when they were last used."`
	Revoke keyRevokeCmd `cmd:"" help:"End an API key: it is refused at once, on every node."`
}

type keyCreateCmd struct {
	Login    string   `arg:"" help:"Login name or id of the account that the key acts as."`
	Name     string   `placeholder:"TEXT" help:"What it is for, to know it again."`
	Role     []string `placeholder:"ROLE" help:"Only these of the account's roles count; repeatable."`
	Verb     []string `placeholder:"VERB" help:"Only these verbs, in the words of rules: read, create, write, an action's name; repeatable."`
	ReadOnly bool     `help:"Short for --verb read --verb history."`
	TTL      string   `name:"ttl" default:"365d" help:"How long the key is good for: 30d, 12h, never."`
	accountFlags
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

// Run makes one key.
func (c *keyCreateCmd) Run(r *run) error {
	spec := account.APIKey{Name: c.Name}
	if c.TTL != "never" {
		var life time.Duration
		if err := duration(&life, c.TTL); err != nil {
			return misuse("--ttl: %v", err)
		}
		spec.Expires = time.Now().Add(life)
	}
	p, login, err := c.open(r, c.Folder)
	if err != nil {
		return err
	}
	defer p.close()
	if c.ReadOnly {
		c.Verb = append(c.Verb, "read", "history")
	}
	if err := checkScope(p.schema, c.Role, c.Verb); err != nil {
		return err
	}
	slices.Sort(c.Verb)
	spec.Scope.Roles, spec.Scope.Verbs = c.Role, slices.Compact(c.Verb)
	if spec.UserID, err = p.findUser(r, c.Login); err != nil {
		return err
	}
	raw, made, err := p.engine.Accounts().CreateKey(r.ctx, spec)
	if err != nil {
		return unavailable(err)
	}
	until := "until it is revoked"
	if !made.Expires.IsZero() {
		until = "until " + day(made.Expires)
	}
	r.note("key %s acts as %s %s %s; it is shown this once", made.Prefix, login.Name, c.Login, until)
	_, err = fmt.Fprintln(r.out, raw)
	return err
}

// checkScope refuses words that no rule could have.
func checkScope(s *schema.Schema, roles, verbs []string) error {
	var known []string
	for _, role := range s.Roles {
		known = append(known, role.Name)
	}
	for _, role := range roles {
		if !slices.Contains(known, role) {
			return misuse("unknown role `%s`%s", role, didYouMean(role, known))
		}
	}
	known = nil
	for _, v := range language.Verbs() {
		known = append(known, v.Name)
	}
	for _, class := range s.Classes {
		for _, a := range class.Actions {
			known = append(known, a.Name)
		}
	}
	for _, verb := range verbs {
		if !slices.Contains(known, verb) {
			return misuse("unknown verb `%s`%s", verb, didYouMean(verb, known))
		}
	}
	return nil
}

type keyListCmd struct {
	User string `placeholder:"LOGIN" help:"Only the keys of this account."`
	accountFlags
	Folder string `arg:"" optional:"" default:"." help:"The application."`
	outputFlag
}

// Run lists keys, without their secrets.
func (c *keyListCmd) Run(r *run) error {
	p, _, err := c.open(r, c.Folder)
	if err != nil {
		return err
	}
	defer p.close()
	id := ""
	if c.User != "" {
		if id, err = p.findUser(r, c.User); err != nil {
			return err
		}
	}
	keys, err := p.engine.Accounts().Keys(r.ctx, id)
	if err != nil {
		return unavailable(err)
	}
	t := table{columns: []string{"prefix", "user", "name", "roles", "verbs", "created", "expires", "used", "state"}}
	for _, k := range keys {
		state := "good"
		switch {
		case !k.Revoked.IsZero():
			state = "revoked"
		case !k.Expires.IsZero() && !time.Now().Before(k.Expires):
			state = "expired"
		}
		t.add(k.Prefix, k.UserID, k.Name, scoped(k.Scope.Roles), scoped(k.Scope.Verbs), day(k.Created), dayOrNever(k.Expires), dayOrNever(k.Used), state)
	}
	return t.print(r.out, c.Output)
}

func scoped(words []string) any {
	if words == nil {
		return nil
	}
	return strings.Join(words, " ")
}

func dayOrNever(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return day(t)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

type keyRevokeCmd struct {
	Key string `arg:"" help:"Prefix of the key: what stands between dwl_ and the next underscore."`
	accountFlags
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

// Run ends one key.
func (c *keyRevokeCmd) Run(r *run) error {
	p, _, err := c.open(r, c.Folder)
	if err != nil {
		return err
	}
	defer p.close()
	// Whoever revokes a key in a hurry has the whole of it at hand.
	prefix, _, _ := strings.Cut(strings.TrimPrefix(c.Key, "dwl_"), "_")
	err = p.engine.Accounts().RevokeKey(r.ctx, prefix)
	if errors.Is(err, account.ErrNoSuchKey) {
		return refuse(fmt.Errorf("no key %s", prefix), "`dowel key list` shows them")
	}
	if err != nil {
		return unavailable(err)
	}
	r.note("key %s is refused from now on", prefix)
	return nil
}
