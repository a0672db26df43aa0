package authz

import (
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/language"
)

// The verbs of rules, beside the names of declared actions. Bulk stands for
// the three bulk operations, which also need the verb of what they do to rows.
const (
	List    = "list"
	Get     = "get"
	Create  = "create"
	Update  = "update"
	Delete  = "delete"
	Restore = "restore"
	Purge   = "purge"
	History = "history"
	ActAs   = "act_as"
	Explain = "explain"
	Bulk    = "bulk"
)

// Widths of a verb's word: the narrower wins among allows.
const (
	exact   = iota // update
	group          // write
	all            // all
	foreign        // what only a model of one's own lets match
)

// covers reports whether a rule's verb word stands for a verb.
func covers(word, verb string) bool { return width(word, verb) < foreign }

// width is how wide a word is that covers the verb.
func width(word, verb string) int {
	switch {
	case word == verb:
		return exact
	case word == "all":
		return all
	case word == "read" && (verb == List || verb == Get),
		word == "write" && (verb == Create || verb == Update),
		word == "actions" && isAction(verb):
		return group
	}
	return foreign
}

// byName reports whether `all` does not allow a verb: explanations show statements
// and the rules of others, which is nothing that whoever may do everything to a class has to see.
// `all` denies it.
func byName(verb string) bool { return verb == Explain }

// isAction reports whether the verb is an action, declared in YAML or in Go.
func isAction(verb string) bool { return !language.IsVerb(verb) }

// members are the verbs of a class that a word covers.
func members(c *schema.Class, word string) []string {
	var list []string
	for _, v := range verbsOf(c) {
		if covers(word, v) {
			list = append(list, v)
		}
	}
	return list
}

// verbsOf lists what may be decided about a class: every verb that is no group,
// bulk, and its actions.
func verbsOf(c *schema.Class) []string {
	var list []string
	for _, v := range language.Verbs() {
		if v.Group == nil || v.Name == Bulk {
			list = append(list, v.Name)
		}
	}
	for _, a := range c.Actions {
		list = append(list, a.Name)
	}
	return list
}

// hasFields reports whether field lists mean something for a verb.
func hasFields(verb string) bool {
	switch verb {
	case List, Get, History, Create, Update:
		return true
	}
	return false
}

// wordHasFields reports whether field lists mean something for a verb word.
func wordHasFields(word string) bool {
	return hasFields(word) || word == "read" || word == "write" || word == "all"
}

// canonical maps the spellings of bulk operations to their verb.
func canonical(verb string) string {
	if strings.HasPrefix(verb, "bulk-") {
		return Bulk
	}
	return verb
}
