package engine

import (
	"time"

	"github.com/dowel-dev/dowel/engine/events"
)

// Settings are what a deployment may change without touching the schema.
// The command line fills them from config.yaml, the environment and flags;
// the zero value of a field means its default (see Default).
type Settings struct {
	Mount  string // path prefix of the API, /api
	Style  string // plain or envelope; "" is what the schema says
	CORS   CORS
	Limits Limits
	Status Status
	Auth   Auth
	Mail   Mail
	Log    Log
	Rate   Rate
	Events events.Times
	Jobs   Jobs
	// Cache is how many bytes of answers of classes with `cache:` are kept in memory; negative keeps none at all.
	Cache int64
	// Redis is the address of a Redis that nodes share answers and rates through, "" for none.
	Redis string
	// NoDocs switches the documentation page off.
	NoDocs bool
	// Dev explains denials, allows HTTP Basic against the login class.
	Dev bool
}

// CORS lists the origins whose scripts may read answers; empty switches CORS off.
type CORS struct{ Origins []string }

// Status holds the configurable statuses.
type Status struct {
	ActionInvalid int // 409 or 422; 0 is 409 in style plain, 422 in style envelope
}

// Auth is about tokens.
type Auth struct {
	Secret    string   // at least 32 bytes
	Algorithm string   // of Secret and Previous: HS256, HS384 or HS512
	Previous  []string // secrets that verify and do not sign any more
	Keys      []string // files of keys, each FILE or ALGORITHM:FILE; the first private one signs
	JWKS      string   // URL of the keys of another issuer
	Issuer    string   // dowel
	Audience  string   // dowel
	Access    time.Duration
	Refresh   time.Duration
}

// Mail is about messages to users. Without From nobody is written to, and a
// forgotten password can be set by an operator only.
type Mail struct {
	SMTP string // smtp://USER:PASSWORD@HOST:PORT or smtps://…
	From string // address of the sender
	Link string // of the page that sets a new password; {token} stands for the token
}

// Log is about the access log.
type Log struct {
	Format string // text or json
	Level  string
	// Slow is from when on a call of the database is told as slow; negative is never.
	Slow time.Duration
}

// DefaultSlow is what a call of the database may take before it is told.
const DefaultSlow = time.Second

// Rate bounds how often requests may come. It is off in dev, and for requests
// from the same machine unless Loopback says otherwise.
type Rate struct {
	Anonymous Quota // without credentials, per address
	User      Quota // with credentials, per subject
	Login     Quota // tries of a password, per address and per account
	Mail      Quota // messages asked for, per account
	Loopback  bool
}

// Quota is N requests a period, all of them at once after a quiet time. The
// zero value is the default, a negative N no bound.
type Quota struct {
	N   int
	Per time.Duration
}

// DefaultRate is the documented default.
func DefaultRate() Rate {
	return Rate{Anonymous: Quota{50, time.Second}, User: Quota{200, time.Second}, Login: Quota{10, time.Minute}, Mail: Quota{5, time.Hour}}
}

// Limits bound what one request may cost (http.md §8). Bytes, counts and durations.
type Limits struct {
	Target      int // bytes of the request target
	HeaderBytes int
	Headers     int
	Body        int64 // bytes
	Import      int64 // bytes of the content of a bulk-import
	File        int64 // bytes of a file whose field does not say
	JSONDepth   int
	JSONMembers int
	NumberLen   int // characters of a number literal
	FilterTerms int
	FilterDepth int
	InElements  int
	Pattern     int // characters of a like pattern
	OrderKeys   int
	Depth       int // of expansions
	Rows        int // in one response
	Page        int
	PageMax     int
	Skip        int
	Bulk        int // items of one write
	Steps       int // actions of one compound
	Token       int // bytes
	InFlight    int // requests served at once
	Request     time.Duration
	Statement   time.Duration
	Lock        time.Duration
	HeaderRead  time.Duration
	Idle        time.Duration
	BodyRate    int // bytes a second, at least
}

// DefaultLimits are the documented defaults.
func DefaultLimits() Limits {
	return Limits{
		Target: 16 << 10, HeaderBytes: 32 << 10, Headers: 100, Body: 1 << 20, Import: 16 << 20, File: 32 << 20,
		JSONDepth: 64, JSONMembers: 10_000, NumberLen: 64,
		FilterTerms: 64, FilterDepth: 8, InElements: 1000, Pattern: 256, OrderKeys: 8,
		Depth: 3, Rows: 10_000, Page: 20, PageMax: 100, Skip: 10_000, Bulk: 1000, Steps: 100,
		Token: 8 << 10, InFlight: 1024,
		Request: 10 * time.Second, Statement: 5 * time.Second, Lock: time.Second,
		HeaderRead: 5 * time.Second, Idle: time.Minute, BodyRate: 1 << 10,
	}
}
