package memory

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// appendKey appends a form of the value that sorts like the value and ends
// where it ends: keys of several values, and pairs of keys, are put together
// by appending, and all that begin with one value are neighbours.
func appendKey(b []byte, v schema.Value) []byte {
	b = append(b, byte(v.Kind()))
	switch v.Kind() {
	case schema.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case schema.Decimal:
		return appendInt(append(b, v.Scale()), v.Int())
	case schema.Int:
		return appendInt(b, v.Int())
	case schema.Float:
		bits := math.Float64bits(v.Float() + 0) // of zero without its sign
		if bits>>63 == 0 {
			bits |= 1 << 63
		} else {
			bits = ^bits
		}
		return binary.BigEndian.AppendUint64(b, bits)
	case schema.Text, schema.JSON:
		return append(append(b, v.Text()...), 0) // neither holds NUL
	}
	return b
}

func appendInt(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(n)^(1<<63))
}

// keyOf returns the key of values that identify a row.
func keyOf(values ...schema.Value) string {
	var b []byte
	for _, v := range values {
		b = appendKey(b, v)
	}
	return string(b)
}

// rowKey returns the key of a row of the class.
func rowKey(c *schema.Class, values []schema.Value) string {
	var b []byte
	for _, f := range c.Key {
		b = appendKey(b, values[f.Index])
	}
	return string(b)
}

// uniqueKey returns the entry of a row in a unique index; a row with a null in
// it has none, because nulls are distinct.
func uniqueKey(x *schema.Index, values []schema.Value) (key string, ok bool) {
	var b []byte
	for _, f := range x.Fields {
		v := values[f.Index]
		if v.IsNull() {
			return "", false
		}
		if f.Type.Name() == "email" {
			v = schema.NewText(lowerASCII(v.Text()))
		}
		b = appendKey(b, v)
	}
	return string(b), true
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
