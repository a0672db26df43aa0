package schema

import (
	"regexp"
	"strconv"
	"unicode/utf8"
)

var stringDef = TypeDef{
	Name:    "string",
	Doc:     "Text, usually of one line. min and max count characters; pattern must match the whole text.",
	Options: textOptions,
	Example: "string max=120",
	New:     func(o Options) (Type, error) { return newText("string", o, textType{}) },
}

// textOptions are the options of every type of text.
var textOptions = []string{"min", "max", "pattern"}

// textType is every type whose values are text in a certain form.
type textType struct {
	name     string
	min, max int // characters; max 0 is unlimited
	re       *regexp.Regexp
	pattern  string
	form     func(s string) *Problem // nil takes any text
	format   string                  // of JSON Schema
	example  string
	traits   Traits
}

// newText completes a text type with the options every one of them has.
func newText(name string, o Options, t textType) (Type, error) {
	if err := o.only(name, textOptions...); err != nil {
		return nil, err
	}
	var err error
	if t.min, t.max, err = o.length(t.min, t.max, 1<<30); err != nil {
		return nil, err
	}
	if t.re, t.pattern, err = o.regexp(); err != nil {
		return nil, err
	}
	t.name = name
	if t.traits == (Traits{}) {
		t.traits = Traits{Filter: true, Order: true, Like: true, Key: true, Unique: true}
	}
	return &t, nil
}

func (t *textType) Name() string   { return t.name }
func (t *textType) Kind() Kind     { return Text }
func (t *textType) Traits() Traits { return t.traits }
func (t *textType) verbatim()      {}

func (t *textType) Parse(s string) (Value, error) { return parsed(NewText(s), t.check(s)) }

func (t *textType) ParseOperand(s string) (Value, error) { return parsed(NewText(s), storable(s)) }

func (t *textType) Decode(raw []byte) (Value, []Problem) {
	s, p := unquote(raw)
	if p == nil {
		p = t.check(s)
	}
	return result(NewText(s), p)
}

func (t *textType) check(s string) *Problem {
	if p := storable(s); p != nil {
		return p
	}
	if p := checkLength(utf8.RuneCountInString(s), t.min, t.max, "character"); p != nil {
		return p
	}
	if t.form != nil {
		if p := t.form(s); p != nil {
			return p
		}
	}
	if t.re != nil && !t.re.MatchString(s) {
		return problem(CodePattern, "must match the pattern "+t.pattern)
	}
	return nil
}

// checkLength says how n things break the limits, or nil; top 0 is unlimited.
func checkLength(n, low, top int, unit string) *Problem {
	if n < low {
		return problem(CodeLength, "must have at least "+plural(low, unit))
	}
	if top > 0 && n > top {
		return problem(CodeLength, "must have at most "+plural(top, unit)+", not "+strconv.Itoa(n))
	}
	return nil
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return strconv.Itoa(n) + " " + unit + "s"
}

func (t *textType) AppendJSON(b []byte, v Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	return AppendQuoted(b, v.text)
}

func (t *textType) Text(v Value) string { return v.text }

func (t *textType) Shape() Shape {
	s := Shape{Type: "string", Format: t.format, MinLength: t.min, MaxLength: t.max, Example: t.example}
	if t.pattern != "" {
		s.Pattern = "^(?:" + t.pattern + ")$"
	}
	return s
}
