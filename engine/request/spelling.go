package request

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/dowel-dev/dowel/actions"
)

// Spelled names options in problems as the request did. What an action says of
// itself is about `orderBy`; the client may have written `sort`, or `;orderBy=`.
func Spelled(r *http.Request, problems []actions.Problem) []actions.Problem {
	var out []actions.Problem
	for i, p := range problems {
		word, rest, nested := strings.Cut(p.Parameter, ".")
		o := reserved(word)
		if o == noOption {
			continue
		}
		at, ok := written(r, o)
		if !ok || !at.modifier && at.name == word {
			continue
		}
		if nested {
			at.name += "." + rest
		}
		if out == nil {
			out = append(out, problems...)
		}
		out[i].Parameter, out[i].Modifier = at.name, ""
		if at.modifier {
			out[i].Parameter, out[i].Modifier = "", at.name
		}
	}
	if out == nil {
		return problems
	}
	return out
}

// written finds where a request gives an option, and under which of its names.
func written(r *http.Request, o option) (place, bool) {
	path := r.URL.EscapedPath()
	if _, mods, ok := strings.Cut(path, ";"); ok {
		for mods = ";" + mods; mods != ""; {
			var m string
			m, mods, _ = cutModifier(mods)
			name, _, _ := strings.Cut(m, "=")
			name, _, _ = strings.Cut(name, "/")
			if name, err := url.PathUnescape(name); err == nil && names(name, o) {
				return place{base(name), true}, true
			}
		}
	}
	for raw := r.URL.RawQuery; raw != ""; {
		var text string
		text, raw, _ = strings.Cut(raw, "&")
		name, _, _ := strings.Cut(text, "=")
		if name, ok := decodePair(name); ok && names(name, o) {
			return place{base(name), false}, true
		}
	}
	return place{}, false
}

// names reports whether a word is a name of an option; an order is `orderBy` and `sort`.
func names(word string, o option) bool {
	got := reserved(word)
	return got == o || o == optOrderBy && got == optSort
}

func base(word string) string {
	word, _, _ = strings.Cut(word, ".")
	return word
}
