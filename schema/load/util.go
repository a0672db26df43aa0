package load

import (
	"slices"
	"strconv"

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

func didYouMean(word string, candidates []string) string { return diag.DidYouMean(word, candidates) }
