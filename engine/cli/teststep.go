package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
)

// httpStep is one request with what is expected of its answer.
type httpStep struct {
	name         string
	pos          schema.Pos
	who          *person // nil is nobody
	method, path string
	headers      []load.Member
	body         *load.Node
	expect       expectation
	save         []load.Member // name → body.PATH or header.NAME
}

type expectation struct {
	status  *load.Node
	headers []load.Member
	body    *load.Node
}

var methods = []string{"get", "head", "post", "put", "patch", "delete", "options"}

// step reads a request, or several under one name.
func (r *testReader) step(n *load.Node, as string) {
	known := append([]string{"name", "as", "method", "path", "headers", "body", "expect", "save", "steps"}, methods...)
	if !r.object(n, "a step of `http`", known...) {
		return
	}
	if m := n.Member("as"); m != nil {
		as = m.Text
	}
	if steps := n.Member("steps"); steps != nil {
		for _, item := range r.list(steps, "`steps`") {
			r.step(&item, as)
		}
		return
	}
	s := httpStep{pos: n.Pos, body: n.Member("body")}
	text := func(key string) string {
		if m := n.Member(key); m != nil {
			return m.Text
		}
		return ""
	}
	s.name, s.method, s.path = text("name"), strings.ToUpper(text("method")), text("path")
	for _, method := range methods {
		if p := text(method); p != "" {
			s.method, s.path = strings.ToUpper(method), p
		}
	}
	if s.method == "" && s.path != "" {
		s.method = http.MethodGet
	}
	if !strings.HasPrefix(s.path, "/") {
		r.wrong.add(n.Pos, "a step says what is asked for: get: /api/…, or method and path")
		return
	}
	if !slices.Contains(methods, strings.ToLower(s.method)) {
		r.wrong.add(n.Pos, "unknown method `%s`%s", s.method, didYouMean(strings.ToLower(s.method), methods))
		return
	}
	if as != "" && as != "nobody" {
		if s.who = r.whoever(as, n.Pos); s.who == nil {
			return
		}
	}
	if m := n.Member("headers"); m != nil {
		s.headers = m.Members
	}
	if m := n.Member("save"); m != nil {
		s.save = m.Members
		for _, saved := range m.Members {
			if from, _, _ := strings.Cut(saved.Value.Text, "."); from != "body" && from != "header" {
				r.wrong.add(saved.Pos, "`save` takes body.PATH or header.NAME, not `%s`", saved.Value.Text)
			}
		}
	}
	r.expectation(&s, n.Member("expect"))
	r.made.steps = append(r.made.steps, s)
}

func (r *testReader) expectation(s *httpStep, n *load.Node) {
	switch {
	case n == nil || n.Kind == load.Null:
		r.wrong.add(s.pos, "a step says what it expects: expect: {status: 200}")
		return
	case n.Kind == load.Scalar:
		s.expect.status = n
	case r.object(n, "`expect`", "status", "headers", "body"):
		s.expect.status, s.expect.body = n.Member("status"), n.Member("body")
		if m := n.Member("headers"); m != nil {
			s.expect.headers = m.Members
		}
	}
	if st := s.expect.status; st != nil {
		if code, err := strconv.Atoi(st.Text); err != nil || code < 100 || code > 599 {
			r.wrong.add(st.Pos, "`%s` is no status of HTTP", st.Text)
		}
	}
}

// String names the step in messages.
func (s *httpStep) String() string {
	text := s.method + " " + s.path
	if s.who != nil {
		text += " as " + s.who.name
	}
	if s.name != "" {
		text = s.name + ": " + text
	}
	return text
}

// answered is a response as a step looks at it. It implements http.ResponseWriter.
type answered struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answered) Header() http.Header { return a.header }

func (a *answered) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answered) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// saved are the values that steps keep for later ones: $name.
type saved map[string]string

var variable = regexp.MustCompile(`\$[a-z_][a-z_0-9]*`)

func (v saved) expand(text string) string {
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		if value, ok := v[name[1:]]; ok {
			return value
		}
		return name
	})
}

// send sends the request through the whole server, without a port.
func (s *httpStep) send(h http.Handler, bearer string, vars saved) (*answered, error) {
	var content io.Reader
	if s.body != nil {
		content = strings.NewReader(vars.expand(string(appendNode(nil, s.body))))
	}
	path := vars.expand(s.path)
	r, err := http.NewRequest(s.method, "http://app.test"+path, content)
	if err != nil {
		return nil, err
	}
	r.RequestURI, r.RemoteAddr = path, "127.0.0.1:1"
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	if content != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, m := range s.headers {
		r.Header.Set(m.Name, vars.expand(m.Value.Text))
	}
	a := &answered{header: http.Header{}}
	h.ServeHTTP(a, r)
	return a, nil
}

// check compares an answer with what is expected of it.
func (s *httpStep) check(a *answered, vars saved) (wrong []string) {
	if st := s.expect.status; st != nil && st.Text != strconv.Itoa(a.status) {
		return []string{fmt.Sprintf("status %d, not %s: %s", a.status, st.Text, excerpted(a.body.String()))}
	}
	for _, m := range s.expect.headers {
		got := strings.Join(a.header.Values(m.Name), ", ")
		switch {
		case m.Value.Kind == load.Null:
			if got != "" {
				wrong = append(wrong, fmt.Sprintf("header %s is there: %s", m.Name, got))
			}
		case !sameText(vars.expand(m.Value.Text), got):
			wrong = append(wrong, fmt.Sprintf("header %s is %q, not %s", m.Name, got, m.Value.Text))
		}
	}
	body, err := decoded(a.body.Bytes())
	if want := s.expect.body; want != nil {
		switch {
		case want.Kind == load.Scalar && want.Text == "empty" && !want.Quoted:
			if a.body.Len() > 0 {
				wrong = append(wrong, "there is content: "+excerpted(a.body.String()))
			}
		case err != nil && want.Kind == load.Scalar:
			if !sameText(vars.expand(want.Text), a.body.String()) {
				wrong = append(wrong, fmt.Sprintf("content is %s, not %s", excerpted(a.body.String()), want.Text))
			}
		case err != nil:
			wrong = append(wrong, "content is no JSON: "+excerpted(a.body.String()))
		default:
			wrong = append(wrong, unlike("body", want, body, vars)...)
		}
	}
	for _, m := range s.save {
		from, rest, _ := strings.Cut(m.Value.Text, ".")
		if from == "header" {
			vars[m.Name] = strings.Trim(a.header.Get(rest), `"`)
			continue
		}
		v, ok := member(body, rest)
		if !ok {
			wrong = append(wrong, fmt.Sprintf("there is no %s to save", m.Value.Text))
			continue
		}
		vars[m.Name] = plainJSON(v)
	}
	return wrong
}

func decoded(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// member follows data.items.0.id.
func member(v any, path string) (any, bool) {
	for _, name := range strings.Split(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[name]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// unlike compares JSON with what is expected: of an object the members that are
// named, of an array every element. * is anything, /…/ a pattern.
func unlike(at string, want *load.Node, got any, vars saved) (wrong []string) {
	switch want.Kind {
	case load.Map:
		object, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %s, not an object", at, excerpted(plainJSON(got)))}
		}
		for i := range want.Members {
			m := &want.Members[i]
			v, there := object[m.Name]
			if !there {
				wrong = append(wrong, fmt.Sprintf("%s has no `%s`", at, m.Name))
				continue
			}
			wrong = append(wrong, unlike(at+"."+m.Name, &m.Value, v, vars)...)
		}
	case load.List:
		array, ok := got.([]any)
		if !ok || len(array) != len(want.Items) {
			return []string{fmt.Sprintf("%s is %s, not %d elements", at, excerpted(plainJSON(got)), len(want.Items))}
		}
		for i := range want.Items {
			wrong = append(wrong, unlike(at+"."+strconv.Itoa(i), &want.Items[i], array[i], vars)...)
		}
	case load.Null:
		if got != nil {
			wrong = append(wrong, fmt.Sprintf("%s is %s, not null", at, excerpted(plainJSON(got))))
		}
	default:
		text := vars.expand(want.Text)
		if _, isText := got.(string); want.Quoted && !isText && !pattern(text) || got == nil && text != "*" || !sameText(text, plainJSON(got)) {
			wrong = append(wrong, fmt.Sprintf("%s is %s, not %s", at, excerpted(plainJSON(got)), text))
		}
	}
	return wrong
}

func pattern(text string) bool {
	return text == "*" || len(text) > 2 && text[0] == '/' && text[len(text)-1] == '/'
}

// sameText compares text with what is expected, a pattern between slashes or * for anything.
func sameText(want, got string) bool {
	if want == got || want == "*" {
		return true
	}
	if !pattern(want) {
		return false
	}
	re, err := regexp.Compile(want[1 : len(want)-1])
	return err == nil && re.MatchString(got)
}

// plainJSON is a value as text: strings as they are, all else as JSON.
func plainJSON(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return scalar(v)
}

func excerpted(text string) string {
	const most = 300
	if text = strings.TrimSpace(text); len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// appendNode writes a node as JSON. What looks like a number, true, false or
// null and has no quotes is one.
func appendNode(b []byte, n *load.Node) []byte {
	switch n.Kind {
	case load.Null:
		return append(b, "null"...)
	case load.List:
		b = append(b, '[')
		for i := range n.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendNode(b, &n.Items[i])
		}
		return append(b, ']')
	case load.Map:
		b = append(b, '{')
		for i := range n.Members {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(schema.AppendQuoted(b, n.Members[i].Name), ':')
			b = appendNode(b, &n.Members[i].Value)
		}
		return append(b, '}')
	}
	if !n.Quoted && (n.Text == "true" || n.Text == "false" || number(n.Text)) {
		return append(b, n.Text...)
	}
	return schema.AppendQuoted(b, n.Text)
}

func number(text string) bool {
	if text == "" || text[0] != '-' && (text[0] < '0' || text[0] > '9') {
		return false
	}
	return json.Valid([]byte(text))
}
