package engine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/schema"
)

// TestNothingIsUndocumented holds every conversation against the documents that
// its application serves. Of the exact one: what succeeds was said, what is
// answered is said, and nothing is said that is not. Of the plain one: whoever
// sends what it says gets what it says.
func TestNothingIsUndocumented(t *testing.T) {
	var files []string
	for _, pattern := range []string{"testdata/*/*.txtar", "../examples/testdata/*/*.txtar"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatal(pattern, err)
		}
		files = append(files, found...)
	}
	known := map[string]*contract{}
	for _, file := range files {
		kind := filepath.Base(filepath.Dir(file)) // a style, an example, or neither
		t.Run(kind+"/"+strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			settings, folder := engine.Settings{}, os.DirFS("../examples/"+kind)
			if kind == "plain" || kind == "envelope" {
				settings.Style, folder = kind, os.DirFS("../examples/crm")
			}
			if len(archive.Files) > 0 {
				all := fstest.MapFS{}
				for _, f := range archive.Files {
					all[f.Name] = &fstest.MapFile{Data: f.Data}
				}
				folder = all
			}
			app := enginetest.Open(t, folder, enginetest.Options{Settings: settings})
			exact, plain := contractOf(t, app, "/openapi.json", known), contractOf(t, app, "/openapi-3.0.json", known)
			engine.Behind(app.Engine, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					x := exchangeOf(t, next, r)
					exact.hold(t, x)
					plain.hold(t, x)
					x.send(w)
				})
			})
			app.Run(t, file, string(archive.Comment))
		})
	}
}

// traffic is a request and its answer.
type traffic struct {
	r      *http.Request
	sent   []byte
	status int
	header http.Header
	body   []byte
}

func exchangeOf(t *testing.T, next http.Handler, r *http.Request) *traffic {
	t.Helper()
	x := &traffic{r: r}
	if r.Body != nil {
		var err error
		if x.sent, err = io.ReadAll(r.Body); err != nil {
			t.Fatal(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(x.sent))
	}
	w := httptest.NewRecorder()
	next.ServeHTTP(w, r)
	x.status, x.header, x.body = w.Code, w.Result().Header, w.Body.Bytes()
	return x
}

func (x *traffic) send(w http.ResponseWriter) {
	for name, values := range x.header {
		w.Header()[name] = values
	}
	w.WriteHeader(x.status)
	_, _ = w.Write(x.body)
}

// contract is a document that exchanges can be held against.
type contract struct {
	app      *enginetest.App
	exact    bool
	raw      any
	doc      *openapi3.T
	mount    string
	schemas  *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

// contractOf reads a document, unless it is one of those known.
func contractOf(t *testing.T, app *enginetest.App, path string, known map[string]*contract) *contract {
	t.Helper()
	res := app.Do(t, "GET", path, "")
	if res.Status != 200 {
		t.Fatal(path, res.Status, res.Body)
	}
	if known[res.Body] != nil {
		return known[res.Body]
	}
	c := &contract{app: app, exact: path == "/openapi.json", compiled: map[string]*jsonschema.Schema{}}
	if err := json.Unmarshal([]byte(res.Body), &c.raw); err != nil {
		t.Fatal(err)
	}
	shut(c.raw)
	strict, err := json.Marshal(c.raw)
	if err != nil {
		t.Fatal(err)
	}
	if c.doc, err = openapi3.NewLoader().LoadFromData(strict); err != nil {
		t.Fatal(err)
	}
	c.mount = strings.TrimSuffix(c.doc.Servers[0].URL, "/")
	c.schemas = jsonschema.NewCompiler()
	c.schemas.DefaultDraft(jsonschema.Draft2020)
	c.schemas.AssertFormat()
	if err := c.schemas.AddResource("doc.json", c.raw); err != nil {
		t.Fatal(err)
	}
	known[res.Body] = c
	return c
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

// hold reports what an exchange has that the document has not.
func (c *contract) hold(t *testing.T, x *traffic) {
	t.Helper()
	path, pairs, ours := c.target(x.r.RequestURI)
	method := x.r.Method
	if !ours || method == http.MethodOptions || x.status == http.StatusMethodNotAllowed {
		return
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	wrong := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s: %s %s answered %d: %s\n%s\n%s", c.doc.OpenAPI, x.r.Method, x.r.RequestURI, x.status, fmt.Sprintf(format, args...), x.sent, x.body)
	}
	template := c.template(path, method)
	item := c.doc.Paths.Value(template)
	if item == nil || item.GetOperation(method) == nil {
		if x.status < 400 {
			wrong("there is no such operation")
		}
		return
	}
	op := item.GetOperation(method)
	asked := c.asked(x, item, op, template, method, pairs)
	switch {
	case asked == errApart:
		return
	case asked != nil && c.exact && x.status < 400:
		wrong("succeeded, although %v", asked)
	case asked != nil && !c.exact:
		return
	}
	if err := c.answered(x, op, "/paths/"+escaped(template)+"/"+strings.ToLower(method)); err != nil {
		wrong("%v", err)
	}
}

// target takes a request target apart: the path below the mount without modifiers, and all that is asked.
func (c *contract) target(uri string) (path string, pairs [][2]string, ours bool) {
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
func (c *contract) template(path, method string) string {
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
func (c *contract) asked(x *traffic, item *openapi3.PathItem, op *openapi3.Operation, template, method string, pairs [][2]string) error {
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
	path, _, _ := c.target(x.r.RequestURI)
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
		if p.Required && p.In == "header" && x.r.Header.Get(p.Name) == "" {
			return fmt.Errorf("it needs the header field %s", p.Name)
		}
	}
	if accept := x.r.Header.Get("Accept"); !c.exact && accept != "" && !strings.Contains(accept, "json") && !strings.Contains(accept, "*/*") {
		return fmt.Errorf("it answers JSON alone")
	}
	err := c.sent(x, op, "/paths/"+escaped(template)+"/"+strings.ToLower(method))
	if err != nil && c.secluded(x.sent) {
		return errApart
	}
	return err
}

// errApart is what a document leaves out on purpose.
var errApart = errors.New("left out on purpose")

// apart reports whether an expansion leads to what a document leaves out on
// purpose: classes that are not published, and of the plain one sets as records.
func (c *contract) apart(option, value string) bool {
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
	for _, class := range c.app.Schema().Classes {
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
func (c *contract) secluded(content []byte) bool {
	for _, class := range c.app.Schema().Classes {
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
func (c *contract) value(p *openapi3.Parameter, text string) error {
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
func (c *contract) sent(x *traffic, op *openapi3.Operation, at string) error {
	if op.RequestBody == nil {
		if len(x.sent) > 0 && strings.TrimSpace(string(x.sent)) != "{}" {
			return fmt.Errorf("it takes no content")
		}
		return nil
	}
	if len(x.sent) == 0 {
		if op.RequestBody.Value.Required {
			return fmt.Errorf("it needs content")
		}
		return nil
	}
	name, _, _ := strings.Cut(x.r.Header.Get("Content-Type"), ";")
	media := op.RequestBody.Value.Content[name]
	if media == nil {
		return fmt.Errorf("it takes no content of type %s", name)
	}
	return c.fits(media, at+"/requestBody/content/"+escaped(name)+"/schema", name, x.sent)
}

// answered holds an answer against the document.
func (c *contract) answered(x *traffic, op *openapi3.Operation, at string) error {
	ref := op.Responses.Value(strconv.Itoa(x.status))
	if ref == nil {
		return fmt.Errorf("the status is not documented")
	}
	at += "/responses/" + strconv.Itoa(x.status)
	if ref.Ref != "" {
		at = strings.TrimPrefix(ref.Ref, "#")
	}
	for name := range x.header {
		if !everywhere[name] && !slices.ContainsFunc(headersOf(ref.Value), func(h string) bool { return strings.EqualFold(h, name) }) {
			return fmt.Errorf("the header field %s is not documented", name)
		}
	}
	if len(x.body) == 0 {
		bodiless := len(ref.Value.Content) == 0 || x.r.Method == http.MethodHead || x.header.Get("Preference-Applied") == "return=minimal"
		if !bodiless && x.status != http.StatusCreated { // what was made may not be seen
			return fmt.Errorf("there is no content")
		}
		return nil
	}
	name, _, _ := strings.Cut(x.header.Get("Content-Type"), ";")
	media := ref.Value.Content[name]
	if media == nil {
		return fmt.Errorf("content of type %s is not documented", name)
	}
	return c.fits(media, at+"/content/"+escaped(name)+"/schema", name, x.body)
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
func (c *contract) fits(media *openapi3.MediaType, at, name string, content []byte) error {
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
