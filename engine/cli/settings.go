package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/engine"
)

// deployment is everything a deployment decides: what the engine takes, and
// where this process listens and stores.
type deployment struct {
	Listen string
	// AdminListen is where /metrics is, "" for nowhere; AdminPprof puts profiles there.
	AdminListen string
	AdminPprof  bool
	DB          string
	Replicas    []string
	Files       string // "" is beside the database
	Engine      engine.Settings
}

// setting is one key of config.yaml. The same key is DOWEL_AUTH__SECRET in the
// environment, with DOWEL_AUTH__SECRET_FILE naming a file to read it from.
type setting struct {
	key     string
	kind    string // what the value is, for people
	initial string // default, as text
	doc     string
	flag    string // of serve and dev, without dashes
	secret  bool
	list    bool // config.yaml may hold a sequence
	set     func(d *deployment, text string) error
}

// variable is the setting's name in the environment.
func (s *setting) variable() string {
	return "DOWEL_" + strings.ToUpper(strings.ReplaceAll(s.key, ".", "__"))
}

// settings is the one table of keys: config.yaml, the environment, flags,
// `config --explain` and `explain config.KEY` all come from it.
func settings() []setting {
	d, j := engine.DefaultLimits(), engine.DefaultJobs()
	return []setting{
		{key: "listen", kind: "HOST:PORT", initial: "127.0.0.1:8080", flag: "listen",
			doc: "Address and port to serve on. Port 0 takes a free one.",
			set: func(d *deployment, v string) error { return address(&d.Listen, v) }},
		{key: "admin_listen", kind: "HOST:PORT", flag: "admin-listen",
			doc: "Address of `/metrics`, `/livez` and `/readyz` for operators; without a host it is 127.0.0.1. Empty is off. It asks for no credentials.",
			set: func(d *deployment, v string) error { return adminAddress(&d.AdminListen, v) }},
		{key: "admin_pprof", kind: "true or false", initial: "false",
			doc: "Whether the admin address serves profiles below `/debug/pprof/`; it does with `log.level: debug`.",
			set: func(d *deployment, v string) error { return yes(&d.AdminPprof, v) }},
		{key: "db", kind: "a URL", initial: "sqlite:data/app.db", flag: "db",
			doc: "Database: sqlite:PATH (relative to the application's folder), postgres://USER@HOST/DATABASE or memory:.",
			set: func(d *deployment, v string) error { return database(&d.DB, v) }},
		{key: "replica", kind: "a list of URLs", flag: "replica", list: true,
			doc: "Copies that follow a PostgreSQL database by streaming; lists are read there while they have every acknowledged write.",
			set: func(d *deployment, v string) error { return copies(&d.Replicas, v) }},
		{key: "redis", kind: "a URL", flag: "redis",
			doc: "Redis that nodes share answers of classes with `cache:` and the counts of `rate` through: redis://USER:PASSWORD@HOST:6379/0, rediss://… or unix:///PATH. Nothing needs it: while it is away each node goes on by itself.",
			set: func(d *deployment, v string) error { return sharing(&d.Engine.Redis, v) }},
		{key: "cache", kind: "a size or off", initial: bytesText(engine.DefaultCache),
			doc: "Memory for answers of classes with `cache:`; off keeps none, in Redis neither.",
			set: func(d *deployment, v string) error { return room(&d.Engine.Cache, v) }},
		{key: "files", kind: "a URL", flag: "files",
			doc: "Place of the content of files: file:PATH (relative to the application's folder), s3://BUCKET/PREFIX?endpoint=URL&region=NAME or memory:. Empty is a folder `files` beside an SQLite database, and data/files for PostgreSQL.",
			set: func(d *deployment, v string) error { return contents(&d.Files, v) }},
		{key: "mount", kind: "a path",
			doc: "Path in front of every collection; empty is what the schema says, else /api.",
			set: func(d *deployment, v string) error { return mount(&d.Engine.Mount, v) }},
		{key: "style", kind: "plain or envelope",
			doc: "How answers are wrapped; empty is what the schema says.",
			set: func(d *deployment, v string) error { return word(&d.Engine.Style, v, "", "plain", "envelope") }},
		{key: "docs", kind: "true or false", initial: "true",
			doc: "Whether `/docs` and `/openapi.json` describe the API; what they say is public, as the names in the schema are.",
			set: func(d *deployment, v string) error { return no(&d.Engine.NoDocs, v) }},
		{key: "cors.origins", kind: "a list of origins", list: true,
			doc: "Origins whose scripts may read answers; empty switches CORS off.",
			set: func(d *deployment, v string) error { return origins(&d.Engine.CORS.Origins, v) }},
		{key: "status.action_invalid", kind: "409 or 422",
			doc: "Status of an action that does not fit the schema; empty is 409, and 422 in style envelope.",
			set: func(d *deployment, v string) error { return status(&d.Engine.Status.ActionInvalid, v) }},
		{key: "auth.secret", kind: "text of at least 32 bytes", secret: true,
			doc: "Secret that signs and checks tokens.",
			set: func(d *deployment, v string) error { return key(&d.Engine.Auth.Secret, v) }},
		{key: "auth.previous", kind: "a list of texts of at least 32 bytes", secret: true, list: true,
			doc: "Secrets that check tokens and sign none any more: the old one while `auth.secret` is new.",
			set: func(d *deployment, v string) error { return keys(&d.Engine.Auth.Previous, v) }},
		{key: "auth.algorithm", kind: "HS256, HS384 or HS512", initial: "HS256",
			doc: "How secrets sign; the longer ones need 48 and 64 bytes.",
			set: func(d *deployment, v string) error {
				return word(&d.Engine.Auth.Algorithm, v, "HS256", "HS384", "HS512")
			}},
		{key: "auth.keys", kind: "a list of files", list: true,
			doc: "Files of keys (PEM, or a JSON Web Key Set), relative to the application's folder. Public ones check tokens; the first private one signs, before `auth.secret`. `PS256:FILE` pins the algorithm.",
			set: func(d *deployment, v string) error { return keyFiles(&d.Engine.Auth.Keys, v) }},
		{key: "auth.jwks", kind: "an https URL",
			doc: "JSON Web Key Set of another issuer, whose tokens are accepted, too. It is fetched when the first one comes, and again every minute while some come.",
			set: func(d *deployment, v string) error { return keySet(&d.Engine.Auth.JWKS, v) }},
		{key: "auth.issuer", kind: "text", initial: "dowel",
			doc: "`iss` of our tokens, and the only one accepted.",
			set: func(d *deployment, v string) error { return text(&d.Engine.Auth.Issuer, v) }},
		{key: "auth.audience", kind: "text", initial: "dowel",
			doc: "`aud` of our tokens, and the only one accepted.",
			set: func(d *deployment, v string) error { return text(&d.Engine.Auth.Audience, v) }},
		{key: "auth.access", kind: "a duration", initial: "1h",
			doc: "Life of an access token.",
			set: func(d *deployment, v string) error { return duration(&d.Engine.Auth.Access, v) }},
		{key: "auth.refresh", kind: "a duration", initial: "720h",
			doc: "Life of a refresh token.",
			set: func(d *deployment, v string) error { return duration(&d.Engine.Auth.Refresh, v) }},
		{key: "mail.smtp", kind: "a URL", secret: true,
			doc: "Server that sends mail: smtp://USER:PASSWORD@HOST:587 (STARTTLS) or smtps://USER:PASSWORD@HOST:465.",
			set: func(d *deployment, v string) error { return mailServer(&d.Engine.Mail.SMTP, v) }},
		{key: "mail.from", kind: "an address",
			doc: "Sender of mail. With it and `mail.smtp` users can set a forgotten password; without, there is no `auth/forgot`. `dev` prints mail.",
			set: func(d *deployment, v string) error { return text(&d.Engine.Mail.From, v) }},
		{key: "mail.link", kind: "a URL with {token}",
			doc: "Page that sets a new password: https://app.example.com/reset?token={token}. Without it the mail holds the token alone.",
			set: func(d *deployment, v string) error { return mailLink(&d.Engine.Mail.Link, v) }},
		{key: "log.format", kind: "text or json", initial: "text", flag: "log-format",
			doc: "Form of the log on stderr.",
			set: func(d *deployment, v string) error { return word(&d.Engine.Log.Format, v, "text", "json") }},
		{key: "log.level", kind: "debug, info, warn or error", initial: "info",
			doc: "Least severity that is logged.",
			set: func(d *deployment, v string) error {
				return word(&d.Engine.Log.Level, v, "debug", "info", "warn", "error")
			}},
		{key: "log.slow", kind: "a duration or off", initial: shortDuration(engine.DefaultSlow),
			doc: "From when on a database call is logged as slow, with its statement and the index it lacks where that is plain.",
			set: func(d *deployment, v string) error {
				if v == "off" {
					d.Engine.Log.Slow = -1
					return nil
				}
				return duration(&d.Engine.Log.Slow, v)
			}},
		{key: "jobs.workers", kind: "a number or off", initial: strconv.Itoa(j.Workers),
			doc: "Jobs that this node runs at the same time; off leaves them to other nodes.",
			set: func(d *deployment, v string) error {
				if v == "off" {
					d.Engine.Jobs.Workers = -1
					return nil
				}
				return positive(&d.Engine.Jobs.Workers, v)
			}},
		{key: "jobs.attempts", kind: "a number", initial: strconv.Itoa(j.Attempts),
			doc: "Attempts at a job before it fails for good.",
			set: func(d *deployment, v string) error { return positive(&d.Engine.Jobs.Attempts, v) }},
		{key: "jobs.timeout", kind: "a duration", initial: shortDuration(j.Timeout),
			doc: "Time of one attempt at a job.",
			set: func(d *deployment, v string) error { return duration(&d.Engine.Jobs.Timeout, v) }},
		{key: "jobs.poll", kind: "a duration", initial: shortDuration(j.Poll),
			doc: "How often to look for jobs that other nodes queued and have no time for.",
			set: func(d *deployment, v string) error { return duration(&d.Engine.Jobs.Poll, v) }},

		quota("anonymous", "50/s", "Requests without credentials, per address.", func(r *engine.Rate) *engine.Quota { return &r.Anonymous }),
		quota("user", "200/s", "Requests with credentials, per subject.", func(r *engine.Rate) *engine.Quota { return &r.User }),
		quota("login", "10/m", "Tries of a password, per address and account.", func(r *engine.Rate) *engine.Quota { return &r.Login }),
		quota("mail", "5/h", "Messages asked for with `auth/forgot`, per account.", func(r *engine.Rate) *engine.Quota { return &r.Mail }),
		{key: "rate.loopback", kind: "true or false", initial: "false",
			doc: "Whether requests from the same machine are bounded, too.",
			set: func(d *deployment, v string) error { return yes(&d.Engine.Rate.Loopback, v) }},

		limit("target", d.Target, "Bytes of a request target.", func(l *engine.Limits) *int { return &l.Target }),
		limit("header_bytes", d.HeaderBytes, "Bytes of all header fields.", func(l *engine.Limits) *int { return &l.HeaderBytes }),
		limit("headers", d.Headers, "Header fields of a request.", func(l *engine.Limits) *int { return &l.Headers }),
		{key: "limits.body", kind: "a size", initial: bytesText(d.Body),
			doc: "Bytes of a request's content.",
			set: func(d *deployment, v string) error { return size(&d.Engine.Limits.Body, v) }},
		{key: "limits.import", kind: "a size", initial: bytesText(d.Import),
			doc: "Bytes of the content of a bulk-import.",
			set: func(d *deployment, v string) error { return size(&d.Engine.Limits.Import, v) }},
		{key: "limits.file", kind: "a size", initial: bytesText(d.File),
			doc: "Bytes of a file whose field has no `max`.",
			set: func(d *deployment, v string) error { return size(&d.Engine.Limits.File, v) }},
		limit("json_depth", d.JSONDepth, "Nesting of JSON content.", func(l *engine.Limits) *int { return &l.JSONDepth }),
		limit("json_members", d.JSONMembers, "Members of JSON content.", func(l *engine.Limits) *int { return &l.JSONMembers }),
		limit("number_len", d.NumberLen, "Characters of a number literal.", func(l *engine.Limits) *int { return &l.NumberLen }),
		limit("filter_terms", d.FilterTerms, "Terms of a filter.", func(l *engine.Limits) *int { return &l.FilterTerms }),
		limit("filter_depth", d.FilterDepth, "Nesting of a filter.", func(l *engine.Limits) *int { return &l.FilterDepth }),
		limit("in_elements", d.InElements, "Elements of `in:`.", func(l *engine.Limits) *int { return &l.InElements }),
		limit("pattern", d.Pattern, "Characters of a `like:` pattern.", func(l *engine.Limits) *int { return &l.Pattern }),
		limit("order_keys", d.OrderKeys, "Keys of an order.", func(l *engine.Limits) *int { return &l.OrderKeys }),
		limit("depth", d.Depth, "Nesting of expansions.", func(l *engine.Limits) *int { return &l.Depth }),
		limit("rows", d.Rows, "Records in one response, expansions included.", func(l *engine.Limits) *int { return &l.Rows }),
		limit("page", d.Page, "Records on a page when nothing is asked for.", func(l *engine.Limits) *int { return &l.Page }),
		limit("page_max", d.PageMax, "Records on a page at most.", func(l *engine.Limits) *int { return &l.PageMax }),
		limit("skip", d.Skip, "Records that may be skipped.", func(l *engine.Limits) *int { return &l.Skip }),
		limit("bulk", d.Bulk, "Records of one write.", func(l *engine.Limits) *int { return &l.Bulk }),
		limit("steps", d.Steps, "Actions of one compound.", func(l *engine.Limits) *int { return &l.Steps }),
		limit("token", d.Token, "Bytes of a token.", func(l *engine.Limits) *int { return &l.Token }),
		limit("in_flight", d.InFlight, "Requests served at once.", func(l *engine.Limits) *int { return &l.InFlight }),
		limit("body_rate", d.BodyRate, "Bytes a second that content must arrive with.", func(l *engine.Limits) *int { return &l.BodyRate }),
		patience("request", d.Request, "Time of a whole request.", func(l *engine.Limits) *time.Duration { return &l.Request }),
		patience("statement", d.Statement, "Time of one database statement.", func(l *engine.Limits) *time.Duration { return &l.Statement }),
		patience("lock", d.Lock, "Time to wait for a database lock.", func(l *engine.Limits) *time.Duration { return &l.Lock }),
		patience("header_read", d.HeaderRead, "Time to read the header fields.", func(l *engine.Limits) *time.Duration { return &l.HeaderRead }),
		patience("idle", d.Idle, "Time a connection may be idle.", func(l *engine.Limits) *time.Duration { return &l.Idle }),
	}
}

func limit(name string, initial int, doc string, at func(*engine.Limits) *int) setting {
	return setting{key: "limits." + name, kind: "a number", initial: strconv.Itoa(initial), doc: doc,
		set: func(d *deployment, v string) error { return positive(at(&d.Engine.Limits), v) }}
}

func quota(name, initial, doc string, at func(*engine.Rate) *engine.Quota) setting {
	return setting{key: "rate." + name, kind: "N/s, N/m, N/h or off", initial: initial, doc: doc,
		set: func(d *deployment, v string) error { return frequency(at(&d.Engine.Rate), v) }}
}

func patience(name string, initial time.Duration, doc string, at func(*engine.Limits) *time.Duration) setting {
	return setting{key: "limits." + name, kind: "a duration", initial: shortDuration(initial), doc: doc,
		set: func(d *deployment, v string) error { return duration(at(&d.Engine.Limits), v) }}
}
