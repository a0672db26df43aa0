package actions

import (
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// mostFilled bounds the text of an action with the values of earlier answers in
// it, in bytes: answers that are made of answers would double with every step.
const mostFilled = 1 << 20

// source is where a value comes from: a step, and the members that lead to it.
type source struct {
	step    int
	members []string
}

// source finds the step before number i that a reference begins with; the longest name wins.
func (c *compoundPlan) source(from string, i int) (source, bool) {
	found, most := source{}, -1
	for j := range i {
		name := c.steps[j].Name
		rest, ok := strings.CutPrefix(from, name)
		if !ok || rest != "" && rest[0] != '.' || len(name) <= most {
			continue
		}
		found, most = source{step: j}, len(name)
		if rest != "" {
			found.members = strings.Split(rest[1:], ".")
		}
	}
	return found, most >= 0
}

// inContent reports whether a place of an action is in its content.
func inContent(at string) bool { return at == "/content" || strings.HasPrefix(at, "/content/") }

// takes reports whether a place of an action can hold a value of an earlier answer.
func (s *stepPlan) takes(at string) bool {
	switch {
	case inContent(at), at == "/id", at == "/parent/id", at == "/tenant", at == "/search":
		return true
	}
	return strings.HasPrefix(at, "/if/match/") || strings.HasPrefix(at, "/filter/") && strings.Contains(at, "/args/")
}

// filled is the action with the values of earlier answers in it.
func (s *stepPlan) filled(before []StepResult) (Action, error) {
	if len(s.Refs) == 0 {
		return s.Action, nil
	}
	text, err := Encode(s.Action)
	if err != nil {
		return nil, err
	}
	var p problems
	for i, ref := range s.Refs {
		from := &before[s.sources[i].step]
		if from.Err != nil {
			return nil, Errorf(StateConflict, "It needs `"+excerpt(ref.From)+"`, and the step `"+excerpt(from.Name)+"` failed.")
		}
		start, end, ok := locate(text, strings.Split(ref.At, "/")[1:])
		if !ok {
			p.pointer("", "unknown", "The action has no place `"+excerpt(ref.At)+"`.", "")
			continue
		}
		value, why := from.value(ref.At, s.sources[i].members)
		if why != "" {
			p.pointer(strings.TrimPrefix(contentPlace(ref.At), "/content"), "no-value", "`"+excerpt(ref.From)+"`: "+why, "")
			continue
		}
		text = append(append(append(make([]byte, 0, len(text)+len(value)), text[:start]...), value...), text[end:]...)
		if len(text) > mostFilled {
			return nil, Invalid(Problem{Code: "too-large", Detail: "With the values of earlier answers in it, the step is larger than " + strconv.Itoa(mostFilled) + " bytes."})
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return Decode(text)
}

// contentPlace is the place where it is in the content, "" where it is not.
func contentPlace(at string) string {
	if inContent(at) {
		return at
	}
	return ""
}

// value is the JSON that a place takes of an answer, or why there is none. What is
// not content is text.
func (r *StepResult) value(at string, members []string) (value []byte, why string) {
	if strings.HasPrefix(at, "/if/") {
		if len(members) > 1 || len(members) == 1 && members[0] != "etag" {
			return nil, "an entity tag is named by the step, or by its `etag`."
		}
		if r.Result.Tag == "" {
			return nil, "the answer has no entity tag."
		}
		return schema.AppendQuoted(nil, r.Result.Tag), ""
	}
	if r.Content == nil {
		return nil, "the answer has no content."
	}
	start, end, ok := locate(r.Content, members)
	if !ok {
		return nil, "the answer has no such member."
	}
	value = r.Content[start:end]
	if inContent(at) {
		return value, ""
	}
	switch kindOf(value) {
	case '"':
		return value, ""
	case '{', '[', 'n':
		return nil, "it is neither a text nor a number, as is needed here."
	}
	return append(append([]byte{'"'}, value...), '"'), ""
}

// locate finds the value that names and numbers lead to.
func locate(raw []byte, path []string) (start, end int, ok bool) {
	start = skipSpace(raw, 0)
	for _, token := range path {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		if start, ok = child(raw, start, token); !ok {
			return 0, 0, false
		}
	}
	return start, skipValue(raw, start), true
}

// child finds a member, or an element by its number, of what starts at i.
func child(raw []byte, i int, token string) (int, bool) {
	if i >= len(raw) || raw[i] != '{' && raw[i] != '[' {
		return 0, false
	}
	object := raw[i] == '{'
	i++
	for n := 0; ; n++ {
		i = skipSpace(raw, i)
		if i < len(raw) && raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
		if i >= len(raw) || raw[i] == '}' || raw[i] == ']' {
			return 0, false
		}
		name := ""
		if object {
			end := skipValue(raw, i)
			name = unquote(raw[i:end])
			i = skipSpace(raw, skipSpace(raw, end)+1)
		} else {
			name = strconv.Itoa(n)
		}
		if name == token {
			return i, true
		}
		i = skipValue(raw, i)
	}
}
