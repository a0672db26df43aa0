package move

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/dowel-dev/dowel/schema"
)

// hash is the sum of digests of rows: their order does not matter, their number does.
type hash struct{ High, Low uint64 }

// String is the sum in 32 digits.
func (h hash) String() string { return fmt.Sprintf("%016x%016x", h.High, h.Low) }

// add takes a row in.
func (h *hash) add(row []schema.Value) {
	var b []byte
	for _, v := range row {
		b = append(b, byte(v.Kind()))
		switch v.Kind() {
		case schema.Text, schema.JSON:
			b = binary.AppendUvarint(b, uint64(len(v.Text())))
			b = append(b, v.Text()...)
		case schema.Float:
			b = binary.BigEndian.AppendUint64(b, math.Float64bits(v.Float()+0)) // the zeros are one number
		case schema.Decimal:
			b = append(b, v.Scale())
			fallthrough
		default:
			b = binary.BigEndian.AppendUint64(b, uint64(v.Int()))
		}
	}
	sum := sha256.Sum256(b)
	var carry uint64
	h.Low, carry = bits.Add64(h.Low, binary.BigEndian.Uint64(sum[8:16]), 0)
	h.High, _ = bits.Add64(h.High, binary.BigEndian.Uint64(sum[:8]), carry)
}
