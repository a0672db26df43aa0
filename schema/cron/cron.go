// Package cron tells when something that is done again and again is due: at the
// times of a cron text, or every so often. The times are the same wherever they are
// asked for, so that several nodes agree on them.
package cron

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // time zones are known on machines without a list of them, too

	"github.com/robfig/cron/v3"
)

// Times are when something is due.
type Times struct {
	text  cron.Schedule // nil: every
	zone  *time.Location
	every time.Duration
}

// Parse reads five fields (minute, hour, day of month, month, day of week) or a
// word such as @daily. A text that names no time at all is refused.
func Parse(text string, zone *time.Location) (t *Times, err error) {
	defer func() {
		if p := recover(); p != nil { // the parser is not made for everything that people write
			t, err = nil, errors.New("it cannot be read")
		}
	}()
	if strings.Contains(text, "TZ=") || strings.HasPrefix(strings.TrimSpace(text), "@every") {
		return nil, errors.New("it is five fields: minute, hour, day of month, month, day of week")
	}
	s, err := cron.ParseStandard(text)
	if err != nil {
		return nil, err
	}
	t = &Times{text: s, zone: zone}
	if t.Next(time.Unix(0, 0)).IsZero() {
		return nil, errors.New("there is no such day")
	}
	return t, nil
}

// Least is the shortest time that Every takes.
const Least = time.Second

// Every is due at whole multiples of a duration since 1970, in UTC: every 6h at 0, 6, 12 and 18 o'clock.
func Every(d time.Duration) (*Times, error) {
	if d < Least {
		return nil, fmt.Errorf("it is at least %s", Least)
	}
	return &Times{every: d}, nil
}

// Next is the first time after another one.
func (t *Times) Next(after time.Time) time.Time {
	if t.text == nil {
		since := after.Sub(time.Unix(0, 0))
		return time.Unix(0, 0).Add(since.Truncate(t.every) + t.every).UTC()
	}
	next := t.text.Next(after.In(t.zone))
	if next.IsZero() {
		return next
	}
	return next.UTC()
}
