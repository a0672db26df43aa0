package cron

import (
	"testing"
	"time"
)

func TestTimes(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		zone       *time.Location
		after      string
		want       []string
	}{
		{"every night", "0 3 * * *", time.UTC, "2026-11-21T12:00:00Z", []string{"2026-11-22T03:00:00Z", "2026-11-23T03:00:00Z"}},
		{"strictly after", "0 3 * * *", time.UTC, "2026-11-22T03:00:00Z", []string{"2026-11-23T03:00:00Z"}},
		{"in a time zone", "0 3 * * *", berlin, "2026-07-01T12:00:00Z", []string{"2026-07-02T01:00:00Z"}},
		{"an hour that summer time leaves out", "30 2 * * *", berlin, "2026-03-28T12:00:00Z", []string{"2026-03-30T00:30:00Z"}},
		{"a word", "@daily", time.UTC, "2026-11-21T12:00:00Z", []string{"2026-11-22T00:00:00Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			times, err := Parse(c.text, c.zone)
			if err != nil {
				t.Fatal(err)
			}
			check(t, times, c.after, c.want)
		})
	}
	for d, want := range map[time.Duration][]string{
		6 * time.Hour:    {"2026-11-21T18:00:00Z", "2026-11-22T00:00:00Z"},
		90 * time.Second: {"2026-11-21T12:01:30Z", "2026-11-21T12:03:00Z"},
	} {
		times, err := Every(d)
		if err != nil {
			t.Fatal(err)
		}
		check(t, times, "2026-11-21T12:00:00Z", want)
	}
}

func check(t *testing.T, times *Times, after string, want []string) {
	t.Helper()
	at, err := time.Parse(time.RFC3339, after)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		at = times.Next(at)
		if got := at.Format(time.RFC3339); got != w {
			t.Errorf("%s, want %s", got, w)
		}
	}
}

func TestWhatIsNoTime(t *testing.T) {
	for _, text := range []string{"", "* * * *", "60 * * * *", "0 0 30 2 *", "TZ=0", "CRON_TZ=UTC 0 3 * * *", "@every 1h", "@reboot", "a b c d e", "0 3 * * * *"} {
		if times, err := Parse(text, time.UTC); err == nil {
			t.Errorf("%q is %v", text, times.Next(time.Unix(0, 0)))
		}
	}
	if _, err := Every(time.Millisecond); err == nil {
		t.Error("every millisecond")
	}
}
