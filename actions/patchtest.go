package actions

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
)

// passes holds tests of a patch against a document. They are ours, for the
// library takes a missing member for null and one that was set to null for no null.
func passes(tests jsonpatch.Patch, doc []byte) bool {
	row, ok := parsed(doc)
	if !ok {
		return false
	}
	for _, op := range tests {
		path, err := op.Path()
		if err != nil {
			return false
		}
		var want any // null is no raw message
		if raw := op["value"]; raw != nil {
			if want, ok = parsed(*raw); !ok {
				return false
			}
		}
		got, found := at(row, path)
		if !found || !same(got, want) {
			return false
		}
	}
	return true
}

func parsed(raw []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return v, d.Decode(&v) == nil
}

var pointerEscapes = strings.NewReplacer("~1", "/", "~0", "~")

// at follows a JSON Pointer (RFC 6901).
func at(v any, pointer string) (any, bool) {
	if pointer == "" {
		return v, true
	}
	if pointer[0] != '/' {
		return nil, false
	}
	for _, token := range strings.Split(pointer[1:], "/") {
		switch inside := v.(type) {
		case map[string]any:
			next, ok := inside[pointerEscapes.Replace(token)]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(inside) || strconv.Itoa(i) != token {
				return nil, false
			}
			v = inside[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// same compares as RFC 6902 §4.6 does: members in any order, numbers by their value.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, x := range a {
			y, ok := b[name]
			if !ok || !same(x, y) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !same(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || sameNumber(a.String(), b.String()))
	}
	return a == b
}

// sameNumber compares two spellings of a number. Long ones are the same only if they
// are spelled so, for a float64 could not tell them apart.
func sameNumber(a, b string) bool {
	const exact = 15 // digits that a float64 always keeps
	if len(a) > exact || len(b) > exact {
		return false
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}
