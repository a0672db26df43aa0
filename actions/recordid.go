package actions

import (
	"strconv"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// AppendID appends the id of a row, as its URL has it before percent-encoding.
func AppendID(b []byte, c *schema.Class, r *storage.Row) []byte {
	if len(c.Key) == 1 {
		if v := r.Values[c.Key[0].Index]; v.Kind() == schema.Int {
			return strconv.AppendInt(b, v.Int(), 10)
		}
	}
	var buf [4]schema.Value
	key := buf[:0]
	for _, f := range c.Key {
		key = append(key, r.Values[f.Index])
	}
	return schema.AppendKey(b, c, key)
}

func appendQuotedID(b []byte, c *schema.Class, r *storage.Row) []byte {
	var buf [64]byte
	return schema.AppendQuoted(b, string(AppendID(buf[:0], c, r)))
}
