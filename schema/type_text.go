package schema

var textDef = TypeDef{
	Name:    "text",
	Doc:     "Text of any number of lines. min and max count characters.",
	Options: textOptions,
	Example: "text max=10000",
	New:     func(o Options) (Type, error) { return newText("text", o, textType{}) },
}
