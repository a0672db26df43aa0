package cli

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/mail"
)

// devCmd is `dowel dev`.
type devCmd struct {
	serverFlags
	NoSeed bool   `help:"Do not load the rows of seed/."`
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

// Run serves, and keeps what is served in step with the files.
func (c *devCmd) Run(r *run) error {
	r.err = &locked{w: r.err} // watching and serving both print
	began := time.Now()
	p, err := r.load(c.Folder, true)
	if err != nil {
		return err
	}
	if p.cfg, err = r.readConfig(p.folder, c.given()); err != nil {
		return err
	}
	p.cfg.Engine.Dev = true
	if p.cfg.Engine.Mail.SMTP == "" { // mail is for the one who watches
		p.mail = mail.NewWriter(r.err)
		if p.cfg.Engine.Mail.From == "" {
			p.cfg.Engine.Mail.From = "dowel@localhost"
		}
	}
	if err := p.checkMail(); p.mail == nil && err != nil {
		return err
	}
	signs, err := p.signs()
	if err != nil {
		return err
	}
	if !signs {
		if p.cfg.Engine.Auth.Secret, err = p.localSecret(); err != nil {
			return err
		}
	}
	listener, err := listen(p.cfg.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	if err := p.listenAdmin(r); err != nil {
		return err
	}
	defer p.closeAdmin()
	r.note("dowel %s  %s", r.app.version(), counted(len(classNames(p.schema)), "class", "classes"))
	if err := p.prepare(r, p.local(), !c.NoSeed); err != nil {
		p.close()
		return err
	}
	defer p.close()
	if err := p.devAdmin(r); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(r.ctx)
	defer stop()
	w, err := watch(ctx, p.folder, p.databasePath())
	if err != nil {
		return unavailable(err)
	}
	base := "http://" + reachable(listener.Addr().String())
	p.banner(r, base, time.Since(began))
	others := p.announcements()
	go func() {
		for {
			select {
			case changed, open := <-w:
				if !open {
					return
				}
				p.follow(r, changed)
			case text, open := <-others:
				if !open {
					others = nil
					continue
				}
				p.hear(r, text)
			}
		}
	}()
	return p.serve(r, listener)
}

// banner says where things are.
func (p *project) banner(r *run, base string, took time.Duration) {
	mount := p.mount()
	r.note("database  %s", p.whereRowsAre())
	r.note("")
	r.note("  API     %s%s", base, mount)
	if at := p.docs(); at != "" {
		r.note("  docs    %s%s", base, at)
	}
	if class := p.showcase(); class != "" {
		login := ""
		if user, password := p.demoUser(r); user != "" {
			login = "-u " + user + ":" + password + " "
		}
		r.note("  try     curl -s %s%s%s/%s", login, base, strings.TrimSuffix(mount, "/"), class)
	}
	r.note("")
	r.note("ready in %d ms; watching %s; ctrl-c stops", took.Milliseconds(), p.folder)
}

// mount is the path of the API: settings win over the schema.
func (p *project) mount() string {
	for _, m := range []string{p.cfg.Engine.Mount, p.schema.App.Mount} {
		if m != "" {
			return m
		}
	}
	return "/api"
}

// docs is the path of the documentation page, "" where it is switched off or the API has its place.
func (p *project) docs() string {
	return engine.DocsPath(p.cfg.Engine, p.schema)
}

func (p *project) whereRowsAre() string {
	if path := p.databasePath(); path != "" {
		return path
	}
	if p.inMemory() {
		return "in memory: gone when this stops"
	}
	return masked(p.cfg.DB)
}

// showcase is a collection worth a first look: the first that is exposed and no login class.
func (p *project) showcase() string {
	for _, c := range p.schema.Classes {
		if c.Expose && !c.Internal && c.Auth == nil && c.Prefix == "" {
			return c.Collection
		}
	}
	return ""
}

// demoUser is the first account in the seed files whose password is there to read.
func (p *project) demoUser(r *run) (user, password string) {
	login := p.schema.Login
	if login == nil {
		return "", ""
	}
	rows, err := readSeed(p.seeds(r), p.schema)
	if err != nil {
		return "", ""
	}
	for _, row := range rows {
		if row.class != login {
			continue
		}
		u, s := row.value.Member(login.Auth.Login.Name), row.value.Member(login.Auth.Secret.Name)
		if u != nil && s != nil {
			return u.Text, s.Text
		}
	}
	return "", ""
}

// follow answers a change of files. Seed files are loaded again, which adds what is new.
func (p *project) follow(r *run, changed changes) {
	if changed.schema {
		p.reload(r, p.local(), false)
		p.refreshEditor(r)
	}
	if changed.seed {
		sums, err := p.seed(r)
		if err != nil {
			r.note("dowel: %v", err)
			var f *failure
			if errors.As(err, &f) {
				for _, line := range f.help {
					r.note("  %s", line)
				}
			}
			return
		}
		r.noteSeed(sums)
	}
	if changed.config {
		r.note("%s changed; start again to apply it", configFile)
	}
}

// localSecret returns the key that this machine signs development tokens
// with, made once and kept beside the local database.
func (p *project) localSecret() (string, error) {
	path := filepath.Join(p.folder, "data", "auth.secret")
	kept, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(kept))) >= 32 {
		return strings.TrimSpace(string(kept)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", unavailable(err)
	}
	made := randomText(48)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", unavailable(err)
	}
	if err := os.WriteFile(path, []byte(made+"\n"), 0o600); err != nil {
		return "", unavailable(fmt.Errorf("keep the signing key: %w", err))
	}
	return made, nil
}

// randomText is n random bytes as text that is safe everywhere.
func randomText(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// locked is a writer for several goroutines.
type locked struct {
	mu sync.Mutex
	w  interface{ Write([]byte) (int, error) }
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
