package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// meter tells how far a stream of records has come: a bar that moves on a terminal,
// else a line every few seconds.
type meter struct {
	run   *run
	what  string
	size  int64 // bytes of the whole; 0 is not known
	start time.Time
	shown time.Time
	drawn bool
}

func newMeter(r *run, what string, size int64) *meter {
	return &meter{run: r, what: what, size: size, start: time.Now(), shown: time.Now()}
}

// at tells of records so far, of those refused, and of bytes so far.
func (m *meter) at(rows, refused int, bytes int64) {
	pause := 5 * time.Second
	if m.run.live {
		pause = 100 * time.Millisecond
	}
	if time.Since(m.shown) < pause {
		return
	}
	m.shown = time.Now()
	took := time.Since(m.start)
	line := m.what
	if m.size > 0 {
		const width = 24
		full := int(min(width, width*bytes/m.size))
		if m.run.live {
			line += " [" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
		}
		line += fmt.Sprintf(" %d%%", min(100, 100*bytes/m.size))
	}
	line += fmt.Sprintf("  %s rows  %s rows/s", spaced(rows), spaced(int(float64(rows)/took.Seconds())))
	if m.size > 0 && bytes > 0 && bytes < m.size {
		left := time.Duration(float64(took) * float64(m.size-bytes) / float64(bytes))
		line += "  eta " + left.Round(time.Second).String()
	}
	if refused > 0 {
		line += "  " + spaced(refused) + " rejected"
	}
	if m.run.live {
		m.drawn = true
		fmt.Fprint(m.run.err, "\r\x1b[K"+line)
		return
	}
	m.run.note("%s", line)
}

func (m *meter) done() {
	if m.drawn {
		fmt.Fprint(m.run.err, "\r\x1b[K")
	}
}

// spaced groups the digits of a number by threes.
func spaced(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}
