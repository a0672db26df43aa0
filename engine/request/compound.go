package request

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dowel-dev/dowel/actions"
)

// The content of a compound holds requests: {"actions": {"order": {"method": "POST",
// "path": "/orders", "contentObject": {…}}}}, as an object or as an array. Each is
// read by the parser as if it had come alone.
//
// A value of an earlier answer is written {"$ref": "order.id"} in the content, as
// a value of `params` and as `if_match`, and {order.id} where the path has an id. In
// content, {"$$ref": …} is the object {"$ref": …} itself.

// compound reads the steps out of the content.
func (p *Parser) compound(r *http.Request, text []byte, c *actions.Compound) error {
	if text[0] != '{' {
		return misfit("", "type", "The content is a JSON object: "+compoundForm+".")
	}
	var list json.RawMessage
	var bad error
	actions.EachMember(text, func(name string, value []byte) bool {
		switch name {
		case "actions":
			list = value
		case "atomic":
			switch string(value) {
			case "true":
			case "false":
				c.Apart = true
			default:
				bad = misfit("/atomic", "type", "`atomic` is true or false.")
			}
		default:
			bad = misfit(pointer("", name), "unknown", "A compound has `actions` and `atomic`, not `"+excerpt(name)+"`.")
		}
		return bad == nil
	})
	switch {
	case bad != nil:
		return bad
	case list == nil:
		return misfit("/actions", "required", "`actions` is required: "+compoundForm+".")
	case list[0] != '{' && list[0] != '[':
		return misfit("/actions", "type", "`actions` is an object of name → action, or an array.")
	}
	s := p.steps(r, text)
	c.Listed = list[0] == '['
	add := func(name string, raw []byte) bool {
		if len(c.Steps) == s.most {
			bad = actions.TooManySteps(s.most)
			return false
		}
		var one actions.Step
		one, bad = s.step(name, raw, c.Apart)
		c.Steps = append(c.Steps, one)
		return bad == nil
	}
	if !c.Listed {
		actions.EachMember(list, add)
		return bad
	}
	for i, raw := range actions.Elements(list) {
		if !add(itoa(i), raw) {
			break
		}
	}
	return bad
}

const compoundForm = `{"actions": {"NAME": {"method", "path", "contentObject"}}}`

func misfit(at, code, detail string) *actions.Error {
	return actions.Invalid(actions.Problem{Code: code, Detail: detail, Pointer: at})
}

// pointer appends a member name to a JSON Pointer.
func pointer(at, name string) string {
	return at + "/" + string(jsontext.Pointer("").AppendToken(name)[1:])
}

// stepParser reads the steps of one compound.
type stepParser struct {
	Parser
	most   int
	tenant []string // the header field that names the organization, for all
}

// steps is a parser whose marks no client can have sent by accident.
func (p *Parser) steps(r *http.Request, text []byte) *stepParser {
	s := &stepParser{Parser: *p, most: p.Limits.defaults().Steps, tenant: r.Header[TenantHeader]}
	s.Formats = jsonOnly
	for n := 0; ; n++ {
		s.mark = "ref-" + itoa(n) + "-"
		if !bytes.Contains(text, []byte(s.mark)) {
			return s
		}
	}
}

// isMark reports whether an id of the path stands for a value still to come.
func (p *Parser) isMark(id string) bool { return p.mark != "" && strings.HasPrefix(id, p.mark) }

// stepText is a step as it is written.
type stepText struct {
	method, path, query, match, media string
	content                           []byte
	checked                           bool          // the strict reader has seen it
	refs                              []actions.Ref // those in the content have their place already
	marked                            []string      // what the marks stand for, by number
}

// step reads one step. What cannot be read is refused, or where steps stand apart
// noted in its place.
func (s *stepParser) step(name string, raw []byte, apart bool) (actions.Step, error) {
	step := actions.Step{Name: name}
	path := actions.StepPath(name)
	t, err := s.text(raw, path)
	if err == nil {
		var e *actions.Error
		if step.Action, step.Refs, err = s.action(t); errors.As(err, &e) {
			err = s.readable(e, t)
			if !apart {
				err = actions.AtStep(err.(*actions.Error), path)
			}
		}
	}
	if err != nil && apart {
		step.Action, step.Refs = nil, nil
		errors.As(err, &step.Refused)
		err = nil
	}
	return step, err
}

// stepNames are the members of a step, and stepMembers what they hold, nil where they are not given.
var stepNames = [...]string{"method", "path", "queryString", "params", "contentObject", "content", "contentType", "if_match"}

type stepMembers [len(stepNames)][]byte

func (m *stepMembers) member(name string) []byte { return m[slices.Index(stepNames[:], name)] }

// stepContent is the content of a step, which need not be read and checked again.
type stepContent struct {
	bytes.Reader
	step *stepText
}

// Close implements io.Closer.
func (*stepContent) Close() error { return nil }

// ofStep is the content of a step that came with the rest of its compound.
func ofStep(r *http.Request) (text []byte, checked bool) {
	if c, ok := r.Body.(*stepContent); ok && c.step.checked {
		return c.step.content, true
	}
	return nil, false
}

// text reads the members of a step.
func (s *stepParser) text(raw []byte, at string) (*stepText, error) {
	if raw[0] != '{' {
		return nil, misfit(at, "type", "An action is an object: {\"method\", \"path\", …}.")
	}
	t := &stepText{media: typeJSON}
	var wrong []actions.Problem
	problem := func(name, code, detail string) {
		wrong = append(wrong, actions.Problem{Code: code, Detail: detail, Pointer: pointer(at, name)})
	}
	var given stepMembers
	word := func(name string) string {
		value := given.member(name)
		if value == nil {
			return ""
		}
		if value[0] != '"' {
			problem(name, "type", "`"+name+"` is a text.")
			return ""
		}
		return unquoted(value)
	}
	actions.EachMember(raw, func(name string, value []byte) bool {
		switch i := slices.Index(stepNames[:], name); {
		case i >= 0:
			given[i] = value
		default:
			problem(name, "unknown", "An action has `method`, `path`, `queryString` or `params`, `contentObject` or `content`, `contentType` and `if_match`, not `"+excerpt(name)+"`.")
		}
		return len(wrong) < mostProblems
	})
	t.method, t.path, t.query = word("method"), word("path"), strings.TrimPrefix(word("queryString"), "?")
	for _, name := range []string{"method", "path"} {
		if given.member(name) == nil {
			problem(name, "required", "`"+name+"` is required.")
		}
	}
	if params := given.member("params"); params != nil {
		if t.query != "" {
			problem("params", "conflict", "`queryString` and `params` are two spellings of one thing: give one of them.")
		}
		s.params(t, params, problem)
	}
	if value := given.member("if_match"); value != nil {
		if from, is := reference(value); is {
			t.match = s.stand(t, from)
		} else {
			t.match = word("if_match")
		}
		if t.match == "" {
			problem("if_match", "type", "`if_match` is an entity tag.")
		}
	}
	s.contentOf(t, &given, word)
	if len(wrong) > 0 {
		return nil, actions.Invalid(wrong...)
	}
	return t, nil
}

// contentOf reads contentObject, or content: the text of the content, or the
// content itself where it is no text. A contentObject of null is none, but where
// a value is replaced.
func (s *stepParser) contentOf(t *stepText, given *stepMembers, word func(string) string) {
	if media := word("contentType"); media != "" {
		t.media = media
	}
	object := given.member("contentObject")
	if content := given.member("content"); object == nil && content != nil && content[0] != '"' {
		object = content
	}
	if object != nil && (string(object) != "null" || t.method == http.MethodPut && given.member("content") == nil) {
		if t.method == http.MethodPatch && object[0] == '[' && given.member("contentType") == nil {
			t.media = typeJSONPatch
		}
		t.content, t.checked = object, true
		if bytes.Contains(object, []byte(`ref"`)) || bytes.Contains(object, []byte(`\u`)) {
			t.content = references(object, "/content", func(at, from string) {
				t.refs = append(t.refs, actions.Ref{At: at, From: from})
			})
		}
		return
	}
	t.content = []byte(word("content"))
}

// params writes an object of names and values as a query.
func (s *stepParser) params(t *stepText, raw []byte, problem func(name, code, detail string)) {
	if raw[0] != '{' {
		problem("params", "type", "`params` is an object of name → value.")
		return
	}
	var b strings.Builder
	pair := func(name, value string) {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(name) + "=" + url.QueryEscape(value))
	}
	actions.EachMember(raw, func(name string, value []byte) bool {
		values := [][]byte{value}
		if value[0] == '[' {
			values = actions.Elements(value)
		}
		for _, v := range values {
			from, is := reference(v)
			switch {
			case is && reserved(name) != noOption && reserved(name) != optSearch:
				problem("params", "unfit", "`"+excerpt(name)+"` cannot be a `$ref`: values of filters can.")
			case is:
				pair(name, s.stand(t, from))
			case v[0] == '"':
				pair(name, unquoted(v))
			case v[0] == '{', v[0] == '[', v[0] == 'n':
				problem("params", "type", "`"+excerpt(name)+"` is a text, a number, true or false.")
			default:
				pair(name, string(v))
			}
		}
		return true
	})
	t.query = b.String()
}

// stand returns the mark that stands for a value until the action is known.
func (s *stepParser) stand(t *stepText, from string) string {
	t.marked = append(t.marked, from)
	return s.mark + itoa(len(t.marked)-1)
}

// action reads a step as a request of its own.
func (s *stepParser) action(t *stepText) (actions.Action, []actions.Ref, error) {
	switch t.method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return nil, nil, notAllowed(t.method, []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete})
	}
	if t.path == "" {
		return nil, nil, badPath("An action has a path below the mount: /customers/7.")
	}
	path, query, asked := strings.Cut(t.path, "?")
	if path == "" || path[0] != '/' && path[0] != ';' {
		path = "/" + path // it is relative to the mount either way
	}
	if asked && t.query != "" {
		return nil, nil, badPath("The path holds a query already: leave out `queryString` and `params`.")
	}
	if !asked {
		query = t.query
	}
	u, err := url.ParseRequestURI(s.mount() + s.idsOf(t, path))
	if err != nil {
		return nil, nil, badPath("The path of an action cannot be read: it is written as in an address, with percent escapes.")
	}
	u.RawQuery = query
	r := &http.Request{Method: t.method, URL: u, Header: http.Header{}, Body: http.NoBody}
	if len(t.content) > 0 {
		r.Body, r.ContentLength = &stepContent{*bytes.NewReader(t.content), t}, int64(len(t.content))
		r.Header["Content-Type"] = []string{t.media}
	}
	if t.match != "" {
		r.Header["If-Match"] = []string{quotedTag(t.match)}
	}
	if s.tenant != nil {
		r.Header[TenantHeader] = s.tenant
	}
	a, err := s.Parse(r)
	if err != nil {
		return nil, nil, err
	}
	if _, nested := a.(*actions.Compound); nested {
		return nil, nil, misfit("", "nested", "A compound cannot be a step of a compound.")
	}
	return s.placed(a, t)
}

// idsOf puts marks in the place of {order.id}.
func (s *stepParser) idsOf(t *stepText, path string) string {
	if strings.IndexByte(path, '{') < 0 {
		return path
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if n := len(segment); n > 2 && segment[0] == '{' && segment[n-1] == '}' {
			segments[i] = s.stand(t, segment[1:n-1])
		}
	}
	return strings.Join(segments, "/")
}

// quotedTag is an entity tag as a header field has it.
func quotedTag(tag string) string {
	if tag == "*" || strings.HasPrefix(tag, `"`) || strings.HasPrefix(tag, "W/") {
		return tag
	}
	return `"` + tag + `"`
}

// placed finds where the marks went, and leaves in their places what they stand for.
func (s *stepParser) placed(a actions.Action, t *stepText) (actions.Action, []actions.Ref, error) {
	if len(t.marked) == 0 {
		return a, t.refs, nil
	}
	text, err := actions.Encode(a)
	if err != nil {
		return nil, nil, err
	}
	found := 0
	var out []byte
	var walk func(at string, raw []byte)
	walk = func(at string, raw []byte) {
		switch {
		case at == "/content":
			out = append(out, raw...)
		case raw[0] == '"':
			if n, ok := strings.CutPrefix(unquoted(raw), s.mark); ok {
				if i, err := strconv.Atoi(n); err == nil && i < len(t.marked) {
					t.refs = append(t.refs, actions.Ref{At: at, From: t.marked[i]})
					raw, _ = jsontext.AppendQuote(nil, "{"+t.marked[i]+"}")
					found++
				}
			}
			out = append(out, raw...)
		case raw[0] == '{':
			each := separated(&out, '{', '}')
			actions.EachMember(raw, func(name string, value []byte) bool {
				each(false)
				out, _ = jsontext.AppendQuote(out, name)
				out = append(out, ':')
				walk(pointer(at, name), value)
				return true
			})
			each(true)
		case raw[0] == '[':
			each := separated(&out, '[', ']')
			for i, value := range actions.Elements(raw) {
				each(false)
				walk(at+"/"+itoa(i), value)
			}
			each(true)
		default:
			out = append(out, raw...)
		}
	}
	walk("", text)
	if found != len(t.marked) {
		return nil, nil, misfit("", "unfit", "A value of an earlier answer stands where none can: it can be an id of the path, the value of a filter, an entity tag, or part of the content.")
	}
	a, err = actions.Decode(out)
	return a, t.refs, err
}

// separated writes what is around and between members.
func separated(out *[]byte, opening, closing byte) func(end bool) {
	*out = append(*out, opening)
	first := true
	return func(end bool) {
		switch {
		case end:
			*out = append(*out, closing)
		case !first:
			*out = append(*out, ',')
		}
		first = false
	}
}

// readable says in an error what marks stand for.
func (s *stepParser) readable(e *actions.Error, t *stepText) *actions.Error {
	if len(t.marked) == 0 {
		return e
	}
	named := *e
	named.Errors = append([]actions.Problem(nil), e.Errors...)
	for i := len(t.marked) - 1; i >= 0; i-- {
		mark, from := s.mark+itoa(i), "{"+excerpt(t.marked[i])+"}"
		named.Detail = strings.ReplaceAll(named.Detail, mark, from)
		for j := range named.Errors {
			named.Errors[j].Detail = strings.ReplaceAll(named.Errors[j].Detail, mark, from)
		}
	}
	return &named
}

// reference reads {"$ref": "order.id"}.
func reference(raw []byte) (from string, ok bool) {
	name, value, ok := single(raw)
	if !ok || name != "$ref" || value[0] != '"' {
		return "", false
	}
	return unquoted(value), true
}

// single is the member of an object that has no other.
func single(raw []byte) (name string, value []byte, ok bool) {
	if raw[0] != '{' {
		return "", nil, false
	}
	n := 0
	actions.EachMember(raw, func(m string, v []byte) bool {
		name, value = m, v
		n++
		return n < 2
	})
	return name, value, n == 1
}

// references puts null in the place of every {"$ref": …} and reports it, and takes
// a dollar off {"$$ref": …}.
func references(raw []byte, at string, found func(at, from string)) []byte {
	if from, ok := reference(raw); ok {
		found(at, from)
		return []byte("null")
	}
	var out []byte
	switch raw[0] {
	case '{':
		name, _, one := single(raw)
		escaped := one && strings.HasPrefix(name, "$$") && strings.Trim(name, "$") == "ref"
		each := separated(&out, '{', '}')
		actions.EachMember(raw, func(name string, value []byte) bool {
			each(false)
			if escaped {
				name = name[1:]
			}
			out, _ = jsontext.AppendQuote(out, name)
			out = append(out, ':')
			out = append(out, references(value, pointer(at, name), found)...)
			return true
		})
		each(true)
	case '[':
		each := separated(&out, '[', ']')
		for i, value := range actions.Elements(raw) {
			each(false)
			out = append(out, references(value, at+"/"+itoa(i), found)...)
		}
		each(true)
	default:
		return raw
	}
	return out
}

// unquoted reads a JSON string.
func unquoted(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	b, _ := jsontext.AppendUnquote(nil, raw)
	return string(b)
}
