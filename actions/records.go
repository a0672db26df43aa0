package actions

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/schema"
)

// Records are the records of one class in the hands of a function in Go: all of
// them, or those that Where leaves. Every method runs an ordinary action in the
// function's transaction.
type Records struct {
	k     *Ctx
	class string
	where []string
	view  View
	order []Order
	limit int
	err   error
}

// Class returns the records of a class.
func (k *Ctx) Class(name string) *Records { return &Records{k: k, class: name} }

// Where narrows the records by a condition of the schema's expression language.
// Each ? stands for the next argument: a text, a number, a bool, a time, nil, a Row or a Reference.
func (c *Records) Where(cond string, args ...any) *Records {
	d := *c
	text, err := fill(cond, args)
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("%s: where %q: %w", c.class, cond, err)
	}
	d.where = append(c.where[:len(c.where):len(c.where)], "("+text+")")
	return &d
}

// Order sorts what List returns: names of fields, with a minus before those that fall.
func (c *Records) Order(by ...string) *Records {
	d := *c
	d.order = nil
	for _, name := range by {
		bare, desc := strings.CutPrefix(name, "-")
		d.order = append(d.order, Order{By: bare, Desc: desc})
	}
	return &d
}

// Limit bounds what List returns.
func (c *Records) Limit(n int) *Records {
	d := *c
	d.limit = n
	return &d
}

// With brings the records of relations along, which Row.Into and JSON show.
func (c *Records) With(relations ...string) *Records {
	d := *c
	for _, name := range relations {
		d.view.With = append(d.view.With[:len(d.view.With):len(d.view.With)], With{Relation: name})
	}
	return &d
}

// Fields names the members to read, as fields= does.
func (c *Records) Fields(names ...string) *Records {
	d := *c
	d.view.Fields = names
	return &d
}

// Get returns the record with an id: its text, a number, a Row or a Reference. One that
// is not there, or that the caller may not see, is a NotFound error.
func (c *Records) Get(id any) (Row, error) {
	text, err := c.id(id)
	if err != nil {
		return Row{}, err
	}
	if len(c.where) > 0 {
		return Row{}, fmt.Errorf("%s: Get takes no condition; List does", c.class)
	}
	return c.row(c.k.Do(&Get{Class: c.class, ID: text, View: c.view}))
}

// List returns the records, all of them unless there is a limit, in the order
// that was asked for, else the class's own.
func (c *Records) List() ([]Row, error) {
	if c.err != nil {
		return nil, c.err
	}
	var rows []Row
	for {
		page := c.k.x.Limits.PageMax
		if own := c.k.x.Schema.Class(c.class); own != nil && own.PageMax > 0 {
			page = own.PageMax
		}
		if c.limit > 0 {
			page = min(page, c.limit-len(rows))
		}
		skip := len(rows)
		res, err := c.k.Do(&Search{Class: c.class, Select: Select{Where: c.cond(), Order: c.order, Skip: &skip, Limit: &page}, Count: "none", View: c.view})
		if err != nil {
			return nil, err
		}
		for i := range res.Rows {
			rows = append(rows, rowOf(res, i))
		}
		if len(res.Rows) == 0 || !res.Page.More || len(rows) == c.limit {
			return rows, nil
		}
	}
}

// Create makes a record of anything that encodes to a JSON object: a struct, a map, json.RawMessage.
func (c *Records) Create(content any) (Row, error) {
	raw, err := c.content(content)
	if err != nil {
		return Row{}, err
	}
	return c.row(c.k.Do(&Create{Class: c.class, Content: raw, View: c.view}))
}

// Update patches the record with an id: members that the content names change, others stay.
func (c *Records) Update(id, content any) (Row, error) {
	text, err := c.id(id)
	if err != nil {
		return Row{}, err
	}
	raw, err := c.content(content)
	if err != nil {
		return Row{}, err
	}
	return c.row(c.k.Do(&Patch{Class: c.class, ID: text, Content: raw, Select: Select{Where: c.cond()}, View: c.view}))
}

// UpdateAll patches every record that Where leaves, and returns how many. Without a Where it is refused.
func (c *Records) UpdateAll(content any) (int64, error) {
	raw, err := c.content(content)
	if err != nil {
		return 0, err
	}
	most := c.k.x.Limits.Bulk
	return affected(c.k.Do(&PatchWhere{Class: c.class, Content: raw, Select: Select{Where: c.cond()}, MaxAffected: &most}))
}

// Delete removes the record with an id, softly where the class says so.
func (c *Records) Delete(id any) error {
	text, err := c.id(id)
	if err != nil {
		return err
	}
	_, err = c.k.Do(&Delete{Class: c.class, ID: text, Select: Select{Where: c.cond()}})
	return err
}

// DeleteAll removes every record that Where leaves, and returns how many. Without a Where it is refused.
func (c *Records) DeleteAll() (int64, error) {
	if c.err != nil {
		return 0, c.err
	}
	most := c.k.x.Limits.Bulk
	return affected(c.k.Do(&DeleteWhere{Class: c.class, Select: Select{Where: c.cond()}, MaxAffected: &most}))
}

// Run runs a declared action of the record with an id; "" is one of the collection.
func (c *Records) Run(id any, action string, content any) (*Result, error) {
	text, err := c.id(id)
	if err != nil {
		return nil, err
	}
	raw, err := c.content(content)
	if err != nil {
		return nil, err
	}
	return c.k.Do(&Run{Class: c.class, ID: text, Action: action, Content: raw, View: c.view})
}

func (c *Records) cond() string { return strings.Join(c.where, " and ") }

func (c *Records) id(id any) (string, error) {
	if c.err != nil {
		return "", c.err
	}
	switch id := id.(type) {
	case string:
		return id, nil
	case int:
		return strconv.Itoa(id), nil
	case int64:
		return strconv.FormatInt(id, 10), nil
	case Row:
		return id.ID, nil
	case Reference:
		return id.ID, nil
	case *Reference:
		if id != nil {
			return id.ID, nil
		}
	case fmt.Stringer:
		return id.String(), nil
	}
	return "", fmt.Errorf("%s: %T is no id", c.class, id)
}

func (c *Records) content(v any) ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%s: content: %w", c.class, err)
	}
	return raw, nil
}

// row is the record of an answer. A caller that may write and not read gets its id alone.
func (c *Records) row(res *Result, err error) (Row, error) {
	if err != nil {
		return Row{}, err
	}
	if len(res.Rows) == 0 {
		return Row{ID: res.ID, class: res.Class}, nil
	}
	return rowOf(res, 0), nil
}

func affected(res *Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	var n int64
	for _, c := range res.Counts {
		n += c.N
	}
	return n, nil
}

// fill puts arguments into a condition as literals; question marks inside of text stay.
func fill(cond string, args []any) (string, error) {
	var b strings.Builder
	quoted, used := false, 0
	for i := 0; i < len(cond); i++ {
		ch := cond[i]
		if ch == '\'' {
			quoted = !quoted
		}
		if ch != '?' || quoted {
			b.WriteByte(ch)
			continue
		}
		if used == len(args) {
			return "", fmt.Errorf("there are more ? than the %d arguments", len(args))
		}
		text, err := literal(args[used])
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		used++
	}
	if used < len(args) {
		return "", fmt.Errorf("there are %d arguments for %d ?", len(args), used)
	}
	return b.String(), nil
}

// literal is a Go value as the expression language writes it.
func literal(v any) (string, error) {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	switch v := v.(type) {
	case nil:
		return "null", nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case string:
		return quote(v), nil
	case time.Time:
		return quote(v.UTC().Format(time.RFC3339Nano)), nil
	case Row:
		return v.literal(), nil
	case Reference:
		return v.literal(), nil
	}
	return "", fmt.Errorf("%T cannot stand in a condition", v)
}

func idLiteral(c *schema.Class, id string) string {
	if c != nil && len(c.Key) == 1 && keyType(c.Key[0]).Kind() == schema.Int {
		return id
	}
	return "'" + strings.ReplaceAll(id, "'", "''") + "'"
}
