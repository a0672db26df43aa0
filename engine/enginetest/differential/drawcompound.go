package differential

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// compoundTarget is where several requests go at once.
const compoundTarget = "/api;compound"

// made is a row that an earlier action of the same compound makes.
type made struct {
	name string
	c    *schema.Class
}

// compound draws several requests in one. Later ones use what earlier ones make.
func (d *drawer) compound() step {
	var all []string
	var rows []made
	listed := d.once(4)
	for i := range d.between(1, 4) {
		name := fmt.Sprintf("s%d", i)
		if listed {
			name = fmt.Sprint(i)
		}
		s, makes := d.part(rows)
		if makes != nil {
			rows = append(rows, made{name, makes})
		}
		text := d.action(&s)
		if !listed {
			text = quoted(name) + ":" + text
		}
		all = append(all, text)
	}
	content := "{" + strings.Join(all, ",") + "}"
	if listed {
		content = "[" + strings.Join(all, ",") + "]"
	}
	content = `{"actions":` + content
	if d.once(3) {
		content += `,"atomic":false`
	}
	s := step{method: "POST", target: compoundTarget, content: content + "}"}
	if d.once(8) {
		s.target += "?dry_run=true"
	}
	return s
}

// part draws one of the requests, and says of which class it makes a row.
func (d *drawer) part(rows []made) (step, *schema.Class) {
	c := pick(d.dice, d.exposed())
	if len(rows) > 0 && d.most(3) {
		from := pick(d.dice, rows)
		id := "{" + from.name + "." + d.keyName(from.c) + "}"
		for _, other := range d.exposed() {
			for _, f := range other.Fields {
				if f.Ref != nil && f.Ref.To == from.c && d.sendable(f, creating) && d.once(2) {
					content := d.object(other, creating, f)
					ref := quoted(f.JSON) + `:{"$ref":` + quoted(strings.Trim(id, "{}")) + "}"
					if content != "{}" {
						ref += ","
					}
					return step{method: "POST", target: "/api/" + other.Collection, content: "{" + ref + content[1:]}, other
				}
			}
		}
		place := "/api/" + from.c.Collection + "/" + id
		switch d.IntN(4) {
		case 0:
			return step{method: "GET", target: place}, nil
		case 1:
			return step{method: "DELETE", target: place}, nil
		case 2:
			return step{method: "GET", target: "/api/" + from.c.Collection + "?$param"}, nil
		}
		return step{method: "PATCH", target: place, content: d.object(from.c, patching, nil)}, nil
	}
	if d.once(2) {
		c = d.possible(c)
		return step{method: "POST", target: "/api/" + c.Collection, content: d.object(c, creating, nil)}, c
	}
	kind := kinds[d.weighted(kindWeights)]
	if kind.row && len(d.known(c)) == 0 && d.most(10) {
		kind = kinds[creation]
	}
	s := kind.draw(d, c)
	d.conditional(&s)
	return s, nil
}

// action writes a request as a compound has it.
func (d *drawer) action(s *step) string {
	path, query, _ := strings.Cut(strings.TrimPrefix(s.target, "/api"), "?")
	b := `{"method":` + quoted(strings.Replace(s.method, "HEAD", "GET", 1)) + `,"path":` + quoted(path)
	switch {
	case query == "$param":
		b += `,"params":{"id":{"$ref":"0.id"},"limit":3}`
	case query != "" && d.once(2):
		b += `,"queryString":` + quoted(query)
	case query != "":
		if pairs, err := url.ParseQuery(query); err == nil && !strings.Contains(query, ";") {
			text, _ := json.Marshal(pairs)
			b += `,"params":` + string(text)
		} else {
			b += `,"queryString":` + quoted(query)
		}
	}
	for _, f := range s.fields {
		name, value, _ := strings.Cut(f, ": ")
		switch name {
		case "If-Match":
			b += `,"if_match":` + quoted(value)
		case "Content-Type":
			b += `,"contentType":` + quoted(value)
		}
	}
	switch {
	case s.content == "":
	case json.Valid([]byte(s.content)) && d.most(8):
		b += `,"contentObject":` + s.content
	default:
		b += `,"content":` + quoted(s.content)
	}
	return b + "}"
}

var (
	stepTag     = regexp.MustCompile(`"etag":"\\"[0-9-]+\.`)
	stepProblem = regexp.MustCompile(`"(type|title|detail|instance|hint|request_id)":"(\\.|[^"\\])*",?`)
	stepFaults  = regexp.MustCompile(`"errors":\[.*?\],?("request_id"|"retry")`)
)

// toldTogether is the content of the answer to a compound as it must be on every
// store: which of several broken constraints a refusal names is left open.
func toldTogether(body string) string {
	body = stepTag.ReplaceAllString(body, `"etag":"….`)
	body = stepFaults.ReplaceAllString(body, "$1")
	return stepProblem.ReplaceAllString(body, "")
}
