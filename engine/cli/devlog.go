package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// devLog writes one short line an event, for a person who watches: time,
// method, path, status, duration, who, and the reason of a refusal.
type devLog struct {
	w      io.Writer
	colour bool
	level  slog.Level
	attrs  []slog.Attr
}

// Enabled implements slog.Handler.
func (h *devLog) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// Handle implements slog.Handler.
func (h *devLog) Handle(_ context.Context, e slog.Record) error {
	values := map[string]string{}
	var rest strings.Builder
	take := func(a slog.Attr) bool {
		values[a.Key] = a.Value.String()
		fmt.Fprintf(&rest, " %s=%s", a.Key, printable(a.Value.String()))
		return true
	}
	for _, a := range h.attrs {
		take(a)
	}
	e.Attrs(take)
	line := e.Time.Format("15:04:05") + " "
	if e.Message == "request" {
		line += h.request(values)
	} else {
		line += strings.ToLower(e.Level.String()) + ": " + printable(e.Message) + rest.String()
	}
	_, err := io.WriteString(h.w, line+"\n")
	return err
}

func (h *devLog) request(v map[string]string) string {
	line := fmt.Sprintf("%-6s %s %s %s ms", v["method"], printable(v["path"]), h.status(v["status"]), v["ms"])
	if v["subject"] != "" {
		line += " by " + printable(v["subject"])
	}
	if v["as"] != "" {
		line += " as " + printable(v["as"])
	}
	if v["code"] != "" {
		line += " " + v["code"]
	}
	if v["cause"] != "" {
		line += ": " + printable(v["cause"])
	}
	return line
}

func (h *devLog) status(code string) string {
	if !h.colour || code == "" {
		return code
	}
	return map[byte]string{'4': "\x1b[33m", '5': "\x1b[31m"}[code[0]] + code + "\x1b[0m"
}

// WithAttrs implements slog.Handler.
func (h *devLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)
	return &with
}

// WithGroup implements slog.Handler; nothing here groups.
func (h *devLog) WithGroup(string) slog.Handler { return h }
