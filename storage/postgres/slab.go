package postgres

import (
	"unsafe"

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
	textOfRow = 64
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

// room returns n bytes, to be written once.
func (s *slab) room(n int) []byte {
	if cap(s.text)-len(s.text) < n {
		size := textOfRow * max(s.rows, 1)
		if cap(s.text) > 0 {
			size = 2 * cap(s.text)
		}
		s.text = make([]byte, 0, max(n, min(size, maxPiece)))
	}
	start := len(s.text)
	s.text = s.text[:start+n]
	return s.text[start : start+n : start+n]
}

// copy keeps a text.
func (s *slab) copy(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	to := s.room(len(b))
	copy(to, b)
	return unsafe.String(&to[0], len(to))
}
