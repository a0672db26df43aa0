package actions

import (
	"time"

	"github.com/dowel-dev/dowel/schema"
)

// touching is a plan of a read that can tell whose rows its answer depends on.
type touching interface {
	// touched are the classes, nil where the answer depends on the subject in other ways.
	touched() []*schema.Class
}

// Shared is for how long anybody's cache may hand the answer of a plan to
// everybody; 0 is never. It takes that everybody sees the same of every class that
// takes part (Snapshot.Public), and that nothing asked for mentions the subject.
func (x *Exec) Shared(p Plan, o *Options) time.Duration {
	if len(x.Public) == 0 || x.personal || o.As != "" {
		return 0
	}
	t, ok := p.(touching)
	if !ok {
		return 0
	}
	var least time.Duration
	for _, c := range t.touched() {
		d := x.Public[c]
		if d == 0 {
			return 0
		}
		if least == 0 || d < least {
			least = d
		}
	}
	return least
}

func (g *getPlan) touched() []*schema.Class {
	if g.restore != nil {
		return nil
	}
	return append([]*schema.Class{g.class}, g.view.watch...)
}

func (s *searchPlan) touched() []*schema.Class {
	switch {
	case s.restore != nil:
		return nil
	case s.parent != nil:
		return append([]*schema.Class{s.parent.class}, s.query.Watch...)
	}
	return s.query.Watch
}
