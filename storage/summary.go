package storage

import (
	"strconv"

	"github.com/dowel-dev/dowel/schema"
)

// Summary makes rows of other rows: one for each group of those that have the
// same values in Group, null being a value too, with Measures of the group. Without Group there is
// one row, of all rows, even when there are none.
//
// There is at least one of Group and Measures.
//
// It stands in the place of a table: Query.Class is what Rows made of it, whose fields
// conditions, columns and orders of the query are about.
type Summary struct {
	Class    *schema.Class // of the rows that are summed up
	Where    schema.Expr   // which of them; nil is all
	Deleted  Deleted
	Group    []Group
	Measures []Measure
}

// Group is what the rows of a group have in common: a value, or the part of time it is in.
type Group struct {
	By   *schema.Path
	Part Part
}

// Part is a part of the calendar, in UTC. Its value is the time at which it
// begins: a date, for Hour a datetime. Weeks begin on Mondays.
type Part uint8

// The parts. Whole is the value itself.
const (
	Whole Part = iota
	Year
	Quarter
	Month
	Week
	Day
	Hour // of datetimes only
)

// Func is what a measure works out of the values of a group that are not null.
type Func uint8

// The measures. Of no values counts are 0, the others null.
const (
	// Count is the number of rows, or with a path of those where it has a value.
	Count Func = iota
	// Distinct is the number of different values.
	Distinct
	// Sum is exact, and of the kind of its values; but for floats it does not depend on their order. More than the kind
	// can hold is ErrTooLarge.
	Sum
	// Avg of decimals is a decimal with AvgDigits more digits, rounded to the nearest, halves away
	// from zero; of other numbers it is a Float: the sum as a double, divided once.
	Avg
	// Min and Max go by the order of values, not by that of an enum.
	Min
	Max
)

// Measure is a function of the values at the end of a path; nil is the row itself.
type Measure struct {
	Func Func
	Of   *schema.Path
}

// AvgScale is the number of digits behind the point that an average of decimals has: four more than they, at most 18.
func AvgScale(scale uint8) uint8 { return max(scale, min(scale+4, 18)) }

// Rows returns the class of the rows of the summary: a field for each of Group,
// then one for each of Measures, with these names.
func (s *Summary) Rows(names []string) *schema.Class {
	c := &schema.Class{Name: s.Class.Name, Collection: s.Class.Collection, Table: s.Class.Table, TypeName: s.Class.TypeName}
	add := func(t schema.Type) {
		i := len(c.Fields)
		c.Fields = append(c.Fields, &schema.Field{
			Index: i, Name: names[i], JSON: names[i], Column: "c" + strconv.Itoa(i), Class: c, Type: t, Optional: true,
		})
	}
	for _, g := range s.Group {
		switch g.Part {
		case Whole:
			add(g.By.Type)
		case Hour:
			add(schema.MustType("datetime", schema.Options{}))
		default:
			add(schema.MustType("date", schema.Options{}))
		}
	}
	for _, m := range s.Measures {
		add(m.Type())
	}
	return c
}

// Type is the type of what the measure works out, without the limits of its field.
func (m *Measure) Type() schema.Type {
	switch m.Func {
	case Count, Distinct:
		return schema.MustType("int", schema.Options{})
	case Min, Max:
		return m.Of.Type
	}
	t := m.Of.Type
	if t.Kind() == schema.Decimal {
		scale := ScaleOf(t)
		if m.Func == Avg {
			scale = AvgScale(scale)
		}
		return schema.MustType("decimal", schema.Options{Text: map[string]string{"scale": strconv.Itoa(int(scale))}})
	}
	if m.Func == Avg {
		return schema.MustType("float", schema.Options{})
	}
	switch name := t.Name(); name {
	case "int", "bigint", "float", "duration":
		return schema.MustType(name, schema.Options{})
	}
	return t
}

// ScaleOf returns the fraction digits of a decimal type, 0 for all others.
func ScaleOf(t schema.Type) uint8 {
	if d, ok := t.(interface{ Scale() uint8 }); ok {
		return d.Scale()
	}
	return 0
}

// Base is the class whose table the query reads.
func (q *Query) Base() *schema.Class {
	if q.Summary != nil {
		return q.Summary.Class
	}
	return q.Class
}
