package postgres

import (
	"strconv"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// TestParentsInAnyOrder: rows of an expansion find their parents by their ordinals, in whatever order
// the server takes the parents.
func TestParentsInAnyOrder(t *testing.T) {
	sc := shopSchema()
	customer, order := sc.Classes[0], sc.Classes[1]
	inner := storage.Query{Class: customer, Limit: -1}
	middle := storage.Query{Class: order, Limit: -1, Expand: []storage.Expand{{Rel: order.Relations[0], Query: inner}}}
	q := &storage.Query{Class: customer, Limit: 3, Expand: []storage.Expand{{Rel: customer.Relations[0], Query: middle}}}
	r, err := newReading(sqlgen.NewModel(sc), q)
	if err != nil {
		t.Fatal(err)
	}
	give := func(part int, rows ...string) {
		t.Helper()
		for _, row := range rows {
			var cols [][]byte
			for _, c := range row {
				cols = append(cols, []byte(string(c)))
			}
			if err := r.parts[part].add(cols); err != nil {
				t.Fatalf("%s: %v", row, err)
			}
		}
	}
	// Ordinals, then the version.
	give(0, "1", "2", "3")
	give(1, "34", "35", "11", "12", "13")
	give(2, "319", "137", "328", "112", "121")
	for _, bad := range []string{"14x", "211", "4", "0", "1"} {
		var cols [][]byte
		for _, c := range bad {
			cols = append(cols, []byte(string(c)))
		}
		if err := r.parts[2].add(cols); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	page, err := r.page()
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, a := range page.Rows {
		got += strconv.FormatInt(a.Version, 10) + "("
		for _, b := range a.Expanded[0] {
			got += strconv.FormatInt(b.Version, 10) + "["
			for _, c := range b.Expanded[0] {
				got += strconv.FormatInt(c.Version, 10)
			}
			got += "]"
		}
		got += ")"
	}
	if want := "1(1[2]2[1]3[7])2()3(4[9]5[8])"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDecode(t *testing.T) {
	for _, test := range []struct {
		name string
		kind sqlgen.Kind
		text string
		want schema.Value // null: an error
	}{
		{"int", sqlgen.Kind{Kind: schema.Int}, "-9223372036854775808", schema.NewInt(-1 << 63)},
		{"int that has outgrown 64 bits", sqlgen.Kind{Kind: schema.Int}, "9223372036854775808", schema.Value{}},
		{"decimal", sqlgen.Kind{Kind: schema.Decimal, Scale: 2}, "-12.50", schema.NewDecimal(-1250, 2)},
		{"decimal without a fraction", sqlgen.Kind{Kind: schema.Decimal, Scale: 2}, "12", schema.NewDecimal(1200, 2)},
		{"decimal with more digits", sqlgen.Kind{Kind: schema.Decimal, Scale: 2}, "0.0500", schema.NewDecimal(5, 2)},
		{"least decimal", sqlgen.Kind{Kind: schema.Decimal, Scale: 4}, "-922337203685477.5808", schema.NewDecimal(-1<<63, 4)},
		{"decimal that is too large", sqlgen.Kind{Kind: schema.Decimal, Scale: 4}, "922337203685477.5808", schema.Value{}},
		{"decimal far too large", sqlgen.Kind{Kind: schema.Decimal, Scale: 2}, "123456789012345678901234567890.00", schema.Value{}},
		{"no number", sqlgen.Kind{Kind: schema.Decimal}, "NaN", schema.Value{}},
		{"float", sqlgen.Kind{Kind: schema.Float}, "1e-07", schema.NewFloat(1e-7)},
		{"infinity", sqlgen.Kind{Kind: schema.Float}, "Infinity", schema.Value{}},
		{"bool", sqlgen.Kind{Kind: schema.Bool}, "t", schema.NewBool(true)},
		{"datetime", sqlgen.Kind{Kind: schema.Text, Native: sqlgen.Datetime}, "2026-01-02 03:04:05.12+00", schema.NewText("2026-01-02T03:04:05.120000Z")},
		{"datetime on the second", sqlgen.Kind{Kind: schema.Text, Native: sqlgen.Datetime}, "0001-01-01 00:00:00+00", schema.NewText("0001-01-01T00:00:00.000000Z")},
		{"datetime of another zone", sqlgen.Kind{Kind: schema.Text, Native: sqlgen.Datetime}, "2026-01-02 03:04:05+02", schema.Value{}},
		{"datetime before Christ", sqlgen.Kind{Kind: schema.Text, Native: sqlgen.Datetime}, "0044-03-15 00:00:00+00 BC", schema.Value{}},
		{"datetime after 9999", sqlgen.Kind{Kind: schema.Text, Native: sqlgen.Datetime}, "12026-01-02 03:04:05+00", schema.Value{}},
		{"no datetime", sqlgen.Kind{Kind: schema.Text, Native: sqlgen.Datetime}, "infinity", schema.Value{}},
		{"time", sqlgen.Kind{Kind: schema.Text, Native: sqlgen.Time}, "23:59:59.999999", schema.NewText("23:59:59.999999")},
		{"time on the second", sqlgen.Kind{Kind: schema.Text, Native: sqlgen.Time}, "23:59:59", schema.NewText("23:59:59.000000")},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &decoder{}
			got, err := d.value([]byte(test.text), &target{Kind: test.kind})
			switch {
			case test.want.IsNull() && err == nil:
				t.Errorf("got %s", got)
			case !test.want.IsNull() && (err != nil || got != test.want):
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}
