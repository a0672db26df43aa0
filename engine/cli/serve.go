package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/storage"
)

// serveCmd is `dowel serve`.
type serveCmd struct {
	serverFlags
	Apply  bool   `help:"Make the pending changes of the database that are safe."`
	Seed   bool   `help:"Load the rows of seed/ first."`
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

// Run serves until it is told to stop.
func (c *serveCmd) Run(r *run) error {
	began := time.Now()
	p, err := r.load(c.Folder, true)
	if err != nil {
		return err
	}
	if p.cfg, err = r.readConfig(p.folder, c.given()); err != nil {
		return err
	}
	if err := p.checkKeys(); err != nil {
		return err
	}
	if err := p.checkMail(); err != nil {
		return err
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
	if err := p.prepare(r, c.Apply, c.Seed); err != nil {
		p.close()
		return err
	}
	defer p.close()
	r.note("dowel %s serves %s on http://%s (%s, started in %d ms)",
		r.app.version(), p.title(), listener.Addr(), masked(p.cfg.DB), time.Since(began).Milliseconds())
	base := "http://" + reachable(listener.Addr().String())
	r.note("API       %s%s", base, p.mount())
	if at := p.docs(); at != "" {
		r.note("docs      %s%s", base, at)
	}

	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	ctx, stop := context.WithCancel(r.ctx)
	defer stop()
	others := p.announcements()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
				p.rekey(r)
				p.reload(r, c.Apply, false)
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

// prepare opens the store, brings its tables up to date, makes the engine, and
// the rows and the account that are wanted from the start.
func (p *project) prepare(r *run, apply, seed bool) error {
	if err := p.openStore(r); err != nil {
		return err
	}
	if p.inMemory() {
		apply = true // a new memory database has nothing to lose
	}
	if apply || seed || r.env["DOWEL_ADMIN_EMAIL"] != "" {
		return p.alone(r, func() error { return p.fill(r, apply, seed) })
	}
	return p.fill(r, false, false)
}

func (p *project) fill(r *run, apply, seed bool) error {
	var pending []storage.Step
	var err error
	changed := false
	if _, shared := storage.As[storage.Cluster](p.store); shared && apply {
		pending, err = p.store.Migrate(r.ctx, p.schema, false)
		changed = len(pending) > 0
	}
	if err == nil {
		pending, err = p.store.Migrate(r.ctx, p.schema, apply)
	}
	if err != nil {
		return unavailable(fmt.Errorf("database %s: %w", masked(p.cfg.DB), err))
	}
	if len(pending) > 0 {
		return p.pendingRefusal(pending)
	}
	if err := p.startEngine(r); err != nil {
		return err
	}
	if changed {
		p.announce(r)
	}
	if seed {
		sums, err := p.seed(r)
		if err != nil {
			return err
		}
		r.noteSeed(sums)
	}
	return p.firstAdmin(r)
}

// noteSeed says what seeding did, when it did something.
func (r *run) noteSeed(sums []seedSum) {
	var made []string
	for _, s := range sums {
		if s.created > 0 {
			made = append(made, fmt.Sprintf("%d %s", s.created, s.class.Plural))
		}
	}
	if len(made) > 0 {
		r.note("seeded %s", strings.Join(made, ", "))
	}
}

func (p *project) serve(r *run, l net.Listener) error {
	go settleMemory() // beside the first requests, not before them
	defer p.serveAdmin()()
	if err := p.engine.Serve(r.ctx, l); err != nil {
		return unavailable(err)
	}
	return nil
}

func listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, unavailable(fmt.Errorf("%s is taken by another program", addr), "choose another with --listen, such as --listen 127.0.0.1:0 for a free one")
	case err != nil:
		return nil, unavailable(err)
	}
	return l, nil
}

// replace reads the files again and puts what they say in service. It returns
// how long that took, which is negative when the files have mistakes, which have been shown.
func (p *project) replace(r *run, apply, told bool) (took time.Duration, err error) {
	began := time.Now()
	s, rules, found := r.inspect(p.folder, p.root)
	if err := r.show(news(found, p.told)); err != nil {
		return 0, err
	}
	p.told = found
	if found.HasErrors() {
		return -1, nil
	}
	if told && s.Revision == p.schema.Revision && rules.Revision() == p.rules.Revision() {
		return time.Since(began), p.fits(r)
	}
	pending, err := p.store.Migrate(r.ctx, s, apply)
	if err == nil && len(pending) > 0 {
		err = p.pendingRefusal(pending)
	}
	if err == nil {
		err = p.engine.Reload(s, rules)
	}
	if err != nil {
		return 0, err
	}
	p.schema, p.rules = s, rules
	return time.Since(began), nil
}

// news leaves warnings out that were told before, wherever they have moved.
func news(found, told diag.List) diag.List {
	return slices.DeleteFunc(slices.Clone(found), func(d diag.Diagnostic) bool {
		return d.Severity == diag.Warning && slices.ContainsFunc(told, func(t diag.Diagnostic) bool {
			return t.Code == d.Code && t.Message == d.Message
		})
	})
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (p *project) title() string {
	if p.schema.App.Title != "" {
		return p.schema.App.Title
	}
	return "the application in " + p.folder
}
