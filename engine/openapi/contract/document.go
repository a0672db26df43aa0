// Package contract holds what an application does against what its OpenAPI
// document says: Document.Hold one exchange, Run calls of its own making for every
// operation. It is what `dowel test --contract` runs.
package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/dowel-dev/dowel/schema"
)

// Exchange is a request and its answer.
type Exchange struct {
	Request *http.Request
	Sent    []byte // the content of the request
	Status  int
	Header  http.Header
	Body    []byte
}

// Document is an OpenAPI document that exchanges can be held against.
type Document struct {
	of       *schema.Schema
	exact    bool
	raw      any
	doc      *openapi3.T
	mount    string
	schemas  *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

// String is the version of OpenAPI that the document is written in.
func (c *Document) String() string { return c.doc.OpenAPI }

// Read reads the document of an application, 3.1 or 3.0.
func Read(text []byte, of *schema.Schema) (*Document, error) {
	c := &Document{of: of, compiled: map[string]*jsonschema.Schema{}}
	if err := json.Unmarshal(text, &c.raw); err != nil {
		return nil, err
	}
	shut(c.raw)
	strict, err := json.Marshal(c.raw)
	if err != nil {
		return nil, err
	}
	if c.doc, err = openapi3.NewLoader().LoadFromData(strict); err != nil {
		return nil, err
	}
	c.exact = strings.HasPrefix(c.doc.OpenAPI, "3.1")
	c.mount = strings.TrimSuffix(c.doc.Servers[0].URL, "/")
	c.schemas = jsonschema.NewCompiler()
	c.schemas.DefaultDraft(jsonschema.Draft2020)
	c.schemas.AssertFormat()
	return c, c.schemas.AddResource("doc.json", c.raw)
}

// shut forbids members that schemas do not speak of, so that none goes unnoticed.
func shut(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok && v["type"] != nil && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
		for _, inner := range v {
			shut(inner)
		}
	case []any:
		for _, inner := range v {
			shut(inner)
		}
	}
}

// Hold returns what an exchange has that the document has not: what succeeds must
// have been said, what is answered must be, and nothing else. Of a plain document only that
// whoever sends what it says gets what it says.
func (c *Document) Hold(x *Exchange) error {
	path, pairs, ours := c.target(x.Request.RequestURI)
	method := x.Request.Method
	if !ours || method == http.MethodOptions || x.Status == http.StatusMethodNotAllowed {
		return nil
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	template := c.template(path, method)
	item := c.doc.Paths.Value(template)
	if item == nil || item.GetOperation(method) == nil {
		if x.Status < 400 {
			return errors.New("there is no such operation")
		}
		return nil
	}
	op := item.GetOperation(method)
	asked := c.asked(x, item, op, template, method, pairs)
	switch {
	case asked == errApart:
		return nil
	case asked != nil && c.exact && x.Status < 400:
		return fmt.Errorf("succeeded, although %w", asked)
	case asked != nil && !c.exact:
		return nil
	}
	return c.answered(x, op, "/paths/"+escaped(template)+"/"+strings.ToLower(method))
}

// target takes a request target apart: the path below the mount without modifiers, and all that is asked.
func (c *Document) target(uri string) (path string, pairs [][2]string, ours bool) {
	raw, query, _ := strings.Cut(uri, "?")
	raw, ours = strings.CutPrefix(raw, c.mount)
	var parts []string
	depth, start := 0, 0
	for i := 0; i <= len(raw); i++ {
		switch {
		case i < len(raw) && raw[i] == '(':
			depth++
		case i < len(raw) && raw[i] == ')':
			depth--
		case i == len(raw) || raw[i] == '/' || raw[i] == ';' && depth <= 0:
			parts = append(parts, raw[start:i])
			start = i
		}
	}
	for _, p := range parts {
		if modifier, ok := strings.CutPrefix(p, ";"); ok {
			if modifier == "compound" && strings.Trim(path, "/") == "" {
				path = "/;compound"
				continue
			}
			query += "&" + modifier
			continue
		}
		path += p
	}
	for _, pair := range strings.Split(query, "&") {
		if pair == "" {
			continue
		}
		name, value, valued := strings.Cut(pair, "=")
		if !valued {
			value = "true"
		}
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value)
		pairs = append(pairs, [2]string{name, value})
	}
	if path = strings.TrimSuffix(path, "/"); path == "" {
		path = "/"
	}
	return path, pairs, ours
}

// template finds the path of the document that a path is of: names win over variables.
// A record may be called like a bulk operation: what is no POST is about the record.
func (c *Document) template(path, method string) string {
	best, most := "", -1
	for template, item := range c.doc.Paths.Map() {
		if strings.Contains(template, "/bulk-") && item.GetOperation(method) == nil {
			continue
		}
		want, got := strings.Split(template, "/"), strings.Split(path, "/")
		if len(want) != len(got) {
			continue
		}
		score := 0
		for i := range want {
			plain, err := url.PathUnescape(got[i])
			switch {
			case err == nil && want[i] == plain:
				score++
			case strings.HasPrefix(want[i], "{") && got[i] != "":
			default:
				score = -len(want) - 1
			}
		}
		if score > most {
			best, most = template, score
		}
	}
	return best
}

// asked holds a request against the document.
func (c *Document) asked(x *Exchange, item *openapi3.PathItem, op *openapi3.Operation, template, method string, pairs [][2]string) error {
	known := map[string]*openapi3.Parameter{}
	for _, p := range slices.Concat(item.Parameters, op.Parameters) {
		known[p.Value.In+" "+p.Value.Name] = p.Value
	}
	given := map[string]bool{}
	for _, pair := range pairs {
		name := pair[0]
		if name == "q" {
			name = "search"
		}
		if (name == "with" || name == "fields") && c.apart(name, pair[1]) {
			return errApart
		}
		p := known["query "+name]
		if p == nil {
			if strings.Contains(name, ".") && filters(op) {
				continue // along a relation
			}
			return fmt.Errorf("it has no parameter %s", name)
		}
		given[name] = true
		if err := c.value(p, pair[1]); err != nil {
			return fmt.Errorf("its parameter %s is %q: %w", name, pair[1], err)
		}
	}
	path, _, _ := c.target(x.Request.RequestURI)
	segments, got := strings.Split(template, "/"), strings.Split(path, "/")
	for i, segment := range segments {
		if name, variable := strings.CutPrefix(segment, "{"); variable {
			plain, _ := url.PathUnescape(got[i])
			if err := c.value(known["path "+strings.TrimSuffix(name, "}")], plain); err != nil {
				return fmt.Errorf("its path: %w", err)
			}
		}
	}
	for key, p := range known {
		if p.Required && strings.HasPrefix(key, "query ") && !given[p.Name] {
			return fmt.Errorf("it needs the parameter %s", p.Name)
		}
		if p.Required && p.In == "header" && x.Request.Header.Get(p.Name) == "" {
			return fmt.Errorf("it needs the header field %s", p.Name)
		}
	}
	if accept := x.Request.Header.Get("Accept"); !c.exact && accept != "" && !strings.Contains(accept, "json") && !strings.Contains(accept, "*/*") {
		return fmt.Errorf("it answers JSON alone")
	}
	err := c.sent(x, op, "/paths/"+escaped(template)+"/"+strings.ToLower(method))
	if err != nil && c.secluded(x.Sent) {
		return errApart
	}
	return err
}

// errApart is what a document leaves out on purpose.
var errApart = errors.New("left out on purpose")

// apart reports whether an expansion leads to what a document leaves out on
// purpose: classes that are not published, and of the plain one sets as records.
func (c *Document) apart(option, value string) bool {
	walked := map[string]bool{}
	for _, element := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(",()", r) }) {
		parts := strings.Split(element, ".")
		if option == "fields" {
			parts = parts[:len(parts)-1] // the last is shown, and not walked
		}
		for _, name := range parts {
			walked[name] = true
		}
	}
	for _, class := range c.of.Classes {
		for _, r := range class.Relations {
			if walked[r.Name] && (!r.To.Expose || !c.exact && r.Kind == schema.Link) {
				return true
			}
		}
	}
	return false
}

// secluded reports whether content finds a record of a class that is not
// published by its unique key.
func (c *Document) secluded(content []byte) bool {
	for _, class := range c.of.Classes {
		for _, r := range class.Relations {
			if !r.To.Expose && bytes.Contains(content, []byte(`"`+r.JSON+`": {`)) {
				return true
			}
		}
	}
	return false
}

// filters reports whether an operation is documented to take filters.
func filters(op *openapi3.Operation) bool {
	return slices.ContainsFunc(op.Parameters, func(p *openapi3.ParameterRef) bool { return strings.Contains(p.Ref, "Filter.") })
}

// value holds the text of a parameter against its schema, as the JSON it stands for.
func (c *Document) value(p *openapi3.Parameter, text string) error {
	s := p.Schema.Value
	var err error
	for _, v := range readings(s, text) {
		if err = s.VisitJSON(v); err == nil {
			return nil
		}
	}
	return err
}

func readings(s *openapi3.Schema, text string) []any {
	all := []any{text}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		all = append(all, n)
	}
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on", "false", "0", "no", "off":
		if s.Type != nil && s.Type.Is("boolean") {
			all = append(all, true)
		}
	}
	return all
}

// sent holds the content of a request against the document.
func (c *Document) sent(x *Exchange, op *openapi3.Operation, at string) error {
	if op.RequestBody == nil {
		if len(x.Sent) > 0 && strings.TrimSpace(string(x.Sent)) != "{}" {
			return fmt.Errorf("it takes no content")
		}
		return nil
	}
	if len(x.Sent) == 0 {
		if op.RequestBody.Value.Required {
			return fmt.Errorf("it needs content")
		}
		return nil
	}
	name, _, _ := strings.Cut(strings.ToLower(x.Request.Header.Get("Content-Type")), ";")
	media := op.RequestBody.Value.Content.Get(name)
	if media == nil {
		return fmt.Errorf("it takes no content of type %s", name)
	}
	return c.fits(media, at+"/requestBody/content/"+escaped(name)+"/schema", name, x.Sent)
}

// answered holds an answer against the document.
func (c *Document) answered(x *Exchange, op *openapi3.Operation, at string) error {
	ref := op.Responses.Value(strconv.Itoa(x.Status))
	if ref == nil {
		return fmt.Errorf("the status is not documented")
	}
	at += "/responses/" + strconv.Itoa(x.Status)
	if ref.Ref != "" {
		at = strings.TrimPrefix(ref.Ref, "#")
	}
	for name := range x.Header {
		if !everywhere[name] && !slices.ContainsFunc(headersOf(ref.Value), func(h string) bool { return strings.EqualFold(h, name) }) {
			return fmt.Errorf("the header field %s is not documented", name)
		}
	}
	if len(x.Body) == 0 {
		bodiless := len(ref.Value.Content) == 0 || x.Request.Method == http.MethodHead || x.Header.Get("Preference-Applied") == "return=minimal"
		if !bodiless && x.Status != http.StatusCreated { // what was made may not be seen
			return fmt.Errorf("there is no content")
		}
		return nil
	}
	name, _, _ := strings.Cut(x.Header.Get("Content-Type"), ";")
	media := ref.Value.Content.Get(name)
	if media == nil {
		return fmt.Errorf("content of type %s is not documented", name)
	}
	return c.fits(media, at+"/content/"+escaped(name)+"/schema", name, x.Body)
}

// everywhere are the header fields that HTTP itself explains.
var everywhere = map[string]bool{
	"Cache-Control": true, "Connection": true, "Content-Disposition": true, "Content-Encoding": true, "Content-Length": true,
	"Content-Type": true, "Vary": true, "X-Content-Type-Options": true,
}

func headersOf(r *openapi3.Response) (names []string) {
	for name := range r.Headers {
		names = append(names, name)
	}
	return names
}

// fits holds content against its schema.
func (c *Document) fits(media *openapi3.MediaType, at, name string, content []byte) error {
	if !strings.HasSuffix(name, "json") || strings.HasSuffix(name, "ndjson") {
		return nil
	}
	if !c.exact {
		var v any
		if err := json.Unmarshal(content, &v); err != nil {
			return err
		}
		return media.Schema.Value.VisitJSON(v)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	if err != nil {
		return err
	}
	s := c.compiled[at]
	if s == nil {
		if s, err = c.schemas.Compile("doc.json#" + at); err != nil {
			return err
		}
		c.compiled[at] = s
	}
	return s.Validate(v)
}

// escaped is a name as JSON Pointers in fragments have it.
func escaped(name string) string {
	return url.PathEscape(strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1"))
}
