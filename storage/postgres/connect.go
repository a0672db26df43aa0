package postgres

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/dowel-dev/dowel/storage"
)

// shards is how many rows of _dowel_counters a class has.
const shards = 16

// lockShard is the first number of the advisory locks by which connections share
// out the shards, lockSystem the number of the one that is held to make the system tables.
const (
	lockShard  = 0x446f77
	lockSystem = 0x446f77656c
)

// sharedLockWait is short: a change that has to wait for a row should not hold up those it travels with.
const sharedLockWait = 50 * time.Millisecond

// poolConfig reads the address of the database and settles how its sessions are set up.
func poolConfig(address string, o Options) (*pgxpool.Config, error) {
	if err := checkAddress(address); err != nil {
		return nil, err
	}
	c, err := pgxpool.ParseConfig(address)
	if err != nil {
		// What precedes the last quote repeats the address.
		reason := err.Error()
		reason = reason[strings.LastIndexByte(reason, '`')+1:]
		return nil, fmt.Errorf("postgres: the address of the database cannot be used: %s", strings.TrimPrefix(reason, ": "))
	}
	if !strings.Contains(address, "pool_max_conns") {
		c.MaxConns = int32(o.Conns)
	}
	c.MaxConnIdleTime = 5 * time.Minute
	c.MaxConnLifetimeJitter = c.MaxConnLifetime / 8
	c.PingTimeout = pingWait
	cc := c.ConnConfig
	cc.ConnectTimeout = o.Connect
	cc.DialFunc = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	cc.DefaultQueryExecMode = pgx.QueryExecModeExec // statements are prepared by conn
	cc.StatementCacheCapacity, cc.DescriptionCacheCapacity = 0, 0
	cc.BuildContextWatcherHandler = cancelRequests
	maps.Copy(cc.RuntimeParams, settings(o))
	if cc.RuntimeParams["application_name"] == "" {
		cc.RuntimeParams["application_name"] = "dowel"
	}
	c.AfterConnect = func(ctx context.Context, pc *pgx.Conn) error {
		pg := pc.PgConn()
		k := newConn(pg, o.Statements)
		shard, err := introduce(ctx, pg, repeatable, true)
		if err != nil {
			return err
		}
		k.shard = shard
		pg.CustomData()[connKey] = k
		return nil
	}
	return c, nil
}

// repeatable is the isolation of sessions that do not say otherwise.
const repeatable = "repeatable read"

// connKey is where a connection of the pool keeps its *conn.
const connKey = "dowel"

// checkAddress finds what is wrong with an address before anything repeats it, password and all.
func checkAddress(address string) error {
	if strings.TrimSpace(address) == "" {
		return errors.New("postgres: no address of a database; expected postgres://user:password@host:5432/name")
	}
	scheme, _, found := strings.Cut(address, "://")
	switch {
	case !found && strings.Contains(address, "="):
		return nil // host=… dbname=…
	case !found || scheme != "postgres" && scheme != "postgresql":
		return errors.New("postgres: the address of the database must look like postgres://user:password@host:5432/name")
	}
	if _, err := url.Parse(address); err != nil {
		return errors.New("postgres: the address of the database is no URL; " +
			"characters like / ? # @ % and spaces in a user name or password are written %2F %3F %23 %40 %25 %20")
	}
	return nil
}

// settings are those of every session. A read outside a transaction relies on the isolation level: all its
// statements go out together, are one transaction and so see one state of the database.
func settings(o Options) map[string]string {
	return map[string]string{
		"client_encoding":                     "UTF8",
		"TimeZone":                            "UTC",
		"DateStyle":                           "ISO",
		"extra_float_digits":                  "1",
		"standard_conforming_strings":         "on",
		"default_transaction_isolation":       repeatable,
		"default_transaction_read_only":       "off",
		"jit":                                 "off",
		"statement_timeout":                   milliseconds(o.Timeout),
		"lock_timeout":                        milliseconds(max(o.LockWait/4, sharedLockWait)),
		"idle_in_transaction_session_timeout": milliseconds(max(2*o.Timeout, 30*time.Second)),
	}
}

// milliseconds is a duration as PostgreSQL takes it; 0 is without end.
func milliseconds(d time.Duration) string { return strconv.FormatInt(max(d.Milliseconds(), 0), 10) }

// cancelRequests ends the statement of a caller who has gone, and keeps the connection.
func cancelRequests(pg *pgconn.PgConn) ctxwatch.Handler {
	return &pgconn.CancelRequestContextWatcherHandler{Conn: pg, DeadlineDelay: 500 * time.Millisecond}
}

// introduce checks that a new session has the isolation that was wanted, and takes a shard for it.
// Behind a pooler that hands out sessions by the transaction two connections may
// get the same one; then they wait for each other, no more.
func introduce(ctx context.Context, pg *pgconn.PgConn, wanted string, withShard bool) (shard int, err error) {
	start := randomShard()
	sql := "select current_setting('default_transaction_isolation'), current_setting('TimeZone')"
	if withShard {
		sql += fmt.Sprintf(", (select s from (select (g + %d) %% %d as s from generate_series(0, %d) as g offset 0) as x where pg_try_advisory_lock(%d, s) limit 1)",
			start, shards, shards-1, lockShard)
	}
	results, err := pg.Exec(ctx, sql).ReadAll()
	if err != nil {
		return 0, err
	}
	row := results[0].Rows[0]
	// A pooler may be told to swallow settings.
	isolation, zone := string(row[0]), string(row[1])
	if isolation != wanted || zone != "UTC" {
		return 0, fmt.Errorf("%w: sessions do not keep their settings (isolation %s, time zone %s): is there a pooler that ignores them?", errUnfit, isolation, zone)
	}
	shard = start
	if withShard && row[2] != nil { // else all are taken
		shard, err = strconv.Atoi(string(row[2]))
	}
	return shard, err
}

func randomShard() int {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails
	return int(binary.LittleEndian.Uint16(b[:])) % shards
}

// connectWire opens a connection for a pipe.
func (s *Store) connectWire(ctx context.Context, mode pipeMode) (*wire, int, error) {
	config := s.config.ConnConfig.Config.Copy()
	if mode == reads {
		config.RuntimeParams["default_transaction_read_only"] = "on"
	} else {
		// Changes that share a transaction must see each other's rows, not fail over them.
		config.RuntimeParams["default_transaction_isolation"] = "read committed"
		config.RuntimeParams["lock_timeout"] = milliseconds(min(sharedLockWait, s.options.LockWait))
	}
	pg, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, 0, err
	}
	shard, err := introduce(ctx, pg, config.RuntimeParams["default_transaction_isolation"], mode == writes)
	if err == nil {
		err = pg.SyncConn(ctx)
	}
	if err != nil {
		return nil, 0, errors.Join(err, pg.Close(ctx))
	}
	h, err := pg.Hijack()
	if err != nil {
		return nil, 0, err
	}
	return &wire{conn: h.Conn, in: make([]byte, wireBuffer)}, shard, nil
}

// acquire takes a connection of the pool for work of its own.
func (s *Store) acquire(ctx context.Context) (*conn, error) {
	if s.isClosed() {
		return nil, errClosed
	}
	if cause := s.writes.down.Load(); cause != nil {
		return nil, unavailable(*cause) // a connection that seems to be there still would only keep the caller waiting
	}
	short, cancel := context.WithTimeout(ctx, s.options.Wait)
	defer cancel()
	pc, err := s.pool.Acquire(short)
	switch {
	case err == nil:
	case ended(ctx) != nil:
		return nil, ended(ctx)
	case s.isClosed():
		return nil, errClosed
	case errors.Is(err, context.DeadlineExceeded) && s.pool.Stat().AcquiredConns() >= s.pool.Config().MaxConns:
		return nil, fmt.Errorf("%w: all %d connections to the database are in use", storage.ErrUnavailable, s.pool.Config().MaxConns)
	default:
		return nil, unavailable(err)
	}
	k, ok := pc.Conn().PgConn().CustomData()[connKey].(*conn)
	if !ok {
		pc.Release()
		return nil, fmt.Errorf("%w: a connection of the pool was not set up", storage.ErrUnavailable)
	}
	k.pooled = pc
	return k, nil
}

// release gives a connection back. One that is broken or cannot leave its
// transaction is closed.
func (s *Store) release(c *conn) {
	pc := c.pooled
	c.pooled = nil
	if !c.pg.IsClosed() && c.pg.TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.Background(), pingWait)
		defer cancel()
		_ = c.script(ctx, "rollback") // the pool closes what is still in a transaction
	}
	pc.Release()
}

// errUnfit: the database answers, but cannot be worked with.
var errUnfit = errors.New("postgres: this database cannot be used")

// systemTables hold the change counters, the highest number of each auto=sequence
// field and group, what transactions kept under keys, and the number of the last version.
var systemTables = []struct{ name, sql string }{
	{"_dowel_counters", `create table if not exists _dowel_counters (name text collate "C" not null, shard int not null, epoch bigint not null default 1, n bigint not null default 0, primary key (name, shard)) with (fillfactor = 50)`},
	{"_dowel_sequences", `create table if not exists _dowel_sequences (name text collate "C" not null, per text collate "C" not null, n bigint not null, primary key (name, per))`},
	{"_dowel_kept", `create table if not exists _dowel_kept (key text collate "C" primary key, value text not null, until bigint not null); create index if not exists _dowel_kept_until on _dowel_kept (until)`},
	{"_dowel_version", `create sequence if not exists _dowel_version`},
}

// prepareDatabase checks that the database can be worked with and makes the system tables.
func prepareDatabase(ctx context.Context, config *pgxpool.Config, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, o.Connect+o.Wait)
	defer cancel()
	pg, err := pgconn.ConnectConfig(ctx, &config.ConnConfig.Config)
	if err != nil {
		return connectError(err)
	}
	err = prepareSystem(ctx, pg)
	return errors.Join(err, pg.Close(ctx))
}

func prepareSystem(ctx context.Context, pg *pgconn.PgConn) error {
	if _, err := introduce(ctx, pg, repeatable, false); err != nil {
		return err
	}
	sql := "select current_setting('server_version_num')::int >= 130000, current_setting('server_version'), current_setting('server_encoding'), pg_is_in_recovery()"
	for _, t := range systemTables {
		sql += ", to_regclass('" + t.name + "') is not null"
	}
	results, err := pg.Exec(ctx, sql).ReadAll()
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	row := results[0].Rows[0]
	if string(row[0]) != "t" {
		return fmt.Errorf("%w: PostgreSQL %s is older than 13", errUnfit, row[1])
	}
	if string(row[2]) != "UTF8" {
		return fmt.Errorf("%w: its encoding is %s, not UTF8", errUnfit, row[2])
	}
	if string(row[3]) == "t" {
		return fmt.Errorf("%w: it is a replica, which only reads; the address must lead to the primary", errUnfit)
	}
	missing := ""
	for i, t := range systemTables {
		if string(row[4+i]) != "t" {
			missing += t.sql + ";"
		}
	}
	if missing == "" {
		return nil
	}
	// Nodes that start at the same time take turns.
	script := fmt.Sprintf("begin; set local client_min_messages = warning; select pg_advisory_xact_lock(%d); %s commit", lockSystem, missing)
	if err := pg.Exec(ctx, script).Close(); err != nil {
		return fmt.Errorf("postgres: making the tables the store needs for itself: %w", err)
	}
	return nil
}

// connectError says why there is no connection, for who started the program.
func connectError(err error) error {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch {
		case e.Code == "08P01" && strings.Contains(e.Message, "startup parameter"):
			return fmt.Errorf("%w: the pooler in front of it refuses settings of a session; connect to the server itself: %w", errUnfit, err)
		case strings.HasPrefix(e.Code, "28"), strings.HasPrefix(e.Code, "3D"), strings.HasPrefix(e.Code, "42"), strings.HasPrefix(e.Code, "22"):
			return fmt.Errorf("%w: %w", errUnfit, err) // no such user, database, setting; a wrong password
		}
	}
	return unavailable(fmt.Errorf("postgres: %w", err))
}
