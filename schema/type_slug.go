package schema

import "strings"

var slugDef = TypeDef{
	Name:    "slug",
	Doc:     "A short name for addresses: lower-case letters and digits, with single - or _ between them.",
	Options: textOptions,
	Example: "slug unique from=title",
	New: func(o Options) (Type, error) {
		return newText("slug", o, textType{form: slugForm, example: `"first-steps"`})
	},
}

func slugForm(s string) *Problem {
	between := false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			between = true
		case (c == '-' || c == '_') && between && i < len(s)-1:
			between = false
		default:
			p := problem(CodeFormat, "expected lower-case letters, digits and single dashes, like first-steps")
			if made := Slugify(s); made != "" && made != s {
				p.hint("did you mean `" + made + "`?")
			}
			return p
		}
	}
	if s == "" {
		return problem(CodeFormat, "expected lower-case letters, digits and single dashes, like first-steps")
	}
	return nil
}

// Slugify makes a slug of a title: letters lose case and accents, everything
// else becomes dashes. It returns "" when nothing is left.
func Slugify(title string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case latin[r] != "":
			b.WriteString(latin[r])
		case r == '\'' || r == '’':
		default:
			if n := b.Len(); n > 0 && b.String()[n-1] != '-' {
				b.WriteByte('-')
			}
		}
	}
	return strings.TrimRight(b.String(), "-")
}

// latin spells the letters of European languages with those of English.
var latin = func() map[rune]string {
	m := map[rune]string{'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'å': "a", 'þ': "th", 'ð': "d", 'đ': "d", 'ł': "l", 'ı': "i", 'ŋ': "n"}
	for plain, accented := range map[string]string{
		"a": "àáâãäāăą", "c": "çćĉċč", "d": "ď", "e": "èéêëēĕėęě", "g": "ĝğġģ", "h": "ĥħ", "i": "ìíîïĩīĭį",
		"j": "ĵ", "k": "ķ", "l": "ĺļľ", "n": "ñńņň", "o": "òóôõöōŏő", "r": "ŕŗř", "s": "śŝşšș", "t": "ţťŧț",
		"u": "ùúûüũūŭůűų", "w": "ŵ", "y": "ýÿŷ", "z": "źżž",
	} {
		for _, r := range accented {
			m[r] = plain
		}
	}
	return m
}()
