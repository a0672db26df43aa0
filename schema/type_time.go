package schema

import "strings"

var timeDef = TypeDef{
	Name:    "time",
	Doc:     "A time of day without a date or an offset, to the microsecond: 13:30:00.",
	Options: []string{"min", "max"},
	Example: "time optional",
	New: func(o Options) (Type, error) {
		return newTemporal("time", o, temporalType{
			read: readTime,
			trim: true,
			shape: Shape{
				Type: "string", Example: `"13:30:00"`,
				Pattern: `^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?$`,
			},
		})
	},
}

func readTime(text string) (string, *Problem) {
	clock, rest, ok := readClock(text)
	switch {
	case !ok:
		return "", problem(CodeFormat, "expected a time of day like 13:30:00")
	case rest != "":
		return "", problem(CodeFormat, "expected a time of day like 13:30:00, without an offset")
	}
	return clock, nil
}

// readClock reads the partial-time that text begins with (RFC 3339): two
// digits each, seconds 00 to 59, 1 to 9 digits of fraction, of which six are
// kept. Go's own parser takes more (one-digit hours, commas).
func readClock(text string) (clock, rest string, ok bool) {
	const plain = len("15:04:05")
	if len(text) < plain || text[2] != ':' || text[5] != ':' {
		return "", "", false
	}
	h, ok1 := digitsAt(text, 0, 2)
	m, ok2 := digitsAt(text, 3, 2)
	s, ok3 := digitsAt(text, 6, 2)
	if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || s > 59 {
		return "", "", false
	}
	clock, rest = text[:plain], text[plain:]
	if !strings.HasPrefix(rest, ".") {
		return clock + ".000000", rest, true
	}
	end := digitsFrom(rest, 1)
	if end == 1 || end > 10 {
		return "", "", false
	}
	fraction := (rest[1:end] + "000000")[:6]
	return clock + "." + fraction, rest[end:], true
}
