package schema

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func keyed(types ...string) *Class {
	c := &Class{Name: "thing"}
	for i, name := range types {
		o := Options{}
		if name == "enum" {
			o.Enum = []string{"a-b", "a~", "c"}
		}
		c.Key = append(c.Key, &Field{Name: string(rune('a' + i)), JSON: string(rune('a' + i)), Type: MustType(name, o)})
	}
	return c
}

func TestKeys(t *testing.T) {
	tests := []struct {
		name  string
		class *Class
		id    string
		parts []string
	}{
		{"one number", keyed("int"), "7", []string{"7"}},
		{"zero", keyed("int"), "0", []string{"0"}},
		{"one negative number", keyed("int"), "-7", []string{"-7"}},
		{"one text is never escaped", keyed("string"), "a-b~c", []string{"a-b~c"}},
		{"one UUID", keyed("uuid"), "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", []string{"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"}},
		{"two numbers", keyed("int", "int"), "300-100", []string{"300", "100"}},
		{"a negative number first", keyed("int", "int"), "-300-100", []string{"-300", "100"}},
		{"a negative number last", keyed("int", "int"), "300--100", []string{"300", "-100"}},
		{"texts", keyed("string", "string"), "x~dy-z~~", []string{"x-y", "z~"}},
		{"a date between numbers", keyed("int", "date", "int"), "1-2026-01-02-3", []string{"1", "2026-01-02", "3"}},
		{"a UUID and text", keyed("uuid", "string"), "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b-x", []string{"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "x"}},
		{"an enum", keyed("enum", "int"), "a~db-5", []string{"a-b", "5"}},
		{"dots", keyed("string", "string"), ".-..", []string{".", ".."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key, err := ParseKey(tt.class, tt.id)
			if err != nil {
				t.Fatal(err)
			}
			var parts []string
			for _, v := range key {
				parts = append(parts, v.String())
			}
			if diff := cmp.Diff(tt.parts, parts); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got := FormatKey(tt.class, key); got != tt.id {
				t.Errorf("written as %q, want %q", got, tt.id)
			}
			if err := CheckKey(tt.class, tt.id); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestKeysThatCannotBe(t *testing.T) {
	for name, tt := range map[string]struct {
		class *Class
		id    string
	}{
		"text for a number":  {keyed("int"), "abc"},
		"nothing":            {keyed("string"), ""},
		"a dot":              {keyed("string"), "."},
		"two dots":           {keyed("string"), ".."},
		"a line end":         {keyed("int"), "1\n"},
		"a space":            {keyed("int"), " 1"},
		"a fraction":         {keyed("int"), "1.0"},
		"too large":          {keyed("bigint"), "9223372036854775808"},
		"half a key":         {keyed("int", "int"), "300"},
		"an empty part":      {keyed("int", "int"), "300-"},
		"too many parts":     {keyed("int", "int"), "1-2-3"},
		"a lone escape":      {keyed("string", "string"), "a~-b"},
		"an unknown escape":  {keyed("string", "string"), "a~x-b"},
		"an escape at last":  {keyed("string", "string"), "a-b~"},
		"an unescaped dash":  {keyed("string", "string"), "a-b-c"},
		"text after numbers": {keyed("int", "int"), "1-2x"},
	} {
		t.Run(name, func(t *testing.T) {
			if key, err := ParseKey(tt.class, tt.id); err == nil {
				t.Errorf("read as %v", key)
			}
			if CheckKey(tt.class, tt.id) == nil {
				t.Error("CheckKey disagrees")
			}
		})
	}
}

// Every key has an id of its own, and is read back from it.
func TestIDsAreReversible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := []string{"int", "string", "date", "uuid", "bigint", "slug", "time"}
		names := rapid.SliceOfN(rapid.SampledFrom(kinds), 2, 4).Draw(t, "types")
		c := keyed(names...)
		var key []Value
		for _, f := range c.Key {
			var text string
			switch f.Type.Name() {
			case "int", "bigint":
				text = NewInt(rapid.Int64Range(-1<<50, 1<<50).Draw(t, "number")).String()
			case "date":
				text = rapid.SampledFrom([]string{"0001-01-01", "2026-12-31"}).Draw(t, "date")
			case "time":
				text = rapid.SampledFrom([]string{"00:00:00", "23:59:59"}).Draw(t, "time")
			case "uuid":
				text = rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}`).Draw(t, "uuid")
			case "slug":
				text = rapid.StringMatching(`[a-z0-9]{1,5}(-[a-z0-9]{1,5}){0,2}`).Draw(t, "slug")
			default:
				text = rapid.StringOfN(rapid.SampledFrom([]rune("-~d1aé ")), 1, 6, -1).Draw(t, "text")
			}
			v, err := ParseOperand(f.Type, text)
			if err != nil {
				t.Fatalf("%q drawn for %s: %v", text, f.Type.Name(), err)
			}
			key = append(key, v)
		}
		id := FormatKey(c, key)
		back, err := ParseKey(c, id)
		if err != nil {
			t.Fatalf("%s %q: %v", strings.Join(names, ","), id, err)
		}
		if diff := cmp.Diff(key, back, cmp.Comparer(Equal)); diff != "" {
			t.Fatalf("%s %q\n%s", strings.Join(names, ","), id, diff)
		}
	})
}
