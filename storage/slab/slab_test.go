package slab_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/slab"
)

func TestTextsStayWhatTheyAre(t *testing.T) {
	var s slab.Slab
	s.Rows = 2
	buffer := make([]byte, 0, 1<<18)
	var want, got []string
	for i := range 300 {
		text := strings.Repeat(fmt.Sprint(i), i%50)
		if i == 200 {
			text = strings.Repeat("long", 40_000)
		}
		buffer = append(buffer[:0], text...) // the same bytes again and again
		want, got = append(want, text), append(got, s.Copy(buffer))
		if i == 100 {
			beside := s.Beside(3)
			want, got = append(want, "beside"), append(got, beside.Copy([]byte("beside")))
			s.Resume(&beside)
		}
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("text %d is %.40q, want %.40q", i, got[i], want[i])
		}
	}
}

func TestFreeIsAsLongAsAskedFor(t *testing.T) {
	var s slab.Slab
	for _, n := range []int{0, 1, 63, 64, 65, 1000, 100_000} {
		s.Grow(n)
		if len(s.Free()) < n {
			t.Errorf("%d bytes are free, want at least %d", len(s.Free()), n)
		}
		s.Keep(n)
	}
}

func TestValuesAreNullAndApart(t *testing.T) {
	s := slab.Slab{Rows: 2}
	var rows [][]schema.Value
	for i := range 40 {
		row := s.Values(3)
		for _, v := range row {
			if !v.IsNull() {
				t.Fatalf("row %d is not empty: %v", i, row)
			}
		}
		row[0] = schema.NewInt(int64(i))
		if row = append(row, schema.NewInt(-1)); len(row) != 4 { // must not reach into the next row
			t.Fatal(row)
		}
		rows = append(rows, row)
	}
	for i, row := range rows {
		if row[0] != schema.NewInt(int64(i)) || !row[1].IsNull() {
			t.Errorf("row %d is %v", i, row)
		}
	}
}

// BenchmarkCopy keeps the texts of a page of 20 rows of 5 columns.
func BenchmarkCopy(b *testing.B) {
	text := []byte("customer17@example.test")
	b.ReportAllocs()
	for b.Loop() {
		s := slab.Slab{Rows: 20}
		for range 20 {
			row := s.Values(5)
			for i := range row {
				row[i] = schema.NewText(s.Copy(text))
			}
		}
	}
}
