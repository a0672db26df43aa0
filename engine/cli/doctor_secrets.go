package cli

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// secrets judges the keys that sign tokens: a guessed one makes anybody anyone.
func (d *doctor) secrets() {
	a := &d.p.cfg.Engine.Auth
	if d.p.schema != nil {
		if err := d.p.checkKeys(); err != nil {
			d.fail("secret", "openssl rand -base64 48 > auth.secret, and DOWEL_AUTH__SECRET_FILE=auth.secret", "%v", err)
		}
		if err := d.p.checkMail(); err != nil {
			d.fail("mail", "`dowel explain config.mail.smtp`", "%v", err)
		}
	}
	if a.Secret != "" {
		if why := weak(a.Secret); why != "" {
			d.fail("secret", "openssl rand -base64 48", "auth.secret %s", why)
		} else {
			d.ok("secret", "auth.secret has %d bytes, from %s", len(a.Secret), d.p.cfg.find("auth.secret").source)
		}
	}
	for _, old := range a.Previous {
		if why := weak(old); why != "" {
			d.fail("secret", "take it out of auth.previous", "a previous secret %s", why)
		}
	}
	files := map[string]string{}
	for _, item := range a.Keys {
		path := item
		if _, file, pinned := strings.Cut(item, ":"); pinned {
			path = file
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(d.p.folder, path)
		}
		files[path] = "auth.keys"
	}
	for _, e := range d.p.cfg.values {
		if (e.secret || e.key == "db" || e.key == "redis") && strings.HasSuffix(e.source, "_FILE") {
			files[d.env[e.source]] = e.source
		}
	}
	for path, from := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // has been told as a setting that cannot be read
		}
		if info, err := os.Stat(path); err == nil && open(info) && !strings.Contains(string(content), "PUBLIC KEY") {
			d.warn("secret", "chmod 600 "+path, "%s of %s may be read by others", path, from)
		}
	}
}

// enoughDistinct is how many different characters a random secret of 32 bytes or more surely has.
const enoughDistinct = 12

// weak says why a secret can be guessed, "" for no reason that shows.
func weak(secret string) string {
	lower := strings.ToLower(secret)
	for _, word := range []string{"changeme", "change-me", "change_me", "password", "example", "secret", "0123456789", "abcdefgh", "qwerty", "dowel"} {
		if strings.Contains(lower, word) {
			return "contains `" + word + "`, which whoever guesses tries first"
		}
	}
	distinct := map[rune]bool{}
	for _, c := range secret {
		distinct[c] = true
	}
	if len(distinct) < enoughDistinct {
		return fmt.Sprintf("is made of %d different characters only", len(distinct))
	}
	return ""
}

// certificateSoon is how long before its end a certificate is told.
const certificateSoon = 14 * 24 * time.Hour

// keySet fetches the keys of another issuer, as the first of its tokens would.
func (d *doctor) keySet() {
	url := d.p.cfg.Engine.Auth.JWKS
	if url == "" {
		return
	}
	const fix = "tokens of that issuer are refused until it answers with a JSON Web Key Set"
	ctx, cancel := d.soon()
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		d.fail("jwks", fix, "%v", err)
		return
	}
	a, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}}).Do(q)
	if err != nil {
		d.ail("jwks", fix, "%v", err)
		return
	}
	defer a.Body.Close()
	var set struct{ Keys []json.RawMessage }
	err = json.NewDecoder(io.LimitReader(a.Body, 1<<20)).Decode(&set)
	switch {
	case a.StatusCode != http.StatusOK:
		d.ail("jwks", fix, "%s answers %s", url, a.Status)
	case err != nil || len(set.Keys) == 0:
		d.ail("jwks", fix, "%s has no keys", url)
	default:
		d.ok("jwks", "%s", counted(len(set.Keys), "key", "keys"))
	}
	if a.TLS != nil && len(a.TLS.PeerCertificates) > 0 {
		if left := time.Until(a.TLS.PeerCertificates[0].NotAfter); left < certificateSoon {
			d.warn("jwks", "have it renewed", "the certificate of %s ends in %d days", q.Host, int(left.Hours()/24))
		}
	}
}
