package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/dowel-dev/dowel/schema"
)

// conn is one connection with its prepared statements. One goroutine uses it at a time.
type conn struct {
	pooled *pgxpool.Conn // while it is out of the pool
	pg     *pgconn.PgConn
	stmts  map[string]*statement
	limit  int
	uses   uint64
	named  int

	// shard is the row of _dowel_counters that this connection moves.
	shard int

	buf    []byte
	params [][]byte
	rtt    time.Duration // of the network
}

// statement is a prepared statement; description is nil until the server has told it.
type statement struct {
	name        string
	sql         string
	description *pgconn.StatementDescription
	used        uint64
}

// command is one statement of a batch and what came of it.
type command struct {
	sql  []byte
	args []schema.Value
	// row is called for each row of the result; the columns are valid during
	// the call only, null is nil. An error of it ends the batch.
	row func(cols [][]byte) error

	// lasting: the columns may be kept, where the path they come by allows that (pipe).
	lasting bool
	// aside: the caller takes errAside for an answer (pipe).
	aside bool
	shape *shape // of sql; it is told how long the command takes

	// In a pipe of changes: the counter that moves with the command, and its place among
	// others that are sent with it, so that all lock rows in the same order.
	tally tally
	place uint64

	done     bool // on a connection of its own: the server has run it
	affected int64
	err      error // of this command, for those that share a batch
}

func newConn(pg *pgconn.PgConn, limit int) *conn {
	return &conn{pg: pg, stmts: map[string]*statement{}, limit: limit}
}

// run sends commands in one write and reads their results: one round trip, and
// outside of a transaction block one transaction. The first error ends it, and none of
// the commands has happened then (inside of a block: the block has failed).
func (c *conn) run(ctx context.Context, cmds ...*command) error {
	p := c.pg.StartPipeline(ctx)
	fresh := make([]*statement, 0, 4)
	for _, cmd := range cmds {
		st, known := c.statement(cmd.sql)
		if !known {
			fresh = append(fresh, st)
			p.SendPrepare(st.name, st.sql, nil)
		}
		params := c.encode(cmd.args)
		if st.description != nil {
			p.SendQueryStatement(st.description, params, nil, nil)
		} else {
			p.SendQueryPrepared(st.name, params, nil, nil)
		}
		if cmd.shape != nil {
			p.SendFlushRequest() // its time is to be told from that of the others
		}
	}
	err := p.Sync()
	if err == nil {
		err = c.results(p, cmds, len(fresh) > 0)
	}
	if end := p.Close(); err == nil {
		err = end
	}
	if err != nil {
		for _, st := range fresh {
			if st.description == nil {
				delete(c.stmts, st.sql) // not known to the server
			}
		}
	}
	if len(c.stmts) > c.limit && !c.pg.IsClosed() && c.pg.TxStatus() != 'E' {
		return errors.Join(err, c.evict(ctx))
	}
	return err
}

// results reads what comes back, in the order in which it was asked for.
func (c *conn) results(p *pgconn.Pipeline, cmds []*command, prepared bool) error {
	var start time.Time
	for i, cmd := range cmds {
		if cmd.shape != nil {
			start = time.Now()
		}
		for {
			res, err := p.GetResults()
			if err != nil {
				cmd.err = err
				return err
			}
			if sd, ok := res.(*pgconn.StatementDescription); ok {
				c.described(sd)
				continue
			}
			rows, ok := res.(*pgconn.ResultReader)
			if !ok {
				return fmt.Errorf("postgres: unexpected answer %T", res)
			}
			if cmd.err = c.rows(rows, cmd); cmd.err != nil {
				return cmd.err
			}
			break
		}
		if cmd.shape != nil {
			spent := time.Since(start)
			if i == 0 {
				spent -= c.rtt
			}
			cmd.shape.verdict(spent, prepared)
		}
	}
	return nil
}

func (c *conn) rows(rows *pgconn.ResultReader, cmd *command) error {
	var failed error
	for rows.NextRow() {
		if cmd.row != nil && failed == nil {
			failed = cmd.row(rows.Values())
		}
	}
	tag, err := rows.Close()
	if err != nil {
		return err
	}
	cmd.affected, cmd.done = tag.RowsAffected(), true
	return failed
}

// do runs one fixed statement.
func (c *conn) do(ctx context.Context, sql string, args ...schema.Value) (affected int64, err error) {
	cmd := command{sql: []byte(sql), args: args}
	err = c.run(ctx, &cmd)
	return cmd.affected, err
}

// query runs one fixed statement and calls row for each of its rows.
func (c *conn) query(ctx context.Context, sql string, args []schema.Value, row func(cols [][]byte) error) error {
	return c.run(ctx, &command{sql: []byte(sql), args: args, row: row})
}

// script runs several fixed statements without values, in one transaction unless they say otherwise.
func (c *conn) script(ctx context.Context, sql string) error {
	return c.pg.Exec(ctx, sql).Close()
}

// statement returns the prepared statement of a text; known is false when the server has to be told first.
func (c *conn) statement(sql []byte) (st *statement, known bool) {
	c.uses++
	if st, ok := c.stmts[string(sql)]; ok {
		st.used = c.uses
		return st, true
	}
	c.named++
	st = &statement{name: "d" + strconv.Itoa(c.named), sql: string(sql), used: c.uses}
	c.stmts[st.sql] = st
	return st, false
}

func (c *conn) described(sd *pgconn.StatementDescription) {
	if st := c.stmts[sd.SQL]; st != nil && st.name == sd.Name {
		st.description = sd
	}
}

// forget drops all prepared statements, whose tables have changed.
func (c *conn) forget(ctx context.Context) error {
	clear(c.stmts)
	return c.script(ctx, "deallocate all")
}

// evict drops the statements that were not used lately, a quarter of them.
func (c *conn) evict(ctx context.Context) error {
	horizon := c.uses - min(c.uses, uint64(c.limit)*3/4)
	p := c.pg.StartPipeline(ctx)
	for sql, st := range c.stmts {
		if st.used <= horizon {
			p.SendDeallocate(st.name)
			delete(c.stmts, sql)
		}
	}
	err := p.Sync()
	if end := p.Close(); err == nil {
		err = end
	}
	return err
}

// encode writes values as PostgreSQL reads them from text. What it returns is valid until the next
// call of run has sent it: one buffer serves all commands of a batch.
func (c *conn) encode(args []schema.Value) [][]byte {
	if len(args) == 0 {
		return nil
	}
	// pgconn copies parameters into its own buffer at once, so one buffer is enough.
	c.buf, c.params = c.buf[:0], c.params[:0]
	need := 0
	for i := range args {
		need += 24 + len(args[i].Text())
	}
	if cap(c.buf) < need {
		c.buf = make([]byte, 0, need)
	}
	for i := range args {
		if args[i].IsNull() {
			c.params = append(c.params, nil)
			continue
		}
		start := len(c.buf)
		c.buf = appendText(c.buf, args[i])
		c.params = append(c.params, c.buf[start:len(c.buf):len(c.buf)])
	}
	return c.params
}

// appendText writes a value in the text form PostgreSQL takes for its type.
func appendText(b []byte, v schema.Value) []byte {
	switch v.Kind() {
	case schema.Bool:
		if v.Bool() {
			return append(b, 't')
		}
		return append(b, 'f')
	case schema.Int:
		return strconv.AppendInt(b, v.Int(), 10)
	case schema.Float:
		f := v.Float()
		if f == 0 {
			f = 0 // no negative zero
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return append(b, "NaN"...)
		}
		return strconv.AppendFloat(b, f, 'g', -1, 64)
	case schema.Decimal:
		return schema.AppendDecimal(b, v)
	}
	return append(b, v.Text()...)
}
