package rows_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/engine/rows"
	"github.com/dowel-dev/dowel/engine/strictjson"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
)

const app = `
dowel: 1
classes:
  city:
    fields: {name: string unique, code: string unique}
    allow: {all: anyone}
  label:
    fields: {name: slug unique}
    allow: {all: anyone}
  person:
    fields:
      name: string
      n: int optional
      big: bigint optional
      dec: decimal scale=2 optional
      ok: bool default=false
      day: date optional
      note: text optional
      city: city optional
      address: {fields: {street: string optional, zip: string optional}, optional: true}
      tags: list string optional
      scores: list int optional
      labels: {many: label, by: name}
      friends: {many: person}
      extra: json optional
    allow: {all: anyone}
`

func person(t testing.TB) *schema.Class {
	t.Helper()
	s, found := load.FS(fstest.MapFS{"dowel.yaml": {Data: []byte(app)}}, ".", load.Options{})
	if found.HasErrors() {
		t.Fatal(found)
	}
	return s.Class("person")
}

// read takes all records; a refusal ends the list unless it can be passed.
func read(r rows.Reader) (list []string) {
	for {
		row, err := r.Next()
		var bad *rows.Error
		switch {
		case err == io.EOF:
			return list
		case errors.As(err, &bad):
			line := "! " + bad.Detail
			if bad.Hint != "" {
				line += " " + bad.Hint
			}
			if list = append(list, line); !bad.Passable {
				return list
			}
		case err != nil:
			return append(list, "!! "+err.Error())
		default:
			list = append(list, string(row.JSON))
		}
	}
}

func TestCSV(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"plain", "name,n\nAda,1\nBob,2\n", []string{`{"name":"Ada","n":1}`, `{"name":"Bob","n":2}`}},
		{"no line end at the end", "name\nAda", []string{`{"name":"Ada"}`}},
		{"byte-order mark", "\xef\xbb\xbfname\nAda\n", []string{`{"name":"Ada"}`}},
		{"CRLF", "name,n\r\nAda,1\r\n", []string{`{"name":"Ada","n":1}`}},
		{"CR", "name\rAda\rBob\r", []string{`{"name":"Ada"}`, `{"name":"Bob"}`}},
		{"empty lines", "name\n\nAda\n\n\nBob\n\n", []string{`{"name":"Ada"}`, `{"name":"Bob"}`}},
		{"nothing", "", nil},
		{"header alone", "name,n\n", nil},
		{"empty is not given, quotes are the empty text", "name,note,n\nAda,,\nBob,\"\",\n", []string{`{"name":"Ada"}`, `{"name":"Bob","note":""}`}},
		{"quotes, commas and line ends in cells", "name,note\n\"A \"\"B\"\" C\",\"a,b\nc\r\nd\"\n", []string{`{"name":"A \"B\" C","note":"a,b\nc\r\nd"}`}},
		{"quoted header", "\"name\",\"n\"\nAda,1\n", []string{`{"name":"Ada","n":1}`}},
		{"spaces belong to cells", "name\n Ada \n", []string{`{"name":" Ada "}`}},
		{"types", "name,n,big,dec,ok,day\nx,1,9007199254740993,1.5,true,2026-01-02\n", []string{`{"name":"x","n":1,"big":"9007199254740993","dec":"1.50","ok":true,"day":"2026-01-02"}`}},
		{"numbers stay text where text is declared", "name\n007\n", []string{`{"name":"007"}`}},
		{"what does not fit stays text", "name,n,day\nx,1.5,yesterday\n", []string{`{"name":"x","n":"1.5","day":"yesterday"}`}},
		{"unknown columns are for the action to refuse", "name,nope\nx,1\n", []string{`{"name":"x","nope":"1"}`}},
		{"formula guard", "name,note\n'=1+1,'quoted\n", []string{`{"name":"=1+1","note":"'quoted"}`}},
		{"reference by id", "name,city_id\nx,7\n", []string{`{"name":"x","city_id":7}`}},
		{"reference by unique key", "name,city.code\nx,NYC\ny,\n", []string{`{"name":"x","city":{"code":"NYC"}}`, `{"name":"y"}`}},
		{"nested object", "name,address.street,address.zip\nx,Main,01234\ny,,\n", []string{`{"name":"x","address":{"street":"Main","zip":"01234"}}`, `{"name":"y"}`}},
		{"nested object as JSON", "name,address\nx,\"{\"\"zip\"\":\"\"1\"\"}\"\n", []string{`{"name":"x","address":{"zip":"1"}}`}},
		{"dots that lead nowhere", "name,nam.x\nx,1\n", []string{`{"name":"x","nam.x":"1"}`}},
		{"list", "name,tags\nx,a;b\ny,\"[\"\"a;b\"\"]\"\nz,a\n", []string{`{"name":"x","tags":["a","b"]}`, `{"name":"y","tags":["a;b"]}`, `{"name":"z","tags":["a"]}`}},
		{"list of numbers", "name,scores\nx,1;2\ny,1;b\n", []string{`{"name":"x","scores":[1,2]}`, `{"name":"y","scores":"1;b"}`}},
		{"set by name", "name,labels\nx,new; vip\ny,\"[\"\"vip\"\"]\"\nz,\"\"\n", []string{`{"name":"x","labels":["new","vip"]}`, `{"name":"y","labels":["vip"]}`, `{"name":"z","labels":[]}`}},
		{"set by id", "name,friends\nx,1;2\n", []string{`{"name":"x","friends":[1,2]}`}},
		{"json", "name,extra\nx,\"{\"\"a\"\":[1,null]}\"\ny,plain\nz,7\n", []string{`{"name":"x","extra":{"a":[1,null]}}`, `{"name":"y","extra":"plain"}`, `{"name":"z","extra":7}`}},
		{"json too deep", "name,extra\nx," + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "\ny,1\n", []string{"! Line 2: The content is nested deeper than 64 levels.", `{"name":"y","extra":1}`}},
		{"a line for spreadsheets", "sep=,\r\nname,n\r\nAda,1\r\n", []string{`{"name":"Ada","n":1}`}},

		{"ragged", "name,n\nAda\nBob,1\nCy,1,2\n", []string{"! Line 2: there are 1 cells below 2 columns.", `{"name":"Bob","n":1}`, "! Line 4: there are 3 cells below 2 columns."}},
		{"lines count line ends in cells", "name,note\nx,\"1\n2\n3\"\ny\n", []string{`{"name":"x","note":"1\n2\n3"}`, "! Line 5: there are 1 cells below 2 columns."}},
		{"semicolons", "name;n\nAda;1\n", []string{"! Line 1: columns are separated by commas, not by semicolons. Save it with commas, as RFC 4180 has it."}},
		{"semicolons announced", "sep=;\nname;n\n", []string{"! Line 1: columns are separated by commas, not by semicolons. Save it with commas, as RFC 4180 has it."}},
		{"tabs", "name\tn\nAda\t1\n", []string{"! Line 1: columns are separated by commas, not by tabs. Save it with commas, as RFC 4180 has it."}},
		{"column without a name", "name,\nAda,\n", []string{"! Line 1: column 2 has no name: every column needs one of its own."}},
		{"column twice", "name,name\nAda,1\n", []string{"! Line 1: two columns are called `name`: every column needs a name of its own."}},
		{"object twice", "name,address,address.zip\n", []string{"! Line 1: two columns set `address`."}},
		{"quote inside a cell", "name\nA \"B\"\n", []string{"! Line 2: a quote stands inside a cell that is not in quotes."}},
		{"text behind a quote", "name\n\"A\"B\n", []string{"! Line 2: there is text after a closing quote."}},
		{"quote without end", "name,n\nAda,1\n\"Bob,2\n", []string{`{"name":"Ada","n":1}`, "! Line 3: a quoted cell does not end."}},
		{"Latin-1", "name\nJos\xe9\n", []string{"! Line 2: the text is not UTF-8. Save it as CSV UTF-8."}},
		{"a comma too many at the end", "name,n\nAda,1,\n", []string{"! Line 2: there are 3 cells below 2 columns."}},
		{"a comma too many in every line", "name,n,\nAda,1,\n", []string{"! Line 1: column 3 has no name: every column needs one of its own."}},
		{"a very long cell", "name,note\nx," + strings.Repeat("é", 200_000) + "\n", []string{`{"name":"x","note":"` + strings.Repeat("é", 200_000) + `"}`}},
		{"a quoted cell that ends a line that ends a file", "name,note\nx,\"\"\"\"", []string{`{"name":"x","note":"\""}`}},
		{"line ends of all kinds", "name\r\nA\nB\rC", []string{`{"name":"A"}`, `{"name":"B"}`, `{"name":"C"}`}},
		{"every formula guard", "name,note\n'-1,'@x\n'+1,'=x\n\"'\tx\",\"'\rx\"\n", []string{`{"name":"-1","note":"@x"}`, `{"name":"+1","note":"=x"}`, `{"name":"\tx","note":"\rx"}`}},
		{"UTF-16, big-endian", "\xfe\xff\x00n\x00a", []string{"! Line 1: the text is not UTF-8. Save it as CSV UTF-8."}},
		{"UTF-16", "\xff\xfen\x00a\x00", []string{"! Line 1: the text is not UTF-8. Save it as CSV UTF-8."}},
		{"NUL", "name\na\x00b\n", []string{"! Line 2: a text holds U+0000, which cannot be stored."}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			options := rows.Options{Class: person(t)}
			if diff := cmp.Diff(tc.want, read(rows.CSV(strings.NewReader(tc.text), options))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.want, read(rows.CSV(iotest.OneByteReader(strings.NewReader(tc.text)), options))); diff != "" {
				t.Error("a byte at a time", diff)
			}
		})
	}
}

func TestLines(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"plain", "{\"a\":1}\n{\"a\":2}\n", []string{`{"a":1}`, `{"a":2}`}},
		{"white space, CRLF, byte-order mark, no end", "\xef\xbb\xbf{\"a\":1}\r\n\n  \n {\"a\":2} ", []string{`{"a":1}`, `{"a":2}`}},
		{"nothing", "\n\n", nil},
		{"end marker", "{\"a\":1}\n{\"@end\":{\"count\":1}}\n", []string{`{"a":1}`}},
		{"end marker that counts more", "{\"a\":1}\n{\"@end\":{\"count\":2}}\n", []string{`{"a":1}`, "! Line 2: the end marker counts 2 records, and there are 1."}},
		{"something behind the end", "{\"@end\":{\"count\":0}}\n{\"a\":1}\n", []string{"! Line 2: there is more after the end marker."}},
		{"broken line", "{\"a\":1}\n{\"a\":\n{\"a\":2}\n", []string{`{"a":1}`, "! Line 2, column 6: The JSON ends too early.", `{"a":2}`}},
		{"member twice", "{\"a\":1,\"a\":2}\n", []string{"! Line 1, column 8: The member `a` appears twice."}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, read(rows.Lines(strings.NewReader(tc.text), rows.Options{Class: person(t)}))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestArray(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"plain", "[{\"a\":1},\n{\"a\":2}]\n", []string{`{"a":1}`, `{"a":2}`}},
		{"empty", " [ ] ", nil},
		{"byte-order mark", "\xef\xbb\xbf[1]", []string{"1"}},
		{"member twice", "[{\"a\":1},\n{\n\"a\":1,\"a\":2},{\"a\":3}]", []string{`{"a":1}`, "! Line 3, column 7: The member `a` appears twice.", `{"a":3}`}},
		{"broken", "[{\"a\":1},\n{\"a\" 2}]", []string{`{"a":1}`, "! Line 2: the JSON is broken here, or ends too early."}},
		{"cut off", "[{\"a\":1},", []string{`{"a":1}`, "! Line 1: the JSON is broken here, or ends too early."}},
		{"more", "[1] 2", []string{"1", "! Line 1: there is more after the array."}},
		{"no array", "{\"a\":1}", []string{"! Line 1: an array of records is expected."}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, read(rows.Array(strings.NewReader(tc.text), rows.Options{Class: person(t)}))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRename(t *testing.T) {
	options := rows.Options{Class: person(t), Limits: strictjson.Limits{Members: 5}, Rename: func(name string) string {
		return map[string]string{"Full Name": "name", "id": "", "count": "n"}[name]
	}}
	want := []string{`{"name":"Ada","n":1}`}
	for name, r := range map[string]rows.Reader{
		"csv":   rows.CSV(strings.NewReader("id,Full Name,count\n7,Ada,1\n"), options),
		"lines": rows.Lines(strings.NewReader(`{"id":7,"Full Name":"Ada","count":1}`), options),
		"array": rows.Array(strings.NewReader(`[{"id":7,"Full Name":"Ada","count":1}]`), options),
	} {
		if diff := cmp.Diff(want, read(r)); diff != "" {
			t.Error(name, diff)
		}
	}
}

// TestBounded: a file without line ends is refused, not read into memory.
func TestBounded(t *testing.T) {
	endless := io.MultiReader(strings.NewReader("name\n\""), io.LimitReader(zeros{}, 1<<30))
	if list := read(rows.CSV(endless, rows.Options{Class: person(t)})); len(list) != 1 || !strings.Contains(list[0], "longer than 16 MiB") {
		t.Error(list)
	}
	if list := read(rows.Lines(io.LimitReader(zeros{}, 1<<30), rows.Options{Class: person(t)})); len(list) != 1 || !strings.Contains(list[0], "longer than 16 MiB") {
		t.Error(list)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}
