package schema

// Type is what a field may hold, with its limits: it reads, checks and writes
// values of one kind. An instance is made from the words of one field, so
// `string max=10` and `string max=20` are two instances of one TypeDef.
//
// Types are immutable and safe for concurrent use.
type Type interface {
	// Name is the word of the schema language: string, decimal, enum.
	Name() string
	// Kind is how stores keep the values.
	Kind() Kind
	// Parse reads the text form used in query strings, keys, CSV and YAML
	// scalars. The error is for people: it says what is expected, without
	// naming the field.
	Parse(text string) (Value, error)
	// Decode reads one JSON value that is known to be well formed and is not
	// null. It returns every problem found; pointers are relative to the value.
	Decode(raw []byte) (Value, []Problem)
	// AppendJSON appends the canonical JSON form; null is `null`.
	AppendJSON(b []byte, v Value) []byte
	// Text is the inverse of Parse: the plain text of a value, without quotes.
	Text(v Value) string
	// Shape describes the JSON form for OpenAPI and editors.
	Shape() Shape
	// Traits says what may be done with values of the type.
	Traits() Traits
}

// Problem is one thing wrong with a value. Codes are stable words: type,
// format, range, length, pattern, enum, required, unknown, read-only, ….
type Problem struct {
	Pointer string // JSON Pointer below the value, "" is the value itself
	Code    string
	Detail  string
	Hint    string // "did you mean …", or empty
}

// Traits says what filters, orders and rules may do with a type.
type Traits struct {
	Filter bool // eq, ne, in, is:null
	Order  bool // lt … ge, and orderBy
	Like   bool // like, search: the value is text for people
	Key    bool // may be (part of) a key
	Unique bool // may carry a unique index
	List   bool // values are lists: has
	Secret bool // never shown, filtered, sorted, searched
	Fold   bool // unique indexes ignore the case of ASCII letters; comparisons do not
}

// Shape is the JSON Schema (2020-12) of a type's JSON form; members that are
// zero are absent.
type Shape struct {
	Type        string // string, number, integer, boolean, array, object; "" is any
	Format      string
	Pattern     string
	Enum        []string
	Minimum     string // number text
	Maximum     string
	MinLength   int
	MaxLength   int
	MinItems    int
	MaxItems    int
	Items       *Shape
	Members     []ShapeMember // of an object, in order; no others are allowed when not empty
	Example     string        // JSON text
	Description string
}

// ShapeMember is one member of an object's shape.
type ShapeMember struct {
	Name     string
	Required bool
	Nullable bool
	Shape    Shape
}

// TypeDef is one word of the type language. NewX functions and the list of
// built-in definitions live in the type_*.go files; applications add their own
// to the loader's list.
type TypeDef struct {
	Name    string
	Doc     string   // one sentence for explain, editors and the reference page
	Options []string // option words understood besides those of every field: min, max, scale, pattern, …
	Example string   // a field text that uses it
	// New makes an instance. A wrong option is an *OptionError naming it.
	New func(o Options) (Type, error)
}

// Options are the words given with a type, as their source text.
type Options struct {
	Text   map[string]string // min, max, scale, pattern
	Enum   []string          // for enum
	Elem   Type              // for list
	Fields []*Field          // for a nested object
}

// OptionError says which option of a type is wrong and why.
type OptionError struct {
	Option string
	Detail string
}

// Error returns the sentence of the problem.
func (e *OptionError) Error() string { return e.Option + ": " + e.Detail }
