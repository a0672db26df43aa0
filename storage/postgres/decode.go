package postgres

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"unsafe"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/slab"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// decoder makes rows of the columns of a select list as Printer.Select and
// Printer.Returning print it: the version, a column for each test that is not settled, the
// columns that can be read. It is for one result.
type decoder struct {
	width   int    // values of a row
	settled uint64 // tests that hold for every row
	tests   []int8 // bit of each test column
	columns []target

	// lasting: the columns are never overwritten, so texts need not be copied.
	lasting bool
	slab    slab.Slab
}

// target is where the value of a column goes, and what it is.
type target struct {
	slot int32
	sqlgen.Kind
}

// newDecoder compiles the select list of a query.
func newDecoder(n *sqlgen.Names, q *storage.Query) *decoder {
	d := &decoder{}
	d.compile(n, q)
	d.slab.Rows = expected(q)
	return d
}

// compile sets the decoder up for a query; what it allocated before serves again.
func (d *decoder) compile(n *sqlgen.Names, q *storage.Query) {
	kinds := n.Kinds(q)
	d.width, d.settled = len(q.Class.Fields)+len(q.Paths), 0
	d.tests, d.columns = d.tests[:0], d.columns[:0]
	d.slab = slab.Slab{}
	for i, e := range q.Tests {
		if holds, settled := sqlgen.IsConstant(e); !settled {
			d.tests = append(d.tests, int8(i))
		} else if holds {
			d.settled |= 1 << uint(i)
		}
	}
	for i := range q.Columns {
		if f := q.Columns[i].Field; sqlgen.Reads(f) {
			d.columns = append(d.columns, target{int32(f.Index), kinds[f.Index]})
		}
	}
	for i, x := range q.Paths {
		d.columns = append(d.columns, target{int32(len(q.Class.Fields) + i), n.Shape(x)})
	}
}

// row reads one row. The columns may be overwritten afterwards.
func (d *decoder) row(cols [][]byte) (row storage.Row, err error) {
	err = d.into(cols, &row)
	return row, err
}

func (d *decoder) into(cols [][]byte, row *storage.Row) (err error) {
	if len(cols) != 1+len(d.tests)+len(d.columns) {
		return fmt.Errorf("postgres: a row has %d columns instead of %d", len(cols), 1+len(d.tests)+len(d.columns))
	}
	if row.Version, err = integer(cols[0]); err != nil {
		return err
	}
	cols = cols[1:]
	row.Tests = d.settled
	for i, bit := range d.tests {
		if len(cols[i]) == 1 && cols[i][0] == 't' {
			row.Tests |= 1 << uint(bit)
		}
	}
	cols = cols[len(d.tests):]
	row.Values = d.slab.Values(d.width)
	for i := range d.columns {
		col := cols[i]
		if col == nil {
			continue
		}
		t := &d.columns[i]
		if t.Kind.Kind == schema.Text && t.Native != sqlgen.Datetime && t.Native != sqlgen.Time {
			row.Values[t.slot] = schema.NewText(d.text(col))
		} else if row.Values[t.slot], err = d.value(col, t); err != nil {
			return err
		}
	}
	return nil
}

// value reads a column that is not null. Slots of nulls are null already.
func (d *decoder) value(col []byte, t *target) (schema.Value, error) {
	switch t.Kind.Kind {
	case schema.Int:
		n, err := integer(col)
		return schema.NewInt(n), err
	case schema.Decimal:
		n, err := units(col, t.Scale)
		return schema.NewDecimal(n, t.Scale), err
	case schema.Bool:
		return schema.NewBool(col[0] == 't'), nil
	case schema.Float:
		f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(col), len(col)), 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return schema.Value{}, storage.ErrTooLarge
		}
		return schema.NewFloat(f), nil
	case schema.JSON:
		return schema.NewJSON(d.text(col)), nil
	}
	text, err := d.clock(col, t.Native)
	return schema.NewText(text), err
}

// text is a column as a text that stays what it is.
func (d *decoder) text(col []byte) string {
	if d.lasting {
		return unsafe.String(unsafe.SliceData(col), len(col))
	}
	return d.slab.Copy(col)
}

// datetimeSize is the length of 2026-01-02T03:04:05.000000Z, timeSize that of 03:04:05.000000.
const (
	datetimeSize = 27
	timeSize     = 15
)

// clock turns 2026-01-02 03:04:05.12+00 into 2026-01-02T03:04:05.120000Z, and
// 03:04:05.12 into 03:04:05.120000.
func (d *decoder) clock(col []byte, native sqlgen.Native) (string, error) {
	time := col
	size := timeSize
	if native == sqlgen.Datetime {
		if len(col) < 19 || col[10] != ' ' {
			return "", fmt.Errorf("postgres: the time %q cannot be shown", col)
		}
		time = bytes.TrimSuffix(col[11:], []byte("+00")) // a timestamp without time zone is taken for one of UTC
		size = datetimeSize
	}
	if len(time) < 8 || len(time) > timeSize || bytes.ContainsAny(time, "+- ") { // of another zone, or BC
		return "", fmt.Errorf("postgres: the time %q cannot be shown", col)
	}
	d.slab.Grow(size)
	out := d.slab.Free()[:size]
	to := out
	if native == sqlgen.Datetime {
		copy(to, col[:10])
		to[10], to[26] = 'T', 'Z'
		to = to[11:26]
	}
	n := copy(to, time)
	if n == 8 {
		to[8] = '.'
		n = 9
	}
	for ; n < timeSize; n++ {
		to[n] = '0'
	}
	return d.slab.Keep(size), nil
}

// integer reads a whole number. What PostgreSQL sums up may have outgrown 64 bits.
func integer(col []byte) (int64, error) {
	if len(col) == 0 || len(col) > 18 {
		return parseInteger(col)
	}
	n, i := int64(0), 0
	if col[0] == '-' {
		i = 1
	}
	for _, c := range col[i:] {
		if c < '0' || c > '9' {
			return parseInteger(col)
		}
		n = n*10 + int64(c-'0')
	}
	if i == 1 {
		n = -n
	}
	return n, nil
}

func parseInteger(col []byte) (int64, error) {
	n, err := strconv.ParseInt(string(col), 10, 64)
	if err != nil {
		return 0, storage.ErrTooLarge
	}
	return n, nil
}

// units reads a decimal number as units of 10^-scale. Digits beyond these are zeros.
func units(col []byte, scale uint8) (int64, error) {
	n, neg, left := uint64(0), false, -1 // left counts the fraction digits still to come
	for i, c := range col {
		switch {
		case c == '-' && i == 0:
			neg = true
		case c == '.' && left < 0:
			left = int(scale)
		case c >= '0' && c <= '9':
			if left == 0 {
				continue
			}
			if left > 0 {
				left--
			}
			if n > (math.MaxUint64-9)/10 {
				return 0, storage.ErrTooLarge
			}
			n = n*10 + uint64(c-'0')
		default:
			return 0, storage.ErrTooLarge // NaN, Infinity
		}
	}
	if left < 0 {
		left = int(scale)
	}
	for ; left > 0; left-- {
		if n > math.MaxUint64/10 {
			return 0, storage.ErrTooLarge
		}
		n *= 10
	}
	switch {
	case neg && n <= 1<<63:
		return -int64(n), nil
	case !neg && n <= math.MaxInt64:
		return int64(n), nil
	}
	return 0, storage.ErrTooLarge
}
