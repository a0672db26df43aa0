package strictjson

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestCheckAccepts(t *testing.T) {
	deep := strings.Repeat("[", 64) + strings.Repeat("]", 64)
	wide := "[" + strings.Repeat("1,", 9_999) + "1]"
	for name, text := range map[string]string{
		"object":              `{"a": 1, "b": [true, false, null], "c": {"a": "x"}}`,
		"scalar":              ` 17 `,
		"text":                `"é € 😀 😀"`,
		"escaped backslash":   `"\\u0000"`,
		"deepest":             deep,
		"widest":              wide,
		"longest number":      strings.Repeat("9", 64),
		"white space around":  "\r\n\t {} \n",
		"big exponent":        `1e400`,
		"names that resemble": `{"a":1,"A":2,"a ":3}`,
	} {
		t.Run(name, func(t *testing.T) {
			if err := Check([]byte(text), Defaults()); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

func TestCheckRefuses(t *testing.T) {
	tests := []struct {
		name, text   string
		line, column int
		pointer      string
		detail       string
	}{
		{"empty", "", 1, 1, "", "empty"},
		{"white space only", " \n ", 2, 2, "", "empty"},
		{"cut off", `{"a": [1, `, 1, 11, "/a", "ends too early"},
		{"cut off text", `{"a": "x`, 1, 9, "/a", "ends too early"},
		{"trailing comma", "{\n  \"a\": 1,\n}", 2, 9, "", "comma too many"},
		{"second value", "{}\n{}", 2, 1, "", "more after the JSON value"},
		{"trailing letters", `1 x`, 1, 3, "", "more after"},
		{"duplicate name", `{"role": "user", "role": "admin"}`, 1, 18, "", "`role` appears twice"},
		{"nested duplicate", `{"a": [{"b": 1, "\u0062": 2}]}`, 1, 17, "/a/0", "`b` appears twice"},
		{"byte-order mark", "\xef\xbb\xbf{}", 1, 1, "", "byte-order mark"},
		{"invalid UTF-8", "{\"é\": \"\xff\"}", 1, 8, "/é", "not UTF-8"},
		{"overlong UTF-8", "\"\xc0\x80\"", 1, 2, "", "not UTF-8"},
		{"lone surrogate", `["x", "\ud800"]`, 1, 8, "/1", "lone surrogate"},
		{"lone low surrogate", `"\udc00"`, 1, 2, "", "lone surrogate"},
		{"U+0000", `{"a": "x\u0000"}`, 1, 7, "/a", "U+0000"},
		{"U+0000 in a name", `{"\u0000": 1}`, 1, 2, "/\x00", "U+0000"},
		{"raw NUL", "\"\x00\"", 1, 2, "", "control character"},
		{"raw line end", "\"a\nb\"", 1, 3, "", "line end"},
		{"unknown escape", `"\x41"`, 1, 2, "", "escape"},
		{"single quotes", `{'a': 1}`, 1, 2, "", "double quotes"},
		{"comment", "// hi\n1", 1, 1, "", "no comments"},
		{"unquoted name", `{a: 1}`, 1, 2, "", "`a` is not expected"},
		{"name that is a number", `{1: 1}`, 1, 2, "", "name"},
		{"NaN", `NaN`, 1, 1, "", "not expected"},
		{"leading zero", `01`, 1, 2, "", "after the JSON value"},
		{"bare fraction", `.5`, 1, 1, "", "not expected"},
		{"plus sign", `+1`, 1, 1, "", "not expected"},
		{"too deep", strings.Repeat("[", 65) + strings.Repeat("]", 65), 1, 65, "", "64 levels"},
		{"too wide", "[" + strings.Repeat("1,", 10_000) + "1]", 1, 20_002, "", "10000"},
		{"too many members", tooManyMembers(), 0, 0, "", "10000"},
		{"long number", "[" + strings.Repeat("9", 65) + "]", 1, 2, "/0", "64 characters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Check([]byte(tt.text), Defaults())
			bad, ok := err.(*Error)
			if !ok {
				t.Fatalf("got %v, want an *Error", err)
			}
			if !strings.Contains(bad.Detail, tt.detail) {
				t.Errorf("detail %q does not speak of %q", bad.Detail, tt.detail)
			}
			if tt.line == 0 {
				return
			}
			if diff := cmp.Diff([]int{tt.line, tt.column}, []int{bad.Line, bad.Column}); diff != "" {
				t.Errorf("place (-want +got):\n%s", diff)
			}
			if bad.Pointer != tt.pointer {
				t.Errorf("pointer %q, want %q", bad.Pointer, tt.pointer)
			}
		})
	}
}

func tooManyMembers() string {
	var b strings.Builder
	for i := range 10_001 {
		b.WriteString(`,"` + strconv.Itoa(i) + `":"x"`)
	}
	return "{" + b.String()[1:] + "}"
}

func TestCheckLeavesTheTextAlone(t *testing.T) {
	text := []byte(` {"a": [1, "x", {"b": null}]} `)
	before := string(text)
	for range 3 {
		if err := Check(text, Defaults()); err != nil {
			t.Fatal(err)
		}
	}
	if string(text) != before {
		t.Errorf("changed to %q", text)
	}
}

// What passes is JSON to every reader, and a message never repeats much of what was sent.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `[1,"x",null]`, `"\ud83d\ude00"`, `{"a":1,"a":2}`, `[[[[`, "\xef\xbb\xbf1", `"\u0000"`, `1 2`, `{"a":`, `-0.0e-1`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := Check(data, Limits{Depth: 8, Members: 20, Number: 16})
		if err == nil {
			if !json.Valid(data) || !utf8.Valid(data) {
				t.Errorf("accepted %q", data)
			}
			return
		}
		bad := err.(*Error)
		if bad.Line < 1 || bad.Column < 1 || bad.Offset > len(data) || len(bad.Detail) > 200 {
			t.Errorf("odd error %+v for %q", bad, data)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	record := []byte(`{"name":"Ada Lovelace","email":"ada@example.test","status":"active","tags":["vip","early"],"total":"12.50","vip":true}`)
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Check(record, Defaults()); err != nil {
			b.Fatal(err)
		}
	}
}
