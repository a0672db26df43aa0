package memory

import (
	"math"
	"math/big"
	"strconv"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// value reads one field of a row. The guard, nil for all, says which related
// rows a computed or `many` field may take in.
func (v *view) value(r *record, f *schema.Field, guard schema.Expr) schema.Value {
	switch {
	case f.Many != nil:
		return v.many(r, f, guard)
	case f.Computed != nil:
		return v.computed(r, f, guard)
	}
	return r.values[f.Index]
}

// many is the array of the names or keys of the linked rows, in the order of their keys.
func (v *view) many(r *record, f *schema.Field, guard schema.Expr) schema.Value {
	shown := f.Many.By
	if shown == nil {
		shown = f.Many.To.Key[0]
	}
	b := []byte{'['}
	for far := range v.state.live(f.Many.Rel, r) {
		if !v.match(far, guard) {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		if x := far.values[shown.Index]; x.Kind() == schema.Text {
			b = schema.AppendQuoted(b, x.Text())
		} else {
			b = strconv.AppendInt(b, x.Int(), 10)
		}
	}
	return schema.NewJSON(string(append(b, ']')))
}

// computed folds the related rows into one value.
func (v *view) computed(r *record, f *schema.Field, guard schema.Expr) schema.Value {
	c := f.Computed
	var rows int64
	var values []schema.Value
	for far := range v.state.live(c.Rel, r) {
		if !v.match(far, c.Where) || !v.match(far, guard) {
			continue
		}
		rows++
		if c.Of == nil {
			continue
		}
		if x := v.value(far, c.Of, nil); !x.IsNull() {
			values = append(values, x)
		}
	}
	switch c.Func {
	case "count":
		return schema.NewInt(rows)
	case "sum":
		return v.sum(c.Of.Type.Kind(), scaleOf(c.Of, values), values)
	case "avg":
		return average(values)
	case "min":
		return extreme(values, -1)
	default:
		return extreme(values, 1)
	}
}

// extreme is the least (sign -1) or greatest (sign 1) of the values, null of none.
func extreme(values []schema.Value, sign int) (best schema.Value) {
	for i, x := range values {
		if c, _ := schema.Order(x, best); i == 0 || c == sign {
			best = x
		}
	}
	return best
}

// sum adds values of one kind; it is exact but for floats.
func (v *view) sum(kind schema.Kind, scale uint8, values []schema.Value) schema.Value {
	if kind == schema.Float {
		total := 0.0
		for _, x := range values {
			total += x.Float()
		}
		if math.IsInf(total, 0) {
			v.fail(storage.ErrTooLarge)
			return schema.Value{}
		}
		return schema.NewFloat(total)
	}
	total := new(big.Int)
	for _, x := range values {
		total.Add(total, big.NewInt(x.Int()))
	}
	if !total.IsInt64() {
		v.fail(storage.ErrTooLarge)
		return schema.Value{}
	}
	if kind == schema.Decimal {
		return schema.NewDecimal(total.Int64(), scale)
	}
	return schema.NewInt(total.Int64())
}

// scaleOf returns the fraction digits of a decimal field.
func scaleOf(f *schema.Field, values []schema.Value) uint8 {
	if len(values) > 0 {
		return values[0].Scale()
	}
	zero, err := f.Type.Parse("0")
	if err != nil {
		return 0
	}
	return zero.Scale()
}

// average is the sum as a double, divided once; null of nothing. It is what
// databases work out, not always the double nearest to the quotient.
func average(values []schema.Value) schema.Value {
	if len(values) == 0 {
		return schema.Value{}
	}
	if values[0].Kind() == schema.Float {
		total := 0.0
		for _, x := range values {
			total += x.Float()
		}
		return schema.NewFloat(total / float64(len(values)))
	}
	total := new(big.Int)
	unit := big.NewInt(int64(len(values)))
	for _, x := range values {
		total.Add(total, big.NewInt(x.Int()))
	}
	if s := values[0]; s.Kind() == schema.Decimal {
		unit.Mul(unit, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(s.Scale())), nil))
	}
	above, _ := new(big.Float).SetInt(total).Float64()
	below, _ := new(big.Float).SetInt(unit).Float64()
	return schema.NewFloat(above / below)
}
