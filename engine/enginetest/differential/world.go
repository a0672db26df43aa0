package differential

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// step is one request, the same for every store. In header fields and content $tag7 is the
// entity tag in the answer to step 7.
type step struct {
	n       int // its number, which it keeps when others are left out
	who     subject
	method  string // "make": the engine itself creates rows of the class target
	target  string
	content string
	fields  []string // Name: value
}

// dry reports whether the step is a write that only says what it would do.
func (s *step) dry() bool { return strings.Contains(s.target, "dry_run=true") }

// subject is who asks.
type subject uint8

const (
	nobody subject = iota
	admin
	manager
	clerk
	other // another clerk
	somebody
	numSubjects
)

var subjects = [numSubjects]struct{ id, role string }{
	admin: {"1", "admin"}, manager: {"2", "manager"}, clerk: {"3", "clerk"}, other: {"4", "clerk"}, somebody: {"5", ""},
}

// world is an application on one store.
type world struct {
	name    string
	store   Store
	engines []*engine.Engine
	opened  func() // opens the engines anew: what they have kept is forgotten
	bearers [numSubjects]string
	now     *time.Time
	random  *random
	log     *journal

	tags     map[int]string   // the last entity tag a step was answered with
	cursors  map[int][]string // those of the other pages in the answer to a step
	versions map[string]map[string]int
	shown    map[string]string // bodies by read and tag
	broken   string            // what a tag promised and did not keep
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// random is the randomness of one world, set anew for each step, so that a
// store that runs a transaction twice changes nothing about the next.
type random struct{ *rand.ChaCha8 }

// journal keeps what the engine calls an error.
type journal struct{ bytes.Buffer }

// open starts one engine per target.
func open(t testing.TB, targets []Target, l *loaded) []*world {
	var all []*world
	for _, target := range targets {
		now := noon
		w := &world{name: target.Name, store: target.Open(t, l.schema), now: &now, random: &random{rand.NewChaCha8([32]byte{})}, log: &journal{}}
		clock := func() time.Time { return *w.now }
		signer, err := token.New(token.Config{Secret: []byte(strings.Repeat("0123456789abcdef", 2)), Issuer: "dowel", Audience: "dowel", Clock: clock})
		if err != nil {
			panic(err)
		}
		for s, who := range subjects {
			if subject(s) == nobody {
				continue
			}
			var roles []string
			if who.role != "" {
				roles = append(roles, who.role)
			}
			raw, err := signer.Issue(token.Claims{Subject: who.id, Roles: roles})
			if err != nil {
				panic(err)
			}
			w.bearers[s] = "Bearer " + raw
		}
		settings := target.Settings
		settings.NoDocs = true
		w.opened = func() {
			w.release()
			for range max(1, target.Engines) {
				e, err := engine.Open(engine.Config{
					Schema: l.schema, Authorizer: l.rules, Store: w.store, Signer: signer, Clock: clock, Random: w.random,
					Settings: settings,
					Log:      slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelError})),
				})
				if err != nil {
					panic(fmt.Sprintf("%s: %v", target.Name, err))
				}
				w.engines = append(w.engines, e)
			}
		}
		w.opened()
		t.Cleanup(w.release)
		all = append(all, w)
	}
	return all
}

// release lets go of the engines; the store is whose that opened it.
func (w *world) release() {
	for _, e := range w.engines {
		_ = e.Release() // it was for a Redis that may be gone
	}
	w.engines = nil
}

// begin makes the world as if nothing had happened in it.
func (w *world) begin() {
	if err := w.store.Empty(context.Background()); err != nil {
		panic(fmt.Sprintf("%s: empty: %v", w.name, err))
	}
	if w.shown != nil && len(w.engines) > 1 {
		w.opened() // what was emptied was not written, so nothing says that it changed
	}
	w.shown, w.broken = map[string]string{}, ""
	w.tags, w.cursors, w.versions = map[int]string{}, map[int][]string{}, map[string]map[string]int{}
	w.log.Reset()
}

// send sends a step and returns the answer; ok is false for what no client can send.
func (w *world) send(s *step, seed Seed) (a *answer, ok bool) {
	*w.now = noon.Add(time.Duration(s.n) * 1_001_003 * time.Microsecond)
	var key [32]byte
	copy(key[:], fmt.Sprintf("%s:%d", seed, s.n))
	w.random.Seed(key)
	w.log.Reset()
	if s.method == "make" {
		return w.make(s), true
	}
	r, err := w.request(s)
	if err != nil {
		return nil, false
	}
	rec := &recorder{header: http.Header{}}
	w.engines[s.n%len(w.engines)].Handler().ServeHTTP(rec, r)
	w.hold(s, rec)
	if tag := strings.Trim(rec.header.Get("Etag"), `"`); tag != "" && !s.dry() {
		w.tags[s.n] = tag
	}
	w.cursors[s.n] = cursorsIn(rec.header)
	return &answer{status: rec.status, header: rec.header, body: rec.body.String(), log: w.log.String()}, true
}

// make creates rows as the engine itself.
func (w *world) make(s *step) *answer {
	_, err := w.engines[0].Invoke(context.Background(), &authz.Subject{System: true}, &actions.Create{Class: s.target, Content: []byte(s.content)})
	if err != nil {
		return &answer{status: 409, body: err.Error(), log: w.log.String()}
	}
	return &answer{status: 201}
}

func (w *world) request(s *step) (*http.Request, error) {
	target := w.continued(s.target)
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, err
	}
	r := &http.Request{
		Method: s.method, URL: u, RequestURI: target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Host: "app.test", RemoteAddr: "127.0.0.1:1", Body: http.NoBody,
		Header: http.Header{"X-Request-Id": {fmt.Sprintf("00000000-0000-7000-8000-%012d", s.n)}},
	}
	if bearer := w.bearers[s.who]; bearer != "" {
		r.Header["Authorization"] = []string{bearer}
	}
	for _, field := range s.fields {
		name, value, _ := strings.Cut(field, ": ")
		r.Header.Add(name, w.expand(value))
	}
	if s.content != "" {
		content := w.expand(s.content)
		r.Body, r.ContentLength = body{strings.NewReader(content)}, int64(len(content))
		if r.Header["Content-Type"] == nil {
			r.Header["Content-Type"] = []string{"application/json"}
		}
	}
	return r, nil
}

// cursor finds the cursors of links, place where one stands in a target: $cursor7.1 is the second in the answer to step 7.
var (
	cursor      = regexp.MustCompile(`cursor=([A-Za-z0-9_-]+)`)
	cursorPlace = regexp.MustCompile(`\$cursor([0-9]+)\.([0-9])`)
)

func cursorsIn(h http.Header) (all []string) {
	for _, m := range cursor.FindAllStringSubmatch(h.Get("Link"), -1) {
		all = append(all, m[1])
	}
	return all
}

// continued puts the world's own cursors in their places.
func (w *world) continued(target string) string {
	return cursorPlace.ReplaceAllStringFunc(target, func(place string) string {
		m := cursorPlace.FindStringSubmatch(place)
		n, _ := strconv.Atoi(m[1])
		i, _ := strconv.Atoi(m[2])
		if all := w.cursors[n]; i < len(all) {
			return all[i]
		}
		return "none"
	})
}

// expand puts the world's own tags in their places.
func (w *world) expand(text string) string {
	const mark = "$tag"
	at := strings.Index(text, mark)
	if at < 0 {
		return text
	}
	end := at + len(mark)
	n := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		n, end = n*10+int(text[end]-'0'), end+1
	}
	tag, ok := w.tags[n]
	if !ok {
		tag = "0.none"
	}
	return text[:at] + tag + w.expand(text[end:])
}

// all reads every row of a class straight from the store.
func (w *world) all(c *schema.Class) []storage.Row {
	q := &storage.Query{Class: c, Limit: -1, Deleted: storage.WithDeleted}
	for _, f := range c.Fields {
		if f.Stored() {
			q.Columns = append(q.Columns, storage.Column{Field: f})
		}
	}
	for _, k := range c.Key {
		q.Order = append(q.Order, storage.Order{By: &schema.Path{Field: k, Type: k.Type}})
	}
	p, err := w.store.Read(context.Background(), q)
	if err != nil {
		panic(fmt.Sprintf("%s: read %s: %v", w.name, c.Name, err))
	}
	return p.Rows
}

type body struct{ *strings.Reader }

func (body) Close() error { return nil }

// recorder is a http.ResponseWriter that keeps what is written.
type recorder struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

// scope is a test of its own: what is opened in it is closed at its end.
type scope struct {
	testing.TB
	cleanups []func()
}

func (s *scope) Cleanup(fn func()) { s.cleanups = append(s.cleanups, fn) }

func (s *scope) TempDir() string {
	dir, err := os.MkdirTemp("", "differential")
	if err != nil {
		panic(err)
	}
	s.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (s *scope) end() {
	for _, fn := range slices.Backward(s.cleanups) {
		fn()
	}
}
