package engine

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"time"
)

// NewLogger returns the logger that a deployment asks for: text for people or
// JSON lines for machines. Both escape what clients sent.
func NewLogger(w io.Writer, l Log) *slog.Logger {
	level := slog.LevelInfo
	switch strings.ToLower(l.Level) {
	case "debug":
		level = slog.LevelDebug
	case "warn":
		level = slog.LevelWarn
	case "error":
		level = slog.LevelError
	}
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// logLine writes the one line of a request: what was asked for, by whom, and
// what came of it. Query, header fields and content stay out of it, since they may hold secrets.
func (x *exchange) logLine() {
	level := slog.LevelInfo
	if x.status >= 500 {
		level = slog.LevelError
	}
	if !x.h.log.Enabled(context.Background(), level) {
		return
	}
	var room [13]slog.Attr
	attrs := append(room[:0],
		slog.String("method", clip(x.r.Method)),
		slog.String("path", clip(escapedPath(x.r))),
		slog.Int("status", x.status),
		slog.Int("bytes", x.bytes),
		slog.Float64("ms", float64(x.h.clock().Sub(x.start).Microseconds())/float64(time.Millisecond/time.Microsecond)),
		slog.String("request_id", x.id),
	)
	if x.trace != "" {
		attrs = append(attrs, slog.String("trace_id", x.trace))
	}
	if x.subject != nil && x.subject.ID != "" {
		attrs = append(attrs, slog.String("subject", clip(x.subject.ID)))
	}
	if x.action != nil {
		if as := x.action.Common().As; as != "" && (x.subject == nil || as != x.subject.ID) {
			attrs = append(attrs, slog.String("as", clip(as))) // both identities, also of what was refused
		}
		attrs = append(attrs, slog.String("action", x.action.Verb()), slog.String("class", x.action.On()))
	}
	if e := x.failure; e != nil {
		attrs = append(attrs, slog.String("code", string(e.Code)))
		if e.Cause != nil {
			attrs = append(attrs, slog.String("cause", e.Cause.Error()))
		}
	}
	x.h.log.LogAttrs(context.Background(), level, "request", attrs...)
}
