package filter

import (
	"errors"
	"strings"
)

// Parse reads the expression of one filter on the field that path names. The
// error is for people: it says what to write instead, without naming the
// field. Parse(t.Path, t.String()) gives t back.
func Parse(path, text string) (Term, error) {
	t := Term{Path: path}
	for {
		word, rest, found := strings.Cut(text, ":")
		if !found {
			return bare(t, text)
		}
		if word == "not" {
			t.Not = !t.Not
			text = rest
			continue
		}
		op := Lookup(word)
		if op == nil {
			return Term{}, notAnOperator(word, text)
		}
		t.Op = op.Name
		var err error
		t.Args, err = op.read(rest)
		if err != nil {
			return Term{}, err
		}
		return t, nil
	}
}

// bare is text without an operator: a pattern when it has a star, else a value.
func bare(t Term, text string) (Term, error) {
	op := &eq
	if strings.IndexByte(text, '*') >= 0 {
		op = &like
	}
	args, err := op.read(text)
	if err != nil {
		return Term{}, err
	}
	t.Op, t.Args = op.Name, args
	return t, nil
}

// alike are words that clients of other services write for an operator.
var alike = map[string]string{
	"gte": "ge", "lte": "le", "neq": "ne", "equals": "eq", "contains": "like", "ilike": "like", "null": "is",
	"nin": "not:in", "notin": "not:in", "isnot": "not:is", "isnull": "is:null", "between": "ge",
}

func notAnOperator(word, text string) error {
	fix := "to compare with the text itself write `eq:" + excerpt(text) + "`"
	lower := strings.ToLower(word)
	switch {
	case Lookup(lower) != nil || lower == "not":
		return errors.New("`" + excerpt(word) + "` is not an operator: write `" + lower + ":` in small letters, or " + fix)
	case alike[lower] != "":
		return errors.New("`" + excerpt(word) + "` is not an operator: write `" + alike[lower] + ":`, or " + fix)
	}
	return errors.New("`" + excerpt(word) + "` is not an operator (" + Names() + "): " + fix)
}

// one takes the whole operand as it is.
func one(text string) ([]string, error) { return []string{text}, nil }

// pattern takes a like pattern; an escape needs something to escape.
func pattern(text string) ([]string, error) {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if i++; i == len(text) {
			return nil, errors.New("the pattern ends in a lone `\\`: write `\\\\` for the character itself")
		}
	}
	return []string{text}, nil
}

// null takes the one operand of is.
func null(text string) ([]string, error) {
	if text != "null" {
		return nil, errors.New("`is:` tests for null only: write `is:null` or `not:is:null`")
	}
	return []string{text}, nil
}

// list takes elements separated by commas. One that begins with a quote runs to the
// next quote and may hold commas; in it `\` takes the next character as it is.
// No text at all is no element.
func list(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	items := make([]string, 0, 1+strings.Count(text, ","))
	for {
		var item string
		if strings.HasPrefix(text, `"`) {
			var err error
			if item, text, err = quoted(text); err != nil {
				return nil, err
			}
			if text != "" && text[0] != ',' {
				return nil, errors.New("there is text after a closing quote: separate the elements of `in:` by commas and write `\\\"` for a quote inside one")
			}
		} else {
			end := strings.IndexByte(text, ',')
			if end < 0 {
				end = len(text)
			}
			item, text = text[:end], text[end:]
		}
		items = append(items, item)
		if text == "" {
			return items, nil
		}
		text = text[1:] // the comma
	}
}

// quoted reads a quoted element from the start of text.
func quoted(text string) (item, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:], nil
		case '\\':
			if i++; i == len(text) {
				return "", "", errUnclosed
			}
		}
		b.WriteByte(text[i])
	}
	return "", "", errUnclosed
}

var errUnclosed = errors.New("a quoted element of `in:` is not closed: end it with `\"`")

// String is the canonical spelling of the term's expression: the operator is always written.
func (t Term) String() string {
	var b strings.Builder
	if t.Not {
		b.WriteString("not:")
	}
	b.WriteString(t.Op)
	b.WriteByte(':')
	for i, arg := range t.Args {
		if i > 0 {
			b.WriteByte(',')
		}
		if t.Op == "in" && needsQuotes(arg) {
			b.WriteByte('"')
			b.WriteString(escapeQuoted.Replace(arg))
			b.WriteByte('"')
			continue
		}
		b.WriteString(arg)
	}
	return b.String()
}

// The empty text is quoted because `in:` alone is no element at all.
func needsQuotes(arg string) bool {
	return arg == "" || arg[0] == '"' || strings.IndexByte(arg, ',') >= 0
}

var escapeQuoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// EscapeLike returns the pattern that matches the text itself.
func EscapeLike(text string) string {
	if !strings.ContainsAny(text, `*\`) {
		return text
	}
	return escapeLike.Replace(text)
}

var escapeLike = strings.NewReplacer(`\`, `\\`, `*`, `\*`)

// excerpt shortens what a client sent for messages.
func excerpt(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	cut := 0
	for i := range s {
		if i > most {
			break
		}
		cut = i
	}
	return s[:cut] + "…"
}
