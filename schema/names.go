package schema

import (
	"strings"
	"unicode"
)

// Names of tables, paths, JSON members and generated code are derived from
// class and field names by the functions of this file, so that one rule can be
// shown to people and used everywhere.

// Plural returns the English plural of a snake_case name: its last word is
// changed, order_item becomes order_items. A word that already is a plural, or
// has none, stays as it is.
func Plural(name string) string {
	cut := strings.LastIndexByte(name, '_') + 1
	return name[:cut] + pluralWord(name[cut:])
}

var irregularPlurals = map[string]string{
	"person": "people", "child": "children", "man": "men", "woman": "women",
	"mouse": "mice", "louse": "lice", "goose": "geese", "foot": "feet", "tooth": "teeth", "ox": "oxen",
	"quiz": "quizzes", "lens": "lenses", "gas": "gases", "bias": "biases", "alias": "aliases",
	"canvas": "canvases", "atlas": "atlases", "bus": "buses",
	"datum": "data", "medium": "media", "criterion": "criteria", "phenomenon": "phenomena",
	"matrix": "matrices", "vertex": "vertices", "axis": "axes",
	"analysis": "analyses", "basis": "bases", "crisis": "crises", "thesis": "theses",
	"hypothesis": "hypotheses", "diagnosis": "diagnoses", "synopsis": "synopses",
	"leaf": "leaves", "life": "lives", "knife": "knives", "wife": "wives", "half": "halves",
	"shelf": "shelves", "wolf": "wolves", "calf": "calves", "loaf": "loaves", "thief": "thieves", "self": "selves",
	"hero": "heroes", "potato": "potatoes", "tomato": "tomatoes", "echo": "echoes", "veto": "vetoes",
	"staff": "staff", "soliloquy": "soliloquies",
}

// uncountable words are their own plural.
var uncountable = map[string]bool{
	"advice": true, "aircraft": true, "data": true, "deer": true, "equipment": true, "evidence": true,
	"feedback": true, "fish": true, "furniture": true, "hardware": true, "information": true,
	"luggage": true, "media": true, "metadata": true, "money": true, "music": true, "news": true,
	"people": true, "children": true, "men": true, "women": true,
	"series": true, "sheep": true, "software": true, "species": true, "weather": true,
}

// compounds end in an irregular word: grandchild, salesperson, craftswoman.
var compounds = []string{"person", "child", "woman", "sman"}

func pluralWord(w string) string {
	if w == "" || uncountable[w] {
		return w
	}
	if p, ok := irregularPlurals[w]; ok {
		return p
	}
	for _, end := range compounds {
		stem, found := strings.CutSuffix(w, end)
		if !found || stem == "" || w == "talisman" {
			continue
		}
		if end == "sman" {
			return stem + "smen"
		}
		return stem + irregularPlurals[end]
	}
	last := w[len(w)-1]
	switch {
	case hasSuffix(w, "ss", "us", "is", "x", "z", "ch", "sh"):
		return w + "es"
	case last == 's':
		return w
	case last == 'y' && len(w) > 1 && !strings.ContainsRune("aeiou", rune(w[len(w)-2])):
		return w[:len(w)-1] + "ies"
	}
	return w + "s"
}

func hasSuffix(w string, ends ...string) bool {
	for _, end := range ends {
		if strings.HasSuffix(w, end) {
			return true
		}
	}
	return false
}

// Camel turns customer_id into customerId.
func Camel(name string) string {
	parts := nameWords(name)
	for i := 1; i < len(parts); i++ {
		parts[i] = capital(parts[i])
	}
	return strings.Join(parts, "")
}

// Pascal turns order_item into OrderItem.
func Pascal(name string) string {
	parts := nameWords(name)
	for i := range parts {
		parts[i] = capital(parts[i])
	}
	return strings.Join(parts, "")
}

// Kebab turns order_item into order-item.
func Kebab(name string) string { return strings.Join(nameWords(name), "-") }

// Snake turns orderItem, OrderItem and order-item into order_item.
func Snake(name string) string { return strings.Join(nameWords(name), "_") }

// nameWords splits a name of any style into its lower-case words. A run of
// capitals is one word: HTTPServer is http, server.
func nameWords(name string) []string {
	var words []string
	runes := []rune(name)
	start := 0
	flush := func(end int) {
		if end > start {
			words = append(words, strings.ToLower(string(runes[start:end])))
		}
	}
	for i, r := range runes {
		if r == '_' || r == '-' || r == ' ' || r == '.' {
			flush(i)
			start = i + 1
			continue
		}
		if i == start || !unicode.IsUpper(r) {
			continue
		}
		afterLower := !unicode.IsUpper(runes[i-1])
		beforeLower := i+1 < len(runes) && unicode.IsLower(runes[i+1])
		if afterLower || beforeLower {
			flush(i)
			start = i
		}
	}
	flush(len(runes))
	return words
}

func capital(w string) string {
	r := []rune(w)
	r[0] = unicode.ToUpper(r[0])
	return string(r)
}
