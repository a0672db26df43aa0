package actions

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	sums "hash"
	"io"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// The actions on the content of a field of type file. The record has only what is
// known of it; setting the field to null is a Patch like any other.
type (
	// GetFile reads the content.
	GetFile struct {
		Class   string `json:"class"`
		ID      string `json:"id"`
		Field   string `json:"field"`
		Deleted string `json:"deleted,omitempty"` // as in View
		Options
	}
	// PutFile gives the field new content: Content, or what Source has.
	PutFile struct {
		Class   string  `json:"class"`
		ID      string  `json:"id"`
		Field   string  `json:"field"`
		Name    string  `json:"name,omitempty"` // of the file; "" is the name of the field
		Type    string  `json:"type,omitempty"` // media type; "" is application/octet-stream
		Content []byte  `json:"content,omitempty"`
		Source  *Source `json:"-"`
		// SHA256 is of the content, in hex. It is worked out when the content has been read; one that was given is checked.
		SHA256 string `json:"sha256,omitempty"`
		Options
	}
)

// Source is content that can be read once. What its reader refuses as an *Error is told as it is.
type Source struct {
	io.Reader
	Size int64        // bytes, -1 where nobody knows
	kept *schema.File // once it has been read
}

// The verbs of files.
const (
	VerbGetFile = "get-file"
	VerbPutFile = "put-file"
)

// Verb implements Action.
func (*GetFile) Verb() string { return VerbGetFile }

// Verb implements Action.
func (*PutFile) Verb() string { return VerbPutFile }

// On implements Action.
func (a *GetFile) On() string { return a.Class }

// On implements Action.
func (a *PutFile) On() string { return a.Class }

// Files keeps the content of files.
type Files interface {
	// Put keeps all that r has as content of a field and returns its key, which no content had before.
	Put(ctx context.Context, f *schema.Field, r io.Reader) (key string, err error)
	// Open returns content; blob.ErrNotFound is that there is none under the key.
	Open(ctx context.Context, key string) (io.ReadSeekCloser, error)
	// Drop removes content that no row has.
	Drop(ctx context.Context, key string)
}

// FileContent is the answer of a GetFile.
type FileContent struct {
	schema.File
	// Open returns the content; ctx is that of all reading.
	Open func(ctx context.Context) (io.ReadSeekCloser, error)
}

func isFile(f *schema.Field) bool {
	if f.Ref != nil || f.Many != nil {
		return false
	}
	_, file := f.Type.(*schema.FileType)
	return file
}

// fileTag is the entity tag of content: it stays while the content does, whatever else becomes of the row.
func fileTag(f schema.File) string {
	return "file." + strconv.FormatUint(uint64(newHash().str(f.Blob)), 36)
}

// fileGet reads what a row has of a file.
type fileGet struct{ *getPlan }

func bindGetFile(x *Exec, action Action) (Plan, error) {
	a := action.(*GetFile)
	plan, err := bindGet(x, &Get{Class: a.Class, ID: a.ID, Property: a.Field, View: View{Deleted: a.Deleted}, Options: a.Options})
	if err != nil {
		return nil, err
	}
	g := plan.(*getPlan)
	if g.property.Field == nil || !isFile(g.property.Field) {
		return nil, Errorf(NotFound, "`"+g.class.Name+"` has no file `"+excerpt(a.Field)+"`.")
	}
	return &fileGet{g}, nil
}

// Read returns where the content is, or says that the client's copy is current.
func (g *fileGet) Read(ctx context.Context, x *Exec, r storage.Reader) (*Result, error) {
	page, err := r.Read(ctx, &g.query)
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 {
		return nil, x.hidden(g.class, g.a.ID)
	}
	row, m := &page.Rows[0], g.property
	f, there := schema.FileOf(row.Values[m.Field.Index])
	if m.Test > 0 && !row.Test(int(m.Test-1)) || !there {
		return nil, Errorf(NotFound, "This "+g.class.Name+" has no `"+excerpt(g.a.Property)+"`.")
	}
	res := &Result{Outcome: Found, Class: g.class, ID: schema.FormatKey(g.class, row.Key(g.class)), Tag: fileTag(f)}
	if err := res.condition(&g.a.If); err != nil {
		return nil, err
	}
	if res.Outcome == Found {
		res.File = &FileContent{f, func(ctx context.Context) (io.ReadSeekCloser, error) { return x.Files.Open(ctx, f.Blob) }}
	}
	return res, nil
}

// filePut changes one field of a row to content that is kept before the transaction.
type filePut struct {
	writePlan
	a      *PutFile
	source *Source
}

func bindPutFile(x *Exec, action Action) (Plan, error) {
	a := action.(*PutFile)
	var p problems
	t, err := x.item(a.Class, a.ID, authz.Update, nil, nil, &a.Options, &p)
	if err != nil {
		return nil, err
	}
	t.after = true
	plan := &filePut{a: a, source: a.Source, writePlan: writePlan{target: t, options: &a.Options, property: a.Field}}
	f := t.class.Field(a.Field)
	b := plan.binder(x, &p)
	if f == nil || !isFile(f) || !b.visible(f) {
		return nil, Errorf(NotFound, "`"+t.class.Name+"` has no file `"+excerpt(a.Field)+"`.")
	}
	if plan.source == nil {
		plan.source = &Source{Reader: bytes.NewReader(a.Content), Size: int64(len(a.Content))}
	}
	b.in = &input{class: t.class, given: map[*schema.Field]string{f: ""}}
	plan.file, plan.in = f, b.in
	b.maySet(f, "")
	if !f.WriteOnly {
		plan.view = x.bindView(t.class, &View{Fields: []string{f.JSON}}, &p)
	}
	if err := a.settle(f, &p); err != nil {
		return nil, err
	}
	if plan.source.Size > x.mostOf(f) {
		return nil, tooLarge(f, x.mostOf(f))
	}
	return plan, p.err()
}

// settle completes the name and the type of the file, and holds them against the field.
func (a *PutFile) settle(f *schema.Field, p *problems) error {
	if a.Name == "" {
		a.Name = f.JSON
	}
	if why := badFileName(a.Name); why != "" {
		p.param("name", "format", "The name of a file "+why+".", "")
	}
	if a.Type == "" {
		a.Type = "application/octet-stream"
	}
	t := f.Type.(*schema.FileType)
	media, params, err := mime.ParseMediaType(a.Type)
	if err == nil {
		a.Type = mime.FormatMediaType(media, params)
	}
	if kind, sub, _ := strings.Cut(media, "/"); err != nil || kind == "" || sub == "" || a.Type == "" || len(a.Type) > 255 {
		return &Error{Code: UnsupportedMediaType, Detail: "The media type of the content cannot be read.", Accept: t.Accept()}
	}
	if !t.Accepts(a.Type) {
		return &Error{Code: UnsupportedMediaType, Accept: t.Accept(),
			Detail: "`" + f.JSON + "` takes " + strings.Join(t.Accept(), " or ") + ", not " + excerpt(media) + "."}
	}
	return nil
}

// badFileName says what is wrong with the name of a file, "" for nothing. No
// system must take one for a path, and no terminal for a command.
func badFileName(name string) string {
	switch {
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return "is text without control characters"
	case strings.ContainsAny(name, `/\`) || name == "." || name == "..":
		return "is no path"
	case len(name) > 255:
		return "has at most 255 bytes"
	}
	return ""
}

// mostOf is how many bytes the content of a field may have.
func (x *Exec) mostOf(f *schema.Field) int64 {
	if most := f.Type.(*schema.FileType).Max(); most > 0 {
		return most
	}
	return x.FileMost
}

func tooLarge(f *schema.Field, most int64) *Error {
	return Errorf(ContentTooLarge, "`"+f.JSON+"` takes at most "+strconv.FormatInt(most, 10)+" bytes.")
}

// Prepare keeps the content, once it is plain that the row would take it: whoever may not write sends nothing.
func (w *filePut) Prepare(ctx context.Context, x *Exec) error {
	if err := w.foresee(ctx, x); err != nil {
		return err
	}
	if w.source.kept != nil {
		return nil // the transaction begins anew
	}
	in := &intake{r: w.source, field: w.file, left: x.mostOf(w.file), most: x.mostOf(w.file), sum: sha256.New()}
	key, err := x.Files.Put(ctx, w.file, in)
	if in.err != nil {
		return in.err
	}
	if err != nil {
		return &Error{Code: StorageUnavailable, Detail: "The content cannot be kept now; nothing was done.", Retry: 1, Cause: err}
	}
	w.source.kept = &schema.File{Name: w.a.Name, Size: in.most - in.left, Type: w.a.Type, Blob: key}
	sum := hex.EncodeToString(in.sum.Sum(nil))
	if w.a.SHA256 != "" && !strings.EqualFold(w.a.SHA256, sum) {
		w.Drop(ctx, x)
		return Invalid(Problem{Code: "digest", Parameter: "sha256", Detail: "The content has another SHA-256 than was given."})
	}
	w.a.SHA256 = sum
	return nil
}

// foresee refuses what the transaction would refuse, as far as the row says so now.
func (w *filePut) foresee(ctx context.Context, x *Exec) error {
	t := w.target
	y, err := x.inside(ctx, x.reader, t.class, t.key, w.in)
	if err != nil {
		return err
	}
	version, _, err := y.before(ctx, x.reader, &t, w.in)
	if err != nil {
		return err
	}
	guards := y.guards(&t, w.in.tests)
	q := &storage.Query{Class: t.class, Key: t.key, Limit: 1}
	for _, g := range guards {
		q.Tests = append(q.Tests, g.Where)
	}
	page, err := x.reader.Read(ctx, q)
	if err != nil {
		return err
	}
	if len(page.Rows) == 0 {
		return x.hidden(t.class, t.id)
	}
	row := &page.Rows[0]
	for i, g := range guards {
		if !row.Test(i) {
			return g.Err
		}
	}
	if version != 0 && version != row.Version {
		return y.failed(ctx, x.reader, &t, &storage.StaleError{})
	}
	return nil
}

// Drop removes content that came to nothing.
func (w *filePut) Drop(ctx context.Context, x *Exec) {
	if f := w.source.kept; f != nil {
		w.source.kept = nil
		x.Files.Drop(ctx, f.Blob)
	}
}

// Write has the row name the content.
func (w *filePut) Write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	if w.source.kept == nil {
		return nil, errors.New("the content of a file was not prepared")
	}
	plan, in := w.writePlan, *w.in
	in.values = append(in.values[:len(in.values):len(in.values)], storage.Assign{Field: w.file, Value: schema.NewFile(*w.source.kept)})
	plan.in = &in
	res, err := plan.Write(ctx, x, tx)
	if err == nil {
		res.Tag = fileTag(*w.source.kept)
	}
	return res, err
}

// intake reads content while it counts and hashes it, and tells errors of the client from those of the storage.
type intake struct {
	r          io.Reader
	field      *schema.Field
	left, most int64
	sum        sums.Hash
	err        *Error
}

func (in *intake) Read(p []byte) (int, error) {
	if in.err != nil {
		return 0, in.err
	}
	n, err := in.r.Read(p)
	if in.left -= int64(n); in.left < 0 {
		in.err = tooLarge(in.field, in.most)
		return 0, in.err
	}
	_, _ = in.sum.Write(p[:n]) // it never fails
	if err == nil || err == io.EOF {
		return n, err
	}
	if !errors.As(err, &in.err) {
		in.err = &Error{Code: BadContent, Detail: "The content could not be read to its end.", Cause: err}
	}
	return n, in.err
}

// fileEcho is a file in the content of a write: nothing but what is stored already.
type fileEcho struct {
	field *schema.Field
	raw   []byte
	at    string
}

// shownFile is a file as records show it.
type shownFile struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	Type string `json:"type"`
	Link string `json:"link"`
}

// echo takes a file as it was shown, so that a record can be sent back: whether it is
// the same, the row says.
func (b *inputBinder) echo(f *schema.Field, raw []byte, at string) {
	if b.m == creating {
		b.p.pointer(at, "read-only", "`"+f.JSON+"` is set by sending the content of the file to its link, once the record is there.", "")
		return
	}
	b.in.files = append(b.in.files, fileEcho{f, raw, at})
}

// same reports whether a file was sent back unchanged: as an object, or as its link, which is all that CSV shows.
func (e *fileEcho) same(mount string, c *schema.Class, row *storage.Row) bool {
	f, there := schema.FileOf(row.Values[e.field.Index])
	if !there {
		return false
	}
	want := shownFile{f.Name, f.Size, f.Type, fileLink(mount, c, e.field, row)}
	if kindOf(e.raw) == '"' {
		return unquote(e.raw) == want.Link
	}
	var got shownFile
	return json.Unmarshal(e.raw, &got, json.RejectUnknownMembers(true)) == nil && got == want
}

// fileLink is the path of the content of a field of a row. Of classes inside of
// organizations the row must have its organization.
func fileLink(mount string, c *schema.Class, f *schema.Field, row *storage.Row) string {
	path := mount
	if c.Prefix != "" {
		org := c.Tenant.Ref.To
		path += "/" + org.Collection + "/" + url.PathEscape(schema.FormatKey(org, []schema.Value{row.Values[c.Tenant.Index]}))
	}
	return path + "/" + c.Collection + "/" + url.PathEscape(schema.FormatKey(c, row.Key(c))) + "/" + url.PathEscape(f.JSON)
}

// FileLink is the path of the content of a member of a row, "" where there is none.
func FileLink(v *Shown, m *Member, r *storage.Row) string {
	if m.Field == nil || !isFile(m.Field) || r.Values[m.Field.Index].IsNull() {
		return ""
	}
	return fileLink(m.Mount, v.Class, m.Field, r)
}

// fileVersion is the version that a row must have for a write of its file, by the
// entity tags of its content or of the record; 0 is any, -1 is none there can be.
func (t *target) fileVersion(row *storage.Row) int64 {
	f, there := schema.FileOf(row.Values[t.file.Index])
	is := func(tag string) bool {
		v, ok := tagVersion(tag)
		return there && (tag == "*" || tag == fileTag(f)) || ok && v == row.Version
	}
	switch {
	case t.match.HasMatch && !slices.ContainsFunc(t.match.Match, is), t.match.HasNoneMatch && slices.ContainsFunc(t.match.NoneMatch, is):
		return -1
	case t.match.HasMatch || t.match.HasNoneMatch:
		return row.Version
	}
	return 0
}

// fixedFile refuses to change a file that is immutable. It can be set while there is none.
func (t *target) fixedFile(row *storage.Row, in *input) error {
	if !t.file.Immutable || row.Values[t.file.Index].IsNull() {
		return nil
	}
	return Invalid(Problem{Code: "immutable", Pointer: in.given[t.file], Detail: "`" + t.file.JSON + "` cannot change once it is set."})
}
