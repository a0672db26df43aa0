package load

import (
	"slices"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/language"
)

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

func keysOf[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	return names
}

func itoa(n int) string { return strconv.Itoa(n) }

func isBuiltinRole(name string) bool { return language.IsBuiltinRole(name) }

// suggest is the help for a word that is unknown at a place: what a word of
// another language is called here, else the word that was probably meant.
func suggest(place, word string, known []string) string {
	if help, ok := language.Foreign(place, word); ok && possible(place, help, known) {
		return help
	}
	if help := diag.DidYouMean(word, known); help != "" {
		return help
	}
	if near := diag.Suggest(word, language.ForeignWords(place)); near != "" {
		if help, _ := language.Foreign(place, near); possible(place, help, known) {
			return help
		}
	}
	return ""
}

// possible reports whether the key that a help names may stand at the place.
func possible(place, help string, known []string) bool {
	if place != "key" {
		return true
	}
	_, after, found := strings.Cut(help, "`")
	key, _, _ := strings.Cut(after, "`")
	return !found || contains(known, key)
}

// a puts the article in front of the name of a type.
func a(name string) string {
	if strings.ContainsRune("aeio", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}

// listHelp shows as a list what was written as a text with commas.
func listHelp(text string) string {
	return "write a list: [" + strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }), ", ") + "]"
}

func didYouMean(word string, candidates []string) string { return diag.DidYouMean(word, candidates) }
