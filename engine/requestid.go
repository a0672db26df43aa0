package engine

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"time"
)

// requestIDMax is how long an id that a client sends may be.
const requestIDMax = 128

// requestID takes the id that a client (or a proxy in front) sent, if there is
// exactly one and it is harmless in logs and header fields, and makes one otherwise.
func requestID(sent []string, now time.Time) string {
	if len(sent) == 1 && harmless(sent[0]) {
		return sent[0]
	}
	return newID(now)
}

func harmless(id string) bool {
	if id == "" || len(id) > requestIDMax {
		return false
	}
	for i := 0; i < len(id); i++ {
		c := id[i]
		if !isAlnum(c) && !strings.ContainsRune("-_.:/=+@", rune(c)) {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// newID returns a version 7 UUID (RFC 9562). It names requests and is no
// secret, so its random bits come from the fast generator.
func newID(now time.Time) string {
	var u [16]byte
	binary.BigEndian.PutUint64(u[0:], uint64(now.UnixMilli())<<16|rand.Uint64()&0xffff)
	binary.BigEndian.PutUint64(u[8:], rand.Uint64())
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[0:8], u[0:4])
	hex.Encode(text[9:13], u[4:6])
	hex.Encode(text[14:18], u[6:8])
	hex.Encode(text[19:23], u[8:10])
	hex.Encode(text[24:36], u[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// traceID returns the trace of a well-formed traceparent (W3C Trace Context), else "".
func traceID(sent []string) string {
	const length = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if len(sent) != 1 || len(sent[0]) < length {
		return ""
	}
	t := sent[0]
	version, trace, parent, flags := t[:2], t[3:35], t[36:52], t[53:55]
	switch {
	case t[2] != '-' || t[35] != '-' || t[52] != '-':
		return ""
	case version == "ff" || version == "00" && len(t) != length || len(t) > length && t[length] != '-':
		return ""
	case !lowerHex(version) || !lowerHex(trace) || !lowerHex(parent) || !lowerHex(flags):
		return ""
	case strings.Trim(trace, "0") == "" || strings.Trim(parent, "0") == "":
		return ""
	}
	return trace
}

func lowerHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
