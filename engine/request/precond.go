package request

import (
	"net/http"
	"strings"

	"github.com/dowel-dev/dowel/actions"
)

// readHeaders reads the fields that change what an action does: preconditions,
// Prefer, and the syntax of Idempotency-Key.
func readHeaders(r *http.Request, o *actions.Options) error {
	h := r.Header
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	if lines := h["If-Match"]; lines != nil {
		tags, weak, ok := entityTags(lines, true)
		if !ok {
			return badHeader("If-Match", "`If-Match` is `*` or a list of entity tags in double quotes.")
		}
		o.If.HasMatch, o.If.Match, o.If.MatchWeak = true, tags, weak
	} else if at, ok := date(h["If-Unmodified-Since"]); ok {
		o.If.HasUnmod, o.If.UnmodSince = true, at
	}
	if lines := h["If-None-Match"]; lines != nil {
		tags, _, ok := entityTags(lines, false)
		switch {
		case ok:
			o.If.HasNoneMatch, o.If.NoneMatch = true, tags
		case !read:
			// Ignored, it would turn a guarded write into an unguarded one; a read it costs only bytes.
			return badHeader("If-None-Match", "`If-None-Match` is `*` or a list of entity tags in double quotes.")
		}
	} else if read {
		if at, ok := date(h["If-Modified-Since"]); ok {
			o.If.HasMod, o.If.ModSince = true, at
		}
	}
	if lines := h["Prefer"]; lines != nil && minimal(lines) {
		o.Output.Minimal = true
	}
	if !read {
		if _, err := IdempotencyKey(h); err != nil {
			return err
		}
	}
	return nil
}

// tenantOf reads the header field that names an organization, "" without one.
func tenantOf(r *http.Request) (string, error) {
	lines := r.Header[TenantHeader]
	if len(lines) == 0 {
		return "", nil
	}
	name := strings.TrimSpace(lines[0])
	if len(lines) > 1 || name == "" {
		return "", badHeader(TenantHeader, "`"+TenantHeader+"` is the id of one organization.")
	}
	return name, nil
}

// TenantHeader names the organization of a request where the schema says `from: header`.
const TenantHeader = actions.TenantHeader

// entityTags reads the list of RFC 9110 §13.1.1: `*` alone, or tags, of which it returns
// the text between the quotes. Weak ones are reported, and left out where only strong
// ones can match. The tags of our own compressed representations lose their
// suffix: they name the same version.
func entityTags(lines []string, strong bool) (tags []string, weak, ok bool) {
	if len(lines) == 1 && strings.Trim(lines[0], " \t") == "*" {
		return []string{"*"}, false, true
	}
	found := false
	for _, line := range lines {
		for {
			line = strings.TrimLeft(line, " \t,")
			if line == "" {
				break
			}
			bare, isWeak := strings.CutPrefix(line, "W/")
			tag, rest, ok := opaqueTag(bare)
			if !ok {
				return nil, false, false
			}
			weak, found = weak || isWeak, true
			if !isWeak || !strong {
				tags = append(tags, tag)
			}
			line = strings.TrimLeft(rest, " \t")
			if line != "" && line[0] != ',' {
				return nil, false, false
			}
		}
	}
	return tags, weak, found
}

// opaqueTag reads one tag in quotes.
func opaqueTag(s string) (tag, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", "", false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			tag = s[1:i]
			if tag == "*" {
				tag = `"*"` // a tag like any other, not the star that stands for all
			}
			for _, coding := range []string{"-gz", "-gzip", "-zstd", "-br"} {
				tag = strings.TrimSuffix(tag, coding)
			}
			return tag, s[i+1:], true
		case c < '!' || c == 0x7f:
			return "", "", false
		}
	}
	return "", "", false
}

// date reads one HTTP date; one that cannot be read, or several, count as none.
func date(lines []string) (int64, bool) {
	if len(lines) != 1 {
		return 0, false
	}
	t, err := http.ParseTime(lines[0])
	if err != nil {
		return 0, false
	}
	return t.Unix(), true
}

// minimal reports whether the preferences (RFC 7240) ask for return=minimal.
// The first `return` counts; unknown preferences are no errors.
func minimal(lines []string) bool {
	for _, line := range lines {
		for line != "" {
			var one string
			one, line, _ = strings.Cut(line, ",")
			one, _, _ = strings.Cut(one, ";")
			name, value, _ := strings.Cut(one, "=")
			if strings.EqualFold(strings.TrimSpace(name), "return") {
				return strings.EqualFold(strings.Trim(value, " \t\""), "minimal")
			}
		}
	}
	return false
}

// RespondAsync reports whether a client prefers not to wait (RFC 7240 §4.1).
func RespondAsync(h http.Header) bool {
	for _, line := range h["Prefer"] {
		for one := range strings.SplitSeq(line, ",") {
			one, _, _ = strings.Cut(one, ";")
			if strings.EqualFold(strings.TrimSpace(one), "respond-async") {
				return true
			}
		}
	}
	return false
}

// IdempotencyKey returns the Idempotency-Key of a request, "" without one. It is a structured
// string, but the quotes may be missing because many clients leave them out.
func IdempotencyKey(h http.Header) (string, error) {
	lines := h["Idempotency-Key"]
	if lines == nil {
		return "", nil
	}
	const most = 255
	key := strings.Trim(lines[0], " \t")
	ok := len(lines) == 1
	if len(key) >= 2 && key[0] == '"' {
		ok = ok && key[len(key)-1] == '"'
		key = key[1 : len(key)-1]
	}
	ok = ok && key != "" && len(key) <= most
	for i := 0; i < len(key) && ok; i++ {
		c := key[i]
		ok = c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != ','
	}
	if !ok {
		return "", badHeader("Idempotency-Key", "`Idempotency-Key` is one text of 1 to 255 printable ASCII characters in double quotes.")
	}
	return key, nil
}
