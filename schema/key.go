package schema

import (
	"errors"
	"fmt"
	"strings"
)

// Ids are the keys of rows as text: in paths, as keys of objects, in references.
// The id of a single key is the value's own text. A composite id joins the texts of its parts with
// `-`; inside a part `~` is written `~~` and `-` is written `~d`, but integers keep their sign and
// dates and UUIDs, whose width is fixed, their dashes. So it is read back from the left without doubt.

// ParseKey reads the id of a row of the class. The error is for people.
func ParseKey(c *Class, id string) ([]Value, error) {
	if len(c.Key) == 1 {
		v, err := parsePart(c.Key[0], id)
		if err != nil {
			return nil, err
		}
		return []Value{v}, nil
	}
	key := make([]Value, len(c.Key))
	rest := id
	for i, f := range c.Key {
		if i > 0 {
			if !strings.HasPrefix(rest, "-") {
				return nil, composite(c)
			}
			rest = rest[1:]
		}
		var part string
		var err error
		if part, rest, err = cutPart(f.Type, rest); err != nil {
			return nil, composite(c)
		}
		if part == "" {
			return nil, composite(c)
		}
		if key[i], err = ParseOperand(f.Type, part); err != nil {
			return nil, err
		}
	}
	if rest != "" {
		return nil, composite(c)
	}
	return key, nil
}

// CheckKey reports whether id can be the id of a row of the class, as ParseKey does.
func CheckKey(c *Class, id string) error {
	if len(c.Key) == 1 {
		_, err := parsePart(c.Key[0], id)
		return err
	}
	_, err := ParseKey(c, id)
	return err
}

// FormatKey returns the id text of a key: the inverse of ParseKey.
func FormatKey(c *Class, key []Value) string {
	if len(c.Key) == 1 {
		return c.Key[0].Type.Text(key[0])
	}
	return string(AppendKey(nil, c, key))
}

// AppendKey appends the id text of a key.
func AppendKey(b []byte, c *Class, key []Value) []byte {
	if len(c.Key) == 1 {
		return append(b, c.Key[0].Type.Text(key[0])...)
	}
	for i, f := range c.Key {
		if i > 0 {
			b = append(b, '-')
		}
		part := f.Type.Text(key[i])
		if plain, _ := cutPlain(f.Type, part); plain == part && part != "" {
			b = append(b, part...)
			continue
		}
		for j := 0; j < len(part); j++ {
			switch part[j] {
			case '~':
				b = append(b, '~', '~')
			case '-':
				b = append(b, '~', 'd')
			default:
				b = append(b, part[j])
			}
		}
	}
	return b
}

// parsePart reads one part. Text that is no path segment of its own is no id.
func parsePart(f *Field, text string) (Value, error) {
	if text == "" || text == "." || text == ".." {
		return Value{}, errors.New("an id cannot be `" + text + "`")
	}
	return ParseOperand(f.Type, text)
}

// cutPart takes the first part of a composite id off the text, unescaped.
func cutPart(t Type, text string) (part, rest string, err error) {
	if plain, after := cutPlain(t, text); plain != "" && (after == "" || after[0] == '-') {
		return plain, after, nil
	}
	end := strings.IndexByte(text, '-')
	if end < 0 {
		end = len(text)
	}
	part, rest = text[:end], text[end:]
	if strings.IndexByte(part, '~') < 0 {
		return part, rest, nil
	}
	var b strings.Builder
	for i := 0; i < len(part); i++ {
		if part[i] != '~' {
			b.WriteByte(part[i])
			continue
		}
		if i++; i == len(part) {
			return "", "", errors.New("lone ~")
		}
		switch part[i] {
		case '~':
			b.WriteByte('~')
		case 'd':
			b.WriteByte('-')
		default:
			return "", "", errors.New("unknown escape")
		}
	}
	return b.String(), rest, nil
}

// cutPlain takes a part whose own dashes are no separators off the text: an integer, a date, a UUID.
func cutPlain(t Type, text string) (part, rest string) {
	width := 0
	switch {
	case t.Kind() == Int:
		width = integerWidth(text)
	case t.Kind() != Text:
	case t.Name() == "uuid":
		width = len("00000000-0000-0000-0000-000000000000")
	case t.Name() == "date":
		width = len("2006-01-02")
	}
	if width > len(text) {
		return "", text
	}
	return text[:width], text[width:]
}

// integerWidth is the length of the optional sign and the digits that text begins with.
func integerWidth(text string) int {
	i := 0
	if strings.HasPrefix(text, "-") {
		i = 1
	}
	start := i
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	if i == start {
		return 0
	}
	return i
}

func composite(c *Class) error {
	names := make([]string, len(c.Key))
	for i, f := range c.Key {
		names[i] = f.JSON
	}
	return fmt.Errorf("an id of %s is its %s, joined by `-`", c.Name, strings.Join(names, " and "))
}
