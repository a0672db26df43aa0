package enginetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"sort"
	"strings"
)

// names are what <name> stood for so far.
type names map[string]string

var (
	placeholder = regexp.MustCompile(`<([a-z_0-9]*)>`)
	variable    = regexp.MustCompile(`\$[a-z_][a-z_0-9]*`)
)

// expand puts what was learned into a request.
func (n names) expand(s string) string {
	return variable.ReplaceAllStringFunc(s, func(v string) string {
		if known, ok := n[v[1:]]; ok {
			return known
		}
		return v
	})
}

// text compares text with a pattern in which <name> stands for anything.
func (n names) text(pattern, got string) error {
	var re strings.Builder
	re.WriteString("(?s)^")
	var groups []string
	at := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(pattern, -1) {
		re.WriteString(regexp.QuoteMeta(pattern[at:m[0]]))
		name := pattern[m[2]:m[3]]
		if known, ok := n[name]; ok && name != "" {
			re.WriteString(regexp.QuoteMeta(known))
		} else {
			re.WriteString("(.*?)")
			groups = append(groups, name)
		}
		at = m[1]
	}
	re.WriteString(regexp.QuoteMeta(pattern[at:]) + "$")
	found := regexp.MustCompile(re.String()).FindStringSubmatch(got)
	if found == nil {
		return fmt.Errorf("want %s, got %s", pattern, got)
	}
	for i, name := range groups {
		n.learn(name, found[i+1])
	}
	return nil
}

func (n names) learn(name, value string) {
	if name != "" {
		n[name] = value
	}
}

// Marks that prepare puts in the place of what JSON does not have.
const (
	anyMark  = "\u2039any\u203a" // followed by the name
	restMark = "\u2039rest\u203a"
)

// prepare turns an expectation into JSON: <name> and ... outside of strings become marks.
func prepare(s string) string {
	var b strings.Builder
	var open []byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			end := i + 1
			for end < len(s) && s[end] != '"' {
				if s[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end+1, len(s))
			b.WriteString(s[i:end])
			i = end - 1
		case strings.HasPrefix(s[i:], "..."):
			b.WriteString(`"` + restMark + `"`)
			if len(open) > 0 && open[len(open)-1] == '{' {
				b.WriteString(":0")
			}
			i += 2
		case c == '<':
			m := placeholder.FindStringSubmatchIndex(s[i:])
			if m == nil || m[0] != 0 {
				b.WriteByte(c)
				continue
			}
			b.WriteString(`"` + anyMark + s[i+m[2]:i+m[3]] + `"`)
			i += m[1] - 1
		default:
			if c == '{' || c == '[' {
				open = append(open, c)
			} else if (c == '}' || c == ']') && len(open) > 0 {
				open = open[:len(open)-1]
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}

// content compares content with what is expected of it, as JSON where both are.
func (n names) content(want, got string) error {
	w, err := decode(prepare(want))
	if err != nil {
		return n.text(strings.TrimSpace(want), strings.TrimSpace(strings.ReplaceAll(got, "\r\n", "\n")))
	}
	g, err := decode(got)
	if err != nil {
		return fmt.Errorf("not JSON: %s", got)
	}
	if err := n.value("", w, g); err != nil {
		return fmt.Errorf("%w\nin %s", err, got)
	}
	return nil
}

func decode(s string) (any, error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("more than one value")
	}
	return v, nil
}

func (n names) value(at string, want, got any) error {
	switch w := want.(type) {
	case string:
		if name, ok := strings.CutPrefix(w, anyMark); ok {
			return n.any(at, name, got)
		}
		if g, ok := got.(string); ok {
			if err := n.text(w, g); err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
			return nil
		}
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			return n.object(at, w, g)
		}
	case []any:
		if g, ok := got.([]any); ok {
			return n.array(at, w, g)
		}
	default:
		if want == got {
			return nil
		}
	}
	return fmt.Errorf("%s: want %s, got %s", at, show(want), show(got))
}

func (n names) any(at, name string, got any) error {
	text := show(got)
	if s, ok := got.(string); ok {
		text = s
	}
	if known, ok := n[name]; ok && name != "" && known != text {
		return fmt.Errorf("%s: want %s as before, got %s", at, known, text)
	}
	n.learn(name, text)
	return nil
}

func (n names) object(at string, want, got map[string]any) error {
	_, open := want[restMark]
	for _, name := range sorted(want) {
		if name == restMark {
			continue
		}
		g, ok := got[name]
		if !ok {
			return fmt.Errorf("%s/%s: missing", at, name)
		}
		if err := n.value(at+"/"+name, want[name], g); err != nil {
			return err
		}
	}
	for _, name := range sorted(got) {
		if _, ok := want[name]; !ok && !open {
			return fmt.Errorf("%s/%s: not expected", at, name)
		}
	}
	return nil
}

func (n names) array(at string, want, got []any) error {
	open := len(want) > 0 && want[len(want)-1] == restMark
	if open {
		want = want[:len(want)-1]
	}
	if len(got) < len(want) || len(got) > len(want) && !open {
		return fmt.Errorf("%s: want %d elements, got %d", at, len(want), len(got))
	}
	for i := range want {
		if err := n.value(fmt.Sprintf("%s/%d", at, i), want[i], got[i]); err != nil {
			return err
		}
	}
	return nil
}

func sorted(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func show(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}
