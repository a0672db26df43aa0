package request

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestOperations holds the list that documents are made of against what the
// parser offers: every operation of it, and none besides.
func TestOperations(t *testing.T) {
	s := crm()
	p := &Parser{Schema: s, Mount: "/api"}
	variable := regexp.MustCompile(`\{[^}]*\}`)
	for _, c := range s.Classes {
		listed := map[string][]string{}
		for _, op := range Operations(c) {
			path := op.Path
			for _, f := range op.Properties {
				path = strings.Replace(op.Path, "{property}", f.JSON, 1)
			}
			path = "/api" + variable.ReplaceAllString(path, idOf(c.Name))
			listed[path] = append(listed[path], op.Method)
			if (op.Content == NoContent) != (op.Types == nil) || op.Class == nil || op.From != c {
				t.Errorf("%s %s is incomplete: %+v", op.Method, op.Path, op)
			}
		}
		if len(listed) > 0 != c.Expose {
			t.Errorf("%s is exposed: %v, and has %d paths", c.Name, c.Expose, len(listed))
		}
		for path, methods := range listed {
			offered, err := p.Allow(&http.Request{URL: &url.URL{Path: path}})
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			action := c.Action(path[strings.LastIndexByte(path, '/')+1:])
			offered = slices.DeleteFunc(offered, func(m string) bool {
				both := action != nil && action.OnCollection && m != action.Method // the name of the action is an id, too
				both = both || strings.Contains(path, "/bulk-") && m != http.MethodPost
				return m == http.MethodHead || m == http.MethodOptions || both
			})
			slices.Sort(offered)
			slices.Sort(methods)
			if !slices.Equal(offered, methods) {
				t.Errorf("%s offers %v, and %v are listed", path, offered, methods)
			}
		}
	}
}

// idOf is an id that a record of the class can have.
func idOf(class string) string {
	if class == "rating" {
		return "1-2"
	}
	return "1"
}
