package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/schema"
)

// tokenCmd is `dowel token`.
type tokenCmd struct {
	Sub    string            `required:"" placeholder:"ID" help:"Subject: the id of a user, or any name for a program."`
	Role   []string          `placeholder:"ROLE" help:"Role; repeatable."`
	TTL    string            `name:"ttl" default:"1h" help:"How long the token is good for: 30m, 1h, 7d."`
	Claim  map[string]string `placeholder:"NAME=VALUE" mapsep:"none" help:"Another claim; repeatable. Numbers, true and false are sent as such."`
	Folder string            `arg:"" optional:"" default:"." help:"The application."`
}

// registered are claims with a meaning of their own; flags set them, or nobody.
var registered = []string{"iss", "aud", "sub", "exp", "iat", "nbf", "jti", "sid", "role", "roles"}

// Run prints one signed token.
func (c *tokenCmd) Run(r *run) error {
	var life time.Duration
	if err := duration(&life, c.TTL); err != nil {
		return misuse("--ttl: %v", err)
	}
	claims := token.Claims{Subject: c.Sub, Roles: c.Role, Expires: time.Now().Add(life), Values: map[string]schema.Value{}}
	for name, v := range c.Claim {
		switch {
		case slices.Contains(registered, name):
			return misuse("--claim: `%s` is not yours to set", name)
		case name == "tenant":
			claims.Tenant = v
		default:
			claims.Values[name] = claimValue(v)
		}
	}
	p, err := r.load(c.Folder, false)
	if err != nil {
		return err
	}
	var known []string
	for _, role := range p.schema.Roles {
		known = append(known, role.Name)
	}
	for _, role := range c.Role {
		if !slices.Contains(known, role) {
			return misuse("unknown role `%s`%s", role, didYouMean(role, known))
		}
	}
	if p.cfg, err = r.readConfig(p.folder, nil); err != nil {
		return err
	}
	signs, err := p.signs()
	if err != nil {
		return err
	}
	if !signs {
		// What `dev` signs with on this machine.
		kept, err := os.ReadFile(filepath.Join(p.folder, "data", "auth.secret"))
		if err != nil {
			return refuse(errors.New("there is no key to sign with"), "set DOWEL_AUTH__SECRET, or DOWEL_AUTH__SECRET_FILE to a file that holds it,",
				"or DOWEL_AUTH__KEYS to a file with a private key")
		}
		p.cfg.Engine.Auth.Secret = strings.TrimSpace(string(kept))
	}
	if err := p.openSigner(); err != nil {
		return err
	}
	raw, err := p.signer.Issue(claims)
	if err != nil {
		return misuse("%v", err)
	}
	_, err = fmt.Fprintln(r.out, raw)
	return err
}

// claimValue reads numbers, true and false as such, and all else as text.
func claimValue(v string) schema.Value {
	if v == "true" || v == "false" {
		return schema.NewBool(v == "true")
	}
	if n, err := strconv.ParseInt(v, 10, 64); err == nil && strconv.FormatInt(n, 10) == v {
		return schema.NewInt(n)
	}
	if f, err := strconv.ParseFloat(v, 64); err == nil && json.Valid([]byte(v)) {
		return schema.NewFloat(f)
	}
	return schema.NewText(v)
}
