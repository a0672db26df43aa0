package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/engine"
)

// TestSettings reads every setting from good and bad text.
func TestSettings(t *testing.T) {
	for key, texts := range map[string]struct{ good, bad []string }{
		"listen":                {[]string{":8080", "127.0.0.1:0", "[::1]:80"}, []string{"", "8080", "x:y", "http://a:80", "a:70000"}},
		"db":                    {[]string{"memory:", "sqlite:data/app.db", "sqlite:/x.db"}, []string{"sqlite:", "oracle:x", "data/app.db", "memory:x"}},
		"replica":               {[]string{"", "postgres://a@b/c", "postgres://a@b/c, postgresql://d/e"}, []string{"b", "sqlite:x", "postgres://a@b/c,mysql://d"}},
		"redis":                 {[]string{"redis://a", "rediss://u:p@a:1/2", "unix:///run/redis.sock"}, []string{"a:6379", "http://a", "redis://a/x"}},
		"cache":                 {[]string{"64MiB", "off", "true"}, []string{"0", "5m", "much"}},
		"mount":                 {[]string{"/", "/api", "/v1/api"}, []string{"api", "/api/", "/a;b", "/a//b"}},
		"style":                 {[]string{"plain", "envelope", ""}, []string{"fancy"}},
		"cors.origins":          {[]string{"", "*", "https://a.example,http://b.example:81"}, []string{"a.example", "https://a.example/x", "https://u:p@a.example"}},
		"status.action_invalid": {[]string{"409", "422", ""}, []string{"400", "x"}},
		"auth.secret":           {[]string{"0123456789abcdef0123456789abcdef"}, []string{"short", ""}},
		"auth.issuer":           {[]string{"me"}, []string{""}},
		"auth.audience":         {[]string{"me"}, []string{""}},
		"auth.access":           {[]string{"30s", "1h30m", "7d"}, []string{"1", "-1h", "0s", "xd", "99999d"}},
		"auth.refresh":          {[]string{"720h"}, []string{""}},
		"log.format":            {[]string{"text", "json"}, []string{"xml"}},
		"log.level":             {[]string{"debug", "error"}, []string{"loud"}},
		"rate.anonymous":        {[]string{"50/s", "10/m", "1/h", "off"}, []string{"50", "0/s", "5/d", "x/s"}},
		"rate.loopback":         {[]string{"true", "false"}, []string{"yes", ""}},
		"limits.body":           {[]string{"1MiB", "500kB", "4096", "2 GiB"}, []string{"0", "-1", "much", "9999999999GiB"}},
		"limits.page":           {[]string{"1", "10_000"}, []string{"0", "-5", "1.5", "x"}},
		"limits.request":        {[]string{"10s"}, []string{"10"}},
	} {
		s := find(t, key)
		for _, text := range texts.good {
			if err := s.set(&deployment{}, text); err != nil {
				t.Errorf("%s: %q: %v", key, text, err)
			}
		}
		for _, text := range texts.bad {
			if err := s.set(&deployment{}, text); err == nil {
				t.Errorf("%s: %q was taken", key, text)
			}
		}
	}
}

// TestMasked holds that what is shown of an address has no password, readable or not.
func TestMasked(t *testing.T) {
	for address, want := range map[string]string{
		"sqlite:data/app.db":        "sqlite:data/app.db",
		"postgres://a@b/c":          "postgres://a@b/c",
		"postgres://a:secret@b,d/c": "postgres://a:xxxxx@b,d/c",
		"postgres://a:sec%ret@b/c":  "postgres://xxxxx@b/c",
		"postgres://a:sec@ret%@b/c": "postgres://xxxxx@b/c",
	} {
		if got := masked(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	if got := maskedAll("postgres://a:secret@b/c,postgres://d:secret@e/f"); strings.Contains(got, "secret") {
		t.Error(got)
	}
	if err := copies(new([]string), "postgres://a:sec,ret@b/c"); err == nil || strings.Contains(err.Error(), "sec") || strings.Contains(err.Error(), "ret@") {
		t.Error(err)
	}
}

// TestPartsNotOK reads what /readyz?verbose says.
func TestPartsNotOK(t *testing.T) {
	for body, want := range map[string]string{
		`{"status":"ok"}`: "",
		`<html>`:          "",
		`{"status":"ok","checks":[{"name":"primary","status":"ok"},{"name":"replica 1","status":"lagging","lag_ms":120},{"name":"replica 2","status":"down"}]}`: "replica 1: lagging (120 ms behind); replica 2: down",
	} {
		if got := strings.Join(partsNotOK([]byte(body)), "; "); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// TestDefaultsAreTheEngines holds that the defaults in the table are those of the engine.
func TestDefaultsAreTheEngines(t *testing.T) {
	var d deployment
	for _, s := range settings() {
		if s.initial == "" {
			continue
		}
		if err := s.set(&d, s.initial); err != nil {
			t.Errorf("%s: its default: %v", s.key, err)
		}
	}
	if diff := cmp.Diff(engine.DefaultLimits(), d.Engine.Limits); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(engine.DefaultRate(), d.Engine.Rate); diff != "" {
		t.Error(diff)
	}
}

func find(t *testing.T, key string) setting {
	t.Helper()
	for _, s := range settings() {
		if s.key == key {
			return s
		}
	}
	t.Fatalf("no setting %s", key)
	return setting{}
}

func TestShortDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second: "1s", time.Minute: "1m", 10 * time.Second: "10s", time.Hour: "1h", 90 * time.Minute: "1h30m", 100 * time.Minute: "1h40m",
	} {
		if got := shortDuration(d); got != want {
			t.Errorf("%d is %s, not %s", d, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	tab := table{columns: []string{"name", "n", "on"}}
	tab.add("a\tb", 1, nil)
	tab.add(`say "hi" <b>`, int64(-2), true)
	for format, want := range map[string]string{
		"table": "NAME          N   ON\na·b           1\nsay \"hi\" <b>  -2  true\n",
		"json":  "[\n  {\"name\": \"a\\tb\", \"n\": 1, \"on\": null},\n  {\"name\": \"say \\\"hi\\\" <b>\", \"n\": -2, \"on\": true}\n]\n",
		"jsonl": "{\"name\": \"a\\tb\", \"n\": 1, \"on\": null}\n{\"name\": \"say \\\"hi\\\" <b>\", \"n\": -2, \"on\": true}\n",
		"yaml":  "- name: \"a\\tb\"\n  n: 1\n  on: null\n- name: \"say \\\"hi\\\" <b>\"\n  n: -2\n  on: true\n",
		"csv":   "name,n,on\na\tb,1,\n\"say \"\"hi\"\" <b>\",-2,true\n",
	} {
		var got writer
		if err := tab.print(&got, format); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s:\n%s", format, diff)
		}
	}
	var got writer
	if err := (&table{columns: []string{"x"}}).print(&got, "json"); err != nil || string(got) != "[]\n" {
		t.Errorf("no rows: %q %v", got, err)
	}
}

type writer []byte

func (w *writer) Write(b []byte) (int, error) {
	*w = append(*w, b...)
	return len(b), nil
}

func TestMark(t *testing.T) {
	for path, want := range map[string]changes{
		"app/dowel.yaml":           {schema: true},
		"app/schema/order.yaml":    {schema: true},
		"app/policy/extra.csv":     {schema: true},
		"app/model.conf":           {schema: true},
		"app/seed/a.csv":           {seed: true},
		"app/config.yaml":          {config: true},
		"app/dowel.yaml~":          {},
		"app/.dowel.yaml.swp":      {},
		"app/README.md":            {},
		"app/dowel.yaml.123456789": {},
	} {
		var got changes
		if said := got.mark("app", path); got != want || said != (want != changes{}) {
			t.Errorf("%s: %+v", path, got)
		}
	}
}
