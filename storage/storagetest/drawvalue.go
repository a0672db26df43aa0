package storagetest

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/schema"
)

// Known are keys of rows that exist, so that most draws of a key hit one.
type Known map[*schema.Class][][]schema.Value

// Key draws a key of the class, mostly of a row that exists.
func (k Known) Key(t *rapid.T, c *schema.Class) []schema.Value {
	if keys := k[c]; len(keys) > 0 && often(t, "existing") {
		return choose(t, keys, c.Name)
	}
	return DrawKey(t, c)
}

// Value draws a value of the field, never null; a reference mostly hits.
func (k Known) Value(t *rapid.T, f *schema.Field) schema.Value {
	if f.Ref != nil {
		return k.Key(t, f.Ref.To)[0]
	}
	return DrawValue(t, f)
}

// DrawKey draws a key of the class; there are few.
func DrawKey(t *rapid.T, c *schema.Class) []schema.Value {
	key := make([]schema.Value, len(c.Key))
	for i, f := range c.Key {
		key[i] = drawKeyPart(t, f)
	}
	return key
}

func drawKeyPart(t *rapid.T, f *schema.Field) schema.Value {
	switch f.Type.Name() {
	case "int":
		return schema.NewInt(rapid.Int64Range(1, 5).Draw(t, f.Name))
	case "uuid":
		return schema.NewText(fmt.Sprintf("00000000-0000-7000-8000-%012d", rapid.IntRange(1, 4).Draw(t, f.Name)))
	}
	return schema.NewText(rapid.SampledFrom([]string{"a", "A", "b", "a-b", "é"}).Draw(t, f.Name))
}

var (
	poolText     = []string{"", "a", "A", "b", "ab", "aB", "Ab", "b a", "é", "É", "%", "_", "*", `\`, `a"b`, "a'b", "ß", "\uffee", "\U0001F600", "10", "9"}
	poolEmail    = []string{"a@x.io", "A@x.io", "b@x.io", "a@X.IO", "c@x.io"}
	poolDate     = []string{"2026-01-01", "2025-12-31", "1970-01-01", "2024-02-29"}
	poolDatetime = []string{"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2025-12-31T23:59:59Z", "1970-01-01T00:00:00Z"}
	poolTime     = []string{"00:00:00", "12:30:00", "23:59:59"}
	poolDuration = []string{"PT1S", "PT90M", "PT1H", "P1D"}
	poolJSON     = []string{`{}`, `[]`, `[1,2]`, `"a"`, `{"a":{"b":1}}`, `0`, `false`}
	poolBig      = []int64{-2, -1, 0, 1, 2, 3, 1 << 53, 1<<53 + 1}
)

// DrawValue draws a value of the field, never null.
func DrawValue(t *rapid.T, f *schema.Field) schema.Value {
	if f.Ref != nil {
		return drawKeyPart(t, f.Ref.To.Key[0])
	}
	if f.Name == "label" { // unique in every class, so from a larger pool
		return schema.NewText(fmt.Sprintf("l%d", rapid.IntRange(1, 30).Draw(t, "label")))
	}
	return drawTyped(t, f.Type, f.Name)
}

func drawTyped(t *rapid.T, typ schema.Type, label string) schema.Value {
	pick := func(pool []string) schema.Value {
		return Value(typ, rapid.SampledFrom(pool).Draw(t, label))
	}
	switch typ.Name() {
	case "int":
		return schema.NewInt(rapid.Int64Range(-2, 3).Draw(t, label))
	case "bigint":
		return schema.NewInt(rapid.SampledFrom(poolBig).Draw(t, label))
	case "float":
		return schema.NewFloat(float64(rapid.IntRange(-6, 6).Draw(t, label)) / 4)
	case "decimal":
		zero := Value(typ, "0")
		scale := int64(1)
		for range zero.Scale() {
			scale *= 10
		}
		quarters := rapid.Int64Range(-6, 6).Draw(t, label)
		if scale < 100 {
			return schema.NewDecimal(quarters, zero.Scale())
		}
		return schema.NewDecimal(quarters*scale/4, zero.Scale())
	case "bool":
		return schema.NewBool(rapid.Bool().Draw(t, label))
	case "date":
		return pick(poolDate)
	case "datetime":
		return pick(poolDatetime)
	case "time":
		return pick(poolTime)
	case "duration":
		return pick(poolDuration)
	case "enum":
		return pick(typ.Shape().Enum)
	case "email":
		return pick(poolEmail)
	case "uuid":
		return schema.NewText(fmt.Sprintf("00000000-0000-7000-8000-%012d", rapid.IntRange(1, 4).Draw(t, label)))
	case "json":
		return pick(poolJSON)
	case "list":
		b := []byte{'['}
		for i := range rapid.IntRange(0, 3).Draw(t, "elements") {
			if i > 0 {
				b = append(b, ',')
			}
			if typ.Shape().Items.Type == "integer" {
				b = fmt.Append(b, rapid.IntRange(0, 3).Draw(t, label))
			} else {
				b = schema.AppendQuoted(b, rapid.SampledFrom(poolText).Draw(t, label))
			}
		}
		return schema.NewJSON(string(append(b, ']')))
	case "object":
		a := schema.AppendQuoted([]byte(`{"a":`), rapid.SampledFrom(poolText).Draw(t, label))
		if rapid.Bool().Draw(t, "b") {
			return schema.NewJSON(string(append(a, `,"b":null}`...)))
		}
		return schema.NewJSON(string(append(schema.AppendQuoted(append(a, `,"b":`...), rapid.SampledFrom(poolText).Draw(t, label)), '}')))
	}
	return schema.NewText(rapid.SampledFrom(poolText).Draw(t, label))
}
