package actions

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Ledger keeps the history of rows: one entry for each change, numbered from 1 within the row.
//
// Every entry carries a hash of itself and of the one before, so that an entry that is edited,
// or taken out from between others, is found. The last entries of a row can be taken away
// unseen by the chain alone; Verify compares what is left with the row as it is. Whoever can
// write the table and makes all hashes of a row anew is not found: for that, the
// digest that Verify returns has to be kept elsewhere.
type Ledger struct {
	class                                                       *schema.Class
	row, number, at, verb, version, entry, prevField, hashField *schema.Field
}

// ledgerClass is the internal class of entries.
const ledgerClass = "dowel_change"

// NewLedger finds the ledger of a schema, nil where no class keeps a history.
func NewLedger(s *schema.Schema) *Ledger {
	c := s.Class(ledgerClass)
	if c == nil {
		return nil
	}
	return &Ledger{
		class: c, row: c.Field("row"), number: c.Field("number"), at: c.Field("at"), verb: c.Field("verb"), version: c.Field("version"),
		entry: c.Field("entry"), prevField: c.Field("prev"), hashField: c.Field("hash"),
	}
}

// Entry is one change of a row, as it is kept.
type Entry struct {
	Row     string // CLASS/ID
	Number  int64
	At      time.Time
	Verb    string
	Version int64 // of the row after the change, or the last one of a row that is gone
	Prev    string
	Hash    string
	Detail
	text string // of Detail
}

// Detail is what is known of a change.
type Detail struct {
	// Subject is whose rights counted, By who asked where it was somebody else, System the engine itself.
	Subject   string `json:"subject,omitempty"`
	By        string `json:"by,omitempty"`
	System    bool   `json:"system,omitempty"`
	Action    string `json:"action,omitempty"`      // the outermost one, as rules name it
	Digest    string `json:"action_hash,omitempty"` // of its canonical text; not of actions that may hold a secret
	RequestID string `json:"request_id,omitempty"`
	// Before and After are the members that changed, all of them where the row came or went.
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
	// Secrets are the members that changed and whose values are never kept.
	Secrets []string `json:"secrets,omitempty"`
}

// Keep appends the entry of a change, in its transaction. Who writes a row has locked it, so that its
// entries are in the order of its changes. final says that nothing follows in the transaction.
func (l *Ledger) Keep(ctx context.Context, tx storage.Tx, c *Recorded, at time.Time, d Detail, final bool) error {
	e := Entry{Row: c.Class.Name + "/" + schema.FormatKey(c.Class, c.Key), Number: 1, At: at.UTC(), Verb: c.Verb, Version: c.Row().Version}
	changed := c.Changed()
	if c.Before != nil {
		d.Before = AppendMembers(nil, c.Before, changed)
	}
	if c.After != nil {
		d.After = AppendMembers(nil, c.After, changed)
	}
	for _, f := range changed {
		if !Keeps(f) && !(c.Row().Values[f.Index].IsNull() && (c.Before == nil || c.After == nil)) {
			d.Secrets = append(d.Secrets, f.JSON)
		}
	}
	last, err := l.read(ctx, tx, l.of(e.Row), 1, true)
	if err != nil {
		return err
	}
	if len(last) > 0 {
		e.Number, e.Prev = last[0].Number+1, last[0].Hash
		if e.At.Before(last[0].At) {
			e.At = last[0].At // clocks differ, the order does not
		}
	}
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("history of %s: %w", e.Row, err)
	}
	e.text = string(text)
	at3 := schema.NewDatetime(e.At)
	_, err = tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: l.class, Final: final, Set: []storage.Assign{
		{Field: l.row, Value: schema.NewText(e.Row)}, {Field: l.number, Value: schema.NewInt(e.Number)},
		{Field: l.at, Value: at3}, {Field: l.verb, Value: schema.NewText(e.Verb)}, {Field: l.version, Value: schema.NewInt(e.Version)},
		{Field: l.entry, Value: schema.NewText(e.text)}, {Field: l.prevField, Value: schema.NewText(e.Prev)},
		{Field: l.hashField, Value: schema.NewText(e.seal(at3.Text()))},
	}})
	return err
}

// seal is the hash of an entry; at is its time as it is stored.
func (e *Entry) seal(at string) string {
	h := sha256.New()
	for _, part := range []string{e.Prev, e.Row, strconv.FormatInt(e.Number, 10), at, e.Verb, strconv.FormatInt(e.Version, 10), e.text} {
		fmt.Fprintf(h, "%d %s\n", len(part), part)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func (l *Ledger) of(row string) schema.Expr {
	return schema.Compare{Op: schema.Eq, Left: fieldPath(l.row), Right: schema.Lit{Value: schema.NewText(row)}}
}

func fieldPath(f *schema.Field) *schema.Path { return &schema.Path{Field: f, Type: f.Type} }

func (l *Ledger) query(where schema.Expr, most int, desc bool) *storage.Query {
	q := &storage.Query{Class: l.class, Where: where, Limit: most, Order: []storage.Order{{By: fieldPath(l.row)}, {By: fieldPath(l.number), Desc: desc}}}
	for _, f := range l.class.Fields {
		q.Columns = append(q.Columns, storage.Column{Field: f})
	}
	return q
}

func (l *Ledger) read(ctx context.Context, r storage.Reader, where schema.Expr, most int, desc bool) ([]Entry, error) {
	page, err := r.Read(ctx, l.query(where, most, desc))
	if err != nil {
		return nil, err
	}
	return l.entries(page.Rows)
}

func (l *Ledger) entries(rows []storage.Row) ([]Entry, error) {
	list := make([]Entry, len(rows))
	for i := range rows {
		v, e := rows[i].Values, &list[i]
		*e = Entry{
			Row: v[l.row.Index].Text(), Number: v[l.number.Index].Int(), Verb: v[l.verb.Index].Text(), Version: v[l.version.Index].Int(),
			Prev: v[l.prevField.Index].Text(), Hash: v[l.hashField.Index].Text(), text: v[l.entry.Index].Text(),
		}
		var err error
		if e.At, err = time.Parse(time.RFC3339Nano, v[l.at.Index].Text()); err == nil {
			err = json.Unmarshal([]byte(e.text), &e.Detail)
		}
		if err != nil {
			return nil, fmt.Errorf("history of %s, entry %d: %w", e.Row, e.Number, err)
		}
	}
	return list, nil
}

// Forget removes up to most entries of a class that are older than a time.
func (l *Ledger) Forget(ctx context.Context, s storage.Store, c *schema.Class, old time.Time, most int) (n int, err error) {
	q := &storage.Query{Class: l.class, Columns: keyColumns(l.class), Limit: most, Order: []storage.Order{{By: fieldPath(l.at)}, {By: fieldPath(l.row)}, {By: fieldPath(l.number)}},
		Where: schema.And{
			schema.Compare{Op: schema.Lt, Left: fieldPath(l.at), Right: schema.Lit{Value: schema.NewDatetime(old)}},
			schema.Like{X: fieldPath(l.row), Pattern: c.Name + "/*"},
		}}
	err = s.Write(ctx, func(tx storage.Tx) error {
		page, err := tx.Read(ctx, q)
		if err != nil {
			return err
		}
		n = len(page.Rows)
		for i := range page.Rows {
			if _, err := tx.Apply(ctx, &storage.Change{Op: storage.Delete, Class: l.class, Key: page.Rows[i].Key(l.class)}); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// Verified is what Verify found.
type Verified struct {
	Rows, Entries int
	// Problems are what does not fit, at most some hundred.
	Problems []string
	// Digest is of the last entries of all rows: it changes with every change, and with every forgery.
	Digest string
}

const mostFaults = 100

// Verify reads all of the ledger and the rows that it is about.
func (l *Ledger) Verify(ctx context.Context, s *schema.Schema, r storage.Reader) (*Verified, error) {
	v := &Verified{}
	digest := sha256.New()
	fault := func(format string, args ...any) {
		if len(v.Problems) < mostFaults {
			v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
		}
	}
	var last *Entry
	closing := func() error {
		if last == nil {
			return nil
		}
		v.Rows++
		fmt.Fprintf(digest, "%s %d %s\n", last.Row, last.Number, last.Hash)
		why, err := l.differs(ctx, s, r, last)
		if why != "" {
			fault("%s: %s", last.Row, why)
		}
		return err
	}
	q := l.query(nil, 500, false)
	for {
		page, err := r.Read(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Rows {
			v.Entries++
			list, err := l.entries(page.Rows[i : i+1])
			if err != nil {
				fault("%v", err)
				continue
			}
			e := &list[0]
			class, _, _ := cutRow(e.Row)
			c := s.Class(class)
			switch {
			case last == nil || last.Row != e.Row:
				if err := closing(); err != nil {
					return nil, err
				}
				if (c == nil || c.HistoryFor == 0) && (e.Number != 1 || e.Prev != "") {
					fault("%s: entries before %d are missing", e.Row, e.Number)
				}
			case e.Number != last.Number+1:
				fault("%s: entries between %d and %d are missing", e.Row, last.Number, e.Number)
			case e.Prev != last.Hash:
				fault("%s: entry %d does not follow entry %d", e.Row, e.Number, last.Number)
			}
			if e.seal(page.Rows[i].Values[l.at.Index].Text()) != e.Hash {
				fault("%s: entry %d was edited", e.Row, e.Number)
			}
			last = e
		}
		if len(page.Rows) < q.Limit {
			break
		}
		at := page.Rows[len(page.Rows)-1].Values
		q.From = &storage.Place{Values: []schema.Value{at[l.row.Index], at[l.number.Index]}}
	}
	if err := closing(); err != nil {
		return nil, err
	}
	v.Digest = base64.RawURLEncoding.EncodeToString(digest.Sum(nil))
	return v, nil
}

// cutRow splits CLASS/ID.
func cutRow(row string) (class, id string, ok bool) {
	for i := range row {
		if row[i] == '/' {
			return row[:i], row[i+1:], true
		}
	}
	return row, "", false
}

// differs compares a row with what its last entry says of it, "" where the two agree. Sets are
// left out: they change with the rows that they lead to.
func (l *Ledger) differs(ctx context.Context, s *schema.Schema, r storage.Reader, e *Entry) (string, error) {
	class, id, _ := cutRow(e.Row)
	c := s.Class(class)
	if c == nil || !c.History {
		return "", nil // of a class that was, or keeps none any more
	}
	key, err := schema.ParseKey(c, id)
	if err != nil {
		return "its key is none of " + c.Name, nil
	}
	row, err := (&Recorder{Tx: readOnly{r}}).row(ctx, c, key, false)
	if err != nil {
		return "", err
	}
	switch {
	case row == nil && e.After == nil:
		return "", nil
	case row == nil:
		return "the row is gone, and the last entry does not say so", nil
	case e.After == nil:
		return "the row is there, and the last entry says that it was removed", nil
	}
	why := ""
	eachMember(e.After, func(name string, raw []byte) bool {
		f := c.Field(name)
		if f == nil || f.JSON != name || !f.Stored() || !Keeps(f) {
			return true
		}
		if string(appendValue(nil, f.Type, row.Values[f.Index])) != string(raw) {
			why = "`" + name + "` is not what the last entry says"
		}
		return why == ""
	})
	return why, nil
}

// readOnly reads as a transaction does.
type readOnly struct{ storage.Reader }

func (readOnly) Apply(context.Context, *storage.Change) (*storage.Row, error) { return nil, errNoWrite }
func (readOnly) Savepoint(context.Context, func() error) error                { return errNoWrite }
func (readOnly) Claim(context.Context, string, time.Time, time.Time) (string, error) {
	return "", errNoWrite
}
func (readOnly) Keep(context.Context, string, string) error { return errNoWrite }

var errNoWrite = fmt.Errorf("nothing is written here")

// filtered appends an object with those of its members that pass; null stays null.
func filtered(b []byte, raw json.RawMessage, pass func(name string) bool) []byte {
	if len(raw) == 0 {
		return append(b, "null"...)
	}
	b = append(b, '{')
	first := true
	eachMember(raw, func(name string, value []byte) bool {
		if !pass(name) {
			return true
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b, _ = jsontext.AppendQuote(b, name)
		b = append(append(b, ':'), value...)
		return true
	})
	return append(b, '}')
}

// memberOf returns a member of an object, nil for none.
func memberOf(raw json.RawMessage, name string) (value json.RawMessage) {
	if len(raw) == 0 {
		return nil
	}
	eachMember(raw, func(n string, v []byte) bool {
		if n == name {
			value = slices.Clone(v)
		}
		return value == nil
	})
	return value
}
