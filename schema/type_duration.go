package schema

import (
	"math/bits"
	"strconv"
	"strings"
)

var durationDef = TypeDef{
	Name:    "duration",
	Doc:     "A length of time in ISO 8601: P1DT2H, PT90S, P2W. A day is 24 hours. Shown in days, hours, minutes and seconds.",
	Options: []string{"min", "max"},
	Example: "duration default=PT15M",
	New:     newDuration,
}

// Microseconds of the units of a duration.
const (
	microSecond = 1_000_000
	microMinute = 60 * microSecond
	microHour   = 60 * microMinute
	microDay    = 24 * microHour
)

func newDuration(o Options) (Type, error) {
	if err := o.only("duration", "min", "max"); err != nil {
		return nil, err
	}
	t := &durationType{}
	var err error
	t.bounds, err = readBounds(o, func(text string) (int64, error) {
		v, err := t.ParseOperand(text)
		return v.num, err
	})
	return t, err
}

type durationType struct{ bounds bounds[int64] }

func (t *durationType) Name() string   { return "duration" }
func (t *durationType) Kind() Kind     { return Int }
func (t *durationType) Traits() Traits { return Traits{Filter: true, Order: true, Unique: true} }

func (t *durationType) Parse(text string) (Value, error) {
	n, p := readDuration(text)
	if p == nil {
		p = t.bounds.check(n, durationText)
	}
	return parsed(NewInt(n), p)
}

func (t *durationType) ParseOperand(text string) (Value, error) {
	n, p := readDuration(text)
	return parsed(NewInt(n), p)
}

func (t *durationType) Decode(raw []byte) (Value, []Problem) {
	text, p := unquote(raw)
	if p != nil {
		return p.one()
	}
	n, p := readDuration(text)
	if p == nil {
		p = t.bounds.check(n, durationText)
	}
	return result(NewInt(n), p)
}

// readDuration reads the ISO 8601 forms whose length is certain, to microseconds.
func readDuration(text string) (int64, *Problem) {
	bad := problem(CodeFormat, "expected a duration like P1DT2H30M")
	rest, neg := strings.CutPrefix(text, "-")
	rest, ok := strings.CutPrefix(rest, "P")
	if !ok || rest == "" {
		return 0, bad
	}
	date, clock, hasClock := strings.Cut(rest, "T")
	if hasClock && clock == "" {
		return 0, bad
	}
	if i := strings.IndexAny(date, "YM"); i > 0 && digitsFrom(date, 0) > 0 {
		return 0, problem(CodeFormat, "must not have years or months, whose length varies; use weeks, days, hours, minutes and seconds")
	}
	var sum uint64
	if weeks, ok := strings.CutSuffix(date, "W"); ok {
		if hasClock || !addUnits(&sum, weeks, "", 7*microDay) {
			return 0, bad
		}
		date = ""
	}
	if date != "" {
		days, ok := strings.CutSuffix(date, "D")
		if !ok || !addUnits(&sum, days, "", microDay) {
			return 0, bad
		}
	}
	for _, u := range []struct {
		sign string
		size uint64
	}{{"H", microHour}, {"M", microMinute}, {"S", microSecond}} {
		n, after, ok := strings.Cut(clock, u.sign)
		if !ok {
			continue
		}
		whole, fraction, dot := strings.Cut(n, ".")
		if dot && (u.sign != "S" || fraction == "") || !addUnits(&sum, whole, fraction, u.size) {
			return 0, bad
		}
		clock = after
	}
	if clock != "" {
		return 0, bad
	}
	if sum >= 1<<63 {
		return 0, problem(CodeRange, "must be at most "+durationText(1<<63-1))
	}
	if neg {
		return -int64(sum), nil
	}
	return int64(sum), nil
}

// addUnits adds n.fraction units of size microseconds. A sum beyond 64 bits
// stays beyond what a duration holds.
func addUnits(sum *uint64, n, fraction string, size uint64) bool {
	if n == "" || digitsFrom(n, 0) != len(n) || digitsFrom(fraction, 0) != len(fraction) || len(fraction) > 9 {
		return false
	}
	const tooLong = 1 << 63
	v, err := strconv.ParseUint(n, 10, 64)
	hi, lo := bits.Mul64(v, size)
	if err != nil || hi != 0 || lo >= tooLong || *sum >= tooLong {
		*sum = tooLong
		return true
	}
	micro, _ := strconv.ParseUint((fraction + "000000")[:6], 10, 64)
	*sum += lo + micro
	return true
}

func durationText(n int64) string { return string(appendDuration(nil, n)) }

// appendDuration writes the one normal form: P1DT2H, PT0.5S, PT0S.
func appendDuration(b []byte, n int64) []byte {
	u := uint64(n)
	if n < 0 {
		b = append(b, '-')
		u = -u
	}
	b = append(b, 'P')
	b, u = appendUnit(b, u, microDay, 'D')
	if u == 0 && b[len(b)-1] != 'P' {
		return b
	}
	b = append(b, 'T')
	b, u = appendUnit(b, u, microHour, 'H')
	b, u = appendUnit(b, u, microMinute, 'M')
	if u == 0 && b[len(b)-1] != 'T' {
		return b
	}
	b = strconv.AppendUint(b, u/microSecond, 10)
	if micro := u % microSecond; micro > 0 {
		digits := strconv.FormatUint(microSecond+micro, 10)[1:]
		b = append(b, '.')
		b = append(b, strings.TrimRight(digits, "0")...)
	}
	return append(b, 'S')
}

func appendUnit(b []byte, u, size uint64, sign byte) ([]byte, uint64) {
	if u < size {
		return b, u
	}
	b = strconv.AppendUint(b, u/size, 10)
	return append(b, sign), u % size
}

func (t *durationType) AppendJSON(b []byte, v Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = appendDuration(b, v.num)
	return append(b, '"')
}

func (t *durationType) Text(v Value) string {
	if v.IsNull() {
		return ""
	}
	return durationText(v.num)
}

func (t *durationType) Shape() Shape {
	return Shape{Type: "string", Format: "duration", Example: `"P1DT2H"`}
}

// Limits are the texts of min and max, "" without.
func (t *durationType) Limits() (low, high string) { return t.bounds.text(durationText) }
