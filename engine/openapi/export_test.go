package openapi

import "slices"

// Documented reports whether documents speak of a reserved word of the query, or leave it out on purpose.
func Documented(word string) bool {
	_, ok := options[word]
	return ok || slices.Contains(silent, word)
}
