package hostile_test

import (
	"fmt"
	"strings"
	"testing"
)

// Every limit holds to the unit: what is just allowed works, one more is refused.
func TestLimits(t *testing.T) {
	w := filled(t, true, 1, 1)
	rep := strings.Repeat
	list := func(n int, item func(i int) string, sep string) string {
		var all []string
		for i := range n {
			all = append(all, item(i))
		}
		return strings.Join(all, sep)
	}
	get := func(target string) request { return request{"GET", target, "", nil, manager} }
	post := func(target, content string) request { return request{"POST", target, content, nil, manager} }
	tests := []struct {
		name    string
		most    int
		want    int // status of what is just allowed
		refused int // status of one more
		make    func(n int) request
	}{
		{"target", 16 << 10, 200, 414, func(n int) request { return get("/api/tags?" + rep("&", n-len("/api/tags?"))) }},
		{"header fields", 100, 200, 431, func(n int) request {
			r := get("/api/tags")
			for i := range n - 2 { // beside Authorization and X-Request-Id
				r.fields = append(r.fields, fmt.Sprintf("X-%d: 1", i))
			}
			return r
		}},
		{"body", 1 << 20, 201, 413, func(n int) request {
			c := fmt.Sprintf(`{"name":"body-%d"}`, n)
			return post("/api/tags", c+rep(" ", n-len(c)))
		}},
		{"depth", 64, 201, 400, func(n int) request { return post("/api/things", `{"name":"x","free":`+rep("[", n-1)+rep("]", n-1)+`}`) }},
		{"members", 10_000, 201, 400, func(n int) request {
			return post("/api/things", `{"name":"x","free":{`+list(n-2, func(i int) string { return fmt.Sprintf(`"m%d":1`, i) }, ",")+`}}`)
		}},
		{"number", 64, 201, 400, func(n int) request { return post("/api/things", `{"name":"x","free":`+rep("1", n)+`}`) }},
		{"filters", 64, 200, 409, func(n int) request {
			return get("/api/things?" + list(n, func(i int) string { return "name=not:eq:x" + fmt.Sprint(i) }, "&"))
		}},
		{"filters of an expansion", 64, 200, 409, func(n int) request {
			return get("/api/things?with=notes(" + list(n, func(i int) string { return "text=not:eq:x" + fmt.Sprint(i) }, ";") + ")")
		}},
		{"terms of where", 64, 200, 409, func(n int) request {
			return get("/api/things?where=" + list(n, func(int) string { return "count=1" }, "%20or%20"))
		}},
		{"depth of where", 8, 200, 409, func(n int) request { return get("/api/things?where=" + rep("(", n) + "flag" + rep(")", n)) }},
		{"walk", 8, 200, 409, func(n int) request { return get("/api/things?" + rep("parent.", n) + "name=x") }},
		{"walk of where", 8, 200, 409, func(n int) request { return get("/api/things?where=" + rep("rivals.", n) + "name='x'") }},
		{"walk of an order", 8, 200, 409, func(n int) request { return get("/api/things?orderBy=" + rep("parent.", n) + "name") }},
		{"in", 1000, 200, 409, func(n int) request { return get("/api/things?id=in:" + list(n, func(int) string { return "1" }, ",")) }},
		{"in of where", 1000, 200, 409, func(n int) request {
			return get("/api/things?where=id%20in%20(" + list(n, func(int) string { return "1" }, ",") + ")")
		}},
		{"pattern", 256, 200, 409, func(n int) request { return get("/api/things?name=like:" + rep("a", n-1) + "*") }},
		{"pattern of where", 256, 200, 409, func(n int) request { return get("/api/things?where=name%20like%20'" + rep("a", n-1) + "*'") }},
		{"order", 8, 200, 409, func(n int) request {
			return get("/api/things?orderBy=" + strings.Join([]string{"name", "code", "note", "amount", "count", "big", "ratio", "flag", "day"}[:n], ","))
		}},
		{"expansion", 3, 200, 409, func(n int) request { return get("/api/things?limit=1&with=" + rep(".parent", n)[1:]) }},
		{"page", 100, 200, 409, func(n int) request { return get(fmt.Sprintf("/api/things?limit=%d", n)) }},
		{"skip", 10_000, 200, 409, func(n int) request { return get(fmt.Sprintf("/api/things?limit=%d,1", n)) }},
		{"skip by page", 10_000, 200, 409, func(n int) request { return get(fmt.Sprintf("/api/things?limit=1&page=%d", n+1)) }},
		{"items of a list", 1000, 201, 409, func(n int) request {
			return post("/api/plates", "["+list(n, func(i int) string { return fmt.Sprintf(`{"sign":"L%d-%d"}`, n, i) }, ",")+"]")
		}},
		{"records of an import", 1000, 200, 409, func(n int) request {
			return post("/api/plates/bulk-import", "["+list(n, func(i int) string { return fmt.Sprintf(`{"sign":"B%d-%d"}`, n, i) }, ",")+"]")
		}},
		{"content of an import", 16 << 20, 200, 413, func(n int) request {
			return post("/api/plates/bulk-import", "[]"+rep(" ", n-2))
		}},
		{"rows of a bulk update", 1000, 404, 409, func(n int) request {
			return post("/api/plates/bulk-update", `{"set":{},"ids":[`+list(n, func(i int) string { return fmt.Sprint(90000 + i) }, ",")+"]}")
		}},
		{"rows of a bulk deletion", 1000, 403, 409, func(n int) request {
			return post("/api/plates/bulk-delete", `{"ids":[`+list(n, func(i int) string { return fmt.Sprint(90000 + i) }, ",")+"]}")
		}},
		{"rows of a patch", 1000, 404, 409, func(n int) request {
			return request{"PATCH", "/api/plates", "{" + list(n, func(i int) string { return fmt.Sprintf(`"%d":{}`, 90000+i) }, ",") + "}", nil, manager}
		}},
		{"elements of a set", 1000, 409, 409, func(n int) request {
			return request{"PATCH", "/api/things/1", `{"rivals":[` + list(n, func(i int) string { return fmt.Sprint(90000 + i) }, ",") + `]}`, nil, manager}
		}},
		{"rows of a filtered write", 1000, 200, 409, func(n int) request {
			return request{"DELETE", fmt.Sprintf("/api/notes?text=nothing&max_affected=%d", n), "", nil, manager}
		}},
		{"words of a search", 16, 200, 409, func(n int) request { return get("/api/things?search=" + rep("+a", n)[1:]) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if res, ok := w.send(t, tt.make(tt.most)); !ok || res.Status != tt.want {
				t.Errorf("%d: %d, want %d: %.300s", tt.most, res.Status, tt.want, res.Body)
			}
			if res, ok := w.send(t, tt.make(tt.most+1)); !ok || res.Status != tt.refused {
				t.Errorf("%d: %d, want %d: %.300s", tt.most+1, res.Status, tt.refused, res.Body)
			}
		})
	}
	if bad := w.log.alarm(); bad != "" {
		t.Error(bad)
	}
}

// A refusal does not cost what it refuses.
func TestBombs(t *testing.T) {
	w := filled(t, true, 1, 1)
	rep := strings.Repeat
	for _, tt := range []struct {
		name string
		want int
		request
	}{
		{"brackets", 400, request{"POST", "/api/things", rep("[", 1<<19), nil, manager}},
		{"braces", 400, request{"POST", "/api/things", rep(`{"a":`, 1<<17), nil, manager}},
		{"digits", 400, request{"POST", "/api/things", `{"free":` + rep("9", 1<<19) + `}`, nil, manager}},
		{"exponent", 409, request{"POST", "/api/things", `{"name":"x","count":1e999999999}`, nil, manager}},
		{"exponent of a decimal", 409, request{"POST", "/api/things", `{"name":"x","amount":1e400}`, nil, manager}},
		{"exponent of a bigint", 409, request{"POST", "/api/things", `{"name":"x","big":1e18000}`, nil, manager}},
		{"exponent in a text", 409, request{"POST", "/api/things", `{"name":"x","amount":"1e999999999"}`, nil, manager}},
		{"patch that doubles", 409, request{"PATCH", "/api/things/1", "[" + `{"op":"add","path":"/free","value":["` + rep("x", 1000) + `"]}` + rep(`,{"op":"copy","from":"/free","path":"/free/-"}`, 40) + "]", []string{patchType}, manager}},
		{"patch far away", 409, request{"PATCH", "/api/things/1", `[{"op":"add","path":"/words/1000000000","value":"x"}]`, []string{patchType}, manager}},
		{"parentheses", 409, request{"GET", "/api/things?where=" + rep("(", 8000), "", nil, manager}},
		{"not", 409, request{"GET", "/api/things?where=" + rep("not%20", 2600) + "flag", "", nil, manager}},
		{"stars", 200, request{"GET", "/api/things?note=like:" + rep("*a", 120) + "*b", "", nil, manager}},
		{"dots", 409, request{"GET", "/api/things?" + rep("parent.", 2000) + "name=x", "", nil, manager}},
		{"modifiers", 400, request{"GET", "/api/things" + rep(";a=b", 3000), "", nil, manager}},
		{"parameters", 400, request{"GET", "/api/things?" + rep("a%5B%5D=b&", 1500), "", nil, manager}},
		{"expansions", 409, request{"GET", "/api/things?with=" + rep("parent,", 2000) + "x", "", nil, manager}},
		{"fields", 409, request{"GET", "/api/things?fields=" + rep("a.b.c.d.e,", 1500) + "x", "", nil, manager}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, ok := w.send(t, tt.request)
			if !ok || res.Status != tt.want && !(tt.want == 409 && res.Status == 400) {
				t.Errorf("%d, want %d: %.300s", res.Status, tt.want, res.Body)
			}
			if len(res.Body) > 64<<10 && res.Status >= 400 {
				t.Errorf("the refusal has %d bytes", len(res.Body))
			}
		})
	}
}

// What the limits allow together, the databases can do.
func TestLimitsTogether(t *testing.T) {
	w := newTwins(t, everything())
	w.each(func(w *world) { w.fill(t, chance(1, 1), chance(1, 2)) })
	rep := strings.Repeat
	var terms []string
	for i := range 64 {
		terms = append(terms, []string{rep("parent.", 8) + "name", rep("rivals.", 8) + "name", rep("notes.thing.", 4) + "name", rep("parent.children.", 4) + "notes_count"}[i%4]+"=not:is:null")
	}
	deep := "things.parent.owner.owned.notes.thing.box.name"
	for _, target := range []string{
		"/api/things?" + strings.Join(terms, "&"),
		"/api/things?where=" + rep("not%20", 8) + rep("notes.thing.", 4) + "name%20is%20null",
		"/api/boxes?where=" + rep("(", 8) + deep + "%20=%20'x'" + rep(")", 8) + rep("%20or%20"+deep+"%20=%20'x'", 63),
		"/api/things?orderBy=" + strings.Join([]string{rep("parent.", 8) + "name", rep("parent.", 7) + "code", rep("parent.", 8) + "amount", rep("parent.", 6) + "box.weight", "notes_count", "children_total", rep("parent.", 8) + "children_total", "box.up.up.up.up.up.up.heaviest"}, ","),
		"/api/things?fields=*,notes_count,children_total&with=parent.parent.parent,children.children.children,rivals.rivals.rivals,box.parts.parts,owner.owned.notes,tags.things.tags",
	} {
		for _, who := range []int{agent} {
			w.send(t, request{"GET", target, "", nil, who})
		}
	}
}
