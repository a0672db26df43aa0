package schema

import "unicode/utf8"

var passwordDef = TypeDef{
	Name:    "password",
	Doc:     "A secret that clients set and nobody reads: kept as an argon2id hash, never shown, filtered, sorted or searched.",
	Options: []string{"min", "max"},
	Example: "password min=12",
	New:     newPassword,
}

// maxPassword bounds what hashing a password may cost, in bytes.
const maxPassword = 1024

func newPassword(o Options) (Type, error) {
	if err := o.only("password", "min", "max"); err != nil {
		return nil, err
	}
	low, top, err := o.length(8, maxPassword, maxPassword)
	return &passwordType{min: low, max: top}, err
}

// passwordType checks the words of a password. Its values are the plain text
// on the way in; whoever writes the row puts a hash in its place. Nothing
// comes out: it shows as null and its text is empty.
type passwordType struct{ min, max int }

func (t *passwordType) Name() string   { return "password" }
func (t *passwordType) Kind() Kind     { return Text }
func (t *passwordType) Traits() Traits { return Traits{Secret: true} }

func (t *passwordType) Parse(s string) (Value, error) { return parsed(NewText(s), t.check(s)) }

func (t *passwordType) Decode(raw []byte) (Value, []Problem) {
	s, p := unquote(raw)
	if p == nil {
		p = t.check(s)
	}
	return result(NewText(s), p)
}

func (t *passwordType) check(s string) *Problem {
	if p := storable(s); p != nil {
		return p
	}
	n := utf8.RuneCountInString(s)
	if n < t.min {
		return problem(CodeLength, "must have at least "+plural(t.min, "character"))
	}
	if n > t.max || len(s) > maxPassword {
		return problem(CodeLength, "must have at most "+plural(t.max, "character"))
	}
	return nil
}

func (t *passwordType) AppendJSON(b []byte, _ Value) []byte { return append(b, "null"...) }
func (t *passwordType) Text(Value) string                   { return "" }

func (t *passwordType) Shape() Shape {
	return Shape{Type: "string", Format: "password", MinLength: t.min, MaxLength: t.max}
}
