package request

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dowel-dev/dowel/actions"
)

func itoa(n int) string { return strconv.Itoa(n) }

func badPath(detail string) *actions.Error { return actions.Errorf(actions.BadPath, detail) }

func notFound(detail, hint string) *actions.Error {
	e := actions.Errorf(actions.NotFound, detail)
	e.Hint = hint
	return e
}

func notAllowed(method string, allow []string) *actions.Error {
	e := actions.Errorf(actions.MethodNotAllowed, "`"+excerpt(method)+"` is not offered here: use "+strings.Join(allow, ", ")+".")
	e.Allow = allow
	return e
}

func badHeader(name, detail string) *actions.Error {
	e := actions.Errorf(actions.BadHeader, detail)
	e.Errors = []actions.Problem{{Code: "syntax", Detail: detail, Header: name}}
	return e
}

// didYouMean phrases a hint, or returns "" without a word to propose.
func didYouMean(word string) string {
	if word == "" {
		return ""
	}
	return "did you mean `" + word + "`?"
}

// excerpt shortens what a client sent and hides what would not print.
func excerpt(s string) string {
	const most = 40
	plain := len(s) <= most
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] < utf8.RuneSelf && s[i] != '`'
	}
	if plain {
		return s
	}
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > most {
			b.WriteString("…")
			break
		}
		if r == '`' || r == utf8.RuneError || !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}
