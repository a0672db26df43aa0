package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/engine"
)

// tokenKeys reads the keys that settings name: files first, then the secret,
// then the secrets before it. The first that can sign does.
func tokenKeys(folder string, a *engine.Auth) ([]*token.Key, error) {
	var all []*token.Key
	for _, item := range a.Keys {
		alg, file, pinned := strings.Cut(item, ":")
		if !pinned || !token.IsAlg(alg) {
			alg, file = "", item
		}
		path := file
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, path)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, unavailable(fmt.Errorf("auth.keys: %w", err))
		}
		found, err := token.Parse(content, alg)
		if err != nil {
			return nil, refuse(fmt.Errorf("auth.keys: %s: %w", file, err))
		}
		all = append(all, found...)
	}
	if a.Secret != "" {
		k, err := token.Secret([]byte(a.Secret), a.Algorithm)
		if err != nil {
			return nil, refuse(fmt.Errorf("auth.secret: %w", err))
		}
		all = append(all, k)
	}
	for _, text := range a.Previous {
		k, err := token.Secret([]byte(text), a.Algorithm)
		if err != nil {
			return nil, refuse(fmt.Errorf("auth.previous: %w", err))
		}
		all = append(all, k)
	}
	return all, nil
}

// signs reports whether the settings name a key that tokens can be signed with.
func (p *project) signs() (bool, error) {
	keys, err := tokenKeys(p.folder, &p.cfg.Engine.Auth)
	return signing(keys, &p.cfg.Engine.Auth), err
}

// signing reports whether keys of these settings can sign. Secrets that do not
// sign any more never are the only ones.
func signing(keys []*token.Key, a *engine.Auth) bool {
	return a.Secret != "" || slices.ContainsFunc(keys[:max(0, len(keys)-len(a.Previous))], (*token.Key).Signs)
}

// openSigner makes what signs and checks tokens; it stays nil without any key.
func (p *project) openSigner() error {
	a := &p.cfg.Engine.Auth
	keys, err := tokenKeys(p.folder, a)
	if err != nil {
		return err
	}
	if len(keys) == 0 && a.JWKS == "" {
		return nil
	}
	if len(a.Previous) > 0 && !signing(keys, a) {
		return refuse(errors.New("auth.previous names secrets that sign no more, and there is no key that does"), "set auth.secret, or a private key in auth.keys")
	}
	var remote *token.Remote
	if a.JWKS != "" {
		if remote, err = token.NewRemote(a.JWKS, engine.FetchKeys, time.Now, p.log); err != nil {
			return refuse(fmt.Errorf("auth.jwks: %w", err))
		}
	}
	p.signer, err = token.New(token.Config{
		Keys: keys, Remote: remote, Issuer: a.Issuer, Audience: a.Audience,
		Access: a.Access, MaxSize: p.cfg.Engine.Limits.Token,
	})
	if err != nil {
		return refuse(err)
	}
	return nil
}

// checkKeys refuses to serve a login that could sign no token. Where another
// issuer signs, nobody needs to log in here.
func (p *project) checkKeys() error {
	keys, err := tokenKeys(p.folder, &p.cfg.Engine.Auth)
	if err != nil {
		return err
	}
	if p.schema.Login == nil || len(keys) > 0 || p.cfg.Engine.Auth.JWKS != "" {
		return nil
	}
	return refuse(fmt.Errorf("class %s logs people in, and there is no key to sign their tokens with", p.schema.Login.Name),
		"set DOWEL_AUTH__SECRET, or DOWEL_AUTH__SECRET_FILE to a file that holds it:",
		"  openssl rand -base64 48 > auth.secret",
		"or DOWEL_AUTH__KEYS to a file with a private key:",
		"  openssl genpkey -algorithm ed25519 -out auth.pem")
}

// checkMail refuses settings of mail that could send none.
func (p *project) checkMail() error {
	switch m := p.cfg.Engine.Mail; {
	case (m.SMTP == "") != (m.From == ""):
		return refuse(errors.New("mail needs both mail.smtp and mail.from"))
	case m.From != "" && p.schema.Login != nil && account.MailField(p.schema.Login) == nil:
		return refuse(fmt.Errorf("mail.from is set, and class %s has no field of the type email to write to", p.schema.Login.Name))
	}
	return nil
}

// rekey reads the settings and files of keys again and puts the keys in
// service. Whatever is wrong is said, and the old ones stay.
func (p *project) rekey(r *run) {
	if p.signer == nil {
		return
	}
	cfg, err := r.readConfig(p.folder, nil)
	if err != nil {
		r.note("still using the previous keys")
		return
	}
	a, before := &cfg.Engine.Auth, &p.cfg.Engine.Auth
	if a.JWKS != before.JWKS || a.Issuer != before.Issuer || a.Audience != before.Audience {
		r.note("auth.jwks, auth.issuer and auth.audience are taken at the start only; start again to apply them")
	}
	keys, err := tokenKeys(p.folder, a)
	if err == nil && p.signer.Signs() && !signing(keys, a) {
		err = errors.New("none of the keys can sign any more")
	}
	if err == nil {
		err = p.signer.Use(keys...)
	}
	if err != nil {
		r.note("dowel: %v", err)
		r.note("still using the previous keys")
	}
}
