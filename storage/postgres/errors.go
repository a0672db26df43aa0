package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// SQLSTATE codes that mean something to more than one part of the store.
const (
	codeUnique     = "23505"
	codeForeignKey = "23503"
	codeText       = "22P02" // a text that does not spell a value of the type: how a statement of ours refuses (verdict)
	codeRace       = "40001"
	codeDeadlock   = "40P01"
	codeLock       = "55P03"
	codeCanceled   = "57014"
)

// Reasons why nothing can be done now.
var (
	errSlow     = errors.New("the statement took too long")
	errLocked   = errors.New("a row was locked for too long")
	errRevision = errors.New("this node serves another revision of the schema than the tables have")
)

// unavailable wraps the reason why nothing could be done now.
func unavailable(cause error) error {
	return fmt.Errorf("%w: %w", storage.ErrUnavailable, cause)
}

// codeOf is the SQLSTATE of a server's error, "" for others.
func codeOf(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// readError gives an error of the server, the connection or the context the
// meaning of the contract.
func readError(ctx context.Context, err error) error {
	if err == nil || isContract(err) {
		return err
	}
	if cause := ctx.Err(); cause != nil && (errors.Is(err, cause) || codeOf(err) == codeCanceled) {
		return cause
	}
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return serverMeaning(e)
	}
	if isConnection(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return unavailable(err)
	}
	return err
}

// ended is the error of a context that is over. The network notices a deadline before the context does.
func ended(ctx context.Context) error {
	if end, bounded := ctx.Deadline(); bounded && !time.Now().Before(end) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

func serverMeaning(e *pgconn.PgError) error {
	switch e.Code {
	case "22003", "2200H": // a number, or a numbering, that has come to its end
		return storage.ErrTooLarge
	case codeRace, codeDeadlock:
		return fmt.Errorf("%w: %w", storage.ErrConcurrent, e)
	case codeCanceled:
		return unavailable(errSlow)
	case codeLock:
		return unavailable(errLocked)
	case "42P01", "42703", "3F000", "0A000", "26000": // tables, columns or statements that are not there any more
		return unavailable(fmt.Errorf("%w: %w", errRevision, e))
	case "25006", "25P03", "58030": // a server that only reads, a transaction it ended, its disk
		return unavailable(e)
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08", "53", "57": // connection, resources, an operator
		return unavailable(e)
	}
	return e
}

// isConnection reports whether the error is one of the connection to the server.
func isConnection(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "conn busy")
}

// isContract reports whether the error is one of package storage already.
func isContract(err error) bool {
	for _, known := range []error{storage.ErrNotFound, storage.ErrUnavailable, storage.ErrOutcomeUnknown, storage.ErrConcurrent, storage.ErrTooLarge, storage.ErrTooManyRows} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// lostRace reports whether a transaction failed only because of others at the
// same time, or of statements that have to be prepared anew: it may succeed when it is run again.
// A lock that was waited for may be one of a deadlock, which the server would take longer to find.
func lostRace(err error) bool {
	switch codeOf(err) {
	case codeRace, codeDeadlock, codeLock:
		return true
	}
	return isOutdated(err)
}

// uniqueError says which unique index a write of the class met, nil when it failed otherwise.
func uniqueError(class *schema.Class, err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != codeUnique || e.TableName != class.Table {
		return nil
	}
	for _, x := range class.Uniques {
		if e.ConstraintName == sqlgen.UniqueName(class, x.Fields) && !slices.Equal(x.Fields, class.Key) {
			return &storage.UniqueError{Class: class, Fields: x.Fields}
		}
	}
	return &storage.UniqueError{Class: class, Fields: class.Key}
}

// referenceError says which reference of a write of the class leads nowhere, nil when it failed otherwise.
func referenceError(class *schema.Class, err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != codeForeignKey || e.TableName != class.Table {
		return nil
	}
	for _, f := range class.Fields {
		if f.Ref != nil && e.ConstraintName == sqlgen.ReferenceName(f) {
			return &storage.ReferenceError{Field: f}
		}
	}
	return nil
}

// foreignError explains a foreign key that kept a row from being deleted although no
// row of the schema points at it: one of a table that the schema does not know. It
// is nil when the key is one of the schema, and a race was lost.
func foreignError(m *sqlgen.Model, err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != codeForeignKey {
		return nil
	}
	for _, c := range m.Schema.Classes {
		for _, f := range c.Fields {
			switch {
			case f.Ref != nil && c.Table == e.TableName && e.ConstraintName == sqlgen.ReferenceName(f):
				return nil
			case f.Many != nil && f.Many.Table == e.TableName:
				return nil
			}
		}
	}
	return fmt.Errorf("a row of table %s, which is not in the schema, refers to a row that would go: %w", e.TableName, e)
}
