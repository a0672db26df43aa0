package schema

import (
	"math"
	"math/bits"
)

// number is a JSON number taken apart without rounding: ±digits × 10^exp.
type number struct {
	neg    bool
	digits string // 0 to 9 only, no leading zeros; "" is zero
	exp    int
}

// readNumber reads exactly the number grammar of JSON. An exponent beyond any
// type's reach is cut to ±maxExp, so that nothing is ever expanded to its size.
func readNumber(text string) (n number, ok bool) {
	const maxExp = 100_000
	i := 0
	if i < len(text) && text[i] == '-' {
		n.neg = true
		i++
	}
	whole := digitsFrom(text, i)
	if whole == i || whole-i > 1 && text[i] == '0' {
		return n, false
	}
	n.digits = text[i:whole]
	i = whole
	if i < len(text) && text[i] == '.' {
		end := digitsFrom(text, i+1)
		if end == i+1 {
			return n, false
		}
		n.digits += text[i+1 : end]
		n.exp = -(end - i - 1)
		i = end
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		i++
		minus := i < len(text) && text[i] == '-'
		if minus || i < len(text) && text[i] == '+' {
			i++
		}
		end := digitsFrom(text, i)
		if end == i {
			return n, false
		}
		e := 0
		for _, c := range []byte(text[i:end]) {
			e = min(e*10+int(c-'0'), maxExp)
		}
		if minus {
			e = -e
		}
		n.exp += e
		i = end
	}
	for len(n.digits) > 0 && n.digits[0] == '0' {
		n.digits = n.digits[1:]
	}
	return n, i == len(text)
}

func digitsFrom(s string, i int) int {
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return i
}

// units returns the number × 10^scale as an integer. fraction is true when
// digits other than zero are left of it, overflow when 64 bits do not hold it.
func (n number) units(scale int) (units int64, fraction, overflow bool) {
	digits, exp := n.digits, n.exp+scale
	if digits == "" {
		return 0, false, false
	}
	for exp < 0 && digits != "" {
		if digits[len(digits)-1] != '0' {
			return 0, true, false
		}
		digits, exp = digits[:len(digits)-1], exp+1
	}
	if len(digits)+exp > 19 {
		return 0, false, true
	}
	var u uint64
	for i := range len(digits) + exp {
		hi, lo := bits.Mul64(u, 10)
		if hi != 0 {
			return 0, false, true
		}
		u = lo
		if i < len(digits) {
			u += uint64(digits[i] - '0')
		}
	}
	switch {
	case !n.neg && u > math.MaxInt64, n.neg && u > 1<<63:
		return 0, false, true
	case n.neg:
		return -int64(u), false, false
	}
	return int64(u), false, false
}

// numberText returns the number of a JSON number, or of a JSON string when
// strings are taken too.
func numberText(raw []byte, what string, strings bool) (string, *Problem) {
	if len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		return string(raw), nil
	}
	if !strings || len(raw) == 0 || raw[0] != '"' {
		return "", expected(what, raw)
	}
	return unquote(raw)
}

// wholeText reports whether text is a whole number in its one plain spelling,
// as keys and query strings have it: no plus, no leading zeros, no "-0".
func wholeText(text string) bool {
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if digits == "" || digitsFrom(digits, 0) != len(digits) {
		return false
	}
	return digits[0] != '0' || text == "0"
}
