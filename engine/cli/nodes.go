package cli

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/dowel-dev/dowel/storage"
)

// Several processes may serve one database. What they share is in it; what each
// has for itself are its files, and here is how they keep in step.

// alone runs what is done once at start while no other node does the same.
func (p *project) alone(r *run, fn func() error) error {
	if c, ok := storage.As[storage.Cluster](p.store); ok {
		return c.Exclusive(r.ctx, fn)
	}
	return fn()
}

// revision names the schema and the rules in service.
func (p *project) revision() string {
	return p.schema.Revision[:min(12, len(p.schema.Revision))] + "." + p.rules.Revision()[:min(12, len(p.rules.Revision()))]
}

// announce tells the other nodes that this one serves another revision.
func (p *project) announce(r *run) {
	c, ok := storage.As[storage.Cluster](p.store)
	if !ok {
		return
	}
	if err := c.Announce(r.ctx, p.revision()); err != nil {
		p.log.Warn("the other nodes could not be told of the reload", slog.Any("cause", err))
	}
}

// announcements are those of other nodes, nil where there can be none.
func (p *project) announcements() <-chan string {
	if c, ok := storage.As[storage.Cluster](p.store); ok {
		return c.Announcements()
	}
	return nil
}

// hear answers an announcement: the files of this node are read again. text is
// the revision that the other one serves, "" if that was missed.
func (p *project) hear(r *run, text string) {
	p.reload(r, false, true)
	if text != "" && text != p.revision() {
		p.log.Warn("another node serves another revision of schema and rules: are the files of both the same?",
			slog.String("here", p.revision()), slog.String("there", text))
	}
}

// fits says what keeps this node from serving, such as tables that have become those of another revision.
func (p *project) fits(r *run) error {
	prober, ok := storage.As[storage.Prober](p.store)
	if !ok {
		return nil
	}
	failed, ready := storage.Ready(prober.Probe(r.ctx))
	if ready {
		return nil
	}
	return fmt.Errorf("not ready, as the %s is %s: %w", failed.Name, failed.Status, failed.Err)
}

// reload puts the schema and policy on disk in service. Whatever is wrong is
// said, and the old ones keep serving. told says that another node asked for it: then
// nothing is said as long as nothing has changed.
func (p *project) reload(r *run, apply, told bool) {
	before := p.revision()
	took, err := p.replace(r, apply, told)
	switch {
	case err != nil:
		r.note("dowel: %v", err)
		var f *failure
		if errors.As(err, &f) {
			for _, line := range f.help {
				r.note("  %s", line)
			}
		}
		fallthrough
	case took < 0:
		r.note("still serving the previous schema")
		return
	case told && p.revision() == before:
		return
	}
	r.note("reloaded: %s (%d ms)", counted(len(classNames(p.schema)), "class", "classes"), took.Milliseconds())
	if !told && p.revision() != before {
		p.announce(r)
	}
}
