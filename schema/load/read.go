package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/language"
)

// The readers of this file turn one YAML value into one Go value and report
// what does not fit. `what` names the value in messages: "`page` of `app`".

// maxFindings keeps a hostile file from filling the memory with its mistakes.
const maxFindings = 10_000

func (l *loader) report(code string, pos schema.Pos, label, help, format string, args ...any) {
	if len(l.list) < maxFindings {
		l.list.Add(diag.Diagnostic{Code: code, Pos: pos, Label: label, Help: help, Message: fmt.Sprintf(format, args...)})
	}
}

func (l *loader) reportTwo(code string, pos schema.Pos, label string, other schema.Pos, otherLabel, help, format string, args ...any) {
	if len(l.list) < maxFindings {
		l.list.Add(diag.Diagnostic{
			Code: code, Pos: pos, Label: label, Help: help, Message: fmt.Sprintf(format, args...),
			Related: []diag.Related{{Pos: other, Message: otherLabel}},
		})
	}
}

// reportPair reports two places of which neither is more wrong than the other:
// the first in the file is the main one.
func (l *loader) reportPair(code string, pos schema.Pos, label string, other schema.Pos, otherLabel, help, format string, args ...any) {
	if pos.File == other.File && (other.Line < pos.Line || other.Line == pos.Line && other.Col < pos.Col) {
		pos, label, other, otherLabel = other, otherLabel, pos, label
	}
	l.reportTwo(code, pos, label, other, otherLabel, help, format, args...)
}

// entry is one key of a map and its value.
type entry struct {
	name string
	key  value
	val  value
	// guessed is set for the key that a misspelt one was probably meant to be.
	guessed bool
}

// entries reads a map with names of the user's own; null is an empty one.
// A key that is there twice is reported, and the first holds.
func (l *loader) entries(v value, what string) []entry {
	if !v.given() || v.isNull() {
		return nil
	}
	if !v.isMap() {
		help := ""
		if v.isScalar() {
			help = "write `key: value` lines below it"
		}
		l.report("E013", v.pos(), "expected a map", help, "%s must be a map, not %s", what, kindOf(v))
		return nil
	}
	var all []entry
	first := make(map[string]schema.Pos, len(v.n.Content)/2)
	var merged []value
	for i := 0; i+1 < len(v.n.Content); i += 2 {
		key := v.in(v.n.Content[i])
		val, pieces := l.whole(v, i)
		i += 2 * pieces
		if !key.isScalar() {
			l.report("E013", key.pos(), "expected a name", "", "a key of %s must be a name, not %s", what, kindOf(key))
			continue
		}
		if key.n.Tag == "!!merge" {
			merged = append(merged, val)
			continue
		}
		name := key.n.Value
		if earlier, twice := first[name]; twice {
			l.reportPair("E012", key.pos(), "second declaration", earlier, "first declaration",
				"delete or rename one of them", "`%s` is declared twice in %s", name, what)
			continue
		}
		first[name] = key.pos()
		all = append(all, entry{name: name, key: key, val: val})
	}
	for _, m := range merged {
		all = l.merge(all, first, m, what)
	}
	return all
}

// merge takes in what `<<` names, for keys that are not given.
func (l *loader) merge(all []entry, given map[string]schema.Pos, m value, what string) []entry {
	from := []value{m}
	if m.isList() {
		from = from[:0]
		for _, n := range m.n.Content {
			from = append(from, m.in(n))
		}
	}
	for _, v := range from {
		for _, e := range l.entries(v, what) {
			if _, ok := given[e.name]; !ok {
				given[e.name] = e.key.pos()
				all = append(all, e)
			}
		}
	}
	return all
}

// object is a map whose keys the language gives.
type object struct {
	value
	what  string
	keys  map[string]entry
	extra map[string]string
}

func (o *object) get(key string) value { return o.keys[key].val }

// of names a key of the object in messages.
func (o *object) of(key string) string { return "`" + key + "` of " + o.what }

// object reads a map whose keys the language gives. Unknown ones are reported,
// and then read as the key that was probably meant, so that what stands below
// them is known elsewhere and its own mistakes are found.
func (l *loader) object(v value, section, what string) *object {
	s := language.Lookup(section)
	o := &object{value: v, what: what, keys: map[string]entry{}}
	var unknown []entry
	for _, e := range l.entries(v, what) {
		if s.Key(e.name) != nil {
			o.keys[e.name] = e
			continue
		}
		if strings.HasPrefix(e.name, "x-") {
			if o.extra == nil {
				o.extra = map[string]string{}
			}
			o.extra[e.name] = nodeJSON(e.val)
			continue
		}
		l.unknownKey(s, e, what)
		unknown = append(unknown, e)
	}
	for _, e := range unknown {
		meant := diag.Suggest(e.name, s.Names())
		if _, given := o.keys[meant]; meant != "" && !given {
			o.keys[meant] = e
		}
	}
	return o
}

func (l *loader) unknownKey(s *language.Section, e entry, what string) {
	place := "key"
	if s.Name == "field" || s.Name == "type" {
		place = "word"
	}
	help := suggest(place, e.name, s.Names())
	if help == "" {
		help = "keys here: " + strings.Join(s.Names(), ", ")
	}
	if place == "word" {
		help = strings.ReplaceAll(help, "=`", ":`") // `max=` as a key
	}
	l.report("E010", e.key.pos(), "not a key of the language here", help, "unknown key `%s` in %s", e.name, what)
}

// items reads a list, or a single value as a list of one; null is empty.
func (l *loader) items(v value) []value {
	if !v.given() || v.isNull() {
		return nil
	}
	if !v.isList() {
		return []value{v}
	}
	all := make([]value, 0, len(v.n.Content))
	for i := 0; i < len(v.n.Content); i++ {
		item, pieces := l.wholeItem(v, i)
		i += pieces
		all = append(all, item)
	}
	return all
}

// text reads a scalar that is not null.
func (l *loader) text(v value, what string) (string, bool) {
	if !v.given() {
		return "", false
	}
	if !v.isScalar() || v.isNull() {
		l.report("E013", v.pos(), "expected a text", "", "%s must be a text, not %s", what, kindOf(v))
		return "", false
	}
	return v.n.Value, true
}

// words reads a list of texts, or one text.
func (l *loader) texts(v value, what string) []value {
	var all []value
	for _, item := range l.items(v) {
		if _, ok := l.text(item, what); ok {
			all = append(all, item)
		}
	}
	return all
}

// boolean reads true or false; what is not given is def.
func (l *loader) boolean(v value, what string, def bool) bool {
	if !v.given() {
		return def
	}
	text, ok := l.text(v, what)
	if !ok {
		return def
	}
	switch text {
	case "true":
		return true
	case "false":
		return false
	}
	l.report("E014", v.pos(), "expected true or false", boolHelp(text), "%s must be `true` or `false`, not `%s`", what, text)
	return def
}

// boolHelp is the help for what was written instead of true or false.
func boolHelp(text string) string {
	switch strings.ToLower(text) {
	case "yes", "on", "y", "true", "1":
		return "write `true`"
	case "no", "off", "n", "false", "0":
		return "write `false`"
	}
	return ""
}

// integer reads a whole number within limits.
func (l *loader) integer(v value, what string, def, low, high int) int {
	if !v.given() {
		return def
	}
	text, ok := l.text(v, what)
	if !ok {
		return def
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		l.report("E014", v.pos(), "not such a number", "", "%s must be a whole number from %d to %d, not `%s`", what, low, high, text)
		return def
	}
	return n
}

// choice reads one of the words the language gives for a key.
func (l *loader) choice(v value, section, key, what, def string) string {
	if !v.given() {
		return def
	}
	text, ok := l.text(v, what)
	if !ok {
		return def
	}
	var choices []string
	for _, s := range language.Lookup(section).Key(key).Shapes {
		choices = append(choices, s.Words...)
	}
	if contains(choices, text) {
		return text
	}
	help := diag.DidYouMean(text, choices)
	if help == "" {
		help = "write one of: " + strings.Join(choices, ", ")
	}
	l.report("E014", v.pos(), "not one of the choices", help, "%s cannot be `%s`", what, text)
	return def
}

// span reads a length of time: 30s, 5m, 1h, 2d.
func (l *loader) span(v value, from int, what string) time.Duration {
	text := string([]rune(v.n.Value)[from:])
	d, err := parseSpan(text)
	if err != nil || d < 0 {
		l.report("E014", v.at(from, from+utf8.RuneCountInString(text)), "not a length of time", "write it like 30s, 5m, 1h or 2d", "%s must be a length of time, not `%s`", what, text)
		return 0
	}
	return d
}

func parseSpan(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n > 36500 {
			return 0, fmt.Errorf("not a number of days: %q", days)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(text)
}

// name checks a name somebody declares: [a-z][a-z0-9_]*, at most 50 characters.
func (l *loader) name(v value, name, what string) bool {
	if validName(name) {
		return true
	}
	help := ""
	if before, after, cut := strings.Cut(name, ":"); cut && validName(before) && after != "" {
		help = "write a space after the `:`"
	} else if fixed := schema.Snake(name); validName(fixed) {
		help = "write `" + fixed + "`"
	}
	l.report("E015", v.pos(), "not a name", help, "%s cannot be called `%s`: a name is small letters, digits and _, and begins with a letter", what, name)
	return false
}

func validName(s string) bool {
	if s == "" || len(s) > 50 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := 1; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

func kindOf(v value) string {
	switch {
	case v.isNull():
		return "nothing"
	case v.isMap():
		return "a map"
	case v.isList():
		return "a list"
	}
	return "a text"
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}

// nodeJSON writes a YAML value as compact JSON. A plain scalar is a number,
// true, false or null where it reads so in JSON too, else a string: 01234 stays "01234".
func nodeJSON(v value) string {
	var b bytes.Buffer
	writeJSON(&b, v)
	return b.String()
}

func writeJSON(b *bytes.Buffer, v value) {
	switch {
	case v.isList():
		b.WriteByte('[')
		for i, n := range v.n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, v.in(n))
		}
		b.WriteByte(']')
	case v.isMap():
		b.WriteByte('{')
		seen := map[string]bool{}
		for i := 0; i+1 < len(v.n.Content); i += 2 {
			key := v.in(v.n.Content[i])
			if !key.isScalar() || seen[key.n.Value] {
				continue
			}
			if len(seen) > 0 {
				b.WriteByte(',')
			}
			seen[key.n.Value] = true
			b.Write(quoteJSON(key.n.Value))
			b.WriteByte(':')
			writeJSON(b, v.in(v.n.Content[i+1]))
		}
		b.WriteByte('}')
	case v.isNull():
		b.WriteString("null")
	case plain(v) && json.Valid([]byte(v.n.Value)):
		b.WriteString(strings.TrimSpace(v.n.Value))
	default:
		b.Write(quoteJSON(v.n.Value))
	}
}

func plain(v value) bool {
	return v.isScalar() && v.n.Style&^yaml.FlowStyle == 0
}

func quoteJSON(s string) []byte {
	q, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`)
	}
	return q
}
