package engine

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/dowel-dev/dowel/actions"
)

// grace is the time that every transfer gets on top of what its size takes at the least rate.
const grace = 10 * time.Second

// unhurried is the size up to which an answer needs no time of its own: the server's write timeout covers it.
const unhurried = 64 << 10

// pacedBody is content that must keep arriving: whoever sends slower than
// the least rate is cut off, however large the content may be.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	start   time.Time
	rate    int64 // bytes a second
	work    time.Duration
	read    int64
	slow    bool
}

// guardBody makes the content of the request keep its pace.
func (x *exchange) guardBody() {
	l := &x.h.settings.Limits
	if x.r.ContentLength == 0 || x.r.Body == nil || x.r.Body == http.NoBody || l.BodyRate <= 0 {
		return
	}
	b := &pacedBody{ReadCloser: x.r.Body, control: http.NewResponseController(x.w), start: time.Now(), rate: int64(l.BodyRate), work: l.Request}
	b.until(b.start.Add(grace))
	x.r.Body = b
}

// until sets the deadline for what is to be read. Connections without deadlines (in tests) are not hurried.
func (b *pacedBody) until(t time.Time) {
	_ = b.control.SetReadDeadline(t)
	_ = b.control.SetWriteDeadline(t.Add(b.work + grace))
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	switch {
	case err == nil:
		b.until(b.start.Add(grace + time.Duration(b.read)*time.Second/time.Duration(b.rate)))
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.slow = true
	default:
		// All is read. A deadline that passes now would look like a client that went away.
		b.until(time.Now().Add(b.work + grace))
	}
	return n, err
}

// slow names the reason when content could not be read because it came too slowly.
func (x *exchange) slow(err error) error {
	if b, ok := x.r.Body.(*pacedBody); ok && b.slow {
		x.w.Header()["Connection"] = []string{"close"}
		return &actions.Error{Code: actions.BadContent, Detail: "The content came slower than " + bytesText(int(b.rate)) + " a second.", Cause: err}
	}
	return err
}

// patience gives a large answer time for its size.
func (x *exchange) patience(size int) {
	if size <= unhurried {
		return
	}
	rate := max(1, x.h.settings.Limits.BodyRate)
	_ = http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(grace + time.Duration(size)*time.Second/time.Duration(rate)))
}
