package actions

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// A cursor is a place in a list: the values that a row is sorted by, on which
// side of it to go on, and a fingerprint of the list: its class, filters and order, and who
// asks. What is shown of the records is not part of it, nor is the size of a page. It holds no more than its
// bearer has read. Rows that come or go meanwhile move nobody else: no row is read twice or left out.

// Seal makes texts that say nothing and that nobody else can make. Nodes with the same secret read
// each other's. The same content has the same text, so that a list with the same tag has the same links.
type Seal struct {
	mac    [sha256.Size]byte
	stream cipher.Block
}

// NewSeal derives the keys of a seal from a secret of any length.
func NewSeal(secret []byte) *Seal {
	derived := func(of string) (key [sha256.Size]byte) {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(of))
		h.Sum(key[:0])
		return key
	}
	key := derived("dowel cursor: content")
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the key has the right length
	}
	return &Seal{mac: derived("dowel cursor: authenticity"), stream: block}
}

// close encrypts with the authentication code as the initial vector (RFC 5297 gives
// the idea): it is different for different contents.
func (s *Seal) close(plain []byte) string {
	out := make([]byte, aes.BlockSize+len(plain))
	code := s.code(plain)
	copy(out, code[:aes.BlockSize])
	cipher.NewCTR(s.stream, out[:aes.BlockSize]).XORKeyStream(out[aes.BlockSize:], plain)
	return base64.RawURLEncoding.EncodeToString(out)
}

func (s *Seal) open(text string) (plain []byte, ok bool) {
	in, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(in) < aes.BlockSize {
		return nil, false
	}
	plain = make([]byte, len(in)-aes.BlockSize)
	cipher.NewCTR(s.stream, in[:aes.BlockSize]).XORKeyStream(plain, in[aes.BlockSize:])
	code := s.code(plain)
	return plain, hmac.Equal(code[:aes.BlockSize], in[:aes.BlockSize])
}

func (s *Seal) code(plain []byte) (code [sha256.Size]byte) {
	h := hmac.New(sha256.New, s.mac[:])
	h.Write(plain)
	h.Sum(code[:0])
	return code
}

// mostCursor is the length of the longest cursor that is given out, in characters: it has to fit in an address.
const mostCursor = 4096

// pager makes the cursors of one list, and reads them.
type pager struct {
	list  hash            // fingerprint of the list
	order []storage.Order // what it is sorted by
	slots []int           // where in Row.Values the values of that are
	class *schema.Class
}

// bindPager has a query read what its cursors are made of.
func (x *Exec) bindPager(a *Search, d *authz.Decision, q *storage.Query) *pager {
	p := &pager{class: q.Class, order: q.Order, slots: make([]int, len(q.Order)), list: x.listID(a, d, q.Order)}
	for i := range q.Order {
		by := q.Order[i].By
		if f := by.Field; len(by.Steps) == 0 && len(by.Member) == 0 && f.Stored() {
			p.slots[i] = f.Index
			if !reads(q, f) {
				q.Columns = append(q.Columns[:len(q.Columns):len(q.Columns)], storage.Column{Field: f})
			}
			continue
		}
		p.slots[i] = len(q.Class.Fields) + len(q.Paths)
		q.Paths = append(q.Paths, by)
	}
	return p
}

func reads(q *storage.Query, f *schema.Field) bool {
	for i := range q.Columns {
		if q.Columns[i].Field == f {
			return true
		}
	}
	return false
}

// listID is a fingerprint of a list as its reader sees it. Conditions are taken as they were
// written: what `now` means differs from page to page. Filters may change places.
func (x *Exec) listID(a *Search, d *authz.Decision, order []storage.Order) hash {
	h := newHash().str(a.Class).str(a.Deleted).str(a.Where).str(a.Search).str(a.After)
	if p := a.Parent; p != nil {
		h = h.str(p.Class).str(p.ID).str(p.Relation)
	}
	sum := hash(0)
	for i := range a.Filter {
		sum += newHash().str(a.Filter[i].Path).str(a.Filter[i].String())
	}
	for _, s := range a.Scopes {
		sum += newHash().str(s)
	}
	h = h.num(uint64(sum))
	for i := range order {
		o := &order[i]
		for _, s := range o.By.Steps {
			h = h.str(s.Rel.Name)
		}
		h = h.str(o.By.Field.Name)
		for _, m := range o.By.Member {
			h = h.str(m)
		}
		h = h.str(o.By.Type.Name()).num(uint64(o.By.Type.Kind()) | uint64(storage.ScaleOf(o.By.Type))<<8)
		for _, word := range o.By.Type.Shape().Enum {
			h = h.str(word)
		}
		if o.Desc {
			h = h.str("-")
		}
	}
	if x.Public[x.Schema.Class(a.Class)] > 0 {
		return h // everybody sees the same, and a cache may hand this page to others
	}
	return h.str(x.Subject.ID).str(x.Subject.RoleSet).str(d.ID).str(x.tenant.org.String())
}

// The directions of a cursor.
const (
	onward byte = iota
	backward
)

// plain is the place at a row.
func (p *pager) plain(r *storage.Row) (b []byte) {
	for _, slot := range p.slots {
		b = appendPlain(b, r.Values[slot])
	}
	return b
}

// at is the cursor of a place; nil is the end of the list.
func (p *pager) at(s *Seal, plain []byte, direction byte) string {
	b := append(binary.BigEndian.AppendUint64([]byte{direction}, uint64(p.list)), plain...)
	if base64.RawURLEncoding.EncodedLen(aes.BlockSize+len(b)) > mostCursor {
		return ""
	}
	return s.close(b)
}

// place reads a cursor; nil is none of this list.
func (p *pager) place(s *Seal, text string) *storage.Place {
	b, ok := s.open(text)
	if !ok || len(b) < 9 || b[0] > backward || binary.BigEndian.Uint64(b[1:]) != uint64(p.list) {
		return nil
	}
	place := &storage.Place{Back: b[0] == backward}
	if b = b[9:]; len(b) == 0 {
		return place
	}
	for i := range p.order {
		var v schema.Value
		t := p.order[i].By.Type
		if v, b, ok = cutPlain(b); !ok || !v.IsNull() && v.Kind() != t.Kind() {
			return nil
		}
		place.Values = append(place.Values, v)
	}
	if len(b) > 0 {
		return nil
	}
	return place
}

// appendPlain appends a value: its kind, then what it takes to make it again.
func appendPlain(b []byte, v schema.Value) []byte {
	b = append(b, byte(v.Kind()))
	switch v.Kind() {
	case schema.Null:
	case schema.Bool, schema.Int:
		b = binary.AppendVarint(b, v.Int())
	case schema.Decimal:
		b = binary.AppendVarint(append(b, v.Scale()), v.Int())
	case schema.Float:
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(v.Float()))
	default:
		b = append(binary.AppendUvarint(b, uint64(len(v.Text()))), v.Text()...)
	}
	return b
}

// cutPlain takes a value off the beginning.
func cutPlain(b []byte) (v schema.Value, rest []byte, ok bool) {
	if len(b) == 0 {
		return v, nil, false
	}
	kind, scale := schema.Kind(b[0]), uint8(0)
	b = b[1:]
	switch kind {
	case schema.Null:
		return v, b, true
	case schema.Decimal:
		if len(b) == 0 {
			return v, nil, false
		}
		scale, b = b[0], b[1:]
	case schema.Float:
		if len(b) < 8 {
			return v, nil, false
		}
		return schema.NewFloat(math.Float64frombits(binary.BigEndian.Uint64(b))), b[8:], true
	case schema.Text:
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return v, nil, false
		}
		end := size + int(n)
		return schema.NewText(string(b[size:end])), b[end:], true
	case schema.Bool, schema.Int:
	default:
		return v, nil, false
	}
	n, size := binary.Varint(b)
	if size <= 0 {
		return v, nil, false
	}
	switch kind {
	case schema.Bool:
		v = schema.NewBool(n != 0)
	case schema.Int:
		v = schema.NewInt(n)
	default:
		v = schema.NewDecimal(n, scale)
	}
	return v, b[size:], true
}

// errCursor refuses a cursor that was changed, or is of another list. Which it is says nothing to its bearer.
func errCursor() *Error {
	const detail = "This cursor is not one of this list: filters, order and who asks must be those of the page that gave it."
	e := Errorf(BadQuery, detail)
	e.Hint = "begin again without `cursor` and follow the links"
	e.Errors = []Problem{{Code: "cursor", Detail: detail, Parameter: "cursor", Hint: e.Hint}}
	return e
}

// link adds the cursors of the pages around this one, whose first and last rows are at these places.
func (p *pager) link(s *Seal, info *PageInfo, q *storage.Query, first, last []byte) {
	info.Placed = q.From != nil
	if info.Limit <= 0 || len(first) == 0 {
		return
	}
	next, prev := info.More, q.From != nil
	if q.Back() {
		next, prev = q.From.Values != nil, info.More
	}
	if next {
		info.Next = p.at(s, last, onward)
	}
	if prev {
		info.Prev = p.at(s, first, backward)
	}
	if info.Total > 0 {
		info.Last = p.at(s, nil, backward)
	}
}
