package contract

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/schema"
)

// Subject is what calls are made of and where they go.
type Subject struct {
	Handler http.Handler
	// IDs are some ids of records of a class as paths have them, existing ones first.
	IDs func(c *schema.Class) []string
	// Token is the Authorization of somebody who has one of some roles; nil asks as nobody.
	Token func(roles []string) (string, error)
}

// Report is what calls have shown.
type Report struct {
	Operations int       `json:"operations"`
	Done       int       `json:"done"` // operations that some call succeeded with
	Calls      int       `json:"calls"`
	Findings   []Finding `json:"findings"`
}

// Finding is an answer that the document does not know, and how to get it.
type Finding struct {
	Operation string `json:"operation"`
	Call      string `json:"call"` // method, target and content
	As        string `json:"as"`   // roles
	Try       string `json:"try"`  // what the call was to try
	Status    int    `json:"status"`
	Says      string `json:"says"`
}

// perOperation is how many findings of one operation are told; the others say the same.
const perOperation = 3

// Run calls every operation of the document: as it says, at the limits of what it
// says and beyond, without credentials and with ids that nobody has. What changes rows comes
// after what reads them, and what deletes them last.
func (c *Document) Run(s Subject) (*Report, error) {
	report := &Report{Findings: []Finding{}}
	type place struct {
		path, method string
		op           *openapi3.Operation
	}
	var places []place
	for path, item := range c.doc.Paths.Map() {
		for method, op := range item.Operations() {
			places = append(places, place{path, method, op})
		}
	}
	order := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	slices.SortFunc(places, func(a, b place) int {
		if n := slices.Index(order, a.method) - slices.Index(order, b.method); n != 0 {
			return n
		}
		if n := rank(a.path) - rank(b.path); n != 0 {
			return n
		}
		return strings.Compare(a.path, b.path)
	})
	for _, p := range places {
		report.Operations++
		told, done := map[string]int{}, false
		for _, call := range c.calls(s, p.path, p.method, p.op) {
			var auth string
			if len(call.roles) > 0 {
				var err error
				if auth, err = s.Token(call.roles); err != nil {
					return nil, err
				}
			}
			x := call.send(s.Handler, c.mount, auth)
			report.Calls++
			done = done || x.Status < 400
			err := c.Hold(x)
			if err == nil && x.Status >= 500 && x.Status != http.StatusNotImplemented {
				err = fmt.Errorf("the server failed: %s", firstOf(string(x.Body)))
			}
			if err == nil {
				continue
			}
			says := firstOf(err.Error())
			if told[says]++; told[says] > 1 || len(told) > perOperation {
				continue
			}
			as := strings.Join(call.roles, ", ")
			if as == "" {
				as = "nobody"
			}
			report.Findings = append(report.Findings, Finding{
				Operation: p.op.OperationID, Call: strings.TrimSpace(call.method + " " + c.mount + call.target + " " + call.content),
				As: as, Try: call.try, Status: x.Status, Says: says,
			})
		}
		if done {
			report.Done++
		}
	}
	return report, nil
}

// rank puts what ends sessions and rows after the rest.
func rank(path string) int {
	for i, end := range []string{"/logout", "/purge", "/bulk-delete"} {
		if strings.HasSuffix(path, end) {
			return i + 1
		}
	}
	return 0
}

// firstOf is an error in a few lines: those of validators can be long.
func firstOf(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) > 4 {
		lines = append(lines[:4], "…")
	}
	for i, line := range lines {
		if runes := []rune(line); len(runes) > 300 {
			lines[i] = string(runes[:300]) + "…"
		}
	}
	return strings.Join(lines, "\n")
}

// call is one request.
type call struct {
	try, method, target string
	content, media      string
	fields              map[string]string
	roles               []string
}

func (k *call) send(h http.Handler, mount, auth string) *Exchange {
	var body io.Reader
	if k.content != "" {
		body = strings.NewReader(k.content)
	}
	r := httptest.NewRequest(k.method, "http://app.test"+mount+k.target, body)
	r.RequestURI, r.RemoteAddr = mount+k.target, "127.0.0.1:1"
	if k.content != "" {
		r.Header.Set("Content-Type", k.media)
	}
	for name, value := range k.fields {
		r.Header.Set(name, value)
	}
	if auth != "" {
		r.Header.Set("Authorization", auth)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return &Exchange{Request: r, Sent: []byte(k.content), Status: w.Code, Header: w.Result().Header, Body: w.Body.Bytes()}
}

// calls makes the calls of an operation.
func (c *Document) calls(s Subject, path, method string, op *openapi3.Operation) []call {
	roles := rolesOf(op)
	var list []call
	add := func(try, target, content, media string, who []string, fields map[string]string) {
		list = append(list, call{try, method, target, content, media, fields, who})
	}
	targets := c.targets(s, path)
	at := targets[0]
	bodies, media := c.bodies(op)
	content := ""
	if len(bodies) > 0 {
		content = bodies[0].text
	}
	needs, more := query(op)
	base := at + suffixed(needs)
	for i, target := range targets {
		try := "what the document shows"
		if i > 0 {
			try = "another id"
		}
		add(try, target+suffixed(needs), content, media, roles, nil)
	}
	add("without credentials", base, content, media, nil, nil)
	add("a token that is none", base, content, media, nil, map[string]string{"Authorization": "Bearer none"})
	add("a media type that there is not", base, content, media, roles, map[string]string{"Accept": "image/png"})
	if len(op.Parameters) > 0 {
		add("a parameter that there is not", at+suffixed(append(slices.Clone(needs), "no_such_parameter=1")), content, media, roles, nil)
	}
	for _, p := range more {
		add(p.try, at+suffixed(append(slices.Clone(needs), p.text)), content, media, roles, nil)
	}
	if method == http.MethodGet {
		add("a condition that holds", base, "", "", roles, map[string]string{"If-None-Match": `"none"`})
		add("a condition that never holds", base, "", "", roles, map[string]string{"If-None-Match": "*"})
		return list
	}
	add("a precondition that is stale", base, content, media, roles, map[string]string{"If-Match": `"none"`})
	if content == "" {
		return list
	}
	add("without content", base, "", "", roles, nil)
	add("content that is no JSON", base, "{", media, roles, nil)
	add("content of a type that there is not", base, content, "text/html", roles, nil)
	for _, b := range bodies[1:] {
		add(b.try, base, b.text, media, roles, nil)
	}
	return list
}

// rolesOf are who may call an operation; nil is everybody.
func rolesOf(op *openapi3.Operation) (roles []string) {
	all, _ := op.Extensions["x-roles"].([]any)
	for _, one := range all {
		if role, ok := one.(string); ok {
			roles = append(roles, role)
		}
	}
	return roles
}

// targets are the paths that an operation is tried on: with ids that are there, one that
// is not, and one that cannot be.
func (c *Document) targets(s Subject, path string) []string {
	var class *schema.Class
	for _, candidate := range c.of.Classes {
		if in := candidate.Path(); candidate.Expose && (path == in || strings.HasPrefix(path, in+"/")) {
			class = candidate
		}
	}
	if !strings.Contains(path, "{") {
		return []string{path}
	}
	ids := []string{"1"}
	if class != nil {
		ids = s.IDs(class)
	}
	var all []string
	for _, id := range append(slices.Clone(ids), "999999999", "no%20such", "%00") {
		target := path
		for strings.Contains(target, "{") {
			from, to := strings.Index(target, "{"), strings.Index(target, "}")
			name, value := target[from+1:to], id
			switch {
			case strings.HasPrefix(target[:from], "/") && class != nil && class.Prefix != "" && from < len(class.Prefix):
				if value = "1"; c.of.Tenant != nil {
					if orgs := s.IDs(c.of.Tenant.Class); len(orgs) > 0 {
						value = orgs[0]
					}
				}
			case name == "property" || name == "member":
				if value = "id"; class != nil && len(class.Fields) > 1 {
					value = class.Fields[1].JSON
				}
			}
			target = target[:from] + value + target[to+1:]
		}
		all = append(all, target)
	}
	return all
}

// trial is a value that is tried, and why.
type trial struct{ try, text string }

// query is what an operation needs in its query, and what its parameters are tried with.
func query(op *openapi3.Operation) (needs []string, more []trial) {
	for _, ref := range op.Parameters {
		p := ref.Value
		if p.In != "query" || p.Schema == nil {
			continue
		}
		values := trials(p.Schema.Value)
		if p.Required && len(values) > 0 {
			needs = append(needs, url.QueryEscape(p.Name)+"="+url.QueryEscape(plainText(values[0].value)))
			continue
		}
		for _, v := range values {
			more = append(more, trial{"parameter " + p.Name + ": " + v.try, url.QueryEscape(p.Name) + "=" + url.QueryEscape(plainText(v.value))})
		}
	}
	return needs, more
}

func suffixed(pairs []string) string {
	if len(pairs) == 0 {
		return ""
	}
	return "?" + strings.Join(pairs, "&")
}

// bodies are contents: the first is the one that the document shows, the others differ from it in one member.
func (c *Document) bodies(op *openapi3.Operation) (all []trial, media string) {
	if op.RequestBody == nil {
		return nil, ""
	}
	media = "application/json"
	m := op.RequestBody.Value.Content[media]
	if m == nil {
		for name := range op.RequestBody.Value.Content {
			if strings.HasSuffix(name, "json") && (m == nil || name < media) {
				media, m = name, op.RequestBody.Value.Content[name]
			}
		}
	}
	if m == nil || m.Schema == nil {
		return nil, ""
	}
	shape := m.Schema.Value
	for len(shape.Properties) == 0 && len(shape.AnyOf) > 0 {
		shape = shape.AnyOf[0].Value
	}
	example, _ := exampleOf(shape).(map[string]any)
	if example == nil {
		example = map[string]any{}
	}
	with := func(name string, value any) string {
		changed := map[string]any{}
		for k, v := range example {
			changed[k] = v
		}
		if changed[name] = value; value == absent {
			delete(changed, name)
		}
		return encoded(changed)
	}
	all = append(all, trial{"what the document shows", encoded(example)},
		trial{"a member that there is not", with("no_such_member", 1)},
		trial{"an array", "[]"}, trial{"a number", "1"}, trial{"nothing", "null"})
	for _, name := range names(shape.Properties) {
		if _, shown := example[name]; shown {
			all = append(all, trial{"without " + name, with(name, absent)})
		}
		for _, v := range trials(shape.Properties[name].Value) {
			all = append(all, trial{name + ": " + v.try, with(name, v.value)})
		}
	}
	return all, media
}

// encoded is a value as JSON; what is made of a document can be.
func encoded(v any) string {
	var b bytes.Buffer
	encode(&b, v)
	return b.String()
}
