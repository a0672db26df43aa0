package migrate

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// About is what a database says of itself to whoever checks a deployment.
type About struct {
	Product string // SQLite, PostgreSQL
	Version string
	Journal string // of SQLite: wal, delete
	// The rest is of servers alone.
	Clock     time.Time // of the server; zero where it is ours
	Conns     int       // connections that the server lets in
	Encrypted bool      // this session
	Unsafe    bool      // commits are acknowledged before they are kept
	Replica   bool
	Position  uint64 // how far the log has come, of a replica what it has replayed
}

// Ask asks a database what it is.
func Ask(ctx context.Context, c Conn) (a About, err error) {
	if c.Dialect() == SQLite {
		a.Product = "SQLite"
		err = c.Query(ctx, "select sqlite_version(), (select journal_mode from pragma_journal_mode)", func(cols []string) {
			a.Version, a.Journal = cols[0], cols[1]
		})
		return a, err
	}
	a.Product = "PostgreSQL"
	err = c.Query(ctx, `select current_setting('server_version'), cast(extract(epoch from clock_timestamp()) * 1000000 as bigint),
		current_setting('max_connections'), coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false),
		current_setting('synchronous_commit') = 'off', pg_is_in_recovery(),
		case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end`, func(cols []string) {
		micros, _ := strconv.ParseInt(cols[1], 10, 64) // a bigint
		a.Version, a.Clock = cols[0], time.UnixMicro(micros)
		a.Conns, _ = strconv.Atoi(cols[2]) // an integer setting
		a.Encrypted, a.Unsafe, a.Replica = cols[3] == "t", cols[4] == "t", cols[5] == "t"
		var high, low uint64
		if n, _ := fmt.Sscanf(cols[6], "%X/%X", &high, &low); n == 2 {
			a.Position = high<<32 | low
		}
	})
	return a, err
}
