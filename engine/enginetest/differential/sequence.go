package differential

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// sequence is a number of steps on all worlds, which begin empty.
type sequence struct {
	seed   Seed
	worlds []*world
	loaded *loaded
	tally  *Tally
	again  int // reads that are asked anew after each write

	steps      []step
	answers    []*answer // of the reference
	difference string    // "" while there is none
	statuses   [2]int    // of the answers that differ
}

// draw draws steps and sends them, each before the next is drawn: what is drawn depends on the
// rows that there are in the reference.
func (q *sequence) draw(length int, tally *Tally) {
	q.tally = tally
	q.begin()
	d := q.drawer()
	n := 0
	reads := reader{most: q.again}
	send := func(s step) bool {
		s.n = n
		n++
		if !q.send(s) {
			return false
		}
		for _, again := range reads.take(s) {
			again.n = n
			n++
			if !q.send(again) {
				return false
			}
		}
		return true
	}
	for _, s := range d.first() {
		if !send(s()) {
			return
		}
		d.learn(q)
	}
	for range length {
		if !send(d.request(n)) {
			return
		}
		d.learn(q)
	}
	for _, s := range settling(q.loaded.schema) {
		if !send(s) {
			return
		}
	}
}

func (q *sequence) begin() {
	q.steps, q.answers, q.difference = nil, nil, ""
	for _, w := range q.worlds {
		w.begin()
	}
}

// replay sends given steps until there is a difference.
func (q *sequence) replay(steps []step) {
	q.begin()
	for _, s := range steps {
		if !q.send(s) {
			return
		}
	}
}

// send sends a step to every world and reports whether the answers agree.
func (q *sequence) send(s step) bool {
	first, ok := q.worlds[0].send(&s, q.seed)
	if !ok {
		return true // no request at all
	}
	q.steps, q.answers = append(q.steps, s), append(q.answers, first)
	want := q.worlds[0].told(&s, first)
	q.tally.count(&s, first)
	if broken := q.worlds[0].broken; broken != "" {
		q.difference = broken
		return false
	}
	for _, w := range q.worlds[1:] {
		a, _ := w.send(&s, q.seed)
		got := w.told(&s, a)
		if w.broken != "" {
			q.difference = w.broken
			return false
		}
		if got == want && first.status < 500 {
			continue
		}
		if alike(q.loaded, &s, first, a) {
			q.tally.opened()
			continue
		}
		if first.status == 501 && a.status == 501 {
			continue
		}
		q.statuses = [2]int{first.status, a.status}
		q.difference = fmt.Sprintf("%s:\n%s%s\n%s:\n%s%s", q.worlds[0].name, indented(want), indented(first.log), w.name, indented(got), indented(a.log))
		return false
	}
	return true
}

func indented(s string) string {
	if s == "" {
		return ""
	}
	return "  " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n  ") + "\n"
}

// drawer draws the requests of a sequence.
func (q *sequence) drawer() *drawer {
	s := q.loaded.schema
	d := &drawer{dice: newDice(q.seed.Base<<32|q.seed.App, q.seed.Sequence), s: s, rough: true, vast: true}
	for _, c := range s.Classes {
		for _, f := range c.Fields {
			if f.Computed != nil && (f.Computed.Func == "sum" || f.Computed.Func == "avg") {
				d.rough = d.rough && f.Computed.Of.Type.Kind() != schema.Float
				d.vast = false
			}
		}
	}
	known := map[*schema.Class][]storage.Row{}
	d.rows = func(c *schema.Class) []storage.Row {
		rows, ok := known[c]
		if !ok {
			rows = q.worlds[0].all(c)
			known[c] = rows
		}
		return rows
	}
	d.forget = func() { clear(known) }
	return d
}

// learn takes in the answer to the last step.
func (d *drawer) learn(q *sequence) {
	if len(q.steps) == 0 {
		return
	}
	s, a := &q.steps[len(q.steps)-1], q.answers[len(q.steps)-1]
	if s.method != "GET" && s.method != "HEAD" {
		d.forget()
	}
	if a.header.Get("Etag") != "" && !s.dry() {
		d.tags = append(d.tags, seen{s.n, s.method + " " + s.target, placeOf(s, a)})
	}
	if n := len(cursorsIn(a.header)); n > 0 {
		d.pages = append(d.pages, turned{*s, n})
	}
}

// first are the steps that make people and rows to begin with. Each is drawn when it is its turn.
func (d *drawer) first() []func() step {
	steps := []func() step{func() step {
		return step{method: "make", target: "user", content: `[{"email":"ann@x.io","name":"Ann","role":"admin"},{"email":"bob@x.io","name":"Bob"},{"email":"cid@x.io","name":"a"},{"email":"dee@x.io"},{"email":"eve@x.io","name":"Eve"}]`}
	}}
	classes := slices.DeleteFunc(d.exposed(), func(c *schema.Class) bool { return c.Auth != nil })
	for round := range 3 {
		for _, c := range classes {
			if round > 0 && d.once(3) {
				continue
			}
			steps = append(steps, func() step {
				d.who = admin
				c := d.possible(c)
				content := d.object(c, creating, nil)
				if more := d.IntN(4); more > 0 {
					for range more {
						content += "," + d.object(c, creating, nil)
					}
					content = "[" + content + "]"
				}
				return step{who: admin, method: "POST", target: "/api/" + c.Collection, content: content}
			})
		}
	}
	return steps
}

// settling are the steps that show all there is.
func settling(s *schema.Schema) (steps []step) {
	for _, c := range s.Classes {
		if c.Internal || !c.Expose {
			continue
		}
		target := "/api/" + c.Collection + "?orderBy=" + c.Key[0].JSON
		if c.SoftDelete {
			target += "&deleted=with"
		}
		names := "*"
		for _, f := range c.Fields {
			if f.Computed != nil || f.Hidden {
				names += "," + f.JSON
			}
		}
		steps = append(steps, step{who: admin, method: "GET", target: target + "&fields=" + names + "&count=exact"})
	}
	return steps
}
