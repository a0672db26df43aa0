package schema

import (
	"net/url"
	"strings"
	"unicode"
)

var urlDef = TypeDef{
	Name:    "url",
	Doc:     "An absolute web address with http or https, stored as it is sent.",
	Options: textOptions,
	Example: "url optional",
	New: func(o Options) (Type, error) {
		return newText("url", o, textType{form: urlForm, format: "uri", example: `"https://example.com/a"`, max: 2048})
	},
}

// urlForm takes http and https only: a page that shows the value as a link
// must not be made to run javascript: or to open something local.
func urlForm(s string) *Problem {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" ||
		strings.ContainsFunc(s, func(r rune) bool {
			return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("<>\"\\^`{|}", r)
		}) {
		return problem(CodeFormat, "expected a web address like https://example.com/a")
	}
	return nil
}
