package schema

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
)

var uuidDef = TypeDef{
	Name:    "uuid",
	Doc:     "A UUID, shown in lower case; generated ones are version 7, which sort by time.",
	Example: "uuid auto=uuid",
	New: func(o Options) (Type, error) {
		if err := o.only("uuid"); err != nil {
			return nil, err
		}
		return uuidType{}, nil
	},
}

type uuidType struct{}

func (uuidType) Name() string { return "uuid" }
func (uuidType) Kind() Kind   { return Text }
func (uuidType) Traits() Traits {
	return Traits{Filter: true, Order: true, Key: true, Unique: true}
}
func (uuidType) verbatim() {}

func (uuidType) Parse(text string) (Value, error) { return parsed(readUUID(text)) }

func (uuidType) Decode(raw []byte) (Value, []Problem) {
	text, p := unquote(raw)
	if p != nil {
		return p.one()
	}
	return result(readUUID(text))
}

// readUUID takes the one form with four dashes, in either case.
func readUUID(text string) (Value, *Problem) {
	const form = "expected a UUID like 01890a5d-ac96-774b-bcce-b302099a8057"
	if len(text) != 36 {
		return Value{}, problem(CodeFormat, form)
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return Value{}, problem(CodeFormat, form)
	}
	return NewText(id.String()), nil
}

func (uuidType) AppendJSON(b []byte, v Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	return AppendQuoted(b, v.text)
}

func (uuidType) Text(v Value) string { return v.text }

func (uuidType) Shape() Shape {
	return Shape{Type: "string", Format: "uuid", Example: `"01890a5d-ac96-774b-bcce-b302099a8057"`}
}

// NewUUID makes a version 7 UUID (RFC 9562) of a time, to a quarter of a microsecond, and random bits.
func NewUUID(now time.Time, random io.Reader) (Value, error) {
	var id uuid.UUID
	if _, err := io.ReadFull(random, id[8:]); err != nil {
		return Value{}, fmt.Errorf("random bits for a UUID: %w", err)
	}
	milli := now.UnixMilli()
	fraction := now.Sub(time.UnixMilli(milli)) * 4096 / time.Millisecond
	binary.BigEndian.PutUint64(id[:8], uint64(milli)<<16|0x7000|uint64(fraction)&0xfff)
	id[8] = id[8]&0x3f | 0x80
	return NewText(id.String()), nil
}
