package schema

import (
	"strings"
	"unicode"
)

var emailDef = TypeDef{
	Name:    "email",
	Doc:     "An e-mail address, stored as it is sent; unique ones are compared without regard to case.",
	Options: textOptions,
	Example: "email unique",
	New: func(o Options) (Type, error) {
		return newText("email", o, textType{
			form: emailForm, format: "email", example: `"ada@example.com"`, max: 254,
			traits: Traits{Filter: true, Order: true, Like: true, Key: true, Unique: true, Fold: true},
		})
	},
}

// emailForm checks what a mail server would need to make sense of an address:
// one @, a dotted local part and a domain of labels. Quoted local parts and
// address literals, which nobody types, are refused; letters of all scripts pass (RFC 6531).
func emailForm(s string) *Problem {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(local) > 64 || !dotted(local, emailLocal) || !dotted(domain, emailLabel) {
		return problem(CodeFormat, "expected an e-mail address like ada@example.com")
	}
	for label := range strings.SplitSeq(domain, ".") {
		if len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return problem(CodeFormat, "expected an e-mail address like ada@example.com")
		}
	}
	return nil
}

// dotted reports whether s is one or more runs of allowed characters joined by single dots.
func dotted(s string, allowed func(rune) bool) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool { return !allowed(r) }) {
			return false
		}
	}
	return true
}

func emailLocal(r rune) bool {
	return emailLabel(r) || r < unicode.MaxASCII && strings.ContainsRune("!#$%&'*+/=?^_`{|}~", r)
}

func emailLabel(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-':
		return true
	}
	return r > unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r))
}
