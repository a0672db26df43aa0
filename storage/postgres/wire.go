package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/dowel-dev/dowel/schema"
)

// wire speaks the extended query protocol on a connection that pgconn opened and
// handed over. It exists because one goroutine serves many callers here: it
// only cuts the stream into messages and passes them on as bytes, which
// costs a tenth of reading them. One goroutine uses it at a time.
type wire struct {
	conn     net.Conn
	in       []byte
	from, to int // what of in is not read yet
	msg      []byte
	out      []byte
	waited   time.Duration // for bytes to arrive
}

// The buffer for what arrives. A server sends up to 8 KiB at once, but we may not be as quick.
const (
	wireBuffer = 32 << 10
	maxMessage = 1 << 30
)

// next returns the next message; its body is valid until the next call.
func (w *wire) next() (kind byte, body []byte, err error) {
	if w.to-w.from < 5 {
		if err := w.fill(5); err != nil {
			return 0, nil, err
		}
	}
	n := int(binary.BigEndian.Uint32(w.in[w.from+1:])) + 1
	if n < 5 || n > maxMessage {
		return 0, nil, fmt.Errorf("postgres: message of %d bytes", n)
	}
	if w.to-w.from < n {
		if err := w.fill(n); err != nil {
			return 0, nil, err
		}
	}
	w.msg = w.in[w.from+1 : w.from+n]
	kind = w.in[w.from]
	w.from += n
	return kind, w.msg[4:], nil
}

// last is the message that next returned, with its length (including itself) ahead.
func (w *wire) last() []byte { return w.msg }

// fill reads until n bytes are there.
func (w *wire) fill(n int) error {
	if w.from > 0 {
		w.to = copy(w.in, w.in[w.from:w.to])
		w.from = 0
	}
	switch {
	case n > len(w.in):
		w.in = append(make([]byte, 0, n+wireBuffer), w.in[:w.to]...)
		w.in = w.in[:cap(w.in)]
	case len(w.in) > 8*wireBuffer && n <= wireBuffer && w.to <= wireBuffer:
		w.in = append(make([]byte, 0, wireBuffer), w.in[:w.to]...)[:wireBuffer]
	}
	start := time.Now()
	for w.to < n {
		m, err := w.conn.Read(w.in[w.to:])
		w.to += m
		if err != nil && w.to < n {
			return err
		}
	}
	w.waited += time.Since(start)
	return nil
}

// flush writes what is in out. sent reports whether the server may have got any of it.
func (w *wire) flush() (sent bool, err error) {
	n, err := w.conn.Write(w.out)
	if cap(w.out) > 16*wireBuffer {
		w.out = nil
	}
	w.out = w.out[:0]
	return n > 0, err
}

func (w *wire) parse(s *shape) {
	b := append(w.out, 'P', 0, 0, 0, 0)
	b = append(append(b, s.name...), 0)
	b = append(append(b, s.sql...), 0, 0, 0)
	w.out = finish(b, len(w.out))
}

// closeStatement ends a prepared statement, or does nothing if there is none of the name.
func (w *wire) closeStatement(name string) {
	b := append(w.out, 'C', 0, 0, 0, 0, 'S')
	b = append(append(b, name...), 0)
	w.out = finish(b, len(w.out))
}

// sync ends an implicit transaction.
func (w *wire) sync() { w.out = append(w.out, 'S', 0, 0, 0, 4) }

// sendNow has the server send what it has instead of waiting for more.
func (w *wire) sendNow() { w.out = append(w.out, 'H', 0, 0, 0, 4) }

// close tells the server, if it listens, and closes the connection.
func (w *wire) close() {
	_ = w.conn.SetDeadline(time.Now().Add(time.Second)) // a connection that is broken already
	_, _ = w.conn.Write([]byte{'X', 0, 0, 0, 4})
	_ = w.conn.Close()
}

// finish writes the length of the message that begins at start.
func finish(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start+1:], uint32(len(b)-start-1))
	return b
}

// appendCall appends the messages that run a prepared statement with values.
func appendCall(b []byte, name string, args []schema.Value) ([]byte, error) {
	if len(args) > 65535 {
		return b, fmt.Errorf("postgres: %d values are more than a statement can take", len(args))
	}
	start := len(b)
	b = append(b, 'B', 0, 0, 0, 0, 0)
	b = append(append(b, name...), 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(args)))
	for i := range args {
		if args[i].IsNull() {
			b = append(b, 255, 255, 255, 255)
			continue
		}
		at := len(b)
		b = appendText(append(b, 0, 0, 0, 0), args[i])
		binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	b = finish(append(b, 0, 0), start)
	return append(b, 'E', 0, 0, 0, 9, 0, 0, 0, 0, 0), nil
}

// rowsOf calls row for each row among messages as wire.last returns them.
func rowsOf(b []byte, cols [][]byte, row func(cols [][]byte) error) ([][]byte, error) {
	for len(b) > 0 {
		n := int(binary.BigEndian.Uint32(b))
		var err error
		if cols, err = columns(b[4:n], cols[:0]); err != nil {
			return cols, err
		}
		if err = row(cols); err != nil {
			return cols, err
		}
		b = b[n:]
	}
	return cols, nil
}

// columns cuts the body of a row message into columns.
func columns(b []byte, cols [][]byte) ([][]byte, error) {
	if len(b) < 2 {
		return cols, errRow
	}
	count := int(binary.BigEndian.Uint16(b))
	b = b[2:]
	for range count {
		if len(b) < 4 {
			return cols, errRow
		}
		n := int(int32(binary.BigEndian.Uint32(b)))
		b = b[4:]
		if n < 0 {
			cols = append(cols, nil)
			continue
		}
		if n > len(b) {
			return cols, errRow
		}
		cols = append(cols, b[:n:n])
		b = b[n:]
	}
	return cols, nil
}

var errRow = errors.New("postgres: a row cannot be read")

// affectedBy reads the number of rows from a tag like "UPDATE 3".
func affectedBy(tag []byte) int64 {
	n, unit := int64(0), int64(1)
	for i := len(tag) - 1; i >= 0; i-- {
		c := tag[i]
		if c == 0 && i == len(tag)-1 {
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		n, unit = n+int64(c-'0')*unit, unit*10
	}
	return n
}

// serverError reads an error message.
func serverError(body []byte) error {
	var m pgproto3.ErrorResponse
	if err := m.Decode(body); err != nil {
		return fmt.Errorf("postgres: an error that cannot be read: %w", err)
	}
	return pgconn.ErrorResponseToPgError(&m)
}

// fatal reports whether the server closes the connection with this error.
func fatal(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return true
	}
	severity := e.SeverityUnlocalized
	if severity == "" {
		severity = e.Severity
	}
	return severity == "FATAL" || severity == "PANIC"
}
