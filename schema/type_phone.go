package schema

import "strings"

var phoneDef = TypeDef{
	Name:    "phone",
	Doc:     "A telephone number of 5 to 15 digits with the usual punctuation and extension, stored as it is sent.",
	Options: textOptions,
	Example: "phone optional",
	New: func(o Options) (Type, error) {
		return newText("phone", o, textType{form: phoneForm, example: `"+44 20 7946 0958"`, max: 40})
	},
}

func phoneForm(s string) *Problem {
	number := strings.TrimPrefix(s, "+")
	for _, mark := range []string{"extension", "ext.", "ext", "x", "#"} {
		head, tail, ok := strings.Cut(number, mark)
		if !ok {
			continue
		}
		tail = strings.TrimLeft(tail, " .:")
		if tail == "" || len(tail) > 8 || digitsFrom(tail, 0) != len(tail) {
			return badPhone()
		}
		number = strings.TrimRight(head, " ,;")
		break
	}
	digits, open := 0, false
	for i := range len(number) {
		switch c := number[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '(' && !open:
			open = true
		case c == ')' && open:
			open = false
		case (c == ' ' || c == '-' || c == '.' || c == '/') && i > 0 && i < len(number)-1:
		default:
			return badPhone()
		}
	}
	if open || digits < 5 || digits > 15 {
		return badPhone()
	}
	return nil
}

func badPhone() *Problem {
	return problem(CodeFormat, "expected a telephone number like +44 20 7946 0958")
}
