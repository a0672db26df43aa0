package engine

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/storage/blob"
)

// sendFile answers with the content of a file: all of it, or the ranges asked for
// (RFC 9110 §14). It is sent as it is stored, never in a content coding.
func (x *exchange) sendFile(r *actions.Result) {
	content, err := r.File.Open(x.r.Context())
	if errors.Is(err, blob.ErrNotFound) {
		// Others may have replaced the file since the row was read, and its content is gone.
		if again, ferr := x.rev.Invoke(x.r.Context(), x.subject, x.action); ferr != nil {
			x.fail(ferr)
			return
		} else if again.File != nil {
			r = again
			content, err = r.File.Open(x.r.Context())
		}
	}
	if err != nil {
		x.fail(&actions.Error{Code: actions.StorageUnavailable, Detail: "The content of the file cannot be read now.", Retry: 1, Cause: fmt.Errorf("content %s: %w", r.File.Blob, err)})
		return
	}
	defer content.Close()
	h := x.w.Header()
	x.setTag(r.Tag, nil)
	h["Content-Type"] = []string{r.File.Type}
	h["Content-Disposition"] = []string{disposition(r.File.Type, r.File.Name)}
	h["Content-Security-Policy"] = inert
	asked := &http.Request{Method: x.r.Method, Header: http.Header{}} // preconditions were the action's
	for _, name := range []string{"Range", "If-Range"} {
		if v := x.r.Header[name]; v != nil {
			asked.Header[name] = v
		}
	}
	w := &fileWriter{x: x, control: http.NewResponseController(x.w)}
	from := &storedContent{ReadSeeker: content}
	http.ServeContent(w, asked, "", time.Time{}, from)
	if w.refused {
		for _, name := range []string{"Content-Disposition", "Content-Security-Policy", "Accept-Ranges", "Content-Length"} {
			delete(h, name)
		}
		x.fail(actions.Errorf(actions.RangeNotSatisfiable, "The file has "+bytesText(int(r.File.Size))+", and the range that was asked for has none of them."))
	}
	if from.err != nil && x.r.Context().Err() == nil {
		x.h.log.Warn("content of a file broke off", slog.String("request_id", x.id), slog.Any("cause", from.err))
	}
}

// inert keeps browsers from running what is in a file, whatever they take it for.
var inert = []string{"default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"}

// shownInline are the media types that browsers show and do not run.
var shownInline = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "image/avif": true, "image/bmp": true,
	"text/plain": true, "application/pdf": true,
}

// disposition is how browsers treat content: shown in place where that is harmless, else saved under its name.
func disposition(media, name string) string {
	plain, _, _ := mime.ParseMediaType(media)
	kind := "attachment"
	if shownInline[plain] || strings.HasPrefix(plain, "audio/") || strings.HasPrefix(plain, "video/") {
		kind = "inline"
	}
	return mime.FormatMediaType(kind, map[string]string{"filename": name})
}

// storedContent remembers why reading failed.
type storedContent struct {
	io.ReadSeeker
	err error
}

func (c *storedContent) Read(p []byte) (int, error) {
	n, err := c.ReadSeeker.Read(p)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// fileWriter sends content. Whoever takes it slower than the least rate is cut off, however much there is.
type fileWriter struct {
	x       *exchange
	control *http.ResponseController
	refused bool // the answer is to be a problem
}

func (w *fileWriter) Header() http.Header { return w.x.w.Header() }

func (w *fileWriter) WriteHeader(status int) {
	if w.refused = status == http.StatusRequestedRangeNotSatisfiable; w.refused {
		return
	}
	w.x.sending(status)
	w.x.status = status
	w.x.w.WriteHeader(status)
}

func (w *fileWriter) Write(p []byte) (int, error) {
	if w.refused {
		return len(p), nil
	}
	rate := max(1, w.x.h.settings.Limits.BodyRate)
	_ = w.control.SetWriteDeadline(time.Now().Add(grace + time.Duration(len(p))*time.Second/time.Duration(rate)))
	n, err := w.x.w.Write(p)
	w.x.bytes += n
	return n, err
}
