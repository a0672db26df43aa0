// Package slab keeps the values and texts of the rows of one answer in a few
// large pieces of memory, so that a row costs no allocation of its own and a text
// none either. It is what stores read rows into.
package slab

import (
	"unsafe"

	"github.com/dowel-dev/dowel/schema"
)

// Slab is filled once and then only read; it lives as long as any row of it. The
// zero value is ready.
type Slab struct {
	// Rows are expected, for the first pieces.
	Rows int
	// RowText is how many bytes of text the first piece has for each of them; later pieces
	// double. 0 is 64.
	RowText int

	values []schema.Value
	text   []byte
	made   int // rows there was room for so far
}

// maxPiece is the largest piece of text that is made before it is known to be needed, in bytes.
const maxPiece = 64 << 10

// Values returns n null values.
func (s *Slab) Values(n int) []schema.Value {
	if len(s.values) < n {
		batch := max(s.Rows, 1)
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

// Free is what is left of the present piece of text, to be written to before Keep.
func (s *Slab) Free() []byte { return s.text[len(s.text):cap(s.text)] }

// Grow makes Free at least n bytes long. What was kept stays where it is: another piece is begun.
func (s *Slab) Grow(n int) {
	if cap(s.text)-len(s.text) >= n {
		return
	}
	each := s.RowText
	if each == 0 {
		each = 64
	}
	size := each * max(s.Rows, 1)
	if cap(s.text) > 0 {
		size = 2 * cap(s.text)
	}
	s.text = make([]byte, 0, max(n, min(size, maxPiece)))
}

// Keep makes a text of the first n bytes of Free. They are never written to again.
func (s *Slab) Keep(n int) string {
	if n == 0 {
		return ""
	}
	start := len(s.text)
	s.text = s.text[:start+n]
	return unsafe.String(&s.text[start], n)
}

// Copy keeps a text that is about to be overwritten.
func (s *Slab) Copy(b []byte) string {
	s.Grow(len(b))
	return s.Keep(copy(s.Free(), b))
}

// Beside returns a slab for rows of another kind, whose texts go behind those of s.
// While it is filled s is not; Resume ends that.
func (s *Slab) Beside(rows int) Slab {
	return Slab{Rows: rows, RowText: s.RowText, text: s.text}
}

// Resume goes on behind the texts of a slab that was made beside s.
func (s *Slab) Resume(beside *Slab) { s.text = beside.text }
