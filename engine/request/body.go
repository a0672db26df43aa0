package request

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/strictjson"
)

// content reads the content last, when everything else has been found right,
// and puts it into the action.
func (p *Parser) content(r *http.Request, op *operation, a actions.Action) error {
	if op.content == NoContent {
		if hasContent(r) {
			return actions.Errorf(actions.ContentNotAllowed, "A "+r.Method+" request has no content.")
		}
		return nil
	}
	if a, upload := a.(*actions.PutFile); upload {
		return fileContent(r, op, a)
	}
	limits := p.Limits.defaults()
	if op.verb == BulkImport {
		limits.Body, limits.JSON.Members = limits.Import, int(limits.Import) // as many members as fit
	}
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return missing(op)
	}
	media, err := mediaOf(r, op)
	if err != nil {
		return err
	}
	if r.ContentLength > limits.Body {
		return tooLarge(limits.Body)
	}
	text, checked := ofStep(r)
	if !checked {
		if text, err = readAll(r, limits.Body); err != nil {
			return err
		}
	}
	if len(text) == 0 {
		return missing(op)
	}
	if media == typeCSV || media == typeLines {
		records, err := list(text, media, p.Schema.Class(a.On()), limits.JSON)
		if err == nil {
			setContent(a, records, typeJSON)
		}
		return err
	}
	if !checked {
		if err := CheckJSON(text, limits.JSON); err != nil {
			return err
		}
	}
	text = bytes.Trim(text, " \t\r\n")
	if op.content == EmptyContent {
		if text[0] != '{' || len(bytes.Trim(text[1:], " \t\r\n")) != 1 {
			return actions.Errorf(actions.ContentNotAllowed, "This action takes no content.")
		}
		return nil
	}
	if c, several := a.(*actions.Compound); several {
		return p.compound(r, text, c)
	}
	setContent(a, text, media)
	return nil
}

// setContent puts the content where the action keeps it.
func setContent(a actions.Action, text json.RawMessage, media string) {
	switch a := a.(type) {
	case *actions.Create:
		a.Content = text
	case *actions.Replace:
		a.Content = text
	case *actions.Patch:
		a.Content, a.JSONPatch = text, media == typeJSONPatch
	case *actions.PatchEach:
		a.Content = text
	case *actions.PatchWhere:
		a.Content = text
	case *actions.Run:
		a.Content = text
	case *actions.Undo:
		a.Content = text
	case *actions.BulkImport:
		a.Content = text
	case *actions.BulkUpdate:
		a.Content = text
	case *actions.BulkDelete:
		a.Content = text
	}
}

func missing(op *operation) error {
	if op.content != MustContent {
		return nil
	}
	return actions.Errorf(actions.ContentMissing, "The request needs content: send "+strings.Join(op.types, " or ")+".")
}

// hasContent reports whether there is at least one byte of content.
func hasContent(r *http.Request) bool {
	if r.ContentLength != 0 {
		if r.ContentLength > 0 {
			return true
		}
		var one [1]byte
		n, _ := io.ReadFull(r.Body, one[:])
		return n > 0
	}
	return false
}

// mediaOf checks what the content is declared to be.
func mediaOf(r *http.Request, op *operation) (string, error) {
	if err := identity(r); err != nil {
		return "", err
	}
	lines := r.Header["Content-Type"]
	if len(lines) == 0 || lines[0] == "" {
		return "", unsupported(op, "The content has no `Content-Type`.")
	}
	if len(lines) > 1 {
		return "", unsupported(op, "There is more than one `Content-Type`.")
	}
	if lines[0] == typeJSON {
		return typeJSON, nil
	}
	media, params, err := mime.ParseMediaType(lines[0])
	if err != nil {
		return "", unsupported(op, "The `Content-Type` cannot be read.")
	}
	if !slices.Contains(op.types, media) {
		return "", unsupported(op, "Content of type `"+excerpt(media)+"` is not understood here.")
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8") {
		return "", unsupported(op, "Content is UTF-8: the charset `"+excerpt(charset)+"` is not understood.")
	}
	return media, nil
}

// identity refuses content in a coding.
func identity(r *http.Request) error {
	for _, coding := range r.Header["Content-Encoding"] {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			e := actions.Errorf(actions.UnsupportedMediaType, "Content must not be compressed or encoded otherwise.")
			e.Encoding = []string{"identity"}
			return e
		}
	}
	return nil
}

func unsupported(op *operation, why string) error {
	e := actions.Errorf(actions.UnsupportedMediaType, why+" Send "+strings.Join(op.types, " or ")+".")
	e.Accept = op.types
	if slices.Contains(op.types, typeMerge) {
		e.Patch = op.types
	}
	return e
}

func tooLarge(limit int64) error {
	return actions.Errorf(actions.ContentTooLarge, "The content is larger than "+itoa(int(limit))+" bytes.")
}

// readAll reads the content up to the limit. It trusts a declared length
// only as far as that costs little.
func readAll(r *http.Request, limit int64) ([]byte, error) {
	const trusted = 64 << 10
	size := int64(512)
	if r.ContentLength > 0 {
		size = min(r.ContentLength+1, trusted) // one more, to meet the end without growing
	}
	buf := make([]byte, 0, size)
	for {
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return nil, tooLarge(limit)
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, unreadable(err, limit)
		}
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, len(buf))
		}
	}
}

func unreadable(err error, limit int64) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return tooLarge(limit)
	}
	e := actions.Errorf(actions.BadContent, "The content could not be read to its end.")
	e.Cause = err
	return e
}

// CheckJSON applies the strict reader and turns what it finds into a refusal.
func CheckJSON(text []byte, limits strictjson.Limits) error {
	err := strictjson.Check(text, limits)
	if err == nil {
		return nil
	}
	var bad *strictjson.Error
	if !errors.As(err, &bad) {
		return actions.Errorf(actions.BadContent, "The content is not JSON.")
	}
	detail := "Line " + itoa(bad.Line) + ", column " + itoa(bad.Column) + ": " + bad.Detail
	e := actions.Errorf(actions.BadContent, detail)
	e.Errors = []actions.Problem{{Code: "syntax", Detail: detail, Pointer: bad.Pointer, Line: bad.Line, Column: bad.Column}}
	return e
}
