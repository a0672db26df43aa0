package request

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/actions"
)

func TestCompound(t *testing.T) {
	tests := []struct{ name, content, want string }{
		{"by name", `{"actions": {"a": {"method": "GET", "path": "/customers/7"}, "b": {"method": "DELETE", "path": "/customers/8", "if_match": "1.x"}}}`,
			`{"do":"compound","steps":[{"name":"a","action":{"do":"get","class":"customer","id":"7"}},` +
				`{"name":"b","action":{"do":"delete","class":"customer","id":"8","if":{"match":["1.x"],"has_match":true}}}]}`},
		{"by number, apart", `{"atomic": false, "actions": [{"method": "GET", "path": ";keyByIds/customers", "params": {"status": ["ne:lost", "active"], "limit": 5}}]}`,
			`{"do":"compound","steps":[{"name":"0","action":{"do":"search","class":"customer","filter":[{"path":"status","op":"ne","args":["lost"]},{"path":"status","op":"eq","args":["active"]}],"limit":5,"output":{"key_by_ids":true}}}],"listed":true,"apart":true}`},
		{"nothing", `{"actions": []}`, `{"do":"compound","listed":true}`},
		{"references", `{"actions": {"a": {"method": "GET", "path": "/customers/7"}, "b": {"method": "POST", "path": "/customers/{a.id}/orders", "if_match": {"$ref": "a"},
			"contentObject": {"number": {"$ref": "a.name"}, "x": [1, {"$ref": "a.x.0"}], "y": {"$$ref": {"$ref": "a"}}, "z": {"$ref": "a", "b": 1}}},
			"c": {"method": "GET", "path": "/orders", "params": {"number": {"$ref": "a.n"}}}}}`,
			`{"do":"compound","steps":[{"name":"a","action":{"do":"get","class":"customer","id":"7"}},` +
				`{"name":"b","action":{"do":"create","class":"order","parent":{"class":"customer","id":"{a.id}","relation":"orders"},"content":{"number":null,"x":[1,null],"y":{"$ref":null},"z":{"$ref":"a","b":1}},"if":{"match":["{a}"],"has_match":true}},` +
				`"refs":[{"at":"/content/number","from":"a.name"},{"at":"/content/x/1","from":"a.x.0"},{"at":"/content/y/$ref","from":"a"},{"at":"/parent/id","from":"a.id"},{"at":"/if/match/0","from":"a"}]},` +
				`{"name":"c","action":{"do":"search","class":"order","filter":[{"path":"number","op":"eq","args":["{a.n}"]}]},"refs":[{"at":"/filter/0/args/0","from":"a.n"}]}]}`},
		{"a JSON patch", `{"actions": [{"method": "PATCH", "path": "/customers/7", "contentObject": []}]}`,
			`{"do":"compound","steps":[{"name":"0","action":{"do":"patch","class":"customer","id":"7","json_patch":true,"content":[]}}],"listed":true}`},
		{"content as text", `{"actions": [{"method": "PATCH", "path": "/customers/7", "content": "{\"name\": \"x\"}", "contentObject": null, "contentType": "application/merge-patch+json"}]}`,
			`{"do":"compound","steps":[{"name":"0","action":{"do":"patch","class":"customer","id":"7","content":{"name":"x"}}}],"listed":true}`},
		{"null where a value is replaced", `{"actions": [{"method": "PUT", "path": "/customers/7/name", "contentObject": null}]}`,
			`{"do":"compound","steps":[{"name":"0","action":{"do":"patch","class":"customer","id":"7","property":"name","content":null}}],"listed":true}`},
		{"what cannot be read, apart", `{"atomic": false, "actions": {"a": {"method": "GET"}, "b": {"method": "GET", "path": "/x"}}}`,
			`{"do":"compound","steps":[{"name":"a","refused":{"code":"action-invalid","detail":"` + "`path`" + ` is required.","errors":[{"code":"required","detail":"` + "`path`" + ` is required.","pointer":"/actions/a/path"}]}},` +
				`{"name":"b","refused":{"code":"not-found","detail":"There is no collection ` + "`x`" + `."}}],"apart":true}`},
		{"an id that cannot be one", `{"actions": {"a/b": {"method": "GET", "path": "/customers/x"}}}`, "not-found [/actions/a~1b]: There is no such customer."},
		{"nested", `{"actions": [{"method": "POST", "path": ";compound", "contentObject": {"actions": []}}]}`, "action-invalid [/actions/0] [/actions/0]: A compound cannot be a step of a compound."},
		{"a mark is no id of ours", `{"actions": [{"method": "GET", "path": "/customers/ref-0-0"}]}`, "not-found [/actions/0]: There is no such customer."},
		{"a broken escape", `{"actions": [{"method": "GET", "path": "/customers/%zz"}]}`, "bad-path [/actions/0]: The path of an action cannot be read"},
	}
	p := &Parser{Schema: crm()}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := outcome(p, ask("POST /api;compound", nil, tt.content))
			if got != tt.want && !(tt.want[0] != '{' && strings.HasPrefix(got, tt.want)) {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestCompoundLimit(t *testing.T) {
	p := &Parser{Schema: crm()}
	of := func(n int) string {
		return `{"actions": [` + strings.TrimSuffix(strings.Repeat(`{"method": "GET", "path": "/customers"},`, n), ",") + `]}`
	}
	for n, want := range map[int]string{100: `{"do":"compound"`, 101: "action-invalid [/actions]: At most 100 actions"} {
		if got := outcome(p, ask("POST /api;compound", nil, of(n))); !strings.HasPrefix(got, want) {
			t.Errorf("%d actions: %.100s", n, got)
		}
	}
	named := strings.NewReplacer("[{", `{"0": {`, "}]", "}}").Replace(of(2))
	for i := range 100 {
		named = strings.Replace(named, `},{`, `},"`+strconv.Itoa(i+1)+`": {`, 1)
	}
	if got := outcome(p, ask("POST /api;compound", nil, named)); !strings.HasPrefix(got, `{"do":"compound","steps":[{"name":"0"`) {
		t.Error(got)
	}
}

// A compound that is understood is a plain value: it is written and read without
// loss, and every reference leads from a place that the action has.
func FuzzCompound(f *testing.F) {
	for _, seed := range []string{`{"actions":{}}`, `{"actions":[{"method":"GET","path":"/customers/7"}],"atomic":false}`,
		`{"actions":{"a":{"method":"POST","path":"/customers","contentObject":{"name":{"$ref":"b.c"}}},"b":{"method":"GET","path":"/customers/{a.id}","params":{"name":{"$ref":"a.name"}},"if_match":{"$ref":"a"}}}}`,
		`{"actions":[{"method":"PATCH","path":";pretty/customers/7?x=1","contentObject":[{"$$ref":1}],"contentType":"text/csv","content":"x"}]}`} {
		f.Add(seed)
	}
	p := &Parser{Schema: crm()}
	f.Fuzz(func(t *testing.T, content string) {
		if content == "" {
			return
		}
		a, err := p.Parse(ask("POST /api;compound", nil, content))
		if err != nil {
			mustRefuse(t, err)
			return
		}
		text, err := actions.Encode(a)
		if err != nil {
			t.Fatal(err)
		}
		back, err := actions.Decode(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		again, err := actions.Encode(back)
		if err != nil || !bytes.Equal(text, again) {
			t.Fatalf("%v\n%s\n%s", err, text, again)
		}
		for _, s := range a.(*actions.Compound).Steps {
			for _, ref := range s.Refs {
				if ref.At == "" || ref.At[0] != '/' {
					t.Errorf("%s takes %s at %q", s.Name, ref.From, ref.At)
				}
			}
		}
	})
}
