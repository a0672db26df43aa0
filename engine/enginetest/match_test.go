package enginetest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestContent(t *testing.T) {
	for _, tc := range []struct {
		name, want, got string
		known           names
		learned         names
		err             string
	}{
		{"equal but for spaces", `{"a": 1, "b": [true, null]}`, `{"b":[true,null],"a":1}`, nil, names{}, ""},
		{"numbers are compared as written", `1.50`, `1.5`, nil, nil, "want 1.50, got 1.5"},
		{"another kind", `{"a": "1"}`, `{"a":1}`, nil, nil, `/a: want "1", got 1`},
		{"a member is missing", `{"a": 1, "b": 2}`, `{"a":1}`, nil, nil, "/b: missing"},
		{"a member too many", `{"a": 1}`, `{"a":1,"b":2}`, nil, nil, "/b: not expected"},
		{"other members", `{"a": 1, ...}`, `{"a":1,"b":2}`, nil, names{}, ""},
		{"other members, below", `{"x": {"a": 1, ...}}`, `{"x":{"a":1,"b":2}}`, nil, names{}, ""},
		{"other elements", `[1, ...]`, `[1,2,3]`, nil, names{}, ""},
		{"too few elements", `[1, 2, ...]`, `[1]`, nil, nil, "want 2 elements, got 1"},
		{"an element too many", `[1]`, `[1,2]`, nil, nil, "want 1 elements, got 2"},
		{"anything", `{"a": <>, "b": <>}`, `{"a":{"x":[1]},"b":2}`, nil, names{}, ""},
		{"a number is learned", `{"id": <id>}`, `{"id":7}`, nil, names{"id": "7"}, ""},
		{"text is learned", `{"id": <id>}`, `{"id":"x"}`, nil, names{"id": "x"}, ""},
		{"part of a text is learned", `{"at": "<day>T<>"}`, `{"at":"2026-01-01T10"}`, nil, names{"day": "2026-01-01"}, ""},
		{"what is known must stand", `{"id": <id>}`, `{"id":8}`, names{"id": "7"}, nil, "want 7 as before, got 8"},
		{"what is known stands", `{"id": <id>}`, `{"id":7}`, names{"id": "7"}, names{"id": "7"}, ""},
		{"the same name twice", `[<x>, <x>]`, `[1,2]`, nil, nil, "want 1 as before, got 2"},
		{"dots and angles inside text", `{"a": "x ... <b", "c": "\"..."}`, `{"a":"x ... <b","c":"\"..."}`, nil, names{}, ""},
		{"text", "id,name\n1,<name>", "id,name\r\n1,Ann\r\n", nil, names{"name": "Ann"}, ""},
		{"other text", "a", "b", nil, nil, "want a, got b"},
		{"JSON is expected", `{"a": 1}`, `oops`, nil, nil, "not JSON: oops"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			known := names{}
			for k, v := range tc.known {
				known[k] = v
			}
			err := known.content(tc.want, tc.got)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("error %v, want %s", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.learned, known); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExpand(t *testing.T) {
	known := names{"id": "7", "id_two": "8"}
	if got := known.expand(`/x/$id/$id_two?$other {"$if_match": "$id"}`); got != `/x/7/8?$other {"$if_match": "7"}` {
		t.Error(got)
	}
}
