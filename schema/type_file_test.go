package schema_test

import (
	"testing"

	"github.com/dowel-dev/dowel/schema"
)

func TestFileOptions(t *testing.T) {
	for _, tt := range []struct {
		name, max, accept string
		bytes             int64
		takes, refuses    string
		wrong             string
	}{
		{name: "none", takes: "text/html"},
		{name: "bytes", max: "5000", bytes: 5000},
		{name: "decimal unit", max: "5MB", bytes: 5_000_000},
		{name: "binary unit", max: "20 MiB", bytes: 20 << 20},
		{name: "small letters", max: "1gb", bytes: 1_000_000_000},
		{name: "one type", accept: "image/png", takes: "image/png", refuses: "image/jpeg"},
		{name: "parameters do not count", accept: "text/plain", takes: "text/plain; charset=utf-8", refuses: "text/html; charset=utf-8"},
		{name: "a kind", accept: "image/*,application/pdf", takes: "image/webp", refuses: "application/json"},
		{name: "letters do not count", accept: "Image/PNG", takes: "IMAGE/png"},
		{name: "a list", accept: "[image/png, application/pdf]", takes: "application/pdf", refuses: "text/plain"},
		{name: "what is no type is not taken", accept: "image/*", refuses: "image"},
		{name: "no bytes", max: "0", wrong: "max"},
		{name: "negative", max: "-1", wrong: "max"},
		{name: "signed", max: "+1", wrong: "max"},
		{name: "unit alone", max: "MB", wrong: "max"},
		{name: "unknown unit", max: "5TB", wrong: "max"},
		{name: "too much", max: "2000GiB", wrong: "max"},
		{name: "beyond all numbers", max: "9223372036854775807kb", wrong: "max"},
		{name: "no media type", accept: "png", wrong: "accept"},
		{name: "everything", accept: "*/*", wrong: "accept"},
		{name: "nothing", accept: ",", wrong: "accept"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := schema.Options{Text: map[string]string{}}
			if tt.max != "" {
				o.Text["max"] = tt.max
			}
			if tt.accept != "" {
				o.Text["accept"] = tt.accept
			}
			made, err := schema.NewType("file", o)
			if tt.wrong != "" {
				if wrong, ok := err.(*schema.OptionError); !ok || wrong.Option != tt.wrong {
					t.Fatalf("error %v, want one about %s", err, tt.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			f := made.(*schema.FileType)
			if f.Max() != tt.bytes {
				t.Errorf("max is %d, want %d", f.Max(), tt.bytes)
			}
			if tt.takes != "" && !f.Accepts(tt.takes) {
				t.Errorf("%s is refused", tt.takes)
			}
			if tt.refuses != "" && f.Accepts(tt.refuses) {
				t.Errorf("%s is taken", tt.refuses)
			}
		})
	}
}

func TestFileValues(t *testing.T) {
	typ := schema.MustType("file", schema.Options{}).(*schema.FileType)
	want := schema.File{Name: `me "1".png`, Size: 1 << 40, Type: "image/png", Blob: "secret/key"}
	v := schema.NewFile(want)
	if got, ok := schema.FileOf(v); !ok || got != want {
		t.Errorf("FileOf = %+v, %t", got, ok)
	}
	if got := string(typ.AppendJSON(nil, v)); got != `{"name":"me \"1\".png","size":1099511627776,"type":"image/png"}` {
		t.Errorf("shown as %s", got)
	}
	if got := string(typ.AppendLinked(nil, v, "/api/people/1/photo")); got != `{"name":"me \"1\".png","size":1099511627776,"type":"image/png","link":"/api/people/1/photo"}` {
		t.Errorf("shown as %s", got)
	}
	if got := typ.Text(v); got != want.Name {
		t.Errorf("Text = %s", got)
	}
	if _, ok := schema.FileOf(schema.Value{}); ok {
		t.Error("null is a file")
	}
	if got := string(typ.AppendJSON(nil, schema.Value{})); got != "null" {
		t.Errorf("null is shown as %s", got)
	}
}
