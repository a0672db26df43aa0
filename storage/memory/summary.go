package memory

import (
	"math/big"
	"slices"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

// summary makes a record for each group of rows.
func (v *view) summary(s *storage.Summary) []*record {
	rows := v.selected(&storage.Query{Class: s.Class, Where: s.Where, Deleted: s.Deleted}, v.candidates(&storage.Query{Class: s.Class}))
	groups := map[string]*group{}
	var order []*group
	if len(s.Group) == 0 {
		order = []*group{{}}
		groups[""] = order[0]
	}
	for _, r := range rows {
		values := make([]schema.Value, len(s.Group))
		for i := range s.Group {
			values[i] = part(expr.Value(s.Group[i].By, row{v, r}), s.Group[i].Part)
		}
		key := keyOf(values...)
		g := groups[key]
		if g == nil {
			g = &group{values: values}
			groups[key] = g
			order = append(order, g)
		}
		g.rows = append(g.rows, r)
	}
	found := make([]*record, len(order))
	for i, g := range order {
		for k := range s.Measures {
			if v.err != nil {
				return nil
			}
			g.values = append(g.values, v.measure(&s.Measures[k], g.rows))
		}
		found[i] = &record{values: g.values}
	}
	return found
}

// group is the rows that have the same values.
type group struct {
	values []schema.Value
	rows   []*record
}

// part is the beginning of the part of the calendar that a time is in.
func part(v schema.Value, p storage.Part) schema.Value {
	if p == storage.Whole || v.IsNull() {
		return v
	}
	text := v.Text()
	if p == storage.Hour {
		return schema.NewText(text[:13] + ":00:00.000000Z")
	}
	day, err := time.Parse(time.DateOnly, text[:len(time.DateOnly)])
	if err != nil {
		return schema.Value{}
	}
	switch p {
	case storage.Year:
		day = day.AddDate(0, 0, 1-day.YearDay())
	case storage.Quarter:
		day = day.AddDate(0, -int(day.Month()-1)%3, 1-day.Day())
	case storage.Month:
		day = day.AddDate(0, 0, 1-day.Day())
	case storage.Week:
		day = day.AddDate(0, 0, -int(day.Weekday()+6)%7)
	}
	return schema.NewText(day.Format(time.DateOnly))
}

// measure works out a function of the values of some rows.
func (v *view) measure(m *storage.Measure, rows []*record) schema.Value {
	if m.Of == nil {
		return schema.NewInt(int64(len(rows)))
	}
	var values []schema.Value
	for _, r := range rows {
		if x := expr.Value(m.Of, row{v, r}); !x.IsNull() {
			values = append(values, x)
		}
	}
	switch {
	case m.Func == storage.Count:
		return schema.NewInt(int64(len(values)))
	case m.Func == storage.Distinct:
		slices.SortFunc(values, func(a, b schema.Value) int { c, _ := schema.Order(a, b); return c })
		return schema.NewInt(int64(len(slices.CompactFunc(values, schema.Equal))))
	case len(values) == 0:
		return schema.Value{}
	case m.Func == storage.Min:
		return extreme(values, -1)
	case m.Func == storage.Max:
		return extreme(values, 1)
	case m.Func == storage.Sum:
		return v.sum(m.Of.Type.Kind(), values[0].Scale(), values)
	case values[0].Kind() == schema.Decimal:
		return v.exactAverage(values)
	}
	return average(values)
}

// exactAverage is the average of decimals as a decimal, half away from zero.
func (v *view) exactAverage(values []schema.Value) schema.Value {
	scale := storage.AvgScale(values[0].Scale())
	total := new(big.Int)
	for _, x := range values {
		total.Add(total, big.NewInt(x.Int()))
	}
	more := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale-values[0].Scale())), nil)
	n := int64(len(values))
	half := big.NewInt(n * int64(total.Sign()))
	total.Mul(total, more).Mul(total, big.NewInt(2)).Add(total, half)
	total.Quo(total, big.NewInt(2*n))
	if !total.IsInt64() {
		v.fail(storage.ErrTooLarge)
		return schema.Value{}
	}
	return schema.NewDecimal(total.Int64(), scale)
}
