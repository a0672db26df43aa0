package sqlite

import (
	"unsafe"

	"zombiezen.com/go/sqlite"

	"github.com/dowel-dev/dowel/schema"
)

// slab holds the values and texts of the rows of one answer in a few large
// pieces, so that a row costs no allocation of its own and a text none either.
// It is filled once and then only read; it lives as long as any row of it.
type slab struct {
	values []schema.Value
	text   []byte
	rows   int // expected, for the first pieces
	made   int // rows there was room for so far
}

// The first piece of text has so much for each row expected; later pieces double up to maxPiece.
const (
	textOfRow = 192
	maxPiece  = 64 << 10
)

// take returns n null values.
func (s *slab) take(n int) []schema.Value {
	if len(s.values) < n {
		batch := max(s.rows, 1)
		if s.made > 0 {
			batch = min(max(s.made/2, 4), 256)
		}
		s.made += batch
		s.values = make([]schema.Value, n*batch)
	}
	v := s.values[:n:n]
	s.values = s.values[n:]
	return v
}

// column reads a text column of the current row. null reports a null.
func (s *slab) column(st *sqlite.Stmt, col int) (text string, null bool) {
	free := s.text[len(s.text):cap(s.text)]
	n := st.ColumnBytes(col, free)
	if n == 0 && len(free) > 0 {
		return "", st.ColumnIsNull(col)
	}
	if n == len(free) { // full: it may have been cut off
		n = st.ColumnLen(col)
		if n == 0 {
			return "", st.ColumnIsNull(col)
		}
		if n > len(free) {
			s.grow(n)
			free = s.text[:cap(s.text)]
			st.ColumnBytes(col, free)
		}
	}
	start := len(s.text)
	s.text = s.text[:start+n]
	// The bytes are never written to again: text only grows behind them, and
	// grow starts another piece instead of moving this one.
	return unsafe.String(&s.text[start], n), false
}

// grow starts a new piece of text with room for n bytes.
func (s *slab) grow(n int) {
	size := textOfRow * max(s.rows, 1)
	if cap(s.text) > 0 {
		size = 2 * cap(s.text)
	}
	s.text = make([]byte, 0, max(n, min(size, maxPiece)))
}
