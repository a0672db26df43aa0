package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Nodes tell each other that the schema has changed by NOTIFY. Each announcement
// has a number, which is kept in _dowel_state as well: who was away learns from it
// that something was said meanwhile, though not what.

// channel is where announcements go. Schemas of a database are told apart by what stands in them.
const channel = "dowel"

// announceLongest is the length of an announcement; the server takes less than 8000 bytes in all.
const announceLongest = 4000

// How often the listener asks for the number of the last announcement, which also
// shows whether the connection works, and how long it waits before it connects again.
const (
	announceLook  = 10 * time.Second
	announceLate  = 200 * time.Millisecond
	announceFirst = 100 * time.Millisecond
	announceLast  = 2 * time.Second
)

const (
	announceCount = "select value from _dowel_state where name = 'announced'"
	announceSQL   = "with said as (insert into _dowel_state (name, value) values ('announced', '1')" +
		" on conflict (name) do update set value = (_dowel_state.value::bigint + 1)::text returning value)" +
		" select pg_notify('" + channel + "', concat_ws(' ', $1::text, value, " + announceScope + ", $2::text)) from said"
	announceScope = "md5(current_schema()::text)"
)

// announcer is what a store needs to hear the others.
type announcer struct {
	name string // of this store, so that it does not listen to itself

	start sync.Once
	out   chan string
}

func newAnnouncer() *announcer {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return &announcer{name: hex.EncodeToString(b[:]), out: make(chan string, 1)}
}

// Announce tells the other processes that serve the application a text.
func (s *Store) Announce(ctx context.Context, text string) error {
	if len(text) > announceLongest {
		return fmt.Errorf("postgres: an announcement of %d bytes is longer than %d", len(text), announceLongest)
	}
	c, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer s.release(c)
	for range 5 { // two who announce at once meet in the row
		_, err = c.do(ctx, announceSQL, schema.NewText(s.announcer.name), schema.NewText(text))
		if codeOf(err) != codeRace {
			break
		}
	}
	return readError(ctx, err)
}

// Announcements delivers what other processes announce.
func (s *Store) Announcements() <-chan string {
	s.announcer.start.Do(func() { go s.listen() })
	return s.announcer.out
}

// say delivers a text; one that was not fetched yet is replaced.
func (a *announcer) say(text string) {
	for {
		select {
		case a.out <- text:
			return
		default:
		}
		select {
		case <-a.out:
		default:
		}
	}
}

// listen hears the others until the store is closed.
func (s *Store) listen() {
	defer close(s.announcer.out)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		<-s.closed
		stop()
	}()
	e := ear{store: s, last: -1}
	wait := announceFirst
	for told := false; ; {
		began := time.Now()
		err := e.hear(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > announceLook {
			wait, told = announceFirst, false
		}
		if log := s.options.Log; log != nil && !told {
			log.Warn("announcements of other nodes cannot be heard; trying again", slog.Any("cause", err))
			told = true
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			wait = min(2*wait, announceLast)
		}
	}
}

// ear is the connection that listens.
type ear struct {
	store *Store
	pg    *pgconn.PgConn
	scope string // the schema of the application
	last  int64  // number of the last announcement known, -1 before the first look
	heard []string
}

// hear listens until the connection breaks.
func (e *ear) hear(ctx context.Context) error {
	s := e.store
	config := s.config.ConnConfig.Config.Copy()
	config.RuntimeParams["application_name"] = "dowel listening"
	config.RuntimeParams["default_transaction_isolation"] = "read committed"
	config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { e.heard = append(e.heard, n.Payload) }
	short, cancel := context.WithTimeout(ctx, s.options.Connect)
	defer cancel()
	var err error
	if e.pg, err = pgconn.ConnectConfig(short, config); err != nil {
		return err
	}
	defer func() {
		bye, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer done()
		_ = e.pg.Close(bye) // it is broken, or we leave
	}()
	if e.scope, err = e.one(short, "listen "+channel+"; select "+announceScope); err != nil {
		return err
	}
	for {
		// First what was missed, then what comes: the other way round something could fall in between.
		if err := e.look(ctx); err != nil {
			return err
		}
		if err := e.wait(ctx, announceLook); err != nil {
			return err
		}
	}
}

// look compares the number of the last announcement with the one heard last. The
// first look says that something was missed, as nobody knows what was said before.
func (e *ear) look(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, pingWait+e.store.options.Wait)
	defer cancel()
	text, err := e.one(short, announceCount)
	if codeOf(err) == "42P01" {
		text, err = "", nil // nobody has made the tables yet
	}
	if err != nil {
		return err
	}
	now := int64(0)
	if text != "" {
		if now, err = strconv.ParseInt(text, 10, 64); err != nil {
			return err
		}
	}
	if e.deliver(); e.last >= 0 && e.last < now {
		if err := e.wait(ctx, announceLate); err != nil { // the row may be quicker than the word
			return err
		}
	}
	if e.last < now || e.last < 0 {
		e.say("")
		e.last = max(e.last, now)
	}
	return nil
}

// wait listens for a while and passes on what comes.
func (e *ear) wait(ctx context.Context, d time.Duration) error {
	pause, stop := context.WithTimeout(ctx, d)
	defer stop()
	err := e.pg.WaitForNotification(pause)
	e.deliver()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && (pause.Err() == nil || e.pg.IsClosed()):
		return err
	}
	return nil
}

// deliver passes on what others have said.
func (e *ear) deliver() {
	for _, payload := range e.heard {
		parts := strings.SplitN(payload, " ", 4) // sender, number, schema, text
		if len(parts) < 4 || parts[2] != e.scope {
			continue // of another application
		}
		n, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil {
			continue
		}
		if e.last >= 0 && n > e.last+1 {
			e.say("")
		}
		e.last = max(e.last, n)
		if parts[0] != e.store.announcer.name {
			e.say(parts[3])
		}
	}
	e.heard = e.heard[:0]
}

// say passes an announcement on. What was found out before it does not count any more.
func (e *ear) say(text string) {
	e.store.probe.forget()
	e.store.announcer.say(text)
}

// one runs statements and returns the last one's only value, "" for none.
func (e *ear) one(ctx context.Context, sql string) (string, error) {
	results, err := e.pg.Exec(ctx, sql).ReadAll()
	if err != nil || len(results) == 0 {
		return "", err
	}
	rows := results[len(results)-1].Rows
	if len(rows) == 0 {
		return "", nil
	}
	return string(rows[0][0]), nil
}

// lockStart is the number of the advisory lock of Exclusive. It stands beside
// the name of the schema, as databases hold several applications.
const lockStart = 0x446f7773

// Exclusive runs fn while no other process of the application runs one.
func (s *Store) Exclusive(ctx context.Context, fn func() error) error {
	config := s.config.ConnConfig.Config.Copy()
	for _, limit := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		config.RuntimeParams[limit] = "0"
	}
	pg, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return unavailable(err)
	}
	defer func() {
		bye, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer done()
		_ = pg.Close(bye) // which ends the lock, too
	}()
	if err := pg.Exec(ctx, fmt.Sprintf("select pg_advisory_lock(%d, hashtext(current_schema()))", lockStart)).Close(); err != nil {
		return readError(ctx, err)
	}
	return fn()
}

var (
	_ storage.Cluster = (*Store)(nil)
	_ storage.Prober  = (*Store)(nil)
)
