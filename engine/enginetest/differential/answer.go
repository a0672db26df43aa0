package differential

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// answer is what a world said to a step.
type answer struct {
	status int
	header http.Header
	body   string
	log    string // errors of the engine, for whoever has to find out
}

// told is an answer as it must be on every store. The step's place and subject
// say which tags are of the same thing.
func (w *world) told(s *step, a *answer) string {
	var b strings.Builder
	sized := a.status >= 400 && strings.Contains(s.content, "$tag") // a column tells how long the tag is
	fmt.Fprintln(&b, a.status)
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		value := strings.Join(a.header[name], ", ")
		if name == "Content-Length" && (sized || strings.HasPrefix(s.target, compoundTarget)) {
			continue
		}
		switch {
		case name == "Etag" && (s.dry() || strings.HasPrefix(s.target, compoundTarget)):
			_, value, _ = strings.Cut(value, ".") // the version was never there
		case name == "Etag":
			value = w.named(placeOf(s, a), value)
		}
		fmt.Fprintf(&b, "%s: %s\n", name, value)
	}
	body := a.body
	if sized {
		body = column.ReplaceAllString(body, "column …")
	}
	switch {
	case strings.HasPrefix(s.target, compoundTarget):
		b.WriteString(toldTogether(body))
	case a.status >= 400:
		b.WriteString(instance.ReplaceAllString(body, `"instance":"…"`))
	default:
		b.WriteString(body)
	}
	return b.String()
}

var column = regexp.MustCompile(`column"?[: ][0-9]+`)

// instance is the name of one occurrence of a problem, which no other has.
var instance = regexp.MustCompile(`"instance":"urn:uuid:[0-9a-f-]{36}"`)

// named writes an entity tag with names for its versions: what view it is of is
// the same on every store, the numbers are the store's own.
func (w *world) named(place, tag string) string {
	version, view, ok := strings.Cut(strings.Trim(tag, `"`), ".")
	if !ok {
		return tag
	}
	own, _, _ := strings.Cut(version, "-")
	return fmt.Sprintf(`"%d of %s, %d of this view.%s"`, w.ordinal(place, own), place, w.ordinal(place+" "+view, version), view)
}

// placeOf is what the answer to a step shows: the path of a row, or of a list.
func placeOf(s *step, a *answer) string {
	if made := a.header.Get("Location"); made != "" {
		return made
	}
	path, _, _ := strings.Cut(s.target, "?")
	path, _, _ = strings.Cut(path, ";")
	segments := strings.Split(path, "/")
	last := segments[len(segments)-1]
	switch {
	case s.method == "GET" || s.method == "HEAD":
	case len(segments) == 5 && (last == "restore" || strings.HasPrefix(last, "act")):
		return strings.Join(segments[:4], "/")
	case len(segments) == 3 || len(segments) == 5 && s.method == "POST":
		return "a row of " + path // one that was there
	}
	return path
}

// ordinal is n for the n-th different version of something.
func (w *world) ordinal(of, version string) int {
	seen := w.versions[of]
	if seen == nil {
		seen = map[string]int{}
		w.versions[of] = seen
	}
	n, ok := seen[version]
	if !ok {
		n = len(seen) + 1
		seen[version] = n
	}
	return n
}

// alike reports whether two different answers are the same refusal for another one of several
// reasons of a kind, of which any may be named (storage.Change).
func alike(l *loaded, s *step, a, b *answer) bool {
	if a.status == b.status && strings.HasPrefix(s.target, compoundTarget) {
		return takenAside(toldTogether(a.body)) == takenAside(toldTogether(b.body))
	}
	if a.status != b.status || a.status < 400 {
		return false
	}
	c := classOf(l.schema, s)
	if c == nil {
		return false
	}
	both := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(a.body, w) && strings.Contains(b.body, w) })
	}
	switch {
	case both(`"already-exists"`, `"ALREADY_EXISTS"`):
		for _, other := range l.schema.Classes { // rows of others may be made along with it
			if both("Another " + other.Name + " has ") {
				c = other
			}
		}
		return len(c.Uniques) > 1 || len(c.Uniques) == 1 && c.Key[0].Auto == schema.NoAuto
	case both(`"reference-missing"`, `"REFERENCE_MISSING"`):
		n := 0
		for _, f := range c.Fields {
			if f.Target() != nil {
				n++
			}
		}
		return n > 1
	case both(`"still-referenced"`, `"STILL_REFERENCED"`):
		return len(c.Relations) > 1
	}
	return len(c.Checks) > 1 && both("The check ")
}

// takenAside leaves out which of several unique values was taken, for each step of a compound.
func takenAside(body string) string {
	for _, what := range takenWhat {
		body = what.ReplaceAllString(body, "taken")
	}
	return body
}

var takenWhat = []*regexp.Regexp{
	regexp.MustCompile(`this [^"]* already\.`),
	regexp.MustCompile(`"details":\{[^{}]* is taken\.[^{}]*\}`),
	regexp.MustCompile(`"errors":\[[^\[\]]*"code":"taken"[^\[\]]*\]`),
}

// classOf is the class of the rows that a step is about.
func classOf(s *schema.Schema, st *step) *schema.Class {
	segments := strings.FieldsFunc(st.target, func(r rune) bool { return strings.ContainsRune("/?;", r) })
	if len(segments) < 2 {
		return nil
	}
	c := s.Collection(segments[1])
	if c != nil && len(segments) > 3 && st.method == "POST" {
		if r := c.Relation(segments[3]); r != nil {
			return r.To
		}
	}
	return c
}
