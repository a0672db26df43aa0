package request

import (
	"net/url"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/schema"
)

// Words makes an action of what a command line says: options and filters as a
// query has them, one name=value a word, without escapes. verb is Search or Create
// for the records of a class, Get, Patch or Delete for the one with the id. Content is the caller's to set.
func Words(verb Verb, c *schema.Class, id string, words []string) (actions.Action, error) {
	op := map[Verb]*operation{Search: &opSearch, Create: &opCreate, Get: &opGet, Patch: &opPatch, Delete: &opDelete}[verb]
	pairs := make([]string, len(words))
	for i, word := range words {
		name, value, valued := strings.Cut(word, "=")
		pairs[i] = url.QueryEscape(name)
		if valued {
			pairs[i] += "=" + url.QueryEscape(value)
		}
	}
	t := target{kind: collection, class: c, id: id}
	if id != "" {
		t.kind = item
	}
	var q query
	q.read(op, &t, strings.Join(pairs, "&"))
	a := q.action(op, &t)
	return a, q.err()
}
