package schema

var fileDef = TypeDef{
	Name:    "file",
	Doc:     "A stored file, shown as its name, size, media type and link. Its content is sent and fetched apart from the record.",
	Options: []string{"max"},
	Example: "file optional",
	New:     newFile,
}

func newFile(o Options) (Type, error) {
	if err := o.only("file", "max"); err != nil {
		return nil, err
	}
	if _, err := o.count("max", 0, 1, 1<<40); err != nil {
		return nil, err
	}
	return fileType{}, nil
}

// fileType shows the stored description of a file. Clients cannot write it: the engine does when it takes the content.
type fileType struct{}

func (fileType) Name() string   { return "file" }
func (fileType) Kind() Kind     { return JSON }
func (fileType) Traits() Traits { return Traits{} }
func (fileType) verbatim()      {}

func (fileType) Parse(string) (Value, error) {
	return Value{}, *problem(CodeReadOnly, "is set by sending the content of the file")
}

func (fileType) Decode([]byte) (Value, []Problem) {
	return problem(CodeReadOnly, "is set by sending the content of the file").one()
}

func (fileType) AppendJSON(b []byte, v Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	return append(b, v.text...)
}

func (fileType) Text(v Value) string { return v.text }

func (fileType) Shape() Shape {
	return Shape{Type: "object", Members: []ShapeMember{
		{Name: "name", Required: true, Shape: Shape{Type: "string"}},
		{Name: "size", Required: true, Shape: Shape{Type: "integer", Format: "int64"}},
		{Name: "type", Required: true, Shape: Shape{Type: "string"}},
		{Name: "link", Required: true, Shape: Shape{Type: "string", Format: "uri-reference"}},
	}}
}
