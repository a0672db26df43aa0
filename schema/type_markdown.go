package schema

var markdownDef = TypeDef{
	Name:    "markdown",
	Doc:     "Text in Markdown, stored as it is sent.",
	Options: textOptions,
	Example: "markdown max=50000",
	New: func(o Options) (Type, error) {
		return newText("markdown", o, textType{
			traits: Traits{Filter: true, Order: true, Like: true},
		})
	},
}
