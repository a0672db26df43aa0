package migrate

import (
	"encoding/json"
	"strconv"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Limits say what values a column may hold beyond what the type of the column
// says: the database does not know them, so they are noted in _dowel_columns.
type Limits struct {
	Type    string   `json:"type"` // the word of the schema language
	Min     string   `json:"min,omitempty"`
	Max     string   `json:"max,omitempty"`
	Pattern string   `json:"pattern,omitempty"`
	Values  []string `json:"values,omitempty"` // of an enum
	Of      *Limits  `json:"of,omitempty"`     // of the members of a list
	Members []Member `json:"members,omitempty"`
	Per     string   `json:"per,omitempty"`   // auto=sequence: its group
	Scale   int      `json:"scale,omitempty"` // of a decimal inside of a document, which keeps its units
}

// Member is a member of a nested object.
type Member struct {
	Name     string  `json:"name"`
	Optional bool    `json:"optional,omitempty"`
	Limits   *Limits `json:"limits"`
}

// limitsOf reads the limits of a type.
func limitsOf(t schema.Type) *Limits {
	l := &Limits{Type: t.Name()}
	switch t := t.(type) {
	case *schema.EnumType:
		l.Values = t.Values()
	case *schema.ListType:
		shape := t.Shape()
		l.Of, l.Min, l.Max = innerLimits(t.Elem()), some(shape.MinItems), some(shape.MaxItems)
	case *schema.ObjectType:
		for _, f := range t.Fields() {
			l.Members = append(l.Members, Member{Name: f.JSON, Optional: f.Optional, Limits: innerLimits(f.Type)})
		}
	case interface{ Limits() (low, high string) }:
		l.Min, l.Max = t.Limits()
	case schema.Ranked:
		l.Values = t.Values()
	default:
		shape := t.Shape()
		l.Min, l.Max, l.Pattern = some(shape.MinLength), some(shape.MaxLength), shape.Pattern
		if t.Kind() != schema.Text {
			l.Pattern = ""
		}
	}
	return l
}

// innerLimits are those of a part of a document.
func innerLimits(t schema.Type) *Limits {
	l := limitsOf(t)
	if t.Kind() == schema.Decimal {
		l.Scale = int(sqlgen.ScaleOf(t))
	}
	return l
}

// some is the text of a length, "" for none.
func some(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// text is the form in which limits are noted.
func (l *Limits) text() string {
	if l == nil {
		return ""
	}
	b, err := json.Marshal(l)
	if err != nil {
		panic("migrate: " + err.Error()) // plain data always has a JSON form
	}
	return string(b)
}

// readLimits is the inverse of text; what cannot be read is not known.
func readLimits(text string) *Limits {
	l := &Limits{}
	if text == "" || json.Unmarshal([]byte(text), l) != nil || l.Type == "" {
		return nil
	}
	return l
}
