package differential

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// reduced is a sequence that shows a difference, made smaller as long as one remains.
type reduced struct {
	t       testing.TB
	targets []Target
	app     *app
	seed    Seed

	steps      []step
	difference string
	statuses   [2]int
	answers    []*answer
	loaded     *loaded
}

// shrink makes the sequence and its application smaller until nothing can be left
// out, or for so long. Negative does nothing.
func (r *reduced) shrink(patience time.Duration) {
	if patience < 0 {
		return
	}
	until := time.Now().Add(patience)
	for again := true; again && time.Now().Before(until); {
		room := &scope{TB: r.t}
		l, err := r.app.load()
		if err != nil {
			panic(err)
		}
		try := r.trying(room, l)
		try(r.steps)
		again = r.fewer(try, until)
		again = r.plainer(try, until) || again
		room.end()
		again = r.smallerApp(until) || again
	}
}

// trying returns a function that keeps steps if they show a difference.
func (r *reduced) trying(room *scope, l *loaded) func(steps []step) bool {
	q := &sequence{seed: r.seed, worlds: open(room, r.targets, l), loaded: l}
	return func(steps []step) bool {
		q.replay(steps)
		if q.difference == "" || q.statuses != r.statuses {
			return false // none, or quite another one
		}
		r.steps, r.answers, r.difference, r.loaded = slices.Clone(q.steps), slices.Clone(q.answers), q.difference, l
		return true
	}
}

// fewer leaves out runs of steps, ever shorter ones.
func (r *reduced) fewer(try func([]step) bool, until time.Time) (less bool) {
	for n := max(len(r.steps)/2, 1); n > 0; n /= 2 {
		for at := 0; at < len(r.steps) && time.Now().Before(until); {
			rest := slices.Concat(r.steps[:at], r.steps[min(at+n, len(r.steps)):])
			if len(rest) > 0 && try(rest) {
				less = true
			} else {
				at += n
			}
		}
	}
	return less
}

// plainer leaves out parameters, header fields, and members of content.
func (r *reduced) plainer(try func([]step) bool, until time.Time) (less bool) {
	for i := 0; i < len(r.steps); i++ {
		for _, simpler := range simplified(r.steps[i]) {
			if time.Now().After(until) || i >= len(r.steps) {
				return less
			}
			steps := slices.Clone(r.steps)
			steps[i] = simpler
			if try(steps) {
				less = true
				i--
				break
			}
		}
	}
	return less
}

// simplified are the steps that have one part less.
func simplified(s step) (all []step) {
	for i := range s.fields {
		c := s
		c.fields = slices.Delete(slices.Clone(s.fields), i, i+1)
		all = append(all, c)
	}
	if path, query, found := strings.Cut(s.target, "?"); found {
		pairs := strings.Split(query, "&")
		for i := range pairs {
			c := s
			c.target = path
			if rest := slices.Delete(slices.Clone(pairs), i, i+1); len(rest) > 0 {
				c.target += "?" + strings.Join(rest, "&")
			}
			all = append(all, c)
		}
	}
	for _, content := range lesser(s.content) {
		c := s
		c.content = content
		all = append(all, c)
	}
	if s.who != admin && s.method != "make" {
		c := s
		c.who = admin
		all = append(all, c)
	}
	return all
}

// lesser are the texts of a JSON object or array without one of its elements.
func lesser(content string) (all []string) {
	if len(content) < 2 || content[0] != '{' && content[0] != '[' {
		return nil
	}
	parts := elements(content[1 : len(content)-1])
	for i := range parts {
		rest := slices.Delete(slices.Clone(parts), i, i+1)
		all = append(all, content[:1]+strings.Join(rest, ",")+content[len(content)-1:])
		if content[0] == '[' {
			for _, inner := range lesser(parts[i]) {
				changed := slices.Clone(parts)
				changed[i] = inner
				all = append(all, "["+strings.Join(changed, ",")+"]")
			}
		}
	}
	return all
}

// elements splits at the commas of the top level.
func elements(s string) (parts []string) {
	depth, start, text := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	if start < len(s) {
		parts = append(parts, s[start:])
	}
	return parts
}

// smallerApp leaves out classes, and lines of them.
func (r *reduced) smallerApp(until time.Time) (less bool) {
	attempt := func(a *app) bool {
		if time.Now().After(until) {
			return false
		}
		l, err := a.load()
		if err != nil {
			return false
		}
		room := &scope{TB: r.t}
		defer room.end()
		if !r.trying(room, l)(r.steps) {
			return false
		}
		r.app, less = a, true
		return true
	}
	for i := len(r.app.classes) - 1; i >= 0; i-- {
		a := r.app.copy()
		a.classes = slices.Delete(a.classes, i, i+1)
		attempt(a)
	}
	for i := range r.app.classes {
		for k := len(r.app.classes[i].words) - 1; k >= 0; k-- {
			a := r.app.copy()
			a.classes[i].words = slices.Delete(a.classes[i].words, k, k+1)
			attempt(a)
		}
		for s := numSections; s > 0; s-- {
			for k := len(r.app.classes[i].sections[s-1]) - 1; k >= 0; k-- {
				a := r.app.copy()
				a.classes[i].sections[s-1] = slices.Delete(a.classes[i].sections[s-1], k, k+1)
				attempt(a)
			}
		}
	}
	return less
}

func (a *app) copy() *app {
	c := &app{settings: a.settings}
	for _, k := range a.classes {
		n := &class{name: k.name, words: slices.Clone(k.words)}
		for s := range k.sections {
			n.sections[s] = slices.Clone(k.sections[s])
		}
		c.classes = append(c.classes, n)
	}
	return c
}

func (r *reduced) story() string {
	if r.loaded == nil {
		return fmt.Sprintf("the sequence %s shows its difference once only: it is not deterministic", r.seed)
	}
	return story(r.loaded, r.steps, r.answers, r.seed, r.difference)
}
