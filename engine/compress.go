package engine

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/dowel-dev/dowel/actions"
)

// compressMin is the size from which compressing pays.
const compressMin = 1024

// coding is a content coding. Each coding of a representation is a
// representation of its own, so its entity tag has a suffix (RFC 9110 §8.8.3.3).
type coding struct {
	name   string
	header []string
	suffix string
	pack   func(b, body []byte) []byte
}

// codings are what we can produce, best first.
var codings = [...]*coding{
	{"zstd", []string{"zstd"}, "-zstd", packZstd},
	{"gzip", []string{"gzip"}, "-gz", packGzip},
}

// sendCoded sends a body in the best coding that the client takes.
func (x *exchange) sendCoded(status int, body []byte, tag string) {
	c := chooseCoding(x.r.Header["Accept-Encoding"], len(body))
	if x.kept != nil {
		c = nil // others may ask for it again
	}
	x.setTag(tag, c)
	if c == nil {
		x.send(status, body)
		return
	}
	x.w.Header()["Content-Encoding"] = c.header
	buf := bodies.Get().(*[]byte)
	packed := c.pack((*buf)[:0], body)
	x.send(status, packed)
	if *buf = packed; cap(packed) <= bodyKept {
		bodies.Put(buf)
	}
}

// chooseCoding picks the coding of a body, nil for none. The client's weights
// decide; among equals ours do (RFC 9110 §12.5.3).
func chooseCoding(accept []string, size int) *coding {
	if accept == nil {
		return nil
	}
	q := qualities(accept)
	var best *coding
	for i, c := range codings {
		if q.coding[i] > 0 && (best == nil || q.coding[i] > q.of(best)) {
			best = c
		}
	}
	if best == nil || q.identity > 0 && (size < compressMin || q.identity > q.of(best)) {
		return nil
	}
	return best
}

// acceptCoding refuses a client that takes none of our codings, nor none at all.
func acceptCoding(h http.Header) error {
	accept := h["Accept-Encoding"]
	if !refuses(accept) {
		return nil
	}
	if q := qualities(accept); q.identity > 0 || q.coding != [len(codings)]float32{} {
		return nil
	}
	return &actions.Error{Code: actions.NotAcceptable, Detail: "None of the accepted content codings can be produced.",
		Accept: []string{"zstd", "gzip", "identity"}}
}

// refuses reports whether the field may exclude something, which takes a weight of zero.
func refuses(accept []string) bool {
	for _, line := range accept {
		if strings.Contains(line, "=0") || strings.Contains(line, "= 0") {
			return true
		}
	}
	return false
}

// weights are what Accept-Encoding says of each coding.
type weights struct {
	coding   [len(codings)]float32
	identity float32
}

func (w *weights) of(c *coding) float32 {
	for i := range codings {
		if codings[i] == c {
			return w.coding[i]
		}
	}
	return 0
}

func qualities(accept []string) weights {
	var w weights
	var named [len(codings)]bool
	var star float32 = -1
	w.identity = -1
	for _, line := range accept {
		for part := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
			name, q := strings.TrimSpace(name), quality(params)
			switch {
			case name == "*":
				star = q
			case strings.EqualFold(name, "identity"):
				w.identity = q
			}
			for i, c := range codings {
				if strings.EqualFold(name, c.name) || c.name == "gzip" && strings.EqualFold(name, "x-gzip") {
					w.coding[i], named[i] = q, true
				}
			}
		}
	}
	for i := range codings {
		if !named[i] && star > 0 {
			w.coding[i] = star
		}
	}
	if w.identity < 0 {
		// Acceptable unless excluded, but never preferred to what was asked for by name.
		if w.identity = 0.0005; star == 0 {
			w.identity = 0
		}
	}
	return w
}

// quality reads `q=0.5`; without one it is 1, and what cannot be read counts as no.
func quality(params string) float32 {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 32)
		if err != nil || q < 0 || q > 1 {
			return 0
		}
		return float32(q)
	}
	return 1
}

// codingOf returns the coding under which If-None-Match named the representation
// with this tag, nil for none: a 304 names it again, so that a cache finds what it has.
func codingOf(noneMatch []string, tag string) *coding {
	for _, line := range noneMatch {
		for _, c := range codings {
			if strings.Contains(line, quoteTag(tag, c.suffix)) {
				return c
			}
		}
	}
	return nil
}

var gzips = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.DefaultCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

func packGzip(b, body []byte) []byte {
	out := bytes.NewBuffer(b)
	w := gzips.Get().(*gzip.Writer)
	w.Reset(out)
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	gzips.Put(w)
	return out.Bytes()
}

// zstds makes encoders on first use; they are large.
var zstds = sync.Pool{New: func() any {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(256<<10))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
}}

func packZstd(b, body []byte) []byte {
	e := zstds.Get().(*zstd.Encoder)
	b = e.EncodeAll(body, b)
	zstds.Put(e)
	return b
}
