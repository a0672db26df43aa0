package schema

import (
	"mime"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var fileDef = TypeDef{
	Name: "file",
	Doc: "A stored file, shown as its name, size, media type and link. Its content is sent and fetched apart from the record, at the link. " +
		"It is null until then, so it is always optional. max bounds the content (5 MB, 20 MiB), accept says which media types may be sent.",
	Options: []string{"max", "accept"},
	Example: "file max=5MB accept=image/png,image/jpeg",
	New:     newFile,
}

func newFile(o Options) (Type, error) {
	if err := o.only("file", "max", "accept"); err != nil {
		return nil, err
	}
	t := &FileType{}
	if text, given := o.Text["max"]; given {
		n, ok := bytesOf(text)
		if !ok {
			return nil, &OptionError{"max", "expected bytes, like 500kB, 5MB or 20MiB"}
		}
		t.max = n
	}
	if text, given := o.Text["accept"]; given {
		for _, media := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '[' || r == ']' }) {
			if media = strings.ToLower(media); !isRange(media) {
				return nil, &OptionError{"accept", "expected media types, like image/png or image/*, separated by commas"}
			}
			t.accept = append(t.accept, media)
		}
		if len(t.accept) == 0 {
			return nil, &OptionError{"accept", "names no media type"}
		}
	}
	return t, nil
}

// units are what sizes are counted in.
var units = []struct {
	name string
	n    int64
}{{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"b", 1}, {"", 1}}

// bytesOf reads a size: 5000, 5MB, 20 MiB. The least is one byte, the most a tebibyte.
func bytesOf(text string) (int64, bool) {
	text = strings.ToLower(text)
	for _, u := range units {
		digits, fits := strings.CutSuffix(text, u.name)
		if !fits {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimRight(digits, " "), 10, 64)
		return n * u.n, err == nil && n >= 1 && n <= 1<<40/u.n && digits[0] != '+'
	}
	return 0, false
}

// isRange reports whether text is a media type, or all of a kind: image/*.
func isRange(text string) bool {
	kind, sub, ok := strings.Cut(text, "/")
	return ok && isToken(kind) && kind != "*" && (sub == "*" || isToken(sub) && !strings.Contains(sub, "*"))
}

func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// FileType is the type of fields that hold files. A value is what is known of the
// content; the content itself is elsewhere. Clients never write it: the engine does when it
// takes the content.
type FileType struct {
	max    int64
	accept []string
}

// File is the value of a field of type file.
type File struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	Type string `json:"type"` // media type, with parameters
	// Blob is the key of the content in the storage for files. It is never shown.
	Blob string `json:"blob"`
}

// NewFile makes the value of a field.
func NewFile(f File) Value {
	text, err := json.Marshal(f)
	if err != nil {
		panic("schema: a file: " + err.Error()) // only text that is not UTF-8 can fail, which nobody lets in
	}
	return NewJSON(string(text))
}

// FileOf reads a value of a field; ok is false for null.
func FileOf(v Value) (f File, ok bool) {
	if v.IsNull() || json.Unmarshal([]byte(v.text), &f) != nil {
		return File{}, false
	}
	return f, true
}

// Max is the most bytes of content, 0 where the field says nothing.
func (t *FileType) Max() int64 { return t.max }

// Accept lists the media types, and ranges of them, that may be sent; nil is all.
func (t *FileType) Accept() []string { return slices.Clone(t.accept) }

// Accepts reports whether content of a media type may be sent.
func (t *FileType) Accepts(media string) bool {
	if t.accept == nil {
		return true
	}
	plain, _, err := mime.ParseMediaType(media)
	if err != nil {
		return false
	}
	kind, _, whole := strings.Cut(plain, "/")
	return whole && (slices.Contains(t.accept, plain) || slices.Contains(t.accept, kind+"/*"))
}

// Name implements Type.
func (*FileType) Name() string { return "file" }

// Kind implements Type.
func (*FileType) Kind() Kind { return JSON }

// Traits implements Type.
func (*FileType) Traits() Traits { return Traits{} }

const fileIsSent = "is set by sending the content of the file to its link"

// Parse implements Type; nothing can be read.
func (*FileType) Parse(string) (Value, error) {
	return Value{}, *problem(CodeReadOnly, fileIsSent)
}

// Decode implements Type; nothing can be read.
func (*FileType) Decode([]byte) (Value, []Problem) {
	return problem(CodeReadOnly, fileIsSent).one()
}

// AppendJSON appends what is known of a file without the row it belongs to: all but the link.
func (t *FileType) AppendJSON(b []byte, v Value) []byte { return t.AppendLinked(b, v, "") }

// AppendLinked appends what records show of a file whose content is at a link.
func (*FileType) AppendLinked(b []byte, v Value, link string) []byte {
	f, ok := FileOf(v)
	if !ok {
		return append(b, "null"...)
	}
	b, _ = jsontext.AppendQuote(append(b, `{"name":`...), f.Name)
	b = strconv.AppendInt(append(b, `,"size":`...), f.Size, 10)
	b, _ = jsontext.AppendQuote(append(b, `,"type":`...), f.Type)
	if link != "" {
		b, _ = jsontext.AppendQuote(append(b, `,"link":`...), link)
	}
	return append(b, '}')
}

// Text is the name of the file.
func (*FileType) Text(v Value) string {
	f, _ := FileOf(v)
	return f.Name
}

// Shape implements Type.
func (*FileType) Shape() Shape {
	return Shape{Type: "object", Members: []ShapeMember{
		{Name: "name", Required: true, Shape: Shape{Type: "string"}},
		{Name: "size", Required: true, Shape: Shape{Type: "integer", Format: "int64"}},
		{Name: "type", Required: true, Shape: Shape{Type: "string"}},
		{Name: "link", Required: true, Shape: Shape{Type: "string", Format: "uri-reference"}},
	}}
}
