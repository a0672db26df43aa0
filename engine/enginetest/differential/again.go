package differential

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Reads that are asked anew find out whether anything is answered from what was kept
// and should not be: the reference keeps nothing. And they hold what a tag promises: as long as it is
// the same, the content is.

// reader remembers the last reads of a sequence.
type reader struct {
	most int
	last []step
}

// take takes a step in, and returns the reads that are to be asked anew behind it.
func (r *reader) take(s step) []step {
	if r.most == 0 {
		return nil
	}
	if s.method != "GET" {
		return r.last
	}
	alike := func(o step) bool {
		return o.who == s.who && o.target == s.target && slices.Equal(o.fields, s.fields)
	}
	if r.last = append(slices.DeleteFunc(r.last, alike), s); len(r.last) > r.most {
		r.last = slices.Clone(r.last[1:])
	}
	return []step{s} // at once, too: the rows are the same
}

// moment is the only part of an answer that may change under a tag: when it was given.
var moment = regexp.MustCompile(`"timestamp":"[^"]*"`)

// hold checks that a tag stands for what it stood for before.
func (w *world) hold(s *step, r *recorder) {
	tag := r.header.Get("Etag")
	if s.method != "GET" || r.status != 200 || tag == "" {
		return
	}
	read := fmt.Sprint(s.who, " ", s.target, " ", strings.Join(s.fields, "; "), " ", tag)
	body := moment.ReplaceAllString(r.body.String(), "")
	if before, seen := w.shown[read]; seen && before != body {
		w.broken = fmt.Sprintf("%s: one tag for two contents: %s\n  %s\n  %s", w.name, read, before, body)
	}
	w.shown[read] = body
}
